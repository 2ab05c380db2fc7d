/* The bottleneck and its senders against what can be worked out by hand: one packet a service time,
 * drops, losses told once a round trip, timeouts, paces, bunches, recorded links; and no packet is
 * made or forgotten. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>
#include <stdlib.h>

#include "policy/networking/bottleneck.h"
#include "policy/networking/congestion.h"
#include "policy/networking/simulator.h"
#include "policy/subject.h"
#include "policy_effort.h"

#define MS (LINK_SECOND / 1000)

static const uint32_t never = UINT32_MAX;

static struct link_report report_of(const struct link *link)
{
    struct link_report report;
    assert_int_equal(link_run(link, &report), 0);
    for (uint32_t i = 0; i < link->flow_count; i++) {
        const struct link_flow_report *flow = &report.flows[i];
        assert_int_equal(flow->sent, flow->lost + flow->dropped + flow->acked + flow->on_way);
    }
    return report;
}

/* A sender of whom one wants to know what it is told; it never changes its mind. */
enum { REMEMBERED = 16 };
struct witness {
    struct sending answer;
    uint32_t acks, recovering, losses, timeouts, least_rtt, most_rtt, most_in_flight;
    uint64_t first_ack, ack_at[REMEMBERED], loss_at[REMEMBERED], timeout_at[REMEMBERED];
    struct link_ack last;
};

/* The state is the witness's address: the link frees it. */
static void *witness_state(const void *context)
{
    const void **state = malloc(sizeof *state);
    *state = context;
    return state;
}

static struct sending witness_ack(const void *context, void *state, const struct link_ack *ack)
{
    struct witness *witness = *(struct witness **)state;
    assert_ptr_equal(witness, context);
    if (witness->acks == 0)
        witness->least_rtt = UINT32_MAX;
    if (witness->acks < REMEMBERED)
        witness->ack_at[witness->acks] = ack->now_us;
    witness->acks += ack->acked;
    witness->recovering += ack->recovering;
    witness->last = *ack;
    if (ack->rtt_us < witness->least_rtt)
        witness->least_rtt = ack->rtt_us;
    if (ack->rtt_us > witness->most_rtt)
        witness->most_rtt = ack->rtt_us;
    if (ack->in_flight > witness->most_in_flight)
        witness->most_in_flight = ack->in_flight;
    return witness->answer;
}

static struct sending witness_loss(const void *context, void *state, uint64_t now_us)
{
    struct witness *witness = *(struct witness **)state;
    (void)context;
    if (witness->losses < REMEMBERED)
        witness->loss_at[witness->losses] = now_us;
    witness->losses++;
    return witness->answer;
}

static struct sending witness_timeout(const void *context, void *state, uint64_t now_us)
{
    struct witness *witness = *(struct witness **)state;
    (void)context;
    if (witness->timeouts < REMEMBERED)
        witness->timeout_at[witness->timeouts] = now_us;
    witness->timeouts++;
    return (struct sending){.window = 65536};
}

static struct congestion_control watched(struct witness *witness, uint32_t packets, uint32_t gap_ns)
{
    *witness = (struct witness){.answer = {packets << 16, gap_ns}};
    return (struct congestion_control){witness_state, witness_ack, witness_loss, witness_timeout,
                                       witness};
}

/* One flow, 100 ms without a queue, 2 ms of them a packet's service: the pipe holds 50. */
static struct link pipe_of_50(const struct congestion_control *control)
{
    return (struct link){.end = 20 * LINK_SECOND,
                         .measured_from = 10 * LINK_SECOND,
                         .buffer = 100,
                         .capacity_count = 1,
                         .capacities = {{0, 2 * MS}},
                         .flow_count = 1,
                         .flows = {{.control = control, .propagation = 98 * MS, .lost = &never}}};
}

static void a_packet_a_service_time(void **state)
{
    (void)state;
    struct witness witness;
    struct congestion_control control = watched(&witness, 10, 0);
    struct link link = pipe_of_50(&control);
    struct link_report report = report_of(&link);
    for (uint32_t i = 0; i < 10; i++) /* the first ten were sent at once, and queued */
        assert_int_equal(witness.ack_at[i], 100000 + 2000 * i);
    assert_int_equal(witness.ack_at[10], 200000);
    assert_int_equal(witness.least_rtt, 100000);
    assert_int_equal(witness.most_rtt, 118000);
    assert_int_equal(witness.most_in_flight, 10);
    assert_int_equal(witness.acks, 1990);
    assert_near(report.capacity, 5000, 1e-9);
    assert_near(report.flows[0].delivered, 1000, 1);
    assert_near(report.flows[0].delay, 2 * MS, 1e-6);
    assert_near(report.flows[0].window, 10, 1e-9);
    assert_int_equal(report.flows[0].on_way, 10);
    assert_near(networking_cost(&link, &report), 5, 0.01); /* a fifth, without waiting */
    /* What it can count a rate from: ten packets in each round trip. */
    assert_int_equal(witness.last.delivered, 10);
    assert_int_equal(witness.last.interval_us, 100000);
}

