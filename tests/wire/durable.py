"""A hub that keeps what it is told: kill -9 at any time, a full disk, damage, two hubs for one
directory."""

import contextlib
import os
import random
import resource
import sqlite3

from harness import (Hub, check, directory, encode, equal, fill_up, full_disk, kill_9, message,
                     run, settle, small_disk, test, wait_until)

ROUNDS = 12


def patterns(hub, name="judge"):
    """The patterns that a newcomer is told of, by id."""
    with contextlib.closing(hub.join(name, 2)) as judge:
        equal(judge.sync["truncated"], False, "truncated")
        return judge.sync["global_knowledge_base"]["shared_patterns"]


@test
def what_anybody_heard_of_outlives_kill_9():
    heard, last_seq, chance = [], 0, random.Random(7)
    with directory() as data:
        for number in range(ROUNDS):
            hub = Hub("--data", data, "--sync-limit", 64 << 20)
            known = patterns(hub)
            for identity in heard:
                check(identity in known, identity, "was heard of, and is lost")
            reader, writer = hub.join("reader", 2), hub.join("writer", 2)
            check(reader.sync["seq"] > last_seq, "seq", reader.sync["seq"], "after", last_seq)
            count, stop = chance.randrange(20, 200), chance.randrange(1, 20)
            for at in range(count):
                writer.say("pattern_share", {"pattern": {"id": f"r{number}-{at}", "round": number}})
            mine = []
            while len(mine) < stop:
                line = reader.receive()
                if line["message_type"] == "pattern_share":
                    mine.append(line["payload"]["pattern"]["id"])
                    last_seq = line["seq"]
            equal(mine, [f"r{number}-{at}" for at in range(stop)], "what was heard, in order")
            heard += mine
            kill_9(hub)
        hub = Hub("--data", data, "--sync-limit", 64 << 20)
        known = patterns(hub)
        check(set(heard) <= set(known), set(heard) - set(known), "lost")
        for number in range(ROUNDS):  # of each round a first part, without a hole
            mine = [identity for identity in known if identity.startswith(f"r{number}-")]
            check({f"r{number}-{at}" for at in range(len(mine))} == set(mine), "a hole in round", number)
        kill_9(hub)


def until(client, message_type, **fields):
    """What comes until then, without presence; the last is that line."""
    lines = []
    while not lines or lines[-1]["message_type"] != message_type or not fields.items() <= lines[-1]["payload"].items():
        lines += [line for line in [client.receive()] if line["message_type"] not in ("presence", "hello")]
    return lines


@test
def what_is_said_at_once_is_judged_in_its_order():
    """Nothing of it is on disk yet when the last is read."""
    with directory() as data, Hub("--data", data) as hub:
        ada, bea = hub.join("ada", 2), hub.join("bea", 2, acks=True)
        ada.say("collaboration_request", {"type": "t", "description": "d"}, "bea")
        session = until(bea, "collaboration_request")[-1]["payload"]["session_id"]
        writes = [("workspace_update", {"session_id": session, "key": "k", "value": "x" * 5000, "base_version": version})
                  for version in (0, 1, 2, 1, 3)]
        said = [message("bea", kind, payload) for kind, payload in [
            ("collaboration_response", {"session_id": session, "accepted": True}), *writes,
            ("lease_request", {"key": "k", "ttl_s": 600}),
            ("chat", {"text": 7, "reply_by": 0}), ("chat", {"text": "x" * 600_000}),
            ("workspace_update", {"session_id": "none", "key": "k", "value": 1}), ("chat", {"text": "the end"})]]
        bea.send_bytes(b"".join(encode(line) + b"\n" for line in said))
        heard = until(ada, "chat", text="the end")
        equal([line["payload"]["version"] for line in heard if line["message_type"] == "workspace_update"], [1, 2, 3, 4], "versions")
        answers = [line["payload"] for line in until(bea, "ack", message_id=said[-1]["message_id"])
                   if line["message_type"] in ("ack", "error")]
        equal([answer.get("message_id") or answer["in_reply_to"] for answer in answers],
              [line["message_id"] for line in said], "what is answered, in its order")
        equal([answer.get("code") for answer in answers],
              [None, None, None, None, "conflict", None, None, "bad_payload", None, "unknown_session", None])
        cid = hub.join("cid", 2)  # who closes behind it has said it all the same
        cid.send_bytes(b"".join(encode(message("cid", kind, payload)) + b"\n" for kind, payload in [
            ("chat", {"text": "first"}), ("workspace_update", {"session_id": session, "key": "k", "value": 1}),
            ("chat", {"text": "last"})]))
        cid.close()
        until(ada, "chat", text="last")


