/* What becomes of a claim: what others measure, its status and what that costs, its revisions,
 * and what was derived from it. */
#include "core_claims.h"

/* ── verification ── */

static void expect_verification(struct fixture *f, unsigned peer, const char *was,
                                const char *status, unsigned agreeing, unsigned disagreeing)
{
    json_t *whole = expect_whole(f, peer, "verification");
    json_t *told = json_object_get(whole, "payload");
    assert_string_equal(string_of(whole, "sender_id"), "hub");
    assert_string_equal(names_of(told), "agreeing,author,disagreeing,id,in_sight,section,status,"
                                        "verification,was");
    assert_string_equal(string_of(told, "id"), "p");
    assert_string_equal(string_of(told, "section"), "shared_patterns");
    assert_string_equal(string_of(told, "author"), "ada");
    assert_string_equal(string_of(told, "was"), was);
    assert_string_equal(string_of(told, "status"), status);
    assert_int_equal(integer_of(told, "agreeing"), agreeing);
    assert_int_equal(integer_of(told, "disagreeing"), disagreeing);
}

static void test_two_others_confirm(void **state)
{
    struct fixture *f = *state;
    join_five(f);
    struct challenge challenge = claim(f, ADA, "p", 0.5);
    skip_all(f);
    report(f, BOB, "p", &challenge, 0.5);
    assert_status(f, "p", "claimed");
    expect_nothing(f, CEY);
    report(f, CEY, "p", &challenge, 0.5);
    /* all of level 2 hear of it, whoever they are */
    for (unsigned peer = ADA; peer <= EVE; peer++)
        if (peer != DAN)
            expect_verification(f, peer, "claimed", "confirmed", 2, 0);
    expect_no(f, DAN, "verification");
    assert_status(f, "p", "confirmed");
    assert_number(score_of(f, "ada"), 3);
    assert_string_equal(account_of(f, "ada"), "1 1 1 0 0 0");
}

static void test_two_others_refute(void **state)
{
    struct fixture *f = *state;
    join_five(f);
    for (unsigned i = 0; i < 12; i++)
        say(f, ADA, "pattern_share", "{'pattern':{'id':'x%u'}}", i);
    struct challenge challenge = claim(f, ADA, "p", 0.4);
    skip_all(f);
    report(f, BOB, "p", &challenge, 0.7);
    report(f, DAN, "p", &challenge, 0.7);
    expect_verification(f, ADA, "claimed", "refuted", 0, 2);
    assert_number(score_of(f, "ada"), 13 + 2 - 10);
    assert_string_equal(account_of(f, "ada"), "1 1 0 1 0 0");
    /* two who agree make it contested, and give back what it cost */
    report(f, CEY, "p", &challenge, 0.4);
    expect_no(f, ADA, "verification");
    join(f, FAY, "fay", 2, "");
    report(f, FAY, "p", &challenge, 0.4);
    expect_verification(f, ADA, "refuted", "contested", 0, 2);
    assert_number(score_of(f, "ada"), 13 + 4);
    assert_string_equal(account_of(f, "ada"), "1 1 0 0 1 0");
    /* they saw the answer: however many follow them, they confirm nothing */
    report(f, BOB, "p", &challenge, 0.4);
    expect_verification(f, ADA, "contested", "claimed", 0, 1);
    report(f, DAN, "p", &challenge, 0.4);
    assert_status(f, "p", "claimed");
}

static void test_those_who_find_different_numbers_contest(void **state)
{
    struct fixture *f = *state;
    join_five(f);
    struct challenge challenge = claim(f, ADA, "p", 0.4);
    skip_all(f);
    report(f, BOB, "p", &challenge, 0.7);
    report(f, CEY, "p", &challenge, 0.8);
    expect_no(f, ADA, "verification"); /* a third is waited for */
    report(f, DAN, "p", &challenge, 0.8);
    expect_verification(f, ADA, "claimed", "refuted", 0, 3);
    report(f, DAN, "p", &challenge, 0.4);
    expect_verification(f, ADA, "refuted", "contested", 0, 2);
}

static void test_a_score_never_falls_below_nothing(void **state)
{
    struct fixture *f = *state;
    join_five(f);
    struct challenge challenge = claim(f, ADA, "p", 0.4);
    report(f, BOB, "p", &challenge, 0.7);
    report(f, CEY, "p", &challenge, 0.7);
    assert_number(score_of(f, "ada"), 0);
    for (unsigned i = 0; i < 9; i++)
        say(f, ADA, "pattern_share", "{'pattern':{'id':'x%u'}}", i);
    assert_number(score_of(f, "ada"), 2);
}

