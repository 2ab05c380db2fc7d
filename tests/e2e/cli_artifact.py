#!/usr/bin/env python3
"""Files handed from one agent with a shell to another: khub artifact put, get and list.

usage: cli_artifact.py KHUB [PART OF A NAME]
"""
import contextlib
import hashlib
import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
sys.path.insert(0, os.path.join(ROOT, "tests", "wire"))
from harness import MIB, Hub, check, equal, fill_up, kill_9, run, sanitized  # noqa: E402
from harness import small_disk, test, wait_until  # noqa: E402
from program import KHUB, Running, environment, harmless, khub, refused, table, worked  # noqa: E402


class Agent:
    """One that has a shell, in a folder of its own."""

    def __init__(self, address, folder, name):
        self.name, self.folder, self.state = name, os.path.join(folder, name), os.path.join(folder, f"{name}.state")
        os.makedirs(self.folder, exist_ok=True)
        worked("join", name, "--hub", address, "--state", self.state)

    def write(self, name, content):
        with open(os.path.join(self.folder, name), "wb") as file:
            file.write(content)
        return os.path.join(self.folder, name)

    def read(self, name):
        with open(os.path.join(self.folder, name), "rb") as file:
            return file.read()

    def run(self, *words):
        done = subprocess.run([KHUB, *words], capture_output=True, cwd=self.folder, check=False,
                              env=environment(KHUB_STATE=self.state))
        return done.returncode, done.stdout.decode(), done.stderr.decode()

    def artifact(self, *words):
        """What a command that works prints."""
        code, out, err = self.run("artifact", *words)
        equal(code, 0, f"exit code of {words} ({err})")
        return out

    def refused(self, *words, said):
        code, out, err = self.run("artifact", *words)
        equal((code, out), (1, ""), f"exit code and output of {words}")
        check(said in err, said, "is not in", err)
        return err


@contextlib.contextmanager
def place(disk=None):
    """A folder, and how a hub is started at an address that stays."""
    with tempfile.TemporaryDirectory(dir=disk) as folder:
        address = f"unix:{folder}/hub"
        yield folder, address, lambda: Hub("--data", os.path.join(folder, "data"), "--no-confine",
                                           listen=("127.0.0.1:0", address))


def begin(hub, *agents):
    """A session that the first of them offers, and the others take, and its id."""
    first = agents[0]
    taker = hub.join("taker", 2)
    code, _, err = first.run("say", "--type", "collaboration_request", "--payload", '{"type":"t"}')
    equal(code, 0, err)
    while (line := taker.receive())["message_type"] != "collaboration_request":
        pass
    session = line["payload"]["session_id"]
    taker.say("collaboration_response", {"session_id": session, "accepted": True})
    for agent in agents[1:]:
        code, _, err = agent.run("say", "--type", "collaboration_response", "--payload",
                                 json.dumps({"session_id": session, "accepted": True}))
        equal(code, 0, err)
    return session, taker


@test
def files_go_from_one_to_another():
    with place() as (folder, address, start), start() as hub:
        ada, bea, cey = (Agent(address, folder, name) for name in ("ada", "bea", "cey"))
        session, taker = begin(hub, ada, bea)
        patch = os.urandom(300000)
        sha256 = hashlib.sha256(patch).hexdigest()
        path = ada.write("fix.patch", patch)
        equal(ada.artifact("put", path), f"fix.patch version 1, 300000 bytes, sha256 {sha256}\n")
        told = json.loads(ada.artifact("put", path, "--json"))  # it is there
        equal((told["status"], told["version"], told["sha256"]), ("kept", 1, sha256))
        for agent, wanted in ((bea, [("fix.patch", "ada")]), (ada, [])):
            found = [one["message"] for one in json.loads(agent.run("recv", "--json")[1])["messages"]]
            equal([(one["payload"]["name"], one["payload"]["by"]) for one in found if one["message_type"] == "artifact"],
                  wanted, f"what {agent.name} is told")
        equal(bea.artifact("get", "fix.patch"), f"fix.patch: 300000 bytes, sha256 {sha256}\n")
        equal(bea.read("fix.patch"), patch)
        equal(os.listdir(bea.folder), ["fix.patch"])
        # nothing is written over unless that is said
        bea.write("fix.patch", b"mine")
        bea.refused("get", sha256, said="it is there already; --force writes over it")
        equal(bea.read("fix.patch"), b"mine")
        equal(json.loads(bea.artifact("get", sha256, "--force", "--json")),
              {"path": "fix.patch", "size": 300000, "sha256": sha256})
        equal(bea.read("fix.patch"), patch)
        bea.artifact("get", "fix.patch", "--session", session[:8], "--out", "other")
        # versions
        path = bea.write("fix.patch", b"better")
        bea.refused("put", path, said="the file is at version 1")
        check(bea.artifact("put", path, "--base", "1").startswith("fix.patch version 2, 6 bytes"), "its version")
        ada.artifact("get", "fix.patch", "--out", "second")
        equal(ada.read("second"), b"better")
        ada.artifact("get", sha256, "--out", "first")
        equal(ada.read("first"), patch)
        empty = ada.write("empty", b"")
        ada.artifact("put", empty, "--for-room", "--session", session, "--name", "a/b \x1b[31m".replace("\x1b", "e"))
        # who is in the room, and not in the session
        cey.refused("get", "fix.patch", said="there is no file 'fix.patch' that you may read")
        cey.refused("put", path, said="you take part in no active session")
        cey.refused("put", path, "--session", session, said="you take part in no session")
        rows = table(harmless(ada.artifact("list")))
        equal([(row["NAME"], row["VERSION"], row["BYTES"], row["BY"]) for row in rows],
              [("fix.patch", "1, former", "300000", "ada"), ("fix.patch", "2", "6", "bea"),
               ("a/b e[31m", "1", "0", "ada")])
        equal([one["name"] for one in json.loads(cey.artifact("list", "--json"))], ["a/b e[31m"])
        cey.artifact("get", "a/b e[31m", "--out", "nothing")
        equal(cey.read("nothing"), b"")
        # what is none, and what ends
        ada.refused("put", ada.folder, said="it is no file")
        ada.refused("put", "missing", said="No such file")
        equal(khub("artifact", "put", KHUB_STATE=ada.state).code, 2, "exit code of nothing to put")
        taker.say("collaboration_update", {"session_id": session, "status": "failed"})
        while taker.receive()["payload"].get("status") != "failed":
            pass
        bea.artifact("get", "fix.patch", "--out", "evidence")
        equal(bea.read("evidence"), b"better")
        bea.refused("put", path, said="you take part in no active session")


