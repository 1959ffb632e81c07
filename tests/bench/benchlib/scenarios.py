"""What is measured. A scenario runs once a repetition on each of its file systems
and records rows; microseconds per entry, file or operation unless a row says
otherwise. A row means the same work on every file system."""

import os
import sqlite3
import subprocess
import time

from .mounts import SIZES, daemon_memory, kernel_inodes_mb
from .tools import ALL_CPUS, pin, pinned_cpu, run, timed, timed_shell

EACH = 1000         # items written by one writer
EACH_DURABLE = 250  # when each waits for the disk


def grep(path):
    """Reads everything and finds nothing, which grep calls 1."""
    return timed(["grep", "-r", "no such text", path], ok=(1,))


class Scenario:
    name = "?"
    on = ()          # names of file systems
    slow = False     # left out by --quick
    minutes = False  # it takes minutes
    seconds = 120    # a daemon that takes longer for one repetition hangs
    reps_max = 99

    def __init__(self, bench):
        self.bench = bench
        self.fsbench = bench.fsbench

    def run(self, fs, record):
        raise NotImplementedError


class List(Scenario):
    """100k names. passthrough_ll holds a descriptor an inode: 10k there."""

    name = "list"
    on = ("tmpfs", "ptll", "null", "dbmount")

    def run(self, fs, record):
        name, count = ("d10k", 10_000) if fs.name == "ptll" else ("d100k", 100_000)

        def line(row, argv):
            # From within: ls resolves the path it was given anew for each entry, and
            # that of one file system is longer than that of another.
            record(f"{row}", timed(argv, cwd=fs.dir(name)) * 1e6 / count)

        self.fresh_path(fs, name)
        line("ls -f 100k cold", ["ls", "-f"])
        line("ls -f 100k again", ["ls", "-f"])
        self.fresh_path(fs, name)
        line("ls -l 100k cold", ["ls", "-l"])
        line("ls -l 100k again", ["ls", "-l"])
        if fs.name == "ptll":
            return
        self.fresh_path(fs, name)
        record("find -type f 100k cold",
               timed(["find", fs.dir(name), "-type", "f"]) * 1e6 / count)
        record("find -size 100k after it",
               timed(["find", fs.dir(name), "-size", "+0"]) * 1e6 / count)

    @staticmethod
    def fresh_path(fs, name):
        """Cold below the directory; finding the directory is not the row's matter."""
        fs.fresh()
        os.stat(fs.dir(name))


class ListMillion(Scenario):
    """1M names: time to the first, and what listing leaves in memory."""

    name = "million"
    on = ("null", "dbmount")
    slow = True
    reps_max = 3

    def run(self, fs, record):
        List.fresh_path(fs, "d100k")
        record("100k list cold", self.fsbench.us("ls", fs.dir("d100k")))
        List.fresh_path(fs, "d100k")
        record("100k lookup cold", self.lookups(fs, "d100k"))
        List.fresh_path(fs, "d1m")
        record("ls -U1 1M | head -1, ms", timed_shell(f"ls -U1 '{fs.dir('d1m')}' | head -1") * 1e3)
        List.fresh_path(fs, "d1m")
        memory, inodes = daemon_memory(fs.pid), kernel_inodes_mb()
        cold = self.fsbench("ls", fs.dir("d1m"))
        record("1M first entry, ms", cold["first_us"] / 1e3)
        record("1M list cold", cold["us_op"])
        record("1M daemon memory, MB", daemon_memory(fs.pid)["RssAnon"] - memory["RssAnon"])
        record("1M daemon peak, MB", daemon_memory(fs.pid)["VmHWM"])
        if inodes is not None:
            record("1M kernel inodes, MB", max(0, kernel_inodes_mb() - inodes))
        record("1M list again", self.fsbench.us("ls", fs.dir("d1m")))
        List.fresh_path(fs, "d1m")
        record("1M lookup cold", self.lookups(fs, "d1m"))

    def lookups(self, fs, name):
        """Some, spread evenly, in random order."""
        return self.fsbench.us("-G", "-R", "-n", 20_000, "-P", SIZES[name], "stat", fs.dir(name))


