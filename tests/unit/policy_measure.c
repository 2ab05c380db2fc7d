/* What anybody measures is what a trainer measures: the face that others link to, and the test
 * vectors of docs/PROTOCOL.md. usage: test_policy_measure PROTOCOL.md */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "policy/measure.h"
#include "policy/random.h"

#define SUBJECT "audio"
#define NONCE   "00112233445566778899aabbccddeeff"

static const char *path;

/* The textbook's parameters, as somebody gives them. */
static size_t textbook(struct khub_parameter *ret_given)
{
    const struct subject *subject = subject_find(SUBJECT);
    for (int i = 0; i < subject->parameter_count; i++)
        ret_given[i] =
            (struct khub_parameter){subject->parameters[i].name, subject->parameters[i].textbook};
    return (size_t)subject->parameter_count;
}

/* ── the document's vectors ── */

static char *read_document(void)
{
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    static char text[1 << 18];
    size_t length = fread(text, 1, sizeof text - 1, file);
    fclose(file);
    text[length] = '\0';
    return text;
}

static void add(char *text, size_t size, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
static void add(char *text, size_t size, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    size_t used = strlen(text);
    vsnprintf(text + used, size - used, format, arguments);
    va_end(arguments);
}

/* FNV-1a as the document has it, and not as the code does. */
static uint64_t hash_of(const char *text)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (; *text; text++)
        hash = (hash ^ (uint8_t)*text) * UINT64_C(0x100000001b3);
    return hash;
}

static void the_document_has_these_vectors(void **state)
{
    (void)state;
    const struct subject *subject = subject_find(SUBJECT);
    struct khub_parameter given[SUBJECT_PARAMETERS_MAX];
    struct khub_question question = {.subject = SUBJECT,
                                     .nonce = NONCE,
                                     .parameters = given,
                                     .parameter_count = textbook(given)};
    struct khub_measured measured;
    char why[KHUB_WHY_SIZE], split[NONCE_SPLIT_SIZE], wanted[1024] = "";
    struct random random;
    nonce_split(NONCE, split);
    add(wanted, sizeof wanted, "FNV-1a of \"%s/%s\"\n                    %016" PRIx64 "\n", SUBJECT,
        split, hash_of(SUBJECT "/test/" NONCE));
    static const uint64_t which[] = {0, 1, 63};
    for (size_t i = 0; i < 3; i++)
        add(wanted, sizeof wanted, "seed of workload %-3" PRIu64 "%016" PRIx64 "\n", which[i],
            subject_seed(subject, split, which[i]));
    random_seed(&random, subject_seed(subject, split, 0));
    add(wanted, sizeof wanted, "workload 0 draws    %016" PRIx64, random_u64(&random));
    add(wanted, sizeof wanted, " %016" PRIx64 " …\n", random_u64(&random));
    assert_int_equal(khub_measure(&question, &measured, why), 0);
    add(wanted, sizeof wanted, "ratio               %.17g (version %s)\n", measured.ratio,
        measured.subject_version);
    if (!strstr(read_document(), wanted))
        fail_msg("%s should have these lines:\n%s", path, wanted);
}

/* ── the face ── */

