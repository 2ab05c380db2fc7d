"""Who is let in: what speaks another protocol is not, and who finds the hub full is told so."""

import contextlib
import json
import urllib.error
import urllib.request

from harness import PATIENCE, Client, Hub, check, encode, equal, message, room, run, test

SHARE = encode(message("page", "pattern_share", {"pattern": {"id": "from a page"}})) + b"\n"
FOREIGN = {
    "HTTP": b"POST / HTTP/1.1\r\nHost: 127.0.0.1:6000\r\nContent-Type: text/plain\r\n\r\n",
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "TLS": b"\x16\x03\x01\x00\x05hello\n",
    "SSH": b"SSH-2.0-OpenSSH_9.2\r\n",
    "Redis": b"*1\r\n$4\r\nPING\r\n",
}


def sent_to(hub, data):
    """All that a hub answers to these bytes."""
    with contextlib.closing(hub.connect()) as client:
        client.send_bytes(data)
        answer = b""
        while True:
            try:
                data = client.socket.recv(1 << 16)
            except ConnectionResetError:
                data = b""
            if not data:
                return answer
            answer += data


@test
def another_protocol_is_told_so_and_nothing_of_it_is_heard():
    with room() as place:
        for number, (name, start) in enumerate(FOREIGN.items(), 3):
            answer = sent_to(place.hub, start + SHARE)
            place.hub.wait_log(f"conn=c{number} event=disconnected reason=wrong_protocol .*protocol={name} ")
            if name == "HTTP":
                check(answer.startswith(b"HTTP/1.1 400 ") and b"JSON lines" in answer, answer)
                continue
            equal(answer.count(b"\n"), 1, f"lines of {answer}")
            payload = json.loads(answer)["payload"]
            equal(payload["code"], "wrong_protocol", name)
            check(name in payload["detail"] and "JSON lines" in payload["detail"], payload)
        equal(place.hub.counters()["wrong_protocol"], len(FOREIGN))
        place.nothing_stored()


@test
def a_web_page_gets_an_answer_that_its_browser_understands():
    with room() as place:
        for method in ("GET", "POST", "PUT", "OPTIONS"):
            request = urllib.request.Request(f"http://127.0.0.1:{place.hub.port}/", SHARE, method=method)
            try:
                urllib.request.urlopen(request, timeout=PATIENCE).close()
                raise AssertionError(f"{method} worked")
            except urllib.error.HTTPError as error:
                equal(error.code, 400, method)
                check(b"khub" in error.read())
                check(error.headers["Access-Control-Allow-Origin"] is None)
        place.nothing_stored()


@test
def what_only_looks_like_another_protocol_is_a_line():
    with room() as place:
        eve = place.hub.connect()
        # the latter two are not its first bytes
        for start in (b"\r\nGET\n", b"POST / HTTP/1.1\n", b"\x16\x03\n"):
            eve.send_bytes(start)
            eve.expect_error("bad_json")
        eve.hello("eve", 1)
        eve.close()


@test
def who_finds_the_hub_full_is_told():
    with Hub("--connections-max", 2) as hub:
        ada, bea = hub.join("ada", 1), hub.join("bea", 2)
        for number in range(40):  # more than may take their time to read it
            late = Client(("127.0.0.1", hub.port))
            if number % 2:
                late.send(message("late", "hello"))
            late.expect_error("connections_full", "--max-connections")
            late.close()
        equal(hub.counters()["connections_full"], 40)
        hub.wait_log("event=refused reason=connections_full from=127.0.0.1:[0-9]+ connections=[0-9]+ so_far=1\n")
        ada.say("chat", {"text": "still there?"}, "bea")
        bea.expect("chat", text="still there?")
        bea.close()
        hub.wait_log("event=left ai=bea")
        hub.join("cy", 1)


run()
