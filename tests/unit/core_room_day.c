/* A room's messages in a day, over all who are there. */
#include "core_fixture.h"

#include <string.h>

#include "core/state.h"
#include "wire/text.h"

#define HOUR_MS (3600ll * 1000)

/* Everybody is let in, and owns itself; alice's token is an admin's. */
static int ask_admin(void *ctx, const struct hub_login *login, struct hub_pass *ret_pass,
                     struct refusal *ret_refusal)
{
    (void)ctx, (void)ret_refusal;
    *ret_pass = (struct hub_pass){.owner = login->ai_id, .admin = slice_is(login->token, "alice")};
    return 0;
}

/* A room of so many messages a day. */
static struct fixture *daily_room(double most)
{
    struct hub_config config = fixture_config();
    config.room.most[LIMIT_DAILY] = most;
    return fixture_new(&config);
}

static void expect_day_over(struct fixture *f, unsigned peer, double most, unsigned said,
                            int64_t wait_ms)
{
    json_t *error = expect_error(f, peer, "quota_exceeded");
    char told[64];
    snprintf(told, sizeof told, "\"main\" %u messages were said today", said);
    assert_limit(error, "daily", "room", most);
    assert_int_equal(integer_of(error, "retry_after_ms"), wait_ms);
    assert_non_null(strstr(string_of(error, "detail"), told));
}

static void test_a_room_has_so_many_messages_a_day(void **state)
{
    (void)state;
    struct fixture *f = daily_room(6);
    join(f, ADA, "ada", 2, ""); /* hellos count */
    join(f, BOB, "bob", 2, "'acks':true");
    join(f, DAN, "dan", 2, "'room':'lab'");
    for (unsigned i = 0; i < 4; i++)
        say(f, i % 2 ? ADA : BOB, "chat", "{'text':'x'}");
    const char *taken = last_line(f);
    skip_all(f);
    say_bytes(f, ADA, taken, strlen(taken)); /* who asked for no acks says it anew */
    expect_day_over(f, ADA, 6, 6, 16 * HOUR_MS);
    say(f, BOB, "pattern_share", "{'pattern':{'id':'p'}}");
    expect_day_over(f, BOB, 6, 6, 16 * HOUR_MS);
    expect_nothing(f, ADA);
    say(f, BOB, "heartbeat", "{}"); /* what is not kept is free; so is who comes, and may read */
    expect(f, BOB, "heartbeat");
    say(f, BOB, "knowledge_query", "{}");
    expect(f, BOB, "knowledge_result");
    join(f, CEY, "cey", 2, "");
    say(f, CEY, "chat", "{'text':'x'}");
    expect_error(f, CEY, "quota_exceeded");
    for (unsigned i = 0; i < 9; i++)
        say(f, DAN, "chat", "{'text':'x'}"); /* of another room, with a hello: ten */
    json_t *error = expect(f, DAN, "error");
    assert_non_null(strstr(string_of(error, "detail"), "\"lab\" 6 messages"));
    pass(f, 16 * HOUR_MS - 1);
    say(f, ADA, "chat", "{'text':'x'}");
    expect_day_over(f, ADA, 6, 7, 1);
    pass(f, 1); /* 00:00 */
    for (unsigned i = 0; i < 6; i++)
        say(f, i % 2 ? ADA : BOB, "chat", "{'text':'x'}");
    skip_all(f);
    say(f, ADA, "chat", "{'text':'x'}");
    expect_day_over(f, ADA, 6, 6, 24 * HOUR_MS);
    fixture_free(f);
}

/* Whoever keeps order there does so on any day. */
static void test_an_admin_may_moderate_on_any_day(void **state)
{
    (void)state;
    struct fixture *f = daily_room(2);
    fixture_let_in(f, ask_admin);
    join(f, ADA, "ada", 2, "'token':'alice'");
    join(f, BOB, "bob", 2, "'token':'bert'");
    say(f, ADA, "chat", "{'text':'x'}");
    expect_error(f, ADA, "quota_exceeded");
    say(f, ADA, "moderation", "{'action':'kick','target':{'ai_id':'bob'},'reason':'floods'}");
    expect(f, ADA, "moderation");
    expect_closed(f, BOB, CLOSE_KICKED);
    fixture_free(f);
}

