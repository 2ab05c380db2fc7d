/* The theory of Reno, CUBIC, Vegas and both BBR in packets; the bound against senders that try to
 * beat it; the rules one answer at a time. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>
#include <stdbool.h>
#include <stdlib.h>

#include "policy/module.h"
#include "policy/networking/congestion.h"
#include "policy/networking/rules.h"
#include "policy/networking/simulator.h"
#include "policy/optimise/evaluation.h"
#include "policy/random.h"
#include "policy/subject.h"
#include "policy/trace.h"
#include "policy_effort.h"
#include "policy_parameters.h"

enum { PARAMETERS = 12 };
#define MS (LINK_SECOND / 1000)

/* What ./dev bench learning found, in its median run. */
static const double tuned[PARAMETERS] = {0.1994, 0.01372, 1.411, 0.1752, 0.3542, 0.2415,
                                         0.9359, 0.4551,  1.084, 1.008,  0.4142, 0.414};

static const uint32_t never = UINT32_MAX;
static const struct subject *subject;

static struct link_report report_of(const struct link *link)
{
    struct link_report report;
    assert_int_equal(link_run(link, &report), 0);
    return report;
}

static const double rates[] = {200, 1000, 5000}; /* packets a second */

/* One flow for `seconds`, measured in the last two thirds: 100 ms long, its service in it. */
static struct link line(const struct congestion_control *control, double packets_a_second,
                        double products, uint32_t seconds)
{
    uint64_t service = (uint64_t)((double)LINK_SECOND / packets_a_second);
    return (struct link){
        .end = seconds * LINK_SECOND,
        .measured_from = seconds * LINK_SECOND / 3,
        .buffer = (uint32_t)(packets_a_second / 10 * products),
        .capacity_count = 1,
        .capacities = {{0, service}},
        .flow_count = 1,
        .flows = {{.control = control, .propagation = 100 * MS - service, .lost = &never}}};
}

/* What Reno uses of a link with a buffer of so many bandwidth-delay products. */
static double reno_theory(double buffer)
{
    double full = 1 + buffer, half = full / 2;
    return (full * full - half * half) / (full * full + 1 - 2 * half);
}

static void reno_utilisation(void **state)
{
    (void)state;
    assert_near(reno_theory(0), 0.75, 1e-12);
    for (int k = 0; k <= 4; k++) {
        double buffer = k > 0 ? k / 4.0 : 0.02; /* a burst of two packets has to fit */
        struct link link = line(&congestion_reno, 1000, buffer, 240);
        struct link_report report = report_of(&link);
        double used = report.flows[0].delivered / report.capacity;
        print_message("# Reno, buffer %.2f: %.4f (%.4f)\n", buffer, used, reno_theory(buffer));
        assert_near(used, reno_theory(buffer), 0.015);
    }
}

/* Mathis et al. 1997: sqrt(3 / 2p), when one in so many is lost. */
static void windows_under_periodic_loss(void **state)
{
    (void)state;
    enum { LOSSES = 4000 };
    static uint32_t lost[LOSSES + 1];
    static const uint32_t every[] = {5000, 1667, 556};
    for (int k = 0; k < 3; k++) {
        for (uint32_t i = 0; i < LOSSES; i++)
            lost[i] = (i + 1) * every[k];
        lost[LOSSES] = UINT32_MAX;
        struct link link = line(&congestion_reno, 20000, 1, 600);
        link.flows[0].lost = lost;
        double window = report_of(&link).flows[0].window, theory = sqrt(1.5 * every[k]);
        print_message("# Reno, one loss in %u: window %.2f (%.2f)\n", every[k], window, theory);
        assert_near(window, theory, 0.08 * theory);
    }
}

/* Acknowledgements at the pace of the window, until `end` seconds. */
static double cubic_until(void *window, uint64_t *now_us, double end)
{
    double size = 0, due = 0;
    do {
        uint32_t acked = due >= 1 ? (uint32_t)due : 1;
        struct link_ack ack = {.now_us = *now_us, .rtt_us = 100000, .acked = acked};
        due -= acked;
        size = congestion_cubic.on_ack(NULL, window, &ack).window / 65536.0;
        due += size * 2000 / 100000;
        *now_us += 2000;
    } while ((double)*now_us < end * 1e6);
    return size;
}

/* RFC 9438: W(t) = 0.4 (t - K)^3 + W_max, from 0.7 W_max on, so K = (0.3 W_max / 0.4)^(1/3). */
static void cubic_follows_its_curve(void **state)
{
    (void)state;
    void *window = congestion_cubic.state_new(NULL);
    uint64_t now_us = 0;
    struct link_ack first = {.rtt_us = 100000, .acked = 390};
    assert_int_equal(congestion_cubic.on_ack(NULL, window, &first).window, 400 << 16);
    assert_near(congestion_cubic.on_loss(NULL, window, 0).window / 65536.0, 280, 0.001);
    double climb = cbrt(0.3 * 400 / 0.4);
    for (int k = 1; k <= 7; k++) {
        double end = climb * k / 4, expected = 400 + 0.4 * pow(end - climb, 3);
        assert_near(cubic_until(window, &now_us, end), expected, 0.5);
    }
    /* Lost on the way up again, it aims at 0.85 of where it was. */
    congestion_cubic.on_loss(NULL, window, now_us);
    double low = congestion_cubic.on_loss(NULL, window, now_us).window / 65536.0;
    climb = cbrt((0.85 / 0.7 - 1) * low / 0.4);
    double end = (double)now_us * 1e-6 + climb;
    assert_near(cubic_until(window, &now_us, end), 0.85 / 0.7 * low, 0.5);
    /* A timeout: one packet, and slow start to 0.7. */
    assert_int_equal(congestion_cubic.on_timeout(NULL, window, now_us).window, 1 << 16);
    first.acked = 10;
    assert_int_equal(congestion_cubic.on_ack(NULL, window, &first).window, 11 << 16);
    free(window);
}

