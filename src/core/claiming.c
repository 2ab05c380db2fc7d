/* Is what is shared what its sender committed itself to? The body of a claim is read, hashed as
 * its author has hashed it (wire/commitment.h), and compared.
 *
 * A source may have 256 KiB, more than is fit for the stack. It is decoded and hashed once for each
 * check, which is linear in its length. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/handlers.h"
#include "core/memory.h"
#include "core/state.h"

#include "wire/shown.h"

enum claim_kind claim_kind_of(struct json_value parameters)
{
    return parameters.kind == JSON_KIND_ABSENT ? CLAIM_OF_MODULE : CLAIM_OF_PARAMETERS;
}

#define PATH_SIZE 64u

/* A body that bears a commitment_id, as it came. */
struct claimed {
    const char *path; /* "payload.pattern" */
    char id_text[UUID_SIZE], subject_text[COMMITMENT_SUBJECT_MAX],
        version_text[COMMITMENT_SUBJECT_MAX];
    char nonce_text[COMMITMENT_SUBJECT_MAX];
    struct slice id, subject, subject_version, nonce;
    enum claim_kind kind;
    struct committed_parameters parameters;     /* of one of parameters, */
    char source_sha256[COMMITMENT_DIGEST_SIZE]; /* and of one of a module */
    uint64_t seeds;
};

static const char *member_path(const struct claimed *claimed, const char *name,
                               char buffer[PATH_SIZE])
{
    snprintf(buffer, PATH_SIZE, "%s.%s", claimed->path, name);
    return buffer;
}

static int claimed_text(struct request *request, const struct claimed *claimed, const char *name,
                        struct json_value value, enum need need, size_t max, char *buffer,
                        struct slice *ret_text)
{
    char path[PATH_SIZE];
    return payload_text_of(request, value, member_path(claimed, name, path), need, max, buffer,
                           ret_text);
}

static void digest_of(const struct hub *hub, struct slice text,
                      char ret_sha256[COMMITMENT_DIGEST_SIZE])
{
    uint8_t digest[COMMITMENT_DIGEST_BYTES];
    hub->edge.sha256(hub->edge.ctx, &text, 1, digest);
    commitment_digest_format(digest, ret_sha256);
}

/* A source that was decoded: 0, or -code when it is none. */
static int source_digest(struct request *request, const char *path, struct slice source,
                         char ret_sha256[COMMITMENT_DIGEST_SIZE])
{
    if (memchr(source.at, '\0', source.len))
        return refuse(request->refusal, WIRE_BAD_PAYLOAD,
                      "%s has a NUL in it, and must be the C of a module", path);
    digest_of(request->hub, source, ret_sha256);
    return 0;
}

/* The C of a module, of which all that is kept here is what it hashes to. */
static int claimed_source(struct request *request, struct claimed *claimed)
{
    struct json_value source = request->found->body.source;
    size_t most = source.raw.len < COMMITMENT_SOURCE_MAX ? source.raw.len : COMMITMENT_SOURCE_MAX;
    char path[PATH_SIZE], *decoded = memory_new(most);
    struct slice text;
    int error = claimed_text(request, claimed, "source", source, REQUIRED, COMMITMENT_SOURCE_MAX,
                             decoded, &text);
    if (error == 0)
        error = source_digest(request, member_path(claimed, "source", path), text,
                              claimed->source_sha256);
    free(decoded);
    return error;
}

/* What is claimed: parameters, or if there are none, a module. */
static int claimed_thing(struct request *request, struct claimed *claimed)
{
    const struct body_members *members = &request->found->body;
    char path[PATH_SIZE];
    claimed->kind = claim_kind_of(members->parameters);
    if (claimed->kind == CLAIM_OF_PARAMETERS)
        return committed_parameters_read(members->parameters,
                                         member_path(claimed, "parameters", path),
                                         &claimed->parameters, request->refusal);
    if (members->source.kind != JSON_KIND_ABSENT)
        return claimed_source(request, claimed);
    return refuse(request->refusal, WIRE_BAD_PAYLOAD,
                  "%s has a commitment_id, and neither parameters {name: number} nor the source of "
                  "a module: a claim is of one of them",
                  claimed->path);
}

static int claimed_numbers(struct request *request, struct claimed *claimed)
{
    if (request->found->body.ratio_heldout.kind != JSON_KIND_ABSENT)
        return refuse(
            request->refusal, WIRE_BAD_PAYLOAD,
            "%s.ratio_heldout would tell those who are to measure it what to find: say it "
            "in a measurement of the commitment, before",
            claimed->path);
    if (json_u64(request->found->body.seeds, &claimed->seeds) != 0 || claimed->seeds != CLAIM_SEEDS)
        return refuse(request->refusal, WIRE_BAD_PAYLOAD,
                      "%s.seeds must be %u: every claim is measured on as many workloads",
                      claimed->path, CLAIM_SEEDS);
    return 0;
}

