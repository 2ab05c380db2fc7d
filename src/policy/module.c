/* A module is the head comment, which says what it is and how it was tuned, and the subject's text
 * (rules.h and module.c.in, embedded) with the tuned constants in it. */
#include "policy/module.h"

#include <assert.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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
        const struct constant *constant = find_constant(subject, mark + 1, (size_t)(at - mark - 1));
        assert(constant);
        add_constant(&text, constant, &rules);
    }
    add(&text, "%s", at);
    return (int)text.length;
}

void *module_state_new(const module_function *functions)
{
    uint32_t (*state_size)(void) = (uint32_t(*)(void))functions[0];
    void (*state_reset)(void *) = (void (*)(void *))functions[1];
    uint32_t size = state_size();
    if (size == 0)
        size = 1;
    void *state = calloc(1, size < MODULE_STATE_MAX ? size : MODULE_STATE_MAX);
    if (state)
        state_reset(state);
    return state;
}
