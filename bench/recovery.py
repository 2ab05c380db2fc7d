#!/usr/bin/env python3
"""./dev bench recovery: a hub that begins on much that it kept, and somebody who missed all of it.

    recovery.py --build DIR [--messages N] [--knowledge N] [--starts N] [--json FILE]

A hub is told --knowledge patterns and --messages direct messages of 300 bytes each, and killed with
-9. Then it is started --starts times, and killed again each time: how long until it listens, how
much memory it has then, beyond what it knows. The last time somebody comes who was away all the
while and reads a million messages; meanwhile two others talk, 200 messages a second, and before
that as well: how long does a message of theirs take? (The readers are on the generator's core.)
Last: for how long did a step of the checkpoint of all that hold the loop?
"""
import argparse
import json
import os
import re
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time

from brokers import child_setup

PUBLISHERS, WINDOW = 16, 256
PAIR_RATE, PAIR_SECONDS = 200, 3.0
START_SECONDS_MAX = 300.0


class Hub:
    """One that serves a directory; killed with -9 at the end of the with block."""

    def __init__(self, build, directory, core):
        self.began = time.monotonic()
        port_file = f"{directory}/port"
        if os.path.exists(port_file):
            os.unlink(port_file)
        self.log = f"{directory}/log"
        command = [f"{build}/khub", "serve", "--quiet", "--data", f"{directory}/data", "--listen", "127.0.0.1:0",
                   "--port-file", port_file, "--log", self.log]
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, preexec_fn=child_setup(core))
        text = ""
        while not text.endswith("\n"):
            if self.process.poll() is not None:
                sys.exit(f"recovery.py: the hub ended with code {self.process.returncode}")
            if time.monotonic() - self.began > START_SECONDS_MAX:
                sys.exit(f"recovery.py: the hub did not begin within {START_SECONDS_MAX:.0f} s")
            time.sleep(0.002)
            if os.path.exists(port_file):
                with open(port_file, encoding="ascii") as file:
                    text = file.read()
        self.port = int(text)
        self.seconds = time.monotonic() - self.began

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()

    def memory(self):
        """MiB that are its own: not those of files it has mapped."""
        with open(f"/proc/{self.process.pid}/status", encoding="ascii") as file:
            return int(re.search(r"RssAnon:\s+(\d+)", file.read()).group(1)) / 1024

    def longest_step(self):
        """ms for which a step of its first checkpoints held the loop, at the most."""
        while True:
            self.process.send_signal(signal.SIGUSR1)
            time.sleep(0.1)
            with open(self.log, encoding="utf-8") as file:
                said = re.findall(r"event=counters .*checkpoints=(\d+) checkpoint_step_us=(\d+)", file.read())
            if said and int(said[-1][0]) > 0:
                return int(said[-1][1]) / 1000

    def recovered(self):
        """What the log says of the last start."""
        with open(self.log, encoding="utf-8") as file:
            said = re.findall(r"event=recovered (.*)", file.read())
        return dict(re.findall(r"(\w+)=(\d+)", said[-1])) if said else {}


def tell(options, hub, dialect, messages, core):
    command = [f"{options.build}/bench/durable_load", "--dialect", dialect, "--port", str(hub.port), "--publishers",
               str(PUBLISHERS), "--window", str(WINDOW), "--messages", str(messages)]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, check=True,
                          preexec_fn=child_setup(core))
    return json.loads(done.stdout)


def join(port, name, source="", **more):
    connection = socket.create_connection(("127.0.0.1", port), source_address=(source, 0))
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    hello = {"message_id": "h", "sender_id": name, "message_type": "hello", "timestamp": "t", "target_ai": None,
             "payload": {"protocol": 2, "sync": "none", **more}}
    connection.sendall(json.dumps(hello).encode() + b"\n")
    return connection


def read_until(connection, mark):
    """Bytes and lines until the mark was read."""
    size, lines, tail = 0, 0, b""
    while True:
        more = connection.recv(1 << 18)
        if not more:
            sys.exit("recovery.py: the hub closed a connection")
        size, lines = size + len(more), lines + more.count(b"\n")
        if mark in tail + more:
            return size, lines
        tail = more[-len(mark):]


