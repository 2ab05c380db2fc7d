/* The messages that add to what a room knows: pattern_share, code_share, os_component_share,
 * performance_report; and feature_request, which asks for it. */
#include <assert.h>
#include <stddef.h>
#include <stdio.h>

#include "core/effects.h"
#include "core/handlers.h"
#include "wire/shown.h"

/* One AI's share of the room's bytes: an eighth, and room for one line at the least. */
static size_t quota_share(const struct room_limits *limits)
{
    size_t share = limits->knowledge_max / KNOWLEDGE_SHARES;
    if (share >= limits->line_max)
        return share;
    return limits->line_max < limits->knowledge_max ? limits->line_max : limits->knowledge_max;
}

int quota_check(struct request *request)
{
    const struct room_limits *limits = &request->room->limits;
    return knowledge_fits(&request->room->knowledge, &request->growth, limits->knowledge_max,
                          quota_share(limits), request->refusal);
}

void quota_make_room(struct request *request)
{
    const struct room_limits *limits = &request->room->limits;
    knowledge_make_room(&request->room->knowledge, &request->growth, limits->knowledge_max,
                        quota_share(limits));
}

/* Finds the body of what is shared, and its members. */
static int body_find(struct request *request, const char *path, struct json_value body)
{
    static const struct json_place places[] = {
        {SLICE("id"), offsetof(struct body_members, id)},
        {SLICE("name"), offsetof(struct body_members, name)},
        {SLICE("source"), offsetof(struct body_members, source)},
        {SLICE("language"), offsetof(struct body_members, language)},
        {SLICE("parents"), offsetof(struct body_members, parents)},
        {SLICE("commitment_id"), offsetof(struct body_members, commitment_id)},
        {SLICE("subject"), offsetof(struct body_members, subject)},
        {SLICE("subject_version"), offsetof(struct body_members, subject_version)},
        {SLICE("nonce"), offsetof(struct body_members, nonce)},
        {SLICE("parameters"), offsetof(struct body_members, parameters)},
        {SLICE("ratio_heldout"), offsetof(struct body_members, ratio_heldout)},
        {SLICE("seeds"), offsetof(struct body_members, seeds)},
    };
    struct body_members *members = &request->found->body;
    int error = payload_object_of(request, body, path, &request->body);
    if (error == 0)
        json_get_members(request->body, places, sizeof places / sizeof *places, members);
    return error;
}

/* ── pattern_share, code_share ── */

struct share {
    const char *body_path, *id_path;
    enum section section;
    bool claims; /* it may be a claim */
};
static const struct share pattern = {"payload.pattern", "payload.pattern.id", SECTION_PATTERNS,
                                     true};
static const struct share code = {"payload.code", "payload.code.id", SECTION_COMPONENTS, false};

/* Room for an entry that may be a claim, in the place of the one that is held (NULL: a new one)? */
static int body_quota_check(struct request *request, const struct knowledge_entry *held,
                            struct slice key)
{
    bool claims = request->claiming.commitment || (held && held->claim);
    size_t cost = knowledge_cost(key, request->body.raw, request->message->timestamp) +
                  (claims ? CLAIM_OVERHEAD : 0);
    request->growth = knowledge_growth_put(held, request->message->sender_id, cost);
    return request->room ? quota_check(request) : 0;
}

/* Of several that an id names, a pattern comes first, then a feature: those can be claims. */
static struct knowledge_entry *parent_find(const struct knowledge *knowledge,
                                           struct json_value parent)
{
    char buffer[COMPONENT_ID_BYTES_MAX];
    struct knowledge_entry *named[NAMED_MAX];
    long len = parent.kind == JSON_KIND_STRING ? json_decode(parent, buffer, sizeof buffer) : -1;
    if (len <= 0)
        return NULL;
    knowledge_named(knowledge, (struct slice){buffer, (size_t)len}, named);
    return named[0] ? named[0] : named[2] ? named[2] : named[1];
}

/* Of those that the body names: how many are known, which go to ret_parents. */
static size_t parents_find(const struct request *request,
                           struct knowledge_entry *ret_parents[PARENTS_MAX])
{
    struct json_value parents = request->found->body.parents, parent;
    struct json_iterator elements = {.rest = parents.raw};
    size_t count = 0;
    if (parents.kind != JSON_KIND_ARRAY)
        return 0;
    for (size_t i = 0; i < PARENTS_MAX && json_next_element(&elements, &parent); i++) {
        struct knowledge_entry *found = parent_find(&request->room->knowledge, parent);
        if (found)
            ret_parents[count++] = found;
    }
    return count;
}

