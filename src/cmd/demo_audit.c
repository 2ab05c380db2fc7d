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
                                 .log = json_object(),
                                 .gone_on = json_object(),
                                 .ended = json_object(),
                                 .things = json_object(),
                                 .shared = json_object(),
                                 .known = json_object(),
                                 .losses = json_array()};
}

void audit_free(struct demo_audit *audit)
{
    json_t *all[] = {audit->sessions, audit->told,   audit->log,   audit->gone_on, audit->ended,
                     audit->things,   audit->shared, audit->known, audit->losses};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        json_decref(all[i]);
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

static void thing_write(char thing[LINE_MAX_BYTES], const char *ai_id, bool pattern, const char *id)
{
    snprintf(thing, LINE_MAX_BYTES, "%s %s %s", ai_id,
             message_type_text(pattern ? MESSAGE_PATTERN_SHARE : MESSAGE_OS_COMPONENT_SHARE), id);
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
    thing_write(thing, message->sender_id.at, pattern, id);
    if (*id)
        json_object_set_new(audit->things, key, json_string(thing));
}

/* Adds to an array, which is made when it is not there yet. */
static void add_to(json_t *object, const char *key, json_t *value)
{
    json_t *array = json_object_get(object, key);
    if (!array) {
        array = json_array();
        json_object_set_new(object, key, array);
    }
    json_array_append_new(array, value);
}

static bool is_active(const char *status)
{
    return !*status || strcmp(status, "active") == 0 || strcmp(status, "pending") == 0;
}

/* When the hub was killed, what it had kept last nobody had seen yet: by that a session may have
 * ended, and was under way no more. Who joins then joins the hub that came back, maybe before this
 * observer does. */
static void session_told(struct demo_audit *audit, const struct khub_message *message,
                         struct json_value payload)
{
    OWNED char *session = field_string(payload, "session_id");
    OWNED char *status = field_string(payload, "status");
    bool back = (audit->began_seq && message->seq >= audit->began_seq) ||
                (audit->back_seq && message->seq > audit->back_seq);
    if (!json_object_get(audit->sessions, session))
        return;
    if (back)
        json_object_set_new(audit->gone_on, session, json_true());
    else if (strcmp(message->sender_id.at, "hub") == 0 && !is_active(status))
        json_object_set_new(audit->ended, session, json_true());
}

void audit_told(struct demo_audit *audit, const struct khub_message *message)
{
    char key[LINE_MAX_BYTES], place[U64_SIZE], line[2 * LINE_MAX_BYTES];
    key_write(key, sizeof key, message->sender_id.at, message->message_id.at);
    u64_format(message->seq, place);
    snprintf(line, sizeof line, "%s %s", key, message->type.at);
    add_to(audit->told, key, json_integer((json_int_t)message->seq));
    add_to(audit->log, place, json_string(line));
    audit->last_seq = message->seq > audit->last_seq ? message->seq : audit->last_seq;
    if (audit->killed && !audit->began_seq && message->seq > audit->killed_seq &&
        strcmp(message->type.at, message_type_text(MESSAGE_HELLO)) == 0)
        audit->began_seq = message->seq;
    struct json_value payload =
        json_value_of((struct slice){message->payload.at, message->payload.len});
    thing_told(audit, message, payload, key);
    session_told(audit, message, payload);
}

void audit_known(struct demo_audit *audit, const char *ai_id, bool pattern, const char *id)
{
    char thing[LINE_MAX_BYTES];
    thing_write(thing, ai_id, pattern, id);
    json_object_set_new(audit->known, thing, json_true());
}

struct acked {
    char message_id[130], type[64];
    uint64_t seq;
    size_t which; /* of the relayed types; RELAYED: its traces are others' */
};

/* What is known of a message that is missing, or in the wrong place. */
static json_t *loss_new(const struct demo_audit *audit, const char *of, const char *fault,
                        const char *ai_id, const struct acked *acked)
{
    char place[U64_SIZE], key[LINE_MAX_BYTES];
    u64_format(acked->seq, place);
    key_write(key, sizeof key, ai_id, acked->message_id);
    return json_pack("{s:s,s:s,s:s,s:s,s:s,s:I,s:O*,s:O*,s:O*}", "of", of, "fault", fault, "ai_id",
                     ai_id, "message_id", acked->message_id, "type", acked->type, "seq",
                     (json_int_t)acked->seq, "thing", json_object_get(audit->things, key), "told",
                     json_object_get(audit->told, key), "log", json_object_get(audit->log, place));
}

/* of: as the counts are called. */
static void count(struct demo_audit *audit, struct audit_count *counts, const char *of,
                  const char *ai_id, const struct acked *acked)
{
    char key[LINE_MAX_BYTES];
    key_write(key, sizeof key, ai_id, acked->message_id);
    const json_t *seqs = json_object_get(audit->told, key);
    size_t times = json_array_size(seqs);
    bool elsewhere =
        times > 0 && (uint64_t)json_integer_value(json_array_get(seqs, 0)) != acked->seq;
    const char *fault = times == 0  ? AUDIT_GONE
                        : times > 1 ? AUDIT_TWICE
                        : elsewhere ? AUDIT_ELSEWHERE
                                    : NULL;
    counts->counted++;
    counts->there += times > 0;
    counts->twice += times > 1 || elsewhere;
    if (fault)
        json_array_append_new(audit->losses, loss_new(audit, of, fault, ai_id, acked));
}

static bool line_read(const char *line, struct acked *ret_acked)
{
    if (sscanf(line, "%129s %" SCNu64 " %63s", ret_acked->message_id, &ret_acked->seq,
               ret_acked->type) != 3)
        return false;
    ret_acked->which = relayed_find(ret_acked->type);
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
    count(audit, &audit->all, "acked", ai_id, &acked);
    if (acked.seq <= audit->killed_seq)
        count(audit, &audit->before, "acked_before", ai_id, &acked);
    if (acked.which >= FIRST_SHARED) {
        const char *thing = json_string_value(json_object_get(audit->things, key));
        json_object_set_new(audit->shared, thing ? thing : key,
                            loss_new(audit, "shares", AUDIT_UNKNOWN, ai_id, &acked));
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

static void shares_end(struct demo_audit *audit)
{
    const char *thing;
    json_t *loss;
    json_object_foreach(audit->shared, thing, loss)
    {
        bool known = json_object_get(audit->known, thing);
        audit->shares.counted++;
        audit->shares.there += known;
        if (!known)
            json_array_append(audit->losses, loss);
    }
}

static void sessions_end(struct demo_audit *audit)
{
    const char *session;
    json_t *one;
    json_object_foreach(audit->sessions, session, one)
    {
        bool gone_on = json_object_get(audit->gone_on, session);
        if (json_object_get(audit->ended, session))
            continue;
        audit->sessions_count.counted++;
        audit->sessions_count.there += gone_on;
        if (!gone_on)
            json_array_append_new(audit->losses,
                                  json_pack("{s:s,s:s,s:s}", "of", "sessions", "fault",
                                            AUDIT_SILENT, "session_id", session));
    }
}

void audit_end(struct demo_audit *audit)
{
    shares_end(audit);
    sessions_end(audit);
}

static void add_places(struct text *text, const json_t *seqs)
{
    for (size_t i = 0; i < json_array_size(seqs); i++)
        text_addf(text, "%s%lld", i > 0 ? ", " : "",
                  (long long)json_integer_value(json_array_get(seqs, i)));
}

/* What the log has at the place where it should be; if nothing, how far the log goes. */
static void add_log(const struct demo_audit *audit, const json_t *loss, struct text *text)
{
    const json_t *lines = json_object_get(loss, "log");
    if (json_array_size(lines) == 0) {
        text_addf(text,
                  "; its log has nothing there (it was killed after seq %" PRIu64
                  ", back at %" PRIu64 ", and ends at %" PRIu64 ")",
                  audit->killed_seq, audit->began_seq ? audit->began_seq : audit->back_seq,
                  audit->last_seq);
        return;
    }
    text_add_literal(text, "; its log has there ");
    for (size_t i = 0; i < json_array_size(lines); i++)
        text_addf(text, "%s\"%s\"", i > 0 ? ", " : "", json_string_value(json_array_get(lines, i)));
}

void audit_loss_add(const struct demo_audit *audit, const json_t *loss, struct text *text)
{
    const char *session = json_string_value(json_object_get(loss, "session_id"));
    const char *fault = json_string_value(json_object_get(loss, "fault"));
    const char *thing = json_string_value(json_object_get(loss, "thing"));
    if (session) {
        text_addf(text, "session %s, %s", session, fault);
        return;
    }
    text_addf(text, "%s's %s %s, acked as seq %lld",
              json_string_value(json_object_get(loss, "ai_id")),
              json_string_value(json_object_get(loss, "type")),
              json_string_value(json_object_get(loss, "message_id")),
              (long long)json_integer_value(json_object_get(loss, "seq")));
    if (thing)
        text_addf(text, " (\"%s\")", thing);
    text_addf(text, ", is %s", fault);
    if (json_object_get(loss, "told")) {
        text_add_literal(text, ": the hub tells it as seq ");
        add_places(text, json_object_get(loss, "told"));
    }
    add_log(audit, loss, text);
}

bool audit_is_missing(const json_t *loss)
{
    const char *fault = json_string_value(json_object_get(loss, "fault"));
    return fault && strcmp(fault, AUDIT_TWICE) != 0 && strcmp(fault, AUDIT_ELSEWHERE) != 0;
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
