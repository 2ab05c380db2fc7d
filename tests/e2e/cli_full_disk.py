#!/usr/bin/env python3
"""What people can do while the disk is full: see what is there, save it elsewhere, and go on when
there is room.

usage: cli_full_disk.py KHUB [PART OF A NAME]
"""
import contextlib
import os
import re
import signal
import sqlite3
import subprocess
import sys

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
sys.path.insert(0, os.path.join(ROOT, "tests", "wire"))
from harness import (Hub, check, directory, equal, fill_up, full_disk, kill_9, run,  # noqa: E402
                     settle, small_disk, test, wait_until)
from program import KHUB, Running, environment, khub, refused, worked  # noqa: E402


@test
def reads_go_on_while_the_disk_is_full():
    """For who comes then, too; and who watches hears what is new when there is room again."""
    with directory() as data, Hub("--data", data) as hub:
        ada = hub.join("ada", 2)
        ada.say("pattern_share", {"pattern": {"id": "p1", "text": "a fair queue"}})
        for text in ("long ago", "was said"):
            ada.say("chat", {"text": text})
            settle(ada)
        # what was said is written within a second, or when somebody reads it
        check("was said" in worked("log", hub=hub).out, "the log")
        with full_disk(hub):
            ada.say("chat", {"text": "can't be kept"})
            ada.expect_error("storage_unavailable")
            for words, part in ((["who"], "ada"), (["kb", "list"], "p1"), (["kb", "search", "fair"], "p1"),
                                (["kb", "get", "p1"], "fair"), (["sessions"], "no session"), (["leases"], "nobody holds a lease"),
                                (["dead"], "nothing lies")):
                result = worked(*words, hub=hub)
                check(part in (result.out + result.err).lower(), words, result.out, result.err)
                equal(result.err.count("can't store anything just now: what it knows is shown all the same"), 1,
                      f"sentences of {words}")
            result = khub("log", hub=hub)
            check("long ago" in result.out and "was said" in result.out, result.out, result.err)
            watch = Running("watch", hub=hub)
            watch.wait_for("watching")
            refused(1, "send", "chat", '{"text":"x"}', hub=hub,
                    said=["can't store anything just now: nobody can join, trying again", "still can't store"])
        with watch:
            wait_until(lambda: hub.counters()["observers"] == 1, "the watcher to have joined")
            worked("send", "chat", '{"text":"there is room"}', "--as", "bea", hub=hub)
            text = watch.wait_for("there is room")
            equal(text.count("watching"), 1, "beginnings")


@test
def who_would_send_waits_for_room():
    with directory() as data, Hub("--data", data) as hub:
        ada = hub.join("ada", 2)
        settle(ada)
        with full_disk(hub):
            ada.say("chat", {"text": "can't be kept"})
            ada.expect_error("storage_unavailable")
            send = Running("send", "chat", '{"text":"patience"}', "--as", "bea", hub=hub)
            chat = Running("chat", "--as", "cey", hub=hub, stdin=subprocess.PIPE)
            for waiting in (send, chat):
                line = waiting.process.stderr.readline().decode()
                check("nobody can join, trying again" in line, line)
            chat.process.stdin.write(b"me, too\n")
            chat.process.stdin.close()
            chat.process.stdin = None
        with send, chat:
            equal((send.end(None), chat.end(None)), ((0, ""), (0, "")), "how they ended")
        texts = {line["payload"]["text"] for line in ada.drain() if line["message_type"] == "chat"}
        equal(texts, {"patience", "me, too"}, "what came")


# ── a disk that is full before the hub begins ──


@contextlib.contextmanager
def kept_on_a_full_disk(stopped):
    """A directory in which a hub kept a pattern and a chat, and the file that fills its disk."""
    with small_disk(8) as disk:
        data, ballast = os.path.join(disk, "data"), os.path.join(disk, "ballast")
        hub = Hub("--data", data)
        ada = hub.join("ada", 2)
        ada.say("pattern_share", {"pattern": {"id": "p1"}})
        ada.say("chat", {"text": "long ago"})
        for _ in range(2):  # as a line it is kept with what is said after it was applied
            settle(ada)
        kill_9(hub)
        if stopped:  # as a hub leaves it that ended by itself: without a log
            worked("check", data)
        fill_up(ballast, 0)
        yield data, ballast


