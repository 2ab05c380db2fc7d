// SPDX-License-Identifier: MIT
/* A plug-in of libCacheSim out of a module of file_system: policy.c, as `khub learn file_system`
 * writes it, stands before this (make; README.md says how).
 *
 * The mechanism is the simulator's: a small queue, a main one, and the names of what the small one
 * gave up. libCacheSim keeps the objects and asks whom to evict; when it has made room it tells of
 * the miss. Amounts are what libCacheSim counts: bytes, or objects where it ignores their sizes. */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#define HOOK __attribute__((visibility("default")))

/* ── of libCacheSim 0.3.3 ── */

/* Passed by value. */
struct cache_params {
    uint64_t cache_size;
    uint64_t default_ttl;
    int32_t hash_power;
    bool with_metadata;
};

struct request { /* as far as it is read here */
    int64_t clock_time;
    uint64_t hash;
    uint64_t id;
    int64_t size;
};

/* Those it finds by name. */
HOOK void *cache_init_hook(struct cache_params params);
HOOK void cache_hit_hook(void *data, const struct request *request);
HOOK void cache_miss_hook(void *data, const struct request *request);
HOOK uint64_t cache_eviction_hook(void *data, const struct request *request);
HOOK void cache_remove_hook(void *data, uint64_t id);
HOOK void cache_free_hook(void *data);

/* ── queues and names ── */

enum { HITS = 7, NEWEST = 8 };             /* of what on_hit answers */
enum { TO_SMALL_NEWEST = 0, TO_MAIN = 1 }; /* of what on_miss answers */

/* A ring; its head is no object, and is older than its newest. */
struct node {
    struct node *newer, *older;
};

struct queue {
    struct node head;
    uint64_t amount;
    uint64_t come; /* what has become newest, in all; of names: what was given up */
};

struct object {
    struct node node;    /* first: an object is found by it */
    struct object *next; /* of its bucket */
    struct queue *queue;
    uint64_t id, size;
    uint64_t stamp; /* what of its queue had come when it did */
    uint32_t hits;
};

struct cache {
    struct queue small, main, names;
    uint64_t size;
    unsigned shift; /* so many bits of an amount are too many for the module */
    uint32_t capacity, small_frames, ghost_pages;
    uint64_t last; /* the last request's id, and how many came in a row */
    uint32_t run;
    struct object **buckets;
    uint32_t bits; /* there are 2^bits */
    uint64_t count;
};

/* As the module takes it. */
static uint32_t units(const struct cache *cache, uint64_t amount)
{
    amount >>= cache->shift;
    return amount < UINT32_MAX ? (uint32_t)amount : UINT32_MAX;
}

/* libCacheSim has no way to hear of it. */
static void *or_die(void *memory)
{
    if (memory)
        return memory;
    fputs("khub_cache: out of memory\n", stderr);
    abort();
}

static void clear(struct queue *queue)
{
    *queue = (struct queue){.head = {&queue->head, &queue->head}};
}

static bool is_empty(const struct queue *queue)
{
    return queue->head.newer == &queue->head;
}

static struct object *oldest(const struct queue *queue)
{
    return (struct object *)queue->head.newer;
}

static void put_before(struct node *node, struct node *newer)
{
    *node = (struct node){.newer = newer, .older = newer->older};
    newer->older->newer = node;
    newer->older = node;
}

static void enter(struct queue *queue, struct object *object, struct node *newer)
{
    object->queue = queue;
    object->stamp = queue->come;
    queue->amount += object->size;
    put_before(&object->node, newer);
}

static void add_newest(struct queue *queue, struct object *object)
{
    enter(queue, object, &queue->head);
    queue->come += object->size;
}

static void add_oldest(struct queue *queue, struct object *object)
{
    enter(queue, object, queue->head.newer);
}

static void take(struct object *object)
{
    object->node.newer->older = object->node.older;
    object->node.older->newer = object->node.newer;
    object->queue->amount -= object->size;
    object->queue = NULL;
}

static struct object **bucket_of(struct object **buckets, uint32_t bits, uint64_t id)
{
    return &buckets[id * UINT64_C(0x9e3779b97f4a7c15) >> (64 - bits)];
}

/* Where the object is linked, or the end of its bucket. */
static struct object **find(struct cache *cache, uint64_t id)
{
    struct object **at = bucket_of(cache->buckets, cache->bits, id);
    while (*at && (*at)->id != id)
        at = &(*at)->next;
    return at;
}

static void grow(struct cache *cache)
{
    uint32_t bits = cache->bits + 1;
    struct object **buckets = or_die(calloc((size_t)1 << bits, sizeof(struct object *)));
    for (size_t i = 0; i < (size_t)1 << cache->bits; i++)
        while (cache->buckets[i]) {
            struct object *object = cache->buckets[i];
            struct object **at = bucket_of(buckets, bits, object->id);
            cache->buckets[i] = object->next;
            object->next = *at;
            *at = object;
        }
    free(cache->buckets);
    cache->buckets = buckets;
    cache->bits = bits;
}

