/* What an AI node does with what others share: it runs it, once, reports, and minds who was
 * caught. */
#include "node_fixture.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "wire/commitment.h"

static void test_things_are_checked_once(void **state)
{
    (void)state;
    struct node *node = node_make();
    say(node, "bob", "pattern_share", "{\"pattern\":{\"id\":\"p1\"}}");
    say(node, "bob", "pattern_share", "{\"pattern\":{\"id\":\"p1\"}}");
    say(node, "cyd", "pattern_share",
        "{\"pattern\":{\"id\":\"p1\"}}"); /* another's of the same name */
    say(node, "bob", "os_component_share", "{\"component\":{\"id\":\"c1\"}}");
    say(node, "ada", "pattern_share", "{\"pattern\":{\"id\":\"own\"}}");
    say(node, "bob", "pattern_share", "{\"pattern\":{}}");
    say(node, "bob", "pattern_share", "{\"pattern\":\"p9\"}");
    say(node, "bob", "pattern_share", "{}");
    work(node);
    assert_int_equal(calls.checked, 3);
    assert_int_equal(calls.taken, 3);
    assert_int_equal(node->count.patterns_taken_in, 2);
    assert_int_equal(node->count.components_taken_in, 1);
    assert_int_equal(node->count.reports_sent, 3);
    /* Who is caught lying is not listened to for ever. */
    for (unsigned i = 0; i < REFUTED_MAX + 5; i++) {
        char payload[80];
        snprintf(payload, sizeof payload, "{\"pattern\":{\"id\":\"l%u\",\"lie\":1}}", i);
        say(node, "eve", "pattern_share", payload);
        work(node);
    }
    assert_int_equal(node->count.patterns_refuted, REFUTED_MAX);
    assert_int_equal(calls.taken, 3);
    node_unmake(node);
}

/* More than the worker can take: the rest is let go and counted, and sessions are still first. */
static void test_flood_of_patterns(void **state)
{
    (void)state;
    struct node *node = node_make();
    for (unsigned i = 0; i < 10 * JOBS_CHECK_MAX; i++) {
        char payload[80];
        snprintf(payload, sizeof payload, "{\"pattern\":{\"id\":\"p%u\"}}", i);
        say(node, "bob", "pattern_share", payload);
    }
    assert_true(jobs_waiting(&node->jobs, JOB_CHECK) <= JOBS_CHECK_MAX);
    work(node);
    assert_true(calls.checked <= JOBS_CHECK_MAX + 1);
    assert_int_equal(node->count.link_skipped + calls.checked, 10 * JOBS_CHECK_MAX);
    node_unmake(node);
}

/* The brain measures on workloads of a secret, which is told once, at the end, if it did. */
static void test_the_salt_of_own_workloads_is_told_at_the_end(void **state)
{
    (void)state;
    unsigned char digest[32];
    char sha256[COMMITMENT_DIGEST_SIZE];
    struct node *node = node_make();
    salt_take(node);
    assert_int_equal(strspn(calls.salt, "0123456789abcdef"), SALT_DIGITS);
    assert_int_equal(strlen(calls.salt), SALT_DIGITS);
    EVP_Digest(calls.salt, SALT_DIGITS, digest, NULL, EVP_sha256(), NULL);
    commitment_digest_format(digest, sha256);
    assert_string_equal(calls.sha256, sha256);
    salt_reveal(node); /* it has measured nothing on them */
    assert_int_equal(said_of("chat"), 0);
    say(node, "bob", "pattern_share", "{\"pattern\":{\"id\":\"p\"}}");
    work(node);
    assert_int_equal(said_of("performance_report"), 1);
    salt_reveal(node);
    assert_int_equal(said_of("chat"), 1);
    assert_string_equal(payload_string(said_last("chat")->payload, "salt", 64), calls.salt);
    salt_reveal(node);
    assert_int_equal(said_of("chat"), 1);
    node_unmake(node);
}

static void test_reports_say_how_to_repeat_it(void **state)
{
    (void)state;
    struct node *node = node_make();
    say(node, "bob", "pattern_share", "{\"pattern\":{\"id\":\"p1\"}}");
    work(node);
    const json_t *report = said_last("performance_report")->payload;
    const json_t *metrics = json_object_get(report, "performance");
    assert_string_equal(payload_string(report, "component_id", 64), "p1");
    assert_string_equal(payload_string(metrics, "nonce", 64), "00112233445566778899aabbccddeeff");
    assert_int_equal(json_integer_value(json_object_get(metrics, "n")), 64);
    assert_true(json_number_value(json_object_get(metrics, "ratio")) == 0.7);
    node_unmake(node);
}

