#!/usr/bin/env python3
"""Says the script to a client's driver (README.md), and prints TAP.

usage: conformance.py KHUB CLIENT [PART OF A SCENARIO'S NAME]
"""
import os
import sys
import traceback

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "npm"))
PART = " ".join(sys.argv[3:])
del sys.argv[3:]
from stage import stage  # noqa: E402
from harness import Skip  # noqa: E402
from run import node  # noqa: E402
from scenarios import HELD, SCENARIOS, WORDS  # noqa: E402
from storms import LINED, STORMS  # noqa: E402

# What a driver can besides the script: "hold", "token_file", "words"; "web": its links go over
# WebSocket.
DRIVERS = {
    "c": ([os.path.join(os.path.dirname(os.path.abspath(sys.argv[1])), "tests", "clients", "driver_c")], set()),
    "python": ([sys.executable, os.path.join(HERE, "driver.py"), "sync"], {"hold", "token_file", "words"}),
    "asyncio": ([sys.executable, os.path.join(HERE, "driver.py"), "async"], {"hold", "token_file", "words"}),
    "js": (["node", os.path.join(HERE, "driver_js.mjs")], {"hold", "token_file", "words"}),
    "js_web": (["node", "--experimental-websocket", os.path.join(HERE, "driver_js.mjs")], {"hold", "words", "web"}),
}


def scenarios(can):
    """By name, each a function of a stage."""
    for name, steps in {**SCENARIOS, **(HELD if "hold" in can else {}), **(WORDS if "words" in can else {})}.items():
        if "web" in can:  # masked, so that nobody on the way can count them
            steps = [step for step in steps if step[:2] != ("line", "beats")]
        yield name, lambda place, steps=steps: place.play(steps)
    for storm in LINED if "web" in can else STORMS:
        yield storm.__name__.replace("_", " "), storm


def main():
    command, can = DRIVERS[sys.argv[2]]
    if command[0] == "node":
        command = [node(20), *command[1:]]
    chosen = [(name, function) for name, function in scenarios(can) if PART in name]
    print(f"1..{len(chosen) + 1}", flush=True)
    failed = 0
    with stage(command, "web" in can) as place:
        place.can = can
        for number, (name, function) in enumerate(chosen, 1):
            place.enter(f"room {number}")
            try:
                function(place)
                place.leave()
                print(f"ok {number} - {name}", flush=True)
            except Skip as reason:
                print(f"ok {number} - {name} # SKIP {reason}", flush=True)
            except Exception:  # any failure of a scenario is one, whatever its kind
                failed += 1
                print("# " + traceback.format_exc().rstrip().replace("\n", "\n# "))
                print(f"not ok {number} - {name}", flush=True)
                place.driver_killed()
    print(f"ok {len(chosen) + 1} - hub and driver end as they should", flush=True)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
