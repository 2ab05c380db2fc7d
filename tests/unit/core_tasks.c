/* Tasks: what waits for what, who may do what with them, who is told; and a property of any list
 * that many work on: each task is done once, and never before what it needs. */
#include "core_fixture.h"

#include <stdlib.h>
#include <string.h>

#include "core_steps.h"
#include "wire/text.h"

#define TASK_TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

/* ── words ── */

/* The next task message of this peer tells this change, and status of the task. Its payload. */
static json_t *expect_task(struct fixture *f, unsigned peer, const char *change, const char *id,
                           const char *status)
{
    json_t *task = expect(f, peer, "task");
    assert_string_equal(string_of(task, "change"), change);
    assert_string_equal(string_of(task, "id"), id);
    assert_string_equal(string_of(task, "status"), status);
    return task;
}

static void add(struct fixture *f, unsigned peer, const char *key, const char *needs)
{
    say(f, peer, "task", "{'key':'%s','title':'to do %s','needs':[%s]}", key, key, needs);
}

static void want(struct fixture *f, unsigned peer, const char *id, unsigned ttl_s)
{
    say(f, peer, "lease_request", "{'key':'task:%s','ttl_s':%u}", id, ttl_s);
}

static void finish(struct fixture *f, unsigned peer, const char *id, json_int_t fence)
{
    say(f, peer, "task", "{'id':'%s','status':'done','fence':%lld}", id, (long long)fence);
}

/* It is the peer's; the fence. Nothing is unread. */
static json_int_t claimed(struct fixture *f, unsigned peer, const char *id)
{
    skip_all(f);
    want(f, peer, id, 60);
    json_t *lease = expect(f, peer, "lease");
    assert_string_equal(string_of(lease, "status"), "granted");
    json_int_t fence = integer_of(lease, "fence");
    skip_all(f);
    return fence;
}

static void done(struct fixture *f, unsigned peer, const char *id)
{
    finish(f, peer, id, claimed(f, peer, id));
    expect_task(f, peer, "done", id, "done");
    skip_all(f);
}

/* What the hub tells of it when it is asked. */
static json_t *task_of(struct fixture *f, const char *id)
{
    skip_all(f);
    say(f, CEY, "task_query", "{'id':'%s'}", id);
    return json_object_get(expect(f, CEY, "task_result"), "task");
}

static void assert_status(struct fixture *f, const char *id, const char *status)
{
    assert_string_equal(string_of(task_of(f, id), "status"), status);
}

/* "a b" of an array of ids, or of objects with one; good until the next call. */
static const char *ids_of(json_t *object, const char *name)
{
    static char text[4096];
    json_t *array = json_object_get(object, name), *element;
    size_t at, len = 0;
    text[0] = '\0';
    json_array_foreach(array, at, element)
    {
        const char *id =
            json_is_object(element) ? string_of(element, "id") : json_string_value(element);
        len += (size_t)snprintf(text + len, sizeof text - len, "%s%s", at ? " " : "", id);
        assert_true(len < sizeof text);
    }
    return text;
}

static void wait_heard(struct fixture *f, int64_t ms, unsigned peer)
{
    for (; ms > 0; ms -= 1000) {
        say(f, peer, "heartbeat", "{}");
        wait_ticking(f, 1000);
    }
}

static void assert_whole(struct fixture *f)
{
    char why[256];
    if (hub_recount(fixture_hub(f), why, sizeof why) < 0)
        fail_msg("%s", why);
}

/* ── adding ── */

static void test_one_is_added_and_all_of_level_2_hear(void **state)
{
    struct fixture *f = *state;
    char id[32];
    join_all(f);
    say(f, ADA, "task", "{'title':'parse it','body':'all of it'}");
    json_t *line = expect_whole(f, BOB, "task"), *task = json_object_get(line, "payload");
    snprintf(id, sizeof id, "t%lld", (long long)integer_of(line, "seq"));
    assert_string_equal(string_of(line, "sender_id"), "hub");
    assert_string_equal(names_of(task),
                        "author,blocked_by,blocks,body,by,change,changed,created,fence,holder,id,"
                        "in_reply_to,needs,owner,seq,status,title,version,was");
    assert_string_equal(string_of(task, "id"), id);
    assert_string_equal(string_of(task, "change"), "added");
    assert_string_equal(string_of(task, "status"), "ready");
    assert_string_equal(string_of(task, "title"), "parse it");
    assert_string_equal(string_of(task, "body"), "all of it");
    assert_string_equal(string_of(task, "in_reply_to"), last_message_id(f));
    assert_true(json_is_null(json_object_get(task, "holder")));
    expect_task(f, ADA, "added", id, "ready");
    expect_task(f, EVE, "added", id, "ready"); /* who observes */
    expect_nothing(f, DAN);                    /* level 1 */
    expect_nothing(f, BOB);
    say(f, BOB, "task", "{'key':'lexer','title':'x','blocks':['%s','%s']}", id, id);
    task = expect_task(f, ADA, "added", "lexer", "ready");
    assert_string_equal(ids_of(task, "blocks"), id);
    assert_status(f, id, "blocked");
    assert_int_equal(integer_of(task_of(f, id), "version"), 2);
    assert_string_equal(ids_of(task_of(f, id), "blocked_by"), "lexer");
    assert_int_equal(hub_count(fixture_hub(f)).tasks_open, 2);
    assert_whole(f);
}

