#!/usr/bin/env python3
"""The README's first steps, run as they stand (but for the port).

usage: readme.py KHUB
"""
import datetime
import json
import os
import re
import subprocess
import sys

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
sys.path.insert(0, os.path.join(ROOT, "tests", "wire"))
from harness import Hub, check, equal, run, test  # noqa: E402


def blocks(language):
    with open(os.path.join(ROOT, "README.md"), encoding="utf-8") as file:
        return re.findall(rf"```{language}\n(.*?)```", file.read(), re.DOTALL)


def says_its_zone(message):
    """Else an age would be hours off wherever the reader is not where the writer was."""
    found = datetime.datetime.fromisoformat(message["timestamp"].replace("Z", "+00:00"))
    check(found.tzinfo, "no zone in", message["timestamp"])


@test
def the_lines_for_nc_are_taken():
    lines = [line for block in blocks("sh") for line in block.splitlines() if line.startswith("{")]
    equal(len(lines), 2, "lines for nc")
    for line in lines:
        says_its_zone(json.loads(line))
    with Hub() as hub:
        client = hub.connect()
        for line in lines:
            client.send(line.encode())
        client.expect("training_sync", active_ais=["ada"])
        judge = hub.join("judge", 2)
        check("greeting" in judge.sync["global_knowledge_base"]["shared_patterns"], "the pattern is not known")


@test
def the_python_program_joins_and_shares():
    program = blocks("python")[0]
    with Hub() as hub:
        watcher = hub.join("watcher", 2, role="observer")
        child = subprocess.Popen([sys.executable, "-u", "-c", program.replace("6000", str(hub.port))],
                                 stdout=subprocess.PIPE, text=True)
        watcher.expect("hello")
        says_its_zone(watcher.expect("code_share"))
        equal(child.stdout.readline().split(), ["hub", "training_sync"], "what it printed")
        shown = subprocess.run([sys.argv[1], "kb", "get", "mix", "--source", "--hub", f"127.0.0.1:{hub.port}"],
                               stdout=subprocess.PIPE, text=True, check=False).stdout
        check("unsigned mix(" in shown, "the source it shared is not there:", shown)
        equal(hub.stop(), 0, "exit code of the hub")
        child.communicate()
        equal(child.returncode, 0, "exit code of the program")


@test
def the_client_of_the_readme_shares_and_answers():
    program = blocks("python")[1]
    with Hub() as hub:
        eve = hub.join("eve", 2)
        where = {"KHUB_HUB": f"127.0.0.1:{hub.port}", "PYTHONPATH": os.path.join(ROOT, "clients", "python")}
        child = subprocess.Popen([sys.executable, "-u", "-c", program], stdout=subprocess.PIPE, text=True,
                                 env={**os.environ, **where})
        eve.expect("hello")
        shared = eve.expect("pattern_share")
        equal(child.stdout.readline(), f"kept as message {shared['seq']}\n", "what it printed")
        eve.say("chat", {"text": "is anybody there?"})
        eve.expect("chat", text="I hear you")
        child.kill()
        child.communicate()


run()
