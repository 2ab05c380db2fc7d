// SPDX-License-Identifier: MIT
/* A plug-in of libCacheSim out of a module of file_system: policy.c, as `khub learn file_system`
 * writes it, stands before this (make; README.md says how).
 *
 * The mechanism is the simulator's: books of what two caches of this size would hold, one of a
 * small queue, a main one and the names of what the small one gave up, the other LRU's; and what is
 * here, of which those leave that the followed cache does not hold. libCacheSim keeps the objects
 * and asks whom to evict; when it has made room it tells of the miss. Amounts are what libCacheSim
 * counts: bytes, or objects where it ignores their sizes. */
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

/* An object is in one ring of each kind at the most: that of S3-FIFO, of LRU, and of what is here,
 * by who of the two holds it. */
enum kind { OF_S3FIFO, OF_LRU, OF_HERE, KINDS };
enum { BY_LRU = 1, BY_S3FIFO = 2, HOLDERS = 4 };

/* A ring; its head is no object, and is older than its newest. */
struct node {
    struct node *newer, *older;
};

struct queue {
    enum kind kind;
    struct node head;
    uint64_t amount;
    uint64_t come; /* what has become newest, in all; of names: what was given up */
};

struct object {
    struct node nodes[KINDS]; /* first: an object is found by them */
    struct object *next;      /* of its bucket */
    struct queue *in[KINDS];
    uint64_t id, size;
    uint64_t stamp; /* what of its queue had come when it did */
    uint32_t hits;
};

