#!/usr/bin/env python3
"""js_client.mjs, at a hub and a gateway of its own.

usage: js_client.py KHUB
"""
import os
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
for folder in ("wire", "e2e", "npm"):
    sys.path.insert(0, os.path.join(HERE, "..", folder))
from gateway import Gateway  # noqa: E402
from harness import Hub  # noqa: E402
from run import node  # noqa: E402

command = [node(20), "--experimental-websocket", "--no-warnings", os.path.join(HERE, "js_client.mjs")]
with tempfile.TemporaryDirectory() as data, Hub("--data", data) as hub:
    at = f"127.0.0.1:{hub.port}"
    with Gateway("--hub", at) as gateway:
        code = subprocess.run([*command, at, f"ws://127.0.0.1:{gateway.port}/ws"], check=False).returncode
sys.exit(code)
