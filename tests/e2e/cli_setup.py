#!/usr/bin/env python3
"""khub setup: what it puts into the files of LLM clients, and takes back.

usage: cli_setup.py KHUB [PART OF A NAME]
"""
import contextlib
import json
import os
import re
import shutil
import stat
import subprocess
import sys
import tempfile

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
sys.path.insert(0, os.path.join(ROOT, "tests", "wire"))
from harness import PATIENCE, Skip, check, equal, run, small_disk, test  # noqa: E402
from program import KHUB, Result, environment  # noqa: E402

PROJECT = {"claude": ".mcp.json", "codex": ".codex/config.toml", "cursor": ".cursor/mcp.json",
           "gemini": ".gemini/settings.json", "vscode": ".vscode/mcp.json"}
USER = {"codex": ".codex/config.toml", "cursor": ".cursor/mcp.json", "gemini": ".gemini/settings.json",
        "vscode": ".config/Code/User/mcp.json"}
SERVERS = {"claude": "mcpServers", "cursor": "mcpServers", "gemini": "mcpServers", "vscode": "servers"}
HOOKS = {"claude": (".claude/settings.json", "Stop"), "codex": (".codex/hooks.json", "Stop"),
         "cursor": (".cursor/hooks.json", "stop"), "gemini": (".gemini/settings.json", "AfterAgent")}
URL = "http://127.0.0.1:6080/mcp"
OTHERS = {
    "codex": '# mine\nmodel = "o"\n\n[mcp_servers.other]\ncommand = "x"  # [mcp_servers.khub]\n',
    "json": '{\n\t"z": 1.50,\n\t"SERVERS": {\n\t\t"other": {"command": "x"}\n\t},\n\t"a": [ ]\n}\n',
}


class Project:
    """A project of somebody who has clients, and a home."""

    def __init__(self, folder):
        self.folder, self.home = os.path.join(folder, "work"), os.path.join(folder, "home")
        os.makedirs(os.path.join(self.folder, ".git"))
        os.mkdir(self.home)

    def run(self, *words, cwd=".", **more):
        found = environment(HOME=self.home, **more)
        for name in ("CODEX_HOME", "XDG_CONFIG_HOME"):
            if name not in more:
                found.pop(name, None)
        done = subprocess.run([KHUB, "setup", *words], cwd=os.path.join(self.folder, cwd), env=found,
                              stdin=subprocess.DEVNULL, capture_output=True, timeout=PATIENCE, check=False)
        return Result(done.returncode, done.stdout, done.stderr)

    def worked(self, *words, **more):
        result = self.run(*words, **more)
        equal((result.code, result.err), (0, ""), f"how {words} ended")
        return result.out

    def refused(self, code, *words, said=(), **more):
        result = self.run(*words, **more)
        equal(result.code, code, f"exit code of {words}")
        for part in said:
            check(part in result.err, repr(part), "is not in", result.err)
        return result

    def path(self, name):
        return os.path.join(self.folder, name)

    def read(self, name):
        with open(self.path(name), encoding="utf-8", newline="") as file:
            return file.read()

    def write(self, name, text):
        os.makedirs(os.path.dirname(self.path(name)), exist_ok=True)
        with open(self.path(name), "w", encoding="utf-8", newline="") as file:
            file.write(text)

    def files(self):
        """All of them, with what they say."""
        found = {}
        for where, _, names in os.walk(self.folder):
            for name in names:
                path = os.path.relpath(os.path.join(where, name), self.folder)
                found[path] = self.read(path)
        return found


@contextlib.contextmanager
def project():
    with tempfile.TemporaryDirectory() as folder:
        yield Project(folder)


def others_of(client):
    return OTHERS["codex"] if client == "codex" else OTHERS["json"].replace("SERVERS", SERVERS[client])


def entry(client, text, name="khub"):
    """It, as the client reads it."""
    if client != "codex":
        return json.loads(text)[SERVERS[client]].get(name)
    table = re.search(rf"^\[mcp_servers\.{name}\]\n((?:\w+ = .*\n)*)", text, re.M)
    return {key: json.loads(value) for key, value in re.findall(r"(\w+) = (.*)", table[1])} if table else None


