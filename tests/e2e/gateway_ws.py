#!/usr/bin/env python3
"""/ws at a gateway: the line protocol over WebSocket; who breaks its rules, reads slowly, or goes
without a word.

usage: gateway_ws.py KHUB [PART OF A NAME]
"""
import contextlib
import json
import os
import signal
import socket
import sys
import threading

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
sys.path.insert(0, os.path.join(ROOT, "tests", "wire"))
from harness import (MIB, Hub, check, directory, encode, equal, kill_9, message,  # noqa: E402
                     run, sanitized, settle, test, wait_until)
from gateway import Gateway, door_of  # noqa: E402
from program import worked  # noqa: E402
from secure import lab  # noqa: E402
from tokens import OTHER, give_out  # noqa: E402
from websocket import (BINARY, BROKEN_OFF, CLOSE, CONTINUATION, KEY, NO_CODE, PING,  # noqa: E402
                       PONG, TEXT, Refused, WebClient, closing, frame)


@contextlib.contextmanager
def place(*options, **settings):
    with Hub(*options, **settings) as hub, Gateway(hub=hub) as gateway:
        gateway.hub = hub
        yield hub, gateway
        equal(gateway.end(signal.SIGTERM), (0, ""), "how the gateway ended")


def web_join(gateway, name, level=2, **payload):
    client = WebClient(gateway, gateway.hub)
    client.hello(name, level, **payload)
    return client


