/* khub kb's parts: cmd_kb.c (list, get), kb_rank.c (top, ledger), kb_source.c (a component's C). */
#ifndef KHUB_CMD_KB_H
#define KHUB_CMD_KB_H

#include "wire/json.h"

struct kb_settings {
    const char *hub, *action, *id, *section;
    bool json, source;
};

/* A claim: an entry whose parameters were committed to, with what others found. */
struct kb_claim {
    const char *id; /* good during the call */
    bool pattern;   /* else a component */
    struct json_value entry, body, verification;
};
/* Calls `visit` with each claim of the subject that is in the sync. */
void kb_each_claim(struct json_value sync, const char *subject,
                   void (*visit)(void *data, const struct kb_claim *claim), void *data);

/* All return an exit code. */
int kb_top(const struct kb_settings *settings, struct json_value sync);
int kb_ledger(const struct kb_settings *settings, struct json_value sync);
/* The C source of an entry on stdout, and on stderr whether it is what its parameters render to. */
int kb_print_source(struct json_value entry);

#endif
