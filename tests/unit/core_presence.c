/* Who is there: presence, heartbeats, those the edge expels, and the end. */
#include "core_fixture.h"

#include <string.h>

#define PRESENCE_TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

static peer_id id_of(unsigned peer)
{
    return (peer_id)1 << 32 | peer;
}

static void test_level_2_is_told_who_left(void **state)
{
    struct fixture *f = *state;
    join(f, ADA, "ada", 1, "");
    join(f, BOB, "bob", 2, "");
    join(f, CEY, "cey", 1, "");
    leave(f, CEY);
    json_t *payload = expect(f, BOB, "presence");
    assert_string_equal(names_of(payload), "ai_id,reason,status");
    assert_string_equal(string_of(payload, "ai_id"), "cey");
    assert_string_equal(string_of(payload, "status"), "left");
    assert_string_equal(string_of(payload, "reason"), "peer_closed");
    expect_nothing(f, ADA);
    assert_string_equal(joined_of(newcomer_sync(f), "active_ais"), "ada,bob,visitor-1");
}

static void test_one_who_never_joined_leaves_unnoticed(void **state)
{
    struct fixture *f = *state;
    join(f, ADA, "ada", 2, "");
    open_peer(f, BOB);
    say_raw(f, BOB, "junk");
    leave(f, BOB);
    expect_nothing(f, ADA);
    assert_int_equal(hub_count(fixture_hub(f)).peers, 1);
    assert_int_equal(hub_count(fixture_hub(f)).remembered, 0);
}

static void test_a_heartbeat_is_answered_to_level_2(void **state)
{
    struct fixture *f = *state;
    join(f, ADA, "ada", 2, "");
    join(f, BOB, "bob", 1, "");
    join(f, CEY, "cey", 2, "");
    say(f, ADA, "heartbeat", "{'seq':3}");
    json_t *line = expect_whole(f, ADA, "heartbeat");
    assert_string_equal(string_of(line, "sender_id"), "hub");
    json_t *payload = json_object_get(line, "payload");
    assert_non_null(json_object_get(payload, "server_time"));
    assert_int_equal(integer_of(payload, "seq"), integer_of(line, "seq"));
    say(f, BOB, "heartbeat", "{}");
    expect_nothing(f, BOB);
    expect_nothing(f, CEY); /* heartbeats are not relayed */
}

static void test_silent_level_2_is_closed(void **state)
{
    struct fixture *f = *state;
    join(f, ADA, "ada", 2, "");
    join(f, BOB, "bob", 1, ""); /* left alone */
    join(f, CEY, "cey", 2, "");
    for (unsigned i = 0; i < 4; i++) {
        wait_ticking(f, 22000);
        say(f, CEY, "heartbeat", "{}");
    }
    expect_open(f, ADA);
    skip_all(f);
    wait_ticking(f, 4000);
    json_t *error = expect(f, ADA, "error");
    assert_string_equal(string_of(error, "code"), "heartbeat_timeout");
    assert_string_equal(string_of(error, "detail"),
                        "nothing was heard for 90.0 s; a line, such as a heartbeat, must come "
                        "within 90.0 s");
    expect_closed(f, ADA, CLOSE_HEARTBEAT_TIMEOUT);
    assert_string_equal(string_of(expect(f, CEY, "presence"), "reason"), "heartbeat_timeout");
    expect_open(f, BOB);
    expect_open(f, CEY);
}

static void test_a_jump_of_the_clock_closes_nobody(void **state)
{
    struct fixture *f = *state;
    join(f, ADA, "ada", 2, "");
    pass(f, -3600 * 1000);
    hub_tick(fixture_hub(f), now(f));
    expect_open(f, ADA);
    pass(f, 24 * 3600 * 1000); /* counts as CLOCK_STEP_MAX_MS */
    hub_tick(fixture_hub(f), now(f));
    expect_open(f, ADA);
    wait_ticking(f, 80 * 1000);
    expect_open(f, ADA);
    wait_ticking(f, 6 * 1000);
    expect_closed(f, ADA, CLOSE_HEARTBEAT_TIMEOUT);
}

static void test_what_nobody_reads_is_nobodys_silence(void **state)
{
    struct fixture *f = *state;
    join(f, ADA, "ada", 2, "");
    say(f, ADA, "lease_request", "{'key':'k','ttl_s':60}");
    join(f, BOB, "bob", 2, "'stays_s':60");
    leave(f, BOB); /* who can't come back meanwhile */
    skip_all(f);
    wait_ticking(f, 50 * 1000);
    for (unsigned i = 0; i < 300; i++) {
        pass(f, 1000);
        hub_unheard(fixture_hub(f), now(f));
        hub_tick(fixture_hub(f), now(f));
    }
    expect_open(f, ADA);
    expect_nothing(f, ADA);
    wait_ticking(f, 11 * 1000);
    assert_string_equal(string_of(expect(f, ADA, "lease"), "status"), "expired");
    expect(f, ADA, "presence");
    wait_ticking(f, 30 * 1000);
    expect_closed(f, ADA, CLOSE_HEARTBEAT_TIMEOUT);
}

