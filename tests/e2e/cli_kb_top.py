#!/usr/bin/env python3
"""khub kb top, and the source of a claim: what of all that was claimed is believed, and why.

usage: cli_kb_top.py KHUB [PART OF A NAME]
"""
import json
import os
import re
import sys

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
sys.path.insert(0, os.path.join(ROOT, "tests", "wire"))
from harness import Hub, check, equal, run, test  # noqa: E402
from claims import FAIR, GOOD, TEXTBOOK, VERSION, claim, commit  # noqa: E402
from claims import claim_measured, claim_module, measure, module_of, report  # noqa: E402
from program import harmless, needs_landlock, refused, row, worked  # noqa: E402


def confirmed(client, others, identity, *what, **more):
    """A claim that two others echo, whether they have measured it or not. Its ratio."""
    told = claim(client, identity, *what)
    for other in others:
        report(other, identity, told, **more)
    return told["ratio"]


NONCE = "00112233445566778899aabbccddeeff"


@test
def kb_ranks_what_is_confirmed():
    with Hub() as hub:
        check("No claim of audio is confirmed" in worked("kb", "top", "audio", hub=hub).out)
        check("No AI has claimed" in worked("kb", "ledger", hub=hub).out)
        ada, bea, cid = (hub.join(name, 2) for name in ("ada", "bea", "cid"))
        # their own workloads make the fair one look better than the good one
        confirmed(ada, (bea, cid), "fair", FAIR, ratio_own=0.20, n_own=8, ci95_own=0.001)
        confirmed(bea, (ada, cid), "good", GOOD, ratio_own=0.60)
        liar = claim(cid, "liar", {**GOOD, "floor": 151}, 0.1)
        claim(cid, "unseen", {**GOOD, "floor": 152})
        report(ada, "liar", {**liar, "ratio": 0.9}, reason="not so")
        report(bea, "liar", {**liar, "ratio": 0.9})
        result = worked("kb", "top", "audio", "--nonce", NONCE, hub=hub)
        text = harmless(result.out)
        equal(result.err, "", "what is not shown")
        check("1 more claimed, 0 contested, 1 refuted" in text, text)
        check("liar" not in text and "unseen" not in text and f"--nonce {NONCE}" in text, text)
        measured = measure(NONCE, GOOD)
        shown = row(text, "ID", "good")
        equal((shown["#"], shown["RATIO"], shown["+-"], shown["ON"], shown["BY"]),
              ("1", f"{measured['ratio']:.3f}", f"{measured['ci95']:.3f}", "64", "2"), "the row of good")
        equal(row(text, "ID", "fair")["#"], "2", "place of fair")
        top = json.loads(worked("kb", "top", "audio", "--json", "--nonce", NONCE, hub=hub).out)
        equal([(entry["id"], entry["ratio"]) for entry in top],
              [("good", measured["ratio"]), ("fair", measure(NONCE, FAIR)["ratio"])], "ids and ratios")
        check(abs(top[1]["ratio_verifiers"] - 0.20) < 1e-12, top[1]["ratio_verifiers"])
        check(abs(top[0]["ratio_verifiers"] - 0.60) < 1e-12 and "ratio_private" not in top[0], top[0])
        # what somebody found on data of its own stands apart
        verified = top[0]["entry"]["verification"]
        report(ada, "good", {name: verified[name] for name in ("nonce", "n", "ratio")}, ratio_own=0.01, profile="private trace")
        top = json.loads(worked("kb", "top", "audio", "--json", "--nonce", NONCE, hub=hub).out)
        equal([(entry["id"], entry["ratio_verifiers"], entry.get("ratio_private")) for entry in top],
              [("good", 0.6, 0.01), ("fair", 0.2, None)], "ratios of verifiers, and private ones")
        for entry in top:
            sure = entry["ratio"] + 1.669 / 1.96 * entry["ci95"]
            check(abs(entry["ratio_sure"] - sure) < 1e-12 and entry["workloads"] == 64, entry)
        nonces = {json.loads(worked("kb", "top", "audio", "--json", hub=hub).out)[0]["nonce"] for _ in range(2)}
        equal(len(nonces), 2, "fresh nonces")
        ledger = json.loads(worked("kb", "ledger", "--json", hub=hub).out)
        equal((ledger["cid"]["claims"], ledger["cid"]["refuted"]), (2, 1), "cid in the ledger")
        equal((ledger["ada"]["confirmed"], ledger["ada"]["refuted"]), (1, 0), "ada in the ledger")
        check("cid" in harmless(worked("kb", "ledger", hub=hub).out))
        refused(2, "kb", "top", hub=hub, said=["SUBJECT"])
        refused(2, "kb", "top", "adio", hub=hub, said=["'adio'", "'audio'"])
        refused(2, "kb", "top", "audio", "--nonce", "0123", hub=hub, said=["32", "'0123'"])
        refused(2, "kb", "list", "--nonce", NONCE, hub=hub, said=["--nonce goes with top"])


