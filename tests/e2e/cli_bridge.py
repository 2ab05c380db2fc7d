#!/usr/bin/env python3
"""khub bridge a2a: an agent from outside as an AI of a hub.

usage: cli_bridge.py KHUB [PART OF A NAME]
"""
import contextlib
import json
import os
import shutil
import sys
import tempfile

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
sys.path.insert(0, os.path.join(ROOT, "tests", "wire"))
from a2a_agent import Agent, message, part_bare, part_old  # noqa: E402
from a2a_bridge import Bridge, Peer, bridged, heard  # noqa: E402
from gateway import door_of  # noqa: E402
from harness import Hub, check, directory, equal, own_address, run, test, wait_until  # noqa: E402
from program import HOSTILE, khub  # noqa: E402

KINDS = [(version, rest, streams) for version in ("1.0", "0.3") for rest in (False, True) for streams in (True, False)]


@test
def each_version_and_binding_is_spoken_with_a_stream_and_without():
    for version, rest, streams in KINDS:
        with bridged(version=version, rest=rest, streams=streams) as (hub, agent, bridge, ada):
            ada.link.say("member_query", {"id": "bob"})
            (bob,) = ada.until("member_result")["payload"]["members"]
            equal((bob["capabilities"], bob["specialization"]), (["a2a", "mixing"], "a2a-agent"))
            check(version in bridge.text and ("HTTP+JSON" if rest else "JSON-RPC") in bridge.text, bridge.text)
            parts = [{"text": "hi"}, {"data": {"a": 1}}]
            asked = ada.ask("in short", a2a={"parts": parts, "metadata": {"skill": "mixing"}})
            question = agent.next()
            written = part_bare if rest else part_old
            equal(question.parts, [written(part) for part in parts] if agent.old else parts)
            equal(question.message["metadata"], {"skill": "mixing", "khub": {"from": "ada", "room": "main", "hops": 1}})
            check("contextId" not in question.message and "taskId" not in question.message, question.message)
            question.task("WORKING", "a moment")
            working = ada.answer(in_reply_to=asked)
            equal((working["text"], working["a2a"]), ("a moment", {"state": "working"}))
            parts = [{"text": "it is"}, {"raw": "AAAA", "mediaType": "image/png", "filename": "a.png"}]
            made = {"artifactId": "a-1", "name": "mix", "parts": parts}
            if streams:
                question.made("a-1", parts[:1]).made("a-1", parts[1:], append=True, lastChunk=True)
                question.status("COMPLETED", "done").end()
            else:
                agent.tasks["task-1"] = {"id": "task-1", "contextId": "context-task-1", "artifacts": [made],
                                         "status": {"state": "TASK_STATE_COMPLETED", "message": message("done")}}
            artifact = ada.answer(in_reply_to=asked)
            equal((artifact["text"], artifact["a2a"]["parts"]), ("it is", parts))
            equal(artifact["a2a"]["artifact"]["artifactId"], "a-1")
            last = ada.answer(in_reply_to=asked)
            equal((last["text"], last["a2a"]), ("done", {"state": "completed"}))
            equal(ada.state_of(asked), "acted_on")

            ada.ask("and more?")
            question = agent.next()
            equal((question.message["contextId"], question.text), ("context-task-1", "and more?"))
            question.say(message=message("by a message", contextId="another")).end()
            equal(ada.answer()["text"], "by a message")
            ada.ask("again?")
            question = agent.next()
            equal(question.message["contextId"], "another", "as the agent had it last")
            question.refuse(-32603, "it hurts")
            failed = ada.answer()
            check("it hurts (-32603)" in failed["text"], failed)


