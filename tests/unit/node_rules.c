/* The rules of an AI node, apart from any hub: what it can do, what it accepts, which words it
 * answers to, who concludes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "brain/capabilities.h"
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

static struct session session_with(const char *initiator)
{
    static const char *const names[] = {"ada", "bob", "cyd"};
    struct session session = {.state = SESSION_ACTIVE, .participant_count = 3};
    strcpy(session.initiator_id, initiator);
    for (size_t i = 0; i < 3; i++) {
        strcpy(session.participants[i], names[i]);
        session.present[i] = true;
    }
    return session;
}

/* Exactly one is first, whatever the initiator, and those who did no work are not in the row. */
static void test_who_concludes(void **state)
{
    (void)state;
    static const struct {
        const char *initiator;
        bool worked[3]; /* ada, bob, cyd */
        size_t turns[3];
    } cases[] = {
        {"ada", {true, true, true}, {0, 1, 2}},
        {"bob", {true, true, true}, {1, 0, 2}},
        {"cyd", {true, true, true}, {1, 2, 0}},
        {"cyd", {true, true, false}, {0, 1, SIZE_MAX}}, /* cyd is of level 1 */
        {"ada", {false, true, false}, {SIZE_MAX, 0, SIZE_MAX}},
        {"ada", {false, false, false}, {SIZE_MAX, SIZE_MAX, SIZE_MAX}},
        {"eve", {true, true, true}, {0, 1, 2}},
    };
    static const char *const names[] = {"ada", "bob", "cyd"};
    struct brain_view view = {0};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct session session = session_with(cases[i].initiator);
        memcpy(view.worked, cases[i].worked, sizeof cases[i].worked);
        for (size_t k = 0; k < 3; k++)
            assert_true(session_turn(&session, &view, names[k]) == cases[i].turns[k]);
    }
    /* The initiator is gone: the others move up. */
    struct session session = session_with("ada");
    memset(view.worked, 1, 3);
    session.present[0] = false;
    assert_int_equal(session_turn(&session, &view, "bob"), 0);
    assert_int_equal(session_turn(&session, &view, "cyd"), 1);
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
    json_t *json = summary_json(&summary, &head, json_pack("{s:i}", "figure", 7),
                                json_pack("{s:s}", "implementation", "int x;"));
    assert_non_null(json);
    const json_t *patterns = json_object_get(json, "patterns");
    assert_int_equal(
        json_integer_value(json_object_get(json_object_get(json, "training"), "figure")), 7);
    assert_int_equal(
        json_integer_value(json_object_get(json_object_get(json, "claims"), "confirmed")), 4);
    assert_int_equal(json_integer_value(json_object_get(patterns, "shared")), 3);
    assert_int_equal(json_integer_value(json_object_get(patterns, "taken_in")), 2);
    assert_int_equal(
        json_integer_value(json_object_get(json_object_get(json, "link"), "reconnects")), 1);
    assert_true(json_is_true(json_object_get(json, "joined")));
    assert_true(json_is_object(json_object_get(json, "learned")));
    json_decref(json);
}

/* No state is left in a way that the drawings do not have, and each can be left for FREE. */
static void test_moves(void **state)
{
    (void)state;
    static const char sessions[] = "-WI--" /* FREE may become WAITING or INVITED */
                                   "F--A-"
                                   "F--A-"
                                   "F---C"
                                   "F--A-";
    static const char proofs[] = "-W--"
                                 "F-C-"
                                 "FW-C"
                                 "FW-C";
    static const char measuring[] = "-R-"
                                    "N-D"
                                    "N--";
    for (size_t from = 0; from < SESSION_STATES; from++)
        for (size_t to = 0; to < SESSION_STATES; to++)
            assert_int_equal(sessions_move_legal((enum session_state)from, (enum session_state)to),
                             sessions[from * SESSION_STATES + to] != '-');
    for (size_t from = 0; from < PROOF_STATES; from++)
        for (size_t to = 0; to < PROOF_STATES; to++)
            assert_int_equal(proofs_move_legal((enum proof_state)from, (enum proof_state)to),
                             proofs[from * PROOF_STATES + to] != '-');
    for (size_t from = 0; from < MEASURING_STATES; from++)
        for (size_t to = 0; to < MEASURING_STATES; to++)
            assert_int_equal(proofs_measuring_legal((enum measuring)from, (enum measuring)to),
                             measuring[from * MEASURING_STATES + to] != '-');
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_capabilities_are_the_seeds),
        cmocka_unit_test(test_acceptance),
        cmocka_unit_test(test_words),
        cmocka_unit_test(test_words_cut),
        cmocka_unit_test(test_who_concludes),
        cmocka_unit_test(test_moves),
        cmocka_unit_test(test_summary),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
