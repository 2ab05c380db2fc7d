#!/usr/bin/env python3
"""What may be said and kept with a token: limits are an owner's, over all that show its token.

usage: cli_token_limits.py KHUB [PART OF A NAME]
"""
import json
import os
import sys
import time

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
sys.path.insert(0, os.path.join(ROOT, "tests", "wire"))
from harness import (MIB, Hub, check, directory, encode, equal, message, run,  # noqa: E402
                     test, wait_until)
from program import worked  # noqa: E402
from tokens import Stranger, give_out, let_in, turned_away  # noqa: E402


def limits_of(data, name):
    listed = json.loads(worked("token", "--json", "--data", data).out)
    return [each["limits"] for each in listed if each["name"] == name][-1]


def flood(client, count):
    client.send(b"\n".join(encode(message(client.name, "chat", {"text": str(number)})) for number in range(count)))


@test
def all_connections_of_a_token_have_one_rate():
    with directory() as data, Hub("--data", data) as hub:
        token = give_out(data, "alice", "--rate", "0.01")  # in a burst: one
        other = give_out(data, "bert")
        bea = let_in(hub, "bea", other)
        ada = let_in(hub, "ada", token, level=1)  # of which the harness says no heartbeats
        bea.expect("hello")
        cy = Stranger(hub)
        cy.ask("cy", token=token)
        error = cy.expect_error("rate_limited", "alice")["payload"]
        equal((error["limit"], error["whose"], error["most"]), ("rate", "token", 0.01))
        check(0 < error["retry_after_ms"] <= 100000, error)
        flood(ada, 10)
        for _ in range(10):
            equal(ada.expect_error("rate_limited", "alice")["payload"]["limit"], "rate")
        for number in range(50):  # the other token is unharmed
            bea.say("performance_report", {"component_id": str(number), "performance": {}})
            ada.expect("performance_report", component_id=str(number))
        bea.expect_nothing()
        # at once, and for who is connected
        equal(worked("token", "limit", "alice", "--rate", "none", "--data", data).out, "")
        equal(limits_of(data, "alice"), {})

        def taken():
            said = ada.say("performance_report", {"component_id": "x", "performance": {}})
            return not any(found["payload"].get("in_reply_to") == said for found in ada.drain())

        wait_until(taken, "the end of the limit")
        cy.hello("cy", 2, token=token)
        bea.expect("performance_report")


@test
def a_token_has_so_many_connections_and_bytes():
    with directory() as data, Hub("--data", data) as hub:
        token = give_out(data, "alice", "--connections", "2", "--rate-bytes", "1")
        equal(limits_of(data, "alice"), {"connections": 2.0, "rate_bytes": 1.0})
        ada = let_in(hub, "ada", token, level=1)
        ada.say("chat", {"text": "x"})
        equal(ada.expect_error("rate_limited", "bytes a second", "alice")["payload"]["limit"], "rate_bytes")
        worked("token", "limit", "alice", "--rate-bytes", "64M", "--data", data)
        equal(limits_of(data, "alice"), {"connections": 2.0, "rate_bytes": 64.0 * MIB})
        bea = Stranger(hub)

        def joined():
            bea.ask("bea", token=token)
            return bea.receive()["message_type"] == "training_sync"

        wait_until(joined, "the new limit")
        found = turned_away(hub, "cy", "quota_exceeded", ("2 connections", "alice"), token=token)
        check("close one" in found, found)
        hub.wait_log("reason=quota_exceeded")
        worked("token", "limit", "alice", "--connections", "3", "--data", data)
        let_in(hub, "cy", token).close()
        bea.expect("hello", owner="alice")
        bea.expect("presence", ai_id="cy")
        ada.close()
        bea.expect("presence", ai_id="ada")
        let_in(hub, "dan", token)


