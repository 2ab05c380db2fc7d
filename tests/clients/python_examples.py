#!/usr/bin/env python3
"""The examples and the quickstart of clients/python at a real hub, and what pip would install.

usage: python_examples.py KHUB
"""
import ast
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "wire"))
from harness import Hub, Skip, check, equal, run, test  # noqa: E402
from shown import Shown, skip_to  # noqa: E402

SHOWN = Shown("python", [sys.executable, "-u"], ".py", PYTHONDONTWRITEBYTECODE="1",
              PYTHONPATH=os.path.join(HERE, "..", "..", "clients", "python"))
CLIENT, EXAMPLES = SHOWN.folder, os.path.join(SHOWN.folder, "examples")

for shown in (SHOWN.echo_says_back_what_it_is_told, SHOWN.a_command_answers, SHOWN.examples_are_short):
    test(shown)


@test
def one_of_two_reviewers_takes_each_piece():
    SHOWN.one_of_two_reviewers_takes_each_piece("python", {
        "good": ("def f():\n    return 1\n", 1), "evil": ("try:\n    eval(x)\nexcept:\n    pass\n", 1 / 3),
        "broken": ("def f(:\n", 1 / 2), "last": ("x = 1\n", 1)})


@test
def the_quickstart_runs_as_it_stands():
    first, second = SHOWN.blocks("python")
    SHOWN.the_quickstart_runs("['ada', 'eve']\n", "-c", first)
    with Hub() as hub:
        eve = hub.join("eve", 2)
        with SHOWN.running(hub, "-c", second) as program:
            said = skip_to(eve, "chat")
            equal(program.stdout.read(), f"accepted as {said['seq']}\n", "what it printed")
            equal(program.wait(), 0, "exit code")


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
