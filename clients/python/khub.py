"""An AI's link to a khub hub, in Python 3.9 and later, with its standard library alone. One file:
install it, or copy it.

    import khub

    with khub.Client("ada", specialization="networking") as hub:
        hub.chat("who can review a scheduler?")
        for message in hub:
            print(message.sender, message.type, message.payload)

Client blocks, AsyncClient is the same for asyncio: what returns a value of the one is awaited of
the other. A link connects, says hello, and when the connection is lost it comes back by itself,
less and less often while there is no hub. Nothing is lost or doubled by that:

- What is published is kept until the hub has answered it, and said again under its message_id on
  the next connection; the hub takes it once. publish() returns what became of it, and raises
  Refused when the hub would not have it. When the link ends, what was not answered may have been
  accepted or not.
- What the hub could not keep (storage_unavailable) is not overtaken: what was published behind it
  before that was known is refused too. Published again in that order, it stands in that order.
- A message is *handled* when the next one is asked for, or its callback has returned. What was not
  comes again on a later connection, as far as the hub keeps it, and nothing comes twice. So it is
  for a program that was killed, too: keep message.position with what you did, and give it as
  `since` to the next link; or say since="last" each time, and the hub keeps it (what was handled in
  the last second before a kill may then come again).

While a message is handled, however long that takes, heartbeats go on. What comes meanwhile waits,
up to inbox_max bytes; then nothing more is read, unless an answer is awaited; far beyond it what
waits is let go with the connection, to come again on the next.

Threads: a Client has one of its own, and may be used by any others; messages are taken by one at a
time. An AsyncClient belongs to the loop in which it joined. A fork's child can use neither. A
program that ends without close() loses what was not sent.

On the wire: docs/PROTOCOL.md of khub. Level 2 alone is spoken."""

from __future__ import annotations

import asyncio
import base64
import collections
import concurrent.futures
import dataclasses
import datetime
import enum
import hashlib
import ipaddress
import json
import os
import random
import re
import socket
import ssl
import stat
import threading
import time
import uuid
from typing import (Any, AsyncIterator, Awaitable, Callable, Coroutine, Deque, Dict, Generic, Iterator, List, Mapping,
                    NamedTuple, Optional, Sequence, Tuple, TypeVar, Union)

__all__ = ["AsyncClient", "Client", "Closed", "Error", "Full", "Lease", "Message", "Options", "Outcome", "Position",
           "Protocol", "Refused", "State", "TooLong", "Unreachable", "Untrusted"]
__version__ = "0.1.0"

Payload = Dict[str, Any]
T = TypeVar("T")

PORT = 6000
LINE_MAX = 1 << 20  # of the hub's, until it says another
DEPTH_MAX = 64  # of a payload, itself counted
CONNECT_S, GREETING_S, PARTING_S = 30.0, 30.0, 5.0
TELL_S = 1.0  # after something was handled, until the hub is told
UNHEARD_MAX = 3  # heartbeats in a row that nothing answered: the connection is dead
OVERFLOW = 4  # times inbox_max: then the connection is let go
INTEGER_DIGITS = 4300  # Python converts no longer ones


# ── what can go wrong ──


class Error(Exception):
    """All that this module raises, but ValueError and TypeError for arguments that can't be."""


class Refused(Error):
    """The hub would not have it. `code` is one of its error codes, `detail` its sentence, `payload`
    all that it said (of a conflict the current `value` and `version`)."""

    def __init__(self, payload: Payload):
        self.code = str(payload.get("code", ""))
        self.detail = str(payload.get("detail", ""))
        self.payload = payload
        super().__init__(f"{self.code}: {self.detail}")

    @property
    def retry_after(self) -> Optional[float]:
        """Seconds after which a limit is free again; None: time alone does not free it."""
        found = self.payload.get("retry_after_ms")
        return found / 1000 if isinstance(found, (int, float)) else None


class Unreachable(Error):
    """There is no hub, or the connection to it was lost."""


class Untrusted(Error):
    """The hub is not the one that was meant; or it would be told a token in the open."""


class Closed(Error):
    """The link was closed."""


class Full(Error):
    """queue_max bytes wait to be answered."""


class TooLong(Error):
    """The message is longer than the hub takes."""


# ── what is said ──


class Position(NamedTuple):
    """How far somebody has read: all before `seq`, and `part` messages of that (0: all of it)."""

    seq: int
    part: int = 0


class State(enum.Enum):
    WAITING = "waiting"  # for the next try
    CONNECTING = "connecting"
    GREETING = "greeting"  # hello said, training_sync awaited
    JOINED = "joined"
    ENDED = "ended"  # closed, refused for good, or out of retries


@dataclasses.dataclass(eq=False)
class Message:
    """A message as it came. `target` is None for everyone; `seq` its place in the room, 0 for what
    the hub answers. Integers of over 4,300 digits come as floats."""

    type: str
    sender: str
    payload: Payload
    target: Optional[str]
    message_id: str
    timestamp: str
    seq: int
    line: bytes = dataclasses.field(repr=False)
    position: Optional[Position] = dataclasses.field(default=None, repr=False)
    """The `since` of a later link that has handled this message and all before it; None for what
    has no place in the room's order."""

    @property
    def text(self) -> str:
        """Of a chat: what was said."""
        found = self.payload.get("text")
        return found if isinstance(found, str) else ""


class Outcome(NamedTuple):
    """The hub has accepted a message. `delivered`: its target was connected, or it had none;
    `stored`: else it waits for its target, who is away and stays."""

    message_id: str
    seq: int
    delivered: bool
    stored: bool


class Lease(NamedTuple):
    """Who has the right to work on `key`; true if it is this AI."""

    key: str
    holder: str
    fence: int
    ttl_s: int
    intent: Optional[str]
    mine: bool

    def __bool__(self) -> bool:
        return self.mine

    def named(self) -> Payload:
        """For the `lease` of what is shared under it: refused once somebody else has it."""
        return {"key": self.key, "fence": self.fence}


Since = Union[None, int, str, Tuple[int, int]]


@dataclasses.dataclass(eq=False)
class Options:
    """What a link is told when it is made. Only ai_id is needed."""

    ai_id: str
    address: Optional[str] = None
    """HOST:PORT, [IPV6]:PORT, khub://HOST:PORT, khubs://HOST:PORT for TLS, unix:/PATH; else that of
    $KHUB_HUB, or 127.0.0.1:6000."""
    specialization: str = "general"
    capabilities: Sequence[str] = ()
    room: str = "main"
    observer: bool = False
    """Sees what others say, is listed nowhere, says nothing but queries."""
    since: Since = None
    """None: from now on. A Position or seq: what came after it. "last": where the hub knows that
    this AI was; it is told as messages are handled."""
    stays_s: int = 0
    """So many seconds the AI stays in its room when a connection ends. Who comes back in another
    process shows the resume_token."""
    resume_token: str = dataclasses.field(default="", repr=False)
    token: Optional[str] = dataclasses.field(default=None, repr=False)
    """For a hub that asks for one. None: that of token_file; else of $KHUB_TOKEN (which is taken
    out of the environment, so that no child has it); else of khub/tokens/HOST:PORT in
    $XDG_CONFIG_HOME or ~/.config. "": none."""
    token_file: Optional[str] = None
    token_open: bool = False
    """It is shown to another machine without TLS, too."""
    ca: Optional[str] = None
    """A PEM file with who may vouch for a hub of khubs://, in the place of the system's roots."""
    fingerprint: Optional[str] = None
    """Or: its certificate has this SHA-256 (else $KHUB_FINGERPRINT)."""
    cert: Optional[str] = None
    """What this AI shows to a hub that asks for a certificate, and its key."""
    key: Optional[str] = None
    version: str = "1.0.0"
    features: Sequence[str] = ()
    collaboration_ready: bool = True
    sync_max: Optional[int] = None
    """Bytes of knowledge that come with the answer to a hello; 0: none; None: as the hub likes."""
    retries: Optional[int] = None
    """Failed tries in a row that end the link; 0: any loss ends it; None: none does."""
    retry_first_s: float = 0.2
    retry_max_s: float = 10.0
    heartbeat_s: float = 30.0
    queue_max: int = 8 << 20
    """Bytes of what is published and not answered."""
    inbox_max: int = 8 << 20
    """Bytes of messages that wait to be taken."""
    line_max: int = 64 << 20
    listens: bool = True
    """False: for who only publishes and asks; messages of others are let go."""
    on_state: Optional[Callable[[State, Optional[Error]], None]] = None
    """Called when the link's state changes, by its own thread or loop: it must not wait."""

    def __post_init__(self) -> None:
        if not _id_fits(self.ai_id) or self.ai_id == "hub":
            raise ValueError("an ai_id has 1 to 128 bytes, no control characters, and is not 'hub'")
        if self.stays_s and (self.observer or not 1 <= self.stays_s <= 86400):
            raise ValueError("stays_s is 1 to 86400, and of no observer")
        if self.ca and self.fingerprint or bool(self.cert) != bool(self.key):
            raise ValueError("ca or fingerprint; cert with key")
        if isinstance(self.since, str) and self.since != "last":
            raise ValueError('since is a Position, a seq, or "last"')


def _id_fits(text: str) -> bool:
    return 1 <= len(text.encode()) <= 128 and not re.search(r"[\x00-\x1f\x7f]", text)


