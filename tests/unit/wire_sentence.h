/* What a refusal's sentence must be, whoever reads it: some text, valid UTF-8, no control
 * characters. */
#ifndef KHUB_TESTS_WIRE_SENTENCE_H
#define KHUB_TESTS_WIRE_SENTENCE_H

#include "wire/message.h"
#include "wire/utf8.h"

static struct refusal refusal;

static inline void assert_sentence(void)
{
    size_t len = strnlen(refusal.detail, WIRE_DETAIL_MAX);
    assert_in_range(len, 10, WIRE_DETAIL_MAX - 1);
    const char *end = refusal.detail + len;
    for (const char *at = refusal.detail; at < end;) {
        size_t length = utf8_length(at, end);
        assert_int_not_equal(length, 0);
        assert_true(length > 1 || ((unsigned char)*at >= 0x20 && *at != 0x7F));
        assert_false(length == 2 && *at == '\xC2' && (unsigned char)at[1] < 0xA0);
        at += length;
    }
}

#define ASSERT_SAYS(part)                                                                          \
    do {                                                                                           \
        if (!strstr(refusal.detail, part))                                                         \
            fail_msg("'%s' does not say '%s'", refusal.detail, part);                              \
    } while (0)

#endif
