/* See formers.h. */
#include "core/formers.h"

#include <assert.h>
#include <stdlib.h>

#include "core/bounds.h"
#include "core/knowledge.h"
#include "core/memory.h"

size_t former_cost(const struct former *former)
{
    return ENTRY_OVERHEAD + former->body.len + former->timestamp.len;
}

static void former_free(struct former *former)
{
    slice_free(&former->key);
    slice_free(&former->body);
    slice_free(&former->timestamp);
    free(former);
}

/* With zeros in front, so that bytes compare as numbers do. Without printf, which would cost more
 * than all else here. */
static struct slice key_of(uint64_t order)
{
    char key[FORMER_KEY_BYTES];
    for (size_t i = FORMER_KEY_BYTES; i-- > 0; order /= 10)
        key[i] = (char)('0' + order % 10);
    return slice_copy((struct slice){key, sizeof key});
}

/* Behind those that were replaced before it: at the end, but for rows that come in another
 * order. */
static void former_insert(struct knowledge *knowledge, struct former *former)
{
    struct knowledge_entry *entry = former->entry;
    struct former *before = TAILQ_LAST(&entry->formers, former_list);
    while (before && slice_compare(before->key, former->key) > 0)
        before = TAILQ_PREV(before, former_list, of_entry);
    if (before)
        TAILQ_INSERT_AFTER(&entry->formers, before, former, of_entry);
    else
        TAILQ_INSERT_HEAD(&entry->formers, former, of_entry);
    before = TAILQ_LAST(&knowledge->formers, former_list);
    while (before && slice_compare(before->key, former->key) > 0)
        before = TAILQ_PREV(before, former_list, of_room);
    if (before)
        TAILQ_INSERT_AFTER(&knowledge->formers, before, former, of_room);
    else
        TAILQ_INSERT_HEAD(&knowledge->formers, former, of_room);
    entry->former_count++;
    entry->former_bytes += former_cost(former);
    knowledge->former_bytes += former_cost(former);
}

void former_drop(struct knowledge *knowledge, struct former *former)
{
    struct knowledge_entry *entry = former->entry;
    size_t cost = former_cost(former);
    assert(entry->former_count > 0 && entry->former_bytes >= cost);
    assert(knowledge->former_bytes >= cost);
    TAILQ_REMOVE(&entry->formers, former, of_entry);
    TAILQ_REMOVE(&knowledge->formers, former, of_room);
    entry->former_count--;
    entry->former_bytes -= cost;
    knowledge->former_bytes -= cost;
    change_gone(knowledge->changes, &former->change, ROW_FORMER, former->key);
    former_free(former);
}

void former_keep(struct knowledge *knowledge, struct knowledge_entry *entry, uint64_t order,
                 int64_t now)
{
    struct former *former = memory_new(sizeof *former);
    const struct shares *shares = &entry->shares;
    former->key = key_of(order);
    former->entry = entry;
    former->revision = entry->revision;
    former->replaced_ms = now;
    former->seq = shares->count ? shares->seqs[shares->count - 1] : 0;
    former->body = entry->body;
    former->timestamp = entry->timestamp;
    entry->body = entry->timestamp = (struct slice){NULL, 0};
    former_insert(knowledge, former);
    change_mark(knowledge->changes, &former->change, former, ROW_FORMER);
}

void formers_bound(struct knowledge *knowledge, struct knowledge_entry *entry)
{
    size_t most = knowledge->bytes < FORMERS_BYTES_LEAST ? FORMERS_BYTES_LEAST : knowledge->bytes;
    if (most > FORMERS_BYTES_MAX)
        most = FORMERS_BYTES_MAX;
    while (entry->former_count > FORMERS_EACH_MAX ||
           (entry->former_count > 1 && entry->former_bytes > FORMERS_BYTES_EACH_MAX))
        former_drop(knowledge, TAILQ_FIRST(&entry->formers));
    while (knowledge->former_bytes > most)
        former_drop(knowledge, TAILQ_FIRST(&knowledge->formers));
}

void formers_drop(struct knowledge *knowledge, struct knowledge_entry *entry)
{
    while (entry->former_count)
        former_drop(knowledge, TAILQ_FIRST(&entry->formers));
}

bool former_restore(struct knowledge *knowledge, struct knowledge_entry *entry,
                    const struct former *former)
{
    bool digits = former->key.len == FORMER_KEY_BYTES;
    for (size_t i = 0; digits && i < FORMER_KEY_BYTES; i++)
        digits = former->key.at[i] >= '0' && former->key.at[i] <= '9';
    if (!digits)
        return false;
    struct former *kept = memory_new(sizeof *kept);
    *kept = *former;
    kept->key = slice_copy(former->key);
    kept->entry = entry;
    former_insert(knowledge, kept);
    return true;
}

void formers_free(struct knowledge_entry *entry)
{
    struct former *former;
    while ((former = TAILQ_FIRST(&entry->formers))) {
        TAILQ_REMOVE(&entry->formers, former, of_entry);
        former_free(former);
    }
}
