/* What the frames' features are said to be (`khub subjects NAME`), worked out again: averages, in
 * floating point, what is counted, and quantiles by how many came below. A program is run on
 * whatever they are, here and in its module alike, so nothing else would notice that one of them is
 * not what a search believes it to be. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "policy/audio/program.h"
#include "policy/file_system/program.h"
#include "policy/graphics/program.h"
#include "policy/networking/program.h"
#include "policy/performance/program.h"
#include "policy/process_manager/program.h"
#include "policy/random.h"
#include "policy/security/program.h"
#include "policy/window_manager/program.h"
#include "tests/unit/policy_effort.h"

/* An average over so many: what is new has this share of it. */
static void average(double *mean, double value, double over)
{
    *mean += (value - *mean) / over;
}

static double positive(double x)
{
    return x > 0 ? x : 0;
}

/* Whoever is asked writes down what he was told, and answers what he is told to. */
static struct {
    int64_t features[2][16]; /* the questions before this one, the last one first */
    int64_t answers[4];      /* in turn, and the last one from then on */
    size_t asked;
} asked;

static int64_t decide(const void *program, const int64_t *features)
{
    size_t count = *(const size_t *)program;
    memcpy(asked.features[1], asked.features[0], sizeof asked.features[1]);
    memcpy(asked.features[0], features, count * sizeof *features);
    size_t turn = asked.asked++;
    return asked.answers[turn < 3 ? turn : 3];
}

/* Answers from now on, of a frame with so many features. */
static void answer(int64_t first, int64_t second, int64_t others)
{
    asked.asked = 0;
    asked.answers[0] = first;
    asked.answers[1] = second;
    asked.answers[2] = asked.answers[3] = others;
}

static void audio_knows_delays(void **state)
{
    enum { PACKETS = 40000, SETTLED = 4000 };
    struct audio_program known;
    struct random random;
    int64_t f[AUDIO_FEATURES];
    double mean = 0, deviation = 2000, fast = 0, fast_deviation = 2000, highest = 0, least = 0;
    uint32_t below = 0;
    (void)state;
    random_seed(&random, 1);
    audio_program_reset(&known);
    for (uint32_t i = 0; i < PACKETS; i++) {
        double delay = floor(random_between(&random, 40000, 140000));
        audio_program_features(&known, f);
        below += i >= SETTLED && delay <= (double)f[AUDIO_HIGH];
        audio_program_packet(&known, (uint32_t)delay);
        audio_program_features(&known, f);
        if (i == 0)
            mean = fast = highest = least = delay;
        average(&mean, delay, 128);
        average(&deviation, fabs(delay - mean), 128);
        average(&fast, delay, 8);
        average(&fast_deviation, fabs(delay - fast), 8);
        average(&highest, delay, 256);
        average(&least, delay, 1024);
        highest = fmax(highest, delay);
        least = fmin(least, delay);
        assert_near((double)f[AUDIO_MEAN], mean, 2);
        assert_near((double)f[AUDIO_DEVIATION], deviation, 2);
        assert_near((double)f[AUDIO_FAST], fast, 2);
        assert_near((double)f[AUDIO_FAST_DEVIATION], fast_deviation, 2);
        assert_near((double)f[AUDIO_HIGHEST], highest, 2);
        assert_near((double)f[AUDIO_LEAST], least, 8);
        assert_true((double)f[AUDIO_LAST] == delay);
    }
    assert_near(below / (double)(PACKETS - SETTLED), 31.0 / 32, 0.003);
}

