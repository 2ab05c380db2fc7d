/* A link in a libuv loop: it gets its turns from the loop alone, survives its hub, and leaves
 * the loop as it found it. The hub is in the same loop: a Unix socket that answers each hello
 * with a sync. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "khub_uv.h"
#include "tests/unit/own_folder.h"

#define SYNC                                                                                       \
    "{\"message_id\":\"00000000-0000-4000-8000-000000000001\",\"sender_id\":\"hub\","              \
    "\"message_type\":\"training_sync\",\"timestamp\":\"2026-01-01T00:00:00+00:00\","              \
    "\"target_ai\":\"ada\",\"payload\":{\"active_ais\":[]}}\n"

static struct {
    uv_loop_t loop;
    uv_pipe_t listener, *peer; /* peer NULL: nobody is connected */
    char folder[OWN_FOLDER_SIZE], path[OWN_FOLDER_SIZE + 8], address[OWN_FOLDER_SIZE + 16];
    char received[1 << 16];
    size_t len;
    struct khub *link;
    struct khub_uv *adapter;
    unsigned joined, messages;
    bool ended, greeted; /* the peer has said hello */
    void (*on_joined)(void);
} test;

/* ── the hub ── */

static void freed(uv_handle_t *handle)
{
    free(handle);
}

static void part(void)
{
    if (test.peer)
        uv_close((uv_handle_t *)test.peer, freed);
    test.peer = NULL;
}

static void room_for(uv_handle_t *handle, size_t wanted, uv_buf_t *buffer)
{
    (void)handle, (void)wanted;
    *buffer =
        uv_buf_init(test.received + test.len, (unsigned)(sizeof test.received - 1 - test.len));
}

static void read_some(uv_stream_t *stream, ssize_t len, const uv_buf_t *buffer)
{
    (void)buffer;
    if (len < 0) {
        if ((uv_pipe_t *)stream == test.peer)
            part();
        return;
    }
    test.len += (size_t)len;
    test.received[test.len] = '\0';
    static char text[] = SYNC;
    uv_buf_t sync = uv_buf_init(text, sizeof text - 1);
    if (!test.greeted && strchr(test.received, '\n')) {
        test.greeted = true;
        assert_int_equal(uv_try_write(stream, &sync, 1), strlen(SYNC));
    }
}

static void let_in(uv_stream_t *listener, int status)
{
    assert_int_equal(status, 0);
    assert_null(test.peer);
    test.peer = calloc(1, sizeof *test.peer);
    test.len = 0;
    test.received[0] = '\0';
    test.greeted = false;
    uv_pipe_init(&test.loop, test.peer, 0);
    assert_int_equal(uv_accept(listener, (uv_stream_t *)test.peer), 0);
    uv_read_start((uv_stream_t *)test.peer, room_for, read_some);
    uv_unref((uv_handle_t *)test.peer);
}

/* ── the link ── */

static void on_message(struct khub *link, const struct khub_message *message, void *data)
{
    (void)link, (void)message, (void)data;
    test.messages++;
}

static void on_state(struct khub *link, enum khub_state state, int error, const char *detail,
                     void *data)
{
    (void)link, (void)error, (void)detail, (void)data;
    test.ended |= state == KHUB_ENDED;
    if (state != KHUB_JOINED)
        return;
    test.joined++;
    if (test.on_joined)
        test.on_joined();
}

static int begin(void **state)
{
    (void)state;
    memset(&test, 0, sizeof test);
    assert_int_equal(own_folder_make(test.folder), 0);
    snprintf(test.path, sizeof test.path, "%s/hub", test.folder);
    snprintf(test.address, sizeof test.address, "unix:%s", test.path);
    assert_int_equal(uv_loop_init(&test.loop), 0);
    uv_pipe_init(&test.loop, &test.listener, 0);
    assert_int_equal(uv_pipe_bind(&test.listener, test.path), 0);
    assert_int_equal(uv_listen((uv_stream_t *)&test.listener, 8, let_in), 0);
    uv_unref((uv_handle_t *)&test.listener); /* the link alone keeps the loop alive */
    struct khub_options options = {.address = test.address,
                                   .ai_id = "ada",
                                   .level = 1,
                                   .retry_first_ms = 1,
                                   .retry_max_ms = 1};
    struct khub_callbacks callbacks = {.message = on_message, .state = on_state};
    assert_int_equal(khub_new(&options, &callbacks, &test.link), 0);
    assert_int_equal(khub_uv_start(&test.loop, test.link, &test.adapter), 0);
    return 0;
}

