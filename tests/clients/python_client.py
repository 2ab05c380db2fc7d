#!/usr/bin/env python3
"""clients/python as programs use it: threads, callbacks, loops, forks, and what ends them.

usage: python_client.py KHUB [PART OF A NAME]
"""
import asyncio
import contextlib
import json
import os
import sys
import threading

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "wire"))
sys.path.insert(0, os.path.join(HERE, "..", "..", "clients", "python"))
import khub  # noqa: E402
from harness import Hub, check, equal, run, test, wait_until  # noqa: E402
from secure import lab  # noqa: E402


def refused(kind, function, *words, **more):
    try:
        found = function(*words, **more)
    except kind as error:
        return error
    raise AssertionError(f"{function} took {words} {more}: {found}")


def client(hub, name, **options):
    return khub.Client(name, address=f"127.0.0.1:{hub.port}", **options)


def chats(hub, *texts, to=None):
    """Said by somebody who comes for that."""
    with contextlib.closing(hub.connect()) as eve:
        eve.hello(f"eve{len(hub.clients)}", 2, sync="none", acks=True)
        for text in texts:
            eve.say("chat", {"text": text}, to)
            while eve.receive()["message_type"] != "ack":
                pass


def threads():
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("khub ")]


@test
def callbacks_are_called_by_who_runs_them():
    with Hub() as hub, client(hub, "ada") as ada:
        heard = []

        @ada.on("chat")
        def chat(message):
            heard.append((message.text, threading.current_thread() is threading.main_thread()))
            if message.text == "stop":
                ada.close()

        @ada.on()
        def everything(message):
            heard.append(message.type)

        chats(hub, "go", "stop")
        ada.run()
        heard = [what for what in heard if what not in ("hello", "presence", "caught_up")]
        equal(heard, [("go", True), "chat", ("stop", True), "chat"], "what was called")
        equal(threads(), [], "threads that are left")


@test
def what_a_handler_failed_at_was_not_handled():
    with Hub() as hub:
        found = None
        with contextlib.suppress(ZeroDivisionError):
            with client(hub, "ada") as ada:
                found = ada
                chats(hub, "1", "2", "3")
                for message in ada:
                    if message.text == "2":
                        raise ZeroDivisionError
        equal(found.state, khub.State.ENDED, "state")
        before = found.position
        with client(hub, "ada", since=before, stays_s=0) as ada:
            # a hub without a store does not have it any more, and says so
            equal([ada.receive().type for _ in range(2)], ["error", "caught_up"], "what comes")
        check(before is not None and before.seq > 0, before)


@test
def who_breaks_off_has_handled_what_it_has():
    with Hub() as hub:
        with client(hub, "ada") as ada:
            chats(hub, "1", "2")
            for message in ada:
                if message.text == "1":
                    break
        equal(ada.position, message.position, "position")
        refused(khub.Closed, ada.chat, "too late")
        refused(khub.Closed, ada.receive)
        equal(list(ada), [], "a loop over it")


@test
def a_client_that_has_not_joined_says_so():
    with Hub() as hub:
        ada = client(hub, "ada")
        refused(khub.Closed, ada.chat, "x")
        refused(khub.Closed, ada.receive)
        ada.close()
        with client(hub, "bea"):
            again = refused(khub.Refused, client(hub, "bea").join)
            equal((again.code, again.payload["code"]), ("id_in_use", "id_in_use"), "code")
            equal(len(threads()), 1, "threads")


@test
def its_own_thread_must_not_wait_for_it():
    with Hub() as hub:
        errors = []
        ada = client(hub, "ada", on_state=lambda state, error: errors.append(refused(khub.Error, ada.chat, "x")))
        with ada:
            equal(ada.chat("y").delivered, True, "delivered")
        check(len(errors) >= 4 and all("on_state" in str(error) for error in errors[:3]), errors)


@test
def a_fault_in_on_state_stops_nothing():
    faults = []

    async def life(hub):
        asyncio.get_running_loop().set_exception_handler(lambda loop, context: faults.append(context["exception"]))
        async with khub.AsyncClient("ada", address=f"127.0.0.1:{hub.port}", on_state=lambda state, error: 1 / 0) as ada:
            return await ada.chat("still here")

    with Hub() as hub:
        equal(asyncio.run(life(hub)).delivered, True, "delivered")
        check(len(faults) >= 3 and all(isinstance(fault, ZeroDivisionError) for fault in faults), faults)


