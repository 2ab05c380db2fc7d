/* Members that stay: between two connections one is away, holds its id, and makes no noise; until
 * it leaves, is sent away, or its time is up. */
#include "core_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core_steps.h"
#include "types_of.h"

#define STAYS_TEST(name) cmocka_unit_test_setup_teardown(name, setup, fixture_teardown)

static char secret[64]; /* the resume_token of who joined last by join_staying */

/* A hub whose edge has a store. */
static int setup(void **state)
{
    struct hub_config config = fixture_config();
    config.keeps = true;
    *state = fixture_new(&config);
    return 0;
}

static void verify(struct fixture *f)
{
    char why[256] = "";
    hub_recount(fixture_hub(f), why, sizeof why);
    assert_string_equal(why, "");
}

static json_t *join_staying(struct fixture *f, unsigned peer, const char *id, const char *more)
{
    char members[512];
    snprintf(members, sizeof members, "'stays_s':60%s", more);
    json_t *sync = join(f, peer, id, 2, members);
    snprintf(secret, sizeof secret, "%s", string_of(sync, "resume_token"));
    return sync;
}

/* A hello with that token on a new connection: what comes of it is not read yet. */
static void come_back(struct fixture *f, unsigned peer, const char *id, const char *token,
                      const char *more)
{
    open_peer(f, peer);
    say_hello(f, peer, id, "{'protocol':2,'stays_s':60,'resume_token':'%s'%s}", token, more);
}

/* ada and eye, an observer, are connected; bob is away. */
static void bob_is_away(struct fixture *f)
{
    join(f, ADA, "ada", 2, "'acks':true");
    join(f, EVE, "eye", 2, "'role':'observer'");
    join_staying(f, BOB, "bob", ",'capabilities':['sched'],'specialization':'networking'");
    leave(f, BOB);
}

static size_t away(struct fixture *f)
{
    return hub_count(fixture_hub(f)).away;
}

/* ── away ── */

static void test_who_stays_goes_without_a_word(void **state)
{
    struct fixture *f = *state;
    bob_is_away(f);
    expect_nothing(f, ADA);
    expect_nothing(f, EVE);
    assert_int_equal(away(f), 1);
    assert_int_equal(hub_count(fixture_hub(f)).remembered, 0);
    verify(f);
}

static void test_who_does_not_stay_goes_as_ever(void **state)
{
    struct fixture *f = *state;
    join(f, ADA, "ada", 2, "");
    json_t *sync = join(f, BOB, "bob", 2, "'stays_s':null");
    assert_null(json_object_get(sync, "stays_s"));
    leave(f, BOB);
    assert_string_equal(string_of(expect(f, ADA, "presence"), "reason"), "peer_closed");
    assert_int_equal(away(f), 0);
}

static void test_who_is_away_is_told_apart(void **state)
{
    struct fixture *f = *state;
    bob_is_away(f);
    pass(f, 1000);
    json_t *sync = join(f, CEY, "cey", 2, "");
    assert_string_equal(joined_of(sync, "active_ais"), "ada,cey"); /* who is connected */
    assert_int_equal(json_array_size(json_object_get(sync, "collaboration_opportunities")), 1);
    json_t *row = json_array_get(json_object_get(sync, "away"), 0);
    assert_string_equal(names_of(row), "ai_id,away_since,specialization,stays_until");
    assert_string_equal(string_of(row, "ai_id"), "bob");
    assert_string_equal(string_of(row, "specialization"), "networking");
    assert_string_equal(string_of(row, "away_since"), "2026-11-22T08:00:00.000+00:00");
    assert_string_equal(string_of(row, "stays_until"), "2026-11-22T08:01:00.000+00:00");
    json_t *member = member_of(f, "bob");
    assert_string_equal(string_of(member, "away_since"), "2026-11-22T08:00:00.000+00:00");
    assert_string_equal(string_of(member, "stays_until"), "2026-11-22T08:01:00.000+00:00");
    assert_string_equal(joined_of(member, "capabilities"), "sched");
    assert_null(json_object_get(member_of(f, "ada"), "away_since"));
    sync = join(f, DAN, "dan", 1, "");
    assert_null(json_object_get(sync, "away"));
    assert_string_equal(joined_of(sync, "active_ais"), "ada,cey,dan");
}

static void test_the_last_to_go_are_told_and_not_all(void **state)
{
    struct fixture *f = *state;
    char id[16];
    for (unsigned i = 0; i < AWAY_SHOWN_MAX + 3; i++) {
        snprintf(id, sizeof id, "ai%u", i);
        join_staying(f, FAY, id, "");
        leave(f, FAY);
    }
    json_t *told = json_object_get(join(f, ADA, "ada", 2, ""), "away");
    assert_int_equal(json_array_size(told), AWAY_SHOWN_MAX);
    assert_string_equal(string_of(json_array_get(told, 0), "ai_id"), "ai258");
    assert_string_equal(string_of(json_array_get(told, AWAY_SHOWN_MAX - 1), "ai_id"), "ai3");
}

