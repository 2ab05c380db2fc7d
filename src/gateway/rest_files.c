/* Files of sessions' workspaces: one goes out as it is, chunk after chunk, the next when the client
 * has taken the last; so whatever its size, a chunk of it is in memory. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "gateway/agent_line.h"
#include "gateway/rest_inside.h"
#include "wire/base64.h"

#define BYTES_TYPE "application/octet-stream"

/* One that is being sent. */
struct sending {
    char sha256[65];
    uint64_t size, chunk, at, end; /* bytes: of all, of a chunk; the next, and behind the last */
    bool asking;                   /* the hub, for the next chunk */
};

/* ── what of it is wanted ── */

/* Digits up to `end`; UINT64_MAX: there are none, or too many. */
static uint64_t digits_read(struct slice *text)
{
    uint64_t number = 0;
    size_t len = 0;
    while (len < text->len && text->at[len] >= '0' && text->at[len] <= '9' && len < 16)
        number = number * 10 + (uint64_t)(text->at[len++] - '0');
    *text = (struct slice){text->at + len, text->len - len};
    return len ? number : UINT64_MAX;
}

enum range { RANGE_ALL, RANGE_PART, RANGE_NONE };

/* "bytes=10-20", "bytes=10-" or "bytes=-10". What is none of these, several among it, is taken for
 * no range. */
static enum range range_read(struct slice field, struct sending *sending)
{
    static const struct slice unit = SLICE("bytes=");
    struct slice rest = field;
    if (rest.len < unit.len || memcmp(rest.at, unit.at, unit.len) != 0)
        return RANGE_ALL;
    rest = (struct slice){rest.at + unit.len, rest.len - unit.len};
    uint64_t first = digits_read(&rest);
    if (!rest.len || rest.at[0] != '-')
        return RANGE_ALL;
    rest = (struct slice){rest.at + 1, rest.len - 1};
    uint64_t last = digits_read(&rest);
    if (rest.len || (first == UINT64_MAX && last == UINT64_MAX) ||
        (first != UINT64_MAX && last < first))
        return RANGE_ALL;
    if (first == UINT64_MAX) { /* so many at the end */
        first = last < sending->size ? sending->size - last : 0;
        last = last ? sending->size : 0;
    }
    if (first >= sending->size || !last)
        return RANGE_NONE;
    sending->at = first;
    sending->end = last < sending->size ? last + 1 : sending->size;
    return RANGE_PART;
}

/* A part is wanted only of what the client has the rest of. */
static enum range range_of(const struct rest_call *call, struct sending *sending, const char *etag)
{
    struct slice condition = http_request_header(call->request, "if-range");
    struct slice field = http_request_header(call->request, "range");
    if (!field.at || (condition.at && !slice_is(condition, etag)))
        return RANGE_ALL;
    return range_read(field, sending);
}

/* ── its head ── */

