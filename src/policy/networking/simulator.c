/* networking: how fast to send when nobody says how fast the network is.
 *
 * The question. One bottleneck, one to three senders, and all a sender learns, a round trip late,
 * is how long its packets took and that some were lost. Reno fills the buffer until it overflows,
 * and everyone waits behind the queue that it needs to see. The alternative is to aim at a small
 * queueing delay (the family of Vegas, Swift, Copa). Which delay, how fast up, how fast down, how
 * much to back off for a loss that may have been chance, and how evenly to send?
 *
 * The model (link.c, bottleneck.c). Packets of one size in a queue, first in, first out, drop-tail.
 * A sender sends as acknowledgements come, or at a pace. It believes in a loss with the third
 * acknowledgement after it and reacts once to all losses of a round trip; when nothing is heard for
 * long enough it times out (RFC 6298), takes all for lost and begins with one packet. A latecomer
 * never sees the empty queue and takes the least delay it has seen for the base, as in real life.
 *
 * The workload (synthetic; the ranges are our choice). Capacity 400..8,000 packets/s, in half of
 * the cases changing every 4..10 s to 0.4..1 of that. Base round trip 12..150 ms, each sender's up
 * to half longer. Buffer 0.3..4 bandwidth-delay products. In half of the cases random losses, one
 * packet in 500..33,000; in half of them acknowledgements that come in bunches, every 0.5..10 ms,
 * as over radio or cable. The senders begin within 3 s. 15 s in all (workload.c).
 *
 * Of a trace. Windows of a link's deliveries, a quarter of the half that they come from (1,000 to
 * 20,000, and an hour at the most), with senders and a buffer drawn as above.
 *
 * The cost is 1 / power:
 * exp(-mean over senders of [log(throughput / fair share) - log(round trip / base)]),
 * Remy's objective (SIGCOMM 2013), measured once all have begun. A round trip is propagation, wait
 * and service; acknowledgements that are held back are nobody's fault and not in it. Its base is
 * propagation and the shortest service that this link ever gives.
 *
 * The bound is 1, Kleinrock's point: pipe just full, queue empty, equal shares. No policy gets
 * below it. Throughput counts packets whose service began and ended in the measured time, so n of
 * them need n services of that time, one after the other; the fair share is an n-th of all that the
 * link could have carried in it, whatever its capacity did. So the n throughputs sum to at most n
 * fair shares, and their geometric mean is at most their arithmetic mean, 1; random losses only
 * take away; and no packet waits less than nothing or is served faster than the shortest service.
 * (If each sender were measured from its own start, this would be no bound: the first could stop
 * early, to the benefit of both figures.) A sender of whom nothing came through counts as one with
 * half a packet, or an eighth of the capacity if that is less: too little for a product above 1.
 *
 * Known answers. On a link with a buffer of b <= 1 products Reno uses the share
 * ((1+b)^2 - w^2) / ((1+b)^2 + 1 - 2w), where w = (1+b)/2: 75 % without a buffer. With every n-th
 * packet lost its window is sqrt(3n/2) (Mathis et al. 1997). CUBIC's window follows the curve of
 * RFC 9438. Vegas on its own keeps 2 to 4 packets in the queue. BBR on its own fills the link with
 * no more than a product waiting; several of version 1 fill what they may, two products (Hock,
 * Bless and Zitterbart 2017), and in small buffers lose twice as much as of version 3.
 *
 * A limit to be aware of. Beside Reno a sender of this family starves (networking_share_beside_reno
 * says how much). The cost does not show that, since here all senders run the same policy. */
#include "policy/networking/simulator.h"

#include <math.h>
#include <stdlib.h>

#include "policy/elementary.h"
#include "policy/module.h"
#include "policy/networking/congestion.h"
#include "policy/networking/program.h"
#include "policy/networking/rules.h"
#include "policy/program.h"
#include "policy/subject_table.h"

enum {
    ADDITIVE,
    GAIN,
    TARGET,
    TARGET_JITTERS,
    TARGET_PACKETS,
    DECREASE,
    KEPT,
    START_GAIN,
    START_EXIT,
    PACE,
    RISE,
    DRAIN,
    PARAMETERS
};