static void vegas_holds_its_packets(void **state)
{
    (void)state;
    for (int k = 0; k < 3; k++) {
        double rate = rates[k];
        struct link link = line(&congestion_vegas, rate, 10, rate < 1000 ? 60 : 200);
        struct link_report report = report_of(&link);
        double service = (double)link.capacities[0].service;
        double held = report.flows[0].delay / service - 1;
        print_message("# Vegas, %.0f packets a second: holds %.2f packets\n", rate, held);
        assert_true(held >= 1.9 && held <= 4.1);
        assert_near(report.flows[0].delivered, report.capacity, 2);
        link.measured_from = 0;
        assert_int_equal(report_of(&link).flows[0].dropped, 0);
    }
}

/* With any buffer of a product and more it uses all but what its probes of the length cost, with
 * much less than a product waiting; twice that is never in flight. */
static void bbr_fills_the_line(void **state)
{
    (void)state;
    for (int k = 0; k < 3; k++) {
        double rate = rates[k];
        struct link link = line(&congestion_bbr, rate, 4, 60);
        struct link_report report = report_of(&link);
        double used = report.flows[0].delivered / report.capacity;
        double waits = report.flows[0].delay / (100.0 * MS);
        print_message("# BBR, %.0f packets a second: uses %.4f, %.3f products wait\n", rate, used,
                      waits);
        assert_true(used > 0.95 && used <= 1);
        assert_true(waits > 0 && waits < 0.3);
        assert_int_equal(report.flows[0].timeouts, 0);
    }
    /* A twentieth of the packets lost does not stop it, as it would Reno. */
    static uint32_t lost[40001];
    for (uint32_t i = 0; i < 40000; i++)
        lost[i] = 20 * i + 19;
    lost[40000] = UINT32_MAX;
    struct link link = line(&congestion_bbr, 1000, 4, 60);
    link.flows[0].lost = lost;
    struct link_report bbr = report_of(&link);
    assert_true(bbr.flows[0].delivered > 0.9 * bbr.capacity);
    link.flows[0].control = &congestion_reno;
    assert_true(report_of(&link).flows[0].delivered < 0.1 * bbr.capacity);
}

/* A line of 100 packets a second and 100 ms: after three round trips that bring no more it makes
 * up for its start at a 2.885th of the pace, and then goes around in its cycle. */
static void bbr_by_hand(void **state)
{
    (void)state;
    struct link_ack ack = {
        .rtt_us = 100000, .acked = 1, .in_flight = 30, .delivered = 10, .interval_us = 100000};
    void *bbr = congestion_bbr.state_new(NULL);
    struct sending answer = {0};
    uint32_t acks = 0;
    for (; acks < 100 && (acks < 10 || answer.gap_ns < 10000000); acks++) {
        ack.now_us += 10000;
        ack.delivered = acks < 9 ? acks + 1 : 10;
        answer = congestion_bbr.on_ack(NULL, bbr, &ack);
        if (acks == 9)
            assert_near(answer.gap_ns, 1e7 / 2.885, 100);
    }
    assert_in_range(acks, 30, 60);
    assert_near(answer.gap_ns, 1e7 * 2.885, 1000);
    ack.in_flight = 10; /* there is no queue any more */
    congestion_bbr.on_ack(NULL, bbr, &ack);
    bool seen[3] = {false};
    for (int i = 0; i < 200; i++) {
        ack.now_us += 10000;
        ack.in_flight = i % 20 < 10 ? 13 : 9;
        answer = congestion_bbr.on_ack(NULL, bbr, &ack);
        double gain = 1e7 / answer.gap_ns;
        seen[gain > 1.2 ? 0 : gain < 0.8 ? 1 : 2] = true;
        assert_true(fabs(gain - 1.25) < 1e-3 || fabs(gain - 0.75) < 1e-3 || fabs(gain - 1) < 1e-3);
        assert_int_equal(answer.window, 20 << 16);
    }
    assert_true(seen[0] && seen[1] && seen[2]);
    assert_int_equal(congestion_bbr.on_timeout(NULL, bbr, ack.now_us).window, 1 << 16);
    assert_int_equal(congestion_bbr.on_ack(NULL, bbr, &ack).window, 20 << 16);
    /* It tries for more until that is in the queue, or is lost. */
    ack.in_flight = 9;
    for (int i = 0; i < 300 && (i < 100 || answer.gap_ns != 8000000); i++) {
        ack.now_us += 10000;
        answer = congestion_bbr.on_ack(NULL, bbr, &ack);
    }
    assert_int_equal(answer.gap_ns, 8000000);
    congestion_bbr.on_loss(NULL, bbr, ack.now_us);
    ack.now_us += 10000;
    assert_near(congestion_bbr.on_ack(NULL, bbr, &ack).gap_ns, 1e7 / 0.75, 10);
    for (int i = 0; i < 50; i++) {
        ack.now_us += 10000;
        congestion_bbr.on_ack(NULL, bbr, &ack);
    }
    /* Losses: a packet out for a packet in, for a round trip. */
    ack.in_flight = 7;
    congestion_bbr.on_ack(NULL, bbr, &ack);
    assert_int_equal(congestion_bbr.on_loss(NULL, bbr, ack.now_us).window, 7 << 16);
    for (int i = 0; i < 10; i++)
        answer = congestion_bbr.on_ack(NULL, bbr, &ack);
    assert_int_equal(answer.window, 20 << 16);
    /* Not seen for 10 s: four packets for 0.2 s, and the length as it is found then. */
    ack.rtt_us = 110000;
    ack.now_us += 10000001;
    assert_int_equal(congestion_bbr.on_ack(NULL, bbr, &ack).window, 4 << 16);
    ack.rtt_us = 105000;
    ack.now_us += 200000;
    assert_int_equal(congestion_bbr.on_ack(NULL, bbr, &ack).window, 4 << 16);
    ack.now_us += 105002;
    assert_near(congestion_bbr.on_ack(NULL, bbr, &ack).window, 21 << 16, 2);
    free(bbr);
}

