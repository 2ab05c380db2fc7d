#!/usr/bin/env python3
"""What was shown as a secret is nowhere in the memory of who read it, however it came: a hub's, a
gateway's, and that of khub's own commands.

usage: secrets_gone.py KHUB [PART OF A NAME]
"""
import contextlib
import fcntl
import os
import re
import secrets
import signal
import socket
import ssl
import struct
import sys
import tempfile
import termios

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
sys.path.insert(0, os.path.join(ROOT, "tests", "wire"))
from harness import (Hub, Skip, check, directory, encode, equal, message, run,  # noqa: E402
                     sanitized, test, wait_until)
from gateway import Door, Gateway  # noqa: E402
from mcp_session import BEGIN, Session, post  # noqa: E402
from program import Running  # noqa: E402
from secure import lab  # noqa: E402
from tokens import give_out  # noqa: E402
from websocket import CONTINUATION, PING, TEXT, WebClient, frame  # noqa: E402

REGION_MAX = 4 << 30  # a sanitizer's shadow is larger


def regions(pid):
    """Where something of this process is in memory."""
    found = None
    with open(f"/proc/{pid}/smaps", encoding="utf-8") as file:
        for line in file:
            word = line.split()[0]
            if "-" in word and not word.endswith(":"):
                begin, end = (int(part, 16) for part in word.split("-"))
                found = None if "[v" in line or end - begin > REGION_MAX else (begin, end)
            elif word == "Rss:" and found and int(line.split()[1]):
                yield found


