/* The bottleneck as a fluid queue, strictly first in, first out.
 *
 * Arrivals are kept as a cumulative curve for each flow, and departures as a place on these curves:
 * at the end of each step the link has sent everything that arrived before that place. The age of
 * the place is the delay of the packet that leaves there, and each flow's share of the departures
 * is what its curve rose by. A sender hears of a departure one round trip later: from a packet it
 * learns the delay which that packet had, and of a loss when what was sent right after it is
 * acknowledged. */
#include "policy/networking/link.h"

#include <assert.h>
#include <stdlib.h>

/* The state at the beginning of a step. */
struct moment {
    double arrived[LINK_FLOWS_MAX], total; /* packets until now */
    uint32_t losses[LINK_FLOWS_MAX];       /* until now */
    uint32_t left_step;                    /* what had arrived by then ... */
    double left_part;                      /* ... and this part of that step's arrivals is gone */
    double delay;                          /* of what left last, in steps */
};

struct sender {
    const struct link_flow *flow;
    void *state;
    double window, sent, acked, left; /* packets */
    double tail_dropped, owed;        /* packets; owed: lost by chance, not yet taken off */
    uint32_t chance_losses;
    uint32_t losses_seen, reacted_at; /* step */
};

struct run {
    const struct link *link;
    struct moment *moments;
    struct sender senders[LINK_FLOWS_MAX];
    struct link_report *report;
};

static double packets(uint32_t window)
{
    return window > 65536 ? window / 65536.0 : 1;
}

/* Of this flow's packets, how many had left by that moment. */
static double departed(const struct moment *moments, uint32_t when, uint32_t flow)
{
    const struct moment *place = &moments[moments[when].left_step];
    double part = moments[when].left_part;
    double before = place->arrived[flow];
    return part > 0 ? before + part * (place[1].arrived[flow] - before) : before;
}

/* What the sender learns in this step: the departures of one round trip ago. */
static void hear(struct run *run, uint32_t i, uint32_t now)
{
    struct sender *sender = &run->senders[i];
    const struct link_flow *flow = sender->flow;
    const struct congestion_control *control = flow->control;
    if (now < flow->start + flow->round_trip)
        return;
    uint32_t then = now - flow->round_trip, place = run->moments[then].left_step;
    uint64_t now_us = (uint64_t)now * LINK_STEP_US;
    double news = departed(run->moments, then, i) - sender->acked;
    if (news >= 1) {
        uint32_t acked = (uint32_t)news;
        double rtt = (flow->round_trip + run->moments[then].delay) * LINK_STEP_US;
        sender->acked += acked;
        sender->window = packets(
            control->on_ack(control->context, sender->state, now_us, (uint32_t)(rtt + 0.5), acked));
    }
    if (run->moments[place].losses[i] != sender->losses_seen) {
        sender->losses_seen = run->moments[place].losses[i];
        if (place > sender->reacted_at) {
            sender->reacted_at = now;
            sender->window = packets(control->on_loss(control->context, sender->state, now_us));
        }
    }
}

/* What the flow sends in this step: its window spread over the round trip that a packet entering
 * now will take, less what is lost on the way. */
static double sends(struct sender *sender, uint32_t now, double delay)
{
    if (now < sender->flow->start)
        return 0;
    double flowing = sender->window / (sender->flow->round_trip + delay);
    sender->sent += flowing;
    while (sender->sent >= sender->flow->loss_at[sender->chance_losses]) {
        sender->chance_losses++;
        sender->owed += 1;
    }
    double taken = sender->owed < flowing ? sender->owed : flowing;
    sender->owed -= taken;
    return flowing - taken;
}

/* Lets in what there is room for; a packet is lost by each flow of which a packet's worth has
 * overflowed. Returns what all flows sent into the queue. */
