#!/usr/bin/env python3
"""REST under /v1 of a gateway, against a real hub; each answer is held against its OpenAPI
document.

usage: gateway_rest.py KHUB [PART OF A NAME]
"""
import concurrent.futures
import contextlib
import hashlib
import http.client
import json
import os
import re
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import urllib.parse

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
sys.path.insert(0, os.path.join(ROOT, "tests", "wire"))
from claims import GOOD, claim, report  # noqa: E402
from gateway import Gateway, door_of  # noqa: E402
from harness import PATIENCE, Hub, check, directory, equal, kill_9, run, settle  # noqa: E402
from harness import test, wait_until  # noqa: E402
from rest_client import Api, Stream  # noqa: E402
from tokens import OTHER, give_out, revoke  # noqa: E402

MIB = 1 << 20


@contextlib.contextmanager
def kept_hub(*options):
    with tempfile.TemporaryDirectory(prefix="khub-test-") as folder:
        with Hub("--data", folder, *options) as hub:
            hub.data = folder
            yield hub


@contextlib.contextmanager
def serving(hub, *words, token=None):
    """A gateway that ends well, unless it was killed."""
    if token:
        os.environ["KHUB_TOKEN"] = token
    try:
        gateway = Gateway(*words, hub=hub)
    finally:
        os.environ.pop("KHUB_TOKEN", None)
    with gateway:
        yield gateway
        if gateway.process.poll() is None:
            equal(gateway.end(), (0, ""))


# ── who is there, what is said ──


@test
def an_ai_joins_talks_and_leaves():
    with kept_hub() as hub, serving(hub) as gateway:
        nobody = Api(gateway)
        bea = hub.join("bea", 2, specialization="networking", capabilities=["tcp"])
        ada = nobody.join("ada", specialization="audio", capabilities=["mixing", "ears"])
        equal(ada.answer["active_ais"], ["bea", "ada"])
        hello = bea.expect("hello")
        equal((hello["sender_id"], hello["payload"]["capabilities"]), ("ada", ["mixing", "ears"]))
        members = nobody.good("GET", "/v1/members")
        equal(([one["ai_id"] for one in members["members"]], members["connected"]), (["ada", "bea"], 2))
        equal(nobody.good("GET", "/v1/members", limit=1, after="ada")["members"][0]["ai_id"], "bea")
        equal(nobody.good("GET", "/v1/members/ada")["member"]["capabilities"], ["mixing", "ears"])
        nobody.refused(404, "not_found", "GET", "/v1/members/nobody")

        said = ada.good("POST", "/v1/messages", {"payload": {"text": "hello", "n": 1.50}, "target_ai": "bea",
                                                 "message_id": "ada-1"})
        equal((said["message_id"], said["delivered"]), ("ada-1", True))
        heard = bea.expect("chat")
        equal((heard["message_id"], heard["seq"], heard["target_ai"]), ("ada-1", said["seq"], "bea"))
        again = ada.good("POST", "/v1/messages", {"payload": {"text": "other"}, "message_id": "ada-1"})
        equal(again["seq"], said["seq"], "said again under the same id")
        error, _ = ada.refused(404, "unknown_target", "POST", "/v1/messages",
                               {"payload": {"text": "x"}, "target_ai": "bae"})
        check("bea" in error["message"], error)
        error, _ = ada.refused(400, "unknown_type", "POST", "/v1/messages", {"payload": {}, "message_type": "chit"})
        check("did you mean 'chat'" in error["message"], error)
        for kind in ("ack", "hello", "leave", "member_query"):
            ada.refused(400, "forbidden_type", "POST", "/v1/messages", {"payload": {}, "message_type": kind})

        bea.say("chat", {"text": "good day"}, "ada")
        bea.say("chat", {"text": "to all"})
        inbox = ada.good("GET", "/v1/inbox", wait_s=300, max=1)
        equal([one["message"]["payload"]["text"] for one in inbox["messages"]], ["good day"])
        equal((inbox["messages"][0]["to_you"], inbox["messages"][0]["message"]["sender_id"]), (True, "bea"))
        inbox = ada.good("GET", "/v1/inbox", wait_s=300)
        equal([one["message"]["payload"]["text"] for one in inbox["messages"]], ["to all"])
        equal(len(ada.good("GET", "/v1/inbox", again="true")["messages"]), 2)
        acked = ada.good("POST", "/v1/ack", {})
        equal(acked["acked"], 2)
        equal(ada.good("GET", "/v1/inbox", again="true")["messages"], [])

        ada.refused(403, "forbidden", "DELETE", "/v1/members/bea")
        equal(ada.ask("DELETE", "/v1/members/ada")[0], 204)
        equal(bea.expect("presence")["payload"]["reason"], "left")
        ada.refused(404, "not_found", "GET", "/v1/inbox")
        equal(nobody.good("GET", "/v1/members/ada")["member"]["status"], "left")


@test
def numbers_and_letters_stay_as_they_were_written():
    with kept_hub() as hub, serving(hub) as gateway:
        ada, bea = Api(gateway).join("ada"), hub.join("bea", 2)
        written = '{"text":"\\u00fc ü","n":1.500,"big":123456789012345678901234567890,"e":1E400}'
        status, answer, _ = gateway.ask("/v1/messages", "POST", ('{"payload":' + written + "}").encode(),
                                   Content_Type="application/json", Khub_Handle=ada.handle)
        equal((status, answer), (201, answer))
        while b'"chat"' not in (line := bea.receive_raw()):
            pass
        check(written.encode() in line, line)
        with serving(hub) as other:
            _, body, _ = other.ask("/v1/messages?types=chat")
            equal(body["messages"][0]["message"]["payload"]["n"], 1.5)


