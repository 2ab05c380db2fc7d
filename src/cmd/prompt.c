/* See prompt.h. A line editor as small as one can be: characters, backspace, Ctrl-W, Ctrl-U,
 * Ctrl-D; arrows and the like are passed over. Signals stay the terminal's own. */
#include "cmd/prompt.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <unistd.h>

#include "wire/utf8.h"

#define KEY_END_OF_INPUT 0x04 /* Ctrl-D */
#define KEY_ERASE_LINE   0x15 /* Ctrl-U */
#define KEY_ERASE_WORD   0x17 /* Ctrl-W */
#define KEY_ESCAPE       0x1b
#define KEY_DELETE       0x7f
#define MARK_COLUMNS     2u /* of "> " */

/* ── the terminal, also where a signal ends or stops the program ── */

static struct termios cooked;         /* as it was before */
static volatile sig_atomic_t stopped; /* the program was: the terminal may be another now */

static void set_raw(void)
{
    struct termios raw = cooked;
    raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
    raw.c_cc[VMIN] = 1;
    raw.c_cc[VTIME] = 0;
    tcsetattr(STDIN_FILENO, TCSADRAIN, &raw);
}

/* The signal comes again, as if nobody had caught it, when this returns. */
static void give_back(int number)
{
    int error = errno;
    tcsetattr(STDIN_FILENO, TCSANOW, &cooked);
    signal(number, SIG_DFL);
    raise(number);
    stopped = 1;
    errno = error;
}

/* Waits in the kernel end, and the loop comes to prompt_show. */
static void on_continue(int number)
{
    (void)number;
    stopped = 1;
}

static const struct {
    int number;
    void (*handler)(int);
} signals[] = {{SIGHUP, give_back},
               {SIGQUIT, give_back},
               {SIGABRT, give_back},
               {SIGTSTP, give_back},
               {SIGCONT, on_continue}};

/* What was ignored when the program began stays so: nohup, shells without jobs. */
static void catch_signals(void)
{
    for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++) {
        struct sigaction action = {.sa_handler = signals[i].handler}, before;
        sigemptyset(&action.sa_mask);
        if (sigaction(signals[i].number, NULL, &before) == 0 && before.sa_handler != SIG_IGN)
            sigaction(signals[i].number, &action, NULL);
    }
}

/* In the background the terminal is another's. */
static void take_again(void)
{
    if (!stopped || tcgetpgrp(STDIN_FILENO) != getpgrp())
        return;
    stopped = 0;
    catch_signals();
    set_raw();
}

void prompt_begin(struct prompt *prompt, const struct terminal *terminal)
{
    *prompt = (struct prompt){.terminal = terminal};
    prompt->interactive = terminal->is_terminal && terminal->moves && isatty(STDIN_FILENO) == 1 &&
                          tcgetattr(STDIN_FILENO, &cooked) == 0;
    if (!prompt->interactive)
        return;
    catch_signals();
    set_raw();
}

void prompt_end(struct prompt *prompt)
{
    prompt_hide(prompt);
    if (prompt->interactive)
        tcsetattr(STDIN_FILENO, TCSADRAIN, &cooked);
    text_free(&prompt->bytes);
    text_free(&prompt->typed);
    text_free(&prompt->line);
}

/* ── lines ── */

void prompt_feed(struct prompt *prompt, struct slice bytes)
{
    assert(prompt->taken <= prompt->bytes.len);
    size_t left = prompt->bytes.len - prompt->taken;
    if (prompt->taken > 0)
        memmove(prompt->bytes.at, prompt->bytes.at + prompt->taken, left);
    prompt->bytes.len = left;
    prompt->taken = 0;
    text_add(&prompt->bytes, bytes);
}

void prompt_read(struct prompt *prompt)
{
    char chunk[65536];
    ssize_t len = read(STDIN_FILENO, chunk, sizeof(chunk));
    if (len > 0)
        prompt_feed(prompt, (struct slice){chunk, (size_t)len});
    if (len > 0 && prompt->bytes.failed)
        prompt->error = ENOMEM;
    else if (len < 0 && errno != EINTR && errno != EAGAIN)
        prompt->error = errno;
    prompt->ended = prompt->ended || len == 0 || prompt->error != 0;
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

bool prompt_key(struct prompt *prompt, char *ret_key)
{
    while (prompt->taken < prompt->bytes.len) {
        char byte = prompt->bytes.at[prompt->taken++];
        if (in_escape(prompt, (unsigned char)byte))
            continue;
        *ret_key = byte;
        return true;
    }
    return false;
}

static bool take_byte(struct prompt *prompt, char byte)
{
    if (prompt->interactive)
        return type_key(prompt, (unsigned char)byte);
    if (byte == '\n')
        return true;
    prompt->has_nul = prompt->has_nul || byte == '\0';
    if (prompt->typed.len == PROMPT_LINE_MAX)
        prompt->too_long = true;
    else
        text_add(&prompt->typed, (struct slice){&byte, 1});
    return false;
}

static const char *fault_of(const struct prompt *prompt)
{
    if (prompt->typed.failed)
        return "out of memory";
    if (prompt->too_long)
        return "it is longer than a MiB";
    if (prompt->has_nul)
        return "it has a NUL byte";
    return utf8_valid(text_slice(&prompt->typed)) ? NULL : "it is no UTF-8";
}

bool prompt_next(struct prompt *prompt, struct slice *ret_line)
{
    bool whole = false;
    while (prompt->taken < prompt->bytes.len && !whole)
        whole = take_byte(prompt, prompt->bytes.at[prompt->taken++]);
    /* What a pipe gave last needs no line end. */
    if (!whole && prompt->ended && !prompt->interactive)
        whole = prompt->typed.len > 0 || prompt->typed.failed;
    if (!whole)
        return false;
    prompt->number++;
    prompt->fault = fault_of(prompt);
    struct text line = prompt->line;
    prompt->line = prompt->typed;
    prompt->typed = line;
    text_clear(&prompt->typed);
    prompt->too_long = prompt->has_nul = false;
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
    take_again();
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
    output_flush();
    prompt->shown = true;
}
