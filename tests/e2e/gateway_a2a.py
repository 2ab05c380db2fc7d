#!/usr/bin/env python3
"""A2A at a gateway, as it goes over the wire: cards, tasks, streams, and what is refused.

usage: gateway_a2a.py KHUB [PART OF A NAME]
"""
import concurrent.futures
import contextlib
import http.server
import json
import os
import queue
import re
import sys
import tempfile
import threading
import urllib.parse
import uuid

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
sys.path.insert(0, os.path.join(ROOT, "tests", "wire"))
from gateway import Gateway, door_of  # noqa: E402
from harness import PATIENCE, Hub, check, directory, equal, run, test, wait_until  # noqa: E402
from program import khub  # noqa: E402
from tokens import OTHER, give_out, let_in  # noqa: E402

CARD = "/.well-known/agent-card.json"
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


class Caller:
    """A client of A2A, over one of the bindings."""
    number = 0

    def __init__(self, door, tenant=None, old=False, rest=False, **fields):
        self.door, self.tenant, self.old, self.is_rest, self.fields = door, tenant, old, rest, fields

    def request(self, method, params):
        """Method, path, body and header fields of HTTP."""
        if self.is_rest:
            return self.as_rest(method, dict(params))
        Caller.number += 1
        if self.tenant and not self.old:
            params = {"tenant": self.tenant, **params}
        path = "/a2a" + (f"/{self.tenant}" if self.tenant and self.old else "")
        body = {"jsonrpc": "2.0", "id": Caller.number, "method": method, "params": params}
        return "POST", path, body, {} if self.old else {"A2A-Version": "1.0"}

    def as_rest(self, method, params):
        path = "/a2a" + (f"/{self.tenant}" if self.tenant else "")
        fields = {"A2A-Version": "1.0"}
        if method in ("SendMessage", "SendStreamingMessage"):
            return "POST", path + ("/message:send" if method == "SendMessage" else "/message:stream"), params, fields
        task = f"/tasks/{params.pop('id')}" if "id" in params else "/tasks"
        if method == "CancelTask":
            return "POST", path + task + ":cancel", params, fields
        task += ":subscribe" if method == "SubscribeToTask" else ""
        query = "&".join(f"{name}={urllib.parse.quote(json.dumps(value) if not isinstance(value, str) else value)}"
                         for name, value in params.items())
        return "GET", path + task + ("?" + query if query else ""), None, fields

    def open(self, method, params):
        """A connection whose answer has begun."""
        verb, path, body, fields = self.request(method, params)
        client = self.door.connect()
        client.request(verb, path, None if body is None else json.dumps(body),
                       {"Content-Type": "application/json", **fields, **self.fields})
        return client, client.getresponse(), (body or {}).get("id")

    def ask(self, method, **params):
        """The whole answer."""
        client, answer, number = self.open(method, params)
        with contextlib.closing(client):
            body = json.loads(answer.read())
        if not self.is_rest:
            equal((answer.status, body["jsonrpc"], body["id"]), (200, "2.0", number))
        return body

    def good(self, method, **params):
        body = self.ask(method, **params)
        check("error" not in body, method, "was refused:", body)
        return body if self.is_rest else body["result"]

    def refused(self, code, reason, method, **params):
        """The error's sentence."""
        error = self.ask(method, **params)["error"]
        details = error["details" if self.is_rest else "data"]
        equal((error["code"], details[0]["reason"], details[0]["domain"]), (code, reason, "a2a-protocol.org"))
        return error["message"]

    def message(self, text, **more):
        message = {"messageId": str(uuid.uuid4()), "role": "user" if self.old else "ROLE_USER", **more}
        if self.old:
            return {"kind": "message", "parts": [{"kind": "text", "text": text}], **message}
        return {"parts": [{"text": text}], **message}

    def send(self, text, wait=False, **more):
        """The task, at once or when it rests."""
        method = "message/send" if self.old else "SendMessage"
        configuration = {"blocking": wait} if self.old else {"returnImmediately": not wait}
        result = self.good(method, message=self.message(text, **more), configuration=configuration)
        return result if self.old else result["task"]

    def get(self, task, **more):
        return self.good("tasks/get" if self.old else "GetTask", id=task["id"], **more)


