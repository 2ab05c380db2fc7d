/* The life of a link against a scripted hub: joining, losing, coming back, being refused. */
#include "client_fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "client/link.h"

static const struct khub_options plain = {0};

static void joins_and_says_hello(void **state)
{
    struct life *life = *state;
    const char *const capabilities[] = {"b-trees", "caf\xc3\xa9 \"crypto\"", NULL};
    const char *const features[] = {"file_system", NULL};
    life_link(life, (struct khub_options){.specialization = "file_system",
                                          .capabilities = capabilities,
                                          .features = features,
                                          .version = "3.1",
                                          .room = "kernel"});
    assert_int_equal(khub_link_state(life->link), KHUB_WAITING);
    assert_int_equal(khub_fd(life->link), -1);
    assert_int_equal(khub_timeout_ms(life->link), 0);
    UNTIL(life, khub_link_state(life->link) == KHUB_JOINED);

    const enum khub_state expected[] = {KHUB_CONNECTING, KHUB_GREETING, KHUB_JOINED};
    assert_int_equal(life->state_count, 3);
    assert_memory_equal(life->states, expected, sizeof expected);
    const char *hello = fake_hub_line(&life->hub, "hello", 0);
    assert_line_valid(hello);
    char *payload = line_payload(hello);
    assert_string_equal(payload, "{\"specialization\":\"file_system\",\"version\":\"3.1\","
                                 "\"features_supported\":[\"file_system\"],"
                                 "\"collaboration_ready\":true,\"protocol\":2,\"room\":\"kernel\","
                                 "\"role\":\"member\",\"capabilities\":[\"b-trees\","
                                 "\"caf\xc3\xa9 \\\"crypto\\\"\"]}");
    free(payload);

    const struct seen_message *sync = life_message(life, "training_sync");
    assert_non_null(sync);
    assert_string_equal(sync->sender_id, "hub");
    assert_string_equal(sync->target_ai, "");
    assert_string_equal(sync->timestamp, "2026-11-22T08:00:00.123+00:00");
    assert_int_equal(sync->seq, 1);
    assert_non_null(strstr(sync->line, ",\"seq\":1}"));
    assert_string_equal(khub_resume_token(life->link), "token-1");
    assert_string_equal(khub_ai_id(life->link), "ada");
    assert_int_equal(khub_seq(life->link), 1);
    int fd = khub_fd(life->link);
    assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
    assert_true(fcntl(fd, F_GETFL) & O_NONBLOCK);
    int no_delay = 0;
    socklen_t len = sizeof no_delay;
    assert_return_code(getsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &no_delay, &len), errno);
    assert_true(no_delay);
}

static void level_1_is_the_seeds_hello(void **state)
{
    struct life *life = *state;
    life->hub.level = 1;
    life_join(life, (struct khub_options){.level = 1,
                                          .not_ready = true,
                                          .observer = true,
                                          .resume_token = "unused",
                                          .sync_max = KHUB_SYNC_NONE});
    char *payload = line_payload(fake_hub_line(&life->hub, "hello", 0));
    assert_string_equal(payload, "{\"specialization\":\"general\",\"version\":\"1.0.0\","
                                 "\"features_supported\":[],\"collaboration_ready\":false,"
                                 "\"capabilities\":[]}");
    free(payload);
    fake_hub_say(&life->hub, "eve", "chat", "{\"text\":\"hi\"}", 0);
    UNTIL(life, life_message(life, "chat"));
    assert_int_equal(khub_seq(life->link), 0);
    assert_int_equal(khub_timeout_ms(life->link), -1);
}

/* Small clients need no megabyte of knowledge, at whatever connection. */
static void says_how_much_it_wants_to_know(void **state)
{
    struct life *life = *state;
    life_join(life, (struct khub_options){.sync_max = KHUB_SYNC_NONE});
    fake_hub_drop(&life->hub);
    UNTIL(life, life_saw(life, KHUB_JOINED, 2));
    for (unsigned i = 0; i < 2; i++) {
        const char *hello = fake_hub_line(&life->hub, "hello", i);
        assert_line_valid(hello);
        assert_non_null(strstr(hello, "\"role\":\"member\",\"sync\":\"none\","));
    }
}

