/* Sealed scores: who may see the answer when, and whose word counts. */
#include "core_claims.h"

#include "core/room.h"
#include "core/state.h"

static json_t *verifier_of(struct fixture *f, const char *id, const char *ai_id)
{
    json_t *verifiers = json_object_get(verification_of(f, id), "verifiers"), *verifier;
    size_t i;
    json_array_foreach(verifiers, i, verifier)
    {
        if (strcmp(string_of(verifier, "ai_id"), ai_id) == 0)
            return verifier;
    }
    fail_msg("%s is no verifier of %s", ai_id, id);
    return NULL;
}

static bool flagged(json_t *verifier, const char *flag, bool value)
{
    json_t *is = json_object_get(verifier, flag);
    return value ? json_is_true(is) : json_is_false(is);
}

static void own(struct fixture *f, const char *owner, const char *ai_id)
{
    struct room *room = room_find(fixture_hub(f), slice_of("main"));
    member_set_owner(room, member_find(room, slice_of(ai_id)), slice_of(owner));
}

static size_t benchmarks_of(struct fixture *f, const char *id)
{
    return json_array_size(json_object_get(knowledge(f, "performance_benchmarks"), id));
}

/* ── the author's number ── */

static void test_a_measurement_is_for_the_hub_alone(void **state)
{
    static const struct {
        const char *ratio, *says;
    } wrong[] = {{"0", "is 0"},
                 {"-1", "is -1"},
                 {"'0.5'", "above 0"},
                 {"1e999", "is 1e999"},
                 {"null", "is null"}};
    struct fixture *f = *state;
    join_five(f);
    struct challenge challenge = commit(f, ADA);
    for (unsigned i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        say(f, ADA, "measurement", "{'commitment_id':'%s','ratio':%s}", challenge.id,
            wrong[i].ratio);
        const char *detail = string_of(expect_error(f, ADA, "bad_payload"), "detail");
        assert_non_null(strstr(detail, "payload.ratio must be a number above 0"));
        assert_non_null(strstr(detail, wrong[i].says));
    }
    say(f, ADA, "measurement", "{'commitment_id':'%s'}", challenge.id);
    assert_non_null(strstr(string_of(expect_error(f, ADA, "bad_payload"), "detail"), "missing"));
    say(f, ADA, "pattern_share", "{'pattern':{'id':'p',%s}}", claim_of(&challenge, ""));
    assert_non_null(
        strstr(string_of(expect_error(f, ADA, "bad_claim"), "detail"), "has no measurement yet"));
    say(f, BOB, "measurement", "{'commitment_id':'%s','ratio':0.5}", challenge.id);
    assert_non_null(strstr(string_of(expect_error(f, BOB, "bad_claim"), "detail"), "another AI's"));
    say(f, ADA, "measurement", "{'commitment_id':'none','ratio':0.5}");
    assert_non_null(strstr(string_of(expect_error(f, ADA, "bad_claim"), "detail"), "commit anew"));
    measure(f, ADA, &challenge, 0.5);
    measure(f, ADA, &challenge, 0.5); /* again is no other number */
    for (unsigned peer = ADA; peer <= EVE; peer++)
        expect_nothing(f, peer);
    measure(f, ADA, &challenge, 0.4);
    expect_error(f, ADA, "conflict");
    /* none of that counts against anybody */
    assert_string_equal(account_of(f, "ada"), "1 0 0 0 0 0");
    assert_string_equal(account_of(f, "bob"), "");
}

/* ── what nobody sees ── */

