#!/usr/bin/env python3
"""Who is shown what was said to some: each role's token, at each way out of a hub.

usage: cli_privacy.py KHUB [PART OF A NAME]
"""
import contextlib
import json
import os
import sys

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
sys.path.insert(0, os.path.join(ROOT, "tests", "wire"))
from harness import Hub, check, directory, equal, run, settle, test, wait_until  # noqa: E402
from program import Running, khub, refused, worked  # noqa: E402

SECRET = "a secret of two"
# Who holds a token: its options, and whether it is shown what ada, who is alice's, says to bea, who
# is bert's. Both owners, another member, observers without and with the right, an admin.
HOLDERS = {
    "alice": ((), True),
    "bert": ((), True),
    "carl": ((), False),
    "open": (("--role", "observer"), False),
    "seer": (("--role", "observer", "--sees-direct"), True),
    "root": (("--role", "admin"), True),
}


class House:
    """A hub with tokens, two who talk and who else may come in."""

    def __init__(self, data, hub):
        self.data, self.hub = data, hub
        self.tokens = {name: worked("token", "add", name, *options, "--data", data).out.strip()
                       for name, (options, _) in HOLDERS.items()}
        self.ada = self.join("ada", "alice", acks=True)
        self.bea = self.join("bea", "bert")
        self.cey = self.join("cey", "carl")  # a member who is not meant

    def join(self, name, owner, **payload):
        return self.hub.join(name, 2, token=self.tokens[owner], **payload)

    def look_on(self, owner, **payload):
        return self.join(f"{owner}'s eye", owner, role="observer", **payload)

    def accepted(self, message_type, payload, target=None):
        """Said by ada; its ack."""
        return answer(self.ada, message_type, "ack", payload, target)["payload"]

    def command(self, owner, *words):
        return khub(*words, hub=self.hub, KHUB_TOKEN=self.tokens[owner])


@contextlib.contextmanager
def house():
    with directory() as data, Hub("--data", data) as hub:
        yield House(data, hub)


def until(client, message_type, text):
    """All that comes up to that line, as one text."""
    lines = []
    while not lines or lines[-1]["message_type"] != message_type or text not in json.dumps(lines[-1]):
        lines.append(client.receive())
    return json.dumps(lines)


def awaited(client, message_type):
    while True:
        line = client.receive()
        if line["message_type"] == message_type:
            return line


def answer(client, question, answer_type, payload=None, target=None, **more):
    """What comes of it: of that type, or an error."""
    asked = client.say(question, {**(payload or {}), **more}, target)
    while True:
        line = client.receive()
        if line["message_type"] in (answer_type, "error") and \
           asked in (line["payload"].get("in_reply_to"), line["payload"].get("message_id")):
            return line


def shown(found, owner, what):
    equal(found, HOLDERS[owner][1], f"what the token of {owner} shows: {what}")


@test
def what_is_said_now():
    with house() as at:
        eyes = {owner: at.look_on(owner) for owner in HOLDERS}
        root = at.join("root", "root")  # an admin who takes part is a member
        at.ada.say("chat", {"text": SECRET}, "bea")
        at.ada.say("chat", {"text": "to all"})
        for owner, eye in eyes.items():
            shown(SECRET in until(eye, "chat", "to all"), owner, "live")
        check(SECRET in until(at.bea, "chat", "to all"))
        for member in (at.cey, root):
            check(SECRET not in until(member, "chat", "to all"))


@test
def what_was_said_and_is_replayed():
    with house() as at:
        at.accepted("chat", {"text": SECRET}, "bea")
        at.accepted("chat", {"text": "to all"})
        for owner in HOLDERS:
            eye = at.look_on(owner, since=0)
            told = until(eye, "caught_up", "seq")
            check("to all" in told, told)
            shown(SECRET in told, owner, "since")
            eye.close()
        told = until(at.join("cora", "carl", since=0), "caught_up", "seq")
        check("to all" in told and SECRET not in told, told)


