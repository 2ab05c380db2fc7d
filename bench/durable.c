/* Acknowledged messages: how many a second a broker takes that says so when they are on disk, and
 * how long that takes.
 *
 *     durable --dialect khub|khub_share|floor|redis|nats --port N --publishers N --window N
 *             --seconds S [--warm S] [--rate N] [--messages N]
 *
 * Each publisher keeps `window` messages of MESSAGE_BYTES under way on a connection of its own. One
 * line of JSON: acknowledged messages a second, and the latency of one in 64 of them. With a rate,
 * all together say no more a second than that, evenly. With a number of messages it ends when so
 * many are acknowledged. khub_share says what a hub keeps for ever. */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define MESSAGE_BYTES  300u
#define PUBLISHERS_MAX 1024u
#define WINDOW_MAX     4096u
#define BUFFER_BYTES   (1u << 16)
#define SAMPLES_MAX    (1u << 20)
#define SAMPLE_EVERY   64u
#define PACE_NS        100000 /* at a rate: what is due is looked for so often */

static void fail(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));

static void fail(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fprintf(stderr, "durable: ");
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
    exit(1);
}

static uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* ── how each is spoken to ── */

struct dialect {
    const char *name;
    /* What a publisher says first; the bytes' number. */
    size_t (*greet)(unsigned publisher, char *buffer);
    const char *ready; /* stands in the answer to that */
    size_t (*message)(unsigned publisher, uint64_t number, char *buffer);
    const char *ack;     /* stands once in each acknowledgement, */
    const char *refusal; /* and this where there is none */
};

static void fill(char *buffer, size_t from, size_t to)
{
    memset(buffer + from, 'x', to - from);
}

static size_t khub_greet(unsigned publisher, char *buffer)
{
    return (size_t)sprintf(buffer,
                           "{\"message_id\":\"h\",\"sender_id\":\"p%u\",\"message_type\":\"hello\","
                           "\"timestamp\":\"2026-11-22T08:00:00Z\",\"payload\":{\"protocol\":2,"
                           "\"acks\":true,\"sync\":\"none\"},\"target_ai\":null}\n",
                           publisher);
}

static size_t khub_message(unsigned publisher, uint64_t number, char *buffer)
{
    static const char tail[] = "\"},\"target_ai\":\"sink\"}\n";
    size_t len = (size_t)sprintf(buffer,
                                 "{\"message_id\":\"%" PRIu64 "\",\"sender_id\":\"p%u\","
                                 "\"message_type\":\"chat\",\"timestamp\":\"2026-11-22T08:00:00Z\","
                                 "\"payload\":{\"text\":\"",
                                 number, publisher);
    size_t end = MESSAGE_BYTES - (sizeof tail - 1);
    fill(buffer, len, end);
    memcpy(buffer + end, tail, sizeof tail - 1);
    return MESSAGE_BYTES;
}

/* Something to know: for ever kept, and told to everybody. */
static size_t share_message(unsigned publisher, uint64_t number, char *buffer)
{
    static const char tail[] = "\"}},\"target_ai\":null}\n";
    size_t len = (size_t)sprintf(buffer,
                                 "{\"message_id\":\"k%" PRIu64 "\",\"sender_id\":\"p%u\","
                                 "\"message_type\":\"pattern_share\","
                                 "\"timestamp\":\"2026-11-22T08:00:00Z\","
                                 "\"payload\":{\"pattern\":{\"id\":\"%u-%" PRIu64 "\",\"text\":\"",
                                 number, publisher, publisher, number);
    size_t end = MESSAGE_BYTES - (sizeof tail - 1);
    fill(buffer, len, end);
    memcpy(buffer + end, tail, sizeof tail - 1);
    return MESSAGE_BYTES;
}

/* It greets by itself. */
static size_t floor_greet(unsigned publisher, char *buffer)
{
    (void)publisher, (void)buffer;
    return 0;
}

static size_t floor_message(unsigned publisher, uint64_t number, char *buffer)
{
    (void)publisher, (void)number;
    fill(buffer, 0, MESSAGE_BYTES - 1);
    buffer[MESSAGE_BYTES - 1] = '\n';
    return MESSAGE_BYTES;
}

