"""A client of A2A and an AI that takes tasks, as the tests of the gateway's door have them."""
import contextlib
import json
import os
import sys
import urllib.parse
import uuid

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "wire"))
from gateway import Gateway  # noqa: E402
from harness import Hub, check, directory, equal  # noqa: E402

CARD = "/.well-known/agent-card.json"


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


def kinds(events):
    return [state_of(event["statusUpdate"]) if "statusUpdate" in event else event["artifactUpdate"]["artifact"]["name"]
            for event in events]


@contextlib.contextmanager
def a_hub():
    with directory() as data, Hub("--data", data) as hub, Gateway(hub=hub) as door:
        door.wait_ready()
        yield hub, door


BOTH = ({}, {"rest": True})
