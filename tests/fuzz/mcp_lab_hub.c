/* The hub of a lab: the core with its log in memory, its connections, and the peer bea. */
#include <errno.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/types.h>

#include "client/transport.h"
#include "core/hub.h"
#include "khub.h"
#include "log/memory.h"
#include "mcp_lab_inside.h"
#include "wire/bounds.h"
#include "wire/frame.h"
#include "wire/text.h"

#define PIPES_MAX 64 /* connections at once */
#define LOGS_MAX  128
#define ASKED_MAX 64 /* chunks, at once */

/* A connection, as the hub and its link see it. */
struct pipe {
    bool taken, ended, cut; /* ended: the hub says no more */
    bool hubs;              /* the hub knows of it */
    peer_id peer;
    struct frame said; /* by the link */
    struct text heard; /* by the link, from `read` on */
    size_t read;
};

/* A room's log, with the bytes that its entries brought. */
struct room {
    char *name;
    struct log log;
};
struct chunk {
    const struct room *room;
    uint64_t seq;
    struct text bytes;
    TAILQ_ENTRY(chunk) next;
};
TAILQ_HEAD(chunk_list, chunk);

/* Somebody asked for one, and has yet to get it. */
struct asked_chunk {
    peer_id peer;
    struct text in_reply_to, head, bytes;
};

static struct {
    bool away, refuses; /* refuses: takes no token any more, but bea's */
    struct hub *hub;
    struct pipe pipes[PIPES_MAX];
    uint32_t generation;
    struct pipe *bea; /* NULL: not here */
    uint64_t bea_says;
    struct room rooms[LOGS_MAX];
    size_t room_count;
    struct chunk_list chunks;
    struct asked_chunk asked[ASKED_MAX];
    size_t asked_count;
} lab;

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
    lab_chance(ret_bytes, 16);
}

/* ── files ── */

static int room_propose(void *state, struct entry *entry)
{
    const struct room *room = state;
    struct slice blob = entry->blob;
    struct chunk *chunk = blob.len ? calloc(1, sizeof *chunk) : NULL;
    if (chunk) { /* before: it may be let go, or asked for, within */
        TAILQ_INSERT_TAIL(&lab.chunks, chunk, next);
        chunk->room = room;
        text_add(&chunk->bytes, blob);
    }
    int error = room->log.propose(room->log.state, entry);
    if (chunk)
        chunk->seq = entry->seq;
    return error;
}

static void room_free(void *state)
{
    struct room *room = state;
    room->log.free(room->log.state);
    free(room->name);
    room->name = NULL;
}

static struct log edge_open_log(void *ctx, struct slice name, struct commit commit)
{
    (void)ctx;
    lab_expect(lab.room_count < LOGS_MAX, "more rooms than anybody needs");
    struct room *room = &lab.rooms[lab.room_count++];
    *room = (struct room){.name = strndup(name.at, name.len), .log = log_memory(commit)};
    return (struct log){
        .state = room, .propose = room_propose, .free = room_free, .forget = room_free};
}

static void chunk_free(struct chunk *chunk)
{
    TAILQ_REMOVE(&lab.chunks, chunk, next);
    text_free(&chunk->bytes);
    free(chunk);
}

static struct chunk *chunk_find(struct slice room, uint64_t seq)
{
    struct chunk *chunk;
    TAILQ_FOREACH (chunk, &lab.chunks, next) {
        if (chunk->seq == seq && chunk->room->name && slice_is(room, chunk->room->name))
            return chunk;
    }
    return NULL;
}

static void edge_drop_chunks(void *ctx, struct slice room, const uint64_t *seqs, size_t count)
{
    (void)ctx;
    for (size_t i = 0; i < count; i++) {
        struct chunk *chunk = chunk_find(room, seqs[i]);
        if (chunk)
            chunk_free(chunk);
    }
}

