/* A program as it is when what can be seen from the program alone was worked out. From the end to
 * the beginning, as in program_run, with trees in the place of numbers. */
#include <string.h>

#include "policy/program.h"
#include "policy/program_arithmetic.h"

static bool is_number(const struct program *tree)
{
    return tree->nodes[0].operation == PROGRAM_NUMBER;
}

static bool is_value(const struct program *tree, int32_t value)
{
    return is_number(tree) && tree->nodes[0].value == value;
}

int program_compare(const struct program *a, const struct program *b)
{
    if (a->count != b->count)
        return a->count < b->count ? -1 : 1;
    for (size_t i = 0; i < a->count; i++) {
        const struct program_node *x = &a->nodes[i], *y = &b->nodes[i];
        if (x->operation != y->operation)
            return x->operation < y->operation ? -1 : 1;
        if (x->value != y->value)
            return x->value < y->value ? -1 : 1;
    }
    return 0;
}

static bool same(const struct program *a, const struct program *b)
{
    return program_compare(a, b) == 0;
}

/* An operation and its arguments as one tree: never more nodes than it had before. */
static void join(struct program_node node, const struct program *const *arguments,
                 struct program *ret_tree)
{
    struct program tree = {1, {node}};
    for (unsigned i = 0; i < program_arguments[node.operation]; i++) {
        memcpy(tree.nodes + tree.count, arguments[i]->nodes,
               arguments[i]->count * sizeof *tree.nodes);
        tree.count += arguments[i]->count;
    }
    *ret_tree = tree;
}

/* Of numbers, it is a number, if that is one of 32 bits. */
static bool is_computed(const struct program *whole, struct program *ret_tree)
{
    for (size_t i = 1; i < whole->count; i++)
        if (whole->nodes[i].operation != PROGRAM_NUMBER)
            return false;
    int64_t value = program_run(whole, NULL);
    if (value < INT32_MIN || value > INT32_MAX)
        return false;
    *ret_tree = (struct program){1, {{PROGRAM_NUMBER, (int32_t)value}}};
    return true;
}

/* Which of its arguments an operation comes to, whatever the features are; -1: that depends. */
static int comes_to(struct program_node node, const struct program *const *a)
{
    switch ((enum program_operation)node.operation) {
    case PROGRAM_ADD:
        return is_value(a[0], 0) ? 1 : is_value(a[1], 0) ? 0 : -1;
    case PROGRAM_SUBTRACT:
        return is_value(a[1], 0) ? 0 : -1;
    case PROGRAM_LEAST:
    case PROGRAM_MOST:
        return same(a[0], a[1]) ? 0 : -1;
    case PROGRAM_SCALE:
        return node.value == 1024 || is_value(a[0], 0) ? 0 : -1;
    case PROGRAM_TIMES:
        return is_value(a[0], 0) ? 0 : is_value(a[1], 0) ? 1 : -1;
    case PROGRAM_IF_MORE:
        if (same(a[2], a[3]) || same(a[0], a[1]))
            return 3;
        if (is_number(a[0]) && is_number(a[1]))
            return a[0]->nodes[0].value > a[1]->nodes[0].value ? 2 : 3;
        return -1;
    case PROGRAM_FEATURE:
    case PROGRAM_NUMBER:
    case PROGRAM_OPERATION_COUNT:
        return -1;
    }
    return -1;
}

static bool commutes(uint8_t operation)
{
    return operation == PROGRAM_ADD || operation == PROGRAM_LEAST || operation == PROGRAM_MOST ||
           operation == PROGRAM_TIMES;
}

static const struct program_node zero = {PROGRAM_NUMBER, 0};

static void simplify_node(struct program_node node, const struct program **arguments,
                          struct program *ret_tree)
{
    int which = comes_to(node, arguments);
    if (which >= 0) {
        *ret_tree = *arguments[which];
        return;
    }
    if ((node.operation == PROGRAM_SUBTRACT && same(arguments[0], arguments[1])) ||
        (node.operation == PROGRAM_SCALE && node.value <= 0)) {
        *ret_tree = (struct program){1, {zero}};
        return;
    }
    if (commutes(node.operation) && program_compare(arguments[0], arguments[1]) > 0) {
        const struct program *first = arguments[0];
        arguments[0] = arguments[1];
        arguments[1] = first;
    }
    join(node, arguments, ret_tree);
    if (program_arguments[node.operation] > 0)
        is_computed(ret_tree, ret_tree);
}

void program_simplify(const struct program *program, struct program *ret_simple)
{
    static const struct program nothing = {1, {{PROGRAM_NUMBER, 0}}};
    struct program stack[PROGRAM_NODES_MAX] = {0};
    size_t top = 0;
    for (size_t i = program->count; i-- > 0;) {
        unsigned count = program_arguments[program->nodes[i].operation];
        const struct program *arguments[4] = {&nothing, &nothing, &nothing, &nothing};
        struct program tree;
        for (unsigned k = 0; k < count; k++)
            arguments[k] = &stack[top - 1 - k];
        simplify_node(program->nodes[i], arguments, &tree);
        top -= count;
        stack[top++] = tree;
    }
    *ret_simple = stack[0];
}
