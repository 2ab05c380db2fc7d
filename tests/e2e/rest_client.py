"""Clients of REST under /v1 of a gateway; each answer is held against its OpenAPI document."""
import http.client
import json
import os
import sys
import urllib.parse

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "wire"))
from gateway import next_event  # noqa: E402
from harness import PATIENCE, check, equal  # noqa: E402
from openapi import Document  # noqa: E402


class Api:
    """A client of one AI, or (without a handle) of nobody; with a token, if there is one."""
    document = None

    def __init__(self, door, handle=None, token=None):
        self.door, self.handle, self.token = door, handle, token
        if not Api.document:
            _, body, _ = door.ask("/v1/openapi.json")
            Api.document = Document(json.dumps(body))

    def ask(self, method, path, body=None, **query):
        """Status, body and header fields."""
        target = path + ("?" + urllib.parse.urlencode(query) if query else "")
        fields = {"Content_Type": "application/json"} if body is not None else {}
        if self.handle:
            fields["Khub_Handle"] = self.handle
        if self.token:
            fields["Authorization"] = "Bearer " + self.token
        answer = self.door.ask(target, method, None if body is None else json.dumps(body), **fields)
        Api.document.check_answer(method, path, *answer)
        check("Allow" not in answer[2], "what was allowed is told:", answer)
        return answer

    def good(self, method, path, body=None, **query):
        status, answer, _ = self.ask(method, path, body, **query)
        check(200 <= status < 300, method, path, status, answer)
        return answer

    def refused(self, status, code, method, path, body=None, **query):
        """The error; its sentence is there."""
        found, answer, fields = self.ask(method, path, body, **query)
        equal((found, answer["error"]["code"]), (status, code), f"{method} {path}: {answer}")
        return answer["error"], fields

    def join(self, name, **more):
        """Another client: an AI that has joined."""
        answer = self.good("POST", "/v1/members", {"ai_id": name, **more})
        equal(answer["ai_id"], name)
        other = Api(self.door, answer["handle"], self.token)
        other.answer = answer
        return other

    def say(self, text, **more):
        return self.good("POST", "/v1/messages", {"payload": {"text": text}, **more})


class Stream:
    """GET /v1/stream, whose events are read as they come: (event, id, data)."""

    def __init__(self, door, last=None, token=None, **query):
        self.client = http.client.HTTPConnection("127.0.0.1", door.port, timeout=PATIENCE)
        target = "/v1/stream" + ("?" + urllib.parse.urlencode(query) if query else "")
        fields = {"Last-Event-ID": last} if last else {}
        if token:
            fields["Authorization"] = "Bearer " + token
        self.client.request("GET", target, headers=fields)
        self.answer = self.client.getresponse()
        equal((self.answer.status, self.answer.headers["Content-Type"]), (200, "text/event-stream"))
        Api.document.seen.add(("GET", "/v1/stream"))
        self.last = last
        self.begin = self.event()
        equal(self.begin[0], "begin")

    def event(self):
        """None: the stream has ended."""
        found = next_event(self.answer)
        if not found:
            return None
        self.last = found.get("id", self.last)
        return found.get("event"), found.get("id"), json.loads(found["data"])

    def texts(self, count):
        """Those of so many chats."""
        found = []
        while len(found) < count:
            event = self.event()
            check(event, "the stream ended after", found)
            if event[0] == "chat":
                found.append(event[2]["payload"]["text"])
        return found

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.client.close()
