#!/usr/bin/env python3
"""khub kb export and import: what one hub knows, in another.

usage: cli_kb_import.py KHUB [PART OF A NAME]
"""
import json
import os
import re
import sys

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
sys.path.insert(0, os.path.join(ROOT, "tests", "wire"))
from harness import Hub, check, directory, equal, kill_9, run, test  # noqa: E402
from claims import TEXTBOOK, claim, report  # noqa: E402
from program import HOSTILE, Running, refused, worked  # noqa: E402


@test
def kb_exports_all():
    with Hub("--sync-limit", "1K") as hub:
        ada = hub.join("ada", 2)
        for number in range(30):
            ada.say("pattern_share", {"pattern": {"id": f"p{number}", "x": "y" * 100}})
        ada.say("code_share", {"code": {"id": "c", "source": "x"}})
        ada.drain()
        lines = worked("kb", "export", hub=hub).out.splitlines()
        equal([json.loads(line)["id"] for line in lines], [f"p{number}" for number in reversed(range(30))] + ["c"])


def exported(hub):
    return [json.loads(line) for line in worked("kb", "export", hub=hub).out.splitlines()]


def anew(entries):
    """What is the same in another hub: not who shared it, nor when, nor a component's key."""
    same = []
    for line in entries:
        if line["section"] == "performance_benchmarks":
            same.append((line["section"], line["id"], [report["metrics"] for report in line["entry"]]))
            continue
        body = next(line["entry"][name] for name in ("pattern", "component", "code") if name in line["entry"])
        body = {"id": line["id"], **body} if "component" not in line["entry"] else dict(body)
        body.pop("commitment_id", None)
        same.append((line["section"], body))
    return same


@test
def kb_imports_what_it_exported():
    """Also more than a sync holds, and more than is under way at once."""
    with Hub("--sync-limit", "1K") as hub, Hub("--sync-limit", "1K") as other, directory() as folder:
        os.mkdir(folder)
        ada = hub.join("ada", 2, acks=True)
        for number in range(300):
            ada.say("pattern_share", {"pattern": {"id": f"p{number}", "n": 1.50, "text": HOSTILE}})
        ada.say("pattern_share", {"pattern": {"without": "an id"}})
        ada.say("code_share", {"code": {"id": "c\u00e9", "source": "x\n\"y\""}})
        for number in range(3):
            ada.say("os_component_share", {"component": {"name": f"fs {number}"}})
            ada.say("performance_report", {"component_id": "p1", "performance": {"score": number / 4}})
        for _ in range(308):
            ada.expect("ack")
        claim(ada, "claimed", TEXTBOOK)
        before, path = exported(hub), os.path.join(folder, "all.jsonl")
        equal(len(before), 307)
        with open(path, "w", encoding="utf-8") as file:
            file.write(worked("kb", "export", hub=hub).out)
        result = worked("kb", "import", path, "--as", "mover", hub=other)
        equal(result.out, "taken 309, known already 0, refused 0\n")
        check("1 of them claimed something elsewhere" in result.err, result.err)
        after = exported(other)
        equal(anew(after), anew(before))  # in the same order
        entries = [line["entry"] for line in after if isinstance(line["entry"], dict)]
        equal({entry["contributor"] for entry in entries}, {"mover"})
        for again in (hub, other):
            equal(worked("kb", "import", path, hub=again).out, "taken 0, known already 309, refused 0\n")


@test
def kb_import_says_what_is_refused():
    with Hub("--rate", "40") as hub:
        ada = hub.join("ada", 2, acks=True)
        ada.say("pattern_share", {"pattern": {"id": "p1", "n": 1}})
        ada.expect("ack")
        lines = [{"id": f"p{number}", "section": "shared_patterns", "entry": {"pattern": {"n": 2}}}
                 for number in range(120)]
        text = "\n".join([*map(json.dumps, lines), "", "no json",
                          '{"id":"x","section":"shared_patterns","entry":[]}'])
        result = refused(1, "kb", "import", "-", hub=hub, given=text.encode(), said=[
            "line 2: ", "line 122: this is no", "line 123: this is no"])
        equal(result.out, "taken 119, known already 0, refused 3\n")  # also what came too fast
        refused(2, "kb", "import", hub=hub, said=["import wants a FILE"])
        refused(2, "kb", "list", "--as", "x", hub=hub, said=["--as goes with import"])
    refused(1, "kb", "import", "-", "--hub", "127.0.0.1:1", said=["no hub at"])
    # before a hub is asked
    for path, why in (("/nonexistent/file", "No such file"), ("/", "Is a directory")):
        refused(1, "kb", "import", path, "--hub", "127.0.0.1:1", said=[f"{path}: {why}"])


