/* The page cache's simulators against closed formulas, plain re-implementations, and each other. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "plain_cache.h"
#include "policy/file_system/simulator.h"
#include "policy/optimise/evaluation.h"
#include "policy/subject_table.h"
#include "policy/zipf.h"
#include "policy_effort.h"

enum { PAGES = 10000 };
static int64_t s3fifo_misses(const struct references *trace, const struct in_frames *frames)
{
    struct file_system_rules rules = rules_in(frames, trace);
    return cache_s3fifo_misses(trace, &rules);
}

static const struct in_frames textbook_1000 = {.small = 100,
                                               .ghost = 900,
                                               .promote = 2,
                                               .cap = 3,
                                               .run = UINT32_MAX,
                                               .small_lag = NEVER,
                                               .main_lag = NEVER};

/* Independent references by Zipf's law. The pages are rank * 7 mod PAGES, so that neighbours in
 * rank are no run. */
static uint32_t *independent_references(const struct zipf *zipf, uint64_t seed, uint32_t count)
{
    uint32_t *pages = malloc(count * sizeof *pages);
    struct random random;
    random_seed(&random, seed);
    for (uint32_t i = 0; i < count; i++)
        pages[i] = zipf_draw(zipf, &random) * 7 % PAGES;
    return pages;
}

/* How much of a page's references hit when the cache keeps for the time t what was referenced at
 * rate p. */
typedef double hit_share(double p, double t);

static double lru_hit_share(double p, double t)
{
    return 1 - exp(-p * t);
}

static double fifo_hit_share(double p, double t)
{
    return p * t / (1 + p * t);
}

/* Che's approximation (LRU) and Gelenbe's fixed point (FIFO = RANDOM): t is such that `capacity`
 * pages are resident. */
static double fixed_point_misses(const struct zipf *zipf, uint32_t capacity, hit_share *share)
{
    double low = 0, high = 1e9, hits = 0;
    for (int step = 0; step < 100; step++) {
        double t = (low + high) / 2, resident = 0;
        hits = 0;
        for (uint32_t k = 0; k < zipf->count; k++) {
            double p = zipf_probability(zipf, k), here = share(p, t);
            resident += here;
            hits += p * here;
        }
        if (resident < capacity)
            low = t;
        else
            high = t;
    }
    return 1 - hits;
}

static void independent_reference_model(void **state)
{
    (void)state;
    static const double published[] = {0.8434, 0.5633, 0.6095, 0.3244, 0.3437, 0.1386};
    uint32_t count = test_sample(1000000);
    for (int e = 0; e < 3; e++) {
        struct zipf zipf;
        assert_int_equal(zipf_init(&zipf, PAGES, 0.8 + 0.2 * e), 0);
        uint32_t *pages = independent_references(&zipf, 1 + (uint64_t)e, count);
        for (int c = 0; c < 2; c++) {
            struct references trace = {c ? 1000 : 100, PAGES, count, pages};
            double che = fixed_point_misses(&zipf, trace.capacity, lru_hit_share);
            double gelenbe = fixed_point_misses(&zipf, trace.capacity, fifo_hit_share);
            double lru = (double)cache_lru_misses(&trace) / count;
            double fifo = (double)cache_fifo_misses(&trace) / count;
            print_message("# Zipf %.1f, C %u: LRU %.4f (Che %.4f), FIFO %.4f (Gelenbe %.4f)\n",
                          0.8 + 0.2 * e, trace.capacity, lru, che, fifo, gelenbe);
            assert_near(che, published[2 * e + c], 0.0005);
            assert_near(lru, che, test_tolerance(0.002));
            assert_near(fifo, gelenbe, test_tolerance(0.002));
        }
        free(pages);
        zipf_clear(&zipf);
    }
}

