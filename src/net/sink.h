/* Where lines for people and collectors go: a terminal, a pipe, a file. Any of them may stand still
 * (a terminal stopped with Ctrl-S, a collector that hangs, a disk that is full), and who writes
 * must not stand still with it.
 *
 * So a thread of the sink's own does the writing. sink_write only copies: up to a bound
 * wait, and what comes beyond that is dropped and counted. As soon as the thread gets on, it says
 * how many lines are missing, in their place. Non-blocking mode would not do: it belongs to the
 * open file, which other processes share. */
#ifndef KHUB_NET_SINK_H
#define KHUB_NET_SINK_H

#include <stdint.h>
#include <stdio.h>

#include "wire/text.h"

#define SINK_BYTES_MAX                                                                             \
    (256u << 10)              /* that wait in a sink for people; as many may be on their way */
#define SINK_PATIENCE_MS 250u /* sink_close waits so long for a sink that takes nothing */

struct sink;

/* Appends a line, with its end, that says that `lines` lines were dropped. Called by the sink's
 * thread. */
typedef void sink_notice(struct text *text, uint64_t lines);

/* A sink that writes to `fd`, which is closed with it if it is `owned`; `most` bytes may wait. NULL, with errno, when
 * there is no memory or thread. */
struct sink *sink_open(int fd, bool owned, size_t most, sink_notice *notice);
/* Copies whole lines; never waits. */
void sink_write(struct sink *sink, struct slice lines);
/* What is not written yet goes to `fd` from now on, which the sink owns; the old one is closed if
 * it was owned. */
void sink_redirect(struct sink *sink, int fd);
/* Writes what waits, as long as it is taken. 0, or -1 when lines were lost that the sink could not
 * say so of, with errno. */
int sink_close(struct sink *sink);

/* A stream into the sink, for those who print: what is flushed is written. Close it before the
 * sink. NULL without memory. */
FILE *sink_stream(struct sink *sink);

#endif
