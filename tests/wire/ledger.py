"""Honest scores over real sockets and with the real SHA-256: commit, be challenged, claim, be
measured again; and the lies that are caught."""

import contextlib
import hashlib
import struct

from harness import Hub, check, directory, equal, kill_9, room, run, settle, test

PARAMETERS = {"quantum": 0.5, "boost": 1000.0, "a\"b": -1e-300}


def canonical(parameters, subject="process_manager", version="1"):
    """The text that is hashed, written from docs/PROTOCOL.md alone."""
    lines = ["khub parameters 1", subject, version]
    for name in sorted(parameters, key=lambda name: name.encode()):
        lines.append(f"{name}={struct.pack('>d', parameters[name]).hex()}")
    return "".join(line + "\n" for line in lines).encode()


def canonical_module(source, subject="process_manager", version="1"):
    """The same of a module."""
    return f"khub module 1\n{subject}\n{version}\n{hashlib.sha256(source.encode()).hexdigest()}\n".encode()


def commit(client, parameters=None, subject="process_manager", version="1", source=None):
    text = canonical_module(source, subject, version) if source else canonical(parameters or PARAMETERS, subject, version)
    digest = hashlib.sha256(text).hexdigest()
    identity = client.say("commitment", {"subject": subject, "subject_version": version, "sha256": digest})
    found = client.expect("challenge", subject=subject, subject_version=version, sha256=digest, in_reply_to=identity)
    equal((found["sender_id"], found["target_ai"]), ("hub", client.name), "sender and target")
    return found["payload"]


def measured(client, ratio=0.625, **what):
    """Commits, and says to the hub alone what it measured."""
    challenge = commit(client, **what)
    client.say("measurement", {"commitment_id": challenge["commitment_id"], "ratio": ratio})
    return challenge


def claim(challenge, **others):
    body = {"id": "p1", "commitment_id": challenge["commitment_id"], "nonce": challenge["nonce"], "subject": "process_manager",
            "subject_version": "1", "parameters": PARAMETERS, "seeds": 64}
    body.update(others)
    return {"pattern": body}


def claim_module(challenge, source, **others):
    body = claim(challenge, source=source, **others)
    del body["pattern"]["parameters"]
    return body


def report(client, challenge, ratio, **others):
    performance = {"ratio": ratio, "n": 64, "nonce": challenge["nonce"], "ratio_own": 0.75, "profile": "peer/" + client.name}
    performance.update(others)
    client.say("performance_report", {"component_id": "p1", "performance": performance})


def newcomer(place):
    with contextlib.closing(place.hub.join("auditor", 2)) as auditor:
        return auditor.sync


def verifiers(verification):
    """By name: whose report came first is nobody's to say."""
    return {verifier.pop("ai_id"): verifier for verifier in verification["verifiers"]}


def drain_types(client):
    return [line["message_type"] for line in client.drain() if line["message_type"] not in ("hello", "presence")]


@test
def a_claim_is_confirmed_by_two_others():
    with room() as place:
        eve = place.hub.join("eve", 2)
        challenge = measured(eve)
        equal((len(challenge["commitment_id"]), len(challenge["nonce"])), (36, 32), "lengths")
        eve.say("pattern_share", claim(challenge))
        place.hub.wait_log(r" event=knowledge entry=p1 ")
        gus = place.hub.join("gus", 1)
        report(gus, challenge, 0.625)
        report(place.bea, challenge, 0.625)
        eve.expect("hello")
        # until there were two, nobody heard a number; then all at once
        eve.expect("verification", id="p1", section="shared_patterns", author="eve", status="confirmed", was="claimed",
                   agreeing=2, disagreeing=0)
        equal(drain_types(gus), [], "what level 1 was told")
        sync = newcomer(place)
        found = sync["global_knowledge_base"]["shared_patterns"]["p1"]["verification"]
        equal(found["status"], "confirmed", "status")
        equal(verifiers(found), {name: {"owner": name, "agrees": True, "ratio": 0.625, "ratio_own": 0.75, "profile": "peer/" + name}
                                 for name in ("gus", "bea")}, "verifiers")
        equal(sync["ledger"], {"eve": {"owner": "eve", "commitments": 1, "nonces": 1, "claims": 1, "confirmed": 1, "refuted": 0, "contested": 0,
                                       "mismatched": 0}}, "ledger")
        place.hub.wait_log(r" event=verification entry=p1 status=confirmed\b")
        place.ada.drain()
        place.bea.drain()


