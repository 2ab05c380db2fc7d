/* Bounds that take thousands of AIs to reach, on a hub whose effects go nowhere. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "core/hub.h"
#include "log/memory.h"
#include "wire/text.h"

struct world {
    struct hub *hub;
    uint64_t delivered, closed;
    bool secrets_differ;
    uint8_t derived[2][16]; /* the last first and second secret of an entry */
};

static void edge_effect(void *ctx, const struct effect *effect)
{
    struct world *world = ctx;
    for (size_t i = 0; i < effect->seat_count; i++)
        if (effect->seats[i].level >= effect->level &&
            (!effect->skipped || effect->seats[i].member != effect->skipped))
            world->delivered += effect->line.len;
}

static void edge_joined(void *ctx, peer_id peer)
{
    (void)ctx, (void)peer;
}

static void edge_unique(void *ctx, uint8_t ret_bytes[16])
{
    (void)ctx;
    memset(ret_bytes, 0, 16);
}

static struct log edge_open_log(void *ctx, struct slice room, struct commit commit)
{
    (void)ctx, (void)room;
    return log_memory(commit);
}

static void edge_close(void *ctx, peer_id peer, enum close_reason reason)
{
    struct world *world = ctx;
    (void)peer, (void)reason;
    world->closed++;
}

/* Every secret is 32 zeros, unless a test wants them to differ. */
static void edge_derive(void *ctx, struct slice room, uint64_t seq, uint32_t count,
                        uint8_t ret_bytes[16])
{
    struct world *world = ctx;
    (void)room;
    memset(ret_bytes, 0, 16);
    if (!world->secrets_differ)
        return;
    memcpy(ret_bytes, &seq, 6); /* a UUID has bits of its own in bytes 6 and 8 */
    memcpy(ret_bytes + 12, &count, sizeof count);
    if (count < 2)
        memcpy(world->derived[count], ret_bytes, 16);
}

static void edge_sha256(void *ctx, const struct slice *parts, unsigned count,
                        uint8_t ret_digest[32])
{
    (void)ctx, (void)parts, (void)count;
    memset(ret_digest, 0, 32);
}

static int world_new(void **state)
{
    static struct world world;
    struct hub_config config = hub_config_default();
    config.epoch_ms = 0; /* time stands still */
    struct hub_edge edge = {.ctx = &world,
                            .effect = edge_effect,
                            .joined = edge_joined,
                            .close = edge_close,
                            .derive = edge_derive,
                            .identify = edge_derive,
                            .unique = edge_unique,
                            .sha256 = edge_sha256,
                            .open_log = edge_open_log};
    world = (struct world){.hub = hub_new(&config, &edge)};
    hub_start(world.hub, 1000);
    *state = &world;
    return 0;
}

static int world_free(void **state)
{
    struct world *world = *state;
    char why[256] = "";
    int right = hub_recount(world->hub, why, sizeof why);
    hub_free(world->hub);
    if (right < 0)
        print_error("%s\n", why);
    return right;
}

static void hello(struct world *world, peer_id peer, const char *ai_id, const char *payload,
                  const char *target)
{
    char line[512];
    int len = snprintf(line, sizeof line,
                       "{\"message_id\":\"m\",\"sender_id\":\"%s\",\"message_type\":\"hello\","
                       "\"timestamp\":\"t\",\"payload\":{%s},\"target_ai\":\"%s\"}",
                       ai_id, payload, target);
    hub_open(world->hub, peer, 1000);
    hub_line(world->hub, peer, (struct slice){line, (size_t)len}, 1000);
}

static void come_and_go(struct world *world, unsigned count)
{
    char ai_id[32];
    for (unsigned i = 0; i < count; i++) {
        peer_id peer = (peer_id)(i + 1) << 32 | 2;
        snprintf(ai_id, sizeof ai_id, "d%u", i);
        hello(world, peer, ai_id, "", "");
        hub_gone(world->hub, peer, CLOSE_PEER_CLOSED, 1000);
    }
}

