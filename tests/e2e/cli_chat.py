#!/usr/bin/env python3
"""khub chat, and how the subcommands that go on (watch, request) end: pipes that are fast, long or
broken, terminals, signals.

usage: cli_chat.py KHUB [PART OF A NAME]
"""
import contextlib
import fcntl
import json
import os
import signal
import struct
import subprocess
import sys
import tempfile
import termios
import threading
import time

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
sys.path.insert(0, os.path.join(ROOT, "tests", "wire"))
from harness import PATIENCE, Hub, check, directory, equal, full_disk, kill_9  # noqa: E402
from harness import run, settle, test, wait_until  # noqa: E402
from program import HOSTILE, KHUB, Running, Terminal, environment  # noqa: E402
from program import harmless, khub, worked  # noqa: E402


# ── pipes ──


@test
def chat_works_from_a_pipe():
    with Hub() as hub:
        ada = hub.join("ada", 2)
        worked("chat", "--as", "me", hub=hub, given=b'first "line"\n\n/to ada for you\n//slash\nlast')
        ada.expect("hello")
        ada.expect("chat", text='first "line"')
        equal(ada.expect("chat", text="for you")["target_ai"], "ada", "target")
        ada.expect("chat", text="/slash")
        ada.expect("chat", text="last")
        ada.expect("presence", ai_id="me")
        result = khub("chat", hub=hub, given=b"/to nobody x\n")
        equal(result.code, 1, "exit code")
        check("khub chat: line 1: " in result.err and "nobody" in result.err, result.err)
        equal(khub("chat", hub=hub, given=b"/nonsense\n").code, 1, "exit code")
        result = khub("chat", "--as", "hub", hub=hub, given=b"")
        check(result.code == 2 and "'hub' can't be an ai_id" in result.err and "the hub's own" in result.err, result.err)
        check("ada" in worked("chat", hub=hub, given=b"/who\n/quit\nnever said\n").out)


@test
def chat_shows_what_others_say():
    with Hub() as hub:
        ada = hub.join("ada", 2)
        with Running("chat", "--as", "me", hub=hub, stdin=subprocess.PIPE) as chat:
            ada.expect("hello")
            ada.say("chat", {"text": HOSTILE})
            ada.say("chat", {"text": "secret"}, "me")
            chat.wait_for("ada to you: secret")
            chat.process.stdin.close()
            chat.process.stdin = None
            equal(chat.end(number=None), (0, ""), "how it ended")
    check("ada: \\x1b[31mred" in harmless(chat.text), chat.text)


@test
def chat_shows_what_was_missed():
    with directory() as data, Hub("--data", data) as hub:
        ada = hub.join("ada", 2)
        worked("chat", "--as", "me", hub=hub, given=b"I was here\n")
        ada.expect("hello")
        ada.expect("chat")
        ada.expect("presence")
        ada.say("chat", {"text": "where are you?"}, "me")
        ada.expect("error")  # it is not delivered
        ada.say("chat", {"text": "gone, it seems"})
        settle(ada)
        with Running("chat", "--as", "me", "--missed", hub=hub, stdin=subprocess.PIPE, TZ="UTC") as chat:
            text = chat.wait_for("that is what you missed")  # when it was said, and on which day
            check("-- Sunday, 2026-11-22\n08:00:00 ada to you: where are you?\n08:00:00 ada: gone, it seems\n"
                  in text.replace("──", "--"), text)
            ada.expect("hello")
            ada.say("chat", {"text": "there you are"})
            chat.wait_for("there you are")
            chat.process.stdin.close()
            chat.process.stdin = None
            equal(chat.end(None)[0], 0, "exit code")
    with Hub() as hub:  # which keeps nothing, and says so: no line of ours has failed
        worked("chat", "--as", "me", hub=hub, given=b"I was here\n")
        hub.join("ada", 2).say("chat", {"text": "lost"})
        worked("who", hub=hub)
        result = khub("chat", "--as", "me", "--missed", hub=hub, given=b"back\n")
        equal((result.code, result.err), (0, ""), "exit code and stderr")
        check("what you missed is not all there" in result.out, result.out)


