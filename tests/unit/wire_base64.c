/* Base64: RFC 4648's vectors, every length, and what is none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "wire/base64.h"

static void test_vectors(void **state)
{
    static const char *const vectors[][2] = {{"", ""},
                                             {"f", "Zg=="},
                                             {"fo", "Zm8="},
                                             {"foo", "Zm9v"},
                                             {"foob", "Zm9vYg=="},
                                             {"fooba", "Zm9vYmE="},
                                             {"foobar", "Zm9vYmFy"},
                                             {"\xfb\xff\xfe", "+//+"}};
    (void)state;
    for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++) {
        struct text text = {0}, back = {0};
        text_add_base64(&text, slice_of(vectors[i][0]));
        assert_true(slice_is(text_slice(&text), vectors[i][1]));
        assert_int_equal(text.len, base64_length(strlen(vectors[i][0])));
        assert_true(text_add_base64_decoded(&back, text_slice(&text)));
        assert_true(slice_is(text_slice(&back), vectors[i][0]));
        text_free(&text);
        text_free(&back);
    }
}

static void test_all_bytes_come_back(void **state)
{
    char bytes[256];
    (void)state;
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (char)(uint8_t)(i * 167 + 13); /* each once */
    for (size_t len = 0; len <= sizeof bytes; len++) {
        struct text text = {0}, back = {0};
        text_add_base64(&text, (struct slice){bytes, len});
        assert_true(text_add_base64_decoded(&back, text_slice(&text)));
        assert_true(slice_equal(text_slice(&back), (struct slice){bytes, len}));
        text_free(&text);
        text_free(&back);
    }
}

static void test_what_is_none(void **state)
{
    static const char *const wrong[] = {"Z",      "Zg",
                                        "Zg=",    "Zg==Zg==",
                                        "Z===",   "====",
                                        "Zm9v\n", "Zm-v",
                                        "Zm_v",   "Zm 9",
                                        "=Zm9",   "Zh==" /* bits behind the last byte */,
                                        "Zm9=",   "Zm9vYm\xc3\xa9"};
    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct text back = {0};
        text_add_literal(&back, "kept");
        if (text_add_base64_decoded(&back, slice_of(wrong[i])))
            fail_msg("\"%s\" passed", wrong[i]);
        assert_true(slice_is(text_slice(&back), "kept"));
        text_free(&back);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_vectors),
                                       cmocka_unit_test(test_all_bytes_come_back),
                                       cmocka_unit_test(test_what_is_none)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
