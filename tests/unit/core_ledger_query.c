/* ledger_query: which claims there are, what of them is told, and how pages follow each other. */
#include "core_claims.h"

static json_t *asked(struct fixture *f, const char *payload)
{
    skip_all(f);
    say(f, BOB, "ledger_query", "%s", payload);
    json_t *result = expect(f, BOB, "ledger_result");
    assert_string_equal(string_of(result, "in_reply_to"), last_message_id(f));
    expect_nothing(f, ADA);
    return result;
}

/* The ids of its claims, in order: "p q". */
static const char *ids_of(json_t *result)
{
    static char ids[200];
    json_t *one;
    size_t i;
    ids[0] = '\0';
    json_array_foreach(json_object_get(result, "claims"), i, one)
    {
        size_t len = strlen(ids);
        snprintf(ids + len, sizeof ids - len, "%s%s", i ? " " : "", string_of(one, "id"));
    }
    return ids;
}

static json_t *claim_in(json_t *result, size_t at)
{
    return json_array_get(json_object_get(result, "claims"), at);
}

static void disk_claim(struct fixture *f, unsigned peer, const char *id)
{
    static const char text[] = "khub parameters 1\ndisk\nv1\nboost=408f400000000000\n"
                               "quantum=3fe0000000000000\n";
    struct challenge challenge = commit_to(f, peer, "disk", "v1", digest_of(text));
    measure(f, peer, &challenge, 0.5);
    say(f, peer, "pattern_share",
        "{'pattern':{'id':'%s','commitment_id':'%s','nonce':'%s','subject':'disk',"
        "'subject_version':'v1','parameters':" PARAMETERS ",'seeds':64}}",
        id, challenge.id, challenge.nonce);
    expect_no(f, peer, "error");
}

static void test_claims_are_told_with_what_others_found(void **state)
{
    struct fixture *f = *state;
    join_five(f);
    say(f, ADA, "pattern_share", "{'pattern':{'id':'no-claim','subject':'cpu'}}");
    struct challenge challenge = claim(f, ADA, "p", 0.5);
    report(f, BOB, "p", &challenge, 0.5);
    json_t *result = asked(f, "{}");
    assert_string_equal(ids_of(result), "p");
    assert_null(json_object_get(result, "account"));
    json_t *one = claim_in(result, 0);
    assert_string_equal(names_of(one),
                        "agreeing,author,before,disagreeing,id,in_sight,revision,section,seq,"
                        "subject,subject_version,timestamp,verification");
    assert_string_equal(string_of(one, "section"), "shared_patterns");
    assert_string_equal(string_of(one, "author"), "ada");
    assert_string_equal(string_of(one, "subject"), "cpu");
    assert_string_equal(string_of(one, "subject_version"), "v1");
    assert_int_equal(integer_of(one, "revision"), 1);
    assert_int_equal(integer_of(one, "agreeing"), 0); /* it is sealed: who measures sees nothing */
    json_t *verification = json_object_get(one, "verification");
    assert_string_equal(string_of(verification, "status"), "claimed");
    assert_null(json_object_get(verification, "ratio"));
    assert_int_equal(json_array_size(json_object_get(verification, "verifiers")), 0);
    report(f, CEY, "p", &challenge, 0.5);
    one = claim_in(asked(f, "{'author':'ada'}"), 0);
    assert_int_equal(integer_of(one, "agreeing"), 2);
    assert_int_equal(integer_of(one, "disagreeing"), 0);
    verification = json_object_get(one, "verification");
    assert_string_equal(string_of(verification, "status"), "confirmed");
    assert_number(json_number_value(json_object_get(verification, "ratio")), 0.5);
    assert_int_equal(json_array_size(json_object_get(verification, "verifiers")), 2);
}

static void test_a_component_has_its_own_id_too(void **state)
{
    struct fixture *f = *state;
    join_five(f);
    struct challenge challenge = measured(f, ADA, 0.5);
    say(f, ADA, "os_component_share", "{'component':{'name':'sched','id':'own-7',%s}}",
        claim_of(&challenge, ""));
    json_t *one = claim_in(asked(f, "{}"), 0);
    assert_string_equal(string_of(one, "own_id"), "own-7");
    assert_string_equal(string_of(one, "section"), "collective_features");
}

