#!/usr/bin/env python3
"""./dev bench durable: messages that are acknowledged when they are on disk, khub beside others.

    durable.py --build DIR [--rounds N] [--seconds S] [--json FILE]

khub runs with --data and --sync always; Redis' streams with appendfsync always; NATS' JetStream
with file storage, which acknowledges what it has written and synchronises later (every two minutes
by default). Those that are not installed take no part. Messages have 300 bytes. The floor is what
any of them would have to pay who waits for the disk (bench/floor.c): what came in a turn is written
over an old log, fdatasync, an answer to each line; nothing is read, nor kept apart.

The rounds interleave, each run has a fresh broker and an empty directory. Shown is the median over
the rounds: acknowledged messages a second with publishers that keep so many of them under way, and
the time until an acknowledgement comes, in ms, at the median and at the 99th percentile; the latter
also at half load: evenly half of what a broker took at the most, with 64 publishers. The floor gets
there what khub gets, and a commit of the floor alone is shown beside it: when its own p99 is beyond
a bound, no broker is within it on this machine at this hour.

At half load broker and generator are put before all that has no such precedence (SCHED_RR; as
root): time that is spent waiting behind other programs is no broker's. The threads of the file
system have none, so a log that grows, as Redis' does, may wait for them.
"""
import argparse
import json
import os
import socket
import statistics
import subprocess
import sys
import time

from brokers import START_SECONDS, Broker, Failed, Running, child_setup, free_port, write_file
from relay import progress, spread, table

CASES = ((1, 1), (1, 64), (16, 64), (256, 64))  # publishers, messages that each keeps under way
HALF_LOAD = (64, 1024)  # at half of what is the most
RUN_SECONDS = 120.0


def khub_command(build, directory, _case):
    listen = ["--listen", "127.0.0.1:0", "--port-file", f"{directory}/port"]
    return [f"{build}/khub", "serve", "--quiet", "--data", f"{directory}/data", *listen], None


def redis_command(_build, directory, _case):
    port = free_port()
    options = f"--port {port} --bind 127.0.0.1 --appendonly yes --appendfsync always --daemonize no"
    return ["redis-server", *options.split(), "--dir", directory, "--save", ""], port


def nats_command(_build, directory, _case):
    port = free_port()
    config = write_file(directory, "nats.conf", f"""
        listen: "127.0.0.1:{port}"
        jetstream {{ store_dir: "{directory}/js" }}
        logfile: "{directory}/nats.log"
        """)
    return ["nats-server", "-c", config], port


def floor_command(build, directory, _case):
    return [f"{build}/bench/relay_floor", f"{directory}/port", "--disk", f"{directory}/messages"], None


BROKERS = (
    Broker("khub", "khub", khub_command),
    Broker("floor", "floor", floor_command),
    Broker("redis", "Redis streams", redis_command, program="redis-server"),
    Broker("nats", "JetStream", nats_command, program="nats-server"),
)


def make_stream(port):
    """JetStream wants a stream that takes the subject."""
    body = json.dumps({"name": "s", "subjects": ["s"], "storage": "file", "num_replicas": 1})
    with socket.create_connection(("127.0.0.1", port), 10) as connection:
        connection.sendall(("CONNECT {\"verbose\":false,\"pedantic\":false}\r\nSUB made 1\r\n"
                            f"PUB $JS.API.STREAM.CREATE.s made {len(body)}\r\n{body}\r\n").encode())
        answer = b""
        while b"stream_create_response" not in answer:
            more = connection.recv(65536)
            if not more:
                raise Failed("JetStream made no stream")
            answer += more
        if b'"error"' in answer:
            raise Failed(answer.decode("utf-8", "replace"))


def told(running):
    """What the floor says of its commits when its last publisher has left."""
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end:
        words = running.last_words().splitlines()
        if words:
            return json.loads(words[-1])
        time.sleep(0.01)
    raise Failed("the floor says nothing of its commits")


def half_ratio(bench, name):
    """khub's 99th percentile at half load as a multiple, round by round."""
    pairs = zip(bench.half["khub"], bench.half[name])
    return [khub["p99_ms"] / other["p99_ms"] for khub, other in pairs]


