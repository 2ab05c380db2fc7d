/* Traces of allocations: which objects were made, of which size, and when they went. Whatever a
 * file says, an object is made once, and gone at most once after that. */
#include "trace/alloc.h"

#include <stdlib.h>

/* Objects by what the file calls them: an open hash table of those that live. */
struct live {
    struct slot {
        uint64_t name;
        int64_t object; /* -1: free */
    } * slots;
    size_t mask, count; /* slots are mask + 1; 0 of them when there is no table yet */
};

static size_t home(const struct live *live, uint64_t name)
{
    return (size_t)(name * UINT64_C(0x9e3779b97f4a7c15) >> 20) & live->mask;
}

/* The slot of a name, or the free one where it would be. */
static size_t find(const struct live *live, uint64_t name)
{
    size_t at = home(live, name);
    while (live->slots[at].object >= 0 && live->slots[at].name != name)
        at = (at + 1) & live->mask;
    return at;
}

static int grow(struct live *live)
{
    struct live grown = {.mask = live->slots ? 2 * live->mask + 1 : 1023, .count = live->count};
    grown.slots = malloc((grown.mask + 1) * sizeof *grown.slots);
    if (!grown.slots)
        return -1;
    for (size_t i = 0; i <= grown.mask; i++)
        grown.slots[i].object = -1;
    for (size_t i = 0; live->slots && i <= live->mask; i++)
        if (live->slots[i].object >= 0)
            grown.slots[find(&grown, live->slots[i].name)] = live->slots[i];
    free(live->slots);
    *live = grown;
    return 0;
}

/* Takes a slot out, and moves those that were put behind it because it was taken. */
static void clear(struct live *live, size_t at)
{
    for (size_t next = (at + 1) & live->mask; live->slots[next].object >= 0;
         next = (next + 1) & live->mask) {
        size_t wanted = home(live, live->slots[next].name);
        if (((next - wanted) & live->mask) < ((next - at) & live->mask))
            continue; /* its home is behind the hole */
        live->slots[at] = live->slots[next];
        at = next;
    }
    live->slots[at].object = -1;
    live->count--;
}

/* An object of that name goes, if one lives. */
static int gone(struct reading *reading, struct live *live, uint64_t name)
{
    size_t at = live->slots ? find(live, name) : 0;
    if (!live->slots || live->slots[at].object < 0)
        return 0;
    int64_t record[] = {live->slots[at].object, 0};
    clear(live, at);
    return reading_add(reading, record);
}

/* One is made; if another of that name lives, its end was not told. */
static int made(struct reading *reading, struct live *live, uint64_t name, int64_t size)
{
    int64_t *objects = &reading->state[0];
    if (gone(reading, live, name) < 0)
        return -1;
    if ((!live->slots || live->count >= live->mask / 2) && grow(live) < 0)
        return reading_failed(reading, "out of memory");
    live->slots[find(live, name)] = (struct slot){name, *objects};
    live->count++;
    return reading_add(reading, (int64_t[]){(*objects)++, size > 0 ? size : 1});
}

/* ── memory_replay, of Android's bionic: "tid: malloc pointer size" ── */

static bool pointer_of(struct slice text, uint64_t *ret_pointer)
{
    uint64_t pointer = 0;
    if (text.len < 3 || text.len > 18 || text.at[0] != '0' || text.at[1] != 'x')
        return false;
    for (size_t i = 2; i < text.len; i++) {
        char c = text.at[i];
        unsigned digit = c >= '0' && c <= '9'   ? (unsigned)(c - '0')
                         : c >= 'a' && c <= 'f' ? (unsigned)(c - 'a') + 10
                                                : 16;
        if (digit > 15)
            return false;
        pointer = pointer << 4 | digit;
    }
    *ret_pointer = pointer;
    return true;
}

/* What follows the pointer of each call: 'p' a pointer, 'n' a number. */
static const struct call {
    const char *name, *more;
} calls[] = {{"malloc", "n"},   {"free", ""},       {"calloc", "nn"},
             {"realloc", "pn"}, {"memalign", "nn"}, {"thread_done", ""}};
enum { MALLOC, FREE, CALLOC, REALLOC, MEMALIGN, THREAD_DONE, CALLS };

struct replayed {
    unsigned call; /* CALLS: it is none */
    uint64_t pointer, old;
    int64_t numbers[2];
};

