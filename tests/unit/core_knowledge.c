/* What AIs share and report: its stored shape, its counters, and how much of it a newcomer is
 * sent. */
#include "core_fixture.h"

#include <stdlib.h>
#include <string.h>

#define KNOWLEDGE_TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

static json_t *entry_of(struct fixture *f, const char *section, const char *id)
{
    json_t *entry = json_object_get(knowledge(f, section), id);
    if (!entry)
        fail_msg("no %s in %s", id, section);
    return entry;
}

static double score_of(struct fixture *f, const char *id)
{
    return number_of(member_of(f, id), "contribution_score");
}

static void join_ada_and_bob(struct fixture *f)
{
    join(f, ADA, "ada", 1, "");
    join(f, BOB, "bob", 2, "");
}

static void test_a_pattern_is_stored_in_the_seeds_shape(void **state)
{
    struct fixture *f = *state;
    join_ada_and_bob(f);
    say(f, ADA, "pattern_share", "{'pattern':{'id':'p1','confidence':0.8}}");
    expect_relayed(f, BOB);
    json_t *entry = entry_of(f, "shared_patterns", "p1");
    json_t *body = json_object_get(entry, "pattern");
    assert_string_equal(string_of(body, "id"), "p1");
    assert_number(number_of(body, "confidence"), 0.8);
    assert_string_equal(string_of(entry, "contributor"), "ada");
    assert_string_equal(string_of(entry, "timestamp"), "2026-11-22T08:00:00.000000");
    assert_int_equal(integer_of(entry, "usage_count"), 0);
}

static void test_code_is_stored_in_the_seeds_shape(void **state)
{
    struct fixture *f = *state;
    join_ada_and_bob(f);
    say(f, ADA, "code_share", "{'code':{'id':'c1','text':'int main;'}}");
    expect_relayed(f, BOB);
    json_t *entry = entry_of(f, "shared_components", "c1");
    assert_string_equal(string_of(json_object_get(entry, "code"), "text"), "int main;");
    assert_string_equal(string_of(entry, "contributor"), "ada");
    assert_string_equal(string_of(entry, "timestamp"), "2026-11-22T08:00:00.000000");
    assert_true(json_is_real(json_object_get(entry, "quality_score"))); /* 0.0, as in the seed */
    assert_number(number_of(entry, "quality_score"), 0);
    assert_int_equal(integer_of(entry, "usage_count"), 0);
}

static void test_a_component_is_stored_in_the_seeds_shape(void **state)
{
    struct fixture *f = *state;
    join_ada_and_bob(f);
    say(f, ADA, "os_component_share", "{'component':{'name':'sched','id':'x'}}");
    expect_relayed(f, BOB);
    json_t *entry = entry_of(f, "collective_features", "ada_sched_1795334400");
    assert_string_equal(string_of(json_object_get(entry, "component"), "name"), "sched");
    assert_string_equal(string_of(entry, "contributor"), "ada");
    assert_string_equal(string_of(entry, "timestamp"), "2026-11-22T08:00:00.000000");
    assert_true(json_is_false(json_object_get(entry, "integration_tested")));
    assert_int_equal(json_object_size(json_object_get(entry, "performance_benchmarks")), 0);
}

static void test_keys_that_clash_get_a_number(void **state)
{
    struct fixture *f = *state;
    join_ada_and_bob(f);
    for (unsigned i = 0; i < 3; i++)
        say(f, ADA, "os_component_share", "{'component':{'name':'fs','n':%u}}", i);
    say(f, BOB, "os_component_share", "{'component':{'name':'fs'}}");
    pass(f, 1000);
    say(f, ADA, "os_component_share", "{'component':{'name':'fs','n':3}}");
    json_t *features = knowledge(f, "collective_features");
    assert_string_equal(names_of(features),
                        "ada_fs_1795334400,ada_fs_1795334400_2,ada_fs_1795334400_3,"
                        "ada_fs_1795334401,bob_fs_1795334400");
    json_t *third = json_object_get(json_object_get(features, "ada_fs_1795334400_3"), "component");
    assert_int_equal(integer_of(third, "n"), 2);
}

