/* Touches: what an AI works on without a right to it; two whose paths overlap are warned, once. */
#include "core_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void verify(struct fixture *f)
{
    char why[256] = "";
    hub_recount(fixture_hub(f), why, sizeof why);
    assert_string_equal(why, "");
}

/* ada, bob and cey, and eye, an observer. */
static void join_three(struct fixture *f)
{
    join(f, ADA, "ada", 2, "'acks':true");
    join(f, BOB, "bob", 2, "");
    join(f, CEY, "cey", 2, "");
    join(f, EVE, "eye", 2, "'role':'observer'");
    skip_all(f);
}

static void touch(struct fixture *f, unsigned peer, const char *paths)
{
    say(f, peer, "touch", "{'paths':%s}", paths);
}

/* The next warning for the peer, as "ada src/a.c: bob src lease, cey src/a.c touch". */
static const char *warning(struct fixture *f, unsigned peer)
{
    static char text[2048];
    json_t *payload = expect(f, peer, "path_warning"), *mark;
    json_t *who = json_object_get(payload, "who");
    size_t at;
    int len =
        snprintf(text, sizeof text, "%s %s:", string_of(who, "ai_id"), string_of(who, "path"));
    json_array_foreach(json_object_get(payload, "with"), at, mark)
    {
        len += snprintf(text + len, sizeof text - (size_t)len, "%s %s %s %s", at ? "," : "",
                        string_of(mark, "ai_id"), string_of(mark, "path"), string_of(mark, "how"));
    }
    return text;
}

static void test_two_at_one_path_are_warned_once(void **state)
{
    struct fixture *f = *state;
    join_three(f);
    touch(f, ADA, "['src/a.c']");
    expect(f, ADA, "ack");
    for (unsigned peer = ADA; peer <= EVE; peer++)
        expect_nothing(f, peer); /* one alone disturbs nobody */
    say(f, BOB, "touch", "{'paths':['doc','src/a.c'],'note':'the lexer'}");
    json_t *told = expect(f, ADA, "path_warning");
    assert_string_equal(names_of(told), "caused_by,more,who,with");
    assert_string_equal(string_of(told, "caused_by"), last_message_id(f));
    assert_string_equal(string_of(json_object_get(told, "who"), "note"), "the lexer");
    assert_string_equal(warning(f, BOB), "bob src/a.c: ada src/a.c touch");
    assert_string_equal(warning(f, EVE), "bob src/a.c: ada src/a.c touch");
    expect_nothing(f, CEY);
    touch(f, ADA, "['src/a.c']"); /* again: that is known */
    expect(f, ADA, "ack");
    touch(f, BOB, "['src/a.c/']");
    expect_nothing(f, ADA);
    expect_nothing(f, BOB);
    verify(f);
}

static void test_directories_overlap_what_is_in_them(void **state)
{
    struct fixture *f = *state;
    join_three(f);
    touch(f, ADA, "['src/lib/a.c','srcs/x','src.c','sr']");
    touch(f, BOB, "['src/']");
    assert_string_equal(warning(f, BOB), "bob src: ada src/lib/a.c touch");
    touch(f, CEY, "['src/lib/a.c/b']"); /* a file may have become a directory */
    assert_string_equal(warning(f, CEY), "cey src/lib/a.c/b: bob src touch, ada src/lib/a.c touch");
    expect_no(f, CEY, "path_warning");
    verify(f);
}

static void test_leases_count_as_paths(void **state)
{
    struct fixture *f = *state;
    join_three(f);
    say(f, ADA, "lease_request", "{'key':'src/lib','ttl_s':60,'intent':'all anew'}");
    touch(f, BOB, "['src/lib/a.c']");
    assert_string_equal(warning(f, ADA), "bob src/lib/a.c: ada src/lib lease");
    say(f, CEY, "lease_request", "{'key':'src/','ttl_s':60}");
    assert_string_equal(warning(f, CEY), "cey src/: ada src/lib lease, bob src/lib/a.c touch");
    assert_string_equal(warning(f, BOB), "bob src/lib/a.c: ada src/lib lease");
    assert_string_equal(warning(f, BOB), "cey src/: ada src/lib lease, bob src/lib/a.c touch");
    touch(f, BOB, "['src']");
    assert_string_equal(warning(f, BOB), "bob src: cey src/ lease, ada src/lib lease");
    say(f, CEY, "lease_request", "{'key':'src/','ttl_s':60}"); /* renewed */
    skip_all(f);
    say(f, ADA, "lease_request", "{'key':'feature:x','ttl_s':60}");
    expect_no(f, ADA, "path_warning");
    verify(f);
}

