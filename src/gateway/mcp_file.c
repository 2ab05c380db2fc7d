/* The resource khub://artifact/{sha256}: a file of a session's workspace, as text or as base64. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/agent_line.h"
#include "gateway/mcp_inside.h"
#include "gateway/rpc.h"
#include "wire/base64.h"
#include "wire/json.h"

/* One that is being read. */
struct reading {
    struct mcp_call *call;
    char uri[128], sha256[65];
    json_int_t size, chunks, next;
    struct text bytes;
};

static void reading_free(struct reading *reading)
{
    text_free(&reading->bytes);
    free(reading);
}

static void fail(struct reading *reading, const char *why)
{
    call_error(reading->call, RPC_INTERNAL_ERROR, why, NULL);
    reading_free(reading);
}

static void tell(struct reading *reading)
{
    struct text base64 = {0};
    struct slice bytes = text_slice(&reading->bytes);
    json_t *contents = json_pack("{s:s}", "uri", reading->uri);
    json_t *text = json_stringn(bytes.len ? bytes.at : "", bytes.len); /* NULL: it is no UTF-8 */
    if (text) {
        json_object_set_new(contents, "mimeType", json_string("text/plain"));
        json_object_set_new(contents, "text", text);
    } else {
        text_add_base64(&base64, bytes);
        json_object_set_new(contents, "mimeType", json_string("application/octet-stream"));
        json_object_set_new(contents, "blob", json_stringn(base64.at, base64.len));
    }
    json_t *result = base64.failed ? NULL : json_pack("{s:[O]}", "contents", contents);
    json_decref(contents);
    text_free(&base64);
    call_result(reading->call, mcp_cached(reading->call, result, 0, "private"));
    reading_free(reading);
}

static void ask_next(struct reading *reading);

static void on_chunk(const struct agent_answer *answer, void *data)
{
    struct reading *reading = data;
    struct json_value bytes = json_get(json_value_of(answer->text), "data");
    if (!answer->good)
        fail(reading, answer->why);
    else if (bytes.kind != JSON_KIND_STRING || !text_add_base64_decoded(&reading->bytes, bytes.raw))
        fail(reading, "the hub's answer has no bytes of the file");
    else if (++reading->next < reading->chunks)
        ask_next(reading);
    else
        tell(reading);
}

static void ask_next(struct reading *reading)
{
    char payload[160];
    snprintf(payload, sizeof payload, "{\"sha256\":\"%s\",\"index\":%" JSON_INTEGER_FORMAT "}",
             reading->sha256, reading->next);
    agent_line_ask(agent_chunks(reading->call->mcp->agent), payload, on_chunk, reading);
}

static void on_found(const struct agent_answer *answer, void *data)
{
    struct reading *reading = data;
    const json_t *list = json_object_get(answer->payload, "artifacts"), *found = NULL;
    for (size_t i = 0; i < json_array_size(list); i++)
        if (json_integer_value(json_object_get(json_array_get(list, i), "version")) > 0)
            found = json_array_get(list, i);
    reading->size = json_integer_value(json_object_get(found, "size"));
    reading->chunks = json_integer_value(json_object_get(found, "chunks"));
    if (!answer->good) {
        fail(reading, answer->why);
    } else if (!found) {
        mcp_resource_not_found(reading->call, reading->uri);
        reading_free(reading);
    } else if (reading->size > FILE_READ_MAX) {
        char why[200];
        snprintf(why, sizeof why,
                 "it has %" JSON_INTEGER_FORMAT " bytes, and what is read so has at most %d: khub "
                 "artifact get %s, in a shell",
                 reading->size, FILE_READ_MAX, reading->sha256);
        fail(reading, why);
    } else if (reading->chunks == 0) {
        tell(reading);
    } else {
        ask_next(reading);
    }
}

void mcp_file_read(struct mcp_call *call, struct agent *agent, const char *uri, const char *sha256)
{
    struct reading *reading = strlen(sha256) == 64 && strlen(uri) < sizeof reading->uri
                                  ? calloc(1, sizeof *reading)
                                  : NULL;
    if (!reading) {
        mcp_resource_not_found(call, uri);
        return;
    }
    reading->call = call;
    snprintf(reading->uri, sizeof reading->uri, "%s", uri);
    snprintf(reading->sha256, sizeof reading->sha256, "%s", sha256);
    agent_ask(agent, "artifact_query", json_pack("{s:s,s:i}", "sha256", sha256, "limit", 200),
              on_found, reading);
}
