#include "fetch/http_client.h"

#define CURL_DISABLE_TYPECHECK /* its macros would call by name */
#include <curl/curl.h>
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "wire/text.h"

#define CONNECT_S 5L
#define ALIVE_S   30L /* between two looks at a connection on which nothing comes */

#define CURL_CALLS(X)                                                                              \
    X(curl_global_init)                                                                            \
    X(curl_easy_init)                                                                              \
    X(curl_easy_cleanup)                                                                           \
    X(curl_easy_setopt)                                                                            \
    X(curl_easy_getinfo)                                                                           \
    X(curl_easy_strerror)                                                                          \
    X(curl_slist_append)                                                                           \
    X(curl_slist_free_all)                                                                         \
    X(curl_multi_init)                                                                             \
    X(curl_multi_cleanup)                                                                          \
    X(curl_multi_setopt)                                                                           \
    X(curl_multi_add_handle)                                                                       \
    X(curl_multi_remove_handle)                                                                    \
    X(curl_multi_info_read)                                                                        \
    X(curl_multi_socket_action)                                                                    \
    X(curl_multi_assign)                                                                           \
    X(curl_url)                                                                                    \
    X(curl_url_set)                                                                                \
    X(curl_url_get)                                                                                \
    X(curl_url_cleanup)                                                                            \
    X(curl_free)

static struct {
    void *library; /* NULL: not loaded */
#define X(name) typeof(name) *(name);
    CURL_CALLS(X)
#undef X
} lib;

/* False: it is not there, or too old. */
bool http_client_possible(void)
{
    if (lib.library)
        return true;
    void *library = dlopen("libcurl.so.4", RTLD_NOW | RTLD_LOCAL);
    bool whole = library;
#define X(name)                                                                                    \
    *(void **)(void *)&lib.name = whole ? dlsym(library, #name) : NULL;                            \
    whole = whole && lib.name;
    CURL_CALLS(X)
#undef X
    if (whole && lib.curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK)
        lib.library = library;
    else if (library)
        dlclose(library);
    return lib.library;
}

TAILQ_HEAD(http_fetch_list, http_fetch);

struct http_client {
    CURLM *multi;
    uv_timer_t timer;
    uv_loop_t *loop;
    struct http_fetch_list came; /* those of which bytes wait */
};

/* A socket of libcurl's. */
struct watch {
    uv_poll_t poll;
    struct http_client *client;
    curl_socket_t socket;
};

struct http_fetch {
    struct http_client *client;
    CURL *easy;
    struct curl_slist *headers;
    struct http_wish wish; /* of its texts none is good any more */
    struct text bytes;     /* that came, and were not handed on yet; */
    bool waiting;          /* there are some */
    TAILQ_ENTRY(http_fetch) next;
    char why[CURL_ERROR_SIZE];
};

/* ── places ── */

/* Copies a part of it. False: it has none, or a longer one. */
static bool part_take(CURLU *url, CURLUPart part, unsigned flags, char *to, size_t size)
{
    char *text = NULL;
    bool fits =
        lib.curl_url_get(url, part, &text, flags) == CURLUE_OK && text && strlen(text) < size;
    if (fits)
        memcpy(to, text, strlen(text) + 1);
    lib.curl_free(text);
    return fits;
}

int http_place_of(const char *url, struct http_place *ret_place)
{
    CURLU *read = lib.curl_url();
    char *user = NULL;
    *ret_place = (struct http_place){0};
    bool good = read && lib.curl_url_set(read, CURLUPART_URL, url, 0) == CURLUE_OK &&
                part_take(read, CURLUPART_SCHEME, 0, ret_place->scheme, sizeof ret_place->scheme) &&
                part_take(read, CURLUPART_HOST, 0, ret_place->host, sizeof ret_place->host) &&
                part_take(read, CURLUPART_PORT, CURLU_DEFAULT_PORT, ret_place->port,
                          sizeof ret_place->port) &&
                (strcmp(ret_place->scheme, "http") == 0 || strcmp(ret_place->scheme, "https") == 0);
    if (good && lib.curl_url_get(read, CURLUPART_USER, &user, 0) == CURLUE_OK)
        snprintf(ret_place->user, sizeof ret_place->user, "%.7s", *user ? user : "-");
    size_t len = strlen(ret_place->host);
    if (ret_place->host[0] == '[' && len > 2) {
        memmove(ret_place->host, ret_place->host + 1, len);
        ret_place->host[len - 2] = '\0';
    }
    lib.curl_free(user);
    lib.curl_url_cleanup(read);
    return good ? 0 : -1;
}

/* ── requests ── */

static void fetch_free(struct http_fetch *fetch)
{
    if (fetch->waiting)
        TAILQ_REMOVE(&fetch->client->came, fetch, next);
    text_free(&fetch->bytes);
    lib.curl_easy_cleanup(fetch->easy);
    lib.curl_slist_free_all(fetch->headers);
    free(fetch);
}

void http_fetch_end(struct http_fetch *fetch)
{
    if (!fetch)
        return;
    lib.curl_multi_remove_handle(fetch->client->multi, fetch->easy);
    fetch_free(fetch);
}

static void fetch_done(struct http_fetch *fetch, CURLcode code)
{
    struct http_end end = {.whole = code == CURLE_OK, .why = fetch->why};
    long sent = 0;
    lib.curl_easy_getinfo(fetch->easy, CURLINFO_RESPONSE_CODE, &end.status);
    lib.curl_easy_getinfo(fetch->easy, CURLINFO_REQUEST_SIZE, &sent);
    end.sent = sent > 0;
    if (!end.whole && !fetch->why[0])
        end.why = lib.curl_easy_strerror(code);
    lib.curl_multi_remove_handle(fetch->client->multi, fetch->easy);
    fetch->wish.done(&end, fetch->wish.data);
    fetch_free(fetch);
}

/* What libcurl calls must not call it; so bytes are handed on behind that. */
static void look(struct http_client *client)
{
    const CURLMsg *message;
    struct http_fetch *ready;
    int left;
    while ((ready = TAILQ_FIRST(&client->came))) {
        struct text bytes = ready->bytes;
        TAILQ_REMOVE(&client->came, ready, next);
        ready->bytes = (struct text){0};
        ready->waiting = false;
        ready->wish.came(text_slice(&bytes), ready->wish.data); /* which may end it */
        text_free(&bytes);
    }
    while ((message = lib.curl_multi_info_read(client->multi, &left))) {
        struct http_fetch *fetch = NULL;
        if (message->msg != CURLMSG_DONE)
            continue;
        CURLcode code = message->data.result;
        lib.curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)(void *)&fetch);
        fetch_done(fetch, code);
    }
}