static void test_what_is_no_verification(void **state)
{
    static const char *const reports[] = {
        "{'ratio':0.5,'n':64}",
        "{'ratio':0.5,'n':63,'nonce':'NONCE'}",
        "{'ratio':0.5,'n':'64','nonce':'NONCE'}",
        "{'ratio':0.5,'nonce':'NONCE'}",
        "{'ratio':0.5,'n':64,'nonce':'00000000000000000000000000000000'}",
        "{'ratio':0.5,'n':64,'nonce':null}",
        "{'ratio':'0.5','n':64,'nonce':'NONCE'}",
        "{'ratio':1e999,'n':64,'nonce':'NONCE'}",
        "{'ratio':0,'n':64,'nonce':'NONCE'}",
        "{'ratio':-0.5,'n':64,'nonce':'NONCE'}",
        "{'n':64,'nonce':'NONCE','claim_holds':true}",
        "{'score':0.5}",
    };
    struct fixture *f = *state;
    char payload[256];
    join_five(f);
    struct challenge challenge = claim(f, ADA, "p", 0.5);
    for (unsigned i = 0; i < sizeof reports / sizeof *reports; i++) {
        snprintf(payload, sizeof payload, "%s", reports[i]);
        char *place = strstr(payload, "NONCE");
        if (place)
            snprintf(place, sizeof payload - (size_t)(place - payload), "%s%s", challenge.nonce,
                     strstr(reports[i], "NONCE") + 5);
        say(f, BOB, "performance_report", "{'component_id':'p','performance':%s}", payload);
        expect_no(f, BOB, "error");
        assert_int_equal(held_count(f, "p"), 0);
    }
    /* the author's own */
    report(f, ADA, "p", &challenge, 0.5);
    assert_int_equal(held_count(f, "p"), 0);
    /* n is a number, however it is spelt */
    say(f, BOB, "performance_report",
        "{'component_id':'p','performance':{'ratio':0.5,'n':64.0,'nonce':'%s'}}", challenge.nonce);
    assert_int_equal(held_count(f, "p"), 1);
}

static void test_the_latest_measurement_of_each_counts(void **state)
{
    struct fixture *f = *state;
    join_five(f);
    struct challenge challenge = claim(f, ADA, "p", 0.5);
    skip_all(f);
    for (unsigned i = 0; i < 3; i++)
        report(f, BOB, "p", &challenge, 0.5);
    assert_status(f, "p", "claimed");
    report(f, CEY, "p", &challenge, 0.5);
    expect_verification(f, ADA, "claimed", "confirmed", 2, 0);
    /* a report on something else takes nothing back */
    say(f, CEY, "performance_report", "{'component_id':'p','performance':{'score':0.1}}");
    assert_status(f, "p", "confirmed");
    report(f, BOB, "p", &challenge, 0.6);
    expect_verification(f, ADA, "confirmed", "claimed", 1, 0);
}

static void test_verifiers_are_named_with_what_they_found(void **state)
{
    struct fixture *f = *state;
    char long_text[VERIFIER_TEXT_MAX + 2];
    memset(long_text, 'x', sizeof long_text);
    long_text[VERIFIER_TEXT_MAX] = '\0';
    join_five(f);
    struct challenge challenge = claim(f, ADA, "p", 0.5);
    say(f, BOB, "performance_report",
        "{'component_id':'p','performance':{'ratio':0.5,'n':64,'nonce':'%s','ratio_own':0.75,"
        "'profile':'peer\\/bob','ci95_own':0.1,'reason':'%s'}}",
        challenge.nonce, long_text);
    say(f, CEY, "performance_report",
        "{'component_id':'p','performance':{'n':64,'nonce':'%s','claim_holds':false,"
        "'ratio_own':'?','profile':['x'],'reason':'%sx'}}",
        challenge.nonce, long_text);
    report(f, DAN, "p", &challenge, 0.5);
    json_t *verifiers = json_object_get(verification_of(f, "p"), "verifiers");
    json_t *bob = json_array_get(verifiers, 0), *cey = json_array_get(verifiers, 1);
    assert_string_equal(names_of(bob), "agrees,ai_id,owner,profile,ratio,ratio_own,reason");
    assert_string_equal(string_of(bob, "ai_id"), "bob");
    assert_true(json_is_true(json_object_get(bob, "agrees")));
    assert_true(number_of(bob, "ratio") == 0.5);
    assert_true(number_of(bob, "ratio_own") == 0.75);
    assert_string_equal(string_of(bob, "profile"), "peer/bob");
    assert_string_equal(string_of(bob, "reason"), long_text);
    assert_string_equal(names_of(cey), "agrees,ai_id,owner");
    assert_true(json_is_false(json_object_get(cey, "agrees")));
}

