#!/usr/bin/env python3
"""./dev, with stand-ins for the tools that it calls: what it installs, what it does with names,
what it leaves.

usage: dev.py KHUB [PART OF A NAME]
"""
import contextlib
import glob
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
sys.path.insert(0, os.path.join(ROOT, "tests", "wire"))
from harness import check, equal, run, test, wait_until  # noqa: E402

PACKAGES = {"libuv": "libuv1-dev", "jansson": "libjansson-dev", "libcrypto": "libssl-dev", "libseccomp": "libseccomp-dev",
            "libsodium": "libsodium-dev",
            "libelf": "libelf-dev", "cmocka": "libcmocka-dev", "nlopt": "libnlopt-dev", "libcjson": "libcjson-dev",
            "yajl": "libyajl-dev", "libxxhash": "libxxhash-dev", "sqlite3": "libsqlite3-dev",
            "threads": "libc6-dev", "openssl": "libssl-dev", "http_parser": "libhttp-parser-dev",
            "chart_js": "libjs-chart.js", "libcurl": "libcurl4-openssl-dev",
            "libarchive": "libarchive-dev"}

# Each says in the file "calls" how it was called. Nothing is installed here; a build directory is
# one that has build.ninja.
TOOLS = {
    "dpkg-query": "exit 1",
    "apt-get": "exit 0",
    "sudo": 'exec "$@"',
    "ninja": "exit 0",
    "meson": """case $1 in
setup) [ ! -e broken ] || { echo "no compiler"; exit 1; }; touch "$2/build.ninja" ;;
introspect) cat tests.json ;;
test)
    mkdir -p "$3/meson-logs"
    cp testlog.* "$3/meson-logs"
    if [ -e "$3.hangs" ]; then
        echo "18/307 khub:unit / fine  OK"
        trap 'kill -- -$! || kill $!; wait; exit 1' TERM
        setsid python3 tests/runner.py python3 hangs.py &
        wait
        exit 1
    fi ;;
esac""",
}
JUNIT = """<testsuites><testsuite name="khub:unit"><testcase name="alpha"/><testcase name="beta"/></testsuite></testsuites>"""