@test
def what_was_kept_is_read_and_saved_though_there_is_no_room_beside_it():
    for stopped in (False, True):
        with directory() as other, kept_on_a_full_disk(stopped) as (data, _):
            os.mkdir(other)
            copy = os.path.join(other, "copy.db")
            worked("backup", data, copy)
            with contextlib.closing(sqlite3.connect(copy)) as database:
                equal(database.execute("PRAGMA integrity_check").fetchone(), ("ok",), "the copy")
            equal(os.listdir(other), ["copy.db"], "what is beside the copy")
            equal(os.stat(copy).st_mode & 0o777, 0o600, "mode")
        with kept_on_a_full_disk(stopped) as (data, _):
            told = worked("log", "--data", data)
            check("long ago" in told.out, "what was said", stopped, told.out, told.err)
            check("knows 1 pattern" in worked("check", data).out, "what is known")


@test
def a_copy_that_has_no_room_either_leaves_nothing():
    with kept_on_a_full_disk(True) as (data, _):
        file = os.path.join(os.path.dirname(data), "copy.db")
        refused(1, "backup", data, file, said=[f"{file}.part: ", "full"])
        equal(sorted(os.listdir(os.path.dirname(data))), ["ballast", "data"], "what is there")


def say_much(hub, count):
    ada = hub.join("ada", 2)
    for at in range(count):
        ada.say("chat", {"text": f"{at} " + "x" * 2000})
    settle(ada)
    return ada


def left_of_backups(data):
    return [name for name in os.listdir(data) if name.startswith("backup")]


@test
def a_running_hubs_copy_that_finds_no_room_where_it_goes_leaves_nothing():
    with directory() as data, Hub("--data", data) as hub, small_disk(1) as disk:
        ada = say_much(hub, 1000)
        file = os.path.join(disk, "copy.db")
        refused(1, "backup", data, file, said=[f"{file}: No space left on device"])
        equal((os.listdir(disk), left_of_backups(data)), ([], []), "what is left")
        settle(ada)
        check("event=storage state=failing" not in hub.log(), "the hub is harmed")
        with open(f"{file}.part", "w", encoding="ascii") as other:
            other.write("somebody's")
        refused(1, "backup", data, file, said=[f"{file}.part: File exists"])
        equal((os.listdir(disk), left_of_backups(data)), (["copy.db.part"], []), "what is left")
        worked("backup", data, os.path.join(data, "copy.db"))


@test
def a_copy_that_would_fill_the_hubs_own_disk_is_not_begun():
    with small_disk(32) as disk, directory() as other:
        os.mkdir(other)
        data, ballast = os.path.join(disk, "data"), os.path.join(disk, "ballast")
        with Hub("--data", data) as hub:
            ada = say_much(hub, 4000)
            file = os.path.join(other, "copy.db")
            fill_up(ballast, 6 << 20)
            refused(1, "backup", data, file, said=["on whose disk is no room for it", "KiB and 1024 are needed"])
            equal((os.listdir(other), left_of_backups(data)), ([], []), "what is left")
            settle(ada)
            os.unlink(ballast)
            worked("backup", data, file)
            settle(ada)


@test
def a_salvage_that_has_no_room_leaves_nothing():
    """But a directory that was there before, and what is in it."""
    with kept_on_a_full_disk(True) as (data, _):
        into = os.path.join(os.path.dirname(data), "new")
        refused(1, "check", data, "--salvage", into, said=[f"{into}: ", "full"])
        check(not os.path.exists(into), into, "is left")
        os.mkdir(into)
        refused(1, "check", data, "--salvage", into, said=["full"])
        equal(os.listdir(into), [], "what is there")
        with open(os.path.join(into, "other"), "wb"):
            refused(1, "check", data, "--salvage", into, said=["full"])
        equal(os.listdir(into), ["other"], "what is there")
        refused(1, "check", data, "--salvage", data, said=[f"{data}: "])
        check("long ago" in worked("log", "--data", data).out, "what was said")


