#!/usr/bin/env python3
"""khub dead as a person or a script meets it.

usage: cli_dead.py KHUB [PART OF A NAME]
"""
import json
import os
import sys

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
sys.path.insert(0, os.path.join(ROOT, "tests", "wire"))
from harness import Hub, check, directory, equal, run, test  # noqa: E402
from program import HOSTILE, harmless, khub, refused, row, table, worked  # noqa: E402


def leaves(client, other):
    client.close()
    while other.expect("presence")["payload"]["ai_id"] != client.name:
        pass


def listed(hub, *words):
    return json.loads(worked("dead", "--json", *words, hub=hub).out)


@test
def what_was_not_taken_is_listed_shown_and_sent_again():
    with directory() as data, Hub("--data", data) as hub:
        check("Nothing lies at" in worked("dead", hub=hub).out)
        ada, bea = hub.join("ada", 2), hub.join("bea", 2)
        ada.drain()
        leaves(bea, ada)
        ada.say("chat", {"text": HOSTILE}, "bea")
        ada.say("chat", {"text": "second", "reply_by": 86400}, "bea")
        ada.drain()
        found = row(harmless(worked("dead", hub=hub).out), "ID", str(listed(hub)["letters"][0]["id"]))
        equal((found["FROM"], found["TO"], found["TYPE"], found["WHY"]), ("ada", "bea", "chat", "absent"))
        first, second = (str(letter["id"]) for letter in listed(hub)["letters"])
        shown = harmless(worked("dead", "show", first, hub=hub).out)
        check('why: "absent"' in shown and "\\u001b[31mred" in shown, shown)
        equal(json.loads(worked("dead", "show", first, "--json", hub=hub).out)["message"]["payload"]["text"], HOSTILE)
        equal(listed(hub, "--to", "nobody")["total"], 0)
        check("of these AIs" in worked("dead", "--from", "nobody", hub=hub).out)
        away = khub("dead", "resend", "--all", hub=hub)
        equal((away.code, away.out.count("is not connected: nothing was sent")), (1, 2), "exit code, refusals")
        bea = hub.join("bea", 2)
        equal(worked("dead", "resend", first, hub=hub).out, f"{first}, from ada to bea: sent again\n")
        equal(bea.expect("chat")["payload"]["text"], HOSTILE)
        equal([letter["id"] for letter in listed(hub)["letters"]], [int(second)], "what is left")
        out = json.loads(worked("dead", "drop", second, "--json", hub=hub).out)
        equal(out, {"id": int(second), "done": True, "why": ""})
        check("Nothing lies at" in worked("dead", "resend", "--all", hub=hub).out)


@test
def rooms_are_told_apart_and_memory_says_so():
    with Hub() as hub:
        ada, bea = hub.join("ada", 2, room="lab"), hub.join("bea", 2, room="lab")
        ada.drain()
        leaves(bea, ada)
        ada.say("chat", {"text": "?"}, "bea")
        ada.drain()
        check("Nothing lies at" in worked("dead", hub=hub).out)
        out = worked("dead", "--room", "lab", hub=hub).out
        equal(len(table(out)), 1, "rows")
        check("keeps nothing on disk" in out, out)


@test
def what_is_wrong_is_said():
    with Hub() as hub:
        refused(1, "dead", "show", "7", hub=hub, said=["no dead letter", "7"])
        refused(2, "dead", "sow", hub=hub, said=["'sow'", "show"])
        refused(2, "dead", "show", hub=hub, said=["wants an ID", "khub dead"])
        refused(2, "dead", "resend", hub=hub, said=["--all"])
        refused(2, "dead", "resend", "x7", hub=hub, said=["'x7'", "a number"])
        refused(2, "dead", "resend", "7", "--all", hub=hub, said=["--all"])
        refused(2, "dead", "--all", hub=hub, said=["--all", "list"])
        refused(1, "dead", "--room", "a\nb", hub=hub, said=["room"])
    refused(1, "dead", "--hub", "127.0.0.1:1", said=["no hub at"])


run()
