/* Every way to publish: the exact payload, judged by the hub's own parser; and every way to get it
 * wrong. */
#include "client_fixture.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define DIGEST "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define OBJECT "{\"id\":\"p1\",\"n\":[1,2.50,-0e9]}"

static const char *const some[] = {"a", "\"b\"", NULL};

static int publish_raw(struct khub *link)
{
    return khub_publish(link, "code_share", "{\"code\":{}}", "eve", NULL);
}
static int pattern(struct khub *link)
{
    return khub_share_pattern(link, OBJECT);
}
static int code(struct khub *link)
{
    return khub_share_code(link, OBJECT);
}
static int component(struct khub *link)
{
    return khub_share_component(link, OBJECT);
}
static int answer(struct khub *link)
{
    return khub_answer_feature(link, "eve", "ra\"id", OBJECT);
}
static int performance(struct khub *link)
{
    return khub_report_performance(link, "c/1", OBJECT);
}
static int commit(struct khub *link)
{
    return khub_commit(link, "audio", "1", DIGEST);
}
static int feature(struct khub *link)
{
    return khub_request_feature(link, "raid", NULL);
}
static int feature_with_needs(struct khub *link)
{
    return khub_request_feature(link, "raid", "{\"disks\":2}");
}
static int collaboration(struct khub *link)
{
    return khub_request_collaboration(link, "cross_specialization", "let's", NULL, some, NULL);
}
static int collaboration_with(struct khub *link)
{
    return khub_request_collaboration(link, "t", "d", "eve", NULL, some);
}
static int accept_it(struct khub *link)
{
    return khub_respond_collaboration(link, "s1", true, NULL);
}
static int decline(struct khub *link)
{
    return khub_respond_collaboration(link, "s1", false, "busy");
}
static int progress(struct khub *link)
{
    return khub_report_progress(link, "s1", 0.25, "a quarter");
}
static int progress_none(struct khub *link)
{
    return khub_report_progress(link, "s1", 0, NULL);
}
static int progress_all(struct khub *link)
{
    return khub_report_progress(link, "s1", 1, NULL);
}
static int cancel(struct khub *link)
{
    return khub_end_collaboration(link, "s1", "cancelled", "no time");
}
static int give_up(struct khub *link)
{
    return khub_end_collaboration(link, "s1", "failed", NULL);
}
static int complete(struct khub *link)
{
    return khub_complete_collaboration(link, "s1", OBJECT);
}
static int workspace(struct khub *link)
{
    return khub_update_workspace(link, "s1", "k", " [1,\n\"two\"]\r\n", UINT64_MAX);
}
static int lease(struct khub *link)
{
    return khub_request_lease(link, "feature/ra\"id", 3600, "to build it");
}
static int lease_no_intent(struct khub *link)
{
    return khub_request_lease(link, "k", 1, NULL);
}
static int lease_back(struct khub *link)
{
    return khub_release_lease(link, "k", 7, true);
}
static int task(struct khub *link)
{
    return khub_add_task(link, "the \"parser\"", "all\nof it", "parser",
                         (const char *[]){"lexer", "t7", NULL});
}
static int task_alone(struct khub *link)
{
    return khub_add_task(link, "t", NULL, NULL, NULL);
}
static int task_done(struct khub *link)
{
    return khub_finish_task(link, "t7", 9, "[{\"command\":\"make\",\n\"exit\":0}]");
}
static int task_done_so(struct khub *link)
{
    return khub_finish_task(link, "t7", UINT64_MAX, NULL);
}
static int evidence(struct khub *link)
{
    return khub_report_evidence(link, "t7", 1, 2, "");
}
static int evidence_exit(struct khub *link)
{
    return khub_report_evidence(link, "t7", 0, 0, NULL);
}
static int chat(struct khub *link)
{
    return khub_chat(link, "\"caf\xc3\xa9\"\n\t\\ \x01\x7f", "eve");
}
static const struct {
    int (*publish)(struct khub *link);
    const char *type, *target, *payload;
} cases[] = {
    {publish_raw, "code_share", "\"eve\"", "{\"code\":{}}"},
    {pattern, "pattern_share", "null", "{\"pattern\":" OBJECT "}"},
    {code, "code_share", "null", "{\"code\":" OBJECT "}"},
    {component, "os_component_share", "null", "{\"component\":" OBJECT "}"},
    {answer, "os_component_share", "\"eve\"",
     "{\"component\":" OBJECT ",\"original_requestor\":\"eve\",\"feature_name\":\"ra\\\"id\"}"},
    {performance, "performance_report", "null",
     "{\"component_id\":\"c/1\",\"performance\":" OBJECT "}"},
    {commit, "commitment", "null",
     "{\"subject\":\"audio\",\"subject_version\":\"1\",\"sha256\":\"" DIGEST "\"}"},
    {feature, "feature_request", "null", "{\"feature\":\"raid\",\"requirements\":{}}"},
    {feature_with_needs, "feature_request", "null",
     "{\"feature\":\"raid\",\"requirements\":{\"disks\":2}}"},
    {collaboration, "collaboration_request", "null",
     "{\"type\":\"cross_specialization\",\"description\":\"let's\",\"target_ai\":\"\","
     "\"expertise_offered\":[\"a\",\"\\\"b\\\"\"],\"seeking_expertise\":[]}"},
    {collaboration_with, "collaboration_request", "null",
     "{\"type\":\"t\",\"description\":\"d\",\"target_ai\":\"eve\",\"expertise_offered\":[],"
     "\"seeking_expertise\":[\"a\",\"\\\"b\\\"\"]}"},
    {accept_it, "collaboration_response", "null", "{\"session_id\":\"s1\",\"accepted\":true}"},
    {decline, "collaboration_response", "null",
     "{\"session_id\":\"s1\",\"accepted\":false,\"reason\":\"busy\"}"},
    {progress, "collaboration_update", "null",
     "{\"session_id\":\"s1\",\"progress\":0.250000,\"note\":\"a quarter\"}"},
    {progress_none, "collaboration_update", "null",
     "{\"session_id\":\"s1\",\"progress\":0.000000}"},
    {progress_all, "collaboration_update", "null", "{\"session_id\":\"s1\",\"progress\":1.000000}"},
    {cancel, "collaboration_update", "null",
     "{\"session_id\":\"s1\",\"status\":\"cancelled\",\"note\":\"no time\"}"},
    {give_up, "collaboration_update", "null", "{\"session_id\":\"s1\",\"status\":\"failed\"}"},
    {complete, "os_component_share", "null",
     "{\"component\":" OBJECT ",\"collaboration_complete\":true,\"session_id\":\"s1\"}"},
    {workspace, "workspace_update", "null",
     "{\"session_id\":\"s1\",\"key\":\"k\",\"value\": [1, \"two\"]  "
     ",\"base_version\":18446744073709551615}"},
    {lease, "lease_request", "null",
     "{\"key\":\"feature/ra\\\"id\",\"ttl_s\":3600,\"intent\":\"to build it\"}"},
    {lease_no_intent, "lease_request", "null", "{\"key\":\"k\",\"ttl_s\":1}"},
    {task, "task", "null",
     "{\"title\":\"the \\\"parser\\\"\",\"body\":\"all\\nof it\",\"key\":\"parser\","
     "\"needs\":[\"lexer\",\"t7\"]}"},
    {task_alone, "task", "null", "{\"title\":\"t\",\"needs\":[]}"},
    {task_done, "task", "null",
     "{\"id\":\"t7\",\"status\":\"done\",\"fence\":9,\"evidence\":[{\"command\":\"make\", "
     "\"exit\":0}]}"},
    {task_done_so, "task", "null",
     "{\"id\":\"t7\",\"status\":\"done\",\"fence\":18446744073709551615,\"evidence\":[]}"},
    {evidence, "evidence_report", "null",
     "{\"task\":\"t7\",\"index\":1,\"exit\":2,\"printed\":\"\"}"},
    {evidence_exit, "evidence_report", "null", "{\"task\":\"t7\",\"index\":0,\"exit\":0}"},
    {lease_back, "lease_release", "null", "{\"key\":\"k\",\"fence\":7,\"done\":true}"},
    {chat, "chat", "\"eve\"", "{\"text\":\"\\\"caf\xc3\xa9\\\"\\n\\t\\\\ \\u0001\\u007f\"}"},
};
#define CASE_COUNT (sizeof cases / sizeof cases[0])

