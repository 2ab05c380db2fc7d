/* Publishing: JSON written, checked against the limits, and put in the queue. Nothing here
 * touches the socket. */
#include <assert.h>
#include <sys/random.h>
#include <time.h>

#include "client/link.h"
#include "wire/commitment.h"
#include "wire/json.h"
#include "wire/message.h"
#include "wire/utf8.h"

/* A member of a payload. Those that are NULL or empty lists are left out if optional, else
 * refused. */
enum field_kind {
    FIELD_STRING,
    FIELD_OPTIONAL, /* a string, or NULL */
    FIELD_OBJECT,   /* JSON text of an object */
    FIELD_JSON,     /* JSON text of anything */
    FIELD_LIST,     /* strings, or NULL: [] */
    FIELD_BOOL,
    FIELD_COUNT,
    FIELD_SHARE /* 0..1 */
};

struct field {
    const char *name;
    enum field_kind kind;
    const char *text;
    const char *const *list;
    uint64_t count; /* of FIELD_BOOL too */
    double share;
};

void text_add_list(struct text *text, const char *const *list)
{
    text_add_literal(text, "[");
    for (size_t i = 0; list && list[i]; i++) {
        if (i > 0)
            text_add_literal(text, ",");
        text_add_string(text, slice_of(list[i]));
    }
    text_add_literal(text, "]");
}

bool link_id_fits(const char *id)
{
    return message_id_fits(slice_of(id)) && utf8_valid(slice_of(id));
}

/* Appends a JSON text of the caller's, on one line: line ends between its tokens (within strings
 * there are none) become spaces. */
static int json_add(struct khub *link, struct text *text, const char *json, unsigned depth_max,
                    bool object)
{
    if (!json)
        return KHUB_E_ARGUMENT;
    struct slice slice = slice_of(json);
    if (slice.len > link->line_limit)
        return KHUB_E_TOO_LONG;
    size_t at;
    if (json_check(slice, depth_max, &at) != JSON_FINE)
        return KHUB_E_ARGUMENT;
    if (object && json_value_of(slice).kind != JSON_KIND_OBJECT)
        return KHUB_E_ARGUMENT;
    size_t from = text->len;
    text_add(text, slice);
    for (size_t i = from; !text->failed && i < text->len; i++)
        if (text->at[i] == '\n' || text->at[i] == '\r')
            text->at[i] = ' ';
    return 0;
}

/* printf would write the comma of some locales. */
static int share_add(struct text *text, double share)
{
    if (!(share >= 0.0 && share <= 1.0))
        return KHUB_E_ARGUMENT;
    unsigned millionths = (unsigned)(share * 1e6 + 0.5);
    text_addf(text, "%u.%06u", millionths / 1000000, millionths % 1000000);
    return 0;
}

static int field_add(struct khub *link, struct text *text, const struct field *field)
{
    switch (field->kind) {
    case FIELD_STRING:
    case FIELD_OPTIONAL:
        if (!field->text || !utf8_valid(slice_of(field->text)))
            return KHUB_E_ARGUMENT;
        text_add_string(text, slice_of(field->text));
        return 0;
    case FIELD_OBJECT:
    case FIELD_JSON:
        return json_add(link, text, field->text, WIRE_DEPTH_MAX - 1, field->kind == FIELD_OBJECT);
    case FIELD_LIST:
        text_add_list(text, field->list);
        return 0;
    case FIELD_BOOL:
        text_add_literal(text, field->count ? "true" : "false");
        return 0;
    case FIELD_COUNT:
        text_addf(text, "%llu", (unsigned long long)field->count);
        return 0;
    case FIELD_SHARE:
        return share_add(text, field->share);
    }
    return KHUB_E_ARGUMENT;
}

