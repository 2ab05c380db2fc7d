/* What admins may do: kick and ban, by id and by token; who may not; and that all of it is the
 * log's word. */
#include "core_fixture.h"

#include <stdlib.h>
#include <string.h>

#include "wire/text.h"

#define MODERATION_TEST(name) cmocka_unit_test_setup_teardown(name, setup, fixture_teardown)

/* "boss:NAME" is the token of an admin, "own:NAME" that of a member. */
static int ask(void *ctx, const struct hub_login *login, struct hub_pass *ret_pass,
               struct refusal *ret_refusal)
{
    static char shown[64];
    (void)ctx;
    assert_true(login->token.len < sizeof shown);
    memcpy(shown, login->token.at ? login->token.at : "", login->token.len);
    shown[login->token.len] = '\0';
    char *name = strchr(shown, ':');
    if (!name)
        return refuse(ret_refusal, WIRE_UNAUTHORIZED, "none");
    *ret_pass =
        (struct hub_pass){.owner = slice_of(name + 1), .admin = strncmp(shown, "boss:", 5) == 0};
    return 0;
}

static int setup(void **state)
{
    int error = fixture_setup(state);
    fixture_let_in(*state, ask);
    return error;
}

/* ada is an admin of ops, bob and cey are alice's, dan is carol's and of level 1. */
static void join_room(struct fixture *f)
{
    join(f, ADA, "ada", 2, "'token':'boss:ops','acks':true");
    join(f, BOB, "bob", 2, "'token':'own:alice'");
    join(f, CEY, "cey", 2, "'token':'own:alice'");
    join(f, DAN, "dan", 1, "'token':'own:carol'");
}

static void order(struct fixture *f, const char *action, const char *target, const char *more)
{
    say(f, ADA, "moderation", "{'action':'%s','target':%s,'reason':'too loud'%s}", action, target,
        more);
}

/* ── kick ── */

static void test_a_kick_is_told_to_all_and_closes_the_connection(void **state)
{
    struct fixture *f = *state;
    join_room(f);
    order(f, "kick", "{'ai_id':'bob'}", "");
    json_t *told = expect(f, ADA, "moderation");
    assert_string_equal(string_of(told, "action"), "kick");
    assert_string_equal(string_of(json_object_get(told, "target"), "ai_id"), "bob");
    assert_string_equal(string_of(told, "by"), "ops");
    assert_string_equal(string_of(told, "by_ai"), "ada");
    assert_string_equal(string_of(told, "reason"), "too loud");
    assert_true(json_is_null(json_object_get(told, "until")));
    assert_string_equal(string_of(told, "in_reply_to"), last_message_id(f));
    assert_string_equal(string_of(expect(f, ADA, "presence"), "reason"), "kicked");
    expect(f, ADA, "ack");
    expect(f, CEY, "moderation");
    expect(f, CEY, "presence");
    expect_nothing(f, DAN); /* level 1 */
    expect(f, BOB, "moderation");
    json_t *error = expect(f, BOB, "error");
    assert_string_equal(string_of(error, "code"), "kicked");
    assert_string_equal(string_of(error, "detail"), "kicked by \"ops\": too loud");
    assert_string_equal(string_of(error, "by"), "ops");
    assert_string_equal(string_of(error, "reason"), "too loud");
    expect_closed(f, BOB, CLOSE_KICKED);
    join(f, GUS, "bob", 2, "'token':'own:alice'"); /* it may come back */
    expect_open(f, GUS);
}

static void test_what_it_had_stays_as_if_it_had_left(void **state)
{
    struct fixture *f = *state;
    join_room(f);
    say(f, BOB, "lease_request", "{'key':'k','ttl_s':60}");
    say(f, BOB, "pattern_share", "{'pattern':{'id':'p'}}");
    order(f, "kick", "{'ai_id':'bob'}", "");
    skip_all(f);
    say(f, CEY, "lease_request", "{'key':'k','ttl_s':60}");
    assert_string_equal(string_of(expect(f, CEY, "lease"), "status"), "held");
    wait_ticking(f, 61000);
    assert_string_equal(string_of(expect(f, CEY, "lease"), "status"), "expired");
    say(f, CEY, "knowledge_query", "{'id':'p'}");
    expect(f, CEY, "knowledge_result");
}

static void test_a_token_is_kicked_with_all_its_ais(void **state)
{
    struct fixture *f = *state;
    join_room(f);
    join(f, EVE, "eye", 2, "'token':'own:alice','role':'observer'");
    order(f, "kick", "{'owner':'alice'}", "");
    expect_closed(f, BOB, CLOSE_KICKED);
    expect_closed(f, CEY, CLOSE_KICKED);
    expect_closed(f, EVE, CLOSE_KICKED);
    expect_open(f, DAN);
    expect_open(f, ADA);
    expect(f, ADA, "presence");
    expect(f, ADA, "presence");
    expect_no(f, ADA, "presence"); /* of an observer nobody hears */
}

