#!/usr/bin/env python3
"""An AI written after khub's first design: the level 1 peer that every hub must get on with, in
Python's standard library.

usage: seed_trainer.py AI_ID SPECIALIZATION [MINUTES] [--hub HOST:PORT]

It behaves as that design's trainer does (hello, three patterns, two components, an offer of
collaboration every ten seconds, every offer taken, ten steps of a second for each, feature requests
answered), with its slips mended: message types are plain strings in JSON, reading never blocks the
loop. It learns nothing, and is a peer for tests, not an example to follow. Ends after MINUTES with
a summary as one JSON line.
"""
import argparse
import asyncio
import datetime
import json
import signal
import sys
import time
import uuid
from dataclasses import asdict, dataclass
from typing import Any, Dict, Optional

BASE_CAPABILITIES = ["pattern_recognition", "code_generation", "os_development"]
CAPABILITIES = {
    "window_manager": ["gui_development", "window_management", "user_interface"],
    "file_system": ["file_operations", "storage_management", "data_structures"],
    "process_manager": ["process_scheduling", "memory_management", "system_calls"],
    "security": ["security_analysis", "encryption", "access_control"],
    "networking": ["network_protocols", "distributed_systems", "communication"],
    "graphics": ["graphics_rendering", "visual_effects", "display_management"],
    "audio": ["audio_processing", "sound_synthesis", "media_handling"],
    "performance": ["optimization", "benchmarking", "performance_analysis"],
}
STEPS = 10  # of one collaboration


@dataclass
class NetworkMessage:
    """One line of the wire: these six members and no others."""

    message_id: str
    sender_id: str
    message_type: str
    timestamp: str
    payload: Dict[str, Any]
    target_ai: Optional[str] = None