def _depth_check(value: Any, left: int = DEPTH_MAX) -> None:
    """The hub would not even know whose message it is."""
    if isinstance(value, (dict, list, tuple)):
        if left == 0:
            raise ValueError(f"a payload is nested at most {DEPTH_MAX} deep")
        for member in value.values() if isinstance(value, dict) else value:
            _depth_check(member, left - 1)


def _json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()


def _integer(text: str) -> Union[int, float]:
    return int(text) if len(text) <= INTEGER_DIGITS else float(text)


# ── where a hub is, and what it is shown ──


class _Address(NamedTuple):
    host: str
    port: int
    path: str  # of a Unix socket; "": none
    secure: bool

    @classmethod
    def parse(cls, text: str) -> _Address:
        if text.startswith("unix:") and len(text) > 5:
            return cls("", 0, text[5:], False)
        scheme, _, rest = text.rpartition("://")
        found = re.fullmatch(r"(?:\[([^\]]+)\]|([^:\[\]]+))(?::(\d{1,5}))?|([^\[\]]*:[^\[\]]*:[^\[\]]*)", rest)
        port = int(found[3]) if found and found[3] else PORT
        if not found or scheme not in ("", "khub", "khubs") or not 0 < port < 65536:
            raise ValueError(f"{text!r} is not HOST:PORT, [IPV6]:PORT, khubs://HOST:PORT or unix:/PATH")
        return cls(found[1] or found[2] or found[4], port, "", scheme == "khubs")

    def token_place(self) -> str:
        """The name of the file in which khub's commands look for its token."""
        if self.path:
            return "unix:" + self.path.replace("/", "%2F")
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


_environment_token = ""


def _token_whole(text: str) -> bool:
    """Has it the check at its end that a mistyped one has not?"""
    digits = "0123456789abcdefghjkmnpqrstvwxyz"
    if not re.fullmatch(f"khub_[{digits}]{{58}}", text):
        return False
    check = int.from_bytes(hashlib.sha256(text[:-6].encode()).digest()[:4], "big") >> 2
    return text[-6:] == "".join(digits[check >> shift & 31] for shift in range(25, -1, -5))


def _token_read(path: str) -> str:
    with open(path, encoding="ascii", errors="replace") as file:
        if os.name == "posix" and stat.S_IMODE(os.fstat(file.fileno()).st_mode) & 0o077:
            raise ValueError(f"others may read the token in {path}: chmod 600 it, and if they did, have it rotated")
        text = file.read(256).rstrip(" \t\r\n")
    if not _token_whole(text):
        raise ValueError(f"{path} has no token: one begins with khub_, has 63 characters, and a check at its end")
    return text


def _token_choose(options: Options, address: _Address) -> str:
    global _environment_token
    if options.token is not None:
        return options.token
    if options.token_file:
        return _token_read(options.token_file)
    said = os.environ.pop("KHUB_TOKEN", "")
    if said:
        if not _token_whole(said.strip()):
            raise ValueError("$KHUB_TOKEN is no token: one begins with khub_, has 63 characters, and a check at its end")
        _environment_token = said.strip()
    if _environment_token:
        return _environment_token
    home = os.environ.get("XDG_CONFIG_HOME") or os.path.join(os.path.expanduser("~"), ".config")
    path = os.path.join(home, "khub", "tokens", address.token_place())
    return _token_read(path) if os.path.isfile(path) else ""


class _Tls:
    """TLS over any transport: what came goes in, what is to be sent comes out."""

    def __init__(self, options: Options, host: str):
        said = "" if options.ca else os.environ.get("KHUB_FINGERPRINT", "")
        wanted: str = options.fingerprint or said
        digits = re.sub("^sha256:", "", wanted, flags=re.IGNORECASE).replace(":", "").lower()
        if digits and not re.fullmatch("[0-9a-f]{64}", digits):
            raise ValueError(f"the fingerprint {wanted!r} is not 64 hex digits")
        self.wanted = digits
        try:
            context = ssl.create_default_context(cafile=options.ca)
            context.minimum_version = ssl.TLSVersion.TLSv1_2
            # As libkhub does, and Python before 3.13: private issuers know of no key identifiers.
            context.verify_flags &= ~ssl.VERIFY_X509_STRICT
            if digits:
                context.check_hostname = False
                context.verify_mode = ssl.CERT_NONE
            if options.cert:
                context.load_cert_chain(options.cert, options.key)
        except OSError as error:
            raise Untrusted(f"no TLS: {error}") from error
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.object = context.wrap_bio(self.incoming, self.outgoing, server_hostname=host)
        self.shaken = False

    def shake(self) -> bool:
        """Goes on with the handshake: true when it is done. Raises Untrusted."""
        try:
            self.object.do_handshake()
        except ssl.SSLWantReadError:
            return False
        except ssl.SSLCertVerificationError as error:
            raise Untrusted(f"the hub is not to be trusted: {error.verify_message}") from error
        except ssl.SSLError as error:
            raise Untrusted(f"no TLS can be spoken with the hub: {error.reason or error}") from error
        certificate = self.object.getpeercert(True) or b""
        found = hashlib.sha256(certificate).hexdigest()
        if self.wanted and found != self.wanted:
            raise Untrusted(f"the hub's certificate has the fingerprint sha256:{found}, not sha256:{self.wanted}")
        self.shaken = True
        return True

    def receive(self, data: bytes) -> Tuple[bytes, bool]:
        """What it says in plain; and whether it goes on. Raises Unreachable."""
        self.incoming.write(data)
        plain: List[bytes] = []
        try:
            while self.shaken or self.shake():
                plain.append(self.object.read(1 << 16))
                if not plain[-1]:
                    return b"".join(plain), False
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLZeroReturnError:
            return b"".join(plain), False
        except ssl.SSLError as error:
            raise Unreachable(f"the encryption failed: {error.reason or error}") from error
        return b"".join(plain), True

    def finish(self) -> bytes:
        try:
            self.object.unwrap()
        except ssl.SSLError:
            pass  # the hub's own word for the end is not awaited
        return self.outgoing.read()


# ── the protocol: bytes in, bytes out, no socket and no clock ──

# What the hub answers to this connection alone; it may overtake what was missed, and says nothing
# of how far was read.
_ANSWERS = frozenset(["training_sync", "ack", "error", "heartbeat", "caught_up"])
_END, _RETRY, _UNLESS_OURS, _NONE = "end", "retry", "unless_ours", "none"
# What befalls the link by an error of the hub's: while greeting, once joined.
_VERDICTS = {
    "id_in_use": (_UNLESS_OURS, _NONE),
    "taken_over": (_END, _END),
    "kicked": (_END, _END),
    "banned": (_END, _END),
    "protected_mode": (_END, _END),
    "wrong_protocol": (_END, _END),
    "connections_full": (_RETRY, _RETRY),
    "unauthorized": (_END, _NONE),
    "reserved_id": (_END, _NONE),
    "shutting_down": (_RETRY, _RETRY),
    "slow_consumer": (_RETRY, _RETRY),
    "heartbeat_timeout": (_RETRY, _RETRY),
}
# Refusals of a hello that time may heal; any other ends the link.
_PASSING = frozenset(["rate_limited", "quota_exceeded", "storage_unavailable"])


def _stands_behind(message_id: Optional[str]) -> Refused:
    return Refused({"code": "storage_unavailable", "in_reply_to": message_id,
                    "detail": "what was said before this could not be kept: nothing came of either"})


def _is_query(message_type: str) -> bool:
    return message_type.endswith("_query")


@dataclasses.dataclass(eq=False)
class Pending:
    """Something that was said and is not answered yet. `settled` is called once; with an Error, or
    None when it was accepted."""

    message_id: str
    type: str
    line: bytes
    settled: Callable[[Pending, Optional[Error]], None]
    answered_by: Optional[str] = None
    """Type of the message that answers it, beside the ack. It is lost when a connection is, now and
    then."""
    outcome: Outcome = Outcome("", 0, False, False)
    answer: Optional[Payload] = None
    behind: bool = False
    """What it stands behind could not be kept: the hub refuses it, if it gets it."""