static void test_who_is_not_there_is_not_kicked(void **state)
{
    struct fixture *f = *state;
    join_room(f);
    order(f, "kick", "{'ai_id':'bib'}", "");
    json_t *error = expect_error(f, ADA, "unknown_target");
    assert_non_null(strstr(string_of(error, "detail"), "did you mean \"bob\"?"));
    leave(f, BOB);
    skip_all(f);
    order(f, "kick", "{'ai_id':'bob'}", "");
    expect_error(f, ADA, "target_offline");
    order(f, "kick", "{'owner':'nobody'}", "");
    expect_error(f, ADA, "target_offline");
}

/* What is under way of a connection when its AI is kicked comes to nothing: it would join again by
 * it, on a connection that is gone. */
static void test_what_was_under_way_comes_to_nothing(void **state)
{
    struct fixture *f = *state;
    join_room(f);
    skip_all(f);
    fixture_hold(f);
    order(f, "kick", "{'ai_id':'bob'}", "");
    say(f, BOB, "chat", "{'text':'last words'}");
    say_hello(f, BOB, "bob", "{'protocol':2}");
    fixture_commit(f);
    expect_closed(f, BOB, CLOSE_KICKED);
    expect_no(f, CEY, "chat");
    assert_int_equal(hub_count(fixture_hub(f)).members, 3);
    char why[256];
    assert_int_equal(hub_recount(fixture_hub(f), why, sizeof why), 0);
    open_peer(f, GUS);
    say_hello(f, GUS, "bob", "{'token':'own:alice'}");
    fixture_commit(f);
    expect(f, GUS, "training_sync");
}

static void test_who_left_meanwhile_is_not_kicked(void **state)
{
    struct fixture *f = *state;
    join_room(f);
    fixture_hold(f);
    leave(f, BOB);
    order(f, "kick", "{'ai_id':'bob'}", "");
    fixture_commit(f);
    assert_string_equal(string_of(expect(f, ADA, "error"), "code"), "target_offline");
}

/* ── ban ── */

static void test_who_is_banned_is_closed_and_stays_out(void **state)
{
    struct fixture *f = *state;
    join_room(f);
    order(f, "ban", "{'ai_id':'bob'}", ",'for_s':7200");
    json_t *told = expect(f, CEY, "moderation");
    assert_string_equal(string_of(told, "action"), "ban");
    char until[64];
    snprintf(until, sizeof until, "%s", string_of(told, "until"));
    assert_string_equal(string_of(expect(f, CEY, "presence"), "reason"), "banned");
    assert_string_equal(string_of(expect(f, BOB, "error"), "code"), "banned");
    expect_closed(f, BOB, CLOSE_BANNED);
    open_peer(f, GUS);
    say_hello(f, GUS, "bob", "{'protocol':2,'token':'own:alice'}");
    json_t *error = expect_error(f, GUS, "banned");
    assert_string_equal(string_of(error, "by"), "ops");
    assert_string_equal(string_of(error, "reason"), "too loud");
    assert_string_equal(string_of(error, "until"), until);
    assert_non_null(strstr(string_of(error, "detail"), until));
    assert_non_null(strstr(string_of(error, "detail"), "the id \"bob\" is banned from room "
                                                       "\"main\" by \"ops\""));
    expect_open(f, GUS);
    say_hello(f, GUS, "bob", "{'protocol':2,'token':'own:alice','room':'lab'}");
    expect(f, GUS, "training_sync"); /* of another room */
    leave(f, GUS);
    pass(f, 7199999);
    open_peer(f, GUS);
    say_hello(f, GUS, "bob", "{'protocol':2,'token':'own:alice'}");
    expect_error(f, GUS, "banned");
    pass(f, 1);
    say_hello(f, GUS, "bob", "{'protocol':2,'token':'own:alice'}");
    expect(f, GUS, "training_sync");
}

static void test_a_token_is_kept_out_whatever_its_ids(void **state)
{
    struct fixture *f = *state;
    join_room(f);
    order(f, "ban", "{'owner':'alice'}", "");
    expect_closed(f, BOB, CLOSE_BANNED);
    expect_closed(f, CEY, CLOSE_BANNED);
    open_peer(f, GUS);
    say_hello(f, GUS, "somebody", "{'token':'own:alice'}");
    json_t *error = expect_error(f, GUS, "banned");
    assert_true(json_is_null(json_object_get(error, "until")));
    assert_non_null(strstr(string_of(error, "detail"), "the token \"alice\""));
    say_hello(f, GUS, "alice", "{'token':'own:carol'}"); /* no such id is banned */
    expect(f, GUS, "training_sync");
}