static bool edge_read_chunk(void *ctx, const struct hub_chunk_query *query)
{
    const struct chunk *chunk = chunk_find(query->room, query->seq);
    (void)ctx;
    for (size_t i = 0; i < lab.asked_count; i++)
        if (lab.asked[i].peer == query->peer)
            return false;
    lab_expect(chunk && lab.asked_count < ASKED_MAX, "what a file consists of is not kept");
    struct asked_chunk *asked = &lab.asked[lab.asked_count++];
    *asked = (struct asked_chunk){.peer = query->peer};
    text_add(&asked->in_reply_to, query->in_reply_to);
    text_add(&asked->head, query->head);
    text_add(&asked->bytes, text_slice(&chunk->bytes));
    return true;
}

bool lab_hub_turn(void)
{
    if (lab.asked_count == 0)
        return false;
    struct asked_chunk asked = lab.asked[--lab.asked_count];
    hub_chunk(lab.hub, asked.peer, text_slice(&asked.in_reply_to), text_slice(&asked.head),
              text_slice(&asked.bytes), lab_now());
    text_free(&asked.in_reply_to);
    text_free(&asked.head);
    text_free(&asked.bytes);
    return true;
}

/* ── who may come ── */

static int edge_let_in(void *ctx, const struct hub_login *login, struct hub_pass *ret_pass,
                       struct refusal *ret_refusal)
{
    (void)ctx;
    if (lab.refuses && !slice_is(login->ai_id, "bea"))
        return refuse(ret_refusal, WIRE_UNAUTHORIZED, "no token is good any more");
    *ret_pass = (struct hub_pass){0};
    return 0;
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
        hub_open(lab.hub, pipe->peer, lab_now());
        return pipe;
    }
    return NULL;
}

static void pipe_leave(struct pipe *pipe, enum close_reason reason)
{
    if (pipe->hubs)
        hub_gone(lab.hub, pipe->peer, reason, lab_now());
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
        hub_line(lab.hub, pipe->peer, line, lab_now());
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

bool lab_hub_says(int fd)
{
    const struct pipe *pipe = &lab.pipes[fd];
    return pipe->ended || pipe->cut || pipe->read < pipe->heard.len;
}

/* ── what happens ── */

static void bea_says(struct slice type, const char *target, struct slice payload)
{
    struct text line = {0};
    char time[TIMESTAMP_SIZE];
    timestamp_format(lab_now(), time);
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

void lab_refuse(bool refuses)
{
    lab.refuses = refuses;
    for (size_t i = 0; refuses && i < PIPES_MAX; i++) {
        const struct pipe *pipe = &lab.pipes[i];
        if (pipe->taken && pipe->hubs && pipe != lab.bea)
            hub_expel(lab.hub, pipe->peer, CLOSE_UNAUTHORIZED, WIRE_UNAUTHORIZED, lab_now());
    }
}

/* ── time, beginning and end ── */

int64_t lab_hub_tick(void)
{
    return hub_tick(lab.hub, lab_now());
}

void lab_hub_open(void)
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
                            .let_in = edge_let_in,
                            .drop_chunks = edge_drop_chunks,
                            .read_chunk = edge_read_chunk,
                            .open_log = edge_open_log};
    config.owner.most[LIMIT_RATE] = 0;
    memset(&lab, 0, sizeof lab);
    TAILQ_INIT(&lab.chunks);
    lab.hub = hub_new(&config, &edge);
    hub_start(lab.hub, lab_now());
}

void lab_hub_close(void)
{
    if (lab.bea)
        pipe_close(lab.bea);
    for (size_t i = 0; i < PIPES_MAX; i++)
        lab_expect(!lab.pipes[i].taken, "a connection is left");
    while (lab_hub_turn())
        ;
    hub_free(lab.hub);
    while (!TAILQ_EMPTY(&lab.chunks))
        chunk_free(TAILQ_FIRST(&lab.chunks));
}
