#!/usr/bin/env python3
"""Finds comments and Markdown that are wider than 100 columns; clang-format sees to code.

usage: columns.py [--rooms] [FILE...]   (without files: all that git knows)

--rooms counts them for each folder instead of naming each line. Exits 1 when there is one.
"""
import collections
import io
import os
import subprocess
import sys
import tokenize

COLUMNS = 100


def c_comments(text):
    """The number of each line on which a comment stands, and where the comment ends on it."""
    ends = {}
    at, line, start = 0, 1, 0
    while at < len(text):
        if text[at] == "\n":
            line, start = line + 1, at + 1
        elif text[at] in "\"'":  # what looks like a comment inside a literal is none
            quote, at = text[at], at + 1
            while at < len(text) and text[at] not in (quote, "\n"):
                at += 2 if text[at] == "\\" else 1
            at += text[at:at + 1] == quote  # not over the end of the line
            continue
        elif text.startswith(("/*", "//"), at):
            end = text.find("*/" if text[at + 1] == "*" else "\n", at + 2)
            end = len(text) if end < 0 else end + (2 if text[at + 1] == "*" else 0)
            while at < end:
                stop = text.find("\n", at, end)
                ends[line] = (end if stop < 0 else stop) - start
                if stop < 0:
                    break
                line, start, at = line + 1, stop + 1, stop + 1
            at = end
            continue
        at += 1
    return ends


def python_comments(text):
    ends, before = {}, None
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        docstring = token.type == tokenize.STRING and before in (tokenize.INDENT, tokenize.NEWLINE, None)
        if token.type == tokenize.COMMENT or docstring:
            for number, line in enumerate(token.string.split("\n"), token.start[0]):
                ends[number] = len(line) + (token.start[1] if number == token.start[0] else 0)
        if token.type not in (tokenize.NL, tokenize.COMMENT):
            before = token.type
    return ends


def hash_comments(text):
    """Of shell and meson: good enough where no literal holds ` # `."""
    return {number: len(line) for number, line in enumerate(text.split("\n"), 1)
            if line.lstrip().startswith("#") or " # " in line}


def markdown(text):
    """All lines but messages, each of which is one line on the wire too."""
    return {number: len(line) for number, line in enumerate(text.split("\n"), 1) if not line.startswith('{"')}


READERS = {".c": c_comments, ".h": c_comments, ".cpp": c_comments, ".py": python_comments, ".sh": hash_comments,
           ".build": hash_comments, ".md": markdown, "": hash_comments}


def wide_lines(path):
    """(line, its columns) of each that is too wide."""
    reader = READERS.get(os.path.splitext(path)[1])
    name = os.path.basename(path)
    if not reader or name.startswith(".") or name == "LICENSE" or "/corpus/" in path:
        return []
    with open(path, encoding="utf-8", errors="replace") as file:
        return [(number, width) for number, width in sorted(reader(file.read()).items()) if width > COLUMNS]


def main():
    words = sys.argv[1:]
    rooms = "--rooms" in words
    paths = [word for word in words if word != "--rooms"]
    if not paths:
        listed = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], stdout=subprocess.PIPE, check=True)
        paths = listed.stdout.decode().splitlines()
    counts = collections.Counter()
    for path in paths:
        if not os.path.isfile(path):
            continue
        for number, width in wide_lines(path):
            counts["/".join(path.split("/")[:-1][:2]) or path] += 1
            if not rooms:
                print(f"{path}:{number}: {width} columns")
    if rooms:
        for room, count in sorted(counts.items()):
            print(f"{count:5} {room}")
    return 1 if counts else 0


if __name__ == "__main__":
    sys.exit(main())
