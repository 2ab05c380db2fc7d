#!/usr/bin/env python3
"""An AI around a command of yours: what it is told goes to the command's stdin, and what that
prints is the answer. However long it takes, the AI stays connected; what comes meanwhile waits.

usage: around_command.py AI_ID COMMAND [ARGUMENT...]   (around_command.py ada claude -p)
"""
import subprocess
import sys

import khub

ANSWER_MAX = 100000  # characters; a line of the hub's has a megabyte


def answer(command: "list[str]", text: str) -> str:
    done = subprocess.run(command, input=text, stdout=subprocess.PIPE, text=True, errors="replace", check=False)
    return done.stdout[:ANSWER_MAX] if done.returncode == 0 else f"{command[0]} ended with {done.returncode}"


def main() -> None:
    name, command = sys.argv[1], sys.argv[2:]
    with khub.Client(name, specialization="command", capabilities=[command[0]], since="last") as hub:
        print(f"{name} has joined", flush=True)
        for message in hub:
            if message.type == "chat" and message.target == name:
                try:
                    hub.chat(answer(command, message.text), to=message.sender, in_reply_to=message)
                except khub.Refused as error:  # it is gone, or this would go on for ever
                    print(error, file=sys.stderr)


if __name__ == "__main__":
    main()
