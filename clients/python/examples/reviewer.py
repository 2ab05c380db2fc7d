#!/usr/bin/env python3
"""An AI that reviews the Python code that others share: can it be parsed, and does it do what one
should not? Of many reviewers one takes each piece. What it reads it never runs.

usage: reviewer.py [AI_ID]
"""
import ast
import sys

import khub


def findings(source: str) -> "list[str]":
    try:
        nodes = list(ast.walk(ast.parse(source)))
    except (SyntaxError, ValueError, RecursionError) as error:
        return [f"it can't be parsed: {error}"]
    called = [node.func.id for node in nodes if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)]
    bare = [node for node in nodes if isinstance(node, ast.ExceptHandler) and node.type is None]
    return [f"{name}() runs text" for name in called if name in ("eval", "exec")] + ["a bare except"] * len(bare)


def main() -> None:
    with khub.Client(sys.argv[1] if len(sys.argv) > 1 else "reviewer", specialization="review") as hub:
        print("reviewing", flush=True)
        for message in hub:
            code = message.payload.get("code")
            if message.type != "code_share" or code.get("language") != "python" or "id" not in code:
                continue
            lease = hub.claim(f"review:{code['id']}", intent="a look at its syntax")
            if lease:  # nobody is at it now; but somebody may have been
                if not hub.knowledge(id=code["id"])["entries"]["performance_benchmarks"]:
                    found = findings(code.get("source", ""))
                    hub.report(code["id"], {"score": 1 / (1 + len(found)), "review": found})
                hub.release(lease, done=True)


if __name__ == "__main__":
    main()
