#!/usr/bin/env python3
"""khub gateway: is the hub well, over HTTP; and what it counts.

usage: cli_gateway.py KHUB [PART OF A NAME]
"""
import contextlib
import http.client
import json
import os
import re
import resource
import signal
import socket
import sys

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
sys.path.insert(0, os.path.join(ROOT, "tests", "wire"))
from harness import (PATIENCE, Hub, check, directory, equal, full_disk, run, shorten,  # noqa: E402
                     test, wait_until)
from gateway import Door, Gateway, door_of, port_of  # noqa: E402
from program import Running, refused, worked  # noqa: E402


@test
def it_says_whether_the_hub_is_there():
    with directory() as data:
        with Hub("--data", data) as hub, Gateway(hub=hub) as gateway:
            gateway.wait_ready()
            equal(gateway.ask("/readyz")[:2], (200, {"ready": True}))
            equal(gateway.ask("/healthz")[:2], (200, {"alive": True}))
            equal(worked("who", hub=hub).out.startswith("Nobody is at"), True, "the gateway is nobody in main")
            hub.process.send_signal(signal.SIGSTOP)
            status, body, fields = gateway.ask("/readyz")
            silent = gateway.metrics()
            hub.process.send_signal(signal.SIGCONT)
            equal((silent["khub_up"], silent["khub_gateway_hub_joined"]), (0, 1))
            equal((status, body, fields["Retry-After"]),
                  (503, {"ready": False, "why": "the hub does not answer"}, "1"))
            gateway.wait_ready()
            port = hub.port
            equal(hub.stop(), 0)
            status, body, _ = gateway.ask("/readyz")
            check(status == 503 and not body["ready"] and len(body["why"]) > 10, body)
            equal(gateway.ask("/healthz")[0], 200)
            gateway.wait_for(f"the hub at 127.0.0.1:{port} is not there: ")
            with Hub("--data", data, listen=(f"127.0.0.1:{port}",)):
                gateway.wait_ready()
                equal(gateway.metrics()["khub_gateway_hub_joined"], 1)
            numbers = gateway.metrics()
            check(numbers["khub_gateway_hub_joins_total"] >= 2 and numbers["khub_gateway_hub_unanswered_total"] >= 1, numbers)
            equal(gateway.end(signal.SIGTERM), (0, ""))


@test
def what_the_hub_counts_stands_beside_it():
    for sync in ("always", "interval:50"):
        with directory() as data, Hub("--data", data, "--sync", sync) as hub, Gateway(hub=hub) as gateway:
            gateway.wait_ready()
            ada, bea = hub.join("ada", 2), hub.join("bea", 2)
            ada.say("pattern_share", {"pattern": {"id": "p"}})
            bea.expect("pattern_share")
            wait_until(lambda: gateway.metrics()["khub_commit_seconds_count"] > 0, "it to be on disk")
            the_hub_is_counted(gateway.metrics())


def the_hub_is_counted(numbers):
    for name, number in {"khub_up": 1, "khub_members": 2, 'khub_room_members{room="main"}': 2,
                         'khub_knowledge_entries{section="shared_patterns"}': 1,
                         'khub_room_knowledge_entries{room="main",section="shared_patterns"}': 1,
                         'khub_tasks{status="ready"}': 0, 'khub_connections_closed_total{reason="slow_consumer"}': 0,
                         "khub_refused_total": 0}.items():
        equal(numbers[name], number, name)
    check(numbers["khub_uptime_seconds"] > 0 and numbers["khub_received_bytes_total"] > 100, numbers)
    for name in ("khub_message_seconds", "khub_commit_seconds"):
        bounds = [key for key in numbers if key.startswith(name + "_bucket{")]
        equal([numbers[key] for key in bounds], sorted(numbers[key] for key in bounds))
        equal((bounds[-1], numbers[bounds[-1]]), (name + '_bucket{le="+Inf"}', numbers[name + "_count"]))
        check(numbers[name + "_count"] > 0 and numbers[name + "_sum"] > 0, numbers)
    equal(numbers["khub_message_seconds_count"], numbers["khub_messages_total"])


@test
def it_waits_for_a_hub_that_is_not_there_yet():
    with Hub() as hub:
        port = hub.port
    with Gateway("--hub", f"127.0.0.1:{port}") as gateway:
        gateway.wait_for("is not there: ")
        equal(gateway.ask("/readyz")[0], 503)
        equal(gateway.ask("/metrics")[0], 200)
        with Hub(listen=(f"127.0.0.1:{port}",)):
            gateway.wait_ready()
        equal(gateway.end(signal.SIGINT), (0, ""))


