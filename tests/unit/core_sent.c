/* sent_query: what became of what an AI said, for each receiver. */
#include "core_fixture.h"

#include <stdio.h>
#include <string.h>

#include "core/bounds.h"
#include "wire/text.h"

#define SENT_TEST(name) cmocka_unit_test_setup_teardown(name, setup, fixture_teardown)

/* A hub that has a store. */
static int setup(void **state)
{
    struct hub_config config = fixture_config();
    config.keeps = true;
    *state = fixture_new(&config);
    return 0;
}

static char said[64];   /* the message_id of what ada said last */
static char secret[64]; /* the resume_token of bob, who stays */

static json_t *ask(struct fixture *f, unsigned peer, const char *query)
{
    say(f, peer, "sent_query", "%s", query);
    return expect(f, peer, "sent_result");
}

static json_t *asked_one(struct fixture *f, unsigned peer, const char *id, const char *more)
{
    say(f, peer, "sent_query", "{'message_id':'%s'%s}", id, more);
    return expect(f, peer, "sent_result");
}

/* "bob seen, cey stored": of the only message that is told. */
static const char *states_in(json_t *result)
{
    static char text[512];
    json_t *messages = json_object_get(result, "messages"), *receiver;
    size_t index;
    assert_int_equal(json_array_size(messages), 1);
    *text = '\0';
    json_array_foreach(json_object_get(json_array_get(messages, 0), "receivers"), index, receiver)
    {
        snprintf(text + strlen(text), sizeof text - strlen(text), "%s%s %s", index ? ", " : "",
                 string_of(receiver, "ai_id"), string_of(receiver, "state"));
    }
    return text;
}

static void assert_states(struct fixture *f, const char *wanted)
{
    char why[256] = "";
    assert_string_equal(states_in(asked_one(f, ADA, said, "")), wanted);
    hub_recount(fixture_hub(f), why, sizeof why);
    assert_string_equal(why, "");
}

static void tell(struct fixture *f, const char *target)
{
    if (target)
        say_to(f, ADA, target, "chat", "{'text':'do it'}");
    else
        say(f, ADA, "chat", "{'text':'do it'}");
    snprintf(said, sizeof said, "%s", last_message_id(f));
    skip_all(f);
}

static uint64_t seq(struct fixture *f)
{
    return hub_seq(fixture_hub(f), slice_of("main"));
}

static void read_all(struct fixture *f, unsigned peer)
{
    say(f, peer, "heartbeat", "{'seq':%llu}", (unsigned long long)seq(f));
    skip_all(f);
}

static void bob_joins(struct fixture *f, unsigned peer, const char *more)
{
    char members[160];
    snprintf(members, sizeof members, "'stays_s':600%s%s%s%s", *secret ? ",'resume_token':'" : "",
             secret, *secret ? "'" : "", more);
    snprintf(secret, sizeof secret, "%s",
             string_of(join(f, peer, "bob", 2, members), "resume_token"));
}

static void begin(struct fixture *f)
{
    *secret = '\0';
    join(f, ADA, "ada", 2, "'acks':true");
    bob_joins(f, BOB, "");
    skip_all(f);
}

static void test_a_message_goes_from_hand_to_hand(void **state)
{
    struct fixture *f = *state;
    begin(f);
    tell(f, "bob");
    assert_states(f, "bob delivered");
    read_all(f, BOB);
    assert_states(f, "bob seen");
    tell(f, "bob");
    read_all(f, BOB); /* too soon after the last for it to be kept */
    assert_states(f, "bob seen");
    say_to(f, BOB, "ada", "chat", "{'text':'done','in_reply_to':'%s'}", said);
    uint64_t reply = seq(f);
    json_t *result = asked_one(f, ADA, said, "");
    assert_string_equal(states_in(result), "bob acted_on");
    json_t *message = json_array_get(json_object_get(result, "messages"), 0);
    json_t *receiver = json_array_get(json_object_get(message, "receivers"), 0);
    assert_int_equal(integer_of(receiver, "by_seq"), reply);
    assert_true(strlen(string_of(receiver, "at")) > 20);
    assert_string_equal(string_of(message, "message_id"), said);
    assert_string_equal(string_of(message, "type"), "chat");
    assert_true(json_is_false(json_object_get(message, "to_all")));
    assert_int_equal(integer_of(message, "total"), 1);
    assert_int_equal(integer_of(json_object_get(message, "counts"), "acted_on"), 1);
    assert_int_equal(integer_of(json_object_get(message, "counts"), "seen"), 0);
    say_to(f, BOB, "ada", "chat", "{'text':'again','in_reply_to':'%s'}", said);
    result = asked_one(f, ADA, said, "");
    message = json_array_get(json_object_get(result, "messages"), 0);
    receiver = json_array_get(json_object_get(message, "receivers"), 0);
    assert_int_equal(integer_of(receiver, "by_seq"), reply); /* the first that named it */
}

