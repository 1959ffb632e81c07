"""Redshift at ten million rows of lines and a quarter as many orders: queries as TPC-H's through the
mount, beside DuckDB alone, the sqlite3 shell and PostgreSQL on the same rows; loading beside DuckDB's own
COPY; the table as a file beside DuckDB's COPY TO. Each query is a process of its own everywhere."""

import os
import subprocess

from .scenarios import Scenario
from .tools import build_target, have, on_exit, run, timed

COLUMNS = {
    "lineitem": "l_orderkey bigint, l_partkey integer, l_suppkey integer, l_quantity integer, "
                "l_extendedprice decimal(12,2), l_discount decimal(4,2), l_tax decimal(4,2), "
                "l_returnflag char(1), l_linestatus char(1), l_shipdate date, l_receiptdate date, "
                "l_shipmode varchar(10)",
    "orders": "o_orderkey bigint, o_custkey integer, o_orderdate date, o_orderpriority varchar(15), "
              "o_totalprice decimal(12,2)",
}
DISTRIBUTION = {"lineitem": "distkey(l_orderkey) sortkey(l_shipdate)",
                "orders": "distkey(o_orderkey) sortkey(o_orderdate)"}
QUERIES = {
    "pricing summary": """select l_returnflag, l_linestatus, sum(l_quantity) as qty,
        sum(l_extendedprice) as base, sum(l_extendedprice * (1 - l_discount)) as disc,
        avg(l_quantity * 1.0) as avg_qty, count(*) as n from lineitem
        where l_shipdate <= '1998-09-01' group by l_returnflag, l_linestatus order by 1, 2""",
    "revenue of a year": """select sum(l_extendedprice * l_discount) as revenue from lineitem
        where l_shipdate >= '1994-01-01' and l_shipdate < '1995-01-01'
        and l_discount between 0.05 and 0.07 and l_quantity < 24""",
    "shipping modes": """select l_shipmode,
        sum(case when o_orderpriority in ('1-URGENT', '2-HIGH') then 1 else 0 end) as high,
        sum(case when o_orderpriority in ('1-URGENT', '2-HIGH') then 0 else 1 end) as low
        from orders join lineitem on o_orderkey = l_orderkey
        where l_shipmode in ('MAIL', 'SHIP') and l_receiptdate >= '1994-01-01'
        and l_receiptdate < '1995-01-01' group by l_shipmode order by l_shipmode""",
    "best orders": """select l_orderkey, sum(l_extendedprice * (1 - l_discount)) as revenue, o_orderdate
        from lineitem join orders on l_orderkey = o_orderkey
        where o_orderdate < '1995-03-15' and l_shipdate > '1995-03-15'
        group by l_orderkey, o_orderdate order by revenue desc, l_orderkey limit 10""",
    "parts": "select count(distinct l_partkey) as parts, max(l_extendedprice) as most from lineitem",
}


