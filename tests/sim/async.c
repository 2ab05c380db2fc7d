/* The asynchronous edge and its logs. What a log is given waits in a queue until somebody commits
 * it, or until the hub crashes. */
#include "async.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ── connections ── */

static size_t generation_of(peer_id id)
{
    return (size_t)(id >> 32);
}

/* By the id that the edge gave it in this life; NULL when there was none. */
static struct connection *connection_find(const struct async *async, peer_id id)
{
    uint32_t link = (uint32_t)id;
    if (link >= LINKS || generation_of(id) == 0 ||
        generation_of(id) > async->world->links[link].generation)
        return NULL;
    return &async->connections[link][generation_of(id) - 1];
}

struct connection *async_connection(struct async *async, int link)
{
    return connection_find(async, async->world->links[link].id);
}

void async_open(struct async *async, int at)
{
    struct link *link = &async->world->links[at];
    unsigned generation = ++link->generation;
    if (generation > async->capacities[at]) {
        async->capacities[at] = 2 * (size_t)generation;
        async->connections[at] =
            realloc(async->connections[at], async->capacities[at] * sizeof *async->connections[at]);
        assert(async->connections[at]);
    }
    link->id = (peer_id)generation << 32 | (unsigned)at;
    link->open = true;
    async->connections[at][generation - 1] = (struct connection){
        .id = link->id, .room = NOBODY, .name = NOBODY, .heard = async->world->clock};
}

/* Its link as it is now, or NULL when somebody else has it, or nobody. */
static struct link *connection_link(struct async *async, const struct connection *connection)
{
    struct link *link = &async->world->links[(uint32_t)connection->id];
    return link->open && link->id == connection->id ? link : NULL;
}

void async_closed(struct async *async, struct connection *connection)
{
    struct link *link = connection_link(async, connection);
    connection->closed = true;
    if (link)
        *link = (struct link){.room = NOBODY, .name = NOBODY, .generation = link->generation};
    if (async->said && link == &async->world->links[async->said->link])
        async->closed_meanwhile = true;
}

/* ── effects ── */

static void hear(struct async *async, const struct effect *effect, const struct seat *seat)
{
    struct world *world = async->world;
    struct connection *connection = connection_find(async, seat->peer);
    int room = room_index(effect->room);
    if (!connection || connection->over)
        world_fail(world, "an effect goes to peer %llx, whose end was committed",
                   (unsigned long long)seat->peer);
    else if (connection->closed && !world->applying)
        world_fail(world, "peer %llx was answered after its end", (unsigned long long)seat->peer);
    else if (seat->member ? connection->room != room
                          : connection->room != NOBODY && !connection->closed)
        world_fail(world, "an effect of room %d goes to peer %llx, which is in %d", room,
                   (unsigned long long)seat->peer, connection->room);
    else if (connection->room != NOBODY && effect->seq < connection->seq)
        world_fail(world, "peer %llx was told seq %llu after %llu", (unsigned long long)seat->peer,
                   (unsigned long long)effect->seq, (unsigned long long)connection->seq);
    else if (connection->room != NOBODY)
        connection->seq = effect->seq;
}

static void copy_member(json_t *object, const char *name, char *ret_text, size_t size)
{
    const char *text = json_string_value(json_object_get(object, name));
    snprintf(ret_text, size, "%s", text ? text : "");
}

/* A line to one connection alone: an error, or a sign of life. */
static void answer_read(struct async *async, const struct effect *effect)
{
    struct answers *answers = effect->number ? &async->commit : &async->call;
    struct text line = {0};
    text_add(&line, effect->line);
    text_add_literal(&line, "}");
    json_t *object = json_loadb(line.at, line.len, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, NULL);
    json_t *payload = json_object_get(object, "payload");
    if (!object || effect->seat_count != 1 || answers->count == ANSWERS) {
        world_fail(async->world, "an answer that is none: %.*s", SLICE_FORMAT(effect->line));
    } else {
        struct answer *answer = &answers->at[answers->count++];
        answer->to = effect->seats[0].peer;
        copy_member(object, "message_type", answer->type, sizeof answer->type);
        copy_member(payload, "code", answer->code, sizeof answer->code);
        copy_member(payload, "in_reply_to", answer->in_reply_to, sizeof answer->in_reply_to);
        follow_answer(async, effect, object);
    }
    json_decref(object);
    text_free(&line);
}

