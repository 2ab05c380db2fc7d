/* Messages in: parsed, remembered who is here, handed to those whom they concern. */
#include "node/node.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include "brain/capabilities.h"
#include "wire/bounds.h"
#include "wire/json.h"

const char *payload_string(const json_t *payload, const char *name, size_t max)
{
    const json_t *value = json_object_get(payload, name);
    size_t length = json_string_length(value);
    /* A text with a NUL in it is none: cut there it could pass for another's id. */
    return json_is_string(value) && length <= max && strlen(json_string_value(value)) == length
               ? json_string_value(value)
               : "";
}

struct member *node_member(struct node *node, const char *id, bool make)
{
    if (!id[0] || strlen(id) > ID_MAX)
        return NULL;
    struct member *absent = NULL;
    assert(node->member_count <= MEMBERS_MAX);
    for (size_t i = 0; i < node->member_count; i++) {
        if (strcmp(node->members[i].id, id) == 0)
            return &node->members[i];
        if (!absent && !node->members[i].present)
            absent = &node->members[i];
    }
    if (!make)
        return NULL;
    struct member *member =
        node->member_count < MEMBERS_MAX ? &node->members[node->member_count++] : absent;
    if (!member)
        return NULL;
    json_decref(member->capabilities);
    *member = (struct member){0};
    words_copy(member->id, id);
    return member;
}

static void member_present(struct node *node, const char *id, const json_t *about)
{
    bool self = strcmp(id, node->options->ai_id) == 0;
    struct member *member = self ? NULL : node_member(node, id, true);
    if (!member)
        return;
    member->present = true;
    sessions_presence(node, id, true);
    if (!about)
        return;
    words_cut(payload_string(about, "specialization", 63), member->specialization,
              sizeof member->specialization);
    json_decref(member->capabilities);
    member->capabilities = json_array();
    const json_t *capability;
    size_t i;
    json_array_foreach(json_object_get(about, "capabilities"), i, capability)
    {
        if (i >= MEMBER_CAPABILITIES)
            break;
        if (json_is_string(capability) && json_string_length(capability) <= 128)
            json_array_append_new(member->capabilities, json_string(json_string_value(capability)));
    }
}

static void members_count(struct node *node)
{
    node->others = 0;
    for (size_t i = 0; i < node->member_count; i++)
        node->others += node->members[i].present;
}

static void take_sync(struct node *node, const char *sender, const json_t *payload)
{
    (void)sender;
    const json_t *active = json_object_get(payload, "active_ais"), *entry;
    const json_t *opportunities = json_object_get(payload, "collaboration_opportunities");
    double epoch_s =
        json_number_value(json_object_get(json_object_get(payload, "limits"), "epoch_s"));
    size_t i;
    node->epoch_ms = epoch_s > 0 ? (uint64_t)fmin(epoch_s * 1000, EPOCH_MAX_MS) : 0;
    for (size_t k = 0; k < node->member_count; k++)
        node->members[k].present = false;
    json_array_foreach(active, i, entry)
    {
        if (i >= MEMBERS_MAX)
            break;
        if (json_is_string(entry))
            member_present(node, json_string_value(entry), NULL);
    }
    json_array_foreach(opportunities, i, entry)
    {
        if (i >= MEMBERS_MAX)
            break;
        member_present(node, payload_string(entry, "ai_id", ID_MAX), entry);
    }
    for (size_t k = 0; k < node->member_count; k++)
        if (!node->members[k].present) /* who went while this AI was away */
            sessions_presence(node, node->members[k].id, false);
    members_count(node);
    node_say(node, "Received TRAINING_SYNC: active AIs=%zu, collab opportunities=%zu",
             json_array_size(active), json_array_size(opportunities));
    json_t *knowledge = json_object_get(payload, "global_knowledge_base");
    elites_own(node, knowledge);
    sessions_taken_up(node, json_object_get(payload, "sessions"));
    json_decref(node->own_leases);
    node->own_leases = json_incref(json_object_get(payload, "leases"));
    if (json_is_false(json_object_get(payload, "truncated")))
        sharing_again(node, knowledge);
    elites_take(node, knowledge, json_object_get(payload, "ledger"));
}

static void take_hello(struct node *node, const char *sender, const json_t *payload)
{
    member_present(node, sender, payload);
    members_count(node);
}

static void take_presence(struct node *node, const char *sender, const json_t *payload)
{
    (void)sender;
    const char *id = payload_string(payload, "ai_id", ID_MAX);
    struct member *member = node_member(node, id, false);
    if (!member || strcmp(payload_string(payload, "status", 16), "left") != 0)
        return;
    member->present = false;
    members_count(node);
    sessions_presence(node, id, false);
}

static void take_pattern(struct node *node, const char *sender, const json_t *payload)
{
    checks_pattern(node, sender, json_object_get(payload, "pattern"));
}

static void take_component(struct node *node, const char *sender, const json_t *payload)
{
    checks_component(node, sender, json_object_get(payload, "component"));
}

static void take_update(struct node *node, const char *sender, const json_t *payload)
{
    (void)sender;
    sessions_updated(node, payload);
}

