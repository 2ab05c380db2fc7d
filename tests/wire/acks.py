"""Acks: what is acked is kept, once, whatever becomes of hub and connection."""

import contextlib
import os
import random
import subprocess
import sys
import uuid

from harness import Hub, check, directory, equal, kill_9, run, test, wait_until

ROUNDS = 10
CLIENT = os.path.join(os.path.dirname(os.path.abspath(sys.argv[1])), "acks_client")


@contextlib.contextmanager
def running(*words):
    """A program that is not left behind by a test that fails."""
    with subprocess.Popen([str(word) for word in words], stdout=subprocess.PIPE) as process:
        try:
            yield process
        finally:
            process.kill()


def ack_of(client, identity):
    ack = client.expect("ack", message_id=identity)
    check(ack["payload"]["seq"] <= ack["seq"], ack)
    return ack["payload"]


@test
def acks_come_behind_what_they_are_for():
    with Hub() as hub:
        ada, bea = hub.join("ada", 2, acks=True), hub.join("bea", 2)
        ada.expect("hello")
        bea.expect_nothing()
        identity = ada.say("chat", {"text": "hi"}, "bea")
        heard = bea.expect("chat")
        ack = ack_of(ada, identity)
        equal((ack["seq"], ack["delivered"]), (heard["seq"], True), "the ack")
        bea.close()
        ada.expect("presence")
        identity = ada.say("chat", {"text": "there?"}, "bea")
        equal(ack_of(ada, identity)["delivered"], False, "delivered")
        ada.expect_nothing()


@test
def a_repeat_on_another_connection_is_no_second_message():
    with Hub() as hub:
        bea = hub.join("bea", 2)
        identity = str(uuid.uuid4())
        seqs = set()
        for number in range(3):
            ada = hub.join("ada", 2, acks=True)
            bea.expect("hello")
            ada.say("pattern_share", {"pattern": {"n": number}}, message_id=identity)
            seqs.add(ack_of(ada, identity)["seq"])
            if number == 0:
                equal(bea.expect("pattern_share")["payload"]["pattern"]["n"], 0, "the first")
            ada.close()
            bea.expect("presence")
        equal(len(seqs), 1, "seqs of one message")
        bea.expect_nothing()


@test
def what_is_said_until_it_is_acked_is_there_once_after_kill_9():
    """A writer numbers its patterns and says again what was not acked. No pattern has an id of its
    own, so one that was applied twice would be there twice."""
    chance, unacked, number = random.Random(11), {}, 0
    seqs = {}
    with directory() as data:
        for _ in range(ROUNDS):
            hub = Hub("--data", data, "--sync-limit", 64 << 20)
            writer = hub.join("writer", 2, acks=True)
            for identity, payload in unacked.items():
                writer.say("pattern_share", payload, message_id=identity)
            for _ in range(chance.randrange(20, 200)):
                identity, payload = str(uuid.uuid4()), {"pattern": {"n": number}}
                writer.say("pattern_share", payload, message_id=identity)
                unacked[identity] = payload
                number += 1
            for _ in range(chance.randrange(1, len(unacked))):
                ack = writer.expect("ack")["payload"]
                seqs[ack["seq"]] = unacked.pop(ack["message_id"])["pattern"]["n"]
            kill_9(hub)
        hub = Hub("--data", data, "--sync-limit", 64 << 20)
        writer = hub.join("writer", 2, acks=True)
        for identity, payload in unacked.items():
            writer.say("pattern_share", payload, message_id=identity)
        for _ in range(len(unacked)):
            ack = writer.expect("ack")["payload"]
            seqs[ack["seq"]] = unacked.pop(ack["message_id"])["pattern"]["n"]
        judge = hub.join("judge", 2)
        known = judge.sync["global_knowledge_base"]["shared_patterns"].values()
        equal(sorted(entry["pattern"]["n"] for entry in known), list(range(number)), "patterns")
        equal([seqs[seq] for seq in sorted(seqs)], list(range(number)), "in the order of their seqs")
        kill_9(hub)


