"""Relaying: the same bytes for all, in one order, to those it is for, at each level what it may
see."""

import contextlib
import json
import threading
import time

from harness import Hub, check, encode, equal, message, room, run, test


def without_seq(line):
    """A level 2 line less the member that the hub appended, and that member."""
    head, seq = line.rsplit(b',"seq":', 1)
    return head + b"}", int(seq[:-1])


@test
def lines_are_relayed_byte_for_byte():
    lines = [
        b'{"message_id":"1","sender_id":"eve","message_type":"feature_response","timestamp":"t","payload":{},"target_ai":null}',
        b'{"payload":{ "b" : 1.50 , "a":[ ] },"target_ai":"","timestamp":"t","message_type":"feature_response",'
        b'"sender_id":"eve","message_id":"2"}',
        b'{"message_id":"3","sender_id":"eve","message_type":"feature_response","timestamp":"t","payload":{"x":"\\u00e9\\/\\n",'
        b'"x":1E+2,"":"\xf0\x9f\x98\x80"}}',
        b'  { "message_id" : "4" , "sender_id":"eve","message_type":"feature_response","timestamp":"t","payload":{}}  ',
        b'{"message_id":"5","sender_id":"eve","message_type":"feature_response","timestamp":"t","payload":{"nul":"\\u0000"}}',
    ]
    with room() as place:
        eve = place.hub.join("eve", 1)
        place.ada.expect("hello")
        place.bea.expect("hello")
        for line in lines:
            eve.send(line)
            equal(place.ada.receive_raw(), line.strip(), "at level 1")
            relayed, seq = without_seq(place.bea.receive_raw())
            equal(relayed, line.strip(), "at level 2")
            check(seq > 0)
        eve.expect_nothing()
        eve.close()


@test
def level_1_sees_no_seq_and_no_type_of_level_2():
    with room() as place:
        ada, bea = place.ada, place.bea
        cid = place.hub.join("cid", 2)
        hello = ada.expect("hello")
        equal(set(hello), {"message_id", "sender_id", "message_type", "timestamp", "payload", "target_ai"})
        bea.expect("hello")
        cid.say("chat", {"text": "for level 2"})
        equal(bea.expect("chat")["seq"] > 0, True)
        cid.say("chat", {"text": "for level 2"}, "ada")
        cid.say("heartbeat")
        cid.expect("heartbeat")
        cid.say("collaboration_request", {"type": "t", "description": "d", "target_ai": ""})
        cid.expect("collaboration_update", status="pending")
        request = ada.expect("collaboration_request", initiator="cid")
        check("seq" not in request)
        bea.expect("collaboration_request")
        bea.say("collaboration_response", {"session_id": request["payload"]["session_id"], "accepted": True})
        bea.expect("collaboration_update", status="active")
        cid.expect("collaboration_update", status="active")
        cid.close()
        bea.drain()
        ada.expect_nothing()


@test
def a_token_in_a_hello_is_cut_out():
    with room() as place:
        eve = place.hub.connect()
        eve.hello("eve", 2, token="very secret", version="9")
        relayed = place.ada.expect("hello", version="9")
        check("token" not in relayed["payload"], relayed)
        check(b"very secret" not in place.ada.raw)
        eve.close()


@test
def a_direct_message_reaches_its_target_alone():
    with room() as place:
        eve = place.hub.join("eve", 2)
        place.ada.expect("hello")
        place.bea.expect("hello")
        eve.say("feature_response", {"for": "bea"}, "bea")
        place.bea.expect("feature_response")
        place.ada.expect_nothing()
        eve.close()


@test
def a_target_that_left_or_never_was_is_named():
    with room() as place:
        eve = place.hub.join("eve", 2)
        cid = place.hub.join("cid", 1)
        cid.close()
        place.hub.wait_log("event=left ai=cid")
        eve.drain()
        eve.say("feature_response", {}, "cid")
        eve.expect_error("target_offline", "cid")
        eve.say("feature_response", {}, "beo")
        eve.expect_error("unknown_target", "beo", "bea")
        eve.close()


