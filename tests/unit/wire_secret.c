/* A secret is compared in the same steps wherever what is shown differs from it: no clock is asked,
 * but the instructions are counted, one by one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include "wire/slice.h"

#define SECRET "0123456789abcdef0123456789abcdef"

typedef bool compare(struct slice left, struct slice right);

static bool by_secret(struct slice left, struct slice right)
{
    return slice_equal_secret(left, right);
}

static bool by_first_difference(struct slice left, struct slice right)
{
    size_t at = 0;
    while (at < left.len && at < right.len && left.at[at] == right.at[at])
        at++;
    return at == left.len && at == right.len;
}

static void compared_in_child(compare *equal, struct slice shown)
{
    volatile bool same;
    ptrace(PTRACE_TRACEME, 0, NULL, NULL);
    raise(SIGSTOP);
    same = equal(shown, slice_of(SECRET));
    raise(SIGSTOP);
    _exit(same);
}

/* Instructions between the child's two stops; -1: nobody may count them here. */
static long steps_of(compare *equal, const char *text)
{
    struct slice shown = slice_of(text);
    long steps = 0;
    int status;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0)
        compared_in_child(equal, shown);
    assert_int_equal(waitpid(child, &status, 0), child);
    if (!WIFSTOPPED(status))
        return -1;
    do {
        if (ptrace(PTRACE_SINGLESTEP, child, NULL, NULL) < 0)
            break;
        assert_int_equal(waitpid(child, &status, 0), child);
        steps++;
    } while (WIFSTOPPED(status) && WSTOPSIG(status) == SIGTRAP);
    kill(child, SIGKILL);
    waitpid(child, &status, 0);
    return steps;
}

/* The secret with another character at a place. */
static long steps_differing(compare *equal, size_t at)
{
    char shown[] = SECRET;
    shown[at] = 'x';
    return steps_of(equal, shown);
}

static void test_the_place_of_a_difference_costs_nothing(void **state)
{
    long first = steps_differing(by_secret, 0);
    (void)state;
    if (first < 0)
        skip();
    assert_true(first > (long)strlen(SECRET));
    for (size_t at = 1; at < strlen(SECRET); at += 5)
        assert_int_equal(steps_differing(by_secret, at), first);
    assert_int_equal(steps_of(by_secret, "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"), first);
    /* counting sees what a clock would */
    assert_true(steps_differing(by_first_difference, 31) > steps_differing(by_first_difference, 0));
}

static void test_only_the_same_is_equal(void **state)
{
    static const char *const others[] = {"",
                                         "0",
                                         "0123456789abcdef0123456789abcde",
                                         "0123456789abcdef0123456789abcdeF",
                                         SECRET "0",
                                         "1123456789abcdef0123456789abcdef"};
    (void)state;
    assert_true(slice_equal_secret(slice_of(SECRET), slice_of(SECRET)));
    assert_true(slice_equal_secret(slice_of(""), slice_of("")));
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        assert_false(slice_equal_secret(slice_of(others[i]), slice_of(SECRET)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_place_of_a_difference_costs_nothing),
        cmocka_unit_test(test_only_the_same_is_equal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
