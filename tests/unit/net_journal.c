/* The log: a peer's text can neither forge a line nor a pair, nor move a terminal, nor fill the
 * disk at once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "net/bounds.h"
#include "net/journal.h"

/* A file for a journal to write to; the same for reading. */
static int written_file(void)
{
    int fd = memfd_create("journal", MFD_CLOEXEC);
    assert_true(fd >= 0);
    return fd;
}

/* What was written there, as a string. */
static char *read_back(int fd)
{
    off_t size = lseek(fd, 0, SEEK_END);
    char *text = calloc(1, (size_t)size + 1);
    assert_non_null(text);
    assert_int_equal(pread(fd, text, (size_t)size, 0), size);
    close(fd);
    return text;
}

/* What the log shows for a value, behind "key=". */
static void expect_shown(struct slice value, const char *wanted)
{
    int log = written_file();
    struct journal journal;
    assert_int_equal(journal_init(&journal, dup(log), LOG_WAITING_MAX, -1), 0);
    journal_begin(&journal, 12, "test");
    journal_text(&journal, "key", value);
    journal_end(&journal);
    assert_int_equal(journal_free(&journal), 0);
    char *written = read_back(log);
    static const char head[] = " conn=c12 event=test key=";
    const char *at = strstr(written, head);
    assert_int_equal(memcmp(written, "time=20", 7), 0);
    assert_non_null(at);
    at += sizeof head - 1;
    assert_int_equal(strlen(at), strlen(wanted) + 1);
    assert_memory_equal(at, wanted, strlen(wanted));
    assert_string_equal(at + strlen(wanted), "\n");
    free(written);
}

static void values_are_escaped(void **state)
{
    (void)state;
    expect_shown((struct slice)SLICE("ada-1.2:3/x@y"), "ada-1.2:3/x@y");
    expect_shown((struct slice)SLICE(""), "\"\"");
    expect_shown((struct slice)SLICE("two words"), "\"two words\"");
    expect_shown((struct slice)SLICE("a=b"), "\"a=b\"");
    expect_shown((struct slice)SLICE("x\nevent=forged"), "\"x\\nevent=forged\"");
    expect_shown((struct slice)SLICE("say \"hi\" \\"), "\"say \\\"hi\\\" \\\\\"");
    expect_shown((struct slice)SLICE("\x1b[2J"), "\"\\u001b[2J\"");
    expect_shown((struct slice)SLICE("\x7f|\xc2\x9b|\xc2\xa0"),
                 "\"\\u007f|\\u009b|\xc2\xa0\""); /* DEL and C1 move terminals too */
    expect_shown((struct slice)SLICE("\xe2\x80\xae"
                                     "evil\xe2\x80\x8b"),
                 "\"\\u202eevil\\u200b\"");
    expect_shown((struct slice)SLICE("nul\0nul"), "\"nul\\u0000nul\"");
    expect_shown((struct slice)SLICE("bad \xff\xfe"), "\"bad \xef\xbf\xbd\xef\xbf\xbd\"");
    expect_shown((struct slice)SLICE("\xc3\xa9t\xc3\xa9"), "\"\xc3\xa9t\xc3\xa9\"");
}

static void long_values_are_cut_between_characters(void **state)
{
    (void)state;
    char value[2 * LOG_VALUE_MAX + 1], wanted[LOG_VALUE_MAX + 16];
    memset(value, 'x', sizeof value);
    snprintf(wanted, sizeof wanted, "%.*s…", (int)LOG_VALUE_MAX, value);
    expect_shown((struct slice){value, sizeof value}, wanted);
    for (size_t i = 1; i + 1 < sizeof value; i += 2)
        memcpy(value + i, "\xc3\xa9", 2); /* two bytes a character, out of step with the limit */
    snprintf(wanted, sizeof wanted, "\"%.*s\"…", (int)LOG_VALUE_MAX - 1, value);
    expect_shown((struct slice){value, sizeof value}, wanted);
}

static void the_console_has_the_lines_for_people(void **state)
{
    (void)state;
    int console = written_file();
    struct journal journal;
    assert_int_equal(journal_init(&journal, -1, 0, dup(console)), 0);
    journal_begin(&journal, 1, "nothing");
    journal_number(&journal, "n", 1);
    journal_end(&journal);
    journal_say(&journal, "[+] ada joined from %s", "127.0.0.1:54321");
    journal_flush(&journal);
    journal_flush(&journal);
    assert_int_equal(journal_free(&journal), 0);
    char *written = read_back(console);
    assert_string_equal(written, "[+] ada joined from 127.0.0.1:54321\n");
    free(written);
}

static void log_and_console_may_be_the_same(void **state)
{
    (void)state;
    int both = written_file();
    struct journal journal;
    int fd = dup(both);
    assert_int_equal(journal_init(&journal, fd, LOG_WAITING_MAX, fd), 0);
    journal_begin(&journal, 1, "one");
    journal_end(&journal);
    journal_flush(&journal);
    journal_say(&journal, "two");
    assert_int_equal(journal_free(&journal), 0);
    char *written = read_back(both);
    assert_non_null(strstr(written, " event=one\ntwo\n"));
    free(written);
}

static void a_log_that_cannot_be_written_is_an_error_at_the_end(void **state)
{
    (void)state;
    int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
    struct journal journal;
    if (full < 0)
        skip();
    assert_int_equal(journal_init(&journal, full, LOG_WAITING_MAX, -1), 0);
    journal_begin(&journal, 0, "lost");
    journal_end(&journal);
    assert_int_equal(journal_free(&journal), -1);
    assert_int_equal(errno, ENOSPC);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_are_escaped),
        cmocka_unit_test(long_values_are_cut_between_characters),
        cmocka_unit_test(the_console_has_the_lines_for_people),
        cmocka_unit_test(log_and_console_may_be_the_same),
        cmocka_unit_test(a_log_that_cannot_be_written_is_an_error_at_the_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
