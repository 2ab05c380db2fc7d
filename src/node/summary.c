#include "node/summary.h"

static int count_add(json_t *root, const char *group, const char *name, unsigned count)
{
    json_t *object = json_object_get(root, group);
    if (!object) {
        object = json_object();
        if (json_object_set_new(root, group, object) < 0)
            return -1;
    }
    return json_object_set_new(object, name, json_integer(count));
}

json_t *summary_json(const struct summary *summary, const struct summary_head *head,
                     json_t *training, json_t *learned)
{
    json_t *root = json_pack(
        "{s:s,s:s,s:s,s:b,s:s?,s:o,s:f,s:o,s:o}", "ai_id", head->ai_id, "specialization",
        head->specialization, "hub", head->hub, "joined", head->joined, "ended", head->ended,
        "exit_code", head->ended ? json_integer(head->exit_code) : json_null(), "seconds",
        head->seconds, "training", training, "learned", learned ? learned : json_null());
    int failed = root ? 0 : -1;
#define X(group, name, label) failed |= count_add(root, #group, #name, summary->group##_##name);
    SUMMARY_COUNTS(X)
#undef X
    if (failed) {
        json_decref(root);
        return NULL;
    }
    return root;
}
