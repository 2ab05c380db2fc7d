"""An AI's visits to a hub, by one door after the other. Whichever it takes next, it goes on where
it stopped: no gap, no double, whatever is killed or taken over in between.

A test of them is a course: its seed is the argument --seed (1), and --visits (else few) how long it
is. A failure says what replays it.
"""
import argparse
import contextlib
import json
import os
import random
import sys

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
sys.path.insert(0, os.path.join(ROOT, "tests", "wire"))
sys.path.insert(0, os.path.join(ROOT, "clients", "python"))
from gateway import Gateway  # noqa: E402
from harness import Hub, check, directory, equal, wait_until  # noqa: E402
from mcp import Mcp  # noqa: E402
from mcp_session import Session  # noqa: E402
from program import khub, worked  # noqa: E402
from rest_client import Api, Stream  # noqa: E402
from websocket import WebClient  # noqa: E402

import khub as client_of_python  # noqa: E402

given = argparse.ArgumentParser(add_help=False)
given.add_argument("--seed", type=int, default=1)
given.add_argument("--visits", type=int, default=16)
COURSE, sys.argv[1:] = given.parse_known_args()
ALL = {"max": 100, "tokens": 20000}


@contextlib.contextmanager
def course():
    """What chance decides in it, and a hub that keeps what was said, with a gateway: (chance, hub,
    gateway)."""
    try:
        with directory() as data, Hub("--data", data) as hub, Gateway(hub=hub) as gateway:
            gateway.wait_ready()
            yield random.Random(COURSE.seed), hub, gateway
    except BaseException:
        words = [*sys.argv[:2], "--seed", COURSE.seed, "--visits", COURSE.visits]
        print("# to replay it: python3", *words)
        raise


class Talk:
    """What others say to the AI meanwhile, to it alone or to all; and what it has dealt with."""

    def __init__(self, hub, name, chance):
        self.name, self.chance = name, chance
        self.writer = hub.join("writer", 2, sync="none", acks=True)
        self.said, self.done, self.cursor = [], [], 0

    @property
    def waiting(self):
        return [one for one in self.said if one[0] > self.cursor]

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
            equal(sorted(found), self.waiting, "what waits for it")

    def deal_with(self, found):
        """With some, the first of them. Up to which seq; 0: with nothing."""
        return self.deal_with_all(sorted(found)[:self.chance.randrange(len(found) + 1)])

    def deal_with_all(self, found):
        if not found:
            return 0
        self.done += found
        self.cursor = found[-1][0]
        return self.cursor


def chats(lines):
    return [(line["seq"], line["payload"]["text"]) for line in lines
            if line["message_type"] == "chat" and line["sender_id"] == "writer"]


def mails(listed):
    """Of an inbox or a page, where a message's seq stands beside it."""
    return chats([{**one["message"], "seq": one["seq"]} for one in listed])


