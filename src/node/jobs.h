/* The workers' queue: the brain's jobs on libuv's worker threads, as many at once as the brain asks
 * for, while the loop goes on listening.
 *
 * Five classes in a weighted round robin: a worker that is free takes a job of the class that
 * has had the least of its share of the workers' time, however long its jobs take. So no flood
 * of checks can starve training, and a session waits for little. A class that had nothing to do
 * gets nothing for time gone by. Each class has a bound. All calls are the loop thread's. */
#ifndef KHUB_NODE_JOBS_H
#define KHUB_NODE_JOBS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

enum job_class { JOB_SESSION, JOB_PROVE, JOB_FEATURE, JOB_CHECK, JOB_TRAIN, JOB_CLASSES };

#define JOBS_SESSION_MAX 32u
#define JOBS_PROVE_MAX   32u
#define JOBS_FEATURE_MAX 16u
#define JOBS_CHECK_MAX   64u
#define JOBS_TRAIN_MAX   3u
#define JOBS_CHARGE_MAX  INT64_C(10000000000) /* ns of one job that its class is charged with */
#define JOBS_NICENESS    5                    /* work gives way to those who talk */
#define JOBS_WORKERS_MAX 16u

struct job {
    void (*work)(struct job *job); /* on the worker */
    void (*done)(struct job *job,
                 bool ran); /* on the loop; frees the job. ran false: it was dropped unworked */
    struct job *next;
};

struct job_worker {
    struct jobs *jobs;
    uv_work_t request;
    struct job *job; /* NULL: it is free */
    enum job_class class;
    uint64_t took; /* ns */
};

struct jobs {
    uv_loop_t *loop;
    unsigned worker_count;
    struct job_worker workers[JOBS_WORKERS_MAX];
    struct {
        struct job *first, *last;
        unsigned count, running;
        int64_t had;    /* ns of the workers' time, by its weight: the least is next */
        int64_t latest; /* ns, likewise, of its last job: what one that runs is thought to take */
    } classes[JOB_CLASSES];
    int64_t had; /* by the class that came last */
    bool stopping;
    atomic_bool stop; /* what a running job looks at */
};

/* workers: 1..JOBS_WORKERS_MAX. The queue must not move in memory from here on. */
void jobs_init(struct jobs *jobs, uv_loop_t *loop, unsigned workers);
/* 0, or -1 when the class is full or the queue is stopping: then `done` is not called. */
int jobs_push(struct jobs *jobs, enum job_class class, struct job *job);
/* The class whose job is due next; JOB_CLASSES: none waits. */
enum job_class jobs_choose(const struct jobs *jobs);
/* A job of that class took so many nanoseconds of a worker's time. */
void jobs_account(struct jobs *jobs, enum job_class class, uint64_t took);
/* Drops those of a class that wait and are `unwanted`; those that run go on. */
void jobs_drop(struct jobs *jobs, enum job_class class,
               bool (*unwanted)(const struct job *job, const void *data), const void *data);
/* Drops what waits, tells what runs to end, and takes no more. */
void jobs_stop(struct jobs *jobs);
bool jobs_idle(const struct jobs *jobs); /* nothing waits, nothing runs */
unsigned jobs_waiting(const struct jobs *jobs, enum job_class class);

#endif