/* The name's last part, as RFC 8187 has it. */
static void add_disposition(struct http_request *request, struct json_value name)
{
    struct text field = {0}, decoded = {0};
    long len =
        text_reserve(&decoded, name.raw.len) ? json_decode(name, decoded.at, decoded.capacity) : -1;
    long begin = len > 0 ? len : 0;
    while (begin > 0 && decoded.at[begin - 1] != '/')
        begin--;
    text_add_literal(&field, "attachment; filename*=UTF-8''");
    for (long i = begin; i < len; i++) {
        unsigned char c = (unsigned char)decoded.at[i];
        bool plain = (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') ||
                     c == '.' || c == '-' || c == '_';
        text_addf(&field, plain ? "%c" : "%%%02X", c);
    }
    http_reply_header(request, "Content-Disposition", text_slice(&field));
    text_free(&field);
    text_free(&decoded);
}

/* ── its bytes ── */

static void sending_end(struct rest_call *call)
{
    free(call->data);
    call->data = NULL;
    rest_call_free(call);
}

static void on_gone(struct rest_call *call)
{
    const struct sending *sending = call->data;
    if (!sending->asking) /* else the answer ends it */
        sending_end(call);
}

static void go_on(struct rest_call *call);

static void on_drained(struct http_request *request, void *data)
{
    struct rest_call *call = data;
    const struct sending *sending = call->data;
    (void)request;
    if (!sending->asking)
        go_on(call);
}

/* What of a chunk is wanted. False: the hub's answer has it not. */
static bool part_of(const struct sending *sending, const struct agent_answer *answer,
                    struct text *bytes, struct slice *ret_part)
{
    struct json_value data = json_get(json_value_of(answer->text), "data");
    uint64_t begin = sending->at % sending->chunk, left = sending->end - sending->at;
    if (!answer->good || data.kind != JSON_KIND_STRING ||
        !text_add_base64_decoded(bytes, data.raw) || bytes->len <= begin)
        return false;
    uint64_t len = bytes->len - begin;
    *ret_part = (struct slice){bytes->at + begin, len < left ? len : left};
    return true;
}

static void on_chunk(const struct agent_answer *answer, void *data)
{
    struct rest_call *call = data;
    struct sending *sending = call->data;
    struct text bytes = {0};
    struct slice part = {0};
    sending->asking = false;
    if (!call->request) {
        sending_end(call);
        return;
    }
    bool has = part_of(sending, answer, &bytes, &part);
    if (!has)
        http_parts_break(call->request);
    bool sent = has && http_part(call->request, part);
    text_free(&bytes);
    if (!sent) {
        call->request = NULL;
        sending_end(call);
        return;
    }
    sending->at += part.len;
    if (http_stream_waiting(call->request) == 0)
        go_on(call);
}

static void go_on(struct rest_call *call)
{
    struct sending *sending = call->data;
    char payload[160];
    if (sending->at == sending->end) {
        http_request_on_gone(call->request, NULL, NULL);
        http_parts_end(call->request);
        sending_end(call);
        return;
    }
    snprintf(payload, sizeof payload, "{\"sha256\":\"%s\",\"index\":%" PRIu64 "}", sending->sha256,
             sending->at / sending->chunk);
    sending->asking = true;
    agent_line_ask(agent_chunks(rest_agent(call)), payload, on_chunk, call);
}

/* ── which ── */

/* The one that has its name, else the last that had. */
static struct json_value file_find(struct slice result)
{
    struct json_iterator all = {.rest = json_get(json_value_of(result), "artifacts").raw};
    struct json_value one, found = {.kind = JSON_KIND_ABSENT};
    while (json_next_element(&all, &one)) {
        struct json_value status = json_get(one, "status");
        if (json_string_is(status, slice_of("kept")))
            return one;
        if (json_string_is(status, slice_of("former")))
            found = one;
    }
    return found;
}

static void send_begin(struct rest_call *call, struct json_value file)
{
    struct sending *sending = call->data;
    struct http_request *request = call->request;
    char etag[70], content_range[80];
    snprintf(etag, sizeof etag, "\"%s\"", sending->sha256);
    enum range range = range_of(call, sending, etag);
    if (range == RANGE_NONE) {
        snprintf(content_range, sizeof content_range, "bytes */%" PRIu64, sending->size);
        http_reply_header(request, "Content-Range", slice_of(content_range));
        call->data = NULL;
        rest_refuse(call, 416, "range_not_satisfiable", "the file has %" PRIu64 " bytes",
                    sending->size);
        free(sending);
        return;
    }
    http_reply_header(request, "Accept-Ranges", slice_of("bytes"));
    add_disposition(request, json_get(file, "name"));
    snprintf(content_range, sizeof content_range, "bytes %" PRIu64 "-%" PRIu64 "/%" PRIu64,
             sending->at, sending->end - 1, sending->size);
    if (range == RANGE_PART)
        http_reply_header(request, "Content-Range", slice_of(content_range));
    if (range == RANGE_ALL && http_reply_tagged(request, etag, 0)) {
        http_request_on_gone(request, NULL, NULL);
        http_reply(request, 304, NULL, (struct slice){0});
        sending_end(call);
        return;
    }
    call->gone = on_gone;
    if (http_parts_begin(request, range == RANGE_PART ? 206 : 200, BYTES_TYPE,
                         sending->end - sending->at, on_drained)) {
        go_on(call);
    } else {
        call->request = NULL;
        sending_end(call);
    }
}

static void on_found(const struct agent_answer *answer, void *data)
{
    struct rest_call *call = data;
    if (rest_lost(call, answer))
        return;
    struct json_value file = file_find(answer->text);
    struct sending *sending = calloc(1, sizeof *sending);
    if (file.kind == JSON_KIND_ABSENT || !sending) {
        free(sending);
        rest_refuse(call, file.kind == JSON_KIND_ABSENT ? 404 : 503,
                    file.kind == JSON_KIND_ABSENT ? "not_found" : "service_unavailable",
                    "there is no whole file of that sha256 that you may read");
        return;
    }
    json_u64(json_get(file, "size"), &sending->size);
    json_u64(json_get(file, "chunk"), &sending->chunk);
    sending->chunk += !sending->chunk;
    sending->end = sending->size;
    snprintf(sending->sha256, sizeof sending->sha256, "%s", rest_text(call, "sha256"));
    call->data = sending;
    send_begin(call, file);
}

void rest_file_get(struct rest_call *call)
{
    struct text payload = {0};
    text_add_literal(&payload, "{\"limit\":200,\"sha256\":");
    text_add_string(&payload, slice_of(rest_text(call, "sha256")));
    text_add_literal(&payload, "}");
    rest_ask(call, "artifact_query", &payload, on_found);
}

/* ── a chunk comes ── */

/* The hub has found that it is not what was offered, or not in time. */
static void on_put(const struct agent_answer *answer, void *data)
{
    struct rest_call *call = data;
    struct agent_answer dropped = *answer;
    dropped.code = "conflict";
    dropped.why = "the hub has not kept the file: reason says why";
    if (call->request && answer->good &&
        json_string_is(json_get(json_value_of(answer->text), "status"), slice_of("dropped")))
        rest_refused(call, &dropped);
    else
        rest_pass(answer, call);
}

void rest_chunk_put(struct rest_call *call)
{
    struct text payload = {0};
    rest_payload(call, &payload);
    payload.len -= payload.len > 0; /* its brace */
    text_add_literal(&payload, ",\"data\":\"");
    text_add_base64(&payload, http_request_body(call->request));
    text_add_literal(&payload, "\"}");
    rest_ask(call, "artifact_chunk", &payload, on_put);
}
