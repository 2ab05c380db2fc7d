/* What the page may do is said here, with each of its files: run its own scripts and no others, ask
 * this gateway and nobody else, be in no frame. Text can't become markup or a script on the way
 * (Trusted Types), whatever a view forgets. */
#include "gateway/page.h"

static const char *const protections[][2] = {
    {"Content-Security-Policy",
     "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
     "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
     "require-trusted-types-for 'script'; trusted-types 'none'"},
    {"Referrer-Policy", "no-referrer"},
    {"Cross-Origin-Opener-Policy", "same-origin"},
    {"Cross-Origin-Resource-Policy", "same-origin"},
};

static const struct page_file *file_at(struct slice path)
{
    for (const struct page_file *file = page_files; file->path; file++)
        if (slice_is(path, file->path))
            return file;
    return NULL;
}

void page_get(struct http_request *request)
{
    const struct page_file *file = file_at(http_request_path(request));
    if (!file) {
        http_reply_error(request, 404, "the page has no such file");
        return;
    }
    for (size_t i = 0; i < sizeof protections / sizeof *protections; i++)
        http_reply_header(request, protections[i][0], slice_of(protections[i][1]));
    if (http_reply_tagged(request, file->etag, 0))
        http_reply(request, 304, NULL, (struct slice){NULL, 0});
    else
        http_reply(request, 200, file->type, (struct slice){file->bytes, file->len});
}