static void says_how_many_bytes_it_wants_to_know(void **state)
{
    struct life *life = *state;
    life_join(life, (struct khub_options){.sync_max = 4096});
    const char *hello = fake_hub_line(&life->hub, "hello", 0);
    assert_line_valid(hello);
    assert_non_null(strstr(hello, "\"role\":\"member\",\"sync\":4096,"));
}

/* To each connection, in its first hello and no other line; and nothing of it stays in the link but
 * what the next connection needs. */
static void shows_its_token(void **state)
{
    struct life *life = *state;
    life_join(life, (struct khub_options){.token = "khub_\"secret\""});
    assert_int_equal(khub_update_capabilities(life->link, NULL), 0);
    assert_int_equal(khub_chat(life->link, "hi", NULL), 0);
    UNTIL(life, fake_hub_line(&life->hub, "chat", 0));
    fake_hub_drop(&life->hub);
    UNTIL(life, life_saw(life, KHUB_JOINED, 2));
    for (unsigned i = 0; i < 3; i++) {
        const char *hello = fake_hub_line(&life->hub, "hello", i);
        assert_line_valid(hello);
        bool first = i != 1;
        assert_int_equal(strstr(hello, ",\"token\":\"khub_\\\"secret\\\"\"}") != NULL, first);
    }
    assert_null(strstr(fake_hub_line(&life->hub, "chat", 0), "secret"));
    assert_null(life->link->hello.at);
    const struct text *draft =
        &life->link->draft; /* mostly without memory, of which memmem takes none */
    assert_true(!draft->at || !memmem(draft->at, draft->capacity, "secret", 6));
}

/* A link that never comes back has no more use for it. */
static void forgets_a_token_that_it_shows_no_more(void **state)
{
    struct life *life = *state;
    life_join(life, (struct khub_options){.token = "khub_1", .retries = -1});
    assert_string_equal(life->link->token, "");
    assert_null(life->link->draft.at);
    assert_null(life->link->hello.at);
}

static void level_1_shows_its_token_too(void **state)
{
    struct life *life = *state;
    life->hub.level = 1;
    life_join(life, (struct khub_options){.level = 1, .token = "khub_1"});
    assert_non_null(strstr(fake_hub_line(&life->hub, "hello", 0), ",\"token\":\"khub_1\"}"));
}

static void a_token_that_is_too_long_is_none(void **state)
{
    struct khub *link = NULL;
    char token[TOKEN_MAX + 2];
    (void)state;
    memset(token, 'x', sizeof token - 1);
    token[sizeof token - 1] = '\0';
    struct khub_options options = {.ai_id = "ada", .token = token};
    assert_int_equal(khub_new(&options, NULL, &link), KHUB_E_ARGUMENT);
    token[TOKEN_MAX] = '\0';
    assert_int_equal(khub_new(&options, NULL, &link), 0);
    khub_free(link);
}

static void comes_back_with_its_token(void **state)
{
    struct life *life = *state;
    life_join(life, (struct khub_options){.resume_token = "from-before", .observer = true});
    assert_non_null(
        strstr(fake_hub_line(&life->hub, "hello", 0), "\"resume_token\":\"from-before\""));
    assert_non_null(strstr(fake_hub_line(&life->hub, "hello", 0), "\"role\":\"observer\""));
    for (unsigned times = 2; times <= 5; times++) {
        fake_hub_drop(&life->hub);
        UNTIL(life, life_saw(life, KHUB_JOINED, times));
        char shown[64];
        snprintf(shown, sizeof shown, "\"resume_token\":\"token-%u\"", times - 1);
        assert_non_null(strstr(fake_hub_line(&life->hub, "hello", times - 1), shown));
        assert_line_valid(fake_hub_line(&life->hub, "hello", times - 1));
    }
    assert_int_equal(life->hub.accepted, 5);
}

/* Each delay is at least half of its bound (a busy machine only makes it longer), and said to be at
 * most the bound. */
