#!/usr/bin/env python3
"""A2A at a gateway, as it goes over the wire: cards, tasks, streams, and what is refused.

usage: gateway_a2a.py KHUB [PART OF A NAME]
"""
import concurrent.futures
import contextlib
import json
import os
import re
import sys
import tempfile
import uuid

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
sys.path.insert(0, os.path.join(ROOT, "tests", "wire"))
from a2a_client import (BOTH, CARD, Caller, Stream, Worker, a_hub, kinds,  # noqa: E402
                        state_of, text_of)
from gateway import Gateway, door_of  # noqa: E402
from harness import Hub, check, directory, equal, run, test, wait_until  # noqa: E402
from tokens import OTHER, give_out, let_in  # noqa: E402

CATALOG = "/.well-known/ai-catalog.json"
REQUIRED = ("name", "description", "supportedInterfaces", "version", "capabilities", "defaultInputModes",
            "defaultOutputModes", "skills")
HOSTILE = "\"}<script>\\ \x7f"


def well_formed(card):
    """As A2A wants one, of both versions; the ids of its skills."""
    for name in REQUIRED:
        check(card[name], name, "is missing or empty in", card)
    for skill in card["skills"]:
        check(all(skill[name] for name in ("id", "name", "description", "tags")), skill)
    names = [skill["id"] for skill in card["skills"]]
    equal(len(set(names)), len(names), "skills, each once")
    for one in card["supportedInterfaces"]:
        check(one["url"].startswith("http") and one["protocolBinding"] in ("JSONRPC", "HTTP+JSON"), one)
    equal((card["protocolVersion"], card["preferredTransport"]), ("0.3.0", "JSONRPC"))
    return names


def interfaces(card):
    return {(one["protocolBinding"], one["protocolVersion"]): (one["url"], one.get("tenant"))
            for one in card["supportedInterfaces"]}


