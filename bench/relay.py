#!/usr/bin/env python3
"""./dev bench relay: what a delivery costs, in CPU of the broker, khub beside a plain copying relay
and other brokers.

    relay.py --build DIR [--before DIR] [--quick] [--check] [--rounds N] [--brokers a,b]
             [--cases a,b] [--tls | --tokens]
             [--json FILE]

--before DIR: another build's khub takes part in the same rounds, and a table shows this one as a
multiple of it. DIR holds khub, bench/relay_floor and bench/relay_load. Redis, NATS and Mosquitto
take part if they are installed.

--tls: khub and Redis, each with TLS beside itself without; what an idle AI over TLS costs; and the
latency of a relay with and without SHAKES clients that shake hands at once.
--tokens: khub --data with tokens, which all show, beside itself without.

How it is measured
- All get the same 300-byte messages from the same generator (bench/load*.c), in the same pattern: a
  burst is written at once, and the next one when every receiver has all of the last. Bursts of 64,
  and of 1 (the worst case for whoever batches).
- The figure is user and system time of the broker's process (all threads) for each delivery; the
  kernel's work for loopback TCP is in it. The broker is pinned to one core, the generator to
  another, the same for all.
- Each run starts a fresh broker. Rounds interleave (floor, khub, redis, ...; the order moves on by
  one each round); ratios are taken within a round. Shown is the median over the rounds, and the
  spread.
- Every delivery is compared byte for byte with what must come next at that receiver. One lost,
  doubled, damaged or out of order: the run has failed, and has no figure.
- As root, broker and generator are put before whatever else runs on the machine. On a busy one the
  spread is wide all the same.
"""
import argparse
import json
import os
import statistics
import subprocess
import sys
import time

from brokers import BROKERS, BROKERS_TLS, BROKERS_TOKENS, COMPARED, Failed, Running, child_setup

FANOUTS = (1, 10, 100, 1000)
CHECKED_FANOUTS = (10, 100, 1000)
BURST, SINGLE = 64, 1
DIRECT_RECEIVERS = 100
LATENCY_RECEIVERS = 10
LATENCY_RATE = 1000
IDLE_AIS = 5000
SHAKES = 1000
SHAKE_LATENCY_SECONDS = 3.0
JOIN_WINDOW = 256

FLOOR_RATIO_MAX = 1.5
REDIS_RATIO_MAX = 0.5
SHAKE_P99_US_MAX = 20000.0
JOIN_SECONDS_MAX = 10.0
IDLE_KIB_MAX = 6.0
JOIN_TLS_RATIO_MAX = 6.0

RUN_SECONDS = 120.0

# What a table shows as a multiple of what, in the same rounds.
AGAINST = (("khub-tls", "khub"), ("redis-tls", "redis"), ("khub-tls", "redis-tls"), ("tokens", "durable"))


def load_command(bench, running, case, receivers, *options):
    broker = running.broker
    return [f"{bench.build}/bench/relay_load", "--dialect", broker.dialect, "--port", str(running.port),
            "--pid", str(running.process.pid), "--case", case, "--receivers", str(receivers),
            *(["--tls"] if broker.tls else []), *(str(option) for option in options)]


def load(bench, broker, case, receivers, *options):
    """One run of the generator against a fresh broker. The figures that it printed, one dict for
    each."""
    with Running(broker, bench, case) as running:
        command = load_command(bench, running, case, receivers, *options)
        try:
            done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=RUN_SECONDS,
                                  env=running.environment(), check=False, preexec_fn=child_setup(bench.load_core))
        except subprocess.TimeoutExpired:
            raise Failed(f"no end within {RUN_SECONDS:.0f} s") from None
        if done.returncode != 0:
            raise Failed(done.stderr.decode("utf-8", "replace").strip() or f"exit code {done.returncode}")
        return [json.loads(line) for line in done.stdout.splitlines()]


def load_shaken(bench, broker, shaken):
    """A relay's latency; when shaken, while many clients shake hands at once, a third of the time
    in. Those share the generator's core, behind it."""
    with Running(broker, bench, "latency") as running:
        relay = subprocess.Popen(load_command(bench, running, "latency", LATENCY_RECEIVERS, "--rate", LATENCY_RATE,
                                              "--seconds", SHAKE_LATENCY_SECONDS, "--warm", 0.1),
                                 stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                 preexec_fn=child_setup(bench.load_core))
        time.sleep(SHAKE_LATENCY_SECONDS / 3)
        setup = child_setup(bench.load_core)
        shakes = shaken and subprocess.run(load_command(bench, running, "shake", SHAKES), stdin=subprocess.DEVNULL, capture_output=True,
                                timeout=RUN_SECONDS, check=False, preexec_fn=lambda: (setup(), os.nice(39)))
        out, err = relay.communicate(timeout=RUN_SECONDS)
        for done, text in ((relay, err), *(((shakes, shakes.stderr),) if shaken else ())):
            if done.returncode != 0:
                raise Failed(text.decode("utf-8", "replace").strip())
        return {**json.loads(out), **({"shakes": json.loads(shakes.stdout)} if shaken else {})}