def on_disk(data):
    """Bytes of the hub's database."""
    return sum(os.path.getsize(os.path.join(data, name)) for name in os.listdir(data) if name.startswith("hub.db"))


@test
def a_large_one_through_a_crash_and_in_a_backup():
    """64 MiB, once. The hub is killed on the way, and never has all of it in its memory."""
    size = (2 if sanitized() else 64) * MIB
    with place() as (folder, address, start):
        hub, data = start(), os.path.join(folder, "data")
        ada, bea = Agent(address, folder, "ada"), Agent(address, folder, "bea")
        begin(hub, ada, bea)
        block, begun = os.urandom(MIB), on_disk(data)
        content = b"".join(bytes([at]) + block[1:] for at in range(size // MIB))
        path, sha256 = ada.write("archive", content), hashlib.sha256(content).hexdigest()
        with Running("artifact", "put", path, KHUB_STATE=ada.state) as sending:
            wait_until(lambda: on_disk(data) > begun + size // 4 or sending.process.poll() is not None, "some of it")
            kill_9(hub)
            code, err = sending.end(signal.SIGINT)
            equal(code, 1, err)
        hub = start()
        before = hub.rss()
        (there,) = json.loads(ada.artifact("list", "--json"))
        equal((there["status"], there["name"], there["size"]), ("open", "archive", size))
        check(0 < there["next"] < there["chunks"], there)
        check(re.search(r"archive +\d+ % here", ada.artifact("list")), "how far it is")
        times = [time.monotonic()]
        ada.artifact("put", path)
        times.append(time.monotonic())
        bea.artifact("get", "archive")
        times.append(time.monotonic())
        peak = memory_peak(hub)
        equal(bea.read("archive"), content)
        left = (there["chunks"] - there["next"]) * there["chunk"] / MIB
        print(f"# {left:.0f} MiB sent in {times[1] - times[0]:.2f} s, {size // MIB} MiB fetched in "
              f"{times[2] - times[1]:.2f} s; the hub had {before / MIB:.0f} MiB, at most {peak / MIB:.0f} MiB")
        if not sanitized():
            check(peak < before + 40 * MIB, f"the hub held {peak / MIB:.0f} MiB")
        copy = os.path.join(folder, "copy")
        os.mkdir(copy, 0o700)
        worked("backup", data, os.path.join(copy, "hub.db"))
        kill_9(hub)
        for where in (copy, data):
            worked("check", where)
        with Hub("--data", copy, listen=("127.0.0.1:0", address)):
            bea.artifact("get", sha256, "--force")
        equal(bea.read("archive"), content)
        with contextlib.closing(sqlite3.connect(os.path.join(data, "hub.db"))) as database:
            database.execute("DELETE FROM chunks WHERE id = (SELECT max(id) FROM chunks)")
            database.commit()
        result = khub("check", data)
        equal(result.code, 1, "exit code of a check of a file that is not all there")
        check("missing part of a file, of entry" in result.out + result.err, result.out, result.err)


def memory_peak(hub):
    with open(f"/proc/{hub.process.pid}/status", encoding="ascii") as file:
        return int(re.search(r"VmHWM:\s+(\d+) kB", file.read()).group(1)) * 1024


@test
def a_full_disk_says_so_and_leaves_nothing():
    with place() as (folder, address, start), start() as hub, small_disk(2) as disk:
        ada, bea = Agent(address, folder, "ada"), Agent(address, disk, "bea")
        begin(hub, ada, bea)
        ada.artifact("put", ada.write("f", os.urandom(MIB)))
        fill_up(os.path.join(disk, "ballast"), 400000)
        here = sorted(os.listdir(bea.folder))
        bea.refused("get", "f", said="f: No space left on device")
        equal(sorted(os.listdir(bea.folder)), here, "what is there")


run()
