/* See mcp_lab.h. What libuv, the system's clock and chance, and the transport of libkhub do
 * elsewhere is done here: the program is linked with these in their places. */
#include "mcp_lab.h"

#include <errno.h>
#include <jansson.h>
#include <sodium.h>
#include <string.h>
#include <sys/random.h>
#include <sys/types.h>
#include <time.h>

#include "client/transport.h"
#include "core/hub.h"
#include "khub_uv.h"
#include "log/memory.h"
#include "wire/bounds.h"
#include "wire/frame.h"
#include "wire/text.h"

#define UNIX_MS    1700000000000 /* when a lab is opened */
#define PIPES_MAX  64            /* connections at once */
#define TIMERS_MAX 4096
#define TURNS_MAX  100000 /* until nothing moves */

/* A connection, as the hub and its link see it. */
struct pipe {
    bool taken, ended, cut; /* ended: the hub says no more */
    bool hubs;              /* the hub knows of it */
    peer_id peer;
    struct frame said; /* by the link */
    struct text heard; /* by the link, from `read` on */
    size_t read;
};

struct khub_uv {
    struct khub *link; /* NULL: stopped */
    struct khub_uv *next;
};

static struct {
    bool open, away;
    int64_t now; /* since it was opened, in ms */
    uint64_t chances;
    struct hub *hub;
    struct pipe pipes[PIPES_MAX];
    uint32_t generation;
    struct pipe *bea; /* NULL: not here */
    uint64_t bea_says;
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

/* No two are alike, and an input can name them: the first is of bytes 01, … */
static void chance(void *bytes, size_t size)
{
    memset(bytes, (int)(uint8_t)++lab.chances, size);
    uint64_t high = lab.chances >> 8;
    memcpy(bytes, &high, high ? (size < sizeof high ? size : sizeof high) : 0);
}

ssize_t __wrap_getrandom(void *bytes, size_t size, unsigned flags)
{
    (void)flags;
    chance(bytes, size);
    return (ssize_t)size;
}

int uv_random(uv_loop_t *of, uv_random_t *request, void *bytes, size_t size, unsigned flags,
              uv_random_cb callback)
{
    (void)of, (void)request, (void)flags, (void)callback;
    chance(bytes, size);
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
    const struct pipe *pipe = fd >= 0 ? &lab.pipes[fd] : NULL;
    return khub_link_state(link) != KHUB_ENDED &&
           (khub_timeout_ms(link) == 0 || khub_wants_write(link) ||
            (pipe && (pipe->ended || pipe->cut || pipe->read < pipe->heard.len)));
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
        int64_t due = hub_tick(lab.hub, UNIX_MS + lab.now);
        lab.now = next_due(lab.now + due < until ? lab.now + due : until);
        lab_settle();
    }
}

/* ── the hub's edge ── */

static struct pipe *pipe_of(peer_id peer)
{
    struct pipe *pipe = &lab.pipes[peer & 0xffffffffu];
    return pipe->taken && pipe->peer == peer ? pipe : NULL;
}

static void edge_effect(void *ctx, const struct effect *effect)
{
    (void)ctx;
    for (size_t i = 0; i < effect->seat_count; i++) {
        const struct seat *seat = &effect->seats[i];
        struct pipe *pipe = pipe_of(seat->peer);
        char tail[EFFECT_TAIL_SIZE];
        struct slice parts[EFFECT_PARTS];
        if (!pipe || pipe == lab.bea || seat->level < effect->level ||
            (seat->member && seat->member == effect->skipped))
            continue;
        effect_parts(effect, seat->level, tail, parts);
        text_add(&pipe->heard, parts[0]);
        text_add(&pipe->heard, parts[1]);
    }
}

static void edge_joined(void *ctx, peer_id peer)
{
    (void)ctx, (void)peer;
}

static void edge_close(void *ctx, peer_id peer, enum close_reason reason)
{
    struct pipe *pipe = pipe_of(peer);
    (void)ctx, (void)reason;
    if (pipe) {
        pipe->ended = true;
        pipe->hubs = false;
    }
}

