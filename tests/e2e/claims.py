"""Claims of subject audio, by AIs that are a few lines of Python; for tests of what others make of
them.
"""
import hashlib
import json
import struct

from program import worked
from trainers import next_of


def canonical_sha256(subject, version, parameters):
    text = f"khub parameters 1\n{subject}\n{version}\n"
    for name in sorted(parameters):
        text += f"{name}={struct.pack('>d', parameters[name]).hex()}\n"
    return hashlib.sha256(text.encode()).hexdigest()


AUDIO = json.loads(worked("subjects", "audio", "--json").out)
VERSION = AUDIO["version"]
TEXTBOOK = {parameter["name"]: parameter["textbook"] for parameter in AUDIO["parameters"]}
FAIR = {**TEXTBOOK, "floor": 120}  # which is better,
GOOD = {**TEXTBOOK, "floor": 150}  # and better still


def measure(nonce, parameters):
    return json.loads(worked("measure", "audio", "--nonce", nonce, "--parameters", json.dumps(parameters), "--json").out)


def commit(client, parameters, version=VERSION):
    """The challenge that answers it."""
    client.drain()
    client.say("commitment", {"subject": "audio", "subject_version": version,
                              "sha256": canonical_sha256("audio", version, parameters)})
    return next_of(client, "challenge")["payload"]


def claim(client, identity, parameters, ratio=None, version=VERSION):
    """Commits, and claims what is true, or another ratio; what others need to measure it again."""
    challenge = commit(client, parameters, version)
    ratio = ratio or measure(challenge["nonce"], parameters)["ratio"]
    client.say("measurement", {"commitment_id": challenge["commitment_id"], "ratio": ratio})
    client.say("pattern_share", {"pattern": {
        "id": identity, "subject": "audio", "subject_version": version, "parameters": parameters, "seeds": 64,
        "commitment_id": challenge["commitment_id"], "nonce": challenge["nonce"]}})
    client.drain()
    return {"nonce": challenge["nonce"], "n": 64, "ratio": ratio}


def report(client, identity, measured, **more):
    client.say("performance_report", {"component_id": identity, "performance": {**measured, **more}})
    client.drain()
