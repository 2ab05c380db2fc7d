/* The log. What makes it hard is that peers' text ends up in it. Such text must neither forge a
 * line nor fill the disk. */
#include "net/journal.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <time.h>
#include <unistd.h>

#include "net/bounds.h"
#include "wire/utf8.h"

static void log_notice(struct text *text, uint64_t lines)
{
    char timestamp[TIMESTAMP_SIZE];
    timestamp_format(time_now_ms(), timestamp);
    text_addf(text, "time=%s event=dropped lines=%llu\n", timestamp, (unsigned long long)lines);
}

static void console_notice(struct text *text, uint64_t lines)
{
    text_addf(text, "[hub] %llu %s missing here: not read in time\n", (unsigned long long)lines,
              lines == 1 ? "line is" : "lines are");
}

static struct sink *sink_of(int fd, size_t most, sink_notice *notice)
{
    return sink_open(fd, fd > STDERR_FILENO, most, notice);
}

int journal_init(struct journal *journal, int log, size_t log_most, int console)
{
    *journal = (struct journal){0};
    if (log >= 0 && !(journal->log = sink_of(log, log_most, log_notice)))
        return -1;
    if (console >= 0 && console == log)
        journal->console = journal->log;
    else if (console >= 0 && !(journal->console = sink_of(console, SINK_BYTES_MAX, console_notice)))
        return -1;
    return 0;
}

int journal_reopen(struct journal *journal, const char *path)
{
    assert(journal->log);
    /* O_NONBLOCK: a named pipe without a reader is an error, and not a reason to wait. */
    int flags = O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK;
    int fd = open(path, flags, 0666);
    if (fd < 0)
        return -1;
    journal_flush(journal);
    sink_redirect(journal->log, fd);
    return 0;
}

int journal_free(struct journal *journal)
{
    journal_flush(journal);
    if (journal->console != journal->log)
        sink_close(journal->console);
    int closed = sink_close(journal->log);
    int error = errno;
    text_free(&journal->lines);
    text_free(&journal->console_lines);
    *journal = (struct journal){0};
    errno = error;
    return closed;
}

void journal_begin(struct journal *journal, uint64_t connection, const char *event)
{
    if (!journal->log)
        return;
    char timestamp[TIMESTAMP_SIZE];
    timestamp_format(time_now_ms(), timestamp);
    text_addf(&journal->lines, "time=%s", timestamp);
    if (connection)
        text_addf(&journal->lines, " conn=c%llu", (unsigned long long)connection);
    text_addf(&journal->lines, " event=%s", event);
}

/* What needs no quotes: what addresses, codes and most ids are made of. */
static bool is_plain(struct slice value)
{
    for (size_t i = 0; i < value.len; i++) {
        char c = value.at[i];
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                     (c && strchr("_-.,:/+@[]", c));
        if (!plain)
            return false;
    }
    return value.len > 0;
}

void journal_text(struct journal *journal, const char *key, struct slice value)
{
    if (!journal->log)
        return;
    struct slice shown = utf8_cut(value, LOG_VALUE_MAX);
    text_addf(&journal->lines, " %s=", key);
    if (is_plain(value))
        text_add(&journal->lines, shown);
    else
        text_add_string(&journal->lines, shown);
    if (shown.len < value.len)
        text_add_literal(&journal->lines, "…");
}

void journal_number(struct journal *journal, const char *key, uint64_t value)
{
    if (journal->log)
        text_addf(&journal->lines, " %s=%llu", key, (unsigned long long)value);
}

void journal_end(struct journal *journal)
{
    if (journal->log)
        text_add_literal(&journal->lines, "\n");
}

void journal_say(struct journal *journal, const char *format, ...)
{
    if (!journal->console)
        return;
    char line[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    text_addf(&journal->console_lines, "%s\n", line);
}

static void lines_flush(struct text *lines, struct sink *to)
{
    assert(to || lines->len == 0);
    if (lines->len)
        sink_write(to, text_slice(lines));
    text_clear(lines);
}

void journal_flush(struct journal *journal)
{
    lines_flush(&journal->lines, journal->log);
    lines_flush(&journal->console_lines, journal->console);
}
