#!/usr/bin/env python3
"""What becomes of a message, as its sender is told it: over turns, kill -9 and what comes again."""

from harness import Hub, check, directory, equal, kill_9, run, test, wait_until

STAYS = 600


def asked(client, **query):
    """The answer, whatever comes before it."""
    identity = client.say("sent_query", query)
    while (line := client.receive())["payload"].get("in_reply_to") != identity:
        pass
    check(line["message_type"] in ("sent_result", "error"), line)
    return line["payload"]


def states(client, identity):
    message, = asked(client, message_id=identity)["messages"]
    return {receiver["ai_id"]: receiver["state"] for receiver in message["receivers"]}


def told(client, text, target=None):
    """Says it, and waits for the ack: its message_id and seq."""
    identity = client.say("chat", {"text": text}, target)
    while (line := client.receive())["message_type"] != "ack" or line["payload"]["message_id"] != identity:
        pass
    return identity, line["payload"]["seq"]


def caught_up(client):
    while client.receive()["message_type"] != "caught_up":
        pass


def becomes(client, identity, wanted):
    wait_until(lambda: states(client, identity) == wanted, wanted)


@test
def a_message_waits_is_delivered_read_and_acted_on_over_kill_9():
    with directory() as data:
        hub = Hub("--data", data)
        ada = hub.join("ada", 2, acks=True)
        bea, cid = hub.join("bea", 2, stays_s=STAYS), hub.join("cid", 2)
        bea_token = bea.sync["resume_token"]
        first, _ = told(ada, "to all")
        direct, seq = told(ada, "to bea", "bea")
        equal(states(ada, first), {"bea": "delivered", "cid": "delivered"})
        equal(states(ada, direct), {"bea": "delivered"})
        bea.close()
        cid.close()
        becomes(ada, first, {"bea": "stored", "cid": "gone"})
        equal(states(ada, direct), {"bea": "stored"})
        kill_9(hub)
        hub = Hub("--data", data)
        ada = hub.join("ada", 2, acks=True)
        equal(states(ada, direct), {"bea": "stored"})
        bea = hub.join("bea", 2, stays_s=STAYS, resume_token=bea_token)  # asks for nothing
        equal(states(ada, direct), {"bea": "stored"})
        bea.close()
        bea = hub.join("bea", 2, stays_s=STAYS, resume_token=bea_token, since="last")
        caught_up(bea)
        equal(states(ada, direct), {"bea": "delivered"})
        bea.say("heartbeat", {"seq": seq})
        bea.drain()
        equal(states(ada, direct), {"bea": "seen"})
        equal(states(ada, first)["bea"], "seen")
        bea.say("chat", {"text": "done", "in_reply_to": direct}, "ada")
        bea.drain()
        kill_9(hub)
        hub = Hub("--data", data)
        ada = hub.join("ada", 2, acks=True)
        equal(states(ada, direct), {"bea": "acted_on"})
        newest, oldest = asked(ada)["messages"]
        equal((newest["message_id"], oldest["message_id"]), (direct, first))
        check(newest["receivers"][0]["by_seq"] > seq, newest)
        equal(newest["counts"]["acted_on"], 1)
        hub.kill()


if __name__ == "__main__":
    run()
