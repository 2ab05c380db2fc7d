/* Workloads of cache traces: split by time, numbered so that neighbours stay neighbours. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "policy/file_system/simulator.h"
#include "policy/optimise/evaluation.h"
#include "trace_fixture.h"
#include "wire/commitment.h"

/* A trace in memory: block i * step of each reference i, modulo `blocks`. */
static struct trace *made(size_t count, int64_t step, int64_t blocks)
{
    struct trace *trace = calloc(1, sizeof *trace);
    *trace = (struct trace){.kind = TRACE_REFERENCES, .format = "made", .count = count};
    trace->values = malloc(count * sizeof *trace->values);
    for (size_t i = 0; i < count; i++)
        trace->values[i] = (int64_t)i * step % blocks;
    return trace;
}

static const char identity[] = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

static void of_trace(const struct trace *trace, struct trace_options options,
                     struct traced_subject *ret_subject)
{
    struct subject_traces traces = {.count = 1, .of = {trace}, .options = options};
    char why[256];
    assert_int_equal(subject_of_traces(subject_find("file_system"), &traces, identity, ret_subject,
                                       why, sizeof why),
                     0);
}

/* Nobody trains on what he is measured on. */
static void split_by_time(void **state)
{
    (void)state;
    enum { COUNT = 200001 };
    static const char *const later[] = {"heldout/a", "test/00", "peer/a", "review/s/a"};
    struct trace *trace = made(COUNT, 1, COUNT); /* a block is its own place in time */
    struct traced_subject traced;
    of_trace(trace, (struct trace_options){.cache_pages = 10}, &traced);
    for (uint64_t i = 0; i < 40; i++) {
        struct trace_part part = trace_part_of(trace, NULL, "train/a");
        struct trace_part window = trace_window(&part, i, 25000);
        assert_int_equal(window.count, 25000);
        assert_true(window.first + window.count <= COUNT / 2);
        part = trace_part_of(trace, NULL, later[i % 4]);
        window = trace_window(&part, i, 25000);
        assert_true(window.first >= COUNT / 2 && window.first + window.count <= COUNT);
    }
    struct trace_part whole = trace_part_of(trace, NULL, TRACE_LATER);
    whole = trace_window(&whole, 1, 10);
    assert_int_equal(whole.first, COUNT / 2);
    assert_int_equal(whole.count, COUNT - COUNT / 2);
    /* Two seeds, two windows; the same one again the same. */
    struct trace_part part = trace_part_of(trace, NULL, "train/a");
    assert_int_not_equal(trace_window(&part, 1, 1000).first, trace_window(&part, 2, 1000).first);
    assert_int_equal(trace_window(&part, 1, 1000).first, trace_window(&part, 1, 1000).first);
    trace_free(trace);
}

static void versions_and_refusals(void **state)
{
    (void)state;
    const struct subject *base = subject_find("file_system");
    struct trace *trace = made(1000, 1, 100), *few = made(20, 1, 100);
    struct traced_subject traced;
    char wanted[160], why[256];
    of_trace(trace, (struct trace_options){0}, &traced);
    snprintf(wanted, sizeof wanted, "%s+sha256:%.32s", base->version, identity);
    assert_string_equal(traced.subject.version, wanted);
    of_trace(trace, (struct trace_options){.cache_pages = 412}, &traced);
    snprintf(wanted, sizeof wanted, "%s+cache=412+sha256:%.32s", base->version, identity);
    assert_string_equal(traced.subject.version, wanted);
    of_trace(trace, (struct trace_options){.cache_share = 0.05}, &traced);
    snprintf(wanted, sizeof wanted, "%s+cache=5%%+sha256:%.32s", base->version, identity);
    assert_string_equal(traced.subject.version, wanted);
    /* The longest there is can be committed to. */
    of_trace(trace, (struct trace_options){.cache_pages = UINT32_MAX}, &traced);
    snprintf(wanted, sizeof wanted, "%s+cache=4294967295+sha256:%.32s", base->version, identity);
    assert_string_equal(traced.subject.version, wanted);
    assert_true(strlen(wanted) <= COMMITMENT_SUBJECT_MAX);
    _Static_assert(SUBJECT_VERSION_SIZE == COMMITMENT_SUBJECT_MAX + 1, "the same bound");
    struct subject_traces traces = {.count = 1, .of = {few}};
    assert_int_equal(subject_of_traces(base, &traces, identity, &traced, why, sizeof why), -1);
    assert_string_equal(why, "20 references are too few for file_system, which wants 200 or more");
    assert_int_equal(
        subject_of_traces(subject_find("performance"), &traces, identity, &traced, why, sizeof why),
        -1);
    assert_non_null(strstr(why, "performance takes no trace: no public one of mutexes"));
    trace_free(trace);
    trace_free(few);
}

static void pages_keep_their_neighbours(void **state)
{
    (void)state;
    static int64_t blocks[] = {INT64_MIN, INT64_MAX, 7, 8, -1, 0, 8, 10, 7, INT64_MAX - 1};
    static const uint32_t wanted[] = {0, 11, 5, 6, 2, 3, 6, 8, 5, 10};
    struct trace trace = {.kind = TRACE_REFERENCES, .count = 10, .values = blocks};
    struct trace_options options = {.cache_pages = 4};
    struct trace_part part = {&trace, &options, 0, 10, .whole = true};
    struct file_workload *load = subject_find("file_system")->workload_read(&part, 1);
    assert_non_null(load);
    assert_int_equal(load->trace.count, 10);
    assert_int_equal(load->trace.capacity, 4);
    /* -1 and 0 are neighbours: numbers of blocks are any 64 bits. */
    for (size_t i = 0; i < 10; i++)
        assert_int_equal(load->trace.pages[i], wanted[i]);
    assert_int_equal(load->trace.page_count, 12);
    free(load);
    options = (struct trace_options){.cache_pages = UINT32_MAX};
    load = subject_find("file_system")->workload_read(&part, 1);
    assert_int_equal(load->trace.capacity, 8); /* more would hold no more */
    free(load);
    options = (struct trace_options){.cache_share = 0.5};
    load = subject_find("file_system")->workload_read(&part, 1);
    assert_int_equal(load->trace.capacity, 4);
    free(load);
}

/* Several traces take turns. */
static void of_several(void **state)
{
    (void)state;
    struct trace *ones = made(1000, 0, 2), *loop = made(1000, 1, 100);
    struct subject_traces traces = {.count = 2, .of = {ones, loop}};
    struct traced_subject traced;
    char why[256];
    traces.options.cache_pages = 10;
    assert_int_equal(
        subject_of_traces(subject_find("file_system"), &traces, identity, &traced, why, sizeof why),
        0);
    for (uint64_t i = 0; i < 4; i++) {
        struct file_workload *load = subject_workload(&traced.subject, "train/a", i);
        assert_int_equal(load->trace.page_count, i % 2 ? 100 : 1);
        free(load);
    }
    struct evaluation_set *set = evaluation_set_new(&traced.subject, "heldout/a", 4);
    assert_non_null(set);
    assert_true(evaluation_set_bound(set).ratio < 1);
    evaluation_set_free(set);
    trace_free(ones);
    trace_free(loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(split_by_time),
        cmocka_unit_test(versions_and_refusals),
        cmocka_unit_test(pages_keep_their_neighbours),
        cmocka_unit_test(of_several),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
