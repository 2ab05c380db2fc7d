/* Traces of a processor: what came to be run, and how long it ran. */
#include "trace/jobs.h"

#include <stdlib.h>

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
            return reading_wrong(
                reading, line,
                "year-month-day hour:minute:second,tokens,tokens, of these up to 100000000");
        int64_t work = context * CONTEXT_US + generated * GENERATED_US;
        if (work > 0 && reading_add(reading, (int64_t[]){came, work}) < 0)
            return -1;
    }
    sort_jobs(reading, first);
    return more;
}

/* ── ftrace: sched_switch and sched_wakeup, as the kernel, trace-cmd and perf print them: with the
 * names of members ("prev_pid=7"), or by libtraceevent's plugin ("sh:7 [120] S ==> ls:8 [9]") ── */

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

/* "name:pid [priority] …", of which a name may have blanks and colons. */
static bool named_pid_of(struct slice text, int64_t *ret_pid, struct slice *ret_rest)
{
    const char *bracket = text.len > 0 ? memrchr(text.at, '[', text.len) : NULL;
    size_t len = bracket ? (size_t)(bracket - text.at) : 0;
    const char *colon = len > 0 ? memrchr(text.at, ':', len) : NULL;
    if (!colon)
        return false;
    struct slice pid = {colon + 1, len - (size_t)(colon + 1 - text.at)};
    *ret_rest = (struct slice){bracket, text.len - len};
    return number_of(word_take(&pid), ret_pid) && word_take(&pid).len == 0 && *ret_pid >= 0 &&
           *ret_pid < PIDS_MAX && word_take(ret_rest).len > 0;
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

/* The event and what is behind it, "sched_switch:" say, perhaps behind "sched:" as perf has it; and
 * the time before it, "76.211513:". */
static bool event_find(struct slice line, const char *event, struct slice *ret_rest,
                       int64_t *ret_us)
{
    const char *at = line.len > 0 ? memmem(line.at, line.len, event, strlen(event)) : NULL;
    struct slice head = {line.at, at ? (size_t)(at - line.at) : 0}, word, time = {0};
    if (head.len > 6 && memcmp(at - 6, "sched:", 6) == 0)
        head.len -= 6;
    if (head.len == 0 || !blank(head.at[head.len - 1]))
        return false;
    while ((word = word_take(&head)).len > 0)
        time = word;
    if (time.len < 2 || time.at[time.len - 1] != ':')
        return false;
    time.len--;
    *ret_rest =
        (struct slice){at + strlen(event), line.len - (size_t)(at - line.at) - strlen(event)};
    return decimal_of(time, 6, ret_us) && *ret_us >= 0;
}

struct switch_event {
    int64_t from, to;
    bool runs_on;
};

static int switched(struct reading *reading, struct threads *threads, int64_t now,
                    const struct switch_event *event)
{
    int64_t from = event->from, to = event->to;
    struct thread *thread = from > 0 ? thread_of(reading, threads, from) : NULL;
    if (from > 0 && !thread)
        return -1;
    if (thread && thread->since >= 0) {
        thread->ran += now > thread->since ? now - thread->since : 0;
        thread->since = -1;
        if (!event->runs_on) {
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

static bool switch_of(struct slice rest, struct switch_event *ret_event)
{
    static const struct slice arrow = SLICE(" ==> ");
    struct slice state = value_of(rest, " prev_state="), left, behind;
    const char *at = memmem(rest.at, rest.len, arrow.at, arrow.len);
    bool good;
    if (state.len > 0) {
        good = pid_of(rest, " prev_pid=", &ret_event->from) &&
               pid_of(rest, " next_pid=", &ret_event->to);
    } else {
        left = (struct slice){rest.at, at ? (size_t)(at - rest.at) : 0};
        rest = (struct slice){rest.at + left.len, rest.len - left.len};
        good = named_pid_of(left, &ret_event->from, &state) &&
               named_pid_of(rest, &ret_event->to, &behind);
        state = word_take(&state);
    }
    ret_event->runs_on = runnable(state);
    return good && state.len > 0;
}

static bool wakeup_of(struct slice rest, int64_t *ret_pid)
{
    struct slice behind;
    return pid_of(rest, " pid=", ret_pid) || named_pid_of(rest, ret_pid, &behind);
}

static int take_event(struct reading *reading, struct threads *threads, struct slice line)
{
    struct slice rest;
    struct switch_event event;
    int64_t now, to;
    if (event_find(line, "sched_switch:", &rest, &now)) {
        if (!switch_of(rest, &event))
            return reading_wrong(reading, line,
                                 "prev_pid=, prev_state= and next_pid=, or 'name:pid [priority] "
                                 "state ==> name:pid [priority]'");
        return switched(reading, threads, now, &event);
    }
    if (event_find(line, "sched_wakeup:", &rest, &now) ||
        event_find(line, "sched_wakeup_new:", &rest, &now)) {
        if (!wakeup_of(rest, &to))
            return reading_wrong(reading, line, "pid=, or 'name:pid [priority]'");
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
    return beginning.len > 0 && memmem(beginning.at, beginning.len, "sched_switch:", 13);
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
