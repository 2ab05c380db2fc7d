/* A proof: from a claim to what is published. Nothing leaves the brain on its word alone.
 *
 *    proofs_add          commitment            challenge              proved
 *   ───────────▶ WAITING ──────────▶ COMMITTED ─────────▶ CHALLENGED ─────────▶ published, FREE
 *                   ▲                    │                  │   │ ▲
 *                   └── a new connection, rate_limited ◀────┘   │ └─ another nonce
 *                                                               └─────▶ refused: FREE, and told why
 *
 * Beside it runs the measuring, which may outlast a connection, and is for one nonce:
 *
 *     NONE ───▶ RUNNING ───▶ DONE     RUNNING ───▶ NONE: for another nonce, or it came to nothing
 *       ▲                      │
 *       └──── another nonce ───┘
 *
 * The commitment is a hash of the parameters, or of a module's source; the hub's nonce, which
 * nobody could know before, decides on which workloads they are measured. It comes when an epoch
 * ends, and is that of all who committed in it; of too many in one the hub refuses some, which are
 * for the next. Claims of the same share one commitment. What is hard is the link: it may go at any
 * point, and the hub that comes back may be the same (then its nonce is too, and what was proved
 * stands) or a fresh one (then all is proved again). So each connection begins by committing to all
 * that is pending, and nothing is published before the hub has answered on it. */
#include <assert.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#include "node/node.h"

#define TO(state) (1u << PROOF_##state)
static const unsigned moves[PROOF_STATES] = {
    [PROOF_FREE] = TO(WAITING),
    [PROOF_WAITING] = TO(COMMITTED) | TO(FREE),
    [PROOF_COMMITTED] = TO(CHALLENGED) | TO(WAITING) | TO(FREE),
    [PROOF_CHALLENGED] = TO(CHALLENGED) | TO(WAITING) | TO(FREE),
};
#undef TO
#define TO(state) (1u << MEASURING_##state)
static const unsigned measuring_moves[MEASURING_STATES] = {
    [MEASURING_NONE] = TO(RUNNING),
    [MEASURING_RUNNING] = TO(DONE) | TO(NONE),
    [MEASURING_DONE] = TO(NONE),
};
#undef TO

bool proofs_move_legal(enum proof_state from, enum proof_state to)
{
    return (moves[from] >> to) & 1u;
}

bool proofs_measuring_legal(enum measuring from, enum measuring to)
{
    return (measuring_moves[from] >> to) & 1u;
}

static void proof_move(struct proof *proof, enum proof_state to)
{
    assert(proofs_move_legal(proof->state, to));
    proof->state = to;
    if (to <= PROOF_WAITING)
        proof->sent[0] = '\0';
}

/* result: taken over; of DONE alone. */
static void measuring_move(struct proof *proof, enum measuring to, json_t *result)
{
    assert(proofs_measuring_legal(proof->measuring, to) &&
           (to == MEASURING_DONE) == (result != NULL));
    json_decref(proof->result);
    proof->result = result;
    proof->measuring = to;
}

bool proof_is_component(const struct proof *proof)
{
    return strcmp(payload_string(proof->claim, "kind", 16), "component") == 0;
}

static void proof_free(struct proof *proof)
{
    if (proof->state == PROOF_FREE)
        return;
    json_decref(proof->claim);
    json_decref(proof->result);
    proof->claim = proof->result = NULL;
    proof_move(proof, PROOF_FREE);
}

/* It comes to nothing, and whoever waits for it is told. */
static void proof_end(struct node *node, struct proof *proof, const char *reason)
{
    const struct claim_use *use = &proof->use;
    if (use->purpose == CLAIM_TRAINED)
        node_say(node, "a %s of %s is not shared: %s",
                 proof_is_component(proof) ? "component" : "pattern", proof->subject, reason);
    if (use->purpose == CLAIM_ANSWER)
        feature_failed(node, use->requestor, use->feature, reason);
    if (use->purpose == CLAIM_RESULT)
        session_unproved(node, use->session_id, reason);
    proof_free(proof);
}

/* Proving. */