@test
def what_the_log_tells():
    with house() as at:
        at.accepted("chat", {"text": SECRET}, "bea")
        seq = at.accepted("chat", {"text": "to all"})["seq"]
        for owner in HOLDERS:
            eye = at.look_on(owner)
            for filtered in ({}, {"sender": "ada"}, {"types": ["chat"]}, {"after": 0, "until": seq}):
                told = json.dumps(answer(eye, "log_query", "log_result", **filtered))
                check("to all" in told, told)
                shown(SECRET in told, owner, f"log_query {filtered}")
            told = json.dumps(answer(eye, "log_query", "log_result", target="bea"))
            shown(SECRET in told, owner, "log_query to bea")
            page = worked("log", "--json", hub=at.hub, KHUB_TOKEN=at.tokens[owner]).out
            check("to all" in page, page)
            shown(SECRET in page, owner, "khub log")
        equal(answer(at.cey, "log_query", "log_result")["payload"]["code"], "forbidden")


@test
def what_one_said_oneself_and_what_the_hub_answered():
    """The first stands in the log of who observes, the other is in nobody's."""
    with house() as at:
        for owner in ("root", "alice"):
            eye = at.look_on(owner)
            eye.say("chat", {"text": "of my own"})
            eye.say("feature_request", {"feature": "x", "requirements": {}})
            awaited(eye, "feature_response")
            told = json.dumps(answer(eye, "log_query", "log_result"))
            check("of my own" in told and "feature_response" not in told, told)


@test
def what_nobody_took():
    with house() as at:
        at.bea.close()
        wait_until(lambda: "bea" in at.hub.log() and "left" in at.hub.log(), "bea to be gone")
        equal(at.accepted("chat", {"text": SECRET}, "bea")["delivered"], False)
        eyes = {owner: at.look_on(owner) for owner in HOLDERS}
        (letter,) = answer(eyes["root"], "dead_query", "dead_result")["payload"]["letters"]
        for owner, eye in eyes.items():
            found = answer(eye, "dead_query", "dead_result")["payload"]
            shown(found["total"] == 1, owner, "dead_query")
            whole = answer(eye, "dead_query", "dead_result", id=letter["id"])["payload"]
            shown(SECRET in json.dumps(whole), owner, "a whole letter")
            told = at.command(owner, "dead").out
            shown("bea" in told, owner, "khub dead")
        for eye in (eyes["carl"], at.cey):
            for action in ("resend", "drop"):
                equal(answer(eye, "dead_letter", "dead_result", id=letter["id"], action=action)["payload"]["code"],
                      "not_found")
        equal(answer(at.cey, "dead_query", "dead_result")["payload"]["total"], 0)
        at.join("bea", "bert")
        answer(eyes["root"], "dead_letter", "dead_result", id=letter["id"], action="resend")
        at.ada.say("chat", {"text": "to all"})
        for owner in ("carl", "open", "seer"):
            shown(SECRET in until(eyes[owner], "chat", "to all"), owner, "what is sent again")


@test
def what_is_said_and_written_in_a_session():
    with house() as at:
        eyes = {owner: at.look_on(owner) for owner in HOLDERS}
        at.ada.say("collaboration_request", {"description": SECRET}, "bea")
        session = awaited(at.bea, "collaboration_request")["payload"]["session_id"]
        at.bea.say("collaboration_response", {"session_id": session, "accepted": True})
        at.bea.say("workspace_update", {"session_id": session, "key": "k", "value": SECRET})
        until(at.ada, "workspace_update", SECRET)
        at.ada.say("chat", {"text": "to all"})
        for owner, eye in eyes.items():
            shown(session in until(eye, "chat", "to all"), owner, "a session's messages")
            told = json.dumps(answer(eye, "session_query", "session_result"))
            shown(session in told, owner, "session_query")
            one = answer(eye, "session_query", "session_result", id=session)
            shown(SECRET in json.dumps(one), owner, "a workspace")
            eye.close()
            again = at.join(f"{owner}'s other eye", owner, role="observer")
            shown(session in json.dumps(again.sync), owner, "the sessions of a training_sync")
            shown(session[:8] in at.command(owner, "sessions").out, owner, "khub sessions")
        for member in (at.cey, at.join("root", "root")):
            check(session not in json.dumps(answer(member, "session_query", "session_result")))
            equal(answer(member, "session_query", "session_result", id=session)["payload"]["code"], "unknown_session")
        check(session in json.dumps(answer(at.bea, "session_query", "session_result")))


