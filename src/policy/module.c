/* A module is the head comment, which says what it is and how it was tuned, and the subject's text
 * (rules.h and module.c.in, embedded) with the tuned constants in it. */
#include "policy/module.h"

#include <assert.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define COMMENT_COLUMNS 96u

/* Counts all of the text, and keeps what fits (as snprintf). */
struct text {
    char *buffer;
    size_t size, length; /* length: without the NUL that ends the buffer when size > 0 */
};

__attribute__((format(printf, 2, 3))) static void add(struct text *text, const char *format, ...)
{
    bool room = text->length < text->size;
    va_list list;
    va_start(list, format);
    int length = vsnprintf(room ? text->buffer + text->length : NULL,
                           room ? text->size - text->length : 0, format, list);
    va_end(list);
    if (length > 0)
        text->length += (size_t)length;
}

/* Every parameter with its unit and meaning. */
static void add_head(struct text *text, const struct subject *subject, const double *parameters)
{
    add(text,
        "/* %s: %s\n * Made by khub; subject %s, version %s. Tuned on synthetic workloads.\n *\n",
        subject->name, subject->title, subject->name, subject->version);
    for (int i = 0; i < subject->parameter_count; i++) {
        const struct parameter *p = &subject->parameters[i];
        double value = p->whole ? floor(parameters[i] + 0.5) : parameters[i];
        add(text, " * %-17s %.6g%s%s: %s (textbook %g)\n", p->name, value, *p->unit ? " " : "",
            p->unit, p->meaning, p->textbook);
    }
    add(text, " */\n");
}

static const struct constant *find_constant(const struct subject *subject, const char *name,
                                            size_t length)
{
    for (size_t i = 0; i < subject->constant_count; i++) {
        const struct constant *constant = &subject->constants[i];
        if (strlen(constant->name) == length && memcmp(constant->name, name, length) == 0)
            return constant;
    }
    return NULL;
}

static void add_constant(struct text *text, const struct constant *constant,
                         const struct rules *rules)
{
    assert(constant->first + constant->count <= RULES_WORDS);
    for (size_t i = 0; i < constant->count; i++)
        add(text, "%s%u", i > 0 ? ", " : "", rules->words[constant->first + i]);
}

static size_t add_indented(struct text *text, const char *mark)
{
    add(text, "    %s", mark);
    return 4 + strlen(mark);
}

/* Words of sentences, wrapped as a comment of a struct's member. */
static void add_comment(struct text *text, const char *sentences)
{
    size_t column = add_indented(text, "/*");
    for (const char *at = sentences; *at;) {
        size_t length = strcspn(at, " ");
        if (column + 1 + length > COMMENT_COLUMNS) {
            add(text, "\n");
            column = add_indented(text, " *");
        }
        add(text, " %.*s", (int)length, at);
        column += 1 + length;
        at += length + (at[length] == ' ');
    }
    add(text, " */\n");
}

/* The struct by which a module of the subject is called. */
static void add_ops(struct text *text, const struct subject *subject, bool comments)
{
    add(text, "struct khub_%s_ops {\n", subject->name);
    if (subject->stateful && comments)
        add_comment(text, "How many bytes a state has. It is the caller's, 8-byte aligned.");
    if (subject->stateful)
        add(text, "    uint32_t state_size;\n");
    if (subject->stateful && comments)
        add_comment(text, "Makes a state new; before its first use.");
    if (subject->stateful)
        add(text, "    void (*state_reset)(void *state);\n");
    for (size_t i = 0; i < subject->operation_count; i++) {
        const struct operation *operation = &subject->operations[i];
        if (comments)
            add_comment(text, operation->meaning);
        add(text, "    %s (*%s)(%s);\n", operation->returns, operation->name,
            operation->parameters);
    }
    add(text, "};\nextern const struct khub_%s_ops khub_%s;\n", subject->name, subject->name);
}

