/* The rules of an AI node, apart from any hub: what it can do, what it accepts, which words it answers to, who concludes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "brain/capabilities.h"
#include "brain/policy/candidate.h"
#include "node/node.h"

/* Written out, not taken from the table under test. */
static const struct {
    const char *specialization, *capabilities;
} seed[] = {
    {"window_manager", "gui_development window_management user_interface"},
    {"file_system", "file_operations storage_management data_structures"},
    {"process_manager", "process_scheduling memory_management system_calls"},
    {"security", "security_analysis encryption access_control"},
    {"networking", "network_protocols distributed_systems communication"},
    {"graphics", "graphics_rendering visual_effects display_management"},
    {"audio", "audio_processing sound_synthesis media_handling"},
    {"performance", "optimization benchmarking performance_analysis"},
    {"general", ""},
};

static void test_capabilities_are_the_seeds(void **state)
{
    (void)state;
    size_t count = 0;
    for (; trainer_specializations[count]; count++)
        assert_string_equal(trainer_specializations[count], seed[count].specialization);
    assert_int_equal(count, sizeof seed / sizeof *seed);
    for (size_t i = 0; i < count; i++) {
        char joined[256] = "";
        const char *const *capabilities = trainer_capabilities(seed[i].specialization);
        assert_string_equal(capabilities[0], "pattern_recognition");
        assert_string_equal(capabilities[1], "code_generation");
        assert_string_equal(capabilities[2], "os_development");
        for (size_t k = 3; capabilities[k]; k++) {
            strcat(joined, k > 3 ? " " : "");
            strcat(joined, capabilities[k]);
        }
        assert_string_equal(joined, seed[i].capabilities);
        json_t *json = capabilities_json(seed[i].specialization);
        assert_int_equal(json_array_size(json), i == count - 1 ? 3 : 6);
        json_decref(json);
    }
    assert_null(trainer_capabilities("alchemy"));
    assert_null(trainer_capabilities(""));
    assert_string_equal(trainer_features[0], "file_system");
    assert_string_equal(trainer_features[1], "process_manager");
    assert_string_equal(trainer_features[2], "network_stack");
}

