#!/usr/bin/env python3
"""C trainers at work on a real hub: with each other, with a liar, with a hub that restarts, and told to end early.

usage: trainer.py KHUB [PART_OF_A_NAME]
"""
import contextlib
import json
import os
import signal
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "wire"))
from harness import PATIENCE, Hub, Skip, check, equal, run, sanitized, test, wait_until  # noqa: E402


def slowdown():
    """Code under a sanitizer gets more of the trainers' minutes, so that as much comes of them."""
    return 2 if sanitized() else 1


class Trainer:
    """`khub train` as a process; its log and its summary in the hub's folder."""

    def __init__(self, hub, ai_id, specialization, minutes, port=None):
        self.log_path = os.path.join(hub.folder, ai_id + ".log")
        self.summary_path = os.path.join(hub.folder, ai_id + ".json")
        with open(self.log_path, "wb") as log:
            self.process = subprocess.Popen(
                [sys.argv[1], "train", ai_id, specialization, str(minutes * slowdown()), "--hub", f"127.0.0.1:{port or hub.port}",
                 "--summary", self.summary_path], stdout=log, stderr=log, stdin=subprocess.DEVNULL)

    def log(self):
        with open(self.log_path, encoding="utf-8") as file:
            return file.read()

    def wait_log(self, text):
        wait_until(lambda: text in self.log() or self.process.poll() is not None, f"{text!r} in the trainer's log")
        check(text in self.log(), "the trainer ended without", repr(text), ":\n", self.log()[-3000:])

    def finish(self, code=0):
        """Waits for its end and returns its summary."""
        found = self.process.wait(4 * PATIENCE)
        check(found == code, "exit code", found, "instead of", code, "\n", self.log()[-3000:])
        check("Sanitizer" not in self.log() and "runtime error:" not in self.log(), self.log()[-6000:])
        with open(self.summary_path, encoding="utf-8") as file:
            return json.load(file)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()


def heard_until_left(client, wanted):
    """All lines until every one of the wanted AIs has left."""
    lines, left, beat = [], set(), time.monotonic()
    while left < set(wanted):
        line = client.receive()
        if time.monotonic() - beat > 20:  # the hub parts with those who say nothing for 90 s
            client.say("heartbeat")
            beat = time.monotonic()
        check(line is not None, "the connection ended")
        lines.append(line)
        if line["message_type"] == "presence" and line["payload"]["ai_id"] in wanted:
            left.add(line["payload"]["ai_id"])
    return lines


def of_type(lines, message_type):
    return [line for line in lines if line["message_type"] == message_type]


