/* See history.h. */
#include "cmd/history.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cmd/fields.h"
#include "cmd/options.h"
#include "cmd/stop.h"
#include "cmd/terminal.h"
#include "net/rebuild.h"

#define PAGE_MESSAGES 1000u
#define PAGE_BYTES    (1u << 20)
#define WINDOW_FIRST  1000u /* seqs looked at from the end for the newest; */
#define WINDOW_GROWS  4u    /* the next window is so many times as wide */
#define DEPTH_MAX     (WIRE_DEPTH_MAX + 16u)

static uint64_t member_u64(struct json_value object, const char *name)
{
    uint64_t number = 0;
    json_u64(json_get(object, name), &number);
    return number;
}

/* ── at a hub ── */

static void add_string(struct text *query, const char *name, const char *at, size_t len)
{
    if (len == 0)
        return;
    text_addf(query, ",\"%s\":", name);
    text_add_string(query, (struct slice){at, len});
}

static void add_types(struct text *query, struct message_types types)
{
    const char *before = ",\"types\":[\"";
    for (int type = 0; type < MESSAGE_TYPE_COUNT; type++) {
        if (!message_types_has(types, (enum message_type)type))
            continue;
        text_addf(query, "%s%s\"", before, message_type_text((enum message_type)type));
        before = ",\"";
    }
    if (message_types_any(types))
        text_add_literal(query, "]");
}

static void query_write(const struct history_wish *wish, struct text *query)
{
    const struct message_filter *filter = wish->filter;
    text_addf(query, "{\"after\":%" PRIu64 ",\"until\":%" PRIu64 ",\"limit\":%" PRIu64, wish->after,
              wish->until, wish->limit);
    if (filter) {
        add_string(query, "sender", filter->sender, filter->sender_len);
        add_string(query, "target", filter->target, filter->target_len);
        add_string(query, "session", filter->session, filter->session_len);
        add_types(query, filter->types);
    }
    text_add(query, (struct slice)SLICE("}\0"));
}

static int read_hub(struct history *history, const struct history_wish *wish,
                    struct history_page *ret_page)
{
    const struct ask *asked = history->visit->data;
    struct text query = {0};
    query_write(wish, &query);
    enum ask_result result = ask(history->visit, MESSAGE_LOG_QUERY, &query);
    text_free(&query);
    if (result != ASK_ANSWERED)
        return result == ASK_REFUSED ? ask_complain(history->visit) : EXIT_FAILED;
    *ret_page =
        (struct history_page){.messages = json_get(asked->answer, "messages"),
                              .upto = member_u64(asked->answer, "upto"),
                              .whole = json_get(asked->answer, "whole").kind == JSON_KIND_TRUE};
    history->first = member_u64(asked->answer, "first");
    history->kept = json_get(asked->answer, "kept").kind == JSON_KIND_TRUE;
    struct json_value near = json_get(asked->answer, "near");
    if (near.kind == JSON_KIND_ARRAY && !history->near)
        history->near = field_names(near);
    uint64_t damaged = member_u64(asked->answer, "damaged");
    history->damaged = damaged ? damaged : history->damaged;
    if (ret_page->messages.kind == JSON_KIND_ARRAY &&
        (ret_page->whole || ret_page->upto > wish->after))
        return EXIT_WORKED;
    return complain(history->command, "the hub at %s tells no log.", history->visit->address);
}

int history_at_hub(struct history *history)
{
    struct history_page page;
    history->last = member_u64(history->visit->sync, "seq");
    struct history_wish nothing = {
        .after = history->last, .until = history->last, .limit = 1, .filter = NULL};
    return read_hub(history, &nothing, &page);
}

/* ── in a directory ── */

static void tail_take(void *data, const struct effect *effect, int64_t time_ms)
{
    struct history *history = data;
    char time[TIMESTAMP_SIZE];
    if (effect->seq <= history->last_kept)
        return;
    timestamp_format(time_ms, time);
    text_addf(&history->tail, ",{\"seq\":%" PRIu64 ",\"time\":\"%s\",\"message\":", effect->seq,
              time);
    text_add(&history->tail, effect->line);
    text_add_literal(&history->tail, "}}");
    history->last = effect->seq;
}

