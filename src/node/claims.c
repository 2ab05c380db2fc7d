/* From a claim to what is published: nothing leaves the brain on its word alone.
 *
 *    claims_add          commitment            challenge              proved
 *   ───────────▶ WAITING ──────────▶ COMMITTED ─────────▶ CHALLENGED ─────────▶ published, FREE
 *                   ▲                    │                  │   │ ▲
 *                   └── a new connection, rate_limited ◀────┘   │ └─ another nonce
 *                                                               └─────▶ refused: FREE, and told why
 *
 * Beside it runs the proof, which may outlast a connection, and is for one nonce:
 *
 *     NONE ───▶ RUNNING ───▶ DONE     RUNNING ───▶ NONE: for another nonce, or it came to nothing
 *       ▲                      │
 *       └──── another nonce ───┘
 *
 * The commitment is a hash of the parameters; the hub's nonce, which nobody could know before,
 * decides on which workloads they are measured. Claims with the same parameters share one
 * commitment. What is hard is the link: it may go at any point, and the hub that comes back may be
 * the same (then its nonce is too, and what was proved stands) or a fresh one (then all is proved
 * again). So each connection begins by committing to all that is pending, and nothing is published
 * before the hub has answered on it. */
#include <assert.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#include "node/node.h"

#define TO(state) (1u << CLAIM_##state)
static const unsigned moves[CLAIM_STATES] = {
    [CLAIM_FREE] = TO(WAITING),
    [CLAIM_WAITING] = TO(COMMITTED) | TO(FREE),
    [CLAIM_COMMITTED] = TO(CHALLENGED) | TO(WAITING) | TO(FREE),
    [CLAIM_CHALLENGED] = TO(CHALLENGED) | TO(WAITING) | TO(FREE),
};
#undef TO
#define TO(state) (1u << PROOF_##state)
static const unsigned proof_moves[PROOF_STATES] = {
    [PROOF_NONE] = TO(RUNNING),
    [PROOF_RUNNING] = TO(DONE) | TO(NONE),
    [PROOF_DONE] = TO(NONE),
};
#undef TO

bool claims_move_legal(enum claim_state from, enum claim_state to)
{
    return (moves[from] >> to) & 1u;
}

bool claims_proof_move_legal(enum proof_state from, enum proof_state to)
{
    return (proof_moves[from] >> to) & 1u;
}

static void claim_move(struct claim *claim, enum claim_state to)
{
    assert(claims_move_legal(claim->state, to));
    claim->state = to;
    if (to <= CLAIM_WAITING)
        claim->sent[0] = '\0';
}

/* result: taken over; of DONE alone. */
static void proof_move(struct claim *claim, enum proof_state to, json_t *result)
{
    assert(claims_proof_move_legal(claim->proof, to) && (to == PROOF_DONE) == (result != NULL));
    json_decref(claim->result);
    claim->result = result;
    claim->proof = to;
}

bool claim_is_component(const struct claim *claim)
{
    return strcmp(payload_string(claim->claim, "kind", 16), "component") == 0;
}

static void claim_free(struct claim *claim)
{
    if (claim->state == CLAIM_FREE)
        return;
    json_decref(claim->claim);
    json_decref(claim->result);
    claim->claim = claim->result = NULL;
    claim_move(claim, CLAIM_FREE);
}

/* It comes to nothing, and whoever waits for it is told. */
static void claim_end(struct node *node, struct claim *claim, const char *reason)
{
    const struct claim_use *use = &claim->use;
    if (use->purpose == CLAIM_TRAINED)
        node_say(node, "a %s of %s is not shared: %s",
                 claim_is_component(claim) ? "component" : "pattern", claim->subject, reason);
    if (use->purpose == CLAIM_ANSWER)
        feature_failed(node, use->requestor, use->feature, reason);
    if (use->purpose == CLAIM_RESULT)
        session_unproved(node, use->session_id, reason);
    claim_free(claim);
}

/* Proving. */

struct prove_job {
    struct node_job base;
    size_t place;
    unsigned serial;
    char commitment_id[37], nonce[33];
    json_t *claim, *result;
};

static void claim_next(struct node *node, struct claim *claim);

static void prove_work(struct job *job)
{
    struct prove_job *work = (struct prove_job *)job;
    struct node *node = work->base.node;
    work->result = node->brain->prove(node->brain->state, work->claim, work->commitment_id,
                                      work->nonce, &node->jobs.stop);
}

static void prove_done(struct job *job, bool ran)
{
    struct prove_job *work = (struct prove_job *)job;
    struct node *node = work->base.node;
    assert(work->place < CLAIMS_MAX);
    struct claim *claim = &node->claims[work->place];
    if (claim->state != CLAIM_FREE && claim->serial == work->serial) {
        bool current = strcmp(claim->nonce, work->nonce) == 0, proved = current && work->result;
        proof_move(claim, proved ? PROOF_DONE : PROOF_NONE,
                   proved ? json_incref(work->result) : NULL);
        if (current && !work->result && !node->jobs.stopping)
            claim_end(node, claim, ran ? "it could not be measured" : "its measuring was dropped");
        else
            claim_next(node, claim);
    }
    json_decref(work->claim);
    json_decref(work->result);
    free(work);
}

