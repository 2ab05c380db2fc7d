#!/usr/bin/env python3
"""khub subjects, khub measure and khub learn.

usage: cli_learn.py KHUB [PART OF A NAME]
"""
import glob
import gzip
import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

from program import KHUB, environment, khub, needs_landlock, refused, worked

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
sys.path.insert(0, os.path.join(ROOT, "tests", "wire"))
from harness import check, equal, run, test, wait_until  # noqa: E402
from claims import canonical_sha256, module_sha256  # noqa: E402

SPECIALIZATIONS = {"process_manager", "file_system", "networking", "security", "performance", "graphics", "audio",
                   "window_manager"}


class Folder:
    def __enter__(self):
        self.path = tempfile.mkdtemp()
        return self.path

    def __exit__(self, *_):
        shutil.rmtree(self.path)


def learn(folder, name, *more):
    """A short run of khub learn; its JSON."""
    return json.loads(worked("learn", "window_manager", "--evaluations", "30", "--train", "4", "--heldout", "8", "--json",
                             "--out", os.path.join(folder, name), *more).out)


@test
def subjects_are_listed_with_parameters():
    found = json.loads(worked("subjects", "--json").out)
    equal({subject["specialization"] for subject in found}, SPECIALIZATIONS, "specializations with a subject")
    text = worked("subjects").out
    for subject in found:
        check(subject["name"] in text, subject["name"], "is not listed")
        page = worked("subjects", subject["name"]).out
        for parameter in subject["parameters"]:
            check(parameter["name"] in page, parameter["name"], "is not described")
            check(parameter["low"] <= parameter["textbook"] <= parameter["high"], parameter)
        check(subject["baselines"] and subject["functions"], subject)
        equal(subject["direction"], "lower", "direction of " + subject["name"])
        check(0 < subject["bound"]["ratio"] < 1 and subject["bound"]["workloads"] >= 16, subject["bound"])
        check(f"bound           {subject['bound']['ratio']:.3f}" in page, page)
    refused(2, "subjects", "windw_manager", said=["'windw_manager'", "'window_manager'"])


NONCE = "00112233445566778899aabbccddeeff"


def textbook(subject):
    found = json.loads(worked("subjects", subject, "--json").out)
    return {parameter["name"]: parameter["textbook"] for parameter in found["parameters"]}


@test
def anybody_measures_a_claim():
    """The ratio is docs/PROTOCOL.md's, in each digit."""
    given = json.dumps(textbook("audio"))
    found = json.loads(worked("measure", "audio", "--nonce", NONCE, "--parameters", given, "--json").out)
    equal(found["ratio"], 1.0466732376663268, "ratio")
    equal((found["subject"], found["subject_version"], found["nonce"], found["n"]), ("audio", "3", NONCE, 64), "of what")
    check("peer" not in found and found["bound_ratio"] < 1 < found["ratio"] and 0 < found["wins"] < 64, found)
    equal(found["commitment"], canonical_sha256("audio", "3", textbook("audio")), "what is to be committed")
    equal(found["gap_closed"], (1 - found["ratio"]) / (1 - found["bound_ratio"]), "gap closed")
    text = worked("measure", "audio", "--nonce", NONCE, "--parameters", given, "--subject-version", "3").out
    for part in ("1.0466732376663268", "64 workloads of nonce " + NONCE, found["commitment"], f"bound         {found['bound_ratio']:.4f}"):
        check(part in text, repr(part), "is not in", text)
    own = json.loads(worked("measure", "audio", "--peer", "ada", "--parameters", given, "--json").out)
    equal((own["peer"], own["n"], "nonce" in own), ("ada", 16, False), "those of a peer")
    check(own["ratio"] != found["ratio"], own)
    fewer = json.loads(worked("measure", "audio", "--nonce", NONCE, "--parameters", given, "--json", "--workloads", "20").out)
    check(fewer["n"] == 20 and fewer["ratio"] != found["ratio"], fewer)