def hooks(client, text):
    """Those at the end of a turn: each a command with what stands beside it."""
    groups = json.loads(text).get("hooks", {}).get(HOOKS[client][1], [])
    return groups if client == "cursor" else [hook for group in groups for hook in group["hooks"]]


# ── what is written ──


@test
def it_prints_what_it_would_write():
    with project() as ada:
        for client, name in PROJECT.items():
            out = ada.worked(client, "--as", "ada")
            check(out.startswith(f"{ada.path(name)} takes this:\n\n"), out)
            equal(ada.files(), {}, "files that printing made")
            ada.worked(client, "--as", "ada", "--write")
            written = {name, HOOKS[client][0]} if client in HOOKS else {name}
            equal(set(ada.files()), written, "files that were written")
            for path, text in ada.files().items():
                check(f"{ada.path(path)} takes this:\n\n{text}\n" in out, "not as printed:", out)
            found = entry(client, ada.read(name))
            equal((found["command"], found["args"]), (KHUB, ["mcp", "--as", "ada"]))
            check(client in HOOKS or "No hook of VS Code's wakes it" in out, out)
            equal(found.get("type"), "stdio" if client == "vscode" else None)
            ada.worked(client, "--remove")
            equal(ada.files(), {}, "files that were left")
            equal(os.listdir(ada.folder), [".git"], "directories that were left")


@test
def what_others_have_there_stays():
    with project() as ada:
        for client, name in PROJECT.items():
            ada.write(name, others_of(client))
            check("written" in ada.worked(client, "--as", "ada", "--write"), "not written")
            first = ada.read(name)
            equal(entry(client, first)["args"], ["mcp", "--as", "ada"])
            check(all(line in first for line in others_of(client).splitlines()), first)
            check("has it already" in ada.worked(client, "--as", "ada", "--write"), "written twice")
            equal(ada.read(name), first, "what a second time wrote")
            # others' members of khub's own entry, and an entry of another name
            if client == "codex":
                ada.write(name, first + 'startup_timeout_sec = 20\n')
            else:
                ada.write(name, first.replace('"mcp", "--as"', '"mcp", "--as" ').replace('"args":', '"env": {"A": "1"}, "args":'))
            ada.worked(client, "--as", "bea", "--room", "lab", "--write")
            ada.worked(client, "--as", "cid", "--name", "khub_2", "--write")
            changed = ada.read(name)
            equal(entry(client, changed)["args"], ["mcp", "--as", "bea", "--room", "lab"])
            check("startup_timeout_sec" in changed or '"env"' in changed, "others' member is gone:", changed)
            equal(entry(client, changed, "khub_2")["args"], ["mcp", "--as", "cid"])
            ada.worked(client, "--remove", "--name", "khub_2")
            check("taken back" in ada.worked(client, "--remove"), "not taken back")
            equal(ada.read(name), others_of(client), "what taking back left")
            check("has no entry" in ada.worked(client, "--remove"), "taken back twice")
            equal(ada.read(name), others_of(client), "what taking back nothing left")


