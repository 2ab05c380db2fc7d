/* Claims of modules: what is committed to is the C, and the C is what is claimed. All else is as
 * with parameters. */
#include "core_claims.h"

#include "wire/commitment.h"

#define SOURCE "int answer(void)\n{\n\treturn '\\\"';\n}\n"
/* The same as JSON, in two spellings; the fixture makes single quotes double. */
#define SPELT "'int answer(void)\\n{\\n\\treturn \\u0027\\\\\\u0022\\u0027;\\n}\\n'"
#define ESCAPED                                                                                    \
    "'int\\u0020answer(void)\\u000a{\\n\\u0009return \\u0027\\u005c\\'\\u0027;\\n\\u007D\\n'"

/* Commits to it, and says what it measured. */
static struct challenge promised(struct fixture *f, unsigned peer, const char *source, double ratio)
{
    struct challenge challenge = commit_to(f, peer, "cpu", "v1", module_of(source));
    measure(f, peer, &challenge, ratio);
    return challenge;
}

/* The members of a claim, with these in the place of parameters. */
static const char *members_of(const struct challenge *challenge, const char *members)
{
    static char text[2048];
    snprintf(
        text, sizeof text,
        "'commitment_id':'%s','nonce':'%s','subject':'cpu','subject_version':'v1','seeds':64%s",
        challenge->id, challenge->nonce, members);
    return text;
}

static struct challenge claim_module(struct fixture *f, unsigned peer, const char *id, double ratio)
{
    struct challenge challenge = promised(f, peer, SOURCE, ratio);
    say(f, peer, "pattern_share", "{'pattern':{'id':'%s',%s}}", id,
        members_of(&challenge, ",'source':" SPELT));
    expect_no(f, peer, "error");
    return challenge;
}

static const char *kind_of(struct fixture *f, const char *id)
{
    return string_of(verification_of(f, id), "kind");
}

static void test_a_module_is_claimed_and_confirmed(void **state)
{
    struct fixture *f = *state;
    join_five(f);
    struct challenge challenge = claim_module(f, ADA, "p", 0.5);
    expect_relayed(f, BOB);
    assert_string_equal(kind_of(f, "p"), "module");
    assert_true(json_is_true(json_object_get(verification_of(f, "p"), "sealed")));
    report(f, BOB, "p", &challenge, 0.5);
    report(f, CEY, "p", &challenge, 0.5);
    json_t *told = expect(f, ADA, "verification");
    assert_string_equal(string_of(told, "status"), "confirmed");
    assert_string_equal(string_of(json_object_get(told, "verification"), "kind"), "module");
    say(f, BOB, "ledger_query", "{}");
    json_t *claims = json_object_get(expect(f, BOB, "ledger_result"), "claims");
    assert_string_equal(
        string_of(json_object_get(json_array_get(claims, 0), "verification"), "kind"), "module");
    assert_string_equal(account_of(f, "ada"), "1 1 1 0 0 0");
}

/* However they measured it, that it can't be is something to agree on. */
static void test_a_component_whose_c_can_not_be_measured_is_refuted(void **state)
{
    struct fixture *f = *state;
    join_five(f);
    struct challenge challenge = promised(f, ADA, SOURCE, 0.25);
    say(f, ADA, "os_component_share", "{'component':{'name':'n','id':'own',%s}}",
        members_of(&challenge, ",'source':" ESCAPED ",'module':'a text for people'"));
    for (unsigned peer = BOB; peer <= CEY; peer++)
        say(f, peer, "performance_report",
            "{'component_id':'own','performance':{'n':64,'nonce':'%s','claim_holds':false,"
            "'ratio':0,'reason':'it does not compile'}}",
            challenge.nonce);
    assert_string_equal(string_of(expect(f, ADA, "verification"), "status"), "refuted");
    assert_string_equal(account_of(f, "ada"), "1 1 0 1 0 0");
}

