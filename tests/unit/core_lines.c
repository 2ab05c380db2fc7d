/* What a line must be to be accepted, whom it reaches, and what refusing costs. */
#include "core_fixture.h"

#include <stdlib.h>
#include <string.h>

#define LINE_TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

static void test_a_refused_line_is_answered_and_goes_nowhere(void **state)
{
    static const struct {
        const char *line, *code;
    } lines[] = {
        {"not json", "bad_json"},
        {"[]", "bad_json"},
        {"{'a':1,}", "bad_json"},
        {"{'message_id':'m','sender_id':'ada','message_type':'chat','timestamp':'t'}",
         "missing_field"},
        {"{'sender_id':'ada','message_type':'chat','timestamp':'t','payload':{}}", "missing_field"},
        {"{'message_id':'m','sender_id':'ada','message_type':'chat','timestamp':'t','payload':{},'"
         "seq':1}",
         "unknown_field"},
        {"{'message_id':'m','message_id':'m','sender_id':'ada','message_type':'chat','timestamp':'"
         "t',"
         "'payload':{}}",
         "duplicate_field"},
        {"{'message_id':7,'sender_id':'ada','message_type':'chat','timestamp':'t','payload':{}}",
         "bad_field"},
        {"{'message_id':'','sender_id':'ada','message_type':'chat','timestamp':'t','payload':{}}",
         "bad_field"},
        {"{'message_id':'m','sender_id':'ada','message_type':'chat','timestamp':'t','payload':[]}",
         "bad_field"},
        {"{'message_id':'m','sender_id':'ada','message_type':'chat','timestamp':'t','payload':{},"
         "'target_ai':5}",
         "bad_field"},
        {"{'message_id':'m','sender_id':'ada','message_type':'song','timestamp':'t','payload':{}}",
         "unknown_type"},
        {"{'message_id':'m','sender_id':'ada','message_type':'knowledge_wish','timestamp':'t','"
         "payload':{}}",
         "unknown_type"},
    };
    struct fixture *f = *state;
    join(f, ADA, "ada", 1, "");
    join(f, BOB, "bob", 2, "'role':'observer'");
    for (unsigned i = 0; i < sizeof lines / sizeof *lines; i++) {
        say_raw(f, ADA, "%s", lines[i].line);
        expect_error(f, ADA, lines[i].code);
        expect_nothing(f, ADA);
        expect_nothing(f, BOB);
    }
    assert_int_equal(hub_count(fixture_hub(f)).refused, sizeof lines / sizeof *lines);
}

static void test_an_error_names_the_message_it_answers(void **state)
{
    struct fixture *f = *state;
    join(f, ADA, "ada", 1, "");
    say_raw(f, ADA,
            "{'message_id':'m-17','sender_id':'ada','message_type':'song','timestamp':'t','payload'"
            ":{}}");
    json_t *line = expect_whole(f, ADA, "error");
    assert_string_equal(names_of(json_object_get(line, "payload")), "code,detail,in_reply_to");
    assert_string_equal(string_of(json_object_get(line, "payload"), "in_reply_to"), "m-17");
    assert_string_equal(string_of(line, "sender_id"), "hub");
    say_raw(f, ADA, "junk");
    json_t *reply = json_object_get(expect_error(f, ADA, "bad_json"), "in_reply_to");
    assert_true(json_is_null(reply));
}

static void test_types_of_the_hub_are_forbidden(void **state)
{
    static const char *const types[] = {"training_sync",    "ack",       "presence",     "error",
                                        "knowledge_result", "challenge", "verification", "lease",
                                        "caught_up"};
    struct fixture *f = *state;
    join(f, ADA, "ada", 2, "");
    join(f, BOB, "bob", 2, "");
    for (unsigned i = 0; i < sizeof types / sizeof *types; i++) {
        say(f, ADA, types[i], "{'pattern':{'id':'p'}}");
        expect_error(f, ADA, "forbidden_type");
        expect_nothing(f, BOB);
    }
}