/* What was in a connection's hands is not, when that is over: it may never have got there. */
static void test_who_is_away_has_it_waiting(void **state)
{
    struct fixture *f = *state;
    begin(f);
    tell(f, "bob");
    leave(f, BOB);
    assert_states(f, "bob stored");
    tell(f, NULL);
    assert_states(f, "bob stored");
    bob_joins(f, CEY, ""); /* and does not ask for it */
    assert_states(f, "bob stored");
    read_all(f, CEY); /* nor has it read what it was not given */
    assert_states(f, "bob stored");
    leave(f, CEY);
    bob_joins(f, DAN, ",'since':'last'");
    assert_states(f, "bob stored"); /* as far as its cursor goes it will not get it */
    leave(f, DAN);
    bob_joins(f, EVE, ",'since':1");
    assert_states(f, "bob delivered");
    read_all(f, EVE);
    assert_states(f, "bob seen");
}

static struct hub_resume resumed;

static void note_resume(void *ctx, const struct hub_resume *resume)
{
    (void)ctx;
    resumed = *resume;
}

/* What it missed is on its way to it. */
static void test_who_catches_up_does_not_have_it_yet(void **state)
{
    struct fixture *f = *state;
    begin(f);
    fixture_resume(f, note_resume);
    leave(f, BOB);
    tell(f, "bob");
    bob_joins(f, CEY, ",'since':'last'");
    assert_states(f, "bob stored");
    hub_caught_up(fixture_hub(f), resumed.peer, resumed.seq, now(f));
    assert_states(f, "bob delivered");
}

static void test_who_is_gone_never_said_so(void **state)
{
    struct fixture *f = *state;
    begin(f);
    join(f, CEY, "cey", 2, "");
    tell(f, "cey");
    leave(f, CEY);
    assert_states(f, "cey gone"); /* its connection had it, once */
    tell(f, "cey");
    assert_states(f, "cey dead");
    json_t *message = json_array_get(json_object_get(asked_one(f, ADA, said, ""), "messages"), 0);
    assert_string_equal(string_of(json_array_get(json_object_get(message, "receivers"), 0), "why"),
                        "absent");
    join(f, DAN, "cey", 2, ""); /* and does not ask */
    read_all(f, DAN);
    assert_states(f, "cey dead");
    say_to(f, DAN, "ada", "chat", "{'in_reply_to':'%s'}", said);
    assert_states(f, "cey acted_on");
    join(f, EVE, "eve", 1, "");
    tell(f, "eve"); /* a chat is not for level 1 */
    assert_states(f, "eve dead");
}

