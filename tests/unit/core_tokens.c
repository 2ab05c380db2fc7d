/* What a hub does with the answer to whether somebody may come in: who owns an AI, who is told
 * what, and that the log alone says it again. */
#include "core_fixture.h"

#include <stdlib.h>
#include <string.h>

#include "types_of.h"
#include "wire/text.h"

#define TOKENS_TEST(name) cmocka_unit_test_setup_teardown(name, setup, fixture_teardown)

#define TALK              "pattern_share,chat"

/* "own:NAME" is the token of NAME, "eye:NAME" an observer's, "seer:NAME" one of an observer that is
 * shown all, "root:NAME" an admin's, "slow:NAME" one of a message a second, "talk:NAME" one that
 * may only chat and share patterns; "bound:NAME" may not take the id it asks for; "busy" has come
 * too often. */
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
        return refuse_over(ret_refusal, WIRE_RATE_LIMITED,
                           &(struct overrun){"logins", "address", 16, 0}, "too many at once");
    if (sscanf(shown, "%15[^:]:%63s", kind, owner) != 2)
        return refuse(ret_refusal, WIRE_UNAUTHORIZED, login->shows ? "wrong" : "missing");
    if (strcmp(kind, "bound") == 0)
        return refuse(ret_refusal, WIRE_FORBIDDEN, "\"%.*s\" in \"%.*s\"%s",
                      SLICE_FORMAT(login->ai_id), SLICE_FORMAT(login->room),
                      login->observer ? " observing" : "");
    bool mute = strcmp(kind, "eye") == 0, all = !strcmp(kind, "seer") || !strcmp(kind, "root");
    *ret_pass = (struct hub_pass){.owner = slice_of(owner),
                                  .barred = mute || strcmp(kind, "seer") == 0 ? all_but("")
                                            : strcmp(kind, "talk") == 0       ? all_but(TALK)
                                                                              : types_of(""),
                                  .sees = mute  ? SEES_PUBLIC
                                          : all ? SEES_ALL
                                                : SEES_OWN,
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
    join(f, CEY, "bob", 1, "'token':'own:alice'");
    assert_true(owns(f, "alice", "bob"));
}

/* Whoever has an id is given what was said to it: nobody else takes it, though it is absent, be it
 * with its resume_token. */