struct cache {
    struct queue small, main, names, lru, here[HOLDERS];
    uint64_t size;
    unsigned shift; /* so many bits of an amount are too many for the module */
    uint32_t capacity, small_frames, ghost_pages, duels;
    uint32_t won, lost; /* duels, that LRU missed, and that S3-FIFO did */
    uint64_t duelled;   /* the amount of both */
    bool follows_s3fifo;
    uint64_t last; /* the last request's id, and how many came in a row */
    uint32_t run;
    struct object *asked; /* stays, though it may be nowhere */
    bool ready;           /* the books are of that request already: room was made for it */
    uint64_t ready_id;
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

static void clear(struct queue *queue, enum kind kind)
{
    *queue = (struct queue){.kind = kind, .head = {&queue->head, &queue->head}};
}

static bool is_empty(const struct queue *queue)
{
    return queue->head.newer == &queue->head;
}

static struct object *oldest(const struct queue *queue)
{
    return (struct object *)(queue->head.newer - queue->kind);
}

static void put_before(struct node *node, struct node *newer)
{
    *node = (struct node){.newer = newer, .older = newer->older};
    newer->older->newer = node;
    newer->older = node;
}

static void enter(struct queue *queue, struct object *object, struct node *newer)
{
    object->in[queue->kind] = queue;
    if (queue->kind == OF_S3FIFO)
        object->stamp = queue->come;
    queue->amount += object->size;
    put_before(&object->nodes[queue->kind], newer);
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

static void take(struct object *object, enum kind kind)
{
    struct node *node = &object->nodes[kind];
    node->newer->older = node->older;
    node->older->newer = node->newer;
    object->in[kind]->amount -= object->size;
    object->in[kind] = NULL;
}

/* libCacheSim takes the new size. */
static void resize(struct object *object, uint64_t size)
{
    for (int kind = 0; kind < KINDS; kind++)
        if (object->in[kind])
            object->in[kind]->amount += size - object->size;
    object->size = size;
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

/* Forgets it, when it is nowhere any more. */
static void release(struct cache *cache, struct object *object)
{
    if (object == cache->asked || object->in[OF_S3FIFO] || object->in[OF_LRU] ||
        object->in[OF_HERE])
        return;
    *find(cache, object->id) = object->next;
    free(object);
    cache->count--;
}

/* ── the books ── */

static unsigned holders(const struct cache *cache, const struct object *object)
{
    const struct queue *queue = object->in[OF_S3FIFO];
    return (object->in[OF_LRU] ? BY_LRU : 0) | (queue && queue != &cache->names ? BY_S3FIFO : 0);
}

/* When it is here, it goes among those that the same ones hold. */
static void sort_in(struct cache *cache, struct object *object)
{
    struct queue *to = &cache->here[holders(cache, object)];
    if (!object->in[OF_HERE] || object->in[OF_HERE] == to)
        return;
    take(object, OF_HERE);
    add_newest(to, object);
}

static void forget_names(struct cache *cache)
{
    struct queue *names = &cache->names;
    while (!is_empty(names) &&
           units(cache, names->come - oldest(names)->stamp) > cache->ghost_pages) {
        struct object *object = oldest(names);
        take(object, OF_S3FIFO);
        release(cache, object);
    }
}

/* Who leaves the small queue; NULL when its turn is not now. */
static struct object *victim_of_small(struct cache *cache)
{
    struct queue *small = &cache->small;
    while (!is_empty(small) &&
           (units(cache, small->amount) >= cache->small_frames || is_empty(&cache->main))) {
        struct object *object = oldest(small);
        take(object, OF_S3FIFO);
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
        take(object, OF_S3FIFO);
        if (object->hits == 0 || !khub_file_system.keeps(1, object->hits))
            return object;
        object->hits--;
        add_newest(&cache->main, object);
    }
}

/* S3-FIFO gives one up; its queues are not both empty. */
static void give_up(struct cache *cache)
{
    struct object *victim = victim_of_small(cache);
    if (victim) /* its name stays */
        add_newest(&cache->names, victim);
    else
        victim = victim_of_main(cache);
    sort_in(cache, victim);
    release(cache, victim);
    forget_names(cache);
}

/* Whether S3-FIFO missed it. */
static bool refer_s3fifo(struct cache *cache, struct object *object)
{
    if (holders(cache, object) & BY_S3FIFO) {
        struct queue *queue = object->in[OF_S3FIFO];
        uint32_t answer =
            khub_file_system.on_hit(cache->capacity, queue == &cache->main, object->hits,
                                    units(cache, queue->come - object->stamp));
        object->hits = answer & HITS;
        if (answer & NEWEST) {
            take(object, OF_S3FIFO);
            add_newest(queue, object);
        }
        return false;
    }
    while (cache->small.amount + cache->main.amount + object->size > cache->size &&
           !(is_empty(&cache->small) && is_empty(&cache->main)))
        give_up(cache);
    bool remembered = object->in[OF_S3FIFO]; /* what is in no queue can only be a name */
    if (remembered)
        take(object, OF_S3FIFO);
    object->hits = 0;
    uint32_t place = khub_file_system.on_miss(remembered, cache->run);
    if (place == TO_MAIN)
        add_newest(&cache->main, object);
    else if (place == TO_SMALL_NEWEST)
        add_newest(&cache->small, object);
    else
        add_oldest(&cache->small, object);
    return true;
}

/* Whether LRU missed it. */
static bool refer_lru(struct cache *cache, struct object *object)
{
    struct queue *lru = &cache->lru;
    bool missed = !object->in[OF_LRU];
    if (!missed)
        take(object, OF_LRU);
    while (missed && lru->amount + object->size > cache->size && !is_empty(lru)) {
        struct object *victim = oldest(lru);
        take(victim, OF_LRU);
        sort_in(cache, victim);
        release(cache, victim);
    }
    add_newest(lru, object);
    return missed;
}

static void duel(struct cache *cache, bool won, uint64_t size)
{
    *(won ? &cache->won : &cache->lost) += 1;
    cache->duelled += size;
    uint32_t count = cache->won + cache->lost;
    if (units(cache, cache->duelled) >= cache->duels) {
        cache->won /= 2;
        cache->lost /= 2;
        cache->duelled = cache->duelled / count * (cache->won + cache->lost);
    }
    cache->follows_s3fifo =
        khub_file_system.follows(cache->follows_s3fifo, cache->won, cache->lost) != 0;
}

static void follow(struct cache *cache, uint64_t id)
{
    cache->run = id == cache->last + 1 && cache->run < UINT32_MAX ? cache->run + 1 : 1;
    cache->last = id;
}

/* Both caches are asked for it. */
static void refer(struct cache *cache, const struct request *request)
{
    follow(cache, request->id);
    struct object *object = *find(cache, request->id);
    if (!object)
        object = add(cache, request->id);
    resize(object, (uint64_t)request->size);
    cache->asked = object;
    bool s3fifo = refer_s3fifo(cache, object), lru = refer_lru(cache, object);
    cache->asked = NULL; /* now both hold it */
    if (s3fifo != lru)
        duel(cache, lru, object->size);
    sort_in(cache, object);
}

/* Who is here and has to leave: whom neither holds, or else only the one that is not followed. The
 * followed one holds what was asked for and isn't here, and no more than there is room for; so it
 * lacks one of these, but where an object has grown since. NULL: nobody is here. */
static struct object *victim_of(const struct cache *cache)
{
    unsigned followed = cache->follows_s3fifo ? BY_S3FIFO : BY_LRU, both = BY_S3FIFO | BY_LRU;
    const unsigned turns[] = {0, both & ~followed, followed, both};
    for (int turn = 0; turn < HOLDERS; turn++)
        if (!is_empty(&cache->here[turns[turn]]))
            return oldest(&cache->here[turns[turn]]);
    return NULL;
}

/* ── the hooks ── */

void *cache_init_hook(struct cache_params params)
{
    struct cache *cache = or_die(calloc(1, sizeof *cache));
    clear(&cache->small, OF_S3FIFO);
    clear(&cache->main, OF_S3FIFO);
    clear(&cache->names, OF_S3FIFO);
    clear(&cache->lru, OF_LRU);
    for (int who = 0; who < HOLDERS; who++)
        clear(&cache->here[who], OF_HERE);
    cache->size = params.cache_size;
    while (cache->size >> cache->shift > INT32_MAX)
        cache->shift++;
    cache->capacity = units(cache, cache->size);
    cache->small_frames = khub_file_system.small_frames(cache->capacity);
    cache->ghost_pages = khub_file_system.ghost_pages(cache->capacity);
    cache->duels = khub_file_system.duels(cache->capacity);
    cache->follows_s3fifo = khub_file_system.follows(0, 0, 0) != 0;
    cache->last = UINT64_MAX - 1;
    cache->bits = 4;
    cache->buckets = or_die(calloc((size_t)1 << cache->bits, sizeof(struct object *)));
    return cache;
}

void cache_hit_hook(void *data, const struct request *request)
{
    struct cache *cache = data;
    const struct object *object = *find(cache, request->id);
    cache->ready = false;
    if (object && object->in[OF_HERE])
        refer(cache, request);
    else /* somebody put it there who didn't tell us: a prefetcher */
        follow(cache, request->id);
}

uint64_t cache_eviction_hook(void *data, const struct request *request)
{
    struct cache *cache = data;
    if (!victim_of(cache)) /* nothing is here: libCacheSim says that it isn't, and ends */
        return request->id;
    if (!cache->ready || cache->ready_id != request->id) {
        refer(cache, request);
        cache->ready = true;
        cache->ready_id = request->id;
    }
    struct object *victim = victim_of(cache);
    uint64_t id = victim->id;
    take(victim, OF_HERE);
    release(cache, victim);
    return id;
}

void cache_miss_hook(void *data, const struct request *request)
{
    struct cache *cache = data;
    bool ready = cache->ready && cache->ready_id == request->id;
    cache->ready = false;
    if ((uint64_t)request->size > cache->size) { /* libCacheSim didn't take it in */
        follow(cache, request->id);
        return;
    }
    if (!ready)
        refer(cache, request);
    struct object *object = *find(cache, request->id);
    if (!object->in[OF_HERE])
        add_newest(&cache->here[holders(cache, object)], object);
}

/* Somebody took it out who wasn't asked by us. A name is no object, and stays. */
void cache_remove_hook(void *data, uint64_t id)
{
    struct cache *cache = data;
    struct object *object = *find(cache, id);
    if (!object || !object->in[OF_HERE])
        return;
    take(object, OF_HERE);
    if (object->in[OF_LRU])
        take(object, OF_LRU);
    if (object->in[OF_S3FIFO] && object->in[OF_S3FIFO] != &cache->names)
        take(object, OF_S3FIFO);
    release(cache, object);
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
