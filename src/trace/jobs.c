/* Traces of a processor: what came to be run, and how long it ran. */
#include "trace/jobs.h"

#include <stdlib.h>

static struct slice first_line(struct slice beginning)
{
    struct slice line = field_take(&beginning, '\n');
    if (line.len > 0 && line.at[line.len - 1] == '\r')
        line.len--;
    return without_mark(line);
}

static int compare_jobs(const void *a, const void *b)
{
    const int64_t *left = a, *right = b;
    for (size_t i = 0; i < 2; i++)
        if (left[i] != right[i])
            return left[i] < right[i] ? -1 : 1;
    return 0;
}

/* Files list jobs as they end, or of several clocks: here they stand as they came. */
static void sort_jobs(struct reading *reading, size_t first)
{
    if (reading->trace->count > first)
        qsort(&reading->trace->values[2 * first], reading->trace->count - first,
              2 * sizeof(int64_t), compare_jobs);
}

/* ── swf: the Standard Workload Format of the Parallel Workloads Archive ── */

enum { SWF_FIELDS = 18, SWF_SUBMITTED = 1, SWF_RAN = 3 };

static bool swf_fields_of(struct slice line, int64_t ret_us[SWF_FIELDS])
{
    for (int i = 0; i < SWF_FIELDS; i++)
        if (!decimal_of(word_take(&line), 6, &ret_us[i]))
            return false;
    return true;
}

bool jobs_swf_fits(struct slice beginning, bool whole)
{
    int64_t fields[SWF_FIELDS];
    (void)whole;
    while (beginning.len > 0 && beginning.at[0] == ';')
        field_take(&beginning, '\n');
    return swf_fields_of(first_line(beginning), fields);
}

int jobs_swf_read(struct reading *reading)
{
    struct slice line;
    size_t first = reading->trace->count;
    int more;
    while ((more = reading_line(reading, &line)) > 0) {
        int64_t fields[SWF_FIELDS];
        if (line.len == 0 || line.at[0] == ';')
            continue;
        if (!swf_fields_of(line, fields) || fields[SWF_SUBMITTED] < 0)
            return reading_wrong(reading, line, "18 numbers: job, submitted, waited, ran, …");
        /* -1: nobody knows how long. */
        if (fields[SWF_RAN] > 0 &&
            reading_add(reading, (int64_t[]){fields[SWF_SUBMITTED], fields[SWF_RAN]}) < 0)
            return -1;
    }
    sort_jobs(reading, first);
    return more;
}

/* ── azure_llm: arrivals of inference requests ── */

enum { CONTEXT_US = 250, GENERATED_US = 25000 }; /* of a token; our choice */

/* "2023-11-16 18:17:03.9799600" in us since the year's beginning, months of 31 days: only
 * distances matter, and no trace of this kind goes over a month's end. */
static bool time_of(struct slice text, int64_t *ret_us)
{
    struct slice date = field_take(&text, ' '), clock = text;
    int64_t month, day, hour, minute, us;
    field_take(&date, '-');
    if (!number_of(field_take(&date, '-'), &month) || !number_of(date, &day) ||
        !number_of(field_take(&clock, ':'), &hour) ||
        !number_of(field_take(&clock, ':'), &minute) || !decimal_of(clock, 6, &us))
        return false;
    if (month < 1 || month > 12 || day < 1 || day > 31 || hour < 0 || hour > 23 || minute < 0 ||
        minute > 59 || us < 0 || us >= 61000000)
        return false;
    *ret_us = ((((month - 1) * 31 + day - 1) * 24 + hour) * 60 + minute) * 60000000 + us;
    return true;
}

static const char azure_head[] = "TIMESTAMP,ContextTokens,GeneratedTokens";

bool jobs_azure_fits(struct slice beginning, bool whole)
{
    (void)whole;
    return slice_is(first_line(beginning), azure_head);
}

int jobs_azure_read(struct reading *reading)
{
    struct slice line;
    size_t first = reading->trace->count;
    int more;
    while ((more = reading_line(reading, &line)) > 0) {
        struct slice rest = line;
        int64_t came, context, generated;
        if (line.len == 0 || (reading->line == 1 && slice_is(line, azure_head)))
            continue;
        if (!time_of(field_take(&rest, ','), &came) ||
            !number_of(field_take(&rest, ','), &context) || !number_of(rest, &generated) ||
            context < 0 || generated < 0 || context > 100000000 || generated > 100000000)
            return reading_wrong(reading, line, "year-month-day hour:minute:second,tokens,tokens");
        int64_t work = context * CONTEXT_US + generated * GENERATED_US;
        if (work > 0 && reading_add(reading, (int64_t[]){came, work}) < 0)
            return -1;
    }
    sort_jobs(reading, first);
    return more;
}

/* ── ftrace: sched_switch and sched_wakeup, as trace-cmd and perf print them ── */

enum { PIDS_MAX = 1 << 22 }; /* Linux has no more */

