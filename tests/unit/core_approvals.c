/* Approvals: a question to a person, with choices, a time, and the choice that holds when nobody
 * answers in it. */
#include "core_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define QUESTION "'question':'Deploy?','choices':['yes','no'],'default':'no','timeout_s':60"

static void verify(struct fixture *f)
{
    char why[256] = "";
    hub_recount(fixture_hub(f), why, sizeof why);
    assert_string_equal(why, "");
}

/* ada and bob are AIs, pia and pat people, eye observes. */
static void join_people(struct fixture *f)
{
    join(f, ADA, "ada", 2, "'acks':true");
    join(f, BOB, "bob", 2, "");
    join(f, CEY, "pia", 2, "'specialization':'person'");
    join(f, DAN, "pat", 2, "'specialization':'person'");
    join(f, EVE, "eye", 2, "'role':'observer'");
    skip_all(f);
}

/* ada asks, anybody or one; returns the id. Nothing is left to be read. */
static const char *ask(struct fixture *f, const char *target, const char *payload)
{
    static char id[32];
    skip_all(f);
    if (*target)
        say_to(f, ADA, target, "approval_request", "{%s}", payload);
    else
        say(f, ADA, "approval_request", "{%s}", payload);
    json_t *told = expect(f, ADA, "approval");
    snprintf(id, sizeof id, "%s", string_of(told, "approval_id"));
    skip_all(f);
    return id;
}

static void answer(struct fixture *f, unsigned peer, const char *id, const char *choice)
{
    say(f, peer, "approval_answer", "{'approval_id':'%s','choice':'%s','note':'go on'}", id,
        choice);
}

/* ── asking ── */

static void test_a_question_reaches_all_and_its_asker_knows_which_it_is(void **state)
{
    struct fixture *f = *state;
    join_people(f);
    say(f, ADA, "approval_request", "{%s}", QUESTION);
    json_t *own = expect(f, ADA, "approval");
    char id[32];
    snprintf(id, sizeof id, "%s", string_of(own, "approval_id"));
    assert_string_equal(string_of(own, "in_reply_to"), last_message_id(f));
    assert_string_equal(names_of(own), "approval_id,asked,asker,choices,default,in_reply_to,"
                                       "question,status,timeout_s");
    json_t *ack = expect(f, ADA, "ack");
    char expected[32];
    snprintf(expected, sizeof expected, "a%lld", (long long)integer_of(ack, "seq"));
    assert_string_equal(id, expected);
    for (unsigned peer = BOB; peer <= EVE; peer++) {
        json_t *told = expect(f, peer, "approval");
        assert_string_equal(string_of(told, "approval_id"), id);
        assert_string_equal(string_of(told, "status"), "pending");
        assert_string_equal(string_of(told, "asker"), "ada");
        assert_string_equal(string_of(told, "question"), "Deploy?");
        assert_string_equal(string_of(told, "asked"), "2026-11-22T08:00:00.000+00:00");
        assert_string_equal(joined_of(told, "choices"), "yes,no");
        assert_string_equal(string_of(told, "default"), "no");
        assert_int_equal(integer_of(told, "timeout_s"), 60);
        expect_nothing(f, peer); /* what was said itself goes to nobody */
    }
    verify(f);
}

static void test_one_for_a_person_is_between_two(void **state)
{
    struct fixture *f = *state;
    join_people(f);
    say_to(f, ADA, "pia", "approval_request", "{%s}", QUESTION);
    assert_string_equal(string_of(expect(f, CEY, "approval"), "target"), "pia");
    expect(f, EVE, "approval");
    expect_nothing(f, BOB);
    expect_nothing(f, DAN);
    char id[32];
    snprintf(id, sizeof id, "%s", string_of(expect(f, ADA, "approval"), "approval_id"));
    answer(f, DAN, id, "yes");
    expect_error(f, DAN, "not_found"); /* nor does it know that there is one */
    say(f, DAN, "approval_query", "{}");
    assert_int_equal(integer_of(expect(f, DAN, "approval_result"), "total"), 0);
    answer(f, CEY, id, "yes");
    assert_string_equal(string_of(expect(f, ADA, "approval"), "choice"), "yes");
    expect(f, EVE, "approval");
    expect_nothing(f, BOB);
    verify(f);
}