static int payload_add(struct khub *link, struct text *text, const struct field *fields,
                       size_t count)
{
    const char *before = "{";
    for (size_t i = 0; i < count; i++) {
        if (fields[i].kind == FIELD_OPTIONAL && !fields[i].text)
            continue;
        text_addf(text, "%s\"%s\":", before, fields[i].name);
        int error = field_add(link, text, &fields[i]);
        if (error < 0)
            return error;
        before = ",";
    }
    text_add_literal(text, count > 0 ? "}" : "{}");
    return 0;
}

static int uuid_make(char ret_uuid[UUID_SIZE])
{
    uint8_t random[16];
    if (getrandom(random, sizeof random, 0) != sizeof random)
        return KHUB_E_SYSTEM;
    uuid_format(random, ret_uuid);
    return 0;
}

/* Starts the draft of a line: all up to its payload. */
static int draft_begin_as(struct khub *link, enum message_type type, const char *target,
                          const char *message_id)
{
    if (target && target[0] && !link_id_fits(target))
        return KHUB_E_ARGUMENT;
    char timestamp[TIMESTAMP_SIZE];
    timestamp_format(time_now_ms(), timestamp);
    text_clear(&link->draft);
    message_begin(&link->draft, slice_of(message_id), slice_of(link->ai_id), type,
                  slice_of(timestamp), slice_of(target ? target : ""));
    return 0;
}

/* The same under a message_id that nobody has had. */
static int draft_begin(struct khub *link, enum message_type type, const char *target,
                       char ret_message_id[UUID_SIZE])
{
    int error = uuid_make(ret_message_id);
    return error < 0 ? error : draft_begin_as(link, type, target, ret_message_id);
}

/* A draft that was long, or that ran out of memory (which is sticky), is let go. */
static void draft_done(struct khub *link)
{
    if (link->draft.failed || link->draft.capacity > SCRATCH_KEPT)
        text_free(&link->draft);
}

/* Ends the draft and puts it in an outbox. */
static int draft_push(struct khub *link, struct outbox *outbox, size_t max)
{
    message_end(&link->draft);
    if (link->draft.failed)
        return KHUB_E_NO_MEMORY;
    if (link->draft.len > link->line_limit)
        return KHUB_E_TOO_LONG;
    return outbox_push(outbox, text_slice(&link->draft), max);
}

static int queue_push(struct khub *link)
{
    bool idle = outbox_unsent(&link->queue).len == 0;
    int error = draft_push(link, &link->queue, link->queue_max);
    if (error == 0 && idle && link->state == KHUB_JOINED)
        link->again = true;
    return error;
}

/* A message of the application's; with acks it is kept until it is answered. What the hub
 * answers by itself has no acks. */
static bool is_acked(enum message_type type)
{
    return type != MESSAGE_HEARTBEAT && !message_type_is_query(type);
}

static int message_push(struct khub *link, enum message_type type, const char *message_id,
                        khub_outcome_callback *callback, void *data)
{
    if (!link->acks || !is_acked(type))
        return queue_push(link);
    message_end(&link->draft);
    if (link->draft.failed)
        return KHUB_E_NO_MEMORY;
    struct slice line = text_slice(&link->draft);
    if (line.len > link->line_limit)
        return KHUB_E_TOO_LONG;
    int error = unacked_add(link, message_id, line, callback, data);
    if (error < 0 || link->state != KHUB_JOINED)
        return error;
    error = outbox_push(&link->queue, line, SIZE_MAX);
    if (error < 0)
        unacked_remove_last(link);
    link->again = true;
    return error;
}

static bool may_publish(const struct khub *link)
{
    assert(link->magic == LINK_MAGIC);
    return !link->closing && link->state != KHUB_ENDED;
}

static int publish(struct khub *link, enum message_type type, const char *target,
                   const struct field *fields, size_t count)
{
    if (!may_publish(link))
        return KHUB_E_CLOSED;
    char message_id[UUID_SIZE];
    int error = draft_begin(link, type, target, message_id);
    if (error == 0)
        error = payload_add(link, &link->draft, fields, count);
    if (error == 0)
        error = message_push(link, type, message_id, NULL, NULL);
    draft_done(link);
    return error;
}
#define PUBLISH(link, type, target, fields)                                                        \
    publish(link, type, target, fields, sizeof(fields) / sizeof((fields)[0]))

