"""What the examples of a client must do, in whatever language, at a real hub."""
import contextlib
import os
import re
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "wire"))
from harness import Hub, check, equal  # noqa: E402


def skip_to(client, message_type):
    """The next of this type."""
    found = client.receive()
    while found["message_type"] != message_type:
        found = client.receive()
    return found


class Shown:
    """The examples and the README of clients/LANGUAGE; ending: of the examples' names."""

    def __init__(self, language, command, ending, **environment):
        self.folder = os.path.join(HERE, "..", "..", "clients", language)
        self.command, self.ending = command, ending
        self.environment = {**os.environ, **environment}

    @contextlib.contextmanager
    def running(self, hub, *words):
        """A program at the hub, until the end of the block."""
        with subprocess.Popen([*self.command, *words], stdout=subprocess.PIPE, text=True,
                              env={**self.environment, "KHUB_HUB": f"127.0.0.1:{hub.port}"}) as program:
            try:
                yield program
            finally:
                program.kill()

    def example(self, name):
        return os.path.join(self.folder, "examples", name + self.ending)

    def blocks(self, language):
        """Of its README."""
        with open(os.path.join(self.folder, "README.md"), encoding="utf-8") as file:
            return re.findall(rf"```{language}\n(.*?)```", file.read(), re.DOTALL)

    def echo_says_back_what_it_is_told(self):
        with Hub() as hub, self.running(hub, self.example("echo")) as program:
            equal(program.stdout.readline(), "echo has joined\n", "what it printed")
            eve = hub.join("eve", 2)
            asked = eve.say("chat", {"text": "hello é \U0001f600"}, "echo")
            answer = skip_to(eve, "chat")
            equal(answer["payload"], {"text": "hello é \U0001f600", "in_reply_to": asked}, "answer")
            eve.say("chat", {"text": "for all"})
            eve.say("chat", {"text": "again"}, "echo")
            equal(skip_to(eve, "chat")["payload"]["text"], "again", "what it answered next")

    def one_of_two_reviewers_takes_each_piece(self, language, pieces):
        """pieces: a source and its score, by name; the last one's is "last"."""
        reviewer = self.example("reviewer")
        with Hub() as hub, self.running(hub, reviewer, "r1") as one, self.running(hub, reviewer, "r2") as two:
            for program in (one, two):
                equal(program.stdout.readline(), "reviewing\n", "what it printed")
            eve = hub.join("eve", 2)
            eve.say("code_share", {"code": {"language": "c", "id": "other", "source": "int x;"}})
            for name, (source, _) in pieces.items():
                eve.say("code_share", {"code": {"language": language, "id": name, "source": source}})
            hub.wait_log(r"lease=review:last status=released")
            hub.wait_log(r"(?s)lease=review:last status=(granted.*lease=review:last status=granted|held)")
            reports = [line["payload"] for line in eve.drain() if line["message_type"] == "performance_report"]
            equal(sorted((report["component_id"], report["performance"]["score"]) for report in reports),
                  sorted((name, score) for name, (_, score) in pieces.items()), "scores")

    def a_command_answers(self):
        code = "import sys; text = sys.stdin.read(); text == 'fail' and sys.exit(3); print(text[::-1])"
        with Hub() as hub, self.running(hub, self.example("around_command"), "cmd", sys.executable, "-c", code) as program:
            equal(program.stdout.readline(), "cmd has joined\n", "what it printed")
            eve = hub.join("eve", 2)
            for text, answer in (("abc; echo", "ohce ;cba\n"), ("fail", f"{sys.executable} ended with 3")):
                eve.say("chat", {"text": text}, "cmd")
                equal(skip_to(eve, "chat")["payload"]["text"], answer, "answer")

    def the_quickstart_runs(self, there, *words):
        """there: what it prints of ada and eve; words: what runs it."""
        with Hub() as hub:
            eve = hub.join("eve", 2)
            with self.running(hub, *words) as program:
                said = skip_to(eve, "chat")
                equal(program.stdout.readline(), there, "who is there")
                equal(program.stdout.readline(), f"the hub has it as message {said['seq']}\n", "what it printed")
                eve.say("chat", {"text": "I can"}, "ada")
                equal(skip_to(eve, "chat")["payload"]["text"], "thank you", "what it answered")
                check(program.stdout.read().endswith("eve chat I can\n"), "the end")
                equal(program.wait(), 0, "exit code")

    def examples_are_short(self):
        folder = os.path.join(self.folder, "examples")
        names = [name for name in os.listdir(folder) if name.endswith(self.ending)]
        check(len(names) >= 3, names)
        for name in names:
            with open(os.path.join(folder, name), encoding="utf-8") as file:
                check(len(file.readlines()) < 40, name, "is long")
