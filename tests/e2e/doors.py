#!/usr/bin/env python3
"""One AI, several doors, one cursor: whichever of them it takes next, it goes on where it stopped.
No gap, no double, whatever is killed or taken over in between.

usage: doors.py KHUB [PART OF A NAME]

$KHUB_DOORS_VISITS: visits of each AI (else few). $KHUB_DOORS_SEED: the first seed.
"""
import contextlib
import json
import os
import random
import sys
import tempfile

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
sys.path.insert(0, os.path.join(ROOT, "tests", "wire"))
sys.path.insert(0, os.path.join(ROOT, "clients", "python"))
from gateway import Gateway  # noqa: E402
from harness import Hub, check, equal, run, test, wait_until  # noqa: E402
from mcp import Mcp  # noqa: E402
from mcp_session import Session  # noqa: E402
from program import khub, worked  # noqa: E402

import khub as client_of_python  # noqa: E402

VISITS = int(os.environ.get("KHUB_DOORS_VISITS", "12"))
SEED = int(os.environ.get("KHUB_DOORS_SEED", "1"))
ALL = {"max": 100, "tokens": 20000}


class Talk:
    """What others say to the AI meanwhile, to it alone or to all; and what it has dealt with."""

    def __init__(self, hub, name, chance):
        self.name, self.chance = name, chance
        self.writer = hub.join("writer", 2, sync="none", acks=True)
        self.said, self.done, self.cursor = [], [], 0

    def tell(self, visit, door):
        print(f"# seed {SEED} visit {visit}: {door.__name__}, {len(self.said)} said, up to #{self.cursor} done")

    def say(self, count):
        for _ in range(count):
            text = f"message {len(self.said)}"
            self.writer.say("chat", {"text": text}, self.chance.choice([None, self.name]))
            while (line := self.writer.receive())["message_type"] != "ack":
                pass
            self.said.append((line["payload"]["seq"], text))

    def came(self, found, whole):
        """A door has shown (seq, text), in any order: nothing that was dealt with, and (whole) all
        that was not."""
        for seq, text in found:
            check((seq, text) in self.said, "nobody said", text, "as", seq)
            check(seq > self.cursor, f"#{seq} is shown again: all up to #{self.cursor} was dealt with")
        if whole:
            equal(sorted(found), [one for one in self.said if one[0] > self.cursor], "what waits for it")

    def deal_with(self, found):
        """Up to which seq; 0: with nothing."""
        found = sorted(found)
        count = self.chance.randrange(len(found) + 1)
        if not count:
            return 0
        self.done += found[:count]
        self.cursor = found[count - 1][0]
        return self.cursor


def chats(lines):
    return [(line["seq"], line["payload"]["text"]) for line in lines
            if line["message_type"] == "chat" and line["sender_id"] == "writer"]


def by_tcp(hub, talk, more):
    """The plain protocol. The connection, which is still open."""
    client = hub.join(talk.name, 2, sync="none", since="last", **more)
    equal(client.sync["cursor"] >= talk.cursor, True, "whether the hub knows how far it has read")
    check(not talk.said or client.sync["cursor"] < next((seq for seq, _ in talk.said if seq > talk.cursor), 1 << 53),
          "the hub's cursor is at", client.sync["cursor"], "and what was dealt with ends at", talk.cursor)
    lines = [client.receive()]
    while lines[-1]["message_type"] != "caught_up":
        lines.append(client.receive())
    found = chats(lines)
    talk.came(found, True)
    talk.say(talk.chance.randrange(3))
    seq = talk.deal_with(found)
    if seq:
        client.say("heartbeat", {"seq": seq})
        while (line := client.receive())["message_type"] != "heartbeat":
            check(line["seq"] > talk.cursor, line)
    return client


class Staying:
    """An AI that stays, with a file that its shell and its MCP client share."""

    def __init__(self, hub, folder, talk):
        self.hub, self.talk, self.file = hub, talk, os.path.join(folder, "ada.state")
        self.open = []
        worked("join", talk.name, "--state", self.file, "--stays", "3600", hub=hub)

    def kept(self, name):
        with open(self.file, encoding="utf-8") as file:
            return json.load(file)[name]

    def tcp(self):
        client = by_tcp(self.hub, self.talk, {"resume_token": self.kept("resume_token"), "stays_s": 3600})
        how = self.talk.chance.choice([client.close, client.reset, None])
        if how:
            how()
        else:
            self.open.append(client)  # the next one takes it over

    def recv(self, *words):
        result = khub("recv", "--state", self.file, "--json", "--tokens", "100000", *words)
        check(result.code in (0, 3), result.code, result.err)
        found = json.loads(result.out)["messages"]
        return chats([{**one["message"], "seq": one["seq"]} for one in found])

    def shell(self):
        chance = self.talk.chance
        if chance.randrange(2):  # a turn that reads nothing moves nothing
            worked("say", "I am here", "--state", self.file)
        if chance.randrange(2):
            self.talk.came(self.recv("--max", str(chance.randrange(1, 4))), False)
        found = self.recv("--again", "--max", "1000")
        self.talk.came(found, True)
        check(self.kept("acked") >= self.talk.cursor, "its file says", self.kept("acked"), "of", self.talk.cursor)
        self.talk.say(chance.randrange(3))
        seq = self.talk.deal_with(found)
        if seq:
            worked("ack", str(seq), "--state", self.file)

    def python(self):
        """clients/python: what is in hand when it closes is dealt with, and what waits is not."""
        talk, found = self.talk, []
        waiting = [one for one in talk.said if one[0] > talk.cursor]
        with client_of_python.Client(talk.name, address=f"127.0.0.1:{self.hub.port}",
                                     resume_token=self.kept("resume_token"), stays_s=3600, since="last",
                                     sync_max=0) as link:
            for _ in range(talk.chance.randrange(len(waiting) + 1)):
                while (message := link.receive()).sender != "writer" or message.type != "chat":
                    pass
                found.append((message.seq, message.text))
            talk.say(talk.chance.randrange(3))
        equal(found, waiting[:len(found)], "what it was given")
        talk.done += found
        talk.cursor = max([talk.cursor] + [seq for seq, _ in found])

    def mcp(self):
        chance = self.talk.chance
        with Mcp(self.hub, "--as", self.talk.name, "--state", self.file, era="2025-11-25") as agent:
            seen_by_mcp(agent, self.talk)
            if chance.randrange(2):
                agent.process.kill()
                agent.process.wait()
            else:
                equal(agent.end(), (0, ""))