static void enter(struct run *run, uint32_t now, const double *sent, double room)
{
    uint32_t count = run->link->flow_count;
    const struct moment *before = &run->moments[now];
    struct moment *after = &run->moments[now + 1];
    double all = 0;
    for (uint32_t i = 0; i < count; i++)
        all += sent[i];
    double accepted = all > room ? room / all : 1;
    after->total = before->total;
    for (uint32_t i = 0; i < count; i++) {
        struct sender *sender = &run->senders[i];
        double in = sent[i] * accepted;
        sender->tail_dropped += sent[i] - in;
        after->arrived[i] = before->arrived[i] + in;
        after->total += in;
        after->losses[i] = sender->chance_losses + (uint32_t)sender->tail_dropped;
    }
}

/* Sends on what the capacity allows. left: packets in all until now. Returns that after it. */
static double leave(struct run *run, uint32_t now, double left, double rate)
{
    struct moment *moments = run->moments, *after = &moments[now + 1];
    uint32_t place = moments[now].left_step;
    left = after->total - left > rate ? left + rate : after->total;
    while (place <= now && moments[place + 1].total <= left)
        place++;
    after->left_step = place;
    after->left_part = 0;
    if (place <= now)
        after->left_part =
            (left - moments[place].total) / (moments[place + 1].total - moments[place].total);
    after->delay = now + 1 - (place + after->left_part);
    return left;
}

static void measure(struct run *run, uint32_t now)
{
    for (uint32_t i = 0; i < run->link->flow_count; i++) {
        struct sender *sender = &run->senders[i];
        double left = departed(run->moments, now + 1, i), delivered = left - sender->left;
        sender->left = left;
        if (now < run->link->measured_from)
            continue;
        run->report->flows[i].delivered += delivered;
        run->report->flows[i].delay += delivered * run->moments[now + 1].delay;
        run->report->flows[i].window += sender->window;
    }
}

static void run_steps(struct run *run)
{
    const struct link *link = run->link;
    double left = 0;
    uint32_t k = 0;
    for (uint32_t now = 0; now < link->steps; now++) {
        if (k + 1 < link->capacity_count && now >= link->capacities[k + 1].from)
            k++;
        double rate = link->capacities[k].rate, queue = run->moments[now].total - left;
        double delay = queue / rate, sent[LINK_FLOWS_MAX] = {0};
        for (uint32_t i = 0; i < link->flow_count; i++) {
            hear(run, i, now);
            sent[i] = sends(&run->senders[i], now, delay);
        }
        enter(run, now, sent, link->buffer + rate - queue);
        left = leave(run, now, left, rate);
        measure(run, now);
        if (now >= link->measured_from)
            run->report->capacity += rate;
    }
}

static int senders_begin(struct run *run)
{
    for (uint32_t i = 0; i < run->link->flow_count; i++) {
        const struct link_flow *flow = &run->link->flows[i];
        struct sender *sender = &run->senders[i];
        assert(flow->round_trip > 0);
        *sender = (struct sender){.flow = flow, .window = LINK_WINDOW_FIRST};
        sender->state = flow->control->state_new(flow->control->context);
        if (!sender->state)
            return -1;
    }
    return 0;
}

int link_run(const struct link *link, struct link_report *ret_report)
{
    assert(link->flow_count >= 1 && link->flow_count <= LINK_FLOWS_MAX);
    assert(link->capacity_count >= 1 && link->capacity_count <= LINK_CAPACITIES_MAX);
    assert(link->measured_from < link->steps);
    struct link_report report = {0};
    struct run run = {.link = link, .report = &report};
    run.moments = malloc((link->steps + (size_t)1) * sizeof *run.moments);
    int result = run.moments ? senders_begin(&run) : -1;
    if (result == 0) {
        run.moments[0] = (struct moment){0};
        run_steps(&run);
        for (uint32_t i = 0; i < link->flow_count; i++) {
            report.flows[i].delay /= report.flows[i].delivered;
            report.flows[i].window /= link->steps - link->measured_from;
        }
        *ret_report = report;
    }
    for (uint32_t i = 0; i < link->flow_count; i++)
        free(run.senders[i].state);
    free(run.moments);
    return result;
}
