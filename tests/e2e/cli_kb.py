#!/usr/bin/env python3
"""khub kb as a person or a script meets it: what is listed, found and shown.

usage: cli_kb.py KHUB [PART OF A NAME]
"""
import datetime
import json
import os
import re
import socket
import sys
import threading

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
sys.path.insert(0, os.path.join(ROOT, "tests", "wire"))
from harness import Hub, check, directory, encode, equal, message, run, test  # noqa: E402
from claims import FAIR, GOOD, TEXTBOOK, claim, report  # noqa: E402
from program import HOSTILE, harmless, refused, row, table, worked  # noqa: E402


@test
def kb_prints_source():
    with Hub() as hub:
        ada = hub.join("ada", 2)
        audio = json.loads(worked("subjects", "audio", "--json").out)
        parameters = {parameter["name"]: parameter["textbook"] for parameter in audio["parameters"]}
        body = {"subject": "audio", "subject_version": audio["version"], "parameters": parameters}
        ada.say("pattern_share", {"pattern": {"id": "textbook", **body}})
        ada.drain()
        made = worked("kb", "get", "textbook", "--source", hub=hub)
        check("rendered here" in made.err and "stdint.h" in made.out, made.err)
        for identity, text, said, code in (("same", made.out, "what its parameters render to", 0),
                                           ("other", "int x;\n", "careful", 1), ("without", "", "rendered here", 0)):
            ada.say("os_component_share", {"component": {"name": identity, "id": identity, "implementation": text,
                                                         **body}})
            ada.drain()
            result = refused(code, "kb", "get", identity, "--source", hub=hub)
            equal(result.out, text or made.out, "source of " + identity)
            check(said in result.err, result.err)
        ada.say("os_component_share", {"component": {"name": "evil", "id": "evil", "implementation": "\x1b[2J"}})
        ada.say("pattern_share", {"pattern": {"id": "plain"}})
        ada.drain()
        refused(1, "kb", "get", "evil", "--source", hub=hub, said=["printable"])
        refused(1, "kb", "get", "plain", "--source", hub=hub, said=["no C source"])
        # README's own
        ada.say("code_share", {"code": {"id": "xor", "language": "c", "source": "a ^ b"}})
        ada.drain()
        equal(worked("kb", "get", "xor", "--source", hub=hub).out, "a ^ b\n", "source of a piece of code")
        refused(2, "kb", "list", "--source", hub=hub, said=["--source", "get"])


@test
def kb_lists_and_gets():
    with Hub() as hub:
        check("Nothing has been shared" in worked("kb", "list", hub=hub).out)
        equal(json.loads(worked("kb", "list", "--json", hub=hub).out), [], "an empty hub")
        ada, bea = hub.join("ada", 2), hub.join("bea", 2)
        ada.say("pattern_share", {"pattern": {"id": "first_pattern", "x": HOSTILE, "n": 1.0}})
        ada.drain()
        equal(worked("kb", "list", "--section", "components", hub=hub).out, "No components so far, but 1 pattern.\n",
              "a section with nothing in it")
        ada.say("code_share", {"code": {"id": "some_code", "text": "int a;"}})
        ada.say("os_component_share", {"component": {"name": "fs"}})
        ada.drain()
        bea.say("performance_report", {"component_id": "first_pattern", "performance": {"score": 0.75}})
        bea.drain()
        text = harmless(worked("kb", "list", hub=hub).out)
        found = row(text, "ID", "first_pattern")
        equal((found["KIND"], found["AUTHOR"], found["SCORE"]), ("pattern", "ada", "0.750"), "what is listed")
        for part in ("some_code", "ada_fs_", "--section reports"):
            check(part in text, repr(part), "is not in", text)
        check("some_code" not in worked("kb", "list", "-s", "patterns", hub=hub).out)
        entries = json.loads(worked("kb", "list", "--json", hub=hub).out)
        equal(sorted(entry["section"] for entry in entries),
              ["collective_features", "performance_benchmarks", "shared_components", "shared_patterns"], "sections")
        page = harmless(worked("kb", "get", "first_pattern", "-s", "patterns", hub=hub).out)
        entry = json.loads(page.split(":\n", 1)[1])
        equal(entry["pattern"]["x"], HOSTILE, "the text, unescaped")
        check('"n": 1.0' in page, page)
        equal(json.loads(worked("kb", "get", "some_code", "--json", hub=hub).out)[0]["entry"]["contributor"], "ada", "owner")
        refused(1, "kb", "get", "frst_pattern", hub=hub, said=["'frst_pattern'", "'first_pattern'"])
        refused(1, "kb", "get", "some_code", "-s", "patterns", hub=hub, said=["'some_code'"])


