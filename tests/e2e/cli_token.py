#!/usr/bin/env python3
"""Who comes in with which token: khub token, and a hub that asks for them.

usage: cli_token.py KHUB [PART OF A NAME]
"""
import contextlib
import json
import os
import socket
import sqlite3
import sys
import time

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
sys.path.insert(0, os.path.join(ROOT, "tests", "wire"))
from harness import (MIB, PATIENCE, Client, Hub, check, directory, encode, equal,  # noqa: E402
                     message, own_address, run, sanitized, test, wait_until)
from gateway import door_of  # noqa: E402
from program import Running, khub, refused, row, worked  # noqa: E402
from secure import Secure, lab  # noqa: E402
from tokens import OTHER, Stranger, give_out, let_in, revoke, turned_away  # noqa: E402


# ── khub token ──


@test
def add_prints_the_token_alone_and_list_tells_what_it_is_for():
    with directory() as data:
        check("No token was given out" in worked("token", "--data", data).out)
        check(not os.path.exists(data), "list made a directory")
        give_out(data, "ada", "--id", "ada/*", "--rooms", "main,lab", "--rate", "5", "--expires", "30d")
        give_out(data, "eye", "--role", "observer")
        equal(os.stat(data).st_mode & 0o7777, 0o700)
        text = worked("token", "list", "--data", data).out
        ada, eye = row(text, "NAME", "ada"), row(text, "NAME", "eye")
        equal((ada["ROLE"], ada["IDS"], ada["ROOMS"], ada["LIMITS"]),
              ("member", "ada/*", "main,lab", "5 messages a second"))
        check(ada["STATE"].startswith("until 20"), ada)
        equal((eye["ROLE"], eye["IDS"], eye["ROOMS"], eye["LIMITS"], eye["STATE"]), ("observer", "*", "all", "-", "good"))
        revoke(data, "eye")
        equal(row(worked("token", "--data", data).out, "NAME", "eye")["STATE"], "revoked")
        listed = json.loads(worked("token", "--json", "--data", data).out)
        equal([(each["name"], each["state"]) for each in listed], [("ada", "good"), ("eye", "revoked")])
        done = json.loads(worked("audit", "--json", "--data", data).out)
        equal([(each["what"], each["token"]) for each in done],
              [("token added", "ada"), ("token added", "eye"), ("token revoked", "eye")])
        check(all(each["from"].startswith("user ") for each in done) and "ids=ada/*" in done[0]["detail"], done)
        equal(row(worked("audit", "--data", data).out, "WHAT", "token revoked")["TOKEN"], "eye")
        refused(2, "token", "audit", "--data", data, said=("audit",))
        check(listed[0]["expires"] and not listed[0]["revoked"] and listed[1]["revoked"], listed)


