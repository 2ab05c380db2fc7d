/* What a hub does with the answer to whether somebody may come in: who owns an AI, who is told
 * what, and that the log alone says it again. */
#include "core_fixture.h"

#include <stdlib.h>
#include <string.h>

#include "wire/text.h"

#define TOKENS_TEST(name) cmocka_unit_test_setup_teardown(name, setup, fixture_teardown)

/* "own:NAME" is the token of NAME, "eye:NAME" an observer's, "slow:NAME" one of a message a second;
 * "bound:NAME" may not take the id it asks for; "busy" has come too often. */
static int ask(void *ctx, const struct hub_login *login, struct hub_pass *ret_pass,
               struct refusal *ret_refusal)
{
    static char owner[64];
    char kind[16];
    (void)ctx;
    char shown[128] = "";
    assert_true(login->token.len < sizeof shown);
    memcpy(shown, login->token.at ? login->token.at : "", login->token.len);
    if (strcmp(shown, "busy") == 0)
        return refuse(ret_refusal, WIRE_RATE_LIMITED, "too many at once");
    if (sscanf(shown, "%15[^:]:%63s", kind, owner) != 2)
        return refuse(ret_refusal, WIRE_UNAUTHORIZED, login->shows ? "wrong" : "missing");
    if (strcmp(kind, "bound") == 0)
        return refuse(ret_refusal, WIRE_FORBIDDEN, "\"%.*s\" in \"%.*s\"%s",
                      SLICE_FORMAT(login->ai_id), SLICE_FORMAT(login->room),
                      login->observer ? " observing" : "");
    *ret_pass = (struct hub_pass){.owner = slice_of(owner),
                                  .mute = strcmp(kind, "eye") == 0,
                                  .quota.most[LIMIT_RATE] = strcmp(kind, "slow") == 0 ? 0.5 : 0};
    return 0;
}

static int setup(void **state)
{
    int error = fixture_setup(state);
    fixture_let_in(*state, ask);
    return error;
}

/* "alice" when the room's members say that she owns the AI. */
static bool owns(struct fixture *f, const char *owner, const char *ai_id)
{
    struct text dump = {0};
    char part[256];
    hub_dump(fixture_hub(f), slice_of("main"), &dump);
    text_add(&dump, (struct slice){"", 1});
    snprintf(part, sizeof part, "{\"ai_id\":\"%s\",", ai_id);
    const char *member = strstr(dump.at, part);
    snprintf(part, sizeof part, "\"owner\":\"%s\"", owner);
    const char *found = member ? strstr(member, "\"owner\":") : NULL;
    bool same = found && strncmp(found, part, strlen(part)) == 0;
    text_free(&dump);
    return same;
}

static void test_a_token_says_whose_an_ai_is(void **state)
{
    struct fixture *f = *state;
    join(f, ADA, "ada", 2, "'token':'own:alice'");
    join(f, BOB, "bob", 2, "'token':'own:alice'");
    assert_true(owns(f, "alice", "ada"));
    assert_true(owns(f, "alice", "bob"));
    leave(f, BOB);
    assert_true(owns(f, "alice", "bob"));
    join(f, CEY, "bob", 2, "'token':'own:carol'");
    assert_true(owns(f, "carol", "bob"));
}

static void test_without_tokens_each_is_its_own(void **state)
{
    struct fixture *f = *state;
    fixture_let_in(f, NULL);
    join(f, ADA, "ada", 2, "'token':'own:alice','owner':'alice'");
    assert_true(owns(f, "ada", "ada"));
    fixture_let_in(f, ask);
    join(f, BOB, "bob", 2, "'token':'own:alice'");
    leave(f, BOB);
    fixture_let_in(f, NULL);
    open_peer(f, BOB);
    skip_all(f);
    say_hello(f, BOB, "bob", "{}");
    assert_true(owns(f, "bob", "bob"));
    leave(f, BOB);
    fixture_let_in(f, ask);
    join(f, BOB, "bob", 2, "'token':'own:alice'");
    leave(f, BOB);
    fixture_let_in(f, NULL);
    open_peer(f, BOB); /* nor by another first message */
    say_raw(f, BOB,
            "{'message_id':'m','sender_id':'bob','message_type':'chat','timestamp':'t',"
            "'payload':{'text':'x'}}");
    assert_true(owns(f, "bob", "bob"));
}

