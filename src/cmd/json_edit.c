/* See json_edit.h. wire's cursor finds a value in the text as it stands there; a change is one
 * piece of the text in the place of another. */
#include "cmd/json_edit.h"

#include <stdio.h>
#include <stdlib.h>

#include "wire/json.h"

#define DEPTH_MAX   64u
#define STEP_SIZE   128u
#define INDENT_SIZE 64u

int json_edit_check(struct slice text, int *ret_line, char *ret_why, size_t size)
{
    json_error_t error;
    size_t at;
    json_t *root = json_loadb(text.at, text.len, JSON_REJECT_DUPLICATES, &error);
    bool object = json_is_object(root);
    json_decref(root);
    *ret_line = root ? 0 : error.line;
    if (!root)
        snprintf(ret_why, size, "%s", error.text);
    else if (!object)
        snprintf(ret_why, size, "it is no object");
    else if (json_check(text, DEPTH_MAX, &at) != JSON_FINE)
        snprintf(ret_why, size, "what stands at byte %zu is no JSON, or is too deep", at);
    else
        return 0;
    return -1;
}

/* ── finding ── */

/* A member of an object or an element of an array, as it stands in the text. */
struct child {
    const char *begin, *end; /* with its name */
    struct json_value value;
};

struct container {
    struct json_value value;
    size_t count;
    struct child before, found, behind, last; /* found.begin NULL: there is none; before and behind
                                                 it, NULL too */
};

static const char *begin_of(struct json_value value)
{
    return value.raw.at - (value.kind == JSON_KIND_STRING);
}

static const char *end_of(struct json_value value)
{
    return value.raw.at + value.raw.len + (value.kind == JSON_KIND_STRING);
}

static bool next_child(struct json_value parent, struct json_iterator *iterator,
                       struct child *ret_child, struct json_value *ret_name)
{
    *ret_name = (struct json_value){0};
    bool more = parent.kind == JSON_KIND_OBJECT
                    ? json_next_member(iterator, ret_name, &ret_child->value)
                    : json_next_element(iterator, &ret_child->value);
    if (more) {
        ret_child->begin = begin_of(parent.kind == JSON_KIND_OBJECT ? *ret_name : ret_child->value);
        ret_child->end = end_of(ret_child->value);
    }
    return more;
}

static bool is_step(struct json_value name, size_t index, struct slice step)
{
    char digits[U64_SIZE];
    if (name.kind == JSON_KIND_STRING)
        return json_string_is(name, step);
    size_t len = u64_format(index, digits);
    return slice_equal((struct slice){digits, len}, step);
}

static struct container look(struct json_value parent, struct slice step)
{
    struct container container = {.value = parent};
    struct json_iterator iterator = {.rest = parent.raw};
    struct child child;
    struct json_value name;
    while (next_child(parent, &iterator, &child, &name)) {
        if (container.found.begin && !container.behind.begin)
            container.behind = child;
        if (is_step(name, container.count, step)) {
            container.before = container.last;
            container.found = child;
        }
        container.last = child;
        container.count++;
    }
    return container;
}

/* Takes the next step of a pointer. */
static struct slice step_take(const char **pointer)
{
    const char *begin = *pointer + (**pointer == '/');
    const char *end = begin + strcspn(begin, "/");
    *pointer = end;
    return (struct slice){begin, (size_t)(end - begin)};
}

/* As far as the way is there: the container in which the last step taken was looked for; *pointer
 * is behind it. -1: the way leads through something else. */
static int walk(const struct text *text, const char **pointer, struct slice *ret_step,
                struct container *ret_container)
{
    struct json_value at = json_value_of((struct slice){text->at, text->len});
    do {
        if (at.kind != JSON_KIND_OBJECT && at.kind != JSON_KIND_ARRAY)
            return -1;
        *ret_step = step_take(pointer);
        *ret_container = look(at, *ret_step);
        at = ret_container->found.value;
    } while (**pointer && ret_container->found.begin);
    return 0;
}

/* ── how it is laid out ── */

