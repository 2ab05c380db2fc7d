/* adapters/tcp_bpf with the kernel's part played by this test: by hand, of what the module is told
 * and what becomes of its answers; and in the simulator's place, where the connection does what the
 * module itself does there. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>
#include <limits.h>
#include <linux/tcp.h>
#include <linux/version.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "policy/networking/link.h"
#include "policy/networking/rules.h"

/* A module that remembers the last question; its reply is the test's, or that of these rules. */
static const struct networking_rules rules = {.additive = 1 << 24,
                                              .gain = 1 << 20,
                                              .decrease = 13 << 20,
                                              .start_gain = 1 << 24,
                                              .target_us = 5000,
                                              .target_packets = 256,
                                              .target_jitters = 256,
                                              .kept = 45875,
                                              .start_exit = 65536,
                                              .drain = 32768,
                                              .rise = 512,
                                              .pace_ns = 600};

static struct asked {
    enum { NOTHING, RESET, ACK, LOSS, TIMEOUT } what;
    int times;
    uint64_t now_us;
    uint32_t rtt_us, acked, in_flight;
} asked;
static uint64_t reply;
static bool by_rules;

static void ask(struct asked question)
{
    int times = asked.times;
    asked = question;
    asked.times = times + 1;
}

static void state_reset(void *state)
{
    ask((struct asked){.what = RESET});
    memset(state, 0, sizeof(struct networking_state));
}

static uint64_t on_ack(void *state, uint64_t now_us, uint32_t rtt_us, uint32_t acked,
                       uint32_t in_flight)
{
    ask((struct asked){
        .what = ACK, .now_us = now_us, .rtt_us = rtt_us, .acked = acked, .in_flight = in_flight});
    return by_rules ? networking_on_ack(&rules, state, now_us, rtt_us, acked, in_flight) : reply;
}

static uint64_t on_loss(void *state, uint64_t now_us)
{
    ask((struct asked){.what = LOSS, .now_us = now_us});
    return by_rules ? networking_on_loss(&rules, state, now_us) : reply;
}

static uint64_t on_timeout(void *state, uint64_t now_us)
{
    ask((struct asked){.what = TIMEOUT, .now_us = now_us});
    return by_rules ? networking_on_timeout(&rules, state, now_us) : reply;
}

static const struct {
    void (*state_reset)(void *state);
    uint64_t (*on_ack)(void *state, uint64_t now_us, uint32_t rtt_us, uint32_t acked,
                       uint32_t in_flight);
    uint64_t (*on_loss)(void *state, uint64_t now_us);
    uint64_t (*on_timeout)(void *state, uint64_t now_us);
} khub_networking = {state_reset, on_ack, on_loss, on_timeout};

/* Its programs stand in a struct as void *, and nobody else calls them. */
#pragma GCC diagnostic ignored "-Wpedantic"
#pragma GCC diagnostic ignored "-Wmissing-prototypes"
#include "adapters/tcp_bpf/khub_tcp.bpf.c"

_Static_assert((int)CA_CWR == (int)TCP_CA_CWR, "less, but nothing was lost");
_Static_assert((int)CA_RECOVERY == (int)TCP_CA_Recovery, "lost, and heard of it");
_Static_assert((int)CA_LOSS == (int)TCP_CA_Loss, "the timer ran out");
_Static_assert((int)SAMPLE_IS_FOURTH == KERNEL_VERSION(6, 10, 0), "the kernel that changed it");

/* ── the kernel ── */

int LINUX_KERNEL_VERSION = KERNEL_VERSION(6, 12, 0);

enum { OPEN = TCP_CA_Open, DISORDER = TCP_CA_Disorder, MSS = 1448 };

static struct tcp_sock kernel_sock(void)
{
    return (struct tcp_sock){
        .inet_conn.icsk_inet.sk = {.sk_pacing_rate = ULONG_MAX, .sk_max_pacing_rate = ULONG_MAX},
        .mss_cache = MSS,
        .snd_cwnd = LINK_WINDOW_FIRST,
        .snd_cwnd_clamp = UINT32_MAX,
        .snd_ssthresh = 77};
}

