/* The sender and the receivers. Each receiver knows which message must come next, byte for byte, so
 * that one memcmp per delivery shows that it is there, in order and whole; anything else fails the
 * run. The expected bytes lie in `slots`, a ring as wide as the window: a message is overwritten
 * only after every receiver has it. */
#include "load.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { EVENTS_MAX = 1024, REST_MAX = 64 << 20 };
#define SILENCE (20000 * MS)

static void *need(void *memory)
{
    if (!memory)
        fail("out of memory");
    return memory;
}

static unsigned receivers_of(const struct swarm *swarm)
{
    return swarm->plan->receivers;
}

void swarm_init(struct swarm *swarm, const struct plan *plan, unsigned total)
{
    memset(swarm, 0, sizeof *swarm);
    swarm->plan = plan;
    swarm->total = total;
    swarm->connections = need(calloc(total, sizeof *swarm->connections));
    swarm->input = need(malloc(REST_MAX + READ_SIZE));
    swarm->outbox = need(malloc((size_t)WINDOW_MAX * FRAME_MAX));
    swarm->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (swarm->epoll < 0)
        fail("epoll_create1: %s", strerror(errno));
}

static ssize_t send_some(struct connection *connection, struct piece bytes, int flags)
{
    return connection->ssl ? tls_send(connection, bytes.at, bytes.len)
                           : send(connection->fd, bytes.at, bytes.len, flags | MSG_NOSIGNAL);
}

void swarm_send(struct connection *connection, struct piece bytes)
{
    if (send_some(connection, bytes, 0) != (ssize_t)bytes.len)
        fail("send: %s", strerror(errno));
}

int connect_to(unsigned port)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) < 0)
        fail("connection to port %u: %s", port, strerror(errno));
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    return fd;
}

static void greet(const struct swarm *swarm, struct connection *connection)
{
    char greeting[HELLO_MAX];
    size_t len = swarm->plan->dialect->greet(swarm->plan, connection->number, greeting);
    if (len > 0 && swarm->plan->what != CASE_SILENT)
        swarm_send(connection, (struct piece){greeting, len});
}

void swarm_open(struct swarm *swarm)
{
    struct connection *connection = &swarm->connections[swarm->opened];
    connection->fd = connect_to(swarm->plan->port);
    connection->is_sender = swarm->opened == receivers_of(swarm);
    connection->number = connection->is_sender ? SENDER_NUMBER : swarm->opened;
    connection->next = swarm->plan->what == CASE_DIRECT ? swarm->opened : 0;
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = connection};
    if (epoll_ctl(swarm->epoll, EPOLL_CTL_ADD, connection->fd, &event) < 0)
        fail("epoll_ctl: %s", strerror(errno));
    swarm->opened++;
    connection->shaking = swarm->plan->tls && !tls_begin(connection);
    if (connection->shaking)
        swarm->shaking++;
    else
        greet(swarm, connection);
}

/* ,"seq":N}\n with N over the last one. Its length; 0: not whole yet; -1: something else. */
static ssize_t match_seq(struct connection *connection, struct piece bytes)
{
    static const char lead[] = ",\"seq\":";
    uint64_t seq = 0;
    size_t at = sizeof lead - 1;
    if (bytes.len < at)
        return 0;
    if (memcmp(bytes.at, lead, at) != 0)
        return -1;
    for (; at < bytes.len && bytes.at[at] >= '0' && bytes.at[at] <= '9'; at++)
        seq = 10 * seq + (uint64_t)(bytes.at[at] - '0');
    if (at + 2 > bytes.len)
        return 0;
    if (bytes.at[at] != '}' || bytes.at[at + 1] != '\n' || seq <= connection->seq)
        return -1;
    connection->seq = seq;
    return (ssize_t)at + 2;
}

