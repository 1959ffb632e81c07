"""Writers beside failovers: rds_writers.py write DIR LOG N; rds_writers.py check DIR LOG.

Each writer makes rows one after the other; LOG.<i> gets the number of each row whose close
returned, LOG.<i>.failed those that were reported failed. `check` reads all of them back."""
import os
import sys
import threading


def put(path, n):
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        os.write(fd, b'{"n": %d}\n' % n)
        os.fsync(fd)
    finally:
        os.close(fd)


def write(directory, log, i, stop):
    with open(f"{log}.{i}", "a", buffering=1) as done, open(f"{log}.{i}.failed", "a", buffering=1) as failed:
        n = 0
        while not os.path.exists(stop):
            n += 1
            key = i * 10000000 + n
            try:
                put(f"{directory}/{key}.json", key)
                done.write(f"{key}\n")
            except OSError as e:
                failed.write(f"{key} {e.errno}\n")


def check(directory, log, n):
    lost = acknowledged = failed = 0
    there = {name[:-5] for name in os.listdir(directory)}
    for i in range(1, n + 1):
        for line in open(f"{log}.{i}"):
            acknowledged += 1
            key = line.strip()
            if key not in there:
                lost += 1
                print("lost:", key)
        failed += sum(1 for _ in open(f"{log}.{i}.failed"))
    print(f"acknowledged {acknowledged} failed {failed} lost {lost}")
    return lost


def main():
    what, directory, log, n = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])
    if what == "check":
        sys.exit(1 if check(directory, log, n) else 0)
    threads = [threading.Thread(target=write, args=(directory, log, i, log + ".stop")) for i in range(1, n + 1)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()


main()
