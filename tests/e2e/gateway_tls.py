#!/usr/bin/env python3
"""A gateway that speaks TLS, and one that other machines reach.

usage: gateway_tls.py KHUB [PART OF A NAME]
"""
import contextlib
import os
import re
import shutil
import signal
import sys
import tempfile

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
sys.path.insert(0, os.path.join(ROOT, "tests", "wire"))
from gateway import Door, Gateway, door_of  # noqa: E402
from harness import Hub, check, directory, equal, own_address, run, test, wait_until  # noqa: E402
from mcp_session import BEGIN, Session, post  # noqa: E402
from program import Running, refused  # noqa: E402
from secure import lab  # noqa: E402
from tokens import OTHER, give_out  # noqa: E402
from websocket import WebClient  # noqa: E402


WEBSOCKET = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec_WebSocket_Version": "13",
             "Sec_WebSocket_Key": "AAAAAAAAAAAAAAAAAAAAAA=="}


def bearer(token):
    return {"Authorization": "Bearer " + token}


def secure(door, papers):
    """The same door over TLS."""
    return Door(door.port, door.address, papers.context(check_hostname=door.address == "127.0.0.1"))


def shown_at(door, papers):
    """The certificate that new connections are shown."""
    client = secure(door, papers).connect()
    with contextlib.closing(client):
        client.connect()
        return client.sock.getpeercert(binary_form=True)


@contextlib.contextmanager
def at_all_addresses(hub, papers, *words, token=None, tls=True):
    """A gateway that listens everywhere: itself, and as other machines see it."""
    pair = papers.pair("hub") if tls else []
    more = {"KHUB_TOKEN": token} if token else {}
    with Running("gateway", "--http", "0.0.0.0:0", *pair, *words, hub=hub, **more) as gateway:
        port = int(re.search(r"HTTP at 0\.0\.0\.0:(\d+);", gateway.wait_for("on the network"))[1])
        near, afar = Door(port), Door(port, own_address())
        near.wait_ready()
        yield near, afar, gateway


@test
def it_answers_over_tls_and_reads_its_certificate_anew():
    with directory() as data, lab() as papers:
        token = give_out(data, "ada")
        for name in ("cert.pem", "cert.key"):
            shutil.copy(papers.path(name.replace("cert", "hub")), os.path.join(data, name))
        pair = ("--tls-cert", os.path.join(data, "cert.pem"), "--tls-key", os.path.join(data, "cert.key"))
        os.environ["KHUB_TOKEN"] = token
        try:
            stack = contextlib.ExitStack()
            hub = stack.enter_context(Hub("--data", data))
            gateway = stack.enter_context(Gateway(*pair, hub=hub))
        finally:
            del os.environ["KHUB_TOKEN"]
        with stack:
            gateway.wait_ready()
            door = secure(gateway, papers)
            equal(post(door, BEGIN)[0], 401)
            session = Session(door, bearer(token))
            session.call("join", name="ada")
            hub.wait_log("event=joined ai=ada")
            equal(post(door, BEGIN, Origin=f"http://127.0.0.1:{door.port}", **bearer(token))[0], 403)
            equal(shown_at(gateway, papers), papers.digest("hub"))
            kept = door.connect()
            kept.request("GET", "/healthz")
            equal(kept.getresponse().read(), b'{"alive":true}\n')
            for name in ("cert.pem", "cert.key"):
                shutil.copy(papers.path(name.replace("cert", "renewed")), os.path.join(data, name))
            gateway.process.send_signal(signal.SIGHUP)
            gateway.wait_for("TLS with the certificate sha256:")
            equal(shown_at(gateway, papers), papers.digest("renewed"))
            kept.request("GET", "/healthz")
            equal(kept.getresponse().status, 200, "a connection that was there before")
            kept.close()
            os.remove(os.path.join(data, "cert.key"))
            gateway.process.send_signal(signal.SIGHUP)
            gateway.wait_for("TLS goes on with the former certificate: ")
            equal(shown_at(gateway, papers), papers.digest("renewed"))
            check(session.call("who")["members"], "the session is there")
            equal(gateway.end(signal.SIGTERM), (0, ""))


@test
def a_hubs_own_http_has_the_hubs_certificate():
    with lab() as papers, tempfile.TemporaryDirectory(prefix="khub-test-") as data:
        for name in ("cert.pem", "cert.key"):
            shutil.copy(papers.path(name.replace("cert", "hub")), os.path.join(data, name))
        with Hub("--tls-cert", os.path.join(data, "cert.pem"), "--tls-key", os.path.join(data, "cert.key"),
                 "--http", "127.0.0.1:0") as hub:
            door = door_of(hub)
            door.wait_ready()
            Session(secure(door, papers)).call("join", name="ada")
            hub.wait_log("event=joined ai=ada")
            equal(shown_at(door, papers), papers.digest("hub"))
            for name in ("cert.pem", "cert.key"):
                shutil.copy(papers.path(name.replace("cert", "renewed")), os.path.join(data, name))
            hub.process.send_signal(signal.SIGHUP)
            wait_until(lambda: shown_at(door, papers) == papers.digest("renewed"), "the new one")
            equal(hub.stop(), 0)


