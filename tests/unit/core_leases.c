/* Leases: who is granted one, who is told, how long it lasts, and what an old fence is worth. */
#include "core_fixture.h"

#include <stdlib.h>
#include <string.h>

#include "core_steps.h"
#include "wire/text.h"

#define LEASE_TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

static void ask(struct fixture *f, unsigned peer, const char *key, unsigned ttl_s)
{
    say(f, peer, "lease_request", "{'key':'%s','ttl_s':%u,'intent':'to build it'}", key, ttl_s);
}

static void give_back(struct fixture *f, unsigned peer, const char *key, json_int_t fence)
{
    say(f, peer, "lease_release", "{'key':'%s','fence':%lld}", key, (long long)fence);
}

/* The next lease message of this peer has that status; its payload. */
static json_t *expect_lease(struct fixture *f, unsigned peer, const char *status, const char *key,
                            const char *holder)
{
    json_t *lease = expect(f, peer, "lease");
    assert_string_equal(string_of(lease, "status"), status);
    assert_string_equal(string_of(lease, "key"), key);
    assert_string_equal(string_of(lease, "holder"), holder);
    return lease;
}

/* Granted to the peer, with nothing unread. Its fence. */
static json_int_t granted(struct fixture *f, unsigned peer, const char *id, const char *key,
                          unsigned ttl_s)
{
    skip_all(f);
    ask(f, peer, key, ttl_s);
    json_int_t fence = integer_of(expect_lease(f, peer, "granted", key, id), "fence");
    skip_all(f);
    return fence;
}

/* The level 2 connections stay while the clock moves. */
static void wait_heard(struct fixture *f, int64_t ms, unsigned peer)
{
    for (; ms > 0; ms -= 1000) {
        say(f, peer, "heartbeat", "{}");
        wait_ticking(f, 1000);
    }
}

static size_t leases_open(struct fixture *f)
{
    return hub_count(fixture_hub(f)).leases;
}

static void test_one_is_granted_it_and_all_of_level_2_hear(void **state)
{
    struct fixture *f = *state;
    join_all(f);
    ask(f, ADA, "feature:paging", 60);
    json_t *lease = expect_lease(f, ADA, "granted", "feature:paging", "ada");
    assert_string_equal(names_of(lease),
                        "expires,fence,holder,in_reply_to,intent,key,since,status,ttl_s");
    assert_string_equal(string_of(lease, "in_reply_to"), last_message_id(f));
    assert_string_equal(string_of(lease, "intent"), "to build it");
    assert_int_equal(integer_of(lease, "ttl_s"), 60);
    assert_true(json_is_null(json_object_get(lease, "expires")));
    expect_lease(f, BOB, "granted", "feature:paging", "ada");
    expect_lease(f, EVE, "granted", "feature:paging", "ada");
    expect_nothing(f, DAN); /* level 1 */
    ask(f, BOB, "feature:paging", 60);
    json_t *held = expect_lease(f, BOB, "held", "feature:paging", "ada");
    assert_string_equal(string_of(held, "in_reply_to"), last_message_id(f));
    expect_nothing(f, ADA);
    expect_nothing(f, EVE);
    assert_int_equal(leases_open(f), 1);
}

static void test_a_fence_rises_and_none_comes_twice(void **state)
{
    struct fixture *f = *state;
    join_all(f);
    json_int_t last = 0;
    for (unsigned i = 0; i < 20; i++) {
        unsigned peer = i % 2 ? BOB : ADA;
        json_int_t fence = granted(f, peer, i % 2 ? "bob" : "ada", i % 3 ? "k" : "other", 60);
        assert_true(fence > last);
        last = fence;
        give_back(f, peer, i % 3 ? "k" : "other", fence);
        expect_lease(f, CEY, "released", i % 3 ? "k" : "other", i % 2 ? "bob" : "ada");
    }
    assert_int_equal(leases_open(f), 0);
}

static void test_who_asks_again_renews_it_under_the_same_fence(void **state)
{
    struct fixture *f = *state;
    join_all(f);
    json_int_t fence = granted(f, ADA, "ada", "k", 10);
    say(f, ADA, "lease_request", "{'key':'k','ttl_s':20}");
    json_t *lease = expect_lease(f, ADA, "renewed", "k", "ada");
    assert_int_equal(integer_of(lease, "fence"), fence);
    assert_int_equal(integer_of(lease, "ttl_s"), 20);
    assert_string_equal(string_of(lease, "intent"), "to build it"); /* as it was */
    expect_nothing(f, BOB);
    wait_ticking(f, 19000);
    assert_int_equal(leases_open(f), 1);
    wait_ticking(f, 2000);
    assert_int_equal(leases_open(f), 0);
}

