/* What the hub already knows when this AI joins: of thousands of entries, the few that are worth
 * running first.
 *
 * An AI that trains takes the best of its own subject, and goes by what others have measured
 * before it goes by an author's word. The referee takes of all subjects what has too few
 * verifiers. Nobody's entries crowd out another's. */
#include <assert.h>
#include <string.h>

#include "node/node.h"

#define VERIFIERS_WANTED 2u

struct elite {
    const json_t *thing;
    const char *author;
    bool pattern;
    unsigned rank; /* lower is first; within a rank the brain knows */
    struct brain_entry entry;
};

struct elites {
    const struct brain *brain;
    struct elite all[REFEREE_ELITES_MAX]; /* the best first */
    size_t count, most, of_one;
};

static bool is_verifier(const json_t *verifiers, const char *ai_id)
{
    const json_t *verifier;
    size_t i;
    json_array_foreach(verifiers, i, verifier)
    {
        if (strcmp(payload_string(verifier, "ai_id", ID_MAX), ai_id) == 0)
            return true;
    }
    return false;
}

static bool elite_before(const struct elites *elites, const struct elite *a, const struct elite *b)
{
    if (a->rank != b->rank)
        return a->rank < b->rank;
    return elites->brain->compare(&a->entry, &b->entry) < 0;
}

/* Of an older simulator it can be run no more, and would only take the place of one that can. */
static bool elite_is_of_subject(const struct node *node, const json_t *thing)
{
    const struct brain *brain = node->brain;
    return strcmp(payload_string(thing, "subject", COMMITMENT_SUBJECT_MAX), brain->subject) == 0 &&
           strcmp(payload_string(thing, "subject_version", COMMITMENT_SUBJECT_MAX),
                  brain->subject_version) == 0;
}

/* A component of parameters says what its author's pattern has said already. */
static bool elite_is_module(const json_t *thing)
{
    return json_object_get(thing, "source") && !json_object_get(thing, "parameters");
}

/* Whether this AI should run it at all, which is for claims alone; with its place in the order. */
static bool elite_read(struct node *node, const json_t *entry, bool pattern,
                       struct elite *ret_elite)
{
    const json_t *verification = json_object_get(entry, "verification");
    const json_t *verifiers = json_object_get(verification, "verifiers");
    const char *status = payload_string(verification, "status", 16);
    const json_t *thing = json_object_get(entry, pattern ? "pattern" : "component");
    struct elite elite = {.thing = thing,
                          .author = payload_string(entry, "contributor", ID_MAX),
                          .pattern = pattern,
                          .entry = {.thing = thing, .verification = verification}};
    const char *id = payload_string(elite.thing, "id", THING_ID_MAX);
    const struct member *member = node_member(node, elite.author, false);
    if (node->brain->referee)
        elite.rank = json_array_size(verifiers) >= VERIFIERS_WANTED;
    else
        elite.rank = strcmp(status, "confirmed") != 0;
    bool wanted = node->brain->referee ? !is_verifier(verifiers, node->options->ai_id)
                                       : elite_is_of_subject(node, elite.thing) &&
                                             (pattern || elite_is_module(elite.thing));
    *ret_elite = elite;
    return wanted && status[0] && id[0] && elite.author[0] && strcmp(status, "refuted") != 0 &&
           !(member && member->refuted >= REFUTED_MAX) &&
           strcmp(elite.author, node->options->ai_id) != 0 && !seen_already(node, elite.author, id);
}

static void elite_remove(struct elites *elites, size_t place)
{
    assert(place < elites->count);
    elites->count--;
    memmove(&elites->all[place], &elites->all[place + 1],
            (elites->count - place) * sizeof *elites->all);
}

/* Its author's share, and then the whole, are kept to the best. */
static void elite_add(struct elites *elites, const struct elite *elite)
{
    size_t of_one = 0, last = 0, place = 0;
    for (size_t i = 0; i < elites->count; i++)
        if (strcmp(elites->all[i].author, elite->author) == 0) {
            of_one++;
            last = i;
        }
    if (of_one >= elites->of_one) {
        if (!elite_before(elites, elite, &elites->all[last]))
            return;
        elite_remove(elites, last);
    }
    while (place < elites->count && !elite_before(elites, elite, &elites->all[place]))
        place++;
    if (place >= elites->most)
        return;
    assert(elites->count <= elites->most && elites->most <= REFEREE_ELITES_MAX);
    if (elites->count == elites->most)
        elites->count--;
    memmove(&elites->all[place + 1], &elites->all[place],
            (elites->count - place) * sizeof *elites->all);
    elites->all[place] = *elite;
    elites->count++;
}

static void elites_of(struct node *node, json_t *section, bool pattern, struct elites *elites)
{
    const char *key;
    json_t *entry;
    struct elite elite;
    json_object_foreach(section, key, entry)
    {
        if (elite_read(node, entry, pattern, &elite))
            elite_add(elites, &elite);
    }
}

/* Whose claims were refuted before this AI came. */
static void ledger_take(struct node *node, json_t *ledger)
{
    const char *ai_id;
    json_t *counts;
    size_t read = 0;
    json_object_foreach(ledger, ai_id, counts)
    {
        if (read++ >= MEMBERS_MAX)
            break;
        bool liar = json_integer_value(json_object_get(counts, "refuted")) > 0 &&
                    strcmp(ai_id, node->options->ai_id) != 0;
        struct member *member = liar ? node_member(node, ai_id, true) : NULL;
        if (member && member->refuted < REFUTED_MAX)
            checks_shun(node, member);
    }
}

void elites_own(struct node *node, json_t *knowledge)
{
    static const struct {
        const char *name, *thing;
    } sections[] = {{"shared_patterns", "pattern"}, {"collective_features", "component"}};
    const char *key;
    json_t *entry;
    for (size_t i = 0; i < sizeof sections / sizeof *sections; i++)
        json_object_foreach(json_object_get(knowledge, sections[i].name), key, entry)
        {
            const char *id =
                payload_string(json_object_get(entry, sections[i].thing), "id", THING_ID_MAX);
            if (id[0] &&
                strcmp(payload_string(entry, "contributor", ID_MAX), node->options->ai_id) == 0)
                seen_first(node, node->options->ai_id, id);
        }
}

void elites_take(struct node *node, json_t *knowledge, json_t *ledger)
{
    struct elites elites = {.brain = node->brain,
                            .most = node->brain->referee ? REFEREE_ELITES_MAX : ELITES_MAX,
                            .of_one =
                                node->brain->referee ? REFEREE_OF_ONE_MAX : ELITES_OF_ONE_MAX};
    ledger_take(node, ledger);
    elites_of(node, json_object_get(knowledge, "shared_patterns"), true, &elites);
    elites_of(node, json_object_get(knowledge, "collective_features"), false, &elites);
    for (size_t i = 0; i < elites.count; i++) {
        const struct elite *elite = &elites.all[i];
        json_t *thing = json_copy((json_t *)(uintptr_t)elite->thing);
        /* what its author measured, when it is told: in sight of it this AI compares itself */
        json_object_set(thing, "ratio_heldout",
                        json_object_get(elite->entry.verification, "ratio"));
        (elite->pattern ? checks_pattern : checks_component)(node, elite->author, thing);
        json_decref(thing);
    }
}
