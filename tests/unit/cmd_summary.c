/* The gist of each message type, and of payloads that are made to break it. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include <locale.h>
#include <stdlib.h>

#include "cmd/feed.h"
#include "wire/bounds.h"

static const struct terminal plain = {.fd = -1};

static char *summary(enum message_type type, struct slice payload)
{
    struct line line;
    line_begin(&line, &plain);
    summary_add(&line, type, payload);
    struct slice made = line_end(&line);
    char *text = strndup(made.at ? made.at : "", made.len);
    assert_non_null(text);
    line_free(&line);
    return text;
}

static const struct {
    enum message_type type;
    const char *payload, *text;
} gists[] = {
    {MESSAGE_HELLO, "{\"specialization\":\"networking\",\"capabilities\":[\"a\",\"b\"]}",
     "networking, 2 capabilities"},
    {MESSAGE_HELLO, "{\"capabilities\":[\"a\"]}", "1 capability"},
    {MESSAGE_HELLO, "{}", "0 capabilities"},
    {MESSAGE_PATTERN_SHARE,
     "{\"pattern\":{\"id\":\"p\",\"ratio_heldout\":0.67,\"subject\":\"cpu\",\"confidence\":1}}",
     "ratio 0.670  cpu  p"},
    {MESSAGE_PATTERN_SHARE, /* a claim of a module, */
     "{\"pattern\":{\"id\":\"p\",\"commitment_id\":\"c\",\"subject\":\"cpu\",\"source\":"
     "\"int a;\\n\"}}",
     "module, 7 bytes of C  cpu  p"},
    {MESSAGE_PATTERN_SHARE, /* of parameters, whatever else is in it, */
     "{\"pattern\":{\"id\":\"p\",\"commitment_id\":\"c\",\"subject\":\"cpu\",\"source\":"
     "\"int a;\\n\",\"parameters\":{}}}",
     "cpu  p"},
    {MESSAGE_PATTERN_SHARE, /* none, */
     "{\"pattern\":{\"id\":\"p\",\"source\":\"int a;\"}}", "p"},
    {MESSAGE_PATTERN_SHARE, /* a claim, whose number is sealed */
     "{\"pattern\":{\"id\":\"p\",\"ratio_train\":0.67,\"subject\":\"cpu\"}}",
     "in training 0.670  cpu  p"},
    {MESSAGE_PATTERN_SHARE,
     "{\"pattern\":{\"id\":\"p\",\"confidence\":0.8,\"specialization\":\"x\"}}",
     "confidence 0.800  x  p"},
    {MESSAGE_TASK, "{\"change\":\"claimed\",\"id\":\"t7\",\"title\":\"the lexer\",\"by\":\"bea\"}",
     "claimed t7 (the lexer) by bea"},
    {MESSAGE_TASK,
     "{\"change\":\"done\",\"id\":\"t7\",\"title\":\"x\",\"by\":\"bea\",\"evidence_status\":"
     "\"unverified\",\"why\":\"tested\"}",
     "done t7 (x) by bea, evidence unverified: tested"},
    {MESSAGE_TASK, "{\"change\":\"expired\",\"id\":\"t7\",\"title\":\"x\",\"by\":null}",
     "expired t7 (x)"},
    {MESSAGE_TASK, "{\"key\":\"lexer\",\"title\":\"x\"}", " lexer (x)"},
    {MESSAGE_EVIDENCE_REPORT, "{\"task\":\"t7\",\"exit\":1}", "t7: exit 1"},
    {MESSAGE_CODE_SHARE, "{\"code\":{\"id\":\"c\",\"language\":\"c11\"}}", "c  c11"},
    {MESSAGE_FEATURE_REQUEST, "{\"feature\":\"encryption\",\"requirements\":{\"a\":1}}",
     "wants encryption  (1 requirement)"},
    {MESSAGE_FEATURE_RESPONSE,
     "{\"original_request\":{\"feature\":\"f\"},\"requestor\":\"ada\",\"asked\":[\"b\",\"c\"]}",
     "ada wants f; asked: b, c"},
    {MESSAGE_FEATURE_RESPONSE,
     "{\"original_request\":{\"feature\":\"f\"},\"requestor\":\"ada\",\"asked\":[]}",
     "ada wants f; nobody offers that"},
    {MESSAGE_COLLABORATION_REQUEST,
     "{\"session_id\":\"0123456789\",\"type\":\"t\",\"description\":\"d\"}", "01234567 t: d"},
    {MESSAGE_COLLABORATION_RESPONSE, "{\"session_id\":\"0123456789\",\"accepted\":true}",
     "01234567 accepted"},
    {MESSAGE_COLLABORATION_RESPONSE,
     "{\"session_id\":\"0123456789\",\"accepted\":false,\"reason\":\"busy\"}",
     "01234567 declined: busy"},
    {MESSAGE_COLLABORATION_UPDATE,
     "{\"session_id\":\"0123456789\",\"status\":\"active\",\"progress\":0.5,\"by\":\"b\","
     "\"participants\":[\"a\"],"
     "\"note\":\"n\"}",
     "01234567  50 % #####..... b: n"},
    {MESSAGE_COLLABORATION_UPDATE,
     "{\"session_id\":\"0123456789\",\"status\":\"active\",\"progress\":0.5,\"by\":\"b\","
     "\"note\":\"b ends\"}",
     "01234567  50 % #####..... b ends"},
    {MESSAGE_COLLABORATION_UPDATE,
     "{\"session_id\":\"0123456789\",\"status\":\"active\",\"progress\":0.5,\"by\":\"b\","
     "\"note\":\"bob ends\"}",
     "01234567  50 % #####..... b: bob ends"},
    {MESSAGE_COLLABORATION_UPDATE,
     "{\"session_id\":\"0123456789\",\"status\":\"completed\",\"progress\":1,\"participants\":["
     "\"a\",\"b\"]}",
     "01234567 100 % ########## completed with a, b"},
    {MESSAGE_WORKSPACE_UPDATE,
     "{\"session_id\":\"0123456789\",\"key\":\"k\",\"version\":3,\"value\":{\"ratio\":0.5}}",
     "01234567 k v3  ratio 0.500  "},
    {MESSAGE_OS_COMPONENT_SHARE, "{\"component\":{\"name\":\"fs\",\"development_level\":0.6}}",
     "level 0.600  fs"},
    {MESSAGE_OS_COMPONENT_SHARE,
     "{\"component\":{\"name\":\"fs\"},\"collaboration_complete\":true,\"session_id\":"
     "\"0123456789\"}",
     "completes 01234567  fs"},
    {MESSAGE_OS_COMPONENT_SHARE,
     "{\"component\":{\"name\":\"fs\"},\"original_requestor\":\"ada\",\"feature_name\":"
     "\"storage\"}",
     "fs  for ada's storage"},
    {MESSAGE_PERFORMANCE_REPORT,
     "{\"component_id\":\"c\",\"performance\":{\"score\":0,\"integration_tested\":true,\"reason\":"
     "\"no\"}}",
     "score 0.000  tested  c: no"},
    {MESSAGE_TRAINING_SYNC,
     "{\"global_knowledge_base\":{\"shared_patterns\":{\"a\":{}},\"shared_components\":{}},"
     "\"active_ais\":[\"a\",\"b\"]}",
     "2 AIs, 1 knowledge entry"},
    {MESSAGE_PRESENCE, "{\"ai_id\":\"a\",\"status\":\"left\",\"reason\":\"peer_closed\"}",
     "a left: peer_closed"},
    {MESSAGE_CHAT, "{\"text\":\"hi \\u001b[31m\\n\\\"you\\\"\"}", "hi \\x1b[31m \"you\""},
    {MESSAGE_ERROR, "{\"code\":\"bad_json\",\"detail\":\"d\"}", "bad_json: d"},
    {MESSAGE_HEARTBEAT, "{\"seq\":12}", "seq 12"},
    {MESSAGE_COMMITMENT,
     "{\"subject\":\"cpu\",\"subject_version\":\"1\",\"sha256\":\"0123456789abcdef\"}",
     "cpu  01234567"},
    {MESSAGE_CHALLENGE, "{\"subject\":\"cpu\",\"nonce\":\"fedcba9876543210\"}",
     "cpu  nonce fedcba98"},
    {MESSAGE_VERIFICATION,
     "{\"id\":\"p\",\"section\":\"shared_patterns\",\"author\":\"ada\",\"status\":\"refuted\","
     "\"was\":\"claimed\",\"agreeing\":0,\"disagreeing\":2}",
     "refuted  0 agree, 2 disagree  p of ada"},
    {MESSAGE_LEASE_REQUEST, "{\"key\":\"k\",\"ttl_s\":60,\"intent\":\"to build it\"}",
     "k: to build it"},
    {MESSAGE_LEASE_RELEASE, "{\"key\":\"k\",\"fence\":7}", "k"},
    {MESSAGE_LEASE,
     "{\"status\":\"granted\",\"key\":\"k\",\"holder\":\"ada\",\"intent\":\"to build it\"}",
     "granted k of ada: to build it"},
    {MESSAGE_LEASE, "{\"status\":\"held\",\"key\":\"k\",\"holder\":\"ada\",\"intent\":\"\"}",
     "held k by ada"},
    {MESSAGE_APPROVAL,
     "{\"approval_id\":\"a7\",\"status\":\"pending\",\"question\":\"Deploy?\",\"default\":\"no\","
     "\"timeout_s\":60}",
     "a7 wants a person within 60 s, else no: Deploy?"},
    {MESSAGE_APPROVAL,
     "{\"approval_id\":\"a7\",\"status\":\"answered\",\"question\":\"Deploy?\",\"choice\":\"yes\","
     "\"by\":\"pia\",\"note\":\"go on\"}",
     "a7 answered: yes by pia: go on"},
    {MESSAGE_TOUCH, "{\"paths\":[\"a/b\",\"c\"],\"note\":\"n\"}", "a/b, c: n"},
    {MESSAGE_PATH_WARNING,
     "{\"who\":{\"ai_id\":\"ada\",\"path\":\"src/a.c\"},\"with\":[{\"ai_id\":\"bob\",\"path\":\"src\"}],"
     "\"more\":0}",
     "ada src/a.c, where bob has src"},
    {MESSAGE_APPROVAL_REQUEST, "{\"question\":\"Deploy?\",\"choices\":[\"yes\",\"no\"]}",
     "Deploy?"},
    {MESSAGE_APPROVAL_ANSWER, "{\"approval_id\":\"a7\",\"choice\":\"yes\"}", "a7: yes"},
    {MESSAGE_MODERATION,
     "{\"action\":\"ban\",\"target\":{\"owner\":\"ci\"},\"by\":\"ops\",\"reason\":\"echoes\","
     "\"until\":\"2026\"}",
     "ban token ci by ops until 2026: echoes"},
    {MESSAGE_MODERATION,
     "{\"action\":\"kick\",\"target\":{\"ai_id\":\"ada\"},\"by\":\"ops\",\"reason\":\"\","
     "\"until\":null}",
     "kick ada by ops"},
    {MESSAGE_MODERATION,
     "{\"action\":\"retract\",\"target\":{\"id\":\"p\"},\"by\":\"ops\",\"reason\":\"leaks\"}",
     "retract p by ops: leaks"},
    {MESSAGE_MODERATION,
     "{\"action\":\"retract\",\"target\":{\"seq\":812},\"by\":\"ops\",\"reason\":\"leaks\"}",
     "retract seq 812 by ops: leaks"},
    {MESSAGE_MODERATION,
     "{\"action\":\"read_only\",\"target\":null,\"by\":\"ops\",\"reason\":\"a pause\"}",
     "read_only by ops: a pause"},
    {MESSAGE_ARTIFACT,
     "{\"session_id\":\"0123456789\",\"name\":\"a.log\",\"status\":\"kept\",\"size\":42,"
     "\"sha256\":\"ab\",\"version\":2,\"by\":\"ada\"}",
     "01234567 a.log v2 kept  42 bytes by ada"},
    {MESSAGE_ARTIFACT,
     "{\"session_id\":\"0123456789\",\"name\":\"a\",\"status\":\"dropped\",\"size\":1,"
     "\"reason\":\"sha256\"}",
     "01234567 a dropped  1 bytes: sha256"},
    {MESSAGE_ARTIFACT_CHUNK, "{\"session_id\":\"0123456789\",\"name\":\"a\",\"data\":\"Zg==\"}",
     "01234567 a"},
    {MESSAGE_TYPE_COUNT, "{\"x\":1}", "{\"x\":1}"},
    {MESSAGE_CHAT, "not \033 JSON", "not \\x1b JSON"},
    {MESSAGE_CHAT, "[1]", "[1]"},
    {MESSAGE_CHAT, "", ""},
};

