#include "trainer/summary.h"

#include <string.h>

static json_t *training_json(const struct brain_standing *standing)
{
    json_t *practice = standing->practice ? json_pack("{s:s,s:f}", "name", standing->practice,
                                                      "ratio", standing->practice_ratio)
                                          : json_null();
    bool measured = standing->seeds > 0;
    return json_pack(
        "{s:s,s:s,s:b,s:s,s:b,s:i,s:f,s:f,s:f,s:f,s:i,s:i,s:{s:s,s:f,s:f},s:o,s:f,s:f}", "subject",
        standing->subject, "subject_version", standing->subject_version, "own_subject",
        standing->own_subject, "cost", standing->cost, "synthetic", 1, "evaluations",
        (int)standing->evaluations, "ratio_train", standing->ratio_train, "ratio_heldout",
        standing->ratio_heldout, "ci95", standing->ci95, "gain",
        measured ? 1 - standing->ratio_heldout : 0.0, "wins", (int)standing->wins, "seeds",
        (int)standing->seeds, "textbook", "name", standing->textbook, "ratio", 1.0, "cost",
        standing->textbook_cost, "best_practice", practice, "bound_ratio", standing->bound_ratio,
        "gap_closed", standing->gap_closed);
}

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
                     const struct brain_standing *standing)
{
    json_t *root = json_pack("{s:s,s:s,s:s,s:b,s:s,s:i,s:f,s:o}", "ai_id", head->ai_id,
                             "specialization", head->specialization, "hub", head->hub, "joined",
                             head->joined, "ended", head->ended, "exit_code", head->exit_code,
                             "seconds", head->seconds, "training", training_json(standing));
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

static void ratio_print(FILE *out, const char *label, double ratio, const char *note)
{
    fprintf(out, "  %-46s %6.3f  %s\n", label, ratio, note);
}

static void training_print(const struct brain_standing *standing, FILE *out)
{
    char note[160];
    fprintf(out, "  %-46s %s%s\n", "subject", standing->subject,
            standing->own_subject ? "" : " (the nearest there is)");
    fprintf(out, "  %-46s %s, synthetic workloads\n", "measured", standing->cost);
    fprintf(out, "  %-46s %6u\n", "evaluations", standing->evaluations);
    if (standing->ratio_train > 0)
        ratio_print(out, "ratio to the textbook on its own workloads", standing->ratio_train, "");
    if (standing->seeds == 0) {
        fprintf(out, "  %-46s   none\n", "held-out measurement");
        return;
    }
    snprintf(note, sizeof note, "± %.3f, better on %zu of %zu", standing->ci95, standing->wins,
             standing->seeds);
    ratio_print(out, "ratio to the textbook on held-out workloads", standing->ratio_heldout, note);
    ratio_print(out, "  the textbook", 1, standing->textbook);
    if (standing->practice)
        ratio_print(out, "  best ordinary practice", standing->practice_ratio, standing->practice);
    ratio_print(out, "  the bound that nobody can beat", standing->bound_ratio, "");
    fprintf(out, "  %-46s %5.1f %%\n", "gap between textbook and bound closed",
            100 * standing->gap_closed);
}

void summary_print(const struct summary *summary, const struct summary_head *head,
                   const struct brain_standing *standing, FILE *out)
{
    fprintf(out, "\n%s (%s), %.0f s, %s %s; ended: %s\n", head->ai_id, head->specialization,
            head->seconds, head->joined ? "with the hub at" : "never joined the hub at", head->hub,
            head->ended);
    training_print(standing, out);
#define X(group, name, label) fprintf(out, "  %-46s %6u\n", label, summary->group##_##name);
    SUMMARY_COUNTS(X)
#undef X
    fflush(out);
}
