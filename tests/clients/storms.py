"""What a client must do when chance is against it: everything arrives once, in order."""

import contextlib
import hashlib
import os
import random
import socket
import stat
import subprocess
import sys
import tempfile
import threading

from stage import Hub, Line, check, equal, kill_9

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "wire"))
from harness import Skip, own_address  # noqa: E402
from secure import lab  # noqa: E402

COUNT = 120


class Talk:
    """A writer of numbered messages, a few at a time, and a reader of them."""

    def __init__(self, place, writer, reader, filler=0):
        self.place, self.writer, self.reader = place, writer, reader
        self.filler = "é" * filler
        self.said = self.answered = 0
        self.heard, self.seqs, self.position = [], [], None

    def say(self, count):
        for _ in range(count):
            self.writer.says(str(self.said), "chat", {"text": "", "n": self.said, "filler": self.filler})
            self.said += 1

    def settle(self, count):
        """Waits for the outcomes of the next ones."""
        for _ in range(count):
            found = self.writer.wait("outcome", str(self.answered))
            check(found.get("error") is None, found)
            self.seqs.append(found["seq"])
            self.answered += 1

    def hear(self, upto):
        while len(self.heard) < upto:
            found = self.place.driver.wait(self.reader.name, "message", lambda event: event["type"] == "chat")
            equal(found["payload"]["filler"], self.filler, "what came with it")
            self.heard.append(found["payload"]["n"])
            self.position = found["position"]

    def whole(self):
        self.settle(self.said - self.answered)
        self.hear(self.said)
        equal(self.heard, list(range(self.said)), "what the reader heard")
        equal(self.seqs, sorted(set(self.seqs)), "seqs")


def pair(place, **options):
    writer, reader = place.who("writer"), place.who("reader")
    writer.joins(**options)
    reader.joins(**options)
    return writer, reader


def lines_may_be_split_anywhere(place):
    place.line.split(7)
    talk = Talk(place, *pair(place))
    talk.say(COUNT)
    talk.whole()


