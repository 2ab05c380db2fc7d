/* What AIs claim of their shares: who committed to what (ledger.c), on which nonce (epochs.c),
 * whether it is that (claiming.c), and what others measured (verification.c). */
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

/* Of what a claim is. It follows from its body, so no row has it. */
enum claim_kind { CLAIM_OF_PARAMETERS, CLAIM_OF_MODULE };

/* Who stands behind AIs (member_owner), with what counts against them all. It lives as long as a
 * claim of theirs does. */
struct owner {
    struct slice key;
    size_t claims;    /* entries that name it as their claim's owner */
    uint64_t refuted; /* of those, claims that stand refuted, or did when they were replaced */
};

/* What is held back of a commitment until its claims are decided: what its author measured and
 * what others report. It is one for all live claims with that commitment, and lives as long as
 * there is one. */
struct seal {
    struct slice key; /* commitment_id */
    bool broken;      /* all is told */
    bool running;     /* its time runs, since there is a measurement: it is in ledger->running */
    bool proposed;    /* its end was proposed */
    int64_t since;    /* hub clock; while running */
    LIST_HEAD(claim_list, claim) claims; /* by section and key, at most SEAL_CLAIMS_MAX */
    size_t count;
    LIST_HEAD(held_list, report)
    reports; /* that it holds back, each on every entry that it is on */
    TAILQ_ENTRY(seal) next;
};
TAILQ_HEAD(seal_list, seal);

/* What an AI committed itself to, by its hash, and the nonce that it got for it. */
struct commitment {
    struct slice key; /* commitment_id, in `id` */
    char id[UUID_SIZE], sha256[COMMITMENT_DIGEST_SIZE];
    char nonce[33];            /* "": it waits for the end of its epoch, and then */
    struct slice owner, asked; /* are there: who commits, and the message_id to be answered */
    struct epoch *epoch;       /* NULL: it is in no list yet, or has its nonce */
    uint64_t sets; /* that its owner had committed itself to when its epoch ended, with this one */
    struct account *account;
    struct slice subject, subject_version;
    double ratio; /* what its author measured; NAN: it has not said yet */
    bool claimed;
    bool revealed;  /* others were told that ratio */
    uint64_t order; /* in the lists it is in */
    struct change change;
    TAILQ_ENTRY(commitment) of_account, of_room, of_epoch;
};
TAILQ_HEAD(commitment_list, commitment);

/* All who commit themselves to sets of parameters of one subject and version, until nobody can any
 * more; then they get one nonce. It lives as long as it has commitments. */
struct epoch {
    struct slice key;                   /* subject, line end, version */
    int64_t since;                      /* hub clock */
    bool proposed;                      /* its end was */
    struct commitment_list commitments; /* the first first */
    struct index entrants;              /* their owners */
    TAILQ_ENTRY(epoch) next;
};
TAILQ_HEAD(epoch_list, epoch);

/* An AI's page in the ledger; kept when it leaves. What became of its claims stands with the
 * contributor. */
struct account {
    struct slice key;                         /* ai_id */
    struct slice owner;                       /* when it last committed or mismatched */
    uint64_t commitments, nonces, mismatched; /* nonces: epochs in which it got one */
    uint64_t nonce_seq;                       /* of the entry that gave it the last */
    struct commitment_list open, claimed;     /* those kept, oldest first */
    size_t kept, kept_claimed;
    const struct contributor *contributor; /* NULL while it has no claim */
    uint64_t order;                        /* of its last change */
    struct change change;
    TAILQ_ENTRY(account) recent; /* the newest change first */
};
TAILQ_HEAD(account_list, account);

struct ledger {
    struct index accounts, commitments, owners, seals, epochs;
    struct seal_list running;   /* the first begun first, */
    struct epoch_list underway; /* and of epochs */
    struct account_list recent;
    struct commitment_list open, claimed; /* oldest first */
    size_t claimed_count;
    size_t bytes;      /* counted in knowledge->bytes as well */
    struct text shown; /* what a sync shows of it, */
    bool shown_whole;  /* if that is up to date */
};

/* Somebody else's measurement of a claim. */
struct verifier {
    struct slice ai_id, owner;
    bool agrees;
    bool counts;                  /* its owner's word did when it was given */
    bool in_sight;                /* it was given when the answer could be seen */
    double ratio;                 /* NAN: it could not be measured */
    double ratio_own;             /* NAN: none given */
    struct slice profile, reason; /* JSON as it came; {NULL}: none */
};

