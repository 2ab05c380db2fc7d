"""The brokers that are measured: how each is started, and one that runs, for as long as a with
block."""
import os
import resource
import shutil
import socket
import subprocess
import tempfile
import time

START_SECONDS = 10.0


class Failed(Exception):
    """A run that has no figure, and why."""


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def write_file(directory, name, text):
    path = os.path.join(directory, name)
    with open(path, "w", encoding="ascii") as file:
        file.write(text)
    return path


# --- the brokers: command(build, directory, case) returns the command line and its port, None where
# a port file will tell it


def floor_command(build, directory, case):
    option = ["--direct"] if case == "direct" else []
    return [f"{build}/bench/relay_floor", f"{directory}/port", *option], None


def bare_command(build, directory, _case):
    return [f"{build}/bench/relay_floor", f"{directory}/port", "--bare"], None


def khub_command(build, directory, _case):
    listen = ["--listen", "127.0.0.1:0", "--port-file", f"{directory}/port"]
    text = subprocess.run([f"{build}/khub", "serve", "--help"], capture_output=True, text=True, check=True).stdout
    memory = ["--memory"] if "--memory" in text else []  # a build before it kept nothing anyway
    # the kernel shows the memory and files of one that is confined to root alone
    confined = ["--no-confine"] if "--no-confine" in text and os.geteuid() != 0 else []
    return [f"{build}/khub", "serve", *memory, *confined, *listen], None


def durable_command(build, directory, _case):
    listen = ["--listen", "127.0.0.1:0", "--port-file", f"{directory}/port"]
    return [f"{build}/khub", "serve", "--data", f"{directory}/data", *listen], None


def tokens_command(build, directory, case):
    command, port = durable_command(build, directory, case)
    made = subprocess.run([f"{build}/khub", "token", "add", "bench", "--data", f"{directory}/data"], capture_output=True,
                          text=True, check=True)
    write_file(directory, "token", made.stdout.strip())
    return command, port


def khub_tls_command(build, directory, case):
    subprocess.run([f"{build}/khub", "cert", "--host", "localhost", f"{directory}/tls"], capture_output=True, check=True)
    command, port = khub_command(build, directory, case)
    return [*command, "--tls-cert", f"{directory}/tls/cert.pem", "--tls-key", f"{directory}/tls/key.pem"], port


def redis_tls_command(build, directory, case):
    subprocess.run([f"{build}/khub", "cert", "--host", "localhost", f"{directory}/tls"], capture_output=True, check=True)
    command, port = redis_command(build, directory, case)
    command[command.index("--port")] = "--tls-port"
    return [*command, "--port", "0", "--tls-cert-file", f"{directory}/tls/cert.pem", "--tls-key-file",
            f"{directory}/tls/key.pem", "--tls-auth-clients", "no", "--tls-protocols", "TLSv1.3"], port


def redis_command(_build, directory, _case):
    port = free_port()
    options = f"--port {port} --bind 127.0.0.1 --appendonly no --daemonize no --maxclients 10000"
    return ["redis-server", *options.split(), "--dir", directory, "--save", "",
            "--client-output-buffer-limit", "pubsub 0 0 0"], port


def nats_start(directory, port, more=""):
    config = write_file(directory, "nats.conf", f"""
        listen: "127.0.0.1:{port}"
        max_connections: 20000
        max_pending: 1073741824
        write_deadline: "60s"
        ping_interval: "1h"
        logfile: "{directory}/nats.log"
        {more}
        """)
    return ["nats-server", "-c", config]


def nats_command(_build, directory, _case):
    port = free_port()
    return nats_start(directory, port), port


def nats_web_command(_build, directory, _case):
    port = free_port()
    web = f'websocket {{ listen: "127.0.0.1:{port}", no_tls: true }}'
    return nats_start(directory, -1, web), port


def mosquitto_command(_build, directory, _case):
    port = free_port()
    user = "user root\n" if os.getuid() == 0 else ""
    config = write_file(directory, "mosquitto.conf", user + "\n".join((
        f"listener {port} 127.0.0.1", "allow_anonymous true", "persistence false", "max_connections -1",
        "max_queued_messages 0", "max_queued_bytes 0", "max_inflight_messages 0", "set_tcp_nodelay true",
        "log_dest none")) + "\n")
    return ["mosquitto", "-c", config], port


class Broker:
    """One row: what is started, how it is spoken to, in which cases it takes part."""

    def __init__(self, name, title, command, dialect=None, program=None, cases=("fanout", "direct", "latency"), tls=False):
        self.name, self.title, self.command, self.tls = name, title, command, tls
        self.dialect, self.program, self.cases = dialect or name, program, cases

    def installed(self):
        return self.program is None or find_program(self.program) is not None


