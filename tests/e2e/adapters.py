#!/usr/bin/env python3
"""What adapters/ makes of a policy that was learned: for BPF, compiled and read by libbpf. Where
KHUB_BPF says that it may be, this kernel is asked as well for TCP: its verifier, and a connection
over loopback. For sched_ext nobody is: that wants a kernel with it.

usage: [KHUB_BPF=1] adapters.py KHUB
"""
import contextlib
import ctypes
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import threading

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
sys.path.insert(0, os.path.join(ROOT, "tests", "wire"))
from harness import Skip, check, equal, run, test  # noqa: E402

KHUB = os.path.abspath(sys.argv[1]) if len(sys.argv) > 1 else "khub"
MAP_ARRAY, MAP_STRUCT_OPS, MAP_TASK_STORAGE = 2, 26, 29
PROGRAM_STRUCT_OPS = 27


class Adapter:
    """One of adapters/, of a policy that was learned, in a folder of its own."""

    def __init__(self, name, source, subject, ops):
        self.name, self.source, self.subject, self.ops = name, source, subject, ops

    def learned(self, folder):
        shutil.copytree(os.path.join(ROOT, "adapters", self.name), folder, dirs_exist_ok=True)
        subprocess.run([KHUB, "learn", self.subject, "--evaluations", "3", "--train", "1", "--heldout", "2", "--json",
                        "--out", os.path.join(folder, "learned")], check=True, stdout=subprocess.DEVNULL)

    def made(self, folder):
        """The object that the README's words make of it."""
        done = subprocess.run(["make", "-s", "-B", "-C", folder, "POLICY=learned/policy.c"], capture_output=True, text=True, check=False)
        equal((done.returncode, done.stderr), (0, ""), "make")
        return os.path.join(folder, self.source[:-1] + "o")

    def replaced(self, folder, *pairs):
        """Its source with these words in place of those, each there once."""
        path = os.path.join(folder, self.source)
        with open(path, encoding="utf-8") as file:
            text = file.read()
        for before, after in pairs:
            equal(text.count(before), 1, before)
            text = text.replace(before, after)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)


SCHED_EXT = Adapter("sched_ext", "khub_sched.bpf.c", "process_manager",
                    {"select_cpu", "enqueue", "dispatch", "tick", "running", "stopping", "init"})
TCP = Adapter("tcp_bpf", "khub_tcp.bpf.c", "networking", {"init", "ssthresh", "cong_control", "set_state", "undo_cwnd"})
# Debian 12's libbpf 1.1 knows struct_ops of the first kind alone, so they are given to it as such.
OLDER = ('".struct_ops.link"', '".struct_ops"')


def need(*programs):
    for program in programs:
        if not shutil.which(program):
            raise Skip(f"{program} is not here")


def output(*words):
    return subprocess.run(words, capture_output=True, text=True, check=True).stdout


def compiles_for_bpf(adapter, wanted):
    """wanted: names that it leaves to the kernel."""
    need("clang", "make", "llvm-readelf", "llvm-objdump")
    with tempfile.TemporaryDirectory() as folder:
        adapter.learned(folder)
        found = adapter.made(folder)
        symbols = output("llvm-readelf", "-W", "-s", found)
        equal(set(re.findall(r"UND (\w+)$", symbols, re.MULTILINE)), wanted, "what it wants of the kernel")
        relocations = output("llvm-readelf", "-W", "-r", found)
        section = relocations.split("'.rel.struct_ops.link'")[1].split("\n\n")[0]
        equal(set(re.findall(r"khub_(\w+)$", section, re.MULTILINE)), adapter.ops, "the ops that are filled in")
        code = output("llvm-objdump", "-d", found)
        check("callx" not in code, "the module is called by a pointer, which BPF cannot")
        done = subprocess.run(["make", "-s", "-C", folder, "OUT=other.o"], capture_output=True, text=True, check=False)
        check(done.returncode != 0 and "POLICY" in done.stderr, done.stderr)


@test
def sched_ext_compiles_for_bpf():
    compiles_for_bpf(SCHED_EXT, {"scx_bpf_create_dsq", "scx_bpf_dsq_insert", "scx_bpf_dsq_insert_vtime", "scx_bpf_dsq_move_to_local",
                                 "scx_bpf_select_cpu_dfl", "scx_bpf_task_cpu", "scx_bpf_kick_cpu"})


@test
def tcp_compiles_for_bpf():
    compiles_for_bpf(TCP, {"LINUX_KERNEL_VERSION"})


