/* What an attacker tries by the C of a module: at the door, where its text is read, and behind it,
 * as if the text had not been read. Each attempt says what it is after, and must fail in the way
 * that is named. Whatever runs gets a score that its answers earned: none is below the bound.
 * Needs cc. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "policy/optimise/evaluation.h"
#include "probe/room.h"
#include "tests/unit/landlock_here.h"
#include "tests/unit/own_folder.h"

#define SEEDS 2u

struct attempt {
    const char *after;       /* what it is after */
    const char *in_slice_us; /* C at the beginning of a function of the module */
    const char *around;      /* C in front of the module */
    const char *door;        /* what the door says; NULL: it lets it pass */
    const char *why;         /* what becomes of it behind the door */
    enum probe_result inside;
    bool for_nothing; /* its score is the textbook's, to the bit */
};

/* Text that the door refuses. What is behind it is still as it is without a door. */
static const struct attempt to_read[] = {
    {"a file, by #include", "", "#include \"/etc/passwd\"\n", "#include", "/etc/passwd",
     PROBE_NOT_COMPILED},
    {"a file that is root's", "", "#include \"/etc/shadow\"\n", "#include", "/etc/shadow",
     PROBE_NOT_COMPILED},
    {"headers of the system", "", "#include <stdio.h>\n", "#include", "stdio.h",
     PROBE_NOT_COMPILED},
    {"a file, by a macro's #include", "", "#define FILE_NAME \"/etc/passwd\"\n#include FILE_NAME\n",
     "#include", "/etc/passwd", PROBE_NOT_COMPILED},
    {"a file, by #include_next", "", "#include_next \"/etc/passwd\"\n", "# line", "",
     PROBE_NOT_COMPILED},
    {"a file, by #embed", "", "static const char stolen[] = {\n#embed \"/etc/passwd\"\n};\n",
     "# line", "", PROBE_NOT_COMPILED},
    {"a file, past a comment", "", "/* */ # /* */ include \"/etc/passwd\"\n", "# line",
     "/etc/passwd", PROBE_NOT_COMPILED},
    {"a file, by a digraph", "", "%:include \"/etc/passwd\"\n", "%:", "/etc/passwd",
     PROBE_NOT_COMPILED},
    {"a file, by a trigraph", "",
     "?"
     "?=include \"/etc/passwd\"\n",
     "trigraph", "trigraph", PROBE_NOT_COMPILED},
    {"a file, on a line that goes on", "", "#inc\\\nlude \"/etc/passwd\"\n", "goes on",
     "/etc/passwd", PROBE_NOT_COMPILED},
    {"a file, behind what looks like a comment", "",
     "// ?"
     "?/\n/*\n#include \"/etc/passwd\"\n/* */\n",
     "trigraph", "trigraph", PROBE_NOT_COMPILED},
    {"the same without trigraphs", "", "//, \\\n  /*\n#include \"/etc/passwd\"\n/* */\n", "goes on",
     "multi-line comment", PROBE_NOT_COMPILED},
    {"a file, by the assembler", "",
     "__asm__(\".section .rodata\\n.incbin \\\"/etc/passwd\\\"\\n.text\");\n", "__asm__",
     "/etc/passwd", PROBE_NOT_COMPILED},
    {"a source, by the assembler", "", "__asm__(\".include \\\"/etc/passwd\\\"\");\n", "__asm__",
     "/etc/passwd", PROBE_NOT_COMPILED},
    {"the environment", "",
     "__asm__(\".section .rodata\\n.incbin \\\"/proc/self/environ\\\"\\n.text\");\n", "__asm__",
     "/proc/self/environ", PROBE_NOT_COMPILED},
    {"the assembler, on a line that goes on", "", "__as\\\nm__(\".incbin \\\"/etc/passwd\\\"\");\n",
     "goes on", "/etc/passwd", PROBE_NOT_COMPILED},
    {"when a file was written", "", "#pragma GCC dependency \"/etc/passwd\"\n", "# line", "",
     PROBE_NOT_COMPILED},
    {"the same by an operator", "_Pragma(\"GCC dependency \\\"/etc/passwd\\\"\")", "", "_Pragma",
     "", PROBE_NOT_COMPILED},
    {"whether there is a file", "", "#if __has_include(\"/etc/passwd\")\n#error there is\n#endif\n",
     "__has_include", "Permission denied", PROBE_NOT_COMPILED},
    {"the same by pasted words", "",
     "#define PASTE(a, b) a##b\n#if PASTE(__has, _include)(\"/etc/passwd\")\n#error there is\n#endif\n",
     "##", "Permission denied", PROBE_NOT_COMPILED},
    {"what time it is", "static const char now[] = __TIME__; (void)now;", "", "__TIME__",
     "reproducible", PROBE_NOT_COMPILED},
    {"which day it is", "static const char now[] = __DATE__; (void)now;", "", "__DATE__",
     "reproducible", PROBE_NOT_COMPILED},
    {"where it is compiled", "_Static_assert(sizeof __FILE__ == sizeof \"policy.c\", \"\");", "",
     NULL, "", PROBE_RAN},
};

