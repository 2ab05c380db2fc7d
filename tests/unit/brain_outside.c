/* A brain whose searcher is a program of the user's: what it proposes is this AI's own find; and
 * when it fails, CMA-ES goes on, and that is said. */
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/unit/brain_fixture.h"
#include "tests/unit/own_folder.h"

#define SETTING                                                                                    \
    "{\"mean_gain\":0.01,\"deviation_gain\":0.01,\"deviations\":4,\"spike_threshold\":100,"        \
    "\"spike_exit\":7.875,\"margin\":0,\"spike_deviations\":4,\"floor\":150}"
#define LOOP(answer)                                                                               \
    "exec:while read -r a; do case $a in *'\"ask\"'*) echo '" answer "';; esac; done"

static struct brain *searching_by(const char *by)
{
    char why[256];
    struct brain *brain = brain_of("ada", SUBJECT);
    const struct searcher searcher = {.by = by, .patience_ms = 600000};
    assert_int_equal(brain_policy_search_by(brain, &searcher, why), 0);
    return brain;
}

static void test_what_a_program_proposes_is_claimed(void **state)
{
    (void)state;
    struct brain *brain =
        searching_by(LOOP("{\"candidates\":[{\"parameters\":" SETTING "},{\"source\":\"x\"}]}"));
    json_t *pattern, *component;
    assert_non_null(strstr(brain->description, "while read"));
    train(brain, 16, &pattern, &component);
    assert_non_null(pattern);
    assert_int_equal(strncmp(text(pattern, "optimiser"), "exec: while read", 16), 0);
    assert_true(number(json_object_get(pattern, "parameters"), "floor") == 150);
    struct policy_figures figures = figures_of(brain);
    assert_in_range(figures.evaluations, 1, 8); /* the source was none */
    assert_true(figures.ratio_train < 1);
    json_t *summary = brain->summary(brain->state);
    assert_int_equal(strncmp(text(summary, "searcher"), "exec: ", 6), 0);
    assert_true(json_is_null(json_object_get(summary, "searcher_ended")));
    json_decref(summary);
    json_decref(pattern);
    json_decref(component);
    brain_free(brain);
}

