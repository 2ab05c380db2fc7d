/* Traces of processors and of links: three formats of jobs, and Mahimahi's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "policy/process_manager/simulator.h"
#include "policy/subject.h"
#include "policy_effort.h"
#include "trace_fixture.h"

static void assert_jobs(const char *text, const char *format, const int64_t (*wanted)[2],
                        size_t count)
{
    struct trace *trace = trace_of_text(text, TRACE_JOBS);
    if (!trace)
        fail_msg("%s", trace_why);
    assert_string_equal(trace->format, format);
    assert_int_equal(trace->count, count);
    assert_memory_equal(trace->values, wanted, count * sizeof *wanted);
    trace_free(trace);
}

#define SWF_REST " 128 -1 -1 -1 -1 -1 -1 1 1 -1 -1 -1 -1 -1\n"

/* They stand as they came, whatever the file's order; of what has no length nothing is known. */
static void swf(void **state)
{
    (void)state;
    static const int64_t wanted[][2] = {{0, 1451000000}, {1460000000, 500000}};
    assert_jobs("; Version: 2.2\n;\n    2  1460 -1 0.5" SWF_REST "\n1 0 -1 1451" SWF_REST
                "3 5 -1 -1" SWF_REST "4 5 -1 0" SWF_REST,
                "swf", wanted, 2);
}

static void azure(void **state)
{
    (void)state;
    static const int64_t wanted[][2] = {{0, 4808 * 250 + 10 * 25000}, {60051999, 25000}};
    const char *text = "\xef\xbb\xbfTIMESTAMP,ContextTokens,GeneratedTokens\r\n"
                       "2023-11-30 23:59:04.0319599,0,1\r\n"
                       "2023-11-30 23:58:03.9799600,4808,10\r\n"
                       "2023-11-30 23:58:03.9799600,0,0\r\n";
    struct trace *trace = trace_of_text(text, TRACE_JOBS);
    if (!trace)
        fail_msg("%s", trace_why);
    assert_string_equal(trace->format, "azure_llm");
    assert_int_equal(trace->count, 2);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(trace_record(trace, i)[0] - trace_record(trace, 0)[0], wanted[i][0]);
        assert_int_equal(trace_record(trace, i)[1], wanted[i][1]);
    }
    trace_free(trace);
}

#define SWITCH(us, from, how, to)                                                                  \
    "   <...>-1  [001]  76." us ": sched_switch:   prev_comm=a b prev_pid=" from                   \
    " prev_prio=120 prev_state=" how " next_comm=c next_pid=" to " next_prio=120\n"
#define WAKEUP(us, pid)                                                                            \
    "   a b-c-0  [002] d..3 76." us ": sched_wakeup: comm=sh pid=" pid " prio=120 success=1\n"

/* A job is what a thread ran from when it was woken until it slept: parts of it when others came
 * between. */
static void ftrace(void **state)
{
    (void)state;
    static const int64_t wanted[][2] = {{76000010, 25}, {76000015, 20}, {76000100, 5}};
    assert_jobs("version = 6\ncpus=6\n"
                /* 7 is woken at 10, runs 20..30 and, after 8, 50..65. */
                WAKEUP("000010", "7") WAKEUP("000012", "7") WAKEUP("000015", "8")
                    SWITCH("000020", "0", "R", "7") SWITCH("000030", "7", "R+", "8") SWITCH(
                        "000050", "8", "1",
                        "7") "  x-1 [0] 76.000055: print: sched\n" SWITCH("000065", "7", "S", "0")
                /* 9 was never woken where we saw it; 10 ran before the trace began. */
                SWITCH("000090", "10", "S", "0") SWITCH("000100", "0", "0", "9")
                    SWITCH("000105", "9", "64", "0")
                /* 11 is not done when the trace ends. */
                SWITCH("000110", "0", "0", "11") SWITCH("000120", "11", "4096", "0"),
                "ftrace", wanted, 3);
}

/* The same, as trace-cmd's plugin prints it, and as perf does. A name may have anything in it. */
#define PLUGIN_SWITCH(us, from, how, to)                                                           \
    "   <...>-1  [001]  76." us ": sched_switch:         a: b [x]:" from " [120] " how             \
    " ==> c d:" to " [120]\n"