/* Whatever is said of a claim, and whatever it is called, is strict JSON when the hub says it
 * again (the fixture checks each line). */
static void test_odd_texts_and_numbers_are_told_as_json(void **state)
{
    static const char odd[] = "a\\u0001b\\\"c\\\\\\u007f\\ud83d\\ude00}";
    static const char *const numbers[] = {"1e-320", "1e308", "-0", "-0.0", "1E+2", "5e-324"};
    struct fixture *f = *state;
    char id[64];
    join_five(f);
    for (unsigned i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        snprintf(id, sizeof id, "%u%s", i, odd);
        struct challenge challenge = commit_quantum(f, ADA, i);
        measure(f, ADA, &challenge, i ? 0.5 : 1e-320);
        say(f, ADA, "pattern_share", "{'pattern':{'id':'%s',%s}}", id, claim_of(&challenge, ""));
        for (unsigned peer = BOB; peer <= CEY; peer++)
            say(f, peer, "performance_report",
                "{'component_id':'%s','performance':{'ratio':%s,'n':64,'nonce':'%s',"
                "'claim_holds':false,'ratio_own':%s,'profile':'%s','reason':'%s'}}",
                id, numbers[i], challenge.nonce, numbers[i], odd, odd);
        json_t *whole = expect_whole(f, EVE, "verification");
        json_t *told = json_object_get(json_object_get(whole, "payload"), "id");
        assert_int_equal(json_string_length(told), 13);
        char more[80];
        snprintf(more, sizeof more, "['%s']", id);
        snprintf(id, sizeof id, "child-%u", i);
        derive_claim(f, ADA, id, more);
    }
    assert_int_equal(json_object_size(knowledge(f, "shared_patterns")), 12);
    assert_string_equal(account_of(f, "ada"), "12 12 0 6 0 0");
}

/* Parameters that no simulator takes: nobody can measure them, and on that they agree. */
static void test_what_can_not_be_measured_is_refuted(void **state)
{
    struct fixture *f = *state;
    join_five(f);
    struct challenge challenge = claim(f, ADA, "p", 0.5);
    for (unsigned peer = BOB; peer <= CEY; peer++)
        say(f, peer, "performance_report",
            "{'component_id':'p','performance':{'n':64,'nonce':'%s','claim_holds':false}}",
            challenge.nonce);
    assert_status(f, "p", "refuted");
}

static void test_the_same_number_may_be_denied(void **state)
{
    struct fixture *f = *state;
    join_five(f);
    struct challenge challenge = claim(f, ADA, "p", 0.5);
    for (unsigned peer = BOB; peer <= CEY; peer++)
        say(f, peer, "performance_report",
            "{'component_id':'p','performance':{'ratio':0.5,'n':64,'nonce':'%s','claim_holds':"
            "false,'reason':'its C is not what its parameters render to'}}",
            challenge.nonce);
    assert_status(f, "p", "refuted");
    report(f, BOB, "p", &challenge, 0.5); /* claim_holds is absent: it need not be said */
    assert_status(f, "p", "contested");
}

static void test_agreement_has_a_tolerance(void **state)
{
    static const struct {
        double claimed, measured;
        bool agrees;
    } pairs[] = {{0.5, 0.5 * (1 + 0.99e-9), true},  {0.5, 0.5 * (1 - 0.99e-9), true},
                 {0.5, 0.5 * (1 + 1.01e-9), false}, {0.5, 0.5 * (1 - 1.01e-9), false},
                 {1e9, 1e9 + 0.99, true},           {1e9, 1e9 + 1.01, false},
                 {1e-300, 1.000000001e-300, true},  {1e-300, 1.00000001e-300, false},
                 {1e308, 1.0000000001e308, true},   {1e308, 0.99e308, false}};
    struct fixture *f = *state;
    char id[16];
    join_five(f);
    for (unsigned i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        snprintf(id, sizeof id, "p%u", i);
        struct challenge challenge = commit_quantum(f, ADA, i);
        measure(f, ADA, &challenge, pairs[i].claimed);
        say(f, ADA, "pattern_share", "{'pattern':{'id':'%s',%s}}", id, claim_of(&challenge, ""));
        report(f, BOB, id, &challenge, pairs[i].measured);
        json_t *verifiers = held_of(f, id);
        if (json_is_true(json_object_get(json_array_get(verifiers, 0), "agrees")) !=
            pairs[i].agrees)
            fail_msg("%.17g measured for %.17g", pairs[i].measured, pairs[i].claimed);
        json_decref(verifiers);
    }
}

