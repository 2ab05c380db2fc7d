/* Packs: what one commit has of a room, in one row.
 *
 * A row for each entry would cost more than all else that is done for it. So the entries of a room
 * that are committed together lie in one blob, and so do the messages that are kept for those who
 * are away. Each item has a checksum of its own: what is damaged is one item, and what is whole can
 * be kept. Numbers are little-endian.
 *
 *     texts:     of all items, side by side
 *     directory: so many records of one size, in the order of the items' seqs; each says where in
 *                the blob its texts are */
#ifndef KHUB_STORE_PACK_H
#define KHUB_STORE_PACK_H

#include "core/effect.h"
#include "core/entry.h"
#include "wire/text.h"

enum pack_kind { PACK_ENTRIES, PACK_MESSAGES, PACK_KIND_COUNT };

/* A message that is kept: what an effect was, less what of it is of the moment alone. */
struct message_kept {
    uint64_t seq;
    uint32_t number; /* within the entry, from 1 */
    int level;
    enum audience audience;
    bool observed, own; /* own: its line is its entry's, less the last brace; `line` is empty */
    struct slice but, names; /* names: each with a line end */
    struct slice line;
};

/* One that is being filled. {0} is an empty one. */
struct pack_builder {
    struct text texts, directory;
    uint32_t count;
    uint64_t last;   /* seq of the last item */
    int64_t last_ms; /* its time, of entries */
};

void pack_builder_free(struct pack_builder *builder); /* back to {0} */
void pack_clear(struct pack_builder *builder);        /* keeps its memory */
/* A pack takes no more, but what has the seq of its last item: no seq ends two packs. */
bool pack_is_full(const struct pack_builder *builder, uint64_t seq);
/* Adds an item, whose seq is not below the last one's, to a pack that is not full. */
void pack_add_entry(struct pack_builder *builder, struct slice room, const struct entry *entry);
/* The checksum that it gets there. */
uint64_t entry_checksum(struct slice room, const struct entry *entry);
/* The same under a checksum that was made earlier, be it right or wrong. */
void pack_add_entry_as(struct pack_builder *builder, const struct entry *entry, uint64_t checksum);
void pack_add_message(struct pack_builder *builder, struct slice room,
                      const struct message_kept *message);
/* The blob, good until the next call for the builder; empty when memory ran out. */
struct slice pack_bytes(struct pack_builder *builder);

/* One that is read. */
struct pack {
    enum pack_kind kind;
    struct slice bytes;
    uint64_t last;  /* seq of its last item */
    uint32_t count; /* of items */
};

/* How many items there are when nobody is to be believed but those that are whole. */
uint32_t pack_count_whole(struct slice room, const struct pack *pack);
/* Item `at`, which is below the count; its slices lie in the pack. False when it is not whole: its
 * seq is then the best that is known of it, and all else of it is 0. */
bool pack_entry(struct slice room, const struct pack *pack, uint32_t at, struct entry *ret_entry);
bool pack_message(struct slice room, const struct pack *pack, uint32_t at,
                  struct message_kept *ret_message);
/* Of the items with that seq, whole ones: of a message its line is this one from now on, for those
 * of `level` and above; of an entry, of which line is empty, nothing is left but its place. What
 * they said is overwritten with zeros. *ret_bytes: the blob, when any was replaced; all else in it
 * is as it was. How many were. */
uint32_t pack_replace(struct slice room, const struct pack *pack, uint64_t seq, struct slice line,
                      int level, struct text *ret_bytes);
/* The first item with this seq or a later one; the count when there is none. */
uint32_t pack_find(const struct pack *pack, uint64_t seq);

#endif
