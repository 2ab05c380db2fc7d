"""An agent of A2A as the bridge's tests have it: it says what a test has it say, in either version,
over either binding. Python's standard library only."""
import http.server
import json
import os
import queue
import sys
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "wire"))
from harness import PATIENCE, check, equal  # noqa: E402

CARD = "/.well-known/agent-card.json"
OLD_KINDS = {"task": "task", "message": "message", "statusUpdate": "status-update", "artifactUpdate": "artifact-update"}
METHODS = {"SendMessage": "message/send", "SendStreamingMessage": "message/stream", "GetTask": "tasks/get",
           "CancelTask": "tasks/cancel"}


def text(words):
    return {"parts": [{"text": words}]}


def message(words, **more):
    return {"messageId": "m-" + words[:20], "role": "ROLE_AGENT", **text(words), **more}


def status(state, words=None):
    return {"state": "TASK_STATE_" + state, **({"message": message(words)} if words else {})}


def part_old(part):
    if "text" in part:
        return {"kind": "text", **part}
    if "data" in part:
        return {"kind": "data", **part}
    return {"kind": "file", "file": {"bytes": part["raw"], "mimeType": part["mediaType"], "name": part["filename"]}}


def old(value):
    """What 1.0 says, as 0.3 does."""
    if isinstance(value, list):
        return [old(one) for one in value]
    if not isinstance(value, dict):
        return value
    found = {name: old(one) for name, one in value.items() if name != "parts"}
    if "parts" in value:
        found["parts"] = [part_old(part) for part in value["parts"]]
    if "role" in value:
        found.update(kind="message", role={"ROLE_AGENT": "agent", "ROLE_USER": "user"}[value["role"]])
    if isinstance(value.get("state"), str):
        found["state"] = value["state"].removeprefix("TASK_STATE_").lower().replace("_", "-")
    return found


def part_bare(part):
    if "data" in part:
        return {"data": {"data": part["data"]}}
    if "raw" in part:
        return {"file": {"fileWithBytes": part["raw"], "mimeType": part["mediaType"], "name": part["filename"]}}
    return part


def bare(value):
    """What 1.0 says, as 0.3 does over HTTP+JSON: written as for gRPC."""
    if isinstance(value, list):
        return [bare(one) for one in value]
    if not isinstance(value, dict):
        return value
    found = {name: bare(one) for name, one in value.items() if name != "parts"}
    if "parts" in value:
        found["content" if "role" in value else "parts"] = [part_bare(part) for part in value["parts"]]
    return found


class Question:
    """A message that was put to the agent. What the test says of it goes out at once."""

    def __init__(self, agent, asked, streams, fields, number):
        self.agent, self.message, self.streams, self.fields = agent, asked, streams, fields
        self.number = number  # of the call
        self.acts = queue.Queue()
        self.parts = asked["content" if agent.old and agent.rest else "parts"]
        self.text = "\n".join(part.get("text", "") for part in self.parts)

    def say(self, **event):
        """{task, message, statusUpdate or artifactUpdate}; without a stream that is the answer."""
        self.acts.put(("say", event))
        return self

    def task(self, state, words=None, name="task-1", **more):
        """It is a task, in that state."""
        found = {"id": name, "contextId": "context-" + name, "status": status(state, words), **more}
        self.agent.tasks[name] = found
        return self.say(task=found)

    def status(self, state, words=None, name="task-1", **more):
        self.agent.tasks[name] = {**self.agent.tasks[name], "status": status(state, words)}
        return self.say(statusUpdate={"taskId": name, "contextId": "context-" + name, "status": status(state, words),
                                      **more})

    def made(self, identity, parts, name="task-1", **more):
        return self.say(artifactUpdate={"taskId": name, "contextId": "context-" + name,
                                        "artifact": {"artifactId": identity, "parts": parts}, **more})

    def event(self, **event):
        """The same as the stream's bytes, to be said in pieces."""
        return b": alive\r\nevent: message\r\ndata: %s\r\n\r\n" % json.dumps(
            self.agent.envelope(self.number, event), ensure_ascii=False).encode()

    def bytes(self, data):
        """Of a stream, as they are."""
        self.acts.put(("bytes", data))
        return self

    def refuse(self, code, words):
        self.acts.put(("refuse", (code, words)))

    def answer(self, code, body):
        """By HTTP alone."""
        self.acts.put(("answer", (code, body)))

    def end(self):
        self.acts.put(("end", None))

    def cut(self):
        """The connection breaks."""
        self.acts.put(("cut", None))


