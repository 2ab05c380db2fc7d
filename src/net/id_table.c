/* Ids. Free places form a stack: the one used last, which is still in the cache, is used next. */
#include "net/id_table.h"

#include <assert.h>
#include <stdlib.h>

#define PLACES_MIN 64u

void id_table_init(struct id_table *table)
{
    *table = (struct id_table){.free = ID_NO_PLACE};
}

void id_table_free(struct id_table *table)
{
    free(table->places);
    id_table_init(table);
}

static int table_grow(struct id_table *table)
{
    uint32_t count = table->count ? table->count * 2 : PLACES_MIN;
    struct id_place *places = realloc(table->places, count * sizeof *places);
    if (!places)
        return -1;
    for (uint32_t i = table->count; i < count; i++)
        places[i] =
            (struct id_place){.generation = 1, .next_free = i + 1 < count ? i + 1 : ID_NO_PLACE};
    table->free = table->count;
    table->places = places;
    table->count = count;
    return 0;
}

int id_table_add(struct id_table *table, void *thing, uint64_t *ret_id)
{
    assert(thing);
    if (table->free == ID_NO_PLACE && table_grow(table) < 0)
        return -1;
    uint32_t index = table->free;
    struct id_place *place = &table->places[index];
    assert(!place->thing && place->generation != 0);
    table->free = place->next_free;
    place->thing = thing;
    *ret_id = (uint64_t)place->generation << 32 | index;
    return 0;
}

void id_table_remove(struct id_table *table, uint64_t id)
{
    uint32_t index = (uint32_t)id;
    assert(id_table_find(table, id));
    struct id_place *place = &table->places[index];
    place->thing = NULL;
    if (++place->generation == 0) /* no id is ever 0 */
        place->generation = 1;
    place->next_free = table->free;
    table->free = index;
}