struct layout {
    char indent[INDENT_SIZE]; /* of the line that something stands on */
    char unit[INDENT_SIZE];   /* of one level */
    const char *eol;
    bool lines; /* each member on one of its own */
};

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static void copy_blanks(const char *begin, const char *end, char ret_blanks[INDENT_SIZE])
{
    size_t len = 0;
    while (begin + len < end && is_blank(begin[len]) && len < INDENT_SIZE - 1)
        len++;
    memcpy(ret_blanks, begin, len);
    ret_blanks[len] = '\0';
}

static struct layout layout_at(const struct text *text, const char *at)
{
    struct layout layout = {.unit = "  ", .eol = "\n"};
    const char *end = text->at + text->len, *first = memchr(text->at, '\n', text->len);
    const char *line = at;
    while (line > text->at && line[-1] != '\n')
        line--;
    copy_blanks(line, at, layout.indent);
    if (first && first > text->at && first[-1] == '\r')
        layout.eol = "\r\n";
    if (first && first + 1 < end && is_blank(first[1]))
        copy_blanks(first + 1, end, layout.unit);
    return layout;
}

/* White space in front of something, back to what is none. */
static struct slice gap_before(const struct text *text, const char *at)
{
    const char *begin = at;
    while (begin > text->at && (is_blank(begin[-1]) || begin[-1] == '\n' || begin[-1] == '\r'))
        begin--;
    return (struct slice){begin, (size_t)(at - begin)};
}

static void write_line(struct text *out, const struct layout *layout, unsigned depth)
{
    text_add_literal(out, layout->eol);
    text_add_literal(out, layout->indent);
    for (unsigned i = 0; i < depth; i++)
        text_add_literal(out, layout->unit);
}

static void write_scalar(struct text *out, const json_t *value)
{
    char *scalar = json_dumps(value, JSON_ENCODE_ANY);
    if (scalar)
        text_add_literal(out, scalar);
    else
        out->failed = true;
    free(scalar);
}

static bool holds_containers(const json_t *value)
{
    for (size_t i = 0; i < json_array_size(value); i++) {
        const json_t *element = json_array_get(value, i);
        if (json_is_object(element) || json_is_array(element))
            return true;
    }
    return json_is_object(value);
}

/* An array of strings and numbers stands on one line. */
static void write_value(struct text *out, const json_t *value, const struct layout *layout,
                        unsigned depth)
{
    if (!json_is_object(value) && !json_is_array(value)) {
        write_scalar(out, value);
        return;
    }
    bool lines = layout->lines && holds_containers(value), first = true;
    size_t i = 0, count = json_is_array(value) ? json_array_size(value) : json_object_size(value);
    void *member = json_object_iter((json_t *)(uintptr_t)value);
    text_add_literal(out, json_is_array(value) ? "[" : "{");
    for (; i < count; i++, first = false) {
        text_add_literal(out, first ? "" : lines ? "," : ", ");
        if (lines)
            write_line(out, layout, depth + 1);
        if (member) {
            text_add_string(out, slice_of(json_object_iter_key(member)));
            text_add_literal(out, ": ");
        }
        write_value(out, member ? json_object_iter_value(member) : json_array_get(value, i), layout,
                    depth + 1);
        member = member ? json_object_iter_next((json_t *)(uintptr_t)value, member) : NULL;
    }
    if (lines && count > 0)
        write_line(out, layout, depth);
    text_add_literal(out, json_is_array(value) ? "]" : "}");
}

/* ── changing ── */

/* One piece in the place of what stands from begin to end. */
static int splice(struct text *text, const char *begin, const char *end, struct text *piece)
{
    struct text whole = {0};
    text_reserve(&whole, text->len + piece->len);
    text_add(&whole, (struct slice){text->at, (size_t)(begin - text->at)});
    text_add(&whole, text_slice(piece));
    text_add(&whole, (struct slice){end, (size_t)(text->at + text->len - end)});
    bool failed = whole.failed || piece->failed;
    text_free(piece);
    if (failed) {
        text_free(&whole);
        return -1;
    }
    text_free(text);
    *text = whole;
    return 0;
}