@test
def anybody_measures_a_module():
    """The C that was learned has its parameters' ratio; what only looks like a module has none."""
    needs_landlock()
    with Folder() as folder:
        out, lie = os.path.join(folder, "it"), os.path.join(folder, "lie.c")
        learned = json.loads(worked("learn", "audio", "--evaluations", "3", "--train", "1", "--heldout", "2", "--json", "--out",
                                    out).out)
        given, module = json.dumps(learned["parameters"]), os.path.join(out, "policy.c")
        of = ("measure", "audio", "--nonce", NONCE, "--workloads", "16")
        wanted = json.loads(worked(*of, "--parameters", given, "--json").out)
        with open(module, encoding="utf-8") as file:
            source = file.read()
        wanted["commitment"] = module_sha256("audio", wanted["subject_version"], source)
        equal(json.loads(worked(*of, "--module", module, "--json").out), wanted, "what the module is worth")
        check(f"{wanted['ratio']:.17g}" in worked(*of, "--module", module).out, wanted)
        body = "static uint32_t playout_delay_us(void *state)\n{\n"
        for text, said in ((source.replace(body, body + "    for (volatile int i = 0; i < 1; i += 0)\n        ;\n"), ["timeout", "blocks"]),
                           (source.replace(body, body + "    __builtin_trap();\n"), ["killed", "crashed"]),
                           ('#include "/etc/passwd"\n' + source, ["not_compiled", "#include"]), ("int x;\n", ["variables"]),
                           ("\0", ["NUL"])):
            with open(lie, "w", encoding="utf-8") as file:
                file.write(text)
            refused(1, *of, "--module", lie, said=said)
        refused(1, *of, "--module", os.path.join(folder, "none"), said=["can't read", "none"])
        # what is wrong with it is told for programs as well; what is wrong here is not
        with open(lie, "w", encoding="utf-8") as file:
            file.write("żółw\n")
        found = khub(*of, "--module", lie, "--json")
        told = json.loads(found.out)
        check(told.pop("reason") in found.err and "not_compiled" in found.err, found.err)
        equal((found.code, told),
              (1, {"subject": "audio", "subject_version": wanted["subject_version"], "nonce": NONCE, "n": 16, "claim_holds": False,
                   "result": "not_compiled", "commitment": module_sha256("audio", wanted["subject_version"], "żółw\n")}), "no module")
        found = khub(*of, "--module", module, "--json", PATH=folder)
        equal((found.code, found.out), (1, ""), "what is told without a compiler")
        check("no_compiler" in found.err, found.err)
        refused(2, *of, "--module", module, "--parameters", given, said=["either --parameters or --module"])
        refused(2, "measure", "audio", "--nonce", "1", "--module", module, said=["32"])


@test
def what_cannot_be_measured_is_named():
    good = textbook("audio")
    given = ["--parameters", json.dumps(good)]
    nonce = ["--nonce", NONCE]
    missing = json.dumps({name: value for name, value in good.items() if name != "floor"})
    for words, said in (
            (["adio", *nonce, *given], ["'adio'", "'audio'"]), (["audio", *given], ["--nonce or --peer"]),
            (["audio", *nonce, "--peer", "ada", *given], ["--nonce or --peer"]), (["audio", *nonce], ["--parameters"]),
            (["audio", "--nonce", NONCE[1:], *given], ["32", NONCE[1:]]),
            (["audio", *nonce, *given, "--workloads", "8"], ["8", "16"]),
            (["audio", *nonce, *given, "--subject-version", "7"], ["'7'", "'3'"]),
            (["audio", *nonce, "--parameters", missing], ["floor", "missing"]),
            (["audio", *nonce, "--parameters", '{"mean_gain":.25,"x":1}'], ["no JSON"]),
            (["audio", *nonce, "--parameters", "[]"], ["array"]),
            (["audio", *nonce, "--parameters", '{"x":1,"x":1}'], ["no JSON object", "x"]),
            (["audio", *nonce, "--parameters", json.dumps({**good, "floor": "1"})], ["floor is no number"]),
            (["audio", *nonce, "--parameters", json.dumps({**good, "floor": 221})], ["floor", "221", "0..220"]),
            (["audio", *nonce, "--parameters", json.dumps({f"p{i}": i for i in range(13)})], ["13", "12"]),
            (["audio", *nonce, "--parameters", json.dumps({**good, "x": 1})], ["'x'", "audio"])):
        refused(2, "measure", *words, said=said)


