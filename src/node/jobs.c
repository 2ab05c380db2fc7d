#include "node/jobs.h"

#include <assert.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Shares of the workers' time, when all wait; with fewer, in the same proportions. */
static const struct {
    unsigned most; /* that wait */
    int64_t weight;
} classes[JOB_CLASSES] = {[JOB_SESSION] = {JOBS_SESSION_MAX, 6},
                          [JOB_PROVE] = {JOBS_PROVE_MAX, 3},
                          [JOB_FEATURE] = {JOBS_FEATURE_MAX, 3},
                          [JOB_CHECK] = {JOBS_CHECK_MAX, 3},
                          [JOB_TRAIN] = {JOBS_TRAIN_MAX, 2}};

static void jobs_start(struct jobs *jobs);

void jobs_init(struct jobs *jobs, uv_loop_t *loop, unsigned workers)
{
    assert(workers >= 1 && workers <= JOBS_WORKERS_MAX);
    *jobs = (struct jobs){.loop = loop, .worker_count = workers};
    for (unsigned i = 0; i < workers; i++) {
        jobs->workers[i].jobs = jobs;
        jobs->workers[i].request.data = &jobs->workers[i];
    }
    atomic_init(&jobs->stop, false);
}

static int64_t class_had(const struct jobs *jobs, enum job_class class)
{
    return jobs->classes[class].had + jobs->classes[class].running * jobs->classes[class].latest;
}

enum job_class jobs_choose(const struct jobs *jobs)
{
    enum job_class chosen = JOB_CLASSES;
    for (enum job_class class = JOB_SESSION; class < JOB_CLASSES; class ++)
        if (jobs->classes[class].count > 0 &&
            (chosen == JOB_CLASSES || class_had(jobs, class) < class_had(jobs, chosen)))
            chosen = class;
    return chosen;
}

void jobs_account(struct jobs *jobs, enum job_class class, uint64_t took)
{
    int64_t time = took < JOBS_CHARGE_MAX ? (int64_t)took : JOBS_CHARGE_MAX;
    int64_t *had = &jobs->classes[class].had;
    jobs->had = *had > jobs->had ? *had : jobs->had;
    jobs->classes[class].latest = time / classes[class].weight + 1;
    *had += jobs->classes[class].latest;
}

static void jobs_append(struct jobs *jobs, enum job_class class, struct job *job)
{
    assert(!jobs->classes[class].count == !jobs->classes[class].last);
    job->next = NULL;
    if (jobs->classes[class].count == 0 && jobs->classes[class].running == 0 &&
        jobs->classes[class].had < jobs->had)
        jobs->classes[class].had =
            jobs->had; /* it had nothing to do: that is made up for to nobody */
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
    assert(job && jobs->classes[class].count > 0); /* callers have looked at the count */
    jobs->classes[class].first = job->next;
    jobs->classes[class].count--;
    if (!job->next)
        jobs->classes[class].last = NULL;
    return job;
}

static void jobs_work(uv_work_t *request)
{
    struct job_worker *worker = request->data;
    setpriority(PRIO_PROCESS, (id_t)syscall(SYS_gettid), JOBS_NICENESS); /* of this thread alone */
    uint64_t began = uv_hrtime();
    worker->job->work(worker->job);
    worker->took = uv_hrtime() - began;
}

static void jobs_worked(uv_work_t *request, int status)
{
    struct job_worker *worker = request->data;
    struct jobs *jobs = worker->jobs;
    struct job *job = worker->job;
    assert(job && jobs->classes[worker->class].running > 0);
    worker->job = NULL;
    jobs_account(jobs, worker->class, worker->took);
    jobs->classes[worker->class].running--;
    job->done(job, status == 0);
    jobs_start(jobs);
}

/* Gives all who are free something to do. */
static void jobs_start(struct jobs *jobs)
{
    for (unsigned i = 0; i < jobs->worker_count; i++) {
        struct job_worker *worker = &jobs->workers[i];
        enum job_class class = worker->job ? JOB_CLASSES : jobs_choose(jobs);
        if (class == JOB_CLASSES)
            continue;
        worker->class = class;
        jobs->classes[class].running++;
        worker->job = jobs_pop(jobs, class);
        int error = uv_queue_work(jobs->loop, &worker->request, jobs_work, jobs_worked);
        assert(error == 0); /* it only refuses a missing callback */
    }
}

int jobs_push(struct jobs *jobs, enum job_class class, struct job *job)
{
    assert(job->work && job->done);
    if (jobs->stopping || jobs->classes[class].count >= classes[class].most)
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
        if (jobs->classes[class].count > 0 || jobs->classes[class].running > 0)
            return false;
    return true;
}

unsigned jobs_waiting(const struct jobs *jobs, enum job_class class)
{
    return jobs->classes[class].count;
}
