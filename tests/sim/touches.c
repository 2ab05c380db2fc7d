/* Touches in worlds with logs that commit later: what is said of them, and what a warning may tell:
 * paths that overlap, of AIs that differ; and of a lease, its holder. */
#include <stdlib.h>
#include <string.h>

#include "speech.h"

void make_touch(struct maker *maker)
{
    static const char *const paths[] = {
        "[\"best\"]",        "[\"best/a.c\",\"z\"]", "[\"best/lib/\"]", "[\"best/lib/x\"]",
        "[\"cl\\u00e9/a\"]", "[\"z/y\",\"z/y/\"]",   "[\"plan\"]",      "[\"bes\",\"best.c\"]"};
    static const char *const wrong[] = {"[]",         "[\"\"]",     "[\"/a\"]", "[\"a//b\"]",
                                        "[\"../a\"]", "[\"a\\n\"]", "\"a\"",    "null"};
    if (flaw_here(maker, 2))
        FLAWED(maker->writer, maker->said, "paths", wrong);
    else
        put_raw_member(maker->writer, "paths", PICK(maker->writer->chance, paths));
    if (below(maker, 2))
        put_raw_member(maker->writer, "ttl_s", below(maker, 2) ? "5" : "60");
    if (below(maker, 3) == 0)
        put_text_member(maker->writer, "note", "to \"mend\" it, é");
    if (below(maker, 4) == 0)
        put_raw_member(maker->writer, "done", "true");
}

/* Is one the other, or above it? */
static bool overlap(const char *one, const char *other)
{
    size_t a = strlen(one), b = strlen(other);
    const char *longer = a > b ? one : other;
    size_t least = a < b ? a : b;
    if (least && (a < b ? one : other)[least - 1] == '/')
        least--;
    return strncmp(one, other, least) == 0 && (longer[least] == '\0' || longer[least] == '/');
}

static void mark_check(struct world *world, int room, const json_t *mark, const char *who,
                       const char *where)
{
    const char *ai = json_string_value(json_object_get(mark, "ai_id"));
    const char *path = json_string_value(json_object_get(mark, "path"));
    const char *how = json_string_value(json_object_get(mark, "how"));
    if (!ai || !path || !how || strcmp(ai, who) == 0 || !overlap(path, where)) {
        world_fail(world, "%s at %s is warned of %s at %s", who, where, ai ? ai : "nobody",
                   path ? path : "no path");
        return;
    }
    bool held = strcmp(how, "lease") != 0;
    for (int key = 0; key < KEYS; key++)
        held = held ||
               (strcmp(keys[key], path) == 0 && strcmp(world->leases[room][key].holder, ai) == 0);
    if (!held)
        world_fail(world, "%s is warned of a lease of %s that %s has not", who, path, ai);
}

void touches_follow(struct world *world, const struct effect *effect)
{
    static const char word[] = "\"path_warning\"";
    int room = room_index(effect->room);
    if (!memmem(effect->line.at, effect->line.len, word, sizeof word - 1))
        return;
    struct text line = {0};
    text_add(&line, effect->line);
    text_add_literal(&line, "}");
    json_t *object = json_loadb(line.at, line.len, JSON_ALLOW_NUL, NULL);
    const char *type = json_string_value(json_object_get(object, "message_type"));
    const json_t *payload = json_object_get(object, "payload");
    const json_t *comer = json_object_get(payload, "who"), *mark;
    const char *who = json_string_value(json_object_get(comer, "ai_id"));
    const char *where = json_string_value(json_object_get(comer, "path"));
    size_t at;
    if (type && strcmp(type, "path_warning") == 0) {
        if (!who || !where || !json_array_size(json_object_get(payload, "with")))
            world_fail(world, "a warning of nobody, or to nobody");
        else
            json_array_foreach(json_object_get(payload, "with"), at, mark)
            {
                mark_check(world, room, mark, who, where);
            }
    }
    json_decref(object);
    text_free(&line);
}
