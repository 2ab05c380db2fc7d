/* Orders: who may give them, and how; kicks, and rooms that are read-only; and that all of it is
 * the log's word. */
#include "core_admins.h"

#include <stdlib.h>

#include "wire/text.h"

#define MODERATION_TEST(name) cmocka_unit_test_setup_teardown(name, setup, fixture_teardown)

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        MODERATION_TEST(test_a_kick_is_told_to_all_and_closes_the_connection),
        MODERATION_TEST(test_what_it_had_stays_as_if_it_had_left),
        MODERATION_TEST(test_a_token_is_kicked_with_all_its_ais),
        MODERATION_TEST(test_who_is_not_there_is_not_kicked),
        MODERATION_TEST(test_what_was_under_way_comes_to_nothing),
        MODERATION_TEST(test_who_left_meanwhile_is_not_kicked),
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
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
