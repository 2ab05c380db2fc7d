// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* A TCP congestion control out of a module of networking: policy.c, as `khub learn networking`
 * writes it, stands before this (make; README.md says how).
 *
 * The window and the pace are the module's alone: with cong_control the kernel changes neither by
 * itself. All that is kept of a connection stands in the kernel's room for it.
 *
 * The kernel's types are declared here as far as they are used, by name alone: libbpf fits them to
 * the running kernel's when it loads this (CO-RE). */
typedef uint64_t u64;
typedef int64_t s64;
typedef uint32_t u32;
typedef uint8_t u8;

#ifdef __bpf__
#define SEC(name)    __attribute__((section(name), used))
#define EXTERN(name) __attribute__((section(name)))
#define CORE         __attribute__((preserve_access_index))
#else /* the tests' build, for this machine */
#define SEC(name)
#define EXTERN(name)
#define CORE
#endif

/* ── of the kernel ── */

struct sock {
    unsigned long sk_pacing_rate; /* bytes a second */
    unsigned long sk_max_pacing_rate;
    u32 sk_pacing_status;
} CORE;

struct inet_sock {
    struct sock sk;
} CORE;

enum { CA_PRIVATE = 104 }; /* bytes: ICSK_CA_PRIV_SIZE */

struct inet_connection_sock {
    struct inet_sock icsk_inet;
    u64 icsk_ca_priv[CA_PRIVATE / sizeof(u64)];
} CORE;

struct tcp_sock {
    struct inet_connection_sock inet_conn;
    u64 tcp_mstamp; /* us; when the last segment came or went, or the timer ran out */
    u32 mss_cache;  /* bytes of a segment */
    u32 srtt_us;    /* the mean round trip in 1/8 us; 0: none yet */
    u32 snd_cwnd, snd_cwnd_clamp;
    u32 snd_ssthresh;
} CORE;

/* What an acknowledgement says. */
struct rate_sample {
    long rtt_us; /* of what was sent once; -1: of nothing */
    u32 acked_sacked;
    u32 prior_in_flight; /* before it came, without what is taken for lost */
} CORE;

struct tcp_congestion_ops {
    void (*init)(struct tcp_sock *sock);
    u32 (*ssthresh)(struct tcp_sock *sock);
    void (*cong_control)(struct tcp_sock *sock, u32 ack, int flag,
                         const struct rate_sample *sample);
    void (*set_state)(struct tcp_sock *sock, u8 state);
    u32 (*undo_cwnd)(struct tcp_sock *sock);
    char name[16];
};

enum { CA_CWR = 2, CA_RECOVERY = 3, CA_LOSS = 4 }; /* enum tcp_ca_state */
enum { PACING_NONE = 0, PACING_NEEDED = 1 };       /* enum sk_pacing */

/* Before 6.10 cong_control had the sample as its second argument. The verifier knows this number,
 * and does not look at what it excludes. */
enum { SAMPLE_IS_FOURTH = 6 << 16 | 10 << 8 };
extern int LINUX_KERNEL_VERSION EXTERN(".kconfig");

/* ── the congestion control ── */

struct connection {
    struct networking_state module;
    u32 state; /* enum tcp_ca_state; 0: all is well */
};
_Static_assert(sizeof(struct connection) <= CA_PRIVATE, "it has room in the kernel's own");

static inline struct connection *connection_of(struct tcp_sock *sock)
{
    return (struct connection *)sock->inet_conn.icsk_ca_priv;
}

/* Does what the module says: the window, and the pace if it says one. */
static inline void obey(struct tcp_sock *sock, u64 answer)
{
    struct sock *sk = &sock->inet_conn.icsk_inet.sk;
    u32 window = (u32)answer >> 16, gap_ns = (u32)(answer >> 32);
    u32 most = sock->snd_cwnd_clamp;
    window = window < most ? window : most;
    sock->snd_cwnd = window ? window : 1; /* the kernel wants one at least */
    u64 rate = sk->sk_max_pacing_rate, wanted = (u64)sock->mss_cache * 1000000000;
    if (gap_ns && wanted / gap_ns < rate)
        rate = wanted / gap_ns;
    sk->sk_pacing_rate = rate;
}

