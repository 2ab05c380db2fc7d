/* Working a session. Partners of one subject take steps of search on the shared candidate, in turns of a second, until the budget
 * that all share is spent. Of a partner's subject that this AI does not train on, it reviews the candidate instead: it runs it on fresh
 * workloads, and again whenever it has changed, and says what it found; nobody makes progress that is none.
 *
 * The candidate lies in the workspace under one key, and a write says which version it was made from. When another's write was
 * first, the hub says conflict: this AI takes the current value, runs it, keeps the better of both, and writes again, so that no
 * evaluation is lost. Exactly one participant concludes: see session_turn. A partner of level 1 can't read the workspace and is
 * not waited for. */
#include <stdlib.h>
#include <string.h>

#include "brain/policy/candidate.h"
#include "node/node.h"

size_t session_turn(const struct session *session, const char *self)
{
    unsigned own = candidate_evaluations(session->candidate, self);
    size_t before = 0;
    bool initiator = strcmp(session->initiator_id, self) == 0;
    if (own == 0)
        return SIZE_MAX;
    for (size_t i = 0; i < session->participant_count; i++) {
        const char *other = session->participants[i];
        if (strcmp(other, self) == 0 || !session->present[i] ||
            candidate_evaluations(session->candidate, other) == 0)
            continue;
        bool first = strcmp(other, session->initiator_id) == 0;
        before += first || (!initiator && strcmp(other, self) < 0);
    }
    return before;
}

/* A job on a session. It holds copies: the session may end while it runs. */
struct session_job {
    struct node_job base;
    struct session *slot;
    char id[SESSION_ID_MAX + 1], type[64];
    char names[BRAIN_CONTRIBUTORS_MAX][ID_MAX + 1];
    const char *participants[BRAIN_CONTRIBUTORS_MAX];
    size_t participant_count;
    unsigned evaluations;
    json_t *candidate, *result;
    double progress;
};

static struct session_job *session_job_new(struct node *node, struct session *session)
{
    struct session_job *work = calloc(1, sizeof *work);
    if (!work)
        return NULL;
    work->base.node = node;
    work->slot = session;
    words_copy(work->id, session->id);
    words_copy(work->type, session->type);
    for (size_t i = 0; i < session->participant_count; i++) {
        words_copy(work->names[i], session->participants[i]);
        work->participants[i] = work->names[i];
    }
    work->participant_count = session->participant_count;
    work->candidate = session->candidate ? json_deep_copy(session->candidate) : NULL;
    return work;
}

static void session_job_free(struct session_job *work)
{
    json_decref(work->candidate);
    json_decref(work->result);
    free(work);
}

static struct brain_session session_of(const struct session_job *work)
{
    return (struct brain_session){.id = work->id,
                                  .type = work->type,
                                  .participants = work->participants,
                                  .participant_count = work->participant_count};
}

/* False when the queue is full: then it is tried again at a later tick. */
static bool session_job_start(struct node *node, struct session *session, struct session_job *work)
{
    if (jobs_push(&node->jobs, JOB_SESSION, &work->base.job) < 0) {
        session_job_free(work);
        return false;
    }
    session->working = true;
    session->job_version = session->version;
    return true;
}

/* The session that the job was for, if it is still there. Its slot is free again either way. */
static struct session *session_job_over(struct session_job *work)
{
    struct session *session = work->slot;
    session->working = false;
    return session->used && strcmp(session->id, work->id) == 0 ? session : NULL;
}

void session_fail(struct node *node, struct session *session, const char *note)
{
    json_t *payload =
        json_pack("{s:s,s:s,s:s}", "session_id", session->id, "status", "failed", "note", note);
    node_publish(node, "collaboration_update", payload, NULL, NULL);
    json_decref(payload);
    node->count.sessions_failed++;
    node_say(node, "failed collaboration %s: %s", SAY(session->id), note);
    session_end(node, session);
}

bool session_write_lost(struct node *node, struct session *session)
{
    if (++session->writes_lost < WRITES_LOST_MAX)
        return true;
    session_fail(node, session, "no answer to this AI's writes can be read");
    return false;
}

