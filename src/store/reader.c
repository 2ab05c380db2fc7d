/* Reading back what was kept for those who were not there, a page at a time: so many messages are
 * looked at, so many bytes gathered, and then it is somebody else's turn. */
#include "store/reader.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>

#define PAGE_BYTES_MAX    (256u << 10)
#define PAGE_MESSAGES_MAX 4000u

/* ── messages, one by one ── */

void kept_begin(struct kept_cursor *cursor, struct database *database, const struct store_log *log,
                uint64_t after, uint32_t number)
{
    sqlite3_stmt *step = database->statements[STATEMENT_READ_MESSAGES];
    *cursor =
        (struct kept_cursor){.database = database, .log = log, .after = after, .number = number};
    sqlite3_bind_int64(step, 1, entry_id(log->id, after));
    sqlite3_bind_int64(step, 2, entry_id(log->id + 1, 0) - 1);
}

void kept_end(struct kept_cursor *cursor)
{
    sqlite3_reset(cursor->database->statements[STATEMENT_READ_MESSAGES]);
    sqlite3_reset(cursor->database->statements[STATEMENT_READ_ENTRIES]);
}

/* The next pack that has something. False at the end. */
static bool next_pack(struct kept_cursor *cursor)
{
    sqlite3_stmt *step = cursor->database->statements[STATEMENT_READ_MESSAGES];
    do {
        int result = sqlite3_step(step);
        if (result != SQLITE_ROW) {
            cursor->failed = result != SQLITE_DONE;
            return false;
        }
        column_pack(cursor->log->room, PACK_MESSAGES, step, &cursor->messages);
        cursor->at = pack_find(&cursor->messages, cursor->after);
    } while (cursor->at == cursor->messages.count);
    return true;
}

/* Finds the entry, mostly where the last one was. */
static bool find_entry(struct kept_cursor *cursor, uint64_t seq, struct entry *ret_entry)
{
    sqlite3_stmt *step = cursor->database->statements[STATEMENT_READ_ENTRIES];
    struct slice room = cursor->log->room;
    struct pack *entries = &cursor->entries;
    if (!entries->count || seq > entries->last) {
        sqlite3_reset(step);
        sqlite3_bind_int64(step, 1, entry_id(cursor->log->id, seq));
        sqlite3_bind_int64(step, 2, entry_id(cursor->log->id + 1, 0) - 1);
        entries->count = 0;
        if (sqlite3_step(step) != SQLITE_ROW)
            return false;
        column_pack(room, PACK_ENTRIES, step, entries);
    }
    uint32_t at = pack_find(entries, seq);
    return at < entries->count && pack_entry(room, entries, at, ret_entry) && ret_entry->seq == seq;
}

/* The message's line, if it is its entry's own. False when that is not there. */
static bool line_whole(struct kept_cursor *cursor)
{
    struct message_kept *message = &cursor->message;
    struct entry entry;
    if (!message->own)
        return true;
    if (!find_entry(cursor, message->seq, &entry) || !entry.bytes.len)
        return false;
    message->line = (struct slice){entry.bytes.at, entry.bytes.len - 1};
    return true;
}

bool kept_next(struct kept_cursor *cursor)
{
    struct message_kept *message = &cursor->message;
    for (;;) {
        if (cursor->at == cursor->messages.count && !next_pack(cursor))
            return false;
        bool whole = pack_message(cursor->log->room, &cursor->messages, cursor->at++, message);
        if (message->seq < cursor->after ||
            (message->seq == cursor->after && message->number <= cursor->number))
            continue;
        if (whole && line_whole(cursor))
            return true;
        cursor->damaged = message->seq;
    }
}

/* ── whose they are ── */

/* The first of names, which is taken from them. They stand one behind the other, each with a line
 * end, which no id can hold. */
static struct slice name_take(struct slice *names)
{
    const char *end = memchr(names->at, '\n', names->len);
    struct slice name = {names->at, end ? (size_t)(end - names->at) : names->len};
    size_t len = name.len + (end != NULL);
    *names = (struct slice){names->at + len, names->len - len};
    return name;
}