@test
def all_receivers_see_one_order():
    senders, receivers, each = 4, 6, 300
    with Hub() as hub:
        clients = [hub.join(f"r{i}", 1 + i % 2) for i in range(receivers)]
        speakers = [hub.join(f"s{i}", 1) for i in range(senders)]
        orders = [None] * receivers

        def speak(client):
            for number in range(each):
                client.say("feature_response", {"number": number, "text": "x" * (number % 700)})

        def listen(index):
            order = []
            while len(order) < senders * each:
                line = clients[index].receive()
                if line["message_type"] == "feature_response":
                    order.append((line["sender_id"], line["payload"]["number"]))
            orders[index] = order

        threads = [threading.Thread(target=speak, args=(client,)) for client in speakers]
        threads += [threading.Thread(target=listen, args=(index,)) for index in range(receivers)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for order in orders:
            check(order is not None, "a receiver failed")
            equal(order, orders[0], "the order")
        for name in {f"s{i}" for i in range(senders)}:
            equal([number for sender, number in orders[0] if sender == name], list(range(each)), f"order of {name}")
        for client in clients + speakers:
            client.close()


@test
def seq_rises_by_one_for_each_message_of_a_room():
    with Hub() as hub:
        bea = hub.join("bea", 2)
        eve = hub.join("eve", 1)
        first = bea.expect("hello")["seq"]
        for number in range(100):
            eve.say("feature_response", {"number": number})
        for number in range(100):
            equal(bea.expect("feature_response", number=number)["seq"], first + 1 + number)


@test
def rooms_hear_nothing_of_each_other():
    with room() as place:
        eve = place.hub.join("eve", 2, room="elsewhere")
        equal(eve.sync["active_ais"], ["eve"])
        eve.say("pattern_share", {"pattern": {"id": "p"}})
        eve.say("feature_response", {}, "ada")
        eve.expect_error("unknown_target", "ada")
        place.ada.expect_nothing()
        place.nothing_stored()
        eve.close()


@test
def knowledge_reaches_who_comes_later():
    with Hub() as hub:
        eve = hub.join("eve", 1)
        eve.send(message("eve", "pattern_share", {"pattern": {"id": "p1", "n": 1}}))
        eve.send(message("eve", "code_share", {"code": {"id": "c1"}}))
        eve.expect_nothing()
        late = hub.join("late", 1)
        base = late.sync["global_knowledge_base"]
        equal(base["shared_patterns"]["p1"]["pattern"], {"id": "p1", "n": 1})
        equal(base["shared_patterns"]["p1"]["contributor"], "eve")
        equal(list(base["shared_components"]), ["c1"])
        check(json.dumps(late.sync["active_ais"]) == '["eve", "late"]', late.sync["active_ais"])


@test
def heartbeats_of_level_2_are_answered_and_their_absence_ends_the_connection():
    with Hub() as hub, contextlib.closing(hub.join("bea", 2)) as bea:
        bea.say("heartbeat")
        check(bea.expect("heartbeat")["payload"]["server_time"])
    with Hub("--heartbeat-ms", 500) as hub:
        ada = hub.join("ada", 1)
        bea = hub.join("bea", 2)
        ada.expect("hello")
        bea.expect_error("heartbeat_timeout", "must come within 0.5 s")
        bea.expect_end()
        ada.expect_nothing()  # level 1 never sends any, and stays
        equal(hub.counters()["heartbeat_timeout"], 1)


@test
def a_rate_limit_refuses_the_rest():
    with Hub("--rate", 10) as hub:
        ada = hub.join("ada", 1)
        eve = hub.join("eve", 2)
        ada.expect("hello")
        began = time.monotonic()
        # at once: the hub's clock hardly goes on meanwhile
        eve.send(b"\n".join(encode(message("eve", "feature_response")) for _ in range(200)))
        eve.expect_error("rate_limited")
        eve.close()
        hub.wait_log("conn=c2 event=disconnected")
        passed = time.monotonic() - began
        heard = [line for line in ada.drain() if line["message_type"] == "feature_response"]
        check(5 <= len(heard) <= 20 + 10 * passed, len(heard), "in", passed, "s")


run()
