#!/usr/bin/env python3
"""C trainers at work on a real hub: with each other, with a referee, with a liar, with a hub that
restarts, and told to end.

Nothing is given a time to happen in: the trainers run until an observer has seen what is wanted,
and are then told to end.

usage: trainer.py KHUB [PART_OF_A_NAME]
"""
import contextlib
import fcntl
import hashlib
import json
import os
import signal
import struct
import subprocess
import sys
import termios
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "wire"))
from harness import Hub, check, equal, pseudo_terminal, run, shorten, test  # noqa: E402
from trainers import LONG, Trainer, Watcher, dozing, next_of, thing_of  # noqa: E402


def is_proved(thing):
    """A claim as the trainers publish them."""
    return (len(thing.get("nonce", "")) == 32 and thing.get("commitment_id") and thing["seeds"] >= 16
            and "ratio_heldout" not in thing and "measured" not in thing)


def checked(trainer, thing_id, author):
    """Waits until the trainer has measured it, which nobody but the hub hears at once."""
    trainer.wait_log(f" {thing_id} from {author}")


def verdict_on(watcher, thing_id, status):
    """What the hub told of a claim when it became that: the message's payload."""
    return watcher.wait_for("verification", lambda line: thing_id in (
        line["payload"]["id"], line["payload"].get("own_id")) and line["payload"]["status"] == status)["payload"]


def verifiers(payload):
    return {verifier["ai_id"]: verifier for verifier in payload["verification"]["verifiers"]}


def results(watcher):
    return watcher.seen("os_component_share", lambda line: line["payload"].get("collaboration_complete"))


def completed(watcher):
    return watcher.seen("collaboration_update", lambda line: line["payload"]["status"] == "completed")


def no_errors(*trainers):
    """The hub found nothing wrong with what they said. (That a session has just ended they can't
    know.)"""
    for trainer in trainers:
        for code in ("bad_", "missing_", "unknown_field", "unknown_type", "forbidden_type", "quota_exceeded"):
            check(f"the hub refused: {code}" not in trainer.log(), trainer.log()[-3000:])
        check("refused its commitment" not in trainer.log(), trainer.log()[-3000:])


@test
def two_specializations_share_check_and_review():
    with Hub() as hub, Trainer(hub, "cpu", "process_manager") as cpu, Trainer(hub, "disk", "file_system") as disk:
        trainers = {"cpu": cpu, "disk": disk}
        watcher = Watcher(hub, cpu, disk)
        for ai_id, other in (("cpu", "disk"), ("disk", "cpu")):
            for message_type in ("pattern_share", "os_component_share"):
                line = watcher.wait_for(message_type, lambda line, ai_id=ai_id: line["sender_id"] == ai_id)
                checked(trainers[other], thing_of(line)["id"], ai_id)
        watcher.wait("a reviewed session", lambda: any(thing_of(line).get("reviews") for line in results(watcher)))
        for line in watcher.seen("pattern_share") + watcher.seen("os_component_share"):
            check(is_proved(thing_of(line)), "not proved:", line)
        for line in results(watcher):
            component = thing_of(line)
            equal(sorted(component["contributors"]), ["cpu", "disk"], "contributors")
            check(component["implementation"], component)
            # Nothing in common to search on: one searched, the other has reviewed (if it was not
            # too slow for the owner).
            owner, = component["evaluations"]
            if not component.get("reviews"):
                continue
            reviewer, = component["reviews"]
            equal({owner, reviewer}, {"cpu", "disk"}, "owner and reviewer")
            check(component["reviews"][reviewer]["holds"], component["reviews"])
            check(f"reviewed the candidate of collab {line['payload']['session_id']}" in trainers[reviewer].log(),
                  "no word of it in the reviewer's log")
        for ai_id, trainer in trainers.items():
            summary = trainer.end()
            print("#", ai_id, json.dumps(summary["sessions"]), json.dumps(summary["claims"]))
            training = summary["training"]
            check(summary["joined"] and training["evaluations"] > 0, summary)
            for group, name in (("patterns", "shared"), ("patterns", "checked"), ("claims", "committed"),
                                ("claims", "proved"), ("components", "shared"), ("components", "checked"),
                                ("sessions", "accepted")):
                check(summary[group][name] > 0, ai_id, group, name, "is 0")
            for group in ("patterns", "components", "reports", "claims"):
                equal(summary[group]["refuted"], 0, f"{group} refuted")
            equal(summary["link"]["skipped"], 0, "messages skipped")
        no_errors(cpu, disk)