static void waits_longer_after_each_failure(void **state)
{
    static const int bounds[] = {8, 16, 32, 64, 64, 64};
    struct life *life = *state;
    fake_hub_close(&life->hub);
    life_link(life, (struct khub_options){.retry_first_ms = 8, .retry_max_ms = 64, .retries = 7});
    for (unsigned i = 0; i < 6; i++) {
        UNTIL(life, life_saw(life, KHUB_WAITING, i + 1));
        assert_in_range(khub_timeout_ms(life->link), 0, bounds[i]);
        assert_int_equal(life->errors[life->state_count - 1], KHUB_E_UNREACHABLE);
        unsigned waiting = life->state_count - 1;
        UNTIL(life, life->state_count > waiting + 1);
        assert_int_equal(life->states[waiting + 1], KHUB_CONNECTING);
        assert_true(life->times_ms[waiting + 1] - life->times_ms[waiting] >= bounds[i] / 2 - 1);
    }
    UNTIL(life, khub_link_state(life->link) == KHUB_ENDED);
    assert_int_equal(life->turned, KHUB_E_UNREACHABLE);
    assert_true(life_saw(life, KHUB_CONNECTING, 7));
    assert_false(life_saw(life, KHUB_CONNECTING, 8));
    assert_int_equal(khub_turn(life->link), KHUB_E_UNREACHABLE);
    assert_int_equal(khub_run(life->link, -1), KHUB_E_UNREACHABLE);
    assert_int_equal(khub_timeout_ms(life->link), -1);
    assert_int_equal(khub_chat(life->link, "anyone?", NULL), KHUB_E_CLOSED);
    assert_non_null(strstr(life->details[life->state_count - 1], "refused"));
}

/* Of many delays none is over the bound, none under half of it, and they are not all alike. */
static void delays_have_jitter(void **state)
{
    struct life *life = *state;
    int least = INT32_MAX, most = 0;
    for (unsigned i = 0; i < 40; i++) {
        life_join(life, (struct khub_options){.retry_first_ms = 10000, .retry_max_ms = 10000});
        unsigned waits = life->state_count;
        fake_hub_drop(&life->hub);
        UNTIL(life, life->state_count > waits);
        assert_int_equal(khub_link_state(life->link), KHUB_WAITING);
        int delay = khub_timeout_ms(life->link);
        assert_in_range(delay, 4000, 10000); /* a second lost in between would not matter */
        least = delay < least ? delay : least;
        most = delay > most ? delay : most;
        khub_free(life->link);
        life->link = NULL;
    }
    assert_true(most - least > 500);
}

static void without_retries_the_first_loss_ends_it(void **state)
{
    struct life *life = *state;
    life_join(life, (struct khub_options){.retries = -1});
    fake_hub_drop(&life->hub);
    UNTIL(life, khub_link_state(life->link) == KHUB_ENDED);
    assert_int_equal(life->turned, KHUB_E_UNREACHABLE);
    assert_string_equal(life->details[life->state_count - 1], "the hub closed the connection");
}

/* A connection that is lost is no failed try. */
static void one_try_is_left_after_a_loss(void **state)
{
    struct life *life = *state;
    life_join(life, (struct khub_options){.retries = 1});
    for (unsigned times = 2; times <= 4; times++) {
        fake_hub_drop(&life->hub);
        UNTIL(life, life_saw(life, KHUB_JOINED, times));
    }
    fake_hub_close(&life->hub);
    UNTIL(life, khub_link_state(life->link) == KHUB_ENDED);
    assert_int_equal(life->turned, KHUB_E_UNREACHABLE);
}

static void nothing_is_sent_before_the_hubs_answer(void **state)
{
    struct life *life = *state;
    life->hub.mute = true;
    life_link(life, plain);
    assert_int_equal(khub_chat(life->link, "early", NULL), 0);
    UNTIL(life, life->hub.line_count == 1);
    assert_int_equal(khub_chat(life->link, "still early", NULL), 0);
    assert_false(khub_wants_write(life->link));
    for (int i = 0; i < 3; i++)
        life_step(life);
    assert_int_equal(life->hub.received_len, strlen(life->hub.lines[0]) + 1);
    fake_hub_sync(&life->hub, "t", 1);
    UNTIL(life, life->hub.line_count == 3);
}

