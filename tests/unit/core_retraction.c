/* Knowledge that an admin takes back: what is left of it, and what comes of it no more. */
#include "core_claims.h"

#define RETRACTION_TEST(name) cmocka_unit_test_setup_teardown(name, setup, fixture_teardown)

/* Everybody may come in, and hal is an admin. */
static int let_in(void *ctx, const struct hub_login *login, struct hub_pass *ret_pass,
                  struct refusal *ret_refusal)
{
    (void)ctx, (void)ret_refusal;
    *ret_pass = (struct hub_pass){.admin = slice_is(login->ai_id, "hal")};
    return 0;
}

static int setup(void **state)
{
    int error = fixture_setup(state);
    fixture_let_in(*state, let_in);
    return error;
}

static void retract(struct fixture *f, const char *id)
{
    say(f, HAL, "moderation", "{'action':'retract','target':{'id':'%s'},'reason':'secret'}", id);
}

static json_t *entry_of(struct fixture *f, const char *section, const char *id)
{
    json_t *entry = json_object_get(knowledge(f, section), id);
    assert_non_null(entry);
    return entry;
}

static void assert_tombstone(json_t *entry, const char *body)
{
    json_t *retracted = json_object_get(entry, "retracted");
    assert_int_equal(json_object_size(json_object_get(entry, body)), 0);
    assert_true(json_is_object(json_object_get(entry, body)));
    assert_string_equal(string_of(retracted, "by"), "hal");
    assert_string_equal(string_of(retracted, "reason"), "secret");
    assert_true(json_is_string(json_object_get(retracted, "since")));
}

static void recount(struct fixture *f)
{
    char why[256];
    if (hub_recount(fixture_hub(f), why, sizeof why) < 0)
        fail_msg("%s", why);
}

static void test_a_tombstone_is_left_in_its_place(void **state)
{
    struct fixture *f = *state;
    join(f, ADA, "ada", 2, "");
    join(f, BOB, "bob", 2, "");
    join(f, HAL, "hal", 2, "");
    say(f, ADA, "pattern_share", "{'pattern':{'id':'p','text':'hunter2'}}");
    say(f, ADA, "pattern_share", "{'pattern':{'id':'p','text':'hunter3'}}");
    say(f, ADA, "code_share", "{'code':{'id':'p','source':'hunter2'}}");
    say(f, BOB, "performance_report",
        "{'component_id':'p','performance':{'score':1,'x':'hunter2'}}");
    assert_number(score_of(f, "ada"), 4);
    skip_all(f);
    retract(f, "p");
    json_t *told = expect(f, BOB, "moderation");
    assert_string_equal(string_of(told, "action"), "retract");
    assert_string_equal(string_of(json_object_get(told, "target"), "id"), "p");
    assert_tombstone(entry_of(f, "shared_patterns", "p"), "pattern");
    assert_int_equal(integer_of(entry_of(f, "shared_patterns", "p"), "usage_count"), 0);
    json_t *code = entry_of(f, "shared_components", "p");
    assert_tombstone(code, "code");
    assert_number(json_number_value(json_object_get(code, "quality_score")), 0);
    assert_int_equal(json_array_size(entry_of(f, "performance_benchmarks", "p")), 0);
    assert_number(score_of(f, "ada"), 0);
    skip_all(f);
    say(f, BOB, "knowledge_query", "{'id':'p','revision':'all'}");
    json_t *answer = expect(f, BOB, "knowledge_result");
    assert_null(strstr(read_line(f), "hunter"));
    json_t *revisions = json_object_get(answer, "revisions"); /* one of each */
    assert_int_equal(json_array_size(revisions), 2);
    assert_int_equal(integer_of(json_array_get(revisions, 0), "revision"), 3);
    assert_tombstone(json_object_get(json_array_get(revisions, 0), "entry"), "pattern");
    say(f, BOB, "knowledge_query", "{'text':'hunter2'}");
    expect(f, BOB, "knowledge_result");
    assert_null(strstr(read_line(f), "\"p\""));
    recount(f);
}

