#!/usr/bin/env python3
"""khub log as a person or a script meets it: from a hub, from a directory, and as it comes.

usage: cli_log.py KHUB [PART OF A NAME]
"""
import contextlib
import hashlib
import json
import os
import select
import signal
import sqlite3
import subprocess
import sys

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
sys.path.insert(0, os.path.join(ROOT, "tests", "wire"))
from harness import Hub, check, directory, equal, kill_9, run, settle, test  # noqa: E402
from harness import wait_until  # noqa: E402
from program import HOSTILE, KHUB, Running, environment, harmless, khub, refused  # noqa: E402
from program import worked  # noqa: E402


def log(*words, **more):
    return [json.loads(line) for line in worked("log", "--json", *words, **more).out.splitlines()]


def texts(*words, **more):
    return [found["message"]["payload"]["text"] for found in log("--type", "chat", *words, **more)]


def talk(client, *numbers):
    for number in numbers:
        client.say("chat", {"text": str(number)})
    settle(client)


def digests(folder):
    return {name: hashlib.sha256(open(os.path.join(folder, name), "rb").read()).hexdigest()
            for name in os.listdir(folder) if name != "lock"}


@test
def the_past_is_told_by_filters():
    with directory() as data, Hub("--data", data) as hub:
        ada, bea = hub.join("ada", 2), hub.join("bea", 2)
        talk(ada, *range(60))
        bea.say("chat", {"text": HOSTILE, "session_id": "3f9a2c11-aa"}, "ada")
        settle(bea)
        out = harmless(worked("log", hub=hub).out)
        equal(len(out.splitlines()), 51, "a day, and the newest 50")
        check("[31mred" in out, out)
        check(all(len(line) <= 80 for line in harmless(worked("log", hub=hub, COLUMNS="80").out).splitlines()))
        equal(texts("--limit", "3", "--from", "ada", hub=hub), ["57", "58", "59"])
        equal(texts("--to", "ada", hub=hub), [HOSTILE])
        equal(texts("--session", "3f9a2c11", hub=hub), [HOSTILE])
        equal(texts("--since", "1", "--from", "ada", hub=hub), [str(at) for at in range(60)])
        first = log("--type", "chat", "--since", "1", hub=hub)[0]["seq"]
        equal(texts("--since", str(first + 1), "--until", str(first + 3), hub=hub), ["1", "2", "3"])
        equal(texts("--until", str(first), hub=hub), ["0"])
        equal(len(texts("--since", "1h", hub=hub)), 61)
        equal(texts("--until", "1d", hub=hub), [])
        equal(texts("--since", "2099-01-01", hub=hub), [])
        equal(len(texts("--since", "2020-01-01T00:00:00Z", "--until", "2099-01-01T05:00", hub=hub)), 61)
        check("Nothing of that" in worked("log", "--from", "nobody", hub=hub).out)


@test
def times_are_found_wherever_they_are():
    with directory() as data, Hub("--data", data) as hub:
        ada = hub.join("ada", 2)
        marks = []
        for at in range(5):
            talk(ada, *range(at * 40, at * 40 + 40))
            mark = log("--type", "chat", "-n", "1", hub=hub)[0]["time"]
            marks.append(mark[:23] + "Z")
            while log("-n", "1", hub=hub)[0]["time"] <= mark:  # until the clock has gone on
                ada.say("pattern_share", {"pattern": {"id": "clock"}})
                settle(ada)
        for at, mark in enumerate(marks):
            heard = texts("--until", mark, "-n", "1", hub=hub)
            equal(heard, [str(at * 40 + 39)], f"the last until {mark}")
            since = texts("--since", mark, hub=hub)
            check(str(at * 40 + 39) in since and (at == 0 or str(at * 40 - 1) not in since), mark, since[:3])


