/* What a room knows: patterns, components, features and measurements, in the seed's shapes, with
 * live counts.
 *
 * Every count that is shown is kept as it changes and can be recounted from the reports
 * (verify.c does). Benchmark entries keep reports as a list, as the seed does; the other
 * sections keep the latest report of each reporter. */
#include <assert.h>
#include <stdlib.h>

#include "core/knowledge.h"
#include "core/memory.h"

const char *section_text(enum section section)
{
    static const char *const texts[] = {
#define X(name, text) text,
        SECTIONS(X)
#undef X
    };
    return texts[section];
}

void knowledge_init(struct knowledge *knowledge)
{
    *knowledge = (struct knowledge){0};
    TAILQ_INIT(&knowledge->recent);
    TAILQ_INIT(&knowledge->loose);
    TAILQ_INIT(&knowledge->formers);
}

static void report_free(struct report *report)
{
    if (report->seal)
        LIST_REMOVE(report, of_seal);
    slice_free(&report->timestamp);
    slice_free(&report->metrics);
    free(report);
}

static void entry_free(void *object)
{
    struct knowledge_entry *entry = object;
    struct report *report;
    while ((report = TAILQ_FIRST(&entry->reports))) {
        TAILQ_REMOVE(&entry->reports, report, next);
        report_free(report);
    }
    formers_free(entry);
    slice_free(&entry->key);
    slice_free(&entry->body);
    slice_free(&entry->timestamp);
    slice_free(&entry->own_id);
    ruling_free(&entry->retracted);
    free(entry->shares.seqs);
    claim_free(entry->claim);
    free(entry);
}

void knowledge_free(struct knowledge *knowledge)
{
    index_clear(&knowledge->aliases, keyed_free);
    for (int section = 0; section < SECTION_COUNT; section++)
        index_clear(&knowledge->sections[section], entry_free);
    index_clear(&knowledge->contributors, keyed_free);
    index_clear(&knowledge->tenants, keyed_free);
    ledger_free(&knowledge->ledger); /* reports were in lists of its seals */
    knowledge_init(knowledge);
}

struct knowledge_entry *knowledge_find(const struct knowledge *knowledge, enum section section,
                                       struct slice id)
{
    return index_find(&knowledge->sections[section], id);
}

size_t knowledge_count(const struct knowledge *knowledge)
{
    size_t count = 0;
    for (int section = 0; section < SECTION_COUNT; section++)
        count += knowledge->sections[section].count;
    return count;
}

size_t knowledge_shared(const struct knowledge *knowledge)
{
    return knowledge_count(knowledge) - knowledge->sections[SECTION_BENCHMARKS].count;
}

size_t knowledge_cost(struct slice id, struct slice body, struct slice timestamp)
{
    return ENTRY_OVERHEAD + id.len + body.len + timestamp.len;
}

/* ── contributors ── */

const struct contributor *knowledge_contributor(const struct knowledge *knowledge,
                                                struct slice ai_id)
{
    return index_find(&knowledge->contributors, ai_id);
}

#define SCORE_SHARED  1u
#define SCORE_USED    1u
#define SCORE_TESTED  5u
#define SCORE_REFUTED 10u /* lost */

uint64_t contributor_score(const struct contributor *contributor)
{
    uint64_t won = SCORE_SHARED * (contributor->entries - contributor->retracted) +
                   SCORE_USED * contributor->uses + SCORE_TESTED * contributor->tested;
    uint64_t lost = SCORE_REFUTED * contributor->claims[CLAIM_REFUTED];
    return won > lost ? won - lost : 0;
}

/* ── tenants ── */

static struct tenant *tenant_get(struct knowledge *knowledge, struct slice ai_id)
{
    return index_get(&knowledge->tenants, ai_id, sizeof(struct tenant));
}

/* Sums wrap and come right when there is less. */
static void tenant_add(struct tenant *tenant, size_t entries, size_t bytes)
{
    tenant->entries += entries;
    tenant->bytes += bytes;
    if (!tenant->holding)
        return;
    tenant->holding->entries += entries;
    tenant->holding->bytes += bytes;
}

