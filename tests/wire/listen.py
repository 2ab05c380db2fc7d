"""Listening, and the beginning and end of a hub: addresses, sockets left behind, protected mode,
signals."""

import ctypes
import os
import re
import signal
import socket
import stat
import tempfile

from harness import MIB, PATIENCE, Client, Hub, Room, Skip, check, encode, equal, message, own_address, run, shorten, start_in_vain, test, wait_until


@test
def the_console_shows_who_comes_and_goes_by_name():
    with Hub() as hub:
        client = hub.connect()
        host, port = client.socket.getsockname()
        client.hello("ada", 1, specialization="net\u202eworking")
        watcher = hub.connect()
        watcher.hello("watcher", 2, role="observer")  # as each `khub who` is: no line for people
        watcher.close()
        hub.connect().close()
        client.close()
        hub.wait_log("conn=c3 event=disconnected")
        hub.wait_log("conn=c1 event=disconnected")
        hub.wait_log("event=observing ai=watcher")
        equal(hub.stop(), 0)
        equal(hub.console().splitlines(), [
            "[hub] Only this machine can reach this hub.",
            "[hub] Keeps nothing (--memory): what it is told is gone when it ends.",
            f"[hub] Collaborative Kernel Hub listening on 127.0.0.1:{hub.port}",
            f"[+] ada (net\\u{{202e}}working) joined from {host}:{port}",
            "[-] ada left: peer_closed",
            "[hub] Shutting down Collaborative Kernel Hub.",
        ])


@test
def every_line_of_the_log_is_pairs_and_ends_in_counters():
    with Hub() as hub:
        place = Room(hub)
        hub.connect().close()
        hub.wait_log("conn=c3 event=disconnected reason=peer_closed from=127.0.0.1:[0-9]+ in=0 out=0")
        place.unaffected()
        place.ada.close()
        equal(hub.stop(), 0)
        pair = r'[a-z_]+=(?:[^\s"=]+|"(?:[^"\\]|\\.)*")…?'
        for line in hub.log().splitlines():
            check(re.fullmatch(rf"time=[^ ]+(?: {pair})+", line), "not pairs:", line)
        last = hub.log().splitlines()[-1]
        for reason in ("peer_closed", "peer_reset", "write_failed", "bad_lines", "taken_over", "slow_consumer",
                       "heartbeat_timeout", "hello_timeout", "protected_mode", "wrong_protocol", "connections_full",
                       "out_of_memory",
                       "shutting_down"):
            check(f" {reason}=" in last, reason, "is not counted in", last)


@test
def ipv6_unix_and_ipv4_are_listened_on_together():
    if not socket.has_ipv6 or not os.path.exists("/proc/net/if_inet6"):
        raise Skip("no IPv6 here")
    with Hub(listen=("127.0.0.1:0", "[::1]:0", "unix:FOLDER/socket")) as hub:
        path = os.path.join(hub.folder, "socket")
        port6 = int(re.search(r"address=\[::1\]:(\d+)", hub.log()).group(1))
        clients = [hub.connect(), hub.connect(("::1", port6)), hub.connect(path)]
        for client, name in zip(clients, ("four", "six", "unix")):
            client.hello(name, 1)
        clients[2].say("feature_response", {"hop": 1}, "six")
        clients[1].expect("hello")
        clients[1].expect("feature_response", hop=1)
        clients[1].say("feature_response", {"hop": 2}, "four")
        check(any(line["payload"].get("hop") == 2 for line in clients[0].drain()))
        hub.wait_console("[+] six (general) joined from [::1]:")
        hub.wait_console(f"[+] unix (general) joined from unix:{path}")
        for client in clients:
            client.close()
        equal(hub.stop(), 0)
        check(not os.path.exists(path), "the socket's file is still there")


@test
def a_socket_file_left_by_a_dead_hub_is_replaced():
    with tempfile.TemporaryDirectory() as folder:
        address = f"unix:{folder}/socket"
        dead = Hub(listen=("127.0.0.1:0", address))
        dead.kill()
        check(os.path.exists(f"{folder}/socket"))
        with Hub(listen=("127.0.0.1:0", address)) as hub:
            hub.connect(f"{folder}/socket").hello("ada", 1)


@test
def a_socket_file_of_a_living_hub_is_left_alone():
    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/socket"
        with Hub(listen=("127.0.0.1:0", f"unix:{path}")) as hub:
            text = start_in_vain("--listen", f"unix:{path}")
            check(path in text and "in use" in text and "hint:" in text, text)
            hub.connect(path).hello("ada", 1)


@test
def a_file_that_is_no_socket_is_left_alone():
    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/precious"
        with open(path, "w", encoding="ascii") as file:
            file.write("data")
        text = start_in_vain("--listen", f"unix:{path}")
        check(path in text, text)
        with open(path, encoding="ascii") as file:
            equal(file.read(), "data")


