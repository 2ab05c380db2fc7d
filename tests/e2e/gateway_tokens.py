#!/usr/bin/env python3
"""A gateway at a hub with tokens: who gets in by which, and what strangers cost the others.

usage: gateway_tokens.py KHUB [PART OF A NAME]
"""
import concurrent.futures
import contextlib
import http.client
import json
import os
import sys
import threading
import time

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
sys.path.insert(0, os.path.join(ROOT, "tests", "wire"))
from gateway import Gateway, door_of  # noqa: E402
from mcp_session import BEGIN, Session, Stream, call, post  # noqa: E402
from harness import Hub, check, directory, equal, run, test, wait_until  # noqa: E402
from tokens import OTHER, give_out, let_in, revoke  # noqa: E402


def bearer(token):
    return {"Authorization": "Bearer " + token}


@contextlib.contextmanager
def a_hub_with_tokens(*words, names=("ada", "bea"), more=()):
    """A hub, a gateway beside it with a token of its own, and the tokens of these names."""
    with directory() as data:
        tokens = {name: give_out(data, name) for name in names}
        for name, *options in more:
            tokens[name] = give_out(data, name, *options)
        own = give_out(data, "gateway", "--role", "observer")
        with Hub("--data", data) as hub:
            os.environ["KHUB_TOKEN"] = own
            try:
                gateway = Gateway(*words, hub=hub)
            finally:
                del os.environ["KHUB_TOKEN"]
            with gateway:
                gateway.wait_ready()
                hub.data = data
                yield hub, gateway, tokens


def unauthorized(answer, *words):
    """A 401, as clients understand it."""
    status, body, fields = answer
    equal((status, fields["WWW-Authenticate"]), (401, "Bearer"))
    for word in words:
        check(word in json.dumps(body), word, "is not in", body)


@test
def an_ai_joins_with_its_clients_own_token():
    with a_hub_with_tokens(more=(("watcher", "--role", "observer"),)) as (hub, gateway, tokens):
        ada, bea = Session(gateway, bearer(tokens["ada"])), Session(gateway, bearer(tokens["bea"]))
        ada.call("join", name="ada")
        observer = let_in(hub, "eye", tokens["watcher"], role="observer")
        equal(bea.call("join", name="bea")["here"], ["ada", "bea"])
        equal(observer.expect("hello", owner="bea")["sender_id"], "bea")
        equal(ada.call("say", text="hello", to="bea")["state"], "delivered")
        # a token that may only observe is good, and may not take part
        eve = Session(gateway, bearer(tokens["watcher"]))
        result = eve.ask("tools/call", name="join", arguments={"name": "eve"})["result"]
        check(result["isError"] and "observer" in result["content"][0]["text"], result)


@test
def who_shows_no_good_token_stays_outside():
    with a_hub_with_tokens() as (_, gateway, tokens):
        unauthorized(post(gateway, BEGIN), "asks for a token")
        unauthorized(post(gateway, BEGIN, **bearer(OTHER)), "takes no such token")
        unauthorized(post(gateway, BEGIN, **bearer(tokens["ada"][:-1])), "takes no such token")
        for wrong in ("Basic YTpi", "Bearer", "Bearer a b", "Bearer " + "x" * 129, tokens["ada"]):
            unauthorized(post(gateway, BEGIN, Authorization=wrong), "must be Bearer")
        for method in ("GET", "DELETE"):
            unauthorized(gateway.ask("/mcp", method))
        # what says nothing of anybody is open, and metrics to this machine
        for path in ("/healthz", "/readyz", "/metrics"):
            equal(gateway.ask(path)[0], 200)
        numbers = gateway.metrics()
        equal(numbers["khub_gateway_callers_refused_total"], 10)
        # the hub was asked once about each; the one that is cut is known not to be whole by it
        equal(numbers["khub_gateway_callers_questions_total"], 3)


@test
def what_the_hub_counts_is_told_as_far_as_a_token_goes():
    with a_hub_with_tokens() as (hub, gateway, tokens):
        root = give_out(hub.data, "root", "--role", "admin")
        wait_until(lambda: gateway.ask("/v1/stats", **bearer(root))[0] == 200, "the token to be known")
        equal(gateway.ask("/v1/stats")[0], 401)
        for token, all_of_it in ((tokens["ada"], False), (root, True)):
            status, told, _ = gateway.ask("/v1/stats", **bearer(token))
            equal((status, told["room"]["name"], told["hub"] is not None), (200, "main", all_of_it))
            numbers = gateway.metrics(**bearer(token))
            equal((numbers["khub_up"], 'khub_room_members{room="main"}' in numbers, "khub_members" in numbers),
                  (1, True, all_of_it))
        equal([name for name in gateway.metrics() if not name.startswith("khub_gateway_")], [])
        equal(gateway.ask("/metrics", **bearer(OTHER))[0], 401)