static void test_what_is_no_task_is_refused(void **state)
{
    static const char *const wrong[][2] = {
        {"{}", "bad_payload"},
        {"{'title':''}", "bad_payload"},
        {"{'title':7}", "bad_payload"},
        {"{'title':'t','body':7}", "bad_payload"},
        {"{'title':'t','key':'t17'}", "bad_payload"},
        {"{'title':'t','key':'-a'}", "bad_payload"},
        {"{'title':'t','key':'a b'}", "bad_payload"},
        {"{'title':'t','key':'\\u00e9'}", "bad_payload"},
        {"{'title':'t','key':'there'}", "conflict"},
        {"{'title':'t','needs':'there'}", "bad_payload"},
        {"{'title':'t','needs':[7]}", "bad_payload"},
        {"{'title':'t','needs':['nowhere']}", "not_found"},
        {"{'title':'t','blocks':['nowhere']}", "not_found"},
        {"{'title':'t','status':'done'}", "bad_payload"},
        {"{'id':'nowhere','title':'t'}", "not_found"},
        {"{'id':'there'}", "bad_payload"},
        {"{'id':'there','title':'t'}", "conflict"},
        {"{'id':'there','title':'t','version':2}", "conflict"},
        {"{'id':'there','title':'','version':1}", "bad_payload"},
        {"{'id':'there','blocks':[],'version':1}", "bad_payload"},
        {"{'id':'there','status':'claimed'}", "bad_payload"},
        {"{'id':'there','status':'done'}", "bad_payload"},
        {"{'id':'there','status':'done','fence':0}", "bad_payload"},
        {"{'id':'there','status':'done','fence':1}", "stale_lease"},
        {"{'id':'there','status':'dropped'}", "bad_payload"},
        {"{'id':'there','status':'open'}", "conflict"},
    };
    struct fixture *f = *state;
    join_all(f);
    add(f, ADA, "there", "");
    skip_all(f);
    for (unsigned i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        say(f, ADA, "task", "%s", wrong[i][0]);
        expect_error(f, ADA, wrong[i][1]);
    }
    expect_nothing(f, BOB);
    say(f, DAN, "task", "{'title':'t'}");
    expect_error(f, DAN, "forbidden");
    for (const char *key = "t,t1x,x1,A/b.c-d:e#f+g_h,9"; key;) {
        char one[32];
        snprintf(one, sizeof one, "%.*s", (int)strcspn(key, ","), key);
        add(f, ADA, one, "");
        expect_task(f, BOB, "added", one, "ready");
        key = strchr(key, ',') ? strchr(key, ',') + 1 : NULL;
    }
}

static void test_a_circle_is_refused_with_its_way(void **state)
{
    struct fixture *f = *state;
    join_all(f);
    add(f, ADA, "a", "");
    add(f, ADA, "b", "'a'");
    add(f, ADA, "c", "'b','a','b'");
    assert_string_equal(ids_of(task_of(f, "c"), "needs"), "b a"); /* each once */
    add(f, ADA, "d", "'c'");
    skip_all(f);
    say(f, ADA, "task", "{'id':'a','version':1,'needs':['d']}");
    json_t *error = expect_error(f, ADA, "conflict");
    assert_non_null(strstr(string_of(error, "detail"), "a needs d, which needs c, which needs "));
    assert_string_equal(ids_of(error, "circle"), "d c");
    say(f, ADA, "task", "{'id':'a','version':1,'needs':['a']}");
    assert_non_null(
        strstr(string_of(expect_error(f, ADA, "conflict"), "detail"), "circle: a needs a"));
    say(f, ADA, "task", "{'key':'e','title':'t','needs':['d'],'blocks':['b']}");
    error = expect_error(f, ADA, "conflict");
    assert_non_null(strstr(string_of(error, "detail"),
                           "e needs d, which needs c, which needs b, which needs e"));
    say(f, ADA, "task", "{'title':'t','needs':['b'],'blocks':['b']}");
    assert_non_null(strstr(string_of(expect_error(f, ADA, "conflict"), "detail"), "it needs b"));
    expect_nothing(f, BOB);
    say(f, ADA, "task", "{'key':'e','title':'t','needs':['b'],'blocks':['d']}"); /* no circle */
    expect_task(f, BOB, "added", "e", "blocked");
    assert_string_equal(ids_of(task_of(f, "d"), "needs"), "c e");
    assert_whole(f);
}

/* ── claims ── */

