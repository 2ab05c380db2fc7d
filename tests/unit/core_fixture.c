/* The recording edge, and the words of core_fixture.h. */
#include "core_fixture.h"

#include "core/state.h"

#include <stdlib.h>
#include <string.h>

#include "core_record.h"
#include "tests/grown.h"
#include "wire/text.h"
#include "wire/types.h"

enum { LINE_SIZE = 1 << 16 };

/* A delivered line. */
struct delivery {
    unsigned peer;
    bool read;
    char *line;
    json_t *object;
};

struct side {
    char id[160];
    int level;
    int asked; /* the level of the hello that is under way, 0 when none is */
    bool open, joined;
    bool closed_by_hub;
    enum close_reason reason;
    char *later; /* owned: a line that the hub takes later; NULL: none, */
    size_t later_len;
    bool goes_on; /* and now is later */
};

struct fixture {
    struct hub *hub;
    struct record record;
    int64_t now;
    struct delivery *deliveries;
    size_t count;
    struct side sides[PEERS_MAX];
    char line[LINE_SIZE];
    char message_id[64];
    char names[4096];
    const char *read;
    uint64_t asked_chunk; /* seq of the one that is asked for; 0: none */
    peer_id asker;
    struct slice chunk;
    char in_reply_to[160], head[2048]; /* of its answer */
    unsigned messages, newcomers;
    uint64_t answers;
    bool late;    /* entries were applied later than they were proposed */
    json_t *kept; /* array: what must live as long as the fixture */
};

static peer_id peer_of(unsigned peer)
{
    return (peer_id)1 << 32 | peer;
}

static struct side *side_of(struct fixture *f, peer_id peer)
{
    unsigned index = (unsigned)(peer & 0xffffffffu);
    assert_true(index > 0 && index < PEERS_MAX && peer >> 32 == 1);
    return &f->sides[index];
}

/* Strictly. Numbers beyond jansson's reach pass the hub; they are read as reals, and those
 * beyond a double as less. */
static json_t *parse(const char *line)
{
    json_error_t error;
    size_t flags = JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL;
    json_t *object = json_loads(line, flags, &error);
    if (!object && json_error_code(&error) == json_error_numeric_overflow) {
        char *smaller = strdup(line), *huge;
        while ((huge = strstr(smaller, "e999")))
            memcpy(huge, "e+99", 4);
        object = json_loads(smaller, flags | JSON_DECODE_INT_AS_REAL, &error);
        free(smaller);
    }
    if (!object)
        fail_msg("not strict JSON: %s in %s", error.text, line);
    return object;
}

static void check_shape(struct side *side, const char *line, json_t *object)
{
    static const char *const members[] = {"message_id", "sender_id", "message_type",
                                          "timestamp",  "payload",   "target_ai"};
    size_t found = json_object_get(object, "target_ai") ? 6 : 5;
    for (size_t i = 0; i < 5; i++)
        if (!json_object_get(object, members[i]))
            fail_msg("no %s in %s", members[i], line);
    assert_true(json_is_object(json_object_get(object, "payload")));
    enum message_type type;
    assert_int_equal(message_type_find(slice_of(string_of(object, "message_type")), &type), 0);
    bool has_seq = json_is_number(json_object_get(object, "seq"));
    if (type == MESSAGE_TRAINING_SYNC && side->asked)
        side->level = side->asked;
    if (message_type_level(type) > side->level || has_seq != (side->level == 2))
        fail_msg("a level %d peer got %s", side->level, line);
    assert_int_equal(json_object_size(object), found + has_seq);
}

/* Whoever is refused for a limit is told which, and what it is set to. */
static void check_limit(const char *line, json_t *object)
{
    json_t *payload = json_object_get(object, "payload");
    const char *code = json_string_value(json_object_get(payload, "code"));
    if (strcmp(json_string_value(json_object_get(object, "message_type")), "error") != 0 ||
        (strcmp(code, "quota_exceeded") != 0 && strcmp(code, "rate_limited") != 0))
        return;
    if (!json_is_string(json_object_get(payload, "limit")) ||
        !json_is_string(json_object_get(payload, "whose")) ||
        json_number_value(json_object_get(payload, "most")) <= 0)
        fail_msg("which limit? %s", line);
}

