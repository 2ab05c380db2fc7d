/* networking: how fast to send when nobody says how fast the network is.
 *
 * The question. One bottleneck, one to three senders, and all a sender learns, a round trip late,
 * is how long its packets took and that some were lost. Reno fills the buffer until it overflows,
 * and everyone waits behind the queue that it needs to see. The alternative is to aim at a small
 * queueing delay (the family of Vegas, Swift, Copa). Which delay, how fast up, how fast down, and
 * how much to back off for a loss that may have been chance?
 *
 * The model (link.c). A fluid queue, first in first out, drop-tail, in steps of 2 ms for 15 s. A
 * sender paces its window over the round trip and hears of what left the queue one base round trip
 * later. It reacts once to all losses of a round trip; there are no timeouts. A latecomer never
 * sees the empty queue and takes the least delay it has seen for the base, as in real life.
 *
 * The workload (synthetic; the ranges are our choice). Capacity 400..8,000 packets/s, in half of
 * the cases changing every 4..10 s to 0.4..1 of that. Base round trip 12..150 ms, each sender's up
 * to half longer. Buffer 0.3..4 bandwidth-delay products. In half of the cases random losses, one
 * packet in 500..33,000. The senders begin within 3 s.
 *
 * The cost is 1 / power:
 * exp(-mean over senders of [log(throughput / fair share) - log(round trip / base)]),
 * Remy's objective (SIGCOMM 2013), measured once all have begun.
 *
 * The bound is 1, Kleinrock's point: pipe just full, queue empty, equal shares. No policy gets
 * below it. Throughput counts what left the link in the measured time, and the fair share is an
 * n-th of all that the link could have carried in that time, whatever its capacity did. So the n
 * throughputs sum to at most n fair shares, and their geometric mean is at most their arithmetic
 * mean, 1; random losses only take away; and no packet's round trip is shorter than its base. (If
 * each sender were measured from its own start, this would be no bound: the first could stop early,
 * to the benefit of both figures.)
 *
 * Known answers. On a link with a buffer of b <= 1 products Reno uses the share
 * ((1+b)^2 - w^2) / ((1+b)^2 + 1 - 2w), where w = (1+b)/2: 75 % without a buffer. With every n-th
 * packet lost its window is sqrt(3n/2) (Mathis et al. 1997). CUBIC's window follows the curve of
 * RFC 9438. Vegas on its own keeps 2 to 4 packets in the queue.
 *
 * A limit to be aware of. Beside Reno a sender of this family starves: with the textbook setting,
 * at 2,000 packets/s and 40 ms, it gets 9.7, 1.1 and 0.3 % of the link with buffers of 0.25, 1 and
 * 4 products (two Renos: 50 %). The cost does not show that, since here all senders run the same
 * policy. */
#include "policy/networking/simulator.h"

#include <math.h>
#include <stdlib.h>

#include "policy/elementary.h"
#include "policy/module.h"
#include "policy/networking/congestion.h"
#include "policy/networking/rules.h"
#include "policy/random.h"
#include "policy/subject_table.h"

enum { SECOND = 1000000 / LINK_STEP_US, STEPS = 15 * SECOND };

enum { ADDITIVE, GAIN, TARGET, TARGET_RTT, DECREASE, KEPT, START_GAIN, START_EXIT, PARAMETERS };

static const struct parameter parameters[PARAMETERS] = {
    [ADDITIVE] = {"additive", "packets/RTT", "growth below the target delay", 0.1, 8, true, false,
                  1},
    [GAIN] = {"gain", "1/RTT", "growth of the window far below the target, as a share of it", 0.001,
              0.5, true, false, 0.001},
    [TARGET] = {"target", "ms", "queueing delay that is aimed at", 0.2, 30, true, false, 5},
    [TARGET_RTT] = {"target_rtt", "of least RTT", "and so much more", 0, 0.5, false, false, 0},
    [DECREASE] = {"decrease", "1/RTT", "shrinking of the window far above the target", 0.01, 1,
                  true, false, 0.8},
    [KEPT] = {"kept", "", "share of the window kept on loss", 0.3, 0.97, false, false, 0.5},
    [START_GAIN] = {"start_gain", "", "packets gained by each that arrives in slow start", 0.3, 1,
                    false, false, 1},
    [START_EXIT] = {"start_exit", "targets", "delay that ends slow start", 0.1, 3, true, false, 1},
};

