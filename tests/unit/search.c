/* Searchers and their judge: the archive, the cascade, and programs that answer what they like. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "search/exchange.h"
#include "search/judge.h"
#include "search/proposer.h"

#define PATIENCE_MS 60000

static const struct subject *audio(void)
{
    return subject_find("audio");
}

/* The module at these parameters. */
static char *module_of(const double *parameters)
{
    int length = subject_render(audio(), parameters, NULL, 0);
    char *text = malloc((size_t)length + 1);
    subject_render(audio(), parameters, text, (size_t)length + 1);
    return text;
}

/* ── trials and the archive ── */

static struct trial ran(double ratio, double worst, size_t bytes)
{
    return (struct trial){
        .stages = STAGE_TRAIN + 1, .ratio = {9, ratio}, .worst = worst, .bytes = bytes};
}

static void trials_compare_on_what_both_ran(void **state)
{
    (void)state;
    struct trial one = {.stages = 2, .ratio = {0.5, 0.9}}, two = {.stages = 1, .ratio = {0.6}},
                 none = {0};
    assert_true(trial_compare(&one, &two) < 0);
    assert_true(trial_compare(&two, &one) > 0);
    two = (struct trial){.stages = 2, .ratio = {0.6, 0.8}};
    assert_true(trial_compare(&one, &two) > 0);
    assert_true(trial_compare(&none, &two) > 0 && trial_compare(&two, &none) < 0);
    assert_int_equal(trial_compare(&none, &none), 0);
    assert_true(isnan(trial_ratio(&none)) && trial_ratio(&two) == 0.8);
}

static void the_archive_keeps_what_is_small_and_what_is_never_bad(void **state)
{
    (void)state;
    struct archive archive = {0};
    struct random random;
    const struct trial *elites[8];
    struct trial best = ran(0.5, 2.0, 1000), small = ran(0.8, 2.0, 100),
                 safe = ran(0.9, 0.95, 1000), same_cell = ran(0.6, 2.0, 900),
                 better = ran(0.4, 2.0, 900), early = {.stages = 1};
    assert_int_equal(archive_add(&archive, &best), 1);
    assert_int_equal(archive_add(&archive, &small), 1);
    assert_int_equal(archive_add(&archive, &safe), 1);
    assert_int_equal(archive_add(&archive, &same_cell), 0);
    assert_int_equal(archive_add(&archive, &early), 0);
    assert_int_equal(archive.count, 3);
    assert_int_equal(archive_add(&archive, &better), 1);
    assert_int_equal(archive.count, 3);
    random_seed(&random, 1);
    assert_int_equal(archive_sample(&archive, &random, 8, elites), 3);
    assert_true(elites[0]->ratio[STAGE_TRAIN] == 0.4);
    assert_true(elites[1] != elites[2] && elites[1] != elites[0] && elites[2] != elites[0]);
    bool drawn[2] = {false};
    for (int i = 0; i < 64; i++) {
        assert_int_equal(archive_sample(&archive, &random, 2, elites), 2);
        assert_true(elites[0]->ratio[STAGE_TRAIN] == 0.4);
        drawn[elites[1]->bytes == 100] = true;
    }
    assert_true(drawn[0] && drawn[1]);
    archive_free(&archive);
    assert_int_equal(archive_sample(&archive, &random, 2, elites), 0);
}

static void cells_end_at_their_ends(void **state)
{
    (void)state;
    unsigned size, tail;
    struct trial trial = ran(1, 0, 0);
    archive_cell(&trial, &size, &tail);
    assert_true(size == 0 && tail == 0);
    trial = ran(1, 1e9, SIZE_MAX);
    archive_cell(&trial, &size, &tail);
    assert_true(size == ARCHIVE_SIZES - 1 && tail == ARCHIVE_TAILS - 1);
    trial = ran(1, 1.05, 65);
    archive_cell(&trial, &size, &tail);
    assert_true(size == 1 && tail == 8);
}

/* ── the judge ── */

