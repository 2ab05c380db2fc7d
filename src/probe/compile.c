/* From C source to a shared object, as strict as a kernel's build, and with no way in but the
 * interface: what is undefined, or would run before it is asked (constructors, indirect
 * functions, what would steer the loader), is refused by looking at the object itself. */
#include <errno.h>
#include <fcntl.h>
#include <gelf.h>
#include <libelf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "policy/module.h"
#include "probe/room.h"
#include "process/lifeline.h"

#define COMPILE_SECONDS 60.0 /* a policy of 10 kB takes 0.1 */
#define COMPLAINT_MAX   160u

static bool executable(const char *directory, size_t length, const char *program)
{
    char path[PROBE_PATH_MAX];
    int written = snprintf(path, sizeof path, "%.*s/%s", (int)length, directory, program);
    return written > 0 && (size_t)written < sizeof path && access(path, X_OK) == 0;
}

bool compile_possible(void)
{
    const char *path = getenv("PATH");
    while (path && *path) {
        size_t length = strcspn(path, ":");
        if (executable(path, length, "cc"))
            return true;
        path += length + (path[length] == ':');
    }
    return false;
}

/* First line of what the compiler said. */
static void first_complaint(const char *path, char ret_line[COMPLAINT_MAX])
{
    FILE *file = fopen(path, "re");
    ret_line[0] = '\0';
    char line[1024];
    while (file && fgets(line, sizeof line, file)) {
        const char *error = strstr(line, "error: ");
        if (!error)
            continue;
        size_t length = strcspn(error, "\n");
        length = length < COMPLAINT_MAX - 1 ? length : COMPLAINT_MAX - 1;
        memcpy(ret_line, error, length);
        ret_line[length] = '\0';
        break;
    }
    if (file)
        fclose(file);
}

/* This process's environment with temporary files in the directory; the caller frees the array
 * alone. `temporary` is "TMPDIR=…". */
static char **environment_of(char *temporary)
{
    size_t count = 0, kept = 0;
    while (environ[count])
        count++;
    char **environment = calloc(count + 2, sizeof *environment);
    for (size_t i = 0; environment && i < count; i++)
        if (strncmp(environ[i], "TMPDIR=", 7) != 0)
            environment[kept++] = environ[i];
    if (environment)
        environment[kept] = temporary;
    return environment;
}

/* Becomes cc, in a process group of its own: it has children, which must not outlive it. */
_Noreturn static void become_compiler(const char *const *arguments, char *const *environment,
                                      const char *log)
{
    int input = open("/dev/null", O_RDONLY);
    int output = open(log, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    if (input >= 0 && output >= 0 && dup2(input, 0) == 0 && dup2(output, 1) == 1 &&
        dup2(output, 2) == 2 && sandbox_bound_compiler() == 0)
        /* execvpe takes char *const[], and promises not to write to it */
        execvpe("cc", (char *const *)(uintptr_t)arguments, environment);
    _exit(127);
}

/* Runs cc, its output and its temporary files in the directory. 0 when it worked. */
static int run_compiler(const char *const *arguments, const char *directory,
                        const atomic_bool *stop)
{
    char log[PROBE_PATH_MAX], temporary[PROBE_PATH_MAX];
    snprintf(log, sizeof log, "%s/log", directory);
    snprintf(temporary, sizeof temporary, "TMPDIR=%s", directory);
    char **environment = environment_of(temporary);
    if (!environment)
        return -1;
    pid_t pid = lifeline_fork_group();
    if (pid == 0)
        become_compiler(arguments, environment, log);
    free(environment);
    if (pid < 0)
        return -1;
    bool late;
    return probe_wait(pid, COMPILE_SECONDS, stop, &late) == 0 ? 0 : -1;
}

/* ── what the object has ── */

/* What compilers make of functions and data. Anything else, a linker might hand on to the
 * loader: constructors, or the loader's own tables with somebody's entries in them. */
static bool is_ordinary(const char *section, const GElf_Shdr *header)
{
    static const char *const names[] = {
        ".text",   ".rodata", ".data",     ".bss",          ".eh_frame", ".comment", ".note",
        ".symtab", ".strtab", ".shstrtab", ".llvm_addrsig", ".ARM.",     ".riscv."};
    if (header->sh_type == SHT_NULL)
        return true;
    if (header->sh_type == SHT_RELA || header->sh_type == SHT_REL)
        return header->sh_info != 0; /* of which section */
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strncmp(section, names[i], strlen(names[i])) == 0)
            return true;
    return false;
}

