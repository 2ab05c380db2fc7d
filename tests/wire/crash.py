"""A hub that is killed with -9, again and again, while publishers publish with acks and readers
read: what was acked is held against what is stored and against what each reader saw. Nothing may be
lost, doubled, or out of order.

A short form runs with the other tests. The long one: ./dev crash [KILLS], which sets
KHUB_CRASH_KILLS. KHUB_CRASH_SEED makes another course of it."""

import collections
import contextlib
import json
import os
import random
import socket
import subprocess
import tempfile
import threading
import time
import uuid

from harness import Hub, check, directory, equal, fill_up, message, run, small_disk, test

KILLS = int(os.environ.get("KHUB_CRASH_KILLS", "6"))
SEED = int(os.environ.get("KHUB_CRASH_SEED", "1"))
PUBLISHERS, READERS = 4, 3
UNDER_WAY = 24  # messages of each publisher that are not acked yet
PATTERN_EVERY = 10  # messages; the others are chats
CLOSER = "closer"
NOT_NOW = ("id_in_use", "shutting_down", "storage_unavailable")
AGAIN = 0.01  # seconds between two tries to reach a hub that is not there


class Link:
    """One connection: whole lines in and out, and OSError at its end, however it ends."""

    def __init__(self, address, hello):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            self.socket.connect(address)
            self.file = self.socket.makefile("rb", 1 << 16)
            self.send([hello])
        except OSError:
            self.socket.close()
            raise

    def send(self, lines):
        self.socket.sendall(b"".join(json.dumps(line).encode() + b"\n" for line in lines))

    def receive(self):
        line = self.file.readline()
        if not line.endswith(b"\n"):
            raise ConnectionResetError("the hub is gone")
        return json.loads(line)

    def close(self):
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()


class Worker(threading.Thread):
    """Somebody at the hub, who comes again whenever it was gone."""

    def __init__(self, life, name):
        super().__init__(name=name, daemon=True)
        self.life, self.link, self.fault = life, None, None

    def hello(self, **payload):
        fixed = {"specialization": "general", "capabilities": [], "version": "1", "features_supported": [], "protocol": 2,
                 "collaboration_ready": False, "sync": "none"}
        return message(self.name, "hello", {**fixed, **payload})

    def run(self):
        try:
            while not self.is_over():
                try:
                    self.link = Link(self.life.address, self.hello(**self.wants()))
                    self.stay()
                except OSError:
                    time.sleep(AGAIN)
                finally:
                    if self.link:
                        self.link.close()
        except Exception as error:  # shown by whoever joins this thread
            self.fault = error

    def joined(self, line):
        """Whether this line lets it in; one that does not now is an end, and it comes again."""
        if line["message_type"] == "error" and line["payload"]["code"] in NOT_NOW:
            raise ConnectionResetError(line["payload"]["code"])
        return line["message_type"] == "training_sync"


class Publisher(Worker):
    """Says numbered messages, and again what was not acked, in order."""

    def __init__(self, life, name):
        super().__init__(life, name)
        self.unacked = collections.OrderedDict()  # line by message_id
        self.acked = {}  # seq by number
        self.names = {}  # type and message_id by number, of what was acked
        self.said = self.refused = 0

    def wants(self):
        return {"acks": True}

    def is_over(self):
        return self.life.ending and not self.unacked or self.life.given_up

    def next_line(self):
        number = self.said
        self.said += 1
        kind = "pattern_share" if number % PATTERN_EVERY == 0 else "chat"
        body = {"who": self.name, "n": number, "text": "x" * (number * 7 % 300)}
        payload = {"pattern": {"id": f"{self.name}-{number % 500}", **body}} if kind == "pattern_share" else body
        return message(self.name, kind, payload, message_id=str(uuid.uuid4()))

    def fill(self):
        lines = []
        while not self.life.ending and len(self.unacked) < UNDER_WAY:
            line = self.next_line()
            self.unacked[line["message_id"]] = line
            lines.append(line)
        self.link.send(lines)

    def stay(self):
        while not self.joined(self.link.receive()):
            pass
        self.link.send(self.unacked.values())
        while not self.is_over():
            if len(self.unacked) <= UNDER_WAY // 2:
                self.fill()
            line = self.link.receive()
            if line["message_type"] == "ack":
                self.take_ack(line["payload"])
            elif line["message_type"] == "error":
                equal(line["payload"]["code"], "storage_unavailable", line)
                self.refused += 1
                raise ConnectionResetError("come again, and say it all in order")

    def take_ack(self, ack):
        line = self.unacked.pop(ack["message_id"], None)
        if line is None:
            return  # it was said twice, and is acked twice
        number = number_of(line)[1]
        check(number not in self.acked, self.name, number, "acked with two seqs")
        self.acked[number] = ack["seq"]
        self.names[number] = f"{line['message_type']} {line['message_id']}"
        self.life.progress()


