#!/usr/bin/env python3
"""Trainers whose hub is killed, and trainers that are killed: what was under way goes on, and
nothing counts twice.

Nothing is given a time to happen in: see trainers.py.

usage: trainer_restart.py KHUB [PART_OF_A_NAME]
"""
import collections
import contextlib
import json
import os
import sys
import types

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "wire"))
from harness import Hub, check, directory, equal, kill_9, run, test  # noqa: E402
from trainers import Trainer, Watcher, thing_of  # noqa: E402


class Place:
    """A hub on a data directory and a port that stay, and a folder for its trainers' files."""

    def __init__(self, data):
        self.data, self.folder = data, os.path.dirname(data)
        self.hub = Hub("--data", data)
        self.port = self.hub.port

    def kill_hub(self):
        kill_9(self.hub)
        self.hub = Hub("--data", self.data, listen=(f"127.0.0.1:{self.port}",))

    def trainer(self, ai_id, specialization="process_manager", more=(), run_number=0):
        """Of an AI's later runs, log and summary are files of their own."""
        folder = os.path.join(self.folder, f"run{run_number}")
        os.makedirs(folder, exist_ok=True)
        return Trainer(types.SimpleNamespace(folder=folder, port=self.port), ai_id, specialization, more=more)

    def watch(self, *trainers):
        """All that was ever said here, and then what is said."""
        return Watcher(self.hub, *trainers, since=0)

    def history(self):
        """All that was said here, to the last."""
        client = self.hub.join("historian", 2, role="observer", sync="none", since=0)
        client.socket.settimeout(None)
        lines = []
        while (line := client.receive())["message_type"] != "caught_up":
            lines.append(line)
        client.close()
        return lines


@contextlib.contextmanager
def place():
    with directory() as data:
        found = Place(data)
        try:
            yield found
        finally:
            kill_9(found.hub)


def by_type(lines, message_type):
    return [line for line in lines if line["message_type"] == message_type]


def once(what, keys):
    twice = [key for key, count in collections.Counter(keys).items() if count > 1]
    equal(twice, [], f"{what} that count twice")


def is_check(line):
    return "claim_holds" in line["payload"]["performance"]


def nothing_counts_twice(lines, hub):
    """Each share, report, answer and result of an AI stands in the hub's history once; and what the
    hub counted is what stands there."""
    said = [line for line in lines if line["sender_id"] != "hub"]
    once("messages", [(line["sender_id"], line["message_id"]) for line in said
                      if line["message_type"] not in ("collaboration_update", "collaboration_request")])
    patterns, components = by_type(lines, "pattern_share"), by_type(lines, "os_component_share")
    reports = by_type(lines, "performance_report")
    once("patterns", [(line["sender_id"], thing_of(line)["commitment_id"]) for line in patterns])
    once("checks", [(line["sender_id"], line["payload"]["component_id"]) for line in reports if is_check(line)])
    once("own reports", [line["payload"]["component_id"] for line in reports if not is_check(line)])
    once("results", [line["payload"]["session_id"] for line in components
                     if line["payload"].get("collaboration_complete")])
    judge = hub.join("judge", 2)
    totals = judge.sync["knowledge_totals"]
    equal((totals["shared_patterns"], totals["collective_features"]), (len(patterns), len(components)), "known")
    for ai_id, account in judge.sync["ledger"].items():
        own = [line for line in patterns + components if line["sender_id"] == ai_id]
        equal(account["claims"], len(own), f"claims of {ai_id}")
        check(account["refuted"] == 0 and account["mismatched"] == 0, ai_id, account)
    others = len({line["sender_id"] for line in patterns}) - 1
    for key, entry in judge.sync["global_knowledge_base"]["shared_patterns"].items():
        # most reports on it only the hub has heard: each other AI makes one
        check(len(entry["verification"]["verifiers"]) <= entry["usage_count"] <= others, key, entry)
    judge.close()


def has_measured(trainer):
    """What another shared; what it found only the hub has heard so far."""
    return any(word in trainer.log() for word in ("Integrated shared ", "Checked "))


def shared_by(watcher, ai_id):
    return watcher.seen("pattern_share", lambda line: line["sender_id"] == ai_id)


def confirmed(lines, name):
    """Claims of that AI."""
    return len({line["payload"]["id"] for line in by_type(lines, "verification")
                if line["payload"]["author"] == name and line["payload"]["status"] == "confirmed"})


def heard_all(here, trainer):
    """What the hub has said up to now, the trainer has heard."""
    asker = here.hub.join("asker", 2, sync="none")
    asker.say("chat", {"text": "are you there?"})
    trainer.wait_log("asker says: are you there?")
    asker.close()


def at_work(watcher, *ended):
    """A session that both sides have written to and that has not ended."""
    ends = {line["payload"]["session_id"] for line in watcher.seen("collaboration_update")
            if line["payload"]["status"] not in ("pending", "active")}
    for line in watcher.seen("workspace_update", lambda line: line["payload"].get("version", 0) >= 2):
        if line["payload"]["session_id"] not in ends | set(ended):
            return line["payload"]["session_id"]
    return None


def ended(watcher, session):
    return watcher.seen("collaboration_update", lambda line: line["payload"]["session_id"] == session
                        and line["payload"]["status"] not in ("pending", "active"))