static void test_its_id_is_its_own(void **state)
{
    static const struct {
        const char *id, *hello;
    } others[] = {{"bob", "{'protocol':2}"},
                  {"bob", "{}"},
                  {"bob", "{'protocol':2,'stays_s':60,'since':'last'}"},
                  {"bob", "{'protocol':2,'resume_token':'00000000000000000000000000000000'}"},
                  {"bob", "{'protocol':2,'resume_token':''}"},
                  {"b\\u043eb", "{'protocol':2}"}}; /* a Cyrillic o */
    struct fixture *f = *state;
    bob_is_away(f);
    open_peer(f, CEY);
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        say_hello(f, CEY, others[i].id, "%s", others[i].hello);
        expect_error(f, CEY, "id_in_use");
    }
    say_raw(f, CEY,
            "{'message_id':'m1','sender_id':'bob','message_type':'chat','timestamp':'t',"
            "'payload':{}}");
    assert_string_equal(string_of(expect(f, CEY, "error"), "code"), "id_in_use");
    expect_nothing(f, ADA);
    assert_int_equal(away(f), 1);
    verify(f);
}

/* ── coming back ── */

static void test_who_comes_back_makes_no_noise(void **state)
{
    struct fixture *f = *state;
    bob_is_away(f);
    for (unsigned turn = 0; turn < 3; turn++) {
        pass(f, 5000);
        come_back(f, BOB, "bob", secret,
                  ",'capabilities':['sched'],'specialization':'networking','version':'2'");
        json_t *sync = expect(f, BOB, "training_sync");
        assert_int_equal(integer_of(sync, "stays_s"), 60);
        assert_string_equal(string_of(sync, "resume_token"), secret); /* it holds until it goes */
        assert_string_equal(joined_of(sync, "active_ais"), "ada,bob");
        assert_int_equal(json_array_size(json_object_get(sync, "away")), 0);
        json_t *member = member_of(f, "bob");
        assert_null(json_object_get(member, "away_since"));
        assert_string_equal(string_of(member, "joined"), "2026-11-22T08:00:00.000+00:00");
        say(f, BOB, "chat", "{}");
        expect_relayed(f, ADA);
        leave(f, BOB);
    }
    expect_nothing(f, ADA);
    verify(f);
}

static void test_what_is_new_of_it_is_told(void **state)
{
    static const char *const news[] = {
        ",'capabilities':['sched'],'specialization':'audio'",
        ",'capabilities':['sched','net'],'specialization':'audio'",
        ",'capabilities':['sched','net'],'specialization':'audio','collaboration_ready':false"};
    struct fixture *f = *state;
    bob_is_away(f);
    for (size_t i = 0; i < sizeof news / sizeof *news; i++) {
        for (unsigned again = 0; again < 2; again++) {
            come_back(f, BOB, "bob", secret, news[i]);
            if (again)
                expect_no(f, ADA, "hello");
            else
                expect(f, ADA, "hello");
            leave(f, BOB);
        }
    }
    expect_nothing(f, ADA);
}

static void test_who_says_the_same_again_is_not_relayed(void **state)
{
    struct fixture *f = *state;
    join(f, ADA, "ada", 2, "");
    join(f, BOB, "bob", 2, "");
    say_hello(f, BOB, "bob", "{'protocol':2}");
    expect(f, ADA, "hello"); /* of who does not stay all are */
    say_hello(f, BOB, "bob", "{'protocol':2,'stays_s':60}");
    expect(f, ADA, "hello");
    say_hello(f, BOB, "bob", "{'protocol':2,'stays_s':90}");
    expect_nothing(f, ADA);
    say_hello(f, BOB, "bob", "{'protocol':2}");
    expect(f, ADA, "hello");
    leave(f, BOB);
    assert_string_equal(string_of(expect(f, ADA, "presence"), "ai_id"),
                        "bob"); /* it did not stay */
}

static void test_a_connection_that_is_still_there_is_taken_over(void **state)
{
    struct fixture *f = *state;
    join(f, ADA, "ada", 2, "");
    join_staying(f, BOB, "bob", "");
    come_back(f, CEY, "bob", secret, "");
    assert_string_equal(string_of(expect(f, BOB, "error"), "code"), "taken_over");
    expect_closed(f, BOB, CLOSE_TAKEN_OVER);
    assert_string_equal(string_of(expect(f, CEY, "training_sync"), "resume_token"), secret);
    expect_nothing(f, ADA);
    verify(f);
}