static void those_longest_gone_are_forgotten(void **state)
{
    struct world *world = *state;
    static const char line[] =
        "{\"message_id\":\"n\",\"sender_id\":\"a\",\"message_type\":\"chat\","
        "\"timestamp\":\"t\",\"payload\":{},\"target_ai\":null}";
    char why[256] = "";
    hello(world, (peer_id)1 << 32 | 1, "a", "\"protocol\":2,\"acks\":true", "");
    hub_line(world->hub, (peer_id)1 << 32 | 1, slice_of(line), 1000);
    hub_gone(world->hub, (peer_id)1 << 32 | 1, CLOSE_PEER_CLOSED, 1000);
    come_and_go(world, MEMBERS_REMEMBERED_MAX + 10);
    assert_int_equal(hub_count(world->hub).remembered, MEMBERS_REMEMBERED_MAX);
    assert_int_equal(hub_count(world->hub).members, 0);
    assert_int_equal(hub_recount(world->hub, why, sizeof why), 0); /* nor what they said */
}

/* The hello's target is the one longest gone, and the taker's old self would be one more than
 * are remembered. */
static void a_takeover_does_not_forget_its_own_target(void **state)
{
    struct world *world = *state;
    hello(world, (peer_id)1 << 32 | 1, "victim", "\"protocol\":2", "");
    come_and_go(world, MEMBERS_REMEMBERED_MAX);
    uint64_t before = world->delivered;
    hello(world, (peer_id)1 << 32 | 3, "victim",
          "\"protocol\":2,\"resume_token\":\"00000000000000000000000000000000\"", "d0");
    assert_int_equal(world->closed, 1);
    assert_true(world->delivered > before);
    assert_int_equal(hub_count(world->hub).members, 1);
    assert_int_equal(hub_count(world->hub).remembered, MEMBERS_REMEMBERED_MAX);
}

static void rooms_end_somewhere(void **state)
{
    struct world *world = *state;
    char payload[64], ai_id[32];
    for (unsigned i = 0; i < ROOMS_MAX + 5; i++) {
        snprintf(payload, sizeof payload, "\"protocol\":2,\"room\":\"r%u\"", i);
        snprintf(ai_id, sizeof ai_id, "a%u", i);
        hello(world, (peer_id)1 << 32 | (i + 1), ai_id, payload, "");
    }
    assert_int_equal(hub_count(world->hub).rooms, ROOMS_MAX);
    assert_int_equal(hub_count(world->hub).members, ROOMS_MAX - 1); /* `main` is empty */
    assert_int_equal(hub_count(world->hub).refused, 6);
}

static void say(struct world *world, peer_id peer, const char *ai_id, const char *type,
                const char *payload)
{
    char line[512];
    int len = snprintf(line, sizeof line,
                       "{\"message_id\":\"m\",\"sender_id\":\"%s\",\"message_type\":\"%s\","
                       "\"timestamp\":\"t\",\"payload\":{%s}}",
                       ai_id, type, payload);
    hub_line(world->hub, peer, (struct slice){line, (size_t)len}, 1000);
}

static void share_many(struct world *world, peer_id peer, const char *ai_id, unsigned count)
{
    char payload[128];
    for (unsigned i = 0; i < count; i++) {
        snprintf(payload, sizeof payload, "\"pattern\":{\"id\":\"%s-%u\"}", ai_id, i);
        say(world, peer, ai_id, "pattern_share", payload);
    }
}

