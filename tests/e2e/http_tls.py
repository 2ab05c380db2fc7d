#!/usr/bin/env python3
"""The HTTP server over TLS: who shakes hands, and how long; and nothing gets past it.

usage: http_tls.py HTTP_UNDER_TEST [PART OF A NAME]
"""
import contextlib
import os
import socket
import ssl
import sys

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
sys.path.insert(0, os.path.join(ROOT, "tests", "wire"))
from harness import PATIENCE, MIB, check, equal, run, sanitized, test, wait_until  # noqa: E402
from http_client import HOST, Client, serving  # noqa: E402
from secure import lab  # noqa: E402


class Secure(Client):
    """One connection over TLS."""

    def __init__(self, server, context, **options):
        super().__init__(server, **options)
        try:
            self.socket = context.wrap_socket(self.socket, server_hostname="localhost")
        except BaseException:
            self.socket.close()
            raise


class Careful:
    """A client whose records go out a byte at a time, and can be changed on their way."""

    def __init__(self, server, context):
        self.socket = socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.coming, self.going = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self.coming, self.going, server_hostname="localhost")
        self.step(self.tls.do_handshake)

    def flush(self):
        for byte in self.going.read():
            self.socket.sendall(bytes([byte]))

    def step(self, call, *words):
        while True:
            try:
                result = call(*words)
                self.flush()
                return result
            except ssl.SSLWantReadError:
                self.flush()
                data = self.socket.recv(1)  # nor does it read more at once
                check(data, "the end, in the middle of", call)
                self.coming.write(data)

    def ask(self, target):
        self.step(self.tls.write, f"GET {target} HTTP/1.1\r\n{HOST}\r\n".encode())
        found = b""
        while not found.endswith(b"hello\n"):
            found += self.step(self.tls.read, 100)
        return found


@contextlib.contextmanager
def secure(*options, **more):
    with lab() as papers, serving(f"tls={papers.path('hub')}", *options, **more) as server:
        yield server, papers


@test
def requests_and_their_answers():
    with secure() as (server, papers):
        context = papers.context()
        context.set_alpn_protocols(["h2", "http/1.1"])
        with Secure(server, context) as client:
            equal((client.socket.version(), client.socket.selected_alpn_protocol()), ("TLSv1.3", "http/1.1"))
            for _ in range(2):
                equal(client.ask("/hello").body, b"hello\n")
            full = b"x" * MIB
            equal(client.ask("/echo", method="POST", body=full).body, full)
            client.send(f"GET /later HTTP/1.1\r\n{HOST}\r\n" + f"GET /hello HTTP/1.1\r\n{HOST}\r\n" * 1000)
            server.wait_count("later", 1)
            equal(server.ask("/release").body, b"released\n", "who is of this machine need not encrypt")
            equal([client.answer().body for _ in range(1001)], [b"later\n"] + [b"hello\n"] * 1000)
        counts = server.counts()
        equal((counts["handshakes"], counts["secured"]), (1, 1))


@test
def byte_by_byte():
    with secure() as (server, papers):
        client = Careful(server, papers.context())
        for _ in range(2):
            check(client.ask("/hello").startswith(b"HTTP/1.1 200 "))
        client.socket.close()