/* Of those who disagree only such are of one mind as agree with each other, each with each. */
static void test_disagreement_has_the_same_tolerance(void **state)
{
    struct fixture *f = *state;
    join_five(f);
    struct challenge challenge = claim(f, ADA, "p", 0.5);
    report(f, BOB, "p", &challenge, 0.7);
    report(f, CEY, "p", &challenge, 0.7 * (1 + 1.5e-9));
    assert_status(f, "p", "claimed");
    report(f, DAN, "p", &challenge, 0.7 * (1 + 0.8e-9)); /* near to both of them */
    assert_status(f, "p", "refuted");
}

static void test_both_camps_are_heard(void **state)
{
    struct fixture *f = *state;
    char id[16];
    join_five(f);
    struct challenge challenge = claim(f, ADA, "p", 0.4);
    report(f, BOB, "p", &challenge, 0.7);
    report(f, CEY, "p", &challenge, 0.7);
    for (unsigned i = 0; i < 2 * VERIFIERS_MAX; i++) {
        snprintf(id, sizeof id, "sybil-%u", i);
        open_peer(f, JON + 1 + i);
        say_hello(f, JON + 1 + i, id, "{}");
        report(f, JON + 1 + i, "p", &challenge, 0.4);
    }
    json_t *verification = verification_of(f, "p");
    json_t *verifiers = json_object_get(verification, "verifiers");
    assert_string_equal(string_of(verification, "status"), "contested");
    assert_int_equal(json_array_size(verifiers), VERIFIERS_MAX);
    assert_string_equal(string_of(json_array_get(verifiers, 0), "ai_id"), "bob");
    snprintf(id, sizeof id, "sybil-%u", 2 * VERIFIERS_MAX - 1);
    assert_string_equal(string_of(json_array_get(verifiers, VERIFIERS_MAX - 1), "ai_id"), id);
}

/* More than are kept say what those said who came first, until none of them is left, and then
 * all change their minds. */
static void outvote(struct fixture *f, const char *id, const struct challenge *challenge,
                    double first, double step, double then)
{
    char sybil[16];
    for (unsigned i = 0; i < VERIFIERS_MAX + 2; i++) {
        snprintf(sybil, sizeof sybil, "%s-%u", id, i);
        open_peer(f, JON + 1 + i);
        say_hello(f, JON + 1 + i, sybil, "{}");
        report(f, JON + 1 + i, id, challenge, first + step * i);
    }
    json_t *verifiers = json_object_get(verification_of(f, id), "verifiers");
    assert_string_equal(string_of(json_array_get(verifiers, 2), "ai_id") + strlen(id), "-4");
    for (unsigned i = 0; i < VERIFIERS_MAX + 2; i++)
        report(f, JON + 1 + i, id, challenge, then);
    for (unsigned i = 0; i < VERIFIERS_MAX + 2; i++)
        leave(f, JON + 1 + i);
}

/* Two honest ones who were pushed out of the list of verifiers are outvoted as little as two
 * that are in it. */
static void test_those_pushed_out_still_count(void **state)
{
    struct fixture *f = *state;
    join_five(f);
    struct challenge lie = claim(f, ADA, "lie", 0.4), truth = claim(f, ADA, "truth", 0.5);
    report(f, BOB, "lie", &lie, 0.7);
    report(f, CEY, "lie", &lie, 0.7);
    outvote(f, "lie", &lie, 1, 0.1, 0.4);
    assert_status(f, "lie", "contested");
    report(f, BOB, "truth", &truth, 0.5);
    report(f, CEY, "truth", &truth, 0.5);
    outvote(f, "truth", &truth, 0.5, 0, 0.7);
    assert_status(f, "truth", "contested");
    /* a new claim begins with nobody on either side */
    lie = claim(f, ADA, "lie", 0.7);
    report(f, BOB, "lie", &lie, 0.7);
    report(f, CEY, "lie", &lie, 0.7);
    assert_status(f, "lie", "confirmed");
}

/* Two who could not see the answer found another number, and two agreed: it is contested, and stays
 * so when those two are pushed out by others, who change their minds when they are gone. */