static curl_socket_t on_open(void *data, curlsocktype purpose, struct curl_sockaddr *address)
{
    const struct http_fetch *fetch = data;
    if (purpose != CURLSOCKTYPE_IPCXN ||
        (fetch->wish.permit && !fetch->wish.permit(&address->addr, fetch->wish.data)))
        return CURL_SOCKET_BAD;
    return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

static size_t on_body(char *bytes, size_t size, size_t count, void *data)
{
    struct http_fetch *fetch = data;
    if (!fetch->wish.came)
        return size * count;
    text_add(&fetch->bytes, (struct slice){bytes, size * count});
    if (!fetch->waiting)
        TAILQ_INSERT_TAIL(&fetch->client->came, fetch, next);
    fetch->waiting = true;
    return fetch->bytes.failed ? 0 : size * count;
}

static void options_set(struct http_fetch *fetch)
{
    CURL *easy = fetch->easy;
    const struct http_wish *wish = &fetch->wish;
    lib.curl_easy_setopt(easy, CURLOPT_URL, wish->url);
    lib.curl_easy_setopt(easy, CURLOPT_HTTPHEADER, fetch->headers);
    lib.curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, wish->method);
    if (wish->body)
        lib.curl_easy_setopt(easy, CURLOPT_COPYPOSTFIELDS, wish->body);
    if (wish->ca)
        lib.curl_easy_setopt(easy, CURLOPT_CAINFO, wish->ca);
    lib.curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    lib.curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
    lib.curl_easy_setopt(easy, CURLOPT_PROXY, "");
    lib.curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    lib.curl_easy_setopt(easy, CURLOPT_TIMEOUT, wish->timeout_s);
    lib.curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT, CONNECT_S);
    lib.curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
    lib.curl_easy_setopt(easy, CURLOPT_TCP_KEEPIDLE, ALIVE_S);
    lib.curl_easy_setopt(easy, CURLOPT_TCP_KEEPINTVL, ALIVE_S);
    lib.curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, on_open);
    lib.curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, fetch);
    lib.curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
    lib.curl_easy_setopt(easy, CURLOPT_WRITEDATA, fetch);
    lib.curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, fetch->why);
    lib.curl_easy_setopt(easy, CURLOPT_PRIVATE, fetch);
    lib.curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, 1L); /* each is judged anew */
    lib.curl_easy_setopt(easy, CURLOPT_FORBID_REUSE, 1L);
}

