#!/usr/bin/env python3
"""clients/python without a socket: its protocol against a model of a hub, and chance; its clock;
what it is told at its making.

usage: python_protocol.py KHUB [PART OF A NAME]   (seeds: $KHUB_SEEDS, 80)
"""
import contextlib
import hashlib
import json
import os
import random
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "wire"))
sys.path.insert(0, os.path.join(HERE, "..", "..", "clients", "python"))
import khub  # noqa: E402
from harness import check, equal, run, test  # noqa: E402
from khub import State  # noqa: E402

READ = 300  # bytes at a time
SEEDS = int(os.environ.get("KHUB_SEEDS", "80"))
TOKEN = "khub_0mn4yx4sqvhggbajeyec3sgb61aqn7y4x4736p3xmb3yr49pbe00b4ane5"


def line_of(sender, message_type, payload, seq=0):
    fields = {"message_id": "m", "sender_id": sender, "message_type": message_type, "timestamp": "t", "payload": payload}
    return json.dumps({**fields, **({"seq": seq} if seq else {})}).encode() + b"\n"


class Room:
    """A hub with a store, as docs/PROTOCOL.md has it, in one connection with one AI."""

    def __init__(self, chance):
        self.chance, self.seq = chance, 1
        self.full = 0  # of so many messages it keeps one less; 0: it keeps all
        self.said = []  # (seq, line): what others said
        self.accepted = {}  # seq, by message_id
        self.applied = []  # the texts of what the AI said
        self.cursor, self.tells_cursor = None, chance.randrange(4) > 0  # a hub of old does not
        self.connection()

    def connection(self):
        self.out, self.past, self.rest, self.joined = [], [], b"", False
        self.unkept = None  # message_id of what could not be kept, and is not named since

    def say(self, *numbers):
        """One entry that causes so many messages."""
        self.seq += self.chance.randrange(1, 4)
        for n in numbers:
            self.said.append((self.seq, line_of("eve", "chat", {"n": n}, self.seq)))
            if self.joined:
                (self.past if self.past else self.out).append(self.said[-1][1])

    def answer(self, message_type, payload):
        """It overtakes what is still to come of the past."""
        self.out.append(line_of("hub", message_type, payload, self.seq))

    def go_on(self, most):
        """Some of the past goes out; behind its end all that came meanwhile."""
        for _ in range(min(most, len(self.past))):
            self.out.append(self.past.pop(0))
            if b"caught_up" in self.out[-1]:
                self.out += self.past
                self.past = []
                return

    def hear(self, data):
        *lines, self.rest = (self.rest + data).split(b"\n")
        for line in lines:
            self.obey(json.loads(line))

    def obey(self, fields):
        kind, payload, identity = fields["message_type"], fields["payload"], fields["message_id"]
        if kind == "hello":
            self.seq += 1
            since = payload.get("since")
            self.joined = True
            if self.cursor is None:
                self.cursor = self.seq
            if since is not None:
                since = self.cursor if since == "last" else since
                self.cursor = max(self.cursor, since)
            self.answer("training_sync", {"seq": self.seq, "resume_token": "r",
                                          **({"cursor": self.cursor} if self.tells_cursor else {})})
            if since is not None:
                self.past = [line for seq, line in self.said if seq > since]
                self.past.append(line_of("hub", "caught_up", {"seq": self.seq}, self.seq))
        elif kind == "heartbeat":
            self.cursor = max(self.cursor, payload.get("seq", 0))
            if self.unkept is not None and payload.get("refused") == self.unkept:
                self.unkept = None
            self.answer("heartbeat", {"seq": self.seq, "in_reply_to": identity})
        elif not self.keeps(identity):
            self.answer("error", {"code": "storage_unavailable", "detail": "d", "in_reply_to": identity,
                                  "behind": self.unkept if self.unkept != identity else None})
        else:
            if identity not in self.accepted:
                self.seq += 1
                self.accepted[identity] = self.seq
                self.applied.append(payload["text"])
                # What it is told alone has a place, and does not come again.
                if self.chance.randrange(3) == 0:
                    (self.past if self.past else self.out).append(line_of("hub", "lease", {}, self.seq))
            self.answer("ack", {"message_id": identity, "seq": self.accepted[identity], "delivered": True})


    def keeps(self, identity):
        if self.unkept not in (None, identity):
            return False
        full = self.full and self.chance.randrange(self.full) == 0
        self.unkept = identity if full else None
        return not full


