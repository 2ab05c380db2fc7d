/* The hub in numbers: what is counted, and who is told of what. */
#include "core_fixture.h"

#include <string.h>

#include "core/state.h"
#include "log/memory.h"

#define STATS_TEST(name) cmocka_unit_test_setup_teardown(name, setup, fixture_teardown)

/* A token is its owner's name; ops' are admins'. */
static int ask(void *ctx, const struct hub_login *login, struct hub_pass *ret_pass,
               struct refusal *ret_refusal)
{
    static char owner[64];
    (void)ctx, (void)ret_refusal;
    snprintf(owner, sizeof owner, "%.*s", SLICE_FORMAT(login->token));
    *ret_pass = (struct hub_pass){.owner = slice_of(owner), .admin = strncmp(owner, "ops", 3) == 0};
    return 0;
}

static int setup(void **state)
{
    struct hub_config config = fixture_config();
    *state = fixture_new(&config);
    return 0;
}

static json_t *asked(struct fixture *f, unsigned peer)
{
    skip_all(f);
    say(f, peer, "stats_query", "{}");
    json_t *result = expect(f, peer, "stats_result");
    assert_string_equal(string_of(result, "in_reply_to"), last_message_id(f));
    assert_string_equal(string_of(result, "hub_version"), KHUB_VERSION);
    for (unsigned other = ADA; other <= EVE; other++)
        expect_nothing(f, other);
    return result;
}

static json_t *room_of(struct fixture *f, unsigned peer)
{
    return json_object_get(asked(f, peer), "room");
}

static void assert_within(json_t *object, const char *member, const char *name, int number)
{
    assert_int_equal(integer_of(json_object_get(object, member), name), number);
}

static void test_a_room_is_counted(void **state)
{
    struct fixture *f = *state;
    join(f, ADA, "ada", 2, "'stays_s':60");
    join(f, BOB, "bob", 2, "");
    join(f, CEY, "cey", 2, "'role':'observer'");
    json_t *room = room_of(f, ADA);
    assert_string_equal(string_of(room, "name"), "main");
    assert_int_equal(integer_of(room, "members"), 2);
    assert_int_equal(integer_of(room, "away"), 0);
    assert_int_equal(integer_of(room, "knowledge_bytes"), 0);
    int seq = integer_of(room, "seq");
    say(f, BOB, "pattern_share", "{'pattern':{'id':'p1'}}");
    say(f, BOB, "os_component_share", "{'component':{'name':'c1'}}");
    say(f, BOB, "collaboration_request", "{'type':'pair'}");
    say(f, BOB, "lease_request", "{'key':'k','ttl_s':60}");
    say(f, BOB, "approval_request",
        "{'question':'go?','choices':['yes','no'],'default':'no','timeout_s':60}");
    leave(f, ADA);
    room = room_of(f, BOB);
    assert_int_equal(integer_of(room, "members"), 1);
    assert_int_equal(integer_of(room, "away"), 1);
    assert_int_equal(integer_of(room, "seq"), seq + 6);
    assert_within(room, "knowledge", "shared_patterns", 1);
    assert_within(room, "knowledge", "shared_components", 0);
    assert_within(room, "knowledge", "collective_features", 1);
    assert_true(integer_of(room, "knowledge_bytes") > 0);
    assert_within(room, "sessions", "live", 1);
    assert_within(room, "sessions", "ended", 0);
    assert_int_equal(integer_of(room, "leases"), 1);
    assert_int_equal(integer_of(room, "approvals_pending"), 1);
    assert_null(json_object_get(room, "observers")); /* who looks on is announced to nobody */
}

static void expect_tasks(struct fixture *f, const char *ready, int blocked, int claimed, int closed)
{
    json_t *room = room_of(f, BOB);
    assert_within(room, "tasks", ready, 1);
    assert_within(room, "tasks", "blocked", blocked);
    assert_within(room, "tasks", "claimed", claimed);
    assert_int_equal(integer_of(json_object_get(room, "tasks"), "done") +
                         integer_of(json_object_get(room, "tasks"), "dropped"),
                     closed);
}