#define EARLY "void early(void);\nvoid early(void)\n{\n    __builtin_trap();\n}\n"

static const struct attempt to_run_early[] = {
    {"a constructor", "", "__attribute__((constructor)) " EARLY, "attribute constructor",
     ".init_array", PROBE_NOT_COMPILED},
    {"a constructor under another name", "",
     "#define unused constructor\n__attribute__((unused)) " EARLY, "#define", ".init_array",
     PROBE_NOT_COMPILED},
    {"a constructor by C23's attributes", "", "[[gnu::constructor]] " EARLY, "[[", "ignored",
     PROBE_NOT_COMPILED},
    {"the same in digraphs", "", "<:<:gnu::constructor:>:> " EARLY, "<:", "ignored",
     PROBE_NOT_COMPILED},
    {"what runs before constructors", "",
     "void early(void);\nvoid early(void)\n{\n    __builtin_trap();\n}\n__attribute__((section(\".preinit_array\"), used)) static void (*const entry)(void) = early;\n",
     "attribute section", ".preinit_array", PROBE_NOT_COMPILED},
    {"a destructor", "",
     "__attribute__((destructor)) void late(void);\nvoid late(void)\n{\n    __builtin_trap();\n}\n",
     "attribute destructor", ".fini_array", PROBE_NOT_COMPILED},
    {"an indirect function", "",
     "static int chosen(void)\n{\n    return 1;\n}\ntypedef int (*choice)(void);\nstatic choice choose(void)\n{\n    return chosen;\n}\nint indirect(void) __attribute__((ifunc(\"choose\")));\n",
     "attribute ifunc", "indirect", PROBE_NOT_COMPILED},
    {"_init", "", "void _init(void);\nvoid _init(void)\n{\n}\n", NULL, "_init", PROBE_NOT_COMPILED},
    {"_fini", "", "void _fini(void);\nvoid _fini(void)\n{\n}\n", NULL, "_fini", PROBE_NOT_COMPILED},
    {"the loader's own table", "", "__asm__(\".section .dynamic\\n.quad 12, 0x1000\\n.text\");\n",
     "__asm__", ".dynamic", PROBE_NOT_COMPILED},
    {"the loader's relocations", "",
     "__asm__(\".section .rela.got\\n.quad 0x3000, 37, 0x1000\\n.text\");\n", "__asm__",
     ".rela.got", PROBE_NOT_COMPILED},
};