/* What was under way when it was banned joins nobody. */
static void test_a_hello_behind_a_ban_is_refused(void **state)
{
    struct fixture *f = *state;
    join(f, ADA, "ada", 2, "'token':'boss:ops'");
    open_peer(f, BOB);
    fixture_hold(f);
    order(f, "ban", "{'owner':'alice'}", "");
    say_hello(f, BOB, "bob", "{'protocol':2,'token':'own:alice'}");
    fixture_commit(f);
    assert_string_equal(string_of(expect(f, BOB, "error"), "code"), "banned");
    assert_int_equal(hub_count(fixture_hub(f)).members, 1);
}

static void test_a_ban_is_lifted(void **state)
{
    struct fixture *f = *state;
    join_room(f);
    order(f, "ban", "{'ai_id':'gus'}", ""); /* who never was here */
    order(f, "unban", "{'owner':'gus'}", "");
    json_t *error = expect(f, ADA, "error");
    assert_string_equal(string_of(error, "code"), "not_found");
    order(f, "unban", "{'ai_id':'gus'}", "");
    skip_all(f);
    order(f, "unban", "{'ai_id':'gus'}", "");
    expect_error(f, ADA, "not_found");
    join(f, GUS, "gus", 2, "'token':'own:gus'");
    say(f, ADA, "moderation", "{'action':'ban','target':{'ai_id':'bob'},'reason':'r','for_s':1}");
    pass(f, 1000);
    skip_all(f);
    order(f, "unban", "{'ai_id':'bob'}", ""); /* its time is over */
    expect_error(f, ADA, "not_found");
    say(f, ADA, "moderation", "{'action':'ban','target':{'ai_id':'bob'},'reason':'r'}");
    say(f, ADA, "moderation", "{'action':'unban','target':{'ai_id':'bob'}}"); /* without a reason */
    join(f, HAL, "bob", 2, "'token':'own:alice'");
}

static void test_a_ban_is_replaced_by_a_later_one(void **state)
{
    struct fixture *f = *state;
    join_room(f);
    order(f, "ban", "{'ai_id':'bob'}", "");
    say(f, ADA, "moderation",
        "{'action':'ban','target':{'ai_id':'bob'},'reason':'milder','for_s':5}");
    skip_all(f);
    say(f, CEY, "moderation_query", "{}");
    json_t *result = expect(f, CEY, "moderation_result");
    json_t *ban = json_array_get(json_object_get(result, "bans"), 0);
    assert_int_equal(integer_of(result, "total"), 1);
    assert_string_equal(string_of(ban, "reason"), "milder");
    assert_false(json_is_null(json_object_get(ban, "until")));
    pass(f, 5000);
    join(f, GUS, "bob", 2, "'token':'own:alice'");
}

static void test_bans_are_listed_page_by_page(void **state)
{
    struct fixture *f = *state;
    char target[64], after[160] = "";
    size_t seen = 0;
    join_room(f);
    for (unsigned i = 0; i < 5; i++) {
        snprintf(target, sizeof target, "{'%s':'x%u'}", i % 2 ? "owner" : "ai_id", i);
        order(f, "ban", target, i == 4 ? ",'for_s':1" : "");
    }
    pass(f, 1000);
    skip_all(f);
    for (unsigned page = 0; page < 3; page++) {
        say(f, CEY, "moderation_query", "{'limit':2%s}", after);
        json_t *result = expect(f, CEY, "moderation_result");
        assert_string_equal(string_of(result, "in_reply_to"), last_message_id(f));
        assert_int_equal(integer_of(result, "total"), 4); /* and one that is over */
        json_t *bans = json_object_get(result, "bans"), *next = json_object_get(result, "next");
        seen += json_array_size(bans);
        if (!json_is_string(next))
            break;
        json_t *ban = json_array_get(bans, 0);
        assert_string_equal(string_of(ban, "by"), "ops");
        assert_int_equal(json_object_size(json_object_get(ban, "target")), 1);
        assert_true(json_is_string(json_object_get(ban, "since")));
        snprintf(after, sizeof after, ",'after':'%s'", json_string_value(next));
    }
    assert_int_equal(seen, 4);
    say(f, CEY, "moderation_query", "{'limit':201}");
    expect_error(f, CEY, "bad_payload");
    say(f, DAN, "moderation_query", "{}");
    expect_error(f, DAN, "forbidden"); /* of level 1 */
}

