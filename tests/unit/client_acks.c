/* Acks and resuming: what was not answered is sent again, what was is not; what was read is not
 * handed out again. */
#include "client_fixture.h"

#include <stdio.h>
#include <stdlib.h>

#include "client/link.h"

struct told {
    unsigned count;
    char message_id[64], code[64];
    int error;
    uint64_t seq;
    int64_t retry_after_ms;
    bool delivered, publishes;
};

static void on_outcome(struct khub *link, const struct khub_outcome *outcome, void *data)
{
    struct told *told = data;
    told->count++;
    snprintf(told->message_id, sizeof told->message_id, "%s", outcome->message_id);
    snprintf(told->code, sizeof told->code, "%s", outcome->code);
    told->error = outcome->error;
    told->seq = outcome->seq;
    told->retry_after_ms = outcome->retry_after_ms;
    told->delivered = outcome->delivered;
    if (told->publishes)
        assert_int_equal(khub_chat(link, "next", NULL), 0);
}

static const struct khub_options with_acks = {.ai_id = "ada", .acks = true};

static void publish(struct life *life, struct told *told, char message_id[37])
{
    assert_int_equal(khub_publish_acked(life->link, "chat", "{\"text\":\"t\"}", "bob", on_outcome,
                                        told, message_id),
                     0);
}

static void ack(struct life *life, const char *message_id, uint64_t seq, bool delivered)
{
    char payload[160];
    snprintf(payload, sizeof payload, "{\"message_id\":\"%s\",\"seq\":%llu,\"delivered\":%s}",
             message_id, (unsigned long long)seq, delivered ? "true" : "false");
    fake_hub_say(&life->hub, "hub", "ack", payload, seq);
}

static void refuse(struct life *life, const char *message_id, const char *code, const char *more)
{
    char payload[256];
    snprintf(payload, sizeof payload,
             "{\"code\":\"%s\",\"detail\":\"no\",\"in_reply_to\":\"%s\"%s}", code, message_id,
             more);
    fake_hub_say(&life->hub, "hub", "error", payload, 9);
}

static void acks_are_asked_for_and_told(void **state)
{
    struct life *life = *state;
    struct told first = {0}, second = {0};
    char ids[2][37];
    life_join(life, with_acks);
    assert_non_null(strstr(fake_hub_line(&life->hub, "hello", 0), "\"acks\":true"));
    publish(life, &first, ids[0]);
    publish(life, &second, ids[1]);
    assert_true(khub_queued(life->link) > 0);
    UNTIL(life, fake_hub_count(&life->hub, "chat") == 2);
    assert_true(khub_queued(life->link) > 0); /* sent, and not acked */
    ack(life, ids[1], 8, false);
    ack(life, "of-nobody", 8, true);
    refuse(life, ids[0], "bad_payload", "");
    UNTIL(life, first.count && second.count);
    assert_int_equal(second.error, 0);
    assert_int_equal(second.seq, 8);
    assert_false(second.delivered);
    assert_string_equal(second.message_id, ids[1]);
    assert_int_equal(first.error, KHUB_E_REFUSED);
    assert_string_equal(first.code, "bad_payload");
    assert_int_equal(first.retry_after_ms, 0);
    assert_int_equal(khub_queued(life->link), 0);
    ack(life, ids[1], 8, true); /* once is enough */
    fake_hub_say(&life->hub, "bob", "chat", "{}", 10);
    UNTIL(life, life_message(life, "chat"));
    assert_int_equal(first.count + second.count, 2);
}

static void a_limit_says_when_it_is_free_again(void **state)
{
    static const char *const said[] = {",\"retry_after_ms\":250", ",\"retry_after_ms\":1e300",
                                       ",\"retry_after_ms\":-1", ",\"retry_after_ms\":\"soon\"",
                                       ""};
    struct life *life = *state;
    life_join(life, with_acks);
    for (unsigned i = 0; i < sizeof said / sizeof *said; i++) {
        struct told told = {0};
        char id[37];
        publish(life, &told, id);
        UNTIL(life, fake_hub_count(&life->hub, "chat") == i + 1);
        refuse(life, id, "rate_limited", said[i]);
        UNTIL(life, told.count);
        assert_string_equal(told.code, "rate_limited");
        assert_int_equal(told.retry_after_ms, i == 0 ? 250 : 0);
    }
}

