/* Acks: what is accepted is answered, once it was applied; what is said again is answered again,
 * and not applied again. */
#include "core_fixture.h"

#include <stdio.h>
#include <string.h>

#include "core/room.h"
#include "core_steps.h"

#define ACKS_TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

static void join_with_acks(struct fixture *f, unsigned peer, const char *id)
{
    join(f, peer, id, 2, "'acks':true");
}

/* What ada says under this message_id. */
static void say_as(struct fixture *f, unsigned peer, const char *id, const char *message_id,
                   const char *type, const char *payload, const char *target)
{
    say_raw(f, peer,
            "{'message_id':'%s','sender_id':'%s','message_type':'%s','timestamp':'t',"
            "'payload':%s,'target_ai':'%s'}",
            message_id, id, type, payload, target);
}

/* The next line is an ack; its seq. */
static json_int_t expect_ack(struct fixture *f, unsigned peer, const char *message_id,
                             bool delivered)
{
    json_t *payload = expect(f, peer, "ack");
    assert_string_equal(names_of(payload),
                        delivered ? "delivered,message_id,seq" : "delivered,message_id,seq,stored");
    assert_string_equal(string_of(payload, "message_id"), message_id);
    assert_int_equal(json_is_true(json_object_get(payload, "delivered")), delivered);
    return integer_of(payload, "seq");
}

static void test_what_is_accepted_is_acked(void **state)
{
    struct fixture *f = *state;
    join(f, BOB, "bob", 2, "");
    join_with_acks(f, ADA, "ada");
    say(f, ADA, "chat", "{'text':'to all'}");
    json_t *heard = expect_whole(f, BOB, "chat");
    assert_int_equal(expect_ack(f, ADA, last_message_id(f), true), integer_of(heard, "seq"));
    say_to(f, ADA, "bob", "pattern_share", "{'pattern':{'id':'p'}}");
    heard = expect_whole(f, BOB, "pattern_share");
    assert_int_equal(expect_ack(f, ADA, last_message_id(f), true), integer_of(heard, "seq"));
    expect_nothing(f, ADA);
    say(f, BOB, "chat", "{}"); /* who did not ask for acks gets none */
    expect_nothing(f, BOB);
}

/* The hub's own answers come first: the ack says that all is done. A challenge alone may come
 * later, with the end of an epoch. */
static void test_types_that_are_answered_are_acked_as_well(void **state)
{
    struct fixture *f = *state;
    join(f, BOB, "bob", 2, "");
    join_with_acks(f, ADA, "ada");
    say(f, ADA, "commitment", "{'subject':'s','subject_version':'v','sha256':'%s'}",
        digest_of("x"));
    expect_ack(f, ADA, last_message_id(f), true);
    wait_ticking(f, EPOCH_OVER);
    expect(f, ADA, "challenge");
    expect_nothing(f, ADA);
    say(f, ADA, "commitment", "{'subject':'s','subject_version':'v','sha256':'%s'}",
        digest_of("x"));
    expect(f, ADA, "challenge");
    expect_ack(f, ADA, last_message_id(f), true);
    say(f, ADA, "collaboration_request", "{'type':'t','description':'d','target_ai':'bob'}");
    expect(f, ADA, "collaboration_update");
    expect_ack(f, ADA, last_message_id(f), true);
    expect_nothing(f, ADA);
}

static void test_hellos_heartbeats_and_refusals_are_not_acked(void **state)
{
    struct fixture *f = *state;
    join_with_acks(f, ADA, "ada");
    say_hello(f, ADA, "ada", "{'protocol':2,'acks':true}");
    expect(f, ADA, "training_sync");
    say(f, ADA, "heartbeat", "{}");
    expect(f, ADA, "heartbeat");
    say(f, ADA, "chat", "{'text':5}");
    expect_error(f, ADA, "bad_payload");
    say_to(f, ADA, "nobody", "chat", "{}");
    expect_error(f, ADA, "unknown_target");
    expect_nothing(f, ADA);
}

static void test_an_absent_target_is_no_error_but_not_delivered(void **state)
{
    struct fixture *f = *state;
    join(f, BOB, "bob", 2, "");
    leave(f, BOB);
    join_with_acks(f, ADA, "ada");
    say_as(f, ADA, "ada", "m", "chat", "{'text':'there?'}", "bob");
    json_int_t seq = expect_ack(f, ADA, "m", false);
    expect_nothing(f, ADA);
    join(f, BOB, "bob", 2, "");
    say_as(f, ADA, "ada", "m", "chat", "{'text':'there?'}", "bob");
    assert_int_equal(expect_ack(f, ADA, "m", false), seq); /* as it was */
    expect_nothing(f, BOB);
}