/* One AI fills its share of the entries, eight fill the room; what is there can be reported on. */
static void entries_are_shared_out(void **state)
{
    enum { EACH = KNOWLEDGE_ENTRIES_MAX / KNOWLEDGE_SHARES };
    struct world *world = *state;
    char ai_id[32];
    for (unsigned i = 0; i <= KNOWLEDGE_SHARES; i++) {
        snprintf(ai_id, sizeof ai_id, "b%u", i);
        hello(world, (peer_id)1 << 32 | (i + 1), ai_id, "", "");
    }
    share_many(world, (peer_id)1 << 32 | 1, "b0", EACH + 1);
    assert_int_equal(hub_count(world->hub).refused, 1);
    share_many(world, (peer_id)1 << 32 | 1, "b0", EACH); /* what is there can change */
    assert_int_equal(hub_count(world->hub).refused, 1);
    for (unsigned i = 1; i < KNOWLEDGE_SHARES; i++) {
        snprintf(ai_id, sizeof ai_id, "b%u", i);
        share_many(world, (peer_id)1 << 32 | (i + 1), ai_id, EACH);
    }
    assert_int_equal(hub_count(world->hub).refused, 1);
    assert_int_equal(hub_count(world->hub).patterns, KNOWLEDGE_ENTRIES_MAX);
    share_many(world, (peer_id)1 << 32 | (KNOWLEDGE_SHARES + 1), "b8", 1);
    assert_int_equal(hub_count(world->hub).refused, 2);
    say(world, (peer_id)1 << 32 | (KNOWLEDGE_SHARES + 1), "b8", "performance_report",
        "\"component_id\":\"b0-7\",\"performance\":{\"score\":1}");
    assert_int_equal(hub_count(world->hub).refused, 2);
    assert_int_equal(hub_count(world->hub).benchmarks, 1);
}

static uint64_t seq_now(struct world *world, const char *room)
{
    struct text dump = {0};
    hub_dump(world->hub, slice_of(room), &dump);
    uint64_t seq = 0;
    assert_int_equal(json_u64(json_get(json_value_of(text_slice(&dump)), "seq"), &seq), 0);
    text_free(&dump);
    return seq;
}

static void come_and_go_to(struct world *world, const char *room, const char *then)
{
    static uint32_t generation;
    char payload[64];
    peer_id peer = (peer_id)++generation << 32 | 7;
    snprintf(payload, sizeof payload, "\"protocol\":2,\"room\":\"%s\"", room);
    hello(world, peer, "ada", payload, "");
    if (then)
        hub_line(world->hub, peer, slice_of(then), 1000);
    hub_gone(world->hub, peer, CLOSE_PEER_CLOSED, 1000);
}

/* Names that somebody tried once cost nobody a room: one in which nobody is and nothing is known
 * makes place. */
static void empty_rooms_make_place(void **state)
{
    struct world *world = *state;
    char room[32];
    for (unsigned i = 0; i < 3 * ROOMS_MAX; i++) {
        snprintf(room, sizeof room, "r%u", i);
        come_and_go_to(world, room, NULL);
        assert_int_equal(hub_count(world->hub).refused, 0);
    }
    assert_int_equal(hub_count(world->hub).rooms, ROOMS_MAX);
    struct text dump = {0};
    hub_dump(world->hub, slice_of("main"), &dump);
    assert_false(slice_is(text_slice(&dump), "null")); /* it is never let go */
    text_free(&dump);
}

/* A room in which something is known stays; so does one in which somebody is. */
static void rooms_that_are_used_stay(void **state)
{
    static const char share[] =
        "{\"message_id\":\"m\",\"sender_id\":\"ada\",\"message_type\":\"pattern_share\","
        "\"timestamp\":\"t\",\"payload\":{\"pattern\":{\"id\":\"p\"}}}";
    static const char report[] =
        "{\"message_id\":\"m\",\"sender_id\":\"ada\",\"message_type\":\"performance_report\","
        "\"timestamp\":\"t\",\"payload\":{\"component_id\":\"x\",\"performance\":{}}}";
    struct world *world = *state;
    char room[32];
    hello(world, (peer_id)1 << 32 | 1, "bob", "\"protocol\":2,\"room\":\"bobs\"", "");
    for (unsigned i = 0; i < ROOMS_MAX - 3; i++) {
        snprintf(room, sizeof room, "r%u", i);
        come_and_go_to(world, room, i % 2 ? share : report);
    }
    come_and_go_to(world, "empty", NULL);
    assert_int_equal(hub_count(world->hub).rooms, ROOMS_MAX);
    uint64_t before = seq_now(world, "empty");
    come_and_go_to(world, "new", share); /* in the place of the empty one */
    assert_int_equal(hub_count(world->hub).refused, 0);
    assert_true(seq_now(world, "new") > before); /* no secret is derived from one seq twice */
    come_and_go_to(world, "one too many", NULL);
    assert_int_equal(hub_count(world->hub).refused, 1);
    assert_int_equal(hub_count(world->hub).rooms, ROOMS_MAX);
    assert_int_equal(hub_count(world->hub).members, 1);
}