/* Where that line is among all that the hub got. */
static unsigned place_of(const struct life *life, const char *line)
{
    for (unsigned i = 0; i < life->hub.line_count; i++)
        if (life->hub.lines[i] == line)
            return i;
    fail_msg("the hub got no such line");
    return 0;
}

/* What could not be kept holds up what stands behind it until the hub hears that this is known:
 * which it does in front of all that is said from then on. */
static void the_hub_hears_that_a_message_was_not_kept(void **state)
{
    struct life *life = *state;
    struct told told[4] = {{0}, {.publishes = true}};
    char ids[4][37], named[64];
    life_join(life, with_acks);
    for (int i = 0; i < 4; i++)
        publish(life, &told[i], ids[i]);
    UNTIL(life, fake_hub_count(&life->hub, "chat") == 4);
    refuse(life, ids[1], "storage_unavailable", ",\"behind\":null");
    UNTIL(life, fake_hub_count(&life->hub, "chat") == 5);
    const char *beat = fake_hub_line(&life->hub, "heartbeat", 0);
    assert_non_null(beat);
    assert_line_valid(beat);
    snprintf(named, sizeof named, "\"payload\":{\"refused\":\"%s\"}", ids[1]);
    assert_non_null(strstr(beat, named));
    assert_true(place_of(life, beat) < place_of(life, fake_hub_line(&life->hub, "chat", 4)));
    refuse(life, ids[2], "storage_unavailable", ",\"behind\":\"x\"");
    refuse(life, ids[3], "storage_unavailable", ""); /* as of what no hub of the kind would keep */
    refuse(life, "of-nobody", "storage_unavailable", ",\"behind\":null");
    UNTIL(life, told[2].count && told[3].count);
    assert_string_equal(told[2].code, "storage_unavailable");
    publish(life, &told[0], ids[1]);
    UNTIL(life, fake_hub_count(&life->hub, "chat") == 6);
    assert_int_equal(fake_hub_count(&life->hub, "heartbeat"), 1);
    assert_int_equal(told[0].count, 0);
}

/* What was said behind it is refused, whether or not the hub's word on it still comes: it is not
 * said again in front of it. */
static void what_stands_behind_is_refused_though_the_connection_is_lost(void **state)
{
    struct life *life = *state;
    struct told told[4] = {{0}, {.publishes = true}};
    char ids[4][37];
    life_join(life, with_acks);
    for (int i = 0; i < 4; i++)
        publish(life, &told[i], ids[i]);
    UNTIL(life, fake_hub_count(&life->hub, "chat") == 4);
    refuse(life, ids[1], "storage_unavailable", ",\"behind\":null");
    UNTIL(life, fake_hub_count(&life->hub, "chat") == 5); /* the fifth is "next" */
    ack(life, ids[3], 7, true);                           /* of a hub that does not keep to that */
    UNTIL(life, told[3].count);
    fake_hub_drop(&life->hub);
    UNTIL(life, fake_hub_count(&life->hub, "chat") == 7);
    assert_int_equal(told[2].count, 1);
    assert_int_equal(told[2].error, KHUB_E_REFUSED);
    assert_string_equal(told[2].code, "storage_unavailable");
    assert_string_equal(told[2].message_id, ids[2]);
    assert_int_equal(told[3].error, 0);
    assert_int_equal(told[0].count, 0);
    assert_string_equal(fake_hub_line(&life->hub, "chat", 5), fake_hub_line(&life->hub, "chat", 0));
    assert_string_equal(fake_hub_line(&life->hub, "chat", 6), fake_hub_line(&life->hub, "chat", 4));
}

