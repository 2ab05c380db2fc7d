#!/usr/bin/env python3
"""What is done with a hub's data directory: khub check, khub backup.

usage: cli_data.py KHUB [PART OF A NAME]
"""
import contextlib
import os
import resource
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
sys.path.insert(0, os.path.join(ROOT, "tests", "wire"))
from harness import (Hub, Skip, check, directory, equal, kill_9, run, settle,  # noqa: E402
                     test, wait_until)
from program import KHUB, Running, environment, khub, refused, worked  # noqa: E402


def fill(data, count=3, room="main"):
    """Patterns that a hub heard of, and then it is killed."""
    hub = Hub("--data", data)
    ada = hub.join("ada", 2, room=room)
    for at in range(count):
        ada.say("pattern_share", {"pattern": {"id": f"p{at}"}})
    settle(ada)
    kill_9(hub)


def files(data):
    """All but the index, which is made again."""
    return {name for name in os.listdir(data) if not name.startswith("search.db")}


# p1's, as fill tells of it
ENTRY_4 = ("UPDATE entry_packs SET bytes = CAST(replace(CAST(bytes AS TEXT), '\"p1\"', '\"p7\"') AS BLOB)"
           " WHERE instr(bytes, CAST('\"p1\"' AS BLOB))")


def damage(data, sql):
    with contextlib.suppress(FileNotFoundError):  # which says that nobody else wrote there
        os.unlink(os.path.join(data, "hub.db-mark"))
    with contextlib.closing(sqlite3.connect(os.path.join(data, "hub.db"))) as database, database:
        check(database.execute(sql).rowcount == 1, sql, "changed not one row")


# ── where a hub keeps things ──


@contextlib.contextmanager
def state_home():
    """A folder for $XDG_STATE_HOME, and the directory in it that a hub makes."""
    folder = tempfile.mkdtemp(prefix="khub-test-state-")
    try:
        yield os.path.join(folder, "state"), os.path.join(folder, "state", "khub")
    finally:
        shutil.rmtree(folder)


@contextlib.contextmanager
def serving(*words, said, umask=0o022, **more):
    """A hub that was told nothing but a port; what it says up to the port it listens on."""
    command = [KHUB, "serve", "--listen", "127.0.0.1:0", *words]
    hub = subprocess.Popen(command, stdout=subprocess.PIPE, umask=umask, env=environment(**more), text=True)
    try:
        first = [hub.stdout.readline() for _ in range(3)]
        equal(first[0], "[hub] Only this machine can reach this hub.\n", "the first line")
        check(said in first[1], repr(said), "is not in", first)
        check("listening on 127.0.0.1:" in first[2], first)
        yield hub
        hub.send_signal(signal.SIGTERM)
        hub.communicate()
        equal(hub.returncode, 0, "exit code")
    finally:
        hub.kill()
        hub.wait()
        hub.stdout.close()


def modes(directory):
    """Of the directory and all that is in it, and stays: a journal of the index is gone soon."""
    found = {}
    for name in [".", *os.listdir(directory)]:
        with contextlib.suppress(FileNotFoundError):
            found[name] = oct(os.stat(os.path.join(directory, name)).st_mode & 0o7777)
    return found


@test
def a_hub_keeps_things_when_nobody_says_where():
    """In a directory of its user's alone, whatever the umask; a second one is told what to do."""
    for umask in (0, 0o777):
        with state_home() as (home, place):
            with serving(said=f"in {place} (new", umask=umask, XDG_STATE_HOME=home) as hub:
                found = modes(place)
                equal(found.pop("."), "0o700", "the directory's mode")
                check({"hub.db", "hub.db-wal", "hub.db-mark", "lock"} <= set(found), found)
                equal(set(found.values()), {"0o600"}, f"modes of {found}")
                refused(1, "serve", "--listen", "127.0.0.1:0", XDG_STATE_HOME=home,
                        said=[place, f"process {hub.pid}", "--data DIR", "--memory"])
            fill(place)
            with serving(said=" KiB; rooms: 1, patterns: 3, components: 0", XDG_STATE_HOME=home):
                pass


