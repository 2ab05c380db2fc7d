/* What a confined process can still do, and what it can't: seen from inside. Each is tried in a
 * child, which nothing gives its powers back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "net/confine.h"

struct place {
    char folder[64], data[96], secret[96], log[96];
};

static struct place place_make(void)
{
    struct place place = {.folder = "/tmp/khub-test-confine-XXXXXX"};
    assert_non_null(mkdtemp(place.folder));
    snprintf(place.data, sizeof place.data, "%s/data", place.folder);
    snprintf(place.secret, sizeof place.secret, "%s/secret", place.folder);
    snprintf(place.log, sizeof place.log, "%s/logs", place.folder);
    assert_int_equal(mkdir(place.log, 0700), 0);
    snprintf(place.log, sizeof place.log, "%s/logs/log", place.folder);
    int secret = open(place.secret, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_true(secret >= 0);
    close(secret);
    return place;
}

static void place_remove(struct place *place)
{
    unlink(place->log);
    *strrchr(place->log, '/') = '\0';
    rmdir(place->log);
    unlink(place->secret);
    rmdir(place->data);
    assert_int_equal(rmdir(place->folder), 0);
}

/* What such a child ends with: wait's status. */
static int status_of(const struct place *place, bool calls, int (*tried)(const struct place *))
{
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct server_options options = server_options_default();
        int landlock;
        char why[256];
        options.data = place->data;
        options.log_path = place->log;
        if (confine_files(&options, &landlock, why, sizeof why) < 0 ||
            (calls && confine_calls(false, why, sizeof why) < 0)) {
            fprintf(stderr, "# %s\n", why);
            _exit(99);
        }
        _exit(landlock || calls ? tried(place) : 77);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    return status;
}

static void expect_exit(const struct place *place, bool calls, int code,
                        int (*tried)(const struct place *))
{
    int status = status_of(place, calls, tried);
    assert_true(WIFEXITED(status));
    if (WEXITSTATUS(status) != 77) /* no Landlock here */
        assert_int_equal(WEXITSTATUS(status), code);
}

static int open_in(const char *folder, const char *name, int flags)
{
    char path[160];
    snprintf(path, sizeof path, "%s%s", folder, name);
    int fd = open(path, flags | O_CLOEXEC, 0600);
    return fd < 0 ? errno : close(fd);
}

/* ── files ── */

static int read_secret(const struct place *place)
{
    return open_in(place->secret, "", O_RDONLY);
}

static int make_outside(const struct place *place)
{
    return open_in(place->folder, "/new", O_WRONLY | O_CREAT);
}

static int read_log(const struct place *place)
{
    int error = open_in(place->log, "", O_WRONLY | O_CREAT | O_APPEND);
    return error ? 98 : open_in(place->log, "", O_RDONLY);
}

static int work_in_data(const struct place *place)
{
    char from[128], to[128];
    snprintf(from, sizeof from, "%s/a", place->data);
    snprintf(to, sizeof to, "%s/b", place->data);
    int fd = open(from, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    bool worked = fd >= 0 && pwrite(fd, "x", 1, 0) == 1 && fsync(fd) == 0 &&
                  ftruncate(fd, 0) == 0 && close(fd) == 0 && rename(from, to) == 0 &&
                  unlink(to) == 0;
    return worked ? 0 : errno;
}

static void of_files_it_has_its_own(void **state)
{
    struct place place = place_make();
    (void)state;
    for (int calls = 0; calls < 2; calls++) {
        expect_exit(&place, calls, 0, work_in_data);
        expect_exit(&place, calls, EACCES, read_secret);
        expect_exit(&place, calls, EACCES, make_outside);
        expect_exit(&place, calls, EACCES, read_log); /* it is written, not read */
    }
    place_remove(&place);
}

/* ── calls ── */

static int make_socket(const struct place *place)
{
    (void)place;
    return socket(AF_INET, SOCK_STREAM, 0) < 0 ? errno : 0;
}

static int make_process(const struct place *place)
{
    (void)place;
    pid_t child = fork();
    if (child == 0)
        _exit(0);
    return child < 0 ? errno : 0;
}

static void *nothing(void *data)
{
    return data;
}

static int make_thread(const struct place *place)
{
    pthread_t thread;
    (void)place;
    return pthread_create(&thread, NULL, nothing, NULL) ? ENOSYS : 0;
}

static int map_code(const struct place *place)
{
    (void)place;
    void *memory = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED)
        return 98;
    if (mprotect(memory, 4096, PROT_READ | PROT_EXEC) == 0)
        return 0;
    return mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED
               ? errno
               : 0;
}