@test
def receipts_are_in_checkpoints():
    """With more entries than a checkpoint leaves in the log."""
    with directory() as data:
        with Hub("--data", data) as hub:
            ada = hub.join("ada", 2, acks=True)
            first = ada.say("pattern_share", {"pattern": {"n": 0}})
            seq = ack_of(ada, first)["seq"]
            ada.close()
            bea = hub.join("bea", 2, sync="none")
            for at in range(21000):
                bea.say("performance_report", {"component_id": f"c{at % 50}", "performance": {"score": 0.5}})
                if at % 1000 == 0:
                    bea.drain()
            log = os.path.join(data, "hub.db-wal")
            wait_until(lambda: b'"receipts":"' in open(log, "rb").read(), "a checkpoint")
        with Hub("--data", data) as hub:
            ada = hub.join("ada", 2, acks=True)
            ada.say("pattern_share", {"pattern": {"n": 0}}, message_id=first)
            equal(ack_of(ada, first)["seq"], seq, "seq")
            equal(hub.join("judge", 2).sync["knowledge_totals"]["shared_patterns"], 1, "patterns")


@test
def replies_are_awaited_over_kill_9():
    """No more than 64 of one AI are: so it shows which the hub still waits for."""
    question = {"text": "?", "reply_by": 86400}
    with directory() as data:
        hub = Hub("--data", data)
        ada, bea = hub.join("ada", 2, acks=True), hub.join("bea", 2)
        ada.expect("hello")
        asked = [ada.say("chat", question, "bea") for _ in range(64)]
        for identity in asked:
            ack_of(ada, identity)
        ada.say("chat", question, "bea")
        ada.expect_error("quota_exceeded", "64")
        bea.say("chat", {"in_reply_to": asked[0]})
        ada.expect("chat")
        ack_of(ada, ada.say("chat", question, "bea"))
        kill_9(hub)
        with Hub("--data", data) as hub:
            ada, bea = hub.join("ada", 2, acks=True), hub.join("bea", 2)
            ada.expect("hello")
            ada.say("chat", question, "bea")
            ada.expect_error("quota_exceeded", "64")
            bea.say("chat", {"in_reply_to": asked[1]})
            ada.expect("chat")
            ack_of(ada, ada.say("chat", question, "bea"))
            ada.say("chat", question, "bea")
            ada.expect_error("quota_exceeded", "64")


@test
def a_hub_says_when_a_reply_is_overdue():
    with Hub() as hub:
        ada, bea = hub.join("ada", 2), hub.join("bea", 2)
        ada.expect("hello")
        asked = ada.say("chat", {"text": "?", "reply_by": 0.1}, "bea")
        equal(ada.expect_error("no_reply", '"bea"')["payload"]["in_reply_to"], asked, "in_reply_to")
        bea.expect("chat")
        bea.expect_nothing()


