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
from harness import Hub, check, equal, run, test, wait_until  # noqa: E402
from claims import FAIR, GOOD, claim, claim_module, measure, module_of  # noqa: E402
from program import needs_landlock, worked  # noqa: E402
from trainers import Trainer, Watcher  # noqa: E402


class Foreign:
    """That AI as a process; what it prints lies in the hub's folder."""

    def __init__(self, hub, ai_id, subject, *options, **environment):
        self.log_path = os.path.join(hub.folder, ai_id + ".log")
        with open(self.log_path, "wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, os.path.join(ROOT, "examples", "measuring_ai.py"), ai_id, subject, "--tries", "5",
                 "--hub", f"127.0.0.1:{hub.port}", "--khub", sys.argv[1], *options],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, env={**os.environ, **environment})

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


def shared(hub, name, identity):
    """What a newcomer hears of it."""
    with contextlib.closing(hub.join(name, 2, role="observer")) as observer:
        sections = observer.sync["global_knowledge_base"]
    return sections["shared_patterns"].get(identity) or sections["collective_features"][identity]


def verifiers(hub, name, identity):
    """Who has verified it, as a newcomer hears: whether they agree."""
    return {found["ai_id"]: found["agrees"] for found in shared(hub, name, identity)["verification"]["verifiers"]}


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


def written(hub, name, source):
    """A file of the hub's folder."""
    path = os.path.join(hub.folder, name)
    with open(path, "w", encoding="utf-8") as file:
        file.write(source)
    return path


@test
def a_module_is_claimed_and_confirmed_by_foreign_ais():
    """Its C is what is measured. One that has no compiler says nothing."""
    needs_landlock()
    with Hub() as hub:
        source = module_of(hub, FAIR)
        with Foreign(hub, "blind", "graphics", PATH=hub.folder) as blind, \
                Foreign(hub, "ada", "audio", "--module", written(hub, "ada.c", source)) as ada, \
                Foreign(hub, "bea", "graphics") as bea, Foreign(hub, "cid", "graphics") as cid:
            watcher = Watcher(hub, blind, ada, bea, cid)
            identity = verdict(watcher, "confirmed", author="ada")
            equal(verifiers(hub, "after", identity), {"bea": True, "cid": True}, "verifiers")
            wait_until(lambda: f"can't measure {identity} here" in blind.log(), "what it can't do")
        entry = shared(hub, "reader", identity)
        claimed = entry["verification"]
        equal((claimed["kind"], entry["pattern"]["source"]), ("module", source), "what is claimed")
        equal(claimed["ratio"], measure(claimed["nonce"], FAIR)["ratio"], "what its parameters measure")


@test
def modules_that_do_not_hold_are_refuted():
    """One whose author says another number, one that does not compile, one that comes to no end,
    one that crashes."""
    needs_landlock()
    with Hub() as hub, contextlib.closing(hub.join("liar", 2)) as liar, Foreign(hub, "ada", "graphics") as ada, \
            Foreign(hub, "bea", "graphics") as bea:
        watcher = Watcher(hub, ada, bea)
        good = module_of(hub, GOOD)
        body = "static uint32_t playout_delay_us(void *state)\n{\n"
        check(body in good, "the module's text")
        for identity, source, reason in (
                ("lie", good, None), ("text", "My policy is the best.\n", "error"), ("trap", good.replace(
                    body, body + "    __builtin_trap();\n"), "crashed"), ("endless", good.replace(
                        body, body + "    for (volatile int i = 0; i < 1; i += 0)\n        ;\n"), "blocks")):
            claim_module(liar, identity, source, 0.25)
            equal(verdict(watcher, "refuted", id=identity), identity, "what is refuted")
            found = shared(hub, "after " + identity, identity)["verification"]["verifiers"]
            equal({one["ai_id"]: one["agrees"] for one in found}, {"ada": False, "bea": False}, "verifiers")
            for one in found:
                check(("ratio" in one) == (reason is None) and (reason or "") in one.get("reason", ""), identity, one)
        ledger = json.loads(worked("kb", "ledger", "--json", hub=hub).out)["liar"]
        equal((ledger["claims"], ledger["refuted"], ledger["mismatched"]), (4, 4, 0), "the liar's account")


run()
