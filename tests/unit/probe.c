/* The probe: what a rendered policy scores, what happens to C that is not what it should be, and to
 * C that is on a machine that is not (probe_attacks.c has C that means harm). Needs cc. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "policy/optimise/evaluation.h"
#include "policy/subject.h"
#include "probe/room.h"
#include "process/scratch.h"
#include "tests/unit/landlock_here.h"
#include "tests/unit/own_folder.h"

#define SEEDS 2u

static const struct subject *subject(void)
{
    return subject_find("process_manager");
}

static char *rendered(const struct subject *of)
{
    double textbook[SUBJECT_PARAMETERS_MAX];
    for (int i = 0; i < of->parameter_count; i++)
        textbook[i] = of->parameters[i].textbook;
    int length = subject_render(of, textbook, NULL, 0);
    assert_true(length > 0);
    char *text = malloc((size_t)length + 1);
    subject_render(of, textbook, text, (size_t)length + 1);
    return text;
}

static struct probe_report probe(const char *source)
{
    struct probe_report report;
    probe_module(subject(), source, "test/probe", SEEDS, NULL, &report);
    if (report.result != PROBE_RAN)
        print_message("# %s: %s\n", probe_result_text(report.result), report.why);
    return report;
}

static void expect(const char *source, enum probe_result result, const char *why)
{
    struct probe_report report = probe(source);
    assert_string_equal(probe_result_text(report.result), probe_result_text(result));
    if (!strstr(report.why, why))
        fail_msg("\"%s\" does not say \"%s\"", report.why, why);
}

/* The textbook's policy with something more in its slice_us, and something more behind it all. */
static void expect_with(const char *in_slice_us, const char *behind, enum probe_result result,
                        const char *why)
{
    static const char body[] = "static uint32_t slice_us(uint64_t attained_us)\n{\n";
    char source[1 << 16];
    char *text = rendered(subject());
    char *at = strstr(text, body);
    assert_non_null(at);
    at += strlen(body);
    int length = snprintf(source, sizeof source, "%.*s%s%s%s", (int)(at - text), text, in_slice_us,
                          at, behind);
    assert_in_range(length, 1, sizeof source - 1);
    free(text);
    expect(source, result, why);
}

static void runs_with_the_same_score(void **state)
{
    (void)state;
    size_t count;
    const struct subject *const *all = subjects(&count);
    for (size_t i = 0; i < count; i++) {
        struct probe_report report;
        double textbook[SUBJECT_PARAMETERS_MAX];
        for (int k = 0; k < all[i]->parameter_count; k++)
            textbook[k] = all[i]->parameters[k].textbook;
        struct evaluation_set *exam = evaluation_set_new(all[i], "test/probe", SEEDS);
        struct score score = evaluation_set_score(exam, textbook);
        evaluation_set_free(exam);
        char *text = rendered(all[i]);
        probe_module(all[i], text, "test/probe", SEEDS, NULL, &report);
        free(text);
        print_message("# %s: %s, %zu bytes %s\n", all[i]->name, probe_result_text(report.result),
                      report.object_bytes, report.why);
        assert_int_equal(report.result, PROBE_RAN);
        assert_string_equal(report.why, "");
        assert_true(report.score.ratio == score.ratio && report.score.cost == score.cost);
        assert_int_equal(report.score.seeds, SEEDS);
        assert_in_range(report.object_bytes, 16, 65536);
    }
}

