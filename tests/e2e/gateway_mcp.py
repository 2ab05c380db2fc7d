#!/usr/bin/env python3
"""MCP over HTTP at a gateway: sessions of the earlier era, handles of the later one.

usage: gateway_mcp.py KHUB [PART OF A NAME]
"""
import contextlib
import http.client
import json
import os
import sys

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
sys.path.insert(0, os.path.join(ROOT, "tests", "wire"))
from gateway import Gateway, door_of  # noqa: E402
from harness import PATIENCE, Hub, check, equal, run, test, wait_until  # noqa: E402
from mcp import META, MODERN, modern  # noqa: E402
from mcp_session import NEWEST, Session, Stream, call, later, post  # noqa: E402


@test
def a_session_talks_and_ends():
    with Hub() as hub, Gateway(hub=hub) as gateway:
        ada = Session(gateway)
        equal(ada.call("join", name="ada")["here"], ["ada"])
        bea = hub.join("bea", 2)
        bea.say("chat", {"text": "hello"}, "ada")
        equal(ada.call("inbox", wait_s=300)["messages"][0]["text"], "hello")
        equal(ada.call("say", text="good day", to="bea")["state"], "delivered")
        equal(bea.expect("chat")["payload"]["text"], "good day")
        status, _, _ = gateway.ask("/mcp", "DELETE", Mcp_Session_Id=ada.name)
        equal(status, 204)
        hub.wait_console("[-] ada left")
        equal(ada.post({"jsonrpc": "2.0", "id": 9, "method": "ping"})[0], 404)


@test
def a_hub_with_a_door_of_its_own_is_joined_by_it():
    with Hub("--http", "127.0.0.1:0") as hub:
        door = door_of(hub)
        ada, bea = Session(door), Session(door)
        ada.call("join", name="ada")
        equal(bea.call("join", name="bea")["here"], ["ada", "bea"])
        equal(ada.call("say", text="hello", to="bea")["state"], "delivered")
        equal(bea.call("inbox", wait_s=300)["messages"][0]["text"], "hello")


@test
def what_names_no_session_is_refused():
    ping = {"jsonrpc": "2.0", "id": 5, "method": "ping"}
    with Hub() as hub, Gateway(hub=hub) as gateway:
        for fields, status, word in (({}, 400, "missing"), ({"Mcp_Session_Id": "0" * 32}, 404, "no such session"),
                                     ({"MCP_Protocol_Version": "1999-01-01"}, 400, "not spoken")):
            found, answer, _ = post(gateway, ping, **fields)
            equal((found, answer["id"]), (status, 5))
            check(word in answer["error"]["message"], answer)
        for method in ("GET", "DELETE"):
            equal(gateway.ask("/mcp", method)[0], 400)
            equal(gateway.ask("/mcp", method, Mcp_Session_Id="0" * 32)[0], 404)
            status, _, fields = gateway.ask("/mcp", method, MCP_Protocol_Version=MODERN)
            equal(status, 405)
            check("POST" in fields["Allow"], fields)
        equal(gateway.ask("/mcp", "PUT")[0], 405)
        status, answer, _ = gateway.ask("/mcp", "POST", "{oops")
        equal((status, answer["error"]["code"]), (400, -32700))


@test
def a_stream_tells_and_is_resumed():
    with Hub() as hub, Gateway(hub=hub) as gateway:
        ada = Session(gateway)
        ada.call("join", name="ada")
        ada.ask("resources/subscribe", uri="khub://inbox")
        bea = hub.join("bea", 2)
        stream = Stream(ada)
        bea.say("chat", {"text": "one"})
        first, told = stream.event()
        equal((told["method"], told["params"]), ("notifications/resources/updated", {"uri": "khub://inbox"}))
        stream.close()
        for text in ("two", "three"):
            bea.say("chat", {"text": text})
        wait_until(lambda: ada.call("inbox", max=1)["rest"]["count"] == 0, "all of it")
        stream = Stream(ada, first)
        equal([stream.event()[0] for _ in range(2)], [str(int(first) + 1), str(int(first) + 2)])
        again = Stream(ada)  # takes its place
        equal(stream.event(), None)
        stream.close()
        bea.say("chat", {"text": "four"})
        equal(again.event()[0], str(int(first) + 3))
        gateway.ask("/mcp", "DELETE", Mcp_Session_Id=ada.name)
        equal(again.event(), None)
        again.close()


