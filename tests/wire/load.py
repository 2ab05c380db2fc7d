"""Load and its bounds: who reads too slowly, says nothing, comes in thousands, or asks for more
than it takes."""

import collections
import contextlib
import os
import random
import re
import resource
import select
import socket
import threading
import time

from harness import MIB, Client, Hub, Skip, check, encode, equal, message, room, run, test, wait_until


HISTORY = 64 * MIB  # of messages that the hub remembers, beside what it has to send
# a sender that waits for its reader leaves so much in between: the reader never lags
LONG_MS = 3600000  # must not pass while a test runs
WINDOW = 2 * MIB


def block_of(sender, kind, size, number, target=None):
    return encode(message(sender, kind, {"number": number, "text": "x" * size}, target))


def read_all(client, count, kind="feature_response"):
    """Reads until `count` messages of this type are there; they must come in order. In a thread:
    .join() gives nothing away, so failures end up in .failure. .wait_for_room(size) is for the
    sender: on a slow machine too it is never far ahead."""

    news = threading.Condition()
    ahead = collections.deque()  # sizes of what was sent and not read
    total = 0

    def work():
        nonlocal total
        try:
            number = 0
            while number < count:
                line = client.receive()
                check(line is not None, "the connection ended")
                if line["message_type"] == kind:
                    equal(line["payload"]["number"], number, "number")
                    number += 1
                    with news:
                        total -= ahead.popleft() if ahead else 0
                        news.notify()
        except Exception as failure:  # handed over to the test's own thread
            with news:
                thread.failure = failure
                news.notify()

    def wait_for_room(size):
        nonlocal total
        with news:
            news.wait_for(lambda: thread.failure or total < WINDOW)
            ahead.append(size)
            total += size

    thread = threading.Thread(target=work)
    thread.failure = None
    thread.wait_for_room = wait_for_room
    thread.start()
    return thread


def finish(thread):
    thread.join()
    if thread.failure:
        raise thread.failure


@test
def a_peer_that_never_reads_is_cut_and_harms_nobody():
    count, size = 600, 64 << 10
    with room("--flush-ms", LONG_MS) as place:
        slow = place.hub.connect(buffer=4096)
        slow.hello("slow", 2)
        reader = read_all(place.bea, count)
        for number in range(count):
            reader.wait_for_room(size)
            place.ada.send(block_of("ada", "feature_response", size, number))
        finish(reader)
        place.hub.wait_log("conn=c3 event=disconnected reason=slow_consumer")
        place.hub.check_rss(64 * MIB)
        # What it reads now is whole lines, and the reason comes last.
        last = None
        while (line := slow.receive()) is not None:
            last = line
        equal(last["payload"].get("code"), "slow_consumer", f"last line {str(last)[:200]}")
        waited = re.search(r": (\d+) bytes wait for it, and 8388608 may \(--max-output\)$", last["payload"]["detail"])
        check(waited and int(waited.group(1)) > 8 * MIB, last["payload"]["detail"])
        slow.close()
        place.hub.wait_log("event=left ai=slow reason=slow_consumer")


@test
def nobody_is_silent_while_nobody_is_read():
    """The hub waits for who lags, and so hears nobody, though bea says that she is there."""
    silent_ms = 6000
    with Hub("--heartbeat-ms", silent_ms, "--lag-patience-ms", LONG_MS) as hub:
        slow, ada, bea = hub.connect(buffer=4096), hub.join("ada", 1), hub.join("bea", 2)
        slow.hello("slow", 1)
        bea.expect("hello")

        def flood():
            with contextlib.suppress(OSError):
                while True:
                    ada.send(block_of("ada", "feature_response", 64 << 10, 0, "slow"))
        thread = threading.Thread(target=flood)
        thread.start()
        heard = time.monotonic()
        while time.monotonic() < heard + 2 * silent_ms / 1000:
            bea.say("heartbeat")
            if select.select([bea.socket], [], [], 0.2)[0]:
                equal(bea.receive()["message_type"], "heartbeat", "what bea hears")
                heard = time.monotonic()
        ada.socket.shutdown(socket.SHUT_RDWR)  # which ends its sending, too
        thread.join()
        thread = threading.Thread(target=lambda: collections.deque(iter(slow.receive_raw, None), 0))
        thread.start()
        bea.drain()
        slow.socket.shutdown(socket.SHUT_WR)
        thread.join()
        check("heartbeat_timeout" not in hub.log(), hub.log()[-2000:])