static void what_is_not_acked_is_sent_again(void **state)
{
    struct life *life = *state;
    struct told told[3] = {{0}};
    char ids[3][37];
    life_join(life, with_acks);
    for (int i = 0; i < 3; i++)
        publish(life, &told[i], ids[i]);
    UNTIL(life, fake_hub_count(&life->hub, "chat") == 3);
    ack(life, ids[1], 5, true);
    UNTIL(life, told[1].count);
    fake_hub_drop(&life->hub);
    UNTIL(life, fake_hub_count(&life->hub, "chat") == 5);
    assert_string_equal(fake_hub_line(&life->hub, "chat", 3), fake_hub_line(&life->hub, "chat", 0));
    assert_string_equal(fake_hub_line(&life->hub, "chat", 4), fake_hub_line(&life->hub, "chat", 2));
    ack(life, ids[0], 4, true);
    ack(life, ids[2], 6, true);
    UNTIL(life, told[0].count && told[2].count);
    fake_hub_drop(&life->hub);
    UNTIL(life, life_saw(life, KHUB_JOINED, 3));
    assert_int_equal(khub_queued(life->link), 0);
    assert_int_equal(told[0].count + told[1].count + told[2].count, 3);
    assert_int_equal(fake_hub_count(&life->hub, "chat"), 5);
}

static void every_publishing_function_is_kept(void **state)
{
    struct life *life = *state;
    life_link(life, with_acks);
    assert_int_equal(khub_share_pattern(life->link, "{\"n\":1}"), 0); /* before there is a hub */
    UNTIL(life, fake_hub_count(&life->hub, "pattern_share") == 1);
    fake_hub_drop(&life->hub);
    UNTIL(life, fake_hub_count(&life->hub, "pattern_share") == 2);
    assert_string_equal(fake_hub_line(&life->hub, "pattern_share", 0),
                        fake_hub_line(&life->hub, "pattern_share", 1));
}

static void an_outcome_may_publish(void **state)
{
    struct life *life = *state;
    struct told told = {.publishes = true};
    char id[37];
    life_join(life, with_acks);
    publish(life, &told, id);
    UNTIL(life, fake_hub_count(&life->hub, "chat") == 1);
    ack(life, id, 5, true);
    UNTIL(life, fake_hub_count(&life->hub, "chat") == 2);
    assert_int_equal(told.count, 1);
}

static void after_an_error_there_is_no_callback(void **state)
{
    struct life *life = *state;
    struct told told = {0};
    struct khub_options options = with_acks;
    char id[37] = "untouched";
    options.queue_max = 300;
    life_link(life, options);
    assert_int_equal(khub_publish_acked(life->link, "chat", "[]", NULL, on_outcome, &told, id),
                     KHUB_E_ARGUMENT);
    while (khub_publish_acked(life->link, "chat", "{}", NULL, NULL, NULL, NULL) == 0)
        ;
    assert_int_equal(khub_publish_acked(life->link, "chat", "{}", NULL, on_outcome, &told, id),
                     KHUB_E_FULL);
    assert_string_equal(id, "untouched");
    UNTIL(life, fake_hub_count(&life->hub, "chat") > 0);
    assert_int_equal(khub_publish_acked(life->link, "chat", "{}", NULL, on_outcome, &told, id),
                     KHUB_E_FULL); /* sent is not acked */
    khub_free(life->link);
    life->link = NULL;
    options.acks = false;
    life_link(life, options);
    assert_int_equal(khub_publish_acked(life->link, "chat", "{}", NULL, on_outcome, &told, id),
                     KHUB_E_ARGUMENT);
    assert_int_equal(told.count, 0);
}

static void a_heartbeat_is_not_waited_for(void **state)
{
    struct life *life = *state;
    life_join(life, with_acks);
    assert_int_equal(khub_publish_acked(life->link, "heartbeat", "{}", NULL, NULL, NULL, NULL),
                     KHUB_E_ARGUMENT);
    assert_int_equal(
        khub_publish_acked(life->link, "knowledge_query", "{}", NULL, NULL, NULL, NULL),
        KHUB_E_ARGUMENT);
    assert_int_equal(khub_publish(life->link, "heartbeat", "{}", NULL, NULL), 0);
    assert_int_equal(khub_publish(life->link, "knowledge_query", "{}", NULL, NULL), 0);
    UNTIL(life, fake_hub_count(&life->hub, "heartbeat") == 1 &&
                    fake_hub_count(&life->hub, "knowledge_query") == 1);
    khub_close(life->link);
    UNTIL(life, life->hub.peer_ended);
}

