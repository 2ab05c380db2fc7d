#!/usr/bin/env python3
"""khub admin retract: what should never have been said, or shared, and where it is looked for.

usage: cli_retract.py KHUB [PART OF A NAME]
"""
import contextlib
import glob
import json
import os
import sqlite3
import sys

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
sys.path.insert(0, os.path.join(ROOT, "tests", "wire"))
from harness import Client, Hub, check, directory, equal, kill_9, run, settle, test  # noqa: E402
from harness import wait_until  # noqa: E402
from program import refused, worked  # noqa: E402

SECRET = "hunter2hunter2"
REASON = "a password in it"


class Lab:
    """A directory with tokens: of an admin, of alice and of carol; and the hub on it."""

    def __init__(self, data):
        self.data = data
        self.tokens = {name: worked("token", "add", name, *options, "--data", data).out.strip()
                       for name, options in {"ops": ("--role", "admin"), "alice": (), "carol": ()}.items()}
        self.hub = None

    def join(self, name, token, **payload):
        client = Client(("127.0.0.1", self.hub.port))
        self.hub.clients.append(client)
        client.hello(name, 2, token=self.tokens[token], **payload)
        return client

    def admin(self, *words, said=None):
        """Worked; or, with `said`, refused with these words."""
        here = {"hub": self.hub, "KHUB_TOKEN": self.tokens["ops"]}
        return worked("admin", *words, **here) if said is None else refused(1, "admin", *words, **here, said=said)

    def ask(self, *words):
        return worked(*words, hub=self.hub, KHUB_TOKEN=self.tokens["ops"]).out

    def log(self):
        """{seq: message}, of the hub if one runs, else of its directory."""
        out = self.ask("log", "--json", "--since", "1") if self.hub else \
            worked("log", "--data", self.data, "--json", "--since", "1").out
        check(SECRET not in out, out)
        return {found["seq"]: found["message"] for found in map(json.loads, out.splitlines())}

    def retract(self, seq):
        equal(self.admin("retract", "--seq", str(seq), "--reason", REASON).out, f"seq {seq}: retracted in room main\n")


def said(client, message_type, payload, target=None):
    """Says it, and returns its seq."""
    client.say(message_type, payload, target)
    while (line := client.receive())["message_type"] != "ack":
        pass
    return line["payload"]["seq"]


def expect_tombstone(message, **target):
    payload = message["payload"]
    equal((message["message_type"], message["sender_id"], payload["action"], payload["target"], payload["by"],
           payload["reason"]), ("moderation", "hub", "retract", target, "ops", REASON))
    check(message["timestamp"].startswith("20"), message)


def expect_nothing_said(lab, seqs, last):
    """Of these seqs, {seq: target}, nothing but that they were taken back; of `last` all."""
    log = lab.log()
    for seq, target in seqs.items():
        expect_tombstone(log[seq], **target)
    equal(log[last]["payload"]["text"], "last")


@test
def what_was_taken_back_is_told_to_nobody():
    with directory() as data:
        lab = Lab(data)
        with Hub("--data", data) as lab.hub:
            ada, bea = lab.join("ada", "alice", acks=True), lab.join("bea", "carol")
            seen = said(ada, "chat", {"text": "first"})
            bea.close()
            ada.drain()
            loud = said(ada, "chat", {"text": SECRET})
            quiet = said(ada, "chat", {"text": f"you alone: {SECRET}", "reply_by": 3600}, "bea")
            shared = said(ada, "pattern_share", {"pattern": {"id": "leak", "note": f"the word is {SECRET}"}}, "bea")
            last = said(ada, "chat", {"text": "last"})
            check(SECRET in lab.ask("log", "--json"), "it was said")
            equal(json.loads(lab.ask("dead", "--json"))["total"], 2)
            lab.retract(loud)
            lab.retract(quiet)
            equal(lab.admin("retract", "leak", "--reason", REASON).out, "leak: retracted in room main\n")
            gone = {loud: {"seq": loud}, quiet: {"seq": quiet}, shared: {"id": "leak"}}
            expect_nothing_said(lab, gone, last)
            equal(json.loads(lab.ask("dead", "--json"))["total"], 0)
            check(SECRET not in lab.ask("kb", "search", "word") + lab.ask("kb", "list", "--json"))
            lab.admin("retract", "--seq", str(loud), "--reason", "r", said=("already",))
            lab.admin("retract", "--seq", "999999", "--reason", "r", said=("no seq 999999", "the last is"))
            lab.admin("retract", "--seq", "1", "--reason", "r", said=("no message",))
            refused(1, "admin", "retract", "--seq", str(last), "--reason", "r", hub=lab.hub,
                    KHUB_TOKEN=lab.tokens["alice"], said=("an admin's",))
        lab.hub = None
        expect_nothing_said(lab, gone, last)
        with Hub("--data", data) as lab.hub:
            expect_nothing_said(lab, gone, last)
            bea = lab.join("bea", "carol", since=seen)  # who was away
            lines = {}
            while last not in lines:
                line = bea.receive()
                lines[line["seq"]] = line
            check(SECRET not in json.dumps(lines), lines)
            for seq, target in gone.items():
                expect_tombstone(lines[seq], **target)
        acts = worked("audit", "--data", data).out
        check(f"message {loud} in room" in acts, acts)
        worked("check", data)


