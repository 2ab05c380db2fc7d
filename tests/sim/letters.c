/* Direct messages that were not taken, in both kinds of world: a model of them, moved by what was
 * accepted; what AIs ask of them and do with them; and what the hub tells of them, held against the
 * model. In worlds of logs that commit later it moves with the commits, and outlives the hubs. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "speech.h"

enum { PAGE_PRESET = 50 };
static const char *const lack_names[] = {"none", "absent", "level"};

/* ── which there are ── */

static void letter_remove(struct letters_model *letters, size_t at)
{
    free(letters->at[at].line);
    memmove(&letters->at[at], &letters->at[at + 1], (--letters->count - at) * sizeof *letters->at);
}

void model_letters_clear(struct letters_model *letters)
{
    while (letters->count)
        letter_remove(letters, letters->count - 1);
    free(letters->at);
    *letters = (struct letters_model){0};
}

static struct letter_model *letter_find(const struct letters_model *letters, uint64_t seq)
{
    for (size_t i = 0; i < letters->count; i++)
        if (letters->at[i].seq == seq)
            return &letters->at[i];
    return NULL;
}

/* The oldest make way: first the sender's own, then anybody's. */
static void letters_trim(struct letters_model *letters, int sender)
{
    size_t own = 0, own_bytes = 0, bytes = 0;
    for (size_t i = 0; i < letters->count; i++) {
        bytes += letters->at[i].len;
        own += letters->at[i].sender == sender;
        own_bytes += letters->at[i].sender == sender ? letters->at[i].len : 0;
    }
    for (size_t i = 0; own > LETTERS_EACH_MAX || own_bytes > LETTERS_BYTES_EACH_MAX;) {
        size_t len = letters->at[i].len;
        if (letters->at[i].sender != sender) {
            i++;
            continue;
        }
        letter_remove(letters, i);
        letters->forgotten++;
        own--;
        own_bytes -= len;
        bytes -= len;
    }
    while (letters->count > LETTERS_MAX || bytes > LETTERS_BYTES_MAX) {
        bytes -= letters->at[0].len;
        letter_remove(letters, 0);
        letters->forgotten++;
    }
}

static struct letter_model *letter_add(struct letters_model *letters,
                                       const struct letter_model *letter)
{
    if (letters->count == letters->capacity) {
        letters->capacity = letters->capacity ? 2 * letters->capacity : 16;
        letters->at = realloc(letters->at, letters->capacity * sizeof *letters->at);
        assert(letters->at);
    }
    struct letter_model *added = &letters->at[letters->count++];
    *added = *letter;
    added->line = strndup(letter->line, letter->len);
    assert(added->line && strlen(added->line) == letter->len);
    return added;
}

/* ── what moves them ── */

/* Of these a target that has not got one may get it still; the others are no messages to anybody,
 * or are told as the hub's own. */
static bool is_relayed(enum message_type type)
{
    static const enum message_type types[] = {MESSAGE_PATTERN_SHARE,
                                              MESSAGE_CODE_SHARE,
                                              MESSAGE_FEATURE_REQUEST,
                                              MESSAGE_FEATURE_RESPONSE,
                                              MESSAGE_OS_COMPONENT_SHARE,
                                              MESSAGE_PERFORMANCE_REPORT,
                                              MESSAGE_CHAT};
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (types[i] == type)
            return true;
    return false;
}

void model_letters_said(struct letters_model *letters, const struct letter_model *said,
                        const char *in_reply_to, const struct presence *target)
{
    struct letter_model letter = *said;
    if (target && is_relayed(said->type) && !target->connected)
        letter.lack = LACKS_TARGET;
    else if (target && is_relayed(said->type) && target->level < message_type_level(said->type))
        letter.lack = LACKS_LEVEL;
    letter.awaited = target && said->wait && said->type != MESSAGE_HEARTBEAT;
    if (!letter.awaited)
        letter.wait = 0;
    for (size_t i = letters->count; *in_reply_to && i > 0; i--)
        if (letters->at[i - 1].target == said->sender &&
            strcmp(letters->at[i - 1].message_id, in_reply_to) == 0)
            letter_remove(letters, i - 1);
    if (!letter.lack && !letter.awaited)
        return;
    letter_add(letters, &letter);
    letters_trim(letters, letter.sender);
}

