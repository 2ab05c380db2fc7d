/* Where a hub keeps things when nobody says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "cmd/data_place.h"

static void assert_place(struct surroundings surroundings, const char *wanted)
{
    char path[DATA_PLACE_SIZE], why[128];
    if (data_place(&surroundings, path, why, sizeof why) < 0)
        fail_msg("%s", why);
    assert_string_equal(path, wanted);
}

static void test_the_first_that_there_is(void **state)
{
    (void)state;
    struct surroundings all = {"/run/service", "/state", "/home/ada", true};
    assert_place(all, "/run/service");
    all.service = "/var/lib/one:/var/lib/two";
    assert_place(all, "/var/lib/one");
    all.service = NULL;
    assert_place(all, "/state/khub");
    all.state_home = NULL;
    assert_place(all, "/var/lib/khub");
    all.root = false;
    assert_place(all, "/home/ada/.local/state/khub");
}

static void test_what_is_not_absolute_does_not_count(void **state)
{
    (void)state;
    assert_place((struct surroundings){"here", "there", "/home/ada", false},
                 "/home/ada/.local/state/khub");
    assert_place((struct surroundings){"", "", "/home/ada", false}, "/home/ada/.local/state/khub");
}

static void assert_none(struct surroundings surroundings, const char *says)
{
    char path[DATA_PLACE_SIZE] = "untouched", why[128] = "";
    assert_int_equal(data_place(&surroundings, path, why, sizeof why), -1);
    if (!strstr(why, says))
        fail_msg("\"%s\" does not say \"%s\"", why, says);
    assert_string_equal(path, "untouched");
}

static void test_where_there_is_none(void **state)
{
    char home[DATA_PLACE_SIZE];
    (void)state;
    assert_none((struct surroundings){NULL, NULL, NULL, false}, "neither XDG_STATE_HOME nor HOME");
    assert_none((struct surroundings){NULL, NULL, "home", false},
                "neither XDG_STATE_HOME nor HOME");
    memset(home, 'x', sizeof home);
    home[0] = '/';
    home[sizeof home - 1] = '\0';
    assert_none((struct surroundings){NULL, home, NULL, false}, "4100 bytes, more than 4095");
    home[sizeof home - sizeof "/khub"] = '\0';
    char longest[DATA_PLACE_SIZE];
    snprintf(longest, sizeof longest, "%.4090s/khub", home);
    assert_place((struct surroundings){NULL, home, NULL, false}, longest);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_first_that_there_is),
        cmocka_unit_test(test_what_is_not_absolute_does_not_count),
        cmocka_unit_test(test_where_there_is_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
