#!/usr/bin/env python3
"""./dev bench doors: what a message costs through each door beside the plain socket.

    doors.py --build DIR [--seconds N] [--readers A,B] [--json FILE]

A hub that keeps nothing, and a gateway beside it (a process of its own, so that its share is seen).

Saying: one AI says 300-byte chats to all (nobody else is there) by the socket, by /ws, by POST
/v1/messages and by MCP's tool `say` over HTTP; and for comparison somebody asks GET /v1/members.
First one at a time: the time from a message to the hub's word on it. Then UNDER_WAY at once (HTTP:
on so many connections): messages a second, and user and system time of hub and gateway for each.

Hearing: readers of GET /v1/stream, beside observers by the socket and by /ws, and WebSockets of a
NATS server where one is installed (its time stands under hub: it is one process); one AI says
bursts of 64, the next when every reader has all of the last. Bytes are looked at for the end of a
message and not parsed; still the generator is Python, and a rate that it limits is a floor. The
ratios are to the socket in the same run.
"""
import argparse
import json
import selectors
import socket
import statistics
import time

from brokers import NATS_WEB
from websocket import Nats, Plain, Web, line, pair, place

UNDER_WAY = 16
BURST = 64
SIZE = 300
MODERN = "2026-07-28"
META = {f"io.modelcontextprotocol/{name}": value for name, value in
        (("protocolVersion", MODERN), ("clientCapabilities", {}))}


def request(method, path, body=None, **fields):
    text = b"" if body is None else json.dumps(body).encode()
    head = f"{method} {path} HTTP/1.1\r\nHost: localhost\r\n"
    if body is not None:
        head += f"Content-Type: application/json\r\nContent-Length: {len(text)}\r\n"
    for name, value in fields.items():
        head += f"{name.replace('_', '-')}: {value}\r\n"
    return head.encode() + b"\r\n" + text