static void claim_prove(struct node *node, struct claim *claim)
{
    assert(claim->state == CLAIM_CHALLENGED && strlen(claim->nonce) == 32);
    struct prove_job *work = calloc(1, sizeof *work);
    if (!work)
        return; /* tried again at a later tick */
    work->base = (struct node_job){.job = {.work = prove_work, .done = prove_done}, .node = node};
    work->place = (size_t)(claim - node->claims);
    work->serial = claim->serial;
    words_copy(work->commitment_id, claim->commitment_id);
    words_copy(work->nonce, claim->nonce);
    work->claim = json_deep_copy(claim->claim); /* the worker and the loop share no JSON */
    if (work->claim && jobs_push(&node->jobs, JOB_PROVE, &work->base.job) == 0) {
        proof_move(claim, PROOF_RUNNING, NULL);
        return;
    }
    json_decref(work->claim);
    free(work);
}

/* Committing. */

static bool claims_alike(const struct claim *a, const struct claim *b)
{
    return strcmp(a->sha256, b->sha256) == 0 && strcmp(a->subject, b->subject) == 0 &&
           strcmp(a->version, b->version) == 0;
}

static void claim_nonce(struct claim *claim, const char *commitment_id, const char *nonce)
{
    bool other =
        strcmp(claim->nonce, nonce) != 0 || strcmp(claim->commitment_id, commitment_id) != 0;
    if (other && claim->proof == PROOF_DONE)
        proof_move(claim, PROOF_NONE, NULL); /* a hub that began anew */
    words_copy(claim->commitment_id, commitment_id);
    words_copy(claim->nonce, nonce);
    claim_move(claim, CLAIM_CHALLENGED);
}

/* Joins the commitment of another pending claim with the same parameters. */
static bool claim_join(struct node *node, struct claim *claim)
{
    for (size_t i = 0; i < CLAIMS_MAX; i++) {
        struct claim *other = &node->claims[i];
        if (other == claim || other->state < CLAIM_COMMITTED || !claims_alike(other, claim))
            continue;
        words_copy(claim->sent, other->sent);
        claim->sent_at = other->sent_at;
        claim_move(claim, CLAIM_COMMITTED);
        if (other->state == CLAIM_CHALLENGED)
            claim_nonce(claim, other->commitment_id, other->nonce);
        return true;
    }
    return false;
}

static void claim_commit(struct node *node, struct claim *claim)
{
    if (claim_join(node, claim)) {
        node->count.claims_committed++;
        return;
    }
    json_t *payload = json_pack("{s:s,s:s,s:s}", "subject", claim->subject, "subject_version",
                                claim->version, "sha256", claim->sha256);
    if (node_publish(node, "commitment", payload, NULL, claim->sent) == 0) {
        claim->sent_at = node_now(node);
        claim_move(claim, CLAIM_COMMITTED);
        node->count.claims_committed++;
    } else {
        claim->sent[0] = '\0';
        claim->retry_at = node_now(node) + STEP_MS;
    }
    json_decref(payload);
}

static void claim_publish(struct node *node, struct claim *claim)
{
    assert(claim->state == CLAIM_CHALLENGED && claim->result);
    if (claim->use.purpose == CLAIM_TRAINED)
        sharing_proved(node, claim);
    if (claim->use.purpose == CLAIM_ANSWER)
        feature_proved(node, claim);
    if (claim->use.purpose == CLAIM_RESULT)
        session_proved(node, claim);
    claim_free(claim);
}

static void claim_next(struct node *node, struct claim *claim)
{
    if (khub_link_state(node->link) != KHUB_JOINED || node_now(node) < claim->retry_at)
        return;
    if (claim->state == CLAIM_WAITING)
        claim_commit(node, claim);
    if (claim->state == CLAIM_CHALLENGED && claim->proof == PROOF_DONE)
        claim_publish(node, claim);
    else if (claim->state == CLAIM_CHALLENGED && claim->proof == PROOF_NONE)
        claim_prove(node, claim);
}

/* As the hub reads them. False: they are none that it takes. */
static bool claim_parameters(const json_t *claim, struct committed_parameter *ret_all,
                             size_t *ret_count)
{
    json_t *parameters = json_object_get(claim, "parameters"), *value;
    const char *name;
    size_t count = 0;
    if (!json_is_object(parameters) || json_object_size(parameters) > COMMITMENT_PARAMETERS_MAX)
        return false;
    json_object_foreach(parameters, name, value)
    {
        if (!json_is_number(value))
            return false;
        ret_all[count++] =
            (struct committed_parameter){.name = slice_of(name), .value = json_number_value(value)};
    }
    *ret_count = count;
    return true;
}

