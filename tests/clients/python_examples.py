#!/usr/bin/env python3
"""The examples and the quickstart of clients/python at a real hub, and what pip would install.

usage: python_examples.py KHUB
"""
import ast
import contextlib
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "wire"))
from harness import Hub, Skip, check, equal, run, test  # noqa: E402

CLIENT = os.path.join(HERE, "..", "..", "clients", "python")
EXAMPLES = os.path.join(CLIENT, "examples")


@contextlib.contextmanager
def running(hub, *words):
    """A program at the hub, until the end of the block."""
    where = {"KHUB_HUB": f"127.0.0.1:{hub.port}", "PYTHONPATH": CLIENT, "PYTHONDONTWRITEBYTECODE": "1"}
    with subprocess.Popen([sys.executable, "-u", *words], stdout=subprocess.PIPE, text=True,
                          env={**os.environ, **where}) as program:
        try:
            yield program
        finally:
            program.kill()


def example(name):
    return os.path.join(EXAMPLES, f"{name}.py")


def skip_to(client, message_type):
    """The next of this type."""
    found = client.receive()
    while found["message_type"] != message_type:
        found = client.receive()
    return found


def blocks():
    with open(os.path.join(CLIENT, "README.md"), encoding="utf-8") as file:
        return re.findall(r"```python\n(.*?)```", file.read(), re.DOTALL)


@test
def echo_says_back_what_it_is_told():
    with Hub() as hub, running(hub, example("echo")) as program:
        equal(program.stdout.readline(), "echo has joined\n", "what it printed")
        eve = hub.join("eve", 2)
        asked = eve.say("chat", {"text": "hello é \U0001f600"}, "echo")
        answer = skip_to(eve, "chat")
        equal(answer["payload"], {"text": "hello é \U0001f600", "in_reply_to": asked}, "answer")
        eve.say("chat", {"text": "for all"})
        eve.say("chat", {"text": "again"}, "echo")
        equal(skip_to(eve, "chat")["payload"]["text"], "again", "what it answered next")


@test
def one_of_two_reviewers_takes_each_piece():
    pieces = {"good": ("def f():\n    return 1\n", 1), "evil": ("try:\n    eval(x)\nexcept:\n    pass\n", 1 / 3),
              "broken": ("def f(:\n", 1 / 2), "last": ("x = 1\n", 1)}
    with Hub() as hub, running(hub, example("reviewer"), "r1") as one, running(hub, example("reviewer"), "r2") as two:
        for program in (one, two):
            equal(program.stdout.readline(), "reviewing\n", "what it printed")
        eve = hub.join("eve", 2)
        eve.say("code_share", {"code": {"language": "c", "id": "other", "source": "int x;"}})
        for name, (source, _) in pieces.items():
            eve.say("code_share", {"code": {"language": "python", "id": name, "source": source}})
        hub.wait_log(r"lease=review:last status=released")
        hub.wait_log(r"(?s)lease=review:last status=(granted.*lease=review:last status=granted|held)")
        reports = [line["payload"] for line in eve.drain() if line["message_type"] == "performance_report"]
        equal(sorted((report["component_id"], report["performance"]["score"]) for report in reports),
              sorted((name, score) for name, (_, score) in pieces.items()), "scores")


@test
def a_command_answers():
    command = [sys.executable, "-c", "import sys; text = sys.stdin.read(); text == 'fail' and sys.exit(3); print(text[::-1])"]
    with Hub() as hub, running(hub, example("around_command"), "cmd", *command) as program:
        equal(program.stdout.readline(), "cmd has joined\n", "what it printed")
        eve = hub.join("eve", 2)
        for text, answer in (("abc; echo", "ohce ;cba\n"), ("fail", f"{sys.executable} ended with 3")):
            eve.say("chat", {"text": text}, "cmd")
            equal(skip_to(eve, "chat")["payload"]["text"], answer, "answer")


@test
def the_quickstart_runs_as_it_stands():
    with Hub() as hub:
        eve = hub.join("eve", 2)
        with running(hub, "-c", blocks()[0]) as program:
            said = skip_to(eve, "chat")
            equal(program.stdout.readline(), "['ada', 'eve']\n", "who is there")
            equal(program.stdout.readline(), f"the hub has it as message {said['seq']}\n", "what it printed")
            eve.say("chat", {"text": "I can"}, "ada")
            equal(skip_to(eve, "chat")["payload"]["text"], "thank you", "what it answered")
            check(program.stdout.read().endswith("eve chat I can\n"), "the end")
            equal(program.wait(), 0, "exit code")
        with running(hub, "-c", blocks()[1]) as program:
            said = skip_to(eve, "chat")
            equal(program.stdout.read(), f"accepted as {said['seq']}\n", "what it printed")
            equal(program.wait(), 0, "exit code")


@test
def examples_are_short():
    names = [name for name in os.listdir(EXAMPLES) if name.endswith(".py")]
    check(len(names) >= 3, names)
    for name in names:
        with open(os.path.join(EXAMPLES, name), encoding="utf-8") as file:
            check(len(file.readlines()) < 40, name, "is long")


@test
def all_of_it_is_python_3_9():
    for name in [os.path.join(CLIENT, "khub.py")] + [os.path.join(EXAMPLES, name) for name in os.listdir(EXAMPLES)]:
        if name.endswith(".py"):
            with open(name, encoding="utf-8") as file:
                ast.parse(file.read(), name, feature_version=(3, 9))


@test
def pip_would_install_one_module():
    """By the build backend alone, which fetches nothing."""
    with tempfile.TemporaryDirectory() as folder:
        version = "import setuptools; print(setuptools.__version__)"
        found = subprocess.run([sys.executable, "-c", version], capture_output=True, text=True, check=False).stdout
        if int((found or "0").split(".")[0]) < 61:
            raise Skip("there is no setuptools of 61 or later here")
        for name in ("khub.py", "pyproject.toml", "README.md"):
            shutil.copy(os.path.join(CLIENT, name), folder)
        built = subprocess.run([sys.executable, "-c", "from setuptools import build_meta; print(build_meta.build_sdist('.'))"],
                               cwd=folder, capture_output=True, text=True, check=False)
        check(built.returncode == 0, built.stderr)
        with tarfile.open(os.path.join(folder, built.stdout.split()[-1])) as archive:
            names = {os.path.basename(name): name for name in archive.getnames()}
            modules, about = (archive.extractfile(names[name]).read().decode() for name in ("top_level.txt", "PKG-INFO"))
        equal((modules, "khub.py" in names), ("khub\n", True), "modules")
        for line in ("Name: khub\n", "Version: 0.1.0\n", "Requires-Python: >=3.9\n"):
            check(line in about, line, "is not in", about)


run()
