#!/usr/bin/env python3
"""khub bridge a2a, whose agent's stream comes in pieces, breaks in the middle of an event, or says
more than is taken: each word of it is said once, and who asks is told where there is no more.

usage: cli_bridge_torn.py KHUB [PART OF A NAME]
"""
import os
import sys

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
sys.path.insert(0, os.path.join(ROOT, "tests", "wire"))
from a2a_agent import message, status  # noqa: E402
from a2a_bridge import Peer, bridged  # noqa: E402
from harness import check, equal, run, test, wait_until  # noqa: E402

STREAMS = [{"version": version, "rest": rest} for version in ("1.0", "0.3") for rest in (False, True)]
WAYS = [("cut", False), ("cut", True), ("end", True)]  # how it ends too early; is it in chunks?
MIB = 1 << 20
ANSWER_MAX = 8 * MIB
TEXT_MAX = 64 << 10
ASKS_MAX, WAITING_MAX = 8, 256  # at once, and behind them
ACCENTS = "déjà vu — ça va\r\n" * 3


def update(state, words=None):
    return {"taskId": "task-1", "contextId": "context-task-1", "status": status(state, words)}


@test
def a_stream_that_comes_in_pieces_is_read_as_if_whole():
    """What stands before a cut has been read when it is heard, and with it what lies behind it."""
    for kind in STREAMS:
        with bridged(**kind) as (_, agent, _, ada):
            ada.ask("slowly")
            question = agent.next()
            first = question.event(task={"id": "task-1", "contextId": "context-task-1", "status": status("WORKING", "begun")})
            events = [question.event(statusUpdate=update("WORKING", f"{ACCENTS}{number}")) for number in range(12)]
            # in a field's name, an escape, a letter of several bytes, between the \r and the \n
            places = [event.find(part) + into for event, (part, into) in zip(events, (
                (b"alive", 2), (b"alive\r\n", 6), (b"event:", 3), (b"data:", 2), (b"data:", 5), (b"{", 1), ("é".encode(), 1),
                ("—".encode(), 2), (b"\\r", 1), (b"}\r\n", 2), (b"}\r\n\r\n", 3), (b"}\r\n\r\n", 4)))]
            rest = first
            for number, (event, at) in enumerate(zip(events, places)):
                question.bytes(rest + event[:at])
                equal(ada.answer()["text"], "begun" if number == 0 else f"{ACCENTS}{number - 1}")
                rest = event[at:]
            question.bytes(rest + question.event(statusUpdate=update("COMPLETED", "done"))).end()
            equal([ada.answer()["text"] for _ in range(2)], [f"{ACCENTS}11", "done"])