static void tenant_drop_report(struct knowledge *knowledge, struct tenant *tenant, size_t cost)
{
    assert(tenant->reports && tenant->bytes >= cost);
    tenant->reports--;
    tenant_add(tenant, 0, -cost);
    if (tenant->reports || tenant->entries)
        return;
    assert(!tenant->bytes);
    index_remove(&knowledge->tenants, tenant);
    keyed_free(tenant);
}

/* ── entries ── */

static void entry_changed(struct knowledge *knowledge, struct knowledge_entry *entry)
{
    change_mark(knowledge->changes, &entry->change, entry,
                ROW_PATTERN + (enum row_kind)entry->section);
}

static void entry_reworded(struct knowledge *knowledge, struct knowledge_entry *entry)
{
    change_mark(knowledge->wordings, &entry->wording, entry,
                ROW_PATTERN + (enum row_kind)entry->section);
}

static void entry_touch(struct knowledge *knowledge, struct knowledge_entry *entry)
{
    entry->order = ++knowledge->changes->order;
    entry_changed(knowledge, entry);
    TAILQ_REMOVE(&knowledge->recent, entry, recent);
    TAILQ_INSERT_HEAD(&knowledge->recent, entry, recent);
}

size_t report_cost(const struct report *report)
{
    return REPORT_OVERHEAD + report->reporter.len + report->timestamp.len + report->metrics.len;
}

size_t knowledge_entry_cost(const struct knowledge_entry *entry)
{
    return knowledge_cost(entry->key, entry->body, entry->timestamp) + entry->reports_bytes +
           claim_cost(entry->claim);
}

/* Sums wrap and come right when the entry shrinks. */
void knowledge_weigh(struct knowledge *knowledge, struct knowledge_entry *entry)
{
    size_t bytes = knowledge_entry_cost(entry);
    knowledge->bytes += bytes - entry->bytes;
    if (entry->is_loose)
        knowledge->loose_bytes += bytes - entry->bytes;
    entry->bytes = bytes;
    if (!entry->tenant)
        return;
    size_t own = knowledge_cost(entry->key, entry->body, entry->timestamp) +
                 (entry->claim ? CLAIM_OVERHEAD : 0);
    tenant_add(entry->tenant, 0, own - entry->tenant_bytes);
    entry->tenant_bytes = own;
}

/* ── benchmarks of ids that name nothing ── */

static void benchmark_loosen(struct knowledge *knowledge, struct knowledge_entry *entry)
{
    entry->is_loose = true;
    knowledge->loose_count++;
    knowledge->loose_bytes += entry->bytes;
    TAILQ_INSERT_TAIL(&knowledge->loose, entry, loose);
}

static void benchmark_fasten(struct knowledge *knowledge, struct knowledge_entry *entry)
{
    assert(entry->is_loose && knowledge->loose_count > 0);
    entry->is_loose = false;
    knowledge->loose_count--;
    knowledge->loose_bytes -= entry->bytes;
    TAILQ_REMOVE(&knowledge->loose, entry, loose);
}

/* Something has this id now, if it has one. */
static void benchmark_named(struct knowledge *knowledge, struct slice id)
{
    struct knowledge_entry *entry =
        id.len ? knowledge_find(knowledge, SECTION_BENCHMARKS, id) : NULL;
    if (entry && entry->is_loose)
        benchmark_fasten(knowledge, entry);
}

static void entry_drop_report(struct knowledge *knowledge, struct knowledge_entry *entry,
                              struct report *report)
{
    size_t cost = report_cost(report);
    assert(entry->report_count > 0 && entry->reports_bytes >= cost);
    TAILQ_REMOVE(&entry->reports, report, next);
    entry->report_count--;
    entry->reports_bytes -= cost;
    entry->held_bytes -= report->seal ? cost : 0;
    tenant_drop_report(knowledge, report->tenant, cost);
    report_free(report);
}