/* 75 and 25 packets in a pipe of 50: 50 wait, and double the way. */
static void windows_beyond_the_pipe(void **state)
{
    (void)state;
    struct witness a, b;
    struct congestion_control first = watched(&a, 75, 0), second = watched(&b, 25, 0);
    struct link link = pipe_of_50(&first);
    link.flow_count = 2;
    link.flows[1] = link.flows[0];
    link.flows[1].control = &second;
    link.flows[1].start = LINK_SECOND;
    struct link_report report = report_of(&link);
    assert_near(report.flows[0].delivered, 3750, 2);
    assert_near(report.flows[1].delivered, 1250, 2);
    assert_near(report.flows[0].delay, 102 * MS, 0.1 * MS);
    assert_near(report.flows[1].delay, 102 * MS, 0.1 * MS);
    assert_int_equal(a.losses + b.losses + a.timeouts + b.timeouts, 0);
    assert_near(networking_cost(&link, &report), 2 / sqrt(1.5 * 0.5), 0.01);

    /* Half the speed from 15 s on: the same packets wait, twice as long. */
    link.capacity_count = 2;
    link.capacities[1] = (struct link_capacity){15 * LINK_SECOND, 4 * MS};
    report = report_of(&link);
    assert_near(report.capacity, 2500 + 1250, 1e-9);
    assert_int_equal(b.most_rtt, 400000);
}

/* What of a service is left at a change goes on at the new speed. */
static void service_goes_on_at_the_new_speed(void **state)
{
    (void)state;
    struct link link = {.end = LINK_SECOND,
                        .buffer = 1,
                        .capacity_count = 3,
                        .capacities = {{0, 8 * MS}, {14 * MS, 4 * MS}, {15 * MS, 16 * MS}}};
    struct bottleneck bottleneck;
    uint64_t begins, leaves;
    assert_int_equal(bottleneck_begin(&bottleneck, &link), 0);
    assert_true(bottleneck_enter(&bottleneck, MS, &begins, &leaves));
    assert_int_equal(begins, MS);
    assert_int_equal(leaves, 9 * MS);
    /* Five eighths by 14 ms; a quarter in 1 ms; the last eighth takes 2 of 16 ms. */
    assert_true(bottleneck_enter(&bottleneck, 8 * MS, &begins, &leaves));
    assert_int_equal(begins, 9 * MS);
    assert_int_equal(leaves, 17 * MS);
    /* The buffer has one place, until the first has left. */
    assert_false(bottleneck_enter(&bottleneck, 9 * MS - 1, &begins, &leaves));
    assert_true(bottleneck_enter(&bottleneck, 9 * MS, &begins, &leaves));
    assert_int_equal(leaves, 33 * MS);
    assert_false(bottleneck_enter(&bottleneck, 10 * MS, &begins, &leaves));
    bottleneck_end(&bottleneck);
    assert_int_equal(link_least_service(&link), 4 * MS);
    assert_near(bottleneck_capacity(&link), 14 / 8.0 + 1 / 4.0 + 985 / 16.0, 1e-9);
}

/* Believed with the third acknowledgement after it, once for all that were sent before the
 * answer. */
static void losses_are_told_once(void **state)
{
    (void)state;
    static const uint32_t lost[] = {100, 101, 104, 200, UINT32_MAX};
    struct witness witness;
    struct congestion_control control = watched(&witness, 10, 0);
    struct link link = pipe_of_50(&control);
    link.flows[0].lost = lost;
    struct link_report report = report_of(&link);
    assert_int_equal(report.flows[0].lost, 4);
    assert_int_equal(witness.losses, 2);
    /* Packet 100 is sent at 1,000 ms; 102, 103 and 105 are acknowledged 100 ms later. */
    assert_int_equal(witness.loss_at[0], 1110000);
    assert_int_equal(report.flows[0].timeouts, 0);
    /* Those sent before each answer and acknowledged after it: the one that told, and the rest. */
    assert_in_range(witness.recovering, 2 * 4, 2 * 8);
    assert_near(report.flows[0].delivered, 1000, 1);
}

/* 100 packets where the pipe takes 50 and the buffer 10. */
static void drops_are_told_once_a_round_trip(void **state)
{
    (void)state;
    struct witness witness;
    struct congestion_control control = watched(&witness, 100, 0);
    struct link link = pipe_of_50(&control);
    link.buffer = 10;
    struct link_report report = report_of(&link);
    assert_true(report.flows[0].dropped > 5000);
    assert_near(report.flows[0].delivered, 5000, 1);
    assert_near(report.flows[0].delay, 22 * MS, 0.1 * MS); /* ten before it, and its own service */
    assert_in_range(witness.losses, 20000 / 124 - 4, 20000 / 120 + 1);
}

