#!/usr/bin/env python3
"""khub with clients of others, out of npm: installs them, as package-lock.json pins them, into
build-npm/, and runs a test of them.

usage: run.py KHUB TEST.mjs [PROGRAM]
"""
import fcntl
import glob
import hashlib
import os
import shutil
import subprocess
import sys

ROOT = os.path.abspath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))
HERE = os.path.join(ROOT, "tests", "npm")
PLACE = os.path.join(ROOT, "build-npm")
NODE_WANTED = 22  # of @modelcontextprotocol/conformance


def skip(reason):
    print(f"1..0 # SKIP {reason}")
    sys.exit(0)


def node_version(node):
    try:
        told = subprocess.run([node, "--version"], capture_output=True, text=True, check=True).stdout
        return int(told.lstrip("v").split(".")[0])
    except (OSError, ValueError, subprocess.CalledProcessError):
        return 0


def lock_hash():
    with open(os.path.join(HERE, "package-lock.json"), "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()


def why_not(said):
    """What npm says is wrong, without its warnings."""
    wrong = [line for line in said.splitlines() if line.startswith("npm ERR!")]
    return "npm can't install the clients: " + " ".join(" ".join(wrong or said.splitlines()).split())[:300]


def install(own_node):
    """Once for each package-lock.json; two builds' tests may want it at once. What failed is not
    tried again by the next test: ./dev test forgets it when it begins."""
    os.makedirs(PLACE, exist_ok=True)
    done, failed = os.path.join(PLACE, "installed"), os.path.join(PLACE, "failed")
    wanted = f"{lock_hash()} {own_node}"
    with open(os.path.join(PLACE, "lock"), "wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if os.path.exists(done):
            with open(done, encoding="ascii") as file:
                if file.read() == wanted:
                    return
        if os.path.exists(failed):
            with open(failed, encoding="utf-8") as file:
                skip(file.read())
        for name in ("package.json", "package-lock.json"):
            shutil.copy(os.path.join(HERE, name), PLACE)
        command = ["npm", "ci", "--no-audit", "--no-fund"] + ([] if own_node else ["--omit=optional"])
        found = subprocess.run(command, cwd=PLACE, capture_output=True, text=True, check=False,
                               env={**os.environ, "npm_config_cache": os.path.join(PLACE, "cache")})
        if found.returncode != 0:
            with open(failed, "w", encoding="utf-8") as file:
                file.write(why_not(found.stderr))
            skip(why_not(found.stderr))
        with open(done, "w", encoding="ascii") as file:
            file.write(wanted)


def npm_install(own_node):
    if not shutil.which("npm"):
        skip("there is no npm; ./dev test installs it")
    install(own_node)


def node(wanted):
    """One that is no older than that: this system's, or that of npm. Skips where there is none."""
    found = shutil.which("node")
    if node_version("node") < wanted:
        npm_install(True)
        found = os.path.join(PLACE, "node_modules", "node", "bin", "node")
        if node_version(found) < wanted:
            skip(f"node is older than {wanted}, and that of npm does not run here")
    return found


def main():
    khub, script = os.path.abspath(sys.argv[1]), sys.argv[2]
    npm_install(node_version("node") < NODE_WANTED)
    program = node(NODE_WANTED)
    # Modules are looked for from where the script stands; beside it another may be read just now.
    for path in glob.glob(os.path.join(HERE, "*.mjs")):
        copy = os.path.join(PLACE, f"{os.path.basename(path)}.{os.getpid()}")
        shutil.copy(path, copy)
        os.replace(copy, copy.rsplit(".", 1)[0])
    os.execv(program, [program, os.path.join(PLACE, script), khub, *(os.path.abspath(word) if os.path.exists(word) else word
                                                                         for word in sys.argv[3:])])


if __name__ == "__main__":
    main()