static void gists_are_told(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(gists) / sizeof(gists[0]); i++) {
        char *text = summary(gists[i].type, slice_of(gists[i].payload));
        assert_string_equal(text, gists[i].text);
        free(text);
    }
}

static void every_type_has_a_look(void **state)
{
    (void)state;
    for (int i = 0; i <= MESSAGE_TYPE_COUNT; i++) {
        const struct type_look *look = type_look((enum message_type)i);
        assert_non_null(look->label);
        assert_true(strlen(look->label) <= TYPE_LABEL_MAX);
        if (i < MESSAGE_TYPE_COUNT)
            assert_true(strlen(message_type_text((enum message_type)i)) <= TYPE_TEXT_MAX);
    }
}

/* Each member that a summariser looks at, as every kind of value it should not be. */
static void hostile_members_do_no_harm(void **state)
{
    (void)state;
    static const char *const values[] = {"null",
                                         "true",
                                         "0",
                                         "-1e999",
                                         "123456789012345678901234567890",
                                         "\"\"",
                                         "\"\\ud83d\\ude00\\u0000\\u001b\"",
                                         "[]",
                                         "[[[[]]],{},null,1e400,\"x\",1,2,3]",
                                         "{}",
                                         "{\"id\":{\"id\":[]},\"name\":[1],\"ratio\":\"x\"}"};
    static const char *const members[] = {"specialization",
                                          "capabilities",
                                          "role",
                                          "pattern",
                                          "code",
                                          "feature",
                                          "requirements",
                                          "requestor",
                                          "asked",
                                          "session_id",
                                          "type",
                                          "description",
                                          "accepted",
                                          "reason",
                                          "status",
                                          "progress",
                                          "by",
                                          "participants",
                                          "note",
                                          "key",
                                          "version",
                                          "value",
                                          "component",
                                          "performance",
                                          "component_id",
                                          "ai_id",
                                          "text",
                                          "code",
                                          "detail",
                                          "active_ais",
                                          "global_knowledge_base",
                                          "original_request",
                                          "collaboration_complete",
                                          "subject",
                                          "sha256",
                                          "nonce",
                                          "id",
                                          "author",
                                          "agreeing",
                                          "disagreeing"};
    char payload[8192];
    for (int type = 0; type <= MESSAGE_TYPE_COUNT; type++) {
        for (size_t value = 0; value < sizeof(values) / sizeof(values[0]); value++) {
            int len = snprintf(payload, sizeof(payload), "{");
            for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++)
                len += snprintf(
                    payload + len, sizeof(payload) - (size_t)len, "%s\"%s\":%s", i ? "," : "",
                    members[i],
                    values[(value + i * (value % 3)) % (sizeof(values) / sizeof(values[0]))]);
            len += snprintf(payload + len, sizeof(payload) - (size_t)len, "}");
            char *text = summary((enum message_type)type, (struct slice){payload, (size_t)len});
            for (const char *at = text; *at; at++)
                assert_true(*at >= ' ' && *at < 0x7f);
            free(text);
        }
    }
}