static void test_an_id_stays_its_owners(void **state)
{
    struct fixture *f = *state;
    const char *resume_token =
        string_of(join(f, BOB, "bob", 2, "'token':'own:alice'"), "resume_token");
    char secret[64];
    snprintf(secret, sizeof secret, "%s", resume_token);
    open_peer(f, CEY);
    say_hello(f, CEY, "bob", "{'protocol':2,'token':'own:carol','resume_token':'%s'}", secret);
    json_t *error = expect_error(f, CEY, "id_in_use");
    assert_non_null(strstr(string_of(error, "detail"), "\"bob\" is an id of another owner's"));
    expect_open(f, BOB);
    leave(f, BOB);
    say_hello(f, CEY, "bob", "{'protocol':2,'token':'own:carol','since':0}");
    expect_error(f, CEY, "id_in_use");
    say_hello(f, CEY, "bob",
              "{'protocol':2,'token':'own:carol','room':'lab'}"); /* nobody's there */
    expect(f, CEY, "training_sync");
    open_peer(f, DAN);
    say_hello(f, DAN, "bob", "{'protocol':2,'token':'own:alice'}");
    expect(f, DAN, "training_sync");
    assert_true(owns(f, "alice", "bob"));
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
        {"{'sees':'all','token':'own:alice','se\\u0065s':1}", "{'owner':'alice'}"},
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

/* Says one of each type that there is: those that are barred are refused for the token alone. */
static void expect_barred(struct fixture *f, unsigned peer, struct message_types barred)
{
    for (unsigned i = 0; i < MESSAGE_TYPE_COUNT; i++) {
        enum message_type type = (enum message_type)i;
        const char *text = message_type_text(type);
        char told[64];
        if (!message_type_from_client(type) || type == MESSAGE_HELLO || type == MESSAGE_LEAVE ||
            type == MESSAGE_LOG_QUERY || type == MESSAGE_USAGE_QUERY) /* of observers, of admins */
            continue;
        say(f, peer, text, "{'text':'x','pattern':{'id':'p%u'}}", peer);
        if (!message_types_has(barred, type)) {
            expect_no(f, peer, "error");
            skip_all(f);
            continue;
        }
        const char *detail = string_of(expect_error(f, peer, "forbidden"), "detail");
        snprintf(told, sizeof told, "the token of \"alice\" is not good for %s;", text);
        assert_non_null(strstr(detail, told));
        assert_non_null(strstr(detail, "may say: " TALK));
    }
}

static void test_a_token_publishes_the_types_it_was_given(void **state)
{
    struct fixture *f = *state;
    struct message_types barred = all_but(TALK);
    join(f, BOB, "bob", 2, "'token':'own:bert'");
    join(f, ADA, "ada", 2, "'token':'talk:alice'");
    skip_all(f);
    expect_barred(f, ADA, barred);
    say(f, ADA, "chat", "{'text':'x'}");
    expect_relayed(f, BOB);
    say(f, ADA, "code_share", "{'code':{'id':'c','source':'x'}}");
    expect_error(f, ADA, "forbidden");
    /* however it is spelled */
    say_raw(f, ADA,
            "{'message_id':'m','sender_id':'ada','message_type':'\\u0063ode_sh\\u0061re',"
            "'timestamp':'t','payload':{'code':{'id':'c','source':'x'}}}");
    expect_error(f, ADA, "forbidden");
    say(f, ADA, "Chat", "{'text':'x'}");
    expect_error(f, ADA, "unknown_type");
    expect_nothing(f, BOB);
    leave(f, ADA); /* nor after it came back, under another id or level */
    join(f, ADA, "ada", 1, "'token':'talk:alice'");
    join(f, CEY, "cey", 2, "'token':'talk:alice'");
    skip_all(f);
    say(f, ADA, "code_share", "{'code':{'id':'c','source':'x'}}");
    expect_error(f, ADA, "forbidden");
    expect_barred(f, CEY, barred);
}

static void test_what_a_token_may_publish_changes_at_once(void **state)
{
    struct fixture *f = *state;
    struct hub_pass pass = {.barred = all_but(TALK)};
    join(f, BOB, "bob", 2, "'token':'own:bert'");
    join(f, ADA, "ada", 2, "'token':'own:alice'");
    skip_all(f);
    say(f, ADA, "code_share", "{'code':{'id':'c','source':'x'}}");
    expect_relayed(f, BOB);
    hub_set_pass(fixture_hub(f), (peer_id)1 << 32 | ADA, &pass);
    say(f, ADA, "code_share", "{'code':{'id':'c','source':'y'}}");
    expect_error(f, ADA, "forbidden");
    expect_nothing(f, BOB);
    expect_barred(f, ADA, pass.barred);
    pass.barred = types_of("");
    hub_set_pass(fixture_hub(f), (peer_id)1 << 32 | ADA, &pass);
    say(f, ADA, "code_share", "{'code':{'id':'c','source':'y'}}");
    expect_relayed(f, BOB);
    say(f, BOB, "chat", "{'text':'x'}"); /* whose token nobody changed */
    expect_relayed(f, ADA);
    fixture_let_in(f, NULL);
    join(f, CEY, "cey", 2, "");
    pass.barred = message_types_published();
    hub_set_pass(fixture_hub(f), (peer_id)1 << 32 | CEY, &pass); /* who has none */
    skip_all(f);
    say(f, CEY, "chat", "{'text':'x'}");
    expect_relayed(f, ADA);
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

/* ── what observers are shown ── */

/* Who looks on, and what of: what ada, who is alice's, says to bea, who is bert's. */
static const struct viewer {
    unsigned peer;
    const char *id, *hello;
    bool shown, dans; /* and of what cey says to dan, who are carl's and dora's */
} viewers[] = {
    {EVE, "eve", "'token':'eye:eve','role':'observer'", false, false},
    {FAY, "fay", "'token':'seer:fay','role':'observer'", true, true},
    {GUS, "gus", "'token':'root:gus','role':'observer'", true, true},
    {HAL, "hal", "'token':'own:alice','role':'observer'", true, false},
    {IDA, "ida", "'token':'own:bert','role':'observer'", true, false},
    {JON, "jon", "'token':'own:dora','role':'observer'", false, true},
    {JON + 1, "kim", "'token':'own:kim','role':'observer'", false, false},
    {JON + 2, "leo", "'token':'own:alice'", false, false}, /* a member: nothing of others */
    {JON + 3, "mia", "'token':'root:mia'", false, false},
};
#define VIEWERS (sizeof viewers / sizeof *viewers)

static void join_all(struct fixture *f)
{
    join(f, ADA, "ada", 2, "'token':'own:alice'");
    join(f, BOB, "bea", 2, "'token':'own:bert'");
    join(f, CEY, "cey", 2, "'token':'own:carl'");
    join(f, DAN, "dan", 2, "'token':'own:dora'");
    for (size_t i = 0; i < VIEWERS; i++)
        join(f, viewers[i].peer, viewers[i].id, 2, viewers[i].hello);
    skip_all(f);
}

static void test_what_is_for_one_is_shown_to_who_may_see_it(void **state)
{
    struct fixture *f = *state;
    join_all(f);
    say_to(f, ADA, "bea", "chat", "{'text':'secret'}");
    expect_relayed(f, BOB);
    for (size_t i = 0; i < VIEWERS; i++) {
        if (viewers[i].shown)
            expect_relayed(f, viewers[i].peer);
        expect_nothing(f, viewers[i].peer);
    }
    expect_nothing(f, CEY);
    say_to(f, CEY, "dan", "chat", "{'text':'secret'}");
    for (size_t i = 0; i < VIEWERS; i++) {
        if (viewers[i].dans)
            expect_relayed(f, viewers[i].peer);
        expect_nothing(f, viewers[i].peer);
    }
    say(f, ADA, "chat", "{'text':'for all'}");
    for (size_t i = 0; i < VIEWERS; i++)
        expect_relayed(f, viewers[i].peer);
    say_to(f, ADA, "eve", "chat", "{'text':'to who looks on'}");
    expect_relayed(f, EVE);
    expect_relayed(f, FAY);
    expect_nothing(f, IDA);
}

static void test_a_hello_said_again_shows_no_more(void **state)
{
    struct fixture *f = *state;
    join_all(f);
    say_hello(f, EVE, "eve", "{'protocol':2,'role':'observer','sees':'all','token':'seer:fay'}");
    skip_all(f);
    say_to(f, ADA, "bea", "chat", "{'text':'secret'}");
    expect_nothing(f, EVE);
    leave(f, FAY); /* its id is a member's then, who sees nothing of others */
    join(f, FAY, "fay", 2, "'token':'own:fay'");
    say_to(f, ADA, "bea", "chat", "{'text':'secret'}");
    expect_nothing(f, FAY);
}

static bool holds(json_t *value, const char *text)
{
    char *told = json_dumps(value, 0);
    bool found = strstr(told, text) != NULL;
    free(told);
    return found;
}

static void test_a_dead_letter_is_shown_likewise(void **state)
{
    struct fixture *f = *state;
    join_all(f);
    leave(f, BOB);
    say_to(f, ADA, "bea", "chat", "{'text':'secret'}");
    skip_all(f);
    for (size_t i = 0; i < VIEWERS; i++) {
        say(f, viewers[i].peer, "dead_query", "{}");
        json_t *result = expect(f, viewers[i].peer, "dead_result");
        assert_int_equal(holds(result, "bea"), viewers[i].shown);
        assert_int_equal(json_integer_value(json_object_get(result, "total")), viewers[i].shown);
    }
    say(f, JON, "dead_query",
        "{}"); /* nor is it dora's to send again, by a number that is guessed */
    skip_all(f);
    for (int id = 1; id < 64; id++) {
        say(f, JON, "dead_query", "{'id':%d}", id);
        expect_error(f, JON, "not_found");
        say(f, JON, "dead_letter", "{'id':%d,'action':'drop'}", id);
        expect_error(f, JON, "not_found");
    }
    say(f, FAY, "dead_query", "{}");
    assert_true(holds(expect(f, FAY, "dead_result"), "bea"));
}

static void test_a_session_and_its_workspace_are_shown_likewise(void **state)
{
    struct fixture *f = *state;
    json_t *line;
    char id[64];
    join_all(f);
    say_to(f, ADA, "bea", "collaboration_request", "{'description':'secret'}");
    line = expect(f, BOB, "collaboration_request");
    snprintf(id, sizeof id, "%s", string_of(line, "session_id"));
    for (size_t i = 0; i < VIEWERS; i++) {
        if (viewers[i].shown)
            expect(f, viewers[i].peer, "collaboration_request");
        else
            expect_nothing(f, viewers[i].peer);
    }
    for (size_t i = 0; i < VIEWERS; i++) { /* while bea is asked alone */
        say(f, viewers[i].peer, "session_query", "{}");
        assert_int_equal(holds(expect(f, viewers[i].peer, "session_result"), "secret"),
                         viewers[i].shown);
    }
    say(f, BOB, "collaboration_response", "{'session_id':'%s','accepted':true}", id);
    say(f, BOB, "workspace_update", "{'session_id':'%s','key':'k','value':'hidden'}", id);
    for (size_t i = 0; i < VIEWERS; i++) {
        if (viewers[i].shown)
            expect(f, viewers[i].peer, "workspace_update");
        else
            expect_nothing(f, viewers[i].peer);
    }
    for (size_t i = 0; i < VIEWERS; i++) {
        say(f, viewers[i].peer, "session_query", "{}");
        assert_int_equal(holds(expect(f, viewers[i].peer, "session_result"), "secret"),
                         viewers[i].shown);
        say(f, viewers[i].peer, "session_query", "{'id':'%s'}", id);
        if (viewers[i].shown)
            assert_true(holds(expect(f, viewers[i].peer, "session_result"), "hidden"));
        else
            expect_error(f, viewers[i].peer, "unknown_session");
        leave(f, viewers[i].peer);
        json_t *sync = join(f, viewers[i].peer, viewers[i].id, 2, viewers[i].hello);
        assert_int_equal(holds(json_object_get(sync, "sessions"), id), viewers[i].shown);
    }
}

/* A guest is nobody whom a log knows; what its token lets it see holds for it as well. */
static void test_a_guest_is_shown_no_more(void **state)
{
    struct hub_config config = fixture_config();
    config.receives = true;
    struct fixture *f = fixture_new(&config);
    (void)state;
    fixture_let_in(f, ask);
    join(f, ADA, "ada", 2, "'token':'own:alice'");
    join(f, BOB, "bea", 2, "'token':'own:bert'");
    leave(f, BOB);
    say_to(f, ADA, "bea", "chat", "{'text':'secret'}");
    fixture_fill(f, true);
    for (size_t i = 0; i + 2 < VIEWERS; i++) { /* of those who observe */
        json_t *sync = join(f, viewers[i].peer, viewers[i].id, 2, viewers[i].hello);
        assert_true(json_is_false(json_object_get(sync, "kept")));
        say(f, viewers[i].peer, "dead_query", "{}");
        assert_int_equal(holds(expect(f, viewers[i].peer, "dead_result"), "bea"), viewers[i].shown);
    }
    fixture_free(f);
}

/* What the edge is asked for says what may be told. */
static struct hub_resume resumed;
static char resumed_own[OWN_IDS_MAX * 16];

static void take_resume(void *ctx, const struct hub_resume *resume)
{
    (void)ctx;
    resumed = *resume;
    snprintf(resumed_own, sizeof resumed_own, "%.*s", SLICE_FORMAT(resume->own));
}

static void test_who_asks_for_the_past_is_told_by_the_same_rights(void **state)
{
    struct fixture *f = *state;
    join_all(f);
    leave(f, ADA); /* an owner's absent AIs are its own */
    for (size_t i = 0; i + 2 < VIEWERS; i++) {
        leave(f, viewers[i].peer);
        fixture_resume(f, take_resume);
        char hello[128];
        snprintf(hello, sizeof hello, "%s,'since':0", viewers[i].hello);
        join(f, viewers[i].peer, viewers[i].id, 2, hello);
        assert_true(resumed.observer);
        assert_int_equal(resumed.sees, strstr(hello, "eye:")   ? SEES_PUBLIC
                                       : strstr(hello, "own:") ? SEES_OWN
                                                               : SEES_ALL);
        const char *own = strcmp(viewers[i].id, "hal") == 0   ? "ada\nhal\nleo\n"
                          : strcmp(viewers[i].id, "ida") == 0 ? "bea\nida\n"
                          : strcmp(viewers[i].id, "jon") == 0 ? "dan\njon\n"
                          : strcmp(viewers[i].id, "kim") == 0 ? "kim\n"
                                                              : "";
        assert_string_equal(resumed_own, own);
    }
}

static void test_of_an_owners_past_so_many_ids_are_told(void **state)
{
    struct fixture *f = *state;
    char id[32];
    for (unsigned i = 0; i < OWN_IDS_MAX + 9; i++) {
        snprintf(id, sizeof id, "own-%04u", i);
        join(f, 20 + i, id, 2, "'token':'own:alice'");
    }
    fixture_resume(f, take_resume);
    join(f, EVE, "eve", 2, "'token':'own:alice','role':'observer','since':0");
    size_t ids = 0;
    for (size_t i = 0; i < resumed.own.len; i++)
        ids += resumed_own[i] == '\n';
    assert_int_equal(ids, OWN_IDS_MAX);
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
        TOKENS_TEST(test_an_id_stays_its_owners),
        TOKENS_TEST(test_without_tokens_each_is_its_own),
        TOKENS_TEST(test_the_others_are_told_the_owner_and_no_token),
        TOKENS_TEST(test_who_shows_none_is_told_and_closed),
        TOKENS_TEST(test_who_may_come_in_but_not_so_may_ask_again),
        TOKENS_TEST(test_a_later_hello_needs_none),
        TOKENS_TEST(test_an_observers_token_says_nothing),
        TOKENS_TEST(test_a_token_publishes_the_types_it_was_given),
        TOKENS_TEST(test_what_a_token_may_publish_changes_at_once),
        TOKENS_TEST(test_a_token_has_a_rate_of_its_own),
        TOKENS_TEST(test_nothing_is_said_before_the_hello_is_answered),
        TOKENS_TEST(test_what_is_for_one_is_shown_to_who_may_see_it),
        TOKENS_TEST(test_a_hello_said_again_shows_no_more),
        TOKENS_TEST(test_a_dead_letter_is_shown_likewise),
        TOKENS_TEST(test_a_session_and_its_workspace_are_shown_likewise),
        cmocka_unit_test(test_a_guest_is_shown_no_more),
        TOKENS_TEST(test_who_asks_for_the_past_is_told_by_the_same_rights),
        TOKENS_TEST(test_of_an_owners_past_so_many_ids_are_told),
        TOKENS_TEST(test_a_replay_asks_for_no_token),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