static struct tcp_sock sender;

static u64 address(const void *of)
{
    return (u64)(uintptr_t)of;
}

static int boot(void **state)
{
    (void)state;
    LINUX_KERNEL_VERSION = KERNEL_VERSION(6, 12, 0);
    sender = kernel_sock();
    memset(sender.inet_conn.icsk_ca_priv, 0xee, sizeof sender.inet_conn.icsk_ca_priv);
    by_rules = false;
    assert_int_equal(khub_init((u64[]){address(&sender)}), 0);
    assert_int_equal(asked.what, RESET);
    asked = (struct asked){.what = NOTHING};
    return 0;
}

static void acknowledge(struct tcp_sock *of, struct rate_sample sample)
{
    assert_int_equal(khub_cong_control((u64[]){address(of), 4711, 1, address(&sample)}), 0);
}

static void set_state(struct tcp_sock *of, int state)
{
    /* of a register only the argument's own bits are defined */
    assert_int_equal(khub_set_state((u64[]){address(of), UINT64_C(0xabcdef00) | (u64)state}), 0);
}

static u64 window_and_gap(u32 window, u32 gap_ns)
{
    return (u64)gap_ns << 32 | window;
}

static unsigned long pace(void)
{
    return sender.inet_conn.icsk_inet.sk.sk_pacing_rate;
}

/* ── the tests ── */

static void begins(void **state)
{
    (void)state;
    u32 *pacing = &sender.inet_conn.icsk_inet.sk.sk_pacing_status;
    assert_int_equal(*pacing, PACING_NEEDED);
    *pacing = 2; /* SK_PACING_FQ: that queue does */
    khub_init((u64[]){address(&sender)});
    assert_int_equal(*pacing, 2);
    assert_int_equal(sender.snd_cwnd, LINK_WINDOW_FIRST); /* the kernel's, as the module has it */
    assert_true(pace() == ULONG_MAX);
    assert_int_equal(khub_ssthresh((u64[]){address(&sender)}), 77);
}

static void is_told_of_what_arrives(void **state)
{
    (void)state;
    sender.tcp_mstamp = 123456789012;
    reply = window_and_gap(0x00298765, 2000);
    acknowledge(&sender,
                (struct rate_sample){.rtt_us = 4321, .acked_sacked = 3, .prior_in_flight = 9});
    assert_int_equal(asked.what, ACK);
    assert_true(asked.now_us == 123456789012);
    assert_int_equal(asked.rtt_us, 4321);
    assert_int_equal(asked.acked, 3);
    assert_int_equal(asked.in_flight, 9);
    assert_int_equal(sender.snd_cwnd, 0x29);
    assert_true(pace() == 724000000); /* 1448 bytes each 2 us */
    assert_int_equal(khub_undo_cwnd((u64[]){address(&sender)}), 0x29);
    assert_int_equal(sender.snd_ssthresh, 77);
}

static void older_kernels_have_one_argument_less(void **state)
{
    (void)state;
    struct rate_sample sample = {.rtt_us = 5, .acked_sacked = 1, .prior_in_flight = 1};
    LINUX_KERNEL_VERSION = KERNEL_VERSION(6, 9, 255);
    khub_cong_control((u64[]){address(&sender), address(&sample), 0, 0});
    assert_int_equal(asked.rtt_us, 5);
    LINUX_KERNEL_VERSION = KERNEL_VERSION(6, 10, 0);
    sample.rtt_us = 6;
    acknowledge(&sender, sample);
    assert_int_equal(asked.rtt_us, 6);
}