@test
def a_hook_goes_with_it():
    with project() as ada:
        for client, (name, event) in HOOKS.items():
            other = {"command": "other"} if client == "cursor" else {"matcher": "", "hooks": [{"type": "command", "command": "other"}]}
            before = json.dumps({"permissions": {"allow": ["x"]}, "hooks": {"Other": [], event: [other]}}, indent=4) + "\n"
            ada.write(name, before)
            ada.worked(client, "--as", "o'hara", "--room", "lab", "--hub", "h:1", "--write")
            first = ada.read(name)
            check(first.startswith(before[:before.index("other")]), first)
            mine = hooks(client, first)[1]
            equal(mine["command"], f"{KHUB} waiting --hook {client} --as 'o'\\''hara' --room lab")
            equal(mine.get("timeout"), {"claude": 30, "codex": 30, "gemini": 30000}.get(client))
            equal(mine.get("loop_limit"), 8 if client == "cursor" else None)
            ada.worked(client, "--as", "o'hara", "--room", "lab", "--hub", "h:1", "--write")
            equal(ada.read(name), first, "what a second time wrote")
            ada.worked(client, "--as", "bea", "--wait", "60", "--write")
            mine = hooks(client, ada.read(name))
            equal([hook["command"] for hook in mine], ["other", f"{KHUB} waiting --hook {client} --wait 60 --as bea"])
            equal(mine[1].get("asyncRewake"), True if client == "claude" else None)
            ada.worked(client, "--as", "cid", "--name", "cid", "--write")
            ada.worked(client, "--name", "none", "--remove")
            equal(len(hooks(client, ada.read(name))), 3, "hooks")
            if client != "cursor":  # another hook in khub's own group
                ada.write(name, ada.read(name).replace('"type": "command",\n                        "command": "' + KHUB + " waiting --hook "
                                                       + client + " --as cid", '"type": "command", "command": "more"}, {"type": "command", "command": "'
                                                       + KHUB + " waiting --hook " + client + " --as cid"))
            ada.worked(client, "--as", "dan", "--name", "cid", "--write")
            check(any("--as dan" in hook["command"] for hook in hooks(client, ada.read(name))), ada.read(name))
            ada.worked(client, "--remove", "--name", "cid")
            commands = [hook["command"] for hook in hooks(client, ada.read(name))]
            equal(commands, ["other", f"{KHUB} waiting --hook {client} --wait 60 --as bea"] + ["more"] * (client != "cursor"))
            ada.worked(client, "--as", "bea", "--no-hook", "--write")
            check(not any("khub" in hook["command"] for hook in hooks(client, ada.read(name))), "a hook that nobody wants")
            ada.worked(client, "--as", "bea", "--write")
            check("no hook wakes it" in ada.worked(client, "--http", URL, "--write"), "nothing said of the hook")
            ada.worked(client, "--write")
            ada.worked(client, "--name", "none", "--remove")
            check(any("khub" in hook["command"] for hook in hooks(client, ada.read(name))), "the hook of another entry is gone")
            ada.worked(client, "--remove")
            check(all(hook["command"] in ("other", "more") for hook in hooks(client, ada.read(name))), ada.read(name))
            if client == "cursor":
                equal(ada.read(name), before, "what taking back left")


@test
def a_hooks_file_that_is_not_understood_is_left_and_so_is_the_other():
    with project() as ada:
        for client, (name, event) in HOOKS.items():
            for text in ('{\n  // mine\n  "hooks": {}\n}\n', '{"hooks": []}', f'{{"hooks": {{"{event}": {{}}}}}}'):
                ada.write(name, text)
                files = ada.files()
                result = ada.refused(1, client, "--as", "ada", "--write", said=[ada.path(name), "It is left as it is."])
                check("waiting --hook" in result.out and '"--as", "ada"' in result.out, result.out)
                equal(ada.files(), files, "files")
                ada.run(client, "--remove")
                equal(ada.files(), files, "files")
            os.unlink(ada.path(name))
        ada.write(".claude/settings.json", '{\n  // mine\n}\n')
        ada.worked("claude", "--http", URL, "--write")  # which has no hook
        ada.worked("claude", "--remove")
        equal(ada.files(), {".claude/settings.json": '{\n  // mine\n}\n'}, "files")