/* First a screen that costs exactly so much and so much for its damage; then with noise. */
static void graphics_knows_costs(void **state)
{
    enum { FRAMES = 40000, QUIET = 4000 };
    struct graphics_program known;
    struct random random;
    int64_t f[GRAPHICS_FEATURES];
    double mean = 0, fast = 0, highest = 0, deviation = 0, late = 0, high = 0;
    uint32_t below = 0;
    (void)state;
    random_seed(&random, 2);
    graphics_program_reset(&known);
    for (uint32_t i = 0; i < FRAMES; i++) {
        double noise = i < QUIET ? 0 : random_between(&random, -800, 800);
        uint32_t damage = (uint32_t)random_below(&random, 1025);
        double cost = floor(1500 + 9000.0 * damage / 1024 + noise);
        uint32_t missed = random_uniform(&random) < 0.125 ? 2 : 0;
        graphics_program_asked(&known, damage << 11, f);
        double predicted = i == 0 ? cost : (double)known.predicted / 256;
        if (i == 0)
            mean = fast = highest = 8 * (deviation = cost / 8);
        assert_int_equal(f[GRAPHICS_DAMAGE], damage);
        assert_near((double)f[GRAPHICS_MEAN], i == 0 ? 0 : mean, 2);
        assert_near((double)f[GRAPHICS_FAST], i == 0 ? 0 : fast, 2);
        assert_near((double)f[GRAPHICS_HIGHEST], i == 0 ? 0 : highest, 2);
        assert_near((double)f[GRAPHICS_DEVIATION], i == 0 ? 0 : deviation, 2);
        assert_near((double)f[GRAPHICS_LATE], late, 2);
        assert_int_equal(f[GRAPHICS_PREDICTED], i == 0 ? 0 : (int64_t)floor(predicted));
        if (i > QUIET / 2 && i < QUIET)
            assert_near(predicted, cost, 60);
        high = (double)f[GRAPHICS_HIGH];
        below += i >= 2 * QUIET && cost - predicted <= high;
        graphics_program_done(&known, (uint32_t)cost, missed);
        average(&mean, cost, 64);
        average(&fast, cost, 4);
        average(&highest, cost, 32);
        highest = fmax(highest, cost);
        average(&deviation, fabs(cost - predicted), 32);
        average(&late, missed ? 1024 : 0, 32);
        graphics_program_asked(&known, 0, f);
        assert_int_equal(f[GRAPHICS_LAST], (int64_t)cost);
    }
    assert_near(below / (double)(FRAMES - 2 * QUIET), 15.0 / 16, 0.005);
}

/* By hand: what a whole screen is off by is taken back by a sixteenth, half of it for any frame and
 * half for its damage; what has none takes its half. A spike counts as twice what was expected. */
static void graphics_learns_a_line(void **state)
{
    struct graphics_program known;
    int64_t f[GRAPHICS_FEATURES];
    (void)state;
    graphics_program_reset(&known);
    graphics_program_asked(&known, 1 << 21, f);
    graphics_program_done(&known, 8000, 0);
    graphics_program_asked(&known, UINT32_MAX, f); /* no more than a screen */
    assert_int_equal(f[GRAPHICS_PREDICTED], 8000);
    graphics_program_done(&known, 9600, 0);
    graphics_program_asked(&known, 1 << 21, f);
    assert_int_equal(f[GRAPHICS_PREDICTED], 8100);
    graphics_program_done(&known, 6500, 0);
    graphics_program_asked(&known, 0, f);
    assert_int_equal(f[GRAPHICS_PREDICTED], 4000);
    graphics_program_done(&known, 7200, 0);
    graphics_program_asked(&known, 0, f);
    assert_int_equal(f[GRAPHICS_PREDICTED], 4100);
    graphics_program_asked(&known, 1 << 21, f);
    assert_int_equal(f[GRAPHICS_PREDICTED], 8100);
    graphics_program_done(&known, 200000, 0);
    graphics_program_asked(&known, 1 << 21, f);
    assert_int_equal(f[GRAPHICS_PREDICTED], 8100 + 8100 / 16);
}