static void test_what_is_no_question_is_refused(void **state)
{
    static const struct {
        const char *payload, *why;
    } wrong[] = {
        {"'choices':['yes','no'],'default':'no','timeout_s':60",
         "payload.question must be a non-empty string, and is absent"},
        {"'question':'?','choices':['yes'],'default':'yes','timeout_s':60",
         "payload.choices must be an array of 2 to 8 strings of 1 to 64 bytes"},
        {"'question':'?','choices':['1','2','3','4','5','6','7','8','9'],'default':'1',"
         "'timeout_s':60",
         "payload.choices must be an array of 2 to 8 strings of 1 to 64 bytes"},
        {"'question':'?','choices':['yes',1],'default':'yes','timeout_s':60",
         "payload.choices must be an array of 2 to 8 strings of 1 to 64 bytes"},
        {"'question':'?','choices':['yes',''],'default':'yes','timeout_s':60",
         "payload.choices must be an array of 2 to 8 strings of 1 to 64 bytes"},
        {"'question':'?','choices':'yes','default':'yes','timeout_s':60",
         "payload.choices must be an array of 2 to 8 strings of 1 to 64 bytes"},
        {"'question':'?','choices':['yes','no','yes'],'default':'yes','timeout_s':60",
         "payload.choices has \"yes\" twice"},
        {"'question':'?','choices':['yes','no'],'timeout_s':60",
         "payload.default must be a non-empty string, and is absent"},
        {"'question':'?','choices':['yes','no'],'default':'maybe','timeout_s':60",
         "payload.default is \"maybe\", and none of payload.choices"},
        {"'question':'?','choices':['yes','no'],'default':'no'",
         "payload.timeout_s must be a whole number of seconds, 1 to 86400, and is absent"},
        {"'question':'?','choices':['yes','no'],'default':'no','timeout_s':0",
         "payload.timeout_s must be a whole number of seconds, 1 to 86400, and is 0"},
        {"'question':'?','choices':['yes','no'],'default':'no','timeout_s':86401",
         "payload.timeout_s must be a whole number of seconds, 1 to 86400, and is 86401"},
        {"'withdrawn':1", "payload.withdrawn must be true or false, and is a number"},
        {"'withdrawn':true", "payload.approval_id must be a non-empty string, and is absent"},
    };
    struct fixture *f = *state;
    join_people(f);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        say(f, ADA, "approval_request", "{%s}", wrong[i].payload);
        assert_string_equal(string_of(expect_error(f, ADA, "bad_payload"), "detail"), wrong[i].why);
    }
    say_to(f, ADA, "bob", "approval_request", "{%s}", QUESTION);
    expect_error(f, ADA, "bad_field"); /* who is no person would never answer */
    join(f, FAY, "fay", 1, "");
    say(f, FAY, "approval_request", "{%s}", QUESTION);
    expect_error(f, FAY, "forbidden");
    expect_nothing(f, CEY);
    verify(f);
}

static void test_a_day_is_the_longest_time(void **state)
{
    struct fixture *f = *state;
    join_people(f);
    say(f, ADA, "approval_request",
        "{'question':'?','choices':['yes','no'],'default':'no','timeout_s':86400}");
    assert_int_equal(integer_of(expect(f, BOB, "approval"), "timeout_s"), 86400);
}

static void test_bounds(void **state)
{
    struct fixture *f = *state;
    join_people(f);
    for (unsigned i = 0; i < APPROVALS_EACH_MAX; i++)
        ask(f, "", QUESTION);
    say(f, ADA, "approval_request", "{%s}", QUESTION);
    assert_limit(expect_error(f, ADA, "quota_exceeded"), "approvals", "ai", APPROVALS_EACH_MAX);
    char id[16];
    unsigned peer = FAY;
    for (unsigned asked = APPROVALS_EACH_MAX; asked < APPROVALS_MAX; asked++) {
        if (asked % APPROVALS_EACH_MAX == 0) {
            snprintf(id, sizeof id, "ai%u", asked);
            join(f, ++peer, id, 2, "");
        }
        say(f, peer, "approval_request", "{%s}", QUESTION);
        expect(f, peer, "approval");
    }
    skip_all(f);
    say(f, BOB, "approval_request", "{%s}", QUESTION);
    assert_limit(expect_error(f, BOB, "quota_exceeded"), "approvals", "room", APPROVALS_MAX);
    verify(f);
    wait_ticking(f, 60000); /* all of them */
    ask(f, "", QUESTION);
    verify(f);
}