@test
def conversations_hold_together_and_do_not_mix():
    with bridged() as (hub, agent, _, ada):
        eve = Peer(hub, "eve")
        ada.ask("which?")
        first = agent.next()
        eve.ask("also me")
        ada.ask("behind it")
        second = agent.next()  # another peer's is not held up; the same peer's waits
        equal((second.text, agent.questions.qsize()), ("also me", 0))
        second.task("COMPLETED", "for eve", name="e").end()
        equal(eve.answer()["text"], "for eve")
        first.task("INPUT_REQUIRED", "this or that?", name="a")  # the stream stays open: it is left
        asked = ada.answer()
        equal((asked["text"], asked["a2a"]), ("this or that?", {"state": "input-required"}))
        third = agent.next()
        equal((third.text, third.message["taskId"], third.message["contextId"]), ("behind it", "a", "context-a"))
        third.say(task=agent.tasks["a"])  # as it was: it has not heard that yet
        third.task("COMPLETED", name="a").end()
        equal(ada.answer()["text"], "(completed)", "no silence")
        eve.ask("once more")
        fourth = agent.next()
        equal((fourth.message["contextId"], fourth.message.get("taskId")), ("context-e", None))
        fourth.task("FAILED", "no", name="f").end()
        failed = eve.answer()
        equal((failed["text"], failed["a2a"]["state"]), ("no", "failed"))
        first.end()


@test
def what_is_not_said_to_it_is_not_put():
    with bridged() as (hub, agent, _, ada):
        ada.link.say("chat", {"text": "to all"})
        ada.link.say("code_share", {"code": {"name": "c"}}, "bob")
        ada.link.say("chat", {"text": "no answer", "unanswered": "x"}, "bob")
        asked = ada.link.say("feature_request", {"feature": "mixing", "requirements": {}})
        declined = ada.answer(declined=True)
        equal((declined["feature_name"], "in_reply_to" in declined), ("mixing", False))
        ada.link.say("chat", {"number": 7}, "bob")
        question = agent.next()
        equal(question.message["parts"], [{"data": {"number": 7}}])
        question.say(message=message(HOSTILE)).end()
        equal(ada.answer()["text"], HOSTILE)
        check(asked and agent.questions.empty(), "the rest was put")


@test
def a_session_is_a_task():
    with bridged() as (hub, agent, _, ada):
        session = ada.offer(description="mix this")
        question = agent.next()
        equal(question.text, "mix this")
        question.task("SUBMITTED")
        equal(ada.update(session, "active")["accepted"], True)
        question.status("WORKING", "half of it", metadata={"progress": 0.5})
        update = ada.until("collaboration_update", session_id=session, note="half of it")["payload"]
        equal(update["progress"], 0.5)
        question.made("track", [{"text": "la"}]).made("track", [{"text": "la"}], append=True, lastChunk=True)
        question.made("levels", [{"data": {"left": 1}}], lastChunk=True)
        equal(ada.until("workspace_update", key="track")["payload"]["value"], "la\nla")
        equal(ada.until("workspace_update", key="levels")["payload"]["value"], {"left": 1})
        question.status("AUTH_REQUIRED", "who are you?").end()
        asked = ada.answer(session_id=session)
        equal((asked["text"], asked["a2a"]["state"]), ("who are you?", "auth-required"))
        said = ada.ask("ada", session_id=session)
        question = agent.next()
        equal((question.text, question.message["taskId"]), ("ada", "task-1"))
        question.task("WORKING").made("track", [{"text": "new"}]).status("COMPLETED", "mixed").end()
        found = ada.until("workspace_update", key="track")["payload"]
        equal((found["value"], found["version"]), ("new", 2))
        equal(ada.answer(in_reply_to=said, session_id=session)["text"], "mixed")
        ada.update(session, "completed")
        component = ada.until("os_component_share", session_id=session)["payload"]["component"]
        equal((component["text"], component["agent"]), ("mixed", "Scripted"))

        session = ada.offer("chatting", description="hello")
        question = agent.next()
        check("taskId" not in question.message and "contextId" not in question.message, question.message)
        question.say(message=message("hello yourself")).end()
        equal(ada.answer(session_id=session)["text"], "hello yourself")
        ada.update(session, "completed")


