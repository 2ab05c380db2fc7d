/* The words in which the tests of honest scores are written: commit, claim, report, and what the
 * hub holds of it. */
#ifndef KHUB_TESTS_CORE_CLAIMS_H
#define KHUB_TESTS_CORE_CLAIMS_H

#include "core_fixture.h"

#include <stdlib.h>
#include <string.h>

#include "wire/text.h"

#define LEDGER_TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

#define PARAMETERS        "{'boost':1000,'quantum':0.5}"
static const char canonical[] = "khub parameters 1\n"
                                "cpu\n"
                                "v1\n"
                                "boost=408f400000000000\n"
                                "quantum=3fe0000000000000\n";

/* Copies of what a challenge said, and of what was committed to. */
struct challenge {
    char id[40], nonce[40], parameters[80];
};

static inline struct challenge commit_to(struct fixture *f, unsigned peer, const char *subject,
                                         const char *version, const char *sha256)
{
    struct challenge challenge = {.parameters = PARAMETERS};
    say(f, peer, "commitment", "{'subject':'%s','subject_version':'%s','sha256':'%s'}", subject,
        version, sha256);
    wait_ticking(f, EPOCH_OVER);
    json_t *payload = expect(f, peer, "challenge");
    snprintf(challenge.id, sizeof challenge.id, "%s", string_of(payload, "commitment_id"));
    snprintf(challenge.nonce, sizeof challenge.nonce, "%s", string_of(payload, "nonce"));
    return challenge;
}

static inline struct challenge commit(struct fixture *f, unsigned peer)
{
    return commit_to(f, peer, "cpu", "v1", digest_of(canonical));
}

/* Commits to other parameters for each quantum; 0.5: to PARAMETERS. */
static inline struct challenge commit_quantum(struct fixture *f, unsigned peer, double quantum)
{
    char text[200];
    uint64_t bits;
    memcpy(&bits, &quantum, sizeof bits);
    snprintf(text, sizeof text,
             "khub parameters 1\ncpu\nv1\nboost=408f400000000000\nquantum=%016llx\n",
             (unsigned long long)bits);
    struct challenge challenge = commit_to(f, peer, "cpu", "v1", digest_of(text));
    snprintf(challenge.parameters, sizeof challenge.parameters, "{'boost':1000,'quantum':%.17g}",
             quantum);
    return challenge;
}

/* The hash that commits to the C of a module of subject cpu, version v1. */
static inline const char *module_of(const char *source)
{
    char text[160], sha256[65];
    snprintf(sha256, sizeof sha256, "%s", digest_of(source));
    snprintf(text, sizeof text, "khub module 1\ncpu\nv1\n%s\n", sha256);
    return digest_of(text);
}

/* What the author measured, said to the hub alone. */
static inline void measure(struct fixture *f, unsigned peer, const struct challenge *challenge,
                           double ratio)
{
    say(f, peer, "measurement", "{'commitment_id':'%s','ratio':%.17g}", challenge->id, ratio);
}

static inline const char *claim_spelt(const struct challenge *challenge, const char *parameters,
                                      unsigned seeds, const char *more)
{
    static char text[8192];
    snprintf(text, sizeof text,
             "'commitment_id':'%s','nonce':'%s','subject':'cpu','subject_version':'v1',"
             "'parameters':%s,'seeds':%u%s",
             challenge->id, challenge->nonce, parameters, seeds, more);
    return text;
}

/* The members of a claim; `more` with a comma in front: of a member that stands twice, the last
 * counts. */
static inline const char *claim_of(const struct challenge *challenge, const char *more)
{
    return claim_spelt(challenge, challenge->parameters, 64, more);
}

/* Commits, and says what it measured; of another ratio, it is to other parameters. */
static inline struct challenge measured(struct fixture *f, unsigned peer, double ratio)
{
    struct challenge challenge = commit_quantum(f, peer, ratio);
    measure(f, peer, &challenge, ratio);
    return challenge;
}

/* The same, and claims it as the pattern of that id. */
static inline struct challenge claim(struct fixture *f, unsigned peer, const char *id, double ratio)
{
    struct challenge challenge = measured(f, peer, ratio);
    say(f, peer, "pattern_share", "{'pattern':{'id':'%s',%s}}", id, claim_of(&challenge, ""));
    expect_no(f, peer, "error");
    return challenge;
}

