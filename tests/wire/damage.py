"""What a hub makes of files that are not as it left them: flipped bits in its database and in its
log, files cut off, files gone. It does not begin on them, and says why; told to salvage, it begins
with all that is whole, and says what was lost."""

import contextlib
import os
import random
import re
import shutil
import sqlite3

from harness import Hub, check, directory, equal, kill_9, run, settle, test

COUNT = 120
FRAME = 4096 + 24  # of the log, behind its 32 bytes of header
BODY = "x" * 300


def fill(data, killed):
    """Patterns p0 to pN, some in each transaction; the hub then stops, or is killed: so all is in
    the database, or nearly all in its log."""
    hub = Hub("--data", data)
    ada = hub.join("ada", 2)
    for at in range(COUNT):
        ada.say("pattern_share", {"pattern": {"id": f"p{at}", "text": BODY}})
        if at % 10 == 9:
            settle(ada)
    if killed:
        kill_9(hub)
    else:
        with hub:
            pass


@contextlib.contextmanager
def filled(killed):
    """Such a directory's path, and what makes a fresh copy of it in another."""
    with directory() as first, directory() as data:
        fill(first, killed)

        def again():
            shutil.rmtree(data, ignore_errors=True)
            shutil.copytree(first, data)
            os.chmod(data, 0o700)

        again()
        yield data, again


def files(data):
    """All but the index, which is made again."""
    return {name for name in os.listdir(data) if not name.startswith("search.db")}


def flip(path, at, bit=0):
    with open(path, "r+b") as file:
        file.seek(at)
        (byte,) = file.read(1)
        file.seek(at)
        file.write(bytes([byte ^ 1 << bit]))


def known(hub):
    """Ids of the patterns a newcomer is told of, each as it was said; and the room's seq."""
    with contextlib.closing(hub.join("judge", 2)) as judge:
        found = judge.sync["global_knowledge_base"]["shared_patterns"]
        for identity, entry in found.items():
            equal(entry["pattern"], {"id": identity, "text": BODY}, "a pattern")
        return set(found), judge.sync["seq"]


ALL = {f"p{at}" for at in range(COUNT)}


def refusal(data):
    """Why a hub does not begin there; None when it does, and has everything."""
    try:
        hub = Hub("--data", data)
    except AssertionError as error:
        text = str(error)
        check("did not start (1)" in text and "khub serve --salvage" in text and data in text, text)
        return text
    with hub:
        equal(known(hub)[0], ALL, "patterns of a hub that began")
    return None


class Salvaged:
    """What a hub that was told to salvage knows, and what it said was lost."""

    def __init__(self, data):
        with Hub("--data", data, "--salvage") as hub:
            self.known, self.seq = known(hub)
            said = re.search(r"lost: (\d+)(, and what can't be named)?.*; the damaged file is (\S+)", hub.log())
            check(said, "not said:", hub.log()[:500])
        self.named, self.unsure, self.aside = int(said.group(1)), bool(said.group(2)), said.group(3)
        self.lost = ALL - self.known
        check(self.known <= ALL, self.known - ALL, "was never said")
        check(self.unsure or len(self.lost) <= self.named, self.lost, "lost, and", self.named, "named")
        with Hub("--data", data) as hub:  # from now on it is whole
            again, seq = known(hub)
            equal(again, self.known, "patterns of the next hub")
            check(seq > self.seq, seq, "after", self.seq)
        left = files(data) - {"hub.db", "lock"}
        check(all(name.startswith("damaged-1.db") for name in left), left)


@test
def a_flipped_bit_in_the_database_is_seen_or_harmless():
    chance = random.Random(1)
    with filled(killed=False) as (data, again):
        path, seen = os.path.join(data, "hub.db"), 0
        for _ in range(25):
            again()
            at = chance.randrange(os.path.getsize(path))
            flip(path, at, chance.randrange(8))
            with open(path, "rb") as file:
                damaged = file.read()
            if refusal(data):
                seen += 1
                result = Salvaged(data)
                first = at < 4096 and result.unsure  # what says where all the rest is
                check(first or len(result.lost) <= 20, "byte", at, "took", len(result.lost), "patterns")
                with open(result.aside, "rb") as file:
                    check(file.read() == damaged, "the damaged file was changed")
        check(seen > 5, "seen:", seen)


