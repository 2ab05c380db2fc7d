#!/usr/bin/env python3
"""./dev package's packages: built, and in a fresh Debian installed, used, upgraded, purged.

usage: packages.py KHUB REFERENCE [PART OF A NAME]

The fresh Debian is made by debootstrap in memory, and entered by chroot, as root; its mounts are in
a namespace of this program's own, and go with it. There is no systemd in it: what khub.service
starts is started by hand, in the same words, as a user who is nobody else. The hub listens on a
Unix socket there.
"""
import glob
import os
import re
import shutil
import subprocess
import sys
import tempfile

ROOT = os.path.realpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))
sys.path.insert(0, os.path.join(ROOT, "tests", "wire"))
from harness import Skip, check, equal, run, test, wait_until  # noqa: E402

ARGUMENTS = list(sys.argv)
REFERENCE = os.path.realpath(sys.argv.pop(2))
PACKAGES = ("khub", "libkhub0", "libkhub-dev", "python3-khub")
PATH = "PATH=/usr/bin:/bin:/usr/sbin:/sbin"
CONF = "/etc/khub.conf"
# What the optimiser makes of the C the other tests see; of a package none of it is looked at here.
QUICK = {"DEB_CFLAGS_APPEND": "-O0", "DEB_CPPFLAGS_APPEND": "-U_FORTIFY_SOURCE"}


def output(*words, **more):
    done = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False, **more)
    text = done.stdout.decode(errors="replace")
    equal(done.returncode, 0, f"exit code of {' '.join(words)} ({text[-3000:]})")
    return text


def built():
    """The packages, by name; built once."""
    if not built.found:
        output(os.path.join(ROOT, "dev"), "package", env={**os.environ, **QUICK})
        for file in glob.glob(os.path.join(ROOT, "build-package", "*.deb")):
            built.found[os.path.basename(file).split("_")[0]] = file
    return built.found


built.found = {}


def mirror():
    """Where this machine's apt has Debian from."""
    listed = output("apt-get", "indextargets", "--format", "$(SITE) $(RELEASE) $(COMPONENT)")
    for line in listed.splitlines():
        site, release, component = line.split(" ", 2)
        if release == "bookworm" and component == "main" and "security" not in site:
            return site
    raise Skip("apt knows no Debian 12 here")


def in_own_namespace():
    """Begins this program anew in a mount namespace of its own, where there are such."""
    own = ["unshare", "--mount", "--propagation", "private"]
    if os.geteuid() != 0 or "KHUB_NAMESPACE" in os.environ:
        return
    if subprocess.run([*own, "true"], stderr=subprocess.DEVNULL, check=False).returncode == 0:
        os.environ["KHUB_NAMESPACE"] = "own"
        os.execvp(own[0], [*own, sys.executable, *ARGUMENTS])


