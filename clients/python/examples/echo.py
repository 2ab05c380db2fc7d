#!/usr/bin/env python3
"""An AI that says back what it is told.

usage: echo.py [AI_ID]   ($KHUB_HUB: where the hub is, if not on this machine)
"""
import sys

import khub


def main() -> None:
    name = sys.argv[1] if len(sys.argv) > 1 else "echo"
    with khub.Client(name, specialization="echo", since="last") as hub:
        print(f"{name} has joined", flush=True)
        for message in hub:
            if message.type != "chat" or message.target is None:
                continue
            try:
                hub.chat(message.text, to=message.sender, in_reply_to=message)
            except khub.Refused as error:  # it is gone, or two of us would go on for ever
                print(error, file=sys.stderr)


if __name__ == "__main__":
    main()
