/* khub artifact: a file on its way into the hub, or out of it. */
#ifndef KHUB_CMD_ARTIFACT_FILE_H
#define KHUB_CMD_ARTIFACT_FILE_H

#include <openssl/evp.h>
#include <stdint.h>

#include "cmd/turn.h"

#define SHA256_TEXT_SIZE 65u /* of its hex digits, with a NUL */

struct artifact_settings {
    struct membership_choice choice;
    const char *action, *what, *session, *name, *out;
    long base;
    bool for_room, force, json;
};

/* How far it is, on a terminal's stderr alone. */
struct progress {
    const char *verb;
    uint64_t done, whole, begun_from; /* bytes */
    int64_t begun, shown;             /* monotonic ms */
    bool is_shown;
};
void progress_begin(struct progress *progress, const char *verb, uint64_t done, uint64_t whole);
void progress_go_on(struct progress *progress, uint64_t done);
/* Takes the line away. */
void progress_end(struct progress *progress);

/* The digest as text; the context is done with. */
void sha256_end(EVP_MD_CTX *digest, char ret_hex[SHA256_TEXT_SIZE]);
EVP_MD_CTX *sha256_begin(void); /* dies without memory */

/* What khub artifact put and get do, in a turn that has joined. session_id: "" if none was said.
 * An exit code. */
int artifact_put(struct turn *turn, const struct artifact_settings *settings,
                 const char *session_id);
int artifact_get(struct turn *turn, const struct artifact_settings *settings,
                 const char *session_id);
/* Asks which files of that name or sha256 there are: *ret_array is good until the next question. 0,
 * or an exit code after a sentence. */
int artifact_find(struct turn *turn, const char *what, const char *session_id,
                  struct json_value *ret_array);
bool is_sha256(const char *text);

#endif