/* An indirect function, or one that linkers name to the loader. */
static bool runs_by_itself(const GElf_Sym *symbol, const char *name)
{
    return GELF_ST_TYPE(symbol->st_info) == STT_GNU_IFUNC || strcmp(name, "_init") == 0 ||
           strcmp(name, "_fini") == 0;
}

/* What is looked for in an object, and found. */
struct finding {
    char ops[64]; /* the name of its ops struct */
    bool has_ops;
    struct probe_report *report;
};

static bool is_ops(const GElf_Sym *symbol, const char *name, const struct finding *finding)
{
    return GELF_ST_TYPE(symbol->st_info) == STT_OBJECT &&
           GELF_ST_BIND(symbol->st_info) == STB_GLOBAL && strcmp(name, finding->ops) == 0;
}

static enum probe_result check_symbols(Elf *elf, Elf_Scn *section, const GElf_Shdr *header,
                                       struct finding *finding)
{
    struct probe_report *report = finding->report;
    Elf_Data *data = elf_getdata(section, NULL);
    size_t count = header->sh_entsize ? header->sh_size / header->sh_entsize : 0;
    for (size_t i = 0; data && i < count; i++) {
        GElf_Sym symbol;
        if (!gelf_getsym(data, (int)i, &symbol))
            return PROBE_FAILED;
        const char *name = elf_strptr(elf, header->sh_link, symbol.st_name);
        if (!name || (symbol.st_shndx == SHN_UNDEF && !*name))
            continue;
        if (symbol.st_shndx == SHN_UNDEF) {
            probe_explain(report, "it needs %.64s, which it does not define", name);
            return PROBE_UNDEFINED;
        }
        if (runs_by_itself(&symbol, name)) {
            probe_explain(report, "%.64s would run before it is asked", name);
            return PROBE_NOT_COMPILED;
        }
        finding->has_ops |= is_ops(&symbol, name, finding);
    }
    return PROBE_RAN;
}

static enum probe_result check_sections(Elf *elf, struct finding *finding)
{
    struct probe_report *report = finding->report;
    size_t names;
    if (elf_kind(elf) != ELF_K_ELF || elf_getshdrstrndx(elf, &names) != 0)
        return PROBE_FAILED;
    Elf_Scn *section = NULL;
    while ((section = elf_nextscn(elf, section))) {
        GElf_Shdr header;
        const char *name;
        if (!gelf_getshdr(section, &header) || !(name = elf_strptr(elf, names, header.sh_name)))
            return PROBE_FAILED;
        if (!is_ordinary(name, &header)) {
            probe_explain(report, "its section %.32s is neither code nor data", name);
            return PROBE_NOT_COMPILED;
        }
        if (header.sh_flags & SHF_ALLOC && strncmp(name, ".eh_frame", 9) != 0)
            report->object_bytes += header.sh_size;
        if (header.sh_type == SHT_SYMTAB) {
            enum probe_result result = check_symbols(elf, section, &header, finding);
            if (result != PROBE_RAN)
                return result;
        }
    }
    return PROBE_RAN;
}

