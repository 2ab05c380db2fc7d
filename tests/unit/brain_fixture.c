#include "tests/unit/brain_fixture.h"
#include "tests/unit/landlock_here.h"

#include <stdlib.h>
#include <string.h>

brain_stop go;

struct brain *brain_of(const char *ai_id, const char *specialization)
{
    struct brain *brain = brain_policy_new(ai_id, specialization);
    assert_non_null(brain);
    return brain;
}

struct policy_brain *insides(struct brain *brain)
{
    return brain->state;
}

struct policy_figures figures_of(struct brain *brain)
{
    struct policy_figures figures;
    if (brain->referee)
        referee_figures(brain->state, &figures);
    else
        policy_figures(brain->state, &figures);
    return figures;
}

int collaborate(struct brain *brain, const struct brain_session *session, const json_t *candidate,
                unsigned budget, json_t **ret_candidate, double *ret_progress)
{
    struct brain_step step;
    struct brain_view view;
    int result = brain->collaborate(brain->state, session, candidate, budget, &go, &step);
    if (result < 0)
        return result;
    brain->view(brain->state, session, step.candidate, &view);
    assert_true(view.progress == step.progress && view.foreign == step.review);
    *ret_candidate = step.candidate;
    *ret_progress = step.progress;
    return 0;
}

void train(struct brain *brain, unsigned evaluations, json_t **ret_pattern, json_t **ret_component)
{
    json_t *claims = NULL, *claim;
    struct brain_standing standing;
    size_t i;
    *ret_pattern = *ret_component = NULL;
    do { /* who searches may think for longer than a job */
        json_decref(claims);
        assert_int_equal(brain->train(brain->state, evaluations, &go, &claims), 0);
        brain->standing(brain->state, &standing);
    } while (standing.thinking);
    json_array_foreach(claims, i, claim)
    {
        json_t **place = strcmp(text(claim, "kind"), "pattern") == 0 ? ret_pattern : ret_component;
        json_decref(*place);
        *place = json_incref(claim);
    }
    json_decref(claims);
}

void train_only(struct brain *brain, unsigned evaluations)
{
    json_t *pattern, *component;
    train(brain, evaluations, &pattern, &component);
    json_decref(pattern);
    json_decref(component);
}

json_t *claim_of(struct brain *brain, const char *kind)
{
    for (unsigned i = 0; i < 100; i++) {
        json_t *pattern, *component;
        train(brain, 16, &pattern, &component);
        bool wants_pattern = strcmp(kind, "pattern") == 0;
        json_decref(wants_pattern ? component : pattern);
        if (wants_pattern ? pattern : component)
            return wants_pattern ? pattern : component;
    }
    fail_msg("no %s was claimed", kind);
    return NULL;
}

json_t *relayed(const json_t *thing)
{
    char *line = json_dumps(thing, JSON_COMPACT);
    assert_non_null(line);
    json_t *copy = json_loads(line, 0, NULL);
    assert_non_null(copy);
    free(line);
    return copy;
}

json_t *altered(const json_t *thing, const char *member, const char *json)
{
    json_t *copy = json_deep_copy(thing);
    if (json)
        json_object_set_new(copy, member, json_loads(json, JSON_DECODE_ANY, NULL));
    else
        json_object_del(copy, member);
    return copy;
}

json_t *proved(struct brain *brain, json_t *claim, char nonce)
{
    char digits[NONCE_LENGTH + 1];
    memset(digits, nonce, NONCE_LENGTH);
    digits[NONCE_LENGTH] = '\0';
    json_t *thing = brain->prove(brain->state, claim, "commitment-1", digits, &go);
    assert_non_null(thing);
    json_t *copy = relayed(thing);
    json_decref(thing);
    json_decref(claim);
    return copy;
}

json_t *shared_by(struct brain *brain, const char *kind, unsigned evaluations)
{
    train_only(brain, evaluations);
    return proved(brain, claim_of(brain, kind), 'a');
}

bool taken(struct brain *brain, const char *author, const json_t *thing)
{
    json_t *metrics = brain->check(brain->state, thing, &go);
    assert_non_null(metrics);
    bool took = brain->take_in(brain->state, author, thing, metrics);
    json_decref(metrics);
    return took;
}

double number(const json_t *object, const char *name)
{
    const json_t *value = json_object_get(object, name);
    if (!json_is_number(value))
        fail_msg("%s is no number", name);
    return json_number_value(value);
}

bool truth(const json_t *object, const char *name)
{
    const json_t *value = json_object_get(object, name);
    if (!json_is_boolean(value))
        fail_msg("%s is neither true nor false", name);
    return json_is_true(value);
}

const char *text(const json_t *object, const char *name)
{
    const json_t *value = json_object_get(object, name);
    if (!json_is_string(value))
        fail_msg("%s is no text", name);
    return json_string_value(value);
}

void parameters_of(const json_t *thing, double *ret_parameters)
{
    char why[128];
    const struct subject *subject = member_subject(thing);
    assert_non_null(subject);
    assert_int_equal(parameters_read(subject, json_object_get(thing, "parameters"), ret_parameters,
                                     why, sizeof why),
                     0);
}

bool have_compiler(void)
{
    return landlock_here() && system("cc --version >/dev/null 2>&1") == 0;
}