/* When something else is shared under its id, it is no claim of now. */
static void test_a_claim_that_was_replaced_is_only_counted(void **state)
{
    struct fixture *f = *state;
    join_five(f);
    struct challenge challenge = claim(f, ADA, "p", 0.5);
    report(f, BOB, "p", &challenge, 0.7);
    report(f, CEY, "p", &challenge, 0.7);
    say(f, ADA, "pattern_share", "{'pattern':{'id':'p'}}");
    assert_string_equal(ids_of(asked(f, "{}")), "");
    claim(f, ADA, "p", 0.25);
    json_t *one = claim_in(asked(f, "{}"), 0);
    assert_int_equal(integer_of(one, "revision"), 3);
    assert_int_equal(integer_of(json_object_get(one, "before"), "refuted"), 1);
    assert_int_equal(integer_of(json_object_get(one, "before"), "confirmed"), 0);
}

static void test_claims_are_filtered(void **state)
{
    struct fixture *f = *state;
    join_five(f);
    struct challenge challenge = claim(f, ADA, "p", 0.5);
    disk_claim(f, ADA, "q");
    claim(f, CEY, "r", 0.25);
    report(f, BOB, "p", &challenge, 0.5);
    report(f, CEY, "p", &challenge, 0.5);
    assert_string_equal(ids_of(asked(f, "{'subject':'disk'}")), "q");
    assert_string_equal(ids_of(asked(f, "{'subject':'dis'}")), "");
    assert_string_equal(ids_of(asked(f, "{'status':'confirmed'}")), "p");
    assert_string_equal(ids_of(asked(f, "{'status':'refuted'}")), "");
    json_t *result = asked(f, "{'author':'cey'}");
    assert_string_equal(ids_of(result), "r");
    assert_int_equal(integer_of(json_object_get(result, "account"), "claims"), 1);
    result = asked(f, "{'author':'bob'}");
    assert_true(json_is_null(json_object_get(result, "account")));
}

static void test_pages_follow_in_the_order_of_changes(void **state)
{
    struct fixture *f = *state;
    char query[60];
    join_five(f);
    claim(f, ADA, "a", 0.5);
    claim(f, CEY, "b", 0.25);
    claim(f, ADA, "c", 0.75);
    json_t *result = asked(f, "{'limit':2}");
    assert_string_equal(ids_of(result), "a b");
    int next = integer_of(result, "next"), newest = integer_of(result, "newest");
    claim(f, ADA, "a", 0.625); /* it changes meanwhile, and comes again */
    snprintf(query, sizeof query, "{'after':%d}", next);
    result = asked(f, query);
    assert_string_equal(ids_of(result), "c a");
    assert_true(json_is_null(json_object_get(result, "next")));
    snprintf(query, sizeof query, "{'after':%d}", newest);
    assert_string_equal(ids_of(asked(f, query)), "a"); /* what is new since that answer */
    snprintf(query, sizeof query, "{'after':%d}", (int)integer_of(asked(f, "{}"), "newest"));
    assert_string_equal(ids_of(asked(f, query)), "");
}

static void test_what_is_wrong_is_named(void **state)
{
    static const struct {
        const char *payload, *says;
    } wrong[] = {
        {"{'status':'won'}", "\\\"contested\\\", and is \\\"won\\\""},
        {"{'limit':0}", "payload.limit"},
        {"{'limit':201}", "payload.limit"},
        {"{'after':-1}", "payload.after"},
        {"{'subject':7}", "payload.subject"},
        {"{'author':[]}", "payload.author"},
    };
    struct fixture *f = *state;
    join_five(f);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        skip_all(f);
        say(f, BOB, "ledger_query", "%s", wrong[i].payload);
        expect_error(f, BOB, "bad_payload");
        assert_non_null(strstr(read_line(f), wrong[i].says));
    }
    say(f, DAN, "ledger_query", "{}"); /* of level 1 */
    expect_error(f, DAN, "forbidden");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LEDGER_TEST(test_claims_are_told_with_what_others_found),
        LEDGER_TEST(test_a_component_has_its_own_id_too),
        LEDGER_TEST(test_a_claim_that_was_replaced_is_only_counted),
        LEDGER_TEST(test_claims_are_filtered),
        LEDGER_TEST(test_pages_follow_in_the_order_of_changes),
        LEDGER_TEST(test_what_is_wrong_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