/* The message_id of a line that the hub made; no other line has one of that length. */
static void id_note(struct world *world, struct slice line)
{
    static const char before[] = "{\"message_id\":\"";
    size_t at = sizeof before - 1;
    uint64_t hash;
    uint8_t bytes[16] = {0};
    if (line.len < at + 37 || memcmp(line.at, before, at) != 0 ||
        memchr(line.at + at, '"', 37) != line.at + at + 36)
        return;
    hash = hash_bytes(0x9e3779b97f4a7c15u, line.at + at, 36);
    memcpy(bytes, &hash, sizeof hash);
    world_secret(world, bytes);
}

static void async_effect(void *ctx, const struct effect *effect)
{
    struct async *async = ctx;
    struct world *world = async->world;
    if (async->loading) {
        record_effect(&world->again, effect);
        return;
    }
    world_effect(world, effect);
    id_note(world, effect->line);
    leases_follow(world, effect);
    approvals_follow(world, effect);
    tasks_follow(world, effect);
    touches_follow(world, effect);
    artifacts_follow(world, effect);
    for (size_t i = 0; i < effect->seat_count; i++) {
        const struct seat *seat = &effect->seats[i];
        if (seat->level >= effect->level && (!seat->member || seat->member != effect->skipped))
            hear(async, effect, seat);
    }
    if (effect->audience == AUDIENCE_CONNECTION)
        answer_read(async, effect);
}

static void async_retract(void *ctx, const struct hub_retraction *retraction)
{
    const struct async *async = ctx;
    struct world *world = async->world;
    if (async->loading)
        record_retraction(&world->again, retraction);
    else
        world_retract(world, retraction);
}

/* ── who is who ── */

static void edge_joined(void *ctx, peer_id peer)
{
    struct async *async = ctx;
    struct world *world = async->world;
    if (async->loading)
        return;
    struct connection *connection = connection_find(async, peer);
    const struct logged *applying = world->applying;
    if (!connection || connection->over || !applying || applying->entry.peer != peer ||
        connection->room != NOBODY) {
        world_fail(world, "peer %llx joined, and may not", (unsigned long long)peer);
        return;
    }
    connection->room = applying->room;
    connection->joined = world->step;
}

/* The connection goes when an entry is applied, and not before. */
static bool ends_by_entry(enum close_reason reason)
{
    return reason == CLOSE_TAKEN_OVER || reason == CLOSE_KICKED || reason == CLOSE_BANNED ||
           reason == CLOSE_LEFT;
}

static void edge_close(void *ctx, peer_id peer, enum close_reason reason)
{
    struct async *async = ctx;
    struct connection *connection = connection_find(async, peer);
    if (async->loading || !connection || connection->closed ||
        ends_by_entry(reason) != (async->world->applying != NULL)) {
        world_fail(async->world, "peer %llx was closed for %s, and may not be",
                   (unsigned long long)peer, close_reason_text(reason));
        return;
    }
    async_closed(async, connection);
    connection->over = reason == CLOSE_TAKEN_OVER; /* no entry says that it went */
    if (reason == CLOSE_KICKED || reason == CLOSE_BANNED)
        connection->room = NOBODY; /* what is under way of it is refused */
}

/* ── what is secret ── */

static void edge_derive(void *ctx, struct slice room, uint64_t seq, uint32_t count,
                        uint8_t ret_bytes[16])
{
    struct async *async = ctx;
    const struct logged *applying = async->world->applying;
    world_derive(room, seq, count, ret_bytes);
    if (async->loading)
        return;
    if (!applying || applying->room != room_index(room) || applying->entry.seq != seq)
        world_fail(async->world, "the hub derived (%.*s, %llu, %u), whose entry is not applied",
                   SLICE_FORMAT(room), (unsigned long long)seq, count);
    world_secret(async->world, ret_bytes);
}