static void deliver(struct fixture *f, peer_id to, const struct slice parts[EFFECT_PARTS])
{
    struct side *side = side_of(f, to);
    if (!side->open && f->late)
        return; /* it went while its entries waited */
    assert_true(side->open);
    size_t len = parts[0].len + parts[1].len;
    assert_true(len > 1 && parts[1].at[parts[1].len - 1] == '\n');
    char *line = malloc(len);
    assert_non_null(line);
    memcpy(line, parts[0].at, parts[0].len);
    memcpy(line + parts[0].len, parts[1].at, parts[1].len);
    line[len - 1] = '\0';
    json_t *object = parse(line);
    check_shape(side, line, object);
    check_limit(line, object);
    f->deliveries = grown(f->deliveries, f->count, sizeof *f->deliveries);
    assert_non_null(f->deliveries);
    f->deliveries[f->count++] =
        (struct delivery){.peer = (unsigned)(to & 0xffffffffu), .line = line, .object = object};
}

static void edge_effect(void *ctx, const struct effect *effect)
{
    for (size_t i = 0; i < effect->seat_count; i++) {
        const struct seat *seat = &effect->seats[i];
        char tail[EFFECT_TAIL_SIZE];
        struct slice parts[EFFECT_PARTS];
        if (seat->level < effect->level || (seat->member && seat->member == effect->skipped))
            continue;
        effect_parts(effect, seat->level, tail, parts);
        deliver(ctx, seat->peer, parts);
    }
}

static void edge_joined(void *ctx, peer_id peer)
{
    struct side *side = side_of(ctx, peer);
    struct fixture *f = ctx;
    if (!side->open && f->late)
        return; /* it went while its entries waited */
    assert_true(side->open && !side->joined);
    side->joined = true;
}

static void edge_close(void *ctx, peer_id peer, enum close_reason reason)
{
    struct side *side = side_of(ctx, peer);
    assert_true(side->open);
    side->open = false;
    side->closed_by_hub = true;
    side->reason = reason;
}

static void edge_derive(void *ctx, struct slice room, uint64_t seq, uint32_t count,
                        uint8_t ret_bytes[16])
{
    (void)ctx;
    uint64_t state = 0x9e3779b97f4a7c15u ^ seq << 20 ^ count;
    for (size_t i = 0; i < room.len; i++)
        state = (state ^ (uint8_t)room.at[i]) * 0x100000001b3u;
    for (unsigned i = 0; i < 16; i++) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        ret_bytes[i] = (uint8_t)(state >> 56);
    }
}

static void edge_unique(void *ctx, uint8_t ret_bytes[16])
{
    struct fixture *f = ctx;
    edge_derive(ctx, slice_of("answers"), ++f->answers, 0, ret_bytes);
}

static struct log edge_open_log(void *ctx, struct slice room, struct commit commit)
{
    struct fixture *f = ctx;
    return record_log(&f->record, room, commit);
}

void fixture_fill(struct fixture *f, bool full)
{
    f->record.full = full;
}

void fixture_replay(const struct fixture *f, struct hub *hub)
{
    record_replay(&f->record, hub);
}

/* Not SHA-256, but a function of the bytes, which is all that the core knows of it. */
static void edge_sha256(void *ctx, const struct slice *parts, unsigned count,
                        uint8_t ret_digest[32])
{
    (void)ctx;
    uint64_t state = 0xcbf29ce484222325u;
    for (unsigned i = 0; i < count; i++)
        for (size_t k = 0; k < parts[i].len; k++)
            state = (state ^ (uint8_t)parts[i].at[k]) * 0x100000001b3u;
    for (unsigned i = 0; i < 32; i++) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        ret_digest[i] = (uint8_t)(state >> 56);
    }
}

/* Of that other function all that a SHA-256 does: it can be gone on with, and ends in a digest that
 * does not depend on where it was left. */
