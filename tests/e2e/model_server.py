"""A scripted language model for tests: a server on this machine that speaks both wires."""
import contextlib
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

USAGE = {"in": 1000, "out": 100}


def events(wire, text, usage):
    """An answer as a wire has it, without its end."""
    pieces = [text[at:at + 700] for at in range(0, len(text), 700)]
    if wire == "openai":
        yield from ({"choices": [{"index": 0, "delta": {"content": piece}, "finish_reason": None}]} for piece in pieces)
        if usage:
            yield {"choices": [], "usage": {"prompt_tokens": usage["in"], "completion_tokens": usage["out"]}}
        return
    yield {"type": "message_start", "message": {"usage": {"input_tokens": usage["in"], "output_tokens": 1} if usage else {}}}
    yield {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}
    yield {"type": "ping"}
    yield from ({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": piece}} for piece in pieces)
    yield {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": usage["out"]} if usage else {}}


class Model(BaseHTTPRequestHandler):
    """Answers as server.script says, one entry a request; its last entry for ever."""
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.asked.append({"path": self.path, "headers": dict(self.headers), "body": body})
        script = self.server.script
        step = script.pop(0) if len(script) > 1 else script[0]
        if "status" in step:
            text = json.dumps({"error": {"type": step.get("type", "error"), "message": step["message"]}}).encode()
            self.send_response(step["status"])
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)
            return
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        end = "\r\n" if step.get("crlf") else "\n"
        text = step["text"](body) if callable(step["text"]) else step["text"]
        if not step.get("heedless"):
            text = text[:3 * (body["max_tokens"] - 1)]
        for event in events(self.server.wire, text, step.get("usage", USAGE)):
            kind = f"event: {event['type']}{end}" if "type" in event else ": a comment" + end
            try:
                self.wfile.write((kind + "data: " + json.dumps(event) + end * 2).encode())
            except OSError:
                return  # it has heard enough
        if "error" in step:
            self.wfile.write(f"data: {json.dumps({'type': 'error', 'error': step['error']})}{end * 2}".encode())
        elif not step.get("cut"):
            last = "[DONE]" if self.server.wire == "openai" else json.dumps({"type": "message_stop"})
            self.wfile.write(f"data: {last}{end * 2}".encode())
        self.close_connection = True


@contextlib.contextmanager
def model(wire, *script):
    server = ThreadingHTTPServer(("127.0.0.1", 0), Model)
    server.daemon_threads = True
    server.wire, server.script, server.asked = wire, list(script), []
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def url(server):
    return f"http://127.0.0.1:{server.server_address[1]}/v1/"


def asked(request):
    """What the user's message says."""
    return request["body"]["messages"][-1]["content"]


def textbook(body):
    """The module that the question shows, as an answer."""
    question = body["messages"][-1]["content"]
    begin = question.index("```c\n")
    return "Here it is:\n" + question[begin:question.index("\n```", begin) + 4] + "\nand no more."
