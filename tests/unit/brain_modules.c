/* Modules as AIs find, claim, check, keep and go on from them: a policy's C in the place of
 * parameters. Whoever wrote it, it is run in the probe's sandbox alone. */
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/brain_fixture.h"
#include "tests/unit/landlock_here.h"

static struct brain *bob; /* has found nothing */
static json_t *component; /* ada's, of parameters */
static char *source;      /* the C of these */
static json_t *module;    /* claimed by ada as a module, and proved */

static json_t *claim_of_source(const char *text)
{
    const struct subject *subject = subject_find(SUBJECT);
    json_t *claim = json_pack("{s:s,s:s,s:s,s:s,s:s,s:s}", "kind", "component", "id", "ada_1",
                              "subject", subject->name, "subject_version", subject->version,
                              "source", text, "language", "c11");
    assert_non_null(claim);
    return claim;
}

static int setup(void **state)
{
    (void)state;
    struct brain *ada = brain_of("ada", SUBJECT);
    bob = brain_of("bob", SUBJECT);
    component = shared_by(ada, "component", 32);
    source = strdup(text(component, "implementation"));
    module = proved(ada, claim_of_source(source), 'a');
    brain_free(ada);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    json_decref(module);
    json_decref(component);
    free(source);
    brain_free(bob);
    return 0;
}

/* The module does what the parameters do that it was rendered from, so all that is measured of it
 * is the same, to the bit. */
static void test_a_module_is_proved_and_holds(void **state)
{
    (void)state;
    struct brain *cyd = brain_of("cyd", OTHER), *referee = brain_of("ref", "general");
    struct brain *checkers[] = {bob, cyd, referee};
    assert_null(json_object_get(module, "parameters"));
    assert_null(json_object_get(module, "implementation"));
    assert_null(json_object_get(module, "kind"));
    assert_string_equal(text(module, "source"), source);
    assert_string_equal(text(module, "language"), "c11");
    assert_non_null(strstr(text(module, "module"), "bytes"));
    double told = number(json_object_get(module, "measured"), "ratio");
    assert_true(told == number(json_object_get(component, "measured"), "ratio"));
    for (size_t i = 0; i < 3; i++) {
        json_t *metrics = checkers[i]->check(checkers[i]->state, module, &go);
        json_t *of_parameters = checkers[i]->check(checkers[i]->state, component, &go);
        assert_true(truth(metrics, "claim_holds") && truth(metrics, "integration_tested"));
        assert_true(number(metrics, "ratio") == told);
        assert_true(number(metrics, "ratio_own") == number(of_parameters, "ratio_own"));
        assert_int_equal(number(metrics, "n_own"), number(of_parameters, "n_own"));
        assert_non_null(strstr(text(metrics, "module"), "run"));
        json_decref(metrics);
        json_decref(of_parameters);
    }
    brain_free(cyd);
    brain_free(referee);
}

static void expect_refusal(const json_t *lie, const char *reason)
{
    json_t *metrics = bob->check(bob->state, lie, &go);
    assert_non_null(metrics);
    if (truth(metrics, "claim_holds") || !strstr(text(metrics, "reason"), reason))
        fail_msg("it does not say \"%s\"", reason);
    assert_false(truth(metrics, "integration_tested"));
    assert_true(number(metrics, "score") == 0 && isfinite(number(metrics, "ratio")));
    assert_false(bob->take_in(bob->state, "ada", lie, metrics));
    json_decref(metrics);
}

static json_t *with_source(const char *from, const char *to)
{
    const char *at = strstr(source, from);
    assert_non_null(at);
    json_t *lie = json_deep_copy(module);
    json_object_set_new(
        lie, "source", json_sprintf("%.*s%s%s", (int)(at - source), source, to, at + strlen(from)));
    return lie;
}

