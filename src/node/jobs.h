/* The worker's queue: the brain's jobs, one after the other on a libuv worker thread, while the loop goes on listening.
 *
 * Five classes, the first before the second and so on; but each that waits gets its share of the worker's time, so that no flood of
 * checks can starve training, however long a check takes. Each class has a bound. All calls are the loop thread's. */
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
#define JOBS_SHARE       5 /* one part in so many of the worker's time is each class's that waits */
#define JOBS_OWED        INT64_C(250000000) /* ns that a class may be behind before it gets its turn */
#define JOBS_OWED_MAX    INT64_C(1000000000)  /* that are made up for */
#define JOBS_DEBT_MAX    INT64_C(10000000000) /* that it may be ahead */
#define JOBS_NICENESS    5                    /* work gives way to those who talk */

struct job {
    void (*work)(struct job *job); /* on the worker */
    void (*done)(struct job *job,
                 bool ran); /* on the loop; frees the job. ran false: it was dropped unworked */
    struct job *next;
};

struct jobs {
    uv_loop_t *loop;
    uv_work_t request;
    struct job *running; /* NULL: none */
    struct {
        struct job *first, *last;
        unsigned count;
        int64_t owed; /* ns, for having waited while others ran */
    } classes[JOB_CLASSES];
    enum job_class running_class;
    uint64_t took; /* ns, the job that ran last */
    bool stopping;
    atomic_bool stop; /* what a running job looks at */
};

void jobs_init(struct jobs *jobs, uv_loop_t *loop);
/* 0, or -1 when the class is full or the queue is stopping: then `done` is not called. */
int jobs_push(struct jobs *jobs, enum job_class class, struct job *job);
/* The class whose job is due next; JOB_CLASSES: none waits. */
enum job_class jobs_choose(const struct jobs *jobs);
/* A job of that class took so many nanoseconds: what is owed to those who wait. */
void jobs_account(struct jobs *jobs, enum job_class class, uint64_t took);
/* Drops those of a class that wait and are `unwanted`; the running one goes on. */
void jobs_drop(struct jobs *jobs, enum job_class class,
               bool (*unwanted)(const struct job *job, const void *data), const void *data);
/* Drops what waits, tells the running one to end, and takes no more. */
void jobs_stop(struct jobs *jobs);
bool jobs_idle(const struct jobs *jobs);
unsigned jobs_waiting(const struct jobs *jobs, enum job_class class);

#endif