@test
def what_can_t_be_is_said_with_its_limit():
    with directory() as data:
        at = ("--data", data)
        refused(2, "token", "add", *at, said=("add wants a NAME",))
        refused(2, "token", "list", "ada", *at, said=("'ada'",))
        refused(2, "token", "add", "a da", *at, said=("'a da'", "1 to 64"))
        refused(2, "token", "add", "a" * 65, *at, said=("1 to 64",))
        refused(2, "token", "add", "ada", "--role", "king", *at, said=("king", "observer"))
        refused(2, "token", "add", "ada", "--id", "a" * 129, *at, said=("128 bytes",))
        refused(2, "token", "add", "ada", "--rooms", "a,,b", *at, said=("a,,b",))
        refused(2, "token", "add", "ada", "--expires", "soon", *at, said=("soon", "30d"))
        refused(2, "token", "add", "ada", "--expires", "0d", *at, said=("0d",))
        for wrong in ("-1", "0", "much", "5x", "1e13", "nan"):
            refused(2, "token", "add", "ada", "--rate", wrong, *at, said=(f"'{wrong}'", "above 0"))
        refused(2, "token", "limit", "ada", "--connections", "-1", *at, said=("--connections", "'-1'"))
        refused(2, "token", "limit", "ada", *at, said=("--rate 5",))
        refused(2, "token", "limit", "--rate", "5", *at, said=("limit wants a NAME",))
        for wrong, said in (("Chat", "did you mean 'chat'"), ("pattern", "did you mean 'pattern_share'"),
                            ("chat,", "has ''"), ("*", "'*'"), ("chat,smile", "'smile'"),
                            ("hello,chat", "hello can be neither given nor taken away"),
                            ("heartbeat,log_query", "heartbeat,log_query"), ("ack", "ack can"),
                            ("moderation", "for admins, and not for a member")):
            refused(2, "token", "add", "ada", "--types", wrong, *at, said=("--types", said))
        for wrong in ("hello", "Chat", "query"):
            refused(2, "token", "allow", "ada", "--types", wrong, *at, said=("--types", f"'{wrong}'"))
        refused(2, "token", "add", "ada", "--role", "observer", "--types", "chat", *at, said=("an observer",))
        refused(2, "token", "allow", "ada", *at, said=("--types",))
        refused(2, "token", "allow", "--types", "chat", *at, said=("allow wants a NAME",))
        refused(2, "token", "allow", "ada", "--types", "chat", "--rate", "5", *at, said=("not with allow",))
        refused(2, "token", "limit", "ada", "--types", "chat", "--rate", "5", *at, said=("not with limit",))
        refused(2, "token", "revoke", "ada", "--types", "chat", *at, said=("not with revoke",))
        check(not os.path.exists(data), "something was made")
        refused(1, "token", "revoke", "ada", *at, said=(data,))
        give_out(data, "ada")
        refused(1, "token", "add", "ada", *at, said=('"ada"', "rotate"))
        refused(1, "token", "rotate", "bob", *at, said=('"bob"',))
        refused(1, "token", "limit", "bob", "--rate", "5", *at, said=('"bob"',))
        refused(1, "token", "allow", "bob", "--types", "chat", *at, said=('"bob"',))
        refused(1, "token", "allow", "ada", "--types", "moderation", *at, said=("for admins",))
        with open(os.path.join(data, "tokens.db"), "r+b") as file:
            file.write(b"something else")
        refused(1, "token", *at, said=("tokens.db",))
        refused(1, "serve", "--data", data, "--listen", "127.0.0.1:0", said=("tokens", data))


@test
def a_token_that_is_typed_in_the_wrong_place_is_not_repeated():
    with directory() as data:
        give_out(data, "ada")
        for words in (["who", "--token-file", OTHER], ["token", "revoke", OTHER, "--data", data],
                      ["token", "add", OTHER, "--data", data], ["token", "list", OTHER, "--data", data]):
            result = khub(*words)
            check(result.code != 0 and "everybody on this machine can read it" in result.err, words, result.err)
            check(OTHER not in result.err + result.out, words, "repeat it:", result.err)
        equal(len(json.loads(worked("token", "--json", "--data", data).out)), 1, "tokens")


# ── who comes in ──


@test
def a_hub_with_tokens_asks_everybody():
    with directory() as data, Hub("--data", data) as hub:
        eve = hub.join("eve", 2)
        before = hub.connect()  # connected, and has said nothing yet
        token = give_out(data, "alice")
        eve.expect_error("unauthorized", "from now on")
        eve.expect_end()
        before.name = "bob"
        before.say("hello", {"protocol": 2})
        missing = before.expect_error("unauthorized", "payload.token")["payload"]["detail"]
        before.expect_end()
        ada = let_in(hub, "ada", token)
        equal(ada.sync["active_ais"], ["ada"])
        mistyped = turned_away(hub, "bob", token=token[:-1] + ("0" if token[-1] != "0" else "1"))
        check("mistyped" in mistyped, mistyped)
        wrong = turned_away(hub, "bob", token=OTHER)
        revoke(data, "alice")
        ada.expect_error("unauthorized", "was revoked")
        ada.expect_end()
        # the same words, whether such a token was there or not; and the hub asks on
        equal(turned_away(hub, "bob", token=token), wrong)
        equal(turned_away(hub, "bob"), missing)
        with contextlib.closing(Stranger(hub)) as client:
            client.send(message("bob", "chat", {"text": "hi", "token": token}))
            client.expect_error("unauthorized")
            client.expect_end()
        check(token not in hub.log() and OTHER not in hub.log(), "a token is in the log")