static void test_nobody_speaks_for_another(void **state)
{
    struct fixture *f = *state;
    join(f, ADA, "ada", 1, "");
    join(f, BOB, "bob", 1, "");
    say_raw(
        f, ADA,
        "{'message_id':'m','sender_id':'bob','message_type':'chat','timestamp':'t','payload':{}}");
    expect_error(f, ADA, "sender_mismatch");
    say_raw(
        f, ADA,
        "{'message_id':'m','sender_id':'hub','message_type':'chat','timestamp':'t','payload':{}}");
    json_t *payload = expect(f, ADA, "error");
    const char *code = string_of(payload, "code");
    assert_true(strcmp(code, "reserved_id") == 0 || strcmp(code, "sender_mismatch") == 0);
    expect_nothing(f, BOB);
}

static void test_a_line_is_relayed_with_its_own_bytes(void **state)
{
    static const char *const lines[] = {
        "{'payload':{'n':1.50e+0,'big':123456789012345678901234567890},'timestamp':'t','message_"
        "type':"
        "'feature_response','sender_id':'ada','message_id':'m'}",
        "{ 'message_id' : 'm', 'sender_id':'a\\u0064a','message_type':'feature_\\u0072esponse',"
        "'timestamp':'\\u0031', 'payload':{'s':'\\/\\ud83d\\ude00 é\\u0000'},'target_ai':null }",
        "{'target_ai':'','payload':{'a':[1 ,2],'pattern':{'id':'p'}},'message_id':'m\\u0041',"
        "'sender_id':'ada','message_type':'pattern_share','timestamp':'t'}",
    };
    struct fixture *f = *state;
    join(f, ADA, "ada", 1, "");
    join(f, BOB, "bob", 1, "");
    join(f, CEY, "cey", 2, "");
    for (unsigned i = 0; i < sizeof lines / sizeof *lines; i++) {
        say_raw(f, ADA, "%s", lines[i]);
        expect_relayed(f, BOB);
        expect_relayed(f, CEY);
        expect_nothing(f, ADA);
    }
}

static void test_white_space_around_a_line_is_not_relayed(void **state)
{
    struct fixture *f = *state;
    join(f, ADA, "ada", 1, "");
    join(f, BOB, "bob", 2, "");
    say_raw(
        f, ADA,
        "  {'message_id':'m','sender_id':'ada','message_type':'chat','timestamp':'t','payload':{} "
        "}\t ");
    expect(f, BOB, "chat");
    const char *line = read_line(f);
    assert_int_equal(line[0], '{');
    assert_int_equal(line[strlen(line) - 1], '}');
    expect_no(f, ADA, "error");
}

static void test_level_1_never_sees_what_level_2_has(void **state)
{
    struct fixture *f = *state;
    join(f, ADA, "ada", 1, "");
    join(f, BOB, "bob", 2, "");
    join(f, CEY, "cey", 2, "");
    say(f, ADA, "chat", "{'text':'hi'}"); /* anyone may send it */
    expect_relayed(f, BOB);
    expect_relayed(f, CEY);
    say(f, BOB, "chat", "{'text':'hi'}");
    expect_relayed(f, CEY);
    leave(f, CEY);
    expect_nothing(f, ADA);
}

static void test_a_message_with_a_target_reaches_it_alone(void **state)
{
    struct fixture *f = *state;
    join(f, ADA, "ada", 1, "");
    join(f, BOB, "bob", 1, "");
    join(f, CEY, "cey", 2, "");
    say_to(f, ADA, "bob", "feature_response", "{}");
    expect_relayed(f, BOB);
    expect_nothing(f, CEY);
    say_to(f, ADA, "b\\u006fb", "feature_response", "{}");
    expect_relayed(f, BOB);
    say_to(f, ADA, "", "feature_response", "{}");
    expect_relayed(f, BOB);
    expect_relayed(f, CEY);
    expect_nothing(f, ADA);
}

