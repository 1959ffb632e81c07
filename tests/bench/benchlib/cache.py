"""ElastiCache: a key as a file, beside FUSE without a store behind it (null), a redis-server of
our own through redis-cli, and the same by hiredis in one process over a Unix socket."""

import os
import subprocess

from .scenarios import Scenario, wait_for
from .tools import Fsbench, build_target, have, on_exit, timed

KEYS = 1000
BATCH = 10_000
KINDS = (("redis", "engine=redis persistence=everysec"),
         ("redis always", "engine=redis persistence=always"),
         ("memcached", "engine=memcached"))


class Cache(Scenario):
    """New keys, SET and GET by files; a batch through .exec; a process a key."""

    name = "cache"
    on = ("null", "dbmount")
    reps_max = 7

    def __init__(self, bench):
        super().__init__(bench)
        self.server = None
        self.socket = None

    def run(self, fs, record):
        fs.fresh()
        if fs.name == "null":
            directory = fs.writable(self.bench.unique("c"))
            self.keys(directory, "cache", record)
            fs.remove(directory)
            return
        for kind, words in KINDS:
            self.cluster(fs, kind, words, record)
        self.beside()

    def keys(self, directory, row, record):
        count = KEYS if "always" not in row else KEYS // 4
        record(f"{row}: new key", self.fsbench.us("-n", count, "create", directory))
        record(f"{row}: set", self.fsbench.us("-n", count, "over", directory))
        record(f"{row}: get", self.fsbench.us("rl", directory))
        record(f"{row}: get again", self.fsbench.us("rl", directory))

    def cluster(self, fs, kind, words, record):
        name = kind.replace(" ", "-")
        control = os.path.join(fs.mountpoint, "cache", ".control")
        directory = os.path.join(fs.mountpoint, "cache", name)
        if not os.path.isdir(directory):
            write(control, f"create {name} {words}\n")
        self.keys(directory, f"cache {kind}" if kind != "redis" else "cache", record)
        if kind == "redis":
            self.batch(directory, record)
            record("cache: one key, one process",
                   self.fsbench.us("-n", 100, "spawn", directory, "cat", "{}"))
        write(os.path.join(directory, ".control"), "delete-cluster\n")

    def batch(self, directory, record):
        for word, line in (("set", "SET b%07d v%d\n"), ("get", "GET b%07d\n")):
            path = os.path.join(self.bench.shm, f"batch.{word}")
            with open(path, "w", encoding="utf-8") as out:
                out.writelines(line % ((n, n) if word == "set" else (n,)) for n in range(BATCH))
            record(f"cache: {BATCH // 1000}k {word} in a batch",
                   timed(["cp", path, os.path.join(directory, ".exec")]) * 1e6 / BATCH)

    # ------------------------------------------------------------ the others

    def start_server(self):
        """Its socket; with the same promise as ours: everysec."""
        path = os.path.join(self.bench.disk, "cache.sock")
        self.server = subprocess.Popen(
            ["redis-server", "--port", "0", "--unixsocket", path, "--save", "", "--appendonly",
             "yes", "--dir", self.bench.disk], stdout=subprocess.DEVNULL)
        on_exit(self.server.kill)
        wait_for(lambda: os.path.exists(path))
        return path

    def beside(self):
        if not have("redis-server") or not have("redis-cli"):
            return
        if self.server is None:
            self.socket = self.start_server()
        self.by_hiredis(lambda row, value: self.bench.record("hiredis", row, value))
        self.by_cli(lambda row, value: self.bench.record("redis-cli", row, value))

    def by_hiredis(self, record):
        program = build_target(self.bench.build, "tests/bench/hiredis_bench")
        if program:
            got = Fsbench(program)(self.socket, KEYS)
            record("cache: set", got["set_us"])
            record("cache: get", got["get_us"])

    def by_cli(self, record):
        cli = ["redis-cli", "-s", self.socket]
        record("cache: one key, one process",
               self.fsbench.us("-n", 100, "spawn", "-", *cli, "GET", "k0000001"))
        for word in ("set", "get"):
            with open(os.path.join(self.bench.shm, f"batch.{word}"), encoding="utf-8") as lines:
                record(f"cache: {BATCH // 1000}k {word} in a batch",
                       timed(cli, stdin=lines) * 1e6 / BATCH)


def write(path, text):
    with open(path, "w", encoding="utf-8") as out:
        out.write(text)
