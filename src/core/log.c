/* The log in memory: a ring of the newest entries (the seed's message_history, with a bound on its bytes as well). */
#include "core/log.h"

#include <stdlib.h>

#include "core/memory.h"

/* Slots keep their memory for the next entry, for an allocation each would be a tenth of what a line costs; but no slot that is empty
 * keeps more than SLOT_KEPT_MAX bytes. */
#define SLOT_KEPT_MAX 4096u

struct kept {
    struct entry entry;
    char *memory;
    size_t capacity;
};

struct ring {
    struct kept *slots;
    size_t entries_max, bytes_max;
    size_t oldest, count, bytes;
    uint64_t seq;
};

static struct kept *ring_at(const struct ring *ring, size_t place)
{
    size_t index = ring->oldest + place;
    return &ring->slots[index < ring->entries_max ? index : index - ring->entries_max];
}

static void ring_drop_oldest(struct ring *ring)
{
    struct kept *oldest = ring_at(ring, 0);
    ring->bytes -= oldest->entry.bytes.len;
    if (oldest->capacity > SLOT_KEPT_MAX) {
        free(oldest->memory);
        oldest->memory = NULL;
        oldest->capacity = 0;
    }
    ring->oldest = ring->oldest + 1 < ring->entries_max ? ring->oldest + 1 : 0;
    ring->count--;
}

static int ring_append(void *state, struct entry *entry)
{
    struct ring *ring = state;
    size_t len = entry->bytes.len;
    entry->seq = ++ring->seq;
    while (ring->count && (ring->count == ring->entries_max || ring->bytes + len > ring->bytes_max))
        ring_drop_oldest(ring);
    if (len > ring->bytes_max)
        return 0; /* it has its place; nobody can read it again */
    struct kept *kept = ring_at(ring, ring->count);
    if (kept->capacity < len) {
        free(kept->memory);
        kept->capacity = len + 64;
        kept->memory = memory_new(kept->capacity);
    }
    kept->entry = *entry;
    if (len)
        memcpy(kept->memory, entry->bytes.at, len);
    kept->entry.bytes = (struct slice){kept->memory, len};
    ring->bytes += len;
    ring->count++;
    return 0;
}

static uint64_t ring_committed(void *state)
{
    return ((struct ring *)state)->seq;
}

static uint64_t ring_first(void *state)
{
    const struct ring *ring = state;
    return ring->count ? ring_at(ring, 0)->entry.seq : 0;
}

static int ring_read(void *state, uint64_t after, int (*each)(void *ctx, const struct entry *entry),
                     void *ctx)
{
    const struct ring *ring = state;
    for (size_t i = 0; i < ring->count; i++) {
        const struct entry *entry = &ring_at(ring, i)->entry;
        int answer = entry->seq > after ? each(ctx, entry) : 0;
        if (answer != 0)
            return answer;
    }
    return 0;
}

static void ring_free(void *state)
{
    struct ring *ring = state;
    for (size_t i = 0; i < ring->entries_max; i++)
        free(ring->slots[i].memory);
    free(ring->slots);
    free(ring);
}

struct log log_memory(size_t entries_max, size_t bytes_max)
{
    struct ring *ring = memory_new(sizeof *ring);
    ring->entries_max = entries_max ? entries_max : 1;
    ring->bytes_max = bytes_max;
    ring->slots = memory_new(ring->entries_max * sizeof *ring->slots);
    return (struct log){ring, ring_append, ring_committed, ring_first, ring_read, ring_free};
}