static void performance_knows_waits(void **state)
{
    enum { WAITS = 40000, SETTLED = 4000 };
    struct performance_program known;
    struct random random;
    int64_t f[PERFORMANCE_FEATURES];
    double turn = 0, fast = 0, slow = 0, deviation = 0, latest_long = 0;
    uint32_t below = 0;
    (void)state;
    random_seed(&random, 3);
    performance_program_reset(&known);
    for (uint32_t i = 0; i < WAITS; i++) {
        uint32_t queue = (uint32_t)random_below(&random, 7);
        double wait = floor(random_between(&random, 100, 20000)), counted = fmin(wait, 16000);
        performance_program_asked(&known, queue, f);
        assert_int_equal(f[PERFORMANCE_QUEUE], queue);
        assert_near((double)f[PERFORMANCE_TURN], turn, 2);
        assert_near((double)f[PERFORMANCE_EXPECTED], turn * (queue + 1), 16);
        assert_near((double)f[PERFORMANCE_FAST], fast, 2);
        assert_near((double)f[PERFORMANCE_SLOW], slow, 2);
        assert_near((double)f[PERFORMANCE_DEVIATION], deviation, 2);
        assert_near((double)f[PERFORMANCE_LATEST_LONG], latest_long, 2);
        below += i >= SETTLED && counted <= (double)f[PERFORMANCE_HIGH];
        performance_program_learn(&known, (uint32_t)wait);
        average(&turn, counted / (queue + 1), 16);
        average(&fast, counted, 8);
        average(&deviation, fabs(counted - slow), 128);
        average(&slow, counted, 128);
        average(&latest_long, wait > 8000 ? 1024 : 0, 16);
        performance_program_asked(&known, 0, f);
        assert_true((double)f[PERFORMANCE_LAST] == wait);
    }
    /* a fifth of the waits count as 16,000, and that is what 15 of 16 are below */
    assert_in_range(f[PERFORMANCE_HIGH], 15000, 17000);
    for (uint32_t i = 0; i < WAITS; i++) {
        double wait = floor(random_between(&random, 100, 15000));
        performance_program_asked(&known, 0, f);
        below = i == SETTLED ? 0 : below + (wait <= (double)f[PERFORMANCE_HIGH]);
        performance_program_learn(&known, (uint32_t)wait);
    }
    assert_near(below / (double)(WAITS - SETTLED), 15.0 / 16, 0.005);
    performance_program_learn(&known, 3000000000);
    performance_program_asked(&known, 1000, f);
    assert_int_equal(f[PERFORMANCE_LAST], 1 << 20);
    assert_int_equal(f[PERFORMANCE_QUEUE], 255);
}

static void process_manager_knows_a_job(void **state)
{
    int64_t f[PROCESS_MANAGER_FEATURES], before = -1;
    (void)state;
    for (uint32_t k = 0; k < 32; k++)
        for (uint64_t part = 0; part < 8; part++) {
            uint64_t attained = ((8 + part) << k) / 8 - 1;
            double octaves = log2((double)attained + 1);
            process_manager_program_features(attained, part & 1, f);
            assert_int_equal(f[PROCESS_MANAGER_ATTAINED], attained);
            assert_int_equal(f[PROCESS_MANAGER_ASKS_SLICE], part & 1);
            /* exact at powers of two, and a straight line in between */
            if (part == 0)
                assert_int_equal(f[PROCESS_MANAGER_OCTAVE], 1024 * k);
            if (k >= 3)
                assert_int_equal(f[PROCESS_MANAGER_OCTAVE], 1024 * k + 128 * part);
            assert_near((double)f[PROCESS_MANAGER_OCTAVE], 1024 * octaves, 90);
            assert_true(f[PROCESS_MANAGER_OCTAVE] >= before);
            before = f[PROCESS_MANAGER_OCTAVE];
        }
    process_manager_program_features(UINT64_MAX, 5, f);
    assert_int_equal(f[PROCESS_MANAGER_ATTAINED], INT64_C(1) << 32);
    assert_int_equal(f[PROCESS_MANAGER_ASKS_SLICE], 1);
}

/* Bits of surprise after so many calls; four observations of doubt, 1/256 for what never came. */
static void surprises_of(const uint32_t *before, const uint32_t *counts,
                         double ret_bits[SECURITY_GRAM_MOST])
{
    double probability = 1.0 / 256;
    bool known = true;
    for (int k = 0; k < SECURITY_GRAM_MOST; k++) {
        double all = k > 0 ? before[k] : counts[0];
        known = known && all > 0;
        if (known)
            probability = (fmin(counts[k + 1], all) + 4 * probability) / (all + 4);
        ret_bits[k] = -log2(probability);
    }
}

/* Probabilities are in 1/2^31: the least ones are coarse. What is averaged is what was said. */
static void surprise_is(double said, double *bits)
{
    assert_near(said, fmin(*bits, 31), *bits < 20 ? 0.004 : 2);
    if (*bits >= 20)
        *bits = said;
}