def quotients(costs, bases):
    return [cost / base for cost, base in zip(costs, bases) if cost is not None and base is not None]


class Bench:
    """The rounds, and what they measured: figures[case, receivers, window][broker] is a list with
    one dict (or None) a round."""

    def __init__(self, options):
        self.build = os.path.abspath(options.build)
        self.before = options.before and os.path.abspath(options.before)
        self.rounds = options.rounds or (2 if options.quick else 7)
        self.seconds, self.warm = (0.1, 0.03) if options.quick else (0.2, 0.05)
        self.idle_rounds = 1 if options.quick else 2
        known = BROKERS_TLS if options.tls else BROKERS_TOKENS if options.tokens else BROKERS
        wanted = options.brokers.split(",") if options.brokers else [broker.name for broker in known]
        self.brokers = [broker for broker in known if broker.name in wanted and broker.installed()]
        if self.before:
            self.brokers += [before for now, before in COMPARED if now in self.brokers]
        self.absent = [broker.title for broker in known if broker.name in wanted and not broker.installed()]
        self.cases = options.cases.split(",") if options.cases else ["fanout", "direct", "latency", "idle", "shake"]
        cores = sorted(os.sched_getaffinity(0))
        self.broker_core, self.load_core = (cores[0], cores[1]) if len(cores) > 1 else (None, None)
        self.figures, self.failures = {}, []

    def note(self, key, broker, figure):
        self.figures.setdefault(key, {}).setdefault(broker.name, []).append(figure)

    def run(self, broker, case, receivers, windows, *options):
        """Runs one broker; a failure is noted as that, in place of the figures."""
        try:
            figures = load(self, broker, case, receivers, *options)
        except Failed as failure:
            self.failures.append(f"{broker.title}, {case} to {receivers}: {failure}")
            figures = [None] * len(windows)
        for window, figure in zip(windows, figures):
            self.note((case, receivers, window), broker, figure)

    def steps(self):
        """(case, receivers, windows, options of the generator) for one round."""
        for receivers in FANOUTS:
            yield "fanout", receivers, (BURST, SINGLE)
        yield "direct", DIRECT_RECEIVERS, (BURST, SINGLE)
        yield "latency", LATENCY_RECEIVERS, (SINGLE,)

    def round(self, number):
        for case, receivers, windows in self.steps():
            if case not in self.cases:
                continue
            seconds = self.seconds * (3 if case == "latency" else 1)
            options = ["--seconds", seconds, "--warm", self.warm]
            options += ["--rate", LATENCY_RATE] if case == "latency" else ["--windows", ",".join(map(str, windows))]
            taking_part = [broker for broker in self.brokers if case in broker.cases]
            first = number % max(1, len(taking_part))
            for broker in taking_part[first:] + taking_part[:first]:
                progress(f"round {number + 1} of {self.rounds}: {case} to {receivers}, {broker.title}")
                self.run(broker, case, receivers, windows, *options)

    def idle_round(self):
        for broker in self.brokers:
            if "idle" not in self.cases or "idle" not in broker.cases:
                continue
            for case in ("idle", "silent"):
                progress(f"{IDLE_AIS} AIs ({case}), {broker.title}")
                self.run(broker, case, IDLE_AIS, (0,), "--join-window", JOIN_WINDOW)

    def shaken_round(self):
        for broker in self.brokers:
            if "shake" not in self.cases or "shake" not in broker.cases:
                continue
            for case in ("calm", "shake"):
                progress(f"{SHAKES if case == 'shake' else 'no'} handshakes at once, {broker.title}")
                try:
                    figure = load_shaken(self, broker, case == "shake")
                except Failed as failure:
                    self.failures.append(f"{broker.title}, {case}: {failure}")
                    figure = None
                self.note((case, LATENCY_RECEIVERS, SINGLE), broker, figure)

    def measure(self):
        for number in range(self.rounds):
            self.round(number)
            self.shaken_round()
        for _ in range(self.idle_rounds):
            self.idle_round()
        progress("")

    def costs(self, key, name):
        """CPU for each delivery in µs, one a round; None for a run that failed."""
        return [figure and figure["cpu_us"] / figure["deliveries"] for figure in self.figures.get(key, {}).get(name, [])]

    def ratios(self, key, name, to):
        return quotients(self.costs(key, name), self.costs(key, to))

    def joins(self, name, to):
        """The same of the CPU that it takes until all are told of all."""
        idle = self.figures.get(("idle", IDLE_AIS, 0), {})
        return quotients(*([figure and figure["cpu_s"] for figure in idle.get(which, [])] for which in (name, to)))


