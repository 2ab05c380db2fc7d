/* How long things took, in buckets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "wire/histogram.h"
#include "wire/text.h"

static void test_each_is_in_the_bucket_that_it_fits(void **state)
{
    struct histogram histogram = {0};
    (void)state;
    histogram_add(&histogram, 0, 1);
    histogram_add(&histogram, 50000, 2); /* just what the first takes, */
    histogram_add(&histogram, 50001, 4); /* and a nanosecond more */
    histogram_add(&histogram, UINT64_C(5000000000), 8);
    histogram_add(&histogram, UINT64_C(5000000001), 16);
    assert_int_equal(histogram.counts[0], 3);
    assert_int_equal(histogram.counts[1], 4);
    assert_int_equal(histogram.counts[HISTOGRAM_BUCKETS - 1], 8);
    assert_int_equal(histogram.counts[HISTOGRAM_BUCKETS], 16);
    assert_int_equal(histogram.sum_ns,
                     2 * 50000 + 4 * 50001 + 8 * UINT64_C(5000000000) + 16 * UINT64_C(5000000001));
}

static void test_it_is_written(void **state)
{
    struct histogram histogram = {0};
    struct text text = {0};
    (void)state;
    histogram_add(&histogram, 1500000, 3);
    histogram_add(&histogram, UINT64_C(6000000000), 1);
    histogram_write(&histogram, &text);
    text_add(&text, (struct slice){"", 1});
    assert_false(text.failed);
    assert_string_equal(text.at,
                        "{\"count\":4,\"sum_s\":6.0045,\"le_s\":[5e-05,0.0001,0.0002,0.0005,0.001,"
                        "0.002,0.005,0.01,0.02,0.05,0.1,0.2,0.5,1,2,5],"
                        "\"counts\":[0,0,0,0,0,3,0,0,0,0,0,0,0,0,0,0,1]}");
    text_free(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_is_in_the_bucket_that_it_fits),
        cmocka_unit_test(test_it_is_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