static int replace_value(struct text *text, struct child found, const json_t *value)
{
    json_t *there =
        json_loadb(begin_of(found.value), (size_t)(end_of(found.value) - begin_of(found.value)),
                   JSON_DECODE_ANY, NULL);
    bool same = json_equal(there, value);
    json_decref(there);
    if (same)
        return 0;
    struct layout layout = layout_at(text, found.begin);
    struct slice gap = gap_before(text, found.begin);
    struct text piece = {0};
    layout.lines = memchr(gap.at, '\n', gap.len);
    write_value(&piece, value, &layout, 0);
    return splice(text, begin_of(found.value), end_of(found.value), &piece);
}

static void write_member(struct text *out, struct slice name, const json_t *value,
                         const struct layout *layout, unsigned depth)
{
    if (name.at) {
        text_add_string(out, name);
        text_add_literal(out, ": ");
    }
    write_value(out, value, layout, depth);
}

/* name without bytes: into an array. */
static int insert(struct text *text, const struct container *container, struct slice name,
                  const json_t *value)
{
    struct text piece = {0};
    const char *begin = container->value.raw.at, *end = begin + container->value.raw.len;
    if (container->count > 0) {
        struct layout layout = layout_at(text, container->last.begin);
        struct slice gap = gap_before(text, container->last.begin);
        layout.lines = memchr(gap.at, '\n', gap.len);
        text_add_literal(&piece, ",");
        text_add(&piece, gap);
        write_member(&piece, name, value, &layout, 0);
        return splice(text, container->last.end, container->last.end, &piece);
    }
    struct layout layout = layout_at(text, begin);
    layout.lines = true;
    text_add(&piece, (struct slice){begin, 1});
    write_line(&piece, &layout, 1);
    write_member(&piece, name, value, &layout, 1);
    write_line(&piece, &layout, 0);
    text_add(&piece, (struct slice){end - 1, 1});
    return splice(text, begin, end, &piece);
}

/* The value within what the rest of the pointer wants made. A new reference; NULL: no memory. */
static json_t *wrap(const char *rest, const json_t *value)
{
    if (!*rest)
        return json_incref((json_t *)(uintptr_t)value);
    char name[STEP_SIZE];
    struct slice step = step_take(&rest);
    json_t *inner = wrap(rest, value), *outer;
    snprintf(name, sizeof name, "%.*s", SLICE_FORMAT(step));
    outer = strcmp(name, "-") == 0 ? json_array() : json_object();
    int error = json_is_array(outer) ? json_array_append_new(outer, inner)
                                     : json_object_set_new(outer, name, inner);
    if (error == 0)
        return outer;
    json_decref(outer);
    return NULL;
}

int json_edit_set(struct text *text, const char *pointer, const json_t *value)
{
    struct container container;
    struct slice step;
    if (walk(text, &pointer, &step, &container) < 0)
        return -1;
    if (container.found.begin)
        return replace_value(text, container.found, value);
    bool array = container.value.kind == JSON_KIND_ARRAY;
    if (array != slice_equal(step, slice_of("-")))
        return -1;
    json_t *wrapped = wrap(pointer, value);
    int error =
        wrapped ? insert(text, &container, array ? (struct slice){NULL, 0} : step, wrapped) : -1;
    json_decref(wrapped);
    return error;
}

int json_edit_remove(struct text *text, const char *pointer)
{
    struct container container;
    struct slice step;
    struct text piece = {0};
    const char *rest = pointer;
    if (walk(text, &rest, &step, &container) < 0 || !container.found.begin)
        return -1;
    if (container.before.begin)
        return splice(text, container.before.end, container.found.end, &piece);
    if (container.behind.begin)
        return splice(text, container.found.begin, container.behind.begin, &piece);
    const char *slash = strrchr(pointer, '/');
    char outer[STEP_SIZE * 2];
    if (slash == pointer) {
        text_add_literal(&piece, "{}");
        return splice(text, container.value.raw.at,
                      container.value.raw.at + container.value.raw.len, &piece);
    }
    if (snprintf(outer, sizeof outer, "%.*s", (int)(slash - pointer), pointer) >= (int)sizeof outer)
        return -1;
    return json_edit_remove(text, outer);
}
