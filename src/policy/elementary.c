/* Argument reduction, then a series: artanh for the logarithm, Taylor for the exponential. */
#include "policy/elementary.h"

#include <float.h>
#include <math.h>

/* 16 is what gcc says where the processor can compute with _Float16 (AVX512-FP16): that type is
 * then no longer widened; double is what it is with 0. */
_Static_assert(FLT_EVAL_METHOD == 0 || FLT_EVAL_METHOD == 16,
               "doubles must be computed as doubles, not in wider registers");

/* ln 2 in two parts: the first has 32 trailing zero bits, so that its product with a small integer
 * is exact. */
static const double ln2_high = 0x1.62e42feep-1, ln2_low = 0x1.a39ef35793c76p-33;

double elementary_log(double x)
{
    if (x <= 0 || !isfinite(x))
        return x == 0 ? -HUGE_VAL : x > 0 ? x : nan("");
    int exponent;
    double m = frexp(x, &exponent);
    if (m < 0.70710678118654752) {
        m *= 2;
        exponent--;
    }
    /* log m = 2 artanh s with s = (m - 1) / (m + 1), |s| < 0.1716. */
    double s = (m - 1) / (m + 1), square = s * s, sum = 0;
    for (int k = 23; k >= 3; k -= 2)
        sum = (sum + 1.0 / k) * square;
    return exponent * ln2_high + (2 * s + (2 * s * sum + exponent * ln2_low));
}

double elementary_exp(double x)
{
    if (isnan(x))
        return x;
    if (x > 710)
        return HUGE_VAL;
    if (x < -746)
        return 0;
    double k = floor(x * 1.4426950408889634 + 0.5);
    double r = (x - k * ln2_high) - k * ln2_low;
    double sum = 0;
    for (int i = 15; i >= 1; i--)
        sum = (sum + 1) * r / i;
    return ldexp(1 + sum, (int)k);
}

double elementary_power(double base, double exponent)
{
    return elementary_exp(exponent * elementary_log(base));
}