class Stream:
    """Events of a stream, as they come; iterating ends where the stream does."""

    def __init__(self, caller, method, **params):
        self.client, self.answer, self.number = caller.open(method, params)
        self.rpc = not caller.is_rest
        equal((self.answer.status, self.answer.headers["Content-Type"]), (200, "text/event-stream"))

    def __iter__(self):
        return self

    def __next__(self):
        while line := self.answer.readline():
            if line.startswith(b"data: "):
                event = json.loads(line[6:])
                if self.rpc:
                    equal((event["jsonrpc"], event["id"]), ("2.0", self.number))
                return event["result"] if self.rpc else event
        self.client.close()
        raise StopIteration


class Worker:
    """An AI that takes tasks."""

    def __init__(self, hub, name, *skills, **payload):
        self.name = name
        self.link = hub.join(name, 2, capabilities=["a2a", *skills], **payload)

    def until(self, message_type, **payload):
        """The next message of that type whose payload has these."""
        while True:
            found = self.link.receive()
            if found["message_type"] == message_type and payload.items() <= found["payload"].items():
                return found

    def take(self, accepted=True, reason=None):
        """The session of the next task, and what was said in it first."""
        offer = self.until("collaboration_request")
        self.session, self.client = offer["payload"]["session_id"], offer["sender_id"]
        said = self.until("chat", session_id=self.session)
        self.link.say("collaboration_response", {"session_id": self.session, "accepted": accepted,
                                                 **({"reason": reason} if reason else {})})
        if accepted:  # what is said in it before is not judged by it
            self.until("collaboration_update", session_id=self.session, status="active")
        return offer["payload"], said["payload"]

    def say(self, text, **a2a):
        self.link.say("chat", {"text": text, "session_id": self.session, **({"a2a": a2a} if a2a else {})}, self.client)

    def progress(self, progress, note=None, **more):
        self.link.say("collaboration_update", {"session_id": self.session, "progress": progress,
                                               **({"note": note} if note else {}), **more})

    def write(self, key, value, base=0):
        self.link.say("workspace_update", {"session_id": self.session, "key": key, "value": value, "base_version": base})

    def finish(self, **component):
        self.link.say("os_component_share", {"session_id": self.session, "collaboration_complete": True,
                                             "component": {"name": "result", **component}})


def text_of(message):
    return "\n".join(part["text"] for part in message["parts"])


def state_of(task):
    return task["status"]["state"].removeprefix("TASK_STATE_")


@contextlib.contextmanager
def a_hub():
    with directory() as data, Hub("--data", data) as hub, Gateway(hub=hub) as door:
        door.wait_ready()
        yield hub, door


BOTH = ({}, {"rest": True})


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


def kinds(events):
    return [state_of(event["statusUpdate"]) if "statusUpdate" in event else event["artifactUpdate"]["artifact"]["name"]
            for event in events]


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


class Receiver:
    """Somebody who is posted to: what comes, in order, as (path, header fields, JSON); answered by
    `statuses` as long as there are some, and then by 200."""

    def __init__(self, *statuses, place="127.0.0.1"):
        self.heard, self.statuses = queue.Queue(), list(statuses)
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                status = receiver.statuses.pop(0) if receiver.statuses else 200
                receiver.heard.put((self.path, self.headers, json.loads(body)))
                self.send_response(status)
                if status == 302:
                    self.send_header("Location", f"http://127.0.0.1:{receiver.port}/redirected")
                self.send_header("Content-Length", "0")
                self.end_headers()

            def do_GET(self):  # as a redirect would have it
                receiver.heard.put((self.path, self.headers, None))
                self.send_error(404)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer((place, 0), Handler)
        self.port = self.server.server_port
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()

    def next(self):
        return self.heard.get(timeout=PATIENCE)

    def until(self, state):
        """The kinds of events up to that state."""
        found = []
        while not found or not found[-1].endswith(state):
            _, _, event = self.next()
            found.append(kinds([event])[0] if "task" not in event else "task " + state_of(event["task"]))
        return found


@contextlib.contextmanager
def a_pushing_hub(*options):
    with directory() as data, Hub("--data", data) as hub, Gateway(*options, hub=hub) as door:
        door.wait_ready()
        yield hub, door