static void test_a_component_without_a_name_is_unknown(void **state)
{
    struct fixture *f = *state;
    join_ada_and_bob(f);
    say(f, ADA, "os_component_share", "{'component':{}}");
    entry_of(f, "collective_features", "ada_unknown_1795334400");
}

static void test_a_report_is_stored_in_the_seeds_shape(void **state)
{
    struct fixture *f = *state;
    join_ada_and_bob(f);
    say(f, ADA, "performance_report", "{'component_id':'c9','performance':{'latency':3}}");
    expect_relayed(f, BOB);
    say(f, BOB, "performance_report", "{'component_id':'c9','performance':{'latency':4}}");
    expect_relayed(f, ADA);
    json_t *list = json_object_get(knowledge(f, "performance_benchmarks"), "c9");
    assert_int_equal(json_array_size(list), 2);
    json_t *first = json_array_get(list, 0);
    assert_string_equal(names_of(first), "metrics,reporter,timestamp");
    assert_string_equal(string_of(first, "reporter"), "ada");
    assert_string_equal(string_of(first, "timestamp"), "2026-11-22T08:00:00.000000");
    assert_int_equal(integer_of(json_object_get(first, "metrics"), "latency"), 3);
    assert_string_equal(string_of(json_array_get(list, 1), "reporter"), "bob");
}

static void test_reports_of_one_component_are_bounded(void **state)
{
    struct fixture *f = *state;
    join_ada_and_bob(f);
    for (unsigned i = 0; i < REPORTS_EACH_MAX + 10; i++)
        say(f, ADA, "performance_report", "{'component_id':'c','performance':{'n':%u}}", i);
    json_t *list = json_object_get(knowledge(f, "performance_benchmarks"), "c");
    assert_int_equal(json_array_size(list), REPORTS_EACH_MAX);
    json_t *last = json_array_get(list, REPORTS_EACH_MAX - 1);
    assert_int_equal(integer_of(json_object_get(last, "metrics"), "n"), REPORTS_EACH_MAX + 9);
}

static void test_without_an_id_the_hub_makes_one(void **state)
{
    struct fixture *f = *state;
    join_ada_and_bob(f);
    say(f, ADA, "pattern_share", "{'pattern':{'x':1}}");
    expect_relayed(f, BOB);
    say(f, ADA, "pattern_share", "{'pattern':{'x':2}}");
    say(f, ADA, "code_share", "{'code':{'x':3}}");
    const char *name;
    json_t *entry, *patterns = knowledge(f, "shared_patterns");
    assert_int_equal(json_object_size(patterns), 2);
    json_object_foreach(patterns, name, entry)
    {
        assert_int_equal(strlen(name), 36);
        assert_int_equal(name[14], '4');
        assert_non_null(strchr("89ab", name[19]));
    }
    assert_int_equal(json_object_size(knowledge(f, "shared_components")), 1);
}

static void test_a_body_of_the_wrong_kind_is_a_bad_payload(void **state)
{
    static const struct {
        const char *type, *payload;
    } messages[] = {
        {"pattern_share", "{}"},
        {"pattern_share", "{'pattern':null}"},
        {"pattern_share", "{'pattern':[1]}"},
        {"pattern_share", "{'pattern':'p'}"},
        {"pattern_share", "{'pattern':{'id':5}}"},
        {"pattern_share", "{'pattern':{'id':{}}}"},
        {"code_share", "{'pattern':{'id':'p'}}"},
        {"code_share", "{'code':'int'}"},
        {"code_share", "{'code':{'id':[]}}"},
        {"os_component_share", "{'component':true}"},
        {"os_component_share", "{}"},
        {"os_component_share", "{'component':{'name':5}}"},
        {"performance_report", "{}"},
        {"performance_report", "{'component_id':'c','performance':5}"},
        {"performance_report", "{'component_id':'c'}"},
        {"performance_report", "{'component_id':5,'performance':{}}"},
        {"performance_report", "{'component_id':'','performance':{}}"},
        {"feature_request", "{}"},
        {"feature_request", "{'feature':''}"},
        {"feature_request", "{'feature':['a']}"},
    };
    struct fixture *f = *state;
    join_ada_and_bob(f);
    for (unsigned i = 0; i < sizeof messages / sizeof *messages; i++) {
        say(f, ADA, messages[i].type, "%s", messages[i].payload);
        expect_error(f, ADA, "bad_payload");
        expect_nothing(f, ADA);
        expect_nothing(f, BOB);
    }
    json_t *base = json_object_get(newcomer_sync(f), "global_knowledge_base");
    const char *name;
    json_t *section;
    json_object_foreach(base, name, section) assert_int_equal(json_object_size(section), 0);
}

