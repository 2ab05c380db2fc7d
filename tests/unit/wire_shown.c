/* The one rule for what of a peer's text is safe to show, over every code point and every byte. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include "wire/json.h"
#include "wire/shown.h"
#include "wire/text.h"
#include "wire/utf8.h"
#include "wire_guard.h"

static void what_hides(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        uint32_t code;
    } hidden[] = {{"NUL", 0},
                  {"ESC", 0x1b},
                  {"DEL", 0x7f},
                  {"CSI", 0x9b},
                  {"soft hyphen", 0xad},
                  {"combining grapheme joiner", 0x34f},
                  {"Arabic letter mark", 0x61c},
                  {"Hangul filler", 0x3164},
                  {"Mongolian vowel separator", 0x180e},
                  {"zero width space", 0x200b},
                  {"zero width joiner", 0x200d},
                  {"right-to-left mark", 0x200f},
                  {"line separator", 0x2028},
                  {"paragraph separator", 0x2029},
                  {"right-to-left override", 0x202e},
                  {"word joiner", 0x2060},
                  {"first strong isolate", 0x2068},
                  {"blank in Braille", 0x2800},
                  {"private use", 0xe000},
                  {"variation selector 16", 0xfe0f},
                  {"byte order mark", 0xfeff},
                  {"interlinear annotation", 0xfff9},
                  {"noncharacter", 0x1ffff},
                  {"musical begin beam", 0x1d173},
                  {"tag space", 0xe0020},
                  {"the last", 0x10ffff}};
    static const uint32_t plain[] = {' ',    'a',    '~',    0xa0,   0xe9,   0x301,  0x3b1,  0x5d0,
                                     0x2010, 0x202f, 0x20ac, 0x3000, 0x65e5, 0xfffd, 0x1f600};
    for (size_t i = 0; i < sizeof hidden / sizeof *hidden; i++)
        if (!code_point_hides(hidden[i].code))
            fail_msg("%s does not hide", hidden[i].name);
    for (size_t i = 0; i < sizeof plain / sizeof *plain; i++)
        if (code_point_hides(plain[i]))
            fail_msg("U+%04X hides", plain[i]);
    assert_true(slice_hides((struct slice)SLICE("hub\xe2\x80\x8b")));
    assert_true(slice_hides((struct slice)SLICE("hub\xff")));
    assert_true(slice_hides((struct slice)SLICE("hub\xe2\x80")));
    assert_true(slice_hides((struct slice)SLICE("h\0ub")));
    assert_false(slice_hides((struct slice)SLICE("grüße 日本 😀")));
    assert_false(slice_hides((struct slice)SLICE("")));
    assert_false(slice_hides((struct slice){NULL, 0}));
    assert_true(utf8_valid((struct slice){NULL, 0}));
    assert_true(utf8_valid((struct slice)SLICE("grüße\0日本 😀")));
    assert_false(utf8_valid((struct slice)SLICE("gr\xfc\xdf"
                                                "e")));
    assert_false(utf8_valid((struct slice)SLICE("\xe2\x82")));
}

/* Every code point, through both writers: what comes out hides nothing, and JSON keeps it. */
static void every_code_point(void **state)
{
    (void)state;
    struct text json = {0};
    char buffer[SHOWN_LINE_SIZE];
    for (uint32_t code = 0; code <= 0x10ffff; code++) {
        char bytes[UTF8_MAX], back[UTF8_MAX];
        if (code >= 0xd800 && code < 0xe000)
            continue;
        struct slice character = {bytes, utf8_write(code, bytes)};
        assert_int_equal(utf8_length(bytes, bytes + character.len), character.len);
        assert_int_equal(utf8_read(bytes, character.len), code);
        text_clear(&json);
        struct slice shown = slice_of(shown_format(character, buffer, sizeof buffer));
        text_add_string(&json, character);
        assert_false(slice_hides(shown));
        assert_false(slice_hides(text_slice(&json)));
        assert_int_equal(slice_equal(shown, character), !code_point_hides(code));
        size_t at;
        assert_int_equal(json_check(text_slice(&json), 1, &at), JSON_FINE);
        assert_int_equal(json_decode(json_value_of(text_slice(&json)), back, sizeof back),
                         character.len);
        assert_memory_equal(back, bytes, character.len);
    }
    text_free(&json);
}