/* A megabyte of text, of escapes cut at every place, and of nesting. */
static void great_payloads_are_cut(void **state)
{
    (void)state;
    size_t size = 1 << 20;
    char *payload = malloc(size + 64);
    static const char *const fillings[] = {
        "x", "\\u001b", "\\\\", "\\ud83d\\ude00", "\xf0\x9f\x98\x80", "\\n"};
    assert_non_null(payload);
    for (size_t i = 0; i < sizeof(fillings) / sizeof(fillings[0]); i++) {
        for (size_t shift = 0; shift < 12; shift++) {
            size_t len = (size_t)sprintf(payload, "{\"text\":\"%.*s", (int)shift, "aaaaaaaaaaaa");
            for (size_t piece = strlen(fillings[i]); len + piece < size; len += piece)
                memcpy(payload + len, fillings[i], piece);
            len += (size_t)sprintf(payload + len, "\"}");
            char *text = summary(MESSAGE_CHAT, (struct slice){payload, len});
            assert_true(strlen(text) > 100 && strlen(text) < 16 * SUMMARY_TEXT_MAX);
            assert_memory_equal(text, "aaaaaaaaaaaa", shift);
            free(text);
        }
    }
    memset(payload, '[', size);
    char *text = summary(MESSAGE_CHAT, (struct slice){payload, size});
    assert_true(strlen(text) <= SUMMARY_TEXT_MAX);
    free(text);
    free(payload);
}