@test
def kb_top_ranks_by_what_is_sure():
    """On these workloads the one has the better mean, and the other is the surer."""
    lucky, steady = {**TEXTBOOK, "mean_gain": 0.002, "floor": 150}, {**TEXTBOOK, "deviations": 6, "floor": 200}
    with Hub() as hub:
        ada, bea, cid = (hub.join(name, 2) for name in ("ada", "bea", "cid"))
        confirmed(ada, (bea, cid), "lucky", lucky)
        confirmed(bea, (ada, cid), "steady", steady)
        top = json.loads(worked("kb", "top", "audio", "--json", "--nonce", NONCE, hub=hub).out)
        equal([entry["id"] for entry in top], ["steady", "lucky"], "places")
        check(top[0]["ratio"] > top[1]["ratio"] and top[0]["ratio_sure"] < top[1]["ratio_sure"], top)


@test
def kb_top_shows_nothing_that_it_can_not_find_itself():
    """Three ids that confirm each other: parameters that are none, or out of range, a number below
    every bound, a false one; and a false claim does not hide a true one of the same parameters."""
    with Hub() as hub:
        ids = [hub.join(name, 2) for name in ("one", "two", "three")]
        confirmed(ids[0], ids[1:], "none", {"mean_gain": .25, "x": 1}, 0.010, ratio_own=0.010)
        confirmed(ids[0], ids[1:], "outside", {**GOOD, "floor": 221}, 0.30, ratio_own=0.30)
        confirmed(ids[1], (ids[0], ids[2]), "below", {**GOOD, "floor": 170}, 0.010, ratio_own=0.010)
        result = worked("kb", "top", "audio", hub=hub)
        check("No claim of audio that others have confirmed holds here." in result.out, result.out)
        for part in ("not shown: below of two: its ratio is claimed to be 0.01 and measures 0.",
                     f"not shown: 2 confirmed claims whose parameters or C are not those of audio, version {VERSION}, or out of"):
            check(part in result.err, repr(part), "is not in", result.err)
        equal(json.loads(worked("kb", "top", "audio", "--json", hub=hub).out), [], "rows")
        ada = hub.join("ada", 2)
        confirmed(ids[2], ids[:2], "echo", GOOD, 0.2)
        confirmed(ada, ids[:2], "good", GOOD)
        top = json.loads(worked("kb", "top", "audio", "--json", hub=hub).out)
        equal([(entry["id"], entry["copies"]) for entry in top], [("good", 2)], "rows")


@test
def kb_top_is_not_moved_by_the_luckiest_of_many_nonces():
    """Sets that differ in their last digits are as good, but each has a nonce of its own."""
    with Hub() as hub:
        ada, bea, cid = (hub.join(name, 2) for name in ("ada", "bea", "cid"))
        throws = [{**FAIR, "margin": number * 1e-9} for number in range(20)]
        ratios = [measure(commit(ada, throw)["nonce"], throw)["ratio"] for throw in throws]
        check(len(set(ratios)) == 20 and max(ratios) - min(ratios) > 0.02, "luck that helps", ratios)
        lucky = throws[ratios.index(min(ratios))]
        confirmed(ada, (bea, cid), "lucky", lucky)
        confirmed(bea, (ada, cid), "good", GOOD)
        top = json.loads(worked("kb", "top", "audio", "--json", "--nonce", NONCE, hub=hub).out)
        equal([entry["id"] for entry in top], ["good", "lucky"], "places")
        check(abs(top[1]["ratio"] - measure(NONCE, FAIR)["ratio"]) < 1e-6, "ratio of what was lucky:", top[1]["ratio"])
        account = json.loads(worked("kb", "ledger", "--json", hub=hub).out)["ada"]
        equal((account["commitments"], account["claims"]), (20, 1), "what the ledger shows of it")