@test
def with_tokens_a_hub_takes_peers_of_other_machines():
    with directory() as data:
        with Hub("--data", data, listen=(f"{own_address()}:0",)) as hub:
            with contextlib.closing(Client((own_address(), hub.port))) as eve:
                eve.expect_error("protected_mode", "khub token add")
                eve.expect_end()
            token = give_out(data, "alice")

            def warned():
                with contextlib.closing(Client((own_address(), hub.port))) as eve:
                    return "--tls-cert, so" in eve.expect_error("protected_mode")["payload"]["detail"]

            wait_until(warned, "a hub that protects its tokens")
        with Hub("--data", data, "--insecure", listen=(f"{own_address()}:0",)) as hub:
            hub.wait_console("is asked for a token; nobody need encrypt")
            hub.wait_console("WARNING: --insecure: nothing is encrypted. Whoever is on the way reads tokens")
            check("Nothing is asked" not in hub.console(), hub.console())
            check(" event=reachable by=token" in hub.log(), hub.log())
            with contextlib.closing(Client((own_address(), hub.port))) as eve:
                eve.send(message("eve", "hello"))
                eve.expect_error("unauthorized")
            ada = Client((own_address(), hub.port))
            hub.clients.append(ada)
            ada.hello("ada", 2, token=token)


@test
def a_token_is_not_shown_to_another_machine_in_the_open():
    with directory() as data, Hub("--data", data, "--insecure", listen=(f"{own_address()}:0",)) as hub:
        token = give_out(data, "root", "--role", "admin")
        at = ("--hub", f"{own_address()}:{hub.port}")
        refused(1, "who", *at, KHUB_TOKEN=token, said=("not shown", "khubs://", "--insecure"))
        hub.wait_log(r"reason=peer_\w+ .* in=0 ")
        worked("who", *at, "--insecure", KHUB_TOKEN=token)
        with Running("train", "ada", "general", "10", *at, "--insecure", KHUB_TOKEN=token):
            hub.wait_log("event=joined ai=ada ")
        refused(1, "who", *at, said=("asks for a token",))  # who has none shows none


@test
def a_token_of_one_id_looks_on_while_that_one_is_here():
    """Ids in ~ are any observer's, of whatever token, and no member's."""
    with directory() as data, Hub("--data", data, "--http", "127.0.0.1:0") as hub:
        token = give_out(data, "ada", "--id", "ada")
        ada = let_in(hub, "ada", token)
        turned_away(hub, "~eye", "forbidden", ('"~eye"', '"ada"'), token=token)
        turned_away(hub, "~eye", "forbidden", ('"~eye"', '"ada"'), token=token, level=1, role="observer")
        turned_away(hub, "eye", "forbidden", ('"eye"', '"ada"'), token=token, role="observer")
        eye = let_in(hub, "~eye", token, role="observer")
        ada.say("chat", {"text": "hello"})
        equal(eye.expect("chat")["sender_id"], "ada")
        eye.say("hello", {"protocol": 2, "token": token})  # and it stays one
        eye.expect_error("forbidden", "the role it began with")
        check("ada" in worked("who", hub=hub, KHUB_TOKEN=token).out, "who does not see ada")
        for words in (["log"], ["kb", "list"], ["leases"], ["sessions"], ["dead"], ["approvals"]):
            worked(*words, hub=hub, KHUB_TOKEN=token)
        status, found = door_of(hub).ask("/v1/members", Authorization=f"Bearer {token}")[:2]
        equal((status, [member["ai_id"] for member in found["members"]]), (200, ["ada"]), "by REST")


