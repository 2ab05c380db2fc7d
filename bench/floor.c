/* The floor of `./dev bench relay`, a relay that does nothing but copy; and that of `./dev bench
 * durable`.
 *
 *     relay_floor PORT_FILE            every line goes to every other connection
 *     relay_floor PORT_FILE --direct   a line begins with the number of the one connection that it
 *                                      goes to (8 digits)
 *     relay_floor PORT_FILE --bare     as the first, but sends what it has just read, with no copy
 *                                      for each receiver
 *     relay_floor PORT_FILE --disk LOG no line goes anywhere: all that came in a turn is written to
 *                                      LOG, then fdatasync, then each line is answered "ack"
 *
 * No JSON is looked at, nobody is known by name, nothing is kept. What is here is what any relay
 * has to pay: one loop over epoll, one read for a sender that has something, an output buffer for
 * each receiver, and one send for each receiver per turn of the loop, however many lines came in
 * that turn. Lines are copied in runs, as many as one read brought.
 *
 * The log is written over, within DISK_BYTES: where a file doesn't grow, a file system has the
 * least to do. When the last publisher has left, a line of JSON tells what write and fdatasync
 * took.
 *
 * A connection is greeted with its number, "ready 00000042", so that a peer knows when it
 * counts. */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
    READ_SIZE = 64 << 10,
    LINE_MAX_BYTES = 16 << 10,
    OUTPUT_MAX = 64 << 20,
    EVENTS_MAX = 1024,
    PEERS_MAX = 16384,
    NUMBER_DIGITS = 8,
    DISK_BYTES = 4 << 20,
    COMMITS_MAX = 1 << 20
};

enum relay_mode { RELAY_FANOUT, RELAY_DIRECT, RELAY_BARE, RELAY_DISK };

struct peer {
    int fd;
    bool waits_for_room; /* EPOLLOUT is asked for */
    bool due;            /* stands in relay.due */
    bool gone;
    char *out;
    size_t out_start, out_end, out_size;
    char *rest; /* the beginning of a line that is not whole yet */
    size_t rest_len;
    unsigned long unacked; /* lines that are not on the disk yet */
};

static struct relay {
    enum relay_mode mode;
    int epoll, listener;
    struct peer *peers[PEERS_MAX]; /* by number; NULL once gone */
    unsigned peer_count;
    struct peer *due[PEERS_MAX]; /* those with output of this turn */
    unsigned due_count;
    char input[LINE_MAX_BYTES + READ_SIZE];
} relay;

static struct disk {
    int log;
    off_t at; /* where the next commit begins */
    char *bytes;
    size_t len, size;
    double commits_ms[COMMITS_MAX];
    size_t commit_count;
} disk;

static _Noreturn void die(const char *what)
{
    fprintf(stderr, "relay_floor: %s: %s\n", what, strerror(errno));
    exit(1);
}

static void peer_watch(struct peer *peer, bool for_room)
{
    struct epoll_event event = {.events = EPOLLIN | (for_room ? EPOLLOUT : 0), .data.ptr = peer};
    if (epoll_ctl(relay.epoll, EPOLL_CTL_MOD, peer->fd, &event) < 0)
        die("epoll_ctl");
    peer->waits_for_room = for_room;
}

static void peer_mark_due(struct peer *peer)
{
    if (peer->due || peer->waits_for_room)
        return;
    peer->due = true;
    relay.due[relay.due_count++] = peer;
}

static void peer_append(struct peer *peer, const char *bytes, size_t len)
{
    if (len == 0)
        return;
    if (peer->out_size - peer->out_end < len) {
        size_t held = peer->out_end - peer->out_start;
        if (held + len > OUTPUT_MAX) {
            errno = ENOBUFS;
            die("a receiver is too slow");
        }
        if (held > 0)
            memmove(peer->out, peer->out + peer->out_start, held);
        peer->out_start = 0;
        peer->out_end = held;
        while (peer->out_size < held + len)
            peer->out_size = peer->out_size ? 2 * peer->out_size : 4096;
        peer->out = realloc(peer->out, peer->out_size);
        if (!peer->out)
            die("realloc");
    }
    assert(peer->out);
    memcpy(peer->out + peer->out_end, bytes, len);
    peer->out_end += len;
    peer_mark_due(peer);
}

