#!/usr/bin/env python3
"""A team of six shares a list of 60 tasks, of which 20 wait for others: two with a shell, two over
MCP, one with the Python client, one that speaks the wire. Two of them are gone on the way, holding
what they claimed. Each task is done once, after what it needs, and the hub's word on it is true.

usage: team.py KHUB [PART OF A NAME]
"""
import json
import os
import sys
import threading

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
sys.path[:0] = [os.path.join(ROOT, "tests", "wire"), os.path.join(ROOT, "clients", "python")]
import khub as client  # noqa: E402
from harness import Hub, check, directory, equal, run, test  # noqa: E402
from mcp import MODERN, Mcp  # noqa: E402
from program import khub, worked  # noqa: E402

TASKS, WAITING = 60, 20
NEEDS = {f"k{number}": [f"k{number - 40}", f"k{number - 39}"] for number in range(TASKS - WAITING, TASKS)}


class Shell:
    def __init__(self, hub, folder, name):
        self.state = os.path.join(folder, f"{name}.state")
        worked("join", name, "--state", self.state, hub=hub)

    def task(self, *words):
        result = khub("task", *words, "--json", KHUB_STATE=self.state)
        check(result.code in (0, 3), result.code, result.err)
        return json.loads(result.out)

    def claim(self, task, ttl):
        return khub("task", "claim", task, "--ttl", str(ttl), KHUB_STATE=self.state).code == 0

    def ready(self):
        return [task["id"] for task in self.task("list", "--status", "ready")]

    def done(self, task):
        equal(self.task("done", task, "--run", f"echo {task}")["status"], "done")


class Bridge:
    def __init__(self, hub, folder, name):
        self.mcp = Mcp(hub, "--as", name, era=MODERN, folder=folder)

    def claim(self, task, ttl):
        result = self.mcp.result("tools/call", name="task", arguments={"action": "claim", "id": task, "ttl_s": ttl})
        return not result.get("isError") and "task" in result["structuredContent"]

    def ready(self):
        return [task["id"] for task in self.mcp.call("task", action="list", status="ready")[0]["tasks"]]

    def done(self, task):
        self.mcp.call("task", action="done", id=task, evidence=[{"command": f"echo {task}", "exit": 0}])


class Python:
    def __init__(self, hub, name):
        self.link = client.Client(name, address=f"127.0.0.1:{hub.port}")
        self.link.join()
        self.leases = {}

    def claim(self, task, ttl):
        try:
            lease = self.link.claim(f"task:{task}", ttl)
        except client.Refused as refused:
            equal(refused.code, "conflict")
            return False
        self.leases[task] = lease
        return bool(lease)

    def ready(self):
        return [task["id"] for task in self.link.ask("task_query", {"status": "ready"})["tasks"]]

    def done(self, task):
        self.link.publish("task", {"id": task, "status": "done", "fence": self.leases[task].fence})


class Wire:
    def __init__(self, hub, name):
        self.link, self.fences = hub.join(name, 2), {}

    def answer(self, message_type, payload):
        asked = self.link.say(message_type, payload)
        while True:
            told = self.link.receive()
            if told["payload"].get("in_reply_to") == asked:
                return told

    def claim(self, task, ttl):
        told = self.answer("lease_request", {"key": f"task:{task}", "ttl_s": ttl})["payload"]
        self.fences[task] = told.get("fence")
        return told.get("status") == "granted"

    def ready(self):
        """All that is open: this one does not look whether it may, and is refused."""
        return [task["id"] for task in self.answer("task_query", {"status": "open", "limit": 200})["payload"]["tasks"]]

    def done(self, task):
        equal(self.answer("task", {"id": task, "status": "done", "fence": self.fences[task]})["message_type"], "task")


def work(agent, over, failed):
    """Takes what is ready, as long as anything is open."""
    try:
        while not over():
            for task in agent.ready():
                if agent.claim(task, 3600):
                    agent.done(task)
                    break
    except BaseException as error:  # pylint: disable=broad-except
        failed.append(error)


def follow(eye):
    """What the hub has told an observer of tasks, in order."""
    return [line["payload"] for line in eye.drain() if line["message_type"] == "task"]


@test
def each_task_is_done_once_whoever_is_killed():
    with directory() as data, Hub("--data", data) as hub:
        eye, ray = hub.join("eye", 2, role="observer"), Wire(hub, "ray")
        for number in range(TASKS):
            task = f"k{number}"
            told = ray.answer("task", {"key": task, "title": f"do {task}", "needs": NEEDS.get(task, [])})["payload"]
            equal(told["status"], "blocked" if task in NEEDS else "ready")
        sam, sue = Shell(hub, data, "sam"), Shell(hub, data, "sue")
        mia, max_, pat = Bridge(hub, data, "mia"), Bridge(hub, data, "max"), Python(hub, "pat")
        check(sue.claim("k0", 1) and mia.claim("k1", 1), "nobody else was there")
        mia.mcp.process.kill()  # and sue is never heard of again
        mia.mcp.process.wait()
        failed, watch = [], Wire(hub, "watch")

        def over():
            return failed or not watch_open()

        lock = threading.Lock()

        def watch_open():
            with lock:
                return watch.answer("task_query", {"status": "open", "limit": 1})["payload"]["total"]

        threads = [threading.Thread(target=work, args=(agent, over, failed)) for agent in (sam, max_, pat, ray)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if failed:
            raise failed[0]
        pat.link.close()
        equal(max_.mcp.end(), (0, ""))
        heard = follow(eye)
        order = [told["id"] for told in heard if told["change"] == "done"]
        equal(sorted(order), sorted(f"k{number}" for number in range(TASKS)), "what was done")
        for task, needs in NEEDS.items():
            check(all(order.index(need) < order.index(task) for need in needs), task, "before what it needs")
        equal(sorted((told["id"], told["held_by"]) for told in heard if told["change"] == "expired"),
              [("k0", "sue"), ("k1", "mia")])
        ready = [task for told in heard for task in told.get("ready", [])]
        equal(sorted(ready), sorted(NEEDS), "what became ready, each once")
        last = {told["id"]: told for told in heard}
        for task in watch.answer("task_query", {"limit": 200})["payload"]["tasks"]:
            equal((task["status"], task["closed_by"]), (last[task["id"]]["status"], last[task["id"]]["by"]), task["id"])


run()