@test
def kb_top_runs_each_owners_best_and_no_more_than_it_may():
    with Hub() as hub:
        ada, bea, cid = (hub.join(name, 2) for name in ("ada", "bea", "cid"))
        # no nonce is so lucky that these are better than GOOD, or worse than textbook
        poor = [{**TEXTBOOK, "floor": 80, "margin": number * 1e-9} for number in range(3)]
        ratios = [confirmed(ada, (bea, cid), f"poor{number}", each) for number, each in enumerate(poor)]
        confirmed(ada, (bea, cid), "good", GOOD)
        confirmed(bea, (ada, cid), "textbook", TEXTBOOK)
        # of ada's not the best: her next turn is another set's, before cid's second
        confirmed(cid, (ada, bea), "the_same", poor[ratios.index(max(ratios))])
        confirmed(ada, (bea, cid), "good_again", GOOD)
        confirmed(cid, (ada, bea), "second", {**TEXTBOOK, "floor": TEXTBOOK["floor"] + 1})

        def top(*words):
            result = worked("kb", "top", "audio", "--json", *words, hub=hub)
            return {entry["id"]: entry["copies"] for entry in json.loads(result.out)}, result.err

        ranked, err = top()
        equal((len(ranked), err), (6, ""), "sets, and what is said")
        # whoever claims much has one turn for each of the others'; a set is run with its copies
        ranked, err = top("--run", "3")
        equal((ranked.pop("good"), ranked.pop("textbook")), (2, 1), "the best of ada and of bea")
        equal(list(ranked.values()), [2], "cid's, which ada has as well")
        check("second" not in top("--run", "4")[0], "a copy of one's own is no turn")
        check("not run: 3 more confirmed claims, since 3 sets of parameters or C are run at the most" in err, err)
        ranked, err = top("--run", "1")
        equal(ranked, {"good": 2}, "the best of those")
        check("not run: 6 more confirmed claims, since 1 set of parameters or C is run at the most" in err, err)
        equal((len(top("--run", "5")[0]), len(top("--run", "6")[0])), (5, 6), "sets")
        refused(2, "kb", "list", "--run", "3", hub=hub, said=["--run goes with top"])
        refused(2, "kb", "top", "audio", "--run", "0", hub=hub, said=["between 1 and"])


@test
def kb_top_shows_copies_once():
    with Hub() as hub:
        ada, bea, cid = (hub.join(name, 2) for name in ("ada", "bea", "cid"))
        for identity, parameters in (("first", GOOD), ("again", GOOD), ("more", GOOD), ("else", TEXTBOOK)):
            confirmed(ada, (bea, cid), identity, parameters)
        top = json.loads(worked("kb", "top", "audio", "--json", hub=hub).out)
        equal([entry["copies"] for entry in top], [3, 1], "copies")
        text = worked("kb", "top", "audio", hub=hub).out
        check(row(text, "ID", "else")["COPIES"] == "1", text)
        shown = top[0]["id"]
        named = worked("kb", "get", shown, hub=hub).err
        equal(sorted(re.findall(r"first|again|more|else", named)), sorted({"first", "again", "more"} - {shown}),
              "the copies that get names")
        equal(worked("kb", "get", "else", hub=hub).err, "", "of what has none")
        equal(len(json.loads(worked("kb", "top", "audio", "--json", "--limit", "1", hub=hub).out)), 1, "rows")


@test
def kb_source_of_a_refuted_or_contested_claim_warns():
    with Hub() as hub:
        ada, *others = (hub.join(name, 2) for name in ("ada", "bea", "cid", "dan", "eve"))
        for identity, ratios in (("refuted", (0.5, 0.5)), ("confirmed", (0.3, 0.3)), ("contested", (0.3, 0.3, 0.5, 0.5))):
            told = claim(ada, identity, {**GOOD, "floor": 160 + len(identity) + len(ratios)}, 0.3)
            for other, ratio in zip(others, ratios):
                report(other, identity, {**told, "ratio": ratio})
        found = {identity: worked("kb", "get", identity, "--source", hub=hub) for identity in ("refuted", "confirmed", "contested")}
        check("is refuted: bea, cid measured something else" in found["refuted"].err, found["refuted"].err)
        check("is contested: dan, eve measured something else" in found["contested"].err, found["contested"].err)
        check("careful" not in found["confirmed"].err, found["confirmed"].err)
        check(all("stdint.h" in result.out for result in found.values()))


