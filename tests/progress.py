#!/usr/bin/env python3
"""Says now and then how far suites of tests are, and which tests take longest; when there is no
more time for them, what those that still run are waiting for, and ends them.

usage: progress.py SECONDS_GONE BUILD=PID...

PID is that of `meson test`, which writes what it says to BUILD/test.out. There is as much time as
KHUB_TEST_MINUTES in the environment says, SECONDS_GONE of it have passed; without it there is no
end. Ends by itself when they have.

What a test that is ended was waiting for: its processes with their state and the kernel's function
they sleep in, the stacks of those that are programs of ours (if gdb is there), and a Python one's
traceback, which runner.py makes it write when it is aborted.
"""
import os
import re
import shutil
import signal
import subprocess
import sys
import time

EVERY = 180.0  # seconds between two of its lines
LONGEST = 3
WORDS_MAX = 160
TICKS = os.sysconf("SC_CLK_TCK")
INTERPRETERS = re.compile(r"(^|/)(python3?[\d.]*|node|bash|sh)$")


def say(*words):
    print("dev:", *words, file=sys.stderr, flush=True)


def read(pid, name):
    try:
        with open(f"/proc/{pid}/{name}", encoding="utf-8", errors="replace") as file:
            return file.read()
    except OSError:  # it has ended
        return ""


class Process:
    def __init__(self, pid, stat):
        fields = stat.rpartition(")")[2].split()
        self.pid, self.state, self.parent = pid, fields[0], int(fields[1])
        self.cpu = (int(fields[11]) + int(fields[12])) / TICKS
        self.seconds = time.clock_gettime(time.CLOCK_BOOTTIME) - int(fields[19]) / TICKS
        self.words = [word for word in read(pid, "cmdline").split("\0") if word]

    def __str__(self):
        text = " ".join(self.words)
        return (f"{self.pid} {self.state} {self.seconds:.0f} s (CPU {self.cpu:.1f} s) in {read(self.pid, 'wchan') or '-'}: "
                f"{text[:WORDS_MAX]}{'…' if len(text) > WORDS_MAX else ''}")


def processes():
    """All of this machine, by their pids."""
    stats = {int(name): read(name, "stat") for name in os.listdir("/proc") if name.isdigit()}
    return {pid: Process(pid, stat) for pid, stat in stats.items() if stat}


def below(found, pid):
    """(How deep, process) of all that come from this one."""
    for process in found.values():
        if process.parent == pid:
            yield 0, process
            yield from ((depth + 1, other) for depth, other in below(found, process.pid))


def runs(found, suite):
    """(Name, process) of its tests that run now, longest first: each has a runner.py in front."""
    tests = []
    for _, process in below(found, suite):
        runner = next((at for at, word in enumerate(process.words[:3]) if word.endswith("runner.py")), None)
        if runner is not None:
            words = [word for word in process.words[runner + 1:] if not INTERPRETERS.search(word)] or process.words[-1:]
            tests.append((os.path.basename(words[0]), process))
    return sorted(tests, key=lambda test: -test[1].seconds)


def alive(pid):
    return read(pid, "stat").rpartition(")")[2].split()[:1] not in ([], ["Z"])


def how_far(build):
    """As meson counts: "17 of 307"; "none" before the first."""
    try:
        with open(os.path.join(build, "test.out"), encoding="utf-8", errors="replace") as file:
            counts = re.findall(r"^ *(\d+)/(\d+) ", file.read(), re.M)
    except OSError:
        counts = []
    return " of ".join(counts[-1]) if counts else "none"


def say_progress(seconds, suites):
    found = processes()
    tests = sorted(((f"{name} ({build})", process) for build, pid in suites.items() for name, process in runs(found, pid)),
                   key=lambda test: -test[1].seconds)
    say(f"{seconds / 60:.0f} min: " + ", ".join(f"{build} {how_far(build)}" for build in suites) + "; at work: " +
        ", ".join(f"{name} {process.seconds:.0f} s" for name, process in tests[:LONGEST]))


def show_stacks(process):
    debugger = shutil.which("gdb")
    if not debugger or not process.words or INTERPRETERS.search(process.words[0]):
        return
    try:
        done = subprocess.run([debugger, "-p", str(process.pid), "-batch", "-ex", "thread apply all bt 24"],
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL, timeout=60, check=False)
        lines = re.findall(r"^(?:Thread|#).*", done.stdout.decode(errors="replace"), re.M)
        print("".join(f"        {line[:WORDS_MAX]}\n" for line in lines), end="", file=sys.stderr)
    except subprocess.TimeoutExpired:
        say("gdb had nothing to say of", process.pid)


def end(limit, suites):
    """Says what they wait for."""
    found = processes()
    say(f"there are {limit:g} min for the tests (KHUB_TEST_MINUTES), and they are over; what still runs is ended:")
    for build, pid in suites.items():
        for name, runner in runs(found, pid):
            say(f"{build}: {name}, for {runner.seconds:.0f} s")
            for depth, process in below(found, runner.pid):
                print("    " + "  " * depth + str(process), file=sys.stderr)
                show_stacks(process)
            for depth, process in below(found, runner.pid):
                if depth == 0 and alive(process.pid):
                    os.kill(process.pid, signal.SIGABRT)
    time.sleep(2)  # for their tracebacks, which meson shows
    for pid in suites.values():
        if alive(pid):
            os.kill(pid, signal.SIGTERM)


def main():
    began = time.monotonic() - float(sys.argv[1])
    suites = {build: int(pid) for build, _, pid in (word.rpartition("=") for word in sys.argv[2:])}
    limit = float(os.environ.get("KHUB_TEST_MINUTES", "inf"))
    said = time.monotonic()
    while suites:
        time.sleep(0.2)
        now = time.monotonic()
        suites = {build: pid for build, pid in suites.items() if alive(pid)}
        if now - said >= EVERY and suites:
            say_progress(now - began, suites)
            said = now
        if now - began >= 60 * limit:
            end(limit, suites)
            break


if __name__ == "__main__":
    main()
