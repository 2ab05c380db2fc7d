/* The model of what a room knows: entries, their counts, and who is capable of a feature. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "sim.h"

const char *const section_names[SECTIONS] = {"shared_patterns", "shared_components",
                                             "collective_features", "performance_benchmarks"};

struct entry_model *model_entry_find(const struct room_model *room, enum section section,
                                     const char *key)
{
    for (size_t i = 0; i < room->entry_count; i++)
        if (room->entries[i].section == section && strcmp(room->entries[i].key, key) == 0)
            return &room->entries[i];
    return NULL;
}

/* The latest feature whose component bears this id, of the AI that used it first. */
static struct entry_model *feature_by_own_id(const struct room_model *room, const char *own_id)
{
    struct entry_model *found = NULL;
    for (size_t i = 0; i < room->entry_count; i++) {
        struct entry_model *entry = &room->entries[i];
        if (entry->section == FEATURES && strcmp(entry->own_id, own_id) == 0 &&
            (!found || entry->contributor == found->contributor))
            found = entry;
    }
    return found;
}

struct entry_model *model_feature_named(const struct room_model *room, const char *id)
{
    struct entry_model *feature = model_entry_find(room, FEATURES, id);
    return feature ? feature : feature_by_own_id(room, id);
}

double model_entry_quality(const struct entry_model *entry)
{
    double sum = 0;
    unsigned count = 0;
    for (unsigned i = 0; i < entry->score_count; i++)
        if (entry->scores[i].held == NOBODY && entry->scores[i].score >= 0 &&
            entry->scores[i].reporter != entry->contributor) {
            sum += entry->scores[i].score;
            count++;
        }
    return count ? sum / count : 0;
}

uint64_t model_share_codes(struct world *world, const struct said *said, int room)
{
    enum section section = said->type == MESSAGE_PATTERN_SHARE ? PATTERNS : COMPONENTS;
    if ((said->type != MESSAGE_PATTERN_SHARE && said->type != MESSAGE_CODE_SHARE) || !said->id[0])
        return 0;
    const struct entry_model *held = model_entry_find(&world->rooms[room], section, said->id);
    return held && held->contributor != said->sender && !held->retracted ? FLAW(NOT_OWNER) : 0;
}

uint64_t model_retracted_codes(const struct world *world, const struct said *said, int at)
{
    const struct room_model *room = &world->rooms[at];
    const struct entry_model *named[] = {model_entry_find(room, PATTERNS, said->id),
                                         model_entry_find(room, COMPONENTS, said->id),
                                         model_feature_named(room, said->id)};
    const struct entry_model *own = said->own_id[0] ? feature_by_own_id(room, said->own_id) : NULL;
    bool retracted = false, stands = false;
    for (unsigned i = 0; i < 3; i++) {
        retracted = retracted || (named[i] && named[i]->retracted);
        stands = stands || (named[i] && !named[i]->retracted);
    }
    bool refused =
        said->type == MESSAGE_PATTERN_SHARE ? said->id[0] && named[0] && named[0]->retracted
        : said->type == MESSAGE_CODE_SHARE  ? said->id[0] && named[1] && named[1]->retracted
        : said->type == MESSAGE_OS_COMPONENT_SHARE
            ? own && own->retracted && own->contributor == said->sender
            : said->type == MESSAGE_PERFORMANCE_REPORT && retracted && !stands;
    return refused ? FLAW(RETRACTED) : 0;
}

/* Would it be over what its sender, who shows no token and owns itself, may have in the room? */
bool model_share_over(const struct world *world, const struct said *said, int at)
{
    const struct room_model *room = &world->rooms[at];
    double most = world->config.owner.most[LIMIT_ENTRIES];
    bool component = said->type == MESSAGE_OS_COMPONENT_SHARE;
    enum section section = said->type == MESSAGE_PATTERN_SHARE ? PATTERNS : COMPONENTS;
    size_t own = 0;
    if (!component && said->type != MESSAGE_PATTERN_SHARE && said->type != MESSAGE_CODE_SHARE)
        return false;
    if (!component && said->id[0] && model_entry_find(room, section, said->id))
        return false;
    for (size_t i = 0; i < room->entry_count; i++)
        own +=
            room->entries[i].section != BENCHMARKS && room->entries[i].contributor == said->sender;
    return most > 0 && (double)(own + 1) > most;
}