/* Compiled once, it has on each set what it has there alone; a fault is that of all behind it. */
static void runs_on_several_sets(void **state)
{
    (void)state;
    static const char *const splits[] = {"test/probe", "train/probe", "test/another"};
    struct evaluation_set *sets[3];
    struct probe_report reports[3], alone;
    char *text = rendered(subject());
    for (size_t i = 0; i < 3; i++)
        sets[i] = evaluation_set_new(subject(), splits[i], SEEDS);
    probe_each(subject(), text, sets, 3, NULL, reports);
    for (size_t i = 0; i < 3; i++) {
        probe_module(subject(), text, splits[i], SEEDS, NULL, &alone);
        assert_int_equal(reports[i].result, PROBE_RAN);
        assert_true(reports[i].score.ratio == alone.score.ratio);
        assert_int_equal(reports[i].object_bytes, alone.object_bytes);
    }
    static const char *const faults[] = {"int x", "__asm__(\"\");"}; /* behind and at the door */
    for (size_t i = 0; i < 2; i++) {
        probe_each(subject(), faults[i], sets, 3, NULL, reports);
        for (size_t k = 0; k < 3; k++) {
            assert_int_equal(reports[k].result, PROBE_NOT_COMPILED);
            assert_string_equal(reports[k].why, reports[0].why);
            assert_string_not_equal(reports[k].why, "");
        }
    }
    for (size_t i = 0; i < 3; i++)
        evaluation_set_free(sets[i]);
    free(text);
}

static void *probe_on_a_thread(void *data)
{
    char *text = rendered(subject());
    for (unsigned i = 0; i < 4; i++) {
        probe_module(subject(), text, "test/probe", 16, NULL, data);
        if (((struct probe_report *)data)->result != PROBE_RAN)
            break;
    }
    free(text);
    return NULL;
}

/* As trainers do it; malloc asks the kernel otherwise there than on the first thread. */
static void runs_on_a_thread(void **state)
{
    (void)state;
    struct probe_report report;
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, probe_on_a_thread, &report), 0);
    pthread_join(thread, NULL);
    assert_string_equal(report.why, "");
    assert_int_equal(report.result, PROBE_RAN);
}

static void source_that_does_not_compile(void **state)
{
    (void)state;
    expect("int main(", PROBE_NOT_COMPILED, "cc: error:");
    expect_with("int unused;", "", PROBE_NOT_COMPILED, "unused");
    expect("int x;\n#error nothing\n", PROBE_NOT_COMPILED, "nothing");
    char *huge = calloc(1, PROBE_SOURCE_MAX + 2);
    memset(huge, '\n', PROBE_SOURCE_MAX + 1);
    expect(huge, PROBE_NOT_COMPILED, "the limit is 262144");
    free(huge);
}

static void source_that_wants_more(void **state)
{
    (void)state;
    expect_with("extern int system(const char *); system(\"id\");", "", PROBE_UNDEFINED, "system");
    expect("unsigned slice_us(unsigned level)\n{\n    return level;\n}\n", PROBE_MISSING,
           "define khub_process_manager");
}

/* A module's function may be called like one of libc's: it is the module's that is called. */
static void source_with_names_of_libc(void **state)
{
    (void)state;
    char source[1 << 16];
    char *text = rendered(subject());
    const char *at = strstr(text, "static uint32_t slice_us(");
    const char *body = strstr(text, "uint32_t slice_us(uint64_t attained_us)\n{\n");
    assert_true(at && body);
    body += strlen("uint32_t slice_us(uint64_t attained_us)\n{\n");
    int length = snprintf(
        source, sizeof source,
        "%.*suint32_t select(uint64_t attained_us);\n%.*s    return select(attained_us);\n}\n\n"
        "__attribute__((noinline)) uint32_t select(uint64_t attained_us)\n{\n%s",
        (int)(at - text), text, (int)(body - at), at, body);
    assert_in_range(length, 1, sizeof source - 1);
    struct probe_report report = probe(source);
    free(text);
    assert_string_equal(probe_result_text(report.result), "ran");
}

static size_t entries_of(const char *path)
{
    DIR *directory = opendir(path);
    size_t count = 0;
    assert_non_null(directory);
    while (readdir(directory))
        count++;
    closedir(directory);
    return count - 2; /* . and .. */
}

