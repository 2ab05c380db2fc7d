/* The text builder: strings that are always strict JSON, growth, failed allocations, and the lines
 * the hub writes itself. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "let_go.h"
#include "wire/frame.h"
#include "wire/message.h"
#include "wire/text.h"
#include "wire/utf8.h"
#include "wire_guard.h"

/* The k-th allocation from now fails, and all after it; 0: none. The linker puts these in the place
 * of the real ones. */
static unsigned failing_at;

static bool fails(void)
{
    if (failing_at > 1)
        failing_at--;
    else if (failing_at == 1)
        return true;
    return false;
}

void *__real_malloc(size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_malloc(size_t size)
{
    return fails() ? NULL : __real_malloc(size);
}

void *__real_realloc(void *block, size_t size);
void *__wrap_realloc(void *block, size_t size);
void *__wrap_realloc(void *block, size_t size)
{
    let_go(block);
    return fails() ? NULL : __real_realloc(block, size);
}

#define ASSERT_TEXT(text, expected)                                                                \
    do {                                                                                           \
        if (!slice_is(text_slice(&(text)), expected))                                              \
            fail_msg("'%.*s' is not '%s'", SLICE_FORMAT(text_slice(&(text))), expected);           \
    } while (0)

static void pieces_are_put_together(void **state)
{
    (void)state;
    struct text text = {0};
    assert_int_equal(text_slice(&text).len, 0);
    text_add(&text, (struct slice){NULL, 0});
    text_add_literal(&text, "");
    text_addf(&text, "%s", "");
    assert_int_equal(text_slice(&text).len, 0);
    text_add(&text, (struct slice)SLICE("a\0b"));
    text_add_literal(&text, "-c-");
    text_addf(&text, "%d %s %.2f", 42, "d", 1.5);
    assert_int_equal(text.len, 3 + 3 + 9);
    assert_memory_equal(text.at, "a\0b-c-42 d 1.50", text.len);
    text_clear(&text);
    assert_int_equal(text_slice(&text).len, 0);
    assert_true(text.capacity > 0);
    text_add_literal(&text, "again");
    ASSERT_TEXT(text, "again");
    assert_false(text.failed);
    text_free(&text);
    assert_null(text.at);
    assert_int_equal(text.capacity, 0);
    text_free(&text);
}

static void long_texts_grow(void **state)
{
    (void)state;
    struct text text = {0};
    char piece[700];
    memset(piece, 'x', sizeof piece);
    for (size_t len = 0, i = 0; i < 300; i++) {
        size_t more = i * 7 % sizeof piece;
        text_addf(&text, "%.*s", (int)more, piece);
        text_add(&text, (struct slice){piece, more});
        len += 2 * more;
        assert_int_equal(text.len, len);
        assert_true(text.capacity >= len && text.capacity <= 256 + 4 * len);
    }
    for (size_t i = 0; i < text.len; i++)
        assert_int_equal(text.at[i], 'x');
    text_free(&text);
}

static void strings_are_escaped(void **state)
{
    (void)state;
    static const struct {
        struct slice bytes;
        const char *json;
    } rows[] = {
        {SLICE(""), "\"\""},
        {SLICE("plain"), "\"plain\""},
        {SLICE("\"\\/\b\f\n\r\t"), "\"\\\"\\\\/\\b\\f\\n\\r\\t\""},
        {SLICE("a\0b\x01\x1F\x7F"), "\"a\\u0000b\\u0001\\u001f\\u007f\""},
        {SLICE("\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80"), "\"\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80\""},
        {SLICE("\xC2\x9B|\xE2\x80\xAE|\xF3\xA0\x80\xA0|\xC2\xA0"),
         "\"\\u009b|\\u202e|\\udb40\\udc20|\xC2\xA0\""},
        {SLICE("\xFF"), "\"\xEF\xBF\xBD\""},
        {SLICE("a\x80z"), "\"a\xEF\xBF\xBDz\""},
        {SLICE("\xC3"), "\"\xEF\xBF\xBD\""},
        {SLICE("\xE2\x82"), "\"\xEF\xBF\xBD\xEF\xBF\xBD\""},
        {SLICE("\xC0\xAF"), "\"\xEF\xBF\xBD\xEF\xBF\xBD\""},
        {SLICE("\xED\xA0\x80"), "\"\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\""},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct text text = {0};
        text_add_string(&text, guarded(rows[i].bytes));
        ASSERT_TEXT(text, rows[i].json);
        text_free(&text);
    }
}

/* Any bytes at all become strict JSON, and valid ones come back as they were. */
static void any_bytes_become_json(void **state)
{
    (void)state;
    uint64_t mixed = 7;
    struct text text = {0};
    for (int round = 0; round < 20000; round++) {
        char bytes[40], back[40];
        size_t len = (size_t)round % sizeof bytes, at = 0;
        bool valid = true;
        for (size_t i = 0; i < len; i++) {
            mixed = mixed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
            /* half of the rounds stay in ASCII, so that many are valid */
            bytes[i] = (char)(mixed >> 33 & (round % 2 ? 0x7F : 0xFF));
        }
        for (size_t i = 0; i < len && valid;) {
            size_t length = utf8_length(bytes + i, bytes + len);
            valid = length > 0;
            i += length;
        }
        text_clear(&text);
        text_add_string(&text, (struct slice){bytes, len});
        assert_int_equal(json_check(text_slice(&text), 0, &at), JSON_FINE);
        struct json_value value = json_value_of(text_slice(&text));
        assert_int_equal(json_string_is(value, (struct slice){bytes, len}), valid);
        if (valid)
            assert_int_equal(json_decode(value, back, sizeof back), len);
    }
    text_free(&text);
}

static void build_line(struct text *text)
{
    message_begin(text, (struct slice)SLICE("id \"1\""), (struct slice)SLICE("hub"), MESSAGE_CHAT,
                  (struct slice)SLICE("2026-11-22T08:00:00.123+00:00"),
                  (struct slice)SLICE("AI\\2"));
    text_add_literal(text, "{\"text\":");
    text_add_string(text,
                    (struct slice)SLICE(
                        "a line that is long enough to need the buffer to grow once or twice,"
                        " which takes a little more than two hundred bytes of text, so that"
                        " there is more than one allocation that can fail in the middle of it"));
    text_addf(text, ",\"number\":%d}", 7);
    message_end(text);
}

static void failed_allocations_stick(void **state)
{
    (void)state;
    struct text whole = {0};
    build_line(&whole);
    assert_false(whole.failed);
    for (unsigned k = 1; k <= 2; k++) {
        struct text text = {0};
        failing_at = k;
        build_line(&text);
        failing_at = 0;
        assert_true(text.failed);
        assert_int_equal(text_slice(&text).len, 0);
        text_add_literal(&text, "more"); /* there is memory again, but the middle is missing */
        assert_int_equal(text_slice(&text).len, 0);
        text_clear(&text);
        build_line(&text);
        assert_true(slice_equal(text_slice(&text), text_slice(&whole)));
        text_free(&text);
    }
    text_free(&whole);
}

/* A size that no memory could hold is refused before it can overflow. */
static void absurd_sizes_fail(void **state)
{
    (void)state;
    struct text text = {0};
    volatile size_t most = SIZE_MAX; /* the compiler is not to know, and warn */
    text_add_literal(&text, "x");
    text_add(&text, (struct slice){"", most});
    assert_true(text.failed);
    for (int bits = 0; bits < 2; bits++) { /* no overflow of the sum, but of its doubling */
        text_clear(&text);
        text_add(&text, (struct slice){"", (most >> bits) - 2});
        assert_true(text.failed);
    }
    text_free(&text);
}

/* Of a line whose gathering fails nothing comes; the next is fine. */
static void framing_survives_a_failed_allocation(void **state)
{
    (void)state;
    for (unsigned k = 1; k <= 3; k++) {
        struct frame frame;
        struct slice line, input;
        char bytes[300];
        memset(bytes, 'x', sizeof bytes);
        frame_init(&frame, 2000);
        failing_at = k;
        enum frame_result result = FRAME_MORE;
        for (int piece = 0; piece < 5 && result == FRAME_MORE; piece++) {
            input = (struct slice){bytes, sizeof bytes};
            result = frame_next(&frame, &input, &line);
        }
        failing_at = 0;
        assert_int_equal(result, FRAME_NO_MEMORY);
        assert_null(frame.partial);
        input = (struct slice)SLICE("rest of it\nnext\n");
        assert_int_equal(frame_next(&frame, &input, &line), FRAME_LINE);
        assert_true(slice_is(line, "next"));
        frame_free(&frame);
    }
}

#define SECRET "nobody else may see this"

/* As it grows and when it is freed; and so it would be seen of one that is no secret. */
static void a_secret_text_is_overwritten(void **state)
{
    (void)state;
    for (int secret = 0; secret < 2; secret++) {
        struct text text = {.secret = secret};
        looked_for = SECRET;
        let_go_count = 0;
        for (int i = 0; i < 100; i++)
            text_add_literal(&text, SECRET "\n");
        assert_int_equal(text.len, 100 * sizeof SECRET);
        assert_memory_equal(text.at + 99 * sizeof SECRET, SECRET, sizeof SECRET - 1);
        text_clear(&text);
        text_free(&text);
        looked_for = NULL;
        assert_int_equal(let_go_count != 0, !secret);
        assert_false(text.secret);
    }
}

/* Whatever becomes of it: a line, one that is too long, one that breaks off. */
static void a_gathered_line_is_overwritten(void **state)
{
    (void)state;
    static const struct slice ends[] = {SLICE("\n"), SLICE("x"), {NULL, 0}};
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        struct frame frame;
        struct slice line, input;
        frame_init(&frame, 100 * sizeof SECRET);
        looked_for = SECRET;
        let_go_count = 0;
        for (int piece = 0; piece < 100; piece++) {
            input = (struct slice)SLICE(SECRET "\t");
            assert_int_equal(frame_next(&frame, &input, &line), FRAME_MORE);
            assert_true(frame_within(&frame));
        }
        enum frame_result result = FRAME_MORE;
        if (ends[i].len) {
            input = ends[i];
            result = frame_next(&frame, &input, &line);
        }
        if (result == FRAME_LINE) {
            assert_int_equal(line.len, 100 * sizeof SECRET);
            assert_memory_equal(line.at + 99 * sizeof SECRET, SECRET, sizeof SECRET - 1);
        }
        assert_int_equal(frame_within(&frame), result != FRAME_LINE);
        frame_free(&frame);
        looked_for = NULL;
        assert_int_equal(let_go_count, 0);
    }
}

