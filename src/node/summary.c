#include "node/summary.h"

#include <assert.h>
#include <math.h>
#include <string.h>

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
    json_t *root =
        json_pack("{s:s,s:s,s:s,s:b,s:s,s:i,s:f,s:o,s:o}", "ai_id", head->ai_id, "specialization",
                  head->specialization, "hub", head->hub, "joined", head->joined, "ended",
                  head->ended, "exit_code", head->exit_code, "seconds", head->seconds, "training",
                  training, "learned", learned ? learned : json_null());
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

/* Pads by characters: names and marks are UTF-8. */
static void cell_print(FILE *out, const char *text, int columns)
{
    for (const char *c = text; *c; c++)
        columns -= ((unsigned char)*c & 0xc0) != 0x80;
    fprintf(out, "%s%*s", text, columns > 0 ? columns : 0, "");
}

static void row_print(const struct brain_row *row, FILE *out)
{
    fputs("  ", out);
    cell_print(out, row->name, 39);
    if (isnan(row->value))
        fputs("      -\n", out);
    else
        fprintf(out, "  %5.*f%s%s%s\n", row->decimals, row->value, row->unit,
                row->note[0] ? "  " : "", row->note);
}

static void training_print(const struct brain_standing *standing, FILE *out)
{
    assert(standing->row_count <= BRAIN_ROWS_MAX && standing->heading);
    fprintf(out, "  %s\n", standing->title);
    if (standing->heading[0])
        fprintf(out, "  %s\n", standing->heading);
    for (size_t i = 0; i < standing->row_count; i++)
        row_print(&standing->rows[i], out);
    if (standing->remark[0])
        fprintf(out, "  %s\n", standing->remark);
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