static void test_a_message_to_oneself_is_a_bad_field(void **state)
{
    struct fixture *f = *state;
    join(f, ADA, "ada", 1, "");
    say_to(f, ADA, "ada", "pattern_share", "{'pattern':{'id':'p'}}");
    expect_error(f, ADA, "bad_field");
    assert_int_equal(json_object_size(knowledge(f, "shared_patterns")), 0);
}

static void test_an_unknown_target_is_answered_with_the_nearest_names(void **state)
{
    struct fixture *f = *state;
    join(f, ADA, "ada", 1, "");
    join(f, BOB, "AI_Node_1", 1, "");
    join(f, CEY, "security-node", 1, "");
    say_to(f, ADA, "AI_Nod_1", "pattern_share", "{'pattern':{'id':'p'}}");
    json_t *error = expect_error(f, ADA, "unknown_target");
    assert_non_null(strstr(string_of(error, "detail"), "AI_Node_1"));
    assert_null(strstr(string_of(error, "detail"), "security-node"));
    expect_nothing(f, BOB);
    assert_int_equal(json_object_size(knowledge(f, "shared_patterns")), 0);
}

static void test_a_target_that_went_gets_nothing_but_the_message_counts(void **state)
{
    struct fixture *f = *state;
    join(f, ADA, "ada", 1, "");
    join(f, BOB, "bob", 1, "");
    join(f, CEY, "cey", 1, "");
    leave(f, BOB);
    skip_all(f);
    say_to(f, ADA, "bob", "pattern_share", "{'pattern':{'id':'p'}}");
    json_t *error = expect_error(f, ADA, "target_offline");
    assert_true(json_is_true(json_object_get(error, "accepted"))); /* for who does not read prose */
    say(f, ADA, "song", "{}");
    expect_error(f, ADA, "unknown_type");
    assert_null(strstr(read_line(f), "accepted"));
    expect_nothing(f, CEY);
    assert_int_equal(json_object_size(knowledge(f, "shared_patterns")), 1);
    assert_int_equal(hub_count(fixture_hub(f)).remembered, 2); /* bob, and the visitor */
}

static void test_a_chats_text_is_a_string(void **state)
{
    static const char *const wrong[] = {"5", "true", "['a']", "{'a':'b'}"};
    static const char *const fine[] = {"{'text':'hi'}", "{'text':''}", "{'text':null}", "{'n':1}"};
    struct fixture *f = *state;
    join(f, ADA, "ada", 1, "");
    join(f, BOB, "bob", 2, "");
    for (unsigned i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        say(f, ADA, "chat", "{'text':%s}", wrong[i]);
        json_t *error = expect_error(f, ADA, "bad_payload");
        assert_non_null(strstr(string_of(error, "detail"), "payload.text must be a string"));
        expect_nothing(f, BOB);
    }
    for (unsigned i = 0; i < sizeof fine / sizeof *fine; i++) {
        say(f, ADA, "chat", "%s", fine[i]);
        expect_relayed(f, BOB);
    }
}

