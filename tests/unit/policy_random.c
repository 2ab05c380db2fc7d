/* Random numbers against their definition, distributions against their moments, log and exp against
 * libm. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include "policy/elementary.h"
#include "policy/random.h"
#include "policy/zipf.h"
#include "policy_effort.h"

/* The reference implementations' output for state 0 (splitmix64), and 1, 2, 3, 4 (xoshiro256**). */
static void published_sequences(void **state)
{
    (void)state;
    uint64_t s = 0;
    assert_true(splitmix64(&s) == UINT64_C(0xe220a8397b1dcdaf));
    assert_true(splitmix64(&s) == UINT64_C(0x6e789e6aa1b965f4));
    assert_true(splitmix64(&s) == UINT64_C(0x06c45d188009454f));
    struct random random = {{1, 2, 3, 4}};
    static const uint64_t expected[] = {11520, 0, 1509978240, 1215971899390074240};
    for (int i = 0; i < 4; i++)
        assert_true(random_u64(&random) == expected[i]);
}

static void elementary_functions(void **state)
{
    (void)state;
    struct random random;
    random_seed(&random, 1);
    for (int i = 0; i < 200000; i++) {
        double x = exp(random_between(&random, -700, 700)), y = random_between(&random, -700, 700);
        double near_one = random_between(&random, 0.5, 2);
        assert_near(elementary_log(x), log(x), 4e-16 * fabs(log(x)));
        assert_near(elementary_log(near_one), log(near_one), 4e-16 * fabs(log(near_one)));
        assert_near(elementary_exp(y), exp(y), 5e-16 * exp(y));
    }
    assert_true(elementary_log(1) == 0 && elementary_exp(0) == 1);
    assert_true(elementary_log(0) == -HUGE_VAL && isnan(elementary_log(-1)));
    assert_true(isnan(elementary_log(nan(""))) && isnan(elementary_exp(nan(""))));
    assert_true(elementary_log(HUGE_VAL) == HUGE_VAL && elementary_exp(1e9) == HUGE_VAL);
    assert_true(elementary_exp(-1e9) == 0);
    assert_near(elementary_power(2, 10), 1024, 1e-12);
}

struct moments {
    double mean, deviation;
};

static struct moments measure(double (*draw)(struct random *), uint32_t count)
{
    struct random random;
    random_seed(&random, 2);
    double sum = 0, squares = 0;
    for (uint32_t i = 0; i < count; i++) {
        double x = draw(&random);
        sum += x;
        squares += x * x;
    }
    double mean = sum / count;
    return (struct moments){mean, sqrt(squares / count - mean * mean)};
}

static double draw_exponential(struct random *random)
{
    return random_exponential(random, 3);
}

static double draw_log_between(struct random *random)
{
    double x = random_log_between(random, 2, 200);
    assert_true(x >= 2 && x <= 200);
    return log(x);
}

static double draw_pareto(struct random *random)
{
    double x = random_bounded_pareto(random, 2.5, 1, 50);
    assert_true(x >= 1 && x <= 50 * (1 + 1e-12));
    return x;
}

static double draw_below_three(struct random *random)
{
    return (double)random_below(random, 3);
}

static void distributions(void **state)
{
    (void)state;
    double tail = pow(50, -2.5), a = 2.5;
    double pareto_mean = a / (a - 1) * (1 - 50 * tail) / (1 - tail);
    double pareto_square = a / (a - 2) * (1 - 2500 * tail) / (1 - tail);
    const struct {
        double (*draw)(struct random *);
        double mean, deviation;
    } table[] = {
        {random_uniform, 0.5, sqrt(1 / 12.0)},
        {random_normal, 0, 1},
        {draw_exponential, 3, 3},
        {draw_log_between, log(20), log(100) / sqrt(12)},
        {draw_pareto, pareto_mean, sqrt(pareto_square - pareto_mean * pareto_mean)},
        {draw_below_three, 1, sqrt(2 / 3.0)},
    };
    uint32_t count = test_sample(400000);
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct moments got = measure(table[i].draw, count);
        assert_near(got.mean, table[i].mean, 4 * table[i].deviation / sqrt(count));
        assert_near(got.deviation, table[i].deviation, test_tolerance(0.02) * table[i].deviation);
    }
}

static void zipf_law(void **state)
{
    (void)state;
    enum { RANKS = 50 };
    struct zipf zipf;
    struct random random;
    uint32_t count = test_sample(500000), seen[RANKS] = {0};
    random_seed(&random, 3);
    assert_int_equal(zipf_init(&zipf, RANKS, 1.1), 0);
    for (uint32_t i = 0; i < count; i++)
        seen[zipf_draw(&zipf, &random)]++;
    for (uint32_t rank = 0; rank < RANKS; rank++) {
        double p = zipf_probability(&zipf, rank);
        assert_near(p / zipf_probability(&zipf, 0), pow(rank + 1, -1.1), 1e-12);
        assert_near((double)seen[rank] / count, p, 4.5 * sqrt(p * (1 - p) / count));
    }
    zipf_clear(&zipf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(published_sequences),
        cmocka_unit_test(elementary_functions),
        cmocka_unit_test(distributions),
        cmocka_unit_test(zipf_law),
    };
    return cmocka_run_group_tests_name("policy_random", tests, NULL, NULL);
}
