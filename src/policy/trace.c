/* Which records a workload may see: traces are split by time. */
#include "policy/trace.h"

#include <assert.h>
#include <string.h>

#include "policy/random.h"

static const struct {
    const char *plural, *meaning;
    int columns;
} kinds[] = {
#define X(name, plural, columns, meaning) {plural, meaning, columns},
    TRACE_KINDS(X)
#undef X
};

int trace_columns(enum trace_kind kind)
{
    assert(kind < TRACE_KIND_COUNT);
    return kinds[kind].columns;
}

const char *trace_kind_plural(enum trace_kind kind)
{
    assert(kind < TRACE_KIND_COUNT);
    return kinds[kind].plural;
}

const char *trace_kind_meaning(enum trace_kind kind)
{
    assert(kind < TRACE_KIND_COUNT);
    return kinds[kind].meaning;
}

struct trace_part trace_part_of(const struct trace *trace, const struct trace_options *options,
                                const char *split)
{
    size_t half = trace->count / 2;
    bool trains = strncmp(split, "train/", strlen("train/")) == 0;
    return (struct trace_part){.trace = trace,
                               .options = options,
                               .first = trains ? 0 : half,
                               .count = trains ? half : trace->count - half,
                               .whole = strcmp(split, TRACE_LATER) == 0};
}

struct trace_part trace_window(const struct trace_part *part, uint64_t seed, size_t count)
{
    struct trace_part window = *part;
    struct random random;
    if (part->whole || count >= part->count)
        return window;
    random_seed(&random, seed);
    window.first += random_below(&random, part->count - count + 1);
    window.count = count;
    return window;
}
