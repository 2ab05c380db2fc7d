#include "gateway/rpc.h"

#include "gateway/bounds.h"
#include "wire/json.h"
#include "wire/shown.h"
#include <stdio.h>
#include <string.h>

json_t *rpc_result(json_t *id, json_t *result)
{
    return json_pack("{s:s,s:O?,s:o}", "jsonrpc", "2.0", "id", id, "result", result);
}

json_t *rpc_error(json_t *id, int code, const char *sentence, json_t *data)
{
    json_t *known = id ? json_incref(id) : json_null();
    return json_pack("{s:s,s:o,s:{s:i,s:s,s:o*}}", "jsonrpc", "2.0", "id", known, "error", "code",
                     code, "message", sentence, "data", data);
}

json_t *rpc_notification(const char *method, json_t *params)
{
    return json_pack("{s:s,s:s,s:o*}", "jsonrpc", "2.0", "method", method, "params", params);
}

void rpc_free(struct rpc_message *message)
{
    json_decref(message->root);
    *message = (struct rpc_message){0};
}

/* NULL: it is well-formed. */
static const char *fault_of(const struct rpc_message *message)
{
    const json_t *root = message->root;
    const char *version = json_string_value(json_object_get(root, "jsonrpc"));
    const json_t *params = json_object_get(root, "params");
    if (json_is_array(root))
        return "a batch: send one message at a time";
    if (!json_is_object(root))
        return "a message must be an object";
    if (!version || strcmp(version, "2.0") != 0)
        return "\"jsonrpc\" must be \"2.0\"";
    if (message->id && !json_is_string(message->id) && !json_is_integer(message->id))
        return "\"id\" must be a string or a whole number";
    if (params && !json_is_object(params))
        return "\"params\" must be an object";
    if (!message->method && !json_object_get(root, "result") && !json_object_get(root, "error"))
        return "there is no \"method\"";
    return NULL;
}

static json_t *load(struct slice text, char why[128])
{
    size_t at;
    json_error_t error;
    if (text.len > RPC_LINE_MAX) {
        snprintf(why, 128, "%zu bytes, and a message may have %u", text.len, RPC_LINE_MAX);
        return NULL;
    }
    switch (json_check(text, RPC_DEPTH_MAX, &at)) {
    case JSON_SYNTAX:
        snprintf(why, 128, "no JSON (RFC 8259) at byte %zu of %zu", at + 1, text.len);
        return NULL;
    case JSON_TOO_DEEP:
        snprintf(why, 128, "nested deeper than %u at byte %zu", RPC_DEPTH_MAX, at + 1);
        return NULL;
    case JSON_FINE:
        break;
    }
    json_t *root = json_loadb(text.at, text.len,
                              JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL | JSON_DECODE_ANY, &error);
    if (!root)
        shown_format(slice_of(error.text), why, 128);
    return root;
}

int rpc_parse(struct slice text, struct rpc_message *ret_message, json_t **ret_error)
{
    char why[128];
    json_t *root = load(text, why);
    if (!root) {
        *ret_error = rpc_error(NULL, RPC_PARSE_ERROR, why, NULL);
        return -1;
    }
    *ret_message = (struct rpc_message){
        .root = root,
        .method = json_string_value(json_object_get(root, "method")),
        .id = json_object_get(root, "id"),
        .params = json_object_get(root, "params"),
    };
    const char *fault = fault_of(ret_message);
    if (!fault)
        return 0;
    json_t *id = ret_message->id;
    bool known = json_is_string(id) || json_is_integer(id);
    *ret_error = rpc_error(known ? id : NULL, RPC_INVALID_REQUEST, fault, NULL);
    rpc_free(ret_message);
    return -1;
}
