"""Small programs the mounted tests need: py.py NAME ARGUMENT..

Only what a shell cannot say: renameat2, seekdir, writes that keep a handle
open, many processes that check each other. Each ends with status 0 or prints
what it found and ends with 1."""

import ctypes
import errno
import hashlib
import json
import mmap
import multiprocessing
import os
import sys
import threading
import time

LIBC = ctypes.CDLL(None, use_errno=True)
AT_FDCWD = -100


def expect(what, wanted, found):
    if wanted != found:
        sys.exit(f"{what}: expected {wanted!r}, found {found!r}")


def errno_of(function, *args):
    """The name of the errno a call ends with; "OK" when it works."""
    try:
        function(*args)
        return "OK"
    except OSError as error:
        return errno.errorcode[error.errno]


def slurp(path):
    with open(path, "rb") as file:
        return file.read()


# ------------------------------------------------------------------ names


def cmd_rename(old, new, *flags):
    """Prints the errno's name; flags: NOREPLACE EXCHANGE."""
    bits = {"NOREPLACE": 1, "EXCHANGE": 2}
    done = LIBC.renameat2(AT_FDCWD, os.fsencode(old), AT_FDCWD, os.fsencode(new),
                          sum(bits[flag] for flag in flags))
    print("OK" if done == 0 else errno.errorcode[ctypes.get_errno()])


def cmd_errno(call, *args):
    """Prints the errno's name of os.CALL(args)."""
    if call == "create":
        print(errno_of(lambda p: os.close(os.open(p, os.O_CREAT | os.O_WRONLY, 0o666)), *args))
    elif call == "open":
        print(errno_of(lambda p: os.close(os.open(p, os.O_RDONLY)), *args))
    elif call == "write":
        print(errno_of(write_whole, args[0], os.fsencode(args[1])))
    else:
        print(errno_of(getattr(os, call), *args))


def write_whole(path, text):
    """open, write, close, each error told."""
    fd = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o666)
    try:
        view = memoryview(text)
        while view:
            view = view[os.write(fd, view):]
    finally:
        os.close(fd)


def cmd_write_on(path):
    """Writes {"n": 1}, {"n": 2}, ... until one fails; prints each number once close has
    returned 0."""
    n = 1
    while errno_of(write_whole, path, b'{"n": %d}' % n) == "OK":
        print(n, flush=True)
        n += 1


def escape(key):
    """What the file name of a key's text must be (DESIGN section 3), without suffix."""
    out = []
    for i, char in enumerate(key):
        if ord(char) < 32 or char in "/%\x7f" or (i == 0 and char == "."):
            out.append("".join("%%%02X" % byte for byte in char.encode()))
        else:
            out.append(char)
    return "".join(out)


def cmd_every_byte(directory):
    """Each of the 128 one-byte characters, alone and inside, and some longer ones."""
    samples = [chr(i) for i in range(128)]
    samples += ["x" + chr(i) + "y" for i in range(128)]
    samples += ["é", "\U0001f600", "\u2028", "\ufeff", "\uffff", "\x80", "e\u0301", "日本語"]
    wanted = {}
    for key in samples:
        name = escape(key) + ".json"
        wanted[name] = key
        write_whole(os.path.join(directory, name), b'{"mark": 1}\n')
    expect("names listed", sorted(wanted), sorted(os.listdir(directory)))
    for name, key in wanted.items():
        item = json.loads(slurp(os.path.join(directory, name)))
        expect(f"key behind {name!r}", key, item["sk"])
    print(len(wanted))


def cmd_directory_bytes(table):
    """The same for partitions, which are directories."""
    for key in [chr(i) for i in range(1, 128)] + ["é", "a/b/c", "..", "日本", "-n", "  "]:
        path = os.path.join(table, escape(key))
        os.mkdir(path)
        write_whole(os.path.join(path, "x.json"), b"{}\n")
        expect(f"pk of {path!r}", key, json.loads(slurp(path + "/x.json"))["pk"])
        if escape(key) not in os.listdir(table):
            sys.exit(f"{path!r} is not listed")


# ------------------------------------------------------------------ reading


