#!/usr/bin/env python3
"""khub admin: order in a room, as a person or a script keeps it.

usage: cli_admin.py KHUB [PART OF A NAME]
"""
import contextlib
import json
import os
import sqlite3
import sys

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
sys.path.insert(0, os.path.join(ROOT, "tests", "wire"))
from harness import Client, Hub, check, directory, equal, run, test  # noqa: E402
from program import HOSTILE, Running, harmless, khub, refused, row, worked  # noqa: E402


class Lab:
    """A hub with tokens: of an admin, of alice and of carol."""

    def __init__(self, data):
        self.data = data
        self.tokens = {name: worked("token", "add", name, *options, "--data", data).out.strip()
                       for name, options in {"ops": ("--role", "admin"), "alice": (), "carol": ()}.items()}
        self.hub = Hub("--data", data)

    def __enter__(self):
        self.hub.__enter__()
        return self

    def __exit__(self, *error):
        return self.hub.__exit__(*error)

    def join(self, name, token, level=2, **payload):
        client = Client(("127.0.0.1", self.hub.port))
        self.hub.clients.append(client)
        client.hello(name, level, token=self.tokens[token], **payload)
        return client

    def turned_away(self, name, token, *words):
        with contextlib.closing(Client(("127.0.0.1", self.hub.port))) as client:
            client.name = name
            client.say("hello", {"protocol": 2, "token": self.tokens[token]})
            return client.expect_error("banned", *words)["payload"]

    def admin(self, *words, said=None, code=1):
        """Worked; or, with `said`, refused with these words."""
        here = {"hub": self.hub, "KHUB_TOKEN": self.tokens["ops"]}
        return worked("admin", *words, **here) if said is None else refused(code, "admin", *words, **here, said=said)


@test
def a_kicked_ai_is_told_why_and_may_come_back():
    with directory() as data, Lab(data) as lab:
        ada, bea = lab.join("ada", "alice"), lab.join("bea", "carol", level=1)
        ada.drain()
        out = lab.admin("kick", "bea", "--reason", "too loud").out
        equal(out, "bea: kicked from room main\n")
        bea.expect_error("kicked", '"ops"', "too loud")
        bea.expect_end()
        told = ada.expect("moderation", action="kick")["payload"]
        equal((told["target"], told["by"], told["reason"]), ({"ai_id": "bea"}, "ops", "too loud"))
        ada.expect("presence", ai_id="bea", reason="kicked")
        lab.join("bea", "carol")
        lab.admin("kick", "nobody", "--reason", "r", said=("nobody", "seen in this room"))
        told = json.loads(lab.admin("kick", "carol", "--owner", "--reason", HOSTILE, "--json").out)
        equal((told["target"], told["reason"]), ({"owner": "carol"}, HOSTILE))


@test
def a_ban_outlives_the_hub_and_is_lifted():
    with directory() as data:
        with Lab(data) as lab:
            ada, bea = lab.join("ada", "alice"), lab.join("bea", "carol")
            lab.admin("ban", "carol", "--owner", "--reason", "echoes", "--for", "2h")
            bea.expect("moderation")
            bea.expect_error("banned", "echoes", "until 2")
            bea.expect_end()
            lab.admin("ban", "eve", "--reason", HOSTILE)
            until = lab.turned_away("other", "carol", "the token", '"carol"', "echoes")["until"]
            ada.close()
        with Hub("--data", data) as hub:
            lab.hub = hub
            equal(lab.turned_away("bea", "carol")["until"], until)
            check(lab.turned_away("eve", "alice")["until"] is None)
            out = harmless(lab.admin("bans").out)
            found = row(out, "WHOM", "token carol")
            equal((found["BY"], found["WHY"]), ("ops", "echoes"))
            check(found["UNTIL"].startswith("in "), found)
            check(any(line.startswith("eve ") and " lifted " in line for line in out.splitlines()), out)
            listed = json.loads(lab.admin("bans", "--json").out)["bans"]
            equal([ban["target"] for ban in listed], [{"ai_id": "eve"}, {"owner": "carol"}])
            equal((listed[0]["reason"], listed[1]["until"]), (HOSTILE, until))
            equal(json.loads(lab.admin("bans", "--json", "--room", "lab").out), {"bans": [], "read_only": None})
            equal(lab.admin("unban", "carol", "--owner").out, "token carol: may come again to room main\n")
            lab.admin("unban", "carol", "--owner", said=("carol", "not banned"))
            lab.join("bea", "carol")
            lab.admin("unban", "eve")
            check("Nobody is banned" in lab.admin("bans").out)
        worked("check", data)