static const struct parameter parameters[PARAMETERS] = {
    [ADDITIVE] = {"additive", "packets/RTT", "growth below the target delay", 0.1, 8, true, false,
                  1},
    [GAIN] = {"gain", "1/RTT", "growth of the window far below the target, as a share of it", 0.001,
              0.5, true, false, 0.001},
    [TARGET] = {"target", "ms", "queueing delay that is aimed at", 0.2, 30, true, false, 5},
    [TARGET_JITTERS] = {"target_jitters", "jitters", "and so much of what round trips vary by", 0,
                        8, false, false, 0},
    [TARGET_PACKETS] = {"target_packets", "packets", "and the time of so many of its own", 0, 8,
                        false, false, 0},
    [DECREASE] = {"decrease", "1/RTT", "shrinking of the window far above the target", 0.01, 1,
                  true, false, 0.8},
    [KEPT] = {"kept", "", "share of the window kept on loss", 0.3, 0.97, false, false, 0.5},
    [START_GAIN] = {"start_gain", "", "packets gained by each that arrives in slow start", 0.3, 1,
                    false, false, 1},
    [START_EXIT] = {"start_exit", "targets", "delay that ends slow start", 0.1, 3, true, false, 1},
    [PACE] = {"pace", "windows/RTT", "how fast it sends at the most", 1, 8, true, false, 8},
    [RISE] = {"rise", "1/RTT", "how fast a longer delay is believed", 0.25, 4, true, false, 2},
    [DRAIN] = {"drain", "", "share of the window while the base is measured anew", 0.25, 1, false,
               false, 0.5},
};

static void *workload_new(uint64_t seed)
{
    return networking_workload_new(seed);
}

double networking_cost(const struct link *link, const struct link_report *report)
{
    double sum = 0, least = (double)link_least_service(link);
    for (uint32_t i = 0; i < link->flow_count; i++) {
        const struct link_flow_report *flow = &report->flows[i];
        double delivered = flow->delivered > 0 ? flow->delivered : fmin(0.5, report->capacity / 8);
        double share = delivered * link->flow_count / report->capacity;
        double base = (double)link->flows[i].propagation + least;
        double longer = flow->delivered > 0 ? flow->delay - least : 0;
        sum += elementary_log(share) - elementary_log(1 + longer / base);
    }
    return elementary_exp(-sum / link->flow_count);
}

double networking_cost_under(const struct link *link, const struct congestion_control *control)
{
    struct link alike = *link;
    struct link_report report;
    for (uint32_t i = 0; i < alike.flow_count; i++)
        alike.flows[i].control = control;
    return link_run(&alike, &report) < 0 ? nan("") : networking_cost(&alike, &report);
}

static void rules_of(const double *p, void *ret_rules)
{
    const double fine = 1 << 24, coarse = 1 << 16, eighth = 1 << 8;
    *(struct networking_rules *)ret_rules =
        (struct networking_rules){.additive = fixed_point(p[ADDITIVE], fine),
                                  .gain = fixed_point(p[GAIN], fine),
                                  .decrease = fixed_point(p[DECREASE], fine),
                                  .start_gain = fixed_point(p[START_GAIN], fine),
                                  .target_us = fixed_point(p[TARGET], 1000),
                                  .target_jitters = fixed_point(p[TARGET_JITTERS], eighth),
                                  .target_packets = fixed_point(p[TARGET_PACKETS], eighth),
                                  .kept = fixed_point(p[KEPT], coarse),
                                  .start_exit = fixed_point(p[START_EXIT], coarse),
                                  .drain = fixed_point(p[DRAIN], coarse),
                                  .rise = fixed_point(p[RISE], eighth),
                                  .pace_ns = fixed_point(1 / p[PACE], 1000)};
}

RULES_FIT(networking_rules);
static const struct constant constants[] = {
    CONSTANT(networking_rules, additive),       CONSTANT(networking_rules, gain),
    CONSTANT(networking_rules, decrease),       CONSTANT(networking_rules, start_gain),
    CONSTANT(networking_rules, target_us),      CONSTANT(networking_rules, target_jitters),
    CONSTANT(networking_rules, target_packets), CONSTANT(networking_rules, kept),
    CONSTANT(networking_rules, start_exit),     CONSTANT(networking_rules, drain),
    CONSTANT(networking_rules, rise),           CONSTANT(networking_rules, pace_ns),
};
extern const char networking_module[];

static void *ruled_state_new(const void *rules)
{
    (void)rules;
    return calloc(1, sizeof(struct networking_state));
}

/* The two halves of a policy's answer. */
static struct sending halves(uint64_t answer)
{
    return (struct sending){.window = (uint32_t)answer, .gap_ns = (uint32_t)(answer >> 32)};
}

static struct sending ruled_on_ack(const void *rules, void *state, const struct link_ack *ack)
{
    return halves(
        networking_on_ack(rules, state, ack->now_us, ack->rtt_us, ack->acked, ack->in_flight));
}

static struct sending ruled_on_loss(const void *rules, void *state, uint64_t now_us)
{
    return halves(networking_on_loss(rules, state, now_us));
}

static struct sending ruled_on_timeout(const void *rules, void *state, uint64_t now_us)
{
    return halves(networking_on_timeout(rules, state, now_us));
}

