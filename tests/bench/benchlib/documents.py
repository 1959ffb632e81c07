"""DocumentDB at a million documents, beside the sqlite3 shell on the same documents
as JSON text with an index on the same member: the nearest thing a user would take."""

import os
import sqlite3

from .mounts import daemon_memory
from .scenarios import Scenario
from .tools import run, timed

GROUPS = 1000
QUERIES = {
    "find": '{"filter": {"g": 77}}',
    "aggregate": '[{"$group": {"_id": "$g", "n": {"$sum": 1}, "v": {"$sum": "$v"}}},'
                 ' {"$sort": {"_id": 1}}]',
}
SELECTS = {
    "find": "select doc from docs where doc->>'$.g' = 77",
    "aggregate": "select doc->>'$.g', count(*), sum(doc->>'$.v') from docs group by 1 order by 1",
}


def document(number):
    return ('{"_id":%d,"g":%d,"v":%d,"name":"user %d","tags":["a%d","b"],'
            '"address":{"city":"c%d","zip":"%05d"}}'
            % (number, number * 7919 % GROUPS, number, number, number % 9, number % 99,
               number % 100000))


class Documents(Scenario):
    """Import, listing, a document, find by an index, an aggregation."""

    name = "documents"
    on = ("dbmount",)
    slow = True
    reps_max = 3
    count = 1_000_000

    def __init__(self, bench):
        super().__init__(bench)
        self.lines = None
        self.loaded = False

    def record_both(self, record, row, mine, other, per=1):
        record(row, timed(mine) * 1e6 / per)
        if other:
            self.bench.record("sqlite3", row, timed(other) * 1e6 / per)

    def load_sqlite(self, path):
        with open(self.lines, encoding="utf-8") as lines, sqlite3.connect(path) as db:
            db.execute("pragma journal_mode = wal")
            db.execute("create table docs(id integer primary key, doc text)")
            db.execute("create index docs_g on docs(doc->>'$.g')")
            db.executemany("insert into docs values(?, ?)",
                           ((number, line.strip()) for number, line in enumerate(lines)))
        db.close()

    def load(self, fs, record):
        self.lines = os.path.join(self.bench.shm, "documents.jsonl")
        with open(self.lines, "w", encoding="utf-8") as out:
            out.writelines(document(number) + "\n" for number in range(self.count))
        where = os.path.join(fs.mountpoint, "docdb", "bench")
        if not os.path.isdir(where):
            os.mkdir(where)
            with open(os.path.join(where, ".indexes"), "w", encoding="utf-8") as indexes:
                indexes.write('[{"name": "g_1", "key": {"g": 1}}]\n')
        record("documents: import",
               timed(["cp", self.lines, os.path.join(where, ".import/append/jsonl")])
               * 1e6 / self.count)
        self.db = os.path.join(self.bench.disk, "documents.db")
        program = "import sys; from benchlib.documents import *; " \
                  "d = Documents.__new__(Documents); d.lines = sys.argv[1]; " \
                  "d.load_sqlite(sys.argv[2])"
        here = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
        self.bench.record("sqlite3", "documents: import",
                          timed(["env", f"PYTHONPATH={here}", "python3", "-c", program,
                                 self.lines, self.db]) * 1e6 / self.count)
        for name, text in QUERIES.items():
            with open(os.path.join(where, ".query", name + ".json"), "w",
                      encoding="utf-8") as query:
                query.write(text + "\n")
        self.loaded = True

    def run(self, fs, record):
        fs.fresh()
        with fs.watched(600):
            if not self.loaded:
                self.load(fs, record)
                fs.fresh()
            where = os.path.join(fs.mountpoint, "docdb", "bench")
            before = daemon_memory(fs.pid)["RssAnon"]
            record("documents: ls -f", timed(["ls", "-f"], cwd=where) * 1e6 / self.count)
            one = f"{self.count // 2}.json"
            self.record_both(record, "documents: one by _id", ["cat", os.path.join(where, one)],
                             ["sqlite3", self.db,
                              f"select doc from docs where id = {self.count // 2}"])
            self.record_both(record, "documents: find by index",
                             ["cat", os.path.join(where, ".query/find.out.jsonl")],
                             ["sqlite3", self.db, SELECTS["find"]], self.count // GROUPS)
            self.record_both(record, "documents: aggregate",
                             ["cat", os.path.join(where, ".query/aggregate.out.jsonl")],
                             ["sqlite3", self.db, SELECTS["aggregate"]], self.count)
            record("documents: daemon memory, MB", daemon_memory(fs.pid)["RssAnon"] - before)
            run(["sync", "-f", fs.mountpoint])
        fs.stop()
