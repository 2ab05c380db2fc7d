/* Every limit of auth/ in one place. */
#ifndef KHUB_AUTH_BOUNDS_H
#define KHUB_AUTH_BOUNDS_H

#define TOKEN_NAME_MAX 64u   /* bytes */
#define ID_PATTERN_MAX 128u  /* bytes */
#define ROOM_LIST_MAX  1024u /* bytes of names with commas between them */
#define ACTOR_MAX      64u   /* bytes of the name of who acts */
#define TOKENS_MAX     4096u /* that let somebody in; those revoked and expired are not counted */
/* How long a command waits for another one that has the file, in milliseconds. A hub never
 * waits: it goes on with what it knew, and looks again. */
#define TOKENS_PATIENCE_MS 5000

/* Of the audit: notes that wait to be written, and as many acts besides; what was counted and is
 * unlike, in one minute; bytes of a note's text; rows of accesses that stay. */
#define AUDIT_WAITING_MAX   ((size_t)16384)
#define AUDIT_COUNTS_MAX    256u
#define AUDIT_TEXT_MAX      1024u
#define AUDIT_ACCESSES_KEPT 200000
#define AUDIT_PACE_MS       200
#define AUDIT_RETRY_MS      1000
#define AUDIT_PATIENCE_MS   5000 /* for who has the file; the thread's and a reader's */

#endif