class Pair:
    """Two who talk; the time of each message in ms."""

    def __init__(self, port, **more):
        self.there = join(port, "there", **more)
        read_until(self.there, b'"training_sync"')
        self.here = join(port, "here", **more)
        read_until(self.here, b'"training_sync"')
        read_until(self.there, b'"hello"')
        self.count = 0

    def talk(self, wanted):
        """While wanted() is true."""
        times, start, said = [], time.monotonic(), 0
        while wanted():
            line = {"message_id": f"t{self.count}", "sender_id": "here", "message_type": "chat", "timestamp": "t",
                    "target_ai": "there", "payload": {"text": f"<{self.count}>"}}
            before = time.monotonic()
            self.here.sendall(json.dumps(line).encode() + b"\n")
            read_until(self.there, f"<{self.count}>".encode())
            times.append((time.monotonic() - before) * 1000)
            self.count, said = self.count + 1, said + 1
            time.sleep(max(0.0, start + said / PAIR_RATE - time.monotonic()))
        return times

    def close(self):
        self.here.close()
        self.there.close()


def catch_up(port):
    """A process that reads all that "sink" missed. Its descriptor tells, at the end, lines and
    seconds."""
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(read)
        start = time.monotonic()
        size, lines = read_until(join(port, "sink", since=1), b'"caught_up"')
        os.write(write, json.dumps([size, lines, time.monotonic() - start]).encode())
        os._exit(0)
    os.close(write)
    return pid, read


def quantiles(times):
    ordered = sorted(times)
    return (f"{len(ordered)} messages, p50 {statistics.median(ordered):.2f}, "
            f"p99 {ordered[int(0.99 * (len(ordered) - 1))]:.2f}, most {ordered[-1]:.2f} ms")


def meet(hub, figures):
    pair = Pair(hub.port)
    end = time.monotonic() + PAIR_SECONDS
    figures["pair_before"] = pair.talk(lambda: time.monotonic() < end)
    pid, read = catch_up(hub.port)
    figures["pair_meanwhile"] = pair.talk(lambda: os.waitpid(pid, os.WNOHANG)[0] == 0)
    figures["missed_bytes"], figures["missed"], figures["missed_s"] = json.loads(os.read(read, 4096))
    os.close(read)
    pair.close()
    figures["checkpoint_step_ms"] = hub.longest_step()
    print(f"\nWho was away read {figures['missed']} lines ({figures['missed_bytes'] / (1 << 20):.0f} MiB) in "
          f"{figures['missed_s']:.1f} s")
    print(f"Two others, before:    {quantiles(figures['pair_before'])}")
    print(f"Two others, meanwhile: {quantiles(figures['pair_meanwhile'])}")
    print(f"A step of the checkpoint of all that held the loop for {figures['checkpoint_step_ms']:.2f} ms at the most")


def measure(options, directory, figures):
    cores = sorted(os.sched_getaffinity(0))
    core = cores[-1] if len(cores) > 1 else None
    with Hub(options.build, directory, None) as hub:
        tell(options, hub, "khub_share", options.knowledge, core)
        told = tell(options, hub, "khub", options.messages, core)
        print(f"{options.knowledge} patterns, {options.messages} messages ({told['acked_per_s']} a second)")
    size = os.path.getsize(f"{directory}/data/hub.db") / (1 << 20)
    print(f"{size:.0f} MiB of database\n")
    os.sched_setaffinity(0, {core} if core is not None else set(cores))
    for number in range(options.starts):
        with Hub(options.build, directory, None) as hub:
            said, memory = hub.recovered(), hub.memory()
            knowledge = int(said.get("knowledge", 0)) / (1 << 20)
            figures.setdefault("starts", []).append({"s": hub.seconds, "rss_mib": memory, **said})
            print(f"start {number + 1}: listens after {hub.seconds:.2f} s ({said.get('entries')} entries applied, "
                  f"{said.get('ms')} ms of it state and entries); {memory:.0f} MiB of memory, "
                  f"{memory - knowledge:.0f} beyond the {knowledge:.0f} MiB that it knows", flush=True)
            if number + 1 == options.starts:
                meet(hub, figures)


def main():
    parser = argparse.ArgumentParser(description="a hub that begins on much that it kept")
    parser.add_argument("--build", required=True, help="build directory, configured with -Dbench=true")
    parser.add_argument("--messages", type=int, default=1000000)
    parser.add_argument("--knowledge", type=int, default=100000)
    parser.add_argument("--starts", type=int, default=3)
    parser.add_argument("--json", metavar="FILE", help="writes every figure there")
    options = parser.parse_args()
    options.build = os.path.abspath(options.build)
    figures = {}
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    with tempfile.TemporaryDirectory(prefix="recovery-") as directory:
        measure(options, directory, figures)
    if options.json:
        with open(options.json, "w", encoding="ascii") as file:
            json.dump(figures, file, indent=1)


if __name__ == "__main__":
    main()