/* Several of one kind on a line of 100 ms, begun a second apart, once they have had 40 s. */
struct several {
    double used, waits, lost; /* of the capacity; products, the mean; of what was sent */
};

static struct several several_of(const struct congestion_control *control, uint32_t count,
                                 double rate, double products)
{
    struct link link = line(control, rate, products, 120);
    link.flow_count = count;
    for (uint32_t i = 0; i < count; i++) {
        link.flows[i] = link.flows[0];
        link.flows[i].start = i * LINK_SECOND;
    }
    struct link_report report = report_of(&link);
    struct several several = {0};
    double sent = 0;
    for (uint32_t i = 0; i < count; i++) {
        several.used += report.flows[i].delivered / report.capacity;
        several.waits += report.flows[i].delay / (100.0 * MS) / count;
        several.lost += report.flows[i].dropped;
        sent += report.flows[i].sent;
    }
    several.lost /= sent;
    return several;
}

/* Hock, Bless and Zitterbart, "Experimental Evaluation of BBR Congestion Control" (ICNP 2017): of
 * version 1 several together send more than the line carries, until their windows of two products
 * stop them. So a product waits where the buffer has room for it, and where it has not, much is
 * lost. Version 3 takes losses of 2 % for too much, and lets less wait. */
static void several_bbr_fill_what_they_may(void **state)
{
    (void)state;
    for (uint32_t count = 2; count <= 3; count++)
        for (int k = 1; k < 3; k++) {
            struct several first = several_of(&congestion_bbr, count, rates[k], 4);
            struct several third = several_of(&congestion_bbr3, count, rates[k], 4);
            print_message(
                "# %u BBR, %.0f packets a second: %.3f products wait, %.3f of version 3\n", count,
                rates[k], first.waits, third.waits);
            assert_true(first.used > 0.95 && third.used > 0.95);
            assert_true(first.waits > 0.8 && first.waits < 1.5);
            assert_true(third.waits < 0.8 * first.waits);
            first = several_of(&congestion_bbr, count, rates[k], 0.25);
            third = several_of(&congestion_bbr3, count, rates[k], 0.25);
            print_message("# in a quarter of a product: %.4f are lost, %.4f of version 3\n",
                          first.lost, third.lost);
            assert_true(first.lost > 0.03 && third.lost < first.lost / 2);
            assert_true(first.used > 0.95 && third.used > 0.95);
        }
}

/* Alone it fills the line as well, but for what it leaves free and its probes of the length. Of 500
 * packets on their way a hundredth lost takes a third of it, and nearly all of Reno; a twentieth
 * stops both. */
static void bbr3_fills_the_line(void **state)
{
    (void)state;
    static const double buffers[] = {0.25, 1, 4};
    static uint32_t lost[4001];
    for (int k = 0; k < 9; k++) {
        struct several alone = several_of(&congestion_bbr3, 1, rates[k / 3], buffers[k % 3]);
        print_message(
            "# BBR 3, %.0f packets a second, buffer %.2f: uses %.4f, %.3f products wait\n",
            rates[k / 3], buffers[k % 3], alone.used, alone.waits);
        assert_true(alone.used > 0.9 && alone.used <= 1);
        assert_true(alone.waits < 0.25);
    }
    for (uint32_t each = 20; each <= 100; each += 80) {
        struct link link = line(&congestion_bbr3, 5000, 4, 60);
        for (uint32_t i = 0; i < 4000; i++)
            lost[i] = each * i + each - 1;
        lost[4000] = UINT32_MAX;
        link.flows[0].lost = lost;
        struct link_report report = report_of(&link);
        double used = report.flows[0].delivered / report.capacity;
        print_message("# BBR 3, one packet in %u lost: uses %.4f\n", each, used);
        assert_true(each == 100 ? used > 0.6 && used < 0.8 : used < 0.1);
        link.flows[0].control = &congestion_reno;
        assert_true(report_of(&link).flows[0].delivered < 0.1 * report.capacity);
    }
}

