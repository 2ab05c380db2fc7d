/* Temporary directories: gone when they are let go, swept when their holder was killed, and nobody
 * takes one away from who still holds it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "process/scratch.h"
#include "tests/unit/own_folder.h"

static char folder[OWN_FOLDER_SIZE]; /* $TMPDIR of these tests */

static int set_up(void **state)
{
    (void)state;
    return own_folder_make(folder) == 0 ? setenv("TMPDIR", folder, 1) : -1;
}

static int tear_down(void **state)
{
    (void)state;
    return rmdir(folder); /* which must be empty */
}

static bool is_there(const char *path)
{
    struct stat status;
    return stat(path, &status) == 0;
}

static void write_file(const char *directory)
{
    char path[SCRATCH_PATH_MAX + 16];
    snprintf(path, sizeof path, "%s/file", directory);
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    close(fd);
}

static void what_is_made_is_removed(void **state)
{
    (void)state;
    struct scratch scratch;
    assert_int_equal(scratch_make("one", &scratch), 0);
    struct scratch removed = scratch;
    assert_int_equal(strncmp(scratch.path, folder, strlen(folder)), 0);
    write_file(scratch.path);
    scratch_remove(&scratch);
    assert_false(is_there(removed.path));
    assert_string_equal(scratch.path, "");
    scratch_remove(&scratch); /* there is none: nothing happens */
}

/* A process that makes one and is killed. Its path, on which the caller may look. */
static void leave_behind(const char *name, char ret_path[SCRATCH_PATH_MAX])
{
    int ends[2];
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    pid_t pid = fork();
    if (pid == 0) {
        struct scratch scratch;
        if (scratch_make(name, &scratch) != 0)
            _exit(1);
        write_file(scratch.path);
        if (write(ends[1], scratch.path, sizeof scratch.path) != sizeof scratch.path)
            _exit(1);
        for (;;)
            pause();
    }
    close(ends[1]);
    assert_int_equal(read(ends[0], ret_path, SCRATCH_PATH_MAX), SCRATCH_PATH_MAX);
    close(ends[0]);
    assert_true(is_there(ret_path));

    struct scratch another; /* as long as it lives, nobody sweeps it */
    assert_int_equal(scratch_make(name, &another), 0);
    assert_true(is_there(ret_path));
    scratch_remove(&another);
    kill(pid, SIGKILL);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    assert_true(is_there(ret_path));
}

static void what_a_killed_process_left_is_swept(void **state)
{
    (void)state;
    char left[SCRATCH_PATH_MAX], other[SCRATCH_PATH_MAX];
    struct scratch scratch;
    leave_behind("one", left);
    assert_int_equal(scratch_make("o", &scratch), 0); /* another name, though it begins so */
    scratch_remove(&scratch);
    assert_true(is_there(left));
    leave_behind("two", other);
    assert_int_equal(scratch_make("one", &scratch), 0);
    assert_false(is_there(left));
    assert_true(is_there(other));
    scratch_remove(&scratch);
    assert_int_equal(scratch_make("two", &scratch), 0);
    assert_false(is_there(other));
    scratch_remove(&scratch);
}

static void what_is_kept_stays(void **state)
{
    (void)state;
    struct scratch kept, scratch;
    assert_int_equal(scratch_make("one", &kept), 0);
    write_file(kept.path);
    assert_int_equal(scratch_keep(&kept), 0);
    assert_int_equal(scratch_make("one", &scratch), 0);
    scratch_remove(&scratch);
    char file[SCRATCH_PATH_MAX + 16];
    snprintf(file, sizeof file, "%s/file", kept.path);
    assert_int_equal(unlink(file), 0);
    assert_int_equal(rmdir(kept.path), 0);
}

/* A link to somewhere else must not lead the sweep there. */
static void links_are_not_followed(void **state)
{
    (void)state;
    char target[SCRATCH_PATH_MAX], link[SCRATCH_PATH_MAX];
    struct scratch scratch;
    snprintf(target, sizeof target, "%s/elsewhere", folder);
    snprintf(link, sizeof link, "%s/khub-one-AAAAAA", folder);
    assert_int_equal(mkdir(target, 0700), 0);
    write_file(target);
    assert_int_equal(symlink(target, link), 0);
    assert_int_equal(scratch_make("one", &scratch), 0);
    scratch_remove(&scratch);
    char file[SCRATCH_PATH_MAX + 16];
    snprintf(file, sizeof file, "%s/file", target);
    assert_int_equal(unlink(file), 0);
    assert_int_equal(rmdir(target), 0);
    assert_int_equal(unlink(link), 0);
}

static void where_none_can_be_made_is_an_error(void **state)
{
    (void)state;
    struct scratch scratch;
    setenv("TMPDIR", "/nonexistent", 1);
    assert_int_equal(scratch_make("one", &scratch), -1);
    setenv("TMPDIR", folder, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_made_is_removed),
        cmocka_unit_test(what_a_killed_process_left_is_swept),
        cmocka_unit_test(what_is_kept_stays),
        cmocka_unit_test(links_are_not_followed),
        cmocka_unit_test(where_none_can_be_made_is_an_error),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
