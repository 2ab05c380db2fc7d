"""What an AI missed comes when it is back: no gap, no double, in order; through reconnects and kill
-9, in a crowd."""

import contextlib
import random
import threading

from harness import Hub, check, directory, equal, kill_9, run, settle, test


class Reader:
    """An AI that remembers how far it has read, and what it was told by `writer`."""

    def __init__(self, name="reader"):
        self.name, self.seq, self.heard, self.client = name, None, [], None

    def join(self, hub):
        more = {} if self.seq is None else {"since": self.seq}
        self.client = hub.join(self.name, 2, sync="none", **more)
        if self.seq is None:
            self.seq = self.client.sync["seq"]

    def leave(self):
        self.client.close()

    def take(self):
        line = self.client.receive()
        check(line is not None, "the connection ended")
        if line["sender_id"] != "hub":
            check(line["seq"] > self.seq or line["message_type"] != "chat", "seq", line["seq"], "after", self.seq)
        # as all that the hub answers, caught_up carries the latest seq, before what comes now
        caught_up = line["message_type"] == "caught_up"
        self.seq = max(self.seq, line["payload"]["seq"] if caught_up else line["seq"])
        if line["message_type"] == "chat":
            self.heard.append(line["payload"]["text"])
        return line

    def take_until(self, text):
        while not self.heard or self.heard[-1] != text:
            self.take()


def missed(client):
    """What it hears until it has caught up, and up to which seq that is."""
    lines = [client.receive()]
    while lines[-1]["message_type"] != "caught_up":
        lines.append(client.receive())
    return lines[:-1], lines[-1]["payload"]["seq"]


def chats(lines):
    return [line["payload"]["text"] for line in lines if line["message_type"] == "chat"]


def expect_all(reader, count):
    for at, text in enumerate(reader.heard):
        equal(text, str(at), f"what {reader.name} heard as message {at}")
    equal(reader.heard, [str(at) for at in range(count)], f"what {reader.name} heard")


@test
def nothing_is_missed_and_nothing_comes_twice():
    chance, said = random.Random(11), 0
    with directory() as data:
        hub = Hub("--data", data)
        reader = Reader()
        reader.join(hub)
        writer = hub.join("writer", 2, sync="none")
        for _ in range(40):
            for _ in range(chance.randrange(60)):
                writer.say("chat", {"text": str(said)})
                said += 1
            what = chance.randrange(5)
            if what < 3:  # reads some, goes, and comes back while the writer goes on
                for _ in range(chance.randrange(20)):
                    if len(reader.heard) < said:
                        reader.take()
                reader.leave()
                for _ in range(chance.randrange(60)):
                    writer.say("chat", {"text": str(said)})
                    said += 1
                reader.join(hub)
            elif what == 3:
                settle(writer)
                kill_9(hub)
                hub = Hub("--data", data)
                reader.join(hub)
                writer = hub.join("writer", 2, sync="none")
        settle(writer)
        reader.take_until(str(said - 1))
        expect_all(reader, said)
        kill_9(hub)


@test
def who_was_away_gets_what_was_for_it_and_nothing_else():
    with directory() as data, Hub("--data", data) as hub:
        reader = Reader()
        reader.join(hub)
        writer = hub.join("writer", 2)
        other = hub.join("other", 2)
        reader.client.drain()
        reader.seq = other.sync["seq"]
        reader.leave()
        writer.expect("hello")
        equal(writer.expect("presence", ai_id="reader")["payload"]["status"], "left", "status")
        writer.say("chat", {"text": "all"})
        writer.say("chat", {"text": "for the reader"}, "reader")
        writer.say("chat", {"text": "for the other"}, "other")
        settle(writer)
        reader.join(hub)
        heard = [reader.take() for _ in range(2)]
        equal([line["payload"]["text"] for line in heard], ["all", "for the reader"], "heard")
        equal(missed(reader.client), ([], reader.client.sync["seq"]), "and besides")
        watcher = Reader("watcher")
        watcher.seq = heard[0]["seq"]
        watcher.client = hub.join("watcher", 2, role="observer", sync="none", since=watcher.seq)
        equal([watcher.take()["payload"].get("text") for _ in range(2)], ["for the reader", "for the other"],
              "an observer sees all")


@test
def catching_up_goes_on_while_others_talk():
    """20,000 messages behind, with more to come all the time."""
    with directory() as data, Hub("--data", data) as hub:
        reader = Reader()
        reader.join(hub)
        reader.leave()
        writer = hub.join("writer", 2, sync="none")
        total, first = 24000, 20000
        for at in range(first):
            writer.say("chat", {"text": str(at)})
        settle(writer)

        def talk():
            for at in range(first, total):
                writer.say("chat", {"text": str(at)})

        talking = threading.Thread(target=talk)
        talking.start()
        reader.join(hub)
        reader.take_until(str(total - 1))
        talking.join()
        expect_all(reader, total)


