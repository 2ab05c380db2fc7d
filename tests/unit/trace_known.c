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
        double lru = subject->baseline_cost(load, 0), s3fifo = subject->baseline_cost(load, 5),
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

/* ── allocations ── */

/* Counted by a plain reading in another language. */
static void known_allocations(void **state)
{
    (void)state;
    static const struct {
        const char *file;
        int64_t made, gone;
    } files[] = {{"alloc/systemui.zip", 421234, 367589},
                 {"alloc/ffmpeg.trace", 1832, 1805},
                 {"alloc/gcc-hello.trace", 11431, 6344},
                 {"alloc/source-map.trace", 2087, 315}};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        struct trace *trace = trace_of_folder(files[i].file, TRACE_ALLOCATIONS);
        int64_t made = 0, bytes = 0;
        for (size_t k = 0; k < trace->count; k++) {
            made += trace_record(trace, k)[1] > 0;
            bytes += trace_record(trace, k)[1];
        }
        assert_int_equal(made, files[i].made);
        assert_int_equal((int64_t)trace->count - made, files[i].gone);
        assert_true(i > 0 || bytes == 202033138);
        trace_free(trace);
    }
}

/* ── packets ── */

static void known_packets(void **state)
{
    (void)state;
    static const struct {
        const char *file;
        size_t count;
        double mean, most; /* ms */
    } files[] = {{"audio/test-voip-1up.flent.gz", 14913, 24.953702, 25.661230},
                 {"audio/test-voip-rrul.flent.gz", 14911, 25.088393, 26.025056}};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        struct trace *trace = trace_of_folder(files[i].file, TRACE_DELAYS);
        double sum = 0, most = 0;
        for (size_t k = 0; k < trace->count; k++) {
            double ms = (double)trace_record(trace, k)[1] / 1000;
            sum += ms;
            most = ms > most ? ms : most;
        }
        assert_int_equal(trace->count, files[i].count);
        assert_near(sum / (double)trace->count, files[i].mean, 0.001);
        assert_near(most, files[i].most, 0.001);
        trace_free(trace);
    }
}

/* ── processors and links ── */

static void known_jobs(void **state)
{
    (void)state;
    static const struct {
        const char *file;
        size_t count;
        int64_t work; /* us */
    } files[] = {{"cpu/NASA-iPSC-1993-3.1-cln.swf.zip", 18066, 13950781000000},
                 {"cpu/lisa-sched-trace.txt", 1082, 4021361},
                 {"cpu/AzureLLMInferenceTrace_code.csv", 8819, 10662393500},
                 {"cpu/AzureLLMInferenceTrace_conv.csv", 19366, 107807092500}};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        struct trace *trace = trace_of_folder(files[i].file, TRACE_JOBS);
        int64_t work = 0;
        for (size_t k = 0; k < trace->count; k++)
            work += trace_record(trace, k)[1];
        assert_int_equal(trace->count, files[i].count);
        assert_int_equal(work, files[i].work);
        trace_free(trace);
    }
}

static void known_links(void **state)
{
    (void)state;
    static const struct {
        const char *file;
        size_t count;
        int64_t last_ms;
    } files[] = {{"network/ATT-LTE-driving-2016.down", 45604, 120002},
                 {"network/TMobile-LTE-short.down", 194846, 139986},
                 {"network/TMobile-UMTS-driving.down", 156262, 928424},
                 {"network/Verizon-EVDO-driving.down", 46065, 1062016},
                 {"network/Verizon-LTE-short.down", 58655, 140000}};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        struct trace *trace = trace_of_folder(files[i].file, TRACE_DELIVERIES);
        assert_int_equal(trace->count, files[i].count);
        assert_int_equal(trace_record(trace, trace->count - 1)[0], files[i].last_ms * 1000);
        trace_free(trace);
    }
}

/* ── frames ── */

static int compare_values(const void *a, const void *b)
{
    int64_t left = *(const int64_t *)a, right = *(const int64_t *)b;
    return (left > right) - (left < right);
}

