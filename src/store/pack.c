/* See pack.h. */
#include "store/pack.h"

#include <assert.h>
#include <endian.h>
#include <xxhash.h>

#include "store/store.h"

/* Enough that what the row costs is little; and little enough to be read for one item, or lost with
 * a broken page. */
#define PACK_BYTES_MAX (64u << 10)
#define PACK_ITEMS_MAX STORE_TOGETHER_MAX

/* ── records of the directory, as they are on disk ── */

/* Both kinds begin alike. */
struct record_head {
    uint64_t checksum, seq;
};

struct record_entry {
    uint64_t checksum, seq;
    uint64_t time, peer, takes_over;
    uint32_t kind, len, at, zero; /* at: its text, in the blob */
};

struct record_message {
    uint64_t checksum, seq;
    uint32_t number;
    uint8_t level, audience, observed, own;
    uint32_t but_len, names_len, line_len, at;
};

_Static_assert(sizeof(struct record_entry) == 56, "as it is on disk");
_Static_assert(sizeof(struct record_message) == 40, "as it is on disk");

static const size_t record_sizes[PACK_KIND_COUNT] = {
    [PACK_ENTRIES] = sizeof(struct record_entry), [PACK_MESSAGES] = sizeof(struct record_message)};

/* ── checksums ── */

static uint64_t hash(struct slice bytes, uint64_t seed)
{
    return XXH3_64bits_withSeed(bytes.at, bytes.len, seed);
}

uint64_t entry_checksum(struct slice room, const struct entry *entry)
{
    const uint64_t head[] = {entry->seq, (uint64_t)entry->time_ms, entry->peer, entry->takes_over,
                             (uint64_t)entry->kind};
    return hash(entry->bytes, hash((struct slice){(const char *)head, sizeof head}, hash(room, 0)));
}

/* Of `texts`, which are `but`, `names` and `line`, side by side. */
static uint64_t message_checksum(struct slice room, const struct message_kept *message,
                                 struct slice texts)
{
    const uint64_t head[] = {message->seq,
                             message->number,
                             (uint64_t)message->level,
                             (uint64_t)message->audience,
                             (uint64_t)message->observed << 1 | (uint64_t)message->own,
                             message->but.len,
                             message->names.len};
    return hash(texts, hash((struct slice){(const char *)head, sizeof head}, hash(room, 0)));
}

/* ── filling ── */

void pack_builder_free(struct pack_builder *builder)
{
    text_free(&builder->directory);
    text_free(&builder->texts);
    *builder = (struct pack_builder){0};
}

void pack_clear(struct pack_builder *builder)
{
    text_clear(&builder->directory);
    text_clear(&builder->texts);
    builder->count = 0;
    builder->last = 0;
}

bool pack_is_full(const struct pack_builder *builder, uint64_t seq)
{
    return (builder->count >= PACK_ITEMS_MAX ||
            builder->texts.len + builder->directory.len >= PACK_BYTES_MAX) &&
           seq != builder->last;
}

static void add_record(struct pack_builder *builder, const void *record, size_t size, uint64_t seq)
{
    assert(seq >= builder->last);
    text_add(&builder->directory, (struct slice){record, size});
    builder->last = seq;
    builder->count++;
}

void pack_add_entry_as(struct pack_builder *builder, const struct entry *entry, uint64_t checksum)
{
    struct record_entry record = {.checksum = htole64(checksum),
                                  .seq = htole64(entry->seq),
                                  .time = htole64((uint64_t)entry->time_ms),
                                  .peer = htole64(entry->peer),
                                  .takes_over = htole64(entry->takes_over),
                                  .kind = htole32((uint32_t)entry->kind),
                                  .len = htole32((uint32_t)entry->bytes.len),
                                  .at = htole32((uint32_t)builder->texts.len)};
    assert(entry->bytes.len <= UINT32_MAX - PACK_BYTES_MAX);
    add_record(builder, &record, sizeof record, entry->seq);
    text_add(&builder->texts, entry->bytes);
    builder->last_ms = entry->time_ms;
}

void pack_add_entry(struct pack_builder *builder, struct slice room, const struct entry *entry)
{
    pack_add_entry_as(builder, entry, entry_checksum(room, entry));
}