static void peer_flush(struct peer *peer)
{
    size_t held = peer->out_end - peer->out_start;
    if (peer->gone || held == 0)
        return;
    ssize_t sent = send(peer->fd, peer->out + peer->out_start, held, MSG_NOSIGNAL);
    if (sent < 0) {
        if (errno != EAGAIN) {
            peer->gone = true;
            return;
        }
        sent = 0;
    }
    peer->out_start += (size_t)sent;
    if (peer->out_start == peer->out_end)
        peer->out_start = peer->out_end = 0;
    bool left = peer->out_end > 0;
    if (left != peer->waits_for_room)
        peer_watch(peer, left);
}

/* Sends at once from the bytes read; only what the kernel does not take is copied. */
static void peer_send_bare(struct peer *peer, const char *bytes, size_t len)
{
    ssize_t sent = 0;
    if (peer->out_end == 0) {
        sent = send(peer->fd, bytes, len, MSG_NOSIGNAL);
        if (sent < 0)
            sent = 0;
    }
    if ((size_t)sent < len)
        peer_append(peer, bytes + sent, len - (size_t)sent);
}

static void relay_to_all(const struct peer *from, const char *lines, size_t len)
{
    for (unsigned i = 0; i < relay.peer_count; i++) {
        struct peer *peer = relay.peers[i];
        if (!peer || peer == from || peer->gone)
            continue;
        if (relay.mode == RELAY_BARE)
            peer_send_bare(peer, lines, len);
        else
            peer_append(peer, lines, len);
    }
}

static void relay_to_one(const char *line, size_t len)
{
    unsigned number = 0;
    if (len <= NUMBER_DIGITS)
        return;
    for (unsigned i = 0; i < NUMBER_DIGITS; i++)
        number = 10 * number + (unsigned)(line[i] - '0');
    if (number < relay.peer_count && relay.peers[number])
        peer_append(relay.peers[number], line, len);
}

/* ── on the disk ── */

static void disk_open(const char *path)
{
    static const char zeros[DISK_BYTES];
    disk.log = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (disk.log < 0 || pwrite(disk.log, zeros, sizeof zeros, 0) != sizeof zeros ||
        fsync(disk.log) < 0)
        die(path);
}

static void disk_add(struct peer *from, const char *lines, size_t len)
{
    if (disk.len + len > disk.size) {
        disk.size = 2 * (disk.len + len);
        disk.bytes = realloc(disk.bytes, disk.size);
        if (!disk.bytes)
            die("realloc");
    }
    assert(disk.bytes);
    memcpy(disk.bytes + disk.len, lines, len);
    disk.len += len;
    for (const char *end; (end = memchr(lines, '\n', len)); from->unacked++) {
        len -= (size_t)(end + 1 - lines);
        lines = end + 1;
    }
    peer_mark_due(from);
}

static double now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static void disk_commit(void)
{
    double began = now_ms();
    if (disk.len == 0)
        return;
    if (disk.at + (off_t)disk.len > DISK_BYTES)
        disk.at = 0;
    if (pwrite(disk.log, disk.bytes, disk.len, disk.at) != (ssize_t)disk.len ||
        fdatasync(disk.log) < 0)
        die("the log");
    disk.at += (off_t)disk.len;
    disk.len = 0;
    if (disk.commit_count < COMMITS_MAX)
        disk.commits_ms[disk.commit_count++] = now_ms() - began;
    for (unsigned i = 0; i < relay.due_count; i++)
        for (; relay.due[i]->unacked; relay.due[i]->unacked--)
            peer_append(relay.due[i], "ack\n", 4);
}

static int by_size(const void *left, const void *right)
{
    double one = *(const double *)left, other = *(const double *)right;
    return (one > other) - (one < other);
}

static double commit_quantile(double part)
{
    return disk.commits_ms[(size_t)(part * (double)(disk.commit_count - 1))];
}

/* What the commits since the last time took. */
static void disk_tell(void)
{
    if (disk.commit_count == 0)
        return;
    qsort(disk.commits_ms, disk.commit_count, sizeof *disk.commits_ms, by_size);
    printf("{\"commits\":%zu,\"p50_ms\":%.3f,\"p99_ms\":%.3f,\"p999_ms\":%.3f}\n",
           disk.commit_count, commit_quantile(0.5), commit_quantile(0.99), commit_quantile(0.999));
    fflush(stdout);
    disk.commit_count = 0;
}

/* ── the loop ── */

/* Everything up to the last line end. */
static void relay_lines(struct peer *from, const char *lines, size_t len)
{
    if (relay.mode == RELAY_DISK) {
        disk_add(from, lines, len);
        return;
    }
    if (relay.mode != RELAY_DIRECT) {
        relay_to_all(from, lines, len);
        return;
    }
    while (len > 0) {
        const char *end = memchr(lines, '\n', len);
        size_t line = (size_t)(end + 1 - lines);
        relay_to_one(lines, line);
        lines += line;
        len -= line;
    }
}

