/* A subject's version stands for its numbers and for its module's text: two AIs whose versions are
 * equal get equal costs, to the bit, and write the same C, or their claims would refute each other
 * for nothing. So whoever changes one of them changes the version too: this has fingerprints of
 * each version and says when they moved. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "policy/subject.h"

static const struct {
    const char *subject, *version;
    uint64_t numbers, text;
} known[] = {
    {"process_manager", "4", UINT64_C(0xa8c773732a039cf1), UINT64_C(0x0071f80ec62e92fb)},
    {"file_system", "5", UINT64_C(0x87663e79386334e5), UINT64_C(0x52a0f011bf7af915)},
    {"networking", "4", UINT64_C(0x8412b52c7553c21c), UINT64_C(0x119ceae43e2e07db)},
    {"security", "4", UINT64_C(0x99b3bda2958646fc), UINT64_C(0xba3430fcfac21cf2)},
    {"performance", "3", UINT64_C(0x4d31a8500e24796d), UINT64_C(0x3f3a90998e1bf6ca)},
    {"graphics", "5", UINT64_C(0xac32eaaf6ae8ff76), UINT64_C(0x55156f7b57ace36b)},
    {"audio", "3", UINT64_C(0x95e36b70992b30f8), UINT64_C(0xc1157db1c40daa19)},
    {"window_manager", "3", UINT64_C(0x11b10aa1435d08ce), UINT64_C(0x58f7f0c02bb0fbb6)},
    {"size_classes", "2", UINT64_C(0x1985208fa047dfcd), UINT64_C(0x4e344ba159f5b566)},
};

static void add_bytes(uint64_t *hash, const void *bytes, size_t size) /* FNV-1a */
{
    for (size_t i = 0; i < size; i++)
        *hash = (*hash ^ ((const unsigned char *)bytes)[i]) * UINT64_C(0x100000001b3);
}

static void add_number(uint64_t *hash, double x)
{
    uint64_t bits;
    memcpy(&bits, &x, sizeof bits);
    for (int shift = 0; shift < 64; shift += 8) /* the same on every byte order */
        add_bytes(hash, &(unsigned char){(unsigned char)(bits >> shift)}, 1);
}

/* What parameters mean: their names, order, ranges, scales. */
static void add_parameters(uint64_t *hash, const struct subject *subject)
{
    for (int i = 0; i < subject->parameter_count; i++) {
        const struct parameter *p = &subject->parameters[i];
        add_bytes(hash, p->name, strlen(p->name) + 1);
        const double numbers[] = {p->low, p->high, p->textbook, p->logarithmic, p->whole};
        for (size_t k = 0; k < sizeof numbers / sizeof *numbers; k++)
            add_number(hash, numbers[k]);
    }
}

/* What everybody's numbers come from: the baselines, the bound, and the policy here and there. */
static void add_costs(uint64_t *hash, const struct subject *subject, uint64_t seed)
{
    static const double places[] = {0.2, 0.5, 0.7};
    void *workload = subject->workload_new(seed);
    for (int which = 0; which < subject->baseline_count; which++)
        add_number(hash, subject->baseline_cost(workload, which));
    add_number(hash, subject->bound_cost(workload));
    for (size_t k = 0; k <= sizeof places / sizeof *places; k++) {
        double u[SUBJECT_PARAMETERS_MAX], p[SUBJECT_PARAMETERS_MAX];
        for (int i = 0; i < subject->parameter_count; i++) {
            u[i] = k > 0 ? places[k - 1] : 0;
            p[i] = subject->parameters[i].textbook;
        }
        if (k > 0)
            subject_units(subject, u, p);
        add_number(hash, subject_cost(subject, workload, p));
    }
    free(workload);
}

static uint64_t number_fingerprint(const struct subject *subject)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    add_parameters(&hash, subject);
    for (uint64_t seed = 1; seed <= 2; seed++)
        add_costs(&hash, subject, seed);
    return hash;
}

/* The module's text for the textbook setting: its head, rules, constants and functions. */
static uint64_t text_fingerprint(const struct subject *subject)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    double textbook[SUBJECT_PARAMETERS_MAX];
    subject_textbook(subject, textbook);
    int length = subject_render(subject, textbook, NULL, 0);
    char *text = malloc((size_t)length + 1);
    subject_render(subject, textbook, text, (size_t)length + 1);
    const char *rules = strstr(text, "*/"); /* the head has the version in it */
    assert_non_null(rules);
    add_bytes(&hash, rules, strlen(rules));
    free(text);
    return hash;
}

static void both_move_with_the_version(void **state)
{
    (void)state;
    size_t count, moved = 0;
    const struct subject *const *all = subjects(&count);
    for (size_t i = 0; i < count; i++) {
        uint64_t numbers = number_fingerprint(all[i]), text = text_fingerprint(all[i]);
        size_t k = 0;
        while (k < sizeof known / sizeof *known && strcmp(known[k].subject, all[i]->name) != 0)
            k++;
        bool found = k < sizeof known / sizeof *known;
        bool raised = found && strcmp(known[k].version, all[i]->version) != 0;
        if (found && !raised && known[k].numbers == numbers && known[k].text == text)
            continue;
        moved++;
        print_error("%s: %s; enter {\"%s\", \"%s\", UINT64_C(0x%016llx), UINT64_C(0x%016llx)}\n",
                    all[i]->name,
                    !found                        ? "it is not known here"
                    : raised                      ? "it has a new version"
                    : known[k].numbers != numbers ? "its numbers moved, so raise its version"
                                                  : "its module's text moved, so raise its version",
                    all[i]->name, found && !raised ? "the new version" : all[i]->version,
                    (unsigned long long)numbers, (unsigned long long)text);
    }
    assert_int_equal(moved, 0);
    assert_int_equal(count, sizeof known / sizeof *known);
}

/* A change of any number, however small, is another fingerprint. */
static struct subject changed;
static struct parameter changed_parameters[SUBJECT_PARAMETERS_MAX];

static double changed_cost_of(const void *workload, const void *rules)
{
    return nextafter(subject_find(changed.name)->cost_of(workload, rules), 0);
}

static double changed_bound_cost(const void *workload)
{
    return nextafter(subject_find(changed.name)->bound_cost(workload), 0);
}

static void every_number_is_in_the_fingerprint(void **state)
{
    (void)state;
    const struct subject *subject = subject_find("process_manager");
    uint64_t right = number_fingerprint(subject);
    changed = *subject;
    assert_true(number_fingerprint(&changed) == right);
    changed.cost_of = changed_cost_of;
    assert_true(number_fingerprint(&changed) != right);
    changed = *subject;
    changed.bound_cost = changed_bound_cost;
    assert_true(number_fingerprint(&changed) != right);
    changed = *subject;
    changed.parameters = changed_parameters;
    for (int i = 0; i < subject->parameter_count; i++)
        changed_parameters[i] = subject->parameters[i];
    assert_true(number_fingerprint(&changed) == right);
    changed_parameters[2].high = nextafter(changed_parameters[2].high, 0);
    assert_true(number_fingerprint(&changed) != right);
    changed_parameters[2] = subject->parameters[2];
    changed_parameters[4].name = "other";
    assert_true(number_fingerprint(&changed) != right);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_move_with_the_version),
        cmocka_unit_test(every_number_is_in_the_fingerprint),
    };
    return cmocka_run_group_tests_name("policy_versions", tests, NULL, NULL);
}
