/* See commands.h. */
#include "cmd/commands.h"

#include <errno.h>
#include <locale.h>
#include <poll.h>
#include <signal.h>
#include <stdio_ext.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd/stop.h"
#include "cmd/terminal.h"
#include "cmd/visit.h"
#include "wire/nearest.h"

const struct command *const commands[] = {
    &command_demo,     &command_serve,
    &command_train,    &command_learn,
    &command_search,   &command_subjects,
    &command_measure,  &command_who,
    &command_top,      &command_leases,
    &command_dead,     &command_log,
    &command_sessions, &command_watch,
    &command_chat,     &command_send,
    &command_request,  &command_approvals,
    &command_approve,  &command_join,
    &command_recv,     &command_say,
    &command_sent,     &command_ack,
    &command_claim,    &command_release,
    &command_task,     &command_touch,
    &command_artifact, &command_ask,
    &command_leave,    &command_mcp,
    &command_setup,    &command_waiting,
    &command_gateway,  &command_bridge,
    &command_kb,       &command_token,
    &command_audit,    &command_admin,
    &command_check,    &command_backup,
    &command_cert,     &command_help,
    &command_version,  NULL,
};

/* What people try first. */
static const struct {
    const char *word, *command;
} aliases[] = {{"--help", "help"}, {"-h", "help"}, {"--version", "version"}, {"-V", "version"}};

const struct command *command_find(const char *name)
{
    for (size_t i = 0; i < sizeof(aliases) / sizeof(aliases[0]); i++) {
        if (strcmp(aliases[i].word, name) == 0)
            name = aliases[i].command;
    }
    for (const struct command *const *command = commands; *command; command++) {
        if (strcmp((*command)->name, name) == 0)
            return *command;
    }
    return NULL;
}

int command_unknown(const char *name)
{
    struct nearest nearest = {.word = slice_of(name)};
    for (const struct command *const *command = commands; *command; command++)
        nearest_offer(&nearest, slice_of((*command)->name));
    if (nearest.count > 0)
        fprintf(stderr, "khub: unknown subcommand '%s': did you mean '%s'?\n", name,
                nearest.best[0].name.at);
    else
        fprintf(stderr, "khub: unknown subcommand '%s'.\n", name);
    fputs("Try 'khub help'.\n", stderr);
    return EXIT_USAGE;
}

void commands_help(FILE *out)
{
    fputs("khub: a hub where AIs meet to build the parts of an operating system together\n\n"
          "Usage: khub SUBCOMMAND [options] [arguments]\n\n",
          out);
    for (const struct command *const *command = commands; *command; command++)
        fprintf(out, "  %-9s %s\n", (*command)->name, (*command)->summary);
    fputs("\n'khub help SUBCOMMAND' explains one. To see it all at work: khub demo\n", out);
}

/* Whether stdout is a pipe that nobody reads any more. */
static bool reader_left(void)
{
    struct pollfd out = {.fd = STDOUT_FILENO};
    return poll(&out, 1, 0) == 1 && (out.revents & POLLERR) != 0;
}

/* A full disk must not look like success; a reader that had enough is no failure. The write that
 * failed may be long past. */
static int flush_stdout(const char *name, int code)
{
    struct pollfd out = {.fd = STDOUT_FILENO, .events = POLLOUT};
    if (stop_asked() && poll(&out, 1, 0) != 1)
        __fpurge(stdout); /* a reader that stands still would hold us at the very end */
    bool failed = !output_flush();
    int error = output_error();
    if (!failed || error == EPIPE || stop_asked() || reader_left())
        return code;
    complain(name, "could not write the output%s%s", error ? ": " : "",
             error ? strerror(error) : "");
    return code == EXIT_WORKED ? EXIT_FAILED : code;
}

int commands_main(int argc, char **argv)
{
    setlocale(LC_CTYPE,
              "C.UTF-8"); /* for wcwidth: the tables of widths, whatever the terminal shows */
    signal(SIGPIPE, SIG_IGN);
    if (argc < 2) {
        commands_help(stderr);
        return EXIT_USAGE;
    }
    const struct command *command = command_find(argv[1]);
    if (!command)
        return command_unknown(argv[1]);

    void *settings = calloc(1, command->settings_size + 1);
    if (!settings)
        return complain(command->name, "out of memory");
    int code = EXIT_USAGE;
    switch (options_parse(command, argc - 1, argv + 1, settings, stderr)) {
    case OPTIONS_FINE:
        code = command->run(settings);
        break;
    case OPTIONS_HELP:
        options_help(command, stdout);
        code = EXIT_WORKED;
        break;
    case OPTIONS_WRONG:
        break;
    }
    free(settings);
    return flush_stdout(command->name, code);
}
