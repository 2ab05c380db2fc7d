/* What may come from a hub: any split, any length, any nonsense; and what of it the callback is
 * told. */
#include "client_fixture.h"

#include <stdio.h>
#include <stdlib.h>

#include "client/link.h"

static const struct khub_options plain = {0};

static char *repeat(const char *piece, size_t times)
{
    size_t len = strlen(piece);
    char *text = malloc(len * times + 1);
    assert_non_null(text);
    for (size_t i = 0; i < times; i++)
        memcpy(text + i * len, piece, len);
    text[len * times] = '\0';
    return text;
}

static void bytes_may_come_one_by_one(void **state)
{
    static const char lines[] =
        "{\"message_id\":\"a\",\"sender_id\":\"eve\",\"message_type\":\"chat\",\"timestamp\":\"t\","
        "\"payload\":{\"text\":\"caf\xc3\xa9\"},\"target_ai\":\"ada\",\"seq\":7}\n"
        "\n\r\n"
        "{\"seq\":8,\"payload\":{},\"message_id\":\"b\",\"sender_id\":\"eve\","
        "\"message_type\":\"heartbeat\",\"timestamp\":\"t\"}\r\n";
    struct life *life = *state;
    life_join(life, plain);
    for (size_t i = 0; i < sizeof lines - 1; i++) {
        fake_hub_send_bytes(&life->hub, lines + i, 1);
        life_step(life);
    }
    UNTIL(life, khub_seq(life->link) == 8);
    assert_int_equal(life->message_count, 3);
    assert_string_equal(life->messages[1].payload, "{\"text\":\"caf\xc3\xa9\"}");
    assert_string_equal(life->messages[1].target_ai, "ada");
    assert_int_equal(life->messages[1].seq, 7);
    assert_string_equal(life->messages[2].type, "heartbeat");
    assert_string_equal(life->messages[2].target_ai, "");
    assert_int_equal(life->messages[2].seq, 8);
    assert_int_equal(khub_skipped(life->link), 0);
}

static void many_lines_may_come_at_once(void **state)
{
    struct life *life = *state;
    life_join(life, plain);
    char *lines = repeat("{\"message_id\":\"a\",\"sender_id\":\"eve\",\"message_type\":\"chat\","
                         "\"timestamp\":\"t\",\"payload\":{}}\n",
                         500);
    fake_hub_send(&life->hub, lines);
    free(lines);
    UNTIL(life, life->message_count == 501);
}

static void escapes_are_decoded(void **state)
{
    struct life *life = *state;
    life_join(life, plain);
    fake_hub_send(&life->hub, "{\"message\\u005fid\":\"\\u0061\\/\\\"\\ud83d\\udc22\","
                              "\"sender_id\":\"e\\u0000ve\",\"message_type\":\"c\\u0068at\","
                              "\"timestamp\":\"\\t\",\"payload\":{\"k\":\"\\u0061\"},"
                              "\"target_ai\":\"\\u00e9\"}\n");
    UNTIL(life, life->message_count == 2);
    const struct seen_message *seen = &life->messages[1];
    assert_string_equal(seen->message_id, "a/\"\xf0\x9f\x90\xa2");
    assert_memory_equal(seen->sender_id, "e\0ve", 5);
    assert_string_equal(seen->type, "chat");
    assert_string_equal(seen->timestamp, "\t");
    assert_string_equal(seen->target_ai, "\xc3\xa9");
    assert_string_equal(seen->payload, "{\"k\":\"\\u0061\"}"); /* JSON text, as it came */
}

/* A newer hub may say more than this library knows. */
static void the_unknown_is_handed_on(void **state)
{
    struct life *life = *state;
    life_join(life, plain);
    fake_hub_send(&life->hub,
                  "{\"message_id\":\"a\",\"sender_id\":\"hub\",\"message_type\":\"weather_report\","
                  "\"timestamp\":\"t\",\"payload\":{},\"trace\":{\"deep\":[1]},\"seq\":5}\n");
    UNTIL(life, life->message_count == 2);
    assert_string_equal(life->messages[1].type, "weather_report");
    assert_int_equal(life->messages[1].seq, 5);
}

#define GOOD                                                                                       \
    "\"message_id\":\"a\",\"sender_id\":\"e\",\"message_type\":\"chat\",\"timestamp\":\"t\""

