#!/usr/bin/env python3
"""An AI of khub's first design (seed_trainer.py, level 1, plain Python) at work beside two C
trainers, all real processes.

Nothing is given a time to happen in: all run until what is wanted has happened, and are then asked
to end.

usage: seed_ai.py KHUB
"""
import contextlib
import json
import os
import re
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "wire"))
from harness import Hub, check, equal, run, test  # noqa: E402
from trainers import LONG, Trainer, Watcher  # noqa: E402


class Seed:
    """That AI as a process; what it prints on stderr lies in the hub's folder."""

    def __init__(self, hub, specialization):
        self.log_path = os.path.join(hub.folder, "seed.log")
        with open(self.log_path, "wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, os.path.join(HERE, "seed_trainer.py"), "seed", specialization, LONG, "--hub",
                 f"127.0.0.1:{hub.port}"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log)

    def log(self):
        with open(self.log_path, encoding="utf-8") as file:
            return file.read()

    def end(self):
        """Told to end, it does so in order. Its summary."""
        check(self.process.poll() is None, "the seed's AI has ended by itself:\n", self.log()[-3000:])
        self.process.terminate()
        output = self.process.communicate()[0]
        equal(self.process.returncode, 0, "exit code of the seed's AI")
        return json.loads(output)

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if kind:
            print("# the seed's AI:\n# " + "\n# ".join(self.log().splitlines()[-25:]))
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()


def completed(watcher):
    return [line["payload"] for line in watcher.seen("collaboration_update")
            if line["payload"]["status"] == "completed"]


@test
def a_seed_ai_and_two_trainers_know_and_complete():
    with Hub() as hub, Seed(hub, "networking") as seed, Trainer(hub, "cpu", "process_manager") as cpu, \
            Trainer(hub, "disk", "file_system") as disk:
        watcher = Watcher(hub, seed, cpu, disk)
        for ai_id in ("cpu", "disk"):
            watcher.wait_for("pattern_share", lambda line, ai_id=ai_id: line["sender_id"] == ai_id)
            watcher.wait(f"a session of seed and {ai_id} was completed", lambda ai_id=ai_id: any(
                {"seed", ai_id} <= set(session["participants"]) for session in completed(watcher)))
            # the watcher may have seen it before the seed's AI has read it
            watcher.wait(f"the seed's AI knows a pattern of {ai_id}", lambda ai_id=ai_id: re.search(
                rf"^\[seed\] integrated shared pattern \S+ from {ai_id}$", seed.log(), re.M))
        summary = seed.end()
        for trainer in (cpu, disk):
            trainer.end()
        print("# seed:", json.dumps(summary))
        equal(summary["synced"], 1, "training_syncs")
        equal(summary["errors"], [], "errors the seed's AI got")
        for ai_id in ("cpu", "disk"):
            check(ai_id in summary["pattern_sources"], "no pattern of", ai_id, "in", summary["pattern_sources"])
        for session in completed(watcher):
            check(len(session["participants"]) >= 2, "a session completed by one alone:", session)


@test
def a_seed_ai_completes_what_a_trainer_offers():
    """It accepts in silence: its first message that names the session is its result, ten seconds
    later."""
    with Hub() as hub, Seed(hub, "networking") as seed, Trainer(hub, "cpu", "process_manager") as cpu:
        watcher = Watcher(hub, seed, cpu)
        watcher.wait("the seed's AI completed a session", lambda: any(
            session["by"] == "seed" for session in completed(watcher)))
        check(seed.end()["sessions_worked"] >= 1, "the seed's AI worked on nothing")
        cpu.end()


@test
def a_feature_asked_of_a_seed_ai_comes_back_once():
    """Once: what comes before the answer to a question asked after it."""
    with Hub() as hub, contextlib.closing(hub.join("asker", 2)) as asker, Seed(hub, "security") as seed:
        asker.expect("hello")
        for feature in ("Encryption", "Access_Control"):
            asker.say("feature_request", {"feature": feature, "requirements": {"bits": 256}})
            answers = []
            while not answers:
                line = asker.receive()
                check(line is not None, "the connection ended before an answer to", feature)
                if line["message_type"] == "feature_response":
                    equal(line["payload"]["asked"], ["seed"], "who was asked")
                if "original_requestor" in line["payload"]:
                    answers.append(line["payload"])
            equal((answers[0]["feature_name"], answers[0]["original_requestor"]), (feature, "asker"), "answer")
        seed.end()
        rest = asker.drain()
        check(not [line for line in rest if "original_requestor" in line["payload"]], "answered twice:", rest)


run()
