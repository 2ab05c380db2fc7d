/* How a token is written, and what one permits. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "auth/tokens.h"

static const char digits[] = "0123456789abcdefghjkmnpqrstvwxyz";

static void counted(uint8_t bytes[TOKEN_BITS_BYTES])
{
    for (unsigned i = 0; i < TOKEN_BITS_BYTES; i++)
        bytes[i] = (uint8_t)(i * 37 + 5);
}

/* Made with Python's base64 and hashlib. */
static void test_a_token_is_written_as_its_head_says(void **state)
{
    uint8_t bytes[TOKEN_BITS_BYTES] = {0};
    char text[TOKEN_TEXT_SIZE];
    (void)state;
    token_write(bytes, text);
    assert_string_equal(text, "khub_00000000000000000000000000000000000000000000000000002x4sey");
    memset(bytes, 0xff, sizeof bytes);
    token_write(bytes, text);
    assert_string_equal(text, "khub_zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzgtc47gg");
    counted(bytes);
    token_write(bytes, text);
    assert_string_equal(text, "khub_0mn4yx4sqvhggbajeyec3sgb61aqn7y4x4736p3xmb3yr49pbe00b4ane5");
    assert_true(token_is_whole(slice_of(text)));
}

/* A character that is another one, two neighbours that changed places, one that is missing, one too
 * many, and other letter case. */
static void test_what_was_mistyped_is_no_token(void **state)
{
    uint8_t bytes[TOKEN_BITS_BYTES];
    char text[TOKEN_TEXT_SIZE + 1] = "", wrong[TOKEN_TEXT_SIZE + 1];
    (void)state;
    counted(bytes);
    token_write(bytes, text);
    for (size_t at = 0; at < TOKEN_LENGTH; at++) {
        for (size_t i = 0; i < sizeof digits - 1; i++) {
            snprintf(wrong, sizeof wrong, "%s", text);
            wrong[at] = digits[i];
            assert_int_equal(token_is_whole(slice_of(wrong)), strcmp(wrong, text) == 0);
        }
        snprintf(wrong, sizeof wrong, "%s", text);
        wrong[at] = 'L';
        assert_false(token_is_whole(slice_of(wrong)));
        snprintf(wrong, sizeof wrong, "%s", text);
        memmove(wrong + at, text + at + 1, TOKEN_LENGTH - at);
        assert_false(token_is_whole(slice_of(wrong)));
        if (at + 1 == TOKEN_LENGTH || text[at] == text[at + 1])
            continue;
        snprintf(wrong, sizeof wrong, "%s", text);
        wrong[at] = text[at + 1];
        wrong[at + 1] = text[at];
        assert_false(token_is_whole(slice_of(wrong)));
    }
    snprintf(wrong, sizeof wrong, "%s0", text);
    assert_false(token_is_whole(slice_of(wrong)));
    assert_false(token_is_whole((struct slice){NULL, 0}));
    assert_false(token_is_whole(slice_of("khub_")));
}

static bool permits(const char *pattern, const char *ai_id)
{
    struct token_grant grant = {.ids = ""};
    snprintf(grant.ids, sizeof grant.ids, "%s", pattern);
    return token_permits_id(&grant, slice_of(ai_id));
}

static void test_ids_are_permitted_by_their_exact_characters(void **state)
{
    (void)state;
    assert_true(permits("*", "ada"));
    assert_true(permits("ada", "ada"));
    assert_true(permits("ada*", "ada"));
    assert_true(permits("ada/*", "ada/1"));
    assert_true(permits("a?a", "a\xc3\xa9"
                               "a"));
    assert_true(permits("*[0-9]", "node7"));
    assert_false(permits("ada", "Ada"));
    assert_false(permits("ada", "ada "));
    assert_false(permits("ada/*", "ada"));
    assert_false(permits("ada*", "\xd0\xb0"
                                 "da"));                  /* a Cyrillic letter */
    assert_false(permits("caf\xc3\xa9", "cafe\xcc\x81")); /* the same to a reader, composed */
    assert_false(permits("a_a", "aba"));
    assert_false(permits("a%", "ab"));
    assert_false(permits("", "ada"));
}

static void test_what_no_id_can_be_is_not_permitted(void **state)
{
    struct token_grant grant = {.ids = "*"};
    char longest[ID_PATTERN_MAX + 1];
    (void)state;
    memset(longest, 'a', sizeof longest);
    assert_true(token_permits_id(&grant, (struct slice){longest, ID_PATTERN_MAX}));
    assert_false(token_permits_id(&grant, (struct slice){longest, sizeof longest}));
    assert_false(token_permits_id(&grant, (struct slice){"ada\0bob", 7}));
}

static bool enters(const char *rooms, const char *room)
{
    struct token_grant grant = {.rooms = ""};
    snprintf(grant.rooms, sizeof grant.rooms, "%s", rooms);
    return token_permits_room(&grant, slice_of(room));
}

static void test_rooms_are_those_of_the_list(void **state)
{
    (void)state;
    assert_true(enters("", "main"));
    assert_true(enters("main", "main"));
    assert_true(enters("lab,main", "main"));
    assert_true(enters("lab,main", "lab"));
    assert_false(enters("main", "Main"));
    assert_false(enters("main", "mai"));
    assert_false(enters("main", "main2"));
    assert_false(enters("main,lab", "main,lab"));
    assert_false(enters("*", "main"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_token_is_written_as_its_head_says),
        cmocka_unit_test(test_what_was_mistyped_is_no_token),
        cmocka_unit_test(test_ids_are_permitted_by_their_exact_characters),
        cmocka_unit_test(test_what_no_id_can_be_is_not_permitted),
        cmocka_unit_test(test_rooms_are_those_of_the_list),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
