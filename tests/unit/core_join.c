/* hello, training_sync, ids, takeover, observers and rooms. */
#include "core_fixture.h"

#include <stdlib.h>
#include <string.h>

#include "wire/text.h"

#define JOIN_TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

static void test_sync_has_the_seeds_shape(void **state)
{
    struct fixture *f = *state;
    open_peer(f, ADA);
    say_hello(f, ADA, "ada",
              "{'specialization':'networking','capabilities':['tcp'],'version':'1.0',"
              "'features_supported':['x'],'collaboration_ready':true}");
    json_t *line = expect_whole(f, ADA, "training_sync");
    assert_string_equal(string_of(line, "sender_id"), "hub");
    assert_string_equal(string_of(line, "target_ai"), "ada");
    assert_string_equal(names_of(line),
                        "message_id,message_type,payload,sender_id,target_ai,timestamp");
    assert_int_equal(strlen(string_of(line, "message_id")), 36);
    assert_string_equal(string_of(line, "timestamp"), "2026-11-22T08:00:00.000+00:00");
    json_t *payload = json_object_get(line, "payload");
    json_t *base = json_object_get(payload, "global_knowledge_base");
    assert_string_equal(names_of(base),
                        "collective_features,performance_benchmarks,shared_components,"
                        "shared_patterns");
    const char *name;
    json_t *section;
    json_object_foreach(base, name, section) assert_int_equal(json_object_size(section), 0);
    assert_string_equal(joined_of(payload, "active_ais"), "ada");
    assert_int_equal(json_array_size(json_object_get(payload, "collaboration_opportunities")), 0);
    expect_nothing(f, ADA);
}

static void test_sync_of_level_2_has_more(void **state)
{
    struct fixture *f = *state;
    json_t *sync = join(f, ADA, "ada", 2, "");
    assert_int_equal(strlen(string_of(sync, "resume_token")), 32);
    assert_string_equal(string_of(sync, "hub_version"), KHUB_VERSION);
    assert_string_equal(string_of(sync, "room"), "main");
    assert_int_equal(integer_of(sync, "seq"), 2); /* the first is the hub's own start */
    json_t *limits = json_object_get(sync, "limits");
    assert_int_equal(integer_of(limits, "max_line"), fixture_config().line_max);
    assert_int_equal(integer_of(limits, "max_output"), fixture_config().output_max);
    assert_int_equal(integer_of(limits, "sync_limit"), fixture_config().sync_limit);
    assert_number(number_of(limits, "rate"), 0);
    assert_number(number_of(limits, "heartbeat_timeout_s"), 90);
    json_t *level1 = join(f, BOB, "bob", 1, "");
    assert_null(json_object_get(level1, "resume_token"));
    assert_null(json_object_get(level1, "limits"));
}

static size_t known_in(json_t *sync)
{
    json_t *base = json_object_get(sync, "global_knowledge_base"), *section;
    const char *name;
    size_t count = 0;
    assert_int_equal(json_object_size(base), 4);
    json_object_foreach(base, name, section) count += json_object_size(section);
    return count;
}

static size_t size_of(json_t *object)
{
    char *text = json_dumps(object, JSON_COMPACT);
    assert_non_null(text);
    size_t len = strlen(text);
    free(text);
    return len;
}