static void test_a_claim_is_a_lease_of_what_is_ready(void **state)
{
    struct fixture *f = *state;
    join_all(f);
    add(f, ADA, "a", "");
    add(f, ADA, "b", "'a'");
    skip_all(f);
    want(f, BOB, "b", 60);
    json_t *error = expect_error(f, BOB, "conflict");
    assert_string_equal(string_of(error, "detail"), "task b is blocked: it waits for a");
    assert_string_equal(ids_of(error, "blocked_by"), "a");
    want(f, BOB, "nowhere", 60);
    expect_error(f, BOB, "not_found");
    say(f, BOB, "lease_request", "{'key':'task:a','ttl_s':60,'intent':'now'}");
    json_t *lease = expect(f, BOB, "lease");
    assert_string_equal(string_of(lease, "status"), "granted");
    json_int_t fence = integer_of(lease, "fence");
    expect_no(f, CEY, "lease"); /* of which its holder alone is told */
    json_t *task = expect_task(f, CEY, "claimed", "a", "claimed");
    assert_string_equal(string_of(task, "holder"), "bob");
    assert_string_equal(string_of(task, "by"), "bob");
    assert_string_equal(string_of(task, "intent"), "now");
    assert_string_equal(string_of(task, "was"), "ready");
    assert_int_equal(integer_of(task, "fence"), fence);
    expect_nothing(f, CEY);
    expect_task(f, BOB, "claimed", "a", "claimed");
    want(f, CEY, "a", 60);
    lease = expect(f, CEY, "lease");
    assert_string_equal(string_of(lease, "status"), "held");
    assert_string_equal(string_of(lease, "holder"), "bob");
    want(f, BOB, "a", 60);
    assert_string_equal(string_of(expect(f, BOB, "lease"), "status"), "renewed");
    expect_nothing(f, CEY);
    want(f, CEY, "b", 60);
    assert_non_null(
        strstr(string_of(expect_error(f, CEY, "conflict"), "detail"), "a (claimed by \"bob\")"));
    say(f, BOB, "lease_release", "{'key':'task:a','fence':%lld,'done':true}", (long long)fence);
    expect_error(f, BOB, "bad_payload"); /* not so */
    say(f, BOB, "lease_release", "{'key':'task:a','fence':%lld}", (long long)fence);
    assert_string_equal(string_of(expect(f, BOB, "lease"), "status"), "released");
    task = expect_task(f, CEY, "released", "a", "ready");
    assert_string_equal(string_of(task, "held_by"), "bob");
    assert_true(json_is_null(json_object_get(task, "holder")));
    expect_nothing(f, CEY);
    assert_whole(f);
}

static void test_who_falls_silent_sets_it_free(void **state)
{
    struct fixture *f = *state;
    join_all(f);
    add(f, ADA, "a", "");
    want(f, BOB, "a", 5);
    json_int_t fence = integer_of(expect(f, BOB, "lease"), "fence");
    leave(f, BOB);
    skip_all(f);
    wait_heard(f, 6000, CEY);
    json_t *task = expect_task(f, CEY, "expired", "a", "ready");
    assert_string_equal(string_of(task, "held_by"), "bob");
    assert_true(json_is_null(json_object_get(task, "by")));
    assert_null(json_object_get(task, "in_reply_to"));
    json_int_t later = claimed(f, CEY, "a");
    assert_true(later > fence);
    join(f, BOB, "bob", 2, "");
    finish(f, BOB, "a", fence);
    json_t *error = expect_error(f, BOB, "stale_lease");
    assert_string_equal(string_of(error, "holder"), "cey");
    finish(f, CEY, "a", fence);
    expect_error(f, CEY, "stale_lease");
    finish(f, CEY, "a", later);
    expect_task(f, BOB, "done", "a", "done");
    skip_all(f);
    finish(f, CEY, "a", later);
    assert_non_null(strstr(string_of(expect_error(f, CEY, "conflict"), "detail"),
                           "task a is done already, by \"cey\""));
    want(f, BOB, "a", 5);
    error = expect_error(f, BOB, "conflict");
    assert_string_equal(string_of(json_object_get(error, "task"), "closed_by"), "cey");
    assert_int_equal(hub_count(fixture_hub(f)).leases, 0);
    assert_whole(f);
}

/* ── ends ── */

