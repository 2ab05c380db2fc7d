/* Size classes: the slab allocator against a plain one, the dynamic programme against brute force,
 * and what powers of two waste. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "policy/module.h"
#include "policy/optimise/evaluation.h"
#include "policy/random.h"
#include "policy/size_classes/class_programme.h"
#include "policy/size_classes/rules.h"
#include "policy/size_classes/simulator.h"
#include "policy/subject.h"
#include "policy_effort.h"
#include "policy_parameters.h"

static const struct subject *size_classes(void)
{
    return subject_find("size_classes");
}

static const uint32_t powers_of_two[] = {16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192};

/* A power of two is on average filled to three quarters by sizes that are equally likely. */
static void uniform_sizes_waste_a_quarter(void **state)
{
    (void)state;
    enum { ALL = 60000 };
    uint32_t count = test_sample(ALL);
    struct size_workload *load = calloc(1, sizeof *load + (size_t)count * sizeof load->events[0]);
    struct random random;
    random_seed(&random, 71);
    load->count = load->objects = count;
    for (uint32_t i = 0; i < count; i++) {
        uint16_t size = (uint16_t)(1 + random_below(&random, SLAB_OBJECT_MAX));
        load->events[i] = (struct slab_event){size, (uint16_t)i};
        load->requested += (double)size * (count - i);
    }
    double waste = size_classes_waste(load, powers_of_two, 10), share = waste / (1 + waste);
    print_message("# uniform sizes: %.2f %% of what powers of two reserve is wasted\n",
                  100 * share);
    assert_near(share, 0.25, test_tolerance(0.002));
    free(load);
}

static void slabs_of_whole_pages(void **state)
{
    (void)state;
    assert_int_equal(slab_bytes(16), 4096);
    assert_int_equal(slab_bytes(1024), 4096);
    assert_int_equal(slab_bytes(1040), 16384); /* 3 of a page is too few, 7 of two leave too much */
    assert_int_equal(slab_bytes(2048), 8192);
    assert_int_equal(slab_bytes(8192), 32768);
    assert_int_equal(slab_bytes(5472), 32768); /* the tail is large whatever one does */
    for (uint32_t size = 1; size <= SLAB_OBJECT_MAX; size++)
        assert_in_range(slab_bytes(size) / size, 4, UINT16_MAX - 1);
}

/* The slab allocator again, as plainly as can be: slabs in the order in which they got room, the
 * newest last, found by looking at all of them. */
struct plain_slab {
    uint32_t class, used, since; /* when it got room; 0: returned */
};

static double plain_reserved(const struct size_workload *load, const uint32_t *sizes,
                             uint32_t count)
{
    struct plain_slab *slabs = calloc(load->objects, sizeof *slabs);
    uint32_t *slab_of = calloc(load->objects, sizeof *slab_of), made = 0;
    double sum = 0;
    for (uint32_t i = 0; i < load->count; i++) {
        const struct slab_event *event = &load->events[i];
        if (event->size > 0) {
            uint32_t class = 0, best = UINT32_MAX;
            while (sizes[class] < event->size)
                class ++;
            for (uint32_t k = 0; k < made; k++)
                if (slabs[k].class == class && slabs[k].used > 0 &&
                    slabs[k].used < slab_bytes(sizes[class]) / sizes[class] &&
                    (best == UINT32_MAX || slabs[k].since > slabs[best].since))
                    best = k;
            if (best == UINT32_MAX) {
                best = made++;
                slabs[best] = (struct plain_slab){class, 0, i};
            }
            slabs[best].used++;
            slab_of[event->object] = best;
        } else {
            struct plain_slab *slab = &slabs[slab_of[event->object]];
            if (slab->used-- == slab_bytes(sizes[slab->class]) / sizes[slab->class])
                slab->since = i;
        }
        for (uint32_t k = 0; k < made; k++)
            sum += slabs[k].used > 0 ? slab_bytes(sizes[slabs[k].class]) : 0;
    }
    free(slabs);
    free(slab_of);
    assert_true(count > 0);
    return sum;
}

