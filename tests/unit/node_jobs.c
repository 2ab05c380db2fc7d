/* The worker's queue: order, bounds, everyone's share, and a quick end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

#include "node/jobs.h"

struct note {
    struct job job;
    struct jobs *jobs;
    enum job_class class;
    unsigned number; /* in the order of pushing, from 0 */
    bool waits;      /* for the queue's stop */
};

static struct {
    enum job_class classes[512];
    unsigned numbers[512], pushed;
    size_t count, dropped;
    const struct note *inside; /* the worker's alone */
    bool overlapped;
} seen;

static void note_work(struct job *job)
{
    struct note *note = (struct note *)job;
    if (seen.inside)
        seen.overlapped = true;
    seen.inside = note;
    while (note->waits && !atomic_load(&note->jobs->stop))
        uv_sleep(1);
    seen.inside = NULL;
}

static void note_done(struct job *job, bool ran)
{
    struct note *note = (struct note *)job;
    if (ran) {
        seen.numbers[seen.count] = note->number;
        seen.classes[seen.count++] = note->class;
    } else {
        seen.dropped++;
    }
    free(note);
}

static int push(struct jobs *jobs, enum job_class class, bool waits)
{
    struct note *note = calloc(1, sizeof *note);
    *note = (struct note){.job = {.work = note_work, .done = note_done},
                          .jobs = jobs,
                          .class = class,
                          .number = seen.pushed++,
                          .waits = waits};
    int result = jobs_push(jobs, class, &note->job);
    if (result < 0)
        free(note);
    return result;
}

static void begin(uv_loop_t *loop, struct jobs *jobs)
{
    seen.count = seen.dropped = 0;
    seen.pushed = 0;
    seen.overlapped = false;
    uv_loop_init(loop);
    jobs_init(jobs, loop, 1);
}

static void end(uv_loop_t *loop, struct jobs *jobs)
{
    uv_run(loop, UV_RUN_DEFAULT);
    assert_true(jobs_idle(jobs));
    assert_false(seen.overlapped);
    assert_int_equal(uv_loop_close(loop), 0);
}

static void test_order(void **state)
{
    (void)state;
    uv_loop_t loop;
    struct jobs jobs;
    begin(&loop, &jobs);
    push(&jobs, JOB_TRAIN, false); /* runs at once */
    push(&jobs, JOB_TRAIN, false);
    push(&jobs, JOB_CHECK, false);
    push(&jobs, JOB_FEATURE, false);
    push(&jobs, JOB_PROVE, false);
    push(&jobs, JOB_SESSION, false);
    end(&loop, &jobs);
    static const enum job_class wanted[] = {JOB_TRAIN,   JOB_SESSION, JOB_PROVE,
                                            JOB_FEATURE, JOB_CHECK,   JOB_TRAIN};
    assert_int_equal(seen.count, 6);
    for (size_t i = 0; i < 6; i++)
        assert_int_equal(seen.classes[i], wanted[i]);
}

static void test_bounds(void **state)
{
    (void)state;
    static const unsigned bounds[] = {JOBS_SESSION_MAX, JOBS_PROVE_MAX, JOBS_FEATURE_MAX,
                                      JOBS_CHECK_MAX, JOBS_TRAIN_MAX};
    uv_loop_t loop;
    struct jobs jobs;
    begin(&loop, &jobs);
    push(&jobs, JOB_TRAIN, true); /* occupies the worker */
    unsigned all = 0;
    for (enum job_class class = JOB_SESSION; class < JOB_CLASSES; class ++) {
        for (unsigned i = 0; i < bounds[class]; i++)
            assert_int_equal(push(&jobs, class, false), 0);
        assert_int_equal(push(&jobs, class, false), -1);
        assert_int_equal(jobs_waiting(&jobs, class), bounds[class]);
        all += bounds[class];
    }
    jobs_stop(&jobs);
    assert_int_equal(seen.dropped, all);
    assert_int_equal(push(&jobs, JOB_SESSION, false), -1);
    end(&loop, &jobs);
    assert_int_equal(seen.count, 1);
}

/* However long each one's jobs take: all that wait have their shares of the time, by their
 * weights. */
static void test_share_of_the_time(void **state)
{
    (void)state;
    static const uint64_t
        ms = 1000000,
        took[JOB_CLASSES] = {
            [JOB_SESSION] = 100 * ms, [JOB_CHECK] = 3000 * ms, [JOB_TRAIN] = 50 * ms};
    uv_loop_t loop;
    struct jobs jobs;
    begin(&loop, &jobs);
    push(&jobs, JOB_PROVE, true); /* occupies the worker */
    push(&jobs, JOB_CHECK, false);
    push(&jobs, JOB_TRAIN, false);
    for (unsigned sessions = 0; sessions < 2; sessions++) {
        uint64_t spent[JOB_CLASSES] = {0}, all = 0;
        for (unsigned i = 0; i < 10000; i++) {
            enum job_class class = jobs_choose(&jobs);
            jobs_account(&jobs, class, took[class]);
            spent[class] += took[class];
            all += took[class];
        }
        uint64_t part = 1000 / (sessions ? 6 + 3 + 2 : 3 + 2);
        assert_in_range(spent[JOB_TRAIN] * 1000 / all, 2 * part - 10, 2 * part + 10);
        assert_in_range(spent[JOB_CHECK] * 1000 / all, 3 * part - 10, 3 * part + 10);
        assert_int_equal(spent[JOB_SESSION] > 0, sessions);
        push(&jobs, JOB_SESSION, false);
    }
    jobs_stop(&jobs);
    end(&loop, &jobs);
}