static void it_measures_what_a_trainer_does(void **state)
{
    (void)state;
    size_t count;
    const struct subject *const *all = subjects(&count);
    for (size_t i = 0; i < count; i++) {
        const struct subject *subject = all[i];
        double parameters[SUBJECT_PARAMETERS_MAX], u[SUBJECT_PARAMETERS_MAX];
        struct khub_parameter given[SUBJECT_PARAMETERS_MAX];
        int n = subject->parameter_count;
        for (int k = 0; k < n; k++)
            u[k] = 0.3 + 0.05 * k;
        subject_units(subject, u, parameters);
        for (int k = 0; k < n; k++) /* in another order */
            given[n - 1 - k] = (struct khub_parameter){subject->parameters[k].name, parameters[k]};
        const struct khub_question questions[] = {{.subject = subject->name,
                                                   .subject_version = subject->version,
                                                   .nonce = NONCE,
                                                   .workloads = 16,
                                                   .parameters = given,
                                                   .parameter_count = (size_t)n},
                                                  {.subject = subject->name,
                                                   .peer = "ada",
                                                   .parameters = given,
                                                   .parameter_count = (size_t)n}};
        static const char *const splits[] = {"test/" NONCE, "peer/ada"};
        for (size_t k = 0; k < 2; k++) {
            struct khub_measured measured;
            char why[KHUB_WHY_SIZE];
            struct evaluation_set *set = evaluation_set_new(subject, splits[k], 16);
            struct score score = evaluation_set_score(set, parameters);
            assert_int_equal(khub_measure(&questions[k], &measured, why), 0);
            assert_true(measured.ratio == score.ratio && measured.ci95 == score.ci95);
            assert_true(measured.cost == score.cost && measured.wins == score.wins);
            assert_int_equal(measured.workloads, 16);
            assert_true(measured.bound_ratio == evaluation_set_bound(set).ratio);
            assert_true(measured.gap_closed == gap_closed(score.ratio, measured.bound_ratio));
            assert_true(measured.baseline_cost == evaluation_set_baseline(set, 0).cost);
            assert_string_equal(measured.subject_version, subject->version);
            evaluation_set_free(set);
        }
    }
}

/* The question is refused, and the sentence has this. */
static void expect_wrong(struct khub_question question, const char *said)
{
    char why[KHUB_WHY_SIZE] = "";
    struct khub_measured measured = {.ratio = 7};
    assert_int_equal(khub_measure(&question, &measured, why), KHUB_E_ARGUMENT);
    if (!strstr(why, said))
        fail_msg("\"%s\" is not in \"%s\"", said, why);
    assert_true(measured.ratio == 7);
}

static void wrong_questions_are_named(void **state)
{
    (void)state;
    struct khub_parameter given[SUBJECT_PARAMETERS_MAX + 1];
    size_t count = textbook(given);
    const struct khub_question good = {
        .subject = SUBJECT, .nonce = NONCE, .parameters = given, .parameter_count = count};
    struct khub_question bad = good;
    char long_id[PEER_NAME_MAX + 2];
    bad.subject = "adio";
    expect_wrong(bad, "'adio'");
    bad.subject = NULL;
    expect_wrong(bad, "no subject");
    bad = good, bad.subject_version = "0.5";
    expect_wrong(bad, "'0.5'");
    bad = good, bad.nonce = "00112233445566778899AABBCCDDEEFF";
    expect_wrong(bad, "unlike '00112233445566778899AABB");
    bad = good, bad.peer = "ada";
    expect_wrong(bad, "not both");
    bad = good, bad.nonce = NULL;
    expect_wrong(bad, "either a nonce or a peer");
    memset(long_id, 'x', sizeof long_id - 1);
    long_id[sizeof long_id - 1] = '\0';
    bad.peer = long_id;
    expect_wrong(bad, "and not 162");
    bad = good, bad.workloads = 15;
    expect_wrong(bad, "15 workloads: it must be between 16 and 256");
    bad = good, bad.parameter_count--;
    expect_wrong(bad, "is missing");
    given[count] = given[0];
    bad = good, bad.parameter_count++;
    expect_wrong(bad, "stands twice");
    given[count].name = "x";
    expect_wrong(bad, "'x' is no parameter of audio");
    static const double outside[] = {0.6, 0, -1, 1e300};
    for (size_t i = 0; i < sizeof outside / sizeof *outside; i++) {
        given[0].value = outside[i];
        expect_wrong(good, "mean_gain is ");
        expect_wrong(good, "outside 0.001..0.5");
    }
    given[0].value = nan("");
    expect_wrong(good, "outside 0.001..0.5");
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_document_has_these_vectors),
        cmocka_unit_test(it_measures_what_a_trainer_does),
        cmocka_unit_test(wrong_questions_are_named),
    };
    assert_int_equal(argc, 2);
    path = argv[1];
    return cmocka_run_group_tests(tests, NULL, NULL);
}
