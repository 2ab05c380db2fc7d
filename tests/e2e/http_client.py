"""An HTTP server of the tests (http_under_test.c), and clients that see each byte of it."""
import contextlib
import json
import os
import re
import resource
import socket
import struct
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "wire"))
from harness import PATIENCE, check, equal, shorten, wait_until  # noqa: E402

PROGRAM = sys.argv[1]


class Answer:
    def __init__(self, status, fields, body):
        self.status, self.fields, self.body = status, fields, body


class Client:
    """One connection, and the answers that come on it."""

    def __init__(self, server, buffer=None):
        self.socket = socket.socket()
        self.socket.settimeout(PATIENCE)
        if buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        self.socket.connect(("127.0.0.1", server.port))
        self.rest = b""

    def send(self, data):
        self.socket.sendall(data.encode("latin1") if isinstance(data, str) else data)

    def more(self):
        data = self.socket.recv(1 << 16)
        self.rest += data
        return bool(data)

    def until(self, mark):
        """What comes before the mark, which goes as well."""
        while mark not in self.rest:
            check(self.more(), "the connection ended before", mark, "with", shorten(self.rest))
        found, self.rest = self.rest.split(mark, 1)
        return found

    def exactly(self, count):
        while len(self.rest) < count:
            check(self.more(), "the connection ended after", shorten(self.rest))
        found, self.rest = self.rest[:count], self.rest[count:]
        return found

    def head(self):
        first, *lines = self.until(b"\r\n\r\n").decode("latin1").split("\r\n")
        found = re.fullmatch(r"HTTP/1\.1 (\d{3}) [A-Za-z -]+", first)
        check(found, "no status line:", first)
        fields = {}
        for line in lines:
            name, value = line.split(": ", 1)
            check(name.lower() not in fields, name, "twice in", lines)
            fields[name.lower()] = value
        return int(found[1]), fields

    def answer(self, bodiless=False):
        status, fields = self.head()
        body = b"" if bodiless or status == 100 else self.exactly(int(fields["content-length"]))
        return Answer(status, fields, body)

    def ask(self, target, method="GET", more="", body=b""):
        if body:
            more += f"Content-Length: {len(body)}\r\n"
        self.send(f"{method} {target} HTTP/1.1\r\nHost: localhost\r\n{more}\r\n".encode() + body)
        return self.answer(bodiless=method == "HEAD")

    def chunk(self):
        """Of a stream; b"" is the last."""
        found = self.exactly(int(self.until(b"\r\n"), 16))
        equal(self.exactly(2), b"\r\n", "the end of a chunk")
        return found

    def expect_end(self):
        try:
            while self.more():
                pass
        except ConnectionResetError:
            pass
        equal(self.rest, b"", "what came before the end")

    def reset(self):
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()


class Server:
    def __init__(self, *options, files=None):
        def limit():
            if files:
                resource.setrlimit(resource.RLIMIT_NOFILE, (files, files))
        self.process = subprocess.Popen([PROGRAM, *options], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                        preexec_fn=limit)
        line = self.process.stdout.readline()
        check(line.strip().isdigit(), "no port:", line)
        self.port = int(line)

    def connect(self, **options):
        return Client(self, **options)

    def ask(self, *words, **more):
        with self.connect() as client:
            return client.ask(*words, **more)

    def counts(self):
        answer = self.ask("/counts")
        equal(answer.status, 200)
        return json.loads(answer.body)

    def wait_count(self, name, value):
        """Until this counter has this value, or more."""
        return wait_until(lambda: self.counts()[name] >= value, f"{name} {value}")

    def rss(self):
        with open(f"/proc/{self.process.pid}/statm", encoding="ascii") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@contextlib.contextmanager
def serving(*options, **more):
    server = Server(*options, **more)
    try:
        yield server
        server.process.terminate()
        _, errors = server.process.communicate(timeout=PATIENCE)
        check(server.process.returncode == 0 and not errors, "it ended with", server.process.returncode,
              errors.decode(errors="replace")[-3000:])
    finally:
        server.process.kill()
        server.process.wait()
        server.process.stdout.close()
        server.process.stderr.close()


HOST = "Host: localhost\r\n"
