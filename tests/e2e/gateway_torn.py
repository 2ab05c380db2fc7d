#!/usr/bin/env python3
"""A gateway whose line to the hub breaks, in the middle of a message: its streams (of events, of
what becomes of A2A's tasks) go on with what was not told yet, each once; what the hub does not have
any more is said to be missing.

usage: gateway_torn.py KHUB [PART OF A NAME]
"""
import concurrent.futures
import contextlib
import json
import os
import re
import shutil
import sys
import tempfile

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
for folder in ("wire", "clients"):
    sys.path.insert(0, os.path.join(ROOT, "tests", folder))
from a2a_client import BOTH, Caller, Stream, Worker, kinds, state_of, text_of  # noqa: E402
from gateway import Gateway  # noqa: E402
from harness import Hub, check, directory, equal, run, test, wait_until  # noqa: E402
from rest_client import Api, Stream as Events  # noqa: E402
from stage import Line  # noqa: E402


@contextlib.contextmanager
def a_line(*options):
    """A hub, a line that leads to it, and a gateway at the line's other end."""
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        path = os.path.join(folder, "hub")
        hub = stack.enter_context(Hub(*options, listen=("127.0.0.1:0", "unix:" + path)))
        line = Line(path)
        stack.callback(line.close)
        door = stack.enter_context(Gateway("--hub", line.address))
        door.wait_ready()
        yield hub, line, door


def begun(hub, door, binding, name):
    """A worker, a caller, and the stream of a task that the worker has taken."""
    worker, caller = Worker(hub, name), Caller(door, name, **binding)
    task = caller.send("go")
    worker.take()
    stream = Stream(caller, "SubscribeToTask", id=task["id"])
    equal(state_of(next(stream)["task"]), "WORKING")
    return worker, caller, task, stream


def note(event):
    return text_of(event["statusUpdate"]["status"]["message"])


@contextlib.contextmanager
def broken(line, words):
    """The line breaks in the middle of these words, which are said here."""
    before = line.broken
    line.cut_within(words)
    yield
    wait_until(lambda: line.broken > before, f"a connection to break within {words}")


@contextlib.contextmanager
def back_again(hub):
    """What is done here breaks the line; then the gateway is back and hears what is said."""
    def seen():
        return len(re.findall(r'event=observing ai=\S+/\d+"? ', hub.log()))
    before = seen()
    yield
    wait_until(lambda: seen() > before, "the gateway's observer")


def told(worker, stream, words, progress=0.5):
    """The worker says it, and it is the stream's next."""
    worker.progress(progress, words)
    equal(note(next(stream)), words)


@test
def what_a_hub_keeps_is_told_on_wherever_its_line_breaks():
    with directory() as data, a_line("--data", data) as (hub, line, door):
        for number, binding in enumerate(BOTH):
            worker, caller, task, stream = begun(hub, door, binding, f"ada{number}")
            other = Stream(caller, "SubscribeToTask", id=task["id"])
            next(other)
            for count in range(4):
                with broken(line, f"the {count}. note"):
                    told(worker, stream, f"the {count}. note")
                told(worker, stream, f"behind {count}")
            with broken(line, "report"):
                worker.write("report", "all is well")
                worker.say("a word")
                equal(kinds([next(stream)]), ["report"])
            equal(note(next(stream)), "a word")
            # of one seq: the hub's word that it is completed, and the component that completes it
            with broken(line, "collaboration_complete"):
                worker.finish()
                equal(kinds(stream), ["result", "COMPLETED"])
            notes = [note(event) for event in other if "message" in event.get("statusUpdate", {}).get("status", {})]
            equal(notes, [words for count in range(4) for words in (f"the {count}. note", f"behind {count}")] + ["a word"])
            equal(caller.get(task)["history"][-1]["parts"], [{"text": "a word"}])


@test
def a_hub_that_keeps_nothing_tells_what_comes_after_the_break():
    """What was said meanwhile nobody has any more; what is said then is told, and no more."""
    with a_line() as (hub, line, door):
        for number, binding in enumerate(BOTH):
            worker, caller, task, stream = begun(hub, door, binding, f"ada{number}")
            told(worker, stream, "one")
            told(worker, stream, "two")
            worker.write("report", "all is well")
            equal(kinds([next(stream)]), ["report"])
            with back_again(hub), broken(line, "half of this"):
                worker.progress(0.6, "half of this")
            told(worker, stream, "three")
            with back_again(hub):
                line.cut()
            told(worker, stream, "four")
            equal(state_of(caller.get(task)), "WORKING")
            worker.finish()
            equal(kinds(stream), ["result", "COMPLETED"])