@test
def a_session_ends_as_its_task_does():
    with bridged() as (hub, agent, _, ada):
        for state, words, status, said in (("REJECTED", "not mine", "declined", "reason"), ("FAILED", "broken", "declined", "reason")):
            session = ada.offer(description="x")
            agent.next().task(state, words).end()
            equal(ada.update(session, status)[said], words)
        for state, status in (("FAILED", "failed"), ("CANCELED", "cancelled"), ("REJECTED", "failed")):
            session = ada.offer(description="x")
            question = agent.next().task("WORKING")
            ada.update(session, "active")
            question.status(state, "so it is").end()
            equal(ada.update(session, status)["note"], "so it is")
        session = ada.offer(description="x")
        agent.next().refuse(-32004, "I do no such thing")
        check("I do no such thing" in ada.update(session, "declined")["reason"])


@test
def who_ends_a_session_cancels_its_task():
    with bridged() as (hub, agent, _, ada):
        def end(session):
            ada.link.say("collaboration_update", {"session_id": session, "status": "cancelled"})
            ada.update(session, "cancelled")

        session = ada.offer(description="x")
        question = agent.next().task("WORKING")
        ada.update(session, "active")
        ada.ask("more", session_id=session)  # waits, and is not put any more
        end(session)
        wait_until(lambda: agent.cancelled == ["task-1"], "the task to be cancelled")
        question.end()

        session = ada.offer(description="it has not said yet that it has it")
        question = agent.next()
        end(session)
        question.task("WORKING", name="late")
        wait_until(lambda: agent.cancelled == ["task-1", "late"], "the other")

        session = ada.offer(description="which waits for us")
        agent.next().task("INPUT_REQUIRED", "what?", name="waits").end()
        ada.answer(session_id=session)
        end(session)
        wait_until(lambda: agent.cancelled[2:] == ["waits"], "that too")

        agent.lasting = True
        session = ada.offer(description="x")
        agent.next().task("WORKING", name="lasts")
        ada.update(session, "active")
        end(session)
        told = ada.answer()
        check("it can't be cancelled (-32002)" in told["text"] and "in_reply_to" not in told, told)
        check(agent.questions.empty(), "what waited in an ended session was put")


@test
def who_gets_no_answer_is_told_so():
    with bridged("--tries", "2") as (hub, agent, bridge, ada):
        def told(*words):
            found = ada.answer(unanswered=asked)
            check("in_reply_to" not in found and all(word in found["text"] for word in words), found)
            ada.link.say("sent_query", {"message_id": asked})
            wait_until(lambda: ada.state_of(asked) in ("delivered", "seen"), "a state that is true")

        asked = ada.ask("an error")
        agent.next().refuse(-32603, "\x1b[31mpanic\x07")
        told("it answers with an error", "panic")
        asked = ada.ask("a page")
        agent.next().answer(500, "<html>oops")
        told("HTTP status 500")
        asked = ada.ask("nonsense")
        agent.next().answer(200, "<html>hello")
        told("no JSON")
        asked = ada.ask("and then?")
        agent.next().end()
        told()
        asked = ada.ask("the line breaks")
        agent.next().cut()
        told("broke off", "not known", "not put a second time")
        asked = ada.ask("a task that is lost")
        agent.next().task("WORKING", name="lost").end()
        agent.tasks.clear()
        told("no such task")
        check("\x1b" not in bridge.text, bridge.text)


@test
def an_agent_that_is_away_is_asked_again():
    with Hub() as hub, contextlib.ExitStack() as stack:
        agent = stack.enter_context(Agent())
        bridge = stack.enter_context(Bridge(hub, agent.url))
        ada = Peer(hub)
        agent.refusal = (503, "not now")
        ada.ask("are you there?")
        wait_until(lambda: len(agent.seen) >= 2, "the first try")
        agent.close()
        again = stack.enter_context(Agent(port=agent.port))
        question = again.next()
        equal(question.text, "are you there?")
        question.task("WORKING", "yes").end()
        equal(ada.answer()["text"], "yes")
        again.refusal = (503, "busy")  # its task is asked for, and it is away
        before = len(again.seen)
        wait_until(lambda: len(again.seen) > before, "a look at the task")
        again.refusal = None
        again.tasks["task-1"] = {"id": "task-1", "contextId": "c", "status": {"state": "TASK_STATE_COMPLETED"}}
        equal(again.questions.qsize(), 0)
        equal(ada.until("chat", a2a={"state": "completed"})["sender_id"], "bob")
        check("away" not in bridge.text, bridge.text)


