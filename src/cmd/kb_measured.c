/* What this program finds out of claims by itself: whether their parameters, or their C, are any
 * that it can run, and whether their number is what it measures. */
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

const struct subject *kb_policy(struct json_value body, struct kb_policy *ret_policy,
                                char ret_why[KB_WHY_SIZE])
{
    struct kb_policy policy = {.source = NULL};
    OWNED char *source = field_module(body);
    if (!*source) {
        const struct subject *subject = kb_parameters(body, policy.parameters, ret_why);
        if (subject)
            *ret_policy = policy;
        return subject;
    }
    OWNED char *name = field_string(body, "subject");
    OWNED char *version = field_string(body, "subject_version");
    const struct subject *subject = subject_find(name);
    snprintf(ret_why, KB_WHY_SIZE, "it is of no subject of this khub, or of another version of it");
    if (!subject || strcmp(subject->version, version) != 0)
        return NULL;
    snprintf(ret_why, KB_WHY_SIZE, "its source is longer than %u bytes", PROBE_SOURCE_MAX);
    if (strlen(source) > PROBE_SOURCE_MAX)
        return NULL;
    policy.source = source;
    source = NULL;
    *ret_policy = policy;
    return subject;
}

int kb_policy_compare(const struct kb_policy *a, const struct kb_policy *b)
{
    if (a->source || b->source)
        return !a->source ? -1 : !b->source ? 1 : strcmp(a->source, b->source);
    for (size_t i = 0; i < SUBJECT_PARAMETERS_MAX; i++)
        if (a->parameters[i] != b->parameters[i])
            return a->parameters[i] < b->parameters[i] ? -1 : 1;
    return 0;
}

void kb_policy_measure(const struct subject *subject, const struct kb_policy *policy,
                       struct evaluation_set *set, struct probe_report *ret_report)
{
    struct probe_report report = {.result = PROBE_FAILED, .why = "out of memory"};
    if (set && policy->source)
        probe_on(subject, policy->source, set, NULL, &report);
    else if (set)
        report = (struct probe_report){.result = PROBE_RAN,
                                       .score = evaluation_set_score(set, policy->parameters)};
    *ret_report = report;
}

int kb_claim_holds(const struct subject *subject, struct json_value entry,
                   const struct kb_policy *policy, char ret_why[KB_WHY_SIZE])
{
    struct probe_report report;
    struct json_value verification = json_get(entry, "verification");
    OWNED char *nonce = field_string(verification, "nonce");
    double claimed = field_number(verification, "ratio", (double)NAN);
    double seeds = field_number(verification, "n", 0);
    if (!nonce_valid(nonce) || seeds != CLAIM_WORKLOADS) {
        snprintf(ret_why, KB_WHY_SIZE, "it is on no %u workloads of a nonce", CLAIM_WORKLOADS);
        return 0;
    }
    struct evaluation_set *set = nonce_workloads(subject, nonce, CLAIM_WORKLOADS);
    kb_policy_measure(subject, policy, set, &report);
    evaluation_set_free(set);
    snprintf(ret_why, KB_WHY_SIZE, "%s", report.why);
    if (report.result != PROBE_RAN)
        return probe_judged(report.result) ? 0 : -1;
    double ratio = report.score.ratio;
    snprintf(ret_why, KB_WHY_SIZE, "its ratio is claimed to be %.9g and measures %.9g here",
             claimed, ratio);
    return numbers_agree(claimed, ratio);
}