static void retraction_take(void *data, const struct hub_retraction *retraction)
{
    struct history *history = data;
    text_addf(&history->retracted, ",{\"seq\":%" PRIu64 ",\"message\":", retraction->seq);
    text_add(&history->retracted, retraction->line);
    text_add_literal(&history->retracted, "}}");
}

/* A log that it did not take in says so; without one it may have been killed all the same, and
 * another, such as khub check, has taken it in. */
static bool was_killed(const char *directory)
{
    char path[4096];
    struct stat wal;
    return snprintf(path, sizeof path, "%s/hub.db-wal", directory) < (int)sizeof path &&
           stat(path, &wal) == 0 && wal.st_size > 0;
}

struct names {
    struct slice wanted;
    struct text others;
    bool found;
};

static void name_room(void *data, struct slice room)
{
    struct names *names = data;
    names->found = names->found || slice_equal(room, names->wanted);
    text_addf(&names->others, "%s'%.*s'", names->others.len ? ", " : "", SLICE_FORMAT(room));
}

static int room_find_in(struct history *history, const char *directory)
{
    struct names names = {.wanted = history->room};
    store_rooms(history->store, name_room, &names);
    if (!names.found && names.others.len)
        complain(history->command, "%s has no room '%.*s'; there is %.*s.", directory,
                 SLICE_FORMAT(history->room), SLICE_FORMAT(text_slice(&names.others)));
    else if (!names.found)
        complain(history->command, "%s has no room yet: nothing was said.", directory);
    text_free(&names.others);
    return names.found ? EXIT_WORKED : EXIT_FAILED;
}

int history_in_directory(struct history *history, const char *directory, const char *room)
{
    struct store_options options = {.directory = directory, .reading = true};
    char why[STORE_WHY_SIZE];
    bool all;
    if (!store_exists(directory))
        return complain(history->command, "%s: %s", directory,
                        errno == ENOENT ? "no hub's database (hub.db) is there" : strerror(errno));
    bool killed = was_killed(directory);
    if (store_open(&options, &history->store, why) < 0) {
        complain(history->command, "%s", why);
        if (strstr(why, "another hub has it"))
            complain(history->command, "ask it: khub %s --hub ADDRESS", history->command);
        return EXIT_FAILED;
    }
    history->room = slice_of(room);
    int code = room_find_in(history, directory);
    if (code != EXIT_WORKED)
        return code;
    history->kept = true;
    if (store_last_kept(history->store, history->room, &history->last_kept, &all, why) < 0)
        return complain(history->command, "%s: %s", directory, why);
    history->last = history->last_kept;
    /* What a hub that was killed had on disk, but not yet as lines. One that was not may have left
     * entries as well, of which nobody was told anything: then there is no need of it. */
    const struct tail_hearer hearer = {history, tail_take, retraction_take};
    if (!all && rebuild_tail(history->store, history->room, &hearer, why) < 0 && killed)
        return complain(history->command,
                        "%s: %s. 'khub check' says more of it; 'khub check --salvage' keeps what "
                        "is whole.",
                        directory, why);
    return history->tail.failed || history->retracted.failed
               ? complain(history->command, "out of memory")
               : EXIT_WORKED;
}

static bool is_wanted(const struct history_wish *wish, struct json_value element)
{
    struct message message;
    struct refusal refusal;
    return !wish->filter ||
           (message_parse(json_get(element, "message").raw, &message, &refusal) == 0 &&
            message_filter_passes(wish->filter, message.type, message.sender_id, message.target,
                                  message.payload));
}

static bool tail_passes(const struct history_wish *wish, struct json_value element)
{
    uint64_t seq = member_u64(element, "seq");
    return seq > wish->after && seq <= wish->until && is_wanted(wish, element);
}

/* The elements of a text that begins each with a ','; in `whole`, which is to be freed. False:
 * there are none. */
static bool elements_begin(const struct text *of, struct text *whole,
                           struct json_iterator *ret_elements)
{
    size_t at;
    if (of->len == 0)
        return false;
    text_addf(whole, "[%.*s]", (int)of->len - 1, of->at + 1);
    *ret_elements = (struct json_iterator){.rest = text_slice(whole)};
    return !whole->failed && json_check(text_slice(whole), DEPTH_MAX, &at) == JSON_FINE;
}

