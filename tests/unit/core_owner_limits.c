/* What one token may do at the most, over all that show it: with an injected clock, and limits that
 * change meanwhile. */
#include "core_fixture.h"

#include <stdlib.h>
#include <string.h>

#include "core/state.h"

#define LIMITS_TEST(name) cmocka_unit_test_setup_teardown(name, setup, fixture_teardown)

/* A token is its owner's name; alice's has these limits, others have the hub's. */
static struct quota alices;

static int ask(void *ctx, const struct hub_login *login, struct hub_pass *ret_pass,
               struct refusal *ret_refusal)
{
    (void)ctx;
    if (!login->shows)
        return refuse(ret_refusal, WIRE_UNAUTHORIZED, "none");
    *ret_pass = (struct hub_pass){.owner = slice_is(login->token, "alice")   ? slice_of("alice")
                                           : slice_is(login->token, "carol") ? slice_of("carol")
                                                                             : slice_of("bert")};
    if (slice_is(login->token, "alice"))
        ret_pass->quota = alices;
    return 0;
}

static int setup(void **state)
{
    int error = fixture_setup(state);
    memset(&alices, 0, sizeof alices);
    fixture_let_in(*state, ask);
    return error;
}

static void enter(struct fixture *f, unsigned peer, const char *id, const char *owner)
{
    char members[64];
    snprintf(members, sizeof members, "'token':'%s'", owner);
    join(f, peer, id, 2, members);
}

/* It names the limit, whose it is, its value, and when it is free again. */
static void expect_limit(struct fixture *f, unsigned peer, const char *code, const char *limit,
                         double most, int64_t wait_ms)
{
    json_t *error = expect_error(f, peer, code);
    assert_limit(error, limit, "token", most);
    if (wait_ms)
        assert_int_equal(integer_of(error, "retry_after_ms"), wait_ms);
    else
        assert_null(json_object_get(error, "retry_after_ms"));
    assert_non_null(strstr(string_of(error, "detail"), "alice"));
}

static void change(struct fixture *f, unsigned peer)
{
    const struct hub_pass pass = {.quota = alices};
    hub_set_pass(fixture_hub(f), (peer_id)1 << 32 | peer, &pass);
}

static void test_connections_of_a_token_share_its_rate(void **state)
{
    struct fixture *f = *state;
    alices.most[LIMIT_RATE] = 4;
    enter(f, ADA, "ada", "alice"); /* their hellos count */
    enter(f, BOB, "bob", "alice");
    enter(f, CEY, "cey", "carol");
    for (unsigned i = 0; i < 6; i++) {
        say(f, i % 2 ? ADA : BOB, "chat", "{'text':'x'}");
        expect_relayed(f, CEY);
    }
    skip_all(f);
    say(f, ADA, "chat", "{'text':'x'}");
    expect_limit(f, ADA, "rate_limited", "rate", 4, 250);
    say(f, BOB, "heartbeat", "{}");
    expect_limit(f, BOB, "rate_limited", "rate", 4, 250);
    expect_nothing(f, CEY);
    for (unsigned i = 0; i < 20; i++) { /* the other token's owner has no such limit */
        say(f, CEY, "chat", "{'text':'y'}");
        expect_relayed(f, BOB);
    }
    pass(f, 249);
    say(f, BOB, "chat", "{'text':'x'}");
    expect_limit(f, BOB, "rate_limited", "rate", 4, 1);
    pass(f, 1);
    say(f, BOB, "chat", "{'text':'x'}");
    expect_relayed(f, CEY);
}