/* What was held back of what the entry (NULL: none) claims, and will claim no more, is told. */
static void claim_withdraw(struct request *request, const struct knowledge_entry *entry)
{
    if (entry && entry->claim && entry->claim->live && !entry->claim->seal->broken &&
        !claim_stays(entry, request->claiming.commitment ? &request->claiming : NULL))
        seal_break(request, entry->claim->seal);
}

/* What is shared is known, and what it claims is claimed. */
static void body_put(struct request *request, enum section section, struct slice id,
                     struct slice own_id)
{
    struct knowledge *knowledge = &request->room->knowledge;
    quota_make_room(request);
    claim_withdraw(request, knowledge_find(knowledge, section, id));
    struct knowledge_entry *entry =
        knowledge_put(knowledge, section,
                      &(struct sharing){.id = id,
                                        .body = request->body.raw,
                                        .contributor = request->member->key,
                                        .timestamp = request->message->timestamp,
                                        .own_id = own_id,
                                        .seq = request->entry->seq,
                                        .time_ms = request->entry->time_ms});
    struct knowledge_entry *parents[PARENTS_MAX];
    struct claiming claiming = request->claiming;
    bool claims = claiming.commitment != NULL;
    if (claims) {
        claiming.parents = parents;
        claiming.parent_count = parents_find(request, parents);
    }
    if (claims || entry->claim) {
        claim_put(knowledge, entry, claims ? &claiming : NULL);
        knowledge_weigh(knowledge, entry);
        claim_made(request);
    }
    hub_note(request->hub, request->from, HUB_KNOWLEDGE, id, slice_of(section_text(section)));
}

/* What an admin took back nobody shares again under its id. */
static int retracted_refuse(struct request *request, const struct knowledge_entry *entry,
                            struct slice id)
{
    ruling_write(&entry->retracted, &request->extra);
    return refuse(request->refusal, WIRE_RETRACTED, "\"%.*s\" was retracted by \"%.*s\": %.*s",
                  SLICE_FORMAT(id), SLICE_FORMAT(entry->retracted.by),
                  SLICE_FORMAT(entry->retracted.reason));
}

static struct json_value share_body(struct request *request, const struct share *share)
{
    const struct payload_members *members = payload_members(request);
    return share == &code ? members->code : members->pattern;
}

static int share_check(struct request *request, const struct share *share)
{
    char buffer[COMPONENT_ID_BYTES_MAX];
    struct slice id;
    int error;
    if ((error = body_find(request, share->body_path, share_body(request, share))) < 0 ||
        (error = payload_text_of(request, request->found->body.id, share->id_path, OPTIONAL,
                                 sizeof buffer, buffer, &id)) < 0)
        return error;
    const struct knowledge_entry *held =
        request->room && id.len ? knowledge_find(&request->room->knowledge, share->section, id)
                                : NULL;
    if (held && held->retracted.by.len)
        return retracted_refuse(request, held, id);
    if (held && !slice_equal(held->contributor->key, request->message->sender_id))
        return refuse(request->refusal, WIRE_NOT_OWNER,
                      "\"%.*s\" was contributed by \"%.*s\"; take another id", SLICE_FORMAT(id),
                      SLICE_FORMAT(held->contributor->key));
    if (share->claims && (error = claim_check(request, share->body_path)) < 0)
        return error;
    if (!id.len)
        id.len = UUID_SIZE - 1; /* the hub will make one */
    return body_quota_check(request, held, id);
}

static void share_proceed(struct request *request, const struct share *share)
{
    char buffer[COMPONENT_ID_BYTES_MAX];
    struct slice id;
    payload_text_of(request, request->found->body.id, share->id_path, OPTIONAL, sizeof buffer,
                    buffer, &id);
    if (!id.len) {
        hub_uuid(request->hub, request->room->key, request->entry->seq, request->made++, buffer);
        id.len = UUID_SIZE - 1;
    }
    body_put(request, share->section, id, (struct slice){NULL, 0});
}

int pattern_check(struct request *request)
{
    return share_check(request, &pattern);
}

void pattern_proceed(struct request *request)
{
    share_proceed(request, &pattern);
}

