/* How each broker is spoken to. The message is the same line of JSON for all; what stands about it
 * is the broker's own. */
#include "load.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char everyone[] = "everyone";

static bool starts_with(struct piece bytes, const char *prefix)
{
    size_t len = strlen(prefix);
    return bytes.len >= len && memcmp(bytes.at, prefix, len) == 0;
}

void ai_name(unsigned number, char ret_name[16])
{
    if (number == SENDER_NUMBER)
        memcpy(ret_name, "a-sender", 9);
    else
        snprintf(ret_name, 16, "ai-%05u", number % 100000u);
}

/* The channel, subject or topic: 8 bytes, as everyone is. */
static void topic_name(const struct plan *plan, unsigned number, char ret_name[16])
{
    if (plan->what == CASE_DIRECT)
        ai_name(number, ret_name);
    else
        memcpy(ret_name, everyone, sizeof everyone);
}

static size_t line_frame(struct piece bytes)
{
    const char *end = memchr(bytes.at, '\n', bytes.len);
    return end ? (size_t)(end + 1 - bytes.at) : 0;
}

static bool never(struct piece frame, const char **ret_answer)
{
    (void)frame, (void)ret_answer;
    return false;
}

/* --- the messages: plan->size bytes, whatever the number of the message */

/* One message: head, as much text as it takes, tail. */
static size_t line_pad(const struct plan *plan, struct piece head, struct piece tail,
                       char *ret_line)
{
    static const char text[] =
        "The scheduler on my side now keeps two queues, and the second one holds whatever slept "
        "for longer than its last slice. Latency under load fell by a third; throughput stayed. ";
    if (head.len + tail.len > plan->size)
        fail("--size must be at least %zu", head.len + tail.len);
    char *at = mempcpy(ret_line, head.at, head.len), *end = ret_line + plan->size - tail.len;
    for (size_t i = 0; at < end; i++)
        *at++ = text[i % (sizeof text - 1)];
    memcpy(at, tail.at, tail.len);
    return plan->size;
}

/* opening: from the type on, up to the text; closing: what ends the payload. */
static size_t line_write(const struct plan *plan, uint64_t count, unsigned number,
                         const char *opening, const char *closing, char *ret_line)
{
    char head[384], tail[64], name[16], target[20] = "null";
    int head_len = snprintf(head, sizeof head,
                            "{\"message_id\":\"5eed0000-0000-4000-8000-%012llu\","
                            "\"sender_id\":\"a-sender\",\"message_type\":%s",
                            (unsigned long long)count, opening);
    if (plan->what == CASE_DIRECT) {
        ai_name(number, name);
        snprintf(target, sizeof target, "\"%s\"", name);
    }
    int tail_len = snprintf(tail, sizeof tail, "%s,\"target_ai\":%s}\n", closing, target);
    return line_pad(plan, (struct piece){head, (size_t)head_len},
                    (struct piece){tail, (size_t)tail_len}, ret_line);
}

static size_t chat_message(const struct plan *plan, uint64_t count, unsigned number, char *ret_line)
{
    return line_write(plan, count, number,
                      "\"chat\",\"timestamp\":\"2026-11-22T08:00:00.000+00:00\","
                      "\"payload\":{\"text\":\"",
                      "\"}", ret_line);
}

static size_t pattern_message(const struct plan *plan, uint64_t count, unsigned number,
                              char *ret_line)
{
    return line_write(plan, count, number,
                      "\"pattern_share\",\"timestamp\":\"2026-11-22T08:00:00.000000\","
                      "\"payload\":{\"pattern\":{\"id\":\"bench\",\"queues\":2,"
                      "\"slice_ms\":[4,12.5],\"note\":\"",
                      "\"}}", ret_line);
}

/* One that bears a score, on a component of that id: it is kept beside 255 others. */
static size_t report_message(const struct plan *plan, uint64_t count, unsigned number,
                             char *ret_line)
{
    return line_write(plan, count, number,
                      "\"performance_report\",\"timestamp\":\"2026-11-22T08:00:00.000000\","
                      "\"payload\":{\"component_id\":\"bench\",\"performance\":{"
                      "\"score\":0.5,\"note\":\"",
                      "\"}}", ret_line);
}