@test
def use_is_shown_beside_its_limits():
    with directory() as data:
        with Lab(data) as lab:
            worked("token", "limit", "alice", "--connections", "5", "--entries", "10", "--data", data)
            ada = lab.join("ada", "alice", acks=True)
            lab.join("bea", "carol")
            ada.expect("hello")
            ada.say("pattern_share", {"pattern": {"id": "p"}})
            ada.expect("ack")
            out = lab.admin("use").out
            alice, carol, room = (row(out, "WHO", who) for who in ("alice", "carol", "room main"))
            equal((alice["CONNECTIONS"], alice["ENTRIES"], alice["SESSIONS"], alice["TODAY"]),
                  ("1 of 5", "1 of 10", "0", "2"))
            equal((carol["CONNECTIONS"], carol["KNOWLEDGE"]), ("1", "0"))
            equal((room["CONNECTIONS"], room["ENTRIES"], room["TODAY"]), ("3", "1", "4"))
            ada.close()
            lab.hub.wait_log("event=left ai=ada ")
            worked("token", "limit", "alice", "--entries", "none", "--data", data)
            told = {each["owner"]: each for each in json.loads(lab.admin("use", "--json").out)["owners"]}
            equal(told["alice"]["limits"], {"connections": 5})  # of who is not connected, too
            equal({name: told["alice"]["use"][name] for name in ("connections", "entries", "daily")},
                  {"connections": 0, "entries": 1, "daily": 2})
            worked("token", "revoke", "alice", "--data", data)
            told = {each["owner"]: each for each in json.loads(lab.admin("use", "--json").out)["owners"]}
            equal((told["alice"]["limits"], told["carol"]["limits"]), (None, {}))
            here = {"hub": lab.hub, "KHUB_TOKEN": lab.tokens["carol"]}
            refused(1, "admin", "use", **here, said=("an admin's",))
            lab.admin("use", "--reason", "r", said=("use only looks",), code=2)
            lab.admin("use", "alice", said=("takes no WHOM",), code=2)
            address = f"127.0.0.1:{lab.hub.port}"
        # what a directory has are limits, and not zeros
        text = worked("token", "--data", data).out
        check("khub admin use" in text.splitlines()[-1], text)
        check(all("use" not in each for each in json.loads(worked("token", "--json", "--data", data).out)))
        refused(1, "admin", "use", "--hub", address, KHUB_TOKEN=lab.tokens["ops"], said=(address,))


@test
def a_room_has_many_bans():
    with directory() as data, Lab(data) as lab:
        root = lab.join("root", "ops", role="observer")
        for number in range(450):
            root.say("moderation", {"action": "ban", "target": {"ai_id": f"x{number}"}, "reason": "r"})
        root.drain()
        listed = json.loads(lab.admin("bans", "--json").out)["bans"]
        equal(len({ban["target"]["ai_id"] for ban in listed}), 450)


@test
def a_room_is_closed_to_writing_and_opened_again():
    with directory() as data:
        with Lab(data) as lab:
            lab.join("bea", "carol").close()
            equal(lab.admin("read-only", "--reason", "a pause").out, "room main is read-only\n")
        with Hub("--data", data) as hub:
            lab.hub = hub
            bea = lab.join("bea", "carol")
            bea.say("chat", {"text": "x"})
            bea.expect_error("read_only", "main", '"ops"', "a pause")
            here = {"hub": hub, "KHUB_TOKEN": lab.tokens["carol"]}
            refused(1, "send", "chat", '{"text":"x"}', **here, said=("read-only", "a pause"))
            out = lab.admin("bans").out
            check("Room main is read-only, by ops" in out and "a pause" in out, out)
            equal(json.loads(lab.admin("--json").out)["read_only"]["reason"], "a pause")
            bea.drain()
            worked("send", "chat", '{"text":"x"}', **{**here, "KHUB_TOKEN": lab.tokens["ops"]})
            bea.expect("hello")
            bea.expect("chat", text="x")
            equal(lab.admin("writable").out, "room main is writable\n")
            lab.admin("writable", said=("writable already",))
            worked("send", "chat", '{"text":"x"}', **here)