/* What tells a reader what the code is. */
int code_check(struct request *request)
{
    int error = share_check(request, &code);
    if (error < 0 ||
        (error = payload_check_string(request, request->found->body.name, "payload.code.name")) <
            0 ||
        (error =
             payload_check_string(request, request->found->body.source, "payload.code.source")) < 0)
        return error;
    return payload_check_string(request, request->found->body.language, "payload.code.language");
}

void code_proceed(struct request *request)
{
    share_proceed(request, &code);
}

/* ── os_component_share ── */

#define COMPONENT_NAME_MAX 256u
#define FEATURE_KEY_MAX    (WIRE_ID_MAX + COMPONENT_NAME_MAX + 64u)

/* A component that was taken back does not come again from its author under another key. */
static int own_id_check(struct request *request, struct slice own_id)
{
    const struct alias *alias =
        request->room && own_id.len ? index_find(&request->room->knowledge.aliases, own_id) : NULL;
    const struct knowledge_entry *entry = alias ? alias->entry : NULL;
    if (!entry || !entry->retracted.by.len ||
        !slice_equal(entry->contributor->key, request->message->sender_id))
        return 0;
    return retracted_refuse(request, entry, own_id);
}

int component_check(struct request *request)
{
    char name[COMPONENT_NAME_MAX], id[COMPONENT_ID_BYTES_MAX];
    struct slice text;
    int error;
    if ((error = body_find(request, "payload.component", payload_members(request)->component)) <
            0 ||
        (error = payload_text_of(request, request->found->body.name, "payload.component.name",
                                 OPTIONAL, sizeof name, name, &text)) < 0 ||
        (error = payload_text_of(request, request->found->body.id, "payload.component.id", OPTIONAL,
                                 sizeof id, id, &text)) < 0 ||
        (error = own_id_check(request, text)) < 0 || (error = completion_check(request)) < 0 ||
        (error = claim_check(request, "payload.component")) < 0)
        return error;
    return body_quota_check(request, NULL, (struct slice){NULL, FEATURE_KEY_MAX});
}

static struct slice feature_key_numbered(char buffer[FEATURE_KEY_MAX], size_t stem, unsigned number)
{
    struct slice key = {buffer, stem};
    if (number > 1)
        key.len += (size_t)snprintf(buffer + stem, FEATURE_KEY_MAX - stem, "_%u", number);
    return key;
}

/* The first free one of stem, stem_2, stem_3… They are taken in order, so it is found by
 * doubling and halving: an AI that shares thousands in a second doesn't make the hub count
 * through them. */
static struct slice feature_key_unclashed(const struct room *room, char buffer[FEATURE_KEY_MAX],
                                          size_t stem)
{
    unsigned taken = 0, open = 1;
    while (knowledge_find(&room->knowledge, SECTION_FEATURES,
                          feature_key_numbered(buffer, stem, open))) {
        taken = open;
        open *= 2;
    }
    while (open - taken > 1) {
        unsigned middle = taken + (open - taken) / 2;
        if (knowledge_find(&room->knowledge, SECTION_FEATURES,
                           feature_key_numbered(buffer, stem, middle)))
            taken = middle;
        else
            open = middle;
    }
    return feature_key_numbered(buffer, stem, open);
}

/* "{sender}_{name}_{unix seconds}", the seed's; a clash gets _2, _3… */
static struct slice feature_key(const struct request *request, char buffer[FEATURE_KEY_MAX])
{
    char name_buffer[COMPONENT_NAME_MAX];
    struct slice name, sender = request->member->key;
    payload_text_of(request, request->found->body.name, "payload.component.name", OPTIONAL,
                    sizeof name_buffer, name_buffer, &name);
    if (!name.len)
        name = slice_of("unknown");
    /* written by hand: a name may hold NULs, at which printf's "%.*s" would stop */
    memcpy(buffer, sender.at, sender.len);
    buffer[sender.len] = '_';
    memcpy(buffer + sender.len + 1, name.at, name.len);
    size_t stem = sender.len + 1 + name.len;
    stem += (size_t)snprintf(buffer + stem, FEATURE_KEY_MAX - stem, "_%lld",
                             (long long)(request->entry->time_ms / 1000));
    return feature_key_unclashed(request->room, buffer, stem);
}

