#!/usr/bin/env python3
"""Adds up what `meson test` wrote in each build directory into one line: N passed, N failed, N
skipped.

usage: tally.py SUITES_FAILED BUILD...

SUITES_FAILED is 1 when some `meson test` ended with an error.

Says each failure, the reason of each skip and the slowest programs first. Exits 1 when anything
failed or nothing ran.
"""
import json
import os
import sys
import xml.etree.ElementTree as ElementTree

SLOWEST = 10


def log(build, name):
    return os.path.join(build, "meson-logs", name)


def outcome(case):
    """'failed', 'skipped' or 'passed', and what is said about it."""
    for tag, name in (("failure", "failed"), ("error", "failed"), ("skipped", "skipped")):
        found = case.find(tag)
        if found is not None:
            return name, (found.get("message") or found.text or "").strip()
    return "passed", ""


def cases(build):
    """Every test case of a build's last run: (its name, its element)."""
    for suite in ElementTree.parse(log(build, "testlog.junit.xml")).getroot().iter("testsuite"):
        for case in suite.findall("testcase"):
            yield f"{build}: {suite.get('name')}: {case.get('name')}", case


def durations(build):
    """Every test program of a build's last run: (seconds, its name)."""
    with open(log(build, "testlog.json"), encoding="utf-8") as file:
        for line in file:
            program = json.loads(line)
            yield program["duration"], f"{build}: {program['name'].split(' / ')[-1]}"


def main():
    suites_failed, builds = int(sys.argv[1]), sys.argv[2:]
    counts = {"passed": 0, "failed": 0, "skipped": 0}
    for build in builds:
        for name, case in cases(build):
            kind, text = outcome(case)
            counts[kind] += 1
            if kind != "passed":
                print(f"{kind}: {name}" + (f": {text}" if text else ""))
    if suites_failed and not counts["failed"]:
        counts["failed"] = 1
        print("failed: a test program ended with an error outside its cases; see meson-logs/testlog.txt")
    slowest = sorted((one for build in builds for one in durations(build)), reverse=True)[:SLOWEST]
    print("slowest: " + ", ".join(f"{name} {seconds:.1f} s" for seconds, name in slowest))
    print(f"{counts['passed']} passed, {counts['failed']} failed, {counts['skipped']} skipped")
    return 1 if counts["failed"] or not counts["passed"] else 0


if __name__ == "__main__":
    sys.exit(main())