static void share(struct node *node, const char *sender, const char *id, bool lie)
{
    say_json(node, sender, "pattern_share",
             lie ? json_pack("{s:{s:s,s:b}}", "pattern", "id", id, "lie", 1)
                 : json_pack("{s:{s:s}}", "pattern", "id", id));
}

static void verified(struct node *node, const char *author, const char *was, const char *status)
{
    say_json(node, "hub", "verification",
             json_pack("{s:s,s:s,s:s,s:s,s:s,s:i,s:i}", "id", "x", "section", "shared_patterns",
                       "author", author, "was", was, "status", status, "agreeing", 2, "disagreeing",
                       0));
}

/* The hub tells what an author's claim came to, with what one AI had found of it. */
static void measured(struct node *node, const char *author, const char *id, const char *by,
                     bool agrees)
{
    say_json(node, "hub", "verification",
             json_pack("{s:s,s:s,s:s,s:s,s:s,s:i,s:i,s:{s:[{s:s,s:b}]}}", "id", id, "section",
                       "shared_patterns", "author", author, "was", "claimed", "status", "contested",
                       "agreeing", 1, "disagreeing", 1, "verification", "verifiers", "ai_id", by,
                       "agrees", agrees));
}

/* Many things of one AI leave the queue to others. */
static void test_no_one_fills_the_queue(void **state)
{
    (void)state;
    struct node *node = node_make();
    for (unsigned i = 0; i < JOBS_CHECK_MAX; i++) {
        char id[16];
        snprintf(id, sizeof id, "e%u", i);
        share(node, "eve", id, false);
    }
    share(node, "bob", "b", false);
    assert_true(jobs_waiting(&node->jobs, JOB_CHECK) <= CHECKS_OF_ONE_MAX + 1);
    work(node);
    assert_non_null(strstr(calls.order, "b "));
    node_unmake(node);
}

static void test_verifications_of_its_own(void **state)
{
    (void)state;
    struct node *node = node_make();
    verified(node, "ada", "claimed", "confirmed");
    verified(node, "ada", "claimed", "confirmed");
    verified(node, "ada", "claimed", "contested");
    verified(node, "bob", "claimed", "confirmed");
    say(node, "eve", "verification",
        "{\"id\":\"x\",\"author\":\"ada\",\"was\":\"confirmed\",\"status\":\"refuted\"}");
    assert_int_equal(node->count.claims_confirmed, 2);
    assert_int_equal(node->count.claims_contested, 1);
    assert_int_equal(node->count.claims_refuted, 0);
    /* It counts how they stand, not how often they changed. */
    verified(node, "ada", "contested", "refuted");
    verified(node, "ada", "confirmed", "contested");
    assert_int_equal(node->count.claims_confirmed, 1);
    assert_int_equal(node->count.claims_contested, 1);
    assert_int_equal(node->count.claims_refuted, 1);
    node_unmake(node);
}

static void test_the_refuted_are_not_heard(void **state)
{
    (void)state;
    struct node *node = node_make();
    share(node, "eve", "e1", false); /* this one is being run already */
    share(node, "eve", "e2", false);
    share(node, "bob", "b1", false);
    share(node, "eve", "e3", false);
    verified(node, "eve", "claimed", "refuted");
    assert_int_equal(jobs_waiting(&node->jobs, JOB_CHECK), 1);
    share(node, "eve", "e4", false);
    work(node);
    assert_string_equal(calls.order, "e1 b1 ");
    /* Of bob all was found to hold: two others can't silence him. But they are believed when one
     * does not. */
    measured(node, "bob", "b1", "ada", true);
    verified(node, "bob", "claimed", "refuted");
    share(node, "bob", "b2", false);
    share(node, "bob", "b3", true);
    work(node);
    share(node, "bob", "b4", false);
    work(node);
    assert_string_equal(calls.order, "e1 b1 b2 b3 ");
    node_unmake(node);
}

static json_t *entry(const char *id, const char *contributor, const char *subject, double train)
{
    return json_pack("{s:{s:s,s:s,s:s,s:f},s:s,s:{s:s}}", "pattern", "id", id, "subject", subject,
                     "subject_version", "1", "ratio_train", train, "contributor", contributor,
                     "verification", "status", "claimed");
}

static json_t *verified_entry(const char *id, const char *contributor, double train,
                              const char *status, const char *verifier, double own)
{
    json_t *json = entry(id, contributor, "process_manager", train);
    json_object_set_new(json, "verification",
                        json_pack("{s:s,s:[{s:s,s:f}]}", "status", status, "verifiers", "ai_id",
                                  verifier, "ratio_own", own));
    return json;
}

static void sync_take(struct node *node, json_t *patterns, json_t *features, json_t *ledger)
{
    say_json(node, "hub", "training_sync",
             json_pack("{s:[],s:[],s:{s:o,s:o},s:o}", "active_ais", "collaboration_opportunities",
                       "global_knowledge_base", "shared_patterns", patterns, "collective_features",
                       features, "ledger", ledger));
}

