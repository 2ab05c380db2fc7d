/* A file of options, one a line, as /etc/khub.conf:
 *
 *     # a comment
 *     listen = 127.0.0.1:6000
 *     max-line = 4M
 *     quiet
 *
 * The names are those of the command line; what they may be is judged there (options.c). */
#ifndef KHUB_CMD_CONFIG_H
#define KHUB_CMD_CONFIG_H

#include <stdbool.h>
#include <stdio.h>

#define CONFIG_LINE_MAX 4096u /* bytes; an option is shorter */

struct config_line {
    unsigned number;
    const char *name;
    const char *value; /* without space around it; NULL: the line is a name alone */
};

enum config_result { CONFIG_LINE, CONFIG_END, CONFIG_WRONG, CONFIG_UNREAD };

/* The next line that says something. Its texts stay until the program ends, as those of the command
 * line do. *line is zeroed before the first call, and kept between calls. CONFIG_WRONG: the line is
 * too long, or has no name. CONFIG_UNREAD: errno says why. */
enum config_result config_next(FILE *file, struct config_line *line);
/* Whether a flag is on: "yes", "true", "on", or no value; off: "no", "false", "off". 0, or -1. */
int config_flag(const char *value, bool *ret_on);

#endif