/* message_id: NULL: one is made. */
static int publish_text(struct khub *link, const char *message_id, const char *type,
                        const char *payload, const char *target, khub_outcome_callback *callback,
                        void *data, char *ret_message_id)
{
    enum message_type known;
    char made[UUID_SIZE];
    if (!type || message_type_find(slice_of(type), &known) < 0 ||
        !message_type_from_client(known) || known == MESSAGE_HELLO || known == MESSAGE_LEAVE)
        return KHUB_E_ARGUMENT;
    if (!may_publish(link))
        return KHUB_E_CLOSED;
    int error = message_id ? draft_begin_as(link, known, target, message_id)
                           : draft_begin(link, known, target, made);
    if (error == 0)
        error = json_add(link, &link->draft, payload, WIRE_DEPTH_MAX, true);
    if (error == 0)
        error = message_push(link, known, message_id ? message_id : made, callback, data);
    draft_done(link);
    if (error == 0 && ret_message_id)
        memcpy(ret_message_id, made, sizeof made);
    return error;
}

int khub_publish(struct khub *link, const char *type, const char *payload, const char *target,
                 char *ret_message_id)
{
    return publish_text(link, NULL, type, payload, target, NULL, NULL, ret_message_id);
}

/* Whether messages of this type can be followed on this link; a type that is none is refused
 * later. */
static bool may_follow(const struct khub *link, const char *type)
{
    enum message_type known;
    assert(link->magic == LINK_MAGIC);
    return link->acks && type && (message_type_find(slice_of(type), &known) < 0 || is_acked(known));
}

int khub_publish_acked(struct khub *link, const char *type, const char *payload, const char *target,
                       khub_outcome_callback *callback, void *data, char *ret_message_id)
{
    if (!may_follow(link, type))
        return KHUB_E_ARGUMENT;
    return publish_text(link, NULL, type, payload, target, callback, data, ret_message_id);
}

int khub_publish_as(struct khub *link, const char *message_id, const char *type,
                    const char *payload, const char *target, khub_outcome_callback *callback,
                    void *data)
{
    if (!may_follow(link, type) || !message_id || !link_id_fits(message_id) ||
        strlen(message_id) >= UUID_SIZE)
        return KHUB_E_ARGUMENT;
    return publish_text(link, message_id, type, payload, target, callback, data, NULL);
}

int khub_share_pattern(struct khub *link, const char *pattern)
{
    const struct field fields[] = {{"pattern", FIELD_OBJECT, .text = pattern}};
    return PUBLISH(link, MESSAGE_PATTERN_SHARE, NULL, fields);
}

int khub_share_code(struct khub *link, const char *code)
{
    const struct field fields[] = {{"code", FIELD_OBJECT, .text = code}};
    return PUBLISH(link, MESSAGE_CODE_SHARE, NULL, fields);
}

int khub_share_component(struct khub *link, const char *component)
{
    const struct field fields[] = {{"component", FIELD_OBJECT, .text = component}};
    return PUBLISH(link, MESSAGE_OS_COMPONENT_SHARE, NULL, fields);
}

int khub_answer_feature(struct khub *link, const char *requestor, const char *feature,
                        const char *component)
{
    if (!requestor || !requestor[0])
        return KHUB_E_ARGUMENT;
    const struct field fields[] = {{"component", FIELD_OBJECT, .text = component},
                                   {"original_requestor", FIELD_STRING, .text = requestor},
                                   {"feature_name", FIELD_STRING, .text = feature}};
    return PUBLISH(link, MESSAGE_OS_COMPONENT_SHARE, requestor, fields);
}

int khub_report_performance(struct khub *link, const char *component_id, const char *metrics)
{
    const struct field fields[] = {{"component_id", FIELD_STRING, .text = component_id},
                                   {"performance", FIELD_OBJECT, .text = metrics}};
    return PUBLISH(link, MESSAGE_PERFORMANCE_REPORT, NULL, fields);
}

