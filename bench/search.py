#!/usr/bin/env python3
"""./dev bench search: how long a search takes in a hub that knows much.

    search.py --build DIR [--entries N] [--searches N]

A hub with --data is told N entries (100,000) by several AIs, of about 600 bytes, whose words are
drawn as they are in a language: few often, most rarely. Then one AI searches, one question after
the other, as people would: words, phrases, prefixes; shown is the time from a question to its
answer, over a socket, with 50 entries and their snippets in it (or as many as there are). Beside
it: the same while another AI shares on, the time of the acks meanwhile, and what the
index costs.
"""
import argparse
import json
import os
import random
import resource
import socket
import statistics
import subprocess
import tempfile
import threading
import time

SHARERS = 8
WORDS = 20000
UNDER_WAY = 64


def vocabulary(rng):
    syllables = [c + v for c in "bdfgklmnprstvz" for v in "aeiou"]
    return ["".join(rng.choice(syllables) for _ in range(rng.randint(2, 4))) for _ in range(WORDS)]


class Peer:
    def __init__(self, port, name, **hello):
        self.name, self.count = name, 0
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.lines = self.socket.makefile("rb")
        self.say("hello", {"protocol": 2, "sync": "none", "role": "member", **hello})
        self.wait("training_sync")

    def say(self, kind, payload):
        self.count += 1
        line = {"message_id": f"{self.name}-{self.count}", "sender_id": self.name,
                "message_type": kind, "timestamp": "2026-01-01T00:00:00Z", "payload": payload}
        self.socket.sendall(json.dumps(line).encode() + b"\n")

    def wait(self, *kinds):
        while True:
            line = self.lines.readline()
            if not line:
                raise SystemExit(f"the hub closed the connection of {self.name}")
            for kind in (*kinds, "error"):
                if b'"message_type":"' + kind.encode() in line[:400]:
                    if kind == "error":
                        raise SystemExit(line.decode())
                    return line


class Knowledge:
    def __init__(self, seed):
        self.rng = random.Random(seed)
        self.words = vocabulary(random.Random(1))
        weights = [1 / (rank + 2) for rank in range(WORDS)]
        self.cumulative, total = [], 0.0
        for weight in weights:
            total += weight
            self.cumulative.append(total)

    def sentence(self, count):
        return self.rng.choices(self.words, cum_weights=self.cumulative, k=count)

    def entry(self, number):
        return {"id": f"entry-{number}", "title": " ".join(self.sentence(5)),
                "note": " ".join(self.sentence(75)), "ratio": round(self.rng.random(), 6)}

    def question(self):
        words = self.sentence(8)
        kind = self.rng.randrange(4)
        if kind == 0:
            return self.rng.choice(words)
        if kind == 1:
            return f"{words[0]} {words[1]}"
        if kind == 2:
            return f'"{words[0]} {words[1]}" {words[2]}'
        return f"{words[0]} {words[1][:3]}*"


def share(peer, knowledge, first, count, times=None, stop=None):
    """Keeps some under way; times: how long each ack took, with one at a time."""
    waiting = 0
    for number in range(first, first + count):
        if stop and stop.is_set():
            break
        began = time.perf_counter()
        peer.say("pattern_share", {"pattern": knowledge.entry(number)})
        waiting += 1
        if times is not None or waiting == UNDER_WAY:
            peer.wait("ack")
            waiting -= 1
        if times is not None:
            times.append(time.perf_counter() - began)
            time.sleep(0.002)
    for _ in range(waiting):
        peer.wait("ack")


def search(peer, knowledge, count):
    times, found = [], 0
    for _ in range(count):
        question = knowledge.question()
        began = time.perf_counter()
        peer.say("knowledge_query", {"text": question})
        line = peer.wait("knowledge_result")
        times.append(time.perf_counter() - began)
        found += len(json.loads(line)["payload"]["found"])
    return times, found / count


def ms(times):
    ordered = sorted(times)
    return (f"median {1000 * statistics.median(ordered):6.2f} ms   "
            f"p90 {1000 * ordered[len(ordered) * 9 // 10]:6.2f}   "
            f"p99 {1000 * ordered[len(ordered) * 99 // 100]:6.2f}   "
            f"longest {1000 * ordered[-1]:6.2f}")


def start(build, directory):
    port_file = f"{directory}/port"
    if os.path.exists(port_file):
        os.unlink(port_file)
    hub = subprocess.Popen([f"{build}/khub", "serve", "--quiet", "--data", f"{directory}/data",
                            "--listen", "127.0.0.1:0", "--port-file", port_file])
    while not os.path.exists(port_file):
        if hub.poll() is not None:
            raise SystemExit("the hub did not start")
        time.sleep(0.002)
    with open(port_file, encoding="ascii") as file:
        return hub, int(file.read())


def memory(hub):
    with open(f"/proc/{hub.pid}/status", encoding="ascii") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmRSS")) / 1024


def run(options, directory):
    hub, port = start(options.build, directory)
    try:
        knowledge = Knowledge(7)
        began = time.perf_counter()
        for number in range(SHARERS):
            count = options.entries // SHARERS
            share(Peer(port, f"ai-{number}", acks=True), knowledge, number * count, count)
        told = time.perf_counter() - began
        asker = Peer(port, "asker")
        search(asker, knowledge, 1)
        behind = time.perf_counter() - began - told
        print(f"{options.entries} entries told in {told:.1f} s (one AI after the other, each acked); "
              f"the first answer {1000 * behind:.0f} ms later")
        times, found = search(asker, knowledge, options.searches)
        print(f"searches, alone:        {ms(times)}   ({found:.1f} found)")
        stop, acks = threading.Event(), []
        sharer = threading.Thread(target=share, args=(
            Peer(port, "more", acks=True), Knowledge(8), 10**7, 10**6, acks, stop))
        sharer.start()
        time.sleep(1)
        quiet = len(acks)
        times, _ = search(asker, knowledge, options.searches)
        stop.set()
        sharer.join()
        print(f"searches, beside acks:  {ms(times)}")
        print(f"acks without searches:  {ms(acks[:quiet])}")
        print(f"acks beside searches:   {ms(acks[quiet:])}")
        print(f"the hub: {memory(hub):.0f} MiB; " + ", ".join(
            f"{name} {os.path.getsize(f'{directory}/data/{name}') / 2**20:.0f} MiB"
            for name in sorted(os.listdir(f"{directory}/data")) if name != "lock"))
        hub.kill()
        hub.wait()
        began = time.perf_counter()
        hub, port = start(options.build, directory)
        ready = time.perf_counter() - began
        search(Peer(port, "asker"), knowledge, 1)
        print(f"after kill -9: ready in {1000 * ready:.0f} ms, the first search answered "
              f"{1000 * (time.perf_counter() - began - ready):.0f} ms later")
    finally:
        hub.kill()
        hub.wait()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", required=True)
    parser.add_argument("--entries", type=int, default=100000)
    parser.add_argument("--searches", type=int, default=1000)
    options = parser.parse_args()
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with tempfile.TemporaryDirectory() as directory:
        run(options, directory)


if __name__ == "__main__":
    main()
