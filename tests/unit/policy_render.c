/* Rendered policies: compiled as a kernel would (freestanding, no warnings, no undefined symbols),
 * loaded, asked, and put in the simulator's place: what the module decides is what was simulated,
 * to the last bit. Needs cc and nm; skips without. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "policy/file_system.h"
#include "policy/process_manager.h"
#include "policy/random.h"
#include "policy/subject.h"
#include "policy_effort.h"

static char directory[] = P_tmpdir "/policy_render_XXXXXX";

__attribute__((format(printf, 1, 2))) static int shell(const char *format, ...)
{
    char command[1024];
    va_list list;
    va_start(list, format);
    int length = vsnprintf(command, sizeof command, format, list);
    va_end(list);
    assert_in_range(length, 1, sizeof command - 1);
    return system(command);
}

static char *rendered(const struct subject *subject, const double *parameters)
{
    int length = subject->render(parameters, NULL, 0);
    assert_true(length > 0);
    char *text = malloc((size_t)length + 1);
    assert_int_equal(subject->render(parameters, text, (size_t)length + 1), length);
    assert_int_equal(strlen(text), length);
    char small[40]; /* too short: cut, ended, and the same length told */
    assert_int_equal(subject->render(parameters, small, sizeof small), length);
    assert_int_equal(strlen(small), sizeof small - 1);
    assert_memory_equal(small, text, sizeof small - 1);
    return text;
}

/* Renders, compiles and loads. */
static void *module_new(const struct subject *subject, const double *parameters)
{
    char path[128];
    char *text = rendered(subject, parameters);
    assert_non_null(strstr(text, subject->name));
    for (int i = 0; i < subject->parameter_count; i++)
        assert_non_null(strstr(text, subject->parameters[i].name));
    snprintf(path, sizeof path, "%s/policy.c", directory);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0 && fclose(file) == 0);
    free(text);
    assert_int_equal(
        shell("cd %s && rm -f policy.so && "
              "cc -std=c11 -Wall -Wextra -Werror -ffreestanding -Os -c policy.c && "
              "test -z \"$(nm -u policy.o)\" && "
              "cc -std=c11 -ffreestanding -nostdlib -Os -fPIC -shared policy.c -o policy.so",
              directory),
        0);
    snprintf(path, sizeof path, "%s/policy.so", directory);
    void *module = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!module)
        fail_msg("%s", dlerror());
    return module;
}

static void *module_function(void *module, const char *name)
{
    void *function = dlsym(module, name);
    assert_non_null(function);
    return function;
}

/* The textbook, the corners, and some between. */
static void parameters_of_round(const struct subject *subject, int round, double *ret)
{
    struct random random;
    random_seed(&random, (uint64_t)round);
    double u[SUBJECT_PARAMETERS_MAX];
    for (int i = 0; i < subject->parameter_count; i++) {
        u[i] = round == 1 ? 0 : round == 2 ? 1 : random_uniform(&random);
        ret[i] = subject->parameters[i].textbook;
    }
    if (round > 0)
        subject_units(subject, u, ret);
}

static int rounds(void)
{
    return 3 + (int)test_sample(5);
}

/* The module's policy as a table, by asking: a level ends at the least time that belongs to a later
 * one. */
static struct cpu_policy ask_module(void *module)
{
    uint32_t (*levels)(void) = (uint32_t(*)(void))module_function(module, "levels");
    uint32_t (*slice_us)(uint32_t) = (uint32_t(*)(uint32_t))module_function(module, "slice_us");
    uint32_t (*level_of)(uint64_t) = (uint32_t(*)(uint64_t))module_function(module, "level_of");
    uint64_t (*boost_us)(void) = (uint64_t(*)(void))module_function(module, "boost_us");
    struct cpu_policy policy = {
        .levels = (int)levels(), .boost = (int64_t)boost_us() * 1000, .switch_cost = 50000};
    assert_in_range(policy.levels, 1, CPU_LEVELS_MAX);
    for (int level = 0; level < policy.levels; level++) {
        policy.slice[level] = (int64_t)slice_us((uint32_t)level) * 1000;
        uint64_t low = 0, high = UINT64_C(1) << 50;
        while (low < high) {
            uint64_t middle = (low + high) / 2;
            if (level_of(middle) > (uint32_t)level)
                high = middle;
            else
                low = middle + 1;
        }
        policy.level_end[level] = (int64_t)low * 1000;
    }
    assert_int_equal(level_of(0), 0);
    assert_int_equal(level_of(UINT64_MAX), policy.levels - 1);
    return policy;
}

