/* The plain io over a pair of sockets: what it reads, takes, tells, and when it is gone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/io.h"

struct pair {
    uv_loop_t loop;
    struct io *io;
    int peer; /* blocking */
    unsigned events[IO_CLOSED + 1];
    bool close_at_writable;
};

static void on_io(struct io *io, enum io_event event, void *context)
{
    struct pair *pair = context;
    assert_ptr_equal(io, pair->io);
    pair->events[event]++;
    if (event == IO_WRITABLE && pair->close_at_writable)
        io_close(io);
    else if (event != IO_CLOSED)
        io_want(io, 0); /* told once: the loop may end */
}

static void pair_of(struct pair *pair, int fd, int peer)
{
    *pair = (struct pair){.peer = peer};
    assert_int_equal(uv_loop_init(&pair->loop), 0);
    assert_int_equal(fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK), 0);
    pair->io = io_plain(&pair->loop, fd, on_io, pair);
    assert_non_null(pair->io);
}

static void pair_unix(struct pair *pair)
{
    int ends[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    pair_of(pair, ends[0], ends[1]);
}

static void pair_tcp(struct pair *pair)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int peer = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(listener, (struct sockaddr *)&address, len), 0);
    assert_int_equal(listen(listener, 1), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&address, &len), 0);
    assert_int_equal(connect(peer, (struct sockaddr *)&address, len), 0);
    int fd = accept(listener, NULL, NULL);
    assert_true(fd >= 0);
    close(listener);
    pair_of(pair, fd, peer);
}

static void pair_end(struct pair *pair)
{
    unsigned before = pair->events[IO_CLOSED];
    io_close(pair->io);
    assert_int_equal(pair->events[IO_CLOSED], before); /* not within the call */
    uv_run(&pair->loop, UV_RUN_DEFAULT);
    assert_int_equal(pair->events[IO_CLOSED], before + 1);
    assert_int_equal(uv_loop_close(&pair->loop), 0);
    if (pair->peer >= 0)
        close(pair->peer);
}

static ssize_t write_text(struct pair *pair, const char *text)
{
    struct iovec vectors[2] = {{(void *)(uintptr_t)text, 1},
                               {(void *)(uintptr_t)(text + 1), strlen(text) - 1}};
    return io_write(pair->io, vectors, 2);
}

static void bytes_go_both_ways(void **state)
{
    (void)state;
    struct pair pair;
    char buffer[16];
    pair_unix(&pair);
    assert_int_equal(io_read(pair.io, buffer, sizeof buffer), -EAGAIN);
    assert_int_equal(write_text(&pair, "hello"), 5);
    assert_int_equal(read(pair.peer, buffer, sizeof buffer), 5);
    assert_memory_equal(buffer, "hello", 5);
    assert_int_equal(write(pair.peer, "answer", 6), 6);
    assert_int_equal(io_read(pair.io, buffer, 3), 3);
    assert_int_equal(io_read(pair.io, buffer + 3, sizeof buffer - 3), 3);
    assert_memory_equal(buffer, "answer", 6);
    io_finish(pair.io);
    assert_int_equal(read(pair.peer, buffer, sizeof buffer), 0);
    assert_int_equal(write(pair.peer, "more", 4), 4); /* the other way is still open */
    assert_int_equal(io_read(pair.io, buffer, sizeof buffer), 4);
    close(pair.peer);
    pair.peer = -1;
    assert_int_equal(io_read(pair.io, buffer, sizeof buffer), 0);
    assert_int_equal(write_text(&pair, "lost"), -EPIPE);
    pair_end(&pair);
}

