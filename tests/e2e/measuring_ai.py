#!/usr/bin/env python3
"""examples/measuring_ai.py, an AI that has nothing of khub but its commands, beside a trainer and
others of its kind: what it claims is confirmed, and what it says of others' claims counts.

Nothing is given a time to happen in: all run until what is wanted has happened.

usage: measuring_ai.py KHUB [PART OF A NAME]
"""
import contextlib
import json
import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.join(HERE, "..", "..")
sys.path.insert(0, os.path.join(HERE, "..", "wire"))
from harness import Hub, equal, run, test  # noqa: E402
from claims import GOOD, claim  # noqa: E402
from program import worked  # noqa: E402
from trainers import Trainer, Watcher  # noqa: E402


class Foreign:
    """That AI as a process; what it prints lies in the hub's folder."""

    def __init__(self, hub, ai_id, subject):
        self.log_path = os.path.join(hub.folder, ai_id + ".log")
        with open(self.log_path, "wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, os.path.join(ROOT, "examples", "measuring_ai.py"), ai_id, subject, "--tries", "5",
                 "--hub", f"127.0.0.1:{hub.port}", "--khub", sys.argv[1]],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def log(self):
        with open(self.log_path, encoding="utf-8") as file:
            return file.read()

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if kind:
            print(f"# {self.log_path}:\n# " + "\n# ".join(self.log().splitlines()[-25:]))
        self.process.kill()
        self.process.wait()


def verdict(watcher, status, **which):
    """Waits for the first with these members, which must be that. The id of what was claimed."""
    told = watcher.wait_for("verification", lambda line: which.items() <= line["payload"].items())["payload"]
    equal(told["status"], status, f"status of a claim of {told['author']}")
    return told["id"]


def verifiers(hub, name, identity):
    """Who has verified it, as a newcomer hears: whether they agree."""
    with contextlib.closing(hub.join(name, 2, role="observer")) as observer:
        sections = observer.sync["global_knowledge_base"]
    entry = sections["shared_patterns"].get(identity) or sections["collective_features"][identity]
    return {found["ai_id"]: found["agrees"] for found in entry["verification"]["verifiers"]}


@test
def foreign_ais_and_a_trainer_confirm_each_other():
    """Two of them and a trainer: a claim of each has just the two others to confirm it."""
    with Hub() as hub, Trainer(hub, "trainer", "audio") as trainer, Foreign(hub, "ada", "audio") as ada, \
            Foreign(hub, "bea", "audio") as bea:
        watcher = Watcher(hub, trainer, ada, bea)
        for author, others in (("ada", {"trainer", "bea"}), ("trainer", {"ada", "bea"})):
            identity = verdict(watcher, "confirmed", author=author)
            equal(verifiers(hub, "after " + author, identity), {name: True for name in others}, "verifiers of " + author)
        ledger = json.loads(worked("kb", "ledger", "--json", hub=hub).out)
        for name in ("ada", "bea", "trainer"):
            equal((ledger[name]["refuted"], ledger[name]["contested"], ledger[name]["mismatched"]), (0, 0, 0), name)
        trainer.end()


@test
def a_lie_is_refuted_by_foreign_ais_alone():
    """And of what they can't measure they say nothing."""
    with Hub() as hub, contextlib.closing(hub.join("liar", 2)) as liar, Foreign(hub, "ada", "graphics") as ada, \
            Foreign(hub, "bea", "graphics") as bea:
        watcher = Watcher(hub, ada, bea)
        claim(liar, "lie", GOOD, 0.25)
        equal(verdict(watcher, "refuted", author="liar"), "lie", "what is refuted")
        equal(verifiers(hub, "after", "lie"), {"ada": False, "bea": False}, "verifiers")
        claim(liar, "foreign", GOOD, 0.25, version="0.9")
        claim(liar, "nonsense", {"mean_gain": .25, "x": 1}, 0.010)
        verdict(watcher, "refuted", id="nonsense")
        equal(verifiers(hub, "at the end", "foreign"), {}, "verifiers of another version's")


run()
