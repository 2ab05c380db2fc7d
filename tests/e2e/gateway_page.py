#!/usr/bin/env python3
"""The page for people, as the gateway serves it: its files, what they may do, and to whom they are
given.

usage: gateway_page.py KHUB [PART OF A NAME]
"""
import contextlib
import os
import posixpath
import re
import sys

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
sys.path.insert(0, os.path.join(ROOT, "tests", "wire"))
from harness import Hub, check, directory, equal, run, test  # noqa: E402
from gateway import door_of  # noqa: E402
from tokens import give_out  # noqa: E402

PAGE = os.path.join(ROOT, "src", "gateway", "page")
TYPES = {"html": "text/html; charset=utf-8", "css": "text/css; charset=utf-8",
         "js": "text/javascript; charset=utf-8", "svg": "image/svg+xml"}
POLICY = {"default-src 'none'", "script-src 'self'", "style-src 'self'", "img-src 'self' data:", "connect-src 'self'",
          "base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'", "require-trusted-types-for 'script'",
          "trusted-types 'none'"}


def get(door, path, method="GET", **fields):
    """Status, body as bytes, header fields."""
    client = door.connect()
    with contextlib.closing(client):
        client.request(method, path, headers={name.replace("_", "-"): value for name, value in fields.items()})
        answer = client.getresponse()
        return answer.status, answer.read(), answer.headers


def protected(fields):
    equal(set(fields["Content-Security-Policy"].split("; ")), POLICY)
    for name, value in {"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer",
                        "Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Resource-Policy": "same-origin",
                        "Cache-Control": "no-cache"}.items():
        equal(fields.get_all(name), [value], name)


def source_of(path):
    """The file of the tree that is served there."""
    name = "index.html" if path == "/" else path.removeprefix("/page/")
    elsewhere = {"khub.js": os.path.join(ROOT, "clients", "js"), "chart.min.js": "/usr/share/javascript/chart.js"}
    return os.path.join(elsewhere.get(name, PAGE), name)


def named_in(path, text):
    """What a file has the browser fetch, as absolute paths."""
    pattern = r'(?:src|href)="([^"#]+)"' if path == "/" else r"(?:^(?:import|export) [^;]*?|\bimport\()['\"](\.[^'\"]+)['\"]"
    return {posixpath.normpath(posixpath.join(posixpath.dirname(path), name)) for name in re.findall(pattern, text, re.M)}


@test
def every_file_that_the_page_names():
    with Hub("--http", "127.0.0.1:0") as hub:
        door, seen, left = door_of(hub), set(), ["/"]
        check(f"The page: http://127.0.0.1:{door.port}/\n" in hub.console(), hub.console())
        while left:
            path = left.pop()
            seen.add(path)
            status, body, fields = get(door, path)
            equal((status, fields["Content-Type"]), (200, TYPES[source_of(path).rsplit(".", 1)[1]]), path)
            protected(fields)
            with open(source_of(path), "rb") as file:
                equal(body, file.read(), path)
            left += named_in(path, body.decode()) - seen - set(left)
        check({"/page/main.js", "/page/page.css", "/page/khub.js"} <= seen, seen)
        for name in os.listdir(PAGE):
            if name.rsplit(".", 1)[1] in TYPES and name != "index.html":
                equal(get(door, "/page/" + name)[0], 200, name)


@test
def what_is_had_already_is_not_sent_again():
    with Hub("--http", "127.0.0.1:0") as hub:
        door = door_of(hub)
        _, body, fields = get(door, "/page/khub.js")
        tag = fields["ETag"]
        check(re.fullmatch(r'"[0-9a-f]{32}"', tag), tag)
        check(get(door, "/")[2]["ETag"] != tag, "two files, one tag")
        for had in (tag, f'"other", {tag}', f"W/{tag}", "*"):
            status, nothing, fields = get(door, "/page/khub.js", If_None_Match=had)
            equal((status, nothing, fields["ETag"]), (304, b"", tag), had)
            protected(fields)
        for had in ('"other"', tag[:-2] + '"', tag.strip('"')):
            equal(get(door, "/page/khub.js", If_None_Match=had)[:2], (200, body), had)
        status, nothing, fields = get(door, "/page/khub.js", "HEAD")
        equal((status, nothing, fields["Content-Length"], fields["ETag"]), (200, b"", str(len(body)), tag))
        equal(get(door, "/v1/members")[2].get_all("Cache-Control"), ["no-store"])


@test
def there_is_nothing_else():
    with Hub("--http", "127.0.0.1:0") as hub:
        door = door_of(hub)
        for path in ("/page/", "/page/index.html", "/page/meson.build", "/page/embed.py", "/page/../page/main.js",
                     "/page/%6dain.js", "/page/main.js/", "//", "/index.html", "/favicon.ico"):
            equal(get(door, path)[0], 404, path)
        for path in ("/", "/page/main.js"):
            equal((get(door, path, "POST")[0], get(door, path, "POST")[2]["Allow"]), (405, "GET, HEAD"), path)
            equal(get(door, path, Host="evil.example")[0], 403)
            equal(get(door, path, Origin="http://evil.example")[0], 403)


@test
def it_is_given_to_who_shows_no_token():
    """And nothing else is."""
    with directory() as data:
        give_out(data, "ada")
        with Hub("--data", data, "--http", "127.0.0.1:0") as hub:
            door = door_of(hub)
            for path in ("/", "/page/main.js"):
                equal(get(door, path)[0], 200, path)
            equal(get(door, "/v1/members")[0], 401)


if __name__ == "__main__":
    run()
