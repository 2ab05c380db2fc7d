"""Asking what a hub knows, over real sockets: complete page by page, alone in the asker's own
connection, and the same after kill -9."""

import os

from harness import Hub, check, directory, equal, kill_9, room, run, test


def pages(client, **query):
    """The entries of all pages, by section and id, and how many pages there were."""
    found, count, cursor = {}, 0, None
    while True:
        asked = client.say("knowledge_query", {**query, "cursor": cursor})
        result = client.expect("knowledge_result", in_reply_to=asked)["payload"]
        for section, entries in result["entries"].items():
            for identity, entry in entries.items():
                check((section, identity) not in found, "once", identity)
                found[section, identity] = entry
        count += 1
        cursor = result["next"]
        if cursor is None:
            return found, count


@test
def a_walk_is_complete_and_nobody_else_hears_of_it():
    with room() as place:
        eve = place.hub.join("eve", 2)
        for number in range(30):
            eve.say("pattern_share", {"pattern": {"id": f"p{number}", "x": "é\u202e \" \\"}})
        eve.say("performance_report", {"component_id": "p7", "performance": {"score": 1}})
        for client in (eve, place.ada, place.bea):
            client.drain()
        found, count = pages(eve, limit=7)
        equal(len(found), 31)
        equal(count, 5)
        equal(found["shared_patterns", "p3"]["contributor"], "eve")
        place.ada.expect_nothing()
        place.bea.expect_nothing()
        equal(len(pages(eve, text="É")[0]), 30)
        equal(len(pages(eve, text="é \"id p7\"")[0]), 1)
        eve.say("knowledge_query", {"id": "nothing"})
        eve.expect_error("not_found", "nothing")
        eve.close()


@test
def what_was_lost_of_the_process_is_not_lost_of_the_knowledge():
    with directory() as data:
        hub = Hub("--data", data)
        ada = hub.join("ada", 2, acks=True)
        for number in range(20):
            ada.say("pattern_share", {"pattern": {"id": f"p{number}"}})
            ada.expect("ack")
        before = pages(ada, limit=6)
        equal(len(before[0]), 20)
        kill_9(hub)
        hub = Hub("--data", data)
        equal(pages(hub.join("ada", 2), limit=6), before)
        kill_9(hub)


def found(client, text, **query):
    """Section and id of all that a search finds, in order, over all pages; none twice."""
    ranking, cursor = [], None
    while True:
        asked = client.say("knowledge_query", {"text": text, "cursor": cursor, **query})
        result = client.receive()
        while result["message_type"] in ("hello", "presence"):
            result = client.receive()
        equal(result["message_type"], "knowledge_result")
        result = result["payload"]
        equal(result["in_reply_to"], asked)
        for hit in result["found"]:
            check(hit["id"] in result["entries"][hit["section"]], "told as well", hit)
            check(hit not in ranking, "once", hit)
            ranking.append(hit)
        cursor = result["next"]
        if cursor is None:
            return [(hit["section"], hit["id"]) for hit in ranking]


def share(client, identity, text):
    client.say("pattern_share", {"pattern": {"id": identity, "note": text}})
    client.expect("ack")


def fill(client):
    for number in range(40):
        share(client, f"p{number}", f"queue of {number}")
    share(client, "best", "queue, and queue again")
    client.say("performance_report", {"component_id": "p7", "performance": {"why": "a slow queue"}})
    client.expect("ack")
    client.say("os_component_share", {"component": {"name": "the queue itself"}})
    client.expect("ack")


def check_filled(client, **query):
    ranking = found(client, "queue", **query)
    equal(len(ranking), 43)
    equal(ranking[0][0], "collective_features")  # it is in the id
    check(("shared_patterns", "best") in ranking[:3], ranking[:3])
    equal(found(client, "slow que*"), [("performance_benchmarks", "p7")])
    equal(found(client, "queue", section="performance_benchmarks"), [("performance_benchmarks", "p7")])
    equal(found(client, "queue", contributor="nobody"), [])
    return ranking


@test
def a_search_is_ranked_and_complete():
    with directory() as data, Hub("--data", data) as hub:
        ada = hub.join("ada", 2, acks=True)
        fill(ada)
        equal(check_filled(ada, limit=7), check_filled(ada))
        eve = hub.join("eve", 2, room="elsewhere")
        equal(found(eve, "queue"), [])
        share(ada, "p3", "nothing of it")  # a new revision
        equal(found(ada, "queue 3"), [])
        equal(found(ada, "p3 nothing"), [("shared_patterns", "p3")])
        newest = ada.say("knowledge_query", {"limit": 1})
        newest = ada.expect("knowledge_result", in_reply_to=newest)["payload"]["newest"]
        share(ada, "late", "a queue")
        equal(found(ada, "queue", since=newest), [("shared_patterns", "late")])


@test
def who_went_meanwhile_is_not_answered():
    with directory() as data, Hub("--data", data) as hub:
        ada = hub.join("ada", 2, acks=True)
        fill(ada)
        eve = hub.join("eve", 2)
        for _ in range(16):
            eve.say("knowledge_query", {"text": "queue"})
        eve.reset()
        check_filled(ada)