static void edge_unique(void *ctx, uint8_t ret_bytes[16])
{
    struct async *async = ctx;
    world_derive(slice_of("an answer"), ++async->world->answers, 0, ret_bytes);
    world_secret(async->world, ret_bytes);
}

static void edge_sha256(void *ctx, const struct slice *parts, unsigned count,
                        uint8_t ret_digest[32])
{
    (void)ctx;
    world_digest(parts, count, ret_digest);
}

static void edge_hash(void *ctx, struct hub_hash *hash, struct slice bytes, bool last)
{
    (void)ctx;
    artifacts_hash(hash, bytes, last);
}

static void edge_go_on(void *ctx, peer_id peer)
{
    struct async *async = ctx;
    struct connection *connection = connection_find(async, peer);
    if (!connection || connection->closed || connection->under_way > 1 || !connection->later)
        world_fail(async->world, "peer %llx goes on, and did not wait", (unsigned long long)peer);
    else
        connection->later = false;
}

static void edge_drop_chunks(void *ctx, struct slice room, const uint64_t *seqs, size_t count)
{
    const struct async *async = ctx;
    artifacts_drop(async->world, room, seqs, count);
}

/* No hello has its token or resume_token any more when it is proposed. */
static void secrets_check(struct async *async, const struct entry *entry)
{
    struct world *world = async->world;
    const char *token = async->said->hello.token;
    json_t *object = json_loadb(entry->bytes.at, entry->bytes.len, JSON_ALLOW_NUL, NULL);
    json_t *payload = json_object_get(object, "payload");
    if (async->said->type == MESSAGE_HELLO &&
        (!object || json_object_get(payload, "token") || json_object_get(payload, "resume_token")))
        world_fail(world, "a hello is proposed with a secret in it: %.*s",
                   SLICE_FORMAT(entry->bytes));
    if (strlen(token) == 32 && memmem(entry->bytes.at, entry->bytes.len, token, 32))
        world_fail(world, "the token %s is in an entry", token);
    json_decref(object);
}

/* ── the logs ── */

struct async_log {
    struct async *async;
    int room;
};

static struct proposed *queue_push(struct queue *queue, const struct entry *entry)
{
    if (queue->count == queue->capacity) {
        queue->capacity = queue->capacity ? 2 * queue->capacity : 16;
        queue->at = realloc(queue->at, queue->capacity * sizeof *queue->at);
        assert(queue->at);
    }
    struct proposed *proposed = &queue->at[queue->count++];
    *proposed = (struct proposed){.entry = *entry, .sender = NOBODY};
    char *bytes = malloc(entry->bytes.len + !entry->bytes.len);
    assert(bytes);
    if (entry->bytes.len)
        memcpy(bytes, entry->bytes.at, entry->bytes.len);
    proposed->entry.bytes.at = bytes;
    if (entry->blob.len)
        proposed->entry.blob.at = memcpy(malloc(entry->blob.len), entry->blob.at, entry->blob.len);
    return proposed;
}

static void proposed_free(struct proposed *proposed)
{
    if (!proposed->borrowed)
        free((void *)(uintptr_t)proposed->entry.bytes.at);
    free((void *)(uintptr_t)proposed->entry.blob.at);
}

