#!/usr/bin/env python3
"""The HTTP server over real sockets: what is smuggled, split, slow, silent, gone or too much.

usage: http_server.py HTTP_UNDER_TEST [PART OF A NAME]
"""
import contextlib
import json
import os
import re
import resource
import socket
import sys

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
sys.path.insert(0, os.path.join(ROOT, "tests", "wire"))
from harness import MIB, check, equal, run, sanitized, test, wait_until  # noqa: E402
from http_client import HOST, serving  # noqa: E402


# ── one request after the other ──


@test
def requests_and_their_answers():
    with serving() as server, server.connect() as client:
        answer = client.ask("/hello")
        equal((answer.status, answer.body, answer.fields["content-type"]), (200, b"hello\n", "text/plain"))
        equal(answer.fields["x-content-type-options"], "nosniff")
        equal(answer.fields["x-fine"], "yes", "a field that the handler added")
        check("x-bad" not in answer.fields and "x-split" not in answer.fields, "a field was split:", answer.fields)
        check("connection" not in answer.fields, "it does not close:", answer.fields)
        check(not [name for name in answer.fields if name.startswith("access-control")], "no page may read this")
        head = client.ask("/hello", method="HEAD")
        equal((head.status, head.fields["content-length"]), (200, "6"))
        equal(client.ask("/echo", method="POST", body=b"abc").body, b"abc")
        equal(client.ask("/things/a%20b").body, b"a b")
        for target, method, status in [("/nothing", "GET", 404), ("/.well-known/oauth-authorization-server", "GET", 404),
                                       ("/.well-known/oauth-protected-resource/mcp", "GET", 404),
                                       ("/echo", "GET", 405), ("/hello", "POST", 405), ("/hello", "OPTIONS", 405),
                                       ("/nothing", "HEAD", 404)]:
            answer = client.ask(target, method=method)
            equal(answer.status, status, f"status of {method} {target}")
            if method != "HEAD":
                error = json.loads(answer.body)["error"]
                equal(error["code"], {404: "not_found", 405: "method_not_allowed"}[status])
                check(len(error["message"]) > 10, "no sentence:", answer.body)
            equal(answer.fields.get("allow"), {"/echo": "POST", "/hello": "GET, HEAD"}.get(target), "Allow")
        equal(client.ask("/hello").status, 200, "all on one connection")


@test
def a_client_may_ask_for_the_end():
    with serving() as server:
        for version, field in [("1.1", "Connection: close\r\n"), ("1.0", ""), ("1.0", "Connection: keep-alive\r\n")]:
            with server.connect() as client:
                client.send(f"GET /hello HTTP/{version}\r\n{HOST}{field}\r\n")
                answer = client.answer()
                equal((answer.status, answer.body, answer.fields["connection"]), (200, b"hello\n", "close"))
                client.expect_end()


@test
def one_behind_the_other():
    """Pipelined requests are answered in their order, whichever handler is done first."""
    with serving() as server, server.connect() as client:
        client.send(f"GET /later HTTP/1.1\r\n{HOST}\r\nGET /hello HTTP/1.1\r\n{HOST}\r\n"
                    f"POST /echo HTTP/1.1\r\n{HOST}Content-Length: 3\r\n\r\nabcGET /things/4 HTTP/1.1\r\n{HOST}\r\n")
        server.wait_count("later", 1)
        equal(server.ask("/release").body, b"released\n")
        equal([client.answer().body for _ in range(4)], [b"later\n", b"hello\n", b"abc", b"4"])
        many = 3000
        client.send(f"GET /hello HTTP/1.1\r\n{HOST}\r\n" * many)
        for _ in range(many):
            equal(client.answer().body, b"hello\n")


@test
def answers_that_nobody_takes_are_not_piled_up():
    """The second request is not even read before the first one's answer is taken."""
    with serving("send_buffer=4096") as server, server.connect(buffer=4096) as client:
        client.send(f"GET /big?bytes=1000000 HTTP/1.1\r\n{HOST}\r\n" * 10)
        server.wait_count("bytes_out", 1000000)
        for _ in range(20):
            out = server.counts()["bytes_out"]
        check(out < 1500000, "more than one answer was begun:", out)
        for _ in range(10):
            equal(len(client.answer().body), 1000000)