static void test_its_id_is_nobodys_again(void **state)
{
    struct fixture *f = *state;
    join(f, ADA, "ada", 2, "");
    join(f, BOB, "bob", 2, "");
    join(f, HAL, "hal", 2, "");
    say(f, ADA, "pattern_share", "{'pattern':{'id':'p'}}");
    say(f, ADA, "os_component_share", "{'component':{'name':'n','id':'own'}}");
    say(f, BOB, "performance_report", "{'component_id':'own','performance':{'score':1}}");
    retract(f, "p");
    retract(f, "own");
    assert_int_equal(json_array_size(entry_of(f, "performance_benchmarks", "own")), 0);
    skip_all(f);
    say(f, ADA, "pattern_share", "{'pattern':{'id':'p'}}");
    json_t *error = expect_error(f, ADA, "retracted");
    assert_string_equal(string_of(error, "by"), "hal");
    assert_string_equal(string_of(error, "reason"), "secret");
    assert_non_null(strstr(string_of(error, "detail"), "\"p\" was retracted by \"hal\": secret"));
    say(f, BOB, "pattern_share", "{'pattern':{'id':'p'}}");
    expect_error(f, BOB, "retracted");
    say(f, BOB, "performance_report", "{'component_id':'p','performance':{'score':1}}");
    expect_error(f, BOB, "retracted");
    say(f, ADA, "os_component_share", "{'component':{'name':'n','id':'own'}}");
    expect_error(f, ADA, "retracted");
    say(f, BOB, "performance_report", "{'component_id':'own','performance':{'score':1}}");
    expect_error(f, BOB, "retracted");
    say(f, BOB, "os_component_share", "{'component':{'name':'n','id':'own'}}"); /* is its own */
    say(f, ADA, "os_component_share", "{'component':{'name':'n','id':'other'}}");
    say(f, BOB, "code_share", "{'code':{'id':'p'}}"); /* which was no code */
    skip_all(f);
    say(f, ADA, "performance_report", "{'component_id':'p','performance':{'score':1}}");
    expect_relayed(f, BOB);
    assert_int_equal(integer_of(entry_of(f, "shared_components", "p"), "usage_count"), 1);
    assert_int_equal(integer_of(entry_of(f, "shared_patterns", "p"), "usage_count"), 0);
    recount(f);
}

static void test_what_is_not_there_is_not_retracted(void **state)
{
    struct fixture *f = *state;
    join(f, ADA, "ada", 2, "");
    join(f, HAL, "hal", 2, "");
    say(f, ADA, "performance_report", "{'component_id':'loose','performance':{}}");
    skip_all(f);
    retract(f, "loose");
    expect_error(f, HAL, "not_found");
    say(f, ADA, "pattern_share", "{'pattern':{'id':'p'}}");
    retract(f, "p");
    skip_all(f);
    retract(f, "p");
    expect_error(f, HAL, "conflict");
    say(f, ADA, "moderation", "{'action':'retract','target':{'id':'p'},'reason':'r'}");
    expect_error(f, ADA, "forbidden");
    say(f, HAL, "moderation", "{'action':'retract','target':{'id':'p'}}");
    expect_error(f, HAL, "bad_payload");
    say(f, HAL, "moderation", "{'action':'retract','target':{'ai_id':'p'},'reason':'r'}");
    expect_error(f, HAL, "bad_payload");
    say(f, HAL, "moderation", "{'action':'retract','target':{'id':'%0*d'},'reason':'r'}",
        (int)COMPONENT_ID_BYTES_MAX + 1, 0);
    expect_error(f, HAL, "bad_payload");
}

/* What was sealed is told, as when its author withdraws it; the votes are gone. */
static void test_a_claim_ends_with_it(void **state)
{
    struct fixture *f = *state;
    join_five(f);
    join(f, HAL, "hal", 2, "");
    struct challenge sealed = claim(f, ADA, "p", 0.4);
    report(f, BOB, "p", &sealed, 0.4);
    skip_all(f);
    retract(f, "p");
    expect(f, CEY, "moderation");
    json_t *told = expect(f, CEY, "verification");
    assert_string_equal(string_of(told, "id"), "p");
    json_t *entry = entry_of(f, "shared_patterns", "p");
    assert_tombstone(entry, "pattern");
    assert_null(json_object_get(entry, "verification"));
    wait_ticking(f, SEAL_MS + 1000); /* nothing of it runs on */
    recount(f);
}

static void test_who_was_refuted_stays_so(void **state)
{
    struct fixture *f = *state;
    join_five(f);
    join(f, HAL, "hal", 2, "");
    struct challenge lie = claim(f, ADA, "p", 0.4);
    say(f, ADA, "pattern_share", "{'pattern':{'id':'q'}}");
    report(f, BOB, "p", &lie, 0.9);
    report(f, CEY, "p", &lie, 0.9);
    skip_all(f);
    retract(f, "p");
    assert_string_equal(account_of(f, "ada"), "1 1 0 1 0 0");
    assert_number(score_of(f, "ada"), 0);
    recount(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        RETRACTION_TEST(test_a_tombstone_is_left_in_its_place),
        RETRACTION_TEST(test_its_id_is_nobodys_again),
        RETRACTION_TEST(test_what_is_not_there_is_not_retracted),
        RETRACTION_TEST(test_a_claim_ends_with_it),
        RETRACTION_TEST(test_who_was_refuted_stays_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
