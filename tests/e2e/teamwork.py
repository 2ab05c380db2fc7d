"""A team shares a list of 60 tasks, of which 20 wait for others: two with a shell, two over MCP,
one with the Python client, one that speaks the wire. Two of them are gone on the way, holding what
they claimed. Each task is done once, after what it needs; and the hub's word on all of it is true,
also on what became of each message.
"""
import json
import os
import sys
import threading

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
sys.path[:0] = [os.path.join(ROOT, "tests", "wire"), os.path.join(ROOT, "clients", "python")]
import khub as client  # noqa: E402
from harness import Hub, check, directory, equal  # noqa: E402
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
        worked("say", f"{task} is done", "--state", self.state)

    def part(self, hello):
        """Reads all, answers, acks all."""
        worked("recv", "--again", "--max", "1000", "--tokens", "100000", "--state", self.state)
        worked("say", "I have", "--re", str(hello["seq"]), "--to", "ray", "--state", self.state)
        worked("ack", "--state", self.state)


class Bridge:
    def __init__(self, hub, folder, name):
        self.mcp = Mcp(hub, "--as", name, era=MODERN, folder=folder)
        self.mcp.call("join")

    def claim(self, task, ttl):
        result = self.mcp.result("tools/call", name="task", arguments={"action": "claim", "id": task, "ttl_s": ttl})
        return not result.get("isError") and "task" in result["structuredContent"]

    def ready(self):
        return [task["id"] for task in self.mcp.call("task", action="list", status="ready")[0]["tasks"]]

    def done(self, task):
        self.mcp.call("task", action="done", id=task, evidence=[{"command": f"echo {task}", "exit": 0}])
        self.mcp.call("say", text=f"{task} is done")

    def part(self, hello):
        """Answers, and deals with what came up to that."""
        while not any(mail["seq"] == hello["seq"] for mail in self.mcp.call("inbox", max=100, tokens=20000)[0]["messages"]):
            pass
        self.mcp.call("say", text="I have", to="ray", reply_to=hello["seq"])
        self.mcp.call("ack", seq=hello["seq"])
        equal(self.mcp.end(), (0, ""))


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
        self.link.finish_task(self.leases[task])
        self.link.chat(f"{task} is done")

    def part(self, _):
        """It never said that it read anything."""
        self.link.close()


class Wire:
    def __init__(self, hub, name):
        self.link, self.fences = hub.join(name, 2, acks=True), {}

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
        self.say(f"{task} is done")

    def say(self, text, target=None):
        """The payload of its ack."""
        said = self.link.say("chat", {"text": text}, target)
        while (line := self.link.receive())["message_type"] != "ack" or line["payload"]["message_id"] != said:
            check(line["payload"].get("in_reply_to") != said, line)
        return line["payload"]


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
    """What the hub has told an observer of tasks, in order; and what was said."""
    heard = eye.drain()
    return [line["payload"] for line in heard if line["message_type"] == "task"], \
        [line for line in heard if line["message_type"] == "chat"]


def states(eye, said):
    """What became of one message, by who should have it."""
    asked = eye.say("sent_query", {"sender": said["sender_id"], "seq": said["seq"], "limit": 200})
    while (line := eye.receive())["payload"].get("in_reply_to") != asked:
        pass
    message, = line["payload"]["messages"]
    found = {one["ai_id"]: one for one in message["receivers"]}
    equal(message["total"], len(found), f"receivers of #{said['seq']}")
    return found


def check_states(eye, chats, hellos):
    """Of each message, for each who should have it, what really happened: who ended or was killed
    with it unread, who read how far, who answered."""
    last = chats[-1]["seq"]
    read = {"sam": last, "max": hellos["max"]["seq"], "joe": last}  # the others never said
    never = {"sam": "stored", "sue": "stored", "mia": "stored", "max": "stored", "pat": "gone", "joe": "gone"}
    answered = {line["payload"]["in_reply_to"]: line for line in chats if "in_reply_to" in line["payload"]}
    for said in chats:
        found, to = states(eye, said), said["target_ai"]
        wanted = {to} if to else set(hellos) | {"ray"}
        equal(set(found) - {"watch"}, wanted - {said["sender_id"]}, f"who should have #{said['seq']}")
        for name, one in found.items():
            state = "seen" if said["seq"] <= read.get(name, 0) else never.get(name, "delivered")
            if to == name and said["message_id"] in answered:
                state = "acted_on"
                equal(one["by_seq"], answered[said["message_id"]]["seq"], "the answer")
            equal(one["state"], state, f"#{said['seq']} of {said['sender_id']} for {name}")
    equal(sum(line["payload"]["text"].endswith(" is done") for line in chats), TASKS, "what was said to be done")


def team_at_work(others=None):
    """others(hub): more of the team, by name."""
    with directory() as data, Hub("--data", data) as hub:
        eye, ray = hub.join("eye", 2, role="observer"), Wire(hub, "ray")
        for number in range(TASKS):
            task = f"k{number}"
            told = ray.answer("task", {"key": task, "title": f"do {task}", "needs": NEEDS.get(task, [])})["payload"]
            equal(told["status"], "blocked" if task in NEEDS else "ready")
        team = {"sam": Shell(hub, data, "sam"), "sue": Shell(hub, data, "sue"), "mia": Bridge(hub, data, "mia"),
                "max": Bridge(hub, data, "max"), "pat": Python(hub, "pat"), **(others(hub) if others else {})}
        hellos = {name: ray.say(f"hello {name}", name) for name in team}
        sue, mia = team["sue"], team["mia"]
        check(sue.claim("k0", 1) and mia.claim("k1", 1), "nobody else was there")
        mia.mcp.process.kill()  # and sue is never heard of again
        mia.mcp.process.wait()
        failed, watch = [], Wire(hub, "watch")
        lock = threading.Lock()

        def over():
            with lock:
                return failed or not watch.answer("task_query", {"status": "open", "limit": 1})["payload"]["total"]

        here = {name: agent for name, agent in team.items() if agent not in (sue, mia)}
        threads = [threading.Thread(target=work, args=(agent, over, failed)) for agent in (ray, *here.values())]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if failed:
            raise failed[0]
        ray.say("over")
        for name, agent in here.items():
            agent.part(hellos[name])
            hub.wait_log(f"event=(left|away) ai={name} ")
        heard, chats = follow(eye)
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
        check_states(eye, chats, hellos)