class Life:
    """An AI that keeps where it was with what it did, its hub, and all that can befall them."""

    def __init__(self, seed, together=3, **options):
        self.together = together  # at most, messages of one seq
        self.chance, self.now = random.Random(seed), 0.0
        self.room, self.options = Room(self.chance), options
        self.said = self.published = 0
        self.refused, self.holds = 0, False  # it says nothing new until all is answered
        self.done, self.kept, self.outcomes, self.overflows = [], None, [], 0
        self.protocol, self.connected, self.way = None, False, b""
        self.begin(options.pop("since", None))

    def begin(self, since):
        self.protocol = khub.Protocol(khub.Options("ada", since=since, address="unix:/nowhere", **self.options), self.now,
                                      self.chance.random)
        self.connected = False

    def cut(self):
        """What is on its way, in either direction, is lost."""
        if self.connected:
            self.connected = False
            self.protocol.lost(self.now, khub.Unreachable("cut"))

    def connect(self):
        if not self.connected and self.protocol.state is State.WAITING:
            self.now = max(self.now, self.protocol.due)
            self.protocol.connecting(self.now)
            self.protocol.connected(self.now, True)
            self.room.connection()
            self.connected, self.way = True, b""

    def carry(self, whole=False):
        """Some bytes, or all, of either direction."""
        if not self.connected:
            return
        self.way += self.protocol.output(1)
        most = len(self.way) if whole else self.chance.randrange(len(self.way) + 1)
        self.room.hear(self.way[:most])
        self.way = self.way[most:]
        self.room.go_on(3 if whole else self.chance.randrange(4))
        data = b"".join(self.room.out)
        most, at = len(data) if whole else self.chance.randrange(len(data) + 1), 0
        while at < most and self.connected and self.protocol.wants_reading:
            self.protocol.receive(data[at:min(at + READ, most)], self.now)
            at = min(at + READ, most)
            if self.protocol.overflows:
                self.overflows += 1
                self.protocol.overflow(self.now)
            self.connected = self.protocol.state in (State.GREETING, State.JOINED)
        self.room.out = [data[at:]] if data[at:] else []

    def say(self):
        numbers = range(self.said, self.said + self.chance.randrange(1, self.together + 1))
        self.said += len(numbers)
        self.room.say(*numbers)

    def take(self):
        message = self.protocol.take()
        if message is not None and message.type == "chat":
            self.done.append(message.payload["n"])
            self.kept = message.position
            check(self.kept is not None, "a message without a place", message)

    def publish(self):
        self.holds = self.holds and bool(self.protocol.pending)
        if self.holds:
            return
        text, number = f"t{self.published}", self.published
        self.published += 1
        line = self.protocol.encode("chat", {"text": text}, None, text)

        def settled(pending, error):
            if self.room.full and isinstance(error, khub.Refused):
                equal(error.code, "storage_unavailable", "refused")
                self.refused, self.holds = self.refused + 1, True
                self.protocol.add(khub.Pending(text, "chat", line, settled))
                return
            self.outcomes.append((number, error, pending.outcome.seq))

        self.protocol.add(khub.Pending(text, "chat", line, settled))

    def wait(self):
        """Until the link wants something."""
        if self.protocol.due is not None:
            self.now = max(self.now, self.protocol.due)
            self.protocol.tick(self.now)
            self.connected = self.connected and self.protocol.state in (State.GREETING, State.JOINED)

    def settle(self):
        """Nothing befalls it any more; all that is under way arrives."""
        for _ in range(10000):
            self.connect()
            self.carry(whole=True)
            self.take()
            idle = not self.room.out and not self.room.past and not self.way and not self.protocol.inbox
            if idle and self.connected and not self.protocol.pending and not self.protocol.out:
                return
        raise AssertionError("it does not come to an end")

    def close(self):
        self.protocol.handle()
        self.protocol.close()
        self.protocol.tick(self.now)
        for _ in range(10000):
            if self.protocol.lingering:
                self.cut()
            if self.protocol.state is State.ENDED:
                self.connected = False
                return
            self.connect()
            self.carry(whole=True)
            self.protocol.tick(self.now)
        raise AssertionError("it does not end")