static void test_what_is_sealed_is_told_to_nobody(void **state)
{
    struct fixture *f = *state;
    char line[512];
    join_five(f);
    struct challenge challenge = commit(f, ADA);
    measure(f, ADA, &challenge, 0.515625);
    say(f, ADA, "os_component_share", "{'component':{'name':'n','id':'own',%s}}",
        claim_of(&challenge, ""));
    skip_all(f);
    snprintf(
        line, sizeof line,
        "{'component_id':'own','performance':{'ratio':0.515625,'n':64,'nonce':'%s','score':1}}",
        challenge.nonce);
    say(f, ADA, "performance_report", "%s", line); /* nor does its author's own word get out */
    say(f, DAN, "performance_report", "%s", line); /* whatever the level of who says it */
    say_to(f, BOB, "cey", "performance_report",    /* and whomever it is for */
           "{'component_id':'own','performance':{'ratio':0.9,'n':64,'nonce':'%s'}}",
           challenge.nonce);
    for (unsigned peer = ADA; peer <= EVE; peer++)
        expect_nothing(f, peer);
    json_t *entry = json_object_get(knowledge(f, "collective_features"), "ada_n_1795334400");
    assert_int_equal(json_object_size(json_object_get(entry, "performance_benchmarks")), 0);
    assert_int_equal(benchmarks_of(f, "own"), 0);
    join(f, FAY, "fay", 2, "");
    assert_null(strstr(read_line(f), "0.515625"));
}

/* All at once, to level 2, in one message; and then it stands where it would have stood. */
static void test_all_is_told_at_once(void **state)
{
    struct fixture *f = *state;
    join_five(f);
    struct challenge challenge = claim(f, ADA, "p", 0.5);
    skip_all(f);
    report(f, BOB, "p", &challenge, 0.5);
    assert_int_equal(benchmarks_of(f, "p"), 0);
    report(f, CEY, "p", &challenge, 0.5);
    json_t *told = json_object_get(expect(f, EVE, "verification"), "verification");
    assert_true(number_of(told, "ratio") == 0.5);
    assert_true(flagged(told, "sealed", false));
    assert_int_equal(json_array_size(json_object_get(told, "verifiers")), 2);
    expect_nothing(f, EVE);
    assert_int_equal(benchmarks_of(f, "p"), 2);
}

/* ── the echo ── */

/* It says what the claim says: while the claim is sealed it does not know it, and afterwards it
 * confirms nothing. */
static void test_an_echo_confirms_nothing(void **state)
{
    struct fixture *f = *state;
    join_five(f);
    struct challenge challenge = claim(f, ADA, "p", 0.5);
    report(f, BOB, "p", &challenge, 0.9); /* a guess */
    report(f, CEY, "p", &challenge, 0.5);
    report(f, DAN, "p", &challenge, 0.5);
    assert_status(f, "p", "confirmed"); /* by two who measured it; one guess spoils nothing */
    struct challenge second = claim(f, ADA, "q", 0.6);
    report(f, CEY, "q", &second, 0.6);
    wait_ticking(f, SEAL_MS + 2000);
    skip_all(f);
    for (unsigned i = 0; i < 4; i++) {
        char echo[16];
        snprintf(echo, sizeof echo, "echo-%u", i);
        open_peer(f, JON + 1 + i);
        say_hello(f, JON + 1 + i, echo, "{}");
        report(f, JON + 1 + i, "q", &second, 0.6);
        assert_true(flagged(verifier_of(f, "q", echo), "in_sight", true));
    }
    assert_status(f, "q", "claimed");
    assert_string_equal(account_of(f, "ada"), "2 2 1 0 0 0");
}

/* What is said in sight of the answer decides nothing, but two of it stand in the way. */
static void test_in_sight_it_can_be_contested(void **state)
{
    struct fixture *f = *state;
    join_five(f);
    struct challenge challenge = claim(f, ADA, "p", 0.5);
    report(f, BOB, "p", &challenge, 0.5);
    report(f, CEY, "p", &challenge, 0.5);
    assert_status(f, "p", "confirmed");
    join(f, FAY, "fay", 2, "");
    report(f, DAN, "p", &challenge, 0.7);
    report(f, FAY, "p", &challenge, 0.8);
    assert_status(f, "p", "confirmed"); /* they found different numbers */
    report(f, FAY, "p", &challenge, 0.7);
    assert_status(f, "p", "contested");
    /* who said it before, and says it again, has not changed */
    report(f, BOB, "p", &challenge, 0.5);
    assert_null(json_object_get(verifier_of(f, "p", "bob"), "in_sight"));
}

