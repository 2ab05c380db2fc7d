/* Which handler a request is for. */
#include <stdlib.h>

#include "gateway/http_inside.h"

/* The first segment of *rest, without its '/'; false: there is none. */
static bool segment_next(struct slice *rest, struct slice *ret_segment)
{
    if (rest->len == 0 || rest->at[0] != '/')
        return false;
    const char *begin = rest->at + 1;
    const char *end = memchr(begin, '/', rest->len - 1);
    *ret_segment = (struct slice){begin, (end ? (size_t)(end - begin) : rest->len - 1)};
    *rest = (struct slice){begin + ret_segment->len, rest->len - 1 - ret_segment->len};
    return true;
}

static bool path_matches(const char *pattern, struct slice path, struct slice *ret_params)
{
    struct slice left = slice_of(pattern), right = path, wanted, found;
    unsigned count = 0;
    while (segment_next(&left, &wanted)) {
        if (!segment_next(&right, &found))
            return false;
        if (wanted.len == 0 || wanted.at[0] != '{') {
            if (!slice_equal(wanted, found))
                return false;
        } else if (found.len == 0 || count == HTTP_PARAMS_MAX) {
            return false;
        } else {
            ret_params[count++] = found;
        }
    }
    return right.len == 0;
}

/* What stands in the path, in memory of its own, for it becomes shorter. */
static unsigned params_decode(struct http_request *request, const struct slice *params)
{
    struct slice path = request->connection->reader.head->path;
    request->params_text = malloc(path.len ? path.len : 1);
    if (!request->params_text)
        return 503;
    char *to = request->params_text;
    for (unsigned i = 0; i < HTTP_PARAMS_MAX && params[i].at; i++) {
        size_t len;
        memcpy(to, params[i].at, params[i].len);
        if (!http_unescape(to, params[i].len, &len))
            return 400;
        request->params[i] = (struct slice){to, len};
        to += len;
    }
    return 0;
}

const struct http_route *http_route_find(struct http_request *request, unsigned *ret_status,
                                         struct text *ret_allowed)
{
    const struct http_head *head = request->connection->reader.head;
    const char *method_wanted = request->head_only ? "GET" : NULL;
    *ret_status = 404;
    for (const struct http_route *route = request->connection->server->options.routes;
         route->method; route++) {
        struct slice params[HTTP_PARAMS_MAX] = {0};
        if (!path_matches(route->path, head->path, params))
            continue;
        if (method_wanted ? strcmp(route->method, method_wanted) == 0
                          : slice_is(head->method, route->method)) {
            *ret_status = params[0].at ? params_decode(request, params) : 0;
            return *ret_status ? NULL : route;
        }
        *ret_status = 405;
        text_addf(ret_allowed, "%s%s%s", ret_allowed->len ? ", " : "", route->method,
                  strcmp(route->method, "GET") == 0 ? ", HEAD" : "");
    }
    return NULL;
}