static void test_those_pushed_out_are_not_forgotten(void **state)
{
    struct fixture *f = *state;
    join_five(f);
    join(f, FAY, "fay", 2, "");
    struct challenge challenge = claim(f, ADA, "p", 0.5);
    say(f, ADA, "os_component_share", "{'component':{'name':'n','id':'own',%s}}",
        claim_of(&challenge, ""));
    report(f, DAN, "p", &challenge, 0.7);
    report(f, FAY, "own", &challenge, 0.7);
    report(f, BOB, "p", &challenge, 0.5);
    report(f, CEY, "p", &challenge, 0.5);
    assert_status(f, "p", "confirmed");
    report(f, FAY, "p", &challenge, 0.7); /* as she said before the answer was told */
    assert_status(f, "p", "contested");
    /* just so many that those two go, and nobody else */
    for (unsigned round = 0; round < 2; round++)
        for (unsigned i = 0; i + 2 < VERIFIERS_MAX; i++) {
            char sybil[16];
            snprintf(sybil, sizeof sybil, "sybil-%u", i);
            if (round == 0) {
                open_peer(f, JON + 1 + i);
                say_hello(f, JON + 1 + i, sybil, "{}");
            }
            report(f, JON + 1 + i, "p", &challenge, round == 0 ? 0.5 : 0.7);
        }
    json_t *verifiers = json_object_get(verification_of(f, "p"), "verifiers");
    assert_int_equal(json_array_size(verifiers), VERIFIERS_MAX);
    assert_string_equal(string_of(json_array_get(verifiers, 0), "ai_id"), "dan");
    assert_string_equal(string_of(json_array_get(verifiers, 1), "ai_id"), "fay");
    assert_status(f, "p", "contested");
}

/* ── revisions ── */

static void test_the_same_claim_again_keeps_its_verifiers(void **state)
{
    struct fixture *f = *state;
    join_five(f);
    struct challenge challenge = claim(f, ADA, "p", 0.5);
    report(f, BOB, "p", &challenge, 0.5);
    report(f, CEY, "p", &challenge, 0.5);
    say(f, ADA, "pattern_share", "{'pattern':{'id':'p','note':'again',%s}}",
        claim_of(&challenge, ""));
    assert_status(f, "p", "confirmed");
    assert_string_equal(account_of(f, "ada"), "1 1 1 0 0 0");
}

/* What was refuted stays so on the account, whatever becomes of the entry. */
static void test_history_is_not_rewritten(void **state)
{
    struct fixture *f = *state;
    join_five(f);
    for (unsigned i = 0; i < 20; i++)
        say(f, ADA, "pattern_share", "{'pattern':{'id':'x%u'}}", i);
    struct challenge challenge = claim(f, ADA, "p", 0.4);
    report(f, BOB, "p", &challenge, 0.7);
    report(f, CEY, "p", &challenge, 0.7);
    assert_number(score_of(f, "ada"), 21 + 2 - 10);
    skip_all(f);
    /* the truth at last: a new claim, which nobody has measured yet */
    challenge = claim(f, ADA, "p", 0.7);
    expect_no(f, BOB, "verification");
    assert_status(f, "p", "claimed");
    assert_string_equal(account_of(f, "ada"), "2 2 0 1 0 0");
    assert_number(score_of(f, "ada"), 21 + 2 - 10);
    report(f, BOB, "p", &challenge, 0.7);
    report(f, CEY, "p", &challenge, 0.7);
    assert_status(f, "p", "confirmed");
    assert_string_equal(account_of(f, "ada"), "2 2 1 1 0 0");
    /* no claim any more */
    say(f, ADA, "pattern_share", "{'pattern':{'id':'p'}}");
    assert_null(verification_of(f, "p"));
    report(f, DAN, "p", &challenge, 0.9);
    assert_null(verification_of(f, "p"));
    assert_string_equal(account_of(f, "ada"), "2 2 1 1 0 0");
    assert_number(score_of(f, "ada"), 21 + 5 - 10);
}

/* ── what is derived from what ── */

static const char *refuted_parents_of(struct fixture *f, const char *id)
{
    return joined_of(verification_of(f, id), "refuted_parents");
}

