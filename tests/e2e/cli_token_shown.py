#!/usr/bin/env python3
"""How khub's own commands show a token, and where they find it.

usage: cli_token_shown.py KHUB [PART OF A NAME]
"""
import contextlib
import os
import sys
import tempfile

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
sys.path.insert(0, os.path.join(ROOT, "tests", "wire"))
from harness import Hub, check, directory, run, test  # noqa: E402
from program import Running, khub, refused, worked  # noqa: E402
from tokens import OTHER, give_out, let_in  # noqa: E402


@contextlib.contextmanager
def folder():
    with tempfile.TemporaryDirectory(prefix="khub-test-config-") as path:
        yield path


def write(path, text, mode=0o600):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    os.chmod(path, mode)
    return path


@test
def commands_show_the_token_that_they_find():
    with directory() as data, folder() as config, Hub("--data", data) as hub:
        here = {"hub": hub, "XDG_CONFIG_HOME": config, "KHUB_TOKEN": ""}
        member, admin = give_out(data, "alice"), give_out(data, "root", "--role", "admin")
        refused(1, "who", **here, said=("asks for a token", "--token-file", "$KHUB_TOKEN"))
        worked("who", **{**here, "KHUB_TOKEN": admin})
        worked("who", **{**here, "KHUB_TOKEN": member})
        # each of its visits shows it
        check("root" in worked("chat", "--as", "root", given=b"/who\n/quit\n", **{**here, "KHUB_TOKEN": admin}).out)
        worked("send", "chat", '{"text":"x"}', **{**here, "KHUB_TOKEN": member})
        file = write(os.path.join(config, "token"), admin + "\r\n")
        worked("who", "--token-file", file, **{**here, "KHUB_TOKEN": member})  # which says it last
        place = os.path.join(config, "khub", "tokens", f"127.0.0.1:{hub.port}")
        write(place, admin)
        worked("who", **here)
        worked("kb", "list", **here)
        worked("leases", **here)
        refused(1, "who", **{**here, "KHUB_TOKEN": OTHER})
        for command in ("watch", "log", "sessions", "dead", "chat", "request", "train", "send", "kb"):
            check("--token-file FILE" in worked(command, "--help").out, command)


@test
def a_token_that_others_may_read_is_not_shown():
    with directory() as data, folder() as config, Hub("--data", data) as hub:
        here = {"hub": hub, "XDG_CONFIG_HOME": config, "KHUB_TOKEN": ""}
        admin = give_out(data, "root", "--role", "admin")
        for mode in (0o644, 0o640, 0o604, 0o620):
            file = write(os.path.join(config, "token"), admin, mode)
            refused(1, "who", "--token-file", file, **here, said=(file, f"{mode:04o}", "chmod 600"))
        place = write(os.path.join(config, "khub", "tokens", f"127.0.0.1:{hub.port}"), admin, 0o644)
        refused(1, "who", **here, said=(place[:200], "0644"))
        os.chmod(place, 0o600)
        worked("who", **here)
        for wrong in ("", "khub_", admin[:-1], admin + "x", "x" * 5000):
            write(place, wrong)
            found = refused(1, "who", **here, said=("has no token", "mistyped"))
            check(not wrong[5:20] or wrong[5:20] not in found.err, "part of it is shown")
        refused(1, "who", "--token-file", os.path.join(config, "none"), **here, said=("no file",))
        refused(1, "who", **{**here, "KHUB_TOKEN": admin[:-1]}, said=("$KHUB_TOKEN",))


@test
def a_trainer_joins_with_its_token():
    with directory() as data, Hub("--data", data) as hub:
        token = give_out(data, "alice", "--id", "AI_*")
        eye = let_in(hub, "eye", give_out(data, "root", "--role", "admin"), role="observer")
        with Running("train", "AI_1", "audio", "1", hub=hub, KHUB_TOKEN=token) as trainer:
            while not (found := eye.receive()) or found["message_type"] != "hello":
                check(found is not None, "the connection ended")
            trainer.end()
        hub.wait_log("event=joined ai=AI_1 ")
        check("token=alice" in hub.log())
        result = khub("train", "BI_1", "audio", "1", hub=hub, KHUB_TOKEN=token)
        check(result.code == 1 and '"BI_1"' in result.err, result.err)


if __name__ == "__main__":
    run()
