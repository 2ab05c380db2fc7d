/* See terminal.h: what the terminal is, and the clock's texts. The line is made in line.c. */
#include "cmd/terminal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#define WIDTH_LEAST 20u   /* narrower windows get lines that wrap */
#define WIDTH_MOST  4096u /* what $COLUMNS may say */

const char *const color_choices[] = {"auto", "always", "never", NULL};

static int first_error; /* of stdout; kept, since it is told at the end alone */

bool output_flush(void)
{
    errno = 0;
    bool failed = fflush(stdout) != 0 || ferror(stdout);
    if (failed && !first_error)
        first_error = errno;
    return !failed;
}

int output_error(void)
{
    return first_error;
}

static bool locale_is_utf8(void)
{
    static const char *const variables[] = {"LC_ALL", "LC_CTYPE", "LANG"};
    for (size_t i = 0; i < sizeof(variables) / sizeof(variables[0]); i++) {
        const char *value = getenv(variables[i]);
        if (value && *value)
            return strcasestr(value, "utf-8") || strcasestr(value, "utf8");
    }
    return false;
}

static bool wants_color(bool moves, const char *color)
{
    if (strcmp(color, "auto") != 0)
        return strcmp(color, "always") == 0;
    const char *no_color = getenv("NO_COLOR");
    return moves && !(no_color && *no_color);
}

const char *plus_minus(const struct terminal *terminal)
{
    return terminal->unicode ? "±" : "+-";
}

struct terminal terminal_of(int fd, const char *color)
{
    struct terminal terminal = {.fd = fd, .is_terminal = isatty(fd) == 1};
    const char *kind = getenv("TERM");
    terminal.moves = terminal.is_terminal && kind && *kind && strcmp(kind, "dumb") != 0;
    terminal.color = wants_color(terminal.moves, color);
    terminal.unicode = !terminal.is_terminal || locale_is_utf8();
    terminal_measure(&terminal);
    return terminal;
}

void terminal_measure(struct terminal *terminal)
{
    struct winsize size;
    terminal->width = terminal->height = 0;
    if (terminal->is_terminal && ioctl(terminal->fd, TIOCGWINSZ, &size) == 0) {
        terminal->width = size.ws_col >= WIDTH_LEAST ? size.ws_col : 0;
        terminal->height = size.ws_row;
    }
    const char *columns = getenv("COLUMNS");
    if (terminal->width == 0 && columns) {
        long width = strtol(columns, NULL, 10);
        if (width >= (long)WIDTH_LEAST && width <= (long)WIDTH_MOST)
            terminal->width = (unsigned)width;
    }
}

void clock_format(int64_t unix_ms, char buffer[CLOCK_SIZE])
{
    time_t seconds = (time_t)(unix_ms / 1000);
    struct tm local;
    if (!localtime_r(&seconds, &local) || strftime(buffer, CLOCK_SIZE, "%H:%M:%S", &local) == 0)
        snprintf(buffer, CLOCK_SIZE, "--:--:--");
}

bool day_turns(char day[DAY_SIZE], int64_t unix_ms)
{
    char now[DAY_SIZE];
    time_t seconds = (time_t)(unix_ms / 1000);
    struct tm fields;
    if (!localtime_r(&seconds, &fields) || !strftime(now, sizeof now, "%A, %Y-%m-%d", &fields) ||
        strcmp(now, day) == 0)
        return false;
    snprintf(day, DAY_SIZE, "%s", now);
    return true;
}

void span_format(int64_t ms, char buffer[CLOCK_SIZE])
{
    static const struct {
        int64_t below_s, unit_s;
        const char *unit;
    } spans[] = {{120, 1, "s"}, {7200, 60, "min"}, {172800, 3600, "h"}, {INT64_MAX, 86400, "d"}};
    int64_t seconds = ms / 1000;
    if (seconds < 1) {
        snprintf(buffer, CLOCK_SIZE, "just now");
        return;
    }
    size_t i = 0;
    while (seconds >= spans[i].below_s)
        i++;
    int64_t count = seconds / spans[i].unit_s;
    snprintf(buffer, CLOCK_SIZE, "%lld %s", (long long)(count > 99999 ? 99999 : count),
             spans[i].unit);
}

const char *word_of(uint64_t count, const char *one, const char *many)
{
    return count == 1 ? one : many;
}

int time_parse(const char *text, int64_t *ret_unix_ms)
{
    struct tm fields = {0};
    const char *rest = strptime(text, "%Y-%m-%dT%H:%M:%S", &fields);
    if (!rest)
        return -1;
    int64_t ms = (int64_t)timegm(&fields) * 1000;
    if (*rest == '.') {
        double fraction = strtod(rest, NULL);
        ms += (int64_t)(fraction * 1000);
        rest += 1 + strspn(rest + 1, "0123456789");
    }
    unsigned hours, minutes;
    if ((*rest == '+' || *rest == '-') && sscanf(rest + 1, "%2u:%2u", &hours, &minutes) == 2) {
        int64_t offset = (int64_t)(hours * 3600 + minutes * 60) * 1000;
        ms -= *rest == '+' ? offset : -offset;
    }
    *ret_unix_ms = ms;
    return 0;
}

static int ago_parse(const char *text, int64_t now, int64_t *ret_unix_ms)
{
    static const struct {
        char unit;
        int64_t ms;
    } units[] = {{'s', 1000}, {'m', 60000}, {'h', 3600000}, {'d', 86400000}};
    size_t digits = strspn(text, "0123456789");
    if (digits == 0 || digits > 9 || strlen(text) != digits + 1)
        return -1;
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        if (text[digits] != units[i].unit)
            continue;
        *ret_unix_ms = now - strtoll(text, NULL, 10) * units[i].ms;
        return 0;
    }
    return -1;
}

int when_parse(const char *text, int64_t now, int64_t *ret_unix_ms)
{
    static const char *const formats[] = {"%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M", "%Y-%m-%d"};
    if (ago_parse(text, now, ret_unix_ms) == 0)
        return 0;
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) {
        struct tm fields = {.tm_isdst = -1};
        const char *rest = strptime(text, formats[i], &fields);
        if (!rest)
            continue;
        if (*rest == '\0') {
            time_t seconds = mktime(&fields);
            *ret_unix_ms = (int64_t)seconds * 1000;
            return seconds == (time_t)-1 ? -1 : 0;
        }
        return i == 0 && strchr("Z+-.", *rest) ? time_parse(text, ret_unix_ms) : -1;
    }
    return -1;
}