@test
def what_all_ids_of_a_token_know_is_counted_together_and_after_a_restart():
    with directory() as data:
        with Hub("--data", data) as hub:
            token = give_out(data, "alice", "--entries", "2", "--knowledge", "1M", "--sessions", "1")
            bert = give_out(data, "bert")
            ada, bea = let_in(hub, "ada", token, acks=True), let_in(hub, "bea", token, room="lab", acks=True)
            bert = let_in(hub, "bert", bert, acks=True)
            ada.expect("hello")
            for client, name in ((ada, "a"), (bea, "b")):
                client.say("pattern_share", {"pattern": {"id": name}})
                client.expect("ack")
            bert.expect("pattern_share")
        with Hub("--data", data) as hub:
            cy = let_in(hub, "cy", token, acks=True)
            said = cy.say("pattern_share", {"pattern": {"id": "c"}})
            error = cy.expect_error("quota_exceeded", "2 entries", "alice")["payload"]
            equal((error["limit"], error["whose"], error["most"]), ("entries", "token", 2))
            equal(error["in_reply_to"], said)
            cy.say("collaboration_request", {"type": "pair"})
            cy.expect("collaboration_update", status="pending")
            cy.expect("ack")
            cy.say("collaboration_request", {"type": "pair"})
            equal(cy.expect_error("quota_exceeded", "1 open session")["payload"]["limit"], "sessions")
            worked("token", "limit", "alice", "--entries", "3", "--data", data)

            def taken():
                cy.say("pattern_share", {"pattern": {"id": "c"}})
                return cy.receive()["message_type"] == "ack"

            wait_until(taken, "the new limit")
        worked("check", data)


def spends_its_day():
    with directory() as data:
        with Hub("--data", data) as hub:
            token = give_out(data, "alice", "--daily", "4")
            ada = let_in(hub, "ada", token, acks=True)
            ada.say("chat", {"text": "x"})
            ada.expect("ack")
            bea = let_in(hub, "bea", token, acks=True, room="lab")
            bea.say("chat", {"text": "x"})
            bea.expect("ack")
            said = bea.say("chat", {"text": "x"})
            error = bea.expect_error("quota_exceeded", "4 messages today", "alice", "00:00 UTC")["payload"]
            equal((error["limit"], error["whose"], error["most"], error["in_reply_to"]), ("daily", "token", 4, said))
            check(0 < error["retry_after_ms"] <= 86400000, error)
        with Hub("--data", data) as hub:
            cy = let_in(hub, "cy", token)  # another id, another run of the hub
            cy.say("chat", {"text": "x"})
            cy.expect_error("quota_exceeded", "5 messages today")
            worked("token", "limit", "alice", "--daily", "none", "--data", data)

            def taken():
                said = cy.say("chat", {"text": "x"})
                return not any(found["payload"].get("in_reply_to") == said for found in cy.drain())

            wait_until(taken, "the end of the limit")
        worked("check", data)


def spends_a_rooms_day():
    with directory() as data:
        with Hub("--data", data, "--room-daily", "5") as hub:
            ada, bea = hub.join("ada", 2, acks=True), hub.join("bea", 2, acks=True)
            ada.expect("hello")
            for client, other in ((ada, bea), (bea, ada)):
                client.say("chat", {"text": "x"})
                client.expect("ack")
                other.expect("chat")
            hub.join("cy", 2, room="lab").say("chat", {"text": "x"})  # another room's
        with Hub("--data", data, "--room-daily", "5") as hub:
            dan = hub.join("dan", 2, acks=True)  # the fifth
            said = dan.say("chat", {"text": "x"})
            error = dan.expect_error("quota_exceeded", "5 messages were said today", '"main"', "00:00 UTC")["payload"]
            equal((error["limit"], error["whose"], error["most"], error["in_reply_to"]), ("daily", "room", 5, said))
            check(0 < error["retry_after_ms"] <= 86400000, error)
            cy = hub.join("cy", 2, room="lab", acks=True)
            cy.say("chat", {"text": "x"})
            cy.expect("ack")
        worked("check", data)
        with Hub("--data", data) as hub:
            dan = hub.join("dan", 2, acks=True)
            dan.say("chat", {"text": "x"})
            dan.expect("ack")


def within_a_day(spends):
    while True:
        day = time.time() // 86400
        try:
            return spends()
        except AssertionError:
            if time.time() // 86400 == day:
                raise  # else it was midnight meanwhile


@test
def a_days_messages_are_counted_through_a_restart():
    within_a_day(spends_its_day)


@test
def a_rooms_day_is_counted_through_a_restart():
    within_a_day(spends_a_rooms_day)


if __name__ == "__main__":
    run()
