/* knowledge_query: what is found, page by page, and that asking changes nothing. */
#include "core_fixture.h"

#include <stdlib.h>
#include <string.h>

#include "core/bounds.h"
#include "core/knowledge.h"
#include "wire/words.h"

#define WORDS_TEXT_SIZE  (WORDS_BYTES_MAX + 1)

#define QUERY_TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

static void join_and_share(struct fixture *f)
{
    join(f, ADA, "ada", 2, "");
    join(f, BOB, "bob", 2, "");
    join(f, CEY, "cey", 2, "'role':'observer'");
    say(f, ADA, "pattern_share", "{'pattern':{'id':'p1','n':1.50}}");
    say(f, BOB, "code_share", "{'code':{'id':'c1','source':'x'}}");
    say(f, ADA, "os_component_share", "{'component':{'name':'fs','id':'own'}}");
    say(f, BOB, "performance_report", "{'component_id':'p1','performance':{'score':0.5}}");
    skip_all(f);
}

/* The result of a query, and a section of it. */
static json_t *ask(struct fixture *f, unsigned peer, const char *payload)
{
    say(f, peer, "knowledge_query", "%s", payload);
    json_t *result = expect(f, peer, "knowledge_result");
    assert_string_equal(string_of(result, "in_reply_to"), last_message_id(f));
    return result;
}

static json_t *found(json_t *result, const char *section)
{
    return json_object_get(json_object_get(result, "entries"), section);
}

static void test_entries_have_the_syncs_shapes(void **state)
{
    static const char *const sections[] = {"shared_patterns", "shared_components",
                                           "collective_features", "performance_benchmarks"};
    struct fixture *f = *state;
    join_and_share(f);
    json_t *known = json_incref(json_object_get(newcomer_sync(f), "global_knowledge_base"));
    json_t *result = ask(f, CEY, "{}");
    assert_true(json_equal(json_object_get(result, "entries"), known));
    json_decref(known);
    assert_int_equal(integer_of(result, "count"), 4);
    assert_int_equal(integer_of(result, "omitted"), 0);
    assert_true(json_is_null(json_object_get(result, "next")));
    for (unsigned i = 0; i < 4; i++) {
        char payload[64];
        snprintf(payload, sizeof payload, "{'section':'%s'}", sections[i]);
        result = ask(f, CEY, payload);
        assert_int_equal(integer_of(result, "count"), 1);
        assert_int_equal(json_object_size(found(result, sections[i])), 1);
        assert_int_equal(integer_of(json_object_get(result, "totals"), sections[i]), 1);
    }
}

static void test_an_id_finds_all_that_it_names(void **state)
{
    struct fixture *f = *state;
    join_and_share(f);
    json_t *result = ask(f, BOB, "{'id':'p1'}");
    assert_string_equal(names_of(found(result, "shared_patterns")), "p1");
    assert_string_equal(names_of(found(result, "performance_benchmarks")), "p1");
    assert_int_equal(integer_of(result, "count"), 2);
    result = ask(f, BOB, "{'id':'p1','section':'shared_patterns'}");
    assert_int_equal(integer_of(result, "count"), 1);
    result = ask(f, BOB, "{'id':'own'}"); /* a component is known by two */
    assert_string_equal(names_of(found(result, "collective_features")), "ada_fs_1795334400");
    say(f, BOB, "knowledge_query", "{'id':'p2'}");
    expect_error(f, BOB, "not_found");
    say(f, BOB, "knowledge_query", "{'id':'p1','section':'shared_components'}");
    expect_error(f, BOB, "not_found");
}

static void test_a_contributor_finds_its_entries(void **state)
{
    struct fixture *f = *state;
    join_and_share(f);
    json_t *result = ask(f, BOB, "{'contributor':'ada'}");
    assert_int_equal(integer_of(result, "count"), 2);
    assert_string_equal(names_of(found(result, "shared_patterns")), "p1");
    assert_int_equal(json_object_size(found(result, "collective_features")), 1);
    assert_int_equal(integer_of(ask(f, BOB, "{'contributor':'nobody'}"), "count"), 0);
}