@test
def what_was_said_is_read_a_page_at_a_time():
    with kept_hub() as hub, serving(hub) as gateway:
        api = Api(gateway)
        ada, bea = hub.join("ada", 2, acks=True), hub.join("bea", 2)
        for i in range(5):
            ada.say("chat", {"text": f"line {i}"})
        ada.drain()
        bea.say("chat", {"text": "for ada"}, "ada")
        bea.drain()
        page = api.good("GET", "/v1/messages", types="chat", limit=3)
        equal([one["message"]["payload"]["text"] for one in page["messages"]], ["line 0", "line 1", "line 2"])
        equal((page["whole"], page["kept"], page["first"]), (False, True, 1))
        rest = api.good("GET", "/v1/messages", types="chat,heartbeat", since=page["upto"])
        equal([one["message"]["payload"]["text"] for one in rest["messages"]], ["line 3", "line 4", "for ada"])
        equal(rest["whole"], True)
        equal(len(api.good("GET", "/v1/messages", sender="bea", types="chat")["messages"]), 1)
        equal(len(api.good("GET", "/v1/messages", target="ada")["messages"]), 1)
        first = page["messages"][0]["seq"]
        equal(len(api.good("GET", "/v1/messages", types="chat", until=first)["messages"]), 1)
        near = api.good("GET", "/v1/messages", room="mian")
        equal(near["near"], ["main"])


@test
def a_page_that_is_empty_is_waited_for():
    with kept_hub() as hub, serving(hub) as gateway:
        api = Api(gateway)
        ada = hub.join("ada", 2)
        upto = api.good("GET", "/v1/messages")["upto"]
        equal(api.good("GET", "/v1/messages", since=upto, wait_s=0)["messages"], [])
        found = []
        waiting = threading.Thread(target=lambda: found.append(
            api.good("GET", "/v1/messages", since=upto, types="chat", wait_s=300)))
        waiting.start()
        ada.say("feature_request", {"feature": "x", "requirements": {}})  # passes no filter
        ada.say("chat", {"text": "at last"})
        waiting.join()
        equal([one["message"]["payload"]["text"] for one in found[0]["messages"]], ["at last"])
        equal(api.good("GET", "/v1/messages", since=found[0]["upto"], wait_s=1)["messages"], [])
        hub_memory = api.good("GET", "/v1/messages", types="chat", limit=1)
        check(hub_memory["kept"], hub_memory)


# ── work ──


@test
def what_is_known_is_shared_searched_and_read():
    with kept_hub() as hub, serving(hub) as gateway:
        nobody, bea = Api(gateway), hub.join("bea", 2)
        ada = nobody.join("ada", specialization="audio")
        ada.good("POST", "/v1/knowledge", {"pattern": {"id": "jitter", "subject": "audio", "gain": 1.50}})
        bea.expect("hello")
        share = bea.expect("pattern_share")
        equal(share["payload"]["pattern"]["gain"], 1.5)
        ada.good("POST", "/v1/knowledge", {"pattern": {"id": "jitter", "subject": "audio", "gain": 2}})
        ada.good("POST", "/v1/knowledge", {"code": {"id": "a/b c", "language": "c", "source": "int jitter;"}})
        ada.good("POST", "/v1/knowledge", {"component": {"name": "buffer"}})
        page = nobody.good("GET", "/v1/knowledge", limit=2)
        equal((page["count"], page["totals"]["collective_features"]), (2, 1))
        page = nobody.good("GET", "/v1/knowledge", limit=2, cursor=page["next"])
        equal((page["count"], page["next"]), (1, None))
        found = nobody.good("GET", "/v1/knowledge", text="jitter", section="shared_components")["found"]
        equal([one["id"] for one in found], ["a/b c"])
        check("jitter" in found[0]["snippet"], found)
        equal(nobody.good("GET", "/v1/knowledge", subject="audio", contributor="ada")["count"], 1)
        entry = nobody.good("GET", "/v1/knowledge/" + urllib.parse.quote("a/b c", safe=""))
        equal(entry["entries"]["shared_components"]["a/b c"]["code"]["source"], "int jitter;")
        former = nobody.good("GET", "/v1/knowledge/jitter", revision=1)["revisions"][0]
        equal((former["entry"]["pattern"]["gain"], former["revision"]), (1.5, 1))
        equal(len(nobody.good("GET", "/v1/knowledge/jitter", revision="all")["revisions"]), 2)
        nobody.refused(404, "not_found", "GET", "/v1/knowledge/nothing")
        nobody.refused(400, "bad_payload", "GET", "/v1/knowledge/jitter", revision="first")
        ada.refused(400, "bad_request", "POST", "/v1/knowledge", {})
        ada.refused(400, "bad_request", "POST", "/v1/knowledge", {"code": {}, "pattern": {}})
        bea.say("pattern_share", {"pattern": {"id": "hers"}})
        bea.drain()
        ada.refused(403, "not_owner", "POST", "/v1/knowledge", {"pattern": {"id": "hers"}})


@test
def a_session_is_offered_taken_worked_in_and_ended():
    with kept_hub() as hub, serving(hub) as gateway:
        nobody = Api(gateway)
        ada, bea = nobody.join("ada"), nobody.join("bea")
        made = ada.good("POST", "/v1/sessions", {"type": "joint_work", "description": "d", "target_ai": "bea"})
        equal(made["status"], "pending")
        number = made["session_id"]
        asked = bea.good("GET", "/v1/inbox", wait_s=300)["messages"][-1]["message"]
        equal((asked["message_type"], asked["payload"]["session_id"]), ("collaboration_request", number))
        ada.refused(403, "forbidden", "POST", f"/v1/sessions/{number}/response", {"accepted": True})
        bea.good("POST", f"/v1/sessions/{number}/response", {"accepted": True})
        equal(bea.good("GET", "/v1/sessions")["sessions"][0]["session_id"], number)
        path = f"/v1/sessions/{number}/workspace/" + urllib.parse.quote("src/a b.c", safe="")
        ada.good("PUT", path, {"value": [1.50, None, {"x": "y"}]})
        error, _ = bea.refused(409, "conflict", "PUT", path, {"value": 2})
        equal((error["value"], error["version"]), ([1.5, None, {"x": "y"}], 1))
        bea.good("PUT", path, {"value": 2, "base_version": 1})
        session = nobody.good("GET", f"/v1/sessions/{number}")["session"]
        equal(session["workspace"], {"src/a b.c": {"version": 2, "value": 2}})
        bea.good("POST", f"/v1/sessions/{number}/updates", {"progress": 0.5, "note": "half"})
        ada.good("POST", f"/v1/sessions/{number}/updates", {"status": "cancelled"})
        equal(nobody.good("GET", "/v1/sessions", limit=1)["sessions"][0]["status"], "cancelled")
        nobody.refused(404, "unknown_session", "GET", "/v1/sessions/nothing")
        cid = nobody.join("cid")
        cid.refused(404, "unknown_session", "GET", f"/v1/sessions/{number}")