static size_t bare_frame(const struct plan *plan, struct piece line, unsigned number,
                         char *ret_frame)
{
    (void)plan, (void)number;
    memcpy(ret_frame, line.at, line.len);
    return line.len;
}

/* --- khub, and the floor */

static size_t hello(unsigned number, int level, char *ret_bytes)
{
    static const char *const trades[][2] = {
        {"window_manager", "\"gui_development\",\"window_management\",\"user_interface\""},
        {"file_system", "\"file_operations\",\"storage_management\",\"data_structures\""},
        {"process_manager", "\"process_scheduling\",\"memory_management\",\"system_calls\""},
        {"security", "\"security_analysis\",\"encryption\",\"access_control\""},
        {"networking", "\"network_protocols\",\"distributed_systems\",\"communication\""},
        {"graphics", "\"graphics_rendering\",\"visual_effects\",\"display_management\""},
        {"audio", "\"audio_processing\",\"sound_synthesis\",\"media_handling\""},
        {"performance", "\"optimization\",\"benchmarking\",\"performance_analysis\""},
    };
    const char *const *trade = trades[number % (sizeof trades / sizeof *trades)];
    const char *token = getenv("KHUB_TOKEN");
    char name[16];
    ai_name(number, name);
    return (size_t)snprintf(
        ret_bytes, HELLO_MAX,
        "{\"message_id\":\"4e110000-0000-4000-8000-%012u\",\"sender_id\":\"%s\","
        "\"message_type\":\"hello\",\"timestamp\":\"2026-11-22T08:00:00.000000\",\"payload\":{"
        "\"specialization\":\"%s\",\"capabilities\":[\"pattern_recognition\",\"code_generation\","
        "\"os_development\",%s],\"version\":\"1.0.0\",\"features_supported\":[],"
        "\"collaboration_ready\":true%s%s%s%s},\"target_ai\":null}\n",
        number, name, trade[0], trade[1], level == 2 ? ",\"protocol\":2" : "",
        token ? ",\"token\":\"" : "", token ? token : "", token ? "\"" : "");
}

static size_t khub1_greet(const struct plan *plan, unsigned number, char *ret_bytes)
{
    (void)plan;
    return hello(number, 1, ret_bytes);
}

static size_t khub2_greet(const struct plan *plan, unsigned number, char *ret_bytes)
{
    (void)plan;
    return hello(number, 2, ret_bytes);
}

static bool khub_ready(struct connection *connection, struct piece frame)
{
    static const char sync[] = "\"training_sync\"";
    (void)connection;
    return memmem(frame.at, frame.len, sync, sizeof sync - 1) != NULL;
}

static size_t khub2_arrival(const struct plan *plan, struct piece line, unsigned number,
                            char *ret_frame)
{
    return bare_frame(plan, line, number, ret_frame) - 2; /* "}\n": the seq comes first */
}

static size_t floor_greet(const struct plan *plan, unsigned number, char *ret_bytes)
{
    (void)plan, (void)number;
    *ret_bytes = '\0'; /* it asks for nothing */
    return 0;
}

static bool floor_ready(struct connection *connection, struct piece frame)
{
    if (!starts_with(frame, "ready "))
        return false;
    if (!connection->is_sender)
        connection->number = (unsigned)strtoul(frame.at + strlen("ready "), NULL, 10);
    return true;
}

/* The floor knows nobody by name: the first 8 bytes are the number of a connection. */
static size_t floor_frame(const struct plan *plan, struct piece line, unsigned number,
                          char *ret_frame)
{
    memcpy(ret_frame, line.at, line.len);
    if (plan->what == CASE_DIRECT) {
        char digits[16];
        snprintf(digits, sizeof digits, "%08u", number % 100000000u);
        memcpy(ret_frame, digits, 8);
    }
    return line.len;
}

/* --- Redis: RESP */