static void test_what_waited_for_it_becomes_ready(void **state)
{
    struct fixture *f = *state;
    join_all(f);
    add(f, ADA, "a", "");
    add(f, ADA, "b", "");
    add(f, ADA, "both", "'a','b'");
    add(f, ADA, "one", "'a'");
    add(f, ADA, "last", "'one','both'");
    json_int_t fence = claimed(f, BOB, "a");
    finish(f, BOB, "a", fence);
    json_t *lease = expect(f, BOB, "lease"); /* its claim is over, which is no answer */
    assert_string_equal(string_of(lease, "status"), "released");
    assert_null(json_object_get(lease, "in_reply_to"));
    json_t *task = expect_task(f, CEY, "done", "a", "done");
    assert_string_equal(ids_of(task, "ready"), "one");
    assert_string_equal(string_of(task, "was"), "claimed");
    assert_string_equal(string_of(task, "held_by"), "bob");
    assert_string_equal(string_of(task, "evidence_status"), "none");
    expect_nothing(f, CEY);
    add(f, ADA, "after", "'a'"); /* which is done */
    expect_task(f, CEY, "added", "after", "ready");
    say(f, ADA, "task", "{'id':'b','status':'dropped','why':'not wanted'}");
    task = expect_task(f, CEY, "dropped", "b", "dropped"); /* that keeps nobody waiting either */
    assert_string_equal(ids_of(task, "ready"), "both");
    assert_string_equal(string_of(task, "why"), "not wanted");
    done(f, CEY, "one");
    assert_status(f, "last", "blocked");
    assert_string_equal(ids_of(task_of(f, "last"), "blocked_by"), "both");
    /* who works on one finds what has to be done before */
    fence = claimed(f, CEY, "both");
    say(f, CEY, "task", "{'key':'before','title':'t','blocks':['both']}");
    assert_status(f, "both", "claimed");
    finish(f, CEY, "both", fence);
    json_t *error = expect_error(f, CEY, "conflict");
    assert_string_equal(ids_of(error, "blocked_by"), "before");
    json_int_t other = claimed(f, BOB, "before");
    finish(f, BOB, "before", other);
    task = expect_task(f, CEY, "done", "before", "done");
    assert_null(json_object_get(task, "ready")); /* cey has it already */
    skip_all(f);
    finish(f, CEY, "both", fence);
    assert_string_equal(ids_of(expect_task(f, BOB, "done", "both", "done"), "ready"), "last");
    skip_all(f);
    say(f, ADA, "task", "{'key':'more','title':'t','blocks':['both']}");
    expect_error(f, ADA, "conflict"); /* it is done */
    assert_int_equal(hub_count(fixture_hub(f)).tasks_closed, 5);
    assert_whole(f);
}

static void test_its_author_changes_it_drops_it_and_opens_it_again(void **state)
{
    struct fixture *f = *state;
    join_all(f);
    add(f, ADA, "a", "");
    add(f, ADA, "b", "'a'");
    add(f, ADA, "c", "'b'");
    skip_all(f);
    static const char *const orders[] = {"{'id':'b','version':1,'title':'mine'}",
                                         "{'id':'b','status':'dropped','why':'w'}"};
    for (unsigned i = 0; i < 2; i++) {
        say(f, BOB, "task", "%s", orders[i]);
        expect_error(f, BOB, "forbidden");
    }
    say(f, ADA, "task", "{'id':'b','version':1,'title':'other','body':'more','needs':[]}");
    json_t *task = expect_task(f, BOB, "edited", "b", "ready");
    assert_string_equal(string_of(task, "title"), "other");
    assert_string_equal(string_of(task, "body"), "more");
    assert_string_equal(string_of(task, "was"), "blocked");
    assert_int_equal(integer_of(task, "version"), 2);
    skip_all(f);
    say(f, ADA, "task", "{'id':'b','version':1,'title':'t'}");
    assert_int_equal(integer_of(expect_error(f, ADA, "conflict"), "version"), 2);
    json_int_t fence = claimed(f, BOB, "b");
    say(f, ADA, "task", "{'id':'b','status':'dropped','why':'w'}");
    json_t *lease = expect(f, BOB, "lease");
    assert_string_equal(string_of(lease, "status"), "released");
    task = expect_task(f, CEY, "dropped", "b", "dropped");
    assert_string_equal(string_of(task, "held_by"), "bob");
    assert_string_equal(ids_of(task, "ready"), "c");
    skip_all(f);
    finish(f, BOB, "b", fence);
    expect_error(f, BOB, "conflict");
    skip_all(f);
    say(f, ADA, "task", "{'id':'b','version':2,'title':'t'}");
    expect_error(f, ADA, "conflict");
    skip_all(f);
    say(f, BOB, "task", "{'id':'b','status':'open'}");
    expect_error(f, BOB, "forbidden");
    say(f, ADA, "task", "{'id':'b','status':'open','why':'after all'}");
    task = expect_task(f, CEY, "opened", "b", "ready");
    assert_string_equal(string_of(task, "why"), "after all");
    assert_status(f, "c", "blocked");
    done(f, CEY, "b");
    assert_status(f, "c", "ready");
    assert_whole(f);
}

static int let_in(void *ctx, const struct hub_login *login, struct hub_pass *ret_pass,
                  struct refusal *ret_refusal)
{
    (void)ctx, (void)ret_refusal;
    *ret_pass = (struct hub_pass){.owner = slice_is(login->ai_id, "cey")   ? slice_of("other")
                                           : slice_is(login->ai_id, "eve") ? slice_of("boss")
                                                                           : slice_of("team"),
                                  .admin = slice_is(login->ai_id, "eve")};
    return 0;
}