static void nonsense_is_skipped_and_counted(void **state)
{
    static const char *const lines[] = {
        "nonsense",
        "{",
        "[]",
        "\"\"",
        "null",
        "{}",
        "{" GOOD "}",
        "{" GOOD ",\"payload\":null}",
        "{" GOOD ",\"payload\":[]}",
        "{" GOOD ",\"payload\":{}} x",
        "{" GOOD ",\"payload\":{},\"target_ai\":7}",
        "{" GOOD ",\"payload\":{},\"seq\":\"7\"}",
        "{" GOOD ",\"payload\":{},\"seq\":}",
        "{" GOOD ",\"payload\":{},\"sender_id\":null}",
        "{" GOOD ",\"payload\":{\"bad\":\"\xff\"}}",
        "{" GOOD ",\"payload\":{\"bad\":\"\\ud800\"}}",
        "{" GOOD ",\"payload\":{\"bad\":01}}",
        "\xef\xbb\xbf{" GOOD ",\"payload\":{}}",
        "{\"message_id\":\"a\",\"payload\":{},\"seq\":99}",
    };
    struct life *life = *state;
    life_join(life, plain);
    size_t count = sizeof lines / sizeof lines[0];
    for (size_t i = 0; i < count; i++) {
        fake_hub_send(&life->hub, lines[i]);
        fake_hub_send(&life->hub, "\n");
    }
    fake_hub_send_bytes(&life->hub, "\0\0\n", 3);
    /* These are taken, with a seq of 0: it is no count. */
    fake_hub_send(&life->hub, "{" GOOD ",\"payload\":{},\"seq\":-1}\n");
    fake_hub_send(&life->hub, "{" GOOD ",\"payload\":{},\"seq\":1e400}\n");
    fake_hub_send(&life->hub, "{" GOOD ",\"payload\":{},\"seq\":99999999999999999999}\n");
    fake_hub_send(&life->hub, "{" GOOD ",\"payload\":{},\"seq\":null,\"target_ai\":null}\n");
    UNTIL(life, life->message_count == 5);
    assert_int_equal(khub_skipped(life->link), count + 1);
    for (int i = 1; i < 5; i++)
        assert_int_equal(life->messages[i].seq, 0);
    assert_int_equal(khub_seq(life->link), 1);
    assert_int_equal(khub_link_state(life->link), KHUB_JOINED);
}

/* Sends what may be more than the sockets take at once. */
static void send_and_step(struct life *life, const char *text, size_t len)
{
    const size_t piece = 16384;
    for (size_t at = 0; at < len; at += piece) {
        fake_hub_send_bytes(&life->hub, text + at, len - at < piece ? len - at : piece);
        life_step(life);
    }
}

static void long_lines_come_whole(void **state)
{
    struct life *life = *state;
    life_join(life, plain);
    char *spaces = repeat("0123456789abcdef", 3 << 16);
    char *line;
    int len = asprintf(&line, "{" GOOD ",\"payload\":{\"text\":\"%s\"}}\n", spaces);
    assert_true(len > 3 << 20);
    for (unsigned i = 2; i <= 4; i++) {
        send_and_step(life, line, (size_t)len);
        UNTIL(life, life->message_count == i);
        assert_int_equal(strlen(life->messages[i - 1].line), (size_t)len - 1);
        assert_int_equal(strlen(life->messages[i - 1].payload),
                         (size_t)len - 1 - strlen("{" GOOD ",\"payload\":}"));
    }
    /* What such a line needed is let go after it. */
    assert_true(life->link->scratch.capacity <= SCRATCH_KEPT);
    assert_int_equal(life->link->frame.capacity, 0);
    free(line);
    free(spaces);
}

static void lines_over_the_limit_are_skipped(void **state)
{
    struct life *life = *state;
    life_join(life, (struct khub_options){.line_max = 1000});
    char *long_line = repeat("x", 3000000);
    send_and_step(life, long_line, 3000000);
    free(long_line);
    fake_hub_send(&life->hub, "\n");
    fake_hub_say(&life->hub, "eve", "chat", "{}", 0);
    UNTIL(life, life->message_count == 2);
    assert_int_equal(khub_skipped(life->link), 1);
}

/* The deepest pattern that an AI may share comes wrapped in a sync, and must not keep anyone from
 * joining. */
static void a_sync_may_nest_deeper_than_a_payload(void **state)
{
    struct life *life = *state;
    life->hub.mute = true;
    life_link(life, plain);
    UNTIL(life, fake_hub_count(&life->hub, "hello") == 1);
    char *open = repeat("[", 63), *close = repeat("]", 63), *payload;
    assert_true(asprintf(&payload,
                         "{\"global_knowledge_base\":{\"shared_patterns\":{\"p\":{\"pattern\":"
                         "{\"deep\":%s%s}}}},\"resume_token\":\"t\"}",
                         open, close) > 0);
    fake_hub_say(&life->hub, "hub", "training_sync", payload, 1);
    UNTIL(life, khub_link_state(life->link) == KHUB_JOINED);
    assert_string_equal(khub_resume_token(life->link), "t");
    free(payload);
    free(open);
    free(close);
}

static void too_deep_is_skipped(void **state)
{
    struct life *life = *state;
    life_join(life, plain);
    char *open = repeat("[", 200000);
    send_and_step(life, open, 200000);
    fake_hub_send(&life->hub, "\n");
    free(open);
    UNTIL(life, khub_skipped(life->link) == 1);
}