@test
def a_port_in_use_is_named_with_a_hint():
    with Hub() as hub:
        text = start_in_vain("--listen", f"127.0.0.1:{hub.port}")
        check(f"127.0.0.1:{hub.port}" in text and "in use" in text and "hint:" in text, text)
        hub.join("ada", 1)


@test
def addresses_that_are_none_are_named_with_the_reason():
    for address, word in [("127.0.0.1:99999", "HOST:PORT"), ("nonsense:::", ""), ("unix:", "path"),
                          ("192.0.2.77:0", "no such address"), ("unix:/nonexistent/dir/socket", "hint:")]:
        text = start_in_vain("--listen", address)
        check(address in text and word in text, shorten(text))


@test
def a_foreign_peer_is_told_of_protected_mode():
    address = own_address()
    with Hub(listen=("127.0.0.1:0", f"{address}:0")) as hub:
        port = int(re.search(rf"address={re.escape(address)}:(\d+)", hub.log()).group(1))
        ada = hub.join("ada", 1)
        for said in (b"", encode(message("eve", "hello")) + b"\n", b"x" * 300000):
            client = Client((address, port))
            try:
                client.send_bytes(said)
            except ConnectionError:  # it may be closed by then
                pass
            client.expect_error("protected_mode", "--insecure")
            client.expect_end()
            client.close()
        ada.expect_nothing()
        equal(hub.counters()["protected_mode"], 3)
        equal(hub.counters()["members"], 1)


@test
def insecure_lifts_protected_mode_loudly():
    address = own_address()
    with Hub("--insecure", listen=("127.0.0.1:0", f"{address}:0")) as hub:
        port = int(re.search(rf"address={re.escape(address)}:(\d+)", hub.log()).group(1))
        client = Client((address, port))
        client.hello("far", 1)
        hub.wait_console("WARNING: --insecure")
        hub.wait_log("event=warning insecure=")
        client.close()
    with Hub() as hub:
        equal(hub.stop(), 0)
        check("WARNING" not in hub.console() and "event=warning" not in hub.log())


def stop_gracefully(number):
    with Hub() as hub:
        ada, bea, eve = hub.join("ada", 1), hub.join("bea", 2), hub.join("eve", 1)
        for count in range(64):  # more than the sockets take, and unread when the signal comes
            eve.send(encode(message("eve", "feature_response", {"number": count, "text": "x" * (60 << 10)})))
        eve.drain()
        hub.process.send_signal(number)
        hub.wait_log("event=stopping")
        for client in (ada, bea):
            got = []
            while (line := client.receive()) is not None:
                got.append(line)
            numbers = [line["payload"]["number"] for line in got if line["message_type"] == "feature_response"]
            equal(numbers, list(range(64)), "what was queued")
            codes = [line["payload"]["code"] for line in got if line["message_type"] == "error"]
            equal(codes, ["shutting_down"] if client is bea else [], f"errors at {client.name}")
            client.close()
        eve.expect_end()
        eve.close()
        equal(hub.process.wait(60), 0, "exit code")
        check("[hub] Shutting down Collaborative Kernel Hub." in hub.console())


@test
def sigterm_flushes_what_is_queued_and_exits_0():
    stop_gracefully(signal.SIGTERM)


@test
def sigint_does_the_same():
    stop_gracefully(signal.SIGINT)


def begin_to_stop(hub):
    """It can't get to the end: eve has much to hear and reads nothing."""
    ada = hub.join("ada", 1)
    eve = hub.connect(buffer=4096)
    eve.hello("eve", 1)
    for _ in range(64):
        ada.say("feature_response", {"text": "x" * (100 << 10)})
    ada.drain()
    hub.process.send_signal(signal.SIGTERM)
    hub.wait_log("event=stopping")


@test
def nobody_new_comes_in_while_the_hub_stops():
    with Hub() as hub:
        begin_to_stop(hub)
        try:
            hub.connect()
            raise AssertionError("it was let in")
        except ConnectionRefusedError:
            pass
        equal(hub.process.wait(60), 0, "exit code")  # eve never reads: it is not waited for in vain


@test
def a_second_signal_ends_it_at_once():
    with Hub() as hub:
        begin_to_stop(hub)
        hub.process.send_signal(signal.SIGTERM)
        equal(hub.process.wait(60), 0, "exit code")