/* All that a claim must have, besides its commitment_id. */
static int claimed_read(struct request *request, struct claimed *claimed)
{
    const struct body_members *members = &request->found->body;
    int error;
    if ((error = claimed_text(request, claimed, "subject", members->subject, REQUIRED,
                              COMMITMENT_SUBJECT_MAX, claimed->subject_text, &claimed->subject)) <
            0 ||
        (error = claimed_text(request, claimed, "subject_version", members->subject_version,
                              REQUIRED, COMMITMENT_SUBJECT_MAX, claimed->version_text,
                              &claimed->subject_version)) < 0 ||
        (error = claimed_text(request, claimed, "nonce", members->nonce, REQUIRED,
                              sizeof claimed->nonce_text, claimed->nonce_text, &claimed->nonce)) <
            0 ||
        (error = claimed_thing(request, claimed)) < 0)
        return error;
    return claimed_numbers(request, claimed);
}

static int contradiction(struct request *request, const struct claimed *claimed, const char *name,
                         struct slice is, struct slice should)
{
    char excerpt[EXCERPT_SIZE];
    return refuse(request->refusal, WIRE_BAD_CLAIM,
                  "%s.%s is \"%s\", and that of commitment %.*s is \"%.*s\"", claimed->path, name,
                  excerpt_format(is, excerpt), SLICE_FORMAT(claimed->id), SLICE_FORMAT(should));
}

/* The text of which the commitment should be the hash, if it is of this. */
static struct slice promised_text(struct text *text, struct claimed *claimed,
                                  const struct commitment *commitment)
{
    text_clear(text);
    if (claimed->kind == CLAIM_OF_MODULE)
        commitment_write_module(commitment->subject, commitment->subject_version,
                                claimed->source_sha256, text);
    else
        commitment_write(commitment->subject, commitment->subject_version, claimed->parameters.all,
                         claimed->parameters.count, text);
    return text_slice(text);
}

/* Is it what was hashed? */
static int compare_digests(struct request *request, struct claimed *claimed,
                           const struct commitment *commitment)
{
    char sha256[COMMITMENT_DIGEST_SIZE];
    digest_of(request->hub, promised_text(&request->hub->payload, claimed, commitment), sha256);
    if (strcmp(sha256, commitment->sha256) == 0)
        return 0;
    bool module = claimed->kind == CLAIM_OF_MODULE;
    return refuse(request->refusal, WIRE_BAD_CLAIM, "%s.%s the SHA-256 %s, and %s commitment %s %s",
                  claimed->path, module ? "source is a module of" : "parameters have", sha256,
                  module ? "that of" : "those of", commitment->id, commitment->sha256);
}

/* 0, or -code when the claim is another one than was committed to. */
static int compare(struct request *request, struct claimed *claimed,
                   const struct commitment *commitment)
{
    if (!slice_equal(commitment->account->key, request->message->sender_id))
        return refuse(request->refusal, WIRE_BAD_CLAIM, "commitment %s is another AI's",
                      commitment->id);
    if (!slice_equal(claimed->subject, commitment->subject))
        return contradiction(request, claimed, "subject", claimed->subject, commitment->subject);
    if (!slice_equal(claimed->subject_version, commitment->subject_version))
        return contradiction(request, claimed, "subject_version", claimed->subject_version,
                             commitment->subject_version);
    if (!slice_is(claimed->nonce, commitment->nonce))
        return contradiction(request, claimed, "nonce", claimed->nonce,
                             slice_of(commitment->nonce));
    return compare_digests(request, claimed, commitment);
}

/* It can be claimed with: its author has measured it, and not too much is claimed with it. */
static int commitment_ready(struct request *request, const struct commitment *commitment)
{
    const struct ledger *ledger = &request->room->knowledge.ledger;
    const struct seal *seal = index_find(&ledger->seals, commitment->key);
    if (isnan(commitment->ratio))
        return refuse(request->refusal, WIRE_BAD_CLAIM,
                      "commitment %s has no measurement yet: say it first", commitment->id);
    if (seal && seal->count >= SEAL_CLAIMS_MAX)
        return refuse_over(request->refusal, WIRE_QUOTA_EXCEEDED,
                           &(struct overrun){"claims", "commitment", SEAL_CLAIMS_MAX, 0},
                           "%zu entries are claimed with commitment %s, the most that one may have",
                           seal->count, commitment->id);
    return 0;
}

int claim_check(struct request *request, const char *path)
{
    struct json_value id = request->found->body.commitment_id;
    if (id.kind == JSON_KIND_ABSENT)
        return 0;
    struct claimed claimed = {.path = path};
    int error = claimed_text(request, &claimed, "commitment_id", id, OPTIONAL,
                             sizeof claimed.id_text, claimed.id_text, &claimed.id);
    if (error < 0 || !claimed.id.len)
        return error;
    if ((error = claimed_read(request, &claimed)) < 0)
        return error;
    struct commitment *commitment =
        request->room ? index_find(&request->room->knowledge.ledger.commitments, claimed.id) : NULL;
    if (!commitment)
        return refuse(request->refusal, WIRE_BAD_CLAIM,
                      "%s.commitment_id \"%.*s\" is not known here (any more): commit anew", path,
                      SLICE_FORMAT(claimed.id));
    error = compare(request, &claimed, commitment);
    request->growth = account_growth(request);
    if (error < 0 && quota_check(request) == 0)
        request->mismatched = true; /* it will be counted, and there is room for that */
    if (error == 0)
        error = commitment_ready(request, commitment);
    if (error < 0)
        return -(int)request->refusal->code;
    request->claiming = (struct claiming){.commitment = commitment,
                                          .kind = claimed.kind,
                                          .owner = request_owner(request),
                                          .seeds = (unsigned)claimed.seeds};
    return 0;
}
