#!/usr/bin/env python3
"""What adapters/ makes of a policy that was learned: for sched_ext, compiled for BPF and read by
libbpf. Loading it is tried by nobody here: that wants a kernel with sched_ext.

usage: adapters.py KHUB
"""
import ctypes
import os
import re
import shutil
import subprocess
import sys
import tempfile

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
sys.path.insert(0, os.path.join(ROOT, "tests", "wire"))
from harness import Skip, check, equal, run, test  # noqa: E402

SCHED_EXT = os.path.join(ROOT, "adapters", "sched_ext")
KHUB = os.path.abspath(sys.argv[1]) if len(sys.argv) > 1 else "khub"
OPS = {"select_cpu", "enqueue", "dispatch", "tick", "running", "stopping", "init"}
MAP_ARRAY, MAP_STRUCT_OPS, MAP_TASK_STORAGE = 2, 26, 29
PROGRAM_STRUCT_OPS = 27


def need(*programs):
    for program in programs:
        if not shutil.which(program):
            raise Skip(f"{program} is not here")


def learned(folder):
    """Puts adapters/sched_ext and a policy that was learned into the folder."""
    shutil.copytree(SCHED_EXT, folder, dirs_exist_ok=True)
    subprocess.run([KHUB, "learn", "process_manager", "--evaluations", "3", "--train", "1", "--heldout", "2", "--json",
                    "--out", os.path.join(folder, "learned")], check=True, stdout=subprocess.DEVNULL)


def made(folder):
    """The object that the README's words make of it."""
    done = subprocess.run(["make", "-s", "-B", "-C", folder, "POLICY=learned/policy.c"], capture_output=True, text=True, check=False)
    equal((done.returncode, done.stderr), (0, ""), "make")
    return os.path.join(folder, "khub_sched.bpf.o")


def output(*words):
    return subprocess.run(words, capture_output=True, text=True, check=True).stdout


@test
def sched_ext_compiles_for_bpf():
    need("clang", "make", "llvm-readelf", "llvm-objdump")
    with tempfile.TemporaryDirectory() as folder:
        learned(folder)
        found = made(folder)
        symbols = output("llvm-readelf", "-W", "-s", found)
        wanted = set(re.findall(r"UND (\w+)$", symbols, re.MULTILINE))
        equal(wanted, {"scx_bpf_create_dsq", "scx_bpf_dsq_insert", "scx_bpf_dsq_insert_vtime", "scx_bpf_dsq_move_to_local",
                       "scx_bpf_select_cpu_dfl", "scx_bpf_task_cpu", "scx_bpf_kick_cpu"}, "what it wants of the kernel")
        relocations = output("llvm-readelf", "-W", "-r", found)
        section = relocations.split("'.rel.struct_ops.link'")[1].split("\n\n")[0]
        equal(set(re.findall(r"khub_(\w+)$", section, re.MULTILINE)), OPS, "the ops that are filled in")
        code = output("llvm-objdump", "-d", found)
        check("callx" not in code, "the module is called by a pointer, which BPF cannot")
        done = subprocess.run(["make", "-s", "-C", folder, "OUT=other.o"], capture_output=True, text=True, check=False)
        check(done.returncode != 0 and "POLICY" in done.stderr, done.stderr)


class Libbpf:
    def __init__(self):
        try:
            self.library = ctypes.CDLL("libbpf.so.1", use_errno=True)
        except OSError as error:
            raise Skip("libbpf.so.1 is not here") from error
        for name in ("bpf_object__open_file", "bpf_object__next_program", "bpf_object__next_map"):
            function = getattr(self.library, name)
            function.restype, function.argtypes = ctypes.c_void_p, [ctypes.c_void_p, ctypes.c_void_p]
        self.library.bpf_object__open_file.argtypes = [ctypes.c_char_p, ctypes.c_void_p]
        self.library.bpf_object__close.argtypes = [ctypes.c_void_p]
        for name in ("bpf_program__name", "bpf_program__section_name", "bpf_map__name", "bpf_program__type", "bpf_map__type",
                     "bpf_map__max_entries", "bpf_map__value_size"):
            function = getattr(self.library, name)
            function.argtypes = [ctypes.c_void_p]
            function.restype = ctypes.c_char_p if name.endswith("name") else ctypes.c_int

    def each(self, of, following):
        item = None
        while item := getattr(self.library, following)(of, item):
            yield item

    def read(self, path):
        """Its programs: name -> type; its maps: name -> (type, entries, bytes of a value)."""
        of = self.library.bpf_object__open_file(os.fsencode(path), None)
        check(of, "libbpf cannot read it: errno", ctypes.get_errno())
        programs = {self.library.bpf_program__name(item).decode(): self.library.bpf_program__type(item)
                    for item in self.each(of, "bpf_object__next_program")}
        maps = {self.library.bpf_map__name(item).decode(): (self.library.bpf_map__type(item), self.library.bpf_map__max_entries(item),
                                                            self.library.bpf_map__value_size(item))
                for item in self.each(of, "bpf_object__next_map")}
        self.library.bpf_object__close(of)
        return programs, maps


@test
def libbpf_reads_it():
    """Debian 12's libbpf 1.1 knows struct_ops of the first kind alone, so they are given to it as
    such: .struct_ops for .struct_ops.link, and an init that may not sleep."""
    need("clang", "make")
    libbpf = Libbpf()
    with tempfile.TemporaryDirectory() as folder:
        learned(folder)
        programs, maps = libbpf.read(made(folder))
        equal(set(programs), {f"khub_{op}" for op in OPS}, "programs")
        equal((maps["turns"], maps["deadlines"]), ((MAP_TASK_STORAGE, 0, 24), (MAP_ARRAY, 1024, 8)), "maps")
        source = os.path.join(folder, "khub_sched.bpf.c")
        with open(source, encoding="utf-8") as file:
            text = file.read()
        older = text.replace('".struct_ops.link"', '".struct_ops"').replace('"struct_ops.s/init"', '"struct_ops/init"')
        check(older.count('".struct_ops"') == 1 and older.count('"struct_ops/init"') == 1, "the sections are not what they were")
        with open(source, "w", encoding="utf-8") as file:
            file.write(older)
        programs, maps = libbpf.read(made(folder))
        equal(programs, {f"khub_{op}": PROGRAM_STRUCT_OPS for op in OPS}, "programs and their types")
        equal(maps["khub"][0], MAP_STRUCT_OPS, "the ops")


run()
