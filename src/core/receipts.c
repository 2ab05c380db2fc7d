#include "core/receipts.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/id_hash.h"
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

/* ── the table ── */

#define SLOTS_FIRST   16u
#define BLOCKS_FIRST  4u
#define BLOCK_NUMBERS (1u << 23) /* of a table, before they begin anew */

static size_t slot_of(const struct room *room, const struct receipt_table *table, uint64_t hash,
                      uint8_t *ret_tag)
{
    hash = id_hash_spread(hash, room->ids_key);
    *ret_tag = (uint8_t)(hash >> 24) | 1;
    return (size_t)(hash >> 32) & (table->capacity - 1);
}

/* What a slot names; NULL when it is gone. */
static const struct receipt *receipt_at(const struct receipts *receipts, uint32_t slot)
{
    const struct receipt_table *table = &receipts->table;
    uint32_t number = slot / RECEIPTS_IN_BLOCK, place = slot % RECEIPTS_IN_BLOCK;
    if (((number - table->first) & (BLOCK_NUMBERS - 1)) >= receipts->block_count)
        return NULL;
    const struct receipt_block *block = table->blocks[number & (table->block_capacity - 1)];
    return place < block->count ? &block->receipts[place] : NULL;
}

static void slot_fill(const struct room *room, struct receipt_table *table, uint64_t hash,
                      uint32_t slot)
{
    uint8_t tag;
    size_t at = slot_of(room, table, hash, &tag);
    while (table->tags[at])
        at = (at + 1) & (table->capacity - 1);
    table->tags[at] = tag;
    table->slots[at] = slot;
    table->used++;
}

static uint32_t slot_name(uint32_t number, size_t place)
{
    return (number & (BLOCK_NUMBERS - 1)) * RECEIPTS_IN_BLOCK + (uint32_t)place;
}

/* Anew, with room for as many again as there are. */
static void table_make(const struct room *room, struct receipts *receipts)
{
    struct receipt_table *table = &receipts->table;
    const struct receipt_block *block;
    size_t count = 0, capacity = SLOTS_FIRST;
    uint32_t number = table->first;
    TAILQ_FOREACH (block, &receipts->blocks, next)
        count += block->count;
    while (capacity < 2 * (count + 1))
        capacity *= 2;
    free(table->tags);
    free(table->slots);
    table->tags = memory_new(capacity);
    table->slots = memory_new(capacity * sizeof *table->slots);
    table->capacity = capacity;
    table->used = 0;
    TAILQ_FOREACH (block, &receipts->blocks, next) {
        for (size_t i = 0; i < block->count; i++)
            slot_fill(room, table, block->receipts[i].hash, slot_name(number, i));
        number++;
    }
}

/* The newest of its blocks, which is in the list already, gets its place. */
static void table_add_block(struct receipts *receipts, struct receipt_block *block)
{
    struct receipt_table *table = &receipts->table;
    uint32_t number = table->first + (uint32_t)receipts->block_count - 1;
    if (receipts->block_count > table->block_capacity) {
        const struct receipt_block *first = TAILQ_FIRST(&receipts->blocks);
        size_t capacity = table->block_capacity ? 2 * table->block_capacity : BLOCKS_FIRST;
        struct receipt_block **blocks = memory_new(capacity * sizeof(struct receipt_block *));
        for (uint32_t at = table->first; first != block; at++) {
            blocks[at & (capacity - 1)] = table->blocks[at & (table->block_capacity - 1)];
            first = TAILQ_NEXT(first, next);
        }
        free(table->blocks);
        table->blocks = blocks;
        table->block_capacity = capacity;
    }
    table->blocks[number & (table->block_capacity - 1)] = block;
}

/* The last receipt of the newest block. */
static void table_add(const struct room *room, struct receipts *receipts)
{
    struct receipt_table *table = &receipts->table;
    const struct receipt_block *block = TAILQ_LAST(&receipts->blocks, receipt_block_list);
    uint32_t number = table->first + (uint32_t)receipts->block_count - 1;
    if (4 * (table->used + 1) > 3 * table->capacity)
        table_make(room, receipts); /* it has the new one then */
    else
        slot_fill(room, table, block->receipts[block->count - 1].hash,
                  slot_name(number, block->count - 1));
}

