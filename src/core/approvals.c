/* See approvals.h. Who may answer is a person: who joined with that specialization. On a hub with
 * tokens, admit lets through those answers alone whose token is good for them (token_bars). */
#include "core/approvals.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/collaboration.h"
#include "core/effects.h"
#include "core/handlers.h"
#include "core/memory.h"
#include "core/state.h"

const char *approval_status_text(enum approval_status status)
{
    static const char *const texts[APPROVAL_STATUS_COUNT] = {
#define X(name, text) [APPROVAL_##name] = (text),
        APPROVAL_STATUSES(X)
#undef X
    };
    return texts[status];
}

/* ── they come and go ── */

void approvals_init(struct approvals *approvals)
{
    TAILQ_INIT(&approvals->pending);
    TAILQ_INIT(&approvals->decided);
}

static void approval_free(void *object)
{
    struct approval *approval = object;
    slice_free(&approval->key);
    slice_free(&approval->asker);
    slice_free(&approval->target);
    slice_free(&approval->question);
    slice_free(&approval->choices);
    slice_free(&approval->preset);
    slice_free(&approval->choice);
    slice_free(&approval->by);
    slice_free(&approval->note);
    free(approval);
}

void approvals_free(struct approvals *approvals)
{
    index_clear(&approvals->all, approval_free);
}

/* In the place of what was there: of one that was loaded, an empty text. */
static void text_put(struct slice *text, struct slice bytes)
{
    slice_free(text);
    *text = slice_copy(bytes);
}

static struct approval *approval_find(const struct room *room, struct slice id)
{
    return index_find(&room->approvals.all, id);
}

struct approval *approval_new(struct room *room, struct slice key)
{
    struct json_value digits = {.kind = JSON_KIND_NUMBER, .raw = {key.at + 1, key.len - 1}};
    uint64_t seq;
    if (key.len < 2 || key.len > APPROVAL_ID_MAX || key.at[0] != 'a' ||
        json_u64(digits, &seq) < 0 || approval_find(room, key))
        return NULL;
    struct approval *approval = memory_new(sizeof *approval);
    approval->key = slice_copy(key);
    approval->since = room->hub->clock; /* nobody could answer while there was no hub */
    index_add(&room->approvals.all, approval);
    return approval;
}

void approval_restore(struct room *room, struct approval *approval)
{
    struct approvals *approvals = &room->approvals;
    if (approval->status == APPROVAL_PENDING) {
        TAILQ_INSERT_TAIL(&approvals->pending, approval, next);
        approvals->pending_count++;
    } else {
        TAILQ_INSERT_TAIL(&approvals->decided, approval, next);
    }
}

/* The last of its list from now on. */
static void approval_place(struct request *request, struct approval *approval)
{
    struct room *room = request->room;
    approval->order = ++room->changes.order;
    approval->changed = request->entry->seq;
    approval->changed_ms = request->entry->time_ms;
    approval_restore(room, approval);
    change_mark(&room->changes, &approval->change, approval, ROW_APPROVAL);
}

/* The one that was decided first is remembered no longer, when there are too many. */
static void decided_trim(struct room *room)
{
    struct approvals *approvals = &room->approvals;
    struct approval *oldest = TAILQ_FIRST(&approvals->decided);
    if (approvals->all.count - approvals->pending_count <= APPROVALS_DECIDED_MAX)
        return;
    TAILQ_REMOVE(&approvals->decided, oldest, next);
    index_remove(&approvals->all, oldest);
    change_gone(&room->changes, &oldest->change, ROW_APPROVAL, oldest->key);
    approval_free(oldest);
}

/* ── who knows of it ── */

bool approval_shown(const struct room *room, const struct approval *approval,
                    const struct member *member)
{
    const struct slice names[] = {approval->asker, approval->target};
    return !approval->target.len || slice_equal(member->key, approval->asker) ||
           slice_equal(member->key, approval->target) || member_oversees(room, member, names, 2);
}

