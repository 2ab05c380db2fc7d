/* Pace, with the loop's clock in the test's hands: for whom reading pauses, and for how long. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/pace.h"
#include "net/state.h"

#define OUTPUT_MAX (8u << 20)
#define RECEIVERS  4

struct place {
    struct server *server;
    struct connection *receivers[RECEIVERS];
    int peers[RECEIVERS]; /* the other ends, which nobody reads */
};

static int place_setup(void **state)
{
    struct place *place = calloc(1, sizeof *place);
    struct server *server = place->server = calloc(1, sizeof *server);
    struct connection_list *lists[] = {&server->dirty,    &server->overfull, &server->newcomers,
                                       &server->laggards, &server->held,     &server->closing};
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
        TAILQ_INIT(lists[i]);
    server->options = server_options_default();
    server->options.hub.output_max = OUTPUT_MAX;
    id_table_init(&server->connections);
    streams_init(&server->streams);
    assert_int_equal(uv_loop_init(&server->loop), 0);
    uv_timer_init(&server->loop, &server->beat);
    for (size_t i = 0; i < RECEIVERS; i++) {
        int ends[2];
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends),
                         0);
        place->receivers[i] = connection_new(server, ends[0], "a peer");
        assert_non_null(place->receivers[i]);
        place->peers[i] = ends[1];
    }
    *state = place;
    return 0;
}

static int place_teardown(void **state)
{
    struct place *place = *state;
    for (size_t i = 0; i < RECEIVERS; i++) {
        connection_destroy(place->receivers[i]);
        close(place->peers[i]);
    }
    uv_close((uv_handle_t *)&place->server->beat, NULL);
    uv_run(&place->server->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&place->server->loop), 0);
    id_table_free(&place->server->connections);
    streams_free(&place->server->streams);
    free(place->server);
    free(place);
    return 0;
}

/* Some bytes go out, and the peer takes them: a unix socket's has them at once. */
static void takes(struct place *place, size_t receiver, size_t bytes)
{
    struct connection *connection = place->receivers[receiver];
    static char buffer[64 << 10];
    assert_true(bytes <= sizeof buffer);
    struct iovec vector = {buffer, bytes};
    assert_int_equal(io_write(connection->io, &vector, 1), bytes);
    assert_int_equal(read(place->peers[receiver], buffer, sizeof buffer), bytes);
    connection->bytes_out += bytes;
    connection->sent_at = uv_now(&place->server->loop);
}

static void lags(struct place *place, size_t receiver)
{
    struct connection *connection = place->receivers[receiver];
    connection->queue.bytes = LAG_ABOVE(OUTPUT_MAX) + 1;
    pace_check(connection);
    assert_true(connection->lagging);
}

static void catches_up(struct place *place, size_t receiver)
{
    place->receivers[receiver]->queue.bytes = 0;
    pace_check(place->receivers[receiver]);
    assert_false(place->receivers[receiver]->lagging);
}

static void time_passes(struct place *place, uint64_t ms)
{
    place->server->loop.time += ms;
}

static void all_take(struct place *place, size_t bytes)
{
    for (size_t i = 0; i < RECEIVERS; i++)
        takes(place, i, bytes);
}

/* One that trickles holds the others up for a second, however long it goes on. */
static void a_lone_laggard_counts_for_a_moment_only(void **state)
{
    struct place *place = *state;
    all_take(place, 1000);
    lags(place, 0);
    assert_true(place->server->paused);
    for (uint64_t ms = 0; ms < LAG_PATIENCE_MS; ms += 100) {
        time_passes(place, 100);
        takes(place, 0, 1000);
        pace_review(place->server);
        assert_true(place->server->paused);
    }
    time_passes(place, 1);
    takes(place, 0, 1000);
    pace_review(place->server);
    assert_false(place->server->paused);
    for (unsigned beat = 0; beat < 100; beat++) { /* nor does it later */
        time_passes(place, 100);
        all_take(place, 1000);
        pace_review(place->server);
        assert_false(place->server->paused);
    }
}

/* While all are held back nobody receives: that makes no majority of the one that lags. */
static void a_pause_makes_no_majority(void **state)
{
    struct place *place = *state;
    all_take(place, 1000);
    lags(place, 0);
    assert_true(place->server->paused);
    for (uint64_t ms = 0; ms <= LAG_PATIENCE_MS; ms += 100) {
        time_passes(place, 100);
        takes(place, 0, 64 << 10); /* and well above the least pace */
        pace_review(place->server);
    }
    assert_false(place->server->paused);
}

static void one_that_takes_nothing_holds_nobody_up_for_long(void **state)
{
    struct place *place = *state;
    all_take(place, 1000);
    lags(place, 0);
    lags(place, 1);
    lags(place, 2);
    assert_true(place->server->paused);
    time_passes(place, LAG_PATIENCE_MS + 1);
    pace_review(place->server);
    assert_false(place->server->paused);
}

static void one_that_stopped_before_it_lagged_holds_nobody_up(void **state)
{
    struct place *place = *state;
    all_take(place, 1000);
    time_passes(place, LAG_PATIENCE_MS + 1);
    lags(place, 0);
    assert_false(place->server->paused);
    pace_review(place->server);
    assert_false(place->server->paused);
}

/* When most lag the machine is behind: they are waited for as long as they keep the least pace. */
static void most_are_waited_for_while_they_keep_pace(void **state)
{
    struct place *place = *state;
    all_take(place, 1000);
    for (size_t i = 0; i < 3; i++)
        lags(place, i);
    for (unsigned beat = 0; beat < 100; beat++) {
        time_passes(place, 100);
        for (size_t i = 0; i < 3; i++)
            takes(place, i, LAG_PACE(OUTPUT_MAX) / 10 + 1);
        pace_review(place->server);
        assert_true(place->server->paused);
    }
    for (unsigned beat = 0; beat < 10 && place->server->paused; beat++) {
        time_passes(place, 100);
        for (size_t i = 0; i < 3; i++)
            takes(place, i, 1000);
        pace_review(place->server);
    }
    assert_false(place->server->paused);
}

static void who_was_held_is_read_again_when_all_caught_up(void **state)
{
    struct place *place = *state;
    struct connection *sender = place->receivers[3];
    all_take(place, 1000);
    lags(place, 0);
    lags(place, 1);
    sender->held = true;
    TAILQ_INSERT_TAIL(&place->server->held, sender, held_link);
    catches_up(place, 0);
    assert_true(place->server->paused);
    assert_true(sender->held);
    catches_up(place, 1);
    assert_false(place->server->paused);
    assert_false(sender->held);
    assert_true(TAILQ_EMPTY(&place->server->held));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, place_setup, place_teardown)
        TEST(a_lone_laggard_counts_for_a_moment_only),
        TEST(a_pause_makes_no_majority),
        TEST(one_that_takes_nothing_holds_nobody_up_for_long),
        TEST(one_that_stopped_before_it_lagged_holds_nobody_up),
        TEST(most_are_waited_for_while_they_keep_pace),
        TEST(who_was_held_is_read_again_when_all_caught_up),
#undef TEST
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
