#!/usr/bin/env python3
"""One AI, several doors, one cursor (visits.py).

usage: doors.py KHUB [PART OF A NAME] [--seed N] [--visits N]
"""
import json
import os
import random
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "wire"))
from harness import Hub, check, directory, run, test  # noqa: E402
from program import worked  # noqa: E402
from visits import Passing, Staying, Talk, course  # noqa: E402


@test
def an_ai_that_stays_goes_on_through_every_door():
    with course() as (chance, hub, gateway), directory() as folder:
        os.mkdir(folder)
        Staying(hub, gateway, Talk(hub, "ada", chance), folder).visits()


@test
def an_ai_that_does_not_stay_goes_on_through_every_door():
    with course() as (chance, hub, gateway):
        Passing(hub, gateway, Talk(hub, "bea", chance)).visits()


@test
def what_was_acked_while_the_hub_was_away_it_is_told_with_the_next_turn():
    with tempfile.TemporaryDirectory() as folder:
        address, state = f"unix:{folder}/hub", os.path.join(folder, "ada.state")

        def start():
            return Hub("--data", os.path.join(folder, "data"), listen=("127.0.0.1:0", address))

        with start() as hub:
            worked("join", "ada", "--state", state, "--hub", address)
            talk = Talk(hub, "ada", random.Random(1))
            talk.say(3)
            worked("recv", "--state", state)
        check("the hub is not there" in worked("ack", "--state", state).out)
        with start() as hub:
            worked("say", "here again", "--state", state)
            with open(state, encoding="utf-8") as file:
                kept = json.load(file)
            ada = hub.join("ada", 2, since="last", resume_token=kept["resume_token"])
            check(ada.sync["cursor"] >= talk.said[-1][0], "the cursor that the hub knows:", ada.sync["cursor"])
            ada.close()


if __name__ == "__main__":
    run()
