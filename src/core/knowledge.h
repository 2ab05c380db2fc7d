/* What a room knows: patterns, components, features and measurements, with who contributed them. */
#ifndef KHUB_CORE_KNOWLEDGE_H
#define KHUB_CORE_KNOWLEDGE_H

#include "core/claims.h"
#include "core/formers.h"
#include "core/holdings.h"
#include "core/ruling.h"
#include "wire/message.h"

#define SECTIONS(X)                                                                                \
    X(PATTERNS, "shared_patterns")                                                                 \
    X(COMPONENTS, "shared_components")                                                             \
    X(FEATURES, "collective_features")                                                             \
    X(BENCHMARKS, "performance_benchmarks")

enum section {
#define X(name, text) SECTION_##name,
    SECTIONS(X)
#undef X
        SECTION_COUNT
};

/* What one AI's knowledge is worth; lives as long as an entry of it does. */
struct contributor {
    struct slice key; /* ai_id */
    uint64_t entries, uses, tested, retracted;
    uint64_t
        claims[CLAIM_STATUS_COUNT]; /* by what became of them, those of former revisions included */
};

/* What of a room's knowledge is one AI's: entries that it contributed and reports that it made. It
 * lives as long as there is any. */
struct tenant {
    struct slice key; /* ai_id */
    size_t entries, reports;
    size_t bytes;            /* of both; not of what others reported on its entries */
    struct holding *holding; /* of its owner, which counts it too (holdings.h); NULL: none does */
};

/* A performance_report, as kept: in a benchmark entry all of them, in another entry the latest of
 * each reporter. */
struct report {
    struct tenant *tenant;
    struct slice reporter; /* the tenant's key */
    struct slice timestamp, metrics;
    double score; /* the latest metrics.score that its reporter gave, 0..1; negative: none ever */
    uint64_t seq; /* at which it was said; 0: nobody knows any more */
    struct knowledge_entry *entry;
    struct seal *seal; /* that holds it back: it is shown to nobody; NULL: none does */
    LIST_ENTRY(report) of_seal;
    TAILQ_ENTRY(report) next;
};
TAILQ_HEAD(report_list, report);

/* The seqs at which an entry was shared, rising; the last SHARES_EACH_MAX. */
struct shares {
    uint64_t *seqs; /* owned */
    size_t count, capacity;
};

struct knowledge_entry {
    struct slice key; /* decoded id */
    enum section section;
    struct slice body; /* the pattern, code or component as it came; none for benchmarks */
    struct slice timestamp;
    struct slice own_id;             /* of a feature: component.id, or none */
    struct contributor *contributor; /* NULL for benchmarks, */
    struct tenant *tenant;           /* and so is this, the same AI */
    size_t tenant_bytes;             /* what the entry counts for with it */
    uint64_t usage, revision;
    bool tested;
    struct ruling retracted; /* by an admin: its id is all that is left of it */
    struct shares shares;    /* what stands in the log of it */
    struct claim *claim;     /* NULL: it never was one */
    size_t bytes;            /* what it counts for in knowledge->bytes */
    size_t report_count, reports_bytes, held_bytes; /* those that are held back */
    struct report_list reports;
    size_t former_count, former_bytes;
    struct former_list formers;
    uint64_t order; /* of its last change */
    struct change change, wording;
    TAILQ_ENTRY(knowledge_entry) recent; /* newest first, over all sections */
    bool is_loose;                       /* a benchmark of an id that names nothing yet */
    TAILQ_ENTRY(knowledge_entry) loose;
};
TAILQ_HEAD(knowledge_list, knowledge_entry);

/* A feature by its component's own id, the latest of the first contributor who used that id:
 * reporters know that id, and only the hub knows the key. */
struct alias {
    struct slice key;
    struct knowledge_entry *entry;
    struct change change;
};

struct knowledge {
    struct index sections[SECTION_COUNT];
    struct index aliases, contributors, tenants;
    struct knowledge_list recent;
    struct knowledge_list loose; /* the one longest without a report first */
    size_t loose_count, loose_bytes;
    struct changes *changes;  /* the room's */
    struct changes *wordings; /* its entries' texts that changed, or went */
    struct ledger ledger;
    size_t bytes;
    struct former_list formers; /* of all entries; not in `bytes` */
    size_t former_bytes;
    size_t refuted;   /* live claims that are */
    size_t retracted; /* entries */
};

void knowledge_init(struct knowledge *knowledge);
void knowledge_free(struct knowledge *knowledge);
/* The room's own, NULL when there is none; so are all entries below. */
struct knowledge_entry *knowledge_find(const struct knowledge *knowledge, enum section section,
                                       struct slice id);
/* What an entry of these texts would add to knowledge->bytes. */
size_t knowledge_cost(struct slice id, struct slice body, struct slice timestamp);
/* What an entry counts for there, reports, claim and all. */
size_t knowledge_entry_cost(const struct knowledge_entry *entry);
/* What one report counts for there. */
size_t report_cost(const struct report *report);
/* A new entry, or a new revision of the one that is there, which is kept as a former one. own_id:
 * see struct knowledge_entry. */
struct sharing {
    struct slice id, body, contributor, timestamp, own_id;
    uint64_t seq;    /* of the message that shares it */
    int64_t time_ms; /* unix time */
};
struct knowledge_entry *knowledge_put(struct knowledge *knowledge, enum section section,
                                      const struct sharing *sharing);