static void test_bytes_are_limited_as_messages_are(void **state)
{
    struct fixture *f = *state;
    alices.most[LIMIT_RATE_BYTES] = 1000;
    enter(f, ADA, "ada", "alice");
    enter(f, BOB, "bob", "alice");
    enter(f, CEY, "cey", "carol");
    size_t hellos = 0;
    say(f, ADA, "chat", "{'text':'%01000d'}", 0);
    expect_relayed(f, CEY);
    hellos = strlen(last_line(f));                /* what is said below is as long */
    say(f, BOB, "chat", "{'text':'%04000d'}", 0); /* over the brim: one line may be */
    expect_relayed(f, CEY);
    assert_in_range(hellos, 1000, 1200);
    say(f, ADA, "chat", "{'text':'x'}");
    json_t *error = expect(f, ADA, "error");
    assert_string_equal(string_of(error, "limit"), "rate_bytes");
    assert_number(number_of(error, "most"), 1000);
    json_int_t wait = integer_of(error, "retry_after_ms");
    assert_in_range(wait, 3000, 5000); /* 5,000 and some, of which 2,000 may come at once */
    pass(f, wait - 1);
    say(f, BOB, "chat", "{'text':'x'}");
    expect(f, BOB, "error");
    pass(f, 1);
    say(f, ADA, "chat", "{'text':'x'}");
    expect_relayed(f, CEY);
    skip_all(f);
    say(f, CEY, "chat", "{'text':'%060000d'}", 0);
    expect_relayed(f, BOB);
}

static void test_so_many_connections_and_no_more(void **state)
{
    struct fixture *f = *state;
    alices.most[LIMIT_CONNECTIONS] = 2;
    enter(f, ADA, "ada", "alice");
    enter(f, BOB, "bob", "alice");
    enter(f, CEY, "cey", "carol");
    open_peer(f, DAN);
    say_hello(f, DAN, "dan", "{'token':'alice'}");
    expect_limit(f, DAN, "quota_exceeded", "connections", 2, 0);
    expect_closed(f, DAN, CLOSE_QUOTA_EXCEEDED);
    expect_no(f, CEY, "hello");
    enter(f, EVE, "eve", "carol");
    leave(f, BOB);
    enter(f, DAN, "dan", "alice");
    say_hello(f, DAN, "dan", "{'specialization':'audio'}"); /* it is there already */
    expect(f, DAN, "training_sync");
}

/* Who comes back before the hub has missed its old connection takes that one's place. */
static void test_a_takeover_is_no_further_connection(void **state)
{
    struct fixture *f = *state;
    char hello[160];
    alices.most[LIMIT_CONNECTIONS] = 1;
    json_t *sync = join(f, ADA, "ada", 2, "'token':'alice'");
    snprintf(hello, sizeof hello, "'token':'alice','resume_token':'%s'",
             string_of(sync, "resume_token"));
    join(f, BOB, "ada", 2, hello);
    expect_closed(f, ADA, CLOSE_TAKEN_OVER);
    open_peer(f, CEY);
    say_hello(f, CEY, "ada", "{'token':'alice','resume_token':'%032d'}", 0);
    expect_limit(f, CEY, "quota_exceeded", "connections", 1, 0);
    join(f, DAN, "dan", 2, "'token':'carol'");
    sync = join(f, EVE, "eve", 2, "'token':'carol'");
    open_peer(f, FAY); /* nor in the place of another owner's */
    say_hello(f, FAY, "eve", "{'token':'alice','protocol':2,'resume_token':'%s'}",
              string_of(sync, "resume_token"));
    expect_limit(f, FAY, "quota_exceeded", "connections", 1, 0);
}

static void test_limits_change_while_connected(void **state)
{
    struct fixture *f = *state;
    alices.most[LIMIT_RATE_BYTES] = 1e9;
    enter(f, ADA, "ada", "alice");
    enter(f, BOB, "bob", "alice");
    enter(f, CEY, "cey", "carol");
    for (unsigned i = 0; i < 50; i++)
        say(f, ADA, "chat", "{'text':'x'}");
    skip_all(f);
    alices.most[LIMIT_RATE] = 1;
    alices.most[LIMIT_CONNECTIONS] = 1;
    change(f, ADA);
    expect_open(f, BOB);                 /* who is there may stay */
    say(f, ADA, "chat", "{'text':'x'}"); /* there was no limit before: nothing is in the bucket */
    expect_relayed(f, CEY);
    say(f, BOB, "chat", "{'text':'x'}");
    say(f, ADA, "chat", "{'text':'x'}");
    expect(f, ADA, "chat");
    expect_limit(f, ADA, "rate_limited", "rate", 1, 1000);
    open_peer(f, DAN);
    say_hello(f, DAN, "dan", "{'token':'alice'}");
    expect_limit(f, DAN, "quota_exceeded", "connections", 1, 0);
    alices.most[LIMIT_RATE] = 100;
    change(f, BOB);
    skip_all(f);
    say(f, ADA, "chat", "{'text':'x'}");
    expect_relayed(f, CEY);
    memset(&alices, 0, sizeof alices);
    change(f, BOB);
    for (unsigned i = 0; i < 500; i++)
        say(f, ADA, "chat", "{'text':'x'}");
    expect_nothing(f, ADA);
}