@test
def work_is_claimed_and_given_back():
    with kept_hub() as hub, serving(hub) as gateway:
        nobody = Api(gateway)
        ada, bea = nobody.join("ada"), nobody.join("bea")
        lease = ada.good("POST", "/v1/leases", {"key": "src/a.c", "ttl_s": 60, "intent": "mend it"})
        equal((lease["status"], lease["holder"]), ("granted", "ada"))
        equal(ada.good("POST", "/v1/leases", {"key": "src/a.c", "ttl_s": 60})["status"], "renewed")
        error, _ = bea.refused(409, "conflict", "POST", "/v1/leases", {"key": "src/a.c", "ttl_s": 60})
        equal((error["holder"], error["intent"]), ("ada", "mend it"))
        under = {"key": "src/a.c", "fence": lease["fence"]}
        ada.good("POST", "/v1/knowledge", {"code": {"id": "a"}, "lease": under})
        bea.refused(409, "stale_lease", "POST", "/v1/knowledge", {"code": {"id": "b"}, "lease": under})
        equal(ada.good("DELETE", "/v1/leases/src%2Fa.c", fence=lease["fence"], done="true")["done"], True)
        ada.refused(409, "stale_lease", "DELETE", "/v1/leases/src%2Fa.c", fence=lease["fence"])
        equal(bea.good("POST", "/v1/leases", {"key": "src/a.c", "ttl_s": 60})["status"], "granted")


@test
def what_is_claimed_is_seen_by_who_looks_on():
    with kept_hub() as hub, serving(hub) as gateway:
        nobody = Api(gateway)
        ada = nobody.join("ada")
        before = ada.good("POST", "/v1/leases", {"key": "before", "ttl_s": 60, "intent": "x"})
        found, = nobody.good("GET", "/v1/leases")["leases"]
        equal((found["key"], found["fence"], found["intent"]), ("before", before["fence"], "x"))
        bea = hub.join("bea", 2)
        bea.say("lease_request", {"key": "a/b", "ttl_s": 60})
        bea.expect("lease")
        wait_until(lambda: len(nobody.good("GET", "/v1/leases")["leases"]) == 2, "the second one")
        equal([one["key"] for one in nobody.good("GET", "/v1/leases", holder="bea")["leases"]], ["a/b"])
        ada.good("DELETE", "/v1/leases/before", fence=before["fence"])
        wait_until(lambda: len(nobody.good("GET", "/v1/leases")["leases"]) == 1, "the first one to be gone")


@test
def a_list_of_work_is_shared():
    with kept_hub() as hub, serving(hub) as gateway:
        nobody = Api(gateway)
        ada, bea, cid = (nobody.join(name) for name in ("ada", "bea", "cid"))
        equal(ada.good("POST", "/v1/tasks", {"title": "Lay the ground", "key": "ground"})["status"], "ready")
        equal(ada.good("POST", "/v1/tasks", {"title": "Build", "key": "src/a.c", "needs": ["ground"]})["status"],
              "blocked")
        page = nobody.good("GET", "/v1/tasks", status="open")
        equal(([one["id"] for one in page["tasks"]], page["tasks"][1]["blocked_by"]), (["ground", "src/a.c"], ["ground"]))
        path = "/v1/tasks/" + urllib.parse.quote("src/a.c", safe="")
        version = nobody.good("GET", path)["task"]["version"]
        equal(ada.good("PATCH", path, {"version": version, "title": "Build it"})["change"], "edited")
        bea.refused(409, "conflict", "POST", "/v1/leases", {"key": "task:src/a.c", "ttl_s": 60})
        lease = bea.good("POST", "/v1/leases", {"key": "task:ground", "ttl_s": 60})
        ada.refused(409, "stale_lease", "PATCH", "/v1/tasks/ground", {"status": "done", "fence": 1})
        done = bea.good("PATCH", "/v1/tasks/ground", {"status": "done", "fence": lease["fence"],
                                                      "evidence": [{"command": "true", "exit": 0, "printed": ""}]})
        equal((done["change"], done["ready"]), ("done", ["src/a.c"]))
        cid.good("POST", "/v1/tasks/ground/reports", {"exit": 0, "printed": ""})
        equal(nobody.good("GET", "/v1/tasks/ground")["task"]["evidence_status"], "unverified")
        equal(ada.good("PATCH", path, {"status": "dropped", "why": "no need"})["status"], "dropped")
        nobody.refused(404, "not_found", "GET", "/v1/tasks/nothing")