static void test_parameters_come_first(void **state)
{
    struct fixture *f = *state;
    join_five(f);
    struct challenge challenge = measured(f, ADA, 0.5);
    say(f, ADA, "pattern_share", "{'pattern':{'id':'p',%s}}",
        claim_of(&challenge, ",'source':7,'module':'compiled'"));
    expect_no(f, ADA, "error");
    assert_string_equal(kind_of(f, "p"), "parameters");
    /* and a module is none when there are some, whatever they are */
    challenge = promised(f, ADA, SOURCE, 0.5);
    say(f, ADA, "pattern_share", "{'pattern':{'id':'q',%s}}",
        members_of(&challenge, ",'source':" SPELT ",'parameters':null"));
    assert_non_null(strstr(string_of(expect_error(f, ADA, "bad_payload"), "detail"),
                           "payload.pattern.parameters must be an object"));
    say(f, ADA, "pattern_share", "{'pattern':{'id':'q',%s}}",
        members_of(&challenge, ",'source':" SPELT ",'parameters':{}"));
    assert_non_null(strstr(string_of(expect_error(f, ADA, "bad_claim"), "detail"),
                           "payload.pattern.parameters have the SHA-256"));
    assert_string_equal(account_of(f, "ada"), "2 1 0 0 0 1");
}

static void test_a_claim_of_a_module_has_its_form(void **state)
{
    static const struct {
        const char *members, *says;
    } wrong[] = {
        {"", "neither parameters {name: number} nor the source of a module"},
        {",'module':'int a;'", "neither parameters {name: number} nor the source of a module"},
        {",'source':null", "source must be a non-empty string, and is null"},
        {",'source':''", "source must be a non-empty string, and is empty"},
        {",'source':7", "source must be a non-empty string, and is a number"},
        {",'source':['int a;']", "source must be a non-empty string, and is an array"},
        {",'source':'int a;\\u0000'", "source has a NUL in it"},
        {",'source':'int a;','ratio_heldout':0.5", "ratio_heldout would tell"},
        {",'source':'int a;','seeds':63", "seeds must be 64"},
    };
    struct fixture *f = *state;
    join_five(f);
    struct challenge challenge = promised(f, ADA, "int a;", 0.5);
    for (unsigned i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        say(f, ADA, "pattern_share", "{'pattern':{'id':'p',%s}}",
            members_of(&challenge, wrong[i].members));
        const char *detail = string_of(expect_error(f, ADA, "bad_payload"), "detail");
        if (!strstr(detail, wrong[i].says) || !strstr(detail, "payload.pattern"))
            fail_msg("'%s' does not say '%s'", detail, wrong[i].says);
        expect_nothing(f, BOB);
    }
    assert_string_equal(account_of(f, "ada"), "1 0 0 0 0 0");
}

static void test_a_module_that_was_not_committed_to(void **state)
{
    static const char says[] = "payload.pattern.source is a module of the SHA-256 ";
    static const char *const sources[] = {"'int a; '", "'int a'", "'int b;'", "'\\u00efnt a;'"};
    struct fixture *f = *state;
    char more[64], wanted[64];
    join_five(f);
    struct challenge challenge = promised(f, ADA, "int a;", 0.5);
    for (unsigned i = 0; i < sizeof sources / sizeof *sources; i++) {
        snprintf(more, sizeof more, ",'source':%s", sources[i]);
        say(f, ADA, "pattern_share", "{'pattern':{'id':'p',%s}}", members_of(&challenge, more));
        const char *detail = string_of(expect_error(f, ADA, "bad_claim"), "detail");
        if (!strstr(detail, says) || !strstr(detail, module_of("int a;")))
            fail_msg("'%s' does not say '%s'", detail, says);
        expect_nothing(f, BOB);
        snprintf(wanted, sizeof wanted, "1 0 0 0 0 %u", i + 1);
        assert_string_equal(account_of(f, "ada"), wanted);
    }
    say(f, ADA, "pattern_share", "{'pattern':{'id':'p',%s}}",
        members_of(&challenge, ",'source':'\\u0069nt a;'"));
    expect_no(f, ADA, "error");
    assert_string_equal(account_of(f, "ada"), "1 1 0 0 0 4");
}