static void test_a_limit_that_was_lifted_is_forgotten(void **state)
{
    struct fixture *f = *state;
    alices = (struct quota){{1, 1e9, 0}};
    enter(f, ADA, "ada", "alice");
    say(f, ADA, "chat", "{'text':'x'}");
    say(f, ADA, "chat", "{'text':'x'}");
    expect_limit(f, ADA, "rate_limited", "rate", 1, 1000);
    alices.most[LIMIT_RATE] = 0;
    change(f, ADA);
    say(f, ADA, "chat", "{'text':'x'}");
    alices.most[LIMIT_RATE] = 1;
    change(f, ADA);
    say(f, ADA, "chat", "{'text':'x'}");
    say(f, ADA, "chat", "{'text':'x'}");
    expect_nothing(f, ADA);
    say(f, ADA, "chat", "{'text':'x'}");
    expect_limit(f, ADA, "rate_limited", "rate", 1, 1000);
}

/* Whoever comes back finds its bucket as it left it, until that is empty by itself. */
static void test_reconnecting_empties_no_bucket(void **state)
{
    struct fixture *f = *state;
    alices.most[LIMIT_RATE] = 2;
    enter(f, ADA, "ada", "alice");
    for (unsigned i = 0; i < 3; i++)
        say(f, ADA, "chat", "{'text':'x'}");
    leave(f, ADA);
    wait_ticking(f, 1000); /* two of four are gone */
    enter(f, BOB, "bob", "alice");
    say(f, BOB, "chat", "{'text':'x'}");
    expect_nothing(f, BOB);
    say(f, BOB, "chat", "{'text':'x'}");
    expect_limit(f, BOB, "rate_limited", "rate", 2, 500);
    open_peer(f, ADA); /* a hello counts, and may be said again */
    say_hello(f, ADA, "ada", "{'protocol':2,'token':'alice'}");
    expect_limit(f, ADA, "rate_limited", "rate", 2, 500);
    expect_open(f, ADA);
    pass(f, 500);
    say_hello(f, ADA, "ada", "{'protocol':2,'token':'alice'}");
    expect(f, ADA, "training_sync");
    leave(f, ADA);
    leave(f, BOB);
    wait_ticking(f, 10000);
    enter(f, ADA, "ada", "alice");
    for (unsigned i = 0; i < 3; i++)
        say(f, ADA, "chat", "{'text':'x'}");
    expect_nothing(f, ADA);
    say(f, ADA, "chat", "{'text':'x'}");
    expect_limit(f, ADA, "rate_limited", "rate", 2, 500);
}

static void test_the_hub_has_limits_for_those_without(void **state)
{
    struct hub_config config = fixture_config();
    (void)state;
    config.owner.most[LIMIT_RATE] = 1;
    config.owner.most[LIMIT_CONNECTIONS] = 1;
    struct fixture *f = fixture_new(&config);
    fixture_let_in(f, ask);
    memset(&alices, 0, sizeof alices);
    alices.most[LIMIT_RATE] = 100;
    enter(f, ADA, "ada", "alice");
    enter(f, CEY, "cey", "carol");
    for (unsigned i = 0; i < 100; i++)
        say(f, ADA, "chat", "{'text':'x'}");
    expect_nothing(f, ADA);
    say(f, CEY, "chat", "{'text':'x'}");
    skip_all(f);
    say(f, CEY, "chat", "{'text':'x'}");
    json_t *error = expect_error(f, CEY, "rate_limited");
    assert_non_null(strstr(string_of(error, "detail"), "carol"));
    open_peer(f, BOB);
    say_hello(f, BOB, "bob", "{'token':'alice'}");
    expect_limit(f, BOB, "quota_exceeded", "connections", 1, 0);
    fixture_free(f);
}

