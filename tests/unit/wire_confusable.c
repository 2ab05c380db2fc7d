/* Names that a reader takes for one another have one skeleton; names that nobody does have not. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include "wire/confusable.h"
#include "wire/utf8.h"
#include "wire_guard.h"

static bool look_alike(const char *left, const char *right)
{
    char first[SKELETON_SIZE], second[SKELETON_SIZE];
    return slice_equal(confusable_skeleton(slice_of(left), first),
                       confusable_skeleton(slice_of(right), second));
}

static void twins(void **state)
{
    (void)state;
    static const char *const hubs[] = {
        "hub",
        "HUB",
        "Hub",
        "hub ",
        " hub",
        "h ub",
        "h\u00a0ub",
        "hu\u3000b",
        "һub" /* Cyrillic һ */,
        "НUВ" /* Cyrillic Н, В */,
        "hυb" /* Greek υ */,
        "ΗUΒ" /* Greek Η, Β */,
        "\uff48\uff55\uff42" /* fullwidth */,
        "𝐡𝐮𝐛",
        "𝒽𝓊𝒷",
        "ℎub",
        "𝚮ub" /* mathematical Greek Η */,
        "ʜᴜʙ" /* small capitals */,
        "ⓗⓤⓑ",
        "ʰub",
        "hub\u200b",
        "\u202ehub",
        "h\u00adub",
        "hub\ufe0f",
        "hᴜb",
        "hսb" /* Armenian */,
    };
    for (size_t i = 0; i < sizeof hubs / sizeof *hubs; i++)
        if (!look_alike("hub", hubs[i]))
            fail_msg("%zu, %s, does not look like hub", i, hubs[i]);
    static const char *const pairs[][2] = {
        {"AI_Node_1", "Al_Node_l"},
        {"AI_Node_1", "ΑІ_Nоdе_1"},
        {"node_0", "node_O"},
        {"modem", "modern"},
        {"paypal", "раураӀ"},
        {"node-1", "node\u20101"},
        {"ada", "Ada"},
        {"4bot", "𝟒bot"},
    };
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++)
        if (!look_alike(pairs[i][0], pairs[i][1]))
            fail_msg("%s and %s do not look alike", pairs[i][0], pairs[i][1]);
}

static void strangers(void **state)
{
    (void)state;
    static const char *const pairs[][2] = {
        {"hub", "hubs"},  {"hub", "hab"},       {"hub", "hüb"},           {"node_1", "node_2"},
        {"mail", "mall"}, {"node_i", "node_l"}, {"日本", "日木"},         {"ada", "ad\u00e4"},
        {"a.b", "a-b"},   {"a_b", "a-b"},       {"worker-3", "worker-8"}, {"c", "ç"},
    };
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++)
        if (look_alike(pairs[i][0], pairs[i][1]))
            fail_msg("%s and %s look alike", pairs[i][0], pairs[i][1]);
}

static void nothing_to_see(void **state)
{
    (void)state;
    static const char *const blanks[] = {" ", "\u200b", "\u3164", "\u2800", " \u00a0\u2003", ""};
    char buffer[SKELETON_SIZE];
    for (size_t i = 0; i < sizeof blanks / sizeof *blanks; i++)
        assert_int_equal(confusable_skeleton(slice_of(blanks[i]), buffer).len, 0);
}

/* A skeleton is its own, for every code point, and never longer than its buffer. */
static void skeletons_are_stable(void **state)
{
    (void)state;
    char longest[WIRE_ID_MAX], once[SKELETON_SIZE], twice[SKELETON_SIZE];
    for (uint32_t code = 0; code <= 0x1ffff; code++) {
        char bytes[UTF8_MAX];
        if (code >= 0xd800 && code < 0xe000)
            continue;
        struct slice id = guarded((struct slice){bytes, utf8_write(code, bytes)});
        struct slice skeleton = confusable_skeleton(id, once);
        assert_true(skeleton.len <= 2 * id.len);
        if (!slice_equal(confusable_skeleton(skeleton, twice), skeleton))
            fail_msg("U+%04X: %.*s", code, SLICE_FORMAT(skeleton));
    }
    memset(longest, 'm', sizeof longest);
    assert_int_equal(confusable_skeleton((struct slice){longest, sizeof longest}, once).len,
                     SKELETON_SIZE);
    memset(longest, '\xff', sizeof longest); /* no id, but harmless */
    assert_int_equal(confusable_skeleton((struct slice){longest, sizeof longest}, once).len,
                     WIRE_ID_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(twins),
        cmocka_unit_test(strangers),
        cmocka_unit_test(nothing_to_see),
        cmocka_unit_test(skeletons_are_stable),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
