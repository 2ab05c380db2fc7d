/* Evidence that a task is done: what is taken as such, whose word on it counts, and what it makes
 * of it. */
#include "core_claims.h"

#include <stdlib.h>
#include <string.h>

#include "core_steps.h"
#include "wire/text.h"

#define EVIDENCE_TEST(name) cmocka_unit_test_setup_teardown(name, setup, fixture_teardown)

/* "own:NAME" is a token of NAME's; who shows none is its own. */
static int let_in(void *ctx, const struct hub_login *login, struct hub_pass *ret_pass,
                  struct refusal *ret_refusal)
{
    static char shown[64];
    (void)ctx, (void)ret_refusal;
    snprintf(shown, sizeof shown, "%.*s", SLICE_FORMAT(login->token));
    *ret_pass = (struct hub_pass){.owner = slice_of(*shown ? shown + 4 : "")};
    return 0;
}

static int setup(void **state)
{
    int error = fixture_setup(state);
    fixture_let_in(*state, let_in);
    return error;
}

/* ── words ── */

/* ada adds it, bob does it with this to show for it; nothing is unread. The fence. */
static json_int_t done(struct fixture *f, const char *id, const char *evidence)
{
    say(f, ADA, "task", "{'key':'%s','title':'t'}", id);
    skip_all(f);
    say(f, BOB, "lease_request", "{'key':'task:%s','ttl_s':60}", id);
    json_int_t fence = integer_of(expect(f, BOB, "lease"), "fence");
    skip_all(f);
    say(f, BOB, "task", "{'id':'%s','status':'done','fence':%lld,'evidence':[%s]}", id,
        (long long)fence, evidence);
    return fence;
}

static void join_some(struct fixture *f)
{
    join(f, ADA, "ada", 2, "'token':'own:a'");
    join(f, BOB, "bob", 2, "'token':'own:b'");
    join(f, CEY, "cey", 2, "");
    join(f, DAN, "dan", 2, "");
    join(f, EVE, "eve", 2, "");
    join(f, FAY, "fay", 2, "");
    join(f, GUS, "gus", 2, "'token':'own:a'");
    join(f, HAL, "hal", 2, "'token':'own:b'");
}

/* A report, as all are told of it. */
static json_t *reported(struct fixture *f, unsigned peer, const char *more)
{
    skip_all(f);
    say(f, peer, "evidence_report", "{'task':'a',%s}", more);
    json_t *task = expect(f, ADA, "task");
    assert_string_equal(string_of(task, "change"), "reported");
    return task;
}

/* The task's evidence is that after the report. */
static void assert_makes(struct fixture *f, unsigned peer, const char *more, const char *status)
{
    assert_string_equal(string_of(reported(f, peer, more), "evidence_status"), status);
}

static json_t *task_of(struct fixture *f, const char *id)
{
    skip_all(f);
    say(f, CEY, "task_query", "{'id':'%s'}", id);
    return json_object_get(expect(f, CEY, "task_result"), "task");
}

static json_t *item_of(struct fixture *f, const char *id, size_t at)
{
    return json_array_get(json_object_get(task_of(f, id), "evidence"), at);
}

/* ── what is evidence ── */

static void test_what_was_run_is_told_with_what_came_of_it(void **state)
{
    struct fixture *f = *state;
    char evidence[512], files[65], big[65];
    snprintf(files, sizeof files, "%s", digest_of("files"));
    snprintf(big, sizeof big, "%s", digest_of("big"));
    join_some(f);
    snprintf(
        evidence, sizeof evidence,
        "{'command':'make test','exit':0,'printed':'3 passed','artifact':'%s'},"
        "{'command':'false','exit':1},"
        "{'command':'cat big','exit':0,'sha256':'%s'},{'command':'true','exit':0,'printed':''}",
        files, big);
    done(f, "a", evidence);
    json_t *task = expect(f, CEY, "task");
    assert_string_equal(string_of(task, "change"), "done");
    assert_string_equal(string_of(task, "evidence_status"), "unverified");
    json_t *items = json_object_get(task, "evidence"), *item = json_array_get(items, 0);
    assert_int_equal(json_array_size(items), 4);
    assert_string_equal(names_of(item), "artifact,command,exit,printed,sha256,status");
    assert_string_equal(string_of(item, "command"), "make test");
    assert_string_equal(string_of(item, "printed"), "3 passed");
    assert_string_equal(string_of(item, "sha256"), digest_of("3 passed"));
    assert_string_equal(string_of(item, "artifact"), files);
    item = json_array_get(items, 1);
    assert_string_equal(names_of(item), "command,exit,status");
    assert_int_equal(integer_of(item, "exit"), 1);
    item = json_array_get(items, 2);
    assert_string_equal(names_of(item), "command,exit,sha256,status");
    assert_string_equal(string_of(item, "sha256"), big);
    assert_string_equal(string_of(json_array_get(items, 3), "sha256"), digest_of(""));
    assert_string_equal(string_of(item_of(f, "a", 0), "printed"), "3 passed");
}