class Protocol:
    """A link without its socket. Whoever has one tells it what happens (connecting, connected,
    receive, lost, tick at `due`), sends what `output` returns, and looks at `state` after each
    call. Messages wait in it until they are taken; `now` is any monotonic clock's seconds."""

    def __init__(self, options: Options, now: float, chance: Callable[[], float] = random.random):
        self.options, self.chance = options, chance
        self.address = _Address.parse(options.address or os.environ.get("KHUB_HUB") or f"127.0.0.1:{PORT}")
        self.token = _token_choose(options, self.address)
        self.state = State.WAITING
        self.error: Optional[Error] = None
        self.due: Optional[float] = now
        self.moves: List[Tuple[State, Optional[Error]]] = []  # not told yet
        self.capabilities = list(options.capabilities)
        self.sync: Payload = {}
        self.resume_token = options.resume_token
        self.seq = self.skipped = self.stays = 0
        self.line_limit = LINE_MAX
        self.joined_once = self.guest = False
        # what is said
        self.pending: Dict[str, Pending] = {}
        self.pending_bytes = 0
        self.unkept_count = 0  # how often something could not be kept, which nothing is to overtake
        self.out: Deque[bytes] = collections.deque()
        self.hello_id = self.beat_id = self.leave_id = ""
        self.failures = self.unheard = 0
        # what came
        self.pieces: List[bytes] = []  # of a line that has not ended
        self.pieces_len = 0
        self.skipping = False
        self.inbox: Deque[Message] = collections.deque()
        self.inbox_bytes = 0
        self.current: Optional[Message] = None  # taken, and not handled
        self.read: Optional[Position] = None  # of what came, handled or not
        self.handled: Optional[Position] = None
        self.last: Optional[Message] = None  # that came with a place and is not handled
        self.again = 0  # messages of that seq that come once more
        since = options.since
        self.tells = since == "last"
        if since is not None and not isinstance(since, str):
            self.read = self.handled = Position(since) if isinstance(since, int) else Position(*since)
        self.told = self.known = -1  # how far the hub was told, and has said that it was
        self.resumed = self.catching_up = False
        # its end
        self.closing = self.leaves = self.has_left = self.frozen = False
        self.lingering = False  # all is said, and that it is all: the hub's end is awaited
        self.parting = ""  # "", "asked", "told", "done"

    # ── its life ──

    def _move(self, state: State, error: Optional[Error] = None) -> None:
        self.state, self.error = state, error
        self.moves.append((state, error))

    def connecting(self, now: float) -> None:
        self.due = now + CONNECT_S
        self._move(State.CONNECTING)

    def connected(self, now: float, local: bool) -> None:
        """local: what is said stays on this machine, or is encrypted."""
        if self.token and not local and not self.options.token_open:
            self.end(Untrusted("the token is not shown to another machine without TLS, for whoever listens on the "
                               "way would have it: the address wants to be khubs://HOST:PORT"))
            return
        self._say_hello()
        self.due = now + GREETING_S
        self._move(State.GREETING)

    def _drop(self) -> None:
        self.out.clear()
        self.pieces, self.pieces_len, self.skipping = [], 0, False
        self.guest = self.frozen = self.lingering = False
        self.leave_id = self.parting = ""
        self.unheard = self.stays = 0

    def end(self, error: Optional[Error]) -> None:
        self._drop()
        self.due = None
        self._move(State.ENDED, error)
        for pending in list(self.pending.values()):
            self._settle(pending, error or Closed("the link was closed"))

    def lost(self, now: float, error: Error) -> None:
        """The try failed, or the connection is gone."""
        if self.state is State.ENDED:
            return
        if isinstance(error, Untrusted) and not self.joined_once:
            self.end(error)
            return
        self.failures = 0 if self.state is State.JOINED else self.failures + 1
        over = self.closing and self._all_over()
        self._drop()
        retries = self.options.retries
        if over:
            self.end(None)
        elif retries is not None and self.failures >= retries:
            self.end(error)
        else:
            self.due = now + self._delay()
            self._move(State.WAITING, error)
            self._refuse_behind()

    def _delay(self) -> float:
        """Half of it is chance, so that those whom one hub's end sent away do not come back as one.
        """
        first, most = self.options.retry_first_s, self.options.retry_max_s
        delay = min(most, first * 2.0 ** min(max(self.failures - 1, 0), 64))
        return delay * (1 - self.chance() / 2)

    @property
    def ended(self) -> bool:
        return self.state is State.ENDED

    @property
    def overflows(self) -> bool:
        return self.inbox_bytes > OVERFLOW * self.options.inbox_max

    @property
    def wants_reading(self) -> bool:
        return self.inbox_bytes < self.options.inbox_max or bool(self.pending) or self.closing

    def tick(self, now: float) -> None:
        """What is due is done."""
        if self.due is not None and now >= self.due:
            if self.state is State.GREETING:
                self.lost(now, Unreachable("the hub has not answered the hello"))
            elif self.state is State.CONNECTING:
                self.lost(now, Unreachable("the hub can't be reached in time"))
            elif self.state is State.JOINED and (self.lingering or self.parting):
                self.end(None)
            elif self.state is State.JOINED and self.leave_id:
                self.lost(now, Unreachable("the hub has not answered the leave"))
            elif self.state is State.JOINED:
                self._beat(now)
        if self.closing and self.state is not State.ENDED:
            self._close_on(now)

    def _beat(self, now: float) -> None:
        if self.unheard >= UNHEARD_MAX and self.wants_reading:
            self.lost(now, Unreachable(f"the hub has not answered {self.unheard} heartbeats"))
            return
        if self.guest:
            self.failures += 1
            self._say_hello()
        elif not self.out:
            self._heartbeat()
        self.unheard = self.unheard + 1 if self.wants_reading else 0
        self.due = now + (self._delay() if self.guest else self.options.heartbeat_s)

    # ── its end ──

    def close(self, leave: bool = False) -> None:
        """Nothing more is published; once all is answered, and the hub knows how far was read, the
        link ends: tick goes on with that."""
        self.closing = True
        self.leaves = self.leaves or (leave and not self.options.observer)

    def _all_over(self) -> bool:
        if self.pending:
            return False
        if self.leaves:
            return self.has_left
        if not self.tells or self.handled is None or self.parting == "done":
            return True
        return not self.handled.part and self.known >= self.handled.seq

    def _close_on(self, now: float) -> None:
        if self.lingering:
            return
        if self._all_over():
            if self.state is State.JOINED:
                self.lingering, self.due = True, now + PARTING_S
            else:
                self.end(None)
        elif self.state is not State.JOINED:
            return
        elif not self.pending and self.leaves and not self.leave_id:
            self.leave_id = self._say("leave", {})
            self.due = now + PARTING_S
        elif not self.pending and not self.leaves and not self.parting and not self.catching_up:
            self.parting = "asked"
            self._heartbeat()
            self.due = now + PARTING_S

    # ── how far was read ──

    @property
    def cursor(self) -> int:
        """All up to here was handled."""
        if self.handled is None:
            return 0
        return self.handled.seq - 1 if self.handled.part else self.handled.seq

    def _whole(self, seq: int) -> None:
        """All up to this seq has come."""
        if self.read is not None and seq < self.read.seq:
            return
        self.read = Position(seq)
        if self.last is not None:
            self.last.position = self.read
        else:
            self.handled = self.read

    def _came_before(self, seq: int) -> bool:
        """On an earlier connection."""
        read = self.read
        if not self.resumed or read is None or seq > read.seq:
            return False
        if seq == read.seq and read.part:
            self.again -= 1
            return self.again >= 0
        return True

    def _note(self, message: Message) -> None:
        """How far all has come with this one."""
        seq, read = message.seq, self.read
        if read is not None and seq > read.seq:
            self._whole(seq - 1)
            self.again = 0
        self.read = Position(seq, read.part + 1) if read is not None and seq == read.seq else Position(seq, 1)
        message.position = self.read

    # ── lines out ──

    def encode(self, message_type: str, payload: Mapping[str, Any], target: Optional[str], message_id: str) -> bytes:
        """The line of a message, with its end. Raises ValueError, TypeError or TooLong."""
        _depth_check(payload)
        if (target and not _id_fits(target)) or not _id_fits(message_id):
            raise ValueError("an id has 1 to 128 bytes and no control characters")
        now = datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="milliseconds")
        line = _json({"message_id": message_id, "sender_id": self.options.ai_id, "message_type": message_type,
                      "timestamp": now, "payload": payload, "target_ai": target or None})
        if len(line) > self.line_limit:
            raise TooLong(f"the message has {len(line)} bytes; the hub takes {self.line_limit}")
        return line + b"\n"

    def _say(self, message_type: str, payload: Mapping[str, Any]) -> str:
        """Of the link's own: it has answers of its own, and is not said again."""
        message_id = str(uuid.uuid4())
        self.out.append(self.encode(message_type, payload, None, message_id))
        return message_id

    def hello(self) -> Payload:
        """The payload of a hello, but for what is shown to the hub on a new connection alone."""
        options = self.options
        payload: Payload = {"specialization": options.specialization, "version": options.version,
                            "features_supported": list(options.features), "capabilities": self.capabilities,
                            "collaboration_ready": options.collaboration_ready, "protocol": 2, "room": options.room,
                            "role": "observer" if options.observer else "member", "acks": True}
        if options.sync_max is not None:
            payload["sync"] = options.sync_max or "none"
        if options.stays_s:
            payload["stays_s"] = options.stays_s
        return payload

    def _say_hello(self) -> None:
        payload = self.hello()
        if self.resume_token:
            payload["resume_token"] = self.resume_token
        if self.token:
            payload["token"] = self.token
        self.resumed = self.catching_up = self.handled is not None or self.tells
        if self.resumed:
            payload["since"] = "last" if self.handled is None else self.cursor
            self.told = self.cursor
        self.again = self.read.part if self.read else 0
        self.hello_id = self._say("hello", payload)

    def _heartbeat(self) -> None:
        self.beat_id = self._say("heartbeat", {"seq": self.cursor} if self.tells and self.handled else {})
        self.told = self.cursor

    def add(self, pending: Pending) -> None:
        """Publishes or asks: it is kept until it is answered. Raises Closed or Full."""
        if self.closing or self.state is State.ENDED:
            raise self.error or Closed("the link was closed")
        if pending.message_id in self.pending:
            raise ValueError(f"{pending.message_id!r} is under way already")
        if self.pending_bytes + len(pending.line) > self.options.queue_max and self.pending:
            raise Full(f"{self.pending_bytes} bytes wait to be answered")
        self.pending[pending.message_id] = pending
        self.pending_bytes += len(pending.line)
        if self.state is State.JOINED and not self.guest:
            self.out.append(pending.line)

    def change(self, capabilities: Sequence[str]) -> None:
        """A hello with other capabilities; later connections say them as well."""
        self.capabilities = list(capabilities)
        if self.state in (State.GREETING, State.JOINED):
            self._say("hello", self.hello())

    def output(self, most: int = 1 << 18) -> bytes:
        """What is to be sent now: whole lines, of about that many bytes."""
        taken: List[bytes] = []
        while self.out and most > 0:
            taken.append(self.out.popleft())
            most -= len(taken[-1])
        return b"".join(taken)

    def _settle(self, pending: Pending, error: Optional[Error] = None) -> None:
        if self.pending.pop(pending.message_id, None) is not None:
            self.pending_bytes -= len(pending.line)
            pending.settled(pending, error)

    # ── lines in ──

    def receive(self, data: bytes, now: float) -> None:
        """Bytes of the hub's, split anywhere."""
        self.unheard = 0
        if self.state is State.GREETING:
            self.due = now + GREETING_S
        start = 0
        while self.state in (State.GREETING, State.JOINED):
            end = data.find(b"\n", start)
            piece = data[start:] if end < 0 else data[start:end]
            self.pieces_len += len(piece)
            if self.pieces_len > self.options.line_max:
                self.skipping, self.pieces = True, []
            elif piece:
                self.pieces.append(piece)
            if end < 0:
                return
            start = end + 1
            line, skipped = b"".join(self.pieces), self.skipping
            self.pieces, self.pieces_len, self.skipping = [], 0, False
            if skipped:
                self.skipped += 1
            elif line.strip(b"\r"):
                self._line(line.rstrip(b"\r"), now)

    def _parse(self, line: bytes) -> Optional[Message]:
        try:
            fields = json.loads(line, parse_int=_integer)
        except (ValueError, RecursionError):
            return None
        if not isinstance(fields, dict):
            return None
        texts = [fields.get(name) for name in ("message_type", "sender_id", "message_id", "timestamp")]
        payload, target, seq = fields.get("payload"), fields.get("target_ai"), fields.get("seq")
        if not all(isinstance(text, str) for text in texts) or not isinstance(payload, dict):
            return None
        return Message(str(texts[0]), str(texts[1]), payload, target if isinstance(target, str) and target else None,
                       str(texts[2]), str(texts[3]), seq if isinstance(seq, int) and seq > 0 else 0, line)

    def _line(self, line: bytes, now: float) -> None:
        message = self._parse(line)
        if message is None:
            self.skipped += 1
            return
        self.seq = max(self.seq, message.seq)
        from_hub, code = message.sender == "hub", message.payload.get("code")
        if from_hub and message.type == "training_sync":
            self._synced(message, now)
            return
        answer = from_hub and (message.type in _ANSWERS or message.type.endswith("_result")) and code != "no_reply"
        if not answer:
            if message.seq and self._came_before(message.seq):
                return
            if self.closing:
                self._pass_by(message)
            else:
                if message.seq:
                    self._note(message)
                self._deliver(message)
            if from_hub:
                self._answer(message)
                self._left(message)
            return
        if message.type in ("heartbeat", "caught_up"):
            self._upto(message, now)
        if message.type == "caught_up" or (message.type == "error" and not self._is_awaited(message)):
            message.seq = 0
            self._deliver(message)
        self._answer(message)
        if message.type == "error":
            self._left(message)
            self._obey(message.payload, now)

    def _is_awaited(self, message: Message) -> bool:
        reply = message.payload.get("in_reply_to")
        return isinstance(reply, str) and reply != "" and (reply in self.pending or
                                                           reply in (self.hello_id, self.leave_id))

    def _deliver(self, message: Message) -> None:
        if not self.options.listens or self.closing:
            if message.position and not self.closing:
                self.handled = message.position
            return
        self.inbox.append(message)
        self.inbox_bytes += len(message.line)
        if message.position:
            self.last = message

    def _pass_by(self, message: Message) -> None:
        """It comes while the link is being closed, and will not be handled: not on this link."""
        if message.seq and not self.frozen and self.parting != "told":
            if self.read is not None:
                self._whole(message.seq - 1)
            self.frozen = True

    def take(self) -> Optional[Message]:
        """The next message; the one before it is handled by that."""
        self.handle()
        if not self.inbox:
            return None
        self.current = self.inbox.popleft()
        self.inbox_bytes -= len(self.current.line)
        return self.current

    def handle(self) -> None:
        """The message that was taken last is handled."""
        message, self.current = self.current, None
        if message is None:
            return
        if message.position:
            self.handled = message.position
        if message is self.last:
            self.last = None

    def told_soon(self, now: float) -> None:
        """More was handled than the hub was told of: it is, soon."""
        if self.tells and self.state is State.JOINED and not self.closing and not self.guest and self.cursor > self.told:
            self.due = min(self.due or now, now + TELL_S)

    def _synced(self, message: Message, now: float) -> None:
        first, was_guest, payload = self.state is State.GREETING, self.guest, message.payload
        if isinstance(payload.get("resume_token"), str):
            self.resume_token = payload["resume_token"]
        limits = payload.get("limits")
        limit = limits.get("max_line") if isinstance(limits, dict) else None
        if isinstance(limit, int) and limit > 0:
            self.line_limit = limit
        stays = payload.get("stays_s")
        self.stays = stays if isinstance(stays, int) else 0
        self.guest = payload.get("kept") is False
        self.known = self.told
        self.sync = payload
        cursor = payload.get("cursor")
        if (first or was_guest) and not self.resumed:
            self.read = self.handled = Position(message.seq)
        elif first and self.read is None and isinstance(cursor, int):  # where "last" was
            self.read = self.handled = Position(cursor)
        if first or was_guest and not self.guest:
            if not self.guest:
                self.out.extend(pending.line for pending in self.pending.values())
                self.failures = 0
            self.due = now + (self._delay() if self.guest else self.options.heartbeat_s)
        if first:
            self.joined_once = True
            self._move(State.JOINED)

    def _upto(self, message: Message, now: float) -> None:
        """The hub's word on how far this AI has all: the end of what it missed; and the answer to a
        heartbeat, which comes behind all that was before it, unless that is still to come again."""
        seq, mine = message.payload.get("seq"), message.payload.get("in_reply_to") == self.beat_id
        if not isinstance(seq, int) or self.state is not State.JOINED:
            return
        if message.type == "caught_up":
            self.catching_up = False
            for pending in list(self.pending.values()):
                self._settle_if_whole(pending)
        if mine:
            self.known = self.told
        if self.catching_up or self.guest:
            return
        if not self.frozen and (self.read is not None or self.tells):
            self._whole(seq)
            self.told_soon(now)
        if mine and self.parting == "told":
            self.parting = "done"
        elif mine and self.parting == "asked":
            self.parting = "told"
            self._heartbeat()

    def _settle_if_whole(self, pending: Pending) -> None:
        """All that a message causes comes before its ack, unless what was missed still comes."""
        if pending.outcome.seq and (pending.answer is not None or not pending.answered_by or not self.catching_up):
            self._settle(pending)

    def _answer(self, message: Message) -> None:
        payload = message.payload
        pending = self.pending.get(str(payload.get("message_id" if message.type == "ack" else "in_reply_to")))
        if pending is None:
            return
        if message.type == "error" and payload.get("code") != "no_reply":
            if payload.get("code") == "storage_unavailable" and payload.get("behind", "") is None:
                self._unkept(pending)
            self._settle(pending, Refused(payload))
        elif message.type == "ack" and isinstance(payload.get("seq"), int):
            pending.outcome = Outcome(pending.message_id, payload["seq"], payload.get("delivered") is True,
                                      payload.get("stored") is True)
            self._settle_if_whole(pending)
        elif _is_query(pending.type) and message.type.endswith("_result"):
            pending.answer = payload
            self._settle(pending)
        elif message.type == pending.answered_by:
            pending.answer = payload
            self._settle_if_whole(pending)

    def _unkept(self, pending: Pending) -> None:
        """The hub could not keep it, and takes nothing that stands behind it before it hears that
        this is known. So it hears it in front of all that is said from now on."""
        self.unkept_count += 1
        published = [other for other in self.pending.values() if not _is_query(other.type)]
        for other in published[published.index(pending) + 1:]:
            other.behind = True
        self._say("heartbeat", {"refused": pending.message_id})

    def _refuse_behind(self) -> None:
        """The connection is lost, and with it the hub's word on these."""
        for pending in [pending for pending in self.pending.values() if pending.behind]:
            self._settle(pending, _stands_behind(pending.message_id))

    def _left(self, message: Message) -> None:
        """The hub's word on our leave; one that does not know it says so."""
        payload = message.payload
        if self.leave_id and ((message.type == "presence" and payload.get("ai_id") == self.options.ai_id) or
                              (message.type == "error" and payload.get("in_reply_to") == self.leave_id)):
            self.has_left = True

    def _begin_anew(self) -> None:
        """The hub's room is not as far as this AI: it is another one, in which what came has no
        place."""
        self.read = self.handled = self.last = None
        for message in [*self.inbox, *([self.current] if self.current else [])]:
            message.position = None

    def overflow(self, now: float) -> None:
        """Much more than inbox_max waits to be taken: what has a place is let go, and with the
        connection, for it comes again on the next."""
        kept = [message for message in self.inbox if message.position is None]
        self.inbox = collections.deque(kept)
        self.inbox_bytes = sum(len(message.line) for message in kept)
        self.last = self.current if self.current is not None and self.current.position else None
        self.read = self.last.position if self.last is not None else self.handled
        self.lost(now, Unreachable("too much waits to be taken: the connection was let go"))

    def _verdict(self, payload: Payload) -> str:
        code, joined = str(payload.get("code")), self.state is State.JOINED
        if code in _VERDICTS:
            verdict = _VERDICTS[code][joined]
            if verdict != _UNLESS_OURS:
                return verdict
            return _RETRY if self.joined_once or self.resume_token else _END
        if joined or payload.get("in_reply_to") != self.hello_id:
            return _NONE
        return _RETRY if code in _PASSING else _END

    def _obey(self, payload: Payload, now: float) -> None:
        if self.state not in (State.GREETING, State.JOINED):
            return
        verdict = self._verdict(payload)
        if (self.state is State.GREETING and self.resumed and payload.get("code") == "bad_payload"
                and payload.get("in_reply_to") == self.hello_id and self.handled is not None):
            self._begin_anew()
            verdict = _RETRY
        if verdict == _END:
            self.end(Refused(payload))
        elif verdict == _RETRY:
            self.lost(now, Unreachable(f"the hub: {Refused(payload)}"))