/* A message of the one who speaks: it is bound by it, until it is refused. */
static void message_push(struct async *async, int room, const struct entry *entry)
{
    struct world *world = async->world;
    const struct said *said = async->said;
    struct proposed *proposed = queue_push(&async->queues[room], entry);
    struct connection *connection = connection_find(async, entry->peer);
    bool there = said && entry->peer == world->links[said->link].id;
    if (!said || !connection || (!there && !async->closed_meanwhile)) {
        world_fail(world, "a message is proposed that nobody said");
        return;
    }
    secrets_check(async, entry);
    const struct connection *holder = connection_find(async, entry->takes_over);
    /* Its member is away: no connection has its id, or did not when this call began. */
    bool own = entry->takes_over == entry->peer;
    if (own && holder && holder->room != NOBODY && holder->joined != world->step)
        world_fail(world, "peer %llx takes over from itself", (unsigned long long)entry->peer);
    if (entry->takes_over && !own &&
        !(holder && holder->closed) && /* it may be expelled meanwhile */
        (!holder || holder->room != room || holder->name != said->sender))
        world_fail(world, "a token is good for peer %llx, which is not %s here",
                   (unsigned long long)entry->takes_over, names[said->sender]);
    proposed->line = connection->lines;
    proposed->sender = said->sender;
    proposed->type = said->type;
    proposed->flawed = said->flaws != 0;
    proposed->target = said->target;
    proposed->reply_by = said->reply_by;
    memcpy(proposed->in_reply_to, said->in_reply_to, sizeof proposed->in_reply_to);
    proposed->dead = said->dead;
    proposed->resumes = said->hello.resumes;
    proposed->since = said->hello.since;
    memcpy(proposed->message_id, said->message_id, sizeof proposed->message_id);
    connection->under_way++;
    async->kept++;
    if (!there) /* what was committed just now has expelled it */
        return;
    world->links[said->link].room = room;
    world->links[said->link].name = said->sender;
}

/* A session is abandoned when none of those who take part was heard of for so long; of who leaves
 * for good nothing is. */
static void abandon_check(struct async *async, int room, struct slice session_id)
{
    struct world *world = async->world;
    char id[40];
    snprintf(id, sizeof id, "%.*s", SLICE_FORMAT(session_id));
    shadow_room(world, room);
    const struct session_model *session = model_session_find(&world->rooms[room], id);
    for (int link = 0; link < LINKS; link++)
        for (unsigned i = 0; i < world->links[link].generation; i++) {
            const struct connection *connection = &async->connections[link][i];
            if (connection->room == room && !connection->leaving && session &&
                model_session_has(session, connection->name) &&
                world->clock - connection->heard < world->config.silent_ms)
                world_fail(world, "session %s is abandoned %lld ms after %s was heard of", id,
                           (long long)(world->clock - connection->heard), names[connection->name]);
        }
}

static int async_propose(void *state, struct entry *entry)
{
    struct async_log *log = state;
    struct async *async = log->async;
    struct world *world = async->world;
    struct queue *queue = &async->queues[log->room];
    if (world->applying || entry->seq)
        world_fail(world, "an entry is proposed while another is applied");
    if (entry->kind == ENTRY_ABANDON) /* before anything is committed that it could not know of */
        abandon_check(async, log->room, entry->bytes);
    if (queue->commit.apply && chance_one_in(&world->faults, 24))
        async_commit(async, log->room, chance_below(&world->faults, (unsigned)queue->count + 1));
    if (entry->kind == ENTRY_MESSAGE && world->temper.log_fails &&
        chance_one_in(&world->faults, world->temper.log_fails))
        return -1;
    if (entry->kind == ENTRY_MESSAGE)
        message_push(async, log->room, entry);
    else
        queue_push(queue, entry);
    async->left |= entry->kind == ENTRY_LEAVE && slice_is(entry->bytes, "left");
    if (chance_one_in(&world->faults, 12)) {
        struct proposed *newest = &queue->at[queue->count - 1];
        struct slice blob = newest->entry.blob;
        newest->entry.blob = (struct slice){NULL, 0};
        proposed_free(newest); /* committed at once, it needs no copy */
        newest->entry.blob = blob;
        newest->entry.bytes = entry->bytes;
        newest->borrowed = true;
        async_commit(async, log->room, queue->count);
    }
    return 0;
}

static void async_log_free(void *state)
{
    struct async_log *log = state;
    struct queue *queue = &log->async->queues[log->room];
    for (size_t i = 0; i < queue->count; i++)
        proposed_free(&queue->at[i]);
    queue->count = 0;
    queue->commit = (struct commit){0};
    free(log);
}