def connections_may_break_anywhere(place):
    talk = Talk(place, *pair(place), filler=40)
    before = place.line.connections
    place.line.cut_at(11, 12000)
    place.line.cut()
    for _ in range(10):
        talk.say(COUNT // 10)
        talk.settle(COUNT // 10)
    place.line.plain()
    talk.whole()
    check(place.line.connections - before > 8, "few connections broke:", place.line.connections - before)


def a_hub_may_be_killed_at_any_time(place):
    chance = random.Random(13)
    talk = Talk(place, *pair(place))
    for _ in range(4):
        talk.say(COUNT // 4)
        talk.settle(chance.randrange(COUNT // 4))
        place.kill()
        place.start()
        talk.settle(talk.said - talk.answered)
    talk.whole()


def a_reader_may_be_killed_at_any_time(place):
    """It goes on from the position that came with the last message that it handled. What was
    printed after that, it hears again, as who keeps its position with what it did wants to."""
    chance, total = random.Random(17), 0
    reader = place.who("reader")
    reader.joins()
    talk = Talk(place, None, reader)
    eve = place.who("eve")
    for _ in range(3):
        for _ in range(20):
            eve.says("chat", {"n": total, "filler": ""})
            total += 1
        talk.hear(total - chance.randrange(15))
        place.driver_killed()
        reader.joins(since=talk.position)
    talk.hear(total)
    equal(talk.heard, list(range(total)), "what the reader heard")


def a_hub_that_keeps_nothing_begins_anew(place):
    """What it had is lost, and told to be; what it has now arrives."""
    with tempfile.TemporaryDirectory(prefix="khub-test-") as folder, contextlib.ExitStack() as at_end:
        path = os.path.join(folder, "socket")
        hub = Hub(listen=("127.0.0.1:0", "unix:" + path))
        line = Line(path)
        at_end.callback(line.close)
        ada = place.who("ada")
        ada.joins(address=line.address, room="main")
        eve = hub.join("eve", 2)
        for n in range(3):
            eve.say("chat", {"n": n})
        ada.hears("chat", {"n": 0})
        ada.hears("chat", {"n": 1})
        ada.hears("chat", {"n": 2})
        line.cut()
        ada.becomes("joined")
        ada.hears("error", {"code": "replay_truncated"})
        kill_9(hub)
        hub = Hub(listen=("127.0.0.1:0", "unix:" + path))
        at_end.callback(kill_9, hub)
        ada.becomes("joined")
        hub.join("eve", 2).say("chat", {"n": 3})
        ada.hears("chat", {"n": 3})
        ada.done("1", "chat", {"text": "here again"})
        ada.closes()


def given_out(data, name):
    done = subprocess.run([sys.argv[1], "token", "add", name, "--data", data], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def a_token_is_shown_to_who_may_see_it(place):
    with tempfile.TemporaryDirectory(prefix="khub-test-") as folder:
        data, path, file = (os.path.join(folder, name) for name in ("data", "socket", "token"))
        good = given_out(data, "ada")
        with open(file, "w", encoding="ascii") as written:
            written.write(good + "\n")
        os.chmod(file, 0o600)
        with Hub("--data", data, listen=("127.0.0.1:0", "unix:" + path)) as hub:
            there = {"address": f"127.0.0.1:{hub.port}", "room": "main"}
            ada = place.who("ada")
            ada.begins(**there)
            ada.becomes("ended", error="refused", code="unauthorized")
            ada.begins(**there, token=good[:-1] + ("0" if good[-1] != "0" else "1"))
            ada.becomes("ended", error="refused", code="unauthorized")
            ada.joins(**there, token=good)
            ada.closes()
            if "token_file" in place.can:
                ada.joins(**there, token_file=file)
                ada.closes()
                os.chmod(file, 0o644)
                ada.begins(**there, token_file=file)
                ada.becomes("ended", error="argument")
                equal(stat.S_IMODE(os.stat(file).st_mode), 0o644, "mode")


def no_token_goes_to_another_machine_in_the_open(place):
    """Nor does a byte of it."""
    address = own_address()
    with socket.create_server((address, 0)) as listener:
        ada = place.who("ada")
        ada.begins(address=f"{address}:{listener.getsockname()[1]}", token="khub_secret")
        ada.becomes("ended", error="untrusted")
        with contextlib.closing(listener.accept()[0]) as taken:
            equal(taken.recv(1000), b"", "what the listener was told")


def a_hub_is_known_by_its_certificate(place):
    with lab() as papers, Hub(*papers.pair("hub")) as hub:
        where = {"address": f"khubs://localhost:{hub.port}", "room": "main"}
        fingerprint, ada = "sha256:" + hashlib.sha256(papers.digest("hub")).hexdigest(), place.who("ada")
        ada.joins(**where, ca=papers.path("ca.pem"))
        ada.done("1", "chat", {"text": "é" * 200000})
        ada.closes()
        ada.joins(**where, fingerprint=fingerprint)
        ada.closes()
        for wrong in ({"fingerprint": "sha256:" + "0" * 64}, {}, {"ca": papers.path("other.pem")}):
            ada.begins(**where, **wrong)
            ada.becomes("ended", error="untrusted")
        ada.begins(address=f"khubs://{place.line.address}", ca=papers.path("ca.pem"))
        ada.becomes("ended", error="untrusted")


def who_is_not_there_is_tried_so_often(place):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        nobody = f"127.0.0.1:{listener.getsockname()[1]}"
    ada = place.who("ada")
    ada.begins(address=nobody, retries=3)
    for _ in range(2):
        ada.becomes("waiting", error="unreachable")
    ada.becomes("ended", error="unreachable")


class Babbler(threading.Thread):
    """A hub of a few lines, some of which are none."""

    def __init__(self):
        super().__init__(daemon=True)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self.listener.getsockname()[1]}"
        self.start()

    def run(self):
        with contextlib.suppress(OSError):
            connection = self.listener.accept()[0]
            connection.recv(1 << 16)
            for line in self.lines():
                connection.sendall(line)
            self.connection = connection
            while connection.recv(1 << 16):
                pass

    @staticmethod
    def lines():
        head = b'{"message_id":"m","sender_id":"%s","message_type":"%s","timestamp":"now","payload":%s%s}\n'
        yield b"not JSON\n"
        yield b"\r\n\n[1]\n{}\n"
        yield head % (b"hub", b"training_sync", b'{"seq":5,"unknown":[1]}', b',"seq":5')
        yield head % (b"eve", b"chat", b"[]", b',"seq":6')
        yield head % (b"eve", b"chat", b'{"n":1}', b',"seq":7,"newer":{"members":[]}')
        yield b"\xff\xfe\n" + b"[" * 100000 + b"\n"
        yield head % (b"hub", b"a_type_of_tomorrow", b'{"n":2}', b',"seq":8')
        yield head % (b"hub", b"ack", b'{"message_id":"nobody\'s","seq":9}', b',"seq":9')
        yield head % (b"hub", b"error", b'{"code":7,"in_reply_to":[]}', b"")
        yield (head % (b"eve", b"chat", b'{"n":3,"big":' + b"9" * 6000 + b"}", b',"seq":10')).replace(b"\n", b"\r\n")
        yield head % (b"eve", b"chat", b'{"n":4}', b',"seq":11')

    def close(self):
        self.listener.close()
        self.connection.close()


def what_is_no_message_is_skipped(place):
    with contextlib.closing(Babbler()) as hub:
        ada = place.who("ada")
        ada.joins(address=hub.address)
        ada.hears("chat", {"n": 1}, seq=7)
        ada.hears("a_type_of_tomorrow", {"n": 2}, seq=8)
        ada.hears("chat", {}, seq=10)
        ada.hears("chat", {"n": 4}, seq=11)
        hub.connection.shutdown(socket.SHUT_RDWR)
        place.driver_killed()


# On the stage's own line.
LINED = [lines_may_be_split_anywhere, connections_may_break_anywhere, a_reader_may_be_killed_at_any_time,
         a_hub_may_be_killed_at_any_time]
STORMS = LINED[:2] + [who_is_not_there_is_tried_so_often, a_hub_that_keeps_nothing_begins_anew,
                      a_token_is_shown_to_who_may_see_it, no_token_goes_to_another_machine_in_the_open,
                      a_hub_is_known_by_its_certificate, what_is_no_message_is_skipped] + LINED[2:]