static void test_what_tells_of_code_is_strings(void **state)
{
    static const char *const members[] = {"source", "language", "name"};
    static const char *const wrong[] = {"5", "[]", "{'a':1}", "false"};
    struct fixture *f = *state;
    join_ada_and_bob(f);
    for (unsigned i = 0; i < sizeof members / sizeof *members; i++)
        for (unsigned k = 0; k < sizeof wrong / sizeof *wrong; k++) {
            say(f, ADA, "code_share", "{'code':{'id':'c','%s':%s}}", members[i], wrong[k]);
            const char *detail = string_of(expect_error(f, ADA, "bad_payload"), "detail");
            assert_non_null(strstr(detail, members[i]));
            expect_nothing(f, BOB);
        }
    say(f, ADA, "code_share",
        "{'code':{'id':'c','source':'int x;','language':'c','name':null,'lines':1}}");
    expect_relayed(f, BOB);
}

static void test_an_id_is_bounded(void **state)
{
    struct fixture *f = *state;
    char id[COMPONENT_ID_BYTES_MAX + 2];
    memset(id, 'x', sizeof id - 1);
    id[sizeof id - 1] = '\0';
    join_ada_and_bob(f);
    say(f, ADA, "pattern_share", "{'pattern':{'id':'%s'}}", id);
    expect_error(f, ADA, "bad_payload");
    say(f, ADA, "performance_report", "{'component_id':'%s','performance':{}}", id);
    expect_error(f, ADA, "bad_payload");
    id[COMPONENT_ID_BYTES_MAX] = '\0';
    say(f, ADA, "pattern_share", "{'pattern':{'id':'%s'}}", id);
    expect_relayed(f, BOB);
}

static void test_an_entry_belongs_to_its_contributor(void **state)
{
    struct fixture *f = *state;
    join_ada_and_bob(f);
    join(f, CEY, "cey", 1, "");
    say(f, ADA, "pattern_share", "{'pattern':{'id':'p1','v':1}}");
    say(f, ADA, "code_share", "{'code':{'id':'c1','v':1}}");
    skip_all(f);
    say(f, BOB, "pattern_share", "{'pattern':{'id':'p1','v':2}}");
    json_t *error = expect_error(f, BOB, "not_owner");
    assert_non_null(strstr(string_of(error, "detail"), "ada"));
    say(f, BOB, "code_share", "{'code':{'id':'c1','v':2}}");
    expect_error(f, BOB, "not_owner");
    expect_nothing(f, CEY);
    json_t *body = json_object_get(entry_of(f, "shared_patterns", "p1"), "pattern");
    assert_int_equal(integer_of(body, "v"), 1);
    leave(f, ADA); /* also while the contributor is away */
    skip_all(f);
    say(f, BOB, "pattern_share", "{'pattern':{'id':'p1','v':2}}");
    expect_error(f, BOB, "not_owner");
}

/* The same id in another section is another entry. */
static void test_sections_have_their_own_ids(void **state)
{
    struct fixture *f = *state;
    join_ada_and_bob(f);
    say(f, ADA, "pattern_share", "{'pattern':{'id':'one'}}");
    say(f, BOB, "code_share", "{'code':{'id':'one'}}");
    expect_relayed(f, ADA);
    assert_string_equal(string_of(entry_of(f, "shared_components", "one"), "contributor"), "bob");
    assert_string_equal(string_of(entry_of(f, "shared_patterns", "one"), "contributor"), "ada");
}

