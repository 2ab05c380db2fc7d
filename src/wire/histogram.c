#include "wire/histogram.h"

#include <inttypes.h>

#include "wire/text.h"

static const uint32_t bounds_us[HISTOGRAM_BUCKETS] = {
#define X(us) us,
    HISTOGRAM_BOUNDS(X)
#undef X
};

void histogram_add(struct histogram *histogram, uint64_t ns, uint64_t times)
{
    unsigned bucket = 0;
    while (bucket < HISTOGRAM_BUCKETS && ns > bounds_us[bucket] * UINT64_C(1000))
        bucket++;
    histogram->counts[bucket] += times;
    histogram->sum_ns += ns * times;
}

void histogram_write(const struct histogram *histogram, struct text *text)
{
    uint64_t count = 0;
    for (unsigned i = 0; i <= HISTOGRAM_BUCKETS; i++)
        count += histogram->counts[i];
    text_addf(text, "{\"count\":%" PRIu64 ",\"sum_s\":%.9g,\"le_s\":[", count,
              (double)histogram->sum_ns / 1e9);
    for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++)
        text_addf(text, "%s%.5g", i ? "," : "", bounds_us[i] / 1e6);
    text_add_literal(text, "],\"counts\":[");
    for (unsigned i = 0; i <= HISTOGRAM_BUCKETS; i++)
        text_addf(text, "%s%" PRIu64, i ? "," : "", histogram->counts[i]);
    text_add_literal(text, "]}");
}