@test
def what_is_said_ahead_is_not_piled_up():
    """While a request is being answered, a client's further ones are left to the kernel."""
    with serving() as server, server.connect() as client:
        client.send(f"GET /later HTTP/1.1\r\n{HOST}\r\n")
        server.wait_count("later", 1)
        client.socket.setblocking(False)
        more = f"GET /hello HTTP/1.1\r\n{HOST}\r\n".encode() * 10000
        for _ in range(20):
            with contextlib.suppress(BlockingIOError):
                client.socket.send(more)
            taken = server.counts()["bytes_in"]
        check(taken < 100000, "it took", taken, "bytes ahead")


@test
def byte_by_byte():
    with serving() as server, server.connect() as client:
        for byte in (f"POST /echo HTTP/1.1\r\n{HOST}Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
                     f"GET /hello HTTP/1.1\r\n{HOST}\r\n"):
            client.send(byte)
        equal(client.answer().body, b"abcde")
        equal(client.answer().body, b"hello\n")


@test
def a_body_that_waits_to_be_wanted():
    with serving() as server, server.connect() as client:
        client.send(f"POST /echo HTTP/1.1\r\n{HOST}Expect: 100-continue\r\nContent-Length: 3\r\n\r\n")
        equal(client.answer().status, 100)
        client.send("abc")
        equal(client.answer().body, b"abc")
        client.send(f"POST /echo HTTP/1.1\r\n{HOST}Expect: 100-continue\r\nContent-Length: 99999999\r\n\r\n")
        equal(client.answer().status, 413, "it is not asked for in vain")
        client.expect_end()


# ── what is refused ──


