#include "node/jobs.h"

#include <assert.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

static const unsigned bounds[JOB_CLASSES] = {[JOB_SESSION] = JOBS_SESSION_MAX,
                                             [JOB_PROVE] = JOBS_PROVE_MAX,
                                             [JOB_FEATURE] = JOBS_FEATURE_MAX,
                                             [JOB_CHECK] = JOBS_CHECK_MAX,
                                             [JOB_TRAIN] = JOBS_TRAIN_MAX};

static void jobs_start(struct jobs *jobs);

void jobs_init(struct jobs *jobs, uv_loop_t *loop)
{
    *jobs = (struct jobs){.loop = loop};
    jobs->request.data = jobs;
    atomic_init(&jobs->stop, false);
}

enum job_class jobs_choose(const struct jobs *jobs)
{
    enum job_class chosen = JOB_CLASSES, most = JOB_CLASSES;
    int64_t owed = JOBS_OWED;
    for (enum job_class class = JOB_SESSION; class < JOB_CLASSES; class ++) {
        if (jobs->classes[class].count == 0)
            continue;
        if (chosen == JOB_CLASSES)
            chosen = class;
        if (jobs->classes[class].owed >= owed) {
            most = class;
            owed = jobs->classes[class].owed + 1;
        }
    }
    return most != JOB_CLASSES ? most : chosen;
}

/* A class that gets just its share keeps the balance: it gains a part while others run, and pays all but that part for running. */
void jobs_account(struct jobs *jobs, enum job_class class, uint64_t took)
{
    int64_t time = took < JOBS_DEBT_MAX ? (int64_t)took : JOBS_DEBT_MAX, part = time / JOBS_SHARE;
    bool contended = false;
    for (enum job_class other = JOB_SESSION; other < JOB_CLASSES; other++) {
        int64_t *owed = &jobs->classes[other].owed;
        if (other == class || jobs->classes[other].count == 0)
            continue;
        contended = true;
        *owed = *owed + part < JOBS_OWED_MAX ? *owed + part : JOBS_OWED_MAX;
    }
    int64_t *own = &jobs->classes[class].owed, left = *own - (time - part);
    if (contended)
        *own = left > -JOBS_DEBT_MAX ? left : -JOBS_DEBT_MAX;
}

static void jobs_append(struct jobs *jobs, enum job_class class, struct job *job)
{
    job->next = NULL;
    if (jobs->classes[class].last)
        jobs->classes[class].last->next = job;
    else
        jobs->classes[class].first = job;
    jobs->classes[class].last = job;
    jobs->classes[class].count++;
}

static struct job *jobs_pop(struct jobs *jobs, enum job_class class)
{
    struct job *job = jobs->classes[class].first;
    assert(job); /* callers have looked at the count */
    jobs->classes[class].first = job->next;
    jobs->classes[class].count--;
    if (!job->next)
        jobs->classes[class].last = NULL;
    return job;
}

static void jobs_work(uv_work_t *request)
{
    struct jobs *jobs = request->data;
    setpriority(PRIO_PROCESS, (id_t)syscall(SYS_gettid), JOBS_NICENESS); /* of this thread alone */
    uint64_t began = uv_hrtime();
    jobs->running->work(jobs->running);
    jobs->took = uv_hrtime() - began;
}

static void jobs_worked(uv_work_t *request, int status)
{
    struct jobs *jobs = request->data;
    struct job *job = jobs->running;
    jobs->running = NULL;
    jobs_account(jobs, jobs->running_class, jobs->took);
    job->done(job, status == 0);
    jobs_start(jobs);
}

static void jobs_start(struct jobs *jobs)
{
    if (jobs->running)
        return;
    enum job_class class = jobs_choose(jobs);
    if (class == JOB_CLASSES)
        return;
    jobs->running = jobs_pop(jobs, class);
    jobs->running_class = class;
    int error = uv_queue_work(jobs->loop, &jobs->request, jobs_work, jobs_worked);
    assert(error == 0); /* it only refuses a missing callback */
}

int jobs_push(struct jobs *jobs, enum job_class class, struct job *job)
{
    if (jobs->stopping || jobs->classes[class].count >= bounds[class])
        return -1;
    jobs_append(jobs, class, job);
    jobs_start(jobs);
    return 0;
}

void jobs_drop(struct jobs *jobs, enum job_class class,
               bool (*unwanted)(const struct job *job, const void *data), const void *data)
{
    for (unsigned left = jobs->classes[class].count; left > 0; left--) {
        struct job *job = jobs_pop(jobs, class);
        if (unwanted(job, data))
            job->done(job, false);
        else
            jobs_append(jobs, class, job);
    }
}

void jobs_stop(struct jobs *jobs)
{
    jobs->stopping = true;
    atomic_store(&jobs->stop, true);
    for (enum job_class class = JOB_SESSION; class < JOB_CLASSES; class ++)
        while (jobs->classes[class].count > 0) {
            struct job *job = jobs_pop(jobs, class);
            job->done(job, false);
        }
}

bool jobs_idle(const struct jobs *jobs)
{
    for (enum job_class class = JOB_SESSION; class < JOB_CLASSES; class ++)
        if (jobs->classes[class].count > 0)
            return false;
    return !jobs->running;
}

unsigned jobs_waiting(const struct jobs *jobs, enum job_class class)
{
    return jobs->classes[class].count;
}