static void a_source_scores_what_its_parameters_score(void **state)
{
    (void)state;
    struct judge judge;
    struct trial numbers = {0}, source = {0};
    char why[256];
    judge_begin(&judge, audio(), "train/judge", NULL);
    subject_textbook(audio(), numbers.parameters);
    source = (struct trial){.kind = TRIAL_SOURCE, .source = module_of(numbers.parameters)};
    assert_int_equal(judge_measure(&judge, &numbers, why), 0);
    assert_int_equal(numbers.stages, STAGES); /* the first is the best so far */
    assert_true(numbers.worst > numbers.ratio[STAGE_LAST] && trial_ratio(&judge.best) > 0);
    assert_int_equal(judge.simulations, 16 + 64);
    if (judge_measure(&judge, &source, why) < 0) { /* no compiler here */
        print_message("# not tried: %s\n", why);
    } else {
        assert_true(source.ratio[STAGE_TRAIN] == numbers.ratio[STAGE_TRAIN]);
        assert_true(source.bytes > 0);
        assert_int_equal(judge.simulations, 16 + 64 + 2 + 16);
        assert_int_equal(judge.judged, 2);
        assert_int_equal(judge.archive.count, 2); /* one with a size, one without */
    }
    trial_free(&source);
    judge_end(&judge);
}

static void what_is_no_policy_is_refused_and_said_why(void **state)
{
    (void)state;
    struct judge judge;
    struct trial trial = {.kind = TRIAL_SOURCE, .source = strdup("int nothing;\n")};
    char why[256];
    judge_begin(&judge, audio(), "train/judge", NULL);
    if (judge_measure(&judge, &trial, why) == 0) {
        assert_int_equal(trial.stages, 0);
        assert_true(trial.why[0]);
        assert_int_equal(judge.refused, 1);
        assert_int_equal(judge.best.stages, 0);
    } else {
        print_message("# not tried: %s\n", why);
    }
    trial_free(&trial);
    judge_end(&judge);
}

/* What the simulator interprets is what the module's C decides, to the bit. */
static void a_program_scores_what_its_module_scores(void **state)
{
    (void)state;
    size_t count;
    const struct subject *const *all = subjects(&count);
    for (size_t i = 0; i < count; i++) {
        struct proposer proposer;
        struct trial trials[PROPOSALS_MAX];
        struct archive none = {0};
        char why[256] = "";
        if (!all[i]->frame) {
            assert_int_equal(proposer_genetic(all[i], 3, &proposer, why), -1);
            assert_non_null(strstr(why, all[i]->name));
            continue;
        }
        assert_int_equal(proposer_genetic(all[i], 3, &proposer, why), 0);
        struct search_state search = {.archive = &none};
        assert_int_equal(proposer.propose(&proposer, &search, PROPOSALS_MAX, trials, why),
                         PROPOSALS_MAX);
        struct judge judge;
        judge_begin(&judge, all[i], "train/program", NULL);
        for (size_t k = 0; k < PROPOSALS_MAX; k += 5) {
            struct trial source = {.kind = TRIAL_SOURCE,
                                   .source = trial_source(all[i], &trials[k])};
            assert_int_equal(judge_measure(&judge, &trials[k], why), 0);
            assert_true(trials[k].stages > 0);
            if (judge_measure(&judge, &source, why) < 0) {
                print_message("# not tried: %s\n", why);
            } else {
                assert_string_equal(source.why, "");
                assert_true(source.ratio[STAGE_FIRST] == trials[k].ratio[STAGE_FIRST]);
            }
            trial_free(&source);
        }
        judge_end(&judge);
        proposer_free(&proposer);
    }
}

/* What is bad on the first workloads is run on no more. */
static void the_cascade_saves_simulations(void **state)
{
    (void)state;
    struct judge judge;
    struct trial good = {0}, bad = {0};
    double parameters[SUBJECT_PARAMETERS_MAX];
    char why[256];
    judge_begin(&judge, audio(), "train/judge", NULL);
    subject_textbook(audio(), parameters);
    good = (struct trial){.kind = TRIAL_SOURCE, .source = module_of(parameters)};
    parameters[audio()->parameter_count - 1] =
        audio()->parameters[audio()->parameter_count - 1].high;
    parameters[0] = audio()->parameters[0].high;
    bad = (struct trial){.kind = TRIAL_SOURCE, .source = module_of(parameters)};
    if (judge_measure(&judge, &good, why) == 0) {
        judge.first_ratio = 1e-3; /* as if somebody were much better there */
        uint64_t before = judge.simulations;
        assert_int_equal(judge_measure(&judge, &bad, why), 0);
        assert_int_equal(bad.stages, 1);
        assert_int_equal(judge.simulations - before, 2);
        assert_int_equal(judge.archive.count, 1);
    } else {
        print_message("# not tried: %s\n", why);
    }
    trial_free(&good);
    trial_free(&bad);
    judge_end(&judge);
}

