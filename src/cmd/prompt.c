/* See prompt.h. A line editor as small as one can be: characters, backspace, Ctrl-W, Ctrl-U,
 * Ctrl-D; arrows and the like are passed over. Signals stay the terminal's own. */
#include "cmd/prompt.h"

#include <errno.h>
#include <unistd.h>

#define KEY_END_OF_INPUT 0x04 /* Ctrl-D */
#define KEY_ERASE_LINE   0x15 /* Ctrl-U */
#define KEY_ERASE_WORD   0x17 /* Ctrl-W */
#define KEY_ESCAPE       0x1b
#define KEY_DELETE       0x7f
#define MARK_COLUMNS     2u /* of "> " */

void prompt_begin(struct prompt *prompt, const struct terminal *terminal)
{
    *prompt = (struct prompt){.terminal = terminal};
    prompt->interactive = terminal->is_terminal && isatty(STDIN_FILENO) == 1 &&
                          tcgetattr(STDIN_FILENO, &prompt->saved) == 0;
    if (!prompt->interactive)
        return;
    struct termios raw = prompt->saved;
    raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
    raw.c_cc[VMIN] = 1;
    raw.c_cc[VTIME] = 0;
    tcsetattr(STDIN_FILENO, TCSADRAIN, &raw);
}

void prompt_end(struct prompt *prompt)
{
    prompt_hide(prompt);
    if (prompt->interactive)
        tcsetattr(STDIN_FILENO, TCSADRAIN, &prompt->saved);
    text_free(&prompt->bytes);
    text_free(&prompt->typed);
    text_free(&prompt->line);
}

void prompt_feed(struct prompt *prompt, struct slice bytes)
{
    text_add(&prompt->bytes, bytes);
}

void prompt_read(struct prompt *prompt)
{
    char chunk[4096];
    ssize_t len = read(STDIN_FILENO, chunk, sizeof(chunk));
    if (len > 0)
        prompt_feed(prompt, (struct slice){chunk, (size_t)len});
    else if (len == 0 || (errno != EINTR && errno != EAGAIN))
        prompt->ended = true;
}

static void erase_character(struct text *typed)
{
    while (typed->len > 0 && (typed->at[--typed->len] & 0xc0) == 0x80)
        ;
}

static void erase_word(struct text *typed)
{
    while (typed->len > 0 && typed->at[typed->len - 1] == ' ')
        typed->len--;
    while (typed->len > 0 && typed->at[typed->len - 1] != ' ')
        typed->len--;
}

/* Whether the byte belongs to an escape sequence, which is passed over. */
static bool in_escape(struct prompt *prompt, unsigned char byte)
{
    if (prompt->escape == 0 && byte != KEY_ESCAPE)
        return false;
    if (byte == KEY_ESCAPE)
        prompt->escape = KEY_ESCAPE;
    else if (prompt->escape == KEY_ESCAPE && (byte == '[' || byte == 'O'))
        prompt->escape = (char)byte;
    else if (prompt->escape == KEY_ESCAPE || (byte >= 0x40 && byte <= 0x7e))
        prompt->escape = 0; /* its last byte */
    return true;
}

/* One key; true when it ended the line. */
static bool type_key(struct prompt *prompt, unsigned char byte)
{
    struct text *typed = &prompt->typed;
    if (in_escape(prompt, byte))
        return false;
    switch (byte) {
    case '\r':
    case '\n':
        return true;
    case '\b':
    case KEY_DELETE:
        erase_character(typed);
        return false;
    case KEY_ERASE_LINE:
        text_clear(typed);
        return false;
    case KEY_ERASE_WORD:
        erase_word(typed);
        return false;
    case KEY_END_OF_INPUT:
        prompt->ended = prompt->ended || typed->len == 0;
        return false;
    default:
        if ((byte >= ' ' || byte == '\t') && typed->len < PROMPT_LINE_MAX)
            text_add(typed, (struct slice){(const char[]){(char)byte}, 1});
        return false;
    }
}

static bool take_byte(struct prompt *prompt, char byte)
{
    if (prompt->interactive)
        return type_key(prompt, (unsigned char)byte);
    if (byte == '\n')
        return true;
    if (prompt->typed.len < PROMPT_LINE_MAX)
        text_add(&prompt->typed, (struct slice){&byte, 1});
    return false;
}

bool prompt_next(struct prompt *prompt, struct slice *ret_line)
{
    size_t at = 0;
    bool whole = false;
    while (at < prompt->bytes.len && !whole)
        whole = take_byte(prompt, prompt->bytes.at[at++]);
    if (at > 0) {
        prompt->bytes.len -= at;
        memmove(prompt->bytes.at, prompt->bytes.at + at, prompt->bytes.len);
    }
    /* What a pipe gave last needs no line end. */
    if (!whole && prompt->ended && !prompt->interactive && prompt->typed.len > 0)
        whole = true;
    if (!whole)
        return false;
    struct text line = prompt->line;
    prompt->line = prompt->typed;
    prompt->typed = line;
    text_clear(&prompt->typed);
    *ret_line = text_slice(&prompt->line);
    return true;
}

void prompt_hide(struct prompt *prompt)
{
    if (prompt->shown)
        fputs("\r\033[K", stdout);
    prompt->shown = false;
}

void prompt_show(struct prompt *prompt)
{
    if (!prompt->interactive)
        return;
    struct slice typed = text_slice(&prompt->typed);
    unsigned width = prompt->terminal->width;
    bool unicode = prompt->terminal->unicode;
    while (width > 0 && typed.len > 0 && text_columns(typed, unicode) + MARK_COLUMNS >= width) {
        do {
            typed.at++;
            typed.len--;
        } while (typed.len > 0 && (typed.at[0] & 0xc0) == 0x80);
    }
    struct line line;
    prompt_hide(prompt);
    line_begin(&line, prompt->terminal);
    line_style(&line, STYLE_BOLD);
    line_add(&line, slice_of("> "));
    line_style(&line, STYLE_PLAIN);
    line_add(&line, typed);
    struct slice made = line_end(&line);
    fwrite(made.at, 1, made.len, stdout);
    line_free(&line);
    fflush(stdout);
    prompt->shown = true;
}
