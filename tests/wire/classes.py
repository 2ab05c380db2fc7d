"""The classes of mistakes in which brokers that are written in C fell: one test each, named after
its class. What a class is tried with besides stands in the files that docs/THREATS.md names."""

import contextlib
import itertools
import re
import socket
import time

from harness import MIB, Client, Hub, Room, check, directory, encode, equal, message, room, run, test, wait_until

# ends of the ranges in which lengths and counts are kept
EDGES = [-1, 0, 2**31 - 1, 2**31, 2**32 - 1, 2**32, 2**53, 2**53 + 1, 2**63 - 1, 2**63, 2**64 - 1, 2**64, 2**64 + 1, 10**30]
# each number that a hub reads of a message, with what else its message needs
COUNTED = [
    ("hello", {}, ["since", "protocol", "sync"]),
    ("hello", {"protocol": 2}, ["since", "stays_s"]),
    ("knowledge_query", {}, ["since", "limit", "revision", "cursor"]),
    ("log_query", {}, ["after", "until", "limit"]),
    ("session_query", {}, ["after", "limit"]),
    ("member_query", {}, ["limit"]),
    ("sent_query", {}, ["limit"]),
    ("dead_query", {}, ["id", "after", "limit"]),
    ("dead_letter", {"action": "send"}, ["id"]),
    ("lease_request", {"key": "k"}, ["ttl_s"]),
    ("chat", {"text": "?", "lease": {"key": "k"}}, ["reply_by"]),
    ("workspace_update", {"session_id": "none", "key": "k", "value": 1}, ["base_version"]),
    ("heartbeat", {}, ["seq"]),
    ("artifact_offer", {"session_id": "none", "name": "f", "size": 1, "sha256": "0" * 64}, ["size", "base_version"]),
    ("artifact_chunk", {"session_id": "none", "name": "f", "data": ""}, ["index"]),
    ("artifact_query", {"sha256": "0" * 64}, ["index", "after", "limit"]),
]
TYPES = ["hello", "heartbeat", "pattern_share", "code_share", "feature_request", "feature_response", "os_component_share",
         "performance_report", "collaboration_request", "collaboration_response", "collaboration_update",
         "workspace_update", "lease_request", "lease_release", "commitment", "dead_letter", "dead_query", "chat",
         "knowledge_query", "log_query", "session_query", "member_query", "sent_query",
         "leave"]


def gone(place):
    """Waits until nobody is there but the bystanders, and nothing of it is under way to them: a
    connection is gone before the log has its member's end."""
    wait_until(lambda: place.hub.counters()["connections"] == 2, "the others' connections to be gone")

    def members():
        counters = place.hub.counters()
        return counters["members"] + counters["observers"]

    wait_until(lambda: members() == 2, "the others to be gone")
    for client in (place.ada, place.bea):
        client.drain()


def alive(hub, name="judge"):
    """It takes in somebody new."""
    with contextlib.closing(hub.join(name, 2)) as judge:
        check(name in judge.sync["active_ais"], judge.sync["active_ais"])


@test
def class_1_integer_overflow_in_lengths():
    with directory() as data, Hub("--data", data) as hub:
        place = Room(hub)
        for kind, others, names in COUNTED:
            for name in names:
                # a connection each, so that a bad one takes no other along
                with contextlib.closing(hub.connect()) as eve:
                    eve.name = "eve"
                    if kind != "hello":
                        eve.hello("eve", 2, role="observer" if kind == "log_query" else "member")
                    for edge in EDGES:
                        target = "bea" if name == "reply_by" else None
                        fields = message("eve", kind, {**others, name: edge}, target)
                        eve.send(fields)
                    eve.send(message("eve", "hello", {}))
                    eve.send(message("eve", "barrier_of_a_test"))
                    while (line := eve.receive()) is not None and line["payload"].get("code") != "unknown_type":
                        pass
                    check(line is not None, f"{kind}.{name} ended the connection")
        gone(place)
        place.unaffected(heard=("chat", "lease"))