/* ── answering ── */

static void test_a_persons_answer_decides_once(void **state)
{
    struct fixture *f = *state;
    join_people(f);
    char id[32];
    snprintf(id, sizeof id, "%s", ask(f, "", QUESTION));
    answer(f, CEY, id, "yes");
    for (unsigned peer = ADA; peer <= EVE; peer++) {
        json_t *told = expect(f, peer, "approval");
        assert_string_equal(string_of(told, "status"), "answered");
        assert_string_equal(string_of(told, "choice"), "yes");
        assert_string_equal(string_of(told, "by"), "pia");
        assert_string_equal(string_of(told, "note"), "go on");
        expect_nothing(f, peer);
    }
    answer(f, DAN, id, "no");
    json_t *error = expect_error(f, DAN, "conflict");
    assert_string_equal(string_of(error, "choice"), "yes");
    assert_string_equal(string_of(error, "by"), "pia");
    wait_ticking(f, 61000); /* its time does not come any more */
    expect_nothing(f, ADA);
    verify(f);
}

static void test_who_may_not_answer(void **state)
{
    struct fixture *f = *state;
    join_people(f);
    char id[32];
    snprintf(id, sizeof id, "%s", ask(f, "", QUESTION));
    answer(f, BOB, id, "yes");
    expect_error(f, BOB, "forbidden"); /* an AI */
    answer(f, ADA, id, "yes");
    expect_error(f, ADA, "forbidden");
    say(f, CEY, "approval_request", "{%s}", QUESTION);
    char own[32];
    snprintf(own, sizeof own, "%s", string_of(expect(f, CEY, "approval"), "approval_id"));
    answer(f, CEY, own, "yes");
    expect_error(f, CEY, "forbidden"); /* nobody answers itself, a person neither */
    answer(f, CEY, "a99999", "yes");
    expect_error(f, CEY, "not_found");
    say(f, CEY, "approval_answer", "{'approval_id':'%s'}", id);
    assert_string_equal(string_of(expect_error(f, CEY, "bad_payload"), "detail"),
                        "payload.choice must be a non-empty string, and is absent");
    say(f, CEY, "approval_answer", "{'choice':'yes'}");
    assert_string_equal(string_of(expect_error(f, CEY, "bad_payload"), "detail"),
                        "payload.approval_id must be a non-empty string, and is absent");
    answer(f, CEY, id, "perhaps");
    assert_string_equal(string_of(expect_error(f, CEY, "bad_payload"), "detail"),
                        "payload.choice is \"perhaps\"; the choices are [\"yes\",\"no\"]");
    answer(f, DAN, own, "no");
    assert_string_equal(string_of(expect(f, CEY, "approval"), "by"), "pat");
    verify(f);
}

static int let_all_in(void *ctx, const struct hub_login *login, struct hub_pass *ret_pass,
                      struct refusal *ret_refusal)
{
    static const char *const owners[] = {"one", "two"};
    (void)ctx, (void)ret_refusal;
    *ret_pass = (struct hub_pass){.owner = slice_of(owners[slice_is(login->token, "two")]),
                                  .sees = SEES_ALL};
    return 0;
}

static void test_nobody_answers_for_its_owner(void **state)
{
    struct fixture *f = *state;
    fixture_let_in(f, let_all_in);
    join(f, ADA, "ada", 2, "'token':'one'");
    join(f, CEY, "pia", 2, "'token':'one','specialization':'person'");
    join(f, DAN, "pat", 2, "'token':'two','specialization':'person'");
    char id[32];
    snprintf(id, sizeof id, "%s", ask(f, "", QUESTION));
    answer(f, CEY, id, "yes");
    expect_error(f, CEY, "forbidden");
    answer(f, DAN, id, "yes");
    assert_string_equal(string_of(expect(f, ADA, "approval"), "by"), "pat");
}