static void security_knows_calls(void **state)
{
    static const size_t features = SECURITY_FEATURES;
    static const int after[] = {0, 1, 2, 3, 4, 5, 7, 11};
    const struct program_decider decider = {decide, &features};
    struct security_program known;
    struct random random;
    uint32_t before[SECURITY_COUNTS] = {0}, length_before = 0;
    double fast = 0, slow = 0;
    (void)state;
    random_seed(&random, 4);
    security_program_reset(&known);
    for (int i = 0; i < 4000; i++) {
        uint32_t counts[SECURITY_COUNTS] = {5000}, length = 0;
        double bits[SECURITY_GRAM_MOST];
        for (int k = 1; k < SECURITY_COUNTS; k++)
            counts[k] = random_below(&random, 12) == 0
                            ? 0
                            : (uint32_t)random_below(&random, (counts[k - 1] * 3 / 2) + 1);
        while (length < SECURITY_GRAM_MOST && counts[length + 1] > 0)
            length++;
        surprises_of(before, counts, bits);
        int64_t first = (int64_t)random_below(&random, 300000) - 20000,
                second = (int64_t)random_below(&random, 300000) - 20000;
        int64_t suspicion[2] = {known.suspicion[0], known.suspicion[1]};
        answer(first, second, 0);
        uint32_t score = security_program_step(&decider, &known, counts);
        assert_int_equal(asked.asked, 2);
        for (int which = 0; which < 2; which++) {
            const int64_t *f = asked.features[1 - which];
            assert_int_equal(f[SECURITY_WHICH], which);
            assert_int_equal(f[SECURITY_SUSPICION], suspicion[which]);
            assert_int_equal(f[SECURITY_LENGTH], length);
            assert_int_equal(f[SECURITY_LENGTH_BEFORE], length_before);
            for (size_t k = 0; k < sizeof after / sizeof *after; k++)
                surprise_is((double)f[SECURITY_SURPRISE_0 + (int)k] / 1024, &bits[after[k]]);
            assert_near((double)f[SECURITY_FAST], 1024 * fast, 6);
            assert_near((double)f[SECURITY_SLOW], 1024 * slow, 6);
        }
        first = first < 0 ? 0 : first < SECURITY_PROGRAM_MOST ? first : SECURITY_PROGRAM_MOST;
        second = second < 0 ? 0 : second < SECURITY_PROGRAM_MOST ? second : SECURITY_PROGRAM_MOST;
        assert_int_equal(known.suspicion[0], first);
        assert_int_equal(known.suspicion[1], second);
        assert_int_equal(score, (first > second ? first : second) / 4); /* 256 a bit */
        average(&fast, bits[5], 8);
        average(&slow, bits[5], 64);
        memcpy(before, counts, sizeof before);
        length_before = length;
    }
}

/* ── window_manager ── */

/* What came after something, and how it is forgotten: by `keep` with each that is added. */
struct memory {
    double of[WINDOWS_MAX];
    uint32_t last;
};

static double memory_all(const struct memory *memory)
{
    double all = 0;
    for (int i = 0; i < WINDOWS_MAX; i++)
        all += memory->of[i];
    return all;
}

static void memory_add(struct memory *memory, uint32_t window, double half_life)
{
    for (int i = 0; i < WINDOWS_MAX; i++)
        memory->of[i] *= pow(0.5, 1 / half_life);
    memory->of[window]++;
    memory->last = window + 1;
}

static double share(const struct memory *memory, uint32_t window)
{
    return 1024 * memory->of[window] / (memory_all(memory) + 1);
}

static struct {
    struct memory any, one[WINDOWS_MAX], two[WINDOWS_MAX][WINDOWS_MAX];
    uint32_t in_use, before, choices, used_at[WINDOWS_MAX];
} history;

