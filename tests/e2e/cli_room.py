#!/usr/bin/env python3
"""Every subcommand that joins a hub does so in the room it is told, which may be the only one that
a token is good for.

usage: cli_room.py KHUB [PART OF A NAME]
"""
import os
import sys

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
sys.path.insert(0, os.path.join(ROOT, "tests", "wire"))
from harness import Hub, check, directory, equal, run, settle, test  # noqa: E402
from program import Running, khub, refused, worked  # noqa: E402
from tokens import give_out  # noqa: E402


@test
def all_is_said_and_seen_in_the_room_that_was_named():
    """By a token that is good for no other."""
    with directory() as data:
        own, other = give_out(data, "own", "--rooms", "lab", "--role", "admin"), give_out(data, "other")
        with Hub("--data", data) as hub:
            ada, bea = hub.join("ada", 2, room="lab", token=own, acks=True), hub.join("bea", 2, token=other)
            ada.say("pattern_share", {"pattern": {"id": "p1"}})
            ada.expect("ack")
            ada.say("lease_request", {"key": "the build", "ttl_s": 600})
            ada.expect("lease")
            settle(bea)
            here = {"hub": hub, "KHUB_TOKEN": own}
            place = f"127.0.0.1:{hub.port}, room 'lab'"
            for words, part in ((("who",), "ada"), (("kb", "list"), "p1"), (("leases",), "the build"),
                                (("sessions",), f"No session is known at {place}."),
                                (("dead",), f"Nothing lies at {place}:"), (("log",), "pattern")):
                refused(1, *words, **here, said=['good for the rooms "lab", and "main" is none'])
                for option in (("--room", "lab"), ("-r", "lab")):
                    check(part in worked(*words, *option, **here).out, words, option)
            with Running("watch", "--room", "lab", **here) as watch:
                watch.wait_for(f"watching {place}: 1 AI is there")
                worked("send", "chat", '{"text":"sent"}', "--room", "lab", **here)
                worked("chat", "--room", "lab", given=b"chatted\n", **here)
                refused(1, "request", "nothing of that kind", "--room", "lab", "--wait", "0.1", **here,
                        said=["nothing came back"])
                worked("train", "cey", "general", "0.05", "--room", "lab", **here)
                watch.wait_for("cey left")
                for part in ("sent", "chatted", "nothing of that kind", "cey"):
                    check(part in watch.text, part, "is not in", watch.text)
            for words in (("send", "chat", "{}"), ("chat",), ("request", "x")):
                refused(1, *words, **here, said=['"main" is none'])
            check("main" in khub("train", "cey", "general", "0.05", **here).err)
            heard = {line["sender_id"] for line in bea.drain()} - {"bea", "hub"}
            equal(heard, set(), "who was heard in main")


@test
def nobody_there_is_said_of_the_room():
    with Hub() as hub:
        place = f"127.0.0.1:{hub.port}"
        equal(worked("leases", hub=hub).out, f"Nobody holds a lease at {place}.\n")
        for words, said in ((["leases"], "Nobody holds a lease at"), (["who"], "Nobody is at")):
            check(f"{said} {place}, room 'lab'." in worked(*words, "--room", "lab", hub=hub).out, words)
    for words in (["who", "--room", "x" * 65], ["log", "--room", "x" * 65], ["train", "x" * 129, "audio"],
                  ["dead", "--from", "x" * 129], ["send", "chat", "{}", "--to", "x" * 129],
                  ["watch", "--ai", "x" * 129], ["chat", "--as", "x" * 129], ["log", "--session", "x" * 129]):
        most = 64 if "--room" in words else 128
        refused(2, *words, "--hub", "127.0.0.1:1", said=[f"has {most + 1} bytes: it may have {most}."])
    refused(2, "send", "chat", "{", said=["it ends before it is whole, after 1 byte."])
    refused(2, "send", "chat", "{x}", said=["no JSON (RFC 8259) at byte 2 of 3."])


@test
def rooms_that_a_token_is_not_good_for_are_not_named():
    with directory() as data:
        own, other = give_out(data, "own", "--rooms", "lab,lap", "--role", "admin"), give_out(data, "other")
        with Hub("--data", data) as hub:
            hub.join("ada", 2, room="lab", token=own)
            hub.join("bea", 2, room="lad", token=other)
            refused(1, "log", "--room", "lap", hub=hub, KHUB_TOKEN=own, said=["did you mean lab?"])


run()