static void peer_read(struct peer *peer)
{
    if (peer->rest_len > 0)
        memcpy(relay.input, peer->rest, peer->rest_len);
    ssize_t got = recv(peer->fd, relay.input + peer->rest_len, READ_SIZE, 0);
    if (got <= 0) {
        peer->gone = got == 0 || errno != EAGAIN;
        return;
    }
    size_t held = peer->rest_len + (size_t)got, whole = 0;
    const char *last = memrchr(relay.input, '\n', held);
    if (last) {
        whole = (size_t)(last + 1 - relay.input);
        relay_lines(peer, relay.input, whole);
    }
    peer->rest_len = held - whole;
    if (peer->rest_len > LINE_MAX_BYTES) {
        peer->gone = true;
        return;
    }
    if (peer->rest_len > 0) {
        if (!peer->rest && !(peer->rest = malloc(LINE_MAX_BYTES)))
            die("malloc");
        memcpy(peer->rest, relay.input + whole, peer->rest_len);
    }
}

static void relay_accept(void)
{
    for (;;) {
        int fd = accept4(relay.listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0) {
            if (errno == EAGAIN || errno == ECONNABORTED)
                return;
            die("accept4");
        }
        if (relay.peer_count == PEERS_MAX) {
            close(fd);
            continue;
        }
        int on = 1;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        struct peer *peer = calloc(1, sizeof *peer);
        if (!peer)
            die("calloc");
        peer->fd = fd;
        char greeting[32];
        int len = snprintf(greeting, sizeof greeting, "ready %08u\n", relay.peer_count);
        relay.peers[relay.peer_count++] = peer;
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = peer};
        if (epoll_ctl(relay.epoll, EPOLL_CTL_ADD, fd, &event) < 0)
            die("epoll_ctl");
        peer_append(peer, greeting, (size_t)len);
    }
}

static void relay_bury(void)
{
    unsigned left = 0;
    for (unsigned i = 0; i < relay.peer_count; i++) {
        struct peer *peer = relay.peers[i];
        left += peer && !peer->gone;
        if (!peer || !peer->gone)
            continue;
        close(peer->fd);
        free(peer->out);
        free(peer->rest);
        free(peer);
        relay.peers[i] = NULL;
    }
    if (left == 0)
        disk_tell();
}

static void relay_turn(void)
{
    struct epoll_event events[EVENTS_MAX];
    bool someone_gone = false;
    int count = epoll_wait(relay.epoll, events, EVENTS_MAX, -1);
    for (int i = 0; i < count; i++) {
        struct peer *peer = events[i].data.ptr;
        if (!peer) {
            relay_accept();
            continue;
        }
        if (events[i].events & EPOLLOUT)
            peer_flush(peer);
        if (events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR))
            peer_read(peer);
        someone_gone = someone_gone || peer->gone;
    }
    disk_commit();
    for (unsigned i = 0; i < relay.due_count; i++) {
        relay.due[i]->due = false;
        peer_flush(relay.due[i]);
    }
    relay.due_count = 0;
    if (someone_gone)
        relay_bury();
}

static void relay_listen(const char *port_file)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    relay.listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (relay.listener < 0 || bind(relay.listener, (struct sockaddr *)&address, size) < 0 ||
        listen(relay.listener, 4096) < 0 ||
        getsockname(relay.listener, (struct sockaddr *)&address, &size) < 0)
        die("listen");
    relay.epoll = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};
    if (relay.epoll < 0 || epoll_ctl(relay.epoll, EPOLL_CTL_ADD, relay.listener, &event) < 0)
        die("epoll");
    FILE *file = fopen(port_file, "w");
    if (!file || fprintf(file, "%u\n", ntohs(address.sin_port)) < 0 || fclose(file) != 0)
        die(port_file);
}

int main(int argc, char **argv)
{
    bool on_disk = argc == 4 && strcmp(argv[2], "--disk") == 0;
    if (argc < 2 || (argc > 3 && !on_disk)) {
        fprintf(stderr, "usage: relay_floor PORT_FILE [--direct | --bare | --disk LOG]\n");
        return 2;
    }
    if (on_disk) {
        relay.mode = RELAY_DISK;
        disk_open(argv[3]);
    } else if (argc == 3 && strcmp(argv[2], "--direct") == 0)
        relay.mode = RELAY_DIRECT;
    else if (argc == 3 && strcmp(argv[2], "--bare") == 0)
        relay.mode = RELAY_BARE;
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }
    relay_listen(argv[1]);
    for (;;)
        relay_turn();
}
