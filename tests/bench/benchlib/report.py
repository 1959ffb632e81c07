"""What a run prints, and its JSON."""

import json
import os
import platform
import statistics

from . import goals
from .tools import say


def spread(values):
    """(max - min) / median in per cent; of one sample there is none."""
    if len(values) < 2 or statistics.median(values) == 0:
        return None
    return 100 * (max(values) - min(values)) / abs(statistics.median(values))


def number(value):
    if value is None:
        return "-"
    return f"{value:.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def cell(samples, fs, row):
    values = samples.get(fs, {}).get(row)
    if not values:
        return ""
    around = spread(values)
    noise = f" ({around:.0f}%)" if around is not None else ""
    return f"{number(statistics.median(values))}{noise}"


def table(header, lines):
    widths = [max(len(line[i]) for line in [header, *lines]) for i in range(len(header))]
    for line in [header, *lines]:
        first, *others = (text.ljust(width) if i == 0 else text.rjust(width)
                          for i, (text, width) in enumerate(zip(line, widths)))
        say("  ".join([first, *others]).rstrip())


def print_rows(samples, order):
    rows = list(dict.fromkeys(row for fs in order for row in samples.get(fs, {})))
    columns = [fs for fs in order if fs in samples]
    say("microseconds each unless the row says otherwise: median (spread, in per cent of it)")
    table(["", *columns], [[row, *(cell(samples, fs, row) for fs in columns)] for row in rows])


def print_goals(verdicts, failures):
    say()
    say("goals (PERFORMANCE.md section 11)")
    lines = []
    for verdict in verdicts:
        goal = verdict.goal
        if verdict.value is None:
            continue
        name = goal.row if goal.fs == "dbmount" else f"{goal.row} (sync=close)"
        limit = number(verdict.null) if verdict.null is not None and goal.than != "null" else ""
        lines.append([name, goal.text(), number(verdict.value), limit, goal.prototype,
                      verdict.word])
    if lines:
        table(["", "goal", "now", "nullfs", "prototype", ""], lines)
    missing = [v for v in verdicts if v.value is None]
    if not lines:
        say("none: they compare dbmount, or rows this run left out")
    elif missing:
        say(f"not measured in this run: "
            f"{', '.join(f'{v.goal.row} {v.goal.text()}' for v in missing)}")
    for what, why in goals.NOT_MEASURED:
        say(f"skip - {what}: {why}")
    for problem in failures:
        say(f"failed - {problem}")


def machine():
    with open("/proc/loadavg", encoding="utf-8") as load:
        return {"kernel": platform.release(), "cpus": os.cpu_count(), "load": load.read().split()[0]}


def write_json(path, **content):
    with open(path, "w", encoding="utf-8") as out:
        json.dump({"machine": machine(), **content}, out, indent=1)
        out.write("\n")


def verdicts_as_dicts(verdicts):
    return [{"row": v.goal.row, "fs": v.goal.fs, "limit": v.goal.limit, "than": v.goal.than,
             "value": v.value, "null": v.null, "samples": v.samples, "verdict": v.word} for v in verdicts]
