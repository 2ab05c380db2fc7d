#!/usr/bin/env python3
"""The conformance script's driver of clients/python: what it is told and what it prints is in
README.md. The links of one run are all of AsyncClient, or all of Client, each with a thread that
handles its messages and one for each thing that is waited for.

usage: driver.py sync | async
"""
import asyncio
import json
import os
import sys
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "clients", "python"))
import khub  # noqa: E402

_printing = threading.Lock()
SECONDS = {"retry_first_ms": "retry_first_s", "retry_max_ms": "retry_max_s", "heartbeat_ms": "heartbeat_s"}
ERRORS = [(khub.Refused, "refused"), (khub.Untrusted, "untrusted"), (khub.Unreachable, "unreachable"),
          (khub.Full, "full"), (khub.TooLong, "too_long"), (khub.Closed, "closed"), ((ValueError, TypeError), "argument")]


def tell(name, event, **members):
    line = json.dumps({"as": name, "event": event, **members})
    with _printing:
        print(line, flush=True)


def named(error):
    for kind, name in ERRORS:
        if isinstance(error, kind):
            return name
    raise error


def tell_failed(name, event, tag, error):
    refused = isinstance(error, khub.Refused)
    tell(name, event, tag=tag, error=named(error), code=error.code if refused else "",
         payload=error.payload if refused else None)


def tell_state(name, state, error):
    tell(name, "state", state=state.value, error=error and named(error), detail=str(error or ""),
         code=error.code if isinstance(error, khub.Refused) else "")


def tell_message(name, message):
    tell(name, "message", type=message.type, sender=message.sender, target=message.target, payload=message.payload,
         seq=message.seq, position=message.position)


def made(kind, command):
    """The client, or None when what it was told can't be."""
    name = command["as"]
    options = {SECONDS.get(key, key): value / 1000 if key in SECONDS else value
               for key, value in command.items() if key not in ("do", "as")}
    if isinstance(options.get("since"), list):
        options["since"] = khub.Position(*options["since"])
    try:
        return kind(**options, on_state=lambda state, error: tell_state(name, state, error))
    except ValueError as error:
        tell(name, "state", state="ended", error="argument", code="", detail=str(error))
        return None


def tell_where(name, client):
    tell(name, "where", position=client.position, resume_token=client.resume_now, stays=client.stays)


def arguments(command):
    """Of a call; bytes come as a text of as many characters."""
    words = list(command["words"])
    if command["method"] == "put_artifact":
        words[2] = words[2].encode("latin-1")
    return words, command.get("named", {})


def tell_called(name, tag, value):
    if isinstance(value, khub.Outcome):
        value = {"seq": value.seq, "delivered": value.delivered, "stored": value.stored}
    tell(name, "called", tag=tag, value=value.decode("latin-1") if isinstance(value, bytes) else value)


class Blocking:
    """A link of Client."""

    def __init__(self, command):
        self.name, self.client = command["as"], made(khub.Client, command)
        self.free = threading.Event()
        self.free.set()
        if self.client:
            self.later(self.handle)

    def handle(self):
        try:
            self.client.join()
            for message in self.client:
                free = self.free
                tell_message(self.name, message)
                free.wait()
        except khub.Error:
            pass  # its state says so

    def later(self, function, *words):
        threading.Thread(target=function, args=words, daemon=True).start()

    def publish(self, command):
        tag = command["tag"]
        try:
            future = self.client.post(command["type"], command["payload"], command.get("target"), command.get("message_id"))
        except (khub.Error, ValueError, TypeError) as error:
            tell_failed(self.name, "outcome", tag, error)
            return

        def done(future):
            if future.exception():
                tell_failed(self.name, "outcome", tag, future.exception())
            else:
                told = future.result()
                tell(self.name, "outcome", tag=tag, seq=told.seq, delivered=told.delivered, stored=told.stored)

        future.add_done_callback(done)

    def claim(self, command):
        try:
            lease = self.client.claim(command["key"], command["ttl_s"], command.get("intent"))
            tell(self.name, "claimed", tag=command["tag"], mine=lease.mine, holder=lease.holder, fence=lease.fence)
        except (khub.Error, ValueError) as error:
            tell_failed(self.name, "claimed", command["tag"], error)

    def ask(self, command):
        try:
            tell(self.name, "answer", tag=command["tag"], payload=self.client.ask(command["type"], command["payload"]))
        except (khub.Error, ValueError) as error:
            tell_failed(self.name, "answer", command["tag"], error)

    def call(self, command):
        try:
            words, more = arguments(command)
            tell_called(self.name, command["tag"], getattr(self.client, command["method"])(*words, **more))
        except (khub.Error, ValueError) as error:
            tell_failed(self.name, "called", command["tag"], error)

    def obey(self, command):
        what = command["do"]
        if what == "publish":
            self.publish(command)
        elif what in ("claim", "ask", "call"):
            self.later(getattr(self, what), command)
        elif what == "where":
            tell_where(self.name, self.client)
        elif what == "hold":
            self.free = threading.Event()
        elif what == "go":
            self.free.set()
        elif what == "close":
            self.later(self.client.close, command.get("leave", False))


