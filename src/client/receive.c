/* What the hub says: bytes become lines, lines become messages, messages go to the callback.
 *
 * The hub refuses what is not exactly a NetworkMessage (wire/message.h); a client is better off
 * generous. It takes members and types that it does not know, for a newer hub may send them, and
 * deeper nesting than a payload may have, for the hub wraps payloads in its training_sync. What
 * it cannot read at all it skips and counts.
 *
 * Callbacks are promised NUL-terminated texts. All of a message is therefore copied to the
 * link's scratch buffer, decoded on the way; nothing that a callback does can move what it is
 * reading. */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "client/link.h"
#include "wire/json.h"
#include "wire/types.h"

enum member {
    MEMBER_ID,
    MEMBER_SENDER,
    MEMBER_TYPE,
    MEMBER_TIMESTAMP,
    MEMBER_PAYLOAD,
    MEMBER_TARGET,
    MEMBER_SEQ,
    MEMBER_COUNT
};

static const struct {
    struct slice name;
    enum json_kind kind;
    bool required;
} members[MEMBER_COUNT] = {
    [MEMBER_ID] = {SLICE("message_id"), JSON_KIND_STRING, true},
    [MEMBER_SENDER] = {SLICE("sender_id"), JSON_KIND_STRING, true},
    [MEMBER_TYPE] = {SLICE("message_type"), JSON_KIND_STRING, true},
    [MEMBER_TIMESTAMP] = {SLICE("timestamp"), JSON_KIND_STRING, true},
    [MEMBER_PAYLOAD] = {SLICE("payload"), JSON_KIND_OBJECT, true},
    [MEMBER_TARGET] = {SLICE("target_ai"), JSON_KIND_STRING, false},
    [MEMBER_SEQ] = {SLICE("seq"), JSON_KIND_NUMBER, false},
};

/* A line taken apart; the values point into it. */
struct incoming {
    struct json_value values[MEMBER_COUNT];
};

static int incoming_parse(struct slice line, struct incoming *ret_incoming)
{
    size_t at;
    if (json_check(line, INCOMING_DEPTH_MAX, &at) != JSON_FINE)
        return -1;
    struct json_value whole = json_value_of(line);
    if (whole.kind != JSON_KIND_OBJECT)
        return -1;

    struct incoming incoming = {0};
    struct json_iterator iterator = {.rest = whole.raw};
    struct json_value name, value;
    while (json_next_member(&iterator, &name, &value))
        for (int i = 0; i < MEMBER_COUNT; i++)
            if (json_string_is(name, members[i].name))
                incoming.values[i] = value;

    for (int i = 0; i < MEMBER_COUNT; i++) {
        if (incoming.values[i].kind == members[i].kind)
            continue;
        bool absent = incoming.values[i].kind == JSON_KIND_ABSENT ||
                      incoming.values[i].kind == JSON_KIND_NULL;
        if (members[i].required || !absent)
            return -1;
    }
    *ret_incoming = incoming;
    return 0;
}

/* What befalls the link when the hub sends an error of this code. */
enum verdict {
    VERDICT_NONE,  /* it concerns one message */
    VERDICT_RETRY, /* this connection is over; the next may do better */
    VERDICT_END,   /* no connection will do better */
    /* END, but RETRY for an id that was ours before: its old connection will be gone soon */
    VERDICT_UNLESS_OURS
};

static const struct {
    enum wire_error code;
    enum verdict greeting, joined;
} verdicts[] = {
    {WIRE_ID_IN_USE, VERDICT_UNLESS_OURS, VERDICT_NONE},
    {WIRE_TAKEN_OVER, VERDICT_END, VERDICT_END},
    {WIRE_KICKED, VERDICT_END, VERDICT_END},
    {WIRE_BANNED, VERDICT_END, VERDICT_END},
    {WIRE_PROTECTED_MODE, VERDICT_END, VERDICT_END},
    {WIRE_WRONG_PROTOCOL, VERDICT_END, VERDICT_END},
    {WIRE_CONNECTIONS_FULL, VERDICT_RETRY, VERDICT_RETRY},
    {WIRE_UNAUTHORIZED, VERDICT_END, VERDICT_NONE},
    {WIRE_RESERVED_ID, VERDICT_END, VERDICT_NONE},
    {WIRE_SHUTTING_DOWN, VERDICT_RETRY, VERDICT_RETRY},
    {WIRE_SLOW_CONSUMER, VERDICT_RETRY, VERDICT_RETRY},
    {WIRE_HEARTBEAT_TIMEOUT, VERDICT_RETRY, VERDICT_RETRY},
};