def progress(text):
    if sys.stderr.isatty():
        print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)


def spread(values, form="{:.2f}"):
    """median (min-max)"""
    if not values or None in values:
        return "failed" if values else "-"
    low, middle, high = min(values), statistics.median(values), max(values)
    return f"{form.format(middle)} ({form.format(low)}-{form.format(high)})"


def table(title, heads, rows):
    widths = [max(len(row[i]) for row in [heads, *rows]) for i in range(len(heads))]
    print(f"\n{title}")
    for row in [heads, *rows]:
        print("  " + "  ".join(cell.rjust(width) for cell, width in zip(row, widths)))


def print_costs(bench, case, window, title):
    keys = [key for key in bench.figures if key[0] == case and key[2] == window]
    brokers = [broker for broker in bench.brokers if case in broker.cases]
    if not keys:
        return
    heads = ["receivers"] + [broker.title for broker in brokers]
    table(f"{title}: CPU per delivery in µs", heads,
          [[str(key[1])] + [spread(bench.costs(key, broker.name), "{:.3f}") for broker in brokers] for key in keys])
    if not any(broker.name == "floor" for broker in brokers):
        return
    table(f"{title}: as a multiple of the floor", heads,
          [[str(key[1])] + [spread(bench.ratios(key, broker.name, "floor")) for broker in brokers] for key in keys])


COUNTED = ("fanout", "direct", "latency")  # the cases that have deliveries to count by


def case_title(key):
    case, receivers, window = key
    return f"{case} to {receivers}, {'bursts' if window == BURST else 'one at a time'}"


def print_before(bench):
    """This build as a multiple of the one before, in CPU per delivery."""
    if not bench.before:
        return
    compared = [pair for pair in COMPARED if pair[1] in bench.brokers]
    rows = []
    for key in bench.figures:
        if key[0] not in COUNTED:
            continue
        ratios = [bench.ratios(key, now.name, before.name) for now, before in compared]
        if any(ratios):
            rows.append([case_title(key), *(spread(ratio) for ratio in ratios)])
    table("As a multiple of the build before", ["", *(now.title for now, _ in compared)], rows)


def print_against(bench):
    """Brokers as a multiple of others, in CPU per delivery."""
    titles = {broker.name: broker.title for broker in bench.brokers}
    pairs = [pair for pair in AGAINST if pair[0] in titles and pair[1] in titles]
    rows = [[case_title(key), *(spread(bench.ratios(key, *pair)) for pair in pairs)]
            for key in bench.figures if key[0] in COUNTED]
    if pairs and rows:
        table("CPU per delivery as a multiple", ["", *(f"{titles[one]} / {titles[other]}" for one, other in pairs)], rows)


def print_latency(bench):
    key = ("latency", LATENCY_RECEIVERS, SINGLE)
    if key not in bench.figures:
        return
    rows = []
    for broker in bench.brokers:
        figures = bench.figures[key].get(broker.name, [])
        if None in figures:
            rows.append([broker.title, "failed", "", ""])
        elif figures:
            p50, p99 = ([figure[name] for figure in figures] for name in ("p50_us", "p99_us"))
            rows.append([broker.title, spread(p50, "{:.0f}"), spread(p99, "{:.0f}"),
                         spread(bench.costs(key, broker.name), "{:.2f}")])
    table(f"Latency, {LATENCY_RATE} messages a second to {LATENCY_RECEIVERS} receivers, in µs",
          ["", "p50", "p99", "CPU per delivery"], rows)


def print_shaken(bench):
    for name, figures in bench.figures.get(("shake", LATENCY_RECEIVERS, SINGLE), {}).items():
        calm = [figure for figure in bench.figures[("calm", LATENCY_RECEIVERS, SINGLE)].get(name, []) if figure]
        figures = [figure for figure in figures if figure]
        if figures and calm:
            shakes = [figure["shakes"] for figure in figures]
            print(f"\n{SHAKES} handshakes at once with {name}, beside {LATENCY_RATE} messages a second to {LATENCY_RECEIVERS}:\n"
                  f"  p99 {spread([f['p99_us'] / 1e3 for f in figures])} ms, and {spread([f['p99_us'] / 1e3 for f in calm])} ms "
                  f"without them; longest {spread([f['max_us'] / 1e3 for f in figures])} ms; "
                  f"all done after {spread([f['wall_us'] / 1e6 for f in shakes])} s; "
                  f"hub's CPU meanwhile, relay and all, {spread([f['cpu_us'] / 1e3 / SHAKES for f in shakes])} ms for each")