/* The others hear whose it is, from the hub alone, and not by which token. */
static void test_the_others_are_told_the_owner_and_no_token(void **state)
{
    static const struct {
        const char *payload, *heard;
    } hellos[] = {
        {"{'protocol':2,'token':'own:alice'}", "{'protocol':2,'owner':'alice'}"},
        {"{'token':'own:alice'}", "{'owner':'alice'}"},
        {"{'owner':'root','token':'own:alice','version':'1'}", "{'version':'1','owner':'alice'}"},
        {"{'own\\u0065r':'root','token':'own:alice','owner':1,'owner':{}}", "{'owner':'alice'}"},
        {"{'tok\\u0065n':'own:alice'}", "{'owner':'alice'}"},
    };
    struct fixture *f = *state;
    fixture_let_in(f, NULL);
    join(f, ADA, "ada", 1, "");
    fixture_let_in(f, ask);
    for (unsigned i = 0; i < sizeof hellos / sizeof *hellos; i++) {
        char heard[128];
        open_peer(f, BOB);
        say_hello(f, BOB, "bob", "%s", hellos[i].payload);
        expect_whole(f, ADA, "hello");
        snprintf(heard, sizeof heard, "\"payload\":%s,\"target_ai\"", hellos[i].heard);
        for (char *at = heard; *at; at++)
            *at = *at == '\'' ? '"' : *at;
        assert_non_null(strstr(read_line(f), heard));
        leave(f, BOB);
        skip_all(f);
    }
}

static void test_who_shows_none_is_told_and_closed(void **state)
{
    static const char *const wrong[] = {"{}",
                                        "{'token':null}",
                                        "{'token':'x'}",
                                        "{'token':1}",
                                        "{'token':['own:alice']}",
                                        "{'token':''}",
                                        "{'resume_token':'own:alice'}"};
    struct fixture *f = *state;
    for (unsigned i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        open_peer(f, ADA);
        say_hello(f, ADA, "ada", "%s", wrong[i]);
        json_t *error = expect_error(f, ADA, "unauthorized");
        assert_string_equal(string_of(error, "detail"), i < 2 || i == 6 ? "missing" : "wrong");
        expect_closed(f, ADA, CLOSE_UNAUTHORIZED);
        expect_nothing(f, ADA);
    }
    open_peer(f, ADA);
    say_hello(f, ADA, "ada", "{'token':'own:%0200d'}", 0); /* longer than any */
    expect_error(f, ADA, "unauthorized");
    static const char *const firsts[] = {"chat", "heartbeat", "knowledge_query", "pattern_share"};
    for (unsigned i = 0; i < sizeof firsts / sizeof *firsts; i++) {
        open_peer(f, ADA);
        say_raw(f, ADA,
                "{'message_id':'m','sender_id':'ada','message_type':'%s','timestamp':'t',"
                "'payload':{'token':'own:alice'}}",
                firsts[i]);
        expect_error(f, ADA, "unauthorized");
        expect_closed(f, ADA, CLOSE_UNAUTHORIZED);
    }
    open_peer(f, ADA);
    say_hello(f, ADA, "ada", "{'token':'busy'}");
    expect_error(f, ADA, "rate_limited");
    expect_closed(f, ADA, CLOSE_UNAUTHORIZED);
    fixture_let_in(f, NULL);
    join(f, BOB, "bob", 2, "");
    assert_null(member_of(f, "ada"));
}

static void test_who_may_come_in_but_not_so_may_ask_again(void **state)
{
    struct fixture *f = *state;
    open_peer(f, ADA);
    say_hello(f, ADA, "ada", "{'protocol':2,'token':'bound:alice','room':'lab','role':'observer'}");
    json_t *error = expect_error(f, ADA, "forbidden");
    assert_string_equal(string_of(error, "detail"), "\"ada\" in \"lab\" observing");
    say_hello(f, ADA, "ada", "{'token':'bound:alice','role':'observer'}"); /* level 1 has none */
    error = expect_error(f, ADA, "forbidden");
    assert_string_equal(string_of(error, "detail"), "\"ada\" in \"main\"");
    expect_open(f, ADA);
    say_hello(f, ADA, "bob", "{'token':'own:alice'}");
    expect(f, ADA, "training_sync");
    assert_true(owns(f, "alice", "bob"));
}

static void test_a_later_hello_needs_none(void **state)
{
    struct fixture *f = *state;
    join(f, ADA, "ada", 2, "'token':'own:alice'");
    say_hello(f, ADA, "ada", "{'protocol':2,'specialization':'security','token':'own:carol'}");
    expect(f, ADA, "training_sync");
    assert_true(owns(f, "alice", "ada"));
    say(f, ADA, "chat", "{'text':'x'}");
    expect_nothing(f, ADA);
}

