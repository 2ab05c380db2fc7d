#include "gateway/webhooks.h"

#include <arpa/inet.h>
#define CURL_DISABLE_TYPECHECK /* its macros would call by name */
#include <curl/curl.h>
#include <dlfcn.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#define TRIES       3
#define AGAIN_MS    500 /* until the second; twice that until the third */
#define TIMEOUT_S   15L
#define CONNECT_S   5L
#define WAITING_MAX 64u /* bodies of one webhook */

struct posting {
    char *body;
    TAILQ_ENTRY(posting) next;
};
TAILQ_HEAD(posting_list, posting);

struct webhook {
    struct webhooks *webhooks;
    char *url;
    struct curl_slist *headers;
    CURL *easy;
    bool under_way, plain;
    int tried; /* of the first that waits */
    uv_timer_t timer;
    struct posting_list waiting;
    size_t count;
    TAILQ_ENTRY(webhook) next;
};
TAILQ_HEAD(webhook_list, webhook);

/* libcurl brings some thirty libraries, which cost every process that is linked with it time and
 * memory; so it is loaded by who posts. */
#define CURL_CALLS(X)                                                                              \
    X(curl_global_init)                                                                            \
    X(curl_easy_init)                                                                              \
    X(curl_easy_cleanup)                                                                           \
    X(curl_easy_setopt)                                                                            \
    X(curl_easy_getinfo)                                                                           \
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
static bool lib_load(void)
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

bool webhooks_possible(void)
{
    return lib_load();
}

/* A socket of libcurl's. */
struct watch {
    uv_poll_t poll;
    struct webhooks *webhooks;
    curl_socket_t socket;
};

struct webhooks {
    CURLM *multi;
    uv_timer_t timer;
    uv_loop_t *loop;
    const char *const *allowed;
    struct webhook_list list;
};

/* ── which addresses ── */

struct network {
    unsigned char at[16];
    unsigned bits;
};

/* IPv4 as IPv6 maps it, so that there is one kind. */
static void map_four(const void *four, unsigned char six[16])
{
    memset(six, 0, 10);
    six[10] = six[11] = 0xff;
    memcpy(six + 12, four, 4);
}

static bool network_read(const char *text, struct network *ret_network)
{
    char address[64], *end;
    unsigned char four[4];
    const char *slash = strchr(text, '/');
    size_t len = slash ? (size_t)(slash - text) : strlen(text);
    if (len >= sizeof address)
        return false;
    memcpy(address, text, len);
    address[len] = '\0';
    bool is_four = inet_pton(AF_INET, address, four) == 1;
    if (is_four)
        map_four(four, ret_network->at);
    else if (inet_pton(AF_INET6, address, ret_network->at) != 1)
        return false;
    unsigned long most = is_four ? 32 : 128, bits = slash ? strtoul(slash + 1, &end, 10) : most;
    ret_network->bits = (unsigned)bits + (is_four ? 96 : 0);
    return bits <= most && (!slash || (end != slash + 1 && !*end && slash[1] != '-'));
}

static bool is_in(const unsigned char address[16], const char *text)
{
    struct network network;
    if (!network_read(text, &network))
        return false;
    unsigned bytes = network.bits / 8, rest = network.bits % 8;
    return memcmp(address, network.at, bytes) == 0 &&
           (rest == 0 || ((address[bytes] ^ network.at[bytes]) >> (8 - rest)) == 0);
}

static bool is_in_any(const unsigned char address[16], const char *const *networks)
{
    for (; networks && *networks; networks++)
        if (is_in(address, *networks))
            return true;
    return false;
}

/* What IANA keeps for special purposes, with the ways by which one of them is written as another;
 * of IPv6 all but what is given out for the Internet. */
static bool is_public(const unsigned char address[16])
{
    static const char *const four[] = {
        "0.0.0.0/8",      "10.0.0.0/8",     "100.64.0.0/10", "127.0.0.0/8",
        "169.254.0.0/16", "172.16.0.0/12",  "192.0.0.0/24",  "192.0.2.0/24",
        "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24",
        "203.0.113.0/24", "224.0.0.0/4",    "240.0.0.0/4",   NULL};
    static const char *const six[] = {"2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20", NULL};
    if (is_in(address, "::ffff:0:0/96"))
        return !is_in_any(address, four);
    return is_in(address, "2000::/3") && !is_in_any(address, six);
}