@test
def a_token_is_good_for_its_ids_rooms_and_role_alone():
    with directory() as data, Hub("--data", data) as hub:
        member = give_out(data, "alice", "--id", "alice/*", "--rooms", "main,lab")
        observer = give_out(data, "eye", "--role", "observer")
        admin = give_out(data, "root", "--role", "admin")
        turned_away(hub, "Alice/1", "forbidden", ('"Alice/1"', '"alice/*"'), token=member)
        turned_away(hub, "alice", "forbidden", ('"alice"',), token=member)
        turned_away(hub, "alice/1", "forbidden", ('"secret"', '"main,lab"'), token=member, room="secret")
        turned_away(hub, "eye", "forbidden", ("observer",), token=observer)
        turned_away(hub, "eye", "forbidden", ("observer",), token=observer, level=1, role="observer")
        ada = let_in(hub, "alice/1", member, room="lab")
        eye = let_in(hub, "eye", observer, room="lab", role="observer")
        let_in(hub, "root", admin, room="lab", role="observer").close()
        root = let_in(hub, "root2", admin, room="lab")
        equal(ada.expect("hello", owner="root")["sender_id"], "root2")
        eye.expect("hello", owner="root")
        eye.say("chat", {"text": "x"})
        eye.expect_error("forbidden", "eye", "chat")
        ada.say("chat", {"text": "y"})
        root.expect("chat", text="y")
        eye.expect("chat", text="y")


@test
def a_token_publishes_what_it_was_given_and_that_changes_at_once():
    with directory() as data, Hub("--data", data) as hub:
        token = give_out(data, "alice", "--types", "chat,pattern_share")
        give_out(data, "eye", "--role", "observer")
        rows = worked("token", "--data", data).out
        equal([row(rows, "NAME", name)["MAY SAY"] for name in ("alice", "eye")], ["pattern_share, chat", "-"])
        equal([each["types"] for each in json.loads(worked("token", "--json", "--data", data).out)],
              [["pattern_share", "chat"], None])
        bea = let_in(hub, "bea", give_out(data, "bert"))
        equal(row(worked("token", "--data", data).out, "NAME", "bert")["MAY SAY"], "all")
        ada = let_in(hub, "ada", token)
        bea.expect("hello", owner="alice")
        ada.say("performance_report", {"component_id": "x", "performance": {}})
        detail = ada.expect_error("forbidden", '"alice"', "performance_report")["payload"]["detail"]
        check(detail.endswith("may say: pattern_share,chat"), detail)
        ada.say("heartbeat")
        ada.expect("heartbeat")
        ada.say("knowledge_query", {})
        ada.expect("knowledge_result")
        ada.say("chat", {"text": "x"})
        bea.expect("chat", text="x")  # and nothing of what was refused
        worked("token", "allow", "alice", "--types", "performance_report", "--data", data)

        def barred():
            ada.say("chat", {"text": "y"})
            said = ada.say("knowledge_query", {})  # behind it
            while (found := ada.receive())["payload"].get("in_reply_to") != said:
                if found["message_type"] == "error":
                    return "chat" in found["payload"]["detail"] and found["payload"]["code"] == "forbidden"
            return False

        wait_until(barred, "the new rights")
        ada.say("performance_report", {"component_id": "x", "performance": {}})
        while (found := bea.receive())["message_type"] == "chat":
            pass
        equal((found["message_type"], found["sender_id"]), ("performance_report", "ada"))
        worked("token", "allow", "alice", "--types", "all", "--data", data)
        equal(row(worked("token", "--data", data).out, "NAME", "alice")["MAY SAY"], "all")
        wait_until(lambda: not barred(), "the end of it")
        acts = [each for each in json.loads(worked("audit", "--json", "--data", data).out)
                if each["what"] in ("token allowed", "token added") and each["token"] == "alice"]
        equal([each["detail"].split(" ")[-2 if each["what"] == "token added" else 0] for each in acts],
              ["types=pattern_share,chat", "types=performance_report", "types=all"])