class Bench:
    def __init__(self, options):
        self.build, self.before = os.path.abspath(options.build), None
        cores = sorted(os.sched_getaffinity(0))
        self.broker_core, self.load_core = None, cores[-1] if len(cores) > 1 else None
        self.brokers = [broker for broker in BROKERS if broker.installed()]
        self.absent = [broker.title for broker in BROKERS if not broker.installed()]
        self.seconds, self.rounds, self.figures, self.half = options.seconds, options.rounds, {}, {}
        self.commits = []  # of the floor at half load

    def run(self, broker, publishers, window, rate=0):
        half = rate > 0
        with Running(broker, self, "durable", half) as running:
            if broker.name == "nats":
                make_stream(running.port)
            command = [f"{self.build}/bench/durable_load", "--dialect", broker.dialect,
                       "--port", running.port, "--publishers", publishers, "--window", window,
                       "--seconds", self.seconds, "--rate", rate]
            done = subprocess.run([str(word) for word in command], stdin=subprocess.DEVNULL,
                                  capture_output=True, timeout=RUN_SECONDS, check=False,
                                  preexec_fn=child_setup(self.load_core, half))
            if done.returncode != 0:
                raise Failed(f"{broker.title}: {done.stderr.decode('utf-8', 'replace').strip()}")
            if half and broker.name == "floor":
                self.commits.append(told(running))
            return json.loads(done.stdout)

    def most(self, broker):
        """Acknowledged messages a second in the round's best run. The floor gets khub's."""
        name = "khub" if broker.name == "floor" else broker.name
        return max(runs[name][-1]["acked_per_s"] for runs in self.figures.values())

    def measure(self):
        for number in range(self.rounds):
            for case in CASES:
                first = number % len(self.brokers)
                for broker in self.brokers[first:] + self.brokers[:first]:
                    progress(f"round {number + 1} of {self.rounds}: {case[0]} publishers, {broker.title}")
                    self.figures.setdefault(case, {}).setdefault(broker.name, []).append(
                        self.run(broker, *case))
            for broker in self.brokers:
                progress(f"round {number + 1} of {self.rounds}: half load, {broker.title}")
                self.half.setdefault(broker.name, []).append(
                    self.run(broker, *HALF_LOAD, rate=self.most(broker) / 2))
        progress("")


def show(bench, name, title, form):
    heads = ["publishers × under way", *(broker.title for broker in bench.brokers)]
    rows = []
    for case, figures in bench.figures.items():
        cells = [spread([run[name] for run in figures[broker.name]], form) for broker in bench.brokers]
        rows.append([f"{case[0]} × {case[1]}", *cells])
    table(title, heads, rows)


def show_half(bench):
    forms = (("acked_per_s", "{:.0f}"), ("p50_ms", "{:.2f}"), ("p99_ms", "{:.2f}"), ("p999_ms", "{:.2f}"))
    rows = [[name, *(spread([run[name] for run in bench.half[broker.name]], form) for broker in bench.brokers)]
            for name, form in forms]
    table("Half load", ["", *(broker.title for broker in bench.brokers)], rows)
    commits = ", ".join(f"{name[:-3]} {spread([one[name] for one in bench.commits])}"
                        for name in ("p50_ms", "p99_ms", "p999_ms"))
    print(f"  a commit of the floor there (write, fdatasync), in ms: {commits}")
    for broker in bench.brokers[1:]:
        print(f"  p99: khub {spread(half_ratio(bench, broker.name))} × {broker.title}")


def main():
    parser = argparse.ArgumentParser(description="acknowledged messages on disk: khub beside others")
    parser.add_argument("--build", required=True, help="build directory, configured with -Dbench=true")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=1.5, help="of each run (1.5)")
    parser.add_argument("--json", metavar="FILE", help="writes every figure of every run there")
    options = parser.parse_args()
    bench = Bench(options)
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}; {bench.rounds} rounds; median (min-max)")
    if bench.absent:
        print("not installed: " + ", ".join(bench.absent))
    start = time.monotonic()
    try:
        bench.measure()
    except Failed as failure:
        sys.exit(f"durable.py: {failure}")
    show(bench, "acked_per_s", "Acknowledged messages a second", "{:.0f}")
    show(bench, "p50_ms", "Time to the acknowledgement in ms, median", "{:.2f}")
    show(bench, "p99_ms", "Time to the acknowledgement in ms, 99th percentile", "{:.2f}")
    show_half(bench)
    for case, figures in bench.figures.items():
        rates = {name: statistics.median(run["acked_per_s"] for run in runs) for name, runs in figures.items()}
        others = [f"{rates['khub'] / rates[name]:.2f} × {name}" for name in rates if name != "khub"]
        print(f"\n{case[0]} publishers × {case[1]}: khub {', '.join(others)}" if others else "")
    print(f"\n{time.monotonic() - start:.0f} s")
    if options.json:
        with open(options.json, "w", encoding="ascii") as file:
            json.dump([*({"case": case, "brokers": value} for case, value in bench.figures.items()),
                       {"case": "half load", "brokers": bench.half}], file, indent=1)


if __name__ == "__main__":
    main()