/* A few changes of capacity, at times and to shares of the original that nobody is told. */
static void add_capacities(struct link *link, struct random *random, double rate)
{
    link->capacities[link->capacity_count++] = (struct link_capacity){0, rate};
    if (random_uniform(random) < 0.5)
        return;
    double clock = 0;
    while (link->capacity_count < LINK_CAPACITIES_MAX) {
        clock += random_between(random, 4, 10) * SECOND;
        if (clock >= STEPS)
            break;
        double changed = rate * random_between(random, 0.4, 1);
        link->capacities[link->capacity_count++] = (struct link_capacity){(uint32_t)clock, changed};
    }
}

static void add_flows(struct networking_workload *load, struct random *random, double round_trip)
{
    struct link *link = &load->link;
    double loss = random_uniform(random) < 0.5 ? 0 : random_log_between(random, 3e-5, 2e-3);
    link->flow_count = 1 + (uint32_t)random_below(random, LINK_FLOWS_MAX);
    for (uint32_t i = 0; i < link->flow_count; i++) {
        struct link_flow *flow = &link->flows[i];
        double start = i > 0 ? random_between(random, 0, 3) : 0;
        flow->start = (uint32_t)(start * SECOND);
        if (flow->start > link->measured_from)
            link->measured_from = flow->start;
        flow->round_trip = (uint32_t)floor(round_trip * random_between(random, 1, 1.5) + 0.5);
        double at = 0;
        uint32_t losses = 0;
        while (loss > 0 && losses < NETWORKING_LOSSES_MAX)
            load->loss_at[i][losses++] = at += random_exponential(random, 1 / loss);
        load->loss_at[i][losses] = HUGE_VAL;
        flow->loss_at = load->loss_at[i];
    }
}

static void *workload_new(uint64_t seed)
{
    struct networking_workload *load = calloc(1, sizeof *load);
    if (!load)
        return NULL;
    struct random random;
    random_seed(&random, seed);
    double rate = random_log_between(&random, 400, 8000) / SECOND;
    double round_trip = random_log_between(&random, 0.012, 0.15) * SECOND;
    load->link.steps = STEPS;
    load->link.buffer = rate * round_trip * random_log_between(&random, 0.3, 4);
    add_capacities(&load->link, &random, rate);
    add_flows(load, &random, round_trip);
    return load;
}

double networking_cost(const struct link *link, const struct link_report *report)
{
    double sum = 0;
    for (uint32_t i = 0; i < link->flow_count; i++) {
        double share = report->flows[i].delivered * link->flow_count / report->capacity;
        double stretch = 1 + report->flows[i].delay / link->flows[i].round_trip;
        sum += elementary_log(share) - elementary_log(stretch);
    }
    return elementary_exp(-sum / link->flow_count);
}

static double cost_under(const struct networking_workload *load,
                         const struct congestion_control *control)
{
    struct link link = load->link;
    struct link_report report;
    for (uint32_t i = 0; i < link.flow_count; i++)
        link.flows[i].control = control;
    return link_run(&link, &report) < 0 ? nan("") : networking_cost(&link, &report);
}

static void rules_of(const double *p, void *ret_rules)
{
    const double fine = 1 << 24, coarse = 1 << 16;
    *(struct networking_rules *)ret_rules =
        (struct networking_rules){.additive = fixed_point(p[ADDITIVE], fine),
                                  .gain = fixed_point(p[GAIN], fine),
                                  .decrease = fixed_point(p[DECREASE], fine),
                                  .start_gain = fixed_point(p[START_GAIN], fine),
                                  .target_us = fixed_point(p[TARGET], 1000),
                                  .target_rtt = fixed_point(p[TARGET_RTT], coarse),
                                  .kept = fixed_point(p[KEPT], coarse),
                                  .start_exit = fixed_point(p[START_EXIT], coarse)};
}

RULES_FIT(networking_rules);
static const struct constant constants[] = {
    CONSTANT(networking_rules, additive),  CONSTANT(networking_rules, gain),
    CONSTANT(networking_rules, decrease),  CONSTANT(networking_rules, start_gain),
    CONSTANT(networking_rules, target_us), CONSTANT(networking_rules, target_rtt),
    CONSTANT(networking_rules, kept),      CONSTANT(networking_rules, start_exit),
};
extern const char networking_module[];

