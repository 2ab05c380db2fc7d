/* khub help [COMMAND] */
#include <string.h>

#include "cmd/commands.h"

struct help_settings {
    const char *command;
};

static int run(const void *data)
{
    const struct help_settings *settings = data;
    if (!settings->command) {
        commands_help(stdout);
        return EXIT_WORKED;
    }
    const struct command *command = command_find(settings->command);
    if (!command)
        return command_unknown(settings->command);
    options_help(command, stdout);
    return EXIT_WORKED;
}

static const struct setting operands[] = {
    {.name = "COMMAND",
     .kind = SETTING_TEXT,
     .offset = offsetof(struct help_settings, command),
     .help = "A subcommand; without one, all are listed."},
    {0},
};

const struct command command_help = {
    .name = "help",
    .summary = "explain khub, or one of its subcommands",
    .about = "Without an argument: what khub is and which subcommands there are. With one: the "
             "same page as "
             "'khub COMMAND --help'.",
    .example = "  khub help watch",
    .worked = "printed",
    .failed = "could not be written",
    .operands = operands,
    .settings_size = sizeof(struct help_settings),
    .run = run,
};
