"""What the hub says to people and collectors, and the signals about it: nobody who reads slowly, or
not at all, holds it up."""

import fcntl
import os
import signal
import subprocess
import termios

from harness import Hub, check, equal, pseudo_terminal, run, test, wait_until

VISITS = 150  # of which each says more to console and log than a small pipe takes


def small_pipe():
    """A pipe that a page fills: (reading end, writing end)."""
    ends = os.pipe()
    fcntl.fcntl(ends[1], fcntl.F_SETPIPE_SZ, 4096)
    return ends


def stands_still(name, reader, writer):
    """A hub whose `name` (stdout or stderr) is `writer`, which nobody reads, answers and stops all
    the same. Returns what there was to read in the end."""
    with Hub(**{name: writer}) as hub:
        os.close(writer)
        ada = hub.join("ada", 2)
        for number in range(VISITS):
            hub.join(f"visitor {number}").close()
            ada.drain()
            ada.say("heartbeat")
            ada.expect("heartbeat")
        ada.close()
        hub.process.send_signal(signal.SIGTERM)
        equal(hub.process.wait(60), 0, "exit code")
    found = b""
    while True:
        try:
            data = os.read(reader, 1 << 16)
        except OSError:  # a terminal whose other side is gone
            data = b""
        if not data:
            os.close(reader)
            return found
        found += data


@test
def a_console_that_nobody_reads_holds_nothing_up():
    found = stands_still("stdout", *small_pipe())
    check(b"listening on" in found, found)


@test
def a_log_that_nobody_reads_holds_nothing_up():
    found = stands_still("stderr", *small_pipe())
    check(b"event=listening" in found, found)


@test
def a_stopped_terminal_holds_nothing_up():
    reader, writer = pseudo_terminal()
    termios.tcflow(writer, termios.TCOOFF)  # Ctrl-S
    stands_still("stdout", reader, writer)


@test
def what_is_read_late_is_all_there():
    reader, writer = small_pipe()
    with Hub(stdout=writer) as hub:
        os.close(writer)
        for number in range(VISITS):
            hub.join(f"visitor {number}").close()
        wait_until(lambda: hub.log().count(" event=disconnected ") == VISITS, "the end of all visits")
        found = b""
        while found.count(b"\n") < 1 + 2 * VISITS:
            found += os.read(reader, 1 << 16)
        check(b"missing" not in found, found)
    os.close(reader)


@test
def what_finds_no_room_is_counted():
    reader, writer = small_pipe()
    with Hub("--log-most", 10000, stdout=subprocess.DEVNULL, stderr=writer) as hub:
        os.close(writer)
        ada = hub.join("ada", 2)
        # counters: half a kilobyte each, so more than waits and is on its way together
        for _ in range(100):
            hub.process.send_signal(signal.SIGUSR1)
            ada.say("heartbeat")
            ada.expect("heartbeat")
        found = b""
        while b" event=dropped lines=" not in found:
            found += os.read(reader, 1 << 16)
        for line in found.splitlines()[:-1]:
            check(line.startswith(b"time="), "not a line of the log:", line)
        os.close(reader)


# ── signals ──


@test
def sighup_opens_the_log_anew():
    path = os.path.join(os.environ.get("TMPDIR", "/tmp"), f"khub-test-log-{os.getpid()}")
    with Hub("--log", path) as hub:
        try:
            hub.process.send_signal(signal.SIGHUP)
            wait_until(lambda: os.path.exists(path) and "event=reopened" in open(path, encoding="utf-8").read(), "the log")
            os.rename(path, path + ".1")
            hub.process.send_signal(signal.SIGHUP)
            wait_until(lambda: os.path.exists(path) and "event=reopened" in open(path, encoding="utf-8").read(), "the log")
            hub.join("ada", 1)
            wait_until(lambda: "ai=ada" in open(path, encoding="utf-8").read(), "a line about ada")
            check("ai=ada" not in open(path + ".1", encoding="utf-8").read())
        finally:
            for name in (path, path + ".1"):
                if os.path.exists(name):
                    os.unlink(name)


@test
def a_log_that_can_not_be_opened_anew_goes_on_where_it_is():
    with Hub("--log", "/nonexistent/log") as hub:
        hub.process.send_signal(signal.SIGHUP)
        hub.wait_log('event=warning log=/nonexistent/log error="No such file or directory"')
        hub.join("ada", 1)
        hub.wait_log("ai=ada")


@test
def ending_signals_leave_no_socket_behind_and_sighup_ends_nothing():
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT):
        with Hub(listen=("127.0.0.1:0", "unix:FOLDER/socket")) as hub:
            hub.process.send_signal(signal.SIGHUP)
            with_socket = hub.connect(os.path.join(hub.folder, "socket"))
            with_socket.hello("ada", 1)
            with_socket.close()
            equal(hub.stop(number), 0, f"exit code at {number.name}")
            hub.wait_log(f"event=stopping signal={number.name}")
            equal(sorted(os.listdir(hub.folder)), ["console", "log", "port"], f"left after {number.name}")


run()
