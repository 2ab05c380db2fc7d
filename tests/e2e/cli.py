#!/usr/bin/env python3
"""Each subcommand of khub as a person or a script meets it: real processes, a real hub, wrong
arguments, broken pipes.

usage: cli.py KHUB [PART OF A NAME]
"""
import json
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
sys.path.insert(0, os.path.join(ROOT, "tests", "wire"))
from harness import PATIENCE, Hub, check, directory, equal, kill_9  # noqa: E402
from harness import run, settle, shorten, test, wait_until  # noqa: E402
from program import HOSTILE, KHUB, Running, harmless, khub, refused, row, worked  # noqa: E402

SUBCOMMANDS = ["serve", "train", "demo", "who", "watch", "send", "request", "chat", "kb",
               "subjects", "measure", "learn", "search", "check", "backup", "join",
               "recv", "say", "ack", "claim", "release", "leave", "help", "version"]
CLIENTS = [["who"], ["watch"], ["send", "chat", "{}"], ["request", "storage"], ["chat"], ["kb", "list"]]


def free_port():
    """A port that nobody listens on."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


# ── help and wrong usage ──


def fits_a_terminal(page):
    for line in page.splitlines():
        check(len(line) <= 80, len(line), "columns:", line)


@test
def help_explains_each_subcommand():
    listing = worked("help").out
    for name in SUBCOMMANDS:
        check(re.search(rf"^  {name} +\S", listing, re.M), name, "is not listed")
        page = worked(name, "--help").out
        equal(page, worked("help", name).out, f"khub help {name}")
        for part in (f"Usage: khub {name}", "Example:\n  khub ", "Exit codes:\n  0  ", "--help"):
            check(part in page, repr(part), "is not in the help of", name)
        fits_a_terminal(page)
    fits_a_terminal(listing)
    equal(worked("--help").out, listing, "khub --help")
    check(re.fullmatch(r"khub \d+\.\d+\.\d+ .*\n", worked("--version").out))


@test
def wrong_usage_is_named():
    refused(2, said=["Usage: khub"])
    refused(2, "wach", said=["'wach'", "did you mean 'watch'"])
    refused(2, "help", "srve", said=["'srve'", "'serve'"])
    refused(2, "who", "--jsn", said=["'--jsn'", "'--json'", "khub who --help"])
    refused(2, "who", "extra", said=["'extra'"])
    refused(2, "who", "--hub", "nonsense", said=["'nonsense'", "host:port"])
    refused(2, "who", KHUB_HUB="nonsense", said=["'nonsense'"])
    refused(2, "serve", "--port", "65536", said=["--port", "'65536'", "65535"])
    refused(2, "serve", "--port", "7000", "--listen", "127.0.0.1:0", said=["--port", "--listen"])
    refused(2, "serve", "--max-line", "1k2", said=["'1k2'", "64K"])
    refused(2, "train", "a", "netwrking", said=["'netwrking'", "'networking'", "window_manager", "general"])
    refused(2, "train", "a", "audio", "0.01", said=["MINUTES", "'0.01'", "0.05", "1440"])
    refused(2, "train", "a", said=["SPECIALIZATION is missing"])
    refused(2, "kb", "lst", said=["'lst'", "'list'"])
    refused(2, "kb", "get", said=["ID"])
    refused(2, "kb", "list", "x", said=["list takes no ID"])
    refused(2, "send", "chat", "[1]", said=["object"])
    refused(2, "send", "chat", '{"a":}', said=["JSON", "byte 6"])
    refused(2, "send", "chatt", "{}", said=["'chatt'", "'chat'"])
    refused(2, "send", "training_sync", "{}", said=["only the hub"])
    refused(2, "request", "x", "--requirements", "[]", said=["--requirements", "object"])
    refused(2, "watch", "--since", "last", said=["--since last", "--as"])
    for since in ("soon", "0", "-3", "1x", str(2 ** 64)):
        refused(2, "watch", "--since", since, said=[f"'{since}'", "seq", "last"])
    refused(2, "watch", "--color", "sometimes", said=["'sometimes'", "auto, always or never"])
    refused(2, "demo", "--minutes", "0", said=["--minutes", "0.05"])


@test
def a_missing_hub_is_named():
    address = f"127.0.0.1:{free_port()}"
    for words in CLIENTS:
        refused(1, *words, "--hub", address, said=[address, f"khub serve --listen {address}"])
    refused(1, "train", "a", "audio", "0.05", "--hub", address, said=[address])
    refused(1, "who", "--hub", "unix:/nonexistent/socket", said=["unix:/nonexistent/socket"])


@test
def something_else_is_no_hub():
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"
        with Running("who", "--hub", address) as who:
            peer, _ = server.accept()
            peer.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            peer.close()
            code, err = who.end(number=None)
    equal(code, 1, "exit code")
    check(address in err, err)


@test
def a_full_disk_is_a_failure():
    with open("/dev/full", "wb") as full:
        done = subprocess.run([KHUB, "help"], stdout=full, stderr=subprocess.PIPE, check=False)
    equal(done.returncode, 1, "exit code")
    check(b"could not write" in done.stderr, done.stderr)


# ── serve ──


@test
def serve_tells_who_comes_and_goes():
    with Hub() as hub:
        hub.wait_console(f"[hub] Collaborative Kernel Hub listening on 127.0.0.1:{hub.port}")
        hub.join("ada").close()
        hub.wait_console("[-] ada left: peer_closed")
        hub.wait_console("[+] ada (general) joined from 127.0.0.1:")


def closing(*descriptors):
    """A shell that runs the words behind it with these standard streams closed."""
    closed = " ".join(f"{fd}<&-" if fd == 0 else f"{fd}>&-" for fd in descriptors)
    return ["sh", "-c", f'exec "$@" {closed}', "sh"]


@test
def serve_and_train_do_without_standard_streams():
    for streams in ((0,), (1,), (2,), (0, 1, 2)):
        with tempfile.TemporaryDirectory() as folder:
            port = os.path.join(folder, "port")
            serve = subprocess.Popen(closing(*streams) + [KHUB, "serve", "--memory", "--listen", "127.0.0.1:0", "--port-file", port],
                                     stdout=subprocess.DEVNULL)
            try:
                wait_until(lambda: os.path.exists(port) or serve.poll() is not None, "the port file")
                equal(serve.poll(), None, f"exit code of serve without {streams}")
                with open(port, encoding="ascii") as file:
                    hub = f"127.0.0.1:{int(file.read())}"
                train = subprocess.run(closing(*streams) + [KHUB, "train", "ada", "general", "0.05", "--hub", hub],
                                       capture_output=True, timeout=PATIENCE, check=False)
                equal(train.returncode, 0, f"exit code of train without {streams} ({train.stderr})")
                serve.send_signal(signal.SIGTERM)
                equal(serve.wait(PATIENCE), 0, f"exit code of serve without {streams}")
            finally:
                if serve.poll() is None:
                    serve.kill()
                    serve.wait()


@test
def serve_is_quiet_and_logs():
    folder = tempfile.mkdtemp()
    try:
        log = os.path.join(folder, "log")
        with Hub("--quiet", "--log", log) as hub:
            hub.join("ada").close()
            with open(log, encoding="utf-8") as file:
                wait_until(lambda: "ada" in file.read() or file.seek(0) != 0, "a line about ada")
            equal(hub.console(), "", "console")
    finally:
        shutil.rmtree(folder)


@test
def serve_fails_on_a_taken_port():
    with Hub() as hub:
        refused(1, "serve", "--memory", "--listen", f"127.0.0.1:{hub.port}", said=[str(hub.port)])
    refused(1, "serve", "--memory", "--listen", "127.0.0.1:0", "--log", "/nonexistent/log", said=["/nonexistent/log"])


@test
def serve_takes_a_unix_socket():
    with Hub(listen=("127.0.0.1:0", "unix:FOLDER/hub.sock")) as hub:
        hub.join("ada")
        who = json.loads(worked("who", "--json", "--hub", f"unix:{hub.folder}/hub.sock").out)
        equal([member["ai_id"] for member in who["members"]], ["ada"], "members")


# ── who ──


def collaborate(hub):
    """Two AIs in an active session; returns them and its id."""
    ada = hub.join("ada", 2, specialization="networking", capabilities=["tcp", "grüße \x1b[31m"])
    bea = hub.join("日本", 2, specialization="audio")
    ada.expect("hello")
    ada.say("collaboration_request", {"type": "feature_development", "description": "d", "target_ai": "日本",
                                      "expertise_offered": [], "seeking_expertise": []})
    session = bea.expect("collaboration_request")["payload"]["session_id"]
    bea.say("collaboration_response", {"session_id": session, "accepted": True, "reason": ""})
    bea.drain()
    return ada, bea, session


@test
def who_lists_members_and_sessions():
    with Hub() as hub:
        check("Nobody is at" in worked("who", hub=hub).out)
        equal(json.loads(worked("who", "--json", hub=hub).out), {"members": [], "sessions": []}, "an empty hub")
        _, _, session = collaborate(hub)
        text = harmless(worked("who", hub=hub).out)
        for part in ("ada", "networking", "grüße \\x1b[31m", "日本", session[:8], "feature_development", "active"):
            check(part in text, repr(part), "is not in", text)
        equal(row(text, "AI", "ada")["SPECIALIZATION"], "networking", "what ada is said to be")
        equal(row(text, "SESSION", session[:8])["STATUS"], "active", "of the session")
        who = json.loads(worked("who", "--json", hub=hub).out)
        equal(sorted(member["ai_id"] for member in who["members"]), ["ada", "日本"], "members")
        equal(who["sessions"][0]["session_id"], session, "session")


@test
def leases_are_listed():
    with Hub() as hub:
        check("Nobody holds a lease" in worked("leases", hub=hub).out)
        equal(json.loads(worked("leases", "--json", hub=hub).out), [], "an empty hub")
        ada, bea = hub.join("ada", 2), hub.join("bea", 2)
        ada.drain()
        ada.say("lease_request", {"key": "feature:\x1b[31mred", "ttl_s": 600, "intent": "to build it"})
        fence = ada.expect("lease", status="granted", holder="ada")["payload"]["fence"]
        bea.drain()
        bea.say("lease_request", {"key": "k", "ttl_s": 600, "intent": "to test it"})
        bea.expect("lease", status="granted", holder="bea")
        bea.close()
        text = harmless(worked("leases", hub=hub).out)
        line = row(text, "KEY", "feature:\\x1b[31mred")
        equal((line["HOLDER"], line["FENCE"], line["EXPIRES"]), ("ada", str(fence), "600 s silent"), text)
        check(row(text, "KEY", "k")["EXPIRES"].startswith("in "), text)
        leases = json.loads(worked("leases", "--json", hub=hub).out)
        equal([(lease["holder"], lease["intent"]) for lease in leases], [("ada", "to build it"), ("bea", "to test it")], "leases")


@test
def who_tells_what_sets_an_ai_apart():
    """In 80 columns there is room for little: what all of them can do is left out."""
    base = ["pattern_recognition", "code_generation", "os_development"]
    with Hub() as hub:
        hub.join("ada", 2, capabilities=base + ["tcp"])
        check("pattern_recognition" in worked("who", hub=hub).out, "what one alone can do")
        hub.join("bea", 2, capabilities=["audio"] + base)
        text = worked("who", hub=hub).out
        equal([row(text, "AI", name)["CAPABILITIES"] for name in ("ada", "bea")], ["tcp", "audio"], "what is told")
        who = json.loads(worked("who", "--json", hub=hub).out)
        equal(who["members"][0]["capabilities"], base + ["tcp"], "what a script is told")


@test
def who_tells_who_is_between_its_turns():
    with Hub() as hub:
        hub.join("ada", 2, capabilities=["tcp"])
        bea = hub.join("bea", 2, stays_s=600, capabilities=["alsa"])
        bea.close()
        wait_until(lambda: row(worked("who", hub=hub).out, "AI", "bea")["STATUS"].startswith("away, "), "bea to be away")
        check(row(worked("who", hub=hub).out, "AI", "ada")["STATUS"].startswith("here, "), "ada")
        who = {member["ai_id"]: member for member in json.loads(worked("who", "--json", hub=hub).out)["members"]}
        equal([who[name]["status"] for name in ("ada", "bea")], ["connected", "away"], "what a script is told")
        equal(who["bea"]["heard"], who["bea"]["away_since"], "when it was last heard of")


@test
def who_is_not_noticed():
    with Hub() as hub:
        ada = hub.join("ada", 2)
        worked("who", hub=hub)
        ada.expect_nothing()


# ── watch ──


@test
def watch_shows_one_harmless_line_a_message():
    with Hub() as hub:
        ada = hub.join("ada", 2)
        with Running("watch", hub=hub) as watch:
            watch.wait_for("1 AI is there")
            ada.say("chat", {"text": HOSTILE})
            ada.say("pattern_share", {"pattern": {"id": "p1", "big": 10 ** 400, "ratio_heldout": 0.5}})
            ada.say("chat", {"text": "the last"})
            watch.wait_for("the last\n")
            code, err = watch.end()
    equal((code, err), (0, ""), "how it ended")
    lines = harmless(watch.text).splitlines()
    equal(len(lines), 4, "lines")
    check("\\x1b[31mred" in lines[1] and "second line" in lines[1], lines[1])
    check(re.match(r"\d\d:\d\d:\d\d ada +→ all +pattern_share +ratio 0.500  p1$", lines[2]), lines[2])
    equal(len({line.index("→") for line in lines[1:]}), 1, "column of the arrow")


@test
def watch_has_colors_of_its_own_only():
    with Hub() as hub:
        ada = hub.join("ada", 2)
        with Running("watch", "--color", "always", hub=hub) as watch:
            watch.wait_for("there")
            ada.say("chat", {"text": HOSTILE})
            watch.wait_for("second line")
            watch.end()
    check("\x1b[36m" in watch.text or "\x1b[2m" in watch.text, shorten(watch.text))
    harmless(re.sub(r"\x1b\[\d+m", "", watch.text))
    check("\\x1b[31mred" in watch.text, shorten(watch.text))


@test
def watch_json_gives_the_lines_as_they_came():
    with Hub() as hub:
        ada = hub.join("ada", 2)
        with Running("watch", "--json", hub=hub) as watch:
            watch.wait_for("training_sync")
            sent = b'{"message_id":"m1", "sender_id":"ada","message_type":"chat","timestamp":"t","payload":{"text":"x","n":1.50}}'
            ada.send(sent)
            watch.wait_for('"n":1.50')
            equal(watch.end()[0], 0, "exit code")
    lines = watch.text.splitlines()
    check(lines[-1].startswith(sent.decode()[:-1] + ',"seq":'), lines[-1])
    for line in lines:
        json.loads(line)


@test
def watch_shows_what_is_asked_for():
    with Hub() as hub:
        with Running("watch", "--type", "report", "--type", "chat", hub=hub) as types, \
                Running("watch", "--ai", "日本", "--json", hub=hub) as names:
            types.wait_for("watching")
            wait_until(lambda: hub.log().count(" event=observing ") == 2, "both watchers")
            ada, bea, session = collaborate(hub)
            with Running("watch", "--session", session[:8], "--type", "session", hub=hub) as sessions:
                sessions.wait_for("watching")
                ada.say("collaboration_update", {"session_id": session, "progress": 0.5, "note": "half"})
                ada.say("performance_report", {"component_id": "x", "performance": {"score": 0.5}})
                ada.say("pattern_share", {"pattern": {"id": "p"}})
                ada.drain()
                bea.say("chat", {"text": "the last"})
                ada.say("collaboration_update", {"session_id": session, "progress": 0.7, "note": "more"})
                types.wait_for("the last")
                names.wait_for("the last")
                sessions.wait_for("more")
                for watch in (types, names, sessions):
                    equal(watch.end(), (0, ""), "how it ended")
    equal(len(types.text.splitlines()), 3, types.text)
    check("performance_report" in types.text and "chat" in types.text, types.text)
    heard = [json.loads(line) for line in names.text.splitlines()]
    check({line["message_type"] for line in heard} >= {"hello", "collaboration_update", "chat"}, names.text)
    check(not {line["message_type"] for line in heard} & {"pattern_share", "performance_report"}, names.text)
    lines = sessions.text.splitlines()
    equal(len(lines), 3, sessions.text)
    check("half" in lines[1] and "more" in lines[2], sessions.text)
    refused(2, "watch", "--type", "reprot", said=["'reprot'", "'report'"])


@test
def small_clients_are_not_told_everything():
    """A hello says whether its sender wants to know what the hub knows: only kb does."""
    for words in CLIENTS:
        with socket.create_server(("127.0.0.1", 0)) as server:
            with Running(*words, "--hub", f"127.0.0.1:{server.getsockname()[1]}") as client:
                peer, _ = server.accept()
                with peer.makefile("rb") as lines:
                    hello = json.loads(lines.readline())
                equal(hello["payload"].get("sync"), None if words[0] == "kb" else "none", f"sync of {words}")
                peer.close()
                client.end(number=None)
    with Hub() as hub:
        ada = hub.join("ada", 2)
        for number in range(100):
            ada.say("pattern_share", {"pattern": {"id": f"p{number}", "x": "y" * 1000}})
        ada.drain()
        with Running("watch", "--json", hub=hub) as watch:
            sync = watch.wait_for("\n")
            check(len(sync) < 10000, "a sync of", len(sync), "bytes")
            equal(watch.end()[0], 0, "exit code")
        check("p99" in worked("kb", "list", "--limit", "100", hub=hub).out, "what kb knows")


@test
def watch_ends_after_its_time():
    with Hub() as hub:
        equal(worked("watch", "--for", "0.2", hub=hub).err, "", "stderr")


@test
def watch_ends_when_nobody_reads():
    with Hub() as hub:
        ada = hub.join("ada", 2)
        with Running("watch", hub=hub) as silent, Running("watch", hub=hub) as busy:
            silent.wait_for("there")
            busy.wait_for("there")
            for watch in (silent, busy):
                watch.process.stdout.close()
            ada.say("chat", {"text": "x" * 100000})
            for watch in (silent, busy):
                equal(watch.process.wait(PATIENCE), 0, "exit code")
                equal(watch.process.stderr.read(), b"", "stderr")


@test
def watch_comes_back_with_the_hub():
    with Hub() as first:
        port = first.port
        watch = Running("watch", hub=first)
        watch.wait_for("there")
    with watch:
        watch.wait_for("lost the hub")
        with Hub(listen=(f"127.0.0.1:{port}",)) as second:
            watch.wait_for("the hub is back")
            second.join("ada", 2).say("chat", {"text": "after"})
            watch.wait_for("after")
            equal(watch.end(signal.SIGTERM)[0], 0, "exit code")


@test
def watch_misses_nothing_while_the_hub_is_away():
    """Whether it is there again before ada or not: what she says comes, once."""
    with directory() as data:
        hub = Hub("--data", data)
        port = hub.port
        with Running("watch", hub=hub) as watch:
            watch.wait_for("there")
            hub.join("ada", 2).say("chat", {"text": "before"})
            watch.wait_for("before")
            kill_9(hub)
            with Hub("--data", data, listen=(f"127.0.0.1:{port}",)) as hub:
                hub.join("ada", 2).say("chat", {"text": "in between"})
                watch.wait_for("the hub is back")
                hub.join("bea", 2).say("chat", {"text": "afterwards"})
                text = watch.wait_for("afterwards")
                equal([text.count(said) for said in ("before", "in between", "afterwards")], [1, 1, 1], "said")


@test
def watch_begins_where_it_ended():
    with directory() as data, Hub("--data", data) as hub:
        ada = hub.join("ada", 2)
        with Running("watch", "--as", "me", "--since", "last", hub=hub) as watch:
            watch.wait_for("there")
            ada.say("chat", {"text": "one"})
            watch.wait_for("one")
            equal(watch.end(), (0, ""), "the end")
        ada.say("chat", {"text": "two"})
        ada.say("chat", {"text": "three"})
        settle(ada)
        with Running("watch", "--as", "me", "--since", "last", hub=hub, TZ="UTC") as watch:
            text = watch.wait_for("now:")
            check(re.search(r"Sunday, 2026-11-22\n08:00:00 ada .* two\n08:00:00 ada .* three\n", text), text)
            check(re.search(r"two.*three.*that was missed: \d+ messages; now:", text, re.S), text)
            ada.say("chat", {"text": "four"})
            watch.wait_for("four")
        with Running("watch", "--since", "1", hub=hub) as watch:
            text = watch.wait_for("now:")
            check(re.search(r"one.*two.*three.*four.*that was missed", text, re.S), text)
        ada.expect_nothing()  # nobody sees that somebody watches
    with Hub() as hub:  # which keeps nothing: what it says of that is no message that was missed
        ada = hub.join("ada", 2)
        with Running("watch", "--since", "1", hub=hub) as watch:
            watch.wait_for("is not kept")
            ada.say("chat", {"text": "one"})
            check("was missed" not in watch.wait_for("one"), watch.text)
        found = refused(1, "watch", "--since", "4711", hub=hub)
        check("refused us: payload.since is 4711" in found.err and "no hub" not in found.err, found.err)


# ── send ──


@test
def send_says_whether_the_hub_took_it():
    with Hub() as hub:
        ada = hub.join("ada", 2)
        text = worked("send", "chat", '{"text":"hi"}', "--to", "ada", "--as", "me", hub=hub).out
        check(re.fullmatch(r"accepted: chat [0-9a-f-]{36}\n", text), text)
        equal(ada.expect("hello")["sender_id"], "me", "sender")
        ada.expect("chat", text="hi")
        refused(1, "send", "chat", '{"text":"hi"}', "--to", "nobody", hub=hub, said=["unknown_target", "nobody"])
        verdict = json.loads(worked("send", "pattern_share", "-", "--json", hub=hub,
                                    given=b'{"pattern":\r\n{"id":"p1","n":1e400}\n}').out)
        equal(verdict["accepted"], True, "verdict")
        result = khub("send", "pattern_share", '{"pattern":7}', "--json", hub=hub)
        equal(result.code, 1, "exit code")
        verdict = json.loads(result.out)
        equal((verdict["accepted"], verdict["code"]), (False, "bad_payload"), "verdict")
        entry = json.loads(worked("kb", "get", "p1", "--json", hub=hub).out.replace("1e400", '"1e400"'))[0]
        equal(entry["entry"]["pattern"]["n"], "1e400", "the number's own spelling")
        refused(1, "send", "chat", "{}", "--as", "ada", hub=hub, said=["ada"])
        refused(2, "send", "chat", "{}", "--as", "x" * 129, hub=hub, said=["128"])


# ── request ──


@test
def request_collects_what_is_built():
    with Hub() as hub:
        ada = hub.join("ada", 2, capabilities=["storage_management"])
        with Running("request", "storage", "--as", "me", "--requirements", '{"ms":5}', hub=hub) as request:
            ada.expect("hello")
            seen = [ada.receive(), ada.receive()]
            equal(sorted(line["message_type"] for line in seen), ["feature_request", "feature_response"], "asked by")
            asked = next(line for line in seen if line["message_type"] == "feature_response")
            equal(asked["payload"]["original_request"], {"feature": "storage", "requirements": {"ms": 5}}, "request")
            ada.say("os_component_share", {"component": {"name": "store\x1b[31m", "implementation": "int a;\nint\tb;\n"},
                                           "original_requestor": "me", "feature_name": "storage"}, "me")
            code, err = request.end(number=None)
    equal((code, err), (0, ""), "how it ended")
    harmless(request.text)
    for part in ("asked: ada\n", "ada: store\\x1b[31m", "    | int a;\n    | int b;\n"):
        check(part in request.text, repr(part), "is not in", request.text)


@test
def request_fails_when_nothing_comes():
    with Hub() as hub:
        refused(1, "request", "storage", "--wait", "0.3", hub=hub, said=["nothing came"])
        hub.join("ada", 2, capabilities=["storage_management"])
        result = khub("request", "storage", "--wait", "0.3", "--json", hub=hub)
        equal(result.code, 1, "exit code")
        equal(json.loads(result.out), {"feature": "storage", "asked": ["ada"], "components": [], "declined": []},
              "what is told")


@test
def request_shows_who_declines():
    """And ends at once when nobody is left who could answer."""
    with Hub() as hub:
        ada = hub.join("ada", 2, capabilities=["storage_management"])
        bea = hub.join("bea", 2, capabilities=["storage"])
        for options in ([], ["--json"]):
            with Running("request", "storage", "--as", "me", "--wait", "86400", *options, hub=hub) as request:
                while ada.receive()["message_type"] != "feature_response":
                    pass
                ada.say("chat", {"text": "something else", "feature_name": "x", "declined": True}, "me")
                ada.say("chat", {"text": "just talk"}, "me")
                for client in (ada, bea):
                    client.say("chat", {"text": f"not from me: {HOSTILE}", "feature_name": "storage",
                                        "declined": True}, "me")
                code, err = request.end(number=None)
            equal(code, 1, "exit code")
            check("nobody here can make that" in err, err)
            harmless(request.text)
            if options:
                told = json.loads(request.text)
                equal({answer["from"] for answer in told["declined"]}, {"ada", "bea"}, "who declined")
                equal(told["declined"][0]["text"], f"not from me: {HOSTILE}", "what was said")
            else:
                check("ada: not from me: \\x1b[31mred" in request.text, request.text)
                check("talk" not in request.text and "else" not in request.text, request.text)
            ada.drain()


@test
def what_help_says_to_request_is_answered():
    """By AIs of khub train, as they come."""
    page = worked("help", "request").out
    examples = re.findall(r"^  (khub request .*)$", page[page.index("Example:"):], re.M)
    check(examples, "no example in", page)
    with Hub() as hub:
        with Running("train", "A1", "process_manager", "10", hub=hub) as first, \
                Running("train", "A2", "file_system", "10", hub=hub) as second:
            wait_until(lambda: len(json.loads(worked("who", "--json", hub=hub).out)["members"]) == 2, "the AIs")
            for example in examples:
                result = worked(*shlex.split(example)[1:], "--wait", "86400", hub=hub)
                # its number is the hub's alone, until two others have found it
                check(re.search(r"^A\d: in training 0\.\d+ ", result.out, re.M), example, "brought", result.out)
            for train in (first, second):
                equal(train.end()[0], 0, "exit code")


# ── train ──


@test
def train_sums_up():
    folder = tempfile.mkdtemp()
    try:
        with Hub() as hub:
            path = os.path.join(folder, "summary.json")
            acks = os.path.join(folder, "acks")
            watcher = hub.join("watcher", 2, role="observer")
            out = worked("train", "ada", "file_system", "0.05", "--json", "--summary", path, "--acks", acks, hub=hub).out
            with open(path, encoding="utf-8") as file:
                summary = json.load(file)
            equal(summary["ai_id"], "ada", "ai_id")
            check('"ai_id"' in out, shorten(out))
            said = {(line["message_id"], str(line["seq"]), line["message_type"]) for line in watcher.drain()}
            with open(acks, encoding="utf-8") as file:
                acked = {tuple(line.split()) for line in file}
            relayed = {line for line in acked if line[2] in ("pattern_share", "os_component_share")}
            check(relayed <= said, "acked, and never said:", relayed - said)
            equal(sum(line[2] == "pattern_share" for line in relayed), summary["patterns"]["shared"], "patterns acked")
            nowhere = os.path.join(folder, "none", "acks")
            refused(1, "train", "bea", "audio", "--acks", nowhere, hub=hub, said=[nowhere])
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    run()