static void test_its_asker_takes_it_back(void **state)
{
    struct fixture *f = *state;
    join_people(f);
    char id[32];
    snprintf(id, sizeof id, "%s", ask(f, "", QUESTION));
    say(f, BOB, "approval_request", "{'approval_id':'%s','withdrawn':true}", id);
    expect_error(f, BOB, "not_found");
    say(f, ADA, "approval_request", "{'approval_id':'%s','withdrawn':true}", id);
    json_t *told = expect(f, CEY, "approval");
    assert_string_equal(string_of(told, "status"), "withdrawn");
    assert_true(json_is_null(json_object_get(told, "choice")));
    say(f, ADA, "approval_request", "{'approval_id':'%s','withdrawn':true}", id);
    expect(f, ADA, "ack");
    answer(f, CEY, id, "yes");
    expect_error(f, CEY, "conflict");
    verify(f);
}

/* ── the end of its time ── */

static void test_when_nobody_answers_the_default_holds(void **state)
{
    struct fixture *f = *state;
    join_people(f);
    char id[32];
    snprintf(id, sizeof id, "%s", ask(f, "", QUESTION));
    wait_ticking(f, 59000);
    for (unsigned peer = ADA; peer <= EVE; peer++)
        expect_no(f, peer, "approval");
    wait_ticking(f, 1000);
    for (unsigned peer = ADA; peer <= EVE; peer++) {
        json_t *told = expect(f, peer, "approval");
        assert_string_equal(string_of(told, "status"), "timed_out");
        assert_string_equal(string_of(told, "choice"), "no");
        assert_null(json_object_get(told, "by"));
        assert_string_equal(string_of(told, "decided"), "2026-11-22T08:01:00.000+00:00");
    }
    answer(f, CEY, id, "yes");
    expect_error(f, CEY, "conflict");
    verify(f);
}

/* Its time is up, and an answer is committed first: that stands. */
static void test_an_answer_overtakes_the_end(void **state)
{
    struct fixture *f = *state;
    join_people(f);
    char id[32];
    snprintf(id, sizeof id, "%s", ask(f, "", QUESTION));
    fixture_hold(f);
    answer(f, CEY, id, "yes");
    wait_ticking(f, 62000);
    fixture_commit(f);
    assert_string_equal(string_of(expect(f, ADA, "approval"), "status"), "answered");
    expect_no(f, ADA, "approval");
    verify(f);
}

static void test_the_first_that_were_decided_are_forgotten(void **state)
{
    struct fixture *f = *state;
    join_people(f);
    char first[32], id[32];
    snprintf(first, sizeof first, "%s", ask(f, "", QUESTION));
    answer(f, CEY, first, "yes");
    for (unsigned i = 0; i < APPROVALS_DECIDED_MAX; i++) {
        snprintf(id, sizeof id, "%s", ask(f, "", QUESTION));
        answer(f, CEY, id, "yes");
    }
    skip_all(f);
    say(f, CEY, "approval_query", "{'limit':1}");
    assert_int_equal(integer_of(expect(f, CEY, "approval_result"), "total"), APPROVALS_DECIDED_MAX);
    say(f, CEY, "approval_query", "{'id':'%s'}", first);
    expect_error(f, CEY, "not_found");
    verify(f);
}

/* ── asking for them ── */