static void test_a_sync_is_as_large_as_its_reader_wants(void **state)
{
    enum { PATTERNS = 40 };
    struct fixture *f = *state;
    join(f, ADA, "ada", 2, "");
    for (unsigned i = 0; i < PATTERNS; i++)
        say(f, ADA, "pattern_share", "{'pattern':{'id':'p%u','x':'%0100u'}}", i, i);
    for (unsigned i = 0; i < 30; i++) {
        char id[16];
        snprintf(id, sizeof id, "judge%u", i);
        join(f, BOB + i, id, 2, "");
        say(f, BOB + i, "commitment", "{'subject':'cpu','subject_version':'v1','sha256':'%s'}",
            digest_of(id));
    }
    wait_ticking(f, EPOCH_OVER);
    json_t *sync = join(f, 101, "whole", 2, "");
    assert_int_equal(known_in(sync), PATTERNS);
    assert_int_equal(json_object_size(json_object_get(sync, "ledger")), 30);
    size_t base = size_of(json_object_get(sync, "global_knowledge_base"));
    sync = join(f, 102, "none", 2, "'sync':'none'");
    assert_int_equal(known_in(sync), 0);
    assert_int_equal(json_object_size(json_object_get(sync, "ledger")), 0);
    assert_true(json_is_true(json_object_get(sync, "truncated")));
    json_t *totals = json_object_get(sync, "knowledge_totals");
    assert_int_equal(integer_of(totals, "shared_patterns"), PATTERNS);
    sync = join(f, 103, "some", 2, "'sync':3000");
    assert_in_range(known_in(sync), 5, 20);
    assert_true(size_of(json_object_get(sync, "global_knowledge_base")) +
                    size_of(json_object_get(sync, "ledger")) <
                3200);
    char most[32];
    snprintf(most, sizeof most, "'sync':%zu",
             base + 1000); /* all that is known, some of the ledger */
    sync = join(f, 104, "some more", 2, most);
    assert_int_equal(known_in(sync), PATTERNS);
    assert_in_range(json_object_size(json_object_get(sync, "ledger")), 5, 29);
    assert_true(json_is_false(json_object_get(sync, "truncated")));
    sync = join(f, 105, "all", 2, "'sync':1000000000000");
    assert_int_equal(known_in(sync), PATTERNS);
    sync = join(f, 106, "level 1", 1, "'sync':'none'"); /* the seed's protocol knows none of this */
    assert_int_equal(known_in(sync), PATTERNS);
}

static void test_a_sync_that_nobody_can_mean_is_a_bad_payload(void **state)
{
    static const char *const wrong[] = {"'all'", "''", "-1", "1.5", "true", "[]", "{}", "1e400"};
    struct fixture *f = *state;
    open_peer(f, ADA);
    for (unsigned i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        say_hello(f, ADA, "ada", "{'protocol':2,'sync':%s}", wrong[i]);
        json_t *error = expect_error(f, ADA, "bad_payload");
        assert_non_null(strstr(string_of(error, "detail"), "payload.sync"));
    }
    say_hello(f, ADA, "ada", "{'protocol':2,'sync':null}");
    expect(f, ADA, "training_sync");
}

static void test_active_ais_stand_in_the_order_of_joining(void **state)
{
    struct fixture *f = *state;
    join(f, ADA, "zoe", 1, "");
    join(f, BOB, "ada", 2, "");
    json_t *sync = join(f, CEY, "max", 1, "");
    assert_string_equal(joined_of(sync, "active_ais"), "zoe,ada,max");
    leave(f, ADA);
    sync = join(f, ADA, "zoe", 1, "");
    assert_string_equal(joined_of(sync, "active_ais"), "ada,max,zoe");
}

static void test_hello_is_relayed_to_the_others(void **state)
{
    struct fixture *f = *state;
    join(f, ADA, "ada", 1, "");
    join(f, BOB, "bob", 2, "");
    open_peer(f, CEY);
    say_hello(f, CEY, "cey", "{ 'specialization' : 'security', 'capabilities':['a\\u0062c'] }");
    expect_relayed(f, ADA);
    expect_relayed(f, BOB);
    expect_nothing(f, ADA);
    expect_nothing(f, BOB);
}

