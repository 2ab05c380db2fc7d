/* Leases in worlds with logs that commit later: what is said of them, and a model that follows what
 * the hub says. A key has one holder; fences rise; what goes out under a lease goes out under the
 * one that is open. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "speech.h"

static int key_index(const char *key)
{
    for (int at = 0; key && at < KEYS; at++)
        if (strcmp(keys[at], key) == 0)
            return at;
    return NOBODY;
}

/* ── what is said ── */

static void put_fence(struct maker *maker, int key)
{
    const struct lease_model *lease = &maker->world->leases[maker->room][key];
    char fence[24];
    snprintf(fence, sizeof fence, "%llu",
             (unsigned long long)(lease->fence - (lease->fence && below(maker, 6) == 0)));
    put_text_member(maker->writer, "key", keys[key]);
    put_raw_member(maker->writer, "fence", fence);
}

/* A key, mostly of which the sender has the lease. */
static int some_key(struct maker *maker)
{
    int key = 0;
    for (unsigned tries = 0; tries < 8; tries++) {
        const struct lease_model *lease = &maker->world->leases[maker->room][key];
        key = (int)below(maker, KEYS);
        if (maker->said->sender >= 0 && strcmp(lease->holder, names[maker->said->sender]) == 0)
            break;
    }
    return key;
}

void make_lease_request(struct maker *maker)
{
    char ttl[16];
    snprintf(ttl, sizeof ttl, "%u", 1 + below(maker, below(maker, 2) ? 20 : 300));
    if (flaw_here(maker, 2)) {
        static const char *const wrong[] = {"5", "\"\"", "null"};
        FLAWED(maker->writer, maker->said, "key", wrong);
    } else if (below(maker, 2) || !make_task_key(maker)) {
        put_text_member(maker->writer, "key", keys[below(maker, KEYS)]);
    }
    if (flaw_here(maker, 1)) {
        static const char *const wrong[] = {"0", "3601", "1.5", "\"1\"", "null"};
        FLAWED(maker->writer, maker->said, "ttl_s", wrong);
    } else {
        put_raw_member(maker->writer, "ttl_s", ttl);
    }
    if (below(maker, 2))
        put_text_member(maker->writer, "intent", "to \"build\" it, é");
}

void make_lease_release(struct maker *maker)
{
    put_fence(maker, some_key(maker));
    if (below(maker, 2))
        put_raw_member(maker->writer, "done", below(maker, 2) ? "true" : "false");
}

void make_lease_shown(struct maker *maker)
{
    put_member(maker->writer, "lease");
    put(maker->writer, "{");
    put_fence(maker, some_key(maker));
    put(maker->writer, "}");
}

/* ── what the hub says ── */

static void lease_told(struct world *world, int room, uint64_t seq, const json_t *object)
{
    const json_t *payload = json_object_get(object, "payload");
    const char *asker = json_string_value(json_object_get(object, "target_ai"));
    const char *status = json_string_value(json_object_get(payload, "status"));
    const char *holder = json_string_value(json_object_get(payload, "holder"));
    const char *name = json_string_value(json_object_get(payload, "key"));
    uint64_t fence = (uint64_t)json_integer_value(json_object_get(payload, "fence"));
    int key = key_index(name);
    if (name && strncmp(name, "task:", 5) == 0)
        return; /* that is followed by what is told of the task */
    if (!status || !holder || key == NOBODY) {
        world_fail(world, "a lease of no key, or of nobody");
        return;
    }
    struct lease_model *lease = &world->leases[room][key];
    bool open = lease->holder[0] != '\0';
    if (strcmp(status, "granted") == 0) {
        if (open || fence != seq || fence <= lease->fence)
            world_fail(world, "%s is granted to %s with fence %llu behind %llu of \"%s\"", name,
                       holder, (unsigned long long)fence, (unsigned long long)lease->fence,
                       lease->holder);
        snprintf(lease->holder, sizeof lease->holder, "%s", holder);
        lease->fence = fence;
        return;
    }
    if (!open || fence != lease->fence || strcmp(holder, lease->holder) != 0)
        world_fail(world, "%s is %s: %s, fence %llu; \"%s\" has it with %llu", name, status, holder,
                   (unsigned long long)fence, lease->holder, (unsigned long long)lease->fence);
    if (asker && (strcmp(asker, holder) == 0) != (strcmp(status, "renewed") == 0))
        world_fail(world, "%s of %s is %s for %s", name, holder, status, asker);
    if (strcmp(status, "released") == 0 || strcmp(status, "expired") == 0)
        lease->holder[0] = '\0';
}

/* What a share was relayed under. */
static void lease_shown(struct world *world, int room, const json_t *object, const json_t *shown)
{
    const char *sender = json_string_value(json_object_get(object, "sender_id"));
    int key = key_index(json_string_value(json_object_get(shown, "key")));
    uint64_t fence = (uint64_t)json_integer_value(json_object_get(shown, "fence"));
    const struct lease_model *lease = key == NOBODY ? NULL : &world->leases[room][key];
    if (!lease || lease->fence != fence || !sender || strcmp(sender, lease->holder) != 0)
        world_fail(world, "%s shares under a lease that it has not", sender ? sender : "nobody");
}

void leases_follow(struct world *world, const struct effect *effect)
{
    static const char word[] = "\"lease";
    int room = room_index(effect->room);
    if (!memmem(effect->line.at, effect->line.len, word, sizeof word - 1))
        return;
    struct text line = {0};
    text_add(&line, effect->line);
    text_add_literal(&line, "}");
    json_t *object = json_loadb(line.at, line.len, JSON_ALLOW_NUL, NULL);
    const char *type = json_string_value(json_object_get(object, "message_type"));
    const json_t *payload = json_object_get(object, "payload");
    const json_t *shown = json_object_get(payload, "lease");
    if (type && strcmp(type, "lease") == 0)
        lease_told(world, room, effect->seq, object);
    else if (type && json_is_object(shown) && strstr(type, "_share"))
        lease_shown(world, room, object, shown);
    json_decref(object);
    text_free(&line);
}