@test
def who_speaks_something_else_is_told_so():
    with secure() as (server, papers):
        older = papers.context(maximum_version=ssl.TLSVersion.TLSv1_2)
        other = papers.context()
        other.set_alpn_protocols(["h2"])
        for context, word in ((older, "PROTOCOL_VERSION"), (other, "NO_APPLICATION_PROTOCOL")):
            try:
                Secure(server, context)
                raise AssertionError(word + " was not said")
            except ssl.SSLError as error:
                check(word in str(error).upper().replace(" ", "_"), word, error)
        for first in (b"\x16", b"\x16\x03\x01\x00\x05hello", b"\x16" * 40000):
            with server.connect() as client:
                client.send(first)
                with contextlib.suppress(ConnectionResetError):
                    while len(first) > 1 and client.more():  # an alert, perhaps
                        pass
        equal(server.counts()["secured"], 0)
    with serving() as server, server.connect() as client:  # one that has no TLS
        client.send(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03")
        equal(client.answer().status, 400)
        client.expect_end()


@test
def handshakes_that_do_not_end():
    with secure("shake_ms=100") as (server, papers):
        with server.connect() as client:
            client.send(b"\x16")
            client.expect_end()
        server.wait_count("timeouts", 1)
    with secure() as (server, papers), contextlib.ExitStack() as stack:
        half = [stack.enter_context(server.connect()) for _ in range(300)]
        for client in half:
            client.send(b"\x16\x03\x01\x02\x00\x01")
        wait_until(lambda: server.counts()["evicted"] == 300 - 256, "the oldest to go")
        with Secure(server, papers.context()) as client:
            equal(client.ask("/hello").status, 200)
        half[0].expect_end()
        equal(server.counts()["timeouts"], 0)


@test
def what_is_smuggled_inside_ends_the_connection():
    with secure() as (server, papers):
        for more in ("Content-Length: 3\r\nTransfer-Encoding: chunked\r\n", "Content-Length: 3\r\nContent-Length: 3\r\n",
                     "Content-Length: -1\r\n", "Upgrade: nonsense\r\nConnection: Upgrade\r\n", "Bad : x\r\n"):
            with Secure(server, papers.context()) as client:
                client.send(f"POST /echo HTTP/1.1\r\n{HOST}{more}\r\nabcGET /hello HTTP/1.1\r\n{HOST}\r\n")
                check(client.answer().status in (400, 501), more)
                client.expect_end()
        with Secure(server, papers.context()) as client:
            client.send("GET /hello HTTP/1.1\r\nHost: evil.example\r\n\r\n")
            equal(client.answer().status, 403)
        for origin, status in (("https://localhost", 200), ("http://localhost", 403)):
            with Secure(server, papers.context()) as client:
                equal(client.ask("/hello", more=f"Origin: {origin}\r\n").status, status, origin)


@test
def ends_that_are_said_and_ends_that_are_not():
    with secure() as (server, papers):
        client = Secure(server, papers.context())  # its word for it: it has nothing to add
        client.send(f"GET /later HTTP/1.1\r\n{HOST}\r\n")
        server.wait_count("later", 1)
        client.socket.settimeout(0.2)
        with contextlib.suppress(TimeoutError, ssl.SSLError):
            client.socket.unwrap()
        server.ask("/release")
        equal(server.counts()["gone"], 0)
        client.socket.close()
        client = Secure(server, papers.context())  # cut off
        client.send(f"GET /later HTTP/1.1\r\n{HOST}\r\n")
        server.wait_count("later", 1)
        client.socket.shutdown(socket.SHUT_WR)
        server.wait_count("gone", 1)
        client.socket.close()
        with Secure(server, papers.context()) as client:  # ours
            client.send("GET /hello HTTP/1.1\r\nConnection: close\r\n" + HOST + "\r\n")
            equal(client.answer().body, b"hello\n")
            client.socket.suppress_ragged_eofs = False
            equal(client.socket.recv(1), b"")


@test
def answers_that_nobody_takes_are_not_piled_up():
    with secure("send_buffer=4096") as (server, papers), Secure(server, papers.context(), buffer=4096) as client:
        client.send(f"GET /big?bytes=1000000 HTTP/1.1\r\n{HOST}\r\n" * 5)
        server.wait_count("bytes_out", 1000000)
        for _ in range(20):
            out = server.counts()["bytes_out"]
        check(out < 1500000, "more than one answer was begun:", out)
        for _ in range(5):
            equal(len(client.answer().body), 1000000)


@test
def streams():
    with secure() as (server, papers), Secure(server, papers.context()) as client:
        client.send(f"GET /stream?count=3&size=100 HTTP/1.1\r\n{HOST}\r\n")
        equal(client.head()[0], 200)
        together, end = client.chunk(), client.chunk()
        check(together.count(b"id: ") == 3 and end == b"", together, end)
        equal(client.ask("/hello").status, 200)


@test
def what_a_silent_one_takes():
    with secure() as (server, papers), contextlib.ExitStack() as stack:
        before, count = server.rss(), 200
        for _ in range(count):
            client = stack.enter_context(Secure(server, papers.context()))
            equal(client.ask("/hello").status, 200)
        each = (server.rss() - before) // count
        check(sanitized() or each < 32000, "an idle one takes", each, "bytes")


if __name__ == "__main__":
    run()
