/* See mcp_lab.h. What libuv and the system's clock, chance and memory do elsewhere is done here:
 * the program is linked with these in their places. */
#include <jansson.h>
#include <string.h>
#include <sys/random.h>
#include <sys/types.h>
#include <time.h>

#include "khub_uv.h"
#include "mcp_lab_inside.h"

#define UNIX_MS    1700000000000 /* when a lab is opened */
#define TIMERS_MAX 4096
#define TURNS_MAX  100000 /* until nothing moves */

struct khub_uv {
    struct khub *link; /* NULL: stopped */
    struct khub_uv *next;
};

static struct {
    bool open;
    int64_t now; /* since it was opened, in ms */
    uint64_t chances;
    struct khub_uv *adapters;
    uv_timer_t *timers[TIMERS_MAX];
    size_t timer_count;
    uv_handle_t *closing;
    int64_t blocks; /* of memory, that are not let go */
} lab;

static uv_loop_t loop;

uv_loop_t *lab_loop(void)
{
    return &loop;
}

int64_t lab_now(void)
{
    return UNIX_MS + lab.now;
}

/* ── clock, chance and memory ── */

int __real_clock_gettime(clockid_t clock, struct timespec *ret_time);
int __wrap_clock_gettime(clockid_t clock, struct timespec *ret_time);
ssize_t __wrap_getrandom(void *bytes, size_t size, unsigned flags);

