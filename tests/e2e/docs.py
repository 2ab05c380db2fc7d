#!/usr/bin/env python3
"""The documents say what is true: every message type, error code, subcommand and ./dev command is
described.

usage: docs.py KHUB
"""
import fnmatch
import hashlib
import json
import os
import re
import subprocess
import sys

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
sys.path.insert(0, os.path.join(ROOT, "tests", "wire"))
from harness import Hub, check, equal, run, test  # noqa: E402
from claims import canonical_sha256, measure  # noqa: E402
from trainers import next_of  # noqa: E402


def read(*path):
    with open(os.path.join(ROOT, *path), encoding="utf-8") as file:
        return file.read()


def rows(table):
    """The texts of an X-macro table of src/wire/types.h."""
    body = read("src", "wire", "types.h").split(f"#define {table}(X)")[1].split("\n\n")[0]
    found = re.findall(r'X\(\w+, "(\w+)"', body)
    check(len(found) > 10, table, "has", len(found), "rows")
    return found


def described(what, document, names):
    text = read(*document)
    for name in names:
        check(f"`{name}`" in text, what, name, "is not in", "/".join(document))


@test
def protocol_lists_every_message_type():
    described("message type", ("docs", "PROTOCOL.md"), rows("MESSAGE_TYPES"))


@test
def protocol_lists_every_error_code():
    described("error code", ("docs", "PROTOCOL.md"), rows("WIRE_ERRORS"))


WORD = (1 << 64) - 1


def mixed(state):
    """One step of splitmix64."""
    z = (state + 0x9e3779b97f4a7c15) & WORD
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9 & WORD
    z = (z ^ z >> 27) * 0x94d049bb133111eb & WORD
    return z ^ z >> 31


def draws(seed):
    """The first two numbers of xoshiro256**."""
    state = [mixed(seed + i * 0x9e3779b97f4a7c15 & WORD) for i in range(4)]
    for _ in range(2):
        scrambled = state[1] * 5 & WORD
        yield (scrambled << 7 | scrambled >> 57) * 9 & WORD
        shifted = state[1] << 17 & WORD
        state[2] ^= state[0]
        state[3] ^= state[1]
        state[1] ^= state[2]
        state[0] ^= state[3]
        state[2] ^= shifted
        state[3] = (state[3] << 45 | state[3] >> 19) & WORD


@test
def protocol_vectors_follow_from_its_words():
    """By somebody who has read it; policy_measure compares them with the code."""
    text = read("docs", "PROTOCOL.md")
    (name,) = re.findall(r'FNV-1a of "(audio/test/[0-9a-f]{32})"', text)
    value = 0xcbf29ce484222325
    for byte in name.encode():
        value = (value ^ byte) * 0x100000001b3 & WORD
    check(f"{value:016x}" in text, f"hash {value:016x}")
    seeds = re.findall(r"seed of workload (\d+) +([0-9a-f]{16})\n", text)
    check(len(seeds) == 3, seeds)
    for number, told in seeds:
        check(int(told, 16) == mixed(value ^ int(number)), "seed", number, "is", told)
    (told,) = re.findall(r"workload 0 draws +([0-9a-f]{16} [0-9a-f]{16})", text)
    check(told.split() == [f"{draw:016x}" for draw in draws(mixed(value))], told)
    hashed = "khub parameters 1\naudio\n1\nfloor=4059000000000000\nmean_gain=3fe0000000000000\n"
    check(hashlib.sha256(hashed.encode()).hexdigest() in text, "the digest of a commitment")
    ((source, digest, committed),) = re.findall(r"source `([^`]+)` with a\n`\\n`[^`]+`([0-9a-f]{64})`[^`]+`audio`, version `1`"
                                                r"[^`]+`([0-9a-f]{64})`", text)
    equal(digest, hashlib.sha256(f"{source}\n".encode()).hexdigest(), "the digest of a source")
    hashed = f"khub module 1\naudio\n1\n{digest}\n"
    equal(committed, hashlib.sha256(hashed.encode()).hexdigest(), "the digest of a module")


def conversation():
    """That of docs/PROTOCOL.md: sender, receiver, type and payload of each message."""
    block = read("docs", "PROTOCOL.md").split("### A claim, from its commitment")[1].split("```")[1]
    found = re.findall(r"^(\w+) → (\w+) +(\w+)\n((?:  .*\n)+)", block, re.MULTILINE)
    equal(len(found), len(re.findall("→", block)), "messages read")
    return [(*head, json.loads(payload)) for *head, payload in found]