/* The confirmed first, by what their verifiers measured; then by their own word. Never the
 * refuted, nor of whom one was. */
static void test_elites_in_order(void **state)
{
    (void)state;
    struct node *node = node_make();
    json_t *patterns = json_object();
    json_object_set_new(patterns, "1", entry("word2", "bob", "process_manager", 0.6));
    json_object_set_new(patterns, "2", entry("word1", "cyd", "process_manager", 0.5));
    json_object_set_new(patterns, "3", verified_entry("conf2", "dan", 0.1, "confirmed", "x", 0.8));
    json_object_set_new(patterns, "4", verified_entry("conf1", "eli", 0.9, "confirmed", "x", 0.7));
    json_object_set_new(patterns, "5", verified_entry("ref", "fay", 0.1, "refuted", "x", 0.1));
    json_object_set_new(patterns, "6", verified_entry("liar", "eve", 0.1, "claimed", "x", 0.1));
    json_object_set_new(patterns, "7", entry("other", "gil", "audio", 0.1));
    json_object_set_new(patterns, "8", entry("own", "ada", "process_manager", 0.1));
    json_object_set_new(patterns, "9", verified_entry("one", "hal", 0.9, "claimed", "x", 0.9));
    sync_take(node, patterns, json_object(),
              json_pack("{s:{s:i},s:{s:i}}", "eve", "refuted", 1, "bob", "refuted", 0));
    work(node);
    assert_string_equal(calls.order, "conf1 conf2 one word1 word2 ");
    node_unmake(node);
}

/* A newcomer checks modules too, which are components; one of parameters says no more than its
 * author's pattern. */
static void test_modules_are_elites(void **state)
{
    (void)state;
    struct node *node = node_make();
    json_t *patterns = json_object(), *features = json_object();
    json_object_set_new(patterns, "1", entry("found", "bob", "process_manager", 0.6));
    for (int i = 0; i < 3; i++) {
        char id[16];
        snprintf(id, sizeof id, "c%d", i);
        json_t *one = entry(id, "cyd", "process_manager", 0.5);
        json_t *thing = json_incref(json_object_get(one, "pattern"));
        if (i > 0)
            json_object_set_new(thing, "source", json_string("int x;"));
        if (i < 2)
            json_object_set_new(thing, "parameters", json_object());
        json_object_del(one, "pattern");
        json_object_set_new(one, "component", thing);
        json_object_set_new(features, id, one);
    }
    sync_take(node, patterns, features, json_object());
    work(node);
    assert_string_equal(calls.order, "c2 found ");
    node_unmake(node);
}

/* What proves nothing, or is of another version of the subject, takes no place from what can be
 * run. */
static void test_elites_can_be_run(void **state)
{
    (void)state;
    for (unsigned referee = 0; referee < 2; referee++) {
        wishes.referee = referee;
        struct node *node = node_make();
        json_t *patterns = json_object();
        for (int i = 0; i < 100; i++) {
            char id[16], who[16];
            snprintf(id, sizeof id, "o%d", i);
            snprintf(who, sizeof who, "w%d", i);
            json_t *odd = verified_entry(id, who, 0.1, "confirmed", "x", 0.1);
            if (referee)
                json_object_del(odd, "verification");
            else
                json_object_set_new(json_object_get(odd, "pattern"), "subject_version",
                                    json_string("0"));
            json_object_set_new(patterns, id, odd);
        }
        json_object_set_new(patterns, "new", entry("new", "bob", "process_manager", 0.9));
        sync_take(node, patterns, json_object(), json_object());
        work(node);
        assert_string_equal(calls.order, "new ");
        node_unmake(node);
    }
}

/* Many promises of one AI leave room for the others, and thousands cost no more than a few. */
static void test_elites_are_shared_out(void **state)
{
    (void)state;
    struct node *node = node_make();
    json_t *patterns = json_object();
    for (int i = 0; i < 3000; i++) {
        char id[16];
        snprintf(id, sizeof id, "p%d", i);
        const char *who = i < 1000 ? "eve" : i < 2000 ? "mal" : i < 2002 ? "bob" : "ada";
        json_object_set_new(patterns, id,
                            entry(id, who, "process_manager", i < 2000 ? 0.5 - 0.0001 * i : 0.7));
    }
    node_member(node, "mal", true)->refuted = REFUTED_MAX;
    sync_take(node, patterns, json_object(), json_object());
    assert_int_equal(node->count.patterns_received, 4);
    work(node);
    assert_string_equal(calls.order, "p999 p998 p2000 p2001 "); /* two of eve's, two of bob's */
    patterns = json_object();
    for (int i = 0; i < 100; i++) {
        char id[16], who[16];
        snprintf(id, sizeof id, "q%d", i);
        snprintf(who, sizeof who, "w%d", i / 4);
        json_object_set_new(patterns, id, entry(id, who, "process_manager", 0.9));
    }
    sync_take(node, patterns, json_object(), json_object());
    assert_int_equal(node->count.patterns_received, 4 + ELITES_MAX);
    work(node);
    node_unmake(node);
}

