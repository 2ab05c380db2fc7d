/* See train_summary.h. */
#include "cmd/train_summary.h"

#include <assert.h>

#include "cmd/options.h"
#include "cmd/table.h"

static void print_text(const char *text, const struct terminal *terminal, FILE *out)
{
    bool narrow = terminal->width > 0 && terminal->width < HELP_WIDTH;
    options_fill(out, text, 0, narrow ? terminal->width : HELP_WIDTH);
}

static void print_figures(const struct brain_standing *standing, const struct terminal *terminal,
                          FILE *out)
{
    struct column columns[2 + BRAIN_CELLS_MAX];
    struct table table;
    assert(standing->row_count <= BRAIN_ROWS_MAX);
    for (size_t i = 0; i < 2 + BRAIN_CELLS_MAX; i++)
        columns[i] = (struct column){.title = standing->titles[i] ? standing->titles[i] : "",
                                     .right = i > 0};
    columns[0].wraps = true;
    table_begin(&table, TABLE_COLUMNS(columns));
    for (size_t i = 0; i < standing->row_count; i++) {
        const struct brain_row *row = &standing->rows[i];
        table_add(&table, row->name);
        table_add_number(&table, row->value, row->decimals, row->unit);
        for (size_t j = 0; j < BRAIN_CELLS_MAX; j++)
            table_add(&table, row->cells[j]);
    }
    if (standing->row_count > 0)
        table_print(&table, terminal, out);
    table_free(&table);
}

static void print_counts(const struct summary *summary, const struct terminal *terminal, FILE *out)
{
    static const struct column columns[] = {{.title = "", .wraps = true},
                                            {.title = "", .right = true}};
    struct table table;
    table_begin(&table, TABLE_COLUMNS(columns));
#define X(group, name, label)                                                                      \
    table_add(&table, label);                                                                      \
    table_addf(&table, "%u", summary->group##_##name);
    SUMMARY_COUNTS(X)
#undef X
    table_print(&table, terminal, out);
    table_free(&table);
}

void train_summary(const struct summary *summary, const struct summary_head *head,
                   const struct brain_standing *standing, const struct terminal *terminal,
                   FILE *out)
{
    fprintf(out, "\n%s (%s), %.0f s, %s %s; ended: %s\n\n", head->ai_id, head->specialization,
            head->seconds, head->joined ? "with the hub at" : "never joined the hub at", head->hub,
            head->ended);
    print_text(standing->title, terminal, out);
    print_figures(standing, terminal, out);
    if (standing->remark[0])
        print_text(standing->remark, terminal, out);
    fputc('\n', out);
    print_counts(summary, terminal, out);
    fflush(out);
}