static void *stop_soon(void *data)
{
    atomic_bool *stop = data;
    poll(NULL, 0, 30); /* somewhere in compiling, most likely */
    atomic_store(stop, true);
    return NULL;
}

/* Whenever it is stopped, no file and no process of it is left. */
static void leaves_nothing_behind(void **state)
{
    (void)state;
    char directory[OWN_FOLDER_SIZE];
    assert_int_equal(own_folder_make(directory), 0);
    const char *before = getenv("TMPDIR");
    char *kept = before ? strdup(before) : NULL;
    setenv("TMPDIR", directory, 1);
    char *text = rendered(subject());
    for (int round = 0; round < 8; round++) {
        struct probe_report report;
        pthread_t thread;
        atomic_bool stop = false;
        assert_int_equal(pthread_create(&thread, NULL, stop_soon, &stop), 0);
        probe_module(subject(), text, "test/probe", 64, &stop, &report);
        pthread_join(thread, NULL);
        assert_int_equal(entries_of(directory), 0);
        assert_true(waitpid(-1, NULL, WNOHANG) < 0); /* no child at all */
    }
    free(text);
    if (kept)
        setenv("TMPDIR", kept, 1);
    else
        unsetenv("TMPDIR");
    free(kept);
    rmdir(directory);
}

static void stopped_and_without_a_compiler(void **state)
{
    (void)state;
    struct probe_report report;
    atomic_bool stop = true;
    char *text = rendered(subject());
    probe_module(subject(), text, "test/probe", SEEDS, &stop, &report);
    assert_int_not_equal(report.result, PROBE_RAN);
    const char *path = getenv("PATH");
    char *before = strdup(path ? path : "");
    setenv("PATH", "/nowhere", 1);
    probe_module(subject(), text, "test/probe", SEEDS, NULL, &report);
    setenv("PATH", before, 1);
    free(before);
    free(text);
    assert_int_equal(report.result, PROBE_NO_COMPILER);
    assert_true(report.why[0]);
}

/* The number behind this label in the status of this process's one child; -1: none. */
static long child_status(const char *label)
{
    char path[300], line[256];
    long found = -1;
    DIR *processes = opendir("/proc");
    assert_non_null(processes);
    for (struct dirent *entry; (entry = readdir(processes));) {
        long parent = -1, number = -1;
        snprintf(path, sizeof path, "/proc/%s/status", entry->d_name);
        FILE *file = fopen(path, "r");
        while (file && fgets(line, sizeof line, file)) {
            sscanf(line, "PPid: %ld", &parent);
            if (strncmp(line, label, strlen(label)) == 0)
                number = strtol(line + strlen(label), NULL, 10);
        }
        if (file)
            fclose(file);
        found = parent == getpid() ? number : found;
    }
    closedir(processes);
    return found;
}

static cpu_set_t at_first; /* the processors of this thread, when nothing was probed yet */

/* It was narrowed before it became the module's program, and by that program once more; and this
 * thread is where it was afterwards. */
static void a_module_is_confined_twice(void **state)
{
    (void)state;
    struct probe_report report;
    struct scratch scratch;
    cpu_set_t after;
    assert_int_equal(scratch_make("twice", &scratch), 0);
    char *text = rendered(subject());
    assert_int_equal(compile_module(scratch.path, subject(), text, NULL, &report), PROBE_RAN);
    free(text);
    struct host *host = host_begin(scratch.path, subject(), SEEDS, NULL, &report);
    scratch_remove(&scratch);
    assert_non_null(host);
    assert_int_equal(child_status("Seccomp_filters:"), 2);
    assert_int_equal(child_status("NoNewPrivs:"), 1);
    assert_int_equal(child_status("Threads:"), 1);
    assert_int_equal(host_end(host, &report), PROBE_RAN);
    assert_int_equal(child_status("Threads:"), -1);
    assert_int_equal(sched_getaffinity(0, sizeof after, &after), 0);
    assert_true(CPU_EQUAL(&at_first, &after));
}