@test
def libkhub_loses_and_doubles_nothing_over_kill_9():
    """Neither what the writer says nor what the reader hears."""
    chance, count, deaths = random.Random(13), 1500, 8
    with directory() as data:
        os.mkdir(data, 0o700)
        address = "unix:" + os.path.join(data, "socket")
        options = {"listen": ("127.0.0.1:0", address)}
        hub = Hub("--data", data, "--sync-limit", 64 << 20, **options)
        with running(CLIENT, address, count, "read") as reader:
            equal(reader.stdout.readline(), b"%d\n" % count, "what says that it has joined")
            with running(CLIENT, address, count) as writer:
                for _ in range(deaths):
                    for _ in range(chance.randrange(1, count // deaths)):
                        check(writer.stdout.readline(), "the writer ended too early")
                    kill_9(hub)
                    hub = Hub("--data", data, "--sync-limit", 64 << 20, **options)
                equal(writer.stdout.read().split()[-1], b"%d" % count, "acks")
                equal(writer.wait(), 0, "exit code")
            heard = [int(line.split()[0]) for line in reader.stdout]
            equal(heard, list(range(count)), "what the reader heard")
            equal(reader.wait(), 0, "exit code of the reader")
        known = hub.join("judge", 2).sync["global_knowledge_base"]["shared_patterns"].values()
        equal(sorted(entry["pattern"]["n"] for entry in known), list(range(count)), "patterns")
        kill_9(hub)


class Deadly:
    """A hub that is killed now and then, a writer of numbered patterns, and what readers heard."""

    def __init__(self, data, count, chance):
        os.mkdir(data, 0o700)
        self.address, self.count, self.chance = "unix:" + os.path.join(data, "socket"), count, chance
        self.options = ("--data", data), {"listen": ("127.0.0.1:0", self.address)}
        self.heard, self.hub = [], None
        self.start()

    def start(self):
        self.hub = Hub(*self.options[0], **self.options[1])

    def maybe_die(self):
        if self.chance.randrange(3) == 0:
            kill_9(self.hub)
            self.start()

    def all_heard(self):
        return bool(self.heard) and self.heard[-1] == self.count - 1


@test
def a_reader_that_keeps_where_it_was_misses_and_doubles_nothing_through_kill_9():
    """Its own and the hub's."""
    with directory() as data:
        life = Deadly(data, 1500, random.Random(17))
        with running(CLIENT, life.address, life.count, "read") as reader:
            reader.stdout.readline()  # it has joined
        with running(CLIENT, life.address, life.count) as writer:
            where = ("1", "0")
            while not life.all_heard():
                with running(CLIENT, life.address, life.count, "read", *where) as reader:
                    reader.stdout.readline()
                    for _ in range(life.chance.randrange(300)):
                        line = reader.stdout.readline().split()
                        if not line:
                            break
                        life.heard.append(int(line[0]))
                        where = line[1].decode(), line[2].decode()
                    life.maybe_die()
                    reader.kill()
                    for line in reader.stdout:  # what it had handed out by then
                        life.heard.append(int(line.split()[0]))
                        where = line.split()[1].decode(), line.split()[2].decode()
            writer.stdout.read()
            equal(writer.wait(), 0, "exit code of the writer")
        equal(life.heard, list(range(life.count)), "what the readers heard")
        kill_9(life.hub)


@test
def a_reader_goes_on_where_the_hub_knows_that_it_was():
    """Each leaves after some messages; the hub is killed now and then, while nobody has left for a
    while, and while somebody reads."""
    with directory() as data:
        life = Deadly(data, 1500, random.Random(19))
        with running(CLIENT, life.address, life.count, "last", 1) as reader:
            reader.stdout.readline()
            with running(CLIENT, life.address, life.count) as writer:
                life.heard += [int(line.split()[0]) for line in reader.stdout]
                while not life.all_heard():
                    with running(CLIENT, life.address, life.count, "last", life.chance.randrange(1, 300)) as next_one:
                        next_one.stdout.readline()
                        life.maybe_die()
                        life.heard += [int(line.split()[0]) for line in next_one.stdout]
                        equal(next_one.wait(), 0, "exit code of a reader")
                writer.stdout.read()
                equal(writer.wait(), 0, "exit code of the writer")
        equal(life.heard, list(range(life.count)), "what the readers heard")
        kill_9(life.hub)


@test
def a_reader_that_is_killed_misses_nothing():
    """What it was handed before the hub was told of it comes again, and no more than that."""
    with directory() as data:
        life, heard = Deadly(data, 1500, random.Random(23)), 0
        with running(CLIENT, life.address, life.count, "last", life.count) as reader:
            reader.stdout.readline()  # since here it is known
        with running(CLIENT, life.address, life.count) as writer:
            while heard < life.count:
                with running(CLIENT, life.address, life.count, "last", life.count) as reader:
                    wanted = heard + life.chance.randrange(1, 300)
                    reader.stdout.readline()
                    life.maybe_die()
                    while heard < min(wanted, life.count):
                        number = int(reader.stdout.readline().split()[0])
                        check(number <= heard, "heard", number, "and nothing of", heard)
                        heard = max(heard, number + 1)
                    reader.kill()
                    for line in reader.stdout:
                        check(int(line.split()[0]) <= heard, "heard", line, "and nothing of", heard)
                        heard = max(heard, int(line.split()[0]) + 1)
            writer.stdout.read()
            equal(writer.wait(), 0, "exit code of the writer")
        kill_9(life.hub)


run()
