/* knowledge_query by specialization and subject, and the orders in which its answers come: each
 * page by page, whatever changes meanwhile. */
#include "core_fixture.h"

#include <stdlib.h>
#include <string.h>

#include "core/bounds.h"
#include "core/knowledge.h"
#include "core/memory.h"

#define ORDER_TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

/* Nine entries of two AIs; what is reported on p2 has no author, and no subject. */
static void share_nine(struct fixture *f)
{
    join(f, ADA, "ada", 2, "'specialization':'networking'");
    join(f, BOB, "bob", 2, "'specialization':'audio'");
    join(f, CEY, "cey", 2, "'role':'observer'");
    say(f, ADA, "pattern_share", "{'pattern':{'id':'p2','subject':'networking','w':'fair'}}");
    say(f, BOB, "pattern_share", "{'pattern':{'id':'p1','subject':'aud\\u0069o','w':'fair'}}");
    say(f, BOB, "code_share", "{'code':{'id':'z','source':'fair','subject':'networking'}}");
    say(f, ADA, "code_share", "{'code':{'id':'B','source':'fair'}}");
    say(f, ADA, "pattern_share", "{'pattern':{'id':'p3','subject':7,'w':'fair'}}");
    say(f, BOB, "pattern_share", "{'pattern':{'id':'p','subject':'audio','w':'fair'}}");
    say(f, BOB, "os_component_share", "{'component':{'name':'n','subject':'audio','w':'fair'}}");
    say(f, ADA, "pattern_share", "{'pattern':{'id':'p4','x':{'subject':'audio'},'w':'fair'}}");
    say(f, ADA, "performance_report", "{'component_id':'p2','performance':{'fair':1}}");
    skip_all(f);
}

static json_t *ask(struct fixture *f, const char *payload)
{
    say(f, CEY, "knowledge_query", "%s", payload);
    return expect(f, CEY, "knowledge_result");
}

/* Appends the ids that a page tells to have found, each with a space behind it. */
static void add_found(json_t *result, char *all, size_t size)
{
    json_t *found = json_object_get(result, "found"), *each;
    size_t i;
    assert_non_null(found);
    assert_int_equal(json_array_size(found), integer_of(result, "count"));
    json_array_foreach(found, i, each)
    {
        json_t *section =
            json_object_get(json_object_get(result, "entries"), string_of(each, "section"));
        assert_non_null(json_object_get(section, string_of(each, "id")));
        snprintf(all + strlen(all), size - strlen(all), "%s ", string_of(each, "id"));
    }
}

/* The ids of all pages of so many that a query finds; after the first page, `change` happens. */
static const char *walk_changing(struct fixture *f, const char *members, unsigned limit,
                                 void (*change)(struct fixture *f))
{
    static char all[1024];
    char cursor[256] = "", payload[512];
    all[0] = '\0';
    for (unsigned page = 0;; page++) {
        snprintf(payload, sizeof payload, "{'limit':%u,%s%s%s%s}", limit, members,
                 *cursor ? ",'cursor':'" : "", cursor, *cursor ? "'" : "");
        json_t *result = ask(f, payload), *next = json_object_get(result, "next");
        add_found(result, all, sizeof all);
        if (json_is_null(next))
            return all;
        snprintf(cursor, sizeof cursor, "%s", json_string_value(next));
        if (page == 0 && change)
            change(f);
    }
}

static void assert_walk(struct fixture *f, const char *members, const char *wanted)
{
    for (unsigned limit = 1; limit <= 10; limit++)
        assert_string_equal(walk_changing(f, members, limit, NULL), wanted);
}

#define COMPONENT "bob_n_1795334400"