/* What a module of this text is worth; asked by one simulation after another, or as ever: by many
 * side by side. */
static struct score asked(const struct subject *of, const char *text, size_t seeds, bool alone)
{
    struct probe_report report;
    struct scratch scratch;
    assert_int_equal(scratch_make("asked", &scratch), 0);
    assert_int_equal(compile_module(scratch.path, of, text, NULL, &report), PROBE_RAN);
    struct host *host = host_begin(scratch.path, of, seeds, NULL, &report);
    scratch_remove(&scratch);
    assert_non_null(host);
    struct compiled_policy policy = *host_policy(host);
    assert_non_null(policy.side_by_side);
    if (alone)
        policy.side_by_side = NULL;
    struct evaluation_set *exam = evaluation_set_new(of, "test/probe", seeds);
    struct score score = evaluation_set_module(exam, &policy);
    evaluation_set_free(exam);
    assert_int_equal(host_end(host, &report), PROBE_RAN);
    return score;
}

/* With states and without, and more of them than go on at a time. */
static void side_by_side_or_alone(void **state)
{
    static const char *const names[] = {"window_manager", "process_manager"};
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const struct subject *of = subject_find(names[i]);
        char *text = rendered(of);
        struct score together = asked(of, text, MODULE_LANES + 3, false);
        struct score alone = asked(of, text, MODULE_LANES + 3, true);
        free(text);
        assert_true(together.ratio == alone.ratio && together.cost == alone.cost);
        assert_true(together.ci95 == alone.ci95 && together.worst == alone.worst);
        assert_int_equal(together.wins, alone.wins);
    }
}

/* Of which not all find room when many simulations go on at a time. */
static void large_states(void **state)
{
    static const char size[] = ".state_size = sizeof(struct networking_state)",
                      larger[] = ".state_size = 900000";
    (void)state;
    const struct subject *of = subject_find("networking");
    struct probe_report small, large;
    char *text = rendered(of), *at = strstr(text, size);
    assert_non_null(at);
    probe_module(of, text, "test/probe", SEEDS, NULL, &small);
    memset(at, ' ', strlen(size));
    memcpy(at, larger, strlen(larger));
    probe_module(of, text, "test/probe", SEEDS, NULL, &large);
    free(text);
    assert_int_equal(small.result, PROBE_RAN);
    assert_int_equal(large.result, PROBE_RAN);
    assert_true(large.score.ratio == small.score.ratio);
}

/* ── machines that can't: never a verdict on a module ── */

/* In a process of its own, which `prepare` makes such a machine (77: that can't be had here). */
static void expect_on(int (*prepare)(const char *directory), enum probe_result result,
                      const char *why)
{
    char directory[OWN_FOLDER_SIZE];
    assert_int_equal(own_folder_make(directory), 0);
    pid_t pid = fork();
    if (pid == 0) {
        if (prepare(directory) != 0)
            _exit(77);
        char *text = rendered(subject());
        struct probe_report report = probe(text);
        free(text);
        _exit(report.result == result && strstr(report.why, why) ? 0 : 1);
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    rmdir(directory);
    assert_true(WIFEXITED(status));
    if (WEXITSTATUS(status) == 77)
        print_message("# not tried: no such machine can be had here (%s)\n", *why ? why : "noexec");
    else
        assert_int_equal(WEXITSTATUS(status), 0);
}

static int mount_there(const char *directory, unsigned long flags, const char *options)
{
    if (unshare(CLONE_NEWNS) != 0 && unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0)
        return -1;
    setenv("TMPDIR", directory, 1);
    (void)!mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL);
    return mount("tmpfs", directory, "tmpfs", flags, options);
}

static int where_nothing_runs(const char *directory)
{
    return mount_there(directory, MS_NOEXEC, "size=64m");
}

static int where_the_disk_is_full(const char *directory)
{
    return mount_there(directory, 0, "size=1m");
}

