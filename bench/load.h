/* The load generator of `./dev bench relay`: one thread that is the sender and all the receivers of
 * one broker.
 *
 * load.c          options, the regimes that are measured, the printed results
 * load_swarm.c    connections: joining, reading, and the check that every message came, in order
 *                 and whole
 * load_dialect.c  how each broker is spoken to
 * load_tls.c      the same over TLS; many handshakes at once
 * load_idle.c     thousands of AIs that join a hub and then say nothing */
#ifndef KHUB_BENCH_LOAD_H
#define KHUB_BENCH_LOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum {
    FRAME_MAX = 2048, /* of one message with a broker's frame about it */
    WINDOW_MAX = 256, /* messages under way */
    READ_SIZE = 1 << 20,
    HELLO_MAX = 1024,
    SENDER_NUMBER = 99999 /* stands for the sender where a receiver has its number */
};

enum load_case {
    CASE_FANOUT,
    CASE_DIRECT,
    CASE_LATENCY,
    CASE_IDLE,
    CASE_SILENT,
    CASE_SHAKE,
    CASE_COUNT
};

struct plan {
    const struct dialect *dialect;
    enum load_case what;
    unsigned port;
    bool tls;
    pid_t broker;
    unsigned receivers;
    size_t size;         /* of a message, line end included */
    double seconds;      /* measured, for each window */
    double warm;         /* before that, unmeasured */
    unsigned windows[4]; /* messages sent at once, then awaited at every receiver */
    unsigned window_count;
    double rate;          /* messages a second, CASE_LATENCY */
    unsigned join_window; /* connections that are joining at a time */
};

/* A frame of a broker's, or a line; not NUL-terminated. */
struct piece {
    const char *at;
    size_t len;
};

struct connection;

struct dialect {
    const char *name;
    /* Writes what a connection says first (up to HELLO_MAX bytes); number is SENDER_NUMBER for the
     * sender. Returns its length. */
    size_t (*greet)(const struct plan *plan, unsigned number, char *ret_bytes);
    /* Length of the frame that begins here; 0 when it is not whole yet. */
    size_t (*frame)(struct piece bytes);
    /* Does this frame say that the connection counts from now on? May give it another number. */
    bool (*ready)(struct connection *connection, struct piece frame);
    /* Writes message `count`, for everyone or for one receiver. Returns its length, plan->size. */
    size_t (*message)(const struct plan *plan, uint64_t count, unsigned number, char *ret_line);
    /* Writes how a message is published, and how it must arrive. */
    size_t (*publish)(const struct plan *plan, struct piece line, unsigned number, char *ret_frame);
    size_t (*arrival)(const struct plan *plan, struct piece line, unsigned number, char *ret_frame);
    bool numbered; /* instead of the last "}\n" comes ,"seq":N}\n with N rising */
    /* A frame other than a message, between messages. True: it may come, and this (NULL: nothing)
     * is the answer to it. */
    bool (*aside)(struct piece frame, const char **ret_answer);
};
const struct dialect *dialect_find(const char *name);
/* The id of an AI, 8 bytes and NUL. */
void ai_name(unsigned number, char ret_name[16]);

struct connection {
    int fd;
    struct ssl_st *ssl; /* NULL: nothing is encrypted */
    unsigned number;    /* its name at the broker; its index, unless the broker gave it another */
    bool is_sender, shaking, ready, begun;
    uint64_t next; /* the message that must come next */
    uint64_t seq;  /* the last one seen, when numbered */
    char *rest;
    size_t rest_len, rest_size;
};

struct slot {
    char arrival[FRAME_MAX];
    size_t len;
    int64_t sent_ns;
};

struct swarm {
    const struct plan *plan;
    int epoll;
    struct connection *connections;         /* receivers, then the sender */
    unsigned total, opened, shaking, ready; /* shaking: opened, and their TLS is not */
    struct slot slots[WINDOW_MAX];
    uint64_t sent, arrived; /* messages; deliveries */
    char *outbox;           /* bytes that the sender has yet to write */
    size_t outbox_start, outbox_end;
    int32_t *latencies; /* ns of each delivery; NULL: not kept */
    size_t latency_count, latency_max;
    /* Sees each frame that is no awaited message, if set. */
    void (*watch)(struct swarm *swarm, struct connection *connection, struct piece frame);
    void *watch_data;
    char *input;
};

void swarm_init(struct swarm *swarm, const struct plan *plan, unsigned total);
/* Opens the next connection. */
void swarm_open(struct swarm *swarm);
/* Opens connections, plan->join_window at a time, until `until` of them are ready. */
void swarm_join(struct swarm *swarm, unsigned until);
/* Reads what there is, waiting at most this long. Returns how many connections had something. */
int swarm_turn(struct swarm *swarm, int64_t timeout_ns);
/* The sender publishes `count` messages in one write. */
void swarm_publish(struct swarm *swarm, unsigned count);
/* How many deliveries the messages sent so far must make. */
uint64_t swarm_due(const struct swarm *swarm);
/* Turns until they have arrived; fails the run when nothing comes for 20 s. */
void swarm_await(struct swarm *swarm);
void swarm_send(struct connection *connection, struct piece bytes);
void swarm_close(struct swarm *swarm);
/* A socket that is connected to this port of this machine. */
int connect_to(unsigned port);

/* load_tls.c: begins to shake hands on a connected socket, which never blocks from then on, and
 * goes on when something came; both say whether that was all of it. As recv and send. */
bool tls_begin(struct connection *connection);
bool tls_shake(struct connection *connection);
void tls_end(struct connection *connection);
ssize_t tls_receive(struct connection *connection, char *buffer, size_t size);
ssize_t tls_send(struct connection *connection, const char *bytes, size_t len);
/* plan->receivers handshakes at once. Prints one line of JSON. */
void shake_run(const struct plan *plan);

/* The two that load_idle.c measures. Print one line of JSON. */
void idle_run(const struct plan *plan);
void silent_run(const struct plan *plan);

#define MS INT64_C(1000000) /* in ns, as all times here are */
int64_t clock_ns(void);
/* User and system time of the broker, all threads, in ns. */
int64_t broker_cpu_ns(const struct plan *plan);
/* Ends the run: a message on stderr, exit code 2. */
_Noreturn void fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