@test
def a_hub_that_is_killed_is_gone_on_with():
    with place() as here, contextlib.ExitStack() as stack:
        names = ("one", "two", "three")
        trainers = [stack.enter_context(here.trainer(name)) for name in names]
        watcher = here.watch(*trainers)
        for name in names:
            watcher.wait(f"a pattern of {name}", lambda name=name: shared_by(watcher, name))
        watcher.wait("what others found", lambda: watcher.seen("verification"))
        for _ in range(2):
            session = watcher.wait("a session under way", lambda: at_work(watcher))
            here.kill_hub()
            watcher = here.watch(*trainers)
            end = watcher.wait("its end", lambda session=session: ended(watcher, session))
            equal(end[-1]["payload"]["status"], "completed", "how the session ended")
            before = len(watcher.seen("verification"))
            watcher.wait("more of it", lambda before=before: len(watcher.seen("verification")) > before)
        watched = list(watcher.lines)
        for trainer in trainers:  # it has heard what the observer has heard, once it is asked
            heard_all(here, trainer)
        summaries = dict(zip(names, (trainer.end() for trainer in trainers)))
        lines = here.history()
        nothing_counts_twice(lines, here.hub)
        for name, summary in summaries.items():
            print("#", name, json.dumps(summary["patterns"]), json.dumps(summary["sessions"]))
            equal(summary["link"]["reconnects"], 2, "reconnects")
            if "could not be sent to the hub" in trainers[names.index(name)].log():
                continue  # it could not wait for the hub's last word
            for message_type, counted in (("pattern_share", summary["patterns"]["shared"]),
                                          ("os_component_share", summary["components"]["shared"]),
                                          ("performance_report", summary["reports"]["sent"])):
                own = [line for line in by_type(lines, message_type) if line["sender_id"] == name]
                if message_type == "performance_report":  # of most only the hub has heard
                    check(len(own) <= counted, f"reports of {name}, and what it counted:", own, counted)
                else:
                    equal(len(own), counted, f"{message_type} of {name}, and what it counted")
            # the last ones may have been confirmed when it was about to leave
            check(confirmed(watched, name) <= summary["claims"]["confirmed"] <= confirmed(lines, name),
                  f"claims of {name} that are confirmed:", summary["claims"], confirmed(lines, name))
        for trainer in trainers:
            check("lost collaboration" not in trainer.log(), trainer.log()[-3000:])


def a_trainer_is_killed(more, kept=None):
    """And started again under its name, in the middle of a session; once it has left something in
    the directory `kept`."""
    with place() as here, here.trainer("two") as two:
        with here.trainer("one", more=more) as one:
            watcher = here.watch(one, two)
            for name in ("one", "two"):
                watcher.wait(f"a pattern of {name}", lambda name=name: shared_by(watcher, name))
            watcher.wait("a check by one", lambda: has_measured(one))
            learned = kept and os.path.join(kept, "learned.json")
            watcher.wait("what it goes on from", lambda: not learned or os.path.exists(learned))
            session = watcher.wait("a session under way", lambda: at_work(watcher))
            watcher.trainers = (two,)
            one.process.kill()
            one.process.wait()
        with here.trainer("one", more=more, run_number=1) as one:
            watcher.trainers = (one, two)
            end = watcher.wait("its end", lambda: ended(watcher, session))
            equal(end[-1]["payload"]["status"], "completed", "how the session ended")
            one.wait_log("Received TRAINING_SYNC")
            watcher.wait("a deed of one", lambda: has_measured(one) or "Shared " in one.log())
            log, two_log = one.log(), two.log()
            one.end()
            two.end()
        nothing_counts_twice(here.history(), here.hub)
        check("id_in_use" not in log and "lost collaboration" not in two_log, log, two_log)
        return log


@test
def a_trainer_that_is_killed_goes_on():
    """With nothing but its name: it searches again what it had searched, and nothing of it counts
    twice."""
    a_trainer_is_killed(())


@test
def a_trainer_that_is_killed_goes_on_from_its_directory():
    with directory() as kept:
        check("Going on from what" in a_trainer_is_killed(("--out", kept), kept), "it began anew")
        token = os.stat(os.path.join(kept, "resume_token"))
        equal(token.st_mode & 0o777, 0o600, "who may read its token")


@test
def an_answer_under_way_is_finished_once():
    """Killed as soon as it has the right to build what was asked for, or a little later."""
    with place() as here:
        with here.trainer("cpu") as cpu:
            watcher = here.watch(cpu)
            watcher.wait("a pattern", lambda: shared_by(watcher, "cpu"))
            asker = here.hub.join("asker", 2, sync="none")
            asker.say("feature_request", {"feature": "process_scheduling", "requirements": {}})
            watcher.wait_for("lease", lambda line: line["payload"]["status"] == "granted")
            watcher.trainers = ()
            cpu.process.kill()
            cpu.process.wait()
        with here.trainer("cpu", run_number=1) as cpu:
            watcher.trainers = (cpu,)
            watcher.wait_for("lease", lambda line: line["payload"]["status"] == "released" and line["payload"]["done"])
            cpu.end()
        lines = here.history()
        answers = [line for line in by_type(lines, "os_component_share") if line["target_ai"] == "asker"]
        equal(len(answers), 1, "answers")
        nothing_counts_twice(lines, here.hub)


if __name__ == "__main__":
    run()