static struct trial program_of(const char *text)
{
    struct trial trial = {.kind = TRIAL_PROGRAM};
    assert_int_equal(program_read(audio()->frame, text, &trial.program), 0);
    return trial;
}

/* Who does what another did is given its results for the two workloads that it took to see that. */
static void nobody_is_paid_for_twice(void **state)
{
    (void)state;
    struct judge judge;
    struct trial first = program_of("add mean scale 4096 deviation"),
                 other = program_of("least 2000000 add mean scale 4096 deviation"),
                 new = program_of("add mean scale 4000 deviation");
    char why[256];
    judge_begin(&judge, audio(), "train/judge", NULL);
    assert_int_equal(judge_measure(&judge, &first, why), 0);
    assert_int_equal(first.stages, STAGES);
    assert_false(first.repeats);
    uint64_t before = judge.simulations;
    assert_int_equal(judge_measure(&judge, &other, why), 0);
    assert_int_equal(judge.simulations - before, 2);
    assert_true(other.repeats);
    assert_int_equal(other.stages, first.stages);
    for (size_t k = 0; k < STAGES; k++)
        assert_true(other.ratio[k] == first.ratio[k]);
    assert_true(other.worst == first.worst);
    assert_int_equal(judge_measure(&judge, &new, why), 0);
    assert_false(new.repeats);
    assert_in_range(judge.simulations - before, 2 + 18, 2 + 18 + 64);
    assert_int_equal(judge.judged, 3);
    assert_int_equal(judge.repeats, 1);
    judge_end(&judge);
}

/* What was not good enough to go on when it came goes on when others are no better any more. */
static void who_would_go_on_now_goes_on(void **state)
{
    (void)state;
    struct judge judge;
    struct trial early = program_of("add mean scale 4096 deviation"),
                 late = program_of("add scale 4096 deviation mean"),
                 last = program_of("most 0 add mean scale 4096 deviation");
    char why[256];
    judge_begin(&judge, audio(), "train/judge", NULL);
    judge.first_ratio = 1e-3;
    assert_int_equal(judge_measure(&judge, &early, why), 0);
    assert_int_equal(early.stages, 1);
    assert_int_equal(judge_measure(&judge, &last, why), 0);
    assert_true(last.repeats && last.stages == 1);
    judge.first_ratio = HUGE_VAL;
    assert_int_equal(judge_measure(&judge, &late, why), 0);
    assert_true(!late.repeats && late.stages == STAGES);
    judge_end(&judge);
}

enum { TRACED_PACKETS = 4000 };

/* Packets on a line that never varies. */
static void make_flat_trace(struct trace *ret_trace)
{
    static int64_t values[TRACED_PACKETS][2];
    for (size_t i = 0; i < TRACED_PACKETS; i++) {
        values[i][0] = (int64_t)i * 20000;
        values[i][1] = 20000;
    }
    *ret_trace = (struct trace){
        .kind = TRACE_DELAYS, .format = "test", .count = TRACED_PACKETS, .values = values[0]};
}

/* A fixed buffer is better than Kurose and Ross on synthetic calls, and worse on that line. */
static void the_best_is_the_best_on_the_trace_too(void **state)
{
    (void)state;
    struct judge judge;
    struct trace trace;
    struct traced_subject traced;
    struct trial adapts = program_of("add mean scale 4096 deviation"), fixed = program_of("150000");
    char why[256];
    make_flat_trace(&trace);
    struct subject_traces traces = {.count = 1, .of = {&trace}};
    assert_int_equal(subject_of_traces(audio(), &traces, "0", &traced, why, sizeof why), 0);
    judge_begin(&judge, audio(), "train/judge", NULL);
    judge.traced = &traced.subject;
    assert_int_equal(judge_measure(&judge, &adapts, why), 0);
    assert_int_equal(judge.simulations, 2 + 16 + 64 + JUDGE_WINDOWS);
    struct evaluation_set *windows =
        evaluation_set_new(&traced.subject, "train/judge", JUDGE_WINDOWS);
    assert_non_null(windows);
    assert_true(adapts.on_trace == trial_score(&adapts, windows).ratio);
    evaluation_set_free(windows);
    assert_int_equal(judge_measure(&judge, &fixed, why), 0);
    assert_true(fixed.ratio[STAGE_LAST] < adapts.ratio[STAGE_LAST]);
    assert_true(fixed.on_trace > 1.5 * adapts.on_trace);
    assert_true(judge.best.ratio[STAGE_LAST] == adapts.ratio[STAGE_LAST]);
    judge_end(&judge);
    judge_begin(&judge, audio(), "train/judge", NULL);
    assert_int_equal(judge_measure(&judge, &adapts, why), 0);
    assert_true(adapts.on_trace == 0);
    assert_int_equal(judge_measure(&judge, &fixed, why), 0);
    assert_true(judge.best.ratio[STAGE_LAST] == fixed.ratio[STAGE_LAST]);
    judge_end(&judge);
}