void model_letters_retracted(struct letters_model *letters, uint64_t seq)
{
    struct letter_model *letter = letter_find(letters, seq);
    if (letter)
        letter_remove(letters, (size_t)(letter - letters->at));
}

void model_letters_overdue(struct letters_model *letters, uint64_t seq)
{
    struct letter_model *letter = letter_find(letters, seq);
    if (!letter || !letter->awaited)
        return; /* it made way, or has its reply */
    letter->awaited = false;
    letter->overdue = true;
}

void model_letters_resumed(struct letters_model *letters, int name, uint64_t since)
{
    for (size_t i = letters->count; i > 0; i--) {
        struct letter_model *letter = &letters->at[i - 1];
        if (letter->target != name || letter->seq <= since)
            continue;
        letter->lack = LACKS_NOTHING;
        if (!letter->awaited && !letter->overdue)
            letter_remove(letters, i - 1);
    }
}

void model_letters_handled(struct letters_model *letters, const struct dead_said *dead,
                           uint64_t seq)
{
    struct letter_model *letter = letter_find(letters, dead->id), again = *letter;
    again.line = strndup(letter->line, letter->len);
    letter_remove(letters, (size_t)(letter - letters->at));
    if (!dead->drop && again.wait) {
        again.seq = seq;
        again.lack = LACKS_NOTHING;
        again.awaited = true;
        again.overdue = false;
        letter_add(letters, &again);
    }
    free(again.line);
}

/* ── who may know of which ── */

/* Its target is away and stays: it gets it when it comes back. */
static bool waits(const struct letter_model *letter, const struct presence *presence)
{
    return letter->lack == LACKS_TARGET && presence[letter->target].away;
}

bool model_letters_waits(const struct letters_model *letters, uint64_t seq,
                         const struct presence *presence)
{
    const struct letter_model *letter = letter_find(letters, seq);
    return letter && waits(letter, presence);
}

static bool matches(const struct letter_model *letter, int asker, bool observer,
                    const struct dead_said *dead, const struct presence *presence)
{
    bool sees = observer || letter->sender == asker || letter->target == asker;
    bool dies = (letter->lack && !waits(letter, presence)) || letter->overdue;
    return sees && dies && (!dead->id || dead->id == letter->seq) &&
           (dead->sender == NOBODY || dead->sender == letter->sender) &&
           (dead->target == NOBODY || dead->target == letter->target);
}

const struct letter_model *model_letters_named(const struct letters_model *letters, int asker,
                                               bool observer, const struct dead_said *dead,
                                               const struct presence *presence)
{
    const struct letter_model *letter = letter_find(letters, dead->id);
    bool told = letter && letter->seq > dead->after;
    return told && matches(letter, asker, observer, dead, presence) ? letter : NULL;
}

uint64_t model_letters_codes(const struct letters_model *letters, int asker, bool observer,
                             const struct dead_said *dead, const struct presence *presence)
{
    const struct letter_model *letter =
        model_letters_named(letters, asker, observer, dead, presence);
    if (!letter)
        return FLAW(NOT_FOUND);
    const struct presence *target = &presence[letter->target];
    if (dead->drop)
        return 0;
    if (!target->connected)
        return FLAW(TARGET_OFFLINE);
    return target->level < message_type_level(letter->type) ? FLAW(CONFLICT) : 0;
}

/* ── what the hub tells ── */

static const char *text_of(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));
    return text ? text : "";
}

static uint64_t number_of(const json_t *object, const char *name)
{
    return (uint64_t)json_integer_value(json_object_get(object, name));
}