void component_proceed(struct request *request)
{
    char key_buffer[FEATURE_KEY_MAX], id_buffer[COMPONENT_ID_BYTES_MAX];
    struct slice id, key = feature_key(request, key_buffer);
    payload_text_of(request, request->found->body.id, "payload.component.id", OPTIONAL,
                    sizeof id_buffer, id_buffer, &id);
    body_put(request, SECTION_FEATURES, key, id);
    if (request->session)
        session_complete(request);
}

/* ── performance_report ── */

/* A score that is no share of a whole would count as one: absent and null are none. */
static int score_read(struct request *request, double *ret_score)
{
    struct json_value score = json_get(request->body, "score");
    char excerpt[EXCERPT_SIZE];
    *ret_score = -1;
    if (score.kind == JSON_KIND_ABSENT || score.kind == JSON_KIND_NULL)
        return 0;
    if (json_number(score, ret_score) == 0 && *ret_score >= 0 && *ret_score <= 1)
        return 0;
    return refuse(request->refusal, WIRE_BAD_PAYLOAD,
                  "payload.performance.score must be a number from 0 to 1, and is %s",
                  excerpt_format(score.raw, excerpt));
}

/* What the report says and of whom; the id goes to buffer. */
static int report_read(struct request *request, char buffer[COMPONENT_ID_BYTES_MAX],
                       struct slice *ret_id, struct reporting *ret_reporting)
{
    const struct payload_members *members = payload_members(request);
    int error = payload_text_of(request, members->component_id, "payload.component_id", REQUIRED,
                                COMPONENT_ID_BYTES_MAX, buffer, ret_id);
    if (error == 0)
        error =
            payload_object_of(request, members->performance, "payload.performance", &request->body);
    if (error == 0)
        error = score_read(request, &ret_reporting->score);
    ret_reporting->reporter = request->message->sender_id;
    ret_reporting->owner = request_owner(request);
    ret_reporting->seal = NULL;
    ret_reporting->timestamp = request->message->timestamp;
    ret_reporting->seq = request->entry ? request->entry->seq : 0;
    ret_reporting->metrics = request->body;
    return error;
}

/* At the most: it is kept with the benchmarks, and with a pattern, a component and a feature of
 * that id and what they claim. Mostly there is room for all that, and nothing more to be known. */
static struct growth report_growth_most(const struct knowledge *knowledge, struct slice id,
                                        const struct reporting *reporting)
{
    int64_t each = (int64_t)(knowledge_cost(id, reporting->metrics.raw, reporting->timestamp) +
                             reporting->reporter.len);
    return (struct growth){
        .ai_id = reporting->reporter,
        .bytes = (1 + NAMED_MAX) * each + NAMED_MAX * (int64_t)verifier_cost_most(reporting),
        .own = (1 + NAMED_MAX) * each,
        .stays = knowledge_find(knowledge, SECTION_BENCHMARKS, id),
    };
}

int report_check(struct request *request)
{
    char buffer[COMPONENT_ID_BYTES_MAX];
    struct slice id;
    struct reporting reporting;
    int error = report_read(request, buffer, &id, &reporting);
    if (error < 0 || !request->room)
        return error;
    const struct knowledge *knowledge = &request->room->knowledge;
    struct knowledge_entry *named[NAMED_MAX];
    if (knowledge->retracted) {
        knowledge_named(knowledge, id, named);
        const struct knowledge_entry *retracted = knowledge_standing(named);
        if (retracted && !named[0] && !named[1] && !named[2])
            return retracted_refuse(request, retracted, id);
    }
    request->growth = report_growth_most(knowledge, id, &reporting);
    if (quota_check(request) == 0)
        return 0;
    knowledge_named(knowledge, id, named);
    knowledge_standing(named);
    request->growth = knowledge_growth_report(knowledge, id, &reporting, named);
    return quota_check(request);
}

