#!/usr/bin/env python3
"""What becomes of tasks of A2A, posted by a gateway to who asks for it; and where it posts not.

usage: gateway_a2a_push.py KHUB [PART OF A NAME]
"""
import contextlib
import http.server
import json
import os
import queue
import sys
import threading
import uuid

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
sys.path.insert(0, os.path.join(ROOT, "tests", "wire"))
from a2a_client import CARD, Caller, Worker, a_hub, kinds, state_of  # noqa: E402
from gateway import Gateway  # noqa: E402
from harness import PATIENCE, Hub, check, directory, equal, run, test, wait_until  # noqa: E402
from program import khub  # noqa: E402



class Receiver:
    """Somebody who is posted to: what comes, in order, as (path, header fields, JSON); answered by
    `statuses` as long as there are some, and then by 200."""

    def __init__(self, *statuses, place="127.0.0.1"):
        self.heard, self.statuses = queue.Queue(), list(statuses)
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                status = receiver.statuses.pop(0) if receiver.statuses else 200
                receiver.heard.put((self.path, self.headers, json.loads(body)))
                self.send_response(status)
                if status == 302:
                    self.send_header("Location", f"http://127.0.0.1:{receiver.port}/redirected")
                self.send_header("Content-Length", "0")
                self.end_headers()

            def do_GET(self):  # as a redirect would have it
                receiver.heard.put((self.path, self.headers, None))
                self.send_error(404)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer((place, 0), Handler)
        self.port = self.server.server_port
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()

    def next(self):
        return self.heard.get(timeout=PATIENCE)

    def until(self, state):
        """The kinds of events up to that state."""
        found = []
        while not found or not found[-1].endswith(state):
            _, _, event = self.next()
            found.append(kinds([event])[0] if "task" not in event else "task " + state_of(event["task"]))
        return found


@contextlib.contextmanager
def a_pushing_hub(*options):
    with directory() as data, Hub("--data", data) as hub, Gateway(*options, hub=hub) as door:
        door.wait_ready()
        yield hub, door


@test
def what_becomes_of_a_task_is_posted():
    with a_pushing_hub("--push-allow", "127.0.0.0/8") as (hub, door), Receiver(500, 503) as receiver, \
            Receiver() as other:
        worker, caller = Worker(hub, "ada"), Caller(door)
        check(door.ask(CARD)[1]["capabilities"]["pushNotifications"], "the card does not say so")
        wish = {"url": f"http://127.0.0.1:{receiver.port}/hook?a=b", "token": "my-token",
                "authentication": {"scheme": "Bearer", "credentials": "secret"}}
        task = caller.good("SendMessage", message=caller.message("go"), configuration={
            "returnImmediately": True, "taskPushNotificationConfig": wish})["task"]
        path, fields, first = receiver.next()
        equal((path, first["task"]["id"], state_of(first["task"])), ("/hook?a=b", task["id"], "SUBMITTED"))
        equal((fields["Content-Type"], fields["X-A2A-Notification-Token"], fields["Authorization"]),
              ("application/a2a+json", "my-token", "Bearer secret"))
        equal([receiver.next()[2] for _ in range(2)], 2 * [first], "tried again")
        worker.take()
        worker.progress(0.5, "half")
        made = caller.good("CreateTaskPushNotificationConfig", taskId=task["id"], id="mine",
                           url=f"http://127.0.0.1:{other.port}/")
        equal(made, {"taskId": task["id"], "id": "mine", "url": f"http://127.0.0.1:{other.port}/"})
        check("task" in other.next()[2], "the task as it is comes first")
        worker.write("report", "well")
        worker.say("ready?", state="input-required")  # where a stream ends, this goes on
        wait_until(lambda: state_of(caller.get(task)) == "INPUT_REQUIRED", "its question")
        caller.send("yes", taskId=task["id"])
        worker.until("chat", text="yes")
        worker.finish()
        equal(receiver.until("COMPLETED"),
              ["WORKING", "WORKING", "report", "INPUT_REQUIRED", "WORKING", "result", "COMPLETED"])
        equal(other.until("COMPLETED")[-5:], ["report", "INPUT_REQUIRED", "WORKING", "result", "COMPLETED"])
        check(receiver.heard.empty() and other.heard.empty(), "more came than there was")


