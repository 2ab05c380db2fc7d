/* How far training has come: figures on held-out workloads, which are for showing only and choose
 * nothing; as rows for people, and as JSON for programs. */
#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "brain/policy/parts.h"
#include "brain/words.h"
#include "search/exchange.h"
#include "wire/shown.h"

/* ── measuring ── */

static int heldout_begin(struct policy_brain *brain)
{
    if (brain->heldout)
        return 0;
    brain->heldout = policy_evaluation_set(brain, brain->subject, "heldout", HELDOUT_SEEDS);
    if (!brain->heldout)
        return -1;
    baselines_measure(brain->subject, brain->heldout, &brain->baselines);
    return 0;
}

/* False: a module broke. What could not be run here is not measured. */
static bool heldout_measure(const struct policy_brain *brain, const struct solution *solution,
                            brain_stop *stop, struct heldout_score *held)
{
    const struct subject *subject = brain->subject;
    const struct heldout_score *choice = &brain->heldout_choice;
    struct probe_report report;
    if (held->measured && solution_same(subject, &held->solution, solution))
        return true;
    if (choice->measured && solution_same(subject, &choice->solution, solution)) {
        solution_copy(&held->solution, &choice->solution);
        held->score = choice->score;
        held->measured = true;
        return true;
    }
    assert(brain->heldout);
    solution_measure(subject, solution, &brain->heldout, 1, stop, &report);
    if (report.result != PROBE_RAN)
        return !probe_judged(report.result);
    solution_copy(&held->solution, solution);
    held->score = report.score;
    held->measured = true;
    return true;
}

/* Of the best; a module that breaks on these workloads is no policy, and then of the next best.
 * False: stopped, or out of memory. */
static bool choice_measure(struct policy_brain *brain, brain_stop *stop)
{
    while (policy_choose(brain, stop)) {
        if (heldout_begin(brain) < 0 || atomic_load(stop))
            return false;
        if (heldout_measure(brain, &brain->choice.solution, stop, &brain->heldout_choice))
            return !atomic_load(stop);
        policy_reject(brain, &brain->choice.solution);
    }
    return false;
}

void policy_measure_standing(void *state, brain_stop *stop)
{
    struct policy_brain *brain = state;
    struct solution best;
    if (atomic_load(stop) || !choice_measure(brain, stop))
        return;
    if (brain->met && brain->found_alone)
        heldout_measure(brain, &brain->alone, stop, &brain->heldout_alone);
    else if (!brain->met && isfinite(policy_best(brain, &best)))
        heldout_measure(brain, &best, stop, &brain->heldout_alone);
    memcpy(brain->heldout_author, brain->choice.author, sizeof brain->heldout_author);
}

/* ── the figures ── */

/* Whose work it has built on; the author of what it would use now comes first, trained on or
 * not. */
static void credit_author(struct policy_figures *figures, const char *author)
{
    size_t at = 0;
    while (at < TAKEN_MAX && figures->taken_from[at][0]) {
        if (strcmp(figures->taken_from[at], author) == 0)
            return;
        at++;
    }
    at = at < TAKEN_MAX ? at : TAKEN_MAX - 1;
    memmove(figures->taken_from[1], figures->taken_from[0], at * sizeof figures->taken_from[0]);
    words_copy(figures->taken_from[0], author);
    figures->taken++;
}

void policy_figures(const struct policy_brain *brain, struct policy_figures *ret_figures)
{
    const struct score *score = &brain->heldout_choice.score;
    const struct baselines *baselines = &brain->baselines;
    double ratio = fmin(brain->search.best_ratio, brain->module_ratio);
    struct policy_figures figures = {
        .evaluations = brain->search.evaluations,
        .generations = brain->search.generations,
        .ratio_train = isfinite(ratio) ? ratio : 0,
        .evaluations_alone = brain->met ? brain->evaluations_alone : brain->search.evaluations,
        .ratio_alone = brain->heldout_alone.score.ratio,
        .ratio_heldout = score->ratio,
        .ci95 = score->ci95,
        .cost_heldout = score->cost,
        .wins = score->wins,
        .seeds = score->seeds,
        .taken = brain->taken,
    };
    if (brain->heldout_choice.measured) {
        figures.textbook_cost = baselines->textbook_cost;
        figures.practice = baselines->practice;
        figures.practice_ratio = baselines->practice ? baselines->practice_ratio : 0;
        figures.bound_ratio = baselines->bound_ratio;
        figures.gap_closed = gap_closed(score->ratio, baselines->bound_ratio);
    }
    memcpy(figures.taken_from, brain->taken_from, sizeof figures.taken_from);
    if (brain->heldout_author[0])
        credit_author(&figures, brain->heldout_author);
    *ret_figures = figures;
}