static void edge_sha256(void *ctx, const struct slice *parts, unsigned count,
                        uint8_t ret_digest[32])
{
    crypto_hash_sha256_state state;
    (void)ctx;
    crypto_hash_sha256_init(&state);
    for (unsigned i = 0; i < count; i++)
        crypto_hash_sha256_update(&state, (const uint8_t *)parts[i].at, parts[i].len);
    crypto_hash_sha256_final(&state, ret_digest);
}

/* What comes in one piece, as files through MCP do, is hashed; the rest is no matter here. */
static void edge_hash(void *ctx, struct hub_hash *hash, struct slice bytes, bool last)
{
    if (!hash->bytes && last)
        edge_sha256(ctx, &bytes, 1, hash->state);
    hash->bytes += bytes.len;
}

static void edge_derive(void *ctx, struct slice room, uint64_t seq, uint32_t count,
                        uint8_t ret_bytes[16])
{
    uint8_t digest[32];
    const struct slice parts[] = {
        room, {(const char *)&seq, sizeof seq}, {(const char *)&count, sizeof count}};
    edge_sha256(ctx, parts, 3, digest);
    memcpy(ret_bytes, digest, 16);
}

static void edge_unique(void *ctx, uint8_t ret_bytes[16])
{
    (void)ctx;
    chance(ret_bytes, 16);
}

static struct log edge_open_log(void *ctx, struct slice room, struct commit commit)
{
    (void)ctx, (void)room;
    return log_memory(commit);
}

/* ── connections ── */

/* NULL: there are too many, or the hub is away. */
static struct pipe *pipe_open(void)
{
    for (uint32_t i = 0; i < PIPES_MAX && !lab.away; i++) {
        struct pipe *pipe = &lab.pipes[i];
        if (pipe->taken)
            continue;
        *pipe = (struct pipe){
            .taken = true, .hubs = true, .peer = (uint64_t)++lab.generation << 32 | i};
        frame_init(&pipe->said, WIRE_LINE_MAX);
        hub_open(lab.hub, pipe->peer, UNIX_MS + lab.now);
        return pipe;
    }
    return NULL;
}

static void pipe_leave(struct pipe *pipe, enum close_reason reason)
{
    if (pipe->hubs)
        hub_gone(lab.hub, pipe->peer, reason, UNIX_MS + lab.now);
    pipe->hubs = false;
}

static void pipe_close(struct pipe *pipe)
{
    pipe_leave(pipe, CLOSE_PEER_CLOSED);
    frame_free(&pipe->said);
    text_free(&pipe->heard);
    *pipe = (struct pipe){0};
}

static void pipe_say(struct pipe *pipe, struct slice bytes)
{
    struct slice line;
    while (pipe->hubs && frame_next(&pipe->said, &bytes, &line) == FRAME_LINE)
        hub_line(lab.hub, pipe->peer, line, UNIX_MS + lab.now);
}

/* ── libkhub's transport ── */

int transport_init(struct transport *transport, const struct address *address,
                   const struct khub_tls *tls)
{
    (void)tls;
    *transport = (struct transport){.address = *address, .fd = -1};
    return 0;
}

void transport_free(struct transport *transport)
{
    transport_drop(transport);
}

enum transport_step transport_begin(struct transport *transport)
{
    struct pipe *pipe = pipe_open();
    if (!pipe) {
        transport->cause = KHUB_E_UNREACHABLE;
        snprintf(transport->why, sizeof transport->why, "no connection to the hub: it is away");
        return TRANSPORT_FAILED;
    }
    transport->fd = (int)(pipe - lab.pipes);
    return TRANSPORT_OPEN;
}

enum transport_step transport_go_on(struct transport *transport)
{
    (void)transport;
    return TRANSPORT_OPEN;
}

void transport_drop(struct transport *transport)
{
    if (transport->fd >= 0)
        pipe_close(&lab.pipes[transport->fd]);
    transport->fd = -1;
}

int transport_fd(const struct transport *transport)
{
    return transport->fd;
}

bool transport_wants_write(const struct transport *transport)
{
    (void)transport;
    return false;
}

ssize_t transport_send(struct transport *transport, struct slice bytes)
{
    struct pipe *pipe = &lab.pipes[transport->fd];
    if (pipe->cut || pipe->ended) {
        errno = EPIPE;
        return -1;
    }
    pipe_say(pipe, bytes);
    return (ssize_t)bytes.len;
}