@test
def a_person_is_asked_and_decides():
    with kept_hub() as hub, serving(hub) as gateway:
        nobody = Api(gateway)
        ada, eve = nobody.join("ada"), nobody.join("eve", specialization="person")
        asked = ada.good("POST", "/v1/approvals", {"question": "Ship?", "choices": ["yes", "no"], "default": "no",
                                                   "timeout_s": 600, "target_ai": "eve"})
        equal((asked["status"], asked["target"]), ("pending", "eve"))
        path = "/v1/approvals/" + asked["approval_id"]
        equal(eve.good("GET", "/v1/approvals", status="pending")["approvals"][0]["question"], "Ship?")
        ada.refused(403, "forbidden", "POST", path, {"choice": "yes"})
        equal(eve.good("POST", path, {"choice": "yes", "note": "go"})["choice"], "yes")
        eve.refused(409, "conflict", "POST", path, {"choice": "no"})
        mail = ada.good("GET", "/v1/inbox", wait_s=300)["messages"][-1]
        equal((mail["message"]["message_type"], mail["message"]["payload"]["choice"]), ("approval", "yes"))


@test
def what_nobody_took_is_sent_again_or_given_up():
    with kept_hub() as hub, serving(hub) as gateway:
        nobody = Api(gateway)
        hub.join("bea", 2).close()
        hub.wait_console("[-] bea left")
        ada = nobody.join("ada")
        said = [ada.say(text, target_ai="bea") for text in ("one", "two")]
        equal([one["delivered"] for one in said], [False, False])
        letters = nobody.good("GET", "/v1/dead", target="bea")
        equal([one["id"] for one in letters["letters"]], [one["seq"] for one in said])
        first = f"/v1/dead/{said[0]['seq']}"
        equal(ada.good("GET", first)["letters"][0]["message"]["payload"]["text"], "one")
        bea = hub.join("bea", 2)
        equal(ada.good("POST", first, {"action": "resend"})["status"], "resent")
        equal(bea.expect("chat")["payload"]["text"], "one")
        equal(nobody.good("POST", f"/v1/dead/{said[1]['seq']}", {"action": "drop"})["status"], "dropped")
        equal(nobody.good("GET", "/v1/dead")["letters"], [])
        nobody.refused(404, "not_found", "GET", first)
        nobody.refused(400, "bad_request", "GET", "/v1/dead/first")


# ── tokens ──


@test
def each_is_who_its_token_says():
    with directory() as data:
        tokens = {name: give_out(data, name) for name in ("ada", "bea")}
        tokens["eye"] = give_out(data, "eye", "--role", "observer")
        tokens["root"] = give_out(data, "root", "--role", "admin")
        own = give_out(data, "gateway", "--role", "observer")
        with Hub("--data", data) as hub, serving(hub, token=own) as gateway:
            who = {name: Api(gateway, token=token) for name, token in tokens.items()}
            Api(gateway).refused(401, "unauthorized", "GET", "/v1/members")
            Api(gateway, token=OTHER).refused(401, "unauthorized", "GET", "/v1/stream")
            ada, bea = who["ada"].join("ada"), who["bea"].join("bea")
            equal(who["eye"].good("GET", "/v1/members")["connected"], 2)
            who["eye"].refused(403, "forbidden", "POST", "/v1/members", {"ai_id": "eve"})
            Api(gateway, ada.handle, tokens["bea"]).refused(404, "not_found", "GET", "/v1/inbox")
            ada.say("between us", target_ai="bea")
            seen = {name: api.good("GET", "/v1/messages", types="chat")["messages"] for name, api in who.items()}
            equal({name: len(found) for name, found in seen.items()}, {"ada": 1, "bea": 1, "eye": 0, "root": 1})
            who["bea"].refused(403, "forbidden", "POST", "/v1/moderation",
                               {"action": "kick", "target": {"ai_id": "ada"}, "reason": "x"})
            who["bea"].refused(403, "forbidden", "GET", "/v1/usage")
            owners = who["root"].good("GET", "/v1/usage")["owners"]
            check({"ada", "bea"} <= {one["owner"] for one in owners}, owners)
            with Stream(gateway, token=tokens["root"], types="moderation") as stream:
                order = {"action": "ban", "target": {"ai_id": "bea"}, "reason": "noise", "for_s": 600}
                done = who["root"].good("POST", "/v1/moderation", order)
                equal((done["by"], done["reason"]), ("root", "noise"))
                equal(stream.event()[2]["payload"]["action"], "ban")  # who ordered it hears it, too
            equal(who["ada"].good("GET", "/v1/bans")["bans"][0]["target"], {"ai_id": "bea"})
            wait_until(lambda: bea.ask("GET", "/v1/inbox")[0] == 404, "the handle to be gone with its AI")
            who["bea"].refused(403, "banned", "POST", "/v1/members", {"ai_id": "bea"})
            with Stream(gateway, token=tokens["eye"]) as stream:
                revoke(data, "eye")
                event, _, told = stream.event()
                equal((event, told["error"]["code"], stream.event()), ("error", "unauthorized", None))
            turned_away = "khub_gateway_callers_refused_total"
            before = gateway.metrics()[turned_away]
            who["eye"].refused(401, "unauthorized", "GET", "/v1/members")
            equal(gateway.metrics()[turned_away], before + 1, "it is refused without a question to the hub")


# ── streams ──


@test
def a_stream_tells_what_is_said_as_it_was():
    with kept_hub() as hub, serving(hub) as gateway:
        Api(gateway)
        ada, bea = hub.join("ada", 2), hub.join("bea", 2)
        with Stream(gateway) as stream, Stream(gateway, types="pattern_share,presence") as some:
            equal(stream.begin[2]["room"], "main")
            ada.say("chat", {"text": "one", "n": 1.50})
            event, number, message = stream.event()
            line = bea.expect("chat")
            equal((event, number), ("chat", str(line["seq"])))
            equal(message, {name: value for name, value in line.items() if name != "seq"}, "as it was said")
            ada.say("pattern_share", {"pattern": {"id": "p"}})
            equal([some.event()[0], stream.event()[0]], ["pattern_share", "pattern_share"])
            ada.say("leave", {})
            equal(some.event()[2]["payload"]["ai_id"], "ada")


