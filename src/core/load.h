/* A row of a room's state while it is read, for the files that do so (load*.c).
 *
 * Rows come from a disk. So nothing in them is believed that could break an invariant: a member
 * that is missing, of the wrong kind or over its limit is damage, and said so. Each of these notes
 * it, and then returns something that can be gone on with. */
#ifndef KHUB_CORE_LOAD_H
#define KHUB_CORE_LOAD_H

#include "core/state.h"

struct loading {
    struct room *room;
    const struct row *row;
    struct json_value object;
    const char *missing; /* the first member that was not as it should be; NULL: none */
};

/* ── load_row.c: members of an object ── */

void load_damage(struct loading *loading, const char *name);
/* Rows of an earlier version have no member that came later. */
bool load_has(const struct loading *loading, const char *name);
/* ABSENT if it is not of that kind. */
struct json_value load_value(struct loading *loading, struct json_value object, const char *name,
                             enum json_kind kind);
struct json_value load_array(struct loading *loading, struct json_value object, const char *name);
/* A string decoded, and one that is a member. Owned; never NULL. */
struct slice load_string(struct json_value string);
struct slice load_text(struct loading *loading, struct json_value object, const char *name);
/* Into an array of `size`, with a NUL. */
void load_short(struct loading *loading, struct json_value object, const char *name, char *buffer,
                size_t size);
uint64_t load_u64(struct loading *loading, struct json_value object, const char *name);
int64_t load_i64(struct loading *loading, struct json_value object, const char *name);
bool load_bool(struct loading *loading, struct json_value object, const char *name);
/* Of a row of an earlier version, what it had to be. */
bool load_bool_or(struct loading *loading, struct json_value object, const char *name, bool preset);
/* null is NAN. */
double load_double(struct loading *loading, struct json_value object, const char *name);
/* An owner's name; before there were any, each AI was its own. Owned. */
struct slice load_owner(struct loading *loading, struct json_value object, struct slice ai_id);
/* Into one that is empty. */
void load_ruling(struct loading *loading, struct json_value object, struct ruling *ruling);

/* ── load_knowledge.c: rows of what a room knows, and of its ledger ── */

void load_knowledge(struct loading *loading);
void load_alias(struct loading *loading);
void load_account(struct loading *loading);
void load_commitment(struct loading *loading);
void load_former(struct loading *loading);

/* ── load_sent.c: what was said, and who acted on it ── */

void load_sent(struct loading *loading);

/* ── load_artifact.c ── */

void load_artifact(struct loading *loading);

#endif