@test
def a_forks_child_is_refused():
    with Hub() as hub, client(hub, "ada") as ada:
        child = os.fork()
        if child == 0:
            os._exit(0 if "fork" in str(refused(khub.Error, ada.chat, "x")) else 1)
        equal(os.waitpid(child, 0)[1], 0, "exit code of the child")
        equal(ada.chat("from the parent").delivered, True, "delivered")


@test
def threads_may_share_it():
    with Hub() as hub, client(hub, "ada") as ada, client(hub, "bea") as bea:
        def talk(number):
            for n in range(20):
                bea.chat(f"{number} {n}", to="ada")

        talking = [threading.Thread(target=talk, args=(number,)) for number in range(4)]
        for thread in talking:
            thread.start()
        heard = []
        for message in ada:
            if message.type == "chat":
                heard.append(message.text)
            if len(heard) == 80:
                break
        for thread in talking:
            thread.join()
        for number in range(4):
            mine = [text for text in heard if text.split()[0] == str(number)]
            equal(mine, [f"{number} {n}" for n in range(20)], f"of thread {number}")


@test
def who_waits_for_room_gets_it_in_order():
    async def life(hub):
        async with khub.AsyncClient("ada", address=f"127.0.0.1:{hub.port}", queue_max=4000) as ada:
            outcomes = await asyncio.gather(*[ada.chat(f"{n} " + "x" * 500) for n in range(60)])
            seqs = [outcome.seq for outcome in outcomes]
            equal(seqs, sorted(seqs), "seqs")
            posted = []
            error = None
            for n in range(60):
                try:
                    posted.append(ada.post("chat", {"text": "x" * 500}))
                except khub.Full as full:
                    error = full
            check(error and len(posted) < 20, "posted:", len(posted))
            await asyncio.gather(*posted)

    with Hub() as hub:
        asyncio.run(life(hub))


@test
def a_wait_that_is_cancelled_takes_nothing_back():
    async def life(hub):
        where = f"127.0.0.1:{hub.port}"
        async with khub.AsyncClient("ada", address=where) as ada, khub.AsyncClient("bea", address=where) as bea:
            waiting = asyncio.ensure_future(bea.chat("said all the same"))
            await asyncio.sleep(0)
            waiting.cancel()
            receiving = asyncio.ensure_future(ada.receive())
            await asyncio.sleep(0)
            receiving.cancel()
            while (message := await ada.receive()).type != "chat":
                pass
            equal(message.text, "said all the same", "text")
            equal(await ada.receive(timeout=0.01), None, "what comes behind it")
            await bea.chat("and again")
            equal((await ada.receive()).text, "and again", "text")

    with Hub() as hub:
        asyncio.run(life(hub))


@test
def who_does_not_take_messages_stops_reading():
    """And reads on while it waits for an answer; who does not listen needs no room."""
    with Hub() as hub, client(hub, "ada", inbox_max=300000) as ada, client(hub, "bea", inbox_max=300000) as bea, \
            client(hub, "mute", listens=False) as mute:
        text = "x" * 10000
        chats(hub, *[text] * 100)
        for each in (ada, bea):
            wait_until(lambda each=each: each._link.wire.reading_paused, "a pause")
            check(each._link.protocol.inbox_bytes >= 300000, "waits:", each._link.protocol.inbox_bytes)
        equal(ada.chat("meanwhile").delivered, True, "delivered")
        for each in (ada, bea):  # bea asks nothing: it reads on by what is taken
            count = 0
            while count < 100:
                count += each.receive().text == text
        equal((mute.chat("I").delivered, mute._link.protocol.inbox_bytes), (True, 0), "who does not listen")


class Stub(asyncio.Transport):
    """A connection that is told what its ends are called."""

    def __init__(self, peer, own):
        super().__init__({"peername": peer, "sockname": own})
        self.aborted = self.closed = False
        self.sent = b""

    def abort(self):
        self.aborted = True

    def close(self):
        self.closed = True

    def write(self, data):
        self.sent += data


def wired(link, peer=("127.0.0.1", 1), own=("127.0.0.1", 2)):
    wire = khub._Wire(link)
    wire.connection_made(Stub(peer, own))
    return wire


