"""What scenarios are played on: a driver and its links, a hub, and the proxy between them."""

import collections
import contextlib
import json
import os
import random
import socket
import subprocess
import sys
import tempfile
import threading

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "wire"))
sys.path.insert(0, os.path.join(HERE, "..", "e2e"))
from harness import PATIENCE, Hub, check, equal, kill_9, shorten, wait_until  # noqa: E402,F401
from gateway import Gateway  # noqa: E402

QUICK = {"retry_first_ms": 5, "retry_max_ms": 40}


class Driver:
    """A running driver; what its links print, by link and kind of event."""

    def __init__(self, command):
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.states = {}
        self.events = collections.defaultdict(collections.deque)
        self.printed = threading.Condition()
        self.ended = False
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def read(self):
        for line in self.process.stdout:
            event = json.loads(line)
            with self.printed:
                self.events[event["as"], event["event"]].append(event)
                if event["event"] == "state":
                    self.states[event["as"]] = event["state"]
                self.printed.notify_all()
        with self.printed:
            self.ended = True
            self.printed.notify_all()

    def tell(self, name, what, **more):
        self.process.stdin.write(json.dumps({"do": what, "as": name, **more}).encode() + b"\n")
        self.process.stdin.flush()

    def wait(self, name, kind, wanted=lambda event: True, what=""):
        """The first event of this kind that is wanted, taken out. The others stay."""
        found = self.events[name, kind]
        with self.printed:
            while True:
                for event in found:
                    if wanted(event):
                        found.remove(event)
                        return event
                check(not self.ended, "the driver ended; waited for", kind, what, "of", name, "in", shorten(list(found)))
                check(self.printed.wait(PATIENCE), "waited in vain for", kind, what, "of", name, "in", shorten(list(found)))

    def state(self, name, state):
        """Waits for it; what was before is forgotten."""
        while True:
            event = self.wait(name, "state")
            if event["state"] == state:
                return event
            check(event["state"] != "ended", name, "ended:", event)

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.close()

    def close(self):
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()
        code = self.process.wait()
        self.reader.join()
        self.process.stdout.close()
        return code


class Line:
    """A proxy between links and a hub that may come and go: what passes is split, cut or swallowed.
    """

    def __init__(self, path, port=None):
        self.path, self.port = path, port  # of the hub's Unix socket, or of a gateway beside it
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self.listener.getsockname()[1]}"
        self.pairs, self.lock = {}, threading.Lock()  # of sockets, and their pumps
        self.marks, self.broken = {}, 0  # words within which a pair's connection breaks
        self.connections = self.heartbeats = self.swallowed = 0
        self.plain()
        threading.Thread(target=self.accept, daemon=True).start()

    def plain(self):
        self.chance, self.splits, self.cuts, self.silent = random.Random(0), False, None, False

    def split(self, seed):
        """Into pieces of a few bytes."""
        self.chance, self.splits = random.Random(seed), True

    def cut_at(self, seed, most):
        """Each connection breaks after up to so many bytes of either direction."""
        self.chance, self.cuts = random.Random(seed), most

    def cut_within(self, words):
        """Each connection that is there breaks in the middle of these words of the hub's."""
        with self.lock:
            self.marks = dict.fromkeys(self.pairs, words.encode())

    def swallow(self):
        """Nothing passes, and no connection breaks."""
        self.silent = True

    def beats(self, count):
        """So many more heartbeats of links pass."""
        most = self.heartbeats + count
        wait_until(lambda: self.heartbeats >= most, f"{count} heartbeats")

    def cut(self):
        """All connections break now."""
        with self.lock:
            pairs = list(self.pairs)
        for pair in pairs:
            self.drop(pair)

    def drop(self, pair):
        for end in pair:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def accept(self):
        with contextlib.suppress(OSError):
            while True:
                client = self.listener.accept()[0]
                client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                hub = socket.socket(socket.AF_INET if self.port else socket.AF_UNIX)
                try:
                    hub.connect(("127.0.0.1", self.port) if self.port else self.path)
                except OSError:
                    client.close()
                    hub.close()
                    continue
                with self.lock:
                    self.pairs[client, hub] = 2
                    self.connections += 1
                for ends in ((client, hub), (hub, client)):
                    most = self.chance.randrange(self.cuts) if self.cuts else None
                    threading.Thread(target=self.pump, args=(*ends, (client, hub), most), daemon=True).start()

    def mark_in(self, data, pair):
        """How many of these bytes of the hub's pass before the connection breaks; None: all."""
        with self.lock:
            mark = self.marks.get(pair)
            at = data.find(mark) if mark else -1
            if at >= 0:
                del self.marks[pair]
                self.broken += 1
        return None if at < 0 else at + len(mark) // 2

    def pump(self, source, target, pair, most):
        try:
            self.pass_on(source, target, pair, most)
        except OSError:
            self.drop(pair)
        with self.lock:
            self.pairs[pair] -= 1
            if not self.pairs[pair]:
                del self.pairs[pair]
                for end in pair:
                    end.close()

    def pass_on(self, source, target, pair, most):
        opening = bool(self.port)  # Node does not tell a WebSocket that its handshake was cut
        while True:
            data = source.recv(1 << 16)
            if not data:  # the other direction goes on, until that end has heard of it
                target.shutdown(socket.SHUT_WR)
                return
            if source is pair[0]:
                self.heartbeats += data.count(b'"message_type":"heartbeat"')
            if self.silent and not opening:
                self.swallowed += len(data) if source is pair[0] else 0
                continue
            within = self.mark_in(data, pair) if source is pair[1] else None
            most = most if within is None else within
            data = data if most is None or opening else data[:most]
            step = self.chance.randrange(1, 9) if self.splits else len(data) or 1
            for start in range(0, len(data), step):
                target.sendall(data[start:start + step])
            most = most if most is None or opening else most - len(data)
            opening = False
            if most == 0:
                self.drop(pair)
                return

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.cut()