static void window_is_known(struct window_manager_program *known, uint32_t place)
{
    uint32_t window = known->known.recent[place];
    const struct memory *one = &history.one[history.in_use],
                        *two = &history.two[history.before][history.in_use];
    int64_t f[WINDOW_MANAGER_FEATURES];
    window_manager_program_features(known, window, place, f);
    assert_int_equal(f[WINDOW_MANAGER_PLACE], place);
    assert_int_equal(f[WINDOW_MANAGER_INVERSE], 1024 / place);
    assert_int_equal(f[WINDOW_MANAGER_AGE], history.choices - history.used_at[window]);
    assert_near((double)f[WINDOW_MANAGER_ANY], share(&history.any, window), 3);
    assert_near((double)f[WINDOW_MANAGER_ONE], share(one, window), 3);
    assert_near((double)f[WINDOW_MANAGER_TWO], share(two, window), 3);
    assert_int_equal(f[WINDOW_MANAGER_LAST_ONE], one->last == window + 1 ? 1024 : 0);
    assert_int_equal(f[WINDOW_MANAGER_LAST_TWO], two->last == window + 1 ? 1024 : 0);
    assert_near((double)f[WINDOW_MANAGER_SEEN_ONE], 1024 * memory_all(one), 8);
    assert_near((double)f[WINDOW_MANAGER_SEEN_TWO], 1024 * memory_all(two), 8);
}

static void window_manager_knows_choices(void **state)
{
    enum { WINDOWS = 6 };
    struct window_manager_program *known = malloc(sizeof *known);
    struct random random;
    (void)state;
    assert_non_null(known);
    random_seed(&random, 5);
    window_manager_program_reset(known);
    memset(&history, 0, sizeof history);
    history.before = 1; /* of windows that were never used, in the order of their numbers */
    for (int i = 0; i < 3000; i++) {
        for (uint32_t place = 1; place < WINDOWS; place++)
            window_is_known(known, place);
        /* often the next one in turn, so that memories differ */
        uint32_t window = random_uniform(&random) < 0.6 ? (history.in_use + 1) % WINDOWS
                                                        : (uint32_t)random_below(&random, WINDOWS);
        window_manager_program_switched(known, window);
        if (window == history.in_use)
            continue;
        memory_add(&history.any, window, 4);
        memory_add(&history.one[history.in_use], window, 16);
        memory_add(&history.two[history.before][history.in_use], window, 16);
        history.choices++;
        history.used_at[window] = history.used_at[history.in_use] = history.choices;
        history.before = history.in_use;
        history.in_use = window;
    }
    free(known);
}

/* ── networking ── */

static void sending_is(const int64_t *f, double packets, double in_flight, int64_t lost)
{
    assert_near((double)f[NETWORKING_WINDOW], 65536 * packets, 2);
    assert_near((double)f[NETWORKING_EACH], 65536 / packets, 2);
    assert_int_equal(f[NETWORKING_IN_FLIGHT], 65536 * in_flight);
    assert_int_equal(f[NETWORKING_LOST], lost);
}

static void networking_knows_round_trips(void **state)
{
    static const size_t features = NETWORKING_FEATURES;
    const struct program_decider decider = {decide, &features};
    struct networking_program known;
    const int64_t *f = asked.features[1], *gap = asked.features[0];
    double jitter = 0, standing = 100000;
    uint64_t now = 5000000;
    (void)state;
    networking_program_reset(&known);
    answer(0, 777, 0);
    uint64_t said = networking_program_on_ack(&decider, &known, now, 100000, 1, 9);
    assert_int_equal(said >> 32, 777);
    assert_int_equal((uint32_t)said, 10 * 65536);
    assert_int_equal(asked.asked, 2);
    sending_is(f, 10, 9, 0);
    assert_int_equal(f[NETWORKING_ASKS_GAP], 0);
    assert_int_equal(gap[NETWORKING_ASKS_GAP], 1);
    assert_int_equal(f[NETWORKING_RTT], 100000);
    assert_int_equal(f[NETWORKING_STANDING], 100000);
    assert_int_equal(f[NETWORKING_LEAST_RTT], 100000);
    assert_int_equal(f[NETWORKING_DELAY] | f[NETWORKING_JITTER] | f[NETWORKING_SUMMIT], 0);
    assert_int_equal(f[NETWORKING_INTERVAL] | f[NETWORKING_PIPE], 0); /* no rate is known yet */
    assert_int_equal(f[NETWORKING_THRESHOLD], INT64_C(1) << 32);
    assert_near((double)f[NETWORKING_SPREAD], 1e7, 1e4); /* 100 ms for ten packets */
    /* a packet each millisecond; round trips of 120 and 124 ms in turn */
    for (int i = 0; i < 400; i++) {
        double rtt = 120000 + 4000 * (i & 1);
        answer(0, 0, 0);
        networking_program_on_ack(&decider, &known, now += 1000, (uint32_t)rtt, 1, 9);
        average(&jitter, i == 0 ? 20000 : 4000, 16);
        standing = fmin(rtt, standing + positive(rtt - standing) * 2 / 10);
        assert_near((double)f[NETWORKING_JITTER], jitter, 2);
        assert_near((double)f[NETWORKING_STANDING], standing, 200);
        assert_int_equal(f[NETWORKING_DELAY], f[NETWORKING_STANDING] - 100000);
        assert_int_equal(f[NETWORKING_RTT], (int64_t)rtt);
    }
    assert_near((double)f[NETWORKING_SPREAD], 1.2e7, 5e5);
    assert_near((double)f[NETWORKING_INTERVAL], 1e6, 1e3);
    assert_near((double)f[NETWORKING_PIPE], 100 * 65536.0, 65536); /* in the shortest round trip */
}

