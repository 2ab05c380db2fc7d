#include "cmd/demo_audit.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cmd/fields.h"
#include "wire/types.h"

#define LINE_MAX_BYTES 512

/* Types that are relayed as they are said, under their own message_id; the last two count as
 * shares. (Reports mostly are not: they are held back, and told in the hub's own verifications.) */
static const enum message_type relayed[] = {MESSAGE_CHAT, MESSAGE_CODE_SHARE,
                                            MESSAGE_FEATURE_REQUEST, MESSAGE_PATTERN_SHARE,
                                            MESSAGE_OS_COMPONENT_SHARE};
#define RELAYED      (sizeof relayed / sizeof *relayed)
#define FIRST_SHARED (RELAYED - 2)

void audit_begin(struct demo_audit *audit)
{
    *audit = (struct demo_audit){.sessions = json_object(),
                                 .told = json_object(),
                                 .gone_on = json_object(),
                                 .things = json_object(),
                                 .shared = json_object()};
}

void audit_free(struct demo_audit *audit)
{
    json_decref(audit->sessions);
    json_decref(audit->told);
    json_decref(audit->gone_on);
    json_decref(audit->things);
    json_decref(audit->shared);
    *audit = (struct demo_audit){0};
}

void audit_kill(struct demo_audit *audit, uint64_t seq, json_t *sessions)
{
    audit->killed_seq = seq;
    json_object_clear(audit->sessions);
    json_object_update(audit->sessions, sessions);
}

void audit_back(struct demo_audit *audit, uint64_t seq)
{
    if (audit->killed && !audit->back_seq)
        audit->back_seq = seq;
}

static void key_write(char *key, size_t size, const char *ai_id, const char *message_id)
{
    snprintf(key, size, "%s %s", ai_id, message_id);
}

/* RELAYED: none of these. */
static size_t relayed_find(const char *type)
{
    size_t i = 0;
    while (i < RELAYED && strcmp(message_type_text(relayed[i]), type) != 0)
        i++;
    return i;
}

/* What is shared again under its id, as a later revision, is one thing. */
static void thing_told(struct demo_audit *audit, const struct khub_message *message,
                       struct json_value payload, const char *key)
{
    size_t which = relayed_find(message->type.at);
    if (which < FIRST_SHARED || which == RELAYED)
        return;
    bool pattern = relayed[which] == MESSAGE_PATTERN_SHARE;
    OWNED char *id = field_string(json_get(payload, pattern ? "pattern" : "component"), "id");
    char thing[LINE_MAX_BYTES];
    snprintf(thing, sizeof thing, "%s %s %s", message->sender_id.at, message->type.at, id);
    if (*id)
        json_object_set_new(audit->things, key, json_string(thing));
}

void audit_told(struct demo_audit *audit, const struct khub_message *message)
{
    char key[LINE_MAX_BYTES];
    key_write(key, sizeof key, message->sender_id.at, message->message_id.at);
    json_t *seqs = json_object_get(audit->told, key);
    if (!seqs) {
        seqs = json_array();
        json_object_set_new(audit->told, key, seqs);
    }
    json_array_append_new(seqs, json_integer((json_int_t)message->seq));
    struct json_value payload =
        json_value_of((struct slice){message->payload.at, message->payload.len});
    thing_told(audit, message, payload, key);
    if (!audit->back_seq || message->seq <= audit->back_seq)
        return;
    OWNED char *session = field_string(payload, "session_id");
    if (json_object_get(audit->sessions, session))
        json_object_set_new(audit->gone_on, session, json_true());
}

static void count(struct audit_count *counts, const json_t *seqs, uint64_t seq)
{
    size_t times = json_array_size(seqs);
    bool elsewhere = times > 0 && (uint64_t)json_integer_value(json_array_get(seqs, 0)) != seq;
    counts->counted++;
    counts->there += times > 0;
    counts->twice += times > 1 || elsewhere;
}

struct acked {
    char message_id[130];
    uint64_t seq;
    size_t which; /* of the relayed types; RELAYED: its traces are others' */
};

static bool line_read(const char *line, struct acked *ret_acked)
{
    char type[64];
    if (sscanf(line, "%129s %" SCNu64 " %63s", ret_acked->message_id, &ret_acked->seq, type) != 3)
        return false;
    ret_acked->which = relayed_find(type);
    return true;
}

static bool line_take(struct demo_audit *audit, const char *ai_id, const char *line)
{
    struct acked acked;
    char key[LINE_MAX_BYTES];
    if (!line_read(line, &acked))
        return false;
    if (acked.which == RELAYED)
        return true;
    key_write(key, sizeof key, ai_id, acked.message_id);
    const json_t *seqs = json_object_get(audit->told, key);
    count(&audit->all, seqs, acked.seq);
    if (acked.seq <= audit->killed_seq)
        count(&audit->before, seqs, acked.seq);
    if (acked.which >= FIRST_SHARED) {
        const char *thing = json_string_value(json_object_get(audit->things, key));
        json_object_set_new(audit->shared, thing ? thing : key, json_true());
    }
    return true;
}

bool audit_has_acked(const char *path, uint64_t seq)
{
    char line[LINE_MAX_BYTES];
    struct acked acked;
    bool has = false;
    FILE *file = fopen(path, "re");
    while (file && !has && fgets(line, sizeof line, file))
        has = line_read(line, &acked) && acked.which < RELAYED && acked.seq <= seq;
    if (file)
        fclose(file);
    return has;
}

int audit_acked(struct demo_audit *audit, const char *ai_id, const char *path)
{
    char line[LINE_MAX_BYTES];
    bool whole = true;
    FILE *file = fopen(path, "re");
    if (!file)
        return -1;
    while (whole && fgets(line, sizeof line, file))
        whole = line_take(audit, ai_id, line);
    whole = whole && !ferror(file);
    fclose(file);
    return whole ? 0 : -1;
}

void audit_end(struct demo_audit *audit, unsigned known)
{
    struct audit_count *shares = &audit->shares;
    shares->counted = (unsigned)json_object_size(audit->shared);
    shares->there = known < shares->counted ? known : shares->counted; /* one may be unacked yet */
    audit->sessions_count =
        (struct audit_count){.counted = (unsigned)json_object_size(audit->sessions),
                             .there = (unsigned)json_object_size(audit->gone_on)};
}

bool audit_failed(const struct audit_count *count)
{
    return count->there != count->counted || count->twice > 0;
}

bool audit_nothing_lost(const struct demo_audit *audit)
{
    return audit->killed && !audit_failed(&audit->before) && !audit_failed(&audit->all) &&
           !audit_failed(&audit->shares) && !audit_failed(&audit->sessions_count);
}
