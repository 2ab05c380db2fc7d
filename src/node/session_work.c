/* Working a session. Partners of one subject take steps of search on the shared candidate, in turns
 * of a second, until the budget that all share is spent. Of a partner's subject that this AI does
 * not train on, it reviews the candidate instead: it runs it on fresh workloads, and again whenever
 * it has changed, and says what it found; nobody makes progress that is none.
 *
 * The candidate lies in the workspace under one key, and a write says which version it was made
 * from. When another's write was first, the hub says conflict: this AI takes the current value,
 * runs it, keeps the better of both, and writes again, so that no work is lost. Exactly
 * one participant concludes: see session_turn. A partner of level 1 can't read the workspace and
 * is not waited for. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "node/node.h"

size_t session_turn(const struct session *session, const struct brain_view *view, const char *self)
{
    size_t before = 0;
    bool initiator = strcmp(session->initiator_id, self) == 0, worked = false;
    for (size_t i = 0; i < session->participant_count; i++) {
        const char *other = session->participants[i];
        bool own = strcmp(other, self) == 0;
        worked |= own && view->worked[i];
        if (own || !session->present[i] || !view->worked[i])
            continue;
        bool first = strcmp(other, session->initiator_id) == 0;
        before += first || (!initiator && strcmp(other, self) < 0);
    }
    return worked ? before : SIZE_MAX;
}

/* A job on a session. It holds copies: the session may end while it runs. */
struct session_job {
    struct node_job base;
    struct session *place;
    char id[SESSION_ID_MAX + 1], type[64];
    char names[BRAIN_CONTRIBUTORS_MAX][ID_MAX + 1];
    const char *participants[BRAIN_CONTRIBUTORS_MAX];
    size_t participant_count;
    unsigned budget;
    json_t *candidate;
    struct brain_step step;
    json_t *result; /* of concluding */
};

static struct session_job *session_job_new(struct node *node, struct session *session)
{
    struct session_job *work = calloc(1, sizeof *work);
    if (!work)
        return NULL;
    work->base.node = node;
    work->place = session;
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
    json_decref(work->step.candidate);
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
    assert(!session->working);
    session->working = true;
    session->job_version = session->version;
    return true;
}

/* The session that the job was for, if it is still there. Its place is free again either way. */
static struct session *session_job_over(struct session_job *work)
{
    struct session *session = work->place;
    assert(session->working); /* nobody else takes its place meanwhile */
    session->working = session->searches = false;
    bool there = session->state != SESSION_FREE && strcmp(session->id, work->id) == 0;
    if (there)
        session->moved = node_now(work->base.node);
    return there ? session : NULL;
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
    if (brain->collaborate(brain->state, &session, work->candidate, work->budget, stop,
                           &work->step) < 0)
        work->step.candidate = NULL;
}

/* What this AI does, for the partners. */
static void session_tell(struct node *node, struct session *session, double progress,
                         const char *note)
{
    char message_id[37];
    json_t *payload =
        json_pack("{s:s,s:f,s:s}", "session_id", session->id, "progress", progress, "note", note);
    if (node_publish(node, "collaboration_update", payload, NULL, message_id) == 0)
        session_remember_sent(session, message_id);
    json_decref(payload);
    session->told = node_now(node);
}

static void step_tell(struct node *node, struct session *session, const struct brain_step *step)
{
    if (!step->note[0])
        return;
    if (step->review) {
        node->count.sessions_reviews++;
        node_say(node, "reviewed the candidate of collab %s (%s)", SAY(session->id),
                 SAY(step->note));
    } else {
        node->count.sessions_steps++;
        node_say(node, "working on collab %s → progress=%.1f (%s)", SAY(session->id),
                 step->progress, SAY(step->note));
    }
    session_tell(node, session, step->progress, step->note);
}

static void step_write(struct node *node, struct session *session, const struct brain_step *step)
{
    char message_id[37];
    assert(!session->writing); /* a step waits for the answer to the one before */
    session->reviewed = session->version;
    if (session->candidate && json_equal(step->candidate, session->candidate))
        return; /* nothing new to say */
    json_t *payload =
        json_pack("{s:s,s:s,s:O,s:I}", "session_id", session->id, "key", CANDIDATE_KEY, "value",
                  step->candidate, "base_version", (json_int_t)session->version);
    if (node_publish(node, "workspace_update", payload, NULL, message_id) == 0) {
        session_remember_sent(session, message_id);
        session->writing = true;
        session->write_deadline = node_now(node) + WRITE_MS;
        json_decref(session->candidate);
        session->candidate = json_incref(step->candidate);
        session->changed = node_now(node);
    }
    json_decref(payload);
    step_tell(node, session, step);
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
    session->replace = !work->step.candidate && session->version == session->job_version;
    if (!work->step.candidate) {
        node_say(node, "the candidate of collab %s can't be run", SAY(session->id));
        if (++session->unreadable >= UNREADABLE_MAX)
            session_fail(node, session, "the shared candidate can't be run by this AI");
    } else if (session->version != session->job_version) {
        session->reconcile =
            true; /* another wrote meanwhile: join that first, which takes no time */
    } else {
        step_write(node, session, &work->step);
    }
    session_job_free(work);
}