/* Another token may be shown until one of the connection's hellos was taken. */
static void test_a_connection_counts_for_one_owner(void **state)
{
    struct fixture *f = *state;
    alices.most[LIMIT_CONNECTIONS] = 1;
    open_peer(f, ADA);
    say_hello(f, ADA, "ada", "{'token':'alice','capabilities':7}");
    expect_error(f, ADA, "bad_payload");
    say_hello(f, ADA, "ada", "{'token':'carol'}");
    expect(f, ADA, "training_sync");
    enter(f, BOB, "bob", "alice");
    open_peer(f, CEY);
    say_hello(f, CEY, "cey", "{'token':'alice'}");
    expect_limit(f, CEY, "quota_exceeded", "connections", 1, 0);
}

/* ── what is kept ── */

static void share(struct fixture *f, unsigned peer, const char *id, int filling)
{
    say(f, peer, "pattern_share", "{'pattern':{'id':'%s','x':'%0*d'}}", id, filling, 0);
}

static void expect_taken(struct fixture *f, unsigned peer)
{
    expect_nothing(f, peer);
    skip_all(f);
}

static void test_all_ids_of_a_token_share_its_entries(void **state)
{
    struct fixture *f = *state;
    alices.most[LIMIT_ENTRIES] = 3;
    enter(f, ADA, "ada", "alice");
    enter(f, CEY, "cey", "carol");
    share(f, ADA, "a1", 1);
    skip_all(f);
    join(f, BOB, "bob", 2, "'token':'alice','room':'lab'");
    share(f, BOB, "b1", 1); /* in another room, under another id */
    share(f, BOB, "b2", 1);
    expect_taken(f, BOB);
    share(f, ADA, "a2", 1);
    expect_limit(f, ADA, "quota_exceeded", "entries", 3, 0);
    expect_nothing(f, CEY);
    share(f, ADA, "a1", 2); /* what is there may change */
    say(f, ADA, "performance_report", "{'component_id':'a9','performance':{'score':1}}");
    expect_taken(f, ADA); /* and a report is no entry */
    leave(f, BOB);
    enter(f, DAN, "dan", "alice"); /* nor does another id begin anew */
    share(f, DAN, "d1", 1);
    expect_limit(f, DAN, "quota_exceeded", "entries", 3, 0);
    for (unsigned i = 0; i < 20; i++) {
        char id[8];
        snprintf(id, sizeof id, "c%u", i);
        share(f, CEY, id, 1);
    }
    expect_taken(f, CEY);
    alices.most[LIMIT_ENTRIES] = 4;
    change(f, ADA);
    share(f, DAN, "d1", 1);
    expect_taken(f, DAN);
    share(f, ADA, "a2", 1);
    expect_limit(f, ADA, "quota_exceeded", "entries", 4, 0);
    alices.most[LIMIT_ENTRIES] = 1;
    alices.most[LIMIT_KNOWLEDGE] = 100;
    change(f, ADA);
    share(f, ADA, "a1", 1); /* under limits that are below what is there, too */
    expect_taken(f, ADA);
}

static void test_bytes_of_knowledge_are_counted_with_reports(void **state)
{
    struct fixture *f = *state;
    alices.most[LIMIT_KNOWLEDGE] = 4000;
    enter(f, ADA, "ada", "alice");
    enter(f, BOB, "bob", "alice");
    enter(f, CEY, "cey", "carol");
    share(f, ADA, "a1", 1500);
    share(f, BOB, "b1", 1000);
    expect_taken(f, CEY + 10);
    share(f, ADA, "a2", 1000);
    expect_limit(f, ADA, "quota_exceeded", "knowledge", 4000, 0);
    say(f, ADA, "performance_report", "{'component_id':'c1','performance':{'x':'%01000d'}}", 0);
    expect_limit(f, ADA, "quota_exceeded", "knowledge", 4000, 0);
    share(f, ADA, "a1", 10); /* what shrinks always may */
    share(f, BOB, "b2", 1000);
    expect_taken(f, ADA + 10);
    share(f, CEY, "c1", 5000);
    expect_nothing(f, CEY);
}

