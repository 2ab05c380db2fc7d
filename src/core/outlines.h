/* What admit found in lines that are on their way through the log: apply need not look anew.
 *
 * It is no state: what is not there any more, as in a replay, is found in the line again, and is
 * the same. */
#ifndef KHUB_CORE_OUTLINES_H
#define KHUB_CORE_OUTLINES_H

#include "wire/message.h"
#include "wire/text.h"

/* {0}: none. */
struct outlines {
    struct text bytes; /* one behind the other, each behind its seq and its length */
    size_t at;         /* those before it are taken */
};

void outlines_free(struct outlines *outlines);
/* Of a message that is proposed and has got its seq, above those of all before it. */
void outlines_add(struct outlines *outlines, uint64_t seq, const struct message *message);
/* The message that the entry of this seq is, whose bytes are `line`: for seqs that rise. False when
 * it is not there; those before it are gone then too. */
bool outlines_take(struct outlines *outlines, uint64_t seq, struct slice line,
                   struct message *ret_message);
static inline bool outlines_any(const struct outlines *outlines)
{
    return outlines->at < outlines->bytes.len;
}

#endif
