#!/usr/bin/env python3
"""khub search with a language model: a scripted server speaks both wires, and fails as servers do.

usage: cli_search.py KHUB [PART OF A NAME]
"""
import json
import os
import sys
import tempfile

from model_server import asked, model, textbook, url
from program import needs_landlock, refused, worked

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
sys.path.insert(0, os.path.join(ROOT, "tests", "wire"))
from harness import check, equal, run, test  # noqa: E402


def words(server, *more, evaluations="8"):
    return ("search", "audio", "--evaluations", evaluations, "--heldout", "2", "--by", "llm:tiny", "--model-url", url(server),
            "--model-wire", server.wire, *more)


def result(server, *more, **how):
    return json.loads(worked(*words(server, *more, **how), "--json").out)["searchers"][0]


@test
def a_model_is_asked_for_modules_on_both_wires():
    needs_landlock()
    with tempfile.TemporaryDirectory() as folder:
        key = os.path.join(folder, "key")
        with open(key, "w", encoding="ascii") as file:
            file.write("secret-key \n")
        for wire, path, header, value in (("openai", "/v1/chat/completions", "Authorization", "Bearer secret-key"),
                                          ("anthropic", "/v1/messages", "x-api-key", "secret-key")):
            with model(wire, {"text": textbook, "crlf": wire == "openai"}) as server:
                found = result(server, "--model-key-file", key, "--price-in", "3", "--price-out", "15")
                count = len(server.asked)
                equal((server.asked[0]["path"], server.asked[0]["headers"][header]), (path, value), "what it was asked")
                equal((server.asked[0]["body"]["model"], server.asked[0]["body"]["stream"]), ("tiny", True), "body")
                equal("system" in server.asked[0]["body"], wire == "anthropic", "a system of its own")
                check("khub_audio_ops" in asked(server.asked[0]) and "The best so far" not in asked(server.asked[0]), "question")
                check("The best so far" in asked(server.asked[-1]) and "scored" in asked(server.asked[-1]), "next question")
            check(found["heldout"] and found["refused"] == 0 and found["best"]["source"], found)
            equal(found["spent"], {"requests": count, "repeated": 0, "tokens_in": 1000 * count, "tokens_out": 100 * count,
                                   "cost": found["spent"]["cost"]}, "spent")
            check(abs(found["spent"]["cost"] - count * (1000 * 3 + 100 * 15) / 1e6) < 1e-9, found["spent"])


@test
def what_passes_is_asked_again():
    needs_landlock()
    overloaded = {"type": "overloaded_error", "message": "Overloaded"}
    for wire, script in (("openai", [{"status": 429, "message": "slow down"}, {"text": "half of an ", "cut": True, "usage": None}]),
                         ("anthropic", [{"text": "half of an ", "error": overloaded}, {"status": 529, "message": "Overloaded"}])):
        with model(wire, *script, {"text": textbook}) as server:
            found = result(server, evaluations="2")
            equal(found["spent"]["repeated"], 2, "requests made again")
            check(found["spent"]["tokens_out"] > 100 * (len(server.asked) - 2), "the half that came is not counted", found)
            check(found["heldout"], found)


@test
def what_does_not_pass_ends_it_and_is_said():
    for wire, step, said in (("openai", {"status": 401, "message": "Incorrect API key"}, ["401", "Incorrect API key"]),
                             ("anthropic", {"status": 404, "type": "not_found_error", "message": "model: tiny"},
                              ["404", "not_found_error: model: tiny"]),
                             ("anthropic", {"text": "x", "error": {"type": "invalid_request_error", "message": "no"}},
                              ["stream", "invalid_request_error: no"]),
                             ("openai", {"text": "I can't do that."}, ["without a module 3 times"])):
        with model(wire, step) as server:
            refused(1, *words(server), said=["llm: tiny", *said])
            equal(len(server.asked), 3 if "text" in step and "error" not in step else 1, "requests")
    with model("openai", {"text": "on and on " * 20000, "heedless": True}) as server:
        refused(1, *words(server, "--tokens", "9000"), said=["more came than the", "tokens that were asked for"])
        equal(len(server.asked), 1, "requests")
    refused(1, "search", "audio", "--by", "llm:x", "--model-key-file", "/nowhere", said=["/nowhere"])
    refused(1, "search", "audio", "--by", "llm:x", "--model-key-file", "/", said=["no key in /: Is a directory"])
    for wrong in ("ftp://x", "nonsense", "http://", "http://h:99999/v1", "http://a b/"):
        for command in (("search", "audio", "--by", "llm:x"), ("train", "ada", "audio", "--by", "llm:x"), ("demo", "--by", "llm:x")):
            refused(2, *command, "--model-url", wrong, said=[f"--model-url '{wrong}'", "https://"])
    refused(2, "search", "audio", "--by", "random", "--by", "nobody", said=["'nobody' is no searcher"])


@test
def what_it_may_have_is_a_hard_stop():
    """The server's count, and where it has none, that of the bytes."""
    needs_landlock()
    with model("openai", {"text": textbook, "usage": {"in": 3000, "out": 900}}) as server:
        found = result(server, "--tokens", "16000", evaluations="100000")
        check(found["spent"]["tokens_in"] + found["spent"]["tokens_out"] <= 16000 and 1 < len(server.asked) < 5, found["spent"])
        check(all(request["body"]["max_tokens"] <= 8192 for request in server.asked), "max_tokens")
        check(server.asked[-1]["body"]["max_tokens"] < server.asked[0]["body"]["max_tokens"], "the last may have less")
    with model("openai", {"text": textbook, "usage": None}) as server:
        found = result(server, "--tokens", "30000", evaluations="100000")
        check(0 < found["spent"]["tokens_in"] + found["spent"]["tokens_out"] <= 30000, found["spent"])
    with model("anthropic", {"text": textbook, "usage": {"in": 3000, "out": 900}}) as server:
        found = result(server, "--price-in", "1", "--price-out", "5", "--spend", "0.05", evaluations="100000")
        check(0 < found["spent"]["cost"] <= 0.05, found["spent"])


@test
def a_refused_module_is_told_with_its_reason():
    needs_landlock()
    broken = "```c\nint broken(void) { return undefined_name; }\n```"
    with model("openai", {"text": broken}, {"text": textbook}) as server:
        found = result(server, evaluations="2")
        check(found["refused"] == 1 and found["heldout"], found)
        check("was refused (" in asked(server.asked[1]) and "undefined_name" in asked(server.asked[1]), asked(server.asked[1])[-500:])


if __name__ == "__main__":
    run()