@test
def a_claim_of_a_trace_is_for_those_who_have_it():
    """Three have the file, and confirm each other's claims; the fourth says that it has no vote."""
    with Hub() as hub:
        path = os.path.join(hub.folder, "trace")
        with open(path, "w", encoding="ascii") as file:
            file.writelines(f"{i * i % 61 if i % 3 else 1000 + i % 199}\n" for i in range(3000))
        with open(path, "rb") as file:
            digest = hashlib.sha256(file.read()).hexdigest()
        more = ("--trace", path, "--cache", "10%")
        with contextlib.ExitStack() as stack:
            having = [stack.enter_context(Trainer(hub, name, "file_system", more=more)) for name in ("ada", "bea", "cyd")]
            dan = stack.enter_context(Trainer(hub, "dan", "graphics"))
            watcher = Watcher(hub, *having, dan)
            line = watcher.wait_for("verification", lambda line: line["payload"]["status"] == "confirmed"
                                    and line["payload"]["author"] != "dan")
            shared = watcher.wait_for("pattern_share", lambda share: thing_of(share)["id"] in (
                line["payload"]["id"], line["payload"].get("own_id")))
            version = thing_of(shared)["subject_version"]
            check(version.endswith(f"+cache=10%+sha256:{digest[:32]}"), version)
            check("dan" not in verifiers(line["payload"]), line)
            dan.wait_log("it is of a trace that is not here, or proves nothing: no vote")
            for trainer in having:
                equal(trainer.end()["training"]["synthetic"], False, "its workloads")
            equal(dan.end()["training"]["synthetic"], True, "of the one without a trace")
            no_errors(*having, dan)


@test
def partners_of_one_subject_search_together():
    with Hub() as hub, Trainer(hub, "one", "process_manager") as one, Trainer(hub, "two", "process_manager") as two:
        watcher = Watcher(hub, one, two)
        watcher.wait("a session searched by both", lambda: any(
            all(thing_of(line).get("evaluations", {}).get(ai_id, 0) > 0 for ai_id in ("one", "two"))
            for line in results(watcher)))
        watcher.wait("its end", lambda: completed(watcher))
        ends = results(watcher)
        sessions = [line["payload"]["session_id"] for line in ends]
        equal(len(set(sessions)), len(sessions), "sessions with one result each")
        for line in ends:
            component = thing_of(line)
            equal(sorted(component["contributors"]), ["one", "two"], "contributors")
            check(0 < component["ratio_session"] < 1 and component["implementation"], component)
            check(is_proved(component), component)
            ratios = [update["payload"]["value"]["ratio"] for update in watcher.seen("workspace_update")
                      if update["payload"]["session_id"] == line["payload"]["session_id"]]
            check(ratios == sorted(ratios, reverse=True), "a candidate became worse:", ratios)
            # The very last write may still have been on its way to the one who concluded.
            check(component["ratio_session"] in ratios[-2:], "the result is not the last candidate:", ratios)
        summaries = [trainer.end() for trainer in (one, two)]
        check(all(summary["sessions"]["steps"] > 0 for summary in summaries), summaries)
        check(sum(summary["sessions"]["concluded"] for summary in summaries) > 0, "nobody concluded")
        no_errors(one, two)


