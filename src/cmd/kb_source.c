/* The source of an entry. Code and components bring their own; a pattern's is rendered from its
 * parameters. Whatever is printed is said to be what the parameters render to, or not. */
#include <string.h>

#include "cmd/commands.h"
#include "cmd/fields.h"
#include "cmd/kb.h"
#include "cmd/visit.h"
#include "policy/subject.h"

/* The policy of a body's subject and parameters as C; NULL when this khub can't render it, and then
 * *ret_why says why. */
static char *rendered(struct json_value body, const char **ret_why)
{
    OWNED char *name = field_string(body, "subject");
    OWNED char *version = field_string(body, "subject_version");
    const struct subject *subject = subject_find(name);
    double parameters[SUBJECT_PARAMETERS_MAX];
    *ret_why = "it is of no subject of this khub, or of another version of it";
    if (!subject || strcmp(subject->version, version) != 0)
        return NULL;
    struct json_value given = json_get(body, "parameters");
    for (int i = 0; i < subject->parameter_count; i++)
        parameters[i] = field_number(given, subject->parameters[i].name, 0);
    *ret_why = "its parameters are missing or out of range";
    int length = subject_render(subject, parameters, NULL, 0);
    char *text = length > 0 ? malloc((size_t)length + 1) : NULL;
    if (text)
        subject_render(subject, parameters, text, (size_t)length + 1);
    return text;
}

/* A terminal must not obey what an AI wrote; what khub renders is plain ASCII. */
static bool harmless(const char *text)
{
    for (; *text; text++)
        if ((*text < 0x20 || *text > 0x7e) && *text != '\n' && *text != '\t')
            return false;
    return true;
}

/* A piece of code claims nothing: there is nothing to compare it with. */
static int print_code(struct json_value code)
{
    OWNED char *source = field_string(code, "source");
    if (!*source)
        return complain("kb", "there is no source in it.");
    if (!harmless(source))
        return complain("kb", "its source has more than printable ASCII; look at it with --json.");
    fputs(source, stdout);
    fputs(source[strlen(source) - 1] == '\n' ? "" : "\n", stdout);
    return EXIT_WORKED;
}

int kb_print_source(struct json_value entry)
{
    const char *why;
    struct json_value code = json_get(entry, "code");
    if (code.kind == JSON_KIND_OBJECT)
        return print_code(code);
    struct json_value body = kb_body(entry);
    OWNED char *made = rendered(body, &why);
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
