"""A real hub and clients that say lines to it, for tests that run over sockets. Python's standard
library only.

A test is a function marked with @test; run(program) runs those of the calling script and prints
TAP. The program is the script's first argument: hub_under_test, or khub (then `serve` is put in
front of the options).

No test depends on how fast the machine is. PATIENCE only guards against waiting for ever. A client
of level 2 says a heartbeat every BEAT seconds in the background, as every AI of that level must;
what the hub answers to it, the test does not see.
"""

import collections
import contextlib
import json
import os
import re
import resource
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import traceback
import uuid

PATIENCE = 1800.0
BEAT = 20.0  # the hub parts with those of level 2 who say nothing for 90
MIB = 1 << 20

_tests = []


class Skip(Exception):
    """Raised by a test that can't run here; its text says why."""


def pseudo_terminal():
    """Both ends, as os.openpty gives them."""
    try:
        return os.openpty()
    except OSError as error:
        raise Skip(f"no pseudo-terminal here: {error}") from error


def test(function):
    _tests.append(function)
    return function


def check(condition, *what):
    """An assertion that shows what it is about, and that python -O leaves alone."""
    if not condition:
        raise AssertionError(" ".join(str(part) for part in what) or "check failed")


def equal(found, wanted, what="value"):
    if not found == wanted:
        raise AssertionError(f"{what} is {shorten(found)} and not {shorten(wanted)}")


def shorten(value):
    """For what has failed: it takes long of what is long."""
    text = repr(value)
    return text if len(text) < 600 else text[:500] + f"… ({len(text)} characters)"