@test
def kb_knows_all_of_a_hub_that_knows_more_than_a_sync_holds():
    for options in (("1K",), ("400", "--rate", "25")):  # then each entry is a page, asked too fast
        with Hub("--sync-limit", *options) as hub:
            for half, name in enumerate(("ada", "bea")):
                client = hub.join(name, 2)
                for number in range(40):
                    client.say("pattern_share", {"pattern": {
                        "id": f"p{40 * half + number}", "x": "y" * 200, "q": '"\\'}})
                client.drain()
            result = worked("kb", "list", "--json", hub=hub)
            listed = [entry["id"] for entry in json.loads(result.out)]
            equal(listed, [f"p{number}" for number in reversed(range(80))])
            equal(result.err, "")
            equal(json.loads(worked("kb", "get", "p0", "--json", hub=hub).out)[0]["entry"]["contributor"], "ada")


def shares_to_search(hub):
    ada = hub.join("ada", 2, acks=True)
    for number in range(30):
        ada.say("pattern_share", {"pattern": {"id": f"p{number}", "note": f"a Round-robin {number};"}})
    ada.say("code_share", {"code": {"id": "robin", "source": f"int round_robin; // round robin {HOSTILE}"}})
    for _ in range(31):
        ada.expect("ack")


def check_search(hub):
    """Alike with and without an index, but for the order."""
    shares_to_search(hub)
    result = worked("kb", "search", "ROUND-ROBIN", "7", hub=hub)
    equal(result.out, "p7  pattern of ada\n    id: p7, note: a Round-robin 7;\n")
    equal(worked("kb", "search", '"robin 7" p*', hub=hub).out, result.out)
    equal(worked("kb", "search", "robin-roundabout", hub=hub).out, "Nothing has all these words.\n")
    found = json.loads(worked("kb", "search", "round", "--json", "-s", "code", hub=hub).out)
    equal([entry["id"] for entry in found], ["robin"])
    equal(found[0]["snippet"][1::2], ["round", "round"])
    equal(found[0]["entry"]["contributor"], "ada")
    found = worked("kb", "search", "round", hub=hub)
    harmless(found.out)
    equal(len(found.out.splitlines()), 40)
    check("these are the 20 most relevant" in found.err, found.err)
    check("this is the most relevant;" in worked("kb", "search", "round", "--limit", "1", hub=hub).err)
    found = worked("kb", "search", "round", "--limit", "300", hub=hub)
    equal((len(found.out.splitlines()), found.err), (62, ""))
    refused(1, "kb", "search", "***", hub=hub, said=["does not search", "no letter and no digit"])
    refused(2, "kb", "search", hub=hub, said=["search wants WORDS"])
    refused(2, "kb", "search", "x", "--limit", "1001", hub=hub, said=["1001", "at most 1000"])
    refused(2, "kb", "get", "p7", "p8", hub=hub, said=["'p8' is one argument too many"])


@test
def kb_searches_in_memory():
    with Hub("--sync-limit", "1K") as hub:
        check_search(hub)


@test
def kb_searches_by_an_index():
    with directory() as data, Hub("--data", data) as hub:
        check_search(hub)
        found = json.loads(worked("kb", "search", "robin", "--json", "--limit", "1", hub=hub).out)
        equal([entry["id"] for entry in found], ["robin"])  # its id says so


def select(hub, *words):
    return [entry["id"] for entry in json.loads(worked("kb", *words, "--json", hub=hub).out)]


