#!/usr/bin/env python3
"""The examples and README of clients/js at a real hub; what a page gets of it, and its types.

usage: js_examples.py KHUB
"""
import json
import os
import re
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
for folder in ("wire", "e2e", "npm"):
    sys.path.insert(0, os.path.join(HERE, "..", folder))
from gateway import Gateway  # noqa: E402
from harness import Hub, check, equal, run, test  # noqa: E402
from run import node  # noqa: E402
from shown import Shown, skip_to  # noqa: E402

NODE = node(20)
SHOWN = Shown("js", [NODE], ".mjs")
CLIENT = os.path.realpath(os.path.join(SHOWN.folder, "khub.js"))
MODULE = ["--no-warnings", "--experimental-websocket", "--input-type=module", "-e"]

for shown in (SHOWN.echo_says_back_what_it_is_told, SHOWN.a_command_answers, SHOWN.examples_are_short):
    test(shown)


@test
def one_of_two_reviewers_takes_each_piece():
    SHOWN.one_of_two_reviewers_takes_each_piece("javascript", {
        "good": ("const f = () => 1;\n", 1), "evil": ("try { eval(x); } catch (error) { }\n", 1 / 3),
        "broken": ("const f = (;\n", 1 / 2), "last": ("throw new Error('it was run');\n", 1)})


def block(number):
    """Of the README, with what it imports from where that is."""
    found = SHOWN.blocks("js")[number]
    check(found.count("'./khub.js'") == 1, found)
    return found.replace("./khub.js", CLIENT)


@test
def the_quickstart_runs_as_it_stands():
    SHOWN.the_quickstart_runs("[ 'ada', 'eve' ]\n", *MODULE, block(0))


@test
def a_page_has_it_without_node():
    """`process` is taken away first; what else browsers have not, Node's own WebSocket needs."""
    with open(CLIENT, encoding="utf-8") as file:
        found = re.findall(r"^import.*|\b(?:Buffer|setImmediate|require|global)\b[.(].*", file.read(), re.MULTILINE)
    equal(found, [], "of Node alone")
    with Hub() as hub, Gateway("--hub", f"127.0.0.1:{hub.port}") as gateway:
        eve, page = hub.join("eve", 2), block(1).replace("import {", "const {").replace("} from", "} = await import(")
        page = re.sub(r"(await import\( '[^']*');", r"\1);", page).replace("location.host", f"'127.0.0.1:{gateway.port}'")
        with SHOWN.running(hub, *MODULE, "delete globalThis.process;\n" + page) as program:
            equal(skip_to(eve, "chat")["payload"]["text"], "hello from a page", "what it said")
            eve.say("chat", {"text": "hello, page"})
            equal(program.stdout.readline(), "eve hello, page\n", "what it printed")
            equal(program.wait(), 0, "exit code")


@test
def its_types_have_what_it_has():
    """Of each class all members that are no secret, and nothing else."""
    code = f"""import * as khub from {json.dumps(CLIENT)};
      const given = new khub.Client('ada', {{ address: '127.0.0.1' }});
      const own = {{ Client: given, Refused: new khub.Refused({{}}), Message: khub.Message.parse(JSON.stringify({{
        message_type: '', sender_id: '', message_id: '', timestamp: '', payload: {{}} }})) }};
      console.log(JSON.stringify(Object.fromEntries(Object.entries(khub).map(([name, kind]) =>
        [name, [...Object.getOwnPropertyNames(kind.prototype), ...Object.keys(own[name] ?? {{}})]]))));"""
    found = json.loads(subprocess.run([NODE, *MODULE, code], capture_output=True, text=True, check=True).stdout)
    with open(os.path.join(SHOWN.folder, "khub.d.ts"), encoding="utf-8") as file:
        text = re.sub(r"/\*\*.*?\*/", "", file.read(), flags=re.DOTALL)
    classes = dict(re.findall(r"^export class (\w+)[^{]*\{(\}|.*?^\})", text, re.DOTALL | re.MULTILINE))
    equal(sorted(classes), sorted(found), "classes")
    for name in ("Client", "Refused", "Message"):
        typed = set(re.findall(r"^  (?:readonly |private |static )*(\w+)[(?:]", classes[name], re.MULTILINE))
        equal(sorted(typed - {"parse"}), sorted(set(found[name]) - {"name", "stack", "message"}), name)
    for member in found["Protocol"] + found["Lines"]:
        typed = classes["Protocol"] + classes["Lines"]
        check(re.search(rf"\b{member}\b", typed) or member == "hello", member, "is not typed")


run()
