/* A trace: what really happened on some machine, as records of whole numbers in the order of time.
 * How a file becomes one is the affair of the room trace/; here are its plain type, and how it is
 * split by time, so that a policy never sees what it is measured on. */
#ifndef KHUB_POLICY_TRACE_H
#define KHUB_POLICY_TRACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* X(NAME, its plural for people, columns, what they are) */
#define TRACE_KINDS(X)                                                                             \
    X(REFERENCES, "references", 1, "the number of the block that was asked for")                   \
    X(DELAYS, "packets", 2, "when it was sent, how long it was on its way (-1: lost), in us")      \
    X(ALLOCATIONS, "allocations", 2, "which object, counted from 0; its bytes, or 0: it is freed") \
    X(JOBS, "jobs", 2, "when it came, how long it ran, in us")                                     \
    X(DELIVERIES, "deliveries", 1, "when 1500 bytes could be delivered, in us")                    \
    X(CALLS, "system calls", 3, "which sequence, what it is (enum trace_calls), the call")         \
    X(FRAMES, "frames", 1, "from the frame before to this one, in us")

enum trace_kind {
#define X(name, plural, columns, meaning) TRACE_##name,
    TRACE_KINDS(X)
#undef X
        TRACE_KIND_COUNT
};

/* Of system calls: what a sequence is known to be. */
enum trace_calls { TRACE_CALLS_TRAINING, TRACE_CALLS_NORMAL, TRACE_CALLS_ATTACK };

#define TRACE_COLUMNS_MAX 3
#define TRACE_DIGEST_SIZE 65 /* SHA-256 in lower-case hex, and a NUL */

struct trace {
    enum trace_kind kind;
    const char *format;             /* as what it was read, "oracleGeneral"; static */
    char digest[TRACE_DIGEST_SIZE]; /* of the file's bytes, as they lie on the disk */
    size_t count;                   /* records */
    int64_t *values;                /* count * columns of the kind, record by record */
};

int trace_columns(enum trace_kind kind);
const char *trace_kind_plural(enum trace_kind kind);
const char *trace_kind_meaning(enum trace_kind kind);
static inline const int64_t *trace_record(const struct trace *trace, size_t which)
{
    return &trace->values[which * (size_t)trace_columns(trace->kind)];
}

/* What a trace does not say, and a subject has to be told. */
struct trace_options {
    uint32_t cache_pages; /* 0: a share */
    double cache_share;   /* of the distinct blocks of a workload; 0: 1 to 10 %, by its seed */
};

/* Records first .. first + count - 1 of a trace. */
struct trace_part {
    const struct trace *trace;
    const struct trace_options *options;
    size_t first, count;
    bool whole; /* a window is all of it */
};
/* The part that a split's workloads are windows of: the earlier half of the records for those that
 * an AI trains on ("train/…"), the later half for all others. Of the split TRACE_LATER every
 * workload is the later half in one piece. */
#define TRACE_LATER "later"
struct trace_part trace_part_of(const struct trace *trace, const struct trace_options *options,
                                const char *split);
/* A window of `count` records, which its seed chooses; or all of the part, where that is shorter or
 * `whole`. */
struct trace_part trace_window(const struct trace_part *part, uint64_t seed, size_t count);

#endif