# the table of khub token --help, cell by cell
RIGHTS = {
    "member": {"take part": "yes", "observe what is for all": "yes", "observe what is for some": "of its own",
               "approve": "if in --types", "keep order": "no"},
    "observer": {"take part": "no", "observe what is for all": "yes", "observe what is for some": "if --sees-direct",
                 "approve": "no", "keep order": "no"},
    "admin": {"take part": "yes", "observe what is for all": "yes", "observe what is for some": "yes",
              "approve": "yes", "keep order": "yes"},
}


@test
def each_role_may_what_the_table_says():
    lines = worked("token", "--help").out.splitlines()
    (head,) = [line for line in lines if line.startswith("What a token may:")]
    starts = {role: head.index(f" {role}") + 1 for role in RIGHTS}
    for right in RIGHTS["member"]:
        (line,) = [line for line in lines if line.startswith(f"  {right}  ")]
        for role, may in RIGHTS.items():
            equal(line[starts[role]:].split("  ")[0].strip(), may[right], f"{role}: {right}")
    for page in ("README.md", os.path.join("docs", "PROTOCOL.md")):
        with open(os.path.join(ROOT, page), encoding="utf-8") as file:
            rows = [[cell.strip(" `") for cell in line.strip("| \n").split("|")] for line in file if line[0] == "|"]
        rights = next(row for row in rows if "take part" in row)
        for role, may in RIGHTS.items():
            told = dict(zip(rights, next(row for row in rows if row[0] == role), strict=True))
            equal({right: told[right].replace("`", "") for right in may}, may, f"{role} in {page}")
    with directory() as data, Hub("--data", data) as hub:
        ada, bea = let_in(hub, "ada", give_out(data, "ada")), let_in(hub, "bea", give_out(data, "bea"))
        for role, may in RIGHTS.items():
            rights = ["--sees-direct"] if may["observe what is for some"].startswith("if") else []
            for options in ([], rights) if rights else ([],):
                name = "-".join([role, *options]).replace("---", "-")
                token = give_out(data, name, "--role", role, *options)
                if may["take part"] == "yes":
                    member = let_in(hub, f"{name} speaks", token)
                    member.say("approval_answer", {"approval_id": "a1", "choice": "yes"})
                    member.expect_error("not_found" if may["approve"] == "yes" else "forbidden")
                    member.say("chat", {"text": f"of {name}"})
                    while ada.receive()["payload"].get("text") != f"of {name}":
                        pass
                    member.close()
                else:
                    turned_away(hub, f"{name} speaks", "forbidden", ("observer",), token=token)
                eye = let_in(hub, f"{name} looks", token, role="observer")
                ada.say("chat", {"text": "direct"}, "bea")
                ada.say("chat", {"text": "to all"})
                heard = []
                while "to all" not in heard:
                    heard.append(eye.receive()["payload"].get("text"))
                shown = may["observe what is for some"] == "yes" or bool(options)
                equal("direct" in heard, shown, f"{name}: what is for some")
                if may["take part"] == "no":
                    eye.say("chat", {"text": "x"})
                    eye.expect_error("forbidden", name, "chat")
                eye.say("moderation", {"action": "kick", "target": {"ai_id": "nobody"}, "reason": "none"})
                eye.expect_error("unknown_target" if may["keep order"] == "yes" else "forbidden")
        bea.close()


@test
def who_may_come_in_but_not_so_tries_again_on_its_connection():
    with directory() as data, Hub("--data", data) as hub:
        token = give_out(data, "alice", "--id", "ada")
        client = Stranger(hub)
        client.ask("bob", token=token)
        client.expect_error("forbidden")
        client.hello("ada", 2, token=token)
        client.hello("ada", 2, specialization="security")  # a later hello needs none
        client.ask("ada", token=OTHER)
        client.expect("training_sync")


