#!/usr/bin/env python3
"""AIs that share whole modules at a real hub: found by a language model (a scripted one, over both
wires), by genetic programming and beside a program of a user's; and what becomes of modules that
misbehave.

Nothing is given a time to happen in: the trainers run until an observer has seen what is wanted.

usage: trainer_modules.py KHUB [PART_OF_A_NAME]
"""
import contextlib
import hashlib
import json
import os
import sys
import tempfile
import threading

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "wire"))
from harness import PATIENCE, Hub, check, equal, run, test  # noqa: E402
from model_server import asked, model, textbook, url  # noqa: E402
from program import needs_landlock, worked  # noqa: E402
from trainers import Trainer, Watcher, next_of, thing_of  # noqa: E402

EXAMPLE = os.path.join(HERE, "..", "..", "examples", "searcher.py")
# What makes the textbook's module better, in each subject.
BETTER = {"audio": (".floor_us = 0", ".floor_us = 150000"), "graphics": (".damage_weight = 65536", ".damage_weight = 376707")}


def better(subject):
    """The textbook's module with another constant, as a model answers it."""
    return lambda body: textbook(body).replace(*BETTER[subject])


def by_model(server, *more):
    return ("--by", "llm:tiny", "--model-url", url(server), "--model-wire", server.wire, *more)


def confirmed(watcher, author, condition):
    """The author's first such component that others have confirmed, and how."""
    def first():
        for line in watcher.seen("verification", lambda line: line["payload"]["author"] == author):
            for shared in watcher.seen("os_component_share", lambda line: line["sender_id"] == author):
                thing, word = thing_of(shared), line["payload"]
                if word["status"] == "confirmed" and thing["id"] in (word["id"], word.get("own_id")) and condition(thing):
                    return thing, word
        return None
    return watcher.wait(f"a confirmed component of {author}", first)


def is_module(thing):
    return "source" in thing and "parameters" not in thing


def agreed(word, *names):
    check(word["agreeing"] >= 2 and word["disagreeing"] == 0, word)
    found = {verifier["ai_id"]: verifier for verifier in word["verification"]["verifiers"]}
    for name in names:
        check(found[name]["agrees"] and found[name]["ratio"] == word["verification"]["ratio"], found)


@test
def what_a_language_model_writes_is_claimed_and_confirmed():
    needs_landlock()
    with Hub() as hub, model("openai", {"text": better("audio")}) as one, \
            model("anthropic", {"text": better("graphics")}) as other, \
            Trainer(hub, "ada", "audio", more=by_model(one)) as ada, \
            Trainer(hub, "bea", "graphics", more=by_model(other)) as bea, Trainer(hub, "judge", "general") as judge:
        watcher = Watcher(hub, ada, bea, judge)
        for name, partner, subject in (("ada", "bea", "audio"), ("bea", "ada", "graphics")):
            module, word = confirmed(watcher, name, is_module)
            agreed(word, partner, "judge")
            equal(word["verification"]["kind"], "module", "kind of the claim")
            check(BETTER[subject][1] in module["source"], module["source"])
            equal((module["optimiser"], module["language"]), ("llm: tiny", "c11"), "who wrote it, in what")
            check(module["ratio_train"] < 1, module)
            listed = worked("kb", "list", "--json", hub=hub).out
            check(module["id"] in listed or module["name"] in listed, "not in khub kb:", listed)
        summary = ada.end()
        check(summary["training"]["searcher"] == "llm: tiny" and summary["claims"]["confirmed"] > 0, summary)
        equal(summary["training"]["searcher_ended"], None, "why its searcher ended")
        check(summary["training"]["ratio_heldout"] < 1, summary["training"])
        spent = summary["training"]["searcher_spent"]
        check(spent["requests"] == len(one.asked) > 0 and spent["tokens_in"] > 0, spent, len(one.asked))