def live(seed, steps=250, **options):
    """A life in which all that can befall a connection does; a test may add more at each step."""
    life = Life(seed, **options)
    life.connect()
    life.carry(whole=True)
    what = [life.say] * 4 + [life.carry] * 10 + [life.take] * 5 + [life.publish] * 2 + [life.cut, life.connect, life.connect, life.wait]
    for _ in range(steps):
        yield life
        life.chance.choice(what)()
    life.settle()
    equal(life.done, list(range(life.said)), f"what it did (seed {seed})")
    equal(life.room.applied, [f"t{n}" for n in range(life.published)], f"what the hub took (seed {seed})")


def outcomes_are_true(life, seed):
    equal([number for number, _, _ in life.outcomes], list(range(life.published)), f"what was answered (seed {seed})")
    for number, error, seq in life.outcomes:
        equal((error, seq), (None, life.room.accepted[f"t{number}"]), f"outcome of {number} (seed {seed})")


@test
def nothing_is_lost_or_doubled_by_cut_connections():
    for seed in range(SEEDS):
        for life in live(seed):
            pass
        outcomes_are_true(life, seed)


@test
def nor_where_little_fits_into_the_inbox():
    overflows = 0
    for seed in range(SEEDS):
        for life in live(seed, inbox_max=300):
            check(life.protocol.inbox_bytes <= 4 * 300 + READ, "in the inbox:", life.protocol.inbox_bytes)
        overflows += life.overflows
        outcomes_are_true(life, seed)
    check(overflows > SEEDS / 10, "few overflows:", overflows)


@test
def a_program_that_is_killed_goes_on_from_what_it_kept():
    """What it published and was not answered it says again, as a program does that keeps it."""
    crashes = 0
    for seed in range(SEEDS):
        for life in live(seed):
            if life.kept is not None and life.chance.randrange(25) == 0:
                left = [pending.message_id for pending in life.protocol.pending.values()]
                life.begin(life.kept)
                crashes += 1
                for text in left:
                    life.protocol.add(khub.Pending(text, "chat", life.protocol.encode("chat", {"text": text}, None, text),
                                                   lambda pending, error: None))
    check(crashes > SEEDS, "few crashes:", crashes)


@test
def what_could_not_be_kept_is_said_again_in_its_order():
    refused = 0
    for seed in range(SEEDS):
        for life in live(seed):
            life.room.full = 5
        equal([number for number, _, _ in life.outcomes], list(range(life.published)), f"what was answered (seed {seed})")
        refused += life.refused
    check(refused > 5 * SEEDS, "few were refused:", refused)


@test
def who_closes_and_says_last_goes_on_where_it_was():
    """Of several messages of one seq the hub can't be told that some were handled."""
    for seed in range(SEEDS):
        for life in live(seed, since="last", together=1):
            if life.chance.randrange(25) == 0:
                life.close()
                equal(life.protocol.pending, {}, "what was not answered")
                life.begin("last")


@test
def a_hub_that_began_anew_is_believed():
    life = Life(3)
    life.connect()
    life.say()
    life.settle()
    life.say()
    life.carry(whole=True)
    check(life.protocol.inbox, "nothing waits of the old room")
    life.cut()
    life.room = Room(life.chance)
    life.protocol.connecting(life.now)
    life.protocol.connected(life.now, True)
    hello = json.loads(life.protocol.output())
    check(hello["payload"]["since"] > 1, hello)
    refusal = {"code": "bad_payload", "detail": "payload.since is beyond", "in_reply_to": hello["message_id"]}
    life.protocol.receive(line_of("hub", "error", refusal), life.now)
    equal(life.protocol.state, State.WAITING, "state")
    life.connect()
    hello = json.loads(life.protocol.output())
    check("since" not in hello["payload"], hello)
    while life.protocol.take():
        pass
    equal(life.protocol.handled, None, "handled, for what came has no place in the new room")
    life.room.obey(hello)
    life.done, life.said = [], 0
    life.say()
    life.settle()
    equal(life.done, list(range(life.said)), "what it did then")


