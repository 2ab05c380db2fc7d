/* khub backup: a copy of what a hub keeps on disk, also while it runs. */
#include "cmd/commands.h"
#include "cmd/visit.h"
#include "store/store.h"

struct backup_settings {
    const char *directory, *file;
};

static int run(const void *data)
{
    const struct backup_settings *settings = data;
    char why[STORE_WHY_SIZE];
    if (store_backup(settings->directory, settings->file, why) < 0)
        return complain("backup", "%s", why);
    return EXIT_WORKED;
}

#define AT(member) .offset = offsetof(struct backup_settings, member)
static const struct setting operands[] = {
    {.name = "DIR",
     .kind = SETTING_TEXT,
     AT(directory),
     .required = true,
     .help = "What a hub has, or had, as --data."},
    {.name = "FILE",
     .kind = SETTING_TEXT,
     AT(file),
     .required = true,
     .help = "Where the copy goes; nothing may be there yet."},
    {0},
};

const struct command command_backup = {
    .name = "backup",
    .summary = "copy what a hub keeps on disk, also while it runs",
    .about =
        "Writes a copy of a data directory's database to a file: the state at one moment, with all "
        "that was accepted before it. A hub that has the directory makes the copy itself, beside "
        "its work; it looks for such a wish (a file backup.wanted in DIR) once a second. Whoever "
        "may write in DIR may ask. That copy is made in DIR and then moved, so the disk of DIR must "
        "have room for it; a hub whose disk has not refuses. Of a directory that no hub has the copy "
        "is made beside FILE. It is FILE.part until it is whole.\n\nTo go back to it: put the file as hub.db into an empty "
        "directory, and give that to 'khub serve --data'.",
    .example = "  khub backup /var/lib/khub /backup/khub-monday.db",
    .worked = "the copy is there, on disk",
    .failed = "it could not be made, and there is no FILE",
    .operands = operands,
    .settings_size = sizeof(struct backup_settings),
    .run = run,
};