static void test_a_token_holds_until_its_member_goes(void **state)
{
    struct fixture *f = *state;
    char old[sizeof secret];
    join(f, ADA, "ada", 2, "");
    join_staying(f, BOB, "bob", "");
    memcpy(old, secret, sizeof old);
    say(f, BOB, "leave", "{}");
    join_staying(f, BOB, "bob", "");
    assert_string_not_equal(secret, old);
    leave(f, BOB);
    come_back(f, CEY, "bob", old, "");
    expect_error(f, CEY, "id_in_use");
    come_back(f, DAN, "bob", secret, "");
    expect(f, DAN, "training_sync");
}

/* It challenges nobody, least of all its own connection. */
static void test_lines_right_behind_its_hello_are_taken(void **state)
{
    struct fixture *f = *state;
    bob_is_away(f);
    fixture_hold(f);
    come_back(f, BOB, "bob", secret, "");
    say_hello(f, BOB, "bob", "{'protocol':2,'stays_s':90,'resume_token':'%s'}", secret);
    expect_nothing(f, BOB);
    fixture_commit(f);
    expect(f, BOB, "training_sync");
    assert_int_equal(integer_of(expect(f, BOB, "training_sync"), "stays_s"), 90);
    expect_nothing(f, BOB);
}

/* It comes back before the log says that it went. */
static void test_a_hello_may_overtake_the_end(void **state)
{
    struct fixture *f = *state;
    join(f, ADA, "ada", 2, "");
    join_staying(f, BOB, "bob", "");
    fixture_hold(f);
    leave(f, BOB);
    come_back(f, CEY, "bob", secret, "");
    open_peer(f, DAN);
    say_hello(f, DAN, "bob", "{'protocol':2}");
    fixture_commit(f);
    expect(f, CEY, "training_sync");
    expect_error(f, DAN, "id_in_use");
    expect_nothing(f, ADA);
    verify(f);
}

/* ── its end ── */

static void test_the_stay_ends(void **state)
{
    struct fixture *f = *state;
    bob_is_away(f);
    wait_ticking(f, 59000);
    say(f, ADA, "heartbeat", "{}");
    say(f, EVE, "heartbeat", "{}");
    expect_no(f, ADA, "presence");
    wait_ticking(f, 2000);
    json_t *told = expect(f, ADA, "presence");
    assert_string_equal(string_of(told, "ai_id"), "bob");
    assert_string_equal(string_of(told, "status"), "left");
    assert_string_equal(string_of(told, "reason"), "stay_over");
    expect(f, EVE, "presence");
    wait_ticking(f, 5000);
    expect_no(f, ADA, "presence"); /* once */
    assert_int_equal(away(f), 0);
    assert_int_equal(hub_count(fixture_hub(f)).remembered, 1);
    join(f, CEY, "bob", 2, ""); /* anybody's */
    verify(f);
}

static void test_each_turn_begins_it_anew(void **state)
{
    struct fixture *f = *state;
    bob_is_away(f);
    for (unsigned turn = 0; turn < 3; turn++) {
        wait_ticking(f, 50000);
        say(f, ADA, "heartbeat", "{}");
        come_back(f, BOB, "bob", secret, "");
        leave(f, BOB);
    }
    expect_no(f, ADA, "presence");
    assert_int_equal(away(f), 1);
}

/* It came back while its end was under way. */
static void test_an_end_that_is_overtaken_does_nothing(void **state)
{
    struct fixture *f = *state;
    bob_is_away(f);
    wait_ticking(f, 59500);
    fixture_hold(f);
    come_back(f, BOB, "bob", secret, "");
    leave(f, BOB);
    wait_ticking(f, 2000); /* by what is applied, it is over */
    fixture_commit(f);
    expect_no(f, ADA, "presence");
    assert_int_equal(away(f), 1);
    verify(f);
}

static void test_who_leaves_is_gone_at_once(void **state)
{
    struct fixture *f = *state;
    join(f, ADA, "ada", 2, "");
    join_staying(f, BOB, "bob", "");
    say(f, BOB, "leave", "{}");
    json_t *told = expect(f, ADA, "presence");
    assert_string_equal(string_of(told, "ai_id"), "bob");
    assert_string_equal(string_of(told, "reason"), "left");
    assert_string_equal(string_of(expect(f, BOB, "presence"), "ai_id"),
                        "bob"); /* it is told, too */
    expect_closed(f, BOB, CLOSE_LEFT);
    assert_int_equal(away(f), 0);
    assert_int_equal(hub_count(fixture_hub(f)).peers, 1);
    join(f, CEY, "bob", 2, "");
    verify(f);
}