static void test_orders_are_complete_page_by_page(void **state)
{
    struct fixture *f = *state;
    share_nine(f);
    assert_walk(f, "'order':'newest'", "p2 p4 " COMPONENT " p p3 B z p1 p2 ");
    assert_walk(f, "'order':'oldest'", "p2 p1 z B p3 p " COMPONENT " p4 p2 ");
    assert_walk(f, "'order':'id'", "p p1 p2 p3 p4 B z " COMPONENT " p2 ");
    assert_walk(f, "'order':'id','section':'shared_components'", "B z ");
    assert_walk(f, "'order':'oldest','section':'shared_components','contributor':'bob'", "z ");
    assert_walk(f, "'order':'oldest','text':'fair','contributor':'bob'", "p1 z p " COMPONENT " ");
    assert_walk(f, "'order':'id','text':'fair','contributor':'bob'", "p p1 z " COMPONENT " ");
    assert_walk(f, "'order':'relevance','text':'fair','contributor':'bob'",
                COMPONENT " p z p1 "); /* without an index it is not ranked */
    assert_null(json_object_get(ask(f, "{}"), "found"));
    json_t *found = json_object_get(ask(f, "{'order':'id','limit':1}"), "found");
    assert_int_equal(json_object_size(json_array_get(found, 0)), 2); /* no words, no snippet */
}

static void test_since_goes_with_each_order(void **state)
{
    struct fixture *f = *state;
    char members[128];
    share_nine(f);
    long long newest = integer_of(ask(f, "{'limit':1}"), "newest");
    say(f, ADA, "pattern_share", "{'pattern':{'id':'p3','n':2}}");
    say(f, BOB, "pattern_share", "{'pattern':{'id':'p1','n':2}}");
    skip_all(f);
    static const struct {
        const char *order, *wanted;
    } orders[] = {{"newest", "p1 p3 "}, {"oldest", "p3 p1 "}, {"id", "p1 p3 "}};
    for (unsigned i = 0; i < 3; i++) {
        snprintf(members, sizeof members, "'since':%lld,'order':'%s'", newest, orders[i].order);
        assert_walk(f, members, orders[i].wanted);
    }
    snprintf(members, sizeof members, "'since':%lld,'order':'oldest'", newest + 2);
    assert_walk(f, members, "");
    snprintf(members, sizeof members, "'since':%lld,'order':'oldest'", newest - 1);
    assert_walk(f, members, "p2 p3 p1 "); /* the reports on it */
}

static void share_again(struct fixture *f)
{
    say(f, ADA, "pattern_share", "{'pattern':{'id':'p2','n':2}}");
    say(f, ADA, "pattern_share", "{'pattern':{'id':'p4','n':2}}");
    say(f, BOB, "pattern_share", "{'pattern':{'id':'p1','n':2}}");
    say(f, BOB, "pattern_share", "{'pattern':{'id':'a','n':1}}");
    say(f, BOB, "pattern_share", "{'pattern':{'id':'pz','n':1}}");
    skip_all(f);
}

/* Two were told, one of which the cursor names; both change, and more does. */
static void test_pages_are_complete_whatever_changes(void **state)
{
    struct fixture *f = *state;
    share_nine(f);
    assert_string_equal(walk_changing(f, "'order':'oldest'", 2, share_again),
                        "p2 p1 z B p3 p " COMPONENT " p2 p2 p4 p1 a pz ");
    fixture_teardown(state);
    fixture_setup(state);
    f = *state;
    share_nine(f);
    assert_string_equal(walk_changing(f, "'order':'id'", 2, share_again),
                        "p p1 p2 p3 p4 pz B z " COMPONENT " p2 ");
    fixture_teardown(state);
    fixture_setup(state);
    f = *state;
    share_nine(f);
    assert_string_equal(walk_changing(f, "'order':'newest'", 2, share_again),
                        "p2 p4 " COMPONENT " p p3 B z "); /* `since` finds the others */
}

static void test_a_subject_finds_what_is_of_it(void **state)
{
    struct fixture *f = *state;
    share_nine(f);
    assert_walk(f, "'subject':'audio','order':'id'", "p p1 " COMPONENT " ");
    assert_walk(f, "'subject':'networking','order':'newest'", "z p2 ");
    assert_walk(f, "'subject':'networking','contributor':'ada','order':'id'", "p2 ");
    assert_walk(f, "'subject':'audio','text':'fair p1','order':'id'", "p1 ");
    assert_walk(f, "'subject':'Audio','order':'id'", "");
    assert_walk(f, "'subject':'7','order':'id'", "");
    assert_walk(f, "'subject':'audio','section':'performance_benchmarks','order':'id'", "");
    assert_int_equal(integer_of(ask(f, "{'id':'p2','subject':'networking'}"), "count"), 1);
    say(f, CEY, "knowledge_query", "{'id':'p2','subject':'audio'}");
    expect_error(f, CEY, "not_found");
    say(f, ADA, "pattern_share", "{'pattern':{'id':'p2','subject':'audio'}}");
    skip_all(f);
    assert_walk(f, "'subject':'networking','order':'newest'", "z ");
}

