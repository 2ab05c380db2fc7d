/* What is in an object that a compiler made of somebody's source. What is undefined, or would run
 * before it is asked (constructors, indirect functions, what would steer a loader), is refused; and
 * variables, for all that a module remembers is in its states. */
#include <fcntl.h>
#include <gelf.h>
#include <libelf.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "probe/room.h"

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
    bool counted; /* its basic blocks are */
    size_t bytes; /* code and constants */
    struct probe_report *report;
};

static const char counter[] = "__sanitizer_cov_trace_pc";

/* Names of what a module is linked with. */
static bool is_ours(const char *name, const struct finding *finding)
{
    return strcmp(name, finding->ops) != 0 &&
           (strncmp(name, "khub_", 5) == 0 || strcmp(name, counter) == 0);
}

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
        if (!name || (symbol.st_shndx == SHN_UNDEF && !*name) ||
            (symbol.st_shndx == SHN_UNDEF && finding->counted && strcmp(name, counter) == 0))
            continue;
        if (symbol.st_shndx == SHN_UNDEF) {
            probe_explain(report, "it needs %.64s, which it does not define", name);
            return PROBE_UNDEFINED;
        }
        if (runs_by_itself(&symbol, name)) {
            probe_explain(report, "%.64s would run before it is asked", name);
            return PROBE_NOT_COMPILED;
        }
        if (is_ours(name, finding)) {
            probe_explain(report, "%.64s is not for it to define", name);
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
        if (header.sh_flags & SHF_WRITE && header.sh_size > 0) {
            probe_explain(report, "it has variables of its own (%.32s): what it remembers is state",
                          name);
            return PROBE_NOT_COMPILED;
        }
        if (header.sh_flags & SHF_ALLOC && strncmp(name, ".eh_frame", 9) != 0)
            finding->bytes += header.sh_size;
        if (header.sh_type == SHT_SYMTAB) {
            enum probe_result result = check_symbols(elf, section, &header, finding);
            if (result != PROBE_RAN)
                return result;
        }
    }
    return PROBE_RAN;
}

enum probe_result object_check(const char *path, const struct subject *subject, bool counted,
                               struct probe_report *report)
{
    struct finding finding = {.counted = counted, .report = report};
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
    if (!counted)
        report->object_bytes = finding.bytes;
    elf_end(elf);
    if (fd >= 0)
        close(fd);
    return result;
}