static struct replayed replayed_of(struct slice line)
{
    struct replayed found = {.call = CALLS}, none = found;
    int64_t thread;
    struct slice word = word_take(&line);
    if (word.len < 2 || word.at[word.len - 1] != ':' ||
        !number_of((struct slice){word.at, word.len - 1}, &thread))
        return none;
    word = word_take(&line);
    for (found.call = 0; found.call < CALLS && !slice_is(word, calls[found.call].name);)
        found.call++;
    if (found.call == CALLS || !pointer_of(word_take(&line), &found.pointer))
        return none;
    size_t numbers = 0;
    for (const char *more = calls[found.call].more; *more; more++) {
        word = word_take(&line);
        if (*more == 'p' ? !pointer_of(word, &found.old)
                         : !number_of(word, &found.numbers[numbers++]))
            return none;
    }
    return word_take(&line).len > 0 || found.numbers[0] < 0 || found.numbers[1] < 0 ? none : found;
}

bool alloc_replay_fits(struct slice beginning, bool whole)
{
    (void)whole;
    return replayed_of(first_line(beginning)).call < CALLS;
}

static int replay(struct reading *reading, struct live *live, const struct replayed *line)
{
    int64_t size = line->numbers[0];
    switch (line->call) {
    case FREE:
        return gone(reading, live, line->pointer);
    case THREAD_DONE:
        return 0;
    case CALLOC:
        if (__builtin_mul_overflow(size, line->numbers[1], &size))
            size = INT64_MAX;
        break;
    case MEMALIGN:
        size = line->numbers[1];
        break;
    case REALLOC:
        if (gone(reading, live, line->old) < 0)
            return -1;
        break;
    default:
        break;
    }
    return line->pointer ? made(reading, live, line->pointer, size) : 0;
}

int alloc_replay_read(struct reading *reading)
{
    struct live live = {0};
    struct slice line;
    int more;
    while ((more = reading_line(reading, &line)) > 0) {
        struct replayed found = replayed_of(line);
        if (found.call == CALLS)
            more = reading_wrong(reading, line,
                                 "'thread: call pointer …', of malloc, free, calloc, realloc, "
                                 "memalign or thread_done");
        else
            more = replay(reading, &live, &found);
        if (more < 0)
            break;
    }
    free(live.slots);
    return more;
}

/* ── alloc_list: "Alloc(bytes)," and "Free(which)," ── */

/* 'A' or 'F' with what stands in the brackets; 0: it is neither. */
static char listed_of(struct slice line, int64_t *ret_number)
{
    static const struct slice alloc = SLICE("Alloc("), freed = SLICE("Free(");
    struct slice inner, bracketed;
    bool allocates = line.len > alloc.len && memcmp(line.at, alloc.at, alloc.len) == 0;
    bool frees = line.len > freed.len && memcmp(line.at, freed.at, freed.len) == 0;
    size_t head = allocates ? alloc.len : freed.len;
    if (!allocates && !frees)
        return 0;
    inner = (struct slice){line.at + head, line.len - head};
    if (!memchr(inner.at, ')', inner.len))
        return 0;
    bracketed = field_take(&inner, ')');
    if (!number_of(bracketed, ret_number) || *ret_number < 0 ||
        (inner.len > 0 && !slice_is(inner, ",")))
        return 0;
    return allocates ? 'A' : 'F';
}

bool alloc_list_fits(struct slice beginning, bool whole)
{
    int64_t number;
    (void)whole;
    return listed_of(first_line(beginning), &number) != 0;
}

int alloc_list_read(struct reading *reading)
{
    struct live live = {0};
    struct slice line;
    uint64_t allocated = 0; /* in this file */
    int more;
    while ((more = reading_line(reading, &line)) > 0) {
        int64_t number = 0;
        char what = line.len > 0 ? listed_of(line, &number) : ' ';
        if (what == 'A')
            more = made(reading, &live, allocated++, number);
        else if (what == 'F' && (uint64_t)number < allocated)
            more = gone(reading, &live, (uint64_t)number);
        else if (what != ' ')
            more = reading_wrong(reading, line,
                                 what ? "one that was allocated before, from 0"
                                      : "'Alloc(bytes),' or 'Free(which),'");
        if (more < 0)
            break;
    }
    free(live.slots);
    return more;
}