@test
def what_was_measured_and_is_sealed():
    """It is nobody's to see before it is decided: not an admin's either."""
    with house() as at:
        eyes = {owner: at.look_on(owner) for owner in HOLDERS}
        challenge = answer(at.ada, "commitment", "challenge", subject="s", subject_version="1", sha256="0" * 64)["payload"]
        at.accepted("measurement", {"commitment_id": challenge["commitment_id"], "ratio": 0.123456789})
        at.ada.say("chat", {"text": "to all"})
        for owner, eye in eyes.items():
            told = until(eye, "chat", "to all")
            told += json.dumps(answer(eye, "log_query", "log_result"))
            told += json.dumps(answer(eye, "knowledge_query", "knowledge_result"))
            told += until(at.join(f"{owner}'s late eye", owner, role="observer", since=0), "caught_up", "seq")
            check("0.123456789" not in told, owner, told)


@test
def what_is_shared_with_one_all_may_know():
    """Knowledge is the room's, whoever it was addressed to; that it was said to one is not."""
    with house() as at:
        at.accepted("pattern_share", {"pattern": {"id": "p", "gist": SECRET}}, "bea")
        for owner in HOLDERS:
            eye = at.look_on(owner)
            check(SECRET in json.dumps(answer(eye, "knowledge_query", "knowledge_result")), owner)
            shown(SECRET in json.dumps(answer(eye, "log_query", "log_result")), owner, "the share's own message")


@test
def khubs_commands_take_a_members_token():
    with house() as at:
        at.accepted("pattern_share", {"pattern": {"id": "p"}})
        at.accepted("chat", {"text": "to all"})
        at.accepted("lease_request", {"key": "work", "ttl_s": 600})
        for owner in HOLDERS:
            with_token = {"hub": at.hub, "KHUB_TOKEN": at.tokens[owner]}
            check("ada" in worked("who", **with_token).out)
            check("p" in worked("kb", "list", **with_token).out)
            check("to all" in worked("log", **with_token).out)
            worked("sessions", **with_token)
            check("work" in worked("leases", **with_token).out)
            watching = Running("watch", "--since", "1", **with_token)
            watching.wait_for("to all")
            watching.end()


@test
def an_id_stays_its_owners():
    """Who took it would be given what was said to it."""
    with house() as at:
        at.bea.close()
        settle(at.ada)
        at.accepted("chat", {"text": SECRET}, "bea")
        thief = at.hub.connect()
        thief.name = "bea"
        thief.say("hello", {"protocol": 2, "token": at.tokens["carl"], "since": 0})
        thief.expect_error("id_in_use", '"bea"', "another owner")
        thief.hello("cleo", 2, token=at.tokens["carl"])
        told = until(at.join("bea", "bert", since=0), "caught_up", "seq")
        check(SECRET in told, told)


@test
def a_hub_without_tokens_shows_observers_all():
    with directory() as data, Hub("--data", data) as hub:
        eye, ada, bea = hub.join("eye", 2, role="observer", sees="public"), hub.join("ada", 2), hub.join("bea", 2)
        ada.say("chat", {"text": SECRET}, "bea")
        bea.expect("chat", text=SECRET)
        check(SECRET in until(eye, "chat", SECRET))
        check(SECRET in worked("log", hub=hub).out)


@test
def the_right_is_an_observers_and_is_listed():
    with directory() as data:
        for role in ("member", "admin"):
            refused(2, "token", "add", "x", "--role", role, "--sees-direct", "--data", data, said=("--sees-direct", role))
        worked("token", "add", "seer", "--role", "observer", "--sees-direct", "--data", data)
        worked("token", "add", "eye", "--role", "observer", "--data", data)
        worked("token", "add", "root", "--role", "admin", "--data", data)
        found = json.loads(worked("token", "list", "--json", "--data", data).out)
        equal([token["sees_direct"] for token in found], [True, False, True])
        worked("token", "rotate", "seer", "--data", data)
        found = json.loads(worked("token", "list", "--json", "--data", data).out)
        equal(found[-1]["sees_direct"], True)


run()