static void fill_with_sessions(struct world *world, unsigned ais)
{
    char ai_id[32];
    for (unsigned i = 0; i < ais; i++) {
        snprintf(ai_id, sizeof ai_id, "s%u", i);
        hello(world, (peer_id)1 << 32 | (i + 10), ai_id,
              i == 1 ? "\"protocol\":2,\"stays_s\":60" : "\"protocol\":2", "");
        for (unsigned k = 0; k < SESSIONS_LIVE_EACH_MAX; k++)
            say(world, (peer_id)1 << 32 | (i + 10), ai_id, "collaboration_request", "");
    }
}

/* Sessions that wait for nobody's answer any more keep nobody from one: the oldest goes first. */
static void requests_of_who_left_make_place(void **state)
{
    enum { AIS = SESSIONS_LIVE_MAX / SESSIONS_LIVE_EACH_MAX };
    struct world *world = *state;
    peer_id ada = (peer_id)1 << 32 | 1, bob = (peer_id)1 << 32 | 2;
    world->secrets_differ = true;
    hello(world, ada, "ada", "\"protocol\":2", "");
    hello(world, bob, "bob", "\"protocol\":2", "");
    fill_with_sessions(world, AIS);
    assert_int_equal(hub_count(world->hub).sessions_live, SESSIONS_LIVE_MAX);
    say(world, ada, "ada", "collaboration_request", "");
    assert_int_equal(hub_count(world->hub).refused, 1); /* all of them are waited for */
    hub_gone(world->hub, (peer_id)1 << 32 | 11, CLOSE_PEER_CLOSED, 1000);
    say(world, ada, "ada", "collaboration_request", "");
    assert_int_equal(hub_count(world->hub).refused, 2); /* it is away, and comes back */
    hub_gone(world->hub, (peer_id)1 << 32 | 10, CLOSE_PEER_CLOSED, 1000);
    for (unsigned i = 0; i < SESSIONS_LIVE_EACH_MAX; i++)
        say(world, i % 2 ? ada : bob, i % 2 ? "ada" : "bob", "collaboration_request", "");
    assert_int_equal(hub_count(world->hub).refused, 2);
    assert_int_equal(hub_count(world->hub).sessions_live, SESSIONS_LIVE_MAX);
    assert_int_equal(hub_count(world->hub).sessions_ended, SESSIONS_LIVE_EACH_MAX);
    say(world, ada, "ada", "collaboration_request", "");
    assert_int_equal(hub_count(world->hub).refused, 3); /* and all are again */
}

/* An entry of a few MiB of reports is known, and costs a newcomer's hello nothing. */
static void reports_on_one_component_are_bounded_in_bytes(void **state)
{
    struct world *world = *state;
    static char line[(1 << 20) + 512];
    peer_id peer = (peer_id)1 << 32 | 1;
    hello(world, peer, "eve", "", "");
    int len = snprintf(
        line, sizeof line,
        "{\"message_id\":\"m\",\"sender_id\":\"eve\",\"message_type\":\"performance_report\","
        "\"timestamp\":\"t\",\"payload\":{\"component_id\":\"c\",\"performance\":{\"x\":\"");
    memset(line + len, 'x', 1000000);
    len += 1000000;
    len += snprintf(line + len, 16, "\"}}}");
    for (int i = 0; i < 20; i++)
        hub_line(world->hub, peer, (struct slice){line, (size_t)len}, 1000);
    struct hub_counts counts = hub_count(world->hub);
    assert_int_equal(counts.refused, 0);
    assert_int_equal(counts.benchmarks, 1);
    assert_in_range(counts.knowledge_bytes, 3000000, REPORTS_BYTES_EACH_MAX + 4096);
    uint64_t before = world->delivered;
    hello(world, (peer_id)1 << 32 | 2, "ada", "", "");
    assert_true(world->delivered - before < 4096);
}