static void test_a_text_is_found(void **state)
{
    static const struct {
        const char *query;
        unsigned count;
    } queries[] = {
        {"{'text':'scheduler'}", 2}, /* in two sections, */
        {"{'text':'SCHEduler'}", 2}, /* in any case */
        {"{'text':'scheduler','contributor':'bob'}", 1},
        {"{'text':'scheduler','section':'shared_patterns'}", 1},
        {"{'text':'c9'}", 1},            /* an id */
        {"{'text':'ada scheduler'}", 1}, /* and a contributor */
        {"{'text':'caf\u00e9'}", 1},     /* however it is written */
        {"{'text':'\\\"a b\\\"'}", 1},   /* a phrase, */
        {"{'text':'\\\"b a\\\"'}", 0},
        {"{'text':'b a'}", 1}, /* and not one */
        {"{'text':'p1'}", 2},  /* a pattern, and the reports on it */
        {"{'text':'score 0.5'}", 1},
        {"{'text':'aaa'}", 0}, /* no whole word, */
        {"{'text':'aaa*'}", 1},
        {"{'text':'schedulers'}", 0},
        {"{'text':'scheduler OR note'}", 0}, /* nothing is an operator */
        {"{'text':''}", 6},
    };
    struct fixture *f = *state;
    join_and_share(f);
    say(f, ADA, "pattern_share", "{'pattern':{'id':'p9','note':'A Scheduler; caf\\u00e9 a\\nb'}}");
    say(f, BOB, "code_share", "{'code':{'id':'c9','source':'int scheduler; /* aaab */'}}");
    skip_all(f);
    for (unsigned i = 0; i < sizeof queries / sizeof *queries; i++)
        assert_int_equal(integer_of(ask(f, BOB, queries[i].query), "count"), queries[i].count);
    say(f, BOB, "knowledge_query", "{'text':'%0300d'}", 0);
    expect_error(f, BOB, "bad_payload");
    say(f, BOB, "knowledge_query", "{'text':' ** - '}");
    expect_error(f, BOB, "bad_payload");
    say(f, BOB, "knowledge_query", "{'text':'1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17'}");
    expect_error(f, BOB, "bad_payload");
    assert_null(json_object_get(ask(f, BOB, "{}"), "found")); /* nothing was searched */
}

/* {section, id, snippet} of one that was found, the snippet's parts with | between them. */
static void assert_found(json_t *result, size_t at, const char *section, const char *id,
                         const char *snippet)
{
    json_t *found = json_array_get(json_object_get(result, "found"), at), *part;
    char parts[512] = "";
    size_t i;
    assert_non_null(found);
    assert_string_equal(string_of(found, "section"), section);
    assert_string_equal(string_of(found, "id"), id);
    json_array_foreach(json_object_get(found, "snippet"), i, part)
        snprintf(parts + strlen(parts), sizeof parts - strlen(parts), "%s%s", i ? "|" : "",
                 json_string_value(part));
    assert_string_equal(parts, snippet);
}

static void test_what_is_found_has_a_snippet(void **state)
{
    struct fixture *f = *state;
    join_and_share(f);
    say(f, ADA, "pattern_share",
        "{'pattern':{'id':'p9','a':{'note':'A\\tFair\\nqueue'},'b':[1,2]}}");
    skip_all(f);
    json_t *result = ask(f, BOB, "{'text':'fair 2'}");
    assert_int_equal(json_array_size(json_object_get(result, "found")), 1);
    assert_found(result, 0, "shared_patterns", "p9", "id: p9, a: note: A |Fair| queue, b: 1, |2|");
    result = ask(f, BOB, "{'text':'bob score'}");
    assert_found(result, 0, "performance_benchmarks", "p1", "|bob|: |score|: 0.5");
    result = ask(f, BOB, "{'text':'fair','id':'p9'}");
    assert_found(result, 0, "shared_patterns", "p9", "id: p9, a: note: A |Fair| queue, b: 1, 2");
}