class Awaiting:
    """A link of AsyncClient."""

    def __init__(self, command):
        self.name, self.client = command["as"], made(khub.AsyncClient, command)
        self.free = asyncio.Event()
        self.free.set()
        if self.client:
            asyncio.ensure_future(self.handle())

    async def handle(self):
        try:
            await self.client.join()
            async for message in self.client:
                free = self.free
                tell_message(self.name, message)
                await free.wait()
        except khub.Error:
            pass  # its state says so

    async def publish(self, command):
        tag = command["tag"]
        try:
            told = await self.client.publish(command["type"], command["payload"], command.get("target"),
                                             command.get("message_id"))
            tell(self.name, "outcome", tag=tag, seq=told.seq, delivered=told.delivered, stored=told.stored)
        except (khub.Error, ValueError, TypeError) as error:
            tell_failed(self.name, "outcome", tag, error)

    async def claim(self, command):
        try:
            lease = await self.client.claim(command["key"], command["ttl_s"], command.get("intent"))
            tell(self.name, "claimed", tag=command["tag"], mine=lease.mine, holder=lease.holder, fence=lease.fence)
        except (khub.Error, ValueError) as error:
            tell_failed(self.name, "claimed", command["tag"], error)

    async def ask(self, command):
        try:
            payload = await self.client.ask(command["type"], command["payload"])
            tell(self.name, "answer", tag=command["tag"], payload=payload)
        except (khub.Error, ValueError) as error:
            tell_failed(self.name, "answer", command["tag"], error)

    async def call(self, command):
        try:
            words, more = arguments(command)
            tell_called(self.name, command["tag"], await getattr(self.client, command["method"])(*words, **more))
        except (khub.Error, ValueError) as error:
            tell_failed(self.name, "called", command["tag"], error)

    def obey(self, command):
        what = command["do"]
        if what in ("publish", "claim", "ask", "call"):
            asyncio.ensure_future(getattr(self, what)(command))
        elif what == "where":
            tell_where(self.name, self.client)
        elif what == "hold":
            self.free = asyncio.Event()
        elif what == "go":
            self.free.set()
        elif what == "close":
            asyncio.ensure_future(self.client.close(command.get("leave", False)))


def obey(links, kind, line):
    command = json.loads(line)
    if command["do"] == "join":
        links[command["as"]] = kind(command)
    else:
        links[command["as"]].obey(command)


def blocking():
    links = {}
    for line in sys.stdin:
        obey(links, Blocking, line)


async def awaiting():
    links, loop = {}, asyncio.get_running_loop()
    while True:
        line = await loop.run_in_executor(None, sys.stdin.readline)
        if not line:
            return
        obey(links, Awaiting, line)


if __name__ == "__main__":
    if sys.argv[1] == "sync":
        blocking()
    else:
        asyncio.run(awaiting())
