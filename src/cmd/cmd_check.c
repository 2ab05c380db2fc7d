/* khub check: is a data directory whole? */
#include <inttypes.h>

#include "cmd/commands.h"
#include "cmd/json_out.h"
#include "cmd/visit.h"
#include "net/rebuild.h"

struct check_settings {
    const char *directory;
};

static void say_damage(void *ctx, struct slice room, const char *what, uint64_t number)
{
    (void)ctx;
    fputs("damaged: room ", stdout);
    json_print_string(stdout, room);
    printf(", %s %" PRIu64 "\n", what, number);
}

static int run(const void *data)
{
    const struct check_settings *settings = data;
    struct store_damage damage = {.found = say_damage};
    struct rebuild_report report;
    char why[STORE_WHY_SIZE];
    int error = rebuild_check(settings->directory, &damage, &report, why);
    const struct store_counts *kept = &report.kept;
    if (*why)
        complain("check", "%s", why);
    if (kept->rooms)
        printf("rooms: %" PRIu64 ", entries: %" PRIu64 ", rows of state: %" PRIu64
               ", messages kept for those who were away: %" PRIu64 "\n",
               kept->rooms, kept->entries, kept->rows, kept->messages);
    if (error < 0) {
        if (kept->damaged)
            printf("damaged: %" PRIu64 " of them\n", kept->damaged);
        return EXIT_FAILED;
    }
    printf("whole: a hub made from it knows %zu patterns, %zu components, %zu features and %zu "
           "benchmarks (%" PRIu64 " entries applied)\n",
           report.hub.patterns, report.hub.components, report.hub.features, report.hub.benchmarks,
           report.applied);
    return EXIT_WORKED;
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

const struct command command_check = {
    .name = "check",
    .summary = "is what a hub kept on disk whole?",
    .about =
        "Reads the whole of a data directory: the database's own structure, the checksum of every "
        "entry and of every row of state. Then it makes a hub from it, as 'khub serve' would. It "
        "names each damage by its room and seq, mends nothing, and takes nothing away. A database "
        "of an earlier version is brought up to this one.",
    .example = "  khub check /var/lib/khub",
    .worked = "all of it is whole",
    .failed = "damaged, or could not be opened",
    .operands = operands,
    .settings_size = sizeof(struct check_settings),
    .run = run,
};