class Read(Scenario):
    """10k items by loops and by tools."""

    name = "read"
    on = ("tmpfs", "ptll", "null", "dbmount")

    def run(self, fs, record):
        def per_file(row, seconds):
            record(row, seconds * 1e6 / 10_000)

        List.fresh_path(fs, "d10k")
        for row in ("cold", "again", "third"):
            record(f"open+read 10k {row}", self.fsbench.us("rl", fs.dir("d10k")))
        record("stat 10k listed", self.fsbench.us("stat", fs.dir("d10k")))
        List.fresh_path(fs, "d10k")
        per_file("grep -r 10k cold", grep(fs.dir("d10k")))
        List.fresh_path(fs, "d10k")
        per_file("tar 10k cold", timed_shell("tar cf - . | cat >/dev/null", fs.dir("d10k")))
        if fs.name == "ptll":
            return
        List.fresh_path(fs, "d10k")
        per_file("cat * 10k cold", timed_shell("cat *", fs.dir("d10k")))
        List.fresh_path(fs, "d10k")
        per_file("cp -r 10k out", self.copy_out(fs))
        List.fresh_path(fs, "d10k")
        record("lookup cold", self.fsbench.us("-G", "-n", 10_000, "stat", fs.dir("d10k")))
        record("miss cold", self.fsbench.us("-n", 5000, "miss", fs.dir("d10k")))

    def copy_out(self, fs):
        target = os.path.join(self.bench.shm, "copy")
        seconds = timed(["cp", "-r", fs.dir("d10k"), target])
        run(["rm", "-rf", target])
        return seconds


class ReadUnpinned(Scenario):
    """The same with both CPUs free: what placement does to it."""

    name = "unpinned"
    on = ("tmpfs", "null", "null mt", "dbmount")

    def run(self, fs, record):
        pin(ALL_CPUS)
        try:
            List.fresh_path(fs, "d10k")
            record("unpinned open+read 10k cold", self.fsbench.us("rl", fs.dir("d10k")))
            record("unpinned open+read 10k again", self.fsbench.us("rl", fs.dir("d10k")))
            record("unpinned open+read 10k, 4 at once",
                   self.fsbench.us("-T", 4, "rl", fs.dir("d10k")))
            List.fresh_path(fs, "d10k")
            record("unpinned grep -r 10k cold",
                   grep(fs.dir("d10k")) * 1e6 / 10_000)
        finally:
            pin(pinned_cpu())


class Write(Scenario):
    """Items one after the other; dbmount with -o sync=interval."""

    name = "write"
    on = ("tmpfs", "ext4", "null", "dbmount")

    def run(self, fs, record):
        fs.fresh()
        w = fs.writable(self.bench.unique("w"))
        for row, command in (("create", "create"), ("overwrite", "over"), ("pwrite", "pwrite"),
                             ("rename-over", "rename"), ("unlink", "unlink")):
            record(row, self.fsbench.us("-n", EACH, command, w))
        fs.remove(w)
        if fs.name != "tmpfs":
            self.durable(fs, record)
        source = self.bench.source("d1k")
        for row, command in (("cp -r 1k in", "cp -r {0} {1}"), ("rsync -a 1k in", "rsync -a {0}/ {1}"),
                             ("tar x 1k in", "mkdir {1} && tar cf - -C {0} . | tar xf - -C {1}")):
            into = fs.writable(self.bench.unique("in"))
            os.rmdir(into)  # cp makes it: the same on a table, whose directories are partitions
            record(row, timed_shell(command.format(source, into)) * 1e3)
            fs.remove(into)

    def durable(self, fs, record):
        w = fs.writable(self.bench.unique("f"))
        record("create+fsync", self.fsbench.us("-n", EACH_DURABLE, "-F", "create", w))
        record("rename-over+fsync", self.fsbench.us("-n", EACH_DURABLE, "-F", "rename", w))
        fs.remove(w)


