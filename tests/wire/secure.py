"""Certificates for tests, and clients that speak TLS by Python's ssl module."""

import contextlib
import os
import ssl
import subprocess
import sys
import tempfile

from harness import Client, is_khub


class Lab:
    """The certificates of tests/tls/lab.h, in a folder."""

    def __init__(self, folder):
        self.folder = folder
        tests = "tests" if is_khub() else ".."
        program = os.path.join(os.path.dirname(os.path.abspath(sys.argv[1])), tests, "tls", "tls_lab")
        subprocess.run([program, folder], check=True)

    def path(self, name):
        return os.path.join(self.folder, name)

    def pair(self, name):
        """Options of a hub that has this certificate."""
        return ["--tls-cert", self.path(f"{name}.pem"), "--tls-key", self.path(f"{name}.key")]

    def digest(self, name):
        with open(self.path(f"{name}.pem"), encoding="ascii") as file:
            return ssl.PEM_cert_to_DER_cert(file.read())

    def context(self, shows=None, **settings):
        context = ssl.create_default_context(cafile=self.path("ca.pem"))
        if shows:
            context.load_cert_chain(self.path(f"{shows}.pem"), self.path(f"{shows}.key"))
        for name, value in settings.items():
            setattr(context, name, value)
        return context


@contextlib.contextmanager
def lab():
    with tempfile.TemporaryDirectory(prefix="khub-test-tls-") as folder:
        yield Lab(folder)


class Secure(Client):
    """A client over TLS. No heartbeats are said for it in the background: Python's sockets of TLS
    are one thread's."""

    def __init__(self, address, context, host="localhost"):
        super().__init__(address)
        try:
            self.socket = context.wrap_socket(self.socket, server_hostname=host)
        except BaseException:
            self.socket.close()
            raise

    def leave(self):
        """Says by TLS that this is the end, and hears the hub's."""
        self.socket.unwrap().close()