static void test_they_are_told_a_page_at_a_time(void **state)
{
    struct fixture *f = *state;
    join_people(f);
    char ids[5][32];
    for (unsigned i = 0; i < 5; i++)
        snprintf(ids[i], sizeof ids[i], "%s", ask(f, "", QUESTION));
    answer(f, CEY, ids[1], "yes");
    skip_all(f);
    say(f, BOB, "approval_query", "{'limit':3}");
    json_t *page = expect(f, BOB, "approval_result");
    assert_int_equal(integer_of(page, "total"), 5);
    json_t *list = json_object_get(page, "approvals");
    assert_string_equal(string_of(json_array_get(list, 1), "approval_id"), ids[2]);
    say(f, BOB, "approval_query", "{'after':%lld}", (long long)integer_of(page, "next"));
    page = expect(f, BOB, "approval_result");
    assert_true(json_is_null(json_object_get(page, "next")));
    list = json_object_get(page, "approvals");
    assert_int_equal(json_array_size(list), 2);
    assert_string_equal(string_of(json_array_get(list, 1), "approval_id"), ids[1]);
    say(f, BOB, "approval_query", "{'status':'pending'}");
    assert_int_equal(integer_of(expect(f, BOB, "approval_result"), "total"), 4);
    say(f, BOB, "approval_query", "{'status':'open'}");
    expect_error(f, BOB, "bad_payload");
    say(f, BOB, "approval_query", "{'id':'%s'}", ids[1]);
    list = json_object_get(expect(f, BOB, "approval_result"), "approvals");
    assert_string_equal(string_of(json_array_get(list, 0), "status"), "answered");
}

/* ── what an admin takes back ── */

static int let_admin_in(void *ctx, const struct hub_login *login, struct hub_pass *ret_pass,
                        struct refusal *ret_refusal)
{
    (void)ctx, (void)ret_refusal;
    *ret_pass = (struct hub_pass){
        .owner = login->ai_id, .sees = SEES_ALL, .admin = slice_is(login->ai_id, "ops")};
    return 0;
}

static void test_a_question_that_is_taken_back_is_nowhere(void **state)
{
    struct fixture *f = *state;
    fixture_let_in(f, let_admin_in);
    join_people(f);
    join(f, FAY, "ops", 2, "");
    char id[32];
    snprintf(id, sizeof id, "%s", ask(f, "", QUESTION));
    say(f, FAY, "moderation", "{'action':'retract','target':{'seq':%s},'reason':'a secret'}",
        id + 1);
    json_t *told = expect(f, CEY, "approval");
    assert_string_equal(string_of(told, "status"), "withdrawn");
    assert_string_equal(string_of(told, "question"), "");
    say(f, CEY, "approval_query", "{'id':'%s'}", id);
    json_t *list = json_object_get(expect(f, CEY, "approval_result"), "approvals");
    assert_string_equal(string_of(json_array_get(list, 0), "question"), "");
    verify(f);
}

static void test_a_note_that_is_taken_back_is_nowhere(void **state)
{
    struct fixture *f = *state;
    fixture_let_in(f, let_admin_in);
    join_people(f);
    join(f, FAY, "ops", 2, "");
    char id[32];
    snprintf(id, sizeof id, "%s", ask(f, "", QUESTION));
    answer(f, CEY, id, "yes");
    long long seq = (long long)integer_of(expect_whole(f, ADA, "approval"), "seq");
    say(f, FAY, "moderation", "{'action':'retract','target':{'seq':%lld},'reason':'a secret'}",
        seq);
    expect(f, FAY, "moderation");
    say(f, CEY, "approval_query", "{'id':'%s'}", id);
    json_t *list = json_object_get(expect(f, CEY, "approval_result"), "approvals");
    assert_null(json_object_get(json_array_get(list, 0), "note"));
    assert_string_equal(string_of(json_array_get(list, 0), "choice"), "yes");
    verify(f);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_question_reaches_all_and_its_asker_knows_which_it_is),
        TEST(test_one_for_a_person_is_between_two),
        TEST(test_what_is_no_question_is_refused),
        TEST(test_a_day_is_the_longest_time),
        TEST(test_bounds),
        TEST(test_a_persons_answer_decides_once),
        TEST(test_who_may_not_answer),
        TEST(test_nobody_answers_for_its_owner),
        TEST(test_its_asker_takes_it_back),
        TEST(test_when_nobody_answers_the_default_holds),
        TEST(test_an_answer_overtakes_the_end),
        TEST(test_the_first_that_were_decided_are_forgotten),
        TEST(test_they_are_told_a_page_at_a_time),
        TEST(test_a_question_that_is_taken_back_is_nowhere),
        TEST(test_a_note_that_is_taken_back_is_nowhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