/* What an AI has goes with it to the owner whose token it shows. */
static void test_what_an_ai_has_is_its_owners(void **state)
{
    struct fixture *f = *state;
    alices.most[LIMIT_ENTRIES] = 2;
    enter(f, ADA, "ada", "alice");
    enter(f, BOB, "bob", "alice");
    share(f, ADA, "a1", 1);
    share(f, BOB, "b1", 1);
    leave(f, BOB);
    skip_all(f);
    share(f, ADA, "a2", 1);
    expect_limit(f, ADA, "quota_exceeded", "entries", 2, 0);
    /* An id is its owner's while it is away: what it has is nobody else's. */
    open_peer(f, BOB);
    say_hello(f, BOB, "bob", "{'protocol':2,'token':'carol'}");
    expect_error(f, BOB, "id_in_use");
    share(f, ADA, "a2", 1);
    expect_limit(f, ADA, "quota_exceeded", "entries", 2, 0);
    leave(f, BOB);
    enter(f, BOB, "bob", "alice");
    share(f, BOB, "b2", 1);
    expect_limit(f, BOB, "quota_exceeded", "entries", 2, 0);
}

static void offer(struct fixture *f, unsigned peer)
{
    say(f, peer, "collaboration_request", "{'type':'pair'}");
}

static void test_open_sessions_of_all_its_ais_are_counted(void **state)
{
    struct fixture *f = *state;
    alices.most[LIMIT_SESSIONS] = 2;
    enter(f, ADA, "ada", "alice");
    enter(f, BOB, "bob", "alice");
    enter(f, CEY, "cey", "carol");
    offer(f, ADA);
    char session[64];
    snprintf(session, sizeof session, "%s",
             string_of(expect(f, ADA, "collaboration_update"), "session_id"));
    offer(f, BOB);
    skip_all(f);
    offer(f, ADA);
    expect_limit(f, ADA, "quota_exceeded", "sessions", 2, 0);
    expect_nothing(f, CEY);
    offer(f, CEY);
    expect(f, CEY, "collaboration_update");
    say(f, ADA, "collaboration_update", "{'session_id':'%s','status':'cancelled'}", session);
    skip_all(f);
    offer(f, BOB);
    expect(f, BOB, "collaboration_update");
    skip_all(f);
    join(f, DAN, "dan", 2, "'token':'alice','room':'lab'");
    offer(f, DAN);
    expect_limit(f, DAN, "quota_exceeded", "sessions", 2, 0);
}

static void test_open_sessions_of_all_rooms_are_counted(void **state)
{
    struct fixture *f = *state;
    alices.most[LIMIT_SESSIONS] = 2;
    enter(f, ADA, "ada", "alice");
    join(f, DAN, "dan", 2, "'token':'alice','room':'lab'");
    offer(f, DAN);
    offer(f, DAN);
    skip_all(f);
    offer(f, ADA);
    expect_limit(f, ADA, "quota_exceeded", "sessions", 2, 0);
}

/* Without tokens each AI is its own owner, in its room. */
static void test_without_tokens_an_ai_has_the_hubs_limits(void **state)
{
    struct hub_config config = fixture_config();
    (void)state;
    config.owner.most[LIMIT_ENTRIES] = 1;
    config.owner.most[LIMIT_SESSIONS] = 1;
    struct fixture *f = fixture_new(&config);
    join(f, ADA, "ada", 2, "");
    join(f, BOB, "bob", 2, "");
    share(f, ADA, "a1", 1);
    offer(f, ADA);
    skip_all(f);
    share(f, ADA, "a2", 1);
    json_t *error = expect_error(f, ADA, "quota_exceeded");
    assert_string_equal(string_of(error, "whose"), "ai");
    assert_string_equal(string_of(error, "limit"), "entries");
    offer(f, ADA);
    error = expect_error(f, ADA, "quota_exceeded");
    assert_string_equal(string_of(error, "whose"), "ai");
    assert_string_equal(string_of(error, "limit"), "sessions");
    share(f, BOB, "b1", 1);
    expect_taken(f, BOB);
    offer(f, BOB);
    expect(f, BOB, "collaboration_update");
    join(f, CEY, "ada", 2, "'room':'lab'");
    share(f, CEY, "a1", 1);
    expect_taken(f, CEY);
    fixture_free(f);
}