def check_selections(hub):
    ada, bea = hub.join("ada", 2, specialization="audio"), hub.join("bea", 2, specialization="graphics")
    for client, identity, subject in ((ada, "b", "audio"), (bea, "c", "audio"), (ada, "a", "graphics")):
        client.say("pattern_share", {"pattern": {"id": identity, "subject": subject, "note": "fair " + "x" * 300}})
        client.drain()
    ada.say("code_share", {"code": {"id": "d", "source": "fair", "subject": "audio"}})
    ada.drain()
    bea.say("performance_report", {"component_id": "b", "performance": {"score": 0.75}})
    bea.drain()
    equal(select(hub, "list", "--subject", "audio"), ["c", "b", "d"])
    equal(select(hub, "list", "--subject", "audio", "--order", "oldest", "-s", "patterns"), ["b", "c"])
    equal(select(hub, "list", "--specialization", "audio", "--order", "id"), ["a", "b", "d"])
    equal(select(hub, "list", "--order", "oldest", "-s", "patterns"), ["b", "c", "a"])
    equal(select(hub, "list", "--order", "id"), ["a", "b", "c", "d", "b"])  # the report last
    equal(select(hub, "search", "fair", "--order", "id"), ["a", "b", "c", "d"])
    equal(select(hub, "search", "fair", "--order", "oldest", "--specialization", "audio"), ["b", "a", "d"])
    equal(select(hub, "search", "fair", "--subject", "audio", "--order", "newest", "--limit", "2"), ["d", "c"])
    listed = worked("kb", "list", "--subject", "audio", "--specialization", "audio", "--order", "oldest", hub=hub)
    equal((listed.err, [line.split()[0] for line in listed.out.splitlines()]), ("", ["ID", "b", "d"]))
    equal(row(listed.out, "ID", "b")["SCORE"], "0.750")  # of a report that is not among these
    listed = worked("kb", "list", "-s", "patterns", "--order", "oldest", "--limit", "2", hub=hub)
    check("The oldest 2 of 3 patterns; --limit 3 shows all." in listed.out, listed.out)
    equal(row(listed.out, "ID", "b")["SCORE"], "0.750")
    equal(worked("kb", "list", "--subject", "nothing", hub=hub).out, "Nothing that has been shared is of that.\n")
    equal(worked("kb", "search", "fair", "--subject", "nothing", hub=hub).out, "Nothing of that has all these words.\n")
    found = worked("kb", "search", "fair", "--order", "oldest", "--limit", "1", hub=hub)
    check("this is the oldest; --limit shows more" in found.err, found.err)
    refused(2, "kb", "list", "--order", "relevance", hub=hub, said=["--order relevance goes with search"])
    refused(2, "kb", "list", "--order", "best", hub=hub, said=["best", "newest, oldest, id or relevance"])
    refused(2, "kb", "export", "--subject", "audio", hub=hub, said=["--subject goes with list and search"])
    refused(1, "kb", "list", "--subject", "x" * 200, hub=hub, said=["payload.subject", "128"])


@test
def kb_lists_and_finds_what_is_asked_for_in_an_order():
    with Hub() as hub:
        check_selections(hub)
    with directory() as data, Hub("--data", data, "--sync-limit", "1K") as hub:
        check_selections(hub)


