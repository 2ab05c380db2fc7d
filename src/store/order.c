/* The rows of a checkpoint in the order of their keys, made a part at a time.
 *
 * Rows come in the order in which they changed. In that of their keys those of a step lie side by
 * side in the database, in a few pages; in another each might lie in one of its own, which would be
 * written for it. To sort many takes longer than anybody should wait for a commit: so runs of them
 * are sorted, one at a time, and merged as rows are asked for. What is one step needs no order. */
#include <assert.h>
#include <stdlib.h>

#include "core/memory.h"
#include "store/inside.h"

#define RUN_ROWS 4096u

/* By kind and key; of one key, as they came: the last one counts. */
static int compare(const void *a, const void *b, void *bytes)
{
    const struct checkpoint_row *x = a, *y = b;
    const char *at = bytes;
    if (x->kind != y->kind)
        return x->kind < y->kind ? -1 : 1;
    int order = slice_compare((struct slice){at + x->key_at, x->key_len},
                              (struct slice){at + y->key_at, y->key_len});
    return order ? order : (x->key_at > y->key_at) - (x->key_at < y->key_at);
}

static size_t run_end(const struct checkpoint *checkpoint, size_t run)
{
    size_t end = (run + 1) * RUN_ROWS;
    return end < checkpoint->count ? end : checkpoint->count;
}

bool order_make(struct checkpoint *checkpoint)
{
    size_t from = checkpoint->sorted;
    bool small = checkpoint->count <= STEP_ROWS || checkpoint->at_once;
    if (from == checkpoint->count || (!from && small))
        return true;
    if (!from) {
        size_t runs = checkpoint->count / RUN_ROWS + 1;
        checkpoint->order = memory_new(checkpoint->count * sizeof *checkpoint->order);
        checkpoint->runs = memory_new(runs * sizeof *checkpoint->runs);
    }
    size_t run = from / RUN_ROWS, end = run_end(checkpoint, run);
    qsort_r(&checkpoint->rows[from], end - from, sizeof *checkpoint->rows, compare,
            checkpoint->bytes.at);
    checkpoint->runs[run] = from;
    checkpoint->sorted = end;
    return false;
}

/* Takes the least row that is left of any run. */
static size_t take_next(struct checkpoint *checkpoint)
{
    const struct checkpoint_row *rows = checkpoint->rows;
    size_t *runs = checkpoint->runs, least = SIZE_MAX;
    for (size_t run = 0; run * RUN_ROWS < checkpoint->count; run++)
        if (runs[run] < run_end(checkpoint, run) &&
            (least == SIZE_MAX ||
             compare(&rows[runs[run]], &rows[runs[least]], checkpoint->bytes.at) < 0))
            least = run;
    assert(least != SIZE_MAX); /* so many rows are asked for as there are */
    return runs[least]++;
}

const struct checkpoint_row *order_row(struct checkpoint *checkpoint, size_t at)
{
    if (!checkpoint->order)
        return &checkpoint->rows[at];
    assert(at <= checkpoint->ordered && checkpoint->sorted == checkpoint->count);
    if (at == checkpoint->ordered)
        checkpoint->order[checkpoint->ordered++] = take_next(checkpoint);
    return &checkpoint->rows[checkpoint->order[at]];
}

void order_free(struct checkpoint *checkpoint)
{
    free(checkpoint->order);
    free(checkpoint->runs);
}
