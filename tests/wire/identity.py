"""Who is who: forged sender_ids, the hub's own id, two AIs of one id, takeover by resume_token,
strange ids."""

from harness import check, equal, message, room, run, test


@test
def a_forged_sender_id_is_refused():
    with room() as place:
        eve = place.hub.join("eve", 2)
        place.ada.expect("hello")
        eve.send(message("bea", "feature_response", {"text": "I am bea"}, "ada"))
        eve.expect_error("sender_mismatch", "eve")
        eve.send(message("bea", "hello"))
        eve.expect_error("sender_mismatch", "eve")
        place.ada.expect_nothing()
        eve.close()
        place.nothing_stored()


@test
def nobody_can_be_the_hub():
    with room() as place:
        for message_type in ("hello", "heartbeat", "pattern_share"):
            eve = place.hub.connect()
            eve.send(message("hub", message_type, {"pattern": {"id": "p"}}))
            eve.expect_error("reserved_id", "hub")
            eve.close()
        eve = place.hub.connect()
        eve.send(b'{"message_id":"1","sender_id":"\\u0068ub","message_type":"hello","timestamp":"t","payload":{}}')
        eve.expect_error("reserved_id")
        eve.close()
        place.ada.expect_nothing()
        place.nothing_stored()


@test
def of_two_ais_with_one_id_the_second_is_refused():
    with room() as place:
        twin = place.hub.connect()
        twin.name = "bea"
        twin.say("hello", {"protocol": 2})
        twin.expect_error("id_in_use", "bea")
        twin.say("feature_response", {"text": "as bea"}, "ada")
        twin.expect_error("id_in_use", "bea")
        twin.say("hello", {"protocol": 2, "resume_token": "0" * 32})
        twin.expect_error("id_in_use")
        place.ada.expect_nothing()
        twin.close()
        place.nothing_stored()


@test
def a_resume_token_takes_the_id_over():
    with room() as place:
        first = place.hub.join("eve", 2)
        token = first.sync["resume_token"]
        second = place.hub.connect()
        sync = second.hello("eve", 2, resume_token=token)
        first.expect_error("taken_over")
        first.expect_end()
        check(sync["resume_token"] and sync["active_ais"].count("eve") == 1, sync)
        second.say("feature_response", {"text": "it is me"}, "ada")
        lines = place.ada.drain()
        equal(lines[-1]["payload"], {"text": "it is me"})
        for line in lines:
            check(token not in str(line), "the token was passed on:", line)
        place.hub.wait_log("event=disconnected reason=taken_over")
        equal(place.hub.counters()["taken_over"], 1)
        for line in place.bea.drain():
            check(token not in str(line), "the token was passed on:", line)
        second.close()
        first.close()


@test
def an_id_is_free_again_when_its_ai_has_left():
    with room() as place:
        for _ in range(3):
            eve = place.hub.join("eve", 2)
            eve.close()
            place.bea.expect("hello")
            place.bea.expect("presence", ai_id="eve", status="left", reason="peer_closed")
        place.ada.drain()


@test
def ids_with_control_characters_are_refused():
    with room() as place:
        for name in ("new\nline", "tab\t", "nul\0", "esc\x1b[2J", "del\x7f", "c1\u009b", "", 129 * "x", 65 * "é"):
            eve = place.hub.connect()
            eve.send(message(name, "hello"))
            eve.expect_error("bad_field", "sender_id")
            eve.close()
        place.ada.expect_nothing()
        place.nothing_stored()


@test
def ids_with_quotes_and_other_scripts_are_taken_as_they_are():
    with room() as place:
        for name in ('quote"quote', "back\\slash", "日本語", "a b", "é" * 64, "' OR 1=1 --", "${HOME}", "%s%n"):
            eve = place.hub.connect()
            sync = eve.hello(name, 2)
            check(name in sync["active_ais"], sync["active_ais"])
            equal(place.ada.expect("hello")["sender_id"], name)
            place.ada.say("feature_response", {"to": name}, name)
            eve.expect("feature_response", to=name)
            eve.close()
        place.bea.drain()


@test
def the_same_id_may_be_spelled_with_escapes():
    with room() as place:
        eve = place.hub.join("eve", 2)
        place.ada.expect("hello")
        line = (b'{"message_id":"1","sender_id":"\\u0065ve","message_type":"feature_respons\\u0065","timestamp":"t",'
                b'"payload":{},"target_ai":"\\u0061da"}')
        eve.send(line)
        equal(place.ada.receive_raw(), line, "the line at ada")
        eve.close()


@test
def a_first_message_that_is_no_hello_registers_its_sender():
    with room() as place:
        eve = place.hub.connect()
        eve.name = "eve"
        eve.say("feature_response", {"text": "no hello"})
        place.ada.expect("feature_response", text="no hello")
        place.ada.say("feature_response", {"text": "for eve"}, "eve")
        eve.expect("feature_response", text="for eve")
        eve.close()
        place.bea.drain()


run()