ssize_t transport_receive(struct transport *transport, char *buffer, size_t size)
{
    struct pipe *pipe = &lab.pipes[transport->fd];
    size_t len = pipe->heard.len - pipe->read;
    errno = pipe->cut ? ECONNRESET : EAGAIN;
    if (pipe->cut || (len == 0 && !pipe->ended))
        return -1;
    len = len < size ? len : size;
    memcpy(buffer, len ? pipe->heard.at + pipe->read : "", len);
    pipe->read += len;
    if (pipe->read == pipe->heard.len) {
        text_clear(&pipe->heard);
        pipe->read = 0;
    }
    return (ssize_t)len;
}

const char *transport_failure(const struct transport *transport, int error)
{
    (void)transport;
    return strerror(error);
}

void transport_finish(struct transport *transport)
{
    struct pipe *pipe = &lab.pipes[transport->fd];
    pipe_leave(pipe, CLOSE_PEER_CLOSED);
    pipe->ended = true;
}

/* ── what happens ── */

static void bea_says(struct slice type, const char *target, struct slice payload)
{
    struct text line = {0};
    char time[TIMESTAMP_SIZE];
    timestamp_format(UNIX_MS + lab.now, time);
    text_addf(&line, "{\"message_id\":\"b%llu\",\"sender_id\":\"bea\",\"message_type\":",
              (unsigned long long)++lab.bea_says);
    text_add_string(&line, type);
    text_addf(&line, ",\"timestamp\":\"%s\",\"target_ai\":%s,\"payload\":", time, target);
    text_add(&line, payload);
    text_add_literal(&line, "}\n");
    pipe_say(lab.bea, text_slice(&line));
    text_free(&line);
}

void lab_say(struct slice type, struct slice payload, bool to_all)
{
    if (lab.bea && !lab.bea->hubs) {
        pipe_close(lab.bea);
        lab.bea = NULL;
    }
    if (!lab.bea) {
        bool away = lab.away;
        lab.away = false;
        lab.bea = pipe_open();
        lab.away = away;
        if (lab.bea)
            bea_says(slice_of("hello"), "null",
                     slice_of("{\"specialization\":\"talk\",\"capabilities\":[],\"version\":\"1\","
                              "\"features_supported\":[],\"collaboration_ready\":true,"
                              "\"protocol\":2,\"room\":\"main\",\"role\":\"member\"}"));
    }
    if (lab.bea)
        bea_says(type, to_all ? "null" : "\"ada\"", payload);
}

void lab_cut(bool away)
{
    lab.away = away;
    for (size_t i = 0; i < PIPES_MAX; i++) {
        struct pipe *pipe = &lab.pipes[i];
        if (!pipe->taken || pipe == lab.bea)
            continue;
        pipe_leave(pipe, CLOSE_PEER_RESET);
        pipe->cut = true;
    }
}

/* ── beginning and end ── */

void lab_open(void)
{
    struct hub_config config = hub_config_default();
    struct hub_edge edge = {.effect = edge_effect,
                            .joined = edge_joined,
                            .close = edge_close,
                            .derive = edge_derive,
                            .identify = edge_derive,
                            .unique = edge_unique,
                            .sha256 = edge_sha256,
                            .hash = edge_hash,
                            .open_log = edge_open_log};
    config.owner.most[LIMIT_RATE] = 0;
    memset(&lab, 0, sizeof lab);
    lab.open = true;
    json_set_alloc_funcs(malloc, free);
    json_object_seed(1);
    lab.hub = hub_new(&config, &edge);
    hub_start(lab.hub, UNIX_MS);
}

void lab_close(void)
{
    lab_settle();
    lab_expect(lab.timer_count == 0, "a timer is left");
    lab_expect(!lab.adapters, "a link is left");
    if (lab.bea)
        pipe_close(lab.bea);
    for (size_t i = 0; i < PIPES_MAX; i++)
        lab_expect(!lab.pipes[i].taken, "a connection is left");
    hub_free(lab.hub);
    lab_expect(lab.blocks == 0, "memory is left");
    lab.open = false;
}