static void finish_refused(struct fixture *f, json_int_t fence, const char *evidence)
{
    skip_all(f);
    say(f, BOB, "task", "{'id':'a','status':'done','fence':%lld,'evidence':[%s]}", (long long)fence,
        evidence);
    expect_error(f, BOB, "bad_payload");
    expect_nothing(f, CEY);
}

static void test_what_is_no_evidence_is_refused(void **state)
{
    static char printed[EVIDENCE_PRINTED_MAX + 2], item[EVIDENCE_PRINTED_MAX + 64];
    static const char *const wrong[] = {
        "7",
        "{}",
        "{'command':'c'}",
        "{'exit':0}",
        "{'command':'','exit':0}",
        "{'command':'c','exit':-1}",
        "{'command':'c','exit':1.5}",
        "{'command':'c','exit':4294967296}",
        "{'command':'c','exit':0,'printed':7}",
        "{'command':'c','exit':0,'sha256':'abc'}",
    };
    struct fixture *f = *state;
    struct text many = {0};
    join_some(f);
    done(f, "a", "7");
    expect_error(f, BOB, "bad_payload");
    json_int_t fence = integer_of(task_of(f, "a"), "fence");
    for (unsigned i = 0; i < sizeof wrong / sizeof *wrong; i++)
        finish_refused(f, fence, wrong[i]);
    snprintf(item, sizeof item, "{'command':'c','exit':0,'artifact':'F%s'}", digest_of("") + 1);
    finish_refused(f, fence, item); /* no lower case */
    snprintf(item, sizeof item, "{'command':'c','exit':0,'printed':'p','sha256':'%s'}",
             digest_of("q"));
    finish_refused(f, fence, item);
    memset(printed, 'p', EVIDENCE_PRINTED_MAX + 1);
    snprintf(item, sizeof item, "{'command':'c','exit':0,'printed':'%s'}", printed);
    finish_refused(f, fence, item);
    for (unsigned i = 0; i <= EVIDENCE_MAX; i++)
        text_addf(&many, "%s{'command':'c','exit':0}", i ? "," : "");
    say(f, BOB, "task", "{'id':'a','status':'done','fence':%lld,'evidence':[%.*s]}",
        (long long)fence, SLICE_FORMAT(many));
    assert_limit(expect_error(f, BOB, "quota_exceeded"), "evidence", "task", EVIDENCE_MAX);
    text_free(&many);
    assert_string_equal(string_of(task_of(f, "a"), "status"), "claimed");
}

/* ── reports ── */

#define SAME  "'exit':0,'printed':'fine'"
#define OTHER "'exit':0,'printed':'not so fine'"

static void test_two_owners_who_find_the_same_confirm_it(void **state)
{
    struct fixture *f = *state;
    join_some(f);
    json_int_t fence = done(f, "a", "{'command':'c'," SAME "}");
    json_t *task = reported(f, CEY, SAME ",'note':'twice'"),
           *report = json_object_get(task, "report");
    assert_string_equal(string_of(task, "evidence_status"), "unverified");
    assert_string_equal(names_of(report), "agrees,by,counts,exit,index,note,owner,sha256,status");
    assert_string_equal(string_of(report, "by"), "cey");
    assert_string_equal(string_of(report, "note"), "twice");
    assert_true(json_is_true(json_object_get(report, "agrees")));
    assert_true(json_is_true(json_object_get(report, "counts")));
    assert_int_equal(integer_of(task, "fence"), fence);
    assert_makes(f, CEY, SAME, "unverified"); /* an owner has one vote */
    task = reported(f, DAN, SAME);
    assert_string_equal(string_of(task, "evidence_status"), "confirmed");
    assert_string_equal(string_of(task, "evidence_was"), "unverified");
    assert_makes(f, EVE, OTHER, "confirmed");
    assert_makes(f, FAY, OTHER, "contested"); /* two found the same other */
    assert_makes(f, DAN, OTHER, "refuted");   /* and one of the two has changed its mind */
    assert_int_equal(json_array_size(json_object_get(item_of(f, "a", 0), "reports")), 4);
}