/* What was accepted once is acked again, whatever the limits are by now. */
static void test_a_repeat_is_over_no_limit(void **state)
{
    struct fixture *f = *state;
    join(f, ADA, "ada", 2, "'token':'alice','acks':true");
    offer(f, ADA);
    expect(f, ADA, "ack");
    char line[1024];
    snprintf(line, sizeof line, "%s", last_line(f));
    alices.most[LIMIT_SESSIONS] = 1;
    change(f, ADA);
    say_bytes(f, ADA, line, strlen(line));
    expect(f, ADA, "ack");
    offer(f, ADA);
    expect_limit(f, ADA, "quota_exceeded", "sessions", 1, 0);
}

/* ── a day ── */

#define HOUR_MS 3600000

/* The fixture's clock begins at 08:00 UTC. */
static void test_a_days_messages_are_counted_over_ids_and_rooms(void **state)
{
    struct fixture *f = *state;
    alices.most[LIMIT_DAILY] = 6;
    enter(f, ADA, "ada", "alice"); /* a hello is kept, and counts */
    enter(f, CEY, "cey", "carol");
    say(f, ADA, "chat", "{'text':'x'}");
    say(f, ADA, "heartbeat", "{}"); /* these are not kept */
    say(f, ADA, "knowledge_query", "{}");
    say(f, ADA, "chat", "{'text':7}"); /* and this is refused */
    leave(f, ADA);
    skip_all(f);
    join(f, BOB, "bob", 2, "'token':'alice','room':'lab'"); /* nor does another id begin anew */
    say(f, BOB, "chat", "{'text':'x'}");
    enter(f, ADA, "ada", "alice");
    say(f, ADA, "chat", "{'text':'x'}"); /* the sixth */
    expect_taken(f, ADA);
    say(f, ADA, "chat", "{'text':'x'}");
    expect_limit(f, ADA, "quota_exceeded", "daily", 6, 16 * HOUR_MS);
    say(f, BOB, "chat", "{'text':'x'}");
    expect_limit(f, BOB, "quota_exceeded", "daily", 6, 16 * HOUR_MS);
    expect_nothing(f, CEY);
    say(f, CEY, "chat", "{'text':'x'}");
    expect_relayed(f, ADA);
    enter(f, DAN, "dan", "alice"); /* it may come, and read */
    say(f, DAN, "chat", "{'text':'x'}");
    expect_limit(f, DAN, "quota_exceeded", "daily", 6, 16 * HOUR_MS);
    alices.most[LIMIT_DAILY] = 8;
    change(f, ADA);
    say(f, DAN, "chat", "{'text':'x'}");
    expect_relayed(f, CEY);
    say(f, DAN, "chat", "{'text':'x'}");
    expect_limit(f, DAN, "quota_exceeded", "daily", 8, 16 * HOUR_MS);
    pass(f, 16 * HOUR_MS - 1);
    say(f, ADA, "chat", "{'text':'x'}");
    expect(f, ADA, "chat");
    expect_limit(f, ADA, "quota_exceeded", "daily", 8, 1);
    pass(f, 1); /* 00:00 */
    for (unsigned i = 0; i < 8; i++)
        say(f, i % 2 ? ADA : BOB, "chat", "{'text':'x'}");
    skip_all(f);
    say(f, ADA, "chat", "{'text':'x'}");
    expect_limit(f, ADA, "quota_exceeded", "daily", 8, 24 * HOUR_MS);
}

/* Whoever's last connection went, and came back when the hub had forgotten it, finds the count of
 * its rooms. */
