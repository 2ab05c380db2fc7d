/* One bottleneck link: a drop-tail queue that a few senders fill, each by a window it adapts.
 *
 * Packets are a fluid, time goes in steps of 2 ms, and the numbers are the same everywhere. */
#ifndef KHUB_POLICY_NETWORKING_LINK_H
#define KHUB_POLICY_NETWORKING_LINK_H

#include <stdint.h>

#define LINK_STEP_US        2000
#define LINK_FLOWS_MAX      3
#define LINK_CAPACITIES_MAX 8
#define LINK_WINDOW_FIRST   10 /* packets, until the first acknowledgement (RFC 6928) */

/* How a sender adapts. Both answers are the window in 1/65536 packet; below one packet counts as
 * one. */
struct congestion_control {
    void *(*state_new)(const void *context); /* to be freed with free(); NULL when out of memory */
    /* So many packets more have arrived, the last of them acknowledged rtt_us after it was sent. */
    uint32_t (*on_ack)(const void *context, void *state, uint64_t now_us, uint32_t rtt_us,
                       uint32_t acked);
    /* Packets were lost. Not called again for what was sent before the answer to it. */
    uint32_t (*on_loss)(const void *context, void *state, uint64_t now_us);
    const void *context;
};

struct link_flow {
    const struct congestion_control *control;
    uint32_t start;        /* step in which it begins to send */
    uint32_t round_trip;   /* steps, > 0, through an empty queue */
    const double *loss_at; /* packets sent when the next is lost by chance; rising, HUGE_VAL ends */
};

struct link_capacity {
    uint32_t from; /* step; the first is 0, then rising */
    double rate;   /* packets a step, > 0 */
};

struct link {
    uint32_t steps;
    uint32_t measured_from; /* step */
    double buffer;          /* packets */
    uint32_t capacity_count;
    struct link_capacity capacities[LINK_CAPACITIES_MAX];
    uint32_t flow_count;
    struct link_flow flows[LINK_FLOWS_MAX];
};

/* What came through from measured_from on. */
struct link_report {
    double capacity; /* packets that the link could have carried */
    struct {
        double delivered; /* packets; all flows' together never more than the capacity */
        double delay;     /* their mean time in the queue, in steps */
        double window;    /* packets, mean over time */
    } flows[LINK_FLOWS_MAX];
};

/* 0, or -1 when out of memory. */
int link_run(const struct link *link, struct link_report *ret_report);

#endif