@test
def two_trainers_share_check_and_collaborate():
    if sanitized():
        raise Skip("under a sanitizer two trainers search too slowly to complete sessions within the minute")
    with Hub() as hub, contextlib.closing(hub.connect()) as watcher:
        watcher.hello("watcher", 2, role="observer")
        with Trainer(hub, "cpu", "process_manager", 0.6) as cpu, Trainer(hub, "disk", "file_system", 0.6) as disk:
            lines = heard_until_left(watcher, ("cpu", "disk"))
            summaries = {"cpu": cpu.finish(), "disk": disk.finish()}
        for ai_id, summary in summaries.items():
            print("#", ai_id, json.dumps(summary["sessions"]), json.dumps(summary["patterns"]))
            training = summary["training"]
            check(summary["joined"] and summary["ended"] == "time is up", summary)
            check(training["own_subject"] and training["evaluations"] > 0, training)
            check(training["bound_ratio"] < training["ratio_heldout"] < 1, training)
            check(0 < training["gap_closed"] < 1, training)
            for group, name in (("patterns", "shared"), ("patterns", "checked"), ("patterns", "taken_in"),
                                ("components", "shared"), ("components", "checked"), ("reports", "confirmed"),
                                ("sessions", "requested"), ("sessions", "accepted"), ("sessions", "completed")):
                check(summary[group][name] > 0, ai_id, group, name, "is 0")
            equal(summary["patterns"]["refuted"] + summary["components"]["refuted"], 0, "refuted")
            equal(summary["reports"]["refuted"], 0, "own claims refuted")
            equal(summary["link"]["skipped"], 0, "messages skipped")
        check(sum(summary["sessions"]["concluded"] for summary in summaries.values()) > 0, "nobody concluded")

        ends = [line for line in of_type(lines, "os_component_share") if line["payload"].get("collaboration_complete")]
        sessions = [line["payload"]["session_id"] for line in ends]
        check(sessions, "no session came to its result")
        equal(len(set(sessions)), len(sessions), "sessions with one result each")
        for line in ends:
            component = line["payload"]["component"]
            equal(sorted(component["contributors"]), ["cpu", "disk"], "contributors")
            check(all(component["evaluations"].get(ai_id, 0) > 0 for ai_id in ("cpu", "disk")),
                  "not both worked:", component["evaluations"])
            check(0 < component["ratio_session"] < 1 and component["implementation"], component)
            ratios = [update["payload"]["value"]["ratio"] for update in of_type(lines, "workspace_update")
                      if update["payload"]["session_id"] == line["payload"]["session_id"]]
            check(len(ratios) >= 4 and ratios == sorted(ratios, reverse=True), "a candidate became worse:", ratios)
            # The very last write may still have been on its way to the one who concluded.
            check(component["ratio_session"] in ratios[-2:], "the result is not the last candidate:", ratios)
        for line in of_type(lines, "error"):
            check(line["payload"]["code"] == "conflict", line)


def next_of(client, message_type, condition=lambda line: True):
    """The next line of that type; others are passed over."""
    while True:
        line = client.receive()
        check(line is not None, "the connection ended before a", message_type)
        if line["message_type"] == message_type and condition(line):
            return line


def report_on(client, thing_id):
    return next_of(client, "performance_report",
                   lambda line: line["payload"]["component_id"] == thing_id)["payload"]["performance"]


@test
def a_liar_is_refused_and_a_hostile_partner_does_no_harm():
    with Hub() as hub, contextlib.closing(hub.join("eve", 2, specialization="security")) as eve:
        with Trainer(hub, "cpu", "process_manager", 0.6) as cpu:
            component = next_of(eve, "os_component_share")["payload"]["component"]
            lie = dict(component, id="eve_lie", ratio_heldout=component["ratio_heldout"] / 2)
            eve.say("os_component_share", {"component": lie})
            found = report_on(eve, "eve_lie")
            equal((found["score"], found["claim_holds"], found["integration_tested"]), (0, False, False), "verdict")
            check("ratio_heldout is claimed" in found["reason"], found)
            equal(found["ratio"], component["ratio_heldout"], "what it measured")
            eve.say("os_component_share", {"component": dict(component, id="eve_copy")})
            found = report_on(eve, "eve_copy")
            check(found["claim_holds"] and found["integration_tested"] and 0 < found["score"] < 1, found)
            for parameters in ({}, {"levels": 1e308}, [], dict(component["parameters"], more=1)):
                eve.say("pattern_share", {"pattern": dict(component, id="eve_bad", parameters=parameters)})
            found = report_on(eve, "eve_bad")
            equal((found["score"], found["claim_holds"]), (0, False), "verdict")
            eve.send(b'{"message_id":"m","sender_id":"eve","message_type":"pattern_share","timestamp":"2026-11-22T08:00:00",'
                     b'"payload":{"pattern":{"id":"huge","ratio_heldout":1e999}},"target_ai":null}')
            cpu.wait_log("skipped a pattern_share of eve")

            # A session in which eve, the initiator, writes nothing but nonsense.
            eve.say("collaboration_request", {"type": "feature_development", "description": "", "target_ai": "cpu",
                                              "expertise_offered": [], "seeking_expertise": []})
            active = next_of(eve, "collaboration_update", lambda line: line["payload"]["status"] == "active")["payload"]
            session, version = active["session_id"], 0
            for value in ({}, {"subject": 7}, {"subject": "process_manager", "parameters": []}):
                eve.say("workspace_update", {"session_id": session, "key": "candidate", "value": value,
                                             "base_version": version})
                line = next_of(eve, "workspace_update", lambda line: line["sender_id"] == "cpu")
                version = line["payload"]["version"]
                check(line["payload"]["value"]["ratio"] < 1, line)
            result = next_of(eve, "os_component_share", lambda line: line["payload"].get("collaboration_complete"))
            equal(result["payload"]["session_id"], session, "session that cpu concluded")
            check(0 < result["payload"]["component"]["ratio_session"] < 1, result)
            check(cpu.process.poll() is None, "the trainer has ended")
            summary = cpu.finish()
            check(summary["components"]["refuted"] + summary["patterns"]["refuted"] >= 2, summary)