static void test_the_rooms_remember_a_day(void **state)
{
    struct fixture *f = *state;
    alices.most[LIMIT_DAILY] = 4;
    join(f, BOB, "bob", 2, "'token':'alice','room':'lab'");
    enter(f, ADA, "ada", "alice");
    say(f, BOB, "chat", "{'text':'x'}");
    for (unsigned day = 0; day < 2; day++) {
        leave(f, ADA);
        if (day == 0)
            leave(f, BOB);
        wait_ticking(f, 5000);
        enter(f, ADA, "ada", "alice"); /* the fourth, or the first */
        for (unsigned i = 0; i < 3 * day; i++)
            say(f, ADA, "chat", "{'text':'x'}");
        expect_taken(f, ADA);
        say(f, ADA, "chat", "{'text':'x'}");
        json_t *error = expect_error(f, ADA, "quota_exceeded");
        assert_string_equal(string_of(error, "limit"), "daily");
        if (day == 0)
            pass(f, 24 * HOUR_MS);
    }
    leave(f, ADA);
    wait_ticking(f, 5000);
    enter(f, ADA, "ada", "alice");
    alices.most[LIMIT_DAILY] = 6;
    change(f, ADA);
    say(f, ADA, "chat", "{'text':'x'}"); /* the sixth of the second day */
    expect_taken(f, ADA);
    say(f, ADA, "chat", "{'text':'x'}");
    expect_error(f, ADA, "quota_exceeded");
}

/* What is on its way through a log counts, so that nobody gets past its day by being quick. */
static void test_what_is_under_way_counts_for_the_day(void **state)
{
    struct fixture *f = *state;
    alices.most[LIMIT_DAILY] = 3;
    enter(f, ADA, "ada", "alice");
    enter(f, BOB, "bob", "alice");
    enter(f, CEY, "cey", "carol");
    fixture_hold(f);
    say(f, ADA, "chat", "{'text':'x'}");
    say(f, BOB, "chat", "{'text':'x'}");
    expect_limit(f, BOB, "quota_exceeded", "daily", 3, 16 * HOUR_MS);
    leave(f, ADA); /* while it waits: it is counted all the same */
    fixture_commit(f);
    skip_all(f);
    say(f, BOB, "chat", "{'text':'x'}");
    expect_limit(f, BOB, "quota_exceeded", "daily", 3, 16 * HOUR_MS);
    alices.most[LIMIT_DAILY] = 4;
    change(f, BOB);
    say(f, BOB, "chat", "{'text':'x'}"); /* nothing of it is under way for ever */
    fixture_commit(f);
    say(f, BOB, "chat", "{'text':'x'}");
    expect_limit(f, BOB, "quota_exceeded", "daily", 4, 16 * HOUR_MS);
}

/* A message belongs to the day in which it was said, also when it is kept in the next. */
static void test_midnight_may_come_while_a_message_is_under_way(void **state)
{
    struct fixture *f = *state;
    alices.most[LIMIT_DAILY] = 9;
    enter(f, ADA, "ada", "alice");
    enter(f, BOB, "bob", "alice");
    pass(f, 16 * HOUR_MS - 1);
    fixture_hold(f);
    say(f, ADA, "chat", "{'text':'x'}");
    pass(f, 1);
    say(f, BOB, "chat", "{'text':'x'}");
    fixture_commit(f);
    alices.most[LIMIT_DAILY] = 2;
    change(f, ADA);
    skip_all(f);
    say(f, ADA, "chat", "{'text':'x'}");
    expect_nothing(f, ADA);
    fixture_commit(f);
    say(f, ADA, "chat", "{'text':'x'}");
    expect_limit(f, ADA, "quota_exceeded", "daily", 2, 24 * HOUR_MS);
}

/* ── rooms ── */

static void expect_room_limit(struct fixture *f, unsigned peer, const char *code, const char *limit,
                              double most)
{
    json_t *error = expect_error(f, peer, code);
    assert_limit(error, limit, "room", most);
    assert_non_null(strstr(string_of(error, "detail"), "\"main\""));
}