class Agent:
    """At self.url. card: members in the place of its own."""

    def __init__(self, version="1.0", rest=False, streams=True, port=0, host="127.0.0.1", **card):
        self.old, self.rest, self.streams = version == "0.3", rest, streams
        self.questions, self.tasks, self.cancelled, self.seen = queue.Queue(), {}, [], []
        self.lasting, self.refusal = False, None  # lasting: nothing of it can be cancelled
        self.faults, self.reads = [], 0
        self.chunked = False  # its streams: else they end where the connection does
        agent = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                agent.handle(self, b"")

            def do_POST(self):
                agent.handle(self, self.rfile.read(int(self.headers["Content-Length"])))

            def log_message(self, *_):
                pass

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True
            allow_reuse_address = True
            request_queue_size = 64

            def handle_error(self, *_):
                pass  # a client that went

        self.server = Server((host, port), Handler)
        self.port = self.server.server_address[1]
        self.url = f"http://{host}:{self.port}"
        self.card = {**self.own_card(), **card}
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()

    def own_card(self):
        card = {"name": "Scripted", "description": "Says what it is told to.", "version": "1",
                "capabilities": {"streaming": self.streams}, "defaultInputModes": ["text/plain"],
                "defaultOutputModes": ["text/plain"],
                "skills": [{"id": "mixing", "name": "Mixing", "description": "Mixes.", "tags": ["audio"]}]}
        binding, place = "HTTP+JSON" if self.rest else "JSONRPC", self.url + "/agent"
        if self.old:
            return {**card, "protocolVersion": "0.3.0", "url": place, "preferredTransport": binding}
        return {**card, "supportedInterfaces": [
            {"url": place, "protocolBinding": binding, "protocolVersion": "1.0", "tenant": "t/1"}]}

    # ── what is asked ──

    def handle(self, request, body):
        self.seen.append((request.command, request.path, dict(request.headers)))
        if request.path == CARD:
            self.reads += 1
            self.reply(request, 200, self.card)
            return
        try:
            number, method, params = self.read(request, json.loads(body) if body else {})
            self.run(request, number, method, params)
        except AssertionError as error:
            self.faults.append(str(error))
            self.reply(request, 500, {})

    def read(self, request, body):
        """The id of the call, the method as 1.0 has it, and its parameters."""
        equal(request.headers["A2A-Version"], "0.3" if self.old else "1.0")
        if not self.rest:
            equal((request.command, request.path, body["jsonrpc"]), ("POST", "/agent", "2.0"))
            names = {(found if self.old else name): name for name, found in METHODS.items()}
            if not self.old:
                equal(body["params"].pop("tenant"), "t/1")
            return body["id"], names[body["method"]], body["params"]
        start = "/agent/v1" if self.old else "/agent/t%2F1"
        check(request.path.startswith(start + "/"), request.path)
        path, _, query = request.path[len(start):].partition("?")
        if path == "/message:send" or path == "/message:stream":
            return None, "SendMessage" if path.endswith("send") else "SendStreamingMessage", body
        task = path.removeprefix("/tasks/")
        if task.endswith(":cancel"):
            return None, "CancelTask", {"id": task.removesuffix(":cancel")}
        equal((request.command, query), ("GET", "historyLength=0"))
        return None, "GetTask", {"id": task}

    def run(self, request, number, method, params):
        if self.refusal:
            self.send_act(request, number, "answer", self.refusal)
        elif method == "GetTask" or method == "CancelTask":
            self.of_task(request, number, method, params["id"])
        else:
            streams = method == "SendStreamingMessage"
            equal(streams, self.streams)
            asked = params["message"]
            equal(asked["role"], "user" if self.old and not self.rest else "ROLE_USER")
            equal(params["configuration"], {"blocking": False} if self.old else {"returnImmediately": True})
            if self.old and not self.rest:
                equal({part["kind"] for part in asked["parts"]} - {"text", "data", "file"}, set())
            question = Question(self, asked, streams, dict(request.headers), number)
            self.questions.put(question)
            self.converse(request, number, question)

    def of_task(self, request, number, method, name):
        if name not in self.tasks:
            self.send_act(request, number, "refuse", (-32001, "there is no such task"))
        elif method == "CancelTask" and self.lasting:
            self.send_act(request, number, "refuse", (-32002, "it can't be cancelled"))
        else:
            if method == "CancelTask":
                self.cancelled.append(name)
                self.tasks[name] = {**self.tasks[name], "status": status("CANCELED")}
            self.send_act(request, number, "say", {"task": self.tasks[name]}, alone=True)

    # ── what is answered ──

    def reply(self, request, code, body, kind="application/json"):
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        request.send_response(code)
        request.send_header("Content-Type", kind)
        request.send_header("Content-Length", str(len(data)))
        request.end_headers()
        request.wfile.write(data)

    def envelope(self, number, event, alone=False):
        """An event as this version and binding write it."""
        (name, value), = event.items()
        if self.old and not self.rest:
            value = {"kind": OLD_KINDS[name], **old(value)}
        else:
            value = bare(value) if self.old else value
            value = value if alone else {name: value}
        return value if self.rest else {"jsonrpc": "2.0", "id": number, "result": value}

    def send_act(self, request, number, act, what, alone=False):
        if act == "say":
            self.reply(request, 200, self.envelope(number, what, alone))
        elif act == "answer":
            self.reply(request, what[0], what[1].encode(), "text/html")
        elif act == "refuse":
            error = {"code": what[0], "message": what[1]}
            self.reply(request, 400 if self.rest else 200,
                       {"error": error} if self.rest else {"jsonrpc": "2.0", "id": number, "error": error})

    def converse(self, request, number, question):
        begun = False
        while True:
            act, what = question.acts.get(timeout=PATIENCE)
            if act in ("end", "cut"):
                request.close_connection = True
                if act == "end" and begun and self.chunked:
                    request.wfile.write(b"0\r\n\r\n")
                if act == "cut":
                    request.connection.shutdown(2)
                return
            if act not in ("say", "bytes") or not question.streams:
                self.send_act(request, number, act, what)
                return
            if not begun:
                request.send_response(200)
                request.send_header("Content-Type", "text/event-stream")
                request.send_header("Connection", "close")
                if self.chunked:
                    request.send_header("Transfer-Encoding", "chunked")
                request.end_headers()
                begun = True
            data = what if act == "bytes" else question.event(**what)
            request.wfile.write(b"%x\r\n%s\r\n" % (len(data), data) if self.chunked else data)

    # ── the test's side ──

    def next(self):
        """The next question."""
        return self.questions.get(timeout=PATIENCE)

    def close(self):
        self.server.shutdown()
        self.server.server_close()

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        self.close()
        if kind is None:
            equal(self.faults, [], "what was asked wrongly")