static void test_a_room_has_bounded_bans_and_those_that_are_over_make_place(void **state)
{
    struct fixture *f = *state;
    char target[64];
    join_room(f);
    for (unsigned i = 0; i < BANS_MAX; i++) {
        snprintf(target, sizeof target, "{'ai_id':'x%u'}", i);
        order(f, "ban", target, i == 7 ? ",'for_s':3" : "");
    }
    skip_all(f);
    order(f, "ban", "{'ai_id':'more'}", "");
    json_t *error = expect_error(f, ADA, "quota_exceeded");
    assert_non_null(strstr(string_of(error, "detail"), "4096 bans"));
    assert_limit(error, "bans", "room", BANS_MAX);
    order(f, "ban", "{'ai_id':'x9'}", ""); /* which is banned already */
    expect(f, ADA, "moderation");
    pass(f, 3000);
    skip_all(f);
    order(f, "ban", "{'ai_id':'more'}", "");
    expect(f, ADA, "moderation");
}

/* ── read-only ── */

static void test_in_a_room_that_is_read_only_members_look_and_admins_write(void **state)
{
    static const char *const writes[][2] = {
        {"chat", "{'text':'x'}"},
        {"pattern_share", "{'pattern':{'id':'q'}}"},
        {"code_share", "{'code':{'id':'c'}}"},
        {"os_component_share", "{'component':{'name':'n'}}"},
        {"performance_report", "{'component_id':'p','performance':{'score':1}}"},
        {"feature_request", "{'feature':'f'}"},
        {"feature_response", "{}"},
        {"collaboration_request", "{'type':'t','description':'d'}"},
        {"collaboration_response", "{'session_id':'s','accepted':true}"},
        {"collaboration_update", "{'session_id':'s'}"},
        {"workspace_update", "{'session_id':'s','key':'k','value':1}"},
        {"commitment", "{'subject':'s','subject_version':'1','sha256':'x'}"},
        {"measurement", "{'commitment_id':'c','ratio':1}"},
        {"lease_request", "{'key':'k','ttl_s':9}"},
        {"lease_release", "{'key':'k','fence':1}"},
        {"dead_letter", "{'id':1,'action':'drop'}"},
        {"moderation", "{'action':'writable'}"},
    };
    struct fixture *f = *state;
    join_room(f);
    say(f, BOB, "pattern_share", "{'pattern':{'id':'p'}}");
    say(f, ADA, "moderation", "{'action':'read_only','reason':'a pause'}");
    skip_all(f);
    for (unsigned i = 0; i < sizeof writes / sizeof *writes; i++) {
        say(f, BOB, writes[i][0], "%s", writes[i][1]);
        json_t *error = expect_error(f, BOB, "read_only");
        assert_string_equal(string_of(error, "by"), "ops");
        assert_string_equal(string_of(error, "reason"), "a pause");
        assert_true(json_is_string(json_object_get(error, "since")));
        assert_non_null(strstr(string_of(error, "detail"), "by \"ops\": a pause"));
        expect_nothing(f, CEY);
    }
    say(f, DAN, "chat", "{'text':'x'}"); /* of level 1 too */
    expect_error(f, DAN, "read_only");
    say(f, BOB, "knowledge_query", "{}");
    expect(f, BOB, "knowledge_result");
    say(f, BOB, "session_query", "{}");
    expect(f, BOB, "session_result");
    say(f, BOB, "heartbeat", "{}");
    expect(f, BOB, "heartbeat");
    say_hello(f, BOB, "bob", "{'protocol':2,'specialization':'audio'}");
    json_t *told = json_object_get(expect(f, BOB, "training_sync"), "read_only");
    assert_string_equal(string_of(told, "by"), "ops");
    assert_string_equal(string_of(told, "reason"), "a pause");
    expect(f, CEY, "hello");
    say(f, ADA, "chat", "{'text':'by an admin'}");
    expect_relayed(f, CEY);
    join(f, EVE, "eve", 2, "'token':'own:alice'"); /* who comes may come */
    open_peer(f, FAY);                             /* but not by something to be relayed */
    fixture_let_in(f, NULL);
    say_raw(f, FAY,
            "{'message_id':'m','sender_id':'fay','message_type':'chat','timestamp':'t',"
            "'payload':{'text':'x'}}");
    assert_string_equal(string_of(expect(f, FAY, "error"), "code"), "read_only");
    say_raw(f, FAY,
            "{'message_id':'m','sender_id':'fay','message_type':'heartbeat','timestamp':'t',"
            "'payload':{}}");
    assert_non_null(member_of(f, "fay"));
}