static inline void report(struct fixture *f, unsigned peer, const char *id,
                          const struct challenge *challenge, double ratio)
{
    say(f, peer, "performance_report",
        "{'component_id':'%s','performance':{'ratio':%.17g,'n':64,'nonce':'%s'}}", id, ratio,
        challenge->nonce);
}

static inline json_t *verification_in(struct fixture *f, const char *section, const char *id)
{
    json_t *entry = json_object_get(knowledge(f, section), id);
    assert_non_null(entry);
    return json_object_get(entry, "verification");
}

static inline json_t *verification_of(struct fixture *f, const char *id)
{
    return verification_in(f, "shared_patterns", id);
}

/* Those of a claim that is sealed, which the hub shows to nobody; NULL when it is not. New. */
static inline json_t *held_of(struct fixture *f, const char *id)
{
    struct text text = {0};
    json_t *held = NULL, *row;
    size_t i;
    hub_dump(fixture_hub(f), slice_of("main"), &text);
    json_t *dump = json_loadb(text.at, text.len, JSON_ALLOW_NUL, NULL);
    text_free(&text);
    json_array_foreach(json_object_get(dump, "sealed"), i, row)
    {
        if (strcmp(json_string_value(json_array_get(row, 1)), id) == 0)
            held = json_incref(json_array_get(row, 2));
    }
    json_decref(dump);
    return held;
}

static inline size_t held_count(struct fixture *f, const char *id)
{
    json_t *held = held_of(f, id);
    size_t count = json_array_size(held);
    json_decref(held);
    return count;
}

static inline void assert_status(struct fixture *f, const char *id, const char *status)
{
    assert_string_equal(string_of(verification_of(f, id), "status"), status);
}

/* What the ledger says of an AI, "commitments claims confirmed refuted contested mismatched"; ""
 * when nothing. Of its nonces: nonces_of. */
static inline const char *account_of(struct fixture *f, const char *id)
{
    static char text[128];
    unsigned peer = PEERS_MAX - 2;
    json_t *account, *ledger = json_object_get(join(f, peer, "auditor", 2, ""), "ledger");
    leave(f, peer);
    skip_all(f);
    assert_true(json_is_object(ledger));
    account = json_object_get(ledger, id);
    if (!account)
        return "";
    assert_string_equal(names_of(account),
                        "claims,commitments,confirmed,contested,mismatched,nonces,owner,refuted");
    snprintf(text, sizeof text, "%d %d %d %d %d %d", (int)integer_of(account, "commitments"),
             (int)integer_of(account, "claims"), (int)integer_of(account, "confirmed"),
             (int)integer_of(account, "refuted"), (int)integer_of(account, "contested"),
             (int)integer_of(account, "mismatched"));
    return text;
}

/* Nonces that it was given, as its ledger has it. */
static inline int nonces_of(struct fixture *f, const char *id)
{
    unsigned peer = PEERS_MAX - 2;
    json_t *ledger = json_object_get(join(f, peer, "auditor", 2, ""), "ledger");
    leave(f, peer);
    skip_all(f);
    return (int)integer_of(json_object_get(ledger, id), "nonces");
}

static inline double score_of(struct fixture *f, const char *id)
{
    return number_of(member_of(f, id), "contribution_score");
}

static inline void join_five(struct fixture *f)
{
    join(f, ADA, "ada", 2, "");
    join(f, BOB, "bob", 2, "");
    join(f, CEY, "cey", 2, "");
    join(f, DAN, "dan", 1, "");
    join(f, EVE, "eve", 2, "'role':'observer'");
    skip_all(f);
}

/* Claims as the pattern of that id, with those parents; each time with another commitment. */
static inline void derive_claim(struct fixture *f, unsigned peer, const char *id,
                                const char *parents)
{
    char more[2048];
    static unsigned made;
    struct challenge challenge = commit_quantum(f, peer, 1000 + made++);
    measure(f, peer, &challenge, 0.5);
    snprintf(more, sizeof more, ",'parents':%s", parents);
    say(f, peer, "pattern_share", "{'pattern':{'id':'%s',%s}}", id, claim_of(&challenge, more));
    expect_no(f, peer, "error");
}

#endif
