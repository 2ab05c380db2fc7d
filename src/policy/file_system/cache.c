/* Replacement policies by the book. Pages are small numbers, so what is known of a page stands in
 * an array. */
#include "policy/file_system/cache.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* FIFO and CLOCK: a ring of frames; CLOCK passes over, once, a page that was hit since the hand
 * came by. */
static int64_t ring_misses(const struct references *trace, bool second_chance)
{
    enum { ABSENT = 0, RESIDENT = 1, HIT = 2 };
    uint8_t *state = calloc(trace->page_count, 1);
    uint32_t *ring = malloc(trace->capacity * sizeof *ring);
    uint32_t used = 0, hand = 0;
    assert(trace->capacity > 0);
    int64_t misses = 0;
    if (!state || !ring)
        misses = -1;
    for (uint32_t i = 0; misses >= 0 && i < trace->count; i++) {
        uint32_t page = trace->pages[i];
        if (state[page] != ABSENT) {
            state[page] = HIT;
            continue;
        }
        misses++;
        if (used == trace->capacity) {
            while (second_chance && state[ring[hand]] == HIT) {
                state[ring[hand]] = RESIDENT;
                hand = hand + 1 < trace->capacity ? hand + 1 : 0;
            }
            state[ring[hand]] = ABSENT;
        } else
            used++;
        ring[hand] = page;
        state[page] = RESIDENT;
        hand = hand + 1 < trace->capacity ? hand + 1 : 0;
    }
    free(ring);
    free(state);
    return misses;
}

int64_t cache_fifo_misses(const struct references *trace)
{
    return ring_misses(trace, false);
}

int64_t cache_clock_misses(const struct references *trace)
{
    return ring_misses(trace, true);
}

/* Doubly linked lists over page numbers; the lists' own heads are nodes behind the pages. A page is
 * in one list or none. */
struct links {
    struct node {
        uint32_t newer, older;
    } * nodes;
    uint32_t pages;
};

static bool links_init(struct links *links, uint32_t pages, uint32_t lists)
{
    links->pages = pages;
    links->nodes = malloc((pages + lists) * sizeof *links->nodes);
    for (uint32_t list = 0; links->nodes && list < lists; list++)
        links->nodes[pages + list] = (struct node){pages + list, pages + list};
    return links->nodes != NULL;
}

static void links_add_newest(struct links *links, uint32_t list, uint32_t page)
{
    uint32_t head = links->pages + list, newest = links->nodes[head].older;
    links->nodes[page] = (struct node){.newer = head, .older = newest};
    links->nodes[newest].newer = page;
    links->nodes[head].older = page;
}

static void links_remove(struct links *links, uint32_t page)
{
    struct node node = links->nodes[page];
    links->nodes[node.newer].older = node.older;
    links->nodes[node.older].newer = node.newer;
}

static uint32_t links_oldest(const struct links *links, uint32_t list)
{
    return links->nodes[links->pages + list].newer;
}

int64_t cache_lru_misses(const struct references *trace)
{
    struct links links;
    bool *resident = calloc(trace->page_count, sizeof *resident);
    int64_t misses = links_init(&links, trace->page_count, 1) && resident ? 0 : -1;
    for (uint32_t i = 0, used = 0; misses >= 0 && i < trace->count; i++) {
        uint32_t page = trace->pages[i];
        if (resident[page])
            links_remove(&links, page);
        else {
            misses++;
            if (used == trace->capacity) {
                uint32_t victim = links_oldest(&links, 0);
                links_remove(&links, victim);
                resident[victim] = false;
            } else
                used++;
            resident[page] = true;
        }
        links_add_newest(&links, 0, page);
    }
    free(resident);
    free(links.nodes);
    return misses;
}

/* ARC (Megiddo, Modha 2003): T1 pages seen once, T2 seen again, B1 and B2 the numbers of what each
 * gave up; a hit in a B says that its T is too small, and moves the target. */
struct arc {
    enum { NOWHERE, T1, T2, B1, B2 } * where;
    struct links links; /* lists 1..4, list 0 unused */
    uint32_t size[5];
    uint32_t capacity, target; /* of T1 */
};

static void arc_move(struct arc *arc, uint32_t page, unsigned list)
{
    if (arc->where[page] != NOWHERE) {
        links_remove(&arc->links, page);
        arc->size[arc->where[page]]--;
    }
    arc->where[page] = list;
    arc->size[list]++;
    if (list != NOWHERE)
        links_add_newest(&arc->links, list, page);
}

/* Makes a frame free. */
static void arc_replace(struct arc *arc, bool wanted_in_b2)
{
    bool from_t1 = arc->size[T1] > 0 &&
                   (arc->size[T1] > arc->target || (wanted_in_b2 && arc->size[T1] == arc->target));
    arc_move(arc, links_oldest(&arc->links, from_t1 ? T1 : T2), from_t1 ? B1 : B2);
}