static size_t redis_greet(const struct plan *plan, unsigned number, char *ret_bytes)
{
    if (number == SENDER_NUMBER) /* it need not tell its sender how many it reached */
        return (size_t)snprintf(ret_bytes, HELLO_MAX, "PING\r\nCLIENT REPLY OFF\r\n");
    char topic[16];
    topic_name(plan, number, topic);
    return (size_t)snprintf(ret_bytes, HELLO_MAX, "*2\r\n$9\r\nSUBSCRIBE\r\n$8\r\n%s\r\n", topic);
}

/* Length of one element, an array's head included; *ret_more grows by the elements that follow
 * it. */
static size_t redis_element(struct piece bytes, long *ret_more)
{
    size_t line = line_frame(bytes);
    if (line == 0)
        return 0;
    long number = strtol(bytes.at + 1, NULL, 10);
    if (bytes.at[0] == '*')
        *ret_more += number;
    if (bytes.at[0] != '$')
        return line;
    size_t whole = line + (size_t)number + 2;
    return whole <= bytes.len ? whole : 0;
}

static size_t redis_frame(struct piece bytes)
{
    size_t at = 0;
    for (long left = 1; left > 0; left--) {
        size_t len = redis_element((struct piece){bytes.at + at, bytes.len - at}, &left);
        if (len == 0)
            return 0;
        at += len;
    }
    return at;
}

static bool redis_ready(struct connection *connection, struct piece frame)
{
    return starts_with(frame, connection->is_sender ? "+PONG" : "*3\r\n$9\r\nsubscribe");
}

static size_t redis_wrap(const char *verb, const struct plan *plan, struct piece line,
                         unsigned number, char *ret_frame)
{
    char topic[16];
    topic_name(plan, number, topic);
    return (size_t)snprintf(ret_frame, FRAME_MAX, "*3\r\n$7\r\n%s\r\n$8\r\n%s\r\n$%zu\r\n%.*s\r\n",
                            verb, topic, line.len, (int)line.len, line.at);
}

static size_t redis_publish(const struct plan *plan, struct piece line, unsigned number,
                            char *ret_frame)
{
    return redis_wrap("PUBLISH", plan, line, number, ret_frame);
}

static size_t redis_arrival(const struct plan *plan, struct piece line, unsigned number,
                            char *ret_frame)
{
    return redis_wrap("message", plan, line, number, ret_frame);
}

/* --- NATS: its text protocol */

static size_t nats_greet(const struct plan *plan, unsigned number, char *ret_bytes)
{
    char topic[16], subscribe[64] = "";
    if (number != SENDER_NUMBER) {
        topic_name(plan, number, topic);
        snprintf(subscribe, sizeof subscribe, "SUB %s 1\r\n", topic);
    }
    return (size_t)snprintf(ret_bytes, HELLO_MAX,
                            "CONNECT {\"verbose\":false,\"pedantic\":false,\"lang\":\"c\","
                            "\"version\":\"1\",\"protocol\":1}\r\n%sPING\r\n",
                            subscribe);
}

static size_t nats_frame(struct piece bytes)
{
    size_t line = line_frame(bytes);
    if (line == 0 || !starts_with(bytes, "MSG "))
        return line;
    const char *space = memrchr(bytes.at, ' ', line);
    size_t whole = line + (size_t)strtoul(space, NULL, 10) + 2;
    return whole <= bytes.len ? whole : 0;
}

static bool nats_ready(struct connection *connection, struct piece frame)
{
    (void)connection;
    return starts_with(frame, "PONG");
}

static bool nats_aside(struct piece frame, const char **ret_answer)
{
    if (starts_with(frame, "PING"))
        *ret_answer = "PONG\r\n";
    return starts_with(frame, "PING") || starts_with(frame, "INFO");
}

static size_t nats_publish(const struct plan *plan, struct piece line, unsigned number,
                           char *ret_frame)
{
    char topic[16];
    topic_name(plan, number, topic);
    return (size_t)snprintf(ret_frame, FRAME_MAX, "PUB %s %zu\r\n%.*s\r\n", topic, line.len,
                            (int)line.len, line.at);
}