static int where_there_is_no_disk(const char *directory)
{
    char path[OWN_FOLDER_SIZE + 16];
    snprintf(path, sizeof path, "%s/nowhere", directory);
    return setenv("TMPDIR", path, 1);
}

static int without(int call)
{
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
    int failed = !filter || seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), call, 0) != 0 ||
                 seccomp_load(filter) != 0;
    seccomp_release(filter);
    return failed ? -1 : 0;
}

static int without_landlock(const char *directory)
{
    (void)directory;
    return without(SCMP_SYS(landlock_create_ruleset));
}

static int without_entering_landlock(const char *directory)
{
    (void)directory;
    return without(SCMP_SYS(landlock_restrict_self));
}

static int without_filters(const char *directory)
{
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
    (void)directory;
    int failed = !filter ||
                 seccomp_rule_add(filter, SCMP_ACT_ERRNO(EINVAL), SCMP_SYS(prctl), 1,
                                  SCMP_A0(SCMP_CMP_EQ, PR_SET_SECCOMP)) != 0 ||
                 seccomp_load(filter) != 0;
    seccomp_release(filter);
    return failed ? -1 : 0;
}

static int without_programs_in_memory(const char *directory)
{
    (void)directory;
    return without(SCMP_SYS(execveat));
}

static void machines_that_cannot(void **state)
{
    (void)state;
    expect_on(where_nothing_runs, PROBE_RAN, "");
    expect_on(where_the_disk_is_full, PROBE_FAILED, "less than 32 MB free");
    expect_on(where_there_is_no_disk, PROBE_FAILED, "no temporary directory");
    expect_on(without_landlock, PROBE_FAILED, "no Landlock");
    expect_on(without_entering_landlock, PROBE_FAILED, "could not be confined");
    expect_on(without_filters, PROBE_FAILED, "could not be confined");
    expect_on(without_programs_in_memory, PROBE_FAILED, "could not be begun and confined");
}

/* ── compilers ── */

/* What a probe says when cc is this script. */
static struct probe_report probe_with(const char *folder, const char *script)
{
    char path[OWN_FOLDER_SIZE + 16], programs[OWN_FOLDER_SIZE + 64];
    snprintf(path, sizeof path, "%s/cc", folder);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fprintf(file, "#!/bin/sh\n%s\n", script) > 0);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(chmod(path, 0700), 0);
    const char *now = getenv("PATH");
    char *before = strdup(now ? now : "");
    snprintf(programs, sizeof programs, "%s:/usr/bin:/bin", folder);
    setenv("PATH", programs, 1);
    char *text = rendered(subject());
    struct probe_report report = probe(text);
    free(text);
    setenv("PATH", before, 1);
    free(before);
    unlink(path);
    return report;
}

/* Debian's ccache, where it stands before cc in $PATH, asks for a home whatever it is told. */
static void a_compiler_has_a_home(void **state)
{
    (void)state;
    char folder[OWN_FOLDER_SIZE];
    assert_int_equal(own_folder_make(folder), 0);
    struct probe_report report = probe_with(
        folder, "[ -d \"$HOME\" ] || { echo error: no home; exit 1; }\nexec /usr/bin/cc \"$@\"");
    rmdir(folder);
    if (report.result != PROBE_RAN)
        fail_msg("%s", report.why);
}