@test
def what_becomes_of_a_task_is_posted():
    with a_pushing_hub("--push-allow", "127.0.0.0/8") as (hub, door), Receiver(500, 503) as receiver, \
            Receiver() as other:
        worker, caller = Worker(hub, "ada"), Caller(door)
        check(door.ask(CARD)[1]["capabilities"]["pushNotifications"], "the card does not say so")
        wish = {"url": f"http://127.0.0.1:{receiver.port}/hook?a=b", "token": "my-token",
                "authentication": {"scheme": "Bearer", "credentials": "secret"}}
        task = caller.good("SendMessage", message=caller.message("go"), configuration={
            "returnImmediately": True, "taskPushNotificationConfig": wish})["task"]
        path, fields, first = receiver.next()
        equal((path, first["task"]["id"], state_of(first["task"])), ("/hook?a=b", task["id"], "SUBMITTED"))
        equal((fields["Content-Type"], fields["X-A2A-Notification-Token"], fields["Authorization"]),
              ("application/a2a+json", "my-token", "Bearer secret"))
        equal([receiver.next()[2] for _ in range(2)], 2 * [first], "tried again")
        worker.take()
        worker.progress(0.5, "half")
        made = caller.good("CreateTaskPushNotificationConfig", taskId=task["id"], id="mine",
                           url=f"http://127.0.0.1:{other.port}/")
        equal(made, {"taskId": task["id"], "id": "mine", "url": f"http://127.0.0.1:{other.port}/"})
        check("task" in other.next()[2], "the task as it is comes first")
        worker.write("report", "well")
        worker.say("ready?", state="input-required")  # where a stream ends, this goes on
        wait_until(lambda: state_of(caller.get(task)) == "INPUT_REQUIRED", "its question")
        caller.send("yes", taskId=task["id"])
        worker.until("chat", text="yes")
        worker.finish()
        equal(receiver.until("COMPLETED"),
              ["WORKING", "WORKING", "report", "INPUT_REQUIRED", "WORKING", "result", "COMPLETED"])
        equal(other.until("COMPLETED")[-5:], ["report", "INPUT_REQUIRED", "WORKING", "result", "COMPLETED"])
        check(receiver.heard.empty() and other.heard.empty(), "more came than there was")


@test
def notifications_are_asked_for_by_their_task():
    with a_pushing_hub("--push-allow", "127.0.0.1") as (hub, door), Receiver() as receiver:
        worker, caller, old = Worker(hub, "ada"), Caller(door), Caller(door, old=True)
        task, url = caller.send("go"), f"http://127.0.0.1:{receiver.port}/"
        worker.take()

        def ask(method, **params):
            return caller.good(method + "TaskPushNotificationConfig" + ("s" if method == "List" else ""),
                               taskId=task["id"], **params)
        made = ask("Create", url=url)
        equal(ask("Get", id=made["id"]), made)
        equal(ask("List"), {"configs": [made], "nextPageToken": ""})
        equal(ask("Create", url=url + "2", id=made["id"])["url"], url + "2", "in the place of the first")
        equal(len(ask("List")["configs"]), 1)
        for _ in range(2):
            ask("Delete", id=made["id"])
        equal(ask("List")["configs"], [])
        caller.refused(-32001, "TASK_NOT_FOUND", "GetTaskPushNotificationConfig", taskId=task["id"], id=made["id"])
        caller.refused(-32001, "TASK_NOT_FOUND", "CreateTaskPushNotificationConfig", taskId=str(uuid.uuid4()), url=url)
        for _ in range(16):
            ask("Create", url=url)
        caller.refused(-32603, "RATE_LIMITED", "CreateTaskPushNotificationConfig", taskId=task["id"], url=url)
        for config in ask("List")["configs"]:
            ask("Delete", id=config["id"])

        base = f"/a2a/tasks/{task['id']}/pushNotificationConfigs"
        fields = {"A2A_Version": "1.0", "Content_Type": "application/json"}
        made = json.loads(door.ask(base, "POST", json.dumps({"url": url}), **fields)[1])
        equal(json.loads(door.ask(f"{base}/{made['id']}", A2A_Version="1.0")[1]), made)
        equal(json.loads(door.ask(base, A2A_Version="1.0")[1])["configs"], [made])
        equal(door.ask(f"{base}/{made['id']}", "DELETE", A2A_Version="1.0")[0], 200)

        while not receiver.heard.empty():
            receiver.next()
        told = old.good("tasks/pushNotificationConfig/set", taskId=task["id"], pushNotificationConfig={
            "id": "o", "url": url, "authentication": {"schemes": ["Basic"], "credentials": "x"}})
        equal(told["pushNotificationConfig"]["authentication"], {"schemes": ["Basic"], "credentials": "x"})
        equal(old.good("tasks/pushNotificationConfig/get", id=task["id"], pushNotificationConfigId="o"), told)
        equal(old.good("tasks/pushNotificationConfig/list", id=task["id"]), [told])
        worker.finish()
        while (event := receiver.next()[2]).get("status", {}).get("state") != "completed":
            pass
        equal((event["kind"], event["id"]), ("task", task["id"]))
        equal(old.good("tasks/pushNotificationConfig/delete", id=task["id"], pushNotificationConfigId="o"), None)