static bool names_hold(struct slice names, struct slice ai_id)
{
    while (names.len)
        if (slice_equal(name_take(&names), ai_id))
            return true;
    return false;
}

/* Is it from or to one of those? */
static bool kept_is_own(const struct message_kept *message, struct slice own)
{
    struct slice names = message->names;
    if (message->but.len && names_hold(own, message->but))
        return true;
    while (own.len && names.len) {
        struct slice name = name_take(&names);
        if (names_hold(own, name))
            return true;
    }
    return false;
}

bool kept_is_for(const struct message_kept *message, const struct store_wish *wish)
{
    if (message->level > wish->level || (!wish->log && slice_equal(message->but, wish->ai_id)))
        return false;
    if (message->audience == AUDIENCE_ROOM)
        return true;
    if ((message->observed || !wish->log) && names_hold(message->names, wish->ai_id))
        return true;
    return message->observed && wish->observer &&
           observer_is_shown(wish->sees, wish->sees == SEES_OWN && kept_is_own(message, wish->own));
}

/* ── pages ── */

static void add_line(const struct message_kept *message, int level, struct text *lines)
{
    text_add(lines, message->line);
    if (level == 1) {
        text_add_literal(lines, "}\n");
        return;
    }
    text_add_literal(lines, ",\"seq\":");
    text_add_number(lines, message->seq);
    text_add_literal(lines, "}\n");
}

static uint64_t read_trimmed(struct database *database, int64_t room)
{
    sqlite3_stmt *step = database->statements[STATEMENT_TRIMMED];
    sqlite3_bind_int64(step, 1, room);
    uint64_t trimmed =
        sqlite3_step(step) == SQLITE_ROW ? (uint64_t)sqlite3_column_int64(step, 0) : 0;
    sqlite3_reset(step);
    return trimmed;
}

/* ── what a log shows ── */

/* When the hub took what caused the message. */
static int64_t kept_time(struct kept_cursor *cursor)
{
    struct entry entry;
    return find_entry(cursor, cursor->message.seq, &entry) ? entry.time_ms : 0;
}

/* Does it pass? It stands in the text from `at` on. */
static bool line_passes(const struct message_filter *filter, const struct text *lines, size_t at)
{
    struct message message;
    struct refusal refusal;
    struct slice line = {lines->at + at, lines->len - at};
    return message_parse(line, &message, &refusal) == 0 &&
           message_filter_passes(filter, message.type, message.sender_id, message.target,
                                 message.payload);
}

/* Whether it was added. */
static bool log_add(struct kept_cursor *cursor, const struct message_filter *filter,
                    struct text *lines)
{
    char time[TIMESTAMP_SIZE];
    size_t before = lines->len;
    timestamp_format(kept_time(cursor), time);
    text_addf(lines, "%s{\"seq\":%" PRIu64 ",\"time\":\"%s\",\"message\":", before ? "," : "",
              cursor->message.seq, time);
    size_t at = lines->len;
    text_add(lines, cursor->message.line);
    text_add_literal(lines, "}");
    if (lines->failed || !line_passes(filter, lines, at)) {
        lines->len = before;
        return false;
    }
    text_add_literal(lines, "}");
    return true;
}

static void log_run(struct reading *reading, struct kept_cursor *cursor)
{
    const struct store_wish *wish = &reading->wish;
    struct store_page *page = &reading->page;
    unsigned looked_at = 0;
    uint64_t count = 0;
    while (kept_next(cursor) && cursor->message.seq <= wish->until) {
        const struct message_kept *message = &cursor->message;
        bool full = count >= wish->limit || reading->lines.len >= wish->bytes_max ||
                    reading->lines.len >= PAGE_BYTES_MAX || looked_at >= PAGE_MESSAGES_MAX;
        if (full && message->seq != page->upto)
            return;
        page->upto = message->seq;
        looked_at++;
        if (kept_is_for(message, wish))
            count += log_add(cursor, &wish->filter, &reading->lines);
    }
    page->failed = cursor->failed || reading->lines.failed;
    page->whole = true;
    page->upto = wish->until;
}