/* What the hub says after its last word is not for us. */
static void nothing_is_heard_after_the_end(void **state)
{
    struct life *life = *state;
    static const char lines[] =
        "{\"message_id\":\"a\",\"sender_id\":\"hub\",\"message_type\":\"error\",\"timestamp\":"
        "\"t\","
        "\"payload\":{\"code\":\"taken_over\"}}\n"
        "{\"message_id\":\"b\",\"sender_id\":\"eve\",\"message_type\":\"chat\",\"timestamp\":\"t\","
        "\"payload\":{}}\n";
    life_join(life, plain);
    fake_hub_send(&life->hub, lines);
    UNTIL(life, khub_link_state(life->link) == KHUB_ENDED);
    assert_string_equal(life->details[life->state_count - 1],
                        "taken_over"); /* for want of a detail */
    assert_null(life_message(life, "chat"));
}

/* What the hub's error does to a link, before and after it has joined. */
struct refusal_case {
    const char *code;
    bool before_joining, to_hello, ends;
};
static const struct refusal_case refusal_cases[] = {
    {"id_in_use", true, true, true},
    {"protected_mode", true, false, true},
    {"unauthorized", true, false, true},
    {"reserved_id", true, true, true},
    {"bad_payload", true, true, true},
    {"a_code_of_2030", true, true, true},
    {"rate_limited", true, true, false},
    {"quota_exceeded", true, true, false},
    {"storage_unavailable", true, true, false},
    {"shutting_down", true, false, false},
    {"banned", true, true, true},
    {"taken_over", false, false, true},
    {"kicked", false, false, true},
    {"banned", false, false, true},
    {"shutting_down", false, false, false},
    {"slow_consumer", false, false, false},
    {"heartbeat_timeout", false, false, false},
};

static void refusal_is_obeyed(struct life *life, const struct refusal_case *each)
{
    life->hub.mute = each->before_joining;
    life_link(life, plain);
    if (each->before_joining)
        UNTIL(life, fake_hub_count(&life->hub, "hello") == 1);
    else
        UNTIL(life, khub_link_state(life->link) == KHUB_JOINED);
    fake_hub_refuse(&life->hub, each->code, "caf\xc3\xa9: \\\"no\\\" \\u001b[2J", each->to_hello);
    life->hub.mute = false;
    if (each->ends) {
        UNTIL(life, khub_link_state(life->link) == KHUB_ENDED);
        assert_int_equal(life->turned, KHUB_E_REFUSED);
        assert_int_equal(khub_fd(life->link), -1);
    } else {
        UNTIL(life, life_saw(life, KHUB_WAITING, 1));
    }
    assert_string_equal(life->details[life->state_count - 1], "caf\xc3\xa9: \"no\" \\x1b[2J");
    assert_non_null(strstr(life_message(life, "error")->payload, each->code));
    if (!each->ends) {
        fake_hub_drop(&life->hub);
        UNTIL(life, khub_link_state(life->link) == KHUB_JOINED);
        assert_int_equal(life->hub.accepted, 2);
    }
}

static void refusals_end_or_retry(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof refusal_cases / sizeof refusal_cases[0]; i++) {
        void *life;
        assert_int_equal(life_setup(&life), 0);
        refusal_is_obeyed(life, &refusal_cases[i]);
        life_teardown(&life);
    }
}

static void errors_about_messages_change_nothing(void **state)
{
    static const char *const codes[] = {"id_in_use",      "unauthorized", "bad_payload",
                                        "unknown_target", "rate_limited", "a_code_of_2030"};
    struct life *life = *state;
    life_join(life, plain);
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++)
        fake_hub_refuse(&life->hub, codes[i], "no", true);
    fake_hub_say(&life->hub, "hub", "error", "{}", 9);
    fake_hub_say(&life->hub, "hub", "error", "{\"code\":7,\"detail\":[],\"in_reply_to\":{}}", 10);
    /* Another AI cannot end anything, whatever it calls its message. */
    fake_hub_say(&life->hub, "eve", "error", "{\"code\":\"taken_over\",\"detail\":\"ha\"}", 11);
    UNTIL(life, khub_seq(life->link) == 11);
    assert_int_equal(khub_link_state(life->link), KHUB_JOINED);
    assert_int_equal(life->state_count, 3);
    assert_int_equal(life->message_count, 1 + 6 + 3);
}