@test
def a_module_is_shown_as_it_was_written():
    """What others confirm of it or not; its C comes to the last byte. It is none that could be run,
    whatever others have said."""
    with Hub() as hub:
        ada, bea, cid = (hub.join(name, 2) for name in ("ada", "bea", "cid"))
        source = "/* a module */\nint answer = 1;"
        told = claim_module(ada, "mod", source, 0.5)
        found = worked("kb", "get", "mod", "--source", hub=hub)
        equal(found.out, source, "source of what is claimed")
        check("careful: a module" in found.err and "nobody has confirmed" in found.err, found.err)
        for other in (bea, cid):
            report(other, "mod", told)
        found = worked("kb", "get", "mod", "--source", hub=hub)
        equal(found.out, source, "source of what is confirmed")
        check("others have confirmed its number" in found.err and "careful" not in found.err, found.err)
        equal(row(worked("kb", "list", hub=hub).out, "ID", "mod")["STATUS"], "confirmed", "the row of a list")
        check('"kind": "module"' in worked("kb", "get", "mod", hub=hub).out, "what get shows")
        claim_module(ada, "refuted", source + "\n", 0.25)
        shown = json.loads(worked("kb", "get", "refuted", "--json", hub=hub).out)[0]["entry"]["verification"]
        for other in (bea, cid):
            report(other, "refuted", {"nonce": shown["nonce"], "n": 64, "ratio": 0}, claim_holds=False)
        found = worked("kb", "get", "refuted", "--source", hub=hub)
        check("is refuted: bea, cid measured something else" in found.err, found.err)
        found = worked("kb", "top", "audio", hub=hub)
        check("refuted" not in found.err and "0 contested, 1 refuted" in found.out, found)
        needs_landlock()
        check("No claim of audio that others have confirmed holds here." in found.out, found.out)
        check("not shown: mod of ada: " in found.err, found.err)


@test
def kb_top_runs_modules_and_ranks_them_among_the_others():
    """By the same workloads as parameters; and in its row it says of what it could not run."""
    needs_landlock()
    with Hub() as hub:
        ada, bea, cid = (hub.join(name, 2) for name in ("ada", "bea", "cid"))
        confirmed(ada, (bea, cid), "fair", FAIR)
        confirmed(bea, (ada, cid), "textbook", TEXTBOOK)
        good = module_of(hub, GOOD)
        for author, others, identity in ((cid, (ada, bea), "mod"), (ada, (bea, cid), "copy")):
            told = claim_measured(hub, author, identity, good)
            for other in others:
                report(other, identity, told)
        lie = claim_module(bea, "lie", good + "/* */\n", 0.01)
        for other in (ada, cid):
            report(other, "lie", lie)
        result = worked("kb", "top", "audio", "--nonce", NONCE, hub=hub)
        shown = [row(result.out, "ID", identity) for identity in ("fair", "textbook")]
        equal([(each["#"], each["KIND"]) for each in shown], [("2", "pattern"), ("3", "pattern")], "rows behind it")
        top = json.loads(worked("kb", "top", "audio", "--json", "--nonce", NONCE, hub=hub).out)
        equal([(entry["kind"], entry["copies"]) for entry in top], [("module", 2), ("pattern", 1), ("pattern", 1)], "rows")
        best = row(result.out, "ID", top[0]["id"])
        equal((best["#"], best["KIND"], best["RATIO"], best["ON"]), ("1", "module", f"{measure(NONCE, GOOD)['ratio']:.3f}", "64"), "its row")
        check(top[0]["id"] in ("mod", "copy") and top[0]["ratio"] == measure(NONCE, GOOD)["ratio"], top[0])
        check("not shown: lie of bea: its ratio is claimed to be 0.01 and measures 0." in result.err, result.err)
        # where there is no compiler
        result = worked("kb", "top", "audio", "--nonce", NONCE, hub=hub, PATH=hub.folder)
        equal([row(result.out, "ID", identity)["#"] for identity in ("fair", "textbook")], ["1", "2"], "places of what was run")
        unrun = [json.loads(worked("kb", "top", "audio", "--json", hub=hub, PATH=hub.folder).out)[at] for at in (2, 3)]
        check(all(entry["ratio"] is None and entry["kind"] == "module" and "cc" in entry["not_run"] for entry in unrun), unrun)
        equal([entry["copies"] for entry in unrun], [2, 1], "copies")
        blind = row(result.out, "ID", unrun[0]["id"])
        equal((blind["#"], blind["RATIO"], blind["ON"], blind["SURE"]), ("-", "-", "not run", "-"), "a row that was not run")
        equal(result.err.count("not run here: "), 1, "reasons")
        # the lie and the module
        result = worked("kb", "top", "audio", "--json", "--run", "2", hub=hub)
        equal([entry["kind"] for entry in json.loads(result.out)], ["module"], "rows, when two may be run")
        check("not run: 2 more confirmed claims, since 2 sets of parameters or C are run" in result.err, result.err)


if __name__ == "__main__":
    run()