void reading_run(struct database *database, struct reading *reading)
{
    const struct store_wish *wish = &reading->wish;
    struct store_page *page = &reading->page;
    struct kept_cursor cursor;
    unsigned looked_at = 0;
    if (wish->chunk) {
        chunk_run(database, reading);
        return;
    }
    *page = (struct store_page){.reader = wish->reader,
                                .upto = wish->after,
                                .number = wish->number,
                                .log = wish->log,
                                .trimmed = read_trimmed(database, reading->log->id)};
    kept_begin(&cursor, database, reading->log, wish->after, wish->log ? UINT32_MAX : wish->number);
    if (wish->log) {
        log_run(reading, &cursor);
        page->damaged = cursor.damaged <= wish->until ? cursor.damaged : 0;
        kept_end(&cursor);
        return;
    }
    while (looked_at++ < PAGE_MESSAGES_MAX && reading->lines.len < PAGE_BYTES_MAX) {
        if (!kept_next(&cursor) || cursor.message.seq > wish->until) {
            page->whole = true;
            page->upto = wish->until;
            page->number = UINT32_MAX;
            break;
        }
        page->upto = cursor.message.seq;
        page->number = cursor.message.number;
        if (kept_is_for(&cursor.message, wish))
            add_line(&cursor.message, wish->level, &reading->lines);
    }
    /* who missed what is damaged is told so */
    if (cursor.damaged > page->trimmed && cursor.damaged <= wish->until)
        page->trimmed = cursor.damaged;
    kept_end(&cursor);
}

/* Of a room messages go to disk in order, and all of a seq in one transaction. */
static uint64_t last_on_disk(struct database *database, const struct store_log *log)
{
    char sql[160];
    snprintf(sql, sizeof sql,
             "SELECT max(id) FROM message_packs WHERE id BETWEEN %" PRId64 " AND %" PRId64,
             entry_id(log->id, 0), entry_id(log->id + 1, 0) - 1);
    int64_t id = database_number(database, sql);
    return id > 0 ? id_seq(id) : 0;
}

void reading_run_as_far(struct database *database, struct reading *reading)
{
    struct store_wish *wish = &reading->wish;
    uint64_t until = wish->until, last = last_on_disk(database, reading->log);
    if (last < until)
        wish->until = last > wish->after ? last : wish->after;
    reading_run(database, reading);
    if (wish->until == until)
        return;
    reading->page.whole = false;
    reading->page.failed = reading->page.failed || wish->until == wish->after;
}

/* ── without a thread ── */

void store_rooms(const struct store *store, void (*each)(void *ctx, struct slice room), void *ctx)
{
    const struct store_log *log;
    TAILQ_FOREACH (log, &store->logs, next)
        each(ctx, log->room);
}

bool store_read_now(struct store *store, const struct store_wish *wish, struct text *lines,
                    struct store_page *ret_page)
{
    struct reading reading = {.wish = *wish, .log = log_find(store, wish->room), .lines = *lines};
    assert(store->options.reading && wish->log);
    if (!reading.log)
        return false;
    text_clear(&reading.lines);
    reading_run(&store->database, &reading);
    *lines = reading.lines;
    *ret_page = reading.page;
    ret_page->lines = text_slice(lines);
    return true;
}

int store_last_kept(struct store *store, struct slice room, uint64_t *ret_seq, bool *ret_all,
                    char ret_why[STORE_WHY_SIZE])
{
    char sql[128];
    struct store_log *log = log_find(store, room);
    assert(store->options.reading);
    *ret_seq = 0;
    *ret_all = true;
    if (!log)
        return 0;
    if (kept_find(store, log, ret_why) < 0)
        return -1;
    snprintf(
        sql, sizeof sql, "SELECT EXISTS (SELECT 1 FROM entry_packs WHERE id BETWEEN %lld AND %lld)",
        (long long)entry_id(log->id, log->kept_seq + 1), (long long)entry_id(log->id + 1, 0) - 1);
    *ret_seq = log->kept_seq;
    *ret_all = database_number(&store->database, sql) == 0;
    return 0;
}