@test
def nothing_is_posted_where_the_caller_could_not_knock_himself():
    with Receiver() as inner:
        nothing_is_posted_to(inner)


def nothing_is_posted_to(inner):
    with a_pushing_hub("--push") as (hub, door):
        worker, caller = Worker(hub, "ada"), Caller(door)
        task = caller.send("go")
        worker.take()
        for url in ("http://127.0.0.1/", "https://127.0.0.1/", "https://[::1]/", "https://10.1.2.3/", "https://169.254.169.254/",
                    "https://[::ffff:10.0.0.1]/", "https://[fe80::1]/", "https://0/", "https://2130706433/", "https://0x7f.1/",
                    "http://8.8.8.8/", "ftp://8.8.8.8/", "file:///etc/passwd", "gopher://8.8.8.8/", "https://user@8.8.8.8/",
                    "https://user:word@8.8.8.8/", "", "x", "https://", "https://" + "a" * 2050, "https://a b/",
                    "https://8.8.8.8/\r\nX: y", 1, None):
            caller.refused(-32602, "INVALID_PARAMS", "CreateTaskPushNotificationConfig", taskId=task["id"], url=url)
        for more in ({"token": "a\r\nb"}, {"authentication": {"scheme": "a\n", "credentials": "b"}},
                     {"authentication": "x"}, {"token": "x" * 1025}):
            caller.refused(-32602, "INVALID_PARAMS", "CreateTaskPushNotificationConfig", taskId=task["id"],
                           url="https://8.8.8.8/", **more)
    # a name is judged where it leads to
    with a_pushing_hub("--push-allow", "127.0.0.2") as (hub, door), Receiver(place="127.0.0.2") as good:
        worker, caller = Worker(hub, "ada"), Caller(door)
        task = caller.send("go")
        worker.take()
        for url in (f"http://localhost:{inner.port}/", f"http://127.0.0.2:{good.port}/"):
            caller.good("CreateTaskPushNotificationConfig", taskId=task["id"], url=url)
        for step in range(5):
            worker.progress(step / 5)
        worker.finish()
        good.until("COMPLETED")
        check(inner.heard.empty(), "an inner address was posted to")
    with a_pushing_hub("--push-allow", "127.0.0.1") as (hub, door), Receiver(302) as moved, \
            Receiver() as good:
        worker, caller = Worker(hub, "ada"), Caller(door)
        task = caller.send("go")
        worker.take()
        for receiver in (moved, good):
            caller.good("CreateTaskPushNotificationConfig", taskId=task["id"], url=f"http://127.0.0.1:{receiver.port}/")
        worker.finish()
        good.until("COMPLETED")
        equal([moved.next()[0] for _ in range(2)], 2 * ["/"], "no redirect was followed, and it was tried again")
    check(inner.heard.empty(), "an inner address was posted to")


@test
def a_gateway_that_pushes_nothing_says_so():
    with a_hub() as (hub, door):
        Worker(hub, "ada")
        caller = Caller(door)
        check(not door.ask(CARD)[1]["capabilities"]["pushNotifications"], "the card says otherwise")
        caller.refused(-32003, "PUSH_NOTIFICATION_NOT_SUPPORTED", "SendMessage", message=caller.message("x"),
                       configuration={"taskPushNotificationConfig": {"url": "https://8.8.8.8/"}})
        equal(caller.good("ListTasks")["totalSize"], 0)
        result = khub("gateway", "--push-allow", "10.0.0.0/33", hub=hub)
        check(result.code == 2 and "10.0.0.0/33" in result.err, result.err)


if __name__ == "__main__":
    run()