static size_t nats_arrival(const struct plan *plan, struct piece line, unsigned number,
                           char *ret_frame)
{
    char topic[16];
    topic_name(plan, number, topic);
    return (size_t)snprintf(ret_frame, FRAME_MAX, "MSG %s 1 %zu\r\n%.*s\r\n", topic, line.len,
                            (int)line.len, line.at);
}

/* --- Mosquitto: MQTT 3.1.1, QoS 0 */

/* Its length in two bytes, then the text. */
static size_t mqtt_string(const char *text, char *ret_bytes)
{
    size_t len = 0;
    for (; text[len]; len++)
        ret_bytes[2 + len] = text[len];
    ret_bytes[0] = (char)(len >> 8);
    ret_bytes[1] = (char)len;
    return len + 2;
}

static size_t mqtt_greet(const struct plan *plan, unsigned number, char *ret_bytes)
{
    static const char version[] = "\0\4MQTT\4\2\0\0"; /* level 4, clean session, no keep-alive */
    char name[16], topic[16], *at = ret_bytes;
    ai_name(number, name);
    *at++ = 0x10;
    *at++ = (char)(10 + 2 + strlen(name));
    memcpy(at, version, 10);
    at += 10;
    at += mqtt_string(name, at);
    if (number != SENDER_NUMBER) {
        topic_name(plan, number, topic);
        *at++ = (char)0x82;
        *at++ = (char)(2 + 2 + strlen(topic) + 1);
        *at++ = 0;
        *at++ = 1; /* packet id */
        at += mqtt_string(topic, at);
        *at++ = 0; /* QoS */
    }
    return (size_t)(at - ret_bytes);
}

static size_t mqtt_frame(struct piece bytes)
{
    size_t len = 0, at = 1;
    for (unsigned shift = 0; shift < 28; shift += 7, at++) {
        if (at >= bytes.len)
            return 0;
        len |= ((size_t)bytes.at[at] & 0x7f) << shift;
        if (!(bytes.at[at] & 0x80))
            return at + 1 + len <= bytes.len ? at + 1 + len : 0;
    }
    fail("mosquitto sent a frame with a length that is none");
}

static bool mqtt_ready(struct connection *connection, struct piece frame)
{
    return (unsigned char)frame.at[0] == (connection->is_sender ? 0x20 : 0x90);
}

static size_t mqtt_wrap(const struct plan *plan, struct piece line, unsigned number,
                        char *ret_frame)
{
    char topic[16], *at = ret_frame;
    topic_name(plan, number, topic);
    *at++ = 0x30;
    size_t len = 2 + strlen(topic) + line.len;
    for (; len >= 0x80; len >>= 7)
        *at++ = (char)(0x80 | (len & 0x7f));
    *at++ = (char)len;
    at += mqtt_string(topic, at);
    memcpy(at, line.at, line.len);
    return (size_t)(at + line.len - ret_frame);
}

static const struct dialect dialects[] = {
    {"floor", floor_greet, line_frame, floor_ready, chat_message, floor_frame, floor_frame, false,
     never},
    {"khub", khub2_greet, line_frame, khub_ready, chat_message, bare_frame, khub2_arrival, true,
     never},
    {"khub1", khub1_greet, line_frame, khub_ready, pattern_message, bare_frame, bare_frame, false,
     never},
    {"khub_report", khub1_greet, line_frame, khub_ready, report_message, bare_frame, bare_frame,
     false, never},
    {"redis", redis_greet, redis_frame, redis_ready, chat_message, redis_publish, redis_arrival,
     false, never},
    {"nats", nats_greet, nats_frame, nats_ready, chat_message, nats_publish, nats_arrival, false,
     nats_aside},
    {"mosquitto", mqtt_greet, mqtt_frame, mqtt_ready, chat_message, mqtt_wrap, mqtt_wrap, false,
     never},
};

const struct dialect *dialect_find(const char *name)
{
    for (size_t i = 0; i < sizeof dialects / sizeof *dialects; i++) {
        if (strcmp(dialects[i].name, name) == 0)
            return &dialects[i];
    }
    return NULL;
}
