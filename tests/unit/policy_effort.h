/* KHUB_TEST_EFFORT (0.01..1, default 1) scales the sample sizes of the policy room's statistical
 * tests; their tolerances grow with the inverse square root. The build sets it below 1 for
 * sanitized builds, which run several times slower. */
#ifndef KHUB_TESTS_POLICY_EFFORT_H
#define KHUB_TESTS_POLICY_EFFORT_H

#include <math.h>
#include <stdint.h>
#include <stdlib.h>

static inline double test_effort(void)
{
    const char *text = getenv("KHUB_TEST_EFFORT");
    double effort = text ? strtod(text, NULL) : 1;
    return effort >= 0.01 && effort <= 1 ? effort : 1;
}

static inline uint32_t test_sample(uint32_t full)
{
    return (uint32_t)(full * test_effort());
}

static inline double test_tolerance(double full)
{
    return full / sqrt(test_effort());
}

#define assert_near(value, expected, tolerance)                                                    \
    do {                                                                                           \
        double near_value = (value), near_expected = (expected), near_tolerance = (tolerance);     \
        if (!(fabs(near_value - near_expected) <= near_tolerance))                                 \
            fail_msg("%s is %.9g, not within %.3g of %.9g", #value, near_value, near_tolerance,    \
                     near_expected);                                                               \
    } while (0)

#endif