struct prove_job {
    struct node_job base;
    size_t place;
    unsigned serial;
    char commitment_id[37], nonce[33];
    json_t *claim, *result;
};

static void proof_next(struct node *node, struct proof *proof);

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
    assert(work->place < PROOFS_MAX);
    assert(ran || !work->result);
    struct proof *proof = &node->proofs[work->place];
    if (proof->state != PROOF_FREE && proof->serial == work->serial) {
        bool current = strcmp(proof->nonce, work->nonce) == 0, proved = current && work->result;
        measuring_move(proof, proved ? MEASURING_DONE : MEASURING_NONE,
                       proved ? json_incref(work->result) : NULL);
        if (current && !work->result && !node->jobs.stopping)
            proof_end(node, proof, ran ? "it could not be measured" : "its measuring was dropped");
        else
            proof_next(node, proof);
    }
    json_decref(work->claim);
    json_decref(work->result);
    free(work);
}

static void proof_prove(struct node *node, struct proof *proof)
{
    assert(proof->state == PROOF_CHALLENGED && strlen(proof->nonce) == 32);
    struct prove_job *work = calloc(1, sizeof *work);
    if (!work)
        return; /* tried again at a later tick */
    work->base = (struct node_job){.job = {.work = prove_work, .done = prove_done}, .node = node};
    work->place = (size_t)(proof - node->proofs);
    work->serial = proof->serial;
    words_copy(work->commitment_id, proof->commitment_id);
    words_copy(work->nonce, proof->nonce);
    work->claim = json_deep_copy(proof->claim); /* the worker and the loop share no JSON */
    if (work->claim && jobs_push(&node->jobs, JOB_PROVE, &work->base.job) == 0) {
        measuring_move(proof, MEASURING_RUNNING, NULL);
        return;
    }
    json_decref(work->claim);
    free(work);
}

/* Committing. */

static bool proofs_alike(const struct proof *a, const struct proof *b)
{
    return strcmp(a->sha256, b->sha256) == 0 && strcmp(a->subject, b->subject) == 0 &&
           strcmp(a->version, b->version) == 0;
}

static void proof_nonce(struct proof *proof, const char *commitment_id, const char *nonce)
{
    bool other =
        strcmp(proof->nonce, nonce) != 0 || strcmp(proof->commitment_id, commitment_id) != 0;
    if (other && proof->measuring == MEASURING_DONE)
        measuring_move(proof, MEASURING_NONE, NULL); /* a hub that began anew */
    words_copy(proof->commitment_id, commitment_id);
    words_copy(proof->nonce, nonce);
    proof_move(proof, PROOF_CHALLENGED);
}

/* Joins the commitment of another pending claim with the same parameters. */
static bool proof_join(struct node *node, struct proof *proof)
{
    for (size_t i = 0; i < PROOFS_MAX; i++) {
        struct proof *other = &node->proofs[i];
        if (other == proof || other->state < PROOF_COMMITTED || !proofs_alike(other, proof))
            continue;
        words_copy(proof->sent, other->sent);
        proof->sent_at = other->sent_at;
        proof_move(proof, PROOF_COMMITTED);
        if (other->state == PROOF_CHALLENGED)
            proof_nonce(proof, other->commitment_id, other->nonce);
        return true;
    }
    return false;
}

/* Once, on however many connections it is made. */
static void commit_count(struct node *node, struct proof *proof)
{
    node->count.claims_committed += !proof->counted;
    proof->counted = true;
}

static void proof_commit(struct node *node, struct proof *proof)
{
    if (proof_join(node, proof)) {
        commit_count(node, proof);
        return;
    }
    json_t *payload = json_pack("{s:s,s:s,s:s}", "subject", proof->subject, "subject_version",
                                proof->version, "sha256", proof->sha256);
    if (node_publish(node, "commitment", payload, NULL, proof->sent) == 0) {
        proof->sent_at = node_now(node);
        proof_move(proof, PROOF_COMMITTED);
        commit_count(node, proof);
    } else {
        proof->sent[0] = '\0';
        proof->retry_at = node_now(node) + STEP_MS;
    }
    json_decref(payload);
}

