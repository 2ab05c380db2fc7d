"""Members that stay between their connections: nobody is told that they go and come, what is for
them waits, their ids are their own; over restarts and kill -9; until they leave, or their time is
up."""

import contextlib
import itertools
import os
import subprocess
import sys

from harness import Hub, check, directory, equal, kill_9, run, test, wait_until

CLIENT = os.path.join(os.path.dirname(os.path.abspath(sys.argv[1])), "turn_client")
STAYS = 600


def back(hub, name, token, **payload):
    """A turn begins: it is as it was, or a reader of its training_sync would see."""
    client = hub.join(name, 2, resume_token=token, stays_s=STAYS, **payload)
    equal(client.sync["resume_token"], token, "the token, which holds until it goes")
    return client


class Eye:
    """Looks on, so that those who should hear nothing need not be asked."""

    def __init__(self, hub):
        self.client = hub.join("eye", 2, role="observer")

    def members(self):
        asked = self.client.say("member_query", {})
        line = self.client.receive()
        while line["message_type"] != "member_result" or line["payload"]["in_reply_to"] != asked:
            line = self.client.receive()
        return {member["ai_id"]: member["status"] for member in line["payload"]["members"]}

    def sees_away(self, *names):
        wait_until(lambda: all(self.members().get(name) == "away" for name in names), f"{names} to be away")


def goes(client, eye):
    client.close()
    eye.sees_away(client.name)


@test
def turns_make_no_noise_and_miss_nothing():
    with directory() as data, Hub("--data", data) as hub:
        ada = hub.join("ada", 2, acks=True)
        eye, bea = Eye(hub), hub.join("bea", 2, stays_s=STAYS)
        equal(ada.expect("hello")["sender_id"], "bea")
        token, heard = bea.sync["resume_token"], []
        for turn in range(5):
            goes(bea, eye)
            ada.say("chat", {"text": f"direct {turn}"}, "bea")
            ack = ada.expect("ack")["payload"]
            equal((ack["delivered"], ack["stored"]), (False, True), "of what is for her")
            ada.say("chat", {"text": f"to all {turn}"})
            ada.expect("ack")
            bea = back(hub, "bea", token, since="last")
            while (line := bea.receive())["message_type"] != "caught_up":
                heard.append(line["payload"]["text"])
            bea.say("heartbeat", {"seq": line["payload"]["seq"]})
            bea.expect("heartbeat")
        equal(heard, [f"{kind} {turn}" for turn in range(5) for kind in ("direct", "to all")], "what she heard")
        ada.expect_nothing()


@test
def a_thousand_turns_disturb_nobody():
    names = [f"agent {number}" for number in range(20)]
    with Hub() as hub:
        tokens = {}
        for name in names:
            with contextlib.closing(hub.join(name, 2, stays_s=STAYS, sync="none")) as client:
                tokens[name] = client.sync["resume_token"]
        ada = hub.join("ada", 2)
        for _, name in itertools.product(range(50), names):
            with contextlib.closing(back(hub, name, tokens[name], sync="none")) as client:
                check(name in client.sync["active_ais"], name)
        eye = Eye(hub)
        eye.sees_away(*names)
        equal(set(eye.members()), {"ada", *names}, "who is here")
        ada.expect_nothing()


@test
def its_id_is_its_own():
    with Hub() as hub:
        eye, bea = Eye(hub), hub.join("bea", 2, stays_s=STAYS)
        token = bea.sync["resume_token"]
        goes(bea, eye)
        for others in ({}, {"resume_token": token[:-1] + "?"}, {"level": 1}):
            with contextlib.closing(hub.connect()) as eve:
                eve.name = "bea"
                eve.say("hello", {"protocol": 2, **others} if others != {"level": 1} else {})
                eve.expect_error("id_in_use")
        with contextlib.closing(hub.connect()) as eve:  # a Cyrillic a
            eve.name = "be\u0430"
            eve.say("hello", {"protocol": 2})
            eve.expect_error("id_in_use", '"bea"')
        back(hub, "bea", token)


@test
def the_stay_ends():
    with Hub() as hub:
        ada, bea = hub.join("ada", 2), hub.join("bea", 2, stays_s=1)
        ada.expect("hello")
        bea.close()
        told = ada.expect("presence")["payload"]
        equal((told["ai_id"], told["status"], told["reason"]), ("bea", "left", "stay_over"), "what is told")
        hub.wait_log("event=away ai=bea reason=peer_closed")
        hub.wait_log("event=left ai=bea reason=stay_over")
        hub.wait_console("[-] bea left: stay_over")
        equal(hub.console().count("[-]"), 1, "words on that she went")
        with contextlib.closing(hub.join("bea", 2)) as other:
            check(other.sync["resume_token"] != bea.sync["resume_token"], "another bea has another token")


@test
def who_leaves_is_gone_at_once():
    with Hub() as hub:
        ada, bea = hub.join("ada", 2), hub.join("bea", 2, stays_s=STAYS, acks=True)
        ada.expect("hello")
        bea.say("chat", {"text": "a last word"})
        bea.say("leave", {})
        bea.say("chat", {"text": "and another"})
        equal(bea.expect("ack")["payload"]["delivered"], True)
        equal(bea.expect("presence")["payload"]["reason"], "left")
        bea.expect_end()
        equal(ada.expect("chat")["payload"]["text"], "a last word")
        equal(ada.expect("presence")["payload"]["reason"], "left")
        equal(Eye(hub).members(), {"ada": "connected"}, "who is here")
        ada.expect_nothing()


def stop(hub):
    with hub:
        pass


@test
def who_stays_outlives_the_hub():
    with directory() as data:
        token = None
        for end in (kill_9, stop, kill_9):
            hub = Hub("--data", data)
            if token is None:
                bea = hub.join("bea", 2, stays_s=STAYS)
                token = bea.sync["resume_token"]
                hub.join("gus", 2).close()
            else:
                ada = hub.join("ada", 2)
                equal(Eye(hub).members(), {"ada": "connected", "bea": "away"}, "who is here")
                with contextlib.closing(hub.connect()) as eve:
                    eve.name = "bea"
                    eve.say("hello", {"protocol": 2})
                    eve.expect_error("id_in_use")
                bea = back(hub, "bea", token)
                ada.expect_nothing()
            end(hub)


@test
def a_turn_over_libkhub():
    def turn(hub, *words):
        done = subprocess.run([CLIENT, f"127.0.0.1:{hub.port}", *words], capture_output=True, text=True, check=False)
        equal((done.returncode, done.stderr), (0, ""), "the turn's end")
        first, *heard = done.stdout.splitlines()
        token, stays = first.split()
        return token, int(stays), heard

    with directory() as data, Hub("--data", data) as hub:
        ada, eye = hub.join("ada", 2), Eye(hub)
        token, stays, _ = turn(hub, "stay")
        equal(stays, 600, "for how long it stays")
        ada.expect("hello")
        for number in range(3):
            eye.sees_away("turner")
            ada.say("chat", {"text": f"turn {number}"}, "turner")
            check(ada.expect_error("target_offline")["payload"]["stored"] is True)
            equal(turn(hub, "stay", token), (token, 600, [f'{{"text": "turn {number}"}}']), "what it hears")
        turn(hub, "leave", token)
        equal(ada.expect("presence")["payload"]["reason"], "left")
        ada.expect_nothing()


run()