/* ── time ── */

static void test_the_time_is_up(void **state)
{
    struct fixture *f = *state;
    join_five(f);
    struct challenge challenge = claim(f, ADA, "p", 0.5);
    wait_ticking(f, 2 * SEAL_MS); /* nobody measured it: whoever does still can't see the answer */
    report(f, DAN, "p", &challenge, 0.5);
    wait_ticking(f, SEAL_MS - 5000);
    join(f, FAY, "fay", 2, ""); /* the others were silent for too long */
    skip_all(f);
    wait_ticking(f, 4000);
    expect_no(f, FAY, "verification");
    wait_ticking(f, 3000);
    json_t *told = expect(f, FAY, "verification");
    assert_string_equal(string_of(told, "status"), "claimed");
    assert_string_equal(string_of(told, "was"), "claimed");
    assert_int_equal(integer_of(told, "agreeing"), 1);
    assert_true(number_of(verification_of(f, "p"), "ratio") == 0.5);
}

/* ── what else breaks a seal ── */

static void test_who_shares_something_else_in_its_place(void **state)
{
    struct fixture *f = *state;
    join_five(f);
    struct challenge challenge = claim(f, ADA, "p", 0.5);
    report(f, BOB, "p", &challenge, 0.5);
    say(f, ADA, "pattern_share", "{'pattern':{'id':'p','note':'again',%s}}",
        claim_of(&challenge, ""));
    assert_int_equal(held_count(f, "p"), 1); /* the same claim */
    skip_all(f);
    say(f, ADA, "pattern_share", "{'pattern':{'id':'p'}}");
    assert_int_equal(
        json_array_size(json_object_get(
            json_object_get(expect(f, CEY, "verification"), "verification"), "verifiers")),
        1);
    assert_int_equal(benchmarks_of(f, "p"), 1);
    /* what is claimed with that commitment from now on is claimed in the open */
    say(f, ADA, "pattern_share", "{'pattern':{'id':'q',%s}}", claim_of(&challenge, ""));
    report(f, BOB, "q", &challenge, 0.5);
    report(f, CEY, "q", &challenge, 0.5);
    assert_status(f, "q", "claimed");
}

/* A pattern and a component of the same commitment: the number is theirs both. Who gave it before
 * it was told may say it again of the other. */
static void test_claims_of_one_commitment_have_one_seal(void **state)
{
    struct fixture *f = *state;
    join_five(f);
    struct challenge challenge = claim(f, ADA, "p", 0.5);
    say(f, ADA, "os_component_share", "{'component':{'name':'n','id':'own',%s}}",
        claim_of(&challenge, ""));
    report(f, BOB, "own", &challenge, 0.5);
    report(f, BOB, "p", &challenge, 0.5);
    skip_all(f);
    report(f, CEY, "p", &challenge, 0.5);
    assert_string_equal(string_of(expect(f, ADA, "verification"), "id"), "p");
    json_t *told = expect(f, ADA, "verification");
    assert_string_equal(string_of(told, "own_id"), "own");
    assert_string_equal(string_of(told, "status"), "claimed");
    report(f, DAN, "own", &challenge, 0.5); /* never measured before */
    expect_no(f, ADA, "verification");
    report(f, CEY, "own", &challenge, 0.5);
    told = expect(f, ADA, "verification");
    assert_string_equal(string_of(told, "status"), "confirmed");
    assert_int_equal(integer_of(told, "in_sight"), 1);
    /* what was said in sight of it is no measurement before */
    report(f, DAN, "p", &challenge, 0.5);
    assert_true(flagged(verifier_of(f, "p", "dan"), "in_sight", true));
}

/* What somebody found on data of its own, which nobody can measure again: all hear it, and it is no
 * word on the claim. */