static void test_a_room_becomes_writable_again(void **state)
{
    struct fixture *f = *state;
    join_room(f);
    say(f, ADA, "moderation", "{'action':'writable'}");
    expect_error(f, ADA, "conflict");
    say(f, ADA, "moderation", "{'action':'read_only','reason':'first'}");
    json_t *told = expect(f, BOB, "moderation");
    assert_string_equal(string_of(told, "action"), "read_only");
    assert_true(json_is_null(json_object_get(told, "target")));
    assert_string_equal(string_of(told, "reason"), "first");
    say(f, ADA, "moderation", "{'action':'read_only','reason':'second'}"); /* in its place */
    skip_all(f);
    say(f, CEY, "moderation_query", "{}");
    told = json_object_get(expect(f, CEY, "moderation_result"), "read_only");
    assert_string_equal(string_of(told, "reason"), "second");
    say(f, ADA, "moderation", "{'action':'writable'}");
    assert_string_equal(string_of(expect(f, CEY, "moderation"), "action"), "writable");
    say(f, BOB, "chat", "{'text':'x'}");
    expect_relayed(f, CEY);
    say(f, CEY, "moderation_query", "{}");
    told = json_object_get(expect(f, CEY, "moderation_result"), "read_only");
    assert_true(json_is_null(told));
    skip_all(f);
    say(f, ADA, "moderation", "{'action':'read_only','reason':'r','target':{'ai_id':'bob'}}");
    expect_error(f, ADA, "bad_payload");
    say(f, ADA, "moderation", "{'action':'read_only'}");
    expect_error(f, ADA, "bad_payload");
}

/* Apply judges: what was under way behind it is refused. And what was accepted before is said again
 * in vain, but acked. */
static void test_what_is_under_way_behind_it_is_refused(void **state)
{
    struct fixture *f = *state;
    join_room(f);
    join(f, EVE, "eve", 2, "'token':'own:alice','acks':true");
    const char *line = "{'message_id':'once','sender_id':'eve','message_type':'chat',"
                       "'timestamp':'t','payload':{'text':'x'}}";
    say_raw(f, EVE, "%s", line);
    skip_all(f);
    fixture_hold(f);
    say(f, ADA, "moderation", "{'action':'read_only','reason':'r'}");
    say(f, BOB, "chat", "{'text':'too late'}");
    fixture_commit(f);
    assert_string_equal(string_of(expect(f, BOB, "error"), "code"), "read_only");
    expect_no(f, CEY, "chat");
    say_raw(f, EVE, "%s", line);
    fixture_commit(f);
    expect(f, EVE, "ack");
}

/* Nobody gives away a room that somebody has closed. */
static void test_a_room_that_is_read_only_is_kept(void **state)
{
    struct hub_config config = fixture_config();
    config.rooms_max = 2;
    struct fixture *f = fixture_new(&config);
    (void)state;
    fixture_let_in(f, ask);
    join(f, ADA, "ada", 2, "'token':'boss:ops','room':'lab'");
    say(f, ADA, "moderation", "{'action':'read_only','reason':'r'}");
    leave(f, ADA);
    open_peer(f, CEY);
    say_hello(f, CEY, "cey", "{'token':'own:carol','room':'other'}");
    expect_error(f, CEY, "quota_exceeded");
    fixture_free(f);
}

/* ── who may, and how ── */

static void test_no_member_moderates(void **state)
{
    struct fixture *f = *state;
    join_room(f);
    say(f, BOB, "moderation", "{'action':'kick','target':{'ai_id':'ada'},'reason':'r'}");
    json_t *error = expect_error(f, BOB, "forbidden");
    assert_non_null(strstr(string_of(error, "detail"), "khub token add"));
    say_hello(f, BOB, "bob", "{'protocol':2,'admin':true}"); /* nobody is one by saying so */
    say(f, BOB, "moderation", "{'action':'kick','target':{'ai_id':'cey'},'reason':'r'}");
    assert_string_equal(string_of(expect(f, BOB, "error"), "code"), "forbidden");
    expect_open(f, CEY);
    fixture_let_in(f, NULL); /* a hub without tokens knows no admin */
    join(f, GUS, "gus", 2, "'admin':true");
    say(f, GUS, "moderation", "{'action':'kick','target':{'ai_id':'cey'},'reason':'r'}");
    expect_error(f, GUS, "forbidden");
    open_peer(f, HAL);
    say_raw(f, HAL,
            "{'message_id':'m','sender_id':'hal','message_type':'moderation','timestamp':'t',"
            "'payload':{'action':'kick','target':{'ai_id':'cey'},'reason':'r'}}");
    assert_string_equal(string_of(expect(f, HAL, "error"), "code"), "forbidden");
    expect_open(f, CEY);
}