@test
def an_agent_that_stays_away_is_said_to_be():
    with Hub() as hub, Agent() as agent, Bridge(hub, agent.url, "--tries", "2") as bridge:
        ada = Peer(hub)
        agent.close()
        asked = ada.ask("hello?")
        found = ada.answer()
        check("the agent is away, after 2 tries" in found["text"] and found["unanswered"] == asked, found)
        session = ada.offer(description="hello?")
        check("away" in ada.update(session, "declined")["reason"])
        bridge.wait_for("no answer for ada: the agent is away")


@test
def after_a_kill_nothing_is_lost_and_nothing_is_put_twice():
    with directory() as data, tempfile.TemporaryDirectory() as folder, Agent() as agent, Hub("--data", data) as hub:
        state, ada, eve = os.path.join(folder, "bob"), Peer(hub), Peer(hub, "eve")
        with Bridge(hub, agent.url, state=state) as bridge:
            known = ada.ask("a task")
            question = agent.next().task("WORKING", "begun")
            equal(ada.answer()["text"], "begun")
            unknown = eve.ask("is it with the agent?")
            agent.next()  # it is, and has not said so
            later = eve.ask("behind that")
            bridge.kill()
        question.status("COMPLETED", "finished meanwhile").end()
        away = ada.ask("while nobody was here")
        with Bridge(hub, agent.url, state=state) as bridge:
            last = ada.answer(in_reply_to=known)
            equal((last["text"], ada.state_of(known)), ("finished meanwhile", "acted_on"))
            failed = eve.answer(unanswered=unknown)
            check("not put a second time" in failed["text"] and eve.state_of(unknown) != "acted_on", failed)
            asked = [agent.next(), agent.next()]
            equal({question.text for question in asked}, {"behind that", "while nobody was here"})
            for number, question in enumerate(asked):
                question.task("COMPLETED", "to " + question.text, name=f"n{number}").end()
            equal(ada.answer(in_reply_to=away)["text"], "to while nobody was here")
            equal(eve.answer(in_reply_to=later)["text"], "to behind that")
            bridge.kill()
        with Bridge(hub, agent.url, state=state):
            ada.ask("last")
            question = agent.next()
            equal((question.text, question.message["contextId"]), ("last", "context-" + last_name(asked, "while")))
            question.say(message=message("bye")).end()
            equal(ada.answer()["text"], "bye")
        check(agent.questions.empty(), "something was put twice")


@test
def what_a_task_came_to_is_said_once_though_it_is_looked_at_again():
    with directory() as data, tempfile.TemporaryDirectory() as folder, Agent() as agent, Hub("--data", data) as hub:
        state, ada = os.path.join(folder, "bob"), Peer(hub)
        with Bridge(hub, agent.url, state=state) as bridge:
            ada.ask("a task")
            question = agent.next().task("WORKING", "begun")
            ada.answer()
            bridge.kill()
        shutil.copy(state, folder + "/begun")
        question.status("COMPLETED", "finished").end()
        with Bridge(hub, agent.url, state=state) as bridge:
            equal(ada.answer()["text"], "finished")
            bridge.kill()
        shutil.copy(folder + "/begun", state)  # as if it had been killed before it noted that
        with Bridge(hub, agent.url, state=state):
            ada.ask("more?")
            agent.next().say(message=message("no")).end()
            equal(ada.answer()["text"], "no", "and nothing before it")


@test
def what_is_known_of_one_agent_is_nothing_to_another():
    with directory() as folder, Agent() as one, Agent() as other, Hub() as hub:
        os.mkdir(folder)
        state, ada = os.path.join(folder, "bob"), Peer(hub)
        with Bridge(hub, one.url, state=state) as bridge:
            ada.ask("a word")
            one.next().say(message=message("yes", contextId="mine")).end()
            ada.answer()
            asked = ada.ask("a task")
            question = one.next().task("WORKING", "begun")
            equal((question.message["contextId"], ada.answer()["text"]), ("mine", "begun"))
            bridge.kill()
        with Bridge(hub, other.url, state=state):
            check("not put a second time" in ada.answer(unanswered=asked)["text"], "its task is not this one's")
            ada.ask("a word")
            question = other.next()
            check("contextId" not in question.message, question.message)
            question.end()


