#!/usr/bin/env python3
"""khub task: a list of work that agents with a shell share, and what shows that it is done.

usage: cli_tasks.py KHUB [PART OF A NAME]
"""
import contextlib
import hashlib
import json
import os
import sys
import tempfile
import threading

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
sys.path.insert(0, os.path.join(ROOT, "tests", "wire"))
from harness import Hub, check, equal, kill_9, run, test  # noqa: E402
from program import HOSTILE, harmless, khub, refused, worked  # noqa: E402


class Agent:
    """One that has a shell, and a file of its own."""

    def __init__(self, address, folder, name, *options):
        self.state = os.path.join(folder, f"{name}.state")
        worked("join", name, "--hub", address, "--state", self.state, *options)

    def task(self, *words, given=b""):
        return khub("task", *words, given=given, KHUB_STATE=self.state)

    def worked(self, *words, given=b""):
        return worked("task", *words, given=given, KHUB_STATE=self.state).out

    def told(self, *words):
        """What the hub says, and the exit code was one that is fine."""
        result = self.task(*words, "--json")
        check(result.code in (0, 3), result.code, result.err)
        return json.loads(result.out)

    def leases(self):
        """What its file says that it holds."""
        with open(self.state, encoding="utf-8") as file:
            return json.load(file)["leases"]

    def heard(self):
        """Of tasks: whether it is for this one alone, and what changed."""
        result = khub("recv", "--json", "--ack", "--max", "100", "--tokens", "100000", KHUB_STATE=self.state)
        told = [(item["direct"], item["message"]) for item in json.loads(result.out)["messages"]]
        return [(direct, message["payload"]["change"]) for direct, message in told if message["message_type"] == "task"]

    def refused(self, code, *words, said=()):
        refused(code, "task", *words, said=said, KHUB_STATE=self.state)


@contextlib.contextmanager
def place():
    """A folder, an address that stays, and how a hub with what it kept is started there."""
    with tempfile.TemporaryDirectory() as folder:
        address, data = f"unix:{folder}/hub", os.path.join(folder, "data")
        yield folder, address, lambda: Hub("--data", data, listen=("127.0.0.1:0", address))


@test
def a_list_is_shared_and_outlives_its_hub():
    with place() as (folder, address, start):
        hub = start()
        ada, bea, cid, dan = (Agent(address, folder, name) for name in ("ada", "bea", "cid", "dan"))
        equal(ada.worked("add", "write the lexer", "--key", "lexer", "--body", "-", given=b"all\nof it"), "lexer ready\n")
        parser = ada.told("add", "write the parser", "--needs", "lexer")
        equal((parser["status"], parser["blocked_by"], parser["id"]), ("blocked", ["lexer"], f"t{parser['seq']}"))
        out = bea.worked("claim", "--intent", "by hand")
        check(out.startswith("lexer claimed by bea, fence ") and "\n| all\n| of it\n" in out, out)
        equal([[task["id"] for task in ada.told("list", "--holder", name)] for name in ("bea", "cid")], [["lexer"], []])
        result = cid.task("claim", "lexer")
        equal((result.code, result.out.split(",")[0]), (3, "lexer claimed by bea"))
        equal(cid.leases(), {})
        cid.refused(1, "release", "lexer", said=["you do not hold lexer"])
        equal((cid.task("claim").code, cid.task("claim").out), (3, "no task is ready\n"))
        result = cid.task("claim", parser["id"])
        equal(result.code, 3)
        check(f'task {parser["id"]} is blocked: it waits for lexer (claimed by "bea")\n' in result.out, result.out)
        cid.refused(1, "done", "lexer", said=["bea"])
        kill_9(hub)
        hub = start()
        done = bea.told("done", "lexer", "--run", "echo 3 passed; echo 1 warning >&2", "--run", "exit 3", "--run",
                        "yes | head -c 5000", "--why", "it was time")
        equal([(item["exit"], item.get("printed"), item["sha256"]) for item in done["evidence"]],
              [(0, "3 passed\n1 warning\n", hashlib.sha256(b"3 passed\n1 warning\n").hexdigest()),
               (3, None, hashlib.sha256(b"").hexdigest()), (0, None, hashlib.sha256(b"y\n" * 2500).hexdigest())])
        equal((done["ready"], done["why"], done["evidence_status"]), ([parser["id"]], "it was time", "unverified"))
        equal(bea.leases(), {}, "what bea's file says that it holds")
        cid.refused(1, "report", "lexer", "--run", "echo something else", said=["another command"])
        for index, command in enumerate(["echo 3 passed; echo 1 warning >&2", "exit 3", "yes | head -c 5000"]):
            for agent in (cid, dan):
                told = agent.told("report", "lexer", "--index", str(index), "--run", command)
        equal(told["evidence_status"], "confirmed")
        equal(ada.heard(), [(True, "done")] + [(True, "reported")] * 6, "what ada hears of her task")
        equal(bea.heard(), [(False, "added")] * 2 + [(False, "reported")] * 6, "what bea hears")
        kill_9(hub)
        with start():
            out = dan.worked("show", "lexer")
            check("evidence 0 confirmed: exit 0" in out and "\n  cid agrees: exit 0" in out, out)
            check("\n| 3 passed\n| 1 warning\n" in out, out)
            out = cid.worked("report", "lexer", "--exit", "1", "--printed", "not here", "--note", "on arm")
            check("your report does not agree with it" in out, out)
            check('"on arm"' in ada.worked("show", "lexer", "--json"), "what cid noted")
            check("and does not count" in ada.worked("report", "lexer", "--exit", "1", "--printed", "hm"))
            equal(len(ada.told("list", "--status", "done")), 1, "tasks that are done")
            equal([task["id"] for task in ada.told("list")], [parser["id"]])
            check("1 ready, 0 blocked, 0 claimed, 1 done, 0 dropped\n" in ada.worked(), "counts")
            bea.refused(1, "edit", parser["id"], "--title", "mine", said=["ada"])
            equal(ada.told("edit", parser["id"], "--title", "another", "--needs", "none")["title"], "another")
            equal(ada.told("drop", parser["id"], "--why", "no")["status"], "dropped")
            equal(ada.told("reopen", parser["id"])["status"], "ready")