@test
def who_has_shown_no_token_has_short_lines():
    with directory() as data, Hub("--data", data) as hub:
        token = give_out(data, "alice")
        turned_away(hub, "ada")  # by now the hub knows that it asks
        ada = Stranger(hub)
        long = encode(message("ada", "chat", {"text": "x" * 100000}))
        ada.send(long)
        ada.expect_error("line_too_long", "65536")
        ada.hello("ada", 2, token=token)
        bea = let_in(hub, "bea", token)
        ada.expect("hello")
        ada.send(long)
        bea.expect("chat", text="x" * 100000)
        ada.send(b"x" * (1 << 20) + b"y")
        ada.expect_error("line_too_long", "1048576")


@test
def a_hub_that_is_told_to_asks_nobody():
    with directory() as data:
        token = give_out(data, "ada")
        with Hub("--data", data, "--no-tokens") as hub:
            hub.wait_console("--no-tokens")
            let_in(hub, "eve", OTHER)
            give_out(data, "bob")
            hub.join("cid", 2)
            check("unauthorized" not in hub.log(), hub.log())
        with Hub("--data", data) as hub:  # they are what they were
            turned_away(hub, "eve")
            let_in(hub, "ada", token)


@test
def an_expired_token_is_none():
    with directory() as data, Hub("--data", data) as hub:
        token = give_out(data, "alice", "--expires", "1h")
        ada = let_in(hub, "ada", token)
        with contextlib.closing(sqlite3.connect(os.path.join(data, "tokens.db"))) as database, database:
            database.execute("UPDATE tokens SET expires = 1000")
        ada.expect_error("unauthorized", "has expired")
        ada.expect_end()
        turned_away(hub, "ada", token=token)
        equal(row(worked("token", "--data", data).out, "NAME", "alice")["STATE"], "expired")
        short = give_out(data, "bert", "--expires", "2s")  # nobody changes the file at its end
        bert = Stranger(hub)
        bert.ask("bert", token=short)
        found = bert.receive()  # on a slow machine the two seconds may be over
        if found["message_type"] == "training_sync":
            bert.expect_error("unauthorized", "has expired")
        bert.expect_end()


@test
def a_rotated_token_closes_who_came_with_the_old_one():
    with directory() as data, Hub("--data", data) as hub:
        old = give_out(data, "alice")
        bert = let_in(hub, "bert", give_out(data, "bert"))
        ada = let_in(hub, "ada", old)
        bert.expect("hello", owner="alice")
        new = worked("token", "rotate", "alice", "--data", data).out.strip()
        ada.expect_error("unauthorized", "was revoked")
        ada.expect_end()
        bert.expect("presence", ai_id="ada", status="left", reason="unauthorized")
        turned_away(hub, "ada", token=old)
        let_in(hub, "ada", new)
        bert.expect("hello", owner="alice")
        bert.expect_nothing()  # and was not closed


@test
def what_was_said_before_a_revocation_is_there_after_a_restart():
    with directory() as data:
        with Hub("--data", data) as hub:
            token = give_out(data, "alice")
            ada = let_in(hub, "ada", token, acks=True)
            ada.say("pattern_share", {"pattern": {"id": "p"}})
            ada.expect("ack")
            eye = let_in(hub, "eye", give_out(data, "root", "--role", "admin"))
            revoke(data, "alice")
            eye.expect("presence", ai_id="ada")
            eye.say("knowledge_query", {})
            before = eye.expect("knowledge_result")["payload"]["entries"]
        root = worked("token", "rotate", "root", "--data", data).out.strip()
        with Hub("--data", data) as hub:
            turned_away(hub, "ada", token=token)
            eye = let_in(hub, "eye", root)
            eye.say("knowledge_query", {})
            equal(eye.expect("knowledge_result")["payload"]["entries"], before)
            check("p" in before["shared_patterns"], before)
        worked("check", data)