class Visitor:
    """An AI that comes and goes. Its doors are those of its methods that `doors` names."""
    doors = ("tcp", "ws", "python", "rest", "stream", "pages")

    def __init__(self, hub, gateway, talk):
        self.hub, self.gateway, self.talk = hub, gateway, talk

    def visits(self):
        """Each door at least once; then as chance has it."""
        talk, doors = self.talk, list(self.doors)
        talk.chance.shuffle(doors)
        for visit in range(COURSE.visits):
            talk.say(talk.chance.randrange(7))
            door = doors[visit] if visit < len(doors) else talk.chance.choice(doors)
            print(f"# seed {COURSE.seed} visit {visit}: {door}, {len(talk.said)} said, up to #{talk.cursor} done")
            getattr(self, door)()
        while talk.waiting:
            getattr(self, talk.chance.choice(doors))()
        equal(talk.done, talk.said, "what it dealt with")

    def own(self):
        """What of a hello is for one who comes back."""
        return {}

    # ── lines ──

    def tcp(self):
        self.by_lines(self.hub.connect())

    def ws(self):
        self.by_lines(WebClient(self.gateway, self.hub))

    def by_lines(self, client):
        talk = self.talk
        client.hello(talk.name, 2, sync="none", since="last", **self.own())
        check(client.sync["cursor"] >= talk.cursor, "the hub knows not how far it has read")
        check(not talk.waiting or client.sync["cursor"] < talk.waiting[0][0],
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
        self.lines_end(client)

    def lines_end(self, client):
        client.close()

    # ── a client library: what is in hand when it closes is dealt with, and what waits is not ──

    def python(self):
        with client_of_python.Client(self.talk.name, address=f"127.0.0.1:{self.hub.port}", since="last", sync_max=0,
                                     **self.own()) as link:
            def read():
                while (message := link.receive()).sender != "writer" or message.type != "chat":
                    pass
                return message.seq, message.text

            self.by_library(lambda count: [read() for _ in range(count)])

    def by_library(self, read):
        """read(count) is that many of the writer's chats, the next ones."""
        talk, waiting = self.talk, self.talk.waiting
        found = read(talk.chance.randrange(len(waiting) + 1))
        talk.say(talk.chance.randrange(3))
        equal(found, waiting[:len(found)], "what it was given")
        talk.deal_with_all(found)

    # ── REST ──

    def joined(self):
        ada = Api(self.gateway).join(self.talk.name, **self.own())
        check(ada.answer["cursor"] >= self.talk.cursor, "it goes on from", ada.answer["cursor"])
        return ada

    def rest(self):
        """The inbox."""
        ada, talk = self.joined(), self.talk

        def inbox():
            return mails(ada.good("GET", "/v1/inbox", again="true", max=100)["messages"])

        wait_until(lambda: len(inbox()) >= len(talk.waiting), "all that waits")
        found = inbox()
        talk.came(found, True)
        talk.say(talk.chance.randrange(3))
        self.rest_end(ada, found)

    def stream(self):
        """Events: it breaks off and comes back with the last id that it has."""
        ada, found = self.joined(), []
        while len(found) < len(self.talk.waiting):
            last = found[-1][0] if found else self.talk.cursor
            with Stream(self.gateway, last=str(last), types="chat", sender="writer") as stream:
                for _ in range(self.talk.chance.randrange(1, len(self.talk.waiting) - len(found) + 1)):
                    _, number, said = stream.event()
                    found.append((int(number), said["payload"]["text"]))
            self.talk.say(self.talk.chance.randrange(2))
        self.talk.came(found, True)
        self.rest_end(ada, found)

    def pages(self):
        """What was said, waited for a page at a time."""
        ada, found, upto = self.joined(), [], self.talk.cursor
        while len(found) < len(self.talk.waiting):
            page = ada.good("GET", "/v1/messages", since=upto, types="chat", sender="writer", wait_s=300,
                            limit=self.talk.chance.randrange(1, 5))
            found, upto = found + mails(page["messages"]), page["upto"]
            self.talk.say(self.talk.chance.randrange(2))
        self.talk.came(found, True)
        self.rest_end(ada, found)

    def rest_end(self, ada, found):
        seq = self.talk.deal_with(found)
        if seq:
            ada.good("POST", "/v1/ack", {"seq": seq})


class Staying(Visitor):
    """With a file that its shell and its MCP client share."""
    doors = (*Visitor.doors, "shell", "mcp")

    def __init__(self, hub, gateway, talk, folder):
        super().__init__(hub, gateway, talk)
        self.file = os.path.join(folder, "ada.state")
        worked("join", talk.name, "--state", self.file, "--stays", "3600", hub=hub)

    def kept(self, name):
        with open(self.file, encoding="utf-8") as file:
            return json.load(file)[name]

    def own(self):
        return {"resume_token": self.kept("resume_token"), "stays_s": 3600}

    def lines_end(self, client):
        how = self.talk.chance.choice([client.close, client.reset, None])
        if how:
            how()  # else the next one takes it over, as it does an AI of REST

    def recv(self, *words):
        result = khub("recv", "--state", self.file, "--json", "--tokens", "100000", *words)
        check(result.code in (0, 3), result.code, result.err)
        return mails(json.loads(result.out)["messages"])

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

    def mcp(self):
        chance = self.talk.chance
        with Mcp(self.hub, "--as", self.talk.name, "--state", self.file, era="2025-11-25") as agent:
            seen_by_mcp(agent, self.talk)
            if chance.randrange(2):
                agent.process.kill()
                agent.process.wait()
            else:
                equal(agent.end(), (0, ""))


class Passing(Visitor):
    """It leaves each time, and is known again by its name."""
    doors = (*Visitor.doors, "mcp")

    def __init__(self, hub, gateway, talk):
        super().__init__(hub, gateway, talk)
        self.hub.join(talk.name, 2).close()
        self.gone = 0

    def own(self):
        self.gone += 1
        left = f"[-] {self.talk.name} left"
        wait_until(lambda: self.hub.console().count(left) == self.gone, "it to be gone")
        return {}

    def rest_end(self, ada, found):
        super().rest_end(ada, found)
        equal(ada.ask("DELETE", f"/v1/members/{self.talk.name}")[0], 204)

    def mcp(self):
        self.own()
        session = Session(self.gateway)
        seen_by_mcp(session, self.talk)
        equal(self.gateway.ask("/mcp", "DELETE", Mcp_Session_Id=session.name)[0], 204)


def seen_by_mcp(agent, talk):
    """What MCP's inbox shows, some at a time; how far it dealt with that."""
    def call(tool, **arguments):
        found = agent.call(tool, **arguments)
        return found[0] if isinstance(found, tuple) else found

    def mails(told):
        return [(mail["seq"], mail["text"]) for mail in told["messages"] if mail["from"] == "writer"]

    call("join", name=talk.name)
    wait_until(lambda: len(mails(call("inbox", again=True, **ALL))) >= len(talk.waiting), "all that waits")
    found = mails(call("inbox", again=True, **ALL))
    talk.came(found, True)
    equal(call("inbox")["rest"]["count"], 0, "what is counted and was shown")
    talk.say(talk.chance.randrange(3))
    seq = talk.deal_with(found)
    if seq:
        call("ack", seq=seq)
