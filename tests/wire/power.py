"""Least power: what a hub takes from itself once it serves, and sockets that somebody else listens
on for it."""

import fcntl
import os
import signal
import socket
import subprocess
import tempfile

from harness import PATIENCE, Client, Hub, Skip, check, directory, equal, is_khub, program_command, run, sanitized, test


def status(pid, thread=None):
    """The kernel's word on a process or one of its threads."""
    path = f"/proc/{pid}/task/{thread}/status" if thread else f"/proc/{pid}/status"
    with open(path, encoding="ascii") as file:
        return dict(line.split(":", 1) for line in file.read().splitlines() if ":" in line)


def powers(hub):
    """NoNewPrivs and Seccomp of each of its threads."""
    threads = os.listdir(f"/proc/{hub.process.pid}/task")
    check(len(threads) > 2, threads)
    return {(status(hub.process.pid, thread)["NoNewPrivs"].strip(), status(hub.process.pid, thread)["Seccomp"].strip())
            for thread in threads}


@test
def all_threads_of_a_hub_are_confined():
    if sanitized():
        raise Skip("a sanitizer's reports want what this takes away")
    with directory() as data, Hub("--data", data) as hub:
        equal(powers(hub), {("1", "2")}, "NoNewPrivs and Seccomp")
        with open(f"/proc/{hub.process.pid}/limits", encoding="ascii") as file:
            core = [line for line in file if line.startswith("Max core file size")]
        equal(core[0].split()[4:6], ["0", "0"], "most of a core dump")
        hub.wait_log("event=confined calls=yes landlock=[0-9]+\n")
        hub.join("ada", 1)


@test
def a_hub_that_is_not_confined_says_so():
    with directory() as data, Hub("--data", data, "--no-confine") as hub:
        equal(powers(hub), {("0", "0")}, "NoNewPrivs and Seccomp")
        hub.wait_log("event=confined calls=no landlock=0\n")
        if not sanitized():
            hub.wait_console("[hub] WARNING: --no-confine")
        hub.join("ada", 1)


# ── sockets that are passed ──


def high(end):
    """The socket under a number above those that it is to be passed as."""
    with end:
        return socket.socket(fileno=fcntl.fcntl(end.fileno(), fcntl.F_DUPFD_CLOEXEC, 100))


def listening():
    return high(socket.create_server(("127.0.0.1", 0)))


def passed_to(sockets, *options, count=None, pid="$$"):
    """A hub's process that has these sockets as systemd passes them."""
    moved = "".join(f"exec {3 + at}<&{end.fileno()}; " for at, end in enumerate(sockets))
    count = len(sockets) if count is None else count
    script = f'{moved}export LISTEN_PID={pid} LISTEN_FDS={count} LISTEN_FDNAMES=x; exec "$@"'
    memory = ["--memory"] if is_khub() else []
    return subprocess.Popen(["bash", "-c", script, "bash", *program_command(), *memory, *options],
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                            pass_fds=[end.fileno() for end in sockets])


def until(process, part):
    """What it says up to a line that has this part."""
    lines = []
    while not lines or part not in lines[-1]:
        lines.append(process.stdout.readline())
        check(lines[-1], "it ended:", lines)
    return lines


@test
def a_hub_takes_sockets_that_are_passed_to_it():
    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/socket"
        local = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        local.bind(path)
        local.listen()
        with listening() as first, high(local) as second:
            address = first.getsockname()
            early = Client(address)  # before there is a hub
            hub = passed_to([first, second])
            try:
                said = until(hub, "event=listening address=unix:")
                check(not any(":6000" in line for line in said), "it listens elsewhere, too:", said)
                early.hello("ada", 1)
                late = Client(path)
                late.hello("bea", 1)
                early.expect("hello")
            finally:
                hub.send_signal(signal.SIGTERM)
                hub.communicate()
            equal(hub.returncode, 0, "exit code")
            check(os.path.exists(path), "whose file it is not, it removed")
            early.close()
            late.close()


@test
def what_is_passed_to_another_process_is_not_this_hubs():
    with listening() as end, tempfile.TemporaryDirectory() as folder:
        hub = passed_to([end], "--listen", f"unix:{folder}/socket", pid="1")
        try:
            said = until(hub, "event=listening")
            check("unix:" in said[-1], said)
        finally:
            hub.send_signal(signal.SIGTERM)
            rest, _ = hub.communicate()
        check("127.0.0.1" not in rest, rest)


@test
def what_is_passed_and_listens_not_is_named():
    with high(socket.socket()) as deaf, high(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as other:
        for sockets, count, words in [([deaf], 1, ["descriptor 3", "LISTEN_FDS"]), ([other], 1, ["descriptor 3"]),
                                      ([], 1, ["descriptor 3"]), ([deaf], 17, ["17", "16"])]:
            hub = passed_to(sockets, count=count)
            said, _ = hub.communicate(timeout=PATIENCE)
            equal(hub.returncode, 1, f"exit code ({said})")
            for word in words:
                check(word in said, repr(word), "is not in", said)


run()
