"""Tokens as tests give them out, and connections that show them."""
import contextlib
import socket

from harness import Client, check, equal
from program import worked

OTHER = "khub_0mn4yx4sqvhggbajeyec3sgb61aqn7y4x4736p3xmb3yr49pbe00b4ane5"  # whole, and nobody's


def give_out(data, name, *options):
    """The token; on stdout stands nothing else."""
    result = worked("token", "add", name, *options, "--data", data)
    check(result.out.endswith("\n") and len(result.out) == 64, repr(result.out))
    check(result.out.strip() not in result.err, result.err)
    return result.out.strip()


def revoke(data, name):
    equal(worked("token", "revoke", name, "--data", data).out, "")


class Stranger(Client):
    """A connection from an address of its own, so that nobody else's wrong tokens count for it."""
    last = 0

    def __init__(self, hub, address=None):
        if address is None:
            Stranger.last += 1
            address = f"127.0.{1 + Stranger.last // 250}.{1 + Stranger.last % 250}"
        # as Client does it, but bound
        self.source = address
        original = socket.socket.connect

        def connect(sock, place):
            sock.bind((self.source, 0))
            return original(sock, place)

        socket.socket.connect = connect
        try:
            super().__init__(("127.0.0.1", hub.port))
        finally:
            socket.socket.connect = original
        hub.clients.append(self)

    def ask(self, name, level=2, **payload):
        """Says hello and expects no particular answer."""
        self.name = name
        self.say("hello", {"protocol": level, **payload})


def let_in(hub, name, token, level=2, **payload):
    client = Stranger(hub)
    client.hello(name, level, token=token, **payload)
    return client


def turned_away(hub, name, code="unauthorized", words=(), **payload):
    with contextlib.closing(Stranger(hub)) as client:
        client.ask(name, **payload)
        detail = client.expect_error(code, *words)["payload"]["detail"]
        if code != "forbidden":
            client.expect_end()
        return detail
