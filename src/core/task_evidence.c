/* What a done says to show for itself, and what others say who ran it again. */
#include <assert.h>
#include <inttypes.h>

#include "core/collaboration.h"
#include "core/state.h"

/* 64 digits, or nothing. */
static int digest_read(struct request *request, struct json_value object, const char *path,
                       char ret_digest[DIGEST_SIZE])
{
    char buffer[DIGEST_SIZE];
    struct slice digest;
    int error = payload_text(request, object, path, OPTIONAL, sizeof buffer - 1, buffer, &digest);
    if (error == 0 && digest.len && !commitment_digest_fits(digest))
        error = refuse(request->refusal, WIRE_BAD_PAYLOAD,
                       "%s must be a SHA-256: %u lower-case hex digits", path, DIGEST_SIZE - 1);
    if (error < 0)
        return error;
    memcpy(ret_digest, digest.at, digest.len);
    ret_digest[digest.len] = '\0';
    return 0;
}

/* What came of a command: its exit, and what it printed, itself or as SHA-256. */
static int outcome_read(struct request *request, struct json_value object, const char *paths[3],
                        char printed_text[EVIDENCE_PRINTED_MAX], struct slice *ret_printed,
                        struct outcome *ret_outcome)
{
    struct hub *hub = request->hub;
    struct json_value printed = json_get(object, "printed");
    uint8_t digest[32];
    int error;
    ret_outcome->exit = UINT64_MAX;
    if ((error = payload_u64(request, object, paths[0], 0, EVIDENCE_EXIT_MAX, &ret_outcome->exit)) <
            0 ||
        (error = payload_text_of(request, printed, paths[1], OPTIONAL, EVIDENCE_PRINTED_MAX,
                                 printed_text, ret_printed)) < 0 ||
        (error = digest_read(request, object, paths[2], ret_outcome->sha256)) < 0)
        return error;
    if (ret_outcome->exit == UINT64_MAX)
        return refuse(request->refusal, WIRE_BAD_PAYLOAD,
                      "%s must be the status with which the command ended", paths[0]);
    if (printed.kind != JSON_KIND_STRING)
        return 0;
    hub->edge.sha256(hub->edge.ctx, ret_printed, 1, digest);
    char sha256[DIGEST_SIZE];
    commitment_digest_format(digest, sha256);
    if (*ret_outcome->sha256 && strcmp(ret_outcome->sha256, sha256) != 0)
        return refuse(request->refusal, WIRE_BAD_PAYLOAD, "%s is not the SHA-256 of %s, %s",
                      paths[2], paths[1], sha256);
    memcpy(ret_outcome->sha256, sha256, sizeof sha256);
    return 0;
}

static int item_read(struct request *request, struct json_value object,
                     struct evidence *ret_evidence)
{
    static const char *paths[] = {"payload.evidence.exit", "payload.evidence.printed",
                                  "payload.evidence.sha256"};
    char command_text[EVIDENCE_COMMAND_MAX], printed_text[EVIDENCE_PRINTED_MAX];
    struct item item = {.rerun_count = 0};
    int error;
    if (object.kind != JSON_KIND_OBJECT)
        return refuse(request->refusal, WIRE_BAD_PAYLOAD,
                      "payload.evidence must be an array of objects");
    if ((error = payload_text(request, object, "payload.evidence.command", REQUIRED,
                              sizeof command_text, command_text, &item.command)) < 0 ||
        (error = digest_read(request, object, "payload.evidence.artifact", item.artifact)) < 0 ||
        (error = outcome_read(request, object, paths, printed_text, &item.printed, &item.outcome)) <
            0)
        return error;
    evidence_add(ret_evidence, &item);
    return 0;
}

int evidence_read(struct request *request, struct evidence *ret_evidence)
{
    struct json_value array = json_get(request->message->payload, "evidence");
    struct json_iterator elements = {.rest = array.raw};
    struct json_value element;
    if (array.kind == JSON_KIND_ABSENT || array.kind == JSON_KIND_NULL)
        return 0;
    if (array.kind != JSON_KIND_ARRAY)
        return refuse(request->refusal, WIRE_BAD_PAYLOAD, "payload.evidence must be an array");
    while (json_next_element(&elements, &element)) {
        if (ret_evidence->count == EVIDENCE_MAX)
            return refuse_over(request->refusal, WIRE_QUOTA_EXCEEDED,
                               &(struct overrun){"evidence", "task", EVIDENCE_MAX, 0},
                               "payload.evidence has over %u commands, the most there may be",
                               EVIDENCE_MAX);
        int error = item_read(request, element, ret_evidence);
        if (error < 0)
            return error;
    }
    return 0;
}