static void test_ais_of_its_owner_and_admins_may_change_it_too(void **state)
{
    struct fixture *f = *state;
    fixture_let_in(f, let_in);
    join(f, ADA, "ada", 2, "");
    join(f, BOB, "bob", 2, "");
    join(f, CEY, "cey", 2, "");
    join(f, EVE, "eve", 2, "");
    add(f, ADA, "a", "");
    skip_all(f);
    say(f, CEY, "task", "{'id':'a','version':1,'title':'t'}");
    expect_error(f, CEY, "forbidden");
    say(f, BOB, "task", "{'id':'a','version':1,'title':'t'}");
    expect_task(f, ADA, "edited", "a", "ready");
    say(f, EVE, "task", "{'id':'a','status':'dropped','why':'order'}");
    assert_string_equal(string_of(expect_task(f, ADA, "dropped", "a", "dropped"), "by"), "eve");
}

/* The seq of what was said last; nothing is unread. */
static json_int_t told_at(struct fixture *f)
{
    json_int_t seq = integer_of(expect_whole(f, CEY, "task"), "seq");
    skip_all(f);
    return seq;
}

static void retract(struct fixture *f, json_int_t seq)
{
    skip_all(f);
    say(f, EVE, "moderation", "{'action':'retract','target':{'seq':%lld},'reason':'r'}",
        (long long)seq);
    expect_no(f, EVE, "error");
}

static void test_what_an_admin_takes_back_is_known_no_more(void **state)
{
    struct fixture *f = *state;
    fixture_let_in(f, let_in);
    join(f, ADA, "ada", 2, "");
    join(f, BOB, "bob", 2, "");
    join(f, CEY, "cey", 2, "");
    join(f, EVE, "eve", 2, "");
    say(f, ADA, "task", "{'key':'a','title':'secret','body':'secret'}");
    json_int_t added = told_at(f);
    say(f, ADA, "task", "{'id':'a','version':1,'body':'other'}");
    json_int_t edited = told_at(f);
    retract(f, added);
    assert_string_equal(string_of(task_of(f, "a"), "title"), "retracted");
    assert_string_equal(string_of(task_of(f, "a"), "body"), "other");
    assert_int_equal(integer_of(task_of(f, "a"), "version"), 3);
    retract(f, edited);
    assert_string_equal(string_of(task_of(f, "a"), "body"), "");
    json_int_t fence = claimed(f, BOB, "a");
    say(f, BOB, "task",
        "{'id':'a','status':'done','fence':%lld,'why':'secret','evidence':[{'command':'secret',"
        "'exit':0}]}",
        (long long)fence);
    json_int_t finished = told_at(f);
    say(f, CEY, "evidence_report", "{'task':'a','exit':0,'note':'secret'}");
    json_int_t reported = told_at(f);
    retract(f, reported);
    json_t *report = json_array_get(
        json_object_get(json_array_get(json_object_get(task_of(f, "a"), "evidence"), 0), "reports"),
        0);
    assert_string_equal(string_of(report, "by"), "cey");
    assert_null(json_object_get(report, "note"));
    retract(f, finished);
    json_t *task = task_of(f, "a");
    assert_string_equal(string_of(task, "status"), "done");
    assert_string_equal(string_of(task, "evidence_status"), "none");
    assert_null(json_object_get(task, "why"));
    assert_whole(f);
}

/* ── asking ── */

static void test_who_asks_is_told_a_page_at_a_time(void **state)
{
    static const struct {
        const char *asked, *ids;
        int total;
    } questions[] = {{"{}", "a b c d e", 5},
                     {"{'limit':2}", "a b", 5},
                     {"{'status':'open'}", "b c e", 3},
                     {"{'status':'ready'}", "e", 1},
                     {"{'status':'blocked'}", "c", 1},
                     {"{'status':'claimed'}", "b", 1},
                     {"{'status':'done'}", "a", 1},
                     {"{'status':'dropped'}", "d", 1},
                     {"{'holder':'bob'}", "b", 1},
                     {"{'holder':'ada'}", "", 0},
                     {"{'author':'bob'}", "e", 1}};
    static const char *const wrong[] = {"{'status':'held'}", "{'status':7}",  "{'limit':0}",
                                        "{'limit':201}",     "{'after':'a'}", "{'id':7}"};
    struct fixture *f = *state;
    join_all(f);
    add(f, ADA, "a", "");
    add(f, ADA, "b", "'a'");
    add(f, ADA, "c", "'b'");
    add(f, ADA, "d", "");
    add(f, BOB, "e", "");
    done(f, CEY, "a");
    claimed(f, BOB, "b");
    say(f, ADA, "task", "{'id':'d','status':'dropped','why':'w'}");
    for (unsigned i = 0; i < sizeof questions / sizeof *questions; i++) {
        skip_all(f);
        say(f, CEY, "task_query", "%s", questions[i].asked);
        json_t *result = expect(f, CEY, "task_result");
        assert_string_equal(names_of(result), "counts,in_reply_to,next,tasks,total");
        assert_string_equal(ids_of(result, "tasks"), questions[i].ids);
        assert_int_equal(integer_of(result, "total"), questions[i].total);
        json_t *counts = json_object_get(result, "counts");
        assert_string_equal(names_of(counts), "blocked,claimed,done,dropped,ready");
        assert_int_equal(integer_of(counts, "ready"), 1);
        expect_nothing(f, ADA);
    }
    for (unsigned i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        say(f, CEY, "task_query", "%s", wrong[i]);
        expect_error(f, CEY, "bad_payload");
    }
    json_int_t after = 0;
    for (unsigned page = 0; page < 3; page++) {
        say(f, CEY, "task_query", "{'limit':2,'after':%lld}", (long long)after);
        json_t *result = expect(f, CEY, "task_result");
        assert_int_equal(json_array_size(json_object_get(result, "tasks")), page < 2 ? 2 : 1);
        assert_int_equal(json_is_null(json_object_get(result, "next")), page == 2);
        after = page < 2 ? integer_of(result, "next") : 0;
    }
    say(f, DAN, "task_query", "{}");
    expect_error(f, DAN, "forbidden");
    say(f, EVE, "task_query", "{'id':'c'}");
    assert_string_equal(string_of(json_object_get(expect(f, EVE, "task_result"), "task"), "status"),
                        "blocked");
    say(f, CEY, "task_query", "{'id':'nowhere'}");
    expect_error(f, CEY, "not_found");
}

