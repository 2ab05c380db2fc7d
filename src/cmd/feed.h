/* The stream of messages as people watch it: one aligned line a message. */
#ifndef KHUB_CMD_FEED_H
#define KHUB_CMD_FEED_H

#include "cmd/summary.h"
#include "khub.h"

struct feed {
    const struct terminal *terminal;
    FILE *out;
    struct line line;
    char day[DAY_SIZE];                      /* of the last message, once one was said */
    bool numbered;                           /* each message's seq stands in front of it */
    unsigned sender_columns, target_columns; /* as wide as the widest name so far, within bounds */
};

/* Lines for `terminal` (which may change its width between two lines) go to `out`; both are the
 * caller's and must outlive the feed. */
void feed_begin(struct feed *feed, const struct terminal *terminal, FILE *out);
/* Frees what it holds; `out` stays open. */
void feed_free(struct feed *feed);
/* Widens the name columns beforehand, so that later lines stand under earlier ones. */
void feed_expect(struct feed *feed, struct slice ai_id);
/* Prints a message's line; now: unix milliseconds. */
void feed_print(struct feed *feed, const struct khub_message *message, int64_t now);
/* When it was said: now, or, of what comes late, when its sender says. Unix milliseconds. */
int64_t feed_time(const struct khub_message *message, bool late);
/* A line that says which day it is from here on; nothing when it is the one that was said last. */
void feed_day(struct feed *feed, int64_t ms);
/* A line of the watcher's own: "-- 14:03:07 …". */
void feed_note(struct feed *feed, int64_t now, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void feed_notev(struct feed *feed, int64_t now, const char *format, va_list arguments)
    __attribute__((format(printf, 3, 0)));
/* The colour that this AI always has. */
enum style feed_style(struct slice ai_id);

#endif