static void async_log_forget(void *state)
{
    struct async_log *log = state;
    struct async *async = log->async;
    if (async->queues[log->room].count || log->room == 0)
        world_fail(async->world, "room %s is let go, and is needed", room_names[log->room]);
    world_forget(async->world, log->room);
    checkpoint_forget(&async->checkpoints[log->room]);
    async_log_free(log);
}

static struct log async_open_log(void *ctx, struct slice name, struct commit commit)
{
    struct async *async = ctx;
    struct async_log *log = malloc(sizeof *log);
    assert(log);
    *log = (struct async_log){async, room_index(name)};
    assert(log->room != NOBODY);
    if (async->queues[log->room].commit.apply)
        world_fail(async->world, "room %s was made twice", room_names[log->room]);
    async->queues[log->room].commit = commit;
    async->world->rooms[log->room].exists = true;
    return (struct log){log, async_propose, async_log_free, async_log_forget};
}

/* ── commits ── */

/* It was taken before: its one effect is that its sender is told so again. */
static bool repeat_alone(const struct async *async, const struct proposed *proposed)
{
    const struct answer *answer = &async->commit.at[0];
    return async->world->effects == 1 && async->commit.count == 1 &&
           answer->to == proposed->entry.peer && strcmp(answer->type, "ack") == 0;
}

/* A message of it is no longer under way. */
static void connection_settle(struct async *async, struct connection *connection)
{
    struct link *link = connection_link(async, connection);
    if (!--connection->under_way && link && connection->room == NOBODY)
        link->room = link->name = NOBODY;
}

/* What goes to the hub alone: of a report, when the claim that it is on is sealed; of a touch, when
 * nobody else is there. */
static bool may_be_silent(enum message_type type)
{
    return type == MESSAGE_HEARTBEAT || type == MESSAGE_COMMITMENT || type == MESSAGE_MEASUREMENT ||
           type == MESSAGE_PERFORMANCE_REPORT || type == MESSAGE_TOUCH;
}

/* Of a message: the hub took it, and it has effects; or refused it, which is one error and nothing
 * else; or had taken it before. Its sender hears of it if it is still there. */
static bool message_check(struct async *async, const struct proposed *proposed,
                          const struct hub_counts *before)
{
    struct world *world = async->world;
    struct hub_counts after = hub_count(world->hub);
    struct connection *connection = connection_find(async, proposed->entry.peer);
    uint64_t taken = after.messages - before->messages, refused = after.refused - before->refused;
    unsigned errors = 0;
    bool offline = false, acked = false;
    for (size_t i = 0; i < async->commit.count; i++) {
        const struct answer *answer = &async->commit.at[i];
        acked |= answer->to == proposed->entry.peer && strcmp(answer->type, "ack") == 0;
        if (answer->to != proposed->entry.peer || strcmp(answer->type, "error") != 0 ||
            strcmp(answer->in_reply_to, proposed->message_id) != 0)
            continue;
        errors++;
        offline = strcmp(answer->code, wire_error_code(WIRE_TARGET_OFFLINE)) == 0;
    }
    bool repeat = taken + refused == 0 && repeat_alone(async, proposed);
    if ((taken + refused != 1 && !repeat) || errors > 1 ||
        (refused ? errors != 1 || world->effects != 1
                 : (errors && !offline) || (!world->effects && !may_be_silent(proposed->type))))
        world_fail(world, "%s was %s with %u effects, %u of them errors", proposed->message_id,
                   taken ? "taken" : "refused", world->effects, errors);
    if (taken && (connection->room == NOBODY ||
                  (connection->name != NOBODY && connection->name != proposed->sender)))
        world_fail(world, "peer %llx is %d in room %d", (unsigned long long)connection->id,
                   connection->name, connection->room);
    if (taken && proposed->type == MESSAGE_HELLO)
        connection->unkept = 0; /* it may have had no acks before */
    if (taken && acked && connection->unkept && connection->unkept < proposed->line)
        world_fail(world, "%s is line %u of peer %llx, and taken behind line %u, which was not",
                   proposed->message_id, proposed->line, (unsigned long long)connection->id,
                   connection->unkept);
    if (taken && proposed->flawed)
        world_fail(world, "%s is ill, and was taken", proposed->message_id);
    if (taken)
        connection->name = proposed->sender;
    connection_settle(async, connection);
    world->accepted += taken;
    world->refused += refused;
    return taken;
}