static void test_anybody_may_leave(void **state)
{
    struct fixture *f = *state;
    join(f, ADA, "ada", 2, "");
    join(f, BOB, "bob", 1, "");
    join(f, EVE, "eye", 2, "'role':'observer'");
    say(f, BOB, "leave", "{'why':'done'}");
    expect_nothing(f, BOB);
    expect_closed(f, BOB, CLOSE_LEFT);
    assert_string_equal(string_of(expect(f, ADA, "presence"), "reason"), "left");
    say(f, EVE, "leave", "{}");
    expect_closed(f, EVE, CLOSE_LEFT);
    expect_nothing(f, ADA);
    open_peer(f, CEY);
    say_raw(f, CEY,
            "{'message_id':'m1','sender_id':'cey','message_type':'leave','timestamp':'t',"
            "'payload':{}}");
    assert_string_equal(string_of(expect(f, CEY, "error"), "code"), "forbidden");
    expect_open(f, CEY);
    verify(f);
}

/* Behind all that it said; and nothing behind it is taken. */
static void test_a_leave_has_its_place_in_the_log(void **state)
{
    struct fixture *f = *state;
    join(f, ADA, "ada", 2, "");
    join_staying(f, BOB, "bob", ",'acks':true");
    fixture_hold(f);
    say(f, BOB, "chat", "{'text':'a last word'}");
    say(f, BOB, "leave", "{}");
    say(f, BOB, "chat", "{'text':'and another'}");
    say(f, BOB, "leave", "{}");
    expect_open(f, BOB);
    fixture_commit(f);
    assert_string_equal(string_of(expect(f, ADA, "chat"), "text"), "a last word");
    expect(f, ADA, "presence");
    expect_nothing(f, ADA);
    expect(f, BOB, "ack");
    expect(f, BOB, "presence");
    expect_nothing(f, BOB);
    expect_closed(f, BOB, CLOSE_LEFT);
    verify(f);
}

static void test_a_stop_or_a_kick_of_the_edge_is_no_leaving(void **state)
{
    struct fixture *f = *state;
    join(f, ADA, "ada", 2, "");
    join_staying(f, BOB, "bob", "");
    hub_expel(fixture_hub(f), (peer_id)1 << 32 | BOB, CLOSE_SLOW_CONSUMER, WIRE_SLOW_CONSUMER,
              now(f));
    expect_nothing(f, ADA);
    assert_int_equal(away(f), 1);
    join_staying(f, CEY, "cey", "");
    hub_stop(fixture_hub(f), now(f));
    assert_int_equal(away(f), 2);
    verify(f);
}

/* Its token would let it in again, and does not hold any more. */
static void test_who_is_not_authorized_any_more_goes(void **state)
{
    struct fixture *f = *state;
    join(f, ADA, "ada", 2, "");
    join_staying(f, BOB, "bob", "");
    hub_expel(fixture_hub(f), (peer_id)1 << 32 | BOB, CLOSE_UNAUTHORIZED, WIRE_UNAUTHORIZED,
              now(f));
    assert_string_equal(string_of(expect(f, ADA, "presence"), "reason"), "unauthorized");
    assert_int_equal(away(f), 0);
}

/* ── who may ── */

static void test_only_members_of_level_2_stay(void **state)
{
    static const char *const wrong[] = {
        "{'stays_s':60}",
        "{'protocol':1,'stays_s':1}",
        "{'protocol':2,'role':'observer','stays_s':60}",
        "{'protocol':2,'stays_s':0}",
        "{'protocol':2,'stays_s':86401}",
        "{'protocol':2,'stays_s':-1}",
        "{'protocol':2,'stays_s':1.5}",
        "{'protocol':2,'stays_s':'60'}",
        "{'protocol':2,'stays_s':true}",
    };
    struct fixture *f = *state;
    open_peer(f, BOB);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        say_hello(f, BOB, "bob", "%s", wrong[i]);
        json_t *error = expect_error(f, BOB, "bad_payload");
        assert_non_null(strstr(string_of(error, "detail"), "payload.stays_s"));
    }
    say_hello(f, BOB, "bob", "{'protocol':2,'stays_s':86400}");
    json_t *sync = expect(f, BOB, "training_sync");
    assert_int_equal(integer_of(sync, "stays_s"), STAY_MAX_S);
    assert_int_equal(integer_of(json_object_get(sync, "limits"), "stays_s"), STAY_MAX_S);
}

static void expect_too_many(struct fixture *f, unsigned peer, const char *limit, const char *whose,
                            double most)
{
    json_t *error = expect_error(f, peer, "quota_exceeded");
    assert_string_equal(string_of(error, "limit"), limit);
    assert_string_equal(string_of(error, "whose"), whose);
    assert_number(number_of(error, "most"), most);
}