/* ── revisions ── */

/* The numbers of the revisions that a query finds, the newest first, and what `n` they have. */
static void assert_revisions(struct fixture *f, const char *query, const char *wanted)
{
    json_t *result = ask(f, BOB, query), *revision;
    char found[256] = "";
    size_t i;
    json_array_foreach(json_object_get(result, "revisions"), i, revision)
    {
        json_t *entry = json_object_get(revision, "entry");
        json_t *body = json_object_get(entry, "pattern");
        body = body ? body : json_object_get(entry, "code");
        assert_string_equal(string_of(entry, "contributor"),
                            body == json_object_get(entry, "code") ? "bob" : "ada");
        snprintf(found + strlen(found), sizeof found - strlen(found), "%s%lld:%lld%s",
                 *found ? " " : "", (long long)integer_of(revision, "revision"),
                 (long long)integer_of(body, "n"),
                 json_is_null(json_object_get(revision, "replaced")) ? "" : "x");
    }
    assert_string_equal(found, wanted);
    assert_int_equal(integer_of(result, "count"), i);
}

static void test_former_revisions_are_told(void **state)
{
    struct fixture *f = *state;
    join_and_share(f);
    for (unsigned i = 2; i <= 4; i++)
        say(f, ADA, "pattern_share", "{'pattern':{'id':'c1','n':%u}}", i);
    say(f, BOB, "code_share", "{'code':{'id':'c1','n':7}}");
    say(f, BOB, "code_share", "{'code':{'id':'c1','n':8}}");
    skip_all(f);
    assert_revisions(f, "{'id':'c1','revision':'all','section':'shared_patterns'}",
                     "3:4 2:3x 1:2x");
    assert_revisions(f, "{'id':'c1','revision':2}", "2:3x 2:7x");
    assert_revisions(f, "{'id':'c1','revision':1,'section':'shared_patterns'}", "1:2x");
    json_t *result = ask(f, BOB, "{'id':'c1','revision':1,'section':'shared_patterns'}");
    json_t *first = json_array_get(json_object_get(result, "revisions"), 0);
    assert_string_equal(string_of(first, "replaced"), "2026-11-22T08:00:00.000+00:00");
    assert_string_equal(string_of(first, "section"), "shared_patterns");
    assert_string_equal(string_of(first, "id"), "c1");
    assert_int_equal(json_object_size(found(result, "shared_patterns")), 0);
    result =
        ask(f, BOB, "{'id':'own','revision':'all'}"); /* components get a key of their own each */
    assert_int_equal(integer_of(result, "count"), 1);
    say(f, BOB, "knowledge_query", "{'id':'c1','revision':4}");
    expect_error(f, BOB, "not_found");
    say(f, BOB, "knowledge_query", "{'id':'none','revision':1}");
    expect_error(f, BOB, "not_found");
    say(f, BOB, "knowledge_query", "{'revision':1}");
    expect_error(f, BOB, "bad_payload");
    say(f, BOB, "knowledge_query", "{'id':'c1','revision':0}");
    expect_error(f, BOB, "bad_payload");
    say(f, BOB, "knowledge_query", "{'id':'c1','revision':1,'cursor':'below 7 1'}");
    expect_error(f, BOB, "bad_payload");
}

static void test_revisions_come_in_pages(void **state)
{
    struct fixture *f = *state;
    join_and_share(f);
    for (unsigned i = 1; i <= 5; i++)
        say(f, ADA, "pattern_share", "{'pattern':{'id':'c1','n':%u}}", i);
    say(f, BOB, "code_share", "{'code':{'id':'c1','n':9}}");
    skip_all(f);
    char found[256] = "", payload[160], cursor[64] = "";
    unsigned pages = 0;
    do {
        snprintf(payload, sizeof payload, "{'id':'c1','revision':'all','limit':2%s%s%s}",
                 *cursor ? ",'cursor':'" : "", cursor, *cursor ? "'" : "");
        json_t *result = ask(f, BOB, payload), *revision, *next = json_object_get(result, "next");
        size_t i;
        json_array_foreach(json_object_get(result, "revisions"), i, revision) snprintf(
            found + strlen(found), sizeof found - strlen(found), "%c%lld ",
            string_of(revision, "section")[7], (long long)integer_of(revision, "revision"));
        snprintf(cursor, sizeof cursor, "%s", json_is_null(next) ? "" : json_string_value(next));
    } while (++pages < 10 && *cursor);
    assert_string_equal(found, "p5 p4 p3 p2 p1 c2 c1 ");
    assert_int_equal(pages, 4);
}