static void slabs_against_a_plain_allocator(void **state)
{
    (void)state;
    const struct subject *subject = size_classes();
    for (uint64_t seed = 0; seed < 3; seed++) {
        struct size_workload *load = subject->workload_new(seed);
        load->count = 1000 + test_sample(3000); /* the plain one takes its time */
        double ticks = 0;                       /* all over again, for the shorter one */
        uint16_t *sizes = calloc(load->objects, sizeof *sizes);
        load->requested = 0;
        for (uint32_t i = 0; i < load->count; i++) {
            const struct slab_event *event = &load->events[i];
            if (event->size > 0)
                sizes[event->object] = event->size;
            ticks += event->size > 0 ? event->size : -(double)sizes[event->object];
            load->requested += ticks;
        }
        struct size_table tuned;
        double p[SUBJECT_PARAMETERS_MAX];
        struct random random;
        random_seed(&random, seed);
        draw_parameters(subject, &random, p);
        subject->rules_of(p, &tuned);
        double plain = plain_reserved(load, tuned.sizes, SIZE_CLASSES);
        assert_near(size_classes_waste(load, tuned.sizes, SIZE_CLASSES),
                    plain / load->requested - 1, 1e-12);
        assert_true(subject_cost(subject, load, p) ==
                    size_classes_waste(load, tuned.sizes, SIZE_CLASSES));
        plain = plain_reserved(load, powers_of_two, 10);
        assert_near(subject->baseline_cost(load, 0), plain / load->requested - 1, 1e-12);
        free(sizes);
        free(load);
    }
}

/* A workload's sums are those of its events. */
static void workloads_add_up(void **state)
{
    (void)state;
    struct size_workload *load = size_classes()->workload_new(5);
    static uint16_t sizes[UINT16_MAX];
    double in_use[SIZE_STEPS] = {0}, lifetimes[SIZE_STEPS] = {0}, bytes = 0, requested = 0;
    uint32_t allocated = 0, most = 0, live = 0;
    for (uint32_t i = 0; i < load->count; i++) {
        const struct slab_event *event = &load->events[i];
        if (event->size > 0) {
            assert_int_equal(event->object, allocated++);
            sizes[event->object] = event->size;
        }
        uint16_t size = sizes[event->object];
        double change = event->size > 0 ? 1 : -1;
        assert_in_range(size, 1, SLAB_OBJECT_MAX); /* 0: freed before it was there, or twice */
        if (event->size == 0)
            sizes[event->object] = 0;
        live += event->size > 0 ? 1 : UINT32_MAX;
        most = live > most ? live : most;
        in_use[(size - 1) / SIZE_QUANTUM] += change;
        bytes += size * change;
        requested += bytes;
        for (uint32_t step = 0; step < SIZE_STEPS; step++)
            lifetimes[step] += in_use[step];
    }
    assert_int_equal(allocated, load->objects);
    assert_true(requested == load->requested);
    assert_memory_equal(lifetimes, load->lifetimes, sizeof lifetimes);
    print_message("# %u objects, at most %u at once, %.0f bytes in the mean\n", load->objects, most,
                  load->requested / load->count);
    free(load);
}

/* All sets of classes. The last step always is one of them. */
static double brute_force(const double *weights, const double *charges, uint32_t steps,
                          uint32_t classes)
{
    double best = HUGE_VAL;
    for (uint32_t set = 0; set < 1U << (steps - 1); set++) {
        if ((uint32_t)__builtin_popcount(set) + 1 != classes)
            continue;
        double cost = 0;
        for (uint32_t i = 0; i < steps; i++) {
            uint32_t class = i;
            while (class < steps - 1 && !(set >> class & 1))
                class ++;
            cost += weights[i] * charges[class];
        }
        best = cost < best ? cost : best;
    }
    return best;
}

static void programme_against_brute_force(void **state)
{
    (void)state;
    struct random random;
    random_seed(&random, 72);
    for (uint32_t round = 0; round < test_sample(300); round++) {
        double weights[12], charges[12];
        uint32_t chosen[SIZE_CLASSES], steps = 1 + (uint32_t)random_below(&random, 12);
        for (uint32_t i = 0; i < steps; i++) {
            weights[i] = (double)random_below(&random, 4) * (double)random_below(&random, 50);
            charges[i] = i + 1; /* sizes in even rounds, anything in odd ones */
            if (round % 2)
                charges[i] += (double)random_below(&random, 5);
        }
        for (uint32_t classes = 1; classes <= steps; classes++) {
            double cost = class_programme(weights, charges, steps, classes, chosen), sum = 0;
            assert_true(cost == brute_force(weights, charges, steps, classes));
            assert_int_equal(chosen[classes - 1], steps - 1);
            for (uint32_t i = 0, k = 0; i < steps; i++) { /* what it chose does cost that */
                k += i > chosen[k];
                assert_true(k < classes && (k == 0 || chosen[k] > chosen[k - 1]));
                sum += weights[i] * charges[chosen[k]];
            }
            assert_true(sum == cost);
        }
    }
}