struct congestion_control networking_control(const struct networking_rules *rules)
{
    return (struct congestion_control){.state_new = ruled_state_new,
                                       .on_ack = ruled_on_ack,
                                       .on_loss = ruled_on_loss,
                                       .on_timeout = ruled_on_timeout,
                                       .context = rules};
}

static double cost_of(const void *workload, const void *rules)
{
    const struct networking_workload *load = workload;
    struct congestion_control control = networking_control(rules);
    return networking_cost_under(&load->link, &control);
}

static const uint32_t never = UINT32_MAX;

struct link networking_recorded(const struct link_opportunities *opportunities, uint32_t seconds)
{
    return (struct link){.end = seconds * LINK_SECOND,
                         .measured_from = 3 * LINK_SECOND,
                         .buffer = 250,
                         .opportunities = opportunities,
                         .flow_count = 1,
                         .flows = {{.propagation = LINK_SECOND / 25, .lost = &never}}};
}

double networking_share_beside_reno(const double *p, double buffer)
{
    struct networking_rules rules;
    struct congestion_control control = congestion_reno;
    if (p) {
        rules_of(p, &rules);
        control = networking_control(&rules);
    }
    /* 2000 packets/s, 40 ms; both from the start, measured after 15 s */
    struct link link = {
        .end = 60 * LINK_SECOND,
        .measured_from = 15 * LINK_SECOND,
        .buffer = (uint32_t)(80 * buffer),
        .capacity_count = 1,
        .capacities = {{0, LINK_SECOND / 2000}},
        .flow_count = 2,
        .flows = {{.control = &control, .propagation = LINK_SECOND / 25, .lost = &never},
                  {.control = &congestion_reno, .propagation = LINK_SECOND / 25, .lost = &never}}};
    struct link_report report;
    if (link_run(&link, &report) < 0)
        return nan("");
    double own = report.flows[0].delivered;
    return own / (own + report.flows[1].delivered);
}

static const char *const baseline_names[] = {"Reno", "CUBIC", "Vegas", "BBR 1", "BBR 3"};
static const struct congestion_control *const baselines[] = {
    &congestion_reno, &congestion_cubic, &congestion_vegas, &congestion_bbr, &congestion_bbr3};

static double baseline_cost(const void *workload, int which)
{
    const struct networking_workload *load = workload;
    return networking_cost_under(&load->link, baselines[which]);
}

static double bound_cost(const void *workload)
{
    (void)workload;
    return 1;
}