/* Trees that differ in nothing but how they are written are proposed once. */
static void genetic_proposes_nothing_twice(void **state)
{
    (void)state;
    struct proposer proposer;
    struct archive none = {0};
    struct programs_seen seen = {0};
    struct random random;
    struct trial trials[PROPOSALS_MAX];
    char why[256];
    random_seed(&random, 3);
    assert_int_equal(proposer_genetic(audio(), 11, &proposer, why), 0);
    struct search_state search = {.archive = &none};
    for (int round = 0; round < 40; round++) {
        assert_int_equal(proposer.propose(&proposer, &search, PROPOSALS_MAX, trials, why),
                         PROPOSALS_MAX);
        for (size_t i = 0; i < PROPOSALS_MAX; i++) {
            assert_int_equal(programs_seen_add(&seen, &trials[i].program), 1);
            trials[i].stages = STAGE_TRAIN + 1;
            trials[i].ratio[STAGE_FIRST] = trials[i].ratio[STAGE_TRAIN] = random_uniform(&random);
        }
        assert_int_equal(proposer.told(proposer.state, trials, PROPOSALS_MAX, why), 0);
    }
    programs_seen_free(&seen);
    proposer_free(&proposer);
}

/* ── searchers ── */

static unsigned looks;

static void look(const struct judge *judge, void *data)
{
    (void)data;
    looks++;
    assert_true(judge->judged > 0 || judge->simulations == 0);
}

static struct judge search_with(struct proposer *proposer, uint64_t budget, int *ret_result,
                                char why[256])
{
    struct judge judge;
    judge_begin(&judge, audio(), "train/search", NULL);
    *ret_result = proposer_search(proposer, &judge, budget, look, NULL, why);
    proposer_free(proposer);
    return judge;
}

static void searches_keep_to_their_budget(void **state)
{
    (void)state;
    int (*const makers[])(const struct subject *, uint64_t, struct proposer *,
                          char *) = {proposer_cmaes, proposer_random};
    for (size_t i = 0; i < 2; i++) {
        double found[2];
        for (size_t k = 0; k < 2; k++) {
            struct proposer proposer;
            char why[256];
            int result;
            looks = 0;
            assert_int_equal(makers[i](audio(), 7, &proposer, why), 0);
            struct judge judge = search_with(&proposer, 800, &result, why);
            assert_int_equal(result, 0);
            assert_in_range(judge.simulations, 800, 800 + PROPOSALS_MAX * 80);
            assert_true(looks > 0 && judge.refused == 0);
            assert_true(trial_ratio(&judge.best) < 1); /* what is known is among the first */
            found[k] = trial_ratio(&judge.best);
            judge_end(&judge);
        }
        assert_true(found[0] == found[1]); /* the same seed is the same search */
    }
}

static struct judge search_by(const char *command, int patience_ms, int *ret_result, char why[256])
{
    struct proposer proposer;
    why[0] = '\0';
    *ret_result = proposer_exec(audio(), command, 1, 160, patience_ms, &proposer, why);
    if (*ret_result == 0)
        return search_with(&proposer, 160, ret_result, why);
    struct judge judge; /* it had ended before it was told anything */
    judge_begin(&judge, audio(), "train/search", NULL);
    return judge;
}

#define TEXTBOOK_OF_AUDIO                                                                          \
    "{\"mean_gain\":0.01,\"deviation_gain\":0.01,\"deviations\":4,\"spike_threshold\":100,"        \
    "\"spike_exit\":7.875,\"margin\":0,\"spike_deviations\":4,\"floor\":0}"

