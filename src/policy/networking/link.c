/* The senders of a bottleneck, event by event.
 *
 * An event is one sender's: an acknowledgement that comes, its pace's next packet, its timer. As
 * the queue tells at once when a packet will have left, and so when its acknowledgement comes, no
 * event of one sender moves another's, and the next is the earliest of at most three.
 *
 * Packets are numbered as they are sent; what is sent again has a new number, as in QUIC, so
 * nothing is ambiguous. They keep their order, so a number that is left out was lost: the sender
 * believes that with the third acknowledgement after it. */
#include "policy/networking/link.h"

#include <assert.h>
#include <stdbool.h>
#include <stdlib.h>

#include "policy/networking/bottleneck.h"
#include "policy/random.h"

#define NEVER       UINT64_MAX
#define FLIGHTS_FEW 64u

/* A packet that got through, until that is heard of. */
struct flight {
    uint64_t sent, heard, delay; /* delay: in the queue and in service */
    uint32_t number;
    uint32_t delivered, delivered_us, begun_us; /* the sender's own, when it was sent */
    uint32_t carried, lost;                     /* its in_flight, with it, and lost then */
    bool measured;
};

struct sender {
    const struct link_flow *flow;
    struct link_flow_report *report;
    void *state;
    uint64_t event;  /* the next */
    uint32_t window; /* packets */
    uint32_t gap;
    uint64_t last_sent, bunch; /* bunch: when the last comes that is decided */
    struct random bunches;

    struct flight *flights; /* a ring */
    uint32_t mask, first, next_flight;

    uint32_t next;        /* number */
    uint32_t expected;    /* the number after the last that was acknowledged */
    uint32_t in_flight;   /* for all it knows */
    uint32_t recovered;   /* losses below this number have had their answer */
    uint32_t written_off; /* below this, a timeout took all for lost */
    uint32_t left_out, left_out_before,
        left_out_last; /* lost, but not yet believed; the last's number */
    uint32_t left_out_last_before;
    uint32_t delivered, delivered_us,
        begun_us;           /* packets acknowledged; when; how old that one was */
    uint32_t lost;          /* taken for it, in all */
    const uint32_t *chance; /* the next that is lost by it */

    uint64_t timer_from, mean_rtt, deviation, timeout; /* RFC 6298 */
    uint32_t backoff;
    uint64_t watched_from; /* the window's mean counts from there on */
};

struct run {
    const struct link *link;
    struct bottleneck bottleneck;
    struct sender senders[LINK_FLOWS_MAX];
    bool no_memory;
};

static uint64_t timer(const struct sender *sender)
{
    uint64_t wait = sender->timeout << sender->backoff;
    return sender->timer_from + (wait < LINK_TIMEOUT_MOST ? wait : LINK_TIMEOUT_MOST);
}

static uint64_t next_event(const struct sender *sender)
{
    uint64_t at = NEVER;
    if (sender->first != sender->next_flight)
        at = sender->flights[sender->first & sender->mask].heard;
    if (sender->in_flight > 0 && timer(sender) < at)
        at = timer(sender);
    if (sender->gap > 0 && sender->in_flight < sender->window &&
        sender->last_sent + sender->gap < at)
        at = sender->last_sent + sender->gap;
    return at;
}

static void watch_window(const struct run *run, struct sender *sender, uint64_t now)
{
    if (now > sender->watched_from) {
        sender->report->window += (double)(now - sender->watched_from) * sender->window;
        sender->watched_from = now;
    }
    (void)run;
}

static void answered(const struct run *run, struct sender *sender, uint64_t now,
                     struct sending answer)
{
    watch_window(run, sender, now);
    uint32_t packets = answer.window >> 16;
    sender->window = packets < 1 ? 1 : packets > LINK_WINDOW_MOST ? LINK_WINDOW_MOST : packets;
    sender->gap = answer.gap_ns;
}

/* Twice the room for packets on their way. */
static int more_flights(struct sender *sender)
{
    uint32_t size = 2 * (sender->mask + 1), count = sender->next_flight - sender->first;
    struct flight *flights = calloc(size, sizeof *flights);
    if (!flights)
        return -1;
    for (uint32_t i = 0; i < count; i++)
        flights[i] = sender->flights[(sender->first + i) & sender->mask];
    free(sender->flights);
    sender->flights = flights;
    sender->mask = size - 1;
    sender->first = 0;
    sender->next_flight = count;
    return 0;
}