/* Nobody but the hub may see a token; the bytes around it stay as they were. */
static void test_hello_is_relayed_without_its_token(void **state)
{
    static const char *const payloads[][2] = {
        {"{'token':'SECRET','protocol':2}", "{'protocol':2}"},
        {"{'protocol':2,'resume_token':'SECRET'}", "{'protocol':2}"},
        {"{'token':'SECRET'}", "{}"},
        {"{ 'protocol':2 , 'token' : 'SECRET' , 'version':'\\u0031' }", NULL},
        {"{'protocol':2,'t\\u006fken':'SECRET','version':'1'}", "{'protocol':2,'version':'1'}"},
        {"{'token':'SECRET','token':'SECRET','protocol':2}", "{'protocol':2}"},
        {"{'protocol':2,'version':'1','token':null}", NULL},
        {"{'token':'SECRET','resume_token':'SECRET','protocol':2}", "{'protocol':2}"},
    };
    struct fixture *f = *state;
    join(f, ADA, "ada", 1, "");
    for (unsigned i = 0; i < sizeof payloads / sizeof *payloads; i++) {
        char id[8];
        snprintf(id, sizeof id, "bob%u", i);
        open_peer(f, BOB + i);
        say_hello(f, BOB + i, id, "%s", payloads[i][0]);
        json_t *payload = expect(f, ADA, "hello");
        assert_null(strstr(read_line(f), "SECRET"));
        assert_null(json_object_get(payload, "token"));
        assert_null(json_object_get(payload, "resume_token"));
        if (payloads[i][1]) {
            char *rest = json_dumps(payload, JSON_COMPACT);
            assert_non_null(strstr(read_line(f), rest));
            free(rest);
        }
        if (strstr(payloads[i][0], "version"))
            assert_string_equal(string_of(payload, "version"), "1");
        skip_all(f);
    }
}

static void test_opportunities_are_at_most_five(void **state)
{
    struct fixture *f = *state;
    for (unsigned i = 0; i < 7; i++) {
        char id[8];
        snprintf(id, sizeof id, "ai%u", i);
        join(f, ADA + i, id, 1, "'specialization':'security','capabilities':['crypto','audit']");
    }
    json_t *sync = join(f, HAL, "new", 1, "'specialization':'networking'");
    json_t *offers = json_object_get(sync, "collaboration_opportunities");
    assert_int_equal(json_array_size(offers), 5);
    json_t *first = json_array_get(offers, 0);
    assert_string_equal(names_of(first), "ai_id,capabilities,specialization,suggested_type");
    assert_string_equal(string_of(first, "specialization"), "security");
    assert_string_equal(joined_of(first, "capabilities"), "crypto,audit");
    assert_string_equal(string_of(first, "suggested_type"), "cross_specialization");
}

/* The ids of the opportunities in a sync, "a,b,c". */
static const char *offered(json_t *sync)
{
    static char text[512];
    size_t index, len = 0;
    json_t *offer;
    text[0] = '\0';
    json_array_foreach(json_object_get(sync, "collaboration_opportunities"), index, offer)
    {
        len += (size_t)snprintf(text + len, sizeof text - len, "%s%s", index ? "," : "",
                                string_of(offer, "ai_id"));
    }
    return text;
}

static void test_opportunities_put_other_specializations_first(void **state)
{
    struct fixture *f = *state;
    join(f, ADA, "same", 1, "'specialization':'networking','capabilities':['a','b','c']");
    join(f, BOB, "other", 1, "'specialization':'security'");
    json_t *sync = join(f, CEY, "new", 1, "'specialization':'networking'");
    assert_string_equal(offered(sync), "other,same");
}

static void test_opportunities_put_those_first_who_can_more(void **state)
{
    struct fixture *f = *state;
    join(f, ADA, "one", 1, "'specialization':'s','capabilities':['x','a']");
    join(f, BOB, "three", 1, "'specialization':'s','capabilities':['a','b','c']");
    join(f, CEY, "none", 1, "'specialization':'s','capabilities':['x','y','z']");
    join(f, DAN, "two", 1, "'specialization':'s','capabilities':['a','x','b']");
    json_t *sync =
        join(f, EVE, "new", 1, "'specialization':'networking','capabilities':['x','y','z']");
    assert_string_equal(offered(sync), "three,two,one,none");
}

static void test_opportunities_put_the_ready_first(void **state)
{
    struct fixture *f = *state;
    join(f, ADA, "busy", 1, "'specialization':'s','collaboration_ready':false");
    join(f, BOB, "ready", 1, "'specialization':'s','collaboration_ready':true");
    join(f, CEY, "silent", 1, "'specialization':'s'");
    json_t *sync = join(f, DAN, "new", 1, "'specialization':'networking'");
    const char *order = offered(sync);
    assert_true(strncmp(order, "ready", 5) == 0 || strncmp(order, "silent", 6) == 0);
    assert_string_equal(order + strlen(order) - 4, "busy");
}