/* ── bounds ── */

static void test_tasks_have_bounds(void **state)
{
    struct fixture *f = *state;
    unsigned peer = FAY;
    for (unsigned i = 0; i < TASKS_OPEN_MAX; i++) { /* one is there at a time, to be told of it */
        char name[32];
        snprintf(name, sizeof name, "ai%u", i / TASKS_OPEN_EACH_MAX);
        if (i % TASKS_OPEN_EACH_MAX == 0)
            join(f, ++peer, name, 2, "'sync':'none'");
        say(f, peer, "task", "{'key':'k%u','title':'t'}", i);
        if (i % TASKS_OPEN_EACH_MAX < TASKS_OPEN_EACH_MAX - 1)
            continue;
        skip_all(f);
        say(f, peer, "task", "{'title':'t'}");
        assert_limit(expect_error(f, peer, "quota_exceeded"), "tasks",
                     i == TASKS_OPEN_MAX - 1 ? "room" : "ai",
                     i == TASKS_OPEN_MAX - 1 ? TASKS_OPEN_MAX : TASKS_OPEN_EACH_MAX);
        leave(f, peer);
    }
    join(f, ADA, "ai0", 2, "");
    join(f, BOB, "bob", 2, "");
    join(f, CEY, "cey", 2, "");
    say(f, ADA, "task", "{'id':'k0','status':'dropped','why':'w'}");
    say(f, BOB, "task", "{'key':'bobs-first','title':'t'}");
    skip_all(f);
    say(f, ADA, "task", "{'id':'k1','status':'dropped','why':'w'}");
    expect_task(f, CEY, "dropped", "k1", "dropped");
    say(f, ADA, "task", "{'id':'k0','status':'open'}");
    expect_task(f, CEY, "opened", "k0", "ready");
    skip_all(f);
    say(f, ADA, "task", "{'id':'k1','status':'open'}");
    assert_limit(expect_error(f, ADA, "quota_exceeded"), "tasks", "room", TASKS_OPEN_MAX);
    assert_whole(f);
}

static void test_what_waits_for_what_has_bounds(void **state)
{
    struct fixture *f = *state;
    struct text needs = {0}, blocks = {0};
    join_all(f);
    for (unsigned i = 0; i < TASK_BLOCKS_MAX + 1; i++) {
        say(f, ADA, "task", "{'key':'k%u','title':'t'}", i);
        if (i <= TASK_NEEDS_MAX)
            text_addf(&needs, "%s'k%u'", i ? "," : "", i);
        text_addf(&blocks, "%s'k%u'", i ? "," : "", i);
    }
    skip_all(f);
    say(f, ADA, "task", "{'title':'t','needs':[%.*s]}", SLICE_FORMAT(needs));
    assert_limit(expect_error(f, ADA, "quota_exceeded"), "needs", "task", TASK_NEEDS_MAX);
    say(f, ADA, "task", "{'title':'t','blocks':[%.*s]}", SLICE_FORMAT(blocks));
    assert_limit(expect_error(f, ADA, "quota_exceeded"), "blocks", "task", TASK_BLOCKS_MAX);
    needs.len -= strlen(",'k64'");
    say(f, ADA, "task", "{'key':'full','title':'t','needs':[%.*s]}", SLICE_FORMAT(needs));
    expect_task(f, ADA, "added", "full", "blocked");
    say(f, ADA, "task", "{'title':'t','blocks':['full']}");
    assert_limit(expect_error(f, ADA, "quota_exceeded"), "needs", "task", TASK_NEEDS_MAX);
    blocks.len -= strlen(",'k256'");
    say(f, ADA, "task", "{'key':'root','title':'t','blocks':[%.*s]}", SLICE_FORMAT(blocks));
    expect_task(f, ADA, "added", "root", "ready");
    add(f, ADA, "late", "'root'");
    assert_limit(expect_error(f, ADA, "quota_exceeded"), "blocks", "task", TASK_BLOCKS_MAX);
    text_free(&needs);
    text_free(&blocks);
    assert_whole(f);
}

