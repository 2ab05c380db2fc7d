"""Asking for sessions: live and ended ones, page by page, and the workspace of one; by whom it
concerns."""

from harness import Hub, check, directory, equal, kill_9, run, test


def result(client, **query):
    asked = client.say("session_query", query)
    line = client.receive()
    while line["payload"].get("in_reply_to") != asked:
        line = client.receive()
    return line["payload"]


def begin(ada, bea, kind="join", description="what for"):
    """A session that bea has taken, and its id."""
    ada.say("collaboration_request", {"type": kind, "description": description, "target_ai": "bea"})
    line = bea.receive()
    while line["message_type"] != "collaboration_request":
        line = bea.receive()
    session = line["payload"]["session_id"]
    bea.say("collaboration_response", {"session_id": session, "accepted": True})
    while (line := ada.receive())["payload"].get("status") != "active":
        pass
    return session


def write(client, session, key, value, base=0):
    client.say("workspace_update", {"session_id": session, "key": key, "value": value, "base_version": base})
    while (line := client.receive())["payload"].get("accepted") is not True or line["payload"].get("key") != key:
        pass


@test
def live_and_ended_ones_and_a_workspace_outlive_the_hub():
    with directory() as data:
        hub = Hub("--data", data)
        ada, bea = hub.join("ada", 2), hub.join("bea", 2)
        first, second = begin(ada, bea, description="first \"é\""), begin(ada, bea, "other")
        ada.say("collaboration_update", {"session_id": first, "status": "failed"})
        write(ada, second, "b", {"n": 1.50})
        write(bea, second, "a", "text")
        write(ada, second, "b", [2], 1)
        watcher = hub.join("watcher", 2, role="observer")
        told = result(watcher)
        equal([(s["session_id"], s["status"], s["type"]) for s in told["sessions"]],
              [(second, "active", "other"), (first, "failed", "join")])
        equal((told["total"], told["next"]), (2, None))
        equal(told["sessions"][1]["description"], "first \"é\"")
        equal(told["sessions"][0]["participants"], ["ada", "bea"])
        check(told["sessions"][0]["created"] <= told["sessions"][0]["changed"], told)
        one = result(watcher, id=second)
        equal(one["session"]["workspace"], {"a": {"version": 1, "value": "text"}, "b": {"version": 2, "value": [2]}})
        equal(result(watcher, id=second, key="a")["session"]["workspace"], {"b": {"version": 2, "value": [2]}})
        equal(result(watcher, id=first)["session"]["workspace"], {})
        kill_9(hub)
        hub = Hub("--data", data)
        watcher = hub.join("watcher", 2, role="observer")
        equal(result(watcher)["sessions"], told["sessions"])
        equal(result(watcher, id=second)["session"], one["session"])
        kill_9(hub)


@test
def pages_are_complete():
    with Hub() as hub:
        ada, bea = hub.join("ada", 2), hub.join("bea", 2)
        made = [begin(ada, bea) for _ in range(9)]
        for session in made[::2]:
            ada.say("collaboration_update", {"session_id": session, "status": "cancelled"})
        watcher, found, after = hub.join("watcher", 2, role="observer"), [], 0
        while after is not None:
            page = result(watcher, limit=2, after=after)
            equal(page["total"], 9)
            found += [s["session_id"] for s in page["sessions"]]
            after = page["next"]
        equal(found, made[1::2] + made[::2], "in the order of their making, or end")


@test
def a_large_workspace_comes_in_pages():
    with Hub("--sync-limit", 100000) as hub:
        ada, bea = hub.join("ada", 2), hub.join("bea", 2)
        session, keys = begin(ada, bea), {}
        for at in range(12):
            keys[f"key {at:02}"] = "x" * 30000 + str(at)
            write(ada, session, f"key {at:02}", keys[f"key {at:02}"])
        watcher, found, key, pages = hub.join("watcher", 2, role="observer"), {}, None, 0
        while key is not None or not pages:
            page = result(watcher, id=session, key=key)
            found.update({name: cell["value"] for name, cell in page["session"]["workspace"].items()})
            key, pages = page["next"], pages + 1
        equal(found, keys)
        check(pages >= 4, pages)


@test
def whom_it_concerns():
    with Hub() as hub:
        ada, bea, cey = hub.join("ada", 2), hub.join("bea", 2), hub.join("cey", 2)
        session = begin(ada, bea)
        equal([s["session_id"] for s in result(bea)["sessions"]], [session])
        cey.drain()
        equal(result(cey)["total"], 0)
        cey.say("session_query", {"id": session})
        cey.expect_error("unknown_session", session)
        for wrong in ({"limit": 0}, {"after": -1}, {"id": 5}, {"id": "x" * 200}):
            cey.say("session_query", wrong)
            cey.expect_error("bad_payload", "payload." + list(wrong)[0])
        fay = hub.join("fay", 1)
        fay.say("session_query", {})
        fay.expect_error("forbidden", "session_query")


run()