static void test_a_specialization_finds_its_ais_entries(void **state)
{
    struct fixture *f = *state;
    share_nine(f);
    assert_walk(f, "'specialization':'audio','order':'id'", "p p1 z " COMPONENT " ");
    assert_walk(f, "'specialization':'networking','order':'oldest'", "p2 B p3 p4 ");
    assert_walk(f, "'specialization':'networking','subject':'networking','order':'id'", "p2 ");
    assert_walk(f, "'specialization':'general','order':'id'", "");
    leave(f, BOB); /* it is known still */
    skip_all(f);
    assert_walk(f, "'specialization':'audio','order':'id'", "p p1 z " COMPONENT " ");
    join(f, BOB, "bob", 2, "'specialization':'security'");
    skip_all(f);
    assert_walk(f, "'specialization':'audio','order':'id'", "");
    assert_walk(f, "'specialization':'security','order':'id'", "p p1 z " COMPONENT " ");
}

/* Bodies are looked through for their subject up to a bound; the cursor goes on behind it. */
static void test_looking_for_a_subject_is_bounded(void **state)
{
    struct fixture *f = *state;
    join(f, ADA, "ada", 2, "");
    join(f, CEY, "cey", 2, "'role':'observer'");
    for (unsigned i = 0; i < 200; i++)
        say(f, ADA, "pattern_share", "{'pattern':{'id':'p%u','x':'%0*d','subject':'%s'}}", i,
            (int)QUERY_SEARCHED_MAX / 150, 0, i == 0 ? "audio" : "other");
    skip_all(f);
    json_t *result = ask(f, "{'subject':'audio'}");
    assert_int_equal(integer_of(result, "count"), 0);
    assert_true(json_is_string(json_object_get(result, "next")));
    assert_walk(f, "'subject':'audio','order':'newest'", "p0 ");
}

static void test_orders_that_are_none_are_refused(void **state)
{
    static const struct {
        const char *payload, *says;
    } wrong[] = {
        {"{'order':'best'}", "\"newest\", \"oldest\", \"id\" or \"relevance\", and is best"},
        {"{'order':7}", "and is 7"},
        {"{'order':'relevance'}", "goes with payload.text"},
        {"{'subject':7}", "payload.subject"},
        {"{'specialization':[]}", "payload.specialization"},
        {"{'cursor':'oldest 5 0 p'}", "of the order \"oldest\", and this query's is \"newest\""},
        {"{'order':'id','cursor':'5 0 p'}", "of the order \"newest\", and this query's is \"id\""},
        {"{'order':'oldest','cursor':'id 5 0 p'}",
         "the order \"id\", and this query's is \"oldest\""},
        {"{'order':'id','text':'x','cursor':'rank 3 40'}", "of the order \"relevance\""},
        {"{'cursor':'rank 3 40'}", "of the order \"relevance\""},
        {"{'order':'id','cursor':'id 5 4 p'}", "must be the `next`"},
        {"{'order':'oldest','cursor':'oldest p'}", "must be the `next`"},
    };
    struct fixture *f = *state;
    share_nine(f);
    for (unsigned i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        say(f, CEY, "knowledge_query", "%s", wrong[i].payload);
        const char *detail = string_of(expect_error(f, CEY, "bad_payload"), "detail");
        if (!strstr(detail, wrong[i].says))
            fail_msg("%s: %s", wrong[i].payload, detail);
    }
    ask(f, "{'order':null,'subject':null,'specialization':null,'cursor':null}");
}

/* ── with an index ── */

static struct {
    struct search_wish wish;
    struct slice bytes;
} wished;

static void note_wish(void *ctx, const struct search_wish *wish)
{
    (void)ctx;
    slice_free(&wished.bytes);
    wished.bytes = search_wish_copy(wish, &wished.wish);
}

static const struct search_hit hits[] = {
    {{7, SECTION_PATTERNS, SLICE("p1")}, SLICE("[\"1\"]")},
    {{8, SECTION_PATTERNS, SLICE("p2")}, SLICE("[\"2\"]")},
    {{9, SECTION_COMPONENTS, SLICE("z")}, SLICE("[\"3\"]")},
};