/* docs/SUBJECTS.md: what the two cost beside Reno, on its 64 workloads, by how many there are. */
static void bbr_by_how_many_there_are(void **state)
{
    (void)state;
    static const double shown[2][LINK_FLOWS_MAX] = {{0.720, 1.073, 1.480}, {0.680, 0.997, 1.095}};
    double sums[2][LINK_FLOWS_MAX] = {{0}};
    uint32_t counts[LINK_FLOWS_MAX] = {0};
    for (uint32_t i = 0; i < 64; i++) {
        struct networking_workload *load = subject_workload(subject, "bench", i);
        assert_non_null(load);
        double reno = networking_cost_under(&load->link, &congestion_reno);
        uint32_t more = load->link.flow_count - 1;
        sums[0][more] += networking_cost_under(&load->link, &congestion_bbr) / reno;
        sums[1][more] += networking_cost_under(&load->link, &congestion_bbr3) / reno;
        counts[more]++;
        free(load);
    }
    for (int k = 0; k < 2; k++)
        for (uint32_t more = 0; more < LINK_FLOWS_MAX; more++) {
            double ratio = sums[k][more] / counts[more];
            print_message("# BBR %d, %u senders: %.3f of Reno\n", k == 0 ? 1 : 3, more + 1, ratio);
            assert_near(ratio, shown[k][more], 0.0005 + 1e-9);
        }
}

/* Senders that follow no reason: windows and paces that leap, and flows that make room for
 * another. */
static void *wild_state(const void *context)
{
    struct random *random = malloc(sizeof *random);
    random_seed(random, *(const uint64_t *)context);
    return random;
}

static struct sending wild_answer(struct random *random)
{
    uint32_t gap = random_below(random, 2) ? 0 : (uint32_t)random_log_between(random, 1, 1e8);
    return (struct sending){(uint32_t)random_log_between(random, 1, UINT32_MAX), gap};
}

static struct sending wild_ack(const void *context, void *state, const struct link_ack *ack)
{
    /* In each second one of the flows alone, or nobody. */
    uint64_t seed = *(const uint64_t *)context;
    return (ack->now_us / 1000000 + seed) % 3 == 0 ? wild_answer(state) : (struct sending){0, 0};
}

static struct sending wild_loss(const void *context, void *state, uint64_t now_us)
{
    (void)context, (void)now_us;
    return wild_answer(state);
}

static void check_bound(const struct link *link)
{
    struct link_report report = report_of(link);
    double delivered = 0;
    for (uint32_t i = 0; i < link->flow_count; i++) {
        assert_true(report.flows[i].delay >= 0);
        delivered += report.flows[i].delivered;
    }
    assert_true(delivered <= report.capacity);
    assert_true(networking_cost(link, &report) >= 1);
}

static void nobody_beats_the_bound(void **state)
{
    (void)state;
    struct random random;
    random_seed(&random, 8);
    uint64_t seeds_count = test_sample(64);
    for (uint64_t seed = 0; seed < seeds_count; seed++) {
        struct networking_workload *load = subject->workload_new(seed);
        assert_true(subject->bound_cost(load) == 1);
        struct link link = load->link;
        uint64_t seeds[LINK_FLOWS_MAX];
        struct congestion_control wild[LINK_FLOWS_MAX], ruled[LINK_FLOWS_MAX];
        struct networking_rules rules[LINK_FLOWS_MAX];
        for (uint32_t i = 0; i < link.flow_count; i++) {
            double p[PARAMETERS];
            assert_true(link.flows[i].start <= link.measured_from); /* else it would be none */
            seeds[i] = 3 * seed + i;
            wild[i] =
                (struct congestion_control){wild_state, wild_ack, wild_loss, wild_loss, &seeds[i]};
            link.flows[i].control = &wild[i];
            draw_parameters(subject, &random, p);
            subject->rules_of(p, &rules[i]);
            ruled[i] = networking_control(&rules[i]);
        }
        check_bound(&link);
        for (uint32_t i = 0; i < link.flow_count; i++)
            link.flows[i].control = &ruled[i];
        check_bound(&link);
        free(load);
    }
}

/* Who knows the capacity and sends an n-th of it at an even pace comes as near as one likes. */
static void *even_state(const void *context)
{
    (void)context;
    return malloc(1);
}

static struct sending even_ack(const void *context, void *state, const struct link_ack *ack)
{
    (void)state, (void)ack;
    return (struct sending){1000u << 16, *(const uint32_t *)context};
}