@test
def a_claim_is_confirmed_by_two_others():
    with Hub() as hub, Trainer(hub, "cpu", "process_manager") as cpu, Trainer(hub, "disk", "file_system") as disk, \
            Trainer(hub, "judge", "general") as judge:
        watcher = Watcher(hub, cpu, disk, judge)
        authors = {"cpu": cpu, "disk": disk}
        for ai_id, trainer in authors.items():
            word = watcher.wait_for("verification", lambda line, ai_id=ai_id: line["payload"]["author"] == ai_id
                                    and line["payload"]["status"] == "confirmed")["payload"]
            equal((word["was"], word["agreeing"], word["disagreeing"]), ("claimed", 2, 0), "verification")
            trainer.wait_log(f"{word['id']} is confirmed by 2 others")
            equal(set(verifiers(word)), {"cpu", "disk", "judge"} - {ai_id}, "who measured it")
            check(not any(verifier.get("in_sight") for verifier in verifiers(word).values()), word)
            # until then nobody but the hub had heard a number
            at = next(i for i, line in enumerate(watcher.lines) if line["payload"] == word)
            nonce = word["verification"]["nonce"]
            for line in watcher.lines[:at]:
                check(line["message_type"] != "performance_report" or line["payload"]["performance"].get("nonce") != nonce, line)
        with contextlib.closing(hub.join("newcomer", 2)) as newcomer:
            entries = newcomer.sync["global_knowledge_base"]["shared_patterns"].values()
            found = [entry for entry in entries if entry.get("verification", {}).get("status") == "confirmed"]
            check(found, "no confirmed pattern in", shorten(entries))
            for verifier in found[0]["verification"]["verifiers"]:
                check(verifier["agrees"] and verifier["ratio"] == found[0]["verification"]["ratio"], verifier)
        check(not watcher.seen("verification", lambda line: line["payload"]["status"] == "refuted"), "something refuted")
        referee = judge.end()
        check(referee["training"]["referee"] and referee["training"]["subjects_seen"] >= 1, referee["training"])
        check(0 < referee["training"]["geometric_mean"] < 1, referee["training"])
        equal((referee["claims"]["committed"], referee["patterns"]["shared"]), (0, 0), "claims of the referee")
        check(referee["patterns"]["checked"] > 0 and referee["patterns"]["refuted"] == 0, referee["patterns"])
        watcher.trainers = ()
        for trainer in authors.values():
            check(trainer.end()["claims"]["confirmed"] > 0, "no claim confirmed by its own count")
        no_errors(cpu, disk, judge)
        # what it did on workloads that nobody could know then, everybody can measure again now
        claimed = found[0]["pattern"]
        verifier = next(one for one in found[0]["verification"]["verifiers"] if one["ai_id"] in authors)
        told = watcher.wait_for("chat", lambda line: line["sender_id"] == verifier["ai_id"] and "salt" in line["payload"])
        salt = told["payload"]["salt"]
        equal(verifier["profile"], f"peer/{verifier['ai_id']}/sha256:{hashlib.sha256(salt.encode()).hexdigest()}", "profile")
        check(not any(salt in str(line) for line in watcher.lines[:watcher.lines.index(told)]), "a salt was told before the end")
        measured = subprocess.run([sys.argv[1], "measure", claimed["subject"], "--peer", f"{verifier['ai_id']}/{salt}", "--json",
                                   "--parameters", json.dumps(claimed["parameters"])], capture_output=True, check=True)
        equal(json.loads(measured.stdout)["ratio"], verifier["ratio_own"], "ratio on its own workloads")


@test
def a_referee_that_comes_late_checks_what_is_known():
    with Hub() as hub, Trainer(hub, "cpu", "process_manager") as cpu:
        watcher = Watcher(hub, cpu)
        pattern = thing_of(watcher.wait_for("pattern_share"))
        cpu.end()
        with Trainer(hub, "judge", "general") as judge:
            watcher.trainers = (judge,)
            checked(judge, pattern["id"], "cpu")
            equal(judge.end()["patterns"]["refuted"], 0, "refuted")


def canonical(claim):
    """The text that a commitment is the hash of."""
    text = f"khub parameters 1\n{claim['subject']}\n{claim['subject_version']}\n"
    for name in sorted(claim["parameters"], key=str.encode):
        text += f"{name}={struct.pack('>d', claim['parameters'][name]).hex()}\n"
    return text


def commit(client, claim, ratio):
    """Commits to the claim's parameters, and says that it measured that ratio (None: the true one).
    The claim with what the hub answered."""
    client.say("commitment", {"subject": claim["subject"], "subject_version": claim["subject_version"],
                              "sha256": hashlib.sha256(canonical(claim).encode()).hexdigest()})
    challenge = next_of(client, "challenge")["payload"]
    if ratio is None:
        measured = subprocess.run([sys.argv[1], "measure", claim["subject"], "--nonce", challenge["nonce"], "--parameters",
                                   json.dumps(claim["parameters"]), "--json"], stdout=subprocess.PIPE, check=True)
        ratio = json.loads(measured.stdout)["ratio"]
    client.say("measurement", {"commitment_id": challenge["commitment_id"], "ratio": ratio})
    return dict(claim, commitment_id=challenge["commitment_id"], nonce=challenge["nonce"])