static void test_a_room_has_room_for_so_many(void **state)
{
    struct fixture *f = *state;
    char id[16], last[sizeof secret];
    join_staying(f, ADA, "ada", ""); /* who is connected counts as well */
    for (unsigned i = 1; i < STAYING_MAX; i++) {
        snprintf(id, sizeof id, "ai%u", i);
        join_staying(f, FAY, id, "");
        leave(f, FAY);
    }
    memcpy(last, secret, sizeof last);
    open_peer(f, BOB);
    say_hello(f, BOB, "bob", "{'protocol':2,'stays_s':60}");
    expect_too_many(f, BOB, "staying", "room", STAYING_MAX);
    say_hello(f, BOB, "bob", "{'protocol':2}"); /* it may come, and not stay */
    expect(f, BOB, "training_sync");
    say_hello(f, BOB, "bob", "{'protocol':2,'stays_s':60}");
    expect_too_many(f, BOB, "staying", "room", STAYING_MAX);
    say_hello(f, ADA, "ada", "{'protocol':2,'stays_s':10}"); /* who stays goes on */
    expect(f, ADA, "training_sync");
    come_back(f, FAY, id, last, "");
    expect(f, FAY, "training_sync");
    say(f, FAY, "leave", "{}");
    say_hello(f, BOB, "bob", "{'protocol':2,'stays_s':60}");
    expect(f, BOB, "training_sync");
    verify(f);
}

static void test_a_rooms_connections_are_counted_with_them(void **state)
{
    struct hub_config config = fixture_config();
    config.room.most[LIMIT_CONNECTIONS] = 2;
    struct fixture *f = fixture_new(&config);
    (void)state;
    join(f, ADA, "ada", 2, "");
    join_staying(f, BOB, "bob", "");
    leave(f, BOB);
    open_peer(f, CEY);
    say_hello(f, CEY, "cey", "{'protocol':2}");
    expect_too_many(f, CEY, "connections", "room", 2);
    come_back(f, DAN, "bob", secret, ""); /* in its own place */
    expect(f, DAN, "training_sync");
    fixture_free(f);
}

/* A room in which somebody is away makes no place for another. */
static void test_its_room_is_kept_for_it(void **state)
{
    struct hub_config config = fixture_config();
    config.rooms_max = 2;
    struct fixture *f = fixture_new(&config);
    (void)state;
    join_staying(f, BOB, "bob", ",'room':'lab'");
    leave(f, BOB);
    open_peer(f, CEY);
    say_hello(f, CEY, "cey", "{'protocol':2,'room':'other'}");
    expect_error(f, CEY, "quota_exceeded");
    wait_ticking(f, 61000);
    say_hello(f, CEY, "cey", "{'protocol':2,'room':'other'}");
    expect(f, CEY, "training_sync");
    fixture_free(f);
}

/* ── what is for it ── */

static void expect_ack(struct fixture *f, bool delivered, int stored)
{
    json_t *ack = expect(f, ADA, "ack");
    assert_int_equal(json_is_true(json_object_get(ack, "delivered")), delivered);
    json_t *told = json_object_get(ack, "stored");
    assert_int_equal(told ? json_is_true(told) : -1, stored);
}

static json_int_t dead(struct fixture *f)
{
    say(f, EVE, "dead_query", "{}");
    return integer_of(expect(f, EVE, "dead_result"), "total");
}

static void test_what_is_for_it_waits(void **state)
{
    struct fixture *f = *state;
    bob_is_away(f);
    say_to(f, ADA, "bob", "chat", "{'text':'for your next turn'}");
    expect_ack(f, false, true);
    assert_int_equal(dead(f), 0);
    come_back(f, BOB, "bob", secret, ",'since':'last'");
    expect(f, BOB, "caught_up");
    assert_int_equal(dead(f), 0);
    say_to(f, ADA, "bob", "chat", "{'text':'now'}");
    expect_ack(f, true, -1);
    leave(f, BOB);
    assert_int_equal(dead(f), 0); /* it has both */
    verify(f);
}

static void test_what_waits_is_dead_when_it_goes(void **state)
{
    struct fixture *f = *state;
    bob_is_away(f);
    say_to(f, ADA, "bob", "chat", "{'text':'too late'}");
    say_raw(f, ADA, "%s", last_line(f)); /* said again */
    skip_all(f);
    wait_ticking(f, 61000);
    assert_int_equal(dead(f), 1);
    say_to(f, ADA, "bob", "chat", "{'text':'much too late'}");
    expect_ack(f, false, false);
    say(f, EVE, "dead_query", "{}");
    json_t *letter = json_array_get(json_object_get(expect(f, EVE, "dead_result"), "letters"), 0);
    assert_string_equal(string_of(letter, "why"), "absent");
}