def last_name(asked, word):
    return next(f"n{number}" for number, question in enumerate(asked) if word in question.text)


@test
def what_was_to_be_said_is_said_once_whatever_is_killed():
    with directory() as data, tempfile.TemporaryDirectory() as folder, Agent() as agent:
        state, address = os.path.join(folder, "bob"), f"unix:{folder}/hub"
        with Hub("--data", data, listen=("127.0.0.1:0", address)) as hub:
            ada = Peer(hub)
            bridge = Bridge(None, agent.url, "--hub", address, state=state)
            asked = ada.ask("hello")
            question = agent.next()
        with bridge:
            question.say(message=message("while the hub was away")).end()
            wait_until(lambda: "while the hub was away" in open(state, encoding="utf-8").read(), "it to be noted")
            bridge.kill()
        shutil.copy(state, folder + "/noted")
        with Hub("--data", data, listen=("127.0.0.1:0", address)) as hub:
            ada = Peer(hub)
            with Bridge(None, agent.url, "--hub", address, state=state) as bridge:
                equal(ada.answer(in_reply_to=asked)["text"], "while the hub was away")
                wait_until(lambda: json.load(open(state, encoding="utf-8"))["bridge"]["asked"] == {}, "it to be done")
                bridge.kill()
            shutil.copy(folder + "/noted", state)  # as if it had been killed before it noted that
            with Bridge(None, agent.url, "--hub", address, state=state):
                ada.ask("more?")
                agent.next().say(message=message("no")).end()
                equal(ada.answer()["text"], "no", "and nothing before it")


@test
def headers_come_from_a_file_and_go_where_the_card_may_lead():
    with Hub() as hub, Agent() as agent, Agent() as other, tempfile.TemporaryDirectory() as folder:
        file = os.path.join(folder, "headers")
        with open(os.open(file, os.O_CREAT | os.O_WRONLY, 0o600), "w", encoding="utf-8") as out:
            out.write("Authorization: Bearer secret-1\r\n\nX-Team: mixers\n")
        with Bridge(hub, agent.url + "/", "--header-file", file) as bridge:
            Peer(hub).ask("who am I?")
            agent.next().end()
            for method, _, fields in agent.seen:
                equal((fields["Authorization"], fields["X-Team"]), ("Bearer secret-1", "mixers"), method)
            with open(f"/proc/{bridge.process.pid}/cmdline", encoding="utf-8") as line:
                check("secret" not in line.read())
        agent.card["supportedInterfaces"] = other.card["supportedInterfaces"]
        found = khub("bridge", "a2a", agent.url, "--as", "bob", "--state", file + ".state", hub=hub)
        equal(found.code, 1)
        check(f"--allow {other.url}" in found.err, found.err)
        equal(other.seen, [])
        with Bridge(hub, agent.url + "/.well-known/agent-card.json", "--allow", other.url, name="bill"):
            Peer(hub, "eve").link.say("chat", {"text": "elsewhere?"}, "bill")
            other.next().end()
        os.chmod(file, 0o640)
        refused("others may read --header-file", hub, agent.url, "--header-file", file)
        os.chmod(file, 0o600)
        with open(file, "a", encoding="utf-8") as out:
            out.write("no header\n")
        refused("line 4 of --header-file", hub, agent.url, "--header-file", file)


@test
def headers_are_not_shown_to_another_machine_without_tls():
    with Hub() as hub, Agent(host=own_address()) as agent, tempfile.TemporaryDirectory() as folder:
        file = os.path.join(folder, "headers")
        with open(os.open(file, os.O_CREAT | os.O_WRONLY, 0o600), "w", encoding="utf-8") as out:
            out.write("Authorization: Bearer secret-1\n")
        state = ("--state", os.path.join(folder, "bob"))
        refused("is not shown without TLS", hub, agent.url, "--header-file", file, *state, code=1)
        equal(agent.seen, [])
        with Bridge(hub, agent.url):  # without any it is asked
            check(agent.reads == 1, agent.seen)


