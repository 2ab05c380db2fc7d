#include "core/receipts.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/memory.h"
#include "core/room.h"

#define RECEIPT_BYTES ((size_t)16) /* as its row has them */

uint64_t receipt_seq(const struct receipt *receipt)
{
    return receipt->place >> 1;
}

bool receipt_delivered(const struct receipt *receipt)
{
    return receipt->place & 1;
}

/* FNV-1a, mixed at the end. Who finds two ids of one hash loses a message of its own. */
static uint64_t hash_of(struct slice message_id)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i < message_id.len; i++)
        hash = (hash ^ (unsigned char)message_id.at[i]) * UINT64_C(0x100000001b3);
    hash = (hash ^ hash >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    hash = (hash ^ hash >> 27) * UINT64_C(0x94d049bb133111eb);
    return hash ^ hash >> 31;
}

static bool filter_has(const struct receipt_block *block, uint64_t hash)
{
    return block->filter[hash % RECEIPT_FILTER_BITS / 64] >> hash % 64 & 1;
}

static void filter_add(struct receipt_block *block, uint64_t hash)
{
    block->filter[hash % RECEIPT_FILTER_BITS / 64] |= UINT64_C(1) << hash % 64;
}

/* The first place whose hash is not below this one. */
static size_t block_place(const struct receipt_block *block, uint64_t hash)
{
    size_t from = 0, to = block->count;
    while (from < to) {
        size_t middle = from + (to - from) / 2;
        if (block->receipts[middle].hash < hash)
            from = middle + 1;
        else
            to = middle;
    }
    return from;
}

bool receipt_find(const struct member *member, struct slice message_id, struct receipt *ret_receipt)
{
    const struct receipt_block *block;
    if (!member->receipts)
        return false;
    uint64_t hash = hash_of(message_id);
    TAILQ_FOREACH_REVERSE(block, &member->receipts->blocks, receipt_block_list, next)
    {
        if (!filter_has(block, hash))
            continue;
        size_t place = block_place(block, hash);
        if (place == block->count || block->receipts[place].hash != hash)
            continue;
        *ret_receipt = block->receipts[place];
        return true;
    }
    return false;
}

/* ── blocks come and go ── */

static void block_free(struct receipt_block *block)
{
    slice_free(&block->key);
    free(block->receipts);
    free(block);
}

static struct receipts *receipts_get(struct room *room, struct member *member)
{
    struct receipts *receipts = member->receipts;
    if (!receipts) {
        receipts = member->receipts = memory_new(sizeof *receipts);
        receipts->member = member;
        TAILQ_INIT(&receipts->blocks);
    } else {
        TAILQ_REMOVE(&room->receipts, receipts, next);
    }
    TAILQ_INSERT_TAIL(&room->receipts, receipts, next);
    return receipts;
}

/* Lets the oldest block go, and the whole of it when that was the last. */
static void receipts_shorten(struct room *room, struct receipts *receipts)
{
    struct receipt_block *oldest = TAILQ_FIRST(&receipts->blocks);
    assert(oldest);
    TAILQ_REMOVE(&receipts->blocks, oldest, next);
    assert(room->receipt_count >= oldest->count);
    room->receipt_count -= oldest->count;
    change_gone(&room->changes, &oldest->change, ROW_RECEIPTS, oldest->key);
    block_free(oldest);
    if (--receipts->block_count)
        return;
    TAILQ_REMOVE(&room->receipts, receipts, next);
    receipts->member->receipts = NULL;
    free(receipts);
}

static struct receipt_block *block_begin(struct room *room, struct receipts *receipts)
{
    const struct receipt_block *last = TAILQ_LAST(&receipts->blocks, receipt_block_list);
    struct receipt_block *block = memory_new(sizeof *block);
    char digits[24];
    block->number = last ? last->number + 1 : 0;
    snprintf(digits, sizeof digits, "/%" PRIu64, block->number);
    block->key = slice_join((struct slice[]){receipts->member->key, slice_of(digits)}, 2);
    TAILQ_INSERT_TAIL(&receipts->blocks, block, next);
    if (++receipts->block_count > RECEIPT_BLOCKS_EACH_MAX)
        receipts_shorten(room, receipts);
    return block;
}

void receipt_keep(struct room *room, struct member *member, struct slice message_id, uint64_t seq,
                  bool delivered)
{
    struct receipts *receipts = receipts_get(room, member);
    struct receipt_block *block = TAILQ_LAST(&receipts->blocks, receipt_block_list);
    if (!block || block->count == RECEIPTS_IN_BLOCK)
        block = block_begin(room, receipts);
    uint64_t hash = hash_of(message_id);
    size_t place = block_place(block, hash);
    assert(block->count < RECEIPTS_IN_BLOCK);
    block->receipts =
        memory_grow(block->receipts, &block->capacity, block->count + 1, sizeof *block->receipts);
    memmove(&block->receipts[place + 1], &block->receipts[place],
            (block->count - place) * sizeof *block->receipts);
    block->receipts[place] = (struct receipt){hash, seq << 1 | delivered};
    filter_add(block, hash);
    block->count++;
    receipts->last_seq = seq;
    room->receipt_count++;
    change_mark(&room->changes, &block->change, block, ROW_RECEIPTS);
    while (room->receipt_count > RECEIPTS_MAX)
        receipts_shorten(room, TAILQ_FIRST(&room->receipts));
}