static void test_any_sign_of_life_keeps_it_and_silence_ends_it(void **state)
{
    struct fixture *f = *state;
    join_all(f);
    json_int_t fence = granted(f, ADA, "ada", "k", 5);
    wait_heard(f, 60000, ADA);
    assert_int_equal(leases_open(f), 1);
    skip_all(f);
    wait_ticking(f, 3000);
    expect_nothing(f, BOB);
    wait_ticking(f, 2000);
    json_t *lease = expect_lease(f, BOB, "expired", "k", "ada");
    assert_int_equal(integer_of(lease, "fence"), fence);
    assert_null(json_object_get(lease, "in_reply_to"));
    expect_lease(f, ADA, "expired", "k", "ada");
    expect_lease(f, EVE, "expired", "k", "ada");
    assert_int_equal(leases_open(f), 0);
    assert_true(granted(f, BOB, "bob", "k", 5) > fence);
}

static void test_it_outlives_a_reconnect_but_not_an_absence(void **state)
{
    struct fixture *f = *state;
    join_all(f);
    json_int_t fence = granted(f, ADA, "ada", "k", 10);
    leave(f, ADA);
    wait_heard(f, 8000, BOB);
    skip_all(f);
    ask(f, BOB, "k", 10);
    json_t *held = expect_lease(f, BOB, "held", "k", "ada");
    assert_true(json_is_string(json_object_get(held, "expires"))); /* nobody renews it now */
    join(f, FAY, "ada", 2, "");
    wait_heard(f, 8000, FAY);
    ask(f, FAY, "k", 10);
    assert_int_equal(integer_of(expect_lease(f, FAY, "renewed", "k", "ada"), "fence"), fence);
    leave(f, FAY);
    wait_heard(f, 11000, BOB);
    expect_lease(f, BOB, "expired", "k", "ada");
}

static void test_only_its_holder_gives_it_back(void **state)
{
    struct fixture *f = *state;
    join_all(f);
    json_int_t fence = granted(f, ADA, "ada", "k", 60);
    give_back(f, BOB, "k", fence);
    json_t *error = expect_error(f, BOB, "stale_lease");
    assert_string_equal(string_of(error, "holder"), "ada");
    assert_int_equal(integer_of(error, "fence"), fence);
    give_back(f, ADA, "k", fence + 1);
    expect_error(f, ADA, "stale_lease");
    expect_nothing(f, CEY);
    say(f, ADA, "lease_release", "{'key':'k','fence':%lld,'done':true}", (long long)fence);
    json_t *lease = expect_lease(f, CEY, "released", "k", "ada");
    assert_true(json_is_true(json_object_get(lease, "done")));
    assert_string_equal(string_of(lease, "in_reply_to"), last_message_id(f));
    give_back(f, ADA, "k", fence);
    skip_all(f);
    give_back(f, ADA, "k", fence);
    error = expect_error(f, ADA, "stale_lease");
    assert_true(json_is_null(json_object_get(error, "holder")));
}

static void test_an_old_fence_shares_nothing(void **state)
{
    static const struct {
        const char *type, *body;
    } shares[] = {{"pattern_share", "'pattern':{'id':'p'}"},
                  {"code_share", "'code':{'id':'c'}"},
                  {"os_component_share", "'component':{'name':'n'}"},
                  {"workspace_update", "'key':'w','value':1"}};
    struct fixture *f = *state;
    join_all(f);
    const char *session = active_session(f);
    json_int_t old = granted(f, ADA, "ada", "k", 2);
    wait_heard(f, 4000, BOB); /* ada falls silent, and bob goes on */
    json_int_t fence = granted(f, BOB, "bob", "k", 60);
    for (unsigned i = 0; i < sizeof shares / sizeof *shares; i++) {
        char body[128];
        snprintf(body, sizeof body, "%s,'session_id':'%s'", shares[i].body, session);
        say(f, ADA, shares[i].type, "{%s,'lease':{'key':'k','fence':%lld}}", body, (long long)old);
        assert_string_equal(string_of(expect_error(f, ADA, "stale_lease"), "holder"), "bob");
        say(f, ADA, shares[i].type, "{%s,'lease':{'key':'k','fence':%lld}}", body,
            (long long)fence); /* nor is another's */
        expect_error(f, ADA, "stale_lease");
        expect_nothing(f, BOB);
        expect_nothing(f, CEY);
        say(f, BOB, shares[i].type, "{%s,'lease':{'key':'k','fence':%lld}}", body,
            (long long)fence);
        expect(f, ADA, shares[i].type);
        skip_all(f);
        say(f, BOB, shares[i].type, "{%s,'lease':7}", body);
        expect_error(f, BOB, "bad_payload");
        say(f, BOB, shares[i].type, "{%s,'lease':{'key':'k','fence':-1}}", body);
        expect_error(f, BOB, "bad_payload");
        skip_all(f);
    }
    assert_int_equal(hub_count(fixture_hub(f)).patterns, 1);
}

