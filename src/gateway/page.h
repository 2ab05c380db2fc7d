/* The page for people: files that are part of the program. They are the same for everybody and say
 * nothing of a hub, so nobody shows a token for them; what is on the page comes over /ws and /v1,
 * from who may read it. */
#ifndef KHUB_GATEWAY_PAGE_H
#define KHUB_GATEWAY_PAGE_H

#include "gateway/http_server.h"

struct page_file {
    const char *path; /* "/", "/page/main.js"; NULL: the end */
    const char *type;
    const char *etag; /* with its quotes */
    const char *bytes;
    size_t len;
};

/* Made by page/embed.py. */
extern const struct page_file page_files[];

/* GET / and GET /page/{name} */
void page_get(struct http_request *request);

#endif
