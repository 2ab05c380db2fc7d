/* The log: one event a line, key=value, time first. Lines are gathered and written once per loop turn. */
#ifndef KHUB_NET_JOURNAL_H
#define KHUB_NET_JOURNAL_H

#include <stdio.h>

#include "wire/text.h"

struct journal {
    FILE *log;     /* may be NULL */
    FILE *console; /* may be NULL */
    struct text lines, console_lines;
};

void journal_init(struct journal *journal, FILE *log, FILE *console);
/* Writes what is left. */
void journal_free(struct journal *journal);

/* time=… [conn=cN] event=…; connection 0: none. Then pairs, then journal_end. Nothing happens when there is no log. */
void journal_begin(struct journal *journal, uint64_t connection, const char *event);
/* Any bytes: in quotes with escapes unless they are plain, cut at LOG_VALUE_MAX. */
void journal_text(struct journal *journal, const char *key, struct slice value);
void journal_number(struct journal *journal, const char *key, uint64_t value);
void journal_end(struct journal *journal);

/* One of the seed's own lines, for people. */
void journal_say(struct journal *journal, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

void journal_flush(struct journal *journal);

/* Unix time in ms. */
int64_t clock_now(void);

#endif