@test
def a_hub_that_can_keep_nothing_is_not_ready():
    with directory() as data, Hub("--data", data) as hub:
        hub.join("ada", 2).drain()
        with full_disk(hub):
            with Gateway(hub=hub) as gateway:
                gateway.wait_unready("can't keep anything")
                equal(gateway.metrics()["khub_gateway_hub_joined"], 0)
        with Gateway(hub=hub) as gateway:
            gateway.wait_ready()


@test
def what_it_counts():
    with Hub() as hub, Gateway(hub=hub) as gateway:
        gateway.wait_ready()
        before = gateway.metrics()
        for _ in range(3):
            gateway.ask("/healthz")
        gateway.ask("/healthz", method="HEAD")
        gateway.ask("/nothing")
        equal(gateway.ask("/healthz", method="POST")[2]["Allow"], "GET, HEAD")
        equal(gateway.ask("/healthz", Host="evil.example")[0], 403)
        equal(gateway.ask("/healthz", Origin="http://evil.example")[0], 403)
        after = gateway.metrics()

        def more(name):
            return after.get(name, 0) - before.get(name, 0)
        answers = 'khub_gateway_http_answers_total{{method="{}",route="{}",code="{}"}}'
        equal(more(answers.format("GET", "/healthz", "2xx")), 4)
        equal(more(answers.format("", "", "4xx")), 4)
        equal(more(answers.format("GET", "/metrics", "2xx")), 1, "the one before")
        equal(more("khub_gateway_http_foreign_total"), 2)
        equal(more("khub_gateway_http_accepted_total"), 9)
        check(after['khub_gateway_connections{door="http"}'] >= 1, after)
        check(more("khub_gateway_http_bytes_in_total") > 0 and more("khub_gateway_http_bytes_out_total") > 0, after)
        for path in ("/.well-known/oauth-protected-resource", "/.well-known/oauth-authorization-server/mcp"):
            equal(gateway.ask(path)[0], 404, path)


@test
def where_it_may_not_listen():
    for address in ("0.0.0.0:0", "[::]:0", "192.0.2.1:80"):
        refused(1, "gateway", "--http", address, said=("wants TLS", "127.0.0.1"))
    for address in ("unix:/tmp/x", "127.0.0.1", "khubs://127.0.0.1:1"):
        refused(1, "gateway", "--http", address, said=("host:port",))
    with Hub() as hub, Gateway(hub=hub) as gateway:
        refused(1, "gateway", "--http", f"127.0.0.1:{gateway.port}", said=("address already in use",))
        with directory() as folder:
            path = folder + ".port"
            with Gateway("--port-file", path, hub=hub) as second, open(path, encoding="ascii") as file:
                equal(file.read(), f"{second.port}\n")
        refused(1, "gateway", "--http", "127.0.0.1:0", "--port-file", path, said=("--port-file", "No such file"))
    refused(2, "gateway", "--hub", "nonsense:", said=("--hub",))


@test
def one_that_the_hub_will_not_have_ends():
    with directory() as data:
        worked("token", "add", "ada", "--data", data)
        with Hub("--data", data) as hub:
            with Running("gateway", "--http", "127.0.0.1:0", hub=hub) as gateway:
                code, said = gateway.end(None)
            equal(code, 1)
            check("refused us" in said, said)
            token = worked("token", "add", "watcher", "--data", data).out.strip().split()[-1]
            os.environ["KHUB_TOKEN"] = token
            try:
                with Gateway(hub=hub) as gateway:
                    gateway.wait_ready()
            finally:
                del os.environ["KHUB_TOKEN"]