@test
def a_hub_that_is_killed_does_not_bring_it_back():
    with directory() as data:
        lab, gone = Lab(data), {}
        for at in range(6):
            lab.hub = Hub("--data", data)
            ada, root = lab.join("ada", "alice", acks=True), lab.join("root", "ops")
            seq = said(ada, "chat", {"text": f"{SECRET} {at}"})
            last = said(ada, "chat", {"text": "last"})
            if at % 2:
                settle(ada)
            root.say("moderation", {"action": "retract", "target": {"seq": seq}, "reason": REASON})
            while root.receive()["message_type"] != "moderation":
                pass
            kill_9(lab.hub)
            gone[seq] = {"seq": seq}
            lab.hub = None
            expect_nothing_said(lab, gone, last)
            worked("check", data)
            expect_nothing_said(lab, gone, last)
        with Hub("--data", data) as lab.hub:
            expect_nothing_said(lab, gone, last)


def kept(data, *rows):
    """What is kept for who was away, as rows; or put back."""
    with contextlib.closing(sqlite3.connect(os.path.join(data, "hub.db"))) as database, database:
        if rows:
            database.execute("DELETE FROM message_packs")
            database.execute("DELETE FROM meta WHERE name GLOB 'wipe*'")
            database.executemany("INSERT INTO message_packs VALUES (?, ?, ?, ?, ?)", rows)
        state = database.execute("SELECT bytes FROM state WHERE kind = 0").fetchone()
        return database.execute("SELECT * FROM message_packs").fetchall(), json.loads(state[0])["seq"] if state else 0


@test
def what_was_ordered_before_a_crash_is_done_after_it():
    with directory() as data:
        lab, ordered, upto = Lab(data), 0, 0
        while upto >= ordered:  # else a checkpoint was there before the crash
            with Hub("--data", data) as lab.hub:
                ada = lab.join("ada", "alice", acks=True)
                seq = said(ada, "chat", {"text": SECRET})
                last = said(ada, "chat", {"text": "last"})
                settle(ada)
            before, _ = kept(data)
            lab.hub = Hub("--data", data)
            root = lab.join("root", "ops")
            root.say("moderation", {"action": "retract", "target": {"seq": seq}, "reason": REASON})
            while (line := root.receive())["message_type"] != "moderation":
                pass
            ordered = line["seq"]
            kill_9(lab.hub)
            worked("check", data)
            _, upto = kept(data, *before)
        lab.hub = None
        expect_nothing_said(lab, {seq: {"seq": seq}}, last)
        with Hub("--data", data) as lab.hub:
            expect_nothing_said(lab, {seq: {"seq": seq}}, last)
        lab.hub = None
        expect_nothing_said(lab, {seq: {"seq": seq}}, last)
        worked("check", data)


def disk_has(data):
    found = []
    for path in glob.glob(os.path.join(data, "hub.db*")):
        with open(path, "rb") as file:
            if SECRET.encode() in file.read():
                found.append(path)
    return found


@test
def its_bytes_leave_the_disk():
    with directory() as data:
        lab = Lab(data)
        with Hub("--data", data) as lab.hub:
            ada = lab.join("ada", "alice", acks=True)
            seq = said(ada, "chat", {"text": f"{SECRET} {'x' * 50000}"})
            said(ada, "pattern_share", {"pattern": {"id": "leak", "note": SECRET}})
            last = said(ada, "chat", {"text": "last"})
            settle(ada)
            check(disk_has(data), "it was written")
            lab.retract(seq)
            lab.admin("retract", "leak", "--reason", REASON)
            wait_until(lambda: not disk_has(data), "a checkpoint, behind which it is overwritten")
            copy = os.path.join(os.path.dirname(data), "copy")
            os.mkdir(copy)
            worked("backup", data, os.path.join(copy, "hub.db"))
            equal(disk_has(copy), [])
        worked("check", data)
        worked("check", copy)
        lab.hub = None
        expect_nothing_said(lab, {seq: {"seq": seq}}, last)
        whole = os.path.join(os.path.dirname(data), "whole")
        worked("check", data, "--salvage", whole)
        equal((disk_has(data), disk_has(whole)), ([], []))


run()