# ── a socket for it ──


def _is_local(peer: Any) -> bool:
    """What asyncio calls the other end of a transport: of this machine?"""
    if not isinstance(peer, tuple):
        return True
    address = ipaddress.ip_address(str(peer[0]).split("%")[0])
    mapped = getattr(address, "ipv4_mapped", None)
    return bool((mapped or address).is_loopback)


class _Wire(asyncio.Protocol):
    """One connection of a link."""

    def __init__(self, link: _Link):
        self.link = link
        self.transport: Optional[asyncio.Transport] = None
        self.full = self.reading_paused = self.finished = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.link.made(self)

    def data_received(self, data: bytes) -> None:
        self.link.came(self, data)

    def connection_lost(self, exc: Optional[Exception]) -> None:
        self.link.gone(self, Unreachable(f"the connection was lost: {exc}" if exc else "the hub closed the connection"))

    def pause_writing(self) -> None:
        self.full = True

    def resume_writing(self) -> None:
        self.full = False
        self.link.turn()


class _Link:
    """A Protocol on asyncio: a task that connects and keeps the time, a connection at a time."""

    def __init__(self, options: Options):
        self.options = options
        self.protocol = Protocol(options, time.monotonic())
        address = self.protocol.address
        if address.secure:
            _Tls(options, address.host)  # what can't be is found before there is a thread
        self.wire: Optional[_Wire] = None
        self.tls: Optional[_Tls] = None
        self.waiters: List[asyncio.Future[None]] = []
        self.task: Optional[asyncio.Task[None]] = None
        self.attempt: Optional[asyncio.Task[None]] = None
        self.pid = os.getpid()

    # ── its life ──

    async def join(self) -> None:
        self.loop = asyncio.get_running_loop()
        if self.task is None:
            self.gate = asyncio.Lock()  # to the queue, in order
            self.fetching = asyncio.Lock()  # a file
            self.task = self.loop.create_task(self._run())
        while not self.protocol.joined_once and self.protocol.state is not State.ENDED:
            await self.change()
        if not self.protocol.joined_once:
            raise self.protocol.error or Closed("the link was closed")

    async def _run(self) -> None:
        protocol = self.protocol
        try:
            while not protocol.ended:
                now = time.monotonic()
                if protocol.state is State.WAITING and protocol.due is not None and now >= protocol.due:
                    protocol.connecting(now)
                    self.attempt = self.loop.create_task(self._connect())
                protocol.tick(now)
                self.turn()
                if not protocol.ended:
                    await self.change(None if protocol.due is None else protocol.due - now)
        finally:
            self._over()

    def _over(self) -> None:
        if self.protocol.state is not State.ENDED:
            self.protocol.end(Closed("the link was closed"))
        self.turn()

    async def _connect(self) -> None:
        address, loop = self.protocol.address, self.loop
        try:
            if address.path:
                await loop.create_unix_connection(lambda: _Wire(self), address.path)
            else:
                await loop.create_connection(lambda: _Wire(self), address.host, address.port)
        except (OSError, UnicodeError) as error:
            self._lost(Unreachable(f"no connection to the hub: {error}"))

    def _lost(self, error: Error) -> None:
        self.protocol.lost(time.monotonic(), error)
        self.turn()

    def made(self, wire: _Wire) -> None:
        assert wire.transport is not None
        if self.protocol.state is not State.CONNECTING or self.wire is not None:
            wire.transport.abort()
            return
        self.wire, peer = wire, wire.transport.get_extra_info("peername")
        if peer and peer == wire.transport.get_extra_info("sockname"):  # of a free port
            self._lost(Unreachable("no connection to the hub: it was one to itself"))
        elif self.protocol.address.secure:
            self.tls = _Tls(self.options, self.protocol.address.host)
            self.came(wire, b"")
        else:
            self.protocol.connected(time.monotonic(), _is_local(peer))
            self.turn()

    def came(self, wire: _Wire, data: bytes) -> None:
        if wire is not self.wire:
            return
        now, protocol, goes_on = time.monotonic(), self.protocol, True
        try:
            if self.tls is not None:
                shaken = self.tls.shaken
                data, goes_on = self.tls.receive(data)
                if self.tls.shaken and not shaken:
                    protocol.connected(now, True)
            protocol.receive(data, now)
            if not goes_on:
                raise Unreachable("the hub closed the connection")
        except Error as error:
            if isinstance(error, Unreachable) and goes_on and protocol.state is State.GREETING:
                error = Untrusted(str(error))  # what it has against our certificate comes this late
            protocol.lost(now, error)
        self.turn()

    def gone(self, wire: _Wire, error: Error) -> None:
        if wire is self.wire:
            self._lost(error)

    def _finish(self, wire: _Wire) -> None:
        """Says that nothing more will come, and leaves the socket open until the hub has taken all.
        """
        assert wire.transport is not None
        wire.finished = True
        if self.tls is not None:
            wire.transport.write(self.tls.finish())
        if wire.transport.can_write_eof():
            wire.transport.write_eof()

    def _drop(self) -> None:
        """The protocol has no connection any more."""
        wire, self.wire, self.tls = self.wire, None, None
        if wire is not None and wire.transport is not None:
            wire.transport.close()
        if self.attempt is not None:
            self.attempt.cancel()
            self.attempt = None

    def turn(self) -> None:
        """Does what follows from what happened, and wakes who waits for it."""
        protocol = self.protocol
        if protocol.overflows and protocol.state is State.JOINED:
            protocol.overflow(time.monotonic())
        if protocol.closing and protocol.state is not State.ENDED:
            protocol.tick(time.monotonic())
        self._send()
        if protocol.lingering and self.wire is not None and not self.wire.finished:
            self._finish(self.wire)
        if protocol.state in (State.WAITING, State.ENDED):
            self._drop()
        elif self.wire is not None and self.wire.transport is not None:
            if protocol.wants_reading == self.wire.reading_paused:
                self.wire.reading_paused = not protocol.wants_reading
                if self.wire.reading_paused:
                    self.wire.transport.pause_reading()
                else:
                    self.wire.transport.resume_reading()
        moves, protocol.moves = protocol.moves, []
        for state, error in moves:
            if self.options.on_state is not None:
                try:
                    self.options.on_state(state, error)
                except Exception as fault:  # the caller's; the link goes on
                    self.loop.call_exception_handler({"message": "on_state failed", "exception": fault})
        waiters, self.waiters = self.waiters, []
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(None)

    def _send(self) -> None:
        wire, tls = self.wire, self.tls
        while wire is not None and wire.transport is not None and not wire.full:
            data = self.protocol.output() if tls is None or tls.shaken else b""
            if tls is not None:
                try:
                    if data:
                        tls.object.write(data)
                    data = tls.outgoing.read()
                except ssl.SSLError as error:
                    self.protocol.lost(time.monotonic(), Unreachable(f"the encryption failed: {error.reason or error}"))
                    return
            if not data:
                return
            wire.transport.write(data)

    async def change(self, timeout: Optional[float] = None) -> None:
        """Waits until something has changed; or for so long."""
        waiter = self.loop.create_future()
        self.waiters.append(waiter)
        if timeout is None:
            await waiter
        else:
            await asyncio.wait([waiter], timeout=max(0.0, timeout))
            if not waiter.done():
                self.waiters.remove(waiter)

    async def close(self, leave: bool, timeout: Optional[float]) -> None:
        if self.task is None:
            self.protocol.end(None)
            return
        self.protocol.close(leave)
        self.turn()
        end = None if timeout is None else time.monotonic() + timeout
        while self.protocol.state is not State.ENDED and (end is None or time.monotonic() < end):
            await self.change(None if end is None else end - time.monotonic())
        if self.protocol.state is not State.ENDED:
            self.protocol.end(Closed("the link was closed before all was answered"))
            self.turn()
        await asyncio.gather(self.task, return_exceptions=True)

    # ── what is said, and what came ──

    def add(self, message_type: str, payload: Mapping[str, Any], target: Optional[str] = None,
            message_id: Optional[str] = None, answered_by: Optional[str] = None) -> asyncio.Future[Pending]:
        """Kept until it is answered, or refused here: Full, Closed, TooLong, ValueError."""
        if self.task is None:
            raise Closed("the link has not joined")
        message_id = message_id or str(uuid.uuid4())
        line = self.protocol.encode(message_type, payload, target, message_id)
        future: asyncio.Future[Pending] = self.loop.create_future()

        def settled(pending: Pending, error: Optional[Error]) -> None:
            if future.done():  # nobody waits for it any more
                return
            if error is None:
                future.set_result(pending)
            else:
                future.set_exception(error)

        self.protocol.add(Pending(message_id, message_type, line, settled, answered_by))
        self.turn()
        return future

    async def say(self, message_type: str, payload: Mapping[str, Any], target: Optional[str] = None,
                  message_id: Optional[str] = None, answered_by: Optional[str] = None) -> Pending:
        """The same, when there is room; and waits for the answer."""
        if self.task is None:
            raise Closed("the link has not joined")
        unkept = self.protocol.unkept_count
        async with self.gate:
            while True:
                if self.protocol.unkept_count != unkept and not _is_query(message_type):
                    raise _stands_behind(message_id)
                try:
                    future = self.add(message_type, payload, target, message_id, answered_by)
                    break
                except Full:
                    await self.change()
        return await future

    async def ask(self, query: str, payload: Mapping[str, Any]) -> Payload:
        if not _is_query(query):
            raise ValueError(f"{query!r} is no query")
        return (await self.say(query, payload)).answer or {}

    async def take(self, timeout: Optional[float]) -> Optional[Message]:
        """The next message, by which the one before it is handled; None when none came in time.
        Raises what ended the link, once all was taken."""
        protocol, end = self.protocol, None if timeout is None else time.monotonic() + timeout
        self.handled()
        while True:
            message = protocol.take()
            if message is not None:
                if self.wire is not None and self.wire.reading_paused:
                    self.turn()  # there is room again
                return message
            if protocol.state is State.ENDED:
                raise protocol.error or Closed("the link was closed")
            left = None if end is None else end - time.monotonic()
            if left is not None and left <= 0:
                return None
            await self.change(left)

    def handled(self) -> None:
        due = self.protocol.due
        self.protocol.handle()
        self.protocol.told_soon(time.monotonic())
        if due != self.protocol.due:
            self.turn()

    # ── what takes more than one word ──

    async def claim(self, key: str, ttl_s: int, intent: Optional[str]) -> Lease:
        payload = _present(key=key, ttl_s=ttl_s, intent=intent)
        while True:
            answer = (await self.say("lease_request", payload, answered_by="lease")).answer
            if answer is not None:  # else it was lost with a connection: the hub says it again
                return Lease(key, answer["holder"], answer["fence"], answer["ttl_s"], answer.get("intent"),
                             answer["holder"] == self.options.ai_id)

    async def open_session(self, payload: Payload) -> str:
        message_id = str(uuid.uuid4())
        pending = await self.say("collaboration_request", payload, None, message_id, "collaboration_update")
        if pending.answer is None:
            raise Error("the hub has opened a session, and did not say which: see sessions()")
        return str(pending.answer["session_id"])

    async def request_approval(self, payload: Payload, target: Optional[str]) -> str:
        return f"a{(await self.say('approval_request', payload, target)).outcome.seq}"

    async def put_artifact(self, data: bytes, offer: Payload) -> Payload:
        names = {"session_id": offer["session_id"], "name": offer["name"]}
        offer = {**offer, "size": len(data), "sha256": hashlib.sha256(data).hexdigest()}
        told: Optional[Payload] = None
        size = 0  # of a chunk
        while told is None or told["status"] == "open":
            if told is None:  # at the beginning; or it was lost with a connection how far it is
                told = (await self.say("artifact_offer", offer, answered_by="artifact")).answer
                size = (told or {}).get("chunk", size)
            else:
                part = data[told["next"] * size:(told["next"] + 1) * size]
                chunk = {**names, "index": told["next"], "data": base64.b64encode(part).decode()}
                told = (await self.say("artifact_chunk", chunk, answered_by="artifact")).answer
        if told["status"] != "kept":
            raise Refused({**told, "code": "conflict", "detail": "somebody else wrote that name meanwhile"})
        return told

    async def get_artifact(self, session_id: str, name: str) -> bytes:
        files = await self.pages("artifact_query", {"session_id": session_id, "name": name}, "artifacts")
        kept = [file for file in files if file["status"] == "kept"]
        if not kept:
            raise Refused({"code": "not_found", "detail": f"there is no file {name} that this AI may read"})
        # whoever has the name meanwhile
        wanted = {"session_id": session_id, "sha256": kept[0]["sha256"]}
        found = bytearray()
        async with self.fetching:  # the hub answers one at a time
            for index in range(kept[0]["chunks"]):
                found += base64.b64decode((await self.ask("artifact_query", {**wanted, "index": index}))["data"])
        if hashlib.sha256(found).hexdigest() != wanted["sha256"]:
            raise Error(f"{name} is not what its sha256 says")
        return bytes(found)

    async def pages(self, query: str, payload: Payload, member: str) -> List[Payload]:
        found: List[Payload] = []
        while True:
            page = await self.ask(query, payload)
            found += page[member]
            if page["next"] is None:
                return found
            payload = {**payload, "after": page["next"]}

    async def workspace(self, session_id: str) -> Dict[str, Payload]:
        found: Dict[str, Payload] = {}
        key: Optional[str] = None
        while True:
            page = await self.ask("session_query", _present(id=session_id, key=key))
            found.update(page["session"]["workspace"])
            key = page["next"]
            if key is None:
                return found


