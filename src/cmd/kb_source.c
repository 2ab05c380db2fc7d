/* The source of an entry. Code, components and modules bring their own; a pattern's is rendered
 * from its parameters. Whatever is printed is said to be what the parameters render to, or not. */
#include <string.h>

#include "cmd/commands.h"
#include "cmd/fields.h"
#include "cmd/kb.h"
#include "cmd/visit.h"

/* The policy of a body's subject and parameters as C; NULL when this khub can't render it, and then
 * ret_why says why. */
static char *rendered(struct json_value body, char ret_why[KB_WHY_SIZE])
{
    double parameters[SUBJECT_PARAMETERS_MAX];
    const struct subject *subject = kb_parameters(body, parameters, ret_why);
    int length = subject ? subject_render(subject, parameters, NULL, 0) : -1;
    char *text = length > 0 ? malloc((size_t)length + 1) : NULL;
    if (text)
        subject_render(subject, parameters, text, (size_t)length + 1);
    return text;
}

/* Who takes this C should know what became of the claim that it came with. */
static void warn_of_claim(struct json_value entry)
{
    struct json_value verification = json_get(entry, "verification"), verifier;
    struct json_iterator iterator = {.rest = json_get(verification, "verifiers").raw};
    OWNED char *status = field_string(verification, "status");
    struct text names = {0};
    if (strcmp(status, "refuted") != 0 && strcmp(status, "contested") != 0)
        return;
    while (json_get(verification, "verifiers").kind == JSON_KIND_ARRAY &&
           json_next_element(&iterator, &verifier)) {
        OWNED char *name = field_string(verifier, "ai_id");
        if (json_get(verifier, "agrees").kind == JSON_KIND_FALSE)
            text_addf(&names, "%s%s", names.len > 0 ? ", " : "", name);
    }
    complain("kb", "careful: the claim that came with it is %s: %.*s measured something else.",
             status, SLICE_FORMAT(text_slice(&names)));
    text_free(&names);
}

/* A terminal must not obey what an AI wrote; what khub renders is plain ASCII. */
static bool harmless(const char *text)
{
    for (; *text; text++)
        if ((*text < 0x20 || *text > 0x7e) && *text != '\n' && *text != '\t')
            return false;
    return true;
}

/* As its author wrote it, to the last byte: a module's hash is that of its bytes. */
static int print_written(const char *source)
{
    if (!harmless(source))
        return complain("kb", "its source has more than printable ASCII; look at it with --json.");
    fputs(source, stdout);
    return EXIT_WORKED;
}

/* A piece of code claims nothing: there is nothing to compare it with. */
static int print_code(struct json_value code)
{
    OWNED char *source = field_string(code, "source");
    if (!*source)
        return complain("kb", "there is no source in it.");
    int exit_code = print_written(source);
    if (exit_code == EXIT_WORKED)
        fputs(source[strlen(source) - 1] == '\n' ? "" : "\n", stdout);
    return exit_code;
}

/* Of a module there are no parameters to compare it with, but what others made of its claim. */
static int print_module(struct json_value entry, const char *source)
{
    OWNED char *status = field_string(json_get(entry, "verification"), "status");
    int code = print_written(source);
    if (code == EXIT_WORKED && strcmp(status, "confirmed") == 0)
        complain("kb", "a module, as its author wrote it: others have confirmed its number.");
    else if (code == EXIT_WORKED)
        complain("kb",
                 "careful: a module, as its author wrote it; nobody has confirmed its number.");
    return code;
}

int kb_print_source(struct json_value entry)
{
    char why[KB_WHY_SIZE];
    struct json_value code = json_get(entry, "code");
    if (code.kind == JSON_KIND_OBJECT)
        return print_code(code);
    struct json_value body = kb_body(entry);
    warn_of_claim(entry);
    OWNED char *module = field_module(body);
    if (*module)
        return print_module(entry, module);
    OWNED char *made = rendered(body, why);
    OWNED char *given = field_string(body, "implementation");
    if (!*given && !made)
        return complain("kb", "there is no C source in it, and none can be made: %s.", why);
    if (*given && !harmless(given))
        return complain("kb", "its source has more than printable ASCII; look at it with --json.");
    fputs(*given ? given : made, stdout);
    if (!*given)
        complain("kb", "rendered here from the pattern's parameters.");
    else if (made && strcmp(given, made) == 0)
        complain("kb", "this is what its parameters render to.");
    else if (made)
        return complain("kb", "careful: this is not what its parameters render to.");
    else
        complain("kb", "careful: nothing to compare it with: %s.", why);
    return EXIT_WORKED;
}