@test
def a_flipped_bit_in_the_log_takes_nothing_back():
    """SQLite alone would drop, without a word, all that was committed behind it."""
    chance = random.Random(2)
    with filled(killed=True) as (data, again):
        path, seen = os.path.join(data, "hub.db-wal"), 0
        frames = (os.path.getsize(path) - 32) // FRAME
        # magic, salt, checksum; a frame's end, salt, checksum; and anywhere
        places = [0, 17, 25, 32 + 4, 32 + 9, 32 + 20]
        places += [32 + frame * FRAME + chance.randrange(FRAME) for frame in chance.sample(range(frames), 14)]
        for at in places:
            again()
            flip(path, at, chance.randrange(8))
            said = refusal(data)
            if not said:
                continue
            seen += 1
            result = Salvaged(data)
            check(len(result.lost) <= 2, "byte", at, "took", len(result.lost), "patterns")
            check(f"{result.aside}-wal".startswith(data) and os.path.exists(f"{result.aside}-wal"), os.listdir(data))
        check(seen >= len(places) - 2, "seen:", seen)


@test
def a_file_that_was_cut_off_is_read_as_far_as_it_goes():
    for killed, name in ((False, "hub.db"), (True, "hub.db-wal")):
        with filled(killed) as (data, again):
            path = os.path.join(data, name)
            size = os.path.getsize(path)
            for part, least in ((0, 0), (100, 0), (size // 2 + 11, COUNT // 4), (size - 4096 - 5, COUNT // 2)):
                again()
                os.truncate(path, part)
                if not refusal(data):  # what was cut off was being written when the hub was killed
                    check(killed and part > size // 2, name, "of", part, "bytes is nothing to say a word about")
                    continue
                result = Salvaged(data)
                check(result.unsure, "it is sure of what is lost of", part, "bytes")
                check(len(result.known) >= least, len(result.known), "patterns of", part, "bytes of", size)


@test
def whoever_looks_into_it_takes_nothing_away():
    """SQLite's own shell takes the log in when it ends."""
    with filled(killed=True) as (data, _):
        with contextlib.closing(sqlite3.connect(os.path.join(data, "hub.db"))) as database:
            check(database.execute("SELECT count(*) FROM rooms").fetchone()[0] == 1, "rooms")
        check(not os.path.exists(os.path.join(data, "hub.db-wal")), "the log is there")
        check(refusal(data) is None, "it is taken for damage")


@test
def a_file_that_is_gone_is_missed():
    with filled(killed=True) as (data, again):
        for name in ("hub.db", "hub.db-wal"):
            again()
            os.unlink(os.path.join(data, name))
            check(refusal(data), name, "is not missed")
            check(Salvaged(data).unsure, "it is sure of what is lost")


@test
def who_missed_something_is_told_and_no_seq_comes_again():
    with filled(killed=False) as (data, _):
        with Hub("--data", data) as hub, contextlib.closing(hub.join("reader", 2)) as reader:
            last = reader.sync["seq"]
        os.truncate(os.path.join(data, "hub.db"), os.path.getsize(os.path.join(data, "hub.db")) * 2 // 3)
        check(refusal(data), "it is not seen")
        with Hub("--data", data, "--salvage") as hub:
            ada, reader = hub.join("ada", 2), hub.join("reader", 2, since=last)
            reader.expect_error("replay_truncated")
            reader.expect("hello")
            reader.expect("caught_up")
            ada.expect("hello")
            ada.say("chat", {"text": "new"})
            check(reader.expect("chat")["seq"] > last + 1000, "a seq that may have been given")


@test
def what_was_cut_off_while_it_took_the_place_is_ended():
    """A hub that is killed between any two steps leaves what the next one ends."""
    with filled(killed=True) as (data, again):
        for gone in ([], ["hub.db-mark"], ["hub.db-mark", "hub.db-wal"], ["hub.db-mark", "hub.db-wal", "hub.db"]):
            again()
            with directory() as other:
                shutil.copytree(data, other)
                os.chmod(other, 0o700)
                check(refusal(other) is None, "a copy is not whole")
                os.rename(os.path.join(other, "hub.db"), os.path.join(data, "salvaged.db"))
            for name in gone:
                os.rename(os.path.join(data, name), os.path.join(data, name.replace("hub", "damaged-1")))
            check(refusal(data) is None, "it is not whole after", gone)
            equal(files(data), {"damaged-1.db", "damaged-1.db-mark", "damaged-1.db-wal", "hub.db", "lock"}, "files")


# ── of an earlier version ──

SCHEMA = 5  # of this version
EARLIER = (1, 2, 3)
OF_ROWS = (1, 2)  # whose entries were rows


@contextlib.contextmanager
def of_schema(schema):
    """The path of a directory that a hub of that schema left (schema_N.sql is its database: p0 to
    p11 in its state, all else in its entries)."""
    with directory() as data:
        os.mkdir(data, 0o700)
        with open(os.path.join(os.path.dirname(__file__), f"schema_{schema}.sql"), encoding="utf-8") as file:
            text = file.read()
        with contextlib.closing(sqlite3.connect(os.path.join(data, "hub.db"))) as database:
            database.executescript(text)
            database.executescript(f"PRAGMA application_id = 0x6b687562; PRAGMA user_version = {schema};"
                                   "PRAGMA journal_mode = WAL;")
        yield data


def schema_of(path):
    with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
        return database.execute("PRAGMA user_version").fetchone()[0]


def found(client, words):
    """Ids of all that a search finds, and their snippets."""
    client.say("knowledge_query", {"text": words})
    return {hit["id"]: "".join(hit["snippet"]) for hit in client.expect("knowledge_result")["payload"]["found"]}


@test
def what_an_earlier_version_knew_is_known_and_found():
    for schema in EARLIER:
        with of_schema(schema) as data:
            for _ in range(2):  # as it was left, and then as one of this version
                with Hub("--data", data) as hub:
                    with contextlib.closing(hub.join("judge", 2)) as judge:
                        known = judge.sync["global_knowledge_base"]
                        equal(set(known["shared_patterns"]), {f"p{at}" for at in range(24)}, "patterns")
                        equal(list(known["shared_components"]), ["c1"], "components")
                        equal(known["shared_patterns"]["p3"]["usage_count"], 1, "usage_count of p3")
                        check(judge.sync["seq"] > 30, judge.sync["seq"])
                        for at in (3, 20):  # of the state, of the entries
                            equal(found(judge, f"queue number{at}"),
                                  {f"p{at}": f"id: p{at}, text: a fair queue, number{at} of them"}, "what is found")
                        equal(len(found(judge, '"fair queue"')), 24, "found")
                        equal(list(found(judge, "window_size ada")), ["c1"], "found")
                        equal(list(found(judge, "congestion")), ["p3"], "found")  # a report on it
                        check("scheduler" in str(found(judge, '"round robin"')), "the feature is not found")
                        equal(found(judge, "another room"), {}, "found")
                    with contextlib.closing(hub.join("judge", 2, room="lab")) as judge:
                        equal(list(found(judge, "another room")), ["lab1"], "found")
                equal(schema_of(os.path.join(data, "hub.db")), SCHEMA, "schema")


@test
def a_damaged_one_of_an_earlier_version_is_kept_as_it_was():
    """Nothing is moved in it, be it that somebody looks, or that a hub is to begin on it; what is
    salvaged is a new one."""
    for schema in OF_ROWS:
        for table, word, lost in (("entries", "number15", "p15"), ("state", "number7", "p7")):
            with of_schema(schema) as data:
                path = os.path.join(data, "hub.db")
                with contextlib.closing(sqlite3.connect(path)) as database, database:
                    database.execute(f"UPDATE {table} SET bytes = CAST(replace(CAST(bytes AS TEXT), '{word}', 'lumberXX')"
                                     f" AS BLOB) WHERE instr(CAST(bytes AS TEXT), '{word}')")
                    equal(database.execute("SELECT changes()").fetchone()[0], 1, f"rows of {word}")
                with open(path, "rb") as file:
                    damaged = file.read()
                for _ in range(2):
                    check(refusal(data), "a hub began on damaged", table)
                    with open(path, "rb") as file:
                        check(file.read() == damaged, "it was changed, since a hub was to begin on it")
                with Hub("--data", data, "--salvage") as hub:
                    said = re.search(r"lost: (\d+)(.*?); the damaged file is (\S+)", hub.log())
                    check(said, hub.log()[:500])
                    equal((said.group(1), said.group(2)), ("1", ""), "lost")
                    with contextlib.closing(hub.join("judge", 2)) as judge:
                        left = judge.sync["global_knowledge_base"]["shared_patterns"]
                        equal({f"p{at}" for at in range(24)} - set(left), {lost}, "lost")
                        equal(list(found(judge, "number20")), ["p20"], "found")
                        equal(found(judge, word), {}, "found")
                with open(said.group(3), "rb") as file:
                    check(file.read() == damaged, "the damaged file was changed")
                equal((schema_of(said.group(3)), schema_of(path)), (schema, SCHEMA), "schemas")


@test
def what_is_whole_needs_no_salvage():
    for killed in (False, True):
        with filled(killed) as (data, _):
            with Hub("--data", data, "--salvage") as hub:
                equal(known(hub)[0], ALL, "patterns")
                check("salvaged" not in hub.log(), hub.log())
            equal(files(data), {"hub.db", "lock"}, "files")


run()