/* Ids are compared decoded. */
static void test_ids_are_the_same_however_they_are_spelt(void **state)
{
    struct fixture *f = *state;
    join_ada_and_bob(f);
    say(f, ADA, "pattern_share", "{'pattern':{'id':'pA'}}");
    skip_all(f);
    say(f, BOB, "pattern_share", "{'pattern':{'id':'p\\u0041'}}");
    expect_error(f, BOB, "not_owner");
}

static void test_a_revision_keeps_its_counts(void **state)
{
    struct fixture *f = *state;
    join_ada_and_bob(f);
    say(f, ADA, "pattern_share", "{'pattern':{'id':'p1','v':1}}");
    say(f, BOB, "performance_report", "{'component_id':'p1','performance':{}}");
    double before = score_of(f, "ada");
    say(f, ADA, "pattern_share", "{'pattern':{'id':'p1','v':2}}");
    json_t *entry = entry_of(f, "shared_patterns", "p1");
    assert_int_equal(integer_of(json_object_get(entry, "pattern"), "v"), 2);
    assert_int_equal(integer_of(entry, "usage_count"), 1);
    assert_number(score_of(f, "ada"), before);
}

static void test_usage_counts_the_uses_of_others(void **state)
{
    struct fixture *f = *state;
    join_ada_and_bob(f);
    join(f, CEY, "cey", 1, "");
    say(f, ADA, "pattern_share", "{'pattern':{'id':'p1'}}");
    say(f, ADA, "code_share", "{'code':{'id':'c1'}}");
    say(f, ADA, "performance_report", "{'component_id':'p1','performance':{}}");
    assert_int_equal(integer_of(entry_of(f, "shared_patterns", "p1"), "usage_count"), 0);
    say(f, BOB, "performance_report", "{'component_id':'p1','performance':{}}");
    say(f, BOB, "performance_report", "{'component_id':'p1','performance':{}}");
    say(f, CEY, "performance_report", "{'component_id':'p1','performance':{}}");
    say(f, CEY, "performance_report", "{'component_id':'c1','performance':{}}");
    assert_int_equal(integer_of(entry_of(f, "shared_patterns", "p1"), "usage_count"), 3);
    assert_int_equal(integer_of(entry_of(f, "shared_components", "c1"), "usage_count"), 1);
}

static double quality_of(struct fixture *f)
{
    return number_of(entry_of(f, "shared_components", "c1"), "quality_score");
}

static void test_quality_is_the_mean_of_the_others_latest_scores(void **state)
{
    struct fixture *f = *state;
    join_ada_and_bob(f);
    join(f, CEY, "cey", 1, "");
    say(f, ADA, "code_share", "{'code':{'id':'c1'}}");
    say(f, ADA, "performance_report", "{'component_id':'c1','performance':{'score':1}}");
    assert_number(quality_of(f), 0); /* one's own does not count */
    say(f, BOB, "performance_report", "{'component_id':'c1','performance':{'score':0.5}}");
    assert_number(quality_of(f), 0.5);
    say(f, CEY, "performance_report", "{'component_id':'c1','performance':{'score':0.9}}");
    assert_number(quality_of(f), 0.7);
    say(f, BOB, "performance_report", "{'component_id':'c1','performance':{'score':0.1}}");
    assert_number(quality_of(f), 0.5);
}

static void test_a_score_that_is_none_from_0_to_1_is_refused(void **state)
{
    static const char *const scores[] = {"1.01",  "-0.1", "1e999",   "'0.9'",
                                         "[0.5]", "true", "{'a':1}", "1000000"};
    struct fixture *f = *state;
    join_ada_and_bob(f);
    say(f, ADA, "code_share", "{'code':{'id':'c1'}}");
    say(f, BOB, "performance_report", "{'component_id':'c1','performance':{'score':0.5}}");
    skip_all(f);
    for (unsigned i = 0; i < sizeof scores / sizeof *scores; i++) {
        say(f, BOB, "performance_report", "{'component_id':'c1','performance':{'score':%s}}",
            scores[i]);
        const char *detail = string_of(expect_error(f, BOB, "bad_payload"), "detail");
        assert_non_null(strstr(detail, "payload.performance.score"));
        assert_non_null(strstr(detail, "from 0 to 1, and is "));
        expect_nothing(f, ADA);
        assert_number(quality_of(f), 0.5); /* what was said before stays in force */
        assert_int_equal(integer_of(entry_of(f, "shared_components", "c1"), "usage_count"), 1);
    }
    say(f, BOB, "performance_report", "{'component_id':'c1','performance':{'score':1000000}}");
    assert_non_null(strstr(string_of(expect_error(f, BOB, "bad_payload"), "detail"), "1000000"));
    say(f, BOB, "performance_report", "{'component_id':'c1','performance':{'score':1}}");
    assert_number(quality_of(f), 1);
}