#define PLUGIN_WAKEUP(us, pid)                                                                     \
    "   s-1 [002] 76." us ": sched_wakeup:  a: b [x]:" pid " [98] CPU:001\n"
#define PERF(event) "   a b 22291 [000] 76." event
static void ftrace_of_others(void **state)
{
    (void)state;
    static const int64_t wanted[][2] = {{76000010, 25}, {76000015, 20}};
    assert_jobs("cpus=6\n" PLUGIN_WAKEUP("000010", "7") PLUGIN_WAKEUP("000015", "8")
                    PLUGIN_SWITCH("000020", "0", "R", "7") PLUGIN_SWITCH("000030", "7", "R+", "8")
                        PLUGIN_SWITCH("000050", "8", "D|W", "7")
                            PLUGIN_SWITCH("000065", "7", "S", "0"),
                "ftrace", wanted, 2);
    assert_jobs(PERF("000010: sched:sched_wakeup: comm=sh pid=7 prio=0 target_cpu=000\n")
                    PERF("000015: sched:sched_wakeup_new: sh:8 [0] CPU:000\n") PERF(
                        "000020: sched:sched_switch: prev_comm=swapper/0 prev_pid=0 "
                        "prev_prio=120 prev_state=R ==> next_comm=sh next_pid=7 next_prio=9\n")
                        PERF("000030: sched:sched_switch: sh:7 [120] R ==> sh:8 [120]\n")
                            PERF("000050: sched:sched_switch: sh:8 [120] S ==> sh:7 [120]\n")
                                PERF("000055: other_sched_switch: x\n")
                                    PERF("000065: sched:sched_switch: sh:7 [1] S ==> x:0 [2]\n"),
                "ftrace", wanted, 2);
}

/* Lengths of milliseconds stay; those of hours shrink. The gaps keep their proportions, at a load
 * of 0.6 to 0.9. */
static void workloads(void **state)
{
    (void)state;
    enum { COUNT = 1000 };
    static int64_t values[COUNT][2];
    struct trace trace = {.kind = TRACE_JOBS, .count = COUNT, .values = values[0]};
    struct trace_options options = {0};
    struct trace_part part = {&trace, &options, 100, 800, .whole = true};
    for (int hours = 0; hours < 2; hours++) {
        double work = 0;
        for (int64_t i = 0; i < COUNT; i++) {
            values[i][0] = i * i * 1000000;
            values[i][1] = (1 + i % 7) * (hours ? 3600000000 : 1000);
        }
        struct process_workload *load = subject_find("process_manager")->workload_read(&part, 3);
        assert_non_null(load);
        assert_int_equal(load->count, 800);
        for (uint32_t i = 0; i < 800; i++)
            work += (double)load->jobs[i].service;
        if (hours)
            assert_near(work / 800, 20e6, 10);
        else
            assert_int_equal(load->jobs[1].service, 4 * 1000000 + 1); /* of record 101 */
        double utilisation = work / (double)load->jobs[799].arrival;
        assert_true(utilisation > 0.6 && utilisation < 0.9);
        assert_int_equal(load->jobs[0].arrival, 0);
        assert_near((double)load->jobs[400].arrival / (double)load->jobs[799].arrival,
                    (500.0 * 500 - 100 * 100) / (899.0 * 899 - 100 * 100), 1e-6);
        free(load);
    }
    /* All at once: no gap can be scaled. */
    for (int64_t i = 0; i < COUNT; i++)
        values[i][0] = 5;
    struct subject_traces traces = {.count = 1, .of = {&trace}};
    struct traced_subject traced;
    char why[256];
    assert_int_equal(
        subject_of_traces(subject_find("process_manager"), &traces, "0", &traced, why, sizeof why),
        0);
    assert_null(traced.subject.informed_cost); /* by a law that a trace has not */
    void *load = subject_workload(&traced.subject, "heldout/a", 0);
    assert_true(traced.subject.bound_cost(load) > 0);
    assert_true(traced.subject.bound_cost(load) <= traced.subject.baseline_cost(load, 0));
    free(load);
}

