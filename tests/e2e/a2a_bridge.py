"""A bridge to an agent of A2A, and who asks it, as the tests of khub bridge have them."""
import contextlib
import os
import signal
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "wire"))
from a2a_agent import Agent  # noqa: E402
from harness import Hub, equal  # noqa: E402
from program import Running  # noqa: E402


class Bridge(Running):
    """bob, for the agent at a URL; `kill` is kill -9."""

    def __init__(self, hub, url, *options, state=None, name="bob"):
        self.folder = None if state else tempfile.TemporaryDirectory()
        self.state = state or os.path.join(self.folder.name, "state")
        super().__init__("bridge", "a2a", url, "--as", name, "--state", self.state, *options, hub=hub)
        self.wait_for(f"{name} has joined")

    def kill(self):
        equal(self.end(signal.SIGKILL)[0], -signal.SIGKILL)

    def __exit__(self, kind, *_):
        if kind is None and self.process.poll() is None:
            code, err = self.end()
            equal((code, err), (0, ""))
        super().__exit__()
        if self.folder:
            self.folder.cleanup()


def heard(link, message_type, **payload):
    """The next message of that type whose payload has these, whatever else comes."""
    while True:
        found = link.receive()
        if found["message_type"] == message_type and payload.items() <= found["payload"].items():
            return found


class Peer:
    """An AI that asks bob."""

    def __init__(self, hub, name="ada"):
        self.link, self.name = hub.join(name, 2, acks=True), name

    def ask(self, words, **more):
        return self.link.say("chat", {"text": words, **more}, "bob")

    def until(self, message_type, **payload):
        return heard(self.link, message_type, **payload)

    def answer(self, **payload):
        """The next chat of bob's, whatever else comes."""
        while True:
            found = self.until("chat", **payload)
            if found["sender_id"] == "bob":
                return found["payload"]

    def offer(self, kind="review", **more):
        identity = self.link.say("collaboration_request", {"type": kind, "target_ai": "bob", **more})
        return self.until("collaboration_update", in_reply_to=identity)["payload"]["session_id"]

    def update(self, session, status):
        return self.until("collaboration_update", session_id=session, status=status)["payload"]

    def state_of(self, message_id):
        """What the hub says has become of a message."""
        self.link.say("sent_query", {"message_id": message_id})
        (receiver,) = self.until("sent_result")["payload"]["messages"][0]["receivers"]
        return receiver["state"]


@contextlib.contextmanager
def bridged(*options, **card):
    """A hub without a store, an agent, bob for it, and ada."""
    with Hub() as hub, Agent(**card) as agent, Bridge(hub, agent.url, *options) as bridge:
        yield hub, agent, bridge, Peer(hub)