@test
def notifications_are_asked_for_by_their_task():
    with a_pushing_hub("--push-allow", "127.0.0.1") as (hub, door), Receiver() as receiver:
        worker, caller, old = Worker(hub, "ada"), Caller(door), Caller(door, old=True)
        task, url = caller.send("go"), f"http://127.0.0.1:{receiver.port}/"
        worker.take()

        def ask(method, **params):
            return caller.good(method + "TaskPushNotificationConfig" + ("s" if method == "List" else ""),
                               taskId=task["id"], **params)
        made = ask("Create", url=url)
        equal(ask("Get", id=made["id"]), made)
        equal(ask("List"), {"configs": [made], "nextPageToken": ""})
        equal(ask("Create", url=url + "2", id=made["id"])["url"], url + "2", "in the place of the first")
        equal(len(ask("List")["configs"]), 1)
        for _ in range(2):
            ask("Delete", id=made["id"])
        equal(ask("List")["configs"], [])
        caller.refused(-32001, "TASK_NOT_FOUND", "GetTaskPushNotificationConfig", taskId=task["id"], id=made["id"])
        caller.refused(-32001, "TASK_NOT_FOUND", "CreateTaskPushNotificationConfig", taskId=str(uuid.uuid4()), url=url)
        for _ in range(16):
            ask("Create", url=url)
        caller.refused(-32603, "RATE_LIMITED", "CreateTaskPushNotificationConfig", taskId=task["id"], url=url)
        for config in ask("List")["configs"]:
            ask("Delete", id=config["id"])

        base = f"/a2a/tasks/{task['id']}/pushNotificationConfigs"
        fields = {"A2A_Version": "1.0", "Content_Type": "application/json"}
        made = json.loads(door.ask(base, "POST", json.dumps({"url": url}), **fields)[1])
        equal(json.loads(door.ask(f"{base}/{made['id']}", A2A_Version="1.0")[1]), made)
        equal(json.loads(door.ask(base, A2A_Version="1.0")[1])["configs"], [made])
        equal(door.ask(f"{base}/{made['id']}", "DELETE", A2A_Version="1.0")[0], 200)

        while not receiver.heard.empty():
            receiver.next()
        told = old.good("tasks/pushNotificationConfig/set", taskId=task["id"], pushNotificationConfig={
            "id": "o", "url": url, "authentication": {"schemes": ["Basic"], "credentials": "x"}})
        equal(told["pushNotificationConfig"]["authentication"], {"schemes": ["Basic"], "credentials": "x"})
        equal(old.good("tasks/pushNotificationConfig/get", id=task["id"], pushNotificationConfigId="o"), told)
        equal(old.good("tasks/pushNotificationConfig/list", id=task["id"]), [told])
        worker.finish()
        while (event := receiver.next()[2]).get("status", {}).get("state") != "completed":
            pass
        equal((event["kind"], event["id"]), ("task", task["id"]))
        equal(old.good("tasks/pushNotificationConfig/delete", id=task["id"], pushNotificationConfigId="o"), None)


@test
def nothing_is_posted_where_the_caller_could_not_knock_himself():
    with Receiver() as inner:
        nothing_is_posted_to(inner)


def nothing_is_posted_to(inner):
    with a_pushing_hub("--push") as (hub, door):
        worker, caller = Worker(hub, "ada"), Caller(door)
        task = caller.send("go")
        worker.take()
        for url in ("http://127.0.0.1/", "https://127.0.0.1/", "https://[::1]/", "https://10.1.2.3/", "https://169.254.169.254/",
                    "https://[::ffff:10.0.0.1]/", "https://[fe80::1]/", "https://0/", "https://2130706433/", "https://0x7f.1/",
                    "http://8.8.8.8/", "ftp://8.8.8.8/", "file:///etc/passwd", "gopher://8.8.8.8/", "https://user@8.8.8.8/",
                    "https://user:word@8.8.8.8/", "", "x", "https://", "https://" + "a" * 2050, "https://a b/",
                    "https://8.8.8.8/\r\nX: y", 1, None):
            caller.refused(-32602, "INVALID_PARAMS", "CreateTaskPushNotificationConfig", taskId=task["id"], url=url)
        for more in ({"token": "a\r\nb"}, {"authentication": {"scheme": "a\n", "credentials": "b"}},
                     {"authentication": "x"}, {"token": "x" * 1025}):
            caller.refused(-32602, "INVALID_PARAMS", "CreateTaskPushNotificationConfig", taskId=task["id"],
                           url="https://8.8.8.8/", **more)
    # a name is judged where it leads to
    with a_pushing_hub("--push-allow", "127.0.0.2") as (hub, door), Receiver(place="127.0.0.2") as good:
        worker, caller = Worker(hub, "ada"), Caller(door)
        task = caller.send("go")
        worker.take()
        for url in (f"http://localhost:{inner.port}/", f"http://127.0.0.2:{good.port}/"):
            caller.good("CreateTaskPushNotificationConfig", taskId=task["id"], url=url)
        for step in range(5):
            worker.progress(step / 5)
        worker.finish()
        good.until("COMPLETED")
        check(inner.heard.empty(), "an inner address was posted to")
    with a_pushing_hub("--push-allow", "127.0.0.1") as (hub, door), Receiver(302) as moved, \
            Receiver() as good:
        worker, caller = Worker(hub, "ada"), Caller(door)
        task = caller.send("go")
        worker.take()
        for receiver in (moved, good):
            caller.good("CreateTaskPushNotificationConfig", taskId=task["id"], url=f"http://127.0.0.1:{receiver.port}/")
        worker.finish()
        good.until("COMPLETED")
        equal([moved.next()[0] for _ in range(2)], 2 * ["/"], "no redirect was followed, and it was tried again")
    check(inner.heard.empty(), "an inner address was posted to")


@test
def a_gateway_that_pushes_nothing_says_so():
    with a_hub() as (hub, door):
        Worker(hub, "ada")
        caller = Caller(door)
        check(not door.ask(CARD)[1]["capabilities"]["pushNotifications"], "the card says otherwise")
        caller.refused(-32003, "PUSH_NOTIFICATION_NOT_SUPPORTED", "SendMessage", message=caller.message("x"),
                       configuration={"taskPushNotificationConfig": {"url": "https://8.8.8.8/"}})
        equal(caller.good("ListTasks")["totalSize"], 0)
        result = khub("gateway", "--push-allow", "10.0.0.0/33", hub=hub)
        check(result.code == 2 and "10.0.0.0/33" in result.err, result.err)


if __name__ == "__main__":
    run()