/* Brings knowledge->bytes up to date after the entry, or its claim, has changed. */
void knowledge_weigh(struct knowledge *knowledge, struct knowledge_entry *entry);
/* What an id names: a pattern, a component, and a feature by its key or its component's own id;
 * each NULL when there is none. */
#define NAMED_MAX 3
void knowledge_named(const struct knowledge *knowledge, struct slice id,
                     struct knowledge_entry *ret_named[NAMED_MAX]);
/* A performance_report as it came. */
struct reporting {
    struct slice reporter, owner, timestamp;
    struct json_value metrics; /* an object */
    double score;              /* 0..1; negative: none given */
    uint64_t seq;              /* of the message */
    struct seal *seal;         /* that holds it back; NULL: none does */
};
/* What a change would add to a room's knowledge, and to what of it is one AI's; either may be less
 * than nothing (growth.c). */
struct growth {
    struct slice ai_id;
    size_t entries; /* beside benchmarks */
    int64_t bytes, own;
    size_t exchange;               /* bytes of the AI's earlier reports that may go for it, */
    struct knowledge_entry *stays; /* on this benchmark, which may not go itself */
};
/* An entry of that cost in the place of the one that is held (NULL: a new one). */
struct growth knowledge_growth_put(const struct knowledge_entry *held, struct slice ai_id,
                                   size_t cost);
struct growth knowledge_growth_report(const struct knowledge *knowledge, struct slice component_id,
                                      const struct reporting *reporting,
                                      struct knowledge_entry *const named[NAMED_MAX]);
/* Is there room for it in `limit` bytes, of which one AI may have `share`, when what may go
 * does? What does not grow always has room. 0, or -code. */
int knowledge_fits(const struct knowledge *knowledge, const struct growth *growth, size_t limit,
                   size_t share, struct refusal *ret_refusal);
/* Makes that room, before the change. */
void knowledge_make_room(struct knowledge *knowledge, const struct growth *growth, size_t limit,
                         size_t share);
/* What the entry, which is no benchmark, says is gone, and what others said of it; its claim is
 * over.
 * Nothing of that is sealed. Its id stays, and nobody has it again. */
void knowledge_retract(struct knowledge *knowledge, struct knowledge_entry *entry,
                       const struct ruling *ruling);
/* The entry that says now, or said before (*ret_former, else NULL), what was shared at that seq;
 * NULL when nothing is known of that any more. Looks through all. */
struct knowledge_entry *knowledge_shared_at(const struct knowledge *knowledge, uint64_t seq,
                                            struct former **ret_former);
/* What a report of that seq, which nothing holds back, said beside its score is gone. */
void knowledge_blank_report(struct knowledge *knowledge, uint64_t seq);
/* For load.c: it was shared at that seq, behind those that are there. False: it was not. */
bool shares_add(struct shares *shares, uint64_t seq);
/* Of these, those that were retracted become NULL; the last of them, or NULL. */
const struct knowledge_entry *knowledge_standing(struct knowledge_entry *named[NAMED_MAX]);
/* A benchmark of an id that names nothing goes. */
void knowledge_drop_loose(struct knowledge *knowledge, struct knowledge_entry *entry);
/* The AI's oldest report on the entry goes; its bytes, or 0 when there is none. */
size_t knowledge_drop_oldest_of(struct knowledge *knowledge, struct knowledge_entry *entry,
                                const struct tenant *tenant);
/* For load.c: an entry that is in no list yet, and a report on it, as they were. */
struct knowledge_entry *knowledge_restore(struct knowledge *knowledge, enum section section,
                                          struct slice id, struct slice contributor);
/* The entry, in the list of all, in the order of their last changes. When all is there. */
void knowledge_restore_place(struct knowledge *knowledge, struct knowledge_entry *entry);
void knowledge_restore_report(struct knowledge *knowledge, struct knowledge_entry *entry,
                              const struct reporting *reporting);
/* A report in the benchmarks, and on what its id names. */
void knowledge_report(struct knowledge *knowledge, struct slice component_id,
                      const struct reporting *reporting,
                      struct knowledge_entry *const named[NAMED_MAX]);
/* Reports that the seal held back are held back no more. */
void knowledge_tell_reports(struct knowledge *knowledge, struct seal *seal);
/* NULL when the AI contributed nothing. */
const struct contributor *knowledge_contributor(const struct knowledge *knowledge,
                                                struct slice ai_id);
/* Its contribution_score, never below 0. */
uint64_t contributor_score(const struct contributor *contributor);
/* 0..1: the mean of what others scored the entry, which is no benchmark; 0 when nobody did. */
double knowledge_quality(const struct knowledge_entry *entry);
/* Entries of all four sections, and those that somebody shared. */
size_t knowledge_count(const struct knowledge *knowledge);
size_t knowledge_shared(const struct knowledge *knowledge);
/* "shared_patterns"; static storage. */
const char *section_text(enum section section);
/* The member `subject` of its body; absent when that has none. Looks through the body. */
struct json_value knowledge_subject(const struct knowledge_entry *entry);
/* Appends what the entry's body says, or of reports the newest: no control characters. */
void knowledge_write_text(const struct knowledge_entry *entry, struct text *text);
/* One entry as "id":{…}. */
void knowledge_write_entry(const struct knowledge *knowledge, const struct knowledge_entry *entry,
                           struct text *text);
/* The knowledge base as an object, newest first, with entries of at most `limit` bytes in all; true
 * when something was left out. */
bool knowledge_write(const struct knowledge *knowledge, size_t limit, struct text *text);
/* {section: entries, …} */
void knowledge_write_totals(const struct knowledge *knowledge, struct text *text);

#endif
