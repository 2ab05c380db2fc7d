/* Migrants: rooms are islands, for what one room knows no other is told. An AI that may look into
 * other rooms, and whose user has named them, brings over the best of what was confirmed there: one
 * claim at a time, of one room after the other, each time that it has spent so much on its own
 * training (after Tanese, "Distributed genetic algorithms", 1989). In between its island evolves
 * by itself.
 *
 * It looks as anybody may who may come in there: it joins as an observer, asks for the claims that
 * two others have confirmed, takes the best that it has not had, and goes. What it brings is run
 * before it is believed, like all that others share, and under a name that says where it is from;
 * nobody is told what came of it, for who claimed it is not here to hear. */
#include <assert.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "node/node.h"

#define CLAIMS_ASKED 200 /* on a page: the hub's limit */

/* The best of what the room's ledger has told so far. */
struct migrant {
    char section[64], key[THING_ID_MAX + 1]; /* where the hub has it */
    char id[THING_ID_MAX + 1];               /* as its author calls it */
    char author[ID_MAX + 1];
    json_t *verification; /* NULL: there is none */
};

struct migrants {
    struct node *node;
    const struct trainer_options *options;
    char *token;            /* a secret; NULL: none */
    char ai_id[ID_MAX + 1]; /* of the observer */
    size_t next;            /* room */
    uint64_t due;           /* units of training; then the next is looked into */
    /* Of the look that is under way. */
    struct khub *link; /* NULL: there is none */
    struct khub_uv *adapter;
    bool over;
    const char *room;
    uint64_t since; /* loop time, ms */
    char asked[37]; /* message_id of the query that is unanswered */
    unsigned pages;
    struct migrant best;
    bool told[MIGRANT_ROOMS_MAX]; /* that it can't be looked into, in a row */
};

/* Who is called `author` in that room. An AI of this one may have the same name. */
static void name_there(const char *author, const char *room, char ret_name[ID_MAX + 1])
{
    char name[ID_MAX + sizeof "@" + ROOM_MAX];
    snprintf(name, sizeof name, "%s@%s", author, room);
    words_cut(name, ret_name, ID_MAX + 1);
}

/* With a token the name has to be one of those that the token is good for, and the hub keeps it its
 * owner's in all rooms. Without one it must not stand in the way of another's. */
static void migrants_name(struct migrants *migrants)
{
    const struct trainer_options *options = migrants->options;
    if (migrants->token)
        words_copy(migrants->ai_id, options->ai_id);
    else
        name_there(options->ai_id, options->room ? options->room : "main", migrants->ai_id);
}

int migrants_begin(struct node *node)
{
    const struct trainer_options *options = node->options;
    assert(options->migrant_room_count <= MIGRANT_ROOMS_MAX);
    if (options->migrant_room_count == 0 || node->brain->referee)
        return 0;
    struct migrants *migrants = calloc(1, sizeof *migrants);
    if (!migrants)
        return KHUB_E_NO_MEMORY;
    assert(options->migrate_every > 0);
    migrants->node = node;
    migrants->options = options;
    migrants->due = options->migrate_every;
    node->migrants = migrants;
    if (options->token && options->token[0] && !(migrants->token = strdup(options->token)))
        return KHUB_E_NO_MEMORY;
    migrants_name(migrants);
    return 0;
}

static void look_end(struct migrants *migrants)
{
    khub_uv_stop(migrants->adapter);
    khub_free(migrants->link);
    json_decref(migrants->best.verification);
    migrants->best = (struct migrant){.verification = NULL};
    migrants->adapter = NULL;
    migrants->link = NULL;
    migrants->over = false;
}

void migrants_end(struct node *node)
{
    if (!node->migrants)
        return;
    look_end(node->migrants);
    if (node->migrants->token)
        OPENSSL_cleanse(node->migrants->token, strlen(node->migrants->token));
    free(node->migrants->token);
    free(node->migrants);
    node->migrants = NULL;
}

/* Says why once, until it works again. */
static void look_failed(struct migrants *migrants, const char *why)
{
    bool *told = &migrants->told[migrants->next];
    if (!*told)
        node_say(migrants->node, "No migrants from room %s: %s; it is tried again",
                 SAY(migrants->room), SAY(why));
    *told = true;
    migrants->over = true;
}

