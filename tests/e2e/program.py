"""The khub program as the tests of its subcommands run it: to its end, with what it printed."""
import ctypes
import fcntl
import os
import re
import resource
import select
import signal
import subprocess
import sys
import termios
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "wire"))
from harness import PATIENCE, Skip, check, equal, pseudo_terminal, shorten  # noqa: E402

KHUB = os.path.abspath(sys.argv[1])
HOSTILE = "\x1b[31mred\x1b]0;title\x07 \x9b2J \u202eevil\x7f\r\nsecond line"


def needs_landlock():
    """Skips the test where nothing of others is run: the probe confines compilers by Landlock."""
    if ctypes.CDLL(None).syscall(444, None, 0, 1) < 0:  # landlock_create_ruleset: which version
        raise Skip("this machine has no Landlock, without which nothing of others is run")


def environment(hub=None, **more):
    """This process's own, without what would change the output."""
    found = {name: value for name, value in os.environ.items() if name not in ("KHUB_HUB", "NO_COLOR", "COLUMNS")}
    found["LANG"] = "C.UTF-8"
    if hub:
        found["KHUB_HUB"] = f"127.0.0.1:{hub.port}"
    found.update(more)
    return found


class Result:
    def __init__(self, code, out, err):
        self.code, self.out, self.err = code, out.decode(), err.decode()


def khub(*words, hub=None, given=b"", **more):
    """Runs khub to its end."""
    done = subprocess.run([KHUB, *words], input=given, capture_output=True, timeout=PATIENCE,
                          env=environment(hub, **more), check=False)
    result = Result(done.returncode, done.stdout, done.stderr)
    for report in ("AddressSanitizer", "runtime error:", "LeakSanitizer", "Assertion"):
        check(report not in result.err, result.err[-3000:])
    return result


class Running:
    """A khub that goes on; its stdout is read as it comes."""

    def __init__(self, *words, hub=None, stdin=subprocess.DEVNULL, **more):
        self.process = subprocess.Popen([KHUB, *words], stdin=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                        env=environment(hub, **more))
        self.text = ""

    def wait_for(self, part):
        """Reads until this stands in the output."""
        end = time.monotonic() + PATIENCE
        while part not in self.text:
            ready, _, _ = select.select([self.process.stdout], [], [], max(0, end - time.monotonic()))
            data = os.read(self.process.stdout.fileno(), 65536) if ready else b""
            check(data, "waited in vain for", repr(part), "in", shorten(self.text))
            self.text += data.decode()
        return self.text

    def end(self, number=signal.SIGINT):
        """Ends it and returns its exit code and stderr."""
        if number:
            self.process.send_signal(number)
        out, err = self.process.communicate(timeout=PATIENCE)
        self.text += out.decode()
        return self.process.returncode, err.decode()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        for stream in (self.process.stdout, self.process.stderr, self.process.stdin):
            if stream:
                stream.close()


class Terminal:
    """A pseudo-terminal. `text` is what came out of it so far."""

    def __init__(self):
        self.master, self.slave = pseudo_terminal()
        self.text = ""
        self.before = self.settings()

    def settings(self):
        return termios.tcgetattr(self.master)

    def is_raw(self):
        return not self.settings()[3] & termios.ICANON

    def write(self, text):
        os.write(self.master, text.encode())

    def read_until(self, part):
        """What comes until this does."""
        text = ""
        while part not in text:
            ready, _, _ = select.select([self.master], [], [], PATIENCE)
            check(ready, "waited in vain for", repr(part), "in", shorten(text))
            text += os.read(self.master, 65536).decode(errors="replace")
        self.text += text
        return text

    def read_some(self):
        """What has come, perhaps nothing."""
        ready, _, _ = select.select([self.master], [], [], 0.01)
        return os.read(self.master, 65536).decode(errors="replace") if ready else ""

    def start(self, *words, hub=None, leader=False, **more):
        """khub on this terminal; leader: as the leader of a session that it belongs to."""
        def prepare():
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
            if leader:
                os.setsid()
                fcntl.ioctl(0, termios.TIOCSCTTY, 0)
        return subprocess.Popen(words, stdin=self.slave, stdout=self.slave, stderr=self.slave, preexec_fn=prepare,
                                env=environment(hub, **{"TERM": "xterm", **more}))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        os.close(self.master)
        os.close(self.slave)


def worked(*words, **more):
    result = khub(*words, **more)
    equal(result.code, 0, f"exit code of {words} ({shorten(result.err)})")
    return result


def refused(code, *words, said=(), **more):
    """It ends with this code and says all of that on stderr, nothing on stdout."""
    result = khub(*words, **more)
    equal(result.code, code, f"exit code of {words}")
    for part in said:
        check(part in result.err, repr(part), "is not in", shorten(result.err))
    return result


def at_once(text):
    """As a fast machine says it: ages of less than an hour are "just now"."""
    return re.sub(r"(, |since |\()\d+ (?:s|min)\b(?: ago)?", r"\1just now", text)


def harmless(text):
    """No character that a terminal obeys, line ends aside."""
    for bad in re.findall(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e]", text):
        raise AssertionError(f"{bad!r} is in {shorten(text)}")
    return text


def table(text):
    """The rows of a table as khub prints it to a pipe, each a dict by title. Empty cells there are
    none."""
    rows, titles = [], None
    for line in text.splitlines():
        cells = re.split(r" {2,}", line.strip())
        if titles and len(cells) == len(titles):
            rows.append(dict(zip(titles, cells)))
        elif len(cells) > 1 and line.isupper():
            titles = cells
    return rows


def row(text, title, value):
    """The one row that has this value under this title."""
    found = [cells for cells in table(text) if cells.get(title) == value]
    equal(len(found), 1, f"rows with {title} {value} in {shorten(text)}")
    return found[0]
