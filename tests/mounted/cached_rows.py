"""Writers of cached rows: cached_rows.py write DIR LOG N; cache_writers.py check DIR LOG N HISTORY.

Each writer saves its own ROWS rows in turn, each time with a higher number; LOG.<i> gets row and
number of each save whose close returned. `check` compares what the rows in DIR (of RDS) hold with
that, and reads HISTORY, a directory of rows {"row", "n"} in the order in which RDS got them."""
import json
import os
import sys
import threading

ROWS = 5


def put(path, n):
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        os.write(fd, b'{"n": %d}\n' % n)
    finally:
        os.close(fd)


def last_number(log):
    try:
        return max((int(line.split()[1]) for line in open(log)), default=0)
    except FileNotFoundError:
        return 0


def write(directory, log, i):
    # Above what may have been written by who was killed before it said so.
    n = last_number(f"{log}.{i}") + 1
    with open(f"{log}.{i}", "a", buffering=1) as done:
        try:
            while True:
                n += 1
                row = i * 100 + n % ROWS
                put(f"{directory}/{row}.json", n)
                done.write(f"{row} {n}\n")
        except OSError:
            pass  # the daemon was killed


def load(path):
    with open(path, encoding="utf-8") as file:
        return json.load(file)


def check(directory, log, writers, history):
    bad = acknowledged = 0
    for i in range(1, writers + 1):
        last = {}
        for line in open(f"{log}.{i}"):
            row, n = map(int, line.split())
            last[row] = n
            acknowledged += 1
        for row, n in last.items():
            found = load(f"{directory}/{row}.json")["n"]
            if not n <= found <= n + 2 * ROWS:
                bad += 1
                print(f"row {row}: RDS has {found}, acknowledged was {n}")
    seen = {}
    applied = 0
    for name in sorted(os.listdir(history), key=lambda name: int(name[:-5])):
        step = load(f"{history}/{name}")
        applied += 1
        if step["n"] <= seen.get(step["row"], 0):
            bad += 1
            print(f"row {step['row']}: {step['n']} came after {seen[step['row']]}")
        seen[step["row"]] = step["n"]
    print(f"acknowledged {acknowledged} brought {applied} bad {bad}")
    return bad


def main():
    what, directory, log, n = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])
    if what == "check":
        sys.exit(1 if check(directory, log, n, sys.argv[5]) else 0)
    threads = [threading.Thread(target=write, args=(directory, log, i)) for i in range(1, n + 1)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()


main()