/* Refusals of a hello that time may heal; any other refusal of it ends the link. */
static const enum wire_error passing[] = {WIRE_RATE_LIMITED, WIRE_QUOTA_EXCEEDED,
                                          WIRE_STORAGE_UNAVAILABLE};

static bool code_is(struct json_value code, enum wire_error error)
{
    return json_string_is(code, slice_of(wire_error_code(error)));
}

static enum verdict verdict_of(const struct khub *link, struct json_value payload)
{
    struct json_value code = json_get(payload, "code");
    bool joined = link->state == KHUB_JOINED;
    for (size_t i = 0; i < sizeof verdicts / sizeof verdicts[0]; i++) {
        if (!code_is(code, verdicts[i].code))
            continue;
        enum verdict verdict = joined ? verdicts[i].joined : verdicts[i].greeting;
        if (verdict != VERDICT_UNLESS_OURS)
            return verdict;
        return link->joined_once || link->resume_token[0] ? VERDICT_RETRY : VERDICT_END;
    }
    if (joined || !json_string_is(json_get(payload, "in_reply_to"), slice_of(link->hello_id)))
        return VERDICT_NONE;
    for (size_t i = 0; i < sizeof passing / sizeof passing[0]; i++)
        if (code_is(code, passing[i]))
            return VERDICT_RETRY;
    return VERDICT_END;
}

/* Decodes a string into a buffer with a NUL; false and "" when it is no string or does not fit. */
static bool take_string(struct json_value value, char *buffer, size_t size)
{
    long len = value.kind == JSON_KIND_STRING ? json_decode(value, buffer, size - 1) : -1;
    buffer[len < 0 ? 0 : len] = '\0';
    return len >= 0;
}

/* The hub's room is not as far as what was read: it began anew, and so does the link. */
static bool resume_refused(const struct khub *link, struct json_value payload)
{
    return link->state == KHUB_GREETING && link->resumed &&
           code_is(json_get(payload, "code"), WIRE_BAD_PAYLOAD) &&
           json_string_is(json_get(payload, "in_reply_to"), slice_of(link->hello_id));
}

static void error_obey(struct khub *link, struct json_value payload)
{
    enum verdict verdict = verdict_of(link, payload);
    if (resume_refused(link, payload)) {
        link->read_seq = link->read_count = link->cursor = 0;
        verdict = VERDICT_RETRY;
    }
    if (verdict == VERDICT_NONE)
        return;
    char detail[WIRE_DETAIL_MAX];
    if (!take_string(json_get(payload, "detail"), detail, sizeof detail))
        take_string(json_get(payload, "code"), detail, sizeof detail);
    if (verdict == VERDICT_END)
        link_end(link, KHUB_E_REFUSED, "%s", detail);
    else
        link_lost(link, KHUB_E_UNREACHABLE, "%s", detail);
}

/* The hub could not keep one of ours, and takes nothing that stands behind it ("behind":null), not
 * before it hears that this is known. So it hears it in front of all that is said from now on. 0 or
 * a code. */
static int unkept_take(struct khub *link, struct json_value payload)
{
    char message_id[UUID_SIZE];
    if (!link->acks || link->state != KHUB_JOINED ||
        !code_is(json_get(payload, "code"), WIRE_STORAGE_UNAVAILABLE) ||
        json_get(payload, "behind").kind != JSON_KIND_NULL ||
        !take_string(json_get(payload, "in_reply_to"), message_id, sizeof message_id) ||
        !unacked_stand_behind(link, message_id))
        return 0;
    return link_queue_refused(link, message_id);
}

