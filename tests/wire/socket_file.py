"""The file of a unix socket: whose it is, when hubs start at once, die, or belong to different
users."""

import os
import shutil
import signal
import subprocess
import tempfile

from harness import PATIENCE, Client, Hub, Skip, check, equal, program_command, run, test, wait_until

TOGETHER = 8


def start(path, number, **more):
    """A hub on that socket, with its stderr in a pipe."""
    return subprocess.Popen(program_command() + ["--listen", f"unix:{path}", "--port-file", f"{path}.port{number}"],
                            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, **more)


def end(process):
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=PATIENCE)
    return process.returncode


@test
def of_many_that_start_at_once_one_runs():
    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/socket"
        dead = Hub(listen=("127.0.0.1:0", f"unix:{path}"))
        dead.kill()
        for attempt in range(10):
            hubs = [start(path, f"{attempt}.{number}") for number in range(TOGETHER)]
            try:
                def started(number):
                    return os.path.exists(f"{path}.port{attempt}.{number}")

                wait_until(lambda: all(hub.poll() is not None or started(number) for number, hub in enumerate(hubs)),
                           "all to run or give up")
                running = [hub for hub in hubs if hub.poll() is None]
                equal(len(running), 1, "hubs that run")
                for hub in hubs:
                    if hub in running:
                        continue
                    said = hub.communicate(timeout=PATIENCE)[1]
                    equal(hub.returncode, 1, "exit code of one too many")
                    check("in use" in said and "hint:" in said and "listens there" in said, said)
                client = Client(path)
                client.hello("ada", 1)
                client.close()
                late = start(path, "late")
                check(f"process {running[0].pid} listens there" in late.communicate(timeout=PATIENCE)[1])
                if attempt % 2:
                    running[0].kill()  # and leaves its file to the next round
                    running[0].communicate(timeout=PATIENCE)
                else:
                    equal(end(running[0]), 0, "exit code of the one that ran")
                    check(not os.path.exists(path) and not os.path.exists(f"{path}.lock"), os.listdir(folder))
            finally:
                for hub in hubs:
                    if hub.poll() is None:
                        hub.kill()
                        hub.communicate(timeout=PATIENCE)


@test
def another_users_hub_does_not_replace_a_living_socket():
    if os.geteuid() != 0:
        raise Skip("only root can be two users")
    folder = tempfile.mkdtemp(prefix="khub-test-", dir="/tmp")  # $TMPDIR may be closed to others
    try:
        os.chmod(folder, 0o777)
        path = f"{folder}/socket"
        with Hub(listen=("127.0.0.1:0", f"unix:{path}")) as hub:
            os.chmod(path, 0o700)
            for without_lock in (False, True):  # a program that is no hub has none
                if without_lock:
                    os.unlink(f"{path}.lock")
                try:
                    other = start(path, "other", user=65534, group=65534, extra_groups=[])
                except PermissionError as error:
                    raise Skip("another user can't run the program here") from error
                said = other.communicate(timeout=PATIENCE)[1]
                equal(other.returncode, 1, f"exit code of the other user's ({said})")
                check("in use" in said and "hint:" in said, said)
                hub.connect(path).hello(f"ada {without_lock}", 1)
    finally:
        shutil.rmtree(folder)


run()