def _present(**members: Any) -> Payload:
    """Those that are not None."""
    return {name: value for name, value in members.items() if value is not None}


# ── what can be said ──

O = TypeVar("O")  # an Outcome, or what it is awaited of
D = TypeVar("D")  # the payload of an answer, likewise


class _Words(Generic[O, D]):
    """What both clients say alike."""

    def publish(self, message_type: str, payload: Mapping[str, Any], target: Optional[str] = None,
                message_id: Optional[str] = None) -> O:
        """Says a message of any type that a client may send, to `target` or all, and waits until
        the hub has accepted it. A message_id made of what it is for has the hub take it once, even
        when the program has forgotten that it said it."""
        raise NotImplementedError

    def ask(self, query: str, payload: Optional[Mapping[str, Any]] = None) -> D:
        """A query ("member_query", …) and the payload of its answer: one page."""
        raise NotImplementedError

    def chat(self, text: str, to: Optional[str] = None, in_reply_to: Optional[Message] = None,
             reply_by: Optional[float] = None) -> O:
        """Free text. Name what it answers: the hub ends chains that would go on for ever. reply_by:
        seconds after which an error no_reply comes, if the target has not answered."""
        reply = in_reply_to.message_id if in_reply_to else None
        return self.publish("chat", _present(text=text, in_reply_to=reply, reply_by=reply_by), to)

    def share_pattern(self, pattern: Payload, lease: Optional[Lease] = None) -> O:
        return self.publish("pattern_share", _present(pattern=pattern, lease=lease and lease.named() or None))

    def share_code(self, code: Payload, lease: Optional[Lease] = None) -> O:
        return self.publish("code_share", _present(code=code, lease=lease and lease.named() or None))

    def share_component(self, component: Payload, lease: Optional[Lease] = None) -> O:
        return self.publish("os_component_share",
                            _present(component=component, lease=lease and lease.named() or None))

    def report(self, component_id: str, performance: Payload) -> O:
        """What was measured of an entry."""
        return self.publish("performance_report", {"component_id": component_id, "performance": performance})

    def request_feature(self, feature: str, requirements: Optional[Payload] = None) -> O:
        return self.publish("feature_request", {"feature": feature, "requirements": requirements or {}})

    def answer_feature(self, requestor: str, feature: str, component: Payload) -> O:
        return self.publish("os_component_share", {"component": component, "original_requestor": requestor,
                                                   "feature_name": feature}, requestor)

    def commit(self, subject: str, subject_version: str, sha256: str) -> O:
        """To parameters or a module, before it is measured; a "challenge" brings the nonce."""
        return self.publish("commitment", {"subject": subject, "subject_version": subject_version, "sha256": sha256})

    def release(self, lease: Lease, done: bool = False) -> O:
        """Gives it back. done: nobody need take it up."""
        return self.publish("lease_release", {**lease.named(), "done": done})

    def add_task(self, title: str, body: Optional[str] = None, key: Optional[str] = None, needs: Sequence[str] = (),
                 blocks: Sequence[str] = ()) -> O:
        """Work for anybody, once all that it `needs` is closed. Its id is `key`, or "t" and the seq
        of the outcome. Who takes it claims "task:ID"."""
        return self.publish("task", _present(title=title, body=body, key=key, needs=list(needs) or None,
                                             blocks=list(blocks) or None))

    def finish_task(self, lease: Lease, evidence: Sequence[Payload] = ()) -> O:
        """It is done, by who holds it. evidence: {"command", "exit", "printed"} of what was run to
        see that it is."""
        return self.publish("task", {"id": lease.key[len("task:"):], "status": "done", "fence": lease.fence,
                                     "evidence": list(evidence)})

    def report_evidence(self, task: str, exit: int, printed: Optional[str] = None, index: int = 0) -> O:
        """What came of the command of that index when this AI ran it."""
        return self.publish("evidence_report", _present(task=task, index=index, exit=exit, printed=printed))

    def touch(self, paths: Sequence[str], note: Optional[str] = None, ttl_s: Optional[int] = None,
              done: bool = False) -> O:
        """This AI changes these files or directories of the project: who works at them as well is
        warned, and so is it, by a message "path_warning". done: it does so no more."""
        return self.publish("touch", _present(paths=list(paths), note=note, ttl_s=ttl_s, done=done or None))

    def answer_approval(self, approval_id: str, choice: str, note: Optional[str] = None) -> O:
        """By a person, whose specialization is "person"; refused as a "conflict" when it was
        decided before."""
        return self.publish("approval_answer", _present(approval_id=approval_id, choice=choice, note=note))

    def withdraw_approval(self, approval_id: str) -> O:
        """An own question need not be answered any more."""
        return self.publish("approval_request", {"approval_id": approval_id, "withdrawn": True})

    def answer_session(self, session_id: str, accepted: bool = True, reason: Optional[str] = None) -> O:
        return self.publish("collaboration_response", _present(session_id=session_id, accepted=accepted, reason=reason))

    def progress(self, session_id: str, progress: float, note: Optional[str] = None) -> O:
        """0 to 1."""
        return self.publish("collaboration_update", _present(session_id=session_id, progress=progress, note=note))

    def end_session(self, session_id: str, status: str, note: Optional[str] = None) -> O:
        """Early: "failed" or "cancelled"."""
        return self.publish("collaboration_update", _present(session_id=session_id, status=status, note=note))

    def complete_session(self, session_id: str, component: Payload) -> O:
        return self.publish("os_component_share", {"component": component, "collaboration_complete": True,
                                                   "session_id": session_id})

    def write(self, session_id: str, key: str, value: Any, base_version: int = 0,
              lease: Optional[Lease] = None) -> O:
        """A key of a session's workspace, made from that version of it (0: there was none); its
        version is then one more. Refused as a "conflict" whose payload has `value` and `version`
        when somebody else was first."""
        payload = {"session_id": session_id, "key": key, "value": value, "base_version": base_version}
        return self.publish("workspace_update", {**payload, "lease": lease.named()} if lease else payload)

    def knowledge(self, text: Optional[str] = None, id: Optional[str] = None, section: Optional[str] = None,
                  contributor: Optional[str] = None, specialization: Optional[str] = None,
                  subject: Optional[str] = None, order: Optional[str] = None, since: Optional[int] = None,
                  limit: Optional[int] = None, cursor: Optional[str] = None) -> D:
        """A page of what the room knows and fits all of that: `entries`, by section; `next`, the
        cursor of the next page, or None."""
        return self.ask("knowledge_query", _present(
            text=text, id=id, section=section, contributor=contributor, specialization=specialization,
            subject=subject, order=order, since=since, limit=limit, cursor=cursor))

    def task(self, id: str) -> D:
        """One task, with its evidence and what others report of that: `task`."""
        return self.ask("task_query", {"id": id})

    def approval(self, approval_id: str) -> D:
        """One question to a person, and what was chosen: `approvals`, a list of one."""
        return self.ask("approval_query", {"id": approval_id})

    def sent(self, seq: int) -> D:
        """What became of an own message, by the seq of its outcome: `messages`, a list of one, with
        the `state` of each of its `receivers`."""
        return self.ask("sent_query", {"seq": seq})

    def session(self, session_id: str) -> D:
        """One session: `session`, with the first of its workspace."""
        return self.ask("session_query", {"id": session_id})

    def member(self, ai_id: str) -> D:
        """One AI, also if it has left: `members`, a list of one."""
        return self.ask("member_query", {"id": ai_id})