static bool letter_same(const struct letter_model *letter, const struct presence *target,
                        bool whole, const json_t *is)
{
    const json_t *wait = json_object_get(is, "reply_by"), *told = json_object_get(is, "message");
    json_t *line = json_loadb(letter->line, letter->len, JSON_ALLOW_NUL, NULL);
    bool same =
        number_of(is, "id") == letter->seq && number_of(is, "bytes") == letter->len &&
        strcmp(text_of(is, "sender"), names[letter->sender]) == 0 &&
        strcmp(text_of(is, "target"), names[letter->target]) == 0 &&
        strcmp(text_of(is, "type"), message_type_text(letter->type)) == 0 &&
        strcmp(text_of(is, "message_id"), letter->message_id) == 0 &&
        strcmp(text_of(is, "why"), (letter->lack && !(letter->lack == LACKS_TARGET && target->away))
                                       ? lack_names[letter->lack]
                                       : "no_reply") == 0 &&
        json_is_true(json_object_get(is, "no_reply")) == letter->overdue &&
        json_is_true(json_object_get(is, "connected")) == target->connected &&
        (letter->wait ? json_number_value(wait) == letter->wait : json_is_null(wait)) &&
        (whole ? json_equal(told, line) : told == NULL);
    json_decref(line);
    return same;
}

static void told_wrong(struct world *world, const struct letter_model *letter, const json_t *is)
{
    char *text = is ? json_dumps(is, JSON_COMPACT) : NULL;
    world_fail(world, "letter %llu of %s to %s, %s, %s, is told as %.500s",
               (unsigned long long)letter->seq, names[letter->sender], names[letter->target],
               lack_names[letter->lack], letter->overdue ? "overdue" : "in time",
               text ? text : "nothing");
    free(text);
}

void model_letters_check_list(struct world *world, const struct letters_model *letters, int asker,
                              bool observer, const struct dead_said *dead,
                              const struct presence *presence, const json_t *payload)
{
    const json_t *rows = json_object_get(payload, "letters"), *next;
    size_t total = 0, told = 0, limit = dead->limit ? dead->limit : PAGE_PRESET;
    uint64_t last = 0;
    bool more = false;
    for (size_t i = 0; i < letters->count; i++) {
        const struct letter_model *letter = &letters->at[i];
        if (!matches(letter, asker, observer, dead, presence))
            continue;
        total++;
        if (letter->seq <= dead->after)
            continue;
        more = told == limit;
        if (more)
            continue;
        const json_t *is = json_array_get(rows, told++);
        if (!letter_same(letter, &presence[letter->target], dead->id != 0, is))
            told_wrong(world, letter, is);
        last = letter->seq;
    }
    next = json_object_get(payload, "next");
    if (json_array_size(rows) != told || number_of(payload, "total") != total ||
        number_of(payload, "forgotten") != letters->forgotten ||
        !json_is_true(json_object_get(payload, "kept")) ||
        (more ? (uint64_t)json_integer_value(next) != last : !json_is_null(next)))
        world_fail(world, "%zu letters of %llu are told to %s, and should be %zu of %zu",
                   json_array_size(rows), (unsigned long long)number_of(payload, "total"),
                   names[asker], told, total);
}

void model_letters_check_handled(struct world *world, const struct letter_model *letter,
                                 const struct dead_said *dead, const struct presence *presence,
                                 const json_t *payload)
{
    const json_t *is = json_object_get(payload, "letter");
    if (strcmp(text_of(payload, "status"), dead->drop ? "dropped" : "resent") != 0)
        world_fail(world, "letter %llu is %s", (unsigned long long)letter->seq,
                   text_of(payload, "status"));
    if (!letter_same(letter, &presence[letter->target], false, is))
        told_wrong(world, letter, is);
}

void model_letters_check_dump(struct world *world, const struct letters_model *letters,
                              const json_t *dump)
{
    const json_t *rows = json_object_get(dump, "letters");
    for (size_t i = 0; i < letters->count; i++) {
        const struct letter_model *letter = &letters->at[i];
        const json_t *row = json_array_get(rows, i);
        const char *lack = json_string_value(json_array_get(row, 1));
        if ((uint64_t)json_integer_value(json_array_get(row, 0)) != letter->seq || !lack ||
            strcmp(lack, lack_names[letter->lack]) != 0 ||
            json_is_true(json_array_get(row, 2)) != letter->awaited ||
            json_is_true(json_array_get(row, 3)) != letter->overdue)
            told_wrong(world, letter, row);
    }
    if (json_array_size(rows) != letters->count ||
        number_of(dump, "letters_forgotten") != letters->forgotten)
        world_fail(world, "%zu letters are there, not %zu", json_array_size(rows), letters->count);
}

/* ── what is said of them ── */

