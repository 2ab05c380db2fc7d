/* An AI that stays between its links, and one that leaves. */
#include "client_fixture.h"

#include <stdio.h>
#include <stdlib.h>

static const struct khub_options plain = {0};

static bool is_ended(struct life *life)
{
    return khub_link_state(life->link) == KHUB_ENDED;
}

static void it_says_for_how_long_and_hears_it(void **state)
{
    struct life *life = *state;
    life->hub.mute = true;
    life_link(life, (struct khub_options){.stays_s = 600});
    UNTIL(life, fake_hub_count(&life->hub, "hello") == 1);
    char *payload = line_payload(fake_hub_line(&life->hub, "hello", 0));
    assert_non_null(strstr(payload, "\"stays_s\":600"));
    free(payload);
    assert_int_equal(khub_stays(life->link), 0);
    fake_hub_say(&life->hub, "hub", "training_sync",
                 "{\"seq\":1,\"resume_token\":\"t\",\"stays_s\":599,\"limits\":{}}", 1);
    UNTIL(life, khub_link_state(life->link) == KHUB_JOINED);
    assert_int_equal(khub_stays(life->link), 599);
    fake_hub_drop(&life->hub);
    UNTIL(life, khub_link_state(life->link) != KHUB_JOINED);
    assert_int_equal(khub_stays(life->link), 0);
}

static void an_old_hub_keeps_nobody(void **state)
{
    struct life *life = *state;
    life_join(life, (struct khub_options){.stays_s = 600});
    assert_int_equal(khub_stays(life->link), 0);
    assert_null(strstr(fake_hub_line(&life->hub, "hello", 0), "\"leave\""));
}

static void only_some_may(void **state)
{
    static const struct khub_options wrong[] = {{.ai_id = "ada", .stays_s = 60, .level = 1},
                                                {.ai_id = "ada", .stays_s = 60, .observer = true},
                                                {.ai_id = "ada", .stays_s = 86401}};
    struct khub *link = NULL;
    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_int_equal(khub_new(&wrong[i], NULL, &link), KHUB_E_ARGUMENT);
    assert_null(link);
    assert_int_equal(
        khub_new(&(struct khub_options){.ai_id = "ada", .stays_s = 86400}, NULL, &link), 0);
    khub_free(link);
}

/* Last of all, and once; the hub's word on it ends the link. */
static void a_leave_is_said_last(void **state)
{
    struct life *life = *state;
    life_join(life, plain);
    assert_int_equal(khub_chat(life->link, "last words", NULL), 0);
    khub_leave(life->link);
    assert_int_equal(khub_chat(life->link, "too late", NULL), KHUB_E_CLOSED);
    UNTIL(life, fake_hub_count(&life->hub, "leave") == 1);
    assert_int_equal(fake_hub_count(&life->hub, "chat"), 1);
    assert_true(strstr(life->hub.received, "last words") < strstr(life->hub.received, "\"leave\""));
    assert_line_valid(fake_hub_line(&life->hub, "leave", 0));
    for (int i = 0; i < 3; i++)
        assert_int_equal(khub_turn(life->link), 0);
    assert_int_equal(khub_link_state(life->link), KHUB_JOINED);
    assert_false(life->hub.peer_ended);
    fake_hub_say(&life->hub, "hub", "presence", "{\"ai_id\":\"eve\",\"status\":\"left\"}", 3);
    UNTIL(life, life_message(life, "presence"));
    assert_int_equal(khub_link_state(life->link), KHUB_JOINED);
    fake_hub_say(&life->hub, "hub", "presence",
                 "{\"ai_id\":\"ada\",\"status\":\"left\",\"reason\":\"left\"}", 4);
    fake_hub_drop(&life->hub);
    UNTIL(life, is_ended(life));
    assert_int_equal(life->turned, 0);
    assert_int_equal(fake_hub_count(&life->hub, "leave"), 1);
    assert_int_equal(life->hub.accepted, 1);
}

/* Behind the ack of what was said, and behind the hub's knowing how far was read. */
static void a_leave_waits_for_answers(void **state)
{
    struct life *life = *state;
    char payload[128], id[40];
    life_join(life, (struct khub_options){.acks = true, .resume = true, .resume_tell = true});
    assert_int_equal(khub_publish_acked(life->link, "chat", "{}", NULL, NULL, NULL, id), 0);
    khub_leave(life->link);
    UNTIL(life, fake_hub_count(&life->hub, "chat") == 1);
    for (int i = 0; i < 3; i++)
        assert_int_equal(khub_turn(life->link), 0);
    fake_hub_step(&life->hub);
    assert_int_equal(fake_hub_count(&life->hub, "leave"), 0);
    snprintf(payload, sizeof payload, "{\"message_id\":\"%s\",\"seq\":2,\"delivered\":true}", id);
    fake_hub_say(&life->hub, "hub", "ack", payload, 2);
    UNTIL(life, fake_hub_count(&life->hub, "leave") == 1);
    fake_hub_say(&life->hub, "hub", "presence", "{\"ai_id\":\"ada\",\"status\":\"left\"}", 9);
    fake_hub_drop(&life->hub); /* how far that is read, nobody needs to know */
    UNTIL(life, is_ended(life));
    assert_int_equal(life->turned, 0);
    assert_int_equal(life->hub.accepted, 1);
}