# ── what was taken back ──


def end(data, how, name):
    """The name's token is good no more."""
    if how == "expired":
        with contextlib.closing(sqlite3.connect(os.path.join(data, "tokens.db"))) as database, database:
            database.execute("UPDATE tokens SET expires = 1000 WHERE name = ?", [name])
    else:
        worked("token", {"revoked": "revoke", "rotated": "rotate"}[how], name, "--data", data)


@test
def class_8_access_kept_after_revocation_or_by_an_open_subscription():
    count, size = 300, 40000  # more than a hub sends before the other end reads any of it
    with directory() as data, Hub("--data", data) as hub:
        ada = let_in(hub, "ada", give_out(data, "ada"), acks=True)
        for number in range(count):
            ada.say("chat", {"text": f"{number} ".ljust(size, "x")})
            ada.expect("ack")
        for how in ("revoked", "rotated", "expired"):
            token, eye = give_out(data, f"bea-{how}"), give_out(data, f"eye-{how}", "--role", "observer")
            name = f"bea {how}"
            bea, watching = let_in(hub, name, token), let_in(hub, f"eye {how}", eye, role="observer")
            slow = hub.connect(buffer=4096)
            slow.name = f"slow {how}"
            slow.send(message(slow.name, "hello", {"protocol": 2, "token": token, "since": 0}))
            slow.expect("training_sync")
            end(data, how, f"bea-{how}")
            end(data, how, f"eye-{how}")
            # the open connection, and the open view
            for client in (bea, watching):
                while (line := client.receive())["message_type"] != "error":
                    pass
                equal(line["payload"]["code"], "unauthorized")
                client.expect_end()
            ada.say("chat", {"text": f"after it was {how}"})
            ada.say("chat", {"text": f"after it was {how}"}, name)
            while ada.receive()["message_type"] != "ack":
                pass
            # the replay that was under way
            heard = []
            with contextlib.suppress(ConnectionError):
                while (line := slow.receive()) is not None:
                    heard.append(line)
            check(0 < len([line for line in heard if line["message_type"] == "chat"]) < count, len(heard))
            check(not any(line["message_type"] == "caught_up" for line in heard), "the replay came to its end")
            check(not any("after it was" in str(line["payload"].get("text"))[:20] for line in heard), "it heard what came after")
            # the token, with the resume_token and without, and that of another owner with it
            resume = bea.sync["resume_token"]
            turned_away(hub, name, token=token)
            turned_away(hub, name, token=token, resume_token=resume, since=0)
            turned_away(hub, name, resume_token=resume, since=0)
            with contextlib.closing(Stranger(hub)) as other:
                other.ask(name, token=give_out(data, f"cey-{how}"), resume_token=resume, since=0)
                other.expect_error("id_in_use", "another owner")


# ── certificates ──


@test
def a_certificate_stands_for_the_token_of_its_name():
    with lab() as papers, directory() as data, \
            Hub("--data", data, *papers.pair("hub"), "--tls-client-ca", papers.path("ca.pem")) as hub:

        def ask(name, **payload):
            client = Secure(("127.0.0.1", hub.port), papers.context("ada"))
            hub.clients.append(client)
            client.name = name
            client.say("hello", {"protocol": 2, **payload})
            return client

        eye = let_in(hub, "eye", give_out(data, "root", "--role", "admin"), room="lab")
        unknown = ask("ada1", room="lab")  # no token has its name
        unknown.expect_error("unauthorized", "asks for a token")
        unknown.expect_end()
        give_out(data, "ada", "--id", "ada*", "--rooms", "lab")
        ask("bea", room="lab").expect_error("forbidden", '"ada"', '"ada*"')
        ask("ada1").expect_error("forbidden", '"lab"', '"main"')
        ada = ask("ada1", room="lab")
        ada.expect("training_sync")
        eye.expect("hello", owner="ada")
        wrong = ask("ada2", room="lab", token=OTHER)  # what is shown counts
        wrong.expect_error("unauthorized", "no such token")
        wrong.expect_end()
        wait_until(lambda: "ada1" in worked("audit", "--token", "ada", "--data", data).out, "the audit to have its login")
        revoke(data, "ada")
        ada.expect_error("unauthorized", "was revoked")
        ada.expect_end()
        eye.expect("presence", ai_id="ada1", reason="unauthorized")
        again = ask("ada1", room="lab")
        again.expect_error("unauthorized")
        again.expect_end()
        give_out(data, "ada", "--role", "observer")
        ask("ada1", room="lab").expect_error("forbidden", "observer")
        observer = ask("ada1", room="lab", role="observer")
        observer.expect("training_sync")
        observer.say("chat", {"text": "x"})
        observer.expect_error("forbidden", "observer")