@test
def a_lie_is_refuted_and_what_was_derived_from_it_flagged():
    with room() as place:
        eve = place.hub.join("eve", 2)
        challenge = measured(eve, 0.3)
        eve.say("pattern_share", claim(challenge))
        place.hub.wait_log(r" event=knowledge entry=p1 ")
        gus = place.hub.join("gus", 2)
        derived = measured(gus)
        gus.say("pattern_share", claim(derived, id="p2", parents=["p1"]))
        report(eve, challenge, 0.3)  # its own word counts for nothing
        report(gus, challenge, 0.625, claim_holds=False, reason="it measures 0.625")
        report(place.bea, challenge, 0.625)
        place.hub.wait_log(r" event=verification entry=p1 status=refuted\b")
        sync = newcomer(place)
        patterns = sync["global_knowledge_base"]["shared_patterns"]
        equal(patterns["p1"]["verification"]["status"], "refuted", "status")
        found = verifiers(patterns["p1"]["verification"])
        equal({name: one["agrees"] for name, one in found.items()}, {"gus": False, "bea": False}, "who agrees")
        equal(found["gus"]["reason"], "it measures 0.625", "reason")
        equal(patterns["p2"]["verification"]["refuted_parents"], ["p1"], "refuted_parents")
        equal(sync["ledger"]["eve"]["refuted"], 1, "refuted")
        place.ada.drain()
        place.bea.drain()


@test
def a_module_is_claimed_as_parameters_are():
    """However long it may be and is spelt, its bytes alone count; and it outlives the hub."""
    source = "/* \"żółw\"\t\\ */\n".ljust(262_144 - 3, "x")  # 3 letters of it have two bytes
    with directory() as data:
        hub = Hub("--data", data)
        eve = hub.join("eve", 2)
        challenge = measured(eve, source=source)
        for other in (source + "x", source[:-1] + "\0", ""):
            eve.say("pattern_share", claim_module(challenge, other))
            eve.expect_error("bad_payload", "payload.pattern.source")
        eve.say("pattern_share", claim_module(challenge, source.replace("ż", "Ż")))
        eve.expect_error("bad_claim", "payload.pattern.source", challenge["commitment_id"])
        eve.say("pattern_share", claim_module(challenge, source))
        settle(eve)
        kill_9(hub)
        with Hub("--data", data) as hub:
            for client in (hub.join("gus", 2), hub.join("hal", 2)):
                report(client, challenge, 0, claim_holds=False, reason="it does not compile")
            hub.wait_log(r" event=verification entry=p1 status=refuted\b")
        with Hub("--data", data) as hub:  # stopped in order, which writes a checkpoint
            sync = hub.join("ivy", 2).sync
        entry = sync["global_knowledge_base"]["shared_patterns"]["p1"]
        equal((entry["verification"]["status"], entry["verification"]["kind"]), ("refuted", "module"), "what became of it")
        equal(entry["pattern"]["source"], source, "source")
        equal((sync["ledger"]["eve"]["claims"], sync["ledger"]["eve"]["mismatched"]), (1, 1), "ledger")


@test
def what_contradicts_its_commitment_is_refused_and_counted():
    lies = [{"parameters": {**PARAMETERS, "quantum": 0.5000000000000001}}, {"subject_version": "2"}, {"nonce": "0" * 32}]
    with room() as place:
        eve = place.hub.join("eve", 2)
        challenge = commit(eve)
        for lie in lies:
            identity = eve.say("pattern_share", claim(challenge, **lie))
            found = eve.expect_error("bad_claim", "payload.pattern." + list(lie)[0], challenge["commitment_id"])
            equal(found["payload"]["in_reply_to"], identity, "in_reply_to")
        # tuned after the nonce: a new set is another commitment, with another nonce
        tuned = {**PARAMETERS, "quantum": 0.25}
        check(commit(eve, tuned)["nonce"] != challenge["nonce"], "the nonce is the same")
        equal(commit(eve)["nonce"], challenge["nonce"], "the nonce of the same set")
        equal(newcomer(place)["ledger"]["eve"], {"owner": "eve", "commitments": 2, "nonces": 2, "claims": 0, "confirmed": 0, "refuted": 0, "contested": 0,
                                                 "mismatched": 3}, "account")
        eve.close()
        place.nothing_stored()


@test
def commitments_that_are_none_are_refused():
    good = {"subject": "s", "subject_version": "1", "sha256": "0" * 64}
    cases = [({"subject": ""}, "subject"), ({"subject": "s" * 65}, "64"), ({"subject_version": 1}, "subject_version"),
             ({"sha256": "0" * 63}, "sha256"), ({"sha256": "A" * 64}, "sha256"), ({"sha256": None}, "sha256")]
    with room() as place:
        eve = place.hub.join("eve", 2)
        for change, word in cases:
            eve.say("commitment", {**good, **change})
            eve.expect_error("bad_payload", word)
        eve.say("pattern_share", claim({"commitment_id": "unknown", "nonce": "0" * 32}))
        eve.expect_error("bad_claim", "unknown", "commit anew")
        place.ada.say("commitment", good)  # level 1
        equal([line["payload"].get("code") for line in place.ada.drain() if line["message_type"] == "error"], ["forbidden"],
              "level 1")
        equal(newcomer(place)["ledger"], {}, "ledger")
        eve.close()
        place.nothing_stored()


run()