/* Of a message whose texts are `added`, at that place. */
static struct record_message record_of(struct slice room, const struct message_kept *message,
                                       struct slice added, size_t at)
{
    return (struct record_message){.checksum = htole64(message_checksum(room, message, added)),
                                   .seq = htole64(message->seq),
                                   .number = htole32(message->number),
                                   .level = (uint8_t)message->level,
                                   .audience = (uint8_t)message->audience,
                                   .observed = message->observed,
                                   .own = message->own,
                                   .but_len = htole32((uint32_t)message->but.len),
                                   .names_len = htole32((uint32_t)message->names.len),
                                   .line_len = htole32((uint32_t)message->line.len),
                                   .at = htole32((uint32_t)at)};
}

void pack_add_message(struct pack_builder *builder, struct slice room,
                      const struct message_kept *message)
{
    struct text *texts = &builder->texts;
    size_t at = texts->len;
    text_add(texts, message->but);
    text_add(texts, message->names);
    text_add(texts, message->line);
    if (texts->failed)
        return;
    struct slice added = {at < texts->len ? texts->at + at : "", texts->len - at};
    assert(added.len <= UINT32_MAX - PACK_BYTES_MAX && (!message->own || !message->line.len));
    struct record_message record = record_of(room, message, added, at);
    add_record(builder, &record, sizeof record, message->seq);
}

struct slice pack_bytes(struct pack_builder *builder)
{
    text_add(&builder->texts, text_slice(&builder->directory));
    if (builder->directory.failed)
        return (struct slice){NULL, 0};
    return text_slice(&builder->texts);
}

/* ── reading ── */

/* The record that so many stand behind; NULL when the blob is too short for it. */
static const char *record_before(const struct pack *pack, uint32_t behind)
{
    uint64_t from_end = ((uint64_t)behind + 1) * record_sizes[pack->kind];
    return from_end <= pack->bytes.len ? slice_end(pack->bytes) - from_end : NULL;
}

static uint64_t record_seq(const char *record)
{
    struct record_head head;
    memcpy(&head, record, sizeof head);
    return le64toh(head.seq);
}

static bool texts_fit(const struct pack *pack, uint64_t at, uint64_t len)
{
    return at + len <= pack->bytes.len;
}

static bool entry_read(struct slice room, const struct pack *pack, const char *at,
                       struct entry *ret_entry)
{
    struct record_entry record;
    memcpy(&record, at, sizeof record);
    if (!texts_fit(pack, le32toh(record.at), le32toh(record.len)) ||
        le32toh(record.kind) >= ENTRY_KIND_COUNT)
        return false;
    *ret_entry =
        (struct entry){.seq = le64toh(record.seq),
                       .time_ms = (int64_t)le64toh(record.time),
                       .peer = le64toh(record.peer),
                       .takes_over = le64toh(record.takes_over),
                       .kind = (enum entry_kind)le32toh(record.kind),
                       .bytes = {pack->bytes.at + le32toh(record.at), le32toh(record.len)}};
    return entry_checksum(room, ret_entry) == le64toh(record.checksum);
}

static bool message_read(struct slice room, const struct pack *pack, const char *at,
                         struct message_kept *ret_message)
{
    struct record_message record;
    memcpy(&record, at, sizeof record);
    uint64_t but = le32toh(record.but_len), names = le32toh(record.names_len),
             line = le32toh(record.line_len);
    if (!texts_fit(pack, le32toh(record.at), but + names + line))
        return false;
    const char *texts = pack->bytes.at + le32toh(record.at);
    *ret_message = (struct message_kept){.seq = le64toh(record.seq),
                                         .number = le32toh(record.number),
                                         .level = record.level,
                                         .audience = (enum audience)record.audience,
                                         .observed = record.observed == 1,
                                         .own = record.own == 1,
                                         .but = {texts, but},
                                         .names = {texts + but, names},
                                         .line = {texts + but + names, line}};
    return message_checksum(room, ret_message, (struct slice){texts, but + names + line}) ==
           le64toh(record.checksum);
}

/* Of one that is not whole: what its record says, if that is in order between its neighbours. */
static uint64_t seq_guess(const struct pack *pack, uint32_t at)
{
    const char *record = record_before(pack, pack->count - 1 - at);
    const char *before = at ? record_before(pack, pack->count - at) : NULL;
    uint64_t least = before ? record_seq(before) + (pack->kind == PACK_ENTRIES) : 1;
    uint64_t seq = record ? record_seq(record) : least;
    return seq >= least && seq <= pack->last ? seq : least;
}