@test
def connections_that_are_not_its_own_are_let_go():
    async def life():
        link = khub._Link(khub.Options("ada", address="127.0.0.1:1"))
        link.loop, protocol = asyncio.get_running_loop(), link.protocol
        late = wired(link)
        check(late.transport.aborted, "one that came when none was wanted")
        protocol.connecting(0.0)
        first = wired(link)
        equal(protocol.state, khub.State.GREETING, "state")
        check(b"hello" in first.transport.sent and wired(link).transport.aborted, "a second one")
        late.connection_lost(None)
        late.data_received(b'{"nonsense"}\n')
        equal((protocol.state, protocol.skipped), (khub.State.GREETING, 0), "state, and what was skipped")
        first.connection_lost(None)
        equal(protocol.state, khub.State.WAITING, "state")
        protocol.connecting(0.0)
        itself = wired(link, own=("127.0.0.1", 1))
        equal((protocol.state, itself.transport.sent), (khub.State.WAITING, b""), "state, and what it told itself")

    asyncio.run(life())


def hub_says(wire, message_type, payload):
    fields = {"message_id": "m", "sender_id": "hub", "message_type": message_type, "timestamp": "t", "payload": payload}
    wire.data_received(json.dumps(fields).encode() + b"\n")


@test
def who_comes_later_does_not_get_the_room_that_others_wait_for():
    async def life():
        link = khub._Link(khub.Options("ada", address="127.0.0.1:1", queue_max=1000))
        link.loop, link.task, link.gate = asyncio.get_running_loop(), asyncio.current_task(), asyncio.Lock()
        link.protocol.connecting(0.0)
        wire = wired(link)
        hub_says(wire, "training_sync", {"seq": 1})
        said = [asyncio.ensure_future(link.say("chat", {"text": name * 400}, None, name)) for name in "abc"]
        for _ in range(5):
            await asyncio.sleep(0)
        equal(list(link.protocol.pending), ["a"], "what has room")
        said.append(asyncio.ensure_future(link.say("chat", {"text": "d"}, None, "d")))
        for name in "abcd":  # the first is answered before the last has begun to wait
            hub_says(wire, "ack", {"message_id": name, "seq": 2, "delivered": True})
            for _ in range(5):
                await asyncio.sleep(0)
        order = [json.loads(line)["message_id"] for line in wire.transport.sent.splitlines()[1:]]
        equal(order, ["a", "b", "c", "d"], "said")
        await asyncio.gather(*said)

    asyncio.run(life())


@test
def what_waits_for_room_does_not_overtake_what_could_not_be_kept():
    async def life():
        link = khub._Link(khub.Options("ada", address="127.0.0.1:1", queue_max=1000))
        link.loop, link.task, link.gate = asyncio.get_running_loop(), asyncio.current_task(), asyncio.Lock()
        link.protocol.connecting(0.0)
        wire = wired(link)
        hub_says(wire, "training_sync", {"seq": 1})
        said = [asyncio.ensure_future(link.say("chat", {"text": name * 400}, None, name)) for name in "abc"]
        for _ in range(5):
            await asyncio.sleep(0)
        equal(list(link.protocol.pending), ["a"], "what has room")
        hub_says(wire, "error", {"code": "storage_unavailable", "detail": "d", "in_reply_to": "a", "behind": None})
        for error in await asyncio.gather(*said, return_exceptions=True):
            check(isinstance(error, khub.Refused) and error.code == "storage_unavailable", error)
        said = asyncio.ensure_future(link.say("chat", {"text": "a"}, None, "a"))
        await asyncio.sleep(0)
        lines = [json.loads(line) for line in wire.transport.sent.splitlines()[1:]]
        equal([line["payload"].get("refused", line["message_id"]) for line in lines], ["a", "a", "a"], "said")
        equal([line["message_type"] for line in lines], ["chat", "heartbeat", "chat"], "said")
        said.cancel()

    asyncio.run(life())


@test
def a_claim_whose_answer_was_lost_is_asked_again():
    async def life():
        link, asked = khub._Link(khub.Options("ada", address="127.0.0.1:1")), []
        answers = [None, {"holder": "bea", "fence": 7, "ttl_s": 9}]

        async def say(message_type, payload, answered_by):
            asked.append((message_type, payload, answered_by))
            return khub.Pending("m", message_type, b"", print, answered_by, answer=answers.pop(0))

        link.say = say
        lease = await link.claim("k", 9, None)
        equal((len(asked), lease.holder, lease.fence, bool(lease)), (2, "bea", 7, False), "asked, and the lease")

    asyncio.run(life())