@test
def a_liar_is_refused():
    with Hub() as hub, contextlib.closing(hub.join("eve", 2, specialization="security")) as eve:
        with Trainer(hub, "cpu", "process_manager") as cpu, Trainer(hub, "disk", "file_system") as disk:
            watcher = Watcher(hub, cpu, disk)
            component = thing_of(next_of(eve, "os_component_share", lambda line: line["sender_id"] == "cpu"))
            lie = dict(commit(eve, component, 0.01), id="eve_lie")
            eve.say("os_component_share", {"component": lie})
            found = next_of(eve, "verification", lambda line: line["payload"]["author"] == "eve")["payload"]
            equal(found["own_id"], "eve_lie", "id")
            check(verifiers(found)["cpu"]["ratio"] > 0.02 and not verifiers(found)["cpu"]["agrees"], found)
            equal((found["verification"]["ratio"], found["verification"]["nonce"]), (0.01, lie["nonce"]), "what is told")
            # Parameters that are not those committed to: the hub itself refuses them.
            other = dict(lie, id="eve_other", parameters={**lie["parameters"], "more": 1})
            eve.say("os_component_share", {"component": other})
            equal(next_of(eve, "error")["payload"]["code"], "bad_claim", "code")
            eve.send(b'{"message_id":"m","sender_id":"eve","message_type":"pattern_share","timestamp":"2026-11-22T08:00:00",'
                     b'"payload":{"pattern":{"id":"huge","ratio_heldout":1e999}},"target_ai":null}')
            cpu.wait_log("skipped a pattern_share of eve")
            # Two have measured something else, and agree on what: it is refuted, and eve not heard
            # any more.
            word = watcher.wait_for("verification", lambda line: line["payload"]["author"] == "eve"
                                    and line["payload"]["status"] == "refuted")["payload"]
            equal((word["agreeing"], word["disagreeing"]), (0, 2), "verification")
            for trainer in (cpu, disk):
                trainer.wait_log("eve is not listened to any more")
            eve.say("os_component_share", {"component": dict(lie, id="eve_again")})
            with contextlib.closing(hub.join("bob", 2)) as bob:
                bob.say("os_component_share", {"component": dict(commit(bob, component, 0.01), id="bob_lie")})
                check("cpu" in verifiers(verdict_on(watcher, "bob_lie", "refuted")), "cpu has not measured bob's")
            check("eve_again" not in cpu.log(), "cpu has listened to eve")
            for trainer in (cpu, disk):
                summary = trainer.end()
                check(summary["components"]["refuted"] >= 1 and summary["claims"]["refuted"] == 0, summary)