/* Steps. */

static void step_work(struct job *job)
{
    struct session_job *work = (struct session_job *)job;
    struct node *node = work->base.node;
    struct brain *brain = node->brain;
    struct brain_session session = session_of(work);
    brain_stop *stop = &node->jobs.stop;
    if (brain->collaborate(brain->state, &session, work->candidate, work->evaluations, stop,
                           &work->result, &work->progress) < 0)
        work->result = NULL;
}

/* Whether this AI only reviews it: the subject is another's. */
static bool session_reviews(const struct node *node, const json_t *candidate)
{
    return candidate &&
           strcmp(payload_string(candidate, "subject", CLAIM_SUBJECT_MAX), node->subject) != 0;
}

static void step_tell(struct node *node, struct session *session, const struct session_job *work)
{
    char message_id[37], note[600];
    const char *self = node->options->ai_id;
    if (session_reviews(node, work->result)) {
        const json_t *review = json_object_get(json_object_get(work->result, "reviews"), self);
        snprintf(note, sizeof note, "reviewed: %s",
                 payload_string(review, "text", sizeof note - 16));
        node->count.sessions_reviews++;
        node_say(node, "reviewed the candidate of collab %s: %s", SAY(session->id),
                 SAY(payload_string(review, "text", sizeof note - 16)));
    } else if (work->evaluations == 0) {
        return; /* only joined with another's: no step of its own to tell of */
    } else {
        snprintf(note, sizeof note, "ratio %.4f, %u of %u evaluations",
                 candidate_ratio(work->result), candidate_spent(work->result),
                 BRAIN_SESSION_BUDGET);
        node->count.sessions_steps++;
        node_say(node, "working on collab %s → progress=%.1f (%s)", SAY(session->id),
                 work->progress, note);
    }
    json_t *payload = json_pack("{s:s,s:f,s:s}", "session_id", session->id, "progress",
                                work->progress, "note", note);
    if (node_publish(node, "collaboration_update", payload, NULL, message_id) == 0)
        session_remember_sent(session, message_id);
    json_decref(payload);
}

static void step_write(struct node *node, struct session *session, const struct session_job *work)
{
    char message_id[37];
    session->reviewed = session->version;
    if (session->candidate && json_equal(work->result, session->candidate))
        return; /* nothing new to say */
    json_t *payload =
        json_pack("{s:s,s:s,s:O,s:I}", "session_id", session->id, "key", CANDIDATE_KEY, "value",
                  work->result, "base_version", (json_int_t)session->version);
    if (node_publish(node, "workspace_update", payload, NULL, message_id) == 0) {
        session_remember_sent(session, message_id);
        session->writing = true;
        session->write_deadline = node_now(node) + WRITE_MS;
        json_decref(session->candidate);
        session->candidate = json_incref(work->result);
        session->changed = node_now(node);
    }
    json_decref(payload);
    step_tell(node, session, work);
}

static void step_done(struct job *job, bool ran)
{
    struct session_job *work = (struct session_job *)job;
    struct node *node = work->base.node;
    struct session *session = session_job_over(work);
    if (!session || !ran || node->jobs.stopping) {
        session_job_free(work);
        return;
    }
    session->replace = !work->result && session->version == session->job_version;
    if (!work->result) {
        node_say(node, "the candidate of collab %s can't be run", SAY(session->id));
        if (++session->unreadable >= UNREADABLE_MAX)
            session_fail(node, session, "the shared candidate can't be run by this AI");
    } else if (session->version != session->job_version) {
        session->reconcile =
            true; /* another wrote meanwhile: join that first, which takes no time */
    } else {
        step_write(node, session, work);
    }
    session_job_free(work);
}

/* How many evaluations this AI should spend in a step, so that all who work are through in STEPS steps. */
static unsigned step_evaluations(const struct session *session, const char *self)
{
    unsigned workers = 1;
    for (size_t i = 0; i < session->participant_count; i++)
        workers += strcmp(session->participants[i], self) != 0 &&
                   candidate_evaluations(session->candidate, session->participants[i]) > 0;
    return BRAIN_SESSION_BUDGET / (STEPS * workers);
}

