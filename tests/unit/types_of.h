/* Sets of message types, as tests write them: "chat,pattern_share"; "" is none. */
#ifndef KHUB_TESTS_TYPES_OF_H
#define KHUB_TESTS_TYPES_OF_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "wire/types.h"

static inline struct message_types types_of(const char *text)
{
    struct message_types types = {{0}};
    struct slice wrong;
    if (*text && message_types_read(slice_of(text), &types, &wrong) < 0)
        fail_msg("\"%.*s\" is no type", SLICE_FORMAT(wrong));
    return types;
}

/* All that may be published but these. */
static inline struct message_types all_but(const char *text)
{
    return message_types_without(message_types_published(), types_of(text));
}

static inline void assert_types(struct message_types types, struct message_types wanted)
{
    char has[MESSAGE_TYPES_TEXT_SIZE], should[MESSAGE_TYPES_TEXT_SIZE];
    message_types_write(types, has);
    message_types_write(wanted, should);
    assert_string_equal(has, should);
}

#endif