@test
def a_narrow_window_loses_nothing():
    for line in worked("subjects", COLUMNS="60").out.split("\n\n")[0].splitlines():
        check(len(line) <= 60 and "…" not in line, line)
    audio = json.loads(worked("subjects", "audio", "--json").out)
    words = worked("subjects", "audio", COLUMNS="80").out.split()
    for parameter in audio["parameters"]:
        for word in parameter["meaning"].split():
            check(word in words, word, "of", parameter["name"], "is not there")


@test
def a_full_disk_is_no_success():
    for words in (["subjects"], ["subjects", "--json"]):
        with open("/dev/full", "wb") as full:
            done = subprocess.run([KHUB, *words], stdout=full, stderr=subprocess.PIPE, env=environment(), check=False)
        equal((done.returncode, done.stderr.count(b"\n")), (1, 1), "exit code and sentences")
        check(b"could not write" in done.stderr, done.stderr)


@test
def learn_writes_a_report():
    needs_landlock()
    with Folder() as folder:
        result = learn(folder, "first")
        equal(result["module"]["result"], "ran", "the C module")
        equal(result["module"]["agrees"], True, "the module's score")
        equal(result["evaluations"], 30, "evaluations")
        check(result["bound"]["ratio"] < result["heldout"]["ratio"] < 1, result["heldout"])
        first = os.path.join(folder, "first")
        equal(sorted(os.listdir(first)), ["convergence.svg", "policy.c", "ratios.svg", "report.md"], "files")
        with open(os.path.join(first, "report.md"), encoding="utf-8") as file:
            report = file.read()
        for part in ("synthetic", "convergence.svg", "policy.c", "| **tuned** |", "bound"):
            check(part in report, repr(part), "is not in the report")
        for name in ("convergence.svg", "ratios.svg"):
            with open(os.path.join(first, name), encoding="utf-8") as file:
                text = file.read()
            check(text.startswith("<svg") and text.endswith("</svg>\n"), name, "is no whole picture")
        subprocess.run(["cc", "-std=c11", "-Wall", "-Wextra", "-Werror", "-ffreestanding", "-Os", "-c",
                        os.path.join(first, "policy.c"), "-o", os.path.join(folder, "policy.o")], check=True)


@test
def who_knows_more_and_what_is_behind_the_cost():
    with Folder() as folder:
        words = ["learn", "process_manager", "--evaluations", "10", "--train", "1", "--heldout", "4", "--out", os.path.join(folder, "it")]
        result = json.loads(worked(*words, "--json").out)
        informed = result["informed"]
        equal((informed["name"], informed["seeds"]), ("Gittins index", 4), "who is informed")
        check(result["bound"]["ratio"] < informed["ratio"], informed)
        equal([figure["name"] for figure in result["figures"]],
              ["mean response, ms", "slowdown of the worst 1 %", "longest wait, ms"], "figures")
        for figure in result["figures"]:
            check(0 < figure["mean"] <= figure["most"], figure)
        with open(os.path.join(folder, "it", "report.md"), encoding="utf-8") as file:
            report = file.read()
        check(f"| Gittins index | {informed['ratio']:.3f} ± " in report, report)
        wait = result["figures"][2]
        row = f"| longest wait, ms | {wait['mean']:.4g} | {wait['most']:.4g} |"
        check(row in report, repr(row), "is not in", report)
        for name in ("convergence.svg", "ratios.svg"):
            with open(os.path.join(folder, "it", name), encoding="utf-8") as file:
                check(">Gittins index" in file.read(), name, "has no Gittins index")
        out = worked(*words, "--force").out
        check("Gittins index" in out and f"longest wait, ms: {wait['mean']:.4g} in the mean" in out, out)
        audio = json.loads(worked("learn", "audio", "--evaluations", "10", "--train", "1", "--heldout", "4", "--json",
                                  "--out", os.path.join(folder, "audio")).out)
        equal((audio["informed"], audio["figures"]), (None, []), "what audio has not")


