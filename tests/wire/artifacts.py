"""Files in workspaces: kept through crashes and beyond what is retained of the log, resumed, read a
part at a time, and let go from the disk."""

import base64
import contextlib
import hashlib
import os
import sqlite3

from harness import Hub, check, directory, equal, full_disk, kill_9, run, test, wait_until

LINE = 16384
CHUNK = LINE // 2
SIZE = 20 * CHUNK + 100


def answer(client, asked):
    """What the hub answers to that message."""
    line = client.receive()
    while line["sender_id"] != "hub" or line["payload"].get("in_reply_to") != asked:
        line = client.receive()
    return line["payload"]


def begin(ada, bea):
    """A session that bea has taken, and its id."""
    ada.say("collaboration_request", {"type": "t", "description": "d", "target_ai": "bea"})
    while (line := bea.receive())["message_type"] != "collaboration_request":
        pass
    session = line["payload"]["session_id"]
    bea.say("collaboration_response", {"session_id": session, "accepted": True})
    while ada.receive()["payload"].get("status") != "active":
        pass
    return session


def offer(client, session, name, data, **more):
    sha256 = hashlib.sha256(data).hexdigest()
    return answer(client, client.say("artifact_offer", {"session_id": session, "name": name, "size": len(data),
                                                        "sha256": more.pop("sha256", sha256), **more}))


def send(client, session, name, data, index, chunk=CHUNK):
    """Says a chunk. Its message_id."""
    piece = base64.b64encode(data[index * chunk:(index + 1) * chunk]).decode()
    return client.say("artifact_chunk", {"session_id": session, "name": name, "index": index, "data": piece})


