#!/usr/bin/env python3
"""An agent asks a person, and a person answers: ask, approvals, approve, and /answer in a chat.

usage: cli_approvals.py KHUB [PART OF A NAME]
"""
import contextlib
import json
import os
import re
import signal
import subprocess
import sys

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
sys.path.insert(0, os.path.join(ROOT, "tests", "wire"))
from harness import Hub, check, directory, equal, run, test, wait_until  # noqa: E402
from mcp import Mcp  # noqa: E402
from program import Running, harmless, khub, refused, worked  # noqa: E402

CHOICES = ("--choice", "yes", "--choice", "no", "--default", "no")


class Place:
    """A hub that keeps what is said, with an agent that has a shell."""

    def __enter__(self):
        self.more = contextlib.ExitStack()
        self.folder = self.more.enter_context(directory())
        self.address = f"unix:{self.folder}.socket"
        self.begin()
        self.state = {"KHUB_STATE": self.folder + ".state"}
        worked("join", "ada", "--hub", self.address, **self.state)
        return self

    def __exit__(self, *error):
        self.hub.__exit__(*error)
        self.more.close()

    def begin(self):
        self.hub = Hub("--data", self.folder, listen=("127.0.0.1:0", self.address)).__enter__()

    def ask(self, *words):
        """Its id."""
        return json.loads(worked("ask", *words, "--json", **self.state).out)["approval_id"]

    def approvals(self, *words):
        return json.loads(worked("approvals", "--hub", self.address, "--json", *words).out)

    def received(self):
        found = json.loads(khub("recv", "--json", "--ack", **self.state).out)
        return [item["message"]["payload"] for item in found["messages"]]


@test
def an_agent_asks_and_a_person_answers():
    with Place() as place:
        told = worked("ask", "Deploy 1.4?", *CHOICES, **place.state).out
        id = re.match(r"(a\d+) is asked: the answer comes with khub recv, within 600 s; else it is no\n$", told)[1]
        (waiting,) = place.approvals()
        equal((waiting["approval_id"], waiting["asker"], waiting["status"]), (id, "ada", "pending"))
        listed = worked("approvals", "--hub", place.address).out
        check("Deploy 1.4?" in listed and "yes, no" in listed and "600 s" in listed, listed)
        refused(1, "approve", id, "perhaps", "--hub", place.address, said=("perhaps", '["yes","no"]'))
        told = worked("approve", id, "yes", "--note", "after 18:00", "--as", "pia", "--hub", place.address).out
        equal(told, f"{id} is decided: yes; ada is told\n")
        refused(1, "approve", id, "no", "--hub", place.address, said=(id, "answered already", "yes"))
        equal(place.approvals(), [])
        equal([each["choice"] for each in place.approvals("--all")], ["yes"])
        check("yes, by pia" in worked("approvals", "--all", "--hub", place.address).out)
        (decided,) = place.received()
        equal((decided["approval_id"], decided["choice"], decided["by"], decided["note"]),
              (id, "yes", "pia", "after 18:00"))


@test
def who_waits_prints_the_choice_alone():
    with Place() as place:
        asks = Running("ask", "Delete it?", *CHOICES, "--wait", **place.state)
        wait_until(lambda: place.approvals(), "the question")
        worked("approve", place.approvals()[0]["approval_id"], "yes", "--as", "pia", "--hub", place.address)
        code, err = asks.end(None)
        equal((code, asks.text), (0, "yes\n"))
        check("answered by pia" in err, err)
        result = khub("ask", "Delete it?", *CHOICES, "--timeout", "1", "--wait", **place.state)
        equal((result.code, result.out), (3, "no\n"))
        check("timed out" in result.err, result.err)
        listed = worked("approvals", "--all", "--hub", place.address).out
        check("no, nobody answered" in listed, listed)
        asks = Running("ask", "Delete it?", *CHOICES, "--wait", **place.state)
        wait_until(lambda: place.approvals(), "the question")
        code, err = asks.end(signal.SIGTERM)
        check(code == 1 and asks.text == "" and "not decided yet" in err, code, asks.text, err)
        id = place.approvals()[0]["approval_id"]
        equal(worked("ask", "--withdraw", id, **place.state).out, f"{id} is withdrawn\n")
        equal(place.approvals(), [])