static void test_opportunities_put_the_least_loaded_first(void **state)
{
    struct fixture *f = *state;
    join(f, ADA, "loaded", 2, "'specialization':'s','collaboration_ready':true");
    join(f, BOB, "free", 2, "'specialization':'s','collaboration_ready':true");
    join(f, CEY, "partner", 2, "'specialization':'networking'");
    say(f, CEY, "collaboration_request", "{'type':'t','description':'d','target_ai':'loaded'}");
    const char *session = string_of(expect(f, ADA, "collaboration_request"), "session_id");
    say(f, ADA, "collaboration_response", "{'session_id':'%s','accepted':true}", session);
    json_t *sync = join(f, DAN, "new", 1, "'specialization':'networking'");
    assert_string_equal(offered(sync), "free,loaded,partner");
}

static void test_second_hello_updates_and_keeps_the_id(void **state)
{
    struct fixture *f = *state;
    join(f, ADA, "ada", 1, "'specialization':'old','capabilities':['a']");
    join(f, BOB, "bob", 1, "");
    say_hello(f, ADA, "ada", "{'specialization':'new','capabilities':['b','c']}");
    expect(f, ADA, "training_sync");
    expect_relayed(f, BOB);
    json_t *sync = newcomer_sync(f);
    assert_string_equal(joined_of(sync, "active_ais"), "ada,bob,visitor-1");
    json_t *member = member_of(f, "ada");
    assert_string_equal(string_of(member, "specialization"), "new");
    assert_string_equal(joined_of(member, "capabilities"), "b,c");
    skip_all(f);
    say_hello(f, ADA, "other", "{}");
    expect_error(f, ADA, "sender_mismatch");
    expect_open(f, ADA);
}

static void test_a_first_message_that_is_no_hello_registers_its_sender(void **state)
{
    struct fixture *f = *state;
    join(f, ADA, "ada", 1, "");
    open_peer(f, BOB);
    say_raw(f, BOB,
            "{'message_id':'1','sender_id':'bob','message_type':'pattern_share',"
            "'timestamp':'2026-11-22T08:00:00','payload':{'pattern':{'id':'p'}}}");
    expect_relayed(f, ADA);
    expect_nothing(f, BOB);
    json_t *sync = newcomer_sync(f);
    assert_string_equal(joined_of(sync, "active_ais"), "ada,bob,visitor-1");
    json_t *bob = member_of(f, "bob");
    assert_string_equal(joined_of(bob, "capabilities"), "");
    assert_string_equal(string_of(bob, "specialization"), "general");
    assert_int_equal(integer_of(bob, "level"), 1);
}

static void test_nobody_hears_anything_before_it_has_joined(void **state)
{
    struct fixture *f = *state;
    join(f, ADA, "ada", 1, "");
    open_peer(f, BOB);
    say(f, ADA, "pattern_share", "{'pattern':{'id':'p'}}");
    expect_nothing(f, BOB);
}

static void test_bad_first_lines_cost_nothing(void **state)
{
    struct fixture *f = *state;
    open_peer(f, ADA);
    say_raw(f, ADA, "GET / HTTP/1.1");
    expect_error(f, ADA, "bad_json");
    say_raw(
        f, ADA,
        "{'message_id':'m','sender_id':'hub','message_type':'hello','timestamp':'t','payload':{}}");
    expect_error(f, ADA, "reserved_id");
    say_raw(f, ADA,
            "{'message_id':'m','sender_id':'a\\nb','message_type':'hello','timestamp':'t','payload'"
            ":{}}");
    expect_error(f, ADA, "bad_field");
    expect_open(f, ADA);
    assert_int_equal(hub_count(fixture_hub(f)).members, 0);
    say_hello(f, ADA, "ada", "{}");
    expect(f, ADA, "training_sync");
}

