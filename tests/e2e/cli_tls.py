#!/usr/bin/env python3
"""Joining a hub over TLS: whom khub believes to be the hub, and what it says of who is not; a man
in the middle; two machines with a cable between them.

usage: cli_tls.py KHUB [PART OF A NAME]
"""
import contextlib
import hashlib
import os
import re
import signal
import socket
import ssl
import stat
import subprocess
import sys
import tempfile
import threading

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
sys.path.insert(0, os.path.join(ROOT, "tests", "wire"))
from harness import PATIENCE, Hub, Skip, check, equal, run, test, wait_until  # noqa: E402
from program import KHUB, Running, environment, refused, worked  # noqa: E402
from secure import lab  # noqa: E402
from tokens import OTHER  # noqa: E402

CHAT = '{"text":"nobody else may read this sentence"}'


def fingerprint(papers, name):
    return "sha256:" + hashlib.sha256(papers.digest(name)).hexdigest()


def khubs(port, host="localhost"):
    return f"khubs://{host}:{port}"


# ── certificates ──


@test
def cert_makes_a_pair_that_hub_and_client_can_use():
    with tempfile.TemporaryDirectory() as folder:
        place = os.path.join(folder, "tls")
        made = worked("cert", "--host", "127.0.0.1", "--host", "hub.example", place)
        check(re.fullmatch(r"sha256:[0-9a-f]{64}\n", made.out), made.out)
        equal(stat.S_IMODE(os.stat(f"{place}/key.pem").st_mode), 0o600, "mode of the key")
        refused(1, "cert", place, said=["key.pem", "what is there stays"])
        with Hub("--tls-cert", f"{place}/cert.pem", "--tls-key", f"{place}/key.pem") as hub:
            hub.wait_console(made.out.strip())
            worked("who", "--hub", khubs(hub.port), "--fingerprint", made.out.strip())
            worked("who", "--hub", khubs(hub.port, "127.0.0.1"), "--ca", f"{place}/cert.pem")
            worked("who", KHUB_HUB=khubs(hub.port), KHUB_FINGERPRINT=made.out.strip())


@test
def wrong_usage_is_named():
    good = "sha256:" + "0" * 64
    for words in ([], ["--days", "0", "x"], ["--host", "a,b", "/nonexistent/x"]):
        refused(1 if words and words[0] == "--host" else 2, "cert", *words)
    refused(2, "who", "--fingerprint", good, said=["khubs://", "'127.0.0.1:6000'"])
    refused(2, "who", "--hub", "khubs://h", "--fingerprint", "sha256:00", said=["'sha256:00'", "64 hex digits"])
    refused(2, "who", "--hub", "khubs://h", "--fingerprint", good, "--ca", "f", said=["--ca and --fingerprint"])
    refused(2, "who", "--hub", "khubs://h", "--cert", "f", said=["--cert and --key"])
    refused(2, "train", "a", "audio", "--hub", "h", "--cert", "f", said=["khubs://", "'h'"])
    refused(2, "serve", "--memory", "--tls-cert", "f", said=["--tls-key", "khub cert"])
    refused(2, "serve", "--memory", "--tls-client-ca", "f", said=["--tls-cert"])
    refused(1, "serve", "--memory", "--listen", "khubs://localhost:0", said=["--tls-cert"])


# ── who is the hub ──


@test
def a_hub_is_known_by_its_issuer_or_its_fingerprint():
    with lab() as papers, Hub(*papers.pair("hub")) as hub:
        worked("who", "--hub", khubs(hub.port), "--ca", papers.path("ca.pem"))
        worked("who", "--hub", khubs(hub.port), "--fingerprint", fingerprint(papers, "hub").upper())
        worked("who", "--hub", f"127.0.0.1:{hub.port}")
        with Running("watch", "--hub", khubs(hub.port, "127.0.0.1"), "--ca", papers.path("ca.pem")) as watch:
            hub.wait_log(r"event=observing ai=\S*/watch")
            worked("send", "--hub", khubs(hub.port, "127.0.0.1"), "--ca", papers.path("ca.pem"), "chat", CHAT)
            watch.wait_for("nobody else may read this sentence")
            equal(watch.end(), (0, ""), "how the watch ended")
        check("peer_reset" not in re.sub("peer_reset=", "", hub.log()), "all have said by TLS that they leave")