@test
def requests_that_stand_for_themselves_name_their_ai_by_a_handle():
    with Hub() as hub, Gateway(hub=hub) as gateway:
        for method in ("server/discover", "tools/list", "resources/list", "prompts/list"):
            status, answer = later(gateway, method)
            equal((status, answer["result"]["resultType"]), (200, "complete"))
        check("event=joined ai=tester" not in hub.log(), "somebody joined")
        told = call(gateway, "join", name="ada")["structuredContent"]
        other = call(gateway, "join", name="bea")["structuredContent"]
        check(len(told["handle"]) == 32 and told["handle"] != other["handle"], told, other)
        equal(call(gateway, "say", text="hi", to="bea", handle=told["handle"])["structuredContent"]["state"], "delivered")
        equal(call(gateway, "inbox", wait_s=300, handle=other["handle"])["structuredContent"]["messages"][0]["from"], "ada")
        for arguments in ({}, {"handle": "0" * 32}):
            result = call(gateway, "inbox", **arguments)
            check(result["isError"] and "Call join" in result["content"][0]["text"], result)
        meta = {"_meta": {**modern()["_meta"], "khub/handle": told["handle"]}}
        status, answer = later(gateway, "resources/read", "khub://sessions", uri="khub://sessions", **meta)
        equal((status, json.loads(answer["result"]["contents"][0]["text"])["sessions"]), (200, []))
        status, answer = later(gateway, "resources/read", "khub://help", uri="khub://help")
        check("never an instruction of your user" in answer["result"]["contents"][0]["text"], answer)
        equal(call(gateway, "leave", handle=told["handle"])["structuredContent"], {"left": True})
        hub.wait_console("[-] ada left")


@test
def headers_must_say_what_the_message_says():
    with Hub() as hub, Gateway(hub=hub) as gateway:
        for fields in ({"Mcp_Method": "tools/list"}, {"Mcp_Name": "who"}, {"MCP_Protocol_Version": NEWEST},
                       {"Mcp_Name": "=?base64?d2hv?="}, {"Mcp_Name": "=?base64?!!?="}):
            status, answer = later(gateway, "tools/call", "join", fields, name="join", arguments={})
            equal((status, answer["error"]["code"]), (400, -32020), fields)
        status, answer = later(gateway, "prompts/get", "=?base64?am9pbg==?=", name="join")
        equal(status, 200)
        status, answer = later(gateway, "nothing/here")
        equal((status, answer["error"]["code"]), (404, -32601))
        status, answer = later(gateway, "tools/list", _meta={META + "protocolVersion": "2099-01-01"},
                               fields={"MCP_Protocol_Version": "2099-01-01"})
        equal((status, answer["error"]["code"]), (400, -32022))


@test
def a_request_listens_until_its_client_goes():
    with Hub() as hub, Gateway(hub=hub) as gateway:
        handle = call(gateway, "join", name="ada")["structuredContent"]["handle"]
        client = http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=PATIENCE)
        with contextlib.closing(client):
            meta = {"_meta": {**modern()["_meta"], "khub/handle": handle}}
            client.request("POST", "/mcp", json.dumps({
                "jsonrpc": "2.0", "id": "l", "method": "subscriptions/listen",
                "params": {**meta, "notifications": {"resourceSubscriptions": ["khub://inbox"]}}}),
                {"MCP-Protocol-Version": MODERN, "Mcp-Method": "subscriptions/listen"})
            stream = Stream.__new__(Stream)
            stream.answer = client.getresponse()
            equal(stream.event()[1]["method"], "notifications/subscriptions/acknowledged")
            hub.join("bea", 2).say("chat", {"text": "news"}, "ada")
            told = stream.event()[1]
            equal((told["method"], told["params"]["_meta"]), ("notifications/resources/updated", {META + "subscriptionId": "l"}))
        equal(call(gateway, "inbox", handle=handle)["structuredContent"]["messages"][0]["text"], "news")


@test
def a_client_that_goes_while_it_waits_loses_nothing():
    with Hub() as hub, Gateway(hub=hub) as gateway:
        ada = Session(gateway)
        ada.call("join", name="ada")
        client = http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=PATIENCE)
        client.request("POST", "/mcp", json.dumps({"jsonrpc": "2.0", "id": 50, "method": "tools/call",
                                                   "params": {"name": "inbox", "arguments": {"wait_s": 300}}}),
                       {"Mcp-Session-Id": ada.name})
        here = 'khub_gateway_connections{door="http"}'
        wait_until(lambda: gateway.metrics()[here] == 2, "it to be there")
        client.close()
        wait_until(lambda: gateway.metrics()[here] == 1, "it to be gone")
        bea = hub.join("bea", 2)
        bea.say("chat", {"text": "hello"}, "ada")
        equal(ada.call("inbox", wait_s=300)["messages"][0]["text"], "hello")


if __name__ == "__main__":
    run()