@test
def chat_names_the_lines_that_it_can_not_send():
    with Hub() as hub:
        ada = hub.join("ada", 2)
        given = b"a\0b\nfirst\nlatin1 \xe9\n" + b"x" * 1_500_000 + b"\n" + b"y" * 100_000 + b"\n/to \xff x\nlast \xc3"
        result = khub("chat", "--as", "me", hub=hub, given=given)
        ada.expect("hello")
        ada.expect("chat", text="first")
        ada.expect("chat", text="y" * 100_000)
        ada.expect("presence", ai_id="me")
    equal(result.code, 1, "exit code")
    said = result.err.splitlines()
    wanted = [(1, "NUL"), (3, "UTF-8"), (4, "longer"), (6, "UTF-8"), (7, "UTF-8")]
    equal(len(said), len(wanted), "sentences")
    for line, (number, part) in zip(said, wanted):
        check(line.startswith(f"khub chat: line {number}: ") and part in line, line)


@test
def chat_says_that_its_input_can_not_be_read():
    with Hub() as hub:
        folder = os.open("/", os.O_RDONLY | os.O_DIRECTORY)
        try:
            done = subprocess.run([KHUB, "chat"], stdin=folder, capture_output=True, env=environment(hub),
                                  timeout=PATIENCE, check=False)
        finally:
            os.close(folder)
    equal(done.returncode, 1, "exit code")
    check(b"could not read stdin: " in done.stderr, done.stderr)


class Feeder(threading.Thread):
    """Writes to a process's stdin as fast as it reads, from a thread; `written` counts the
    bytes."""

    def __init__(self, process, pieces):
        super().__init__(daemon=True)
        self.pipe, self.pieces, self.written = process.stdin, pieces, 0
        self.start()

    def run(self):
        with contextlib.suppress(BrokenPipeError, ValueError):
            for piece in self.pieces:
                self.pipe.write(piece)
                self.written += len(piece)
            self.pipe.close()

    def wait_for_rest(self):
        """Until it has written all, or nothing more for a while."""
        before, since = -1, time.monotonic()
        while self.is_alive() and time.monotonic() - since < 0.5:
            if self.written != before:
                before, since = self.written, time.monotonic()
            time.sleep(0.01)


@test
def chat_waits_for_a_hub_that_is_slower_than_its_pipe():
    lines = [f"{i} {'x' * 1000}" for i in range(20_000)]
    with Hub() as hub:
        ada = hub.join("ada", 2)
        with Running("chat", "--as", "me", hub=hub, stdin=subprocess.PIPE) as chat:
            ada.expect("hello")
            hub.process.send_signal(signal.SIGSTOP)
            try:
                Feeder(chat.process, ((line + "\n").encode() for line in lines)).wait_for_rest()
            finally:
                hub.process.send_signal(signal.SIGCONT)
            for line in lines:
                ada.expect("chat", text=line)
            chat.process.stdin = None
            equal(chat.end(number=None), (0, ""), "how it ended")


@test
def chat_says_which_lines_the_hub_refused():
    with Hub("--rate", "1") as hub:
        ada = hub.join("ada", 2)
        result = khub("chat", "--as", "me", hub=hub, given=b"".join(b"%d\n" % i for i in range(1, 1001)))
        equal(result.code, 1, "exit code")
        numbers = [int(line.split()[3].rstrip(":")) for line in result.err.splitlines() if " line " in line]
        heard = []
        while True:
            line = ada.receive()
            if line["message_type"] == "presence":
                break
            if line["message_type"] == "chat":
                heard.append(int(line["payload"]["text"]))
    equal(sorted(numbers + heard), list(range(1, 1001)), "the lines refused and those that came")