static void answers_have_bounds(void **state)
{
    (void)state;
    struct sock *sk = &sender.inet_conn.icsk_inet.sk;
    struct rate_sample sample = {.rtt_us = 5, .acked_sacked = 1, .prior_in_flight = 1};
    reply = window_and_gap(0xffff, 0); /* not a whole packet, no pace */
    sk->sk_pacing_rate = 1;
    acknowledge(&sender, sample);
    assert_int_equal(sender.snd_cwnd, 1);
    assert_true(pace() == ULONG_MAX);
    reply = window_and_gap(UINT32_MAX, UINT32_MAX);
    sender.snd_cwnd_clamp = 40;
    acknowledge(&sender, sample);
    assert_int_equal(sender.snd_cwnd, 40);
    assert_true(pace() == 337);   /* 1448 bytes each 4.29 s */
    sk->sk_max_pacing_rate = 300; /* SO_MAX_PACING_RATE */
    acknowledge(&sender, sample);
    assert_true(pace() == 300);
    sender.mss_cache = 65000;
    sk->sk_max_pacing_rate = ULONG_MAX;
    reply = window_and_gap(UINT32_MAX, 1);
    acknowledge(&sender, sample);
    assert_true(pace() == 65000000000000);
}

static void no_round_trip_is_known(void **state)
{
    (void)state;
    struct rate_sample sample = {.rtt_us = -1, .acked_sacked = 1, .prior_in_flight = 1};
    acknowledge(&sender, sample);
    assert_int_equal(asked.what, NOTHING);
    sender.srtt_us = 8007;
    acknowledge(&sender, sample);
    assert_int_equal(asked.what, ACK);
    assert_int_equal(asked.rtt_us, 1000);
    sample.rtt_us = 0; /* less than a microsecond */
    acknowledge(&sender, sample);
    assert_int_equal(asked.rtt_us, 1);
    sample.acked_sacked = 0; /* it acknowledges nothing new */
    acknowledge(&sender, sample);
    assert_int_equal(asked.times, 2);
    assert_int_equal(sender.snd_cwnd, (u32)reply >> 16);
}

static void is_told_once_of_losses(void **state)
{
    (void)state;
    sender.tcp_mstamp = 5000;
    reply = window_and_gap(7 << 16, 1000);
    set_state(&sender, DISORDER);
    assert_int_equal(asked.what, NOTHING);
    set_state(&sender, CA_RECOVERY);
    assert_int_equal(asked.what, LOSS);
    assert_int_equal(asked.now_us, 5000);
    assert_int_equal(sender.snd_cwnd, 7);
    assert_true(pace() == 1448000000);
    set_state(&sender, OPEN);
    set_state(&sender, CA_CWR); /* marked, and then lost: the same round trip */
    set_state(&sender, CA_RECOVERY);
    set_state(&sender, CA_RECOVERY);
    assert_int_equal(asked.times, 2);
    set_state(&sender, CA_LOSS);
    assert_int_equal(asked.what, TIMEOUT);
    assert_int_equal(asked.now_us, 5000);
    set_state(&sender, CA_LOSS); /* and again nothing was heard */
    assert_int_equal(asked.times, 4);
    set_state(&sender, CA_RECOVERY); /* what was sent again is lost again */
    assert_int_equal(asked.what, LOSS);
    set_state(&sender, OPEN);
    set_state(&sender, OPEN);
    assert_int_equal(asked.times, 5);
    assert_int_equal(sender.snd_ssthresh, 77);
    set_state(&sender, CA_RECOVERY);
    khub_init((u64[]){address(&sender)}); /* another connection, or another control in between */
    set_state(&sender, CA_RECOVERY);
    assert_int_equal(asked.times, 8);
}

/* ── in the simulator's place ── */

static struct seen {
    int acks, losses, timeouts;
} seen;

struct beside {
    struct tcp_sock sock;
    struct networking_state module; /* the same connection without a kernel */
};

static void *beside_new(const void *context)
{
    (void)context;
    struct beside *beside = calloc(1, sizeof *beside);
    if (beside) {
        beside->sock = kernel_sock();
        khub_init((u64[]){address(&beside->sock)});
    }
    return beside;
}