static void loop_of_110_in_100_frames(void **state)
{
    (void)state;
    enum { LOOP = 110, FRAMES = 100, PASSES = 1000 };
    static uint32_t pages[LOOP * PASSES];
    for (uint32_t i = 0; i < LOOP * PASSES; i++)
        pages[i] = i % LOOP;
    struct references trace = {FRAMES, LOOP, LOOP * PASSES, pages};
    assert_int_equal(cache_lru_misses(&trace), trace.count);
    assert_int_equal(cache_fifo_misses(&trace), trace.count);
    assert_int_equal(cache_clock_misses(&trace), trace.count);
    assert_int_equal(cache_arc_misses(&trace), trace.count);
    /* After the cold misses of the frames MIN misses (N - C) of N - 1 references. */
    double warm = (double)(cache_min_misses(&trace) - FRAMES) / (trace.count - FRAMES);
    assert_near(warm, (double)(LOOP - FRAMES) / (LOOP - 1), 1e-4);
}

static void order_of_the_literature(void **state)
{
    (void)state;
    uint32_t count = test_sample(1000000);
    struct zipf zipf;
    assert_int_equal(zipf_init(&zipf, PAGES, 1.0), 0);
    uint32_t *pages = independent_references(&zipf, 4, count);
    struct references trace = {1000, PAGES, count, pages};
    double static_optimum = 1; /* the 1000 likeliest pages stay for ever */
    for (uint32_t rank = 0; rank < trace.capacity; rank++)
        static_optimum -= zipf_probability(&zipf, rank);
    const double miss[] = {(double)cache_fifo_misses(&trace) / count,
                           (double)cache_lru_misses(&trace) / count,
                           (double)cache_clock_misses(&trace) / count,
                           (double)cache_arc_misses(&trace) / count,
                           (double)s3fifo_misses(&trace, &textbook_1000) / count,
                           static_optimum,
                           (double)cache_min_misses(&trace) / count};
    static const double expected[] = {0.369, 0.324, 0.314, 0.271, 0.262, 0.235, 0.183};
    static const char *const names[] = {"FIFO", "LRU", "CLOCK", "ARC", "S3-FIFO", "A0", "MIN"};
    for (int i = 0; i < 7; i++) {
        print_message("# %s %.4f (%.3f)\n", names[i], miss[i], expected[i]);
        assert_near(miss[i], expected[i], test_tolerance(0.006));
        assert_true(i == 0 || miss[i] < miss[i - 1]);
    }
    free(pages);
    zipf_clear(&zipf);
}

static int64_t plain_misses(const struct references *trace, const struct in_frames *policy)
{
    struct plain *cache = calloc(1, sizeof *cache);
    int64_t misses = 0;
    uint32_t run = 0;
    for (uint32_t i = 0; i < trace->count; i++) {
        run = i > 0 && trace->pages[i] == trace->pages[i - 1] + 1 ? run + 1 : 1;
        misses += plain_refer(cache, trace, policy, trace->pages[i], run);
    }
    free(cache);
    return misses;
}

static void s3fifo_is_as_described(void **state)
{
    (void)state;
    enum { COUNT = 2000 };
    static uint32_t pages[COUNT];
    struct random random;
    random_seed(&random, 11);
    for (uint32_t round = 0; round < test_sample(500); round++) {
        uint32_t capacity = 1 + (uint32_t)random_below(&random, PLAIN_MAX - 1);
        struct references trace = {capacity, 200, COUNT, pages};
        struct in_frames policy = {.small = 1 + (uint32_t)random_below(&random, capacity),
                                   .ghost = (uint32_t)random_below(&random, PLAIN_GHOSTS),
                                   .promote = 1 + (uint32_t)random_below(&random, 8),
                                   .cap = 1 + (uint32_t)random_below(&random, 7),
                                   .correlated = (uint32_t)random_below(&random, capacity),
                                   .run = 2 + (uint32_t)random_below(&random, 20),
                                   .small_lag = NEVER,
                                   .main_lag = NEVER};
        if (random_below(&random, 3) > 0)
            policy.small_lag = (uint32_t)random_below(&random, policy.small);
        if (random_below(&random, 3) > 0 && capacity > policy.small)
            policy.main_lag = (uint32_t)random_below(&random, capacity - policy.small);
        mixed_references(&random, pages, COUNT, trace.page_count);
        assert_int_equal(s3fifo_misses(&trace, &policy), plain_misses(&trace, &policy));
    }
}