static void assert_published(const char *line, size_t i)
{
    char wanted[64];
    assert_line_valid(line);
    snprintf(wanted, sizeof wanted, "\"message_type\":\"%s\"", cases[i].type);
    assert_non_null(strstr(line, wanted));
    snprintf(wanted, sizeof wanted, ",\"target_ai\":%s,", cases[i].target);
    assert_non_null(strstr(line, wanted));
    assert_non_null(strstr(line, "\"sender_id\":\"ada\""));
    char *payload = line_payload(line);
    assert_string_equal(payload, cases[i].payload);
    free(payload);
}

/* Line 0 is the hello; the rest come in the order of their publishing. */
static void assert_all_published(struct life *life)
{
    UNTIL(life, life->hub.line_count == CASE_COUNT + 1);
    for (size_t i = 0; i < CASE_COUNT; i++)
        assert_published(life->hub.lines[i + 1], i);
    assert_int_equal(khub_queued(life->link), 0);
}

static void every_type_once_joined(void **state)
{
    struct life *life = *state;
    life_join(life, (struct khub_options){0});
    for (size_t i = 0; i < CASE_COUNT; i++)
        assert_int_equal(cases[i].publish(life->link), 0);
    assert_all_published(life);
}

static void every_type_before_the_hub_is_there(void **state)
{
    struct life *life = *state;
    life->hub.absent = true;
    life_link(life, (struct khub_options){0});
    for (size_t i = 0; i < CASE_COUNT; i++) {
        assert_int_equal(cases[i].publish(life->link), 0);
        life_step(life);
    }
    assert_int_equal(khub_link_state(life->link), KHUB_GREETING); /* the kernel has accepted */
    life->hub.absent = false;
    assert_all_published(life);
}