/* How many of an entry's revisions are told, and the lowest. */
static unsigned revisions_of(struct fixture *f, const char *id, unsigned *ret_lowest)
{
    char payload[160], cursor[64] = "";
    unsigned count = 0;
    do {
        snprintf(payload, sizeof payload, "{'id':'%s','revision':'all','limit':1%s%s%s}", id,
                 *cursor ? ",'cursor':'" : "", cursor, *cursor ? "'" : "");
        json_t *result = ask(f, BOB, payload), *next = json_object_get(result, "next");
        json_t *told = json_array_get(json_object_get(result, "revisions"), 0);
        *ret_lowest = (unsigned)integer_of(told, "revision");
        snprintf(cursor, sizeof cursor, "%s", json_is_null(next) ? "" : json_string_value(next));
        count++;
    } while (*cursor);
    return count;
}

/* Twelve revisions of 60,000 bytes. */
static void share_large(struct fixture *f, const char *id)
{
    for (unsigned i = 0; i < 12; i++)
        say(f, ADA, "pattern_share", "{'pattern':{'id':'%s','text':'%060000d'}}", id, 0);
    skip_all(f);
}

static void test_former_revisions_are_bounded(void **state)
{
    struct fixture *f = *state;
    unsigned lowest;
    join(f, ADA, "ada", 2, "");
    join(f, BOB, "bob", 2, "");
    for (unsigned i = 0; i < 20; i++)
        say(f, ADA, "pattern_share", "{'pattern':{'id':'many','n':%u}}", i);
    skip_all(f);
    assert_int_equal(revisions_of(f, "many", &lowest), FORMERS_EACH_MAX + 1);
    assert_int_equal(lowest, 4);
    share_large(f, "large");
    assert_int_equal(revisions_of(f, "large", &lowest), 9); /* eight former ones are 512 KiB */
    assert_int_equal(lowest, 4);
    assert_int_equal(revisions_of(f, "many", &lowest), FORMERS_EACH_MAX + 1);
    share_large(f, "more");
    share_large(f, "third");
    assert_int_equal(revisions_of(f, "third", &lowest), 9);
    assert_int_equal(revisions_of(f, "more", &lowest), 9);
    assert_int_equal(revisions_of(f, "many", &lowest), 1);  /* the longest replaced went first: */
    assert_int_equal(revisions_of(f, "large", &lowest), 2); /* a MiB is 17 of them */
}

/* ── with an index ── */

/* What the hub asked its index last. */
static struct {
    unsigned count;
    struct search_wish wish;
    char words[WORDS_TEXT_SIZE], message_id[64];
} wished;

static void note_wish(void *ctx, const struct search_wish *wish)
{
    (void)ctx;
    wished.count++;
    wished.wish = *wish;
    snprintf(wished.words, sizeof wished.words, "%.*s", SLICE_FORMAT(wish->words));
    snprintf(wished.message_id, sizeof wished.message_id, "%.*s", SLICE_FORMAT(wish->message_id));
    wished.wish.words = slice_of(wished.words);
    wished.wish.message_id = slice_of(wished.message_id);
    wished.wish.room = slice_of("main");
    wished.wish.contributor = (struct slice){NULL, 0};
}

static const struct search_hit hits[] = {
    {{5, SECTION_COMPONENTS, SLICE("c1")}, SLICE("[\"a \",\"b\",\"\"]")},
    {{4, SECTION_PATTERNS, SLICE("gone")}, SLICE("[\"\"]")},
    {{3, SECTION_PATTERNS, SLICE("p1")}, SLICE("[\"x\"]")},
};

