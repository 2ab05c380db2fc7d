/* What this program finds out of claims by itself: whether their parameters are any that it can
 * run, and whether their number is what it measures. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "cmd/fields.h"
#include "cmd/kb.h"

struct named {
    char *name;
    double value;
};

static int compare_names(const void *left, const void *right)
{
    return strcmp(((const struct named *)left)->name, ((const struct named *)right)->name);
}

/* All of them, in the order of the object; to be freed with their names. NULL when there are none,
 * or out of memory. What is no number is NAN. */
static struct named *read_named(struct json_value body, size_t *ret_count)
{
    struct json_value given = json_get(body, "parameters"), name, value;
    struct json_iterator iterator = {.rest = given.raw};
    size_t count = given.kind == JSON_KIND_OBJECT ? field_count(given) : 0, filled = 0;
    struct named *named = count > 0 ? calloc(count, sizeof(*named)) : NULL;
    while (named && json_next_member(&iterator, &name, &value)) {
        named[filled].name = field_text(name);
        if (json_number(value, &named[filled].value) < 0)
            named[filled].value = (double)NAN;
        filled++;
    }
    *ret_count = filled;
    return named;
}

static void free_named(struct named *named, size_t count)
{
    for (size_t i = 0; i < count; i++)
        free(named[i].name);
    free(named);
}

char *kb_parameters_text(struct json_value body)
{
    struct text text = {0};
    size_t count;
    struct named *named = read_named(body, &count);
    if (!named)
        return NULL;
    qsort(named, count, sizeof(*named), compare_names);
    for (size_t i = 0; i < count; i++)
        text_addf(&text, "%s=%a\n", named[i].name, named[i].value);
    free_named(named, count);
    text_add(&text, (struct slice){"", 1}); /* its NUL */
    if (!text.failed)
        return text.at;
    text_free(&text);
    return NULL;
}

const struct subject *kb_parameters(struct json_value body, double *ret_parameters,
                                    char ret_why[KB_WHY_SIZE])
{
    OWNED char *name = field_string(body, "subject");
    OWNED char *version = field_string(body, "subject_version");
    const struct subject *subject = subject_find(name);
    struct khub_parameter given[SUBJECT_PARAMETERS_MAX];
    size_t count;
    snprintf(ret_why, KB_WHY_SIZE, "it is of no subject of this khub, or of another version of it");
    if (!subject || strcmp(subject->version, version) != 0)
        return NULL;
    struct named *named = read_named(body, &count);
    bool taken = count <= SUBJECT_PARAMETERS_MAX;
    for (size_t i = 0; taken && i < count; i++)
        given[i] = (struct khub_parameter){named[i].name, named[i].value};
    if (taken)
        taken = parameters_take(subject, given, count, ret_parameters, ret_why, KB_WHY_SIZE) == 0;
    else
        snprintf(ret_why, KB_WHY_SIZE, "it has %zu parameters, and %s %d", count, subject->name,
                 subject->parameter_count);
    free_named(named, count);
    return taken ? subject : NULL;
}

int kb_claim_holds(const struct subject *subject, struct json_value entry, const double *parameters,
                   char ret_why[KB_WHY_SIZE])
{
    struct json_value verification = json_get(entry, "verification");
    OWNED char *nonce = field_string(verification, "nonce");
    double claimed = field_number(verification, "ratio", (double)NAN);
    double seeds = field_number(verification, "n", 0);
    if (!nonce_valid(nonce) || seeds != CLAIM_WORKLOADS) {
        snprintf(ret_why, KB_WHY_SIZE, "it is on no %u workloads of a nonce", CLAIM_WORKLOADS);
        return 0;
    }
    struct evaluation_set *set = nonce_workloads(subject, nonce, CLAIM_WORKLOADS);
    double ratio = set ? evaluation_set_score(set, parameters).ratio : (double)NAN;
    evaluation_set_free(set);
    if (isnan(ratio))
        return -1;
    snprintf(ret_why, KB_WHY_SIZE, "its ratio is claimed to be %.9g and measures %.9g here",
             claimed, ratio);
    return numbers_agree(claimed, ratio);
}