/* ── evidence_report ── */

struct report_said {
    char id_text[TASK_ID_BYTES_MAX], note_text[RERUN_NOTE_MAX], printed_text[EVIDENCE_PRINTED_MAX];
    struct task *task;
    uint64_t index, fence;
    struct slice note;
    struct outcome outcome;
};

static int report_read(struct request *request, struct report_said *ret_report)
{
    static const char *paths[] = {"payload.exit", "payload.printed", "payload.sha256"};
    struct json_value payload = request->message->payload;
    struct slice id, printed;
    int error;
    ret_report->index = ret_report->fence = 0;
    if ((error = payload_text(request, payload, "payload.task", REQUIRED,
                              sizeof ret_report->id_text, ret_report->id_text, &id)) < 0 ||
        (error = payload_u64(request, payload, "payload.index", 0, EVIDENCE_MAX - 1,
                             &ret_report->index)) < 0 ||
        (error = payload_u64(request, payload, "payload.fence", 1, JSON_WHOLE_MAX,
                             &ret_report->fence)) < 0 ||
        (error =
             payload_text(request, payload, "payload.note", OPTIONAL, sizeof ret_report->note_text,
                          ret_report->note_text, &ret_report->note)) < 0 ||
        (error = outcome_read(request, payload, paths, ret_report->printed_text, &printed,
                              &ret_report->outcome)) < 0)
        return error;
    ret_report->task = task_find(request->room, id);
    return ret_report->task ? 0
                            : refuse(request->refusal, WIRE_NOT_FOUND,
                                     "there is no task \"%.*s\" in this room", SLICE_FORMAT(id));
}

int evidence_report_check(struct request *request)
{
    struct report_said report;
    int error = level_check(request, "what becomes of tasks");
    if (error < 0 || (error = report_read(request, &report)) < 0)
        return error;
    const struct task *task = report.task;
    if (task->state != TASK_DONE)
        return refuse(request->refusal, WIRE_CONFLICT, "task %.*s is %s: there is no evidence yet",
                      SLICE_FORMAT(task->key), task_status_text(task_status(task)));
    if (report.fence && report.fence != task->fence)
        return refuse(request->refusal, WIRE_CONFLICT,
                      "task %.*s was done anew: its evidence is that of fence %" PRIu64
                      ", not of %" PRIu64,
                      SLICE_FORMAT(task->key), task->fence, report.fence);
    if (report.index >= task->evidence.count)
        return refuse(request->refusal, WIRE_NOT_FOUND,
                      "payload.index is %" PRIu64 ", and task %.*s has %zu commands as evidence, "
                      "counted from 0",
                      report.index, SLICE_FORMAT(task->key), task->evidence.count);
    const struct item *item = &task->evidence.items[report.index];
    if (*item->outcome.sha256 && !*report.outcome.sha256)
        return refuse(request->refusal, WIRE_BAD_PAYLOAD,
                      "payload must say what the command printed, as \"printed\" or by its "
                      "\"sha256\": that is part of this evidence");
    if (!item_has_room(item, request_owner(request)))
        return refuse_over(request->refusal, WIRE_QUOTA_EXCEEDED,
                           &(struct overrun){"reports", "task", RERUNS_MAX, 0},
                           "%u owners have reported on this command, the most there may be",
                           RERUNS_MAX);
    return 0;
}

/* Whoever has a part in a task does not judge it. */
static bool word_counts(const struct request *request, const struct task *task)
{
    struct slice owner = member_owner(request->member);
    return !slice_equal(owner, task->owner) && !slice_equal(owner, task->closer_owner) &&
           owner_counts(&request->room->knowledge.ledger, owner);
}

void evidence_report_proceed(struct request *request)
{
    struct report_said report;
    int error = report_read(request, &report);
    assert(error == 0); /* checked before */
    (void)error;
    struct task *task = report.task;
    struct item *item = &task->evidence.items[report.index];
    enum evidence_status was = evidence_status(&task->evidence);
    struct rerun rerun = {.ai_id = request->member->key,
                          .owner = member_owner(request->member),
                          .note = report.note,
                          .outcome = report.outcome,
                          .agrees = outcome_agrees(item, &report.outcome),
                          .counts = word_counts(request, task),
                          .seq = request->entry->seq};
    const struct rerun *kept = item_put(item, &rerun);
    task_changed(request->room, task);
    task_tell(request, task,
              &(struct task_news){.change = "reported",
                                  .was = task_status(task),
                                  .by = request->member->key,
                                  .rerun = kept,
                                  .index = (size_t)report.index,
                                  .evidence_was = was});
    tasks_trim(request->room);
    request->handled = true;
}