class Warehouse(Scenario):
    """COPY, five queries, the table as one file."""

    name = "warehouse"
    on = ("dbmount",)
    slow = True
    minutes = True
    reps_max = 3
    seconds = 1800
    lines = int(os.environ.get("WAREHOUSE_LINES", "10000000"))

    def __init__(self, bench):
        super().__init__(bench)
        self.loaded = False
        self.postgres = None
        self.data = os.path.join(bench.disk, "warehouse")
        self.duckdb = build_target(bench.build, "tests/bench/duckdb_bench")
        self.duckdb_file = os.path.join(bench.disk, "warehouse.duckdb")
        self.sqlite_file = os.path.join(bench.disk, "warehouse.db")

    # ------------------------------------------------------------ the others

    def in_duckdb(self, *statements):
        return [self.duckdb, self.duckdb_file, *statements]

    def in_sqlite(self, *statements):
        return ["sqlite3", self.sqlite_file, *statements]

    def in_postgres(self, *statements):
        argv = ["psql", "-X", "-q", "--csv", "-h", self.postgres, "-U", "bench", "-d", "postgres"]
        for statement in statements:
            argv += ["-c", statement]
        return argv

    def start_postgres(self):
        """A server of our own; none where there is no PostgreSQL."""
        programs = subprocess.run("ls -d /usr/lib/postgresql/*/bin", shell=True, text=True, check=False,
                                  capture_output=True).stdout.split()
        if not programs or not have("psql"):
            return
        where = os.path.join(self.bench.disk, "pg")
        os.makedirs(where)
        as_user = []
        if os.getuid() == 0:
            run(["chown", "-R", "postgres", where])
            os.chmod(self.bench.disk, 0o755)
            as_user = ["runuser", "-u", "postgres", "--"]
        data = os.path.join(where, "data")
        run([*as_user, programs[-1] + "/initdb", "-D", data, "-U", "bench", "-A", "trust", "-E", "UTF8",
             "--locale=C.UTF-8"])
        run([*as_user, programs[-1] + "/pg_ctl", "-D", data, "-w", "-l", os.path.join(where, "log"), "-o",
             f"-c listen_addresses= -k {where} -c max_wal_size=8GB -c shared_buffers=1GB", "start"])
        on_exit(lambda: subprocess.run([*as_user, programs[-1] + "/pg_ctl", "-D", data, "-m", "immediate",
                                        "stop"], check=False, capture_output=True))
        self.postgres = where

    def load_others(self):
        per = 1e6 / self.lines
        for table, columns in COLUMNS.items():
            file = os.path.join(self.data, table + ".tbl")
            timing = self.bench.record if table == "lineitem" else lambda *_: None
            if self.duckdb:
                timing("duckdb", "warehouse: load", timed(self.in_duckdb(
                    f"create table {table} ({columns})",
                    f"copy {table} from '{file}' (delimiter '|', header false)", "checkpoint")) * per)
            timing("sqlite3", "warehouse: load", timed(self.in_sqlite(
                "pragma journal_mode = wal", f"create table {table} ({columns})", ".mode list",
                ".separator |", f".import '{file}' {table}")) * per)
            if self.postgres:
                timing("postgresql", "warehouse: load", timed(self.in_postgres(
                    f"create table {table} ({columns})",
                    f"\\copy {table} from '{file}' with (delimiter '|')", f"analyze {table}")) * per)

    # ------------------------------------------------------------ ours

    def load(self, fs, record):
        os.makedirs(self.data)
        run([build_target(self.bench.build, "tests/bench/warehouse_data"), str(self.lines), self.data])
        cluster = os.path.join(fs.mountpoint, "redshift", "bench")
        write(os.path.join(fs.mountpoint, "redshift", ".control"), "create bench nodes=2 slices=1\n")
        write(os.path.join(cluster, ".lake/.control"), f"map files {self.data}\n")
        for table, columns in COLUMNS.items():
            write(os.path.join(cluster, ".sql"),
                  f"create table {table} ({columns}) {DISTRIBUTION[table]}")
        write(os.path.join(cluster, ".sql"), "copy orders from 's3://files/orders.tbl'")
        record("warehouse: load", timed(
            ["sh", "-c", f"echo \"copy lineitem from 's3://files/lineitem.tbl'\" > {cluster}/.sql"])
            * 1e6 / self.lines)
        for name, text in QUERIES.items():
            write(os.path.join(cluster, ".query", name.replace(" ", "_") + ".sql"), text)
        self.start_postgres()
        self.load_others()
        self.loaded = True

    def run(self, fs, record):
        fs.fresh()
        if not self.loaded:
            self.load(fs, record)
        cluster = os.path.join(fs.mountpoint, "redshift", "bench")
        for name, text in QUERIES.items():
            row = f"warehouse: {name}"
            result = os.path.join(cluster, ".query", name.replace(" ", "_") + ".csv")
            record(row, timed(["cat", result]) * 1e3)
            if self.duckdb:
                self.bench.record("duckdb", row, timed(self.in_duckdb(text)) * 1e3)
            self.bench.record("sqlite3", row, timed(self.in_sqlite(text)) * 1e3)
            if self.postgres:
                self.bench.record("postgresql", row, timed(self.in_postgres(text)) * 1e3)
        self.as_file(cluster, record)
        fs.stop()

    def as_file(self, cluster, record):
        """Microseconds a megabyte, so that less is better as everywhere."""
        file = os.path.join(cluster, "lineitem", "data.csv")
        megabytes = os.stat(file).st_size / 1e6
        record("warehouse: data.csv, us a MB",
               timed(["sh", "-c", f"cat {file} > /dev/null"]) * 1e6 / megabytes)
        if self.duckdb:
            out = os.path.join(self.bench.shm, "lineitem.csv")
            self.bench.record("duckdb", "warehouse: data.csv, us a MB", timed(self.in_duckdb(
                f"copy lineitem to '{out}' (header)")) * 1e6 / megabytes)
            os.unlink(out)


def write(path, text):
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
