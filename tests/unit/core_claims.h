/* The words in which the tests of honest scores are written: commit, claim, report, and what the
 * hub holds of it. */
#ifndef KHUB_TESTS_CORE_CLAIMS_H
#define KHUB_TESTS_CORE_CLAIMS_H

#include "core_fixture.h"

#include <stdlib.h>
#include <string.h>

#define LEDGER_TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

#define PARAMETERS        "{'boost':1000,'quantum':0.5}"
static const char canonical[] = "khub parameters 1\n"
                                "cpu\n"
                                "v1\n"
                                "boost=408f400000000000\n"
                                "quantum=3fe0000000000000\n";

/* Copies of what a challenge said. */
struct challenge {
    char id[40], nonce[40];
};

static inline struct challenge commit_to(struct fixture *f, unsigned peer, const char *subject,
                                         const char *version, const char *sha256)
{
    struct challenge challenge;
    say(f, peer, "commitment", "{'subject':'%s','subject_version':'%s','sha256':'%s'}", subject,
        version, sha256);
    json_t *payload = expect(f, peer, "challenge");
    snprintf(challenge.id, sizeof challenge.id, "%s", string_of(payload, "commitment_id"));
    snprintf(challenge.nonce, sizeof challenge.nonce, "%s", string_of(payload, "nonce"));
    return challenge;
}

static inline struct challenge commit(struct fixture *f, unsigned peer)
{
    return commit_to(f, peer, "cpu", "v1", digest_of(canonical));
}

static inline const char *claim_spelt(const struct challenge *challenge, const char *parameters,
                                      double ratio, unsigned seeds, const char *more)
{
    static char text[8192];
    snprintf(text, sizeof text,
             "'commitment_id':'%s','nonce':'%s','subject':'cpu','subject_version':'v1',"
             "'parameters':%s,'ratio_heldout':%.17g,'seeds':%u%s",
             challenge->id, challenge->nonce, parameters, ratio, seeds, more);
    return text;
}

/* The members of a claim; `more` with a comma in front: of a member that stands twice, the last
 * counts. */
static inline const char *claim_of(const struct challenge *challenge, double ratio,
                                   const char *more)
{
    return claim_spelt(challenge, PARAMETERS, ratio, 64, more);
}

/* Commits and claims, as the pattern of that id. */
static inline struct challenge claim(struct fixture *f, unsigned peer, const char *id, double ratio)
{
    struct challenge challenge = commit(f, peer);
    say(f, peer, "pattern_share", "{'pattern':{'id':'%s',%s}}", id,
        claim_of(&challenge, ratio, ""));
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

static inline void assert_status(struct fixture *f, const char *id, const char *status)
{
    assert_string_equal(string_of(verification_of(f, id), "status"), status);
}

/* What the ledger says of an AI, "commitments claims confirmed refuted contested mismatched"; ""
 * when nothing. */
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
                        "claims,commitments,confirmed,contested,mismatched,refuted");
    snprintf(text, sizeof text, "%d %d %d %d %d %d", (int)integer_of(account, "commitments"),
             (int)integer_of(account, "claims"), (int)integer_of(account, "confirmed"),
             (int)integer_of(account, "refuted"), (int)integer_of(account, "contested"),
             (int)integer_of(account, "mismatched"));
    return text;
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

/* Claims as the pattern of that id, with those parents. */
static inline void derive_claim(struct fixture *f, unsigned peer, const char *id,
                                const char *parents)
{
    char more[2048];
    struct challenge challenge = commit(f, peer);
    snprintf(more, sizeof more, ",'parents':%s", parents);
    say(f, peer, "pattern_share", "{'pattern':{'id':'%s',%s}}", id,
        claim_of(&challenge, 0.5, more));
    expect_no(f, peer, "error");
}

#endif