/* Else one could commit to the one and, when the nonce is known, claim the other. */
static void test_one_kind_is_never_the_other(void **state)
{
    struct fixture *f = *state;
    join_five(f);
    struct challenge of_source = commit_to(f, ADA, "cpu", "v1", digest_of("int a;")),
                     of_text = commit_to(f, ADA, "cpu", "v1", digest_of(canonical));
    measure(f, ADA, &of_source, 0.5);
    measure(f, ADA, &of_text, 0.5);
    /* the source's own hash names no subject, and a source that is the text of parameters is one */
    say(f, ADA, "pattern_share", "{'pattern':{'id':'p',%s}}",
        members_of(&of_source, ",'source':'int a;'"));
    expect_error(f, ADA, "bad_claim");
    say(f, ADA, "pattern_share", "{'pattern':{'id':'p',%s}}",
        members_of(&of_text, ",'source':'khub parameters 1\\ncpu\\nv1\\nboost=408f400000000000\\n"
                             "quantum=3fe0000000000000\\n'"));
    expect_error(f, ADA, "bad_claim");
    assert_string_equal(account_of(f, "ada"), "2 0 0 0 0 2");
}

/* Says a claim of a source of so many letters. */
static void say_source_of(struct fixture *f, const struct challenge *challenge, size_t length)
{
    static char line[COMMITMENT_SOURCE_MAX + 1024];
    int head = snprintf(line, sizeof line,
                        "{\"message_id\":\"m%zu\",\"sender_id\":\"ada\",\"message_type\":"
                        "\"pattern_share\",\"timestamp\":\"t\",\"payload\":{\"pattern\":{\"id\":"
                        "\"p\",\"commitment_id\":\"%s\",\"nonce\":\"%s\",\"subject\":\"cpu\","
                        "\"subject_version\":\"v1\",\"seeds\":64,\"source\":\"",
                        length, challenge->id, challenge->nonce);
    memset(line + head, 'x', length);
    int tail = snprintf(line + head + length, sizeof line - (size_t)head - length, "\"}}}");
    say_bytes(f, ADA, line, (size_t)head + length + (size_t)tail);
}

static void test_a_source_ends_at_its_limit(void **state)
{
    struct fixture *f = *state;
    static char source[COMMITMENT_SOURCE_MAX + 2];
    join_five(f);
    memset(source, 'x', COMMITMENT_SOURCE_MAX + 1);
    struct challenge larger = promised(f, ADA, source, 0.5);
    source[COMMITMENT_SOURCE_MAX] = '\0';
    struct challenge largest = promised(f, ADA, source, 0.5);
    say_source_of(f, &larger, COMMITMENT_SOURCE_MAX + 1);
    json_t *error = expect(f, ADA, "error");
    assert_string_equal(string_of(error, "code"), "bad_payload");
    assert_non_null(
        strstr(string_of(error, "detail"), "payload.pattern.source is longer than 262144 bytes"));
    say_source_of(f, &largest, COMMITMENT_SOURCE_MAX);
    expect_no(f, ADA, "error");
    assert_string_equal(kind_of(f, "p"), "module");
}

/* What became of it before stays counted, and what it is now is said. */
static void test_an_entry_may_go_from_one_kind_to_the_other(void **state)
{
    struct fixture *f = *state;
    join_five(f);
    struct challenge challenge = claim(f, ADA, "p", 0.5);
    report(f, BOB, "p", &challenge, 0.5);
    report(f, CEY, "p", &challenge, 0.5);
    assert_string_equal(kind_of(f, "p"), "parameters");
    claim_module(f, ADA, "p", 0.25);
    assert_string_equal(kind_of(f, "p"), "module");
    assert_status(f, "p", "claimed");
    assert_string_equal(account_of(f, "ada"), "2 2 1 0 0 0");
    claim(f, ADA, "p", 0.5);
    assert_string_equal(kind_of(f, "p"), "parameters");
    assert_string_equal(account_of(f, "ada"), "2 3 1 0 0 0");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LEDGER_TEST(test_a_module_is_claimed_and_confirmed),
        LEDGER_TEST(test_a_component_whose_c_can_not_be_measured_is_refuted),
        LEDGER_TEST(test_parameters_come_first),
        LEDGER_TEST(test_a_claim_of_a_module_has_its_form),
        LEDGER_TEST(test_a_module_that_was_not_committed_to),
        LEDGER_TEST(test_one_kind_is_never_the_other),
        LEDGER_TEST(test_a_source_ends_at_its_limit),
        LEDGER_TEST(test_an_entry_may_go_from_one_kind_to_the_other),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