@test
def a_hub_begins_without_room_and_goes_on_when_there_is():
    for stopped in (False, True):
        with kept_on_a_full_disk(stopped) as (data, ballast):
            mark = os.path.join(data, "hub.db-mark")
            hub = Hub("--data", data)
            hub.wait_log("event=storage state=failing error=.*full")
            check("p1" in worked("kb", "list", hub=hub).out, "what is known")
            os.unlink(ballast)
            hub.wait_log("event=storage state=well")
            worked("send", "chat", '{"text":"room again"}', hub=hub)
            settle(hub.join("ada", 2))  # who sent has left, and nothing is being written any more:
            equal(os.path.getsize(mark), 32, "how far the log went is written down")
            hub.process.kill()  # or what is cut off below may not have been written down yet
            hub.process.wait()
            kill_9(hub)
            log = os.path.join(data, "hub.db-wal")
            os.truncate(log, os.path.getsize(log) - 4096)  # and what is missing is seen
            refused(1, "check", data, said=["in its log (hub.db-wal)"])


def ends_badly(hub):
    """What a hub says at its end that could not store something."""
    hub.process.send_signal(signal.SIGTERM)
    equal(hub.process.wait(), 1, "exit code")
    said = [line for line in hub.log().splitlines() if line.startswith("khub: ")]
    hub.kill()
    return said


@test
def a_hub_that_ends_on_a_full_disk_says_what_is_lost():
    begin = r"khub: not stored before the end \(.*full\): "
    with kept_on_a_full_disk(True) as (data, _):
        hub = Hub("--data", data)
        hub.wait_log("event=storage state=failing")
        said = ends_badly(hub)
        check(len(said) == 1 and re.fullmatch(begin + r"1 note of the hub's own, such as who left; the next hub does "
                                              "without", said[0]), said)
    with small_disk(8) as disk:
        hub = Hub("--data", os.path.join(disk, "data"), "--sync", "interval:1")
        ada = hub.join("ada", 2, acks=True)
        looker = hub.join("looker", 2, role="observer", sync="none")
        looker.say("log_query")  # which is answered when all is written, that they joined, too
        looker.expect("log_result")
        fill_up(os.path.join(disk, "ballast"), 0)
        for _ in range(2):
            ada.say("chat", {"text": "x" * 500000})  # more than its log has room for
        answers = []
        while answers.count("ack") + answers.count("error") < 2:
            answers.append(ada.receive()["message_type"])
        hub.wait_log("event=storage state=failing")
        said, count = ends_badly(hub), answers.count("ack")
        check(count, "nothing was acked:", answers)
        lost = re.fullmatch(begin + r"(\d+) messages? of ada; (\d+) of them had been taken and may have been acked "
                            r"\(--sync\), and are lost", said[0])
        check(lost and lost.group(1) == lost.group(2), said)
        check(count <= int(lost.group(1)) <= count + 1, answers, said)  # perhaps her hello, too


@test
def output_that_has_no_room_says_why():
    with directory() as data:
        with Hub("--data", data) as hub:
            settle(hub.join("ada", 2))
        with open("/dev/full", "wb") as full:
            done = subprocess.run([KHUB, "log", "--data", data], stdout=full, stderr=subprocess.PIPE,
                                  env=environment(), check=False)
        equal((done.returncode, done.stderr.decode()),
              (1, "khub log: could not write the output: No space left on device\n"), "what is said")
        log = os.path.join(data, "hub.db-wal")
        os.unlink(log)
        os.mkdir(log)  # of which SQLite's own sentence says nothing
        refused(1, "log", "--data", data, said=["unable to open database file: Is a directory"])


run()