@test
def how_it_ended_while_nobody_heard_is_told():
    with a_line() as (hub, line, door):
        ends = {"completed": "COMPLETED", "failed": "FAILED", "cancelled": "CANCELED"}
        for number, (status, state) in enumerate(ends.items()):
            worker, _, _, stream = begun(hub, door, BOTH[number % 2], f"ada{number}")
            told(worker, stream, "one")
            told(worker, stream, "two")
            line.swallow()
            line.cut()
            if status == "completed":
                worker.finish()
            else:
                worker.progress(0.9, "unheard", status=status)
            worker.until("collaboration_update", session_id=worker.session, status=status)
            line.plain()
            line.cut()
            events = list(stream)
            equal(kinds(events), [state], "once, and the stream's end")
            check("timestamp" in events[0]["statusUpdate"]["status"], events)


@test
def a_hub_that_was_put_back_tells_what_is_new():
    """Its data are as they were a while ago: seqs that were told come again, for other messages."""
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        data, path = os.path.join(folder, "data"), os.path.join(folder, "hub")
        listen = ("127.0.0.1:0", "unix:" + path)
        line = Line(path)
        stack.callback(line.close)
        with Hub("--data", data, listen=listen) as hub:
            door = stack.enter_context(Gateway("--hub", line.address))
            door.wait_ready()
            worker, caller, task, stream = begun(hub, door, {}, "ada")
            told(worker, stream, "kept")
            hub.stop()
        shutil.copytree(data, data + ".then")
        with Hub("--data", data, listen=listen) as hub:
            again = Worker(hub, "ada")
            again.session = worker.session
            for count in range(8):
                told(again, stream, f"lost {count}")
            hub.stop()
        shutil.rmtree(data)
        os.rename(data + ".then", data)
        with Hub("--data", data, listen=listen) as hub:
            again = Worker(hub, "ada")
            again.session = worker.session
            equal(state_of(caller.get(task)), "WORKING")
            told(again, stream, "new")
            again.finish()
            equal(kinds(stream), ["result", "COMPLETED"])


@test
def a_stream_of_events_says_what_it_missed():
    with a_line() as (hub, line, door):
        Api(door)  # whose document tells what there is
        ada = hub.join("ada", 2)
        with Events(door, types="chat") as stream:
            ada.say("chat", {"text": "heard"})
            equal(stream.texts(1), ["heard"])
            since = int(stream.last.partition(".")[0])
            with back_again(hub), broken(line, "missed"):
                ada.say("chat", {"text": "missed"})
            event, number, data = stream.event()
            equal((event, number, data["code"], data["since"]), ("replay_truncated", None, "replay_truncated", since))
            ada.say("chat", {"text": "then"})
            event, number, data = stream.event()
            equal((event, data["payload"]["text"]), ("chat", "then"))
            check(int(number.partition(".")[0]) > since + 1, number)


@test
def a_stream_of_events_misses_nothing_that_a_hub_keeps():
    with directory() as data, a_line("--data", data) as (hub, line, door):
        Api(door)  # whose document tells what there is
        ada = hub.join("ada", 2)
        with Events(door, types="chat") as stream:
            for count in range(8):
                with broken(line, f"number {count}"):
                    ada.say("chat", {"text": f"number {count}"})
                ada.say("chat", {"text": f"behind {count}"})
                for words in ("number", "behind"):
                    event, _, message = stream.event()
                    equal((event, message["payload"]["text"]), ("chat", f"{words} {count}"))


@test
def what_was_asked_as_the_line_broke_is_answered():
    """And what stands behind it in a line: log queries go one after the other."""
    with directory() as data, a_line("--data", data) as (hub, line, door), concurrent.futures.ThreadPoolExecutor(4) as pool:
        hub.join("ada", 2).say("chat", {"text": "said"})
        paths = {"/v1/members": "ada", "/v1/messages?types=chat": "said", "/v1/messages?types=chat&limit=1": "said",
                 "/v1/sessions": "sessions"}
        for path in paths:
            equal(door.ask(path)[0], 200)
        for _ in range(3):
            line.swallow()
            asked = [pool.submit(door.ask, path) for path in paths]
            wait_until(lambda: line.swallowed > 400, "questions that are lost")
            line.plain()
            line.cut()
            line.swallowed = 0
            for answer, words in zip(asked, paths.values()):
                status, body, _ = answer.result()
                equal((status, words in json.dumps(body)), (200, True), body)


if __name__ == "__main__":
    run()