/* The first bunch from then on. */
static uint64_t next_bunch(struct sender *sender, uint64_t from)
{
    uint64_t mean = sender->flow->bunch;
    while (sender->bunch < from)
        sender->bunch += mean / 2 + ((random_u64(&sender->bunches) >> 32) * mean >> 32) + 1;
    return sender->bunch;
}

/* A packet that got through the queue: when its sender will hear of it. */
static void fly(struct run *run, struct sender *sender, uint64_t now, uint64_t begins,
                uint64_t leaves)
{
    const struct link_flow *flow = sender->flow;
    if (sender->next_flight - sender->first > sender->mask && more_flights(sender) < 0) {
        run->no_memory = true;
        return;
    }
    uint64_t heard = leaves + flow->propagation;
    if (flow->bunch > 0)
        heard = next_bunch(sender, heard);
    struct flight *flight = &sender->flights[sender->next_flight++ & sender->mask];
    *flight =
        (struct flight){.sent = now,
                        .heard = heard,
                        .delay = leaves - now,
                        .number = sender->next,
                        .delivered = sender->delivered,
                        .delivered_us = sender->delivered_us,
                        .begun_us = sender->begun_us,
                        .carried = sender->in_flight,
                        .lost = sender->lost,
                        .measured = begins >= run->link->measured_from && leaves <= run->link->end};
    if (flight->measured) {
        sender->report->delivered += 1;
        sender->report->delay += (double)flight->delay;
    }
}

static void send_packet(struct run *run, struct sender *sender, uint64_t now)
{
    uint64_t begins, leaves;
    if (sender->in_flight++ == 0) {
        sender->timer_from = now;
        sender->delivered_us = sender->begun_us = (uint32_t)(now / 1000);
    }
    if (sender->next == *sender->chance) {
        sender->chance++;
        sender->report->lost++;
    } else if (bottleneck_enter(&run->bottleneck, now, &begins, &leaves)) {
        fly(run, sender, now, begins, leaves);
    } else {
        sender->report->dropped++;
    }
    sender->next++;
    sender->last_sent = now;
}

static void send_what_may_be(struct run *run, struct sender *sender, uint64_t now)
{
    for (uint32_t burst = 0; burst < LINK_BURST && sender->in_flight < sender->window; burst++) {
        if (sender->gap > 0 && now < sender->last_sent + sender->gap)
            return;
        send_packet(run, sender, now);
    }
}

/* RFC 6298, with the floor under the deviation that Linux has. */
static void time_round_trip(struct sender *sender, uint64_t rtt)
{
    if (sender->mean_rtt == 0) {
        sender->mean_rtt = rtt;
        sender->deviation = rtt / 2;
    } else {
        uint64_t off = rtt > sender->mean_rtt ? rtt - sender->mean_rtt : sender->mean_rtt - rtt;
        sender->deviation = sender->deviation - sender->deviation / 4 + off / 4;
        sender->mean_rtt = sender->mean_rtt - sender->mean_rtt / 8 + rtt / 8;
    }
    uint64_t more = 4 * sender->deviation;
    sender->timeout = sender->mean_rtt + (more > LINK_TIMEOUT_MORE ? more : LINK_TIMEOUT_MORE);
}

/* Numbers up to this one that were left out, and are believed to be lost two acknowledgements
 * later. The answer to them is due if they were sent after the last. */
static void believe_losses(struct run *run, struct sender *sender, uint64_t now, uint32_t number)
{
    const struct congestion_control *control = sender->flow->control;
    uint32_t from = sender->expected > sender->written_off ? sender->expected : sender->written_off;
    uint32_t lost = sender->left_out_before, last = sender->left_out_last_before;
    sender->left_out_before = sender->left_out;
    sender->left_out_last_before = sender->left_out_last;
    sender->left_out = number > from ? number - from : 0;
    sender->left_out_last = number - 1;
    sender->expected = number + 1;
    if (lost == 0)
        return;
    sender->in_flight -= lost;
    sender->lost += lost;
    if (last >= sender->recovered) {
        sender->recovered = sender->next;
        answered(run, sender, now, control->on_loss(control->context, sender->state, now / 1000));
    }
}

