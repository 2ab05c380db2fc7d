/* The C that a module may be written in: C11 without what lets a compiler read files, write other
 * machine code than C's, or run code before it is asked. It is looked for in the text, so the text
 * must say what it is: nothing may paste words, or spell '#' and '\' otherwise (digraphs,
 * trigraphs). The compiler runs confined all the same, and its object is looked into. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "probe/room.h"

#define WORD_MAX 64u

struct reader {
    const char *at;
    bool line_begins; /* nothing but blanks and comments since the last line's end */
    struct probe_report *report;
};

static bool refuse(const struct reader *reader, const char *what)
{
    probe_explain(reader->report, "its source has %s, which a module may not", what);
    return false;
}

static bool listed(const char *word, size_t length, const char *const *list, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (strlen(list[i]) == length && memcmp(list[i], word, length) == 0)
            return true;
    return false;
}
#define LISTED(word, length, list) listed(word, length, list, sizeof(list) / sizeof *(list))

static size_t word_length(const char *at)
{
    size_t length = 0;
    while (isalnum((unsigned char)at[length]) || at[length] == '_' || at[length] == '$' ||
           (unsigned char)at[length] >= 0x80)
        length++;
    return length;
}

static const char *blanks_end(const char *at)
{
    return at + strspn(at, " \t\f\v");
}

/* ── words ── */

static const char *const attributes[] = {
    "noinline",     "__noinline__", "always_inline", "__always_inline__",
    "unused",       "__unused__",   "const",         "__const__",
    "pure",         "__pure__",     "fallthrough",   "noreturn",
    "__noreturn__", "packed",       "__packed__",    "__fallthrough__",
    "aligned",      "__aligned__",  "may_alias",     "__may_alias__"};

/* What stands in the two parentheses of an __attribute__: names of the list, and numbers. */
static bool attribute_allowed(struct reader *reader, const char *at)
{
    int depth = 0;
    at = blanks_end(at);
    if (at[0] != '(' || at[1] != '(')
        return refuse(reader, "an attribute");
    do {
        size_t length = word_length(at);
        depth += *at == '(' ? 1 : *at == ')' ? -1 : 0;
        if (length > 0 && !isdigit((unsigned char)*at) && !LISTED(at, length, attributes)) {
            char what[WORD_MAX + 16];
            snprintf(what, sizeof what, "attribute %.*s", (int)(length < 48 ? length : 48), at);
            return refuse(reader, what);
        }
        if (length == 0 && !strchr("() ,\t\n", *at))
            return refuse(reader, "an attribute");
        at += length > 0 ? length : 1;
    } while (*at && depth > 0);
    return true;
}

static bool builtin_allowed(const char *word, size_t length)
{
    static const char *const kinds[] = {"expect",       "unreachable",
                                        "trap",         "clz",
                                        "ctz",          "popcount",
                                        "parity",       "ffs",
                                        "bswap",        "add_overflow",
                                        "sub_overflow", "mul_overflow",
                                        "constant_p",   "types_compatible_p",
                                        "choose_expr",  "offsetof",
                                        "memcpy",       "memset",
                                        "memmove",      "memcmp"};
    static const char prefix[] = "__builtin_";
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        size_t kind = strlen(kinds[i]), rest = length - (sizeof prefix - 1);
        /* clz, clzl, clzll; bswap64 */
        if (rest >= kind && rest <= kind + 2 &&
            memcmp(word + sizeof prefix - 1, kinds[i], kind) == 0)
            return true;
    }
    return false;
}

static bool word_allowed(struct reader *reader, const char *word, size_t length)
{
    static const char *const never[] = {"asm",           "__asm",
                                        "__asm__",       "_Pragma",
                                        "__pragma",      "__has_include",
                                        "__has_embed",   "__has_include_next",
                                        "__builtin",     "__declspec",
                                        "__thread",      "_Thread_local",
                                        "__BASE_FILE__", "__INCLUDE_LEVEL__",
                                        "__TIMESTAMP__", "__TIME__",
                                        "__DATE__"};
    char what[WORD_MAX + 1];
    snprintf(what, sizeof what, "%.*s", (int)(length < WORD_MAX ? length : WORD_MAX), word);
    if (LISTED(word, length, never))
        return refuse(reader, what);
    if (strncmp(what, "__attribute", 11) == 0)
        return attribute_allowed(reader, word + length);
    if (strncmp(what, "__builtin_", 10) == 0 && !builtin_allowed(word, length))
        return refuse(reader, what);
    if (strncmp(what, "__sync_", 7) == 0 || strncmp(what, "__atomic_", 9) == 0 ||
        strncmp(what, "__sanitizer", 11) == 0)
        return refuse(reader, what);
    return true;
}

/* ── lines that begin with # ── */