static void the_bound_is_tight(void **state)
{
    (void)state;
    static const uint32_t gap_ns = 3000000;
    static const struct congestion_control even = {even_state, even_ack, NULL, NULL, &gap_ns};
    struct link link = line(&even, 1000, 1, 30);
    link.flow_count = 3;
    for (uint32_t i = 0; i < 3; i++) {
        link.flows[i] = link.flows[0];
        link.flows[i].propagation = (100 + 20 * i) * MS;
    }
    check_bound(&link);
    struct link_report report = report_of(&link);
    assert_true(networking_cost(&link, &report) < 1.02);
}

/* A flow of which nothing comes through has a cost, and it is a high one. */
static void nothing_is_not_for_free(void **state)
{
    (void)state;
    struct link link = line(NULL, 1000, 1, 3);
    struct link_report report = {.capacity = 2000};
    link.flow_count = 2;
    report.flows[0].delivered = 2000;
    report.flows[0].delay = (double)link.capacities[0].service;
    assert_near(networking_cost(&link, &report), sqrt(1000), 1e-9);
    /* half a packet, or an eighth of what a slow line carried */
    link.flow_count = 1;
    report.flows[0].delivered = 0;
    assert_near(networking_cost(&link, &report), 4000, 1e-9);
    report.capacity = 2;
    assert_near(networking_cost(&link, &report), 8, 1e-9);
}

/* An honest limit: a sender that makes way for a queue starves beside one that makes queues. */
static void starves_beside_reno(void **state)
{
    (void)state;
    static const double buffers[] = {0.25, 1, 4};
    double textbook[PARAMETERS];
    subject_textbook(subject, textbook);
    for (int k = 0; k < 3; k++) {
        double reno = networking_share_beside_reno(NULL, buffers[k]);
        double share = networking_share_beside_reno(textbook, buffers[k]);
        double of_tuned = networking_share_beside_reno(tuned, buffers[k]);
        print_message("# share beside Reno, buffer %.2f: textbook %.4f, tuned %.4f, Reno %.4f\n",
                      buffers[k], share, of_tuned, reno);
        assert_near(reno, 0.5, 0.1);
        assert_true(share < 0.45 && of_tuned < 0.45);
        if (k == 2)
            assert_true(share < 0.05 && of_tuned < 0.05);
    }
}

static void learning_pays(void **state)
{
    (void)state;
    struct evaluation_set *set = evaluation_set_new(subject, "peer", 20 + test_sample(80));
    struct score score = evaluation_set_score(set, tuned), bound = evaluation_set_bound(set);
    print_message("# tuned %.3f +- %.3f, bound %.3f of Reno\n", score.ratio, score.ci95,
                  bound.ratio);
    assert_near(score.ratio, 0.671, test_tolerance(0.03));
    for (int which = 2; which < subject->baseline_count; which++) {
        double practice = evaluation_set_baseline(set, which).ratio;
        print_message("# %s %.3f\n", subject->baseline_names[which], practice);
        assert_true(score.ratio < 0.9 * practice);
    }
    assert_true(gap_closed(score.ratio, bound.ratio) > 0.75);
    evaluation_set_free(set);
}

/* A link that was recorded. 200 deliveries a second, with an outage of two minutes; or what makes
 * no sense: all at once, or one a week. */
enum { DELIVERIES = 16000 };
enum recorded { OUTAGE, AT_ONCE, WEEKLY, RECORDED };
static struct trace_part recorded_link(enum recorded which)
{
    static int64_t at_us[DELIVERIES];
    static const struct trace_options options;
    static const struct trace trace = {
        .kind = TRACE_DELIVERIES, .count = DELIVERIES, .values = at_us};
    for (int64_t i = 0; i < DELIVERIES; i++)
        at_us[i] = which == OUTAGE    ? 5000000 + i * 5000 + (i > 7000 ? 120000000 : 0)
                   : which == AT_ONCE ? 77777
                                      : i * INT64_C(604800000000);
    return (struct trace_part){.trace = &trace, .options = &options, .count = DELIVERIES};
}

/* A window of one: the same for the same seed, bounded, and as long as its deliveries take. */
static void links_of_traces(void **state)
{
    (void)state;
    for (enum recorded which = OUTAGE; which < RECORDED; which++) {
        struct trace_part part = recorded_link(which);
        for (uint64_t seed = 0; seed < 8; seed++) {
            struct networking_workload *load = subject->workload_read(&part, seed);
            struct networking_workload *same = subject->workload_read(&part, seed);
            double cost = subject->baseline_cost(load, 0), span = (double)load->link.end / 1e9;
            assert_true(cost >= 1 && cost < 1e12 && cost == subject->baseline_cost(same, 0));
            assert_true(subject_cost(subject, load, tuned) >= 1);
            assert_int_equal(load->recorded.count, DELIVERIES / 4);
            if (which == OUTAGE)
                assert_true(fabs(span - 20) < 0.1 || fabs(span - 140) < 0.1);
            else
                assert_near(span, which == AT_ONCE ? 0.001 : 3600, 1e-9);
            assert_true(load->link.measured_from < load->link.end);
            free(load);
            free(same);
        }
    }
}

static const struct networking_rules example = {.additive = 1 << 24,
                                                .gain = 1 << 22,
                                                .decrease = 1 << 23,
                                                .start_gain = 1 << 24,
                                                .target_us = 14000,
                                                .kept = 1 << 15,
                                                .start_exit = 1 << 16,
                                                .drain = 1 << 15,
                                                .rise = 1 << 14,
                                                .pace_ns = 500};