void receipts_forget(struct room *room, struct member *member)
{
    while (member->receipts)
        receipts_shorten(room, member->receipts);
}

void receipts_free(struct member *member)
{
    struct receipt_block *block;
    if (!member->receipts)
        return;
    while ((block = TAILQ_FIRST(&member->receipts->blocks))) {
        TAILQ_REMOVE(&member->receipts->blocks, block, next);
        block_free(block);
    }
    free(member->receipts);
    member->receipts = NULL;
}

/* ── as rows ── */

static void put_u64(uint8_t *to, uint64_t value)
{
    for (int i = 0; i < 8; i++)
        to[i] = (uint8_t)(value >> (56 - 8 * i));
}

void receipts_write(const struct receipt_block *block, struct text *text)
{
    uint8_t bytes[RECEIPT_BYTES];
    char hex[2 * RECEIPT_BYTES + 1];
    for (size_t i = 0; i < block->count; i++) {
        put_u64(bytes, block->receipts[i].hash);
        put_u64(bytes + 8, block->receipts[i].place);
        hex_format(bytes, sizeof bytes, hex);
        text_add(text, (struct slice){hex, 2 * RECEIPT_BYTES});
    }
}

static bool hex_u64(const char *digits, uint64_t *ret_value)
{
    static const char alphabet[16] = {'0', '1', '2', '3', '4', '5', '6', '7',
                                      '8', '9', 'a', 'b', 'c', 'd', 'e', 'f'};
    uint64_t value = 0;
    for (int i = 0; i < 16; i++) {
        const char *found = memchr(alphabet, digits[i], sizeof alphabet);
        if (!found)
            return false;
        value = value << 4 | (uint64_t)(found - alphabet);
    }
    *ret_value = value;
    return true;
}

/* The hashes rise, and no seq is one that the room has yet to give. */
static bool block_read(struct receipt_block *block, struct slice hex, uint64_t last_seq)
{
    size_t count = hex.len / (2 * RECEIPT_BYTES);
    if (!count || hex.len % (2 * RECEIPT_BYTES) || count > RECEIPTS_IN_BLOCK)
        return false;
    block->receipts =
        memory_grow(block->receipts, &block->capacity, count, sizeof *block->receipts);
    for (; block->count < count; block->count++) {
        struct receipt *receipt = &block->receipts[block->count];
        const char *digits = hex.at + block->count * (2 * RECEIPT_BYTES);
        if (!hex_u64(digits, &receipt->hash) || !hex_u64(digits + 16, &receipt->place) ||
            receipt_seq(receipt) > last_seq || (block->count && receipt->hash <= receipt[-1].hash))
            return false;
        filter_add(block, receipt->hash);
    }
    return true;
}

static bool key_number(struct slice key, struct slice ai_id, uint64_t *ret_number)
{
    struct slice digits = {key.at + ai_id.len + 1, key.len - ai_id.len - 1};
    return json_u64((struct json_value){.kind = JSON_KIND_NUMBER, .raw = digits}, ret_number) == 0;
}

/* Puts it where its number says. */
static bool block_insert(struct receipts *receipts, struct receipt_block *block)
{
    struct receipt_block *before;
    TAILQ_FOREACH_REVERSE(before, &receipts->blocks, receipt_block_list, next)
    if (before->number <= block->number)
        break;
    if ((before && before->number == block->number) ||
        receipts->block_count == RECEIPT_BLOCKS_EACH_MAX)
        return false;
    if (before)
        TAILQ_INSERT_AFTER(&receipts->blocks, before, block, next);
    else
        TAILQ_INSERT_HEAD(&receipts->blocks, block, next);
    receipts->block_count++;
    return true;
}

bool receipts_restore(struct room *room, struct member *member, struct slice key, struct slice hex)
{
    struct receipt_block *block = memory_new(sizeof *block);
    block->key = slice_copy(key);
    if (!member->receipts) {
        member->receipts = memory_new(sizeof *member->receipts);
        member->receipts->member = member;
        TAILQ_INIT(&member->receipts->blocks);
    }
    if (!key_number(key, member->key, &block->number) || !block_read(block, hex, room->last_seq) ||
        !block_insert(member->receipts, block)) {
        block_free(block);
        return false;
    }
    for (size_t i = 0; i < block->count; i++)
        if (receipt_seq(&block->receipts[i]) > member->receipts->last_seq)
            member->receipts->last_seq = receipt_seq(&block->receipts[i]);
    room->receipt_count += block->count;
    return true;
}

void receipts_restore_place(struct room *room, struct member *member)
{
    if (member->receipts)
        TAILQ_INSERT_TAIL(&room->receipts, member->receipts, next);
}