@test
def a_stream_goes_on_where_it_was_after_any_end():
    """Readers are cut, gateways killed, the hub killed and started again: no gap, no double."""
    with tempfile.TemporaryDirectory(prefix="khub-test-") as folder:
        hub = Hub("--data", folder)
        port = hub.port
        said, heard = [], []

        def say(client, count):
            for _ in range(count):
                said.append(f"line {len(said)}")
                client.say("chat", {"text": said[-1]})
            client.drain()

        with contextlib.ExitStack() as stack:
            gateway = stack.enter_context(serving(hub))
            Api(gateway)
            ada = hub.join("ada", 2)
            say(ada, 3)
            stream = Stream(gateway, since=0)
            heard += stream.texts(3)
            say(ada, 2)
            heard += stream.texts(1)
            stream.client.close()  # one was under way
            say(ada, 2)
            stream = Stream(gateway, last=stream.last)
            heard += stream.texts(3)
            equal(heard, said)
            gateway.process.kill()
            gateway.process.wait()
            say(ada, 300)
            gateway = stack.enter_context(serving(hub))
            stream = Stream(gateway, last=stream.last)
            heard += stream.texts(300)
            equal(heard, said)
            kill_9(hub)
            hub = stack.enter_context(Hub("--data", folder, listen=(f"127.0.0.1:{port}",)))
            ada = hub.join("ada", 2)
            say(ada, 5)
            heard += stream.texts(5)  # the same stream: its observer came back
            equal(heard, said)
            with Stream(gateway, last=stream.last) as other:
                say(ada, 1)
                equal(other.texts(1), said[-1:])


@test
def messages_of_one_seq_are_told_once_wherever_the_reader_is_cut():
    with kept_hub() as hub, serving(hub) as gateway:
        Api(gateway)
        ada = hub.join("ada", 2)
        bea = hub.join("bea", 2)
        with Stream(gateway) as stream:
            ada.say("collaboration_request", {"type": "t", "description": "d", "target_ai": "bea"})
            request = bea.expect("collaboration_request")
            bea.say("collaboration_response", {"session_id": request["payload"]["session_id"], "accepted": True})
            ada.say("chat", {"text": "behind"})
            whole = []
            while not whole or whole[-1][0] != "chat":
                whole.append(stream.event())
        ids = [number for _, number, _ in whole]
        check(len(ids) == len(set(ids)) and any("." in number for number in ids), "ids:", ids)
        for i, number in enumerate(ids[:-1]):
            with Stream(gateway, last=number) as stream:
                equal([stream.event() for _ in whole[i + 1:]], whole[i + 1:], f"behind {number}")


@test
def what_a_stream_can_not_have_is_said():
    with Hub() as hub, serving(hub) as gateway:  # keeps nothing
        Api(gateway)
        ada = hub.join("ada", 2)
        ada.say("chat", {"text": "gone"})
        ada.drain()
        with Stream(gateway, since=0) as stream:
            event, number, data = stream.event()
            equal((event, number, data["code"], data["since"]), ("replay_truncated", None, "replay_truncated", 0))
            ada.say("chat", {"text": "there"})
            equal(stream.texts(1), ["there"])
            ada.say("chat", {"text": "more"})
            with Stream(gateway, last=stream.last) as other:  # what is remembered is had
                equal(other.texts(1), ["more"])
        with Stream(gateway, last="99999999") as stream:
            equal(stream.event()[0], "replay_truncated")
            ada.say("chat", {"text": "anew"})
            equal(stream.texts(1), ["anew"])


@test
def a_hub_that_begins_anew_is_told_to_who_was_there():
    hub = Hub()
    with contextlib.ExitStack() as stack:
        gateway = stack.enter_context(serving(hub))
        api = Api(gateway)
        ada = hub.join("ada", 2)
        stream = stack.enter_context(Stream(gateway))
        for number in range(9):
            ada.say("chat", {"text": f"{number}"})
        stream.texts(9)
        kill_9(hub)
        hub = stack.enter_context(Hub(listen=(f"127.0.0.1:{hub.port}",)))
        while (event := stream.event()[0]) != "replay_truncated":
            equal(event, "presence")  # of ada, if the hub that was killed had noticed
        ada = hub.join("ada", 2)
        ada.say("chat", {"text": "anew"})
        equal(stream.texts(1), ["anew"])
        check(int(stream.last) < 9, stream.last)
        equal(api.good("GET", "/v1/members/ada")["member"]["status"], "connected")


@test
def who_goes_while_he_waits_loses_nothing():
    with kept_hub() as hub, serving(hub) as gateway:
        ada, bea = Api(gateway).join("ada"), hub.join("bea", 2)
        for end in (lambda client: client.shutdown(socket.SHUT_WR), lambda client: client.close()):
            with socket.create_connection(("127.0.0.1", gateway.port)) as client:
                client.sendall(f"GET /v1/inbox?wait_s=300 HTTP/1.1\r\nHost: localhost\r\n"
                               f"Khub-Handle: {ada.handle}\r\n\r\n".encode())
                ada.good("POST", "/v1/ack", {})  # so that the first one has been read
                before = gateway.metrics()["khub_gateway_connections{door=\"http\"}"]
                end(client)
                wait_until(lambda: gateway.metrics()["khub_gateway_connections{door=\"http\"}"] < before, "its end")
        bea.say("chat", {"text": "for ada"}, "ada")
        equal(ada.good("GET", "/v1/inbox", wait_s=300)["messages"][0]["message"]["payload"]["text"], "for ada")


@test
def readers_that_go_by_force_leave_nothing_behind():
    with kept_hub() as hub, serving(hub) as gateway:
        api = Api(gateway)
        ada = hub.join("ada", 2)
        for _ in range(20):
            client = socket.create_connection(("127.0.0.1", gateway.port))
            client.sendall(b"GET /v1/stream?since=0 HTTP/1.1\r\nHost: localhost\r\n\r\n")
            check(client.recv(10), "no answer")
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            client.close()
        ada.say("chat", {"text": "x" * 1000})
        wait_until(lambda: gateway.metrics()["khub_gateway_http_streams_open"] == 0, "no stream to be open")
        api.good("GET", "/v1/members")