/* The line goes dead: RFC 6298's timer, which doubles. Then it lives again. */
static void timeouts_back_off(void **state)
{
    (void)state;
    struct witness witness;
    struct congestion_control control = watched(&witness, 10, 0);
    struct link link = pipe_of_50(&control);
    link.capacity_count = 3;
    link.capacities[1] = (struct link_capacity){5 * LINK_SECOND, 1000 * LINK_SECOND};
    link.capacities[2] = (struct link_capacity){15 * LINK_SECOND, 2 * MS};
    struct link_report report = report_of(&link);
    /* The last acknowledgement comes at 5,018 ms; round trips are of 100 ms and hardly vary. */
    assert_in_range(witness.timeout_at[0], 5018000 + 299000, 5018000 + 301000);
    for (uint32_t i = 1; i < 5; i++)
        assert_near((double)(witness.timeout_at[i] - witness.timeout_at[i - 1]), 300000 * (1 << i),
                    1000 << i);
    assert_in_range(witness.timeouts, 5, 5);
    /* What waited was not lost: it was sent again for nothing. */
    assert_int_equal(report.flows[0].again, 10 + 5 - 1);
    assert_true(report.flows[0].delivered > 0);
}

/* After a single round trip the deviation is taken to be half of it, and the timer is three. */
static void a_timer_allows_for_the_deviation(void **state)
{
    (void)state;
    static const uint32_t others[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, UINT32_MAX};
    struct witness witness;
    struct congestion_control control = watched(&witness, 1, 0);
    struct link link = pipe_of_50(&control);
    link.flows[0].propagation = 400 * MS;
    link.flows[0].lost = others; /* of the first ten, all but one */
    report_of(&link);
    uint64_t rtt = witness.ack_at[0];
    assert_in_range(rtt, 400000, 410000);
    assert_near((double)witness.timeout_at[0], (double)(rtt + 3 * rtt), 2);
}

/* Reno after a timeout: one packet, then slow start to half of what it had. */
static void slow_start_after_a_timeout(void **state)
{
    (void)state;
    void *reno = congestion_reno.state_new(NULL);
    struct link_ack ack = {.rtt_us = 100000, .acked = 1, .in_flight = 10};
    for (int i = 0; i < 30; i++)
        assert_int_equal(congestion_reno.on_ack(NULL, reno, &ack).window >> 16, 11 + i);
    assert_int_equal(congestion_reno.on_timeout(NULL, reno, 0).window >> 16, 1);
    ack.recovering = true; /* of before: no growth */
    assert_int_equal(congestion_reno.on_ack(NULL, reno, &ack).window >> 16, 1);
    ack.recovering = false;
    for (int i = 2; i <= 20; i++)
        assert_int_equal(congestion_reno.on_ack(NULL, reno, &ack).window >> 16, i);
    for (int i = 0; i < 19; i++) /* a packet in a round trip from here on */
        assert_int_equal(congestion_reno.on_ack(NULL, reno, &ack).window >> 16, 20);
    congestion_reno.on_ack(NULL, reno, &ack);
    assert_int_equal(congestion_reno.on_ack(NULL, reno, &ack).window >> 16, 21);
    free(reno);
}

/* A pace of 3 ms leaves the queue empty, whatever the window. */
static void paces_are_kept(void **state)
{
    (void)state;
    struct witness witness;
    struct congestion_control control = watched(&witness, 1000, 3000000);
    struct link link = pipe_of_50(&control);
    struct link_report report = report_of(&link);
    assert_near(report.flows[0].delivered, 10000 / 3.0, 1);
    assert_near(report.flows[0].delay, 2 * MS, 1e-6);
    assert_in_range(witness.most_in_flight, 33, 34);
    /* And a window smaller than the pace needs is the window. */
    control = watched(&witness, 10, 3000000);
    report = report_of(&link);
    assert_near(report.flows[0].delivered, 1000, 11);
    assert_int_equal(witness.most_in_flight, 10);
}

/* Acknowledgements that are held back: in bunches 10 to 30 ms apart, none early, none lost. */
static void bunches_come_together(void **state)
{
    (void)state;
    struct witness witness;
    struct congestion_control control = watched(&witness, 10, 4000000);
    struct link link = pipe_of_50(&control);
    link.flows[0].bunch = 20 * MS;
    struct link_report report = report_of(&link);
    assert_in_range(witness.least_rtt, 100000, 101500);
    assert_in_range(witness.most_rtt, 125000, 130000 + 18000);
    uint64_t at = witness.ack_at[0];
    uint32_t bunches = 0;
    for (uint32_t i = 1; i < REMEMBERED; i++) {
        uint64_t apart = witness.ack_at[i] - at;
        assert_true(apart == 0 || apart >= 10000);
        bunches += apart > 0;
        at = witness.ack_at[i];
    }
    assert_in_range(bunches, 2, 8);
    assert_near(report.flows[0].delay, 2 * MS, 1e-6); /* they are not in the measure */
}