static void test_what_is_no_request_is_refused(void **state)
{
    static const char *const wrong[] = {"{}",
                                        "{'key':'k'}",
                                        "{'key':'','ttl_s':1}",
                                        "{'key':7,'ttl_s':1}",
                                        "{'key':'k','ttl_s':0}",
                                        "{'key':'k','ttl_s':3601}",
                                        "{'key':'k','ttl_s':1.5}",
                                        "{'key':'k','ttl_s':'1'}",
                                        "{'key':'k','ttl_s':1,'intent':7}"};
    struct fixture *f = *state;
    join_all(f);
    for (unsigned i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        say(f, ADA, "lease_request", "%s", wrong[i]);
        expect_error(f, ADA, "bad_payload");
    }
    char key[LEASE_KEY_BYTES_MAX + 2];
    memset(key, 'k', sizeof key - 1);
    key[sizeof key - 1] = '\0';
    ask(f, ADA, key, 1);
    expect_error(f, ADA, "bad_payload");
    key[LEASE_KEY_BYTES_MAX] = '\0';
    ask(f, ADA, key, LEASE_TTL_MAX_S);
    expect_lease(f, ADA, "granted", key, "ada");
    ask(f, DAN, "k", 1);
    expect_error(f, DAN, "forbidden");
    say(f, ADA, "lease_release", "{'key':'k'}");
    expect_error(f, ADA, "bad_payload");
}

static void test_leases_have_bounds(void **state)
{
    struct fixture *f = *state;
    join_all(f);
    unsigned holder = FAY;
    for (unsigned i = 0; i < LEASES_MAX; i++) {
        char name[32];
        snprintf(name, sizeof name, "ai%u", i / LEASES_EACH_MAX);
        if (i % LEASES_EACH_MAX == 0) {
            if (i)
                leave(f, holder++);
            join(f, holder, name, 2, "");
        }
        snprintf(name, sizeof name, "k%u", i);
        ask(f, holder, name, 10);
    }
    assert_int_equal(leases_open(f), LEASES_MAX);
    skip_all(f);
    ask(f, ADA, "one more", 10);
    assert_limit(expect_error(f, ADA, "quota_exceeded"), "leases", "room", LEASES_MAX);
    ask(f, holder, "k4095", 10); /* a renewal needs no room, and to be told no more */
    expect_lease(f, holder, "renewed", "k4095", "ai63");
    ask(f, ADA, "k0", 10);
    expect_lease(f, ADA, "held", "k0", "ai0");
    leave(f, holder);
    wait_heard(f, 11000, ADA); /* who left takes no room for longer than that */
    assert_int_equal(leases_open(f), 0);
    for (unsigned i = 0; i < LEASES_EACH_MAX; i++) {
        char name[32];
        snprintf(name, sizeof name, "k%u", i);
        ask(f, ADA, name, 10);
    }
    skip_all(f);
    ask(f, ADA, "one more", 10);
    assert_limit(expect_error(f, ADA, "quota_exceeded"), "leases", "ai", LEASES_EACH_MAX);
}

static void test_an_observer_is_told_what_is_open(void **state)
{
    struct fixture *f = *state;
    join_all(f);
    json_int_t fence = granted(f, ADA, "ada", "k", 60);
    granted(f, BOB, "bob", "j", 60);
    leave(f, BOB);
    json_t *leases = json_object_get(join(f, FAY, "fay", 2, "'role':'observer'"), "leases");
    assert_int_equal(json_array_size(leases), 2);
    json_t *lease = json_array_get(leases, 0);
    assert_string_equal(names_of(lease), "expires,fence,holder,intent,key,since,ttl_s");
    assert_int_equal(integer_of(lease, "fence"), fence);
    assert_true(json_is_null(json_object_get(lease, "expires")));
    assert_true(json_is_string(json_object_get(json_array_get(leases, 1), "expires")));
}