/* What became of one of our own messages. */
static void outcome_take(struct khub *link, struct json_value payload, bool acked)
{
    char message_id[UUID_SIZE], code[64] = "", detail[WIRE_DETAIL_MAX] = "";
    struct khub_outcome outcome = {
        .message_id = message_id, .error = KHUB_E_REFUSED, .code = code, .detail = detail};
    const char *name = acked ? "message_id" : "in_reply_to";
    uint64_t wait;
    if (!acked && code_is(json_get(payload, "code"), WIRE_NO_REPLY))
        return; /* it was accepted */
    if (!link->acks || !take_string(json_get(payload, name), message_id, sizeof message_id))
        return;
    if (acked) {
        outcome.error = json_u64(json_get(payload, "seq"), &outcome.seq) < 0 ? KHUB_E_REFUSED : 0;
        outcome.delivered = json_get(payload, "delivered").kind == JSON_KIND_TRUE;
        outcome.stored = json_get(payload, "stored").kind == JSON_KIND_TRUE;
    } else {
        take_string(json_get(payload, "code"), code, sizeof code);
        take_string(json_get(payload, "detail"), detail, sizeof detail);
        if (json_u64(json_get(payload, "retry_after_ms"), &wait) == 0 && wait < INT32_MAX)
            outcome.retry_after_ms = (int64_t)wait;
    }
    unacked_settle(link, &outcome);
}

/* What the hub says that was read, here or through another door. A room that is not as far as what
 * was handed out began anew: there it counts alone. */
static void cursor_take(struct khub *link, struct json_value payload, uint64_t seq)
{
    bool anew = link->resumed && seq < link->read_seq;
    uint64_t cursor;
    if (json_u64(json_get(payload, "cursor"), &cursor) < 0)
        return;
    if (cursor > link->cursor || anew)
        link->cursor = cursor;
    if (!anew)
        return;
    link->read_seq = cursor;
    link->read_count = link->read_again = 0;
}

/* False: it says what was said before, that we are a guest. */
static bool sync_take(struct khub *link, struct json_value payload, uint64_t seq)
{
    bool first = link->state == KHUB_GREETING, was_guest = link->guest;
    char token[TOKEN_MAX + 1] = "";
    if (link->level >= 2 && take_string(json_get(payload, "resume_token"), token, sizeof token))
        memcpy(link->resume_token, token, sizeof token);
    uint64_t limit;
    if (json_u64(json_get(json_get(payload, "limits"), "max_line"), &limit) == 0 && limit > 0 &&
        limit <= SIZE_MAX)
        link->line_limit = (size_t)limit;
    uint64_t stays_s = 0;
    if (json_u64(json_get(payload, "stays_s"), &stays_s) < 0 || stays_s > STAY_S_MAX)
        stays_s = 0;
    link->stays_s = (unsigned)stays_s;
    link->guest = link->level >= 2 && json_get(payload, "kept").kind == JSON_KIND_FALSE;
    if ((first || was_guest) && !link->resumed) {
        link->read_seq = seq;
        link->read_count = 0;
    }
    cursor_take(link, payload, seq);
    if (first)
        link_joined(link);
    else if (was_guest)
        link_due(link);
    return first || !was_guest || !link->guest;
}

/* Appends the value to the scratch buffer, which has room for it. */
static struct khub_text scratch_add(struct text *scratch, struct json_value value)
{
    char *at = scratch->at + scratch->len;
    size_t len = 0;
    if (value.kind == JSON_KIND_STRING && value.escaped) {
        long decoded = json_decode(value, at, value.raw.len);
        assert(decoded >= 0); /* decoding never lengthens */
        len = (size_t)decoded;
    } else if (value.kind == JSON_KIND_STRING || value.kind == JSON_KIND_OBJECT) {
        len = value.raw.len;
        memcpy(at, value.raw.at, len);
    }
    at[len] = '\0';
    scratch->len += len + 1;
    assert(scratch->len <= scratch->capacity);
    return (struct khub_text){at, len};
}

/* Room for the line and its members, each with a NUL. */
static int scratch_reserve(struct text *scratch, size_t line_len)
{
    size_t needed = 2 * line_len + MEMBER_COUNT + 1;
    scratch->len = 0;
    if (scratch->capacity >= needed)
        return 0;
    text_free(scratch);
    scratch->at = malloc(needed);
    if (!scratch->at)
        return KHUB_E_NO_MEMORY;
    scratch->capacity = needed;
    return 0;
}