int khub_commit(struct khub *link, const char *subject, const char *subject_version,
                const char *sha256)
{
    const struct field fields[] = {
        {"subject", FIELD_STRING, .text = subject},
        {"subject_version", FIELD_STRING, .text = subject_version},
        {"sha256", FIELD_STRING, .text = sha256},
    };
    if (!sha256 || !commitment_digest_fits(slice_of(sha256)))
        return KHUB_E_ARGUMENT;
    return PUBLISH(link, MESSAGE_COMMITMENT, NULL, fields);
}

int khub_request_feature(struct khub *link, const char *feature, const char *requirements)
{
    const struct field fields[] = {
        {"feature", FIELD_STRING, .text = feature},
        {"requirements", FIELD_OBJECT, .text = requirements ? requirements : "{}"}};
    return PUBLISH(link, MESSAGE_FEATURE_REQUEST, NULL, fields);
}

int khub_request_collaboration(struct khub *link, const char *type, const char *description,
                               const char *target, const char *const *offered,
                               const char *const *seeking)
{
    /* The seed names the target in the payload alone; the hub does the sending. */
    if (target && target[0] && !link_id_fits(target))
        return KHUB_E_ARGUMENT;
    const struct field fields[] = {{"type", FIELD_STRING, .text = type},
                                   {"description", FIELD_STRING, .text = description},
                                   {"target_ai", FIELD_STRING, .text = target ? target : ""},
                                   {"expertise_offered", FIELD_LIST, .list = offered},
                                   {"seeking_expertise", FIELD_LIST, .list = seeking}};
    return PUBLISH(link, MESSAGE_COLLABORATION_REQUEST, NULL, fields);
}

int khub_respond_collaboration(struct khub *link, const char *session_id, bool accepted,
                               const char *reason)
{
    const struct field fields[] = {{"session_id", FIELD_STRING, .text = session_id},
                                   {"accepted", FIELD_BOOL, .count = accepted},
                                   {"reason", FIELD_OPTIONAL, .text = reason}};
    return PUBLISH(link, MESSAGE_COLLABORATION_RESPONSE, NULL, fields);
}

int khub_report_progress(struct khub *link, const char *session_id, double progress,
                         const char *note)
{
    const struct field fields[] = {{"session_id", FIELD_STRING, .text = session_id},
                                   {"progress", FIELD_SHARE, .share = progress},
                                   {"note", FIELD_OPTIONAL, .text = note}};
    return PUBLISH(link, MESSAGE_COLLABORATION_UPDATE, NULL, fields);
}

int khub_end_collaboration(struct khub *link, const char *session_id, const char *status,
                           const char *note)
{
    if (!status || (strcmp(status, "failed") != 0 && strcmp(status, "cancelled") != 0))
        return KHUB_E_ARGUMENT;
    const struct field fields[] = {{"session_id", FIELD_STRING, .text = session_id},
                                   {"status", FIELD_STRING, .text = status},
                                   {"note", FIELD_OPTIONAL, .text = note}};
    return PUBLISH(link, MESSAGE_COLLABORATION_UPDATE, NULL, fields);
}

int khub_complete_collaboration(struct khub *link, const char *session_id, const char *component)
{
    const struct field fields[] = {{"component", FIELD_OBJECT, .text = component},
                                   {"collaboration_complete", FIELD_BOOL, .count = true},
                                   {"session_id", FIELD_STRING, .text = session_id}};
    return PUBLISH(link, MESSAGE_OS_COMPONENT_SHARE, NULL, fields);
}

int khub_update_workspace(struct khub *link, const char *session_id, const char *key,
                          const char *value, uint64_t base_version)
{
    const struct field fields[] = {{"session_id", FIELD_STRING, .text = session_id},
                                   {"key", FIELD_STRING, .text = key},
                                   {"value", FIELD_JSON, .text = value},
                                   {"base_version", FIELD_COUNT, .count = base_version}};
    return PUBLISH(link, MESSAGE_WORKSPACE_UPDATE, NULL, fields);
}

