/* The log: one event a line, key=value, time first; and the console, for people. Lines are gathered
 * and handed to their sinks once a loop turn: whoever reads them slowly, or never, holds nothing
 * up. */
#ifndef KHUB_NET_JOURNAL_H
#define KHUB_NET_JOURNAL_H

#include "net/sink.h"
#include "wire/clock.h"

struct journal {
    struct sink *log, *console; /* may be NULL; may be the same */
    struct text lines, console_lines;
};

/* Descriptors to write to, or -1: none. They may be the same. `log_most` bytes of log may wait. Those that are no standard stream are
 * closed by the journal. 0, or -1 with errno. */
int journal_init(struct journal *journal, int log, size_t log_most, int console);
/* The log goes to this file from now on, which is made if need be. 0, or -1 with errno, and nothing
 * has changed. */
int journal_reopen(struct journal *journal, const char *path);
/* Writes what is left, if somebody takes it. 0, or -1 when the log is not whole and can't say so,
 * with errno. */
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