static void process_manager_module(void **state)
{
    (void)state;
    const struct subject *subject = subject_find("process_manager");
    struct process_workload *workload = subject->workload_new(3);
    for (int round = 0; round < rounds(); round++) {
        double p[SUBJECT_PARAMETERS_MAX];
        parameters_of_round(subject, round, p);
        void *module = module_new(subject, p);
        struct cpu_policy asked = ask_module(module), own = process_policy(p);
        assert_int_equal(asked.levels, own.levels);
        assert_true(asked.boost == own.boost);
        for (int level = 0; level < own.levels; level++) {
            assert_true(asked.slice[level] == own.slice[level]);
            assert_true(level + 1 == own.levels || asked.level_end[level] == own.level_end[level]);
        }
        double cost = cpu_mean_response(workload->jobs, workload->count, &asked) / 1e6;
        assert_true(cost == subject->cost_of(workload, p));
        dlclose(module);
    }
    subject->workload_free(workload);
}

struct file_module {
    uint32_t (*small_frames)(uint32_t capacity);
    uint32_t (*ghost_pages)(uint32_t capacity);
    uint32_t (*on_miss)(uint32_t remembered, uint32_t run);
    uint32_t (*on_hit)(uint32_t capacity, uint32_t in_main, uint32_t hits, uint32_t newcomers);
    uint32_t (*keeps)(uint32_t in_main, uint32_t hits);
};

/* Every decision there is to take in a cache of this size. */
static void compare_decisions(const struct file_module *ask, const struct s3fifo *own,
                              uint32_t capacity)
{
    assert_int_equal(ask->small_frames(capacity), own->small);
    assert_int_equal(ask->ghost_pages(capacity), own->ghost);
    for (uint32_t run = 1; run <= 2000; run++)
        for (uint32_t remembered = 0; remembered < 2; remembered++)
            assert_int_equal(ask->on_miss(remembered, run), s3fifo_on_miss(own, remembered, run));
    for (uint32_t in_main = 0; in_main < 2; in_main++)
        for (uint32_t hits = 0; hits < 8; hits++) {
            assert_int_equal(ask->keeps(in_main, hits), s3fifo_keeps(own, in_main, hits));
            for (uint32_t newcomers = 0; newcomers <= capacity; newcomers++)
                assert_int_equal(ask->on_hit(capacity, in_main, hits, newcomers),
                                 s3fifo_on_hit(own, in_main, hits, newcomers));
        }
}

/* The least value from which on the module answers so; `most` when it never does. */
static struct s3fifo ask_file_module(const struct file_module *ask, uint32_t capacity)
{
    struct s3fifo policy = {
        .small = ask->small_frames(capacity), .ghost = ask->ghost_pages(capacity), .run = 1};
    while (!ask->keeps(0, policy.promote))
        policy.promote++;
    while (ask->on_hit(capacity, 1, policy.cap, 0) > policy.cap)
        policy.cap++;
    while (ask->on_hit(capacity, 0, 0, policy.correlated) == 0)
        policy.correlated++;
    while (ask->on_miss(0, policy.run) != S3FIFO_BEHIND)
        policy.run++;
    return policy;
}

static void file_system_module(void **state)
{
    (void)state;
    const struct subject *subject = subject_find("file_system");
    struct file_workload *workload = subject->workload_new(3);
    for (int round = 0; round < rounds(); round++) {
        double p[SUBJECT_PARAMETERS_MAX];
        parameters_of_round(subject, round, p);
        void *module = module_new(subject, p);
        struct file_module ask = {
            (uint32_t(*)(uint32_t))module_function(module, "small_frames"),
            (uint32_t(*)(uint32_t))module_function(module, "ghost_pages"),
            (uint32_t(*)(uint32_t, uint32_t))module_function(module, "on_miss"),
            (uint32_t(*)(uint32_t, uint32_t, uint32_t, uint32_t))module_function(module, "on_hit"),
            (uint32_t(*)(uint32_t, uint32_t))module_function(module, "keeps"),
        };
        struct file_tuning tuning = file_tuning(p);
        for (uint32_t capacity = 1; capacity <= 1024; capacity += 93) {
            struct s3fifo own = file_policy(&tuning, capacity);
            compare_decisions(&ask, &own, capacity);
        }
        struct s3fifo asked = ask_file_module(&ask, workload->trace.capacity);
        double cost = (double)cache_s3fifo_misses(&workload->trace, &asked) / workload->trace.count;
        assert_true(cost == subject->cost_of(workload, p));
        dlclose(module);
    }
    subject->workload_free(workload);
}

static int set_up(void **state)
{
    (void)state;
    return mkdtemp(directory) ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    return shell("rm -r %s", directory);
}

int main(void)
{
    if (shell("cc --version >/dev/null 2>&1 && nm --version >/dev/null 2>&1") != 0) {
        printf("1..0 # SKIP no cc or no nm to compile rendered policies with\n");
        return 77;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(process_manager_module),
        cmocka_unit_test(file_system_module),
    };
    return cmocka_run_group_tests_name("policy_render", tests, set_up, tear_down);
}