static struct sending compare(const struct beside *beside, u64 wanted)
{
    struct sending sending = {.window = (u32)wanted, .gap_ns = (u32)(wanted >> 32)};
    const struct sock *sk = &beside->sock.inet_conn.icsk_inet.sk;
    assert_int_equal(beside->sock.snd_cwnd, sending.window >> 16);
    assert_true(sending.gap_ns &&
                sk->sk_pacing_rate == MSS * UINT64_C(1000000000) / sending.gap_ns);
    return sending;
}

static struct sending beside_on_ack(const void *context, void *state, const struct link_ack *ack)
{
    (void)context;
    struct beside *beside = state;
    beside->sock.tcp_mstamp = ack->now_us;
    if (!ack->recovering)
        set_state(&beside->sock, OPEN);
    acknowledge(&beside->sock, (struct rate_sample){.rtt_us = ack->rtt_us,
                                                    .acked_sacked = ack->acked,
                                                    .prior_in_flight = ack->in_flight});
    seen.acks++;
    return compare(beside, networking_on_ack(&rules, &beside->module, ack->now_us, ack->rtt_us,
                                             ack->acked, ack->in_flight));
}

static struct sending beside_on_loss(const void *context, void *state, uint64_t now_us)
{
    (void)context;
    struct beside *beside = state;
    beside->sock.tcp_mstamp = now_us;
    set_state(&beside->sock, OPEN); /* what the last answer was to has arrived */
    set_state(&beside->sock, CA_RECOVERY);
    seen.losses++;
    return compare(beside, networking_on_loss(&rules, &beside->module, now_us));
}

static struct sending beside_on_timeout(const void *context, void *state, uint64_t now_us)
{
    (void)context;
    struct beside *beside = state;
    beside->sock.tcp_mstamp = now_us;
    set_state(&beside->sock, CA_LOSS);
    seen.timeouts++;
    return compare(beside, networking_on_timeout(&rules, &beside->module, now_us));
}

static void does_what_the_module_does(void **state)
{
    (void)state;
    static const struct congestion_control control = {.state_new = beside_new,
                                                      .on_ack = beside_on_ack,
                                                      .on_loss = beside_on_loss,
                                                      .on_timeout = beside_on_timeout};
    static uint32_t lost[47]; /* one by one; then all for a while */
    for (uint32_t i = 0; i < 46; i++)
        lost[i] = i < 20 ? 50 + 100 * i : 2400 + i;
    lost[46] = UINT32_MAX;
    struct link link = {
        .end = 20 * LINK_SECOND,
        .buffer = 60,
        .capacity_count = 2,
        .capacities = {{0, LINK_SECOND / 2000}, {2 * LINK_SECOND, LINK_SECOND / 500}},
        .flow_count = 1,
        .flows = {{.control = &control, .propagation = LINK_SECOND / 25, .lost = lost}}};
    struct link_report report;
    by_rules = true;
    seen = (struct seen){0};
    assert_int_equal(link_run(&link, &report), 0);
    assert_int_equal(seen.acks, report.flows[0].acked);
    assert_int_equal(seen.timeouts, report.flows[0].timeouts);
    assert_true(seen.acks > 3000 && seen.losses > 10 && seen.timeouts > 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(begins, boot),
        cmocka_unit_test_setup(is_told_of_what_arrives, boot),
        cmocka_unit_test_setup(older_kernels_have_one_argument_less, boot),
        cmocka_unit_test_setup(answers_have_bounds, boot),
        cmocka_unit_test_setup(no_round_trip_is_known, boot),
        cmocka_unit_test_setup(is_told_once_of_losses, boot),
        cmocka_unit_test_setup(does_what_the_module_does, boot),
    };
    return cmocka_run_group_tests_name("adapter_tcp_bpf", tests, NULL, NULL);
}