static int signal_parent(const struct place *place)
{
    (void)place;
    return kill(getppid(), 0) < 0 ? errno : 0;
}

static int unconfine(const struct place *place)
{
    (void)place;
    return syscall(SYS_setresuid, 0, 0, 0) < 0 && syscall(SYS_prctl, PR_SET_DUMPABLE, 1) < 0 ? errno
                                                                                             : 0;
}

static int run_shell(const struct place *place)
{
    (void)place;
    execl("/bin/sh", "sh", "-c", "exit 0", (char *)NULL);
    return errno;
}

static int fail_assertion(const struct place *place)
{
    (void)place;
    abort();
}

static void of_calls_it_has_what_serving_takes(void **state)
{
    struct place place = place_make();
    int (*const refused[])(const struct place *) = {make_socket, make_process,  make_thread,
                                                    map_code,    signal_parent, unconfine};
    (void)state;
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++)
        expect_exit(&place, true, ENOSYS, refused[i]);
    int status = status_of(&place, true, run_shell);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGSYS);
    status = status_of(&place, true, fail_assertion);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGABRT);
    place_remove(&place);
}

/* ── with a client of its own beside it ── */

static struct {
    int fds[2];
    struct sockaddr_in at[2];
} listeners;

static int connect_to(unsigned index, int type)
{
    int fd = socket(AF_INET, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return errno;
    int error = connect(fd, (struct sockaddr *)&listeners.at[index], sizeof listeners.at[index]);
    error = error < 0 ? errno : 0;
    close(fd);
    return error == EINPROGRESS ? 0 : error;
}

/* Its hub; then others, other sockets, and what only who listens needs. */
static int be_a_client(const struct place *place)
{
    char why[256];
    (void)place;
    if (confine_connections(ntohs(listeners.at[0].sin_port), why, sizeof why) < 0 ||
        confine_calls(true, why, sizeof why) < 0)
        return 99;
    int elsewhere = connect_to(1, SOCK_STREAM);
    if (connect_to(0, SOCK_STREAM) != 0 || (elsewhere != EACCES && elsewhere != 0))
        return 1;
    if (connect_to(0, SOCK_DGRAM) != ENOSYS || socket(AF_PACKET, SOCK_STREAM, 0) >= 0)
        return 2;
    if (bind(listeners.fds[0], (struct sockaddr *)&listeners.at[0], sizeof listeners.at[0]) == 0 ||
        errno != ENOSYS)
        return 3;
    return elsewhere == EACCES ? 0 : 77; /* before Linux 6.7 nothing holds it to its hub */
}

static void a_client_beside_it_reaches_it_alone(void **state)
{
    struct place place = place_make();
    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        socklen_t len = sizeof listeners.at[i];
        listeners.at[i].sin_family = AF_INET;
        listeners.at[i].sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        listeners.fds[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        assert_int_equal(bind(listeners.fds[i], (struct sockaddr *)&listeners.at[i], len), 0);
        assert_int_equal(listen(listeners.fds[i], 8), 0);
        assert_int_equal(getsockname(listeners.fds[i], (struct sockaddr *)&listeners.at[i], &len),
                         0);
    }
    expect_exit(&place, false, 0, be_a_client);
    for (unsigned i = 0; i < 2; i++)
        close(listeners.fds[i]);
    place_remove(&place);
}

/* ── what a core dump would tell ── */

static int look_at_itself(const struct place *place)
{
    struct rlimit core;
    (void)place;
    return prctl(PR_GET_DUMPABLE) == 0 && getrlimit(RLIMIT_CORE, &core) == 0 &&
                   core.rlim_max == 0 && prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1
               ? 0
               : 1;
}

static void it_leaves_no_core_and_gains_nothing(void **state)
{
    struct place place = place_make();
    (void)state;
    expect_exit(&place, false, 0, look_at_itself);
    place_remove(&place);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(of_files_it_has_its_own),
        cmocka_unit_test(of_calls_it_has_what_serving_takes),
        cmocka_unit_test(a_client_beside_it_reaches_it_alone),
        cmocka_unit_test(it_leaves_no_core_and_gains_nothing),
    };
    if (!confine_possible()) {
        printf("1..0 # SKIP a sanitizer's reports want what this takes away\n");
        return 0;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
