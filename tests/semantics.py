#!/usr/bin/env python3
"""Checks that every sentence of SEMANTICS.md is bound to a test that passed.

    tests/semantics.py SEMANTICS.md RESULTS

A sentence is a list item that ends in the name of its test, or of several:

    - A new file may leave the key members out. (test: mounted/write: new-item-without-keys)

Names are those that tests/run prints behind `ok - `: `mounted/<script>: <test>`,
`unit/<suite>: <function>`, `engine/conformance_<service>_<backend>: <function>`. RESULTS holds these
lines. Each sentence is one line of output and counts as a test of its own."""

import re
import sys


def sentences(text):
    """List items, each with its continuation lines joined."""
    item = None
    fenced = False
    for line in text.splitlines() + [""]:
        if line.startswith("```"):
            fenced = not fenced
        started = re.match(r"\s*[-*] +(.*)", line)
        if started and not fenced:
            if item:
                yield item
            item = started.group(1)
        elif item and line.strip() and line[0] in " \t":
            item += " " + line.strip()
        elif item:
            yield item
            item = None


def outcomes(path):
    seen = {}
    with open(path, encoding="utf-8", errors="replace") as file:
        for line in file:
            found = re.match(r"(ok|not ok|skip) - (.*)", line.rstrip("\n"))
            if not found:
                continue
            word, name = found.groups()
            if word == "skip":
                # A skip says why behind its name.
                name = re.match(r"([^:]*: [^:]*|[^:]*)", name).group(1)
            if seen.get(name) != "not ok":
                seen[name] = word
    return seen


def judge(tests, seen):
    if not tests:
        return "not ok", "names no test"
    for name in tests:
        word = seen.get(name)
        if word == "skip":
            return "skip", "its test was skipped"
        if word != "ok":
            return "not ok", ("its test failed: " if word else "no such test ran: ") + name
    return "ok", ""


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        items = list(sentences(file.read()))
    seen = outcomes(sys.argv[2])
    good = bool(items)
    for item in items:
        tests = [name.strip() for name in re.findall(r"\(test: ([^()]*)\)", item)]
        sentence = re.sub(r"\s*\(test: [^()]*\)", "", item).rstrip(" .")
        word, why = judge(tests, seen)
        print("%s - SEMANTICS: %s%s" % (word, sentence, ": " + why if word == "skip" else ""))
        if word == "not ok":
            print("#   %s" % why)
            good = False
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
