/* Where lines for people and log collectors go: a terminal, a pipe or a file. Any of them may stall
 * (a terminal stopped with Ctrl-S, a collector that hangs, a full disk), and the program that
 * writes must not stall with it.
 *
 * So each sink has a thread that writes. sink_write only copies. Up to a limit the lines wait;
 * beyond it they are dropped and counted, and once the thread gets on it writes in their place how
 * many are missing. Non-blocking mode would not do, because it belongs to the open file, which
 * other processes may share. */
#ifndef KHUB_NET_SINK_H
#define KHUB_NET_SINK_H

#include <stdint.h>
#include <stdio.h>

#include "wire/text.h"

#define SINK_BYTES_MAX   (256u << 10) /* of lines for people; as many may be on their way */
#define SINK_PATIENCE_MS 250u         /* sink_close waits so long for a sink that takes nothing */

struct sink;

/* Appends a line, with its line end, that says that `lines` lines were dropped. Called on the
 * sink's thread. */
typedef void sink_notice(struct text *text, uint64_t lines);

/* A sink that writes to `fd`, and closes it at the end if it is `owned`. At most `most` bytes wait.
 * NULL, with errno, when there is no memory or no thread to be had. */
struct sink *sink_open(int fd, bool owned, size_t most, sink_notice *notice);
/* Copies whole lines. Never waits. */
void sink_write(struct sink *sink, struct slice lines);
/* Whatever is not written yet goes to `fd` from now on, which the sink owns. The old descriptor is
 * closed if it was owned. */
void sink_redirect(struct sink *sink, int fd);
/* Writes what waits, unless that stalls. 0; or -1, with errno, when lines were lost and no notice
 * of it could be written. */
int sink_close(struct sink *sink);

/* A stdio stream into the sink; what is flushed goes to the sink. Close it before the sink. NULL
 * when out of memory. */
FILE *sink_stream(struct sink *sink);

#endif