/* They are said again to everyone who is asked. */
static void requirements_are_bounded(void **state)
{
    struct world *world = *state;
    static char line[REQUIREMENTS_BYTES_MAX + 512], text[REQUIREMENTS_BYTES_MAX];
    peer_id peer = (peer_id)1 << 32 | 1;
    hello(world, peer, "eve", "", "");
    memset(text, 'x', sizeof text);
    for (unsigned more = 0; more < 2; more++) {
        int len = snprintf(line, sizeof line,
                           "{\"message_id\":\"m\",\"sender_id\":\"eve\",\"message_type\":"
                           "\"feature_request\",\"timestamp\":\"t\",\"payload\":{\"feature\":\"f\","
                           "\"requirements\":{\"a\":\"%.*s\"}}}",
                           (int)(REQUIREMENTS_BYTES_MAX - strlen("{'a':''}") + more), text);
        hub_line(world->hub, peer, (struct slice){line, (size_t)len}, 1000);
        assert_int_equal(hub_count(world->hub).refused, more);
    }
}

static void commitment(struct world *world, peer_id peer, const char *ai_id, unsigned number)
{
    char line[512];
    int len =
        snprintf(line, sizeof line,
                 "{\"message_id\":\"m\",\"sender_id\":\"%s\",\"message_type\":\"commitment\","
                 "\"timestamp\":\"t\",\"payload\":{\"subject\":\"s\",\"subject_version\":\"1\","
                 "\"sha256\":\"%064x\"}}",
                 ai_id, number);
    hub_line(world->hub, peer, (struct slice){line, (size_t)len}, 1000);
}

/* Bytes of the ledger: each AI commits itself so often, and leaves. */
static size_t ledger_bytes(struct world *world, unsigned ais, unsigned commitments)
{
    char ai_id[32];
    world->secrets_differ = true;
    for (unsigned i = 0; i < ais; i++) {
        peer_id peer = (peer_id)(i + 1) << 32 | 7;
        snprintf(ai_id, sizeof ai_id, "c%07u", i);
        hello(world, peer, ai_id, "\"protocol\":2", "");
        for (unsigned k = 0; k < commitments; k++)
            commitment(world, peer, ai_id, k);
        hub_gone(world->hub, peer, CLOSE_PEER_CLOSED, 1000);
    }
    assert_int_equal(hub_count(world->hub).refused, 0);
    return hub_count(world->hub).knowledge_bytes;
}

static void commitments_end_somewhere(void **state)
{
    struct world *world = *state;
    size_t full = ledger_bytes(world, COMMITMENTS_MAX / COMMITMENTS_EACH_MAX, COMMITMENTS_EACH_MAX);
    assert_in_range(full / COMMITMENTS_MAX, 384, 512);
    hello(world, (peer_id)1 << 32 | 9, "late", "\"protocol\":2", "");
    commitment(world, (peer_id)1 << 32 | 9, "late", 1);
    size_t more = hub_count(world->hub).knowledge_bytes - full; /* an account, no commitment */
    assert_in_range(more, 1, 383);
    commitment(world, (peer_id)1 << 32 | 9, "late", 2);
    assert_int_equal(hub_count(world->hub).knowledge_bytes, full + more);
}

/* Commits to no parameters of this subject: of them there is but one digest in this world. */
static void commit_to_subject(struct world *world, peer_id peer, const char *ai_id,
                              unsigned subject)
{
    char line[512];
    int len =
        snprintf(line, sizeof line,
                 "{\"message_id\":\"m\",\"sender_id\":\"%s\",\"message_type\":\"commitment\","
                 "\"timestamp\":\"t\",\"payload\":{\"subject\":\"%u\",\"subject_version\":\"1\","
                 "\"sha256\":\"%064d\"}}",
                 ai_id, subject, 0);
    hub_line(world->hub, peer, (struct slice){line, (size_t)len}, 1000);
}