static void test_acks_are_a_boolean_and_for_level_2_alone(void **state)
{
    struct fixture *f = *state;
    open_peer(f, ADA);
    say_hello(f, ADA, "ada", "{'protocol':2,'acks':'yes'}");
    json_t *error = expect_error(f, ADA, "bad_payload");
    assert_non_null(strstr(string_of(error, "detail"), "payload.acks"));
    join(f, BOB, "bob", 1, "'acks':true");
    say(f, BOB, "chat", "{}");
    expect_nothing(f, BOB);
    join_with_acks(f, CEY, "cey");
    say_hello(f, CEY, "cey", "{'protocol':2}"); /* it changes its mind */
    expect(f, CEY, "training_sync");
    say(f, CEY, "chat", "{}");
    expect_nothing(f, CEY);
}

/* ── said again ── */

static void test_a_repeat_is_acked_again_and_does_nothing(void **state)
{
    struct fixture *f = *state;
    join(f, BOB, "bob", 2, "");
    join_with_acks(f, ADA, "ada");
    say_as(f, ADA, "ada", "m", "pattern_share", "{'pattern':{'x':1}}", "");
    json_int_t seq = expect_ack(f, ADA, "m", true);
    expect(f, BOB, "pattern_share");
    uint64_t messages = hub_count(fixture_hub(f)).messages;
    for (int i = 0; i < 3; i++) {
        say_as(f, ADA, "ada", "m", "pattern_share", "{'pattern':{'x':1}}", "");
        assert_int_equal(expect_ack(f, ADA, "m", true), seq);
    }
    expect_nothing(f, ADA);
    expect_nothing(f, BOB);
    assert_int_equal(hub_count(fixture_hub(f)).messages, messages);
    assert_int_equal(json_object_size(knowledge(f, "shared_patterns")), 1);
    say_as(f, BOB, "bob", "m", "chat", "{}", ""); /* each AI has ids of its own */
    expect(f, ADA, "chat");
}

/* It would be refused now: its session is over, its base_version is stale. */
static void test_a_repeat_is_acked_whatever_is_true_by_now(void **state)
{
    struct fixture *f = *state;
    join_all(f);
    leave(f, ADA);
    join_with_acks(f, ADA, "ada");
    const char *session = active_session(f);
    char write[256], done[256];
    snprintf(write, sizeof write, "{'session_id':'%s','key':'k','value':1,'base_version':0}",
             session);
    snprintf(done, sizeof done, "{'session_id':'%s','status':'failed'}", session);
    say_as(f, ADA, "ada", "w", "workspace_update", write, "");
    json_int_t written = expect_ack(f, ADA, "w", true);
    say_as(f, ADA, "ada", "w", "workspace_update", write, "");
    assert_int_equal(expect_ack(f, ADA, "w", true), written);
    say_as(f, ADA, "ada", "d", "collaboration_update", done, "");
    json_int_t ended = expect_ack(f, ADA, "d", true);
    say_as(f, ADA, "ada", "d", "collaboration_update", done, "");
    assert_int_equal(expect_ack(f, ADA, "d", true), ended);
    expect_no(f, ADA, "error");
}

static void test_what_was_refused_may_be_said_again(void **state)
{
    struct fixture *f = *state;
    join_with_acks(f, ADA, "ada");
    say_as(f, ADA, "ada", "m", "chat", "{}", "bob");
    assert_string_equal(string_of(expect(f, ADA, "error"), "code"), "unknown_target");
    join(f, BOB, "bob", 2, "");
    say_as(f, ADA, "ada", "m", "chat", "{}", "bob");
    expect_ack(f, ADA, "m", true);
    expect(f, BOB, "chat");
}

static void test_receipts_outlive_connections(void **state)
{
    struct fixture *f = *state;
    char token[80];
    join(f, BOB, "bob", 2, "");
    join_with_acks(f, ADA, "ada");
    say_as(f, ADA, "ada", "m", "chat", "{}", "");
    json_int_t seq = expect_ack(f, ADA, "m", true);
    leave(f, ADA);
    json_t *sync = join(f, CEY, "ada", 2, "'acks':true");
    snprintf(token, sizeof token, "'acks':true,'resume_token':'%s'",
             string_of(sync, "resume_token"));
    say_as(f, CEY, "ada", "m", "chat", "{}", "");
    assert_int_equal(expect_ack(f, CEY, "m", true), seq);
    join(f, DAN, "ada", 2, token); /* takes over */
    skip_all(f);
    say_as(f, DAN, "ada", "m", "chat", "{}", "");
    assert_int_equal(expect_ack(f, DAN, "m", true), seq);
    expect_nothing(f, BOB);
    leave(f, DAN);
    join(f, EVE, "ada", 2, "");
    say_as(f, EVE, "ada", "m", "chat", "{}", ""); /* without acks nothing is a repeat */
    expect(f, BOB, "chat");
    expect_nothing(f, EVE);
}

