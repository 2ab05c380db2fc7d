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
    static const char *const names[] = {"learned.json", "policy.c", "resume_token"};
    char path[128];
    for (size_t i = 0; i < 3; i++) {
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_what_is_learned_is_kept, begin, end),
        cmocka_unit_test_setup_teardown(test_a_token_is_kept_for_its_owner, begin, end),
        cmocka_unit_test_setup_teardown(test_anothers_is_not_overwritten, begin, end),
        cmocka_unit_test_setup_teardown(test_where_nothing_can_be_kept, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
