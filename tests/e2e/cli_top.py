#!/usr/bin/env python3
"""khub top: a hub's figures and its members, drawn anew; as text, as JSON, with keys, and when the
hub goes away.

usage: cli_top.py KHUB [PART OF A NAME]
"""
import fcntl
import json
import os
import struct
import sys
import termios

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
sys.path.insert(0, os.path.join(ROOT, "tests", "wire"))
from harness import Hub, check, directory, equal, run, settle, test  # noqa: E402
from program import HOSTILE, KHUB, Running, Terminal, harmless, refused, row, worked  # noqa: E402


def drawn(text):
    """The rows of members below the figures."""
    return text[text.index("\nAI ") + 1:]


@test
def figures_and_members_as_text():
    with Hub() as hub:
        ada, bea = hub.join("ada", 2), hub.join("bea", 2)
        ada.say("lease_request", {"key": HOSTILE[:24], "ttl_s": 600})
        bea.say("chat", {"text": "x"}, target="nobody")
        settle(ada)
        settle(bea)
        text = harmless(worked("top", "--every", "0.1", "--sort", "name", hub=hub).out)
        lines = text.splitlines()
        check("khub " in lines[0] and f" at 127.0.0.1:{hub.port} " in lines[0] and " up " in lines[0], lines[0])
        check("2 here  0 away" in lines[1] and " 1 lease " in lines[1], lines[1])
        check("messages/s" in lines[3] and "within" in lines[4] or "nothing to time" in lines[4], lines[3:5])
        check("to the disk" not in text, "a hub that keeps nothing has no disk to wait for", text)
        equal([row(drawn(text), "AI", name)["STATUS"] for name in ("ada", "bea")], ["here", "here"], "status")
        check(text.index("\nada") < text.index("\nbea"), "sorted by name", text)
        check("red" in row(drawn(text), "AI", "ada")["ON"], "what ada holds", text)
        check("wants" not in worked("top", "--once", "--every", "0.1", "--room", "lab", hub=hub).err, "another room")


@test
def figures_as_json_count_each_message_once():
    with Hub() as hub:
        bea = hub.join("bea", 2)
        with Running("top", "--json", "--every", "0.1", hub=hub) as top:
            top.wait_for("\n")
            for number in range(20):
                bea.say("chat", {"text": f"number {number}"})
            said, lines = 0, 0
            while said < 20:
                whole = top.text.split("\n")[:-1]
                if len(whole) == lines:
                    top.text += os.read(top.process.stdout.fileno(), 65536).decode()
                    continue
                said += sum(json.loads(line)["said"].get("bea", 0) for line in whole[lines:])
                lines = len(whole)
            code, errors = top.end()
            equal((code, errors, said), (0, "", 20), "exit code, stderr, and messages that bea said")
        told = [json.loads(line) for line in top.text.splitlines()]
        equal([member["ai_id"] for member in told[-1]["members"]], ["bea"], "members")
        counts = [line["stats"]["hub"]["messages"] for line in told]
        check(counts == sorted(counts) and counts[-1] >= 20, counts)
        equal(told[0]["seconds"], 0, "seconds before the first")
        check(all(line["seconds"] > 0 for line in told[1:]), told)


@test
def a_members_token_is_told_of_its_room_alone():
    with directory() as data:
        token = worked("token", "add", "mia", "--data", data).out.split()[-1]
        with Hub("--data", data) as hub:
            text = worked("top", "--once", "--every", "0.1", hub=hub, KHUB_TOKEN=token).out
            check("--role admin" in text and "messages/s" not in text and " up " not in text, text)


@test
def on_a_terminal_it_is_drawn_anew_and_has_keys():
    with directory() as data, Terminal() as terminal:
        fcntl.ioctl(terminal.slave, termios.TIOCSWINSZ, struct.pack("HHHH", 10, 100, 0, 0))
        with Hub("--data", data) as hub:
            for name in ("ada", "bea", "cid", "dan", "eve"):
                hub.join(name, 2)
            port = hub.port
            process = terminal.start(KHUB, "top", "--every", "0.1", "--sort", "name", hub=hub, NO_COLOR="1")
            first = terminal.read_until("and 3 more")
            check("ada" in first and "bea" in first and "cid" not in first, "what a window of ten lines has room for", first)
            terminal.read_until("\x1b[9A\r\x1b[J")
            terminal.write(" ")
            check(terminal.is_raw(), "the terminal was never changed")
            terminal.write("\x1b[Bxin ")
            terminal.read_until("\x1b[9A")
            equal(hub.stop(), 0, "exit code of the hub")
        terminal.read_until("lost the hub")
        with Hub("--data", data, "--listen", f"127.0.0.1:{port}"):
            terminal.read_until("0 here")
            terminal.write("q")
            equal(process.wait(), 0, "exit code")
        check(not terminal.is_raw(), "the terminal is given back")


@test
def what_is_wrong_is_said():
    refused(2, "top", "--every", "0", said=["--every is '0': it must be a number, between 0.1 and 3600"])
    refused(2, "top", "--sort", "siad", said=["did you mean 'said'?"])
    refused(1, "top", "--hub", "127.0.0.1:1", said=["no hub at 127.0.0.1:1"])


run()