static const struct attempt to_be_another[] = {
    {"the one that answers", "",
     "struct module_call;\nvoid khub_answer(struct module_call *call);\nvoid khub_answer(struct module_call *call)\n{\n    (void)call;\n}\n",
     NULL, "not for it to define", PROBE_NOT_COMPILED},
    {"the same, weak", "",
     "struct module_call;\n__attribute__((weak)) void khub_answer(struct module_call *call);\nvoid khub_answer(struct module_call *call)\n{\n    (void)call;\n}\n",
     "attribute weak", "not for it to define", PROBE_NOT_COMPILED},
    {"where the program begins", "", "void khub_start(void);\nvoid khub_start(void)\n{\n}\n", NULL,
     "not for it to define", PROBE_NOT_COMPILED},
    {"who counts its work", "",
     "void __sanitizer_cov_trace_pc(void);\nvoid __sanitizer_cov_trace_pc(void)\n{\n}\n",
     "__sanitizer", "not for it to define", PROBE_NOT_COMPILED},
    {"what the counter has left", "extern unsigned long blocks_left; blocks_left = ~0ul;", "", NULL,
     "blocks_left", PROBE_UNDEFINED},
    {"libc", "extern int system(const char *); system(\"id\");", "", NULL, "system",
     PROBE_UNDEFINED},
    {"the environment, of libc", "extern char **environ; if (environ) return 1;", "", NULL,
     "environ", PROBE_UNDEFINED},
};

static const struct attempt to_be_much[] = {
    {"a gigabyte of variables", "static int many[1 << 28]; many[attained_us]++;", "", NULL,
     "variables of its own", PROBE_NOT_COMPILED},
    {"memory between its calls", "static unsigned calls; if (calls++ > 9) return 1;", "", NULL,
     "variables of its own", PROBE_NOT_COMPILED},
    {"a gigabyte of constants",
     "static const volatile char many[1 << 30] = {1}; return many[attained_us];", "", NULL, "",
     PROBE_NOT_COMPILED},
    {"eight gigabytes, by the assembler", "",
     "__asm__(\".section .rodata\\n.fill 0x40000000, 8, 1\\n.text\");\n", "__asm__", "",
     PROBE_NOT_COMPILED},
    {"a file without an end", "", "#include \"/dev/zero\"\n", "#include", "", PROBE_NOT_COMPILED},
    {"floating point, which machines round otherwise",
     "volatile double x = attained_us; x /= 3; if (x > 1) return 1;", "", NULL, "",
     PROBE_NOT_COMPILED},
    {"an endless loop", "for (volatile int i = 0; i < 1; i += 0)\n    ;", "", NULL, "basic blocks",
     PROBE_TIMEOUT},
    {"much work at every answer", "for (volatile int i = 0; i < 300000; i++)\n    ;", "", NULL,
     "basic blocks", PROBE_TIMEOUT},
    {"work that nobody counts", "for (;;)\n    ;", "", NULL, "longer", PROBE_TIMEOUT},
    {"a recursion for ever", "return deep(attained_us);",
     "static uint32_t deep(uint32_t x);\nstatic uint32_t deep(uint32_t x)\n{\n    volatile uint32_t kept[64] = {x};\n    return kept[1] ? 1 : deep(x + 1) + kept[x % 64];\n}\n",
     NULL, "crashed", PROBE_KILLED},
    {"a recursion that doubles", "return twice(64, attained_us);",
     "static uint32_t twice(uint32_t n, uint32_t x);\nstatic uint32_t twice(uint32_t n, uint32_t x)\n{\n    volatile uint32_t kept = x;\n    return n ? twice(n - 1, kept) + twice(n - 1, kept + 1) : kept;\n}\n",
     NULL, "basic blocks", PROBE_TIMEOUT},
    {"a stack of 64 MB", "volatile char many[1 << 26]; many[0] = 1; many[sizeof many / 2] = 1;", "",
     NULL, "crashed", PROBE_KILLED},
};

#if defined(__x86_64__)
/* What machine code does that the door lets nobody write. */
#define SYSTEM_CALL(number, a, b)                                                                  \
    "long r; __asm__ volatile(\"syscall\" : \"=a\"(r) : \"a\"(" #number "), \"D\"(" #a             \
    "), \"S\"(" #b "), \"d\"(0) : \"rcx\", \"r11\", \"memory\");"