static void test_two_who_find_the_same_other_refute_it(void **state)
{
    struct fixture *f = *state;
    join_some(f);
    done(f, "a", "{'command':'c'," SAME "}");
    assert_makes(f, CEY, "'exit':0,'printed':'1 s'", "unverified");
    assert_makes(f, DAN, "'exit':0,'printed':'2 s'", "contested"); /* it is never the same */
    assert_makes(f, EVE, "'exit':1,'printed':'3 s'", "contested");
    assert_makes(f, FAY, "'exit':1,'printed':'4 s'", "refuted"); /* both saw it fail */
    done(f, "b", "{'command':'c','exit':0}");                    /* whatever it prints */
    skip_all(f);
    for (unsigned peer = CEY; peer <= DAN; peer++)
        say(f, peer, "evidence_report", "{'task':'b','exit':0,'printed':'%u'}", peer);
    assert_string_equal(string_of(task_of(f, "b"), "evidence_status"), "confirmed");
    for (unsigned peer = CEY; peer <= DAN; peer++)
        say(f, peer, "evidence_report", "{'task':'b','exit':%u}", peer);
    assert_string_equal(string_of(task_of(f, "b"), "evidence_status"), "contested");
}

static void test_whoever_has_a_part_in_it_does_not_judge_it(void **state)
{
    static const unsigned parts[] = {ADA, BOB, GUS, HAL};
    struct fixture *f = *state;
    join_some(f);
    done(f, "a", "{'command':'c'," SAME "}");
    for (unsigned i = 0; i < sizeof parts / sizeof *parts; i++) {
        json_t *task = reported(f, parts[i], SAME);
        assert_true(json_is_false(json_object_get(json_object_get(task, "report"), "counts")));
        assert_string_equal(string_of(task, "evidence_status"), "unverified");
    }
    assert_makes(f, CEY, SAME, "unverified");
    assert_makes(f, DAN, SAME, "confirmed");
    /* of an owner's AIs the latest is its word */
    json_t *reports = json_object_get(item_of(f, "a", 0), "reports");
    assert_int_equal(json_array_size(reports), 4);
    assert_string_equal(string_of(json_array_get(reports, 0), "by"), "gus");
}

static void test_nor_does_who_was_refuted(void **state)
{
    struct fixture *f = *state;
    join_some(f);
    struct challenge challenge = claim(f, CEY, "boast", 0.4);
    report(f, DAN, "boast", &challenge, 0.7);
    report(f, EVE, "boast", &challenge, 0.7);
    assert_status(f, "boast", "refuted");
    done(f, "a", "{'command':'c'," SAME "}");
    json_t *task = reported(f, CEY, SAME);
    assert_true(json_is_false(json_object_get(json_object_get(task, "report"), "counts")));
    assert_makes(f, DAN, SAME, "unverified");
    assert_makes(f, EVE, SAME, "confirmed");
}

static void test_the_worst_command_says_what_the_task_is(void **state)
{
    struct fixture *f = *state;
    join_some(f);
    done(f, "a", "{'command':'c'," SAME "},{'command':'d','exit':0}");
    assert_makes(f, CEY, "'index':1,'exit':0", "unverified");
    assert_makes(f, DAN, "'index':1,'exit':0", "unverified"); /* so the first is */
    assert_makes(f, CEY, "'index':0," SAME, "unverified");
    assert_makes(f, DAN, "'index':0," SAME, "confirmed");
    assert_makes(f, EVE, "'index':1,'exit':2", "confirmed");
    assert_makes(f, FAY, "'index':1,'exit':2", "contested");
    assert_makes(f, CEY, "'index':1,'exit':2", "refuted");
    assert_string_equal(string_of(item_of(f, "a", 0), "status"), "confirmed");
}

