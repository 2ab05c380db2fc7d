/* The head of an HTTP request, and whether it may stand as it is.
 *
 * Strict on purpose: what two readers of one connection could understand differently is refused,
 * not repaired. */
#ifndef KHUB_GATEWAY_HTTP_HEAD_H
#define KHUB_GATEWAY_HTTP_HEAD_H

#include <stdbool.h>
#include <stdint.h>

#include "gateway/http_bounds.h"
#include "wire/slice.h"

struct http_field {
    struct slice name, value; /* the value without spaces around it */
};

/* Slices are of `bytes`. */
struct http_head {
    char *bytes; /* owned */
    size_t len, capacity;
    struct slice method, target;
    struct slice path, query; /* of the target; query without '?' */
    struct slice host;
    struct http_field fields[HTTP_FIELDS_MAX];
    unsigned field_count;
    unsigned minor;  /* of HTTP/1.minor */
    bool keep_alive; /* the client would go on after the answer */
    bool chunked;
    bool continues;  /* it waits for 100 (Continue) before it sends the body */
    uint64_t length; /* of the body; 0 when chunked */
};

/* Judges a head whose method, target, fields, minor and keep_alive were filled in, and fills in the
 * rest. 0; or the status to refuse it with, and a sentence. */
int http_head_check(struct http_head *head, const char **ret_why);

/* The value of the only field of that name, in any letter case; at NULL: there is none. Of
 * several the first. */
struct slice http_head_field(const struct http_head *head, const char *name);

/* The token of "Authorization: Bearer TOKEN" (RFC 6750), or, as a browser can't say that when it
 * opens a WebSocket, of "khub.bearer.TOKEN" among the protocols that it offers; at NULL: nothing is
 * shown. False: it is something else, or two of them. */
bool http_head_bearer(const struct http_head *head, struct slice *ret_token);

/* How often there is a field of that name. */
unsigned http_head_times(const struct http_head *head, const char *name);

/* Are they equal but for the case of ASCII letters? */
bool http_same(struct slice text, const char *other);
/* Is it one of a list, "a, b", in any letter case? */
bool http_list_has(struct slice list, const char *wanted);
/* Is a Content-Type that one, whatever parameters it has? A page of a stranger can have a browser
 * send forms, and text that says it is plain; not JSON. */
bool http_type_is(struct slice type, const char *wanted);
/* Nothing but "host" or "host:port" is: letters, digits, '.', '-', '_'; or an IPv6 address in
 * brackets. */
bool http_is_host(struct slice text);
/* Takes %XX back, in place; false: it is malformed, or a control character came of it. */
bool http_unescape(char *text, size_t len, size_t *ret_len);

#endif