static const uint32_t packet = 65536;

static uint32_t window_of(uint64_t answer)
{
    return (uint32_t)answer;
}

/* An acknowledgement while the whole window is in use. */
static uint64_t ack_at(const struct networking_rules *rules, struct networking_state *s,
                       uint64_t now_us, uint32_t rtt_us, uint32_t acked)
{
    return networking_on_ack(rules, s, now_us, rtt_us, acked, 65535);
}

static uint32_t acked(struct networking_state *s, uint32_t rtt_us, uint32_t packets)
{
    return window_of(ack_at(&example, s, 1000000, rtt_us, packets));
}

/* One packet and a quarter of the window far below the target, half of it far above. */
static void rules_by_hand(void **state)
{
    (void)state;
    struct networking_state s = {0};
    assert_int_equal(acked(&s, 100000, 4), 14 * packet);
    assert_int_equal(acked(&s, 114000, 6), 20 * packet); /* the target, 14 ms */
    /* 15 ms are too many; above by 1/15, so a 30th packet less. */
    assert_near(acked(&s, 115000, 1), 20.0 * packet - packet / 30.0, 6);
    /* 7 ms: half below. 1/20 of a packet, and half of a quarter. */
    double before = s.window / 256.0, more = 65536.0 * 65536 / before + packet / 8.0;
    assert_near(acked(&s, 107000, 1), before + more, 6);
    assert_near(window_of(networking_on_loss(&example, &s, 1100000)), (before + more) / 2, 256);
    /* The least round trip falls: what was near the target is now above it. */
    before = s.window / 256.0;
    assert_true(window_of(ack_at(&example, &s, 1300000, 90000, 1)) > before);
    before = s.window / 256.0;
    assert_true(window_of(ack_at(&example, &s, 1300000, 107000, 1)) < before);
    /* At the target, to the microsecond, it still grows, by what it always does. */
    s = (struct networking_state){0};
    networking_on_loss(&example, &s, 0);
    acked(&s, 100000, 1);
    before = s.window / 256.0;
    assert_near(acked(&s, 114000, 1), before + 65536.0 * 65536 / before, 6);

    /* Slow start may bear a longer delay than the target. */
    struct networking_rules patient = example;
    patient.start_exit = 2 << 16;
    s = (struct networking_state){0};
    ack_at(&patient, &s, 1000000, 100000, 4);
    assert_int_equal(window_of(ack_at(&patient, &s, 1000000, 128000, 6)), 20 * packet);
    assert_true(window_of(ack_at(&patient, &s, 1000000, 129000, 6)) < 20 * packet);

    s = (struct networking_state){0};
    networking_on_loss(&example, &s, 0); /* a loss ends slow start, too */
    assert_near(acked(&s, 100000, 5), packet * (5 + 1 + 5 / 4.0), 32);

    /* Below half of the window in use nothing grows, in slow start and after it. */
    s = (struct networking_state){0};
    for (int i = 0; i < 1000; i++)
        assert_int_equal(window_of(networking_on_ack(&example, &s, 1, 100000, 1, 4)), 10 * packet);
    assert_int_equal(window_of(networking_on_ack(&example, &s, 1, 100000, 1, 5)), 11 * packet);
    s.settled = 1;
    assert_int_equal(window_of(networking_on_ack(&example, &s, 1, 100000, 1, 5)), 11 * packet);
    assert_true(window_of(networking_on_ack(&example, &s, 1, 100000, 1, 6)) > 11 * packet);
    /* But too long a delay counts all the same. */
    assert_true(window_of(networking_on_ack(&example, &s, 1, 150000, 1, 1)) < 11 * packet);
}

/* What was sent before the answer to a loss does not make the window grow. */
static void recovery_does_not_grow(void **state)
{
    (void)state;
    struct networking_state s = {0};
    ack_at(&example, &s, 1000000, 100000, 90);
    assert_int_equal(window_of(networking_on_loss(&example, &s, 1050000)), 50 * packet);
    assert_int_equal(window_of(ack_at(&example, &s, 1149999, 100000, 1)), 50 * packet);
    assert_true(window_of(ack_at(&example, &s, 1150000, 100000, 1)) > 50 * packet);

    /* After a timeout slow start, up to half of what there was. */
    uint32_t half = (uint32_t)(s.window >> 9);
    assert_int_equal(window_of(networking_on_timeout(&example, &s, 2000000)), packet);
    for (uint32_t i = 2; i <= half / packet + 1; i++)
        assert_int_equal(window_of(ack_at(&example, &s, 2100000, 100000, 1)), i * packet);
    assert_true(window_of(ack_at(&example, &s, 2100000, 100000, 1)) < half + 2 * packet);
    assert_int_equal(s.settled, 1);
}

/* The standing round trip over the window, at twice that pace: 100 ms and 20 packets make 2.5 ms.
 * A longer one is believed at once, or as fast as `rise` says; a shorter one always at once. */