static void no_byte_gets_through(void **state)
{
    (void)state;
    uint32_t random = 12345;
    struct text json = {0}, again = {0};
    char buffer[512]; /* none is cut */
    for (int round = 0; round < 20000; round++) {
        char bytes[24];
        for (size_t i = 0; i < sizeof bytes; i++) {
            random = random * 1664525u + 1013904223u;
            bytes[i] = (char)((random >> 20) % 3 ? random >> 24 : (random >> 24) % 0x30);
        }
        struct slice slice = guarded((struct slice){bytes, (size_t)round % sizeof bytes});
        text_clear(&json);
        text_clear(&again);
        text_add_string(&json, slice);
        text_add_json(&again, text_slice(&json), false);
        assert_false(slice_hides(slice_of(shown_format(slice, buffer, sizeof buffer))));
        assert_false(slice_hides(text_slice(&json)));
        assert_true(slice_equal(text_slice(&json), text_slice(&again)));
    }
    text_free(&json);
    text_free(&again);
}

static void accepted_json_is_made_harmless(void **state)
{
    (void)state;
    static const char pretty[] = "{\n  \"\\u007f\\u202e\": [\n    1.50,\n    {},\n    "
                                 "\"\\\"\\\\\\udb40\\udc20é\"\n  ]\n}";
    struct text text = {0};
    text_add_json(&text,
                  slice_of("{ \"\x7f\xe2\x80\xae\" :\t[1.50,{ },\"\\\"\\\\\xf3\xa0\x80\xa0é\"]}"),
                  true);
    if (!slice_is(text_slice(&text), pretty))
        fail_msg("%.*s", SLICE_FORMAT(text_slice(&text)));
    text_free(&text);
}

static void excerpts(void **state)
{
    (void)state;
    static const struct {
        struct slice bytes;
        const char *shown;
    } rows[] = {
        {SLICE(""), ""},
        {SLICE("AI_1"), "AI_1"},
        {SLICE("a\nb\0c\x7F"), "a\\x0ab\\x00c\\x7f"},
        {SLICE("\xC2\x85\xC2\xA0\xC3\xA9"), "\\u{85}\xC2\xA0\xC3\xA9"},
        {SLICE("\xFF\xC3"), "\\xff\\xc3"},
    };
    char buffer[EXCERPT_SIZE];
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_string_equal(excerpt_format(guarded(rows[i].bytes), buffer), rows[i].shown);
    /* at every length around the cut, for every width of a piece */
    static const char *const pieces[] = {"a",  "\xC3\xA9", "\xE2\x82\xAC", "\xF0\x9F\x98\x80",
                                         "\n", "\xFF"};
    for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++) {
        char bytes[512];
        size_t len = 0, shown = 0;
        bool cut = false;
        while (len + 4 < sizeof bytes) {
            memcpy(bytes + len, pieces[i], strlen(pieces[i]));
            len += strlen(pieces[i]);
            excerpt_format((struct slice){bytes, len}, buffer);
            assert_true(strlen(buffer) < EXCERPT_SIZE);
            assert_true(strlen(buffer) >= shown || cut);
            bool ends_cut =
                strlen(buffer) >= 3 && strcmp(buffer + strlen(buffer) - 3, "\xE2\x80\xA6") == 0;
            assert_true(ends_cut || !cut);
            cut = ends_cut;
            shown = strlen(buffer);
        }
        assert_true(cut);
        assert_true(shown >= EXCERPT_SIZE - 1 - 4);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_hides),
        cmocka_unit_test(every_code_point),
        cmocka_unit_test(no_byte_gets_through),
        cmocka_unit_test(accepted_json_is_made_harmless),
        cmocka_unit_test(excerpts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