/* Those who were there, or will be given it. */
static void test_what_is_for_all_has_many_receivers(void **state)
{
    struct fixture *f = *state;
    begin(f);
    join(f, CEY, "cey", 2, "");
    join(f, DAN, "dan", 1, "");
    join(f, EVE, "eve", 2, "'role':'observer'");
    join(f, FAY, "fay", 2, "");
    join(f, GUS, "gus", 2, "");
    leave(f, GUS);
    leave(f, BOB);
    tell(f, NULL);
    join(f, HAL, "hal", 2, "");
    join(f, GUS, "gus", 2, "");
    read_all(f, GUS);
    read_all(f, CEY);
    leave(f, FAY);
    assert_states(f, "bob stored, cey seen, fay gone");
    json_t *message = json_array_get(json_object_get(asked_one(f, ADA, said, ""), "messages"), 0);
    assert_true(json_is_true(json_object_get(message, "to_all")));
    assert_int_equal(integer_of(message, "total"), 3);
    assert_int_equal(integer_of(json_object_get(message, "counts"), "stored"), 1);
    say(f, HAL, "chat", "{'in_reply_to':'%s'}", said); /* who was not there has read it elsewhere */
    say(f, CEY, "chat", "{'in_reply_to':'%s'}", said);
    skip_all(f);
    json_t *result = asked_one(f, ADA, said, ",'limit':1");
    assert_string_equal(states_in(result), "bob stored");
    assert_string_equal(string_of(result, "next"), "bob");
    result = asked_one(f, ADA, said, ",'limit':1,'after':'bob'");
    assert_string_equal(states_in(result), "cey acted_on");
    assert_string_equal(string_of(result, "next"), "cey");
    result = asked_one(f, ADA, said, ",'after':'cey'");
    assert_string_equal(states_in(result), "fay gone");
    assert_true(json_is_null(json_object_get(result, "next")));
    say(f, ADA, "pattern_share", "{'pattern':{'id':'p'}}"); /* is for level 1 too */
    snprintf(said, sizeof said, "%s", last_message_id(f));
    skip_all(f);
    assert_states(f, "bob stored, cey delivered, dan delivered, gus delivered, hal delivered");
    open_peer(f, IDA); /* who joins without a hello was not there, either */
    say_raw(f, IDA,
            "{'message_id':'i','sender_id':'ida','message_type':'chat','timestamp':'t',"
            "'payload':{},'target_ai':null}");
    skip_all(f);
    assert_states(f, "bob stored, cey delivered, dan delivered, gus delivered, hal delivered");
}

static void test_a_session_is_its_participants(void **state)
{
    struct fixture *f = *state;
    begin(f);
    join(f, CEY, "cey", 2, "");
    say(f, ADA, "collaboration_request", "{'type':'t','description':'d','target_ai':'bob'}");
    snprintf(said, sizeof said, "%s", last_message_id(f));
    char session[64];
    snprintf(session, sizeof session, "%s",
             string_of(expect(f, BOB, "collaboration_request"), "session_id"));
    assert_states(f, "bob delivered");
    say(f, BOB, "collaboration_response", "{'session_id':'%s','accepted':true}", session);
    say(f, ADA, "workspace_update", "{'session_id':'%s','key':'k','value':1}", session);
    snprintf(said, sizeof said, "%s", last_message_id(f));
    skip_all(f);
    read_all(f, BOB);
    assert_states(f, "bob seen");
    say(f, ADA, "lease_request", "{'key':'k','ttl_s':60}"); /* is for the hub alone */
    snprintf(said, sizeof said, "%s", last_message_id(f));
    skip_all(f);
    say(f, ADA, "sent_query", "{'message_id':'%s'}", said);
    expect_error(f, ADA, "not_found");
}

/* Two say something under one message_id: whoever answers one of them answers that. */
static void test_a_reply_is_to_its_target(void **state)
{
    struct fixture *f = *state;
    begin(f);
    join(f, CEY, "cey", 2, "'acks':true");
    say_raw(f, ADA,
            "{'message_id':'same','sender_id':'ada','message_type':'chat','timestamp':'t',"
            "'payload':{},'target_ai':null}");
    say_raw(f, CEY,
            "{'message_id':'same','sender_id':'cey','message_type':'chat','timestamp':'t',"
            "'payload':{},'target_ai':null}");
    skip_all(f);
    snprintf(said, sizeof said, "same");
    say_to(f, BOB, "ada", "chat", "{'in_reply_to':'same'}");
    skip_all(f);
    assert_states(f, "bob acted_on, cey delivered");
    assert_string_equal(states_in(asked_one(f, CEY, "same", "")), "ada delivered, bob delivered");
    say(f, BOB, "chat", "{'in_reply_to':'same'}"); /* to whoever said it last */
    skip_all(f);
    assert_string_equal(states_in(asked_one(f, CEY, "same", "")), "ada delivered, bob acted_on");
    for (unsigned i = 0; i < SENT_EACH_MAX; i++) /* which is known no more */
        say(f, CEY, "chat", "{}");
    say(f, CEY, "chat", "{'in_reply_to':'same'}");
    skip_all(f);
    assert_states(f, "bob acted_on, cey acted_on");
}