static void test_others_see_who_is_an_admin(void **state)
{
    struct fixture *f = *state;
    join_room(f);
    open_peer(f, EVE);
    say_hello(f, EVE, "eve", "{'admin':false,'token':'boss:night','adm\\u0069n':1}");
    expect_whole(f, CEY, "hello");
    assert_non_null(strstr(read_line(f), "\"payload\":{\"owner\":\"night\",\"admin\":true}"));
    leave(f, EVE);
    skip_all(f);
    open_peer(f, EVE);
    say_hello(f, EVE, "eve", "{'admin':true,'token':'own:night'}");
    expect_whole(f, CEY, "hello");
    assert_non_null(strstr(read_line(f), "\"payload\":{\"owner\":\"night\"}"));
}

/* An id that was an admin's is none by that, whoever has it later. */
static void test_an_admins_rights_go_with_its_connection(void **state)
{
    struct fixture *f = *state;
    join_room(f);
    leave(f, ADA);
    join(f, ADA, "ada", 2, "'token':'own:ops'");
    order(f, "kick", "{'ai_id':'bob'}", "");
    expect_error(f, ADA, "forbidden");
    leave(f, ADA);
    join(f, GUS, "gus", 2, "'token':'boss:ops'");
    leave(f, GUS);
    fixture_let_in(f, NULL); /* nor is it one that joins by another message than a hello */
    open_peer(f, GUS);
    say_raw(f, GUS,
            "{'message_id':'m','sender_id':'gus','message_type':'chat','timestamp':'t',"
            "'payload':{'text':'x'}}");
    say_raw(f, GUS,
            "{'message_id':'n','sender_id':'gus','message_type':'moderation','timestamp':'t',"
            "'payload':{'action':'kick','target':{'ai_id':'bob'},'reason':'r'}}");
    assert_string_equal(string_of(expect(f, GUS, "error"), "code"), "forbidden");
}

static void test_no_admin_is_kicked_or_kept_out(void **state)
{
    struct fixture *f = *state;
    join_room(f);
    join(f, EVE, "eve", 2, "'token':'boss:night','role':'observer'");
    order(f, "kick", "{'ai_id':'eve'}", "");
    json_t *error = expect_error(f, ADA, "forbidden");
    assert_non_null(strstr(string_of(error, "detail"), "\"eve\" is an admin"));
    order(f, "ban", "{'owner':'night'}", "");
    expect_error(f, ADA, "forbidden");
    order(f, "kick", "{'ai_id':'ada'}", "");
    expect_error(f, ADA, "forbidden");
    leave(f, EVE);
    skip_all(f);
    order(f, "ban", "{'owner':'night'}", ""); /* nobody knows that it is one's */
    order(f, "ban", "{'ai_id':'eve'}", "");
    join(f, EVE, "eve", 2, "'token':'boss:night'");
    say(f, EVE, "moderation", "{'action':'unban','target':{'owner':'night'}}");
    expect(f, EVE, "moderation"); /* one that observes may moderate as well */
}

static void test_an_order_that_is_none_is_refused(void **state)
{
    static const struct {
        const char *payload, *named;
    } wrong[] = {
        {"{}", "payload.action"},
        {"{'action':'shoot','target':{'ai_id':'bob'},'reason':'r'}", "\"shoot\""},
        {"{'action':'kick','reason':'r'}", "payload.target"},
        {"{'action':'kick','target':'bob','reason':'r'}", "payload.target"},
        {"{'action':'kick','target':{},'reason':'r'}", "either an ai_id or an owner"},
        {"{'action':'kick','target':{'ai_id':'bob','owner':'alice'},'reason':'r'}", "either"},
        {"{'action':'kick','target':{'ai_id':7},'reason':'r'}", "payload.target.ai_id"},
        {"{'action':'kick','target':{'ai_id':'bob'}}", "payload.reason"},
        {"{'action':'ban','target':{'ai_id':'bob'},'reason':''}", "payload.reason"},
        {"{'action':'ban','target':{'ai_id':'bob'},'reason':'r','for_s':0}", "payload.for_s"},
        {"{'action':'ban','target':{'ai_id':'bob'},'reason':'r','for_s':316224001}",
         "payload.for_s"},
        {"{'action':'ban','target':{'ai_id':'bob'},'reason':'r','for_s':'1h'}", "payload.for_s"},
    };
    struct fixture *f = *state;
    char reason[MODERATION_REASON_MAX + 2];
    join_room(f);
    for (unsigned i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        say(f, ADA, "moderation", "%s", wrong[i].payload);
        json_t *error = expect_error(f, ADA, "bad_payload");
        if (!strstr(string_of(error, "detail"), wrong[i].named))
            fail_msg("%s: %s", wrong[i].payload, string_of(error, "detail"));
    }
    memset(reason, 'r', sizeof reason);
    reason[MODERATION_REASON_MAX + 1] = '\0';
    say(f, ADA, "moderation", "{'action':'ban','target':{'ai_id':'x'},'reason':'%s'}", reason);
    expect_error(f, ADA, "bad_payload");
    reason[MODERATION_REASON_MAX] = '\0';
    say_to(f, ADA, "bob", "moderation", "{'action':'ban','target':{'ai_id':'x'},'reason':'r'}");
    expect_error(f, ADA, "bad_field");
    say(f, ADA, "moderation",
        "{'action':'ban','target':{'ai_id':'x'},'reason':'%s','for_s':316224000}", reason);
    expect(f, ADA, "moderation");
    expect_open(f, BOB);
}

