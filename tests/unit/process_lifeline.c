/* Children end with their parent, whatever ends it; and tell how they ended when it lives on. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "process/lifeline.h"

/* Then a process that should be dead says so: only failing takes so long. */
#define OUTLIVED_S 600u

static int told; /* the end of the pipe that processes under test write to */

static void say_outlived(int number)
{
    (void)number;
    if (write(told, "o", 1) != 1)
        _exit(2);
    _exit(1);
}

/* Says that it runs, and goes on until it is killed. Holds the pipe open meanwhile. */
_Noreturn static void live_on(void)
{
    signal(SIGALRM, say_outlived);
    alarm(OUTLIVED_S);
    if (write(told, "r", 1) != 1)
        _exit(2);
    for (;;)
        pause();
}

static int wait_status(pid_t pid)
{
    int status = -1;
    while (waitpid(pid, &status, 0) < 0)
        assert_int_equal(errno, EINTR);
    return status;
}

static char read_one(int fd)
{
    char byte = 0;
    ssize_t count;
    while ((count = read(fd, &byte, 1)) < 0)
        assert_int_equal(errno, EINTR);
    return count == 1 ? byte : 'e';
}

/* A child and a child of its own, as cc and cc1 are. */
static void live_as_family(void)
{
    if (lifeline_fork_group() != 0)
        return;
    if (fork() == 0)
        live_on();
    live_on();
}

/* Kills the parent once two below it run; then the pipe must end without another word. */
static void expect_end_with_parent(void (*begin)(void))
{
    int ends[2];
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    told = ends[1];
    pid_t parent = fork();
    assert_true(parent >= 0);
    if (parent == 0) {
        begin();
        close(told);
        for (;;)
            pause();
    }
    close(ends[1]);
    assert_int_equal(read_one(ends[0]), 'r');
    assert_int_equal(read_one(ends[0]), 'r');
    kill(parent, SIGKILL);
    wait_status(parent);
    assert_int_equal(read_one(ends[0]), 'e');
    close(ends[0]);
}

static void a_family_ends_with_its_parent(void **state)
{
    (void)state;
    expect_end_with_parent(live_as_family);
}

static void live_as_two(void)
{
    pid_t self = getpid();
    for (int i = 0; i < 2; i++) {
        if (fork() == 0) {
            lifeline_tie(self, SIGKILL);
            live_on();
        }
    }
}

static void tied_children_end_with_their_parent(void **state)
{
    (void)state;
    expect_end_with_parent(live_as_two);
}

static void a_child_of_a_parent_that_is_gone_ends(void **state)
{
    (void)state;
    pid_t pid = fork();
    if (pid == 0) {
        lifeline_tie(getpid(), SIGKILL); /* nobody is its own parent */
        _exit(0);
    }
    int status = wait_status(pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 127);
}

static void a_group_ends_as_its_child_did(void **state)
{
    (void)state;
    static const int codes[] = {0, 3, 255};
    static const int signals[] = {SIGKILL, SIGTERM, SIGXCPU};
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
        pid_t pid = lifeline_fork_group();
        if (pid == 0)
            _exit(codes[i]);
        int status = wait_status(pid);
        assert_true(WIFEXITED(status));
        assert_int_equal(WEXITSTATUS(status), codes[i]);
    }
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++) {
        pid_t pid = lifeline_fork_group();
        if (pid == 0) {
            raise(signals[i]);
            _exit(0);
        }
        int status = wait_status(pid);
        assert_true(WIFSIGNALED(status));
        assert_int_equal(WTERMSIG(status), signals[i]);
    }
}

static void a_group_can_be_killed_at_once(void **state)
{
    (void)state;
    int ends[2];
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    told = ends[1];
    pid_t pid = lifeline_fork_group();
    if (pid == 0) {
        if (fork() == 0)
            live_on();
        live_on();
    }
    close(ends[1]);
    assert_int_equal(kill(-pid, SIGKILL), 0); /* before any of them may have run */
    int status = wait_status(pid);
    assert_true(WIFSIGNALED(status));
    char last;
    do
        last = read_one(ends[0]);
    while (last == 'r');
    assert_int_equal(last, 'e');
    close(ends[0]);
}

/* Else a socket that the parent closes would stay open for as long as a compiler runs. */
static void a_group_holds_no_descriptor_of_its_own(void **state)
{
    (void)state;
    int held[2], go_on[2];
    assert_int_equal(pipe2(held, O_CLOEXEC), 0);
    assert_int_equal(pipe2(go_on, O_CLOEXEC), 0);
    pid_t pid = lifeline_fork_group();
    if (pid == 0) {
        close(held[1]);
        close(go_on[1]);
        _exit(read_one(go_on[0]) == 'e' ? 0 : 1);
    }
    close(held[1]);
    assert_int_equal(read_one(held[0]), 'e'); /* the child lives: go_on is open */
    assert_int_equal(waitpid(pid, NULL, WNOHANG), 0);
    close(go_on[1]);
    int status = wait_status(pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    close(held[0]);
    close(go_on[0]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_family_ends_with_its_parent),
        cmocka_unit_test(tied_children_end_with_their_parent),
        cmocka_unit_test(a_child_of_a_parent_that_is_gone_ends),
        cmocka_unit_test(a_group_ends_as_its_child_did),
        cmocka_unit_test(a_group_can_be_killed_at_once),
        cmocka_unit_test(a_group_holds_no_descriptor_of_its_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