static bool is_loopback(const unsigned char address[16])
{
    return is_in(address, "127.0.0.0/8") || is_in(address, "::1");
}

bool webhooks_network_good(const char *network)
{
    struct network read;
    return network_read(network, &read);
}

static bool permit(const struct webhooks *webhooks, const unsigned char address[16], bool plain)
{
    return (!plain || is_loopback(address)) &&
           (is_public(address) || is_in_any(address, webhooks->allowed));
}

bool webhooks_permit(const struct webhooks *webhooks, const struct sockaddr *address, bool plain)
{
    unsigned char six[16];
    if (address->sa_family == AF_INET)
        map_four(&((const struct sockaddr_in *)(const void *)address)->sin_addr, six);
    else if (address->sa_family == AF_INET6)
        memcpy(six, &((const struct sockaddr_in6 *)(const void *)address)->sin6_addr, 16);
    else
        return false;
    return permit(webhooks, six, plain);
}

/* By libcurl's own reading, so that there is no other. */
const char *webhooks_fault(const struct webhooks *webhooks, const char *url)
{
    CURLU *read = lib.curl_url();
    char *scheme = NULL, *host = NULL, *user = NULL;
    const char *fault = "url is no URL";
    unsigned char six[16], four[4];
    if (read && lib.curl_url_set(read, CURLUPART_URL, url, 0) == CURLUE_OK &&
        lib.curl_url_get(read, CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK &&
        lib.curl_url_get(read, CURLUPART_HOST, &host, 0) == CURLUE_OK) {
        bool plain = strcmp(scheme, "http") == 0;
        size_t len = strlen(host);
        if (*host == '[' && len > 2) {
            memmove(host, host + 1, len);
            host[len - 2] = '\0';
        }
        bool literal = inet_pton(AF_INET, host, four) == 1;
        if (literal)
            map_four(four, six);
        literal = literal || inet_pton(AF_INET6, host, six) == 1;
        if (!plain && strcmp(scheme, "https") != 0)
            fault = "url must be https";
        else if (lib.curl_url_get(read, CURLUPART_USER, &user, 0) == CURLUE_OK)
            fault = "url must have no user in it: there is authentication";
        else if (plain && literal && !is_loopback(six))
            fault = "url must be https";
        else if (literal && !permit(webhooks, six, plain))
            fault = "url is of an address that is not posted to";
        else
            fault = NULL;
    }
    lib.curl_free(scheme);
    lib.curl_free(host);
    lib.curl_free(user);
    lib.curl_url_cleanup(read);
    return fault;
}

/* ── posting ── */

static void posting_free(struct webhook *webhook, struct posting *posting)
{
    TAILQ_REMOVE(&webhook->waiting, posting, next);
    webhook->count--;
    free(posting->body);
    free(posting);
}

static void on_webhook_closed(uv_handle_t *handle)
{
    struct webhook *webhook = handle->data;
    while (!TAILQ_EMPTY(&webhook->waiting))
        posting_free(webhook, TAILQ_FIRST(&webhook->waiting));
    lib.curl_easy_cleanup(webhook->easy);
    lib.curl_slist_free_all(webhook->headers);
    free(webhook->url);
    free(webhook);
}

static void webhook_free(struct webhook *webhook)
{
    TAILQ_REMOVE(&webhook->webhooks->list, webhook, next);
    if (webhook->under_way)
        lib.curl_multi_remove_handle(webhook->webhooks->multi, webhook->easy);
    webhook->under_way = false;
    uv_close((uv_handle_t *)&webhook->timer, on_webhook_closed);
}

static void go_on(struct webhook *webhook)
{
    const struct posting *first = TAILQ_FIRST(&webhook->waiting);
    if (!first || webhook->under_way || uv_is_active((const uv_handle_t *)&webhook->timer))
        return;
    webhook->tried++;
    lib.curl_easy_setopt(webhook->easy, CURLOPT_POSTFIELDS, first->body);
    webhook->under_way =
        lib.curl_multi_add_handle(webhook->webhooks->multi, webhook->easy) == CURLM_OK;
}

static void on_again(uv_timer_t *timer)
{
    go_on(timer->data);
}

static void posted(struct webhook *webhook, bool good)
{
    lib.curl_multi_remove_handle(webhook->webhooks->multi, webhook->easy);
    webhook->under_way = false;
    if (good || webhook->tried >= TRIES) {
        posting_free(webhook, TAILQ_FIRST(&webhook->waiting));
        webhook->tried = 0;
        go_on(webhook);
    } else {
        uv_timer_start(&webhook->timer, on_again, (uint64_t)(AGAIN_MS << (webhook->tried - 1)), 0);
    }
}

static void look(const struct webhooks *webhooks)
{
    const CURLMsg *message;
    int left;
    while ((message = lib.curl_multi_info_read(webhooks->multi, &left))) {
        struct webhook *webhook = NULL;
        long status = 0;
        if (message->msg != CURLMSG_DONE)
            continue;
        CURLcode code = message->data.result;
        lib.curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)(void *)&webhook);
        lib.curl_easy_getinfo(message->easy_handle, CURLINFO_RESPONSE_CODE, &status);
        posted(webhook, code == CURLE_OK && status >= 200 && status < 300);
    }
}