static char *copy(const char *text)
{
    char *copied = strdup(text ? text : "");
    assert(copied);
    return copied;
}

static struct entry_model *entry_add(struct room_model *room, enum section section, const char *key)
{
    if (room->entry_count == room->entry_capacity) {
        room->entry_capacity = room->entry_capacity ? 2 * room->entry_capacity : 64;
        room->entries = realloc(room->entries, room->entry_capacity * sizeof *room->entries);
        assert(room->entries);
    }
    struct entry_model *entry = &room->entries[room->entry_count++];
    *entry = (struct entry_model){.section = section,
                                  .key = copy(key),
                                  .body = copy(""),
                                  .own_id = copy(""),
                                  .timestamp = copy(""),
                                  .contributor = NOBODY};
    if (section == BENCHMARKS) {
        entry->held = malloc(REPORTS_EACH_MAX * sizeof *entry->held);
        assert(entry->held);
    }
    return entry;
}

static void entry_store(struct world *world, int at, enum section section, const char *key,
                        const struct said *said)
{
    struct room_model *room = &world->rooms[at];
    struct entry_model *entry = model_entry_find(room, section, key);
    if (!entry)
        entry = entry_add(room, section, key);
    entry->contributor = said->sender;
    free(entry->body);
    free(entry->own_id);
    free(entry->timestamp);
    entry->body = copy(said->body);
    entry->own_id = copy(section == FEATURES ? said->own_id : "");
    entry->timestamp = copy(said->timestamp);
    entry->shared_at =
        realloc(entry->shared_at, (entry->share_count + 1) * sizeof *entry->shared_at);
    assert(entry->shared_at);
    entry->shared_at[entry->share_count++] = room->seq;
    model_claim_put(world, at, entry, said);
}

static void share_entry(struct world *world, const struct said *said, int at)
{
    const struct room_model *room = &world->rooms[at];
    enum section section = said->type == MESSAGE_PATTERN_SHARE ? PATTERNS : COMPONENTS;
    const char *key = said->id[0] ? said->id : world->made_id;
    if (!said->id[0] && (world->made_id_len != 36 || model_entry_find(room, section, key)))
        world_fail(world, "an entry without an id was given \"%s\"", key);
    entry_store(world, at, section, key, said);
}

static void share_feature(struct world *world, const struct said *said, int at)
{
    const struct room_model *room = &world->rooms[at];
    char stem[400], key[420];
    snprintf(stem, sizeof stem, "%s_%s_%lld", names[said->sender],
             said->name[0] ? said->name : "unknown", (long long)(world->now / 1000));
    snprintf(key, sizeof key, "%s", stem);
    for (unsigned number = 2; model_entry_find(room, FEATURES, key); number++)
        snprintf(key, sizeof key, "%s_%u", stem, number);
    entry_store(world, at, FEATURES, key, said);
}

static void entry_report(struct entry_model *entry, const struct said *said, int held)
{
    unsigned place = 0;
    if (!entry)
        return;
    while (place < entry->score_count && entry->scores[place].reporter != said->sender)
        place++;
    double score = said->score;
    if (place < entry->score_count) {
        if (score < 0) /* an earlier one stays in force */
            score = entry->scores[place].score;
        memmove(&entry->scores[place], &entry->scores[place + 1],
                (entry->score_count - place - 1) * sizeof *entry->scores);
        entry->score_count--;
    }
    entry->scores[entry->score_count++] = (struct score){said->sender, score, held};
    if (entry->contributor == said->sender)
        return;
    entry->usage++;
    entry->tested |= entry->section == FEATURES && said->tested;
}