static void test_an_observers_token_says_nothing(void **state)
{
    struct fixture *f = *state;
    join(f, ADA, "ada", 2, "'token':'own:alice'");
    join(f, EVE, "eye", 2, "'token':'eye:eve','role':'observer'");
    static const char *const said[] = {"chat",          "pattern_share", "dead_letter",
                                       "lease_request", "commitment",    "collaboration_request"};
    for (unsigned i = 0; i < sizeof said / sizeof *said; i++) {
        say(f, EVE, said[i], "{'text':'x','pattern':{'id':'p'},'id':1,'key':'k'}");
        json_t *error = expect_error(f, EVE, "forbidden");
        assert_non_null(strstr(string_of(error, "detail"), said[i]));
        expect_nothing(f, ADA);
    }
    say(f, EVE, "knowledge_query", "{}");
    expect(f, EVE, "knowledge_result");
    say(f, EVE, "heartbeat", "{}");
    expect(f, EVE, "heartbeat");
}

static void test_a_token_has_a_rate_of_its_own(void **state)
{
    struct fixture *f = *state;
    open_peer(f, ADA);
    say_hello(f, ADA, "ada", "{'token':'slow:alice'}");
    expect(f, ADA, "training_sync"); /* that was the first */
    say(f, ADA, "chat", "{'text':'2'}");
    json_t *error = expect_error(f, ADA, "rate_limited");
    assert_non_null(strstr(string_of(error, "detail"), "0.5 messages"));
    pass(f, 2000);
    say(f, ADA, "chat", "{'text':'3'}");
    expect_nothing(f, ADA);
}

/* A hello that is under way may still be refused: nothing of who said it may stand behind it in the
 * log, where it would be somebody's who owns itself. */
static void test_nothing_is_said_before_the_hello_is_answered(void **state)
{
    struct fixture *f = *state;
    open_peer(f, ADA);
    open_peer(f, BOB);
    fixture_hold(f);
    say_hello(f, ADA, "xl", "{'token':'own:alice'}");
    say_hello(f, BOB, "x1",
              "{'token':'own:alice'}"); /* looks like it: refused when it is applied */
    say(f, BOB, "performance_report", "{'component_id':'p','performance':{'score':1}}");
    expect_error(f, BOB, "forbidden");
    leave(f, ADA);
    fixture_commit(f);
    assert_string_equal(string_of(expect(f, BOB, "error"), "code"), "id_in_use");
    assert_false(owns(f, "x1", "x1"));
    say_hello(f, BOB, "x1", "{'token':'own:alice'}");
    expect(f, BOB, "training_sync");
    assert_true(owns(f, "alice", "x1"));
    say(f, BOB, "chat", "{'text':'now'}");
    expect_nothing(f, BOB);
}

static void mute_effect(void *ctx, const struct effect *effect)
{
    (void)ctx, (void)effect;
}

static void mute_joined(void *ctx, peer_id peer)
{
    (void)ctx, (void)peer;
}

static struct text dump_of(const struct hub *hub)
{
    struct text dump = {0};
    hub_dump(hub, slice_of("main"), &dump);
    return dump;
}

/* What a replay comes to does not depend on which tokens there are by then. */
static void test_a_replay_asks_for_no_token(void **state)
{
    struct fixture *f = *state;
    join(f, ADA, "ada", 2, "'token':'own:alice'");
    join(f, BOB, "bob", 1, "'token':'own:bert'");
    say(f, ADA, "pattern_share", "{'pattern':{'id':'p'}}");
    say(f, BOB, "performance_report", "{'component_id':'p','performance':{'score':1}}");
    leave(f, BOB);
    struct hub_config config = fixture_config();
    struct hub_edge edge = fixture_edge(f); /* which lets everybody in: nobody asks it */
    edge.effect = mute_effect;
    edge.joined = mute_joined;
    struct hub *replayed = hub_new(&config, &edge);
    fixture_replay(f, replayed);
    struct text before = dump_of(fixture_hub(f)), after = dump_of(replayed);
    assert_true(before.len > 0 && memmem(before.at, before.len, "\"alice\"", 7));
    assert_true(slice_equal(text_slice(&before), text_slice(&after)));
    text_free(&before);
    text_free(&after);
    hub_free(replayed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TOKENS_TEST(test_a_token_says_whose_an_ai_is),
        TOKENS_TEST(test_without_tokens_each_is_its_own),
        TOKENS_TEST(test_the_others_are_told_the_owner_and_no_token),
        TOKENS_TEST(test_who_shows_none_is_told_and_closed),
        TOKENS_TEST(test_who_may_come_in_but_not_so_may_ask_again),
        TOKENS_TEST(test_a_later_hello_needs_none),
        TOKENS_TEST(test_an_observers_token_says_nothing),
        TOKENS_TEST(test_a_token_has_a_rate_of_its_own),
        TOKENS_TEST(test_nothing_is_said_before_the_hello_is_answered),
        TOKENS_TEST(test_a_replay_asks_for_no_token),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