static void edge_hash(void *ctx, struct hub_hash *hash, struct slice bytes, bool last)
{
    (void)ctx;
    uint64_t state = 0xcbf29ce484222325u;
    if (hash->bytes)
        memcpy(&state, hash->state, sizeof state);
    assert_true(last || bytes.len % 64 == 0);
    for (size_t i = 0; i < bytes.len; i++)
        state = (state ^ (uint8_t)bytes.at[i]) * 0x100000001b3u;
    memset(hash->state, 0, sizeof hash->state);
    memcpy(hash->state, &state, sizeof state);
    for (unsigned i = 0; last && i < 32; i++) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        hash->state[i] = (uint8_t)(state >> 56);
    }
    hash->bytes += bytes.len;
}

const char *hash_of(const char *bytes, size_t len)
{
    static char hex[65];
    struct hub_hash hash = {.bytes = 0};
    edge_hash(NULL, &hash, (struct slice){bytes, len}, true);
    hex_format(hash.state, sizeof hash.state, hex);
    return hex;
}

static void edge_drop_chunks(void *ctx, struct slice room, const uint64_t *seqs, size_t count)
{
    struct fixture *f = ctx;
    for (size_t i = 0; i < count; i++)
        record_drop(&f->record, room, seqs[i]);
}

static bool edge_read_chunk(void *ctx, const struct hub_chunk_query *query)
{
    struct fixture *f = ctx;
    if (f->asked_chunk)
        return false;
    f->asked_chunk = query->seq;
    f->asker = query->peer;
    f->chunk = record_blob(&f->record, query->room, query->seq);
    snprintf(f->in_reply_to, sizeof f->in_reply_to, "%.*s", SLICE_FORMAT(query->in_reply_to));
    snprintf(f->head, sizeof f->head, "%.*s", SLICE_FORMAT(query->head));
    return true;
}

void answer_chunk(struct fixture *f, bool readable)
{
    assert_true(f->asked_chunk && f->chunk.at);
    f->asked_chunk = 0;
    hub_chunk(f->hub, f->asker, slice_of(f->in_reply_to), slice_of(f->head),
              readable ? f->chunk : (struct slice){NULL, 0}, f->now);
}

size_t chunks_kept(const struct fixture *f)
{
    return record_blobs(&f->record);
}

const char *digest_of(const char *text)
{
    static char hex[65];
    struct slice part = slice_of(text);
    uint8_t digest[32];
    edge_sha256(NULL, &part, 1, digest);
    hex_format(digest, sizeof digest, hex);
    return hex;
}

static void edge_go_on(void *ctx, peer_id peer)
{
    struct side *side = side_of(ctx, peer);
    assert_true(side->open && side->later && !side->goes_on);
    side->goes_on = true;
}

struct hub_edge fixture_edge(struct fixture *f)
{
    return (struct hub_edge){.ctx = f,
                             .effect = edge_effect,
                             .joined = edge_joined,
                             .close = edge_close,
                             .derive = edge_derive,
                             .identify = edge_derive,
                             .unique = edge_unique,
                             .sha256 = edge_sha256,
                             .hash = edge_hash,
                             .drop_chunks = edge_drop_chunks,
                             .read_chunk = edge_read_chunk,
                             .go_on = edge_go_on,
                             .open_log = edge_open_log};
}

struct hub_config fixture_config(void)
{
    struct hub_config config = hub_config_default();
    config.owner.most[LIMIT_RATE] = 0;
    config.epoch_ms = EPOCH_OVER;
    return config;
}

struct fixture *fixture_new(const struct hub_config *config)
{
    struct fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    struct hub_edge edge = fixture_edge(f);
    f->now = 1795334400000;
    f->kept = json_array();
    f->hub = hub_new(config, &edge);
    hub_start(f->hub, f->now);
    return f;
}

void fixture_free(struct fixture *f)
{
    char why[256] = "";
    int verdict = hub_recount(f->hub, why, sizeof why);
    hub_free(f->hub);
    for (size_t i = 0; i < f->count; i++) {
        free(f->deliveries[i].line);
        json_decref(f->deliveries[i].object);
    }
    record_free(&f->record);
    for (size_t i = 0; i < PEERS_MAX; i++)
        free(f->sides[i].later);
    free(f->deliveries);
    json_decref(f->kept);
    free(f);
    if (verdict != 0)
        fail_msg("hub_recount: %s", why);
}