/* Is the message that must come next here? Its length; 0: its beginning is; -1: something else. */
static ssize_t match(struct swarm *swarm, struct connection *connection, struct piece bytes)
{
    if (connection->is_sender || connection->next >= swarm->sent)
        return -1;
    const struct slot *slot = &swarm->slots[connection->next % WINDOW_MAX];
    if (bytes.len < slot->len)
        return memcmp(bytes.at, slot->arrival, bytes.len) == 0 ? 0 : -1;
    if (memcmp(bytes.at, slot->arrival, slot->len) != 0)
        return -1;
    if (!swarm->plan->dialect->numbered)
        return (ssize_t)slot->len;
    ssize_t tail =
        match_seq(connection, (struct piece){bytes.at + slot->len, bytes.len - slot->len});
    return tail > 0 ? (ssize_t)slot->len + tail : tail;
}

static void take_message(struct swarm *swarm, struct connection *connection, int64_t now)
{
    if (swarm->latencies && swarm->latency_count < swarm->latency_max) {
        int64_t took = now - swarm->slots[connection->next % WINDOW_MAX].sent_ns;
        swarm->latencies[swarm->latency_count++] = took < INT32_MAX ? (int32_t)took : INT32_MAX;
    }
    connection->begun = true;
    connection->next += swarm->plan->what == CASE_DIRECT ? receivers_of(swarm) : 1;
    swarm->arrived++;
}

/* What comes before the first message (greetings, others' hellos) is let by; later only what the
 * dialect allows. */
static void take_other(struct swarm *swarm, struct connection *connection, struct piece frame)
{
    const struct dialect *dialect = swarm->plan->dialect;
    const char *answer = NULL;
    if (!connection->ready && dialect->ready(connection, frame)) {
        connection->ready = true;
        swarm->ready++;
    } else if (dialect->aside(frame, &answer)) {
        if (answer)
            swarm_send(connection, (struct piece){answer, strlen(answer)});
    } else if (connection->begun || (connection->is_sender && connection->ready)) {
        fail("%s %u got, instead of message %llu of %llu: %.*s",
             connection->is_sender ? "sender" : "receiver", connection->number,
             (unsigned long long)connection->next, (unsigned long long)swarm->sent,
             (int)(frame.len < 600 ? frame.len : 600), frame.at);
    }
    if (swarm->watch)
        swarm->watch(swarm, connection, frame);
}

static void keep_rest(struct connection *connection, struct piece rest)
{
    if (rest.len > REST_MAX)
        fail("a frame of over %d bytes", REST_MAX);
    if (rest.len > connection->rest_size) {
        connection->rest_size = 2 * rest.len;
        connection->rest = need(realloc(connection->rest, connection->rest_size));
    }
    if (rest.len > 0)
        memcpy(connection->rest, rest.at, rest.len);
    connection->rest_len = rest.len;
}

/* How many bytes came: READ_SIZE, and there may be more. */
static ssize_t receive_some(struct swarm *swarm, struct connection *connection)
{
    if (connection->rest_len > 0)
        memcpy(swarm->input, connection->rest, connection->rest_len);
    char *input = swarm->input + connection->rest_len;
    ssize_t got = connection->ssl ? tls_receive(connection, input, READ_SIZE)
                                  : recv(connection->fd, input, READ_SIZE, MSG_DONTWAIT);
    if (got < 0 && errno == EAGAIN)
        return 0;
    if (got <= 0)
        fail("the broker closed connection %u: %s; %.*s", connection->number,
             got < 0 ? strerror(errno) : "end of stream",
             (int)(connection->rest_len < 600 ? connection->rest_len : 600), swarm->input);
    int64_t now = swarm->latencies ? clock_ns() : 0;
    struct piece bytes = {swarm->input, connection->rest_len + (size_t)got};
    while (bytes.len > 0) {
        ssize_t matched = match(swarm, connection, bytes);
        size_t len = matched > 0 ? (size_t)matched : 0;
        if (matched > 0) {
            take_message(swarm, connection, now);
        } else if (matched < 0) {
            len = swarm->plan->dialect->frame(bytes);
            if (len > 0)
                take_other(swarm, connection, (struct piece){bytes.at, len});
        }
        if (len == 0)
            break;
        bytes.at += len;
        bytes.len -= len;
    }
    keep_rest(connection, bytes);
    return got;
}

