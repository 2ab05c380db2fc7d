/* The subcommands of khub, one file each (cmd_NAME.c), gathered in one table. */
#ifndef KHUB_CMD_COMMANDS_H
#define KHUB_CMD_COMMANDS_H

#include "cmd/options.h"

#define TRAIN_MINUTES_MOST 1440

/* Ended by NULL, in the order of help. */
extern const struct command *const commands[];

extern const struct command command_serve, command_train, command_demo, command_who, command_watch,
    command_send, command_request, command_chat, command_kb, command_subjects, command_learn,
    command_help, command_version, command_cert, command_leases, command_check, command_backup,
    command_bridge, command_dead, command_log, command_sessions, command_measure, command_token,
    command_audit, command_admin, command_join, command_recv, command_say, command_sent,
    command_ack, command_claim, command_task, command_release, command_artifact, command_leave,
    command_mcp, command_setup, command_waiting, command_gateway, command_ask, command_touch,
    command_approvals, command_approve, command_top, command_search;

/* The subcommand of that name, or of what people type for it (--version). NULL: there is none. */
const struct command *command_find(const char *name);
/* Says so on stderr, with the nearest name. Returns EXIT_USAGE. */
int command_unknown(const char *name);
/* What khub is and its subcommands, one a line. */
void commands_help(FILE *out);
/* What `khub who` does. An exit code. */
int who_print(const char *address, const char *token_file, const char *room, bool json);
/* The whole program, main's arguments in, its exit code out. */
int commands_main(int argc, char **argv);

#endif