static void test_acceptance(void **state)
{
    (void)state;
    static const struct {
        const char *type;
        size_t live;
        uint64_t left;
        bool accepted;
    } cases[] = {
        {"cross_specialization", 0, 60000, true},
        {"cross_specialization", 7, 60000, true},
        {"cross_specialization", 8, 60000, false},
        {"feature_development", 7, 60000, true},
        {"feature_development", 8, 60000, false},
        {"code_review", 0, 60000, true},
        {"code_review", 2, 60000, true},
        {"code_review", 3, 60000, false},
        {"", 2, 60000, true},
        {"", 3, 60000, false},
        {"feature_development", 0, 9999, false},
        {"feature_development", 0, 10000, true},
        {"Feature_Development", 3, 60000, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *reason = session_decline(cases[i].type, cases[i].live, cases[i].left);
        assert_int_equal(reason == NULL, cases[i].accepted);
        assert_true(!reason || strlen(reason) > 20);
    }
}

static void test_words(void **state)
{
    (void)state;
    static const struct {
        const char *feature;
        bool matches;
    } cases[] = {
        {"process_scheduling", true},
        {"scheduling", true},
        {"fair scheduling of jobs", true},
        {"SYSTEM", true},
        {"a Memory allocator", true},
        {"encryption", false},
        {"disk encryption", false},
        {"", false},
        {"   ", false},
        {"x", false},
        {"z q", false},
        {"os", true},
        {"process_scheduling_for_mice", false},
        {"\t system_calls \n", true},
        {"s", true},
        {"q s", false},
    };
    const char *const *capabilities = trainer_capabilities("process_manager");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(words_match(cases[i].feature, capabilities), cases[i].matches);
}

static void test_words_cut(void **state)
{
    (void)state;
    char copy[6];
    words_cut("abc", copy, sizeof copy);
    assert_string_equal(copy, "abc");
    words_cut("abcde", copy, sizeof copy);
    assert_string_equal(copy, "abcde");
    words_cut("abcdef", copy, sizeof copy);
    assert_string_equal(copy, "abcde");
    words_cut("abcdé", copy, sizeof copy); /* é would end in byte 6 */
    assert_string_equal(copy, "abcd");
    words_cut("ab😀", copy, sizeof copy);
    assert_string_equal(copy, "ab");
    words_cut("", copy, 1);
    assert_string_equal(copy, "");
}

static struct session session_with(const char *initiator, const char *candidate)
{
    static const char *const names[] = {"ada", "bob", "cyd"};
    struct session session = {.used = true, .state = SESSION_ACTIVE, .participant_count = 3};
    strcpy(session.initiator_id, initiator);
    for (size_t i = 0; i < 3; i++) {
        strcpy(session.participants[i], names[i]);
        session.present[i] = true;
    }
    session.candidate = json_loads(candidate, 0, NULL);
    assert_non_null(session.candidate);
    return session;
}

/* Exactly one is first, whatever the initiator, and those who did no work are not in the row. */
static void test_who_concludes(void **state)
{
    (void)state;
    static const struct {
        const char *initiator, *evaluations;
        size_t turns[3]; /* of ada, bob, cyd */
    } cases[] = {
        {"ada", "{\"evaluations\":{\"ada\":1,\"bob\":2,\"cyd\":3}}", {0, 1, 2}},
        {"bob", "{\"evaluations\":{\"ada\":1,\"bob\":2,\"cyd\":3}}", {1, 0, 2}},
        {"cyd", "{\"evaluations\":{\"ada\":1,\"bob\":2,\"cyd\":3}}", {1, 2, 0}},
        {"cyd",
         "{\"evaluations\":{\"ada\":1,\"bob\":2}}",
         {0, 1, SIZE_MAX}}, /* cyd is of level 1 */
        {"ada", "{\"evaluations\":{\"bob\":400}}", {SIZE_MAX, 0, SIZE_MAX}},
        {"ada", "{\"evaluations\":{\"bob\":-1,\"cyd\":\"9\"}}", {SIZE_MAX, SIZE_MAX, SIZE_MAX}},
        {"eve", "{\"evaluations\":{\"ada\":1,\"bob\":2,\"cyd\":3}}", {0, 1, 2}},
    };
    static const char *const names[] = {"ada", "bob", "cyd"};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct session session = session_with(cases[i].initiator, cases[i].evaluations);
        for (size_t k = 0; k < 3; k++)
            assert_true(session_turn(&session, names[k]) == cases[i].turns[k]);
        json_decref(session.candidate);
    }
    /* The initiator is gone: the others move up. */
    struct session session = session_with("ada", cases[0].evaluations);
    session.present[0] = false;
    assert_int_equal(session_turn(&session, "bob"), 0);
    assert_int_equal(session_turn(&session, "cyd"), 1);
    json_decref(session.candidate);
}

static void test_candidate_numbers(void **state)
{
    (void)state;
    static const struct {
        const char *json;
        unsigned spent;
    } cases[] = {
        {"{}", 0},
        {"{\"evaluations\":{\"a\":100,\"b\":50}}", 150},
        {"{\"evaluations\":{\"a\":300,\"b\":300}}", BRAIN_SESSION_BUDGET},
        {"{\"evaluations\":{\"a\":99999999999999}}", BRAIN_SESSION_BUDGET},
        {"{\"evaluations\":{\"a\":-1,\"b\":1.5,\"c\":\"9\",\"d\":null,\"e\":[7]}}", 0},
        {"{\"evaluations\":[100]}", 0},
        {"{\"evaluations\":{\"a\":1,\"b\":1,\"c\":1,\"d\":1,\"e\":1,\"f\":1,\"g\":1,\"h\":1,\"i\":"
         "1,\"j\":1}}",
         8},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        json_t *candidate = json_loads(cases[i].json, 0, NULL);
        assert_int_equal(candidate_spent(candidate), cases[i].spent);
        assert_true(candidate_progress(candidate) == cases[i].spent / (double)BRAIN_SESSION_BUDGET);
        json_decref(candidate);
    }
    assert_int_equal(candidate_spent(NULL), 0);
    assert_true(candidate_ratio(NULL) == 0);
}

static void assert_printed(const struct summary *summary, const struct summary_head *head,
                           const struct brain_standing *standing, const char *const *wanted,
                           size_t count)
{
    char *text;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    summary_print(summary, head, standing, out);
    fclose(out);
    for (size_t i = 0; i < count; i++)
        if (!strstr(text, wanted[i]))
            fail_msg("no \"%s\" in:\n%s", wanted[i], text);
    free(text);
}