int subject_render(const struct subject *subject, const double *parameters, char *buffer,
                   size_t size)
{
    struct text text = {.buffer = buffer, .size = size};
    struct rules rules;
    if (subject_rules(subject, parameters, &rules) < 0)
        return -1;
    add_head(&text, subject, parameters);
    const char *at = subject->module;
    for (const char *mark; (mark = strchr(at, '@')); at++) {
        add(&text, "%.*s", (int)(mark - at), at);
        at = strchr(mark + 1, '@');
        assert(at);
        size_t length = (size_t)(at - mark - 1);
        const struct constant *constant = find_constant(subject, mark + 1, length);
        if (constant)
            add_constant(&text, constant, &rules);
        else {
            assert(length == 3 && memcmp(mark + 1, "ops", 3) == 0);
            add_ops(&text, subject, true);
            at++; /* the line's end */
        }
    }
    add(&text, "%s", at);
    return (int)text.length;
}

/* ── the other side of a call ── */

/* The arguments of a call, as C reads them out of a struct module_call. */
static void add_arguments(struct text *text, const char *parameters)
{
    size_t numbers = 0;
    if (strcmp(parameters, "void") == 0)
        return;
    for (const char *at = parameters; *at;) {
        size_t length = strcspn(at, ",");
        const char *star = memchr(at, '*', length);
        add(text, "%s", at == parameters ? "" : ", ");
        if (!star)
            add(text, "call->arguments[%zu]", numbers++);
        else if (strncmp(at, "void *", 6) == 0)
            add(text, "state_at(call->state)");
        else
            add(text, "(%.*s)call->bytes", (int)(star + 1 - at), at);
        at += length;
        at += strspn(at, ", ");
    }
    assert(numbers <= MODULE_ARGUMENTS);
}

static void add_state_parts(struct text *text, const char *name)
{
    add(text,
        "static _Alignas(16) unsigned char states[%u];\n"
        "static uint32_t state_count;\n\n"
        "static uint32_t stride(void)\n{\n"
        "    uint32_t size = khub_%s.state_size;\n"
        "    size = size < 1 ? 1 : size < %u ? size : %u;\n"
        "    return (size + 15) / 16 * 16;\n}\n\n"
        "static void *state_at(uint32_t state)\n{\n"
        "    return states + (state < state_count ? state : 0) * stride();\n}\n\n"
        "static uint64_t state_new(void)\n{\n"
        "    uint32_t size = stride(), limit = sizeof states / size;\n"
        "    if (state_count >= limit)\n        return UINT64_MAX;\n"
        "    volatile unsigned char *state = states + state_count * size;\n"
        "    for (uint32_t i = 0; i < size; i++)\n        state[i] = 0;\n"
        "    khub_%s.state_reset((void *)state);\n"
        "    return state_count++;\n}\n\n",
        MODULE_STATES_MAX, name, MODULE_STATE_MAX, MODULE_STATE_MAX, name);
}

extern const char module_call_text[];

int module_adapter(const struct subject *subject, char *buffer, size_t size)
{
    struct text text = {.buffer = buffer, .size = size};
    add(&text, "%s\n", module_call_text);
    add_ops(&text, subject, false);
    add(&text, "void khub_answer(struct module_call *call);\n\n");
    if (subject->stateful)
        add_state_parts(&text, subject->name);
    add(&text, "void khub_answer(struct module_call *call)\n{\n    switch (call->which) {\n");
    for (size_t i = 0; i < subject->operation_count; i++) {
        const struct operation *operation = &subject->operations[i];
        bool answers = strcmp(operation->returns, "void") != 0;
        add(&text, "    case %zu:\n        %skhub_%s.%s(", i, answers ? "call->result = " : "",
            subject->name, operation->name);
        add_arguments(&text, operation->parameters);
        add(&text, ");\n        break;\n");
    }
    if (subject->stateful)
        add(&text,
            "    case MODULE_STATE_NEW:\n        call->result = state_new();\n        break;\n"
            "    case MODULE_STATES_DROP:\n        state_count = 0;\n        break;\n");
    add(&text, "    }\n}\n");
    return (int)text.length;
}

int module_state_new(const struct compiled_policy *module, struct module_state *ret_state)
{
    struct module_call call = {.which = MODULE_STATE_NEW};
    uint64_t number = module_ask(module, &call);
    if (number >= MODULE_STATES_MAX)
        return -1;
    *ret_state = (struct module_state){module, (uint32_t)number};
    return 0;
}

void module_states_drop(const struct compiled_policy *module)
{
    module_ask(module, &(struct module_call){.which = MODULE_STATES_DROP});
}