static void arc_miss(struct arc *arc, uint32_t page)
{
    uint32_t *size = arc->size, c = arc->capacity;
    if (arc->where[page] == B1) {
        uint32_t step = size[B1] >= size[B2] ? 1 : size[B2] / size[B1];
        arc->target = arc->target + step < c ? arc->target + step : c;
        arc_replace(arc, false);
        arc_move(arc, page, T2);
        return;
    }
    if (arc->where[page] == B2) {
        uint32_t step = size[B2] >= size[B1] ? 1 : size[B1] / size[B2];
        arc->target = arc->target > step ? arc->target - step : 0;
        arc_replace(arc, true);
        arc_move(arc, page, T2);
        return;
    }
    if (size[T1] + size[B1] == c) {
        if (size[T1] < c) {
            arc_move(arc, links_oldest(&arc->links, B1), NOWHERE);
            arc_replace(arc, false);
        } else
            arc_move(arc, links_oldest(&arc->links, T1), NOWHERE);
    } else if (size[T1] + size[T2] + size[B1] + size[B2] >= c) {
        if (size[T1] + size[T2] + size[B1] + size[B2] == 2 * c)
            arc_move(arc, links_oldest(&arc->links, B2), NOWHERE);
        arc_replace(arc, false);
    }
    arc_move(arc, page, T1);
}

int64_t cache_arc_misses(const struct references *trace)
{
    struct arc arc = {.capacity = trace->capacity,
                      .where = calloc(trace->page_count, sizeof *arc.where)};
    int64_t misses = links_init(&arc.links, trace->page_count, 5) && arc.where ? 0 : -1;
    for (uint32_t i = 0; misses >= 0 && i < trace->count; i++) {
        uint32_t page = trace->pages[i];
        if (arc.where[page] == T1 || arc.where[page] == T2)
            arc_move(&arc, page, T2);
        else {
            misses++;
            arc_miss(&arc, page);
            assert(arc.size[T1] + arc.size[T2] <= arc.capacity && arc.target <= arc.capacity);
        }
    }
    free(arc.where);
    free(arc.links.nodes);
    return misses;
}

/* MIN: a heap of (next use, page), the latest on top. An entry is stale when the page has been used
 * since. */
struct wanted {
    uint32_t next_use, page;
};

static void heap_add(struct wanted *heap, uint32_t at, struct wanted item)
{
    for (; at > 0 && item.next_use > heap[(at - 1) / 2].next_use; at = (at - 1) / 2)
        heap[at] = heap[(at - 1) / 2];
    heap[at] = item;
}

static void heap_remove_top(struct wanted *heap, uint32_t count)
{
    struct wanted item = heap[count - 1];
    uint32_t at = 0;
    for (uint32_t child; (child = 2 * at + 1) < count - 1; at = child) {
        if (child + 1 < count - 1 && heap[child + 1].next_use > heap[child].next_use)
            child++;
        if (item.next_use >= heap[child].next_use)
            break;
        heap[at] = heap[child];
    }
    heap[at] = item;
}

/* ret_next[i]: when the page of reference i is wanted again; `count` and more: never. */
static void find_next_uses(const struct references *trace, uint32_t *last_seen, uint32_t *ret_next)
{
    for (uint32_t page = 0; page < trace->page_count; page++)
        last_seen[page] = trace->count;
    for (uint32_t i = trace->count; i-- > 0;) {
        ret_next[i] = last_seen[trace->pages[i]];
        last_seen[trace->pages[i]] = i;
    }
}

int64_t cache_min_misses(const struct references *trace)
{
    uint32_t *due = calloc(trace->page_count, sizeof *due); /* of a resident page: its next use */
    uint32_t *next = malloc(trace->count * sizeof *next);
    bool *resident = calloc(trace->page_count, sizeof *resident);
    struct wanted *heap = calloc(trace->count, sizeof *heap);
    int64_t misses = due && next && resident && heap ? 0 : -1;
    if (misses == 0)
        find_next_uses(trace, due, next);
    for (uint32_t i = 0, used = 0, entries = 0; misses >= 0 && i < trace->count; i++) {
        uint32_t page = trace->pages[i];
        if (!resident[page]) {
            misses++;
            for (bool found = used < trace->capacity; !found; heap_remove_top(heap, entries--)) {
                assert(entries > 0);
                struct wanted top = heap[0];
                found = resident[top.page] && due[top.page] == top.next_use;
                if (found)
                    resident[top.page] = false;
            }
            if (used < trace->capacity)
                used++;
            resident[page] = true;
        }
        due[page] = next[i];
        heap_add(heap, entries++, (struct wanted){next[i], page});
    }
    free(due);
    free(next);
    free(resident);
    free(heap);
    return misses;
}
