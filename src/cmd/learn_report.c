/* The report of `khub learn`: what was learned, measured against what, drawn, and as C. */
#include <assert.h>
#include <errno.h>
#include <math.h>
#include <string.h>

#include "cmd/learn.h"
#include "cmd/terminal.h"

#define PATH_SIZE 4096u

const char *learned_gap(const struct learned *learned, double ratio, char buffer[LEARNED_GAP_SIZE])
{
    if (learned->subject->bound_cost)
        snprintf(buffer, LEARNED_GAP_SIZE, "%.0f %%",
                 100 * gap_closed(ratio, learned->bound.ratio));
    else
        snprintf(buffer, LEARNED_GAP_SIZE, "-");
    return buffer;
}

const char *learned_origin(const struct learned *learned)
{
    return learned->subject->traces
               ? "Workloads are windows of what happened on a real machine, split by time: tuned on "
                 "the earlier half, figures from the later half. Windows overlap: the interval "
                 "tells how much the place in the trace matters, and nothing of other traces."
               : "All workloads are synthetic; the numbers hold for them and say nothing of any "
                 "other.";
}

static FILE *open_in(const char *directory, const char *name)
{
    char path[PATH_SIZE];
    int length = snprintf(path, sizeof path, "%s/%s", directory, name);
    if (length < 0 || (size_t)length >= sizeof path) {
        errno = ENAMETOOLONG;
        return NULL;
    }
    return fopen(path, "we");
}

/* A full disk shows at the last flush. */
static int close_written(FILE *file)
{
    int failed = ferror(file);
    int saved = errno;
    if (fclose(file) != 0)
        return -1;
    errno = saved;
    return failed ? -1 : 0;
}

/* Baselines, who is informed, the tuned policy, the bound. Returns how many. */
static size_t levels_of(const struct learned *learned, struct plot_level *levels)
{
    const struct subject *subject = learned->subject;
    size_t count = 0;
    assert(subject->baseline_count >= 1 && subject->baseline_count <= (int)LEARN_LEVELS_MAX);
    for (int i = 0; i < subject->baseline_count; i++)
        levels[count++] =
            (struct plot_level){subject->baseline_names[i], learned->baselines[i].ratio,
                                learned->baselines[i].ci95, i == 0 ? PLOT_TEXTBOOK : PLOT_PRACTICE};
    levels[0].ci95 = 0; /* it is 1 by definition */
    if (learned->informed.seeds > 0)
        levels[count++] = (struct plot_level){subject->informed_name, learned->informed.ratio,
                                              learned->informed.ci95, PLOT_INFORMED};
    levels[count++] =
        (struct plot_level){"tuned", learned->heldout.ratio, learned->heldout.ci95, PLOT_TUNED};
    if (subject->bound_cost)
        levels[count++] = (struct plot_level){"bound", learned->bound.ratio, 0, PLOT_BOUND};
    return count;
}

/* From the highest ratio to the lowest: top to bottom in the picture. */
static void levels_sort(struct plot_level *levels, size_t count)
{
    for (size_t i = 1; i < count; i++)
        for (size_t k = i; k > 0 && levels[k].ratio > levels[k - 1].ratio; k--) {
            struct plot_level other = levels[k];
            levels[k] = levels[k - 1];
            levels[k - 1] = other;
        }
}

static const char *kind_of(const struct learned *learned)
{
    return learned->subject->traces ? "Windows of traces" : "Synthetic workloads";
}

static int write_plots(const struct learned *learned, const char *directory)
{
    struct plot_level levels[LEARN_LEVELS_MAX + 3];
    size_t count = levels_of(learned, levels);
    char title[160], note[200];
    snprintf(title, sizeof title, "%s: %s", learned->subject->name, learned->subject->cost);
    snprintf(
        note, sizeof note,
        "Ratio to the textbook, mean of %zu held-out workloads, 95 %% interval; lower is better. "
        "%s.",
        learned->heldout_seeds, kind_of(learned));
    FILE *file = open_in(directory, "ratios.svg");
    if (!file)
        return -1;
    plot_ratios(file, title, note, levels, count);
    if (close_written(file) < 0)
        return -1;
    file = open_in(directory, "convergence.svg");
    if (!file)
        return -1;
    /* The tuned policy is the curve itself. */
    levels_sort(levels, count);
    for (size_t i = 0; i < count; i++)
        if (levels[i].role == PLOT_TUNED) {
            memmove(&levels[i], &levels[i + 1], (count - i - 1) * sizeof levels[0]);
            count--;
            break;
        }
    snprintf(note, sizeof note, "%s, %zu to train on and %zu held out; %u %s.", kind_of(learned),
             learned->train_seeds, learned->heldout_seeds, learned->evaluations,
             word_of(learned->evaluations, "evaluation", "evaluations"));
    plot_convergence(file, title, note, learned->points, learned->point_count, levels, count);
    return close_written(file);
}