static void test_what_is_no_report_is_refused(void **state)
{
    struct fixture *f = *state;
    join_some(f);
    json_int_t fence = done(f, "a", "{'command':'c'," SAME "}");
    say(f, ADA, "task", "{'key':'open','title':'t'}");
    static const char *const wrong[][2] = {
        {"{}", "bad_payload"},
        {"{'task':'a'}", "bad_payload"},
        {"{'task':'a','exit':0}", "bad_payload"}, /* what it printed is part of it */
        {"{'task':'a','exit':'0','printed':''}", "bad_payload"},
        {"{'task':'a','index':16," SAME "}", "bad_payload"},
        {"{'task':'a','index':1," SAME "}", "not_found"},
        {"{'task':'nowhere'," SAME "}", "not_found"},
        {"{'task':'open'," SAME "}", "conflict"},
        {"{'task':'a','fence':1," SAME "}", "conflict"},
        {"{'task':'a','note':7," SAME "}", "bad_payload"},
    };
    for (unsigned i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        skip_all(f);
        say(f, CEY, "evidence_report", "%s", wrong[i][0]);
        expect_error(f, CEY, wrong[i][1]);
        expect_nothing(f, ADA);
    }
    char right[64];
    snprintf(right, sizeof right, "'fence':%lld," SAME, (long long)fence);
    assert_makes(f, CEY, right, "unverified");
    join(f, IDA, "ida", 1, "");
    say(f, IDA, "evidence_report", "{'task':'a'," SAME "}");
    expect_error(f, IDA, "forbidden");
}

/* Whose was opened again has nothing to show any more; nor has what was said of it. */
static void test_it_is_gone_when_the_task_is_opened_again(void **state)
{
    struct fixture *f = *state;
    join_some(f);
    json_int_t fence = done(f, "a", "{'command':'c'," SAME "}");
    reported(f, CEY, OTHER);
    assert_makes(f, DAN, OTHER, "refuted");
    say(f, ADA, "task", "{'id':'a','status':'open','why':'refuted'}");
    char why[256];
    if (hub_recount(fixture_hub(f), why, sizeof why) < 0)
        fail_msg("%s", why);
    skip_all(f);
    say(f, CEY, "evidence_report", "{'task':'a'," SAME "}");
    expect_error(f, CEY, "conflict");
    say(f, BOB, "lease_request", "{'key':'task:a','ttl_s':60}");
    json_int_t later = integer_of(expect(f, BOB, "lease"), "fence");
    say(f, BOB, "task",
        "{'id':'a','status':'done','fence':%lld,'evidence':[{'command':'d'," OTHER "}]}",
        (long long)later);
    assert_string_equal(string_of(task_of(f, "a"), "evidence_status"), "unverified");
    skip_all(f);
    say(f, CEY, "evidence_report", "{'task':'a','fence':%lld," OTHER "}", (long long)fence);
    expect_error(f, CEY, "conflict"); /* of what was there before */
}

static void test_reports_have_bounds(void **state)
{
    struct fixture *f = *state;
    join_some(f);
    done(f, "a", "{'command':'c'," SAME "}");
    for (unsigned i = 0; i < RERUNS_MAX - 1; i++) {
        char name[16];
        if (i == 1)
            say(f, ADA, "evidence_report", "{'task':'a'," SAME "}"); /* which does not count */
        snprintf(name, sizeof name, "n%u", i);
        join(f, 100 + i, name, 2, "");
        say(f, 100 + i, "evidence_report", "{'task':'a'," SAME "}");
    }
    assert_makes(f, CEY, SAME, "confirmed"); /* in the place of one that does not */
    json_t *reports = json_object_get(item_of(f, "a", 0), "reports");
    assert_int_equal(json_array_size(reports), RERUNS_MAX);
    assert_string_equal(string_of(json_array_get(reports, 0), "by"), "n0");
    skip_all(f);
    say(f, DAN, "evidence_report", "{'task':'a'," SAME "}");
    assert_limit(expect_error(f, DAN, "quota_exceeded"), "reports", "task", RERUNS_MAX);
    assert_makes(f, CEY, OTHER, "confirmed"); /* one's own can change */
    char why[256];
    if (hub_recount(fixture_hub(f), why, sizeof why) < 0)
        fail_msg("%s", why);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        EVIDENCE_TEST(test_what_was_run_is_told_with_what_came_of_it),
        EVIDENCE_TEST(test_what_is_no_evidence_is_refused),
        EVIDENCE_TEST(test_two_owners_who_find_the_same_confirm_it),
        EVIDENCE_TEST(test_two_who_find_the_same_other_refute_it),
        EVIDENCE_TEST(test_whoever_has_a_part_in_it_does_not_judge_it),
        EVIDENCE_TEST(test_nor_does_who_was_refuted),
        EVIDENCE_TEST(test_the_worst_command_says_what_the_task_is),
        EVIDENCE_TEST(test_what_is_no_report_is_refused),
        EVIDENCE_TEST(test_it_is_gone_when_the_task_is_opened_again),
        EVIDENCE_TEST(test_reports_have_bounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