class _Client(Options):
    """What both clients have."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self._link = _Link(self)
        self._handlers: List[Tuple[Tuple[str, ...], Callable[[Message], Any]]] = []

    @property
    def state(self) -> State:
        return self._link.protocol.state

    @property
    def sync(self) -> Payload:
        """What the hub answered to the last hello: who is there, what is known."""
        return self._link.protocol.sync

    @property
    def position(self) -> Optional[Position]:
        """How far all was handled: the `since` of a later link."""
        return self._link.protocol.handled

    @property
    def resume_now(self) -> str:
        """The resume_token of a later link that takes this one's id over, or comes back to it."""
        return self._link.protocol.resume_token

    @property
    def stays(self) -> int:
        """So many seconds the AI stays when this connection ends, by the hub's word."""
        return self._link.protocol.stays

    @property
    def skipped(self) -> int:
        """Lines of the hub's that were no messages, or longer than line_max."""
        return self._link.protocol.skipped

    def on(self, *types: str) -> Callable[[Callable[[Message], T]], Callable[[Message], T]]:
        """A decorator: the function is called by run() with each message of these types; of all
        types, when none is given."""

        def register(function: Callable[[Message], T]) -> Callable[[Message], T]:
            self._handlers.append((types, function))
            return function

        return register

    def _functions(self, message: Message) -> List[Callable[[Message], Any]]:
        return [function for types, function in self._handlers if not types or message.type in types]