static void only_wanted_events_come(void **state)
{
    (void)state;
    struct pair pair;
    pair_unix(&pair);
    assert_int_equal(write(pair.peer, "x", 1), 1);
    uv_run(&pair.loop, UV_RUN_NOWAIT);
    assert_int_equal(pair.events[IO_READABLE] + pair.events[IO_WRITABLE], 0);
    io_want(pair.io, IO_WANT_READ);
    uv_run(&pair.loop, UV_RUN_DEFAULT);
    assert_int_equal(pair.events[IO_READABLE], 1);
    assert_int_equal(pair.events[IO_WRITABLE], 0);
    io_want(pair.io, IO_WANT_WRITE);
    uv_run(&pair.loop, UV_RUN_DEFAULT);
    assert_int_equal(pair.events[IO_READABLE], 1);
    assert_int_equal(pair.events[IO_WRITABLE], 1);
    pair_end(&pair);
}

static void closed_in_an_event_it_tells_nothing_more(void **state)
{
    (void)state;
    struct pair pair;
    pair_unix(&pair);
    pair.close_at_writable = true;
    assert_int_equal(write(pair.peer, "x", 1), 1);
    io_want(pair.io, IO_WANT_READ | IO_WANT_WRITE); /* both are due */
    uv_run(&pair.loop, UV_RUN_DEFAULT);
    assert_int_equal(pair.events[IO_WRITABLE], 1);
    assert_int_equal(pair.events[IO_READABLE], 0);
    assert_int_equal(pair.events[IO_CLOSED], 1);
    assert_int_equal(uv_loop_close(&pair.loop), 0);
    close(pair.peer);
}

/* Writes until nothing more is taken; returns how much was. */
static uint64_t fill(struct pair *pair)
{
    static char bytes[64 << 10];
    uint64_t filled = 0;
    ssize_t sent;
    while ((sent = io_write(pair->io, &(struct iovec){bytes, sizeof bytes}, 1)) > 0)
        filled += (uint64_t)sent;
    assert_int_equal(sent, -EAGAIN);
    return filled;
}

/* A peer that reads is seen to take bytes, though not all of them are with it yet. */
static void what_a_tcp_peer_takes_is_seen(void **state)
{
    (void)state;
    struct pair pair;
    char buffer[64 << 10];
    pair_tcp(&pair);
    uint64_t start = io_taken(pair.io), filled = fill(&pair), before = io_taken(pair.io);
    assert_true(before < start + filled);
    for (uint64_t left = filled; left;) {
        ssize_t len = read(pair.peer, buffer, sizeof buffer);
        assert_true(len > 0);
        left -= (uint64_t)len;
        assert_true(io_taken(pair.io) >= before);
        before = io_taken(pair.io);
    }
    while (io_taken(pair.io) != start + filled)
        usleep(1000); /* until the last acknowledgement is there */
    assert_true(io_is_settled(pair.io));
    pair_end(&pair);
}

static void what_a_unix_socket_takes_is_with_the_peer(void **state)
{
    (void)state;
    struct pair pair;
    pair_unix(&pair);
    uint64_t start = io_taken(pair.io), filled = fill(&pair);
    assert_int_equal(io_taken(pair.io), start + filled);
    assert_true(io_is_settled(pair.io));
    pair_end(&pair);
}

static void what_is_not_read_or_not_acknowledged_is_not_settled(void **state)
{
    (void)state;
    struct pair pair;
    char buffer[16];
    pair_tcp(&pair);
    assert_true(io_is_settled(pair.io));
    assert_int_equal(write(pair.peer, "x", 1), 1);
    while (io_is_settled(pair.io))
        usleep(1000);
    assert_int_equal(io_read(pair.io, buffer, sizeof buffer), 1);
    assert_true(io_is_settled(pair.io));
    fill(&pair);
    assert_false(io_is_settled(pair.io));
    pair_end(&pair);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_go_both_ways),
        cmocka_unit_test(only_wanted_events_come),
        cmocka_unit_test(closed_in_an_event_it_tells_nothing_more),
        cmocka_unit_test(what_a_tcp_peer_takes_is_seen),
        cmocka_unit_test(what_a_unix_socket_takes_is_with_the_peer),
        cmocka_unit_test(what_is_not_read_or_not_acknowledged_is_not_settled),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