class Reader(Worker):
    """Hears all, and goes on behind the last that it heard. Now and then it is killed itself: of a
    line it had not read it knows nothing."""

    def __init__(self, life, name):
        super().__init__(life, name)
        self.heard = []  # (publisher, number, seq)
        self.last = 0
        self.deaths = 0
        self.told = False  # that nothing more comes

    def wants(self):
        return {"since": self.last} if self.last else {}

    def is_over(self):
        return self.told or self.life.given_up

    def stay(self):
        while True:
            line = self.link.receive()
            kind = line["message_type"]
            if self.joined(line):
                self.last = self.last or line["seq"]  # it has heard nothing yet, and missed nothing
                continue
            check(kind != "error", self.name, "is told", line["payload"])
            if kind in ("chat", "pattern_share") and line["sender_id"] != CLOSER:
                self.heard.append((*number_of(line), line["seq"]))
            self.told = self.told or line["sender_id"] == CLOSER and kind == "chat"
            if kind != "caught_up":
                self.last = max(self.last, line["seq"])
            if self.is_over():
                return

    def kill(self):
        self.deaths += 1
        if self.link:
            self.link.close()


def number_of(line):
    body = line["payload"].get("pattern", line["payload"])
    return body["who"], body["n"]


FAULTS_NAMED = 10  # of each kind and reader: whoever looks for the cause needs no more


class Life:
    """A hub in a directory, and those at it."""

    def __init__(self, data, *options):
        self.data, self.options, self.hub = data, options, None
        self.ending = False  # nothing new is said
        self.given_up = False
        self.folder = tempfile.mkdtemp(prefix="khub-test-")
        self.address = os.path.join(self.folder, "socket")
        self.moved, self.acks = threading.Condition(), 0
        self.begins = []  # the last seq acked when a hub was begun
        self.publishers = [Publisher(self, f"publisher_{at}") for at in range(PUBLISHERS)]
        self.readers = [Reader(self, f"reader_{at}") for at in range(READERS)]

    def __enter__(self):
        self.start()
        for reader in self.readers:
            reader.start()
        for reader in self.readers:  # they are to hear the first message, too
            self.wait(lambda reader=reader: reader.last)
        for publisher in self.publishers:
            publisher.start()
        return self

    def __exit__(self, *_):
        self.ending = self.given_up = True
        self.hub.kill()
        for worker in self.publishers + self.readers:
            if worker.link:
                worker.link.close()
            worker.join()
        for name in os.listdir(self.folder):
            os.unlink(os.path.join(self.folder, name))
        os.rmdir(self.folder)

    def start(self):
        self.begins.append(max((seq for one in self.publishers for seq in list(one.acked.values())), default=0))
        self.hub = Hub("--data", self.data, *self.options, listen=("127.0.0.1:0", f"unix:{self.address}"))

    def progress(self):
        with self.moved:
            self.acks += 1
            self.moved.notify_all()

    def wait(self, condition):
        """Until it holds, and nobody has found a fault."""
        while not condition():
            self.look()
            with self.moved:
                self.moved.wait(0.05)

    def look(self):
        for worker in self.publishers + self.readers:
            if worker.fault:
                raise worker.fault
        check(self.hub.process.poll() is None, "the hub ended by itself:", self.hub.log()[-500:])

    def wait_acks(self, count):
        until = self.acks + count
        self.wait(lambda: self.acks >= until)

    def kill_and_start(self, chance):
        self.hub.kill()
        if chance.randrange(4) == 0:  # while it recovers, too
            with subprocess.Popen(self.hub.process.args, stdout=subprocess.DEVNULL,
                                  stderr=subprocess.DEVNULL) as hub:
                time.sleep(chance.random() * 0.03)
                hub.kill()
        self.start()

    def end(self):
        """All that was said is acked, and each reader has heard that nothing more comes."""
        self.ending = True
        self.await_end(self.publishers)
        closer = self.hub.join(CLOSER, 2, sync="none", acks=True)
        closer.say("chat", {"text": "the end"})
        while closer.receive()["message_type"] != "ack":
            pass
        self.await_end(self.readers)

    def await_end(self, workers):
        for worker in workers:
            while worker.is_alive():
                self.look()
                worker.join(0.05)
        self.look()


def count_faults(wanted, heard):
    """Lost, doubled, out of order: of what was acked, by what was heard."""
    counts = collections.Counter((who, number) for who, number, _ in heard)
    lost = sum(1 for key in wanted if key not in counts)
    doubled = sum(count - 1 for count in counts.values())
    order, seqs = 0, [seq for _, _, seq in heard]
    order += sum(1 for one, other in zip(seqs, seqs[1:]) if other <= one)
    last = {}
    for who, number, _ in heard:
        order += number < last.get(who, -1)
        last[who] = number
    wrong = sum(1 for who, number, seq in heard if wanted.get((who, number), seq) != seq)
    return lost, doubled, order + wrong


