/* Lines that a person types while others' lines come in, or that a pipe gives.
 *
 * On a terminal the line being typed stays at the bottom: prompt_hide before anything is printed,
 * prompt_show after it. */
#ifndef KHUB_CMD_PROMPT_H
#define KHUB_CMD_PROMPT_H

#include <termios.h>

#include "cmd/terminal.h"

#define PROMPT_LINE_MAX 65536u /* bytes of one line; the rest of a longer one is dropped */

struct prompt {
    const struct terminal *terminal;
    bool interactive; /* stdin and stdout are a terminal */
    bool ended;       /* end of input, or Ctrl-D */
    bool shown;
    struct termios saved;
    struct text bytes; /* read and not yet looked at */
    struct text typed; /* the line so far */
    struct text line;  /* the one handed out */
    char escape;       /* inside an escape sequence: the byte that came after ESC, or ESC */
};

void prompt_begin(struct prompt *prompt, const struct terminal *terminal);
/* Reads what stdin has, without waiting when poll says there is something. */
void prompt_read(struct prompt *prompt);
/* The next whole line, without its end; false when there is none yet. Good until the next call. */
bool prompt_next(struct prompt *prompt, struct slice *ret_line);
void prompt_hide(struct prompt *prompt);
void prompt_show(struct prompt *prompt);
/* Gives the terminal back as it was. */
void prompt_end(struct prompt *prompt);

/* For tests: takes typed bytes as if they had been read. */
void prompt_feed(struct prompt *prompt, struct slice bytes);

#endif