@test
def kb_shows_former_revisions():
    with Hub() as hub:
        ada = hub.join("ada", 2, acks=True)
        for body in ({"a": 1, "old": HOSTILE}, {"a": 2, "new": 1}, {"a": 2, "new": 1}):
            ada.say("pattern_share", {"pattern": {"id": "p", **body}})
            ada.expect("ack")
        listed = harmless(worked("kb", "history", "p", hub=hub).out)
        rows = table(listed)
        equal([row["REVISION"] for row in rows], ["3", "2", "1"])
        equal([row["CHANGED"] for row in rows], ["nothing", "~a +new -old", "(the first)"])
        equal(rows[0]["REPLACED"], "in force")
        check(all(re.fullmatch(r"just now|\d+ (s|min)", row["REPLACED"]) for row in rows[1:]), rows)
        equal(rows[1]["BYTES"], str(len('{"id": "p", "a": 2, "new": 1}')))
        equal([entry["revision"] for entry in json.loads(worked("kb", "history", "p", "--json", hub=hub).out)], [3, 2, 1])
        shown = harmless(worked("kb", "get", "p", "--revision", "1", hub=hub).out)
        check(shown.startswith("pattern, revision 1:\n"), shown)
        equal(json.loads(shown.split(":\n", 1)[1])["pattern"]["a"], 1)
        found = json.loads(worked("kb", "get", "p", "--revision", "2", "--json", hub=hub).out)
        equal(found[0]["entry"]["pattern"]["new"], 1)
        refused(1, "kb", "get", "p", "--revision", "4", hub=hub, said=['revision 4 of "p" is not kept'])
        refused(1, "kb", "history", "q", hub=hub, said=['no pattern, code or component "q"'])
        refused(2, "kb", "history", hub=hub, said=["history wants an ID"])
        refused(2, "kb", "history", "p", "--revision", "1", hub=hub, said=["--revision goes with get"])


