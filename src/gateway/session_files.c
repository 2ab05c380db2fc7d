/* Short texts as files in a session's workspace, for the tool for sessions: what fits a context.
 * All else takes a shell (khub artifact). */
#include <sodium/crypto_hash_sha256.h>
#include <string.h>

#include "gateway/mcp_inside.h"
#include "gateway/session_files.h"
#include "wire/base64.h"

static const char *text_of(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));
    return text ? text : "";
}

/* The file that the call names, with what else is asked: takes `more`. */
static json_t *named(const struct mcp_call *call, json_t *more)
{
    if (!more)
        return NULL;
    json_object_set_new(more, "session_id", json_string(argument_text(call, "session_id")));
    json_object_set_new(more, "name", json_string(argument_text(call, "key")));
    return more;
}

/* ── put ── */

static void tell_kept(struct mcp_call *call, const json_t *artifact)
{
    call_tell(call,
              json_pack("{s:s,s:s,s:O,s:O}", "session_id", text_of(artifact, "session_id"), "key",
                        text_of(artifact, "name"), "version", json_object_get(artifact, "version"),
                        "sha256", json_object_get(artifact, "sha256")),
              NULL);
}

static void on_sent(const struct agent_answer *answer, void *data)
{
    struct mcp_call *call = data;
    if (!answer->good)
        call_refused(call, answer);
    else if (strcmp(text_of(answer->payload, "status"), "kept") == 0)
        tell_kept(call, answer->payload);
    else
        call_fail(call, "the hub did not keep it (%s): read the session again",
                  text_of(answer->payload, "reason"));
}

static void on_offered(const struct agent_answer *answer, void *data)
{
    struct mcp_call *call = data;
    struct slice text = slice_of(argument_text(call, "value"));
    if (!answer->good) {
        call_refused(call, answer);
    } else if (strcmp(text_of(answer->payload, "status"), "kept") == 0) {
        tell_kept(call, answer->payload);
    } else if ((size_t)json_integer_value(json_object_get(answer->payload, "chunk")) < text.len) {
        call_fail(call, "this hub's lines are too short for it: khub artifact put, in a shell");
    } else {
        struct text base64 = {0};
        text_add_base64(&base64, text);
        agent_ask(call->mcp->agent, "artifact_chunk",
                  named(call, json_pack("{s:i,s:s%}", "index", 0, "data",
                                        base64.failed ? "" : base64.at, base64.len)),
                  on_sent, call);
        text_free(&base64);
    }
}

void session_put(struct mcp_call *call, struct agent *agent)
{
    const json_t *value = json_object_get(call->arguments, "value");
    struct slice text = slice_of(argument_text(call, "value"));
    uint8_t digest[crypto_hash_sha256_BYTES];
    char hex[2 * crypto_hash_sha256_BYTES + 1];
    if (!json_is_string(value) || text.len > FILE_TEXT_MAX) {
        call_fail(call,
                  "session: value must be a text of at most %u bytes; what is longer, or no "
                  "text, takes a shell: khub artifact put FILE",
                  FILE_TEXT_MAX);
        return;
    }
    crypto_hash_sha256(digest, (const uint8_t *)text.at, text.len);
    hex_format(digest, sizeof digest, hex);
    agent_ask(agent, "artifact_offer",
              named(call, json_pack("{s:I,s:s,s:I}", "size", (json_int_t)text.len, "sha256", hex,
                                    "base_version", argument_whole(call, "base_version", 0))),
              on_offered, call);
}

/* ── get ── */

static void on_read(const struct agent_answer *answer, void *data)
{
    struct mcp_call *call = data;
    struct text bytes = {0};
    if (!answer->good) {
        call_refused(call, answer);
        return;
    }
    bool fine = text_add_base64_decoded(&bytes, slice_of(text_of(answer->payload, "data")));
    json_t *value = fine ? json_stringn(bytes.len ? bytes.at : "", bytes.len) : NULL;
    if (!value)
        call_fail(call, "it is no text: khub artifact get, in a shell");
    else
        call_tell(call,
                  json_pack("{s:s,s:s,s:O,s:O,s:O}", "session_id",
                            text_of(answer->payload, "session_id"), "key",
                            text_of(answer->payload, "name"), "version",
                            json_object_get(answer->payload, "version"), "sha256",
                            json_object_get(answer->payload, "sha256"), "value", value),
                  NULL);
    json_decref(value);
    text_free(&bytes);
}

static void on_found(const struct agent_answer *answer, void *data)
{
    struct mcp_call *call = data;
    const json_t *list = json_object_get(answer->payload, "artifacts"), *found = NULL;
    if (!answer->good) {
        call_refused(call, answer);
        return;
    }
    for (size_t i = 0; i < json_array_size(list); i++)
        if (strcmp(text_of(json_array_get(list, i), "status"), "kept") == 0)
            found = json_array_get(list, i);
    json_int_t size = json_integer_value(json_object_get(found, "size"));
    if (!found)
        call_fail(call, "there is no file of that name in this session");
    else if (size > (json_int_t)FILE_TEXT_MAX ||
             json_integer_value(json_object_get(found, "chunks")) > 1)
        call_fail(call,
                  "it has %lld bytes, too many to be read so: khub artifact get %.64s, in a shell",
                  (long long)size, text_of(found, "sha256"));
    else if (size == 0)
        call_tell(call,
                  json_pack("{s:s,s:s,s:O,s:O,s:s}", "session_id", text_of(found, "session_id"),
                            "key", text_of(found, "name"), "version",
                            json_object_get(found, "version"), "sha256",
                            json_object_get(found, "sha256"), "value", ""),
                  NULL);
    else
        agent_ask(call->mcp->agent, "artifact_query", named(call, json_pack("{s:i}", "index", 0)),
                  on_read, call);
}

void session_get(struct mcp_call *call, struct agent *agent)
{
    agent_ask(agent, "artifact_query", named(call, json_pack("{s:i}", "limit", 200)), on_found,
              call);
}