# ── what is wrong ──


@test
def what_is_not_known_is_refused_by_its_name():
    with kept_hub() as hub, serving(hub) as gateway:
        api = Api(gateway)
        ada = api.join("ada")
        for who, method, path, body, query, words in [
                (api, "GET", "/v1/members", None, {"limt": 5}, ["limt", "did you mean 'limit'"]),
                (api, "GET", "/v1/members", None, {"limit": 0}, ["limit", "1 to 200"]),
                (api, "GET", "/v1/members", None, {"limit": "many"}, ["limit", "whole number"]),
                (api, "GET", "/v1/members", None, {"limit": "1.5"}, ["limit", "whole number"]),
                (api, "GET", "/v1/members", None, {"room": "r" * 65}, ["room", "64"]),
                (api, "GET", "/v1/messages", None, {"types": "chat,cat"}, ["cat"]),
                (api, "GET", "/v1/stream", None, {"types": "cat"}, ["cat"]),
                (api, "POST", "/v1/members", {}, {}, ["ai_id", "missing"]),
                (api, "POST", "/v1/members", {"ai_id": "x", "romo": "y"}, {}, ["romo", "did you mean 'room'"]),
                (ada, "POST", "/v1/messages", {"payload": []}, {}, ["payload", "object"]),
                (ada, "POST", "/v1/messages", {"payload": {}, "message_id": "x" * 37}, {}, ["message_id", "36"]),
                (ada, "POST", "/v1/ack", {"seq": "1"}, {}, ["seq"]),
                (ada, "GET", "/v1/knowledge", None, {"room": "other"}, ["other", "main"]),
                (api, "GET", "/v1/inbox", None, {}, ["Khub-Handle"])]:
            error, _ = who.refused(400, "bad_request", method, path, body, **query)
            for word in words:
                check(word in error["message"], word, "is not in", error)
        for target, word in [("/v1/members?limit=1&limit=2", "twice"), ("/v1/members?limit", "no value"),
                             ("/v1/members?room=%ff", "UTF-8"), ("/v1/members?room=%zz", "path"),
                             ("/v1/members?room=%0d%0aX:%201", "malformed"), ("/v1/members/%ff", "UTF-8")]:
            status, answer, _ = gateway.ask(target)
            equal(status, 400, target)
            check(word in answer["error"]["message"], answer)
        Api(gateway, "0" * 32).refused(404, "not_found", "GET", "/v1/inbox")
        api.refused(409, "id_in_use", "POST", "/v1/members", {"ai_id": "ada"})
        api.refused(403, "reserved_id", "POST", "/v1/members", {"ai_id": "Hub"})


@test
def bodies_that_are_no_json_of_ours_are_refused():
    with kept_hub() as hub, serving(hub) as gateway:
        ada = Api(gateway).join("ada")

        def post(body, **fields):
            fields = {"Content_Type": "application/json", "Khub_Handle": ada.handle, **fields}
            status, answer, fields = gateway.ask("/v1/messages", "POST", body, **fields)
            return status, answer if status == 201 else answer["error"]["message"]

        equal(post('{"payload":{}}', Content_Type="application/json; charset=utf-8")[0], 201)
        for kind in ("text/plain", "application/x-www-form-urlencoded", "application/jsonp", ""):
            equal(post('{"payload":{}}', Content_Type=kind)[0], 415, kind)
        for body, word in [("", "no JSON"), ("{", "no JSON"), ("[]", "object"), ('{"payload":{},"payload":{}}', "twice"),
                           (b'{"payload":{"text":"\xff"}}', "no JSON"), ('{"payload":{}} x', "no JSON"),
                           ('{"payload":' + '{"a":' * 90 + "1" + "}" * 91, "nested"),
                           ('{"payload":{"a":"\\ud800"}}', "no JSON"), ('{"a\\u0000b":1}', "name"),
                           ('{"target_ai":1e999,"payload":{}}', "read")]:
            status, why = post(body)
            equal(status, 400, body[:40])
            check(word in why, why)
        equal(post(b'{"payload":{"text":"' + b"x" * (5 * MIB) + b'"}}')[0], 413)
        status, why = post('{"payload":{"text":"' + "x" * (2 * MIB) + '"}}')
        equal(status, 413, why)
        status, why = post('{"payload":{"text":"\\r\\nX-Split: 1"},"message_id":"a\\r\\nX-Split: 1"}')
        equal(status, 400, why)


@test
def a_hub_that_is_away_is_said_so():
    with serving(None, "--hub", "127.0.0.1:1") as gateway:
        api = Api(gateway)
        for method, path, body in [("GET", "/v1/members", None), ("GET", "/v1/messages", None),
                                   ("GET", "/v1/stream", None), ("POST", "/v1/members", {"ai_id": "ada"})]:
            _, fields = api.refused(503, "hub_unavailable", method, path, body)
            equal(fields["Retry-After"], "1")


@test
def claims_are_told_with_what_others_found():
    with kept_hub() as hub, serving(hub) as gateway:
        api = Api(gateway)
        ada, bea, cey = (hub.join(name, 2) for name in ("ada", "bea", "cey"))
        measured = claim(ada, "p", GOOD, 0.5)
        one, = api.good("GET", "/v1/ledger", subject="audio")["claims"]
        equal((one["id"], one["verification"]["sealed"], "ratio" in one["verification"]), ("p", True, False))
        for other in (bea, cey):
            report(other, "p", measured)
            settle(other)
        told = api.good("GET", "/v1/ledger", author="ada", status="confirmed")
        equal((told["claims"][0]["verification"]["ratio"], told["claims"][0]["agreeing"], told["account"]["confirmed"]), (0.5, 2, 1))
        equal(api.good("GET", "/v1/ledger", after=told["newest"])["claims"], [])
        error, _ = api.refused(400, "bad_request", "GET", "/v1/ledger?status=won")
        check("contested" in error["message"], error)


