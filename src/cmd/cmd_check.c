/* khub check: is a data directory whole? */
#include <inttypes.h>

#include "cmd/commands.h"
#include "cmd/json_out.h"
#include "cmd/terminal.h"
#include "cmd/visit.h"
#include "net/rebuild.h"

struct check_settings {
    const char *directory, *salvage;
};

static void say_damage(void *ctx, struct slice room, const char *what, uint64_t number)
{
    (void)ctx;
    if (!room.len && !number) {
        printf("damaged: some of the %s\n", what);
        return;
    }
    fputs("damaged: room ", stdout);
    json_print_string(stdout, room);
    printf(", %s %" PRIu64 "\n", what, number);
}

static void print_kept(const struct store_counts *kept)
{
    printf("rooms: %" PRIu64 ", entries: %" PRIu64 ", rows of state: %" PRIu64
           ", messages kept for those who were away: %" PRIu64 "\n",
           kept->rooms, kept->entries, kept->rows, kept->messages);
}

static void print_hub(const struct rebuild_report *report)
{
    const struct hub_counts *hub = &report->hub;
    printf("whole: a hub made from it knows %zu %s, %zu %s, %zu %s and %zu %s (%" PRIu64
           " %s applied)\n",
           hub->patterns, word_of(hub->patterns, "pattern", "patterns"), hub->components,
           word_of(hub->components, "component", "components"), hub->features,
           word_of(hub->features, "feature", "features"), hub->benchmarks,
           word_of(hub->benchmarks, "benchmark", "benchmarks"), report->applied,
           word_of(report->applied, "entry", "entries"));
}

/* It is derived: whatever it is, nothing is lost. */
static void print_search(const struct search_report *search)
{
    if (!search->there)
        puts("search index: none; a hub makes it when it starts");
    else if (*search->why)
        printf("search index: can't be looked at: %s\n", search->why);
    else if (search->other)
        puts("search index: of another version of khub; a hub makes it anew when it starts");
    else if (!search->whole)
        puts("search index: damaged; take search.db away, and a hub makes it anew");
    else if (search->behind)
        printf("search index: %" PRIu64 " %s behind; a hub brings it up to date when it starts\n",
               search->behind, word_of(search->behind, "entry", "entries"));
    else
        printf("search index: whole, %" PRIu64 " %s\n", search->entries,
               word_of(search->entries, "entry", "entries"));
}

static int salvage(const struct check_settings *settings)
{
    struct store_damage damage = {.found = say_damage};
    struct rebuild_report report;
    char why[STORE_WHY_SIZE];
    if (rebuild_salvage(settings->directory, settings->salvage, &damage, &report, why) < 0)
        return complain("check", "%s", why);
    printf("left out: %" PRIu64 "%s\n", report.left_out,
           report.unsure ? ", and what can't be named: the file itself was damaged" : "");
    print_kept(&report.kept);
    print_hub(&report);
    return report.left_out || report.unsure ? EXIT_FAILED : EXIT_WORKED;
}

static int run(const void *data)
{
    const struct check_settings *settings = data;
    struct store_damage damage = {.found = say_damage};
    struct rebuild_report report;
    char why[STORE_WHY_SIZE];
    if (settings->salvage)
        return salvage(settings);
    int error = rebuild_check(settings->directory, &damage, &report, why);
    if (*why)
        complain("check", "%s", why);
    if (report.kept.rooms)
        print_kept(&report.kept);
    if (error == 0) {
        print_hub(&report);
        print_search(&report.search);
    } else if (report.kept.damaged) {
        printf("damaged: %" PRIu64 " of them\n", report.kept.damaged);
    }
    return error == 0 ? EXIT_WORKED : EXIT_FAILED;
}

#define AT(member) .offset = offsetof(struct check_settings, member)
static const struct setting operands[] = {
    {.name = "DIR",
     .kind = SETTING_TEXT,
     AT(directory),
     .required = true,
     .help = "What a hub had as --data. No hub may have it now."},
    {0},
};
static const struct setting options[] = {
    {.name = "salvage",
     .kind = SETTING_TEXT,
     AT(salvage),
     .argument = "NEWDIR",
     .help = "Copies all that is whole into this directory, where no hub may have kept anything, "
             "and says what it leaves out. DIR stays as it is."},
    {0},
};

const struct command command_check = {
    .name = "check",
    .summary = "is what a hub kept on disk whole?",
    .about =
        "Reads the whole of a data directory: the database's own structure, the checksum of every "
        "entry, of every row of state, of every message that is kept for who was away, and of every part of a file. Then it makes a hub from it, as 'khub serve' would. It "
        "names each damage by its room and seq, mends nothing, and takes nothing away. A database "
        "of an earlier version is brought up to this one. The search index is derived: it is compared "
        "with that hub, and nothing is lost when it is damaged or not there.",
    .example = "  khub check /var/lib/khub\n"
               "  khub check /var/lib/khub --salvage /var/lib/khub-whole",
    .worked = "all of it is whole",
    .failed = "damaged (also when the rest was salvaged), or could not be opened",
    .options = options,
    .operands = operands,
    .settings_size = sizeof(struct check_settings),
    .run = run,
};