static enum probe_result check_object(const char *path, const struct subject *subject,
                                      struct probe_report *report)
{
    struct finding finding = {.report = report};
    snprintf(finding.ops, sizeof finding.ops, "khub_%s", subject->name);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    Elf *elf = NULL;
    enum probe_result result = PROBE_FAILED;
    if (fd >= 0 && elf_version(EV_CURRENT) != EV_NONE)
        elf = elf_begin(fd, ELF_C_READ, NULL);
    if (elf)
        result = check_sections(elf, &finding);
    if (result == PROBE_FAILED)
        probe_explain(report, "the compiler's object can't be read");
    else if (result == PROBE_RAN && !finding.has_ops) {
        probe_explain(report, "it does not define %s", finding.ops);
        result = PROBE_MISSING;
    }
    elf_end(elf);
    if (fd >= 0)
        close(fd);
    return result;
}

static int write_source(const char *path, const char *source)
{
    FILE *file = fopen(path, "wxe");
    if (!file)
        return -1;
    int failed = fputs(source, file) < 0;
    failed |= fclose(file) != 0;
    return failed ? -1 : 0;
}

/* directory/adapter.c. 0 or -1. */
static int write_adapter(const char *path, const struct subject *subject)
{
    int length = module_adapter(subject, NULL, 0);
    char *text = malloc((size_t)length + 1);
    if (!text)
        return -1;
    module_adapter(subject, text, (size_t)length + 1);
    int failed = write_source(path, text);
    free(text);
    return failed;
}

/* cc, as a kernel would, from one file to another. */
static int run_cc(const char *directory, const char *source, const char *object,
                  const atomic_bool *stop)
{
    const char *const arguments[] = {
        "cc", "-std=c11", "-Wall", "-Wextra", "-Werror", "-ffreestanding", "-Os", "-fPIC",
        "-c", source,     "-o",    object,    NULL};
    return run_compiler(arguments, directory, stop);
}

/* 0, or -1 after a complaint. */
static int link_adapter(const char *directory, const struct subject *subject, const char *object,
                        const atomic_bool *stop)
{
    char source[PROBE_PATH_MAX], adapter[PROBE_PATH_MAX], library[PROBE_PATH_MAX];
    snprintf(source, sizeof source, "%s/adapter.c", directory);
    snprintf(adapter, sizeof adapter, "%s/adapter.o", directory);
    snprintf(library, sizeof library, "%s/policy.so", directory);
    if (write_adapter(source, subject) < 0 || run_cc(directory, source, adapter, stop) < 0)
        return -1;
    /* -Bsymbolic: what it calls is its own, whatever names are loaded here already. */
    const char *const link[] = {"cc",   "-shared", "-nostdlib", "-Wl,-z,defs", "-Wl,-Bsymbolic",
                                object, adapter,   "-o",        library,       NULL};
    return run_compiler(link, directory, stop);
}

enum probe_result compile_module(const char *directory, const struct subject *subject,
                                 const char *source, const atomic_bool *stop,
                                 struct probe_report *report)
{
    char source_path[PROBE_PATH_MAX], object[PROBE_PATH_MAX], log[PROBE_PATH_MAX],
        complaint[COMPLAINT_MAX];
    snprintf(source_path, sizeof source_path, "%s/policy.c", directory);
    snprintf(object, sizeof object, "%s/policy.o", directory);
    snprintf(log, sizeof log, "%s/log", directory);
    if (strlen(source) > PROBE_SOURCE_MAX) {
        probe_explain(report, "its source has %zu bytes; the limit is %u", strlen(source),
                      PROBE_SOURCE_MAX);
        return PROBE_NOT_COMPILED;
    }
    if (write_source(source_path, source) < 0) {
        probe_explain(report, "can't write %.128s: %s", source_path, strerror(errno));
        return PROBE_FAILED;
    }
    if (run_cc(directory, source_path, object, stop) < 0) {
        first_complaint(log, complaint);
        probe_explain(report, "cc: %s", *complaint ? complaint : "it did not compile");
        return PROBE_NOT_COMPILED;
    }
    enum probe_result result = check_object(object, subject, report);
    if (result != PROBE_RAN)
        return result;
    if (link_adapter(directory, subject, object, stop) < 0) {
        first_complaint(log, complaint);
        probe_explain(report, "cc: %s", *complaint ? complaint : "it did not link");
        return PROBE_NOT_COMPILED;
    }
    return PROBE_RAN;
}