static void test_a_report_without_a_score_leaves_the_earlier_one_in_force(void **state)
{
    static const char *const without[] = {"{}", "{'latency':3}", "{'score':null}"};
    struct fixture *f = *state;
    join_ada_and_bob(f);
    join(f, CEY, "cey", 1, "");
    say(f, ADA, "code_share", "{'code':{'id':'c1'}}");
    say(f, CEY, "performance_report", "{'component_id':'c1','performance':{'latency':3}}");
    assert_number(quality_of(f), 0); /* who never gave one counts for nothing */
    say(f, BOB, "performance_report", "{'component_id':'c1','performance':{'score':0.5}}");
    for (unsigned i = 0; i < sizeof without / sizeof *without; i++) {
        say(f, BOB, "performance_report", "{'component_id':'c1','performance':%s}", without[i]);
        assert_number(quality_of(f), 0.5);
    }
    assert_int_equal(integer_of(entry_of(f, "shared_components", "c1"), "usage_count"), 5);
    say(f, BOB, "performance_report", "{'component_id':'c1','performance':{'score':0.25}}");
    assert_number(quality_of(f), 0.25);
}

static void test_a_report_on_a_feature_lands_in_it_as_well(void **state)
{
    struct fixture *f = *state;
    join_ada_and_bob(f);
    say(f, ADA, "os_component_share", "{'component':{'name':'fs'}}");
    say(f, BOB, "performance_report",
        "{'component_id':'ada_fs_1795334400','performance':{'iops':10}}");
    say(f, BOB, "performance_report",
        "{'component_id':'ada_fs_1795334400','performance':{'iops':20}}");
    json_t *entry = entry_of(f, "collective_features", "ada_fs_1795334400");
    json_t *benchmarks = json_object_get(entry, "performance_benchmarks");
    assert_int_equal(json_object_size(benchmarks), 1);
    assert_int_equal(integer_of(json_object_get(benchmarks, "bob"), "iops"), 20);
    json_t *list = json_object_get(knowledge(f, "performance_benchmarks"), "ada_fs_1795334400");
    assert_int_equal(json_array_size(list), 2);
}

static bool tested(struct fixture *f)
{
    json_t *entry = entry_of(f, "collective_features", "ada_fs_1795334400");
    json_t *flag = json_object_get(entry, "integration_tested");
    return json_is_true(flag);
}

static void test_another_ai_may_call_a_feature_tested(void **state)
{
    struct fixture *f = *state;
    join_ada_and_bob(f);
    say(f, ADA, "os_component_share", "{'component':{'name':'fs'}}");
    say(f, ADA, "performance_report",
        "{'component_id':'ada_fs_1795334400','performance':{'integration_tested':true}}");
    assert_false(tested(f));
    say(f, BOB, "performance_report",
        "{'component_id':'ada_fs_1795334400','performance':{'integration_tested':'true'}}");
    assert_false(tested(f));
    say(f, BOB, "performance_report",
        "{'component_id':'ada_fs_1795334400','performance':{'integration_tested':true}}");
    assert_true(tested(f));
}

