/* Hashes of message_ids, for tables to find messages by: of receipts, and of what was said.
 *
 * The hash itself is anybody's to compute: who finds two ids of one hash loses a message of its
 * own, since the second is taken for the first (receipts.h). Where it lies in a table depends on a
 * key that nobody but the hub has: no choice of ids makes them meet there. */
#ifndef KHUB_CORE_ID_HASH_H
#define KHUB_CORE_ID_HASH_H

#include <stdint.h>

#include "wire/slice.h"

#define ID_HASH_KEY_SIZE 16u

/* FNV-1a, mixed at the end. Rows of receipts have it: it stays as it is. */
static inline uint64_t id_hash(struct slice message_id)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i < message_id.len; i++)
        hash = (hash ^ (unsigned char)message_id.at[i]) * UINT64_C(0x100000001b3);
    hash = (hash ^ hash >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    hash = (hash ^ hash >> 27) * UINT64_C(0x94d049bb133111eb);
    return hash ^ hash >> 31;
}

/* Spread under the key over all 64 bits; the upper ones are the better ones. */
static inline uint64_t id_hash_spread(uint64_t hash, const uint8_t key[ID_HASH_KEY_SIZE])
{
    uint64_t words[2];
    memcpy(words, key, sizeof words);
    hash = (hash ^ words[0]) * UINT64_C(0x9e3779b97f4a7c15);
    return (hash ^ hash >> 32 ^ words[1]) * UINT64_C(0xbf58476d1ce4e5b9);
}

#endif
