/* What a brain shows without running anything: its figures in rows, and what stands in a
 * candidate. */
#include <math.h>
#include <string.h>

#include "brain/policy/candidate.h"
#include "tests/unit/brain_fixture.h"

static void test_candidate_numbers(void **state)
{
    (void)state;
    static const struct {
        const char *json;
        unsigned spent;
    } cases[] = {
        {"{}", 0},
        {"{\"evaluations\":{\"a\":100,\"b\":50}}", 150},
        {"{\"evaluations\":{\"a\":300,\"b\":300}}", SESSION_BUDGET},
        {"{\"evaluations\":{\"a\":99999999999999}}", SESSION_BUDGET},
        {"{\"evaluations\":{\"a\":-1,\"b\":1.5,\"c\":\"9\",\"d\":null,\"e\":[7]}}", 0},
        {"{\"evaluations\":[100]}", 0},
        {"{\"evaluations\":{\"a\":1,\"b\":1,\"c\":1,\"d\":1,\"e\":1,\"f\":1,\"g\":1,\"h\":1,\"i\":"
         "1,\"j\":1}}",
         8},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        json_t *candidate = json_loads(cases[i].json, 0, NULL);
        assert_int_equal(candidate_spent(candidate), cases[i].spent);
        assert_true(candidate_progress(candidate) == cases[i].spent / (double)SESSION_BUDGET);
        json_decref(candidate);
    }
    assert_int_equal(candidate_spent(NULL), 0);
    assert_true(candidate_ratio(NULL) == 0);
}

/* Who has worked on a candidate, whether others have reviewed it, and whether this AI could work
 * on it. */
static void test_view(void **state)
{
    (void)state;
    static const char *const names[] = {"ada", "bob", "cyd"};
    static const struct brain_session session = {
        .id = "s", .type = "x", .participants = names, .participant_count = 3};
    static const struct {
        const char *json;
        bool worked[3], has_reviews, reviewed, foreign;
        const char *text;
    } cases[] = {
        {"{\"subject\":\"" SUBJECT "\",\"evaluations\":{\"ada\":10,\"cyd\":5}}",
         {true, false, true},
         false,
         false,
         false,
         "15 of 240 evaluations spent"},
        {"{\"subject\":\"" OTHER "\",\"evaluations\":{\"bob\":400}}",
         {false, true, false},
         false,
         false,
         true,
         "240 of 240 evaluations spent"},
        {"{\"subject\":\"" SUBJECT "\",\"workloads\":[\"ada\",\"bob\"],\"evaluations\":{"
         "\"ada\":9},\"reviews\":{\"bob\":{\"holds\":true}}}",
         {true, false, false},
         true,
         true,
         false,
         "9 of 240 evaluations spent, and reviewed"},
        {"{\"subject\":7,\"evaluations\":{\"bob\":-1,\"cyd\":\"9\"}}",
         {false, false, false},
         false,
         false,
         true,
         "0 of 240 evaluations spent"},
        {"7", {false, false, false}, false, false, true, "0 of 240 evaluations spent"},
    };
    struct brain *brain = brain_of("ada", SUBJECT);
    struct brain_view view;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        json_t *candidate = json_loads(cases[i].json, JSON_DECODE_ANY, NULL);
        assert_non_null(candidate);
        brain->view(brain->state, &session, candidate, &view);
        assert_memory_equal(view.worked, cases[i].worked, 3);
        assert_int_equal(view.has_reviews, cases[i].has_reviews);
        assert_int_equal(view.reviewed, cases[i].reviewed);
        assert_int_equal(view.foreign, cases[i].foreign);
        assert_string_equal(view.text, cases[i].text);
        json_decref(candidate);
    }
    brain->view(brain->state, &session, NULL, &view);
    assert_false(view.foreign || view.reviewed || view.progress > 0);
    brain_free(brain);
}

static const struct brain_row *row_named(const struct brain_standing *standing, const char *name)
{
    for (size_t i = 0; i < standing->row_count; i++)
        if (strncmp(standing->rows[i].name, name, strlen(name)) == 0)
            return &standing->rows[i];
    fail_msg("no row %s", name);
    return NULL;
}