@test
def a_service_keeps_things_where_it_is_told():
    with state_home() as (home, place):
        os.makedirs(place, 0o755)
        with serving(said=f"in {place} (new", STATE_DIRECTORY=f"{place}:/nonexistent", XDG_STATE_HOME="/nonexistent"):
            pass


@test
def a_hub_that_keeps_nothing_says_so():
    with state_home() as (home, place):
        with serving("--memory", said="[hub] Keeps nothing (--memory)", XDG_STATE_HOME=home):
            pass
        check(not os.path.exists(home), home, "was made")
        refused(2, "serve", "--memory", "--data", place, said=["--memory", "--data", place])


@test
def a_place_that_can_not_be_made_is_named():
    with tempfile.NamedTemporaryFile() as file:
        refused(1, "serve", XDG_STATE_HOME=file.name, said=[f"{file.name}", "Not a directory", "--data DIR", "--memory"])
    with directory() as data:
        below = os.path.join(data, "below")
        refused(1, "serve", "--listen", "127.0.0.1:0", "--data", below, said=[below, "directory above it is not there"])


@test
def a_directory_that_others_may_write_to_is_no_hubs():
    with directory() as data:
        for mode in (0o777, 0o1777, 0o770):
            os.makedirs(data, exist_ok=True)
            os.chmod(data, mode)
            refused(1, "serve", "--listen", "127.0.0.1:0", "--data", data, said=[data, "others may write", f"{mode:04o}"])
            equal(os.listdir(data), [], "what was made there")


@test
def a_directory_of_another_user_is_no_hubs():
    if os.geteuid() != 0:
        raise Skip("only root gives a directory away")
    with directory() as data:
        os.mkdir(data, 0o700)
        os.chown(data, 65534, -1)
        refused(1, "serve", "--listen", "127.0.0.1:0", "--data", data, said=[data, "belongs to", "65534"])
        equal(os.listdir(data), [], "what was made there")


@test
def a_copy_that_all_may_read_is_its_owners_from_then_on():
    with directory() as data:
        fill(data)
        os.chmod(os.path.join(data, "hub.db"), 0o644)
        with Hub("--data", data):
            equal(modes(data)["hub.db"], "0o600", "mode")


# ── check and backup ──


@test
def a_whole_directory_is_checked():
    with directory() as data:
        with Hub("--data", data):
            pass
        out = worked("check", data).out
        check("0 patterns, " in out and "(1 entry applied)" in out, "that the hub began:", out)
        fill(data)
        out = worked("check", data).out
        check("rooms: 1, entries: " in out and "knows 3 patterns, 0 components" in out, out)
        fill(data)  # and a hub starts on it as before
        check("knows 3 patterns" in worked("check", data).out)


def searched(data):
    """The ids of what a hub on this directory finds."""
    with Hub("--data", data) as hub:
        ada = hub.join("ada", 2)
        asked = ada.say("knowledge_query", {"text": "sought"})
        result = ada.expect("knowledge_result", in_reply_to=asked)["payload"]
        return {hit["id"] for hit in result["found"]}