@test
def who_is_not_the_hub_is_told_nothing_and_named():
    with lab() as papers:
        ours = fingerprint(papers, "hub")
        for name, words, said in (
                ("hub", [], ["vouches", ours, "--fingerprint", "--ca"]),
                ("hub", ["--ca", papers.path("other.pem")], ["vouches", ours]),
                ("impostor", ["--ca", papers.path("ca.pem")], ["vouches", fingerprint(papers, "impostor")]),
                ("elsewhere", ["--ca", papers.path("ca.pem")], ["not for localhost", "elsewhere.example"]),
                ("expired", ["--ca", papers.path("ca.pem")], ["expired on 20"]),
                ("renewed", ["--fingerprint", ours], [fingerprint(papers, "renewed"), ours])):
            with Hub(*papers.pair(name)) as hub:
                refused(1, "who", "--hub", khubs(hub.port), *words, said=["localhost", *said])
                hub.wait_log("event=disconnected reason=tls_failed .* in=0 ")
                check("event=secured" not in hub.log(), "something was said to it")


@test
def a_hub_without_tls_is_named():
    with Hub() as hub:
        refused(1, "who", "--hub", khubs(hub.port), said=["does not speak TLS", "khubs://"])
        hub.wait_log("reason=wrong_protocol .*protocol=TLS")


class Middle:
    """Takes connections with a certificate of its own, and reads a line if it is told one."""

    def __init__(self, context):
        self.context = context
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.read = b""
        self.failures = []
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        with contextlib.suppress(OSError):
            while True:
                taken, _ = self.listener.accept()
                try:
                    with self.context.wrap_socket(taken, server_side=True) as client:
                        while not self.read.endswith(b"\n") and (data := client.recv(1 << 16)):
                            self.read += data
                except (ssl.SSLError, OSError) as error:
                    self.failures.append(str(error))

    def address(self):
        return khubs(self.listener.getsockname()[1])


@test
def a_man_in_the_middle_reads_nothing():
    with lab() as papers, Hub(*papers.pair("hub")) as hub:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(papers.path("impostor.pem"), papers.path("impostor.key"))
        middle = Middle(context)
        for count, words in enumerate((["--ca", papers.path("ca.pem")], ["--fingerprint", fingerprint(papers, "hub")], []), 1):
            refused(1, "send", "--hub", middle.address(), *words, "chat", CHAT, said=[fingerprint(papers, "impostor")])
            wait_until(lambda: len(middle.failures) == count, "the end of it")
        equal(middle.read, b"", "what it read")
        refused(1, "send", "--hub", middle.address(), "--ca", papers.path("other.pem"), "chat", CHAT)
        check(b'"hello"' in middle.read, "it reads whoever trusts its issuer", middle.read)
        middle.listener.close()


@test
def a_client_shows_its_own_certificate():
    with lab() as papers, Hub(*papers.pair("hub"), "--tls-client-ca", papers.path("ca.pem")) as hub:
        known = ["--hub", khubs(hub.port), "--ca", papers.path("ca.pem")]
        worked("who", *known, "--cert", papers.path("ada.pem"), "--key", papers.path("ada.key"))
        hub.wait_log("event=secured .* name=ada")
        refused(1, "who", *known, "--cert", papers.path("stranger.pem"), "--key", papers.path("stranger.key"), said=["unknown ca"])
        refused(1, "who", *known, "--cert", papers.path("ada.pem"), "--key", papers.path("hub.key"), said=["hub.key", "ada.pem"])
        refused(1, "who", "--hub", khubs(hub.port), "--ca", "/nonexistent/ca", said=["'/nonexistent/ca'", "No such file"])


@test
def a_trainer_goes_on_over_tls_when_the_certificate_changes_and_refuses_a_wrong_hub():
    with lab() as papers, Hub(*papers.pair("hub")) as hub, tempfile.TemporaryDirectory() as folder:
        known = ["--hub", khubs(hub.port), "--ca", papers.path("ca.pem")]
        summary = os.path.join(folder, "summary.json")
        with Running("train", "ada", "general", "0.05", *known, "--summary", summary) as trainer:
            hub.wait_log("event=joined ai=ada ")
            hub.process.send_signal(signal.SIGHUP)
            hub.wait_log("event=tls_reloaded")
            code, err = trainer.end(None)
            equal(code, 0, err)
        check("event=secured" in hub.log() and os.path.exists(summary))
        refused(1, "train", "bea", "general", "0.05", "--hub", khubs(hub.port), said=["vouches"])
        check("ai=bea" not in hub.log(), "bea has spoken")