@test
def class_2_use_after_free_when_a_client_leaves_in_the_middle_of_its_command():
    asked = [("knowledge_query", {"text": "pattern"}), ("log_query", {"limit": 100}), ("session_query", {}),
             ("member_query", {}), ("dead_query", {}), ("lease_request", {"key": "k", "ttl_s": 60}), ("pattern_share", {"pattern": {"id": "p"}}),
             ("collaboration_request", {"type": "t", "description": "d"}), ("commitment", {"subject": "s"})]
    with directory() as data, Hub("--data", data) as hub:
        place = Room(hub)
        names = itertools.count()
        for number in range(20):
            place.ada.say("pattern_share", {"pattern": {"id": f"pattern {number}", "text": "x" * 20000}})
        for kind, payload in asked * 2:
            for leave in (Client.reset, Client.close):
                name = f"eve {next(names)}"
                eve = hub.connect()
                eve.hello(name, 2, role="observer" if kind == "log_query" else "member", acks=True)
                line = encode(message(name, kind, payload)) + b"\n"
                eve.send_bytes(line * 16 + line[:len(line) // 2])  # it begins one more, too
                leave(eve)
        gone(place)
        place.unaffected(heard=("pattern_share", "lease", "collaboration_request", "chat"))


@test
def class_3_double_free_or_leak_on_a_malformed_first_packet():
    # what leaks is told by the sanitizer's build when the hub ends
    good = encode(message("eve", "hello", {"specialization": "s", "capabilities": ["a", "b"], "protocol": 2}))
    with room() as place:
        firsts = [b"\n", b"\0\n", b"{}\n", b"[]\n", b"\xff\xfe\n", b'"\n', b"{" * 100 + b"\n"]
        firsts += [good[:cut] + b"\n" for cut in range(1, len(good), 3)]
        firsts += [good[:cut] + b"\xff" + good[cut:] + b"\n" for cut in range(1, len(good), 3)]
        for first in firsts:
            eve = place.hub.connect()
            eve.send_bytes(first * 2)
            eve.close()
        alive(place.hub)


@test
def class_4_null_dereference_before_authentication():
    with room() as place:
        for kind in TYPES:
            for payload in ({}, {"pattern": None, "code": None, "component": None, "performance": None, "session_id": None}):
                whole = message("eve", kind, payload)
                lines = [whole, {**whole, "payload": None}, {**whole, "target_ai": "nobody"}, {**whole, "target_ai": "ada"}]
                lines += [{name: value for name, value in whole.items() if name != without} for without in whole]
                lines += [{**whole, name: None} for name in whole]
                with contextlib.closing(place.hub.connect()) as eve:
                    for line in lines:  # each may be its first: nobody has joined by a bad one
                        eve.send(line)
        place.hub.wait_log("conn=c[0-9]+ event=left ai=eve")
        alive(place.hub)
        gone(place)


@test
def class_5_memory_without_bound_before_authentication():
    with room("--line-max", MIB) as place:
        clients = [place.hub.connect() for _ in range(20)]
        block = b"x" * MIB
        for client in clients:  # 320 MiB of lines that never end, of those who are nobody
            for _ in range(16):
                client.send_bytes(block)
        place.hub.check_rss(64 * MIB)
        for client in clients:
            client.expect_error("line_too_long")
            client.close()


@test
def class_6_stack_overflow_by_nesting():
    with room() as place:
        for opening in (b"[", b'{"a":', b'[{"a":[', b'{"payload":{"a":'):
            eve = place.hub.connect()
            eve.send_bytes(opening * (900_000 // len(opening)) + b"\n")
            eve.expect("error")
            inside = b'{"message_id":"1","sender_id":"eve","message_type":"chat","timestamp":"t","payload":{"x":'
            eve.send_bytes(inside + opening * 100_000 + b"\n")
            eve.expect("error")
            eve.close()


@test
def class_7_access_rules_passed_by_case_unicode_or_wildcards_in_names():
    with room() as place:
        for name in ("hub", "HUB", "Hub", "h\u0075b\u200b", "\uff48\uff55\uff42", "ada", "\u0430da", "ad\u0430", "ada\u200d", "ada\u202e"):
            with contextlib.closing(place.hub.connect()) as eve:
                eve.name = name
                eve.send(message(name, "hello", {"protocol": 2}))
                found = eve.expect("error")["payload"]["code"]
                check(found in ("reserved_id", "id_in_use", "bad_field"), ascii(name), found)
        # another AI, who hears nothing of ada's
        with contextlib.closing(place.hub.join("ADA", 2)) as other:
            place.bea.say("feature_response", {"text": "to ada alone"}, "ada")
            while place.ada.receive()["payload"].get("text") != "to ada alone":
                pass
            check(not any(line["message_type"] == "feature_response" for line in other.drain()), "ADA heard what was said to ada")
        with contextlib.closing(place.hub.join("eve", 2)) as eve:
            for target in ("*", "#", "+", "%", "ad*", "Ada", "ada ", "ada\0", "a.a", "ad_", "../ada"):
                eve.say("chat", {"text": "to whom?"}, target)
                check(eve.receive()["payload"]["code"] in ("unknown_target", "bad_field"), target)
        for name in ("*", "#", "+", "MAIN", "main/", "../main", "m*"):
            with contextlib.closing(place.hub.connect()) as eve:
                eve.name = "eve"
                eve.send(message("eve", "hello", {"protocol": 2, "room": name}))
                line = eve.receive()
                if line["message_type"] == "training_sync":  # a room like any other
                    equal(line["payload"]["active_ais"], ["eve"], f"who is in {name}")
        gone(place)


@test
def class_8_access_kept_by_a_connection_whose_place_was_taken():
    with room() as place:
        old = place.hub.join("eve", 2)
        new = place.hub.connect()
        new.hello("eve", 2, resume_token=old.sync["resume_token"])
        old.expect_error("taken_over")
        # what it says, and hears, is nobody's any more
        with contextlib.suppress(OSError):
            old.send(message("eve", "chat", {"text": "still me"}))
        place.ada.say("chat", {"text": "for the new one"}, "eve")
        while new.receive()["payload"].get("text") != "for the new one":
            pass
        rest = []
        with contextlib.suppress(ConnectionError):
            while (line := old.receive()) is not None:
                rest.append(line)
        equal(rest, [], "what the old one heard")
        for client in (place.ada, place.bea):
            check(not any(line["payload"].get("text") == "still me" for line in client.drain()), "the old one was heard")
        # nor does the token that it had open the door once more
        again = place.hub.connect()
        again.name = "eve"
        again.send(message("eve", "hello", {"protocol": 2, "resume_token": old.sync["resume_token"]}))
        again.expect_error("id_in_use")
        for client in (old, new, again):
            client.close()


@test
def class_9_log_and_terminal_injection():
    evil = "\x1b]0;owned\x07\x1b[2J\r\ntime=2026 event=forged \u202e\u2028\x9b1m"
    with Hub() as hub:
        place = Room(hub)
        eve = place.hub.connect()
        eve.hello("eve", 2, specialization=evil, capabilities=[evil])
        eve.say("pattern_share", {"pattern": {"id": evil, "text": evil}})
        eve.say("lease_request", {"key": evil, "ttl_s": 60, "intent": evil})
        eve.say("collaboration_request", {"type": evil, "description": evil})
        eve.say("chat", {"text": evil}, evil)
        eve.send(message(evil, "hello"))
        eve.send(message("eve", evil))
        eve.drain()
        eve.close()
        place.hub.wait_log("event=left ai=eve")
        place.hub.wait_console("[-] eve left")
        for text in (place.hub.log(), place.hub.console()):
            for line in text.split("\n"):
                check(not re.search("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e]", line), "raw in", ascii(line))
                check(line == "" or re.match(r"time=|\[", line), "a forged line:", line)
                check(" event=forged" not in re.sub(r'"(?:[^"\\]|\\.)*"', "", line) or line.startswith("["), line)


def let_in(hub, name):
    """Who is told that the hub is full comes again: those who say no line go first."""
    while True:
        client = hub.connect()
        client.name = name
        client.level = 2
        with contextlib.suppress(OSError):
            client.send(message(name, "hello", {"protocol": 2}))
        with contextlib.suppress(ConnectionError):
            line = client.receive()
            if line and line["message_type"] == "training_sync":
                client.sync = line["payload"]
                return client
        client.close()
        time.sleep(0.05)


@test
def class_10_slow_loris_and_half_open_floods():
    line = encode(message("loris", "hello"))
    with Hub("--connections-max", 24) as hub:
        lorises = []
        for number in range(96):  # each a byte further in its line than the last
            loris = Client(("127.0.0.1", hub.port))
            with contextlib.suppress(OSError):
                loris.send_bytes(line[:1 + number % (len(line) - 1)])
            lorises.append(loris)
        good = let_in(hub, "good")
        for loris in lorises:  # and go on, a byte at a time
            with contextlib.suppress(OSError):
                loris.send_bytes(b"x")
        late = let_in(hub, "late")
        good.say("chat", {"text": "are you there?"}, "late")
        late.expect("chat", text="are you there?")
        good.close()
        late.close()
        for loris in lorises:
            loris.close()


@test
def class_12_protocol_confusion():
    share = encode(message("page", "pattern_share", {"pattern": {"id": "from a page"}})) + b"\n"
    starts = [b"POST /x HTTP/1.1\r\nHost: a\r\nContent-Type: text/plain\r\nContent-Length: 300\r\n\r\n",
              b"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: x\r\n\r\n",
              b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"x" * 32 + b"\n",
              b"PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\n", b"*1\r\n$4\r\nPING\r\n"]
    with room() as place:
        for start in starts:
            for whole in (True, False):
                eve = place.hub.connect()
                data = start + share
                for piece in ([data] if whole else [data[:1], data[1:5], data[5:]]):
                    with contextlib.suppress(OSError):
                        eve.send_bytes(piece)
                with contextlib.suppress(ConnectionError, socket.timeout):
                    while eve.socket.recv(65536):
                        pass
                eve.close()
        equal(place.hub.counters()["wrong_protocol"], 2 * len(starts))
        place.nothing_stored()


run()
