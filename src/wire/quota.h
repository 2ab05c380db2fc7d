/* What there may be of something at the most, by names that everybody agrees on: those that an
 * error names as `limit`, tokens.db keeps, and the options of khub's commands are called after. */
#ifndef KHUB_WIRE_QUOTA_H
#define KHUB_WIRE_QUOTA_H

#include "wire/slice.h"

/* X(NAME, text on the wire, its option, what a number of them is called) */
#define LIMITS(X)                                                                                  \
    X(RATE, "rate", "rate", "messages a second")                                                   \
    X(RATE_BYTES, "rate_bytes", "rate-bytes", "bytes a second")                                    \
    X(CONNECTIONS, "connections", "connections", "connections at once")                            \
    X(SESSIONS, "sessions", "sessions", "open sessions")                                           \
    X(ENTRIES, "entries", "entries", "entries")                                                    \
    X(KNOWLEDGE, "knowledge", "knowledge", "bytes of knowledge")                                   \
    X(DAILY, "daily", "daily", "messages a day")

enum limit {
#define X(name, text, option, called) LIMIT_##name,
    LIMITS(X)
#undef X
        LIMIT_COUNT
};
#define LIMIT_HIGH 1e12 /* the highest that one may be set to */

/* The limits of one owner, or of one room. 0: none. */
struct quota {
    double most[LIMIT_COUNT];
};

/* The three texts of the table; static storage. */
const char *limit_text(enum limit limit);
const char *limit_option(enum limit limit);
const char *limit_called(enum limit limit);
/* 0, or -1 when no limit is called so. */
int limit_find(const char *text, enum limit *ret_limit);
/* Those of `own`, and where that has none, of `fallback`. */
struct quota quota_over(const struct quota *own, const struct quota *fallback);

#endif