/* ── rows ── */

struct figure {
    const char *label, *name;
    double ratio; /* 0: not known */
    double ci95;
    size_t wins, seeds; /* seeds 0: not counted */
};

static struct brain_row row_of(const struct figure *figure, double bound)
{
    struct brain_row row = {
        .value = figure->ratio > 0 ? figure->ratio : nan(""), .unit = "", .decimals = 3};
    snprintf(row.name, sizeof row.name, "%s%s%s", figure->label, figure->name ? ": " : "",
             figure->name ? figure->name : "");
    if (isnan(row.value))
        return row;
    if (figure->seeds > 0) {
        snprintf(row.cells[0], sizeof row.cells[0], "± %.3f", figure->ci95);
        snprintf(row.cells[1], sizeof row.cells[1], "%zu of %zu", figure->wins, figure->seeds);
    }
    if (bound > 0 && bound < 1)
        snprintf(row.cells[2], sizeof row.cells[2], "%.1f %%",
                 100 * gap_closed(figure->ratio, bound));
    return row;
}

/* What was learned, between the textbook and what nobody can beat. */
static void rows_heldout(const struct subject *subject, const struct policy_figures *figures,
                         struct brain_standing *standing)
{
    const struct figure all[] = {
        {.label = "textbook", .name = subject->baseline_names[0], .ratio = 1},
        {.label = "best practice", .name = figures->practice, .ratio = figures->practice_ratio},
        {.label = "own, alone", .ratio = figures->ratio_alone},
        {.label = "best after meeting others",
         .ratio = figures->ratio_heldout,
         .ci95 = figures->ci95,
         .wins = figures->wins,
         .seeds = figures->seeds},
        {.label = "bound that nobody can beat", .ratio = figures->bound_ratio},
    };
    _Static_assert(sizeof all / sizeof *all <= BRAIN_ROWS_MAX, "a row for each");
    static const char *const titles[] = {"HELD-OUT WORKLOADS", "RATIO", "95 % CI", "WINS",
                                         "GAP CLOSED"};
    memcpy(standing->titles, titles, sizeof titles);
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        standing->rows[standing->row_count++] = row_of(&all[i], figures->bound_ratio);
}

static void remark_of(const struct policy_figures *figures, char ret_remark[BRAIN_TEXT_SIZE])
{
    size_t used = (size_t)snprintf(ret_remark, BRAIN_TEXT_SIZE,
                                   "built on %u of others', the latest of", figures->taken);
    for (size_t i = 0; i < TAKEN_MAX && figures->taken_from[i][0] && used < BRAIN_TEXT_SIZE; i++)
        used += (size_t)snprintf(ret_remark + used, BRAIN_TEXT_SIZE - used, "%s %s",
                                 i > 0 ? "," : "", SHOWN(figures->taken_from[i]));
}

void figures_show(const struct subject *subject, const struct policy_figures *figures,
                  struct brain_standing *ret_standing)
{
    bool measured = figures->seeds > 0;
    struct brain_standing standing = {
        .spent = figures->evaluations,
        .brief = {{.name = "evaluations", .value = figures->evaluations, .unit = ""},
                  {.name = "train",
                   .value = figures->ratio_train > 0 ? figures->ratio_train : nan(""),
                   .unit = "",
                   .decimals = 3},
                  {.name = "held-out",
                   .value = measured ? figures->ratio_heldout : nan(""),
                   .unit = "",
                   .decimals = 3},
                  {.name = "gap closed", .value = 100 * figures->gap_closed, .unit = " %"}},
        .brief_count = measured ? 4 : 3};
    snprintf(standing.title, sizeof standing.title, "%s: %s, %s; %u evaluations%s", subject->name,
             subject->cost, subject->traces ? "windows of traces" : "synthetic workloads",
             figures->evaluations, measured ? "" : "; nothing was measured on held-out workloads");
    if (measured)
        rows_heldout(subject, figures, &standing);
    if (figures->taken > 0)
        remark_of(figures, standing.remark);
    *ret_standing = standing;
}

