/* What a tool is told, and what it tells, as a table: it is written as a JSON Schema (2020-12), and
 * arguments are judged by it. */
#ifndef KHUB_GATEWAY_PARAMS_H
#define KHUB_GATEWAY_PARAMS_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

enum param_kind {
    PARAM_TEXT,   /* low..high bytes */
    PARAM_WHOLE,  /* low..high */
    PARAM_NUMBER, /* low..high */
    PARAM_FLAG,
    PARAM_TEXTS, /* at most `high` texts of 128 bytes */
    PARAM_OBJECT,
    PARAM_OBJECTS, /* only told */
    PARAM_ANY      /* any JSON */
};

struct param {
    const char *name; /* NULL: the table's end */
    enum param_kind kind;
    bool required;
    const char *about;          /* a sentence, or NULL */
    const char *const *choices; /* of a text; ended by NULL */
    double low, high;           /* both 0: no limits */
    /* Only told: what it means when it is null (NULL: it never is); and what is in an object, or in
     * each of several (NULL: anything; else these, and perhaps more). */
    const char *null;
    const struct param *members;
};

/* Owned; NULL when out of memory. */
json_t *params_schema(const struct param *params);
/* 0, or -1 with a sentence that names what is wrong, its value and the limit. arguments NULL: none
 * were given. */
int params_check(const struct param *params, json_t *arguments, char *why, size_t size);

#endif