class OldHub:
    """Tells one of its twenty patterns, and knows of no query. Serves one visit."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        connection, _ = self.listener.accept()
        with connection, connection.makefile("rwb") as lines:
            for line in lines:
                said = json.loads(line)
                if said["message_type"] == "hello":
                    entry = {"pattern": {}, "contributor": "ada", "timestamp": "", "usage_count": 0}
                    kind, payload = "training_sync", {
                        "global_knowledge_base": {"shared_patterns": {"p19": entry}}, "active_ais": [],
                        "knowledge_totals": {"shared_patterns": 20}, "truncated": True, "seq": 1}
                else:
                    kind, payload = "error", {"code": "unknown_type", "detail": "what?",
                                              "in_reply_to": said["message_id"]}
                lines.write(encode(message("hub", kind, payload)) + b"\n")
                lines.flush()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.listener.close()


@test
def kb_says_when_it_does_not_know_all():
    with OldHub() as hub:
        result = worked("kb", "list", hub=hub)
        check("p19" in result.out, result.out)
        check("of 20 entries" in result.err, result.err)
    with OldHub() as hub:
        refused(1, "kb", "export", hub=hub, said=["1 of 20 entries"])
    with OldHub() as hub:
        refused(1, "kb", "search", "x", hub=hub, said=["the hub does not search", "what?"])


@test
def kb_shows_the_hubs_score():
    """The mean of the latest score of each other AI; neither the author's own nor what is no share
    of one."""
    with Hub() as hub:
        ada, bea, cid = (hub.join(name, 2) for name in ("ada", "bea", "cid"))
        ada.say("code_share", {"code": {"id": "code", "source": "int a;"}})
        ada.say("pattern_share", {"pattern": {"id": "pattern"}})
        ada.say("os_component_share", {"component": {"id": "component", "name": "component"}})
        for identity in ("unscored", "wild"):
            ada.say("pattern_share", {"pattern": {"id": identity}})
        ada.drain()
        for identity in ("code", "pattern", "component"):
            for score in [1.0] * 9:
                report(ada, identity, {"score": score})
            report(bea, identity, {"score": 0.9})
            report(bea, identity, {"score": 0.1})
            report(cid, identity, {"score": 0.3})
            # without a score: the earlier one counts on
            report(cid, identity, {"integration_tested": True})
        report(ada, "unscored", {"score": 1.0})
        report(bea, "wild", {"score": 0.5})
        bea.say("performance_report", {"component_id": "wild", "performance": {"score": 1000000}})
        text = worked("kb", "list", hub=hub).out
        entries = json.loads(worked("kb", "list", "-s", "code", "--json", hub=hub).out)
        check(abs(entries[0]["entry"]["quality_score"] - 0.2) < 1e-12, entries)
        for found in table(text):
            wanted = {"unscored": ("-",), "wild": ("0.500", "-")}.get(found["ID"], ("0.200",))
            check(found["SCORE"] in wanted, found)
        reported = worked("kb", "list", "-s", "reports", hub=hub).out
        equal(row(reported, "ID", "pattern")["SCORE"], "0.200", "the same score beside the reports")


@test
def kb_says_what_is_there():
    with Hub() as hub:
        ada = hub.join("ada", 2)
        for number in range(30):
            ada.say("os_component_share", {"component": {"name": f"c{number}"}})
        ada.say("pattern_share", {"pattern": {"id": "p"}})
        ada.drain()
        text = worked("kb", "list", "--section", "code", hub=hub).out
        check("No code so far" in text and "30 components" in text and "1 pattern" in text, text)
        text = worked("kb", "list", hub=hub).out
        check("ada_c29_" in text and "ada_c0_" not in text, "not the newest:", text)
        check("20 of 30 components" in text and "--limit 30" in text, text)
        equal(len(table(worked("kb", "list", "--limit", "30", hub=hub).out)), 31, "all of them")
        text = worked("kb", "list", "-s", "components", "--limit", "2", hub=hub).out
        check("2 of 30 components" in text and "ada_c27_" not in text, text)
        equal(len(json.loads(worked("kb", "list", "--json", hub=hub).out)), 31, "for a script, all")
        equal(len(json.loads(worked("kb", "list", "--json", "--limit", "2", hub=hub).out)), 3, "or what it asks for")
        refused(2, "kb", "list", "--section", "features", hub=hub, said=["components"])
        refused(2, "kb", "get", "p", "--limit", "2", hub=hub, said=["--limit"])


@test
def kb_tells_what_became_of_claims():
    with Hub() as hub:
        ada, bea, cid = (hub.join(name, 2) for name in ("ada", "bea", "cid"))
        good = claim(ada, "good", GOOD)
        liar = claim(ada, "liar", FAIR, 0.1)
        claim(ada, "new", TEXTBOOK)
        ada.say("pattern_share", {"pattern": {"id": "no_claim"}})
        ada.say("os_component_share", {"component": {"name": "tested", "id": "tested"}})
        ada.drain()
        for other in (bea, cid):
            report(other, "good", good)
            report(other, "liar", {**liar, "ratio": 0.9})
        report(bea, "tested", {"integration_tested": True})
        text = worked("kb", "list", hub=hub).out
        status = {found["ID"].split("_17")[0]: found["STATUS"] for found in table(text)}
        equal(status, {"good": "confirmed", "liar": "refuted", "new": "claimed", "no_claim": "-",
                       "ada_tested": "tested"}, "status of each")


@test
def kb_does_not_guess_zones():
    """README's Python says local time without a zone; wherever its author is, no age is hours
    off."""
    with Hub() as hub:
        ada = hub.join("ada", 2)
        now = datetime.datetime.now(datetime.timezone.utc)
        times = {"naive": now.replace(tzinfo=None).isoformat(), "utc": now.isoformat().replace("+00:00", "Z"),
                 "east": now.astimezone(datetime.timezone(datetime.timedelta(hours=9))).isoformat(),
                 "ahead": (now + datetime.timedelta(hours=9)).isoformat(), "none": "yesterday"}
        for identity, timestamp in times.items():
            ada.say("pattern_share", {"pattern": {"id": identity}}, timestamp=timestamp)
        for _ in range(2):  # of which the hub's own time is known
            ada.say("os_component_share", {"component": {"name": "part_7"}}, timestamp=times["naive"])
        ada.drain()
        text = worked("kb", "list", hub=hub).out
        for identity in ("naive", "ahead", "none"):
            equal(row(text, "ID", identity)["AGE"], "?", "age of " + identity)
        parts = [found["ID"] for found in table(text) if found["KIND"] == "component"]
        equal(len(parts), 2, "components")
        for identity in ["utc", "east", *parts]:
            check(re.fullmatch(r"just now|\d+ (s|min)", row(text, "ID", identity)["AGE"]), identity, text)


if __name__ == "__main__":
    run()
