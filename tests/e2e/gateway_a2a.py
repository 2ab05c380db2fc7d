#!/usr/bin/env python3
"""A2A at a gateway, as it goes over the wire: cards, tasks, streams, and what is refused.

usage: gateway_a2a.py KHUB [PART OF A NAME]
"""
import contextlib
import json
import os
import sys
import tempfile

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
sys.path.insert(0, os.path.join(ROOT, "tests", "wire"))
from gateway import Gateway, door_of  # noqa: E402
from harness import Hub, check, directory, equal, run, test  # noqa: E402
from tokens import give_out, let_in  # noqa: E402

CARD = "/.well-known/agent-card.json"
CATALOG = "/.well-known/ai-catalog.json"
REQUIRED = ("name", "description", "supportedInterfaces", "version", "capabilities", "defaultInputModes",
            "defaultOutputModes", "skills")
HOSTILE = "\"}<script>\\ \x7f"


def well_formed(card):
    """As A2A wants one, of both versions; the ids of its skills."""
    for name in REQUIRED:
        check(card[name], name, "is missing or empty in", card)
    for skill in card["skills"]:
        check(all(skill[name] for name in ("id", "name", "description", "tags")), skill)
    names = [skill["id"] for skill in card["skills"]]
    equal(len(set(names)), len(names), "skills, each once")
    for one in card["supportedInterfaces"]:
        check(one["url"].startswith("http") and one["protocolBinding"] in ("JSONRPC", "HTTP+JSON"), one)
    equal((card["protocolVersion"], card["preferredTransport"]), ("0.3.0", "JSONRPC"))
    return names


def interfaces(card):
    return {(one["protocolBinding"], one["protocolVersion"]): (one["url"], one.get("tenant"))
            for one in card["supportedInterfaces"]}


@test
def cards_say_who_takes_tasks():
    with Hub("--http", "127.0.0.1:0") as hub:
        door = door_of(hub)
        place = f"http://127.0.0.1:{door.port}"
        equal(well_formed(door.ask(CARD)[1]), ["hand-on"], "of a hub where nobody is")
        hub.join("ada", 2, specialization="audio", capabilities=["a2a", "mixing", "mastering"])
        hub.join("bea", 2, specialization="video", capabilities=["mixing", "a2a"])
        hub.join("cid", 2, capabilities=["mixing", "A2A", "a2a "])  # wants none
        hub.join("d/e f?", 2, specialization=HOSTILE, capabilities=["a2a", HOSTILE])
        gone = hub.join("eve", 2, capabilities=["a2a", "leaving"])
        gone.say("leave")
        gone.expect("presence", ai_id="eve")
        gone.expect_end()
        hub.join("fay", 2, capabilities=["a2a"], role="observer")

        status, card, _ = door.ask(CARD)
        equal((status, set(well_formed(card))), (200, {"hand-on", "mixing", "mastering", HOSTILE}))
        mixing = next(skill for skill in card["skills"] if skill["id"] == "mixing")
        equal(sorted(mixing["tags"]), ["audio", "video"])
        equal(interfaces(card), {("JSONRPC", "1.0"): (place + "/a2a", None), ("HTTP+JSON", "1.0"): (place + "/a2a", None),
                                 ("JSONRPC", "0.3"): (place + "/a2a", None)})
        check("securitySchemes" not in card and card["url"] == place + "/a2a", card)

        status, card, _ = door.ask("/a2a/ada" + CARD)
        equal((status, card["name"], well_formed(card)), (200, "ada", ["mixing", "mastering"]))
        equal(interfaces(card), {("JSONRPC", "1.0"): (place + "/a2a", "ada"),
                                 ("HTTP+JSON", "1.0"): (place + "/a2a", "ada"),
                                 ("JSONRPC", "0.3"): (place + "/a2a/ada", None)})
        status, card, _ = door.ask("/a2a/d%2Fe%20f%3F" + CARD)
        equal((status, card["name"], card["url"], well_formed(card)),
              (200, "d/e f?", place + "/a2a/d%2Fe%20f%3F", [HOSTILE]))
        for nobody in ("cid", "eve", "fay", "gil", "a%00da", "x" * 129):
            check(door.ask(f"/a2a/{nobody}{CARD}")[0] in (400, 404), nobody)

        status, text, fields = door.ask(CATALOG)
        catalog = json.loads(text)
        equal((status, fields["Content-Type"], catalog["specVersion"]), (200, "application/ai-catalog+json", "1.0"))
        equal({entry["displayName"] for entry in catalog["entries"]}, {"khub", "ada", "bea", "d/e f?"})
        for entry in catalog["entries"]:
            equal((entry["type"], door.ask(entry["url"].removeprefix(place))[1]["name"]),
                  ("application/a2a-agent-card+json", entry["displayName"]))
            check(entry["identifier"].startswith("urn:air:127.0.0.1:khub:"), entry)


@test
def a_card_is_kept_until_it_changes():
    with Hub("--http", "127.0.0.1:0") as hub:
        door = door_of(hub)
        ada = hub.join("ada", 2, capabilities=["a2a", "mixing"])
        for path in (CARD, "/a2a/ada" + CARD, CATALOG):
            _, _, fields = door.ask(path)
            equal(fields.get_all("Cache-Control"), ["private, max-age=60"], path)
            status, body, again = door.ask(path, If_None_Match=fields["ETag"])
            equal((status, body, again["ETag"]), (304, "", fields["ETag"]), path)
            equal(door.ask(path, If_None_Match='"other"')[0], 200, path)
        _, _, fields = door.ask("/a2a/ada" + CARD)
        ada.say("hello", {"protocol": 2, "capabilities": ["a2a", "mastering"]})
        ada.expect("training_sync")
        status, card, _ = door.ask("/a2a/ada" + CARD, If_None_Match=fields["ETag"])
        equal((status, well_formed(card)), (200, ["mastering"]), "after another hello")


@test
def at_a_hub_with_tokens_a_stranger_reads_what_everybody_may_know():
    with directory() as data, contextlib.ExitStack() as stack:
        token, own = give_out(data, "ada"), give_out(data, "gateway", "--role", "observer")
        hub = stack.enter_context(Hub("--data", data))
        file = stack.enter_context(tempfile.NamedTemporaryFile("w", suffix=".token"))
        file.write(own + "\n")
        file.flush()
        door = stack.enter_context(Gateway("--token-file", file.name, hub=hub))
        door.wait_ready()
        let_in(hub, "ada", token, level=2, capabilities=["a2a", "secret-skill"])
        good = {"Authorization": "Bearer " + token}

        status, card, _ = door.ask(CARD)
        equal((status, well_formed(card)), (200, ["hand-on"]))
        equal(card["securitySchemes"]["bearer"]["httpAuthSecurityScheme"], {"scheme": "Bearer"})
        equal(card["securityRequirements"], [{"schemes": {"bearer": {"list": []}}}])
        check(card["capabilities"]["extendedAgentCard"] and card["supportsAuthenticatedExtendedCard"], card)
        equal(len(json.loads(door.ask(CATALOG)[1])["entries"]), 1)
        equal(door.ask("/a2a/ada" + CARD)[0], 401)
        equal(door.ask(CARD, Authorization="Bearer " + own[:-1])[0], 401, "a wrong one is not none")

        equal(well_formed(door.ask(CARD, **good)[1]), ["hand-on", "secret-skill"])
        equal(well_formed(door.ask("/a2a/ada" + CARD, **good)[1]), ["secret-skill"])
        equal(len(json.loads(door.ask(CATALOG, **good)[1])["entries"]), 2)


if __name__ == "__main__":
    run()
