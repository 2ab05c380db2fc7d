/* The hub's effects, carried out. None of these calls the hub. */
#include <assert.h>
#include <endian.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <sodium/crypto_hash_sha256.h>
#include <sodium/crypto_shorthash_siphash24.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

#include "log/memory.h"
#include "net/past.h"
#include "net/pieces.h"
#include "net/replay.h"
#include "net/state.h"
#include "wire/shown.h"

/* A line is appended to its room's out-stream at most once for each level, and delivered as a span
 * of that stream: what goes to many is stored once, and lies side by side. */
static void edge_effect(void *ctx, const struct effect *effect)
{
    struct server *server = ctx;
    struct span spans[2];
    bool appended[2] = {false, false};
    bool kept = server->disk.store && effect->number && effect->origin != LINE_PASSING &&
                effect->audience != AUDIENCE_CONNECTION;
    if (kept)
        store_keep(server->disk.store, effect);
    if (server->disk.recovering)
        return;
    for (size_t i = 0; i < effect->seat_count; i++) {
        const struct seat *seat = &effect->seats[i];
        size_t level = (size_t)seat->level - 1;
        if (seat->level < effect->level || (seat->member && seat->member == effect->skipped))
            continue;
        if (!appended[level]) {
            char tail[EFFECT_TAIL_SIZE];
            struct slice parts[EFFECT_PARTS];
            effect_parts(effect, seat->level, tail, parts);
            spans[level] = streams_append(&server->streams, effect->stream * 2 + (uint32_t)level,
                                          parts, EFFECT_PARTS);
            appended[level] = true;
        }
        server->deliveries++;
        connection_deliver(server, seat->peer, spans[level], kept);
    }
}

static void edge_joined(void *ctx, peer_id peer)
{
    struct server *server = ctx;
    struct connection *connection = server_find(server, peer);
    if (!connection)
        return;
    connection_joined(connection);
    io_no_secrets(connection->io);
    if (!connection->token)
        server->login.again = true; /* tokens may have come since it was let in */
}

static void edge_resume(void *ctx, const struct hub_resume *resume)
{
    struct connection *connection = server_find(ctx, resume->peer);
    if (connection && !connection->replay)
        replay_begin(connection, resume);
}

static void edge_retract(void *ctx, const struct hub_retraction *retraction)
{
    const struct server *server = ctx;
    store_retract(server->disk.store, retraction->room, retraction->seq, retraction->line,
                  retraction->level);
}

static void edge_search(void *ctx, const struct search_wish *wish)
{
    searching_wish(ctx, wish);
}

static void edge_close(void *ctx, peer_id peer, enum close_reason reason)
{
    struct connection *connection = server_find(ctx, peer);
    if (connection)
        connection_close(connection, reason);
}

int edge_key(uint8_t ret_key[32])
{
    return getrandom(ret_key, 32, 0) == 32 ? 0 : -1;
}

static void put_u64(uint8_t *to, uint64_t value)
{
    uint64_t big = htobe64(value);
    memcpy(to, &big, sizeof big);
}

static void expect_libcrypto(bool good, const char *what)
{
    if (good)
        return;
    fprintf(stderr, "khub: %s is not to be had from libcrypto\n", what);
    abort();
}

#define INPUT_SIZE (16 + 256) /* of a room's name no more */

/* What is hashed: the name behind the two numbers, which have a fixed length, so that no two inputs
 * are alike. */
static struct slice input_of(struct slice room, uint64_t seq, uint32_t count,
                             uint8_t ret_bytes[INPUT_SIZE])
{
    size_t name = room.len < INPUT_SIZE - 16 ? room.len : INPUT_SIZE - 16;
    put_u64(ret_bytes, seq);
    put_u64(ret_bytes + 8, count);
    if (name)
        memcpy(ret_bytes + 16, room.at, name);
    return (struct slice){(const char *)ret_bytes, 16 + name};
}

static EVP_MAC_CTX *hmac_new(const uint8_t key[32])
{
    char sha256[] = "SHA256";
    OSSL_PARAM parameters[] = {OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, sha256, 0),
                               OSSL_PARAM_construct_end()};
    EVP_MAC *mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
    EVP_MAC_CTX *context = mac ? EVP_MAC_CTX_new(mac) : NULL;
    expect_libcrypto(context && EVP_MAC_init(context, key, 32, parameters), "HMAC-SHA256");
    EVP_MAC_free(mac); /* the context has it */
    return context;
}