def matches(found, wanted, known):
    """Has it all that is wanted? "?name" takes whatever stands there, as name."""
    if isinstance(wanted, str) and wanted.startswith("?"):
        known[wanted[1:]] = found
        return found is not None
    if isinstance(wanted, dict):
        return isinstance(found, dict) and all(matches(found.get(name), value, known) for name, value in wanted.items())
    if isinstance(wanted, list):
        return isinstance(found, list) and len(found) == len(wanted) and all(
            matches(*pair, known) for pair in zip(found, wanted))
    return found == wanted and isinstance(found, bool) == isinstance(wanted, bool)


def filled(value, known):
    """The same with "$name" replaced by what was taken as name."""
    if isinstance(value, str) and value.startswith("$"):
        return known[value[1:]]
    if isinstance(value, dict):
        return {name: filled(member, known) for name, member in value.items()}
    return [filled(member, known) for member in value] if isinstance(value, list) else value


class Link:
    """The verbs of a link of the driver's. What it expects is a part: others may be there."""

    def __init__(self, stage, name):
        self.stage, self.ai_id, self.name = stage, name, f"{name} of {stage.room}"

    def tell(self, what, **more):
        self.stage.driver.tell(self.name, what, **filled(more, self.stage.known))

    def expect(self, kind, found, wanted):
        wanted = filled(wanted, self.stage.known)
        check(matches(found, wanted, self.stage.known), self.name, kind, shorten(found), "and not", shorten(wanted))

    def begins(self, **options):
        options = {"ai_id": self.ai_id, "address": self.stage.address, "room": self.stage.room, **QUICK, **options}
        self.tell("join", **{name: value for name, value in options.items() if value is not None})

    def joins(self, **options):
        self.begins(**options)
        self.stage.driver.state(self.name, "joined")

    def becomes(self, state, **wanted):
        self.expect("is", self.stage.driver.state(self.name, state), wanted)

    def says(self, tag, message_type, payload, target=None, /, **more):
        more = {"target": target, **more} if target else more
        self.tell("publish", tag=tag, type=message_type, payload=payload, **more)

    def outcome(self, tag, **wanted):
        wanted = wanted if "error" in wanted else {**wanted, "error": None}
        self.expect("outcome", self.wait("outcome", tag), wanted)

    def wait(self, kind, tag):
        return self.stage.driver.wait(self.name, kind, lambda event: event["tag"] == tag, tag)

    def done(self, tag, message_type, payload, target=None, /, **wanted):
        """Says it, and it is accepted."""
        self.says(tag, message_type, payload, target)
        self.outcome(tag, **wanted)

    def refused(self, tag, message_type, payload, target, code, /, **wanted):
        self.says(tag, message_type, payload, target)
        self.outcome(tag, error="refused", code=code, **wanted)

    def claims(self, tag, key, **wanted):
        self.tell("claim", tag=tag, key=key, ttl_s=600)
        self.expect("claimed", self.wait("claimed", tag), wanted)

    def asks(self, tag, query, payload, /, **wanted):
        self.tell("ask", tag=tag, type=query, payload=payload)
        self.expect("answered", self.wait("answer", tag), wanted)

    def calls(self, tag, name, words, /, named=None, value=None, **failed):
        """A method of the client's, by its name in Python; words[i] and named are its arguments."""
        self.call(tag, name, words, named)
        self.called(tag, value, **failed)

    def call(self, tag, name, words, /, named=None):
        self.tell("call", tag=tag, method=name, words=words, **({"named": named} if named else {}))

    def called(self, tag, /, value=None, **failed):
        self.expect("called", self.wait("called", tag), failed or ({"error": None} if value is None else {"value": value}))

    def hears(self, message_type, payload, /, **wanted):
        """The next of this type is that one."""
        found = self.stage.driver.wait(self.name, "message", lambda event: event["type"] == message_type, message_type)
        self.expect("heard", found, {"payload": payload, **wanted})
        return found

    def where(self, **wanted):
        self.tell("where")
        found = self.stage.driver.wait(self.name, "where")
        self.expect("where", found, wanted)

    def holds(self):
        self.tell("hold")

    def goes(self):
        self.tell("go")

    def closes(self, **more):
        self.tell("close", **more)
        self.becomes("ended", error=None)


