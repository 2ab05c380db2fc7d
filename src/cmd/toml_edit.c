/* See toml_edit.h. The file is read as headers and keys, each with the lines that it takes; what a
 * value says is nobody's matter here, only where it ends. */
#include "cmd/toml_edit.h"

#include <stdlib.h>

#define PATH_KEYS_MAX 8u
#define NEST_MAX      32u
#define KEYS_MAX      16u /* that are read or set at a time */

/* ── reading ── */

struct path {
    struct slice keys[PATH_KEYS_MAX];
    size_t count;
};

enum item_kind { ITEM_END, ITEM_HEADER, ITEM_KEY, ITEM_FAULT };

struct item {
    enum item_kind kind;
    const char *begin, *end; /* of its lines */
    struct path path;        /* of a key: from the top */
    size_t own;              /* keys of it that stand in its own line */
    struct slice value;
    bool of_array; /* a header [[…]] */
};

struct reader {
    const char *at, *end;
    struct path table;
    int line;
};

static void skip_blanks(struct reader *reader)
{
    while (reader->at < reader->end && (*reader->at == ' ' || *reader->at == '\t'))
        reader->at++;
}

static bool at_char(const struct reader *reader, char c)
{
    return reader->at < reader->end && *reader->at == c;
}

static bool take_char(struct reader *reader, char c)
{
    bool there = at_char(reader, c);
    reader->at += there;
    return there;
}

/* The rest of a line: nothing, or a comment. False: something else. */
static bool take_line_end(struct reader *reader)
{
    skip_blanks(reader);
    if (at_char(reader, '#'))
        while (reader->at < reader->end && *reader->at != '\n')
            reader->at++;
    take_char(reader, '\r');
    if (reader->at == reader->end)
        return true;
    bool taken = take_char(reader, '\n');
    reader->line += taken;
    return taken;
}

/* A string from its first quote to behind its last. */
static bool take_string(struct reader *reader)
{
    char quote = *reader->at;
    const char *begin = reader->at;
    bool long_one = reader->end - begin >= 3 && begin[1] == quote && begin[2] == quote;
    size_t quotes = long_one ? 3 : 1, found = 0;
    for (reader->at += quotes; reader->at < reader->end; reader->at++) {
        char c = *reader->at;
        if (c == '\n' && !long_one)
            return false;
        reader->line += c == '\n';
        found = c == quote ? found + 1 : 0;
        if (c == '\\' && quote == '"' && reader->at + 1 < reader->end)
            reader->line += *++reader->at == '\n';
        if (found < quotes)
            continue;
        reader->at++;
        for (int i = 0; long_one && i < 2; i++) /* it may end in quotes of its own */
            take_char(reader, quote);
        return true;
    }
    return false;
}

static bool is_bare(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-';
}

/* One that is quoted is taken as it stands between its quotes. */
static bool take_key(struct reader *reader, struct slice *ret_key)
{
    const char *begin = reader->at;
    if (at_char(reader, '"') || at_char(reader, '\'')) {
        if (!take_string(reader))
            return false;
        *ret_key = (struct slice){begin + 1, (size_t)(reader->at - begin) - 2};
        return true;
    }
    while (reader->at < reader->end && is_bare(*reader->at))
        reader->at++;
    *ret_key = (struct slice){begin, (size_t)(reader->at - begin)};
    return reader->at > begin;
}

static bool take_path(struct reader *reader, struct path *path)
{
    do {
        skip_blanks(reader);
        if (path->count == PATH_KEYS_MAX || !take_key(reader, &path->keys[path->count]))
            return false;
        path->count++;
        skip_blanks(reader);
    } while (take_char(reader, '.'));
    return true;
}

/* Up to where it ends: at the end of a line that no bracket and no string holds open. */
static bool take_value(struct reader *reader, struct slice *ret_value)
{
    unsigned depth = 0;
    skip_blanks(reader);
    const char *begin = reader->at, *end = begin;
    while (reader->at < reader->end) {
        char c = *reader->at;
        if (depth == 0 && (c == '\n' || c == '#'))
            break;
        if (c == '#') {
            if (!take_line_end(reader))
                return false;
            continue;
        }
        if (c == '"' || c == '\'') {
            if (!take_string(reader))
                return false;
            end = reader->at;
            continue;
        }
        if (((c == '[' || c == '{') && ++depth > NEST_MAX) ||
            ((c == ']' || c == '}') && depth-- == 0))
            return false;
        reader->line += c == '\n';
        reader->at++;
        if (c != ' ' && c != '\t' && c != '\r' && c != '\n')
            end = reader->at;
    }
    *ret_value = (struct slice){begin, (size_t)(end - begin)};
    return depth == 0 && end > begin;
}