static void test_a_private_measurement_verifies_nothing(void **state)
{
    struct fixture *f = *state;
    join_five(f);
    claim(f, ADA, "p", 0.5);
    skip_all(f);
    for (unsigned peer = BOB; peer <= CEY; peer++)
        say(f, peer, "performance_report",
            "{'component_id':'p','performance':{'ratio_own':0.4,'n_own':16,'profile':'private trace',"
            "'subject':'cpu','subject_version':'v1'}}");
    for (unsigned i = 0; i < 2; i++) { /* nothing of it is held back */
        json_t *metrics = json_object_get(expect(f, ADA, "performance_report"), "performance");
        assert_number(number_of(metrics, "ratio_own"), 0.4);
    }
    expect_no(f, ADA, "verification");
    assert_status(f, "p", "claimed");
    assert_int_equal(held_count(f, "p"), 0);
    assert_int_equal(json_array_size(json_object_get(knowledge(f, "performance_benchmarks"), "p")),
                     2);
    wait_ticking(f, SEAL_MS + 1000); /* and its time does not run for that */
    assert_true(json_is_true(json_object_get(verification_of(f, "p"), "sealed")));
}

static void test_so_much_is_claimed_with_one_commitment(void **state)
{
    struct fixture *f = *state;
    join_five(f);
    struct challenge challenge = claim(f, ADA, "p", 0.5);
    for (unsigned i = 1; i < SEAL_CLAIMS_MAX; i++)
        say(f, ADA, "pattern_share", "{'pattern':{'id':'p%u',%s}}", i, claim_of(&challenge, ""));
    expect_no(f, ADA, "error");
    say(f, ADA, "pattern_share", "{'pattern':{'id':'more',%s}}", claim_of(&challenge, ""));
    json_t *error = expect_error(f, ADA, "quota_exceeded");
    assert_non_null(strstr(string_of(error, "detail"), "16 entries"));
    assert_limit(error, "claims", "commitment", 16);
}

/* ── owners ── */

static void test_ids_of_one_owner_have_one_vote(void **state)
{
    struct fixture *f = *state;
    join_five(f);
    join(f, FAY, "fay", 2, "");
    own(f, "sue", "bob");
    own(f, "sue", "cey");
    own(f, "sue", "dan");
    struct challenge challenge = claim(f, ADA, "p", 0.5);
    for (unsigned peer = BOB; peer <= DAN; peer++)
        report(f, peer, "p", &challenge, 0.5);
    assert_int_equal(held_count(f, "p"), 1); /* the latest of them */
    assert_status(f, "p", "claimed");
    report(f, FAY, "p", &challenge, 0.5);
    assert_status(f, "p", "confirmed");
    assert_string_equal(string_of(verifier_of(f, "p", "dan"), "owner"), "sue");
    assert_string_equal(string_of(verifier_of(f, "p", "fay"), "owner"), "fay");
}

static void test_who_is_the_authors_has_none(void **state)
{
    struct fixture *f = *state;
    join_five(f);
    own(f, "sue", "ada");
    own(f, "sue", "bob");
    own(f, "sue", "cey");
    struct challenge challenge = claim(f, ADA, "p", 0.5);
    report(f, BOB, "p", &challenge, 0.5);
    report(f, CEY, "p", &challenge, 0.5);
    assert_int_equal(held_count(f, "p"), 0);
    assert_status(f, "p", "claimed");
    assert_string_equal(string_of(verification_of(f, "p"), "owner"), "sue");
    json_t *ledger = json_object_get(join(f, FAY, "fay", 2, ""), "ledger");
    assert_string_equal(string_of(json_object_get(ledger, "ada"), "owner"), "sue");
}

/* Of fay and gus, who are sue's both, fay claims what two refute. */
static void join_with_a_liar(struct fixture *f)
{
    join_five(f);
    for (unsigned peer = FAY; peer <= GUS; peer++)
        join(f, peer, peer == FAY ? "fay" : "gus", 2, "");
    own(f, "sue", "fay");
    own(f, "sue", "gus");
    struct challenge lie = claim(f, FAY, "lie", 0.2);
    report(f, BOB, "lie", &lie, 0.7);
    report(f, CEY, "lie", &lie, 0.7);
    assert_status(f, "lie", "refuted");
}