/* The index has answered the last wish. */
static json_t *answer(struct fixture *f, const struct search_found *found)
{
    hub_found(fixture_hub(f), &wished.wish, found, now(f));
    return expect(f, BOB, "knowledge_result");
}

static void test_an_index_answers_in_its_order(void **state)
{
    struct fixture *f = *state;
    wished.count = 0;
    fixture_search(f, note_wish);
    join_and_share(f);
    say(f, BOB, "knowledge_query", "{'text':'b x','section':'shared_patterns','limit':3}");
    expect_nothing(f, BOB);
    assert_int_equal(wished.count, 1);
    assert_string_equal(wished.words, "b x");
    assert_int_equal(wished.wish.section, SECTION_PATTERNS);
    assert_int_equal(wished.wish.limit, 3);
    say(f, BOB, "chat", "{'text':'meanwhile'}");
    json_t *result = answer(f, &(struct search_found){hits, 3, 40, true, false});
    assert_string_equal(string_of(result, "in_reply_to"), wished.message_id);
    assert_int_equal(integer_of(result, "count"), 2);
    assert_found(result, 0, "shared_components", "c1", "a |b|");
    assert_found(result, 1, "shared_patterns", "p1", "x");
    assert_non_null(json_object_get(found(result, "shared_patterns"), "p1"));
    assert_string_equal(string_of(result, "next"), "rank 3 40");
    say(f, BOB, "knowledge_query", "{'text':'b x','cursor':'rank 3 40'}");
    assert_int_equal(wished.wish.from, 3);
    assert_int_equal(wished.wish.newest, 40);
    assert_true(json_is_null(
        json_object_get(answer(f, &(struct search_found){hits, 1, 40, false, false}), "next")));
    say(f, BOB, "knowledge_query", "{'text':'b','cursor':'rank 3'}");
    expect_error(f, BOB, "bad_payload");
    say(f, BOB, "knowledge_query", "{'cursor':'rank 3 40'}");
    expect_error(f, BOB, "bad_payload");
    assert_int_equal(wished.count, 2);
}

static void test_an_index_that_fails_is_done_without(void **state)
{
    static const struct search_found failed = {.failed = true};
    struct fixture *f = *state;
    fixture_search(f, note_wish);
    join_and_share(f);
    say(f, BOB, "knowledge_query", "{'text':'c1'}");
    assert_found(answer(f, &failed), 0, "shared_components", "c1", "id: |c1|, source: x");
    say(f, BOB, "knowledge_query", "{'text':'c1','cursor':'rank 3 40'}");
    hub_found(fixture_hub(f), &wished.wish, &failed, now(f));
    expect_error(f, BOB, "storage_unavailable");
}

static void test_searches_under_way_are_bounded(void **state)
{
    struct fixture *f = *state;
    fixture_search(f, note_wish);
    join_and_share(f);
    for (unsigned i = 0; i < SEARCHES_EACH_MAX; i++)
        say(f, BOB, "knowledge_query", "{'text':'x'}");
    expect_nothing(f, BOB);
    say(f, BOB, "knowledge_query", "{'text':'x'}");
    assert_limit(expect_error(f, BOB, "rate_limited"), "searches", "connection", SEARCHES_EACH_MAX);
    answer(f, &(struct search_found){.count = 0});
    say(f, BOB, "knowledge_query", "{'text':'x'}");
    expect_nothing(f, BOB);
    leave(f, BOB); /* what comes for it now is nobody's */
    hub_found(fixture_hub(f), &wished.wish, &(struct search_found){.count = 0}, now(f));
}

static void note_text(void *ctx, const struct search_text *text)
{
    char *told = ctx;
    size_t len = strlen(told);
    snprintf(told + len, 512 - len, "%d/%.*s/%.*s/%.*s;", text->section, SLICE_FORMAT(text->key),
             SLICE_FORMAT(text->contributor), text->text.at ? (int)text->text.len : 4,
             text->text.at ? text->text.at : "gone");
}