/* Behind what the store had; it is not much, and does not heed the limit. */
static void tail_add(const struct history *history, const struct history_wish *wish,
                     struct text *elements)
{
    struct text whole = {0};
    struct json_iterator iterator;
    struct json_value element;
    if (wish->until > history->last_kept && elements_begin(&history->tail, &whole, &iterator))
        while (json_next_element(&iterator, &element))
            if (tail_passes(wish, element))
                text_addf(elements, "%s%.*s", elements->len ? "," : "", SLICE_FORMAT(element.raw));
    text_free(&whole);
}

/* What stands in the place of that seq; absent: it was not taken back. */
static struct json_value tombstone_of(struct json_iterator retracted, uint64_t seq)
{
    struct json_value element, found = {.kind = JSON_KIND_ABSENT};
    while (found.kind == JSON_KIND_ABSENT && json_next_element(&retracted, &element))
        if (member_u64(element, "seq") == seq)
            found = element;
    return found;
}

/* What the hub took back and was killed before it had it in the store. */
static void elements_retract(const struct history *history, const struct history_wish *wish,
                             struct text *elements)
{
    struct text whole = {0}, before = {0};
    struct json_iterator retracted, iterator;
    struct json_value element;
    if (elements->len && elements_begin(&history->retracted, &whole, &retracted)) {
        text_addf(&before, "[%.*s]", (int)elements->len, elements->at);
        iterator = (struct json_iterator){.rest = text_slice(&before)};
        text_clear(elements);
        while (!before.failed && json_next_element(&iterator, &element)) {
            struct json_value tombstone = tombstone_of(retracted, member_u64(element, "seq"));
            const char *comma = elements->len ? "," : "";
            OWNED char *time = field_string(element, "time");
            if (tombstone.kind == JSON_KIND_ABSENT)
                text_addf(elements, "%s%.*s", comma, SLICE_FORMAT(element.raw));
            else if (is_wanted(wish, tombstone))
                text_addf(elements, "%s{\"seq\":%" PRIu64 ",\"time\":\"%s\",\"message\":%.*s}",
                          comma, member_u64(element, "seq"), time,
                          SLICE_FORMAT(json_get(tombstone, "message").raw));
        }
        elements->failed = elements->failed || before.failed;
    }
    text_free(&before);
    text_free(&whole);
}

static int read_store(struct history *history, const struct history_wish *wish,
                      struct history_page *ret_page)
{
    static const struct message_filter all = {0};
    struct store_wish wanted = {.room = history->room,
                                .level = 2,
                                .observer = true, /* whose files these are sees all */
                                .log = true,
                                .filter = wish->filter ? *wish->filter : all,
                                .limit = wish->limit,
                                .bytes_max = PAGE_BYTES,
                                .after = wish->after,
                                .until = wish->until};
    struct store_page page;
    struct text elements = {0};
    size_t at;
    bool found = store_read_now(history->store, &wanted, &elements, &page);
    assert(found); /* it was looked for at the beginning */
    if (found && page.whole)
        tail_add(history, wish, &elements);
    elements_retract(history, wish, &elements);
    text_clear(&history->text);
    text_add_literal(&history->text, "[");
    text_add(&history->text, text_slice(&elements));
    text_add_literal(&history->text, "]");
    bool failed = elements.failed || history->text.failed;
    text_free(&elements);
    if (failed)
        return complain(history->command, "out of memory");
    if (page.failed || json_check(text_slice(&history->text), DEPTH_MAX, &at) != JSON_FINE)
        return complain(history->command,
                        "what was said behind seq %" PRIu64 " can't be read: the database is "
                        "damaged; 'khub check' says more of it",
                        page.upto < wish->until ? page.upto : wish->after);
    history->first = page.trimmed + 1;
    history->damaged = page.damaged ? page.damaged : history->damaged;
    *ret_page = (struct history_page){.messages = json_value_of(text_slice(&history->text)),
                                      .upto = page.upto,
                                      .whole = page.whole};
    return EXIT_WORKED;
}

void history_free(struct history *history)
{
    store_close(history->store);
    text_free(&history->text);
    text_free(&history->tail);
    text_free(&history->retracted);
    free(history->near);
}

/* ── walking ── */

static int read_page(struct history *history, const struct history_wish *wish,
                     struct history_page *ret_page)
{
    return (history->visit ? read_hub : read_store)(history, wish, ret_page);
}