@test
def a_peer_that_never_reads_is_closed_all_the_same():
    with room() as place:
        slow = place.hub.connect(buffer=4096)
        slow.hello("slow", 1)
        reader = read_all(place.bea, 400)
        for number in range(400):
            reader.wait_for_room(64 << 10)
            place.ada.send(block_of("ada", "feature_response", 64 << 10, number))
        finish(reader)
        place.hub.wait_log("conn=c3 event=disconnected reason=slow_consumer")
        wait_until(lambda: place.hub.counters()["connections"] == 2, "the end of the connection")
        wait_until(lambda: place.hub.counters()["held"] < MIB, "its queue to be freed")
        slow.close()
        place.bea.drain()


@test
def a_peer_that_trickles_does_not_throttle_the_room():
    count, size = 600, 64 << 10
    with room() as place:
        slow = place.hub.connect(buffer=4096)
        slow.hello("slow", 1)
        over = threading.Event()

        def trickle():
            while not over.wait(0.05):
                slow.socket.recv(2048)  # 40 KiB a second, for ever

        trickler = threading.Thread(target=trickle)
        trickler.start()
        reader = read_all(place.bea, count)
        for number in range(count):
            reader.wait_for_room(size)
            place.ada.send(block_of("ada", "feature_response", size, number))
        finish(reader)
        cut = place.hub.counters()["slow_consumer"]
        over.set()
        trickler.join()
        equal(cut, 1, "slow consumers that were cut before all was through")
        slow.close()
        place.unaffected()


@test
def a_sender_is_held_to_what_the_receiver_takes():
    count, size = 3000, 64 << 10  # many times the bound of a queue
    with Hub("--lag-patience-ms", LONG_MS) as hub:
        ada, eve = hub.join("ada", 1), hub.join("eve", 1)
        ada.expect("hello")

        def speak():
            for number in range(count):
                eve.send(block_of("eve", "feature_response", size, number))

        speaker = threading.Thread(target=speak)
        speaker.start()
        for number in range(count):
            ada.expect("feature_response", number=number)
            time.sleep(0.001)
            if number % 100 == 0:
                hub.check_rss(HISTORY + 48 * MIB)
        speaker.join()
        equal(hub.counters()["slow_consumer"], 0)
        eve.expect_nothing()


@test
def a_slow_reader_of_rare_messages_does_not_keep_the_stream():
    rounds, some = 3000, 20
    with Hub() as hub:
        ada, eve = hub.join("ada", 1), hub.join("eve", 1)
        slow = hub.connect(buffer=4096)
        slow.hello("slow", 1)
        ada.expect("hello")
        for number in range(64):  # its socket is full, and its queue half full
            eve.send(block_of("eve", "feature_response", 96 << 10, number, "slow"))
        eve.drain()
        reader = read_all(ada, rounds * some)
        for number in range(rounds):
            for _ in range(some):
                reader.wait_for_room(4 << 10)
            lines = [block_of("eve", "feature_response", 4 << 10, number * some + i, "ada") for i in range(some)]
            lines.append(block_of("eve", "feature_response", 10, number, "slow"))
            eve.send(b"\n".join(lines))
        finish(reader)
        hub.check_rss(HISTORY + 32 * MIB)  # of 240 MiB that went by
        finish(read_all(slow, 64))  # and nothing of its own is lost
        finish(read_all(slow, rounds))


@test
def asking_for_much_without_reading_is_cut():
    with room() as place:
        eve = place.hub.join("eve", 1)
        for number in range(4):
            eve.say("pattern_share", {"pattern": {"id": f"p{number}", "text": "x" * (250 << 10)}})
        eve.expect_nothing()
        hello = encode(message("eve", "hello")) + b"\n"
        try:
            eve.send_bytes(hello * 2000)  # each is answered with a training_sync of a mebibyte
        except OSError:  # it is cut while it still asks
            pass
        place.hub.wait_log("conn=c3 event=disconnected reason=slow_consumer")
        place.hub.check_rss(64 * MIB)
        eve.close()
        place.unaffected(heard=["pattern_share"])