static int end(void **state)
{
    (void)state;
    khub_uv_stop(test.adapter);
    part();
    uv_close((uv_handle_t *)&test.listener, NULL);
    uv_run(&test.loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&test.loop), 0); /* nothing is left in it */
    khub_free(test.link);
    unlink(test.path);
    rmdir(test.folder);
    return 0;
}

static void close_link(void)
{
    khub_close(test.link);
}

/* What is published from elsewhere in the loop goes out; and when the link has ended, so does
 * the loop. */
static void test_it_ends_with_its_link(void **state)
{
    (void)state;
    assert_int_equal(khub_chat(test.link, "hello", NULL), 0); /* waits until it has joined */
    test.on_joined = close_link;
    uv_run(&test.loop, UV_RUN_DEFAULT);
    assert_true(test.ended);
    assert_int_equal(test.joined, 1);
    assert_int_equal(test.messages, 1); /* the sync */
    assert_non_null(strstr(test.received, "\"hello\""));
}

static void on_timer(uv_timer_t *timer)
{
    if (test.joined > 0 && *(unsigned *)timer->data == 0) {
        *(unsigned *)timer->data = 1;
        khub_chat(test.link, "from a timer", NULL);
    }
    if (strstr(test.received, "from a timer")) {
        khub_close(test.link);
        uv_close((uv_handle_t *)timer, NULL);
    }
}

static void test_publishing_from_a_timer(void **state)
{
    (void)state;
    uv_timer_t timer;
    unsigned said = 0;
    uv_timer_init(&test.loop, &timer);
    timer.data = &said;
    uv_timer_start(&timer, on_timer, 1, 1);
    uv_run(&test.loop, UV_RUN_DEFAULT);
    assert_true(test.ended);
    assert_non_null(strstr(test.received, "from a timer"));
}

static void part_or_close(void)
{
    if (test.joined < 4)
        part();
    else
        khub_close(test.link);
}

/* Each connection is another socket, most likely of the same number. */
static void test_a_hub_that_goes_is_found_again(void **state)
{
    (void)state;
    test.on_joined = part_or_close;
    uv_run(&test.loop, UV_RUN_DEFAULT);
    assert_int_equal(test.joined, 4);
    assert_true(test.ended);
}

static void stop_adapter(void)
{
    khub_uv_stop(test.adapter);
    test.adapter = NULL;
}

/* Stopped from within its own callback, it touches the link no more, and the loop ends. */
static void test_stopped_from_a_callback(void **state)
{
    (void)state;
    test.on_joined = stop_adapter;
    uv_run(&test.loop, UV_RUN_DEFAULT);
    assert_int_equal(test.joined, 1);
    assert_false(test.ended);
    assert_int_equal(khub_link_state(test.link), KHUB_JOINED);
}

/* Stopped before the loop has ever run. */
static void test_stopped_at_once(void **state)
{
    (void)state;
    stop_adapter();
    khub_uv_stop(NULL);
    uv_run(&test.loop, UV_RUN_DEFAULT);
    assert_int_equal(test.joined, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_it_ends_with_its_link, begin, end),
        cmocka_unit_test_setup_teardown(test_publishing_from_a_timer, begin, end),
        cmocka_unit_test_setup_teardown(test_a_hub_that_goes_is_found_again, begin, end),
        cmocka_unit_test_setup_teardown(test_stopped_from_a_callback, begin, end),
        cmocka_unit_test_setup_teardown(test_stopped_at_once, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