@test
def chat_says_which_lines_the_hub_could_not_keep():
    """Also of those that it had taken when its disk was found to be full."""
    with directory() as data, Hub("--data", data) as hub:
        ada = hub.join("ada", 2)
        with Running("chat", "--as", "me", hub=hub, stdin=subprocess.PIPE) as chat:
            ada.expect("hello")
            chat.process.stdin.write(b"before\n")
            chat.process.stdin.flush()
            ada.expect("chat", text="before")
            with full_disk(hub):
                chat.process.stdin.write(b"".join(b"%d %s\n" % (i, b"x" * 1000) for i in range(2, 201)))
                chat.process.stdin.close()
                chat.process.stdin = None
                code, said = chat.end(number=None)
        equal(code, 1, "exit code")
        # it, or what it stands behind
        numbers = [int(line.split()[3].rstrip(":")) for line in said.splitlines()
                   if "can't keep this" in line or "could not keep" in line]
        heard = [line for line in ada.drain() if line["message_type"] == "chat"]
        equal(sorted(numbers + [int(line["payload"]["text"].split()[0]) for line in heard]), list(range(2, 201)),
              "the lines refused and those that came")
        check(numbers, said)
        check("heartbeat" not in said, "it tells a person of the protocol:", said)
        worked("send", "chat", '{"text":"room again"}', hub=hub)


@test
def chat_loses_no_line_when_the_hub_is_killed():
    """It waits at the end of its input, too, and says what was lost again under the same name. The
    last line is there when the hub is gone: without it chat had ended where it got on quickly."""
    lines, gone = [f"{i} {'x' * 100}" for i in range(3000)], threading.Event()

    def typed():
        yield from ((line + "\n").encode() for line in lines[:-1])
        gone.wait()
        yield (lines[-1] + "\n").encode()

    with directory() as data:
        hub = Hub("--data", data)
        address = f"127.0.0.1:{hub.port}"
        ada = hub.join("ada", 2)
        with Running("chat", "--as", "me", "--hub", address, stdin=subprocess.PIPE) as chat:
            ada.expect("hello")
            Feeder(chat.process, typed())
            for line in lines[:50]:
                ada.expect("chat", text=line)
            last = ada.raw
            kill_9(hub)
            chat.wait_for("lost the hub")
            gone.set()
            with Hub("--data", data, listen=(address,)) as again:
                ada, heard = again.join("ada", 2, since=json.loads(last)["seq"]), []
                while len(heard) < len(lines) - 50:
                    line = ada.receive()
                    if line["message_type"] == "chat":
                        heard.append(line["payload"]["text"])
                equal(heard, lines[50:], "what came, in order and once")
                chat.process.stdin = None
                code, said = chat.end(number=None)
                equal((code, said), (0, ""), "how it ended")
                check("the hub is back" in chat.text, chat.text)


@test
def what_is_asked_too_fast_is_answered_all_the_same():
    """The hub refuses the heartbeat that asks whether it took the rest: so it did."""
    with Hub("--rate", "1") as hub:
        hub.join("ada", 2)
        equal(worked("send", "chat", '{"text":"x"}', hub=hub).err, "", "stderr")
        result = khub("chat", hub=hub, given=b"only\n")
        equal((result.code, result.err), (0, ""), "how it ended")


@test
def send_tells_what_became_of_a_message_to_one_who_left():
    with Hub() as hub:
        ada = hub.join("ada", 2)
        hub.join("bob", 2).close()
        ada.expect("hello")
        ada.expect("presence", ai_id="bob")
        result = khub("send", "pattern_share", '{"pattern":{"id":"p"}}', "--to", "bob", "--json", hub=hub)
        verdict = json.loads(result.out)
        equal((result.code, verdict["accepted"], verdict["delivered"], verdict["code"]),
              (1, True, False, "target_offline"), "the verdict")
        check("p" in worked("kb", "list", hub=hub).out.split(), "it was not stored")
        result = khub("send", "chat", '{"text":"x"}', "--to", "bob", hub=hub)
        check(result.code == 1 and result.out.startswith("accepted: chat ") and "not delivered" in result.err,
              result.out, result.err)
        result = khub("send", "collaboration_request", '{"type":"x","description":"y"}', "--to", "bob", "--json", hub=hub)
        equal(json.loads(result.out)["accepted"], False, "an invitation to nobody")


