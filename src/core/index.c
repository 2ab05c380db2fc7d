#include "core/index.h"

#include <assert.h>
#include <search.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/memory.h"

static int index_compare(const void *left, const void *right)
{
    return slice_compare(*(const struct slice *)left, *(const struct slice *)right);
}

void *index_find(const struct index *index, struct slice key)
{
    void *const *found = tfind(&key, &index->root, index_compare);
    return found ? *found : NULL;
}

struct after {
    struct slice key;
    const void **next; /* the least of the greater ones that were met */
};

/* Equals none, so that the way down goes by both neighbours of the place where the key would be. */
static int after_compare(const void *left, const void *right)
{
    const struct after *after = left;
    if (slice_compare(after->key, *(const struct slice *)right) >= 0)
        return 1;
    *after->next = right;
    return -1;
}

const void *index_after(const struct index *index, struct slice key)
{
    const void *next = NULL;
    struct after after = {key, &next};
    tfind(&after, &index->root, after_compare);
    return next;
}

void index_add(struct index *index, void *object)
{
    void *const *found = tsearch(object, &index->root, index_compare);
    if (!found) {
        fprintf(stderr, "khub: out of memory: an index could not grow\n");
        abort();
    }
    assert(*found == object);
    index->count++;
}

void *index_get(struct index *index, struct slice key, size_t size)
{
    void *object = index_find(index, key);
    if (!object) {
        object = memory_new(size);
        *(struct slice *)object = slice_copy(key);
        index_add(index, object);
    }
    return object;
}

void index_remove(struct index *index, void *object)
{
    assert(index_find(index, *(const struct slice *)object) == object);
    tdelete(object, &index->root, index_compare);
    index->count--;
}

struct walk {
    void (*each)(void *object, void *ctx);
    void *ctx;
};

static void index_visit(const void *node, VISIT which, void *closure)
{
    const struct walk *walk = closure;
    if (which == postorder || which == leaf) /* glibc's name for in-order is "postorder" */
        walk->each(*(void *const *)node, walk->ctx);
}

void index_walk(const struct index *index, void (*each)(void *object, void *ctx), void *ctx)
{
    struct walk walk = {each, ctx};
    twalk_r(index->root, index_visit, &walk);
}

void index_clear(struct index *index, void (*let_go)(void *object))
{
    tdestroy(index->root, let_go);
    *index = (struct index){0};
}

void keyed_free(void *object)
{
    slice_free(object);
    free(object);
}
