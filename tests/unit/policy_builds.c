/* Rendered policies of every subject, as those who take them build them: for other machines than
 * this one, with nothing undefined (no division that a 32-bit kernel or BPF has not), and all of
 * them in one program. Needs clang and its targets; skips without. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>
#include <fcntl.h>
#include <gelf.h>
#include <libelf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "policy/program.h"
#include "policy/subject.h"

static char directory[] = P_tmpdir "/policy_builds_XXXXXX";

/* And what a kernel's build for it adds. */
static const struct {
    const char *name, *options;
} targets[] = {
    {"x86_64-linux-gnu", "-mno-sse -mno-red-zone"},
    {"aarch64-linux-gnu", "-mgeneral-regs-only"},
    {"i386-linux-gnu", "-mno-sse"},
    {"armv7-linux-gnueabi", "-mcpu=cortex-a15 -mfloat-abi=soft"},
    {"bpf", "-O2 -mcpu=v3"},
};

__attribute__((format(printf, 1, 2))) static int shell(const char *format, ...)
{
    char command[2048];
    va_list list;
    va_start(list, format);
    int length = vsnprintf(command, sizeof command, format, list);
    va_end(list);
    assert_in_range(length, 1, sizeof command - 1);
    return system(command);
}

static void write_file(const char *name, const char *text)
{
    char path[128];
    snprintf(path, sizeof path, "%s/%s.c", directory, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0 && fclose(file) == 0);
}

/* NAME_program.c: what is known last in the frame. */
static void render_program(const struct subject *subject)
{
    struct program program;
    char name[64];
    size_t last = 0;
    while (subject->frame->known[last + 1])
        last++;
    assert_int_equal(program_read(subject->frame, subject->frame->known[last], &program), 0);
    int length = subject_render_program(subject, &program, NULL, 0);
    char *text = malloc((size_t)length + 1);
    assert_non_null(text);
    subject_render_program(subject, &program, text, (size_t)length + 1);
    snprintf(name, sizeof name, "%s_program", subject->name);
    write_file(name, text);
    free(text);
}

/* NAME.c of every subject, and NAME_program.c of those that have a frame. */
static void render_all(void)
{
    size_t count;
    const struct subject *const *all = subjects(&count);
    for (size_t i = 0; i < count; i++) {
        double textbook[SUBJECT_PARAMETERS_MAX];
        subject_textbook(all[i], textbook);
        int length = subject_render(all[i], textbook, NULL, 0);
        assert_true(length > 0);
        char *text = malloc((size_t)length + 1);
        subject_render(all[i], textbook, text, (size_t)length + 1);
        write_file(all[i]->name, text);
        free(text);
        if (all[i]->frame)
            render_program(all[i]);
    }
}

/* The first symbol that an object needs and has not. "": none. */
static void undefined_symbol(const char *path, char ret_name[64])
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    Elf *elf = elf_begin(fd, ELF_C_READ, NULL);
    Elf_Scn *section = NULL;
    size_t looked = 0;
    assert_non_null(elf);
    ret_name[0] = '\0';
    while ((section = elf_nextscn(elf, section))) {
        GElf_Shdr header;
        GElf_Sym symbol;
        assert_non_null(gelf_getshdr(section, &header));
        Elf_Data *data = header.sh_type == SHT_SYMTAB ? elf_getdata(section, NULL) : NULL;
        for (int i = 1; data && gelf_getsym(data, i, &symbol); i++, looked++)
            if (symbol.st_shndx == SHN_UNDEF)
                snprintf(ret_name, 64, "%s", elf_strptr(elf, header.sh_link, symbol.st_name));
    }
    assert_true(looked > 1);
    elf_end(elf);
    close(fd);
}

/* The first line of a log with an error in it. */
static void first_error(const char *path, char ret_why[128])
{
    char line[1024];
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    snprintf(ret_why, 128, "it does not compile");
    while (fgets(line, sizeof line, file))
        if (strcasestr(line, "error")) {
            snprintf(ret_why, 128, "%.*s", (int)strcspn(line, "\n"), line);
            break;
        }
    fclose(file);
}

/* "", or what is wrong. */
static void build(const char *name, const char *options, size_t k, char ret_why[128])
{
    char object[128], log[128], undefined[64];
    snprintf(object, sizeof object, "%s/module.o", directory);
    snprintf(log, sizeof log, "%s/log", directory);
    ret_why[0] = '\0';
    if (shell("cd %s && TMPDIR=. clang --target=%s -std=c11 -ffreestanding -Os %s -fno-pic -Wall "
              "-Wextra -Werror -Wmissing-prototypes -Wmissing-variable-declarations %s -c %s.c "
              "-o module.o >log 2>&1",
              directory, targets[k].name, targets[k].options, options, name) != 0) {
        first_error(log, ret_why);
        return;
    }
    undefined_symbol(object, undefined);
    if (*undefined)
        snprintf(ret_why, 128, "it needs %s", undefined);
}

/* For how many targets it can't be built. */
static size_t build_for_all(const char *name, const char *options)
{
    size_t failed = 0;
    for (size_t k = 0; k < sizeof targets / sizeof *targets; k++) {
        char why[128];
        build(name, options, k, why);
        if (!*why)
            continue;
        print_message("# %s for %s: %s\n", name, targets[k].name, why);
        failed++;
    }
    return failed;
}

static void builds_for_every_target(void **state)
{
    size_t count, failed = 0;
    const struct subject *const *all = subjects(&count);
    (void)state;
    for (size_t i = 0; i < count; i++)
        failed += build_for_all(all[i]->name, "");
    assert_int_equal(failed, 0);
}

/* In these all arithmetic is there, and all of the rules, whether it is used or not. */
static void so_do_programs(void **state)
{
    size_t count, failed = 0;
    const struct subject *const *all = subjects(&count);
    (void)state;
    for (size_t i = 0; i < count; i++) {
        char name[64];
        snprintf(name, sizeof name, "%s_program", all[i]->name);
        failed += all[i]->frame ? build_for_all(name, "-Wno-unused-function") : 0;
    }
    assert_int_equal(failed, 0);
}

/* The names that others see of all modules together are those of their ops structs. */
static void all_are_one_program(void **state)
{
    size_t count;
    char names[1024] = "", sources[1024] = "";
    const struct subject *const *all = subjects(&count);
    (void)state;
    for (size_t i = 0; i < count; i++) {
        size_t named = strlen(names), listed = strlen(sources);
        snprintf(names + named, sizeof names - named, "khub_%s\\n", all[i]->name);
        snprintf(sources + listed, sizeof sources - listed, " %s.c", all[i]->name);
    }
    assert_int_equal(shell("cd %s && clang -std=c11 -ffreestanding -Os -nostdlib -shared -fPIC "
                           "-fvisibility=default -Wl,-z,defs%s -o all.so",
                           directory, sources),
                     0);
    assert_int_equal(
        shell("cd %s && printf '%s' | LC_ALL=C sort >wanted && nm -D --defined-only all.so | "
              "sed 's/.* //' | LC_ALL=C sort | diff - wanted",
              directory, names),
        0);
}

static int set_up(void **state)
{
    (void)state;
    if (!mkdtemp(directory))
        return -1;
    elf_version(EV_CURRENT);
    render_all();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    return shell("rm -r %s", directory);
}

int main(void)
{
    if (system("clang --version >/dev/null 2>&1 && nm --version >/dev/null 2>&1") != 0) {
        printf("1..0 # SKIP no clang or no nm to build rendered policies with\n");
        return 77;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(builds_for_every_target),
        cmocka_unit_test(so_do_programs),
        cmocka_unit_test(all_are_one_program),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
