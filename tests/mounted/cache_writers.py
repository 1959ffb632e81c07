"""Writers beside failovers and kills of a cache: cache_writers.py write DIR LOG N;
cache_writers.py check DIR LOG N [KILLED_NS].

Each writer makes keys one after the other. LOG.<i> gets the name of each key whose close returned,
and when; LOG.<i>.failed those that were reported failed. `check` looks which are there and prints
how many are not; with KILLED_NS it fails if one is missing that was acknowledged more than a second
before."""
import os
import sys
import threading
import time


def put(path, text):
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        os.write(fd, text)
    finally:
        os.close(fd)


def write(directory, log, i, stop):
    with open(f"{log}.{i}", "a", buffering=1) as done, open(f"{log}.{i}.failed", "a", buffering=1) as failed:
        n = 0
        while not os.path.exists(stop):
            n += 1
            key = f"w{i}-{n}"
            try:
                put(f"{directory}/{key}", b"%d" % n)
                done.write(f"{key} {time.time_ns()}\n")
            except OSError as e:
                failed.write(f"{key} {e.errno}\n")
                if not os.path.isdir(directory):
                    return


def check(directory, log, n, killed):
    lost = acknowledged = failed = late = 0
    there = set(os.listdir(directory))
    for i in range(1, n + 1):
        for line in open(f"{log}.{i}"):
            words = line.split()
            if len(words) < 2:
                continue
            acknowledged += 1
            if words[0] not in there:
                lost += 1
                late += killed is not None and int(words[1]) < killed - 1000000000
        failed += sum(1 for _ in open(f"{log}.{i}.failed"))
    print(f"acknowledged {acknowledged} failed {failed} lost {lost} late {late}")
    return late


def main():
    what, directory, log, n = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])
    if what == "check":
        sys.exit(1 if check(directory, log, n, int(sys.argv[5]) if len(sys.argv) > 5 else None) else 0)
    threads = [threading.Thread(target=write, args=(directory, log, i, log + ".stop")) for i in range(1, n + 1)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()


main()