static void close_waits_for_the_acks(void **state)
{
    struct life *life = *state;
    struct told told = {0};
    char id[37];
    life_join(life, with_acks);
    publish(life, &told, id);
    khub_close(life->link);
    UNTIL(life, fake_hub_count(&life->hub, "chat") == 1);
    fake_hub_drop(&life->hub); /* before the ack: again, then */
    UNTIL(life, fake_hub_count(&life->hub, "chat") == 2);
    assert_false(life->hub.peer_ended);
    ack(life, id, 3, true);
    UNTIL(life, life->hub.peer_ended);
    assert_int_equal(told.count, 1);
    assert_int_equal(told.error, 0);
}

static void an_end_is_told_of_what_was_not_answered(void **state)
{
    struct life *life = *state;
    struct told told = {0};
    char id[37];
    life_join(life, with_acks);
    publish(life, &told, id);
    UNTIL(life, fake_hub_count(&life->hub, "chat") == 1);
    fake_hub_refuse(&life->hub, "taken_over", "a newer one", false);
    UNTIL(life, khub_link_state(life->link) == KHUB_ENDED);
    assert_int_equal(told.count, 1);
    assert_int_equal(told.error, KHUB_E_REFUSED);
    assert_string_equal(told.code, "");
    assert_string_equal(told.message_id, id);
}

static void level_1_has_neither(void **state)
{
    struct khub *link;
    (void)state;
    struct khub_options acks = {.ai_id = "ada", .level = 1, .acks = true};
    struct khub_options resume = {.ai_id = "ada", .level = 1, .resume = true};
    assert_int_equal(khub_new(&acks, NULL, &link), KHUB_E_ARGUMENT);
    assert_int_equal(khub_new(&resume, NULL, &link), KHUB_E_ARGUMENT);
}

static void where_to_resume_is_for_those_who_resume(void **state)
{
    const struct khub_options wrong[] = {
        {.ai_id = "ada", .resume_last = true},
        {.ai_id = "ada", .since = 7},
        {.ai_id = "ada", .own_cursor = true},
        {.ai_id = "ada", .resume = true, .since_count = 1},
        {.ai_id = "ada", .resume = true, .since = UINT64_MAX},
    };
    struct khub *link;
    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        assert_int_equal(khub_new(&wrong[i], NULL, &link), KHUB_E_ARGUMENT);
}

/* ── resuming ── */

static const struct khub_options with_resume = {.ai_id = "ada", .resume = true};

static void hear(struct life *life, unsigned number, uint64_t seq)
{
    char payload[32];
    snprintf(payload, sizeof payload, "{\"n\":%u}", number);
    fake_hub_say(&life->hub, "bob", "chat", payload, seq);
}

/* The numbers of all chats that the callback was given. */
static const char *heard(const struct life *life)
{
    static char numbers[256];
    size_t at = 0;
    numbers[0] = '\0';
    for (unsigned i = 0; i < life->message_count; i++)
        if (strcmp(life->messages[i].type, "chat") == 0)
            at += (size_t)snprintf(numbers + at, sizeof numbers - at, "%d ",
                                   atoi(strchr(life->messages[i].payload, ':') + 1));
    return numbers;
}

/* Of the last seq there may be more to come: it is asked for again, and what was read of it is not
 * handed out twice. */