static void assert_told(struct fixture *f, const char *wanted)
{
    char told[512] = "";
    while (hub_take_texts(fixture_hub(f), slice_of("main"), 1, note_text, told))
        ;
    assert_string_equal(told, wanted);
}

static void test_texts_are_told_as_they_change(void **state)
{
    struct fixture *f = *state;
    join(f, ADA, "ada", 2, "");
    say(f, ADA, "code_share", "{'code':{'id':'c1','source':'x'}}");
    assert_told(f, ""); /* nobody asked */
    hub_keep_texts(fixture_hub(f));
    assert_told(f, "1/c1/ada/id: c1, source: x;");
    say(f, ADA, "pattern_share", "{'pattern':{'id':'p1','n':1}}");
    say(f, ADA, "pattern_share", "{'pattern':{'id':'p1','n':2}}");
    say(f, ADA, "performance_report", "{'component_id':'p1','performance':{'score':1}}");
    assert_told(f, "0/p1/ada/id: p1, n: 2;3/p1//ada: score: 1;");
    say(f, ADA, "performance_report", "{'component_id':'p1','performance':{'score':0}}");
    assert_told(f, "3/p1//ada: score: 0; ada: score: 1;"); /* the newest first */
    assert_told(f, "");
    hub_keep_texts(fixture_hub(f));
    assert_told(f, "0/p1/ada/id: p1, n: 2;1/c1/ada/id: c1, source: x;"
                   "3/p1//ada: score: 0; ada: score: 1;");
}

static void test_texts_that_go_are_told(void **state)
{
    struct fixture *f = *state;
    char told[512] = "";
    join(f, ADA, "ada", 2, "");
    hub_keep_texts(fixture_hub(f));
    for (unsigned i = 0; i <= LOOSE_BENCHMARKS_MAX; i++)
        say(f, ADA, "performance_report", "{'component_id':'x%u','performance':{}}", i);
    while (hub_take_texts(fixture_hub(f), slice_of("main"), 1, note_text, told))
        if (!strstr(told, "gone"))
            told[0] = '\0';
    assert_string_equal(told, "3/x0//gone;");
}

static void share_many(struct fixture *f, unsigned count)
{
    join(f, ADA, "ada", 2, "");
    join(f, BOB, "bob", 2, "");
    for (unsigned i = 0; i < count; i++)
        say(f, i % 2 ? ADA : BOB, "pattern_share", "{'pattern':{'id':'p%03u'}}", i);
    skip_all(f);
}

/* All ids of the patterns that the query finds, page by page; their count. */
static unsigned walk(struct fixture *f, const char *members, json_t *ids, bool change)
{
    char payload[256] = "", *cursor = NULL;
    unsigned pages = 0;
    for (;; pages++) {
        snprintf(payload, sizeof payload, "{%s%s%s%s}", members, cursor ? ",'cursor':'" : "",
                 cursor ? cursor : "", cursor ? "'" : "");
        json_t *result = ask(f, BOB, payload), *next = json_object_get(result, "next"), *entry;
        const char *id;
        json_object_foreach(found(result, "shared_patterns"), id, entry)
        {
            assert_null(json_object_get(ids, id)); /* each once */
            json_object_set_new(ids, id, json_integer((json_int_t)pages));
        }
        free(cursor);
        if (json_is_null(next))
            return pages + 1;
        cursor = strdup(json_string_value(next));
        if (change && pages == 0) { /* the entry that the cursor names moves to the front */
            const char *last = strrchr(cursor, ' ') + 1;
            unsigned number = (unsigned)atoi(last + 1);
            say(f, number % 2 ? ADA : BOB, "pattern_share", "{'pattern':{'id':'%s','n':2}}", last);
            skip_all(f);
        }
    }
}