# ── two machines ──


class Machine:
    """A network of its own."""

    def __init__(self):
        self.process = subprocess.Popen(["unshare", "--net", "sleep", "infinity"], stderr=subprocess.PIPE)
        ours = os.readlink("/proc/self/ns/net")

        def apart():
            if self.process.poll() is not None:
                raise Skip(f"no network namespaces here: {self.process.stderr.read().decode().strip()}")
            with contextlib.suppress(OSError):
                return os.readlink(f"/proc/{self.process.pid}/ns/net") != ours

        wait_until(apart, "a network namespace")

    def words(self, *words):
        return ["nsenter", "--target", str(self.process.pid), "--net", *words]

    def ip(self, *words):
        done = subprocess.run(self.words("ip", *words), capture_output=True, text=True, check=False)
        if done.returncode:
            raise Skip(f"ip {' '.join(words)}: {done.stderr.strip()}")

    def run(self, *words, token=""):
        return subprocess.run(self.words(*words), capture_output=True, text=True, timeout=PATIENCE, check=False,
                              env=environment(KHUB_TOKEN=token))

    def end(self):
        self.process.kill()
        self.process.wait()
        self.process.stderr.close()


@contextlib.contextmanager
def machines():
    """Two, with a cable between them: 10.99.0.1 and 10.99.0.2."""
    if os.getuid():
        raise Skip("only root may make network namespaces")
    made = []
    try:
        made += [Machine()]
        made += [Machine()]
        here, there = made
        here.ip("link", "add", "cable", "type", "veth", "peer", "name", "cable", "netns", str(there.process.pid))
        for number, machine in enumerate(made, 1):
            machine.ip("address", "add", f"10.99.0.{number}/24", "dev", "cable")
            machine.ip("link", "set", "cable", "up")
            machine.ip("link", "set", "lo", "up")
        yield made
    finally:
        for machine in made:
            machine.end()


CAPTURE = """
import socket, sys
wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
wire.bind(("cable", 0))
print("listening", flush=True)
with open(sys.argv[1], "wb", 0) as file:
    while True:
        file.write(wire.recv(65536))
"""


class Scene:
    """A hub's machine and another; all that goes over the cable between them is kept in `wire`."""

    def __init__(self, here, there, folder, stack):
        self.here, self.there, self.folder, self.stack = here, there, folder, stack
        capture = self.start(here, sys.executable, "-c", CAPTURE, self.path("wire"), stdout=subprocess.PIPE)
        capture.stdout.readline()
        stack.callback(capture.stdout.close)

    def path(self, name):
        return os.path.join(self.folder, name)

    def read(self, name):
        with open(self.path(name), "rb") as file:
            return file.read()

    def start(self, machine, *words, token="", **more):
        process = subprocess.Popen(machine.words(*words), env=environment(KHUB_TOKEN=token), stdin=subprocess.DEVNULL, **more)
        self.stack.callback(process.wait)
        self.stack.callback(process.terminate)
        return process

    def serve(self, name, port, *words):
        """A hub with a certificate, whose fingerprint is returned; it logs to NAME.log."""
        pinned = worked("cert", "--host", "10.99.0.1", self.path(name)).out.strip()
        with open(self.path(f"{name}.out"), "wb") as out:
            self.start(self.here, KHUB, "serve", "--listen", f"10.99.0.1:{port}", "--port-file", self.path(f"{name}.port"),
                       "--log", self.path(f"{name}.log"), "--tls-cert", self.path(f"{name}/cert.pem"),
                       "--tls-key", self.path(f"{name}/key.pem"), *words, stdout=out)
        wait_until(lambda: os.path.exists(self.path(f"{name}.port")), "the hub")
        return pinned

    def watch(self, *words):
        with open(self.path("watched"), "wb") as watched:
            self.start(self.there, KHUB, "watch", *words, stdout=watched)
        wait_until(lambda: b"event=observing" in self.read("hub.log"), "the watch")

    def refused(self, *words, said, token=""):
        done = self.there.run(KHUB, *words, token=token)
        equal(done.returncode, 1, words)
        check(said in done.stderr, said, "is not in", done.stderr)