class Trainer:
    def __init__(self, ai_id, specialization):
        self.ai_id = ai_id
        self.specialization = specialization
        self.capabilities = BASE_CAPABILITIES + CAPABILITIES.get(specialization, [])
        self.knowledge = {"patterns": {}, "components": {}}
        self.sessions = {}
        self.counts = {"synced": 0, "features_answered": 0, "errors": []}
        self.tasks = set()
        self.writer = None

    def send(self, message_type, payload, target=None):
        message = NetworkMessage(str(uuid.uuid4()), self.ai_id, message_type,
                                 datetime.datetime.now().isoformat(), payload, target)
        self.writer.write((json.dumps(asdict(message)) + "\n").encode())

    def hello(self):
        self.send("hello", {
            "specialization": self.specialization,
            "capabilities": self.capabilities,
            "version": "1.0.0",
            "features_supported": ["file_system", "process_manager", "network_stack"],
            "collaboration_ready": True,
        })

    async def listen(self, reader):
        handlers = {
            "training_sync": self.on_sync,
            "pattern_share": self.on_pattern,
            "code_share": self.on_code,
            "os_component_share": self.on_component,
            "feature_request": self.on_feature_request,
            "feature_response": self.on_feature_response,
            "collaboration_request": self.on_collaboration_request,
            "error": lambda message: self.counts["errors"].append(message.payload["code"]),
        }
        while line := await reader.readline():
            message = NetworkMessage(**json.loads(line))
            if message.message_type in handlers:
                handlers[message.message_type](message)

    def log(self, text):
        print(f"[{self.ai_id}] {text}", file=sys.stderr, flush=True)

    def on_sync(self, message):
        self.counts["synced"] += 1
        for pattern_id, entry in message.payload["global_knowledge_base"]["shared_patterns"].items():
            self.knowledge["patterns"][pattern_id] = {"pattern": entry["pattern"], "source": entry["contributor"]}
        self.log(f"active AIs: {message.payload['active_ais']}")

    def on_pattern(self, message):
        pattern = message.payload["pattern"]
        self.knowledge["patterns"][pattern.get("id")] = {"pattern": pattern, "source": message.sender_id}
        self.log(f"integrated shared pattern {pattern.get('id')} from {message.sender_id}")

    def on_code(self, message):
        code = message.payload["code"]
        self.knowledge["components"][code.get("id")] = {"component": code, "source": message.sender_id}

    def on_component(self, message):
        component = message.payload["component"]
        self.knowledge["components"][component.get("id")] = {"component": component, "source": message.sender_id}

    def on_feature_request(self, message):
        self.answer_feature(message.payload["feature"], message.sender_id)

    def on_feature_response(self, message):
        self.answer_feature(message.payload["original_request"]["feature"], message.payload["requestor"])

    def answer_feature(self, feature, requestor):
        """Both the request and the hub's own asking come in: act once."""
        component_id = f"{self.ai_id}_{feature}_for_{requestor}"
        if component_id in self.knowledge["components"]:
            return
        if not any(feature.lower() in capability for capability in self.capabilities):
            return
        component = {"id": component_id, "name": feature, "specialization": self.specialization,
                     "capabilities": self.capabilities, "implementation": f"/* {feature} */"}
        self.knowledge["components"][component_id] = {"component": component, "source": self.ai_id}
        self.send("os_component_share", {"component": component, "original_requestor": requestor,
                                         "feature_name": feature}, requestor)
        self.counts["features_answered"] += 1

    def on_collaboration_request(self, message):
        session_id = message.payload["session_id"]
        self.sessions[session_id] = {"partner": message.payload["initiator"], "type": message.payload["type"],
                                     "status": "active"}
        self.log(f"accepted collaboration {session_id} from {message.payload['initiator']}")
        task = asyncio.create_task(self.collaborate(session_id))
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def collaborate(self, session_id):
        session = self.sessions[session_id]
        for _ in range(STEPS):
            await asyncio.sleep(1)  # all the work that AI does
        component = {"id": f"{self.ai_id}_collab_{session_id}_{int(time.time())}",
                     "name": f"collaborative_{session['type']}",
                     "contributors": [self.ai_id, session["partner"]],
                     "specializations": [self.specialization],
                     "implementation": "/* what came of it */"}
        self.send("os_component_share", {"component": component, "collaboration_complete": True,
                                         "session_id": session_id}, session["partner"])
        session["status"] = "completed"

    def share_what_is_known(self):
        now = int(time.time())
        for i in range(3):
            self.send("pattern_share", {"pattern": {"id": f"{self.ai_id}_pattern_{now}_{i}", "type": "learned_behavior",
                                                    "confidence": 0.8, "specialization": self.specialization}})
        for name in ("fs_module", "sched_module"):
            self.send("os_component_share", {"component": {"id": f"{self.ai_id}_{name}_{now}", "name": name,
                                                           "capabilities": self.capabilities,
                                                           "specialization": self.specialization}})

    def offer_collaboration(self):
        self.send("collaboration_request", {
            "type": "feature_development",
            "description": f"{self.ai_id} seeking cross_specialization help ({self.specialization})",
            "target_ai": "",
            "expertise_offered": self.capabilities,
            "seeking_expertise": ["networking", "security", "performance"],
        })

    async def run(self, host, port, minutes):
        reader, self.writer = await asyncio.open_connection(host, port, limit=64 << 20)
        self.hello()
        listener = asyncio.create_task(self.listen(reader))
        self.share_what_is_known()
        ended = asyncio.Event()
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
        ending = asyncio.create_task(ended.wait())
        end = time.monotonic() + minutes * 60
        while not listener.done() and not ending.done() and (left := end - time.monotonic()) > 0:
            if sum(session["status"] == "active" for session in self.sessions.values()) < 2:
                self.offer_collaboration()
            await asyncio.wait([listener, ending], timeout=min(10, left), return_when=asyncio.FIRST_COMPLETED)
        if listener.done():
            listener.result()
            raise ConnectionError("the hub closed the connection")
        listener.cancel()
        ending.cancel()
        self.writer.close()

    def summary(self):
        sources = {entry["source"] for entry in self.knowledge["patterns"].values()}
        return {**self.counts, "ai_id": self.ai_id, "patterns": len(self.knowledge["patterns"]),
                "components": len(self.knowledge["components"]), "pattern_sources": sorted(sources),
                "sessions_taken": len(self.sessions),
                "sessions_worked": sum(s["status"] == "completed" for s in self.sessions.values())}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", maxsplit=1)[0])
    parser.add_argument("ai_id")
    parser.add_argument("specialization", choices=[*CAPABILITIES, "general"])
    parser.add_argument("minutes", nargs="?", type=float, default=1.0)
    parser.add_argument("--hub", default="127.0.0.1:6000", metavar="HOST:PORT")
    arguments = parser.parse_args()
    host, _, port = arguments.hub.rpartition(":")
    trainer = Trainer(arguments.ai_id, arguments.specialization)
    try:
        asyncio.run(trainer.run(host, int(port), arguments.minutes))
    except OSError as error:
        print(f"seed_trainer: hub {arguments.hub}: {error}", file=sys.stderr)
        return 1
    finally:
        print(json.dumps(trainer.summary()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
