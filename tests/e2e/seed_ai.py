#!/usr/bin/env python3
"""An AI of khub's first design (seed_trainer.py, level 1, plain Python) at work beside two C trainers, all real processes.

usage: seed_ai.py KHUB    minutes: KHUB_SEED_MINUTES (0.6)
"""
import json
import os
import subprocess
import sys
import threading

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "wire"))
from harness import Hub, Skip, check, equal, run, sanitized, test  # noqa: E402

MINUTES = float(os.environ.get("KHUB_SEED_MINUTES", "0.6"))


class Watcher(threading.Thread):
    """An observer that notes who completed which session, until the connection ends."""

    def __init__(self, hub):
        super().__init__()
        self.client = hub.connect()
        self.client.hello("the test", 2, role="observer")
        self.client.socket.settimeout(None)
        self.completed = []
        self.completed_by = []
        self.start()

    def run(self):
        while (line := self.client.receive()) is not None:
            payload = line["payload"]
            if line["message_type"] == "collaboration_update" and payload["status"] == "completed":
                self.completed.append(set(payload["participants"]))
                self.completed_by.append(payload["by"])


def start_trainer(hub, ai_id, specialization, folder):
    summary = os.path.join(folder, ai_id + ".json")
    with open(os.path.join(folder, ai_id + ".log"), "wb") as log:
        process = subprocess.Popen([sys.argv[1], "train", ai_id, specialization, str(MINUTES), "--hub",
                                    f"127.0.0.1:{hub.port}", "--summary", summary], stdout=log, stderr=log)
    return process, summary


@test
def a_seed_ai_and_two_trainers_know_and_complete():
    if sanitized():
        raise Skip("under a sanitizer two trainers search too slowly to complete sessions within the minute")
    with Hub() as hub:
        watcher = Watcher(hub)
        trainers = [start_trainer(hub, "cpu", "process_manager", hub.folder),
                    start_trainer(hub, "disk", "file_system", hub.folder)]
        seed = subprocess.run([sys.executable, os.path.join(HERE, "seed_trainer.py"), "seed", "networking",
                               str(MINUTES), "--hub", f"127.0.0.1:{hub.port}"],
                              stdout=subprocess.PIPE, check=False)
        summary = json.loads(seed.stdout)
        print("# seed:", json.dumps(summary))
        equal(seed.returncode, 0, "exit code of the seed's AI")
        for process, path in trainers:
            equal(process.wait(), 0, f"exit code of {path}")
        hub.process.terminate()
        watcher.join()
        equal(summary["synced"], 1, "training_syncs")
        equal(summary["errors"], [], "errors the seed's AI got")
        for ai_id in ("cpu", "disk"):
            check(ai_id in summary["pattern_sources"], "no pattern of", ai_id, "in", summary["pattern_sources"])
            check(any({"seed", ai_id} <= who for who in watcher.completed), "no session of seed and", ai_id,
                  "was completed:", watcher.completed)
        for who in watcher.completed:
            check(len(who) >= 2, "a session completed by one alone:", who)


@test
def a_seed_ai_completes_what_a_trainer_offers():
    """It accepts in silence: its first message that names the session is its result, ten seconds later."""
    with Hub() as hub:
        watcher = Watcher(hub)
        seed = subprocess.Popen([sys.executable, os.path.join(HERE, "seed_trainer.py"), "seed", "networking", "0.5",
                                 "--hub", f"127.0.0.1:{hub.port}"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        trainer, _ = start_trainer(hub, "cpu", "process_manager", hub.folder)
        summary = json.loads(seed.communicate()[0])
        equal(trainer.wait(), 0, "exit code of the trainer")
        hub.process.terminate()
        watcher.join()
        check(summary["sessions_worked"] >= 1, "the seed's AI worked on nothing:", summary)
        check("seed" in watcher.completed_by, "none of its sessions was completed by it:", watcher.completed_by)


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