# ── a flood ──


@test
def a_flood_of_wrong_tokens_costs_nobody_else_anything():
    """From many addresses, and many of one, while somebody works."""
    count = 600 if sanitized() else 6000
    with directory() as data, Hub("--data", data) as hub:
        token = give_out(data, "alice")
        ada, bea = let_in(hub, "ada", token), let_in(hub, "bea", token)
        ada.expect("hello")
        hello = encode(message("eve", "hello", {"protocol": 2, "token": OTHER})) + b"\n"
        waiting = []
        before = logged = 0
        begun = time.time()
        for number in range(count):
            place = (f"127.1.{number % 3}.{1 + number % 200}", 0) if number % 2 else ("127.9.9.9", 0)
            with contextlib.suppress(ConnectionError, OSError):
                waiting.append(socket.create_connection(("127.0.0.1", hub.port), PATIENCE, place))
                waiting[-1].sendall(hello)
            if len(waiting) > 200:
                waiting.pop(0).close()
            if number == count // 4:
                before, logged = hub.rss(), len(hub.log())
            if number % 100 == 0:
                ada.say("chat", {"text": str(number)}, "bea")
                bea.expect("chat", text=str(number))
        hub.check_rss(before + 4 * MIB)
        check(len(hub.log()) - logged < 100 * count, f"{len(hub.log()) - logged} bytes of log")
        for client in waiting:
            client.close()
        let_in(hub, "cy", token)
        wait_until(lambda: hub.counters()["connections"] == 3, "the end of the others")
        check(hub.counters()["unauthorized"] > 0)
        check(OTHER not in hub.log(), "a token is in the log")
        hub.stop()
        rows = [each for each in json.loads(worked("audit", "--json", "--data", data).out) if each["what"] == "refused"]
        check(sum(each["times"] for each in rows) >= count // 2, "the audit counts", rows[-3:])
        # of each minute at most 256 that are unlike and the rest, twice
        minutes = 2 + (time.time() - begun) // 60
        check(len(rows) <= 2 * 258 * minutes, f"{len(rows)} rows in the audit")


@test
def an_address_with_many_wrong_ones_waits():
    with directory() as data, Hub("--data", data) as hub:
        token = give_out(data, "alice")
        held, busy = [], 0
        while not busy:  # its answers wait longer and longer, and more and more of them
            check(len(held) < 2000, "nobody is told to come later")
            client = Stranger(hub, "127.7.7.7")
            client.ask("eve", token=OTHER)
            held.append(client)
            waits = [other for other in held if not other.lines]
            if len(waits) >= 16:
                late = Stranger(hub, "127.7.7.7")
                late.ask("ada", token=token)
                found = late.receive()
                busy = found["payload"].get("code") == "rate_limited"
                if busy:
                    equal([found["payload"].get(name) for name in ("limit", "whose", "most", "retry_after_ms")],
                          ["logins", "address", 16, 3200])
                late.close()
        let_in(hub, "ada", token)  # from elsewhere: at once


if __name__ == "__main__":
    run()