static int message_hand_over(struct khub *link, struct slice line, const struct incoming *incoming,
                             uint64_t seq)
{
    if (!link->callbacks.message)
        return 0;
    struct text *scratch = &link->scratch;
    if (scratch_reserve(scratch, line.len) < 0)
        return KHUB_E_NO_MEMORY;
    const struct json_value *values = incoming->values;
    struct json_value whole = {.raw = line, .kind = JSON_KIND_OBJECT};
    struct khub_message message = {
        .message_id = scratch_add(scratch, values[MEMBER_ID]),
        .sender_id = scratch_add(scratch, values[MEMBER_SENDER]),
        .type = scratch_add(scratch, values[MEMBER_TYPE]),
        .timestamp = scratch_add(scratch, values[MEMBER_TIMESTAMP]),
        .target_ai = scratch_add(scratch, values[MEMBER_TARGET]),
        .payload = scratch_add(scratch, values[MEMBER_PAYLOAD]),
        .line = scratch_add(scratch, whole),
        .seq = seq,
    };
    link->callbacks.message(link, &message, link->data);
    if (scratch->capacity > SCRATCH_KEPT)
        text_free(scratch);
    return 0;
}

static bool is_for_one(enum message_type type)
{
    return message_type_is_result(type) || type == MESSAGE_TRAINING_SYNC || type == MESSAGE_ACK ||
           type == MESSAGE_ERROR || type == MESSAGE_HEARTBEAT || type == MESSAGE_CAUGHT_UP;
}

/* What the hub says to this connection alone comes at once, also while older messages are still on
 * their way; it says nothing of how far was read. */
static bool is_answer(bool from_hub, struct json_value type, struct json_value payload)
{
    if (from_hub && code_is(json_get(payload, "code"), WIRE_NO_REPLY))
        return false; /* that is no answer, but what its AI missed */
    for (unsigned i = 0; from_hub && i < MESSAGE_TYPE_COUNT; i++)
        if (is_for_one((enum message_type)i) &&
            json_string_is(type, slice_of(message_type_text((enum message_type)i))))
            return true;
    return false;
}

/* Notes that a message of this seq is handed out; false when it was already, on an earlier
 * connection. */
static bool read_note(struct khub *link, uint64_t seq)
{
    if (link->resumed && (seq < link->read_seq || (seq == link->read_seq && !link->read_count)))
        return false;
    if (seq > link->read_seq) {
        link->read_seq = seq;
        link->read_count = 1;
        link->read_again = 0;
    } else if (link->read_again > 0) {
        link->read_again--;
        return false;
    } else if (seq == link->read_seq) {
        link->read_count++;
    }
    return true;
}

/* All up to this seq was handed out; of the last seq nothing more comes. */
static void read_all(struct khub *link, uint64_t seq)
{
    if (seq < link->read_seq)
        return;
    link->read_seq = seq;
    link->read_count = link->read_again = 0;
    if (khub_read_seq(link) > link->told_seq)
        link_read_more(link);
}

/* The hub's word on how far this AI has all: the end of what it missed; and an answer to a
 * heartbeat, which comes behind all that was before it, unless that is still to be read again. */
static void reading_take(struct khub *link, struct json_value type, struct json_value payload)
{
    uint64_t seq;
    bool caught_up = json_string_is(type, slice_of(message_type_text(MESSAGE_CAUGHT_UP)));
    bool heartbeat = json_string_is(type, slice_of(message_type_text(MESSAGE_HEARTBEAT)));
    if ((!caught_up && !heartbeat) || link->level < 2 || link->state != KHUB_JOINED ||
        json_u64(json_get(payload, "seq"), &seq) < 0)
        return;
    if (caught_up)
        link->catching_up = false;
    if (link->catching_up)
        return;
    if (link->parting < PARTING_TOLD)
        read_all(link, seq);
    if (!json_string_is(json_get(payload, "in_reply_to"), slice_of(link->beat_id)))
        return;
    if (link->parting == PARTING_TOLD) {
        link->parting = PARTING_DONE;
        link->untold = false;
    } else if (link->parting == PARTING_ASKED && link_queue_heartbeat(link) == 0) {
        link->parting = PARTING_TOLD;
    }
}

/* The hub's word on our leave: its presence, as others hear it. A hub that does not know the
 * message says so: then the end of the connection is all that there is. */