def cmd_sizes(root):
    """st_size against what read returns, for every file below root."""
    n = 0
    for where, _, files in os.walk(root):
        for name in files:
            path = os.path.join(where, name)
            size = os.stat(path).st_size
            expect(f"size of {path}", len(slurp(path)), size)
            n += 1
    print(n)


def cmd_mmap(path):
    with open(path, "rb") as file:
        with mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ) as area:
            expect("mapped text", slurp(path), bytes(area))


def cmd_one_version(path, new_text):
    """A reader that has read a little sees the rest of the same version."""
    old = slurp(path)
    fd = os.open(path, os.O_RDONLY)
    head = os.read(fd, 10)
    write_whole(path, new_text.encode())
    rest = b""
    while piece := os.read(fd, 4096):
        rest += piece
    os.close(fd)
    expect("what the open handle read", old, head + rest)
    if slurp(path) == old:
        sys.exit("a new open still reads the old version")


def cmd_seekdir(path):
    """telldir and seekdir: the entries behind a place are the same ones again."""
    LIBC.opendir.restype = ctypes.c_void_p
    LIBC.readdir.restype = ctypes.c_void_p
    LIBC.telldir.restype = ctypes.c_long
    stream = ctypes.c_void_p(LIBC.opendir(os.fsencode(path)))

    def next_name():
        entry = LIBC.readdir(stream)
        # struct dirent: d_ino 8, d_off 8, d_reclen 2, d_type 1, d_name
        return ctypes.string_at(entry + 19) if entry else None

    def rest():
        names = []
        while (name := next_name()) is not None:
            names.append(name)
        return names

    first = [next_name() for _ in range(700)]
    place = LIBC.telldir(stream)
    behind = rest()
    LIBC.seekdir(stream, ctypes.c_long(place))
    expect("entries behind the place", behind, rest())
    LIBC.rewinddir(stream)
    expect("entries after rewinddir", first + behind, rest())
    expect("each once", len(first + behind), len(set(first + behind)))


# ------------------------------------------------------------------ writing


def cmd_r_plus(path, old, new):
    with open(path, "r+", encoding="utf-8") as file:
        text = file.read()
        file.seek(text.index(old))
        file.write(new)


def cmd_with_open(path, text):
    """What most programs do; an error of close shows as a traceback and status 1."""
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


def cmd_fsync_commits(path):
    """The new text is there after fsync, while the handle is still open."""
    fd = os.open(path, os.O_WRONLY | os.O_TRUNC)
    os.write(fd, b'{"state": "after fsync"}')
    os.fsync(fd)
    expect("state", "after fsync", json.loads(slurp(path))["state"])
    before = os.stat(path).st_mtime_ns
    os.close(fd)
    expect("mtime after close", before, os.stat(path).st_mtime_ns)


def cmd_fsync_then_more(path):
    """A handle may go on after fsync; the last close commits the rest."""
    fd = os.open(path, os.O_RDWR | os.O_TRUNC)
    os.write(fd, b'{"n": 1}')
    os.fsync(fd)
    os.ftruncate(fd, 0)
    os.lseek(fd, 0, os.SEEK_SET)
    os.write(fd, b'{"n": 2}')
    os.close(fd)
    expect("n", 2, json.loads(slurp(path))["n"])


def cmd_dup(path, events):
    """Three descriptors share the handle: one commit."""
    before = slurp(events).count(b"\n") if os.path.exists(events) else 0
    fd = os.open(path, os.O_WRONLY | os.O_TRUNC)
    others = [os.dup(fd), os.dup(fd)]
    os.write(fd, b'{"n": 7}')
    os.close(others[0])
    first = os.stat(path).st_mtime_ns
    os.close(others[1])
    os.close(fd)
    expect("n", 7, json.loads(slurp(path))["n"])
    expect("mtime after the other closes", first, os.stat(path).st_mtime_ns)
    after = slurp(events).count(b"\n") if os.path.exists(events) else 0
    expect("lines in .errors", before, after)


def cmd_lost_update(path, other_text):
    """Prints the errno of a close whose item changed since this handle read it."""
    fd = os.open(path, os.O_RDWR)
    text = os.read(fd, 65536)
    write_whole(path, other_text.encode())
    os.lseek(fd, 0, os.SEEK_SET)
    os.write(fd, text.replace(b"first", b"third"))
    print(errno_of(os.close, fd))