static void what_was_missed_is_asked_for_and_handed_out_once(void **state)
{
    struct life *life = *state;
    life_join(life, with_resume);
    assert_null(strstr(fake_hub_line(&life->hub, "hello", 0), "since"));
    assert_int_equal(khub_read_seq(life->link), 1); /* its sync's: nothing before is its business */
    hear(life, 1, 10);
    hear(life, 2, 11);
    hear(life, 3, 11);
    fake_hub_say(&life->hub, "hub", "heartbeat", "{}", 50); /* says nothing of what was read */
    UNTIL(life, life_message(life, "heartbeat"));
    assert_int_equal(khub_read_seq(life->link), 10);
    fake_hub_drop(&life->hub);
    UNTIL(life, life_saw(life, KHUB_JOINED, 2));
    assert_non_null(strstr(fake_hub_line(&life->hub, "hello", 1), "\"since\":10"));
    fake_hub_say(&life->hub, "hub", "log_result", "{}", 11); /* an answer: nobody had it before */
    hear(life, 2, 11);
    hear(life, 3, 11);
    hear(life, 4, 11);
    hear(life, 5, 60);
    UNTIL(life, strstr(heard(life), "5 "));
    assert_string_equal(heard(life), "1 2 3 4 5 ");
    assert_int_equal(khub_read_seq(life->link), 59);
    assert_non_null(life_message(life, "log_result"));
}

/* A hub that can keep nothing answers an observer all the same. It says hello until it has joined,
 * and asks for what came meanwhile. */
static void a_guest_says_hello_until_it_has_joined(void **state)
{
    struct life *life = *state;
    struct khub_options options = with_resume;
    options.observer = true;
    options.heartbeat_ms = 5;
    options.acks = true; /* so that there is a queue that a lost connection empties */
    options.token = "khub_1";
    life->hub.mute = true;
    life_link(life, options);
    for (unsigned hellos = 1; hellos <= 4; hellos++) {
        UNTIL(life, fake_hub_count(&life->hub, "hello") == hellos);
        if (hellos == 4)
            break;
        fake_hub_say(&life->hub, "hub", "training_sync", "{\"seq\":7,\"kept\":false}", 7);
        UNTIL(life, khub_link_state(life->link) == KHUB_JOINED);
    }
    assert_int_equal(fake_hub_count(&life->hub, "heartbeat"), 0);
    assert_non_null(strstr(fake_hub_line(&life->hub, "hello", 3), "\"token\":\"khub_1\""));
    const struct outbox *queue = &life->link->queue;
    assert_non_null(queue->at); /* from which it was sent, and where nothing of the token is left */
    assert_null(memmem(queue->at, queue->capacity, "khub_1", 6));
    assert_int_equal(life->message_count, 1); /* it is told so once */
    assert_null(strstr(fake_hub_line(&life->hub, "hello", 0), "since"));
    assert_non_null(strstr(fake_hub_line(&life->hub, "hello", 3), "\"since\":7"));
    fake_hub_sync(&life->hub, "real", 9);
    UNTIL(life, life->message_count == 2);
    hear(life, 1, 8); /* which it missed */
    UNTIL(life, strstr(heard(life), "1 "));
    UNTIL(life, fake_hub_count(&life->hub, "heartbeat") > 0);
    assert_int_equal(fake_hub_count(&life->hub, "hello"), 4);
    assert_string_equal(khub_resume_token(life->link), "real");
    assert_true(life_saw(life, KHUB_JOINED, 1));
    assert_int_equal(life->hub.accepted, 1);
}

static void a_later_link_goes_on_where_an_earlier_one_was(void **state)
{
    struct life *life = *state;
    struct khub_options options = with_resume;
    options.since = 77;
    life_join(life, options);
    assert_non_null(strstr(fake_hub_line(&life->hub, "hello", 0), "\"since\":77"));
    hear(life, 1, 78);
    UNTIL(life, strstr(heard(life), "1 "));
}

/* Of the seq behind `since` it has had two. */
static void a_later_link_may_have_had_some_of_a_seq(void **state)
{
    struct life *life = *state;
    struct khub_options options = with_resume;
    options.since = 79;
    options.since_count = 2;
    life_join(life, options);
    assert_non_null(strstr(fake_hub_line(&life->hub, "hello", 0), "\"since\":79"));
    for (unsigned number = 1; number <= 3; number++)
        hear(life, number, 80);
    hear(life, 4, 81);
    UNTIL(life, strstr(heard(life), "4 "));
    assert_string_equal(heard(life), "3 4 ");
    assert_int_equal(khub_read_seq(life->link), 80);
    assert_int_equal(khub_read_count(life->link), 1);
}

