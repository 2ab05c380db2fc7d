/* What a change would add to what a room knows, and whether there is room for it.
 *
 * A room knows so many entries and so many bytes, of which one AI may have an eighth: nobody
 * fills it for everybody. What is there can always be changed, as long as it does not grow.
 * Benchmarks of ids that name nothing make way, the oldest first, and a report may take the
 * place of earlier ones of its reporter on the same id. */
#include "core/knowledge.h"

static const struct tenant *tenant_find(const struct knowledge *knowledge, struct slice ai_id)
{
    return index_find(&knowledge->tenants, ai_id);
}

struct growth knowledge_growth_put(const struct knowledge_entry *held, struct slice ai_id,
                                   size_t cost)
{
    int64_t more = (int64_t)cost - (int64_t)(held ? held->tenant_bytes : 0);
    return (struct growth){.ai_id = ai_id, .entries = held == NULL, .bytes = more, .own = more};
}

static size_t reports_of(const struct knowledge_entry *entry, const struct tenant *tenant)
{
    const struct report *report;
    size_t bytes = 0;
    TAILQ_FOREACH (report, &entry->reports, next)
        bytes += report->tenant == tenant ? report_cost(report) : 0;
    return bytes;
}

static size_t reporting_cost(const struct reporting *reporting)
{
    return REPORT_OVERHEAD + reporting->reporter.len + reporting->timestamp.len +
           reporting->metrics.raw.len;
}

struct growth knowledge_growth_report(const struct knowledge *knowledge, struct slice component_id,
                                      const struct reporting *reporting,
                                      struct knowledge_entry *const named[NAMED_MAX])
{
    struct knowledge_entry *benchmark = knowledge_find(knowledge, SECTION_BENCHMARKS, component_id);
    const struct tenant *tenant = tenant_find(knowledge, reporting->reporter);
    struct growth growth = {.ai_id = reporting->reporter, .stays = benchmark};
    int64_t cost = (int64_t)reporting_cost(reporting);
    growth.own = cost;
    for (size_t i = 0; i < NAMED_MAX; i++) {
        if (!named[i])
            continue;
        growth.own += cost - (int64_t)reports_of(named[i], tenant);
        growth.bytes += claim_report_growth(named[i], reporting);
    }
    growth.bytes += growth.own;
    if (benchmark)
        growth.exchange = reports_of(benchmark, tenant);
    else
        growth.bytes += (int64_t)(ENTRY_OVERHEAD + component_id.len);
    return growth;
}

/* Bytes that are to be added to those of now, for which others go or went. */
struct exchange {
    int64_t more;
    size_t going, gone;
};

static bool fits(struct exchange exchange, size_t now, size_t limit)
{
    int64_t more = exchange.more - (int64_t)exchange.going;
    return more <= (int64_t)exchange.gone || (now <= limit && more <= (int64_t)(limit - now));
}

static size_t bytes_that_stay(const struct knowledge *knowledge, const struct growth *growth)
{
    bool loose_stays = growth->stays && growth->stays->is_loose;
    return knowledge->bytes - knowledge->loose_bytes + (loose_stays ? growth->stays->bytes : 0);
}

int knowledge_fits(const struct knowledge *knowledge, const struct growth *growth, size_t limit,
                   size_t share, struct refusal *ret_refusal)
{
    const struct tenant *tenant = tenant_find(knowledge, growth->ai_id);
    size_t entries = tenant ? tenant->entries : 0, own = tenant ? tenant->bytes : 0;
    size_t most = KNOWLEDGE_ENTRIES_MAX / KNOWLEDGE_SHARES; /* of one AI */
    if (growth->entries && knowledge_shared(knowledge) >= KNOWLEDGE_ENTRIES_MAX)
        return refuse_over(
            ret_refusal, WIRE_QUOTA_EXCEEDED,
            &(struct overrun){limit_text(LIMIT_ENTRIES), "room", KNOWLEDGE_ENTRIES_MAX, 0},
            "this room knows %u entries, the most it keeps", KNOWLEDGE_ENTRIES_MAX);
    if (growth->entries && entries >= most)
        return refuse_over(ret_refusal, WIRE_QUOTA_EXCEEDED,
                           &(struct overrun){limit_text(LIMIT_ENTRIES), "ai", (double)most, 0},
                           "%zu entries in this room are yours; of its %u one AI may have %zu",
                           entries, KNOWLEDGE_ENTRIES_MAX, most);
    if (!fits((struct exchange){growth->bytes, growth->exchange, 0},
              bytes_that_stay(knowledge, growth), limit))
        return refuse_over(
            ret_refusal, WIRE_QUOTA_EXCEEDED,
            &(struct overrun){limit_text(LIMIT_KNOWLEDGE), "room", (double)limit, 0},
            "this room's knowledge takes %zu bytes; %lld more go over its limit of %zu",
            knowledge->bytes, (long long)growth->bytes, limit);
    if (!fits((struct exchange){growth->own, growth->exchange, 0}, own, share))
        return refuse_over(
            ret_refusal, WIRE_QUOTA_EXCEEDED,
            &(struct overrun){limit_text(LIMIT_KNOWLEDGE), "ai", (double)share, 0},
            "what is yours in this room takes %zu bytes; %lld more go over one AI's share "
            "of %zu",
            own, (long long)growth->own, share);
    return 0;
}

/* The AI's earlier reports on the same id go, the oldest first, until there is room. */
static void exchange_reports(struct knowledge *knowledge, const struct growth *growth, size_t limit,
                             size_t share)
{
    size_t gone = 0, bytes = 1;
    while (bytes) {
        const struct tenant *tenant = tenant_find(knowledge, growth->ai_id);
        if (!tenant || (fits((struct exchange){growth->bytes, 0, gone},
                             bytes_that_stay(knowledge, growth), limit) &&
                        fits((struct exchange){growth->own, 0, gone}, tenant->bytes, share)))
            return;
        bytes = knowledge_drop_oldest_of(knowledge, growth->stays, tenant);
        gone += bytes;
    }
}

void knowledge_make_room(struct knowledge *knowledge, const struct growth *growth, size_t limit,
                         size_t share)
{
    struct knowledge_entry *oldest = TAILQ_FIRST(&knowledge->loose), *next;
    if (growth->exchange)
        exchange_reports(knowledge, growth, limit, share);
    for (; oldest && !fits((struct exchange){growth->bytes, 0, 0}, knowledge->bytes, limit);
         oldest = next) {
        next = TAILQ_NEXT(oldest, loose);
        if (oldest != growth->stays)
            knowledge_drop_loose(knowledge, oldest);
    }
}