static struct khub_text khub_text_of(const char *text)
{
    return (struct khub_text){text, strlen(text)};
}

/* The type starts in the same column on each line, whoever speaks, and a line is never wider than
 * the window. */
static void feed_lines_are_aligned(void **state)
{
    (void)state;
    static const char *const names[] = {"hub", "AI_Node_1", "日本語のAIさん", "a\033b",
                                        "a name that is much longer than its column"};
    for (unsigned width = 20; width <= 200; width += 20) {
        struct terminal terminal = {.fd = -1, .unicode = true, .width = width};
        struct feed feed;
        char *text;
        size_t size;
        FILE *out = open_memstream(&text, &size);
        feed_begin(&feed, &terminal, out);
        for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
            feed_expect(&feed, slice_of(names[i]));
        for (size_t i = 0; i < 5; i++) {
            struct khub_message message = {
                .sender_id = khub_text_of(names[i]),
                .target_ai = khub_text_of(i % 2 ? names[4 - i] : ""),
                .type = khub_text_of("chat"),
                .payload = khub_text_of("{\"text\":\"日本語 and much more to say\"}")};
            feed_print(&feed, &message, 0);
        }
        feed_note(&feed, 0, "a note with \033 in it");
        fclose(out);
        long column = -1;
        for (const char *line = text; *line; line += strcspn(line, "\n") + 1) {
            struct slice whole = {line, strcspn(line, "\n")};
            const char *type = memmem(whole.at, whole.len, "  chat", 6);
            assert_true(text_columns(whole, true) <= width);
            if (!type || width < 80)
                continue;
            long at = text_columns((struct slice){line, (size_t)(type - line)}, true);
            assert_true(column < 0 || column == at);
            column = at;
        }
        assert_true(width < 80 || column > 0);
        assert_null(strchr(text, '\033'));
        feed_free(&feed);
        free(text);
    }
}