static void test_when_it_ends_cma_es_goes_on(void **state)
{
    (void)state;
    static const struct {
        const char *command, *said;
    } cases[] = {
        {LOOP("{\"done\":true}"), "no more to propose"},
        {LOOP("no json"), "no JSON"},
        {"exec:read a; exit 7", "exit code 7"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct brain *brain = searching_by(cases[i].command);
        struct brain_standing standing;
        train_only(brain, 16);
        train_only(brain, 16);
        brain->standing(brain->state, &standing);
        if (!strstr(standing.remark, cases[i].said) || !strstr(standing.remark, "CMA-ES goes on"))
            fail_msg("'%s' does not say '%s'", standing.remark, cases[i].said);
        assert_true(figures_of(brain).evaluations >= 16);
        json_t *summary = brain->summary(brain->state);
        assert_string_equal(text(summary, "searcher"), "cma-es");
        assert_non_null(strstr(text(summary, "searcher_ended"), cases[i].said));
        json_decref(summary);
        brain_free(brain);
    }
}

/* What another found is among what the program is shown. */
static void test_it_is_shown_what_others_found(void **state)
{
    (void)state;
    struct brain *other = brain_of("bob", SUBJECT);
    json_t *pattern = shared_by(other, "pattern", 200);
    double parameters[SUBJECT_PARAMETERS_MAX];
    parameters_of(pattern, parameters);
    struct brain *brain = searching_by(LOOP("{\"candidates\":[{\"parameters\":" SETTING "}]}"));
    train_only(brain, 1);
    taken(brain, "bob", pattern);
    for (unsigned i = 0; i < 2 * PULL_GENERATIONS; i++)
        train_only(brain, 1);
    const struct policy_brain *policy = insides(brain);
    const struct trial *elites[ARCHIVE_SIZES * ARCHIVE_TAILS];
    size_t count = archive_list(&policy->outside.judge.archive, elites);
    bool shown = false;
    for (size_t i = 0; i < count; i++)
        shown = shown || (elites[i]->kind == TRIAL_PARAMETERS &&
                          parameters_same(policy->subject, elites[i]->parameters, parameters));
    assert_true(shown);
    json_decref(pattern);
    brain_free(other);
    brain_free(brain);
}

static bool thinks(struct brain *brain)
{
    struct brain_standing standing;
    brain->standing(brain->state, &standing);
    return standing.thinking;
}

static void train_a_job(struct brain *brain)
{
    json_t *claims;
    assert_int_equal(brain->train(brain->state, 16, &go, &claims), 0);
    json_decref(claims);
}

/* It answers when the file is there; and until then its AI does what others ask of it, and takes in
 * what they found. */
static void test_while_a_program_thinks_others_are_answered(void **state)
{
    (void)state;
    char folder[OWN_FOLDER_SIZE], command[512], path[OWN_FOLDER_SIZE + 8];
    struct brain *other = brain_of("bob", SUBJECT);
    json_t *pattern = shared_by(other, "pattern", 32);
    assert_int_equal(own_folder_make(folder), 0);
    snprintf(path, sizeof path, "%s/now", folder);
    snprintf(command, sizeof command,
             "exec:while read -r a; do case $a in *'\"ask\"'*) while ! [ -e %s ]; do sleep 0.02; "
             "done; echo '{\"candidates\":[{\"parameters\":" SETTING "}]}';; esac; done",
             path);
    struct brain *brain = searching_by(command);
    for (int i = 0; i < 2; i++) {
        train_a_job(brain);
        assert_true(thinks(brain));
    }
    assert_int_equal(figures_of(brain).evaluations, 0);
    taken(brain, "bob", pattern);
    assert_true(thinks(brain));
    FILE *now = fopen(path, "w");
    assert_non_null(now);
    fclose(now);
    while (thinks(brain))
        train_a_job(brain);
    assert_true(figures_of(brain).evaluations > 0);
    assert_string_equal(outside_name(insides(brain)), insides(brain)->outside.name);
    unlink(path);
    rmdir(folder);
    json_decref(pattern);
    brain_free(other);
    brain_free(brain);
}

/* Nobody waits for an answer at the end. */
static void test_one_that_thinks_for_ever_is_ended(void **state)
{
    (void)state;
    struct brain *brain = searching_by("exec:while read -r a; do :; done");
    brain_stop stop = false;
    json_t *claims;
    assert_int_equal(brain->train(brain->state, 16, &stop, &claims), 0);
    json_decref(claims);
    json_decref(brain->summary(brain->state));
    assert_true(thinks(brain));
    atomic_store(&stop, true);
    json_decref(brain->summary(brain->state)); /* the last, of a run that is over */
    assert_false(thinks(brain));
    brain_free(brain);
    brain = searching_by("exec:while read -r a; do :; done");
    train_a_job(brain);
    assert_true(thinks(brain));
    brain_free(brain);
}

static void test_who_trains_nothing_has_no_searcher(void **state)
{
    (void)state;
    char why[256];
    struct brain *brain = brain_of("ada", "general");
    const struct searcher program = {.by = "exec:true"};
    assert_int_equal(brain_policy_search_by(brain, &program, why), -1);
    assert_non_null(strstr(why, "general"));
    brain_free(brain);
}

int main(void)
{
    signal(SIGPIPE, SIG_IGN);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_a_program_proposes_is_claimed),
        cmocka_unit_test(test_when_it_ends_cma_es_goes_on),
        cmocka_unit_test(test_it_is_shown_what_others_found),
        cmocka_unit_test(test_while_a_program_thinks_others_are_answered),
        cmocka_unit_test(test_one_that_thinks_for_ever_is_ended),
        cmocka_unit_test(test_who_trains_nothing_has_no_searcher),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