static void test_a_slow_consumer_is_expelled(void **state)
{
    struct fixture *f = *state;
    join(f, ADA, "ada", 2, "");
    join(f, BOB, "bob", 2, "");
    hub_expel(fixture_hub(f), id_of(ADA), CLOSE_SLOW_CONSUMER, WIRE_SLOW_CONSUMER, now(f));
    json_t *error = expect(f, ADA, "error");
    assert_string_equal(string_of(error, "code"), "slow_consumer");
    expect_closed(f, ADA, CLOSE_SLOW_CONSUMER);
    json_t *presence = expect(f, BOB, "presence");
    assert_string_equal(string_of(presence, "ai_id"), "ada");
    assert_string_equal(string_of(presence, "reason"), "slow_consumer");
    hub_gone(fixture_hub(f), id_of(ADA), CLOSE_PEER_CLOSED, now(f)); /* the hub has forgotten it */
    expect_nothing(f, BOB);
}

static void test_protected_mode_sends_strangers_away(void **state)
{
    struct fixture *f = *state;
    open_peer(f, ADA);
    hub_expel(fixture_hub(f), id_of(ADA), CLOSE_PROTECTED_MODE, WIRE_PROTECTED_MODE, now(f));
    json_t *line = expect_whole(f, ADA, "error");
    assert_string_equal(string_of(json_object_get(line, "payload"), "code"), "protected_mode");
    assert_null(json_object_get(line, "seq"));
    expect_closed(f, ADA, CLOSE_PROTECTED_MODE);
    assert_int_equal(hub_count(fixture_hub(f)).peers, 0);
}

static void test_the_end_is_told_to_level_2_and_closes_all(void **state)
{
    struct fixture *f = *state;
    join(f, ADA, "ada", 1, "");
    join(f, BOB, "bob", 2, "");
    join(f, CEY, "cey", 2, "'room':'lab'");
    open_peer(f, DAN);
    hub_stop(fixture_hub(f), now(f));
    expect_nothing(f, ADA);
    assert_string_equal(string_of(expect(f, BOB, "error"), "code"), "shutting_down");
    assert_string_equal(string_of(expect(f, CEY, "error"), "code"), "shutting_down");
    expect_nothing(f, BOB); /* nobody is told of each other's end */
    for (unsigned peer = ADA; peer <= DAN; peer++)
        expect_closed(f, peer, CLOSE_SHUTTING_DOWN);
    assert_int_equal(hub_count(fixture_hub(f)).peers, 0);
}

static void mute_effect(void *ctx, const struct effect *effect)
{
    (void)ctx, (void)effect;
}

static void mute_joined(void *ctx, peer_id peer)
{
    (void)ctx, (void)peer;
}

/* The hub that starts again where another one was killed: none of those who were there is there
 * any more, their ids are free, and what they shared is known. */
static void test_a_start_departs_all_former_connections(void **state)
{
    struct fixture *f = *state;
    join(f, ADA, "ada", 2, "'specialization':'networking'");
    join(f, BOB, "bob", 1, "");
    say(f, ADA, "pattern_share", "{'pattern':{'id':'p'}}");
    struct hub_config config = fixture_config();
    struct hub_edge edge = fixture_edge(f);
    edge.effect = mute_effect;
    edge.joined = mute_joined;
    struct hub *second = hub_new(&config, &edge);
    fixture_replay(f, second);
    assert_int_equal(hub_count(second).members, 2);
    struct entry start = {.seq = 100, .time_ms = now(f), .kind = ENTRY_START};
    hub_apply(second, slice_of("main"), &start);
    assert_int_equal(hub_count(second).members, 0);
    assert_int_equal(hub_count(second).remembered, 2);
    assert_int_equal(hub_count(second).patterns, 1);
    const char *line = "{\"message_id\":\"m\",\"sender_id\":\"ada\",\"message_type\":\"hello\","
                       "\"timestamp\":\"t\",\"payload\":{}}";
    struct entry hello = {
        .seq = 101, .time_ms = now(f), .peer = 5, .kind = ENTRY_MESSAGE, .bytes = slice_of(line)};
    hub_apply(second, slice_of("main"), &hello);
    assert_int_equal(hub_count(second).members, 1);
    char why[256];
    assert_int_equal(hub_recount(second, why, sizeof why), 0);
    hub_free(second);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        PRESENCE_TEST(test_level_2_is_told_who_left),
        PRESENCE_TEST(test_one_who_never_joined_leaves_unnoticed),
        PRESENCE_TEST(test_a_heartbeat_is_answered_to_level_2),
        PRESENCE_TEST(test_silent_level_2_is_closed),
        PRESENCE_TEST(test_a_jump_of_the_clock_closes_nobody),
        PRESENCE_TEST(test_what_nobody_reads_is_nobodys_silence),
        PRESENCE_TEST(test_a_slow_consumer_is_expelled),
        PRESENCE_TEST(test_protected_mode_sends_strangers_away),
        PRESENCE_TEST(test_the_end_is_told_to_level_2_and_closes_all),
        PRESENCE_TEST(test_a_start_departs_all_former_connections),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