static void say_seq(struct life *life, const char *type, unsigned long long seq)
{
    char payload[64];
    snprintf(payload, sizeof payload, "{\"seq\":%llu}", seq);
    fake_hub_say(&life->hub, "hub", type, payload, seq);
}

/* The hub answers the heartbeat that it heard last. */
static void answer_heartbeat(struct life *life, unsigned long long seq)
{
    char payload[128];
    unsigned last = fake_hub_count(&life->hub, "heartbeat") - 1;
    const char *id = strstr(fake_hub_line(&life->hub, "heartbeat", last), "\"message_id\":\"");
    snprintf(payload, sizeof payload, "{\"seq\":%llu,\"in_reply_to\":\"%.36s\"}", seq,
             id + strlen("\"message_id\":\""));
    fake_hub_say(&life->hub, "hub", "heartbeat", payload, seq);
}

/* What the hub answers overtakes what was missed. */
static void caught_up_says_that_all_was_handed_out(void **state)
{
    struct life *life = *state;
    struct khub_options options = with_resume;
    options.since = 77;
    life_join(life, options);
    hear(life, 1, 80);
    say_seq(life, "heartbeat", 95);
    UNTIL(life, life_message(life, "heartbeat"));
    assert_int_equal(khub_read_seq(life->link), 79);
    hear(life, 2, 80);
    say_seq(life, "caught_up", 90);
    UNTIL(life, life_message(life, "caught_up"));
    assert_string_equal(heard(life), "1 2 ");
    assert_int_equal(khub_read_seq(life->link), 90);
    assert_int_equal(khub_read_count(life->link), 0);
    hear(life, 3, 97);
    say_seq(life, "heartbeat", 99);
    UNTIL(life, life->message_count == 7); /* with the sync */
    assert_int_equal(khub_read_seq(life->link), 99);
}

static const struct khub_options with_last = {.ai_id = "ada", .resume = true, .resume_last = true};

/* The seq that the n-th heartbeat told. */
static long long told(const struct life *life, unsigned n)
{
    const char *line = fake_hub_line(&life->hub, "heartbeat", n);
    return line ? atoll(strstr(line, "\"seq\":") + strlen("\"seq\":")) : -1;
}

static void last_is_asked_for_until_it_is_known(void **state)
{
    struct life *life = *state;
    life_join(life, with_last);
    assert_non_null(strstr(fake_hub_line(&life->hub, "hello", 0), "\"since\":\"last\""));
    fake_hub_drop(&life->hub);
    UNTIL(life, life_saw(life, KHUB_JOINED, 2));
    assert_non_null(strstr(fake_hub_line(&life->hub, "hello", 1), "\"since\":\"last\""));
    hear(life, 1, 40);
    say_seq(life, "caught_up", 44);
    UNTIL(life, life_message(life, "caught_up"));
    fake_hub_drop(&life->hub);
    UNTIL(life, life_saw(life, KHUB_JOINED, 3));
    assert_non_null(strstr(fake_hub_line(&life->hub, "hello", 2), "\"since\":44"));
}

/* Long before a heartbeat is due otherwise. */
static void the_hub_is_told_what_was_read(void **state)
{
    struct life *life = *state;
    struct khub_options options = with_last;
    options.heartbeat_ms = 100000000;
    life_join(life, options);
    say_seq(life, "caught_up", 4);
    hear(life, 1, 40);
    UNTIL(life, fake_hub_count(&life->hub, "heartbeat") == 1);
    assert_int_equal(told(life, 0), 39);
    say_seq(life, "heartbeat", 41); /* so there is no more of 40 */
    UNTIL(life, fake_hub_count(&life->hub, "heartbeat") == 2);
    assert_int_equal(told(life, 1), 41);
}