@test
def ten_thousand_connections_that_say_nothing_disturb_nobody():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    wanted = min(10000, hard - 200 if hard > 0 else 10000)
    if wanted < 500:
        raise Skip(f"only {hard} files may be open here")
    with room() as place:
        before = place.hub.rss()
        silent = []
        for number in range(wanted):
            silent.append(Client(("127.0.0.1", place.hub.port)))
            if number % 1000 == 0:
                place.unaffected()
        place.unaffected()

        def seen():  # those that the system has taken, the hub may not have come to yet
            counters = place.hub.counters()
            return counters["connections"] - 2 + counters["connections_full"] + counters["hello_timeout"]

        wait_until(lambda: seen() >= wanted, "all to be taken or refused")
        equal(seen(), wanted, "connections taken or refused")
        taken = place.hub.counters()["connections"] - 2
        place.hub.check_rss(before + taken * 6 * 1024 + 8 * MIB)
        print(f"# {taken} silent connections: {(place.hub.rss() - before) / taken:.0f} bytes each")
        used = place.hub.cpu()
        time.sleep(1)
        check(place.hub.cpu() - used < 0.5, "an idle hub works:", place.hub.cpu() - used, "s in one second")
        for client in silent:
            client.close()
        wait_until(lambda: place.hub.counters()["connections"] == 2, "their end")
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@test
def a_full_hub_closes_the_newcomer_and_says_so_in_its_log():
    with Hub("--connections-max", 8) as hub:
        clients = [hub.join(f"a{number}", 1) for number in range(8)]
        extra = hub.connect()
        extra.expect_error("connections_full")
        extra.expect_end()
        hub.wait_log("event=refused reason=connections_full from=127.0.0.1")
        equal(hub.counters()["connections_full"], 1)
        clients[0].say("feature_response", {"still": "here"}, "a1")
        check(any(line["payload"].get("still") for line in clients[1].drain()))
        clients[7].close()
        hub.wait_log("event=left ai=a7")
        wait_until(lambda: hub.counters()["connections"] == 7, "room for one more")
        hub.join("new", 1)


@test
def the_oldest_silent_one_makes_room_in_a_full_hub():
    with Hub("--connections-max", 4) as hub:
        silent = [hub.connect(), hub.connect()]
        ada, bea = hub.join("ada", 1), hub.join("bea", 1)
        ada.expect("hello")
        early = hub.connect()  # they may still be about to speak
        early.expect_error("connections_full")
        early.expect_end()

        def comes_in():
            client = hub.connect()
            client.name = "new"
            try:
                client.say("hello")
                found = client.receive()
                return found and found["message_type"] == "training_sync"
            except OSError:
                return False

        wait_until(comes_in, "a place")
        silent[0].expect_error("heartbeat_timeout", "no hello came within ")
        silent[0].expect_end()
        silent[1].hello("late", 1)  # the younger one is still there
        equal(hub.counters()["hello_timeout"], 1)
        bea.drain()


@test
def a_hub_without_free_files_lives_on():
    with room("--no-confine") as place:  # one that is confined shows its descriptors to root alone
        pid = place.hub.process.pid
        _, hard = resource.prlimit(pid, resource.RLIMIT_NOFILE)
        taken = {int(name) for name in os.listdir(f"/proc/{pid}/fd")}
        filling = [place.hub.connect() for _ in set(range(max(taken))) - taken]
        wait_until(lambda: place.hub.counters()["connections"] == 2 + len(filling), "the gaps to be filled")
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (max(taken) + 1, hard))
        for _ in range(5):
            late = place.hub.connect()
            late.expect_error("connections_full", "ulimit -n")
            late.expect_end()
        place.unaffected()
        # now even its reserve is of no use
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (5, hard))
        waiting = place.hub.connect()
        used = place.hub.cpu()
        time.sleep(1)
        check(place.hub.cpu() - used < 0.5, "it spins:", place.hub.cpu() - used, "s in one second")
        place.unaffected()
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (hard, hard))
        waiting.hello("eve", 1)
        waiting.close()
        check(place.hub.counters()["connections_full"] >= 5)


@test
def comings_and_goings_of_all_kinds_leave_nothing_behind():
    with room() as place:
        stop = threading.Event()
        failures = []

        def come_and_go(seed):
            dice = random.Random(seed)
            try:
                for _ in range(30):
                    client = place.hub.connect()
                    client.name = f"guest{seed}"
                    speaks = dice.random() < 0.8
                    if speaks:
                        client.say("hello", {"protocol": dice.choice([1, 2])})
                    for _ in range(dice.randrange(20)):
                        # 3 MiB in all
                        client.say("feature_response", {"x": "y" * dice.randrange(2000)})
                    if dice.random() < 0.3:
                        client.send_bytes(b'{"half')
                    if speaks and dice.random() < 0.3:
                        client.receive()
                    client.reset() if dice.random() < 0.5 else client.close()
            except (ConnectionError, BrokenPipeError):
                pass
            except Exception as failure:  # shown below
                failures.append(failure)

        def read(client):
            while not stop.is_set():
                client.drain()

        readers = [threading.Thread(target=read, args=(client,)) for client in (place.ada, place.bea)]
        guests = [threading.Thread(target=come_and_go, args=(seed,)) for seed in range(8)]
        for thread in readers + guests:
            thread.start()
        for thread in guests:
            thread.join()
        stop.set()
        for thread in readers:
            thread.join()
        equal(failures, [])
        place.ada.drain(), place.bea.drain()
        wait_until(lambda: place.hub.counters()["connections"] == 2, "the guests' end")
        counters = place.hub.counters()
        equal(counters["members"], 2)
        check(counters["held"] < MIB, counters)
        place.unaffected(heard=["feature_response"])


run()