def put(client, session, name, data, **more):
    """All that is missing, without waiting for an answer in between. The last answer."""
    told = offer(client, session, name, data, **more)
    if told.get("status") == "open":
        chunk, count = told["chunk"], -(-len(data) // told["chunk"])
        asked = [send(client, session, name, data, index, chunk) for index in range(told["next"], count)]
        told = answer(client, asked[-1])
    return told


def get(client, **query):
    data, index, chunks = b"", 0, 1
    while index < chunks:
        told = answer(client, client.say("artifact_query", {**query, "index": index}))
        check("data" in told, told)
        data, index, chunks = data + base64.b64decode(told["data"]), index + 1, told["chunks"]
    equal(hashlib.sha256(data).hexdigest(), told["sha256"], "what was read")
    return data


def on_disk(data):
    """Parts of files in the database, of a hub that does not run."""
    with contextlib.closing(sqlite3.connect(os.path.join(data, "hub.db"))) as database:
        return database.execute("SELECT count(*) FROM chunks").fetchone()[0]


@test
def a_crash_in_the_middle_and_the_rest_of_it():
    with directory() as data:
        file, hub = os.urandom(SIZE), Hub("--data", data, "--line-max", LINE)
        ada, bea = hub.join("ada", 2), hub.join("bea", 2)
        session = begin(ada, bea)
        first = put(bea, session, "first", b"small")
        equal((first["status"], first["version"]), ("kept", 1))
        equal(offer(ada, session, "f", file)["next"], 0)
        for index in range(7):
            asked = send(ada, session, "f", file, index)
        equal(answer(ada, asked)["next"], 7)
        kill_9(hub)
        equal(on_disk(data), 8, "parts of files")
        hub = Hub("--data", data, "--line-max", LINE)
        ada, bea = hub.join("ada", 2), hub.join("bea", 2)
        told = offer(ada, session, "f", file)
        equal((told["status"], told["next"]), ("open", 7))
        told = put(ada, session, "f", file)
        equal((told["status"], told["by"], told["sha256"]), ("kept", "ada", hashlib.sha256(file).hexdigest()))
        equal(get(bea, session_id=session, name="f"), file)
        kill_9(hub)
        hub = Hub("--data", data, "--line-max", LINE)
        bea = hub.join("bea", 2)
        equal(get(bea, sha256=told["sha256"]), file)
        equal(get(bea, session_id=session, name="first"), b"small")
        kill_9(hub)


@test
def what_is_not_what_was_offered_leaves_the_disk():
    with directory() as data:
        file = os.urandom(SIZE)
        with Hub("--data", data, "--line-max", LINE) as hub:
            ada, bea = hub.join("ada", 2), hub.join("bea", 2)
            session = begin(ada, bea)
            told = put(ada, session, "f", file, sha256=hashlib.sha256(b"another").hexdigest())
            equal((told["status"], told["reason"], told["found"]),
                  ("dropped", "sha256", hashlib.sha256(file).hexdigest()))
            equal(put(ada, session, "g", file[:CHUNK + 1])["status"], "kept")
            ada.say("collaboration_request", {"type": "t", "description": "nobody takes it", "target_ai": "bea"})
            while (line := bea.receive())["message_type"] != "collaboration_request":
                pass
            told = offer(ada, line["payload"]["session_id"], "h", b"x")
            equal((told["code"], told["detail"]), ("conflict", "nobody has accepted the session yet"))

        def swept():
            """What is to go goes while a hub has nothing else to do."""
            with Hub("--data", data, "--line-max", LINE) as again:
                again.stop()
            return on_disk(data) == 2
        wait_until(swept, "the parts of a file that is none to be gone")


@test
def it_outlives_what_is_retained_of_the_log():
    with directory() as data:
        file = os.urandom(SIZE)
        options = ("--data", data, "--line-max", LINE, "--retain-entries", 1, "--quiet-ms", 1)
        hub = Hub(*options)
        ada, bea, eye = hub.join("ada", 2), hub.join("bea", 2), hub.join("eye", 2, role="observer")
        session = begin(ada, bea)
        equal(put(ada, session, "f", file)["status"], "kept")
        ada.say("collaboration_update", {"session_id": session, "status": "cancelled"})

        def first():
            ada.say("chat", {"text": "one more"})
            return answer(eye, eye.say("log_query", {"limit": 1}))["first"]
        wait_until(lambda: first() > 40, "the entries that brought it to be gone")
        equal(get(bea, session_id=session, name="f"), file)
        kill_9(hub)
        hub = Hub(*options)
        equal(get(hub.join("bea", 2), session_id=session, name="f"), file)
        kill_9(hub)


@test
def a_full_disk_refuses_a_chunk_and_tells_what_is_next():
    with directory() as data, Hub("--data", data, "--line-max", LINE) as hub:
        file = os.urandom(SIZE)
        ada, bea = hub.join("ada", 2), hub.join("bea", 2)
        session = begin(ada, bea)
        equal(put(bea, session, "small", b"small")["status"], "kept")
        equal(offer(ada, session, "f", file)["next"], 0)
        with full_disk(hub):
            equal(answer(ada, send(ada, session, "f", file, 0))["code"], "storage_unavailable")
            equal(get(bea, session_id=session, name="small"), b"small")  # reading goes on

        def resumed():
            return put(ada, session, "f", file).get("status") == "kept"
        wait_until(resumed, "room again")
        equal(get(bea, session_id=session, name="f"), file)


@test
def who_reads_slowly_holds_one_part():
    """A reader has one part at a time; whoever asks for more is refused."""
    with directory() as data, Hub("--data", data, "--line-max", LINE) as hub:
        ada, bea, cey = hub.join("ada", 2), hub.join("bea", 2), hub.join("cey", 2)
        session = begin(ada, bea)
        file = os.urandom(SIZE)
        sha256 = put(ada, session, "f", file)["sha256"]
        query = {"sha256": sha256, "index": 0}
        asked = {bea.say("artifact_query", query) for _ in range(50)}
        answers = []
        while asked:
            told = bea.receive()["payload"]
            if told.get("in_reply_to") in asked:
                asked.remove(told["in_reply_to"])
                answers.append(told)
        check(any("data" in one for one in answers), answers)
        for one in answers:
            check("data" in one or (one["code"], one["limit"]) == ("quota_exceeded", "artifact_queries"), one)
        equal(answer(cey, cey.say("artifact_query", query))["code"], "not_found")
        equal(put(bea, session, "f", file, for_room=True)["for_room"], True)
        equal(get(cey, sha256=sha256), file)


@test
def a_hub_that_keeps_nothing_takes_none():
    with Hub() as hub:
        ada, bea = hub.join("ada", 2), hub.join("bea", 2)
        told = offer(ada, begin(ada, bea), "f", b"x")
        equal(told["code"], "storage_unavailable")
        check("--memory" in told["detail"], told)


run()
