/* How a link ends by its owner's will, and how khub_run returns. */
#include "client_fixture.h"

static const struct khub_options plain = {0};

static void close_sends_what_is_queued(void **state)
{
    struct life *life = *state;
    life_link(life, plain);
    for (int i = 0; i < 100; i++)
        assert_int_equal(khub_chat(life->link, "last words", NULL), 0);
    khub_close(life->link);
    assert_int_equal(khub_chat(life->link, "too late", NULL), KHUB_E_CLOSED);
    UNTIL(life, khub_link_state(life->link) == KHUB_ENDED);
    assert_int_equal(life->turned, 0);
    assert_int_equal(life->errors[life->state_count - 1], 0);
    assert_int_equal(fake_hub_count(&life->hub, "chat"), 100);
    assert_true(life->hub.peer_ended);
    assert_int_equal(khub_queued(life->link), 0);
}

/* The hub's last answers are still heard while it takes our last lines; its own end is what ends
 * the link. */
static void close_hears_the_hub_out(void **state)
{
    struct life *life = *state;
    life_join(life, plain);
    khub_chat(life->link, "to nobody", "nobody");
    khub_close(life->link);
    life->hub.deaf = true;
    for (int i = 0; i < 3; i++)
        life_step(life);
    assert_int_equal(khub_link_state(life->link), KHUB_JOINED);
    fake_hub_refuse(&life->hub, "unknown_target", "no such AI", false);
    life->hub.deaf = false;
    UNTIL(life, khub_link_state(life->link) == KHUB_ENDED);
    assert_non_null(life_message(life, "error"));
    assert_int_equal(life->turned, 0);
}

static void close_with_nothing_to_say_needs_no_hub(void **state)
{
    struct life *life = *state;
    fake_hub_close(&life->hub);
    life_link(life, plain);
    khub_close(life->link);
    assert_int_equal(khub_timeout_ms(life->link), 0);
    assert_int_equal(khub_turn(life->link), 0);
    assert_int_equal(khub_link_state(life->link), KHUB_ENDED);
    assert_false(life_saw(life, KHUB_CONNECTING, 1));
}

static void closes_itself(struct life *life, const struct khub_message *message)
{
    if (strcmp(message->type.at, "training_sync") != 0)
        return;
    /* What a callback may not call says so; the rest works. */
    assert_int_equal(khub_turn(life->link), KHUB_E_ARGUMENT);
    assert_int_equal(khub_run(life->link, 0), KHUB_E_ARGUMENT);
    assert_int_equal(khub_chat(life->link, "from inside", NULL), 0);
    khub_close(life->link);
}

static void a_callback_may_publish_and_close(void **state)
{
    struct life *life = *state;
    life->in_message = closes_itself;
    life_link(life, plain);
    UNTIL(life, khub_link_state(life->link) == KHUB_ENDED);
    assert_int_equal(life->turned, 0);
    assert_int_equal(fake_hub_count(&life->hub, "chat"), 1);
}

/* The hub steps inside the link's callback: so khub_run, which owns the thread, has somebody to
 * talk to. */
static void hub_steps(struct life *life, enum khub_state state)
{
    if (state != KHUB_GREETING)
        return;
    /* The hello is not sent yet: the answer can be on its way before it. */
    for (int i = 0; i < 100 && life->hub.peer < 0; i++)
        fake_hub_step(&life->hub);
    fake_hub_sync(&life->hub, "early", 1);
    fake_hub_say(&life->hub, "eve", "chat", "{\"text\":\"stop\"}", 2);
}

static void stops_on_chat(struct life *life, const struct khub_message *message)
{
    if (strcmp(message->type.at, "chat") == 0)
        khub_stop(life->link);
}

static void run_returns_when_told(void **state)
{
    struct life *life = *state;
    life->in_state = hub_steps;
    life->in_message = stops_on_chat;
    life_link(life, plain);
    assert_int_equal(khub_run(life->link, -1), 0);
    assert_int_equal(khub_link_state(life->link), KHUB_JOINED);
    /* The stop is used up; now the time is what ends it. */
    life->in_message = NULL;
    assert_int_equal(khub_run(life->link, 5), 0);
    assert_int_equal(khub_link_state(life->link), KHUB_JOINED);
    assert_int_equal(khub_run(life->link, 0), 0);
    khub_close(life->link);
    fake_hub_step(&life->hub);
    fake_hub_drop(&life->hub);
    assert_int_equal(khub_run(life->link, -1), 0);
    assert_int_equal(khub_link_state(life->link), KHUB_ENDED);
}

static void run_without_a_hub_gives_up(void **state)
{
    struct life *life = *state;
    fake_hub_close(&life->hub);
    life_link(life, (struct khub_options){.retries = 3});
    assert_int_equal(khub_run(life->link, -1), KHUB_E_UNREACHABLE);
    assert_true(life_saw(life, KHUB_CONNECTING, 3));
}

#define LIFE(name) cmocka_unit_test_setup_teardown(name, life_setup, life_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        LIFE(close_sends_what_is_queued),
        LIFE(close_hears_the_hub_out),
        LIFE(close_with_nothing_to_say_needs_no_hub),
        LIFE(a_callback_may_publish_and_close),
        LIFE(run_returns_when_told),
        LIFE(run_without_a_hub_gives_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