@test
def a_question_outlives_the_hub():
    with Place() as place:
        id = place.ask("Deploy?", *CHOICES)
        place.hub.__exit__(None, None, None)
        place.begin()
        equal([each["approval_id"] for each in place.approvals()], [id])
        worked("approve", id, "no", "--as", "pia", "--hub", place.address)
        equal([(each["status"], each["choice"]) for each in place.received()], [("answered", "no")])


@test
def people_see_it_in_a_chat_and_answer_there():
    with Place() as place:
        with Running("chat", "--as", "pia", "--hub", place.address, stdin=subprocess.PIPE) as chat:
            wait_until(lambda: "pia" in worked("who", "--hub", place.address).out, "pia")
            id = place.ask("Deploy \033[31mit?", *CHOICES, "--to", "pia")
            said = chat.wait_for(f"/answer {id} CHOICE, of yes, no, within 600 s; else it is no")
            check("ada asks: Deploy \\x1b[31mit?" in said, said)
            harmless(said)
            chat.process.stdin.write(f"/answer {id} yes\n/answer\n".encode())
            chat.process.stdin.flush()
            chat.wait_for(f"{id} of ada is decided: yes, by pia")
            code, err = chat.end(None)
            check(code == 1 and "line 2: /answer wants an ID and a CHOICE" in err, code, err)
        equal([each["choice"] for each in place.received()], ["yes"])


@test
def wrong_words_say_what_is_wrong():
    with Place() as place:
        for words, said in (
                ((), ("what is the question?",)),
                (("Deploy?",), ("two choices", "--choice", "--default")),
                (("Deploy?", "-c", "yes", "-c", "no"), ("--default",)),
                (("Deploy?", *CHOICES, "--timeout", "0"), ("--timeout", "0", "86400")),
                (("Deploy?", "-c", "yes", "--default", "yes"), ("two choices",)),
                (("Deploy?", "--withdraw", "a1"), ("--withdraw",)),
                (("--withdraw", "a1", "--wait"), ("--withdraw",)),
                (("--withdraw", "a1", "-c", "yes"), ("--withdraw",))):
            refused(2, "ask", *words, said=said, **place.state)
        refused(1, "ask", "Deploy?", "-c", "yes", "-c", "no", "--default", "maybe", said=("maybe",), **place.state)
        refused(1, "ask", "Deploy?", *CHOICES, "--to", "nobody", said=("nobody",), **place.state)
        refused(1, "ask", "--withdraw", "a999", said=("a999",), **place.state)
        refused(1, "approve", "a999", "yes", "--hub", place.address, said=("a999",))
        equal(worked("approvals", "--hub", place.address).out,
              f"Nothing waits for a person at {place.address}.\n")
        equal(worked("approvals", "--all", "--hub", place.address).out,
              f"Nothing waits for a person at {place.address}, and nothing was decided.\n")


@test
def an_mcp_client_asks_by_say():
    with Place() as place, Mcp(place.hub, era="2025-11-25") as bridge:
        bridge.call("say", type="approval_request", payload={
            "question": "Deploy?", "choices": ["yes", "no"], "default": "no", "timeout_s": 600})
        (waiting,) = place.approvals()
        worked("approve", waiting["approval_id"], "yes", "--as", "pia", "--hub", place.address)
        told, _ = bridge.call("inbox", wait_s=60)
        equal([(each["type"], each["to_you"], each["payload"]["choice"]) for each in told["messages"]],
              [("approval", True, "yes")])


run()
