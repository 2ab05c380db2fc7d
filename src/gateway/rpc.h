/* JSON-RPC 2.0, as MCP has it: one message at a time, no batches, ids that are strings or whole
 * numbers. */
#ifndef KHUB_GATEWAY_RPC_H
#define KHUB_GATEWAY_RPC_H

#include <jansson.h>

#include "wire/slice.h"

enum rpc_code {
    RPC_PARSE_ERROR = -32700,
    RPC_INVALID_REQUEST = -32600,
    RPC_METHOD_NOT_FOUND = -32601,
    RPC_INVALID_PARAMS = -32602,
    RPC_INTERNAL_ERROR = -32603
};

struct rpc_message {
    json_t *root;       /* owned */
    const char *method; /* NULL: a response, of which nothing else is read */
    json_t *id;         /* of root; NULL: a notification */
    json_t *params;     /* of root, an object; NULL: none */
};

/* 0, and the message is to be freed; or -1 with the error to be answered (owned; NULL when there is
 * no memory for it). */
int rpc_parse(struct slice text, struct rpc_message *ret_message, json_t **ret_error);
void rpc_free(struct rpc_message *message);

/* Whole messages, owned; NULL when out of memory. `id` is borrowed (NULL: unknown, so null);
 * result, data and params are taken, also on failure, and data and params may be NULL: none. */
json_t *rpc_result(json_t *id, json_t *result);
json_t *rpc_error(json_t *id, int code, const char *sentence, json_t *data);
json_t *rpc_notification(const char *method, json_t *params);

#endif
