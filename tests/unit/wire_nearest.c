/* Distances, against the whole matrix, and which names are near. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include "wire/nearest.h"
#include "wire_guard.h"

#define MOST NEAREST_DISTANCE_MAX

static void distances_are_counted(void **state)
{
    (void)state;
    static const struct {
        const char *left, *right;
        unsigned distance;
    } pairs[] = {{"", "", 0},
                 {"a", "", 1},
                 {"watch", "watch", 0},
                 {"watch", "wach", 1},
                 {"watch", "wacth", 1},
                 {"watch", "Watch", 0},
                 {"kitten", "sitting", 3},
                 {"who", "kb", 3},
                 {"abcd", "wxyz", MOST + 1},
                 {"ab", "abcdef", MOST + 1},
                 {"ca", "abc", 3}};
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        struct slice left = slice_of(pairs[i].left), right = slice_of(pairs[i].right);
        assert_int_equal(nearest_distance(left, right, MOST), pairs[i].distance);
        assert_int_equal(nearest_distance(right, left, MOST), pairs[i].distance);
        if (pairs[i].distance > 1)
            assert_int_equal(nearest_distance(left, right, 1), 2);
    }
    char longer[NEAREST_BYTES_MAX + 1];
    memset(longer, 'x', sizeof longer);
    struct slice longest = {longer, NEAREST_BYTES_MAX}, more = {longer, sizeof longer};
    assert_int_equal(nearest_distance(longest, longest, MOST), 0);
    assert_int_equal(nearest_distance(more, more, MOST), MOST + 1);
}

/* The optimal string alignment distance by its definition. */
static unsigned by_definition(struct slice a, struct slice b)
{
    if (a.len == 0 || b.len == 0)
        return (unsigned)(a.len + b.len);
    struct slice shorter_a = {a.at, a.len - 1}, shorter_b = {b.at, b.len - 1};
    char last_a = a.at[a.len - 1], last_b = b.at[b.len - 1];
    unsigned best = by_definition(shorter_a, shorter_b) + (last_a != last_b);
    unsigned dropped = by_definition(shorter_a, b) + 1, added = by_definition(a, shorter_b) + 1;
    best = dropped < best ? dropped : best;
    best = added < best ? added : best;
    if (a.len > 1 && b.len > 1 && a.at[a.len - 2] == last_b && last_a == b.at[b.len - 2]) {
        unsigned swapped =
            by_definition((struct slice){a.at, a.len - 2}, (struct slice){b.at, b.len - 2}) + 1;
        best = swapped < best ? swapped : best;
    }
    return best;
}

static void the_band_is_wide_enough(void **state)
{
    (void)state;
    uint32_t random = 7;
    for (int round = 0; round < 4000; round++) {
        char left[6], right[6];
        for (size_t i = 0; i < sizeof left; i++) {
            random = random * 1664525u + 1013904223u;
            left[i] = (char)('a' + (random >> 20) % 3);
            right[i] = (char)('a' + (random >> 24) % 3);
        }
        struct slice a = {left, (random >> 10) % 7},
                     b = guarded((struct slice){right, (random >> 14) % 7});
        unsigned distance = by_definition(a, b);
        assert_int_equal(nearest_distance(a, b, MOST), distance > MOST ? MOST + 1 : distance);
    }
}

static void the_nearest_come_first(void **state)
{
    (void)state;
    struct nearest nearest = {.word = slice_of("pattern_1")};
    const char *const names[] = {"xattern_2",      "other",     "pattern_2",
                                 "MY_pattern_1_b", "pattern_1", "pattern_3"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        nearest_offer(&nearest, slice_of(names[i]));
    assert_int_equal(nearest.count, NEAREST_MAX);
    assert_string_equal(nearest.best[0].name.at, "pattern_1");
    assert_string_equal(nearest.best[1].name.at, "pattern_2");
    assert_string_equal(nearest.best[2].name.at, "MY_pattern_1_b");
}

static void what_is_near(void **state)
{
    (void)state;
    static const struct {
        const char *word, *name;
        bool near;
    } pairs[] = {{"zzz", "pattern_1", false},
                 {"kb", "k", true},
                 {"kb", "who", false},
                 {"a", "b", false},
                 {"a", "A", true},
                 {"AI_Nod_1", "AI_Node_1", true},
                 {"node", "nodule", false},
                 {"node", "node-17", true},
                 {"security-node", "node", true},
                 {"abcdefghijkl", "abcdefgh----", false}};
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        struct nearest nearest = {.word = slice_of(pairs[i].word)};
        nearest_offer(&nearest, slice_of(pairs[i].name));
        if (nearest.count != pairs[i].near)
            fail_msg("%s and %s", pairs[i].word, pairs[i].name);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(distances_are_counted),
        cmocka_unit_test(the_band_is_wide_enough),
        cmocka_unit_test(the_nearest_come_first),
        cmocka_unit_test(what_is_near),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