bool model_named(const struct room_model *room, const char *id)
{
    return model_entry_find(room, PATTERNS, id) || model_entry_find(room, COMPONENTS, id) ||
           model_feature_named(room, id);
}

/* The oldest of too many goes. */
static void benchmark_report(struct entry_model *benchmark, int held)
{
    if (benchmark->report_count == REPORTS_EACH_MAX)
        memmove(benchmark->held, benchmark->held + 1,
                --benchmark->report_count * sizeof *benchmark->held);
    benchmark->held[benchmark->report_count++] = held;
}

static void share_report(struct world *world, struct said *said, int at)
{
    struct room_model *room = &world->rooms[at];
    int held = NOBODY;
    struct entry_model *benchmark = model_entry_find(room, BENCHMARKS, said->id);
    if (!benchmark)
        benchmark = entry_add(room, BENCHMARKS, said->id);
    struct entry_model *named[] = {model_entry_find(room, PATTERNS, said->id),
                                   model_entry_find(room, COMPONENTS, said->id),
                                   model_feature_named(room, said->id)};
    for (unsigned i = 0; i < 3; i++)
        if (named[i] && named[i]->retracted)
            named[i] = NULL;
    for (unsigned i = 0; i < 3 && held == NOBODY; i++)
        held = model_claim_held(room, said, named[i]);
    said->held = held != NOBODY;
    if (said->held)
        said->target = NOBODY; /* whoever it was for does not get it */
    benchmark_report(benchmark, held);
    for (unsigned i = 0; i < 3; i++) {
        entry_report(named[i], said, held);
        if (named[i])
            model_claim_report(world, said, at, named[i]);
    }
    for (unsigned i = 0; i < 3; i++)
        if (named[i])
            model_seal_measured(world, at, named[i]);
}

bool capability_contains(const char *capability, const char *text)
{
    size_t len = strlen(text);
    for (const char *at = capability; strlen(at) >= len; at++)
        if (strncasecmp(at, text, len) == 0)
            return true;
    return false;
}

static void share_ask(struct world *world, const struct said *said, int at)
{
    const struct room_model *room = &world->rooms[at];
    for (unsigned i = 0; i < room->seat_count; i++) {
        int name = room->seats[i];
        const struct member *member = &room->members[name];
        bool capable = false;
        for (unsigned k = 0; k < member->capability_count; k++)
            capable |=
                capability_contains(capabilities[member->capabilities[k]], said->feature_text);
        if (capable && name != said->sender && !member->observer)
            expect_made_to(world, at, name, MESSAGE_FEATURE_RESPONSE, HUB, name);
    }
    if (room->members[said->sender].level == 2)
        expect_made(world, said->link, MESSAGE_FEATURE_RESPONSE, HUB, said->sender);
}

static void benchmarks_loosen(struct room_model *room)
{
    for (size_t i = 0; i < room->entry_count; i++) {
        struct entry_model *entry = &room->entries[i];
        entry->loose |= entry->section == BENCHMARKS && !model_named(room, entry->key);
    }
}

void model_share_apply(struct world *world, struct said *said, int room)
{
    switch ((int)said->type) {
    case MESSAGE_PATTERN_SHARE:
    case MESSAGE_CODE_SHARE:
        share_entry(world, said, room);
        break;
    case MESSAGE_OS_COMPONENT_SHARE:
        share_feature(world, said, room);
        model_session_completed(world, said, room);
        break;
    case MESSAGE_PERFORMANCE_REPORT:
        share_report(world, said, room);
        break;
    case MESSAGE_FEATURE_REQUEST:
        share_ask(world, said, room);
        break;
    default:
        break;
    }
    if (world->temper.small)
        benchmarks_loosen(&world->rooms[room]);
}