@test
def the_same_name_is_the_same_run():
    with Folder() as folder:
        long = 300 * "n"
        names = [[], [], ["--as", "another"], ["--as", long + "1"], ["--as", long + "2"]]
        runs = [learn(folder, str(i), *name) for i, name in enumerate(names)]
        for found in runs:
            del found["seconds"], found["directory"]
        equal(runs[0], runs[1], "the same run")
        check(runs[0]["parameters"] != runs[2]["parameters"], "another name is the same run")
        check(runs[3]["parameters"] != runs[4]["parameters"], "another long name is the same run")
        with open(os.path.join(folder, "4", "report.md"), encoding="utf-8") as file:
            check(f"--as {long}2`" in file.read(), "the report does not name the run")


@test
def a_directory_of_any_bytes():
    with Folder() as folder:
        latin = os.path.join(os.fsencode(folder), b"gr\xfcn")
        result = json.loads(worked("learn", "audio", "--evaluations", "1", "--train", "1", "--heldout", "2", "--json", "--out",
                                   latin).out)
        equal(result["directory"], os.path.join(folder, "gr\ufffdn"), "the directory")
        equal(sorted(os.listdir(latin)), [b"convergence.svg", b"policy.c", b"ratios.svg", b"report.md"], "files")


def references(count, popular=40, file=300):
    """A cache trace: popular blocks between those of files that are read once."""
    state, lines = 1, []
    for i in range(count):
        state = state * 6364136223846793005 + 1442695040888963407 & (1 << 64) - 1
        lines.append(state >> 33 & popular - 1 if i % 3 else 1000 + i // 3 % file * 1000)
    return "".join(f"{line}\n" for line in lines).encode()


def traced(folder, path, *more):
    return json.loads(worked("learn", "file_system", "--evaluations", "12", "--train", "2", "--heldout", "3", "--json",
                             "--trace", path, "--force", "--out", os.path.join(folder, "it"), *more).out)


@test
def learn_of_a_trace():
    """Its SHA-256 is in the version, its halves are apart, and nothing is called synthetic."""
    needs_landlock()
    with Folder() as folder:
        plain, packed = os.path.join(folder, "plain"), os.path.join(folder, "packed.gz")
        text = references(30000)
        with open(plain, "wb") as file:
            file.write(text)
        with gzip.open(packed, "wb") as file:
            file.write(text)
        result = traced(folder, plain, "--cache", "32")
        digest = hashlib.sha256(text).hexdigest()
        check(re.fullmatch(rf"\d+\+cache=32\+sha256:{digest[:32]}", result["subject_version"]), result["subject_version"])
        equal(result["traces"], [{"sha256": digest, "format": "text", "records": 30000}], "traces")
        equal((result["synthetic"], result["module"]["agrees"]), (False, True), "synthetic, and the module's score")
        equal(result["baselines"][0]["seeds"], 3, "held-out workloads")
        lower, tuned, lru = (found["cost_in_one_piece"] for found in (result["bound"], result["heldout"], result["baselines"][0]))
        check(0 < lower <= tuned < lru < 1, lower, tuned, lru)
        with open(os.path.join(folder, "it", "report.md"), encoding="utf-8") as file:
            report = file.read()
        for part in (digest, "| text | 30000 references |", "split by time", f"--trace {plain} --cache 32`", "later half in one piece"):
            check(part in report, repr(part), "is not in the report")
        check("ynthetic" not in report, report)
        with open(os.path.join(folder, "it", "policy.c"), encoding="utf-8") as file:
            check("Tuned on windows of traces." in file.read(), "what its C says")
        for picture in ("ratios.svg", "convergence.svg"):
            with open(os.path.join(folder, "it", picture), encoding="utf-8") as file:
                check("Windows of traces" in file.read(), picture)
        again = traced(folder, packed, "--cache", "32")
        equal(again["heldout"]["cost"] > 0 and again["traces"][0]["records"], 30000, "records of the compressed one")
        check(again["subject_version"] != result["subject_version"], "another file is another subject")
        shown = worked("learn", "file_system", "--evaluations", "1", "--train", "1", "--heldout", "2", "--trace", plain, "--trace",
                       packed, "--force", "--out", os.path.join(folder, "it")).out
        check("IN ONE PIECE" in shown and "split by time" in shown and "synthetic" not in shown, shown)


@test
def a_trace_is_measured_by_all_who_have_it():
    """The version names the file by its SHA-256; who has it not can't be asked."""
    with Folder() as folder:
        path = os.path.join(folder, "trace")
        with open(path, "wb") as file:
            file.write(references(4000))
        page = json.loads(worked("subjects", "file_system", "--json").out)
        parameters = json.dumps({each["name"]: each["textbook"] for each in page["parameters"]})
        asked = ("measure", "file_system", "--nonce", NONCE, "--parameters", parameters, "--json")
        found = json.loads(worked(*asked, "--trace", path, "--cache", "10%").out)
        with open(path, "rb") as file:
            digest = hashlib.sha256(file.read()).hexdigest()
        check(found["subject_version"].endswith(f"+cache=10%+sha256:{digest[:32]}"), found["subject_version"])
        again = json.loads(worked(*asked, "--trace", path, "--cache", "10%", "--subject-version", found["subject_version"]).out)
        equal(again, found, "the same trace, the same number")
        check(found["ratio"] != json.loads(worked(*asked).out)["ratio"], "it is not the synthetic one's")
        refused(2, *asked, "--subject-version", found["subject_version"], said=["is not built in here"])
        refused(2, *asked, "--trace", path, "--subject-version", found["subject_version"], said=["is not built in here"])


@test
def training_says_what_is_wrong_with_a_trace():
    with Folder() as folder:
        path = os.path.join(folder, "trace")
        with open(path, "wb") as file:
            file.write(references(40))
        refused(2, "train", "ada", "file_system", "1", "--private", said=["--private is of a trace"])
        refused(2, "train", "ada", "general", "1", "--trace", path, said=["'general' trains no subject"])
        refused(1, "train", "ada", "file_system", "1", "--trace", path, said=["40 references are too few"])
        refused(1, "train", "ada", "window_manager", "1", "--trace", folder, said=["no public one of window switching"])


@test
def learn_says_what_is_wrong_with_a_trace():
    with Folder() as folder:
        good, bad = os.path.join(folder, "good"), os.path.join(folder, "bad")
        with open(good, "wb") as file:
            file.write(references(600))
        with open(bad, "wb") as file:
            file.write(references(600) + b"\xff\x1b[31m\n")
        of = ("learn", "file_system", "--out", os.path.join(folder, "it"))
        refused(1, *of, "--trace", good, "--trace", bad, said=["bad:601: found '\\xff\\x1b[31m', wanted the number of a block"])
        refused(1, *of, "--trace", folder, said=["is a directory"])
        refused(1, *of, "--trace", good, "--format", "json", said=["'json' is no format of references", "oracleGeneral"])
        refused(2, *of, "--trace", good, "--cache", "0", said=["--cache", "'0'"])
        refused(2, *of, "--trace", good, "--cache", "101%", said=["--cache", "'101%'", "100%", "4294967295"])
        refused(2, *of, "--cache", "10", said=["name one with --trace"])
        refused(2, *of, "--format", "text", said=["name one with --trace"])
        refused(1, "learn", "performance", "--trace", good, said=["no public one of mutexes"])
        refused(2, "learn", "performance", "--trace", good, "--cache", "5", said=["--cache is of file_system"])
        with open(good, "wb") as file:
            file.write(references(50))
        refused(1, *of, "--trace", good, said=["50 references are too few"])
        equal(sorted(os.listdir(folder)), ["bad", "good"], "what is left")


@test
def a_directory_is_judged_before_the_work():
    """What a search of hours found can't be written then; and one of before is not written over."""
    with Folder() as folder:
        path = os.path.join(folder, "there")
        with open(path, "w", encoding="utf-8") as file:
            file.write("mine")
        for of in (("learn", "audio", "--evaluations", "1", "--heldout", "2"), ("search", "audio", "--evaluations", "1", "--heldout", "2")):
            none = refused(1, *of, "--out", path, "--force", said=[path, "is no directory"])
            equal((none.out, "simulations" in none.err), ("", False), "it was searched")
            none = refused(1, *of, "--out", folder, said=[folder, "--force"])
            equal((none.out, "simulations" in none.err), ("", False), "it was searched")
            refused(1, *of, "--out", "/proc", "--force", said=["/proc"])
            refused(1, *of, "--out", os.path.join(folder, "no", "such"), said=["can't make the directory"])
        refused(1, "search", "audio", "--by", "llm:x", "--model-key-file", "/nowhere", "--out", os.path.join(folder, "new"), said=["/nowhere"])
        equal(os.listdir(folder), ["there"], "what is left")


@test
def learn_says_what_is_wrong():
    with Folder() as folder:
        refused(2, "learn", said=["SUBJECT is missing"])
        refused(2, "learn", "audi", said=["'audi'", "'audio'"])
        refused(2, "learn", "audio", "--evaluations", "0", said=["--evaluations", "'0'", "1000000"])
        refused(1, "learn", "audio", "--out", folder, said=[folder, "--force"])
        refused(1, "learn", "audio", "--out", os.path.join(folder, "no", "such"), said=["can't make the directory"])


@test
def learn_tells_what_it_can_not_write():
    with Folder() as folder:
        os.makedirs(os.path.join(folder, "report.md"))
        result = refused(1, "learn", "audio", "--evaluations", "1", "--train", "1", "--heldout", "2", "--force", "--out", folder,
                         said=["can't write the report", "directory"])
        check("tuned" in result.out and "1 evaluation in" in result.out and "1 training workload;" in result.out, result.out)
        check("Written" not in result.out, result.out)


def start_learning(folder, *more, subject="networking", **variables):
    process = subprocess.Popen([KHUB, "learn", subject, "--out", os.path.join(folder, "it"), *more], stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, env=environment(**variables))
    check(b"making the workloads" in process.stderr.readline())
    return process


@test
def learn_is_interrupted():
    with Folder() as folder:
        process = start_learning(folder, "--evaluations", "1000000", "--train", "1", "--heldout", "2", subject="audio")
        check(b" of 1000000 evaluations" in process.stderr.readline(), "a tenth is told")
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate()
        equal(process.returncode, 0, "exit code")
        check("interrupted before the end" in out.decode() and "tuned" in out.decode(), out)
        check("was not run: interrupted" in out.decode(), out)
        with open(os.path.join(folder, "it", "report.md"), encoding="utf-8") as file:
            check("interrupted" in file.read(), "the report does not say so")


@test
def who_has_learned_nothing_ends_at_once():
    """It makes workloads for long, and leaves no empty directory."""
    for number in (signal.SIGINT, signal.SIGTERM):
        with Folder() as folder:
            process = start_learning(folder, "--heldout", "1024", "--train", "1024", subject="security")
            process.send_signal(number)
            out, err = process.communicate()
            equal((process.returncode, out), (1, b""), "exit code and output")
            check(b"interrupted before anything was learned" in err, err)
            equal(os.listdir(folder), [], "what is left")


def write_compiler(folder, script):
    """It can write in its own directory alone."""
    path = os.path.join(folder, "cc")
    with open(path, "w", encoding="utf-8") as file:
        file.write(f"#!/bin/sh\n{script}\n")
    os.chmod(path, 0o755)


def said_by_compiler(folder, name):
    """The line that it wrote to its file of that name; empty: not yet."""
    for path in glob.glob(os.path.join(folder, "khub-probe-*", name)):
        with open(path, encoding="utf-8") as file:
            line = file.read()
            if line.endswith("\n"):
                return line
    return ""


@test
def a_compiler_that_takes_its_time_is_left():
    """What was learned is told and written all the same."""
    needs_landlock()
    with Folder() as folder:
        programs = os.path.join(folder, "programs")
        os.mkdir(programs)
        write_compiler(programs, f"echo >mark\nexec '{shutil.which('sleep')}' 1000")
        process = start_learning(folder, "--evaluations", "1", "--train", "1", "--heldout", "2", PATH=programs, TMPDIR=folder)
        while not said_by_compiler(folder, "mark") and process.poll() is None:
            time.sleep(0.02)
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate()
        equal(process.returncode, 0, f"exit code ({err})")
        check("was not run: interrupted before it was measured" in out.decode(), out)
        check("interrupted before the end" not in out.decode(), "the search was over", out)
        check(os.path.exists(os.path.join(folder, "it", "policy.c")), "nothing is written")


PROPOSER = """import json, sys
subject = json.loads(sys.stdin.readline())
textbook = {p["name"]: p["textbook"] for p in subject["parameters"]}
for line in sys.stdin:
    message = json.loads(line)
    if message["type"] == "ask":
        print(json.dumps({"candidates": [{"parameters": textbook}, {"source": subject["module"]}, {"source": "int x;"}]}), flush=True)
"""


@test
def searchers_stand_in_one_table():
    needs_landlock()
    with Folder() as folder:
        program = os.path.join(folder, "propose.py")
        with open(program, "w", encoding="utf-8") as file:
            file.write(PROPOSER)
        words = ("search", "audio", "--evaluations", "20", "--heldout", "4", "--by", "random", "--by", "cmaes", "--by",
                 f"exec:python3 {program}", "--out", os.path.join(folder, "out"))
        found = json.loads(worked(*words, "--json").out)
        by = {row["searcher"].split(":")[0]: row for row in found["searchers"]}
        equal(list(by), ["random", "cmaes", "exec"], "searchers")
        for row in by.values():
            check(row["simulations"] >= found["budget"] == 320 and row["heldout"] > 0 and row["ended"] is None, row)
        check(by["exec"]["refused"] > 0 and by["random"]["refused"] == 0, by)
        check(by["exec"]["repeats"] > 0 and by["random"]["repeats"] == 0, by)
        for number in ("1", "2", "3"):
            with open(os.path.join(folder, "out", number + ".jsonl"), encoding="utf-8") as file:
                elites = [json.loads(line) for line in file]
            equal((elites[0]["workloads"], elites[0]["ratio"]),
                  (64, min(elite["ratio"] for elite in elites if elite["workloads"] == 64)), "the first elite")
            with open(os.path.join(folder, "out", number + ".c"), encoding="utf-8") as file:
                check("#include <stdint.h>" in file.read(), number, "is no module")
        text = worked(*words, "--force").out
        check("bound that nobody can beat" in text and "random" in text and "320 simulations" in text, text)
        refused(2, "search", "audio", "--by", "magic", said=["'magic'", "exec:COMMAND"])
        failed = refused(1, "search", "audio", "--evaluations", "1", "--by", "exec:exit 7", said=["exit code 7"])
        check(re.search("exec: ?exit 7", failed.out), failed)


@test
def a_trace_is_the_last_word_of_a_search():
    """The best on synthetic ones runs on the earlier half too, and is shown on the later."""
    with Folder() as folder:
        path = os.path.join(folder, "trace")
        with open(path, "wb") as file:
            file.write(references(30000))
        words = ("search", "file_system", "--evaluations", "12", "--heldout", "3", "--by", "random", "--by", "genetic", "--trace", path)
        found = json.loads(worked(*words, "--cache", "32", "--json").out)
        equal((found["synthetic"], found["traces"][0]["records"]), (True, 30000), "what was searched on, and the trace")
        for row in found["searchers"]:
            check(0 < row["trace_train"] < 1.5 and 0 < row["trace"] < 1.5 and row["trace"] != row["heldout"], row)
        equal([row["trace"] for row in found["baselines"] if row["name"] == "LRU"], [1], "LRU on the trace")
        bare = json.loads(worked(*words[:-2], "--json").out)
        check("traces" not in bare and all("trace" not in row for row in bare["searchers"]), bare)
        text = worked(*words).out
        check("TRACE" in text and "16 windows of its earlier half" in text, text)
        check("TRACE" not in worked(*words[:-2]).out, "a column for no trace")
        refused(2, *words[:-2], "--cache", "32", said=["name one with --trace"])
        refused(1, "search", "performance", "--trace", path, said=["no public one of mutexes"])


@test
def a_search_that_is_interrupted_tells_what_it_has():
    """Whoever searches, and whether or not it has found something: it was told to stop, and did."""
    with Folder() as folder:
        asked = os.path.join(folder, "asked")
        for by in ("random", "genetic", f"exec:echo >{asked}; exec sleep 1000"):
            words = ("search", "audio", "--evaluations", "20000", "--heldout", "2", "--by", by, "--by", "random")
            with subprocess.Popen([KHUB, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment()) as process:
                if by.startswith("exec"):
                    wait_until(lambda: os.path.exists(asked), "the program to run")
                else:
                    check(process.stderr.readline().startswith(by.encode()), "its progress")
                process.send_signal(signal.SIGINT)
                out, err = process.communicate()
                equal((process.returncode, b"khub" in err), (0, False), f"exit code, and what is wrong with {by}: {err}")
                check("Interrupted before the end. Measured on 2 " in out.decode(), out.decode())


@test
def the_second_interrupt_ends_learning():
    with Folder() as folder:
        process = start_learning(folder, "--heldout", "1024", "--train", "1024", subject="security")
        process.send_signal(signal.SIGSTOP)
        os.waitpid(process.pid, os.WUNTRACED)
        process.send_signal(signal.SIGINT)
        process.send_signal(signal.SIGTERM)
        process.send_signal(signal.SIGCONT)
        process.communicate()
        check(process.returncode in (-signal.SIGINT, -signal.SIGTERM), process.returncode)


def alive(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
            return file.read().rsplit(")", 1)[1].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


@test
def no_compiler_outlives_learning():
    """A signal ends it while cc and its child are at work, and them as well; kill -9 ends them all,
    and the next one tidies up."""
    needs_landlock()
    for number in (signal.SIGTERM, signal.SIGKILL):
        with Folder() as folder:
            write_compiler(folder, "sleep 1000 &\necho $$ $! >family\nwait")
            words = ("learn", "audio", "--evaluations", "1", "--train", "1", "--heldout", "2", "--out")
            more = {"TMPDIR": folder, "PATH": folder + ":" + os.environ["PATH"]}
            with subprocess.Popen([KHUB, *words, os.path.join(folder, "it")], env=environment(**more),
                                  stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
                while not (family := said_by_compiler(folder, "family")) and process.poll() is None:
                    time.sleep(0.02)
                process.send_signal(number)
                while any(alive(int(pid)) for pid in family.split()):
                    time.sleep(0.02)
                equal(process.wait(), -number if number == signal.SIGKILL else 0, "exit code")
            left = [name for name in os.listdir(folder) if name.startswith("khub-probe-")]
            equal(len(left), 1 if number == signal.SIGKILL else 0, "directories left")
            os.unlink(os.path.join(folder, "cc"))
            worked(*words, os.path.join(folder, "again"), **more)
            check(not [name for name in os.listdir(folder) if name.startswith("khub-probe-")], os.listdir(folder))


@test
def pictures_stay_on_their_paper():
    """Of two workloads the interval may be wider than the picture."""
    with Folder() as folder:
        worked("learn", "audio", "--evaluations", "1", "--train", "1", "--heldout", "2", "--out", os.path.join(folder, "it"))
        with open(os.path.join(folder, "it", "ratios.svg"), encoding="utf-8") as file:
            text = file.read()
        width = float(re.search(r'width="(\d+)"', text).group(1))
        for x in re.findall(r'x[12]?="([-\d.]+)"', text):
            check(0 < float(x) < width, x, "is beside the picture")
        names = float(re.search(r'<rect x="([\d.]+)"', text).group(1))
        for x in re.findall(r'<line x1="([-\d.]+)"', text):
            check(float(x) >= names, x, "is in the names")


run()