class Debian:
    """A fresh one."""

    def __init__(self):
        if "KHUB_NAMESPACE" not in os.environ:
            raise Skip("a fresh Debian takes root, and mount namespaces")
        if not shutil.which("debootstrap"):
            raise Skip("no debootstrap here")
        self.folder = tempfile.mkdtemp(prefix="khub-test-debian-")
        self.hub = None
        output("mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", self.folder)

    def path(self, path):
        return self.folder + path

    def make(self):
        output("debootstrap", "--variant=minbase", "--include=man-db,bash-completion", "bookworm", self.folder, mirror())
        for path in ("/etc/resolv.conf", "/etc/hosts"):
            shutil.copy(path, self.path(path))
        shutil.copytree("/etc/apt/apt.conf.d", self.path("/etc/apt/apt.conf.d"), dirs_exist_ok=True)
        self.write("/etc/dpkg/dpkg.cfg.d/fast", "force-unsafe-io\n")
        self.write("/usr/sbin/policy-rc.d", "#!/bin/sh\nexit 101\n", 0o755)
        output("mount", "-t", "proc", "proc", self.path("/proc"))
        output("mount", "--rbind", "/dev", self.path("/dev"))

    def write(self, path, text, mode=0o644):
        with open(self.path(path), "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(self.path(path), mode)

    def read(self, path):
        with open(self.path(path), encoding="utf-8") as file:
            return file.read()

    def words(self, *words):
        """As words of a command that runs in there."""
        return ["chroot", self.folder, "env", "-i", "HOME=/root", "LANG=C.UTF-8", "DEBIAN_FRONTEND=noninteractive", PATH, *words]

    def run(self, *words):
        return output(*self.words(*words))

    def fetch(self, *names):
        """Debian's own packages."""
        self.run("apt-get", "install", "-y", "-q", "--no-install-recommends", *sorted(names))

    def install(self, *files):
        for file in files:
            shutil.copy(file, self.path("/root"))
        self.run("apt-get", "install", "-y", "-q", "--no-install-recommends", "--allow-downgrades",
                 *(f"/root/{os.path.basename(file)}" for file in files))

    def start(self):
        """What khub.service starts, as a user who is nobody else, with its own directory."""
        line = re.search(r"^ExecStart=(.+)$", self.read("/lib/systemd/system/khub.service"), re.MULTILINE)[1]
        state = self.path("/var/lib/khub")
        os.makedirs(state, exist_ok=True)
        os.chmod(state, 0o700)
        os.chown(state, 64000, 64000)
        self.hub = subprocess.Popen(self.words("setpriv", "--reuid=64000", "--regid=64000", "--clear-groups", "env",
                                               "STATE_DIRECTORY=/var/lib/khub", *line.split()),
                                    stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        wait_until(lambda: os.path.exists(self.path("/var/lib/khub/hub.sock")) or self.hub.poll() is not None,
                   "the service to listen")
        equal(self.hub.poll(), None, "exit code of the service")

    def stop(self):
        hub, self.hub = self.hub, None
        hub.terminate()
        said = hub.communicate()[0].decode(errors="replace")
        equal(hub.returncode, 0, f"exit code of the service ({said})")
        return said

    def files(self):
        """What is in /etc, /usr and /var, but caches and logs of apt and dpkg."""
        apart = ("/var/cache", "/var/log", "/var/lib/apt", "/var/lib/dpkg", "/var/lib/systemd", "/etc/ld.so.cache",
                 "/usr/share/mime", "/usr/lib/python3")
        found = set()
        for top in ("/etc", "/usr", "/var"):
            for folder, folders, names in os.walk(self.path(top)):
                inside = folder[len(self.folder):]
                if inside.startswith(apart):
                    folders.clear()
                    continue
                found.update(os.path.join(inside, name) for name in names + folders)
        return {path for path in found if not path.startswith(apart)}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.hub:
            self.hub.kill()
            self.hub.wait()
        output("umount", "--recursive", self.folder)
        os.rmdir(self.folder)


@test
def numbers_and_names_are_those_of_the_tree():
    with open(os.path.join(ROOT, "meson.build"), encoding="utf-8") as file:
        version = re.search(r"version: '([^']+)'", file.read())[1]
    with open(os.path.join(ROOT, "debian", "changelog"), encoding="utf-8") as file:
        equal(file.readline().split()[:2], ["khub", f"({version})"], "the first line of debian/changelog")
    with open(os.path.join(ROOT, "packaging", "meson.build"), encoding="utf-8") as file:
        listed = re.search(r"subcommands = \[(.*?)\]", file.read(), re.DOTALL)[1]
    equal(re.findall(r"'([^']+)'", listed), output(REFERENCE, "names").split(), "subcommands of packaging/meson.build")
    with open(os.path.join(ROOT, "dev"), encoding="utf-8") as file:
        wanted = re.search(r"build_packages=\((.*?)\)", file.read())[1].split()
    with open(os.path.join(ROOT, "debian", "control"), encoding="utf-8") as file:
        named = re.findall(r"^ ([a-z0-9.+-]+)", file.read().split("\n\n")[0], re.MULTILINE)
    equal({name for name in wanted if name.startswith("lib") and name != "libc6-dev"} - set(named), set(),
          "what ./dev installs for a build, and debian/control does not")


@test
def packages_are_built_and_lintian_finds_nothing():
    equal({name for name in built() if not name.endswith("-dbgsym")}, set(PACKAGES), "packages")


def older(package):
    """The same package under a version that came before."""
    folder = tempfile.mkdtemp()
    output("dpkg-deb", "-R", package, f"{folder}/files")
    with open(f"{folder}/files/DEBIAN/control", "r+", encoding="utf-8") as file:
        text = file.read()
        file.seek(0)
        file.write(re.sub(r"^(Version: |.*\(= )[0-9.]+", r"\g<1>0.0.9", text, flags=re.MULTILINE))
        file.truncate()
    output("dpkg-deb", "--root-owner-group", "-b", f"{folder}/files", f"{folder}/older.deb")
    return folder, f"{folder}/older.deb"


def try_manual(debian):
    text = debian.run("man", "--warnings", "khub-serve")
    check("--listen ADDRESS" in text and "warning" not in text, text[:500])
    for page in ("khub", "khub.conf", "khub-ask"):
        check("NAME" in debian.run("man", page), page)


def try_completion(debian):
    script = ('. /usr/share/bash-completion/bash_completion; _completion_loader khub; '
              'COMP_WORDS=(khub {words}); COMP_CWORD={last}; _khub; echo "${{COMPREPLY[*]}}"')
    for words, last, wanted in (("ser", 1, "serve"), ("serve --tls-m", 2, "--tls-min"), ("serve --tls-min ''", 3, "1.2 1.3"),
                                ("serve --tls-min = 1.3", 4, "1.3"), ("help wat", 2, "watch"), ("setup cod", 2, "codex"),
                                ("serve --tls-cert /etc/khub", 3, CONF)):
        equal(debian.run("bash", "-c", script.format(words=words, last=last)).strip(), wanted, f"completed: khub {words}")


def try_service(debian):
    """With an administrator's own line in khub.conf; a member leaves a task that is to stay."""
    said = debian.read(CONF)
    debian.write(CONF, said + "listen = unix:/var/lib/khub/hub.sock\n")
    debian.start()
    hub = "unix:/var/lib/khub/hub.sock"
    debian.run("khub", "join", "anna", "--hub", hub, "--state", "/root/anna.json")
    debian.run("khub", "task", "add", "Write the allocator", "--key", "allocator", "--state", "/root/anna.json")
    check("anna" in debian.run("khub", "who", "--hub", hub), "who is there")
    debian.stop()


def try_library(debian):
    check(os.path.exists(glob.glob(debian.path("/usr/lib/*/libkhub.so.0"))[0]), "libkhub.so.0")
    equal(debian.run("python3", "-c", "import khub; print(khub.__file__)").strip(), "/usr/lib/python3/dist-packages/khub.py",
          "where the module is")


def dependencies(*packages):
    """Names of what these depend on, but our own."""
    lines = re.findall(r"(?:Pre-)?Depends: (.+)", "\n".join(output("dpkg-deb", "-f", package) for package in packages))
    return {re.split(r"[ (|:]", one.strip())[0] for line in lines for one in line.split(",")} - set(PACKAGES)


@test
def in_a_fresh_debian_they_come_work_and_go():
    packages = built()
    with Debian() as debian:
        debian.make()
        debian.run("apt-get", "update", "-q")
        # what stays when packages that ours depend on go is theirs; khub has at first its own alone
        debian.fetch(*dependencies(packages["khub"]))
        before = debian.files()
        folder, old = older(packages["khub"])
        debian.install(old)
        shutil.rmtree(folder)
        try_service(debian)

        there = debian.files()
        debian.fetch(*dependencies(*(packages[name] for name in PACKAGES)))
        before |= debian.files() - there
        debian.install(*(packages[name] for name in PACKAGES))
        check(CONF in debian.files() and "listen = unix:" in debian.read(CONF), "what an administrator wrote stays")
        debian.start()
        check("allocator" in debian.run("khub", "task", "--state", "/root/anna.json"), "what was told before the upgrade")
        debian.run("khub", "leave", "--state", "/root/anna.json")
        debian.stop()
        try_manual(debian)
        try_completion(debian)
        try_library(debian)

        debian.run("apt-get", "remove", "-y", "-q", "khub")
        check(os.path.exists(debian.path(CONF)) and os.path.isdir(debian.path("/var/lib/khub")), "what removing leaves")
        debian.run("apt-get", "purge", "-y", "-q", *PACKAGES)
        equal(sorted(debian.files() - before), [], "what a purge leaves")


in_own_namespace()
run()