static void mahimahi(void **state)
{
    (void)state;
    static const int64_t wanted[] = {0, 0, 109000, 1073741824000};
    struct trace *trace = trace_of_text("0\n0\r\n109\n1073741824", TRACE_DELIVERIES);
    if (!trace)
        fail_msg("%s", trace_why);
    assert_string_equal(trace->format, "mahimahi");
    assert_int_equal(trace->count, 4);
    assert_memory_equal(trace->values, wanted, sizeof wanted);
    trace_free(trace);
}

static void bad_lines(void **state)
{
    (void)state;
    static const struct {
        enum trace_kind kind;
        const char *text, *said;
    } bad[] = {
        {TRACE_JOBS, "1 0 -1 1451" SWF_REST "2 5 -1 9 1\n",
         "/made:2: found '2 5 -1 9 1', wanted 18"},
        {TRACE_JOBS, "1 0 -1 1451" SWF_REST "2 -5 -1 9" SWF_REST, "/made:2: found"},
        {TRACE_JOBS, "1 0 -1 1451" SWF_REST "2 9999999999999999 -1 9" SWF_REST, "/made:2: found"},
        {TRACE_JOBS, "TIMESTAMP,ContextTokens,GeneratedTokens\n2023-13-01 00:00:00,1,1\n",
         "/made:2: found '2023-13-01 00:00:00,1,1', wanted year-month-day"},
        {TRACE_JOBS, "TIMESTAMP,ContextTokens,GeneratedTokens\n2023-12-01 00:00:00,1\n",
         ":2: found"},
        {TRACE_JOBS, "TIMESTAMP,ContextTokens,GeneratedTokens\n2023-12-01 00:00:00,1,1,1\n", ":2:"},
        {TRACE_JOBS, "TIMESTAMP,ContextTokens,GeneratedTokens\n2023-12-01 0:0:0,999999999,1\n",
         ":2:"},
        {TRACE_JOBS, SWITCH("000020", "0", "R", "7") SWITCH("000030", "7", "R", "x"),
         "/made:2: found"},
        {TRACE_JOBS, SWITCH("000020", "0", "R", "7") SWITCH("000030", "7", "R", "4194304"),
         "wanted prev_pid=, prev_state= and next_pid="},
        {TRACE_JOBS, SWITCH("000020", "0", "R", "7") WAKEUP("000030", "-1"), "wanted pid="},
        {TRACE_JOBS, SWITCH("000020", "0", "R", "7") PLUGIN_WAKEUP("000030", "7 8"),
         "wanted pid=, or 'name:pid [priority]'"},
        {TRACE_JOBS, PLUGIN_SWITCH("000020", "0", "", "7"), "/made:1: found"},
        {TRACE_JOBS, PLUGIN_SWITCH("000020", "0", "R", "4194304"), "/made:1: found"},
        {TRACE_JOBS, " x-1 [0] 76.000020: sched_switch: \n", "/made:1: found"},
        {TRACE_JOBS, " x-1 [0] 76.000020: sched_switch: a:1 [2] S\n", "/made:1: found"},
        {TRACE_JOBS, "TIMESTAMP,ContextTokens,GeneratedTokens\n2023-12-01 0:0:0,1,100000001\n",
         "up to 100000000"},
        {TRACE_DELIVERIES, "5\n4\n",
         "/made:2: found '4', wanted a whole number of milliseconds up to 1073741824, not before"},
        {TRACE_DELIVERIES, "5\n1073741825\n", "/made:2: found"},
        {TRACE_DELIVERIES, "5\n\n6\n", "/made:2: found ''"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_null(trace_of_text(bad[i].text, bad[i].kind));
        if (!strstr(trace_why, bad[i].said))
            fail_msg("'%s' is not in: %s", bad[i].said, trace_why);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(swf),       cmocka_unit_test(azure),
        cmocka_unit_test(ftrace),    cmocka_unit_test(ftrace_of_others),
        cmocka_unit_test(workloads), cmocka_unit_test(mahimahi),
        cmocka_unit_test(bad_lines),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