/* What a compiler that had been taken over could do: nothing, and so it says. */
static void compilers_are_confined(void **state)
{
    (void)state;
    char folder[OWN_FOLDER_SIZE], secret[OWN_FOLDER_SIZE + 16], script[2048];
    assert_int_equal(own_folder_make(folder), 0);
    snprintf(secret, sizeof secret, "%s/secret", folder);
    FILE *file = fopen(secret, "w");
    assert_true(file && fputs("secret\n", file) >= 0 && fclose(file) == 0);
    int open_here = open(secret, O_RDONLY); /* inherited, if that can be */
    assert_int_equal(dup2(open_here, 9), 9);
    setenv("KHUB_TOKEN", "secret", 1);
    int length = snprintf(script, sizeof script,
                          "cat /etc/passwd && echo error: it reads\n"
                          "ls /etc && echo error: it lists\n"
                          "(: >%s/new) && echo error: it writes elsewhere\n"
                          "(: >new) || echo error: it does not write here\n"
                          "(cat <&9) && echo error: it has descriptors\n"
                          "kill -0 %d && echo error: it signals\n"
                          "bash -c ': >/dev/udp/127.0.0.1/9' && echo error: it sends\n"
                          "unshare -Ur true && echo error: it has namespaces\n"
                          "test -n \"$KHUB_TOKEN$USER\" && echo error: it has the environment\n"
                          "test \"$HOME\" = . || echo error: it has a home elsewhere\n"
                          "echo error: it is confined\n"
                          "exit 1",
                          folder, (int)getpid());
    assert_in_range(length, 1, sizeof script - 1);
    struct probe_report report = probe_with(folder, script);
    unsetenv("KHUB_TOKEN");
    close(open_here);
    close(9);
    unlink(secret);
    assert_int_equal(rmdir(folder), 0);
    assert_string_equal(report.why, "cc: error: it is confined");
}

/* It is the source's fault only when the compiler works on the machine's own C. */
static void whose_fault_it_is(void **state)
{
    (void)state;
    static const struct {
        const char *script;
        enum probe_result result;
        const char *why;
    } compilers[] = {
        {"echo error: the source; echo >adapter.o; exit 1", PROBE_NOT_COMPILED, "the source"},
        {"echo error: nothing works; exit 1", PROBE_FAILED, "nothing works"},
        {"echo error: nothing works; : >adapter.o; exit 1", PROBE_FAILED, "nothing works"},
        {"echo error: No space left on device; echo >adapter.o; exit 1", PROBE_FAILED, "No space"},
        {"echo error: Killed signal; echo >adapter.o; exit 1", PROBE_FAILED, "Killed"},
        {"kill -KILL $$", PROBE_FAILED, ""},
        {"exit 0", PROBE_FAILED, "can't be read"},
        {"echo nonsense >policy.o", PROBE_FAILED, "can't be read"},
    };
    char folder[OWN_FOLDER_SIZE];
    assert_int_equal(own_folder_make(folder), 0);
    for (size_t i = 0; i < sizeof compilers / sizeof *compilers; i++) {
        struct probe_report report = probe_with(folder, compilers[i].script);
        assert_string_equal(probe_result_text(report.result),
                            probe_result_text(compilers[i].result));
        if (!strstr(report.why, compilers[i].why))
            fail_msg("%s: %s", compilers[i].script, report.why);
    }
    assert_int_equal(rmdir(folder), 0);
}

int main(void)
{
    if (!landlock_here()) {
        puts("1..0 # SKIP " NO_LANDLOCK);
        return 0;
    }
    if (sched_getaffinity(0, sizeof at_first, &at_first) != 0)
        return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(runs_with_the_same_score),
        cmocka_unit_test(runs_on_several_sets),
        cmocka_unit_test(runs_on_a_thread),
        cmocka_unit_test(side_by_side_or_alone),
        cmocka_unit_test(large_states),
        cmocka_unit_test(source_that_does_not_compile),
        cmocka_unit_test(source_that_wants_more),
        cmocka_unit_test(source_with_names_of_libc),
        cmocka_unit_test(leaves_nothing_behind),
        cmocka_unit_test(stopped_and_without_a_compiler),
        cmocka_unit_test(machines_that_cannot),
        cmocka_unit_test(a_module_is_confined_twice),
        cmocka_unit_test(a_compiler_has_a_home),
        cmocka_unit_test(compilers_are_confined),
        cmocka_unit_test(whose_fault_it_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
