"""A hub with a certificate: Python's ssl module as a client that is not ours; who does not encrypt;
what is no TLS; certificates that change while the hub runs."""

import contextlib
import os
import re
import shutil
import signal
import socket
import ssl

from harness import PATIENCE, Client, Hub, check, directory, encode, equal, message, own_address, run, start_in_vain, test, wait_until
from secure import Secure, lab


def at(hub):
    return ("127.0.0.1", hub.port)


@test
def one_port_speaks_both_and_lines_are_the_same():
    with lab() as papers, Hub(*papers.pair("hub")) as hub:
        hub.wait_console("TLS with the certificate sha256:")
        ada, bea = hub.join("ada"), Secure(at(hub), papers.context())
        bea.hello("bea")
        equal(bea.socket.version(), "TLSv1.3")
        hub.wait_log("conn=c2 event=secured version=TLSv1.3 cipher=TLS_")
        check("name=" not in re.search("event=secured.*", hub.log()).group(0), "who has no certificate has no name")
        ada.expect("hello")
        for size in (1, 300, 16384, 70000, 900000):
            for sender, receiver in ((ada, bea), (bea, ada)):
                line = encode(message(sender.name, "feature_response", {"text": "x" * size}))
                sender.send(line)
                equal(receiver.receive_raw(), line)
        bea.leave()
        hub.wait_log("conn=c2 event=disconnected reason=peer_closed")


@test
def a_client_that_ends_without_a_word_is_told_from_one_that_leaves():
    with lab() as papers, Hub(*papers.pair("hub")) as hub:
        bea = Secure(at(hub), papers.context())
        bea.hello("bea")
        bea.send_bytes(b'{"half a li')
        bea.close()
        hub.wait_log('conn=c1 event=disconnected reason=peer_reset .*tls="it ended without the word of TLS for it"')


@test
def all_that_was_queued_comes_before_the_end():
    with lab() as papers, Hub(*papers.pair("hub")) as hub:
        ada, bea = hub.join("ada"), Secure(at(hub), papers.context())
        bea.hello("bea")
        ada.expect("hello")
        lines = [encode(message("ada", "feature_response", {"number": count, "text": "x" * 60000})) for count in range(60)]
        for line in lines:  # more than the sockets take
            ada.send(line)
        ada.drain()
        hub.process.send_signal(signal.SIGTERM)
        hub.wait_log("event=stopping")
        for line in lines:
            equal(bea.receive_raw(), line)
        bea.expect_end()  # not an error: the hub has said by TLS that this is all
        equal(hub.process.wait(PATIENCE), 0)


@test
def what_waits_for_the_disk_is_read_on_behind_it():
    """A record of TLS has more than the line that waits, and the socket more than that record."""
    with directory() as data, lab() as papers, Hub("--data", data, *papers.pair("hub")) as hub:
        ada, bea = hub.join("ada", 2), Secure(at(hub), papers.context())
        bea.hello("bea", 2)
        ada.expect("hello")
        for number in range(30):
            said = [("chat", {"number": number}), ("workspace_update", {"session_id": "none", "key": "k", "value": 1}),
                    ("chat", {"text": "x" * (1 + 5000 * number)})]
            bea.send_bytes(b"".join(encode(message("bea", kind, payload)) + b"\n" for kind, payload in said))
        for number in range(30):
            ada.expect("chat", number=number)
            equal(len(ada.expect("chat")["payload"]["text"]), 1 + 5000 * number, "length")
            bea.expect_error("unknown_session")


@test
def tls_1_2_is_spoken_if_asked_for():
    with lab() as papers:
        old = papers.context(maximum_version=ssl.TLSVersion.TLSv1_2)
        with Hub(*papers.pair("hub")) as hub:
            try:
                Secure(at(hub), old)
                raise AssertionError("TLS 1.2 was spoken")
            except ssl.SSLError as error:
                check("PROTOCOL_VERSION" in str(error), error)
            hub.wait_log('conn=c1 event=disconnected reason=tls_failed .*tls="unsupported protocol"')
            equal(hub.counters()["tls_failed"], 1)
        with Hub(*papers.pair("hub"), "--tls-1-2") as hub, contextlib.closing(Secure(at(hub), old)) as bea:
            bea.hello("bea")
            equal(bea.socket.version(), "TLSv1.2")
            check("ECDHE" in bea.socket.cipher()[0], bea.socket.cipher())