@test
def it_takes_all_descriptors_that_it_may():
    """Not only those that a shell leaves to a process by default."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with Hub() as hub, contextlib.ExitStack() as stack:
        resource.setrlimit(resource.RLIMIT_NOFILE, (150, hard))
        try:
            gateway = stack.enter_context(Gateway(hub=hub))
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        before = gateway.metrics()["khub_gateway_http_evicted_total"]
        for _ in range(200):
            client = socket.create_connection(("127.0.0.1", gateway.port), timeout=PATIENCE)
            stack.enter_context(contextlib.closing(client))
            client.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
            check(client.recv(4096).startswith(b"HTTP/1.1 200 "))
        numbers = gateway.metrics()
        check(numbers['khub_gateway_connections{door="http"}'] >= 201, numbers)
        equal(numbers["khub_gateway_http_evicted_total"], before)


# ── in the hub's own process ──


@test
def a_hub_answers_by_itself():
    for listen in ("127.0.0.1:0", "0.0.0.0:0", "unix:FOLDER/socket"):
        # one more, for a hub's port file wants a port
        more = ("127.0.0.1:0",) if listen.startswith("unix") else ()
        with Hub("--http", "127.0.0.1:0", listen=(listen, *more)) as hub:
            door = door_of(hub)
            door.wait_ready()
            equal(door.ask("/healthz")[:2], (200, {"alive": True}))
            equal(door.metrics()["khub_gateway_hub_joined"], 1)
            equal(door.ask("/readyz", Host="evil.example")[0], 403)
            ada, bea = hub.join("ada", 2), hub.join("bea", 2)
            ada.expect("hello")
            ada.say("chat", {"text": "hello"})
            bea.expect("chat", text="hello")
            equal(door.ask("/readyz")[0], 200)
            # it stops in order though somebody is in the middle of asking
            asking = http.client.HTTPConnection("127.0.0.1", door.port, timeout=PATIENCE)
            asking.putrequest("GET", "/healthz")
            asking.endheaders()
            equal(asking.getresponse().status, 200)
            asking.send(b"GET /he")
            equal(hub.stop(), 0)
            check("is not there" not in hub.console(), "it calls its own hub lost:", hub.console())
            asking.close()


@test
def who_comes_later_by_http_is_let_in_by_a_confined_hub():
    """Each client of MCP is a connection of the hub's process to itself, made when it serves."""
    with Hub("--http", "127.0.0.1:0") as hub:
        door, ada = door_of(hub), hub.join("ada", 2)
        door.wait_ready()
        call = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {
            "name": "join", "arguments": {"name": "bea"},
            "_meta": {"io.modelcontextprotocol/protocolVersion": "2026-07-28",
                      "io.modelcontextprotocol/clientCapabilities": {}}}}
        client = http.client.HTTPConnection("127.0.0.1", door.port, timeout=PATIENCE)
        with contextlib.closing(client):
            client.request("POST", "/mcp", json.dumps(call), {
                "Content-Type": "application/json", "Accept": "application/json, text/event-stream",
                "MCP-Protocol-Version": "2026-07-28", "Mcp-Method": "tools/call", "Mcp-Name": "join"})
            answer = client.getresponse()
            text = answer.read().decode()
            check(answer.status == 200 and '"bea"' in text.replace("\\", ""), answer.status, shorten(text))
        equal(ada.expect("hello")["sender_id"], "bea")


@test
def a_console_that_nobody_reads_holds_nothing_up():
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    with contextlib.suppress(BlockingIOError):
        while True:
            os.write(writer, b"x" * 65536)
    with contextlib.suppress(BlockingIOError):
        while True:
            os.write(writer, b"x")
    os.set_blocking(writer, True)
    try:
        with Hub("--http", "127.0.0.1:0", stdout=writer) as hub:
            hub.wait_log("event=beside ")
            Door(port_of(hub.log())).wait_ready()
            equal(hub.stop(), 0)
    finally:
        os.close(reader)
        os.close(writer)


@test
def a_hub_with_tokens_is_shown_one():
    with directory() as data:
        token = worked("token", "add", "watcher", "--data", data).out.strip().split()[-1]
        with Hub("--data", data, "--http", "127.0.0.1:0") as hub:
            door_of(hub).wait_unready("token")
            equal(door_of(hub).ask("/healthz")[0], 200)
        path = os.path.join(os.path.dirname(data), "token")
        with open(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), "w", encoding="ascii") as file:
            file.write(token + "\n")
        with Hub("--data", data, "--http", "127.0.0.1:0", "--http-token", path) as hub:
            door_of(hub).wait_ready()


@test
def a_hub_that_can_not_answer_does_not_begin():
    refused(1, "serve", "--memory", "--quiet", "--port", "0", "--http", "0.0.0.0:0", said=("wants TLS",))
    with Hub() as hub:
        refused(1, "serve", "--memory", "--quiet", "--port", "0", "--http", f"127.0.0.1:{hub.port}",
                said=("address already in use",))


if __name__ == "__main__":
    run()
