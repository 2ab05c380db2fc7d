#!/usr/bin/env python3
"""Adds up what `meson test` wrote in each build directory into one line: N passed, N failed, N
skipped.

usage: tally.py SUITES_FAILED BUILD...

SUITES_FAILED is 1 when some `meson test` ended with an error.

Says each failure, the reason of each skip, the slowest programs and the CPU time of each build's
first. A program that ended with an error which is none of its cases' (it crashed between them, or
at its end, or hung) is a failure of its own. Exits 1 when anything failed or nothing ran.
"""
import collections
import json
import os
import re
import signal
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
    """Every test case of a build's last run: (its program's name, its name, its element). A program
    that tells of cases has a suite of its own, PROJECT.PROGRAM; any other is a case itself: ""."""
    for suite in ElementTree.parse(log(build, "testlog.junit.xml")).getroot().iter("testsuite"):
        for case in suite.findall("testcase"):
            yield suite.get("name").partition(".")[2], f"{build}: {suite.get('name')}: {case.get('name')}", case


def programs(build):
    """Every test program of a build's last run, as meson wrote it down."""
    with open(log(build, "testlog.json"), encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def short(build, program):
    return f"{build}: {program['name'].split(' / ')[-1]}"


def cpu_seconds(program):
    """Of all its processes, as runner.py wrote them down; 0 where it did not run it."""
    said = re.findall(r"^# CPU ([\d.]+) s$", program.get("stdout", ""), re.M)
    return float(said[-1]) if said else 0.0


def died(program):
    """By a signal: then it did not end as a program does whose cases failed. The runner in front of
    it ends with 128 and the signal's number."""
    code = program.get("returncode", 0)
    number = -code if code < 0 else code - 128 if code > 128 else 0
    try:
        return signal.Signals(number).name if number else None
    except ValueError:
        return None


def end(program, has_failed):
    """What was wrong with a program that tells of cases beside these; None: nothing."""
    result = program.get("result", "OK")
    if result in ("OK", "SKIP", "EXPECTEDFAIL"):
        return None
    if result == "TIMEOUT":
        return "hung"
    if died(program):
        return f"was killed by {died(program)}"
    if has_failed:
        return None
    code = program.get("returncode", 0)
    return f"ended with {code}" if code else "ended before its last case"


def main():
    suites_failed, builds = int(sys.argv[1]), sys.argv[2:]
    counts = {"passed": 0, "failed": 0, "skipped": 0}
    ran = {build: {program["name"]: program for program in programs(build)} for build in builds}
    for build in builds:
        failed_in = collections.Counter()  # programs that tell of cases
        for program, name, case in cases(build):
            kind, text = outcome(case)
            wrong = end(ran[build].get(case.get("name"), {}), False) if not program and kind == "passed" else None
            if wrong:  # JUnit's words have none for one that was ended before it told of a case
                kind, text = "failed", wrong
            counts[kind] += 1
            failed_in[program] += kind == "failed"
            if kind != "passed":
                print(f"{kind}: {name}" + (f": {text}" if text else ""))
        for name, program in ran[build].items():
            wrong = end(program, failed_in[name] > 0) if name in failed_in else None
            if wrong:
                counts["failed"] += 1
                print(f"failed: {short(build, program)}: outside its cases: {wrong}; see meson-logs/testlog.txt")
    if suites_failed and not counts["failed"]:
        counts["failed"] = 1
        print("failed: meson ended with an error; see test.out")
    slowest = sorted(((program["duration"], short(build, program), cpu_seconds(program))
                      for build in builds for program in ran[build].values()), reverse=True)[:SLOWEST]
    print("slowest: " + ", ".join(f"{name} {seconds:.1f} s (CPU {cpu:.1f} s)" for seconds, name, cpu in slowest))
    print("CPU: " + ", ".join(f"{build} {sum(map(cpu_seconds, ran[build].values())):.0f} s" for build in builds))
    print(f"{counts['passed']} passed, {counts['failed']} failed, {counts['skipped']} skipped")
    return 1 if counts["failed"] or not counts["passed"] else 0


if __name__ == "__main__":
    sys.exit(main())