static void built_lines_are_parsed(void **state)
{
    (void)state;
    static const struct slice targets[] = {{NULL, 0}, SLICE("AI_2"), SLICE("\xC3\xA9 \"'\\")};
    for (unsigned type = 0; type < MESSAGE_TYPE_COUNT; type++) {
        for (size_t i = 0; i < 3; i++) {
            struct text text = {0};
            struct message message;
            struct refusal refusal;
            message_begin(&text, (struct slice)SLICE("m\\1"), (struct slice)SLICE("hub"),
                          (enum message_type)type, (struct slice)SLICE("now"), targets[i]);
            text_add_literal(&text, "{\"a\":[]}");
            message_end(&text);
            assert_int_equal(message_parse(text_slice(&text), &message, &refusal), 0);
            assert_int_equal(message.type, type);
            assert_true(slice_is(message.message_id, "m\\1"));
            assert_true(slice_is(message.sender_id, "hub"));
            assert_true(slice_is(message.timestamp, "now"));
            assert_true(slice_equal(message.target, targets[i]));
            assert_true(slice_is(message.payload.raw, "{\"a\":[]}"));
            text_free(&text);
        }
    }
    struct text text = {0};
    message_begin(&text, (struct slice)SLICE("1"), (struct slice)SLICE("hub"), MESSAGE_ERROR,
                  (struct slice)SLICE("t"), (struct slice){NULL, 0});
    text_add_literal(&text, "{}");
    message_end(&text);
    ASSERT_TEXT(text, "{\"message_id\":\"1\",\"sender_id\":\"hub\",\"message_type\":\"error\","
                      "\"timestamp\":\"t\","
                      "\"target_ai\":null,\"payload\":{}}");
    text_free(&text);
}

