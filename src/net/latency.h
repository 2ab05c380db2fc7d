/* How long messages take: from when something of them was read until what came of them was written
 * to the sockets, as far as these take it. The clock is read twice in a turn in which there are
 * any, not for each: the first of a turn counts for all. */
#ifndef KHUB_NET_LATENCY_H
#define KHUB_NET_LATENCY_H

#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "wire/histogram.h"

struct server;

#define LATENCY_WAITING_MAX 16

struct latency {
    struct histogram histogram;
    uint64_t read_ns; /* when the first was read of what was not settled yet; 0: nothing was */
    uint64_t counted; /* hub_messages at the last settling */
    /* Messages that came back from the disk, and when they went there. */
    struct {
        uint64_t since_ns, messages;
    } waiting[LATENCY_WAITING_MAX];
    size_t waiting_count;
};

/* Something was read. */
static inline void latency_read(struct latency *latency)
{
    if (!latency->read_ns)
        latency->read_ns = uv_hrtime();
}
/* store_options.taken. ctx: the server. */
void latency_taken(void *ctx, uint64_t since_ns, size_t messages);
/* All that came of it was written. */
void latency_settle(struct server *server);

#endif