@test
def a_feature_is_answered_once():
    with Hub() as hub, contextlib.closing(hub.join("asker", 2)) as asker:
        with Trainer(hub, "disk", "file_system", 0.3) as disk:
            next_of(asker, "hello", lambda line: line["sender_id"] == "disk")
            asker.say("feature_request", {"feature": "Storage_Management", "requirements": {"latency": 1}})
            lines = heard_until_left(asker, ("disk",))
            answers = [line for line in of_type(lines, "os_component_share") if "feature_name" in line["payload"]]
            equal(len(answers), 1, "answers")
            payload = answers[0]["payload"]
            equal((answers[0]["target_ai"], payload["original_requestor"], payload["feature_name"]),
                  ("asker", "asker", "Storage_Management"), "answer")
            component = payload["component"]
            check(component["implementation"] and 0 < component["ratio_heldout"] < 1.1, component)
            equal(disk.finish()["features"]["answered"], 1, "answered by its own count")


@test
def a_hub_that_restarts_is_found_again():
    with Hub() as first:
        port = first.port
        with Trainer(first, "cpu", "process_manager", 0.5) as cpu:
            cpu.wait_log("Shared pattern")
            equal(first.stop(), 0, "exit code of the first hub")
            cpu.wait_log("Lost the hub")
            with Hub(listen=(f"127.0.0.1:{port}",)) as second, contextlib.closing(second.join("bob", 2)) as bob:
                cpu.wait_log("Reconnected to hub")
                check("cpu" in bob.sync["active_ais"] or next_of(bob, "hello")["sender_id"] == "cpu", "not there again")
                heard_until_left(bob, ("cpu",))
                equal(cpu.finish()["link"]["reconnects"], 1, "reconnects")


@test
def told_to_end_it_ends_and_says_so():
    for number in (signal.SIGTERM, signal.SIGINT):
        with Hub() as hub, contextlib.closing(hub.join("bob", 2)) as bob:
            with Trainer(hub, "cpu", "process_manager", 10) as cpu:
                request = next_of(bob, "collaboration_request")["payload"]
                bob.say("collaboration_response", {"session_id": request["session_id"], "accepted": True})
                next_of(bob, "workspace_update")
                cpu.process.send_signal(number)
                end = next_of(bob, "collaboration_update", lambda line: line["payload"]["status"] != "active")["payload"]
                equal((end["session_id"], end["status"], end["by"]), (request["session_id"], "failed", "cpu"), "end")
                check("evaluations spent" in end["note"], end)
                summary = cpu.finish()
                equal(summary["ended"], number.name, "why it ended")
                equal(summary["sessions"]["failed"], 1, "sessions failed")


@test
def a_name_that_is_taken_is_refused():
    with Hub() as hub, contextlib.closing(hub.join("cpu", 2)):
        with Trainer(hub, "cpu", "process_manager", 1) as cpu:
            summary = cpu.finish(1)
            equal((summary["joined"], summary["exit_code"]), (False, 1), "summary")
            check("refused" in cpu.log(), cpu.log())


run()
