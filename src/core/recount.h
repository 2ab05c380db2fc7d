/* What the files of a recount share: see hub_recount. */
#ifndef KHUB_CORE_RECOUNT_H
#define KHUB_CORE_RECOUNT_H

#include "core/state.h"

struct verdict {
    const struct room *room;
    char *why;
    size_t size;
    bool wrong;
    /* sums over a section, or over members */
    size_t bytes, entries;
    size_t workspaces; /* bytes of all */
    const struct contributor *contributor;
    uint64_t shared, uses, tested;
};

/* The first sentence is kept: what does not agree, and how. */
void verdict_fail(struct verdict *verdict, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* recount_claims.c */
void recount_claim(struct verdict *verdict, const struct knowledge_entry *entry);
/* An object of ledger->owners; ctx: the verdict. */
void recount_owner(void *object, void *ctx);
void recount_ledger(struct verdict *verdict);
/* recount_tasks.c */
void recount_tasks(struct verdict *verdict);

#endif
