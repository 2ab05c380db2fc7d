/* A room's limits: what one AI may have of it, what makes place, and that what is there can
 * change. */
#include "core_fixture.h"

#include <stdlib.h>
#include <string.h>

#define QUOTA_TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

#define BODY             1000 /* bytes of filling in most of what is shared here */

static struct fixture *small_room(size_t knowledge_max, size_t line_max)
{
    struct hub_config config = fixture_config();
    config.knowledge_max = knowledge_max;
    config.line_max = line_max;
    config.sync_limit = 64u << 20;
    struct fixture *f = fixture_new(&config);
    join(f, ADA, "ada", 1, "");
    join(f, BOB, "bob", 2, "");
    join(f, CEY, "cey", 1, "");
    return f;
}

static void share(struct fixture *f, unsigned peer, const char *id, int filling)
{
    say(f, peer, "pattern_share", "{'pattern':{'id':'%s','x':'%0*d'}}", id, filling, 0);
}

static void report(struct fixture *f, unsigned peer, const char *id, int filling)
{
    say(f, peer, "performance_report", "{'component_id':'%s','performance':{'x':'%0*d'}}", id,
        filling, 0);
}

static size_t refusals(struct fixture *f)
{
    return hub_count(fixture_hub(f)).refused;
}

/* Shares under new ids until one is refused; how many were taken. */
static unsigned fill(struct fixture *f, unsigned peer, const char *prefix, int filling)
{
    size_t before = refusals(f);
    char id[32];
    for (unsigned count = 0;; count++) {
        snprintf(id, sizeof id, "%s%u", prefix, count);
        share(f, peer, id, filling);
        if (refusals(f) > before)
            return count;
        assert_true(count < 100000);
    }
}

/* The sentence, of an error that names the limit. */
static const char *expect_limit(struct fixture *f, unsigned peer, const char *limit,
                                const char *whose, double most)
{
    json_t *error = expect_error(f, peer, "quota_exceeded");
    assert_limit(error, limit, whose, most);
    return string_of(error, "detail");
}

static void test_one_ai_has_an_eighth_of_the_bytes(void **state)
{
    struct fixture *f = small_room(80000, 5000);
    (void)state;
    unsigned count = fill(f, ADA, "a", BODY);
    assert_in_range(count, 5, 8); /* in 10,000 bytes */
    const char *detail = expect_limit(f, ADA, "knowledge", "ai", 10000);
    assert_non_null(strstr(detail, "share of 10000"));
    assert_int_equal(fill(f, CEY, "c", BODY), count); /* others have theirs */
    assert_int_equal(fill(f, BOB, "b", BODY), count);
    fixture_free(f);
}

static void test_a_share_holds_a_line_at_the_least(void **state)
{
    struct fixture *f = small_room(80000, 20000);
    (void)state;
    assert_in_range(fill(f, ADA, "a", BODY), 12, 16); /* in 20,000 bytes */
    fixture_free(f);
    f = small_room(8000, 20000);
    assert_in_range(fill(f, ADA, "a", BODY), 4, 7); /* the room itself is smaller */
    const char *detail = expect_limit(f, ADA, "knowledge", "room", 8000);
    assert_non_null(strstr(detail, "its limit of 8000"));
    fixture_free(f);
}

static void test_reports_are_their_reporters_and_of_nobody_else(void **state)
{
    struct fixture *f = small_room(80000, 5000);
    (void)state;
    share(f, ADA, "p", 10);
    size_t before = refusals(f);
    for (unsigned i = 0; i < 30; i++) /* each lies in the benchmarks; the latest in the entry */
        report(f, BOB, "p", BODY);
    assert_int_equal(refusals(f), before); /* the latest take the place of the first */
    skip_all(f);
    share(f, BOB, "b", BODY);
    expect_error(f, BOB, "quota_exceeded");    /* bob's share is full of reports */
    assert_true(fill(f, ADA, "a", BODY) >= 5); /* ada's is not */
    fixture_free(f);
}

static void test_what_does_not_grow_is_always_taken(void **state)
{
    struct fixture *f = small_room(80000, 5000);
    (void)state;
    fill(f, ADA, "a", BODY);
    size_t before = refusals(f);
    share(f, ADA, "a0", BODY);
    share(f, ADA, "a1", BODY / 2);
    share(f, ADA, "a1", BODY); /* into what the one before left */
    assert_int_equal(refusals(f), before);
    skip_all(f);
    share(f, ADA, "a2", 3 * BODY);
    expect_error(f, ADA, "quota_exceeded");
    json_t *patterns = knowledge(f, "shared_patterns");
    json_t *body = json_object_get(json_object_get(patterns, "a2"), "pattern");
    assert_int_equal(strlen(string_of(body, "x")), BODY);
    fixture_free(f);
}