static double pace_us(int round)
{
    return round < 20 ? 2000 : round < 30 ? 4000 : 1000;
}

/* At once when it is higher, else an eighth of the way a round trip. */
static void networking_knows_the_rate(void **state)
{
    static const size_t features = NETWORKING_FEATURES;
    const struct program_decider decider = {decide, &features};
    struct networking_program known;
    const int64_t *f = asked.features[1];
    double interval = 0;
    uint64_t now = 5000000;
    (void)state;
    networking_program_reset(&known);
    answer(0, 0, 0);
    for (int round = 0; round < 40; round++) {
        double each = pace_us(round);
        for (int i = 0; i < 100000 / each; i++)
            networking_program_on_ack(&decider, &known, now += (uint64_t)each, 100000, 1, 9);
        if (round == 0)
            continue;
        /* with a round's first packet the rate of the one before is known */
        double rate = 1000 * pace_us(round - 1);
        interval = interval > 0 && rate > interval ? interval + (rate - interval) / 8 : rate;
        assert_near((double)f[NETWORKING_INTERVAL], interval, interval * 0.03);
    }
    assert_near((double)f[NETWORKING_INTERVAL], 1e6, 1e4);
}

static void networking_knows_losses(void **state)
{
    static const size_t features = NETWORKING_FEATURES;
    const struct program_decider decider = {decide, &features};
    struct networking_program known;
    const int64_t *f = asked.features[1];
    (void)state;
    networking_program_reset(&known);
    answer(65536, 0, 0); /* a packet more */
    networking_program_on_ack(&decider, &known, 5000000, 100000, 2, 9);
    answer(-3 * 65536, 0, 0); /* and on a loss three less */
    uint64_t said = networking_program_on_loss(&decider, &known, 5100000);
    sending_is(f, 12, 9, 1);
    assert_int_equal(f[NETWORKING_SUMMIT], 12 * 65536);
    assert_int_equal((uint32_t)said, 9 * 65536);
    answer(0, 0, 0);
    networking_program_on_ack(&decider, &known, 5140000, 100000, 1, 8);
    sending_is(f, 9, 8, 0);
    assert_int_equal(f[NETWORKING_THRESHOLD], 9 * 65536);
    assert_int_equal(f[NETWORKING_SUMMIT], 12 * 65536);
    assert_int_equal(f[NETWORKING_SINCE_LOSS], 40000);
    answer(0, 0, 0);
    said = networking_program_on_timeout(&decider, &known, 9000000);
    assert_int_equal((uint32_t)said, 65536);
    assert_int_equal(f[NETWORKING_SUMMIT], 9 * 65536);
    /* the first shrinking ends slow start as well */
    networking_program_reset(&known);
    answer(-65536, 0, 0);
    networking_program_on_ack(&decider, &known, 5000000, 100000, 2, 9);
    answer(-65536, 0, 0);
    networking_program_on_ack(&decider, &known, 5001000, 100000, 1, 9);
    sending_is(f, 8, 9, 0);
    assert_int_equal(f[NETWORKING_THRESHOLD], 8 * 65536);
    answer(0, 0, 0);
    networking_program_on_ack(&decider, &known, 5002000, 100000, 1, 9);
    sending_is(f, 7, 9, 0);
    assert_int_equal(f[NETWORKING_THRESHOLD], 8 * 65536);
}