int history_walk(struct history *history, const struct history_wish *wish, history_visitor *each,
                 void *data)
{
    struct history_wish left = *wish;
    struct history_page page = {.whole = false};
    if (!left.limit || left.limit > PAGE_MESSAGES)
        left.limit = PAGE_MESSAGES;
    while (!page.whole && !stop_asked()) {
        int code = read_page(history, &left, &page);
        if (code != EXIT_WORKED)
            return code;
        struct json_iterator iterator = {.rest = page.messages.raw};
        struct json_value message;
        while (json_next_element(&iterator, &message))
            if (stop_asked() || !each(data, message))
                return EXIT_WORKED;
        left.after = page.upto;
    }
    return EXIT_WORKED;
}

/* Copies of messages; of too many the first go. */
struct ring {
    char **at;
    size_t most, count, next; /* next: where the oldest stands, once it is full */
    bool failed;
};

static bool ring_add(void *data, struct json_value message)
{
    struct ring *ring = data;
    char *copy = strndup(message.raw.at, message.raw.len);
    assert(ring->most > 0);
    if (ring->count < ring->most) {
        char **at = reallocarray(ring->at, ring->count + 1, sizeof *at);
        ring->failed = ring->failed || !at || !copy;
        if (!at) {
            free(copy);
            return false;
        }
        ring->at = at;
        ring->at[ring->count++] = copy;
        return copy != NULL;
    }
    free(ring->at[ring->next]);
    ring->at[ring->next] = copy;
    ring->next = (ring->next + 1) % ring->most;
    ring->failed = ring->failed || !copy;
    return copy != NULL;
}

static void ring_free(struct ring *ring)
{
    for (size_t i = 0; i < ring->count; i++)
        free(ring->at[i]);
    free(ring->at);
}

/* From the end back, until there are enough: first the windows nearest to it. */
static int newest_begin(struct history *history, const struct history_wish *wish,
                        struct ring *ret_ring)
{
    uint64_t width = WINDOW_FIRST;
    struct history_wish window = *wish;
    window.limit = 0;
    for (;;) {
        uint64_t bottom = history->first > 0 ? history->first - 1 : 0;
        bottom = bottom > wish->after ? bottom : wish->after;
        struct ring ring = {.most = wish->limit};
        window.after =
            wish->until > bottom && wish->until - bottom > width ? wish->until - width : bottom;
        if (window.after > window.until)
            window.after = window.until;
        int code = history_walk(history, &window, ring_add, &ring);
        if (code == EXIT_WORKED && ring.failed)
            code = complain(history->command, "out of memory");
        bool enough = ring.count == ring.most || window.after <= bottom;
        if (code != EXIT_WORKED || enough || stop_asked()) {
            *ret_ring = ring;
            return code;
        }
        ring_free(&ring);
        width *= WINDOW_GROWS;
    }
}

int history_newest(struct history *history, const struct history_wish *wish, history_visitor *each,
                   void *data)
{
    struct ring ring = {0};
    int code = newest_begin(history, wish, &ring);
    /* also when the rest can't be read */
    for (size_t i = 0; i < ring.count && !stop_asked(); i++) {
        const char *copy = ring.at[(ring.next + i) % ring.count];
        if (!each(data, json_value_of(slice_of(copy))))
            break;
    }
    ring_free(&ring);
    return code;
}

/* ── looking for a time ── */

struct first_seen {
    uint64_t seq;
    int64_t ms;
    bool seen;
};

static bool see_first(void *data, struct json_value message)
{
    struct first_seen *first = data;
    OWNED char *time = field_string(message, "time");
    first->seq = member_u64(message, "seq");
    first->seen = time_parse(time, &first->ms) == 0;
    return false;
}

/* By halves: clocks mostly go forward. */
int history_seek(struct history *history, int64_t unix_ms, uint64_t *ret_seq)
{
    uint64_t low = history->first > 0 ? history->first - 1 : 0, high = history->last;
    while (low < high && !stop_asked()) {
        uint64_t middle = low + (high - low) / 2;
        struct first_seen first = {.seen = false};
        struct history_wish wish = {.after = middle, .until = high, .limit = 1};
        int code = history_walk(history, &wish, see_first, &first);
        if (code != EXIT_WORKED)
            return code;
        if (first.seen && first.ms < unix_ms)
            low = first.seq;
        else
            high = middle;
    }
    *ret_seq = low + 1;
    return EXIT_WORKED;
}