static bool read_header(struct reader *reader, struct item *item)
{
    item->kind = ITEM_HEADER;
    take_char(reader, '[');
    item->of_array = take_char(reader, '[');
    bool good = take_path(reader, &item->path) && take_char(reader, ']') &&
                (!item->of_array || take_char(reader, ']')) && take_line_end(reader);
    reader->table = item->path;
    return good;
}

static bool read_key(struct reader *reader, struct item *item)
{
    item->kind = ITEM_KEY;
    item->path = reader->table;
    bool good = take_path(reader, &item->path) && take_char(reader, '=') &&
                take_value(reader, &item->value) && take_line_end(reader);
    item->own = item->path.count - reader->table.count;
    return good;
}

static struct item next_item(struct reader *reader)
{
    struct item item = {.kind = ITEM_END};
    while (reader->at < reader->end) {
        item.begin = reader->at;
        skip_blanks(reader);
        if (at_char(reader, '#') || at_char(reader, '\r') || at_char(reader, '\n')) {
            if (!take_line_end(reader))
                break;
            continue;
        }
        if (reader->at == reader->end)
            return item;
        if (!(at_char(reader, '[') ? read_header(reader, &item) : read_key(reader, &item)))
            break;
        item.end = reader->at;
        return item;
    }
    if (reader->at < reader->end || item.kind != ITEM_END)
        item.kind = ITEM_FAULT;
    return item;
}

/* ── finding ── */

struct range {
    const char *begin, *end;
};

#define TABLES_MAX 16u

struct found {
    struct range tables[TABLES_MAX]; /* it and those inside it, without what stands behind the last
                                        key */
    size_t count, own;               /* own: which of them it is itself; count: none is */
    const char *header_end;
    struct range keys[KEYS_MAX]; /* of those that were asked for; begin NULL: it is not there */
    struct slice values[KEYS_MAX];
};

static bool begins_with(const struct path *path, const struct toml_table *table)
{
    return path->count >= 2 && slice_equal(path->keys[0], slice_of(table->outer)) &&
           slice_equal(path->keys[1], slice_of(table->name));
}

/* Whether it says something of the table in a way that is not understood. */
static bool is_strange(const struct item *item, const struct toml_table *table, bool within)
{
    bool outer = item->path.count > 0 && slice_equal(item->path.keys[0], slice_of(table->outer));
    if (item->kind == ITEM_HEADER)
        return item->of_array && outer &&
               (item->path.count == 1 || begins_with(&item->path, table));
    return outer && !within && (item->path.count == 1 || begins_with(&item->path, table));
}

static void note_key(struct found *found, const struct item *item, const char *const *keys)
{
    struct slice key = item->path.keys[item->path.count - 1];
    found->tables[found->count - 1].end = item->end;
    if (found->own != found->count - 1 || item->own != 1)
        return;
    for (size_t i = 0; keys && keys[i] && i < KEYS_MAX; i++) {
        if (!slice_equal(key, slice_of(keys[i])))
            continue;
        found->keys[i] = (struct range){item->begin, item->end};
        found->values[i] = item->value;
    }
}

static bool note_header(struct found *found, const struct item *item)
{
    bool own = item->path.count == 2;
    if (found->count == TABLES_MAX || (own && found->header_end))
        return false;
    if (own) {
        found->own = found->count;
        found->header_end = item->end;
    }
    found->tables[found->count++] = (struct range){item->begin, item->end};
    return true;
}

static int find(struct slice text, const struct toml_table *table, const char *const *keys,
                struct found *ret_found, int *ret_line)
{
    struct slice read = text.len ? text : slice_of(""); /* an empty one may be nowhere */
    struct reader reader = {.at = read.at, .end = read.at + read.len, .line = 1};
    struct found found = {.own = TABLES_MAX};
    struct item item;
    bool within = false;
    int line = 1;
    for (; text.len > 0 && (item = next_item(&reader)).kind != ITEM_END; line = reader.line) {
        bool good = item.kind != ITEM_FAULT && !is_strange(&item, table, within);
        if (good && item.kind == ITEM_HEADER) {
            within = begins_with(&item.path, table);
            good = !within || note_header(&found, &item);
        } else if (good && within) {
            note_key(&found, &item, keys);
        }
        if (!good) {
            *ret_line = item.kind == ITEM_FAULT ? reader.line : line;
            return -1;
        }
    }
    *ret_found = found;
    return 0;
}

/* ── values ── */

/* TOML's basic strings are JSON's, and so are arrays of them on one line or many. */
static json_t *value_of(struct slice raw)
{
    json_t *value = json_loadb(raw.at, raw.len, JSON_DECODE_ANY, NULL);
    if (json_is_string(value) || json_is_array(value))
        return value;
    json_decref(value);
    return json_null();
}