static void *ruled_state_new(const void *rules)
{
    struct networking_state *state = malloc(sizeof *state);
    (void)rules;
    if (state)
        networking_reset(state);
    return state;
}

static uint32_t ruled_on_ack(const void *rules, void *state, uint64_t now_us, uint32_t rtt_us,
                             uint32_t acked)
{
    (void)now_us;
    return networking_on_ack(rules, state, rtt_us, acked);
}

static uint32_t ruled_on_loss(const void *rules, void *state, uint64_t now_us)
{
    (void)now_us;
    return networking_on_loss(rules, state);
}

static struct congestion_control ruled(const struct networking_rules *rules)
{
    return (struct congestion_control){.state_new = ruled_state_new,
                                       .on_ack = ruled_on_ack,
                                       .on_loss = ruled_on_loss,
                                       .context = rules};
}

static double cost_of(const void *workload, const void *rules)
{
    struct congestion_control control = ruled(rules);
    return cost_under(workload, &control);
}

double networking_share_beside_reno(const double *p, double buffer)
{
    static const double never = HUGE_VAL;
    struct networking_rules rules;
    struct congestion_control control = congestion_reno;
    if (p) {
        rules_of(p, &rules);
        control = ruled(&rules);
    }
    /* 2000 packets/s, 40 ms; both from the start, measured after 15 s */
    struct link link = {
        .steps = 60 * SECOND,
        .measured_from = 15 * SECOND,
        .buffer = 80 * buffer,
        .capacity_count = 1,
        .capacities = {{0, 2000.0 / SECOND}},
        .flow_count = 2,
        .flows = {{&control, 0, SECOND / 25, &never}, {&congestion_reno, 0, SECOND / 25, &never}}};
    struct link_report report;
    if (link_run(&link, &report) < 0)
        return nan("");
    double own = report.flows[0].delivered;
    return own / (own + report.flows[1].delivered);
}

static const char *const baseline_names[] = {"Reno", "CUBIC", "Vegas"};
static const struct congestion_control *const baselines[] = {&congestion_reno, &congestion_cubic,
                                                             &congestion_vegas};

static double baseline_cost(const void *workload, int which)
{
    return cost_under(workload, baselines[which]);
}

static double bound_cost(const void *workload)
{
    (void)workload;
    return 1;
}

enum { ASK_ON_ACK, ASK_ON_LOSS };
static const struct operation operations[] = {
    [ASK_ON_ACK] =
        {"on_ack", "uint32_t", "void *state, uint32_t rtt_us, uint32_t acked",
         "The congestion window in 1/65536 packet, 1 to 65535 packets; 10 before the first call. "
         "acked: packets that have newly arrived; rtt_us: how long the last of them and its "
         "acknowledgement took, in microseconds."},
    [ASK_ON_LOSS] =
        {"on_loss", "uint32_t", "void *state",
         "The same, to be called once for all losses among packets that were sent before the "
         "answer."},
};

static void *asked_state_new(const void *module)
{
    struct module_state *state = malloc(sizeof *state);
    if (state && module_state_new(module, state) < 0) {
        free(state);
        return NULL;
    }
    return state;
}

static uint32_t asked_on_ack(const void *module, void *state, uint64_t now_us, uint32_t rtt_us,
                             uint32_t acked)
{
    const struct module_state *asked = state;
    struct module_call call = {
        .which = ASK_ON_ACK, .state = asked->number, .arguments = {rtt_us, acked}};
    (void)now_us;
    return (uint32_t)module_ask(module, &call);
}

static uint32_t asked_on_loss(const void *module, void *state, uint64_t now_us)
{
    const struct module_state *asked = state;
    struct module_call call = {.which = ASK_ON_LOSS, .state = asked->number};
    (void)now_us;
    return (uint32_t)module_ask(module, &call);
}

static double module_cost(const void *workload, const struct compiled_policy *module)
{
    struct congestion_control control = {.state_new = asked_state_new,
                                         .on_ack = asked_on_ack,
                                         .on_loss = asked_on_loss,
                                         .context = module};
    return cost_under(workload, &control);
}

const struct subject subject_networking = {
    .name = "networking",
    .specialization = "networking",
    .title = "window congestion control that aims at a queueing delay",
    .cost = "1 / geometric mean of the flows' power",
    .version = "2",
    .module = networking_module,
    .stateful = true,
    SUBJECT_PARTS,
};