static void paces_and_minima(void **state)
{
    (void)state;
    struct networking_state s = {0};
    struct networking_rules slow = example;
    slow.rise = 1 << 7; /* half a way in a round trip */
    assert_int_equal(networking_on_loss(&example, &s, 0) >> 32, 0);
    s = (struct networking_state){0};
    ack_at(&example, &s, 1, 100000, 10); /* the window is 20 from here on */
    assert_near((double)(ack_at(&example, &s, 1, 100000, 0) >> 32), 2.5e6, 2500);
    assert_near((double)(ack_at(&example, &s, 1, 110000, 0) >> 32), 2.75e6, 2750);
    assert_near((double)(ack_at(&example, &s, 1, 100000, 0) >> 32), 2.5e6, 2500);
    ack_at(&slow, &s, 1, 110000, 0); /* 1/40 of 10 ms */
    assert_near(s.standing / 256.0, 100250, 5);
    ack_at(&slow, &s, 1, 60000, 0);
    assert_near(s.standing / 256.0, 60000, 1);

    /* The target has packets and jitters in it. */
    struct networking_rules more = example;
    more.target_us = 1000;
    more.target_packets = 512;
    more.target_jitters = 256;
    s = (struct networking_state){.window = 20 * NETWORKING_PACKET, .standing = 100000 << 8};
    assert_near(networking_target(&more, &s, networking_inverse(&s)), 1000 + 2 * 5000, 20);
    s.jitter = 3000 << 4;
    assert_near(networking_target(&more, &s, networking_inverse(&s)), 14000, 20);
    /* Round trips that leap by 8 ms vary by 8 ms; those that stay do not. */
    for (int i = 0; i < 400; i++)
        networking_vary(&s, 100000 + 8000 * (i % 2));
    assert_near(s.jitter / 16.0, 8000, 50);
    for (int i = 0; i < 400; i++)
        networking_vary(&s, 100000);
    assert_near(s.jitter / 16.0, 0, 1);
}

/* The way becomes 30 ms longer: it finds that out after 10 s, with half of its window in use for
 * two round trips. When it becomes shorter, at once. */
static void the_shortest_round_trip_expires(void **state)
{
    (void)state;
    struct networking_state s = {0};
    ack_at(&example, &s, 1000000, 100000, 40);
    uint32_t window = window_of(ack_at(&example, &s, 1100000, 130000, 0));
    assert_int_equal(window, 50 * packet);
    ack_at(&example, &s, 10999999, 130000, 0);
    assert_int_equal(s.least_rtt_us, 100000);
    assert_int_equal(window_of(ack_at(&example, &s, 11000000, 140000, 0)), 25 * packet);
    assert_int_equal(window_of(ack_at(&example, &s, 11100000, 130000, 9)), 25 * packet);
    assert_int_equal(window_of(ack_at(&example, &s, 11200000, 135000, 9)), 25 * packet);
    assert_int_equal(s.least_rtt_us, 100000);
    assert_int_equal(window_of(ack_at(&example, &s, 11280000, 135000, 0)), 50 * packet);
    assert_int_equal(s.least_rtt_us, 130000);
    ack_at(&example, &s, 12000000, 90000, 0);
    assert_int_equal(s.least_rtt_us, 90000);
    /* Seen again meanwhile: it does not have to make way. */
    ack_at(&example, &s, 21000000, 90000, 0);
    assert_int_equal(window_of(ack_at(&example, &s, 30000000, 95000, 0)), 50 * packet);
    ack_at(&example, &s, 31000000, 95000, 0);
    assert_int_equal(window_of(ack_at(&example, &s, 31000001, 89000, 0)), 50 * packet);
    assert_int_equal(s.least_rtt_us, 89000);
    /* Nobody makes way for more than four packets. */
    s.window = 3 * NETWORKING_PACKET;
    assert_int_equal(window_of(ack_at(&example, &s, 60000000, 95000, 0)), 3 * packet);
    s.window = 6 * NETWORKING_PACKET;
    assert_int_equal(window_of(ack_at(&example, &s, 60000000, 95000, 0)), 4 * packet);
}

/* To 16 bits, from 1 to all of 32. */
static void reciprocals(void **state)
{
    (void)state;
    struct random random;
    random_seed(&random, 16);
    for (int i = 0; i < 200000; i++) {
        uint32_t b = i < 70000 ? (uint32_t)i + 1 : (uint32_t)random_u64(&random) >> (i % 32);
        b = b > 0 ? b : UINT32_MAX;
        double exact = 0x1p32 / b;
        assert_near(networking_reciprocal(b), exact, 1.0001 + exact * 1.3e-5);
        uint32_t a = (uint32_t)random_below(&random, (uint64_t)b + 1);
        assert_in_range(networking_part(a, b), 0, 4096);
        assert_near(networking_part(a, b), 4096.0 * a / b, b < 1 << 12 ? 2 : 20);
    }
}

/* Whatever a caller says, whatever the parameters, whatever the state, zeros among them: 1 to
 * 65,535 packets. */