@test
def a_session_or_handle_is_its_owners_alone():
    with a_hub_with_tokens() as (hub, gateway, tokens):
        ada, bea = bearer(tokens["ada"]), bearer(tokens["bea"])
        session = Session(gateway, ada)
        session.call("join", name="ada")
        ping = {"jsonrpc": "2.0", "id": 5, "method": "ping"}
        own = post(gateway, ping, Mcp_Session_Id="0" * 32, **bea)
        taken = post(gateway, ping, Mcp_Session_Id=session.name, **bea)
        equal(taken[:2], own[:2], "another's session is as one that is not there")
        equal(taken[0], 404)
        for method in ("GET", "DELETE"):
            equal(gateway.ask("/mcp", method, Mcp_Session_Id=session.name, **bea)[0], 404)
        unauthorized(post(gateway, ping, Mcp_Session_Id=session.name))
        equal(post(gateway, ping, Mcp_Session_Id=session.name, **ada)[0], 200)
        handle = call(gateway, "join", {**ada}, name="ada-2")["structuredContent"]["handle"]
        result = call(gateway, "who", {**bea}, handle=handle)
        check(result["isError"] and "Call join" in result["content"][0]["text"], result)
        check(not call(gateway, "who", {**ada}, handle=handle).get("isError"), "its owner")
        hub.wait_log("event=joined ai=ada-2")  # it is there


@test
def a_token_that_is_taken_back_ends_what_it_began():
    with a_hub_with_tokens() as (hub, gateway, tokens):
        ada, bea = Session(gateway, bearer(tokens["ada"])), Session(gateway, bearer(tokens["bea"]))
        ada.call("join", name="ada")
        bea.call("join", name="bea")
        stream = Stream(ada)
        with concurrent.futures.ThreadPoolExecutor() as pool:
            waiting = pool.submit(ada.post, {"jsonrpc": "2.0", "id": 50, "method": "tools/call",
                                             "params": {"name": "inbox", "arguments": {"wait_s": 300}}})
            numbers = 'khub_gateway_connections{door="http"}'
            wait_until(lambda: gateway.metrics()[numbers] == 3, "it to wait")
            revoke(hub.data, "ada")
            equal(stream.event(), None)
            unauthorized(waiting.result())
        stream.close()
        unauthorized(ada.post({"jsonrpc": "2.0", "id": 51, "method": "ping"}), "takes no such token")
        equal(bea.call("who")["members"][0]["ai_id"], "bea")


@test
def the_gateways_own_token_stands_for_others_only_when_it_is_said():
    with directory() as data:
        own = give_out(data, "shared")
        ada = give_out(data, "ada")
        path = os.path.join(os.path.dirname(data), "token")
        with open(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), "w", encoding="ascii") as file:
            file.write(own + "\n")
        with Hub("--data", data, "--http", "127.0.0.1:0", "--http-token", path) as hub:
            door = door_of(hub)
            door.wait_ready()
            unauthorized(post(door, BEGIN), "asks for a token")
            Session(door, bearer(own)).call("join", name="one")
            hub.wait_log("event=joined ai=one")
        with Hub("--data", data, "--http", "127.0.0.1:0", "--http-token", path, "--http-share-token") as hub:
            door = door_of(hub)
            door.wait_ready()
            nobody = Session(door)
            nobody.call("join", name="two")
            other = let_in(hub, "ada", ada)
            Session(door, bearer(ada)).call("join", name="three")
            equal(other.expect("hello", owner="ada")["sender_id"], "three")
            unauthorized(post(door, BEGIN, **bearer(OTHER)), "takes no such token")
            # who shows that very token is somebody, and does not get what nobody began
            equal(post(door, {"jsonrpc": "2.0", "id": 5, "method": "ping"}, Mcp_Session_Id=nobody.name, **bearer(own))[0], 404)


@test
def a_hub_that_asks_from_now_on():
    """And one without tokens, which takes whatever is shown."""
    with directory() as data, Hub("--data", data) as hub, Gateway(hub=hub) as gateway:
        nobody, somebody = Session(gateway), Session(gateway, bearer(OTHER))
        nobody.call("join", name="ada")
        somebody.call("join", name="bea")
        stream = Stream(nobody)
        token = give_out(data, "cyd")
        equal(stream.event(), None)
        stream.close()
        equal(gateway.end(None)[0], 1, "the gateway has none itself")
        check(token not in hub.log(), "a token is in the log")