void approval_write(const struct approval *approval, struct text *text)
{
    char time[TIMESTAMP_SIZE];
    text_add_literal(text, "\"approval_id\":");
    text_add_string(text, approval->key);
    text_add_member(text, "status", slice_of(approval_status_text(approval->status)));
    text_add_member(text, "asker", approval->asker);
    if (approval->target.len)
        text_add_member(text, "target", approval->target);
    text_add_member(text, "question", approval->question);
    text_add_literal(text, ",\"choices\":");
    text_add(text, approval->choices);
    text_add_member(text, "default", approval->preset);
    timestamp_format(approval->asked_ms, time);
    text_addf(text, ",\"timeout_s\":%" PRId64 ",\"asked\":\"%s\"", approval->wait_ms / 1000, time);
    if (approval->status == APPROVAL_PENDING)
        return;
    timestamp_format(approval->changed_ms, time);
    text_addf(text, ",\"decided\":\"%s\",\"choice\":", time);
    if (approval->choice.len)
        text_add_string(text, approval->choice);
    else
        text_add_literal(text, "null");
    if (approval->by.len)
        text_add_member(text, "by", approval->by);
    if (approval->note.len)
        text_add_member(text, "note", approval->note);
}

struct writing {
    struct text *text;
    const char *before;
};

static void write_one(void *object, void *ctx)
{
    struct writing *writing = ctx;
    const struct approval *approval = object;
    text_add_literal(writing->text, writing->before);
    approval_write(approval, writing->text);
    text_addf(writing->text, ",\"order\":%" PRIu64 "}", approval->order);
    writing->before = ",{";
}

void approvals_write(const struct approvals *approvals, struct text *text)
{
    struct writing writing = {text, "{"};
    text_add_literal(text, "[");
    index_walk(&approvals->all, write_one, &writing);
    text_add_literal(text, "]");
}

/* What it is now, to those who may know of it: to all, or to two. */
static void approval_tell(struct request *request, const struct approval *approval)
{
    const struct slice names[] = {approval->asker, approval->target};
    struct outgoing outgoing;
    struct text *text =
        hub_message_begin(request, MESSAGE_APPROVAL, slice_of("hub"), approval->target);
    text_add_literal(text, "{");
    approval_write(approval, text);
    if (request->message)
        text_add_member(text, "in_reply_to", request->message->message_id);
    text_add_literal(text, "}");
    hub_message_end(request, MESSAGE_APPROVAL, &outgoing);
    if (approval->target.len)
        effect_to_names(request, &outgoing, names, 2, true, NULL);
    else
        effect_to_room(request, &outgoing, NULL);
    hub_note(request->hub, request->from, HUB_APPROVAL, approval->key,
             slice_of(approval_status_text(approval->status)));
}

/* ── approval_request ── */

struct asking {
    char question_text[APPROVAL_QUESTION_MAX], preset_text[APPROVAL_CHOICE_MAX];
    struct slice question, preset;
    struct json_value choices;
    uint64_t timeout_s;
};

/* The id of one that is taken back, when the payload names one: of this request's sender, and not
 * decided. */
static int withdrawal_check(struct request *request, struct approval **ret_approval)
{
    struct json_value payload = request->message->payload;
    char buffer[APPROVAL_ID_MAX];
    struct slice id;
    bool withdrawn;
    int error;
    *ret_approval = NULL;
    if ((error = payload_bool(request, payload, "payload.withdrawn", false, &withdrawn)) < 0 ||
        !withdrawn)
        return error;
    error =
        payload_text(request, payload, "payload.approval_id", REQUIRED, sizeof buffer, buffer, &id);
    if (error < 0)
        return error;
    struct approval *approval = approval_find(request->room, id);
    if (!approval || !slice_equal(approval->asker, request->message->sender_id))
        return refuse(request->refusal, WIRE_NOT_FOUND, "you asked for no approval \"%.*s\"",
                      SLICE_FORMAT(id));
    if (approval->status != APPROVAL_PENDING)
        return refuse(request->refusal, WIRE_CONFLICT, "\"%.*s\" is %s already", SLICE_FORMAT(id),
                      approval_status_text(approval->status));
    *ret_approval = approval;
    return 0;
}

bool approval_offers(struct slice choices, struct slice choice)
{
    struct json_iterator elements = {.rest = json_value_of(choices).raw};
    struct json_value element;
    while (json_next_element(&elements, &element))
        if (json_string_is(element, choice))
            return true;
    return false;
}