/* Lines as trainers make them, in a terminal of 80 columns: what somebody looks for is there. */
static const struct {
    const char *type, *target, *payload, *shown[4];
} narrow[] = {
    {"performance_report",
     "",
     "{\"component_id\":\"AI_Node_1_collab_595af5d1-d3b0-4809-a7cf-5ca68acbe1c7_1795660273_2\","
     "\"performance\":{\"ratio\":0.772,\"score\":0.237,\"integration_tested\":true}}",
     {"ratio 0.772", "tested", "AI_Node_1", "0273_2"}},
    {"performance_report",
     "",
     "{\"component_id\":\"AI_Node_1_collab_595af5d1-d3b0-4809-a7cf-5ca68acbe1c7_1795660273_2\","
     "\"performance\":{\"ratio\":0.772,\"reason\":\"not so\"}}",
     {"ratio 0.772", "AI_No", "73_2", "not so"}},
    {"verification",
     "",
     "{\"id\":\"AI_Node_2_collaborative_feature_development_1795461869\",\"author\":\"AI_Node_2\","
     "\"status\":\"confirmed\",\"agreeing\":2,\"disagreeing\":0}",
     {"confirmed", "2 agree", "AI_Node_2", "461869"}},
    {"collaboration_update",
     "",
     "{\"session_id\":\"2d8af666-d3b0-4809-a7cf-5ca68acbe1c7\",\"status\":\"active\","
     "\"progress\":0.76,\"by\":\"AI_Node_1\",\"note\":\"ratio 0.6890, 183 of 240 evaluations\"}",
     {"2d8af666", "76 %", "AI_Node_1", "0.6890, 183 of"}},
    {"collaboration_update",
     "AI_Node_1",
     "{\"session_id\":\"2d8af666-d3b0-4809-a7cf-5ca68acbe1c7\",\"status\":\"active\","
     "\"progress\":0,\"by\":\"AI_Node_3\",\"participants\":[\"AI_Node_3\",\"bob\"]}",
     {"AI_Node_1 2d8af666", "active", "by AI_Node_3 with bob"}},
    {"os_component_share",
     "",
     "{\"component\":{\"name\":\"collaborative_feature_development\",\"ratio_heldout\":0.65,"
     "\"score\":0.35},\"collaboration_complete\":true,\"session_id\":\"2d8af666-d3b0\"}",
     {"ratio 0.650", "completes 2d8af666", "collabor", "lopment"}},
    {"pattern_share",
     "",
     "{\"pattern\":{\"id\":\"AI_Node_4_pattern_1795461840_0\",\"subject\":\"networking\","
     "\"ratio_heldout\":0.833}}",
     {"ratio 0.833", "networking", "AI_Node_4", "840_0"}},
};