@test
def strangers_do_not_lock_out_others():
    """The hub sees the gateway's address alone, and holds refusals back by address."""
    with a_hub_with_tokens() as (hub, gateway, tokens):
        ada = Session(gateway, bearer(tokens["ada"]))
        ada.call("join", name="ada")
        stop = threading.Event()

        def knock(number):
            """Wrong tokens, one after the other, until the gateway is gone."""
            statuses = set()
            with contextlib.suppress(OSError, http.client.HTTPException):
                while not stop.wait(0.02):
                    statuses.add(post(gateway, BEGIN, **bearer(f"khub_wrong{number}x{time.monotonic_ns()}"))[0])
            return statuses
        with concurrent.futures.ThreadPoolExecutor(16) as pool:
            knocking = [pool.submit(knock, number) for number in range(16)]
            try:
                for name, count in ("refused", 3), ("put_off", 20):
                    wait_until(lambda: gateway.metrics()[f"khub_gateway_callers_{name}_total"] >= count, name)
                # who is known waits for nobody, at the gateway or at the hub
                equal(ada.call("who")["members"][0]["ai_id"], "ada")
                call(gateway, "join", bearer(tokens["ada"]), name="ada-2")
                # nor does who comes from another address, or to the hub itself from the gateway's
                equal(post(gateway, BEGIN, source="127.0.0.2", **bearer(tokens["bea"]))[0], 200)
                hub.connect().hello("bea", 2, token=tokens["bea"])
            finally:
                stop.set()
                gateway.process.kill()
            check(set().union(*(done.result() for done in knocking)) <= {401, 429}, "another answer")
        check("rate_limited" not in hub.log(), "the hub had enough of the gateway's address")


@test
def a_hub_that_can_not_be_asked():
    with a_hub_with_tokens() as (hub, gateway, tokens):
        known = Session(gateway, bearer(tokens["ada"]))
        hub.stop()
        # who was let in, and who is of this machine, is taken at his word: the hub will judge
        equal(known.post({"jsonrpc": "2.0", "id": 9, "method": "ping"})[0], 200)
        stranger = Session(gateway, bearer(OTHER))
        result = stranger.ask("tools/call", name="join", arguments={"name": "eve"})["result"]
        check(result["isError"] and "not at the hub" in result["content"][0]["text"], result)
        with Hub("--data", hub.data, listen=(f"127.0.0.1:{hub.port}",)):
            unauthorized(stranger.post({"jsonrpc": "2.0", "id": 9, "method": "tools/call",
                                        "params": {"name": "join", "arguments": {"name": "eve"}}}))


@test
def nothing_invites_a_web_page_or_an_oauth_client():
    with a_hub_with_tokens() as (_, gateway, tokens):
        good = bearer(tokens["ada"])
        for path in ("oauth-protected-resource", "oauth-protected-resource/mcp", "oauth-authorization-server",
                     "oauth-authorization-server/mcp", "openid-configuration"):
            equal(gateway.ask("/.well-known/" + path, **good)[0], 404, path)
        # CSRF: a form of a page shows no token; who is of another origin is refused with one
        unauthorized(gateway.ask("/mcp", "POST", json.dumps(BEGIN), Content_Type="text/plain"))
        equal(post(gateway, BEGIN, Origin="http://evil.example", **good)[0], 403)
        # DNS rebinding: by a name of the page's own, with a token as well
        equal(post(gateway, BEGIN, Host=f"evil.example:{gateway.port}", **good)[0], 403)
        for answer in (gateway.ask("/mcp", "OPTIONS", Origin=f"http://127.0.0.1:{gateway.port}",
                                   Access_Control_Request_Method="POST"), post(gateway, BEGIN, **good)):
            check(not [name for name in answer[2] if name.lower().startswith("access-control")], answer[2].items())


@test
def tokens_are_in_no_log_and_no_answer():
    with a_hub_with_tokens() as (hub, gateway, tokens):
        Session(gateway, bearer(tokens["ada"])).call("join", name="ada")
        answers = [post(gateway, BEGIN, **bearer(OTHER)), gateway.ask("/metrics")]
        said = gateway.end()[1] + gateway.text + hub.log() + hub.console() + str([body for _, body, _ in answers])
        for token in (tokens["ada"], OTHER):
            check(token not in said and token[5:57] not in said, "a token is in", said)


if __name__ == "__main__":
    run()