static void ask(struct migrants *migrants, const char *type, json_t *query)
{
    char *text = query ? json_dumps(query, JSON_COMPACT) : NULL;
    int error =
        text ? khub_publish(migrants->link, type, text, NULL, migrants->asked) : KHUB_E_NO_MEMORY;
    free(text);
    json_decref(query);
    if (error < 0)
        look_failed(migrants, khub_error_text(error));
}

static void ask_claims(struct migrants *migrants, json_int_t after)
{
    ask(migrants, "ledger_query",
        json_pack("{s:s,s:s,s:I,s:i}", "subject", migrants->node->brain->subject, "status",
                  "confirmed", "after", after, "limit", CLAIMS_ASKED));
}

/* A component's own id; of what has none the hub's. */
static const char *claim_id(const json_t *claim)
{
    const char *own = payload_string(claim, "own_id", THING_ID_MAX);
    return own[0] ? own : payload_string(claim, "id", THING_ID_MAX);
}

/* Whether it is of this AI's subject as it is simulated here, and was not taken before. */
static bool claim_is_wanted(struct migrants *migrants, const json_t *claim)
{
    struct node *node = migrants->node;
    const json_t *verification = json_object_get(claim, "verification");
    const char *author = payload_string(claim, "author", ID_MAX);
    char name[ID_MAX + 1];
    bool pattern = strcmp(payload_string(claim, "section", 32), "shared_patterns") == 0;
    bool module = strcmp(payload_string(verification, "kind", 16), "module") == 0;
    name_there(author, migrants->room, name);
    const struct member *member = node_member(node, name, false);
    return (pattern || module) && author[0] && payload_string(claim, "id", THING_ID_MAX)[0] &&
           strcmp(payload_string(verification, "status", 16), "confirmed") == 0 &&
           strcmp(payload_string(claim, "subject_version", COMMITMENT_SUBJECT_MAX),
                  node->brain->subject_version) == 0 &&
           !(member && member->refuted >= REFUTED_MAX) &&
           !seen_already(node, name, claim_id(claim));
}

static void claim_look(struct migrants *migrants, const json_t *claim)
{
    struct migrant *best = &migrants->best;
    json_t *verification = json_object_get(claim, "verification");
    const struct brain_entry mine = {.verification = best->verification},
                             other = {.verification = verification};
    if (!claim_is_wanted(migrants, claim) ||
        (best->verification && migrants->node->brain->compare(&mine, &other) <= 0))
        return;
    json_decref(best->verification);
    best->verification = json_incref(verification);
    words_copy(best->section, payload_string(claim, "section", sizeof best->section - 1));
    words_copy(best->key, payload_string(claim, "id", THING_ID_MAX));
    words_copy(best->id, claim_id(claim));
    words_copy(best->author, payload_string(claim, "author", ID_MAX));
}

static void take_claims(struct migrants *migrants, const json_t *payload)
{
    const json_t *claim, *next = json_object_get(payload, "next");
    size_t i;
    json_array_foreach(json_object_get(payload, "claims"), i, claim)
    {
        claim_look(migrants, claim);
    }
    migrants->told[migrants->next] = false;
    if (json_is_integer(next) && ++migrants->pages < MIGRANT_PAGES_MAX)
        ask_claims(migrants, json_integer_value(next));
    else if (migrants->best.verification)
        ask(migrants, "knowledge_query",
            json_pack("{s:s,s:s}", "section", migrants->best.section, "id", migrants->best.key));
    else
        migrants->over = true; /* nothing new */
}

/* What was confirmed a moment ago: it comes with all that others found of it. */
static void take_thing(struct migrants *migrants, const json_t *payload)
{
    const struct migrant *best = &migrants->best;
    bool pattern = strcmp(best->section, "shared_patterns") == 0;
    const json_t *entry = json_object_get(
        json_object_get(json_object_get(payload, "entries"), best->section), best->key);
    const json_t *verification = json_object_get(entry, "verification");
    json_t *thing = json_copy(json_object_get(entry, pattern ? "pattern" : "component"));
    char name[ID_MAX + 1];
    migrants->over = true;
    if (thing && strcmp(payload_string(verification, "status", 16), "confirmed") == 0 &&
        strcmp(payload_string(entry, "contributor", ID_MAX), best->author) == 0) {
        name_there(best->author, migrants->room, name);
        json_object_set_new(thing, "id", json_string(best->id));
        /* what its author measured: in sight of it this AI compares itself */
        json_object_set(thing, "ratio_heldout", json_object_get(verification, "ratio"));
        checks_migrant(migrants->node, name, thing, pattern);
    }
    json_decref(thing);
}