static void test_a_refusal_names_what_was_given(void **state)
{
    static const struct {
        const char *type, *payload, *said;
    } wrong[] = {
        {"hello", "{'protocol':'2'}", "1 or 2, and is \"2\""},
        {"hello", "{'protocol':2,'since':-1}", "have seen, and is -1"},
        {"hello", "{'protocol':2,'since':'first'}", "have seen, and is \"first\""},
        {"hello", "{'protocol':2,'sync':[]}", "bytes, and is an array"},
        {"hello", "{'room':''}", "1 to 64 bytes without control characters, and is \"\""},
        {"knowledge_query", "{'limit':999}", "from 1 to 200, and is 999"},
        {"knowledge_query", "{'section':'patterns'}", "), and is \"patterns\""},
        {"knowledge_query", "{'id':'p','revision':0}", "from 1, and is 0"},
        {"lease_request", "{'key':'k'}", "1 to 3600, and is absent"},
        {"lease_request", "{'key':'k','ttl_s':1e99}", "1 to 3600, and is 1e99"},
        {"lease_release", "{'key':'k','fence':'4'}", "whole number, and is \"4\""},
        {"dead_letter", "{'id':1,'action':'keep'}", "\"drop\", and is \"keep\""},
        {"workspace_update", "{'session_id':'s','key':'k','value':1,'base_version':1.5}",
         "and is 1.5"},
        {"collaboration_response", "{'session_id':'s','accepted':1}", "or false, and is 1"},
        {"collaboration_update", "{'session_id':'s','progress':50}", "0 to 1, and is 50"},
        {"collaboration_update", "{'session_id':'s','status':'done'}", "and is \"done\""},
    };
    char detail[64];
    struct fixture *f = *state;
    join(f, ADA, "ada", 2, "");
    join(f, BOB, "bob", 2, "");
    for (unsigned i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        skip_all(f);
        say(f, ADA, wrong[i].type, "%s", wrong[i].payload);
        json_t *error = expect_error(f, ADA, "bad_payload");
        if (!strstr(string_of(error, "detail"), wrong[i].said))
            fail_msg("%s: %s", wrong[i].payload, string_of(error, "detail"));
    }
    say_to(f, ADA, "bob", "chat", "{'text':'hi','reply_by':86401}");
    assert_non_null(strstr(string_of(expect_error(f, ADA, "bad_payload"), "detail"),
                           "at most 86400, and is 86401"));
    /* not all of what is long, nor as it would be obeyed */
    say(f, ADA, "hello", "{'protocol':2,'since':'%0200d\\u001b'}", 0);
    const char *said = string_of(expect_error(f, ADA, "bad_payload"), "detail");
    snprintf(detail, sizeof detail, "%s", strstr(said, "and is"));
    assert_memory_equal(detail, "and is \"0000", 12);
    assert_non_null(strstr(said, "…\""));
}

static void test_depth_of_payload_is_bounded(void **state)
{
    struct fixture *f = *state;
    char deep[256] = "", end[128] = "";
    join(f, ADA, "ada", 1, "");
    join(f, BOB, "bob", 1, "");
    for (unsigned i = 0; i < WIRE_DEPTH_MAX - 1; i++) {
        strcat(deep, "[");
        strcat(end, "]");
    }
    say(f, ADA, "feature_response", "{'a':%s%s}", deep, end);
    expect_relayed(f, BOB);
    say(f, ADA, "feature_response", "{'a':[%s%s]}", deep, end);
    json_t *error = expect_error(f, ADA, "bad_field");
    assert_non_null(strstr(string_of(error, "detail"), "64"));
}

static void test_a_line_that_is_too_long_is_said_to_be(void **state)
{
    struct fixture *f = *state;
    join(f, ADA, "ada", 1, "");
    say_raw(f, ADA, "x");
    skip_all(f);
    hub_line_too_long(fixture_hub(f), (peer_id)1 << 32 | ADA, fixture_config().line_max, now(f));
    json_t *error = expect_error(f, ADA, "line_too_long");
    assert_true(json_is_null(json_object_get(error, "in_reply_to")));
    assert_non_null(strstr(string_of(error, "detail"), "1048576"));
    expect_open(f, ADA);
}