/* By HMAC-SHA256. To set its key up costs as much as all the rest, so that is done once. */
static void edge_derive(void *ctx, struct slice room, uint64_t seq, uint32_t count,
                        uint8_t ret_bytes[16])
{
    struct server *server = ctx;
    uint8_t bytes[INPUT_SIZE], digest[EVP_MAX_MD_SIZE];
    struct slice input = input_of(room, seq, count, bytes);
    size_t len = 0;
    if (!server->hmac)
        server->hmac = hmac_new(server->key);
    expect_libcrypto(EVP_MAC_init(server->hmac, NULL, 0, NULL) &&
                         EVP_MAC_update(server->hmac, bytes, input.len) &&
                         EVP_MAC_final(server->hmac, digest, &len, sizeof digest) && len >= 16,
                     "a message authentication code");
    memcpy(ret_bytes, digest, 16);
}

/* SipHash-2-4 of 16 bytes: what nobody without the key can foretell, in a fraction of the time of
 * an HMAC. (OpenSSL has the same one, and takes six times as long around it as for it.) */
static void identify(const uint8_t key[16], struct slice input, uint8_t ret_bytes[16])
{
    _Static_assert(crypto_shorthash_siphashx24_BYTES == 16, "an id");
    _Static_assert(crypto_shorthash_siphashx24_KEYBYTES == 16, "a key");
    crypto_shorthash_siphashx24(ret_bytes, (const uint8_t *)input.at, input.len, key);
}

static void edge_identify(void *ctx, struct slice room, uint64_t seq, uint32_t count,
                          uint8_t ret_bytes[16])
{
    struct server *server = ctx;
    uint8_t bytes[INPUT_SIZE];
    if (!server->id_key_made)
        edge_derive(server, (struct slice){NULL, 0}, UINT64_MAX, UINT32_MAX, server->id_key);
    server->id_key_made = true;
    identify(server->id_key, input_of(room, seq, count, bytes), ret_bytes);
}

static void edge_unique(void *ctx, uint8_t ret_bytes[16])
{
    struct server *server = ctx;
    uint8_t bytes[INPUT_SIZE];
    identify(server->run_key, input_of((struct slice){NULL, 0}, ++server->answers, 0, bytes),
             ret_bytes);
}

void edge_end(struct server *server)
{
    EVP_MAC_CTX_free(server->hmac);
    server->hmac = NULL;
}

static struct log edge_open_log(void *ctx, struct slice room, struct commit commit)
{
    const struct server *server = ctx;
    return server->disk.store ? store_log(server->disk.store, room, commit) : log_memory(commit);
}

static void edge_sha256(void *ctx, const struct slice *parts, unsigned count,
                        uint8_t ret_digest[32])
{
    EVP_MD_CTX *digest = EVP_MD_CTX_new();
    bool good = digest && EVP_DigestInit_ex(digest, EVP_sha256(), NULL);
    (void)ctx;
    for (unsigned i = 0; i < count && good; i++)
        good = EVP_DigestUpdate(digest, parts[i].at, parts[i].len);
    expect_libcrypto(good && EVP_DigestFinal_ex(digest, ret_digest, NULL), "SHA-256");
    EVP_MD_CTX_free(digest);
}

/* By libsodium, whose state can be taken out and put back. */
static void edge_hash(void *ctx, struct hub_hash *hash, struct slice bytes, bool last)
{
    crypto_hash_sha256_state state;
    uint32_t word;
    (void)ctx;
    crypto_hash_sha256_init(&state);
    for (size_t i = 0; hash->bytes && i < 8; i++) {
        memcpy(&word, hash->state + 4 * i, sizeof word);
        state.state[i] = be32toh(word);
    }
    state.count = hash->bytes * 8;
    crypto_hash_sha256_update(&state, (const uint8_t *)bytes.at, bytes.len);
    hash->bytes += bytes.len;
    if (last) {
        crypto_hash_sha256_final(&state, hash->state);
        return;
    }
    assert(hash->bytes % 64 == 0);
    for (size_t i = 0; i < 8; i++) {
        word = htobe32(state.state[i]);
        memcpy(hash->state + 4 * i, &word, sizeof word);
    }
}

static void edge_drop_chunks(void *ctx, struct slice room, const uint64_t *seqs, size_t count)
{
    const struct server *server = ctx;
    store_drop(server->disk.store, room, seqs, count);
}

/* X(event, key of its subject, key of its detail) */
#define NOTE_KEYS(X)                                                                               \
    X(JOINED, "ai", "specialization")                                                              \
    X(OBSERVING, "ai", "specialization")                                                           \
    X(JOINED_TO_STAY, "ai", "specialization")                                                      \
    X(RETURNED, "ai", "specialization")                                                            \
    X(AWAY, "ai", "reason")                                                                        \
    X(LEFT, "ai", "reason")                                                                        \
    X(LEFT_FOR_GOOD, "ai", "reason")                                                               \
    X(REFUSED, "code", "detail")                                                                   \
    X(KNOWLEDGE, "entry", "section")                                                               \
    X(SESSION, "session", "status")                                                                \
    X(VERIFICATION, "entry", "status")                                                             \
    X(LEASE, "lease", "status")                                                                    \
    X(APPROVAL, "approval", "status")                                                              \
    X(MODERATION, "act", "detail")                                                                 \
    X(ARTIFACT, "name", "session")                                                                 \
    X(TASK, "task", "change")