static size_t redis_greet(unsigned publisher, char *buffer)
{
    (void)publisher;
    return (size_t)sprintf(buffer, "PING\r\n");
}

static size_t redis_message(unsigned publisher, uint64_t number, char *buffer)
{
    (void)publisher, (void)number;
    size_t len = (size_t)sprintf(
        buffer, "*5\r\n$4\r\nXADD\r\n$1\r\ns\r\n$1\r\n*\r\n$1\r\nm\r\n$%u\r\n", MESSAGE_BYTES);
    fill(buffer, len, len + MESSAGE_BYTES);
    return len + MESSAGE_BYTES + (size_t)sprintf(buffer + len + MESSAGE_BYTES, "\r\n");
}

static size_t nats_greet(unsigned publisher, char *buffer)
{
    return (size_t)sprintf(buffer,
                           "CONNECT {\"verbose\":false,\"pedantic\":false}\r\nSUB _INBOX.%u 1\r\n"
                           "PING\r\n",
                           publisher);
}

static size_t nats_message(unsigned publisher, uint64_t number, char *buffer)
{
    (void)number;
    size_t len = (size_t)sprintf(buffer, "PUB s _INBOX.%u %u\r\n", publisher, MESSAGE_BYTES);
    fill(buffer, len, len + MESSAGE_BYTES);
    return len + MESSAGE_BYTES + (size_t)sprintf(buffer + len + MESSAGE_BYTES, "\r\n");
}

static const struct dialect dialects[] = {
    {"khub", khub_greet, "\"training_sync\"", khub_message, "\"ack\"", "\"error\""},
    {"khub_share", khub_greet, "\"training_sync\"", share_message, "\"ack\"", "\"error\""},
    {"floor", floor_greet, "ready", floor_message, "ack", "refused"},
    {"redis", redis_greet, "+PONG", redis_message, "$", "-ERR"},
    {"nats", nats_greet, "PONG", nats_message, "\"seq\":", "\"error\""},
};

/* ── publishers ── */

struct publisher {
    int fd;
    uint64_t said, acked;
    uint64_t said_at[WINDOW_MAX]; /* by number, modulo the window's bound */
    char out[BUFFER_BYTES + 1024];
    size_t out_at, out_len;
    char kept[16]; /* the end of what was read: a mark may lie across two reads */
    size_t kept_len;
};

static struct bench {
    const struct dialect *dialect;
    unsigned publishers, window;
    double rate;          /* messages a second; 0: as many as the windows let */
    uint64_t messages;    /* to be acknowledged; 0: for some seconds */
    uint64_t said, began; /* by all; when, in ns */
    struct publisher *all;
    double *samples;
    size_t sample_count;
    bool measuring;
    uint64_t acked;
} bench;

static void put_out(struct publisher *publisher)
{
    while (publisher->out_at < publisher->out_len) {
        ssize_t sent = send(publisher->fd, publisher->out + publisher->out_at,
                            publisher->out_len - publisher->out_at, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent < 0 && errno == EAGAIN)
            return;
        if (sent < 0)
            fail("a publisher can't send: %s", strerror(errno));
        publisher->out_at += (size_t)sent;
    }
    publisher->out_at = publisher->out_len = 0;
}

/* No more messages than are wanted, and no sooner than the rate lets. */
static bool may_say(void)
{
    if (bench.messages && bench.said >= bench.messages)
        return false;
    return bench.rate == 0 ||
           (double)bench.said < bench.rate * (double)(now_ns() - bench.began) / 1e9;
}

/* As many as the window, the buffer and the rate let. */
static void publish(struct publisher *publisher)
{
    unsigned number = (unsigned)(publisher - bench.all);
    while (publisher->said - publisher->acked < bench.window && may_say() &&
           publisher->out_len + 1024 < BUFFER_BYTES) {
        publisher->said_at[publisher->said % WINDOW_MAX] = now_ns();
        publisher->out_len +=
            bench.dialect->message(number, publisher->said, publisher->out + publisher->out_len);
        publisher->said++;
        bench.said++;
    }
    put_out(publisher);
}