# ── its clock ──


def protocol(**options):
    return khub.Protocol(khub.Options("ada", address="unix:/nowhere", **options), 0.0, lambda: 0.5)


def joined(now=0.0, **options):
    found = protocol(**options)
    found.connecting(now)
    found.connected(now, True)
    found.receive(line_of("hub", "training_sync", {"seq": 1}, 1), now)
    equal(found.state, State.JOINED, "state")
    found.output()
    return found


def publish(found, message_id, text="x"):
    line = found.encode("chat", {"text": text}, None, message_id)
    found.add(khub.Pending(message_id, "chat", line, lambda pending, error: None))


def sent(found):
    return [json.loads(line) for line in found.output().splitlines()]


@test
def tries_come_less_and_less_often():
    found, now, delays = protocol(retry_first_s=0.2, retry_max_s=10), 0.0, []
    for _ in range(9):
        found.connecting(now)
        found.lost(now, khub.Unreachable("no"))
        delays.append(round(found.due - now, 3))
        now = found.due
    equal(delays, [0.15, 0.3, 0.6, 1.2, 2.4, 4.8, 7.5, 7.5, 7.5], "delays, a quarter of each taken off by chance")
    found.connecting(now)
    found.connected(now, True)
    found.receive(line_of("hub", "training_sync", {}), now)
    found.lost(now, khub.Unreachable("lost"))
    equal(round(found.due - now, 3), 0.15, "delay after a connection that was lost")


@test
def so_many_tries_fail_and_the_link_ends():
    for retries, wanted in ((0, 1), (1, 1), (3, 3)):
        found, tries = protocol(retries=retries), 0
        while found.state is not State.ENDED:
            found.connecting(0)
            found.lost(0, khub.Unreachable("no"))
            tries += 1
        equal(tries, wanted, f"tries with {retries}")
    found = joined(retries=0)
    found.lost(0, khub.Unreachable("gone"))
    equal((found.state, str(found.error)), (State.ENDED, "gone"), "a loss that ends it")
    found = joined(retries=1)
    found.lost(0, khub.Unreachable("gone"))
    equal(found.state, State.WAITING, "state: a loss is no failed try")


@test
def heartbeats_are_said_and_awaited():
    found = joined(heartbeat_s=30)
    for beat in range(3):
        equal(found.due, 30.0 * (beat + 1), "due")
        found.tick(found.due - 0.01)
        equal(sent(found), [], "said too early")
        found.tick(found.due)
        equal([line["message_type"] for line in sent(found)], ["heartbeat"], "said")
    found.tick(found.due)
    equal(found.state, State.WAITING, "state after three that nobody answered")
    found = joined(heartbeat_s=30, inbox_max=1)
    found.receive(line_of("eve", "chat", {"text": "x" * 100}, 2), 0)
    check(not found.wants_reading, "it reads on")
    for _ in range(9):  # what it does not read can't answer
        found.tick(found.due)
    equal(found.state, State.JOINED, "state of one that does not read")
    check(found.take() and not found.take() and found.wants_reading, "it does not read on")
    found.tick(found.due)
    equal(found.state, State.JOINED, "state of one that reads again")
    found = joined(heartbeat_s=30)
    publish(found, "m")
    found.tick(found.due)
    equal([line["message_type"] for line in sent(found)], ["chat"], "said: a sign of life in itself")


@test
def a_silent_hub_is_given_half_a_minute():
    found = protocol()
    found.connecting(0)
    found.connected(0, True)
    found.receive(b"{", 20)
    found.tick(49)
    equal(found.state, State.GREETING, "state")
    found.tick(50)
    equal(found.state, State.WAITING, "state")


def beats(found, seq, now=0.0):
    """The hub answers the heartbeat that was said last."""
    found.receive(line_of("hub", "heartbeat", {"seq": seq, "in_reply_to": found.beat_id}, seq), now)


