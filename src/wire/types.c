/* The tables of types.h. */
#include "wire/types.h"

#include <assert.h>

static const struct type_row {
    struct slice text;
    int level;
    bool from_client;
} type_rows[] = {
#define X(name, text, level, client) [MESSAGE_##name] = {SLICE(text), level, client},
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
    return type_row(type)->from_client;
}

bool message_type_is_query(enum message_type type)
{
    return type == MESSAGE_KNOWLEDGE_QUERY || type == MESSAGE_DEAD_QUERY ||
           type == MESSAGE_LOG_QUERY || type == MESSAGE_SESSION_QUERY ||
           type == MESSAGE_MODERATION_QUERY;
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