static void leave_take(struct khub *link, struct json_value type, struct json_value payload)
{
    bool gone = json_string_is(type, slice_of(message_type_text(MESSAGE_PRESENCE))) &&
                json_string_is(json_get(payload, "ai_id"), slice_of(link->ai_id));
    bool unknown = json_string_is(type, slice_of(message_type_text(MESSAGE_ERROR))) &&
                   json_string_is(json_get(payload, "in_reply_to"), slice_of(link->leave_id));
    link->has_left = link->has_left || gone || unknown;
}

static void line_take(struct khub *link, struct slice line)
{
    struct incoming incoming;
    if (incoming_parse(line, &incoming) < 0) {
        link->skipped++;
        return;
    }
    const struct json_value *values = incoming.values;
    uint64_t seq = 0;
    if (link->level < 2 || json_u64(values[MEMBER_SEQ], &seq) < 0)
        seq = 0;
    if (seq > link->seq)
        link->seq = seq;

    bool from_hub = json_string_is(values[MEMBER_SENDER], slice_of("hub")), news = true;
    if (from_hub &&
        json_string_is(values[MEMBER_TYPE], slice_of(message_type_text(MESSAGE_TRAINING_SYNC))))
        news = sync_take(link, values[MEMBER_PAYLOAD], seq);
    if (link->transport.fd < 0 || !news)
        return;
    if (from_hub && link->leave_said)
        leave_take(link, values[MEMBER_TYPE], values[MEMBER_PAYLOAD]);
    bool answer = is_answer(from_hub, values[MEMBER_TYPE], values[MEMBER_PAYLOAD]);
    if (seq > 0 && !answer && (link->parting >= PARTING_TOLD || !read_note(link, seq)))
        return;
    if (seq > 0 && !answer && link->tells) {
        link->untold = true;
        link_read_more(link);
    }
    if (from_hub && answer)
        reading_take(link, values[MEMBER_TYPE], values[MEMBER_PAYLOAD]);
    struct json_value type = values[MEMBER_TYPE];
    bool acked = json_string_is(type, slice_of(message_type_text(MESSAGE_ACK)));
    bool refused = json_string_is(type, slice_of(message_type_text(MESSAGE_ERROR)));
    if ((from_hub && refused && unkept_take(link, values[MEMBER_PAYLOAD]) < 0) ||
        message_hand_over(link, line, &incoming, seq) < 0) {
        link_lost(link, KHUB_E_NO_MEMORY, "no memory for a message of %zu bytes", line.len);
        return;
    }
    if (!from_hub)
        return;
    if (acked || refused)
        outcome_take(link, values[MEMBER_PAYLOAD], acked);
    if (refused)
        error_obey(link, values[MEMBER_PAYLOAD]);
}

/* Takes the bytes of one read; stops early when a line of them ended the connection. */
static void input_take(struct khub *link, struct slice input)
{
    while (link->transport.fd >= 0) {
        struct slice line;
        switch (frame_next(&link->frame, &input, &line)) {
        case FRAME_MORE:
            return;
        case FRAME_LINE:
            line_take(link, line);
            break;
        case FRAME_TOO_LONG:
            link->skipped++;
            break;
        case FRAME_NO_MEMORY:
            link_lost(link, KHUB_E_NO_MEMORY, "no memory for a line of the hub's");
            return;
        }
    }
}

/* What the hub has against a certificate of ours comes after our side of the handshake. */
static void receive_failed(struct khub *link, int error)
{
    const char *why = transport_failure(&link->transport, error);
    if (error == EPROTO && link->transport.secure && link->state == KHUB_GREETING)
        link_distrust(link, why);
    else
        link_lost(link, KHUB_E_UNREACHABLE, "the connection was lost: %s", why);
}

void link_receive(struct khub *link)
{
    for (unsigned reads = 0; reads < READS_PER_TURN; reads++) {
        ssize_t count = transport_receive(&link->transport, link->input, INPUT_SIZE);
        if (count == 0) {
            link_lost(link, KHUB_E_UNREACHABLE, "the hub closed the connection");
            return;
        }
        if (count < 0) {
            if (errno == EAGAIN)
                return;
            if (errno == EINTR)
                continue;
            receive_failed(link, errno);
            return;
        }
        link->unheard = 0;
        if (link->state == KHUB_GREETING)
            link->due_ms = time_monotonic_ms() + GREETING_MS;
        input_take(link, (struct slice){link->input, (size_t)count});
        if (link->transport.fd < 0)
            return;
    }
    link->again = true;
}
