/* A module is the head comment, which says what it is and how it was tuned, and the subject's text
 * (rules.h and module.c.in, embedded) with the tuned constants in it. */
#include "policy/module.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include "policy/program.h"
#include "policy/rendered.h"

#define COMMENT_COLUMNS 96u

_Static_assert(MODULE_STATES_MAX % (16 * MODULE_LANES) == 0,
               "a lane's share begins where states may");

static const char *workloads_of(const struct subject *subject)
{
    return subject->traces ? "windows of traces" : "synthetic workloads";
}

/* Every parameter with its unit and meaning. */
static void add_head(struct rendered *text, const struct subject *subject, const double *parameters)
{
    rendered_add(text, "/* %s: %s\n * Made by khub; subject %s, version %s. Tuned on %s.\n *\n",
                 subject->name, subject->title, subject->name, subject->version,
                 workloads_of(subject));
    for (int i = 0; i < subject->parameter_count; i++) {
        const struct parameter *p = &subject->parameters[i];
        double value = p->whole ? floor(parameters[i] + 0.5) : parameters[i];
        rendered_add(text, " * %-17s %.6g%s%s: %s (textbook %g)\n", p->name, value,
                     *p->unit ? " " : "", p->unit, p->meaning, p->textbook);
    }
    rendered_add(text, " */\n");
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

static void add_constant(struct rendered *text, const struct constant *constant,
                         const struct rules *rules)
{
    assert(constant->first + constant->count <= RULES_WORDS);
    for (size_t i = 0; i < constant->count; i++)
        rendered_add(text, "%s%u", i > 0 ? ", " : "", rules->words[constant->first + i]);
}

static size_t add_indented(struct rendered *text, const char *mark)
{
    rendered_add(text, "    %s", mark);
    return 4 + strlen(mark);
}

/* Words of sentences, wrapped as a comment of a struct's member. */
static void add_comment(struct rendered *text, const char *sentences)
{
    size_t column = add_indented(text, "/*");
    for (const char *at = sentences; *at;) {
        size_t length = strcspn(at, " ");
        if (column + 1 + length > COMMENT_COLUMNS) {
            rendered_add(text, "\n");
            column = add_indented(text, " *");
        }
        rendered_add(text, " %.*s", (int)length, at);
        column += 1 + length;
        at += length + (at[length] == ' ');
    }
    rendered_add(text, " */\n");
}

/* The struct by which a module of the subject is called. */
static void add_ops(struct rendered *text, const struct subject *subject, bool comments)
{
    rendered_add(text, "struct khub_%s_ops {\n", subject->name);
    if (subject->stateful && comments)
        add_comment(text, "How many bytes a state has. It is the caller's, 8-byte aligned.");
    if (subject->stateful)
        rendered_add(text, "    uint32_t state_size;\n");
    if (subject->stateful && comments)
        add_comment(text, "Makes a state new; before its first use.");
    if (subject->stateful)
        rendered_add(text, "    void (*state_reset)(void *state);\n");
    for (size_t i = 0; i < subject->operation_count; i++) {
        const struct operation *operation = &subject->operations[i];
        if (comments)
            add_comment(text, operation->meaning);
        rendered_add(text, "    %s (*%s)(%s);\n", operation->returns, operation->name,
                     operation->parameters);
    }
    rendered_add(text, "};\nextern const struct khub_%s_ops khub_%s;\n", subject->name,
                 subject->name);
}

/* The text of a module with what its marks stand for: constants of the rules, which may be NULL,
 * "ops", and "decide", which may be NULL too. */
static void add_module(struct rendered *text, const struct subject *subject, const char *module,
                       const struct rules *rules, const char *decide)
{
    const char *at = module;
    for (const char *mark; (mark = strchr(at, '@')); at++) {
        rendered_add(text, "%.*s", (int)(mark - at), at);
        at = strchr(mark + 1, '@');
        assert(at);
        size_t length = (size_t)(at - mark - 1);
        const struct constant *constant = rules ? find_constant(subject, mark + 1, length) : NULL;
        if (constant) {
            add_constant(text, constant, rules);
            continue;
        }
        if (length == 3 && memcmp(mark + 1, "ops", 3) == 0) {
            add_ops(text, subject, true);
        } else {
            assert(decide && length == 6 && memcmp(mark + 1, "decide", 6) == 0);
            rendered_add(text, "%s", decide);
        }
        at++; /* the line's end */
    }
    rendered_add(text, "%s", at);
}

int subject_render(const struct subject *subject, const double *parameters, char *buffer,
                   size_t size)
{
    struct rendered text = {.buffer = buffer, .size = size};
    struct rules rules;
    if (subject_rules(subject, parameters, &rules) < 0)
        return -1;
    add_head(&text, subject, parameters);
    add_module(&text, subject, subject->module, &rules, NULL);
    return (int)text.length;
}

int subject_render_program(const struct subject *subject, const struct program *program,
                           char *buffer, size_t size)
{
    const struct program_frame *frame = subject->frame;
    struct rendered text = {.buffer = buffer, .size = size};
    char decide[PROGRAM_TEXT_MAX], line[PROGRAM_LINE_MAX];
    assert(frame && program_valid(program, frame->feature_count));
    program_write(frame, program, line, sizeof line);
    program_render(frame, program, decide, sizeof decide);
    rendered_add(&text,
                 "/* %s: %s\n * Made by khub; subject %s, version %s. A program that a search on "
                 "%s found:\n * %s */\n",
                 subject->name, subject->title, subject->name, subject->version,
                 workloads_of(subject), line);
    add_module(&text, subject, frame->text, NULL, decide);
    return (int)text.length;
}

/* ── the other side of a call ── */

/* The arguments of a call, as C reads them out of a struct module_call. */
static void add_arguments(struct rendered *text, const char *parameters)
{
    size_t numbers = 0;
    if (strcmp(parameters, "void") == 0)
        return;
    for (const char *at = parameters; *at;) {
        size_t length = strcspn(at, ",");
        const char *star = memchr(at, '*', length);
        rendered_add(text, "%s", at == parameters ? "" : ", ");
        if (!star)
            rendered_add(text, "call->arguments[%zu]", numbers++);
        else if (strncmp(at, "void *", 6) == 0)
            rendered_add(text, "state_at(call)");
        else
            rendered_add(text, "(%.*s)call->bytes", (int)(star + 1 - at), at);
        at += length;
        at += strspn(at, ", ");
    }
    assert(numbers <= MODULE_ARGUMENTS);
}

static void add_state_parts(struct rendered *text, const char *name)
{
    rendered_add(
        text,
        "static _Alignas(16) unsigned char states[%u];\n"
        "static uint32_t state_counts[MODULE_LANES];\n\n"
        "static uint32_t lane_of(const struct module_call *call)\n{\n"
        "    return call->side_by_side && call->lane < MODULE_LANES ? call->lane : 0;\n}\n\n"
        "static uint32_t share_of(const struct module_call *call)\n{\n"
        "    return sizeof states / (call->side_by_side ? MODULE_LANES : 1);\n}\n\n"
        "static uint32_t stride(void)\n{\n"
        "    uint32_t size = khub_%s.state_size;\n"
        "    size = size < 1 ? 1 : size < %u ? size : %u;\n"
        "    return (size + 15) / 16 * 16;\n}\n\n"
        "static void *state_at(const struct module_call *call)\n{\n"
        "    uint32_t lane = lane_of(call);\n"
        "    return states + lane * share_of(call) +\n"
        "           (call->state < state_counts[lane] ? call->state : 0) * stride();\n}\n\n"
        "static uint64_t state_new(const struct module_call *call)\n{\n"
        "    uint32_t lane = lane_of(call), count = state_counts[lane];\n"
        "    uint32_t size = stride(), limit = share_of(call) / size;\n"
        "    if (count >= limit)\n        return UINT64_MAX;\n"
        "    volatile unsigned char *state = states + lane * share_of(call) + count * size;\n"
        "    for (uint32_t i = 0; i < size; i++)\n        state[i] = 0;\n"
        "    khub_%s.state_reset((void *)state);\n"
        "    return state_counts[lane]++;\n}\n\n",
        MODULE_STATES_MAX, name, MODULE_STATE_MAX, MODULE_STATE_MAX, name);
}

extern const char module_call_text[];

int module_adapter(const struct subject *subject, char *buffer, size_t size)
{
    struct rendered text = {.buffer = buffer, .size = size};
    rendered_add(&text, "%s\n", module_call_text);
    add_ops(&text, subject, false);
    rendered_add(&text, "void khub_answer(struct module_call *call);\n\n");
    if (subject->stateful)
        add_state_parts(&text, subject->name);
    rendered_add(&text,
                 "void khub_answer(struct module_call *call)\n{\n    switch (call->which) {\n");
    for (size_t i = 0; i < subject->operation_count; i++) {
        const struct operation *operation = &subject->operations[i];
        bool answers = strcmp(operation->returns, "void") != 0;
        rendered_add(&text, "    case %zu:\n        %skhub_%s.%s(", i,
                     answers ? "call->result = " : "", subject->name, operation->name);
        add_arguments(&text, operation->parameters);
        rendered_add(&text, ");\n        break;\n");
    }
    if (subject->stateful)
        rendered_add(
            &text,
            "    case MODULE_STATE_NEW:\n        call->result = state_new(call);\n        break;\n"
            "    case MODULE_STATES_DROP:\n        state_counts[lane_of(call)] = 0;\n        "
            "break;\n");
    rendered_add(&text, "    }\n}\n");
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