/* At their ends the queues are LRU, and FIFO. */
static void lru_and_fifo_are_of_the_family(void **state)
{
    (void)state;
    enum { COUNT = 2000 };
    static uint32_t pages[COUNT];
    struct random random;
    random_seed(&random, 14);
    for (uint32_t round = 0; round < test_sample(100); round++) {
        uint32_t capacity = 1 + (uint32_t)random_below(&random, PLAIN_MAX - 1);
        struct references trace = {capacity, 200, COUNT, pages};
        double parameters[SUBJECT_PARAMETERS_MAX];
        mixed_references(&random, pages, COUNT, trace.page_count);
        struct in_frames policy = {
            .small = capacity, .promote = 8, .cap = 7, .run = UINT32_MAX, .main_lag = NEVER};
        assert_int_equal(s3fifo_misses(&trace, &policy), cache_lru_misses(&trace));
        policy.small_lag = NEVER;
        assert_int_equal(s3fifo_misses(&trace, &policy), cache_fifo_misses(&trace));
        /* And the parameters reach them. */
        struct file_system_rules rules;
        subject_textbook(&subject_file_system, parameters);
        for (int i = 0; i < subject_file_system.parameter_count; i++) {
            const struct parameter *p = &subject_file_system.parameters[i];
            if (strcmp(p->name, "small_lag") == 0)
                parameters[i] = 0;
            else if (strcmp(p->name, "small") == 0 || strcmp(p->name, "promote") == 0)
                parameters[i] = p->high;
        }
        subject_file_system.rules_of(parameters, &rules);
        rules.run = UINT32_MAX; /* runs of 512 would be dropped behind */
        assert_int_equal(cache_s3fifo_misses(&trace, &rules), cache_lru_misses(&trace));
        assert_int_equal(cache_misses(&trace, &rules), cache_lru_misses(&trace));
    }
}

/* MIN again: looks ahead along the trace for each victim. */
static int64_t plain_min_misses(const struct references *trace)
{
    uint32_t frames[PLAIN_MAX], used = 0;
    int64_t misses = 0;
    for (uint32_t i = 0; i < trace->count; i++) {
        uint32_t k = 0, victim = 0, latest = 0;
        while (k < used && frames[k] != trace->pages[i])
            k++;
        if (k < used)
            continue;
        misses++;
        for (k = 0; k < used && used == trace->capacity; k++) {
            uint32_t next = i;
            while (next < trace->count && trace->pages[next] != frames[k])
                next++;
            if (next >= latest) {
                latest = next;
                victim = k;
            }
        }
        frames[used < trace->capacity ? used++ : victim] = trace->pages[i];
    }
    return misses;
}

static void min_is_right_and_a_bound(void **state)
{
    (void)state;
    enum { COUNT = 1000 };
    static uint32_t pages[COUNT];
    struct random random;
    random_seed(&random, 12);
    for (uint32_t round = 0; round < test_sample(200); round++) {
        uint32_t capacity = 1 + (uint32_t)random_below(&random, PLAIN_MAX - 1);
        struct references trace = {capacity, 150, COUNT, pages};
        struct in_frames policy = {.small = 1 + (uint32_t)random_below(&random, capacity),
                                   .ghost = capacity,
                                   .promote = 1,
                                   .cap = 3,
                                   .run = 2 + (uint32_t)random_below(&random, 20),
                                   .small_lag = (uint32_t)random_below(&random, 2) * NEVER,
                                   .main_lag = (uint32_t)random_below(&random, 2) * NEVER};
        mixed_references(&random, pages, COUNT, trace.page_count);
        int64_t bound = cache_min_misses(&trace);
        assert_int_equal(bound, plain_min_misses(&trace));
        assert_true(bound <= cache_fifo_misses(&trace));
        assert_true(bound <= cache_lru_misses(&trace));
        assert_true(bound <= cache_clock_misses(&trace));
        assert_true(bound <= cache_arc_misses(&trace));
        assert_true(bound <= s3fifo_misses(&trace, &policy));
        struct file_system_rules rules = rules_in(&policy, &trace);
        assert_true(bound <= cache_misses(&trace, &rules));
    }
}