static void test_rows(void **state)
{
    (void)state;
    struct policy_figures figures = {.evaluations = 100,
                                     .ratio_train = 0.7,
                                     .ratio_alone = 0.78,
                                     .evaluations_alone = 40,
                                     .taken = 2,
                                     .taken_from = {"eve\x1b[2J", "bob"},
                                     .ratio_heldout = 0.75,
                                     .ci95 = 0.02,
                                     .seeds = 64,
                                     .wins = 60,
                                     .practice = "MLFQ",
                                     .practice_ratio = 0.8,
                                     .bound_ratio = 0.45,
                                     .gap_closed = 0.45};
    static const struct {
        const char *name;
        double value;
        const char *cells[BRAIN_CELLS_MAX];
    } wanted[] = {{"textbook: ", 1, {"", "", "0.0 %"}},
                  {"best practice: MLFQ", 0.8, {"", "", "36.4 %"}},
                  {"own, alone", 0.78, {"", "", "40.0 %"}},
                  {"best after meeting others", 0.75, {"± 0.020", "60 of 64", "45.5 %"}},
                  {"bound", 0.45, {"", "", "100.0 %"}}};
    const struct subject *subject = subject_find(SUBJECT);
    struct brain_standing standing;
    figures_show(subject, &figures, &standing);
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
        const struct brain_row *row = row_named(&standing, wanted[i].name);
        assert_true(row->value == wanted[i].value);
        for (size_t j = 0; j < BRAIN_CELLS_MAX; j++)
            assert_string_equal(row->cells[j], wanted[i].cells[j]);
    }
    assert_non_null(strstr(standing.remark, "2 of others', the latest of eve\\x1b[2J, bob"));
    /* It began with another's, and no practice is known. */
    figures.ratio_alone = 0;
    figures.practice = NULL;
    figures_show(subject, &figures, &standing);
    assert_true(isnan(row_named(&standing, "own, alone")->value));
    assert_true(isnan(row_named(&standing, "best practice")->value) ||
                row_named(&standing, "best practice")->value > 0);
    figures.seeds = 0;
    figures_show(subject, &figures, &standing);
    assert_non_null(strstr(standing.title, "nothing was measured on held-out workloads"));
    assert_int_equal(standing.row_count, 0);
}

static void test_summary(void **state)
{
    (void)state;
    struct policy_figures figures = {.ratio_alone = 0.78,
                                     .taken = 2,
                                     .taken_from = {"eve", "bob"},
                                     .ratio_heldout = 0.75,
                                     .seeds = 64};
    json_t *json = figures_json(
        &(struct figures_head){.subject = "s", .version = "1", .cost = "ms", .textbook = "RR"},
        &figures);
    assert_true(number(json, "gain") == 0.25);
    assert_true(number(json, "ratio_alone") == 0.78);
    assert_int_equal(json_array_size(json_object_get(json, "taken_from")), 2);
    json_decref(json);
    struct brain *referee = brain_of("ref", "general");
    json = referee->summary(referee->state);
    assert_true(truth(json, "referee"));
    assert_int_equal(number(json, "subjects_seen"), 0);
    json_decref(json);
    brain_free(referee);
}

/* The figures do not contradict one another: what differs from what was found alone came of
 * somebody, who is named. */
static void expect_consistent(struct brain *brain)
{
    brain->measure_standing(brain->state, &go);
    struct policy_figures figures = figures_of(brain);
    bool named = figures.taken_from[0][0] != '\0';
    assert_int_equal(named, figures.taken > 0);
    if (!named) {
        assert_true(figures.ratio_alone == figures.ratio_heldout);
        assert_int_equal(figures.evaluations_alone, figures.evaluations);
    }
}

static void test_figures_are_consistent(void **state)
{
    (void)state;
    struct brain *ada = brain_of("ada", SUBJECT), *bob = brain_of("bob", SUBJECT);
    json_t *good = shared_by(ada, "pattern", 400), *poor = shared_by(bob, "pattern", 0);
    expect_consistent(bob);
    /* It would use ada's at once, and has not yet trained on from it. */
    assert_true(taken(bob, "ada", good));
    expect_consistent(bob);
    assert_string_equal(figures_of(bob).taken_from[0], "ada");
    for (unsigned i = 0; i < 12; i++) {
        train_only(bob, 16);
        expect_consistent(bob);
    }
    /* What is looked at and no better than its own changes nothing. */
    taken(ada, "bob", poor);
    for (unsigned i = 0; i < 12; i++) {
        train_only(ada, 16);
        expect_consistent(ada);
    }
    json_decref(good);
    json_decref(poor);
    brain_free(ada);
    brain_free(bob);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_candidate_numbers),
        cmocka_unit_test(test_view),
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_summary),
        cmocka_unit_test(test_figures_are_consistent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
