/* What there is in a room, as the hub tells it. */
#include <stdint.h>
#include <stdlib.h>

#include "gateway/rest_inside.h"

/* There is one, or the hub refuses. */
static void on_member(const struct agent_answer *answer, void *data)
{
    struct rest_call *call = data;
    struct text text = {0};
    struct json_value one = {0};
    if (rest_lost(call, answer))
        return;
    struct json_iterator all = {.rest = json_get(json_value_of(answer->text), "members").raw};
    json_next_element(&all, &one);
    text_add_literal(&text, "{\"member\":");
    text_add(&text, one.raw);
    text_add_literal(&text, "}");
    rest_reply(call, &text);
}

void rest_member_get(struct rest_call *call)
{
    struct text payload = {0};
    rest_payload(call, &payload);
    rest_ask(call, "member_query", &payload, on_member);
}

void rest_knowledge_get(struct rest_call *call)
{
    const char *revision = rest_text(call, "revision");
    char *end;
    long long number = strtoll(revision, &end, 10);
    if (revision[0] && !*end) /* "all" stays a text */
        json_object_set_new(call->arguments, "revision", json_integer(number));
    rest_question(call);
}

void rest_knowledge_post(struct rest_call *call)
{
    static const struct {
        const char *member, *type;
    } kinds[] = {
        {"pattern", "pattern_share"}, {"code", "code_share"}, {"component", "os_component_share"}};
    const char *type = NULL;
    size_t count = 0;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        if (!json_object_get(call->arguments, kinds[i].member))
            continue;
        type = kinds[i].type;
        count++;
    }
    if (count != 1) {
        rest_refuse(call, 400, "bad_request",
                    "one of 'pattern', 'code' and 'component' is wanted, and %zu are there", count);
        return;
    }
    struct text payload = {0};
    rest_payload(call, &payload);
    rest_say(call, type, "", &payload);
}

/* ── leases ── */

static bool is_held(struct json_value lease)
{
    return json_string_is(json_get(lease, "status"), slice_of("held"));
}

/* It is the asker's; or somebody else has it, or the hub refuses. */
static void on_lease(const struct agent_answer *answer, void *data)
{
    struct rest_call *call = data;
    struct agent_answer held = *answer;
    held.code = "conflict";
    held.why = "somebody else has it";
    if (call->request && answer->good && is_held(json_value_of(answer->text)))
        rest_refused(call, &held);
    else
        rest_pass(answer, call);
}

void rest_lease_post(struct rest_call *call)
{
    struct text payload = {0};
    rest_payload(call, &payload);
    rest_ask(call, "lease_request", &payload, on_lease);
}

void rest_leases_list(struct rest_call *call)
{
    const char *holder = rest_text(call, "holder"), *key, *its;
    json_t *all = json_array(), *lease;
    json_object_foreach((json_t *)(uintptr_t)observer_leases(call->observer), key, lease)
    {
        its = json_string_value(json_object_get(lease, "holder"));
        if (!holder[0] || (its && strcmp(holder, its) == 0))
            json_array_append(all, lease);
    }
    rest_reply_json(call, json_pack("{s:o}", "leases", all));
}
