#!/usr/bin/env python3
"""An AI of khub's first design (seed_trainer.py, level 1, plain Python) at work beside two C trainers, all real processes.

Nothing is given a time to happen in: all run until what is wanted has happened, and are then asked to end.

usage: seed_ai.py KHUB
"""
import json
import os
import subprocess
import sys
import threading

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "wire"))
from harness import Hub, check, equal, run, test  # noqa: E402

HOURS = "120"  # minutes: longer than any test may take


class Watcher(threading.Thread):
    """An observer that notes who shared patterns and who completed which session, until the connection ends."""

    def __init__(self, hub):
        super().__init__()
        self.client = hub.connect()
        self.client.hello("the test", 2, role="observer")
        self.client.socket.settimeout(None)
        self.completed = []
        self.completed_by = []
        self.sharers = set()
        self.news = threading.Condition()
        self.ended = False
        self.start()

    def run(self):
        while (line := self.client.receive()) is not None:
            with self.news:
                self.note(line)
                self.news.notify_all()
        with self.news:
            self.ended = True
            self.news.notify_all()

    def note(self, line):
        payload = line["payload"]
        if line["message_type"] == "pattern_share":
            self.sharers.add(line["sender_id"])
        if line["message_type"] == "collaboration_update" and payload["status"] == "completed":
            self.completed.append(set(payload["participants"]))
            self.completed_by.append(payload["by"])

    def wait_for(self, what, happened):
        with self.news:
            self.news.wait_for(lambda: self.ended or happened(self))
            check(happened(self), "the hub ended before", what, "; completed:", self.completed, self.completed_by)


def start_trainer(hub, ai_id, specialization, folder):
    summary = os.path.join(folder, ai_id + ".json")
    with open(os.path.join(folder, ai_id + ".log"), "wb") as log:
        process = subprocess.Popen([sys.argv[1], "train", ai_id, specialization, HOURS, "--hub",
                                    f"127.0.0.1:{hub.port}", "--summary", summary], stdout=log, stderr=log)
    return process, summary


def start_seed(hub):
    return subprocess.Popen([sys.executable, os.path.join(HERE, "seed_trainer.py"), "seed", "networking", HOURS,
                             "--hub", f"127.0.0.1:{hub.port}"], stdout=subprocess.PIPE)


def end_seed(seed):
    """Its summary."""
    seed.terminate()
    output = seed.communicate()[0]
    equal(seed.returncode, 0, "exit code of the seed's AI")
    return json.loads(output)


def end_trainers(trainers):
    for process, _ in trainers:
        process.terminate()
    for process, path in trainers:
        equal(process.wait(), 0, f"exit code of {path}")


@test
def a_seed_ai_and_two_trainers_know_and_complete():
    with Hub() as hub:
        watcher = Watcher(hub)
        seed = start_seed(hub)
        trainers = [start_trainer(hub, "cpu", "process_manager", hub.folder),
                    start_trainer(hub, "disk", "file_system", hub.folder)]
        for ai_id in ("cpu", "disk"):
            watcher.wait_for(f"{ai_id} shared a pattern", lambda seen, ai_id=ai_id: ai_id in seen.sharers)
            watcher.wait_for(f"a session of seed and {ai_id} was completed",
                             lambda seen, ai_id=ai_id: any({"seed", ai_id} <= who for who in seen.completed))
        summary = end_seed(seed)
        end_trainers(trainers)
        equal(hub.stop(), 0, "exit code of the hub")
        watcher.join()
        print("# seed:", json.dumps(summary))
        equal(summary["synced"], 1, "training_syncs")
        equal(summary["errors"], [], "errors the seed's AI got")
        for ai_id in ("cpu", "disk"):
            check(ai_id in summary["pattern_sources"], "no pattern of", ai_id, "in", summary["pattern_sources"])
        for who in watcher.completed:
            check(len(who) >= 2, "a session completed by one alone:", who)


@test
def a_seed_ai_completes_what_a_trainer_offers():
    """It accepts in silence: its first message that names the session is its result, ten seconds later."""
    with Hub() as hub:
        watcher = Watcher(hub)
        seed = start_seed(hub)
        trainers = [start_trainer(hub, "cpu", "process_manager", hub.folder)]
        watcher.wait_for("the seed's AI completed a session", lambda seen: "seed" in seen.completed_by)
        check(end_seed(seed)["sessions_worked"] >= 1, "the seed's AI worked on nothing")
        end_trainers(trainers)
        equal(hub.stop(), 0, "exit code of the hub")
        watcher.join()


@test
def a_feature_asked_of_a_seed_ai_comes_back_once():
    with Hub() as hub:
        asker = hub.join("asker", 2)
        seed = subprocess.Popen([sys.executable, os.path.join(HERE, "seed_trainer.py"), "seed", "security", "0.1",
                                 "--hub", f"127.0.0.1:{hub.port}"], stdout=subprocess.PIPE)
        asker.expect("hello")
        asker.say("feature_request", {"feature": "Encryption", "requirements": {"bits": 256}})
        answers = []
        while (line := asker.receive())["message_type"] != "presence":
            if line["message_type"] == "os_component_share" and "original_requestor" in line["payload"]:
                answers.append(line["payload"])
            if line["message_type"] == "feature_response":
                equal(line["payload"]["asked"], ["seed"], "who was asked")
        seed.communicate()
        equal(len(answers), 1, "answers")
        equal(answers[0]["feature_name"], "Encryption", "feature_name")
        equal(answers[0]["original_requestor"], "asker", "original_requestor")


run()
