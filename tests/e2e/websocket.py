"""A WebSocket client as the tests have it, which can break every rule; Python's standard library
only. WebClient is the harness's Client, so all that is said to a hub on a socket can be said so."""
import base64
import hashlib
import os
import struct
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "wire"))
from harness import Client, check, equal, shorten  # noqa: E402

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
NO_CODE, BROKEN_OFF = 1005, 1006  # what is said of a close without a code, and of none at all
KEY = base64.b64encode(bytes(range(16))).decode()
ACCEPT = base64.b64encode(hashlib.sha1((KEY + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").encode()).digest()).decode()


def frame(payload=b"", opcode=TEXT, fin=True, reserved=0, mask=b"\xa5\x17\x00\xff", length=None):
    """One frame of a client's. mask b"": it has none. length: what its header says."""
    length = len(payload) if length is None else length
    head = bytes([fin << 7 | reserved << 4 | opcode])
    marked = 0x80 if mask else 0
    if length < 126:
        head += bytes([marked | length])
    elif length < 1 << 16:
        head += bytes([marked | 126]) + struct.pack(">H", length)
    else:
        head += bytes([marked | 127]) + struct.pack(">Q", length)
    if not mask:
        return head + payload
    key = int.from_bytes((mask * (len(payload) // 4 + 1))[:len(payload)], "big")
    return head + mask + (int.from_bytes(payload, "big") ^ key).to_bytes(len(payload), "big")


def closing(code=None, reason=b""):
    return frame(b"" if code is None else struct.pack(">H", code) + reason, CLOSE)


class Refused(Exception):
    """The handshake was answered with something else than 101."""

    def __init__(self, status, fields, body):
        super().__init__(f"{status}: {body}")
        self.status, self.fields, self.body = status, fields, body


class WebClient(Client):
    """One WebSocket. Its end has a code and a reason; ended is None until then."""

    def __init__(self, door, hub=None, buffer=None, ahead=b"", context=None, **fields):
        super().__init__(("127.0.0.1", door.port), buffer)
        if context:  # of ssl
            self.socket = context.wrap_socket(self.socket, server_hostname="127.0.0.1")
        self.bytes = b""
        self.ended = None
        self.pongs = []
        self.pieces = 0  # frames of the last message
        self.answers_pings = True
        wanted = {"Host": f"127.0.0.1:{door.port}", "Connection": "Upgrade", "Upgrade": "websocket",
                  "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": KEY}
        wanted.update({name.replace("_", "-"): value for name, value in fields.items()})
        lines = [f"{name}: {value}" for name, value in wanted.items() if value is not None]
        self.socket.sendall("\r\n".join(["GET /ws HTTP/1.1", *lines, "", ""]).encode() + ahead)
        self.head()
        if hub:
            hub.clients.append(self)

    def head(self):
        while b"\r\n\r\n" not in self.bytes:
            self.more()
        head, self.bytes = self.bytes.split(b"\r\n\r\n", 1)
        first, *lines = head.decode().split("\r\n")
        status = int(first.split(" ")[1])
        self.fields = dict(line.split(": ", 1) for line in lines)
        if status != 101:
            body = self.exactly(int(self.fields["Content-Length"])).decode()
            self.socket.close()
            raise Refused(status, self.fields, body)
        equal((self.fields["Upgrade"], self.fields["Connection"], self.fields["Sec-WebSocket-Accept"]),
              ("websocket", "Upgrade", ACCEPT))

    def more(self):
        data = self.socket.recv(1 << 18)
        if not data:
            raise ConnectionResetError
        self.bytes += data

    def exactly(self, count):
        while len(self.bytes) < count:
            self.more()
        found, self.bytes = self.bytes[:count], self.bytes[count:]
        return found

    def frame(self):
        """The next one: opcode, whether it ends its message, and what it carries."""
        first, length = self.exactly(2)
        check(first & 0x70 == 0 and length < 128, "a reserved bit, or a mask:", first, length)
        if length == 126:
            length, = struct.unpack(">H", self.exactly(2))
            check(length >= 126, "a length that could be shorter:", length)
        elif length == 127:
            length, = struct.unpack(">Q", self.exactly(8))
            check(length >= 1 << 16, "a length that could be shorter:", length)
        return first & 0xf, first >> 7, self.exactly(length)

    def control(self, opcode, payload):
        """Obeys it. Is it the end?"""
        if opcode == PING and self.answers_pings:
            self.socket.sendall(frame(payload, PONG))
        elif opcode == PONG:
            self.pongs.append(payload)
        elif opcode == CLOSE:
            code = struct.unpack(">H", payload[:2])[0] if payload else NO_CODE
            self.ended = code, payload[2:].decode()
        return opcode == CLOSE

    def message(self):
        """The frames of the next one; None at the end."""
        frames = []
        try:
            while not frames or not frames[-1][0]:
                opcode, fin, payload = self.frame()
                if opcode >= CLOSE:
                    if self.control(opcode, payload):
                        return None
                    continue
                equal(opcode, CONTINUATION if frames else TEXT, "opcode")
                frames.append((fin, payload))
        except ConnectionResetError:
            self.ended = BROKEN_OFF, ""
            return None
        return [payload for _, payload in frames]

    def next_line(self):
        if self.ended or not (frames := self.message()):
            return None
        self.raw, self.pieces = b"".join(frames), len(frames)
        self.raw.decode()
        check(b"\n" not in self.raw, "a line's end in", shorten(self.raw))
        return self.raw

    def send_unlocked(self, data):
        """Lines, each as a frame."""
        self.socket.sendall(b"".join(frame(line) for line in data.removesuffix(b"\n").split(b"\n")))

    def send_frames(self, *frames):
        with self.sending:
            self.socket.sendall(b"".join(frames))

    def wait_pong(self, payload):
        """Until it comes; no line does before it."""
        while payload not in self.pongs:
            opcode, _, said = self.frame()
            check(opcode >= CLOSE and not self.control(opcode, said), "instead of the pong:", opcode, said)

    def expect_close(self, code, *words):
        """It ends so; then the gateway ends its side of the socket as well."""
        while self.next_line() is not None:
            pass
        equal(self.ended[0], code, f"code of {self.ended}")
        for word in words:
            check(word in self.ended[1], repr(word), "is not in", repr(self.ended[1]))
        equal((self.bytes, self.socket.recv(100)), (b"", b""))
        self.socket.close()