static void test_what_is_done_warns_nobody(void **state)
{
    struct fixture *f = *state;
    join_three(f);
    touch(f, ADA, "['a','b']");
    say(f, ADA, "touch", "{'paths':['a','never'],'done':true}");
    touch(f, BOB, "['a']");
    expect_nothing(f, BOB);
    touch(f, BOB, "['b']");
    assert_string_equal(warning(f, BOB), "bob b: ada b touch");
    verify(f);
}

static void test_one_that_is_not_said_again_ends(void **state)
{
    struct fixture *f = *state;
    join_three(f);
    say(f, ADA, "touch", "{'paths':['a','b'],'ttl_s':10}");
    wait_ticking(f, 9000);
    say(f, ADA, "touch", "{'paths':['b'],'ttl_s':10}");
    wait_ticking(f, 2000);
    touch(f, BOB, "['a','b']");
    assert_string_equal(warning(f, BOB), "bob b: ada b touch");
    expect_no(f, BOB, "path_warning");
    verify(f);
    wait_ticking(f, (TOUCH_TTL_S + 1) * 1000);
    join(f, FAY, "fay", 2, ""); /* they were silent, and are gone */
    touch(f, FAY, "['a','b']");
    expect_nothing(f, FAY);
    verify(f);
}

/* Its time is up, and it is said again first: it goes on. */
static void test_saying_it_again_overtakes_the_end(void **state)
{
    struct fixture *f = *state;
    join_three(f);
    say(f, ADA, "touch", "{'paths':['a'],'ttl_s':10}");
    fixture_hold(f);
    say(f, ADA, "touch", "{'paths':['a'],'ttl_s':20}");
    wait_ticking(f, 12000);
    fixture_commit(f);
    touch(f, BOB, "['a']");
    assert_string_equal(warning(f, BOB), "bob a: ada a touch");
    verify(f);
}

static void test_what_is_no_path_is_refused(void **state)
{
    static const char *const wrong[] = {
        "{}",
        "{'paths':'a'}",
        "{'paths':[]}",
        "{'paths':['']}",
        "{'paths':['/']}",
        "{'paths':['/etc']}",
        "{'paths':['a//b']}",
        "{'paths':['./a']}",
        "{'paths':['a/..']}",
        "{'paths':['a\\nb']}",
        "{'paths':['a',1]}",
        "{'paths':['a'],'ttl_s':0}",
        "{'paths':['a'],'ttl_s':86401}",
        "{'paths':['a'],'done':1}",
        "{'paths':['a'],'note':1}",
    };
    struct fixture *f = *state;
    join_three(f);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        say(f, ADA, "touch", "%s", wrong[i]);
        expect_error(f, ADA, "bad_payload");
    }
    say(f, ADA, "touch", "{'paths':['%0*d']}", (int)TOUCH_PATH_BYTES_MAX + 1, 0);
    expect_error(f, ADA, "bad_payload");
    join(f, DAN, "dan", 1, "");
    touch(f, DAN, "['a']");
    expect_error(f, DAN, "forbidden");
    verify(f);
}

static void test_so_many_paths_go_in_one_message(void **state)
{
    struct fixture *f = *state;
    char paths[16 * TOUCH_PATHS_MAX];
    size_t len = 0;
    join_three(f);
    for (unsigned i = 0; i < TOUCH_PATHS_MAX; i++)
        len += (size_t)snprintf(paths + len, sizeof paths - len, "%s'p%u'", i ? "," : "", i);
    say(f, ADA, "touch", "{'paths':[%s]}", paths);
    expect(f, ADA, "ack");
    say(f, ADA, "touch", "{'paths':[%s,'more']}", paths);
    expect_error(f, ADA, "bad_payload");
    verify(f);
}