static void say_numbered(struct fixture *f, unsigned number)
{
    char message_id[24];
    snprintf(message_id, sizeof message_id, "m%u", number);
    say_as(f, ADA, "ada", message_id, "chat", "{}", "");
    expect_ack(f, ADA, message_id, true);
}

static void verify(struct fixture *f)
{
    char why[256] = "";
    assert_int_equal(hub_recount(fixture_hub(f), why, sizeof why), 0);
    assert_string_equal(why, "");
}

static bool is_repeat(struct fixture *f, unsigned number)
{
    uint64_t messages = hub_count(fixture_hub(f)).messages;
    say_numbered(f, number);
    return hub_count(fixture_hub(f)).messages == messages;
}

/* However old they are. */
static void test_the_last_ten_thousand_are_remembered(void **state)
{
    enum { REMEMBERED = 10000, MOST = RECEIPTS_IN_BLOCK * RECEIPT_BLOCKS_EACH_LEAST };
    struct fixture *f = *state;
    join_with_acks(f, ADA, "ada");
    for (unsigned i = 0; i < MOST; i++)
        say_numbered(f, i);
    pass(f, RECEIPTS_WITHIN_MS + 1);
    say_numbered(f, MOST);
    verify(f);
    assert_true(is_repeat(f, MOST + 1 - REMEMBERED));
    assert_true(is_repeat(f, MOST));
    assert_false(is_repeat(f, 0)); /* forgotten: it counts as new */
    verify(f);
}

/* However many they are, up to a bound. */
static void test_the_last_ten_minutes_are_remembered(void **state)
{
    enum { MOST = RECEIPTS_IN_BLOCK * RECEIPT_BLOCKS_EACH_LEAST, MORE = 4 * RECEIPTS_IN_BLOCK };
    struct fixture *f = *state;
    join_with_acks(f, ADA, "ada");
    for (unsigned i = 0; i < MORE; i++)
        say_numbered(f, i);
    pass(f, RECEIPTS_WITHIN_MS / 2);
    for (unsigned i = MORE; i < MOST + MORE; i++)
        say_numbered(f, i);
    verify(f);
    pass(f, RECEIPTS_WITHIN_MS / 2);
    assert_true(is_repeat(f, 0)); /* 10 minutes old, to the millisecond */
    pass(f, 1);
    for (unsigned i = 0; i < RECEIPTS_IN_BLOCK; i++) /* so that a block is begun */
        say_numbered(f, MOST + MORE + i);
    assert_false(is_repeat(f, 0));
    assert_true(is_repeat(f, MORE));
    verify(f);
}

/* ── a room of receipts alone ── */

enum { LAST = RECEIPTS_IN_BLOCK * RECEIPT_BLOCKS_EACH_LEAST };

struct receipts_fixture {
    struct room room;
    uint64_t seq;
};

static void receipts_begin(struct receipts_fixture *r)
{
    *r = (struct receipts_fixture){.room.last_seq = 1};
    changes_init(&r->room.changes);
    TAILQ_INIT(&r->room.receipts);
    TAILQ_INIT(&r->room.receipts_extra);
}

static struct slice id_of(const unsigned *number)
{
    return (struct slice){(const char *)number, sizeof *number};
}

static void keep(struct receipts_fixture *r, struct member *member, unsigned from, unsigned to,
                 int64_t time_ms)
{
    for (unsigned k = from; k < to; k++)
        receipt_keep(&r->room, member, id_hash(id_of(&k)), ++r->seq, time_ms, true);
}

static bool kept(struct receipts_fixture *r, const struct member *member, unsigned number)
{
    struct receipt receipt;
    return receipt_find(&r->room, member, id_hash(id_of(&number)), &receipt);
}

/* Rows that earlier hubs wrote have these. */
static void test_the_hash_of_an_id_stays(void **state)
{
    (void)state;
    assert_int_equal(id_hash(slice_of("message-1")), 0x48c2837a944a4b57);
    assert_int_equal(id_hash((struct slice){NULL, 0}), 0xf52a15e9a9b5e89b);
}

