#include "gateway/webhooks.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "fetch/http_client.h"

#define TRIES       3
#define AGAIN_MS    500 /* until the second; twice that until the third */
#define TIMEOUT_S   15L
#define WAITING_MAX 64u /* bodies of one webhook */

struct posting {
    char *body;
    TAILQ_ENTRY(posting) next;
};
TAILQ_HEAD(posting_list, posting);

struct webhook {
    struct webhooks *webhooks;
    char *url;
    char **headers;           /* ended by NULL */
    struct http_fetch *fetch; /* under way; NULL: none is */
    bool plain;
    int tried; /* of the first that waits */
    uv_timer_t timer;
    struct posting_list waiting;
    size_t count;
    TAILQ_ENTRY(webhook) next;
};
TAILQ_HEAD(webhook_list, webhook);

bool webhooks_possible(void)
{
    return http_client_possible();
}

struct webhooks {
    struct http_client *client;
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

const char *webhooks_fault(const struct webhooks *webhooks, const char *url)
{
    struct http_place place;
    unsigned char six[16], four[4];
    if (http_place_of(url, &place) < 0)
        return *place.scheme && strncmp(place.scheme, "http", 4) != 0 ? "url must be https"
                                                                      : "url is no URL";
    bool plain = strcmp(place.scheme, "http") == 0;
    bool literal = inet_pton(AF_INET, place.host, four) == 1;
    if (literal)
        map_four(four, six);
    literal = literal || inet_pton(AF_INET6, place.host, six) == 1;
    if (*place.user)
        return "url must have no user in it: there is authentication";
    if (plain && literal && !is_loopback(six))
        return "url must be https";
    return literal && !permit(webhooks, six, plain) ? "url is of an address that is not posted to"
                                                    : NULL;
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
    for (char **header = webhook->headers; header && *header; header++)
        free(*header);
    free(webhook->headers);
    free(webhook->url);
    free(webhook);
}

static void webhook_free(struct webhook *webhook)
{
    TAILQ_REMOVE(&webhook->webhooks->list, webhook, next);
    http_fetch_end(webhook->fetch);
    webhook->fetch = NULL;
    uv_close((uv_handle_t *)&webhook->timer, on_webhook_closed);
}

static bool on_permit(const struct sockaddr *address, void *data)
{
    const struct webhook *webhook = data;
    return webhooks_permit(webhook->webhooks, address, webhook->plain);
}

static void on_posted(const struct http_end *end, void *data);

static void go_on(struct webhook *webhook)
{
    const struct posting *first = TAILQ_FIRST(&webhook->waiting);
    if (!first || webhook->fetch || uv_is_active((const uv_handle_t *)&webhook->timer))
        return;
    webhook->tried++;
    webhook->fetch =
        http_fetch_new(webhook->webhooks->client,
                       &(struct http_wish){.method = "POST",
                                           .url = webhook->url,
                                           .headers = (const char *const *)webhook->headers,
                                           .body = first->body,
                                           .timeout_s = TIMEOUT_S,
                                           .permit = on_permit,
                                           .done = on_posted,
                                           .data = webhook});
}

static void on_again(uv_timer_t *timer)
{
    go_on(timer->data);
}

static void on_posted(const struct http_end *end, void *data)
{
    struct webhook *webhook = data;
    bool good = end->whole && end->status >= 200 && end->status < 300;
    webhook->fetch = NULL;
    if (good || webhook->tried >= TRIES) {
        posting_free(webhook, TAILQ_FIRST(&webhook->waiting));
        webhook->tried = 0;
        go_on(webhook);
    } else {
        uv_timer_start(&webhook->timer, on_again, (uint64_t)(AGAIN_MS << (webhook->tried - 1)), 0);
    }
}

/* Ended by NULL; NULL: out of memory. */
static char **headers_copy(const char *const *headers)
{
    size_t count = 0;
    while (headers[count])
        count++;
    char **copy = calloc(count + 1, sizeof *copy);
    for (size_t i = 0; copy && i < count; i++) {
        copy[i] = strdup(headers[i]);
        if (copy[i])
            continue;
        while (i > 0)
            free(copy[--i]);
        free(copy);
        return NULL;
    }
    return copy;
}

struct webhook *webhook_new(struct webhooks *webhooks, const char *url, const char *const *headers)
{
    struct webhook *webhook = calloc(1, sizeof *webhook);
    if (!webhook)
        return NULL;
    webhook->webhooks = webhooks;
    webhook->url = strdup(url);
    webhook->headers = headers_copy(headers);
    webhook->plain = strncasecmp(url, "http:", 5) == 0;
    TAILQ_INIT(&webhook->waiting);
    uv_timer_init(webhooks->loop, &webhook->timer);
    webhook->timer.data = webhook;
    TAILQ_INSERT_TAIL(&webhooks->list, webhook, next);
    if (webhook->url && webhook->headers)
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

/* ── all of them ── */

struct webhooks *webhooks_new(uv_loop_t *loop, const char *const *allowed)
{
    struct http_client *client = http_client_new(loop);
    struct webhooks *webhooks = client ? calloc(1, sizeof *webhooks) : NULL;
    if (!webhooks) {
        http_client_close(client);
        return NULL;
    }
    webhooks->client = client;
    webhooks->loop = loop;
    webhooks->allowed = allowed;
    TAILQ_INIT(&webhooks->list);
    return webhooks;
}

void webhooks_close(struct webhooks *webhooks)
{
    if (!webhooks)
        return;
    while (!TAILQ_EMPTY(&webhooks->list))
        webhook_free(TAILQ_FIRST(&webhooks->list));
    http_client_close(webhooks->client);
    free(webhooks);
}