/* The connection breaks before the hub's word: it is said again, on another. */
static void a_leave_that_was_not_heard_is_said_again(void **state)
{
    struct life *life = *state;
    life_join(life, (struct khub_options){.stays_s = 60});
    khub_leave(life->link);
    UNTIL(life, fake_hub_count(&life->hub, "leave") == 1);
    fake_hub_drop(&life->hub);
    UNTIL(life, fake_hub_count(&life->hub, "leave") == 2);
    assert_int_equal(life->hub.accepted, 2);
    assert_non_null(strstr(fake_hub_line(&life->hub, "hello", 1), "\"resume_token\":\"token-1\""));
    fake_hub_say(&life->hub, "hub", "presence", "{\"ai_id\":\"ada\",\"status\":\"left\"}", 5);
    fake_hub_drop(&life->hub);
    UNTIL(life, is_ended(life));
    assert_int_equal(life->turned, 0);
}

static void who_has_not_joined_joins_to_leave(void **state)
{
    struct life *life = *state;
    life_link(life, (struct khub_options){.resume_token = "of-before", .stays_s = 60});
    khub_leave(life->link);
    UNTIL(life, fake_hub_count(&life->hub, "leave") == 1);
    assert_non_null(strstr(fake_hub_line(&life->hub, "hello", 0), "of-before"));
}

static void a_hub_that_knows_of_no_leave_is_closed(void **state)
{
    struct life *life = *state;
    char payload[160];
    life_join(life, plain);
    khub_leave(life->link);
    UNTIL(life, fake_hub_count(&life->hub, "leave") == 1);
    const char *id = strstr(fake_hub_line(&life->hub, "leave", 0), "\"message_id\":\"");
    assert_non_null(id);
    snprintf(payload, sizeof payload,
             "{\"code\":\"unknown_type\",\"detail\":\"?\",\"in_reply_to\":\"%.36s\"}",
             id + strlen("\"message_id\":\""));
    fake_hub_say(&life->hub, "hub", "error", payload, 2);
    UNTIL(life, is_ended(life));
    assert_int_equal(life->turned, 0);
    assert_int_equal(life->hub.accepted, 1);
}

static void who_is_listed_nowhere_is_closed(void **state)
{
    static const struct khub_options none[] = {{.observer = true}, {.level = 1}};
    struct life *life = *state;
    for (size_t i = 0; i < sizeof none / sizeof *none; i++) {
        life->hub.level = none[i].level == 1 ? 1 : 2;
        life_join(life, none[i]);
        khub_leave(life->link);
        UNTIL(life, is_ended(life));
        assert_int_equal(life->turned, 0);
        assert_int_equal(fake_hub_count(&life->hub, "leave"), 0);
        khub_free(life->link);
        life->link = NULL;
    }
}

static void note_outcome(struct khub *link, const struct khub_outcome *outcome, void *data)
{
    (void)link;
    *(struct khub_outcome *)data = *outcome;
}

static void an_ack_tells_what_waits(void **state)
{
    struct life *life = *state;
    char payload[128], id[40];
    life_join(life, (struct khub_options){.acks = true});
    for (int stored = 0; stored < 2; stored++) {
        struct khub_outcome outcome = {.error = 1};
        assert_int_equal(
            khub_publish_acked(life->link, "chat", "{}", "bob", note_outcome, &outcome, id), 0);
        UNTIL(life, fake_hub_count(&life->hub, "chat") == 1 + (unsigned)stored);
        snprintf(payload, sizeof payload,
                 "{\"message_id\":\"%s\",\"seq\":2,\"delivered\":false,\"stored\":%s}", id,
                 stored ? "true" : "false");
        fake_hub_say(&life->hub, "hub", "ack", payload, 2);
        UNTIL(life, outcome.error == 0);
        assert_false(outcome.delivered);
        assert_int_equal(outcome.stored, stored);
    }
    assert_int_equal(khub_publish(life->link, "leave", "{}", NULL, NULL), KHUB_E_ARGUMENT);
}

#define LIFE(name) cmocka_unit_test_setup_teardown(name, life_setup, life_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        LIFE(it_says_for_how_long_and_hears_it),
        LIFE(an_old_hub_keeps_nobody),
        LIFE(only_some_may),
        LIFE(a_leave_is_said_last),
        LIFE(a_leave_waits_for_answers),
        LIFE(a_leave_that_was_not_heard_is_said_again),
        LIFE(who_has_not_joined_joins_to_leave),
        LIFE(a_hub_that_knows_of_no_leave_is_closed),
        LIFE(who_is_listed_nowhere_is_closed),
        LIFE(an_ack_tells_what_waits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