def rss(gateway):
    with open(f"/proc/{gateway.process.pid}/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def ws_count(gateway, name):
    return gateway.metrics()[f"khub_gateway_ws_{name}_total"]


def read_numbers(client, count):
    """So many messages with numbers come, in order; others may between them."""
    wanted = 0
    while wanted < count:
        found = client.receive()
        if "number" in found["payload"]:
            equal(found["payload"]["number"], wanted)
            wanted += 1


# ── an AI ──


@test
def one_by_websocket_and_one_by_a_socket_talk():
    with place() as (hub, gateway):
        ada = WebClient(gateway, hub, Sec_WebSocket_Protocol="chat, khub", Origin=f"http://127.0.0.1:{gateway.port}")
        equal(ada.fields["Sec-WebSocket-Protocol"], "khub")
        ada.hello("ada", 2)
        bea = hub.join("bea", 2)
        ada.expect("hello")
        said = message("bea", "chat", {"text": "gr\u00fc\u00df \U0001f600"}, "ada")
        bea.send(said)
        found = ada.expect("chat", text="gr\u00fc\u00df \U0001f600")
        equal(ada.raw, encode(said)[:-1] + b',"seq":%d}' % found["seq"], "byte for byte, as on a socket")
        for count in (125, 126, 60000, 65000, 65535, 65536, 250000, MIB - 1000):  # headers, frames
            text = "x" * count
            bea.say("chat", {"text": text}, "ada")
            ada.expect("chat", text=text)
            check(ada.pieces == 1 if len(ada.raw) < 64 << 10 else count < 250000 or ada.pieces > 1, count, ada.pieces)
            ada.say("chat", {"text": text}, "bea")
            bea.expect("chat", text=text)
        with contextlib.closing(web_join(gateway, "cid", 1)) as cid:
            check("protocol" not in cid.sync, cid.sync)
            cid.say("feature_response", {"text": "level 1"})
            bea.expect("hello")
            bea.expect("feature_response", text="level 1")
        # a line's end may be there; empty lines are none; one that is too long the hub refuses
        for client in (ada, bea):
            client.drain()
        ada.send_frames(frame(encode(message("ada", "chat", {"text": "1"}, "bea")) + b"\r\n"), frame(b""), frame(b"\n"))
        bea.expect("chat", text="1")
        ada.send_frames(frame(b"x" * (MIB + 1)))
        ada.expect_error("line_too_long")
        ada.say("leave")
        while ada.next_line() is not None:
            pass
        equal(ada.ended[0], 1001)
        check(ws_count(gateway, "lines_in") >= 14, gateway.metrics())


@test
def a_door_of_the_hub_s_own_and_one_over_its_unix_socket_lead_in_as_well():
    with Hub("--http", "127.0.0.1:0", listen=("127.0.0.1:0", "unix:FOLDER/hub")) as hub:
        with Gateway("--hub", f"unix:{hub.folder}/hub") as gateway:
            door = door_of(hub)
            door.hub = gateway.hub = hub
            ada, bea, cid = web_join(door, "ada"), web_join(door, "bea"), web_join(gateway, "cid")
            cid.say("chat", {"text": "hello"}, "ada")
            ada.expect("hello"), ada.expect("hello")
            ada.expect("chat", text="hello")
            ada.say("chat", {"text": "hello"}, "bea")
            bea.expect("hello")
            bea.expect("chat", text="hello")
            equal(door.metrics()['khub_gateway_connections{door="ws"}'], 2)


class Away:
    """An AI that comes back by one door or another, and counts what it reads."""

    def __init__(self, name):
        self.name, self.seq, self.token, self.read = name, 0, None, []

    def join(self, hub, gateway=None):
        self.client = WebClient(gateway, hub) if gateway else hub.connect()
        again = {"resume_token": self.token, "since": self.seq} if self.token else {}
        self.token = self.client.hello(self.name, 2, **again).get("resume_token", self.token)

    def read_until(self, count):
        while len(self.read) < count:
            found = self.client.receive()
            check(found is not None, "the connection ended")
            self.seq = max(self.seq, found.get("seq", 0))
            if found["message_type"] == "chat":
                self.read.append(found["payload"]["number"])

    def read_end(self, code):
        """What it reads before that, it does not note."""
        while self.client.receive() is not None:
            pass
        equal(self.client.ended[0], code)


@test
def it_goes_on_where_it_was_by_whatever_door():
    with directory() as data:
        ada, said = Away("ada"), 0

        def say(bea, count):
            nonlocal said
            for _ in range(count):
                bea.say("chat", {"number": said})
                said += 1
            settle(bea)

        hub = Hub("--data", data)
        listen = (f"127.0.0.1:{hub.port}",)
        with Gateway(hub=hub) as gateway, Gateway(hub=hub) as other:
            bea = hub.join("bea", 2)
            ada.join(hub, gateway)
            say(bea, 2)
            ada.read_until(said - 1)
            gateway.process.kill()
            ada.read_end(BROKEN_OFF)
            hub.wait_log("event=left ai=ada")
            say(bea, 2)
            ada.join(hub, other)
            ada.read_until(said)
            ada.client.send_frames(closing(1000))
            ada.client.expect_close(1000)
            say(bea, 1)
            ada.join(hub)
            ada.read_until(said)
            ada.client.close()
            say(bea, 1)
            ada.join(hub, other)
            hub.process.kill()
            ada.read_end(1001)
            ada.client.close()
            kill_9(hub)
            with Hub("--data", data, listen=listen) as hub:
                ada.join(hub, other)
                say(hub.join("bea", 2), 1)
                ada.read_until(said)
        equal(ada.read, list(range(said)), "what it read: no gap, nothing twice")


@test
def over_tls_to_the_hub():
    with lab() as papers:
        with Hub(*papers.pair("hub")) as hub, contextlib.ExitStack() as rest:
            address = f"khubs://localhost:{hub.port}"
            gateway = rest.enter_context(Gateway("--hub", address, "--ca", papers.path("ca.pem")))
            gateway.wait_ready()
            gateway.hub = hub
            ada, bea = web_join(gateway, "ada"), hub.join("bea", 2)
            ada.expect("hello")
            for size in (1, 300000):
                ada.say("chat", {"text": "x" * size}, "bea")
                bea.expect("chat", text="x" * size)
                bea.say("chat", {"text": "y" * size}, "ada")
                ada.expect("chat", text="y" * size)
            ada.send_frames(closing(1000))
            ada.expect_close(1000)
            hub.wait_log("event=left ai=ada")
            check("peer_reset" not in hub.log().replace("peer_reset=", ""), "it left by TLS's word")
            hub.stop()
            with Hub(*papers.pair("impostor"), listen=(f"127.0.0.1:{hub.port}",)):
                WebClient(gateway).expect_close(1011, "vouches")


@test
def over_tls_to_the_gateway():
    with lab() as papers, Hub() as hub, Gateway(*papers.pair("hub"), hub=hub) as gateway:
        ada = WebClient(gateway, context=papers.context(), Origin=f"https://127.0.0.1:{gateway.port}",
                        ahead=frame(b"early", PING))
        ada.wait_pong(b"early")
        ada.hello("ada")  # no heartbeats: two threads may not use a socket of ssl's at once
        bea = hub.join("bea")
        for speaker, hearer in ((ada, bea), (bea, ada)):  # until nobody takes any more, and then on
            speaking = threading.Thread(target=lambda speaker=speaker: [
                speaker.say("feature_response", {"number": number, "text": "x" * 60000}) for number in range(300)])
            hub.process.send_signal(signal.SIGSTOP)
            speaking.start()
            gateway.ask("/healthz")
            hub.process.send_signal(signal.SIGCONT)
            read_numbers(hearer, 300)
            speaking.join()
        ada.send_frames(closing(1000))
        ada.expect_close(1000)
        hub.wait_log("event=left ai=ada")


@test
def over_tls_each_holds_no_copy_of_all_who_may_vouch():
    with lab() as papers, Hub(*papers.pair("hub")) as hub:
        count, vouchers = 20, papers.path("vouchers.pem")
        with open(vouchers, "wb") as file:
            for number in range(1 if sanitized() else 40):  # as a system has them
                folder = papers.path(f"voucher{number}")
                worked("cert", "--host", f"host{number}.example", folder)
                with open(f"{folder}/cert.pem", "rb") as cert:
                    file.write(cert.read())
            with open(papers.path("ca.pem"), "rb") as ours:
                file.write(ours.read())
        with Gateway("--hub", f"khubs://localhost:{hub.port}", "--ca", vouchers) as gateway:
            gateway.hub = hub
            clients = [web_join(gateway, "first", 1)]
            before = rss(gateway)
            clients += [web_join(gateway, f"ai{number}", 1) for number in range(count)]
            each = (rss(gateway) - before) / count
            check(sanitized() or each < 80 << 10, f"{each} bytes each")
            for client in clients:
                client.close()


# ── how it ends ──


@test
def the_hub_s_last_word_is_the_reason():
    with directory() as data:
        token = give_out(data, "ada")
        file = os.path.join(data, "token")
        with open(file, "w", opener=lambda path, flags: os.open(path, flags, 0o600), encoding="ascii") as kept:
            kept.write(token)
        with Hub("--data", data) as hub, Gateway("--token-file", file, hub=hub) as gateway:
            gateway.hub = hub
            for shown, code in (({}, 1008), ({"token": OTHER}, 1008)):
                cid = WebClient(gateway, hub)
                cid.name = "cid"
                cid.say("hello", {"protocol": 2, **shown})
                cid.expect_error("unauthorized")
                cid.expect_close(code, "unauthorized")
            # what stands in the request's head is nobody's to the hub
            ada = WebClient(gateway, hub, Authorization="Bearer " + OTHER)
            ada.hello("ada", 2, token=token)
            bea = web_join(gateway, "bea", token=token)
            bea.say("chat", {"text": "an error that is not the last word"}, "nobody")
            bea.expect_error("unknown_target")
            ada.expect("hello")
            newer = WebClient(gateway, hub)
            newer.hello("bea", 2, token=token, resume_token=bea.sync["resume_token"])
            bea.expect_close(1008, "taken_over")
            hub.process.send_signal(signal.SIGTERM)
            ada.expect_close(1001, "shutting_down")
            hub.process.wait()
            WebClient(gateway).expect_close(1013, "no connection to the hub")
            equal(ws_count(gateway, "unreached"), 1)


@test
def a_gateway_that_stops_says_so():
    with Hub() as hub, Gateway(hub=hub) as gateway:
        gateway.hub = hub
        ada = web_join(gateway, "ada")
        gateway.process.send_signal(signal.SIGTERM)
        ada.expect_close(1001, "the gateway stops")
        equal(gateway.process.wait(), 0)


def cut(client):
    client.send_frames(frame(b"", PING))
    client.wait_pong(b"")  # or the reset would take with it what was not read yet
    client.reset()


@test
def who_goes_is_gone_at_the_hub_and_what_it_said_was_said():
    with place() as (hub, gateway):
        bea = hub.join("bea", 2)
        for name, goes, code in (
                ("closes", lambda client: client.send_frames(closing(3000, b"done")), 3000),
                ("without_a_code", lambda client: client.send_frames(closing()), NO_CODE),
                ("half_closes", lambda client: client.socket.shutdown(socket.SHUT_WR), BROKEN_OFF),
                ("vanishes", lambda client: client.close(), None),
                ("is_cut", cut, None)):
            client = web_join(gateway, name)
            bea.expect("hello")
            client.say("chat", {"text": "last"}, "bea")
            client.send_frames(frame(b'{"half a line":', fin=False))
            goes(client)
            if code:
                client.expect_close(code)
            equal(bea.expect("chat")["sender_id"], name)
            bea.expect("presence", ai_id=name)
        equal(gateway.metrics()['khub_gateway_connections{door="ws"}'], 0)


# ── who breaks the rules ──


@test
def what_opens_none():
    with place() as (_, gateway):
        own = f"127.0.0.1:{gateway.port}"
        for status, fields in (
                (426, {"Upgrade": None}), (426, {"Connection": "keep-alive"}), (426, {"Upgrade": "h2c"}),
                (501, {"Upgrade": "khub"}), (501, {"Upgrade": "websocket, khub"}),
                (426, {"Sec_WebSocket_Version": "8"}), (426, {"Sec_WebSocket_Version": "13, 8"}),
                (426, {"Sec_WebSocket_Version": None}), (426, {"sec_websocket_version": "13"}),
                (426, {"upgrade": "websocket"}),
                (400, {"Sec_WebSocket_Key": None}), (400, {"Sec_WebSocket_Key": "c2hvcnQ="}),
                (400, {"Sec_WebSocket_Key": "AAECAwQFBgcICQoLDA0ODx=="}), (400, {"Sec_WebSocket_Key": "*" * 21 + "A=="}),
                (400, {"Sec_WebSocket_Key ": "x"}), (400, {"sec_websocket_key": "AAECAwQFBgcICQoLDA0ODw=="}),
                (413, {"Content_Length": "5"}), (403, {"Origin": "http://evil.example"}), (403, {"Origin": "null"}),
                (403, {"Host": "evil.example"}), (403, {"Origin": f"https://{own}"})):
            try:
                WebClient(gateway, **fields)
                raise AssertionError(f"it opened with {fields}")
            except Refused as refused:
                equal(refused.status, status, str(fields))
                check(len(json.loads(refused.body)["error"]["message"]) > 5, refused.body)
                if status == 426:
                    equal((refused.fields["Sec-WebSocket-Version"], refused.fields["Upgrade"]), ("13", "websocket"))
        equal(gateway.ask("/ws", "POST")[0], 405)
        whole = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec_WebSocket_Version": "13", "Sec_WebSocket_Key": KEY}
        equal(gateway.ask("/ws", "HEAD", **whole)[0], 426)
        equal(gateway.ask("/healthz", Connection="Upgrade", Upgrade="websocket")[0], 200)
        for connection in ("keep-alive, Upgrade", "upgrade", "upgrade ,\tkeep-alive"):
            WebClient(gateway, Connection=connection, Upgrade="WebSocket").close()


@test
def what_breaks_it_off():
    half = "\u20ac".encode()
    whole = encode(message("x", "heartbeat"))
    with place() as (hub, gateway):
        bea = hub.join("bea", 2)
        cases = (
            (1002, frame(b"x", mask=b"")), (1002, frame(b"x", reserved=4)), (1002, frame(b"x", reserved=1)),
            (1002, frame(b"x", 3)), (1002, frame(b"x", 11)), (1002, frame(b"x", CONTINUATION)),
            (1002, frame(b"x", fin=False) + frame(b"y")), (1002, frame(b"x", PING, fin=False)),
            (1002, frame(b"x" * 126, PING)), (1002, frame(b"x", CLOSE)), (1002, closing(1005)), (1002, closing(999)),
            (1002, closing(2999)), (1007, closing(1000, b"\xff")), (1003, frame(b"{}", BINARY)),
            (1002, b"\x81\xfe\x00\x05abcdxxxxx"), (1002, b"\x81\xff" + b"\0" * 7 + b"\x7eabcd"),
            (1002, b"\x81\xff\x80" + b"\0" * 7 + b"abcd"), (1009, b"\x81\xff\x7f" + b"\xff" * 7 + b"abcd"),
            (1009, frame(b"x", fin=False) + frame(b"", CONTINUATION, length=64 * MIB)),
            (1007, frame(b"\xc0\xaf")), (1007, frame(b"\xed\xa0\x80")), (1007, frame(b"abcdefgh\xff")),
            (1007, frame(half[:2])), (1007, frame(half[:1], fin=False) + frame(b"x", CONTINUATION)),
            (1007, frame(half[:2], fin=False) + frame(b"", PING) + frame(b"\xc0", CONTINUATION)),
            (1008, frame(whole + b"\n" + whole)), (1008, frame(whole + b"\n", fin=False) + frame(b" ", CONTINUATION)))
        for number, (code, data) in enumerate(cases):
            client = web_join(gateway, "x")
            bea.expect("hello")
            client.say("chat", {"text": "good"}, "bea")
            client.send_frames(frame(b'{"never a'[:number % 3]) if number % 3 else b"", data, frame(whole))
            client.expect_close(code)
            bea.expect("chat", text="good")
            bea.expect("presence", ai_id="x")
        equal(ws_count(gateway, "refused"), len(cases))
        equal(gateway.metrics()['khub_gateway_connections{door="ws"}'], 0)
        bea.expect_nothing()


@test
def fragments_with_control_frames_between():
    with place() as (hub, gateway):
        bea = hub.join("bea", 2)
        ada = web_join(gateway, "ada")
        bea.expect("hello")
        line = encode(message("ada", "chat", {"text": "\U0001f600\u20ac\u00fc" * 20}, "bea"))
        for size in (1, 2, 3, 7, 50):  # through the characters
            pieces = [line[at:at + size] for at in range(0, len(line), size)]
            frames = [frame(piece, CONTINUATION if at else TEXT, fin=False) + frame(b"p%d" % at, PING) + frame(b"", PONG)
                      for at, piece in enumerate(pieces)]
            data = b"".join(frames) + frame(b"", CONTINUATION)
            for at in range(0, len(data), 1000):
                ada.send_frames(data[at:at + 1000])
            bea.expect("chat", text="\U0001f600\u20ac\u00fc" * 20)
            ada.wait_pong(b"p%d" % (len(pieces) - 1))
            equal(ada.pongs, [b"p%d" % at for at in range(len(pieces))])
            ada.pongs.clear()
        # what comes with the request waits until the hub is there
        cid = WebClient(gateway, hub, ahead=frame(b"early", PING) + frame(encode(message("cid", "hello", {"protocol": 2}))))
        cid.wait_pong(b"early")
        cid.expect("training_sync")


# ── who takes too much ──


@test
def a_slow_reader_is_the_hub_s_to_cut():
    with place("--max-output", "1M") as (hub, gateway):
        bea = hub.join("bea", 2)
        slow = WebClient(gateway, hub, buffer=4096)
        slow.hello("slow", 2)
        bea.expect("hello")
        before = rss(gateway)
        text, count = "x" * (64 << 10), 0
        while "reason=slow_consumer" not in hub.log() and count < 2000:
            bea.say("chat", {"text": text})
            bea.drain()
            count += 1
            if count % 100 == 0 and not sanitized():
                check(rss(gateway) - before < 4 * MIB, f"the gateway holds {(rss(gateway) - before) / MIB} MiB more")
        hub.wait_log("event=left ai=slow reason=slow_consumer")
        # it reads on: whole messages, and an end that says why, if that got so far
        while slow.next_line() is not None:
            pass
        check(slow.ended in ((1008, "slow_consumer"),) or slow.ended[0] == 1001, slow.ended)
        wait_until(lambda: gateway.metrics()['khub_gateway_connections{door="ws"}'] == 0, "its end")


@test
def a_hub_that_does_not_read_holds_up_who_speaks():
    with place() as (hub, gateway):
        bea = hub.join("bea", 2)
        ada = web_join(gateway, "ada")
        bea.expect("hello")
        before = rss(gateway)
        hub.process.send_signal(signal.SIGSTOP)
        line, count = frame(encode(message("ada", "chat", {"text": "x" * 60000}, "bea"))), 0
        ada.socket.setblocking(False)
        rest = b""
        still = 0
        while still < 20:
            rest = rest or line
            try:
                sent = ada.socket.send(rest)
                rest = rest[sent:]
                count += not rest
                still = 0
            except BlockingIOError:
                gateway.ask("/healthz")  # it has had a turn
                still += 1
        check(sanitized() or rss(gateway) - before < 2 * MIB, f"the gateway holds {(rss(gateway) - before) / MIB} MiB more")
        hub.process.send_signal(signal.SIGCONT)
        ada.socket.settimeout(1800)
        ada.socket.sendall(rest)
        for _ in range(count + bool(rest)):
            bea.expect("chat")
        bea.expect_nothing()


@test
def idle_ones_hold_next_to_nothing():
    with place() as (_, gateway):
        WebClient(gateway).close()
        before, count = rss(gateway), 200
        clients = [WebClient(gateway) for _ in range(count)]
        clients[-1].send_frames(frame(b"", PING))
        clients[-1].wait_pong(b"")
        each = (rss(gateway) - before) / count
        check(sanitized() or each < 8192, f"{each} bytes each")
        equal(gateway.metrics()['khub_gateway_connections{door="ws"}'], count)
        for client in clients:
            client.close()


if __name__ == "__main__":
    run()