class AsyncClient(_Client, _Words[Awaitable[Outcome], Awaitable[Payload]]):
    """For asyncio; `async with` joins and closes, `async for` takes messages."""

    async def join(self) -> None:
        """Returns once the hub has answered; raises what ended the link before that."""
        await self._link.join()

    async def close(self, leave: bool = False, timeout: Optional[float] = None) -> None:
        """Waits until all that was published is answered, and ends the link; what is in hand is
        handled. leave: the AI leaves its room, stays_s or not. After `timeout` seconds it ends in
        any case."""
        self._link.handled()
        await self._link.close(leave, timeout)

    async def __aenter__(self) -> AsyncClient:
        await self.join()
        return self

    async def __aexit__(self, kind: Any, error: Any, trace: Any) -> None:
        if kind is None:
            await self.close()
        else:  # what is in hand is not handled
            await self._link.close(False, 2.0)

    def __aiter__(self) -> AsyncIterator[Message]:
        return self

    async def __anext__(self) -> Message:
        try:
            message = await self._link.take(None)
        except Closed:
            message = None
        if message is None:
            raise StopAsyncIteration
        return message

    async def receive(self, timeout: Optional[float] = None) -> Optional[Message]:
        """The next message, by which the one before it is handled; None when none came in time.
        Raises what ended the link."""
        return await self._link.take(timeout)

    def handled(self) -> None:
        """The message in hand is handled, before the next one is asked for."""
        self._link.handled()

    async def run(self) -> None:
        """Calls what on() registered, and awaits coroutines of it, until the link is closed."""
        async for message in self:
            for function in self._functions(message):
                result = function(message)
                if asyncio.iscoroutine(result):
                    await result

    async def publish(self, message_type: str, payload: Mapping[str, Any], target: Optional[str] = None,
                      message_id: Optional[str] = None) -> Outcome:
        return (await self._link.say(message_type, payload, target, message_id)).outcome

    def post(self, message_type: str, payload: Mapping[str, Any], target: Optional[str] = None,
             message_id: Optional[str] = None) -> asyncio.Future[Outcome]:
        """publish(), without waiting: a future of the Outcome. Raises Full when queue_max bytes
        wait to be answered."""
        pending = self._link.add(message_type, payload, target, message_id)
        return asyncio.ensure_future(_outcome_of(pending))

    async def ask(self, query: str, payload: Optional[Mapping[str, Any]] = None) -> Payload:
        return await self._link.ask(query, payload or {})

    async def claim(self, key: str, ttl_s: int = 60, intent: Optional[str] = None) -> Lease:
        """Asks for the right to work on something, until this AI was silent for ttl_s seconds, or
        gives it back. True if it has it now; else `holder` says who does. Asked again, it is
        renewed; a link's heartbeats do that by themselves, where ttl_s is more than heartbeat_s."""
        return await self._link.claim(key, ttl_s, intent)

    async def open_session(self, type: str, description: str, target: Optional[str] = None,
                           offered: Sequence[str] = (), seeking: Sequence[str] = ()) -> str:
        """Offers a session to one AI, or to all, and returns its id."""
        return await self._link.open_session(_offer(type, description, target, offered, seeking))

    async def sessions(self) -> List[Payload]:
        return await self._link.pages("session_query", {}, "sessions")

    async def tasks(self, status: Optional[str] = None) -> List[Payload]:
        """Of one status ("ready", "blocked", "claimed", "done", "dropped"; "open": the first
        three), or all."""
        return await self._link.pages("task_query", _present(status=status), "tasks")

    async def workspace(self, session_id: str) -> Dict[str, Payload]:
        """All of it: {key: {"version": …, "value": …}}."""
        return await self._link.workspace(session_id)

    async def request_approval(self, question: str, choices: Sequence[str], default: str, timeout_s: float,
                               target: Optional[str] = None) -> str:
        """Asks a person, or (without a target) any, and returns the question's id. What is chosen
        comes as a message "approval"; after timeout_s seconds the default holds."""
        return await self._link.request_approval(_question(question, choices, default, timeout_s), target)

    async def approvals(self, status: Optional[str] = None) -> List[Payload]:
        """Of one status ("pending", "answered", "timed_out", "withdrawn"), or all."""
        return await self._link.pages("approval_query", _present(status=status), "approvals")

    async def put_artifact(self, session_id: str, name: str, data: bytes, base_version: int = 0,
                           for_room: bool = False) -> Payload:
        """A file for a session's workspace, made from that version of it (0: there was none): what
        the hub says of it, with its `version`. for_room: not for the session alone. Refused as a
        "conflict" when somebody else was first."""
        return await self._link.put_artifact(data, _file(session_id, name, base_version, for_room))

    async def get_artifact(self, session_id: str, name: str) -> bytes:
        return await self._link.get_artifact(session_id, name)

    async def artifacts(self, session_id: Optional[str] = None) -> List[Payload]:
        """Which files there are, of a session or of all that it may read."""
        return await self._link.pages("artifact_query", _present(session_id=session_id), "artifacts")

    async def members(self) -> List[Payload]:
        """Who is there, connected or away."""
        return await self._link.pages("member_query", {}, "members")

    async def dead_letters(self, **wanted: Any) -> List[Payload]:
        """Direct messages that were not taken, of a `sender` or for a `target`."""
        return await self._link.pages("dead_query", wanted, "letters")

    async def dead_letter(self, id: int, action: str) -> Payload:
        """"resend" or "drop" one of them."""
        return (await self._link.say("dead_letter", {"id": id, "action": action}, answered_by="dead_result")).answer or {}

    async def change_capabilities(self, capabilities: Sequence[str]) -> None:
        self._link.protocol.change(capabilities)
        self._link.turn()