class Peer:
    """The same of a plain connection to the hub, by lines."""

    def __init__(self, stage, name):
        self.stage, self.client = stage, stage.hub.join(name, 2, room=stage.room, sync="none")

    def says(self, message_type, payload, target=None, **more):
        self.client.say(message_type, filled(payload, self.stage.known), target, **more)

    def hears(self, message_type, payload, **wanted):
        found = self.client.receive()
        while found["message_type"] != message_type:
            found = self.client.receive()
        wanted = filled({"payload": payload, **wanted}, self.stage.known)
        check(matches(found, wanted, self.stage.known), "eve heard", shorten(found), "and not", shorten(wanted))


class Stage:
    """A hub that keeps things, the line to it, a driver; and a room for each scenario. web: the
    line goes to a gateway, which outlives the hub."""

    def __init__(self, command, data, web):
        os.mkdir(data, 0o700)
        self.command, self.data = command, data
        self.path = os.path.join(data, "socket")
        self.hub, self.driver = None, Driver(command)
        self.start()
        self.gateway = Gateway("--hub", "unix:" + self.path) if web else None
        self.line = Line(self.path, self.gateway and self.gateway.port)
        self.address = f"ws://{self.line.address}/ws" if web else self.line.address
        self.room, self.known, self.cast = "main", {}, {}

    def start(self):
        self.hub = Hub("--data", self.data, listen=("127.0.0.1:0", "unix:" + self.path))

    def kill(self):
        kill_9(self.hub)

    def stop(self):
        """As somebody does who means it."""
        for client in self.hub.clients:
            client.close()
        equal(self.hub.stop(), 0, "exit code of the hub")
        self.hub.kill()

    def driver_killed(self):
        """The driver is killed, and another one started."""
        self.driver.kill()
        self.driver = Driver(self.command)

    def enter(self, room):
        self.room, self.known, self.cast = room, {}, {}
        self.line.plain()

    def who(self, name):
        if name not in self.cast:
            self.cast[name] = Peer(self, name) if name == "eve" else Link(self, name)
        return self.cast[name]

    def play(self, steps):
        for who, verb, *words in steps:
            more = words.pop() if words and isinstance(words[-1], More) else {}
            subject = {"hub": self, "line": self.line}.get(who) or self.who(who)
            try:
                getattr(subject, verb)(*words, **more)
            except BaseException:
                print(f"# at the step {(who, verb, *words)}")
                raise

    def leave(self):
        """Links that a scenario has left open are closed, for the next one."""
        self.line.plain()
        for link in self.cast.values():
            if isinstance(link, Link) and self.driver.states.get(link.name, "ended") != "ended":
                link.goes()
                link.closes()

    def close(self):
        code = self.driver.close()
        self.line.close()
        if self.gateway:
            equal(self.gateway.end()[0], 0, "exit code of the gateway")
        self.stop()
        equal(code, 0, "exit code of the driver")


class More(dict):
    """What a step says by name."""


@contextlib.contextmanager
def stage(command, web=False):
    with tempfile.TemporaryDirectory(prefix="khub-test-") as folder:
        place = Stage(command, os.path.join(folder, "data"), web)
        try:
            yield place
            place.close()
        finally:
            if place.driver.process.poll() is None:
                place.driver.process.kill()
            with contextlib.suppress(Exception):
                place.hub.kill()
            if place.gateway:
                place.gateway.__exit__()
