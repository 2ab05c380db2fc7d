"""Bad lines: each gets a clear error, is not stored and not passed on, and disturbs nobody."""

import json
import os
import threading

from harness import MIB, check, encode, equal, message, room, run, test

HELLO = {"specialization": "general", "capabilities": [], "protocol": 2}


def with_member(name, value):
    """A pattern_share whose member is this JSON text; None leaves it out."""
    fields = {"message_id": '"m1"', "sender_id": '"eve"', "message_type": '"pattern_share"', "timestamp": '"2026-01-01"',
              "payload": '{"pattern":{"id":"p1"}}', "target_ai": "null"}
    fields[name] = value
    return ("{" + ",".join(f'"{key}":{text}' for key, text in fields.items() if text is not None) + "}").encode()


NOT_JSON = {
    "junk": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    "HTTP": b"GET / HTTP/1.1",
    "half a line": b'{"message_id":"m1","sender_id":"eve"',
    "an array": b"[1,2,3]",
    "a number": b"17",
    "a string": b'"hello"',
    "two objects": b"{}{}",
    "single quotes": b"{'message_id':'m1'}",
    "a trailing comma": b'{"message_id":"m1",}',
    "NaN": with_member("payload", '{"x":NaN}'),
    "a leading zero": with_member("payload", '{"x":01}'),
    "invalid UTF-8": with_member("payload", '{"x":"?"}').replace(b"?", b"\xc3\x28"),
    "overlong UTF-8": with_member("payload", '{"x":"?"}').replace(b"?", b"\xc0\xaf"),
    "a UTF-8 surrogate": with_member("payload", '{"x":"?"}').replace(b"?", b"\xed\xa0\x80"),
    "a lone surrogate escape": with_member("payload", '{"x":"\\ud800"}'),
    "a bare NUL": with_member("payload", '{"x":"?"}').replace(b"?", b"\0"),
    "NUL in front": b"\0" + with_member("payload", "{}"),
    "a control character": with_member("payload", '{"x":"?"}').replace(b"?", b"\x01"),
    "a byte order mark": b"\xef\xbb\xbf" + with_member("payload", "{}"),
}


@test
def what_is_not_strict_json_is_bad_json():
    for name, line in NOT_JSON.items():
        with room() as place:
            eve = place.hub.join("eve", 2)
            eve.send(line)
            found = eve.expect_error("bad_json")["payload"]
            check(found["in_reply_to"] in (None, "m1"), name, found)
            eve.expect_nothing()
            eve.close()
            place.nothing_stored()


REFUSED = [
    ("missing_field", with_member("message_id", None), ["message_id"]),
    ("missing_field", with_member("sender_id", None), ["sender_id"]),
    ("missing_field", with_member("message_type", None), ["message_type"]),
    ("missing_field", with_member("timestamp", None), ["timestamp"]),
    ("missing_field", with_member("payload", None), ["payload"]),
    ("missing_field", b"{}", []),
    ("unknown_field", with_member("colour", '"red"'), ["colour"]),
    ("unknown_field", with_member("seq", "7"), ["seq"]),
    ("duplicate_field", with_member("target_ai", 'null,"sender_id":"ada"'), ["sender_id"]),
    ("duplicate_field", with_member("target_ai", 'null,"\\u0073ender_id":"ada"'), ["sender_id"]),
    ("bad_field", with_member("message_id", "7"), ["message_id"]),
    ("bad_field", with_member("message_id", '""'), ["message_id"]),
    ("bad_field", with_member("message_id", '"' + 129 * "m" + '"'), ["message_id", "128"]),
    ("bad_field", with_member("sender_id", "null"), ["sender_id"]),
    ("bad_field", with_member("sender_id", '"' + 129 * "s" + '"'), ["sender_id", "128"]),
    ("bad_field", with_member("timestamp", '"' + 65 * "t" + '"'), ["timestamp", "64"]),
    ("bad_field", with_member("timestamp", "1700000000"), ["timestamp"]),
    ("bad_field", with_member("payload", '"text"'), ["payload"]),
    ("bad_field", with_member("payload", "null"), ["payload"]),
    ("bad_field", with_member("payload", 65 * '{"a":' + "1" + 65 * "}"), ["payload", "64"]),
    ("bad_field", with_member("target_ai", "7"), ["target_ai"]),
    ("bad_field", with_member("target_ai", '"eve"'), ["target_ai"]),
    ("unknown_type", with_member("message_type", '"pattern_shair"'), ["pattern_shair"]),
    ("unknown_type", with_member("message_type", '"knowledge_wish"'), []),
    ("forbidden_type", with_member("message_type", '"training_sync"'), ["training_sync"]),
    ("forbidden_type", with_member("message_type", '"ack"'), ["ack"]),
    ("forbidden_type", with_member("message_type", '"presence"'), ["presence"]),
    ("forbidden_type", with_member("message_type", '"error"'), ["error"]),
    ("forbidden_type", with_member("message_type", '"knowledge_result"'), ["knowledge_result"]),
    ("forbidden_type", with_member("message_type", '"challenge"'), ["challenge"]),
    ("forbidden_type", with_member("message_type", '"verification"'), ["verification"]),
    ("bad_payload", with_member("payload", "{}"), ["pattern"]),
    ("bad_payload", with_member("payload", '{"pattern":[]}'), ["pattern"]),
    ("unknown_target", with_member("target_ai", '"aba"'), ["ada"]),
]