static void test_pages_are_complete(void **state)
{
    static const struct {
        const char *members;
        unsigned pages, entries;
        bool change;
    } walks[] = {{"'limit':10", 5, 50, false},
                 {"'limit':200", 1, 50, false},
                 {"'limit':7,'contributor':'ada'", 4, 25, false},
                 {"'limit':10", 5, 50, true}};
    struct fixture *f = *state;
    share_many(f, 50);
    for (unsigned i = 0; i < sizeof walks / sizeof *walks; i++) {
        json_t *ids = json_object();
        assert_int_equal(walk(f, walks[i].members, ids, walks[i].change), walks[i].pages);
        assert_int_equal(json_object_size(ids), walks[i].entries);
        json_decref(ids);
    }
}

/* No more than so many bytes are searched for one answer; the cursor goes on behind them. */
static void test_searching_is_bounded(void **state)
{
    struct fixture *f = *state;
    join(f, ADA, "ada", 2, "");
    join(f, BOB, "bob", 2, "");
    for (unsigned i = 0; i < 200; i++)
        say(f, ADA, "pattern_share", "{'pattern':{'id':'p%03u','text':'%0*d %s'}}", i,
            (int)QUERY_SEARCHED_MAX / 150, 0, i == 0 ? "needle" : "");
    skip_all(f);
    assert_int_equal(integer_of(ask(f, BOB, "{'text':'needle'}"), "count"), 0);
    json_t *ids = json_object();
    assert_int_equal(walk(f, "'text':'needle'", ids, false), 2);
    assert_string_equal(names_of(ids), "p000");
    json_decref(ids);
}

static void test_since_finds_what_changed(void **state)
{
    struct fixture *f = *state;
    share_many(f, 5);
    char payload[64];
    snprintf(payload, sizeof payload, "{'since':%lld}",
             (long long)integer_of(ask(f, BOB, "{}"), "newest"));
    assert_int_equal(integer_of(ask(f, BOB, payload), "count"), 0);
    say(f, BOB, "pattern_share", "{'pattern':{'id':'p002','n':2}}");
    skip_all(f);
    json_t *result = ask(f, BOB, payload);
    assert_string_equal(names_of(found(result, "shared_patterns")), "p002");
}

static void test_pages_are_bounded_in_bytes(void **state)
{
    struct hub_config config = fixture_config();
    config.sync_limit = 600;
    (void)state;
    struct fixture *f = fixture_new(&config);
    share_many(f, 20);
    say(f, BOB, "pattern_share", "{'pattern':{'id':'large','text':'%0900d'}}", 0);
    skip_all(f);
    json_t *ids = json_object();
    assert_true(walk(f, "'limit':200", ids, false) > 4);
    assert_int_equal(json_object_size(ids), 21); /* one that is over the bound comes alone */
    json_decref(ids);
    fixture_free(f);
}

static void test_looking_is_bounded(void **state)
{
    struct fixture *f = *state;
    share_many(f, QUERY_LOOKS_MAX + 100);
    json_t *result = ask(f, BOB, "{'contributor':'nobody'}");
    assert_int_equal(integer_of(result, "count"), 0);
    assert_true(json_is_string(json_object_get(result, "next"))); /* it has not seen all */
    json_t *ids = json_object();
    assert_int_equal(walk(f, "'contributor':'nobody'", ids, false), 2);
    assert_int_equal(json_object_size(ids), 0);
    json_decref(ids);
}

static void test_what_is_no_query_is_refused(void **state)
{
    static const char *const wrong[] = {"{'section':'patterns'}",
                                        "{'section':3}",
                                        "{'limit':0}",
                                        "{'limit':201}",
                                        "{'limit':'all'}",
                                        "{'since':-1}",
                                        "{'id':7}",
                                        "{'contributor':[]}",
                                        "{'cursor':5}",
                                        "{'cursor':'5'}",
                                        "{'cursor':'x 0 p1'}",
                                        "{'cursor':'5 4 p1'}",
                                        "{'cursor':'-5 0 p1'}"};
    struct fixture *f = *state;
    join_and_share(f);
    for (unsigned i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        say(f, BOB, "knowledge_query", "%s", wrong[i]);
        expect_error(f, BOB, "bad_payload");
    }
    ask(f, BOB, "{'cursor':'5 0 nothing'}"); /* of an entry that is gone */
    ask(f, BOB, "{'cursor':'99999999999999999999999 0 p1','id':null,'section':null}");
}