void knowledge_drop_loose(struct knowledge *knowledge, struct knowledge_entry *entry)
{
    struct report *report;
    assert(entry->is_loose && !entry->tenant && !entry->claim);
    benchmark_fasten(knowledge, entry);
    while ((report = TAILQ_FIRST(&entry->reports)))
        entry_drop_report(knowledge, entry, report);
    knowledge->bytes -= entry->bytes;
    TAILQ_REMOVE(&knowledge->recent, entry, recent);
    index_remove(&knowledge->sections[SECTION_BENCHMARKS], entry);
    change_gone(knowledge->changes, &entry->change, ROW_BENCHMARK, entry->key);
    change_gone(knowledge->wordings, &entry->wording, ROW_BENCHMARK, entry->key);
    entry_free(entry);
}

/* ── entries that change ── */

static void alias_set(struct knowledge *knowledge, struct knowledge_entry *entry)
{
    struct alias *alias = index_get(&knowledge->aliases, entry->own_id, sizeof *alias);
    if (alias->entry && alias->entry->contributor != entry->contributor)
        return; /* nobody takes over what is reported on another's component */
    alias->entry = entry;
    change_mark(knowledge->changes, &alias->change, alias, ROW_ALIAS);
}

struct knowledge_entry *knowledge_restore(struct knowledge *knowledge, enum section section,
                                          struct slice id, struct slice contributor)
{
    struct knowledge_entry *entry = memory_new(sizeof *entry);
    entry->key = slice_copy(id);
    entry->section = section;
    TAILQ_INIT(&entry->reports);
    TAILQ_INIT(&entry->formers);
    index_add(&knowledge->sections[section], entry);
    if (section != SECTION_BENCHMARKS) {
        entry->contributor =
            index_get(&knowledge->contributors, contributor, sizeof *entry->contributor);
        entry->contributor->entries++;
        entry->tenant = tenant_get(knowledge, contributor);
        tenant_add(entry->tenant, 1, 0);
    }
    return entry;
}

void knowledge_restore_place(struct knowledge *knowledge, struct knowledge_entry *entry)
{
    struct knowledge_entry *named[NAMED_MAX];
    TAILQ_INSERT_HEAD(&knowledge->recent, entry, recent);
    if (entry->section != SECTION_BENCHMARKS)
        return;
    knowledge_named(knowledge, entry->key, named);
    if (!named[0] && !named[1] && !named[2])
        benchmark_loosen(knowledge, entry);
}

static struct knowledge_entry *entry_new(struct knowledge *knowledge, enum section section,
                                         struct slice id, struct slice contributor)
{
    struct knowledge_entry *entry = knowledge_restore(knowledge, section, id, contributor);
    TAILQ_INSERT_HEAD(&knowledge->recent, entry, recent);
    return entry;
}

bool shares_add(struct shares *shares, uint64_t seq)
{
    if (shares->count && seq <= shares->seqs[shares->count - 1])
        return false;
    if (shares->count == SHARES_EACH_MAX)
        memmove(shares->seqs, shares->seqs + 1, --shares->count * sizeof *shares->seqs);
    shares->seqs =
        memory_grow(shares->seqs, &shares->capacity, shares->count + 1, sizeof *shares->seqs);
    shares->seqs[shares->count++] = seq;
    return true;
}

struct knowledge_entry *knowledge_put(struct knowledge *knowledge, enum section section,
                                      const struct sharing *sharing)
{
    struct knowledge_entry *entry = knowledge_find(knowledge, section, sharing->id);
    if (!entry)
        entry = entry_new(knowledge, section, sharing->id, sharing->contributor);
    assert(slice_equal(entry->contributor->key, sharing->contributor)); /* else: not_owner */
    entry_touch(knowledge, entry);
    if (entry->revision)
        former_keep(knowledge, entry, entry->order, sharing->time_ms);
    entry->revision++;
    slice_free(&entry->body);
    slice_free(&entry->timestamp);
    slice_free(&entry->own_id);
    entry->body = slice_copy(sharing->body);
    entry->timestamp = slice_copy(sharing->timestamp);
    entry->own_id = slice_copy(sharing->own_id);
    shares_add(&entry->shares, sharing->seq);
    if (sharing->own_id.len)
        alias_set(knowledge, entry);
    benchmark_named(knowledge, sharing->id);
    benchmark_named(knowledge, sharing->own_id);
    knowledge_weigh(knowledge, entry);
    formers_bound(knowledge, entry);
    entry_reworded(knowledge, entry);
    return entry;
}