@test
def who_is_too_fast_waits_as_long_as_the_hub_says():
    """So it is refused a few times; with a short time of its own it would be ten times as often."""
    with directory() as data, Hub("--data", data, "--sync-limit", "400") as hub:
        def given(name, *options):
            return {"hub": hub, "KHUB_TOKEN": worked("token", "add", name, *options, "--data", data).out.strip()}

        def slow(name, rate="0.5"):
            """In a burst it is one message, which is the hello."""
            return given(name, "--rate", rate)

        lines = [{"id": f"p{number}", "section": "shared_patterns", "entry": {"pattern": {"n": number, "x": "y" * 300}}}
                 for number in range(3)]
        result = worked("kb", "import", "-", given="\n".join(map(json.dumps, lines)).encode(), **slow("imports"))
        equal(result.out, "taken 3, known already 0, refused 0\n")
        refused_so_far = hub.counters()["refused"]
        check(1 <= refused_so_far <= 15, refused_so_far, "refusals of 3 lines")
        listed = json.loads(worked("kb", "list", "--json", **given("fast")).out)
        # the newest first: so they have kept the file's order
        equal([entry["id"] for entry in listed], ["p0", "p1", "p2"])
        for words in (("kb", "list", "--json"), ("dead", "--json")):
            before = hub.counters()["refused"]
            worked(*words, **slow(words[0]))
            count = hub.counters()["refused"] - before
            check(count <= 8, count, "refusals of", words)
        text = worked("dead", **slow("slower", "0.19")).err
        check("takes the next message in" in text and text.count("waiting") == 1, text)


@test
def kb_import_outlives_its_hub():
    with directory() as folder:
        os.mkdir(folder)
        data, path = os.path.join(folder, "data"), os.path.join(folder, "all.jsonl")
        with open(path, "w", encoding="utf-8") as file:
            for number in range(4000):
                entry = {"pattern": {"n": number, "text": "x" * 500}}
                file.write(json.dumps({"id": f"p{number}", "section": "shared_patterns", "entry": entry}) + "\n")
        hub = Hub("--data", data)
        port, eve = hub.port, hub.join("eve", 2)
        with Running("kb", "import", path, hub=hub) as importing:
            eve.expect("hello")
            eve.expect("pattern_share")  # it is under way
            kill_9(hub)
            with Hub("--data", data, listen=(f"127.0.0.1:{port}",)) as hub:
                code, said = importing.end(0)
                equal(code, 0)
                equal(importing.text, "taken 4000, known already 0, refused 0\n")
                check("trying again" in said, said)
                equal(len(exported(hub)), 4000)


@test
def kb_import_can_be_stopped():
    """What it says then is what the hub has."""
    with Hub("--rate", "20") as hub, directory() as path:
        with open(path, "w", encoding="utf-8") as file:
            for number in range(4000):
                entry = {"pattern": {"n": number}}
                file.write(json.dumps({"id": f"p{number}", "section": "shared_patterns", "entry": entry}) + "\n")
        eve = hub.join("eve", 2)
        with Running("kb", "import", path, hub=hub) as importing:
            eve.expect("hello")
            eve.expect("pattern_share")
            code, said = importing.end()
        equal(code, 1)
        check("import again" in said, said)
        taken = int(re.match(r"taken (\d+), known already 0, refused 0\n", importing.text)[1])
        check(0 < taken <= len(exported(hub)) < 4000, taken, importing.text)


if __name__ == "__main__":
    run()
