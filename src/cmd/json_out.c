/* See json_out.h. */
#include "cmd/json_out.h"

#include <stdlib.h>

#include "cmd/options.h"
#include "cmd/visit.h"
#include "wire/text.h"

static void print_and_free(FILE *out, struct text *text)
{
    struct slice made = text_slice(text);
    if (text->failed)
        fputs("khub: out of memory\n", stderr);
    fwrite(made.at, 1, made.len, out);
    text_free(text);
}

void json_print(FILE *out, struct slice accepted, bool pretty)
{
    struct text text = {0};
    text_add_json(&text, accepted, pretty);
    print_and_free(out, &text);
}

void json_print_string(FILE *out, struct slice bytes)
{
    struct text text = {0};
    text_add_string(&text, bytes);
    print_and_free(out, &text);
}

json_t *json_of_bytes(const char *bytes)
{
    struct text text = {0};
    text_add_string(&text, slice_of(bytes));
    struct slice made = text_slice(&text);
    json_t *json = text.failed ? NULL : json_loadb(made.at, made.len, JSON_DECODE_ANY, NULL);
    text_free(&text);
    return json;
}

int json_print_result(const char *command, json_t *root)
{
    char *made = root ? json_dumps(root, 0) : NULL;
    json_decref(root);
    if (!made)
        return complain(command, "out of memory");
    json_print(stdout, slice_of(made), true);
    putchar('\n');
    free(made);
    return EXIT_WORKED;
}