@contextlib.contextmanager
def scene():
    with machines() as (here, there), tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        yield Scene(here, there, folder, stack)


HUB = ["--hub", "khubs://10.99.0.1:6000"]
IN_THE_OPEN = ["--hub", "10.99.0.1:6000"]


@test
def what_goes_over_the_cable_is_nobody_elses():
    with scene() as at:
        worked("cert", "--host", "ada", at.path("ada"))
        pinned = at.serve("hub", 6000, "--memory", "--tls-client-ca", at.path("ada/cert.pem"))
        ada = [*HUB, "--fingerprint", pinned, "--cert", at.path("ada/cert.pem"), "--key", at.path("ada/key.pem")]
        at.watch(*ada)
        done = at.there.run(KHUB, "send", *ada, "chat", CHAT)
        equal(done.returncode, 0, done.stderr)
        wait_until(lambda: b"nobody else may read this sentence" in at.read("watched"), "the message")
        log = at.read("hub.log")
        check(b"event=secured version=TLSv1.3" in log and b"name=ada" in log, log)
        at.refused("who", *HUB, "--fingerprint", pinned, said="--tls-client-ca")
        at.refused("who", *IN_THE_OPEN, said="khubs://")
        # what was said without TLS was there to be read: so the capture sees what there is
        wait_until(lambda: b"protected_mode" in at.read("wire"), "what the hub said in the open")
        for text in (b"may read this", b"chat", b"training_sync"):
            check(text not in at.read("wire"), text, "went over the cable")


@test
def ais_of_another_machine_join_with_a_token_that_nobody_else_reads():
    with scene() as at:
        token = worked("token", "add", "ada", "--role", "admin", "--data", at.path("data")).out.strip()
        pinned = at.serve("hub", 6000, "--data", at.path("data"))
        hub = [*HUB, "--fingerprint", pinned]
        with open(at.path("token"), "w", encoding="ascii", opener=lambda path, flags: os.open(path, flags, 0o600)) as file:
            file.write(token)
        at.watch(*hub, "--token-file", at.path("token"))
        with open(at.path("trained"), "wb") as out:
            at.start(at.there, KHUB, "train", "ada", "general", "10", *hub, token=token, stdout=out, stderr=out)
        wait_until(lambda: b"event=joined ai=ada " in at.read("hub.log"), "the trainer")
        done = at.there.run(KHUB, "send", *hub, "chat", CHAT, token=token)
        equal(done.returncode, 0, done.stderr)
        wait_until(lambda: b"nobody else may read this sentence" in at.read("watched"), "the message")

        # strangers
        before = at.read("hub.log").count(b"event=joined")
        at.refused("send", *hub, "--as", "eve", "chat", CHAT, said="asks for a token")
        at.refused("send", *hub, "--as", "eve", "chat", CHAT, said="takes no such token", token=OTHER)
        equal(at.read("hub.log").count(b"event=joined"), before, "how many joined")
        # who stands in the middle, with a certificate of its own
        at.serve("middle", 6001, "--memory", "--insecure")
        middle = ["--hub", "khubs://10.99.0.1:6001", "--fingerprint", pinned]
        at.refused("send", *middle, "chat", CHAT, said="not to be trusted", token=token)
        wait_until(lambda: re.search(b"reason=tls_failed .* in=0 ", at.read("middle.log")), "nothing to be heard there")
        # who forgot khubs://, and who insists
        at.refused("send", *IN_THE_OPEN, "chat", CHAT, said="the token is not shown", token=token)
        at.refused("train", "bea", "general", "1", *IN_THE_OPEN, said="the token is not shown", token=token)
        at.refused("send", *IN_THE_OPEN, "--insecure", "chat", CHAT, said="over TLS only", token=OTHER)

        wait_until(lambda: OTHER.encode() in at.read("wire"), "what was said in the open")
        for text in (token.encode(), b"may read this", b"training_sync"):
            check(text not in at.read("wire"), text, "went over the cable")


run()