@test
def send_refuses_what_is_no_utf8():
    with Hub() as hub:
        hub.join("ada", 2)
        for words, given in (([b"chat", b'{"text":"\xe9"}'], b""), ([b"chat", b"-"], b'{"text":"\xe9"}'),
                             ([b"chat", b"{}", b"--to", b"\xe9"], b""), ([b"chat", b"{}", b"--as", b"\xe9"], b""),
                             ([b"ch\xe9t", b"{}"], b"")):
            done = subprocess.run([KHUB.encode(), b"send", *words], input=given, capture_output=True,
                                  env=environment(hub), timeout=PATIENCE, check=False)
            equal((done.returncode, done.stdout), (2, b""), f"exit code of {words}")
            check(done.stderr.startswith(b"khub send: "), done.stderr)


# ── ends ──


def endless():
    while True:
        yield b"y\n" * 1000


@test
def what_is_busy_can_be_stopped():
    with Hub() as hub:
        with Running("watch", hub=hub) as watch, Running("chat", "--as", "flood", hub=hub, stdin=subprocess.PIPE) as chat:
            watch.wait_for("watching")
            Feeder(chat.process, endless())
            watch.wait_for(" y\n")
            reader = threading.Thread(target=lambda: watch.process.stdout.read(), daemon=True)
            reader.start()
            # until both are at full load; not before that would only make the test easier
            time.sleep(0.5)
            watch.process.send_signal(signal.SIGINT)
            equal(watch.process.wait(PATIENCE), 0, "exit code of watch")
            reader.join(PATIENCE)
            chat.process.send_signal(signal.SIGTERM)
            code, said = chat.process.wait(PATIENCE), chat.process.stderr.read()
            equal(code, 1 if b": stopped before the hub acked " in said else 0, "exit code of chat")
            with contextlib.suppress(BrokenPipeError):
                chat.process.stdin.close()
            chat.process.stdin = None


def bytes_in(pipe):
    return struct.unpack("i", fcntl.ioctl(pipe, termios.FIONREAD, b"\0" * 4))[0]


def stuck_at(pipe):
    """How many bytes wait in the pipe, again and again, until it is no more for a while: then its
    writer is stuck."""
    before, since = 0, time.monotonic()
    while time.monotonic() - since < 0.3 or before < 30_000:
        size = bytes_in(pipe)
        if size != before:
            before, since = size, time.monotonic()
        yield size
        time.sleep(0.001)


@test
def chat_says_what_may_not_have_arrived():
    with Hub() as hub:
        ada = hub.join("ada", 2)
        with Running("chat", "--as", "me", hub=hub, stdin=subprocess.PIPE) as chat:
            ada.expect("hello")
            hub.process.send_signal(signal.SIGSTOP)
            try:
                pipe = chat.process.stdin
                pipe.write(b"one\ntwo\n")
                pipe.flush()
                wait_until(lambda: bytes_in(pipe) == 0, "chat to take the lines")
                chat.process.send_signal(signal.SIGTERM)
                equal(chat.process.wait(PATIENCE), 1, "exit code")
            finally:
                hub.process.send_signal(signal.SIGCONT)
            equal(chat.process.stderr.read(),
                  b"khub chat: line 1: stopped before the hub acked this line and those up to 2: they may not all be "
                  b"kept\n", "what it says")


@test
def what_waits_for_its_reader_can_be_stopped():
    with Hub() as hub:
        ada = hub.join("ada", 2)
        for words in (["watch"], ["watch", "--json"], ["chat"]):
            with Running(*words, hub=hub, stdin=subprocess.PIPE) as stuck:
                if words[0] == "watch":
                    stuck.wait_for("there" if len(words) == 1 else "training_sync")
                else:
                    ada.expect("hello")
                for size in stuck_at(stuck.process.stdout):
                    check(size < 1 << 20, "the pipe has no end")
                    ada.say("chat", {"text": "x" * 1000})
                stuck.process.send_signal(signal.SIGTERM)
                equal(stuck.process.wait(PATIENCE), 0, f"exit code of {words}")
                equal(stuck.process.stderr.read(), b"", "stderr")


# ── terminals ──


