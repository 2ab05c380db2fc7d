#!/usr/bin/env python3
"""khub demo: that it works, and that whatever ends it (its time, Ctrl-C, a dying child, its own
death) leaves nothing behind.

usage: cli_demo.py KHUB [PART OF A NAME]
"""
import glob
import json
import os
import re
import shutil
import signal
import sys
import tempfile
import urllib.parse

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
sys.path.insert(0, os.path.join(ROOT, "tests", "wire"))
from harness import PATIENCE, check, equal, run, test, wait_until  # noqa: E402

from gateway import Door  # noqa: E402
from model_server import asked, model, url  # noqa: E402
from program import Running, refused, table  # noqa: E402

EXAMPLE = os.path.join(ROOT, "examples", "searcher.py")
PROCESSES = 5  # a hub, a gateway, and the three AIs that come at once
# the fourth does not come while a test runs
LONG = ("--minutes", "600", "--patience", "600")
MINUTES = "0.2"
PATIENT = "600"  # minutes: it ends when everything has happened, on however slow a machine


def runs(pid):
    """One that has ended may stay as a zombie for as long as whoever inherited it likes."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
            return file.read().rsplit(")", 1)[1].split()[0] not in "ZX"
    except OSError:
        return False


def contents(path):
    """Of a file that somebody else makes: nothing yet, or what is written by now."""
    if not os.path.exists(path):
        return ""
    with open(path, encoding="utf-8") as file:
        return file.read()


class Demo(Running):
    """A running demo whose temporary files lie in a folder of its own."""

    def __init__(self, *options, folder=None):
        self.folder = folder or tempfile.mkdtemp()
        super().__init__("demo", *options, TMPDIR=self.folder)
        self.seen = set()

    def children(self):
        """pid of each process that the demo has started and that still runs, by its arguments."""
        found = {}
        for path in glob.glob("/proc/[0-9]*/stat"):
            try:
                with open(path, encoding="utf-8", errors="replace") as file:
                    fields = file.read().rsplit(")", 1)[1].split()
                with open(os.path.dirname(path) + "/cmdline", encoding="utf-8", errors="replace") as file:
                    words = file.read().split("\0")
            except OSError:
                continue  # it has just ended
            if int(fields[1]) == self.process.pid and fields[0] != "Z":
                found[int(path.split("/")[2])] = words
        self.seen.update(found)
        return found

    def wait_started(self):
        wait_until(lambda: len(self.children()) == PROCESSES, "the hub and the AIs")
        # execv has happened in all of them: forked copies still look like the demo
        wait_until(lambda: all("demo" not in words for words in self.children().values()), "the children's programs")

    def pid_of(self, word):
        return next(pid for pid, words in self.children().items() if word in words)

    def end(self):
        """Waits for its end, however long: its exit code, stdout and stderr."""
        out, err = self.process.communicate()
        return self.process.returncode, out.decode(), err.decode()

    def leaves_nothing(self):
        """No directory, and none of the processes."""
        equal(os.listdir(self.folder), [], "what is left in the temporary directory")
        wait_until(lambda: not any(runs(pid) for pid in self.seen), "the end of the children")

    def __exit__(self, *error):
        super().__exit__(*error)
        if os.path.exists(self.folder):
            shutil.rmtree(self.folder)


@test
def demo_shows_ais_at_work():
    """The last of them searches by a program."""
    with tempfile.TemporaryDirectory() as folder, \
            Demo("--minutes", MINUTES, "--patience", PATIENT, "--by", f"exec:tee {folder}/told | {sys.executable} {EXAMPLE}") as demo:
        code, out, err = demo.end()
        demo.leaves_nothing()
        told = contents(f"{folder}/told")
    equal((code, err), (0, ""), "how it ended")
    equal(json.loads(told.partition("\n")[0])["subject"], "networking", "what the program was asked for")
    check(re.search(r'"type":"told".*"ratio"', told), "the program was not told what it had found:", told[-500:])
    for part in ("AI_Node_4", "pattern_share", "collaboration_request", "CONFIRMED", "synthetic"):
        check(part in out, repr(part), "is not in the output")
    learned = table(out[out.index("BEST PRACTICE") - 200:])[:4]
    equal([cells["AI"] for cells in learned], [f"AI_Node_{number}" for number in range(1, 5)], "who learned")
    for cells in learned:
        # what is said to be another's work names its author, and the other way round
        builds = re.fullmatch(r"AI_Node_\d", cells["BUILT ON"]) is not None
        check(cells["BUILT ON"] != cells["AI"], "it builds on itself:", cells)
        equal(builds, cells["TOGETHER"] != "-", f"whether it builds on another's: {cells}")
        check(builds or cells["ALONE"] != "-", "nothing measured", cells)
    check(re.search(r"^\d+ messages relayed; ", out, re.M), out[-500:])
    check("the hub is killed (SIGKILL), and started again on its data directory" in out, "it was not killed")
    check(re.search(r"^The hub was killed after [\d.]+ s, and was back within [\d.]+ s\. Nothing was lost:$", out, re.M),
          out[-1500:])
    kept = table(out[out.index("THE HUB HAD"):])
    equal(len(kept), 4, "what the hub had")
    for cells in kept:
        equal((cells["LOST"], cells["TWICE"], cells["NUMBER"]), ("0", "0", cells["THERE NOW"]), cells["THE HUB HAD"])
        check(int(cells["NUMBER"]) > 0 or "sessions" in cells["THE HUB HAD"], cells)
    check("\x1b" not in out, "an escape sequence, and no terminal")


@test
def demo_tells_what_did_not_happen():
    """In three seconds no session can be completed (and in a slow build not even less)."""
    with Demo("--minutes", "0.05", "--patience", "0", "--json") as demo:
        code, out, err = demo.end()
        demo.leaves_nothing()
    result = json.loads(out)
    equal(len(result["ais"]), 4, "AIs")
    equal(result["worked"], code == 0, "worked")
    equal(len(result["missing"]), err.count("did not work:"), "sentences")
    for sentence in result["missing"]:
        check(sentence in err, sentence, "is not in", err)
    equal(code, 1 if result["missing"] else 0, "exit code")
    check(result["sessions_completed"] > 0 or result["missing"], "no session, and nobody misses it")


@test
def demo_tells_what_a_hub_that_keeps_nothing_lost():
    with Demo("--minutes", "0.2", "--patience", "0", "--memory", "--json") as demo:
        code, out, err = demo.end()
        demo.leaves_nothing()
    result = json.loads(out)
    restart = result["restart"]
    equal((code, result["worked"], restart["nothing_lost"]), (1, False, False), "how it ended")
    for name in ("acked_before", "acked"):
        count = restart[name]
        equal(count["lost"], count["number"] - count["there"], f"{name} lost")
        losses = [loss for loss in restart["losses"] if loss["of"] == name and loss["fault"] == "gone"]
        equal(len(losses), count["lost"], f"{name} named")
        for loss in losses:
            check(re.fullmatch(r"AI_Node_\d", loss["ai_id"]) and loss["message_id"] and loss["seq"] > 0, loss)
        check(name == "acked" or count["lost"] > 0 or count["number"] == 0, restart)
    told = r"messages acked before it was killed are lost: AI_Node_\d's \w+ [-\da-f]{36}, acked as seq \d+"
    check(restart["acked_before"]["number"] == 0 or re.search(told, err), err)


@test
def demo_can_be_watched_on_a_page():
    with Demo(*LONG) as demo:
        page = urllib.parse.urlsplit(re.search(r"the page to watch them on: (\S+)", demo.wait_for("the page to watch"))[1])
        door = Door(page.port)
        check("page/main.js" in door.ask("/")[1], "no page")
        wait_until(lambda: len(door.ask("/v1/members")[1]["members"]) >= 3, "the AIs on it")
        demo.process.send_signal(signal.SIGINT)
        demo.end()
        demo.leaves_nothing()


@test
def demo_s_last_ais_search_by_whom_the_user_names():
    """With the options by which a model is reached; the model is asked, and that is enough."""
    with model("anthropic", {"text": "I can't do that."}) as server, \
            Demo("--minutes", "0.1", "--patience", "600", "--by", "llm:tiny", "--by", "random", "--model-url", url(server),
                 "--model-wire", "anthropic", "--tokens", "50000") as demo:
        wait_until(lambda: server.asked, "a question to the model")
        check("Subject: networking" in asked(server.asked[0]), asked(server.asked[0])[:200])
        words = {name: words for words in demo.children().values() for name in words if name.startswith("AI_Node_")}
        check("llm:tiny" in words["AI_Node_4"] and "50000" in words["AI_Node_4"], words)
        check("random" in words["AI_Node_3"] and "--by" not in words["AI_Node_2"], words)
        demo.process.send_signal(signal.SIGINT)
        demo.end()
        demo.leaves_nothing()
    refused(2, "demo", "--by", "nobody", said=["'nobody' is no searcher", "llm:MODEL"])
    refused(2, "demo", *["--by", "genetic"] * 5, said=["5 searchers", "4 AIs"])


@test
def demo_is_interrupted():
    for number in (signal.SIGINT, signal.SIGTERM):
        with Demo(*LONG) as demo:
            demo.wait_started()
            demo.process.send_signal(number)
            code, _, err = demo.end()
            equal(code, 1, "exit code")
            check("stopped before the end" in err, err)
            demo.leaves_nothing()


@test
def demo_reports_a_child_that_dies():
    for word, name in (("file_system", "AI_Node_2"), ("serve", "hub"), ("gateway", "gateway")):
        with Demo(*LONG) as demo:
            demo.wait_started()
            os.kill(demo.pid_of(word), signal.SIGKILL)
            code, _, err = demo.end()
            equal(code, 1, "exit code")
            check(f"{name} ended early (signal 9" in err, err)
            demo.leaves_nothing()


@test
def demo_ends_when_nobody_reads():
    with Demo(*LONG) as demo:
        demo.wait_started()
        demo.process.stdout.close()
        demo.process.stdout = open(os.devnull, encoding="ascii")
        equal(demo.process.wait(PATIENCE), 1, "exit code")
        demo.leaves_nothing()


@test
def demo_takes_its_children_along():
    """Killed, it can ask nobody: the children are killed too, and the next demo removes the
    directory."""
    with Demo(*LONG) as demo:
        demo.wait_started()
        demo.process.kill()
        demo.process.wait()
        wait_until(lambda: not any(runs(pid) for pid in demo.seen), "the end of the children")
        left = glob.glob(os.path.join(demo.folder, "khub-demo-*"))
        equal(len(left), 2, "directories left: the AIs' and the hub's")
        # so far, of who has measured
        for path in glob.glob(os.path.join(demo.folder, "khub-demo-*", "*.json")):
            with open(path, encoding="utf-8") as file:
                equal(json.load(file)["ended"], None, "why it ended: it was asked to, and took its time")
        with Demo("--minutes", "0.05", "--patience", "0", "--json", folder=demo.folder) as second:
            second.end()
            equal(os.listdir(demo.folder), [], "what is left")


@test
def demo_keeps_the_logs_when_asked():
    with Demo(*LONG, "--keep") as demo:
        demo.wait_started()
        demo.process.send_signal(signal.SIGINT)
        _, _, err = demo.end()
        folder = re.search(r"the logs are in (\S+)", err).group(1)
        check(os.path.getsize(os.path.join(folder, "hub.log")) > 0, "the hub's log is empty")
        check(os.path.exists(os.path.join(folder, "AI_Node_1.log")), os.listdir(folder))


if __name__ == "__main__":
    run()