void migrants_joined(struct node *node)
{
    if (node->migrants->link && !node->migrants->asked[0])
        ask_claims(node->migrants, 0);
}

void migrants_message(struct node *node, const char *type, const json_t *payload)
{
    struct migrants *migrants = node->migrants;
    const char *answered = payload_string(payload, "in_reply_to", sizeof migrants->asked - 1);
    if (migrants->over || !migrants->asked[0] || strcmp(answered, migrants->asked) != 0)
        return;
    migrants->asked[0] = '\0';
    if (strcmp(type, "ledger_result") == 0)
        take_claims(migrants, payload);
    else if (strcmp(type, "knowledge_result") == 0)
        take_thing(migrants, payload);
    else
        look_failed(migrants, payload_string(payload, "detail", 1024));
}

static void on_message(struct khub *link, const struct khub_message *message, void *data)
{
    static const struct {
        const char *type;
        unsigned levels; /* as in dispatch.c: to each claim, and to each entry */
    } answers[] = {{"ledger_result", 2}, {"knowledge_result", 3}, {"error", 1}};
    struct migrants *migrants = data;
    (void)link;
    for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
        if (strcmp(answers[i].type, message->type.at) != 0 ||
            strcmp(message->sender_id.at, "hub") != 0)
            continue;
        json_error_t error;
        json_t *payload = payload_read((struct slice){message->payload.at, message->payload.len},
                                       answers[i].levels, &error);
        migrants_message(migrants->node, answers[i].type, payload);
        json_decref(payload);
    }
}

static void on_state(struct khub *link, enum khub_state state, int error, const char *detail,
                     void *data)
{
    struct migrants *migrants = data;
    (void)link;
    if (state == KHUB_JOINED)
        migrants_joined(migrants->node);
    if (state == KHUB_ENDED && error < 0 && !migrants->over)
        look_failed(migrants, detail[0] ? detail : khub_error_text(error));
}

static void look_begin(struct migrants *migrants)
{
    struct node *node = migrants->node;
    const struct trainer_options *options = migrants->options;
    migrants->room = options->migrant_rooms[migrants->next];
    migrants->pages = 0;
    migrants->asked[0] = '\0';
    migrants->since = node_now(node);
    const struct khub_options wishes = {.address = options->address,
                                        .tls = options->tls,
                                        .ai_id = migrants->ai_id,
                                        .specialization = options->specialization,
                                        .token = migrants->token,
                                        .token_open = options->token_open,
                                        .room = migrants->room,
                                        .observer = true,
                                        .retries = -1, /* it is looked into again */
                                        .sync_max = KHUB_SYNC_NONE,
                                        .data = migrants};
    const struct khub_callbacks callbacks = {.message = on_message, .state = on_state};
    int error = khub_new(&wishes, &callbacks, &migrants->link);
    if (error == 0)
        error = khub_uv_start(&node->loop, migrants->link, &migrants->adapter);
    if (error < 0)
        look_failed(migrants, khub_error_text(error));
}

void migrants_tick(struct node *node)
{
    struct migrants *migrants = node->migrants;
    if (!migrants)
        return;
    uint64_t now = node_now(node);
    if (migrants->link && !migrants->over && now - migrants->since >= MIGRANT_MS)
        look_failed(migrants, "the hub does not answer");
    if (migrants->over || node->phase != NODE_RUNNING) {
        look_end(migrants);
        migrants->next = (migrants->next + 1) % migrants->options->migrant_room_count;
    }
    if (node->phase != NODE_RUNNING || migrants->link || node->standing.spent < migrants->due)
        return;
    migrants->due = node->standing.spent + migrants->options->migrate_every;
    look_begin(migrants);
}