@test
def chat_gives_the_terminal_back():
    with Hub() as hub, Terminal() as terminal:
        ada = hub.join("ada", 2)
        for ending in (b"\x04", b"/quit\n", signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT,
                       signal.SIGABRT):
            process = terminal.start(KHUB, "chat", "--as", "me", hub=hub)
            terminal.read_until("/help")
            ada.expect("hello")
            terminal.write("abc\x7fgr\u00fc\u00df\x1b[A dich\n")
            ada.expect("chat", text="abgr\u00fc\u00df dich")
            check(terminal.is_raw(), "the terminal was never changed")
            if isinstance(ending, bytes):
                os.write(terminal.master, ending)
            else:
                process.send_signal(ending)
            dies = ending in (signal.SIGHUP, signal.SIGQUIT, signal.SIGABRT)
            equal(process.wait(PATIENCE), -ending if dies else 0, f"exit code after {ending}")
            equal(terminal.settings(), terminal.before, f"the terminal's settings after {ending}")
            ada.expect("presence", ai_id="me")


@test
def chat_shows_what_is_for_one_alone():
    with Hub() as hub, Terminal() as terminal:
        ada = hub.join("ada", 2)
        process = terminal.start(KHUB, "chat", "--as", "me", "--color", "never", hub=hub)
        terminal.read_until("/help")
        terminal.write("to all\n")
        terminal.read_until("me: to all")
        terminal.write("/to ada for you\n")
        terminal.read_until("me to ada: for you")
        ada.expect("hello")
        ada.expect("chat", text="to all")
        ada.expect("chat", text="for you")
        terminal.write("/quit\n")
        equal(process.wait(PATIENCE), 0, "exit code")


@test
def chat_comes_back_to_the_foreground():
    with Hub() as hub, Terminal() as terminal:
        ada = hub.join("ada", 2)
        shell = terminal.start("bash", "--norc", "--noediting", "-i", hub=hub, leader=True, PS1="$ ")
        try:
            terminal.read_until("$ ")
            terminal.write(f"{KHUB} chat --as me\n")
            terminal.read_until("/help")
            ada.expect("hello")
            wait_until(terminal.is_raw, "the terminal to be changed")
            for said in ("once", "again"):
                terminal.write("\x1a")
                terminal.read_until("$ ")
                check(not terminal.is_raw(), "the shell got the terminal as chat had it")
                terminal.write("fg\n")
                wait_until(terminal.is_raw, "the terminal to be changed again")
                terminal.write(said + "\n")
                ada.expect("chat", text=said)
            terminal.write("/quit\n")
            terminal.read_until("$ ")
            terminal.write("exit\n")
            equal(shell.wait(PATIENCE), 0, "exit code of the shell")
        finally:
            if shell.poll() is None:
                shell.kill()
                shell.wait()


@test
def plain_terminals_get_plain_text():
    with Hub() as hub:
        ada = hub.join("ada", 2)
        for kind in ("", "dumb"):
            with Terminal() as terminal:
                watch = terminal.start(KHUB, "watch", hub=hub, TERM=kind)
                text = terminal.read_until("watching")
                chat = terminal.start(KHUB, "chat", "--as", "me", hub=hub, TERM=kind)
                ada.expect("hello")
                ada.say("chat", {"text": "hello there"})
                while text.count("hello there") < 2:
                    text += terminal.read_some()
                for process in (watch, chat):
                    process.send_signal(signal.SIGINT)
                    equal(process.wait(PATIENCE), 0, "exit code")
                check("\x1b" not in text, repr(text))
                ada.expect("presence", ai_id="me")
            with Terminal() as terminal, tempfile.TemporaryDirectory() as folder:
                learn = terminal.start(KHUB, "learn", "window_manager", "--evaluations", "30", "--train", "2",
                                       "--heldout", "2", "--out", f"{folder}/out", TERM=kind)
                text = terminal.read_until("report")
                while learn.poll() is None:
                    text += terminal.read_some()
                equal(learn.returncode, 0, "exit code")
                check("\x1b" not in text, repr(text))


run()