/* What this AI should spend in a step, so that all who work are through in STEPS steps. */
static unsigned step_budget(const struct node *node, const struct session *session)
{
    struct brain_view view = session_view(node, session);
    unsigned workers = 1;
    for (size_t i = 0; i < session->participant_count; i++)
        workers += view.worked[i] && strcmp(session->participants[i], node->options->ai_id) != 0;
    return node->brain->budget.session / (STEPS * workers);
}

static void step_start(struct node *node, struct session *session)
{
    struct session_job *work = session_job_new(node, session);
    if (!work)
        return;
    work->base.job = (struct job){.work = step_work, .done = step_done};
    /* The one that opens the workspace does so at once, with what it has; the search begins with
     * the next step. */
    bool opens = !session->candidate;
    work->budget = session->reconcile || opens ? 0 : step_budget(node, session);
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
        /* a last step came in meanwhile: its candidate is at least as good */
        sessions_move(session, SESSION_ACTIVE);
    } else if (session && ran && work->result) {
        struct claim_use use = {.purpose = CLAIM_RESULT};
        const char *reason;
        words_copy(use.session_id, session->id);
        if (!proofs_add(node, json_incref(work->result), &use, &reason))
            session_fail(node, session, reason);
    } else if (session && ran && !node->jobs.stopping) {
        session_fail(node, session, "the final candidate can't be run by this AI");
    }
    session_job_free(work);
}

static struct session *session_concluding(struct node *node, const char *id)
{
    for (size_t i = 0; i < SESSIONS_TRACKED_MAX; i++)
        if (node->sessions[i].state == SESSION_CONCLUDING && strcmp(node->sessions[i].id, id) == 0)
            return &node->sessions[i];
    return NULL;
}

/* Who did what, for the log. */
static const char *session_manner(const struct node *node, const struct session *session)
{
    struct brain_view view = session_view(node, session);
    if (view.reviewed)
        return "made by one and reviewed";
    for (size_t i = 0; i < session->participant_count; i++)
        if (view.worked[i] && strcmp(session->participants[i], node->options->ai_id) != 0)
            return "made together";
    return "made by this AI alone";
}

void session_proved(struct node *node, const struct proof *proof)
{
    struct session *session = session_concluding(node, proof->use.session_id);
    char message_id[37];
    if (!session)
        return;
    if (session->version != session->job_version) {
        sessions_move(session, SESSION_ACTIVE); /* as in conclude_done */
        return;
    }
    json_t *payload = json_pack("{s:O,s:b,s:s}", "component", proof->shared,
                                "collaboration_complete", 1, "session_id", session->id);
    if (node_publish(node, "os_component_share", payload, NULL, message_id) == 0) {
        session_remember_sent(session, message_id);
        session->handed_in = node_now(node);
        json_decref(session->result);
        session->result = json_incref(proof->result);
        seen_first(node, node->options->ai_id, payload_string(proof->result, "id", THING_ID_MAX));
    }
    json_decref(payload);
}

void session_concluded(struct node *node, const struct session *session)
{
    node->count.sessions_concluded++;
    node->count.claims_proved++;
    node->count.components_shared++;
    node_say(node, "%s completed collaboration %s (%s; %s)", node->options->ai_id, SAY(session->id),
             session_manner(node, session), TELL(node, session->result, NULL));
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
        sessions_move(session, SESSION_CONCLUDING);
        session->handed_in = 0;
    }
}

/* Whether its next move is this AI's own, and under way. */
static bool session_is_at_work(const struct session *session)
{
    return session->state >= SESSION_ACTIVE &&
           (session->working || session->due ||
            (session->state == SESSION_CONCLUDING && session->handed_in == 0));
}

/* What waits for something that was lost or never comes. How long work takes depends on the
 * machine, and on all that it has to do: so no limit is set to it, this AI's own or a partner's
 * that says now and then that it is at it. */
