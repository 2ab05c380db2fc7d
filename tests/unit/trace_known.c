/* Real traces, where they are (KHUB_TRACES): what is known of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "policy/file_system/simulator.h"
#include "policy/subject.h"
#include "policy_effort.h"
#include "trace_fixture.h"

/* ── caches ── */

/* By a plain simulation in another language. Its S3-FIFO wants one hit for a place in the main
 * queue; and a ghost that is asked for frees its place, where ours ages (as published): that is all
 * the difference that `apart` allows. */
static const struct known {
    const char *file;
    size_t count; /* the first so many; 0: all */
    uint32_t pages;
    double lru, s3fifo, min, apart;
} known[] = {
    {"cache/w106.trace.xz", 1500000, 412, .2781, .2855, .2188, .0005},
    {"cache/w106.trace.xz", 1500000, 4123, .1518, .1458, .1093, .0005},
    {"cache/cloudPhysicsIO.oracleGeneral.bin", 0, 489, .8380, .8285, .7927, .0005},
    {"cache/cloudPhysicsIO.oracleGeneral.bin", 0, 4897, .8049, .7470, .6290, .0035},
    {"cache/sprite.trace.gz", 0, 70, .8367, .7954, .5784, .007},
    {"cache/sprite.trace.gz", 0, 707, .1352, .1369, .0864, .0005},
    {"cache/multi3.trace.gz", 0, 74, .9486, .8463, .7145, .0005},
    {"cache/multi3.trace.gz", 0, 745, .6451, .5446, .4709, .0005},
    {"cache/web12.trace.xz", 0, 137, .6030, .5880, .4154, .0005},
    {"cache/web12.trace.xz", 0, 1375, .3152, .2809, .1997, .0005},
    {"cache/orm-night.trace.xz", 1000000, 413, .4074, .4013, .3092, .0005},
    {"cache/orm-night.trace.xz", 1000000, 4135, .1813, .1610, .0799, .003},
};

static double s3fifo_of_one_hit(const struct file_workload *load)
{
    static const struct file_system_rules rules = {
        .small = 6554, .ghost = 58982, .promote = 1, .cap = 3, .run = UINT32_MAX};
    return (double)cache_s3fifo_misses(&load->trace, &rules) / load->trace.count;
}

static void known_miss_ratios(void **state)
{
    (void)state;
    const struct subject *subject = subject_find("file_system");
    struct trace *trace = NULL;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (i == 0 || strcmp(known[i].file, known[i - 1].file) != 0) {
            trace_free(trace);
            trace = trace_of_folder(known[i].file, TRACE_REFERENCES);
        }
        struct trace_options options = {.cache_pages = known[i].pages};
        struct trace_part part = {trace, &options, 0,
                                  known[i].count ? known[i].count : trace->count, .whole = true};
        assert_true(part.count <= trace->count);
        void *load = subject->workload_read(&part, 0);
        assert_non_null(load);
        double lru = subject->baseline_cost(load, 0), s3fifo = s3fifo_of_one_hit(load),
               min = subject->bound_cost(load);
        print_message("# %s, %u pages: LRU %.4f, S3-FIFO %.4f, MIN %.4f\n", known[i].file,
                      known[i].pages, lru, s3fifo, min);
        assert_near(lru, known[i].lru, 0.00006);
        assert_near(min, known[i].min, 0.00006);
        assert_near(s3fifo, known[i].s3fifo, known[i].apart);
        free(load);
    }
    trace_free(trace);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_miss_ratios),
    };
    if (!trace_folder()) {
        puts("1..0 # SKIP KHUB_TRACES names no folder with real traces");
        return 0;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