static void acked(struct publisher *publisher)
{
    uint64_t number = publisher->acked++;
    if (publisher->acked > publisher->said)
        fail("more was acknowledged than said");
    if (!bench.measuring)
        return;
    bench.acked++;
    if (number % SAMPLE_EVERY == 0 && bench.sample_count < SAMPLES_MAX)
        bench.samples[bench.sample_count++] =
            (double)(now_ns() - publisher->said_at[number % WINDOW_MAX]) / 1e6;
}

/* Counts the acknowledgements in what came. */
static void take_in(struct publisher *publisher)
{
    static char buffer[sizeof publisher->kept + BUFFER_BYTES + 1];
    const char *mark = bench.dialect->ack;
    size_t mark_len = strlen(mark);
    memcpy(buffer, publisher->kept, publisher->kept_len);
    ssize_t got = recv(publisher->fd, buffer + publisher->kept_len, BUFFER_BYTES, MSG_DONTWAIT);
    if (got < 0 && errno == EAGAIN)
        return;
    if (got <= 0)
        fail("the broker closed a connection");
    size_t len = publisher->kept_len + (size_t)got;
    buffer[len] = '\0';
    if (strstr(buffer, bench.dialect->refusal))
        fail("refused: %.200s", strstr(buffer, bench.dialect->refusal));
    const char *at = buffer, *end = buffer + len, *found;
    while ((found = memmem(at, (size_t)(end - at), mark, mark_len))) {
        acked(publisher);
        at = found + mark_len;
    }
    size_t rest = (size_t)(end - at);
    publisher->kept_len = rest < mark_len - 1 ? rest : mark_len - 1;
    memcpy(publisher->kept, end - publisher->kept_len, publisher->kept_len);
}

static int connect_to(unsigned port)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0), one = 1;
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) < 0)
        fail("cannot connect to port %u: %s", port, strerror(errno));
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    return fd;
}

/* Says the greeting and reads until the answer is there. */
static int greet(unsigned number, const char *name, unsigned port)
{
    char buffer[8192];
    int fd = connect_to(port);
    size_t len = bench.dialect->greet(number, buffer), got = 0;
    if (name) { /* khub's target: it only has to have been there */
        len =
            (size_t)sprintf(buffer,
                            "{\"message_id\":\"h\",\"sender_id\":\"%s\",\"message_type\":\"hello\","
                            "\"timestamp\":\"t\",\"payload\":{\"protocol\":2},"
                            "\"target_ai\":null}\n",
                            name);
    }
    if (send(fd, buffer, len, MSG_NOSIGNAL) != (ssize_t)len)
        fail("cannot send");
    while (got < sizeof buffer - 1) {
        ssize_t more = recv(fd, buffer + got, sizeof buffer - 1 - got, 0);
        if (more <= 0)
            fail("the broker closed a connection at its greeting");
        got += (size_t)more;
        buffer[got] = '\0';
        if (strstr(buffer, bench.dialect->ready))
            return fd;
    }
    fail("no answer to the greeting: %.200s", buffer);
}

/* It does not spin at a rate either: the broker has threads, and may need the processor. */
static void run_for(int poll, double seconds)
{
    static const struct timespec pace = {.tv_nsec = PACE_NS}, long_time = {.tv_nsec = 10000000};
    uint64_t end = now_ns() + (uint64_t)(seconds * 1e9);
    struct epoll_event events[64];
    unsigned turn = 0;
    while (bench.messages ? bench.acked < bench.messages : now_ns() < end) {
        int count = epoll_pwait2(poll, events, 64, bench.rate > 0 ? &pace : &long_time, NULL);
        for (int i = 0; i < count; i++) {
            struct publisher *publisher = events[i].data.ptr;
            take_in(publisher);
            publish(publisher);
        }
        for (unsigned i = 0; count == 0 && i < bench.publishers; i++)
            put_out(&bench.all[i]);
        for (unsigned i = 0; bench.rate > 0 && may_say() && i < bench.publishers; i++)
            publish(&bench.all[turn++ % bench.publishers]);
    }
}