class Libbpf:
    def __init__(self):
        try:
            self.library = ctypes.CDLL("libbpf.so.1", use_errno=True)
        except OSError as error:
            raise Skip("libbpf.so.1 is not here") from error
        for name in ("bpf_object__open_file", "bpf_object__next_program", "bpf_object__next_map", "bpf_object__find_map_by_name"):
            function = getattr(self.library, name)
            function.restype, function.argtypes = ctypes.c_void_p, [ctypes.c_void_p, ctypes.c_void_p]
        self.library.bpf_object__open_file.argtypes = [ctypes.c_char_p, ctypes.c_void_p]
        for name in ("bpf_object__close", "bpf_object__load", "bpf_map__attach_struct_ops", "bpf_link__destroy"):
            getattr(self.library, name).argtypes = [ctypes.c_void_p]
        self.library.bpf_map__attach_struct_ops.restype = ctypes.c_void_p
        for name in ("bpf_program__name", "bpf_program__section_name", "bpf_map__name", "bpf_program__type", "bpf_map__type",
                     "bpf_map__max_entries", "bpf_map__value_size"):
            function = getattr(self.library, name)
            function.argtypes = [ctypes.c_void_p]
            function.restype = ctypes.c_char_p if name.endswith("name") else ctypes.c_int

    def each(self, of, following):
        item = None
        while item := getattr(self.library, following)(of, item):
            yield item

    def opened(self, path):
        of = self.library.bpf_object__open_file(os.fsencode(path), None)
        check(of, "libbpf cannot read it: errno", ctypes.get_errno())
        return of

    def read(self, path):
        """Its programs: name -> type; its maps: name -> (type, entries, bytes of a value)."""
        of = self.opened(path)
        programs = {self.library.bpf_program__name(item).decode(): self.library.bpf_program__type(item)
                    for item in self.each(of, "bpf_object__next_program")}
        maps = {self.library.bpf_map__name(item).decode(): (self.library.bpf_map__type(item), self.library.bpf_map__max_entries(item),
                                                            self.library.bpf_map__value_size(item))
                for item in self.each(of, "bpf_object__next_map")}
        self.library.bpf_object__close(of)
        return programs, maps

    @contextlib.contextmanager
    def registered(self, path):
        """The kernel has taken its programs, and its ops `khub` are in use."""
        of = self.opened(path)
        try:
            equal(self.library.bpf_object__load(of), 0, "the kernel refuses it, as said above")
            link = self.library.bpf_map__attach_struct_ops(self.library.bpf_object__find_map_by_name(of, b"khub"))
            check(link, "it is not registered: errno", ctypes.get_errno())
            try:
                yield
            finally:
                self.library.bpf_link__destroy(link)
        finally:
            self.library.bpf_object__close(of)


def programs_of(adapter):
    return {f"khub_{op}": PROGRAM_STRUCT_OPS for op in adapter.ops}


@test
def libbpf_reads_sched_ext():
    need("clang", "make")
    libbpf = Libbpf()
    with tempfile.TemporaryDirectory() as folder:
        SCHED_EXT.learned(folder)
        programs, maps = libbpf.read(SCHED_EXT.made(folder))
        equal(set(programs), set(programs_of(SCHED_EXT)), "programs")
        equal((maps["turns"], maps["deadlines"]), ((MAP_TASK_STORAGE, 0, 24), (MAP_ARRAY, 1024, 8)), "maps")
        SCHED_EXT.replaced(folder, OLDER, ('"struct_ops.s/init"', '"struct_ops/init"'))
        programs, maps = libbpf.read(SCHED_EXT.made(folder))
        equal(programs, programs_of(SCHED_EXT), "programs and their types")
        equal(maps["khub"][0], MAP_STRUCT_OPS, "the ops")


@test
def libbpf_reads_tcp():
    need("clang", "make")
    libbpf = Libbpf()
    with tempfile.TemporaryDirectory() as folder:
        TCP.learned(folder)
        TCP.replaced(folder, OLDER)
        programs, maps = libbpf.read(TCP.made(folder))
        equal(programs, programs_of(TCP), "programs and their types")
        equal(maps["khub"][0], MAP_STRUCT_OPS, "the ops")
        equal([size for name, (_, _, size) in maps.items() if ".kconf" in name], [4], "the kernel's version")


def carries(congestion, size):
    """Bytes that arrive of a connection over loopback under this congestion control."""
    arrived = []
    with socket.create_server(("127.0.0.1", 0)) as server:
        def receive():
            connection, _ = server.accept()
            with connection:
                while data := connection.recv(1 << 16):
                    arrived.append(len(data))
        receiver = threading.Thread(target=receive, daemon=True)
        receiver.start()
        with socket.socket() as sender:
            sender.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, congestion)
            sender.connect(server.getsockname())
            sender.sendall(bytes(size))
            equal(sender.getsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, 16).rstrip(b"\0"), congestion, "who decides")
        receiver.join()
    return sum(arrived)


@test
def tcp_runs_in_this_kernel():
    if not os.environ.get("KHUB_BPF"):
        raise Skip("KHUB_BPF=1, as root, lets this kernel load it")
    need("clang", "make")
    libbpf = Libbpf()
    name = f"khub{os.getpid()}"
    with tempfile.TemporaryDirectory() as folder:
        TCP.learned(folder)
        TCP.replaced(folder, OLDER, ('.name = "khub"', f'.name = "{name}"'))
        with libbpf.registered(TCP.made(folder)):
            equal(carries(name.encode(), 5_000_000), 5_000_000, "bytes that arrived")


run()