static bool include_allowed(struct reader *reader, const char *at)
{
    static const char *const headers[] = {"<stdint.h>", "<stdbool.h>", "<stddef.h>"};
    at = blanks_end(at);
    size_t length = strcspn(at, " \t\f\v\n");
    if (LISTED(at, length, headers) && strchr("\n", *blanks_end(at + length)))
        return true;
    return refuse(reader, "an #include of something else than <stdint.h>, <stdbool.h>, <stddef.h>");
}

/* A word that means something here may not come to mean something else. */
static bool define_allowed(struct reader *reader)
{
    const char *name = blanks_end(reader->at);
    size_t length = word_length(name);
    if (LISTED(name, length, attributes) || strncmp(name, "__", 2) == 0)
        return refuse(reader, "a #define of a word that compilers know");
    return true;
}

static bool directive_allowed(struct reader *reader)
{
    static const char *const known[] = {"define", "undef", "if",    "ifdef", "ifndef",
                                        "else",   "elif",  "endif", "error"};
    const char *word = blanks_end(reader->at + 1);
    size_t length = word_length(word);
    reader->at = word + length;
    if (length == 7 && memcmp(word, "include", 7) == 0) {
        if (!include_allowed(reader, reader->at))
            return false;
        reader->at += strcspn(reader->at, "\n");
        return true;
    }
    if (length == 0 ? *word != '\n' : !LISTED(word, length, known))
        return refuse(reader, "a # line of another kind than #include, #define, #if and #error");
    if (length == 6 && memcmp(word, "define", 6) == 0)
        return define_allowed(reader);
    return true;
}

/* ── the text ── */

/* Past a comment, or a string with its quotes. */
static const char *past_comment(const char *at)
{
    if (at[1] == '/') /* of one line: spelling_allowed looks at its end */
        return at + strcspn(at, "\n");
    const char *end = strstr(at + 2, "*/");
    return end ? end + 2 : at + strlen(at);
}

static const char *past_string(const char *at)
{
    char quote = *at++;
    while (*at && *at != quote && *at != '\n')
        at += *at == '\\' && at[1] ? 2 : 1;
    return *at == quote ? at + 1 : at;
}

static bool mark_allowed(struct reader *reader)
{
    const char *at = reader->at;
    if (*at == '#' && reader->line_begins)
        return directive_allowed(reader);
    if ((*at == '#' && at[1] == '#') || (*at == '%' && at[1] == ':') ||
        (*at == '<' && at[1] == ':'))
        return refuse(reader, "##, %: or <:");
    if (*at == '[' && at[1 + strspn(at + 1, " \t\f\v\n")] == '[')
        return refuse(reader, "[[attributes]]");
    reader->at++;
    return true;
}

static bool step(struct reader *reader)
{
    const char *at = reader->at;
    size_t length = word_length(at);
    if (*at == '\n' || strchr(" \t\f\v", *at)) {
        reader->line_begins |= *at == '\n';
        reader->at++;
        return true;
    }
    if (*at == '/' && (at[1] == '/' || at[1] == '*')) {
        reader->at = past_comment(at);
        return true;
    }
    bool allowed = true;
    if (*at == '"' || *at == '\'')
        reader->at = past_string(at);
    else if (length > 0) {
        reader->at = at + length;
        allowed = word_allowed(reader, at, length);
    } else
        allowed = mark_allowed(reader);
    reader->line_begins = false;
    return allowed;
}

/* Whether there may be a comment of one line in front of this. */
static bool line_has_comment(const char *text, const char *at)
{
    for (; at > text && *at != '\n'; at--)
        if (at[0] == '/' && at[-1] == '/')
            return true;
    return false;
}

/* Spellings after which lines and words are not what they look like. */
static bool spelling_allowed(const struct reader *reader)
{
    for (const char *at = reader->at; (at = strpbrk(at, "\\?\r")); at++) {
        if (*at == '\r')
            return refuse(reader, "a carriage return");
        if (*at == '?' && at[1] == '?' && at[2] && strchr("=/'()!<>-", at[2]))
            return refuse(reader, "a trigraph");
        if (*at == '\\' && *blanks_end(at + 1) == '\n') {
            bool in_define =
                blanks_end(at + 1) == at + 1 && at > reader->at && strchr(" \t;{}(),", at[-1]);
            if (!in_define)
                return refuse(reader, "a line that goes on in the middle of a word");
            const char *next = blanks_end(at + 2);
            if (next == at + 2)
                return refuse(reader, "a line that goes on without an indent");
            if (line_has_comment(reader->at, at))
                return refuse(reader, "a comment that goes on");
        }
    }
    return true;
}

bool source_allowed(const char *source, struct probe_report *report)
{
    struct reader reader = {.at = source, .line_begins = true, .report = report};
    if (strlen(source) > PROBE_SOURCE_MAX) {
        probe_explain(report, "its source has %zu bytes; the limit is %u", strlen(source),
                      PROBE_SOURCE_MAX);
        return false;
    }
    if (!spelling_allowed(&reader))
        return false;
    while (*reader.at)
        if (!step(&reader))
            return false;
    return true;
}