static void test_level_1_and_strangers_are_refused(void **state)
{
    struct fixture *f = *state;
    join_and_share(f);
    join(f, DAN, "dan", 1, "");
    say(f, DAN, "knowledge_query", "{}");
    expect_error(f, DAN, "forbidden");
    open_peer(f, EVE);
    say_raw(f, EVE,
            "{'message_id':'m','sender_id':'eve','message_type':'knowledge_query',"
            "'timestamp':'t','payload':{}}");
    assert_string_equal(string_of(expect(f, EVE, "error"), "code"), "forbidden");
    assert_null(member_of(f, "eve"));
}

/* Nobody hears of it, nothing counts it, and it takes no place in the log. */
static void test_a_query_changes_nothing(void **state)
{
    struct fixture *f = *state;
    join(f, ADA, "ada", 2, "");
    join(f, BOB, "bob", 2, "'acks':true");
    say(f, ADA, "pattern_share", "{'pattern':{'id':'p1'}}");
    skip_all(f);
    uint64_t seq = hub_seq(fixture_hub(f), (struct slice){"main", 4});
    json_t *result = ask(f, BOB, "{'id':'p1'}");
    json_t *entry = json_object_get(found(result, "shared_patterns"), "p1");
    assert_int_equal(integer_of(entry, "usage_count"), 0);
    result = ask(f, BOB, "{'id':'p1'}");
    entry = json_object_get(found(result, "shared_patterns"), "p1");
    assert_int_equal(integer_of(entry, "usage_count"), 0);
    expect_nothing(f, ADA);
    expect_nothing(f, BOB); /* no ack */
    assert_int_equal(hub_seq(fixture_hub(f), (struct slice){"main", 4}), seq);
}

static void test_queries_count_against_the_rate(void **state)
{
    struct hub_config config = fixture_config();
    config.owner.most[LIMIT_RATE] = 2;
    (void)state;
    struct fixture *f = fixture_new(&config);
    join(f, ADA, "ada", 2, "");
    for (unsigned i = 0; i < 3; i++)
        ask(f, ADA, "{}");
    say(f, ADA, "knowledge_query", "{}");
    expect_error(f, ADA, "rate_limited");
    fixture_free(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        QUERY_TEST(test_entries_have_the_syncs_shapes),
        QUERY_TEST(test_an_id_finds_all_that_it_names),
        QUERY_TEST(test_a_contributor_finds_its_entries),
        QUERY_TEST(test_a_text_is_found),
        QUERY_TEST(test_what_is_found_has_a_snippet),
        QUERY_TEST(test_former_revisions_are_told),
        QUERY_TEST(test_revisions_come_in_pages),
        QUERY_TEST(test_former_revisions_are_bounded),
        QUERY_TEST(test_an_index_answers_in_its_order),
        QUERY_TEST(test_an_index_that_fails_is_done_without),
        QUERY_TEST(test_searches_under_way_are_bounded),
        QUERY_TEST(test_texts_are_told_as_they_change),
        QUERY_TEST(test_texts_that_go_are_told),
        QUERY_TEST(test_searching_is_bounded),
        QUERY_TEST(test_pages_are_complete),
        QUERY_TEST(test_since_finds_what_changed),
        cmocka_unit_test(test_pages_are_bounded_in_bytes),
        QUERY_TEST(test_looking_is_bounded),
        QUERY_TEST(test_what_is_no_query_is_refused),
        QUERY_TEST(test_level_1_and_strangers_are_refused),
        QUERY_TEST(test_a_query_changes_nothing),
        cmocka_unit_test(test_queries_count_against_the_rate),
    };
    return cmocka_run_group_tests_name("core_query", tests, NULL, NULL);
}