static void timestamps(void **state)
{
    (void)state;
    static const struct {
        int64_t ms;
        const char *text;
    } rows[] = {
        {0, "1970-01-01T00:00:00.000+00:00"},
        {1, "1970-01-01T00:00:00.001+00:00"},
        {INT64_C(951782399999), "2000-02-28T23:59:59.999+00:00"},
        {INT64_C(951782400000), "2000-02-29T00:00:00.000+00:00"},
        {INT64_C(1795334400123), "2026-11-22T08:00:00.123+00:00"},
        {INT64_C(4107542400000), "2100-03-01T00:00:00.000+00:00"},
        {INT64_C(253402300799999), "9999-12-31T23:59:59.999+00:00"},
        /* outside of what four digits of a year can say */
        {INT64_C(253402300800000), "9999-12-31T23:59:59.999+00:00"},
        {INT64_MAX, "9999-12-31T23:59:59.999+00:00"},
        {-1, "1970-01-01T00:00:00.000+00:00"},
        {INT64_MIN, "1970-01-01T00:00:00.000+00:00"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char buffer[TIMESTAMP_SIZE];
        timestamp_format(rows[i].ms, buffer);
        assert_string_equal(buffer, rows[i].text);
    }
}

/* Each day of four centuries, after which the calendar begins anew, as libc names it. */
static void days(void **state)
{
    (void)state;
    for (int64_t day = 0; day < 146097 + 366; day++) {
        char buffer[TIMESTAMP_SIZE], expected[TIMESTAMP_SIZE];
        time_t seconds = (time_t)(day * 86400 + day % 86400);
        struct tm parts;
        gmtime_r(&seconds, &parts);
        strftime(expected, sizeof expected, "%Y-%m-%dT%H:%M:%S.007+00:00", &parts);
        timestamp_format((int64_t)seconds * 1000 + 7, buffer);
        assert_string_equal(buffer, expected);
    }
}

static void numbers(void **state)
{
    (void)state;
    struct text text = {0};
    text_add_number(&text, 0);
    text_add_literal(&text, " ");
    text_add_number(&text, 1234567890);
    text_add_literal(&text, " ");
    text_add_number(&text, UINT64_MAX);
    ASSERT_TEXT(text, "0 1234567890 18446744073709551615");
    text_free(&text);
}

static void uuids(void **state)
{
    (void)state;
    char buffer[UUID_SIZE];
    uint8_t random[16];
    memset(random, 0x00, sizeof random);
    uuid_format(random, buffer);
    assert_string_equal(buffer, "00000000-0000-4000-8000-000000000000");
    memset(random, 0xFF, sizeof random);
    uuid_format(random, buffer);
    assert_string_equal(buffer, "ffffffff-ffff-4fff-bfff-ffffffffffff");
    for (unsigned i = 0; i < sizeof random; i++)
        random[i] = (uint8_t)(i * 0x11);
    uuid_format(random, buffer);
    assert_string_equal(buffer, "00112233-4455-4677-8899-aabbccddeeff");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pieces_are_put_together),
        cmocka_unit_test(long_texts_grow),
        cmocka_unit_test(strings_are_escaped),
        cmocka_unit_test(any_bytes_become_json),
        cmocka_unit_test(failed_allocations_stick),
        cmocka_unit_test(absurd_sizes_fail),
        cmocka_unit_test(framing_survives_a_failed_allocation),
        cmocka_unit_test(a_secret_text_is_overwritten),
        cmocka_unit_test(a_gathered_line_is_overwritten),
        cmocka_unit_test(built_lines_are_parsed),
        cmocka_unit_test(timestamps),
        cmocka_unit_test(days),
        cmocka_unit_test(numbers),
        cmocka_unit_test(uuids),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