/* Which it may have forgotten. */
static void test_an_ai_is_told_what_is_its_own(void **state)
{
    struct fixture *f = *state;
    join_all(f);
    json_int_t fence = granted(f, ADA, "ada", "k", 60);
    granted(f, BOB, "bob", "j", 60);
    leave(f, ADA);
    assert_int_equal(json_array_size(json_object_get(join(f, FAY, "fay", 2, ""), "leases")), 0);
    json_t *leases = json_object_get(join(f, ADA, "ada", 2, ""), "leases");
    assert_int_equal(json_array_size(leases), 1);
    assert_string_equal(string_of(json_array_get(leases, 0), "key"), "k");
    assert_int_equal(integer_of(json_array_get(leases, 0), "fence"), fence);
    assert_null(json_object_get(join(f, GUS, "gus", 1, ""), "leases"));
}

static void mute_effect(void *ctx, const struct effect *effect)
{
    (void)ctx;
    (void)effect;
}

static void mute_joined(void *ctx, peer_id peer)
{
    (void)ctx;
    (void)peer;
}

/* A hub that applied the same entries, and that nobody hears. */
static struct hub *replayed(struct fixture *f)
{
    struct hub_config config = fixture_config();
    struct hub_edge edge = fixture_edge(f);
    edge.effect = mute_effect;
    edge.joined = mute_joined;
    struct hub *hub = hub_new(&config, &edge);
    fixture_replay(f, hub);
    return hub;
}

/* An end that was proposed before a renewal, and committed behind it. */
static void test_an_end_that_a_renewal_overtook_does_nothing(void **state)
{
    struct fixture *f = *state;
    join_all(f);
    json_int_t fence = granted(f, ADA, "ada", "k", 60);
    ask(f, ADA, "k", 60);
    json_int_t renewed = integer_of(expect_whole(f, ADA, "lease"), "seq");
    char bytes[64];
    struct entry entry = {.kind = ENTRY_LEASE_END, .time_ms = now(f)};
    struct {
        json_int_t renewed;
        size_t left;
    } ends[] = {{fence, 1}, {renewed + 1, 1}, {renewed, 0}};
    struct hub *hub = replayed(f);
    entry.seq = hub_seq(hub, slice_of("main"));
    for (unsigned i = 0; i < sizeof ends / sizeof *ends; i++) {
        snprintf(bytes, sizeof bytes, "{\"key\":\"k\",\"renewed\":%lld}",
                 (long long)ends[i].renewed);
        entry.seq++;
        entry.bytes = slice_of(bytes);
        hub_apply(hub, slice_of("main"), &entry);
        assert_int_equal(hub_count(hub).leases, ends[i].left);
    }
    hub_free(hub);
}

static void test_a_replay_has_the_same_leases(void **state)
{
    struct fixture *f = *state;
    join_all(f);
    granted(f, ADA, "ada", "k", 5);
    give_back(f, BOB, "j", granted(f, BOB, "bob", "j", 60));
    granted(f, CEY, "cey", "i", 60);
    wait_heard(f, 8000, CEY); /* ada's ends */
    struct hub *hub = replayed(f);
    struct text dumps[2] = {{0}, {0}};
    assert_int_equal(hub_count(hub).leases, 1);
    hub_dump(fixture_hub(f), slice_of("main"), &dumps[0]);
    hub_dump(hub, slice_of("main"), &dumps[1]);
    assert_true(slice_equal(text_slice(&dumps[0]), text_slice(&dumps[1])));
    text_free(&dumps[0]);
    text_free(&dumps[1]);
    hub_free(hub);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LEASE_TEST(test_one_is_granted_it_and_all_of_level_2_hear),
        LEASE_TEST(test_a_fence_rises_and_none_comes_twice),
        LEASE_TEST(test_who_asks_again_renews_it_under_the_same_fence),
        LEASE_TEST(test_any_sign_of_life_keeps_it_and_silence_ends_it),
        LEASE_TEST(test_it_outlives_a_reconnect_but_not_an_absence),
        LEASE_TEST(test_only_its_holder_gives_it_back),
        LEASE_TEST(test_an_old_fence_shares_nothing),
        LEASE_TEST(test_what_is_no_request_is_refused),
        LEASE_TEST(test_leases_have_bounds),
        LEASE_TEST(test_an_observer_is_told_what_is_open),
        LEASE_TEST(test_an_ai_is_told_what_is_its_own),
        LEASE_TEST(test_an_end_that_a_renewal_overtook_does_nothing),
        LEASE_TEST(test_a_replay_has_the_same_leases),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