/* The same question of a room that has changed since is counted anew. */
static void test_tasks_and_letters_are_counted_as_they_change(void **state)
{
    struct fixture *f = *state;
    join(f, BOB, "bob", 2, "");
    join(f, ADA, "ada", 2, "");
    say(f, BOB, "task", "{'key':'a','title':'first'}");
    say(f, BOB, "task", "{'key':'b','title':'second','needs':['a']}");
    expect_tasks(f, "ready", 1, 0, 0);
    expect_tasks(f, "ready", 1, 0, 0);
    say(f, BOB, "lease_request", "{'key':'task:a','ttl_s':60}");
    expect_tasks(f, "claimed", 1, 1, 0);
    say(f, BOB, "task", "{'id':'a','status':'dropped','why':'no'}");
    expect_tasks(f, "dropped", 0, 0, 1);
    expect_tasks(f, "ready", 0, 0, 1);
    assert_int_equal(integer_of(room_of(f, BOB), "dead_letters"), 0);
    leave(f, ADA);
    say_to(f, BOB, "ada", "chat", "{'text':'are you there?'}");
    assert_int_equal(integer_of(room_of(f, BOB), "dead_letters"), 1);
}

static void test_the_whole_hub_is_an_admins(void **state)
{
    struct fixture *f = *state;
    fixture_let_in(f, ask);
    join(f, ADA, "ada", 2, "'token':'alice'");
    join(f, BOB, "bob", 2, "'token':'bob','room':'lab'");
    join(f, CEY, "cey", 2, "'token':'carol','role':'observer'");
    join(f, DAN, "dan", 2, "'token':'ops','role':'observer','room':'lab'");
    say(f, BOB, "pattern_share", "{'pattern':{'id':'p1'}}");
    assert_true(json_is_null(json_object_get(asked(f, ADA), "hub")));
    assert_true(json_is_null(json_object_get(asked(f, CEY), "hub")));
    json_t *result = asked(f, ADA);
    assert_within(result, "room", "members", 1); /* of its own, */
    assert_int_equal(integer_of(json_object_get(json_object_get(result, "room"), "knowledge"),
                                "shared_patterns"),
                     0);
    result = asked(f, DAN);
    json_t *hub = json_object_get(result, "hub");
    assert_within(result, "room", "members", 1);
    assert_int_equal(integer_of(hub, "rooms"), 2);
    assert_int_equal(integer_of(hub, "members"), 2);
    assert_int_equal(integer_of(hub, "observers"), 2);
    assert_within(hub, "knowledge", "shared_patterns", 1);
    assert_int_equal(integer_of(hub, "messages"), 5); /* four hellos, and the pattern */
    assert_int_equal(integer_of(hub, "refused"), 0);
    assert_true(json_is_null(json_object_get(hub, "commits")));
}

static void mute_effect(void *ctx, const struct effect *effect)
{
    (void)ctx, (void)effect;
}

static void mute_joined(void *ctx, peer_id peer)
{
    (void)ctx, (void)peer;
}

/* Behind all that was replayed. */
static struct log open_behind(void *ctx, struct slice room, struct commit commit)
{
    (void)ctx, (void)room;
    commit.after = 100;
    return log_memory(commit);
}

/* An entry of an earlier hub is none of this one's. */
static void test_messages_count_since_it_began(void **state)
{
    struct fixture *f = *state;
    struct hub_config config = fixture_config();
    struct hub_edge edge = fixture_edge(f);
    edge.effect = mute_effect;
    edge.joined = mute_joined;
    edge.open_log = open_behind;
    join(f, ADA, "ada", 2, "");
    say(f, ADA, "chat", "{'text':'hello'}");
    json_t *hub = json_object_get(asked(f, ADA), "hub"); /* without tokens anybody's */
    assert_int_equal(integer_of(hub, "messages"), 2);
    struct hub *later = hub_new(&config, &edge);
    fixture_replay(f, later);
    assert_int_equal(hub_messages(later), 2);
    hub_start(later, now(f));
    assert_int_equal(hub_messages(later) - later->messages_before, 0);
    hub_free(later);
}

static void test_level_1_is_not_told(void **state)
{
    struct fixture *f = *state;
    join(f, ADA, "ada", 1, "");
    say(f, ADA, "stats_query", "{}");
    expect_error(f, ADA, "forbidden");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STATS_TEST(test_a_room_is_counted),
        STATS_TEST(test_tasks_and_letters_are_counted_as_they_change),
        STATS_TEST(test_the_whole_hub_is_an_admins),
        STATS_TEST(test_messages_count_since_it_began),
        STATS_TEST(test_level_1_is_not_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