static void ids_come_back(void **state)
{
    struct life *life = *state;
    char first[64], second[64] = "untouched";
    life_join(life, (struct khub_options){0});
    memset(first, '#', sizeof first);
    assert_int_equal(khub_publish(life->link, "chat", " {\"text\":\"x\"} ", NULL, first), 0);
    assert_int_equal(strlen(first), 36);
    assert_int_equal(first[37], '#');
    UNTIL(life, fake_hub_count(&life->hub, "chat") == 1);
    assert_non_null(strstr(fake_hub_line(&life->hub, "chat", 0), first));
    assert_int_equal(khub_publish(life->link, "chat", "[]", NULL, second), KHUB_E_ARGUMENT);
    assert_string_equal(second, "untouched");
}

static void types_are_checked(void **state)
{
    static const char *const refused[] = {
        "",     "hello",    "training_sync",    "error", "ack",
        "Chat", "presence", "knowledge_result", "chat ", "no such type"};
    struct life *life = *state;
    life_link(life, (struct khub_options){0});
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++)
        assert_int_equal(khub_publish(life->link, refused[i], "{}", NULL, NULL), KHUB_E_ARGUMENT);
    assert_int_equal(khub_publish(life->link, NULL, "{}", NULL, NULL), KHUB_E_ARGUMENT);
    assert_int_equal(khub_publish(life->link, "heartbeat", "{}", NULL, NULL), 0);
}

static void json_is_checked(void **state)
{
    static const char *const refused[] = {
        "",
        "{",
        "x",
        "[]",
        "null",
        "1",
        "\"{}\"",
        "{}{}",
        "{\"a\":01}",
        "{a:1}",
        "{\"a\":1,}",
        "{\"\xff\":1}",
        "{\"a\":\"\n\"}",
        "{\"a\":NaN}",
        "{\"a\":\"\\ud800\"}",
    };
    struct life *life = *state;
    life_link(life, (struct khub_options){0});
    struct khub *link = life->link;
    for (size_t i = 0; i <= sizeof refused / sizeof refused[0]; i++) {
        const char *json = i < sizeof refused / sizeof refused[0] ? refused[i] : NULL;
        assert_int_equal(khub_publish(link, "chat", json, NULL, NULL), KHUB_E_ARGUMENT);
        assert_int_equal(khub_share_pattern(link, json), KHUB_E_ARGUMENT);
        assert_int_equal(khub_share_code(link, json), KHUB_E_ARGUMENT);
        assert_int_equal(khub_share_component(link, json), KHUB_E_ARGUMENT);
        assert_int_equal(khub_answer_feature(link, "eve", "f", json), KHUB_E_ARGUMENT);
        assert_int_equal(khub_report_performance(link, "c", json), KHUB_E_ARGUMENT);
        if (json)
            assert_int_equal(khub_request_feature(link, "f", json), KHUB_E_ARGUMENT);
        assert_int_equal(khub_complete_collaboration(link, "s", json), KHUB_E_ARGUMENT);
    }
    assert_int_equal(khub_update_workspace(link, "s", "k", "nil", 0), KHUB_E_ARGUMENT);
    assert_int_equal(khub_update_workspace(link, "s", "k", NULL, 0), KHUB_E_ARGUMENT);
    assert_int_equal(khub_chat(link, "latin1 \xe9!", ""), KHUB_E_ARGUMENT);
    assert_int_equal(khub_request_feature(link, "\xc3", NULL), KHUB_E_ARGUMENT);
    assert_int_equal(khub_commit(link, NULL, "1", DIGEST), KHUB_E_ARGUMENT);
    assert_int_equal(khub_commit(link, "audio", "1", NULL), KHUB_E_ARGUMENT);
    assert_int_equal(khub_commit(link, "audio", "1", DIGEST "0"), KHUB_E_ARGUMENT);
    assert_int_equal(khub_update_workspace(link, "s", "k", "null", 0), 0);
}

