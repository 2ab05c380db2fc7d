#!/usr/bin/env python3
"""What is done with a hub's data directory: khub check.

usage: cli_data.py KHUB [PART OF A NAME]
"""
import contextlib
import os
import sqlite3
import sys

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
sys.path.insert(0, os.path.join(ROOT, "tests", "wire"))
from harness import Hub, check, directory, equal, kill_9, run, settle, test  # noqa: E402
from program import khub, worked  # noqa: E402


def fill(data, count=3, room="main"):
    """Patterns that a hub heard of, and then it is killed."""
    hub = Hub("--data", data)
    ada = hub.join("ada", 2, room=room)
    for at in range(count):
        ada.say("pattern_share", {"pattern": {"id": f"p{at}"}})
    settle(ada)
    kill_9(hub)


def damage(data, sql):
    with contextlib.closing(sqlite3.connect(os.path.join(data, "hub.db"))) as database, database:
        check(database.execute(sql).rowcount == 1, sql, "changed not one row")


@test
def a_whole_directory_is_checked():
    with directory() as data:
        fill(data)
        out = worked("check", data).out
        check("rooms: 1, entries: " in out and "knows 3 patterns, 0 components" in out, out)
        fill(data)  # and a hub starts on it as before
        check("knows 3 patterns" in worked("check", data).out)


@test
def a_damaged_directory_is_told_entry_by_entry():
    with directory() as data:
        fill(data)
        damage(data, "UPDATE entries SET time = time + 1 WHERE instr(bytes, '\"p1\"')")
        found = khub("check", data)
        equal(found.code, 1, "exit code")
        check('damaged: room "main", entry 4\n' in found.out, found.out)
        check("damaged: 1 of them" in found.out and "whole" not in found.out, found.out)


@test
def what_is_in_use_or_not_there_is_not_checked():
    with directory() as data:
        with Hub("--data", data) as hub:
            found = khub("check", data)
            equal(found.code, 1, "exit code")
            check(f"process {hub.process.pid}" in found.err, found.err)
        missing = os.path.join(data, "missing")
        found = khub("check", missing)
        equal(found.code, 1, "exit code")
        check("no hub's database" in found.err and not os.path.exists(missing), found.err)


run()
