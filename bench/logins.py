#!/usr/bin/env python3
"""./dev bench logins: 100,000 wrong logins, and what they cost a hub and those who work there.

    logins.py --build DIR [--logins N] [--check] [--json FILE]

A hub with tokens; two AIs talk, 200 messages a second, and every quarter of a second somebody joins
with a good token. First so for a while, then while --logins wrong ones come as fast as one process
can make them: half from one address, half each from another, OPEN of them open at a time. They
show a token that is nobody's, a mistyped one, one that was revoked, none, and 32 KiB; or say
something else than hello. What the hub has answered by the time that they go is read; one of
PATIENT stays until it has its answer and the hub has closed.

Then: was anybody let in? What became of the two's messages, and of those who joined? How much
memory, log and audit did it take? The memory is compared with what there was after the first tenth.
"""
import argparse
import collections
import json
import os
import re
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time

from recovery import Hub, Pair, join, quantiles, read_until

OPEN = 400
PATIENT = 100
CALM_SECONDS = 3.0
LOOK_SECONDS = 0.25
JOINER = "127.200.0.1"  # none of the wrong ones comes from there

MEMORY_MIB_MAX = 4.0
LOG_BYTES_MAX = 1  # for each of them
AUDIT_ROWS_MAX = 2 * 258  # in a minute: unlike ones, and the rest; and it may fall into two
TIME = struct.Struct("ii")  # of SO_LINGER: at the end a reset, so that no port waits


def token(options, data, *words):
    done = subprocess.run([f"{options.build}/khub", "token", *words, "--data", data], capture_output=True, text=True, check=True)
    return done.stdout.strip()


# --- the wrong ones


def wrong_lines(good, revoked):
    """What they say, one after the other."""
    def line(kind, **payload):
        return json.dumps({"message_id": "h", "sender_id": "eve", "message_type": kind, "timestamp": "t", "target_ai": None,
                           "payload": payload}).encode() + b"\n"
    mistyped = good[:-1] + ("0" if good[-1] != "0" else "1")
    return [line("hello", protocol=2, token="khub_0mn4yx4sqvhggbajeyec3sgb61aqn7y4x4736p3xmb3yr49pbe00b4ane5"),
            line("hello", protocol=2, token=mistyped), line("hello", protocol=2, token=revoked), line("hello", protocol=2),
            line("hello", token="x" * (32 << 10)), line("chat", text="let me in")]


def wrong_address(number):
    if number % 2:
        return "127.100.0.1"
    number //= 2
    return f"127.{1 + number // 62500 % 99}.{number // 250 % 250}.{1 + number % 250}"


def word(said):
    code = re.search(rb'"code":"(\w+)"', said)
    return code.group(1).decode() if code else "let in" if said else "none"


def answer(client):
    """What the hub has said to it so far, in a word."""
    try:
        return word(client.recv(1 << 16, socket.MSG_DONTWAIT))
    except BlockingIOError:
        return "none yet"


def last_answer(client):
    """What it says to it, until it closes."""
    said = b""
    while more := client.recv(1 << 16):
        said += more
    return word(said)


def flood(port, count, lines):
    """All of them. Returns how many got which answer, and of the patient ones."""
    answers, clients = collections.Counter(), collections.deque()
    patient, answered = [], collections.Counter()
    for number in range(count):
        client = socket.socket()
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, TIME.pack(1, 0))
        client.bind((wrong_address(number), 0))
        client.connect(("127.0.0.1", port))
        client.sendall(lines[number % len(lines)])
        (clients if number % PATIENT else patient).append(client)
        if len(clients) > OPEN:
            with clients.popleft() as oldest:
                answers[answer(oldest)] += 1
    for client in patient:
        with client:
            answered[last_answer(client)] += 1
    for client in clients:
        with client:
            answers[answer(client)] += 1
    return answers, answered


class Flood:
    """The same in a process of its own."""

    def __init__(self, *arguments):
        self.read, write = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            try:
                os.write(write, json.dumps(flood(*arguments)).encode())
            finally:
                os._exit(0)
        os.close(write)

    def is_over(self):
        return os.waitpid(self.pid, os.WNOHANG)[0] != 0

    def answers(self):
        with os.fdopen(self.read, "rb") as file:
            said = file.read()
        return json.loads(said) if said else sys.exit("logins.py: the flood has failed")


# --- what it does to the hub