static void texts_and_ids_are_checked(void **state)
{
    struct life *life = *state;
    life_link(life, (struct khub_options){0});
    struct khub *link = life->link;
    char id_129[130];
    memset(id_129, 'x', 129);
    id_129[129] = '\0';
    const char *const targets[] = {id_129, "a\nb", "\x7f", "\xff"};
    for (size_t i = 0; i < sizeof targets / sizeof targets[0]; i++) {
        assert_int_equal(khub_chat(link, "x", targets[i]), KHUB_E_ARGUMENT);
        assert_int_equal(khub_publish(link, "chat", "{}", targets[i], NULL), KHUB_E_ARGUMENT);
        assert_int_equal(khub_answer_feature(link, targets[i], "f", "{}"), KHUB_E_ARGUMENT);
        assert_int_equal(khub_request_collaboration(link, "t", "d", targets[i], NULL, NULL),
                         KHUB_E_ARGUMENT);
    }
    char key_257[258];
    memset(key_257, 'k', 257);
    key_257[257] = '\0';
    const char *const lease_keys[] = {NULL, "", key_257, "\xff"};
    for (size_t i = 0; i < sizeof lease_keys / sizeof lease_keys[0]; i++) {
        assert_int_equal(khub_request_lease(link, lease_keys[i], 60, NULL), KHUB_E_ARGUMENT);
        assert_int_equal(khub_release_lease(link, lease_keys[i], 1, false), KHUB_E_ARGUMENT);
    }
    assert_int_equal(khub_request_lease(link, "k", 0, NULL), KHUB_E_ARGUMENT);
    assert_int_equal(khub_request_lease(link, "k", 3601, NULL), KHUB_E_ARGUMENT);
    assert_int_equal(khub_add_task(link, NULL, NULL, NULL, NULL), KHUB_E_ARGUMENT);
    assert_int_equal(khub_finish_task(link, NULL, 1, NULL), KHUB_E_ARGUMENT);
    assert_int_equal(khub_finish_task(link, "t7", 1, "[1,]"), KHUB_E_ARGUMENT);
    assert_int_equal(khub_report_evidence(link, NULL, 0, 0, NULL), KHUB_E_ARGUMENT);
    assert_int_equal(khub_chat(link, NULL, NULL), KHUB_E_ARGUMENT);
    assert_int_equal(khub_answer_feature(link, NULL, "f", "{}"), KHUB_E_ARGUMENT);
    assert_int_equal(khub_answer_feature(link, "", "f", "{}"), KHUB_E_ARGUMENT);
    assert_int_equal(khub_answer_feature(link, "eve", NULL, "{}"), KHUB_E_ARGUMENT);
    assert_int_equal(khub_report_performance(link, NULL, "{}"), KHUB_E_ARGUMENT);
    assert_int_equal(khub_request_feature(link, NULL, "{}"), KHUB_E_ARGUMENT);
    assert_int_equal(khub_request_collaboration(link, NULL, "d", NULL, NULL, NULL),
                     KHUB_E_ARGUMENT);
    assert_int_equal(khub_respond_collaboration(link, NULL, true, NULL), KHUB_E_ARGUMENT);
    assert_int_equal(khub_end_collaboration(link, "s", NULL, NULL), KHUB_E_ARGUMENT);
    assert_int_equal(khub_end_collaboration(link, "s", "completed", NULL), KHUB_E_ARGUMENT);
    const double wrong[] = {-0.001, 1.001, (double)NAN, (double)INFINITY, -(double)INFINITY};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        assert_int_equal(khub_report_progress(link, "s", wrong[i], NULL), KHUB_E_ARGUMENT);
    assert_int_equal(khub_queued(link), 0);
}