/* What an entry claims of itself and what others found. */
struct claim {
    bool live; /* the entry's present revision is a claim; else only `settled` says something */
    char commitment_id[UUID_SIZE], nonce[33];
    struct knowledge_entry *entry;
    struct owner *owner; /* of who claimed last; not NULL */
    struct seal *seal;   /* while it is live */
    LIST_ENTRY(claim) of_seal;
    enum claim_kind kind;
    double ratio;
    unsigned seeds;
    uint64_t sets; /* of the commitment */
    enum claim_status status;
    struct verifier *verifiers; /* each owner once, in the order of their latest measurements */
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
    enum claim_kind kind;
    struct slice owner;
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
void commitment_insert(struct ledger *ledger, struct commitment *commitment, int64_t clock);
/* The account is that owner's. */
void account_own(struct account *account, struct slice owner);
/* The AI's page comes first in what is shown. */
void account_touch(struct knowledge *knowledge, struct slice ai_id);
/* What a page, and a commitment of these texts, counts for in ledger->bytes. */
size_t account_cost(struct slice ai_id);
size_t commitment_cost(struct slice subject, struct slice subject_version);
/* {ai_id: {commitments, claims, …}}, the newest change first: at most so many AIs, in at most so
 * many bytes ({} at the least). */
void ledger_write(const struct ledger *ledger, size_t accounts_max, size_t limit,
                  struct text *text);
/* One AI's page as an object; null when it has none. */
void account_write(const struct ledger *ledger, struct slice ai_id, struct text *text);
/* As many as a training_sync shows. That text is kept: many join while nobody's account changes. */
void ledger_show(struct ledger *ledger, size_t limit, struct text *text);

/* ── epochs (epochs.c) ── */

/* A commitment that has no nonce enters the epoch of its subject and version, which begins when
 * there is none; clock: the hub's. */
void epoch_enter(struct ledger *ledger, struct commitment *commitment, int64_t clock);
/* It has left it: it is dropped, or has its nonce. */
void epoch_leave(struct ledger *ledger, struct commitment *commitment);
/* Sets that this owner has committed itself to in that epoch. */
uint64_t epoch_sets(const struct ledger *ledger, struct slice subject, struct slice subject_version,
                    struct slice owner);
void epoch_free(void *object);

/* ── owners (owners.c) ── */

/* The claim is that owner's. */
void owner_take(struct ledger *ledger, struct claim *claim, struct slice name);
/* Does its word on others' claims count? Not while a claim of its own stands refuted, or did when
 * it was replaced. */
bool owner_counts(const struct ledger *ledger, struct slice name);

/* ── seals (seals.c) ── */

/* The seal of that commitment, made when there is none: for load.c, whose reports may come before
 * the claims. */
struct seal *seal_of(struct ledger *ledger, struct slice commitment_id);
/* A live claim comes under the seal of its commitment, which is made when there is none; or leaves
 * it. broken: as that of the other claims, if there are any. */
void seal_join(struct ledger *ledger, struct claim *claim, bool broken);
void seal_leave(struct ledger *ledger, struct claim *claim);
/* Its time begins, if it has not; clock: the hub's. */
void seal_run(struct ledger *ledger, struct seal *seal, int64_t clock);
/* Did that owner give this number (NAN: none) when it could not see the answer? */
bool seal_measured_by(const struct seal *seal, struct slice owner, double ratio);

/* ── claims (claiming.c, verification.c) ── */

/* By the body's member `parameters`. */
enum claim_kind claim_kind_of(struct json_value parameters);
/* "claimed"; static storage. */
const char *claim_status_text(enum claim_status status);
void claim_free(struct claim *claim);
#define CLAIM_OVERHEAD 1280u /* bytes that a claim counts for beside its verifiers */
size_t claim_cost(const struct claim *claim);
/* What a report may add to that at the most. */
struct reporting;
size_t verifier_cost_most(const struct reporting *reporting);
/* Does the entry's claim stay what it is when it claims this (NULL: nothing)? */
bool claim_stays(const struct knowledge_entry *entry, const struct claiming *claiming);
/* The entry's new revision claims this, or nothing (NULL). Its body is in place, and if its claim
 * does not stay, its seal is broken. */
void claim_put(struct knowledge *knowledge, struct knowledge_entry *entry,
               const struct claiming *claiming);
/* What a report made of a claim. */
struct claim_change {
    const struct knowledge_entry *entry;
    enum claim_status was;
};
/* The seal that holds back a report of these metrics on the entry; NULL: none does. */
struct seal *claim_holds_back(const struct knowledge_entry *entry, struct json_value metrics);
/* An AI reports on the entry; what its author, or an AI of its owner's, reports says nothing of its
 * claim. True when the status changed, with *ret_change filled. */
bool claim_report(struct knowledge *knowledge, struct knowledge_entry *entry,
                  const struct reporting *reporting, struct claim_change *ret_change);
/* By how much that makes the claim cost more; less than nothing when it costs less. */
int64_t claim_report_growth(const struct knowledge_entry *entry, const struct reporting *reporting);
/* Those of a claim's verifiers that count, each once. */
struct votes {
    size_t agreeing, disagreeing; /* without sight of the answer */
    size_t in_sight;
};
/* What follows from the verifiers alone, if the claim is told. */
enum claim_status claim_judge(const struct claim *claim, struct votes *ret_votes);
/* Have those who measured it decided what it is? */
bool claim_is_decided(const struct claim *claim);
/* Does anybody's measurement of it count? */
bool claim_is_measured(const struct claim *claim);
/* Its status is what follows now. */
void claim_rejudge(struct knowledge *knowledge, struct knowledge_entry *entry);
/* Is what was measured what was claimed, as two honest simulators compute it? */
bool claim_agrees(double claimed, double measured);
/* Is it a claim that stands refuted now? */
bool claim_refuted(const struct knowledge_entry *entry);
/* Its verifiers, sealed or not, as an array. */
void verifiers_write(const struct claim *claim, struct text *text);
/* ,"verification":{…} when the entry is a claim, less what is sealed. */
void verification_write(const struct knowledge *knowledge, const struct knowledge_entry *entry,
                        struct text *text);

#endif