static json_t *values_of(const struct found *found, const char *const *keys)
{
    json_t *values = json_object();
    for (size_t i = 0; i < KEYS_MAX && keys[i]; i++)
        if (found->keys[i].begin)
            json_object_set_new(values, keys[i], value_of(found->values[i]));
    return values;
}

int toml_edit_read(struct slice text, const struct toml_table *table, const char *const *keys,
                   json_t **ret_values, int *ret_line)
{
    struct found found;
    if (find(text, table, keys, &found, ret_line) < 0)
        return -1;
    *ret_values = found.header_end ? values_of(&found, keys) : NULL;
    return 0;
}

/* ── changing ── */

static const char *eol_of(const struct text *text)
{
    const char *first = text->len ? memchr(text->at, '\n', text->len) : NULL;
    return first && first > text->at && first[-1] == '\r' ? "\r\n" : "\n";
}

static void write_values(struct text *out, const json_t *values, const char *eol)
{
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)values, key, value)
    {
        char *raw = json_dumps(value, JSON_ENCODE_ANY);
        out->failed |= !raw;
        text_addf(out, "%s = %s%s", key, raw ? raw : "", eol);
        free(raw);
    }
}

static int take_over(struct text *text, struct text *whole, int *ret_line)
{
    if (whole->failed) {
        text_free(whole);
        *ret_line = 0;
        return -1;
    }
    text_free(text);
    *text = *whole;
    return 0;
}

/* In the place of the keys that it has; those between them stay. */
static void write_anew(struct text *out, const struct text *text, const struct found *found,
                       const json_t *values, const char *eol)
{
    const char *at = found->header_end;
    text_add(out, (struct slice){text->at, (size_t)(at - text->at)});
    if (at[-1] != '\n')
        text_add_literal(out, eol);
    write_values(out, values, eol);
    for (;;) {
        const struct range *next = NULL;
        for (size_t i = 0; i < KEYS_MAX; i++)
            if (found->keys[i].begin && found->keys[i].begin >= at &&
                (!next || found->keys[i].begin < next->begin))
                next = &found->keys[i];
        if (!next)
            break;
        text_add(out, (struct slice){at, (size_t)(next->begin - at)});
        at = next->end;
    }
    text_add(out, (struct slice){at, (size_t)(text->at + text->len - at)});
}

static void write_behind(struct text *out, const struct text *text, const struct toml_table *table,
                         const json_t *values, const char *eol)
{
    text_add(out, text_slice(text));
    if (text->len > 0 && text->at[text->len - 1] != '\n')
        text_add_literal(out, eol);
    text_addf(out, "%s[%s.%s]%s", text->len > 0 ? eol : "", table->outer, table->name, eol);
    write_values(out, values, eol);
}

int toml_edit_set(struct text *text, const struct toml_table *table, const char *const *keys,
                  const json_t *values, int *ret_line)
{
    struct found found;
    struct text whole = {0};
    const char *eol = eol_of(text);
    if (find(text_slice(text), table, keys, &found, ret_line) < 0)
        return -1;
    if (!found.header_end) {
        write_behind(&whole, text, table, values, eol);
        return take_over(text, &whole, ret_line);
    }
    json_t *there = values_of(&found, keys);
    bool same = json_equal(there, values);
    json_decref(there);
    if (same)
        return 0;
    write_anew(&whole, text, &found, values, eol);
    return take_over(text, &whole, ret_line);
}

/* With an empty line in front of it; at the beginning of the file, with one behind it. */
static struct range with_space(const struct text *text, struct range range)
{
    const char *eol = eol_of(text), *end = text->at + text->len;
    size_t len = strlen(eol);
    size_t before = (size_t)(range.begin - text->at), behind = (size_t)(end - range.end);
    if (before >= 2 * len && memcmp(range.begin - len, eol, len) == 0 &&
        memcmp(range.begin - 2 * len, eol, len) == 0)
        range.begin -= len;
    else if (before == 0 && behind >= len && memcmp(range.end, eol, len) == 0)
        range.end += len;
    return range;
}

int toml_edit_remove(struct text *text, const struct toml_table *table, int *ret_line)
{
    struct found found;
    struct text whole = {0};
    if (find(text_slice(text), table, NULL, &found, ret_line) < 0)
        return -1;
    if (found.count == 0)
        return 0;
    const char *at = text->at;
    text_reserve(&whole, text->len);
    for (size_t i = 0; i < found.count; i++) {
        struct range range = with_space(text, found.tables[i]);
        if (range.begin > at)
            text_add(&whole, (struct slice){at, (size_t)(range.begin - at)});
        at = range.end;
    }
    text_add(&whole, (struct slice){at, (size_t)(text->at + text->len - at)});
    return take_over(text, &whole, ret_line);
}
