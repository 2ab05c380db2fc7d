#!/usr/bin/env python3
"""The team of tests/e2e/team.py with an AI of clients/js in it.

usage: js_team.py KHUB [PART OF A NAME]
"""
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
for folder in ("wire", "e2e", "npm"):
    sys.path.insert(0, os.path.join(HERE, "..", folder))
from harness import equal, run, test  # noqa: E402
from run import node  # noqa: E402
from stage import Driver  # noqa: E402
from teamwork import team_at_work  # noqa: E402

COMMAND = [node(20), os.path.join(HERE, "driver_js.mjs")]


class JavaScript:
    """By the conformance script's driver, which handles each message as it comes."""

    def __init__(self, hub, name):
        self.name, self.driver, self.fences = name, Driver(COMMAND), {}
        self.driver.tell(name, "join", ai_id=name, address=f"127.0.0.1:{hub.port}", since="last")
        self.driver.state(name, "joined")

    def answer(self, what, event, **told):
        self.driver.tell(self.name, what, tag=what, **told)
        return self.driver.wait(self.name, event)

    def claim(self, task, ttl):
        told = self.answer("claim", "claimed", key=f"task:{task}", ttl_s=ttl)
        self.fences[task] = told.get("fence")
        return told.get("mine", False)

    def ready(self):
        return [task["id"] for task in
                self.answer("ask", "answer", type="task_query", payload={"status": "ready"})["payload"]["tasks"]]

    def say(self, message_type, payload, target=None):
        told = self.answer("publish", "outcome", type=message_type, payload=payload, target=target)
        equal(told.get("error"), None, told)

    def done(self, task):
        self.say("task", {"id": task, "status": "done", "fence": self.fences[task]})
        self.say("chat", {"text": f"{task} is done"})

    def part(self, hello):
        """Handles all that was said, and answers."""
        self.driver.wait(self.name, "message", lambda event: event["payload"].get("text") == "over")
        self.say("chat", {"text": "I have", "in_reply_to": hello["message_id"]}, "ray")
        self.driver.tell(self.name, "close")
        self.driver.state(self.name, "ended")
        equal(self.driver.close(), 0)


@test
def each_task_is_done_once_also_in_javascript():
    team_at_work(lambda hub: {"joe": JavaScript(hub, "joe")})


run()