int fixture_setup(void **state)
{
    struct hub_config config = fixture_config();
    *state = fixture_new(&config);
    return 0;
}

int fixture_teardown(void **state)
{
    fixture_free(*state);
    return 0;
}

struct hub *fixture_hub(struct fixture *f)
{
    return f->hub;
}

void fixture_let_in(struct fixture *f,
                    int (*let_in)(void *ctx, const struct hub_login *login,
                                  struct hub_pass *ret_pass, struct refusal *ret_refusal))
{
    f->hub->edge.let_in = let_in;
}

void fixture_resume(struct fixture *f, void (*resume)(void *ctx, const struct hub_resume *resume))
{
    f->hub->edge.resume = resume;
}

void fixture_retract(struct fixture *f,
                     void (*retract)(void *ctx, const struct hub_retraction *retraction))
{
    f->hub->edge.retract = retract;
}

void fixture_hold(struct fixture *f)
{
    f->record.holds = f->late = true;
}

/* Says again what the hub wanted later. */
static void say_later(struct fixture *f)
{
    for (unsigned peer = 1; peer < PEERS_MAX; peer++) {
        struct side *side = &f->sides[peer];
        char *line = side->later;
        assert_true(!line || side->goes_on || side->closed_by_hub);
        side->later = NULL;
        if (line && !side->closed_by_hub)
            say_bytes(f, peer, line, side->later_len);
        side->goes_on = false;
        free(line);
    }
}

void fixture_commit(struct fixture *f)
{
    record_commit(&f->record);
    say_later(f);
}

void fixture_lose(struct fixture *f)
{
    record_lose(&f->record);
    say_later(f);
}

void fixture_search(struct fixture *f, void (*search)(void *ctx, const struct search_wish *wish))
{
    f->hub->edge.search = search;
}

int64_t now(const struct fixture *f)
{
    return f->now;
}

void pass(struct fixture *f, int64_t ms)
{
    f->now += ms;
}

void wait_ticking(struct fixture *f, int64_t ms)
{
    int64_t end = f->now + ms;
    while (f->now < end) {
        f->now += end - f->now < 1000 ? end - f->now : 1000;
        int64_t next = hub_tick(f->hub, f->now);
        assert_true(next >= 0 && next <= 1000);
    }
}

void open_peer(struct fixture *f, unsigned peer)
{
    struct side *side = side_of(f, peer_of(peer));
    assert_false(side->open);
    free(side->later);
    *side = (struct side){.level = 1, .open = true};
    hub_open(f->hub, peer_of(peer), f->now);
}

void say_bytes(struct fixture *f, unsigned peer, const char *bytes, size_t len)
{
    /* A copy of exactly this length, so that a sanitizer sees a read past the end. */
    char *copy = malloc(len ? len : 1);
    assert_non_null(copy);
    memcpy(copy, bytes, len);
    struct side *side = side_of(f, peer_of(peer));
    assert_null(side->later); /* its edge would not read on */
    if (hub_line(f->hub, peer_of(peer), (struct slice){copy, len}, f->now) != HUB_TAKEN_LATER) {
        free(copy);
        return;
    }
    side->later = copy;
    side->later_len = len;
}

/* Formats f->line from `at` on, single quotes made double. Returns where it ends. */
__attribute__((format(printf, 3, 0))) static size_t put(struct fixture *f, size_t at,
                                                        const char *format, va_list arguments)
{
    int len = vsnprintf(f->line + at, LINE_SIZE - at, format, arguments);
    assert_true(len >= 0 && at + (size_t)len < LINE_SIZE);
    for (size_t i = at; i < at + (size_t)len; i++)
        if (f->line[i] == '\'')
            f->line[i] = '"';
    return at + (size_t)len;
}

__attribute__((format(printf, 3, 4))) static size_t putf(struct fixture *f, size_t at,
                                                         const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    at = put(f, at, format, arguments);
    va_end(arguments);
    return at;
}

static void say_line(struct fixture *f, unsigned peer)
{
    say_bytes(f, peer, f->line, strlen(f->line));
}

void say_raw(struct fixture *f, unsigned peer, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    put(f, 0, format, arguments);
    va_end(arguments);
    f->message_id[0] = '\0';
    say_line(f, peer);
}