def print_idle(bench):
    for broker in bench.brokers:
        print_idle_of(bench, broker)


def print_idle_of(bench, broker):
    idle = [figure for figure in bench.figures.get(("idle", IDLE_AIS, 0), {}).get(broker.name, []) if figure]
    silent = [figure for figure in bench.figures.get(("silent", IDLE_AIS, 0), {}).get(broker.name, []) if figure]
    if not idle:
        return
    told = idle[0]["by_sync"] + idle[0]["by_hello"]
    print(f"\n{IDLE_AIS} AIs join {broker.title}, {JOIN_WINDOW} at a time, and then say nothing")
    print(f"  all joined after {spread([f['joined_s'] for f in idle])} s; each told of all others after "
          f"{spread([f['told_s'] for f in idle])} s")
    print(f"  counted at the receivers: {told:,} tellings of {IDLE_AIS * (IDLE_AIS - 1):,}, {idle[0]['by_hello']:,} of them "
          f"by hello; repeated {max(f['repeated'] for f in idle)}; hub's CPU {spread([f['cpu_s'] for f in idle])} s")
    print(f"  memory of an idle AI: {spread([idle_kib(f) for f in idle])} KiB of resident set, the roster included; "
          f"what it said in its hello: {idle[0]['hello_bytes'] / IDLE_AIS / 1024:.2f} KiB")
    if silent:
        print(f"  of which a connection that never said hello: {spread([idle_kib(f) for f in silent])} KiB; "
              f"hub's peak while they joined: {max(f['rss_peak_kib'] for f in idle) / 1024:.0f} MiB")


def idle_kib(figure):
    return (figure["rss_after_kib"] - figure["rss_before_kib"]) / figure["ais"]


def check_fanout(bench, window, other, most, verdicts):
    for receivers in CHECKED_FANOUTS:
        key = ("fanout", receivers, window)
        ratios = bench.ratios(key, "khub", other)
        if not ratios:
            continue
        middle = statistics.median(ratios)
        regime = f"bursts of {window}" if window != SINGLE else "one at a time"
        word = "at most" if other == "floor" else "less than"
        holds = middle <= most if other == "floor" else middle < most
        verdicts.append((holds, f"{receivers} receivers, {regime}: {word} {most} x {other}", f"{spread(ratios)} x"))


def check(bench):
    """What is wanted, one (holds, text, measured) each."""
    verdicts = []
    for window in (BURST, SINGLE):
        check_fanout(bench, window, "floor", FLOOR_RATIO_MAX, verdicts)
    check_fanout(bench, BURST, "redis", REDIS_RATIO_MAX, verdicts)
    idle = bench.figures.get(("idle", IDLE_AIS, 0), {}).get("khub", [])
    if idle and None not in idle:
        slowest, largest = max(f["told_s"] for f in idle), max(idle_kib(f) for f in idle)
        verdicts.append((slowest < JOIN_SECONDS_MAX, f"{IDLE_AIS} AIs join, each told of all others, in under "
                         f"{JOIN_SECONDS_MAX:.0f} s", f"{slowest:.2f} s"))
        beyond = max(idle_kib(f) - f["hello_bytes"] / f["ais"] / 1024 for f in idle)
        verdicts.append((beyond <= IDLE_KIB_MAX, f"at most {IDLE_KIB_MAX:.0f} KiB per idle AI beyond the roster",
                         f"{largest:.2f} KiB with the roster, {beyond:.2f} without what the AI said of itself"))
    joins = bench.joins("khub-tls", "khub")
    if joins:
        verdicts.append((statistics.median(joins) <= JOIN_TLS_RATIO_MAX, f"that they join over TLS costs at most "
                         f"{JOIN_TLS_RATIO_MAX:.0f} x of what it does without", f"{spread(joins)} x"))
    shaken = bench.figures.get(("shake", LATENCY_RECEIVERS, SINGLE), {}).get("khub-tls", [])
    if shaken and None not in shaken:
        slowest = statistics.median(f["p99_us"] for f in shaken)
        verdicts.append((slowest <= SHAKE_P99_US_MAX, f"{SHAKES} handshakes at once keep the p99 of {LATENCY_RATE} messages a second "
                         f"to {SHAKE_P99_US_MAX / 1e3:.0f} ms", f"{slowest / 1e3:.2f} ms"))
    verdicts.append((not bench.failures, "every message at every receiver, in order and whole",
                     f"{len(bench.failures)} runs failed"))
    return verdicts


