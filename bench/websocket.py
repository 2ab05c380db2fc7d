#!/usr/bin/env python3
"""./dev bench websocket: what /ws costs beside the plain socket, and beside NATS's.

    websocket.py --build DIR [--seconds N] [--idle N] [--json FILE]

A hub, and a gateway beside it (a process of its own, so that its share is seen). One AI says
300-byte messages in bursts, RECEIVERS others get them; the next burst is written when each has all
of the last. All by the socket, then all by /ws, then all by the WebSockets of a NATS server, where
one is installed: its time stands under hub, for it is one process. The figures: messages and
deliveries a second, user and system time of hub and gateway for each delivery, and, with one
message at a time, how long until the last receiver has it. Sockets are of level 1, whose lines are
the same for all, so bytes are counted and nothing is parsed; still the generator is Python, and a
rate that it limits is a floor. Then --idle WebSockets that have joined (level 2) and say nothing:
what each holds in the two processes, beside idle sockets.
"""
import argparse
import json
import os
import re
import selectors
import socket
import statistics
import subprocess
import sys
import time
import types

from brokers import NATS_WEB, Running, child_setup

RECEIVERS = 10
BURSTS = (64, 1)
SIZE = 300
KEY = "AAECAwQFBgcICQoLDA0ODw=="
OPENING = (f"GET %b HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
           f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {KEY}\r\n\r\n").encode()


def line(name, kind, payload):
    return json.dumps({"message_id": "m", "sender_id": name, "message_type": kind, "timestamp": "t", "target_ai": None,
                       "payload": payload}).encode()


class Plain:
    """A socket; a message is a line."""
    title = "socket"
    quiet_s = 0.3  # and what came of the hellos has come

    def __init__(self, hub, _gateway):
        self.socket = socket.create_connection(("127.0.0.1", hub.port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    @staticmethod
    def said(text):
        return text + b"\n"

    heard = said

    @staticmethod
    def message():
        """What the speaker says."""
        text = line("speaker", "feature_response", {"text": "x" * SIZE})
        return line("speaker", "feature_response", {"text": "x" * (2 * SIZE - len(text))})

    def taken(self, data):
        """How many bytes of what is heard these are."""
        return len(data)

    def hello(self, name, level):
        hello = {"protocol": 2, "sync": "none"} if level == 2 else {}
        self.socket.sendall(self.said(line(name, "hello", hello)))
        data = b""
        while b"training_sync" not in data:
            data += self.socket.recv(1 << 16)


class Web(Plain):
    """A WebSocket; a message is a frame."""
    title = "/ws"
    path = b"/ws"

    def __init__(self, _hub, gateway):
        super().__init__(gateway, None)
        self.socket.sendall(OPENING % self.path)
        data = b""
        while b"\r\n\r\n" not in data:
            data += self.socket.recv(4096)

    @staticmethod
    def head(text, mask):
        assert 126 <= len(text) < 65536 or len(text) < 126
        short = bytes([mask | len(text)]) if len(text) < 126 else bytes([mask | 126]) + len(text).to_bytes(2, "big")
        return b"\x81" + short

    @staticmethod
    def said(text):
        mask = b"\x5a\x17\x00\xff"
        return Web.head(text, 0x80) + mask + bytes(byte ^ mask[at % 4] for at, byte in enumerate(text))

    @staticmethod
    def heard(text):
        return Web.head(text, 0) + text


class Nats(Web):
    """A WebSocket of a NATS server, which puts as many messages into a frame as wait."""
    title = "NATS /ws"
    path = b"/"
    quiet_s = 4  # it asks newcomers once whether they are there

    def __init__(self, hub, gateway):
        super().__init__(hub, gateway)
        self.frame = 0  # bytes of one that are yet to come
        self.beginning = b""  # of a head that has not come whole
        self.socket.sendall(super().said(b'CONNECT {"verbose":false,"pedantic":false,"headers":false}\r\n'))

    @staticmethod
    def message():
        return b"x" * SIZE

    @staticmethod
    def said(text):
        return Web.said(b"PUB b %d\r\n%b\r\n" % (len(text), text))

    @staticmethod
    def heard(text):
        return b"MSG b 1 %d\r\n%b\r\n" % (len(text), text)

    def taken(self, data):
        data, count = self.beginning + data, 0
        while data:
            if self.frame == 0:
                short = data[1] & 0x7f if len(data) > 1 else 0
                more = {126: 2, 127: 8}.get(short, 0)
                if len(data) < 2 + more:
                    break
                self.frame = int.from_bytes(data[2:2 + more], "big") if more else short
                data = data[2 + more:]
            here = min(self.frame, len(data))
            count, self.frame, data = count + here, self.frame - here, data[here:]
        self.beginning = data
        return count

    def hello(self, name, level):
        """A PONG comes behind all that came before."""
        wanted = b"" if name == "speaker" else b"SUB b 1\r\n"
        self.socket.sendall(Web.said(wanted + b"PING\r\n"))
        data = b""
        while b"PONG\r\n" not in data:
            data += self.socket.recv(1 << 16)


class Measured:
    """A process, by its pid."""
    pid = 0

    def cpu(self):
        with open(f"/proc/{self.pid}/stat", encoding="ascii") as file:
            fields = file.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def rss(self):
        with open(f"/proc/{self.pid}/statm", encoding="ascii") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


class NatsProcess(Measured):
    def __init__(self, options, core):
        bench = types.SimpleNamespace(broker_core=core, build=options.build, before=None)
        self.running = Running(NATS_WEB, bench, "fanout")

    def __enter__(self):
        self.running.__enter__()
        self.port, self.pid = self.running.port, self.running.process.pid
        return self

    def __exit__(self, *_):
        self.running.__exit__()


class Nobody(Measured):
    """The gateway of one who has none."""

    def __init__(self, hub):
        self.hub = hub

    @property
    def port(self):
        return self.hub.port

    def cpu(self):
        return 0.0

    def rss(self):
        return 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass


class Process(Measured):
    """Hub or gateway."""

    def __init__(self, command, core, port_of):
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, preexec_fn=child_setup(core))
        text = ""
        while not (found := re.search(port_of, text)):
            data = os.read(self.process.stdout.fileno(), 4096)
            if not data:
                sys.exit(f"websocket.py: {command[1]} ended: {text}")
            text += data.decode()
        self.port, self.pid = int(found[1]), self.process.pid

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()


def broker_core():
    """Of those that are measured, beside the generator's own, where there are two."""
    return 0 if os.cpu_count() > 1 else None


def pair(options):
    """A hub and its gateway."""
    core = broker_core()
    khub = f"{options.build}/khub"
    confined = [] if os.geteuid() == 0 else ["--no-confine"]
    hub = Process([khub, "serve", "--memory", *confined, "--listen", "127.0.0.1:0"], core, r"listening on 127\.0\.0\.1:(\d+)")
    gateway = Process([khub, "gateway", "--hub", f"127.0.0.1:{hub.port}", "--http", "127.0.0.1:0"], core,
                      r"HTTP at 127\.0\.0\.1:(\d+)")
    return hub, gateway


def place(kind, options):
    """Who is spoken to by that kind, and its gateway."""
    if kind is not Nats:
        return pair(options)
    server = NatsProcess(options, broker_core())
    return server, Nobody(server)


class Flow:
    """One who speaks and those who hear it."""

    def __init__(self, kind, hub, gateway):
        self.speaker = kind(hub, gateway)
        self.hearers = [kind(hub, gateway) for _ in range(RECEIVERS)]
        for number, hearer in enumerate(self.hearers):
            hearer.hello(f"r{number}", 1)
        self.speaker.hello("speaker", 1)
        text = kind.message()
        self.said, self.heard = kind.said(text), len(kind.heard(text))
        self.selector = selectors.DefaultSelector()
        for hearer in self.hearers:
            hearer.socket.setblocking(False)
            self.selector.register(hearer.socket, selectors.EVENT_READ, hearer)
        self.settle()

    def settle(self):
        """What came of the hellos of others."""
        while self.selector.select(self.speaker.quiet_s):
            self.read({hearer: 1 << 30 for hearer in self.hearers})

    def read(self, left):
        for key, _ in self.selector.select(10):
            data = key.fileobj.recv(1 << 18)
            left[key.data] -= key.data.taken(data)
            assert data and left[key.data] >= 0, "more came than was said"

    def burst(self, count):
        left = {hearer: count * self.heard for hearer in self.hearers}
        self.speaker.socket.sendall(self.said * count)
        while any(left.values()):
            self.read(left)

    def close(self):
        for one in (self.speaker, *self.hearers):
            one.socket.close()


def measure(kind, count, options):
    hub, gateway = place(kind, options)
    with hub, gateway:
        flow = Flow(kind, hub, gateway)
        for _ in range(20):
            flow.burst(count)
        before, began, bursts, waits = (hub.cpu(), gateway.cpu()), time.monotonic(), 0, []
        while time.monotonic() - began < options.seconds:
            start = time.monotonic()
            flow.burst(count)
            waits.append((time.monotonic() - start) * 1e6)
            bursts += 1
        seconds = time.monotonic() - began
        deliveries = bursts * count * RECEIVERS
        figures = {"door": kind.title, "burst": count, "messages_s": bursts * count / seconds,
                   "hub_us": (hub.cpu() - before[0]) / deliveries * 1e6,
                   "gateway_us": (gateway.cpu() - before[1]) / deliveries * 1e6,
                   "p50_us": statistics.median(waits), "p99_us": sorted(waits)[int(.99 * (len(waits) - 1))]}
        flow.close()
    return figures


def measure_idle(kind, options):
    hub, gateway = place(kind, options)
    with hub, gateway:
        warm = [kind(hub, gateway) for _ in range(50)]
        for number, one in enumerate(warm):
            one.hello(f"warm{number}", 2)
        before, idle = (hub.rss(), gateway.rss()), []
        for number in range(options.idle):
            idle.append(kind(hub, gateway))
            idle[-1].hello(f"idle{number}", 2)
            for one in (*warm, *idle[:-1]):  # so that nothing waits for anybody
                one.socket.setblocking(False)
                try:
                    one.socket.recv(1 << 16)
                except BlockingIOError:
                    pass
                one.socket.setblocking(True)
        time.sleep(0.5)
        return {"door": kind.title, "hub_bytes": (hub.rss() - before[0]) / options.idle,
                "gateway_bytes": (gateway.rss() - before[1]) / options.idle}


def cost(flows, kind, count):
    """us of CPU for a delivery, of all processes."""
    return next(flow["hub_us"] + flow["gateway_us"] for flow in flows if (flow["door"], flow["burst"]) == (kind.title, count))


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("--build", required=True)
    parser.add_argument("--seconds", type=float, default=3)
    parser.add_argument("--idle", type=int, default=1000)
    parser.add_argument("--json")
    options = parser.parse_args()
    print(f"{'door':8} {'burst':>5} {'messages/s':>11} {'hub us':>8} {'gateway us':>10} {'p50 us':>8} {'p99 us':>8}"
          f"   (us of CPU for each delivery; {RECEIVERS} receivers)")
    kinds, flows = (Plain, Web, *([Nats] if NATS_WEB.installed() else [])), []
    for count in BURSTS:
        for kind in kinds:
            figures = measure(kind, count, options)
            flows.append(figures)
            print("{door:8} {burst:5} {messages_s:11.0f} {hub_us:8.2f} {gateway_us:10.2f} {p50_us:8.0f} {p99_us:8.0f}".format(**figures))
    if Nats in kinds:
        for count in BURSTS:
            ours, theirs = (cost(flows, kind, count) for kind in (Web, Nats))
            print(f"/ws takes {ours / theirs:.2f} times NATS's CPU for a delivery, in bursts of {count}")
    else:
        print("NATS's WebSocket is left out: there is no nats-server here")
    idle = [measure_idle(kind, options) for kind in kinds]
    for figures in idle:
        print("{door:8} idle: {hub_bytes:.0f} bytes in the hub, {gateway_bytes:.0f} in the gateway, each".format(**figures))
    if options.json:
        with open(options.json, "w", encoding="ascii") as file:
            json.dump({"flows": flows, "idle": idle}, file)


if __name__ == "__main__":
    main()