static curl_socket_t on_open(void *data, curlsocktype purpose, struct curl_sockaddr *address)
{
    const struct webhook *webhook = data;
    if (purpose != CURLSOCKTYPE_IPCXN ||
        !webhooks_permit(webhook->webhooks, &address->addr, webhook->plain))
        return CURL_SOCKET_BAD;
    return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

static size_t on_body(char *bytes, size_t size, size_t count, void *data)
{
    (void)bytes, (void)data;
    return size * count; /* nobody reads it */
}

struct webhook *webhook_new(struct webhooks *webhooks, const char *url, const char *const *headers)
{
    struct webhook *webhook = calloc(1, sizeof *webhook);
    if (!webhook)
        return NULL;
    webhook->webhooks = webhooks;
    webhook->url = strdup(url);
    webhook->plain = strncasecmp(url, "http:", 5) == 0;
    TAILQ_INIT(&webhook->waiting);
    uv_timer_init(webhooks->loop, &webhook->timer);
    webhook->timer.data = webhook;
    TAILQ_INSERT_TAIL(&webhooks->list, webhook, next);
    for (; *headers; headers++)
        webhook->headers = lib.curl_slist_append(webhook->headers, *headers);
    CURL *easy = webhook->easy = lib.curl_easy_init();
    lib.curl_easy_setopt(easy, CURLOPT_URL, url);
    lib.curl_easy_setopt(easy, CURLOPT_HTTPHEADER, webhook->headers);
    lib.curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    lib.curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
    lib.curl_easy_setopt(easy, CURLOPT_PROXY, "");
    lib.curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    lib.curl_easy_setopt(easy, CURLOPT_TIMEOUT, TIMEOUT_S);
    lib.curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT, CONNECT_S);
    lib.curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, on_open);
    lib.curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, webhook);
    lib.curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
    lib.curl_easy_setopt(easy, CURLOPT_PRIVATE, webhook);
    lib.curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, 1L); /* each is judged anew */
    lib.curl_easy_setopt(easy, CURLOPT_FORBID_REUSE, 1L);
    if (easy && webhook->url && (webhook->headers || !*headers))
        return webhook;
    webhook_free(webhook);
    return NULL;
}

void webhook_post(struct webhook *webhook, const char *body)
{
    struct posting *posting = calloc(1, sizeof *posting);
    char *copy = posting ? strdup(body) : NULL;
    if (!copy) {
        free(posting);
        return;
    }
    posting->body = copy;
    TAILQ_INSERT_TAIL(&webhook->waiting, posting, next);
    if (++webhook->count > WAITING_MAX) /* the first may be under way */
        posting_free(webhook, TAILQ_NEXT(TAILQ_FIRST(&webhook->waiting), next));
    go_on(webhook);
}