@test
def what_is_smuggled_ends_the_connection():
    """Behind a refusal nothing is read: what a proxy took for a body is no request."""
    smuggled = f"GET /hello HTTP/1.1\r\n{HOST}\r\n"
    begin = f"POST /echo HTTP/1.1\r\n{HOST}"
    cases = [
        (400, begin + "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
        (400, begin + "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n"),
        (400, begin + "Content-Length: 0\r\nContent-Length: 44\r\n\r\n"),
        (400, begin + "Content-Length: -1\r\n\r\n"),
        (400, begin + "Content-Length: 18446744073709551617\r\n\r\n"),
        (413, begin + "Content-Length: 999999999999\r\n\r\n"),
        (501, begin + "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n"),
        (501, begin + "Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n"),
        (501, begin + "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n"),
        (400, begin + "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n"),
        (400, begin + "X: y\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
        (400, begin + "X:\r\n Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
        (400, begin + "Transfer-Encoding: chunked\r\n\r\n1;a=\"\n\"\r\na\r\n0\r\n\r\n"),
        (400, begin + "Transfer-Encoding: chunked\r\n\r\n1\r\naXX0\r\n\r\n"),
        (413, f"GET /hello HTTP/1.1\r\n{HOST}Content-Length: 40\r\n\r\n"),
        (501, f"GET /hello HTTP/1.1\r\n{HOST}Upgrade: TLS/1.0\r\nConnection: Upgrade\r\n\r\n"),
        (400, "GET /hello HTTP/1.1\r\n\r\n"),
        (400, f"GET /hello HTTP/1.1\r\n{HOST}{HOST}\r\n"),
        (400, f"GET http://localhost/hello HTTP/1.1\r\n{HOST}\r\n"),
        (431, f"GET /hello HTTP/1.1\r\n{HOST}" + "A: b\r\n" * 100 + "\r\n"),
        (431, f"GET /hello HTTP/1.1\r\n{HOST}A: {'b' * 9000}\r\n\r\n"),
        (414, f"GET /{'b' * 9000} HTTP/1.1\r\n{HOST}\r\n"),
        (400, "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"),
        (400, '{"message_type": "hello", "sender_id": "ada"}\n'),
    ]
    with serving() as server:
        for status, text in cases:
            with server.connect() as client:
                client.send(text + smuggled)
                answer = client.answer()
                equal((answer.status, answer.fields["connection"]), (status, "close"), f"answer to {text[:300]!r}")
                check(len(json.loads(answer.body)["error"]["message"]) > 10, "no sentence:", answer.body)
                client.expect_end()
        equal(server.ask("/hello").status, 200)


@test
def pages_of_others_are_refused():
    """DNS rebinding, and a stranger's page that posts to this machine."""
    with serving() as server:
        ours = f"127.0.0.1:{server.port}"
        for host, origin, status in [(ours, None, 200), (ours, f"http://{ours}", 200), (f"[::1]:{server.port}", None, 200),
                                     ("evil.example", None, 403), (f"evil.example:{server.port}", None, 403),
                                     (f"evil.example:{server.port}", f"http://evil.example:{server.port}", 403),
                                     (ours, "http://evil.example", 403), (ours, "null", 403),
                                     (ours, f"http://localhost:{server.port}", 403), ("127.0.0.1.nip.io", None, 403)]:
            with server.connect() as client:
                field = f"Origin: {origin}\r\n" if origin else ""
                client.send(f"POST /say HTTP/1.1\r\nHost: {host}\r\n{field}Content-Length: 0\r\n\r\n")
                equal(client.answer().status, status, f"status for {host} from {origin}")
        equal(server.counts()["foreign"], 7)


@test
def bodies_at_their_limit():
    with serving("bodies_max=3000000") as server:
        full = b"x" * MIB
        equal(server.ask("/echo", method="POST", body=full).body, full)
        answer = server.ask("/echo", method="POST", body=full + b"x")
        equal(answer.status, 413)
        # chunked, it is found out on the way
        with server.connect() as client:
            client.send(f"POST /echo HTTP/1.1\r\n{HOST}Transfer-Encoding: chunked\r\n\r\n{MIB + 1:x}\r\n")
            client.send(full + b"x")
            equal(client.answer().status, 413)
        # and all together: two wait with nearly all of theirs, the third finds no room
        with contextlib.ExitStack() as stack:
            waiting = [stack.enter_context(server.connect()) for _ in range(2)]
            before = server.counts()["bytes_in"]
            for client in waiting:
                client.send(f"POST /echo HTTP/1.1\r\n{HOST}Content-Length: {MIB}\r\n\r\n".encode() + full[:-1])
            server.wait_count("bytes_in", before + 2 * MIB)
            answer = server.ask("/echo", method="POST", body=full)
            equal((answer.status, answer.fields["retry-after"]), (503, "1"))
            for client in waiting:
                client.send("x")
                equal(client.answer().body, full)
        equal(server.ask("/echo", method="POST", body=full).body, full, "there is room again:")


# ── slow, silent, gone ──


@test
def who_is_too_slow_is_told():
    with serving("head_ms=50", "body_ms=50") as server:
        for text in ["GET /hel", f"GET /hello HTTP/1.1\r\n{HOST}", f"POST /echo HTTP/1.1\r\n{HOST}Content-Length: 3\r\n\r\nab"]:
            with server.connect() as client:
                client.send(text)
                equal(client.answer().status, 408)
                client.expect_end()
        equal(server.counts()["timeouts"], 3)
    with serving("idle_ms=50") as server, server.connect() as client:
        # who says nothing is told nothing
        client.expect_end()


@test
def one_who_does_not_take_its_answer_goes():
    with serving("drain_ms=50", "send_buffer=4096") as server, server.connect(buffer=4096) as client:
        client.send(f"GET /big?bytes=8000000 HTTP/1.1\r\n{HOST}\r\n")
        server.wait_count("timeouts", 1)
        equal(server.counts()["connections"], 1, "but for who asks")
        check(len(client.rest) < 8000000, "all of it")


@test
def a_client_that_does_not_close_its_side_is_closed():
    with serving("linger_ms=50") as server, server.connect() as client:
        client.send("nonsense\r\n")
        equal(client.answer().status, 400)
        wait_until(lambda: server.counts()["connections"] == 1, "its end")


@test
def half_closed():
    """A client that says nothing more is still answered."""
    with serving() as server, server.connect() as client:
        client.send(f"GET /later HTTP/1.1\r\n{HOST}\r\nGET /hello HTTP/1.1\r\n{HOST}\r\n")
        client.socket.shutdown(socket.SHUT_WR)
        server.wait_count("later", 1)
        server.ask("/release")
        equal([client.answer().body for _ in range(2)], [b"later\n", b"hello\n"])
        client.expect_end()
    with serving() as server, server.connect() as client:
        client.send(f"GET /later HTTP/1.1\r\n{HOST}\r\n")
        server.wait_count("later", 1)
        client.socket.shutdown(socket.SHUT_WR)
        for _ in range(3): # the end has come before these
            equal(server.counts()["later"], 1)
        server.ask("/release")
        equal(client.answer().body, b"later\n")
        client.expect_end()


@test
def resets():
    """At any point; nothing is left of them."""
    with serving() as server:
        points = ["", "GET", f"POST /echo HTTP/1.1\r\n{HOST}Content-Length: 3\r\n\r\na", f"GET /later HTTP/1.1\r\n{HOST}\r\n",
                  f"GET /feed HTTP/1.1\r\n{HOST}\r\n"]
        for text in points:
            client = server.connect()
            client.send(text)
            if "later" in text:
                server.wait_count("later", 1)
            if "feed" in text:
                server.wait_count("feeds", 1)
            client.reset()
        wait_until(lambda: server.counts()["connections"] == 1, "the end of all")
        counts = server.counts()
        equal((counts["later"], counts["feeds"], counts["streams_open"], counts["gone"]), (0, 0, 0, 2))


# ── streams ──


def open_feed(server, more="", **options):
    client = server.connect(**options)
    client.send(f"GET /feed HTTP/1.1\r\n{HOST}{more}\r\n")
    status, fields = client.head()
    equal((status, fields["content-type"], fields["transfer-encoding"]), (200, "text/event-stream", "chunked"))
    return client


@test
def events():
    with serving() as server, open_feed(server) as feed:
        server.wait_count("feeds", 1)
        server.ask("/say", method="POST", body=b'{"a": 1}')
        equal(feed.chunk(), b'event: said\nid: 7\ndata: {"a": 1}\n\n')
        server.ask("/say", method="POST", body=b"one\ntwo\r\nthree\rfour")
        equal(feed.chunk(), b"event: said\nid: 7\ndata: one\ndata: two\ndata: three\ndata: four\n\n")
    with serving() as server, server.connect() as client: # one that ends lets the connection go on
        client.send(f"GET /stream?count=3 HTTP/1.1\r\n{HOST}Last-Event-ID: 41\r\n\r\n")
        client.head()
        together = b"id: 42\ndata: x\n\nid: 43\ndata: x\n\nid: 44\ndata: x\n\n"
        equal([client.chunk() for _ in range(2)], [together, b""], "events of one turn go out together")
        equal(client.ask("/hello").body, b"hello\n")
        client.send(f"HEAD /stream?count=3 HTTP/1.1\r\n{HOST}\r\n")
        client.head()
        equal(client.ask("/hello").body, b"hello\n")
        client.send(f"GET /stream?count=2 HTTP/1.0\r\n{HOST}\r\n")
        _, fields = client.head()
        check("transfer-encoding" not in fields, "chunks in HTTP/1.0:", fields)
        while client.more():
            pass
        equal(client.rest, b"id: 1\ndata: x\n\nid: 2\ndata: x\n\n")


@test
def a_slow_reader_is_cut_and_comes_back_where_it_was():
    count, size = 4000, 1000
    with serving("stream_max=100000", "send_buffer=4096") as server, contextlib.ExitStack() as stack:
        slow = stack.enter_context(server.connect(buffer=4096))
        slow.send(f"GET /stream?count={count}&size={size} HTTP/1.1\r\n{HOST}\r\n")
        server.wait_count("streams_cut", 1)
        slow.head()
        with contextlib.suppress(ConnectionResetError):
            while slow.more():
                pass
        ids = [int(number) for number in re.findall(rb"id: (\d+)\ndata: x{%d}\n\n" % size, slow.rest)]
        check(0 < len(ids) < count and ids == list(range(1, len(ids) + 1)), "what it has:", ids[:5], len(ids))
        again = stack.enter_context(server.connect())
        again.send(f"GET /stream?count=1 HTTP/1.1\r\n{HOST}Last-Event-ID: {ids[-1]}\r\n\r\n")
        again.head()
        equal(again.chunk(), b"id: %d\ndata: x\n\n" % (ids[-1] + 1))


@test
def one_slow_reader_holds_nobody_up():
    with serving("stream_max=100000", "send_buffer=4096") as server, open_feed(server, buffer=4096), open_feed(server) as quick:
        server.wait_count("feeds", 2)
        body, said = b"x" * 50000, 0
        while server.counts()["streams_cut"] == 0:
            server.ask("/say", method="POST", body=body)
            said += 1
            equal(quick.chunk(), b"event: said\nid: 7\ndata: " + body + b"\n\n")
        equal(server.counts()["feeds"], 1, "listeners")
        server.ask("/say", method="POST", body=b"end")
        equal(quick.chunk(), b"event: said\nid: 7\ndata: end\n\n")


@test
def signs_of_life():
    with serving("alive_ms=20") as server, open_feed(server) as feed:
        equal([feed.chunk() for _ in range(3)], [b":\n\n"] * 3)
    # one who takes none of what waits, though nothing more is said, is found dead
    with serving("alive_ms=50", "send_buffer=4096", "stream_max=10000000") as server, open_feed(server, buffer=4096):
        server.wait_count("feeds", 1)
        server.ask("/say", method="POST", body=b"x" * MIB)
        server.wait_count("streams_cut", 1)
        equal(server.counts()["feeds"], 0, "listeners")


@test
def a_reader_that_closes_is_noticed():
    with serving() as server:
        with open_feed(server):
            server.wait_count("feeds", 1)
        server.wait_count("gone", 1)
        equal(server.counts()["streams_open"], 0)


# ── many ──


def most_files(wanted):
    """How many sockets this process may have, of those that are wanted."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < wanted + 100:
        soft = wanted + 100 if hard == resource.RLIM_INFINITY else min(hard, wanted + 100)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return min(wanted, soft - 100)


@test
def ten_thousand_idle_sockets():
    count = most_files(10000)
    with serving() as server, contextlib.ExitStack() as stack:
        before = server.rss()
        clients = [stack.enter_context(server.connect()) for _ in range(count)]
        for client in clients[::100]: # some have asked something before
            equal(client.ask("/hello").status, 200)
        server.wait_count("accepted", count)
        equal(server.counts()["connections"], count + 1)
        each = (server.rss() - before) / count
        check(sanitized() or each < 1500, "an idle one takes", each, "bytes")
        for client in (clients[0], clients[count // 2], clients[-1]):
            equal(client.ask("/hello").status, 200)


@test
def a_thousand_idle_streams():
    """Each is told again and again that all is well, and then the same."""
    count = most_files(1000)
    with serving("alive_ms=200") as server, contextlib.ExitStack() as stack:
        before = server.rss()
        feeds = [stack.enter_context(open_feed(server)) for _ in range(count)]
        server.wait_count("feeds", count)
        each = (server.rss() - before) / count
        check(sanitized() or each < 12288, "an idle stream takes", each, "bytes")
        for feed in feeds:
            equal([feed.chunk() for _ in range(4)], [b":\n\n"] * 4)
        server.ask("/say", method="POST", body=b"end")
        for feed in feeds:
            heard = b""
            while not heard:
                heard = feed.chunk().replace(b":\n\n", b"")
            equal(heard, b"event: said\nid: 7\ndata: end\n\n")
        counts = server.counts()
        equal((counts["streams_open"], counts["streams_cut"], counts["timeouts"]), (count, 0, 0))


@test
def idle_ones_make_room_for_others():
    with serving("connections_max=20") as server, contextlib.ExitStack() as stack:
        idle = [stack.enter_context(server.connect()) for _ in range(20)]
        for client in idle:
            equal(client.ask("/hello").status, 200)
        with server.connect() as newcomer:
            equal(newcomer.ask("/hello").status, 200)
            idle[0].expect_end() # the one that was idle for longest
            counts = json.loads(newcomer.ask("/counts").body)
            equal((counts["evicted"], counts["surplus"]), (1, 0))


@test
def when_all_are_at_work_more_are_told():
    with serving("connections_max=20") as server, contextlib.ExitStack() as stack:
        asking = stack.enter_context(server.connect())
        equal(asking.ask("/hello").status, 200)
        busy = [stack.enter_context(server.connect()) for _ in range(19)]
        for client in busy:
            client.send(f"GET /later HTTP/1.1\r\n{HOST}\r\n")
        wait_until(lambda: json.loads(asking.ask("/counts").body)["later"] == 19, "19 at work")
        asking.send(f"GET /later HTTP/1.1\r\n{HOST}\r\n")
        for _ in range(5):
            with server.connect() as client:
                equal(client.answer().status, 503)
                client.expect_end()
        busy[0].reset()
        for client in busy[1:]:
            client.reset()
        wait_until(lambda: server.ask("/hello").status == 200, "room again")


if __name__ == "__main__":
    run()
