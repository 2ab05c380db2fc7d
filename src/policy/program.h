/* Programs that a search finds: expression trees over what a subject's frame knows.
 *
 * A *frame* is a policy with a hole: it keeps what it has seen in features, whole numbers with
 * names, and asks a program what to do. So a mechanism that no parameter of the family has can be
 * found. The frame's C (program.h of the subject) is compiled into the simulator, where the program
 * is interpreted, and is the text of the module, where the program is C: both decide the same, to
 * the bit. */
#ifndef KHUB_POLICY_PROGRAM_H
#define KHUB_POLICY_PROGRAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    PROGRAM_NODES_MAX = 63,
    PROGRAM_FEATURES_MAX = 16,
    PROGRAM_LINE_MAX = 4096,  /* bytes of any program in prefix notation, its NUL among them */
    PROGRAM_TEXT_MAX = 16384, /* the same of any as C */
};

/* X(NAME, arguments, how it is written in C). All arithmetic is on whole numbers that end at
 * +-2^40; nothing overflows, and nothing is divided. */
#define PROGRAM_OPERATIONS(X)                                                                      \
    X(FEATURE, 0, "f") /* value: which */                                                          \
    X(NUMBER, 0, "")                                                                               \
    X(ADD, 2, "add")                                                                               \
    X(SUBTRACT, 2, "subtract")                                                                     \
    X(LEAST, 2, "least")                                                                           \
    X(MOST, 2, "most")                                                                             \
    X(SCALE, 1, "scale")     /* by value / 1024 */                                                 \
    X(TIMES, 2, "times")     /* the product / 1024 */                                              \
    X(IF_MORE, 4, "if_more") /* a > b ? c : d */

enum program_operation {
#define X(name, arguments, text) PROGRAM_##name,
    PROGRAM_OPERATIONS(X)
#undef X
        PROGRAM_OPERATION_COUNT
};
extern const uint8_t program_arguments[PROGRAM_OPERATION_COUNT];

struct program_node {
    uint8_t operation;
    int32_t value;
};

/* In prefix order: an operation stands before its arguments. */
struct program {
    uint32_t count;
    struct program_node nodes[PROGRAM_NODES_MAX];
};

struct feature {
    const char *name, *unit, *meaning;
};

struct program_frame {
    size_t feature_count;
    const struct feature *features;
    const char *text;         /* of the module: program.h and program.c.in, embedded */
    const char *const *known; /* programs in which today's policies are written, NULL-ended */
    /* The cost when the program decides, as struct subject's cost_of. */
    double (*cost_of)(const void *workload, const struct program *program);
};

/* Whether it is one tree over so many features, without a rest. */
bool program_valid(const struct program *program, size_t feature_count);
/* Where the tree that begins at node `at` ends. Of a valid program. */
size_t program_end(const struct program *program, size_t at);
/* The same decisions without what can be seen to do nothing, and in one order where order does not
 * matter, so that programs that differ in nothing else are equal. Never more nodes. Of a valid
 * program, and of features that are within +-2^40. */
void program_simplify(const struct program *program, struct program *ret_simple);
/* An order of programs, 0: they are equal. */
int program_compare(const struct program *a, const struct program *b);
/* Of a valid program. */
int64_t program_run(const struct program *program, const int64_t *features);
/* The same, as frames ask who decides. */
int64_t program_decide(const void *program, const int64_t *features);
/* Reads prefix notation: names of operations in lower case, of features, and whole numbers, with
 * blanks between; "scale 4096 deviation" is four times the deviation. 0, or -1 when it is none. */
int program_read(const struct program_frame *frame, const char *text, struct program *ret_program);
/* Writes it so. The length of all of it, as snprintf. */
int program_write(const struct program_frame *frame, const struct program *program, char *buffer,
                  size_t size);
/* Writes it as C: the functions that it needs, and `static int64_t decide(const int64_t *f)`. */
int program_render(const struct program_frame *frame, const struct program *program, char *buffer,
                   size_t size);

#endif