static void commit_one(struct async *async, int at, const struct proposed *proposed)
{
    struct world *world = async->world;
    struct queue *queue = &async->queues[at];
    struct room_model *room = &world->rooms[at];
    struct hub_counts before = hub_count(world->hub);
    struct entry entry = proposed->entry;
    uint64_t last = room->seq > queue->commit.after ? room->seq : queue->commit.after;
    entry.seq = last + 1 + (chance_one_in(&world->faults, 8) ? 3 : 0);
    room->seq = entry.seq;
    room->logged++;
    if (entry.blob.len)
        artifacts_keep(&world->artifacts[at], entry.seq, entry.blob);
    entry.blob = (struct slice){NULL, 0};
    struct logged *logged = record_entry(&world->record, at, &entry);
    struct connection *sender = connection_find(async, entry.peer);
    bool message = entry.kind == ENTRY_MESSAGE, first = sender && sender->room == NOBODY;
    struct who who;
    if (message && (proposed->target != NOBODY || proposed->type == MESSAGE_DEAD_LETTER))
        who_read(world, at, &who);
    world->applying = logged;
    world->effects = 0;
    async->commit.count = 0;
    async->committing = message ? proposed : NULL;
    queue->commit.apply(queue->commit.ctx, &entry);
    async->committing = NULL;
    world->applying = NULL;
    world->hash = hash_bytes(world->hash, logged->effects.at, logged->effects.len);
    if (message && !world_failed(world) && message_check(async, proposed, &before)) {
        follow_message(world, logged, proposed, &who, first);
        model_day_said(&world->days[at], entry.time_ms);
    }
    if (entry.kind == ENTRY_OVERDUE)
        follow_overdue(world, logged);
    if (entry.kind != ENTRY_LEAVE)
        return;
    struct connection *connection = connection_find(async, entry.peer);
    if (!connection || !connection->closed)
        world_fail(world, "peer %llx left, and is there", (unsigned long long)entry.peer);
    else
        connection->over = true;
}

void async_commit(struct async *async, int room, size_t count)
{
    struct queue *queue = &async->queues[room];
    for (size_t i = 0; i < count && !world_failed(async->world); i++) {
        struct proposed proposed = queue->at[0];
        memmove(queue->at, queue->at + 1, --queue->count * sizeof *queue->at);
        commit_one(async, room, &proposed);
        proposed_free(&proposed);
    }
}

void async_unkept(struct async *async, struct connection *connection, unsigned line,
                  const char *message_id)
{
    struct link *link = connection_link(async, connection);
    if (!link || (connection->unkept && connection->unkept <= line))
        return;
    connection->unkept = line;
    snprintf(link->unkept, sizeof link->unkept, "%s", message_id);
}

static void lose_one(struct async *async, int room, size_t place)
{
    struct world *world = async->world;
    struct queue *queue = &async->queues[room];
    struct proposed proposed = queue->at[place];
    struct connection *connection = connection_find(async, proposed.entry.peer);
    memmove(&queue->at[place], &queue->at[place + 1], (--queue->count - place) * sizeof *queue->at);
    world_say(world, "%s is lost", proposed.message_id);
    async->call.count = 0;
    queue->commit.lose(queue->commit.ctx, &proposed.entry);
    const struct answer *answer = &async->call.at[0];
    const char *code = wire_error_code(WIRE_STORAGE_UNAVAILABLE);
    bool told = async->call.count == 1 && answer->to == proposed.entry.peer &&
                strcmp(answer->in_reply_to, proposed.message_id) == 0 &&
                strcmp(answer->code, code) == 0;
    bool acked = async->call.count == 1 && strcmp(answer->type, "ack") == 0; /* of before */
    if (connection->closed ? async->call.count != 0 : !told && !acked)
        world_fail(world, "%s was lost, and answered %zu times (%s to %s)", proposed.message_id,
                   async->call.count, answer->code, answer->in_reply_to);
    if (proposed.type != MESSAGE_HELLO && !acked)
        async_unkept(async, connection, proposed.line, proposed.message_id);
    connection_settle(async, connection);
    proposed_free(&proposed);
}