static json_t *answer(struct fixture *f, const struct search_found *found)
{
    hub_found(fixture_hub(f), &wished.wish, found, now(f));
    return expect(f, CEY, "knowledge_result");
}

static void test_an_index_is_told_what_is_asked(void **state)
{
    struct fixture *f = *state;
    fixture_search(f, note_wish);
    share_nine(f);
    say(f, CEY, "knowledge_query",
        "{'text':'fair','order':'oldest','subject':'audio','limit':3,'since':2}");
    expect_nothing(f, CEY);
    assert_int_equal(wished.wish.order, QUERY_OLDEST);
    assert_true(slice_is(wished.wish.subject, "audio"));
    assert_int_equal(wished.wish.since, 2);
    assert_int_equal(wished.wish.limit, 3);
    assert_false(wished.wish.goes_on);
    json_t *result = answer(f, &(struct search_found){hits, 3, 40, true, false});
    assert_string_equal(string_of(result, "next"), "oldest 9 1 z");
    say(f, CEY, "knowledge_query", "{'text':'fair','order':'oldest','cursor':'oldest 9 1 z'}");
    assert_true(wished.wish.goes_on);
    assert_int_equal(wished.wish.place.order, 9);
    assert_int_equal(wished.wish.place.section, SECTION_COMPONENTS);
    assert_true(slice_is(wished.wish.place.key, "z"));
    result = answer(f, &(struct search_found){hits, 3, 40, false, false});
    assert_true(json_is_null(json_object_get(result, "next")));
    say(f, CEY, "knowledge_query", "{'text':'fair'}");
    assert_int_equal(wished.wish.order, QUERY_RELEVANCE);
    slice_free(&wished.bytes);
}

/* The index does not know who is what: of what it finds that is told which is asked for. */
static void test_what_an_index_finds_is_sifted(void **state)
{
    struct fixture *f = *state;
    char all[256] = "";
    fixture_search(f, note_wish);
    share_nine(f);
    say(f, CEY, "knowledge_query",
        "{'text':'fair','order':'newest','specialization':'audio','limit':1}");
    assert_int_equal(wished.wish.limit, QUERY_LIMIT);
    json_t *result = answer(f, &(struct search_found){hits, 3, 40, false, false});
    add_found(result, all, sizeof all);
    assert_string_equal(all, "p1 ");
    assert_string_equal(string_of(result, "next"), "8 0 p2"); /* it was passed over already */
    say(f, CEY, "knowledge_query", "{'text':'fair','specialization':'audio','limit':2}");
    result = answer(f, &(struct search_found){hits, 3, 40, true, false});
    add_found(result, all, sizeof all);
    assert_string_equal(all, "p1 p1 z ");
    assert_string_equal(string_of(result, "next"), "rank 3 40");
    slice_free(&wished.bytes);
}

/* The place is the same without the index. */
static void test_an_index_that_fails_is_gone_on_without(void **state)
{
    static const struct search_found failed = {.failed = true};
    struct fixture *f = *state;
    char all[256] = "";
    fixture_search(f, note_wish);
    share_nine(f);
    say(f, CEY, "knowledge_query",
        "{'text':'fair','order':'id','subject':'audio',"
        "'specialization':'audio','cursor':'id 1 0 p'}");
    add_found(answer(f, &failed), all, sizeof all);
    assert_string_equal(all, "p1 " COMPONENT " ");
    slice_free(&wished.bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ORDER_TEST(test_orders_are_complete_page_by_page),
        ORDER_TEST(test_since_goes_with_each_order),
        ORDER_TEST(test_pages_are_complete_whatever_changes),
        ORDER_TEST(test_a_subject_finds_what_is_of_it),
        ORDER_TEST(test_a_specialization_finds_its_ais_entries),
        ORDER_TEST(test_looking_for_a_subject_is_bounded),
        ORDER_TEST(test_orders_that_are_none_are_refused),
        ORDER_TEST(test_an_index_is_told_what_is_asked),
        ORDER_TEST(test_what_an_index_finds_is_sifted),
        ORDER_TEST(test_an_index_that_fails_is_gone_on_without),
    };
    return cmocka_run_group_tests_name("core_orders", tests, NULL, NULL);
}