static void test_a_hello_of_wrong_kinds_is_a_bad_payload(void **state)
{
    static const char *const payloads[] = {
        "{'specialization':5}",
        "{'capabilities':'tcp'}",
        "{'capabilities':[1]}",
        "{'protocol':0}",
        "{'protocol':'2'}",
        "{'protocol':2,'room':7}",
        "{'protocol':2,'room':'a\\nb'}",
        "{'protocol':2,'role':'king'}",
        "{'collaboration_ready':'yes'}",
    };
    struct fixture *f = *state;
    open_peer(f, ADA);
    for (unsigned i = 0; i < sizeof payloads / sizeof *payloads; i++) {
        say_hello(f, ADA, "ada", "%s", payloads[i]);
        expect_error(f, ADA, "bad_payload");
        expect_nothing(f, ADA);
    }
    assert_int_equal(hub_count(fixture_hub(f)).members, 0);
}

static void test_capabilities_are_bounded(void **state)
{
    struct fixture *f = *state;
    char many[2048] = "", longest[512] = "";
    for (unsigned i = 0; i <= CAPABILITIES_MAX; i++)
        snprintf(many + strlen(many), sizeof many - strlen(many), "%s'c%u'", i ? "," : "", i);
    memset(longest, 'x', CAPABILITY_BYTES_MAX + 1);
    open_peer(f, ADA);
    say_hello(f, ADA, "ada", "{'capabilities':[%s]}", many);
    expect_error(f, ADA, "bad_payload");
    say_hello(f, ADA, "ada", "{'capabilities':['%s']}", longest);
    expect_error(f, ADA, "bad_payload");
    longest[CAPABILITY_BYTES_MAX] = '\0';
    say_hello(f, ADA, "ada", "{'capabilities':['%s']}", longest);
    expect(f, ADA, "training_sync");
}

static void test_an_id_that_is_connected_is_refused(void **state)
{
    struct fixture *f = *state;
    join(f, ADA, "ada", 2, "");
    open_peer(f, BOB);
    say_hello(f, BOB, "ada", "{}");
    expect_error(f, BOB, "id_in_use");
    say_hello(f, BOB, "ada", "{'protocol':2,'resume_token':'00000000000000000000000000000000'}");
    expect_error(f, BOB, "id_in_use");
    say_hello(f, BOB, "ada", "{'protocol':2,'resume_token':''}");
    expect_error(f, BOB, "id_in_use");
    expect_nothing(f, ADA);
    expect_open(f, BOB);
    say_hello(f, BOB, "bob", "{}");
    expect(f, BOB, "training_sync");
}

static void test_a_resume_token_takes_the_id_over(void **state)
{
    struct fixture *f = *state;
    const char *token = string_of(join(f, ADA, "ada", 2, ""), "resume_token");
    join(f, CEY, "cey", 2, "");
    open_peer(f, BOB);
    say_hello(f, BOB, "ada", "{'protocol':2,'resume_token':'%s'}", token);
    json_t *sync = expect(f, BOB, "training_sync");
    assert_string_equal(joined_of(sync, "active_ais"), "cey,ada");
    json_t *payload = expect(f, ADA, "error");
    assert_string_equal(string_of(payload, "code"), "taken_over");
    expect_closed(f, ADA, CLOSE_TAKEN_OVER);
    assert_int_equal(hub_count(fixture_hub(f)).members, 2);
    say_to(f, CEY, "ada", "chat", "{}");
    expect_relayed(f, BOB);
}

/* A token of one id opens no other. */
static void test_a_resume_token_is_good_for_its_own_id_only(void **state)
{
    struct fixture *f = *state;
    const char *token = string_of(join(f, ADA, "ada", 2, ""), "resume_token");
    const char *other = string_of(join(f, BOB, "bob", 2, ""), "resume_token");
    assert_string_not_equal(token, other);
    open_peer(f, CEY);
    say_hello(f, CEY, "bob", "{'protocol':2,'resume_token':'%s'}", token);
    expect_error(f, CEY, "id_in_use");
    expect_open(f, BOB);
}