def cmd_truncated_overwrites(path, other_text, text):
    """Two handles; the one that truncated at open wins when it closes last."""
    fd = os.open(path, os.O_WRONLY | os.O_TRUNC)
    os.write(fd, text.encode())
    write_whole(path, other_text.encode())
    print(errno_of(os.close, fd))


def cmd_write_in_pieces(path, size, text):
    fd = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o666)
    data = text.encode()
    for i in range(0, len(data), int(size)):
        os.write(fd, data[i:i + int(size)])
        if i == 0:
            # Nothing half-written is ever visible.
            try:
                json.loads(slurp(path))
            except FileNotFoundError:
                pass
    os.close(fd)


def cmd_child_flush(path, first, second):
    """A child that inherits the handle, writes and ends; then the opener goes on."""
    fd = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o666)
    pid = os.fork()
    if pid == 0:
        os.write(fd, first.encode())
        os.close(fd)
        os._exit(0)
    expect("child", 0, os.waitpid(pid, 0)[1])
    os.write(fd, second.encode())
    os.close(fd)


def cmd_holes(path):
    """lseek finds data at the start and the hole at the end."""
    fd = os.open(path, os.O_RDONLY)
    size = os.fstat(fd).st_size
    expect("SEEK_DATA", 0, os.lseek(fd, 0, os.SEEK_DATA))
    expect("SEEK_HOLE", size, os.lseek(fd, 0, os.SEEK_HOLE))
    os.close(fd)


def cmd_locks(path):
    """flock and POSIX locks are granted; a second flock of another handle is refused."""
    import fcntl
    first = open(path, "r+b")
    second = open(path, "r+b")
    fcntl.flock(first, fcntl.LOCK_EX | fcntl.LOCK_NB)
    expect("second flock", "EAGAIN", errno_of(fcntl.flock, second, fcntl.LOCK_EX | fcntl.LOCK_NB))
    fcntl.flock(first, fcntl.LOCK_UN)
    fcntl.lockf(first, fcntl.LOCK_EX | fcntl.LOCK_NB)
    first.close()
    second.close()


# ------------------------------------------------------------------ many processes


