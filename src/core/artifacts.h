/* Artifacts: files in the workspaces of sessions, whole or on their way, chunk by chunk.
 *
 *             artifact_offer            the last artifact_chunk
 *   (nobody) ────────────────▶ open ───────────────────────────▶ kept ─▶ former
 *                               │  another offer of it, the       a later one has its name
 *                               │  session's end, not what was
 *                               └─ offered, somebody was faster ▶ (gone)
 *
 * The bytes are the edge's: what an entry brings (entry.h) lies under its seq until it is let go.
 * Here is what there is of each file, whose, and which entries brought it. An upload's chunks come
 * in their order, so that its SHA-256 goes on with each, and what came is told by a number.
 *
 * What is kept outlives its session, as long as the room remembers that. Former ones, and those of
 * sessions that ended, make way for new ones when there is no more room: those offered first. */
#ifndef KHUB_CORE_ARTIFACTS_H
#define KHUB_CORE_ARTIFACTS_H

#include "core/bounds.h"
#include "core/changes.h"
#include "wire/commitment.h"
#include "wire/text.h"

struct member;
struct message;
struct peer;
struct request;
struct room;
struct seat;
struct session;

struct artifact {
    struct slice key; /* its number in 20 digits: */
    char digits[U64_SIZE];
    uint64_t number; /* the seq at which it was offered */
    struct session *session;
    struct slice name;
    struct slice by;    /* the AI that offered it, */
    struct slice owner; /* and who stood behind it then (member_owner) */
    char sha256[COMMITMENT_DIGEST_SIZE];
    uint64_t size;         /* bytes */
    uint64_t chunk;        /* bytes of each chunk but the last, a multiple of 64 */
    uint64_t version;      /* of its name; 0: it is on its way, */
    uint64_t base_version; /* to take the place of that one */
    bool for_room;         /* all who are there may read it, not the session's participants alone */
    bool former;           /* a later one has its name */
    int64_t at_ms;         /* unix time: when it was offered, or was whole */
    /* While it is on its way: the SHA-256 of what came, in hex; "" at its beginning. */
    char state[COMMITMENT_DIGEST_SIZE];
    uint64_t *chunks; /* seqs of the entries that brought them */
    size_t chunk_count, chunk_capacity;
    /* admit's: the same as far as it was proposed */
    char ahead_state[COMMITMENT_DIGEST_SIZE];
    size_t ahead_count;
    struct change change;
    TAILQ_ENTRY(artifact) next, of_session;
};
TAILQ_HEAD(artifact_list, artifact);

/* How many chunks it has when it is whole, and the bytes of one of them. */
size_t artifact_chunks(const struct artifact *artifact);
size_t artifact_chunk_bytes(const struct artifact *artifact, size_t index);
/* That of the session's which has this name now; NULL: none. */
struct artifact *artifact_current(const struct session *session, struct slice name);
/* What this AI is sending the session under that name; NULL: nothing. */
struct artifact *upload_find(const struct session *session, struct slice name, struct slice by);
/* Makes way for others if there is no room. */
bool artifact_yields(const struct artifact *artifact);
/* May it be read by that member? */
bool artifact_shown(const struct room *room, const struct artifact *artifact,
                    const struct member *member);

/* A new one on its way, without its name and the rest: the caller adds them, its size by
 * artifact_size. NULL: there is one of that number. */
struct artifact *artifact_new(struct room *room, struct session *session, uint64_t number);
void artifact_size(struct room *room, struct artifact *artifact, uint64_t size);
/* Of one, and of all of a session: what they brought is let go. */
void artifact_drop(struct room *room, struct artifact *artifact);
void artifacts_drop_uploads(struct room *room, struct session *session);
void artifacts_drop_all(struct room *room, struct session *session);
/* Those of a session that is freed with its room. */
void artifacts_release(struct session *session);
void artifact_changed(struct room *room, struct artifact *artifact);

/* Of an artifact_chunk, before it is proposed: writes the line without its bytes, and with what
 * follows from them for the SHA-256, and the bytes. When it is not the next chunk of an upload of
 * its sender's, there are none: apply will say why. 0, or -code when the bytes are not such. */
int chunk_cut(struct peer *peer, const struct message *message, struct text *line,
              struct text *bytes, struct refusal *ret_refusal);
/* Refused by what is applied so far, but what waits in the log is what it goes on from. */
bool chunk_goes_on(const struct request *request);
/* Nothing has kept what the entry brought. */
void chunk_forget(struct request *request);

/* Of an offer that was checked: bytes that it adds to what all rooms keep. */
uint64_t artifact_growth(const struct request *request);
/* It is whole: it has its name now, unless somebody was faster, and that is told. */
void artifact_finish(struct request *request, struct artifact *artifact);
/* "artifact" from the hub, up to the name: the caller goes on with members, and a brace. */
struct text *artifact_told(struct request *request, const struct artifact *artifact,
                           const char *status, struct slice target);
/* An element of an artifact_result's list. */
void artifact_write(const struct artifact *artifact, struct text *text);

/* Answers an artifact_query (artifact_query.c): 0 also when the answer is on its way. */
int artifact_query_answer(struct request *request, const struct seat *to);

#endif
