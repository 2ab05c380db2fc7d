#!/usr/bin/env python3
"""Runs one test program for meson, whose default setup puts this in front of each, and sees to what
none should have to.

- $TMPDIR is a folder of the program's own, and removed in the end. A file that is left in it is a
  failure.
- So is the place where a hub keeps things when nobody says: one that is started without --data or
  --memory leaves files there.
- A process that outlives the program is a failure, and is ended.
- A Python program that is aborted says where it was.
- Signals have their default actions, also in a shell's background job, which ignores SIGINT and
  SIGQUIT, and under nohup, which ignores SIGHUP.
- Of a failed TAP program meson shows stderr alone: so what stands on stdout, passed cases aside, is
  repeated there.
- What all its processes used of the processor is the last line of stdout: unlike how long they
  took, it does not depend on what ran beside them.

usage: runner.py PROGRAM [ARGUMENT...]
"""
import collections
import ctypes
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

PR_SET_CHILD_SUBREAPER = 36
GRACE = 600.0  # seconds for processes that are about to end; passes in vain only where one was left
LINES_MAX = 300


def copy_output(source, unsaid):
    """Passes stdout on, what is no TAP as a comment; keeps all but the plan and passed cases."""
    for line in iter(source.readline, b""):
        if not re.match(rb"(ok |not ok |1\.\.|#)", line):
            line = b"# " + line
        sys.stdout.buffer.write(line)
        sys.stdout.buffer.flush()
        if not re.match(rb"(ok |1\.\.)", line):
            unsaid.append(line)


def children():
    """What a child of this process is called, by its pid. Those that ended are collected on the
    way."""
    found = {}
    with open(f"/proc/self/task/{os.getpid()}/children", encoding="ascii") as file:
        for pid in file.read().split():
            if os.waitpid(int(pid), os.WNOHANG)[0] == 0:
                with open(f"/proc/{pid}/cmdline", encoding="utf-8", errors="replace") as words:
                    found[int(pid)] = words.read().replace("\0", " ").strip()
    return found


def end_those_left():
    """The processes that the program left behind and that do not end; none should be there."""
    end = time.monotonic() + GRACE
    while (left := children()) and time.monotonic() < end:
        time.sleep(0.01)
    while still := children():  # theirs are ours when they have ended
        for pid in still:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
    return [f"left process {pid}: {words}" for pid, words in left.items()]


def surroundings(folder):
    """The environment, without a way to what is the user's."""
    own = {"TMPDIR": folder, "XDG_STATE_HOME": os.path.join(folder, "state"), "PYTHONDONTWRITEBYTECODE": "1", "PYTHONFAULTHANDLER": "1"}
    return {**{name: value for name, value in os.environ.items() if name != "STATE_DIRECTORY"}, **own}


def run(command, folder):
    """The program's exit code, and what is wrong beside it."""
    unsaid = collections.deque(maxlen=LINES_MAX)
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=surroundings(folder)) as program:
        copier = threading.Thread(target=copy_output, args=(program.stdout, unsaid))
        copier.start()
        code = program.wait()
        faults = end_those_left()  # before the copier's end: they may hold the pipe
        copier.join()
    faults += [f"left file {os.path.join(where, name)}" for where, folders, files in os.walk(folder)
               for name in files + folders]
    if code or faults or any(line.startswith(b"not ok") for line in unsaid):
        sys.stderr.buffer.write(b"".join(unsaid))
    for fault in faults:
        print("runner.py:", fault, file=sys.stderr)
    if code < 0:
        print(f"runner.py: ended by signal {-code}", file=sys.stderr)
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    print(f"# CPU {used.ru_utime + used.ru_stime:.2f} s", flush=True)
    return code if code > 0 else 128 - code if code else 1 if faults else 0


def main():
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT):
        if signal.getsignal(number) == signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)
    # meson's, when it waits no longer
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    folder = tempfile.mkdtemp(prefix="khub-test-")
    try:
        sys.exit(run(sys.argv[1:], folder))
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