static void rules_keep_their_range(void **state)
{
    (void)state;
    static const uint32_t numbers[] = {0, 1, 2, 1000, 200000, 1u << 31, UINT32_MAX};
    struct random random;
    random_seed(&random, 61);
    for (int round = 0; round < 300; round++) {
        double p[PARAMETERS];
        struct networking_rules rules;
        struct networking_state s = {0};
        uint64_t now = 0;
        draw_parameters(subject, &random, p);
        subject->rules_of(p, &rules);
        if (round % 3 == 0)
            for (size_t i = 0; i < sizeof s; i++)
                ((unsigned char *)&s)[i] = (unsigned char)random_u64(&random);
        for (int i = 0; i < 500; i++) {
            uint32_t rtt = numbers[random_below(&random, 7)];
            uint32_t many = numbers[random_below(&random, 7)];
            now += numbers[random_below(&random, 7)];
            uint64_t lot = random_below(&random, 8);
            uint64_t answer = lot > 1    ? ack_at(&rules, &s, now, rtt, many)
                              : lot == 1 ? networking_on_loss(&rules, &s, now)
                                         : networking_on_timeout(&rules, &s, now);
            assert_in_range(window_of(answer), 65536, 65535u << 16);
        }
    }
}

/* In a module's place: first the rules themselves, then one that breaks every promise. */
static struct networking_state module_states[8];
static struct networking_rules called;

static void rules_answer(const struct compiled_policy *policy, struct module_call *call)
{
    uint32_t *count = policy->context;
    struct networking_state *state = &module_states[call->state];
    uint64_t now = call->arguments[0];
    switch (call->which) {
    case 0:
        call->result =
            networking_on_ack(&called, state, now, (uint32_t)call->arguments[1],
                              (uint32_t)call->arguments[2], (uint32_t)call->arguments[3]);
        break;
    case 1:
        call->result = networking_on_loss(&called, state, now);
        break;
    case 2:
        call->result = networking_on_timeout(&called, state, now);
        break;
    default:
        assert_int_equal(call->which, MODULE_STATE_NEW);
        assert_in_range(*count, 0, 7);
        module_states[*count] = (struct networking_state){0};
        call->result = (*count)++;
    }
}

static void liars_answer(const struct compiled_policy *policy, struct module_call *call)
{
    uint64_t *turn = policy->context;
    call->result = *turn % 3 == 0 ? UINT64_MAX : *turn % 3 == 1 ? UINT32_MAX : 0;
    if (call->which <= 2)
        ++*turn;
    else
        call->result = 0;
}

/* One that has no memory for a state. */
static void full_answer(const struct compiled_policy *policy, struct module_call *call)
{
    (void)policy;
    call->result = UINT64_MAX;
}

static void modules_decide(void **state)
{
    (void)state;
    uint32_t count;
    uint64_t turn = 0;
    const struct compiled_policy honest = {rules_answer, &count}, liar = {liars_answer, &turn},
                                 full = {full_answer, NULL};
    const double p[PARAMETERS] = {1, 0.25, 14, 0, 0, 0.5, 0.5, 1, 1, 2, 4, 0.5};
    static const char *const names[] = {"on_ack", "on_loss", "on_timeout"};
    called = example;
    called.rise = 1 << 10;
    assert_int_equal(subject->operation_count, 3);
    for (int i = 0; i < 3; i++)
        assert_string_equal(subject->operations[i].name, names[i]);
    struct trace_part outage = recorded_link(OUTAGE); /* which has timeouts */
    for (uint64_t seed = 0; seed < 12; seed++) {
        void *load = seed < 8 ? subject->workload_new(seed) : subject->workload_read(&outage, seed);
        count = 0;
        assert_true(subject->module_cost(load, &honest) == subject_cost(subject, load, p));
        double cost = subject->module_cost(load, &liar);
        assert_true(cost >= 1 && cost < 1e6);
        assert_true(isnan(subject->module_cost(load, &full)));
        free(load);
    }
}

static int set_up(void **state)
{
    (void)state;
    subject = subject_find("networking");
    return subject && subject->parameter_count == PARAMETERS ? 0 : -1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reno_utilisation),
        cmocka_unit_test(windows_under_periodic_loss),
        cmocka_unit_test(cubic_follows_its_curve),
        cmocka_unit_test(vegas_holds_its_packets),
        cmocka_unit_test(bbr_fills_the_line),
        cmocka_unit_test(bbr_by_hand),
        cmocka_unit_test(several_bbr_fill_what_they_may),
        cmocka_unit_test(bbr3_fills_the_line),
        cmocka_unit_test(bbr_by_how_many_there_are),
        cmocka_unit_test(nobody_beats_the_bound),
        cmocka_unit_test(the_bound_is_tight),
        cmocka_unit_test(nothing_is_not_for_free),
        cmocka_unit_test(starves_beside_reno),
        cmocka_unit_test(learning_pays),
        cmocka_unit_test(links_of_traces),
        cmocka_unit_test(rules_by_hand),
        cmocka_unit_test(recovery_does_not_grow),
        cmocka_unit_test(paces_and_minima),
        cmocka_unit_test(the_shortest_round_trip_expires),
        cmocka_unit_test(reciprocals),
        cmocka_unit_test(rules_keep_their_range),
        cmocka_unit_test(modules_decide),
    };
    return cmocka_run_group_tests_name("policy_networking", tests, set_up, NULL);
}