/* Programs get their arguments as an array. */

SEC("struct_ops/init")
int khub_init(u64 *arguments)
{
    struct tcp_sock *sock = (struct tcp_sock *)(uintptr_t)arguments[0];
    struct connection *connection = connection_of(sock);
    khub_networking.state_reset(&connection->module);
    connection->state = 0;
    /* Unless the queue (fq) paces, TCP is to. */
    __sync_val_compare_and_swap(&sock->inet_conn.icsk_inet.sk.sk_pacing_status, PACING_NONE,
                                PACING_NEEDED);
    return 0;
}

static inline const struct rate_sample *sample_of(const u64 *arguments)
{
    u64 sample;
    if (LINUX_KERNEL_VERSION < SAMPLE_IS_FOURTH) {
        sample = arguments[1];
        /* Or clang makes one of both reads, of a computed address, which the verifier refuses. */
        __asm__ volatile("" : "+r"(sample));
    } else {
        sample = arguments[3];
    }
    return (const struct rate_sample *)(uintptr_t)sample;
}

SEC("struct_ops/cong_control")
int khub_cong_control(u64 *arguments)
{
    struct tcp_sock *sock = (struct tcp_sock *)(uintptr_t)arguments[0];
    const struct rate_sample *sample = sample_of(arguments);
    u32 acked = sample->acked_sacked;
    s64 rtt_us = sample->rtt_us;
    /* Of what was sent twice nobody knows how long it took: the mean says nothing new. */
    if (rtt_us < 0)
        rtt_us = sock->srtt_us >> 3;
    else if (rtt_us == 0)
        rtt_us = 1;
    if (acked && rtt_us)
        obey(sock, khub_networking.on_ack(&connection_of(sock)->module, sock->tcp_mstamp,
                                          (u32)rtt_us, acked, sample->prior_in_flight));
    return 0;
}

/* The kernel's way back to an open connection goes through each of these once, which is how the
 * module wants to be told of losses: once for all of a round trip. */
SEC("struct_ops/set_state")
int khub_set_state(u64 *arguments)
{
    struct tcp_sock *sock = (struct tcp_sock *)(uintptr_t)arguments[0];
    struct connection *connection = connection_of(sock);
    u32 state = (u8)arguments[1], before = connection->state;
    connection->state = state;
    if (state == CA_LOSS)
        obey(sock, khub_networking.on_timeout(&connection->module, sock->tcp_mstamp));
    else if ((state == CA_CWR || state == CA_RECOVERY) && before != CA_CWR && before != CA_RECOVERY)
        obey(sock, khub_networking.on_loss(&connection->module, sock->tcp_mstamp));
    return 0;
}

/* Asked for at the beginning of each of these; what it is to be, the module says a moment later. */
SEC("struct_ops/ssthresh")
int khub_ssthresh(u64 *arguments)
{
    const struct tcp_sock *sock = (const struct tcp_sock *)(uintptr_t)arguments[0];
    return (int)sock->snd_ssthresh;
}

/* Nothing was lost after all. The module, which cannot take back an answer, goes on from it. */
SEC("struct_ops/undo_cwnd")
int khub_undo_cwnd(u64 *arguments)
{
    const struct tcp_sock *sock = (const struct tcp_sock *)(uintptr_t)arguments[0];
    return (int)sock->snd_cwnd;
}

SEC(".struct_ops.link")
struct tcp_congestion_ops khub = {
    .init = (void *)khub_init,
    .ssthresh = (void *)khub_ssthresh,
    .cong_control = (void *)khub_cong_control,
    .set_state = (void *)khub_set_state,
    .undo_cwnd = (void *)khub_undo_cwnd,
    .name = "khub",
};

char khub_license[] SEC("license") = "Dual MIT/GPL";