/* A class that had nothing to do comes next when it has, and then has no more than its share. */
static void test_nothing_for_time_gone_by(void **state)
{
    (void)state;
    static const uint64_t ms = 1000000;
    uv_loop_t loop;
    struct jobs jobs;
    begin(&loop, &jobs);
    push(&jobs, JOB_PROVE, true); /* occupies the worker */
    push(&jobs, JOB_TRAIN, false);
    for (unsigned i = 0; i < 10000; i++)
        jobs_account(&jobs, JOB_TRAIN, 100 * ms);
    push(&jobs, JOB_SESSION, false);
    unsigned sessions = 0;
    assert_int_equal(jobs_choose(&jobs), JOB_SESSION);
    for (unsigned i = 0; i < 80; i++) {
        enum job_class class = jobs_choose(&jobs);
        jobs_account(&jobs, class, 100 * ms);
        sessions += class == JOB_SESSION;
    }
    assert_in_range(sessions, 58, 62); /* 6 of 8 */
    jobs_stop(&jobs);
    end(&loop, &jobs);
}

static struct {
    uv_barrier_t all_here;
    atomic_uint inside;
    unsigned done;
} company;

static void company_work(struct job *job)
{
    (void)job;
    atomic_fetch_add(&company.inside, 1);
    uv_barrier_wait(&company.all_here); /* which needs as many at once as the queue has workers */
}

static void company_done(struct job *job, bool ran)
{
    (void)job;
    company.done += ran;
}

static void test_as_many_workers_as_wanted(void **state)
{
    (void)state;
    enum { WORKERS = 3 };
    uv_loop_t loop;
    struct jobs jobs;
    struct job all[2 * WORKERS];
    uv_loop_init(&loop);
    jobs_init(&jobs, &loop, WORKERS);
    assert_int_equal(uv_barrier_init(&company.all_here, WORKERS), 0);
    for (size_t i = 0; i < 2 * WORKERS; i++) {
        all[i] = (struct job){.work = company_work, .done = company_done};
        assert_int_equal(jobs_push(&jobs, JOB_CHECK, &all[i]), 0);
    }
    assert_int_equal(jobs_waiting(&jobs, JOB_CHECK), WORKERS);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_true(jobs_idle(&jobs));
    assert_int_equal(company.done, 2 * WORKERS);
    uv_barrier_destroy(&company.all_here);
    assert_int_equal(uv_loop_close(&loop), 0);
}

static void test_stop_ends_what_runs(void **state)
{
    (void)state;
    uv_loop_t loop;
    struct jobs jobs;
    begin(&loop, &jobs);
    push(&jobs, JOB_TRAIN, true); /* would run for ever */
    push(&jobs, JOB_TRAIN, false);
    uv_run(&loop, UV_RUN_NOWAIT);
    jobs_stop(&jobs);
    end(&loop, &jobs);
    assert_int_equal(seen.count, 1);
    assert_int_equal(seen.dropped, 1);
}

static bool is_before(const struct job *job, const void *number)
{
    return ((const struct note *)job)->number < *(const unsigned *)number;
}

/* Those that wait and are not wanted any more go, the others keep their order; the one that runs
 * runs on. */
static void test_dropped_from_the_queue(void **state)
{
    (void)state;
    uv_loop_t loop;
    struct jobs jobs;
    begin(&loop, &jobs);
    for (unsigned i = 0; i < 6; i++)
        push(&jobs, i == 2 ? JOB_TRAIN : JOB_CHECK, false);
    unsigned fourth = 4;
    jobs_drop(&jobs, JOB_CHECK, is_before, &fourth);
    assert_int_equal(seen.dropped, 2);
    assert_int_equal(jobs_waiting(&jobs, JOB_CHECK), 2);
    end(&loop, &jobs);
    static const unsigned wanted[] = {0, 2, 4, 5}; /* training had its turn */
    assert_int_equal(seen.count, 4);
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(seen.numbers[i], wanted[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_bounds),
        cmocka_unit_test(test_share_of_the_time),
        cmocka_unit_test(test_nothing_for_time_gone_by),
        cmocka_unit_test(test_as_many_workers_as_wanted),
        cmocka_unit_test(test_stop_ends_what_runs),
        cmocka_unit_test(test_dropped_from_the_queue),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