static void step_start(struct node *node, struct session *session)
{
    struct session_job *work = session_job_new(node, session);
    if (!work)
        return;
    work->base.job = (struct job){.work = step_work, .done = step_done};
    /* The one that opens the workspace does so at once, with what it has; the search begins with the next step. */
    bool opens = !session->candidate;
    work->evaluations =
        session->reconcile || opens ? 0 : step_evaluations(session, node->options->ai_id);
    if (session->replace && !session->reconcile) { /* put this AI's own best in its place */
        json_decref(work->candidate);
        work->candidate = NULL;
    }
    if (!session->reconcile)
        session->next_step = node_now(node) + (opens ? TICK_MS : STEP_MS);
    session->reconcile = false;
    session_job_start(node, session, work);
}

/* Concluding. */

static void conclude_work(struct job *job)
{
    struct session_job *work = (struct session_job *)job;
    struct node *node = work->base.node;
    struct brain_session session = session_of(work);
    work->result =
        node->brain->conclude(node->brain->state, &session, work->candidate, &node->jobs.stop);
}

static void conclude_done(struct job *job, bool ran)
{
    struct session_job *work = (struct session_job *)job;
    struct node *node = work->base.node;
    struct session *session = session_job_over(work);
    if (session && ran && session->version != session->job_version) {
        session->state =
            SESSION_ACTIVE; /* a last step came in meanwhile: its candidate is at least as good */
    } else if (session && ran && work->result) {
        struct claim_use use = {.purpose = CLAIM_RESULT};
        const char *reason;
        words_copy(use.session_id, session->id);
        if (!claims_add(node, json_incref(work->result), &use, &reason))
            session_fail(node, session, reason);
    } else if (session && ran && !node->jobs.stopping) {
        session_fail(node, session, "the final candidate can't be run by this AI");
    }
    session_job_free(work);
}

static struct session *session_concluding(struct node *node, const char *id)
{
    for (size_t i = 0; i < SESSIONS_TRACKED_MAX; i++)
        if (node->sessions[i].used && node->sessions[i].state == SESSION_CONCLUDING &&
            strcmp(node->sessions[i].id, id) == 0)
            return &node->sessions[i];
    return NULL;
}

/* Who did what, for the log. */
static const char *session_manner(const struct node *node, const struct session *session)
{
    if (candidate_reviewed(session->candidate))
        return "searched by one and reviewed";
    for (size_t i = 0; i < session->participant_count; i++)
        if (strcmp(session->participants[i], node->options->ai_id) != 0 &&
            candidate_evaluations(session->candidate, session->participants[i]) > 0)
            return "searched together";
    return "searched by this AI alone";
}

void session_proved(struct node *node, const struct claim *claim)
{
    struct session *session = session_concluding(node, claim->use.session_id);
    char message_id[37];
    if (!session)
        return;
    if (session->version != session->job_version) {
        session->state = SESSION_ACTIVE; /* as in conclude_done */
        return;
    }
    json_t *payload = json_pack("{s:O,s:b,s:s}", "component", claim->result,
                                "collaboration_complete", 1, "session_id", session->id);
    if (node_publish(node, "os_component_share", payload, NULL, message_id) == 0) {
        session_remember_sent(session, message_id);
        node->count.sessions_concluded++;
        node->count.claims_proved++;
        seen_first(node, node->options->ai_id, payload_string(claim->result, "id", THING_ID_MAX));
        node->count.components_shared++;
        node_say(node,
                 "%s completed collaboration %s (%s; ratio %.4f on the partners' workloads, %.4f "
                 "held-out)",
                 node->options->ai_id, SAY(session->id), session_manner(node, session),
                 json_number_value(json_object_get(claim->result, "ratio_session")),
                 json_number_value(json_object_get(claim->result, "ratio_heldout")));
    }
    json_decref(payload);
}