def put_chunk(api, place, name, index, content):
    """Status and answer of a chunk as bytes."""
    path = f"{place}/{urllib.parse.quote(name, safe='')}/{index}"
    answer = api.door.ask(path, "PUT", content, Content_Type="application/octet-stream", Khub_Handle=api.handle)
    api.document.check_answer("PUT", path, *answer)
    return answer[:2]


def fetch(api, sha256, method="GET", **fields):
    """Status, header fields and bytes."""
    client = api.door.connect()
    with contextlib.closing(client):
        fields = {name.replace("_", "-"): value for name, value in fields.items()}
        client.request(method, f"/v1/artifacts/{sha256}", headers={"Khub-Handle": api.handle, **fields})
        answer = client.getresponse()
        return answer.status, answer.headers, answer.read()


def session_of_two(gateway):
    ada, bea = Api(gateway).join("ada"), Api(gateway).join("bea")
    session = ada.good("POST", "/v1/sessions", {"type": "t", "description": "d"})["session_id"]
    bea.good("POST", f"/v1/sessions/{session}/response", {"accepted": True})
    return ada, bea, session, f"/v1/sessions/{session}/artifacts"


@test
def files_go_in_by_chunks_and_out_whole_or_in_part():
    content = bytes(range(256)) * 1200  # which is no text
    sha256 = hashlib.sha256(content).hexdigest()
    with kept_hub() as hub, serving(hub) as gateway:
        ada, bea, session, place = session_of_two(gateway)
        offer = {"name": "logs/build 1.txt", "size": len(content), "sha256": sha256}
        offered = ada.good("POST", place, offer)
        equal((offered["status"], offered["next"]), ("open", 0))
        size = offered["chunk"]
        parts = [content[at:at + size] for at in range(0, len(content), size)]
        equal(put_chunk(ada, place, offer["name"], 0, parts[0])[1]["next"], 1)
        status, answer = put_chunk(ada, place, offer["name"], 2, parts[2])
        equal((status, answer["error"]["code"], answer["error"]["next"]), (409, "conflict", 1))
        equal(ada.good("POST", place, offer)["next"], 1)  # it broke off, and goes on
        for index in (1, 2):
            status, answer = put_chunk(ada, place, offer["name"], index, parts[index])
        equal((status, answer["status"], answer["version"], answer["by"]), (200, "kept", 1, "ada"))
        equal(ada.good("POST", place, offer)["status"], "kept")
        one, = bea.good("GET", "/v1/artifacts", session_id=session)["artifacts"]
        equal((one["name"], one["sha256"], one["status"]), (offer["name"], sha256, "kept"))
        status, fields, whole = fetch(bea, sha256)
        equal((status, whole == content, int(fields["Content-Length"])), (200, True, len(content)))
        equal((fields["Content-Type"], fields["X-Content-Type-Options"], fields["Content-Disposition"]),
              ("application/octet-stream", "nosniff", "attachment; filename*=UTF-8''build%201.txt"))
        for asked, begin, end in (("0-9", 0, 10), (f"{size - 3}-{size + 2}", size - 3, size + 3), ("-5", -5, None),
                                  (f"{len(content) - 1}-", -1, None), (f"5-{10 * len(content)}", 5, None)):
            status, fields, part = fetch(bea, sha256, Range=f"bytes={asked}")
            equal((status, part == content[begin:end]), (206, True), asked)
            first = begin % len(content)
            equal(fields["Content-Range"], f"bytes {first}-{first + len(part) - 1}/{len(content)}")
        for asked in ("5-2", "0-1,4-5", "x-", ""):  # is taken for no range
            equal((fetch(bea, sha256, Range=f"bytes={asked}")[0]), 200, asked)
        equal(fetch(bea, sha256, Range="bytes=0-1", If_Range='"another"')[0], 200)
        equal(len(fetch(bea, sha256, Range="bytes=0-1", If_Range=f'"{sha256}"')[2]), 2)
        status, fields, _ = fetch(bea, sha256, Range=f"bytes={len(content)}-")
        equal((status, fields["Content-Range"]), (416, f"bytes */{len(content)}"))
        equal(fetch(bea, sha256, If_None_Match=f'"{sha256}"')[::2], (304, b""))
        status, fields, body = fetch(bea, sha256, "HEAD")
        equal((status, int(fields["Content-Length"]), body), (200, len(content), b""))
        # the hub takes one question for a chunk at a time: who reads beside others waits
        with concurrent.futures.ThreadPoolExecutor() as pool:
            found = list(pool.map(lambda _: fetch(bea, sha256)[2] == content, range(6)))
        equal(found, [True] * 6)
        cey = Api(gateway).join("cey")
        cey.refused(404, "not_found", "GET", f"/v1/artifacts/{sha256}")
        equal(cey.good("GET", "/v1/artifacts")["artifacts"], [])
        bea.refused(404, "not_found", "GET", "/v1/artifacts/" + "0" * 64)
        bea.refused(400, "bad_request", "GET", "/v1/artifacts/0")