static const struct receipt *table_find(const struct room *room, const struct receipts *receipts,
                                        uint64_t hash)
{
    const struct receipt_table *table = &receipts->table;
    uint8_t tag;
    size_t at = slot_of(room, table, hash, &tag);
    for (; table->tags[at]; at = (at + 1) & (table->capacity - 1)) {
        const struct receipt *receipt =
            table->tags[at] == tag ? receipt_at(receipts, table->slots[at]) : NULL;
        if (receipt && receipt->hash == hash)
            return receipt;
    }
    return NULL;
}

bool receipt_find(const struct room *room, const struct member *member, uint64_t id_hash,
                  struct receipt *ret_receipt)
{
    const struct receipt *receipt =
        member->receipts ? table_find(room, member->receipts, id_hash) : NULL;
    if (!receipt)
        return false;
    *ret_receipt = *receipt;
    return true;
}

/* ── blocks come and go ── */

static void block_free(struct receipt_block *block)
{
    slice_free(&block->key);
    free(block->receipts);
    free(block);
}

static void release(struct receipts *receipts)
{
    struct receipt_block *block;
    while ((block = TAILQ_FIRST(&receipts->blocks))) {
        TAILQ_REMOVE(&receipts->blocks, block, next);
        block_free(block);
    }
    free(receipts->table.tags);
    free(receipts->table.slots);
    free(receipts->table.blocks);
    free(receipts);
}

static struct receipts *receipts_make(struct member *member)
{
    struct receipts *receipts = member->receipts = memory_new(sizeof *receipts);
    receipts->member = member;
    TAILQ_INIT(&receipts->blocks);
    return receipts;
}

/* Lists it, or not, among those that have more than their last 10,000. */
static void list_extra(struct room *room, struct receipts *receipts)
{
    if (receipts->extra)
        TAILQ_REMOVE(&room->receipts_extra, receipts, next_extra);
    receipts->extra = receipts->block_count > RECEIPT_BLOCKS_EACH_LEAST;
    if (receipts->extra)
        TAILQ_INSERT_TAIL(&room->receipts_extra, receipts, next_extra);
}

static struct receipts *receipts_get(struct room *room, struct member *member)
{
    struct receipts *receipts = member->receipts;
    if (!receipts)
        receipts = receipts_make(member);
    else
        TAILQ_REMOVE(&room->receipts, receipts, next);
    TAILQ_INSERT_TAIL(&room->receipts, receipts, next);
    list_extra(room, receipts);
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
    receipts->table.first++;
    receipts->block_count--;
    if (receipts->extra && receipts->block_count <= RECEIPT_BLOCKS_EACH_LEAST) {
        TAILQ_REMOVE(&room->receipts_extra, receipts, next_extra);
        receipts->extra = false;
    }
    if (receipts->block_count)
        return;
    TAILQ_REMOVE(&room->receipts, receipts, next);
    receipts->member->receipts = NULL;
    release(receipts);
}

/* Has it a block that nothing says to keep? */
static bool is_too_long(const struct receipts *receipts, int64_t now)
{
    return receipts->extra &&
           (receipts->block_count > RECEIPT_BLOCKS_EACH_MAX ||
            TAILQ_FIRST(&receipts->blocks)->latest_ms + RECEIPTS_WITHIN_MS < now);
}

/* A block for each that is begun is more than comes: so in the end all that is too old is gone. */
#define SHORTENED_AT_ONCE 2u

static struct receipt_block *block_begin(struct room *room, struct receipts *receipts, int64_t now)
{
    const struct receipt_block *last = TAILQ_LAST(&receipts->blocks, receipt_block_list);
    struct receipt_block *block = memory_new(sizeof *block);
    char digits[24];
    block->number = last ? last->number + 1 : 0;
    snprintf(digits, sizeof digits, "/%" PRIu64, block->number);
    block->key = slice_join((struct slice[]){receipts->member->key, slice_of(digits)}, 2);
    TAILQ_INSERT_TAIL(&receipts->blocks, block, next);
    receipts->block_count++;
    table_add_block(receipts, block);
    list_extra(room, receipts);
    for (unsigned i = 0; i < SHORTENED_AT_ONCE && is_too_long(receipts, now); i++)
        receipts_shorten(room, receipts);
    for (unsigned i = 0; i < SHORTENED_AT_ONCE; i++) {
        struct receipts *silent = TAILQ_FIRST(&room->receipts_extra); /* for longest */
        if (silent && is_too_long(silent, now))
            receipts_shorten(room, silent);
    }
    return block;
}

/* Too many in the room: those beyond anybody's last 10,000 go first. */
static void room_shorten(struct room *room)
{
    while (room->receipt_count > RECEIPTS_MAX) {
        struct receipts *extra = TAILQ_FIRST(&room->receipts_extra);
        receipts_shorten(room, extra ? extra : TAILQ_FIRST(&room->receipts));
    }
}