static int by_size(const void *left, const void *right)
{
    double one = *(const double *)left, other = *(const double *)right;
    return (one > other) - (one < other);
}

static double quantile(double part)
{
    if (!bench.sample_count)
        return 0;
    return bench.samples[(size_t)(part * (double)(bench.sample_count - 1))];
}

static void measure(unsigned port, double warm, double seconds)
{
    int poll = epoll_create1(0);
    if (strncmp(bench.dialect->name, "khub", 4) == 0)
        close(greet(0, "sink", port));
    for (unsigned i = 0; i < bench.publishers; i++) {
        struct publisher *publisher = &bench.all[i];
        publisher->fd = greet(i, NULL, port);
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = publisher};
        if (epoll_ctl(poll, EPOLL_CTL_ADD, publisher->fd, &event) < 0)
            fail("epoll: %s", strerror(errno));
    }
    bench.began = now_ns();
    bench.measuring = bench.messages > 0;
    for (unsigned i = 0; i < bench.publishers; i++)
        publish(&bench.all[i]);
    if (!bench.messages)
        run_for(poll, warm);
    bench.measuring = true;
    uint64_t start = now_ns();
    run_for(poll, seconds);
    double took = (double)(now_ns() - start) / 1e9;
    qsort(bench.samples, bench.sample_count, sizeof *bench.samples, by_size);
    printf("{\"acked_per_s\":%.0f,\"p50_ms\":%.3f,\"p99_ms\":%.3f,\"p999_ms\":%.3f,"
           "\"samples\":%zu}\n",
           (double)bench.acked / took, quantile(0.5), quantile(0.99), quantile(0.999),
           bench.sample_count);
}

int main(int count, char **arguments)
{
    static const struct option options[] = {{"dialect", required_argument, NULL, 'd'},
                                            {"port", required_argument, NULL, 'p'},
                                            {"publishers", required_argument, NULL, 'n'},
                                            {"window", required_argument, NULL, 'w'},
                                            {"seconds", required_argument, NULL, 's'},
                                            {"warm", required_argument, NULL, 'a'},
                                            {"rate", required_argument, NULL, 'r'},
                                            {"messages", required_argument, NULL, 'm'},
                                            {NULL, 0, NULL, 0}};
    unsigned port = 0;
    double seconds = 1, warm = 0.2;
    bench.publishers = bench.window = 1;
    for (int option; (option = getopt_long(count, arguments, "", options, NULL)) != -1;) {
        if (option == 'd')
            for (size_t i = 0; i < sizeof dialects / sizeof *dialects; i++)
                bench.dialect =
                    strcmp(dialects[i].name, optarg) == 0 ? &dialects[i] : bench.dialect;
        else if (option == 'p')
            port = (unsigned)strtoul(optarg, NULL, 10);
        else if (option == 'n')
            bench.publishers = (unsigned)strtoul(optarg, NULL, 10);
        else if (option == 'w')
            bench.window = (unsigned)strtoul(optarg, NULL, 10);
        else if (option == 's')
            seconds = strtod(optarg, NULL);
        else if (option == 'a')
            warm = strtod(optarg, NULL);
        else if (option == 'r')
            bench.rate = strtod(optarg, NULL);
        else if (option == 'm')
            bench.messages = strtoull(optarg, NULL, 10);
        else
            return 2;
    }
    if (!bench.dialect || !port || !bench.publishers || bench.publishers > PUBLISHERS_MAX ||
        !bench.window || bench.window > WINDOW_MAX)
        fail("--dialect khub|floor|redis|nats, --port, --publishers 1 to %u and --window 1 to %u "
             "are needed",
             PUBLISHERS_MAX, WINDOW_MAX);
    bench.all = calloc(bench.publishers, sizeof *bench.all);
    bench.samples = calloc(SAMPLES_MAX, sizeof *bench.samples);
    if (!bench.all || !bench.samples)
        fail("out of memory");
    measure(port, warm, seconds);
    return 0;
}
