/* flent's JSON becomes packets, those that were lost among them; and the calls that audio makes of
 * them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "policy/optimise/evaluation.h"
#include "policy/subject.h"
#include "trace_fixture.h"
#include "wire/text.h"

#define HEAD "{\"metadata\": {}, \"raw_values\": {\"VoIP\": ["

static void packets_in_their_order(void **state)
{
    (void)state;
    static const int64_t wanted[][2] = {
        {1000000, 24811}, {1010000, -1}, {1020000, -1}, {1030000, 0}, {1040000, 60000000}};
    struct trace *trace = trace_of_text(
        HEAD "{\"seq\": 7.0, \"t\": 1.04, \"val\": 60000}, {\"seq\": 3, \"t\": 1, \"val\": 24.811"
             ", \"size\": 92}, {\"val\": 0, \"t\": 1.03, \"seq\": 6}, {\"seq\": 6, \"t\": 9,"
             " \"val\": 9}]}}",
        TRACE_DELAYS);
    if (!trace)
        fail_msg("%s", trace_why);
    assert_string_equal(trace->format, "flent");
    assert_int_equal(trace->count, 5);
    assert_memory_equal(trace->values, wanted, sizeof wanted);
    trace_free(trace);
}

static void bad_ones(void **state)
{
    (void)state;
    static const struct {
        const char *text, *said;
    } bad[] = {
        {"{\"metadata\": {", ": it is no JSON: byte 14"},
        {"{\"metadata\": {}}", "there are no packets of a call in it"},
        {"{\"metadata\": {}, \"raw_values\": {\"VoIP\": {}}}", "there are no packets of a call"},
        {HEAD "]}}", "its list of VoIP packets is empty"},
        {HEAD "{\"seq\": 1, \"t\": 1}]}}",
         "found '{\"seq\": 1, \"t\": 1}', wanted {\"seq\": whole"},
        {HEAD "{\"seq\": -1, \"t\": 1, \"val\": 1}]}}", "wanted {\"seq\": whole"},
        {HEAD "{\"seq\": 1, \"t\": 1e300, \"val\": 1}]}}", "wanted {\"seq\": whole"},
        {HEAD "{\"seq\": 1, \"t\": 1, \"val\": -1}]}}", "wanted {\"seq\": whole"},
        {HEAD "{\"seq\": 1, \"t\": 1, \"val\": 1e99}]}}", "/made: found '{"},
        {HEAD "{\"seq\": 1, \"t\": 1, \"val\": 60001}]}}", "\"val\": milliseconds up to 60000}"},
        {HEAD "null]}}", "found 'null', wanted"},
        {HEAD "{\"seq\":1,\"t\":1,\"val\":1},{\"seq\":18446744073709551615,\"t\":2,\"val\":1}]}}",
         "from packet 1 to 18446744073709551615 none came"},
        {"[1, 2]", "it looks like no trace of packets"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_null(trace_of_text(bad[i].text, TRACE_DELAYS));
        if (!strstr(trace_why, bad[i].said))
            fail_msg("'%s' is not in: %s", bad[i].said, trace_why);
    }
}

static void an_empty_one(void **state)
{
    (void)state;
    assert_null(trace_of_bytes("a", (struct slice){0}, TRACE_DELAYS, "flent"));
    assert_non_null(strstr(trace_why, "/a: it is empty"));
}

/* Nested as deep as can be: refused, on no deep stack. */
static void too_deep(void **state)
{
    (void)state;
    struct text text = {0};
    text_add_literal(&text, HEAD);
    for (int i = 0; i < 100000; i++)
        text_add_literal(&text, "[");
    assert_null(trace_of_bytes("a", text_slice(&text), TRACE_DELAYS, NULL));
    assert_non_null(strstr(trace_why, "it is no JSON"));
    text_free(&text);
}

/* A delay that never changes is known to everybody: who plays at it is at the bound. */
static void calls(void **state)
{
    (void)state;
    enum { COUNT = 20000, DELAY_US = 40000 };
    static int64_t values[COUNT][2];
    struct trace trace = {.kind = TRACE_DELAYS, .count = COUNT, .values = values[0]};
    struct subject_traces traces = {.count = 1, .of = {&trace}};
    struct traced_subject traced;
    char why[256];
    for (int64_t i = 0; i < COUNT; i++) {
        values[i][0] = i * 10000;
        values[i][1] = i % 4 == 0 ? -1 : DELAY_US;
    }
    assert_int_equal(
        subject_of_traces(subject_find("audio"), &traces, "0", &traced, why, sizeof why), 0);
    struct evaluation_set *set = evaluation_set_new(&traced.subject, "heldout/a", 4);
    assert_non_null(set);
    double bound = evaluation_set_bound(set).cost, best = evaluation_set_baseline(set, 0).cost;
    /* 65 ms from mouth to ear, a quarter lost. */
    assert_true(bound > 0.024 * 65 + 30 * 1.5 && bound < 0.024 * 65 + 30 * 1.6);
    assert_true(best >= bound && best < bound + 0.5);
    evaluation_set_free(set);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(packets_in_their_order),
        cmocka_unit_test(bad_ones),
        cmocka_unit_test(an_empty_one),
        cmocka_unit_test(too_deep),
        cmocka_unit_test(calls),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