static int claim_hash(struct claim *claim)
{
    struct committed_parameter parameters[COMMITMENT_PARAMETERS_MAX];
    size_t count;
    unsigned char digest[COMMITMENT_DIGEST_BYTES];
    struct text text = {0};
    if (!claim_parameters(claim->claim, parameters, &count))
        return -1;
    int error = commitment_write(slice_of(claim->subject), slice_of(claim->version), parameters,
                                 count, &text);
    if (error == 0 && EVP_Digest(text.at, text.len, digest, NULL, EVP_sha256(), NULL) != 1)
        error = -1;
    if (error == 0)
        commitment_digest_format(digest, claim->sha256);
    text_free(&text);
    return error;
}

/* A free place; else that of the oldest claim of training's, whose parameters a newer one has
 * surpassed. NULL: none. */
static struct claim *claim_place(struct node *node)
{
    struct claim *oldest = NULL;
    for (size_t i = 0; i < CLAIMS_MAX; i++) {
        struct claim *claim = &node->claims[i];
        if (claim->state == CLAIM_FREE)
            return claim;
        if (claim->use.purpose == CLAIM_TRAINED && (!oldest || claim->serial < oldest->serial))
            oldest = claim;
    }
    if (oldest)
        claim_end(node, oldest, "newer claims need its place");
    return oldest;
}

bool claims_add(struct node *node, json_t *json, const struct claim_use *use,
                const char **ret_reason)
{
    struct claim claim = {.use = *use, .claim = json};
    words_copy(claim.subject, payload_string(json, "subject", COMMITMENT_SUBJECT_MAX));
    words_copy(claim.version, payload_string(json, "subject_version", COMMITMENT_SUBJECT_MAX));
    bool whole = claim_hash(&claim) == 0;
    struct claim *place = whole ? claim_place(node) : NULL;
    if (!place) {
        *ret_reason = whole ? "too many claims wait to be proved"
                            : "it has no parameters that can be committed to";
        json_decref(json);
        return false;
    }
    claim.serial = ++node->claim_serial;
    *place = claim;
    claim_move(place, CLAIM_WAITING);
    claim_next(node, place);
    return true;
}

/* What the hub says. */

void claims_challenge(struct node *node, const char *sender, const json_t *payload)
{
    (void)sender;
    const char *id = payload_string(payload, "commitment_id", 36);
    const char *nonce = payload_string(payload, "nonce", 32);
    struct claim wanted = {0};
    words_copy(wanted.subject, payload_string(payload, "subject", COMMITMENT_SUBJECT_MAX));
    words_copy(wanted.version, payload_string(payload, "subject_version", COMMITMENT_SUBJECT_MAX));
    words_copy(wanted.sha256, payload_string(payload, "sha256", COMMITMENT_DIGEST_SIZE - 1));
    if (!id[0] || strlen(nonce) != 32)
        return;
    for (size_t i = 0; i < CLAIMS_MAX; i++) {
        struct claim *claim = &node->claims[i];
        if (claim->state < CLAIM_COMMITTED || !claims_alike(claim, &wanted))
            continue;
        claim_nonce(claim, id, nonce);
        claim_next(node, claim);
    }
}

bool claims_error(struct node *node, const char *code, const json_t *payload)
{
    const char *answered = payload_string(payload, "in_reply_to", 36);
    bool found = false;
    char reason[256];
    snprintf(reason, sizeof reason, "the hub refused its commitment: %s: %s", SAY(code),
             SAY(payload_string(payload, "detail", 1024)));
    for (size_t i = 0; answered[0] && i < CLAIMS_MAX; i++) {
        struct claim *claim = &node->claims[i];
        if (claim->state < CLAIM_COMMITTED || strcmp(claim->sent, answered) != 0)
            continue;
        found = true;
        if (strcmp(code, "rate_limited") == 0) {
            claim_move(claim, CLAIM_WAITING);
            claim->retry_at = node_now(node) + STEP_MS;
        } else {
            claim_end(node, claim, reason);
        }
    }
    return found;
}

void claims_joined(struct node *node)
{
    for (size_t i = 0; i < CLAIMS_MAX; i++) {
        if (node->claims[i].state >= CLAIM_COMMITTED)
            claim_move(&node->claims[i], CLAIM_WAITING);
        node->claims[i].retry_at = 0;
    }
    claims_tick(node);
}

void claims_tick(struct node *node)
{
    bool joined = khub_link_state(node->link) == KHUB_JOINED;
    for (size_t i = 0; joined && i < CLAIMS_MAX; i++) {
        struct claim *claim = &node->claims[i];
        if (claim->state == CLAIM_COMMITTED && node_now(node) - claim->sent_at >= CHALLENGE_MS)
            claim_end(node, claim, "the hub has not answered its commitment");
        else if (claim->state != CLAIM_FREE)
            claim_next(node, claim);
    }
}

bool claims_pending(const struct node *node)
{
    for (size_t i = 0; i < CLAIMS_MAX; i++)
        if (node->claims[i].state != CLAIM_FREE)
            return true;
    return false;
}

bool claims_has(const struct node *node, const json_t *json)
{
    for (size_t i = 0; i < CLAIMS_MAX; i++)
        if (node->claims[i].state != CLAIM_FREE && node->claims[i].claim == json)
            return true;
    return false;
}

void claims_drop(struct node *node)
{
    for (size_t i = 0; i < CLAIMS_MAX; i++)
        claim_free(&node->claims[i]);
}