static void hear(struct run *run, struct sender *sender, uint64_t now)
{
    const struct congestion_control *control = sender->flow->control;
    struct flight flight = sender->flights[sender->first++ & sender->mask];
    uint32_t now_us = (uint32_t)(now / 1000), sent_us = (uint32_t)(flight.sent / 1000);
    uint32_t sending_us = sent_us - flight.begun_us, hearing_us = now_us - flight.delivered_us;
    struct link_ack ack = {.now_us = now / 1000,
                           .rtt_us = (uint32_t)((now - flight.sent) / 1000),
                           .acked = 1,
                           .interval_us = sending_us > hearing_us ? sending_us : hearing_us,
                           .recovering = flight.number < sender->recovered};
    sender->report->acked++;
    sender->delivered++;
    sender->delivered_us = now_us;
    sender->begun_us = sent_us;
    ack.delivered = sender->delivered - flight.delivered;
    sender->timer_from = now;
    sender->backoff = 0;
    time_round_trip(sender, now - flight.sent);
    if (flight.number >= sender->written_off) {
        sender->in_flight--;
    } else { /* it was sent a second time for nothing, so it does not count twice */
        sender->report->again++;
        sender->report->delivered -= flight.measured;
        sender->report->delay -= flight.measured ? (double)flight.delay : 0;
    }
    believe_losses(run, sender, now, flight.number);
    ack.in_flight = sender->in_flight + ack.acked;
    ack.carried = flight.carried;
    ack.lost = sender->lost - flight.lost;
    answered(run, sender, now, control->on_ack(control->context, sender->state, &ack));
}

static void time_out(struct run *run, struct sender *sender, uint64_t now)
{
    const struct congestion_control *control = sender->flow->control;
    sender->report->timeouts++;
    sender->lost += sender->in_flight;
    sender->in_flight = 0;
    sender->left_out = sender->left_out_before = 0;
    sender->written_off = sender->recovered = sender->next;
    sender->timer_from = now;
    if (sender->timeout << sender->backoff < LINK_TIMEOUT_MOST)
        sender->backoff++;
    answered(run, sender, now, control->on_timeout(control->context, sender->state, now / 1000));
}

static void run_events(struct run *run)
{
    uint32_t count = run->link->flow_count;
    while (!run->no_memory) {
        struct sender *sender = &run->senders[0];
        for (uint32_t i = 1; i < count; i++)
            if (run->senders[i].event < sender->event)
                sender = &run->senders[i];
        uint64_t now = sender->event;
        if (now >= run->link->end)
            return;
        if (sender->first != sender->next_flight &&
            sender->flights[sender->first & sender->mask].heard <= now)
            hear(run, sender, now);
        else if (sender->in_flight > 0 && timer(sender) <= now)
            time_out(run, sender, now);
        send_what_may_be(run, sender, now);
        sender->event = next_event(sender);
    }
}

static int sender_begin(struct sender *sender, const struct link *link,
                        const struct link_flow *flow, struct link_flow_report *report)
{
    assert(flow->propagation > 0);
    *sender = (struct sender){.flow = flow,
                              .report = report,
                              .event = flow->start,
                              .bunch = flow->start,
                              .window = LINK_WINDOW_FIRST,
                              .mask = FLIGHTS_FEW - 1,
                              .chance = flow->lost,
                              .timeout = LINK_TIMEOUT,
                              .watched_from = link->measured_from};
    random_seed(&sender->bunches, flow->bunch_seed);
    sender->flights = calloc(FLIGHTS_FEW, sizeof *sender->flights);
    sender->state = flow->control->state_new(flow->control->context);
    return sender->flights && sender->state ? 0 : -1;
}

static void sender_report(struct run *run, struct sender *sender)
{
    struct link_flow_report *report = sender->report;
    const struct link *link = run->link;
    watch_window(run, sender, link->end);
    report->window /= (double)(link->end - link->measured_from);
    report->delay = report->delivered > 0 ? report->delay / report->delivered : 0;
    report->sent = sender->next;
    report->on_way = sender->next_flight - sender->first;
}

int link_run(const struct link *link, struct link_report *ret_report)
{
    assert(link->flow_count >= 1 && link->flow_count <= LINK_FLOWS_MAX);
    assert(link->opportunities ||
           (link->capacity_count >= 1 && link->capacity_count <= LINK_CAPACITIES_MAX));
    assert(link->measured_from < link->end);
    struct link_report report = {.capacity = bottleneck_capacity(link)};
    struct run run = {.link = link};
    int result = bottleneck_begin(&run.bottleneck, link);
    for (uint32_t i = 0; i < link->flow_count && result == 0; i++)
        result = sender_begin(&run.senders[i], link, &link->flows[i], &report.flows[i]);
    if (result == 0) {
        run_events(&run);
        result = run.no_memory ? -1 : 0;
    }
    for (uint32_t i = 0; i < link->flow_count; i++) {
        if (result == 0)
            sender_report(&run, &run.senders[i]);
        free(run.senders[i].flights);
        free(run.senders[i].state);
    }
    bottleneck_end(&run.bottleneck);
    if (result == 0)
        *ret_report = report;
    return result;
}
