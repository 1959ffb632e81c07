"""What the kernel's one size and one page cache an inode must not do to readers:
an open file stays the version it was opened as, however the item changes."""

import json
import os
import sys
import threading


def write(path, count):
    with open(path, "w") as file:
        file.write(json.dumps({"v": [count] * count}))


def by_write(path, count):
    write(path, count)


def by_rename(path, count):
    write(path + "~", count)
    os.rename(path + "~", path)


def by_other_form(path, count):
    with open(path[:-5] + ".ddb.json", "w") as file:
        file.write(json.dumps({"v": {"L": [{"N": str(count)}] * count}}))


def by_import(path, count):
    partition, name = os.path.split(path)
    row = {"pk": os.path.basename(partition), "sk": name[:-5], "v": [count] * count}
    with open(os.path.dirname(partition) + "/.import/upsert/jsonl", "w") as file:
        file.write(json.dumps(row) + "\n")


def by_open_writer(path, _):
    by_open_writer.fd = os.open(path, os.O_WRONLY | os.O_TRUNC)


def check(change, before, after, path):
    write(path, before)
    with open(path, "rb") as file:
        old = file.read()
    fd = os.open(path, os.O_RDONLY)
    text = os.read(fd, 4096)
    change(path, after)
    if change is not by_open_writer:
        with open(path, "rb") as file:
            new = file.read()
        if json.loads(new)["v"] != [after] * after or os.stat(path).st_size != len(new):
            sys.exit(f"{change.__name__}: the new version is not seen: {os.stat(path).st_size} {len(new)}")
    if os.fstat(fd).st_size != len(old):
        sys.exit(f"{change.__name__}: fstat of the old version: {os.fstat(fd).st_size}, not {len(old)}")
    while piece := os.read(fd, 512):
        text += piece
    os.close(fd)
    if change is by_open_writer:
        os.close(by_open_writer.fd)
    if text != old:
        sys.exit(f"{change.__name__}: read {len(text)} bytes of {len(old)}")


class Reader(threading.Thread):
    """Opens anew each time; what was answered before must be seen."""

    def __init__(self, path):
        super().__init__()
        self.path, self.answered, self.over, self.failure = path, 0, False, None

    def run(self):
        while not self.over and not self.failure:
            least = self.answered
            with open(self.path, "rb") as file:
                text = file.read()
            values = json.loads(text)["v"]
            if values != [len(values)] * len(values) or len(values) < least:
                self.failure = f"after {least} was answered, read {text[:60]}"


def check_beside(path, rounds):
    """An item changed in every way in turn, beside those who read it."""
    write(path, 0)
    readers = [Reader(path), Reader(path)]
    for reader in readers:
        reader.start()
    ways = [by_write, by_rename, by_other_form, by_import]
    for i in range(1, rounds):
        ways[i % len(ways)](path, i)
        for reader in readers:
            reader.answered = i
    for reader in readers:
        reader.over = True
        reader.join()
        if reader.failure:
            sys.exit(reader.failure)


CHANGES = {"write": by_write, "rename": by_rename, "other-form": by_other_form,
           "import": by_import, "open-writer": by_open_writer}
if sys.argv[1] == "beside":
    check_beside(os.path.join(sys.argv[2], "beside.json"), 120)
    sys.exit()
for before_, after_ in ((1000, 3000), (3000, 1000), (1000, 1200), (600, 40)):
    check(CHANGES[sys.argv[1]], before_, after_, os.path.join(sys.argv[2], f"a{before_}-{after_}.json"))
