/* Cards of agents elsewhere (a2a_agent.h): which of the ways to speak to one is taken. No I/O. */
#include <stdio.h>
#include <string.h>

#include "gateway/a2a_agent.h"
#include "wire/shown.h"

static const char *text_of(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));
    return text ? text : "";
}

const char *a2a_origin(const char *url, char buffer[320])
{
    struct http_place place;
    if (http_place_of(url, &place) < 0)
        return NULL;
    bool six = strchr(place.host, ':') != NULL;
    snprintf(buffer, 320, "%s://%s%s%s:%s", place.scheme, six ? "[" : "", place.host,
             six ? "]" : "", place.port);
    return buffer;
}

static bool same_origin(const char *url, const char *other)
{
    char one[320], two[320];
    return a2a_origin(url, one) && a2a_origin(other, two) && strcasecmp(one, two) == 0;
}

static bool leads_well(const char *url, const char *from, const char *const *allowed)
{
    bool good = same_origin(url, from);
    for (; !good && allowed && *allowed; allowed++)
        good = same_origin(url, *allowed);
    return good;
}

/* An interface, as either version writes it. */
struct way {
    const char *url, *binding, *version, *tenant;
};

/* Better ones are higher; 0: it is not spoken here. */
static unsigned worth(const struct way *way)
{
    bool old = strncmp(way->version, "0.3", 3) == 0, new = strncmp(way->version, "1.", 2) == 0;
    bool rest = strcmp(way->binding, "HTTP+JSON") == 0, rpc = strcmp(way->binding, "JSONRPC") == 0;
    if (!*way->url || !(old || new) || !(rest || rpc))
        return 0;
    return new ? 3 : rpc ? 2 : 1; /* of 1.0 the card's own order counts */
}

struct choice {
    struct way best;
    unsigned worth;
    const char *astray;          /* one that leads elsewhere; NULL: none */
    char seen[A2A_WHY_SIZE / 2]; /* what there is */
};

static void consider(struct choice *choice, const struct way *way, const char *from,
                     const char *const *allowed)
{
    unsigned found = worth(way);
    size_t len = strlen(choice->seen);
    snprintf(choice->seen + len, sizeof choice->seen - len, "%s%.20s %.10s", len ? ", " : "",
             SHOWN(way->binding), SHOWN(way->version));
    if (found && !leads_well(way->url, from, allowed)) {
        choice->astray = way->url;
        return;
    }
    if (found > choice->worth) {
        choice->best = *way;
        choice->worth = found;
    }
}

static void consider_all(struct choice *choice, const json_t *card, const char *from,
                         const char *const *allowed)
{
    const json_t *one;
    size_t i;
    json_array_foreach(json_object_get(card, "supportedInterfaces"), i, one)
    {
        consider(choice,
                 &(struct way){text_of(one, "url"), text_of(one, "protocolBinding"),
                               text_of(one, "protocolVersion"), text_of(one, "tenant")},
                 from, allowed);
    }
    const char *version = text_of(card, "protocolVersion");
    const char *preferred = text_of(card, "preferredTransport");
    if (!*text_of(card, "url"))
        return;
    consider(choice,
             &(struct way){text_of(card, "url"), *preferred ? preferred : "JSONRPC", version, ""},
             from, allowed);
    json_array_foreach(json_object_get(card, "additionalInterfaces"), i, one)
    {
        consider(choice, &(struct way){text_of(one, "url"), text_of(one, "transport"), version, ""},
                 from, allowed);
    }
}

int a2a_face_read(const json_t *card, const char *from, const char *const *allowed,
                  struct a2a_face *ret_face, char ret_why[A2A_WHY_SIZE])
{
    struct choice choice = {0};
    char origin[320];
    const json_t *can = json_object_get(card, "capabilities");
    consider_all(&choice, card, from, allowed);
    if (!choice.worth && choice.astray)
        snprintf(ret_why, A2A_WHY_SIZE,
                 "its card leads to %.300s, which is not where the card is: if that is meant, "
                 "--allow %.100s",
                 SHOWN(choice.astray),
                 a2a_origin(choice.astray, origin) ? SHOWN(origin) : "its origin");
    else if (!choice.worth && !choice.seen[0])
        snprintf(ret_why, A2A_WHY_SIZE, "what is there is no agent card: it names no interface");
    else if (!choice.worth)
        snprintf(ret_why, A2A_WHY_SIZE,
                 "it speaks %s; here are spoken JSONRPC and HTTP+JSON, 1.0 and 0.3", choice.seen);
    else if (strlen(choice.best.url) >= sizeof ret_face->url ||
             strlen(choice.best.tenant) >= sizeof ret_face->tenant)
        snprintf(ret_why, A2A_WHY_SIZE, "its card has an address that is too long");
    else {
        *ret_face = (struct a2a_face){.rest = strcmp(choice.best.binding, "HTTP+JSON") == 0,
                                      .old = choice.worth < 3,
                                      .streams = json_is_true(json_object_get(can, "streaming"))};
        snprintf(ret_face->url, sizeof ret_face->url, "%s", choice.best.url);
        snprintf(ret_face->tenant, sizeof ret_face->tenant, "%s", choice.best.tenant);
        snprintf(ret_face->name, sizeof ret_face->name, "%.120s", text_of(card, "name"));
        return 0;
    }
    return -1;
}
