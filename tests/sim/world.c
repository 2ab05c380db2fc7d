/* The simulated edge: connections, out-streams as byte arrays that only grow, logs that are wrapped
 * to see (and fail) what goes in. */
#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log/memory.h"
#include "sim.h"

uint64_t chance_next(struct chance *chance)
{
    uint64_t z = chance->state += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

unsigned chance_below(struct chance *chance, unsigned count)
{
    return (unsigned)(chance_next(chance) % count);
}

bool chance_one_in(struct chance *chance, unsigned count)
{
    return chance_below(chance, count) == 0;
}

uint64_t hash_bytes(uint64_t hash, const void *bytes, size_t len)
{
    const uint8_t *at = bytes;
    for (size_t i = 0; i < len; i++)
        hash = (hash ^ at[i]) * 0x100000001b3u;
    return hash;
}

static void hash_number(struct world *world, uint64_t number)
{
    world->hash = hash_bytes(world->hash, &number, sizeof number);
}

void world_fail(struct world *world, const char *format, ...)
{
    va_list arguments;
    if (world->why[0])
        return;
    va_start(arguments, format);
    vsnprintf(world->why, sizeof world->why, format, arguments);
    va_end(arguments);
}

bool world_failed(const struct world *world)
{
    return world->why[0] != '\0';
}

void world_say(const struct world *world, const char *format, ...)
{
    va_list arguments;
    if (!world->verbose)
        return;
    va_start(arguments, format);
    printf("# %6u ", world->step);
    vprintf(format, arguments);
    putchar('\n');
    va_end(arguments);
}

struct slice room_slice(int room)
{
    return slice_of(room_names[room]);
}

int room_index(struct slice name)
{
    for (int room = 0; room < ROOMS; room++)
        if (slice_is(name, room_names[room]))
            return room;
    return NOBODY;
}

/* ── effects ── */

static struct span stream_append(struct world *world, uint32_t number, const struct slice *parts,
                                 unsigned count)
{
    struct span span = {.stream = number};
    if (number >= STREAMS) {
        world_fail(world, "a line was appended to stream %u", number);
        return span;
    }
    struct stream *stream = &world->streams[number];
    span.offset = stream->len;
    for (unsigned i = 0; i < count; i++) {
        while (stream->len + parts[i].len > stream->capacity) {
            stream->capacity = stream->capacity ? 2 * stream->capacity : 1 << 16;
            stream->at = realloc(stream->at, stream->capacity);
            assert(stream->at);
        }
        if (parts[i].len)
            memcpy(stream->at + stream->len, parts[i].at, parts[i].len);
        stream->len += parts[i].len;
    }
    span.len = (uint32_t)(stream->len - span.offset);
    hash_number(world, number);
    world->hash = hash_bytes(world->hash, stream->at + span.offset, span.len);
    return span;
}

static int link_of(struct world *world, peer_id peer)
{
    uint32_t index = (uint32_t)peer;
    if (index < LINKS && world->links[index].open && world->links[index].id == peer)
        return (int)index;
    return NOBODY;
}

static void deliver(struct world *world, peer_id to, struct span span)
{
    int link = link_of(world, to);
    hash_number(world, to);
    hash_number(world, span.offset);
    if (link == NOBODY || world->closed[link]) {
        world_fail(world, "a line was delivered to peer %llx, which is not there",
                   (unsigned long long)to);
        return;
    }
    if (span.stream >= STREAMS || span.offset + span.len > world->streams[span.stream].len ||
        world->caused_count == CAUSED_MAX) {
        world_fail(world, "a span lies outside its stream");
        return;
    }
    world->caused[world->caused_count++] = (struct caused){.link = link, .span = span};
}

void world_effect(struct world *world, const struct effect *effect)
{
    const struct logged *applying = world->applying;
    uint64_t last = world->rooms[room_index(effect->room)].seq;
    if (applying ? effect->number != world->effects + 1 : effect->number != 0)
        world_fail(world, "effect %u of %.*s came as number %u", effect->number,
                   SLICE_FORMAT(effect->room), world->effects + 1);
    if ((effect->seq != last && world->rooms[room_index(effect->room)].logged) ||
        (applying && !slice_equal(effect->room, room_slice(applying->room))))
        world_fail(world, "an effect of %.*s, seq %llu, came when the room was at %llu",
                   SLICE_FORMAT(effect->room), (unsigned long long)effect->seq,
                   (unsigned long long)last);
    if (!applying)
        return;
    world->effects = effect->number;
    record_effect(&world->applying->effects, effect);
    heard_effect(world, effect);
}

static void edge_effect(void *ctx, const struct effect *effect)
{
    struct world *world = ctx;
    world_effect(world, effect);
    struct span spans[2];
    bool appended[2] = {false, false};
    for (size_t i = 0; i < effect->seat_count; i++) {
        const struct seat *seat = &effect->seats[i];
        size_t level = (size_t)seat->level - 1;
        char tail[EFFECT_TAIL_SIZE];
        struct slice parts[EFFECT_PARTS];
        if (seat->level < effect->level || (seat->member && seat->member == effect->skipped))
            continue;
        if (!appended[level]) {
            effect_parts(effect, seat->level, tail, parts);
            spans[level] =
                stream_append(world, effect->stream * 2 + (uint32_t)level, parts, EFFECT_PARTS);
            appended[level] = true;
        }
        deliver(world, seat->peer, spans[level]);
    }
}

static void edge_retract(void *ctx, const struct hub_retraction *retraction)
{
    world_retract(ctx, retraction);
}

static void edge_joined(void *ctx, peer_id peer)
{
    struct world *world = ctx;
    hash_number(world, peer);
    if (link_of(world, peer) == NOBODY)
        world_fail(world, "peer %llx joined, and is not there", (unsigned long long)peer);
}

static void edge_close(void *ctx, peer_id peer, enum close_reason reason)
{
    struct world *world = ctx;
    int link = link_of(world, peer);
    hash_number(world, peer ^ (uint64_t)reason << 56);
    if (link == NOBODY || world->closed[link])
        world_fail(world, "peer %llx was closed, and is not there", (unsigned long long)peer);
    else
        world->closed[link] = (int)reason + 1;
}

void world_derive(struct slice room, uint64_t seq, uint32_t count, uint8_t ret_bytes[16])
{
    struct chance secret = {hash_bytes(0xcbf29ce484222325u, room.at, room.len) ^ seq << 32 ^ count};
    for (unsigned i = 0; i < 2; i++) {
        uint64_t word = chance_next(&secret);
        memcpy(ret_bytes + 8 * i, &word, sizeof word);
    }
}

void world_digest(const struct slice *parts, unsigned count, uint8_t ret_digest[32])
{
    struct chance state = {0xcbf29ce484222325u};
    for (unsigned i = 0; i < count; i++)
        state.state = hash_bytes(state.state, parts[i].at, parts[i].len);
    for (unsigned i = 0; i < 4; i++) {
        uint64_t word = chance_next(&state);
        memcpy(ret_digest + 8 * i, &word, sizeof word);
    }
}

static void edge_sha256(void *ctx, const struct slice *parts, unsigned count,
                        uint8_t ret_digest[32])
{
    (void)ctx;
    world_digest(parts, count, ret_digest);
}

/* Into the set; false when it was there. */
static bool secret_add(uint64_t *secrets, size_t capacity, uint64_t secret)
{
    size_t place = (size_t)secret & (capacity - 1);
    while (secrets[place] && secrets[place] != secret)
        place = (place + 1) & (capacity - 1);
    bool new = !secrets[place];
    secrets[place] = secret;
    return new;
}

static void secrets_grow(struct world *world)
{
    size_t capacity = world->secret_capacity ? 2 * world->secret_capacity : 4096;
    uint64_t *grown = calloc(capacity, sizeof *grown);
    assert(grown);
    for (size_t i = 0; i < world->secret_capacity; i++)
        if (world->secrets[i])
            secret_add(grown, capacity, world->secrets[i]);
    free(world->secrets);
    world->secrets = grown;
    world->secret_capacity = capacity;
}

void world_secret(struct world *world, const uint8_t bytes[16])
{
    uint64_t secret;
    memcpy(&secret, bytes, sizeof secret);
    if (2 * ++world->secret_count > world->secret_capacity)
        secrets_grow(world);
    if (!secret_add(world->secrets, world->secret_capacity, secret | 1))
        world_fail(world, "the hub made the same secret twice");
}

/* What is derived for an entry that has no place yet could be known before somebody commits to
 * something. */
static void edge_derive(void *ctx, struct slice room, uint64_t seq, uint32_t count,
                        uint8_t ret_bytes[16])
{
    struct world *world = ctx;
    if (seq > world->rooms[room_index(room)].seq)
        world_fail(world, "the hub derived (%.*s, %llu, %u) ahead of time", SLICE_FORMAT(room),
                   (unsigned long long)seq, count);
    world_derive(room, seq, count, ret_bytes);
    world_secret(world, ret_bytes);
}

static void edge_unique(void *ctx, uint8_t ret_bytes[16])
{
    struct world *world = ctx;
    world_derive(slice_of("an answer"), ++world->answers, 0, ret_bytes);
    world_secret(world, ret_bytes);
}

static void edge_resume(void *ctx, const struct hub_resume *resume)
{
    struct world *world = ctx;
    if (!world->applying || resume->seq != world->applying->entry.seq || resume->level != 2 ||
        resume->peer != world->applying->entry.peer || world->resumed)
        world_fail(world, "peer %llx resumes, and may not", (unsigned long long)resume->peer);
    world->resumed = resume->peer;
    world->resumed_since = resume->since;
}

static void edge_note(void *ctx, peer_id peer, enum hub_event event, struct slice subject,
                      struct slice detail)
{
    struct world *world = ctx;
    (void)peer;
    world->hash = hash_bytes(world->hash, subject.at, subject.len);
    world->hash = hash_bytes(world->hash, detail.at, detail.len);
    if (event == HUB_KNOWLEDGE && subject.len < sizeof world->made_id) {
        memcpy(world->made_id, subject.at, subject.len);
        world->made_id[subject.len] = '\0';
        world->made_id_len = subject.len;
    }
    if (event == HUB_SESSION && subject.len < sizeof world->session_noted) {
        memcpy(world->session_noted, subject.at, subject.len);
        world->session_noted[subject.len] = '\0';
    }
}

/* ── the log ── */

struct wrapped_log {
    struct log inner;
    struct commit commit;
    struct world *world;
    int room;
};

static int wrapped_propose(void *state, struct entry *entry)
{
    struct wrapped_log *log = state;
    struct world *world = log->world;
    if (entry->kind == ENTRY_MESSAGE && world->temper.log_fails &&
        chance_one_in(&world->faults, world->temper.log_fails)) {
        world->log_failed = true;
        return -1;
    }
    return log->inner.propose(log->inner.state, entry);
}

static void wrapped_apply(void *state, const struct entry *entry)
{
    struct wrapped_log *log = state;
    struct world *world = log->world;
    size_t place = world->record.count;
    record_entry(&world->record, log->room, entry);
    struct room_model *room = &world->rooms[log->room];
    if (entry->seq <= room->seq)
        world_fail(world, "the log of %s gave seq %llu after %llu", room_names[log->room],
                   (unsigned long long)entry->seq, (unsigned long long)room->seq);
    room->seq = entry->seq;
    room->logged++;
    world->applying = &world->record.at[place];
    world->effects = 0;
    log->commit.apply(log->commit.ctx, entry);
    world->applying = NULL;
}

void room_model_clear(struct room_model *room)
{
    for (size_t i = 0; i < room->entry_count; i++) {
        free(room->entries[i].key);
        free(room->entries[i].body);
        free(room->entries[i].own_id);
        free(room->entries[i].timestamp);
        free(room->entries[i].held);
        free(room->entries[i].shared_at);
    }
    for (size_t i = 0; i < room->session_count; i++)
        for (int key = 0; key < KEYS; key++)
            free(room->sessions[i].workspace[key].value);
    free(room->entries);
    free(room->sessions);
    free(room->commitments);
    free(room->chains);
    *room = (struct room_model){.exists = room->exists, .seq = room->seq, .logged = room->logged};
    for (int name = 0; name < NAMES; name++)
        room->members[name] = (struct member){.link = NOBODY, .specialization = NOBODY};
}

void world_forget(struct world *world, int at)
{
    struct room_model *room = &world->rooms[at];
    for (size_t i = 0; i < world->record.count; i++)
        if (world->record.at[i].room == at)
            world->record.at[i].room = NOBODY;
    room_model_clear(room);
    model_letters_clear(&world->letters[at]);
    model_tasks_clear(&world->tasks[at]);
    artifacts_clear(&world->artifacts[at]);
    world->days[at] = (struct day_model){0};
    heard_clear(world, at);
    room->exists = false;
    room->logged = 0;
}

static void wrapped_free(void *state)
{
    struct wrapped_log *log = state;
    log->inner.free(log->inner.state);
    free(log);
}

static void wrapped_forget(void *state)
{
    struct wrapped_log *log = state;
    struct world *world = log->world;
    struct room_model *room = &world->rooms[log->room];
    if (log->room == 0 || !model_room_idle(world, room))
        world_fail(world, "room %s was let go, and is needed", room_names[log->room]);
    world_forget(world, log->room);
    log->inner.forget(log->inner.state);
    free(log);
}

static struct log edge_open_log(void *ctx, struct slice name, struct commit commit)
{
    struct world *world = ctx;
    struct wrapped_log *log = malloc(sizeof *log);
    assert(log);
    *log = (struct wrapped_log){log_memory((struct commit){wrapped_apply, log, commit.after}),
                                commit, world, room_index(name)};
    assert(log->room != NOBODY);
    if (world->rooms[log->room].exists)
        world_fail(world, "room %s was made twice", room_names[log->room]);
    world->rooms[log->room].exists = true;
    return (struct log){log, wrapped_propose, wrapped_free, wrapped_forget};
}

/* ── worlds ── */

static void temper_draw(struct world *world)
{
    struct temper *temper = &world->temper;
    struct chance *chance = &world->chance;
    /* Each seed likes some actions better than others: what is rare in one is common in the
     * next. */
    for (size_t i = 0; i < sizeof temper->weights / sizeof *temper->weights; i++)
        temper->weights[i] = chance_one_in(chance, 4) ? 1 : 2 + chance_below(chance, 12);
    temper->hostile = 3 + chance_below(chance, 20);
    temper->log_fails = chance_one_in(chance, 5) ? 10 + chance_below(chance, 60) : 0;
    temper->villains = chance_one_in(chance, 6);
    temper->limited = chance_one_in(chance, 8);
    temper->small = chance_one_in(chance, 5);
    temper->rooms = chance_one_in(chance, 2) ? ROOMS : 3;
}

void world_config_draw(struct world *world)
{
    struct hub_config *config = &world->config;
    struct chance *chance = &world->chance;
    *config = hub_config_default();
    config->keeps = true;
    config->owner.most[LIMIT_RATE] = world->temper.limited ? 1 + chance_below(chance, 4) : 0;
    if (chance_one_in(chance, 4))
        config->owner.most[LIMIT_ENTRIES] = 1 + chance_below(chance, 6);
    if (chance_one_in(chance, 4))
        config->owner.most[LIMIT_SESSIONS] = 1 + chance_below(chance, 2);
    config->sync_limit = 1u << (6 + chance_below(chance, 9));
    config->epoch_ms = chance_one_in(chance, 4) ? 0 : 1 + chance_below(chance, 3000);
    config->chain_max = chance_one_in(chance, 4) ? 0 : 1 + chance_below(chance, 2); /* 0: any */
    if (world->temper.small)
        config->knowledge_max = 3000 + chance_below(chance, 20000);
    if (chance_one_in(chance, 4))
        config->rooms_max = 1 + chance_below(chance, ROOMS);
    if (chance_one_in(chance, 4))
        config->stored_max = chance_below(chance, 40000);
    if (chance_one_in(chance, 4))
        config->workspaces_max = chance_below(chance, 40);
}

void world_new(struct world *world, uint64_t seed, bool verbose)
{
    *world = (struct world){.seed = seed,
                            .mode = "",
                            .chance = {seed * 0x9e3779b97f4a7c15u + 1},
                            .faults = {~seed},
                            .verbose = verbose,
                            .now = 1795334400000,
                            .hash = 0xcbf29ce484222325u};
    world->caused = calloc(CAUSED_MAX, sizeof *world->caused);
    world->expected = calloc(CAUSED_MAX, sizeof *world->expected);
    assert(world->caused && world->expected);
    temper_draw(world);
    world_config_draw(world);
    for (int link = 0; link < LINKS; link++)
        world->links[link].room = world->links[link].name = NOBODY;
    for (int room = 0; room < ROOMS; room++)
        room_model_clear(&world->rooms[room]);
}

void world_serve(struct world *world)
{
    struct hub_edge edge = {world,       edge_effect, edge_joined, edge_close, edge_derive,
                            edge_derive, edge_unique, edge_sha256, edge_note,  edge_open_log};
    edge.resume = edge_resume;
    edge.let_in = sim_let_in;
    edge.retract = edge_retract;
    world->hub = hub_new(&world->config, &edge);
    hub_start(world->hub, world->now);
}

void world_free(struct world *world)
{
    world_begin(world);
    hub_free(world->hub);
    for (int room = 0; room < ROOMS; room++) {
        room_model_clear(&world->rooms[room]);
        model_letters_clear(&world->letters[room]);
        model_tasks_clear(&world->tasks[room]);
        artifacts_clear(&world->artifacts[room]);
        approvals_clear(&world->approvals[room]);
        heard_clear(world, room);
    }
    free(world->handled.line);
    for (size_t i = 0; i < STREAMS; i++)
        free(world->streams[i].at);
    record_free(&world->record);
    text_free(&world->again);
    free(world->secrets);
    free(world->caused);
    free(world->expected);
}

void world_begin(struct world *world)
{
    for (size_t i = 0; i < world->caused_count; i++)
        if (world->caused[i].object)
            json_decref(world->caused[i].object);
    world->caused_count = world->expected_count = world->close_count = 0;
    for (size_t i = 0; i < STREAMS; i++)
        if (world->streams[i].len > 1 << 20)
            world->streams[i].len = 0; /* nobody reads behind the call that wrote it */
    memset(world->closed, 0, sizeof world->closed);
    world->made_id[0] = world->session_noted[0] = '\0';
    world->made_id_len = 0;
    world->log_failed = false;
    world->resumed = 0;
}
