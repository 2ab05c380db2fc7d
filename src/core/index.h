/* An ordered index of objects by a text key: the C library's balanced trees (tsearch), which no
 * choice of keys can slow down and which are walked in one order everywhere.
 *
 * An object's first member is its `struct slice key`. The index owns neither objects nor keys. */
#ifndef KHUB_CORE_INDEX_H
#define KHUB_CORE_INDEX_H

#include "wire/slice.h"

struct index {
    void *root;
    size_t count;
};

/* The object with this key, or NULL. */
void *index_find(const struct index *index, struct slice key);
/* The first object whose key is greater, in the order of index_walk; NULL: there is none. */
const void *index_after(const struct index *index, struct slice key);
/* The same, and when there is none a new one of `size` zeroed bytes, with a copy of the key. */
void *index_get(struct index *index, struct slice key, size_t size);
/* The key must not be there yet. */
void index_add(struct index *index, void *object);
/* The object must be there. */
void index_remove(struct index *index, void *object);
/* Calls each object in the order of the keys. */
void index_walk(const struct index *index, void (*each)(void *object, void *ctx), void *ctx);
/* Empties the index, calling let_go for each object. */
void index_clear(struct index *index, void (*let_go)(void *object));
/* Frees an object that owns nothing but its key. */
void keyed_free(void *object);

#endif
