"""`khub train` as a process, and an observer of what happens at a hub; for tests of whole trainers.

Nothing is given a time to happen in: trainers run until an observer has seen what is wanted, and
are then told to end.
"""
import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "wire"))
from harness import check, equal  # noqa: E402

from program import environment  # noqa: E402

MODEST = ("nice", "-n", "10")  # a trainer uses all the time it gets, and other tests wait
LONG = "1440"  # minutes: more than any test takes


class Trainer:
    """`khub train` as a process; its log and its summary in the hub's folder."""

    def __init__(self, hub, ai_id, specialization, minutes=LONG, stdout=None, more=()):
        self.log_path = os.path.join(hub.folder, ai_id + ".log")
        self.summary_path = os.path.join(hub.folder, ai_id + ".json")
        with open(self.log_path, "wb") as log:
            self.process = subprocess.Popen(
                [*MODEST, sys.argv[1], "train", ai_id, specialization, minutes, "--hub",
                 f"127.0.0.1:{hub.port}",
                 "--summary", self.summary_path, *more], stdout=stdout or log, stderr=log, stdin=subprocess.DEVNULL,
                env=environment(TERM="xterm"))

    def log(self):
        with open(self.log_path, encoding="utf-8") as file:
            return file.read()

    def wait_log(self, text):
        while text not in self.log():
            check(self.process.poll() is None, "the trainer ended without", repr(text), ":\n", self.log()[-3000:])
            time.sleep(0.02)

    def summary(self, code=0):
        """Of a trainer that ends by itself."""
        found = self.process.wait()
        check(found == code, "exit code", found, "instead of", code, "\n", self.log()[-3000:])
        check("Sanitizer" not in self.log() and "runtime error:" not in self.log(), self.log()[-6000:])
        with open(self.summary_path, encoding="utf-8") as file:
            return json.load(file)

    def summary_so_far(self):
        """As it stood when it measured last; the first is waited for."""
        while not os.path.exists(self.summary_path):
            check(self.process.poll() is None, "the trainer ended without a summary:\n", self.log()[-3000:])
            time.sleep(0.02)
        with open(self.summary_path, encoding="utf-8") as file:
            return json.load(file)

    def end(self, number=signal.SIGTERM):
        """Told to end, it does so in order. Its summary."""
        check(self.process.poll() is None, "the trainer has ended by itself:\n", self.log()[-3000:])
        self.process.send_signal(number)
        summary = self.summary()
        equal(summary["ended"], number.name, "why it ended")
        return summary

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if kind:
            print(f"# {self.log_path}:\n# " + "\n# ".join(self.log().splitlines()[-25:]))
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()


@contextlib.contextmanager
def dozing(trainers):
    """Meanwhile these have hardly any time: awake now and then, they hear what is said and are
    heard of. So who works beside them does not wait for what they learn, for which nobody asks."""
    over = threading.Event()

    def doze():
        while not over.is_set():
            for number, seconds in ((signal.SIGSTOP, 2.0), (signal.SIGCONT, 0.1)):
                for trainer in trainers:
                    trainer.process.send_signal(number)
                over.wait(seconds)
        for trainer in trainers:
            trainer.process.send_signal(signal.SIGCONT)

    thread = threading.Thread(target=doze)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


class Watcher(threading.Thread):
    """An observer that keeps all lines, until the connection ends."""

    def __init__(self, hub, *trainers, **hello):
        super().__init__(daemon=True)
        self.client = hub.connect()
        self.client.hello("the test", 2, role="observer", **hello)
        self.client.socket.settimeout(None)
        self.trainers = trainers
        self.lines = []
        self.news = threading.Condition()
        self.start()

    def run(self):
        with contextlib.suppress(OSError):
            while (line := self.client.receive()) is not None:
                with self.news:
                    self.lines.append(line)
                    self.news.notify_all()

    def seen(self, message_type, condition=lambda line: True):
        return [line for line in self.lines if line["message_type"] == message_type and condition(line)]

    def wait(self, what, happened):
        """Until happened() is true, which may take as long as the trainers live. What it gave."""
        while True:
            with self.news:
                found = happened()
                if found:
                    return found
                self.news.wait(1.0)
            for trainer in self.trainers:
                check(trainer.process.poll() is None, "a trainer ended before", what, "\n", trainer.log()[-3000:])
            check(self.is_alive(), "the hub parted with the watcher before", what)

    def wait_for(self, message_type, condition=lambda line: True):
        return self.wait(message_type, lambda: self.seen(message_type, condition))[0]


def next_of(client, message_type, condition=lambda line: True):
    """The next line of that type; others are passed over, for as long as it takes."""
    client.socket.settimeout(None)
    while True:
        line = client.receive()
        check(line is not None, "the connection ended before a", message_type)
        if line["message_type"] == message_type and condition(line):
            return line


def thing_of(line):
    return line["payload"].get("pattern") or line["payload"].get("component") or {}