class WriteDurable(Scenario):
    """As mounted by default: each close waits for the disk; many share the wait."""

    name = "durable"
    on = ("ext4", "null", "dbmount close")

    def run(self, fs, record):
        fs.fresh()
        durable = ("-F",) if fs.name == "ext4" else ()
        suffix = "+fsync" if durable else ""
        w = fs.writable(self.bench.unique("d"))
        if fs.name == "dbmount close":  # of the others it is in "write"
            record("create", self.fsbench.us("-n", EACH_DURABLE, "create", w))
            record("overwrite", self.fsbench.us("-n", EACH_DURABLE, "over", w))
            record("rename-over", self.fsbench.us("-n", EACH_DURABLE, "rename", w))
        fs.remove(w)
        for threads in (8, 32):
            w = fs.writable(self.bench.unique("d"))
            record(f"create{suffix}, {threads} at once",
                   self.fsbench.us("-n", EACH, "-T", threads, *durable, "create", w))
            fs.remove(w)


class Processes(Scenario):
    """One process an item: what a script does."""

    name = "process"
    on = ("tmpfs", "dbmount")
    count = 100

    def run(self, fs, record):
        List.fresh_path(fs, "d10k")
        record("one item, one process",
               self.fsbench.us("-n", self.count, "spawn", fs.dir("d10k"), "cat", "{}"))
        if fs.name == "tmpfs":
            record("/bin/true", self.fsbench.us("-n", self.count, "spawn", "-", "true"))


class Alternatives(Scenario):
    """The same items by the tools one would use instead; recorded under their names."""

    name = "process"
    on = ("alternatives",)

    def run(self, fs, record):
        for tool in self.bench.alternatives:
            tool.measure(self.fsbench, lambda row, value, tool=tool:
                         self.bench.record(tool.name, row, value))


class Export(Scenario):
    """A partition's .export/jsonl as a stream; no goal names it yet."""

    name = "export"
    on = ("dbmount",)
    reps_max = 3

    def run(self, fs, record):
        fs.fresh()
        path = os.path.join(fs.dir("d100k"), ".export/jsonl")
        if not os.path.exists(path):
            path = os.path.join(fs.table(fs.READ_TABLE), ".export/jsonl")
        got = self.fsbench("seqread", path)
        record("export jsonl, MB/s", got["mb_s"])
        record("export jsonl first byte, ms", got["first_us"] / 1e3)
        record("export jsonl again, MB/s", self.fsbench("seqread", path)["mb_s"])


class PingPong(Scenario):
    """A byte between two processes: the price of a wake-up on this machine today."""

    name = "pingpong"
    on = ("pipe",)

    def run(self, fs, record):
        cpu = min(pinned_cpu())
        other = min(ALL_CPUS - {cpu}, default=None)
        pin(ALL_CPUS)
        try:
            record("same CPU", self.fsbench.us("-n", 10_000, "-C", f"{cpu},{cpu}", "pingpong", "-"))
            if other is not None:
                record("across CPUs",
                       self.fsbench.us("-n", 2000, "-C", f"{cpu},{other}", "pingpong", "-"))
        finally:
            pin(pinned_cpu())


ALL = [PingPong, List, Read, Write, WriteDurable, Processes, Alternatives, Export, ReadUnpinned,
       ListMillion]


# ---------------------------------------------------------------- alternatives

class Sqlite:
    """The sqlite3 shell on a table of the same items."""

    name = "sqlite3"

    def __init__(self, directory, lines_file):
        self.db = os.path.join(directory, "items.db")
        self.script = os.path.join(directory, "selects.sql")
        with open(lines_file, encoding="utf-8") as lines, sqlite3.connect(self.db) as db:
            db.execute("create table item(pk text, sk text, doc text, primary key(pk, sk))"
                       " without rowid")
            db.executemany("insert into item values('d10k', ?, ?)",
                           ((f"k{number:07}", line.strip()) for number, line in enumerate(lines)))
        db.close()
        write_selects(self.script)

    def measure(self, fsbench, record):
        record("one item, one process",
               fsbench.us("-n", 100, "spawn", "-", "sqlite3", self.db, one_select("{key}")))
        with open(self.script, encoding="utf-8") as script:
            record("10k items fed", timed(["sqlite3", self.db], stdin=script) * 1e6 / 10_000)
        record("bulk", timed(["sqlite3", self.db, "select doc from item"]) * 1e6 / 10_000)