@test
def who_closes_waits_for_the_hub_and_not_for_ever():
    found = joined()
    publish(found, "m")
    found.close()
    refused(khub.Closed, publish, found, "n")
    found.tick(0)
    check(found.state is State.JOINED and not found.lingering, "it is over before it is answered")
    found.receive(line_of("hub", "ack", {"message_id": "m", "seq": 2, "delivered": True}, 2), 0)
    found.tick(0)
    equal((found.state, found.lingering, found.due), (State.JOINED, True, 5.0), "state, and until when")
    found.tick(5.0)
    equal((found.state, found.error), (State.ENDED, None), "state")
    found = joined(inbox_max=1)
    found.receive(line_of("eve", "chat", {}, 2), 0)
    check(not found.wants_reading, "it reads on")
    found.close()
    check(found.wants_reading, "it does not read the answers")
    found.tick(0)
    found.lost(0, khub.Unreachable("its end"))
    equal((found.state, found.error), (State.ENDED, None), "state")


@test
def what_the_hub_knows_it_is_not_told_again():
    found = joined(since="last")
    found.receive(line_of("hub", "caught_up", {"seq": 1}, 1), 0)
    found.tick(found.due)
    equal(sent(found)[0]["payload"], {"seq": 1}, "told")
    beats(found, 1)
    found.close()
    found.tick(0)
    equal((sent(found), found.lingering), ([], True), "said, and is it over")


@test
def an_answer_may_come_behind_its_ack_while_it_catches_up():
    for caught_up in (False, True):
        found, results = joined(since="last"), []
        found.add(khub.Pending("m", "lease_request", found.encode("lease_request", {}, None, "m"),
                               lambda pending, error: results.append((pending.answer, pending.outcome.seq, error)), "lease"))
        found.receive(line_of("hub", "error", {"code": "no_reply", "in_reply_to": "m"}, 2), 0)
        equal(found.take().position, khub.Position(2, 1), "position: it is no answer, but what was missed")
        found.receive(line_of("hub", "ack", {"message_id": "m", "seq": 3, "delivered": True}, 3), 0)
        equal(results, [], "answered")
        if caught_up:  # it was lost with an earlier connection
            found.receive(line_of("hub", "caught_up", {"seq": 3}, 3), 0)
        else:
            found.receive(line_of("hub", "lease", {"in_reply_to": "m"}, 3), 0)
        equal(results, [(None if caught_up else {"in_reply_to": "m"}, 3, None)], "answered")


@test
def what_shares_its_seq_with_what_was_not_handled_is_not_told():
    """And the link ends all the same."""
    found = joined(since="last")
    found.receive(line_of("hub", "caught_up", {"seq": 1}, 1), 0)
    for _ in range(2):
        found.receive(line_of("eve", "chat", {}, 5), 0)
    equal([found.take().type for _ in range(2)], ["caught_up", "chat"], "taken")
    found.handle()
    found.close()
    found.tick(0)
    for _ in range(2):
        equal(sent(found)[-1]["payload"], {"seq": 4}, "told")
        beats(found, 5)
    found.tick(0)
    check(found.lingering, "it goes on")
    found.lost(0, khub.Unreachable("its end"))
    equal(found.state, State.ENDED, "state")


@test
def how_far_was_read_never_goes_back():
    found = joined()
    found.receive(line_of("eve", "chat", {"text": "of the same entry"}, 1), 0)
    check(found.take(), "what has the seq of the sync itself")
    found.receive(line_of("eve", "chat", {}, 5), 0)
    found.take(), found.handle()
    beats(found, 3)
    equal(found.handled, khub.Position(5, 1), "handled")
    beats(found, 5)
    equal(found.handled, khub.Position(5), "handled")


@test
def what_was_handled_is_told_a_second_later():
    found = joined(since="last")
    found.receive(line_of("hub", "caught_up", {"seq": 1}, 1), 0)
    found.tick(1.0)
    sent(found)
    for seq in (5, 7, 9):
        found.receive(line_of("eve", "chat", {}, seq), 1)
    for _ in range(3):
        check(found.take(), "a message")
    found.told_soon(1.0)
    equal(found.due, 2.0, "due")
    found.tick(2.0)
    equal(sent(found)[0]["payload"], {"seq": 6}, "told: the second may have more of its seq")


