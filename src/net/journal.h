/* The log, one event per line as key=value pairs, time first; and the console, which is for people.
 * Lines are gathered and passed to their sinks once per loop turn. Nobody who reads them slowly, or
 * not at all, holds the hub up. */
#ifndef KHUB_NET_JOURNAL_H
#define KHUB_NET_JOURNAL_H

#include "net/sink.h"
#include "wire/clock.h"

struct journal {
    struct sink *log, *console; /* may be NULL; may be the same */
    struct text lines, console_lines;
};

/* The descriptors to write to; -1 for none. They may be the same. The journal closes them, unless
 * they are standard streams. At most `log_most` bytes of log may wait. 0, or -1 with errno. */
int journal_init(struct journal *journal, int log, size_t log_most, int console);
/* From now on the log goes to this file, which is created if need be. 0; or -1 with errno, and
 * nothing has changed. */
int journal_reopen(struct journal *journal, const char *path);
/* Writes what is left, unless that stalls. 0; or -1, with errno, when the log is incomplete without
 * saying so itself. */
int journal_free(struct journal *journal);

/* time=… [conn=cN] event=…; connection 0: none. Then pairs, then journal_end. Nothing happens when
 * there is no log. */
void journal_begin(struct journal *journal, uint64_t connection, const char *event);
/* Any bytes: in quotes with escapes unless they are plain, cut at LOG_VALUE_MAX. */
void journal_text(struct journal *journal, const char *key, struct slice value);
void journal_number(struct journal *journal, const char *key, uint64_t value);
void journal_end(struct journal *journal);

/* One of the seed's own lines, for people. */
void journal_say(struct journal *journal, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

void journal_flush(struct journal *journal);

#endif
