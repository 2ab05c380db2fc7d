#!/usr/bin/env python3
"""stats_query: what a hub counts of itself, against what was done to it."""

from harness import Hub, check, directory, equal, run, test, wait_until


def asked(client):
    identity = client.say("stats_query")
    while (line := client.receive())["payload"].get("in_reply_to") != identity:
        pass
    equal(line["message_type"], "stats_result")
    for counted in (line["payload"]["hub"]["latency"], line["payload"]["hub"]["commits"]):
        if counted:
            equal(sum(counted["counts"]), counted["count"])
    return line["payload"]


def a_talk_is_counted(hub):
    """Ten messages from ada to bea; the hub's figures after it."""
    ada, bea = hub.join("ada", 2), hub.join("bea", 2)
    before = asked(ada)["hub"]
    for n in range(10):
        ada.say("chat", {"text": "x" * 1000, "n": n})
    for n in range(10):
        equal(bea.expect("chat")["payload"]["n"], n)
    after = asked(ada)["hub"]
    equal(after["messages"] - before["messages"], 10)
    equal(after["refused"], 0)
    check(10000 < after["bytes_in"] - before["bytes_in"] < 20000, before["bytes_in"], after["bytes_in"])
    check(10000 < after["bytes_out"] - before["bytes_out"] < 20000, before["bytes_out"], after["bytes_out"])
    check(after["deliveries"] - before["deliveries"] >= 11, before, after)
    check(after["uptime_s"] > before["uptime_s"] >= 0, before, after)
    equal((after["connections"], after["accepted"]), (2, 2))
    equal(after["latency"]["count"], after["messages"])
    check(after["latency"]["sum_s"] > before["latency"]["sum_s"] > 0, before, after)
    bea.close()
    wait_until(lambda: asked(ada)["hub"]["closed"]["peer_closed"] == 1, "its end to be counted")
    equal(asked(ada)["hub"]["connections"], 1)
    return after


@test
def a_hub_that_keeps_nothing():
    with Hub() as hub:
        equal(a_talk_is_counted(hub)["commits"], None)


@test
def a_hub_that_answers_when_it_is_on_disk():
    with directory() as data:
        with Hub("--data", data) as hub:
            after = a_talk_is_counted(hub)
            check(0 < after["commits"]["count"] <= after["messages"] + 2, after)
            check(after["commits"]["sum_s"] > 0, after)
            check(after["unstored_bytes"] >= 0, after)
        with Hub("--data", data) as hub:  # what an earlier one took in is not its own
            equal(asked(hub.join("cid", 2))["hub"]["messages"], 1)


@test
def asking_changes_nothing():
    with Hub() as hub:
        ada = hub.join("ada", 2)
        first, again = asked(ada), asked(ada)
        equal((again["room"], again["hub"]["messages"], again["hub"]["latency"]),
              (first["room"], first["hub"]["messages"], first["hub"]["latency"]))


run()
