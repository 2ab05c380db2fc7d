/* Cellular links, where they are (KHUB_TRACES/network): what each policy costs on them beside Reno.
 * The first two minutes of each, 40 ms long, through a buffer of 250 packets; nothing was tuned on
 * them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <math.h>
#include <string.h>

#include "policy/networking/congestion.h"
#include "policy/networking/rules.h"
#include "policy/networking/simulator.h"
#include "policy/subject.h"
#include "trace_fixture.h"

enum { SECONDS = 120 };

/* What ./dev bench learning found, in its median run. */
static const double tuned[] = {0.1994, 0.01372, 1.411, 0.1752, 0.3542, 0.2415,
                               0.9359, 0.4551,  1.084, 1.008,  0.4142, 0.414};

/* Adds to *ret_ahead the logarithm of what it costs beside the better BBR. */
static void check_link(const char *name, double *ret_ahead)
{
    static const struct congestion_control *const others[] = {&congestion_cubic, &congestion_vegas,
                                                              &congestion_bbr, &congestion_bbr3};
    struct trace *trace = trace_of_folder(name, TRACE_DELIVERIES);
    uint32_t *at_ms = malloc(trace->count * sizeof *at_ms);
    assert_non_null(at_ms);
    for (size_t i = 0; i < trace->count; i++)
        at_ms[i] = (uint32_t)(trace_record(trace, i)[0] / 1000);
    struct link_opportunities recorded = {.count = trace->count, .at_ms = at_ms};
    struct networking_rules rules;
    struct congestion_control control = networking_control(&rules);
    subject_find("networking")->rules_of(tuned, &rules);
    struct link link = networking_recorded(&recorded, SECONDS);
    double reno = networking_cost_under(&link, &congestion_reno), ratios[4];
    for (int i = 0; i < 4; i++)
        ratios[i] = networking_cost_under(&link, others[i]) / reno;
    double own = networking_cost_under(&link, &control) / reno;
    print_message("# %s: CUBIC %.3f, Vegas %.3f, BBR 1 %.3f, BBR 3 %.3f, tuned %.3f of Reno\n",
                  name, ratios[0], ratios[1], ratios[2], ratios[3], own);
    assert_true(reno >= 1 && own * reno >= 1);
    assert_true(own < 1);
    *ret_ahead += log(own / fmin(ratios[2], ratios[3]));
    free(at_ms);
    trace_free(trace);
}

static void cellular_links(void **state)
{
    (void)state;
    char path[1024];
    uint32_t found = 0;
    double ahead = 0;
    snprintf(path, sizeof path, "%s/network", trace_folder());
    DIR *directory = opendir(path);
    assert_non_null(directory);
    for (struct dirent *entry; (entry = readdir(directory));) {
        const char *end = strrchr(entry->d_name, '.');
        if (!end || strcmp(end, ".down") != 0)
            continue;
        snprintf(path, sizeof path, "network/%.255s", entry->d_name);
        check_link(path, &ahead);
        found++;
    }
    closedir(directory);
    assert_true(found > 0);
    print_message("# tuned beside the better BBR, geometric mean of %u: %.3f\n", found,
                  exp(ahead / found));
    assert_true(exp(ahead / found) < 0.9);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(cellular_links)};
    if (!trace_folder()) {
        puts("1..0 # SKIP KHUB_TRACES names no folder with real traces");
        return 0;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