static void test_their_bytes_have_bounds(void **state)
{
    static char body[TASK_BODY_BYTES_MAX + 2];
    struct fixture *f = *state;
    memset(body, 'b', TASK_BODY_BYTES_MAX + 1);
    join(f, ADA, "ada", 2, "");
    say(f, ADA, "task", "{'title':'t','body':'%s'}", body);
    expect_error(f, ADA, "bad_payload");
    body[TASK_BODY_BYTES_MAX] = '\0';
    join(f, BOB, "bob", 2, "");
    join(f, CEY, "cey", 2, "");
    for (unsigned peer = ADA; peer <= CEY; peer++) {
        size_t before;
        do {
            before = hub_count(fixture_hub(f)).tasks_open;
            skip_all(f);
            say(f, peer, "task", "{'title':'t','body':'%s'}", body);
        } while (hub_count(fixture_hub(f)).tasks_open > before);
        assert_limit(expect_error(f, peer, "quota_exceeded"), "task_bytes",
                     peer == CEY ? "room" : "ai",
                     peer == CEY ? TASKS_BYTES_MAX : TASKS_BYTES_EACH_MAX);
    }
    assert_whole(f);
}

/* Those longest closed are forgotten; what needed them needs them no more. */
static void test_the_longest_closed_go(void **state)
{
    struct fixture *f = *state;
    join(f, CEY, "cey", 2, "");
    add(f, CEY, "old", "");
    add(f, CEY, "waits", "'old'");
    say(f, CEY, "task", "{'id':'old','status':'dropped','why':'w'}");
    for (unsigned i = 0; i < TASKS_CLOSED_MAX; i++) {
        if (i == TASKS_CLOSED_MAX - 1)
            assert_string_equal(ids_of(task_of(f, "waits"), "needs"), "old");
        say(f, CEY, "task", "{'key':'k%u','title':'t'}", i);
        say(f, CEY, "task", "{'id':'k%u','status':'dropped','why':'w'}", i);
        skip_all(f);
    }
    say(f, CEY, "task_query", "{'id':'old'}");
    expect_error(f, CEY, "not_found");
    assert_string_equal(ids_of(task_of(f, "waits"), "needs"), "");
    assert_status(f, "waits", "ready");
    assert_int_equal(hub_count(fixture_hub(f)).tasks_closed, TASKS_CLOSED_MAX);
    assert_whole(f);
}

/* ── many at once ── */

enum { TASKS = 60, WORKERS = 6, FREE = -1 };

struct work {
    struct fixture *f;
    uint64_t chance;
    unsigned long long needs[TASKS]; /* a bit for each */
    bool done[TASKS];
    unsigned left;
    int holder[TASKS], claim[WORKERS]; /* FREE: nobody, nothing */
    json_int_t fence[WORKERS];
};

static unsigned draw(struct work *work, unsigned below)
{
    work->chance = work->chance * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)(work->chance >> 33) % below;
}

static bool waits(const struct work *work, int task)
{
    for (unsigned i = 0; i < TASKS; i++)
        if ((work->needs[task] >> i & 1) && !work->done[i])
            return true;
    return false;
}

/* Some need what is there, some are needed by it. */
static void list_up(struct work *work)
{
    for (unsigned i = 0; i < TASKS; i++) {
        bool behind = draw(work, 3) > 0;
        struct text named = {0};
        for (unsigned k = i ? draw(work, 4) : 0; k > 0; k--) {
            unsigned other = draw(work, i);
            work->needs[behind ? i : other] |= 1ull << (behind ? other : i);
            text_addf(&named, "%s'k%u'", named.len ? "," : "", other);
        }
        say(work->f, ADA, "task", "{'key':'k%u','title':'t','%s':[%.*s]}", i,
            behind ? "needs" : "blocks", SLICE_FORMAT(named));
        text_free(&named);
        skip_all(work->f);
    }
}

/* A claim of anything, by a worker that has none: what comes of it follows from the above. */
static void try_claim(struct work *work, unsigned worker)
{
    struct fixture *f = work->f;
    int task = (int)draw(work, TASKS);
    char id[16];
    snprintf(id, sizeof id, "k%d", task);
    want(f, FAY + worker, id, 5);
    if (work->done[task] || waits(work, task)) {
        expect_error(f, FAY + worker, "conflict");
        return;
    }
    json_t *lease = expect(f, FAY + worker, "lease");
    bool held = work->holder[task] != FREE;
    assert_string_equal(string_of(lease, "status"), held ? "held" : "granted");
    skip_all(f);
    if (held)
        return;
    work->holder[task] = (int)worker;
    work->claim[worker] = task;
    work->fence[worker] = integer_of(lease, "fence");
}