/* Before the answer to the hello, an error about something else is nothing to us. */
static void greeting_waits_through_other_errors(void **state)
{
    struct life *life = *state;
    life->hub.mute = true;
    life_link(life, plain);
    UNTIL(life, fake_hub_count(&life->hub, "hello") == 1);
    fake_hub_refuse(&life->hub, "bad_payload", "not about the hello", false);
    fake_hub_say(&life->hub, "eve", "training_sync", "{\"resume_token\":\"forged\"}", 3);
    UNTIL(life, life_message(life, "training_sync"));
    assert_int_equal(khub_link_state(life->link), KHUB_GREETING);
    assert_string_equal(khub_resume_token(life->link), "");
    fake_hub_sync(&life->hub, "real", 4);
    UNTIL(life, khub_link_state(life->link) == KHUB_JOINED);
    assert_string_equal(khub_resume_token(life->link), "real");
}

/* The hub may not have noticed yet that our old connection is gone: at level 1 there is no token to
 * show. */
static void an_id_in_use_that_was_ours_is_tried_again(void **state)
{
    for (int level = 1; level <= 2; level++) {
        struct life *life = *state;
        life->hub.level = level;
        life_join(life, (struct khub_options){.level = level});
        life->hub.mute = true;
        fake_hub_drop(&life->hub);
        unsigned hellos = fake_hub_count(&life->hub, "hello");
        for (unsigned i = 1; i <= 3; i++) {
            UNTIL(life, fake_hub_count(&life->hub, "hello") == hellos + i);
            life->hub.mute = i < 3;
            fake_hub_refuse(&life->hub, "id_in_use", "held", true);
            UNTIL(life, khub_link_state(life->link) == KHUB_WAITING);
            fake_hub_drop(&life->hub);
        }
        UNTIL(life, khub_link_state(life->link) == KHUB_JOINED);
        khub_free(life->link);
        life->link = NULL;
        fake_hub_drop(&life->hub);
    }
}

static void heartbeats_go_out_and_are_missed(void **state)
{
    struct life *life = *state;
    life_join(life, (struct khub_options){.heartbeat_ms = 5});
    UNTIL(life, fake_hub_count(&life->hub, "heartbeat") >= 1);
    char *payload = line_payload(fake_hub_line(&life->hub, "heartbeat", 0));
    assert_string_equal(payload, "{\"seq\":1}");
    free(payload);
    /* Answered: it lives on. */
    for (unsigned i = 2; i < 12; i++) {
        fake_hub_say(&life->hub, "hub", "heartbeat", "{\"server_time\":\"x\",\"seq\":1}", i);
        UNTIL(life, khub_seq(life->link) == i);
        assert_int_equal(khub_link_state(life->link), KHUB_JOINED);
    }
    /* Unanswered: the third silence is a dead connection. */
    UNTIL(life, life_saw(life, KHUB_WAITING, 1));
    assert_string_equal(life->details[life->state_count - 1],
                        "the hub has not answered 3 heartbeats");
}