/* A thread, from when it was woken until it sleeps again: that is a job. Times in us; -1: not. */
struct thread {
    int64_t woken, since, ran;
};

struct threads {
    struct thread *at;
    size_t count;
};

static struct thread *thread_of(struct reading *reading, struct threads *threads, int64_t pid)
{
    if ((size_t)pid >= threads->count) {
        size_t count = (size_t)pid + 1 + (size_t)pid / 2;
        struct thread *grown = realloc(threads->at, count * sizeof *grown);
        if (!grown) {
            reading_failed(reading, "out of memory");
            return NULL;
        }
        for (size_t i = threads->count; i < count; i++)
            grown[i] = (struct thread){-1, -1, 0};
        *threads = (struct threads){grown, count};
    }
    return &threads->at[pid];
}

/* What stands behind " name=". */
static struct slice value_of(struct slice line, const char *name)
{
    size_t len = strlen(name);
    const char *at = line.len > 0 ? memmem(line.at, line.len, name, len) : NULL;
    if (!at)
        return (struct slice){0};
    struct slice rest = {at + len, line.len - (size_t)(at + len - line.at)};
    return word_take(&rest);
}

static bool pid_of(struct slice line, const char *name, int64_t *ret_pid)
{
    return number_of(value_of(line, name), ret_pid) && *ret_pid >= 0 && *ret_pid < PIDS_MAX;
}

/* Whether a thread that is switched from could run on: "R", "R+", or a number whose low byte, the
 * states of sleep, is 0. */
static bool runnable(struct slice state)
{
    int64_t number;
    if (number_of(state, &number))
        return (number & 0xff) == 0;
    return state.len > 0 && state.at[0] == 'R';
}

/* The event and what is behind it, "sched_switch:" say; and the time before it, "76.211513:". */
static bool event_find(struct slice line, const char *event, struct slice *ret_rest,
                       int64_t *ret_us)
{
    const char *at = line.len > 0 ? memmem(line.at, line.len, event, strlen(event)) : NULL;
    if (!at)
        return false;
    struct slice head = {line.at, (size_t)(at - line.at)}, word, time = {0};
    while ((word = word_take(&head)).len > 0)
        time = word;
    if (time.len < 2 || time.at[time.len - 1] != ':')
        return false;
    time.len--;
    *ret_rest =
        (struct slice){at + strlen(event), line.len - (size_t)(at - line.at) - strlen(event)};
    return decimal_of(time, 6, ret_us) && *ret_us >= 0;
}

static int switched(struct reading *reading, struct threads *threads, int64_t now, int64_t from,
                    int64_t to, bool runs_on)
{
    struct thread *thread = from > 0 ? thread_of(reading, threads, from) : NULL;
    if (from > 0 && !thread)
        return -1;
    if (thread && thread->since >= 0) {
        thread->ran += now > thread->since ? now - thread->since : 0;
        thread->since = -1;
        if (!runs_on) {
            int64_t job[] = {thread->woken, thread->ran};
            *thread = (struct thread){-1, -1, 0};
            if (job[1] > 0 && reading_add(reading, job) < 0)
                return -1;
        }
    }
    if (to > 0 && !(thread = thread_of(reading, threads, to)))
        return -1;
    if (to > 0) {
        thread->since = now;
        thread->woken = thread->woken < 0 ? now : thread->woken;
    }
    return 0;
}

static int take_event(struct reading *reading, struct threads *threads, struct slice line)
{
    struct slice rest;
    int64_t now, from, to;
    if (event_find(line, " sched_switch:", &rest, &now)) {
        struct slice state = value_of(rest, " prev_state=");
        if (!pid_of(rest, " prev_pid=", &from) || !pid_of(rest, " next_pid=", &to) || !state.len)
            return reading_wrong(reading, line, "prev_pid=, prev_state= and next_pid=");
        return switched(reading, threads, now, from, to, runnable(state));
    }
    if (event_find(line, " sched_wakeup:", &rest, &now) ||
        event_find(line, " sched_wakeup_new:", &rest, &now)) {
        if (!pid_of(rest, " pid=", &to))
            return reading_wrong(reading, line, "pid=");
        struct thread *thread = to > 0 ? thread_of(reading, threads, to) : NULL;
        if (to > 0 && !thread)
            return -1;
        if (thread && thread->woken < 0)
            thread->woken = now;
    }
    return 0;
}

bool jobs_ftrace_fits(struct slice beginning, bool whole)
{
    (void)whole;
    return beginning.len > 0 && memmem(beginning.at, beginning.len, " sched_switch:", 14);
}

int jobs_ftrace_read(struct reading *reading)
{
    struct threads threads = {0};
    struct slice line;
    size_t first = reading->trace->count;
    int more;
    while ((more = reading_line(reading, &line)) > 0)
        if ((more = take_event(reading, &threads, line)) < 0)
            break;
    free(threads.at);
    if (more == 0)
        sort_jobs(reading, first);
    return more;
}
