"""Claims of subject audio, by AIs that are a few lines of Python; for tests of what others make of
them.
"""
import contextlib
import hashlib
import json
import os
import struct

from program import worked
from trainers import next_of


def canonical_sha256(subject, version, parameters):
    text = f"khub parameters 1\n{subject}\n{version}\n"
    for name in sorted(parameters):
        text += f"{name}={struct.pack('>d', parameters[name]).hex()}\n"
    return hashlib.sha256(text.encode()).hexdigest()


def module_sha256(subject, version, source):
    digest = hashlib.sha256(source.encode()).hexdigest()
    return hashlib.sha256(f"khub module 1\n{subject}\n{version}\n{digest}\n".encode()).hexdigest()


AUDIO = json.loads(worked("subjects", "audio", "--json").out)
VERSION = AUDIO["version"]
TEXTBOOK = {parameter["name"]: parameter["textbook"] for parameter in AUDIO["parameters"]}
FAIR = {**TEXTBOOK, "floor": 120}  # which is better,
GOOD = {**TEXTBOOK, "floor": 150}  # and better still


def measure(nonce, parameters):
    return json.loads(worked("measure", "audio", "--nonce", nonce, "--parameters", json.dumps(parameters), "--json").out)


def module_of(hub, parameters):
    """The C that khub makes of them, by way of a pattern that claims nothing."""
    with contextlib.closing(hub.join("renderer", 2)) as renderer:
        renderer.say("pattern_share", {"pattern": {"id": "rendered", "subject": "audio", "subject_version": VERSION,
                                                   "parameters": parameters}})
        renderer.drain()
        return worked("kb", "get", "rendered", "--source", hub=hub).out


def commit(client, parameters, version=VERSION):
    """The challenge that answers it."""
    return commit_to(client, canonical_sha256("audio", version, parameters), version)


def commit_to(client, sha256, version=VERSION):
    client.drain()
    client.say("commitment", {"subject": "audio", "subject_version": version, "sha256": sha256})
    return next_of(client, "challenge")["payload"]


def claim(client, identity, parameters, ratio=None, version=VERSION):
    """Commits, and claims what is true, or another ratio; what others need to measure it again."""
    challenge = commit(client, parameters, version)
    ratio = ratio or measure(challenge["nonce"], parameters)["ratio"]
    return share(client, identity, challenge, ratio, version, parameters=parameters)


def claim_module(client, identity, source, ratio):
    """The same of a module, of which a ratio is said."""
    challenge = commit_to(client, module_sha256("audio", VERSION, source))
    return share(client, identity, challenge, ratio, VERSION, source=source)


def claim_measured(hub, client, identity, source, kind="pattern"):
    """The same, as a pattern or a component, with the ratio that it has."""
    path = os.path.join(hub.folder, "claimed.c")
    with open(path, "w", encoding="utf-8") as file:
        file.write(source)
    challenge = commit_to(client, module_sha256("audio", VERSION, source))
    measured = json.loads(worked("measure", "audio", "--nonce", challenge["nonce"], "--module", path, "--json").out)
    more = {"name": identity, "language": "c11"} if kind == "component" else {}
    return share(client, identity, challenge, measured["ratio"], VERSION, kind, source=source, **more)


def share(client, identity, challenge, ratio, version, kind="pattern", **what):
    client.say("measurement", {"commitment_id": challenge["commitment_id"], "ratio": ratio})
    client.say({"pattern": "pattern_share", "component": "os_component_share"}[kind], {kind: {
        "id": identity, "subject": "audio", "subject_version": version, **what, "seeds": 64,
        "commitment_id": challenge["commitment_id"], "nonce": challenge["nonce"]}})
    client.drain()
    return {"nonce": challenge["nonce"], "n": 64, "ratio": ratio}


def report(client, identity, measured, **more):
    client.say("performance_report", {"component_id": identity, "performance": {**measured, **more}})
    client.drain()