/* Claims with the commitment whose secrets these are. */
static void claim_subject(struct world *world, peer_id peer, const char *ai_id, unsigned subject,
                          uint8_t secrets[2][16])
{
    char line[1024], id[UUID_SIZE], nonce[33];
    uuid_format(secrets[0], id);
    hex_format(secrets[1], sizeof secrets[1], nonce);
    int len = snprintf(line, sizeof line,
                       "{\"message_id\":\"m\",\"sender_id\":\"%s\",\"message_type\":"
                       "\"measurement\",\"timestamp\":\"t\",\"payload\":{"
                       "\"commitment_id\":\"%s\",\"ratio\":0.5}}",
                       ai_id, id);
    hub_line(world->hub, peer, (struct slice){line, (size_t)len}, 1000);
    len = snprintf(line, sizeof line,
                   "{\"message_id\":\"m\",\"sender_id\":\"%s\",\"message_type\":"
                   "\"pattern_share\",\"timestamp\":\"t\",\"payload\":{\"pattern\":{"
                   "\"id\":\"%s\",\"commitment_id\":\"%s\",\"nonce\":\"%s\",\"subject\":"
                   "\"%u\",\"subject_version\":\"1\",\"parameters\":{},"
                   "\"seeds\":64}}}",
                   ai_id, ai_id, id, nonce, subject);
    hub_line(world->hub, peer, (struct slice){line, (size_t)len}, 1000);
}

/* A room that keeps nothing but commitments that were claimed with: those who commit now don't
 * push out each other's. */
static void claimed_commitments_leave_room_for_others(void **state)
{
    struct world *world = *state;
    peer_id early = (peer_id)1 << 32 | 1, late = (peer_id)1 << 32 | 2;
    uint8_t secrets[2][16];
    char ai_id[32];
    world->secrets_differ = true;
    hello(world, early, "early", "\"protocol\":2", "");
    hello(world, late, "late", "\"protocol\":2", "");
    for (unsigned i = 0; i < COMMITMENTS_MAX / COMMITMENTS_EACH_MAX; i++) {
        peer_id peer = (peer_id)1 << 32 | (i + 3);
        snprintf(ai_id, sizeof ai_id, "c%u", i);
        hello(world, peer, ai_id, "\"protocol\":2", "");
        for (unsigned k = 0; k < COMMITMENTS_EACH_MAX; k++) {
            commit_to_subject(world, peer, ai_id, k);
            claim_subject(world, peer, ai_id, k, world->derived);
        }
    }
    assert_int_equal(hub_count(world->hub).refused, 0);
    commit_to_subject(world, early, "early", 1);
    memcpy(secrets, world->derived, sizeof secrets);
    commit_to_subject(world, late, "late", 1);
    claim_subject(world, early, "early", 1, secrets);
    assert_int_equal(hub_count(world->hub).refused, 0);
}

static void accounts_end_somewhere(void **state)
{
    struct world *world = *state;
    size_t full = ledger_bytes(world, ACCOUNTS_MAX, 1);
    hello(world, (peer_id)1 << 32 | 9, "late_one", "\"protocol\":2", "");
    commitment(world, (peer_id)1 << 32 | 9, "late_one", 1);
    assert_int_equal(hub_count(world->hub).knowledge_bytes, full);
}

int main(void)
{
#define WORLD_TEST(name) cmocka_unit_test_setup_teardown(name, world_new, world_free)
    const struct CMUnitTest tests[] = {
        WORLD_TEST(those_longest_gone_are_forgotten),
        WORLD_TEST(a_takeover_does_not_forget_its_own_target),
        WORLD_TEST(rooms_end_somewhere),
        WORLD_TEST(entries_are_shared_out),
        WORLD_TEST(requests_of_who_left_make_place),
        WORLD_TEST(empty_rooms_make_place),
        WORLD_TEST(rooms_that_are_used_stay),
        WORLD_TEST(requirements_are_bounded),
        WORLD_TEST(commitments_end_somewhere),
        WORLD_TEST(claimed_commitments_leave_room_for_others),
        WORLD_TEST(accounts_end_somewhere),
        WORLD_TEST(reports_on_one_component_are_bounded_in_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