static void test_a_room_has_limits_over_all_who_are_there(void **state)
{
    struct hub_config config = fixture_config();
    (void)state;
    config.room = (struct quota){{0, 0, 2, 2, 2, 0, 0}};
    struct fixture *f = fixture_new(&config);
    json_t *sync = join(f, ADA, "ada", 2, "");
    char hello[128];
    snprintf(hello, sizeof hello, "'resume_token':'%s'", string_of(sync, "resume_token"));
    join(f, BOB, "bob", 2, "");
    open_peer(f, CEY);
    say_hello(f, CEY, "cey", "{'protocol':2}");
    expect_room_limit(f, CEY, "quota_exceeded", "connections", 2);
    join(f, DAN, "dan", 2, "'room':'lab'"); /* another room has its own */
    join(f, EVE, "ada", 2, hello);          /* who takes an id over takes its place */
    share(f, EVE, "a1", 1);
    share(f, BOB, "b1", 1);
    skip_all(f);
    share(f, BOB, "b2", 1);
    expect_room_limit(f, BOB, "quota_exceeded", "entries", 2);
    share(f, BOB, "b1", 2);
    expect_taken(f, BOB);
    share(f, DAN, "d1", 1);
    expect_taken(f, DAN);
    fixture_hub(f)->config.room.most[LIMIT_ENTRIES] = 1; /* as a hub that was started anew has it */
    share(f, BOB, "b1", 3);
    expect_taken(f, BOB);
    offer(f, EVE);
    offer(f, BOB);
    skip_all(f);
    offer(f, BOB);
    expect_room_limit(f, BOB, "quota_exceeded", "sessions", 2);
    leave(f, EVE);
    say_hello(f, CEY, "cey", "{'protocol':2}");
    expect(f, CEY, "training_sync");
    fixture_free(f);
}

static void test_a_room_has_one_rate_for_all_who_are_there(void **state)
{
    struct hub_config config = fixture_config();
    (void)state;
    config.room = (struct quota){{2, 1e6, 0, 0, 0, 0, 0}};
    struct fixture *f = fixture_new(&config);
    join(f, ADA, "ada", 2, ""); /* a hello that joins is none of it */
    join(f, BOB, "bob", 2, "");
    join(f, DAN, "dan", 2, "'room':'lab'");
    for (unsigned i = 0; i < 4; i++)
        say(f, i % 2 ? ADA : BOB, "chat", "{'text':'x'}");
    skip_all(f);
    say(f, BOB, "chat", "{'text':'x'}");
    expect_room_limit(f, BOB, "rate_limited", "rate", 2);
    say(f, DAN, "chat", "{'text':'x'}");
    expect_taken(f, DAN);
    pass(f, 500);
    say(f, ADA, "chat", "{'text':'x'}");
    expect_relayed(f, BOB);
    fixture_free(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LIMITS_TEST(test_connections_of_a_token_share_its_rate),
        LIMITS_TEST(test_bytes_are_limited_as_messages_are),
        LIMITS_TEST(test_so_many_connections_and_no_more),
        LIMITS_TEST(test_a_takeover_is_no_further_connection),
        LIMITS_TEST(test_limits_change_while_connected),
        LIMITS_TEST(test_a_limit_that_was_lifted_is_forgotten),
        LIMITS_TEST(test_reconnecting_empties_no_bucket),
        cmocka_unit_test(test_the_hub_has_limits_for_those_without),
        LIMITS_TEST(test_a_connection_counts_for_one_owner),
        LIMITS_TEST(test_all_ids_of_a_token_share_its_entries),
        LIMITS_TEST(test_bytes_of_knowledge_are_counted_with_reports),
        LIMITS_TEST(test_what_an_ai_has_is_its_owners),
        LIMITS_TEST(test_open_sessions_of_all_its_ais_are_counted),
        LIMITS_TEST(test_open_sessions_of_all_rooms_are_counted),
        cmocka_unit_test(test_without_tokens_an_ai_has_the_hubs_limits),
        LIMITS_TEST(test_a_repeat_is_over_no_limit),
        LIMITS_TEST(test_a_days_messages_are_counted_over_ids_and_rooms),
        LIMITS_TEST(test_the_rooms_remember_a_day),
        LIMITS_TEST(test_what_is_under_way_counts_for_the_day),
        cmocka_unit_test(test_a_room_has_limits_over_all_who_are_there),
        cmocka_unit_test(test_a_room_has_one_rate_for_all_who_are_there),
        LIMITS_TEST(test_midnight_may_come_while_a_message_is_under_way),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
