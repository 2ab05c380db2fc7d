/* Interpreted from the end to the beginning: then the arguments of an operation lie on the stack
 * when it comes, and nothing calls itself. */
#include "policy/program.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "policy/program_arithmetic.h"
#include "policy/rendered.h"

const uint8_t program_arguments[PROGRAM_OPERATION_COUNT] = {
#define X(name, arguments, text) arguments,
    PROGRAM_OPERATIONS(X)
#undef X
};

static const char *const texts[PROGRAM_OPERATION_COUNT] = {
#define X(name, arguments, text) text,
    PROGRAM_OPERATIONS(X)
#undef X
};

bool program_valid(const struct program *program, size_t feature_count)
{
    if (program->count < 1 || program->count > PROGRAM_NODES_MAX)
        return false;
    size_t open = 1; /* trees that are still to come */
    for (size_t i = 0; i < program->count; i++) {
        const struct program_node *node = &program->nodes[i];
        if (open == 0 || node->operation >= PROGRAM_OPERATION_COUNT)
            return false;
        if (node->operation == PROGRAM_FEATURE &&
            (node->value < 0 || (size_t)node->value >= feature_count))
            return false;
        open += program_arguments[node->operation];
        open--;
    }
    return open == 0;
}

size_t program_end(const struct program *program, size_t at)
{
    for (size_t open = 1; open > 0; at++) {
        assert(at < program->count);
        open += program_arguments[program->nodes[at].operation];
        open--;
    }
    return at;
}

int64_t program_run(const struct program *program, const int64_t *features)
{
    int64_t stack[PROGRAM_NODES_MAX + 4] = {0};
    size_t top = 0;
    for (size_t i = program->count; i-- > 0;) {
        const struct program_node *node = &program->nodes[i];
        /* a, b, c, d: what lies uppermost, where there is as much */
        const int64_t *a = &stack[top];
        int64_t result = 0;
        switch ((enum program_operation)node->operation) {
        case PROGRAM_FEATURE:
            result = features[node->value];
            break;
        case PROGRAM_NUMBER:
            result = node->value;
            break;
        case PROGRAM_ADD:
            result = add(a[-1], a[-2]);
            break;
        case PROGRAM_SUBTRACT:
            result = subtract(a[-1], a[-2]);
            break;
        case PROGRAM_LEAST:
            result = least(a[-1], a[-2]);
            break;
        case PROGRAM_MOST:
            result = most(a[-1], a[-2]);
            break;
        case PROGRAM_SCALE:
            result = scale(node->value, a[-1]);
            break;
        case PROGRAM_TIMES:
            result = times(a[-1], a[-2]);
            break;
        case PROGRAM_IF_MORE:
            result = if_more(a[-1], a[-2], a[-3], a[-4]);
            break;
        case PROGRAM_OPERATION_COUNT:
            return 0; /* not in a valid program */
        }
        top -= program_arguments[node->operation];
        stack[top++] = result;
    }
    assert(top == 1);
    return stack[0];
}

int64_t program_decide(const void *program, const int64_t *features)
{
    return program_run(program, features);
}

/* ── as text ── */

static int feature_named(const struct program_frame *frame, const char *name, size_t length)
{
    for (size_t i = 0; i < frame->feature_count; i++)
        if (strlen(frame->features[i].name) == length &&
            memcmp(frame->features[i].name, name, length) == 0)
            return (int)i;
    return -1;
}

static int operation_named(const char *name, size_t length)
{
    for (int i = PROGRAM_ADD; i < PROGRAM_OPERATION_COUNT; i++)
        if (strlen(texts[i]) == length && memcmp(texts[i], name, length) == 0)
            return i;
    return -1;
}

/* A whole number of 32 bits, at the beginning of a text. 0, or -1. */
static int read_number(const char **at, int32_t *ret_number)
{
    char *end;
    long number = strtol(*at, &end, 10);
    if (end == *at || number < INT32_MIN || number > INT32_MAX)
        return -1;
    *at = end;
    *ret_number = (int32_t)number;
    return 0;
}

static int read_node(const struct program_frame *frame, const char **at, struct program_node *node)
{
    size_t length = strcspn(*at, " ");
    int feature = feature_named(frame, *at, length), operation = operation_named(*at, length);
    *node = (struct program_node){.operation = PROGRAM_NUMBER};
    if (feature < 0 && operation < 0)
        return read_number(at, &node->value);
    *at += length;
    if (feature >= 0) {
        *node = (struct program_node){PROGRAM_FEATURE, feature};
        return 0;
    }
    node->operation = (uint8_t)operation;
    return operation == PROGRAM_SCALE ? read_number(at, &node->value) : 0;
}

int program_read(const struct program_frame *frame, const char *text, struct program *ret_program)
{
    struct program program = {0};
    for (const char *at = text + strspn(text, " "); *at; at += strspn(at, " "))
        if (program.count == PROGRAM_NODES_MAX ||
            read_node(frame, &at, &program.nodes[program.count++]) < 0)
            return -1;
    if (!program_valid(&program, frame->feature_count))
        return -1;
    *ret_program = program;
    return 0;
}

int program_write(const struct program_frame *frame, const struct program *program, char *buffer,
                  size_t size)
{
    struct rendered text = {.buffer = buffer, .size = size};
    for (size_t i = 0; i < program->count; i++) {
        const struct program_node *node = &program->nodes[i];
        rendered_add(&text, "%s", i > 0 ? " " : "");
        if (node->operation == PROGRAM_FEATURE)
            rendered_add(&text, "%s", frame->features[node->value].name);
        else if (node->operation == PROGRAM_NUMBER)
            rendered_add(&text, "%d", node->value);
        else if (node->operation == PROGRAM_SCALE)
            rendered_add(&text, "scale %d", node->value);
        else
            rendered_add(&text, "%s", texts[node->operation]);
    }
    return (int)text.length;
}

extern const char program_arithmetic_text[];

/* The arguments that are still to come of each operation that is open close it when they have. */
int program_render(const struct program_frame *frame, const struct program *program, char *buffer,
                   size_t size)
{
    struct rendered text = {.buffer = buffer, .size = size};
    unsigned left[PROGRAM_NODES_MAX];
    size_t depth = 0;
    rendered_add(&text, "%s\n/* The program, over these features:\n", program_arithmetic_text);
    for (size_t i = 0; i < frame->feature_count; i++)
        rendered_add(&text, " * f[%zu] %s, %s: %s\n", i, frame->features[i].name,
                     frame->features[i].unit, frame->features[i].meaning);
    rendered_add(&text,
                 " */\nstatic int64_t decide(const int64_t *f)\n{\n    (void)f;\n    return ");
    for (size_t i = 0; i < program->count; i++) {
        const struct program_node *node = &program->nodes[i];
        if (node->operation == PROGRAM_FEATURE)
            rendered_add(&text, "f[%d]", node->value);
        else if (node->operation == PROGRAM_NUMBER)
            rendered_add(&text, "INT64_C(%d)", node->value);
        else if (node->operation == PROGRAM_SCALE)
            rendered_add(&text, "scale(%d, ", node->value);
        else
            rendered_add(&text, "%s(", texts[node->operation]);
        if (program_arguments[node->operation] > 0) {
            left[depth++] = program_arguments[node->operation];
            continue;
        }
        while (depth > 0 && --left[depth - 1] == 0) {
            rendered_add(&text, ")");
            depth--;
        }
        if (depth > 0)
            rendered_add(&text, ", ");
    }
    rendered_add(&text, ";\n}\n");
    return (int)text.length;
}
