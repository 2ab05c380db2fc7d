"""A gateway as the tests have it, and how it is asked."""
import contextlib
import http.client
import json
import os
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "wire"))
from harness import PATIENCE, Hub, check, equal, shorten, wait_until  # noqa: E402
from program import Running  # noqa: E402


def port_of(text):
    return int(re.search(r"HTTP at 127\.0\.0\.1:(\d+);", text)[1])


def next_event(answer):
    """The fields of the next server-sent event of an answer; None at its end."""
    found = {}
    while line := answer.readline():
        line = line.decode().rstrip("\n")
        if not line and "data" in found:
            return found
        if line and not line.startswith(":"):
            field, _, value = line.partition(": ")
            found[field] = value
    return None


class Door:
    """HTTP at self.port; over TLS with a context of ssl's."""

    def __init__(self, port, address="127.0.0.1", context=None):
        self.port, self.address, self.context = port, address, context

    def connect(self, source=None):
        """A connection of http.client's."""
        more = {"context": self.context} if self.context else {}
        kind = http.client.HTTPSConnection if self.context else http.client.HTTPConnection
        return kind(self.address, self.port, timeout=PATIENCE, source_address=(source, 0) if source else None, **more)

    def status(self, path, **fields):
        """Of a GET, whatever comes behind it."""
        client = self.connect()
        with contextlib.closing(client):
            client.request("GET", path, headers={name.replace("_", "-"): value for name, value in fields.items()})
            return client.getresponse().status

    def ask(self, path, method="GET", body=None, source=None, **fields):
        """Status, body and header fields; a dict if the body is JSON."""
        client = self.connect(source)
        with contextlib.closing(client):
            client.request(method, path, body, {name.replace("_", "-"): value for name, value in fields.items()})
            answer = client.getresponse()
            body = answer.read().decode()
            is_json = answer.headers["Content-Type"] == "application/json"
            return answer.status, json.loads(body) if is_json and body else body, answer.headers

    def wait_ready(self):
        return wait_until(lambda: self.ask("/readyz")[0] == 200, "the hub to be ready")

    def wait_unready(self, word):
        """Until it says why, and the sentence has this word."""
        return wait_until(lambda: word in self.ask("/readyz")[1].get("why", ""), f"{word} as the reason")

    def metrics(self, **shown):
        """Numbers, by the name with its labels. Every line is one that Prometheus reads."""
        status, text, fields = self.ask("/metrics", **shown)
        equal((status, fields["Content-Type"]), (200, "text/plain; version=0.0.4; charset=utf-8"))
        numbers, types = {}, {}
        for line in text.splitlines():
            if found := re.fullmatch(r"# TYPE ([a-z_]+) (counter|gauge|histogram)", line):
                check(found[1] not in types, "two types of", found[1])
                types[found[1]] = found[2]
                continue
            if re.fullmatch(r"# HELP [a-z_]+ [^\n]+\.", line):
                continue
            found = re.fullmatch(r'(([a-z_]+)(?:\{[a-z]+="[^"\\]*"(?:,[a-z]+="[^"\\]*")*\})?) (\d+(?:\.\d+)?(?:e-\d+)?)', line)
            check(found, "no metric:", line)
            part = re.fullmatch(r"([a-z_]+)_(bucket|sum|count)", found[2])
            if not part or types.get(part[1]) != "histogram":
                check(found[2] in types, "no type:", line)
                equal(types[found[2]] == "counter", found[2].endswith("_total"), f"the type of {found[2]}")
            check(found[1] not in numbers, "twice:", line)
            numbers[found[1]] = float(found[3])
        check(text.endswith("\n"), "no line's end:", shorten(text[-50:]))
        return numbers


class Gateway(Running, Door):
    """A process of its own, at a port of its own, beside a hub."""

    def __init__(self, *words, hub=None):
        Running.__init__(self, "gateway", "--http", "127.0.0.1:0", *words, hub=hub)
        Door.__init__(self, port_of(self.wait_for("only this machine")))


def door_of(hub):
    """Of a hub that was begun with --http 127.0.0.1:0."""
    hub.wait_console("HTTP at ")
    return Door(port_of(hub.console()))