static void test_bounds(void **state)
{
    struct fixture *f = *state;
    char id[16];
    join_three(f);
    for (unsigned i = 0; i < TOUCHES_EACH_MAX; i++)
        say(f, ADA, "touch", "{'paths':['a%u']}", i);
    skip_all(f);
    touch(f, ADA, "['a0','a1']"); /* these are there */
    expect(f, ADA, "ack");
    touch(f, ADA, "['a0','new']");
    assert_limit(expect_error(f, ADA, "quota_exceeded"), "touches", "ai", TOUCHES_EACH_MAX);
    for (unsigned i = TOUCHES_EACH_MAX; i < TOUCHES_MAX; i++) {
        unsigned ai = i / TOUCHES_EACH_MAX;
        if (i % TOUCHES_EACH_MAX == 0) {
            snprintf(id, sizeof id, "ai%u", ai);
            join(f, FAY + ai, id, 2, "");
        }
        say(f, FAY + ai, "touch", "{'paths':['%u/%u']}", ai, i);
    }
    skip_all(f);
    touch(f, BOB, "['new']");
    assert_limit(expect_error(f, BOB, "quota_exceeded"), "touches", "room", TOUCHES_MAX);
    touch(f, CEY, "['2']"); /* refused as well; and of many below one path not all are told */
    expect_error(f, CEY, "quota_exceeded");
    say(f, ADA, "touch", "{'paths':['a0'],'done':true}");
    touch(f, CEY, "['2']");
    json_t *told = expect(f, CEY, "path_warning");
    assert_int_equal(json_array_size(json_object_get(told, "with")), OVERLAPS_SHOWN_MAX);
    assert_true(integer_of(told, "more") > 0);
    verify(f);
}

/* ── against all pairs ── */

static bool overlap(const char *one, const char *other)
{
    size_t a = strlen(one), b = strlen(other), least = a < b ? a : b;
    return strncmp(one, other, least) == 0 && (a == b || (a > b ? one : other)[least] == '/');
}

enum { PATHS = 14, AIS = 3 };

static void test_random_paths_against_all_pairs(void **state)
{
    static const char *const paths[PATHS] = {"a",     "a/b", "a/b/c", "a/bc", "ab",  "a.c", "b",
                                             "b/a/b", "b/a", "a/c",   "A",    "a-b", "a0",  "b/z"};
    static const char *const ids[AIS] = {"ada", "bob", "cey"};
    struct fixture *f = *state;
    bool touched[AIS][PATHS] = {{false}};
    uint64_t random = 88172645463325252u;
    join_three(f);
    for (unsigned step = 0; step < 3000; step++) {
        random ^= random << 13, random ^= random >> 7, random ^= random << 17;
        unsigned ai = random % AIS, path = random / AIS % PATHS;
        bool done = random / 1000 % 3 == 0;
        unsigned wanted = 0;
        for (unsigned other = 0; other < AIS; other++)
            for (unsigned at = 0; at < PATHS; at++)
                wanted += other != ai && touched[other][at] && overlap(paths[path], paths[at]);
        if (done || touched[ai][path])
            wanted = 0;
        skip_all(f);
        say(f, ADA + ai, "touch", "{'paths':['%s'],'done':%s}", paths[path],
            done ? "true" : "false");
        touched[ai][path] = !done;
        if (!wanted) {
            expect_no(f, ADA + ai, "path_warning");
            continue;
        }
        json_t *told = expect(f, ADA + ai, "path_warning"), *mark;
        size_t at;
        assert_int_equal(json_array_size(json_object_get(told, "with")) +
                             (size_t)integer_of(told, "more"),
                         wanted);
        json_array_foreach(json_object_get(told, "with"), at, mark)
        {
            assert_string_not_equal(string_of(mark, "ai_id"), ids[ai]);
            assert_true(overlap(string_of(mark, "path"), paths[path]));
        }
    }
    verify(f);
}

static void test_an_observer_that_joins_is_told_of_them(void **state)
{
    struct fixture *f = *state;
    join_three(f);
    touch(f, ADA, "['a','b']");
    touch(f, BOB, "['c']");
    touch(f, ADA, "['a']");
    json_t *sync = join(f, FAY, "fay", 2, "'role':'observer'");
    json_t *list = json_object_get(sync, "touches");
    assert_int_equal(json_array_size(list), 3);
    assert_string_equal(string_of(json_array_get(list, 0), "path"), "a");
    assert_string_equal(string_of(json_array_get(list, 1), "ai_id"), "bob");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_two_at_one_path_are_warned_once),
        TEST(test_directories_overlap_what_is_in_them),
        TEST(test_leases_count_as_paths),
        TEST(test_what_is_done_warns_nobody),
        TEST(test_one_that_is_not_said_again_ends),
        TEST(test_saying_it_again_overtakes_the_end),
        TEST(test_what_is_no_path_is_refused),
        TEST(test_so_many_paths_go_in_one_message),
        TEST(test_bounds),
        TEST(test_random_paths_against_all_pairs),
        TEST(test_an_observer_that_joins_is_told_of_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
