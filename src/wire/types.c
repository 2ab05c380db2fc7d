/* The tables of types.h. */
#include "wire/types.h"

#include <assert.h>
#include <string.h>

static const struct type_row {
    struct slice text;
    int level;
    enum message_kind kind;
} type_rows[] = {
#define X(name, text, level, kind) [MESSAGE_##name] = {SLICE(text), level, MESSAGE_KIND_##kind},
    MESSAGE_TYPES(X)
#undef X
};

static const struct error_row {
    const char *code, *meaning;
} error_rows[] = {[WIRE_OK] = {"ok", "nothing is wrong"},
#define X(name, code, meaning) [WIRE_##name] = {code, meaning},
                  WIRE_ERRORS(X)
#undef X
};

static const struct type_row *type_row(enum message_type type)
{
    assert((unsigned)type < MESSAGE_TYPE_COUNT);
    return &type_rows[type];
}

const char *message_type_text(enum message_type type)
{
    return type_row(type)->text.at;
}

int message_type_level(enum message_type type)
{
    return type_row(type)->level;
}

bool message_type_from_client(enum message_type type)
{
    enum message_kind kind = type_row(type)->kind;
    return kind != MESSAGE_KIND_ANSWER && kind != MESSAGE_KIND_NOTICE;
}

bool message_type_is_query(enum message_type type)
{
    return type_row(type)->kind == MESSAGE_KIND_QUESTION;
}

bool message_type_is_result(enum message_type type)
{
    return type_row(type)->kind == MESSAGE_KIND_ANSWER;
}

bool message_type_is_published(enum message_type type)
{
    return type_row(type)->kind == MESSAGE_KIND_SPEECH;
}

struct message_types message_types_published(void)
{
    struct message_types published = {{0}};
    for (unsigned type = 0; type < MESSAGE_TYPE_COUNT; type++)
        if (message_type_is_published((enum message_type)type))
            message_types_add(&published, (enum message_type)type);
    return published;
}

int message_type_find(struct slice text, enum message_type *ret_type)
{
    for (unsigned type = 0; type < MESSAGE_TYPE_COUNT; type++) {
        if (slice_equal(type_rows[type].text, text)) {
            *ret_type = (enum message_type)type;
            return 0;
        }
    }
    return -1;
}

void message_types_write(struct message_types types, char ret_text[MESSAGE_TYPES_TEXT_SIZE])
{
    char *at = ret_text;
    *at = '\0';
    for (unsigned type = 0; type < MESSAGE_TYPE_COUNT; type++) {
        if (!message_types_has(types, (enum message_type)type))
            continue;
        if (at > ret_text)
            *at++ = ',';
        at = stpcpy(at, type_rows[type].text.at);
    }
}

int message_types_read(struct slice text, struct message_types *ret_types, struct slice *ret_wrong)
{
    struct message_types types = {{0}};
    for (;;) {
        const char *comma = text.len ? memchr(text.at, ',', text.len) : NULL;
        struct slice word = {text.at, comma ? (size_t)(comma - text.at) : text.len};
        enum message_type type;
        if (message_type_find(word, &type) < 0) {
            *ret_wrong = word;
            return -1;
        }
        message_types_add(&types, type);
        if (!comma)
            break;
        text = (struct slice){comma + 1, text.len - word.len - 1};
    }
    *ret_types = types;
    return 0;
}

static const struct error_row *error_row(enum wire_error error)
{
    assert((unsigned)error < WIRE_ERROR_COUNT);
    return &error_rows[error];
}

const char *wire_error_code(enum wire_error error)
{
    return error_row(error)->code;
}

const char *wire_error_meaning(enum wire_error error)
{
    return error_row(error)->meaning;
}
