/* A loop that another thread wakes misses no wake, and is called once for several. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <pthread.h>
#include <sys/resource.h>
#include <unistd.h>

#include "net/waker.h"

#define THREADS 4
#define WAKES   20000u

struct scene {
    uv_loop_t loop;
    struct waker waker;
    unsigned calls;
    _Atomic unsigned done; /* what threads did before they woke the loop */
    unsigned until;        /* so much is done: it is the end */
};

static void on_call(struct waker *waker)
{
    struct scene *scene = waker->poll.data;
    scene->calls++;
    if (scene->until && atomic_load_explicit(&scene->done, memory_order_relaxed) == scene->until)
        waker_end(waker);
}

static void begin(struct scene *scene)
{
    *scene = (struct scene){0};
    assert_int_equal(uv_loop_init(&scene->loop), 0);
    assert_int_equal(waker_begin(&scene->waker, &scene->loop, on_call), 0);
    scene->waker.poll.data = scene;
}

static void end(struct scene *scene)
{
    assert_int_equal(uv_run(&scene->loop, UV_RUN_DEFAULT), 0);
    assert_int_equal(uv_loop_close(&scene->loop), 0);
}

static void several_wakes_are_one_call(void **state)
{
    struct scene scene;
    (void)state;
    begin(&scene);
    for (int i = 0; i < 3; i++)
        waker_wake(&scene.waker);
    uv_run(&scene.loop, UV_RUN_NOWAIT);
    assert_int_equal(scene.calls, 1);
    uv_run(&scene.loop, UV_RUN_NOWAIT);
    assert_int_equal(scene.calls, 1);
    waker_wake(&scene.waker);
    uv_run(&scene.loop, UV_RUN_NOWAIT);
    assert_int_equal(scene.calls, 2);
    waker_end(&scene.waker);
    end(&scene);
}

static void after_its_end_nobody_is_called(void **state)
{
    struct scene scene;
    (void)state;
    begin(&scene);
    waker_wake(&scene.waker);
    waker_end(&scene.waker);
    end(&scene);
    assert_int_equal(scene.calls, 0);
}

/* The number of the next file. */
static int next_file(void)
{
    int next = dup(0);
    assert_true(next > 0);
    close(next);
    return next;
}

/* Neither a handle is left in the loop nor a file. */
static void of_one_that_can_not_begin_nothing_is_left(void **state)
{
    struct waker waker;
    struct rlimit limit, none;
    uv_loop_t loop;
    (void)state;
    assert_int_equal(uv_loop_init(&loop), 0);
    int next = next_file();
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    none = limit;
    none.rlim_cur = (rlim_t)next; /* there is no file for it */
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    assert_int_equal(waker_begin(&waker, &loop, on_call), -1);
    assert_int_equal(errno, EMFILE);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    assert_int_equal(next_file(), next);
    assert_int_equal(dup2(0, uv_backend_fd(&loop)), uv_backend_fd(&loop)); /* it can't be watched */
    assert_int_equal(waker_begin(&waker, &loop, on_call), -1);
    assert_int_equal(errno, EINVAL);
    assert_int_equal(next_file(), next);
    assert_int_equal(uv_loop_close(&loop), 0);
}

static void *wake_often(void *data)
{
    struct scene *scene = data;
    for (unsigned i = 0; i < WAKES; i++) {
        atomic_fetch_add_explicit(&scene->done, 1, memory_order_relaxed);
        waker_wake(&scene->waker);
    }
    return NULL;
}

/* The last wake of all is one that must be answered, or this never ends. */
static void no_wake_is_missed(void **state)
{
    struct scene scene;
    pthread_t threads[THREADS];
    (void)state;
    begin(&scene);
    scene.until = THREADS * WAKES;
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, wake_often, &scene), 0);
    while (!uv_is_closing((uv_handle_t *)&scene.waker.poll))
        uv_run(&scene.loop, UV_RUN_ONCE);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    end(&scene);
    assert_true(scene.calls >= 1 && scene.calls <= THREADS * WAKES);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(several_wakes_are_one_call),
        cmocka_unit_test(after_its_end_nobody_is_called),
        cmocka_unit_test(of_one_that_can_not_begin_nothing_is_left),
        cmocka_unit_test(no_wake_is_missed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