/* ARC again, as its authors write it (Megiddo, Modha 2003, figure 4): lists are arrays, oldest
 * first. */
enum { PT1, PT2, PB1, PB2, PLAIN_LISTS };
struct plain_arc {
    uint32_t at[PLAIN_LISTS][2 * PLAIN_MAX], count[PLAIN_LISTS];
    double target;
};

static bool plain_arc_remove(struct plain_arc *arc, int list, uint32_t page)
{
    for (uint32_t i = 0; i < arc->count[list]; i++)
        if (arc->at[list][i] == page) {
            arc->count[list]--;
            memmove(&arc->at[list][i], &arc->at[list][i + 1],
                    (arc->count[list] - i) * sizeof(uint32_t));
            return true;
        }
    return false;
}

static void plain_arc_add(struct plain_arc *arc, int list, uint32_t page)
{
    arc->at[list][arc->count[list]++] = page;
}

static uint32_t plain_arc_drop(struct plain_arc *arc, int list)
{
    uint32_t oldest = arc->at[list][0];
    plain_arc_remove(arc, list, oldest);
    return oldest;
}

static void plain_arc_replace(struct plain_arc *arc, bool in_b2)
{
    double t1 = arc->count[PT1];
    if (t1 > 0 && (t1 > arc->target || (in_b2 && t1 == arc->target)))
        plain_arc_add(arc, PB1, plain_arc_drop(arc, PT1));
    else
        plain_arc_add(arc, PB2, plain_arc_drop(arc, PT2));
}

static void plain_arc_miss(struct plain_arc *arc, uint32_t page, uint32_t c)
{
    uint32_t *count = arc->count, b1 = count[PB1], b2 = count[PB2];
    if (plain_arc_remove(arc, PB1, page)) {
        arc->target = fmin(c, arc->target + fmax(1, b2 / b1)); /* whole pages, as the simulator */
        plain_arc_replace(arc, false);
        plain_arc_add(arc, PT2, page);
        return;
    }
    if (plain_arc_remove(arc, PB2, page)) {
        arc->target = fmax(0, arc->target - fmax(1, b1 / b2));
        plain_arc_replace(arc, true);
        plain_arc_add(arc, PT2, page);
        return;
    }
    uint32_t all = count[PT1] + count[PT2] + b1 + b2;
    if (count[PT1] + b1 == c) {
        plain_arc_drop(arc, count[PT1] < c ? PB1 : PT1);
        if (count[PT1] + count[PT2] == c)
            plain_arc_replace(arc, false);
    } else if (all >= c) {
        if (all == 2 * c)
            plain_arc_drop(arc, PB2);
        plain_arc_replace(arc, false);
    }
    plain_arc_add(arc, PT1, page);
}