static void a_program_is_asked_and_told(void **state)
{
    (void)state;
    char why[256], file[] = "/tmp/khub-search-XXXXXX", command[512], said[1 << 16];
    int result, fd = mkstemp(file);
    assert_true(fd >= 0);
    snprintf(
        command, sizeof command,
        "exec >&1; while read -r line; do echo \"$line\" >>%s; case $line in *'\"ask\"'*) echo "
        "'{\"candidates\":[{\"parameters\":" TEXTBOOK_OF_AUDIO "},{\"parameters\":{}},7]}';; "
        "esac; done",
        file);
    struct judge judge = search_by(command, PATIENCE_MS, &result, why);
    assert_int_equal(result, 0);
    assert_true(judge.judged >= 2 && judge.best.stages == STAGES);
    judge_end(&judge);
    ssize_t length = read(fd, said, sizeof said - 1);
    assert_true(length > 0);
    said[length] = '\0';
    assert_non_null(strstr(said, "\"type\":\"subject\""));
    assert_non_null(strstr(said, "#include <stdint.h>")); /* the module */
    assert_non_null(strstr(said, "{\"refused\":\"parameter mean_gain of audio is missing\"}"));
    assert_non_null(strstr(said, "{\"refused\":\"a candidate is an object with"));
    assert_non_null(strstr(said, "\"type\":\"end\""));
    close(fd);
    unlink(file);
}

static void what_goes_wrong_with_a_program_is_said(void **state)
{
    (void)state;
    static const struct {
        const char *command, *said;
        int patience_ms;
    } cases[] = {
        {"exit 3", "exit code 3", PATIENCE_MS},
        {"kill -9 $$", "signal 9", PATIENCE_MS},
        {"read a; read b; echo nonsense; cat >/dev/null", "no JSON object", PATIENCE_MS},
        {"read a; read b; echo 7; cat >/dev/null", "no JSON object", PATIENCE_MS},
        {"read a; sleep 1000", "has not answered for 50 ms", 50},
        {"head -c 9000000 /dev/zero; cat >/dev/null", "a line of more than", PATIENCE_MS},
        {"while read a; do case $a in *ask*) echo '{\"candidates\":[]}';; esac; done",
         "nothing that could be run 3 times", PATIENCE_MS},
        {"while read a; do case $a in *ask*) echo '{\"candidates\":[{\"source\":7}]}';; esac; done",
         "either parameters", PATIENCE_MS},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char why[256];
        int result;
        struct judge judge = search_by(cases[i].command, cases[i].patience_ms, &result, why);
        judge_end(&judge);
        assert_int_equal(result, -1);
        if (!strstr(why, cases[i].said))
            fail_msg("%s: \"%s\" does not say \"%s\"", cases[i].command, why, cases[i].said);
    }
}

static void a_program_that_is_done_ends_the_search(void **state)
{
    (void)state;
    char why[256];
    int result;
    struct judge judge = search_by("read a; read b; echo '{\"done\":true}'; cat >/dev/null",
                                   PATIENCE_MS, &result, why);
    assert_int_equal(result, 0);
    assert_int_equal(judge.simulations, 0);
    judge_end(&judge);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* nothing was left behind */
}

int main(void)
{
    signal(SIGPIPE, SIG_IGN);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(trials_compare_on_what_both_ran),
        cmocka_unit_test(the_archive_keeps_what_is_small_and_what_is_never_bad),
        cmocka_unit_test(cells_end_at_their_ends),
        cmocka_unit_test(a_source_scores_what_its_parameters_score),
        cmocka_unit_test(what_is_no_policy_is_refused_and_said_why),
        cmocka_unit_test(a_program_scores_what_its_module_scores),
        cmocka_unit_test(the_cascade_saves_simulations),
        cmocka_unit_test(nobody_is_paid_for_twice),
        cmocka_unit_test(who_would_go_on_now_goes_on),
        cmocka_unit_test(the_best_is_the_best_on_the_trace_too),
        cmocka_unit_test(genetic_proposes_nothing_twice),
        cmocka_unit_test(searches_keep_to_their_budget),
        cmocka_unit_test(a_program_is_asked_and_told),
        cmocka_unit_test(what_goes_wrong_with_a_program_is_said),
        cmocka_unit_test(a_program_that_is_done_ends_the_search),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
