"""Clients of MCP over HTTP, of the earlier era and the later one."""
import http.client
import json
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "wire"))
from gateway import next_event  # noqa: E402
from harness import PATIENCE, check, equal  # noqa: E402
from mcp import MODERN, modern  # noqa: E402

NEWEST = "2025-11-25"
BEGIN = {"jsonrpc": "2.0", "id": 1, "method": "initialize",
         "params": {"protocolVersion": NEWEST, "capabilities": {}, "clientInfo": {"name": "tester", "version": "1"}}}


def post(gateway, message, **fields):
    return gateway.ask("/mcp", "POST", json.dumps(message), Content_Type="application/json",
                       Accept="application/json, text/event-stream", **fields)


class Session:
    """A client of the earlier era."""

    def __init__(self, gateway, shows=None):
        """shows: header fields of all its requests."""
        self.gateway, self.shows = gateway, shows or {}
        status, answer, fields = post(gateway, BEGIN, **self.shows)
        equal(status, 200)
        equal(answer["result"]["protocolVersion"], NEWEST)
        self.name = fields["Mcp-Session-Id"]
        self.count = 1
        equal(self.post({"jsonrpc": "2.0", "method": "notifications/initialized"})[:2], (202, ""))

    def post(self, message):
        return post(self.gateway, message, Mcp_Session_Id=self.name, MCP_Protocol_Version=NEWEST, **self.shows)

    def ask(self, method, **params):
        self.count += 1
        status, answer, _ = self.post({"jsonrpc": "2.0", "id": self.count, "method": method, "params": params})
        equal((status, answer["id"]), (200, self.count))
        return answer

    def call(self, tool, **arguments):
        result = self.ask("tools/call", name=tool, arguments=arguments)["result"]
        check(not result.get("isError"), tool, result)
        return result["structuredContent"]


def later(gateway, method, named_=None, fields=None, **params):
    """A request of the later era: status and answer."""
    given = {"MCP_Protocol_Version": MODERN, "Mcp_Method": method}
    if named_:
        given["Mcp_Name"] = named_
    status, answer, _ = post(gateway, {"jsonrpc": "2.0", "id": 7, "method": method, "params": {**modern(), **params}},
                             **{**given, **(fields or {})})
    return status, answer


def call(gateway, tool, shows=None, **arguments):
    status, answer = later(gateway, "tools/call", tool, shows, name=tool, arguments=arguments)
    equal(status, 200)
    return answer["result"]


class Stream:
    """A GET of a session, whose events are read as they come."""

    def __init__(self, session, last=None):
        self.client = http.client.HTTPConnection("127.0.0.1", session.gateway.port, timeout=PATIENCE)
        fields = {"Accept": "text/event-stream", "Mcp-Session-Id": session.name, **session.shows}
        if last:
            fields["Last-Event-ID"] = last
        self.client.request("GET", "/mcp", headers=fields)
        self.answer = self.client.getresponse()
        equal((self.answer.status, self.answer.headers["Content-Type"].split(";")[0]), (200, "text/event-stream"))

    def event(self):
        """The next one: its id and what it says. None at the end."""
        found = next_event(self.answer)
        return found and (found.get("id"), json.loads(found["data"]))

    def close(self):
        self.client.close()