static const struct attempt to_get_out[] = {
    {"an end that looks good", SYSTEM_CALL(231, 0, 0), "", "__asm__", "ended", PROBE_KILLED},
    {"a file", SYSTEM_CALL(2, "/etc/passwd", 0), "", "__asm__", "system call", PROBE_KILLED},
    {"a file, by openat", SYSTEM_CALL(257, -100, "/etc/passwd"), "", "__asm__", "system call",
     PROBE_KILLED},
    {"a socket", SYSTEM_CALL(41, 2, 1), "", "__asm__", "system call", PROBE_KILLED},
    {"a process", SYSTEM_CALL(57, 0, 0), "", "__asm__", "system call", PROBE_KILLED},
    {"a thread, to race the judge", SYSTEM_CALL(56, 0x10f00, 0), "", "__asm__", "system call",
     PROBE_KILLED},
    {"another program", SYSTEM_CALL(59, "/bin/sh", 0), "", "__asm__", "system call", PROBE_KILLED},
    {"its parent's end", SYSTEM_CALL(62, -1, 9), "", "__asm__", "system call", PROBE_KILLED},
    {"memory to run code in", SYSTEM_CALL(9, 0, 4096), "", "__asm__", "system call", PROBE_KILLED},
    {"a pipe to tell a verdict by", SYSTEM_CALL(1, 3, 0x400000), "", "__asm__", "system call",
     PROBE_KILLED},
    {"a clock of the kernel's", SYSTEM_CALL(228, 1, 0x10000000), "", "__asm__", "system call",
     PROBE_KILLED},
    {"a clock at its fixed place", "return (uint32_t)((long (*)(long *))0xffffffffff600400)(0);",
     "", NULL, "", PROBE_KILLED},
    {"the processor's clock", "return (uint32_t)__builtin_ia32_rdtsc();", "",
     "__builtin_ia32_rdtsc", "crashed", PROBE_KILLED},
    {"sleep for ever",
     "long r; do { __asm__ volatile(\"xor %%r10d, %%r10d; syscall\" : \"=a\"(r) : \"a\"(202), \"D\"(0x10000000 + 4096), \"S\"(0), \"d\"(0) : \"rcx\", \"r10\", \"r11\", \"memory\"); } while (r == 0 || r == -4);",
     "", "__asm__", "sleeps", PROBE_KILLED},
    {"its code, to change it", "*(volatile unsigned char *)(uintptr_t)grace_us = 0xc3;",
     "static uint32_t grace_us(uint64_t attained_us);\n", NULL, "crashed", PROBE_KILLED},
    {"constants as code",
     "static const unsigned char code[] = {0x0f, 0x05, 0xc3}; ((void (*)(void))(uintptr_t)code)();",
     "", NULL, "crashed", PROBE_KILLED},
    {"its stack as code",
     "volatile unsigned char code[] = {0x0f, 0x05, 0xc3}; ((void (*)(void))(uintptr_t)code)();", "",
     NULL, "crashed", PROBE_KILLED},
    {"the page as code",
     "*(volatile uint32_t *)0x10000100 = 0xc3050f; ((void (*)(void))0x10000100)();", "", NULL,
     "crashed", PROBE_KILLED},
    {"the kernel's vDSO, or its first stack",
     "volatile char *at = (volatile char *)0x7ffffffff000; while (at > (volatile char *)0x7ff000000000) if (*(at -= 4096)) return 1;",
     "", NULL, "crashed", PROBE_KILLED},
    {"nothing's memory", "volatile unsigned long at = 8; *(volatile int *)at = 1;", "", NULL,
     "crashed", PROBE_KILLED},
    {"a crash", "__builtin_trap();", "", NULL, "crashed", PROBE_KILLED},
};

#endif

/* On the page, whose layout it knows. Its answers are what counts, and they are the textbook's. */
static const struct attempt to_cheat[] = {
    {"more batches than were asked", "*(volatile uint32_t *)0x10000000 += 7;", "", NULL, "",
     PROBE_RAN, true},
    {"to have answered before it was asked", "*(volatile uint32_t *)0x10000004 = 0xffffffff;", "",
     NULL, "", PROBE_RAN, true},
    {"a page full of calls", "*(volatile uint32_t *)0x10000014 = 0xffffffff;", "", NULL, "",
     PROBE_RAN, true},
    {"all answers of the page",
     "for (int i = 0; i < 20000; i += 4) *(volatile uint32_t *)(uintptr_t)(0x10000040 + i) = 1;",
     "", NULL, "", PROBE_RAN, true},
    {"an answer out of range", "return attained_us > 1000 ? 0 : UINT32_MAX;", "", NULL, "",
     PROBE_RAN},
};