@test
def each_lie_is_caught_and_named():
    with Hub() as hub, contextlib.ExitStack() as stack:
        mark = os.path.join(hub.folder, "mark")
        liars = {name: stack.enter_context(contextlib.closing(hub.join(name, 2)))
                 for name in ("boaster", "tuner", "swapper", "forger", "burglar")}
        cpu = stack.enter_context(Trainer(hub, "cpu", "process_manager"))
        watcher = Watcher(hub, cpu)
        true = thing_of(watcher.wait_for("os_component_share"))
        bare = {name: true[name] for name in ("subject", "subject_version", "parameters", "seeds", "implementation")}
        first = sorted(bare["parameters"])[0]
        tuned = {**bare["parameters"], first: bare["parameters"][first] * (1 + 1e-6)}
        disk = stack.enter_context(Trainer(hub, "disk", "file_system"))
        watcher.trainers = (cpu, disk)
        watcher.wait_for("hello", lambda line: line["sender_id"] == "disk")

        def share(name, claim):
            liars[name].say("os_component_share", {"component": dict(claim, id=f"{name}_lie")})

        # Too good a ratio.
        share("boaster", commit(liars["boaster"], bare, 0.01))
        # Tuned when the nonce was known: not what was committed to; and a new commitment has
        # another nonce.
        committed = commit(liars["tuner"], bare, None)
        anew = commit(liars["tuner"], dict(bare, parameters=tuned), None)
        check(anew["nonce"] != committed["nonce"], "one nonce for two commitments")
        for lie in (dict(committed, parameters=tuned), dict(anew, nonce=committed["nonce"])):
            share("tuner", lie)
            equal(next_of(liars["tuner"], "error")["payload"]["code"], "bad_claim", "code")
        # Parameters that are not those of the ratio.
        textbook = {**bare["parameters"], first: bare["parameters"][first] * 1.1}
        share("swapper", commit(liars["swapper"], dict(bare, parameters=textbook), 0.5))
        # True numbers, and C that is not what the parameters render to; or that calls system().
        changed = bare["implementation"].replace("1", "2", 1)
        check(changed != bare["implementation"], "nothing was forged")
        share("forger", dict(commit(liars["forger"], bare, None), implementation=changed))
        harm = (f'int system(const char *);\n__attribute__((constructor)) static void run(void)\n'
                f'{{\n    system("touch {mark}");\n}}\n')
        share("burglar", dict(commit(liars["burglar"], bare, None), implementation=bare["implementation"] + harm))

        reasons = {"boaster": "", "swapper": "",
                   "forger": "its C is not what its parameters render to",
                   "burglar": "its C is not what its parameters render to"}
        for name, reason in reasons.items():
            for found in verifiers(verdict_on(watcher, f"{name}_lie", "refuted")).values():
                check(not found["agrees"] and reason in found.get("reason", ""), found)
            for trainer in (cpu, disk):
                trainer.wait_log(f"{name} is not listened to any more")
        check(not os.path.exists(mark), "another's C was run")
        check(not watcher.seen("os_component_share", lambda line: line["sender_id"] == "tuner"), "the tuner was heard")
        # Who comes later reads it in the ledger, and an honest claim fares as ever.
        with contextlib.closing(hub.join("newcomer", 2)) as newcomer:
            ledger = newcomer.sync["ledger"]
            for name in reasons:
                equal((ledger[name]["refuted"], ledger[name]["mismatched"], ledger[name]["confirmed"]), (1, 0, 0), name)
            equal((ledger["tuner"]["mismatched"], ledger["tuner"]["claims"]), (2, 0), "tuner")
            for name in ("cpu", "disk"):
                entry = ledger.get(name, {"refuted": 0, "mismatched": 0})
                equal((entry["refuted"], entry["mismatched"]), (0, 0), name)
        with Trainer(hub, "late", "process_manager") as late:
            for name in reasons:
                late.wait_log(f"{name} is not listened to any more")
            watcher.wait("an honest claim is confirmed", lambda: watcher.seen("verification", lambda line: (
                line["payload"]["author"], line["payload"]["status"]) == ("cpu", "confirmed")))
            late.end()
        for trainer in (cpu, disk):
            summary = trainer.end()
            equal(summary["claims"]["refuted"], 0, "honest claims refuted")


@test
def a_hostile_partner_does_no_harm():
    with Hub() as hub, contextlib.closing(hub.join("eve", 2, specialization="security")) as eve:
        with Trainer(hub, "cpu", "process_manager") as cpu:
            next_of(eve, "pattern_share")
            # A session in which eve, the initiator, writes nothing but nonsense.
            eve.say("collaboration_request", {"type": "feature_development", "description": "", "target_ai": "cpu",
                                              "expertise_offered": [], "seeking_expertise": []})
            active = next_of(eve, "collaboration_update", lambda line: line["payload"]["status"] == "active"
                             and line["payload"]["participants"][0] == "eve")["payload"]
            session, version = active["session_id"], 0
            for value in ({}, {"subject": 7}, {"subject": "process_manager", "parameters": []}):
                eve.say("workspace_update", {"session_id": session, "key": "candidate", "value": value,
                                             "base_version": version})
                line = next_of(eve, "workspace_update", lambda line: line["sender_id"] == "cpu"
                               and line["payload"]["session_id"] == session)
                version = line["payload"]["version"]
                check(line["payload"]["value"]["ratio"] < 1, line)
            result = next_of(eve, "os_component_share", lambda line: line["payload"].get("session_id") == session)
            check(result["payload"]["collaboration_complete"] and is_proved(thing_of(result)), result)
            check(0 < thing_of(result)["ratio_session"] < 1, result)
            cpu.end()


@test
def a_feature_is_answered_once():
    with Hub() as hub, contextlib.closing(hub.join("asker", 2)) as asker:
        with Trainer(hub, "disk", "file_system") as disk:
            next_of(asker, "hello", lambda line: line["sender_id"] == "disk")
            for feature in ("Storage_Management", "file_operations"):
                asker.say("feature_request", {"feature": feature, "requirements": {"latency": 1}})
                line = next_of(asker, "os_component_share", lambda line: "feature_name" in line["payload"])
                payload, component = line["payload"], thing_of(line)
                # The second answer is the second feature's: there was none to the first any more.
                equal((line["target_ai"], payload["original_requestor"], payload["feature_name"]),
                      ("asker", "asker", feature), "answer")
                check(component["implementation"] and is_proved(component), component)
            summary = disk.end()
            equal(summary["features"]["answered"], 2, "answered by its own count")