static void test_an_observer_sees_all_and_is_listed_nowhere(void **state)
{
    struct fixture *f = *state;
    join(f, ADA, "ada", 2, "'specialization':'networking','capabilities':['tcp']");
    open_peer(f, BOB);
    say_hello(f, BOB, "eye", "{'protocol':2,'role':'observer','capabilities':['tcp']}");
    json_t *sync = expect(f, BOB, "training_sync");
    assert_string_equal(joined_of(sync, "active_ais"), "ada");
    json_t *members = json_object_get(sync, "members");
    assert_int_equal(json_array_size(members), 1);
    json_t *ada = json_array_get(members, 0);
    assert_string_equal(names_of(ada), "ai_id,capabilities,collaboration_ready,contribution_score,"
                                       "joined,level,sessions,specialization");
    assert_string_equal(string_of(ada, "joined"), "2026-11-22T08:00:00.000+00:00");
    assert_int_equal(json_array_size(json_object_get(sync, "sessions")), 0);
    sync = join(f, CEY, "cey", 1, "'specialization':'security'");
    assert_string_equal(joined_of(sync, "active_ais"), "ada,cey");
    assert_string_equal(offered(sync), "ada");
    say_to(f, ADA, "cey", "chat", "{'text':'between us'}");
    expect_relayed(f, BOB);
    expect_nothing(f, CEY);
    say(f, CEY, "feature_request", "{'feature':'tcp'}");
    expect_no(f, BOB, "training_sync");
    assert_int_equal(hub_count(fixture_hub(f)).observers, 1);
    assert_int_equal(hub_count(fixture_hub(f)).members, 2);
}

static void test_an_observer_s_going_is_not_told(void **state)
{
    struct fixture *f = *state;
    join(f, ADA, "ada", 2, "");
    join(f, BOB, "eye", 2, "'role':'observer'");
    leave(f, BOB);
    expect_nothing(f, ADA);
}

static int receiving_setup(void **state)
{
    struct hub_config config = fixture_config();
    config.receives = true;
    *state = fixture_new(&config);
    return 0;
}

/* While nothing can be kept it is a guest: the room knows nothing of it. */
static void test_who_observes_a_full_hub_is_a_guest(void **state)
{
    struct fixture *f = *state;
    struct text before = {0}, after = {0};
    join(f, ADA, "ada", 2, "'specialization':'networking'");
    fixture_fill(f, true);
    hub_dump(fixture_hub(f), slice_of("main"), &before);
    open_peer(f, BOB);
    say_hello(f, BOB, "eye", "{'protocol':2,'role':'observer'}");
    json_t *sync = expect(f, BOB, "training_sync");
    assert_true(json_is_false(json_object_get(sync, "kept")));
    assert_null(json_object_get(sync, "resume_token"));
    assert_string_equal(joined_of(sync, "active_ais"), "ada");
    say(f, BOB, "knowledge_query", "{}");
    expect(f, BOB, "knowledge_result");
    say(f, BOB, "heartbeat", "{}");
    expect(f, BOB, "heartbeat");
    say(f, BOB, "chat", "{'text':'x'}");
    expect_error(f, BOB, "storage_unavailable");
    for (int level = 1; level <= 2; level++) { /* who would be a member is none */
        open_peer(f, CEY);
        say_hello(f, CEY, "cey", level == 1 ? "{}" : "{'protocol':2}");
        expect_error(f, CEY, "storage_unavailable");
        leave(f, CEY);
    }
    hub_dump(fixture_hub(f), slice_of("main"), &after);
    assert_true(slice_equal(text_slice(&before), text_slice(&after)));
    fixture_fill(f, false);
    say(f, ADA, "chat", "{'text':'room again'}");
    say(f, BOB, "chat", "{'text':'x'}"); /* it has not joined, and does not by that */
    expect_error(f, BOB, "storage_unavailable");
    say_hello(f, BOB, "eye", "{'protocol':2,'role':'observer'}");
    sync = expect(f, BOB, "training_sync");
    assert_null(json_object_get(sync, "kept"));
    assert_int_equal(hub_count(fixture_hub(f)).observers, 1);
    say(f, ADA, "chat", "{'text':'now'}");
    expect_relayed(f, BOB);
    fixture_fill(f, true); /* who has joined is no guest */
    say_hello(f, BOB, "eye", "{'protocol':2,'role':'observer'}");
    expect_error(f, BOB, "storage_unavailable");
    text_free(&before);
    text_free(&after);
}

