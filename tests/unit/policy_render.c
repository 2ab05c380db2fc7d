/* Rendered policies of every subject: compiled as a kernel would (freestanding, no warnings, no
 * undefined symbols) by gcc and by clang, loaded, and put in the simulator's place: what the module
 * decides costs what was simulated, to the last bit. And modules that answer anything at all, which
 * break nothing. Needs gcc or clang, and nm; skips without. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>
#include <dlfcn.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "policy/module.h"
#include "policy/optimise/evaluation.h"
#include "policy/random.h"
#include "policy/subject.h"

enum { SUBJECTS_MAX = 32, ROUNDS = 4 };

static char directory[] = P_tmpdir "/policy_render_XXXXXX";
static const char *compilers[2];
static int compiler_count;

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

static FILE *source_new(const char *name)
{
    char path[128];
    snprintf(path, sizeof path, "%s/%s.c", directory, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    return file;
}

struct module {
    void *library;
    void (*answer)(struct module_call *call);
    struct compiled_policy policy;
};

static void answer_here(const struct compiled_policy *policy, struct module_call *call)
{
    const struct module *module = policy->context;
    module->answer(call);
}

static void write_adapter(const struct subject *subject)
{
    int length = module_adapter(subject, NULL, 0);
    assert_true(length > 0);
    char *text = malloc((size_t)length + 1);
    assert_int_equal(module_adapter(subject, text, (size_t)length + 1), length);
    FILE *file = source_new("adapter");
    assert_true(fputs(text, file) >= 0 && fclose(file) == 0);
    free(text);
}

/* Loads policy.c as this compiler makes it, each time under another name: what has the name of
 * something that is loaded isn't loaded again. */
static void module_load(const struct subject *subject, const char *compiler,
                        struct module *ret_module)
{
    static int made;
    char path[128];
    snprintf(path, sizeof path, "%s/policy%d.so", directory, made++);
    write_adapter(subject);
    assert_int_equal(shell("cd %s && %s -std=c11 -ffreestanding -nostdlib -Os -fPIC -shared "
                           "-Wall -Wextra -Werror policy.c adapter.c -o %s",
                           directory, compiler, path),
                     0);
    *ret_module = (struct module){.library = dlopen(path, RTLD_NOW | RTLD_LOCAL),
                                  .policy = {answer_here, ret_module}};
    if (!ret_module->library)
        fail_msg("%s", dlerror());
    void *function = dlsym(ret_module->library, "khub_answer");
    assert_non_null(function);
    memcpy(&ret_module->answer, &function, sizeof function);
}

/* The source of this policy is in policy.c, and is as it should be. */
static void render(const struct subject *subject, const double *parameters)
{
    int length = subject_render(subject, parameters, NULL, 0);
    assert_true(length > 0);
    char *text = malloc((size_t)length + 1);
    assert_int_equal(subject_render(subject, parameters, text, (size_t)length + 1), length);
    assert_int_equal(strlen(text), length);
    char small[40]; /* too short: cut, ended, and the same length told */
    assert_int_equal(subject_render(subject, parameters, small, sizeof small), length);
    assert_int_equal(strlen(small), sizeof small - 1);
    assert_memory_equal(small, text, sizeof small - 1);
    assert_non_null(strstr(text, subject->name));
    for (int i = 0; i < subject->parameter_count; i++)
        assert_non_null(strstr(text, subject->parameters[i].name));
    FILE *file = source_new("policy");
    assert_true(fputs(text, file) >= 0 && fclose(file) == 0);
    free(text);
    for (int i = 0; i < compiler_count; i++)
        assert_int_equal(
            shell("cd %s && %s -std=c11 -Wall -Wextra -Werror -ffreestanding -Os -c policy.c && "
                  "test -z \"$(nm -u policy.o)\"",
                  directory, compilers[i]),
            0);
}

/* The textbook, the corners, and what lies between. */
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

static void assert_runs_modules(const struct subject *subject)
{
    if (subject->operation_count == 0 || !subject->module_cost)
        fail_msg("%s renders no module that can be run", subject->name);
}