def wait_until(condition, what):
    """Polls for something that comes with no line of its own (a file, a log line)."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        found = condition()
        if found:
            return found
        time.sleep(0.01)
    raise AssertionError(f"waited in vain for {what}")


# ── messages ──


def message(sender, message_type, payload=None, target=None, **others):
    """A NetworkMessage as a dict; `others` replaces or adds members."""
    fields = {
        "message_id": str(uuid.uuid4()),
        "sender_id": sender,
        "message_type": message_type,
        "timestamp": "2026-11-22T08:00:00+00:00",
        "payload": {} if payload is None else payload,
        "target_ai": target,
    }
    fields.update(others)
    return fields


def encode(fields):
    return json.dumps(fields).encode()


class Client:
    """One connection. Lines out as bytes or dicts, lines in as raw bytes (`.raw` of the last one)
    or parsed."""

    def __init__(self, address, buffer=None):
        family = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        self.socket = socket.socket(family, socket.SOCK_STREAM)
        self.socket.settimeout(PATIENCE)
        if buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        self.socket.connect(address)
        self.lines = collections.deque()
        self.rest = []  # pieces of a line that has not ended
        self.raw = b""
        self.sending = threading.Lock()
        self.whole = True  # what was sent so far ends with a line's end
        # one for each heartbeat that is to be answered: is it ours, not the test's?
        self.beats = collections.deque()
        self.name = None
        self.level = 1
        self.sync = None

    def close(self):
        self.socket.close()

    def reset(self):
        """Closes with a reset instead of an end."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
        self.socket.close()

    def send_bytes(self, data):
        with self.sending:
            self.send_unlocked(data)

    def send_unlocked(self, data):
        self.whole = data.endswith(b"\n")
        self.socket.sendall(data)

    def send(self, line):
        self.send_bytes((line if isinstance(line, bytes) else encode(line)) + b"\n")

    def say(self, message_type, payload=None, target=None, **others):
        """Sends a message of this client's own and returns its message_id."""
        fields = message(self.name, message_type, payload, target, **others)
        with self.sending:
            if message_type == "heartbeat" and self.level == 2:
                self.beats.append(False)
            self.send_unlocked(encode(fields) + b"\n")
        return fields["message_id"]

    def beat(self):
        """A heartbeat in the background, unless the client has not joined or is just sending."""
        if self.level != 2 or self.sync is None or not self.sending.acquire(blocking=False):
            return
        try:
            if self.whole:
                self.beats.append(True)
                self.send_unlocked(encode(message(self.name, "heartbeat")) + b"\n")
        except OSError:
            pass  # it has ended, which is the test's to notice
        finally:
            self.sending.release()

    def answers_beat(self, line):
        """Whether this line answers a heartbeat that was said in the background."""
        if not self.beats or b'"heartbeat"' not in line:
            return False
        fields = json.loads(line)
        return (fields["message_type"], fields["sender_id"]) == ("heartbeat", "hub") and self.beats.popleft()

    def receive_raw(self):
        """The next line without its end; None at the end of the connection."""
        line = self.next_line()
        while line is not None and self.answers_beat(line):
            line = self.next_line()
        return line

    def next_line(self):
        while not self.lines:
            data = self.socket.recv(1 << 18)
            if not data:
                check(not self.rest, "the connection ended inside a line:", shorten(self.rest))
                return None
            *lines, last = data.split(b"\n")
            if lines:
                lines[0] = b"".join(self.rest) + lines[0]
                self.lines.extend(lines)
                self.rest = []
            if last:
                self.rest.append(last)
        self.raw = self.lines.popleft()
        return self.raw

    def receive(self):
        line = self.receive_raw()
        return None if line is None else json.loads(line)

    def expect(self, message_type, **fields):
        """The next line is of this type, and its payload has these members."""
        found = self.receive()
        check(found is not None, "the connection ended instead of", message_type)
        if found["message_type"] != message_type:
            equal(found["message_type"], message_type, f"type of {shorten(found)}")
        for name, value in fields.items():
            if found["payload"].get(name) != value:
                equal(found["payload"].get(name), value, f"{name} in {shorten(found)}")
        return found

    def expect_error(self, code, *words):
        """The next line is an error of this code; its sentence has all of these words."""
        found = self.expect("error", code=code)
        equal(found["sender_id"], "hub", "sender of the error")
        detail = found["payload"]["detail"]
        check(len(detail) > 10, "no sentence:", detail)
        for word in words:
            check(word in detail, repr(word), "is not in", repr(detail))
        if code in ("quota_exceeded", "rate_limited"):
            check(all(found["payload"].get(name) for name in ("limit", "whose", "most")), "which limit?", shorten(found))
        return found

    def expect_end(self):
        found = self.receive_raw()
        check(found is None, "the connection goes on with", shorten(found))

    def hello(self, name, level=1, **payload):
        """Joins, and returns the training_sync."""
        self.name = name
        self.level = level
        body = {"specialization": "general", "capabilities": [], "version": "1.0", "features_supported": [],
                "collaboration_ready": True}
        if level == 2:
            body["protocol"] = 2
        body.update(payload)
        self.say("hello", body)
        self.sync = self.expect("training_sync")["payload"]
        return self.sync

    def drain(self):
        """All lines that came until now: what comes before the answer to something that only this
        client is answered."""
        identity = self.say("heartbeat")
        # whose heartbeats have no answer; but as a good line they make up for the bad one
        if self.level == 1:
            identity = self.say("barrier_of_a_test")
        lines = []
        while True:
            found = self.receive()
            if found is None:
                raise AssertionError(f"the connection ended; before that: {shorten(lines)}")
            if found["sender_id"] == "hub" and found["message_type"] == ("error" if self.level == 1 else "heartbeat"):
                if found["payload"].get("in_reply_to") == identity:
                    return lines
            lines.append(found)

    def expect_nothing(self):
        equal(self.drain(), [], f"what {self.name} received")


# ── the hub ──