void async_lose(struct async *async, int room, size_t place)
{
    struct queue *queue = &async->queues[room];
    const struct entry first = queue->at[place].entry;
    if (first.kind != ENTRY_MESSAGE)
        return;
    while (place < queue->count) {
        const struct entry *entry = &queue->at[place].entry;
        if (entry->kind == ENTRY_MESSAGE && entry->peer == first.peer)
            lose_one(async, room, place);
        else
            place++;
    }
}

/* ── lives ── */

void async_new(struct async *async, struct world *world)
{
    *async = (struct async){.world = world, .late = 1 + chance_below(&world->chance, 30)};
    async_serve(async, NULL);
}

void async_begin(struct async *async)
{
    async->call.count = 0;
    async->kept = 0;
    async->left = async->closed_meanwhile = false;
}

/* What was committed: from the beginning, or from checkpoints on. */
static void async_load(struct async *async)
{
    struct world *world = async->world;
    size_t from[ROOMS] = {0};
    bool checkpoints = chance_one_in(&world->faults, 2), early = chance_one_in(&world->faults, 3);
    if (early || !checkpoints) /* more than what changed since is said to have changed */
        hub_keep_changes(world->hub);
    for (int room = 0; room < ROOMS; room++)
        if (checkpoints)
            from[room] = checkpoint_load(async, room);
        else /* as if nothing had been written: of what comes and goes meanwhile no row is due */
            rows_clear(&async->checkpoints[room].working);
    hub_keep_changes(world->hub);
    for (size_t i = 0; i < world->record.count && !world_failed(world); i++) {
        const struct logged *logged = &world->record.at[i];
        if (logged->room != NOBODY && i >= from[logged->room])
            replay_entry(world, world->hub, logged);
    }
}

void async_serve(struct async *async, const struct text before[ROOMS])
{
    struct world *world = async->world;
    struct hub_edge edge = {.ctx = async,
                            .effect = async_effect,
                            .joined = edge_joined,
                            .close = edge_close,
                            .derive = edge_derive,
                            .identify = edge_derive,
                            .unique = edge_unique,
                            .sha256 = edge_sha256,
                            .resume = follow_resume,
                            .retract = async_retract,
                            .let_in = sim_let_in,
                            .open_log = async_open_log,
                            .hash = edge_hash,
                            .drop_chunks = edge_drop_chunks,
                            .go_on = edge_go_on};
    world->config.line_max = LINE_BYTES; /* so that files have several chunks */
    for (int room = 0; room < ROOMS; room++)
        world->rooms[room].exists = false;
    world->hub = hub_new(&world->config, &edge);
    async->loading = true;
    async_load(async);
    async->loading = false;
    if (before && !world_failed(world))
        compare_dumps(world, world->hub, before, "restart");
    if (!world_failed(world))
        hub_start(world->hub, world->now);
}

void async_crash(struct async *async)
{
    struct world *world = async->world;
    hub_free(world->hub);
    world->hub = NULL;
    for (int link = 0; link < LINKS; link++)
        world->links[link] = (struct link){.room = NOBODY, .name = NOBODY};
}

void async_free(struct async *async)
{
    async_crash(async);
    for (int link = 0; link < LINKS; link++)
        free(async->connections[link]);
    for (int room = 0; room < ROOMS; room++) {
        free(async->queues[room].at);
        checkpoint_forget(&async->checkpoints[room]);
    }
}
