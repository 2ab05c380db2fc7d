/* log, exp and powers out of IEEE additions, multiplications and divisions alone.
 *
 * Why not libm's: glibc picks its exp, log and pow by the processor it finds (with or without fused
 * multiply-add), so the last bit depends on the machine; a score that somebody else re-measures
 * must not. Errors stay below 2 units in the last place. sqrt, floor, frexp and ldexp are exact by
 * IEEE 754 and come from libm. */
#ifndef KHUB_POLICY_ELEMENTARY_H
#define KHUB_POLICY_ELEMENTARY_H

double elementary_log(double x); /* -INFINITY at 0, NAN below */
double elementary_exp(double x);
double elementary_power(double base, double exponent); /* base > 0 */

#endif