/* Who comes back and does not ask for it has not taken it. */
static void test_who_does_not_ask_for_it_leaves_it_dead(void **state)
{
    struct fixture *f = *state;
    bob_is_away(f);
    say_to(f, ADA, "bob", "chat", "{}");
    come_back(f, BOB, "bob", secret, "");
    assert_int_equal(dead(f), 1);
}

static void test_no_reply_in_time_is_dead_all_the_same(void **state)
{
    struct fixture *f = *state;
    bob_is_away(f);
    say_to(f, ADA, "bob", "chat", "{'reply_by':5}");
    assert_int_equal(dead(f), 0);
    wait_ticking(f, 7000);
    say(f, EVE, "dead_query", "{}");
    json_t *result = expect(f, EVE, "dead_result");
    json_t *letter = json_array_get(json_object_get(result, "letters"), 0);
    assert_string_equal(string_of(letter, "why"), "no_reply");
    assert_true(json_is_true(json_object_get(letter, "no_reply")));
}

static void test_an_ack_said_again_tells_what_is_so_now(void **state)
{
    struct fixture *f = *state;
    char line[512];
    bob_is_away(f);
    say_to(f, ADA, "bob", "chat", "{}");
    expect_ack(f, false, true);
    snprintf(line, sizeof line, "%s", last_line(f));
    say_raw(f, ADA, "%s", line);
    expect_ack(f, false, true);
    wait_ticking(f, 61000);
    say_raw(f, ADA, "%s", line);
    expect_ack(f, false, false);
}

static void test_who_has_no_acks_is_told_as_ever(void **state)
{
    struct fixture *f = *state;
    bob_is_away(f);
    join(f, CEY, "cey", 2, "");
    say_to(f, CEY, "bob", "chat", "{}");
    json_t *error = expect_error(f, CEY, "target_offline");
    assert_true(json_is_true(json_object_get(error, "accepted")));
    assert_true(json_is_true(json_object_get(error, "stored")));
    wait_ticking(f, 61000);
    skip_all(f);
    say_to(f, CEY, "bob", "chat", "{}");
    error = expect_error(f, CEY, "target_offline");
    assert_true(json_is_false(json_object_get(error, "stored")));
}

static void test_a_hub_that_keeps_nothing_says_so(void **state)
{
    struct hub_config config = fixture_config();
    struct fixture *f = fixture_new(&config);
    (void)state;
    bob_is_away(f);
    say_to(f, ADA, "bob", "chat", "{}");
    expect_ack(f, false, false);
    assert_int_equal(dead(f), 1);
    come_back(f, BOB, "bob", secret, ""); /* but its place is its own */
    expect(f, BOB, "training_sync");
    fixture_free(f);
}

/* ── what it has under way ── */

static void test_its_leases_last_as_long_as_their_time(void **state)
{
    struct fixture *f = *state;
    join(f, ADA, "ada", 2, "");
    join_staying(f, BOB, "bob", "");
    say(f, BOB, "lease_request", "{'key':'k','ttl_s':30}");
    leave(f, BOB);
    skip_all(f);
    wait_ticking(f, 29000);
    expect_no(f, ADA, "lease");
    wait_ticking(f, 2000);
    assert_string_equal(string_of(expect(f, ADA, "lease"), "status"), "expired");
    assert_int_equal(away(f), 1);
}

static void test_a_session_is_not_offered_to_it(void **state)
{
    struct fixture *f = *state;
    bob_is_away(f);
    say_to(f, ADA, "bob", "collaboration_request", "{'type':'joint_development'}");
    expect_error(f, ADA, "target_offline");
    say(f, ADA, "feature_request", "{'feature':'sched'}");
    assert_int_equal(json_array_size(json_object_get(expect(f, ADA, "feature_response"), "asked")),
                     0);
}

/* ── admins ── */

static int let_in(void *ctx, const struct hub_login *login, struct hub_pass *ret_pass,
                  struct refusal *ret_refusal)
{
    static char owner[64];
    (void)ctx, (void)ret_refusal;
    snprintf(owner, sizeof owner, "%.*s", SLICE_FORMAT(login->token));
    *ret_pass = (struct hub_pass){.owner = slice_of(owner),
                                  .admin = strcmp(owner, "ops") == 0,
                                  .barred = strcmp(owner, "mute") ? types_of("") : all_but(""),
                                  .quota.most[LIMIT_CONNECTIONS] = strcmp(owner, "few") ? 0 : 2};
    return 0;
}

