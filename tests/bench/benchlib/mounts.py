"""The file systems compared: each gives directories to read and one to write."""

import contextlib
import os
import re
import resource
import subprocess
import threading
import time

from .tools import ENV, Failed, note, on_exit, run

SIZES = {"d1k": 1000, "d10k": 10_000, "d100k": 100_000, "d1m": 1_000_000}


class Fs:
    """`dir(name)` is a directory of items; `writable(name)` makes an empty one."""

    name = "?"
    pid = None

    def fresh(self):
        """Starts anew, with nothing of it in any kernel cache."""

    def stop(self):
        pass

    def watched(self, seconds):
        return contextlib.nullcontext()

    def dir(self, name):
        raise NotImplementedError

    def writable(self, name):
        raise NotImplementedError

    def remove(self, path):
        run(["rm", "-rf", path])


class PlainFs(Fs):
    """A directory of an ordinary file system: tmpfs, or ext4 on the store's disk."""

    def __init__(self, name, path, fsbench):
        self.name = name
        self.path = path
        self.fsbench = fsbench

    def fill(self, *names):
        for name in names:
            if not os.path.exists(self.dir(name)):
                run([self.fsbench.program, "-n", str(SIZES[name]), "files", self.dir(name)])

    def dir(self, name):
        return os.path.join(self.path, name)

    def writable(self, name):
        path = os.path.join(self.path, "w", name)
        os.makedirs(path)
        return path


class Mounted(Fs):
    """A FUSE daemon of ours, kept in the foreground as a child."""

    def __init__(self, name, mountpoint):
        self.name = name
        self.mountpoint = mountpoint
        self.process = None
        on_exit(self.stop)

    def command(self):
        raise NotImplementedError

    def limits(self):
        """Runs in the child before exec."""

    def fresh(self):
        self.stop()
        os.makedirs(self.mountpoint, exist_ok=True)
        self.process = subprocess.Popen(self.command(), env=ENV, stdin=subprocess.DEVNULL,
                                        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                                        preexec_fn=self.limits)
        self.pid = self.process.pid
        self._wait_mounted()

    def _wait_mounted(self):
        deadline = time.monotonic() + 20
        while not is_mounted(self.mountpoint):
            if self.process.poll() is not None:
                text = self.process.stderr.read().decode(errors="replace").strip()
                self.process = None
                raise Failed(f"{self.name} did not mount: {text}")
            if time.monotonic() > deadline:
                self.stop()
                raise Failed(f"{self.name} did not mount within 20 s")
            time.sleep(0.002)

    def stop(self):
        unmount(self.mountpoint)
        if self.process:
            end_process(self.process)
        self.process = None
        self.pid = None

    @contextlib.contextmanager
    def watched(self, seconds):
        """A daemon that hangs takes every process that waits for it along, this one
        too; killing it fails their requests, and the run goes on without it."""
        timer = threading.Timer(seconds, self.kill)
        timer.start()
        try:
            yield
        finally:
            timer.cancel()

    def kill(self):
        note(f"{self.name} hangs and is killed")
        if self.process:
            self.process.kill()

    def metrics(self):
        """Requests so far, by operation in capitals."""
        text = read_whole(os.path.join(self.mountpoint, ".dbmount/metrics")).decode()
        pattern = re.compile(r'^dbmount_requests_total\{[^}]*op="(\w+)"[^}]*\} (\d+)', re.M)
        return {op.upper(): int(count) for op, count in pattern.findall(text)}


class Passthrough(Mounted):
    """libfuse's example over a tmpfs directory: what a plain FUSE mirror costs."""

    def __init__(self, program, mountpoint, source):
        super().__init__("ptll", mountpoint)
        self.program = program
        self.source = source

    def limits(self):
        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))  # a descriptor per inode

    def command(self):
        return [self.program, "-f", "-o", f"source={self.source},cache=always", self.mountpoint]

    def dir(self, name):
        return os.path.join(self.mountpoint, name)