class Hub:
    """A hub process on a port of its own, with its log and console in files. Its clients of level 2
    are kept alive. `streams` replaces standard streams (Popen's names); a hub whose stderr is
    replaced has no log to look at."""

    def __init__(self, *options, listen=("127.0.0.1:0",), **streams):
        logged = "stderr" not in streams and not (is_khub() and "--log" in options)
        self.clients = []
        self.over = threading.Event()
        self.folder = tempfile.mkdtemp(prefix="khub-test-")
        self.log_path = os.path.join(self.folder, "log")
        self.console_path = os.path.join(self.folder, "console")
        self.port_path = os.path.join(self.folder, "port")
        self.listen = [address.replace("FOLDER", self.folder) for address in listen]
        command = program_command() + ["--port-file", self.port_path]
        for address in self.listen:
            command += ["--listen", address]
        command += [str(option) for option in options]
        if is_khub() and "--data" not in options:
            command += ["--memory"]
        if is_khub() and "--log" not in options:
            command += ["--log", self.log_path]
        with open(self.log_path, "ab") as log, open(self.console_path, "wb") as console:
            streams = {"stdin": subprocess.DEVNULL, "stdout": console, "stderr": log, **streams}
            self.process = subprocess.Popen(command, **streams)
        wait_until(lambda: os.path.exists(self.port_path) or self.process.poll() is not None, "the port file")
        if self.process.poll() is not None:
            text = self.log()
            shutil.rmtree(self.folder)
            raise AssertionError(f"the hub did not start ({self.process.returncode}): {text}")
        with open(self.port_path, encoding="ascii") as file:
            self.port = int(file.read())
        if logged:
            wait_until(lambda: self.log().count(" event=listening ") >= len(self.listen), "the log's beginning")
        if is_khub() and "stdout" not in streams and "--quiet" not in options:
            wait_until(lambda: self.console().count(" listening on ") >= len(self.listen), "the console's beginning")
        threading.Thread(target=self.beat, daemon=True).start()

    def beat(self):
        while not self.over.wait(BEAT):
            for client in list(self.clients):
                client.beat()

    def log(self):
        with open(self.log_path, encoding="utf-8") as file:
            return file.read()

    def console(self):
        with open(self.console_path, encoding="utf-8") as file:
            return file.read()

    def connect(self, address=None, buffer=None):
        client = Client(address or ("127.0.0.1", self.port), buffer)
        self.clients.append(client)
        return client

    def join(self, name, level=1, **payload):
        client = self.connect()
        client.hello(name, level, **payload)
        return client

    def rss(self):
        """Resident bytes now."""
        with open(f"/proc/{self.process.pid}/statm", encoding="ascii") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    def check_rss(self, most):
        """Memory is bounded; a sanitizer's shadow memory tells nothing."""
        if not sanitized():
            check(self.rss() <= most, f"the hub holds {self.rss() / MIB:.1f} MiB, more than {most / MIB:.1f}")

    def cpu(self):
        """Seconds of processor time it has used."""
        with open(f"/proc/{self.process.pid}/stat", encoding="ascii") as file:
            fields = file.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def counters(self):
        """What it logs on SIGUSR1, as a dict of numbers."""
        before = self.log().count(" event=counters ")
        self.process.send_signal(signal.SIGUSR1)
        wait_until(lambda: self.log().count(" event=counters ") > before, "a line of counters")
        line = [line for line in self.log().splitlines() if " event=counters " in line][-1]
        return {name: int(value) for name, value in re.findall(r" (\w+)=(\d+)\b", line)}

    def wait_log(self, pattern):
        return wait_until(lambda: re.search(pattern, self.log()), f"{pattern} in the log")

    def wait_console(self, text):
        return wait_until(lambda: text in self.console(), f"{text} on the console")

    def stop(self, number=signal.SIGTERM):
        """Ends it and returns its exit code; a sanitizer's report is a failure."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        code = self.process.wait(PATIENCE)
        text = self.log()
        for word in ("AddressSanitizer", "LeakSanitizer", "runtime error:", "Assertion"):
            check(word not in text, text[text.find(word):][:2000])
        return code

    def kill(self):
        """Ends it without a word, and removes its files."""
        self.over.set()
        self.process.kill()
        self.process.wait()
        shutil.rmtree(self.folder)

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        try:
            for client in self.clients:
                client.close()
            if kind is None:
                equal(self.stop(), 0, "exit code of the hub")
            else:
                print("# the hub's last lines:\n# " + "\n# ".join(self.log().splitlines()[-15:]))
        finally:
            self.kill()


@contextlib.contextmanager
def directory():
    """The path of a hub's data, which is not there yet; removed at the end."""
    folder = tempfile.mkdtemp(prefix="khub-test-data-")
    try:
        yield os.path.join(folder, "data")
    finally:
        shutil.rmtree(folder)


@contextlib.contextmanager
def small_disk(mib):
    """A file system of its own, which only root may make."""
    folder = tempfile.mkdtemp(prefix="khub-test-disk-")
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={mib}m,mode=700", "tmpfs", folder],
                          capture_output=True, text=True, check=False)
    try:
        if made.returncode:
            raise Skip(f"no small disk: {made.stderr.strip() or 'mount failed'}")
        yield folder
    finally:
        if not made.returncode:
            subprocess.run(["umount", "-l", folder], check=True)
        os.rmdir(folder)