static void test_contribution_counts_entries_uses_and_tested_features(void **state)
{
    struct fixture *f = *state;
    join_ada_and_bob(f);
    assert_number(score_of(f, "ada"), 0);
    say(f, ADA, "pattern_share", "{'pattern':{'id':'p1'}}");
    say(f, ADA, "code_share", "{'code':{'id':'c1'}}");
    assert_number(score_of(f, "ada"), 2);
    say(f, BOB, "performance_report", "{'component_id':'p1','performance':{}}");
    assert_number(score_of(f, "ada"), 3);
    say(f, ADA, "performance_report", "{'component_id':'p1','performance':{}}");
    assert_number(score_of(f, "ada"), 3);
    say(f, ADA, "os_component_share", "{'component':{'name':'fs'}}");
    assert_number(score_of(f, "ada"), 4);
    double before = score_of(f, "ada");
    say(f, BOB, "performance_report", "{'component_id':'ada_fs_1795334400','performance':{}}");
    double used = score_of(f, "ada") - before; /* naming a feature is a use of it as well */
    assert_number(used, 1);
    say(f, BOB, "performance_report",
        "{'component_id':'ada_fs_1795334400','performance':{'integration_tested':true}}");
    assert_number(score_of(f, "ada"), before + 2 + 5);
    say(f, BOB, "performance_report",
        "{'component_id':'ada_fs_1795334400','performance':{'integration_tested':true}}");
    assert_number(score_of(f, "ada"), before + 3 + 5); /* tested once */
    assert_number(score_of(f, "bob"), 0);
}

static void test_contribution_outlives_the_connection(void **state)
{
    struct fixture *f = *state;
    join_ada_and_bob(f);
    say(f, ADA, "pattern_share", "{'pattern':{'id':'p1'}}");
    leave(f, ADA);
    say(f, BOB, "performance_report", "{'component_id':'p1','performance':{}}");
    join(f, ADA, "ada", 1, "");
    assert_number(score_of(f, "ada"), 2);
}

static void test_a_sync_is_cut_newest_first(void **state)
{
    struct hub_config config = fixture_config();
    char filling[201];
    (void)state;
    memset(filling, 'f', 200);
    filling[200] = '\0';
    config.sync_limit = 4000;
    struct fixture *f = fixture_new(&config);
    join_ada_and_bob(f);
    for (unsigned i = 0; i < 50; i++) {
        say(f, ADA, "pattern_share", "{'pattern':{'id':'p%02u','x':'%s'}}", i, filling);
        say(f, ADA, "code_share", "{'code':{'id':'c%02u','x':'%s'}}", i, filling);
    }
    json_t *sync = newcomer_sync(f);
    json_t *base = json_object_get(sync, "global_knowledge_base");
    char *text = json_dumps(base, JSON_COMPACT);
    assert_true(strlen(text) <= 4000);
    free(text);
    json_t *totals = json_object_get(sync, "knowledge_totals");
    assert_int_equal(integer_of(totals, "shared_patterns"), 50);
    assert_int_equal(integer_of(totals, "shared_components"), 50);
    assert_int_equal(integer_of(totals, "collective_features"), 0);
    assert_int_equal(integer_of(totals, "performance_benchmarks"), 0);
    assert_true(json_is_true(json_object_get(sync, "truncated")));
    const char *const sections[] = {"shared_patterns", "shared_components"};
    for (unsigned i = 0; i < 2; i++) { /* the newest, without a gap */
        json_t *section = json_object_get(base, sections[i]);
        size_t count = json_object_size(section);
        assert_true(count > 0 && count < 50);
        for (unsigned k = 0; k < count; k++) {
            char id[8];
            snprintf(id, sizeof id, "%c%02u", "pc"[i], 49 - k);
            assert_non_null(json_object_get(section, id));
        }
    }
    fixture_free(f);
}

static void test_a_whole_sync_says_so(void **state)
{
    struct fixture *f = *state;
    join_ada_and_bob(f);
    say(f, ADA, "pattern_share", "{'pattern':{'id':'p1'}}");
    json_t *sync = newcomer_sync(f);
    json_t *truncated = json_object_get(sync, "truncated");
    assert_true(!truncated || json_is_false(truncated));
}