void report_proceed(struct request *request)
{
    char buffer[COMPONENT_ID_BYTES_MAX];
    struct slice id;
    struct claim_change changes[NAMED_MAX];
    struct knowledge_entry *named[NAMED_MAX];
    struct knowledge *knowledge = &request->room->knowledge;
    struct reporting reporting;
    size_t count = 0;
    int error = report_read(request, buffer, &id, &reporting);
    assert(error == 0); /* checked before */
    (void)error;
    quota_make_room(request);
    knowledge_named(knowledge, id, named);
    knowledge_standing(named);
    for (size_t i = 0; i < NAMED_MAX; i++)
        if (named[i] && !reporting.seal)
            reporting.seal = claim_holds_back(named[i], reporting.metrics);
    for (size_t i = 0; i < NAMED_MAX; i++)
        if (named[i] && claim_report(knowledge, named[i], &reporting, &changes[count]))
            count++;
    knowledge_report(knowledge, id, &reporting, named);
    hub_note(request->hub, request->from, HUB_KNOWLEDGE, id,
             slice_of(section_text(SECTION_BENCHMARKS)));
    if (reporting.seal)
        request->target = NULL; /* the hub alone reads it */
    else
        relay_message(request); /* first what was said, then what follows from it */
    request->handled = true;
    for (size_t i = 0; i < count; i++)
        verification_tell(request, &changes[i]);
    seals_measured(request, named);
}

/* ── feature_request ── */

static int feature_read(struct request *request, char buffer[COMPONENT_ID_BYTES_MAX],
                        struct slice *ret_feature)
{
    return payload_text(request, request->message->payload, "payload.feature", REQUIRED,
                        COMPONENT_ID_BYTES_MAX, buffer, ret_feature);
}

int feature_check(struct request *request)
{
    char buffer[COMPONENT_ID_BYTES_MAX];
    struct slice feature;
    size_t requirements = json_get(request->message->payload, "requirements").raw.len;
    if (requirements > REQUIREMENTS_BYTES_MAX) /* they are said again to each who is asked */
        return refuse(request->refusal, WIRE_BAD_PAYLOAD,
                      "payload.requirements has %zu bytes, and may have %u", requirements,
                      REQUIREMENTS_BYTES_MAX);
    return feature_read(request, buffer, &feature);
}

/* {"original_request":{…},"requestor":… — and no brace yet */
static void feature_write(const struct request *request, struct text *text)
{
    struct json_value payload = request->message->payload;
    struct json_value requirements = json_get(payload, "requirements");
    text_add_literal(text, "{\"original_request\":{\"feature\":\"");
    text_add(text, json_get(payload, "feature").raw);
    text_add_literal(text, "\",\"requirements\":");
    if (requirements.kind == JSON_KIND_STRING)
        text_add(text, (struct slice){requirements.raw.at - 1, requirements.raw.len + 2});
    else
        text_add(text, requirements.kind == JSON_KIND_ABSENT ? slice_of("{}") : requirements.raw);
    text_add_literal(text, "},\"requestor\":");
    text_add_string(text, request->member->key);
    text_add_literal(text, ",\"request_id\":");
    text_add_string(text, request->message->message_id);
}

/* What an asked AI gets: one line for each, since target_ai names it. */
static void feature_ask(struct request *request, const struct member *asked)
{
    struct outgoing outgoing;
    struct text *text =
        hub_message_begin(request, MESSAGE_FEATURE_RESPONSE, slice_of("hub"), asked->key);
    feature_write(request, text);
    text_add_literal(text, "}");
    hub_message_end(request, MESSAGE_FEATURE_RESPONSE, &outgoing);
    effect_to_member(request, &outgoing, asked);
}

static void feature_tell_requestor(struct request *request, struct slice asked)
{
    struct outgoing outgoing;
    struct text *text =
        hub_message_begin(request, MESSAGE_FEATURE_RESPONSE, slice_of("hub"), request->member->key);
    feature_write(request, text);
    text_add_literal(text, ",\"asked\":[");
    text_add(text, asked);
    text_add_literal(text, "]}");
    hub_message_end(request, MESSAGE_FEATURE_RESPONSE, &outgoing);
    effect_to_member(request, &outgoing, request->member);
}

void feature_proceed(struct request *request)
{
    struct room *room = request->room;
    char buffer[COMPONENT_ID_BYTES_MAX];
    struct slice feature;
    struct text asked = {0};
    feature_read(request, buffer, &feature);
    capability_mark_containing(room, feature);
    for (size_t i = 0; i < room->seat_count; i++) {
        const struct member *member = room->seats[i].member;
        if (member == request->member || member->observer || !member_has_marked(room, member))
            continue;
        feature_ask(request, member);
        if (asked.len)
            text_add_literal(&asked, ",");
        text_add_string(&asked, member->key);
    }
    if (request->member->level == 2)
        feature_tell_requestor(request, text_slice(&asked));
    text_free(&asked);
}