static void test_summary(void **state)
{
    (void)state;
    struct summary summary = {.patterns_shared = 3,
                              .patterns_taken_in = 2,
                              .claims_committed = 5,
                              .claims_confirmed = 4,
                              .link_reconnects = 1};
    struct summary_head head = {.ai_id = "ada",
                                .specialization = "networking",
                                .hub = "127.0.0.1:6000",
                                .ended = "time is up",
                                .joined = true,
                                .seconds = 60};
    struct brain_standing standing = {.subject = "process_manager",
                                      .subject_version = "1",
                                      .cost = "ms",
                                      .evaluations = 100,
                                      .ratio_train = 0.7,
                                      .ratio_alone = 0.78,
                                      .evaluations_alone = 40,
                                      .taken = 2,
                                      .taken_from = {"eve\x1b[2J", "bob"},
                                      .ratio_heldout = 0.75,
                                      .ci95 = 0.02,
                                      .seeds = 64,
                                      .wins = 60,
                                      .textbook = "RR",
                                      .practice = "MLFQ",
                                      .practice_ratio = 0.8,
                                      .bound_ratio = 0.45,
                                      .gap_closed = 0.45};
    json_t *json = summary_json(&summary, &head, &standing);
    assert_non_null(json);
    const json_t *training = json_object_get(json, "training"),
                 *patterns = json_object_get(json, "patterns");
    assert_true(json_number_value(json_object_get(training, "gain")) == 0.25);
    assert_true(json_number_value(json_object_get(training, "ratio_alone")) == 0.78);
    assert_int_equal(json_array_size(json_object_get(training, "taken_from")), 2);
    assert_int_equal(
        json_integer_value(json_object_get(json_object_get(json, "claims"), "confirmed")), 4);
    assert_int_equal(json_integer_value(json_object_get(patterns, "shared")), 3);
    assert_int_equal(json_integer_value(json_object_get(patterns, "taken_in")), 2);
    assert_int_equal(
        json_integer_value(json_object_get(json_object_get(json, "link"), "reconnects")), 1);
    assert_true(json_is_true(json_object_get(json, "joined")));
    json_decref(json);
    static const char *const wanted[] = {
        "ada (networking)",
        "textbook: RR                             1.000                          0.0 %\n",
        "best practice: MLFQ                      0.800                         36.4 %\n",
        "own, alone                               0.780                         40.0 %\n",
        "best after meeting others                0.750  ± 0.020  60 of 64      45.5 %\n",
        "bound that nobody can beat               0.450                        100.0 %\n",
        "2 of others', the latest of eve\\x1b[2J, bob\n",
        "claims committed to",
        "patterns shared"};
    assert_printed(&summary, &head, &standing, wanted, sizeof wanted / sizeof *wanted);
    /* It began with another's, and no practice is known. */
    standing.ratio_alone = 0;
    standing.practice = NULL;
    standing.practice_ratio = 0;
    static const char *const unknown[] = {"own, alone                                   -\n",
                                          "best practice                                -\n"};
    assert_printed(&summary, &head, &standing, unknown, 2);
    standing.seeds = 0;
    static const char *const unmeasured[] = {"nothing was measured on held-out workloads"};
    assert_printed(&summary, &head, &standing, unmeasured, 1);
    /* general */
    standing = (struct brain_standing){.referee = true,
                                       .subject = "all",
                                       .subject_version = "",
                                       .cost = "",
                                       .textbook = "",
                                       .subjects_seen = 3,
                                       .geometric_mean = 0.912};
    static const char *const referee[] = {"saw a claim hold", " 3\n", "geometric mean", "0.912"};
    assert_printed(&summary, &head, &standing, referee, 4);
    json = summary_json(&summary, &head, &standing);
    training = json_object_get(json, "training");
    assert_true(json_is_true(json_object_get(training, "referee")));
    assert_int_equal(json_integer_value(json_object_get(training, "subjects_seen")), 3);
    assert_true(json_number_value(json_object_get(training, "geometric_mean")) == 0.912);
    json_decref(json);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_capabilities_are_the_seeds),
        cmocka_unit_test(test_acceptance),
        cmocka_unit_test(test_words),
        cmocka_unit_test(test_words_cut),
        cmocka_unit_test(test_who_concludes),
        cmocka_unit_test(test_candidate_numbers),
        cmocka_unit_test(test_summary),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
