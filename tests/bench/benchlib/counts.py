"""Requests per command: exact numbers, no clock. The limits are the column "tuned"
of PERFORMANCE.md section 3, per file, plus what each case names as fixed.

RELEASE, RELEASEDIR and FORGET are not limited: nobody waits for them, and each has
its OPEN, OPENDIR or LOOKUP, which are."""

import os
import shutil
import subprocess
import time

from .tools import ENV, Failed, have, run, say

NOT_WAITED_FOR = {"RELEASE", "RELEASEDIR", "FORGET", "FORGET_MULTI", "BATCH_FORGET", "INTERRUPT",
                  "INIT", "DESTROY", "NOTIFY_REPLY"}

# The kernel may ask once per mount and remember ENOSYS.
ASKED_ONCE = {"GETXATTR": 1, "LISTXATTR": 1, "STATFS": 1, "LSEEK": 1, "IOCTL": 1}

# A page of READDIRPLUS is 32 KiB, 168 bytes an entry of these names: 52 pages for
# 10k; two more for "." and ".." and for an end reported by an empty page.
PAGES_10K = 54
PAGES_100K = 518


# The kernel may drop what it has cached at any time, here or for whoever runs beside
# this; then more requests come. A flag that is lost costs them each time.
TRIES = 5
# Of 10k files a few may be dropped each time, on a machine that reclaims memory early.
DROPPED_10K = 100


class Case:
    """limits: {op: (per file, fixed)}; operations not named are limited to 0."""

    def __init__(self, name, files, limits, prepare, act):
        self.name = name
        self.files = files
        self.limits = limits
        self.prepare = prepare
        self.act = act

    def allowed(self, op):
        per_file, fixed = self.limits.get(op, (0, ASKED_ONCE.get(op, 0)))
        return per_file * self.files + fixed


def listing(pages, opens=1):
    """A directory listed. The kernel drops its atime with each page read, so the next
    command that stats the directory itself asks for it again: 1 GETATTR in all."""
    return {"OPENDIR": (0, opens), "LISTING": (0, pages), "GETATTR": (0, 1)}


def settle():
    """RELEASE and FORGET arrive after the command has ended."""
    time.sleep(0.05)


def snapshot(fs):
    counts = fs.metrics()
    settle()
    return counts


def difference(after, before):
    return {op: after[op] - before.get(op, 0) for op in after if after[op] != before.get(op, 0)}


def measure(fs, act):
    """What `act` costs, without what reading the metrics costs."""
    snapshot(fs)
    one = snapshot(fs)
    two = snapshot(fs)
    own = difference(two, one)
    act()
    settle()
    counts = difference(fs.metrics(), two)
    for op, count in own.items():
        counts[op] = counts.get(op, 0) - count
    return {op: count for op, count in counts.items() if count != 0}


def merged(counts):
    """READDIR and READDIRPLUS are two ways to ask for a page."""
    result = {}
    for op, count in counts.items():
        key = "LISTING" if op in ("READDIR", "READDIRPLUS") else op
        result[key] = result.get(key, 0) + count
    return result


def excess(case, counts):
    return [f"{count} {op}, at most {case.allowed(op)}"
            for op, count in sorted(merged(counts).items())
            if op not in NOT_WAITED_FOR and count > case.allowed(op)]


def describe(case, counts):
    """The operations that count, a file each where there are many."""
    shown = {op: count for op, count in merged(counts).items() if op not in NOT_WAITED_FOR}
    for op in ("LOOKUP", "GETATTR"):
        shown.setdefault(op, 0)
    parts = []
    for op, count in sorted(shown.items()):
        per_file = case.limits.get(op, (0, 0))[0] > 0 and case.files > 1
        parts.append(f"{count / case.files:.4g} {op} a file" if per_file else f"{count} {op}")
    return ", ".join(parts)


# ---------------------------------------------------------------- commands