static void test_what_does_not_run_does_not_hold(void **state)
{
    (void)state;
    static const struct {
        const char *from, *to, *reason;
    } lies[] = {
        {"khub_audio = {", "another = {", "does not run"},
        {"static void state_reset(void *state)\n{",
         "static void state_reset(void *state)\n{ for (;;) *(volatile char *)state = 0;",
         "longer than it may"},
        {"static void state_reset(void *state)\n{",
         "static void state_reset(void *state)\n{ *(volatile int *)(state_reset) = 0;", "crashed"},
        {"static void state_reset(void *state)\n{",
         "static void state_reset(void *state)\n{ no_such_thing();", "does not run"},
        {"static void state_reset(void *state)\n{",
         "static void state_reset(void *state)\n{ __asm__(\"\");", "may not"},
    };
    for (size_t i = 0; i < sizeof lies / sizeof *lies; i++) {
        json_t *lie = with_source(lies[i].from, lies[i].to);
        expect_refusal(lie, lies[i].reason);
        json_decref(lie);
    }
}

static void test_lies_about_it_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *member, *json, *reason;
    } lies[] = {
        {"ratio_heldout", "0.1", "ratio_heldout is claimed"},
        {"wins", "64.5", "wins is claimed"},
        {"implementation", "\"int x;\"", "not the source"},
        {"source", "7", "source must be"},
        {"source", "\"\"", "does not run"},
        {"source", NULL, "parameters must be"},
        {"parameters", "{}", "parameters must be"}, /* with both it is of parameters */
        {"ratio_session", "0.5", "ratio_session is not said"},
    };
    for (size_t i = 0; i < sizeof lies / sizeof *lies; i++) {
        json_t *lie = altered(module, lies[i].member, lies[i].json);
        expect_refusal(lie, lies[i].reason);
        json_decref(lie);
    }
    json_t *long_one = json_deep_copy(module);
    char *blanks = malloc(PROBE_SOURCE_MAX + 2);
    memset(blanks, ' ', PROBE_SOURCE_MAX + 1);
    blanks[PROBE_SOURCE_MAX + 1] = '\0';
    json_object_set_new(long_one, "source", json_string(blanks));
    expect_refusal(long_one, "262144 bytes");
    json_object_set_new(long_one, "source", json_stringn("a\0b", 3));
    expect_refusal(long_one, "no NUL");
    free(blanks);
    json_decref(long_one);
}

/* What this machine can't do is no word on anybody's module. */
static void test_without_a_compiler_nothing_is_said(void **state)
{
    (void)state;
    const char *path = getenv("PATH");
    char *before = strdup(path ? path : ""), why[BRAIN_TEXT_SIZE];
    struct brain *dan = brain_of("dan", SUBJECT);
    json_t *learned = json_deep_copy(module);
    setenv("PATH", "/nowhere", 1);
    json_t *metrics = dan->check(dan->state, module, &go);
    bool resumed = dan->resume(dan->state, learned, why);
    json_t *claim = altered(module, "kind", "\"component\"");
    json_t *proof = dan->prove(dan->state, claim, "commitment-1", text(module, "nonce"), &go);
    setenv("PATH", before, 1);
    free(before);
    assert_null(metrics);
    assert_null(proof);
    assert_false(resumed);
    assert_non_null(strstr(why, "does not run here"));
    json_decref(claim);
    json_decref(learned);
    brain_free(dan);
}