def seen_by_mcp(agent, talk):
    """What MCP's inbox shows, some at a time; how far it dealt with that."""
    def call(tool, **arguments):
        found = agent.call(tool, **arguments)
        return found[0] if isinstance(found, tuple) else found

    def mails(told):
        return [(mail["seq"], mail["text"]) for mail in told["messages"] if mail["from"] == "writer"]

    call("join", name=talk.name)
    waiting = [one for one in talk.said if one[0] > talk.cursor]
    wait_until(lambda: len(mails(call("inbox", again=True, **ALL))) >= len(waiting), "all that waits")
    found = mails(call("inbox", again=True, **ALL))
    talk.came(found, True)
    equal(call("inbox")["rest"]["count"], 0, "what is counted and was shown")
    talk.say(talk.chance.randrange(3))
    seq = talk.deal_with(found)
    if seq:
        call("ack", seq=seq)
        call("who")  # the hub has heard of it by then


@test
def an_ai_that_stays_goes_on_through_tcp_shell_mcp_and_python():
    chance = random.Random(SEED)
    with tempfile.TemporaryDirectory() as folder, Hub("--data", os.path.join(folder, "data")) as hub:
        talk = Talk(hub, "ada", chance)
        ada = Staying(hub, folder, talk)
        doors = [ada.tcp, ada.shell, ada.mcp, ada.python]
        for visit in range(VISITS):
            talk.say(chance.randrange(7))
            door = doors[visit] if visit < len(doors) else chance.choice(doors)
            talk.tell(visit, door)
            door()
        while len(talk.done) < len(talk.said):
            chance.choice(doors)()
        equal(talk.done, talk.said, "what it dealt with")
        for client in ada.open:
            client.close()


@test
def an_ai_that_does_not_stay_goes_on_through_tcp_and_mcp_over_http():
    chance = random.Random(SEED + 1000)
    with tempfile.TemporaryDirectory() as folder, Hub("--data", os.path.join(folder, "data")) as hub, \
            Gateway(hub=hub) as gateway:
        gateway.wait_ready()
        talk, gone = Talk(hub, "bea", chance), 0
        hub.join("bea", 2).close()

        def tcp():
            by_tcp(hub, talk, {}).close()

        def mcp():
            session = Session(gateway)
            seen_by_mcp(session, talk)
            equal(gateway.ask("/mcp", "DELETE", Mcp_Session_Id=session.name)[0], 204)

        doors = [mcp, tcp]
        for visit in range(VISITS):
            gone += 1
            wait_until(lambda: hub.console().count("[-] bea left") == gone, "bea to be gone")
            talk.say(chance.randrange(7))
            door = doors[visit] if visit < len(doors) else chance.choice(doors)
            talk.tell(visit, door)
            door()
        equal(talk.done, talk.said[:len(talk.done)], "what it dealt with")


@test
def what_was_acked_while_the_hub_was_away_it_is_told_with_the_next_turn():
    with tempfile.TemporaryDirectory() as folder:
        address, state = f"unix:{folder}/hub", os.path.join(folder, "ada.state")

        def start():
            return Hub("--data", os.path.join(folder, "data"), listen=("127.0.0.1:0", address))

        with start() as hub:
            worked("join", "ada", "--state", state, "--hub", address)
            talk = Talk(hub, "ada", random.Random(1))
            talk.say(3)
            worked("recv", "--state", state)
        check("the hub is not there" in worked("ack", "--state", state).out)
        with start() as hub:
            worked("say", "here again", "--state", state)
            with open(state, encoding="utf-8") as file:
                kept = json.load(file)
            ada = hub.join("ada", 2, since="last", resume_token=kept["resume_token"])
            check(ada.sync["cursor"] >= talk.said[-1][0], "the cursor that the hub knows:", ada.sync["cursor"])
            ada.close()


if __name__ == "__main__":
    run()