def quiet(argv, cwd=None, ok=(0,)):
    result = subprocess.run(argv, cwd=cwd, env=ENV, stdin=subprocess.DEVNULL,
                            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    if result.returncode not in ok:
        raise Failed(f"{' '.join(argv)}: {result.stderr.decode(errors='replace').strip()}")


def shell(script, cwd):
    quiet(["bash", "-c", script], cwd=cwd)


class Cases:
    """All rows; `outside` is a tmpfs directory for what is copied in and out."""

    def __init__(self, fs, fsbench, outside):
        self.fs = fs
        self.fsbench = fsbench
        self.outside = outside
        self.w = None

    def cold(self, name):
        """A new mount; only the path to the directory is known."""
        def prepare():
            self.fs.fresh()
            os.stat(self.fs.dir(name))
        return prepare

    def new_directory(self):
        """A new mount with an empty directory to write to."""
        self.fs.fresh()
        self.w = self.fs.writable(f"counts{time.monotonic_ns()}")

    def with_items(self, count):
        def prepare():
            self.new_directory()
            self.fsbench("-n", count, "create", self.w)
            settle()
        return prepare

    def source(self, count):
        path = os.path.join(self.outside, f"in{count}")
        if not os.path.exists(path):
            run([self.fsbench.program, "-n", str(count), "files", path])
        return path

    def reading(self):
        d10k = lambda: self.fs.dir("d10k")
        d100k = lambda: self.fs.dir("d100k")
        one = lambda: os.path.join(d10k(), "k0000042.json")
        keep = lambda: None
        # fsbench and fts(3) hold the directory open beside listing it.
        each_open = {"OPEN": (1, 0), **listing(PAGES_10K, opens=2)}
        yield Case("ls -f 10k cold", 10_000, listing(PAGES_10K), self.cold("d10k"),
                   lambda: quiet(["ls", "-f", d10k()]))
        yield Case("ls -f 10k again", 10_000, listing(0), keep,
                   lambda: quiet(["ls", "-f", d10k()]))
        yield Case("ls -l 10k cold", 10_000, listing(PAGES_10K), self.cold("d10k"),
                   lambda: quiet(["ls", "-l", d10k()]))
        yield Case("ls -l 10k again", 10_000, listing(0), keep,
                   lambda: quiet(["ls", "-l", d10k()]))
        yield Case("stat 10k listed", 10_000, listing(0, opens=2), keep,
                   lambda: self.fsbench("stat", d10k()))
        # A large directory is listed without attributes until somebody stats an
        # entry; finding that out may cost one LOOKUP.
        yield Case("ls -l 100k cold", 100_000, {**listing(PAGES_100K), "LOOKUP": (0, 1)},
                   self.cold("d100k"), lambda: quiet(["ls", "-l", d100k()]))
        yield Case("cat cold", 1, {"LOOKUP": (1, 0), "OPEN": (1, 0)}, self.cold("d10k"),
                   lambda: quiet(["cat", one()]))
        yield Case("cat again", 1, {"OPEN": (1, 0)}, keep, lambda: quiet(["cat", one()]))
        yield Case("cat third", 1, {"OPEN": (1, 0)}, keep, lambda: quiet(["cat", one()]))
        yield Case("open+fstat+read+close 10k cold", 10_000, each_open, self.cold("d10k"),
                   lambda: self.fsbench("rl", d10k()))
        yield Case("open+fstat+read+close 10k again", 10_000,
                   {"OPEN": (1, 0), "READ": (0, DROPPED_10K), **listing(0, opens=2)}, keep,
                   lambda: self.fsbench("rl", d10k()))
        yield Case("grep -r 10k cold", 10_000, each_open, self.cold("d10k"),
                   lambda: quiet(["grep", "-r", "no such text", d10k()], ok=(1,)))
        yield Case("tar c 10k cold", 10_000, each_open, self.cold("d10k"),
                   lambda: shell("tar cf - . | cat >/dev/null", d10k()))
        yield Case("cp -r out 10k cold", 10_000, each_open, self.cold("d10k"), self.copy_out)

    def copy_out(self):
        target = os.path.join(self.outside, "out")
        shutil.rmtree(target, ignore_errors=True)
        quiet(["cp", "-r", self.fs.dir("d10k"), target])
        shutil.rmtree(target)

    def writing(self):
        # Into a new directory cp knows that nothing is there: 1 LOOKUP, not the table's 2.
        # Fixed: that directory, and the times of the one it is in.
        each_in = {"LOOKUP": (1, 2), "CREATE": (1, 0), "WRITE": (1, 0), "FLUSH": (1, 0),
                   "MKDIR": (0, 1), "GETATTR": (0, 2), "SETATTR": (0, 1)}
        each_over = {"GETATTR": (2, 2), "OPEN": (1, 0), "WRITE": (1, 0), "FLUSH": (1, 0),
                     "SETATTR": (2, 3), "LOOKUP": (0, 2)}
        yield Case("cp -r 100 in", 100, each_in, self.new_directory,
                   lambda: quiet(["cp", "-r", self.source(100), os.path.dirname(self.w)]))
        yield Case("cp -a 100 over", 100, each_over, lambda: None,
                   lambda: quiet(["cp", "-a", self.source(100), os.path.dirname(self.w)]))
        yield Case("echo > new", 1, {"LOOKUP": (1, 0), "CREATE": (1, 0), "FLUSH": (2, 0),
                                     "WRITE": (1, 0)}, self.new_directory,
                   lambda: shell("""echo '{"n": 1}' > n.json""", self.w))
        yield Case("sed -i", 1, {"LOOKUP": (2, 0), "GETATTR": (3, 0), "OPEN": (1, 0),
                                 "READ": (1, 0), "CREATE": (1, 0), "WRITE": (1, 0),
                                 "FLUSH": (1, 0), "SETATTR": (2, 0), "RENAME": (1, 0)},
                   self.with_items(1), lambda: shell("sed -i s/salt/pepper/ k0000000.json", self.w))
        if have("vim"):
            yield from self.editing()
        yield Case("rm 1k", 1000, {"UNLINK": (1, 0), **listing(8), "GETATTR": (0, 2)},
                   self.with_items(1000), lambda: shell("rm *", self.w))

    def editing(self):
        plain = {"LOOKUP": 6, "GETATTR": 2, "OPEN": 3, "CREATE": 3, "WRITE": 6, "FLUSH": 4,
                 "FSYNC": 2, "SETATTR": 3, "UNLINK": 3}
        yield Case("vim :wq", 1, {op: (n, 0) for op, n in plain.items()}, self.with_items(1),
                   lambda: self.vim("set nowritebackup"))
        # Not in the table, measured on nullfs: vim as it comes tries "4913" and a backup.
        backup = {"LOOKUP": 8, "GETATTR": 2, "OPEN": 4, "CREATE": 4, "WRITE": 5, "FLUSH": 5,
                  "FSYNC": 1, "SETATTR": 4, "UNLINK": 4}
        yield Case("vim :wq, backup", 1, {op: (n, 0) for op, n in backup.items()},
                   self.with_items(1), lambda: self.vim("set writebackup"))

    def vim(self, setting):
        quiet(["vim", "-u", "NONE", "-i", "NONE", "-es", "-c", setting, "-c",
               "%s/salt/pepper/", "-c", "wq", os.path.join(self.w, "k0000000.json")])

    def all(self):
        yield from self.reading()
        yield from self.writing()


def attempt(fs, case):
    """The requests of one run, and what of them is too many."""
    try:
        with fs.watched(60):
            case.prepare()
            counts = measure(fs, case.act)
        return counts, excess(case, counts)
    except (Failed, OSError) as problem:
        return {}, [str(problem)]


def gate(fs, fsbench, outside, only=None, results=None):
    """Prints a line a row; the number of rows that failed."""
    bad = 0
    for case in Cases(fs, fsbench, outside).all():
        if only and only not in case.name:
            continue
        for _ in range(TRIES):
            counts, over = attempt(fs, case)
            if not over:
                break
        if over:
            bad += 1
            say(f"not ok - counts: {case.name}: {'; '.join(over)}  [{describe(case, counts)}]")
        else:
            say(f"ok - counts: {case.name}: {describe(case, counts)}")
        if results is not None:
            results[case.name] = {"counts": counts, "excess": over}
    return bad