static bool lease_key_fits(const char *key)
{
    return key && key[0] && strlen(key) <= LEASE_KEY_MAX;
}

int khub_request_lease(struct khub *link, const char *key, unsigned ttl_s, const char *intent)
{
    const struct field fields[] = {{"key", FIELD_STRING, .text = key},
                                   {"ttl_s", FIELD_COUNT, .count = ttl_s},
                                   {"intent", FIELD_OPTIONAL, .text = intent}};
    if (!lease_key_fits(key) || ttl_s < 1 || ttl_s > LEASE_TTL_S_MAX)
        return KHUB_E_ARGUMENT;
    return PUBLISH(link, MESSAGE_LEASE_REQUEST, NULL, fields);
}

int khub_release_lease(struct khub *link, const char *key, uint64_t fence, bool done)
{
    const struct field fields[] = {{"key", FIELD_STRING, .text = key},
                                   {"fence", FIELD_COUNT, .count = fence},
                                   {"done", FIELD_BOOL, .count = done}};
    if (!lease_key_fits(key))
        return KHUB_E_ARGUMENT;
    return PUBLISH(link, MESSAGE_LEASE_RELEASE, NULL, fields);
}

int khub_add_task(struct khub *link, const char *title, const char *body, const char *key,
                  const char *const *needs)
{
    const struct field fields[] = {{"title", FIELD_STRING, .text = title},
                                   {"body", FIELD_OPTIONAL, .text = body},
                                   {"key", FIELD_OPTIONAL, .text = key},
                                   {"needs", FIELD_LIST, .list = needs}};
    return PUBLISH(link, MESSAGE_TASK, NULL, fields);
}

int khub_finish_task(struct khub *link, const char *id, uint64_t fence, const char *evidence)
{
    const struct field fields[] = {{"id", FIELD_STRING, .text = id},
                                   {"status", FIELD_STRING, .text = "done"},
                                   {"fence", FIELD_COUNT, .count = fence},
                                   {"evidence", FIELD_JSON, .text = evidence ? evidence : "[]"}};
    return PUBLISH(link, MESSAGE_TASK, NULL, fields);
}

int khub_report_evidence(struct khub *link, const char *id, unsigned index, unsigned exit,
                         const char *printed)
{
    const struct field fields[] = {{"task", FIELD_STRING, .text = id},
                                   {"index", FIELD_COUNT, .count = index},
                                   {"exit", FIELD_COUNT, .count = exit},
                                   {"printed", FIELD_OPTIONAL, .text = printed}};
    return PUBLISH(link, MESSAGE_EVIDENCE_REPORT, NULL, fields);
}

int khub_chat(struct khub *link, const char *text, const char *target)
{
    const struct field fields[] = {{"text", FIELD_STRING, .text = text}};
    return PUBLISH(link, MESSAGE_CHAT, target, fields);
}

/* The draft of a hello. The token is shown on a connection's first hello only: it is for the
 * hub, and is not repeated. */
static int hello_draft(struct khub *link, const struct text *capabilities, const char *token,
                       char ret_message_id[UUID_SIZE])
{
    int error = draft_begin(link, MESSAGE_HELLO, NULL, ret_message_id);
    if (error < 0)
        return error;
    struct text *draft = &link->draft;
    text_add_literal(draft, "{");
    text_add(draft, text_slice(&link->profile));
    text_add_literal(draft, ",\"capabilities\":");
    text_add(draft, text_slice(capabilities));
    if (link->level >= 2 && token[0]) {
        text_add_literal(draft, ",\"resume_token\":");
        text_add_string(draft, slice_of(token));
    }
    text_add_literal(draft, "}");
    return draft->failed ? KHUB_E_NO_MEMORY : 0;
}

