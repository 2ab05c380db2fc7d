"""What was said in a room, asked for by an observer: all of it, in order, once, by filters, also
after kill -9; and by nobody else."""

import datetime

from harness import Hub, check, directory, equal, kill_9, run, settle, test


def result(client, **query):
    asked = client.say("log_query", query)
    line = client.receive()
    while line["payload"].get("in_reply_to") != asked:
        line = client.receive()
    equal(line["message_type"], "log_result", line)
    return line["payload"]


def said(client, **query):
    """All that passes, over as many pages as it takes."""
    found, after = [], query.pop("after", 0)
    while True:
        page = result(client, after=after, **query)
        for message in page["messages"]:
            check(after < message["seq"] <= page["upto"], message["seq"], "not behind", after)
        found += page["messages"]
        if page["whole"]:
            return found
        check(page["upto"] > after, "no page is empty of progress", page["upto"])
        after = page["upto"]


def texts(messages):
    return [message["message"]["payload"].get("text") for message in messages]


def observer(hub, name="watcher", **more):
    return hub.join(name, 2, role="observer", sync="none", **more)


@test
def all_that_was_said_comes_in_order_and_once():
    with directory() as data:
        hub = Hub("--data", data)
        ada = hub.join("ada", 2, acks=True)
        for at in range(2500):
            ada.say("chat", {"text": str(at)})
        for at in range(2500):
            ada.expect("ack")
        watcher = observer(hub)
        before = said(watcher, types=["chat"])
        equal(texts(before), [str(at) for at in range(2500)])
        equal(said(watcher, types=["chat"], limit=7), before)
        kill_9(hub)
        hub = Hub("--data", data)
        watcher = observer(hub)
        equal(said(watcher, types=["chat"]), before)  # seqs, times and bytes
        some = said(watcher, types=["chat"], after=before[9]["seq"], until=before[12]["seq"])
        equal(texts(some), ["10", "11", "12"])
        when = datetime.datetime.fromisoformat(before[0]["time"])
        check(abs(when - datetime.datetime.now(datetime.timezone.utc)) < datetime.timedelta(days=1), when)
        kill_9(hub)


@test
def filters():
    with directory() as data, Hub("--data", data) as hub:
        ada, bea, watcher = hub.join("ada", 2), hub.join("bea", 2), observer(hub)
        ada.say("chat", {"text": "all"})
        ada.say("chat", {"text": "bea"}, "bea")
        settle(ada)
        bea.say("chat", {"text": "ada", "session_id": "3f9a2c11-aa"}, "ada")
        bea.say("pattern_share", {"pattern": {"id": "p"}})
        bea.say("chat", {"text": 5}, "ada")  # refused: nobody saw it
        settle(bea)
        equal(texts(said(watcher, sender="ada", types=["chat"])), ["all", "bea"])
        equal(texts(said(watcher, target="ada")), ["ada"])
        equal(texts(said(watcher, session="3f9a")), ["ada"])
        equal(texts(said(watcher, session="3f9b")), [])
        equal(len(said(watcher, sender="bea", types=["chat", "pattern_share"])), 2)
        equal([m["message"]["sender_id"] for m in said(watcher, types=["hello"])], ["ada", "bea"])
        equal(said(watcher, until=0), [])
        # byte for byte: what stands in a page is what was relayed
        ada.send(b'{"payload":{"text":"\\u00e9","n":1.50e0},"message_id":"m1","sender_id":"ada",'
                 b'"message_type":"chat","timestamp":"2026-11-22T08:00:00+00:00","target_ai":null}')
        settle(ada)
        result(watcher, sender="ada", types=["chat"])
        check(b'"message":{"payload":{"text":"\\u00e9","n":1.50e0},"message_id":"m1",' in watcher.raw, watcher.raw)


@test
def who_may_ask_and_for_what():
    with directory() as data, Hub("--data", data) as hub:
        ada, watcher = hub.join("ada", 2), observer(hub)
        ada.say("log_query", {})
        ada.expect_error("forbidden", "observer")
        for wrong in ({"limit": 0}, {"limit": 1001}, {"types": "chat"}, {"types": ["chatt"]}, {"after": -1},
                      {"sender": 5}, {"session": "x" * 129}):
            watcher.say("log_query", wrong)
            watcher.expect_error("bad_payload", "payload." + list(wrong)[0])
        # two at once: the second is told to wait, the first is answered
        one, two = (hub_message(watcher, number) for number in ("one", "two"))
        watcher.send_bytes(one + two)
        found = {line["payload"]["in_reply_to"]: line for line in (watcher.receive(), watcher.receive())}
        equal(found["one"]["message_type"], "log_result")
        refused = found["two"]["payload"]
        equal([refused.get(name) for name in ("code", "limit", "whose", "most")],
              ["quota_exceeded", "log_queries", "connection", 1])
        equal(result(watcher)["kept"], True)
        ada.expect_nothing()


def hub_message(client, message_id):
    return (f'{{"message_id":"{message_id}","sender_id":"{client.name}","message_type":"log_query",'
            f'"timestamp":"","target_ai":null,"payload":{{}}}}\n').encode()


@test
def what_is_not_kept_is_said():
    with Hub() as hub:
        ada, watcher = hub.join("ada", 2), observer(hub)
        ada.say("chat", {"text": "gone"})
        settle(ada)
        page = result(watcher)
        equal((page["kept"], page["whole"], page["messages"]), (False, True, []))
        check(page["first"] > page["last"], page)


@test
def a_room_where_no_ai_ever_was_names_those_like_it():
    with directory() as data, Hub("--data", data) as hub:
        for _ in range(2):  # who asked before is none
            equal(result(observer(hub, room="lap"))["near"], [])
            hub.clients[-1].close()
        ada = hub.join("ada", 2, room="lab")
        watcher = observer(hub, room="lap")
        equal(result(watcher)["near"], ["lab"])
        equal(result(observer(hub, room="mein"))["near"], ["main"])
        equal(result(observer(hub, room="elsewhere"))["near"], [])
        equal(result(observer(hub, "one", room="lab"))["near"], None)
        equal(result(observer(hub, "two"))["near"], None)
        ada.close()
        hub.wait_log("event=left ai=ada")
        equal(result(watcher)["near"], ["lab"])
        equal(result(observer(hub, "three", room="lab"))["near"], None)
        bea = hub.join("bea", 2, room="lap")
        equal(result(watcher)["near"], None)
        bea.say("pattern_share", {"pattern": {"id": "p"}})
        settle(bea)
        equal(result(watcher)["near"], None)
    with Hub() as hub:
        equal(result(observer(hub, room="mein"))["near"], ["main"])


@test
def a_large_line_is_a_page_and_costs_no_connection():
    with directory() as data, Hub("--data", data, "--output-max", 4 << 20) as hub:
        ada = hub.join("ada", 2)
        for at in range(8):
            ada.say("chat", {"text": str(at) + "x" * 900000})
        settle(ada)
        watcher = observer(hub)
        equal([text[0] for text in texts(said(watcher, types=["chat"]))], [str(at) for at in range(8)])


run()