async def _outcome_of(pending: asyncio.Future[Pending]) -> Outcome:
    return (await pending).outcome


def _question(question: str, choices: Sequence[str], default: str, timeout_s: float) -> Payload:
    return {"question": question, "choices": list(choices), "default": default, "timeout_s": timeout_s}


def _file(session_id: str, name: str, base_version: int, for_room: bool) -> Payload:
    return {"session_id": session_id, "name": name, "base_version": base_version, "for_room": for_room}


def _offer(type: str, description: str, target: Optional[str], offered: Sequence[str],
           seeking: Sequence[str]) -> Payload:
    return {"type": type, "description": description, "target_ai": target or "",
            "expertise_offered": list(offered), "seeking_expertise": list(seeking)}


class Client(_Client, _Words[Outcome, Payload]):
    """Blocks; `with` joins and closes, `for` takes messages. Its link has a thread of its own."""

    _loop: Optional[asyncio.AbstractEventLoop] = None
    _thread: Optional[threading.Thread] = None

    def _call(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Runs it in the link's thread, and waits."""
        if self._loop is None or self._link.pid != os.getpid() or threading.current_thread() is self._thread:
            coroutine.close()
            if self._link.pid != os.getpid():
                raise Error("a link is not to be used in a fork's child: make one there")
            if self._loop is None:
                raise Closed("the link has not joined, or was closed")
            raise Error("on_state is called by the link's own thread: it must not wait for the link")
        future = asyncio.run_coroutine_threadsafe(coroutine, self._loop)
        try:
            return future.result()
        except BaseException:
            future.cancel()
            raise

    def join(self) -> None:
        """Returns once the hub has answered; raises what ended the link before that."""
        if self._loop is None:
            if self.state is State.ENDED:
                raise self._link.protocol.error or Closed("the link was closed")
            self._loop = asyncio.new_event_loop()
            self._thread = threading.Thread(target=self._loop.run_forever, name=f"khub {self.ai_id}", daemon=True)
            self._thread.start()
        try:
            self._call(self._link.join())
        except BaseException:
            self._end(False, 0.0)
            raise

    def close(self, leave: bool = False, timeout: Optional[float] = None) -> None:
        """Waits until all that was published is answered, and ends the link; what is in hand is
        handled. leave: the AI leaves its room, stays_s or not. After `timeout` seconds it ends in
        any case."""
        if self._loop is not None:
            self.handled()
        self._end(leave, timeout)

    def _end(self, leave: bool, timeout: Optional[float]) -> None:
        if self._loop is None:
            return
        try:
            self._call(self._link.close(leave, timeout))
        finally:
            loop, thread, self._loop = self._loop, self._thread, None
            loop.call_soon_threadsafe(loop.stop)
            if thread is not None:
                thread.join()
            loop.run_until_complete(loop.shutdown_asyncgens())
            loop.close()

    def __enter__(self) -> Client:
        self.join()
        return self

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        if kind is None:
            self.close()
        else:  # what is in hand is not handled
            self._end(False, 2.0)

    def __iter__(self) -> Iterator[Message]:
        return self

    def __next__(self) -> Message:
        try:
            message = self._call(self._link.take(None))
        except Closed:
            message = None
        if message is None:
            raise StopIteration
        return message

    def receive(self, timeout: Optional[float] = None) -> Optional[Message]:
        """The next message, by which the one before it is handled; None when none came in time.
        Raises what ended the link."""
        return self._call(self._link.take(timeout))

    def handled(self) -> None:
        """The message in hand is handled, before the next one is asked for."""

        async def handled() -> None:
            self._link.handled()

        self._call(handled())

    def run(self) -> None:
        """Calls what on() registered, until the link is closed."""
        for message in self:
            for function in self._functions(message):
                function(message)

    def publish(self, message_type: str, payload: Mapping[str, Any], target: Optional[str] = None,
                message_id: Optional[str] = None) -> Outcome:
        return self._call(self._link.say(message_type, payload, target, message_id)).outcome

    def post(self, message_type: str, payload: Mapping[str, Any], target: Optional[str] = None,
             message_id: Optional[str] = None) -> concurrent.futures.Future[Outcome]:
        """publish(), without waiting: a future of the Outcome. Raises Full when queue_max bytes
        wait to be answered."""

        async def post() -> asyncio.Future[Pending]:
            return self._link.add(message_type, payload, target, message_id)

        pending = self._call(post())
        assert self._loop is not None
        return asyncio.run_coroutine_threadsafe(_outcome_of(pending), self._loop)

    def ask(self, query: str, payload: Optional[Mapping[str, Any]] = None) -> Payload:
        return self._call(self._link.ask(query, payload or {}))

    def claim(self, key: str, ttl_s: int = 60, intent: Optional[str] = None) -> Lease:
        """Asks for the right to work on something, until this AI was silent for ttl_s seconds, or
        gives it back. True if it has it now; else `holder` says who does. Asked again, it is
        renewed; a link's heartbeats do that by themselves, where ttl_s is more than heartbeat_s."""
        return self._call(self._link.claim(key, ttl_s, intent))

    def open_session(self, type: str, description: str, target: Optional[str] = None,
                     offered: Sequence[str] = (), seeking: Sequence[str] = ()) -> str:
        """Offers a session to one AI, or to all, and returns its id."""
        return self._call(self._link.open_session(_offer(type, description, target, offered, seeking)))

    def sessions(self) -> List[Payload]:
        return self._call(self._link.pages("session_query", {}, "sessions"))

    def tasks(self, status: Optional[str] = None) -> List[Payload]:
        """Of one status ("ready", "blocked", "claimed", "done", "dropped"; "open": the first
        three), or all."""
        return self._call(self._link.pages("task_query", _present(status=status), "tasks"))

    def workspace(self, session_id: str) -> Dict[str, Payload]:
        """All of it: {key: {"version": …, "value": …}}."""
        return self._call(self._link.workspace(session_id))

    def request_approval(self, question: str, choices: Sequence[str], default: str, timeout_s: float,
                         target: Optional[str] = None) -> str:
        """Asks a person, or (without a target) any, and returns the question's id. What is chosen
        comes as a message "approval"; after timeout_s seconds the default holds."""
        return self._call(self._link.request_approval(_question(question, choices, default, timeout_s), target))

    def approvals(self, status: Optional[str] = None) -> List[Payload]:
        """Of one status ("pending", "answered", "timed_out", "withdrawn"), or all."""
        return self._call(self._link.pages("approval_query", _present(status=status), "approvals"))

    def put_artifact(self, session_id: str, name: str, data: bytes, base_version: int = 0,
                     for_room: bool = False) -> Payload:
        """A file for a session's workspace, made from that version of it (0: there was none): what
        the hub says of it, with its `version`. for_room: not for the session alone. Refused as a
        "conflict" when somebody else was first."""
        return self._call(self._link.put_artifact(data, _file(session_id, name, base_version, for_room)))

    def get_artifact(self, session_id: str, name: str) -> bytes:
        return self._call(self._link.get_artifact(session_id, name))

    def artifacts(self, session_id: Optional[str] = None) -> List[Payload]:
        """Which files there are, of a session or of all that it may read."""
        return self._call(self._link.pages("artifact_query", _present(session_id=session_id), "artifacts"))

    def members(self) -> List[Payload]:
        """Who is there, connected or away."""
        return self._call(self._link.pages("member_query", {}, "members"))

    def dead_letters(self, **wanted: Any) -> List[Payload]:
        """Direct messages that were not taken, of a `sender` or for a `target`."""
        return self._call(self._link.pages("dead_query", wanted, "letters"))

    def dead_letter(self, id: int, action: str) -> Payload:
        """"resend" or "drop" one of them."""
        return self._call(self._link.say("dead_letter", {"id": id, "action": action},
                                         answered_by="dead_result")).answer or {}

    def change_capabilities(self, capabilities: Sequence[str]) -> None:
        async def change() -> None:
            self._link.protocol.change(capabilities)
            self._link.turn()

        self._call(change())