class Tree:
    """A copy of ./dev and of what it calls in the tree, in a folder of its own."""

    def __init__(self):
        self.folder = tempfile.mkdtemp()
        os.makedirs(os.path.join(self.folder, "tests"))
        os.makedirs(os.path.join(self.folder, "tools"))
        for name in ("dev", "tests/names.py", "tests/tally.py", "tests/progress.py", "tests/runner.py"):
            shutil.copy(os.path.join(ROOT, name), os.path.join(self.folder, name))
        for name, text in TOOLS.items():
            path = self.write("tools/" + name, f'#!/bin/bash\necho "{name} $*" >>calls\n{text}\n')
            os.chmod(path, 0o755)
        self.write("tests.json", json.dumps([{"name": name, "suite": ["khub:unit"]} for name in ("core_join", "core_log")]))
        self.write("testlog.junit.xml", JUNIT)
        self.write("testlog.json", "".join(json.dumps({"name": f"khub:unit / test{n}", "duration": float(n),
                                                       "stdout": f"# CPU 7 s\nok 1 - a\n# CPU {n / 2:.2f} s\n"}) + "\n"
                                           for n in range(20)))

    def write(self, name, text):
        path = os.path.join(self.folder, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        return path

    def files(self):
        return sorted(os.listdir(self.folder))

    def dev(self, *words, **more):
        """Its exit code, what it said, and the calls it made; more: of the environment."""
        self.write("calls", "")
        done = subprocess.run([os.path.join(self.folder, "dev"), *words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              env={**os.environ, "PATH": os.path.join(self.folder, "tools") + ":" + os.environ["PATH"],
                                   **more}, check=False)
        with open(os.path.join(self.folder, "calls"), encoding="utf-8") as file:
            return done.returncode, done.stdout.decode(), file.read().splitlines()


@contextlib.contextmanager
def tree():
    found = Tree()
    try:
        yield found
    finally:
        shutil.rmtree(found.folder)


HANGS = """import signal
def wait_for_ever():
    open("hangs", "w").close()
    signal.sigwait([signal.SIGUSR1])
wait_for_ever()
"""


def wanted(setup):
    """The packages of what the meson.build files ask for that are read with this call's options."""
    options = {"tests": "true", "bench": "false"}  # as in meson_options.txt
    options.update(re.findall(r"-D(\w+)=(\w+)", setup))
    patterns = ["meson.build", "src/**/meson.build", "examples/meson.build"]
    patterns += [f"{room}/**/meson.build" for room in ("tests", "bench") if options[room] == "true"]
    found = set()
    for pattern in patterns:
        for path in glob.glob(os.path.join(ROOT, pattern), recursive=True):
            with open(path, encoding="utf-8") as file:
                text = file.read()
            found.update(re.findall(r"(?<![a-z_])dependency\('([^']+)'", text))
            found.update(re.findall(r"get_option\('(chart_js)'\)", text))  # a file
            # a library without a pkg-config file; libm and libdl are the C library's
            found.update(set(re.findall(r"find_library\('([^']+)'", text)) - {"m", "dl"})
    check({"libuv", "http_parser", "chart_js"} <= found, "dependencies found:", found)
    return {PACKAGES[name] for name in found}


@test
def each_command_installs_what_its_build_needs():
    """On a machine where nothing is installed and no other command ran before."""
    for words in (["build"], ["test"], ["test", "core_join"], ["bench", "scan"], ["lint"], ["fuzz", "1"]):
        with tree() as place:
            _, said, calls = place.dev(*words)
            setups = [number for number, call in enumerate(calls) if call.startswith("meson setup")]
            check(setups, words, "configured nothing:", said)
            for number in setups:
                installed = " ".join(call for call in calls[:number] if call.startswith("apt-get install")).split()
                for package in wanted(calls[number]):
                    check(package in installed, words, "configures without", package, ":", calls[number])


@test
def a_test_that_does_not_exist_is_an_error():
    with tree() as place:
        for words, meant in ((["core_jion"], "core_join"), (["core_log", "core_jion"], "core_join"),
                             (["--suite", "uint"], "unit")):
            code, said, calls = place.dev("test", *words)
            equal(code, 2, f"exit code of {words} ({said})")
            check(words[-1] in said and meant in said.split("did you mean")[1], said)
            check(not any(call.startswith("meson test") for call in calls), "it ran something:", calls)
        code, said, calls = place.dev("test", "core_log", "--suite", "unit")
        check(any(call.startswith("meson test") for call in calls), calls)
        equal((code, said.splitlines()[-1]), (0, "2 passed, 0 failed, 0 skipped"), "a test that exists")


@test
def the_slowest_are_named_and_what_all_cost():
    with tree() as place:
        code, said, _ = place.dev("test")
        *_, slowest, cpu, last = said.splitlines()
        equal((code, last), (0, "6 passed, 0 failed, 0 skipped"), "how it ended")
        equal(len(slowest.split(",")), 10, "tests named")
        check(slowest.startswith("slowest: ") and "test19 19.0 s (CPU 9.5 s)" in slowest and "test16 " in slowest, slowest)
        check("test15 " not in slowest, slowest)  # of each of three builds
        equal(cpu, "CPU: build 95 s, build-asan 95 s, build-tsan 95 s", "CPU time of each build's tests")


# As meson writes it down of programs that tell of two cases, and of one that is a case itself.
RUN = """<testsuites>
<testsuite name="khub.khub:unit / fine"><testcase name="a"/><testcase name="b"/></testsuite>
<testsuite name="khub.khub:unit / refuted"><testcase name="a"/><testcase name="b"><failure/></testcase></testsuite>
<testsuite name="khub.khub:unit / crashed"><testcase name="a"/></testsuite>
<testsuite name="khub.khub:unit / both"><testcase name="a"/><testcase name="b"><failure/></testcase></testsuite>
<testsuite name="khub.khub:unit / cut"><testcase name="a"/></testsuite>
<testsuite name="khub.khub:unit / late"><testcase name="a"/><testcase name="b"/></testsuite>
<testsuite name="khub.khub:unit / slow"><testcase name="a"/></testsuite>
<testsuite name="khub"><testcase name="khub:unit / alone"><error/></testcase><testcase name="khub:e2e / not"><skipped/>
</testcase><testcase name="khub:unit / stuck"/></testsuite></testsuites>"""
ENDS = {"fine": ("OK", 0), "refuted": ("ERROR", 1), "crashed": ("ERROR", -11), "both": ("ERROR", 128 + 6), "cut": ("ERROR", 0),
        "late": ("ERROR", 3), "slow": ("TIMEOUT", -15), "alone": ("ERROR", 128 + 6), "not": ("SKIP", 0),
        "stuck": ("INTERRUPT", 128 + 15)}


@test
def a_program_that_ends_with_an_error_of_none_of_its_cases_is_named():
    with tree() as place:
        place.write("testlog.junit.xml", RUN)
        place.write("testlog.json", "".join(
            json.dumps({"name": f"khub:{'e2e' if name == 'not' else 'unit'} / {name}", "duration": 1.0, "result": result,
                        "returncode": code}) + "\n" for name, (result, code) in ENDS.items()))
        code, said, _ = place.dev("test")
        *said, last = said.splitlines()
        equal(code, 1)
        equal(sorted(line.removeprefix("failed: build: ").split("; see")[0] for line in said
                     if line.startswith("failed: build: ")),
              ["both: outside its cases: was killed by SIGABRT", "crashed: outside its cases: was killed by SIGSEGV",
               "cut: outside its cases: ended before its last case", "khub.khub:unit / both: b",
               "khub.khub:unit / refuted: b", "khub: khub:unit / alone", "khub: khub:unit / stuck: was killed by SIGTERM", "late: outside its cases: ended with 3",
               "slow: outside its cases: hung"])
        equal(last, "27 passed, 27 failed, 3 skipped")  # in each of three builds


@test
def what_still_runs_when_there_is_no_more_time_is_ended():
    with tree() as place:
        place.write("hangs.py", HANGS)
        place.write("build-asan.hangs", "")
        code, said, calls = place.dev("test", KHUB_TEST_MINUTES="ten")
        check(code == 1 and 'KHUB_TEST_MINUTES is a number of minutes, not "ten"' in said and not calls, said, calls)
        code, said, _ = place.dev("test", KHUB_TEST_MINUTES="0")
        check("there are 0 min for the tests (KHUB_TEST_MINUTES)" in said, said)
        equal((code, said.splitlines()[-1]), (1, "6 passed, 1 failed, 0 skipped"))


@test
def it_is_said_what_a_test_that_is_ended_was_waiting_for():
    with tree() as place:
        place.write("hangs.py", HANGS)
        place.write("build.hangs", "")
        with subprocess.Popen([os.path.join(place.folder, "tools", "meson"), "test", "-C", "build"], cwd=place.folder,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as suite:
            wait_until(lambda: os.path.exists(os.path.join(place.folder, "hangs")), "it hangs")
            os.makedirs(os.path.join(place.folder, "build"), exist_ok=True)
            place.write("build/test.out", " 17/307 khub:unit / a  OK\n 18/307 khub:unit / b  OK\n")
            far = subprocess.run([sys.executable, "-c", f"import progress; progress.say_progress(125, {{'build': {suite.pid}}})"],
                                 cwd=place.folder, stderr=subprocess.PIPE, check=True,
                                 env={**os.environ, "PYTHONPATH": os.path.join(place.folder, "tests")}).stderr.decode()
            said = subprocess.run([sys.executable, "tests/progress.py", "60", f"build={suite.pid}"], cwd=place.folder,
                                  env={**os.environ, "KHUB_TEST_MINUTES": "1"}, stderr=subprocess.PIPE, check=True).stderr.decode()
            test_said = suite.stdout.read().decode()
        check(re.fullmatch(r"dev: 2 min: build 18 of 307; at work: hangs.py \(build\) \d+ s\n", far), far)
        check(re.search(r"^dev: build: hangs.py, for \d+ s$", said, re.M), said)
        check(re.search(r"^    \d+ \S .* in \S+: .*python3 hangs.py$", said, re.M), "its processes:", said)
        check("in wait_for_ever" in test_said, "its traceback:", test_said)


@test
def clean_leaves_nothing():
    with tree() as place:
        place.write("calls", "")
        before = place.files()
        place.write("broken", "")
        code, said, _ = place.dev("bench", "scan")
        check(code == 1 and "no compiler" in said, said)
        os.remove(os.path.join(place.folder, "broken"))
        for words in (["build"], ["test"], ["lint"], ["fuzz", "1"]):
            place.dev(*words)
        check(len(place.files()) > len(before) + 3, place.files())
        equal(place.dev("clean")[0], 0, "exit code")
        equal(place.files(), before, "files")


@test
def a_test_gets_signals_as_a_terminal_hands_them_down():
    """Also where ./dev runs in the background, or under nohup."""
    ignored = subprocess.run(
        ["bash", "-c", 'trap "" HUP INT QUIT; exec "$0" "$@"', sys.executable, os.path.join(ROOT, "tests", "runner.py"),
         "grep", "SigIgn", "/proc/self/status"], stdout=subprocess.PIPE, check=True).stdout
    mask = int(re.search(rb"SigIgn:\s+(\w+)", ignored)[1], 16)
    equal([number for number in (1, 2, 3) if mask >> number - 1 & 1], [], "signals that are ignored")


@test
def the_folder_of_one_test_alone_is_removed():
    """Other tests run at the same time, also of other trees: their folders stay."""
    place = tempfile.mkdtemp()
    try:
        other = tempfile.mkdtemp(prefix="khub-test-", dir=place)
        with open(os.path.join(other, "hub.log"), "w", encoding="utf-8") as file:
            file.write("theirs")
        for code, words in ((0, ["true"]), (1, ["sh", "-c", 'echo mine >"$TMPDIR/left"'])):
            done = subprocess.run([sys.executable, os.path.join(ROOT, "tests", "runner.py"), *words], stdout=subprocess.PIPE,
                                  stderr=subprocess.PIPE, env={**os.environ, "TMPDIR": place}, check=False)
            equal(done.returncode, code, f"exit code of {words} ({done.stderr.decode()})")
            equal(os.listdir(place), [os.path.basename(other)], "folders")
            equal(os.listdir(other), ["hub.log"], "another test's files")
    finally:
        shutil.rmtree(place)


run()
