"""A client of MCP over HTTP, of the earlier era."""
import json
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "wire"))
from harness import check, equal  # noqa: E402

NEWEST = "2025-11-25"
BEGIN = {"jsonrpc": "2.0", "id": 1, "method": "initialize",
         "params": {"protocolVersion": NEWEST, "capabilities": {}, "clientInfo": {"name": "tester", "version": "1"}}}


def post(gateway, message, **fields):
    return gateway.ask("/mcp", "POST", json.dumps(message), Content_Type="application/json",
                       Accept="application/json, text/event-stream", **fields)


class Session:
    """A client of the earlier era."""

    def __init__(self, gateway):
        self.gateway = gateway
        status, answer, fields = post(gateway, BEGIN)
        equal(status, 200)
        equal(answer["result"]["protocolVersion"], NEWEST)
        self.name = fields["Mcp-Session-Id"]
        self.count = 1
        equal(self.post({"jsonrpc": "2.0", "method": "notifications/initialized"})[:2], (202, ""))

    def post(self, message):
        return post(self.gateway, message, Mcp_Session_Id=self.name, MCP_Protocol_Version=NEWEST)

    def ask(self, method, **params):
        self.count += 1
        status, answer, _ = self.post({"jsonrpc": "2.0", "id": self.count, "method": method, "params": params})
        equal((status, answer["id"]), (200, self.count))
        return answer

    def call(self, tool, **arguments):
        result = self.ask("tools/call", name=tool, arguments=arguments)["result"]
        check(not result.get("isError"), tool, result)
        return result["structuredContent"]