@test
def a_directory_is_read_as_it_is_and_to_its_last_acked_message():
    with directory() as data:
        total = 0
        for _ in range(4):
            hub = Hub("--data", data)
            ada = hub.join("ada", 2, acks=True)
            for at in range(300):
                ada.say("chat", {"text": str(total + at)})
            for at in range(300):
                ada.expect("ack")
            total += 300
            kill_9(hub)
            before = digests(data)
            found = texts("--data", data, "--since", "1")
            equal(found, [str(at) for at in range(total)])
            equal(texts("--data", data, "-n", "2", "--from", "ada"), [str(total - 2), str(total - 1)])
            equal(digests(data), before, "the files")
        with Hub("--data", data) as hub:
            there = log("--since", "1", hub=hub)
            held = refused(1, "log", "--data", data, said=["another hub has it (process", "--hub"])
            check(str(hub.process.pid) in held.err, held.err)
        equal(log("--data", data, "--since", "1")[:len(there)], there)
        refused(1, "log", "--data", data, "--room", "lab", said=["no room 'lab'", "'main'"])
        refused(1, "log", "--data", os.path.join(data, "none"), said=["no hub's database"])
        check(not os.path.exists(os.path.join(data, "none")))


@test
def what_was_said_last_is_told_after_a_check_of_what_a_killed_hub_left():
    """Which takes in the database's log, by which a hub that was killed could be told."""
    with directory() as data:
        for total in range(1, 9):
            hub = Hub("--data", data)
            ada = hub.join("ada", 2, acks=True)
            ada.say("chat", {"text": str(total)})
            ada.expect("ack")
            kill_9(hub)
            worked("check", data)
            equal(texts("--data", data, "--since", "1"), [str(at) for at in range(1, total + 1)])


@test
def what_is_damaged_is_left_out_and_said():
    with directory() as data:
        with Hub("--data", data) as hub:
            talk(hub.join("ada", 2), "first", "needle", "last")
        with contextlib.closing(sqlite3.connect(os.path.join(data, "hub.db"))) as database, database:
            for table in ("entry_packs", "message_packs"):
                for number, blob in database.execute(f"SELECT id, bytes FROM {table}").fetchall():
                    database.execute(f"UPDATE {table} SET bytes = ? WHERE id = ?",
                                     (blob.replace(b"needle", b"noodle"), number))
        found = khub("log", "--data", data, "--type", "chat")
        equal(found.code, 1, "exit code")
        check("first" in found.out and "last" in found.out and "noodle" not in found.out, found.out)
        check("is damaged on disk" in found.err and "khub check" in found.err, found.err)


@test
def following_misses_nothing_and_ends_at_once():
    with directory() as data:
        hub = Hub("--data", data)
        ada = hub.join("ada", 2)
        talk(ada, 0, 1, 2)
        with Running("log", "--follow", "--type", "chat", "--json", "-n", "2", hub=hub) as running:
            running.wait_for('"text": "2"')
            talk(ada, 3)
            running.wait_for('"text": "3"')
            equal(running.end(signal.SIGINT)[0], 0, "exit code")
            lines = [json.loads(line) for line in running.text.splitlines()]
            equal([line["message"]["payload"]["text"] for line in lines], ["1", "2", "3"])
            check(all("seq" not in line["message"] for line in lines), lines)
            equal([line["seq"] for line in lines], [line["seq"] for line in log("--type", "chat", "-n", "3", hub=hub)])
        kill_9(hub)


@test
def following_goes_on_when_the_hub_was_killed():
    with directory() as data:
        hub = Hub("--data", data)
        address = f"127.0.0.1:{hub.port}"
        ada = hub.join("ada", 2, acks=True)
        with Running("log", "--follow", "--type", "chat", "--hub", address) as running:
            ada.say("chat", {"text": "before"})
            ada.expect("ack")
            running.wait_for("before")
            kill_9(hub)
            hub = Hub("--data", data, listen=(address,))
            ada = hub.join("ada", 2, acks=True)
            for at in range(50):
                ada.say("chat", {"text": f"n{at}."})
                ada.expect("ack")
            running.wait_for("n49.")
            code, said = running.end()
            equal(code, 0, "exit code")
            check("lost the hub" in said and "the hub is back" in said, said)
            for at in range(50):
                equal(running.text.count(f" n{at}."), 1, f"n{at}")
        kill_9(hub)