/* Between 2 and APPROVAL_CHOICES_MAX strings that differ. */
static int choices_check(struct request *request, struct json_value choices)
{
    char texts[APPROVAL_CHOICES_MAX][APPROVAL_CHOICE_MAX];
    struct slice read[APPROVAL_CHOICES_MAX];
    struct json_iterator elements = {.rest = choices.raw};
    struct json_value element;
    size_t count = 0;
    while (choices.kind == JSON_KIND_ARRAY && json_next_element(&elements, &element)) {
        long len = count == APPROVAL_CHOICES_MAX || element.kind != JSON_KIND_STRING
                       ? -1
                       : json_decode(element, texts[count], sizeof texts[count]);
        if (len <= 0) {
            count = 0;
            break;
        }
        read[count] = (struct slice){texts[count], (size_t)len};
        for (size_t i = 0; i < count; i++)
            if (slice_equal(read[i], read[count]))
                return refuse(request->refusal, WIRE_BAD_PAYLOAD,
                              "payload.choices has \"%.*s\" twice", SLICE_FORMAT(read[count]));
        count++;
    }
    if (count >= 2)
        return 0;
    return refuse(request->refusal, WIRE_BAD_PAYLOAD,
                  "payload.choices must be an array of 2 to %u strings of 1 to %u bytes",
                  APPROVAL_CHOICES_MAX, APPROVAL_CHOICE_MAX);
}

static int asking_read(struct request *request, struct asking *ret_asking)
{
    struct json_value payload = request->message->payload;
    int error;
    if ((error = payload_text(request, payload, "payload.question", REQUIRED,
                              sizeof ret_asking->question_text, ret_asking->question_text,
                              &ret_asking->question)) < 0 ||
        (error = payload_text(request, payload, "payload.default", REQUIRED,
                              sizeof ret_asking->preset_text, ret_asking->preset_text,
                              &ret_asking->preset)) < 0)
        return error;
    ret_asking->choices = json_get(payload, "choices");
    if ((error = choices_check(request, ret_asking->choices)) < 0)
        return error;
    struct slice array = ret_asking->choices.raw;
    if (!approval_offers(array, ret_asking->preset))
        return refuse(request->refusal, WIRE_BAD_PAYLOAD,
                      "payload.default is \"%.*s\", and none of payload.choices",
                      SLICE_FORMAT(ret_asking->preset));
    struct json_value timeout = json_get(payload, "timeout_s");
    char shown[PAYLOAD_SHOWN_SIZE];
    if (json_u64(timeout, &ret_asking->timeout_s) < 0 || !ret_asking->timeout_s ||
        ret_asking->timeout_s > APPROVAL_TIMEOUT_MAX_S)
        return refuse(request->refusal, WIRE_BAD_PAYLOAD,
                      "payload.timeout_s must be a whole number of seconds, 1 to %u, and is %s",
                      APPROVAL_TIMEOUT_MAX_S, payload_shown(timeout, shown));
    return 0;
}

static int pending_check(const struct request *request)
{
    const struct room *room = request->room;
    const struct approval *approval;
    size_t own = 0;
    TAILQ_FOREACH (approval, &room->approvals.pending, next)
        own += slice_equal(approval->asker, request->message->sender_id);
    if (own >= APPROVALS_EACH_MAX)
        return refuse_over(request->refusal, WIRE_QUOTA_EXCEEDED,
                           &(struct overrun){"approvals", "ai", APPROVALS_EACH_MAX, 0},
                           "%u questions of yours wait for a person, the most that may: withdraw "
                           "one, or wait for its time-out",
                           APPROVALS_EACH_MAX);
    if (room->approvals.pending_count >= APPROVALS_MAX)
        return refuse_over(request->refusal, WIRE_QUOTA_EXCEEDED,
                           &(struct overrun){"approvals", "room", APPROVALS_MAX, 0},
                           "%u questions wait for a person in this room, the most that may",
                           APPROVALS_MAX);
    return 0;
}

int approval_request_check(struct request *request)
{
    struct approval *withdrawn;
    struct asking asking;
    int error;
    if ((error = level_check(request, "what a person decides")) < 0 ||
        (error = withdrawal_check(request, &withdrawn)) < 0 || withdrawn)
        return error;
    if (request->target && !member_is_person(request->target))
        return refuse(request->refusal, WIRE_BAD_FIELD,
                      "target_ai \"%.*s\" is no person (a member with the specialization "
                      "\"person\"), and would never answer",
                      SLICE_FORMAT(request->target->key));
    if ((error = asking_read(request, &asking)) < 0)
        return error;
    return pending_check(request);
}

