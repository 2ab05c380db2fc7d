/* See said.h. */
#include "core/said.h"

#include <assert.h>
#include <stdlib.h>

#include "core/memory.h"
#include "core/state.h"

#define BYTES (SAID_BLOCK / 8)

/* ── blocks ── */

static struct said_block *block_at(const struct room *room, uint64_t number)
{
    struct said_block *block = room->messages.blocks[number % SAID_BLOCKS_MAX];
    return block && block->number == number ? block : NULL;
}

/* In the place of an older one. NULL: it is too old itself. */
static struct said_block *block_get(struct room *room, uint64_t number)
{
    struct said_list *list = &room->messages;
    struct said_block **place = &list->blocks[number % SAID_BLOCKS_MAX];
    struct said_block *before = *place;
    if (before && before->number >= number)
        return before->number == number ? before : NULL;
    if (before)
        change_gone(&room->changes, &before->change, ROW_SAID, before->key);
    free(before);
    struct said_block *block = *place = memory_new(sizeof *block);
    block->number = number;
    block->key = (struct slice){block->digits, u64_format(number, block->digits)};
    if (number > list->newest)
        list->newest = number;
    return block;
}

static bool bit_of(const uint8_t bits[BYTES], uint64_t seq)
{
    return bits[seq % SAID_BLOCK / 8] >> seq % 8 & 1;
}

enum said said_find(const struct room *room, uint64_t seq)
{
    const struct said_list *list = &room->messages;
    uint64_t number = seq / SAID_BLOCK;
    const struct said_block *block = block_at(room, number);
    if (block && bit_of(block->retracted, seq))
        return SAID_RETRACTED;
    if (seq < list->from || (!block && number + SAID_BLOCKS_MAX <= list->newest))
        return SAID_LONG_AGO;
    return block && bit_of(block->messages, seq) ? SAID_MESSAGE : SAID_NOTHING;
}

void said_note(struct room *room, uint64_t seq, enum said said)
{
    struct said_block *block = block_get(room, seq / SAID_BLOCK);
    assert(said == SAID_MESSAGE || said == SAID_RETRACTED);
    if (!block)
        return;
    uint8_t *bits = said == SAID_MESSAGE ? block->messages : block->retracted;
    bits[seq % SAID_BLOCK / 8] |= (uint8_t)(1u << seq % 8);
    change_mark(&room->changes, &block->change, block, ROW_SAID);
}

void said_release(struct room *room)
{
    for (size_t i = 0; i < SAID_BLOCKS_MAX; i++)
        free(room->messages.blocks[i]);
}

/* ── as rows ── */

void said_each(const struct room *room, void (*each)(const void *block, void *ctx), void *ctx)
{
    for (size_t i = 0; i < SAID_BLOCKS_MAX; i++)
        if (room->messages.blocks[i])
            each(room->messages.blocks[i], ctx);
}

static size_t used_of(const uint8_t bits[BYTES])
{
    size_t used = BYTES;
    while (used && !bits[used - 1])
        used--;
    return used;
}

static void bits_write(const char *name, const uint8_t bits[BYTES], size_t used, struct text *text)
{
    char hex[2 * BYTES + 1];
    hex_format(bits, used, hex);
    text_addf(text, "\"%s\":\"%s\"", name, hex);
}

void said_write(const struct said_block *block, struct text *text)
{
    size_t retracted = used_of(block->retracted);
    bits_write("messages", block->messages, used_of(block->messages), text);
    if (!retracted)
        return;
    text_add_literal(text, ",");
    bits_write("retracted", block->retracted, retracted, text);
}

static int digit_of(char digit)
{
    return digit >= '0' && digit <= '9'   ? digit - '0'
           : digit >= 'a' && digit <= 'f' ? digit - 'a' + 10
                                          : -1;
}

static bool bits_read(struct json_value hex, uint8_t ret_bits[BYTES])
{
    if (hex.kind != JSON_KIND_STRING || hex.raw.len % 2 || hex.raw.len > (size_t)2 * BYTES)
        return false;
    for (size_t i = 0; i < hex.raw.len; i += 2) {
        int high = digit_of(hex.raw.at[i]), low = digit_of(hex.raw.at[i + 1]);
        if (high < 0 || low < 0)
            return false;
        ret_bits[i / 2] = (uint8_t)(high << 4 | low);
    }
    return true;
}

bool said_restore(struct room *room, struct slice key, struct json_value messages,
                  struct json_value retracted)
{
    struct json_value digits = {.kind = JSON_KIND_NUMBER, .raw = key};
    uint8_t said[BYTES] = {0}, taken[BYTES] = {0};
    uint64_t number;
    if (!key.len || json_u64(digits, &number) < 0 || number > room->last_seq / SAID_BLOCK ||
        room->messages.blocks[number % SAID_BLOCKS_MAX] || !bits_read(messages, said) ||
        (retracted.kind != JSON_KIND_ABSENT && !bits_read(retracted, taken)))
        return false;
    struct said_block *block = block_get(room, number);
    assert(block); /* its place is free */
    memcpy(block->messages, said, BYTES);
    memcpy(block->retracted, taken, BYTES);
    return true;
}

bool said_whole(const struct room *room)
{
    const struct said_list *list = &room->messages;
    for (size_t i = 0; i < SAID_BLOCKS_MAX; i++) {
        const struct said_block *block = list->blocks[i];
        if (!block)
            continue;
        if (block->number % SAID_BLOCKS_MAX != i || block->number > list->newest)
            return false;
        for (uint64_t seq = 0; seq < SAID_BLOCK; seq++) {
            bool any = bit_of(block->messages, seq) || bit_of(block->retracted, seq);
            if (any && block->number * SAID_BLOCK + seq > room->last_seq)
                return false;
        }
    }
    return true;
}