class Http:
    """A connection that asks one thing after the other."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.rest = b""

    def send(self, data):
        self.socket.sendall(data)

    def take(self):
        """What has come: the answers that are whole."""
        self.rest += self.socket.recv(1 << 16)
        answers = []
        while (end := self.rest.find(b"\r\n\r\n")) >= 0:
            head = self.rest[:end].lower()
            size = int(head.split(b"content-length: ")[1].split(b"\r\n")[0])
            if len(self.rest) < end + 4 + size:
                break
            answers.append(self.rest[:end + 4 + size])
            self.rest = self.rest[end + 4 + size:]
        return answers

    def ask(self, data):
        self.send(data)
        while not (answers := self.take()):
            pass
        assert answers[0].startswith(b"HTTP/1.1 2"), answers[0]
        return json.loads(answers[0].split(b"\r\n\r\n", 1)[1])


class SaidByLines:
    """By the socket or /ws: messages with acks, as many under way as are wanted."""

    def __init__(self, kind, hub, gateway):
        self.title, self.kind, self.number = kind.title, kind, 0
        self.peer = kind(hub, gateway)
        self.peer.socket.sendall(kind.said(line("speaker", "hello", {"protocol": 2, "sync": "none", "acks": True})))
        data = b""
        while b"training_sync" not in data:
            data += self.peer.socket.recv(1 << 16)

    def begin(self, count):
        self.under_way = count
        for _ in range(count):
            self.say()

    def say(self):
        self.number += 1
        text = line("speaker", "chat", {"text": "x" * (SIZE - 120)}).replace(b'"m"', f'"m{self.number}"'.encode())
        self.peer.socket.sendall(self.kind.said(text))

    def turn(self):
        """How many were answered; as many are said anew."""
        done = self.peer.socket.recv(1 << 16).count(b'"message_type":"ack"')
        for _ in range(done):
            self.say()
        return done

    def settle(self):
        """Until all that are under way are answered."""
        while self.under_way > 0:
            self.under_way -= self.peer.socket.recv(1 << 16).count(b'"message_type":"ack"')

    def end(self):
        self.settle()
        self.peer.socket.close()


class SaidByHttp:
    """By requests, one under way on each connection."""

    def __init__(self, title, gateway, asked):
        self.title, self.port, self.asked = title, gateway.port, asked

    def begin(self, count):
        self.selector = selectors.DefaultSelector()
        for _ in range(count):
            client = Http(self.port)
            self.selector.register(client.socket, selectors.EVENT_READ, client)
            client.send(self.asked)

    def turn(self, again=True):
        done = 0
        for key, _ in self.selector.select(10):
            for answer in key.data.take():
                assert answer.startswith(b"HTTP/1.1 2") and b'"isError":true' not in answer, answer
                done += 1
                if again:
                    key.data.send(self.asked)
        return done

    def end(self):
        left = len(self.selector.get_map())
        while left > 0:
            left -= self.turn(False)
        for key in list(self.selector.get_map().values()):
            key.fileobj.close()


def ways(hub, gateway):
    """Each door, with somebody who has joined by it."""
    chat = {"text": "x" * (SIZE - 120)}
    yield SaidByLines(Plain, hub, gateway)
    yield SaidByLines(Web, hub, gateway)
    handle = Http(gateway.port).ask(request("POST", "/v1/members", {"ai_id": "rest"}))["handle"]
    yield SaidByHttp("POST /v1/messages", gateway, request("POST", "/v1/messages", {"payload": chat}, Khub_Handle=handle))
    yield SaidByHttp("GET /v1/members", gateway, request("GET", "/v1/members"))

    def tool(name, arguments):
        return request("POST", "/mcp", {"jsonrpc": "2.0", "id": 1, "method": "tools/call",
                                        "params": {"name": name, "arguments": arguments, "_meta": META}},
                       MCP_Protocol_Version=MODERN, Mcp_Method="tools/call", Mcp_Name=name)

    joined = Http(gateway.port).ask(tool("join", {"name": "mcp"}))["result"]["structuredContent"]
    yield SaidByHttp("/mcp say", gateway, tool("say", {**chat, "handle": joined["handle"]}))


def say(way, hub, gateway, options):
    way.begin(1)
    for _ in range(50):
        way.turn()
    waits, began = [], time.monotonic()
    while time.monotonic() - began < options.seconds:
        start = time.monotonic()
        while not way.turn():
            pass
        waits.append((time.monotonic() - start) * 1e6)
    if isinstance(way, SaidByLines):
        for _ in range(UNDER_WAY - 1):
            way.say()
        way.under_way = UNDER_WAY
    else:
        way.end()
        way.begin(UNDER_WAY)
    count, before, began = 0, (hub.cpu(), gateway.cpu()), time.monotonic()
    while time.monotonic() - began < options.seconds:
        count += way.turn()
    seconds, after = time.monotonic() - began, (hub.cpu(), gateway.cpu())
    way.end()
    return {"door": way.title, "messages_s": count / seconds, "hub_us": (after[0] - before[0]) / count * 1e6,
            "gateway_us": (after[1] - before[1]) / count * 1e6, "p50_us": statistics.median(waits),
            "p99_us": sorted(waits)[int(.99 * (len(waits) - 1))]}


class Stream(Http):
    """A reader of events."""
    title, mark = "/v1/stream", b"event: chat\n"

    def __init__(self, _hub, gateway, _number):
        super().__init__(gateway.port)
        self.send(request("GET", "/v1/stream"))
        data = b""
        while b"event: begin" not in data:
            data += self.socket.recv(4096)


def observer(kind):
    class Observer:
        title, mark = kind.title, b'"message_type": "chat"'

        def __init__(self, hub, gateway, number):
            self.socket = kind(hub, gateway).socket
            self.socket.sendall(kind.said(line(f"o{number}", "hello", {"protocol": 2, "sync": "none",
                                                                       "role": "observer"})))
            data = b""
            while b"training_sync" not in data:
                data += self.socket.recv(1 << 16)
    return Observer


class NatsReader:
    title, mark = Nats.title, b"MSG b 1 "

    def __init__(self, server, nobody, number):
        peer = Nats(server, nobody)
        peer.hello(f"o{number}", 1)
        self.socket = peer.socket


class SaidToNats:
    """Messages in a row, and a question behind them."""

    def __init__(self, server, nobody):
        self.peer = Nats(server, nobody)
        self.peer.hello("speaker", 1)

    def begin(self, count):
        for _ in range(count):
            self.peer.socket.sendall(Nats.said(Nats.message()))

    def settle(self):
        self.peer.hello("speaker", 1)


def hear(kind, readers, options):
    nats = kind is NatsReader
    hub, gateway = place(Nats if nats else kind, options)
    with hub, gateway:
        speaker = SaidToNats(hub, gateway) if nats else SaidByLines(Plain, hub, gateway)
        selector, ends = selectors.DefaultSelector(), {}
        for number in range(readers):
            reader = kind(hub, gateway, number)
            selector.register(reader.socket, selectors.EVENT_READ, reader)
            ends[reader] = b""

        def burst():
            speaker.begin(BURST)
            left = readers * BURST
            while left:
                for key, _ in selector.select(10):
                    data = ends[key.data] + key.fileobj.recv(1 << 18)
                    left -= data.count(kind.mark)
                    tail = data.rfind(kind.mark)
                    ends[key.data] = data[max(tail + len(kind.mark) if tail >= 0 else 0, len(data) - len(kind.mark) + 1):]
            speaker.settle()

        burst()
        count, before, began = 0, (hub.cpu(), gateway.cpu()), time.monotonic()
        while time.monotonic() - began < options.seconds:
            burst()
            count += readers * BURST
        seconds, after = time.monotonic() - began, (hub.cpu(), gateway.cpu())
        return {"door": kind.title, "readers": readers, "events_s": count / seconds,
                "hub_us": (after[0] - before[0]) / count * 1e6, "gateway_us": (after[1] - before[1]) / count * 1e6}


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("--build", required=True)
    parser.add_argument("--seconds", type=float, default=3)
    parser.add_argument("--readers", default="1,100,1000")
    parser.add_argument("--json")
    options = parser.parse_args()
    said, heard = [], []
    print(f"{'saying by':18} {'messages/s':>10} {'hub us':>7} {'gateway us':>10} {'p50 us':>7} {'p99 us':>7} {'CPU':>7}"
          "   (us of CPU for each message; CPU: of both, as a multiple of the socket's)")
    hub, gateway = pair(options)
    with hub, gateway:
        for way in ways(hub, gateway):
            said.append(say(way, hub, gateway, options))
            said[-1]["ratio"] = (said[-1]["hub_us"] + said[-1]["gateway_us"]) / (said[0]["hub_us"] + said[0]["gateway_us"])
            print("{door:18} {messages_s:10.0f} {hub_us:7.1f} {gateway_us:10.1f} {p50_us:7.0f} {p99_us:7.0f} {ratio:7.1f}"
                  .format(**said[-1]))
    print(f"{'hearing by':12} {'readers':>7} {'events/s':>10} {'hub us':>7} {'gateway us':>10} {'CPU':>7}")
    for readers in map(int, options.readers.split(",")):
        plain = None
        for kind in (observer(Plain), observer(Web), Stream, *([NatsReader] if NATS_WEB.installed() else [])):
            found = hear(kind, readers, options)
            plain = plain or found
            found["ratio"] = (found["hub_us"] + found["gateway_us"]) / (plain["hub_us"] + plain["gateway_us"])
            heard.append(found)
            print("{door:12} {readers:7} {events_s:10.0f} {hub_us:7.2f} {gateway_us:10.2f} {ratio:7.1f}".format(**found))
    if options.json:
        with open(options.json, "w", encoding="ascii") as file:
            json.dump({"said": said, "heard": heard}, file)


if __name__ == "__main__":
    main()