@test
def what_breaks_a_rule_is_refused_with_its_code_and_a_sentence():
    with room() as place:
        eve = place.hub.join("eve", 2)
        for code, line, words in REFUSED:
            eve.send(line)
            eve.expect_error(code, *words)
        eve.close()
        place.nothing_stored()


@test
def payloads_that_lack_what_their_type_needs_are_refused():
    cases = [("code_share", {}), ("code_share", {"code": 1}), ("os_component_share", {}),
             ("os_component_share", {"component": "x"}), ("performance_report", {}), ("feature_request", {}),
             ("feature_request", {"feature": ""})]
    with room() as place:
        eve = place.hub.join("eve", 2)
        for message_type, payload in cases:
            identity = eve.say(message_type, payload)
            found = eve.expect_error("bad_payload")
            equal(found["payload"]["in_reply_to"], identity, message_type)
        eve.close()
        place.nothing_stored()


@test
def messages_on_sessions_that_are_none_are_refused():
    with room() as place:
        eve = place.hub.join("eve", 2)
        for message_type, payload in [
                ("collaboration_response", {"session_id": "nosuch", "accepted": True}),
                ("collaboration_update", {"session_id": "nosuch", "progress": 0.5}),
                ("workspace_update", {"session_id": "nosuch", "key": "k", "value": 1, "base_version": 0})]:
            eve.say(message_type, payload)
            eve.expect_error("unknown_session")
        eve.close()


