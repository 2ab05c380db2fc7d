/* HTTP to elsewhere: requests in the loop, by libcurl, which brings some thirty libraries and is
 * loaded by who asks for something alone. No redirect is followed, no proxy asked, no connection
 * used twice; names are looked up by threads of its own. */
#ifndef KHUB_FETCH_HTTP_CLIENT_H
#define KHUB_FETCH_HTTP_CLIENT_H

#include <stdbool.h>
#include <sys/socket.h>
#include <uv.h>

#include "wire/slice.h"

struct http_client;
struct http_fetch;

/* How a request ended. */
struct http_end {
    bool whole;      /* an answer came, and all of it */
    long status;     /* 0: none came */
    bool sent;       /* the request went out, or some of it: the other side may have it */
    const char *why; /* when not whole: a sentence, libcurl's */
};

struct http_wish {
    const char *method, *url;
    const char *const *headers; /* lines, ended by NULL; copied */
    const char *body;           /* copied; NULL: none */
    const char *ca;             /* who vouches for a server: a file; NULL: whom the system trusts */
    long timeout_s;             /* for all of it; 0: as long as the other side lives */
    /* May it connect there? NULL: anywhere. Calls nothing of this. */
    bool (*permit)(const struct sockaddr *address, void *data);
    /* Bytes of the answer's body. NULL: nobody reads them. */
    void (*came)(struct slice bytes, void *data);
    void (*done)(const struct http_end *end, void *data); /* it is no more */
    void *data;
};

/* Is libcurl there? */
bool http_client_possible(void);
/* NULL: libcurl is not there, or out of memory. */
struct http_client *http_client_new(uv_loop_t *loop);
/* After all its requests have ended. Freed by the loop, later. NULL is fine. */
void http_client_close(struct http_client *client);

/* Its callbacks come later, from the loop. NULL: out of memory, and none comes. */
struct http_fetch *http_fetch_new(struct http_client *client, const struct http_wish *wish);
/* Before it is done. No callback comes any more. NULL is fine. */
void http_fetch_end(struct http_fetch *fetch);
/* Of an answer that has begun to come, "application/json"; "": it does not say. */
const char *http_fetch_type(const struct http_fetch *fetch);

/* What of a URL says where it leads, by libcurl's own reading, so that there is no other. */
struct http_place {
    char scheme[16], host[256], port[8], user[8]; /* host without [ ]; user "": none */
};
/* 0, or -1: it is no URL, or of a scheme that is neither http nor https (which may be in
 * ret_place). */
int http_place_of(const char *url, struct http_place *ret_place);

#endif