@test
def over_http_the_token_is_named_and_never_written():
    said = {"claude": {"type": "http", "url": URL, "headers": {"Authorization": "Bearer ${HUB}"}},
            "codex": {"url": URL, "bearer_token_env_var": "HUB"},
            "cursor": {"url": URL, "headers": {"Authorization": "Bearer ${env:HUB}"}},
            "gemini": {"httpUrl": URL, "headers": {"Authorization": "Bearer ${HUB}"}},
            "vscode": {"type": "http", "url": URL, "headers": {"Authorization": "Bearer ${env:HUB}"}}}
    with project() as ada:
        for client, name in PROJECT.items():
            ada.worked(client, "--as", "ada", "--write")
            ada.worked(client, "--http", URL, "--token-env", "HUB", "--write", HUB="secret")
            equal(entry(client, ada.read(name)), said[client])
            ada.worked(client, "--http", URL, "--write")
            check("HUB" not in ada.read(name), "a token that nobody wants")
            ada.worked(client, "--write")
            equal(entry(client, ada.read(name))["args"], ["mcp"])
            check(URL not in ada.read(name), "the address is still there")
            ada.worked(client, "--http", URL, "--name", "mine", "--write")
            ada.refused(1, client, "--remove", "--name", "mine", said=["none of khub's"])
            ada.worked(client, "--http", URL, "--name", "mine", "--remove")
            ada.worked(client, "--remove")
        equal(ada.files(), {}, "files that were left")


@test
def the_users_own_file():
    with project() as ada:
        for client, name in USER.items():
            ada.worked(client, "--user", "--write")
            with open(os.path.join(ada.home, name), encoding="utf-8") as file:
                equal(entry(client, file.read())["args"], ["mcp"])
            ada.worked(client, "--user", "--remove")
            check(not os.path.exists(os.path.join(ada.home, name)), "it is still there")
        ada.worked("codex", "--user", "--write", CODEX_HOME=ada.path("elsewhere"))
        check(entry("codex", ada.read("elsewhere/config.toml")), "no entry")
        ada.refused(1, "claude", "--user", "--write", said=["claude mcp add --scope user"])
        check(not os.path.exists(os.path.join(ada.home, ".claude.json")), "it was written all the same")


@test
def the_project_is_found_from_within():
    with project() as ada:
        os.makedirs(ada.path("deep/down"))
        ada.worked("claude", "--write", cwd="deep/down")
        equal(sorted(ada.files()), [".claude/settings.json", ".mcp.json"], "files")
        os.rmdir(ada.path(".git"))
        os.mkdir(ada.path("alone"))
        ada.worked("claude", "--write", cwd="alone")
        ada.worked("claude", "--remove", cwd="alone")
        equal(os.listdir(ada.path("alone")), [], "what is left")


@test
def khub_is_called_as_it_is_found():
    with project() as ada:
        bin_folder = os.path.join(ada.home, "bin")
        os.mkdir(bin_folder)
        os.symlink(KHUB, os.path.join(bin_folder, "khub"))
        path = f"{bin_folder}:{os.environ['PATH']}"
        ada.worked("claude", "--write", PATH=path)
        equal(entry("claude", ada.read(".mcp.json"))["command"], "khub")
        os.unlink(os.path.join(bin_folder, "khub"))
        shutil.copy("/bin/true", os.path.join(bin_folder, "khub"))
        ada.worked("claude", "--write", PATH=path)
        equal(entry("claude", ada.read(".mcp.json"))["command"], KHUB)
        secret = ada.path("token")
        ada.write("token", "x")
        ada.worked("claude", "--write", "--hub", "khubs://hub.example:6000", "--fingerprint", "ab", "--token-file", "token")
        equal(entry("claude", ada.read(".mcp.json"))["args"],
              ["mcp", "--hub", "khubs://hub.example:6000", "--fingerprint", "ab", "--token-file", secret])


# ── what is left alone ──


@test
def what_is_not_understood_is_left_as_it_is():
    broken = {"codex": ['mcp_servers = { khub = {} }\n', 'a = "\n', '[mcp_servers]\nkhub = {}\n',
                        '[mcp_servers.khub]\ncommand = "other"\n'],
              "json": ['{\n  // mine\n  "SERVERS": {}\n}\n', '{"SERVERS": {},}', "[]", '{"SERVERS": []}', '{"a": 1, "a": 2}',
                       '{"SERVERS": {"khub": {"command": "other", "args": ["mcp"]}}}', '{"SERVERS": {"khub": []}}']}
    with project() as ada:
        for client, name in PROJECT.items():
            for text in broken["codex" if client == "codex" else "json"]:
                text = text.replace("SERVERS", SERVERS.get(client, ""))
                ada.write(name, text)
                result = ada.refused(1, client, "--as", "ada", "--write", said=[ada.path(name), "It is left as it is."])
                check("takes this, beside what is there" in result.out and '"--as", "ada"' in result.out, result.out)
                equal(ada.read(name), text, "the file")
                removed = ada.run(client, "--remove")
                equal(ada.read(name), text, "the file")
                check(removed.code == 1 or "has no entry" in removed.out, removed.out, removed.err)
            os.unlink(ada.path(name))
        ada.write(".mcp.json", '{\n  "a": 1 // mine\n}\n')
        ada.refused(1, "claude", "--write", said=["line 2", "comments, which would be lost"])