int __wrap_clock_gettime(clockid_t clock, struct timespec *ret_time)
{
    if (!lab.open) /* the fuzzer itself asks */
        return __real_clock_gettime(clock, ret_time);
    int64_t ms = lab.now + (clock == CLOCK_REALTIME ? UNIX_MS : 1000);
    *ret_time = (struct timespec){.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
    return 0;
}

void lab_chance(void *bytes, size_t size)
{
    memset(bytes, (int)(uint8_t)++lab.chances, size);
    uint64_t high = lab.chances >> 8;
    memcpy(bytes, &high, high ? (size < sizeof high ? size : sizeof high) : 0);
}

ssize_t __wrap_getrandom(void *bytes, size_t size, unsigned flags)
{
    (void)flags;
    lab_chance(bytes, size);
    return (ssize_t)size;
}

int uv_random(uv_loop_t *of, uv_random_t *request, void *bytes, size_t size, unsigned flags,
              uv_random_cb callback)
{
    (void)of, (void)request, (void)flags, (void)callback;
    lab_chance(bytes, size);
    return 0;
}

/* Blocks that were taken while a lab was open. jansson takes its own in the same way, for the doors
 * let go of what it wrote. */
#define WRAPPED(type, name, parameters, taken, arguments)                                          \
    type __real_##name parameters;                                                                 \
    type __wrap_##name parameters;                                                                 \
    type __wrap_##name parameters                                                                  \
    {                                                                                              \
        type block = __real_##name arguments;                                                      \
        lab.blocks += lab.open && (taken);                                                         \
        return block;                                                                              \
    }
WRAPPED(void *, malloc, (size_t size), block != NULL, (size))
WRAPPED(void *, calloc, (size_t count, size_t size), block != NULL, (count, size))
WRAPPED(void *, realloc, (void *old, size_t size), block != NULL && !old, (old, size))
WRAPPED(char *, strdup, (const char *text), block != NULL, (text))
WRAPPED(char *, strndup, (const char *text, size_t size), block != NULL, (text, size))
void __real_free(void *block);
void __wrap_free(void *block);

void __wrap_free(void *block)
{
    lab.blocks -= lab.open && block;
    __real_free(block);
}

/* ── the loop ── */

int uv_timer_init(uv_loop_t *of, uv_timer_t *timer)
{
    (void)of;
    lab_expect(lab.timer_count < TIMERS_MAX, "more timers than anybody needs");
    *timer = (uv_timer_t){.data = timer->data};
    lab.timers[lab.timer_count++] = timer;
    return 0;
}

int uv_timer_start(uv_timer_t *timer, uv_timer_cb callback, uint64_t ms, uint64_t repeat)
{
    timer->timer_cb = callback;
    timer->timeout = (uint64_t)lab.now + ms;
    timer->repeat = repeat;
    timer->start_id = 1; /* it runs */
    return 0;
}

int uv_timer_stop(uv_timer_t *timer)
{
    timer->start_id = 0;
    return 0;
}

int uv_is_active(const uv_handle_t *handle)
{
    return ((const uv_timer_t *)(const void *)handle)->start_id != 0;
}

void uv_unref(uv_handle_t *handle)
{
    (void)handle;
}

void uv_close(uv_handle_t *handle, uv_close_cb callback)
{
    size_t i = 0;
    while (i < lab.timer_count && (uv_handle_t *)lab.timers[i] != handle)
        i++;
    lab_expect(i < lab.timer_count, "a timer is closed that is not open");
    lab.timer_count--;
    memmove(&lab.timers[i], &lab.timers[i + 1], (lab.timer_count - i) * sizeof *lab.timers);
    handle->close_cb = callback;
    handle->next_closing = lab.closing;
    lab.closing = handle;
}

static bool close_some(void)
{
    uv_handle_t *handle = lab.closing;
    if (!handle)
        return false;
    lab.closing = handle->next_closing;
    if (handle->close_cb)
        handle->close_cb(handle);
    return true;
}

static bool run_timer(void)
{
    for (size_t i = 0; i < lab.timer_count; i++) {
        uv_timer_t *timer = lab.timers[i];
        if (!timer->start_id || timer->timeout > (uint64_t)lab.now)
            continue;
        timer->start_id = timer->repeat != 0;
        timer->timeout += timer->repeat;
        timer->timer_cb(timer);
        return true;
    }
    return false;
}

/* ── links in the loop ── */

int khub_uv_start(uv_loop_t *of, struct khub *link, struct khub_uv **ret_adapter)
{
    struct khub_uv *adapter = calloc(1, sizeof *adapter);
    (void)of;
    if (!adapter)
        return KHUB_E_NO_MEMORY;
    *adapter = (struct khub_uv){.link = link, .next = lab.adapters};
    lab.adapters = *ret_adapter = adapter;
    return 0;
}

void khub_uv_stop(struct khub_uv *adapter)
{
    if (adapter)
        adapter->link = NULL;
}

static bool is_ready(const struct khub *link)
{
    int fd = khub_fd(link);
    return khub_link_state(link) != KHUB_ENDED &&
           (khub_timeout_ms(link) == 0 || khub_wants_write(link) || (fd >= 0 && lab_hub_says(fd)));
}

static bool turn_links(void)
{
    bool moved = false;
    for (struct khub_uv **at = &lab.adapters; *at;) {
        struct khub_uv *adapter = *at;
        if (!adapter->link) {
            *at = adapter->next;
            free(adapter);
            continue;
        }
        if (is_ready(adapter->link)) {
            khub_turn(adapter->link);
            moved = true;
        }
        at = &adapter->next;
    }
    return moved;
}

void lab_settle(void)
{
    unsigned turns = 0;
    bool moved;
    do {
        lab_expect(++turns < TURNS_MAX, "it never rests");
        moved = turn_links();
        moved |= lab_hub_turn();
        moved |= run_timer();
        while (close_some())
            moved = true;
    } while (moved);
}

static int64_t next_due(int64_t until)
{
    for (size_t i = 0; i < lab.timer_count; i++)
        if (lab.timers[i]->start_id && (int64_t)lab.timers[i]->timeout < until)
            until = (int64_t)lab.timers[i]->timeout;
    for (const struct khub_uv *adapter = lab.adapters; adapter; adapter = adapter->next) {
        int ms = adapter->link ? khub_timeout_ms(adapter->link) : -1;
        if (ms >= 0 && lab.now + ms < until)
            until = lab.now + ms;
    }
    return until > lab.now ? until : lab.now + 1;
}

void lab_pass(int64_t ms)
{
    int64_t until = lab.now + ms;
    lab_settle();
    while (lab.now < until) {
        int64_t due = lab_hub_tick();
        lab.now = next_due(lab.now + due < until ? lab.now + due : until);
        lab_settle();
    }
}

/* ── beginning and end ── */

void lab_open(void)
{
    memset(&lab, 0, sizeof lab);
    lab.open = true;
    json_set_alloc_funcs(malloc, free);
    json_object_seed(1);
    lab_hub_open();
}

void lab_close(void)
{
    lab_settle();
    lab_expect(lab.timer_count == 0, "a timer is left");
    lab_expect(!lab.adapters, "a link is left");
    lab_hub_close();
    lab_expect(lab.blocks == 0, "memory is left");
    lab.open = false;
}