def own_socket_option(client, level, option, hub):
    """What the hub's side of a connection has for a socket option: of its own descriptor, borrowed
    by pidfd."""
    libc = ctypes.CDLL(None, use_errno=True)
    pidfd = os.pidfd_open(hub.process.pid)
    peer = "%s:%d" % client.socket.getsockname()
    try:
        for name in os.listdir(f"/proc/{hub.process.pid}/fd"):
            fd = libc.syscall(438, pidfd, int(name), 0)  # pidfd_getfd
            if fd < 0:
                raise Skip(f"no descriptors of other processes here: {os.strerror(ctypes.get_errno())}")
            try:
                if not stat.S_ISSOCK(os.fstat(fd).st_mode):
                    continue
                with socket.socket(fileno=os.dup(fd)) as borrowed:
                    try:
                        if borrowed.family == socket.AF_INET and "%s:%d" % borrowed.getpeername() == peer:
                            return borrowed.getsockopt(level, option)
                    except OSError:  # the listener has no peer
                        pass
            finally:
                os.close(fd)
    finally:
        os.close(pidfd)
    raise AssertionError("the hub has no such connection")


@test
def accepted_sockets_notice_dead_peers_and_send_at_once():
    with Hub("--no-confine") as hub:  # one that is confined shows its descriptors to root alone
        ada = hub.join("ada", 1)
        ada.expect_nothing()
        for level, option, wanted in [(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
                                      (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 60),
                                      (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 15),
                                      (socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 4),
                                      (socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 120000),
                                      (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)]:
            equal(own_socket_option(ada, level, option, hub), wanted, f"option {option}")


@test
def who_never_joins_makes_room_in_time_when_half_is_taken():
    with Hub("--connections-max", 4, "--hello-timeout-ms", 1) as hub:
        ada, bea = hub.join("ada", 1), hub.join("bea", 1)
        silent = hub.connect()
        silent.expect_error("heartbeat_timeout")
        silent.expect_end()
        hub.wait_log("conn=c3 event=disconnected reason=hello_timeout")
        ada.drain()
        bea.drain()
    with Hub("--connections-max", 40, "--hello-timeout-ms", 1) as hub:  # here it harms nobody
        ada, silent = hub.join("ada", 1), hub.connect()
        for _ in range(3):
            hub.process.send_signal(signal.SIGUSR1)
            ada.drain()
        silent.hello("late", 1)


@test
def a_hub_with_nothing_left_to_send_stops_at_once():
    # Were it to wait for these, it would be for an hour.
    with Hub("--linger-ms", 3600000, "--stop-ms", 3600000, listen=("127.0.0.1:0", "unix:FOLDER/socket")) as hub:
        hub.connect()
        hub.join("ada", 1)
        hub.join("bea", 2)
        hub.connect(os.path.join(hub.folder, "socket")).hello("cy", 2)
        equal(hub.stop(), 0)
        for client in hub.clients:
            while client.receive() is not None:
                pass


@test
def localhost_is_all_that_it_stands_for():
    try:
        wanted = {info[4][0] for info in socket.getaddrinfo("localhost", 0, type=socket.SOCK_STREAM)}
    except socket.gaierror as error:
        raise Skip(f"localhost is nothing here: {error}") from error
    with Hub(listen=("localhost:0",)) as hub:
        found = re.findall(r"event=listening address=(?:\[(.+)\]|(\S+)):(\d+) name=localhost:0\n", hub.log())
        check(found, hub.log())
        equal({port for _, _, port in found}, {str(hub.port)}, "ports")
        hosts = {six or four for six, four, _ in found}
        for host in wanted:
            try:
                with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
                    probe.bind((host, 0))
            except OSError:
                continue  # the machine has no such address
            check(host in hosts, host, "is not among", hosts)
            hub.connect((host, hub.port)).hello(f"by {len(hub.clients)}", 1)
        hub.wait_console(f":{hub.port} (localhost:0)")


@test
def half_closing_still_gets_the_answers():
    with Hub() as hub:
        client = hub.connect()  # as `printf … | nc -N` does
        client.send_bytes(encode(message("ada", "hello", {"protocol": 2})) + b"\nnot json\n")
        client.socket.shutdown(socket.SHUT_WR)
        client.expect("training_sync")
        client.expect_error("bad_json")
        client.expect_end()
        hub.wait_log("event=disconnected reason=peer_closed")
        client.close()


@test
def answers_larger_than_the_socket_reach_one_that_half_closed():
    with Hub() as hub:
        eve = hub.join("eve", 1)
        for number in range(3):
            eve.say("pattern_share", {"pattern": {"id": f"p{number}", "text": "x" * (300 << 10)}})
        eve.expect_nothing()
        client = hub.connect(buffer=4096)
        client.send_bytes(encode(message("ada", "hello")) + b"\n" + encode(message("ada", "hello")) + b"\n")
        client.socket.shutdown(socket.SHUT_WR)
        for _ in range(2):
            sync = client.expect("training_sync")
            check(len(client.raw) > MIB // 2, len(client.raw), sync["payload"]["active_ais"])
        client.expect_end()
        client.close()
        wait_until(lambda: hub.counters()["connections"] == 1, "the end of the connection")


run()