@test
def a_file_waits_for_a_reader_that_does_not_read():
    """More than sockets hold. The hub is asked for no more of it than is taken; then for all."""
    content = bytes(range(251)) * 50000
    sha256 = hashlib.sha256(content).hexdigest()
    with kept_hub() as hub, serving(hub) as gateway:
        ada, bea, _, place = session_of_two(gateway)
        offer = {"name": "f", "size": len(content), "sha256": sha256}
        size = ada.good("POST", place, offer)["chunk"]
        for index, at in enumerate(range(0, len(content), size)):
            status, answer = put_chunk(ada, place, "f", index, content[at:at + size])
        equal((status, answer["status"]), (200, "kept"))
        before = bea.good("GET", "/v1/stats")["hub"]["bytes_out"]
        with socket.socket() as slow:
            slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            slow.settimeout(PATIENCE)
            slow.connect(("127.0.0.1", gateway.port))
            slow.sendall(f"GET /v1/artifacts/{sha256} HTTP/1.1\r\nHost: localhost\r\n"
                         f"Khub-Handle: {bea.handle}\r\nConnection: close\r\n\r\n".encode())
            equal(fetch(ada, sha256)[2] == content, True)  # meanwhile another one has all of it
            told = bea.good("GET", "/v1/stats")["hub"]["bytes_out"] - before
            check(told < 1.9 * len(content) * 4 / 3, "the hub told", told)
            answer = http.client.HTTPResponse(slow)
            answer.begin()
            equal((answer.status, answer.read() == content), (200, True))


@test
def a_file_that_is_not_what_was_said_is_not_kept():
    with kept_hub() as hub, serving(hub) as gateway:
        ada, _, _, place = session_of_two(gateway)
        sha256 = hashlib.sha256(b"hello").hexdigest()
        ada.good("POST", place, {"name": "f", "size": 5, "sha256": sha256, "for_room": True})
        status, answer = put_chunk(ada, place, "f", 0, b"hallo")
        equal((status, answer["error"]["code"], answer["error"]["reason"]), (409, "conflict", "sha256"))
        equal(ada.good("GET", "/v1/artifacts")["artifacts"], [])
        ada.good("POST", place, {"name": "f", "size": 5, "sha256": sha256, "for_room": True})
        equal(ada.ask("PUT", f"{place}/f/0", {})[0], 415)
        equal(put_chunk(ada, place, "f", 0, b"hello")[1]["status"], "kept")
        cey = Api(gateway).join("cey")  # it is for the room
        equal(cey.ask("GET", f"/v1/artifacts/{sha256}")[:2], (200, "hello"))
        empty = hashlib.sha256(b"").hexdigest()
        equal(ada.good("POST", place, {"name": "empty", "size": 0, "sha256": empty})["status"], "kept")
        equal(fetch(ada, empty)[::2], (200, b""))


@test
def the_room_and_the_hub_are_told_in_numbers():
    with kept_hub() as hub, serving(hub) as gateway:
        api = Api(gateway)
        ada, cey = api.join("ada"), api.join("cey", room="lab")
        ada.good("POST", "/v1/tasks", {"title": "t"})
        cey.say("hello")
        told = ada.good("GET", "/v1/stats")
        equal((told["room"]["name"], told["room"]["members"], told["room"]["tasks"]["ready"]), ("main", 1, 1))
        told = api.good("GET", "/v1/stats", room="lab")
        equal((told["room"]["name"], told["room"]["members"], told["room"]["tasks"]["ready"]), ("lab", 1, 0))
        hub_told = told["hub"]
        equal((hub_told["members"], hub_told["tasks"]["ready"]), (2, 1))
        equal(hub_told["rooms"], 3, "with one of the gateway's own")
        for counted in (told["hub"]["latency"], told["hub"]["commits"]):
            equal(len(counted["counts"]), len(counted["le_s"]) + 1)
            equal(sum(counted["counts"]), counted["count"])
            check(counted["count"] > 0 and counted["sum_s"] > 0, counted)


@test
def limits_say_when_to_come_again():
    with Hub("--rate", "1") as hub, serving(hub) as gateway:
        ada = Api(gateway).join("ada")
        while (answer := ada.ask("POST", "/v1/messages", {"payload": {"text": "x"}}))[0] == 201:
            pass
        status, body, fields = answer
        equal((status, body["error"]["code"], body["error"]["limit"]), (429, "rate_limited", "rate"))
        check(1 <= int(fields["Retry-After"]) <= 2 and body["error"]["retry_after_ms"] > 0, fields, body)


@test
def a_hub_answers_by_a_door_of_its_own():
    with Hub("--http", "127.0.0.1:0") as hub:
        ada = Api(door_of(hub)).join("ada")
        equal(ada.say("hello")["delivered"], True)


def read(*path):
    with open(os.path.join(ROOT, *path), encoding="utf-8") as file:
        return file.read()


@test
def the_commands_of_the_document_work():
    script = "".join(re.findall(r"```sh\n(.*?)```", read("docs", "HTTP.md"), re.DOTALL))
    with kept_hub() as hub, serving(hub) as gateway:
        done = subprocess.run(["bash", "-euo", "pipefail", "-c", script.replace("6080", str(gateway.port))],
                              stdout=subprocess.PIPE, check=True, text=True)
        answers, stream = done.stdout.split("event: begin\n")
        decoder, told, at = json.JSONDecoder(), [], 0
        while at < len(answers):
            answer, at = decoder.raw_decode(answers, at)
            told.append(answer)
        equal([sorted(answer)[0] for answer in told], ["away", "damaged", "delivered", "cursor", "acked"])
        check("event: chat\nid: " in stream and '"hello"' in stream, stream)
        hub.wait_console("[-] ada left")


@test
def the_document_tells_every_route():
    told = set(re.findall(r"^- `(\w+) (/v1/[^`]*)`: ", read("docs", "HTTP.md"), re.MULTILINE))
    wanted = {(method, path) for method, path, _ in Api.document.operations()}
    equal(told | {("GET", "/v1/openapi.json")}, wanted)


@test
def each_route_was_answered():
    """By the tests before; of a part of them it says nothing."""
    if len(sys.argv) > 2:
        return
    wanted = {(method, path) for method, path, _ in Api.document.operations()}
    equal(wanted - Api.document.seen, {("GET", "/v1/openapi.json")}, "routes without a test")


run()