@test
def the_search_index_is_checked_and_made_again():
    """It is derived: what is copied or salvaged has none, and a hub makes it."""
    with directory() as data, directory() as other:
        with Hub("--data", data) as hub:
            ada = hub.join("ada", 2, acks=True)
            for number in range(3):
                ada.say("pattern_share", {"pattern": {"id": f"p{number}", "note": "sought"}})
                ada.expect("ack")
        found = searched(data)
        equal(found, {"p0", "p1", "p2"})
        index = os.path.join(data, "search.db")
        check("search index: whole, 3 entries\n" in worked("check", data).out)
        damage_index = sqlite3.connect(index)
        with damage_index:
            damage_index.execute("UPDATE documents SET hash = 0 WHERE id = 2")
        damage_index.close()
        check("search index: 1 entry behind;" in worked("check", data).out)
        equal(searched(data), found)
        check("search index: whole, 3 entries\n" in worked("check", data).out)
        earlier = sqlite3.connect(index)
        earlier.execute("PRAGMA user_version = 1")
        earlier.close()
        check("search index: of another version of khub; a hub makes it anew" in worked("check", data).out)
        equal(searched(data), found)
        os.mkdir(index + "-wal")  # says nothing of the index
        check("search index: can't be looked at: unable to open database file: Is a directory\n"
              in worked("check", data).out)
        os.rmdir(index + "-wal")
        check("search index: whole, 3 entries\n" in worked("check", data).out)
        with open(index, "r+b") as file:
            file.write(b"no database any more")
        check("search index: damaged;" in worked("check", data).out)
        equal(searched(data), found)
        worked("check", data, "--salvage", other)
        check("search index: none;" in worked("check", other).out)
        equal(searched(other), found)
        os.unlink(os.path.join(other, "hub.db"))
        worked("backup", data, os.path.join(other, "hub.db"))
        equal(searched(other), found)  # beside an index that is not its own


@test
def a_damaged_directory_is_told_entry_by_entry():
    with directory() as data:
        fill(data)
        damage(data, ENTRY_4)
        found = khub("check", data)
        equal(found.code, 1, "exit code")
        check('damaged: room "main", entry 4\n' in found.out, found.out)
        check("damaged: 1 of them" in found.out and "whole" not in found.out, found.out)


@test
def what_is_whole_is_salvaged():
    """A damaged entry, then a damaged row: each is left out by name; a hub begins on the rest."""
    with directory() as data, directory() as whole:
        fill(data)
        damage(data, ENTRY_4)
        found = khub("check", data, "--salvage", whole)
        equal((found.code, found.err), (1, ""), "how it ended")
        check('damaged: room "main", entry 4\n' in found.out and "left out: 1\n" in found.out, found.out)
        equal(khub("check", data).code, 1, "of the old directory")
        check("knows 2 patterns" in worked("check", whole).out)
        with Hub("--data", whole) as hub:
            judge = hub.join("judge", 2, since=1)
            equal(sorted(judge.sync["global_knowledge_base"]["shared_patterns"]), ["p0", "p2"], "patterns")
            judge.expect_error("replay_truncated")  # it did not have what is left out
        again = khub("check", data, "--salvage", whole)
        equal(again.code, 1, "exit code")
        check("File exists" in again.err, again.err)


def fill_to_a_checkpoint(data):
    """So much that there are rows of state: a session with a workspace is in them."""
    with Hub("--data", data) as hub:
        ada, bea = hub.join("ada", 2), hub.join("bea", 2)
        ada.expect("hello")
        ada.say("collaboration_request", {"type": "t", "description": "d", "target_ai": "bea"})
        session = ada.expect("collaboration_update")["payload"]["session_id"]
        bea.say("collaboration_response", {"session_id": session, "accepted": True})
        ada.expect("collaboration_update", status="active")
        ada.say("workspace_update", {"session_id": session, "key": "k", "value": 1, "base_version": 0})
        ada.say("pattern_share", {"pattern": {"id": "p"}})
        for at in range(21000):
            ada.say("performance_report", {"component_id": f"c{at % 50}", "performance": {"score": 0.5}})
            if at % 1000 == 0:
                settle(ada)
                bea.drain()
        settle(ada)
        log = os.path.join(data, "hub.db-wal")
        wait_until(lambda: b'"limits":{' in open(log, "rb").read(), "a checkpoint")


