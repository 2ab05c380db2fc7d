#include "gateway/peer_json.h"

#include <errno.h>
#include <stdlib.h>

#include "wire/json.h"
#include "wire/text.h"

/* As jansson judges it. */
static bool is_beyond(struct slice number)
{
    double real;
    char digits[32];
    if (memchr(number.at, '.', number.len) || memchr(number.at, 'e', number.len) ||
        memchr(number.at, 'E', number.len))
        return json_number(json_value_of(number), &real) < 0;
    if (number.len >= sizeof digits)
        return true;
    memcpy(digits, number.at, number.len);
    digits[number.len] = '\0';
    errno = 0;
    strtoll(digits, NULL, 10);
    return errno == ERANGE;
}

static void add_name(struct text *text, struct slice name)
{
    static const struct slice nul = SLICE("\\u0000"), instead = SLICE("\\ufffd");
    for (size_t at = 0; at < name.len;) {
        struct slice rest = {name.at + at, name.len - at};
        bool is_nul = rest.len >= nul.len && memcmp(rest.at, nul.at, nul.len) == 0;
        size_t len = is_nul ? nul.len : rest.at[0] == '\\' ? 2 : 1;
        text_add(text, is_nul ? instead : (struct slice){rest.at, len});
        at += len;
    }
}

static void add_value(struct text *text, struct json_value value);

static void add_members(struct text *text, struct json_value object)
{
    struct json_iterator iterator = {.rest = object.raw};
    struct json_value name, value;
    const char *before = "{\"";
    while (json_next_member(&iterator, &name, &value)) {
        text_add_literal(text, before);
        add_name(text, name.raw);
        text_add_literal(text, "\":");
        add_value(text, value);
        before = ",\"";
    }
    text_add_literal(text, before[0] == '{' ? "{}" : "}");
}

static void add_elements(struct text *text, struct json_value array)
{
    struct json_iterator iterator = {.rest = array.raw};
    struct json_value value;
    const char *before = "[";
    while (json_next_element(&iterator, &value)) {
        text_add_literal(text, before);
        add_value(text, value);
        before = ",";
    }
    text_add_literal(text, before[0] == '[' ? "[]" : "]");
}

/* As deep as json_check let it be. */
static void add_value(struct text *text, struct json_value value)
{
    bool quoted =
        value.kind == JSON_KIND_STRING || (value.kind == JSON_KIND_NUMBER && is_beyond(value.raw));
    if (value.kind == JSON_KIND_OBJECT) {
        add_members(text, value);
    } else if (value.kind == JSON_KIND_ARRAY) {
        add_elements(text, value);
    } else {
        text_add_literal(text, quoted ? "\"" : "");
        text_add(text, value.raw);
        text_add_literal(text, quoted ? "\"" : "");
    }
}

json_t *peer_json(struct slice accepted)
{
    json_t *json = json_loadb(accepted.at, accepted.len, JSON_ALLOW_NUL | JSON_DECODE_ANY, NULL);
    struct text text = {0};
    if (json)
        return json;
    add_value(&text, json_value_of(accepted));
    struct slice made = text_slice(&text);
    if (made.len > 0)
        json = json_loadb(made.at, made.len, JSON_ALLOW_NUL | JSON_DECODE_ANY, NULL);
    text_free(&text);
    return json;
}