def refused(words, hub, url, *options, name=("--as", "bob"), code=2):
    found = khub("bridge", "a2a", url, *name, *options, hub=hub)
    equal((found.code, found.out), (code, ""), found.err)
    check(words in found.err, found.err)


@test
def what_is_wrong_is_said_before_anybody_joins():
    with Hub() as hub, Agent() as agent, directory() as folder:
        os.mkdir(folder)
        state = ("--state", os.path.join(folder, "bob"))
        refused("--as NAME is missing", hub, agent.url, name=())
        refused("'ftp://x' is no URL", hub, "ftp://x")
        refused("--allow is 'here'", hub, agent.url, "--allow", "here")
        refused("--agent-ca '/nowhere'", hub, agent.url, "--agent-ca", "/nowhere")
        refused("--header-file '/nowhere'", hub, agent.url, "--header-file", "/nowhere")
        for card, words in (({"supportedInterfaces": [{"url": agent.url, "protocolBinding": "GRPC", "protocolVersion": "1.0"}]},
                             "it speaks GRPC 1.0"), ({"supportedInterfaces": []}, "no agent card")):
            agent.card = {"name": "x", "skills": [], **card}
            refused(words, hub, agent.url, *state, code=1)
        refused("HTTP status 500", hub, agent.url + "/nothing", *state, code=1)
        agent.faults.clear()
        with Agent() as gone:
            gone.close()
        refused("no card of an agent at", hub, gone.url, "--tries", "1", *state, code=1)
        equal(hub.log().count("event=joined"), 0)


@test
def a_hub_brings_in_an_ai_of_another_hub():
    with directory() as data, Hub() as near, Hub("--data", data, "--http", "127.0.0.1:0") as far:
        bea, place = far.join("bea", 2, capabilities=["a2a", "mixing"]), f"http://127.0.0.1:{door_of(far).port}/a2a/bea"
        with Bridge(near, place):
            ada = Peer(near)
            asked = ada.ask("mix this")
            offer = heard(bea, "collaboration_request")
            session = {"session_id": offer["payload"]["session_id"]}
            bea.say("collaboration_response", {**session, "accepted": True})
            heard(bea, "collaboration_update", status="active")
            bea.say("workspace_update", {**session, "key": "mix", "value": "la la", "base_version": 0})
            bea.say("chat", {**session, "text": "louder?", "a2a": {"state": "input-required"}}, offer["sender_id"])
            equal(ada.answer(in_reply_to=asked)["text"], "la la")
            equal(ada.answer(in_reply_to=asked)["text"], "louder?")
            again = ada.ask("yes")
            said = heard(bea, "chat", text="yes")
            equal((said["payload"]["session_id"], said["payload"]["a2a"]["metadata"]["khub"]["from"]),
                  (session["session_id"], "ada"))
            bea.say("os_component_share", {**session, "collaboration_complete": True, "component": {"name": "r", "v": 1}})
            last = ada.answer(in_reply_to=again)
            while "parts" not in last["a2a"]:
                last = ada.answer(in_reply_to=again)
            equal(last["a2a"]["parts"], [{"data": {"name": "r", "v": 1}}])


@test
def a_bridge_that_leads_back_to_its_own_hub_ends():
    with directory() as data, Hub("--data", data, "--http", "127.0.0.1:0") as hub, Agent() as agent:
        with tempfile.TemporaryDirectory() as folder:
            state, place = os.path.join(folder, "bob"), f"http://127.0.0.1:{door_of(hub).port}/a2a/bob"
            card = {**agent.card, "supportedInterfaces": [
                {"url": place.removesuffix("/bob"), "protocolBinding": "JSONRPC", "protocolVersion": "1.0", "tenant": "bob"}]}
            agent.card = card
            with Bridge(hub, agent.url, "--allow", place, state=state):
                ada = Peer(hub)
                asked = ada.ask("round and round")
                found = ada.answer()
                check("too many hubs" in found["text"], found)
                equal(found["in_reply_to"], asked)


if __name__ == "__main__":
    run()