/* ── entries that are taken back ── */

static void reports_drop(struct knowledge *knowledge, struct knowledge_entry *entry)
{
    struct report *report;
    while ((report = TAILQ_FIRST(&entry->reports)))
        entry_drop_report(knowledge, entry, report);
    entry_touch(knowledge, entry);
    knowledge_weigh(knowledge, entry);
    entry_reworded(knowledge, entry);
}

const struct knowledge_entry *knowledge_standing(struct knowledge_entry *named[NAMED_MAX])
{
    const struct knowledge_entry *retracted = NULL;
    for (size_t i = 0; i < NAMED_MAX; i++) {
        if (!named[i] || !named[i]->retracted.by.len)
            continue;
        retracted = named[i];
        named[i] = NULL;
    }
    return retracted;
}

/* What was measured of an id goes when nothing is left that it names. */
static void benchmark_retract(struct knowledge *knowledge, struct slice id)
{
    struct knowledge_entry *named[NAMED_MAX];
    struct knowledge_entry *benchmark =
        id.len ? knowledge_find(knowledge, SECTION_BENCHMARKS, id) : NULL;
    if (!benchmark)
        return;
    knowledge_named(knowledge, id, named);
    knowledge_standing(named);
    if (!named[0] && !named[1] && !named[2])
        reports_drop(knowledge, benchmark);
}

void knowledge_retract(struct knowledge *knowledge, struct knowledge_entry *entry,
                       const struct ruling *ruling)
{
    entry->retracted = ruling_copy(ruling);
    knowledge->retracted++;
    entry->contributor->retracted++;
    entry->contributor->uses -= entry->usage;
    entry->contributor->tested -= entry->tested;
    entry->usage = 0;
    entry->tested = false;
    entry->revision++;
    slice_free(&entry->body);
    entry->body = slice_copy(slice_of("{}"));
    formers_drop(knowledge, entry);
    claim_put(knowledge, entry, NULL);
    reports_drop(knowledge, entry);
    benchmark_retract(knowledge, entry->key);
    benchmark_retract(knowledge, entry->own_id);
}

/* Looking for what was shared at a seq. */
struct looking {
    uint64_t seq;
    struct knowledge_entry *found;
    struct former *former;
};

static void entry_look(void *object, void *ctx)
{
    struct knowledge_entry *entry = object;
    struct looking *looking = ctx;
    const struct shares *shares = &entry->shares;
    struct former *former;
    if (looking->found)
        return;
    if (shares->count && shares->seqs[shares->count - 1] == looking->seq)
        looking->found = entry;
    TAILQ_FOREACH (former, &entry->formers, of_entry)
        if (former->seq == looking->seq) {
            looking->found = entry;
            looking->former = former;
        }
}

struct knowledge_entry *knowledge_shared_at(const struct knowledge *knowledge, uint64_t seq,
                                            struct former **ret_former)
{
    struct looking looking = {.seq = seq};
    for (int section = 0; section < SECTION_BENCHMARKS; section++)
        index_walk(&knowledge->sections[section], entry_look, &looking);
    *ret_former = looking.former;
    return looking.found;
}

/* Of a report that was taken back. */
struct blanking {
    struct knowledge *knowledge;
    uint64_t seq;
};