/* The figures, for the hub alone: before the share, which it would not take else. */
static void proof_seal(struct node *node, const struct proof *proof)
{
    const char *const parts[] = {"measurement", proof->sha256, proof->commitment_id, proof->nonce,
                                 NULL};
    json_t *payload = json_copy(json_object_get(proof->result, "measured"));
    if (json_object_set_new(payload, "commitment_id", json_string(proof->commitment_id)) == 0)
        once_publish(node,
                     &(struct once_message){
                         .parts = parts, .type = "measurement", .payload = payload, .id = ""});
    json_decref(payload);
}

static void proof_publish(struct node *node, struct proof *proof)
{
    assert(proof->state == PROOF_CHALLENGED && proof->result);
    proof->shared = json_copy(proof->result);
    json_object_del(proof->shared, "measured");
    proof_seal(node, proof);
    if (proof->use.purpose == CLAIM_TRAINED)
        sharing_proved(node, proof);
    if (proof->use.purpose == CLAIM_ANSWER)
        feature_proved(node, proof);
    if (proof->use.purpose == CLAIM_RESULT)
        session_proved(node, proof);
    json_decref(proof->shared);
    proof->shared = NULL;
    proof_free(proof);
}

static void proof_next(struct node *node, struct proof *proof)
{
    assert((proof->result != NULL) == (proof->measuring == MEASURING_DONE));
    if (khub_link_state(node->link) != KHUB_JOINED || node_now(node) < proof->retry_at)
        return;
    if (proof->state == PROOF_WAITING)
        proof_commit(node, proof);
    if (proof->state == PROOF_CHALLENGED && proof->measuring == MEASURING_DONE)
        proof_publish(node, proof);
    else if (proof->state == PROOF_CHALLENGED && proof->measuring == MEASURING_NONE)
        proof_prove(node, proof);
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

static int sha256(const char *text, size_t length, char ret_hex[COMMITMENT_DIGEST_SIZE])
{
    unsigned char digest[COMMITMENT_DIGEST_BYTES];
    if (EVP_Digest(text, length, digest, NULL, EVP_sha256(), NULL) != 1)
        return -1;
    commitment_digest_format(digest, ret_hex);
    return 0;
}

/* What is hashed of a claim: of parameters, or without any of its source. 0 or -1. */
static int proof_text(const struct proof *proof, struct text *text)
{
    struct slice subject = slice_of(proof->subject), version = slice_of(proof->version);
    struct committed_parameter parameters[COMMITMENT_PARAMETERS_MAX];
    const json_t *source = json_object_get(proof->claim, "source");
    char source_sha256[COMMITMENT_DIGEST_SIZE];
    size_t count;
    if (!source || json_object_get(proof->claim, "parameters"))
        return claim_parameters(proof->claim, parameters, &count)
                   ? commitment_write(subject, version, parameters, count, text)
                   : -1;
    if (!json_is_string(source) ||
        sha256(json_string_value(source), json_string_length(source), source_sha256) < 0)
        return -1;
    return commitment_write_module(subject, version, source_sha256, text);
}

static int proof_hash(struct proof *proof)
{
    struct text text = {0};
    int error = proof_text(proof, &text);
    if (error == 0)
        error = sha256(text.at, text.len, proof->sha256);
    text_free(&text);
    return error;
}

/* A free place; else that of the oldest claim of training's, whose parameters a newer one has
 * surpassed. NULL: none. */
static struct proof *proof_place(struct node *node)
{
    struct proof *oldest = NULL;
    for (size_t i = 0; i < PROOFS_MAX; i++) {
        struct proof *proof = &node->proofs[i];
        if (proof->state == PROOF_FREE)
            return proof;
        if (proof->use.purpose == CLAIM_TRAINED && (!oldest || proof->serial < oldest->serial))
            oldest = proof;
    }
    if (oldest)
        proof_end(node, oldest, "newer claims need its place");
    return oldest;
}

bool proofs_add(struct node *node, json_t *json, const struct claim_use *use,
                const char **ret_reason)
{
    struct proof proof = {.use = *use, .claim = json};
    words_copy(proof.subject, payload_string(json, "subject", COMMITMENT_SUBJECT_MAX));
    words_copy(proof.version, payload_string(json, "subject_version", COMMITMENT_SUBJECT_MAX));
    bool whole = proof_hash(&proof) == 0;
    struct proof *place = whole ? proof_place(node) : NULL;
    if (!place) {
        *ret_reason = whole ? "too many claims wait to be proved"
                            : "it has neither parameters nor a source that can be committed to";
        json_decref(json);
        return false;
    }
    proof.serial = ++node->proof_serial;
    *place = proof;
    proof_move(place, PROOF_WAITING);
    proof_next(node, place);
    return true;
}

/* What the hub says. */

void proofs_challenge(struct node *node, const char *sender, const json_t *payload)
{
    (void)sender;
    const char *id = payload_string(payload, "commitment_id", 36);
    const char *nonce = payload_string(payload, "nonce", 32);
    struct proof wanted = {0};
    words_copy(wanted.subject, payload_string(payload, "subject", COMMITMENT_SUBJECT_MAX));
    words_copy(wanted.version, payload_string(payload, "subject_version", COMMITMENT_SUBJECT_MAX));
    words_copy(wanted.sha256, payload_string(payload, "sha256", COMMITMENT_DIGEST_SIZE - 1));
    if (!id[0] || strlen(nonce) != 32)
        return;
    for (size_t i = 0; i < PROOFS_MAX; i++) {
        struct proof *proof = &node->proofs[i];
        if (proof->state < PROOF_COMMITTED || !proofs_alike(proof, &wanted))
            continue;
        proof_nonce(proof, id, nonce);
        proof_next(node, proof);
    }
}

bool proofs_error(struct node *node, const char *code, const json_t *payload)
{
    const char *answered = payload_string(payload, "in_reply_to", 36);
    bool found = false;
    char reason[256];
    snprintf(reason, sizeof reason, "the hub refused its commitment: %s: %s", SAY(code),
             SAY(payload_string(payload, "detail", 1024)));
    for (size_t i = 0; answered[0] && i < PROOFS_MAX; i++) {
        struct proof *proof = &node->proofs[i];
        if (proof->state < PROOF_COMMITTED || strcmp(proof->sent, answered) != 0)
            continue;
        found = true;
        if (strcmp(code, "rate_limited") == 0) {
            proof_move(proof, PROOF_WAITING);
            proof->retry_at = node_now(node) + STEP_MS;
        } else {
            proof_end(node, proof, reason);
        }
    }
    return found;
}

void proofs_joined(struct node *node)
{
    for (size_t i = 0; i < PROOFS_MAX; i++) {
        if (node->proofs[i].state >= PROOF_COMMITTED)
            proof_move(&node->proofs[i], PROOF_WAITING);
        node->proofs[i].retry_at = 0;
    }
    proofs_tick(node);
}

void proofs_tick(struct node *node)
{
    bool joined = khub_link_state(node->link) == KHUB_JOINED;
    uint64_t patience = node->epoch_ms + CHALLENGE_MS;
    for (size_t i = 0; joined && i < PROOFS_MAX; i++) {
        struct proof *proof = &node->proofs[i];
        if (proof->state == PROOF_COMMITTED && node_now(node) - proof->sent_at >= patience)
            proof_end(node, proof, "the hub has not answered its commitment");
        else if (proof->state != PROOF_FREE)
            proof_next(node, proof);
    }
}

bool proofs_pending(const struct node *node)
{
    for (size_t i = 0; i < PROOFS_MAX; i++)
        if (node->proofs[i].state != PROOF_FREE)
            return true;
    return false;
}

bool proofs_has(const struct node *node, const json_t *json)
{
    for (size_t i = 0; i < PROOFS_MAX; i++)
        if (node->proofs[i].state != PROOF_FREE && node->proofs[i].claim == json)
            return true;
    return false;
}

void proofs_drop(struct node *node)
{
    for (size_t i = 0; i < PROOFS_MAX; i++)
        proof_free(&node->proofs[i]);
}