/* False: out of memory. */
static bool headers_add(struct http_fetch *fetch, const char *const *headers)
{
    for (; *headers; headers++) {
        struct curl_slist *longer = lib.curl_slist_append(fetch->headers, *headers);
        if (!longer)
            return false;
        fetch->headers = longer;
    }
    return true;
}

struct http_fetch *http_fetch_new(struct http_client *client, const struct http_wish *wish)
{
    struct http_fetch *fetch = calloc(1, sizeof *fetch);
    if (!fetch)
        return NULL;
    fetch->client = client;
    fetch->wish = *wish;
    fetch->easy = lib.curl_easy_init();
    if (fetch->easy && headers_add(fetch, wish->headers)) {
        options_set(fetch);
        if (lib.curl_multi_add_handle(client->multi, fetch->easy) == CURLM_OK)
            return fetch;
    }
    fetch_free(fetch);
    return NULL;
}

const char *http_fetch_type(const struct http_fetch *fetch)
{
    const char *type = NULL;
    lib.curl_easy_getinfo(fetch->easy, CURLINFO_CONTENT_TYPE, (char **)(void *)&type);
    return type ? type : "";
}

/* ── libcurl in the loop ── */

static void on_time(uv_timer_t *timer)
{
    struct http_client *client = timer->data;
    int running;
    lib.curl_multi_socket_action(client->multi, CURL_SOCKET_TIMEOUT, 0, &running);
    look(client);
}

static int on_wish(CURLM *multi, long ms, void *data)
{
    struct http_client *client = data;
    (void)multi;
    if (ms < 0)
        uv_timer_stop(&client->timer);
    else
        uv_timer_start(&client->timer, on_time, (uint64_t)ms, 0);
    return 0;
}

static void on_ready(uv_poll_t *poll, int status, int events)
{
    struct watch *watch = poll->data;
    struct http_client *client = watch->client;
    int running, flags = status < 0 ? CURL_CSELECT_ERR : 0;
    flags |= events & UV_READABLE ? CURL_CSELECT_IN : 0;
    flags |= events & UV_WRITABLE ? CURL_CSELECT_OUT : 0;
    lib.curl_multi_socket_action(client->multi, watch->socket, flags, &running);
    look(client);
}

static void on_watch_closed(uv_handle_t *handle)
{
    free(handle->data);
}

static int on_socket(CURL *easy, curl_socket_t socket, int what, void *data, void *of_socket)
{
    struct http_client *client = data;
    struct watch *watch = of_socket;
    (void)easy;
    if (what == CURL_POLL_REMOVE) {
        if (watch) {
            lib.curl_multi_assign(client->multi, socket, NULL);
            uv_poll_stop(&watch->poll);
            uv_close((uv_handle_t *)&watch->poll, on_watch_closed);
        }
        return 0;
    }
    if (!watch) {
        watch = calloc(1, sizeof *watch);
        if (!watch || uv_poll_init_socket(client->loop, &watch->poll, socket) < 0) {
            free(watch);
            return -1;
        }
        watch->poll.data = watch;
        watch->client = client;
        watch->socket = socket;
        lib.curl_multi_assign(client->multi, socket, watch);
    }
    int events = (what & CURL_POLL_IN ? UV_READABLE : 0) | (what & CURL_POLL_OUT ? UV_WRITABLE : 0);
    uv_poll_start(&watch->poll, events, on_ready);
    return 0;
}

struct http_client *http_client_new(uv_loop_t *loop)
{
    struct http_client *client = http_client_possible() ? calloc(1, sizeof *client) : NULL;
    if (!client)
        return NULL;
    client->loop = loop;
    TAILQ_INIT(&client->came);
    client->multi = lib.curl_multi_init();
    if (!client->multi) {
        free(client);
        return NULL;
    }
    lib.curl_multi_setopt(client->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
    lib.curl_multi_setopt(client->multi, CURLMOPT_SOCKETDATA, client);
    lib.curl_multi_setopt(client->multi, CURLMOPT_TIMERFUNCTION, on_wish);
    lib.curl_multi_setopt(client->multi, CURLMOPT_TIMERDATA, client);
    uv_timer_init(loop, &client->timer);
    client->timer.data = client;
    return client;
}

static void on_closed(uv_handle_t *handle)
{
    free(handle->data);
}

void http_client_close(struct http_client *client)
{
    if (!client)
        return;
    lib.curl_multi_cleanup(client->multi);
    uv_close((uv_handle_t *)&client->timer, on_closed);
}