@test
def a_stream_that_breaks_within_an_event_is_taken_up_again():
    """By asking for the task: what was told half is told whole, and what was told is not again."""
    for kind in STREAMS:
        for breaks, chunked in WAYS:
            with bridged(**kind) as (_, agent, _, ada):
                agent.chunked = chunked
                asked = ada.ask("long work")
                question = agent.next().task("WORKING", "begun")
                equal(ada.answer(in_reply_to=asked)["text"], "begun")
                half = question.event(statusUpdate=update("WORKING", "half of this is lost"))
                question.status("WORKING", "on it").bytes(half[:len(half) // 2])
                equal(ada.answer()["text"], "on it")
                looks = len(agent.seen)
                getattr(question, breaks)()
                wait_until(lambda looks=looks, agent=agent: len(agent.seen) > looks, "a look at the task")
                agent.tasks["task-1"] = {
                    "id": "task-1", "contextId": "context-task-1", "status": {**status("COMPLETED", "done")},
                    "artifacts": [{"artifactId": "a", "parts": [{"text": "what came of it"}]}]}
                equal([ada.answer(in_reply_to=asked)["text"] for _ in range(2)], ["what came of it", "done"])
                equal(ada.state_of(asked), "acted_on")
                ada.ask("and then?")
                question = agent.next()
                equal(question.text, "and then?", "nothing was put twice")
                question.say(message=message("nothing")).end()
                equal(ada.answer()["text"], "nothing", "nothing was said twice")


@test
def a_session_whose_stream_breaks_within_an_event_goes_on():
    with bridged() as (_, agent, _, ada):
        session = ada.offer(description="mix this")
        question = agent.next().task("WORKING")
        ada.update(session, "active")
        question.made("mix", [{"text": "la"}])
        half = question.event(artifactUpdate={"taskId": "task-1", "contextId": "c", "append": True, "lastChunk": True,
                                              "artifact": {"artifactId": "mix", "parts": [{"text": "lost"}]}})
        question.bytes(half[:-4]).cut()
        agent.tasks["task-1"] = {"id": "task-1", "contextId": "context-task-1", "status": status("COMPLETED", "mixed"),
                                 "artifacts": [{"artifactId": "mix", "parts": [{"text": "la"}, {"text": "la"}]}]}
        equal(ada.until("workspace_update", key="mix")["payload"]["value"], "la\nla")
        equal(ada.answer(session_id=session)["text"], "mixed")
        ada.update(session, "completed")


@test
def what_breaks_before_the_agent_has_said_anything_is_not_known():
    for kind in STREAMS:
        with bridged(**kind) as (_, agent, _, ada):
            for breaks, chunked in WAYS:
                agent.chunked = chunked
                asked = ada.ask("are you there?")
                question = agent.next()
                half = question.event(task={"id": "task-1", "contextId": "c", "status": status("WORKING", "begun")})
                question.bytes(half[:-3])
                getattr(question, breaks)()
                failed = ada.answer(unanswered=asked)
                words = "it broke off" if chunked and breaks == "cut" else "its stream ended before it said anything"
                check(words in failed["text"] and "in_reply_to" not in failed, failed)
                check("not put a second time" in failed["text"], failed)
            check(agent.questions.empty(), "it was put again")


@test
def an_event_or_an_answer_that_is_too_long_is_not_taken():
    def told():
        failed = ada.answer(unanswered=asked)
        check(f"{what} has more than 8 MiB" in failed["text"], failed["text"])
        check("not put a second time" in failed["text"] and "in_reply_to" not in failed, failed)

    what = "an event of its stream"
    line = b"data: " + b"x" * (MIB - 6) + b"\n"
    with bridged() as (_, agent, _, ada):
        # of two no line ends, of one no event does
        for data in (b"data: " + b"x" * (ANSWER_MAX + 1), b"x" * (ANSWER_MAX + 1), line * 9):
            asked = ada.ask("say much")
            question = agent.next().bytes(data)
            told()
            question.end()
        asked = ada.ask("of a task")
        question = agent.next().task("WORKING", "begun").bytes(b"data: " + b"x" * ANSWER_MAX)
        equal(ada.answer()["text"], "begun")
        agent.tasks["task-1"] = {"id": "task-1", "contextId": "c", "status": status("COMPLETED", "in short")}
        equal(ada.answer(in_reply_to=asked)["text"], "in short", "which is asked for")
        question.end()
    what = "its answer"
    with bridged(streams=False) as (_, agent, _, ada):
        asked = ada.ask("say much")
        agent.next().answer(200, "x" * (ANSWER_MAX + 1))
        told()
        asked = ada.ask("a little less")
        agent.next().say(message=message("y" * (ANSWER_MAX - 4096)))
        check(ada.answer(in_reply_to=asked)["text"].startswith("yyy"), "an answer that is short enough")


@test
def a_text_is_cut_where_there_is_too_much_of_it():
    with bridged() as (_, agent, _, ada):
        for count in (TEXT_MAX, TEXT_MAX + 1, 7 * MIB):
            asked = ada.ask("a long text")
            agent.next().say(message=message("z" * count)).end()
            text = ada.answer(in_reply_to=asked)["text"]
            equal(text.count("z"), min(count, TEXT_MAX))
            equal(text[TEXT_MAX:], f"… ({count - TEXT_MAX} bytes more)" if count > TEXT_MAX else "")


@test
def what_comes_to_too_much_in_pieces_ends():
    with bridged() as (_, agent, _, ada):
        asked = ada.ask("a file")
        question = agent.next().task("WORKING", "begun")
        ada.answer(in_reply_to=asked)
        for _ in range(9):
            question.made("file", [{"text": "w" * MIB}], append=True)
        failed = ada.answer(unanswered=asked)
        check("what it makes is too much to be passed on" in failed["text"], failed)
        question.end()
        session = ada.offer(description="a file")
        question = agent.next().task("WORKING", name="task-2")
        ada.update(session, "active")
        for number in range(9):
            question.made(f"file {number}", [{"text": "w" * MIB}], name="task-2")
        check("too much" in ada.update(session, "failed")["note"], "and a session fails")
        question.end()


@test
def so_many_questions_are_put_at_once():
    with bridged() as (hub, agent, _, ada):
        peers = [Peer(hub, f"peer{number}") for number in range(ASKS_MAX + 1)]
        for peer in peers:
            peer.ask(f"by {peer.name}")
        put = [agent.next() for _ in range(ASKS_MAX)]
        last = ada.ask("behind all of them")  # and so this waits as well
        hub.join("eve", 2).drain()
        equal(agent.questions.qsize(), 0, "more than 8 at once")
        first = put[0]
        first.say(message=message("one is done")).end()
        put.append(agent.next())
        equal(sorted(question.text for question in put), sorted(f"by {peer.name}" for peer in peers))
        for question in put[1:]:
            question.say(message=message("done")).end()
        agent.next().say(message=message("at last")).end()
        equal(ada.answer(in_reply_to=last)["text"], "at last")


@test
def so_many_wait_and_no_more():
    with bridged() as (_, agent, bridge, ada):
        ada.ask("number 0")
        first = agent.next()
        for number in range(1, WAITING_MAX + 1):
            ada.ask(f"number {number}")
        asked = ada.ask("one too many")
        failed = ada.answer(unanswered=asked)
        check("too many questions wait here" in failed["text"], failed)
        bridge.wait_for("too many questions wait here")
        first.say(message=message("answer 0")).end()
        for number in range(1, WAITING_MAX + 1):
            question = agent.next()
            equal(question.text, f"number {number}")
            question.say(message=message(f"answer {number}")).end()
        equal([ada.answer()["text"] for _ in range(WAITING_MAX + 1)], [f"answer {number}" for number in range(WAITING_MAX + 1)])
        ada.ask("and now?")
        agent.next().say(message=message("there is room")).end()
        equal(ada.answer()["text"], "there is room")


if __name__ == "__main__":
    run()