static void test_knowledge_has_a_bound(void **state)
{
    struct hub_config config = fixture_config();
    (void)state;
    config.knowledge_max = 4000;
    struct fixture *f = fixture_new(&config);
    join_ada_and_bob(f);
    unsigned i = 0;
    for (; i < 100; i++) {
        say(f, ADA, "pattern_share", "{'pattern':{'id':'p%u','x':'%0100d'}}", i, 0);
        if (hub_count(fixture_hub(f)).refused)
            break;
    }
    json_t *error = expect_error(f, ADA, "quota_exceeded");
    assert_non_null(strstr(string_of(error, "detail"), "4000"));
    assert_true(i > 5 && i < 40);
    assert_true(hub_count(fixture_hub(f)).knowledge_bytes <= 4000);
    assert_int_equal(json_object_size(knowledge(f, "shared_patterns")), i);
    skip_all(f);
    say(f, ADA, "code_share", "{'code':{'id':'c','x':'%0500d'}}", 0);
    expect_error(f, ADA, "quota_exceeded");
    say(f, ADA, "os_component_share", "{'component':{'name':'c','x':'%0500d'}}", 0);
    expect_error(f, ADA, "quota_exceeded");
    say(f, ADA, "performance_report", "{'component_id':'c','performance':{'x':'%0500d'}}", 0);
    expect_error(f, ADA, "quota_exceeded");
    expect_no(f, BOB, "code_share");
    fixture_free(f);
}

/* The id that the hub makes is weighed as well. */
static void test_the_bound_holds_for_made_ids(void **state)
{
    struct hub_config config = fixture_config();
    (void)state;
    for (config.knowledge_max = 3000; config.knowledge_max < 3060; config.knowledge_max++) {
        struct fixture *f = fixture_new(&config);
        join_ada_and_bob(f);
        for (unsigned i = 0; i < 12; i++)
            say(f, ADA, "pattern_share", "{'pattern':{'x':%u}}", i);
        assert_true(hub_count(fixture_hub(f)).refused > 0);
        assert_true(hub_count(fixture_hub(f)).knowledge_bytes <= config.knowledge_max);
        fixture_free(f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        KNOWLEDGE_TEST(test_a_pattern_is_stored_in_the_seeds_shape),
        KNOWLEDGE_TEST(test_code_is_stored_in_the_seeds_shape),
        KNOWLEDGE_TEST(test_a_component_is_stored_in_the_seeds_shape),
        KNOWLEDGE_TEST(test_keys_that_clash_get_a_number),
        KNOWLEDGE_TEST(test_a_component_without_a_name_is_unknown),
        KNOWLEDGE_TEST(test_a_report_is_stored_in_the_seeds_shape),
        KNOWLEDGE_TEST(test_reports_of_one_component_are_bounded),
        KNOWLEDGE_TEST(test_without_an_id_the_hub_makes_one),
        KNOWLEDGE_TEST(test_a_body_of_the_wrong_kind_is_a_bad_payload),
        KNOWLEDGE_TEST(test_what_tells_of_code_is_strings),
        KNOWLEDGE_TEST(test_an_id_is_bounded),
        KNOWLEDGE_TEST(test_an_entry_belongs_to_its_contributor),
        KNOWLEDGE_TEST(test_sections_have_their_own_ids),
        KNOWLEDGE_TEST(test_ids_are_the_same_however_they_are_spelt),
        KNOWLEDGE_TEST(test_a_revision_keeps_its_counts),
        KNOWLEDGE_TEST(test_usage_counts_the_uses_of_others),
        KNOWLEDGE_TEST(test_quality_is_the_mean_of_the_others_latest_scores),
        KNOWLEDGE_TEST(test_a_score_that_is_none_from_0_to_1_is_refused),
        KNOWLEDGE_TEST(test_a_report_without_a_score_leaves_the_earlier_one_in_force),
        KNOWLEDGE_TEST(test_a_report_on_a_feature_lands_in_it_as_well),
        KNOWLEDGE_TEST(test_another_ai_may_call_a_feature_tested),
        KNOWLEDGE_TEST(test_contribution_counts_entries_uses_and_tested_features),
        KNOWLEDGE_TEST(test_contribution_outlives_the_connection),
        cmocka_unit_test(test_a_sync_is_cut_newest_first),
        KNOWLEDGE_TEST(test_a_whole_sync_says_so),
        cmocka_unit_test(test_knowledge_has_a_bound),
        cmocka_unit_test(test_the_bound_holds_for_made_ids),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
