/* The probe: what a rendered policy scores, and what happens to C that is not what it should be.
 * Needs cc. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>
#include <dirent.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "policy/optimise/evaluation.h"
#include "policy/subject.h"
#include "probe/probe.h"
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
    expect("#include <stdio.h>\nint x;\n#error no\n", PROBE_NOT_COMPILED, "error");
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

static void source_that_runs_before_it_is_asked(void **state)
{
    (void)state;
    expect_with("", "__attribute__((constructor)) void early(void);\nvoid early(void)\n{\n}\n",
                PROBE_NOT_COMPILED, ".init_array");
    expect_with("",
                "static int chosen(void)\n{\n    return 1;\n}\n"
                "typedef int (*choice)(void);\n"
                "static choice choose(void)\n{\n    return chosen;\n}\n"
                "int indirect(void) __attribute__((ifunc(\"choose\")));\n",
                PROBE_NOT_COMPILED, "indirect");
}

/* Names and sections by which linkers fill in what the loader does. */
static void source_that_steers_the_loader(void **state)
{
    (void)state;
    expect_with("", "void _init(void);\nvoid _init(void)\n{\n}\n", PROBE_NOT_COMPILED, "_init");
    expect_with("", "void _fini(void);\nvoid _fini(void)\n{\n}\n", PROBE_NOT_COMPILED, "_fini");
    expect_with("", "__asm__(\".section .dynamic\\n.quad 12, 0x1000\\n.text\");\n",
                PROBE_NOT_COMPILED, ".dynamic");
    expect_with("", "__asm__(\".section .rela.got\\n.quad 0x3000, 37, 0x1000\\n.text\");\n",
                PROBE_NOT_COMPILED, ".rela.got");
    expect_with("", "__asm__(\".section .dynamic,\\\"a\\\",@3\\n.quad 12, 0x1000\\n.text\");\n",
                PROBE_NOT_COMPILED, ".dynamic");
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

/* What takes a compiler all memory or all disk there is, if it may. */
static void source_that_bloats_the_compiler(void **state)
{
    (void)state;
    expect("#include \"/dev/zero\"\n", PROBE_NOT_COMPILED, "");
    expect("__asm__(\".fill 0x4000000, 8, 1\");\n", PROBE_NOT_COMPILED, "");
}

#if defined(__x86_64__)
/* A module that finds the pipe and tells a verdict of its own (the first word is its
 * result), then exits as the child would. */
static void expect_told(int result)
{
    int directory = dup(0), ends[2]; /* the probe's directory and pipe will have the same numbers */
    assert_int_equal(pipe(ends), 0);
    close(directory);
    close(ends[0]);
    close(ends[1]);
    char lie[1024];
    int length = snprintf(
        lie, sizeof lie,
        "static struct { int result, pad; double rest[16]; } lie;\n    long r;\n"
        "    lie.result = %d;\n"
        "    __asm__ volatile(\"syscall\" : \"=a\"(r) : \"a\"(1), \"D\"(%d), \"S\"(&lie), "
        "\"d\"(%zu) : "
        "\"rcx\", \"r11\", \"memory\");\n"
        "    __asm__ volatile(\"syscall\" : \"=a\"(r) : \"a\"(231), \"D\"(0) : \"rcx\", \"r11\", "
        "\"memory\");\n",
        result, ends[1], 2 * sizeof(int) + sizeof(struct score));
    assert_in_range(length, 1, sizeof lie - 1);
    expect_with(lie, "", PROBE_FAILED, "no score");
}
#endif

static void source_that_lies(void **state)
{
    (void)state;
#if defined(__x86_64__)
    expect_told(PROBE_MISSING);
    expect_told(1000000);
    expect_told(PROBE_RAN); /* with a ratio of 0 */
#endif
}

static void source_that_attacks(void **state)
{
    (void)state;
#if defined(__x86_64__)
    /* socket(AF_INET, SOCK_STREAM, 0), then open("/etc/passwd"), then fork() */
    expect_with("long r; __asm__ volatile(\"syscall\" : \"=a\"(r) : \"a\"(41), \"D\"(2), \"S\"(1), "
                "\"d\"(0) : \"rcx\", \"r11\", \"memory\");",
                "", PROBE_KILLED, "system call");
    expect_with("long r; __asm__ volatile(\"syscall\" : \"=a\"(r) : \"a\"(2), "
                "\"D\"(\"/etc/passwd\"), \"S\"(0) : \"rcx\", \"r11\", \"memory\");",
                "", PROBE_KILLED, "system call");
    expect_with("long r; __asm__ volatile(\"syscall\" : \"=a\"(r) : \"a\"(257), \"D\"(-100), "
                "\"S\"(\"/etc/passwd\"), \"d\"(0) : \"rcx\", \"r11\", \"memory\");",
                "", PROBE_KILLED, "system call");
    expect_with("long r; __asm__ volatile(\"syscall\" : \"=a\"(r) : \"a\"(57) : \"rcx\", "
                "\"r11\", \"memory\");",
                "", PROBE_KILLED, "system call");
#endif
    expect_with("volatile unsigned long at = 8; *(volatile int *)at = 1;", "", PROBE_KILLED,
                "crashed");
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

/* The CPU limit is the lower of the probe's own and what this process may have. */
static void source_that_never_ends(void **state)
{
    (void)state;
    pid_t pid = fork();
    if (pid == 0) {
        setrlimit(RLIMIT_CPU, &(struct rlimit){1, 1});
        char *text = rendered(subject());
        char source[1 << 16];
        static const char begin[] = "static uint32_t slice_us(uint64_t attained_us)\n{\n";
        char *at = strstr(text, begin) + strlen(begin);
        snprintf(source, sizeof source,
                 "%.*s    for (volatile int i = 0; i < 1; i += 0)\n        ;\n%s", (int)(at - text),
                 text, at);
        struct probe_report report;
        probe_module(subject(), source, "test/probe", SEEDS, NULL, &report);
        free(text);
        _exit(report.result == PROBE_TIMEOUT ? 0 : 1 + (int)report.result);
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(runs_with_the_same_score),
        cmocka_unit_test(runs_on_a_thread),
        cmocka_unit_test(source_that_does_not_compile),
        cmocka_unit_test(source_that_wants_more),
        cmocka_unit_test(source_that_runs_before_it_is_asked),
        cmocka_unit_test(source_that_steers_the_loader),
        cmocka_unit_test(source_with_names_of_libc),
        cmocka_unit_test(source_that_bloats_the_compiler),
        cmocka_unit_test(source_that_lies),
        cmocka_unit_test(source_that_attacks),
        cmocka_unit_test(source_that_never_ends),
        cmocka_unit_test(leaves_nothing_behind),
        cmocka_unit_test(stopped_and_without_a_compiler),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
