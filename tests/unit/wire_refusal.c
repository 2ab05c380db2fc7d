/* Refusals by themselves, the name rule of ids, and the tables of types and errors. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "types_of.h"
#include "wire_sentence.h"

static void refusals_are_cut_at_characters(void **state)
{
    (void)state;
    static char text[WIRE_DETAIL_MAX * 2];
    static const char *const letters[] = {"a", "\xC3\xA9", "\xE2\x82\xAC", "\xF0\x9F\x98\x80"};
    for (size_t width = 1; width <= 4; width++) {
        for (size_t shift = 0; shift < 4; shift++) {
            memset(text, '.', shift);
            text[shift] = '\0';
            while (strlen(text) < WIRE_DETAIL_MAX + 8)
                strcat(text, letters[width - 1]);
            memset(&refusal, 0x5A, sizeof refusal);
            assert_int_equal(refuse(&refusal, WIRE_CONFLICT, "%s", text), -WIRE_CONFLICT);
            assert_int_equal(refusal.code, WIRE_CONFLICT);
            assert_sentence();
            size_t kept = strlen(refusal.detail) - strlen("…");
            assert_memory_equal(refusal.detail, text, kept);
            assert_string_equal(refusal.detail + kept, "…");
            assert_true(kept + strlen("…") >= WIRE_DETAIL_MAX - 1 - (width - 1));
        }
    }
    /* bytes that should not be there are made harmless */
    refuse(&refusal, WIRE_NOT_FOUND, "%s",
           "line\nfeed \x1b[31m \xFF \xE2\x82 \xC2\x85 \x7F end of it");
    assert_sentence();
    ASSERT_SAYS("line\\x0afeed \\x1b[31m \\xff \\xe2\\x82 \\u{85} \\x7f end of it");
}

static void ids_that_fit(void **state)
{
    (void)state;
    char text[WIRE_ID_MAX + 1];
    memset(text, 'a', sizeof text);
    assert_false(message_id_fits((struct slice){text, 0}));
    assert_true(message_id_fits((struct slice){text, 1}));
    assert_true(message_id_fits((struct slice){text, WIRE_ID_MAX}));
    assert_false(message_id_fits((struct slice){text, WIRE_ID_MAX + 1}));
    assert_true(
        message_id_fits((struct slice)SLICE("AI 1 \"quoted\" \\ / <b> \xE2\x82\xAC \xC2\xA0")));
    assert_false(message_id_fits((struct slice)SLICE("1234567\x7F")));
    assert_false(message_id_fits((struct slice)SLICE("1234567\xC2\x80")));
    assert_false(message_id_fits((struct slice)SLICE("12345678\xC2\x9F")));
    assert_true(message_id_fits((struct slice)SLICE("\xC3\x80\xC3\x9F")));
    assert_false(message_id_fits((struct slice)SLICE("a\0b")));
}

static void the_tables(void **state)
{
    (void)state;
    for (unsigned error = 0; error < WIRE_ERROR_COUNT; error++) {
        assert_true(strlen(wire_error_code((enum wire_error)error)) >= 2);
        assert_true(strlen(wire_error_meaning((enum wire_error)error)) > 10);
    }
    assert_string_equal(wire_error_code(WIRE_BAD_JSON), "bad_json");
    assert_string_equal(wire_error_code(WIRE_PROTECTED_MODE), "protected_mode");
    assert_string_equal(message_type_text(MESSAGE_HELLO), "hello");
    assert_int_equal(message_type_level(MESSAGE_HELLO), 1);
    assert_int_equal(message_type_level(MESSAGE_CHAT), 2);
    assert_true(message_type_from_client(MESSAGE_CHAT));
    assert_false(message_type_from_client(MESSAGE_TRAINING_SYNC));
    enum message_type type = MESSAGE_TYPE_COUNT;
    assert_int_equal(message_type_find((struct slice)SLICE("presence"), &type), 0);
    assert_int_equal(type, MESSAGE_PRESENCE);
    assert_int_equal(message_type_find((struct slice)SLICE("presenc"), &type), -1);
    assert_int_equal(type, MESSAGE_PRESENCE);
}