static void a_link_that_is_closed_tells_exactly_what_was_read(void **state)
{
    struct life *life = *state;
    life_join(life, with_last);
    say_seq(life, "caught_up", 4);
    hear(life, 1, 40);
    UNTIL(life, strstr(heard(life), "1 "));
    unsigned before = fake_hub_count(&life->hub, "heartbeat");
    khub_close(life->link);
    UNTIL(life, fake_hub_count(&life->hub, "heartbeat") == before + 1);
    hear(life, 2, 41);
    say_seq(life, "heartbeat", 41); /* the answer to an earlier one */
    answer_heartbeat(life, 42);
    hear(life, 3, 43); /* which is for whoever comes after it */
    UNTIL(life, fake_hub_count(&life->hub, "heartbeat") == before + 2);
    assert_int_equal(told(life, before + 1), 42);
    fake_hub_drop(&life->hub); /* did the hub take that? */
    UNTIL(life, life_saw(life, KHUB_JOINED, 2));
    assert_non_null(strstr(fake_hub_line(&life->hub, "hello", 1), "\"since\":42"));
    say_seq(life, "caught_up", 43);
    UNTIL(life, fake_hub_count(&life->hub, "heartbeat") == before + 3);
    answer_heartbeat(life, 43);
    UNTIL(life, fake_hub_count(&life->hub, "heartbeat") == before + 4);
    answer_heartbeat(life, 43);
    UNTIL(life, khub_link_state(life->link) == KHUB_ENDED);
    assert_int_equal(life->turned, 0);
    assert_int_equal(told(life, before + 3), 43);
    assert_string_equal(heard(life), "1 2 ");
}

static void sync_with_cursor(struct life *life, unsigned seq, unsigned cursor)
{
    char payload[128];
    snprintf(payload, sizeof payload, "{\"seq\":%u,\"cursor\":%u,\"resume_token\":\"t\"}", seq,
             cursor);
    fake_hub_say(&life->hub, "hub", "training_sync", payload, seq);
}

/* Whoever says itself how far it has read is asked, and not what was handed out; and nothing of
 * that is handed out again. */
static void how_far_was_read_may_be_the_callers_to_say(void **state)
{
    struct life *life = *state;
    struct khub_options options = with_resume;
    options.own_cursor = true;
    options.since = 30;
    options.heartbeat_ms = 5;
    life->hub.mute = true;
    life_link(life, options);
    UNTIL(life, fake_hub_count(&life->hub, "hello") == 1);
    sync_with_cursor(life, 50, 34); /* another door has dealt with more */
    hear(life, 1, 40);
    hear(life, 2, 41);
    hear(life, 3, 41);
    UNTIL(life, strstr(heard(life), "3 "));
    assert_int_equal(khub_cursor(life->link), 34);
    UNTIL(life, fake_hub_count(&life->hub, "heartbeat") == 1);
    assert_int_equal(told(life, 0), 34);
    khub_set_cursor(life->link, 38);
    khub_set_cursor(life->link, 37);
    unsigned before = fake_hub_count(&life->hub, "heartbeat");
    UNTIL(life, fake_hub_count(&life->hub, "heartbeat") == before + 2);
    assert_int_equal(told(life, before + 1), 38);
    fake_hub_drop(&life->hub);
    UNTIL(life, fake_hub_count(&life->hub, "hello") == 2);
    assert_non_null(strstr(fake_hub_line(&life->hub, "hello", 1), "\"since\":38"));
    sync_with_cursor(life, 60, 38);
    hear(life, 1, 40);
    hear(life, 2, 41);
    hear(life, 3, 41);
    hear(life, 4, 41);
    say_seq(life, "caught_up", 60);
    UNTIL(life, life_message(life, "caught_up"));
    fake_hub_drop(&life->hub);
    UNTIL(life, fake_hub_count(&life->hub, "hello") == 3);
    sync_with_cursor(life, 62, 38);
    hear(life, 4, 41);
    hear(life, 5, 60); /* all of which was read, by the hub's word */
    hear(life, 6, 61);
    UNTIL(life, strstr(heard(life), "6 "));
    assert_string_equal(heard(life), "1 2 3 4 6 ");
}