@test
def the_index_is_right_after_whatever_happened():
    with directory() as data:
        hub = Hub("--data", data)
        ada = hub.join("ada", 2, acks=True)
        fill(ada)
        before = check_filled(ada)
        share(ada, "last", "queue")  # the index may not have it yet
        kill_9(hub)
        index = os.path.join(data, "search.db")

        def again(what):
            hub = Hub("--data", data)
            ada = hub.join("ada", 2, acks=True)
            equal(set(check_filled_with_last(ada)), {*before, ("shared_patterns", "last")}, what)
            kill_9(hub)

        again("as it is")
        os.unlink(index)
        if os.path.exists(index + "-wal"):
            os.unlink(index + "-wal")
        again("without an index: the database of an earlier version")
        for name in (index, index + "-wal"):
            with open(name, "wb") as file:
                file.write(b"no database, nor anything like one" * 100)
        again("with garbage")
        for name in (index, index + "-wal"):
            if os.path.exists(name):
                os.unlink(name)
        os.mkdir(index)  # nothing can be kept there: it is looked through
        again("without a place for it")
        os.rmdir(index)
        again("with a place again")


def check_filled_with_last(client):
    ranking = found(client, "queue")
    equal(len(ranking), 44)
    return ranking


def in_order(client, **query):
    """The ids that all pages of two tell, in order."""
    ids, cursor = [], None
    while True:
        asked = client.say("knowledge_query", {**query, "limit": 2, "cursor": cursor})
        result = client.expect("knowledge_result", in_reply_to=asked)["payload"]
        for hit in result["found"]:
            check(hit["id"] in result["entries"][hit["section"]], "told as well", hit)
            equal("snippet" in hit, "text" in query)
            ids.append(hit["id"])
        cursor = result["next"]
        if cursor is None:
            return " ".join(ids)


def share_for_orders(hub):
    ada = hub.join("ada", 2, acks=True, specialization="audio")
    bea = hub.join("bea", 2, acks=True, specialization="graphics")
    bea.drain()
    ada.drain()
    for client, identity, subject in ((ada, "z", "audio"), (bea, "b", "audio"), (ada, "m", "graphics"),
                                      (ada, "a", "audio"), (bea, "q", None), (ada, "z", "audio")):
        client.say("pattern_share", {"pattern": {"id": identity, "subject": subject, "note": "fair"}})
        client.expect("ack")
        (ada, bea)[client is ada].drain()
    return ada


def check_orders(client):
    for words in ({}, {"text": "fair"}):  # the second are an index's, where there is one
        equal(in_order(client, order="newest", **words), "z q a m b")
        equal(in_order(client, order="oldest", **words), "b m a q z")
        equal(in_order(client, order="id", **words), "a b m q z")
        equal(in_order(client, order="id", subject="audio", **words), "a b z")
        equal(in_order(client, order="oldest", specialization="audio", **words), "m a z")
        equal(in_order(client, order="newest", specialization="graphics", subject="audio", **words), "b")
        equal(in_order(client, order="newest", contributor="ada", subject="graphics", **words), "m")
        equal(in_order(client, order="id", specialization="nothing", **words), "")
        client.say("knowledge_query", {"order": "id", "cursor": "oldest 1 0 b", **words})
        client.expect_error("bad_payload", 'of the order "oldest"')
        client.say("knowledge_query", {"order": "best", **words})
        client.expect_error("bad_payload", '"newest", "oldest", "id" or "relevance"')
    equal(sorted(in_order(client, order="relevance", text="fair", subject="audio").split()), ["a", "b", "z"])
    client.say("knowledge_query", {"order": "relevance"})
    client.expect_error("bad_payload", "goes with payload.text")


@test
def orders_and_what_they_are_of_without_an_index():
    with Hub() as hub:
        check_orders(share_for_orders(hub))


@test
def orders_and_what_they_are_of_with_an_index_also_after_a_restart():
    with directory() as data:
        hub = Hub("--data", data)
        check_orders(share_for_orders(hub))
        kill_9(hub)
        with Hub("--data", data) as hub:
            check_orders(hub.join("ada", 2, specialization="audio"))
            cid = hub.join("cid", 2, acks=True)
            share(cid, "late", "fair")
            equal(in_order(cid, order="newest", text="fair"), "late z q a m b")
        with Hub("--data", data) as hub:  # stopped in order, which writes a checkpoint
            equal(in_order(hub.join("ada", 2, specialization="audio"), order="oldest", text="fair"), "b m a q z late")


def history(client, identity):
    asked = client.say("knowledge_query", {"id": identity, "revision": "all"})
    return client.expect("knowledge_result", in_reply_to=asked)["payload"]["revisions"]


@test
def former_revisions_outlive_the_process():
    with directory() as data:
        hub = Hub("--data", data)
        ada = hub.join("ada", 2, acks=True)
        for number in range(5):
            share(ada, "p", f"the note of revision {number + 1}")
        before = history(ada, "p")
        equal([entry["revision"] for entry in before], [5, 4, 3, 2, 1])
        equal(before[3]["entry"]["pattern"]["note"], "the note of revision 2")
        kill_9(hub)
        with Hub("--data", data) as hub:
            equal(history(hub.join("ada", 2), "p"), before)  # stops, which writes a checkpoint
        with Hub("--data", data) as hub:
            equal(history(hub.join("ada", 2), "p"), before)


run()
