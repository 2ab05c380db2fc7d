"""Asking what a hub knows, over real sockets: complete page by page, alone in the asker's own
connection, and the same after kill -9."""

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
        equal(list(pages(eve, text="É")[0]), [])  # only of ASCII letters the case does not matter
        equal(len(pages(eve, text="é\u202e")[0]), 30)
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


run()