/* What TLS has taken from the socket, no event tells of. */
static void receive(struct swarm *swarm, struct connection *connection)
{
    if (connection->shaking && !tls_shake(connection))
        return;
    if (connection->shaking) {
        connection->shaking = false;
        swarm->shaking--;
        greet(swarm, connection);
    }
    while (receive_some(swarm, connection) == READ_SIZE && connection->ssl)
        ;
}

static void flush_outbox(struct swarm *swarm)
{
    size_t left = swarm->outbox_end - swarm->outbox_start;
    if (left == 0)
        return;
    ssize_t sent =
        send_some(&swarm->connections[receivers_of(swarm)],
                  (struct piece){swarm->outbox + swarm->outbox_start, left}, MSG_DONTWAIT);
    if (sent < 0 && errno != EAGAIN)
        fail("send: %s", strerror(errno));
    if (sent > 0)
        swarm->outbox_start += (size_t)sent;
    if (swarm->outbox_start == swarm->outbox_end)
        swarm->outbox_start = swarm->outbox_end = 0;
}

int swarm_turn(struct swarm *swarm, int64_t timeout_ns)
{
    struct epoll_event events[EVENTS_MAX];
    bool pending = swarm->outbox_end > 0;
    int64_t wait = pending ? MS : timeout_ns;
    struct timespec timeout = {.tv_sec = wait / (1000 * MS), .tv_nsec = wait % (1000 * MS)};
    int count = epoll_pwait2(swarm->epoll, events, EVENTS_MAX, &timeout, NULL);
    for (int i = 0; i < count; i++)
        receive(swarm, events[i].data.ptr);
    flush_outbox(swarm);
    return count > 0 || pending ? count + pending : 0;
}

void swarm_join(struct swarm *swarm, unsigned until)
{
    while (swarm->ready < until) {
        while (swarm->opened < until && swarm->opened - swarm->ready < swarm->plan->join_window)
            swarm_open(swarm);
        if (swarm_turn(swarm, SILENCE) == 0)
            fail("%u of %u connections are ready, and nothing comes", swarm->ready, until);
    }
}

void swarm_publish(struct swarm *swarm, unsigned count)
{
    const struct plan *plan = swarm->plan;
    int64_t now = swarm->latencies ? clock_ns() : 0;
    for (unsigned i = 0; i < count; i++) {
        struct slot *slot = &swarm->slots[swarm->sent % WINDOW_MAX];
        unsigned number = swarm->connections[swarm->sent % receivers_of(swarm)].number;
        char line[FRAME_MAX];
        struct piece text = {line, plan->dialect->message(plan, swarm->sent, number, line)};
        slot->len = plan->dialect->arrival(plan, text, number, slot->arrival);
        slot->sent_ns = now;
        swarm->outbox_end +=
            plan->dialect->publish(plan, text, number, swarm->outbox + swarm->outbox_end);
        swarm->sent++;
    }
    flush_outbox(swarm);
}

uint64_t swarm_due(const struct swarm *swarm)
{
    return swarm->plan->what == CASE_DIRECT ? swarm->sent : swarm->sent * receivers_of(swarm);
}

void swarm_await(struct swarm *swarm)
{
    while (swarm->arrived < swarm_due(swarm)) {
        if (swarm_turn(swarm, SILENCE) == 0)
            fail("lost: %llu of %llu deliveries came, and nothing more comes",
                 (unsigned long long)swarm->arrived, (unsigned long long)swarm_due(swarm));
    }
}

void swarm_close(struct swarm *swarm)
{
    /* Reset, not closed: a thousand sockets in TIME_WAIT would be in the next run's way. */
    struct linger at_once = {.l_onoff = 1, .l_linger = 0};
    for (unsigned i = 0; i < swarm->opened; i++) {
        setsockopt(swarm->connections[i].fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
        close(swarm->connections[i].fd);
        tls_end(&swarm->connections[i]);
        free(swarm->connections[i].rest);
    }
    close(swarm->epoll);
    free(swarm->connections);
    free(swarm->input);
    free(swarm->outbox);
    free(swarm->latencies);
}