@test
def mode_and_symbolic_link_stay():
    with project() as ada:
        ada.write("dotfiles/mcp.json", others_of("claude"))
        os.chmod(ada.path("dotfiles/mcp.json"), 0o640)
        os.symlink("dotfiles/mcp.json", ada.path(".mcp.json"))
        ada.worked("claude", "--write")
        check(os.path.islink(ada.path(".mcp.json")), "no link any more")
        equal(stat.S_IMODE(os.stat(ada.path("dotfiles/mcp.json")).st_mode), 0o640, "its mode")
        check(entry("claude", ada.read("dotfiles/mcp.json")), "no entry")
        equal(sorted(os.listdir(ada.path("dotfiles"))), ["mcp.json"], "what lies beside it")
        ada.worked("claude", "--remove")
        equal(ada.read("dotfiles/mcp.json"), others_of("claude"))
        os.unlink(ada.path("dotfiles/mcp.json"))
        ada.refused(1, "claude", "--write", said=["No such file"])


@test
def a_disk_that_is_full_leaves_the_old_one():
    with small_disk(1) as folder:
        ada = Project(folder)
        ada.write(".mcp.json", others_of("claude"))
        with open(ada.path("filler"), "wb", buffering=0) as file, contextlib.suppress(OSError):
            while True:
                file.write(bytes(4096))
        ada.refused(1, "claude", "--write", said=["can't be written: No space left", "it is as it was"])
        equal(ada.read(".mcp.json"), others_of("claude"))
        equal(sorted(os.listdir(ada.folder)), [".git", ".mcp.json", "filler"], "what lies beside it")


@test
def one_that_may_not_be_written_is_left():
    with project() as ada:
        ada.write(".mcp.json", others_of("claude"))
        if subprocess.run(["chattr", "+i", ada.path(".mcp.json")], capture_output=True, check=False).returncode:
            if os.geteuid() == 0:
                raise Skip("this file system has no files that root may not write")
            os.chmod(ada.folder, 0o500)
        try:
            ada.refused(1, "claude", "--write", said=["can't be written", "it is as it was"])
            equal(sorted(os.listdir(ada.folder)), [".git", ".mcp.json"], "what lies there")
        finally:
            subprocess.run(["chattr", "-i", ada.path(".mcp.json")], capture_output=True, check=False)
            os.chmod(ada.folder, 0o700)
        equal(ada.read(".mcp.json"), others_of("claude"))
        os.unlink(ada.path(".mcp.json"))
        os.mkdir(ada.path(".mcp.json"))
        ada.refused(1, "claude", "--write", said=["it is no file"])


@test
def what_makes_no_sense_is_refused():
    with project() as ada:
        for words, said in ((["claude", "--write", "--remove"], "not both"), (["claude", "--name", "a.b"], "--name"),
                            (["claude", "--http", "127.0.0.1:6080"], "http://"), (["claude", "--http", URL, "--as", "a"], "takes none of"),
                            (["claude", "--token-env", "A"], "--http"), (["claude", "--http", URL, "--token-env", "kt1_x-y"], "not the token"),
                            (["claude", "--hub", "host:99999"], "--hub"), (["claude", "--as", "a\u202eb"], "can't be seen"),
                            (["clade"], "claude"), ([], "CLIENT")):
            ada.refused(2, *words, said=[said])
        equal(ada.files(), {}, "files that were made")


run()