@test
def of_ten_that_are_asked_one_builds():
    """The others stand by, and say so once it is built."""
    names = [f"disk{i}" for i in range(10)]
    with Hub() as hub, contextlib.closing(hub.join("asker", 2)) as asker, contextlib.ExitStack() as stack:
        trainers = [stack.enter_context(Trainer(hub, name, "file_system")) for name in names]
        waiting = set(names)
        while waiting:
            waiting.discard(next_of(asker, "hello")["sender_id"])
        asker.say("feature_request", {"feature": "Storage_Management", "requirements": {}})
        built, declined = [], []

        def read_one():
            line = asker.receive()
            if line["message_type"] == "os_component_share" and "feature_name" in line["payload"]:
                built.append(line)
            elif line["message_type"] == "chat" and line["payload"].get("declined"):
                declined.append(line["sender_id"])
            return line

        while (line := read_one())["message_type"] != "lease":
            pass
        with dozing([trainer for trainer, name in zip(trainers, names) if name != line["payload"]["holder"]]):
            while not built and not declined:
                read_one()
        while len(built) + len(declined) < len(names):
            read_one()
        equal(len(built), 1, "components")
        equal(sorted(declined + [built[0]["sender_id"]]), names, "who answered")
        lease = built[0]["payload"]["lease"]
        equal(lease["key"], "feature:Storage_Management:asker", "key")
        answered = sum(trainer.end()["features"]["answered"] for trainer in trainers)
        equal(answered, 1, "answered by their own counts")


@test
def a_hub_that_restarts_is_found_again():
    with Hub() as first:
        port = first.port
        with Trainer(first, "cpu", "process_manager") as cpu:
            nonce = thing_of(Watcher(first, cpu).wait_for("pattern_share"))["nonce"]
            equal(first.stop(), 0, "exit code of the first hub")
            cpu.wait_log("Lost the hub")
            with Hub(listen=(f"127.0.0.1:{port}",)) as second, contextlib.closing(second.join("bob", 2)) as bob:
                # What the fresh hub does not know is proved again, on its own nonce.
                again = thing_of(next_of(bob, "pattern_share"))
                check(is_proved(again) and again["nonce"] != nonce, again)
                equal(cpu.end()["link"]["reconnects"], 1, "reconnects")


@test
def a_console_that_nobody_reads_holds_nobody_up():
    with Hub() as hub, contextlib.closing(hub.join("eve", 2)) as eve:
        path = os.path.join(hub.folder, "summary.json")
        with subprocess.Popen([sys.argv[1], "train", "disk", "file_system", LONG, "--hub", f"127.0.0.1:{hub.port}",
                               "--summary", path], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE) as trainer:
            try:
                next_of(eve, "hello", lambda line: line["sender_id"] == "disk")
                said = struct.pack("i", 0)
                while True:  # until the pipe takes no more: what it holds stays what it is
                    before = said
                    for _ in range(20):
                        eve.say("chat", {"text": "x" * 4000, "target_ai": "disk"})
                    said = fcntl.ioctl(trainer.stderr, termios.FIONREAD, struct.pack("i", 0))
                    if said == before and struct.unpack("i", said)[0] > 32768:
                        break
                    time.sleep(0.05)
                eve.say("feature_request", {"feature": "storage_management", "requirements": {}})
                next_of(eve, "os_component_share", lambda line: line["payload"].get("feature_name") == "storage_management")
                trainer.send_signal(signal.SIGTERM)
                check(trainer.wait() in (0, 1), "exit code", trainer.returncode)
                with open(path, encoding="utf-8") as file:
                    equal(json.load(file)["ended"], "SIGTERM", "why it ended")
            finally:
                trainer.kill()