static void report_blank(void *object, void *ctx)
{
    struct knowledge_entry *entry = object;
    const struct blanking *blanking = ctx;
    struct report *report = TAILQ_FIRST(&entry->reports);
    while (report && (report->seq != blanking->seq || report->seal))
        report = TAILQ_NEXT(report, next);
    if (!report)
        return;
    size_t before = report_cost(report);
    slice_free(&report->metrics);
    report->metrics = slice_copy(slice_of("{}"));
    size_t less = before - report_cost(report); /* it was an object */
    entry->reports_bytes -= less;
    tenant_add(report->tenant, 0, -less);
    entry_changed(blanking->knowledge, entry);
    knowledge_weigh(blanking->knowledge, entry);
    if (entry->section == SECTION_BENCHMARKS)
        entry_reworded(blanking->knowledge, entry);
}

void knowledge_blank_report(struct knowledge *knowledge, uint64_t seq)
{
    struct blanking blanking = {knowledge, seq};
    for (int section = 0; section < SECTION_COUNT; section++)
        index_walk(&knowledge->sections[section], report_blank, &blanking);
}

/* ── reports ── */

static void report_append(struct knowledge *knowledge, struct knowledge_entry *entry,
                          const struct reporting *reporting, double score)
{
    struct report *report = memory_new(sizeof *report);
    report->tenant = tenant_get(knowledge, reporting->reporter);
    report->reporter = report->tenant->key;
    report->timestamp = slice_copy(reporting->timestamp);
    report->metrics = slice_copy(reporting->metrics.raw);
    report->score = score;
    report->seq = reporting->seq;
    report->entry = entry;
    report->seal = reporting->seal;
    if (report->seal)
        LIST_INSERT_HEAD(&report->seal->reports, report, of_seal);
    TAILQ_INSERT_TAIL(&entry->reports, report, next);
    entry->report_count++;
    entry->reports_bytes += report_cost(report);
    entry->held_bytes += report->seal ? report_cost(report) : 0;
    report->tenant->reports++;
    tenant_add(report->tenant, 0, report_cost(report));
}

static void entry_add_report(struct knowledge *knowledge, struct knowledge_entry *entry,
                             const struct reporting *reporting, double score)
{
    report_append(knowledge, entry, reporting, score);
    while (entry->report_count > REPORTS_EACH_MAX ||
           (entry->report_count > 1 && entry->reports_bytes > REPORTS_BYTES_EACH_MAX))
        entry_drop_report(knowledge, entry, TAILQ_FIRST(&entry->reports));
    knowledge_weigh(knowledge, entry);
}

void knowledge_restore_report(struct knowledge *knowledge, struct knowledge_entry *entry,
                              const struct reporting *reporting)
{
    report_append(knowledge, entry, reporting, reporting->score);
}

size_t knowledge_drop_oldest_of(struct knowledge *knowledge, struct knowledge_entry *entry,
                                const struct tenant *tenant)
{
    struct report *report;
    TAILQ_FOREACH (report, &entry->reports, next) {
        if (report->tenant != tenant)
            continue;
        size_t cost = report_cost(report);
        entry_drop_report(knowledge, entry, report);
        knowledge_weigh(knowledge, entry);
        if (entry->section == SECTION_BENCHMARKS)
            entry_reworded(knowledge, entry);
        return cost;
    }
    return 0;
}

/* The latest of each reporter is kept; one without a score leaves the reporter's earlier one in
 * force. */
static void entry_replace_report(struct knowledge *knowledge, struct knowledge_entry *entry,
                                 const struct reporting *reporting)
{
    struct report *report;
    double score = reporting->score;
    TAILQ_FOREACH (report, &entry->reports, next)
        if (slice_equal(report->reporter, reporting->reporter)) {
            if (score < 0)
                score = report->score;
            entry_drop_report(knowledge, entry, report);
            break;
        }
    entry_add_report(knowledge, entry, reporting, score);
}

double knowledge_quality(const struct knowledge_entry *entry)
{
    const struct report *report;
    double sum = 0;
    size_t scores = 0;
    TAILQ_FOREACH (report, &entry->reports, next)
        if (!report->seal && report->score >= 0 &&
            !slice_equal(report->reporter, entry->contributor->key)) {
            sum += report->score;
            scores++;
        }
    return scores ? sum / (double)scores : 0;
}