class Redis:
    """redis-cli against a server of our own on a socket."""

    name = "redis-cli"

    def __init__(self, directory, lines_file, on_exit):
        self.socket = os.path.join(directory, "redis.sock")
        server = subprocess.Popen(["redis-server", "--port", "0", "--unixsocket", self.socket,
                                   "--save", "", "--dir", directory], stdout=subprocess.DEVNULL)
        on_exit(server.kill)
        wait_for(lambda: os.path.exists(self.socket))
        self.gets = os.path.join(directory, "gets")
        sets = os.path.join(directory, "sets")
        with open(self.gets, "w", encoding="utf-8") as gets, \
                open(sets, "w", encoding="utf-8") as out, \
                open(lines_file, encoding="utf-8") as lines:
            for number, line in enumerate(lines):
                gets.write(f"GET k{number:07}\n")
                out.write(f"SET k{number:07} '{line.strip()}'\n")
        with open(sets, encoding="utf-8") as script:
            timed(["redis-cli", "-s", self.socket], stdin=script)

    def measure(self, fsbench, record):
        record("one item, one process",
               fsbench.us("-n", 100, "spawn", "-", "redis-cli", "-s", self.socket, "GET", "{key}"))
        with open(self.gets, encoding="utf-8") as script:
            record("10k items fed",
                   timed(["redis-cli", "-s", self.socket], stdin=script) * 1e6 / 10_000)


class Postgres:
    """psql against a cluster of our own; its server refuses to run as root."""

    name = "psql"

    def __init__(self, directory, lines_file, programs, on_exit):
        self.home = os.path.join(directory, "pg")
        user = "postgres" if os.geteuid() == 0 else None
        os.makedirs(self.home)
        if user:
            run(["chown", user, self.home])
            run(["chmod", "711", directory])
        data = os.path.join(self.home, "data")
        run([os.path.join(programs, "initdb"), "-D", data, "-U", "bench", "-A", "trust"],
            user=user, cwd="/")
        server = subprocess.Popen(
            [os.path.join(programs, "postgres"), "-D", data, "-k", self.home, "-h", ""],
            user=user, cwd="/", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        on_exit(lambda: (server.terminate(), server.wait(10)))
        wait_for(lambda: os.path.exists(os.path.join(self.home, ".s.PGSQL.5432")))
        self.argv = ["psql", "-h", self.home, "-U", "bench", "-qAt", "postgres"]
        self.script = os.path.join(directory, "selects.sql")
        write_selects(self.script)
        self.load(lines_file)

    def load(self, lines_file):
        wait_for(lambda: subprocess.run([*self.argv, "-c", "select 1"],
                                        capture_output=True).returncode == 0)
        run([*self.argv, "-c", "create table raw(line text)", "-c",
             f"\\copy raw from '{lines_file}' with (format csv, delimiter e'\\x01', quote e'\\x02')",
             "-c", "create table item(pk text, sk text, doc text, primary key(pk, sk))", "-c",
             "insert into item select line::json->>'pk', line::json->>'sk', line from raw"])

    def measure(self, fsbench, record):
        record("one item, one process",
               fsbench.us("-n", 30, "spawn", "-", *self.argv, "-c", one_select("{key}")))
        with open(self.script, encoding="utf-8") as script:
            record("10k items fed", timed(self.argv, stdin=script) * 1e6 / 10_000)


def one_select(key):
    return f"select doc from item where pk='d10k' and sk='{key}'"


def write_selects(path):
    with open(path, "w", encoding="utf-8") as script:
        for number in range(10_000):
            script.write(one_select(f"k{number:07}") + ";\n")


def wait_for(condition, seconds=15):
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.05)
