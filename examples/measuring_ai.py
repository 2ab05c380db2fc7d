#!/usr/bin/env python3
"""An AI that is not khub's own, and takes part in honest scores: it searches parameters, claims
what it finds, and measures again what others claim, parameters or C. Python's standard library, and
the program `khub` for the two things that only the simulators can say: `khub subjects` and `khub
measure`.

    python3 measuring_ai.py ada audio                     for ever, at $KHUB_HUB or 127.0.0.1:6000
    python3 measuring_ai.py ada audio --tries 200         with a longer search before it claims
    python3 measuring_ai.py ada audio --module policy.c   claims this C, and searches nothing

What it says on the wire, and why, is in docs/PROTOCOL.md: Honest scores. Its search is the
simplest that works; put yours in its place. A nonce tells it the workloads after it has committed
itself, so there is nothing to gain from a search that cheats.
"""
import argparse
import datetime
import json
import os
import random
import select
import socket
import subprocess
import sys
import tempfile
import time
import uuid

HEARTBEAT_S = 30  # the hub parts with an AI of level 2 that is silent for 90


class Khub:
    """What the program `khub` knows of the subjects, without a hub."""

    def __init__(self, program):
        self.program = program
        self.subjects = {subject["name"]: subject for subject in self.ask("subjects", "--json")}

    def ask(self, *words):
        """What it says as JSON: ValueError, if what was asked is wrong; RuntimeError, if it could
        not be done on this machine."""
        done = subprocess.run([self.program, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
        if done.returncode == 2 or not done.stdout:
            raise (ValueError if done.returncode == 2 else RuntimeError)(done.stderr.decode().strip())
        return json.loads(done.stdout)

    def knows(self, thing):
        """Whether it measures what is claimed there as its author did."""
        subject = self.subjects.get(thing.get("subject"))
        return bool(subject) and subject["version"] == thing.get("subject_version")

    def measure(self, thing, *where):
        """What is claimed there, parameters or a module's source, on the workloads of a nonce
        (--nonce N) or on an AI's own (--peer ID). ValueError: the parameters are none of that
        subject. A module without a score has no `ratio`, but a `reason`."""
        if "parameters" in thing:
            return self.ask("measure", thing["subject"], "--parameters", json.dumps(thing["parameters"]), "--json", *where)
        with tempfile.NamedTemporaryFile(suffix=".c") as file:
            file.write(thing["source"].encode())
            file.flush()
            try:
                return self.ask("measure", thing["subject"], "--module", file.name, "--json", *where)
            except ValueError as error:  # a khub without modules: no fault of this one's
                raise RuntimeError(str(error)) from error


class Link:
    """Lines of JSON to and from the hub."""

    def __init__(self, address, ai_id):
        host, _, port = address.rpartition(":")
        self.socket = socket.create_connection((host.strip("[]"), int(port)))
        self.ai_id = ai_id
        self.rest = b""
        self.beaten = time.monotonic()

    def say(self, message_type, payload, target=None):
        now = datetime.datetime.now(datetime.timezone.utc).isoformat()
        line = json.dumps({"message_id": str(uuid.uuid4()), "sender_id": self.ai_id, "message_type": message_type,
                           "timestamp": now, "payload": payload, "target_ai": target})
        self.socket.sendall(line.encode() + b"\n")

    def beat(self):
        if time.monotonic() - self.beaten >= HEARTBEAT_S:
            self.say("heartbeat", {})
            self.beaten = time.monotonic()

    def messages(self):
        """What comes, until the hub ends the connection."""
        while True:
            self.beat()
            ready, _, _ = select.select([self.socket], [], [], HEARTBEAT_S / 2)
            data = self.socket.recv(1 << 16) if ready else None
            if data == b"":
                return
            *lines, self.rest = (self.rest + (data or b"")).split(b"\n")
            for line in lines:
                yield json.loads(line)


def search(khub, subject, ai_id, tries, rest):
    """The best of some steps from the textbook's parameters, on this AI's own workloads."""
    def ratio_of(parameters):
        return khub.measure({"subject": subject, "parameters": parameters}, "--peer", ai_id)["ratio"]

    ranges = khub.subjects[subject]["parameters"]
    best = {parameter["name"]: parameter["textbook"] for parameter in ranges}
    ratio = ratio_of(best)
    for _ in range(tries):
        step = dict(best)
        chosen = random.choice(ranges)
        low, high = chosen["low"], chosen["high"]
        step[chosen["name"]] = (low * (high / low) ** random.random() if chosen["logarithmic"]
                                else random.uniform(low, high))
        found = ratio_of(step)
        if found < ratio:
            best, ratio = step, found
        rest()
    return best


class AI:
    def __init__(self, arguments):
        self.khub = Khub(arguments.khub)
        self.ai_id, self.subject = arguments.ai_id, arguments.subject
        self.link = Link(arguments.hub, self.ai_id)
        self.claimed = {"subject": self.subject, "subject_version": self.khub.subjects[self.subject]["version"]}
        self.checked = set()
        self.module, self.tries = arguments.module, arguments.tries

    def log(self, *words):
        print(f"[{self.ai_id}]", *words, file=sys.stderr, flush=True)

    # ── its own claim: commitment, challenge, and only then the number ──

    def commit(self):
        if self.module:
            with open(self.module, encoding="utf-8", newline="") as file:  # each byte of it counts
                self.claimed["source"] = file.read()
        else:
            self.claimed["parameters"] = search(self.khub, self.subject, self.ai_id, self.tries, self.link.beat)
        try:
            found = self.khub.measure(self.claimed, "--peer", self.ai_id)
        except RuntimeError as error:
            found = {"reason": str(error)}
        if "ratio" not in found:
            self.log("claims nothing:", found["reason"])
            return
        self.link.say("commitment", {"subject": self.subject, "subject_version": self.claimed["subject_version"],
                                     "sha256": found["commitment"]})

    def on_challenge(self, payload):
        measured = self.khub.measure(self.claimed, "--nonce", payload["nonce"])
        if "ratio" not in measured:
            self.log("it does not hold on all workloads:", measured["reason"])
            return
        # the number is for the hub alone, until two others have found it by themselves
        self.link.say("measurement", {"commitment_id": payload["commitment_id"], "ratio": measured["ratio"]})
        self.link.say("pattern_share", {"pattern": {
            **self.claimed, "id": f"{self.ai_id}_{payload['commitment_id'][:8]}",
            "type": "tuned_policy" if "parameters" in self.claimed else "module", "specialization": self.subject,
            "commitment_id": payload["commitment_id"], "nonce": payload["nonce"], "seeds": measured["n"]}})
        self.log(f"claimed a ratio of {measured['ratio']:.4f}")

    def on_verification(self, payload):
        if payload["author"] == self.ai_id:
            self.log(payload["id"], "is", payload["status"])

    # ── the claims of others ──

    def check(self, author, thing):
        """Measures a claim again, and says what came of it. What can't be measured here is left to
        others: no word is better than a guess. (Of a component that claims parameters it does not
        look at the C that came with them.)"""
        identity = (thing.get("id"), thing.get("nonce"))
        if author == self.ai_id or identity in self.checked or not isinstance(identity[0], str):
            return
        if not thing.get("commitment_id") or not self.khub.knows(thing):
            return
        self.checked.add(identity)
        try:
            there = self.khub.measure(thing, "--nonce", thing["nonce"])
            own = self.khub.measure(thing, "--peer", self.ai_id)
        except ValueError as error:  # parameters that are none: the claim does not hold
            there, own = {"reason": str(error)}, {}
        except RuntimeError as error:  # no compiler, or no sandbox: that says nothing of the module
            self.log(f"can't measure {thing['id']} here:", error)
            return
        holds = "ratio" in there  # whether that is what the author measured, the hub knows
        found = {"subject": thing["subject"], "subject_version": thing["subject_version"],
                 "nonce": thing["nonce"], "n": thing["seeds"], "ratio": there["ratio"] if holds else 0, "score": 0}
        if not holds:
            found.update(claim_holds=False, reason=there["reason"][:200])
        if "ratio" in own:
            found.update(ratio_own=own["ratio"], ci95_own=own["ci95"], n_own=own["n"], profile=f"peer/{self.ai_id}")
            found["score"] = max(0, min(1, 1 - own["ratio"])) if holds else 0
        self.link.say("performance_report", {"component_id": thing["id"], "performance": found})
        self.log(f"measured {thing['id']} of {author}")

    def on_sync(self, payload):
        knowledge = payload["global_knowledge_base"]
        for entry in knowledge["shared_patterns"].values():
            self.check(entry["contributor"], entry["pattern"])
        for entry in knowledge["collective_features"].values():
            self.check(entry["contributor"], entry["component"])

    # ── all of it ──

    def run(self):
        hello = {"protocol": 2, "specialization": self.subject, "capabilities": ["measurement"],
                 "collaboration_ready": False}
        if os.environ.get("KHUB_TOKEN"):
            hello["token"] = os.environ["KHUB_TOKEN"]
        self.link.say("hello", hello)
        for message in self.link.messages():
            kind, payload, author = message["message_type"], message["payload"], message["sender_id"]
            if kind == "training_sync":
                self.commit()
                self.on_sync(payload)
            elif kind == "challenge":
                self.on_challenge(payload)
            elif kind == "pattern_share":
                self.check(author, payload["pattern"])
            elif kind == "os_component_share":
                self.check(author, payload["component"])
            elif kind == "verification":
                self.on_verification(payload)
            elif kind == "error":
                self.log("the hub says", payload["code"] + ":", payload["detail"])


def main():
    parser = argparse.ArgumentParser(description="An AI that claims, and checks claims, by khub measure.")
    parser.add_argument("ai_id")
    parser.add_argument("subject", help="khub subjects lists them")
    parser.add_argument("--hub", default=os.environ.get("KHUB_HUB", "127.0.0.1:6000"), help="HOST:PORT")
    parser.add_argument("--khub", default="khub", help="the program; without it the one on the path")
    parser.add_argument("--tries", type=int, default=50, help="steps of its search")
    parser.add_argument("--module", metavar="FILE", help="C to claim instead of what a search finds")
    AI(parser.parse_args()).run()


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        pass
