/* A table of things with ids that are never used twice. The lower half of an id is an index into
 * the table, the upper half counts how often that place has been used (its generation). So whoever
 * still holds the id of something that is gone finds nothing, rather than something else. */
#ifndef KHUB_NET_ID_TABLE_H
#define KHUB_NET_ID_TABLE_H

#include <stddef.h>
#include <stdint.h>

#define ID_NO_PLACE UINT32_MAX

struct id_place {
    void *thing;         /* NULL: free */
    uint32_t generation; /* of the thing here, or of the next one; never 0 */
    uint32_t next_free;  /* ID_NO_PLACE: none */
};

struct id_table {
    struct id_place *places;
    uint32_t count, free;
};

void id_table_init(struct id_table *table);
/* The things themselves are left alone. */
void id_table_free(struct id_table *table);

/* Gives a thing an id, which is never 0. 0, or -1 when out of memory. */
int id_table_add(struct id_table *table, void *thing, uint64_t *ret_id);
/* Removes the thing of that id, which must be in the table. */
void id_table_remove(struct id_table *table, uint64_t id);

/* The thing of that id, or NULL. */
static inline void *id_table_find(const struct id_table *table, uint64_t id)
{
    uint32_t index = (uint32_t)id;
    if (index >= table->count || table->places[index].generation != id >> 32)
        return NULL;
    return table->places[index].thing;
}

/* Walks all things; *cursor begins at 0. NULL at the end. During the walk, things may be removed
 * but not added. */
static inline void *id_table_next(const struct id_table *table, uint32_t *cursor)
{
    while (*cursor < table->count) {
        void *thing = table->places[(*cursor)++].thing;
        if (thing)
            return thing;
    }
    return NULL;
}

#endif
