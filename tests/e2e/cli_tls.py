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

    def run(self, *words, **more):
        return subprocess.run(self.words(*words), capture_output=True, text=True, timeout=PATIENCE, check=False,
                              env=environment(), **more)

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


@test
def what_goes_over_the_cable_is_nobody_elses():
    with machines() as (here, there), tempfile.TemporaryDirectory() as folder:
        def path(name):
            return os.path.join(folder, name)
        pinned = worked("cert", "--host", "10.99.0.1", path("hub")).out.strip()
        worked("cert", "--host", "ada", path("ada"))
        with contextlib.ExitStack() as stack:
            def start(machine, *words, **more):
                process = subprocess.Popen(machine.words(*words), env=environment(), stdin=subprocess.DEVNULL, **more)
                stack.callback(process.wait)
                stack.callback(process.terminate)
                return process
            capture = start(here, sys.executable, "-c", CAPTURE, path("wire"), stdout=subprocess.PIPE)
            capture.stdout.readline()
            stack.callback(capture.stdout.close)
            with open(path("hub.out"), "wb") as out:
                start(here, KHUB, "serve", "--memory", "--listen", "10.99.0.1:6000", "--port-file", path("port"),
                      "--log", path("log"), "--tls-cert", path("hub/cert.pem"), "--tls-key", path("hub/key.pem"),
                      "--tls-client-ca", path("ada/cert.pem"), stdout=out)
            wait_until(lambda: os.path.exists(path("port")), "the hub")

            hub = ["--hub", "khubs://10.99.0.1:6000", "--fingerprint", pinned]
            ada = [*hub, "--cert", path("ada/cert.pem"), "--key", path("ada/key.pem")]
            with open(path("watched"), "wb") as watched:
                start(there, KHUB, "watch", *ada, stdout=watched)
            def read(name):
                with open(path(name), "rb") as file:
                    return file.read()
            wait_until(lambda: b"event=observing" in read("log"), "the watch")
            done = there.run(KHUB, "send", *ada, "chat", CHAT)
            equal(done.returncode, 0, done.stderr)
            wait_until(lambda: b"nobody else may read this sentence" in read("watched"), "the message")
            check(b"event=secured version=TLSv1.3" in read("log") and b"name=ada" in read("log"), read("log"))

            stranger = there.run(KHUB, "who", *hub)
            equal(stranger.returncode, 1)
            check("--tls-client-ca" in stranger.stderr, stranger.stderr)
            plain = there.run(KHUB, "who", "--hub", "10.99.0.1:6000")
            equal(plain.returncode, 1)
            check("khubs://" in plain.stderr, plain.stderr)
            # what was said without TLS was there to be read: so the capture sees what there is
            wait_until(lambda: b"protected_mode" in read("wire"), "what the hub said in the open")
            for text in (b"may read this", b"chat", b"training_sync"):
                check(text not in read("wire"), text, "went over the cable")


run()