@test
def a_hub_begins_on_what_is_left_of_its_state():
    """Without a session's row its workspace is nothing; without the room's own the entries speak
    alone: none of them is counted twice."""
    with directory() as data, directory() as other:
        fill_to_a_checkpoint(data)
        os.mkdir(other)
        check("whole" in worked("check", data).out)
        for number, (kind, left_out) in enumerate([("session", ["workspace 0"]), ("room", ["all rows 0"])]):
            kinds = {"room": 0, "session": 9}
            damage(data, f"UPDATE state SET checksum = checksum + 1 WHERE kind = {kinds[kind]}")
            found = khub("check", data, "--salvage", os.path.join(other, str(number)))
            check("whole: " in found.out, found.out, found.err)
            for part in left_out:
                check(f'damaged: room "main", {part}\n' in found.out, repr(part), "is not in", found.out)
            out = worked("check", os.path.join(other, str(number))).out
            check("knows 1 pattern, 0 components," in out and "50 benchmarks" in out, out)
        check(", rows of state: 0," in out, out)
        damage(data, "DELETE FROM state WHERE kind = 0")
        missing = khub("check", data)
        equal(missing.code, 1, "exit code")


@test
def serve_tells_what_is_damaged_and_goes_on_with_the_rest_when_told_to():
    with directory() as data:
        fill(data)
        damage(data, ENTRY_4)
        words = ["serve", "--listen", "127.0.0.1:0", "--data", data]
        refused(1, *words, said=['damaged: room "main", entry 4', "'khub serve --salvage'", f"'khub check {data}'"])
        refused(2, *words[:3], "--memory", "--salvage", said=["--salvage"])
        with Hub("--data", data, "--salvage") as hub:
            equal(sorted(hub.join("judge", 2).sync["global_knowledge_base"]["shared_patterns"]), ["p0", "p2"], "patterns")
            hub.wait_log("event=lost room=main what=entry number=4")
            hub.wait_log("event=salvaged lost=1 unsure=0 aside=damaged-1.db")
        check("knows 2 patterns" in worked("check", data).out)
        equal(files(data), {"damaged-1.db", "hub.db", "lock"}, "files")