void webhook_end(struct webhook *webhook)
{
    if (webhook)
        webhook_free(webhook);
}

/* ── libcurl in the loop ── */

static void on_time(uv_timer_t *timer)
{
    struct webhooks *webhooks = timer->data;
    int running;
    lib.curl_multi_socket_action(webhooks->multi, CURL_SOCKET_TIMEOUT, 0, &running);
    look(webhooks);
}

static int on_wish(CURLM *multi, long ms, void *data)
{
    struct webhooks *webhooks = data;
    (void)multi;
    if (ms < 0)
        uv_timer_stop(&webhooks->timer);
    else
        uv_timer_start(&webhooks->timer, on_time, (uint64_t)ms, 0);
    return 0;
}

static void on_ready(uv_poll_t *poll, int status, int events)
{
    struct watch *watch = poll->data;
    struct webhooks *webhooks = watch->webhooks;
    int running, flags = status < 0 ? CURL_CSELECT_ERR : 0;
    flags |= events & UV_READABLE ? CURL_CSELECT_IN : 0;
    flags |= events & UV_WRITABLE ? CURL_CSELECT_OUT : 0;
    lib.curl_multi_socket_action(webhooks->multi, watch->socket, flags, &running);
    look(webhooks);
}

static void on_watch_closed(uv_handle_t *handle)
{
    free(handle->data);
}

static int on_socket(CURL *easy, curl_socket_t socket, int what, void *data, void *of_socket)
{
    struct webhooks *webhooks = data;
    struct watch *watch = of_socket;
    (void)easy;
    if (what == CURL_POLL_REMOVE) {
        if (watch) {
            lib.curl_multi_assign(webhooks->multi, socket, NULL);
            uv_poll_stop(&watch->poll);
            uv_close((uv_handle_t *)&watch->poll, on_watch_closed);
        }
        return 0;
    }
    if (!watch) {
        watch = calloc(1, sizeof *watch);
        if (!watch || uv_poll_init_socket(webhooks->loop, &watch->poll, socket) < 0) {
            free(watch);
            return -1;
        }
        watch->poll.data = watch;
        watch->webhooks = webhooks;
        watch->socket = socket;
        lib.curl_multi_assign(webhooks->multi, socket, watch);
    }
    int events = (what & CURL_POLL_IN ? UV_READABLE : 0) | (what & CURL_POLL_OUT ? UV_WRITABLE : 0);
    uv_poll_start(&watch->poll, events, on_ready);
    return 0;
}

struct webhooks *webhooks_new(uv_loop_t *loop, const char *const *allowed)
{
    struct webhooks *webhooks = lib_load() ? calloc(1, sizeof *webhooks) : NULL;
    if (!webhooks)
        return NULL;
    webhooks->loop = loop;
    webhooks->allowed = allowed;
    TAILQ_INIT(&webhooks->list);
    webhooks->multi = lib.curl_multi_init();
    if (!webhooks->multi) {
        free(webhooks);
        return NULL;
    }
    lib.curl_multi_setopt(webhooks->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
    lib.curl_multi_setopt(webhooks->multi, CURLMOPT_SOCKETDATA, webhooks);
    lib.curl_multi_setopt(webhooks->multi, CURLMOPT_TIMERFUNCTION, on_wish);
    lib.curl_multi_setopt(webhooks->multi, CURLMOPT_TIMERDATA, webhooks);
    uv_timer_init(loop, &webhooks->timer);
    webhooks->timer.data = webhooks;
    return webhooks;
}

static void on_closed(uv_handle_t *handle)
{
    free(handle->data);
}

void webhooks_close(struct webhooks *webhooks)
{
    if (!webhooks)
        return;
    while (!TAILQ_EMPTY(&webhooks->list))
        webhook_free(TAILQ_FIRST(&webhooks->list));
    lib.curl_multi_cleanup(webhooks->multi);
    uv_close((uv_handle_t *)&webhooks->timer, on_closed);
}
