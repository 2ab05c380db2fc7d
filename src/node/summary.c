#include "node/summary.h"

#include <string.h>

#include "wire/shown.h"

static json_t *taken_json(const struct brain_standing *standing)
{
    json_t *array = json_array();
    for (size_t i = 0; i < BRAIN_TAKEN_MAX && standing->taken_from[i][0]; i++)
        json_array_append_new(array, json_string(standing->taken_from[i]));
    return array;
}

static json_t *training_json(const struct brain_standing *standing)
{
    bool measured = standing->seeds > 0;
    json_t *practice = standing->practice ? json_pack("{s:s,s:f}", "name", standing->practice,
                                                      "ratio", standing->practice_ratio)
                                          : json_null();
    json_t *subject = json_pack("{s:s,s:s,s:b,s:s,s:b}", "subject", standing->subject,
                                "subject_version", standing->subject_version, "referee",
                                standing->referee, "cost", standing->cost, "synthetic", 1);
    json_t *own = json_pack(
        "{s:i,s:i,s:f,s:f,s:i,s:i,s:o,s:i,s:f}", "evaluations", (int)standing->evaluations,
        "generations", (int)standing->generations, "ratio_train", standing->ratio_train,
        "ratio_alone", standing->ratio_alone, "evaluations_alone", (int)standing->evaluations_alone,
        "taken", (int)standing->taken, "taken_from", taken_json(standing), "subjects_seen",
        (int)standing->subjects_seen, "geometric_mean", standing->geometric_mean);
    json_t *heldout = json_pack(
        "{s:f,s:f,s:f,s:f,s:i,s:i,s:{s:s,s:f,s:f},s:o,s:f,s:f}", "ratio_heldout",
        standing->ratio_heldout, "ci95", standing->ci95, "cost_heldout", standing->cost_heldout,
        "gain", measured ? 1 - standing->ratio_heldout : 0.0, "wins", (int)standing->wins, "seeds",
        (int)standing->seeds, "textbook", "name", standing->textbook, "ratio", 1.0, "cost",
        standing->textbook_cost, "best_practice", practice, "bound_ratio", standing->bound_ratio,
        "gap_closed", standing->gap_closed);
    if (json_object_update(subject, own) < 0 || json_object_update(subject, heldout) < 0) {
        json_decref(subject);
        subject = NULL;
    }
    json_decref(own);
    json_decref(heldout);
    return subject;
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

/* A row of the end table. ratio 0: not known. */
struct row {
    const char *label, *name;
    double ratio, ci95;
    size_t wins, seeds; /* seeds 0: not counted */
};

/* Pads by characters: names and marks are UTF-8. */
static void cell_print(FILE *out, const char *text, int columns)
{
    for (const char *c = text; *c; c++)
        columns -= ((unsigned char)*c & 0xc0) != 0x80;
    fprintf(out, "%s%*s", text, columns > 0 ? columns : 0, "");
}

static void row_print(const struct row *row, double bound, FILE *out)
{
    char label[96], ci95[24] = "", wins[32] = "", gap[24] = "";
    snprintf(label, sizeof label, "%s%s%s", row->label, row->name ? ": " : "",
             row->name ? row->name : "");
    fputs("  ", out);
    cell_print(out, label, 39);
    if (!(row->ratio > 0)) {
        fputs("      -\n", out);
        return;
    }
    if (row->seeds > 0) {
        snprintf(ci95, sizeof ci95, "± %.3f", row->ci95);
        snprintf(wins, sizeof wins, "%zu of %zu", row->wins, row->seeds);
    }
    if (bound > 0 && bound < 1)
        snprintf(gap, sizeof gap, "%.1f %%", 100 * (1 - row->ratio) / (1 - bound));
    fprintf(out, "  %5.3f  ", row->ratio);
    cell_print(out, ci95, 9);
    cell_print(out, wins, 10);
    fprintf(out, "%10s\n", gap);
}

/* What was learned, between the textbook and what nobody can beat. */
static void table_print(const struct brain_standing *standing, FILE *out)
{
    const struct row rows[] = {
        {.label = "textbook", .name = standing->textbook, .ratio = 1},
        {.label = "best practice", .name = standing->practice, .ratio = standing->practice_ratio},
        {.label = "own, alone", .ratio = standing->ratio_alone},
        {.label = "best after meeting others",
         .ratio = standing->ratio_heldout,
         .ci95 = standing->ci95,
         .wins = standing->wins,
         .seeds = standing->seeds},
        {.label = "bound that nobody can beat", .ratio = standing->bound_ratio},
    };
    fprintf(out, "  %-39s  %5s  %-9s%-10s%10s\n", "held-out workloads", "ratio", "95 % CI", "wins",
            "gap closed");
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        row_print(&rows[i], standing->bound_ratio, out);
}

static void referee_print(const struct brain_standing *standing, FILE *out)
{
    fprintf(out, "  %-46s %6u\n", "subjects of which it saw a claim hold", standing->subjects_seen);
    if (standing->geometric_mean > 0)
        fprintf(out, "  %-46s %6.3f  (the others count as 1)\n",
                "geometric mean of the best ratios", standing->geometric_mean);
    fprintf(out, "  %-46s %6u\n", "measured for the cross-evaluation", standing->evaluations);
}

static void training_print(const struct brain_standing *standing, FILE *out)
{
    if (standing->referee) {
        referee_print(standing, out);
        return;
    }
    fprintf(out, "  %s: %s, synthetic workloads; %u evaluations\n", standing->subject,
            standing->cost, standing->evaluations);
    if (standing->seeds > 0)
        table_print(standing, out);
    else
        fputs("  nothing was measured on held-out workloads\n", out);
    if (standing->taken > 0) {
        fprintf(out, "  trained on from %u of others', the latest of", standing->taken);
        for (size_t i = 0; i < BRAIN_TAKEN_MAX && standing->taken_from[i][0]; i++)
            fprintf(out, "%s %s", i > 0 ? "," : "", SHOWN(standing->taken_from[i]));
        fputc('\n', out);
    }
    fputc('\n', out);
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