/* It is what eve would use, shows and keeps; sessions stay a matter of parameters. */
static void test_another_s_module_is_used(void **state)
{
    (void)state;
    struct brain *brain = brain_of("eve", SUBJECT);
    struct policy_brain *inside = insides(brain);
    train_only(brain, 1);
    assert_true(taken(brain, "ada", module));
    assert_false(taken(brain, "ada", module)); /* it is known */
    train_only(brain, 1);
    brain->measure_standing(brain->state, &go);
    assert_string_equal(inside->choice.author, "ada");
    assert_string_equal(json_string_value(inside->choice.solution.source), source);
    struct policy_figures figures = figures_of(brain);
    assert_true(figures.ratio_heldout < 1 && figures.seeds == HELDOUT_SEEDS);
    assert_string_equal(figures.taken_from[0], "ada");
    assert_true(inside->tuned.made && !inside->tuned.solution.source);
    const char *const names[] = {"eve"};
    const struct brain_session session = {"s1", "t", names, 1};
    json_t *candidate;
    double progress;
    assert_int_equal(collaborate(brain, &session, NULL, 4, &candidate, &progress), 0);
    assert_non_null(json_object_get(candidate, "parameters"));
    json_object_del(candidate, "parameters");
    json_object_set_new(candidate, "source", json_string(source));
    json_t *nothing;
    assert_int_equal(collaborate(brain, &session, candidate, 4, &nothing, &progress), -1);
    json_decref(candidate);
    json_t *answer = brain->answer(brain->state, SUBJECT, NULL, &go);
    assert_string_equal(text(answer, "source"), source);
    assert_non_null(strstr(text(answer, "note"), "found by ada"));
    json_decref(answer);
    json_t *learned = brain->learned(brain->state);
    assert_string_equal(text(learned, "source"), source);
    assert_string_equal(text(learned, "author"), "ada");
    assert_null(json_object_get(learned, "parameters"));
    brain_free(brain);
    /* It goes on from it, and does not call it its own. */
    char why[BRAIN_TEXT_SIZE];
    brain = brain_of("eve", SUBJECT);
    json_t *again = relayed(learned), *pattern, *made;
    assert_true(brain->resume(brain->state, again, why));
    train(brain, 1, &pattern, &made);
    assert_true(!pattern && !made);
    assert_true(policy_choose(brain->state, &go));
    assert_string_equal(insides(brain)->choice.author, "ada");
    assert_string_equal(json_string_value(insides(brain)->choice.solution.source), source);
    json_decref(again);
    json_decref(learned);
    brain_free(brain);
}

/* One that breaks only now and then is found out by who would use it. */
static void test_what_breaks_is_not_chosen(void **state)
{
    (void)state;
    struct brain *brain = brain_of("eve", SUBJECT);
    struct policy_brain *inside = insides(brain);
    train_only(brain, 1);
    assert_true(taken(brain, "ada", module));
    json_t *broken = with_source(
        "static void state_reset(void *state)\n{",
        "static void state_reset(void *state)\n{ for (;;) *(volatile char *)state = 0;");
    struct known known = {.ratio_own = 0.1, .solution.source = json_object_get(broken, "source")};
    snprintf(known.author, sizeof known.author, "mal");
    assert_true(
        mutual_add(&policy_record(inside, inside->subject)->mutual, inside->subject, &known));
    assert_true(policy_choose(inside, &go));
    assert_string_equal(inside->choice.author, "ada");
    policy_reject(inside, &inside->choice.solution);
    assert_true(policy_choose(inside, &go));
    assert_string_equal(inside->choice.author, ""); /* and no other is left */
    json_decref(broken);
    brain_free(brain);
}

/* ── finding ── */

static char answer_path[64];

static struct brain *searching_by(const char *by)
{
    char why[256];
    struct brain *brain = brain_of("zoe", SUBJECT);
    const struct searcher searcher = {.by = by, .patience_ms = 600000};
    if (brain_policy_search_by(brain, &searcher, why) < 0)
        fail_msg("%s", why);
    return brain;
}

/* A program that proposes this source whenever it is asked. */
static struct brain *proposing(const char *proposed)
{
    static char command[256];
    snprintf(answer_path, sizeof answer_path, "/tmp/khub-modules-%ld", (long)getpid());
    FILE *file = fopen(answer_path, "w");
    json_t *answer = json_pack("{s:[{s:s}]}", "candidates", "source", proposed);
    assert_true(file && json_dumpf(answer, file, JSON_COMPACT) == 0 && fputc('\n', file) == '\n');
    fclose(file);
    json_decref(answer);
    snprintf(command, sizeof command,
             "exec:while read -r a; do case $a in *'\"ask\"'*) cat %s;; esac; done", answer_path);
    return searching_by(command);
}