@test
def a_lease_and_its_fence_outlive_kill_9():
    with directory() as data:
        hub = Hub("--data", data)
        ada = hub.join("ada", 2)
        for key in ("given back", "k"):
            ada.say("lease_request", {"key": key, "ttl_s": 600})
            fence = ada.expect("lease", status="granted", key=key)["payload"]["fence"]
            if key == "given back":
                ada.say("lease_release", {"key": key, "fence": fence})
                ada.expect("lease", status="released")
        kill_9(hub)
        with Hub("--data", data) as hub:
            bea = hub.join("bea", 2)
            bea.say("lease_request", {"key": "k", "ttl_s": 600})
            bea.expect("lease", status="held", holder="ada", fence=fence)
            bea.say("pattern_share", {"pattern": {"id": "p"}, "lease": {"key": "k", "fence": fence}})
            bea.expect_error("stale_lease", "ada")
            bea.say("lease_request", {"key": "given back", "ttl_s": 600})
            check(bea.expect("lease", status="granted")["payload"]["fence"] > fence, "a fence comes again")
            ada = hub.join("ada", 2)
            bea.expect("hello")
            ada.say("pattern_share", {"pattern": {"id": "p"}, "lease": {"key": "k", "fence": fence}})
            bea.expect("pattern_share")
            ada.say("lease_request", {"key": "k", "ttl_s": 600})
            ada.expect("lease", status="renewed", fence=fence)


@test
def sessions_and_members_go_on_after_kill_9():
    with directory() as data:
        hub = Hub("--data", data)
        ada, bea = hub.join("ada", 2), hub.join("bea", 2)
        ada.expect("hello")
        ada.say("collaboration_request", {"type": "t", "description": "d", "target_ai": "bea"})
        session = ada.expect("collaboration_update")["payload"]["session_id"]
        bea.expect("collaboration_request")
        bea.say("collaboration_response", {"session_id": session, "accepted": True})
        ada.expect("collaboration_update", status="active")
        ada.say("workspace_update", {"session_id": session, "key": "k", "value": [1, 2], "base_version": 0})
        ada.expect("workspace_update", version=1, accepted=True)
        token = ada.sync["resume_token"]
        kill_9(hub)
        with Hub("--data", data) as hub:
            ada = hub.join("ada", 2)
            check(ada.sync["resume_token"] != token, "a token is given twice")
            ada.say("chat", {"text": "there?"}, "bea")
            ada.expect_error("target_offline", "bea")  # remembered, and not there any more
            bea = hub.join("bea", 2)
            ada.expect("hello")
            ada.say("workspace_update", {"session_id": session, "key": "k", "value": 3, "base_version": 0})
            ada.expect_error("conflict", "version 1")
            ada.say("workspace_update", {"session_id": session, "key": "k", "value": 3, "base_version": 1})
            ada.expect("workspace_update", version=2, accepted=True)
            bea.expect("workspace_update", version=2, value=3)


@test
def a_stop_and_a_start_lose_nothing():
    with directory() as data:
        for number in range(3):
            with Hub("--data", data) as hub:
                equal(sorted(patterns(hub)), [f"p{at}" for at in range(number)], "patterns")
                ada = hub.join("ada", 2)
                ada.say("pattern_share", {"pattern": {"id": f"p{number}"}})
                settle(ada)