static struct object *add(struct cache *cache, uint64_t id)
{
    if (cache->count++ >> cache->bits)
        grow(cache);
    struct object *object = or_die(calloc(1, sizeof *object)), **at = find(cache, id);
    object->id = id;
    *at = object;
    return object;
}

/* It is in no queue. */
static void drop(struct cache *cache, uint64_t id)
{
    struct object **at = find(cache, id), *object = *at;
    *at = object->next;
    free(object);
    cache->count--;
}

/* ── the mechanism ── */

static void forget_names(struct cache *cache)
{
    struct queue *names = &cache->names;
    while (!is_empty(names) &&
           units(cache, names->come - oldest(names)->stamp) > cache->ghost_pages) {
        struct object *object = oldest(names);
        take(object);
        drop(cache, object->id);
    }
}

/* Who leaves the small queue; NULL when its turn is not now. */
static struct object *victim_of_small(struct cache *cache)
{
    struct queue *small = &cache->small;
    while (!is_empty(small) &&
           (units(cache, small->amount) >= cache->small_frames || is_empty(&cache->main))) {
        struct object *object = oldest(small);
        take(object);
        if (!khub_file_system.keeps(0, object->hits))
            return object;
        object->hits = 0;
        add_newest(&cache->main, object);
    }
    return NULL;
}

static struct object *victim_of_main(struct cache *cache)
{
    for (;;) {
        struct object *object = oldest(&cache->main);
        take(object);
        if (object->hits == 0 || !khub_file_system.keeps(1, object->hits))
            return object;
        object->hits--;
        add_newest(&cache->main, object);
    }
}

static void follow(struct cache *cache, uint64_t id)
{
    cache->run = id == cache->last + 1 && cache->run < UINT32_MAX ? cache->run + 1 : 1;
    cache->last = id;
}

/* ── the hooks ── */

void *cache_init_hook(struct cache_params params)
{
    struct cache *cache = or_die(calloc(1, sizeof *cache));
    clear(&cache->small);
    clear(&cache->main);
    clear(&cache->names);
    cache->size = params.cache_size;
    while (cache->size >> cache->shift > INT32_MAX)
        cache->shift++;
    cache->capacity = units(cache, cache->size);
    cache->small_frames = khub_file_system.small_frames(cache->capacity);
    cache->ghost_pages = khub_file_system.ghost_pages(cache->capacity);
    cache->last = UINT64_MAX - 1;
    cache->bits = 4;
    cache->buckets = or_die(calloc((size_t)1 << cache->bits, sizeof(struct object *)));
    return cache;
}

void cache_hit_hook(void *data, const struct request *request)
{
    struct cache *cache = data;
    follow(cache, request->id);
    struct object *object = *find(cache, request->id);
    if (!object) /* somebody put it there who didn't tell us: a prefetcher */
        return;
    struct queue *queue = object->queue;
    queue->amount += (uint64_t)request->size - object->size; /* libCacheSim takes the new size */
    object->size = (uint64_t)request->size;
    uint32_t answer = khub_file_system.on_hit(cache->capacity, queue == &cache->main, object->hits,
                                              units(cache, queue->come - object->stamp));
    object->hits = answer & HITS;
    if (answer & NEWEST) {
        take(object);
        add_newest(queue, object);
    }
}

uint64_t cache_eviction_hook(void *data, const struct request *request)
{
    struct cache *cache = data;
    struct object *victim = victim_of_small(cache);
    if (victim) { /* its name stays */
        uint64_t id = victim->id;
        add_newest(&cache->names, victim);
        forget_names(cache);
        return id;
    }
    if (is_empty(&cache->main)) /* nothing is here: libCacheSim says that it isn't, and ends */
        return request->id;
    victim = victim_of_main(cache);
    uint64_t id = victim->id;
    drop(cache, id);
    return id;
}

void cache_miss_hook(void *data, const struct request *request)
{
    struct cache *cache = data;
    follow(cache, request->id);
    if ((uint64_t)request->size > cache->size) /* libCacheSim didn't take it in */
        return;
    struct object *object = *find(cache, request->id);
    bool remembered = object; /* what is in no cache can only be a name */
    if (remembered)
        take(object);
    else
        object = add(cache, request->id);
    object->size = (uint64_t)request->size;
    object->hits = 0;
    uint32_t place = khub_file_system.on_miss(remembered, cache->run);
    if (place == TO_MAIN)
        add_newest(&cache->main, object);
    else if (place == TO_SMALL_NEWEST)
        add_newest(&cache->small, object);
    else
        add_oldest(&cache->small, object);
}

/* Somebody took it out who wasn't asked by us. A name is no object, and stays. */
void cache_remove_hook(void *data, uint64_t id)
{
    struct cache *cache = data;
    struct object *object = *find(cache, id);
    if (!object || object->queue == &cache->names)
        return;
    take(object);
    drop(cache, id);
}

void cache_free_hook(void *data)
{
    struct cache *cache = data;
    for (size_t i = 0; i < (size_t)1 << cache->bits; i++)
        while (cache->buckets[i]) {
            struct object *object = cache->buckets[i];
            cache->buckets[i] = object->next;
            free(object);
        }
    free(cache->buckets);
    free(cache);
}