def replaced(value, instead):
    """A payload with what the hub chose in the place of what the document has."""
    if isinstance(value, dict):
        return {name: replaced(member, instead) for name, member in value.items()}
    if isinstance(value, list):
        return [replaced(member, instead) for member in value]
    return instead.get(value, value) if isinstance(value, (str, float)) else value


@test
def the_hub_holds_the_conversation_of_the_protocol():
    messages = conversation()
    body = next(payload["pattern"] for _, _, kind, payload in messages if kind == "pattern_share")
    ratio = next(payload["ratio"] for _, _, kind, payload in messages if kind == "measurement")
    equal(measure(body["nonce"], body["parameters"])["ratio"], ratio, "ratio in the document")
    equal(canonical_sha256("audio", body["subject_version"], body["parameters"]), messages[0][3]["sha256"], "digest in the document")
    with Hub() as hub:
        clients = {name: hub.join(name, 2) for name in sorted({sender for sender, *_ in messages} - {"hub"})}
        equal(len(clients), 3, "AIs")
        instead, heard = {}, {name: client.drain() for name, client in clients.items()}
        for sender, receiver, kind, payload in messages:
            if sender != "hub":
                instead["the message_id of the " + kind] = clients[sender].say(kind, replaced(payload, instead))
                heard[sender] += clients[sender].drain()  # the hub has handled it
                continue
            for name in [receiver] if receiver in clients else clients:
                if kind == "challenge":  # it comes when an epoch ends
                    heard[name].append(next_of(clients[name], kind))
                heard[name] += clients[name].drain()
                told = [line["payload"] for line in heard[name] if line["message_type"] == kind]
                equal(len(told), 1, f"{kind} to {name}")
                told = told[0]
                if kind == "challenge":
                    instead.update({payload[member]: told[member] for member in ("commitment_id", "nonce")})
                    instead[ratio] = measure(told["nonce"], body["parameters"])["ratio"]
                equal(told, replaced(payload, instead), f"what {name} is told")
        errors = [line for lines in heard.values() for line in lines if line["message_type"] == "error"]
        equal(errors, [], "errors")


@test
def readme_lists_every_subcommand():
    help_text = subprocess.run([sys.argv[1], "help"], stdout=subprocess.PIPE, check=True, text=True).stdout
    names = re.findall(r"^  ([a-z]+)  +\S", help_text, re.MULTILINE)
    check(len(names) >= 10, "subcommands found:", names)
    described("subcommand", ("README.md",), [f"khub {name}" for name in names if name not in ("help", "version")])


@test
def dev_describes_every_command():
    script = read("dev")
    commands = re.findall(r"^([a-z]+)\) ", script.split("case $command in")[1], re.MULTILINE)
    usage = script.split("<<'EOF'")[1].split("\nEOF")[0]
    check(len(commands) >= 6, "commands found:", commands)
    for name in commands:
        check(re.search(rf"^  {name} ", usage, re.MULTILINE), "./dev help does not describe", name)


@test
def architecture_names_every_room():
    text = read("ARCHITECTURE.md")
    rooms = sorted(os.listdir(os.path.join(ROOT, "src")))
    check(len(rooms) >= 8, "rooms found:", rooms)
    for room in rooms:
        check(f"{room}/" in text, room, "is not in ARCHITECTURE.md")


@test
def architecture_names_every_file():
    """But what a subject's simulator is made of. And no file that is not there."""
    named = {name.split("/")[-1] for name in re.findall(r"`([\w/*]+\.[ch])`", read("ARCHITECTURE.md"))}
    files = {name: where for where, _, found in os.walk(os.path.join(ROOT, "src")) for name in found}
    for name in named:
        check("*" in name or name in files or os.path.exists(os.path.join(ROOT, "include", name)), name,
              "is named in ARCHITECTURE.md, and not there")
    sources = [name for name, where in files.items() if name.endswith(".c") and "/policy/" not in where]
    check(len(sources) > 100, "files found:", len(sources))
    for name in sources:
        check(name == "main.c" or any(fnmatch.fnmatch(name, pattern) for pattern in named), name,
              "is not in ARCHITECTURE.md")


@test
def documents_point_at_files_that_exist():
    for document in ("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md"):
        for target in re.findall(r"\]\(([^)#:]+)\)", read(document)):
            check(os.path.exists(os.path.join(ROOT, target)), document, "points to", target)


run()