/* A room that has a cursor of its own for us and is not as far as we are began anew. */
static void a_hub_that_is_not_as_far_counts_alone(void **state)
{
    struct life *life = *state;
    struct khub_options options = with_resume;
    options.own_cursor = true;
    options.since = 3;
    life_join(life, options);
    hear(life, 1, 40);
    UNTIL(life, strstr(heard(life), "1 "));
    khub_set_cursor(life->link, 5);
    life->hub.mute = true;
    fake_hub_drop(&life->hub);
    UNTIL(life, fake_hub_count(&life->hub, "hello") == 2);
    sync_with_cursor(life, 9, 4);
    hear(life, 2, 6);
    UNTIL(life, strstr(heard(life), "2 "));
    assert_int_equal(khub_cursor(life->link), 4);
}

static void without_resume_nothing_is_asked_for(void **state)
{
    struct life *life = *state;
    life_join(life, (struct khub_options){.ai_id = "ada"});
    hear(life, 1, 10);
    UNTIL(life, strstr(heard(life), "1 "));
    fake_hub_drop(&life->hub);
    UNTIL(life, life_saw(life, KHUB_JOINED, 2));
    assert_null(strstr(fake_hub_line(&life->hub, "hello", 1), "since"));
}

/* It says that `since` lies ahead of its room. */
static void a_hub_that_began_anew_is_joined_anew(void **state)
{
    struct life *life = *state;
    life_join(life, with_resume);
    hear(life, 1, 10);
    UNTIL(life, strstr(heard(life), "1 "));
    life->hub.mute = true;
    fake_hub_drop(&life->hub);
    UNTIL(life, fake_hub_count(&life->hub, "hello") == 2);
    fake_hub_refuse(&life->hub, "bad_payload", "payload.since is ahead", true);
    fake_hub_drop(&life->hub);
    life->hub.mute = false;
    UNTIL(life, life_saw(life, KHUB_JOINED, 2));
    assert_null(strstr(fake_hub_line(&life->hub, "hello", 2), "since"));
    hear(life, 2, 4);
    UNTIL(life, strstr(heard(life), "2 "));
}

#define LIFE_TEST(name) cmocka_unit_test_setup_teardown(name, life_setup, life_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        LIFE_TEST(acks_are_asked_for_and_told),
        LIFE_TEST(the_hub_hears_that_a_message_was_not_kept),
        LIFE_TEST(what_stands_behind_is_refused_though_the_connection_is_lost),
        LIFE_TEST(what_is_not_acked_is_sent_again),
        LIFE_TEST(every_publishing_function_is_kept),
        LIFE_TEST(an_outcome_may_publish),
        LIFE_TEST(a_limit_says_when_it_is_free_again),
        LIFE_TEST(after_an_error_there_is_no_callback),
        LIFE_TEST(a_heartbeat_is_not_waited_for),
        LIFE_TEST(close_waits_for_the_acks),
        LIFE_TEST(an_end_is_told_of_what_was_not_answered),
        LIFE_TEST(level_1_has_neither),
        LIFE_TEST(what_was_missed_is_asked_for_and_handed_out_once),
        LIFE_TEST(a_guest_says_hello_until_it_has_joined),
        LIFE_TEST(a_later_link_goes_on_where_an_earlier_one_was),
        cmocka_unit_test(where_to_resume_is_for_those_who_resume),
        LIFE_TEST(a_later_link_may_have_had_some_of_a_seq),
        LIFE_TEST(caught_up_says_that_all_was_handed_out),
        LIFE_TEST(last_is_asked_for_until_it_is_known),
        LIFE_TEST(the_hub_is_told_what_was_read),
        LIFE_TEST(a_link_that_is_closed_tells_exactly_what_was_read),
        LIFE_TEST(without_resume_nothing_is_asked_for),
        LIFE_TEST(a_hub_that_began_anew_is_joined_anew),
        LIFE_TEST(how_far_was_read_may_be_the_callers_to_say),
        LIFE_TEST(a_hub_that_is_not_as_far_counts_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