@test
def the_certificate_is_what_a_client_checks():
    with lab() as papers:
        for name, host, word in (("hub", "elsewhere.example", "Hostname mismatch"), ("elsewhere", "localhost", "Hostname mismatch"),
                                 ("expired", "localhost", "expired"), ("impostor", "localhost", "unable to get local issuer")):
            with Hub(*papers.pair(name)) as hub:
                try:
                    Secure(at(hub), papers.context(), host)
                    raise AssertionError(f"{name} was believed to be {host}")
                except ssl.SSLCertVerificationError as error:
                    check(word in str(error), error)
                hub.wait_log("conn=c1 event=disconnected reason=tls_failed .*tls=")


@test
def other_protocols_at_a_port_with_tls_are_told_so():
    post = b"POST / HTTP/1.1\r\nHost: localhost\r\n\r\n" + encode(message("page", "hello")) + b"\n"
    with lab() as papers, Hub(*papers.pair("hub")) as hub:
        clients = [hub.connect(), Secure(at(hub), papers.context())]
        for client in clients:
            client.send_bytes(post)
            check(client.next_line().startswith(b"HTTP/1.1 400 "), client.raw)
        hub.wait_log("conn=c2 event=disconnected reason=wrong_protocol .*protocol=HTTP")
        clients[1].close()
        for junk in (b"\x16hello, is this a hub?\n", b"\x16\x03\x01\x40\x00\x01\x00\x00\x00" + bytes(64), b"\x16" + bytes(70000)):
            with contextlib.closing(hub.connect()) as client:
                with contextlib.suppress(OSError):
                    client.send_bytes(junk)
                    client.socket.shutdown(socket.SHUT_WR)
                    while client.socket.recv(1 << 16):
                        pass
        wait_until(lambda: hub.log().count(" tls=") == 3, "three failures")
        hub.join("ada").expect_nothing()


@test
def a_handshake_has_so_much_time():
    with lab() as papers, Hub(*papers.pair("hub"), "--tls-shake-ms", 50) as hub:
        into, out = ssl.MemoryBIO(), ssl.MemoryBIO()
        half = papers.context().wrap_bio(into, out, server_hostname="localhost")
        with contextlib.suppress(ssl.SSLWantReadError):
            half.do_handshake()
        waiting, silent = hub.connect(), hub.connect()
        waiting.send_bytes(out.read()[:99])
        hub.wait_log('conn=c1 event=disconnected reason=tls_failed .*tls="its handshake took too long"')
        with contextlib.suppress(ConnectionError):
            equal(waiting.socket.recv(99), b"")
        silent.hello("silent")  # who has not begun has all the time that others have


@test
def a_new_certificate_is_taken_up_without_a_dropped_connection():
    with lab() as papers:
        for end in ("pem", "key"):
            shutil.copy(papers.path(f"hub.{end}"), papers.path(f"now.{end}"))
        with Hub(*papers.pair("now")) as hub:
            ada = Secure(at(hub), papers.context())
            ada.hello("ada")
            equal(ada.socket.getpeercert(True), papers.digest("hub"))

            def reload(*pair):
                told = hub.console().count("TLS ")
                for source, end in zip(pair, ("pem", "key")):
                    shutil.copyfile(papers.path(f"{source}.{end}"), papers.path(f"now.{end}"))
                hub.process.send_signal(signal.SIGHUP)
                wait_until(lambda: hub.console().count("TLS ") > told, "a word on the certificate")

            def shown():
                with contextlib.closing(Secure(at(hub), papers.context())) as client:
                    client.hello("bea")
                    ada.expect("hello")
                    found = client.socket.getpeercert(True)
                return found

            reload("renewed", "renewed")
            hub.wait_log("event=tls_reloaded cert=.* fingerprint=sha256:")
            equal(shown(), papers.digest("renewed"))
            reload("hub", "renewed")
            hub.wait_console("WARNING: TLS goes on with the former certificate: the key ")
            hub.wait_log("event=warning tls_not_reloaded=")
            equal(shown(), papers.digest("renewed"))
            os.chmod(papers.path("now.key"), 0o644)
            reload("hub", "hub")
            hub.wait_console("may be read by others (mode 0644)")
            equal(shown(), papers.digest("renewed"))
            os.chmod(papers.path("now.key"), 0o600)
            reload("hub", "hub")
            equal(shown(), papers.digest("hub"))
            equal(ada.socket.getpeercert(True), papers.digest("hub"))
            ada.close()