class Nullfs(Mounted):
    """Generated content behind the daemon's own loop: the limit."""

    def __init__(self, program, mountpoint, name="null", options=()):
        super().__init__(name, mountpoint)
        self.program = program
        self.options = options

    def command(self):
        return [self.program, *self.options, self.mountpoint]

    def dir(self, name):
        return os.path.join(self.mountpoint, name)

    def writable(self, name):
        path = os.path.join(self.mountpoint, "w", name)
        os.mkdir(path)
        return path


class Dbmount(Mounted):
    """The daemon over its embedded engine, one SITE for all its configurations."""

    READ_TABLE = "bench"
    WRITE_TABLE = "written"

    def __init__(self, program, mountpoint, site, name="dbmount", options="sync=interval"):
        super().__init__(name, mountpoint)
        self.program = program
        self.site = site
        self.options = options

    def command(self):
        return [self.program, "-f", "-o", self.options, self.site, self.mountpoint]

    def table(self, name):
        return os.path.join(self.mountpoint, "dynamodb", name)

    def dir(self, name):
        return os.path.join(self.table(self.READ_TABLE), name)

    def writable(self, name):
        if not os.path.isdir(self.table(self.WRITE_TABLE)):
            os.mkdir(self.table(self.WRITE_TABLE))
        path = os.path.join(self.table(self.WRITE_TABLE), name)
        os.mkdir(path)
        return path

    def load(self, lines_file):
        """Imports items as a user would; seconds it took. The daemon runs."""
        table = self.table(self.READ_TABLE)
        if not os.path.isdir(table):
            os.mkdir(table)
        start = time.perf_counter()
        run(["cp", lines_file, os.path.join(table, ".import/append/jsonl")])
        return time.perf_counter() - start


# ---------------------------------------------------------------- helpers

def read_whole(path):
    """Without the fstat() that open() of Python adds."""
    fd = os.open(path, os.O_RDONLY)
    try:
        parts = []
        while part := os.read(fd, 1 << 16):
            parts.append(part)
        return b"".join(parts)
    finally:
        os.close(fd)


def is_mounted(path):
    real = os.path.realpath(path)
    with open("/proc/self/mountinfo", encoding="utf-8") as table:
        return any(line.split()[4] == real for line in table)


def unmount(path):
    """Politely for two seconds (a process may still be leaving), then lazily."""
    for attempt in range(20):
        if not is_mounted(path):
            return
        tool = ["umount", path] if os.geteuid() == 0 else ["fusermount3", "-u", path]
        if subprocess.run(tool, stderr=subprocess.DEVNULL).returncode == 0:
            return
        time.sleep(0.1)
    lazy = ["umount", "-l", path] if os.geteuid() == 0 else ["fusermount3", "-uz", path]
    subprocess.run(lazy, stderr=subprocess.DEVNULL)


def end_process(process):
    """Unmounting ends it; if not, ask, then insist."""
    for action in (lambda: None, process.terminate, process.kill):
        action()
        try:
            process.wait(timeout=15)
            break
        except subprocess.TimeoutExpired:
            pass
    if process.stderr:
        process.stderr.close()


def daemon_memory(pid):
    """VmHWM and RssAnon in MB. RSS alone counts mapped database pages."""
    with open(f"/proc/{pid}/status", encoding="utf-8") as status:
        kb = dict(re.findall(r"^(VmHWM|RssAnon):\s+(\d+) kB", status.read(), re.M))
    return {name: int(value) / 1024 for name, value in kb.items()}


def kernel_inodes_mb():
    """What the kernel holds for FUSE inodes; None where slabinfo is not readable."""
    try:
        with open("/proc/slabinfo", encoding="utf-8") as slabs:
            for line in slabs:
                if line.startswith("fuse_inode "):
                    active, size = int(line.split()[1]), int(line.split()[3])
                    return active * size / 1e6
    except OSError:
        pass
    return None
