/* Every limit of auth/ in one place. */
#ifndef KHUB_AUTH_BOUNDS_H
#define KHUB_AUTH_BOUNDS_H

#define TOKEN_NAME_MAX 64u   /* bytes */
#define ID_PATTERN_MAX 128u  /* bytes */
#define ROOM_LIST_MAX  1024u /* bytes of names with commas between them */
#define ACTOR_MAX      64u   /* bytes of the name of who acts */
#define TOKENS_MAX     4096u /* that let somebody in; those revoked and expired are not counted */
#define TOKEN_RATE_MAX 1e9   /* messages a second */
/* How long a command waits for another one that has the file, in milliseconds. A hub never
 * waits: it goes on with what it knew, and looks again. */
#define TOKENS_PATIENCE_MS 5000

#endif
