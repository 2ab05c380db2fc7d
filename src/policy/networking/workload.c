/* Links to send over: generated, or as one was recorded. */
#include <math.h>
#include <stdlib.h>

#include "policy/networking/simulator.h"
#include "policy/random.h"

enum { SECONDS = 15, WINDOW_MS = 3600000, WINDOW_LEAST = 1000, WINDOW_MOST = 20000 };
static const double second = 1e9, millisecond = 1e6; /* in the link's nanoseconds */

/* A few changes of capacity, at times and to shares of the original that nobody is told. */
static void add_capacities(struct link *link, struct random *random, double rate)
{
    link->capacities[link->capacity_count++] = (struct link_capacity){0, (uint64_t)(second / rate)};
    if (random_uniform(random) < 0.5)
        return;
    double clock = 0;
    while (link->capacity_count < LINK_CAPACITIES_MAX) {
        clock += random_between(random, 4, 10);
        if (clock >= SECONDS)
            break;
        double changed = rate * random_between(random, 0.4, 1);
        link->capacities[link->capacity_count++] =
            (struct link_capacity){(uint64_t)(clock * second), (uint64_t)(second / changed)};
    }
}

static void add_losses(uint32_t *lost, struct random *random, double loss)
{
    double at = 0;
    uint32_t count = 0;
    while (loss > 0 && count < NETWORKING_LOSSES_MAX) {
        at += 1 + random_exponential(random, 1 / loss - 1);
        if (at >= UINT32_MAX)
            break;
        lost[count++] = (uint32_t)at;
    }
    lost[count] = UINT32_MAX;
}

/* latest: s, when the last begins. */
static void add_flows(struct networking_workload *load, struct random *random, double round_trip,
                      double latest)
{
    struct link *link = &load->link;
    double loss = random_uniform(random) < 0.5 ? 0 : random_log_between(random, 3e-5, 2e-3);
    double bunch = random_uniform(random) < 0.5 ? 0 : random_log_between(random, 0.5, 10);
    link->flow_count = 1 + (uint32_t)random_below(random, LINK_FLOWS_MAX);
    for (uint32_t i = 0; i < link->flow_count; i++) {
        struct link_flow *flow = &link->flows[i];
        double start = i > 0 ? random_between(random, 0, latest) : 0;
        flow->start = (uint64_t)(start * second);
        if (flow->start > link->measured_from)
            link->measured_from = flow->start;
        flow->propagation = (uint64_t)(round_trip * random_between(random, 1, 1.5) * second);
        flow->bunch = (uint64_t)(bunch * millisecond);
        flow->bunch_seed = random_u64(random);
        add_losses(load->lost[i], random, loss);
        flow->lost = load->lost[i];
    }
}

static uint32_t draw_buffer(struct random *random, double products)
{
    return (uint32_t)ceil(products * random_log_between(random, 0.3, 4));
}

void *networking_workload_new(uint64_t seed)
{
    struct networking_workload *load = calloc(1, sizeof *load);
    if (!load)
        return NULL;
    struct random random;
    random_seed(&random, seed);
    double rate = random_log_between(&random, 400, 8000);
    double round_trip = random_log_between(&random, 0.012, 0.15);
    load->link.end = SECONDS * LINK_SECOND;
    load->link.buffer = draw_buffer(&random, rate * round_trip);
    add_capacities(&load->link, &random, rate);
    add_flows(load, &random, round_trip, 3);
    return load;
}

/* The deliveries of a window in milliseconds from its first; those after its end are all at its
 * end, so that it has one at least. Returns its end. */
static uint32_t take_deliveries(struct networking_workload *load, const struct trace_part *window)
{
    int64_t first = *trace_record(window->trace, window->first);
    int64_t last = *trace_record(window->trace, window->first + window->count - 1);
    int64_t span = (last - first) / 1000;
    uint32_t end = span < 1 ? 1 : span < WINDOW_MS ? (uint32_t)span : WINDOW_MS;
    for (size_t i = 0; i < window->count; i++) {
        int64_t at = (*trace_record(window->trace, window->first + i) - first) / 1000;
        load->at_ms[i] = at < end ? (uint32_t)at : end;
    }
    if (load->at_ms[window->count - 1] == 0) /* all at once */
        load->at_ms[window->count - 1] = end;
    return end;
}

void *networking_workload_read(const struct trace_part *part, uint64_t seed)
{
    size_t count = part->count / 4;
    count = count < WINDOW_LEAST ? WINDOW_LEAST : count > WINDOW_MOST ? WINDOW_MOST : count;
    struct trace_part window = trace_window(part, seed, count);
    struct networking_workload *load = calloc(1, sizeof *load + window.count * sizeof(uint32_t));
    if (!load)
        return NULL;
    struct random random;
    random_seed(&random, ~seed); /* apart from the draw of the window */
    uint32_t end_ms = take_deliveries(load, &window);
    double seconds = end_ms / 1000.0, round_trip = random_log_between(&random, 0.012, 0.15);
    load->recorded = (struct link_opportunities){.count = window.count, .at_ms = load->at_ms};
    load->link.opportunities = &load->recorded;
    load->link.end = (uint64_t)end_ms * (LINK_SECOND / 1000);
    load->link.buffer = draw_buffer(&random, (double)window.count / seconds * round_trip);
    add_flows(load, &random, round_trip, seconds < 15 ? seconds / 5 : 3);
    return load;
}