@test
def a_mebibyte_of_open_brackets_is_refused():
    with room() as place:
        eve = place.hub.join("eve", 2)
        eve.send(b"[" * MIB)
        eve.expect_error("bad_json")
        eve.send(with_member("payload", '{"a":' + (MIB - 1000) * "[" + "}"))
        found = eve.receive()["payload"]["code"]
        check(found in ("bad_json", "bad_field"), found)
        eve.send(b'{"a":' * (MIB // 5))
        eve.expect("error")
        eve.close()
        place.nothing_stored()
        place.hub.check_rss(32 * MIB)


@test
def a_half_line_is_never_acted_on():
    with room() as place:
        eve = place.hub.connect()
        eve.send_bytes(encode(message("eve", "hello", HELLO)))  # no end of line
        eve.close()
        place.hub.wait_log("conn=c3 event=disconnected reason=peer_closed")
        place.ada.expect_nothing()
        place.nothing_stored()


@test
def a_reset_in_the_middle_of_a_line_loses_only_that_line():
    with room() as place:
        eve = place.hub.join("eve", 2)
        place.ada.expect("hello")
        eve.say("feature_response", {"said": "before"})
        eve.send_bytes(b'{"message_id":"half')
        place.ada.expect("feature_response", said="before")
        eve.reset()
        place.hub.wait_log("conn=c3 event=disconnected reason=peer_reset")
        place.nothing_stored()
        place.unaffected(heard=["feature_response"])


@test
def what_was_said_before_a_reset_is_still_taken():
    with room() as place:
        eve = place.hub.join("eve", 2)
        place.ada.expect("hello")
        for number in range(50):
            eve.say("feature_response", {"number": number})
        eve.say("no_such_type")  # an answer that it will not read, so that closing resets
        eve.close()
        for number in range(50):
            place.ada.expect("feature_response", number=number)
        place.bea.drain()


@test
def huge_numbers_pass_byte_for_byte():
    line = with_member("message_type", '"feature_response"').replace(
        b'{"pattern":{"id":"p1"}}',
        b'{"a":1e999999,"b":-0.0e-00,"c":' + b"9" * 4000 + b',"d":0.' + b"1" * 4000 + b',"e":12345678901234567890123}')
    with room() as place:
        eve = place.hub.join("eve", 2)
        place.ada.expect("hello")
        eve.send(line)
        equal(place.ada.receive_raw(), line, "the line at ada")
        eve.close()
        place.bea.drain()


@test
def a_line_may_come_in_any_pieces():
    with room() as place:
        eve = place.hub.join("eve", 2)
        place.ada.expect("hello")
        line = encode(message("eve", "feature_response", {"text": "é\U0001f600"})) + b"\r\n"
        for position in range(len(line)):
            eve.send_bytes(line[position:position + 1])
        equal(place.ada.receive_raw(), line[:-2], "the line at ada")
        eve.close()
        place.bea.drain()


@test
def carriage_returns_and_empty_lines_are_tolerated():
    with room() as place:
        eve = place.hub.connect()
        eve.name, eve.level = "eve", 2
        eve.send_bytes(b"\r\n\n\n\r\n" + encode(message("eve", "hello", HELLO)) + b"\r\n\r\n\n")
        eve.expect("training_sync")
        eve.expect_nothing()
        place.ada.expect("hello")
        check(not place.ada.raw.endswith(b"\r"), "the end of line was passed on")
        eve.close()


@test
def a_line_at_the_limit_passes_and_one_byte_more_does_not():
    with room() as place:
        eve = place.hub.join("eve", 2)
        place.ada.expect("hello")
        empty = encode(message("eve", "feature_response", {"text": ""}))
        line = empty.replace(b'"text": ""', b'"text": "' + b"x" * (MIB - len(empty)) + b'"')
        equal(len(line), MIB)
        eve.send(line)
        equal(place.ada.receive_raw(), line, "the line at ada")
        eve.send(line.replace(b"xx", b"xxx", 1))
        eve.expect_error("line_too_long", "1048576")
        eve.expect_nothing()
        eve.close()
        place.bea.drain()


@test
def a_line_of_a_gibibyte_is_streamed_past():
    with room() as place:
        eve = place.hub.join("eve", 2)
        place.ada.expect("hello")
        block = b"x" * MIB
        for number in range(1024):
            eve.send_bytes(block)
            if number % 128 == 0:
                place.hub.check_rss(32 * MIB)
        eve.send_bytes(b"\n")
        eve.expect_error("line_too_long")
        eve.say("feature_response", {"said": "after"})  # and the connection lives on
        place.ada.expect("feature_response", said="after")
        eve.close()
        place.hub.check_rss(32 * MIB)
        place.bea.drain()


@test
def many_half_lines_together_stay_within_bounds():
    # meson's MALLOC_PERTURB_ writes to all that is allocated, also where no byte of a line came
    unperturbed = {name: text for name, text in os.environ.items() if name != "MALLOC_PERTURB_"}
    with room(env=unperturbed) as place:
        clients = [place.hub.connect() for _ in range(400)]
        block = b'{"message_id":"' + b"x" * (900 << 10)  # 350 MiB in all

        def pour(some):
            for client in some:
                try:
                    client.send_bytes(block)
                except OSError:  # cut, as some must be
                    pass

        threads = [threading.Thread(target=pour, args=(clients[i::4],)) for i in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        place.hub.wait_log("reason=out_of_memory")
        place.hub.check_rss(330 * MIB)
        for client in clients:
            client.close()
        check(place.hub.counters()["out_of_memory"] > 0)


@test
def a_hundred_bad_lines_in_a_row_end_the_connection():
    with room() as place:
        eve = place.hub.join("eve", 2)
        for _ in range(99):
            eve.send(b"junk")
        for _ in range(99):
            eve.expect_error("bad_json")
        eve.say("heartbeat")  # a good one in between: counted anew
        eve.expect("heartbeat")
        eve.send_bytes(b"junk\n" * 1000)
        for _ in range(100):
            eve.expect_error("bad_json")
        last = eve.receive_raw()
        check(last is None or b"error" in last, "after the hundredth comes", last)
        if last is not None:
            eve.expect_end()
        place.hub.wait_log("conn=c3 event=disconnected reason=bad_lines")
        place.nothing_stored()


@test
def random_bytes_do_no_harm():
    with room() as place:
        for seed in range(40):
            eve = place.hub.connect()
            try:
                eve.send_bytes(os.urandom(20000 + seed))
            except OSError:  # it was closed for a hundred bad lines
                pass
            eve.close()
        place.nothing_stored()


@test
def the_log_can_not_be_forged():
    with room() as place:
        eve = place.hub.connect()
        eve.name = "e\x1b[2J"
        eve.send(message("x\nevent=forged", "hello", HELLO))
        eve.expect_error("bad_field", "sender_id")
        eve.send(message('quote" event=forged \u009b\u202e', "heartbeat"))
        eve.drain()
        eve.close()
        for line in place.hub.log().splitlines():
            check(line.startswith("time="), "a forged line:", line)
            check(json.dumps(line, ensure_ascii=False)[1:-1].count("\\u00") <= line.count("\\u00"), line)
            check("\x1b" not in line and "\x9b" not in line, repr(line))


run()