static void approval_decide(struct request *request, struct approval *approval,
                            enum approval_status status)
{
    struct approvals *approvals = &request->room->approvals;
    assert(approval->status == APPROVAL_PENDING && approvals->pending_count > 0);
    TAILQ_REMOVE(&approvals->pending, approval, next);
    approvals->pending_count--;
    approval->status = status;
    approval_place(request, approval);
    approval_tell(request, approval);
    decided_trim(request->room);
}

void approval_request_proceed(struct request *request)
{
    struct approval *withdrawn;
    struct asking asking;
    char id[APPROVAL_ID_MAX + 1];
    int error = withdrawal_check(request, &withdrawn);
    request->handled = true;
    if (withdrawn) {
        approval_decide(request, withdrawn, APPROVAL_WITHDRAWN);
        return;
    }
    error = error < 0 ? error : asking_read(request, &asking);
    assert(error == 0); /* checked before */
    (void)error;
    snprintf(id, sizeof id, "a%" PRIu64, request->entry->seq);
    struct approval *approval = approval_new(request->room, slice_of(id));
    assert(approval); /* a seq comes once */
    approval->asker = slice_copy(request->member->key);
    if (request->target)
        approval->target = slice_copy(request->target->key);
    approval->question = slice_copy(asking.question);
    approval->choices = slice_copy(asking.choices.raw);
    approval->preset = slice_copy(asking.preset);
    approval->wait_ms = (int64_t)asking.timeout_s * 1000;
    approval->asked_ms = request->entry->time_ms;
    approval_place(request, approval);
    approval_tell(request, approval);
}

/* ── approval_answer ── */

struct answering {
    char id_text[APPROVAL_ID_MAX], choice_text[APPROVAL_CHOICE_MAX], note_text[APPROVAL_NOTE_MAX];
    struct slice id, choice, note;
};

static int answering_read(struct request *request, struct answering *ret_answering)
{
    struct json_value payload = request->message->payload;
    int error;
    if ((error = payload_text(request, payload, "payload.approval_id", REQUIRED,
                              sizeof ret_answering->id_text, ret_answering->id_text,
                              &ret_answering->id)) < 0 ||
        (error = payload_text(request, payload, "payload.choice", REQUIRED,
                              sizeof ret_answering->choice_text, ret_answering->choice_text,
                              &ret_answering->choice)) < 0)
        return error;
    return payload_text(request, payload, "payload.note", OPTIONAL, sizeof ret_answering->note_text,
                        ret_answering->note_text, &ret_answering->note);
}

/* Nobody answers what it asked itself, under another id of its token's neither. */
static int answerer_check(struct request *request, const struct approval *approval)
{
    const struct member *member = request->member;
    const struct member *asker = member_find(request->room, approval->asker);
    if (!member_is_person(member))
        return refuse(request->refusal, WIRE_FORBIDDEN,
                      "an approval is a person's: join with the specialization \"person\" to "
                      "answer");
    if (slice_equal(member->key, approval->asker) ||
        (asker && slice_equal(member_owner(asker), member_owner(member))))
        return refuse(request->refusal, WIRE_FORBIDDEN,
                      "\"%.*s\" was asked by \"%.*s\", whose owner you are: another person answers",
                      SLICE_FORMAT(approval->key), SLICE_FORMAT(approval->asker));
    if (approval->target.len && !slice_equal(approval->target, member->key))
        return refuse(request->refusal, WIRE_FORBIDDEN, "\"%.*s\" is for \"%.*s\" to answer",
                      SLICE_FORMAT(approval->key), SLICE_FORMAT(approval->target));
    return 0;
}

int approval_answer_check(struct request *request)
{
    struct answering answering;
    int error;
    if ((error = level_check(request, "what a person decides")) < 0 ||
        (error = answering_read(request, &answering)) < 0)
        return error;
    const struct approval *approval = approval_find(request->room, answering.id);
    if (!approval || !approval_shown(request->room, approval, request->member))
        return refuse(request->refusal, WIRE_NOT_FOUND,
                      "there is no approval \"%.*s\" here that you may see",
                      SLICE_FORMAT(answering.id));
    if ((error = answerer_check(request, approval)) < 0)
        return error;
    if (approval->status != APPROVAL_PENDING) {
        text_add_literal(&request->extra, ",");
        approval_write(approval, &request->extra);
        return refuse(request->refusal, WIRE_CONFLICT, "\"%.*s\" is %s already: %.*s",
                      SLICE_FORMAT(approval->key), approval_status_text(approval->status),
                      SLICE_FORMAT(approval->choice));
    }
    if (!approval_offers(approval->choices, answering.choice))
        return refuse(request->refusal, WIRE_BAD_PAYLOAD,
                      "payload.choice is \"%.*s\"; the choices are %.*s",
                      SLICE_FORMAT(answering.choice), SLICE_FORMAT(approval->choices));
    return 0;
}