def print_single_note(bench):
    ratios = [(n, bench.ratios(("fanout", n, SINGLE), "floor", "redis"), bench.ratios(("fanout", n, SINGLE), "khub", "redis"))
              for n in CHECKED_FANOUTS]
    shown = [f"{n}: floor {statistics.median(floor):.2f}, khub {statistics.median(khub):.2f}"
             for n, floor, khub in ratios if floor and khub]
    if shown:
        print("\n  Against Redis, one at a time, for the record (a send for each delivery is what costs; the floor pays it too): "
              + "; ".join(shown) + " x Redis")


def print_head(bench):
    model = "unknown"
    with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as file:
        for line in file:
            if line.startswith("model name"):
                model = line.split(":", 1)[1].strip()
    pinned = f"broker on core {bench.broker_core}, generator on core {bench.load_core}"
    if bench.broker_core is None:
        pinned = "one core for all, so nothing is pinned and the figures are worth less"
    print(f"{os.cpu_count()} x {model}, Linux {os.uname().release}, load {os.getloadavg()[0]:.1f}; {pinned}; "
          f"{bench.rounds} rounds; median (min-max)")
    print("floor: copies each line to each receiver's buffer, one send a receiver a turn. bare: the same without the copy.\n"
          "khub: chat to level 2. khub-kb: pattern_share to level 1, which khub also stores. khub-report:\n"
          "performance_report to level 1, stored beside 255 others.")
    if bench.absent:
        print("not installed: " + ", ".join(bench.absent))


def parse_options():
    parser = argparse.ArgumentParser(description="CPU per delivery: khub beside a copying relay and other brokers")
    parser.add_argument("--build", required=True, help="build directory, configured with -Dbench=true")
    parser.add_argument("--before", metavar="DIR", help="another build, to compare with in the same rounds")
    parser.add_argument("--quick", action="store_true", help="under a minute, less exact")
    parser.add_argument("--check", action="store_true", help="exit 1 if something that is wanted does not hold")
    parser.add_argument("--rounds", type=int, help="7, with --quick 2")
    parser.add_argument("--brokers", help="only these: " + ",".join(broker.name for broker in BROKERS))
    parser.add_argument("--cases", help="only these: fanout,direct,latency,idle,shake")
    those = parser.add_mutually_exclusive_group()
    those.add_argument("--tls", action="store_true", help="khub and Redis with TLS, beside themselves without")
    those.add_argument("--tokens", action="store_true", help="khub --data with tokens, beside itself without")
    parser.add_argument("--json", metavar="FILE", help="writes every figure of every run there")
    return parser.parse_args()


def main():
    options = parse_options()
    bench = Bench(options)
    for program in ("khub", "bench/relay_floor", "bench/relay_load"):
        if not os.access(f"{bench.build}/{program}", os.X_OK):
            sys.exit(f"relay.py: {bench.build}/{program} is missing: meson setup {options.build} -Dbench=true, then ninja")
    print_head(bench)
    start = time.monotonic()
    bench.measure()
    print_costs(bench, "fanout", BURST, f"Fan-out, bursts of {BURST}")
    print_costs(bench, "fanout", SINGLE, "Fan-out, one message at a time")
    print_costs(bench, "direct", BURST, f"Direct, to each of {DIRECT_RECEIVERS} in turn, bursts of {BURST}")
    print_costs(bench, "direct", SINGLE, f"Direct, to each of {DIRECT_RECEIVERS} in turn, one message at a time")
    print_before(bench)
    print_against(bench)
    print_latency(bench)
    print_shaken(bench)
    print_idle(bench)
    for failure in bench.failures:
        print(f"\nfailed: {failure}")
    verdicts = check(bench)
    print("\nWanted")
    for holds, text, measured in verdicts:
        print(f"  {'holds' if holds else 'FAILS'}  {text}: {measured}")
    print_single_note(bench)
    print(f"\n{time.monotonic() - start:.0f} s")
    if options.json:
        with open(options.json, "w", encoding="ascii") as file:
            json.dump([{"key": key, "brokers": value} for key, value in bench.figures.items()], file, indent=1)
    return 1 if options.check and not all(holds for holds, _, _ in verdicts) else 0


if __name__ == "__main__":
    sys.exit(main())