@test
def what_can_be_read_of_a_broken_file_is_salvaged():
    with directory() as data, directory() as whole:
        fill(data, 500)
        worked("check", data)  # and what the log holds goes into the file
        pages = os.path.getsize(os.path.join(data, "hub.db")) // 4096
        with open(os.path.join(data, "hub.db"), "r+b") as file:
            file.seek((pages // 2) * 4096)
            file.write(b"broken" * 600)
        broken = khub("check", data)
        equal(broken.code, 1, "exit code")
        check("the database is damaged" in broken.err, broken.err)
        found = khub("check", data, "--salvage", whole)
        check("left out: " in found.out and "whole: " in found.out, found.out, found.err)
        check("whole: " in worked("check", whole).out)


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
        file = os.path.join(data, "hub.db")
        for words in (("check", file), ("log", "--data", file)):
            refused(1, *words, said=[f"{file}: Not a directory"])


def known_in(file):
    """The patterns that a hub knows which begins with a copy."""
    with directory() as data:
        os.mkdir(data)
        os.rename(file, os.path.join(data, "hub.db"))
        worked("check", data)
        with Hub("--data", data, "--sync-limit", 64 << 20) as hub:
            return set(hub.join("judge", 2).sync["global_knowledge_base"]["shared_patterns"])


@test
def a_copy_is_made_when_nobody_has_the_directory():
    with directory() as data, directory() as other:
        fill(data)
        os.mkdir(other)
        file = os.path.join(other, "copy.db")
        worked("backup", data, file)
        equal(os.stat(file).st_mode & 0o777, 0o600, "mode")
        equal(files(data), {"hub.db", "lock"}, "what is left")
        again = khub("backup", data, file)
        equal(again.code, 1, "exit code")
        check("File exists" in again.err, again.err)
        equal(known_in(file), {"p0", "p1", "p2"}, "patterns")
        missing = khub("backup", os.path.join(data, "missing"), file)
        equal((missing.code, os.path.exists(file)), (1, False), "of what is not there")
        check("No such file" in missing.err, missing.err)


@test
def a_running_hub_makes_a_copy_while_it_is_spoken_to():
    with directory() as data, directory() as other, Hub("--data", data) as hub:
        os.mkdir(other)
        ada = hub.join("ada", 2)
        for at in range(2000):
            ada.say("pattern_share", {"pattern": {"id": f"p{at}", "text": "x" * 2000}})
        settle(ada)
        backup = Running("backup", data, os.path.join(other, "copy.db"))
        later = 2000
        while backup.process.poll() is None:
            ada.say("pattern_share", {"pattern": {"id": f"p{later}"}})
            later += 1
            settle(ada)
        equal(backup.end(0), (0, ""), "exit code and stderr")
        check(later > 2000, "nothing was said meanwhile")
        known = known_in(os.path.join(other, "copy.db"))
        check({f"p{at}" for at in range(2000)} <= known, "of what came before it something is not there")
        equal(known, {f"p{at}" for at in range(len(known))}, "a first part, without a hole")
        check(not [name for name in os.listdir(data) if name.startswith("backup")], os.listdir(data))


@test
def a_copy_that_has_no_place_to_go_is_not_made():
    """Nor is one left in the directory, where it would take as much room as all that is kept."""
    with directory() as data, directory() as other, Hub("--data", data):
        place = os.path.join(other, "missing", "copy.db")
        found = khub("backup", data, place)
        equal(found.code, 1, "exit code")
        check(f"{place}: No such file" in found.err, found.err)
        check(not [name for name in os.listdir(data) if name.startswith("backup")], os.listdir(data))


@test
def two_who_want_a_copy_at_once_have_one_each():
    with directory() as data, directory() as other, Hub("--data", data) as hub:
        os.mkdir(other)
        ada = hub.join("ada", 2)
        ada.say("pattern_share", {"pattern": {"id": "p"}})
        settle(ada)
        places = [os.path.join(other, f"copy{at}.db") for at in range(4)]
        os.kill(hub.process.pid, signal.SIGSTOP)
        backups = [Running("backup", data, place) for place in places]
        wait_until(lambda: os.path.exists(os.path.join(data, "backup.wanted")), "the wish")
        os.kill(hub.process.pid, signal.SIGCONT)
        for backup in backups:
            equal(backup.end(0), (0, ""), "exit code and stderr")
        for place in places:
            equal(known_in(place), {"p"}, f"patterns in {place}")


@test
def a_copy_is_made_though_the_hub_dies_that_was_asked():
    with directory() as data, directory() as other:
        os.mkdir(other)
        hub = Hub("--data", data)
        ada = hub.join("ada", 2)
        ada.say("pattern_share", {"pattern": {"id": "p"}})
        settle(ada)
        os.kill(hub.process.pid, signal.SIGSTOP)
        backup = Running("backup", data, os.path.join(other, "copy.db"))
        wait_until(lambda: os.path.exists(os.path.join(data, "backup.wanted")), "the wish")
        kill_9(hub)
        equal(backup.end(0), (0, ""), "exit code and stderr")
        equal(known_in(os.path.join(other, "copy.db")), {"p"}, "patterns")


@test
def a_copy_that_has_no_room_fails_and_the_hub_goes_on():
    with directory() as data, Hub("--data", data) as hub:
        ada = hub.join("ada", 2)
        for at in range(200):
            ada.say("pattern_share", {"pattern": {"id": f"p{at}", "text": "x" * 2000}})
        settle(ada)
        # files that may not grow stand for a full disk
        resource.prlimit(hub.process.pid, resource.RLIMIT_FSIZE, (256 << 10, resource.RLIM_INFINITY))
        file = os.path.join(data, "copy.db")
        failed = khub("backup", data, file)
        equal((failed.code, os.path.exists(file)), (1, False), "of a copy without room")
        check("full" in failed.err or "I/O" in failed.err, failed.err)
        resource.prlimit(hub.process.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        worked("backup", data, file)
        settle(ada)


run()