@test
def where_others_reach_it_there_is_tls_and_there_are_tokens():
    own_address()  # or there is nothing to be tested here
    with directory() as data, lab() as papers:
        token = give_out(data, "ada")
        observer = give_out(data, "prometheus", "--role", "observer")
        elsewhere = give_out(data, "elsewhere", "--rooms", "elsewhere")
        with Hub("--data", data) as hub, at_all_addresses(hub, papers, "--http-host", "hub.example",
                                                          token=observer) as (near, afar, gateway):
            check("over TLS, and is asked for a token" in gateway.text, gateway.text)
            door = secure(afar, papers)
            status, body, _ = afar.ask("/healthz")
            equal(status, 400)
            check("https://" in str(body), body)
            equal(near.ask("/healthz")[0], 200, "who is of this machine need not encrypt")
            equal(door.ask("/healthz")[0], 200)
            for shown in ({}, bearer(OTHER)):
                equal(post(door, BEGIN, **shown)[0], 401)
                equal(door.ask("/metrics", **shown)[0], 401)
            Session(door, bearer(token)).call("join", name="ada")
            # a WebSocket's hello is for the hub to judge, whose patience is for those who are known
            equal(door.ask("/ws", **WEBSOCKET)[0], 401)
            equal(door.ask("/ws", **WEBSOCKET, **bearer(OTHER))[0], 401)
            equal(door.status("/ws", **WEBSOCKET, **bearer(token)), 101)
            equal(near.status("/ws", **WEBSOCKET), 101)
            # a browser can't say Authorization there, but which protocols it knows
            for offered, status in ((f"khub, khub.bearer.{token}", 101), (f"khub.bearer.{token}", 101),
                                    (f"khub, khub.bearer.{OTHER}", 401), ("khub", 401), ("khub, khub.bearer.", 401),
                                    (f"khub.bearer.{token}, khub.bearer.{token}", 401)):
                client = door.connect()
                with contextlib.closing(client):
                    client.request("GET", "/ws", headers={name.replace("_", "-"): value for name, value in WEBSOCKET.items()}
                                   | {"Sec-WebSocket-Protocol": offered})
                    answer = client.getresponse()
                    equal(answer.status, status, offered)
                    agreed = "khub" if status == 101 and offered.startswith("khub,") else None
                    equal(answer.headers["Sec-WebSocket-Protocol"], agreed, offered)
                    check("bearer" not in str(answer.headers).lower().replace("www-authenticate: bearer", ""), answer.headers)
            equal(door.ask("/metrics", Sec_WebSocket_Protocol=f"khub, khub.bearer.{observer}")[0], 401)
            equal(door.ask("/metrics", **bearer(observer))[0], 200)
            equal(door.ask("/metrics", **bearer(elsewhere))[0], 403)
            # DNS rebinding: what it may be called
            for host, status in (("hub.example", 200), (f"HUB.example:{door.port}", 200), ("localhost", 200),
                                 ("evil.example", 403), ("hub.example.evil.example", 403), ("192.0.2.1", 403)):
                equal(door.ask("/healthz", Host=host)[0], status, host)


@test
def of_other_machines_nobody_is_taken_at_a_hub_without_tokens():
    own_address()
    with lab() as papers, Hub() as hub:
        with at_all_addresses(hub, papers) as (near, afar, _):
            door = secure(afar, papers)
            for shown in ({}, bearer(OTHER)):
                status, body, _ = post(door, BEGIN, **shown)
                equal(status, 403)
                check("khub token add" in str(body) and "--insecure" in str(body), body)
            equal(door.ask("/metrics")[0], 403)
            equal(door.ask("/ws", **WEBSOCKET)[0], 403)
            Session(near).call("join", name="ada")
        with at_all_addresses(hub, papers, "--http-insecure", tls=False) as (_, afar, gateway):
            check("nothing is encrypted" in gateway.text, gateway.text)
            Session(afar).call("join", name="bea")
            equal(afar.ask("/metrics")[0], 200)


@test
def the_gateways_certificate_stands_for_nobody_else():
    """At a hub where it stands for a token."""
    with directory() as data, lab() as papers:
        give_out(data, "ada")
        token = give_out(data, "bea")
        shows = ("--ca", papers.path("ca.pem"), "--cert", papers.path("ada.pem"), "--key", papers.path("ada.key"))
        with Hub("--data", data, *papers.pair("hub"), "--tls-client-ca", papers.path("ca.pem")) as hub:
            at = ("--hub", f"khubs://localhost:{hub.port}")
            with Gateway(*at, *shows) as gateway:
                gateway.wait_ready()
                equal(post(gateway, BEGIN)[0], 401)
                equal(gateway.ask("/v1/members")[0], 401)
                Session(gateway, bearer(token)).call("join", name="bea")
                hub.wait_log("event=connected .*token=bea")
                with contextlib.closing(WebClient(gateway)) as nobody:
                    nobody.name = "eve"
                    nobody.say("hello", {"protocol": 2})
                    nobody.expect_error("unauthorized")
            with Gateway(*at, *shows, "--share-token") as gateway:
                gateway.wait_ready()
                Session(gateway).call("join", name="ada")
                hub.wait_log("event=joined ai=ada")


@test
def where_it_may_not_listen():
    with lab() as papers, Hub() as hub:
        refused(1, "gateway", "--http", "0.0.0.0:0", hub=hub, said=("tokens be read on their way", "127.0.0.1"))
        refused(2, "gateway", "--http", "0.0.0.0:0", "--share-token", *papers.pair("hub"), hub=hub,
                said=("have each client show its own",))
        refused(2, "gateway", "--tls-cert", papers.path("hub.pem"), hub=hub, said=("--tls-key",))
        refused(1, "gateway", "--http", "127.0.0.1:0", "--tls-cert", papers.path("hub.pem"), "--tls-key",
                papers.path("renewed.key"), hub=hub, said=("no TLS", "is not that of the certificate"))


if __name__ == "__main__":
    run()