static void arc_is_as_published(void **state)
{
    (void)state;
    enum { COUNT = 2000 };
    static uint32_t pages[COUNT];
    struct random random;
    random_seed(&random, 13);
    for (uint32_t round = 0; round < test_sample(300); round++) {
        uint32_t capacity = 1 + (uint32_t)random_below(&random, PLAIN_MAX - 1);
        struct references trace = {capacity, 200, COUNT, pages};
        struct plain_arc arc = {.target = 0};
        int64_t misses = 0;
        mixed_references(&random, pages, COUNT, trace.page_count);
        for (uint32_t i = 0; i < COUNT; i++)
            if (plain_arc_remove(&arc, PT1, pages[i]) || plain_arc_remove(&arc, PT2, pages[i]))
                plain_arc_add(&arc, PT2, pages[i]);
            else {
                misses++;
                plain_arc_miss(&arc, pages[i], capacity);
            }
        assert_int_equal(cache_arc_misses(&trace), misses);
    }
}

/* file_system's baselines on its own workloads. */
static void parameters_are_rules_by_hand(void **state)
{
    (void)state;
    const double p[] = {0.125, 3, 2, 5, 0.5, 7, 0.25, 0.75, 4, 1.5};
    static const struct file_system_rules right = {.small = 8192,
                                                   .promote = 3,
                                                   .ghost = 2 * 65536,
                                                   .cap = 5,
                                                   .correlated = 32768,
                                                   .run = 7,
                                                   .small_lag = 16384,
                                                   .main_lag = 49152,
                                                   .duels = 4 * 65536,
                                                   .margin = 384};
    struct file_system_rules rules;
    subject_file_system.rules_of(p, &rules);
    assert_memory_equal(&rules, &right, sizeof right);
}

static void baselines_are_what_they_say(void **state)
{
    (void)state;
    const struct subject *subject = &subject_file_system;
    for (uint64_t seed = 0; seed < 4; seed++) {
        struct file_workload *load = subject->workload_new(seed);
        const struct references *trace = &load->trace;
        uint32_t c = trace->capacity;
        struct in_frames published = {.small = c * 6554 / 65536,
                                      .ghost = c * 58982 / 65536,
                                      .promote = 2,
                                      .cap = 3,
                                      .run = UINT32_MAX,
                                      .small_lag = NEVER,
                                      .main_lag = NEVER};
        struct in_frames one_hit = published;
        one_hit.promote = 1;
        const int64_t misses[] = {cache_lru_misses(trace),  cache_clock_misses(trace),
                                  cache_arc_misses(trace),  s3fifo_misses(trace, &published),
                                  cache_fifo_misses(trace), s3fifo_misses(trace, &one_hit)};
        assert_int_equal(subject->baseline_count, sizeof misses / sizeof *misses);
        for (int which = 0; which < subject->baseline_count; which++)
            assert_true(subject->baseline_cost(load, which) ==
                        (double)misses[which] / trace->count);
        free(load);
    }
}

/* Belady's anomaly, and the textbook strings of 12 references. */
static void beladys_string(void **state)
{
    (void)state;
    const uint32_t pages[] = {1, 2, 3, 4, 1, 2, 5, 1, 2, 3, 4, 5};
    struct references three = {3, 6, 12, pages}, four = {4, 6, 12, pages};
    assert_int_equal(cache_fifo_misses(&three), 9);
    assert_int_equal(cache_fifo_misses(&four), 10);
    assert_int_equal(cache_lru_misses(&three), 10);
    assert_int_equal(cache_lru_misses(&four), 8);
    assert_int_equal(cache_min_misses(&three), 7);
    assert_int_equal(cache_min_misses(&four), 6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(beladys_string),
        cmocka_unit_test(independent_reference_model),
        cmocka_unit_test(loop_of_110_in_100_frames),
        cmocka_unit_test(order_of_the_literature),
        cmocka_unit_test(s3fifo_is_as_described),
        cmocka_unit_test(lru_and_fifo_are_of_the_family),
        cmocka_unit_test(min_is_right_and_a_bound),
        cmocka_unit_test(arc_is_as_published),
        cmocka_unit_test(parameters_are_rules_by_hand),
        cmocka_unit_test(baselines_are_what_they_say),
    };
    return cmocka_run_group_tests_name("policy_file_system", tests, NULL, NULL);
}