enum { ASK_ON_ACK, ASK_ON_LOSS, ASK_ON_TIMEOUT };
static const struct operation operations[] = {
    [ASK_ON_ACK] =
        {"on_ack", "uint64_t",
         "void *state, uint64_t now_us, uint32_t rtt_us, uint32_t acked, uint32_t in_flight",
         "In the low 32 bits the congestion window in 1/65536 packet, 1 to 65535 packets; 10 before "
         "the first call. In the high 32 the least time from a packet to the next, in ns; 0: "
         "whenever the window allows it. now_us: a clock that never goes back; rtt_us: how long "
         "the packet and its acknowledgement took; acked: packets that have newly arrived; "
         "in_flight: those on their way before it came, without what is taken for lost."},
    [ASK_ON_LOSS] = {"on_loss", "uint64_t", "void *state, uint64_t now_us",
                     "The same, to be called once for all losses among packets that were sent "
                     "before the answer."},
    [ASK_ON_TIMEOUT] = {"on_timeout", "uint64_t", "void *state, uint64_t now_us",
                        "The same, when the retransmission timer ran out (RFC 6298)."},
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

static struct sending asked_on_ack(const void *module, void *state, const struct link_ack *ack)
{
    const struct module_state *asked = state;
    struct module_call call = {.which = ASK_ON_ACK,
                               .state = asked->number,
                               .arguments = {ack->now_us, ack->rtt_us, ack->acked, ack->in_flight}};
    return halves(module_ask(module, &call));
}

static struct sending asked_on_loss(const void *module, void *state, uint64_t now_us)
{
    const struct module_state *asked = state;
    struct module_call call = {.which = ASK_ON_LOSS, .state = asked->number, .arguments = {now_us}};
    return halves(module_ask(module, &call));
}

static struct sending asked_on_timeout(const void *module, void *state, uint64_t now_us)
{
    const struct module_state *asked = state;
    struct module_call call = {
        .which = ASK_ON_TIMEOUT, .state = asked->number, .arguments = {now_us}};
    return halves(module_ask(module, &call));
}

static double module_cost(const void *workload, const struct compiled_policy *module)
{
    const struct networking_workload *load = workload;
    struct congestion_control control = {.state_new = asked_state_new,
                                         .on_ack = asked_on_ack,
                                         .on_loss = asked_on_loss,
                                         .on_timeout = asked_on_timeout,
                                         .context = module};
    return networking_cost_under(&load->link, &control);
}

/* ── a program decides ── */

static const struct feature features[NETWORKING_FEATURES] = {
    [NETWORKING_LOST] = {"lost", "", "1: packets were lost; 0: some have arrived"},
    [NETWORKING_ASKS_GAP] = {"asks_gap", "",
                             "1: for the ns from a packet to the next; 0: for the change of the "
                             "window, for each packet that has arrived, or for a loss"},
    [NETWORKING_WINDOW] = {"window", "packets/65536", "that may be on their way"},
    [NETWORKING_EACH] = {"each", "packets/65536", "one, divided by the window"},
    [NETWORKING_THRESHOLD] = {"threshold", "packets/65536",
                              "what the last loss left, or the first shrinking; else 2^32"},
    [NETWORKING_SUMMIT] = {"summit", "packets/65536", "the window before the last loss"},
    [NETWORKING_SINCE_LOSS] = {"since_loss", "us", "since that was answered"},
    [NETWORKING_RTT] = {"rtt", "us", "the last round trip"},
    [NETWORKING_STANDING] = {"standing", "us", "the shortest of late, which leaks upwards"},
    [NETWORKING_LEAST_RTT] = {"least_rtt", "us", "the shortest of all"},
    [NETWORKING_DELAY] = {"delay", "us", "by how much the one is longer than the other"},
    [NETWORKING_JITTER] = {"jitter", "us", "what round trips vary by"},
    [NETWORKING_SPREAD] = {"spread", "ns", "a packet of the window, spread over the round trip"},
    [NETWORKING_INTERVAL] = {"interval", "ns", "a packet, at the highest rate of late; 0: none"},
    [NETWORKING_PIPE] = {"pipe", "packets/65536", "that fill the shortest round trip at that rate"},
    [NETWORKING_IN_FLIGHT] = {"in_flight", "packets/65536", "on their way"},
};

/* Reno; Vegas, which keeps 2 to 4 packets in the queue; a delay of 5 ms that is aimed at, as the
 * rules do; what fills the line and two packets more, paced at two windows a round trip. */
static const char *const known[] = {
    "if_more asks_gap 0 0 if_more lost 0 subtract 0 scale 512 window if_more threshold window "
    "65536 each",
    "if_more asks_gap 0 0 if_more lost 0 subtract 0 scale 512 window if_more scale 1024000 delay "
    "scale 4096 spread subtract 0 each if_more threshold window 32768 if_more scale 1024000 delay "
    "scale 2048 spread 0 each",
    "if_more asks_gap 0 0 if_more lost 0 subtract 0 scale 512 window if_more threshold window "
    "if_more delay 5000 -1 65536 most -32768 add each scale 1342 subtract 5000 delay",
    "if_more asks_gap 0 scale 512 spread if_more lost 0 subtract 0 scale 512 window if_more "
    "threshold window if_more delay 5000 -1 65536 least 16384 most -16384 subtract add pipe 131072 "
    "window",
    NULL};

static void *programmed_state_new(const void *decider)
{
    struct networking_program *state = malloc(sizeof *state);
    (void)decider;
    if (state)
        networking_program_reset(state);
    return state;
}

static struct sending programmed_on_ack(const void *decider, void *state,
                                        const struct link_ack *ack)
{
    return halves(networking_program_on_ack(decider, state, ack->now_us, ack->rtt_us, ack->acked,
                                            ack->in_flight));
}

static struct sending programmed_on_loss(const void *decider, void *state, uint64_t now_us)
{
    return halves(networking_program_on_loss(decider, state, now_us));
}

static struct sending programmed_on_timeout(const void *decider, void *state, uint64_t now_us)
{
    return halves(networking_program_on_timeout(decider, state, now_us));
}

static double program_cost(const void *workload, const struct program *program)
{
    const struct networking_workload *load = workload;
    struct program_decider decider = {program_decide, program};
    struct congestion_control control = {.state_new = programmed_state_new,
                                         .on_ack = programmed_on_ack,
                                         .on_loss = programmed_on_loss,
                                         .on_timeout = programmed_on_timeout,
                                         .context = &decider};
    return networking_cost_under(&load->link, &control);
}

extern const char networking_program_text[];
static const struct program_frame frame = {.feature_count = NETWORKING_FEATURES,
                                           .features = features,
                                           .text = networking_program_text,
                                           .known = known,
                                           .cost_of = program_cost};

const struct subject subject_networking = {
    .name = "networking",
    .specialization = "networking",
    .title = "window congestion control that aims at a queueing delay",
    .cost = "1 / geometric mean of the flows' power",
    .version = "4",
    .module = networking_module,
    .stateful = true,
    .frame = &frame,
    .workload_read = networking_workload_read,
    .trace_kind = TRACE_DELIVERIES,
    .trace_least = NETWORKING_TRACE_LEAST,
    SUBJECT_PARTS,
};