/* Builds the line of a message of the peer's id; target NULL: null. */
__attribute__((format(printf, 5, 0))) static void put_message(struct fixture *f, unsigned peer,
                                                              const char *target, const char *type,
                                                              const char *payload_format,
                                                              va_list arguments)
{
    const char *quote = target ? "'" : "";
    snprintf(f->message_id, sizeof f->message_id, "message-%u", ++f->messages);
    size_t at = putf(f, 0, "{'message_id':'%s','sender_id':'%s','message_type':'%s',",
                     f->message_id, side_of(f, peer_of(peer))->id, type);
    at = putf(f, at, "'timestamp':'2026-11-22T08:00:00.000000','payload':");
    at = put(f, at, payload_format, arguments);
    putf(f, at, ",'target_ai':%s%s%s}", quote, target ? target : "null", quote);
}

void say(struct fixture *f, unsigned peer, const char *type, const char *payload_format, ...)
{
    va_list arguments;
    va_start(arguments, payload_format);
    put_message(f, peer, NULL, type, payload_format, arguments);
    va_end(arguments);
    say_line(f, peer);
}

void say_to(struct fixture *f, unsigned peer, const char *target, const char *type,
            const char *payload_format, ...)
{
    va_list arguments;
    va_start(arguments, payload_format);
    put_message(f, peer, target, type, payload_format, arguments);
    va_end(arguments);
    say_line(f, peer);
}

void say_hello(struct fixture *f, unsigned peer, const char *id, const char *payload_format, ...)
{
    struct side *side = side_of(f, peer_of(peer));
    va_list arguments;
    snprintf(side->id, sizeof side->id, "%s", id);
    va_start(arguments, payload_format);
    put_message(f, peer, NULL, "hello", payload_format, arguments);
    va_end(arguments);
    side->asked = strstr(f->line, "\"protocol\":2") ? 2 : 1;
    say_line(f, peer);
    if (!f->late) /* else the answer comes later */
        side->asked = 0;
}

void leave(struct fixture *f, unsigned peer)
{
    struct side *side = side_of(f, peer_of(peer));
    assert_true(side->open);
    side->open = false;
    hub_gone(f->hub, peer_of(peer), CLOSE_PEER_CLOSED, f->now);
}

json_t *join(struct fixture *f, unsigned peer, const char *id, int level, const char *members)
{
    open_peer(f, peer);
    say_hello(f, peer, id, "{%s%s%s}", level == 2 ? "'protocol':2" : "",
              level == 2 && *members ? "," : "", members);
    json_t *sync = expect(f, peer, "training_sync");
    skip_all(f);
    return sync;
}

const char *last_line(const struct fixture *f)
{
    return f->line;
}

const char *last_message_id(const struct fixture *f)
{
    return f->message_id;
}

static struct delivery *next_for(struct fixture *f, unsigned peer)
{
    for (size_t i = 0; i < f->count; i++)
        if (f->deliveries[i].peer == peer && !f->deliveries[i].read)
            return &f->deliveries[i];
    return NULL;
}

json_t *expect_whole(struct fixture *f, unsigned peer, const char *type)
{
    for (struct delivery *next; (next = next_for(f, peer));) {
        next->read = true;
        if (strcmp(string_of(next->object, "message_type"), type) == 0) {
            f->read = next->line;
            return next->object;
        }
    }
    fail_msg("peer %u got no %s after %s", peer, type, f->line);
    return NULL;
}

json_t *expect(struct fixture *f, unsigned peer, const char *type)
{
    return json_object_get(expect_whole(f, peer, type), "payload");
}

json_t *expect_error(struct fixture *f, unsigned peer, const char *code)
{
    struct delivery *next = next_for(f, peer);
    if (!next)
        fail_msg("peer %u got no error %s after %s", peer, code, f->line);
    json_t *payload = json_object_get(next->object, "payload");
    json_t *found = json_object_get(payload, "code");
    if (!found || strcmp(json_string_value(found), code) != 0)
        fail_msg("peer %u got no error %s after %s, but %s", peer, code, f->line, next->line);
    next->read = true;
    f->read = next->line;
    assert_string_equal(string_of(next->object, "sender_id"), "hub");
    assert_true(strlen(string_of(payload, "detail")) > 0);
    json_t *reply = json_object_get(payload, "in_reply_to");
    assert_non_null(reply);
    if (f->message_id[0])
        assert_string_equal(json_string_value(reply), f->message_id);
    return payload;
}

