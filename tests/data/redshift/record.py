#!/usr/bin/env python3
"""Writes what PostgreSQL answers into queries.txt, beside each query.

A query is a line "? TEXT" (lines without a mark go on); "= TEXT" is how PostgreSQL writes it where
that differs; "! DRIVER" says that this driver refuses it. The rows follow as lines "< …", made by
this program: columns between "|", NULL as \\N.

usage: record.py [the bin directory of PostgreSQL]; starts a server of its own in a new directory."""
import os, re, subprocess, sys, tempfile, shutil

HERE = os.path.dirname(os.path.abspath(__file__))
BIN = sys.argv[1] if len(sys.argv) > 1 else "/usr/lib/postgresql/15/bin"


def blocks(text):
    """Comments and queries in order: strings, or dicts with query, pg, refused."""
    out, now, last = [], None, None
    for line in text.split("\n"):
        mark, rest = line[:2], line[2:]
        if mark == "? ":
            now = {"query": rest, "pg": None, "refused": []}
            last = "query"
            out.append(now)
        elif mark == "= ":
            now["pg"], last = rest, "pg"
        elif mark == "! ":
            now["refused"].append(rest)
        elif mark == "< " or line == "<":
            pass
        elif now is not None and line.startswith("  "):
            now[last] += "\n" + line
        else:
            now = None
            out.append(line)
    return out


def setup(text):
    sql, name, columns = [], None, 0
    for line in text.split("\n"):
        if line.startswith("#") or not line:
            continue
        if line.startswith("table "):
            words = line.split(" ")
            name = words[1]
            kinds = [w.split(":") for w in words[2:]]
            sql.append("CREATE TABLE %s (%s);" % (name, ", ".join(
                '"%s" %s' % (c, "double precision" if k == "double" else k) for c, k in kinds)))
            continue
        values = ["NULL" if v == "\\N" else "'%s'" % v for v in line.split("|")]
        sql.append("INSERT INTO %s VALUES (%s);" % (name, ", ".join(values)))
    return "\n".join(sql)


def server(where):
    env = dict(os.environ, LC_ALL="C.UTF-8", PGTZ="UTC", TZ="UTC")
    as_user = ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups"] if os.getuid() == 0 else []
    if as_user:
        shutil.chown(where, "nobody", "nogroup")
    run = lambda *a: subprocess.run(as_user + list(a), check=True, env=env, stdout=subprocess.DEVNULL, cwd=where)
    run(BIN + "/initdb", "-D", where + "/d", "-U", "test", "--locale=C.UTF-8", "-E", "UTF8")
    run(BIN + "/pg_ctl", "-D", where + "/d", "-w", "-l", where + "/log",
        "-o", "-k %s -c listen_addresses='' -c timezone=UTC -c fsync=off -c extra_float_digits=1" % where, "start")
    return lambda: run(BIN + "/pg_ctl", "-D", where + "/d", "-m", "immediate", "stop")


def psql(where, text):
    done = subprocess.run(["psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-P", "null=\\N",
                           "-h", where, "-U", "test", "-d", "postgres"],
                          input=text, capture_output=True, text=True)
    return done.returncode, done.stdout, done.stderr


def main():
    path = os.path.join(HERE, "queries.txt")
    where = tempfile.mkdtemp(prefix="pg")
    stop = server(where)
    bad = 0
    try:
        code, _, said = psql(where, setup(open(os.path.join(HERE, "tables.txt")).read()))
        assert code == 0, said
        out = []
        for block in blocks(open(path).read()):
            if isinstance(block, str):
                out.append(block)
                continue
            text = block["pg"] or block["query"]
            code, rows, said = psql(where, text + ";")
            if code != 0:
                bad += 1
                print("PostgreSQL: %s\n  %s" % (text, said.strip().split("\n")[0]))
            lines = rows.split("\n")[:-1]
            if " order by " not in re.sub(r"over *\([^()]*\)|group *\([^()]*\)", "", block["query"].lower().replace("\n", " ")):
                lines.sort()
            out.append("? " + block["query"])
            if block["pg"]:
                out.append("= " + block["pg"])
            out += ["! " + r for r in block["refused"]]
            out += ["< " + line for line in lines]
        open(path, "w").write("\n".join(out))
    finally:
        stop()
        shutil.rmtree(where, ignore_errors=True)
    sys.exit(bad != 0)


if __name__ == "__main__":
    main()