static void test_what_is_under_way_counts_for_the_rooms_day(void **state)
{
    (void)state;
    struct fixture *f = daily_room(5);
    join(f, ADA, "ada", 2, "");
    join(f, BOB, "bob", 2, "");
    join(f, CEY, "cey", 2, "");
    join(f, DAN, "dan", 2, "'room':'lab'");
    fixture_hold(f);
    say(f, ADA, "chat", "{'text':'x'}");
    say(f, DAN, "chat", "{'text':'x'}");
    leave(f, ADA); /* is no message, but what it said is */
    say(f, BOB, "chat", "{'text':'x'}");
    say(f, CEY, "chat", "{'text':'x'}");
    json_t *error = expect_error(f, CEY, "quota_exceeded");
    assert_non_null(strstr(string_of(error, "detail"), "3 messages were said today"));
    fixture_commit(f);
    skip_all(f);
    say(f, BOB, "chat", "{'text':'x'}");
    expect_day_over(f, BOB, 5, 5, 16 * HOUR_MS);
    fixture_hub(f)->config.room.most[LIMIT_DAILY] = 6;
    say(f, BOB, "chat", "{'text':'x'}"); /* nothing of it is under way for ever */
    fixture_commit(f);
    fixture_hub(f)->config.room.most[LIMIT_DAILY] = 7;
    fixture_fill(f, true); /* nor what could not be kept */
    say(f, BOB, "chat", "{'text':'x'}");
    expect_error(f, BOB, "storage_unavailable");
    fixture_fill(f, false);
    say(f, BOB, "chat", "{'text':'x'}");
    fixture_commit(f);
    say(f, BOB, "chat", "{'text':'x'}");
    expect_day_over(f, BOB, 7, 7, 16 * HOUR_MS);
    fixture_free(f);
}

/* Another hub of these rows; cut: as an earlier khub wrote them, which counted no room's day. */
struct copy {
    struct hub *hub;
    bool cut;
};

static void copy_row(void *ctx, const struct row *row)
{
    struct copy *copy = ctx;
    struct row same = *row;
    char why[256], bytes[4096];
    if (row->kind == ROW_ROOM) {
        snprintf(bytes, sizeof bytes, "%.*s", SLICE_FORMAT(row->bytes));
        char *day = strstr(bytes, "\"day\":"), *behind = day ? strstr(day, "\"limits\"") : NULL;
        assert_non_null(behind);
        if (copy->cut)
            memmove(day, behind, strlen(behind) + 1);
        same.bytes = slice_of(bytes);
    }
    if (hub_load(copy->hub, slice_of("main"), &same, why, sizeof why) < 0)
        fail_msg("%s", why);
}

/* Of a copy: "day":20779,"said":3 stands in it. */
static void expect_copied(struct fixture *f, bool cut, const char *told)
{
    struct hub_config config = fixture_config();
    struct hub_edge edge = fixture_edge(f);
    struct copy copy = {hub_new(&config, &edge), cut};
    struct text dump = {0};
    char why[256];
    hub_save(fixture_hub(f), slice_of("main"), copy_row, &copy);
    if (hub_loaded(copy.hub, slice_of("main"), why, sizeof why) < 0)
        fail_msg("%s", why);
    hub_dump(copy.hub, slice_of("main"), &dump);
    text_add(&dump, (struct slice){"", 1});
    assert_non_null(strstr(dump.at, told));
    text_free(&dump);
    hub_free(copy.hub);
}

static void test_a_rooms_day_is_in_its_rows(void **state)
{
    (void)state;
    struct fixture *f = daily_room(3);
    char told[64];
    join(f, ADA, "ada", 2, "");
    say(f, ADA, "chat", "{'text':'x'}");
    say(f, ADA, "chat", "{'text':'x'}");
    snprintf(told, sizeof told, "\"day\":%lld,\"said\":3,", (long long)(now(f) / (24 * HOUR_MS)));
    expect_copied(f, false, told);
    expect_copied(f, true, "\"day\":0,\"said\":0,");
    fixture_free(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_room_has_so_many_messages_a_day),
        cmocka_unit_test(test_an_admin_may_moderate_on_any_day),
        cmocka_unit_test(test_what_is_under_way_counts_for_the_rooms_day),
        cmocka_unit_test(test_a_rooms_day_is_in_its_rows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