# ── what the hub says ──


@test
def refusals_end_the_link_or_are_waited_off():
    cases = [("id_in_use", State.ENDED), ("taken_over", State.ENDED), ("kicked", State.ENDED), ("banned", State.ENDED),
             ("protected_mode", State.ENDED), ("wrong_protocol", State.ENDED), ("unauthorized", State.ENDED),
             ("forbidden", State.ENDED), ("bad_payload", State.ENDED), ("connections_full", State.WAITING),
             ("shutting_down", State.WAITING), ("rate_limited", State.WAITING), ("quota_exceeded", State.WAITING),
             ("storage_unavailable", State.WAITING)]
    for code, state in cases:
        found = protocol()
        found.connecting(0)
        found.connected(0, True)
        found.receive(line_of("hub", "error", {"code": code, "detail": "d", "in_reply_to": found.hello_id}), 0)
        equal(found.state, state, f"state after {code}")
        equal(isinstance(found.error, khub.Refused), state is State.ENDED, f"error of {code}")
    for code in ("kicked", "banned", "taken_over"):
        found = joined()
        found.receive(line_of("hub", "error", {"code": code, "detail": "d", "in_reply_to": None}), 0)
        equal(found.state, State.ENDED, f"state after {code}")
    found = joined()
    found.lost(0, khub.Unreachable("lost"))
    found.connecting(1)
    found.connected(1, True)
    found.receive(line_of("hub", "error", {"code": "id_in_use", "detail": "d", "in_reply_to": found.hello_id}), 1)
    equal(found.state, State.WAITING, "state, for the id was its own")


@test
def a_guest_says_hello_again_until_it_is_kept():
    found = protocol(observer=True)
    found.connecting(0)
    found.connected(0, True)
    found.output()
    found.receive(line_of("hub", "training_sync", {"seq": 4, "kept": False}, 4), 0)
    equal(found.state, State.JOINED, "state")
    delays = []
    for _ in range(4):
        delays.append(round(found.due, 2))
        found.tick(found.due)
        equal([line["message_type"] for line in sent(found)], ["hello"], "said")
        found.receive(line_of("hub", "training_sync", {"seq": 4, "kept": False}, 4), 0)
    check(all(b - a > 0.1 for a, b in zip(delays, delays[1:])), delays)
    found.tick(found.due)
    equal(sent(found)[0]["payload"]["since"], 4, "since")
    found.receive(line_of("hub", "training_sync", {"seq": 9}, 9), 100.0)
    equal((found.guest, found.due), (False, 130.0), "a guest, and its next heartbeat")


@test
def what_waits_to_be_answered_is_bounded():
    found = joined(queue_max=1000)
    taken = 0
    with contextlib.suppress(khub.Full):
        while True:
            publish(found, f"m{taken}", "x" * 100)
            taken += 1
    check(3 <= taken <= 6, "taken:", taken)
    found.receive(line_of("hub", "ack", {"message_id": "m0", "seq": 2}, 2), 0)
    publish(found, "again", "x" * 100)


@test
def lines_that_are_too_long_are_skipped():
    found = joined(line_max=1000)
    long = line_of("eve", "chat", {"text": "x" * 2000}, 2)
    for start in range(0, len(long), 700):
        found.receive(long[start:start + 700], 0)
    found.receive(line_of("eve", "chat", {"text": "short"}, 3), 0)
    equal((found.skipped, found.take().text), (1, "short"), "skipped, and then")


# ── what it is told ──


