#!/usr/bin/env python3
"""khub audit: who came with which token, who was refused, who went, and what a hub warns of.

usage: cli_audit.py KHUB [PART OF A NAME]
"""
import json
import os
import shutil
import sys
import time

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
sys.path.insert(0, os.path.join(ROOT, "tests", "wire"))
from harness import Hub, check, directory, equal, kill_9, run, test, wait_until  # noqa: E402
from program import refused, row, worked  # noqa: E402
from tokens import OTHER, give_out  # noqa: E402

def audit(data, *options):
    return json.loads(worked("audit", "--json", "--data", data, *options).out)


def told(data, *options):
    return [(each["what"], each["token"], each["id"], each["room"], each["times"]) for each in audit(data, *options)]


@test
def who_came_was_refused_and_went_stands_in_it():
    with directory() as data, Hub("--data", data) as hub:
        before = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        ada = hub.join("ada", 2, token=give_out(data, "alice", "--id", "ada*"), room="lab")
        for _ in range(3):
            stranger = hub.connect()
            stranger.name = "eve"
            stranger.say("hello", {"token": OTHER})
            stranger.expect_error("unauthorized")
        bound = hub.connect()
        bound.name = "bob"
        bound.say("hello", {"token": give_out(data, "carl", "--id", "carl")})
        bound.expect_error("forbidden")
        ada.close()
        wait_until(lambda: any(each["what"] == "left" for each in audit(data)), "the end of ada to be in it")
        # the first of those that are alike; the others when their minute is over, or the hub ends
        found = [("token added", "alice", "", "", 1), ("login", "alice", "ada", "lab", 1), ("refused", "", "", "", 1),
                 ("token added", "carl", "", "", 1), ("refused", "carl", "bob", "main", 1),
                 ("left", "alice", "ada", "lab", 1)]
        equal(told(data), found)
        rows = audit(data)
        equal([each["from"] for each in rows if each["what"] != "token added"], ["127.0.0.1"] * 4)
        check(rows[1]["detail"] == "c1" and rows[-1]["detail"] == "c1: peer_closed", rows)
        check(f"conn={rows[1]['detail']} " in hub.log(), "that is its name in the log")
        check("no such token" in rows[2]["detail"] and '"carl"' in rows[4]["detail"], rows)
        check(OTHER not in json.dumps(rows), "a token is in the audit")
        equal(worked("audit", "--data", data, "--token", "nobody").out,
              f"Nothing like that stands in the audit of {data}.\n")
        shown = row(worked("audit", "--data", data).out, "WHAT", "login")
        equal((shown["TOKEN"], shown["ID"], shown["ROOM"], shown["FROM"]), ("alice", "ada", "lab", "127.0.0.1"))
        equal(told(data, "--token", "alice"), [found[0], found[1], found[5]])
        equal(told(data, "--id", "bob"), [found[4]])
        equal(told(data, "--since", before), found)
        equal(told(data, "--until", before[:10]), [])
        equal(told(data, "--since", "2100-01-01"), [])
        hub.stop()
        check(("refused", "", "", "", 2) in told(data), told(data))
        check(os.stat(os.path.join(data, "audit.db")).st_mode & 0o777 == 0o600)
        with Hub("--data", data):
            equal(told(data)[:6], found, "after a restart")


@test
def what_can_t_be_read_is_said():
    with directory() as data:
        refused(2, "audit", "--since", "yesterday", "--data", data, said=("--since", "'yesterday'", "10m"))
        refused(2, "audit", "--until", "yesterday", "--data", data, said=("--until", "'yesterday'"))
        equal(audit(data), [])
        check(not os.path.exists(data), "it made a directory")
        give_out(data, "ada")
        equal(len(audit(data)), 1)
        with open(os.path.join(data, "audit.db"), "wb") as file:
            file.write(b"no database " * 1000)
        refused(1, "audit", "--data", data, said=("audit.db",))


@test
def a_hub_whose_audit_can_t_be_written_goes_on_and_writes_it_later():
    with directory() as data, Hub("--data", data) as hub:
        token = give_out(data, "alice")
        place = os.path.join(data, "audit.db")
        os.mkdir(place)
        ada = hub.join("ada", 2, token=token)
        hub.wait_log("event=warning audit=.*audit.db")
        ada.say("heartbeat")
        ada.expect("heartbeat")
        shutil.rmtree(place)
        wait_until(lambda: ("login", "alice", "ada", "main", 1) in told(data), "the login to be written")


@test
def a_loop_is_told_to_admins_and_stands_in_it():
    with directory() as data, Hub("--data", data, "--max-chain", "3") as hub:
        ada, bea = (hub.join(name, 2, token=give_out(data, name), acks=True) for name in ("ada", "bea"))
        root = hub.join("root", 2, token=give_out(data, "root", "--role", "admin"))
        said, speakers = ada.say("chat", {"text": "?"}), (bea, ada)
        for turn in range(4):
            while turn and speakers[turn % 2].receive()["payload"].get("text") != f"{turn - 1}":
                pass  # one behind the other
            said = speakers[turn % 2].say("chat", {"text": f"{turn}", "in_reply_to": said})
        while (line := root.receive())["message_type"] != "error":
            pass
        equal((line["payload"]["code"], line["payload"]["sender"], line["payload"]["refused"]), ("loop", "ada", said))
        while (line := ada.receive())["message_type"] != "error":
            pass
        equal((line["payload"]["code"], line["payload"]["in_reply_to"]), ("loop", said))
        wait_until(lambda: ("loop", "ada", "ada", "main", 1) in told(data), "the loop to be in the audit")
        check(len([each for each in told(data) if each[0] == "loop"]) == 1, told(data))


@test
def a_hub_that_asks_nobody_has_its_loops_in_it():
    with directory() as data:
        give_out(data, "ada")
        with Hub("--data", data, "--no-tokens", "--max-chain", "1") as hub:
            ada, bea = hub.join("ada", 2), hub.join("bea", 2)
            said = bea.say("chat", {"text": "?"})
            ada.expect("hello")
            ada.expect("chat", text="?")
            said = ada.say("chat", {"text": "!", "in_reply_to": said})
            bea.expect("chat", text="!")
            bea.say("chat", {"text": "?", "in_reply_to": said})
            bea.expect_error("loop")
            wait_until(lambda: any(each["what"] == "loop" for each in audit(data)), "the loop to be in the audit")


@test
def a_hub_that_keeps_nothing_has_none():
    with directory() as data, Hub("--memory") as hub:
        hub.join("ada", 2)
        equal(audit(data), [])


@test
def what_an_admin_did_before_a_crash_stands_in_it_once():
    with directory() as data:
        token = worked("token", "add", "ops", "--role", "admin", "--data", data).out.strip()
        for at in range(6):
            hub = Hub("--data", data)
            root = hub.join("root", 2, token=token)
            for number in range(2):
                root.say("moderation", {"action": "ban", "target": {"ai_id": f"x{at}-{number}"}, "reason": "r"})
                while root.receive()["message_type"] != "moderation":
                    pass
            kill_9(hub)
        wanted = [f'id "x{at}-{number}" in room "main": r' for at in range(6) for number in range(2)]

        def banned():
            return [each["detail"] for each in audit(data) if each["what"] == "ban"]

        for _ in range(2):
            hub = Hub("--data", data)
            wait_until(lambda: len(banned()) >= len(wanted), "what was done to be in the audit")
            kill_9(hub)
            equal(sorted(banned()), sorted(wanted))


run()