static void what_matters_stays_in_80_columns(void **state)
{
    (void)state;
    struct terminal terminal = {.fd = -1, .unicode = true, .width = 80};
    for (size_t i = 0; i < sizeof(narrow) / sizeof(narrow[0]); i++) {
        struct feed feed;
        char *text;
        size_t size;
        FILE *out = open_memstream(&text, &size);
        struct khub_message message = {.sender_id = khub_text_of("AI_Node_3"),
                                       .target_ai = khub_text_of(narrow[i].target),
                                       .type = khub_text_of(narrow[i].type),
                                       .payload = khub_text_of(narrow[i].payload)};
        feed_begin(&feed, &terminal, out);
        feed_expect(&feed, slice_of("AI_Node_3"));
        feed_print(&feed, &message, 0);
        fclose(out);
        assert_true(text_columns((struct slice){text, size - 1}, true) <= 80);
        for (size_t j = 0; j < 4 && narrow[i].shown[j]; j++) {
            if (!strstr(text, narrow[i].shown[j]))
                fail_msg("'%s' is not in %s", narrow[i].shown[j], text);
        }
        feed_free(&feed);
        free(text);
    }
}

static void an_unknown_type_is_shown(void **state)
{
    (void)state;
    struct feed feed;
    char *text;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    struct khub_message message = {.sender_id = khub_text_of("a"),
                                   .target_ai = khub_text_of(""),
                                   .type = khub_text_of("from_the_future\033"),
                                   .payload = khub_text_of("{\"x\":1}")};
    feed_begin(&feed, &plain, out);
    feed_print(&feed, &message, 0);
    fclose(out);
    assert_non_null(strstr(text, "from_the_future\\x1b"));
    assert_non_null(strstr(text, "{\"x\":1}"));
    feed_free(&feed);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gists_are_told),
        cmocka_unit_test(every_type_has_a_look),
        cmocka_unit_test(hostile_members_do_no_harm),
        cmocka_unit_test(great_payloads_are_cut),
        cmocka_unit_test(feed_lines_are_aligned),
        cmocka_unit_test(what_matters_stays_in_80_columns),
        cmocka_unit_test(an_unknown_type_is_shown),
    };
    if (!setlocale(LC_CTYPE, "C.UTF-8"))
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