static void decides_as_simulated(void **state)
{
    const struct subject *subject = *state;
    assert_runs_modules(subject);
    struct evaluation_set *set = evaluation_set_new(subject, "peer/render", 2);
    for (int round = 0; round < ROUNDS; round++) {
        double p[SUBJECT_PARAMETERS_MAX];
        parameters_of_round(subject, round, p);
        render(subject, p);
        struct module module;
        module_load(subject, compilers[round % compiler_count], &module);
        struct score asked = evaluation_set_module(set, &module.policy),
                     own = evaluation_set_score(set, p);
        dlclose(module.library);
        if (asked.ratio != own.ratio || asked.cost != own.cost)
            fail_msg("%s, round %d: the module's cost is %a, the policy's %a", subject->name, round,
                     asked.cost, own.cost);
    }
    evaluation_set_free(set);
}

/* What every function of a hostile module answers: the most there is, nothing, and now this, now
 * that. */
static const char *const answers[] = {
    "~0ull", "0", "(seed = seed * 6364136223846793005u + 1442695040888963407u) >> 20"};

/* It also asks for all the memory there is, and uses what it gets. */
static void write_liar(FILE *file, const struct subject *subject, const char *answer)
{
    fprintf(file,
            "unsigned long long seed;\n"
            "static unsigned long long lie(void) { return %s; }\n"
            "__attribute__((unused)) static void fill(unsigned char *state)\n"
            "{ for (long i = 0; i < %u; i++) { if (state[i]) __builtin_trap(); state[i] = 1; } }\n"
            "const struct { %s unsigned long long (*all[10])(void); } khub_%s = {\n"
            "    %s {lie, lie, lie, lie, lie, lie, lie, lie, lie, lie} };\n",
            answer, MODULE_STATE_MAX,
            subject->stateful ? "unsigned size; void (*reset)(unsigned char *);" : "",
            subject->name, subject->stateful ? "0xffffffff, fill," : "");
}

static void answers_break_nothing(void **state)
{
    const struct subject *subject = *state;
    assert_runs_modules(subject);
    struct evaluation_set *set = evaluation_set_new(subject, "peer/render", 2);
    for (size_t k = 0; k < sizeof answers / sizeof *answers; k++) {
        FILE *file = source_new("policy");
        write_liar(file, subject, answers[k]);
        assert_int_equal(fclose(file), 0);
        struct module module;
        module_load(subject, compilers[0], &module);
        struct score score = evaluation_set_module(set, &module.policy);
        dlclose(module.library);
        if (!(score.cost > 0 && score.cost < HUGE_VAL))
            fail_msg("%s, all answers %s: cost %g", subject->name, answers[k], score.cost);
        assert_true(score.ratio >= evaluation_set_bound(set).ratio);
    }
    evaluation_set_free(set);
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
    static const char *const known[] = {"gcc", "clang"};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (shell("%s --version >/dev/null 2>&1", known[i]) == 0)
            compilers[compiler_count++] = known[i];
    if (compiler_count == 0 || shell("nm --version >/dev/null 2>&1") != 0) {
        printf("1..0 # SKIP no compiler or no nm to compile rendered policies with\n");
        return 77;
    }
    size_t count;
    const struct subject *const *all = subjects(&count);
    assert_in_range(count, 1, SUBJECTS_MAX);
    static char names[SUBJECTS_MAX][64];
    struct CMUnitTest tests[2 * SUBJECTS_MAX];
    for (size_t i = 0; i < count; i++) {
        union { /* cmocka's state is not const */
            const struct subject *subject;
            void *state;
        } given = {.subject = all[i]};
        snprintf(names[i], sizeof names[i], "%s, answers break nothing", all[i]->name);
        tests[2 * i] =
            (struct CMUnitTest){all[i]->name, decides_as_simulated, NULL, NULL, given.state};
        tests[2 * i + 1] =
            (struct CMUnitTest){names[i], answers_break_nothing, NULL, NULL, given.state};
    }
    return _cmocka_run_group_tests("policy_render", tests, 2 * count, set_up, tear_down);
}