@test
def a_certificate_that_the_hub_does_not_take_ends_the_link():
    """It says so behind this side's end of the handshake."""
    with lab() as papers, Hub(*papers.pair("hub"), "--tls-client-ca", papers.path("ca.pem")) as hub:
        where = {"address": f"khubs://localhost:{hub.port}", "ca": papers.path("ca.pem")}
        for name, taken in (("ada", True), ("stranger", False)):
            ada = khub.Client("ada", cert=papers.path(f"{name}.pem"), key=papers.path(f"{name}.key"), **where)
            if taken:
                with ada:
                    equal(ada.chat("x").delivered, True, "delivered")
            else:
                refused(khub.Untrusted, ada.join)


@test
def what_can_be_asked_is_paged():
    with Hub() as hub, client(hub, "ada") as ada:
        others = [hub.join(f"bea{n:03}", 2) for n in range(60)]
        names = [member["ai_id"] for member in ada.members()]
        equal(names, ["ada"] + [f"bea{n:03}" for n in range(60)], "members")
        equal(ada.member("bea007")["members"][0]["status"], "connected", "status")
        session = ada.open_session("review", "much to write", target="bea000")
        others[0].say("collaboration_response", {"session_id": session, "accepted": True})
        while ada.session(session)["session"]["status"] != "active":
            pass
        for n in range(12):
            ada.write(session, f"k{n}", "x" * 200000)
        wanted = {f"k{n}": {"version": 1, "value": "x" * 200000} for n in range(12)}
        equal(ada.workspace(session), wanted, "workspace")
        conflict = refused(khub.Refused, ada.write, session, "k3", "y")
        equal((conflict.code, conflict.payload["version"], conflict.retry_after), ("conflict", 1, None), "conflict")
        equal([found["session_id"] for found in ada.sessions()], [session], "sessions")


@test
def work_is_shared_out_and_shown_to_be_done():
    with Hub() as hub, client(hub, "ada") as ada, client(hub, "bea") as bea:
        first = f"t{ada.add_task('write it', body='all of it').seq}"
        ada.add_task("try it", key="try-it", needs=[first])
        equal([task["id"] for task in bea.tasks("ready")], [first], "ready")
        equal([task["id"] for task in bea.tasks()], [first, "try-it"], "tasks")
        equal(refused(khub.Refused, bea.claim, "task:try-it").code, "conflict", "code")
        lease = bea.claim(f"task:{first}", intent="now")
        check(lease and not ada.claim(f"task:{first}"), "who has it")
        bea.finish_task(lease, [{"command": "true", "exit": 0}])
        ada.report_evidence(first, exit=0)
        told = ada.task(first)["task"]
        equal((told["status"], told["closed_by"], len(told["evidence"])), ("done", "bea", 1), "task")
        equal([task["id"] for task in bea.tasks("ready")], ["try-it"], "ready")


@test
def letters_that_nobody_took_are_told_and_sent_again():
    with Hub() as hub, client(hub, "ada") as ada:
        hub.join("bea", 2).close()
        while ada.receive().type != "presence":
            pass
        equal(ada.chat("are you there?", to="bea").delivered, False, "delivered")
        (letter,) = ada.dead_letters(target="bea")
        equal((letter["sender"], letter["why"]), ("ada", "absent"), "letter")
        equal(refused(khub.Refused, ada.dead_letter, letter["id"], "resend").code, "target_offline", "code")
        bea = hub.join("bea", 2)
        equal(ada.dead_letter(letter["id"], "resend")["status"], "resent", "status")
        bea.expect("chat", text="are you there?")
        equal(ada.dead_letters(), [], "letters")


@test
def capabilities_may_change():
    with Hub() as hub, client(hub, "ada", capabilities=["old"]) as ada:
        eve = hub.join("eve", 2)
        ada.change_capabilities(["new"])
        eve.expect("hello", capabilities=["new"])
        eve.say("feature_request", {"feature": "new", "requirements": {}})
        while (message := ada.receive()).type != "feature_response":
            pass
        equal(message.payload["requestor"], "eve", "requestor")
        ada.answer_feature("eve", "new", {"name": "it"})
        eve.expect("feature_response")
        eve.expect("os_component_share", feature_name="new")


run()