def fill_up(path, least):
    """A file as large as there is room, but for so many bytes."""
    with open(path, "wb", 0) as ballast:
        room = os.statvfs(os.path.dirname(path))
        ballast.write(b"x" * max(0, room.f_bavail * room.f_frsize - least))


@contextlib.contextmanager
def full_disk(hub):
    """No file of the hub's may grow beyond a page, which stands for a full disk. (Nor may its
    log.)"""
    resource.prlimit(hub.process.pid, resource.RLIMIT_FSIZE, (4096, resource.RLIM_INFINITY))
    yield
    resource.prlimit(hub.process.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))


def settle(client):
    """Waits until all that the client said is on disk: until an answer that must be, too, has come.
    """
    client.say("commitment", {"subject": "barrier", "subject_version": "1", "sha256": os.urandom(32).hex()})
    while client.receive()["message_type"] != "challenge":
        pass


def kill_9(hub):
    """Ends the hub at once, and its clients with it. Its own files go; its data stays."""
    for client in hub.clients:
        client.close()
    hub.kill()


class Room:
    """A hub with two bystanders: ada (level 1) and bea (level 2), whom nothing that a test does may
    disturb."""

    def __init__(self, hub):
        self.hub = hub
        self.ada = hub.join("ada", 1)
        self.bea = hub.join("bea", 2)
        self.ada.expect("hello")

    def unaffected(self, heard=()):
        """The bystanders still talk, and heard (apart from who came and went) only lines of these
        types."""
        for client in (self.ada, self.bea):
            types = {line["message_type"] for line in client.drain()} - {"hello", "presence"}
            check(types <= set(heard), client.name, "heard", types)
        self.ada.say("chat", {"text": "still there?"}, "bea")
        self.bea.expect("chat", text="still there?")
        self.bea.say("feature_response", {"answer": "yes"}, "ada")
        self.ada.expect("feature_response", answer="yes")

    def nothing_stored(self):
        """A newcomer's training_sync shows no knowledge, and nobody there but ada and bea."""
        with contextlib.closing(self.hub.join("judge", 2)) as judge:
            for section, entries in judge.sync["global_knowledge_base"].items():
                equal(entries, {}, section)
            equal(judge.sync["active_ais"], ["ada", "bea", "judge"], "active_ais")


@contextlib.contextmanager
def room(*options, **more):
    """A hub with bystanders; at the end they are unaffected, the hub stops gracefully."""
    with Hub(*options, **more) as hub:
        place = Room(hub)
        yield place
        place.unaffected()


def own_address():
    """An address of this machine that is not loopback."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # sends nothing
        except OSError as error:
            raise Skip("this machine has no address but loopback") from error
        address = probe.getsockname()[0]
    if address.startswith("127."):
        raise Skip("this machine has no address but loopback")
    return address


def start_in_vain(*options):
    """Runs a hub that can't start and returns what it says."""
    with tempfile.TemporaryDirectory() as folder:
        command = program_command() + list(options) + ["--port-file", os.path.join(folder, "port")]
        done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
        equal(done.returncode, 1, f"exit code ({done.stderr})")
        check(not os.path.exists(os.path.join(folder, "port")))
        return done.stderr


# ── running ──


def is_khub():
    return os.path.basename(sys.argv[1]) == "khub"


def program_command():
    program = os.path.abspath(sys.argv[1])
    return [program, "serve"] if is_khub() else [program]


def sanitized():
    with open(sys.argv[1], "rb") as file:
        program = file.read()
    return b"__asan_init" in program or b"__tsan_init" in program


def run():
    """Runs the tests whose names contain the second argument, if there is one."""
    chosen = [function for function in _tests if len(sys.argv) < 3 or sys.argv[2] in function.__name__]
    print(f"1..{len(chosen)}", flush=True)
    failed = 0
    for number, function in enumerate(chosen, 1):
        name = function.__name__.replace("_", " ")
        try:
            function()
            print(f"ok {number} - {name}", flush=True)
        except Skip as reason:
            print(f"ok {number} - {name} # SKIP {reason}", flush=True)
        except Exception:  # any failure of a test is one, whatever its kind
            failed += 1
            print("# " + traceback.format_exc().rstrip().replace("\n", "\n# "))
            print(f"not ok {number} - {name}", flush=True)
    sys.exit(1 if failed else 0)
