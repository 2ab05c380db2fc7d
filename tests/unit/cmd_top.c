/* The figures of khub top: what a histogram says of the time between two looks, and numbers in
 * three digits. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include "cmd/fields.h"
#include "cmd/top.h"

static const char stats[] =
    "{\"hub_version\":\"0.1.0\",\"hub\":{\"messages\":7,\"bytes_out\":1e9,\"latency\":{\"count\":10,"
    "\"sum_s\":1,\"le_s\":[0.00005,0.001,2],\"counts\":[5,4,1,0]},\"commits\":null}}";

static struct top_totals totals_of(const char *text)
{
    struct top_totals totals;
    size_t at;
    assert_int_equal(json_check(slice_of(text), 8, &at), JSON_FINE);
    top_totals_read(&totals, json_value_of(slice_of(text)));
    return totals;
}

static void totals_are_read(void **state)
{
    (void)state;
    struct top_totals totals = totals_of(stats);
    assert_true(totals.told);
    assert_int_equal((int)totals.messages, 7);
    assert_int_equal((int)(totals.bytes_out / 1e6), 1000);
    assert_int_equal(totals.latency.count, 4);
    assert_int_equal(totals.commits.count, 0);
    assert_false(totals_of("{\"hub\":null}").told);
}

static void a_histogram_with_other_bounds_is_not_one(void **state)
{
    (void)state;
    assert_int_equal(
        totals_of("{\"hub\":{\"latency\":{\"le_s\":[1,2],\"counts\":[1,2]}}}").latency.count, 0);
    assert_int_equal(
        totals_of("{\"hub\":{\"latency\":{\"le_s\":[],\"counts\":[1]}}}").latency.count, 0);
    assert_int_equal(totals_of("{\"hub\":{\"latency\":[1]}}").latency.count, 0);
}

static void shares_stay_within_bounds(void **state)
{
    (void)state;
    const struct top_durations none = {0};
    struct top_durations durations = totals_of(stats).latency, later = durations;
    char text[TOP_DURATION_SIZE];
    assert_true(top_quantile(&durations, &none, 0.5, text));
    assert_string_equal(text, "50 µs");
    assert_true(top_quantile(&durations, &none, 0.51, text));
    assert_string_equal(text, "1 ms");
    assert_true(top_quantile(&durations, &none, 1, text));
    assert_string_equal(text, "2 s");
    /* what came since the last look alone */
    assert_false(top_quantile(&later, &durations, 0.5, text));
    later.counts[3] += 2;
    later.counts[1] += 1;
    assert_true(top_quantile(&later, &durations, 0.5, text));
    assert_string_equal(text, "over 2 s");
    assert_true(top_quantile(&later, &durations, 0.3, text));
    assert_string_equal(text, "1 ms");
}

static void numbers_have_three_digits(void **state)
{
    (void)state;
    static const struct {
        double number;
        const char *text;
    } cases[] = {{0, "0"},           {999.4, "999"},   {999.6, "1.0 k"}, {12345, "12.3 k"},
                 {99940, "99.9 k"},  {99960, "100 k"}, {1e6, "1.0 M"},   {2.5e9, "2.5 G"},
                 {999.6e3, "1.0 M"}, {4e12, "4.0 T"},  {5e18, "5000 P"}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char text[TOP_NUMBER_SIZE];
        top_number(cases[i].number, text);
        assert_string_equal(text, cases[i].text);
    }
}

static void work_is_told_in_a_line(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"{}", "-"},
        {"{\"on\":{\"tasks\":[],\"leases\":[],\"sessions\":[]}}", "-"},
        {"{\"on\":{\"tasks\":[{\"title\":\"t\"}],\"leases\":[{\"key\":\"a\"},{\"key\":\"b\"}],"
         "\"sessions\":[{\"type\":\"s\"},{\"type\":\"s\"},{\"type\":\"u\"},{\"type\":\"s\"}]}}",
         "t, a, b, s (2), u, s"}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        OWNED char *work = member_work(json_value_of(slice_of(cases[i][0])));
        assert_string_equal(work, cases[i][1]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(totals_are_read),
        cmocka_unit_test(a_histogram_with_other_bounds_is_not_one),
        cmocka_unit_test(shares_stay_within_bounds),
        cmocka_unit_test(numbers_have_three_digits),
        cmocka_unit_test(work_is_told_in_a_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