@test
def what_is_learned_outlives_the_trainer():
    """However it ends; the next one of its name goes on from there, and two at once do not."""
    with Hub() as hub:
        kept = os.path.join(hub.folder, "kept")
        with Trainer(hub, "cpu", "process_manager", more=("--out", kept)) as cpu:
            while not os.path.exists(os.path.join(kept, "policy.c")):
                check(cpu.process.poll() is None, "it ended:\n", cpu.log()[-3000:])
                time.sleep(0.02)
            with Trainer(hub, "other", "process_manager", more=("--out", kept)) as other:
                equal(other.process.wait(), 1, "exit code of the second")
                check("another trainer keeps its own there" in other.log(), other.log())
            cpu.process.kill()
            cpu.process.wait()
        with open(os.path.join(kept, "learned.json"), encoding="utf-8") as file:
            before = json.load(file)
        check(before["parameters"] and before["author"] == "cpu", before)
        with Trainer(hub, "cpu", "process_manager", more=("--out", kept)) as again:
            again.wait_log(f"Going on from what {kept} holds")
            again.wait_log("to hub at")  # who never came there ends with another exit code
            summary = again.end()
        with open(os.path.join(kept, "learned.json"), encoding="utf-8") as file:
            after = json.load(file)
        equal(summary["learned"] or before, after, "what the summary says was learned")
        with open(os.path.join(kept, "policy.c"), encoding="utf-8") as file:
            equal(file.read(), after["implementation"], "policy.c")
        with Trainer(hub, "disk", "file_system", more=("--out", kept)) as disk:
            equal(disk.process.wait(), 1, "exit code of one of another subject")
            check("another subject" in disk.log(), disk.log())


@test
def told_to_end_it_ends_and_says_so():
    for number in (signal.SIGTERM, signal.SIGINT):
        with Hub() as hub, contextlib.closing(hub.join("bob", 2)) as bob:
            with Trainer(hub, "cpu", "process_manager") as cpu:
                request = next_of(bob, "collaboration_request")["payload"]
                bob.say("collaboration_response", {"session_id": request["session_id"], "accepted": True})
                next_of(bob, "workspace_update")
                cpu.process.send_signal(number)
                end = next_of(bob, "collaboration_update", lambda line: line["payload"]["status"] != "active")["payload"]
                equal((end["session_id"], end["status"], end["by"]), (request["session_id"], "failed", "cpu"), "end")
                check("evaluations spent" in end["note"], end)
                summary = cpu.summary()
                equal(summary["ended"], number.name, "why it ended")
                equal(summary["sessions"]["failed"], 1, "sessions failed")


@test
def its_time_is_up():
    """However much came of so short a time: what was proved has gone out, and was counted."""
    with Hub() as hub:
        watcher = Watcher(hub)
        with Trainer(hub, "cpu", "process_manager", "0.1") as cpu:
            code = cpu.process.wait()
            summary = cpu.summary(code)
            equal(code, 0 if summary["joined"] else 1, "exit code")
            equal(summary["ended"], "time is up", "why it ended")
            if summary["joined"]:
                watcher.wait_for("presence", lambda line: line["payload"]["ai_id"] == "cpu")
            equal(len(watcher.seen("pattern_share")), summary["patterns"]["shared"], "patterns shared")


@test
def a_name_that_is_taken_is_refused():
    with Hub() as hub, contextlib.closing(hub.join("cpu", 2)):
        with Trainer(hub, "cpu", "process_manager") as cpu:
            summary = cpu.summary(1)
            equal((summary["joined"], summary["exit_code"]), (False, 1), "summary")
            check("refused" in cpu.log(), cpu.log())


@test
def a_live_line_on_a_terminal():
    with Hub() as hub:
        leader, follower = pseudo_terminal()
        shown, told = b"", False
        with Trainer(hub, "cpu", "process_manager", stdout=follower) as cpu:
            os.close(follower)
            # which is how a terminal's other end says that it is gone
            with contextlib.suppress(OSError):
                while data := os.read(leader, 65536):
                    shown += data
                    if b"gap closed" in shown and not told:
                        cpu.process.send_signal(signal.SIGTERM)
                        told = True
            cpu.summary()
            check("\x1b" not in cpu.log() and "  train " not in cpu.log(), cpu.log())
        os.close(leader)
        text = shown.decode()
        lines = [part for part in text.split("\r\x1b[K") if "evaluations " in part and "  train " in part]
        check(any("  held-out 0." in line and "  gap closed " in line and " left" in line for line in lines), lines[-5:])
        table = text[text.rindex("\r\x1b[K"):]
        for word in ("textbook: RR 3 ms", "best practice", "own, alone", "best after meeting others", "bound"):
            check(word in table, repr(word), "is not in", table)
        # To a file there is only the table.
        with Trainer(hub, "disk", "file_system") as disk:
            disk.wait_log("Connected")
            disk.end()
            check("\x1b" not in disk.log() and "ended: SIGTERM" in disk.log(), disk.log())


run()