/* A sync of an odd hub: what is not as it should be is as good as absent. */
static void odd_syncs_still_join(void **state)
{
    static const char *const payloads[] = {
        "{}",
        "{\"resume_token\":7,\"limits\":[]}",
        "{\"resume_token\":null,\"limits\":{\"max_line\":\"x\"}}",
        "{\"limits\":{\"max_line\":0}}",
        "{\"limits\":{\"max_line\":-5}}",
        "{\"limits\":{\"max_line\":1e300}}",
    };
    char long_token[400];
    snprintf(long_token, sizeof long_token, "{\"resume_token\":\"%0300d\"}", 0);
    for (size_t i = 0; i <= sizeof payloads / sizeof payloads[0]; i++) {
        void *opened;
        assert_int_equal(life_setup(&opened), 0);
        struct life *life = opened;
        life->hub.mute = true;
        life_link(life, plain);
        UNTIL(life, fake_hub_count(&life->hub, "hello") == 1);
        bool last = i == sizeof payloads / sizeof payloads[0];
        fake_hub_say(&life->hub, "hub", "training_sync", last ? long_token : payloads[i], 0);
        UNTIL(life, khub_link_state(life->link) == KHUB_JOINED);
        assert_string_equal(khub_resume_token(life->link), "");
        assert_int_equal(khub_chat(life->link, "still here", NULL), 0);
        UNTIL(life, fake_hub_count(&life->hub, "chat") == 1);
        life_teardown(&opened);
    }
    (void)state;
}

/* A good line with a few bytes changed, cut or doubled, many times: whatever it is then, the next
 * good line is heard. */
static void mutated_lines_are_survived(void **state)
{
    static const char good[] = "{" GOOD ",\"payload\":{\"text\":\"caf\xc3\xa9 \\u00e9\\n\"},"
                               "\"target_ai\":\"ad\\u0061\",\"seq\":12}\n";
    struct life *life = *state;
    life_join(life, plain);
    unsigned random = 2026;
    for (unsigned round = 1; round <= 1500; round++) {
        char line[2 * sizeof good];
        size_t len = sizeof good - 1;
        memcpy(line, good, len);
        for (unsigned changes = 0; changes < 3; changes++) {
            random = random * 1664525u + 1013904223u;
            size_t at = (random >> 8) % len;
            if (random >> 30 == 0)
                len = at + 1;
            else if (random >> 30 == 1)
                line[at] = (char)(random >> 20);
            else
                line[at] = "{}[]\":,\\u0n\n"[(random >> 20) % 13];
        }
        fake_hub_send_bytes(&life->hub, line, len);
        char payload[32];
        snprintf(payload, sizeof payload, "{\"round\":%u}", round);
        fake_hub_send(&life->hub, "\n");
        fake_hub_say(&life->hub, "eve", "round", payload, 0);
        unsigned from = life->message_count;
        UNTIL(life, life->message_count > from &&
                        strcmp(life->messages[life->message_count - 1].payload, payload) == 0);
    }
    assert_int_equal(life->state_count, 3);
    assert_true(khub_skipped(life->link) > 500);
}

static void half_a_line_is_no_line(void **state)
{
    struct life *life = *state;
    life_join(life, plain);
    fake_hub_send(&life->hub, "{" GOOD ",\"payload\":{}}");
    fake_hub_drop(&life->hub);
    UNTIL(life, life_saw(life, KHUB_JOINED, 2));
    /* Its first half does not run into the next connection's first line either. */
    assert_int_equal(life->message_count, 2);
    assert_int_equal(khub_skipped(life->link), 0);
}

static void no_callbacks_are_no_crash(void **state)
{
    struct life *life = *state;
    struct khub_options options = {.ai_id = "ada", .address = life->hub.address};
    assert_int_equal(khub_new(&options, NULL, &life->link), 0);
    UNTIL(life, khub_link_state(life->link) == KHUB_JOINED);
    fake_hub_say(&life->hub, "eve", "chat", "{}", 42);
    UNTIL(life, khub_seq(life->link) == 42);
}

#define LIFE(name) cmocka_unit_test_setup_teardown(name, life_setup, life_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        LIFE(bytes_may_come_one_by_one),
        LIFE(many_lines_may_come_at_once),
        LIFE(escapes_are_decoded),
        LIFE(the_unknown_is_handed_on),
        LIFE(nonsense_is_skipped_and_counted),
        LIFE(long_lines_come_whole),
        LIFE(lines_over_the_limit_are_skipped),
        LIFE(a_sync_may_nest_deeper_than_a_payload),
        LIFE(too_deep_is_skipped),
        cmocka_unit_test(odd_syncs_still_join),
        LIFE(mutated_lines_are_survived),
        LIFE(half_a_line_is_no_line),
        LIFE(no_callbacks_are_no_crash),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
