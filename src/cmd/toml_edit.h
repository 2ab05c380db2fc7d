/* Tables of a file of TOML that others write too: one is added, changed or taken away, and the file
 * stays what it was elsewhere, to the byte.
 *
 * A table is found when it is written as one: a header [outer.name] and lines under it. Where it is
 * written in any other way (inline, by dotted keys), or the file can't be followed, nothing is
 * changed. */
#ifndef KHUB_CMD_TOML_EDIT_H
#define KHUB_CMD_TOML_EDIT_H

#include <jansson.h>

#include "wire/text.h"

/* Which table: [outer.name]. Both letters, digits, '_' and '-'. */
struct toml_table {
    const char *outer, *name;
};

/* Reads the values of these keys (ended by NULL) of the table, for what can be told: strings, and
 * arrays of them; any other as null. 0; *ret_values an object, NULL: there is no such table. -1
 * with the line where the file can't be followed. */
int toml_edit_read(struct slice text, const struct toml_table *table, const char *const *keys,
                   json_t **ret_values, int *ret_line);
/* Gives the table these values (an object of strings, and arrays of them) for these keys, in the
 * place of those that it has; its other lines stay. Without the table it is added at the end. 0, or
 * -1 as above (line 0: no memory). */
int toml_edit_set(struct text *text, const struct toml_table *table, const char *const *keys,
                  const json_t *values, int *ret_line);
/* Takes the table away, with those inside it ([outer.name.more]). The same. */
int toml_edit_remove(struct text *text, const struct toml_table *table, int *ret_line);

#endif