/* Whose own claim was refuted is heard no more on others', by whichever of its ids: not when it
 * shares another claim in the refuted one's place, but when the verdict falls. */
static void test_refuted_owners_count_for_nothing(void **state)
{
    struct fixture *f = *state;
    join_with_a_liar(f);
    struct challenge truth = claim(f, ADA, "truth", 0.5);
    report(f, GUS, "truth", &truth, 0.5);
    report(f, BOB, "truth", &truth, 0.5);
    assert_status(f, "truth", "claimed");
    report(f, CEY, "truth", &truth, 0.5);
    assert_status(f, "truth", "confirmed");
    assert_true(flagged(verifier_of(f, "truth", "gus"), "counts", false));
    claim(f, FAY, "lie", 0.7); /* it is washed off by nothing that it shares */
    struct challenge other = claim(f, ADA, "other", 0.6);
    report(f, GUS, "other", &other, 0.6);
    report(f, BOB, "other", &other, 0.6);
    assert_status(f, "other", "claimed");
}

/* The record goes with the claim: to the owner that claimed last. */
static void test_the_record_goes_with_the_claim(void **state)
{
    struct fixture *f = *state;
    join_with_a_liar(f);
    claim(f, GUS, "good", 0.6); /* so there is more of sue's */
    own(f, "tom", "fay");
    claim(f, FAY, "lie", 0.7);
    struct challenge truth = claim(f, ADA, "truth", 0.5), other = claim(f, ADA, "other", 0.6);
    report(f, GUS, "truth", &truth, 0.5);
    report(f, BOB, "truth", &truth, 0.5);
    assert_status(f, "truth", "confirmed");
    report(f, FAY, "other", &other, 0.6);
    report(f, BOB, "other", &other, 0.6);
    assert_status(f, "other", "claimed");
    assert_true(flagged(verifier_of(f, "truth", "gus"), "counts", true) ||
                !json_object_get(verifier_of(f, "truth", "gus"), "counts"));
}

static void test_a_verdict_that_falls_gives_the_word_back(void **state)
{
    struct fixture *f = *state;
    join_five(f);
    join(f, FAY, "fay", 2, "");
    struct challenge claimed = claim(f, FAY, "claim", 0.2);
    report(f, BOB, "claim", &claimed, 0.7);
    report(f, CEY, "claim", &claimed, 0.7);
    report(f, ADA, "claim", &claimed, 0.2);
    report(f, DAN, "claim", &claimed, 0.2);
    assert_status(f, "claim", "contested");
    struct challenge truth = claim(f, ADA, "truth", 0.5);
    report(f, FAY, "truth", &truth, 0.5);
    report(f, BOB, "truth", &truth, 0.5);
    assert_status(f, "truth", "confirmed");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LEDGER_TEST(test_a_measurement_is_for_the_hub_alone),
        LEDGER_TEST(test_what_is_sealed_is_told_to_nobody),
        LEDGER_TEST(test_all_is_told_at_once),
        LEDGER_TEST(test_an_echo_confirms_nothing),
        LEDGER_TEST(test_in_sight_it_can_be_contested),
        LEDGER_TEST(test_the_time_is_up),
        LEDGER_TEST(test_who_shares_something_else_in_its_place),
        LEDGER_TEST(test_claims_of_one_commitment_have_one_seal),
        LEDGER_TEST(test_a_private_measurement_verifies_nothing),
        LEDGER_TEST(test_so_much_is_claimed_with_one_commitment),
        LEDGER_TEST(test_ids_of_one_owner_have_one_vote),
        LEDGER_TEST(test_who_is_the_authors_has_none),
        LEDGER_TEST(test_refuted_owners_count_for_nothing),
        LEDGER_TEST(test_the_record_goes_with_the_claim),
        LEDGER_TEST(test_a_verdict_that_falls_gives_the_word_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
