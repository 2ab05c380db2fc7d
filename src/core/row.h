/* The state of a room as rows: what a checkpoint keeps, and what a hub begins with again.
 *
 * Rows hold all that later entries depend on and nothing that follows from other rows: counts, sums
 * and statuses are counted anew when rows are loaded. Bytes are JSON. */
#ifndef KHUB_CORE_ROW_H
#define KHUB_CORE_ROW_H

#include "wire/slice.h"

/* X(NAME, text). Rows are loaded in the order of their kinds: one may name those of earlier
 * kinds. */
#define ROW_KINDS(X)                                                                               \
    X(ROOM, "room")       /* one, key "": the last seq, the day */                                 \
    X(MEMBER, "member")   /* key: ai_id */                                                         \
    X(PATTERN, "pattern") /* key: id, here and in the next three */                                \
    X(COMPONENT, "component")                                                                      \
    X(FEATURE, "feature")                                                                          \
    X(BENCHMARK, "benchmark")                                                                      \
    X(ALIAS, "alias")           /* key: a component's own id */                                    \
    X(ACCOUNT, "account")       /* key: ai_id */                                                   \
    X(COMMITMENT, "commitment") /* key: commitment_id */                                           \
    X(SESSION, "session")       /* key: session_id */                                              \
    X(WORKSPACE, "workspace")   /* key: session_id "/" the workspace's key */                      \
    X(RECEIPTS, "receipts")     /* key: ai_id "/" number */                                        \
    X(AWAITED, "awaited")       /* key: the seq of the message that wants a reply */               \
    X(LEASE, "lease")           /* key: the lease's */                                             \
    X(LETTER, "letter")         /* key: the seq of the message that was not taken */               \
    X(FORMER, "former")         /* key: the order of the change that replaced it, 20 digits */     \
    X(CHAIN, "chain")           /* key: the message_id of a reply */                               \
    X(BAN, "ban")               /* key: "ai_id/" or "owner/", and the name */                      \
    X(HOLDING, "holding")       /* key: the name of an owner's token */                            \
    X(SAID, "said")             /* key: the number of a block of seqs (said.h) */                  \
    X(APPROVAL, "approval")     /* key: its id */                                                  \
    X(ARTIFACT, "artifact")     /* key: the seq at which it was offered, 20 digits */              \
    X(TASK, "task")             /* key: its id */                                                  \
    X(SENT, "sent")             /* key: the seq of a message, 20 digits */                         \
    X(TOUCH, "touch")           /* key: the path, a line end, the ai_id */

enum row_kind {
#define X(name, text) ROW_##name,
    ROW_KINDS(X)
#undef X
        ROW_KIND_COUNT
};

struct row {
    enum row_kind kind;
    struct slice key;
    struct slice bytes; /* a JSON object; at NULL: the row is gone */
};

/* The kind's text; static storage. */
const char *row_kind_text(enum row_kind kind);

#endif