@test
def last_is_what_a_heartbeat_told():
    with directory() as data:
        hub = Hub("--data", data)
        reader, writer = Reader(), hub.join("writer", 2)
        reader.join(hub)
        writer.say("chat", {"text": "read"})
        writer.say("chat", {"text": "not read"})
        seen = reader.take()
        equal(seen["payload"]["text"], "read", "text")
        reader.client.say("heartbeat", {"seq": seen["seq"]})
        while reader.client.receive()["message_type"] != "heartbeat":
            pass
        reader.leave()
        settle(writer)
        kill_9(hub)
        with Hub("--data", data) as hub:
            reader.client = hub.join("reader", 2, sync="none", since="last")
            reader.seq = seen["seq"]
            lines, upto = missed(reader.client)
            equal(chats(lines), ["not read"], "what it missed")
            equal(upto, reader.client.sync["seq"], "where it has caught up")
            newcomer = hub.join("newcomer", 2, sync="none", since="last")
            equal(missed(newcomer), ([], newcomer.sync["seq"]), "what a newcomer missed")


@test
def last_is_when_an_ai_joined_first_when_it_never_told():
    with directory() as data:
        hub = Hub("--data", data)
        writer = hub.join("writer", 2, sync="none")
        writer.say("chat", {"text": "before its time"})
        settle(writer)
        hub.join("reader", 2, sync="none").close()
        writer.expect("hello")
        writer.expect("presence")
        writer.say("chat", {"text": "missed"})
        settle(writer)
        kill_9(hub)
        with Hub("--data", data) as hub:
            reader = hub.join("reader", 2, sync="none", since="last")
            equal(chats(missed(reader)[0]), ["missed"], "what it missed")


@test
def a_since_that_an_ai_gives_is_what_it_has_read():
    with directory() as data, Hub("--data", data) as hub:
        reader, writer = Reader(), hub.join("writer", 2)
        reader.join(hub)
        writer.say("chat", {"text": "read"})
        writer.say("chat", {"text": "not read"})
        reader.take_until("not read")
        reader.leave()
        first = reader.seq - 1
        hub.join("reader", 2, sync="none", since=first).close()
        reader.client = hub.join("reader", 2, sync="none", since="last")
        equal(chats(missed(reader.client)[0]), ["not read"], "what it missed")


@test
def catching_up_ends_before_what_comes_now():
    with directory() as data, Hub("--data", data) as hub:
        reader, writer = Reader(), hub.join("writer", 2)
        reader.join(hub)
        reader.leave()
        for at in range(5000):
            writer.say("chat", {"text": str(at)})
        reader.client = hub.join("reader", 2, sync="none", since=reader.seq)
        writer.say("chat", {"text": "now"})
        caught_up = None
        while not reader.heard or reader.heard[-1] != "now":
            line = reader.take()
            if line["message_type"] == "caught_up":
                check(caught_up is None, "caught up twice")
                caught_up = line["payload"]["seq"]
                check(reader.seq <= line["seq"], line)
            elif line["message_type"] == "chat":
                check(caught_up is None or line["seq"] > caught_up, line, "comes after", caught_up)
        expect = [str(at) for at in range(5000)] + ["now"]
        equal(reader.heard, expect, "what it heard")


@test
def what_comes_while_a_large_past_is_read_comes_once():
    """Of more than a page, near the end: what is said from then on is put aside, and in no page."""
    with directory() as data, Hub("--data", data) as hub:
        reader, writer = Reader(), hub.join("writer", 2)
        reader.join(hub)
        reader.leave()
        for at in range(1500):
            writer.say("chat", {"text": f"{at} " + "x" * 2000})
        settle(writer)
        reader.client = hub.join("reader", 2, sync="none", since=reader.seq)
        for at in range(1500, 4000):
            writer.say("chat", {"text": f"{at}"})
        heard = []
        while len(heard) < 4000:
            line = reader.client.receive()
            if line["message_type"] == "chat":
                heard.append(int(line["payload"]["text"].split()[0]))
        equal(heard, list(range(4000)), "what it heard")


@test
def a_past_that_is_not_kept_is_said():
    with directory() as data, Hub("--data", data, "--retain-entries", 10000) as hub:
        writer = hub.join("writer", 2, sync="none")
        for at in range(26000):
            writer.say("chat", {"text": str(at)})
        settle(writer)
        first = None
        while first is None:  # until the next checkpoint has let some go
            with contextlib.closing(hub.join("reader", 2, sync="none", since=1)) as reader:
                found = reader.receive()
                if found["message_type"] == "error":
                    equal(found["payload"]["code"], "replay_truncated", "code")
                    first = found["payload"]["first"]
                    check(first > 5000, "first", first)
                    line = reader.receive()
                    check(line["seq"] >= first and line["message_type"] == "chat", line)


@test
def a_hub_without_a_store_says_that_nothing_is_kept():
    with Hub() as hub:
        with contextlib.closing(hub.join("reader", 2)) as reader:
            seq = reader.sync["seq"]
        writer = hub.join("writer", 2)
        writer.say("chat", {"text": "lost"})
        settle(writer)
        reader = hub.join("reader", 2, since=seq)
        found = reader.expect_error("replay_truncated")
        check(found["payload"]["first"] > seq, found)
        equal(reader.receive()["message_type"], "caught_up", "type")
        reader.expect_nothing()


@test
def a_since_that_can_not_be_is_refused():
    with Hub() as hub:
        for since in ("later", -1, 1.5, 1000000):
            client = hub.connect()
            client.name = "reader"
            client.say("hello", {"protocol": 2, "since": since})
            client.expect_error("bad_payload", "payload.since")
            client.close()


run()