/* Says a chat of that id: all before its last byte is the same for all. */
static void say_numbered(struct fixture *f, unsigned peer, const char *name, unsigned number)
{
    say_raw(f, peer,
            "{'message_id':'all-begin-alike-%03u','sender_id':'%s','message_type':'chat',"
            "'timestamp':'t','payload':{},'target_ai':null}",
            number, name);
    skip_all(f);
}

/* More than a first table of them has place for: two say each id, one of them the even ones first;
 * and when the older ones are let go, none of the others is. */
static void test_each_of_many_is_found(void **state)
{
    enum { COUNT = SENT_EACH_MAX };
    struct fixture *f = *state;
    char id[32], why[256] = "";
    begin(f);
    join(f, CEY, "cey", 2, "'acks':true");
    for (unsigned i = 0; i < COUNT; i++) {
        say_numbered(f, i % 2 ? ADA : CEY, i % 2 ? "ada" : "cey", i);
        say_numbered(f, i % 2 ? CEY : ADA, i % 2 ? "cey" : "ada", i);
    }
    assert_int_equal(hub_recount(fixture_hub(f), why, sizeof why), 0);
    for (unsigned i = 0; i < COUNT; i++) {
        snprintf(id, sizeof id, "all-begin-alike-%03u", i);
        say(f, BOB, "chat", "{'in_reply_to':'%s'}", id); /* to whoever said it last */
        skip_all(f);
        assert_non_null(strstr(states_in(asked_one(f, i % 2 ? CEY : ADA, id, "")), "bob acted_on"));
        assert_null(strstr(states_in(asked_one(f, i % 2 ? ADA : CEY, id, "")), "bob acted_on"));
    }
    for (unsigned i = COUNT; i < COUNT + COUNT / 2; i++)
        say_numbered(f, CEY, "cey", i);
    assert_int_equal(hub_recount(fixture_hub(f), why, sizeof why), 0);
    for (unsigned i = 0; i < COUNT; i++) {
        snprintf(id, sizeof id, "all-begin-alike-%03u", i);
        asked_one(f, ADA, id, "");
        say(f, CEY, "sent_query", "{'message_id':'%s'}", id);
        if (i < COUNT / 2)
            expect_error(f, CEY, "not_found");
        else
            expect(f, CEY, "sent_result");
    }
    assert_int_equal(hub_recount(fixture_hub(f), why, sizeof why), 0);
}

/* Whoever it was not for has not acted on it. */
static void test_only_receivers_act_on_it(void **state)
{
    struct fixture *f = *state;
    struct text dump = {0};
    begin(f);
    join(f, CEY, "cey", 2, "");
    tell(f, "bob");
    say_to(f, CEY, "ada", "chat", "{'in_reply_to':'%s'}", said);
    hub_dump(fixture_hub(f), slice_of("main"), &dump);
    text_add(&dump, (struct slice){"", 1});
    assert_non_null(strstr(dump.at, "\"names\":[\"bob\"],\"acts\":[]"));
    text_free(&dump);
    say_to(f, BOB, "ada", "chat", "{'in_reply_to':'%s'}", said);
    say_to(f, BOB, "ada", "chat", "{'in_reply_to':'%s'}", said);
    skip_all(f);
    assert_states(f, "bob acted_on");
}

static void test_who_may_ask(void **state)
{
    struct fixture *f = *state;
    begin(f);
    join(f, CEY, "cey", 1, "");
    join(f, EVE, "eve", 2, "'role':'observer'");
    tell(f, "bob");
    say(f, BOB, "sent_query", "{'sender':'ada'}");
    expect_error(f, BOB, "forbidden");
    say(f, CEY, "sent_query", "{}");
    expect_error(f, CEY, "forbidden");
    say(f, BOB, "sent_query", "{'message_id':'%s'}", said); /* of its own there is none such */
    expect_error(f, BOB, "not_found");
    assert_string_equal(states_in(ask(f, EVE, "{'sender':'ada'}")), "bob delivered");
    say(f, ADA, "sent_query", "{'limit':0}");
    expect_error(f, ADA, "bad_payload");
    say(f, ADA, "sent_query", "{'seq':'x'}");
    expect_error(f, ADA, "bad_payload");
    say(f, BOB, "chat", "{}"); /* who asked for no acks */
    skip_all(f);
    assert_int_equal(json_array_size(json_object_get(ask(f, BOB, "{}"), "messages")), 0);
}