static void test_who_is_away_is_sent_away(void **state)
{
    static const char *const orders[] = {"'kick','target':{'ai_id':'bob'}",
                                         "'kick','target':{'owner':'alice'}",
                                         "'ban','for_s':1,'target':{'ai_id':'bob'}"};
    struct fixture *f = *state;
    fixture_let_in(f, let_in);
    join(f, ADA, "ada", 2, "'token':'ops'");
    for (size_t i = 0; i < sizeof orders / sizeof *orders; i++) {
        join_staying(f, BOB, "bob", ",'token':'alice'");
        leave(f, BOB);
        say(f, ADA, "moderation", "{'action':%s,'reason':'too long'}", orders[i]);
        expect(f, ADA, "moderation");
        json_t *told = expect(f, ADA, "presence");
        assert_string_equal(string_of(told, "ai_id"), "bob");
        assert_string_equal(string_of(told, "reason"), i < 2 ? "kicked" : "banned");
        expect_no(f, ADA, "presence");
        assert_int_equal(away(f), 0);
        verify(f);
        pass(f, 2000);
    }
    say(f, ADA, "moderation", "{'action':'kick','target':{'ai_id':'bob'},'reason':'again'}");
    expect_error(f, ADA, "target_offline");
}

static void test_an_admin_that_is_away_is_spared(void **state)
{
    struct fixture *f = *state;
    fixture_let_in(f, let_in);
    join(f, ADA, "ada", 2, "'token':'ops'");
    join_staying(f, BOB, "bob", ",'token':'ops'");
    leave(f, BOB);
    say(f, ADA, "moderation", "{'action':'kick','target':{'ai_id':'bob'},'reason':'me first'}");
    expect_error(f, ADA, "forbidden");
    assert_int_equal(away(f), 1);
}

/* ── tokens ── */

static void test_a_token_wants_both(void **state)
{
    struct fixture *f = *state;
    fixture_let_in(f, let_in);
    join_staying(f, BOB, "bob", ",'token':'alice'");
    leave(f, BOB);
    come_back(f, CEY, "bob", secret, ",'token':'carol'");
    expect_error(f, CEY, "id_in_use");
    come_back(f, DAN, "bob", "", ",'token':'alice'");
    expect_error(f, DAN, "id_in_use");
    come_back(f, EVE, "bob", secret, ",'token':'alice'");
    expect(f, EVE, "training_sync");
}

static void test_who_may_say_nothing_may_leave(void **state)
{
    struct fixture *f = *state;
    fixture_let_in(f, let_in);
    join_staying(f, BOB, "bob", ",'token':'mute'");
    say(f, BOB, "chat", "{}");
    expect_error(f, BOB, "forbidden");
    say(f, BOB, "leave", "{}");
    expect(f, BOB, "presence");
    expect_closed(f, BOB, CLOSE_LEFT);
}

static void test_a_token_has_room_for_so_many(void **state)
{
    struct fixture *f = *state;
    char id[16];
    fixture_let_in(f, let_in);
    for (unsigned i = 0; i < STAYING_EACH_MAX; i++) {
        snprintf(id, sizeof id, "ai%u", i);
        join_staying(f, FAY, id, ",'token':'alice'");
        leave(f, FAY);
    }
    open_peer(f, BOB);
    say_hello(f, BOB, "bob", "{'protocol':2,'stays_s':60,'token':'alice'}");
    expect_too_many(f, BOB, "staying", "token", STAYING_EACH_MAX);
    come_back(f, FAY, id, secret, ",'token':'alice'");
    expect(f, FAY, "training_sync");
    join_staying(f, CEY, "cey", ",'token':'carol'");
    verify(f);
}

static void test_a_tokens_connections_are_counted_with_them(void **state)
{
    struct fixture *f = *state;
    fixture_let_in(f, let_in);
    join_staying(f, ADA, "ada", ",'token':'few','room':'lab'");
    leave(f, ADA);
    join_staying(f, BOB, "bob", ",'token':'few'");
    leave(f, BOB);
    open_peer(f, CEY);
    say_hello(f, CEY, "cey", "{'protocol':2,'token':'few'}");
    expect_too_many(f, CEY, "connections", "token", 2);
    expect_closed(f, CEY, CLOSE_QUOTA_EXCEEDED);
    open_peer(f, DAN);
    say_hello(f, DAN, "dan", "{'protocol':2,'token':'many'}");
    expect(f, DAN, "training_sync");
    come_back(f, EVE, "bob", secret, ",'token':'few'"); /* in its own place */
    expect(f, EVE, "training_sync");
}

/* ── a hub that starts again ── */

static void mute_effect(void *ctx, const struct effect *effect)
{
    (void)ctx, (void)effect;
}

static void mute_joined(void *ctx, peer_id peer)
{
    (void)ctx, (void)peer;
}

static struct hub *second_hub(struct fixture *f)
{
    struct hub_config config = fixture_config();
    struct hub_edge edge = fixture_edge(f);
    edge.effect = mute_effect;
    edge.joined = mute_joined;
    return hub_new(&config, &edge);
}