def cpu_seconds(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Watch:
    """Looks at the hub's memory, and joins it, while two talk."""

    def __init__(self, hub, good):
        self.hub, self.good, self.next = hub, good, 0.0
        self.memory, self.joined = [], []

    def look(self):
        if time.monotonic() < self.next:
            return
        self.next = time.monotonic() + LOOK_SECONDS
        self.memory.append(self.hub.memory())
        begun = time.monotonic()
        with join(self.hub.port, f"new {len(self.joined)}", source=JOINER, token=self.good) as client:
            read_until(client, b'"training_sync"')
        self.joined.append((time.monotonic() - begun) * 1000)


def log_text(hub):
    with open(hub.log, encoding="utf-8") as file:
        return file.read()


def connections(hub):
    hub.process.send_signal(signal.SIGUSR1)
    time.sleep(0.1)
    return int(re.findall(r"event=counters connections=(\d+)", log_text(hub))[-1])


def audited(options, data):
    done = subprocess.run([f"{options.build}/khub", "audit", "--json", "--data", data], capture_output=True, text=True, check=True)
    return [each for each in json.loads(done.stdout) if each["what"] == "refused"]


def measure(options, directory):
    data = f"{directory}/data"
    good, revoked = (token(options, data, "add", name) for name in ("good", "revoked"))
    token(options, data, "revoke", "revoked")
    with Hub(options.build, directory, None) as hub:
        pair, calm = Pair(hub.port, token=good), Watch(hub, good)
        end = time.monotonic() + CALM_SECONDS

        def is_calm():
            calm.look()
            return time.monotonic() < end

        figures = {"calm_ms": pair.talk(is_calm), "calm_joined_ms": calm.joined}
        logged, cpu, begun = os.path.getsize(hub.log), cpu_seconds(hub.process.pid), time.monotonic()
        storm, watch = Flood(hub.port, options.logins, wrong_lines(good, revoked)), Watch(hub, good)

        def goes_on():
            watch.look()
            return not storm.is_over()

        figures.update(storm_ms=pair.talk(goes_on), storm_joined_ms=watch.joined, memory_mib=watch.memory,
                       seconds=time.monotonic() - begun, cpu_s=cpu_seconds(hub.process.pid) - cpu,
                       log_bytes=os.path.getsize(hub.log) - logged,)
        figures["answers"], figures["patient"] = storm.answers()
        while connections(hub) > 2:  # the last refusals were held back
            pass
        figures["memory_end_mib"] = hub.memory()
        pair.close()
        hub.process.terminate()
        hub.process.wait()
        figures["secrets_logged"] = sum(secret in log_text(hub) for secret in (good, revoked))
    rows = audited(options, data)
    figures.update(audit_rows=len(rows), audit_times=sum(each["times"] for each in rows),
                   audit_bytes=os.path.getsize(f"{data}/audit.db"))
    return figures


# --- what is said of it


def show(options, figures):
    count, memory = options.logins, figures["memory_mib"]
    hasty, patient = (", ".join(f"{times} {name}" for name, times in sorted(figures[which].items())) for which in ("answers", "patient"))
    print(f"{count} wrong logins in {figures['seconds']:.1f} s; answers until they left: {hasty}; to who stayed: {patient}")
    print(f"the hub's CPU, pair and all: {figures['cpu_s'] * 1e6 / count:.0f} µs for each")
    print(f"memory: {memory[0]:.1f} MiB at first, {max(memory):.1f} at the most, {figures['memory_end_mib']:.1f} at the end")
    print(f"log: {figures['log_bytes']} bytes; audit: {figures['audit_rows']} rows for {figures['audit_times']} of them, "
          f"{figures['audit_bytes'] / 1024:.0f} KiB")
    for title, times in (("two who talk, before", "calm_ms"), ("meanwhile", "storm_ms"),
                         ("who joins, before", "calm_joined_ms"), ("meanwhile", "storm_joined_ms")):
        print(f"{title:>21}: {quantiles(figures[times])}")


def verdicts(options, figures):
    """What is wanted, one (holds, text, measured) each."""
    count, memory, patient = options.logins, figures["memory_mib"], figures["patient"]
    answers = collections.Counter(figures["answers"]) + collections.Counter(patient)
    told = answers["unauthorized"] + answers["rate_limited"]
    others = {name: times for name, times in answers.items() if name not in ("unauthorized", "rate_limited", "none yet")}
    settled = memory[len(memory) // 10:] + [figures["memory_end_mib"]]
    grown = max(settled) - settled[0]
    rows_max = AUDIT_ROWS_MAX * (2 + figures["seconds"] // 60)
    return [(not others, "nobody is let in", f"{others or 'none'}"),
            ("none" not in patient, "who stays is told why not", f"{patient}"),
            (grown <= MEMORY_MIB_MAX, f"from the first tenth on memory grows by no more than {MEMORY_MIB_MAX:.0f} MiB", f"{grown:.1f} MiB"),
            (figures["log_bytes"] <= LOG_BYTES_MAX * count, f"the log grows by no more than {LOG_BYTES_MAX} bytes for each",
             f"{figures['log_bytes'] / count:.2f}"),
            (not figures["secrets_logged"], "no token is in it", f"{figures['secrets_logged']}"),
            (figures["audit_rows"] <= rows_max, f"the audit has at most {rows_max:.0f} rows for them", f"{figures['audit_rows']}"),
            (told <= figures["audit_times"] <= count, "and counts each that was answered, once",
             f"{figures['audit_times']}, and {told} had the answer before they left")]


def main():
    parser = argparse.ArgumentParser(description="what many wrong logins cost a hub, and those who work there")
    parser.add_argument("--build", required=True, help="build directory")
    parser.add_argument("--logins", type=int, default=100000)
    parser.add_argument("--check", action="store_true", help="exit 1 if something that is wanted does not hold")
    parser.add_argument("--json", metavar="FILE", help="writes every figure there")
    options = parser.parse_args()
    options.build = os.path.abspath(options.build)
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    with tempfile.TemporaryDirectory(prefix="logins-") as directory:
        figures = measure(options, directory)
    show(options, figures)
    print("\nWanted")
    wanted = verdicts(options, figures)
    for holds, text, measured in wanted:
        print(f"  {'holds' if holds else 'FAILS'}  {text}: {measured}")
    if options.json:
        with open(options.json, "w", encoding="ascii") as file:
            json.dump(figures, file, indent=1)
    return 1 if options.check and not all(holds for holds, _, _ in wanted) else 0


if __name__ == "__main__":
    sys.exit(main())
