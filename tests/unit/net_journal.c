/* The log: a peer's text can neither forge a line nor a pair, nor move a terminal, nor fill the disk at once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "net/journal.h"
#include "net/bounds.h"

/* What the log shows for a value, behind "key=". */
static void expect_shown(struct slice value, const char *wanted)
{
    char *written = NULL;
    size_t size = 0;
    FILE *log = open_memstream(&written, &size);
    struct journal journal;
    journal_init(&journal, log, NULL);
    journal_begin(&journal, 12, "test");
    journal_text(&journal, "key", value);
    journal_end(&journal);
    journal_free(&journal);
    fclose(log);
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

static void the_console_has_the_seeds_lines(void **state)
{
    (void)state;
    char *written = NULL;
    size_t size = 0;
    FILE *console = open_memstream(&written, &size);
    struct journal journal;
    journal_init(&journal, NULL, console);
    journal_begin(&journal, 1, "nothing");
    journal_number(&journal, "n", 1);
    journal_end(&journal);
    journal_say(&journal, "[+] AI connected from %s", "127.0.0.1:54321");
    journal_flush(&journal);
    journal_flush(&journal);
    journal_free(&journal);
    fclose(console);
    assert_string_equal(written, "[+] AI connected from 127.0.0.1:54321\n");
    free(written);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_are_escaped),
        cmocka_unit_test(long_values_are_cut_between_characters),
        cmocka_unit_test(the_console_has_the_seeds_lines),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