void assert_limit(json_t *error, const char *limit, const char *whose, double most)
{
    assert_string_equal(string_of(error, "limit"), limit);
    assert_string_equal(string_of(error, "whose"), whose);
    assert_number(number_of(error, "most"), most);
}

void expect_relayed(struct fixture *f, unsigned peer)
{
    char expected[LINE_SIZE + 64];
    struct delivery *next = next_for(f, peer);
    if (!next)
        fail_msg("peer %u was not told %s", peer, f->line);
    next->read = true;
    f->read = next->line;
    if (side_of(f, peer_of(peer))->level == 2)
        snprintf(expected, sizeof expected, "%.*s,\"seq\":%lld}", (int)strlen(f->line) - 1, f->line,
                 (long long)number_of(next->object, "seq"));
    else
        snprintf(expected, sizeof expected, "%s", f->line);
    assert_string_equal(next->line, expected);
}

void expect_nothing(struct fixture *f, unsigned peer)
{
    struct delivery *next = next_for(f, peer);
    if (next)
        fail_msg("peer %u got %s", peer, next->line);
}

void expect_no(struct fixture *f, unsigned peer, const char *type)
{
    for (size_t i = 0; i < f->count; i++)
        if (f->deliveries[i].peer == peer && !f->deliveries[i].read &&
            strcmp(string_of(f->deliveries[i].object, "message_type"), type) == 0)
            fail_msg("peer %u got %s", peer, f->deliveries[i].line);
}

void expect_closed(struct fixture *f, unsigned peer, enum close_reason reason)
{
    struct side *side = side_of(f, peer_of(peer));
    assert_true(side->closed_by_hub);
    assert_string_equal(close_reason_text(side->reason), close_reason_text(reason));
}

void expect_open(struct fixture *f, unsigned peer)
{
    assert_true(side_of(f, peer_of(peer))->open);
}

void skip_all(struct fixture *f)
{
    for (size_t i = 0; i < f->count; i++)
        f->deliveries[i].read = true;
}

const char *read_line(const struct fixture *f)
{
    return f->read;
}

/* Joins somebody, takes their training_sync, lets them go; nobody else's unread lines change. */
static json_t *sync_of_visitor(struct fixture *f, const char *payload)
{
    unsigned peer = PEERS_MAX - 1;
    char id[32];
    size_t before = f->count;
    snprintf(id, sizeof id, "visitor-%u", ++f->newcomers);
    open_peer(f, peer);
    say_hello(f, peer, id, "%s", payload);
    json_t *sync = expect(f, peer, "training_sync");
    leave(f, peer);
    for (size_t i = before; i < f->count; i++)
        f->deliveries[i].read = true;
    return sync;
}

json_t *newcomer_sync(struct fixture *f)
{
    return sync_of_visitor(f, "{}");
}

json_t *knowledge(struct fixture *f, const char *section)
{
    json_t *base = json_object_get(newcomer_sync(f), "global_knowledge_base");
    assert_true(json_is_object(json_object_get(base, section)));
    return json_object_get(base, section);
}

/* The element of the observer's array `name` whose member `key` is `value`. */
static json_t *observed(struct fixture *f, const char *name, const char *key, const char *value)
{
    json_t *sync = sync_of_visitor(f, "{'protocol':2,'role':'observer'}");
    size_t index;
    json_t *element;
    assert_true(json_is_array(json_object_get(sync, name)));
    json_array_foreach(json_object_get(sync, name), index, element)
    {
        if (strcmp(string_of(element, key), value) == 0)
            return element;
    }
    return NULL;
}

json_t *member_of(struct fixture *f, const char *id)
{
    return observed(f, "members", "ai_id", id);
}

json_t *session_of(struct fixture *f, const char *session_id)
{
    return observed(f, "sessions", "session_id", session_id);
}
