"""What was not taken lies there: who may see it sees it, over reconnects and kill -9, until it is
taken, sent again or given up."""

from harness import Hub, check, directory, equal, kill_9, run, test


def letters(client, **query):
    asked = client.say("dead_query", query)
    line = client.receive()
    while line["message_type"] != "dead_result" or line["payload"]["in_reply_to"] != asked:
        line = client.receive()
    return line["payload"]


def goes(client, *others):
    client.close()
    for other in others:
        while (line := other.receive())["message_type"] != "presence" or line["payload"]["ai_id"] != client.name:
            pass


@test
def it_outlives_the_hub_and_is_taken_by_who_resumes():
    with directory() as data:
        hub = Hub("--data", data)
        ada, bea = hub.join("ada", 2, acks=True), hub.join("bea", 2)
        seen = bea.sync["seq"]
        goes(bea, ada)
        asked = ada.say("chat", {"text": "wait", "reply_by": 80000}, "bea")
        ada.say("chat", {"text": "plain"}, "bea")
        equal([ada.expect("ack")["payload"]["delivered"] for _ in range(2)], [False, False])
        before = letters(ada)
        equal([letter["why"] for letter in before["letters"]], ["absent", "absent"])
        equal([letter["message_id"] for letter in before["letters"]][0], asked)
        check(before["kept"] is True, before)
        kill_9(hub)
        hub = Hub("--data", data)
        watcher = hub.join("watcher", 2, role="observer")
        equal(letters(watcher)["letters"], before["letters"])
        bea = hub.join("bea", 2, since=seen)
        equal([bea.expect("chat")["payload"]["text"] for _ in range(2)], ["wait", "plain"])
        equal(letters(watcher)["total"], 0)
        kill_9(hub)
        with Hub("--data", data) as hub:
            equal(letters(hub.join("watcher", 2, role="observer"))["total"], 0)


@test
def it_is_sent_again_byte_for_byte_and_may_be_missed_and_resumed():
    with directory() as data, Hub("--data", data) as hub:
        ada, bea = hub.join("ada", 2), hub.join("bea", 2)
        goes(bea, ada)
        ada.send(b'{"payload":{"text":"\\u00e9","n":1.50e0},"message_id":"m1","sender_id":"ada",'
                 b'"message_type":"chat","timestamp":"2026-11-22T08:00:00+00:00","target_ai":"bea"}')
        ada.expect_error("target_offline", '"bea"')
        said = letters(ada, id=letters(ada)["letters"][0]["id"])["letters"][0]
        equal(said["message"]["payload"], {"text": "é", "n": 1.5})
        ada.say("dead_letter", {"id": said["id"], "action": "resend"})
        error = ada.expect_error("target_offline", '"bea"')
        check(error["payload"]["accepted"] is False, error)
        bea = hub.join("bea", 2)
        ada.expect("hello")
        asked = ada.say("dead_letter", {"id": said["id"], "action": "resend"})
        line = bea.expect("chat")
        check(bea.raw.startswith(b'{"payload":{"text":"\\u00e9","n":1.50e0},"message_id":"m1","sender_id":"ada"'), bea.raw)
        check(line["seq"] > said["id"], line)
        ada.expect("dead_result", in_reply_to=asked, status="resent")
        equal(letters(ada)["total"], 0)
        goes(bea, ada)  # whether it had read it or not: it may resume from before it
        bea = hub.join("bea", 2, since=line["seq"] - 1)
        equal(bea.expect("chat")["payload"]["text"], "é")


@test
def a_hub_without_a_store_knows_while_it_runs():
    with Hub() as hub:
        ada, bea = hub.join("ada", 2), hub.join("bea", 2)
        goes(bea, ada)
        ada.say("chat", {"text": "?"}, "bea")
        ada.expect_error("target_offline", '"bea"')
        told = letters(ada)
        equal((told["total"], told["kept"]), (1, False))
        bea = hub.join("bea", 2, since=0)
        bea.expect_error("replay_truncated", "seq")
        equal(letters(bea)["total"], 1)  # it did not get it
        asked = bea.say("dead_letter", {"id": told["letters"][0]["id"], "action": "resend"})
        equal(bea.expect("chat")["payload"]["text"], "?")
        bea.expect("dead_result", in_reply_to=asked, status="resent")
        equal(letters(bea)["total"], 0)


run()