/* Its room stands as long as it is there, and hears nothing of its going. */
static void test_a_guest_keeps_its_room(void **state)
{
    struct hub_config config = fixture_config();
    config.receives = true;
    config.rooms_max = 2;
    struct fixture *f = fixture_new(&config);
    (void)state;
    fixture_fill(f, true);
    open_peer(f, BOB);
    say_hello(f, BOB, "eye", "{'protocol':2,'role':'observer','room':'lab'}");
    expect(f, BOB, "training_sync");
    fixture_fill(f, false);
    open_peer(f, CEY);
    say_hello(f, CEY, "cey", "{'protocol':2,'room':'other'}");
    assert_limit(expect_error(f, CEY, "quota_exceeded"), "rooms", "hub", 2);
    say(f, BOB, "session_query", "{}");
    expect(f, BOB, "session_result");
    uint64_t seq = hub_seq(fixture_hub(f), slice_of("lab"));
    leave(f, BOB);
    assert_int_equal(hub_seq(fixture_hub(f), slice_of("lab")), seq);
    say_hello(f, CEY, "cey", "{'protocol':2,'room':'other'}");
    expect(f, CEY, "training_sync");
    open_peer(f, BOB); /* is one when the hub ends */
    fixture_fill(f, true);
    say_hello(f, BOB, "eye", "{'protocol':2,'role':'observer','room':'other'}");
    expect(f, BOB, "training_sync");
    fixture_free(f);
}

static void test_rooms_share_nothing(void **state)
{
    struct fixture *f = *state;
    join(f, ADA, "ada", 2, "'room':'lab'");
    join(f, BOB, "bob", 2, "");
    json_t *sync = join(f, CEY, "ada", 2, ""); /* the same id, elsewhere */
    assert_string_equal(joined_of(sync, "active_ais"), "bob,ada");
    assert_string_equal(string_of(sync, "room"), "main");
    say(f, ADA, "pattern_share", "{'pattern':{'id':'p1'}}");
    expect_nothing(f, BOB);
    expect_nothing(f, CEY);
    assert_int_equal(json_object_size(knowledge(f, "shared_patterns")), 0);
    sync = join(f, DAN, "dan", 2, "'room':'lab'");
    assert_string_equal(joined_of(sync, "active_ais"), "ada,dan");
    assert_string_equal(string_of(sync, "room"), "lab");
    json_t *base = json_object_get(sync, "global_knowledge_base");
    assert_int_equal(json_object_size(json_object_get(base, "shared_patterns")), 1);
    skip_all(f);
    say_to(f, BOB, "dan", "chat", "{}");
    expect_error(f, BOB, "unknown_target");
    say(f, BOB, "chat", "{}");
    expect_nothing(f, DAN);
    assert_int_equal(hub_count(fixture_hub(f)).rooms, 2);
}

/* The order of a room is its own: its first entry is the hub's start, its first message has seq
 * 2. */
static void test_each_room_counts_its_own_seq(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(integer_of(join(f, ADA, "ada", 2, ""), "seq"), 2);
    assert_int_equal(integer_of(join(f, BOB, "bob", 2, ""), "seq"), 3);
    assert_int_equal(integer_of(join(f, CEY, "cey", 2, "'room':'lab'"), "seq"), 2);
    join(f, DAN, "dan", 2, "'room':'lab'");
    say(f, CEY, "chat", "{}");
    assert_int_equal(integer_of(expect_whole(f, DAN, "chat"), "seq"), 4);
}