def places(pid, texts):
    """How often each of the texts is in the memory of a process: as a whole, or a third of it."""
    parts = {name: [text[at:at + len(text) // 3].encode() for at in range(0, len(text) - 2, len(text) // 3)]
             for name, text in texts.items()}
    counts = dict.fromkeys(texts, 0)
    try:
        memory = open(f"/proc/{pid}/mem", "rb", 0)
    except PermissionError as error:
        raise Skip(f"the memory of other processes can't be read here: {error}") from error
    with memory:
        for begin, end in regions(pid):
            memory.seek(begin)
            with contextlib.suppress(OSError):
                held = memory.read(end - begin)
                while len(held) < end - begin and (more := memory.read(end - begin - len(held))):
                    held += more
                for name, wanted in parts.items():
                    counts[name] += max(held.count(part) for part in wanted)
    return counts


def made_up():
    return "khub_" + "".join(secrets.choice("0123456789abcdefghjkmnpqrstvwxyz") for _ in range(58))


def hello(name, before=None, **payload):
    """A line, with members of the payload put before the others or behind them."""
    return encode(message(name, "hello", {**(before or {}), "protocol": 2, **payload})) + b"\n"


class Slow:
    """A connection whose pieces the hub reads one by one: the next is sent when it has the last."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(path)

    def send(self, line, size):
        for at in range(0, len(line), size):
            self.socket.sendall(line[at:at + size])
            wait_until(lambda: not struct.unpack("i", fcntl.ioctl(self.socket, termios.TIOCOUTQ, b"\0" * 4))[0],
                       "the hub to read it")

    def line(self):
        return self.socket.makefile("rb").readline()


LONG = ["word" * 16] * 400  # more than a hub's first buffers hold


class Shower:
    """Shows a hub one text after the other, each in its own way, and looks for it in the hub."""

    def __init__(self, hub, data):
        self.hub, self.data = hub, data
        self.path = os.path.join(hub.folder, "socket")

    def found(self, text):
        return places(self.hub.process.pid, {"it": text})["it"]

    def show(self, how, line, text, size, answer, connection=None):
        """Sends the line, with TEXT replaced, in pieces of this size."""
        connection = connection or Slow(self.path)
        connection.send(line.replace(b"TEXT", text.encode()), size)
        if answer:
            found = connection.line()
            check(answer in found, answer, "is not in", found)
        equal(self.found(text), 0, f"how often the hub has what was shown {how}")
        return connection

    def good(self, how, line, size):
        text = give_out(self.data, how.replace(" ", "-"))
        return self.show(how, line, text, size, b"training_sync")

    def bad(self, how, line, size, answer):
        self.show(how, line, made_up(), size, answer).socket.close()


@test
def a_hub_keeps_nothing_of_what_it_was_shown():
    with directory() as data, Hub("--data", data, "--no-confine", listen=("127.0.0.1:0", "unix:FOLDER/socket")) as hub:
        shower = Shower(hub, data)
        shower.good("at once", hello("a", token="TEXT"), 1 << 16)
        shower.good("in halves", hello("b", token="TEXT"), 200)
        shower.good("byte by byte", hello("c", token="TEXT"), 1)
        shower.good("first of much", hello("d", {"token": "TEXT"}, padding=LONG), 1000)
        shower.good("behind much", hello("e", padding=LONG, token="TEXT"), 1000)
        shower.good("escaped", hello("f", token="TEXT").replace(b'"token"', b'"\\u0074oken"'), 50)
        shower.bad("as a wrong one", hello("g", token="TEXT"), 100, b"unauthorized")
        shower.bad("in broken JSON", hello("g", token="TEXT")[:-2] + b"\n", 1 << 16, b"bad_json")
        shower.bad("in broken JSON, in halves", hello("g", token="TEXT")[:-2] + b"\n", 200, b"bad_json")
        shower.bad("at the head of too long a line", hello("g", {"token": "TEXT"}, padding=LONG * 4), 1 << 14, b"line_too_long")
        shower.bad("at the end of one", hello("g", padding=LONG * 4, token="TEXT"), 1 << 14, b"line_too_long")
        shower.bad("to another protocol", b"GET /?token=TEXT HTTP/1.1\r\n\r\n", 1 << 16, b"HTTP/1.1 400")
        shower.bad("in a chat", encode(message("g", "chat", {"token": "TEXT"})) + b"\n", 1 << 16, b"unauthorized")
        again = shower.good("before it is said again", hello("again", token="TEXT"), 1 << 16)
        shower.show("again", hello("again", token="TEXT"), made_up(), 200, b"training_sync", again)
        thief = shower.good("beside a resume_token", hello("h", token="TEXT"), 1 << 16)
        shower.show("as a resume_token", hello("h", resume_token="TEXT"), made_up()[:32], 1 << 16, b"training_sync", thief)
        other = Slow(shower.path)
        shower.show("as the resume_token of who is there", hello("h", token=give_out(data, "other"), resume_token="TEXT"),
                    made_up()[:32], 1 << 16, b"id_in_use", other)
        text = made_up()
        other.send(hello("h", token=text)[:-2], 1 << 16)
        other.send(b" ", 1)
        # a line that has not ended is held: so the search finds what there is
        equal(shower.found(text), 1, "how often the hub has what it still waits for")
        other.socket.close()
        wait_until(lambda: not shower.found(text), "it to be let go with its connection")


@test
def nor_of_a_line_that_is_too_long_and_all_there():
    with directory() as data, Hub("--data", data, "--no-confine", "--max-line", "4K", listen=("127.0.0.1:0", "unix:FOLDER/socket")) as hub:
        shower = Shower(hub, data)
        shower.bad("in a line that is too long", hello("a", {"token": "TEXT"}, padding=LONG[:100]), 1 << 16, b"line_too_long")


@test
def nor_does_openssl():
    with directory() as data, lab() as papers, Hub("--data", data, "--no-confine", *papers.pair("hub")) as hub:
        context = ssl.create_default_context(cafile=papers.path("ca.pem"))
        token = give_out(data, "ada")
        with context.wrap_socket(socket.create_connection(("127.0.0.1", hub.port)), server_hostname="localhost") as secured:
            # behind what is read into memory that the answer is too short to need
            secured.sendall(hello("tls", padding=LONG[:200], token=token))
            check(b"training_sync" in secured.recv(1 << 16))
            equal(places(hub.process.pid, {"token": token}), {"token": 0}, "how often the hub has it")


@test
def a_command_has_its_token_for_its_next_connection_alone():
    with directory() as data, Hub("--data", data) as hub, tempfile.TemporaryDirectory() as folder:
        token = give_out(data, "ada", "--role", "admin")
        path = os.path.join(folder, "token")
        with open(path, "w", encoding="ascii", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
            file.write(token)
        # for the next visit, too; and a sanitizer keeps a copy of the environment
        copies = 3 if sanitized() else 2
        for number, (words, more) in enumerate((
                (["watch", "--token-file", path], {}), (["watch"], {"KHUB_TOKEN": token}),
                (["train", "ada", "general", "10"], {"KHUB_TOKEN": token})), 1):
            with Running(*words, hub=hub, **more) as command:
                wait_until(lambda: len(re.findall("event=(?:joined|observing) ", hub.log())) == number, "it to join")
                times = copies if more else 1
                wait_until(lambda: places(command.process.pid, {"token": token})["token"] == times,
                           f"'khub {' '.join(words)}' to have its token {times} times")
                with open(f"/proc/{command.process.pid}/environ", "rb") as file:
                    check(token.encode() not in file.read(), "in the environment of", words)
                command.end(signal.SIGINT)


@test
def nor_does_a_gateway_of_what_passes_through_a_websocket():
    open_mask = b"\0\0\0\0"  # or nothing of it would be seen anyway
    with directory() as data, lab() as papers, Hub("--data", data, *papers.pair("hub")) as hub:
        own = give_out(data, "gateway")
        os.environ["KHUB_TOKEN"] = own
        try:
            gateway = Gateway("--hub", f"khubs://localhost:{hub.port}", "--ca", papers.path("ca.pem"))
        finally:
            del os.environ["KHUB_TOKEN"]
        with gateway:
            gateway.wait_ready()
            for how, size, padding, ahead in (("whole", 1 << 16, [], False), ("in fragments", 50, [], False),
                                              ("with the request", 1 << 16, [], True), ("long", 1 << 16, LONG[:300], False)):
                token, name = give_out(data, how.replace(" ", "-")), how.replace(" ", "_")
                line = hello(name, token=token, padding=padding)[:-1]
                pieces = [line[at:at + size] for at in range(0, len(line), size)]
                frames = b"".join(frame(piece, CONTINUATION if at else TEXT, at == len(pieces) - 1, mask=open_mask)
                                  for at, piece in enumerate(pieces))
                client = WebClient(gateway, ahead=frames if ahead else b"", Sec_WebSocket_Protocol=f"khub, khub.bearer.{token}")
                if not ahead:
                    for at in range(0, len(frames), 100 if size < 100 else 1 << 16):
                        client.send_frames(frames[at:at + (100 if size < 100 else 1 << 16)])
                texts = {"token": token, "resume_token": client.expect("training_sync")["payload"]["resume_token"]}
                client.send_frames(frame(b"", PING))
                client.wait_pong(b"")  # which comes when it is done with the answer
                equal(places(gateway.process.pid, texts), {"token": 0, "resume_token": 0}, f"of what was shown {how}")
                client.close()


@test
def nor_does_it_of_what_requests_show():
    """But for the token of an AI that is there, for it to join by again."""
    with directory() as data, lab() as papers, Hub("--data", data) as hub:
        os.environ["KHUB_TOKEN"] = give_out(data, "gateway")
        try:
            gateway = Gateway(*papers.pair("hub"), hub=hub)
        finally:
            del os.environ["KHUB_TOKEN"]
        with gateway:
            gateway.wait_ready()
            for name, context in (("ada", None), ("bea", papers.context())):
                door = Door(gateway.port, context=context)
                texts = {"wrong": made_up(), "good": give_out(data, name)}
                equal(post(door, BEGIN, Authorization="Bearer " + texts["wrong"])[0], 401)
                session = Session(door, {"Authorization": "Bearer " + texts["good"]})
                session.call("join", name=name)
                found = places(gateway.process.pid, texts)
                check(found["good"] > 0 and found["wrong"] == 0, "while it is there", found)
                equal(door.ask("/mcp", "DELETE", Mcp_Session_Id=session.name, **session.shows)[0], 204)
                wait_until(lambda: not any(places(gateway.process.pid, texts).values()), f"nothing of {name}'s to be left")


run()
