/* How good others found an entry: the one rule, which is the hub's (docs/PROTOCOL.md, Knowledge). Of
 * code the hub itself tells the outcome. Of patterns and components it tells the reports, and the
 * same rule is applied to them here. */
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

static void mean_add(struct mean *mean, struct json_value metrics)
{
    double score = score_of(metrics);
    if (!isnan(score)) {
        mean->sum += score;
        mean->count++;
    }
}

static double mean_value(const struct mean *mean)
{
    return mean->count > 0 ? mean->sum / (double)mean->count : (double)NAN;
}

/* Of an object {reporter: metrics}, which has the latest of each. The hub writes all names alike, so
 * that JSON texts can be compared. */
static double mean_of_latest(struct json_value latest, struct slice contributor)
{
    struct json_iterator iterator = {.rest = latest.raw};
    struct json_value reporter, metrics;
    struct mean mean = {0};
    while (latest.kind == JSON_KIND_OBJECT && json_next_member(&iterator, &reporter, &metrics))
        if (!slice_equal(reporter.raw, contributor))
            mean_add(&mean, metrics);
    return mean_value(&mean);
}

/* Whether the reporter gives another score in what is left of an array of reports. */
static bool scores_again(struct json_iterator rest, struct slice reporter)
{
    struct json_value report;
    while (json_next_element(&rest, &report))
        if (slice_equal(json_get(report, "reporter").raw, reporter) &&
            !isnan(score_of(json_get(report, "metrics"))))
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
        if (!slice_equal(reporter, contributor) && !scores_again(iterator, reporter))
            mean_add(&mean, json_get(report, "metrics"));
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

double kb_score(const struct kb_scores *scores, const struct kb_entry *entry)
{
    struct json_value latest = json_get(entry->value, "performance_benchmarks");
    if (latest.kind == JSON_KIND_OBJECT)
        return mean_of_latest(latest, json_get(entry->value, "contributor").raw);
    /* The hub says 0 when nobody gave a score, too. */
    double told = field_number(entry->value, "quality_score", 0);
    if (told > 0)
        return told;
    const struct reported *reported = scores ? find_reported(scores, entry->id) : NULL;
    return reported ? mean_of_reports(reported->reports, reported->contributor) : (double)NAN;
}
