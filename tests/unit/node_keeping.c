/* What a trainer keeps: whole files, one trainer at a time, and nothing of another's is lost. */
#include "node_fixture.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/own_folder.h"

static char folder[OWN_FOLDER_SIZE];

static int begin(void **state)
{
    (void)state;
    return own_folder_make(folder);
}

static int end(void **state)
{
    (void)state;
    static const char *const names[] = {"learned.json", "policy.c", "resume_token", "summary.json"};
    char path[128];
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        snprintf(path, sizeof path, "%s/%s", folder, names[i]);
        unlink(path);
    }
    return rmdir(folder); /* and nothing else is in it */
}

static void file_read(const char *name, char *ret_text, size_t size)
{
    char path[128];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    ret_text[fread(ret_text, 1, size - 1, file)] = '\0';
    fclose(file);
}

static void file_put(const char *name, const char *text)
{
    char path[128];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static void test_what_is_learned_is_kept(void **state)
{
    (void)state;
    struct keeping keeping;
    char why[KEEPING_WHY_SIZE], text[256];
    struct node *node = node_make();
    assert_int_equal(keeping_open(folder, brain_given(), &keeping, why), 0);
    assert_null(keeping.learned);
    node->keeping = &keeping;
    node->joined = true;
    sharing_train(node);
    sharing_last(node);
    work(node);
    file_read("policy.c", text, sizeof text);
    assert_string_equal(text, "int x;\n");
    file_read("learned.json", text, sizeof text);
    assert_non_null(strstr(text, "\"trained\": 2"));
    node_unmake(node);
    /* Another trainer can't have it meanwhile, and goes on from it then. */
    struct keeping second;
    assert_int_equal(keeping_open(folder, brain_given(), &second, why), -1);
    assert_non_null(strstr(why, "another trainer"));
    keeping_close(&keeping);
    assert_int_equal(keeping_open(folder, brain_given(), &second, why), 0);
    assert_int_equal(json_integer_value(json_object_get(second.learned, "trained")), 2);
    keeping_close(&second);
}

/* What this brain can't go on from stays as it is. */
static void test_anothers_is_not_overwritten(void **state)
{
    (void)state;
    static const struct {
        const char *text, *why;
    } cases[] = {{"{\"of\": \"another\"}", "it is another's"},
                 {"half of", "can't be read"},
                 {"", "can't be read"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct keeping keeping;
        char why[KEEPING_WHY_SIZE], text[256];
        file_put("learned.json", cases[i].text);
        assert_int_equal(keeping_open(folder, brain_given(), &keeping, why), -1);
        if (!strstr(why, cases[i].why))
            fail_msg("\"%s\" does not say \"%s\"", why, cases[i].why);
        file_read("learned.json", text, sizeof text);
        assert_string_equal(text, cases[i].text);
    }
}

static void test_where_nothing_can_be_kept(void **state)
{
    (void)state;
    struct keeping keeping;
    char why[KEEPING_WHY_SIZE];
    assert_int_equal(keeping_open("/proc/nowhere/at/all", brain_given(), &keeping, why), -1);
    assert_true(why[0]);
    file_put("policy.c", "");
    char path[128];
    snprintf(path, sizeof path, "%s/policy.c", folder);
    assert_int_equal(keeping_open(path, brain_given(), &keeping, why), -1);
    assert_non_null(strstr(why, "Not a directory"));
}

static void test_a_token_is_kept_for_its_owner(void **state)
{
    (void)state;
    struct keeping keeping;
    struct stat status;
    char why[KEEPING_WHY_SIZE], path[128];
    struct node *node = node_make();
    assert_int_equal(keeping_open(folder, brain_given(), &keeping, why), 0);
    assert_string_equal(keeping.token, "");
    assert_int_equal(keeping_write_token(&keeping, "first"), 0);
    assert_int_equal(keeping_write_token(&keeping, "second"), 0);
    assert_string_equal(keeping.token, "second");
    keeping_close(&keeping);
    snprintf(path, sizeof path, "%s/resume_token", folder);
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0600);
    assert_int_equal(keeping_open(folder, brain_given(), &keeping, why), 0);
    assert_string_equal(keeping.token, "second");
    keeping_close(&keeping);
    node_unmake(node);
}

/* Once it has measured, and not only at its end. */
static void test_the_summary_is_there_while_it_trains(void **state)
{
    (void)state;
    char path[128], text[4096];
    snprintf(path, sizeof path, "%s/summary.json", folder);
    struct node *node = node_make();
    struct trainer_options options = *node->options;
    options.summary_path = path;
    node->options = &options;
    sharing_last(node);
    work(node);
    file_read("summary.json", text, sizeof text);
    json_t *summary = json_loads(text, 0, NULL);
    assert_true(json_is_null(json_object_get(summary, "ended")));
    assert_true(json_is_null(json_object_get(summary, "exit_code")));
    assert_int_equal(
        json_integer_value(json_object_get(json_object_get(summary, "learned"), "trained")), 1);
    json_decref(summary);
    node->ended = "time is up";
    assert_int_equal(node_summarize(node, 0), 0);
    file_read("summary.json", text, sizeof text);
    summary = json_loads(text, 0, NULL);
    assert_string_equal(json_string_value(json_object_get(summary, "ended")), "time is up");
    assert_int_equal(json_integer_value(json_object_get(summary, "exit_code")), 0);
    assert_true(json_is_integer(json_object_get(summary, "exit_code")));
    json_decref(summary);
    node_unmake(node);
}

/* Said once, however often it is tried; and what is no regular file is left to the end. */
static void test_a_summary_that_cant_be_written(void **state)
{
    (void)state;
    struct node *node = node_make();
    struct trainer_options options = *node->options;
    node->options = &options;
    options.summary_path = "/dev/full";
    node_summarize_so_far(node, json_object(), NULL);
    assert_int_equal(heard_of("the summary"), 0);
    options.summary_path = "/proc/nowhere/summary.json";
    node_summarize_so_far(node, json_object(), NULL);
    node_summarize_so_far(node, json_object(), NULL);
    assert_int_equal(heard_of("the summary can't be written to /proc/nowhere"), 1);
    assert_int_equal(node_summarize(node, 0), -1);
    options.summary_path = "/dev/full";
    assert_int_equal(node_summarize(node, 0), -1);
    node_unmake(node);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_what_is_learned_is_kept, begin, end),
        cmocka_unit_test_setup_teardown(test_a_token_is_kept_for_its_owner, begin, end),
        cmocka_unit_test_setup_teardown(test_anothers_is_not_overwritten, begin, end),
        cmocka_unit_test_setup_teardown(test_where_nothing_can_be_kept, begin, end),
        cmocka_unit_test_setup_teardown(test_the_summary_is_there_while_it_trains, begin, end),
        cmocka_unit_test(test_a_summary_that_cant_be_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