/* A use by another AI counts; an AI's report on its own counts for nothing. */
static void entry_report(struct knowledge *knowledge, struct knowledge_entry *entry,
                         const struct reporting *reporting)
{
    entry_changed(knowledge, entry);
    entry_replace_report(knowledge, entry, reporting);
    if (slice_equal(reporting->reporter, entry->contributor->key))
        return;
    entry->usage++;
    entry->contributor->uses++;
    if (entry->section == SECTION_FEATURES && !entry->tested &&
        json_get(reporting->metrics, "integration_tested").kind == JSON_KIND_TRUE) {
        entry->tested = true;
        entry->contributor->tested++;
    }
}

/* What the benchmarks of that id say is another thing, if the seal holds any of it back. */
static void benchmark_told(struct knowledge *knowledge, struct slice id, const struct seal *seal)
{
    struct knowledge_entry *benchmark =
        id.len ? knowledge_find(knowledge, SECTION_BENCHMARKS, id) : NULL;
    const struct report *report = benchmark ? TAILQ_FIRST(&benchmark->reports) : NULL;
    while (report && report->seal != seal)
        report = TAILQ_NEXT(report, next);
    if (!report)
        return;
    entry_touch(knowledge, benchmark);
    entry_reworded(knowledge, benchmark);
}

void knowledge_tell_reports(struct knowledge *knowledge, struct seal *seal)
{
    const struct claim *claim;
    struct report *report;
    LIST_FOREACH (claim, &seal->claims, of_seal) {
        entry_changed(knowledge, claim->entry);
        benchmark_told(knowledge, claim->entry->key, seal);
        benchmark_told(knowledge, claim->entry->own_id, seal);
    }
    while ((report = LIST_FIRST(&seal->reports))) {
        LIST_REMOVE(report, of_seal);
        report->seal = NULL;
        report->entry->held_bytes -= report_cost(report);
        entry_changed(knowledge, report->entry);
    }
}

void knowledge_named(const struct knowledge *knowledge, struct slice id,
                     struct knowledge_entry *ret_named[NAMED_MAX])
{
    ret_named[0] = knowledge_find(knowledge, SECTION_PATTERNS, id);
    ret_named[1] = knowledge_find(knowledge, SECTION_COMPONENTS, id);
    ret_named[2] = knowledge_find(knowledge, SECTION_FEATURES, id);
    if (ret_named[2])
        return;
    const struct alias *alias = index_find(&knowledge->aliases, id);
    ret_named[2] = alias ? alias->entry : NULL;
}

void knowledge_report(struct knowledge *knowledge, struct slice component_id,
                      const struct reporting *reporting,
                      struct knowledge_entry *const named[NAMED_MAX])
{
    struct knowledge_entry *benchmark = knowledge_find(knowledge, SECTION_BENCHMARKS, component_id);
    bool names = named[0] || named[1] || named[2];
    if (!benchmark) {
        benchmark = entry_new(knowledge, SECTION_BENCHMARKS, component_id, (struct slice){NULL, 0});
        if (!names)
            benchmark_loosen(knowledge, benchmark);
    }
    entry_touch(knowledge, benchmark);
    entry_add_report(knowledge, benchmark, reporting, reporting->score);
    entry_reworded(knowledge, benchmark);
    for (size_t i = 0; i < NAMED_MAX; i++)
        if (named[i])
            entry_report(knowledge, named[i], reporting);
    if (benchmark->is_loose) { /* it is the newest of them */
        benchmark_fasten(knowledge, benchmark);
        benchmark_loosen(knowledge, benchmark);
    }
    assert(!(names && benchmark->is_loose));
    if (knowledge->loose_count > LOOSE_BENCHMARKS_MAX)
        knowledge_drop_loose(knowledge, TAILQ_FIRST(&knowledge->loose));
}