/* The hub takes a payload of 64 levels; what is shared lies at the second. */
static void depth_is_the_hubs(void **state)
{
    struct life *life = *state;
    char json[200];
    life_join(life, (struct khub_options){0});
    for (size_t depth = 60; depth <= 66; depth++) {
        char open[80] = "", close[80] = "";
        memset(open, '[', depth - 1);
        memset(close, ']', depth - 1);
        snprintf(json, sizeof json, "{\"a\":%s%s}", open, close);
        assert_int_equal(khub_publish(life->link, "chat", json, NULL, NULL),
                         depth <= 64 ? 0 : KHUB_E_ARGUMENT);
        assert_int_equal(khub_share_code(life->link, json), depth <= 63 ? 0 : KHUB_E_ARGUMENT);
    }
    UNTIL(life, life->hub.line_count == 1 + 5 + 4);
    for (unsigned i = 0; i < life->hub.line_count; i++)
        assert_line_valid(life->hub.lines[i]);
}

/* The longest line is the hub's own limit, to the byte. */
static void length_is_the_hubs(void **state)
{
    struct life *life = *state;
    life_join(life, (struct khub_options){0});
    assert_int_equal(khub_chat(life->link, "", NULL), 0);
    UNTIL(life, fake_hub_count(&life->hub, "chat") == 1);
    size_t frame = strlen(fake_hub_line(&life->hub, "chat", 0)), fits = (1u << 20) - frame;
    char *text = malloc(fits + 2);
    assert_non_null(text);
    memset(text, 'x', fits + 1);
    text[fits + 1] = '\0';
    assert_int_equal(khub_chat(life->link, text, NULL), KHUB_E_TOO_LONG);
    text[fits] = '\0';
    assert_int_equal(khub_chat(life->link, text, NULL), 0);
    UNTIL(life, fake_hub_count(&life->hub, "chat") == 2);
    assert_int_equal(strlen(fake_hub_line(&life->hub, "chat", 1)), 1u << 20);
    free(text);

    fake_hub_say(&life->hub, "hub", "training_sync", "{\"limits\":{\"max_line\":400}}", 9);
    UNTIL(life, khub_seq(life->link) == 9);
    char note[402];
    memset(note, 'x', 401);
    note[401] = '\0';
    assert_int_equal(khub_chat(life->link, note, NULL), KHUB_E_TOO_LONG);
    assert_int_equal(khub_publish(life->link, "chat", note, NULL, NULL), KHUB_E_TOO_LONG);
    const char *const capabilities[] = {note, NULL};
    assert_int_equal(khub_update_capabilities(life->link, capabilities), KHUB_E_TOO_LONG);
    note[100] = '\0';
    assert_int_equal(khub_chat(life->link, note, NULL), 0);
}

#define LIFE(name) cmocka_unit_test_setup_teardown(name, life_setup, life_teardown)

static void a_message_id_may_be_the_callers(void **state)
{
    struct life *life = *state;
    life_join(life, (struct khub_options){.ai_id = "ada", .acks = true});
    struct khub *link = life->link;
    const char *long_id = "1234567890123456789012345678901234567";
    assert_int_equal(khub_publish_as(link, "mine", "chat", "{}", NULL, NULL, NULL), 0);
    UNTIL(life, fake_hub_count(&life->hub, "chat") == 1);
    assert_non_null(strstr(fake_hub_line(&life->hub, "chat", 0), "\"message_id\":\"mine\""));
    assert_int_equal(khub_publish_as(link, long_id + 1, "chat", "{}", NULL, NULL, NULL), 0);
    const char *const wrong[] = {NULL, "", long_id, "a\nb", "\xff"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        assert_int_equal(khub_publish_as(link, wrong[i], "chat", "{}", NULL, NULL, NULL),
                         KHUB_E_ARGUMENT);
    assert_int_equal(khub_publish_as(link, "m", "heartbeat", "{}", NULL, NULL, NULL),
                     KHUB_E_ARGUMENT);
    assert_int_equal(khub_publish_as(link, "m", "hello", "{}", NULL, NULL, NULL), KHUB_E_ARGUMENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LIFE(every_type_once_joined),
        LIFE(every_type_before_the_hub_is_there),
        LIFE(ids_come_back),
        LIFE(a_message_id_may_be_the_callers),
        LIFE(types_are_checked),
        LIFE(json_is_checked),
        LIFE(texts_and_ids_are_checked),
        LIFE(depth_is_the_hubs),
        LIFE(length_is_the_hubs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
