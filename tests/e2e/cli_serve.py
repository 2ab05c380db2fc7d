#!/usr/bin/env python3
"""khub serve: where it listens when nobody says, who it says can reach it, and whose process it is.

usage: cli_serve.py KHUB [PART OF A NAME]
"""
import contextlib
import grp
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
sys.path.insert(0, os.path.join(ROOT, "tests", "wire"))
from harness import Skip, check, equal, run, test  # noqa: E402
from program import KHUB, environment, refused  # noqa: E402

LOCAL = "[hub] Only this machine can reach this hub."


@contextlib.contextmanager
def serving(*words, **more):
    """A hub, and the lines that it says until it listens."""
    hub = subprocess.Popen([KHUB, "serve", *words], stdout=subprocess.PIPE, env=environment(**more), text=True)
    try:
        said = []
        while not said or " listening on " not in said[-1]:
            said.append(hub.stdout.readline().rstrip("\n"))
            check(said[-1], "it ended:", said)
        yield hub, said
        hub.send_signal(signal.SIGTERM)
        hub.communicate()
        equal(hub.returncode, 0, "exit code")
    finally:
        hub.kill()
        hub.wait()
        hub.stdout.close()


@test
def a_hub_is_on_loopback_unless_told_otherwise():
    for words, first, address in [
            (["--port", "0"], LOCAL, "127.0.0.1:"),
            (["--listen", "localhost:0"], LOCAL, ""),
            (["--insecure", "--listen", "127.0.0.1:0"], LOCAL, "127.0.0.1:"),
            (["--listen", "0.0.0.0:0"], "[hub] Everyone on the network can connect to this hub, but it takes only", "0.0.0.0:"),
            (["--port", "0", "--insecure"], "[hub] Everyone on the network can reach this hub, and whoever does is in", "0.0.0.0:")]:
        with serving("--memory", *words) as (_, said):
            check(said[0].startswith(first), words, "begins with", said)
            check(f" listening on {address}" in said[-1], words, "has", said)


# ── another user's process ──


def another():
    """A user who is not root and has nothing."""
    if os.geteuid() != 0:
        raise Skip("only root becomes another user")
    return pwd.getpwnam("nobody")


@contextlib.contextmanager
def open_folder():
    """One that everybody may look into, and only root writes to."""
    folder = tempfile.mkdtemp(prefix="khub-test-user-", dir="/tmp")
    os.chmod(folder, 0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


def ids(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        found = dict(line.rstrip("\n").split(":", 1) for line in file)
    return {name: [int(word) for word in found[name].split()] for name in ("Uid", "Gid", "Groups")}


@test
def a_hub_of_another_user_has_that_users_rights_alone():
    user = another()
    with open_folder() as folder:
        for made in (False, True):  # by root, before
            data = f"{folder}/data{made}"
            if made:
                os.mkdir(data, 0o755)
            with serving("--port", "0", "--user", "nobody", "--data", data) as (hub, _):
                equal(ids(hub.pid), {"Uid": [user.pw_uid] * 4, "Gid": [user.pw_gid] * 4,
                                     "Groups": sorted(os.getgrouplist("nobody", user.pw_gid))}, "whose process it is")
            for name in [".", *os.listdir(data)]:
                found = os.stat(os.path.join(data, name))
                equal((found.st_uid, found.st_gid), (user.pw_uid, user.pw_gid), f"whose {name} is")
        equal(oct(os.stat(f"{folder}/dataFalse").st_mode & 0o7777), "0o700", "the directory's mode")


@test
def a_directory_that_is_not_empty_stays_whose_it_is():
    another()
    with open_folder() as folder:
        for mode, name in [(0o700, "somebody's"), (0o777, None)]:
            data = f"{folder}/{mode:o}"
            os.mkdir(data)
            os.chmod(data, mode)
            if name:
                with open(f"{data}/{name}", "w", encoding="ascii"):
                    pass
            refused(1, "serve", "--port", "0", "--user", "nobody", "--data", data, said=[data])
            equal(os.stat(data).st_uid, 0, f"the owner of {data}")


@test
def a_user_that_can_not_be_become_is_named():
    refused(1, "serve", "--memory", "--port", "0", "--user", "nobody-at-all", said=["--user nobody-at-all", "no such user"])
    if os.geteuid() == 0:
        refused(1, "serve", "--memory", "--port", "0", "--user", "root", said=["--user root", "gives up nothing"])
        become = {"user": "nobody", "group": grp.getgrgid(pwd.getpwnam("nobody").pw_gid).gr_name, "extra_groups": []}
        # a copy where that user may run it
        with open_folder() as folder:
            program = shutil.copy(KHUB, folder)
            done = subprocess.run([program, "serve", "--memory", "--port", "0", "--user", "daemon"], capture_output=True,
                                  text=True, check=False, **become)
            equal(done.returncode, 1, done.stderr)
            check("only root can become another user" in done.stderr, done.stderr)


run()