/* ── the log's word ── */

static void mute_effect(void *ctx, const struct effect *effect)
{
    (void)ctx, (void)effect;
}

static void mute_joined(void *ctx, peer_id peer)
{
    (void)ctx, (void)peer;
}

static void mute_close(void *ctx, peer_id peer, enum close_reason reason)
{
    (void)ctx, (void)peer, (void)reason;
    fail_msg("a replay closes a connection");
}

static struct text dump_of(const struct hub *hub)
{
    struct text dump = {0};
    hub_dump(hub, slice_of("main"), &dump);
    text_add(&dump, (struct slice){"", 1});
    return dump;
}

static void test_a_replay_kicks_and_bans_the_same(void **state)
{
    struct fixture *f = *state;
    join_room(f);
    order(f, "kick", "{'ai_id':'dan'}", "");
    order(f, "ban", "{'owner':'alice'}", ",'for_s':9");
    order(f, "ban", "{'ai_id':'gus'}", "");
    order(f, "unban", "{'ai_id':'gus'}", "");
    say(f, ADA, "moderation", "{'action':'read_only','reason':'r'}");
    struct hub_config config = fixture_config();
    struct hub_edge edge = fixture_edge(f);
    edge.effect = mute_effect;
    edge.joined = mute_joined;
    edge.close = mute_close;
    struct hub *replayed = hub_new(&config, &edge);
    fixture_replay(f, replayed);
    struct text before = dump_of(fixture_hub(f)), after = dump_of(replayed);
    assert_non_null(strstr(before.at, "\"read_only\":{\"since\":"));
    assert_non_null(strstr(before.at, "\"bans\":[{\"key\":\"owner/alice\",\"by\":\"ops\""));
    assert_string_equal(before.at, after.at);
    text_free(&before);
    text_free(&after);
    hub_free(replayed);
}

/* A hub begins anew, and its connections have ids that others had before. */
static void test_after_a_restart_no_connection_is_anybodys_former_one(void **state)
{
    struct fixture *f = *state;
    join_room(f);
    order(f, "kick", "{'ai_id':'bob'}", "");
    struct hub_config config = fixture_config();
    struct hub_edge edge = fixture_edge(f);
    edge.effect = mute_effect;
    edge.joined = mute_joined;
    struct hub *replayed = hub_new(&config, &edge);
    fixture_replay(f, replayed);
    struct text dump = dump_of(replayed);
    assert_non_null(strstr(dump.at, "\"ai_id\":\"bob\",\"connected\":false"));
    text_free(&dump);
    uint64_t seq = hub_seq(replayed, slice_of("main"));
    struct entry start = {.seq = seq + 1, .kind = ENTRY_START, .bytes = slice_of("{}")};
    struct entry hello = {
        .seq = seq + 2,
        .peer = (peer_id)1 << 32 | BOB, /* as it was */
        .kind = ENTRY_MESSAGE,
        .bytes = slice_of("{\"message_id\":\"m\",\"sender_id\":\"bob\",\"message_type\":"
                          "\"hello\",\"timestamp\":\"t\",\"payload\":{}}")};
    hub_apply(replayed, slice_of("main"), &start);
    hub_apply(replayed, slice_of("main"), &hello);
    dump = dump_of(replayed);
    assert_non_null(strstr(dump.at, "\"ai_id\":\"bob\",\"connected\":true"));
    text_free(&dump);
    hub_free(replayed);
}