static void test_the_last_are_known(void **state)
{
    struct fixture *f = *state;
    begin(f);
    tell(f, "bob");
    char first[64];
    snprintf(first, sizeof first, "%s", said);
    for (unsigned i = 0; i < SENT_EACH_MAX - 1; i++)
        tell(f, "bob");
    asked_one(f, ADA, first, "");
    tell(f, "bob");
    say(f, ADA, "sent_query", "{'message_id':'%s'}", first);
    expect_error(f, ADA, "not_found");
    unsigned told = 0;
    char query[64] = "{'limit':100}";
    json_t *result;
    uint64_t last = UINT64_MAX;
    do {
        json_t *message;
        size_t index;
        result = ask(f, ADA, query);
        json_array_foreach(json_object_get(result, "messages"), index, message)
        {
            assert_true((uint64_t)integer_of(message, "seq") < last);
            last = (uint64_t)integer_of(message, "seq");
            told++;
        }
        snprintf(query, sizeof query, "{'limit':100,'before':%llu}", (unsigned long long)last);
    } while (json_is_integer(json_object_get(result, "next")));
    assert_int_equal(told, SENT_EACH_MAX);
    snprintf(query, sizeof query, "{'seq':%llu}", (unsigned long long)last);
    assert_string_equal(states_in(ask(f, ADA, query)), "bob delivered");
    for (unsigned i = 0; i < ACTS_EACH_MAX + 2; i++) { /* each of them once */
        say_to(f, BOB, "ada", "chat", "{'in_reply_to':'%s'}", said);
        skip_all(f);
    }
    assert_states(f, "bob acted_on");
}

/* A letter that is sent again has the state of that; what is taken back has none. */
static void test_a_letter_sent_again(void **state)
{
    struct fixture *f = *state;
    begin(f);
    join(f, CEY, "cey", 2, "");
    leave(f, CEY);
    tell(f, "cey");
    uint64_t letter = seq(f);
    join(f, DAN, "cey", 2, "");
    assert_states(f, "cey dead");
    say(f, ADA, "dead_letter", "{'id':%llu,'action':'resend'}", (unsigned long long)letter);
    skip_all(f);
    assert_states(f, "cey delivered");
    read_all(f, DAN);
    assert_states(f, "cey seen");
}

/* A hub that keeps nothing has nothing that waits. */
static void test_a_hub_that_keeps_nothing(void **state)
{
    struct fixture *f = *state;
    begin(f);
    tell(f, "bob");
    leave(f, BOB);
    assert_states(f, "bob gone");
    tell(f, "bob");
    assert_states(f, "bob dead");
    bob_joins(f, CEY, ",'since':1"); /* there is nothing that it could be given */
    assert_states(f, "bob dead");
    tell(f, NULL);
    assert_states(f, "bob delivered");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SENT_TEST(test_a_message_goes_from_hand_to_hand),
        SENT_TEST(test_who_is_away_has_it_waiting),
        SENT_TEST(test_who_catches_up_does_not_have_it_yet),
        SENT_TEST(test_who_is_gone_never_said_so),
        SENT_TEST(test_what_is_for_all_has_many_receivers),
        SENT_TEST(test_a_session_is_its_participants),
        SENT_TEST(test_a_reply_is_to_its_target),
        SENT_TEST(test_each_of_many_is_found),
        SENT_TEST(test_only_receivers_act_on_it),
        SENT_TEST(test_who_may_ask),
        SENT_TEST(test_the_last_are_known),
        SENT_TEST(test_a_letter_sent_again),
        cmocka_unit_test_setup_teardown(test_a_hub_that_keeps_nothing, fixture_setup,
                                        fixture_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
