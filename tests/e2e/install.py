#!/usr/bin/env python3
"""An installation on a machine without dpkg-dev: the libraries and their pkg-config files lie where
the loader and pkg-config look.

usage: install.py KHUB [PART OF A NAME]
"""
import json
import os
import shutil
import subprocess
import sys
import tempfile

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
sys.path.insert(0, os.path.join(ROOT, "tests", "wire"))
from harness import Skip, check, equal, run, test  # noqa: E402


class Machine:
    """One whose dpkg-architecture tells nothing."""

    def __init__(self):
        self.folder = tempfile.mkdtemp()
        self.build = os.path.join(self.folder, "build")
        self.root = os.path.join(self.folder, "root")
        tools = os.path.join(self.folder, "tools")
        os.makedirs(tools)
        with open(os.path.join(tools, "dpkg-architecture"), "w", encoding="utf-8") as file:
            file.write("#!/bin/sh\nexit 1\n")
        os.chmod(file.name, 0o755)
        self.environment = {**os.environ, "PATH": tools + ":" + os.environ["PATH"]}
        self.environment.pop("DESTDIR", None)

    def run(self, *words):
        done = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=self.environment, check=False)
        equal(done.returncode, 0, f"exit code of {' '.join(words)} ({done.stdout.decode()[-3000:]})")
        return done.stdout.decode()

    def installed(self, path):
        return os.path.lexists(self.root + path)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        shutil.rmtree(self.folder)


@test
def libraries_go_where_they_are_looked_for():
    with Machine() as machine:
        machine.run("meson", "setup", machine.build, ROOT, "-Dtests=false", "-Dbench=false", "-Doptimization=0", "-Dwerror=false")
        plan = json.loads(machine.run("meson", "introspect", "--installed", machine.build))
        check("/usr/local/bin/khub" in plan.values(), plan)
        check("/usr/local/share/man/man1/khub-serve.1" in plan.values(), "a manual page")
        libraries = {made: place for made, place in plan.items() if ".so." in made or made.endswith(".a")}
        equal({os.path.dirname(place) for place in libraries.values()}, {"/usr/local/lib"}, "where libraries go")
        # symlinks, too, are in the plan, by paths outside of the build
        built = [os.path.relpath(made, machine.build) for made in libraries if made.startswith(machine.build)]
        machine.run("ninja", "-C", machine.build, *built)
        machine.run("meson", "install", "-C", machine.build, "--no-rebuild", "--tags", "devel", "--destdir", machine.root)
        for name in ("khub", "khub-uv"):
            check(machine.installed(f"/usr/local/lib/lib{name}.so"), name)
            with open(f"{machine.root}/usr/local/lib/pkgconfig/{name}.pc", encoding="utf-8") as file:
                check("libdir=${prefix}/lib\n" in file.read(), f"where {name}.pc says that the library is")
        check(machine.installed("/usr/local/lib/libkhub.a") and machine.installed("/usr/local/include/khub.h"), "libkhub.a, khub.h")


@test
def a_service_can_do_little_but_be_a_hub():
    with Machine() as machine:
        machine.run("meson", "setup", machine.build, ROOT, "-Dtests=false", "-Dbench=false", "--prefix", "/usr")
        plan = json.loads(machine.run("meson", "introspect", "--installed", machine.build))
        units = {os.path.basename(place): made for made, place in plan.items() if place.startswith("/usr/lib/systemd/system/")}
        equal(set(units), {"khub.service", "khub.socket"}, "units")
        with open(units["khub.service"], encoding="utf-8") as file:
            check("\nExecStart=/usr/bin/khub serve --config /etc/khub.conf\n" in file.read(), "what the service runs")
        if not shutil.which("systemd-analyze"):
            raise Skip("no systemd-analyze here")
        machine.run("systemd-analyze", "security", "--offline=true", "--threshold=15", units["khub.service"])


@test
def options_that_an_administrator_wrote_stay():
    with Machine() as machine:
        script = os.path.join(ROOT, "packaging", "install_conf.sh")
        ours = os.path.join(machine.folder, "khub.conf")
        with open(ours, "w", encoding="utf-8") as file:
            file.write("quiet\n")
        machine.environment["DESTDIR"] = machine.root
        machine.run(script, ours, "/etc")
        with open(machine.root + "/etc/khub.conf", "r+", encoding="utf-8") as file:
            equal(file.read(), "quiet\n", "what is installed first")
            file.write("port = 6001\n")
        machine.run(script, ours, "/etc")
        with open(machine.root + "/etc/khub.conf", encoding="utf-8") as file:
            equal(file.read(), "quiet\nport = 6001\n", "what is there after another installation")


run()