/* The bound is what the best classes waste inside objects: no less than all, no more than any. */
static void nobody_beats_the_bound(void **state)
{
    (void)state;
    const struct subject *subject = size_classes();
    struct random random;
    random_seed(&random, 73);
    double nearest = HUGE_VAL;
    for (uint32_t round = 0; round < 3 + test_sample(97); round++) {
        struct size_workload *load = subject->workload_new(random_u64(&random));
        double bound = subject->bound_cost(load), p[SUBJECT_PARAMETERS_MAX];
        const void *workload = load;
        assert_int_equal(subject->solve(&workload, 1, p), 0); /* tuned on this very one */
        double solved = subject_cost(subject, load, p);
        assert_true(bound <= solved);
        nearest = solved / bound < nearest ? solved / bound : nearest;
        free(load);
    }
    print_message("# nearest to its bound: %.3f times\n", nearest);
    assert_true(nearest < 2.5);
}

/* With slabs that cost nothing (inside objects alone) the programme's classes are the bound. */
static void bound_is_tight_inside_objects(void **state)
{
    (void)state;
    struct size_workload *load = size_classes()->workload_new(9);
    double charges[SIZE_STEPS];
    uint32_t chosen[SIZE_CLASSES], sizes[SIZE_CLASSES];
    for (uint32_t i = 0; i < SIZE_STEPS; i++)
        charges[i] = (i + 1) * SIZE_QUANTUM;
    class_programme(load->lifetimes, charges, SIZE_STEPS, SIZE_CLASSES, chosen);
    for (uint32_t i = 0; i < SIZE_CLASSES; i++)
        sizes[i] = (chosen[i] + 1) * SIZE_QUANTUM;
    struct size_classes_rules rules = {SIZE_CLASSES, sizes};
    static uint16_t class_sizes[UINT16_MAX];
    double in_use = 0, reserved = 0;
    for (uint32_t i = 0; i < load->count; i++) {
        const struct slab_event *event = &load->events[i];
        if (event->size > 0)
            class_sizes[event->object] = (uint16_t)sizes[size_classes_of(&rules, event->size)];
        in_use += event->size > 0 ? class_sizes[event->object] : -class_sizes[event->object];
        reserved += in_use;
    }
    assert_true((reserved - load->requested) / load->requested == size_classes()->bound_cost(load));
    free(load);
}

/* Any point is a valid set, in any order; what solve returns stays what it is. */
static void parameters_mean_classes(void **state)
{
    (void)state;
    const struct subject *subject = size_classes();
    struct random random;
    random_seed(&random, 74);
    double p[SUBJECT_PARAMETERS_MAX], u[SUBJECT_PARAMETERS_MAX], swapped[SUBJECT_PARAMETERS_MAX];
    struct size_table table, again;
    const uint32_t *sizes = table.sizes;
    for (int round = 0; round < 1000; round++) {
        draw_parameters(subject, &random, p);
        for (int i = 0; i < SIZE_TUNED; i++)
            swapped[i] = p[(i + round) % SIZE_TUNED];
        subject->rules_of(p, &table);
        subject->rules_of(swapped, &again);
        assert_memory_equal(&table, &again, sizeof table);
        assert_int_equal(sizes[SIZE_CLASSES - 1], SLAB_OBJECT_MAX);
        for (int i = 0; i < SIZE_CLASSES; i++)
            assert_true(sizes[i] >= SIZE_QUANTUM && sizes[i] % SIZE_QUANTUM == 0 &&
                        (i == 0 || sizes[i] >= sizes[i - 1]));
    }
    struct evaluation_set *set = evaluation_set_new(subject, "train/classes", 2);
    assert_int_equal(evaluation_set_solve(set, p), 0);
    subject->rules_of(p, &table);
    for (int i = 0; i < SIZE_TUNED; i++)
        assert_true(sizes[i] == p[i]);
    subject_unit_cube(subject, p, u); /* and on the way through the search space */
    subject_units(subject, u, p);
    subject->rules_of(p, &again);
    assert_memory_equal(&table, &again, sizeof table);
    evaluation_set_free(set);
}

static void least_class_that_fits(void **state)
{
    (void)state;
    static const uint32_t sizes[] = {16, 16, 48, 1024, 8192};
    for (uint32_t count = 1; count <= 5; count++) {
        struct size_classes_rules rules = {count, sizes};
        for (uint32_t size = 1; size <= 9000; size++) {
            uint32_t expected = 0;
            while (expected < count - 1 && sizes[expected] < size)
                expected++;
            assert_int_equal(size_classes_of(&rules, size), expected);
        }
    }
}