static void take_error(struct node *node, const char *sender, const json_t *payload)
{
    (void)sender;
    const char *code = payload_string(payload, "code", 64);
    if (strcmp(code, "replay_truncated") == 0) {
        node_say(node, "Not all that was said while this AI was away is kept: %s",
                 SAY(payload_string(payload, "detail", 1024)));
        return;
    }
    if (proofs_error(node, code, payload))
        return; /* said there, with what it means */
    if (feature_lease_error(node, payload))
        return;
    if (strcmp(code, "conflict") != 0) /* a conflict is everyday work */
        node_say(node, "the hub refused: %s: %s", SAY(code),
                 SAY(payload_string(payload, "detail", 1024)));
    sessions_error(node, code, payload);
}

static void take_caught_up(struct node *node, const char *sender, const json_t *payload)
{
    (void)sender, (void)payload;
    feature_leases_caught_up(node);
}

static void take_chat(struct node *node, const char *sender, const json_t *payload)
{
    node_say(node, "%s says: %s", SAY(sender), SAY(payload_string(payload, "text", 4096)));
}

static const struct {
    const char *type;
    void (*take)(struct node *node, const char *sender, const json_t *payload);
    unsigned levels; /* in the outermost of these, what jansson can't take is left out alone */
    bool from_hub;   /* only the hub's own are believed */
} takers[] = {
    {"hello", take_hello, 0, false},
    {"pattern_share", take_pattern, 0, false},
    {"code_share", checks_code, 0, false},
    {"os_component_share", take_component, 0, false},
    {"performance_report", sharing_report, 0, false},
    {"feature_request", feature_request, 0, false},
    {"feature_response", feature_response, 0, true},
    {"collaboration_request", sessions_asked, 0, false},
    {"collaboration_update", take_update, 0, true},
    {"workspace_update", sessions_workspace, 0, false},
    {"training_sync", take_sync, 3, true}, /* to each entry of shared_patterns */
    {"presence", take_presence, 0, true},
    {"challenge", proofs_challenge, 0, true},
    {"verification", checks_verification, 0, true},
    {"lease", feature_lease_told, 0, true},
    {"error", take_error, 1, true}, /* `value` may be anybody's */
    {"chat", take_chat, 0, false},
    {"caught_up", take_caught_up, 0, true},
};

static json_t *text_read(struct slice text)
{
    const size_t odd = JSON_DECODE_ANY | JSON_DECODE_INT_AS_REAL | JSON_ALLOW_NUL;
    json_t *json = json_loadb(text.at, text.len, JSON_DECODE_ANY, NULL);
    return json ? json : json_loadb(text.at, text.len, odd, NULL);
}

/* Takes over `member`. False when it can't be put in. */
static bool value_put(json_t *into, const json_t *name, json_t *member)
{
    if (json_is_array(into))
        return member && json_array_append_new(into, member) == 0;
    const char *key = json_string_value(name);
    if (member && key && strlen(key) == json_string_length(name))
        return json_object_set_new(into, key, member) == 0;
    json_decref(member);
    return false;
}

/* Value by value what jansson would not take as a whole: an integer over 64 bits becomes a real,
 * a text may hold NULs. What it takes in no way (1e999, a NUL in a name) is left out of the
 * outermost `levels` containers; further in, it makes all unreadable up to there. NULL:
 * unreadable. As deep as json_check let it be. */
static json_t *value_read(struct json_value value, unsigned levels)
{
    bool object = value.kind == JSON_KIND_OBJECT;
    if (value.kind == JSON_KIND_STRING) /* with its quotes */
        return text_read((struct slice){value.raw.at - 1, value.raw.len + 2});
    if (!object && value.kind != JSON_KIND_ARRAY)
        return text_read(value.raw);
    json_t *into = object ? json_object() : json_array();
    struct json_iterator iterator = {.rest = value.raw};
    struct json_value name, member;
    while (into && (object ? json_next_member(&iterator, &name, &member)
                           : json_next_element(&iterator, &member))) {
        json_t *key = object ? value_read(name, 0) : NULL;
        bool put = value_put(into, key, value_read(member, levels > 0 ? levels - 1 : 0));
        json_decref(key);
        if (!put && levels == 0) {
            json_decref(into);
            into = NULL;
        }
    }
    return into;
}

/* The hub relays any JSON, and jansson does not take all of it: one such number in the hub's
 * knowledge must not cost the rest. */
json_t *payload_read(struct slice text, unsigned levels, json_error_t *ret_error)
{
    json_t *payload = json_loadb(text.at, text.len, 0, ret_error);
    size_t at;
    if (payload || json_check(text, 2 * WIRE_DEPTH_MAX, &at) != JSON_FINE)
        return payload;
    return value_read(json_value_of(text), levels);
}

void node_message(struct node *node, const struct khub_message *message)
{
    for (size_t i = 0; i < sizeof takers / sizeof *takers; i++) {
        if (strcmp(takers[i].type, message->type.at) != 0)
            continue;
        if (takers[i].from_hub && strcmp(message->sender_id.at, "hub") != 0)
            return;
        json_error_t error;
        struct slice text = {message->payload.at, message->payload.len};
        json_t *payload = payload_read(text, takers[i].levels, &error);
        if (!json_is_object(payload)) {
            node->count.link_skipped++;
            node_say(node, "skipped a %s of %s: %s", takers[i].type, SAY(message->sender_id.at),
                     SAY(error.text));
        } else {
            node->current = message;
            takers[i].take(node, message->sender_id.at, payload);
            node->current = NULL;
        }
        json_decref(payload);
        return;
    }
}