void policy_standing(void *state, struct brain_standing *ret_standing)
{
    const struct policy_brain *brain = state;
    struct policy_figures figures;
    policy_figures(brain, &figures);
    figures_show(brain->subject, &figures, ret_standing);
    ret_standing->thinking = brain->outside.asking.thinking;
    if (brain->outside.ended[0]) {
        size_t used = strlen(ret_standing->remark);
        snprintf(ret_standing->remark + used, BRAIN_TEXT_SIZE - used,
                 "%sits searcher has ended, and CMA-ES goes on: %s", used ? "; " : "",
                 SHOWN(brain->outside.ended));
    }
}

/* ── JSON ── */

static json_t *taken_json(const struct policy_figures *figures)
{
    json_t *array = json_array();
    for (size_t i = 0; i < TAKEN_MAX && figures->taken_from[i][0]; i++)
        json_array_append_new(array, json_string(figures->taken_from[i]));
    return array;
}

/* {"subject", "subject_version", "referee", "cost", "synthetic", "evaluations", "generations",
 * "ratio_train", "ratio_alone", "evaluations_alone" (by itself, before anything of another's
 * came into its search; 0: it began with another's), "taken", "taken_from": [AI, …] (whose work
 * it has built on), "subjects_seen", "geometric_mean" (the referee's), "ratio_heldout" (of what
 * it would use now), "ci95", "cost_heldout", "gain" (1 - ratio_heldout), "wins", "seeds" (0:
 * nothing was measured), "textbook": {"name", "ratio", "cost"}, "best_practice": {"name",
 * "ratio"} or null, "bound_ratio", "gap_closed"} */
json_t *figures_json(const struct figures_head *head, const struct policy_figures *figures)
{
    bool measured = figures->seeds > 0;
    json_t *practice = figures->practice ? json_pack("{s:s,s:f}", "name", figures->practice,
                                                     "ratio", figures->practice_ratio)
                                         : json_null();
    json_t *subject = json_pack("{s:s,s:s,s:b,s:s,s:b}", "subject", head->subject,
                                "subject_version", head->version, "referee", head->referee, "cost",
                                head->cost, "synthetic", !head->traced);
    json_t *own = json_pack(
        "{s:i,s:i,s:f,s:f,s:i,s:i,s:o,s:i,s:f}", "evaluations", (int)figures->evaluations,
        "generations", (int)figures->generations, "ratio_train", figures->ratio_train,
        "ratio_alone", figures->ratio_alone, "evaluations_alone", (int)figures->evaluations_alone,
        "taken", (int)figures->taken, "taken_from", taken_json(figures), "subjects_seen",
        (int)figures->subjects_seen, "geometric_mean", figures->geometric_mean);
    json_t *heldout =
        json_pack("{s:f,s:f,s:f,s:f,s:i,s:i,s:{s:s,s:f,s:f},s:o,s:f,s:f}", "ratio_heldout",
                  figures->ratio_heldout, "ci95", figures->ci95, "cost_heldout",
                  figures->cost_heldout, "gain", measured ? 1 - figures->ratio_heldout : 0.0,
                  "wins", (int)figures->wins, "seeds", (int)figures->seeds, "textbook", "name",
                  head->textbook, "ratio", 1.0, "cost", figures->textbook_cost, "best_practice",
                  practice, "bound_ratio", figures->bound_ratio, "gap_closed", figures->gap_closed);
    return merged(merged(subject, own), heldout);
}

json_t *policy_summary(void *state)
{
    struct policy_brain *brain = state;
    const struct subject *subject = brain->subject;
    struct policy_figures figures;
    policy_figures(brain, &figures);
    outside_settle(brain);
    const struct figures_head head = {.subject = subject->name,
                                      .version = subject->version,
                                      .cost = subject->cost,
                                      .traced = subject->traces,
                                      .textbook = subject->baseline_names[0]};
    json_t *ended = *brain->outside.ended ? json_string(brain->outside.ended) : json_null();
    json_t *searcher = json_pack("{s:s,s:o,s:o}", "searcher", outside_name(brain), "searcher_ended",
                                 ended, "searcher_spent", exchange_spent(&brain->outside.spent));
    return merged(figures_json(&head, &figures), searcher);
}
