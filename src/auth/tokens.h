/* The tokens that were given out for a data directory, in tokens.db: an SQLite file beside the
 * hub's, which a hub and `khub token` have open at the same time.
 *
 * Of a token it has the SHA-256 alone. What was ever given out stays there, revoked or not: a hub
 * whose last token was revoked lets nobody in, and a name is not forgotten. */
#ifndef KHUB_AUTH_TOKENS_H
#define KHUB_AUTH_TOKENS_H

#include <stdbool.h>
#include <stdint.h>

#include "auth/bounds.h"
#include "auth/token.h"
#include "wire/quota.h"
#include "wire/types.h"

#define TOKENS_WHY_SIZE 512u

/* X(NAME, text) */
#define TOKEN_ROLES(X)                                                                             \
    X(MEMBER, "member")                                                                            \
    X(OBSERVER, "observer")                                                                        \
    X(ADMIN, "admin")

enum token_role {
#define X(name, text) TOKEN_##name,
    TOKEN_ROLES(X)
#undef X
        TOKEN_ROLE_COUNT
};

/* Who may do what: the one table of it. X(NAME, what, a member's, an observer's, an admin's) */
#define TOKEN_RIGHTS(X)                                                                            \
    X(SPEAK, "take part", YES, NO, YES)                                                            \
    X(OBSERVE, "observe what is for all", YES, YES, YES)                                           \
    X(SEE_DIRECT, "observe what is for some", OWN, GRANTED, YES)                                   \
    X(APPROVE, "approve", NAMED, NO, YES)                                                          \
    X(KEEP_ORDER, "keep order", NO, NO, YES) /* khub admin */

enum token_right {
#define X(name, what, member, observer, admin) TOKEN_MAY_##name,
    TOKEN_RIGHTS(X)
#undef X
        TOKEN_RIGHT_COUNT
};
/* X(NAME, text) */
#define TOKEN_MAYS(X)                                                                              \
    X(NO, "no")                                                                                    \
    X(OWN, "of its own")           /* what is from or to AIs of the same token */                  \
    X(GRANTED, "if --sees-direct") /* of a grant: never; it is NO or YES, here and in the next */  \
    X(NAMED, "if in --types")      /* approval_answer: only what says so by name */                \
    X(YES, "yes")

enum token_may {
#define X(name, text) TOKEN_##name,
    TOKEN_MAYS(X)
#undef X
        TOKEN_MAY_COUNT
};
/* What the right is, and what a role has of it: static storage, for people. */
const char *token_right_text(enum token_right right);
const char *token_may_text(enum token_right right, enum token_role role);
/* Static storage. */
const char *token_role_text(enum token_role role);

/* What a token is for. Times are unix time in milliseconds; 0: never. */
struct token_grant {
    char name[TOKEN_NAME_MAX + 1];
    enum token_role role;
    char ids[ID_PATTERN_MAX + 1];  /* the ids that it may take (token_permits_id) */
    char rooms[ROOM_LIST_MAX + 1]; /* "a,b": those that it may enter; "": all */
    struct quota quota;            /* of all its connections together; 0: as the hub says */
    struct message_types types;    /* of all that may be published these; none: all */
    bool sees_direct;              /* of an observer: it was given the right */
    int64_t expires_ms, created_ms, revoked_ms;
};

/* One that lets somebody in. */
struct token {
    int64_t id; /* never another one's */
    uint8_t sha256[TOKEN_SHA256];
    struct token_grant grant;
};

/* NO, OWN or YES. */
enum token_may token_may(const struct token_grant *grant, enum token_right right);
/* The types that it may not say; what else it may is token_may's. */
struct message_types token_bars(const struct token_grant *grant);
/* Can its role have these types? 0, or -1 with what stands against it, part of a sentence. */
int token_types_check(const struct token_grant *grant, char ret_why[TOKENS_WHY_SIZE]);
/* May it take this id? The pattern is SQLite's GLOB: `*` any characters or none, `?` one,
 * `[abc]` one of these; all else stands for itself, code point by code point, capitals apart. */