@test
def a_program_and_genetic_programming_join():
    """A user's program finds parameters, genetic programming finds programs, which others are given
    as C; all check each other."""
    needs_landlock()
    with Hub() as hub, Trainer(hub, "evo", "audio", more=("--by", f"exec:{sys.executable} {EXAMPLE}")) as evo, \
            Trainer(hub, "gen", "graphics", more=("--by", "genetic")) as gen, Trainer(hub, "judge", "general") as judge:
        watcher = Watcher(hub, evo, gen, judge)
        module, word = confirmed(watcher, "gen", is_module)
        agreed(word, "evo", "judge")
        equal(module["optimiser"], "genetic", "who wrote it")
        tuned, word = confirmed(watcher, "evo", lambda thing: "parameters" in thing)
        agreed(word, "gen", "judge")
        check(tuned["optimiser"].startswith("exec: ") and "source" not in tuned, tuned)


@test
def while_a_model_thinks_its_ai_checks_what_others_claim():
    """The model answers when its AI has verified another's claim, and not before."""
    checked = threading.Event()

    def held(body):
        check(checked.wait(PATIENCE), "nobody was verified while the model thought")
        return better("audio")(body)

    needs_landlock()
    with Hub() as hub, model("openai", {"text": held}) as server, \
            Trainer(hub, "ada", "audio", more=by_model(server, "--patience", "0")) as ada, Trainer(hub, "bea", "graphics") as bea:
        watcher = Watcher(hub, ada, bea)
        watcher.wait("a question to the model", lambda: server.asked)
        claim = watcher.wait_for("pattern_share", lambda line: line["sender_id"] == "bea")
        ada.wait_log(f" pattern {thing_of(claim)['id']} from bea")
        check(ada.summary_so_far()["training"]["searcher_spent"] is None, "it has its answer")
        checked.set()
        watcher.wait("what the model was paid", lambda: ada.summary_so_far()["training"]["searcher_spent"])
        equal(ada.end()["training"]["searcher_ended"], None, "why its searcher ended")


@contextlib.contextmanager
def a_module():
    """The textbook's module with a floor, out of what a searcher is told."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "told")
        worked("search", "audio", "--by", f"exec:read -r told; printf %s \"$told\" > {path}; read -r a; "
               "echo '{\"done\": true}'; cat", "--evaluations", "1", "--heldout", "2")
        with open(path, encoding="utf-8") as file:
            told = json.load(file)
        yield told["subject_version"], told["module"].replace(*BETTER["audio"]), folder


def claim(client, name, version, source, ratio):
    """Commits to a module, says that it measured that ratio, and shares it."""
    text = f"khub module 1\naudio\n{version}\n{hashlib.sha256(source.encode()).hexdigest()}\n"
    client.say("commitment", {"subject": "audio", "subject_version": version, "sha256": hashlib.sha256(text.encode()).hexdigest()})
    challenge = next_of(client, "challenge")["payload"]
    client.say("measurement", {"commitment_id": challenge["commitment_id"], "ratio": ratio(challenge["nonce"])})
    client.say("os_component_share", {"component": {
        "id": name, "name": name, "subject": "audio", "subject_version": version, "source": source, "language": "c11", "seeds": 64,
        "commitment_id": challenge["commitment_id"], "nonce": challenge["nonce"]}})


@test
def a_module_that_misbehaves_is_refuted():
    needs_landlock()
    with a_module() as (version, source, folder), Hub() as hub, Trainer(hub, "judge", "general") as judge, \
            Trainer(hub, "court", "general") as court:
        path = os.path.join(folder, "module.c")
        with open(path, "w", encoding="utf-8") as file:
            file.write(source)

        def true_ratio(nonce):
            return json.loads(worked("measure", "audio", "--nonce", nonce, "--module", path, "--json").out)["ratio"]

        endless = source.replace("audio_reset(state);\n}", "for (;;)\n        *(volatile char *)state = 0;\n}")
        check(endless != source, "nothing to make endless in", source)
        watcher = Watcher(hub, judge, court)
        for name, text, ratio, status in (("honest", source, true_ratio, "confirmed"),
                                          ("liar", source, lambda nonce: true_ratio(nonce) / 2, "refuted"),
                                          ("looper", endless, true_ratio, "refuted")):
            with contextlib.closing(hub.join(name, 2, specialization="audio")) as client:
                claim(client, name, version, text, ratio)
                word = watcher.wait_for("verification", lambda line, name=name: line["payload"]["author"] == name)["payload"]
                equal(word["status"], status, f"the status of {name}'s module")
        judge.wait_log("longer than it may")


if __name__ == "__main__":
    run()