@test
def addresses():
    parse = khub._Address.parse
    for text, wanted in {
            "127.0.0.1:7000": ("127.0.0.1", 7000, "", False), "hub.example": ("hub.example", 6000, "", False),
            "[::1]:7": ("::1", 7, "", False), "::1": ("::1", 6000, "", False), "[fe80::1]": ("fe80::1", 6000, "", False),
            "khub://h:1": ("h", 1, "", False), "khubs://h": ("h", 6000, "", True), "khubs://[::1]:9": ("::1", 9, "", True),
            "unix:/run/hub": ("", 0, "/run/hub", False)}.items():
        equal(tuple(parse(text)), wanted, text)
    for text in ("", "unix:", "h:", "h:0", "h:70000", "h:6000x", "[::1", "http://h", "a:b:c]", "khubs://"):
        with contextlib.suppress(ValueError):
            raise AssertionError(f"{text!r} is taken: {parse(text)}")
    for host, local in (("127.0.0.1", True), ("127.9.9.9", True), ("::1", True), ("::ffff:127.0.0.1", True),
                        ("10.0.0.1", False), ("fe80::1%eth0", False), ("::ffff:10.0.0.1", False)):
        equal(khub._is_local((host, 1)), local, host)
    equal(parse("unix:/a/b").token_place(), "unix:%2Fa%2Fb", "place of a token")
    equal(parse("khubs://[::1]:9").token_place(), "[::1]:9", "place of a token")


@contextlib.contextmanager
def surroundings(**more):
    before = dict(os.environ)
    os.environ.update(more)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
        khub._environment_token = ""


@test
def a_token_is_found_where_khub_looks_for_it():
    def chosen(**options):
        return khub.Protocol(khub.Options("ada", address="127.0.0.1:7000", **options), 0.0).token

    check(hashlib.sha256(TOKEN.encode()).hexdigest() and khub._token_whole(TOKEN), "the token of the tests")
    for at in range(5, len(TOKEN)):
        check(not khub._token_whole(TOKEN[:at] + ("0" if TOKEN[at] != "0" else "1") + TOKEN[at + 1:]), "mistyped at", at)
    with tempfile.TemporaryDirectory() as folder:
        place = os.path.join(folder, "khub", "tokens", "127.0.0.1:7000")
        os.makedirs(os.path.dirname(place))
        with open(place, "w", encoding="ascii") as file:
            file.write(TOKEN + "\n")
        os.chmod(place, 0o600)
        with surroundings(XDG_CONFIG_HOME=folder):
            equal(chosen(), TOKEN, "of the file")
            equal(chosen(token=""), "", "none")
            equal(chosen(token="other"), "other", "as said")
        with surroundings(XDG_CONFIG_HOME=os.path.join(folder, "nowhere")):
            equal(chosen(), "", "nowhere")
        with surroundings(XDG_CONFIG_HOME="/nowhere", KHUB_TOKEN=TOKEN):
            equal(chosen(), TOKEN, "of the environment")
            check("KHUB_TOKEN" not in os.environ, "children would have it")
            equal(chosen(), TOKEN, "the second time")
        with surroundings(KHUB_TOKEN="nonsense"):
            refused(ValueError, chosen)
        os.chmod(place, 0o640)
        with surroundings(XDG_CONFIG_HOME=folder):
            refused(ValueError, chosen)


def refused(kind, function, *words, **more):
    try:
        found = function(*words, **more)
    except kind:
        return
    raise AssertionError(f"{function} took {words} {more}: {found}")


@test
def what_can_not_be_is_refused_at_once():
    for wrong in ({"ai_id": ""}, {"ai_id": "x" * 129}, {"ai_id": "a\nb"}, {"ai_id": "hub"}, {"stays_s": -1},
                  {"stays_s": 86401}, {"stays_s": 1, "observer": True}, {"since": "first"}, {"cert": "f"},
                  {"ca": "f", "fingerprint": "0" * 64}):
        refused(ValueError, khub.Options, **{"ai_id": "ada", **wrong})
    found = joined()
    for wrong in ({"x": float("nan")}, {"x": "\ud800"}, {"x": {1, 2}}):
        refused((ValueError, TypeError), found.encode, "chat", wrong, None, "m")
    refused(ValueError, found.encode, "chat", {}, "x" * 129, "m")
    refused(ValueError, found.encode, "chat", {}, None, "a\x00b")
    refused(khub.TooLong, found.encode, "chat", {"text": "x" * (1 << 20)}, None, "m")
    found.receive(line_of("hub", "training_sync", {"limits": {"max_line": 1000}}), 0)
    refused(khub.TooLong, found.encode, "chat", {"text": "x" * 1000}, None, "m")
    check("secret" not in repr(khub.Options("ada", token="secret", resume_token="secret")), "a token is shown")


run()