/* The referee checks all subjects, patterns and components; first what has too few verifiers,
 * and nothing twice. */
static void test_the_referee(void **state)
{
    (void)state;
    wishes.referee = true;
    struct node *node = node_make();
    json_t *patterns = json_object(), *features = json_object();
    json_t *two = verified_entry("two", "bob", 0.1, "confirmed", "x", 0.1);
    json_array_append_new(json_object_get(json_object_get(two, "verification"), "verifiers"),
                          json_pack("{s:s}", "ai_id", "y"));
    json_object_set_new(patterns, "1", two);
    json_object_set_new(patterns, "2", entry("none", "bob", "audio", 0.1));
    json_object_set_new(patterns, "3", verified_entry("done", "bob", 0.1, "claimed", "ada", 0.1));
    json_object_set_new(features, "4",
                        json_pack("{s:{s:s,s:s},s:s,s:{s:s}}", "component", "id", "part", "subject",
                                  "networking", "contributor", "cyd", "verification", "status",
                                  "claimed"));
    sync_take(node, patterns, features, json_object());
    share(node, "dan", "new", false);
    work(node);
    assert_string_equal(calls.order, "none part two new ");
    assert_int_equal(node->count.components_received, 1);
    node_unmake(node);
}

/* Of what it measured itself it hears from the hub whether its author said the same; once. */
static void test_what_its_measurements_came_to(void **state)
{
    (void)state;
    struct node *node = node_make();
    share(node, "eve", "e1", false);
    work(node);
    assert_int_equal(node->count.patterns_refuted, 0);
    measured(node, "eve", "e1", "bob", false); /* what others found is not its own */
    assert_int_equal(node->count.patterns_refuted, 0);
    for (unsigned i = 0; i < 2; i++)
        measured(node, "eve", "e1", "ada", false);
    assert_int_equal(node->count.patterns_refuted, 1);
    for (unsigned i = 1; i < REFUTED_MAX; i++) {
        char id[16];
        snprintf(id, sizeof id, "l%u", i);
        measured(node, "eve", id, "ada", false);
    }
    share(node, "eve", "e2", false);
    work(node);
    assert_string_equal(calls.order, "e1 ");
    node_unmake(node);
}

/* What others found of its own. */
static void test_measurements_of_its_own(void **state)
{
    (void)state;
    struct node *node = node_make();
    measured(node, "ada", "p1", "eve", true);
    assert_int_equal(node->count.reports_confirmed, 0);
    claim_through(node, claim_make("pattern", "p1", 0.5));
    for (unsigned i = 0; i < 2; i++)
        measured(node, "ada", "p1", "eve", true);
    measured(node, "ada", "p1", "bob", false);
    assert_int_equal(node->count.reports_confirmed, 1);
    assert_int_equal(node->count.reports_refuted, 1);
    node_unmake(node);
}

/* What this AI never shared nobody can confirm. */
static void test_reports_on_its_own(void **state)
{
    (void)state;
    struct node *node = node_make();
    static const char report[] = "{\"component_id\":\"p1\",\"performance\":{\"claim_holds\":true}}";
    say(node, "eve", "performance_report", report);
    assert_int_equal(node->count.reports_confirmed, 0);
    claim_through(node, claim_make("pattern", "p1", 0.5));
    say(node, "eve", "performance_report", report);
    say(node, "eve", "performance_report", report);
    assert_int_equal(node->count.reports_confirmed, 1);
    node_unmake(node);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_things_are_checked_once),
        cmocka_unit_test(test_flood_of_patterns),
        cmocka_unit_test(test_the_salt_of_own_workloads_is_told_at_the_end),
        cmocka_unit_test(test_reports_say_how_to_repeat_it),
        cmocka_unit_test(test_no_one_fills_the_queue),
        cmocka_unit_test(test_verifications_of_its_own),
        cmocka_unit_test(test_the_refuted_are_not_heard),
        cmocka_unit_test(test_what_its_measurements_came_to),
        cmocka_unit_test(test_measurements_of_its_own),
        cmocka_unit_test(test_elites_in_order),
        cmocka_unit_test(test_modules_are_elites),
        cmocka_unit_test(test_elites_can_be_run),
        cmocka_unit_test(test_elites_are_shared_out),
        cmocka_unit_test(test_the_referee),
        cmocka_unit_test(test_reports_on_its_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
