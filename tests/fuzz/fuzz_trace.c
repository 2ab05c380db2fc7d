/* A file of any bytes, read as a trace: the first byte is what of, the second as which format (0:
 * found out), the rest is the file. What comes out is what a subject can rely on, and it makes
 * workloads of it on which no policy beats the bound. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "policy/subject.h"
#include "trace/read.h"
#include "trace/reading.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void expect(bool holds, const char *sentence)
{
    if (!holds) {
        fprintf(stderr, "fuzz_trace: %s\n", sentence);
        abort();
    }
}

/* The format of that number of a kind, from 1; NULL: there are not so many. */
static const char *format_of(enum trace_kind kind, unsigned number)
{
    for (const struct trace_format *format = trace_formats; format->name; format++)
        if (format->kind == kind && number-- == 1)
            return format->name;
    return NULL;
}

/* An object is made once, in the order of the numbers, and freed at most once after that. */
static void check_objects(const struct trace *trace)
{
    bool *freed = calloc(trace->count + 1, sizeof *freed);
    int64_t made = 0;
    for (size_t i = 0; i < trace->count; i++) {
        const int64_t *record = trace_record(trace, i);
        if (record[1] > 0)
            expect(record[0] == made++, "an object has another's number");
        else {
            expect(record[1] == 0 && record[0] >= 0 && record[0] < made && !freed[record[0]],
                   "an object is freed that does not live");
            freed[record[0]] = true;
        }
    }
    free(freed);
}

static void check_records(const struct trace *trace)
{
    for (size_t i = 0; i < trace->count; i++) {
        const int64_t *record = trace_record(trace, i);
        if (trace->kind == TRACE_JOBS)
            expect(record[1] > 0 && (i == 0 || record[0] >= record[-2]), "jobs are out of order");
        else if (trace->kind == TRACE_DELIVERIES)
            expect(record[0] >= (i ? record[-1] : 0), "deliveries are out of order");
        else if (trace->kind == TRACE_DELAYS)
            expect(record[1] >= -1 && record[1] <= 60000000, "a delay is out of range");
    }
    if (trace->kind == TRACE_ALLOCATIONS)
        check_objects(trace);
}

static void check_workloads(const struct trace *trace)
{
    size_t count;
    const struct subject *const *all = subjects(&count);
    const struct subject_traces traces = {.count = 1, .of = {trace}};
    struct traced_subject traced;
    char why[256];
    for (size_t i = 0; i < count; i++) {
        if (!all[i]->workload_read || all[i]->trace_kind != trace->kind ||
            subject_of_traces(all[i], &traces, "", &traced, why, sizeof why) < 0)
            continue;
        const struct subject *subject = &traced.subject;
        void *workload = subject_workload(subject, "heldout/fuzz", trace->count);
        double textbook = workload ? subject->baseline_cost(workload, 0) : 1;
        if (workload && subject->bound_cost && textbook > 0)
            expect(subject->bound_cost(workload) <= textbook * (1 + 1e-9), "the bound was beaten");
        free(workload);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char path[64], why[TRACE_WHY_SIZE] = "";
    if (size < 2)
        return 0;
    enum trace_kind kind = data[0] % TRACE_KIND_COUNT;
    int fd = memfd_create("trace", MFD_CLOEXEC);
    if (fd < 0 || write(fd, data + 2, size - 2) != (ssize_t)(size - 2))
        abort();
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    struct trace *trace = trace_read(path, kind, format_of(kind, data[1]), why);
    expect(!trace == (why[0] != '\0'), "it is read, or there is a reason");
    if (trace) {
        expect(trace->count > 0 && trace->count * (size_t)trace_columns(kind) <= TRACE_VALUES_MAX,
               "there are no records, or too many");
        check_records(trace);
        check_workloads(trace);
    }
    trace_free(trace);
    close(fd);
    return 0;
}