/* A room in which somebody is banned is kept; when all bans are over, it makes place. */
static void test_a_room_with_bans_is_not_given_away(void **state)
{
    struct hub_config config = fixture_config();
    config.rooms_max = 2;
    struct fixture *f = fixture_new(&config);
    (void)state;
    fixture_let_in(f, ask);
    join(f, ADA, "ada", 2, "'token':'boss:ops','room':'lab'");
    order(f, "ban", "{'ai_id':'bob'}", ",'for_s':10");
    leave(f, ADA);
    open_peer(f, CEY);
    say_hello(f, CEY, "cey", "{'token':'own:carol','room':'other'}");
    expect_error(f, CEY, "quota_exceeded");
    wait_ticking(f, 10000);
    say_hello(f, CEY, "cey", "{'token':'own:carol','room':'other'}");
    expect(f, CEY, "training_sync");
    fixture_free(f);
}

/* While nothing can be kept an observer is a guest, of whom the log knows nothing. */
static void test_a_guest_that_is_banned_is_one_no_more(void **state)
{
    struct hub_config config = fixture_config();
    config.receives = true;
    struct fixture *f = fixture_new(&config);
    (void)state;
    fixture_let_in(f, ask);
    join(f, ADA, "ada", 2, "'token':'boss:ops'");
    fixture_fill(f, true);
    open_peer(f, EVE);
    open_peer(f, FAY);
    say_hello(f, EVE, "eve", "{'protocol':2,'role':'observer','token':'own:alice'}");
    expect(f, EVE, "training_sync");
    say_hello(f, FAY, "fay", "{'protocol':2,'role':'observer','token':'own:carol'}");
    expect(f, FAY, "training_sync");
    open_peer(f, HAL);
    say_hello(f, HAL, "hal", "{'protocol':2,'role':'observer','token':'boss:night'}");
    expect(f, HAL, "training_sync");
    fixture_fill(f, false);
    order(f, "ban", "{'owner':'night'}", ""); /* no admin is kept out */
    expect_nothing(f, HAL);
    order(f, "ban", "{'owner':'alice'}", "");
    assert_string_equal(string_of(expect(f, EVE, "error"), "code"), "banned");
    expect_nothing(f, FAY);
    expect_closed(f, EVE, CLOSE_BANNED);
    say(f, FAY, "knowledge_query", "{}");
    expect(f, FAY, "knowledge_result");
    char why[256];
    assert_int_equal(hub_recount(fixture_hub(f), why, sizeof why), 0);
    fixture_fill(f, true);
    open_peer(f, GUS);
    say_hello(f, GUS, "eve", "{'protocol':2,'role':'observer','token':'own:alice'}");
    expect_error(f, GUS, "banned");
    fixture_free(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        MODERATION_TEST(test_a_kick_is_told_to_all_and_closes_the_connection),
        MODERATION_TEST(test_what_it_had_stays_as_if_it_had_left),
        MODERATION_TEST(test_a_token_is_kicked_with_all_its_ais),
        MODERATION_TEST(test_who_is_not_there_is_not_kicked),
        MODERATION_TEST(test_what_was_under_way_comes_to_nothing),
        MODERATION_TEST(test_who_left_meanwhile_is_not_kicked),
        MODERATION_TEST(test_who_is_banned_is_closed_and_stays_out),
        MODERATION_TEST(test_a_token_is_kept_out_whatever_its_ids),
        MODERATION_TEST(test_a_hello_behind_a_ban_is_refused),
        MODERATION_TEST(test_a_ban_is_lifted),
        MODERATION_TEST(test_a_ban_is_replaced_by_a_later_one),
        MODERATION_TEST(test_bans_are_listed_page_by_page),
        MODERATION_TEST(test_a_room_has_bounded_bans_and_those_that_are_over_make_place),
        MODERATION_TEST(test_in_a_room_that_is_read_only_members_look_and_admins_write),
        MODERATION_TEST(test_a_room_becomes_writable_again),
        MODERATION_TEST(test_what_is_under_way_behind_it_is_refused),
        cmocka_unit_test(test_a_room_that_is_read_only_is_kept),
        MODERATION_TEST(test_no_member_moderates),
        MODERATION_TEST(test_others_see_who_is_an_admin),
        MODERATION_TEST(test_an_admins_rights_go_with_its_connection),
        MODERATION_TEST(test_no_admin_is_kicked_or_kept_out),
        MODERATION_TEST(test_an_order_that_is_none_is_refused),
        MODERATION_TEST(test_a_replay_kicks_and_bans_the_same),
        MODERATION_TEST(test_after_a_restart_no_connection_is_anybodys_former_one),
        cmocka_unit_test(test_a_room_with_bans_is_not_given_away),
        cmocka_unit_test(test_a_guest_that_is_banned_is_one_no_more),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