static const struct subject *subject;
static struct evaluation_set *exam;
static double bound, honest;

static char *source_of(const struct attempt *attempt)
{
    static const char body[] = "static uint32_t slice_us(uint64_t attained_us)\n{\n";
    double textbook[SUBJECT_PARAMETERS_MAX];
    char module[1 << 15];
    subject_textbook(subject, textbook);
    assert_in_range(subject_render(subject, textbook, module, sizeof module), 1, sizeof module - 1);
    char *at = strstr(module, body);
    assert_non_null(at);
    at += strlen(body);
    size_t size = strlen(module) + strlen(attempt->around) + strlen(attempt->in_slice_us) + 64;
    char *source = malloc(size);
    /* what stands around may use stdint.h */
    snprintf(source, size, "#include <stdint.h>\n%s%.*s%s\n%s", attempt->around, (int)(at - module),
             module, attempt->in_slice_us, at);
    return source;
}

/* How many did not fail as they should. */
static size_t fails(const struct attempt *attempt)
{
    struct probe_report read = {0}, ran;
    char *source = source_of(attempt);
    bool allowed = source_allowed(source, &read);
    probe_unread(subject, source, &exam, 1, NULL, &ran);
    free(source);
    bool right = allowed == !attempt->door && (allowed || strstr(read.why, attempt->door)) &&
                 ran.result == attempt->inside && strstr(ran.why, attempt->why) &&
                 (ran.result != PROBE_RAN || ran.score.ratio >= bound) &&
                 (!attempt->for_nothing || ran.score.ratio == honest);
    if (!right)
        print_error("for %s: at the door \"%s\", behind it %s \"%s\", ratio %g\n", attempt->after,
                    read.why, probe_result_text(ran.result), ran.why, ran.score.ratio);
    return !right;
}

#define TRY_ALL(attempts)                                                                          \
    do {                                                                                           \
        size_t failed = 0;                                                                         \
        for (size_t i = 0; i < sizeof(attempts) / sizeof *(attempts); i++)                         \
            failed += fails(&(attempts)[i]);                                                       \
        assert_int_equal(failed, 0);                                                               \
    } while (0)

static void reading(void **state)
{
    (void)state;
    TRY_ALL(to_read);
}

static void running_early(void **state)
{
    (void)state;
    TRY_ALL(to_run_early);
}

static void being_another(void **state)
{
    (void)state;
    TRY_ALL(to_be_another);
}

static void being_much(void **state)
{
    (void)state;
    TRY_ALL(to_be_much);
}

static void getting_out(void **state)
{
    (void)state;
#if defined(__x86_64__)
    TRY_ALL(to_get_out);
#else
    skip();
#endif
}

static void cheating(void **state)
{
    (void)state;
    TRY_ALL(to_cheat);
}

static int set_up(void **state)
{
    (void)state;
    subject = subject_find("process_manager");
    exam = evaluation_set_new(subject, "test/probe", SEEDS);
    bound = evaluation_set_bound(exam).ratio;
    double textbook[SUBJECT_PARAMETERS_MAX];
    subject_textbook(subject, textbook);
    honest = evaluation_set_score(exam, textbook).ratio;
    return bound > 0.05 ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    evaluation_set_free(exam);
    return 0;
}

int main(void)
{
    if (!landlock_here()) {
        puts("1..0 # SKIP " NO_LANDLOCK);
        return 0;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reading),       cmocka_unit_test(running_early),
        cmocka_unit_test(being_another), cmocka_unit_test(being_much),
        cmocka_unit_test(getting_out),   cmocka_unit_test(cheating),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
