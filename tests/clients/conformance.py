#!/usr/bin/env python3
"""Says the script to a client's driver (README.md), and prints TAP.

usage: conformance.py KHUB CLIENT [PART OF A SCENARIO'S NAME]
"""
import os
import sys
import traceback

HERE = os.path.dirname(os.path.abspath(__file__))
PART = " ".join(sys.argv[3:])
del sys.argv[3:]
from stage import stage  # noqa: E402
from harness import Skip  # noqa: E402
from scenarios import HELD, SCENARIOS  # noqa: E402
from storms import STORMS  # noqa: E402

# What a driver can besides the script: "hold", "token_file".
DRIVERS = {
    "c": ([os.path.join(os.path.dirname(os.path.abspath(sys.argv[1])), "tests", "clients", "driver_c")], set()),
    "python": ([sys.executable, os.path.join(HERE, "driver.py"), "sync"], {"hold", "token_file"}),
    "asyncio": ([sys.executable, os.path.join(HERE, "driver.py"), "async"], {"hold", "token_file"}),
}


def scenarios(can):
    """By name, each a function of a stage."""
    for name, steps in {**SCENARIOS, **(HELD if "hold" in can else {})}.items():
        yield name, lambda place, steps=steps: place.play(steps)
    for storm in STORMS:
        yield storm.__name__.replace("_", " "), storm


def main():
    command, can = DRIVERS[sys.argv[2]]
    chosen = [(name, function) for name, function in scenarios(can) if PART in name]
    print(f"1..{len(chosen) + 1}", flush=True)
    failed = 0
    with stage(command) as place:
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