void receipt_keep(struct room *room, struct member *member, uint64_t id_hash, uint64_t seq,
                  int64_t time_ms, bool delivered)
{
    struct receipts *receipts = receipts_get(room, member);
    struct receipt_block *block = TAILQ_LAST(&receipts->blocks, receipt_block_list);
    if (!block || block->count == RECEIPTS_IN_BLOCK)
        block = block_begin(room, receipts, time_ms);
    assert(block->count < RECEIPTS_IN_BLOCK);
    block->receipts =
        memory_grow(block->receipts, &block->capacity, block->count + 1, sizeof *block->receipts);
    block->receipts[block->count++] = (struct receipt){id_hash, seq << 1 | delivered};
    block->latest_ms = time_ms;
    table_add(room, receipts);
    receipts->last_seq = seq;
    room->receipt_count++;
    change_mark(&room->changes, &block->change, block, ROW_RECEIPTS);
    room_shorten(room);
}

void receipts_forget(struct room *room, struct member *member)
{
    while (member->receipts)
        receipts_shorten(room, member->receipts);
}

void receipts_free(struct member *member)
{
    if (member->receipts)
        release(member->receipts);
    member->receipts = NULL;
}

bool receipts_whole(const struct room *room, const struct receipts *receipts)
{
    const struct receipt_block *block;
    TAILQ_FOREACH (block, &receipts->blocks, next)
        for (size_t i = 0; i < block->count; i++)
            if (table_find(room, receipts, block->receipts[i].hash) != &block->receipts[i])
                return false;
    return receipts->extra == (receipts->block_count > RECEIPT_BLOCKS_EACH_LEAST);
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

static int receipts_compare(const void *left, const void *right)
{
    uint64_t a = ((const struct receipt *)left)->place, b = ((const struct receipt *)right)->place;
    return a < b ? -1 : a > b;
}

/* An earlier hub wrote them in the order of their hashes. No seq comes twice, and none is one that
 * the room has yet to give. */
static bool block_read(struct receipt_block *block, struct slice hex, uint64_t last_seq)
{
    size_t count = hex.len / (2 * RECEIPT_BYTES);
    if (!count || hex.len % (2 * RECEIPT_BYTES) || count > RECEIPTS_IN_BLOCK)
        return false;
    block->receipts =
        memory_grow(block->receipts, &block->capacity, count, sizeof *block->receipts);
    assert(block->capacity >= count);
    for (; block->count < count; block->count++) {
        struct receipt *receipt = &block->receipts[block->count];
        const char *digits = hex.at + block->count * (2 * RECEIPT_BYTES);
        if (!hex_u64(digits, &receipt->hash) || !hex_u64(digits + 16, &receipt->place))
            return false;
    }
    qsort(block->receipts, count, sizeof *block->receipts, receipts_compare);
    for (size_t i = 1; i < count; i++)
        if (receipt_seq(&block->receipts[i]) == receipt_seq(&block->receipts[i - 1]))
            return false;
    return receipt_seq(&block->receipts[count - 1]) <= last_seq;
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

bool receipts_restore(struct room *room, struct member *member, struct slice key, struct slice hex,
                      int64_t latest_ms)
{
    struct receipt_block *block = memory_new(sizeof *block);
    block->key = slice_copy(key);
    block->latest_ms = latest_ms;
    if (!member->receipts)
        receipts_make(member);
    if (!key_number(key, member->key, &block->number) || !block_read(block, hex, room->last_seq) ||
        !block_insert(member->receipts, block)) {
        block_free(block);
        return false;
    }
    uint64_t latest = receipt_seq(&block->receipts[block->count - 1]);
    if (latest > member->receipts->last_seq)
        member->receipts->last_seq = latest;
    room->receipt_count += block->count;
    return true;
}

void receipts_restore_place(struct room *room, struct member *member)
{
    struct receipts *receipts = member->receipts;
    struct receipt_block *block;
    if (!receipts)
        return;
    size_t count = receipts->block_count;
    receipts->block_count = 0;
    TAILQ_FOREACH (block, &receipts->blocks, next) {
        receipts->block_count++;
        table_add_block(receipts, block);
    }
    assert(receipts->block_count == count);
    table_make(room, receipts);
    TAILQ_INSERT_TAIL(&room->receipts, receipts, next);
    list_extra(room, receipts);
}
