/* Lines that a person types while others' lines come in, or that a pipe gives.
 *
 * On a terminal the line being typed stays at the bottom: prompt_hide before anything is
 * printed, prompt_show after it. The terminal is given back when the program ends, is stopped or
 * is killed. */
#ifndef KHUB_CMD_PROMPT_H
#define KHUB_CMD_PROMPT_H

#include <termios.h>

#include "cmd/terminal.h"

#define PROMPT_LINE_MAX (1u << 20) /* bytes of one line: the hub takes no more */

struct prompt {
    const struct terminal *terminal;
    bool interactive; /* stdin and stdout are a terminal that can move its cursor */
    bool ended;       /* end of input, or Ctrl-D */
    int error;        /* errno of the read that ended it, or 0 */
    bool shown;
    struct text bytes; /* read; those before `taken` have been looked at */
    size_t taken;
    struct text typed;      /* the line so far */
    bool too_long, has_nul; /* it */
    struct text line;       /* the one handed out */
    uint64_t number;        /* of it, from 1 */
    const char *fault;      /* why it is no text that can be sent, "it is no UTF-8", or NULL */
    char escape;            /* inside an escape sequence: the byte that came after ESC, or ESC */
};

/* One at a time: the terminal is the program's. */
void prompt_begin(struct prompt *prompt, const struct terminal *terminal);
/* Reads what stdin has, without waiting when poll says there is something. */
void prompt_read(struct prompt *prompt);
/* The next whole line, without its end; false when there is none yet. Good until the next call.
 * Look at `fault` before it: a line with one is not what was typed. */
bool prompt_next(struct prompt *prompt, struct slice *ret_line);
/* In place of lines, the next key that is a character; false when there is none yet. */
bool prompt_key(struct prompt *prompt, char *ret_key);
void prompt_hide(struct prompt *prompt);
void prompt_show(struct prompt *prompt);
/* Gives the terminal back as it was. */
void prompt_end(struct prompt *prompt);

/* For tests: takes typed bytes as if they had been read. */
void prompt_feed(struct prompt *prompt, struct slice bytes);

#endif