static void session_limits(struct node *node, struct session *session)
{
    uint64_t now = node_now(node);
    if (session->state < SESSION_ACTIVE && now - session->since >= OFFERED_MS) {
        node_say(node, "collab %s was never begun", SAY(session->id));
        session_end(node, session); /* the hub has let it expire, or does not know it */
    } else if (session_is_at_work(session)) {
        if (now - session->told >= AT_WORK_MS && khub_link_state(node->link) == KHUB_JOINED)
            session_tell(node, session, session_view(node, session).progress, "at work on it");
    } else if (session->state == SESSION_ACTIVE && now - session->moved >= IDLE_MS) {
        session_fail(node, session, "nobody has moved it for 5 minutes");
    } else if (session->state == SESSION_CONCLUDING && now - session->handed_in >= ENDED_MS) {
        session_fail(node, session, "the hub has not taken its result");
    } else if (session->writing && now >= session->write_deadline) {
        session->writing = false; /* lost with a connection: join what is there, and write again */
        session->reconcile = session->candidate != NULL;
        if (khub_link_state(node->link) == KHUB_JOINED)
            session_write_lost(node, session); /* not for want of a hub */
    } else if (session->state == SESSION_ACTIVE && node->brain->referee && !session->candidate &&
               now - session->moved >= ENDED_MS) {
        session_fail(node, session, "nobody has brought a candidate for the referee to review");
    }
}

/* The budget is spent, or all reviews are in. A review that does not come (a partner of level
 * 1 can't give any) is not waited for, but one that did come before the candidate's last change
 * is: it will come again. */
static bool session_is_spent(const struct node *node, const struct session *session,
                             const struct brain_view *view)
{
    bool waited = node_now(node) - session->changed >= REVIEW_MS;
    if (view->progress >= 1)
        return view->has_reviews || waited || !session->had_review;
    return view->reviewed && waited;
}

/* Whether this AI's next move waits for another's: there is nothing to search, and it has said
 * of this candidate what it has to say. */
static bool session_waits(const struct node *node, const struct session *session,
                          const struct brain_view *view)
{
    if (!session->candidate)
        return node->brain->referee;
    bool works = !view->foreign && !view->reviewed && view->progress < 1;
    return !works && !session->replace && session->reviewed == session->version;
}

static void session_tick(struct node *node, struct session *session)
{
    uint64_t now = node_now(node);
    if (khub_link_state(node->link) != KHUB_JOINED)
        return; /* the hub is awaited, and its link sends what it has not answered */
    session_limits(node, session);
    session->due = false;
    if (session->working || session->writing || session->state != SESSION_ACTIVE ||
        now < session->retry_at)
        return;
    if (session->reconcile) {
        step_start(node, session);
        return;
    }
    struct brain_view view = session_view(node, session);
    if (session_is_spent(node, session, &view)) {
        if (session->spent_since == 0)
            session->spent_since = now;
        size_t turn = session_turn(session, &view, node->options->ai_id);
        if (turn != SIZE_MAX && now - session->spent_since >= turn * TURN_MS)
            conclude_start(node, session);
        else if (turn == SIZE_MAX && now - session->spent_since >= ENDED_MS &&
                 now - session->moved >= ENDED_MS)
            session_fail(node, session,
                         "the budget is spent, and none of those who spent it concludes");
        return;
    }
    session->spent_since = 0; /* a candidate that took the other's place may say less */
    if (now < session->next_step || session_waits(node, session, &view))
        return;
    if (session->candidate && !session->replace && !view.foreign && !view.reviewed)
        session->due = true;
    else
        step_start(node, session); /* opens it, or reviews: nobody should wait for that */
}

/* How far it is, as its candidate says; one that is never done has no precedence for ever. */
static double search_progress(const struct node *node, const struct session *session)
{
    return session->searched < SEARCHED_MAX ? session_view(node, session).progress : 0;
}

/* One searches at a time, the furthest first: were all to advance together, all would be done late.
 * Which that is, all partners see alike. */
static void search_next(struct node *node)
{
    struct session *next = NULL;
    double furthest = -1;
    for (size_t i = 0; i < SESSIONS_TRACKED_MAX; i++) {
        struct session *session = &node->sessions[i];
        if (session->searches)
            return;
        double progress = session->due ? search_progress(node, session) : -1;
        if (progress > furthest) {
            furthest = progress;
            next = session;
        }
    }
    if (!next)
        return;
    step_start(node, next);
    next->due = !next->working;
    next->searches = next->working;
    next->searched += next->working;
}

void sessions_tick(struct node *node)
{
    for (size_t i = 0; i < SESSIONS_TRACKED_MAX; i++)
        if (node->sessions[i].state != SESSION_FREE)
            session_tick(node, &node->sessions[i]);
    if (khub_link_state(node->link) == KHUB_JOINED)
        search_next(node);
}