/* The room itself is full; nobody's share is. */
static void test_a_full_room_takes_what_does_not_grow(void **state)
{
    struct fixture *f = small_room(10000, 20000);
    (void)state;
    share(f, ADA, "p", BODY);
    report(f, BOB, "p", BODY);
    fill(f, CEY, "c", 10);
    fill(f, ADA, "a", 0);
    size_t before = refusals(f);
    share(f, ADA, "p", BODY);
    report(f, BOB, "p", BODY); /* the earlier one makes place */
    json_t *list = json_object_get(knowledge(f, "performance_benchmarks"), "p");
    assert_int_equal(json_array_size(list), 1);
    report(f, BOB, "p", BODY / 2);
    assert_int_equal(refusals(f), before);
    assert_true(hub_count(fixture_hub(f)).knowledge_bytes <= 10000);
    json_t *patterns = knowledge(f, "shared_patterns");
    assert_int_equal(integer_of(json_object_get(patterns, "p"), "usage_count"), 3);
    skip_all(f);
    report(f, CEY, "p", BODY); /* new */
    expect_error(f, CEY, "quota_exceeded");
    fixture_free(f);
}

static void test_reports_on_nothing_make_place(void **state)
{
    struct fixture *f = small_room(20000, 20000);
    char id[32];
    (void)state;
    report(f, BOB, "p", BODY); /* before what it names is there */
    share(f, ADA, "p", 10);
    for (unsigned i = 0; i < 50; i++) {
        snprintf(id, sizeof id, "loose%u", i);
        report(f, CEY, id, BODY);
    }
    assert_int_equal(refusals(f), 0);
    json_t *benchmarks = knowledge(f, "performance_benchmarks");
    assert_non_null(json_object_get(benchmarks, "p"));
    assert_non_null(json_object_get(benchmarks, "loose49"));
    assert_null(json_object_get(benchmarks, "loose0"));
    assert_true(fill(f, ADA, "a", BODY) >= 10);
    benchmarks = knowledge(f, "performance_benchmarks");
    assert_int_equal(json_object_size(benchmarks), 1); /* what was reported on something stays */
    assert_non_null(json_object_get(benchmarks, "p"));
    fixture_free(f);
}

static void test_reports_on_nothing_are_bounded(void **state)
{
    struct fixture *f = *state;
    char id[32];
    join(f, ADA, "ada", 1, "");
    report(f, ADA, "kept", 1);
    for (unsigned i = 0; i < LOOSE_BENCHMARKS_MAX + 10; i++) {
        snprintf(id, sizeof id, "n%u", i);
        report(f, ADA, id, 1);
        if (i == LOOSE_BENCHMARKS_MAX / 2)
            report(f, ADA, "kept", 1);
    }
    assert_int_equal(refusals(f), 0);
    assert_int_equal(hub_count(fixture_hub(f)).benchmarks, LOOSE_BENCHMARKS_MAX);
    join(f, BOB, "bob", 1, "");
    json_t *benchmarks = knowledge(f, "performance_benchmarks");
    assert_non_null(json_object_get(benchmarks, "kept")); /* reported on since */
    assert_null(json_object_get(benchmarks, "n0"));
}

/* A feature is known by its key and by its component's own id. */
static void test_a_report_on_a_feature_is_on_something(void **state)
{
    struct fixture *f = small_room(20000, 20000);
    (void)state;
    report(f, BOB, "own", BODY);
    say(f, ADA, "os_component_share", "{'component':{'name':'fs','id':'own'}}");
    report(f, BOB, "ada_fs_1795334400", BODY);
    fill(f, CEY, "c", BODY);
    json_t *benchmarks = knowledge(f, "performance_benchmarks");
    assert_int_equal(json_object_size(benchmarks), 2);
    fixture_free(f);
}

static void commit(struct fixture *f)
{
    say(f, BOB, "commitment", "{'subject':'cpu','subject_version':'v1','sha256':'%s'}",
        digest_of("parameters"));
    wait_ticking(f, EPOCH_OVER);
    expect(f, BOB, "challenge");
}

static void test_a_commitment_said_again_needs_no_room(void **state)
{
    struct fixture *f = small_room(10000, 20000);
    (void)state;
    commit(f);
    fill(f, CEY, "c", 10);
    fill(f, CEY, "d", 0);
    skip_all(f);
    commit(f); /* a challenge, as before */
    fixture_free(f);
}

static void test_all_rooms_together_take_what_does_not_grow(void **state)
{
    struct hub_config config = fixture_config();
    (void)state;
    config.stored_max = 3000;
    struct fixture *f = fixture_new(&config);
    join(f, ADA, "ada", 1, "");
    fill(f, ADA, "a", BODY);
    skip_all(f);
    size_t before = refusals(f);
    share(f, ADA, "a0", BODY);
    share(f, ADA, "a0", BODY - 1);
    assert_int_equal(refusals(f), before);
    share(f, ADA, "a0", BODY);
    expect_limit(f, ADA, "knowledge", "hub", 3000);
    fixture_free(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_ai_has_an_eighth_of_the_bytes),
        cmocka_unit_test(test_a_share_holds_a_line_at_the_least),
        cmocka_unit_test(test_reports_are_their_reporters_and_of_nobody_else),
        cmocka_unit_test(test_what_does_not_grow_is_always_taken),
        cmocka_unit_test(test_a_full_room_takes_what_does_not_grow),
        cmocka_unit_test(test_reports_on_nothing_make_place),
        QUOTA_TEST(test_reports_on_nothing_are_bounded),
        cmocka_unit_test(test_a_report_on_a_feature_is_on_something),
        cmocka_unit_test(test_a_commitment_said_again_needs_no_room),
        cmocka_unit_test(test_all_rooms_together_take_what_does_not_grow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