static void finish_own(struct work *work, unsigned worker)
{
    struct fixture *f = work->f;
    char id[16];
    int task = work->claim[worker];
    snprintf(id, sizeof id, "k%d", task);
    finish(f, FAY + worker, id, work->fence[worker]);
    expect_task(f, ADA, "done", id, "done");
    skip_all(f);
    work->done[task] = true;
    work->holder[task] = work->claim[worker] = FREE;
    work->left--;
}

/* It is killed; what it held is free in time; and when it is back, what it had done is no news. */
static void die(struct work *work, unsigned worker)
{
    struct fixture *f = work->f;
    char id[16], name[16];
    int task = work->claim[worker];
    leave(f, FAY + worker);
    for (unsigned second = 0; second < 6; second++) {
        for (unsigned i = 0; i < WORKERS; i++)
            if (i != worker)
                say(f, FAY + i, "heartbeat", "{}");
        say(f, ADA, "heartbeat", "{}");
        wait_ticking(f, 1000);
    }
    snprintf(id, sizeof id, "k%d", task);
    expect_task(f, ADA, "expired", id, "ready");
    work->holder[task] = work->claim[worker] = FREE;
    snprintf(name, sizeof name, "worker%u", worker);
    join(f, FAY + worker, name, 2, "");
    finish(f, FAY + worker, id, work->fence[worker]);
    expect_error(f, FAY + worker, "stale_lease");
}

/* A hub that applied the same entries, and that nobody hears. */
static void mute_effect(void *ctx, const struct effect *effect)
{
    (void)ctx, (void)effect;
}

static void mute_joined(void *ctx, peer_id peer)
{
    (void)ctx, (void)peer;
}

static void assert_replays(struct fixture *f)
{
    struct hub_config config = fixture_config();
    struct hub_edge edge = fixture_edge(f);
    struct text dumps[2] = {{0}, {0}};
    edge.effect = mute_effect;
    edge.joined = mute_joined;
    struct hub *hub = hub_new(&config, &edge);
    fixture_replay(f, hub);
    hub_dump(fixture_hub(f), slice_of("main"), &dumps[0]);
    hub_dump(hub, slice_of("main"), &dumps[1]);
    assert_true(slice_equal(text_slice(&dumps[0]), text_slice(&dumps[1])));
    text_free(&dumps[0]);
    text_free(&dumps[1]);
    hub_free(hub);
}

static void test_whoever_dies_each_task_is_done_once(void **state)
{
    (void)state;
    for (unsigned seed = 1; seed <= 12; seed++) {
        struct hub_config config = fixture_config();
        struct work work = {.f = fixture_new(&config), .chance = seed, .left = TASKS};
        char name[16];
        memset(work.holder, FREE, sizeof work.holder); /* each byte of -1 is the same */
        memset(work.claim, FREE, sizeof work.claim);
        join(work.f, ADA, "ada", 2, "");
        for (unsigned i = 0; i < WORKERS; i++) {
            snprintf(name, sizeof name, "worker%u", i);
            join(work.f, FAY + i, name, 2, "");
        }
        list_up(&work);
        while (work.left) {
            unsigned worker = draw(&work, WORKERS);
            if (work.claim[worker] == FREE)
                try_claim(&work, worker);
            else if (draw(&work, 6))
                finish_own(&work, worker);
            else
                die(&work, worker);
        }
        assert_int_equal(hub_count(fixture_hub(work.f)).tasks_closed, TASKS);
        assert_int_equal(hub_count(fixture_hub(work.f)).leases, 0);
        assert_whole(work.f);
        assert_replays(work.f);
        fixture_free(work.f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TASK_TEST(test_one_is_added_and_all_of_level_2_hear),
        TASK_TEST(test_what_is_no_task_is_refused),
        TASK_TEST(test_a_circle_is_refused_with_its_way),
        TASK_TEST(test_a_claim_is_a_lease_of_what_is_ready),
        TASK_TEST(test_who_falls_silent_sets_it_free),
        TASK_TEST(test_what_waited_for_it_becomes_ready),
        TASK_TEST(test_its_author_changes_it_drops_it_and_opens_it_again),
        TASK_TEST(test_ais_of_its_owner_and_admins_may_change_it_too),
        TASK_TEST(test_what_an_admin_takes_back_is_known_no_more),
        TASK_TEST(test_who_asks_is_told_a_page_at_a_time),
        TASK_TEST(test_tasks_have_bounds),
        TASK_TEST(test_what_waits_for_what_has_bounds),
        TASK_TEST(test_their_bytes_have_bounds),
        TASK_TEST(test_the_longest_closed_go),
        cmocka_unit_test(test_whoever_dies_each_task_is_done_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