bool token_permits_id(const struct token_grant *grant, struct slice ai_id);
/* May it enter? Names are compared byte by byte. */
bool token_permits_room(const struct token_grant *grant, struct slice room);

struct tokens;

enum tokens_open {
    TOKENS_IF_THERE, /* 0 and *ret_tokens NULL when no file is there */
    TOKENS_MAKE      /* and makes it, for its owner alone */
};
/* Opens tokens.db in the directory and reads it. wait_ms: how long this and later calls wait for
 * others that have the file. 0, or -1 with a sentence. */
int tokens_open(const char *directory, enum tokens_open how, int wait_ms,
                struct tokens **ret_tokens, char ret_why[TOKENS_WHY_SIZE]);
void tokens_wait(struct tokens *tokens, int wait_ms);
/* NULL is fine. */
void tokens_close(struct tokens *tokens);

/* ── giving out and taking back ──
 *
 * Each of these stands in the audit, which grows and in which nothing is changed. */

/* Who does it: a user of this machine. "" without this call. */
void tokens_act_as(struct tokens *tokens, const char *who);

/* Gives out a token of this grant, whose created_ms is now; its text is written, and is in no file.
 * 0, or -1 with a sentence: nothing was given out, and ret_text is empty. */
int tokens_add(struct tokens *tokens, const struct token_grant *grant,
               char ret_text[TOKEN_TEXT_SIZE], char ret_why[TOKENS_WHY_SIZE]);
/* From now on the name's token opens nothing. */
int tokens_revoke(struct tokens *tokens, const char *name, int64_t now,
                  char ret_why[TOKENS_WHY_SIZE]);
/* The same, and another one is given out in its place. */
int tokens_rotate(struct tokens *tokens, const char *name, int64_t now,
                  char ret_text[TOKEN_TEXT_SIZE], char ret_why[TOKENS_WHY_SIZE]);
/* From now on these are its limits, where they are not negative; 0: as the hub says. */
int tokens_limit(struct tokens *tokens, const char *name, const struct quota *quota, int64_t now,
                 char ret_why[TOKENS_WHY_SIZE]);
/* From now on these are the types that it may publish; 0: all. */
int tokens_allow(struct tokens *tokens, const char *name, struct message_types types, int64_t now,
                 char ret_why[TOKENS_WHY_SIZE]);
/* Hands out all that were ever given out, in that order. 0, or -1 with a sentence. */
int tokens_each(struct tokens *tokens, void (*each)(void *ctx, const struct token_grant *grant),
                void *ctx, char ret_why[TOKENS_WHY_SIZE]);

/* One thing that was done. */
struct token_act {
    int64_t time_ms;        /* unix time */
    const char *who, *what; /* what: added, revoked, rotated, limited or allowed */
    const char *name;       /* the token's */
    const char *detail;     /* what it is for, of one that is new; its limits; its types */
};
/* Hands out all that was done, the first first; texts are good during the call. 0, or -1 with a
 * sentence. */
int tokens_acts(struct tokens *tokens, void (*each)(void *ctx, const struct token_act *act),
                void *ctx, char ret_why[TOKENS_WHY_SIZE]);

/* ── for who lets in ── */

/* Reads them again if somebody changed them since. 1 when it did so, 0 when nothing changed, -1
 * with a sentence when they can't be read now: what was known holds. */
int tokens_refresh(struct tokens *tokens, char ret_why[TOKENS_WHY_SIZE]);
/* Was any ever given out? */
bool tokens_any(const struct tokens *tokens);
/* The one of this text, if it lets somebody in at `now`; good until the next refresh. Takes the
 * same time for each that is there, and for one that is not. */
const struct token *tokens_find(const struct tokens *tokens, struct slice text, int64_t now);
/* The one of this id, as above. */
const struct token *tokens_by_id(const struct tokens *tokens, int64_t id, int64_t now);
/* The one of this name, for who shows otherwise whose it is. */
const struct token *tokens_named(const struct tokens *tokens, const char *name, int64_t now);
/* When the next of them expires: unix time in milliseconds; INT64_MAX: none does. */
int64_t tokens_next_expiry(const struct tokens *tokens, int64_t now);

#endif