def whole_item(writer, n, size=400):
    """An item that shows whether it is whole: its digest is in it."""
    fill = ("%d.%d " % (writer, n)) * (size // 8)
    digest = hashlib.sha256(fill.encode()).hexdigest()
    return json.dumps({"writer": writer, "n": n, "fill": fill, "digest": digest})


def check_whole(text, where):
    try:
        item = json.loads(text)
    except ValueError as error:
        sys.exit(f"{where}: torn: {error}: {text[:200]!r}")
    if hashlib.sha256(item["fill"].encode()).hexdigest() != item["digest"]:
        sys.exit(f"{where}: mixed from two versions")
    return item


def in_processes(*calls):
    """Runs (function, arguments..) side by side; ends with 1 if one fails."""
    workers = [multiprocessing.Process(target=call[0], args=call[1:]) for call in calls]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    if any(worker.exitcode for worker in workers):
        sys.exit("exit codes: %s" % [worker.exitcode for worker in workers])


def overwrite(path, writer, times):
    for n in range(times):
        write_whole(path, whole_item(writer, n, 100 + 397 * (n % 7)).encode())


def replace(path, writer, times):
    for n in range(times):
        scratch = "%s.%d~" % (path, writer)
        write_whole(scratch, whole_item(writer, n, 100 + 397 * (n % 5)).encode())
        os.rename(scratch, path)


def read_until(path, stop):
    n = 0
    while not os.path.exists(stop) or n == 0:
        check_whole(slurp(path), path)
        n += 1


def overwrite_all(writers, path, stop, times):
    try:
        calls = [(overwrite if i % 2 else replace, path, i, times) for i in range(writers)]
        in_processes(*calls)
    finally:
        open(stop, "w").close()


def cmd_same_item(path, stop, writers, times):
    """Writers of one item and readers of it: every version read is a whole one."""
    write_whole(path, whole_item(0, 0).encode())
    in_processes((overwrite_all, int(writers), path, stop, int(times)),
                 (read_until, path, stop), (read_until, path, stop))


def write_many(directory, writer, count):
    for n in range(count):
        write_whole(f"{directory}/w{writer}-{n}.json", whole_item(writer, n).encode())


def cmd_different_items(directory, writers, count):
    in_processes(*[(write_many, directory, w, int(count)) for w in range(int(writers))])
    expect("items", int(writers) * int(count), len(os.listdir(directory)))
    for name in os.listdir(directory):
        check_whole(slurp(f"{directory}/{name}"), name)


def close_copies(fd):
    """Closes three copies of a descriptor at once; what each was told."""
    told = []
    copies = [os.dup(fd) for _ in range(2)] + [fd]
    threads = [threading.Thread(target=lambda c=c: told.append(errno_of(os.close, c)))
               for c in copies]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return told


def wait_gone(path):
    """A file that never became an item goes with its handle, which close(2) does not await."""
    until = time.monotonic() + 30
    while os.path.exists(path):
        if time.monotonic() > until:
            sys.exit(f"{path} is still there")
        time.sleep(0.001)


def close_good_and_bad(directory, writer, count):
    """Of three texts one ends too early, which only its close can tell."""
    for n in range(count):
        path = f"{directory}/c{writer}-{n}.json"
        text = whole_item(writer, n).encode()
        fd = os.open(path, os.O_CREAT | os.O_WRONLY, 0o666)
        os.write(fd, text[:-2] if n % 3 == 2 else text)
        told = [errno_of(os.close, fd)] if n % 3 else close_copies(fd)
        expect(f"close of {path}", {"EINVAL" if n % 3 == 2 else "OK"}, set(told))
        if n % 3 == 2:
            wait_gone(path)


def cmd_closes(directory, writers, count):
    """Many closes at a time: each is told its own outcome."""
    in_processes(*[(close_good_and_bad, directory, w, int(count)) for w in range(int(writers))])
    for name in os.listdir(directory):
        check_whole(slurp(f"{directory}/{name}"), name)
    print(len(os.listdir(directory)))


def cmd_append_race(path, writers):
    """Read-change-write by several: each that was told OK is in the result."""
    write_whole(path, b'{"log": ""}\n')

    def add(who):
        done = 0
        while done < 20:
            fd = os.open(path, os.O_RDWR)
            text = b""
            while piece := os.read(fd, 65536):
                text += piece
            item = json.loads(text)
            item["log"] += "%s%d " % (who, done)
            new = json.dumps(item).encode()
            os.ftruncate(fd, 0)
            os.lseek(fd, 0, os.SEEK_SET)
            early = errno_of(os.write, fd, new)  # told as soon as the text is whole
            result = errno_of(os.close, fd)
            if early not in ("OK", result):
                sys.exit(f"write: {early}, close: {result}")
            if result == "OK":
                done += 1
            elif result != "EBUSY":
                sys.exit("close: " + result)

    in_processes(*[(add, "abcdefgh"[i]) for i in range(int(writers))])
    words = json.loads(slurp(path))["log"].split()
    expect("acknowledged additions", int(writers) * 20, len(set(words)))


def churn(directory, stop, prefix):
    """Inserts and deletes items around the ones that stay."""
    n = 0
    while not os.path.exists(stop):
        path = f"{directory}/{prefix}{n % 50:03d}.json"
        write_whole(path, b'{"churn": true}')
        if n % 3:
            os.unlink(path)
        n += 1


def list_while(directory, stop, rounds, staying):
    try:
        for turn in range(rounds):
            names = os.listdir(directory)
            if len(names) != len(set(names)):
                twice = sorted({name for name in names if names.count(name) > 1})[:5]
                sys.exit(f"listed twice in round {turn}: {twice}")
            missing = staying.difference(names)
            if missing:
                sys.exit(f"round {turn}: {len(missing)} missing, as {sorted(missing)[:5]}")
    finally:
        open(stop, "w").close()


def cmd_list_during_churn(directory, stop, rounds):
    """Every item that stays is listed exactly once while others come and go."""
    staying = set(os.listdir(directory))
    in_processes((list_while, directory, stop, int(rounds), staying),
                 (churn, directory, stop, "a"), (churn, directory, stop, "zz"),
                 (churn, directory, stop, "item-0005x"))


# ------------------------------------------------------------------ crashes


def crash_writer(directory, log, writer):
    """Writes until the daemon dies. Before a write its number goes to the log as
    tried, after it as acknowledged. One line a time, written through."""
    with open(log, "a", buffering=1, encoding="utf-8") as record:
        n = int(time.time() * 1000) % 1000000000
        while True:
            n += 1
            key = "w%d-%d" % (writer, n % 17)
            path = f"{directory}/{key}.json"
            text = whole_item(writer, n).encode()
            try:
                if writer == 3 and n % 17 == 5 and os.path.exists(path):
                    record.write(f"try {key} -\n")
                    os.unlink(path)
                    record.write(f"ack {key} -\n")
                    continue
                record.write(f"try {key} {n}\n")
                if writer == 0:
                    write_whole(path, text)
                elif writer == 1:
                    fd = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o666)
                    os.write(fd, text)
                    os.fsync(fd)
                    record.write(f"ack {key} {n}\n")
                    os.close(fd)
                    continue
                else:
                    write_whole(path + "~", text)
                    os.rename(path + "~", path)
                record.write(f"ack {key} {n}\n")
            except OSError as error:
                if error.errno not in (errno.ENOTCONN, errno.ECONNABORTED, errno.EIO):
                    record.write(f"# {errno.errorcode[error.errno]} {path}\n")
                return