static void known_frames(void **state)
{
    (void)state;
    static const struct {
        const char *file;
        size_t count;
        int64_t p50, p99;     /* us */
        double mutter, bound; /* of a start 7 ms before vblank, by a plain simulation */
    } table[] = {
        {"frames/OCAT-MetroExodus.csv", 2502, 10201, 12654, .31963, .25198},
        {"frames/CapFrameX-RE2.csv", 7285, 3428, 3860, .68871, .49861},
        {"frames/PresentMon-test_case_5.csv", 647, 16504, 17364, .64383, .47394},
    };
    const struct subject *subject = subject_find("graphics");
    double textbook[SUBJECT_PARAMETERS_MAX];
    subject_textbook(subject, textbook);
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct trace *trace = trace_of_folder(table[i].file, TRACE_FRAMES);
        struct trace_part part = {.trace = trace, .count = trace->count, .whole = true};
        void *load = subject->workload_read(&part, 0);
        assert_non_null(load);
        double weston = subject->baseline_cost(load, 0);
        double mutter = subject->baseline_cost(load, 1) / weston;
        double ours = subject_cost(subject, load, textbook) / weston;
        double bound = subject->bound_cost(load) / weston;
        print_message("# %s: Mutter-like %.3f, the textbook setting %.3f, bound %.3f\n",
                      table[i].file, mutter, ours, bound);
        assert_near(mutter, table[i].mutter, 0.00001);
        assert_near(bound, table[i].bound, 0.00001);
        assert_true(ours > bound && ours < 1.02 * mutter);
        free(load);
        assert_int_equal(trace->count, table[i].count);
        qsort(trace->values, trace->count, sizeof *trace->values, compare_values);
        assert_int_equal(trace->values[trace->count / 2], table[i].p50);
        assert_int_equal(trace->values[trace->count * 99 / 100], table[i].p99);
        trace_free(trace);
    }
}

/* ── system calls ── */

/* What was tuned on synthetic programs (docs/SUBJECTS.md), on the later half of ADFA-LD in one
 * piece: of its attacks hardly any is found at 2 % false alarms, by whatever. */
static void known_calls(void **state)
{
    (void)state;
    static const double synthetic[] = {6.38, 4.62, 5.59, 2.01, 1.1, 27.4, 3.45, 9.64, 47.1};
    static const size_t sequences[] = {833, 4372, 746}, calls[] = {308077, 2122085, 317388};
    const struct subject *subject = subject_find("security");
    struct trace *trace = trace_of_folder("syscalls/ADFA-LD.zip", TRACE_CALLS);
    size_t found[3] = {0}, made[3] = {0};
    for (size_t i = 0; i < trace->count; i++) {
        const int64_t *record = trace_record(trace, i);
        made[record[1]]++;
        found[record[1]] += i == 0 || record[0] != record[-3];
    }
    assert_memory_equal(found, sequences, sizeof found);
    assert_memory_equal(made, calls, sizeof made);
    struct trace_options options = {0};
    struct trace_part part = trace_part_of(trace, &options, TRACE_LATER);
    void *load = subject->workload_read(&part, 0);
    double stide = subject->baseline_cost(load, 0),
           tuned = subject_cost(subject, load, synthetic) / stide;
    print_message("# STIDE misses %.4f, tuned on synthetic programs: ratio %.4f\n", stide, tuned);
    assert_near(stide, 0.9868, 0.00006);
    assert_near(tuned, 1.0018, 0.00006);
    free(load);
    trace_free(trace);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_miss_ratios), cmocka_unit_test(known_allocations),
        cmocka_unit_test(known_packets),     cmocka_unit_test(known_jobs),
        cmocka_unit_test(known_links),       cmocka_unit_test(known_frames),
        cmocka_unit_test(known_calls),
    };
    if (!trace_folder()) {
        puts("1..0 # SKIP KHUB_TRACES names no folder with real traces");
        return 0;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
