/* Things named by an id that is never used twice: an index into a table, and behind it in the upper
 * half how often that place was taken before (its generation). Who holds an id of something that is
 * gone finds nothing, not something else. */
#ifndef KHUB_NET_ID_TABLE_H
#define KHUB_NET_ID_TABLE_H

#include <stddef.h>
#include <stdint.h>

#define ID_NO_PLACE UINT32_MAX

struct id_place {
    void *thing;         /* NULL: free */
    uint32_t generation; /* of the thing in it, or of the next one; never 0 */
    uint32_t next_free;  /* ID_NO_PLACE: none */
};

struct id_table {
    struct id_place *places;
    uint32_t count, free;
};

void id_table_init(struct id_table *table);
/* Does nothing to the things. */
void id_table_free(struct id_table *table);

/* Names a thing. 0, or -1 when there is no memory. No id is 0. */
int id_table_add(struct id_table *table, void *thing, uint64_t *ret_id);
/* Its id names nothing any more. It must be in the table. */
void id_table_remove(struct id_table *table, uint64_t id);

/* The thing of that id, or NULL. */
static inline void *id_table_find(const struct id_table *table, uint64_t id)
{
    uint32_t index = (uint32_t)id;
    if (index >= table->count || table->places[index].generation != id >> 32)
        return NULL;
    return table->places[index].thing;
}

/* Walks all things: *cursor begins at 0. NULL at the end. Things may be removed on the way, not
 * added. */
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
