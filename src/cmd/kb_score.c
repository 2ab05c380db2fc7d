/* How good others found an entry: the one rule, which is the hub's (docs/PROTOCOL.md, Knowledge).
 * Of code the hub itself tells the outcome. Of patterns and components it tells the reports, and
 * the same rule is applied to them here. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/fields.h"
#include "cmd/kb.h"

/* The reports on one ID. */
struct reported {
    char *id;
    struct json_value reports; /* an array, oldest first */
    struct slice contributor;  /* of what has that ID, as JSON; empty: nothing known has */
};

struct kb_scores {
    struct reported *at; /* sorted by id */
    size_t count;
};

/* A sum over those whose score counts. */
struct mean {
    double sum;
    size_t count;
};

/* NAN when there is none. */
static double score_of(struct json_value metrics)
{
    double score = metrics.kind == JSON_KIND_OBJECT ? field_number(metrics, "score", (double)NAN)
                                                    : (double)NAN;
    return score >= 0 && score <= 1 ? score : (double)NAN;
}

static void mean_add(struct mean *mean, double score)
{
    if (isfinite(score)) {
        mean->sum += score;
        mean->count++;
    }
}

static double mean_value(const struct mean *mean)
{
    return mean->count > 0 ? mean->sum / (double)mean->count : (double)NAN;
}

/* The latest score that a reporter gave in an array of reports; NAN: none. The hub writes all names
 * alike, so that JSON texts can be compared. */
static double latest_score(struct json_value reports, struct slice reporter)
{
    struct json_iterator iterator = {.rest = reports.raw};
    struct json_value report;
    double latest = (double)NAN;
    while (reports.kind == JSON_KIND_ARRAY && json_next_element(&iterator, &report)) {
        double score = score_of(json_get(report, "metrics"));
        if (isfinite(score) && slice_equal(json_get(report, "reporter").raw, reporter))
            latest = score;
    }
    return latest;
}

/* Whether the reporter is in what is left of an array of reports. */
static bool reports_again(struct json_iterator rest, struct slice reporter)
{
    struct json_value report;
    while (json_next_element(&rest, &report))
        if (slice_equal(json_get(report, "reporter").raw, reporter))
            return true;
    return false;
}

static double mean_of_reports(struct json_value reports, struct slice contributor)
{
    struct json_iterator iterator = {.rest = reports.raw};
    struct json_value report;
    struct mean mean = {0};
    while (reports.kind == JSON_KIND_ARRAY && json_next_element(&iterator, &report)) {
        struct slice reporter = json_get(report, "reporter").raw;
        if (!slice_equal(reporter, contributor) && !reports_again(iterator, reporter))
            mean_add(&mean, latest_score(reports, reporter));
    }
    return mean_value(&mean);
}

static int compare_reported(const void *left, const void *right)
{
    return strcmp(((const struct reported *)left)->id, ((const struct reported *)right)->id);
}

static struct reported *find_reported(const struct kb_scores *scores, const char *id)
{
    struct reported key = {.id = strdup(id)};
    struct reported *found = NULL;
    if (key.id && scores->count > 0)
        found = bsearch(&key, scores->at, scores->count, sizeof(key), compare_reported);
    free(key.id);
    return found;
}

static void take_reports(void *data, const struct kb_entry *entry)
{
    struct kb_scores *scores = data;
    char *id = strdup(entry->id);
    if (id)
        scores->at[scores->count++] = (struct reported){.id = id, .reports = entry->value};
}

static void take_contributor(void *data, const struct kb_entry *entry)
{
    struct json_value contributor = json_get(entry->value, "contributor");
    struct reported *reported = find_reported(data, entry->id);
    if (reported && contributor.kind == JSON_KIND_STRING)
        reported->contributor = contributor.raw;
}

struct kb_scores *kb_scores_new(struct json_value sync)
{
    struct kb_scores *scores = calloc(1, sizeof(*scores));
    size_t count =
        field_count(json_get(json_get(sync, "global_knowledge_base"), "performance_benchmarks"));
    if (scores)
        scores->at = calloc(count + 1, sizeof(*scores->at));
    if (!scores || !scores->at)
        return scores;
    kb_each_entry("reports", sync, take_reports, scores);
    if (scores->count > 0)
        qsort(scores->at, scores->count, sizeof(*scores->at), compare_reported);
    kb_each_entry("all", sync, take_contributor, scores);
    return scores;
}

void kb_scores_free(struct kb_scores *scores)
{
    for (size_t i = 0; scores && i < scores->count; i++)
        free(scores->at[i].id);
    if (scores)
        free(scores->at);
    free(scores);
}

static struct json_value reports_on(const struct kb_scores *scores, const char *id)
{
    const struct reported *reported = scores ? find_reported(scores, id) : NULL;
    return reported ? reported->reports : (struct json_value){0};
}

/* Of a component, which has the latest report of each; that one may be without a score, and an
 * earlier one with, under the hub's name for it or its own. */
static double mean_of_component(const struct kb_scores *scores, const struct kb_entry *entry)
{
    struct json_value latest = json_get(entry->value, "performance_benchmarks"), reporter, metrics;
    struct slice contributor = json_get(entry->value, "contributor").raw;
    struct json_iterator iterator = {.rest = latest.raw};
    struct mean mean = {0};
    OWNED char *own_id = field_string(kb_body(entry->value), "id");
    while (json_next_member(&iterator, &reporter, &metrics)) {
        double score = score_of(metrics);
        if (slice_equal(reporter.raw, contributor))
            continue;
        if (!isfinite(score))
            score = latest_score(reports_on(scores, entry->id), reporter.raw);
        if (!isfinite(score))
            score = latest_score(reports_on(scores, own_id), reporter.raw);
        mean_add(&mean, score);
    }
    return mean_value(&mean);
}

double kb_score(const struct kb_scores *scores, const struct kb_entry *entry)
{
    if (json_get(entry->value, "performance_benchmarks").kind == JSON_KIND_OBJECT)
        return mean_of_component(scores, entry);
    /* The hub says 0 when nobody gave a score, too. */
    double told = field_number(entry->value, "quality_score", 0);
    if (told > 0)
        return told;
    const struct reported *reported = scores ? find_reported(scores, entry->id) : NULL;
    return reported ? mean_of_reports(reported->reports, reported->contributor) : (double)NAN;
}