def cmd_crash_writers(directory, log, writers):
    in_processes(*[(crash_writer, directory, f"{log}.{w}", w) for w in range(int(writers))])


def cmd_crash_check(directory, log, writers):
    """What is stored must be the last acknowledged version, or the one that was
    being written when the daemon died."""
    n_acknowledged = 0
    for w in range(int(writers)):
        acknowledged, tried = {}, {}
        with open(f"{log}.{w}", encoding="utf-8") as record:
            for line in record:
                word, *rest = line.split()
                if word == "#":
                    sys.exit(f"unexpected error: {line}")
                (tried if word == "try" else acknowledged)[rest[0]] = rest[1]
                n_acknowledged += word == "ack"
        for key, last in acknowledged.items():
            accepted = {last, tried.get(key, last)}
            path = f"{directory}/{key}.json"
            try:
                found = str(check_whole(slurp(path), path)["n"])
            except FileNotFoundError:
                found = "-"
            if found not in accepted:
                sys.exit(f"{key}: acknowledged {last}, tried {tried.get(key)}, stored {found}")
    print(n_acknowledged)


def cmd_fill(directory, log, size):
    """Creates items until a write fails; prints the errno. The log has what was acknowledged."""
    with open(log, "a", encoding="utf-8") as record:
        for n in range(1000000):
            key = "f%06d" % n
            result = errno_of(write_whole, f"{directory}/{key}.json",
                              whole_item(9, n, int(size)).encode())
            if result != "OK":
                print(result)
                return
            record.write(key + "\n")


def cmd_filled(directory, log):
    with open(log, encoding="utf-8") as record:
        keys = record.read().split()
    for key in keys:
        check_whole(slurp(f"{directory}/{key}.json"), key)
    stored = {name[:-5] for name in os.listdir(directory) if name.startswith("f")}
    expect("items beyond the acknowledged ones", set(), stored.difference(keys))
    print(len(keys))


# ------------------------------------------------------------------ data sets


def cmd_make_items(count, partition):
    """JSON lines for .import."""
    out = sys.stdout
    for n in range(int(count)):
        out.write('{"pk":"%s","sk":"item-%07d","n":%d,"text":"The quick brown fox %d"}\n'
                  % (partition, n, n, n * 7919 % 1000003))


def cmd_first_entry(path, rounds):
    """The middle time of opendir + first entry, in microseconds."""
    times = []
    for _ in range(int(rounds)):
        start = time.perf_counter_ns()
        with os.scandir(path) as entries:
            next(entries)
        times.append(time.perf_counter_ns() - start)
    print(sorted(times)[len(times) // 2] // 1000)


def main():
    globals()["cmd_" + sys.argv[1].replace("-", "_")](*sys.argv[2:])


if __name__ == "__main__":
    main()