void session_unproved(struct node *node, const char *session_id, const char *reason)
{
    struct session *session = session_concluding(node, session_id);
    if (session)
        session_fail(node, session, reason);
}

static void conclude_start(struct node *node, struct session *session)
{
    struct session_job *work = session_job_new(node, session);
    if (!work)
        return;
    work->base.job = (struct job){.work = conclude_work, .done = conclude_done};
    if (session_job_start(node, session, work)) {
        session->state = SESSION_CONCLUDING;
        session->concluding_since = node_now(node);
    }
}

/* What takes longer than it can, since an answer was lost or never came. */
static void session_limits(struct node *node, struct session *session)
{
    uint64_t now = node_now(node);
    if (session->state < SESSION_ACTIVE && now - session->since >= OFFERED_MS) {
        node_say(node, "collab %s was never begun", SAY(session->id));
        session_end(node, session); /* the hub has let it expire, or does not know it */
    } else if (session->state == SESSION_ACTIVE && now - session->since >= ACTIVE_MS) {
        session_fail(node, session, "it was not completed in 5 minutes");
    } else if (session->state == SESSION_CONCLUDING &&
               now - session->concluding_since >= ENDED_MS) {
        session_fail(node, session, "the hub has not taken its result");
    } else if (session->writing && now >= session->write_deadline) {
        session->writing = false; /* lost with a connection: join what is there, and write again */
        session->reconcile = session->candidate != NULL;
        if (khub_link_state(node->link) == KHUB_JOINED)
            session_write_lost(node, session); /* not for want of a hub */
    } else if (session->state == SESSION_ACTIVE && node->referee && !session->candidate &&
               now - session->since >= ENDED_MS) {
        session_fail(node, session, "nobody has brought a candidate for the referee to review");
    }
}

/* All evaluations are spent, or all reviews in. A review that does not come (a partner of level 1 can't give any) is not waited for,
 * but one that did come before the candidate's last change is: it will come again. */
static bool session_is_spent(const struct node *node, const struct session *session)
{
    bool waited = node_now(node) - session->changed >= REVIEW_MS;
    bool reviewed = json_object_size(json_object_get(session->candidate, "reviews")) > 0;
    if (candidate_progress(session->candidate) >= 1)
        return reviewed || waited || !session->had_review;
    return candidate_reviewed(session->candidate) && waited;
}

/* Whether this AI's next move waits for another's: there is nothing to search, and it has said of this candidate what it has to say. */
static bool session_waits(const struct node *node, const struct session *session)
{
    if (!session->candidate)
        return node->referee;
    bool searches = !session_reviews(node, session->candidate) &&
                    !candidate_reviewed(session->candidate) &&
                    candidate_progress(session->candidate) < 1;
    return !searches && !session->replace && session->reviewed == session->version;
}

static void session_tick(struct node *node, struct session *session)
{
    uint64_t now = node_now(node);
    session_limits(node, session);
    if (!session->used || session->working || session->writing ||
        session->state != SESSION_ACTIVE || now < session->retry_at)
        return;
    if (session->reconcile) {
        step_start(node, session);
        return;
    }
    if (session_is_spent(node, session)) {
        if (session->spent_since == 0)
            session->spent_since = now;
        size_t turn = session_turn(session, node->options->ai_id);
        if (turn != SIZE_MAX && now - session->spent_since >= turn * TURN_MS)
            conclude_start(node, session);
        else if (turn == SIZE_MAX && now - session->spent_since >= ENDED_MS)
            session_fail(node, session,
                         "the budget is spent, and none of those who spent it concludes");
        return;
    }
    session->spent_since = 0; /* a candidate that took the other's place may say less */
    if (now >= session->next_step && !session_waits(node, session))
        step_start(node, session);
}

void sessions_tick(struct node *node)
{
    for (size_t i = 0; i < SESSIONS_TRACKED_MAX; i++)
        if (node->sessions[i].used)
            session_tick(node, &node->sessions[i]);
}