static void test_what_a_program_proposes_is_claimed(void **state)
{
    (void)state;
    struct brain *brain = proposing(source);
    json_t *claim = claim_of(brain, "component");
    unlink(answer_path);
    assert_null(json_object_get(claim, "parameters"));
    assert_string_equal(text(claim, "source"), source);
    assert_int_equal(strncmp(text(claim, "optimiser"), "exec: while read", 16), 0);
    double ratio = number(claim, "ratio_train");
    assert_true(ratio < 1 && figures_of(brain).ratio_train == ratio);
    json_t *shared = proved(brain, claim, 'b');
    assert_true(taken(bob, "zoe", shared) || insides(bob)->records[0].subject);
    json_decref(shared);
    /* What says nothing new is not claimed again, at the end either. */
    json_t *pattern, *again;
    train(brain, 0, &pattern, &again);
    assert_true(!pattern && !again);
    brain_free(brain);
}

static void test_what_misbehaves_is_never_claimed(void **state)
{
    (void)state;
    json_t *loop = with_source(
        "static void state_reset(void *state)\n{",
        "static void state_reset(void *state)\n{ for (;;) *(volatile char *)state = 0;");
    struct brain *brain = proposing(text(loop, "source"));
    json_t *pattern, *made;
    for (unsigned i = 0; i < 3 || insides(brain)->outside.judge.refused == 0; i++) {
        train(brain, 16, &pattern, &made);
        assert_true(!pattern && !made);
    }
    unlink(answer_path);
    assert_true(figures_of(brain).evaluations > 0); /* it costs what running it would */
    assert_true(figures_of(brain).ratio_train == 0);
    json_decref(loop);
    brain_free(brain);
}

/* Genetic programming finds programs, and others are given C. */
static void test_a_program_is_claimed_as_c(void **state)
{
    (void)state;
    struct brain *brain = searching_by("genetic");
    json_t *claim = claim_of(brain, "component");
    assert_non_null(strstr(text(claim, "source"), "khub_audio"));
    assert_string_equal(text(claim, "optimiser"), "genetic");
    double ratio = number(claim, "ratio_train");
    json_t *shared = proved(brain, claim, 'c');
    json_t *metrics = bob->check(bob->state, shared, &go);
    assert_true(truth(metrics, "claim_holds") && ratio < 1);
    assert_true(number(metrics, "ratio") == number(json_object_get(shared, "measured"), "ratio"));
    json_decref(metrics);
    json_decref(shared);
    brain_free(brain);
}

/* What others found, of either kind, is among what a searcher is shown. */
static void test_a_searcher_is_shown_others_modules(void **state)
{
    (void)state;
    struct brain *brain = searching_by("genetic");
    const struct policy_brain *inside = insides(brain);
    const struct trial *elites[ARCHIVE_SIZES * ARCHIVE_TAILS];
    train_only(brain, 1);
    taken(brain, "ada", module);
    bool shown = false;
    for (unsigned i = 0; i < 4 * PULL_GENERATIONS && !shown; i++) {
        train_only(brain, 1);
        size_t count = archive_list(&inside->outside.judge.archive, elites);
        for (size_t k = 0; k < count; k++)
            shown = shown || (elites[k]->source && strcmp(elites[k]->source, source) == 0);
    }
    assert_true(shown);
    brain_free(brain);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_module_is_proved_and_holds),
        cmocka_unit_test(test_what_does_not_run_does_not_hold),
        cmocka_unit_test(test_lies_about_it_are_refused),
        cmocka_unit_test(test_without_a_compiler_nothing_is_said),
        cmocka_unit_test(test_another_s_module_is_used),
        cmocka_unit_test(test_what_breaks_is_not_chosen),
        cmocka_unit_test(test_what_a_program_proposes_is_claimed),
        cmocka_unit_test(test_what_misbehaves_is_never_claimed),
        cmocka_unit_test(test_a_program_is_claimed_as_c),
        cmocka_unit_test(test_a_searcher_is_shown_others_modules),
    };
    signal(SIGPIPE, SIG_IGN);
    if (!landlock_here()) {
        puts("1..0 # SKIP " NO_LANDLOCK);
        return 0;
    }
    return cmocka_run_group_tests(tests, setup, teardown);
}