@test
def a_hub_does_not_begin_without_what_it_was_told_to_have():
    with lab() as papers:
        os.chmod(papers.path("ada.key"), 0o604)
        for options, words in (
                (["--tls-cert", papers.path("hub.pem"), "--tls-key", papers.path("renewed.key")], ("renewed.key", "not that of")),
                (["--tls-cert", papers.path("none.pem"), "--tls-key", papers.path("hub.key")], ("none.pem", "No such file")),
                (["--tls-cert", papers.path("ada.pem"), "--tls-key", papers.path("ada.key")], ("ada.key", "0604")),
                (papers.pair("hub") + ["--tls-client-ca", papers.path("hub.key")], ("hub.key", "no certificates"))):
            text = start_in_vain(*options)
            for word in words:
                check(word in text, word, "is not in", text)


@test
def of_other_machines_only_who_shows_a_good_certificate_is_taken():
    address = own_address()
    with lab() as papers, Hub(*papers.pair("hub"), "--tls-client-ca", papers.path("ca.pem"),
                              listen=("127.0.0.1:0", f"{address}:0")) as hub:
        there = (address, int(re.search(rf"address={re.escape(address)}:(\d+)", hub.log()).group(1)))
        with contextlib.closing(Client(there)) as plain:
            plain.send(message("eve", "hello"))
            plain.expect_error("protected_mode", "khubs://", "--insecure")
            plain.expect_end()
        with contextlib.closing(Secure(there, papers.context())) as nameless:
            nameless.send(message("eve", "hello"))
            nameless.expect_error("protected_mode", "--tls-client-ca")
            nameless.expect_end()
        with contextlib.closing(Secure(there, papers.context("ada"))) as ada:
            ada.hello("ada")
            hub.wait_log("event=secured version=TLSv1.3 cipher=.* name=ada")
        try:  # TLS 1.3 clients hear of it when they read
            stranger = Secure(there, papers.context("stranger"))
            stranger.send(message("eve", "hello"))
            stranger.receive()
            raise AssertionError("a stranger is in")
        except (ssl.SSLError, ConnectionError):
            pass
        hub.wait_log('reason=tls_failed .*tls="certificate verify failed"')
        equal(hub.counters()["protected_mode"], 2)
        with contextlib.closing(Secure(at(hub), papers.context())) as bea:  # of this machine
            bea.hello("bea")


@test
def of_other_machines_nobody_is_taken_who_can_show_nothing():
    address = own_address()
    with lab() as papers, Hub(*papers.pair("hub"), listen=("127.0.0.1:0", f"{address}:0")) as hub:
        there = (address, int(re.search(rf"address={re.escape(address)}:(\d+)", hub.log()).group(1)))
        with contextlib.closing(Secure(there, papers.context("ada"))) as ada:
            ada.send(message("ada", "hello"))
            ada.expect_error("protected_mode", "no tokens", "--insecure")
            ada.expect_end()
    with lab() as papers, Hub(*papers.pair("hub"), "--insecure", listen=("127.0.0.1:0", f"{address}:0")) as hub:
        there = (address, int(re.search(rf"address={re.escape(address)}:(\d+)", hub.log()).group(1)))
        hub.wait_console("nobody need encrypt")
        for client in (Client(there), Secure(there, papers.context())):
            client.hello("ada")
            client.close()
            hub.wait_log("event=disconnected reason=peer_")


@test
def slow_readers_are_parted_with_and_others_are_not():
    with lab() as papers, Hub(*papers.pair("hub"), "--output-max", 1 << 20) as hub:
        ada, slow, bea = hub.join("ada"), Secure(at(hub), papers.context()), Secure(at(hub), papers.context())
        slow.hello("slow")
        bea.hello("bea")
        lines = [encode(message("ada", "feature_response", {"number": count, "text": "x" * 9000})) for count in range(1200)]
        for count, line in enumerate(lines):
            ada.send(line)
            equal(bea.receive_raw(), line, count)
        hub.wait_log("event=disconnected reason=slow_consumer")
        bea.leave()
        slow.close()


run()