/* Each place of a set is one of its own, be there a type for it yet or not. */
static void sets_have_places(void **state)
{
    (void)state;
    struct message_types all = {{0}}, but_one, none = {{0}};
    assert_false(message_types_any(none));
    for (unsigned i = 0; i < MESSAGE_TYPES_MAX; i++) {
        struct message_types one = {{0}};
        message_types_add(&one, (enum message_type)i);
        assert_true(message_types_any(one));
        for (unsigned j = 0; j < MESSAGE_TYPES_MAX; j++)
            assert_int_equal(message_types_has(one, (enum message_type)j), i == j);
        assert_false(message_types_has(all, (enum message_type)i));
        message_types_add(&all, (enum message_type)i);
        assert_false(message_types_any(message_types_without(one, all)));
    }
    for (unsigned i = 0; i < MESSAGE_TYPES_MAX; i++) {
        struct message_types one = {{0}};
        message_types_add(&one, (enum message_type)i);
        but_one = message_types_without(all, one);
        for (unsigned j = 0; j < MESSAGE_TYPES_MAX; j++)
            assert_int_equal(message_types_has(but_one, (enum message_type)j), i != j);
    }
}

static void sets_of_types(void **state)
{
    (void)state;
    char text[MESSAGE_TYPES_TEXT_SIZE];
    const struct message_types published = message_types_published(), both = types_of("chat,hello");
    struct message_types types = both, all = {{UINT64_MAX, UINT64_MAX}};
    struct slice wrong = {NULL, 0};
    static const char *const none[] = {"",      ",",           "chat,",      ",chat", "chat,,hello",
                                       "Chat",  "CHAT",        "cha",        "chats", "chat ",
                                       " chat", "chat, hello", "chat;hello", "*",     "pattern",
                                       "all",   "ch\xD0\xB0t"};
    message_types_write((struct message_types){{0}}, text);
    assert_string_equal(text, "");
    message_types_write(both, text);
    assert_string_equal(text, "hello,chat");
    for (size_t i = 0; i < sizeof none / sizeof *none; i++)
        assert_int_equal(message_types_read(slice_of(none[i]), &types, &wrong), -1);
    assert_int_equal(message_types_read((struct slice)SLICE("chat\0,hello"), &types, &wrong), -1);
    assert_int_equal(message_types_read((struct slice)SLICE("chat,Hello,x"), &types, &wrong), -1);
    assert_true(slice_is(wrong, "Hello"));
    assert_types(types, both);      /* untouched */
    message_types_write(all, text); /* all of them have room */
    assert_int_equal(message_types_read(slice_of(text), &types, &wrong), 0);
    for (unsigned type = 0; type < MESSAGE_TYPES_MAX; type++) {
        enum message_type each = (enum message_type)type;
        bool is = type < MESSAGE_TYPE_COUNT,
             asks = each == MESSAGE_HELLO || each == MESSAGE_HEARTBEAT || each == MESSAGE_LEAVE ||
                    (is && message_type_is_query(each)),
             said = is && message_type_from_client(each) && !asks;
        assert_int_equal(message_types_has(types, each), is);
        assert_int_equal(message_types_has(published, each), said);
        if (is)
            assert_int_equal(message_type_is_published(each), said);
    }
    assert_int_equal(message_types_read(slice_of("chat,hello,chat"), &types, &wrong), 0);
    assert_types(types, both);
}

/* By their names: X_query, and the X_result that is no place in what was read. */
static void each_query_has_a_result(void **state)
{
    (void)state;
    for (unsigned type = 0; type < MESSAGE_TYPE_COUNT; type++) {
        const char *text = message_type_text((enum message_type)type), *end = strrchr(text, '_');
        char result[64];
        enum message_type found;
        bool asks = end && strcmp(end, "_query") == 0, tells = end && strcmp(end, "_result") == 0;
        assert_int_equal(message_type_is_result((enum message_type)type), tells);
        assert_int_equal(message_type_is_query((enum message_type)type), asks);
        if (tells)
            assert_false(message_type_from_client((enum message_type)type));
        if (!asks)
            continue;
        snprintf(result, sizeof result, "%.*s_result", (int)(end - text), text);
        assert_int_equal(message_type_find(slice_of(result), &found), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sets_of_types),
        cmocka_unit_test(sets_have_places),
        cmocka_unit_test(each_query_has_a_result),
        cmocka_unit_test(refusals_are_cut_at_characters),
        cmocka_unit_test(ids_that_fit),
        cmocka_unit_test(the_tables),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