/* Would it be well to send it again: is its target there by now? */
static bool is_due(struct maker *maker, const struct letter_model *letter)
{
    bool there = maker->world->rooms[maker->room].members[letter->target].link != NOBODY;
    return (there && letter->awaited) || below(maker, there ? 2 : 6) == 0;
}

/* Mostly a letter's that is there. */
static uint64_t some_id(struct maker *maker)
{
    const struct letters_model *letters = &maker->world->letters[maker->room];
    for (unsigned tries = 0; tries < 12 && letters->count; tries++) {
        const struct letter_model *letter = &letters->at[below(maker, (unsigned)letters->count)];
        bool own = letter->sender == maker->said->sender || letter->target == maker->said->sender;
        if (maker->said->type == MESSAGE_DEAD_LETTER && !is_due(maker, letter))
            continue;
        if (letter->lack + letter->overdue && (own || below(maker, 3) == 0))
            return letter->seq;
    }
    return 1 + below(maker, 300);
}

static void put_number(struct maker *maker, const char *name, uint64_t number)
{
    char digits[24];
    snprintf(digits, sizeof digits, "%llu", (unsigned long long)number);
    put_raw_member(maker->writer, name, digits);
}

static int put_somebody(struct maker *maker, const char *name)
{
    int who = below(maker, 12) ? (int)below(maker, NAMES) : STRANGER;
    put_text_member(maker->writer, name, who == STRANGER ? strangers[0] : names[who]);
    return who;
}

void make_dead_query(struct maker *maker)
{
    static const char *const no_limit[] = {"0", "201", "\"all\"", "1.5"};
    static const char *const no_id[] = {"0", "-1", "\"1\"", "[]"};
    struct dead_said *dead = &maker->said->dead;
    if (flaw_here(maker, 3))
        FLAWED(maker->writer, maker->said, "id", no_id);
    else if (below(maker, 3) == 0)
        put_number(maker, "id", dead->id = some_id(maker));
    if (flaw_here(maker, 2))
        FLAWED(maker->writer, maker->said, "limit", no_limit);
    else if (below(maker, 2))
        put_number(maker, "limit", dead->limit = 1 + below(maker, 3));
    if (flaw_here(maker, 1))
        FLAWED(maker->writer, maker->said, "sender", no_string);
    else if (below(maker, 4) == 0)
        dead->sender = put_somebody(maker, "sender");
    if (below(maker, 4) == 0)
        dead->target = put_somebody(maker, "target");
    if (below(maker, 3) == 0)
        put_number(maker, "after", dead->after = some_id(maker));
}

void make_dead_letter(struct maker *maker)
{
    static const char *const no_id[] = {"0", "-1", "\"1\"", "null"};
    static const char *const no_action[] = {"\"burn\"", "7", "null", "[]"};
    struct dead_said *dead = &maker->said->dead;
    dead->drop = below(maker, 4) == 0;
    if (flaw_here(maker, 2))
        FLAWED(maker->writer, maker->said, "id", no_id);
    else
        put_number(maker, "id", dead->id = some_id(maker));
    if (flaw_here(maker, 1))
        FLAWED(maker->writer, maker->said, "action", no_action);
    else
        put_text_member(maker->writer, "action", dead->drop ? "drop" : "resend");
}

/* Up to where the room is by now, or as far as some letter; level 1 knows nothing of it. */
void make_since(struct maker *maker)
{
    struct said *said = maker->said;
    const struct room_model *room = &maker->world->rooms[said->hello.room];
    const struct letters_model *letters = &maker->world->letters[said->hello.room];
    uint64_t last = room->exists ? room->seq : 0, back = below(maker, 60);
    if (letters->count && below(maker, 2))
        back = last - letters->at[below(maker, (unsigned)letters->count)].seq;
    char since[24];
    if (flaw_here(maker, 1) && said->hello.level == 2) {
        static const char *const wrong[] = {"\"first\"", "-1", "1.5", "[]"};
        FLAWED(maker->writer, said, "since", wrong);
        return;
    }
    said->hello.since = below(maker, 4) == 0 ? 0 : last > back ? last - back : last;
    said->hello.resumes = said->hello.level == 2;
    snprintf(since, sizeof since, "%llu", (unsigned long long)said->hello.since);
    put_raw_member(maker->writer, "since", since);
}
