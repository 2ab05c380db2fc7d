#!/usr/bin/env python3
"""The doors of tests/e2e/doors.py with that of clients/js between them, over a socket and over
WebSocket.

usage: js_doors.py KHUB [PART OF A NAME] [--seed N] [--visits N]
"""
import json
import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
for folder in ("wire", "e2e", "npm"):
    sys.path.insert(0, os.path.join(HERE, "..", folder))
from harness import directory, equal, run, test  # noqa: E402
from run import node  # noqa: E402
from visits import Passing, Staying, Talk, course  # noqa: E402

VISIT = [node(20), "--experimental-websocket", "--no-warnings", os.path.join(HERE, "js_visit.mjs")]
JS = ("js", "js_web")
CAMEL = {"resume_token": "resumeToken", "stays_s": "staysS"}


class JsDoors:
    """Two more of a visitor's."""

    def js(self):
        self.by_js(f"127.0.0.1:{self.hub.port}")

    def js_web(self):
        self.by_js(f"ws://127.0.0.1:{self.gateway.port}/ws")

    def by_js(self, address):
        options = {"aiId": self.talk.name, "address": address, "since": "last", "syncMax": 0,
                   **{CAMEL[name]: value for name, value in self.own().items()}}
        with subprocess.Popen(VISIT, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as program:
            def read(count):
                program.stdin.write(json.dumps({**options, "count": count}).encode() + b"\n")
                program.stdin.flush()
                return [tuple(json.loads(program.stdout.readline())) for _ in range(count)]

            self.by_library(read)
            program.stdin.close()
            equal(program.wait(), 0, "exit code")


class StayingJs(JsDoors, Staying):
    doors = (*Staying.doors, *JS)


class PassingJs(JsDoors, Passing):
    doors = (*Passing.doors, *JS)


@test
def an_ai_that_stays_goes_on_in_javascript():
    with course() as (chance, hub, gateway), directory() as folder:
        os.mkdir(folder)
        StayingJs(hub, gateway, Talk(hub, "ada", chance), folder).visits()


@test
def an_ai_that_does_not_stay_goes_on_in_javascript():
    with course() as (chance, hub, gateway):
        PassingJs(hub, gateway, Talk(hub, "bea", chance)).visits()


run()