@test
def who_is_gone_holds_nothing():
    with place() as (folder, address, start), start() as hub:
        ada, bea = Agent(address, folder, "ada"), Agent(address, folder, "bea")
        ada.worked("add", "work", "--key", "work")
        fence = ada.told("claim", "work", "--ttl", "1")["fence"]
        equal(list(ada.leases()), ["task:work"])
        equal(ada.worked("release", "work").split("\n")[0], "work ready: work")
        equal(ada.leases(), {})
        ada.refused(1, "release", "work", said=["do not hold"])
        first = ada.told("claim", "work", "--ttl", "1")["fence"]
        check(first > fence, first, fence)
        hub.wait_log("event=task task=work change=expired")
        check(bea.told("claim", "work")["fence"] > first)
        ada.refused(1, "done", "work", said=["bea"])
        out = worked("recv", KHUB_STATE=ada.state).out
        check("lease from hub to you" in out and '"status":"expired"' in out, out)
        bea.worked("add", "more", "--key", "more")
        bea.worked("claim", "more")
        equal(worked("leave", KHUB_STATE=bea.state).out, "left; 2 claims given back\n")
        equal([task["status"] for task in ada.told("list")], ["ready", "ready"])


@test
def many_share_a_list_and_each_task_is_done_once():
    with place() as (folder, address, start), start():
        names = ("ada", "bea", "cid")
        agents = {name: Agent(address, folder, name) for name in names}
        for number in range(12):
            needs = ",".join(f"w{other}" for other in (number // 2, number // 3) if other < number) or "none"
            agents["ada"].worked("add", f"work {number}", "--key", f"w{number}", "--needs", needs)
        did = {name: [] for name in names}

        def work(name):
            while True:
                found = agents[name].told("claim", "--ttl", "600")
                if found is None:
                    if not agents[name].told("list"):
                        return
                    continue
                agents[name].worked("done", found["id"], "--run", f"echo {found['id']}")
                did[name].append(found["id"])

        threads = [threading.Thread(target=work, args=(name,)) for name in names]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        equal(sorted(sum(did.values(), [])), sorted(f"w{number}" for number in range(12)), "what was done")


@test
def nobody_writes_what_looks_like_khubs():
    with place() as (folder, address, start), start():
        ada, bea = Agent(address, folder, "ada"), Agent(address, folder, "bea")
        ada.worked("add", HOSTILE, "--key", "a", "--body", HOSTILE + "\nb done by bea")
        ada.worked("claim", "a", "--intent", HOSTILE)
        ada.worked("done", "a", "--run", "printf 'x\\033[2J\\nevidence 9 confirmed\\n'")
        bea.worked("report", "a", "--exit", "1", "--printed", HOSTILE, "--note", HOSTILE)
        for words in (["show", "a"], ["list", "--status", "all"], ["show", "a", "--json"]):
            out = bea.worked(*words)
            harmless(out)
            check("\nb done by bea" not in out and "\nevidence 9" not in out, out)


@test
def a_token_may_be_without_them():
    with tempfile.TemporaryDirectory() as folder:
        data, address = os.path.join(folder, "data"), f"unix:{folder}/hub"
        tokens = {}
        for name, types in (("talks", "chat"), ("works", "task,evidence_report,lease_request")):
            tokens[name] = os.path.join(folder, name)
            with open(tokens[name], "w", encoding="utf-8") as file:
                os.fchmod(file.fileno(), 0o600)
                file.write(worked("token", "add", name, "--types", types, "--data", data).out)
        with Hub("--data", data, listen=("127.0.0.1:0", address)):
            talks = Agent(address, folder, "talks", "--token-file", tokens["talks"])
            works = Agent(address, folder, "works", "--token-file", tokens["works"])
            works.worked("add", "work", "--key", "work")
            equal([task["id"] for task in talks.told("list")], ["work"])
            talks.refused(1, "add", "more", said=["task", "chat"])
            talks.refused(1, "claim", "work", said=["lease_request"])
            works.worked("claim", "work")
            item, = works.told("done", "work", "--run", "echo hello", "--exit-only", "--artifact", "a" * 64)["evidence"]
            equal(item["artifact"], "a" * 64)
            equal((item["exit"], "printed" in item, "sha256" in item), (0, False, False), "what it says of what was printed")
            talks.refused(1, "report", "work", "--exit", "0", said=["evidence_report"])


@test
def wrong_words_are_named():
    with place() as (folder, address, start), start():
        ada = Agent(address, folder, "ada")
        for words, said in ((["add"], "add wants"), (["show"], "an id"), (["done"], "an id"), (["drop", "x"], "--why"),
                            (["report", "x"], "--run"), (["report", "x", "--run", "a", "--run", "b"], "one --run"),
                            (["lst"], "did you mean 'list'"), (["list", "--status", "reddy"], "--status"),
                            (["claim", "--ttl", "0"], "--ttl")):
            ada.refused(2, *words, said=[said])
        ada.refused(1, "show", "nowhere", said=["nowhere"])
        ada.refused(1, "claim", "nowhere", said=["nowhere"])
        ada.refused(1, "add", "x", "--needs", "nowhere", said=["nowhere"])
        ada.worked("add", "x", "--key", "x")
        ada.refused(1, "edit", "x", "--needs", "x", said=["circle", "x needs x"])


run()