/* Who is silent longest loses first, and a room has no more than it may. */
static void test_a_room_keeps_a_limited_number_of_receipts(void **state)
{
    static struct member members[RECEIPTS_MAX / LAST + 2];
    size_t count = sizeof members / sizeof *members;
    struct receipts_fixture r;
    struct receipt receipt;
    unsigned last = LAST - 1;
    (void)state;
    receipts_begin(&r);
    for (size_t i = 0; i < count; i++) {
        members[i] = (struct member){.key = slice_of("ai")};
        keep(&r, &members[i], 0, LAST, 1);
    }
    assert_in_range(r.room.receipt_count, RECEIPTS_MAX - LAST, RECEIPTS_MAX);
    assert_null(members[0].receipts);
    assert_true(kept(&r, &members[count - 1], 0));
    assert_true(receipt_find(&r.room, &members[1], id_hash(id_of(&last)), &receipt));
    assert_int_equal(receipt_seq(&receipt), 2 * LAST);
    for (size_t i = 0; i < count; i++)
        receipts_forget(&r.room, &members[i]);
    assert_int_equal(r.room.receipt_count, 0);
    assert_true(TAILQ_EMPTY(&r.room.receipts));
}

/* One that says a great deal within ten minutes costs nobody else the last 10,000. */
static void test_what_is_over_ten_thousand_goes_first(void **state)
{
    enum { EACH = RECEIPTS_IN_BLOCK * RECEIPT_BLOCKS_EACH_MAX, LOUD = RECEIPTS_MAX / EACH + 2 };
    static struct member quiet, loud[LOUD];
    struct receipts_fixture r;
    (void)state;
    receipts_begin(&r);
    quiet = (struct member){.key = slice_of("quiet")};
    keep(&r, &quiet, 0, 10000, 1);
    for (size_t i = 0; i < LOUD; i++) {
        loud[i] = (struct member){.key = slice_of("loud")};
        keep(&r, &loud[i], 0, EACH + RECEIPTS_IN_BLOCK, 1);
        assert_true(kept(&r, &loud[i], RECEIPTS_IN_BLOCK) && !kept(&r, &loud[i], 0));
        assert_true(receipts_whole(&r.room, loud[i].receipts));
    }
    assert_in_range(r.room.receipt_count, RECEIPTS_MAX - RECEIPTS_IN_BLOCK, RECEIPTS_MAX);
    assert_true(kept(&r, &quiet, 0));
    assert_true(kept(&r, &loud[0], EACH - 10000) && !kept(&r, &loud[0], RECEIPTS_IN_BLOCK));
    /* once they are old they go, whoever it is that speaks */
    keep(&r, &quiet, 10000, 10000 + 4 * RECEIPTS_IN_BLOCK, 2 + RECEIPTS_WITHIN_MS);
    assert_in_range(r.room.receipt_count, RECEIPTS_MAX - 8 * RECEIPTS_IN_BLOCK,
                    RECEIPTS_MAX - RECEIPTS_IN_BLOCK);
    receipts_forget(&r.room, &quiet);
    for (size_t i = 0; i < LOUD; i++)
        receipts_forget(&r.room, &loud[i]);
    assert_int_equal(r.room.receipt_count, 0);
    assert_true(TAILQ_EMPTY(&r.room.receipts_extra));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ACKS_TEST(test_what_is_accepted_is_acked),
        ACKS_TEST(test_types_that_are_answered_are_acked_as_well),
        ACKS_TEST(test_hellos_heartbeats_and_refusals_are_not_acked),
        ACKS_TEST(test_an_absent_target_is_no_error_but_not_delivered),
        ACKS_TEST(test_acks_are_a_boolean_and_for_level_2_alone),
        ACKS_TEST(test_a_repeat_is_acked_again_and_does_nothing),
        ACKS_TEST(test_a_repeat_is_acked_whatever_is_true_by_now),
        ACKS_TEST(test_what_was_refused_may_be_said_again),
        ACKS_TEST(test_receipts_outlive_connections),
        ACKS_TEST(test_the_last_ten_thousand_are_remembered),
        ACKS_TEST(test_the_last_ten_minutes_are_remembered),
        cmocka_unit_test(test_the_hash_of_an_id_stays),
        cmocka_unit_test(test_a_room_keeps_a_limited_number_of_receipts),
        cmocka_unit_test(test_what_is_over_ten_thousand_goes_first),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