/* Whoever says itself how far it has read gets what is behind that once more; what was handed out
 * of it is not handed out again (read_note). */
static uint64_t since_of(const struct khub *link)
{
    uint64_t read = khub_read_seq(link);
    return link->own_cursor && link->cursor > 0 && link->cursor < read ? link->cursor : read;
}

int link_write_hello(struct khub *link)
{
    /* behind what is under way, if it is no first one */
    struct outbox *outbox = link->state == KHUB_JOINED ? &link->queue : &link->hello;
    link->draft.secret = outbox->secret = true;
    int error = hello_draft(link, &link->capabilities, link->resume_token, link->hello_id);
    link->resumed = link->resume && (link->read_seq > 0 || link->resume_last);
    link->catching_up = link->resumed;
    link->told_seq = link->resumed ? khub_read_seq(link) : 0;
    link->read_again = link->read_count;
    if (error == 0 && link->resumed) {
        link->draft.len--; /* the brace */
        if (link->read_seq > 0)
            text_addf(&link->draft, ",\"since\":%llu}", (unsigned long long)since_of(link));
        else
            text_add_literal(&link->draft, ",\"since\":\"last\"}");
    }
    if (error == 0 && link->token[0]) {
        link->draft.len--; /* the brace */
        text_add_literal(&link->draft, ",\"token\":");
        text_add_string(&link->draft, slice_of(link->token));
        text_add_literal(&link->draft, "}");
    }
    if (error == 0)
        error = draft_push(link, outbox, SIZE_MAX);
    text_free(&link->draft);
    return error;
}

int link_queue_heartbeat(struct khub *link)
{
    uint64_t read = link->own_cursor ? link->cursor : khub_read_seq(link);
    const struct field fields[] = {{"seq", FIELD_COUNT, .count = read}};
    int error = draft_begin(link, MESSAGE_HEARTBEAT, NULL, link->beat_id);
    if (error == 0)
        error = payload_add(link, &link->draft, fields, 1);
    if (error == 0)
        error = queue_push(link);
    if (error == 0)
        link->told_seq = khub_read_seq(link);
    draft_done(link);
    return error;
}

int link_queue_refused(struct khub *link, const char *message_id)
{
    const struct field fields[] = {{"refused", FIELD_STRING, .text = message_id}};
    char beat_id[UUID_SIZE]; /* nobody waits for its answer */
    int error = draft_begin(link, MESSAGE_HEARTBEAT, NULL, beat_id);
    if (error == 0)
        error = payload_add(link, &link->draft, fields, 1);
    if (error == 0)
        error = draft_push(link, &link->queue, SIZE_MAX);
    draft_done(link);
    link->again = true;
    return error;
}

/* It is not acked: what comes of it is told otherwise (leave_take). */
int link_queue_leave(struct khub *link)
{
    int error = draft_begin(link, MESSAGE_LEAVE, NULL, link->leave_id);
    if (error == 0)
        error = payload_add(link, &link->draft, NULL, 0);
    if (error == 0)
        error = queue_push(link);
    draft_done(link);
    return error;
}

int khub_update_capabilities(struct khub *link, const char *const *capabilities)
{
    if (!may_publish(link))
        return KHUB_E_CLOSED;
    struct text written = {0};
    text_add_list(&written, capabilities);
    int error = written.failed ? KHUB_E_NO_MEMORY : 0;
    if (error == 0 && link->profile.len + written.len + HELLO_FRAME_MAX > link->line_limit)
        error = KHUB_E_TOO_LONG;
    /* Before there is a connection its first hello will say it all. */
    if (error == 0 && (link->state == KHUB_GREETING || link->state == KHUB_JOINED)) {
        char message_id[UUID_SIZE];
        error = hello_draft(link, &written, "", message_id);
        if (error == 0)
            error = queue_push(link);
        draft_done(link);
    }
    if (error < 0) {
        text_free(&written);
        return error;
    }
    text_free(&link->capabilities);
    link->capabilities = written;
    return 0;
}