@test
def a_reader_that_had_enough_is_no_failure():
    with directory() as data, Hub("--data", data) as hub:
        talk(hub.join("ada", 2), *range(4000))
        with subprocess.Popen([KHUB, "log", "--since", "1"], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              env=environment(hub)) as process:
            process.stdout.readline()
            process.stdout.close()
            equal((process.wait(), process.stderr.read()), (0, b""), "exit code and what it said")
        with subprocess.Popen([KHUB, "log", "--follow"], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              env=environment(hub)) as process:
            process.stdout.readline()
            process.stdout.close()
            equal((process.wait(), process.stderr.read()), (0, b""), "exit code and what it said, following")


@test
def what_is_wrong_or_gone_is_said():
    refused(2, "log", "--type", "chatt", said=["'chatt'", "'chat'"])
    refused(2, "log", "--follow", "--until", "10", said=["--follow", "--until"])
    refused(2, "log", "--follow", "--data", "x", said=["--follow", "--data"])
    refused(2, "log", "--from", "x" * 129, said=["--from", "129"])
    with Hub() as hub:
        refused(1, "log", hub=hub, said=["keeps nothing", "--follow"])
        ada = hub.join("ada", 2)
        with Running("log", "--follow", hub=hub) as running:
            while not select.select([running.process.stdout], [], [], 0.05)[0]:
                ada.say("chat", {"text": "now"})  # until it is there to hear it
            check(" now\n" in running.wait_for("now\n"), running.text)
            equal(running.end()[0], 0, "exit code")
    # before a hub is asked
    for where in (("--hub", "127.0.0.1:1"), ("--data", "/nonexistent")):
        refused(2, "log", "--since", "yesterday", *where, said=["'yesterday'", "10m"])
        refused(2, "log", "--until", "10 m", *where, said=["'10 m'"])
        for later, earlier in (("10m", "2h"), ("2026-11-26T05:00", "2026-11-26"), ("43", "42")):
            refused(2, "log", "--since", later, "--until", earlier, *where, said=[f"'{later}'", f"'{earlier}'", "between"])
            refused(1, "log", "--since", earlier, "--until", later, *where)
        refused(1, "log", "--since", "42", "--until", "42", *where)
        refused(1, "log", "--since", "42", "--until", "3d", *where)
    refused(1, "log", "--hub", "127.0.0.1:1", said=["no hub at"])


@test
def a_room_that_is_not_there_is_said_with_those_like_it():
    with directory() as data, Hub("--data", data) as hub:
        ada, bea, eve = hub.join("ada", 2, room="lab"), hub.join("bea", 2, room="lobby"), hub.join("eve", 2)
        talk(ada, "in the lab")
        for _ in range(2):  # asking makes no room of it
            refused(1, "log", "--room", "lap", hub=hub, said=["no room 'lap'", "did you mean lab?"])
        refused(1, "log", "--room", "elsewhere", hub=hub, said=["no room 'elsewhere': no AI was ever there."])
        equal(texts("--room", "lab", hub=hub), ["in the lab"])
        check("Nothing of that" in worked("log", "--from", "nobody", hub=hub).out)
        for client in (ada, bea, eve):
            client.close()
        wait_until(lambda: not hub.counters()["members"], "all to have left")
        for room in ("lab", "lobby", "main"):
            worked("log", "--room", room, hub=hub)
        with Running("log", "--room", "lap", "--follow", "--type", "chat", hub=hub) as running:
            check(b"did you mean lab?" in running.process.stderr.readline())
            fay = hub.join("fay", 2, room="lap")
            while not select.select([running.process.stdout], [], [], 0.05)[0]:
                fay.say("chat", {"text": "now"})  # until it is there to hear it
            running.wait_for("now\n")
            equal(running.end()[0], 0, "exit code")
        check("now" in worked("log", "--room", "lap", hub=hub).out)


run()