/* In a module's place. */
static uint32_t claimed_count, liar;
static struct size_table claimed, meant;

static void fake_answer(const struct compiled_policy *policy, struct module_call *call)
{
    const struct size_classes_rules rules = {SIZE_CLASSES, meant.sizes};
    uint32_t asked = (uint32_t)call->arguments[0];
    (void)policy;
    assert_in_range(call->which, 0, 2);
    call->result = call->which == 0   ? claimed_count
                   : call->which == 1 ? claimed.sizes[asked]
                                      : size_classes_of(&rules, asked) + liar;
}

static void modules_decide(void **state)
{
    (void)state;
    const struct compiled_policy module = {fake_answer, NULL};
    const struct subject *subject = size_classes();
    struct size_workload *load = subject->workload_new(7);
    struct random random;
    random_seed(&random, 75);
    for (int round = 0; round < 8; round++) {
        double p[SUBJECT_PARAMETERS_MAX];
        draw_parameters(subject, &random, p);
        subject->rules_of(p, &claimed);
        subject->rules_of(p, &meant);
        double cost = subject_cost(subject, load, p);
        claimed_count = SIZE_CLASSES;
        liar = 0;
        assert_true(subject->module_cost(load, &module) == cost);
        claimed_count = UINT32_MAX; /* no more than the subject has */
        claimed.sizes[SIZE_TUNED] = UINT32_MAX;
        claimed.sizes[0]--; /* not a multiple of 16: made one */
        assert_true(subject->module_cost(load, &module) == cost);
        liar =
            round % 2 ? 1000 : UINT32_MAX; /* no such class, or one too small: the one that fits */
        assert_true(subject->module_cost(load, &module) == cost);
    }
    claimed_count = 0; /* one class: the largest */
    claimed.sizes[0] = 0;
    static const uint32_t largest = SLAB_OBJECT_MAX;
    assert_true(subject->module_cost(load, &module) == size_classes_waste(load, &largest, 1));
    free(load);
}

/* The best classes for the training workloads, on others, where the design has them. */
static void solved_classes_on_other_workloads(void **state)
{
    (void)state;
    static const double published[] = {1, 0.960, 0.465}, tolerances[] = {1e-12, 0.03, 0.04};
    const struct subject *subject = size_classes();
    struct evaluation_set *train = evaluation_set_new(subject, "train/classes", 16);
    struct evaluation_set *test = evaluation_set_new(subject, "test", 64);
    double p[SUBJECT_PARAMETERS_MAX], textbook[SUBJECT_PARAMETERS_MAX];
    assert_int_equal(evaluation_set_solve(train, p), 0);
    struct score score = evaluation_set_score(test, p), bound = evaluation_set_bound(test);
    for (int which = 0; which < 3; which++) {
        struct score other = evaluation_set_baseline(test, which);
        print_message("# %s: %.3f +- %.3f\n", subject->baseline_names[which], other.ratio,
                      other.ci95);
        assert_near(other.ratio, published[which], tolerances[which]);
    }
    print_message("# solved: %.3f +- %.3f (train %.3f), %zu wins; bound %.3f\n", score.ratio,
                  score.ci95, evaluation_set_score(train, p).ratio, score.wins, bound.ratio);
    assert_near(score.ratio, 0.356, 0.05);
    assert_near(bound.ratio, 0.122, 0.03);
    assert_true(score.wins >= 60);
    for (int i = 0; i < SIZE_TUNED; i++) /* the textbook setting is kmalloc */
        textbook[i] = subject->parameters[i].textbook;
    assert_true(evaluation_set_score(test, textbook).ratio ==
                evaluation_set_baseline(test, 1).ratio);
    evaluation_set_free(train);
    evaluation_set_free(test);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(uniform_sizes_waste_a_quarter),
        cmocka_unit_test(slabs_of_whole_pages),
        cmocka_unit_test(slabs_against_a_plain_allocator),
        cmocka_unit_test(workloads_add_up),
        cmocka_unit_test(programme_against_brute_force),
        cmocka_unit_test(nobody_beats_the_bound),
        cmocka_unit_test(bound_is_tight_inside_objects),
        cmocka_unit_test(parameters_mean_classes),
        cmocka_unit_test(least_class_that_fits),
        cmocka_unit_test(modules_decide),
        cmocka_unit_test(solved_classes_on_other_workloads),
    };
    return cmocka_run_group_tests_name("policy_size_classes", tests, NULL, NULL);
}