static void write_row(FILE *file, const struct learned *learned, const char *name,
                      const struct score *score, double later)
{
    char gap[LEARNED_GAP_SIZE];
    fprintf(file, "| %s | %.3f ± %.3f | %zu/%zu | %.4g | %s |", name, score->ratio, score->ci95,
            score->wins, score->seeds, score->cost, learned_gap(learned, score->ratio, gap));
    if (learned->subject->traces)
        fprintf(file, " %.4g |", later);
    fputc('\n', file);
}

static void write_results(FILE *file, const struct learned *learned)
{
    const struct subject *subject = learned->subject;
    fprintf(file,
            "| held-out, %zu workloads | ratio to the textbook (95 %%) | better on | %s | gap "
            "closed |%s\n|---|---|---|---|---|%s\n",
            learned->heldout_seeds, subject->cost,
            subject->traces ? " later half in one piece |" : "", subject->traces ? "---|" : "");
    for (int i = 0; i < subject->baseline_count; i++)
        write_row(file, learned, subject->baseline_names[i], &learned->baselines[i],
                  learned->later_baselines[i]);
    if (learned->informed.seeds > 0)
        write_row(file, learned, subject->informed_name, &learned->informed, 0);
    write_row(file, learned, "**tuned**", &learned->heldout, learned->later);
    if (subject->bound_cost)
        write_row(file, learned, "bound that nobody can beat", &learned->bound,
                  learned->later_bound);
    fprintf(file, "\nOn its own %zu training %s the tuned policy has %.3f.\n", learned->train_seeds,
            word_of(learned->train_seeds, "workload", "workloads"), learned->ratio_train);
}

static void write_figures(FILE *file, const struct learned *learned)
{
    if (!learned->has_figures)
        return;
    fputs("\n| of the tuned policy | mean | most on one workload |\n|---|---|---|\n", file);
    for (int i = 0; learned->subject->figure_names[i]; i++)
        fprintf(file, "| %s | %.4g | %.4g |\n", learned->subject->figure_names[i],
                learned->figures[i].mean, learned->figures[i].most);
}

static void write_parameters(FILE *file, const struct learned *learned)
{
    const struct subject *subject = learned->subject;
    fputs("\n## Parameters\n\n| parameter | tuned | textbook | range | meaning "
          "|\n|---|---|---|---|---|\n",
          file);
    for (int i = 0; i < subject->parameter_count; i++) {
        const struct parameter *p = &subject->parameters[i];
        double value = learned->parameters[i];
        fprintf(file, "| %s | %.4g%s%s | %g | %g to %g | %s |\n", p->name,
                p->whole ? floor(value + 0.5) : value, *p->unit ? " " : "", p->unit, p->textbook,
                p->low, p->high, p->meaning);
    }
}

static void write_module(FILE *file, const struct learned *learned)
{
    fputs("\n## The policy as C\n\n", file);
    if (learned->module_agrees)
        fprintf(file,
                "[policy.c](policy.c) compiles freestanding without warnings or undefined symbols "
                "(%zu bytes), and gave the same score to the bit when the simulator ran with it "
                "in a sandbox.\n",
                learned->module.object_bytes);
    else
        fprintf(file, "[policy.c](policy.c) was not run: %s.\n", learned->module.why);
}

static void write_traces(FILE *file, const struct subject *subject)
{
    const struct subject_traces *traces = subject->traces;
    if (!traces)
        return;
    fputs("| trace, by its SHA-256 | read as | records |\n|---|---|---|\n", file);
    for (size_t i = 0; i < traces->count; i++)
        fprintf(file, "| `%s` | %s | %zu %s |\n", traces->of[i]->digest, traces->of[i]->format,
                traces->of[i]->count, trace_kind_plural(traces->of[i]->kind));
    fputc('\n', file);
}

int learn_report_write(const struct learned *learned, const char *directory,
                       const char *command_line)
{
    FILE *file = open_in(directory, "policy.c");
    if (!file)
        return -1;
    fputs(learned->source, file);
    if (close_written(file) < 0 || write_plots(learned, directory) < 0 ||
        !(file = open_in(directory, "report.md")))
        return -1;
    fprintf(file, "# %s: %s\n\n", learned->subject->name, learned->subject->title);
    fprintf(file, "`%s`: %u %s in %.1f s%s. ", command_line, learned->evaluations,
            word_of(learned->evaluations, "evaluation", "evaluations"), learned->seconds,
            learned->interrupted ? ", interrupted before the end" : "");
    fprintf(file, "%s\n\n", learned_origin(learned));
    write_traces(file, learned->subject);
    write_results(file, learned);
    write_figures(file, learned);
    fputs("\n![ratios](ratios.svg)\n\n![convergence](convergence.svg)\n", file);
    write_parameters(file, learned);
    write_module(file, learned);
    return close_written(file);
}
