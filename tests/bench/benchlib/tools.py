"""Running programs, timing them, and leaving nothing behind."""

import atexit
import os
import shutil
import signal
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
ENV = dict(os.environ, LC_ALL="C")
ALL_CPUS = os.sched_getaffinity(0)


class Failed(Exception):
    """A measurement could not be made; the text says why."""


def say(text=""):
    print(text, flush=True)


def note(text):
    print(text, file=sys.stderr, flush=True)


# ---------------------------------------------------------------- cleaning up

_undo = []


def on_exit(function):
    """Registers what must be undone in any case; the last comes first."""
    _undo.append(function)


def _undo_all():
    while _undo:
        try:
            _undo.pop()()
        except Exception as problem:  # the others must still run
            note(f"cleaning up: {problem}")


def _interrupted(signum, frame):
    sys.exit(128 + signum)


def install_cleanup():
    atexit.register(_undo_all)
    for sig in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(sig, _interrupted)


def scratch_dir(parent):
    """A directory of this run below `parent`, removed at the end."""
    path = os.path.join(parent, f"dbmount-bench.{os.getpid()}")
    os.makedirs(path, exist_ok=True)
    on_exit(lambda: shutil.rmtree(path, ignore_errors=True))
    return path


# ---------------------------------------------------------------- placement

def pin(cpus):
    """This process and all it starts from now on."""
    os.sched_setaffinity(0, cpus)


def pinned_cpu():
    """CPU 1 where there is one: interrupts tend to be served by CPU 0."""
    return {1} if 1 in ALL_CPUS else {max(ALL_CPUS)}


# ---------------------------------------------------------------- programs

def have(program):
    return shutil.which(program) is not None


def run(argv, **options):
    """Runs to success; the error text is part of the failure."""
    result = subprocess.run(argv, env=ENV, capture_output=True, text=True, **options)
    if result.returncode != 0:
        raise Failed(f"{' '.join(map(str, argv))}: {result.stderr.strip() or result.returncode}")
    return result.stdout


def timed(argv, stdin=None, cwd=None, ok=(0,)):
    """Seconds of wall time of a command whose output goes nowhere."""
    start = time.perf_counter()
    result = subprocess.run(argv, env=ENV, cwd=cwd, stdin=stdin or subprocess.DEVNULL,
                            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    seconds = time.perf_counter() - start
    if result.returncode not in ok:
        raise Failed(f"{' '.join(argv)}: {result.stderr.decode(errors='replace').strip()}")
    return seconds


def timed_shell(script, cwd=None):
    return timed(["sh", "-c", script], cwd=cwd)


class Fsbench:
    """The compiled loops: each call gives the printed pairs as numbers."""

    def __init__(self, program):
        self.program = program

    def __call__(self, *args):
        pairs = run([self.program, *map(str, args)]).split()
        return {name: float(value) for name, value in (pair.split("=") for pair in pairs)}

    def us(self, *args):
        return self(*args)["us_op"]


# ---------------------------------------------------------------- building

def find_build(wanted):
    """The meson build directory: the one asked for, or build-bench, made if absent."""
    build = os.path.abspath(wanted) if wanted else os.path.join(ROOT, "build-bench")
    if not os.path.exists(os.path.join(build, "build.ninja")):
        note(f"configuring {build}")
        run(["meson", "setup", build, ROOT])
    return build


def build_target(build, target):
    """Path of a program, built; None when this tree has no such target or it fails."""
    result = subprocess.run(["ninja", "-C", build, target], capture_output=True, text=True)
    path = os.path.join(build, target)
    if result.returncode != 0 or not os.path.exists(path):
        lines = [line for line in result.stdout.splitlines() if "rror" in line]
        note(f"no {target}: {lines[0].strip() if lines else result.stderr.strip()}")
        return None
    return path