@test
def one_hub_at_a_time():
    with directory() as data, Hub("--data", data) as hub:
        try:
            Hub("--data", data)
        except AssertionError as refusal:
            check(f"process {hub.process.pid}" in str(refusal), refusal)
            check("(1)" in str(refusal), "exit code:", refusal)
        else:
            check(False, "two hubs have one directory")
        hub.join("ada", 2).drain()


@test
def a_full_disk_refuses_what_it_can_not_keep_and_recovers():
    with directory() as data, Hub("--data", data) as hub:
        ada, bea = hub.join("ada", 2), hub.join("bea", 2)
        ada.expect("hello")
        size = os.path.getsize(os.path.join(data, "hub.db-wal"))
        # files that may not grow stand for a full disk
        resource.prlimit(hub.process.pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
        identity = ada.say("pattern_share", {"pattern": {"id": "large", "text": "x" * 50000}})
        refused = ada.expect_error("storage_unavailable", "send it again")
        equal(refused["payload"]["in_reply_to"], identity, "in_reply_to")
        hub.wait_log("event=storage state=failing error=")
        ada.say("chat", {"text": "anybody?"})
        ada.expect_error("storage_unavailable")
        bea.expect_nothing()
        ada.expect_nothing()  # heartbeats go on
        resource.prlimit(hub.process.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        hub.wait_log("event=storage state=well")
        ada.say("pattern_share", {"pattern": {"id": "small"}})
        equal(bea.expect("pattern_share")["payload"]["pattern"]["id"], "small", "pattern")
        equal(list(patterns(hub)), ["small"], "patterns")


def until_kept(client, message_type, payload):
    """Says it until it is not refused, or answered to a guest, any more; its answer."""
    def tried():
        client.say(message_type, payload)
        answer = client.receive()
        there = answer["message_type"] != "error" and answer["payload"].get("kept", True)
        check(there or answer["payload"].get("code") in (None, "storage_unavailable"), answer)
        return there and answer["payload"]
    return wait_until(tried, f"{message_type} to be kept")


def all_that_was_said(observer):
    """Texts of the chats, as far as they can be read: an error says when the rest can't."""
    texts, after = [], 0
    while True:
        observer.say("log_query", {"types": ["chat"], "after": after})
        answer = observer.receive()
        if answer["message_type"] == "error":
            equal(answer["payload"]["code"], "storage_unavailable", "code")
            return texts
        texts += [said["message"]["payload"]["text"] for said in answer["payload"]["messages"]]
        if answer["payload"]["whole"]:
            return texts
        check(answer["payload"]["upto"] > after, "a page of nothing:", answer)
        after = answer["payload"]["upto"]


@test
def who_only_observes_is_answered_while_the_disk_is_full():
    with directory() as data, Hub("--data", data) as hub:
        ada = hub.join("ada", 2)
        ada.say("pattern_share", {"pattern": {"id": "p1", "text": "a fair queue"}})
        for text in ("long ago", "was said"):
            ada.say("chat", {"text": text})
            settle(ada)
        fay = hub.join("fay", 2, role="observer")
        equal(all_that_was_said(fay), ["long ago", "was said"], "what was said, and is written to be read")
        fay.close()
        eve, bea, cey = hub.connect(), hub.connect(), hub.connect()
        with full_disk(hub):
            eve.hello("eve", 2, role="observer")  # it is taken, and then can't be kept
            equal((eve.sync["kept"], eve.sync["active_ais"], eve.sync["room"]), (False, ["ada"], "main"), "the answer")
            check("resume_token" not in eve.sync, eve.sync)
            equal(list(eve.sync["global_knowledge_base"]["shared_patterns"]), ["p1"], "patterns")
            equal([member["ai_id"] for member in eve.sync["members"]], ["ada"], "members")
            # by now it is not even taken
            cey.hello("cey", 2, role="observer", sync="none")
            equal((cey.sync["kept"], cey.sync["global_knowledge_base"]["shared_patterns"]), (False, {}), "the answer")
            seq = cey.sync["seq"]
            bea.name, bea.level = "bea", 2
            bea.say("hello", {"protocol": 2})
            bea.expect_error("storage_unavailable", "again later")
            for guest in (eve, cey):
                guest.say("knowledge_query", {"text": "fair"})
                equal(list(guest.expect("knowledge_result")["payload"]["entries"]["shared_patterns"]), ["p1"], "found")
                equal(all_that_was_said(guest), ["long ago", "was said"], "what was said")
                guest.say("session_query")
                guest.expect("session_result", total=0)
                guest.say("dead_query")
                guest.expect("dead_result", total=0)
                guest.say("heartbeat")
                guest.expect("heartbeat", seq=seq)
                guest.say("chat", {"text": "anybody?"})
                guest.expect_error("storage_unavailable", "say hello again")
                guest.say("hello", {"protocol": 2, "role": "observer", "sync": "none"})  # and now?
                guest.expect("training_sync", kept=False)
            hub.join("dee", 2, role="observer").close()
            ada.expect_nothing()
        joined = until_kept(bea, "hello", {"protocol": 2, "acks": True})
        bea.level, bea.sync = 2, joined
        bea.say("chat", {"text": "room again"})
        bea.expect("ack")
        eve.expect_nothing()  # it has not joined,
        cey.say("chat", {"text": "not I"})  # and joins by nothing but its hello
        cey.expect_error("storage_unavailable", "say hello again")
        for guest in (eve, cey):
            guest.say("hello", {"protocol": 2, "role": "observer", "sync": "none", "since": seq})
            joined = guest.expect("training_sync")["payload"]
            check("kept" not in joined and joined["resume_token"], joined)
            guest.expect("hello")
            guest.expect("chat", text="room again")
            guest.expect("caught_up")
        equal(all_that_was_said(eve), ["long ago", "was said", "room again"], "what was said")
        ada.say("chat", {"text": "now"})
        eve.expect("chat", text="now")
        equal(hub.counters()["observers"], 2, "observers")


@test
def who_only_observed_a_full_disk_leaves_nothing():
    with directory() as data, Hub("--data", data) as hub:
        settle(hub.join("ada", 2))
        guest = hub.connect()
        with full_disk(hub):
            guest.hello("eve", 2, role="observer", room="lab")
            equal((guest.sync["kept"], guest.sync["active_ais"], guest.sync["room"]), (False, [], "lab"), "the answer")
            guest.say("hello", {"protocol": 2, "role": "observer", "room": "main"})
            guest.expect_error("forbidden", "lab")
        joined = until_kept(guest, "hello", {"protocol": 2, "room": "lab"})  # an AI after all
        equal(joined["active_ais"], ["eve"], "active_ais")


def flip(database, text):
    """Flips a bit of the first entry that holds this text."""
    for identity, packed in database.execute("SELECT id, bytes FROM entry_packs ORDER BY id").fetchall():
        at = packed.find(text)
        if at >= 0:
            packed = packed[:at] + bytes([packed[at] ^ 4]) + packed[at + 1:]
            database.execute("UPDATE entry_packs SET bytes = ? WHERE id = ?", (packed, identity))
            return
    check(False, text, "is in no entry")


@test
def a_small_disk_is_used_to_its_end_and_gone_on_with():
    """What SQLite's log holds is taken in before the disk is full of it. Then there is no room, but
    what is known is told; and when there is, it goes on by itself."""
    with small_disk(8) as disk, Hub("--data", os.path.join(disk, "data")) as hub:
        ballast = os.path.join(disk, "ballast")
        fill_up(ballast, 7 << 20)
        ada, refused, kept = hub.join("ada", 2, acks=True), {}, 0
        while not refused:
            # at once: messages that come one by one are commits of few, and take more of a disk
            said = [message("ada", "chat", {"text": "x" * 1000}) for _ in range(20)]
            ada.send_bytes(b"".join(encode(line) + b"\n" for line in said))
            answers = [ada.receive() for _ in range(20)]
            kept += sum(answer["message_type"] == "ack" for answer in answers)
            refused = {answer["payload"]["in_reply_to"]: answer for answer in answers if answer["message_type"] == "error"}
        for answer in refused.values():
            equal(answer["payload"]["code"], "storage_unavailable", answer)
        check(kept * 1000 > 4 << 20, kept, "messages of 1000 bytes on a disk with 7 MiB")
        hub.wait_log("event=storage state=failing error=.*full")
        ada.say("knowledge_query", {"section": "shared_patterns"})
        ada.expect("knowledge_result")
        os.unlink(ballast)
        hub.wait_log("event=storage state=well")
        hub.wait_console("There is room to store messages again")
        again = [line for line in said if line["message_id"] in refused]
        equal(again, said[20 - len(again):], "refused: the first of them, and all behind it")
        first = again[0]["message_id"]
        ada.say("chat", {"text": "before it"})
        equal(ada.expect_error("storage_unavailable", first)["payload"]["behind"], first, "behind")
        ada.send_bytes(b"".join(encode(line) + b"\n" for line in again))
        seqs = []
        for line in again:
            ack = ada.expect("ack")["payload"]
            equal(ack["message_id"], line["message_id"], "acked")
            seqs.append(ack["seq"])
        equal(seqs, sorted(set(seqs)), "seqs")


@test
def a_hub_does_not_start_on_damage():
    with directory() as data:
        with Hub("--data", data) as hub:
            ada = hub.join("ada", 2)
            ada.say("pattern_share", {"pattern": {"id": "p"}})
            settle(ada)
        with contextlib.closing(sqlite3.connect(os.path.join(data, "hub.db"))) as database, database:
            flip(database, b"pattern_share")
        try:
            Hub("--data", data)
        except AssertionError as refusal:
            check('room "main": entry 3 is damaged' in str(refusal), refusal)
        else:
            check(False, "a hub started on a damaged entry")


@test
def many_entries_become_a_checkpoint():
    """After 20,000 of them a start reads state, and applies few entries."""
    with directory() as data:
        with Hub("--data", data) as hub:
            ada = hub.join("ada", 2)
            for at in range(21000):
                ada.say("performance_report", {"component_id": f"c{at % 50}", "performance": {"score": 0.5}})
                if at % 1000 == 0:
                    settle(ada)
            settle(ada)
            log = os.path.join(data, "hub.db-wal")
            wait_until(lambda: b'"limits":{' in open(log, "rb").read(), "a checkpoint")
        with Hub("--data", data) as hub, contextlib.closing(hub.join("judge", 2)) as judge:
            applied = int(hub.wait_log(r"event=recovered .*entries=(\d+)").group(1))
            check(applied < 5000, applied, "entries were applied again")
            equal(judge.sync["knowledge_totals"]["performance_benchmarks"], 50, "benchmarks")


def rows_of(data, table):
    """Of a hub's database that it has closed."""
    with contextlib.closing(sqlite3.connect(os.path.join(data, "hub.db"))) as database:
        return database.execute(f"SELECT count(*) FROM {table}").fetchone()[0]


@test
def what_grew_too_old_goes_from_a_room_in_which_nothing_is_said():
    with directory() as data:
        with Hub("--data", data) as hub:
            ada = hub.join("ada", 2)
            for at in range(10):
                ada.say("chat", {"text": str(at)})
            settle(ada)
        check(rows_of(data, "entry_packs") and rows_of(data, "message_packs"), "nothing was kept")
        with Hub("--data", data, "--retain-ms", 1, "--quiet-ms", 10) as hub:
            # the second of them is there because the room is quiet, and nothing has changed
            wait_until(lambda: hub.counters()["checkpoints"] >= 2, "two checkpoints")
        equal((rows_of(data, "entry_packs"), rows_of(data, "message_packs")), (0, 0), "rows that are left")


run()
