#!/usr/bin/env python3
"""khub sessions as a person or a script meets it.

usage: cli_sessions.py KHUB [PART OF A NAME]
"""
import json
import os
import sys

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
sys.path.insert(0, os.path.join(ROOT, "tests", "wire"))
from harness import Hub, check, directory, equal, run, test  # noqa: E402
from program import HOSTILE, harmless, refused, row, table, worked  # noqa: E402


def until(client, matches):
    while not matches(line := client.receive()):
        pass
    return line


def begin(ada, bea, **offer):
    ada.say("collaboration_request", {"target_ai": "bea", **offer})
    session = until(bea, lambda line: line["message_type"] == "collaboration_request")["payload"]["session_id"]
    bea.say("collaboration_response", {"session_id": session, "accepted": True})
    until(ada, lambda line: line["payload"].get("status") == "active")
    return session


def write(client, session, key, value):
    client.say("workspace_update", {"session_id": session, "key": key, "value": value, "base_version": 0})
    until(client, lambda line: line["payload"].get("accepted") is True)


@test
def sessions_are_listed_and_one_is_shown():
    with directory() as data, Hub("--data", data) as hub:
        check("No session is known at" in worked("sessions", hub=hub).out)
        ada, bea = hub.join("ada", 2), hub.join("bea", 2)
        first = begin(ada, bea, type="design", description=HOSTILE.split("\r")[0])
        second = begin(ada, bea, type="tuning", description="the scheduler's quantum")
        write(ada, first, "candidate", {"text": HOSTILE, "n": 1})
        ada.say("collaboration_update", {"session_id": first, "progress": 0.4, "note": "on the way"})
        ada.say("collaboration_update", {"session_id": second, "status": "failed", "note": "no luck"})
        until(ada, lambda line: line["payload"].get("status") == "failed")
        out = harmless(worked("sessions", hub=hub, COLUMNS="200").out)
        found = row(out, "SESSION", first[:8])
        equal((found["STATUS"], found["DONE"], found["PARTICIPANTS"], found["TYPE"]),
              ("active", "40 %", "ada, bea", "design"))
        equal(row(out, "SESSION", second[:8])["STATUS"], "failed")
        equal(len(table(worked("sessions", "--live", hub=hub, COLUMNS="200").out)), 1, "live ones")
        listed = json.loads(worked("sessions", "--json", hub=hub).out)
        equal([session["session_id"] for session in listed], [first, second])
        shown = harmless(worked("sessions", first[:8], hub=hub).out)
        for part in (f"session       {first}", "offered to    bea", "candidate", "on the way", "\u2500\u2500 "):
            check(part in shown, repr(part), "is not in", shown)
        check("no luck" not in shown, shown)
        whole = json.loads(worked("sessions", first, "--json", hub=hub).out)
        equal(whole["session"]["workspace"]["candidate"], {"version": 1, "value": {"text": HOSTILE, "n": 1}})
        types = [found["message"]["message_type"] for found in whole["messages"]]
        equal((types[0], types.count("workspace_update")), ("collaboration_request", 1), "its history")
        check("went with its end" in worked("sessions", second, hub=hub).out)


@test
def what_is_wrong_or_gone_is_said():
    with Hub() as hub:
        ada, bea = hub.join("ada", 2), hub.join("bea", 2)
        session = begin(ada, bea, type="t", description="d")
        check("keeps nothing (--memory)" in worked("sessions", session, hub=hub).out)
        equal(json.loads(worked("sessions", session, "--json", hub=hub).out)["messages"], [])
        refused(1, "sessions", "nope", hub=hub, said=["no session 'nope'", "khub sessions"])
        refused(2, "sessions", session, "--live", hub=hub, said=["--live"])
        refused(2, "sessions", "a", "b", hub=hub, said=["one argument too many"])
        check("No session is under way" in worked("sessions", "--live", "--room", "lab", hub=hub).out)
    refused(1, "sessions", "--hub", "127.0.0.1:1", said=["no hub at"])


run()