bool pack_entry(struct slice room, const struct pack *pack, uint32_t at, struct entry *ret_entry)
{
    assert(pack->kind == PACK_ENTRIES && at < pack->count);
    const char *record = record_before(pack, pack->count - 1 - at);
    if (record && entry_read(room, pack, record, ret_entry))
        return true;
    *ret_entry = (struct entry){.seq = seq_guess(pack, at)};
    return false;
}

bool pack_message(struct slice room, const struct pack *pack, uint32_t at,
                  struct message_kept *ret_message)
{
    assert(pack->kind == PACK_MESSAGES && at < pack->count);
    const char *record = record_before(pack, pack->count - 1 - at);
    if (record && message_read(room, pack, record, ret_message))
        return true;
    *ret_message = (struct message_kept){.seq = seq_guess(pack, at)};
    return false;
}

/* From the end on, as long as there are records: they are behind the texts of those that are
 * whole. */
uint32_t pack_count_whole(struct slice room, const struct pack *pack)
{
    uint32_t count = 0;
    const char *record, *texts = pack->bytes.at;
    struct message_kept message;
    struct entry entry;
    while ((record = record_before(pack, count)) && record >= texts) {
        struct slice found = {NULL, 0};
        if (pack->kind == PACK_ENTRIES && entry_read(room, pack, record, &entry))
            found = entry.bytes;
        else if (pack->kind == PACK_MESSAGES && message_read(room, pack, record, &message))
            found = (struct slice){message.but.at,
                                   message.but.len + message.names.len + message.line.len};
        if (found.len && slice_end(found) > texts)
            texts = slice_end(found);
        count++;
    }
    return count;
}

uint32_t pack_find(const struct pack *pack, uint64_t seq)
{
    uint32_t from = 0, to = pack->count;
    while (from < to) {
        uint32_t middle = from + (to - from) / 2;
        const char *record = record_before(pack, pack->count - 1 - middle);
        if (!record || record_seq(record) < seq)
            from = middle + 1;
        else
            to = middle;
    }
    return from;
}

/* ── taking back ── */

/* The message's record says that its texts are at the end of `texts`, with another line. */
static bool message_replace(struct slice room, const struct pack *pack, uint32_t at,
                            const struct message_kept *as, struct text *texts, char *record)
{
    struct message_kept message;
    if (!pack_message(room, pack, at, &message))
        return false;
    size_t begin = texts->len, old = (size_t)(message.but.at - pack->bytes.at);
    size_t len = message.but.len + message.names.len + message.line.len;
    message.own = false;
    message.level = as->level;
    text_add(texts, message.but);
    text_add(texts, message.names);
    text_add(texts, as->line);
    if (texts->failed)
        return false;
    message.line = as->line;
    struct slice added = {texts->at + begin, texts->len - begin};
    struct record_message made = record_of(room, &message, added, begin);
    memset(texts->at + old, 0, len);
    memcpy(record, &made, sizeof made);
    return true;
}

static bool entry_empty(struct slice room, const struct pack *pack, uint32_t at, struct text *texts,
                        char *record)
{
    struct entry entry;
    struct record_entry made;
    if (!pack_entry(room, pack, at, &entry))
        return false;
    memset(texts->at + (entry.bytes.at - pack->bytes.at), 0, entry.bytes.len);
    entry.bytes.len = 0;
    memcpy(&made, record, sizeof made);
    made.checksum = htole64(entry_checksum(room, &entry));
    made.len = made.at = 0;
    memcpy(record, &made, sizeof made);
    return true;
}

uint32_t pack_replace(struct slice room, const struct pack *pack, uint64_t seq, struct slice line,
                      int level, struct text *ret_bytes)
{
    const struct message_kept as = {.line = line, .level = level};
    size_t size = record_sizes[pack->kind], records = (size_t)pack->count * size;
    struct text directory = {0};
    uint32_t replaced = 0;
    if (records > pack->bytes.len)
        return 0;
    text_clear(ret_bytes);
    text_add(ret_bytes, (struct slice){pack->bytes.at, pack->bytes.len - records});
    text_add(&directory, (struct slice){slice_end(pack->bytes) - records, records});
    for (uint32_t at = pack_find(pack, seq); directory.at && at < pack->count; at++) {
        char *record = directory.at + at * size;
        if (record_seq(record) != seq)
            break;
        replaced += pack->kind == PACK_MESSAGES
                        ? message_replace(room, pack, at, &as, ret_bytes, record)
                        : entry_empty(room, pack, at, ret_bytes, record);
    }
    text_add(ret_bytes, text_slice(&directory));
    text_free(&directory);
    return replaced;
}
