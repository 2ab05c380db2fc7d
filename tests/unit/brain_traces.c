/* Brains of one process that has traces: what they claim of a trace, they who have it measure
 * again, and others don't; a private one says what others' parameters are worth, and no more. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/brain_fixture.h"

enum { PACKETS = 20000 };
static int64_t packets[PACKETS][2];
static struct trace trace = {
    .kind = TRACE_DELAYS, .format = "made", .count = PACKETS, .values = packets[0]};
static struct traced_subject shared, hidden;

/* Delays that rise and fall, other in the later half. */
static void make_traced(const char *name, const char *identity, struct traced_subject *ret_traced)
{
    struct subject_traces traces = {.count = 1, .of = {&trace}};
    char why[256];
    for (int64_t i = 0; i < PACKETS; i++) {
        packets[i][0] = i * 20000;
        packets[i][1] = 30000 + i * 7919 % 40000 * (1 + 2 * i / PACKETS);
    }
    assert_int_equal(
        subject_of_traces(subject_find(name), &traces, identity, ret_traced, why, sizeof why), 0);
}

static int add_traces(void **state)
{
    (void)state;
    make_traced(SUBJECT, "00ff", &shared);
    make_traced(SUBJECT, "abcd", &hidden);
    return 0;
}

static void test_who_has_the_trace_measures_again(void **state)
{
    (void)state;
    subject_add(&shared.subject, false);
    struct brain *ada = brain_of("ada", SUBJECT), *bob = brain_of("bob", SUBJECT);
    assert_string_equal(ada->subject_version, shared.version);
    assert_non_null(strstr(ada->description, "windows of traces"));
    json_t *thing = shared_by(ada, "pattern", 60);
    assert_string_equal(text(thing, "subject_version"), shared.version);
    assert_false(truth(thing, "synthetic"));
    json_t *metrics = bob->check(bob->state, thing, &go);
    assert_true(truth(metrics, "claim_holds"));
    assert_string_equal(text(metrics, "subject_version"), shared.version);
    /* It is measured on what follows from the nonce, of the later half. */
    double parameters[SUBJECT_PARAMETERS_MAX];
    parameters_of(thing, parameters);
    struct evaluation_set *set =
        nonce_workloads(&shared.subject, text(thing, "nonce"), (size_t)number(thing, "seeds"));
    assert_true(number(metrics, "ratio") == evaluation_set_score(set, parameters).ratio);
    evaluation_set_free(set);
    assert_true(bob->take_in(bob->state, "ada", thing, metrics));
    json_decref(metrics);
    json_decref(thing);
    /* What is synthetic is still measured, beside it. */
    assert_ptr_equal(subject_of_version(SUBJECT, subject_find(SUBJECT)->version),
                     subject_find(SUBJECT));
    assert_ptr_not_equal(policy_record(insides(bob), subject_find(SUBJECT)),
                         policy_record(insides(bob), &shared.subject));
    brain_free(ada);
    brain_free(bob);
}

static void test_who_has_it_not_has_no_vote(void **state)
{
    (void)state;
    struct brain *ada = brain_of("ada", SUBJECT), *bob = brain_of("bob", SUBJECT);
    json_t *thing = shared_by(ada, "pattern", 60);
    json_t *other = altered(thing, "subject_version", "\"2+sha256:00fe\"");
    assert_null(bob->check(bob->state, other, &go));
    json_decref(other);
    json_decref(thing);
    brain_free(ada);
    brain_free(bob);
}

static void test_a_private_one_tells_its_ratio_alone(void **state)
{
    (void)state;
    struct brain *ada = brain_of("ada", SUBJECT);
    json_t *thing = shared_by(ada, "pattern", 60);
    json_t *before = ada->check(ada->state, thing, &go);
    subject_add(&hidden.subject, true);
    assert_null(subject_of_version(SUBJECT, hidden.version));
    struct brain *eve = brain_of("eve", "graphics");
    json_t *synthetic = altered(thing, "subject_version", NULL);
    json_object_set_new(synthetic, "subject_version", json_string(subject_find(SUBJECT)->version));
    json_t *metrics = eve->check(eve->state, synthetic, &go);
    double parameters[SUBJECT_PARAMETERS_MAX];
    parameters_of(thing, parameters);
    struct evaluation_set *set = peer_workloads(&hidden.subject, "eve", CHECK_SEEDS);
    assert_true(number(metrics, "ratio_own") == evaluation_set_score(set, parameters).ratio);
    evaluation_set_free(set);
    assert_string_equal(text(metrics, "profile"), "private trace");
    assert_string_equal(text(metrics, "subject_version"), subject_find(SUBJECT)->version);
    char *told = json_dumps(metrics, 0);
    assert_null(strstr(told, "abcd"));
    free(told);
    /* The claim itself is measured as by everybody. */
    set = nonce_workloads(subject_find(SUBJECT), text(thing, "nonce"),
                          (size_t)number(thing, "seeds"));
    assert_true(number(metrics, "ratio") == evaluation_set_score(set, parameters).ratio);
    evaluation_set_free(set);
    json_decref(before);
    json_decref(metrics);
    json_decref(synthetic);
    json_decref(thing);
    brain_free(ada);
    brain_free(eve);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_who_has_the_trace_measures_again),
        cmocka_unit_test(test_who_has_it_not_has_no_vote),
        cmocka_unit_test(test_a_private_one_tells_its_ratio_alone),
    };
    return cmocka_run_group_tests(tests, add_traces, NULL);
}
