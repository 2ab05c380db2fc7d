/* One bottleneck link: a drop-tail queue of packets that a few senders fill, each by a window it
 * adapts, and by a pace if it says one.
 *
 * Times are in nanoseconds, whole numbers; the results are the same everywhere. */
#ifndef KHUB_POLICY_NETWORKING_LINK_H
#define KHUB_POLICY_NETWORKING_LINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LINK_FLOWS_MAX      3
#define LINK_CAPACITIES_MAX 8
#define LINK_WINDOW_FIRST   10   /* packets, until the first acknowledgement (RFC 6928) */
#define LINK_WINDOW_MOST    8192 /* packets: what a sender can hold to send it again */
#define LINK_BURST          10   /* packets that one event lets a sender send at once */

#define LINK_SECOND         UINT64_C(1000000000)
#define LINK_TIMEOUT        LINK_SECOND       /* until a round trip is known (RFC 6298) */
#define LINK_TIMEOUT_MORE   (LINK_SECOND / 5) /* at least so much beyond the mean, as in Linux */
#define LINK_TIMEOUT_MOST   (60 * LINK_SECOND)

/* What an acknowledgement says. */
struct link_ack {
    uint64_t now_us;
    uint32_t rtt_us;      /* since the packet was sent */
    uint32_t acked;       /* packets that have newly arrived */
    uint32_t in_flight;   /* packets on their way before it came, without what is taken for lost */
    uint32_t delivered;   /* packets acknowledged since this one was sent, with it ... */
    uint32_t interval_us; /* ... and how long these took to be sent or heard of, the longer */
    uint32_t carried;     /* packets on their way when it was sent, with it ... */
    uint32_t lost;        /* ... and how many were taken for lost since then */
    bool recovering;      /* it was sent before the last answer to a loss or a timeout */
};

/* How a sender goes on. */
struct sending {
    uint32_t window; /* in 1/65536 packet; below one packet counts as one */
    uint32_t gap_ns; /* from a packet to the next, at least; 0: whenever the window lets it */
};

/* How a sender adapts. */
struct congestion_control {
    void *(*state_new)(const void *context); /* to be freed with free(); NULL when out of memory */
    struct sending (*on_ack)(const void *context, void *state, const struct link_ack *ack);
    /* Packets were lost. Not called again for what was sent before the answer to it. */
    struct sending (*on_loss)(const void *context, void *state, uint64_t now_us);
    /* Nothing was heard for so long that all packets on their way are taken for lost. */
    struct sending (*on_timeout)(const void *context, void *state, uint64_t now_us);
    const void *context;
};

struct link_flow {
    const struct congestion_control *control;
    uint64_t start;       /* when it begins to send */
    uint64_t propagation; /* to the receiver and back, without the queue and its service; > 0 */
    uint64_t bunch;       /* acknowledgements are held back and come together, after a half to one
                           * and a half of this; 0: each comes by itself */
    uint64_t bunch_seed;
    const uint32_t *lost; /* numbers of packets lost by chance, from 0, rising; UINT32_MAX ends */
};

struct link_capacity {
    uint64_t from;    /* the first is 0, then rising */
    uint64_t service; /* how long a packet takes, > 0 */
};

/* A link that was recorded, as Mahimahi has it: at each of these milliseconds it takes one packet
 * that has come by then, if there is one. */
struct link_opportunities {
    size_t count; /* > 0 */
    const uint32_t
        *at_ms;        /* never falling, the last > 0: after it they begin again, at that time */
    uint32_t begin_ms; /* less than the last: the link's time 0 */
};

struct link {
    uint64_t end, measured_from;
    uint32_t buffer; /* packets that may wait, beside the one that is in service */
    uint32_t capacity_count;
    struct link_capacity capacities[LINK_CAPACITIES_MAX];
    const struct link_opportunities *opportunities; /* NULL: the capacities hold */
    uint32_t flow_count;
    struct link_flow flows[LINK_FLOWS_MAX];
};

struct link_flow_report {
    /* Of packets whose service began and ended in the measured time. */
    double delivered; /* packets; all flows' together never more than the capacity */
    double delay;     /* their mean time from coming to the queue until they had left it */
    double window;    /* packets, mean over the measured time */
    /* Packets, of the whole time. sent = lost + dropped + acked + on_way. */
    uint32_t sent, lost, dropped, acked, on_way;
    uint32_t timeouts, again; /* again: taken for lost, sent again, and acknowledged after all */
};

struct link_report {
    double capacity; /* packets that the link could have carried in the measured time */
    struct link_flow_report flows[LINK_FLOWS_MAX];
};

/* 0, or -1 when out of memory. */
int link_run(const struct link *link, struct link_report *ret_report);
/* The shortest time that any packet is in the queue and in service. */
uint64_t link_least_service(const struct link *link);

#endif
