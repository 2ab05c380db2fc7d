/* Parts of khub task: a task as an agent reads it (task_print.c), and commands that are run to show
 * that one is done (task_run.c). */
#ifndef KHUB_CMD_TASK_H
#define KHUB_CMD_TASK_H

#include "wire/json.h"
#include "wire/text.h"

/* What became of one, in a line or two; of a `task` message of the hub's. */
void task_print_change(struct json_value change);
/* One with its texts and evidence. */
void task_print(struct json_value task);
/* An array of them, and how many there are of each status (an object). */
void task_print_list(struct json_value tasks, struct json_value counts);

/* Runs it with the shell and adds what came of it: ,"exit":N and what it printed, on stdout and
 * stderr, by itself or as SHA-256; that not when `exit_alone`. 0, or an exit code after a
 * sentence. */
int task_run(const char *command, bool exit_alone, struct text *members);

#endif
