#!/usr/bin/env python3
"""Says which of the given names is no test of a build directory, and what was meant. Exits 2 then.

usage: names.py BUILD [NAME | OPTION OF MESON TEST]...
"""
import difflib
import json
import subprocess
import sys


def main():
    build, words = sys.argv[1], sys.argv[2:]
    listing = subprocess.run(["meson", "introspect", "--tests", build], stdout=subprocess.PIPE, check=True).stdout
    tests = json.loads(listing)
    names = {test["name"] for test in tests}
    suites = {suite.split(":")[-1] for test in tests for suite in test["suite"]}
    unknown = 0
    known = names
    for word in words:
        if word in ("--suite", "--no-suite"):
            known = suites
            continue
        if not word.startswith("-") and word not in known:
            what = "suite" if known is suites else "test"
            near = difflib.get_close_matches(word, known, n=3, cutoff=0.5) or sorted(
                name for name in known if word in name)[:3]
            hint = f"; did you mean {', '.join(near)}?" if near else f"; there are: {', '.join(sorted(known))}"
            print(f"dev: no {what} is called \"{word}\"{hint}", file=sys.stderr)
            unknown += 1
        known = names
    return 2 if unknown else 0


if __name__ == "__main__":
    sys.exit(main())
