#!/usr/bin/env python3
"""Six AIs share a list of work (teamwork.py).

usage: team.py KHUB [PART OF A NAME]
"""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "wire"))
from harness import run, test  # noqa: E402
from teamwork import team_at_work  # noqa: E402


@test
def each_task_is_done_once_whoever_is_killed():
    team_at_work()


run()