void approval_answer_proceed(struct request *request)
{
    struct answering answering;
    int error = answering_read(request, &answering);
    struct approval *approval = error < 0 ? NULL : approval_find(request->room, answering.id);
    assert(approval); /* checked before */
    text_put(&approval->choice, answering.choice);
    text_put(&approval->by, request->member->key);
    text_put(&approval->note, answering.note);
    approval_decide(request, approval, APPROVAL_ANSWERED);
    request->handled = true;
}

/* ── what an admin takes back ── */

static const struct slice nothing = SLICE("");

void approvals_retract(struct request *request, uint64_t seq)
{
    struct room *room = request->room;
    char id[APPROVAL_ID_MAX + 1];
    struct approval *approval;
    TAILQ_FOREACH (approval, &room->approvals.decided, next)
        if (approval->changed == seq) {
            text_put(&approval->note, nothing);
            change_mark(&room->changes, &approval->change, approval, ROW_APPROVAL);
        }
    snprintf(id, sizeof id, "a%" PRIu64, seq);
    approval = approval_find(room, slice_of(id));
    if (!approval)
        return;
    text_put(&approval->question, nothing);
    change_mark(&room->changes, &approval->change, approval, ROW_APPROVAL);
    if (approval->status == APPROVAL_PENDING)
        approval_decide(request, approval, APPROVAL_WITHDRAWN);
}

/* ── the end of its time ── */

/* One whose time is up and whose end was not proposed yet, or NULL. */
static struct approval *approval_due(const struct room *room)
{
    struct approval *approval;
    TAILQ_FOREACH (approval, &room->approvals.pending, next)
        if (!approval->proposed && room->hub->clock - approval->since >= approval->wait_ms)
            return approval;
    return NULL;
}

void approvals_tick(struct room *room, int64_t now)
{
    struct approval *due;
    while ((due = approval_due(room))) {
        char id[APPROVAL_ID_MAX]; /* a log that commits at once may let it go meanwhile */
        struct slice copy = {id, due->key.len};
        memcpy(id, due->key.at, due->key.len);
        due->proposed = true;
        room_happened(room,
                      &(struct entry){.time_ms = now, .kind = ENTRY_APPROVAL_END, .bytes = copy});
    }
}

void approval_overdue(struct request *request, struct slice id)
{
    struct approval *approval = approval_find(request->room, id);
    if (!approval || approval->status != APPROVAL_PENDING)
        return;
    text_put(&approval->choice, approval->preset);
    approval_decide(request, approval, APPROVAL_TIMED_OUT);
}

/* ── whole? ── */

static size_t list_whole(const struct room *room, const struct approval_list *list, bool pending)
{
    const struct approval *approval;
    uint64_t order = 0;
    size_t count = 0;
    TAILQ_FOREACH (approval, list, next) {
        bool chosen =
            approval->status == APPROVAL_ANSWERED || approval->status == APPROVAL_TIMED_OUT;
        if (approval->order <= order || approval->order > room->changes.order ||
            (approval->status == APPROVAL_PENDING) != pending ||
            chosen != (approval->choice.len > 0) ||
            (approval->status == APPROVAL_ANSWERED) != (approval->by.len > 0) ||
            (chosen && !approval_offers(approval->choices, approval->choice)) ||
            approval_find(room, approval->key) != approval)
            return SIZE_MAX / 2;
        order = approval->order;
        count++;
    }
    return count;
}

bool approvals_whole(const struct room *room)
{
    const struct approvals *approvals = &room->approvals;
    size_t pending = list_whole(room, &approvals->pending, true);
    size_t decided = list_whole(room, &approvals->decided, false);
    return pending == approvals->pending_count && pending + decided == approvals->all.count &&
           pending <= APPROVALS_MAX && decided <= APPROVALS_DECIDED_MAX;
}
