/* The table of quota.h. */
#include "wire/quota.h"

#include <assert.h>
#include <string.h>

static const struct limit_row {
    const char *text, *option, *called;
} rows[LIMIT_COUNT] = {
#define X(name, text, option, called) [LIMIT_##name] = {text, option, called},
    LIMITS(X)
#undef X
};

static const struct limit_row *row(enum limit limit)
{
    assert((unsigned)limit < LIMIT_COUNT);
    return &rows[limit];
}

const char *limit_text(enum limit limit)
{
    return row(limit)->text;
}

const char *limit_option(enum limit limit)
{
    return row(limit)->option;
}

const char *limit_called(enum limit limit)
{
    return row(limit)->called;
}

int limit_find(const char *text, enum limit *ret_limit)
{
    for (unsigned limit = 0; limit < LIMIT_COUNT; limit++) {
        if (strcmp(rows[limit].text, text) == 0) {
            *ret_limit = (enum limit)limit;
            return 0;
        }
    }
    return -1;
}

struct quota quota_over(const struct quota *own, const struct quota *fallback)
{
    struct quota quota = *own;
    for (unsigned limit = 0; limit < LIMIT_COUNT; limit++)
        if (quota.most[limit] <= 0)
            quota.most[limit] = fallback->most[limit];
    return quota;
}