BROKERS = (
    Broker("floor", "floor", floor_command),
    Broker("bare", "bare", bare_command, dialect="floor", cases=("fanout",)),
    Broker("khub", "khub", khub_command, cases=("fanout", "direct", "latency", "idle")),
    Broker("durable", "khub --data", durable_command, dialect="khub", cases=("fanout", "latency")),
    Broker("khub1", "khub-kb", khub_command, dialect="khub1", cases=("fanout",)),
    Broker("report", "khub-report", khub_command, dialect="khub_report", cases=("fanout",)),
    Broker("redis", "redis", redis_command, program="redis-server"),
    Broker("nats", "nats", nats_command, program="nats-server"),
    Broker("mosquitto", "mosquitto", mosquitto_command, program="mosquitto"),
)


NATS_WEB = Broker("nats-web", "nats /ws", nats_web_command, program="nats-server")

BROKERS_TLS = (
    Broker("khub", "khub", khub_command, cases=("fanout", "direct", "latency", "idle")),
    Broker("khub-tls", "khub TLS", khub_tls_command, dialect="khub", cases=("fanout", "direct", "latency", "idle", "shake"), tls=True),
    Broker("redis", "redis", redis_command, program="redis-server"),
    Broker("redis-tls", "redis TLS", redis_tls_command, dialect="redis", program="redis-server", tls=True),
)

BROKERS_TOKENS = (
    Broker("khub", "khub --memory", khub_command, cases=("fanout", "direct", "latency")),
    Broker("durable", "khub --data", durable_command, dialect="khub"),
    Broker("tokens", "with tokens", tokens_command, dialect="khub"),
)

# name: (this build's broker, and that of the build before)
COMPARED = tuple((broker, Broker("before-" + broker.name, broker.title + " before", khub_command,
                                 dialect=broker.dialect, cases=broker.cases))
                 for broker in BROKERS if broker.command is khub_command)


def find_program(name):
    return shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")


def child_setup(core, first=False):
    """What a child does before its program: files, its core, and, where that is allowed, precedence
    over what else runs. first: before all that has none, whenever it wakes; only for what leaves
    the processor alone most of the time, since the kernel's own threads come behind it."""
    def setup():
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        if core is not None:
            os.sched_setaffinity(0, {core})
        os.setsid()  # a scheduling group of its own, whose weight counts against other sessions'
        try:
            os.setpriority(os.PRIO_PROCESS, 0, -20)
            with open("/proc/self/autogroup", "w", encoding="ascii") as file:
                file.write("-20")
            if first:
                os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))
        except OSError:
            pass
    return setup


class Running:
    """A broker that listens, in a directory of its own; stopped by its pid at the end of the with
    block."""

    def __init__(self, broker, bench, case, first=False):
        self.broker, self.case, self.core, self.first = broker, case, bench.broker_core, first
        self.build, self.before = bench.build, bench.before

    def __enter__(self):
        self.directory = tempfile.mkdtemp(prefix="relay-")
        build = self.before if self.broker.name.startswith("before-") else self.build
        command, self.port = self.broker.command(build, self.directory, self.case)
        command[0] = find_program(command[0]) or command[0]
        self.log = open(f"{self.directory}/log", "wb")
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=self.log,
                                        stderr=subprocess.STDOUT, preexec_fn=child_setup(self.core, self.first))
        try:
            self.wait_until_it_listens()
        except BaseException:
            self.__exit__()
            raise
        return self

    def wait_until_it_listens(self):
        end = time.monotonic() + START_SECONDS
        while time.monotonic() < end:
            if self.process.poll() is not None:
                raise Failed(f"{self.broker.title} ended at once: {self.last_words()}")
            if self.port is None:
                try:
                    with open(f"{self.directory}/port", encoding="ascii") as file:
                        text = file.read()
                    self.port = int(text) if text.endswith("\n") else None
                except FileNotFoundError:
                    pass
            else:
                try:
                    socket.create_connection(("127.0.0.1", self.port), 1).close()
                    return
                except ConnectionRefusedError:
                    pass
            time.sleep(0.01)
        raise Failed(f"{self.broker.title} did not listen within {START_SECONDS:.0f} s: {self.last_words()}")

    def last_words(self):
        self.log.flush()
        with open(f"{self.directory}/log", "rb") as file:
            return file.read()[-500:].decode("utf-8", "replace").strip()

    def environment(self):
        """The generator's: in it is the token, if the hub asks for one."""
        found = {name: value for name, value in os.environ.items() if name != "KHUB_TOKEN"}
        if os.path.exists(f"{self.directory}/token"):
            with open(f"{self.directory}/token", encoding="ascii") as file:
                found["KHUB_TOKEN"] = file.read()
        return found

    def __exit__(self, *_):
        self.process.terminate()
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.log.close()
        shutil.rmtree(self.directory)
