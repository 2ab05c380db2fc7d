#!/usr/bin/env python3
"""Rooms as islands: what was confirmed in one comes over to another AI's search by a rule, and not
before; and only where the hub lets that AI in.

The searchers are programs that write down what they are shown, and propose nothing new: all that
is there beside it has come from elsewhere.

usage: trainer_islands.py KHUB [PART_OF_A_NAME]
"""
import contextlib
import json
import os
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "wire"))
from harness import Hub, check, equal, run, test, wait_until  # noqa: E402
from claims import GOOD, claim, claim_measured, claim_module, module_of, report  # noqa: E402
from program import needs_landlock, refused  # noqa: E402
from tokens import give_out  # noqa: E402
from trainers import Trainer  # noqa: E402

EVERY = 24  # evaluations
LOOKER = """
import json, sys
subject = json.loads(sys.stdin.readline())
textbook = {"parameters": {one["name"]: one["textbook"] for one in subject["parameters"]}}
told, last = 0, None
with open(sys.argv[1], "w") as log:
    for line in sys.stdin:
        message = json.loads(line)
        if message["type"] == "ask":
            if told % 8 == 0 or message["archive"] != last:
                print(json.dumps({"told": told, "archive": message["archive"]}), file=log, flush=True)
            last = message["archive"]
            print(json.dumps({"candidates": [textbook]}), flush=True)
        elif message["type"] == "told":
            told += len(message["results"])
"""


class Island(Trainer):
    """A trainer with such a searcher."""

    def __init__(self, hub, ai_id, *more):
        self.shown_path = os.path.join(hub.folder, ai_id + ".shown")
        program = os.path.join(hub.folder, "looker.py")
        with open(program, "w", encoding="utf-8") as file:
            file.write(LOOKER)
        super().__init__(hub, ai_id, "audio", more=("--by", f"exec:{sys.executable} {program} {self.shown_path}", *more))

    def shown(self):
        """What it was shown, each time that this was something else, or eight evaluations later."""
        with contextlib.suppress(FileNotFoundError), open(self.shown_path, encoding="utf-8") as file:
            return [json.loads(line) for line in file if line.endswith("\n")]
        return []

    def wait_shown(self, what, happened):
        def first():
            check(self.process.poll() is None, "the trainer ended before", what, "\n", self.log()[-3000:])
            return next((each for each in self.shown() if happened(each)), None)
        wait_until(first, what)
        return first()


def has(shown, name, value):
    return any(elite.get(name) == value for elite in shown["archive"])


@test
def a_module_comes_over_from_another_room_and_not_before_its_time():
    needs_landlock()
    with Hub() as hub:
        source = module_of(hub, GOOD)
        cid, dan, eve = (hub.join(name, 2, room="lab") for name in ("cid", "dan", "eve"))
        confirmed = claim_measured(hub, cid, "found_in_the_lab", source, "component")
        for other in (dan, eve):
            report(other, "found_in_the_lab", confirmed, ratio_own=0.6)
        claim_module(dan, "not_confirmed", source + "\n", 0.1)
        with Island(hub, "ada", "--migrants", "lab", "--migrate-every", str(EVERY)) as ada, Island(hub, "bob", "--room", "yard") as bob:
            first = ada.wait_shown("the lab's module", lambda shown: has(shown, "source", source))
            check(first["told"] >= EVERY, "it came after", first["told"], "evaluations")
            ada.wait_log("Integrated shared component found_in_the_lab from cid@lab")
            # a third island goes its own way
            bob.wait_shown("as many evaluations", lambda shown: shown["told"] > first["told"] + EVERY)
            check(not any(has(shown, "source", source) for shown in bob.shown()), "it has come over to who wants none")
            ada.wait_shown("one look more", lambda shown: shown["told"] > 3 * EVERY)
            summary = ada.end()
            equal(summary["migrants"], {"checked": 1, "refuted": 0, "taken_in": 1}, "migrants")
            equal((summary["reports"]["sent"], bob.end()["migrants"]["checked"]), (0, 0), "reports, and bob's migrants")
        equal([line for line in cid.drain() if line["sender_id"].startswith("ada")], [], "what the lab has heard of ada")


@test
def an_ai_looks_into_no_room_that_its_token_is_not_good_for():
    with tempfile.TemporaryDirectory() as data, Hub("--data", data) as hub:
        tokens = {name: give_out(data, name, "--rooms", rooms) for name, rooms in (
            ("ada", "main,lab"), ("cid", "lab,attic"), ("dan", "lab,attic"), ("eve", "lab,attic"))}
        for room, parameters in (("attic", {**GOOD, "floor": 151}), ("lab", GOOD)):
            cid, dan, eve = (hub.join(name, 2, room=room, token=tokens[name]) for name in ("cid", "dan", "eve"))
            confirmed = claim(cid, f"found_in_the_{room}", parameters)
            for other in (dan, eve):
                report(other, f"found_in_the_{room}", confirmed, ratio_own=0.6)
        file = os.path.join(hub.folder, "token")
        with open(file, "w", encoding="ascii", opener=lambda path, flags: os.open(path, flags, 0o600)) as out:
            out.write(tokens["ada"])
        with Island(hub, "ada", "--token-file", file, "--migrants", "attic", "--migrants", "lab",
                    "--migrate-every", str(EVERY)) as ada:
            ada.wait_shown("what the lab has", lambda shown: has(shown, "parameters", GOOD))
            # each room had its turn, and the next ones
            ada.wait_shown("five looks", lambda shown: shown["told"] > 6 * EVERY)
            check(not any(has(shown, "parameters", {**GOOD, "floor": 151}) for shown in ada.shown()), "the attic is open")
            equal(ada.log().count("No migrants from room attic: "), 1, "how often that was said")
            check("No migrants from room lab" not in ada.log(), ada.log())
            equal(ada.end()["migrants"]["taken_in"], 1, "migrants taken in")


@test
def rooms_that_make_no_sense_are_refused():
    for words, said in ((("--migrants", "main"), "'main' is the room that it is in"),
                        (("--room", "lab", "--migrants", "lab"), "'lab' is the room that it is in"),
                        (("--migrants", "lab", "--migrants", "lab"), "'lab' stands there twice"),
                        (("--migrants", "x" * 65), "64"), (("--migrate-every", "0"), "'0'")):
        refused(2, "train", "ada", "audio", *words, said=[said])
    refused(2, "train", "ada", "general", "--migrants", "lab", said=["'general' searches for nothing"])


if __name__ == "__main__":
    run()