def name_faults(life, wanted, heard):
    """Sentences on what is wrong with what somebody heard: which message it is, the seq of its ack,
    what was heard at that seq, and between which of the hub's deaths that lies."""
    at, of = collections.defaultdict(list), collections.defaultdict(list)
    for who, number, seq in heard:
        at[seq].append(f"{who}'s {number}")
        of[who, number].append(seq)
    publishers = {publisher.name: publisher for publisher in life.publishers}
    found = collections.defaultdict(list)
    for (who, number), seq in sorted(wanted.items(), key=lambda one: one[1]):
        seqs = of[who, number]
        kind = "lost" if not seqs else "doubled" if len(seqs) > 1 else "elsewhere" if seqs != [seq] else None
        if kind:
            begun = sum(1 for last in life.begins if last < seq)
            found[kind].append(f"{who}'s {number}, {publishers[who].names[number]}, acked as {seq} of the {begun}. hub, is "
                               f"{kind}: heard at {seqs}; at {seq} there is {at.get(seq, 'nothing')}, the hubs began behind "
                               f"{life.begins[max(0, begun - 2):begun + 1]}")
    for (_, _, one), (who, number, other) in zip(heard, heard[1:]):
        if other <= one:
            found["order"].append(f"{who}'s {number} came as {other} behind {one}")
    return [line for lines in found.values() for line in lines[:FAULTS_NAMED]]


def judge(life):
    """What is stored, read by somebody who begins at the first message; then all verdicts."""
    wanted = {(publisher.name, number): seq for publisher in life.publishers
              for number, seq in publisher.acked.items()}
    equal(len(wanted), sum(publisher.said for publisher in life.publishers), "messages acked, of those said")
    stored = Reader(life, "judge")
    stored.last = 1
    stored.run()
    if stored.fault:
        raise stored.fault
    verdicts = {worker.name: count_faults(wanted, worker.heard) for worker in [*life.readers, stored]}
    for worker in [*life.readers, stored]:
        for line in name_faults(life, wanted, worker.heard):
            print(f"# {worker.name}: {line}", flush=True)
    known = patterns_known(life.hub.join("librarian", 2))
    shared = {f"{who}-{number % 500}" for who, number in wanted if number % PATTERN_EVERY == 0}
    equal((sorted(shared - known), sorted(known - shared)), ([], []), "patterns that are not known, and known ones of nobody")
    return len(wanted), verdicts


def patterns_known(librarian):
    """The ids of all of them."""
    known, cursor = set(), None
    while True:
        librarian.say("knowledge_query", {"section": "shared_patterns", "order": "id", "limit": 200,
                                          **({"cursor": cursor} if cursor else {})})
        page = librarian.expect("knowledge_result")["payload"]
        known.update(page["entries"]["shared_patterns"])
        cursor = page["next"]
        if not cursor:
            return known


def tell(life, what, acked, verdicts, **more):
    more["acked"] = acked
    more["readers_killed"] = sum(reader.deaths for reader in life.readers)
    print("#", what, ", ".join(f"{name.replace('_', ' ')}: {value}" for name, value in more.items()))
    for name, (lost, doubled, order) in verdicts.items():
        print(f"#   {name}: lost {lost}, doubled {doubled}, out of order {order}", flush=True)
    for name, verdict in verdicts.items():
        equal(verdict, (0, 0, 0), f"lost, doubled, out of order, by {name}")


@test
def what_was_acked_is_stored_and_heard_once_and_in_order():
    chance = random.Random(SEED)
    with directory() as data, Life(data, "--sync-limit", 0) as life:
        for _ in range(KILLS):
            life.wait_acks(chance.randrange(1, 1500))
            life.kill_and_start(chance)
            if chance.randrange(2):
                chance.choice(life.readers).kill()
        life.wait_acks(1)
        life.end()
        tell(life, "the hub killed", *judge(life), times=KILLS)


@test
def on_a_disk_that_fills_up_too():
    """Again and again: full, then there is room; the hub killed while it is full, and while not."""
    chance, rounds = random.Random(SEED + 1), max(3, KILLS // 10)
    with small_disk(64) as disk, Life(os.path.join(disk, "data"), "--sync-limit", 0) as life:
        ballast = os.path.join(disk, "ballast")
        kills = 0
        for _ in range(rounds):
            life.wait_acks(chance.randrange(1, 300))
            before = sum(publisher.refused for publisher in life.publishers)
            looker = life.hub.join("looker", 2, role="observer", sync="none")
            fill_up(ballast, chance.randrange(1 << 18))
            life.wait(lambda before=before: sum(publisher.refused for publisher in life.publishers) > before)
            looker.say("knowledge_query", {"section": "shared_patterns", "limit": 1})
            while looker.receive()["message_type"] != "knowledge_result":
                pass  # what was said before
            looker.close()
            if chance.randrange(2):
                life.hub.kill()
                os.unlink(ballast)
                life.start()
                kills += 1
            else:
                os.unlink(ballast)
        refused = sum(publisher.refused for publisher in life.publishers)
        life.wait_acks(1)
        life.end()
        tell(life, "the disk filled up", *judge(life), times=rounds, refused_meanwhile=refused, hub_killed=kills)


run()