static const char *const note_keys[HUB_EVENT_COUNT][2] = {
#define X(event, subject, detail) [HUB_##event] = {subject, detail},
    NOTE_KEYS(X)
#undef X
};
enum {
#define X(event, subject, detail) NOTE_KEYS_##event,
    NOTE_KEYS(X)
#undef X
        NOTE_KEYS_COUNT
};
_Static_assert((int)NOTE_KEYS_COUNT == (int)HUB_EVENT_COUNT, "each event of hub.h has its keys");

/* Of a member whose connections came and went without a word. */
static void announce_end(struct journal *journal, struct slice name, struct slice reason)
{
    char shown[SHOWN_LINE_SIZE];
    shown_format(name, shown, sizeof shown);
    journal_say(journal, "[-] %s left: %.*s", shown, SLICE_FORMAT(reason));
}

static void edge_note(void *ctx, peer_id peer, enum hub_event event, struct slice subject,
                      struct slice detail)
{
    struct server *server = ctx;
    struct journal *journal = &server->journal;
    struct connection *connection = server_find(server, peer);
    if (server->disk.recovering)
        return;
    bool stays = event == HUB_JOINED_TO_STAY;
    if (connection && (event == HUB_JOINED || stays))
        connection_announce(connection, subject, detail, stays);
    if (event == HUB_LEFT_FOR_GOOD)
        announce_end(journal, subject, detail);
    if (connection && event == HUB_REFUSED && slice_is(subject, wire_error_code(WIRE_LOOP)))
        audited_warning(connection, "loop", detail);
    if (connection && (connection->unknown || !connection_may_log(connection)))
        return;
    journal_begin(journal, connection ? connection->serial : 0, hub_event_text(event));
    journal_text(journal, note_keys[event][0], subject);
    journal_text(journal, note_keys[event][1], detail);
    journal_end(journal);
}

static void edge_acted(void *ctx, peer_id peer, const struct hub_act *act)
{
    struct server *server = ctx;
    const struct connection *connection = server_find(server, peer);
    if (server->disk.recovering) {
        audited_act_again(server, act);
        return;
    }
    audit_note(server->audit,
               &(struct audit_note){.time_ms = act->time_ms,
                                    .what = act->action,
                                    .act = true,
                                    .token = act->owner,
                                    .ai_id = act->ai_id,
                                    .room = act->room,
                                    .from = slice_of(connection ? connection->address : ""),
                                    .detail = act->detail});
}

static void edge_go_on(void *ctx, peer_id peer)
{
    struct connection *connection = server_find(ctx, peer);
    if (connection && connection->state == CONNECTION_OPEN)
        connection_go_on(connection);
}

static void edge_due(void *ctx, int64_t ms)
{
    tick_within(ctx, ms);
}

static void edge_figures(void *ctx, struct hub_figures *ret_figures)
{
    const struct server *server = ctx;
    struct store *store = server->disk.store;
    *ret_figures = (struct hub_figures){
        .up_ms = (int64_t)(uv_now(&server->loop) - server->started_at),
        .connections = server->connection_count,
        .accepted = server->accepted,
        .deliveries = server->deliveries,
        .bytes_in = server->bytes_in,
        .bytes_out = server->bytes_out,
        .queued_bytes = server->streams.bytes,
        .unstored_bytes = store ? store_backlog(store) : 0,
        .latency = server->latency.histogram,
        .keeps = store,
    };
    memcpy(ret_figures->closed, server->closed, sizeof ret_figures->closed);
    if (store)
        store_commits(store, &ret_figures->commits);
}

struct hub_edge edge_of(struct server *server)
{
    return (struct hub_edge){.ctx = server,
                             .effect = edge_effect,
                             .joined = edge_joined,
                             .resume = server->disk.store ? edge_resume : NULL,
                             .retract = server->disk.store ? edge_retract : NULL,
                             .search = server->disk.store ? edge_search : NULL,
                             .read_log = server->disk.store ? past_ask : NULL,
                             .close = edge_close,
                             .derive = edge_derive,
                             .identify = edge_identify,
                             .unique = edge_unique,
                             .sha256 = edge_sha256,
                             .hash = edge_hash,
                             .drop_chunks = server->disk.store ? edge_drop_chunks : NULL,
                             .read_chunk = server->disk.store ? piece_ask : NULL,
                             .note = edge_note,
                             .acted = edge_acted,
                             .open_log = edge_open_log,
                             .let_in = login_let_in,
                             .may_enter = login_may_enter,
                             .quota_of = login_quota_of,
                             .go_on = edge_go_on,
                             .due = edge_due,
                             .figures = edge_figures};
}