def check_server_card(door, entry):
    """The door for clients of MCP, as the list and its own card have it; MCP is there indeed."""
    place = f"http://127.0.0.1:{door.port}"
    equal((entry["identifier"], entry["displayName"]), ("urn:air:127.0.0.1:mcp:hub", "khub"))
    status, text, fields = door.ask(entry["url"].removeprefix(place))
    card = json.loads(text)
    equal((status, fields["Content-Type"]), (200, entry["type"]))
    check(all(card[name] for name in ("$schema", "version", "description")) and card["name"].count("/") == 1, card)
    (remote,) = card["remotes"]
    equal(remote["type"], "streamable-http")
    status, answer, _ = door.ask(remote["url"].removeprefix(place), "POST", json.dumps(
        {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {
            "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}}}),
        Content_Type="application/json", Accept="application/json, text/event-stream")
    equal((status, "serverInfo" in json.dumps(answer)), (200, True), "MCP is where the card says")


@test
def cards_say_who_takes_tasks():
    with Hub("--http", "127.0.0.1:0") as hub:
        door = door_of(hub)
        place = f"http://127.0.0.1:{door.port}"
        equal(well_formed(door.ask(CARD)[1]), ["hand-on"], "of a hub where nobody is")
        hub.join("ada", 2, specialization="audio", capabilities=["a2a", "mixing", "mastering"])
        hub.join("bea", 2, specialization="video", capabilities=["mixing", "a2a"])
        hub.join("cid", 2, capabilities=["mixing", "A2A", "a2a "])  # wants none
        hub.join("d/e f?", 2, specialization=HOSTILE, capabilities=["a2a", HOSTILE])
        gone = hub.join("eve", 2, capabilities=["a2a", "leaving"])
        gone.say("leave")
        gone.expect("presence", ai_id="eve")
        gone.expect_end()
        hub.join("fay", 2, capabilities=["a2a"], role="observer")
        away = hub.join("hal", 2, capabilities=["a2a", "listening"], stays_s=600)
        away.close()
        wait_until(lambda: '"away"' in json.dumps(door.ask("/v1/members/hal")[1]), "it to be away")

        status, card, _ = door.ask(CARD)
        equal((status, set(well_formed(card))), (200, {"hand-on", "mixing", "mastering", HOSTILE}))
        mixing = next(skill for skill in card["skills"] if skill["id"] == "mixing")
        equal(sorted(mixing["tags"]), ["audio", "video"])
        equal(interfaces(card), {("JSONRPC", "1.0"): (place + "/a2a", None), ("HTTP+JSON", "1.0"): (place + "/a2a", None),
                                 ("JSONRPC", "0.3"): (place + "/a2a", None)})
        check("securitySchemes" not in card and card["url"] == place + "/a2a", card)

        status, card, _ = door.ask("/a2a/ada" + CARD)
        equal((status, card["name"], well_formed(card)), (200, "ada", ["mixing", "mastering"]))
        equal(interfaces(card), {("JSONRPC", "1.0"): (place + "/a2a", "ada"),
                                 ("HTTP+JSON", "1.0"): (place + "/a2a", "ada"),
                                 ("JSONRPC", "0.3"): (place + "/a2a/ada", None)})
        status, card, _ = door.ask("/a2a/d%2Fe%20f%3F" + CARD)
        equal((status, card["name"], card["url"], well_formed(card)),
              (200, "d/e f?", place + "/a2a/d%2Fe%20f%3F", [HOSTILE]))
        for nobody in ("cid", "eve", "fay", "gil", "hal", "a%00da", "x" * 129):
            check(door.ask(f"/a2a/{nobody}{CARD}")[0] in (400, 404), nobody)

        status, text, fields = door.ask(CATALOG)
        catalog = json.loads(text)
        equal((status, fields["Content-Type"], catalog["specVersion"]), (200, "application/ai-catalog+json", "1.0"))
        (server,) = (entry for entry in catalog["entries"] if entry["type"] == "application/mcp-server-card+json")
        check_server_card(door, server)
        catalog["entries"].remove(server)
        equal({entry["displayName"] for entry in catalog["entries"]}, {"khub", "ada", "bea", "d/e f?"})
        for entry in catalog["entries"]:
            equal((entry["type"], door.ask(entry["url"].removeprefix(place))[1]["name"]),
                  ("application/a2a-agent-card+json", entry["displayName"]))
            check(entry["identifier"].startswith("urn:air:127.0.0.1:khub:"), entry)


@test
def a_card_is_kept_until_it_changes():
    with Hub("--http", "127.0.0.1:0") as hub:
        door = door_of(hub)
        ada = hub.join("ada", 2, capabilities=["a2a", "mixing"])
        for path in (CARD, "/a2a/ada" + CARD, CATALOG, "/mcp/server-card"):
            _, _, fields = door.ask(path)
            equal(fields.get_all("Cache-Control"), ["private, max-age=60"], path)
            status, body, again = door.ask(path, If_None_Match=fields["ETag"])
            equal((status, body, again["ETag"]), (304, "", fields["ETag"]), path)
            equal(door.ask(path, If_None_Match='"other"')[0], 200, path)
        _, _, fields = door.ask("/a2a/ada" + CARD)
        ada.say("hello", {"protocol": 2, "capabilities": ["a2a", "mastering"]})
        ada.expect("training_sync")
        status, card, _ = door.ask("/a2a/ada" + CARD, If_None_Match=fields["ETag"])
        equal((status, well_formed(card)), (200, ["mastering"]), "after another hello")


@test
def at_a_hub_with_tokens_a_stranger_reads_what_everybody_may_know():
    with directory() as data, contextlib.ExitStack() as stack:
        token, own = give_out(data, "ada"), give_out(data, "gateway", "--role", "observer")
        hub = stack.enter_context(Hub("--data", data))
        file = stack.enter_context(tempfile.NamedTemporaryFile("w", suffix=".token"))
        file.write(own + "\n")
        file.flush()
        door = stack.enter_context(Gateway("--token-file", file.name, hub=hub))
        door.wait_ready()
        let_in(hub, "ada", token, level=2, capabilities=["a2a", "secret-skill"])
        good = {"Authorization": "Bearer " + token}

        status, card, _ = door.ask(CARD)
        equal((status, well_formed(card)), (200, ["hand-on"]))
        equal(card["securitySchemes"]["bearer"]["httpAuthSecurityScheme"], {"scheme": "Bearer"})
        equal(card["securityRequirements"], [{"schemes": {"bearer": {"list": []}}}])
        check(card["capabilities"]["extendedAgentCard"] and card["supportsAuthenticatedExtendedCard"], card)
        equal([entry["displayName"] for entry in json.loads(door.ask(CATALOG)[1])["entries"]], ["khub", "khub"])
        equal(door.ask("/a2a/ada" + CARD)[0], 401)
        equal(door.ask(CARD, Authorization="Bearer " + own[:-1])[0], 401, "a wrong one is not none")

        equal(well_formed(door.ask(CARD, **good)[1]), ["hand-on", "secret-skill"])
        equal(well_formed(door.ask("/a2a/ada" + CARD, **good)[1]), ["secret-skill"])
        equal([entry["displayName"] for entry in json.loads(door.ask(CATALOG, **good)[1])["entries"]], ["khub", "khub", "ada"])


@test
def a_task_from_its_first_message_to_its_end():
    with a_hub() as (hub, door):
        worker = Worker(hub, "ada", "mixing")
        for binding in BOTH:
            caller = Caller(door, "ada", **binding)
            task = caller.send("mix this", contextId="my-context", metadata={"loud": True}, referenceTaskIds=["t"])
            equal((state_of(task), task["contextId"], task["metadata"]), ("SUBMITTED", "my-context", {"tenant": "ada"}))
            offer, said = worker.take()
            equal((offer["type"], offer["description"], offer["session_id"]), ("a2a/my-context", "mix this", task["id"]))
            equal((said["text"], said["a2a"]["metadata"], said["a2a"]["referenceTaskIds"]), ("mix this", {"loud": True}, ["t"]))
            wait_until(lambda: state_of(caller.get(task)) == "WORKING", "it to be taken")

            worker.progress(0.5, "half")
            worker.write("mix", {"gain": 1.5})
            worker.say("which key?", state="input-required", parts=[{"text": "which key?"}, {"data": [1, None]}])
            asked = wait_until(lambda: (found := caller.get(task)) and state_of(found) == "INPUT_REQUIRED" and found,
                               "its question")
            equal(asked["status"]["message"]["parts"], [{"text": "which key?"}, {"data": [1, None]}])
            equal([(message["role"], text_of(message)) for message in asked["history"]],
                  [("ROLE_USER", "mix this"), ("ROLE_AGENT", "half")])
            check(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", asked["status"]["timestamp"]), asked)

            again = caller.send("D minor", taskId=task["id"])
            equal((state_of(again), again["id"]), ("WORKING", task["id"]))
            equal(worker.until("chat", text="D minor")["payload"]["session_id"], task["id"])
            worker.write("mix", "quiet", 1)
            worker.finish(code="int x;")
            done = wait_until(lambda: (found := caller.get(task)) and state_of(found) == "COMPLETED" and found, "its end")
            equal([(artifact["artifactId"], artifact["parts"]) for artifact in done["artifacts"]],
                  [("mix", [{"text": "quiet"}]), ("result", [{"data": {"name": "result", "code": "int x;"}}])])
            equal([text_of(message) for message in done["history"][:2]], ["mix this", "half"])
            equal(caller.get(task, historyLength=1)["history"], done["history"][-1:])
            check("history" not in caller.get(task, historyLength=0), "none was wanted")
            first = done["history"][0]
            equal((first["taskId"], first["contextId"], first["metadata"]), (task["id"], "my-context", {"loud": True}))

            caller.refused(400 if binding else -32004, "UNSUPPORTED_OPERATION", "SendMessage",
                           message=caller.message("more", taskId=task["id"]))
            caller.refused(400 if binding else -32002, "TASK_NOT_CANCELABLE", "CancelTask", id=task["id"])
            caller.refused(400 if binding else -32004, "UNSUPPORTED_OPERATION", "SubscribeToTask", id=task["id"])


@test
def streams_tell_the_task_first_and_then_all_the_same():
    with a_hub() as (hub, door):
        worker = Worker(hub, "ada")
        for binding in BOTH:
            caller = Caller(door, "ada", **binding)
            stream = Stream(caller, "SendStreamingMessage", message=caller.message("go"))
            task = next(stream)["task"]
            equal((state_of(task), text_of(task["history"][0])), ("SUBMITTED", "go"))
            others = [Stream(caller, "SubscribeToTask", id=task["id"]) for _ in range(2)]
            equal([next(other)["task"]["id"] for other in others], 2 * [task["id"]])
            worker.take()
            worker.progress(0.1)
            worker.progress(0.5, "half")
            worker.write("report", "all is well")
            worker.say("ready?", state="input-required")
            events = list(stream)  # it ends where somebody is asked
            equal(kinds(events), ["WORKING", "WORKING", "WORKING", "report", "INPUT_REQUIRED"])
            equal(text_of(events[-1]["statusUpdate"]["status"]["message"]), "ready?")
            equal([event["statusUpdate"]["metadata"] for event in events[1:3]], [{"progress": 0.1}, {"progress": 0.5}])
            for other in others:
                equal(list(other), events, "what another is told")

            stream = Stream(caller, "SendStreamingMessage", message=caller.message("yes", taskId=task["id"]))
            task = next(stream)["task"]
            equal((state_of(task), [text_of(message) for message in task["history"]]),
                  ("WORKING", ["go", "half", "ready?", "yes"]))
            worker.finish()
            equal(kinds(stream), ["result", "COMPLETED"])


@test
def who_waits_is_answered_when_it_rests():
    with a_hub() as (hub, door), concurrent.futures.ThreadPoolExecutor(1) as pool:
        worker, caller = Worker(hub, "ada"), Caller(door)
        waiting = pool.submit(caller.send, "ask me", wait=True)
        worker.take()
        worker.progress(0.2, "on it")
        worker.say("name?", state="input-required")
        task = waiting.result()
        equal((state_of(task), text_of(task["status"]["message"])), ("INPUT_REQUIRED", "name?"))
        waiting = pool.submit(caller.send, "bea", wait=True, taskId=task["id"])
        worker.until("chat", text="bea")
        worker.say("sign in", state="auth-required")
        equal(state_of(waiting.result()), "AUTH_REQUIRED", "not as it was before it was answered")
        for ends, state in (({"status": "failed", "note": "no disk"}, "FAILED"), ({"status": "cancelled"}, "CANCELED"),
                            (None, "REJECTED"), ("finish", "COMPLETED")):
            waiting = pool.submit(caller.send, "and this", wait=True)
            worker.take(accepted=ends is not None, reason=None if ends else "no time")
            if ends == "finish":
                worker.finish()
            elif ends:
                worker.progress(0.9, **ends)
            task = waiting.result()
            equal(state_of(task), state)
            if state in ("FAILED", "REJECTED"):
                equal(text_of(task["status"]["message"]), "no disk" if state == "FAILED" else "no time")


@test
def a_task_is_given_up():
    with a_hub() as (hub, door):
        worker = Worker(hub, "ada")
        for binding in BOTH:
            caller = Caller(door, **binding)
            task = caller.send("never mind")
            worker.take()
            stream = Stream(caller, "SubscribeToTask", id=task["id"])
            next(stream)
            equal(state_of(caller.good("CancelTask", id=task["id"])), "CANCELED")
            equal(kinds(stream)[-1], "CANCELED")
            worker.until("collaboration_update", status="cancelled")
            equal(state_of(caller.get(task)), "CANCELED")


@test
def the_hub_hands_a_task_to_who_fits():
    with a_hub() as (hub, door):
        ada, bea = Worker(hub, "ada", "mixing"), Worker(hub, "bea", "mastering")
        hub.join("cid", 2, capabilities=["mixing"])  # takes none
        caller = Caller(door)
        equal(caller.send("some mastering, please")["metadata"]["tenant"], "bea")
        equal(caller.send("do it", metadata={"skill": "mixing"})["metadata"]["tenant"], "ada")
        caller.refused(-32004, "UNSUPPORTED_OPERATION", "SendMessage",
                       message=caller.message("do it", metadata={"skill": "cooking"}))
        for tenant in ("cid", "gil"):
            check(tenant in Caller(door, tenant).refused(-32602, "INVALID_PARAMS", "SendMessage",
                                                         message=caller.message("x")), "who is meant")
        ada.take()
        bea.take()
        busy = caller.send("anything")["metadata"]["tenant"]
        equal(caller.good("ListTasks", pageSize=100)["totalSize"], 3)
        check(busy in ("ada", "bea"), busy)


@test
def tasks_are_listed_a_page_at_a_time():
    with a_hub() as (hub, door):
        worker, caller = Worker(hub, "ada"), Caller(door)
        bea = Worker(hub, "bea")
        empty = caller.good("ListTasks")
        equal(empty, {"tasks": [], "nextPageToken": "", "pageSize": 50, "totalSize": 0})
        tasks = []
        for i in range(5):
            tasks.append(Caller(door, "ada").send(f"task {i}", contextId=f"context-{i % 2}"))
            worker.take()
        other = Caller(door, "bea").send("other")
        worker.session = tasks[2]["id"]
        worker.write("report", "done")
        worker.say("well?", state="input-required")
        worker.session = tasks[3]["id"]
        worker.finish()
        wait_until(lambda: state_of(caller.get(tasks[3])) == "COMPLETED", "the last of it")
        bea.take()
        wait_until(lambda: state_of(caller.get(other)) == "WORKING", "the other")

        for each in (caller, Caller(door, rest=True)):
            whole = each.good("ListTasks")
            equal((whole["totalSize"], len(whole["tasks"]), whole["nextPageToken"]), (6, 6, ""))
            times = [task["status"]["timestamp"] for task in whole["tasks"]]
            equal(times, sorted(times, reverse=True))
            check(not any("artifacts" in task or "history" in task for task in whole["tasks"]), whole)
            paged, token = [], ""
            while True:
                page = each.good("ListTasks", pageSize=4, **({"pageToken": token} if token else {}))
                paged += page["tasks"]
                token = page["nextPageToken"]
                if not token:
                    break
            equal(paged, whole["tasks"])
            one = each.good("ListTasks", status="TASK_STATE_INPUT_REQUIRED", includeArtifacts=True, historyLength=5)
            equal([task["id"] for task in one["tasks"]], [tasks[2]["id"]])
            equal((one["tasks"][0]["artifacts"][0]["name"], text_of(one["tasks"][0]["history"][0])), ("report", "task 2"))
            equal(each.good("ListTasks", contextId="context-1")["totalSize"], 2)
            equal(each.good("ListTasks", statusTimestampAfter=times[2])["totalSize"], 2)
        equal(Caller(door, "bea").good("ListTasks")["tasks"][0]["id"], other["id"])
        Caller(door, "bea").refused(-32001, "TASK_NOT_FOUND", "GetTask", id=tasks[0]["id"])
        for wrong in ({"pageSize": 0}, {"pageSize": 101}, {"pageSize": "x"}, {"status": "DONE"}, {"pageToken": "x"},
                      {"historyLength": -1}, {"pageToken": "x" * 40 + "/"}):
            caller.refused(-32602, "INVALID_PARAMS", "ListTasks", **wrong)


@test
def tasks_outlive_gateway_and_hub():
    with directory() as data, contextlib.ExitStack() as stack:
        hub = stack.enter_context(Hub("--data", data))
        door = stack.enter_context(Gateway(hub=hub))
        door.wait_ready()
        worker = Worker(hub, "ada")
        caller = Caller(door)
        task = caller.send("for long")
        worker.take()
        worker.say("well?", state="input-required")
        before = wait_until(lambda: (found := caller.get(task)) and state_of(found) == "INPUT_REQUIRED" and found, "it")
        door.end()
        with Gateway(hub=hub) as other:
            other.wait_ready()
            caller = Caller(other)
            equal(caller.get(task), before, "after another gateway was begun")
            work = caller.send("and this")
            worker.take()
            stream = Stream(caller, "SubscribeToTask", id=work["id"])
            equal(state_of(next(stream)["task"]), "WORKING")
            worker.progress(0.5, "half")
            equal(text_of(next(stream)["statusUpdate"]["status"]["message"]), "half")
            hub.stop()
            with Hub("--data", data, listen=(f"127.0.0.1:{hub.port}",)) as again:
                other.wait_ready()
                equal(caller.get(task), before, "and another hub")
                back = Worker(again, "ada")
                back.session, back.client = task["id"], "a2a"
                caller.send("go on", taskId=task["id"])
                equal(back.until("chat", text="go on")["sender_id"], "a2a")
                back.finish()
                wait_until(lambda: state_of(caller.get(task)) == "COMPLETED", "its end")
                back.session = work["id"]
                back.finish()
                equal(kinds(stream), ["result", "COMPLETED"], "what was told is not told again")


@test
def a_hub_that_stops_is_there_for_its_callers_until_they_have_gone():
    """Who came by its own door tells how far it has read, is answered, and goes by itself; then the
    hub parts with all others."""
    with Hub("--http", "127.0.0.1:0") as hub:
        worker, caller = Worker(hub, "bea", "mixing"), Caller(door_of(hub))
        task = caller.send("mix it")
        worker.take()
        stream = Stream(caller, "SubscribeToTask", id=task["id"])
        equal(next(stream)["task"]["id"], task["id"])
        equal(hub.stop(), 0)
        rest = stream.answer.read()  # which is an error where a stream breaks off
        check(b"data:" not in rest, "behind the task:", rest)
        stream.client.close()
        log = hub.log()
        last = [log.find(found) for found in ("event=stopping", "event=left ai=a2a reason=peer_closed",
                                              "event=refused code=shutting_down", "event=left ai=bea reason=shutting_down")]
        check(-1 not in last and last == sorted(last), last, log[-3000:])


@test
def version_0_3_where_it_is_asked_for():
    with a_hub() as (hub, door), concurrent.futures.ThreadPoolExecutor(1) as pool:
        worker, caller = Worker(hub, "ada"), Caller(door, "ada", old=True)
        waiting = pool.submit(caller.good, "message/send", message=caller.message(
            "first", parts=[{"kind": "text", "text": "first"}, {"kind": "file", "file": {
                "bytes": "aGk=", "mimeType": "text/plain", "name": "hi"}}, {"kind": "data", "data": {"a": 1}}]))
        _, said = worker.take()
        equal(said["a2a"]["parts"], [{"text": "first"}, {"raw": "aGk=", "mediaType": "text/plain", "filename": "hi"},
                                     {"data": {"a": 1}}])
        worker.write("list", [1])
        worker.say("well?", state="input-required")
        task = waiting.result()
        equal((task["kind"], task["status"]["state"], task["status"]["message"]["role"]),
              ("task", "input-required", "agent"))
        first = task["history"][0]
        equal((first["kind"], first["role"], first["parts"][1]), ("message", "user", {"kind": "file", "file": {
            "bytes": "aGk=", "mimeType": "text/plain", "name": "hi"}}))
        equal(task["artifacts"][0]["parts"], [{"kind": "data", "data": {"value": [1]}}])

        stream = Stream(caller, "message/stream", message=caller.message("yes", taskId=task["id"]))
        equal(next(stream)["kind"], "task")
        worker.until("chat", text="yes")
        worker.finish()
        events = list(stream)
        equal([(event["kind"], event.get("final")) for event in events],
              [("artifact-update", None), ("status-update", True)])
        equal(caller.get(task)["status"]["state"], "completed")
        caller.refused(-32002, "TASK_NOT_CANCELABLE", "tasks/cancel", id=task["id"])
        caller.refused(-32601, "METHOD_NOT_FOUND", "SendMessage", message={})
        caller.refused(-32602, "INVALID_PARAMS", "message/send", message="x")


@test
def what_is_no_request_is_refused():
    with a_hub() as (hub, door):
        worker, caller, plain = Worker(hub, "ada"), Caller(door), Caller(door, rest=True)
        task = caller.send("one", contextId="mine")

        def send(**more):
            return {"message": caller.message("x", **more)}
        for params in ({}, {"message": []}, send(parts=[]), send(parts="x"), send(parts=[{}]), send(parts=["x"]),
                       send(parts=[{"text": "a", "data": 1}]), send(parts=[{"text": 1}]), send(parts=[{"raw": "@"}]),
                       send(parts=[{"raw": "abcde"}]), send(parts=[{"text": "a", "metadata": 1}]), send(messageId=""),
                       send(role="ROLE_AGENT"), send(role="user"), send(contextId="c" * 60), send(contextId="a b"),
                       send(contextId=1), send(metadata=[]), send(contextId="other", taskId=task["id"]),
                       {**send(), "configuration": 1}, {**send(), "configuration": {"historyLength": -1}},
                       {**send(), "tenant": "x" * 129}):
            caller.refused(-32602, "INVALID_PARAMS", "SendMessage", **params)
            if "tenant" not in params:
                plain.refused(400, "INVALID_PARAMS", "SendMessage", **params)
        for unknown in ("x", str(uuid.uuid4()), "x" * 500, "\"}"):
            caller.refused(-32001, "TASK_NOT_FOUND", "GetTask", id=unknown)
            caller.refused(-32001, "TASK_NOT_FOUND", "CancelTask", id=unknown)
            caller.refused(-32001, "TASK_NOT_FOUND", "SubscribeToTask", id=unknown)
            caller.refused(-32001, "TASK_NOT_FOUND", "SendMessage", **send(taskId=unknown))
        plain.refused(404, "TASK_NOT_FOUND", "GetTask", id=str(uuid.uuid4()))
        for missing in ({}, {"id": ""}, {"id": "\0"}, {"id": 1}, {"id": None}):
            caller.refused(-32602, "INVALID_PARAMS", "GetTask", **missing)
        caller.refused(-32601, "METHOD_NOT_FOUND", "Nonsense")
        caller.refused(-32007, "EXTENDED_AGENT_CARD_NOT_CONFIGURED", "GetExtendedAgentCard")
        caller.refused(-32003, "PUSH_NOTIFICATION_NOT_SUPPORTED", "ListTaskPushNotificationConfigs", taskId=task["id"])

        # a session that is no task is none, for whoever sees it
        hub.join("eve", 2).say("collaboration_request", {"type": "a2a", "description": "x", "target_ai": "ada"})
        session = worker.until("collaboration_request", type="a2a")["payload"]["session_id"]
        caller.refused(-32001, "TASK_NOT_FOUND", "GetTask", id=session)

        def post(body, path="/a2a", **fields):
            fields = {"Content_Type": "application/json", "A2A_Version": "1.0", **fields}
            return door.ask(path, "POST", body if isinstance(body, str) else json.dumps(body), **fields)
        for body, code in (("{", -32700), ("[]", -32600), ({"jsonrpc": "2.0", "method": "GetTask"}, -32600),
                           ({"jsonrpc": "1.0", "id": 1, "method": "GetTask"}, -32600),
                           ({"jsonrpc": "2.0", "id": 1, "method": "GetTask", "params": []}, -32600),
                           ('{"jsonrpc":"2.0","id":1,"method":"GetTask","params":{"id":1e999}}', -32700)):
            equal(post(body)[1]["error"]["code"], code, body)
        good = {"jsonrpc": "2.0", "id": 1, "method": "GetTask", "params": {"id": task["id"]}}
        equal(post(good)[1]["result"]["id"], task["id"])
        for version in ("2.0", "1", "1.0.1", "x", "0.2"):
            equal(post(good, A2A_Version=version)[1]["error"]["code"], -32009, version)
        equal(post(good, "/a2a?A2A-Version=1.0", A2A_Version="")[1]["result"]["id"], task["id"])
        equal(post(good, "/a2a/bea")[1]["error"]["code"], -32001)
        equal(post({**good, "params": {"id": task["id"], "tenant": "ada"}}, "/a2a/bea")[1]["error"]["code"], -32602)
        for form in ("text/plain", "application/x-www-form-urlencoded", ""):
            equal(post(good, Content_Type=form)[0], 415, form)
            equal(post(send(), "/a2a/message:send", Content_Type=form)[0], 415, form)
        equal(post(good, Origin="http://evil.example")[0], 403)
        equal(door.ask(f"/a2a/tasks/{task['id']}")[1]["error"]["details"][0]["reason"], "VERSION_NOT_SUPPORTED")
        equal(door.ask(f"/a2a/tasks/{task['id']}:eat", "POST", A2A_Version="1.0")[0], 404)
        equal(post("[1]", "/a2a/message:send")[0], 400)


@test
def who_takes_no_part_in_a_task_says_nothing_in_it():
    with a_hub() as (hub, door):
        worker, caller, eve = Worker(hub, "ada"), Caller(door), hub.join("eve", 2)
        task = caller.send("mine")
        worker.take()
        stream = Stream(caller, "SubscribeToTask", id=task["id"])
        next(stream)
        for target in (None, "a2a", "ada"):
            eve.say("chat", {"text": "evil", "session_id": task["id"], "a2a": {"state": "input-required"}}, target)
        eve.say("os_component_share", {"session_id": task["id"], "component": {"name": "evil"}})
        # and what its own AI says is taken for no more than it may be
        for a2a in ({"state": "completed"}, {"state": "submitted"}, {"state": 1}, {"state": "TASK_STATE_FAILED"},
                    {"parts": "x", "metadata": 1, "messageId": 7}, {"parts": [{"text": 1}]}, [1]):
            worker.link.say("chat", {"text": HOSTILE, "session_id": task["id"], "a2a": a2a}, worker.client)
        worker.link.send(b'{"message_id":"m-1","sender_id":"ada","message_type":"chat","timestamp":'
                         b'"2026-11-22T08:00:00+00:00","target_ai":"a2a","payload":{"text":"huge","number":1e999,'
                         b'"session_id":"' + task["id"].encode() + b'"}}')
        worker.finish()
        events = [event for event in stream if "message" in event.get("statusUpdate", {}).get("status", {})]
        equal([(state_of(event["statusUpdate"]), text_of(event["statusUpdate"]["status"]["message"])) for event in events],
              7 * [("WORKING", HOSTILE)])
        found = json.dumps(caller.get(task))
        check("evil" not in found, found)


@test
def a_token_sees_its_own_tasks():
    with directory() as data, contextlib.ExitStack() as stack:
        ada, bea, own = give_out(data, "ada"), give_out(data, "bea"), give_out(data, "gateway", "--role", "observer")
        hub = stack.enter_context(Hub("--data", data))
        file = stack.enter_context(tempfile.NamedTemporaryFile("w", suffix=".token"))
        file.write(own + "\n")
        file.flush()
        door = stack.enter_context(Gateway("--token-file", file.name, hub=hub))
        door.wait_ready()
        worker = Worker.__new__(Worker)
        worker.name, worker.link = "worker", let_in(hub, "worker", bea, capabilities=["a2a", "mixing"])
        callers = [Caller(door, Authorization="Bearer " + token) for token in (ada, bea)]
        task = callers[0].send("mine")
        equal(worker.take()[0]["session_id"], task["id"])
        check(worker.client.startswith("a2a-") and ada[5:13] not in worker.client, worker.client)
        own = worker.client
        callers[1].send("another's")
        worker.take()
        check(worker.client.startswith("a2a-") and worker.client != own, "two tokens are two", worker.client)
        named = Caller(door, Authorization="Bearer " + ada, **{"Khub-Id": "my-agent"})
        other = named.send("by another name")
        worker.take()
        equal(worker.client, "my-agent")
        # the worker's owner sees what his AI works on; a third nothing
        cid = Caller(door, Authorization="Bearer " + give_out(data, "cid"))
        equal(callers[0].good("ListTasks")["totalSize"], 2)
        equal(callers[1].good("ListTasks")["totalSize"], 3)
        equal(cid.good("ListTasks")["totalSize"], 0)
        cid.refused(-32001, "TASK_NOT_FOUND", "GetTask", id=task["id"])
        cid.refused(-32001, "TASK_NOT_FOUND", "CancelTask", id=other["id"])
        equal(well_formed(callers[0].good("GetExtendedAgentCard")), ["hand-on", "mixing"])
        for token in ("", OTHER):
            fields = {"Authorization": "Bearer " + token} if token else {}
            client, answer, _ = Caller(door, **fields).open("GetTask", {"id": task["id"]})
            equal((answer.status, answer.headers["WWW-Authenticate"]), (401, "Bearer"))
            client.close()


if __name__ == "__main__":
    run()