/* Opportunities at 5, 10, 10 and 20 ms, then again 20 ms later and so on. */
static void recorded_links(void **state)
{
    (void)state;
    static const uint32_t at_ms[] = {5, 10, 10, 20};
    struct link_opportunities recorded = {.count = 4, .at_ms = at_ms};
    struct link link = {.end = 60 * MS, .buffer = 3, .opportunities = &recorded};
    static const uint64_t comes[] = {0, 0, 0, 0, 21, 25, 46}, left[] = {5, 10, 10, 20, 25, 30, 50};
    struct bottleneck bottleneck;
    uint64_t begins, leaves;
    assert_int_equal(bottleneck_begin(&bottleneck, &link), 0);
    for (int i = 0; i < 7; i++) {
        assert_true(bottleneck_enter(&bottleneck, comes[i] * MS, &begins, &leaves));
        assert_int_equal(leaves, left[i] * MS);
        if (i == 3)
            assert_false(bottleneck_enter(&bottleneck, 0, &begins, &leaves));
    }
    bottleneck_end(&bottleneck);
    assert_near(bottleneck_capacity(&link), 12, 0);
    link.measured_from = 10 * MS;
    assert_near(bottleneck_capacity(&link), 11, 0);

    recorded.begin_ms = 10; /* two at once */
    assert_int_equal(bottleneck_begin(&bottleneck, &link), 0);
    static const uint64_t later[] = {0, 0, 10, 15};
    for (int i = 0; i < 4; i++) {
        assert_true(bottleneck_enter(&bottleneck, 0, &begins, &leaves));
        assert_int_equal(leaves, later[i] * MS);
    }
    bottleneck_end(&bottleneck);
    assert_int_equal(link_least_service(&link), 0);

    /* A sender on it: all that comes is used, and no more. */
    struct witness witness;
    struct congestion_control control = watched(&witness, 100, 0);
    link = networking_recorded(&recorded, 20);
    link.flows[0].control = &control;
    struct link_report report = report_of(&link);
    assert_near(report.flows[0].delivered, report.capacity, 0);
    assert_near(report.capacity, 17000 / 5.0, 2);
    assert_near(report.flows[0].delay, 460 * MS, 5 * MS); /* 100 packets, 5 ms each, less 40 ms */
}

/* All senders on many links: what was sent is somewhere (report_of), the bound holds, and a second
 * run is the same to the bit. */
static void no_packet_is_made_or_forgotten(void **state)
{
    (void)state;
    static const struct congestion_control *const all[] = {
        &congestion_reno, &congestion_cubic, &congestion_vegas, &congestion_bbr, &congestion_bbr3};
    const struct subject *subject = subject_find("networking");
    uint32_t seeds = test_sample(40);
    for (uint64_t seed = 0; seed < seeds; seed++) {
        struct networking_workload *load = subject->workload_new(1000 + seed);
        for (uint32_t k = 0; k < 5; k++) {
            struct link link = load->link;
            double delivered = 0;
            for (uint32_t i = 0; i < link.flow_count; i++)
                link.flows[i].control = all[(k + (seed % 2) * i) % 5]; /* alike, or mixed */
            struct link_report report = report_of(&link), again = report_of(&link);
            for (uint32_t i = 0; i < link.flow_count; i++) {
                delivered += report.flows[i].delivered;
                assert_true(report.flows[i].delay == again.flows[i].delay);
            }
            assert_true(delivered <= report.capacity);
            assert_true(networking_cost(&link, &report) >= 1);
        }
        free(load);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_packet_a_service_time),
        cmocka_unit_test(windows_beyond_the_pipe),
        cmocka_unit_test(service_goes_on_at_the_new_speed),
        cmocka_unit_test(losses_are_told_once),
        cmocka_unit_test(drops_are_told_once_a_round_trip),
        cmocka_unit_test(timeouts_back_off),
        cmocka_unit_test(a_timer_allows_for_the_deviation),
        cmocka_unit_test(slow_start_after_a_timeout),
        cmocka_unit_test(paces_are_kept),
        cmocka_unit_test(bunches_come_together),
        cmocka_unit_test(recorded_links),
        cmocka_unit_test(no_packet_is_made_or_forgotten),
    };
    return cmocka_run_group_tests_name("policy_link", tests, NULL, NULL);
}
