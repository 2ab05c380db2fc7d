"""A client of MCP on stdio, as the tests have it: `khub mcp` is its child."""
import json
import os
import select
import shutil
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "wire"))
from harness import PATIENCE, check, equal, shorten  # noqa: E402
from program import KHUB, environment  # noqa: E402

MODERN = "2026-07-28"
META = "io.modelcontextprotocol/"


def modern(version=MODERN, **more):
    """The _meta of a request of the later era."""
    return {"_meta": {META + "protocolVersion": version, META + "clientCapabilities": {}, **more}}


class Mcp:
    """In a directory of its own, where it keeps what it keeps; or in `folder`."""

    def __init__(self, hub, *options, era=None, client="tester", folder=None, **more):
        self.own = None if folder else tempfile.mkdtemp(prefix="khub-test-mcp-")
        self.process = subprocess.Popen([KHUB, "mcp", *options], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, env=environment(hub, **more), cwd=folder or self.own)
        self.count = 0
        self.rest = b""
        self.notes = []
        self.meta = modern() if era == MODERN else {}
        if era and era != MODERN:
            self.begun = self.result("initialize", protocolVersion=era, capabilities={},
                                     clientInfo={"name": client, "version": "1"})
            self.write(method="notifications/initialized")

    def write(self, **message):
        self.raw(json.dumps({"jsonrpc": "2.0", **message}).encode() + b"\n")

    def raw(self, data):
        self.process.stdin.write(data)
        self.process.stdin.flush()

    def read(self):
        """The next message, or None at the end."""
        end = time.monotonic() + PATIENCE
        while b"\n" not in self.rest:
            ready, _, _ = select.select([self.process.stdout], [], [], max(0, end - time.monotonic()))
            check(ready, "waited in vain for a message of khub mcp")
            data = os.read(self.process.stdout.fileno(), 65536)
            if not data:
                equal(self.rest, b"", "half a message at the end")
                return None
            self.rest += data
        line, self.rest = self.rest.split(b"\n", 1)
        message = json.loads(line)
        equal(message["jsonrpc"], "2.0")
        return message

    def begin(self, method, **params):
        self.count += 1
        self.write(id=self.count, method=method, params={**self.meta, **params})
        return self.count

    def answer(self, identity):
        """The answer to that request; notifications before it are kept."""
        while True:
            message = self.read()
            if message is None:
                raise AssertionError(f"khub mcp has ended; its stderr: {self.process.stderr.read()}")
            if message.get("id") == identity and "method" not in message:
                return message
            check("id" not in message, "an answer that nobody waits for:", shorten(message))
            self.notes.append(message)

    def ask(self, method, **params):
        return self.answer(self.begin(method, **params))

    def result(self, method, **params):
        message = self.ask(method, **params)
        check("result" in message, shorten(message))
        return message["result"]

    def error(self, method, **params):
        message = self.ask(method, **params)
        check("error" in message, shorten(message))
        return message["error"]

    def tools(self):
        return {tool["name"]: tool for tool in self.result("tools/list")["tools"]}

    def checked(self, name, result):
        """What a tool told: as its schema says, and as text too."""
        check(not result.get("isError"), name, shorten(result))
        schema = self.tools()[name]["outputSchema"]
        told = result["structuredContent"]
        equal([key for key in schema.get("required", []) if key not in told], [], f"what {name} left out")
        for key in told:
            check(key in schema["properties"] or schema["additionalProperties"] is not False or
                  name in ("session",), f"{name} tells {key}, and its schema does not say so")
        equal([part["type"] for part in result["content"]], ["text"])
        return told, result["content"][0]["text"]

    def call(self, tool, **arguments):
        """What a tool told: (structured, text)."""
        return self.checked(tool, self.result("tools/call", name=tool, arguments=arguments))

    def refused(self, tool, *words, **arguments):
        """A tool's own error, for a model to read."""
        result = self.result("tools/call", name=tool, arguments=arguments)
        check(result.get("isError"), f"{tool} was not refused:", shorten(result))
        for word in words:
            check(word in result["content"][0]["text"], repr(word), "is not in", result["content"][0]["text"])

    def note(self):
        """The next notification."""
        return self.notes.pop(0) if self.notes else self.read()

    def end(self):
        """Ends its input; its exit code and stderr."""
        self.process.stdin.close()
        code = self.process.wait(PATIENCE)
        return code, self.process.stderr.read().decode()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
            stream.close()
        if self.own:
            shutil.rmtree(self.own)