/* Nobody listens there. */
static struct endpoint closed_endpoint(void)
{
    struct sockaddr_in loopback = {.sin_family = AF_INET,
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct endpoint endpoint = {.len = sizeof loopback};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_return_code(bind(fd, (struct sockaddr *)&loopback, endpoint.len), errno);
    assert_return_code(getsockname(fd, &endpoint.any, &endpoint.len), errno);
    close(fd);
    return endpoint;
}

/* As if the resolver had given these: two that refuse, one of a family that is none, and the hub's.
 * life_step checks that the fd is -1 between any two. */
static void one_after_the_other_address_is_tried(void **state)
{
    struct life *life = *state;
    life_link(life, plain);
    struct khub *link = life->link;
    const char *why;
    size_t count;
    struct transport *transport = &link->transport;
    transport->endpoints = calloc(ENDPOINTS_MAX, sizeof *transport->endpoints);
    assert_non_null(transport->endpoints);
    assert_int_equal(address_resolve(&transport->address, AI_NUMERICHOST, ENDPOINTS_MAX,
                                     transport->endpoints, &count, &why),
                     0);
    transport->endpoints[3] = transport->endpoints[0];
    transport->endpoints[0] = closed_endpoint();
    transport->endpoints[1] = closed_endpoint();
    transport->endpoints[2] = (struct endpoint){.any.sa_family = AF_MAX - 1, .len = 16};
    transport->endpoint_count = 4;
    link->state = KHUB_CONNECTING;
    UNTIL(life, khub_link_state(link) == KHUB_JOINED);
    assert_int_equal(transport->endpoint_next, 4);
    assert_int_equal(life->states[0], KHUB_GREETING);
}

static void names_are_looked_up(void **state)
{
    struct life *life = *state;
    char address[160];
    struct addrinfo *found, hints = {.ai_socktype = SOCK_STREAM, .ai_family = AF_INET};
    bool named = getaddrinfo("localhost", NULL, &hints, &found) == 0;
    if (named)
        freeaddrinfo(found);
    /* on a machine without /etc/hosts, a spelling that only the look-up understands */
    const char *host = named ? "localhost" : "127.1";
    snprintf(address, sizeof address, "%s%s", host, strchr(life->hub.address, ':'));
    life_join(life, (struct khub_options){.address = address});
    assert_int_equal(life->hub.accepted, 1);
}

static void unix_sockets_serve(void **state)
{
    struct life *life = *state;
    fake_hub_close(&life->hub);
    fake_hub_open(&life->hub, true);
    life_join(life, plain);
    fake_hub_drop(&life->hub);
    UNTIL(life, life_saw(life, KHUB_JOINED, 2));
}

/* A host that cannot exist (RFC 6761) is a failed try, whose error says what is wrong. */
static void a_host_without_address_is_said_so(void **state)
{
    struct life *life = *state;
    life_link(life, (struct khub_options){.address = "[not-a-number]:6000", .retries = -1});
    assert_true(khub_run(life->link, -1) < 0);
    assert_int_equal(khub_link_state(life->link), KHUB_ENDED);
    assert_non_null(strstr(life->details[life->state_count - 1], "not-a-number"));
}

static void capabilities_can_change(void **state)
{
    struct life *life = *state;
    const char *const first[] = {"one", NULL}, *const second[] = {"two", "three", NULL};
    life_link(life, plain);
    assert_int_equal(khub_update_capabilities(life->link, first), 0);
    UNTIL(life, khub_link_state(life->link) == KHUB_JOINED);
    assert_int_equal(fake_hub_count(&life->hub, "hello"), 1);
    assert_non_null(strstr(fake_hub_line(&life->hub, "hello", 0), "\"capabilities\":[\"one\"]"));
    assert_int_equal(khub_update_capabilities(life->link, second), 0);
    UNTIL(life, fake_hub_count(&life->hub, "hello") == 2);
    const char *hello = fake_hub_line(&life->hub, "hello", 1);
    assert_line_valid(hello);
    assert_non_null(strstr(hello, "\"capabilities\":[\"two\",\"three\"]"));
    assert_non_null(strstr(hello, "\"protocol\":2"));
    assert_null(strstr(hello, "resume_token"));
    /* Its answer is a message like any other. */
    UNTIL(life, life->message_count == 2);
    assert_int_equal(life->state_count, 3);
    fake_hub_drop(&life->hub);
    UNTIL(life, life_saw(life, KHUB_JOINED, 2));
    assert_non_null(strstr(fake_hub_line(&life->hub, "hello", 2), "[\"two\",\"three\"]"));
}

static void options_are_checked(void **state)
{
    (void)state;
    static char id_129[130], token_257[258];
    memset(id_129, 'x', 129);
    memset(token_257, 'x', 257);
    const struct {
        struct khub_options options;
        int error;
    } cases[] = {
        {{.ai_id = NULL}, KHUB_E_ARGUMENT},
        {{.ai_id = ""}, KHUB_E_ARGUMENT},
        {{.ai_id = "hub"}, KHUB_E_ARGUMENT},
        {{.ai_id = id_129}, KHUB_E_ARGUMENT},
        {{.ai_id = "new\nline"}, KHUB_E_ARGUMENT},
        {{.ai_id = "del\x7f"}, KHUB_E_ARGUMENT},
        {{.ai_id = "c1\xc2\x80"}, KHUB_E_ARGUMENT},
        {{.ai_id = "latin1\xe9"}, KHUB_E_ARGUMENT},
        {{.ai_id = "cut\xc3"}, KHUB_E_ARGUMENT},
        {{.ai_id = "surrogate\xed\xa0\x80"}, KHUB_E_ARGUMENT},
        {{.ai_id = "ada", .level = 3}, KHUB_E_ARGUMENT},
        {{.ai_id = "ada", .level = -1}, KHUB_E_ARGUMENT},
        {{.ai_id = "ada", .retries = -2}, KHUB_E_ARGUMENT},
        {{.ai_id = "ada", .resume_token = token_257}, KHUB_E_ARGUMENT},
        {{.ai_id = "ada", .address = "nowhere"}, KHUB_E_ADDRESS},
        {{.ai_id = "ada", .address = "nowhere:0"}, KHUB_E_ADDRESS},
        {{.ai_id = "\"quoted\\\" caf\xc3\xa9 \xf0\x9f\x90\xa2"}, 0},
        {{.ai_id = id_129 + 1}, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct khub *link = NULL;
        assert_int_equal(khub_new(&cases[i].options, NULL, &link), cases[i].error);
        assert_true((link != NULL) == (cases[i].error == 0));
        khub_free(link);
    }
    struct khub *link = NULL;
    assert_int_equal(khub_new(NULL, NULL, &link), KHUB_E_ARGUMENT);
    char *huge = malloc(1100000);
    assert_non_null(huge);
    memset(huge, 'x', 1099999);
    huge[1099999] = '\0';
    const char *const capabilities[] = {huge, NULL};
    assert_int_equal(
        khub_new(&(struct khub_options){.ai_id = "ada", .capabilities = capabilities}, NULL, &link),
        KHUB_E_TOO_LONG);
    free(huge);
    khub_free(NULL);
}

static void texts_are_never_null(void **state)
{
    (void)state;
    for (int error = -12; error <= 2; error++)
        assert_true(strlen(khub_error_text(error)) > 5);
    for (int each = -1; each <= KHUB_ENDED + 1; each++)
        assert_true(strlen(khub_state_text((enum khub_state)each)) > 4);
}

#define LIFE(name) cmocka_unit_test_setup_teardown(name, life_setup, life_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        LIFE(joins_and_says_hello),
        LIFE(level_1_is_the_seeds_hello),
        LIFE(says_how_much_it_wants_to_know),
        LIFE(says_how_many_bytes_it_wants_to_know),
        LIFE(shows_its_token),
        LIFE(forgets_a_token_that_it_shows_no_more),
        LIFE(level_1_shows_its_token_too),
        cmocka_unit_test(a_token_that_is_too_long_is_none),
        LIFE(comes_back_with_its_token),
        LIFE(waits_longer_after_each_failure),
        LIFE(delays_have_jitter),
        LIFE(without_retries_the_first_loss_ends_it),
        LIFE(one_try_is_left_after_a_loss),
        LIFE(nothing_is_sent_before_the_hubs_answer),
        LIFE(nothing_is_heard_after_the_end),
        cmocka_unit_test(refusals_end_or_retry),
        LIFE(errors_about_messages_change_nothing),
        LIFE(greeting_waits_through_other_errors),
        LIFE(an_id_in_use_that_was_ours_is_tried_again),
        LIFE(heartbeats_go_out_and_are_missed),
        LIFE(one_after_the_other_address_is_tried),
        LIFE(names_are_looked_up),
        LIFE(unix_sockets_serve),
        LIFE(a_host_without_address_is_said_so),
        LIFE(capabilities_can_change),
        cmocka_unit_test(options_are_checked),
        cmocka_unit_test(texts_are_never_null),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
