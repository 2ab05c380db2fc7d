/* What AIs claim of their shares: who committed to what (ledger.c), and what others measured
 * (verification.c). */
#ifndef KHUB_CORE_CLAIMS_H
#define KHUB_CORE_CLAIMS_H

#include "core/bounds.h"
#include "core/changes.h"
#include "core/index.h"
#include "wire/commitment.h"
#include "wire/json.h"
#include "wire/text.h"
#include <sys/queue.h>

struct knowledge;
struct knowledge_entry;

#define CLAIM_STATUSES(X)                                                                          \
    X(CLAIMED, "claimed")                                                                          \
    X(CONFIRMED, "confirmed")                                                                      \
    X(REFUTED, "refuted")                                                                          \
    X(CONTESTED, "contested")

enum claim_status {
#define X(name, text) CLAIM_##name,
    CLAIM_STATUSES(X)
#undef X
        CLAIM_STATUS_COUNT
};

/* Parameters that an AI committed itself to, by their hash, and the nonce that it got for them. */
struct commitment {
    struct slice key; /* commitment_id, in `id` */
    char id[UUID_SIZE], nonce[33], sha256[COMMITMENT_DIGEST_SIZE];
    struct account *account;
    struct slice subject, subject_version;
    bool claimed;
    uint64_t order; /* in the lists it is in */
    struct change change;
    TAILQ_ENTRY(commitment) of_account, of_room;
};
TAILQ_HEAD(commitment_list, commitment);

/* An AI's page in the ledger; kept when it leaves. What became of its claims stands with the
 * contributor. */
struct account {
    struct slice key; /* ai_id */
    uint64_t commitments, mismatched;
    struct commitment_list open, claimed; /* those kept, oldest first */
    size_t kept, kept_claimed;
    const struct contributor *contributor; /* NULL while it has no claim */
    uint64_t order;                        /* of its last change */
    struct change change;
    TAILQ_ENTRY(account) recent; /* the newest change first */
};
TAILQ_HEAD(account_list, account);

struct ledger {
    struct index accounts, commitments;
    struct account_list recent;
    struct commitment_list open, claimed; /* oldest first */
    size_t claimed_count;
    size_t bytes;      /* counted in knowledge->bytes as well */
    struct text shown; /* what a sync shows of it, */
    bool shown_whole;  /* if that is up to date */
};

/* Somebody else's measurement of a claim. */
struct verifier {
    struct slice ai_id;
    bool agrees;
    double ratio;                 /* NAN: it could not be measured */
    double ratio_own;             /* NAN: none given */
    struct slice profile, reason; /* JSON as it came; {NULL}: none */
};

/* What an entry claims of itself and what others found. */
struct claim {
    bool live; /* the entry's present revision is a claim; else only `settled` says something */
    char commitment_id[UUID_SIZE], nonce[33];
    double ratio;
    unsigned seeds;
    enum claim_status status;
    struct verifier *verifiers; /* each AI once, in the order of their latest measurements */
    size_t verifier_count, verifier_capacity;
    size_t gone[2]; /* verifiers that made room for others, by whether they agreed */
    struct knowledge_entry **parents; /* those of body.parents that were known */
    size_t parent_count;
    uint64_t
        settled[CLAIM_STATUS_COUNT]; /* claims that former revisions made, by what became of them */
};

/* What a share that is under way claims. */
struct claiming {
    struct commitment *commitment; /* NULL: nothing */
    double ratio;
    unsigned seeds;
    /* entries that its body names as its parents, and that are known; whoever has this has them */
    struct knowledge_entry **parents;
    size_t parent_count; /* at most PARENTS_MAX */
};

void ledger_init(struct ledger *ledger);
void ledger_free(struct ledger *ledger);
/* For load.c: an account and a commitment that are in no list yet; a commitment's place in its
 * lists is behind all that are there. account_restore: NULL when there is one. */
struct account *account_restore(struct knowledge *knowledge, struct slice ai_id);
void commitment_restore(struct knowledge *knowledge, struct account *account,
                        struct commitment *commitment);
void commitment_insert(struct ledger *ledger, struct commitment *commitment);
/* The AI's page comes first in what is shown. */
void account_touch(struct knowledge *knowledge, struct slice ai_id);
/* What a page, and a commitment of these texts, counts for in ledger->bytes. */
size_t account_cost(struct slice ai_id);
size_t commitment_cost(struct slice subject, struct slice subject_version);
/* {ai_id: {commitments, claims, …}}, the newest change first: at most so many AIs, in at most so
 * many bytes ({} at the least). */
void ledger_write(const struct ledger *ledger, size_t accounts_max, size_t limit,
                  struct text *text);
/* As many as a training_sync shows. That text is kept: many join while nobody's account changes. */
void ledger_show(struct ledger *ledger, size_t limit, struct text *text);

/* "claimed"; static storage. */
const char *claim_status_text(enum claim_status status);
void claim_free(struct claim *claim);
#define CLAIM_OVERHEAD 768u /* bytes that a claim counts for beside its verifiers */
size_t claim_cost(const struct claim *claim);
/* What this AI's report may add to that at the most. */
size_t verifier_cost_most(struct slice ai_id);
/* The entry's new revision claims this, or nothing (NULL). Its body is in place. */
void claim_put(struct knowledge *knowledge, struct knowledge_entry *entry,
               const struct claiming *claiming);
/* What a report made of a claim. */
struct claim_change {
    const struct knowledge_entry *entry;
    enum claim_status was;
};
/* An AI reports on the entry; its author's own reports say nothing of its claim. True when the
 * status changed, with *ret_change filled. */
bool claim_report(struct knowledge *knowledge, struct knowledge_entry *entry, struct slice reporter,
                  struct json_value metrics, struct claim_change *ret_change);
/* By how much that makes the claim cost more; less than nothing when it costs less. */
int64_t claim_report_growth(const struct knowledge_entry *entry, struct slice reporter,
                            struct json_value metrics);
/* What follows from the verifiers alone; *ret_agreeing of them agree. */
enum claim_status claim_judge(const struct claim *claim, size_t *ret_agreeing);
/* Is what was measured what was claimed, as two honest simulators compute it? */
bool claim_agrees(double claimed, double measured);
/* Is it a claim that stands refuted now? */
bool claim_refuted(const struct knowledge_entry *entry);
/* ,"verification":{…} when the entry is a claim. */
void verification_write(const struct knowledge *knowledge, const struct knowledge_entry *entry,
                        struct text *text);

#endif