static void test_refuting_flags_what_was_derived(void **state)
{
    struct fixture *f = *state;
    join_five(f);
    struct challenge root = claim(f, ADA, "root", 0.4), second = claim(f, ADA, "second", 0.3);
    derive_claim(f, BOB, "child", "['root','nobody-knows-it',7]");
    derive_claim(f, CEY, "grandchild", "['child','second','child']");
    derive_claim(f, CEY, "stranger", "'root'");
    assert_string_equal(refuted_parents_of(f, "grandchild"), "");
    report(f, BOB, "root", &root, 0.7);
    report(f, CEY, "root", &root, 0.7);
    assert_string_equal(refuted_parents_of(f, "child"), "root");
    assert_string_equal(refuted_parents_of(f, "grandchild"), "root");
    assert_string_equal(refuted_parents_of(f, "stranger"), "");
    assert_string_equal(refuted_parents_of(f, "root"), "");
    report(f, BOB, "second", &second, 0.7);
    report(f, CEY, "second", &second, 0.7);
    assert_string_equal(refuted_parents_of(f, "grandchild"), "second,root"); /* the nearest first */
    report(f, BOB, "root", &root, 0.4);
    assert_string_equal(refuted_parents_of(f, "child"), "");
    assert_string_equal(refuted_parents_of(f, "grandchild"), "second");
}

static void test_descent_may_go_in_circles(void **state)
{
    struct fixture *f = *state;
    join_five(f);
    struct challenge root = claim(f, ADA, "a", 0.4);
    derive_claim(f, BOB, "b", "['a','b']");
    derive_claim(f, BOB, "c", "['b']");
    derive_claim(f, BOB, "b", "['c','a']");
    report(f, BOB, "a", &root, 0.7);
    report(f, CEY, "a", &root, 0.7);
    assert_string_equal(refuted_parents_of(f, "b"), "a");
    assert_string_equal(refuted_parents_of(f, "c"), "a");
}

/* A line of descent, followed as far as it is followed; and more parents than are looked at. */
static void test_descent_is_followed_within_bounds(void **state)
{
    struct fixture *f = *state;
    char id[16], parents[1024];
    size_t at = 0;
    join_five(f);
    struct challenge root = claim(f, ADA, "g0", 0.4);
    for (unsigned i = 1; i <= ANCESTORS_MAX + 1; i++) {
        snprintf(id, sizeof id, "g%u", i);
        snprintf(parents, sizeof parents, "['g%u']", i - 1);
        derive_claim(f, BOB, id, parents);
    }
    report(f, BOB, "g0", &root, 0.7);
    report(f, CEY, "g0", &root, 0.7);
    snprintf(id, sizeof id, "g%u", ANCESTORS_MAX);
    assert_string_equal(refuted_parents_of(f, id), "g0");
    snprintf(id, sizeof id, "g%u", ANCESTORS_MAX + 1);
    assert_string_equal(refuted_parents_of(f, id), "");
    for (unsigned i = 0; i < PARENTS_MAX; i++)
        at += (size_t)snprintf(parents + at, sizeof parents - at, "%s'x%u'", i ? "," : "[", i);
    strcpy(parents + at, ",'g0']");
    derive_claim(f, BOB, "late", parents);
    assert_string_equal(refuted_parents_of(f, "late"), "");
    strcpy(strrchr(parents, 'x') - 1, "'g0']");
    derive_claim(f, BOB, "last", parents);
    assert_string_equal(refuted_parents_of(f, "last"), "g0");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LEDGER_TEST(test_two_others_confirm),
        LEDGER_TEST(test_two_others_refute),
        LEDGER_TEST(test_those_who_find_different_numbers_contest),
        LEDGER_TEST(test_a_score_never_falls_below_nothing),
        LEDGER_TEST(test_what_is_no_verification),
        LEDGER_TEST(test_the_latest_measurement_of_each_counts),
        LEDGER_TEST(test_verifiers_are_named_with_what_they_found),
        LEDGER_TEST(test_odd_texts_and_numbers_are_told_as_json),
        LEDGER_TEST(test_what_can_not_be_measured_is_refuted),
        LEDGER_TEST(test_the_same_number_may_be_denied),
        LEDGER_TEST(test_agreement_has_a_tolerance),
        LEDGER_TEST(test_disagreement_has_the_same_tolerance),
        LEDGER_TEST(test_both_camps_are_heard),
        LEDGER_TEST(test_those_pushed_out_still_count),
        LEDGER_TEST(test_those_pushed_out_are_not_forgotten),
        LEDGER_TEST(test_the_same_claim_again_keeps_its_verifiers),
        LEDGER_TEST(test_history_is_not_rewritten),
        LEDGER_TEST(test_refuting_flags_what_was_derived),
        LEDGER_TEST(test_descent_may_go_in_circles),
        LEDGER_TEST(test_descent_is_followed_within_bounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