static void test_a_role_is_kept(void **state)
{
    struct fixture *f = *state;
    join(f, ADA, "ada", 1, "");
    join(f, BOB, "bob", 2, "");
    join(f, CEY, "eye", 2, "'role':'observer'");
    say_hello(f, ADA, "ada", "{'protocol':2,'role':'observer'}");
    expect_error(f, ADA, "forbidden");
    say_hello(f, BOB, "bob", "{'protocol':2,'role':'observer'}");
    expect_error(f, BOB, "forbidden");
    say_hello(f, CEY, "eye", "{'protocol':2}");
    expect_error(f, CEY, "forbidden");
    assert_int_equal(hub_count(fixture_hub(f)).observers, 1);
}

static void test_a_room_is_kept(void **state)
{
    struct fixture *f = *state;
    join(f, ADA, "ada", 2, "'room':'lab'");
    say_hello(f, ADA, "ada", "{'protocol':2}");
    expect_error(f, ADA, "forbidden");
    say_hello(f, ADA, "ada", "{'protocol':2,'room':'lab'}");
    expect(f, ADA, "training_sync");
}

/* Nothing of an earlier life is assumed of one who comes back without a hello. */
static void test_who_comes_back_without_a_hello_is_general(void **state)
{
    struct fixture *f = *state;
    join(f, ADA, "ada", 2, "'specialization':'security','capabilities':['audit']");
    leave(f, ADA);
    open_peer(f, BOB);
    say_raw(f, BOB,
            "{'message_id':'1','sender_id':'ada','message_type':'heartbeat','timestamp':'t','"
            "payload':{}}");
    json_t *ada = member_of(f, "ada");
    assert_string_equal(string_of(ada, "specialization"), "general");
    assert_string_equal(joined_of(ada, "capabilities"), "");
    assert_int_equal(integer_of(ada, "level"), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        JOIN_TEST(test_sync_has_the_seeds_shape),
        JOIN_TEST(test_sync_of_level_2_has_more),
        JOIN_TEST(test_a_sync_is_as_large_as_its_reader_wants),
        JOIN_TEST(test_a_sync_that_nobody_can_mean_is_a_bad_payload),
        JOIN_TEST(test_active_ais_stand_in_the_order_of_joining),
        JOIN_TEST(test_hello_is_relayed_to_the_others),
        JOIN_TEST(test_hello_is_relayed_without_its_token),
        JOIN_TEST(test_opportunities_are_at_most_five),
        JOIN_TEST(test_opportunities_put_other_specializations_first),
        JOIN_TEST(test_opportunities_put_those_first_who_can_more),
        JOIN_TEST(test_opportunities_put_the_ready_first),
        JOIN_TEST(test_opportunities_put_the_least_loaded_first),
        JOIN_TEST(test_second_hello_updates_and_keeps_the_id),
        JOIN_TEST(test_a_first_message_that_is_no_hello_registers_its_sender),
        JOIN_TEST(test_nobody_hears_anything_before_it_has_joined),
        JOIN_TEST(test_bad_first_lines_cost_nothing),
        JOIN_TEST(test_a_hello_of_wrong_kinds_is_a_bad_payload),
        JOIN_TEST(test_capabilities_are_bounded),
        JOIN_TEST(test_an_id_that_is_connected_is_refused),
        JOIN_TEST(test_a_resume_token_takes_the_id_over),
        JOIN_TEST(test_a_resume_token_is_good_for_its_own_id_only),
        JOIN_TEST(test_an_observer_sees_all_and_is_listed_nowhere),
        JOIN_TEST(test_an_observer_s_going_is_not_told),
        cmocka_unit_test_setup_teardown(test_who_observes_a_full_hub_is_a_guest, receiving_setup,
                                        fixture_teardown),
        cmocka_unit_test(test_a_guest_keeps_its_room),
        JOIN_TEST(test_rooms_share_nothing),
        JOIN_TEST(test_each_room_counts_its_own_seq),
        JOIN_TEST(test_a_role_is_kept),
        JOIN_TEST(test_a_room_is_kept),
        JOIN_TEST(test_who_comes_back_without_a_hello_is_general),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
