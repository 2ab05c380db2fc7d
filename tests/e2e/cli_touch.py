#!/usr/bin/env python3
"""Two agents at one path are warned: khub touch and claim, the tool work of MCP.

usage: cli_touch.py KHUB [PART OF A NAME]
"""
import json
import os
import sys

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
sys.path.insert(0, os.path.join(ROOT, "tests", "wire"))
from harness import Hub, check, directory, equal, run, test  # noqa: E402
from mcp import Mcp  # noqa: E402
from program import at_once, khub, refused, worked  # noqa: E402


class Agent:
    def __init__(self, hub, folder, name):
        self.state = {"KHUB_STATE": f"{folder}.{name}"}
        worked("join", name, "--hub", f"127.0.0.1:{hub.port}", **self.state)

    def touch(self, *words):
        """Its exit code, and what it said."""
        result = khub("touch", *words, **self.state)
        equal(result.err, "", "stderr")
        return result.code, at_once(result.out)

    def warned(self):
        """Of whom, and where, by what waits for it."""
        found = json.loads(khub("recv", "--json", "--ack", **self.state).out)
        warnings = [each["message"]["payload"] for each in found["messages"]
                    if each["message"]["message_type"] == "path_warning"]
        return [(each["who"]["ai_id"], each["who"]["path"]) for each in warnings]


@test
def two_at_one_path_are_warned():
    with directory() as folder, Hub("--data", folder) as hub:
        ada, bea = Agent(hub, folder, "ada"), Agent(hub, folder, "bea")
        equal(ada.touch("src/lexer.c", "doc/", "--note", "a \033[31mtoken"), (0, ""))
        equal(ada.touch("src/lexer.c"), (0, ""))
        code, out = bea.touch("src/")
        equal((code, out), (3, '-- src: ada works on src/lexer.c (just now): "a \\u001b[31mtoken"\n'))
        equal(bea.touch("src", "--ttl", "86400"), (0, ""), "said again")
        equal(ada.warned(), [("bea", "src")])
        out = at_once(worked("claim", "doc/a.md", "--intent", "all of it", **bea.state).out)
        check(out.endswith("-- doc/a.md: ada works on doc (just now): \"a \\u001b[31mtoken\"\n"), out)
        equal(ada.warned(), [("bea", "doc/a.md")])
        code, out = ada.touch("doc/a.md/x")
        equal((code, out), (3, '-- doc/a.md/x: bea has claimed doc/a.md (just now): "all of it"\n'))
        equal(ada.touch("src/lexer.c", "doc", "--done"), (0, ""))
        equal(bea.touch("src/lexer.c"), (0, ""))


@test
def what_is_no_path_is_refused():
    with directory() as folder, Hub("--data", folder) as hub:
        ada = Agent(hub, folder, "ada")
        refused(2, "touch", said=("PATH",), **ada.state)
        for path in ("/etc/passwd", "../x", "a//b"):
            refused(1, "touch", path, said=(path, "below the project's own"), **ada.state)
        refused(2, "touch", "a", "--ttl", "0", said=("--ttl", "86400"), **ada.state)


@test
def an_mcp_client_touches_by_work():
    with directory() as folder, Hub("--data", folder) as hub, Mcp(hub, era="2025-11-25") as bridge:
        ada = Agent(hub, folder, "ada")
        bridge.refused("work", "'paths' is missing", action="touch")
        told, _ = bridge.call("work", action="touch", paths=["src/a.c"], intent="the parser")
        equal(told["status"], "touched")
        code, out = ada.touch("src/a.c")
        check(code == 3 and out.endswith('works on src/a.c (just now): "the parser"\n'), code, out)
        told, _ = bridge.call("inbox", wait_s=60)
        equal([(each["type"], each["to_you"], each["payload"]["who"]["ai_id"]) for each in told["messages"]],
              [("path_warning", True, "ada")])
        bridge.call("work", action="touch", paths=["src/a.c"], done=True)


run()
