/* Any bytes as the first line of a connection to a hub that asks for tokens. Whatever is let in: no
 * entry of the log has a secret in it, and whose an AI is says the hub alone; whatever is not let
 * in leaves no entry. */
#include <stdio.h>
#include <stdlib.h>

#include "core/hub.h"
#include "log/memory.h"
#include "wire/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define TOKEN "khub_0"
#define OWNER "alice"

enum { ROOMS = 2 }; /* main, and one that is asked for */
static struct commit rooms[ROOMS];
static unsigned room_count, let_in_count, entry_count;

static void expect(bool holds, const char *sentence)
{
    if (!holds) {
        fprintf(stderr, "fuzz_hello: %s\n", sentence);
        abort();
    }
}

/* ── the log ── */

static void check_hello(struct slice line)
{
    struct message message;
    struct refusal refusal;
    struct json_value name, value;
    unsigned owners = 0;
    expect(message_parse(line, &message, &refusal) == 0, "what was admitted is no message");
    struct json_iterator members = {.rest = message.payload.raw};
    expect(message.type == MESSAGE_HELLO, "something came before the hello");
    while (json_next_member(&members, &name, &value)) {
        expect(!json_string_is(name, slice_of("token")), "a token is in the log");
        expect(!json_string_is(name, slice_of("resume_token")), "a resume_token is in the log");
        if (!json_string_is(name, slice_of("owner")))
            continue;
        owners++;
        expect(json_string_is(value, slice_of(OWNER)), "somebody else says whose an AI is");
    }
    expect(owners == 1, "whose the AI is is not said once");
}

static void apply(void *ctx, const struct entry *entry)
{
    const struct commit *inner = ctx;
    if (entry->kind == ENTRY_MESSAGE) {
        entry_count++;
        check_hello(entry->bytes);
    }
    inner->apply(inner->ctx, entry);
}

static struct log open_log(void *ctx, struct slice room, struct commit commit)
{
    (void)ctx, (void)room;
    expect(room_count < ROOMS, "one line made more than one room");
    struct commit *inner = &rooms[room_count++];
    *inner = commit;
    return log_memory((struct commit){.apply = apply, .ctx = inner, .after = commit.after});
}

/* ── the rest of an edge ── */

static int let_in(void *ctx, const struct hub_login *login, struct hub_pass *ret_pass,
                  struct refusal *ret_refusal)
{
    (void)ctx;
    if (!login->shows || !slice_is(login->token, TOKEN))
        return refuse(ret_refusal, WIRE_UNAUTHORIZED, "no");
    let_in_count++;
    *ret_pass = (struct hub_pass){.owner = slice_of(OWNER)};
    return 0;
}

static void effect(void *ctx, const struct effect *line)
{
    (void)ctx, (void)line;
}

static void joined(void *ctx, peer_id peer)
{
    (void)ctx, (void)peer;
}

static void close_peer(void *ctx, peer_id peer, enum close_reason reason)
{
    (void)ctx, (void)peer, (void)reason;
}

static void derive(void *ctx, struct slice room, uint64_t seq, uint32_t count,
                   uint8_t ret_bytes[16])
{
    (void)ctx, (void)room;
    memset(ret_bytes, 0, 16);
    memcpy(ret_bytes, &seq, sizeof seq);
    memcpy(ret_bytes + 8, &count, sizeof count);
}

static void unique(void *ctx, uint8_t ret_bytes[16])
{
    (void)ctx;
    memset(ret_bytes, 1, 16);
}

static void sha256(void *ctx, const struct slice *parts, unsigned count, uint8_t ret_digest[32])
{
    (void)ctx, (void)parts, (void)count;
    memset(ret_digest, 2, 32);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct hub_config config = hub_config_default();
    struct hub_edge edge = {.effect = effect,
                            .joined = joined,
                            .close = close_peer,
                            .derive = derive,
                            .identify = derive,
                            .unique = unique,
                            .sha256 = sha256,
                            .open_log = open_log,
                            .let_in = let_in};
    room_count = let_in_count = entry_count = 0;
    struct hub *hub = hub_new(&config, &edge);
    hub_start(hub, 1);
    hub_open(hub, 1ull << 32 | 1, 1);
    hub_line(hub, 1ull << 32 | 1, (struct slice){(const char *)data, size}, 2);
    expect(entry_count <= let_in_count, "somebody who was not let in is in the log");
    hub_free(hub);
    return 0;
}
