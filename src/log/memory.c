#include "log/memory.h"

#include <assert.h>
#include <stdlib.h>

#include "core/memory.h"

struct memory_log {
    struct commit commit;
    uint64_t seq; /* of the newest entry */
};

static int memory_propose(void *state, struct entry *entry)
{
    struct memory_log *log = state;
    entry->seq = ++log->seq;
    log->commit.apply(log->commit.ctx, entry);
    return 0;
}

static void memory_free(void *state)
{
    free(state);
}

struct log log_memory(struct commit commit)
{
    struct memory_log *log = memory_new(sizeof *log);
    assert(commit.apply); /* it never calls lose: nothing that it takes can be lost */
    log->commit = commit;
    log->seq = commit.after;
    return (struct log){log, memory_propose, memory_free, memory_free};
}