@test
def knowledge_is_taken_back_with_a_tombstone():
    secret = "hunter2hunter2"
    with directory() as data:
        with Lab(data) as lab:
            ada = lab.join("ada", "alice", acks=True)
            ada.say("pattern_share", {"pattern": {"id": "leak", "note": f"the word is {secret}"}})
            ada.say("pattern_share", {"pattern": {"id": "leak", "note": f"the word was {secret}"}})
            ada.say("pattern_share", {"pattern": {"id": "fine"}})
            for _ in range(3):
                ada.expect("ack")
            equal(lab.admin("retract", "leak", "--reason", "has a password in it").out, "leak: retracted in room main\n")
            ada.expect("moderation", action="retract")
        with Hub("--data", data) as hub:
            lab.hub = hub
            here = {"hub": hub, "KHUB_TOKEN": lab.tokens["ops"]}
            out = worked("kb", "list", **here).out
            equal((row(out, "ID", "leak")["STATUS"], row(out, "ID", "fine")["STATUS"]), ("retracted", "-"))
            out = worked("kb", "get", "leak", **here).out
            check(secret not in out and "has a password in it" in out, out)
            for words in (("search", "word"), ("history", "leak"), ("export",)):
                found = khub("kb", *words, **here)
                check(secret not in found.out + found.err, words, found.out)
            ada = lab.join("ada", "alice")
            ada.say("pattern_share", {"pattern": {"id": "leak", "note": "again"}})
            ada.expect_error("retracted", "leak", '"ops"', "has a password in it")
            lab.admin("retract", "leak", "--reason", "r", said=("already",))
            lab.admin("retract", "none", "--reason", "r", said=("none",))
            export = os.path.join(data, "export.jsonl")
            with open(export, "w", encoding="utf-8") as file:
                file.write(worked("kb", "export", **here).out)
            with Hub("--memory") as other:
                worked("kb", "import", export, hub=other)
                listed = json.loads(worked("kb", "list", "--json", hub=other).out)
                equal([found["id"] for found in listed], ["fine"])
        worked("check", data)


@test
def what_admins_did_stands_in_the_audit():
    with directory() as data:
        with Lab(data) as lab:
            lab.join("bea", "carol")
            lab.admin("kick", "bea", "--reason", "too loud")
            lab.admin("ban", "carol", "--owner", "--for", "2h", "--reason", HOSTILE)
            lab.admin("kick", "bea", "--reason", "is away", said=("bea",))
        with contextlib.closing(sqlite3.connect(os.path.join(data, "audit.db"))) as database:
            found = list(database.execute("SELECT what, token, room, detail FROM audit WHERE act ORDER BY id"))
        equal(found, [("kick", "ops", "main", 'id "bea" in room "main": too loud'),
                      ("ban", "ops", "main", f'token "carol" in room "main" for 7200 s: {HOSTILE}')])


@test
def who_is_no_admin_keeps_no_order():
    with directory() as data, Lab(data) as lab:
        lab.join("bea", "carol")
        here = {"hub": lab.hub, "KHUB_TOKEN": lab.tokens["alice"]}
        refused(1, "admin", "kick", "bea", "--reason", "r", **here, said=("an admin's", "--role admin"))
        root = lab.join("root", "ops")
        lab.admin("kick", "root", "--reason", "r", said=('"root" is an admin',))
        root.say("chat", {"text": "still here"})
        with Hub("--memory") as hub:
            hub.join("bea", 2)
            refused(1, "admin", "kick", "bea", "--reason", "r", hub=hub, said=("khub token add",))


@test
def what_is_typed_wrong_is_said():
    for words, said in ((("shoot", "ada"), ("shoot",)),
                        (("kick",), ("kick", "WHOM")),
                        (("kick", "ada"), ("--reason",)),
                        (("ban", "ada", "--reason", "r", "--for", "soon"), ("soon", "2h")),
                        (("kick", "ada", "--reason", "r", "--for", "2h"), ("--for", "kick")),
                        (("bans", "ada"), ("bans",)),
                        (("read-only",), ("read-only", "--reason")),
                        (("retract", "p"), ("retract", "--reason")),
                        (("retract", "--reason", "r"), ("retract", "ID")),
                        (("retract", "p", "--owner", "--reason", "r"), ("--owner",)),
                        (("retract", "p", "--seq", "3", "--reason", "r"), ("either", "--seq")),
                        (("retract", "--seq", "0", "--reason", "r"), ("--seq",)),
                        (("kick", "p", "--seq", "3", "--reason", "r"), ("--seq",)),
                        (("read-only", "ada", "--reason", "r"), ("read-only", "WHOM")),
                        (("writable", "--owner"), ("--owner",)),
                        (("bans", "--reason", "r"), ("--reason",))):
        refused(2, "admin", *words, said=said)


@test
def a_trainer_that_is_kicked_ends():
    with directory() as data, directory() as out, Lab(data) as lab:
        root = lab.join("root", "ops", role="observer")
        with Running("train", "ada", "audio", "5", "--out", out, hub=lab.hub,
                     KHUB_TOKEN=lab.tokens["alice"]) as trainer:
            root.expect("hello")
            lab.admin("kick", "ada", "--reason", "enough for today")
            code, err = trainer.end(None)
            check(code == 1 and "enough for today" in err, code, err)


run()