static void test_a_hundred_bad_lines_in_a_row_cost_the_connection(void **state)
{
    struct fixture *f = *state;
    join(f, ADA, "ada", 1, "");
    for (unsigned i = 0; i < BAD_LINES_MAX - 1; i++) {
        say_raw(f, ADA, "junk");
        expect_error(f, ADA, "bad_json");
    }
    say(f, ADA, "heartbeat", "{}"); /* a good one: the count begins anew */
    for (unsigned i = 0; i < BAD_LINES_MAX - 1; i++)
        say_raw(f, ADA, "junk");
    expect_open(f, ADA);
    say_raw(f, ADA, "junk");
    expect_closed(f, ADA, CLOSE_BAD_LINES);
    assert_int_equal(hub_count(fixture_hub(f)).members, 0);
    assert_int_equal(hub_count(fixture_hub(f)).peers, 0);
    say_raw(
        f, ADA,
        "{'message_id':'m','sender_id':'ada','message_type':'chat','timestamp':'t','payload':{}}");
    skip_all(f);
    hub_gone(fixture_hub(f), (peer_id)1 << 32 | ADA, CLOSE_PEER_CLOSED,
             now(f)); /* both are ignored */
}

static void test_the_rate_is_limited_with_bursts_of_two_seconds(void **state)
{
    struct hub_config config = fixture_config();
    config.owner.most[LIMIT_RATE] = 10;
    struct fixture *f = fixture_new(&config);
    (void)state;
    json_t *sync = join(f, ADA, "ada", 2, "");
    assert_number(number_of(json_object_get(sync, "limits"), "rate"), 10);
    join(f, BOB, "bob", 2, "");
    for (unsigned i = 0; i < 19; i++) { /* hello was the first */
        say(f, ADA, "chat", "{}");
        expect_relayed(f, BOB);
    }
    say(f, ADA, "chat", "{}");
    json_t *error = expect_error(f, ADA, "rate_limited");
    assert_non_null(strstr(string_of(error, "detail"), "10"));
    expect_nothing(f, BOB);
    say(f, BOB, "chat", "{}"); /* each connection has its own allowance */
    expect_relayed(f, ADA);
    pass(f, 100);
    say(f, ADA, "chat", "{}");
    expect_relayed(f, BOB);
    say(f, ADA, "chat", "{}");
    expect_error(f, ADA, "rate_limited");
    pass(f, 3600 * 1000);
    for (unsigned i = 0; i < 20; i++) {
        say(f, ADA, "chat", "{}");
        expect_relayed(f, BOB);
    }
    say(f, ADA, "chat", "{}");
    expect_error(f, ADA, "rate_limited");
    fixture_free(f);
}

/* Under the lowest rate the first message still passes. */
static void test_a_low_rate_lets_a_hello_in(void **state)
{
    struct hub_config config = fixture_config();
    config.owner.most[LIMIT_RATE] = 0.2;
    struct fixture *f = fixture_new(&config);
    (void)state;
    join(f, ADA, "ada", 1, "");
    say(f, ADA, "heartbeat", "{}");
    expect_error(f, ADA, "rate_limited");
    fixture_free(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LINE_TEST(test_a_refused_line_is_answered_and_goes_nowhere),
        LINE_TEST(test_an_error_names_the_message_it_answers),
        LINE_TEST(test_types_of_the_hub_are_forbidden),
        LINE_TEST(test_a_chats_text_is_a_string),
        LINE_TEST(test_a_refusal_names_what_was_given),
        LINE_TEST(test_nobody_speaks_for_another),
        LINE_TEST(test_a_line_is_relayed_with_its_own_bytes),
        LINE_TEST(test_white_space_around_a_line_is_not_relayed),
        LINE_TEST(test_level_1_never_sees_what_level_2_has),
        LINE_TEST(test_a_message_with_a_target_reaches_it_alone),
        LINE_TEST(test_a_message_to_oneself_is_a_bad_field),
        LINE_TEST(test_an_unknown_target_is_answered_with_the_nearest_names),
        LINE_TEST(test_a_target_that_went_gets_nothing_but_the_message_counts),
        LINE_TEST(test_depth_of_payload_is_bounded),
        LINE_TEST(test_a_line_that_is_too_long_is_said_to_be),
        LINE_TEST(test_a_hundred_bad_lines_in_a_row_cost_the_connection),
        cmocka_unit_test(test_the_rate_is_limited_with_bursts_of_two_seconds),
        cmocka_unit_test(test_a_low_rate_lets_a_hello_in),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