/* ── file_system ── */

static void question_is(int64_t question, int64_t capacity, int64_t proven)
{
    const int64_t *f = asked.features[0];
    assert_int_equal(f[FILE_SYSTEM_QUESTION], question);
    assert_int_equal(f[FILE_SYSTEM_CAPACITY], capacity);
    assert_int_equal(f[FILE_SYSTEM_PROVEN], proven);
}

static void file_system_knows_pages(void **state)
{
    static const size_t features = FILE_SYSTEM_FEATURES;
    const struct program_decider decider = {decide, &features};
    const int64_t *f = asked.features[0];
    (void)state;
    answer(256, 2048, 0);
    assert_int_equal(file_system_program_small(&decider, 400), 100);
    question_is(0, 400, 0);
    assert_int_equal(file_system_program_small(&decider, 400), 400); /* no more than there are */
    assert_int_equal(file_system_program_small(&decider, 400), 1);
    answer(2048, 512, 0);
    assert_int_equal(file_system_program_ghost(&decider, 400), 800);
    question_is(1, 400, 0);
    assert_int_equal(file_system_program_duels(&decider, 400), 200);
    question_is(5, 400, 0);
    answer(1, -1, 0);
    assert_int_equal(file_system_program_on_miss(&decider, 7, 65), FILE_SYSTEM_MAIN);
    question_is(2, 0, 1);
    assert_int_equal(f[FILE_SYSTEM_RUN], 65);
    assert_int_equal(file_system_program_on_miss(&decider, 0, 3), FILE_SYSTEM_BEHIND);
    question_is(2, 0, 0);
    assert_int_equal(file_system_program_on_miss(&decider, 0, 3), FILE_SYSTEM_SMALL);
    answer(5, 99, -1);
    assert_int_equal(file_system_program_on_hit(&decider, 400, 1, 4, 100), 5);
    question_is(3, 400, 1);
    assert_int_equal(f[FILE_SYSTEM_HITS], 4);
    assert_int_equal(f[FILE_SYSTEM_NEWCOMERS], 256);
    assert_int_equal(file_system_program_on_hit(&decider, 400, 0, 4, 100), 15);
    assert_int_equal(file_system_program_on_hit(&decider, 400, 0, 4, UINT32_MAX), 0);
    answer(1, 0, -1);
    assert_int_equal(file_system_program_keeps(&decider, 1, 6), 1);
    question_is(4, 0, 1);
    assert_int_equal(f[FILE_SYSTEM_HITS], 6);
    assert_int_equal(file_system_program_keeps(&decider, 0, 6), 0);
    assert_int_equal(file_system_program_keeps(&decider, 0, 6), 0);
    answer(1, -1, 0);
    assert_int_equal(file_system_program_follows(&decider, 0, 10, 4), 1);
    question_is(6, 0, 0);
    assert_int_equal(f[FILE_SYSTEM_LEAD], 6);
    assert_int_equal(file_system_program_follows(&decider, 1, 4, 10), 0);
    assert_int_equal(f[FILE_SYSTEM_LEAD], -6);
    assert_int_equal(file_system_program_follows(&decider, 1, 4, 4), 1); /* as it was */
    assert_int_equal(file_system_program_follows(&decider, 0, 4, 4), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(audio_knows_delays),
        cmocka_unit_test(graphics_knows_costs),
        cmocka_unit_test(graphics_learns_a_line),
        cmocka_unit_test(performance_knows_waits),
        cmocka_unit_test(process_manager_knows_a_job),
        cmocka_unit_test(security_knows_calls),
        cmocka_unit_test(window_manager_knows_choices),
        cmocka_unit_test(networking_knows_round_trips),
        cmocka_unit_test(networking_knows_the_rate),
        cmocka_unit_test(networking_knows_losses),
        cmocka_unit_test(file_system_knows_pages),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