struct copying {
    struct hub *to;
    char why[256];
};

static void copy_row(void *ctx, const struct row *row)
{
    struct copying *copying = ctx;
    if (!copying->why[0])
        hub_load(copying->to, slice_of("main"), row, copying->why, sizeof copying->why);
}

static void expect_after_start(struct hub *hub, const struct fixture *f)
{
    char why[256] = "";
    struct entry start = {.seq = 1000, .time_ms = now(f), .kind = ENTRY_START};
    hub_apply(hub, slice_of("main"), &start);
    hub_recount(hub, why, sizeof why);
    assert_string_equal(why, "");
    assert_int_equal(hub_count(hub).members, 0);
    assert_int_equal(hub_count(hub).away, 2);
    assert_int_equal(hub_count(hub).remembered, 2); /* ada, and who was an observer */
}

/* bob is away and cey connected, and both stay; ada does not: from entries, and from rows. */
static void test_who_stays_outlives_the_hub(void **state)
{
    struct fixture *f = *state;
    bob_is_away(f);
    leave(f, EVE);
    say(f, ADA, "leave", "{}");
    join(f, ADA, "eye", 2, "");
    join_staying(f, CEY, "cey", "");
    struct hub *hub = second_hub(f);
    fixture_replay(f, hub);
    assert_int_equal(hub_count(hub).away, 1);
    expect_after_start(hub, f);
    hub_free(hub);
    struct copying copying = {.to = second_hub(f)};
    hub_save(fixture_hub(f), slice_of("main"), copy_row, &copying);
    assert_string_equal(copying.why, "");
    assert_int_equal(hub_loaded(copying.to, slice_of("main"), copying.why, sizeof copying.why), 0);
    assert_int_equal(hub_count(copying.to).away, 1);
    hub_free(copying.to);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STAYS_TEST(test_who_stays_goes_without_a_word),
        STAYS_TEST(test_who_does_not_stay_goes_as_ever),
        STAYS_TEST(test_who_is_away_is_told_apart),
        STAYS_TEST(test_the_last_to_go_are_told_and_not_all),
        STAYS_TEST(test_its_id_is_its_own),
        STAYS_TEST(test_who_comes_back_makes_no_noise),
        STAYS_TEST(test_what_is_new_of_it_is_told),
        STAYS_TEST(test_who_says_the_same_again_is_not_relayed),
        STAYS_TEST(test_a_connection_that_is_still_there_is_taken_over),
        STAYS_TEST(test_a_token_holds_until_its_member_goes),
        STAYS_TEST(test_lines_right_behind_its_hello_are_taken),
        STAYS_TEST(test_a_hello_may_overtake_the_end),
        STAYS_TEST(test_the_stay_ends),
        STAYS_TEST(test_each_turn_begins_it_anew),
        STAYS_TEST(test_an_end_that_is_overtaken_does_nothing),
        STAYS_TEST(test_who_leaves_is_gone_at_once),
        STAYS_TEST(test_anybody_may_leave),
        STAYS_TEST(test_a_leave_has_its_place_in_the_log),
        STAYS_TEST(test_a_stop_or_a_kick_of_the_edge_is_no_leaving),
        STAYS_TEST(test_who_is_not_authorized_any_more_goes),
        STAYS_TEST(test_only_members_of_level_2_stay),
        STAYS_TEST(test_a_room_has_room_for_so_many),
        STAYS_TEST(test_a_rooms_connections_are_counted_with_them),
        STAYS_TEST(test_its_room_is_kept_for_it),
        STAYS_TEST(test_what_is_for_it_waits),
        STAYS_TEST(test_what_waits_is_dead_when_it_goes),
        STAYS_TEST(test_who_does_not_ask_for_it_leaves_it_dead),
        STAYS_TEST(test_no_reply_in_time_is_dead_all_the_same),
        STAYS_TEST(test_an_ack_said_again_tells_what_is_so_now),
        STAYS_TEST(test_who_has_no_acks_is_told_as_ever),
        STAYS_TEST(test_a_hub_that_keeps_nothing_says_so),
        STAYS_TEST(test_its_leases_last_as_long_as_their_time),
        STAYS_TEST(test_a_session_is_not_offered_to_it),
        STAYS_TEST(test_who_is_away_is_sent_away),
        STAYS_TEST(test_an_admin_that_is_away_is_spared),
        STAYS_TEST(test_a_token_wants_both),
        STAYS_TEST(test_who_may_say_nothing_may_leave),
        STAYS_TEST(test_a_token_has_room_for_so_many),
        STAYS_TEST(test_a_tokens_connections_are_counted_with_them),
        STAYS_TEST(test_who_stays_outlives_the_hub),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
