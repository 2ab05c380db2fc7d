/* The scripted hub and the driver of both sides. */
#include "client_fixture.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "wire/message.h"

#define STEP_MS                                                                                    \
    20 /* how long a step waits at most; conditions that hang on time alone are seen after it */

bool fixture_inside_link;

/* The link's clock. It goes on only by what a poll has waited in vain, so nothing is late on a
 * machine that stands still for seconds. The linker puts these before the C library's
 * (meson.build). */
static int64_t waited_ms;

int __real_poll(struct pollfd *fds, nfds_t count, int timeout);
int __wrap_poll(struct pollfd *fds, nfds_t count, int timeout);
int __real_clock_gettime(clockid_t clock, struct timespec *now);
int __wrap_clock_gettime(clockid_t clock, struct timespec *now);

int __wrap_poll(struct pollfd *fds, nfds_t count, int timeout)
{
    int ready = __real_poll(fds, count, timeout);
    if (ready == 0 && timeout > 0)
        waited_ms += timeout;
    return ready;
}

int __wrap_clock_gettime(clockid_t clock, struct timespec *now)
{
    if (clock != CLOCK_MONOTONIC)
        return __real_clock_gettime(clock, now);
    *now =
        (struct timespec){.tv_sec = 1000 + waited_ms / 1000, .tv_nsec = waited_ms % 1000 * 1000000};
    return 0;
}

static char *text_copy(const char *bytes, size_t len)
{
    char *copy = malloc(len + 1);
    assert_non_null(copy);
    memcpy(copy, bytes, len);
    copy[len] = '\0';
    return copy;
}

static int listen_local(struct fake_hub *hub)
{
    char directory[80];
    const char *parent = getenv("TMPDIR");
    snprintf(directory, sizeof directory, "%.50s/khub-client-XXXXXX", parent ? parent : P_tmpdir);
    assert_non_null(mkdtemp(directory));
    hub->directory = text_copy(directory, strlen(directory));
    struct sockaddr_un local = {.sun_family = AF_UNIX};
    snprintf(local.sun_path, sizeof local.sun_path, "%s/hub", directory);
    snprintf(hub->address, sizeof hub->address, "unix:%s", local.sun_path);
    int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    assert_return_code(listener, errno);
    assert_return_code(bind(listener, (struct sockaddr *)&local, sizeof local), errno);
    return listener;
}

static int listen_loopback(struct fake_hub *hub)
{
    struct sockaddr_in loopback = {.sin_family = AF_INET,
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof loopback;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    assert_return_code(listener, errno);
    assert_return_code(bind(listener, (struct sockaddr *)&loopback, len), errno);
    assert_return_code(getsockname(listener, (struct sockaddr *)&loopback, &len), errno);
    snprintf(hub->address, sizeof hub->address, "127.0.0.1:%u", ntohs(loopback.sin_port));
    return listener;
}

void fake_hub_open(struct fake_hub *hub, bool local)
{
    memset(hub, 0, sizeof *hub);
    hub->peer = -1;
    hub->level = 2;
    hub->listener = local ? listen_local(hub) : listen_loopback(hub);
    assert_return_code(listen(hub->listener, 8), errno);
}

void fake_hub_drop(struct fake_hub *hub)
{
    if (hub->peer >= 0)
        close(hub->peer);
    hub->peer = -1;
}

void fake_hub_close(struct fake_hub *hub)
{
    fake_hub_drop(hub);
    if (hub->listener >= 0)
        close(hub->listener);
    hub->listener = -1;
    if (hub->directory) {
        unlink(strchr(hub->address, ':') + 1);
        rmdir(hub->directory);
        free(hub->directory);
        hub->directory = NULL;
    }
    free(hub->received);
    hub->received = NULL;
    for (unsigned i = 0; i < hub->line_count; i++)
        free(hub->lines[i]);
    hub->line_count = 0;
}

void fake_hub_send_bytes(struct fake_hub *hub, const char *bytes, size_t len)
{
    while (len > 0 && hub->peer >= 0) {
        ssize_t count = send(hub->peer, bytes, len, MSG_NOSIGNAL);
        if (count < 0 && (errno == EPIPE || errno == ECONNRESET)) {
            fake_hub_drop(hub);
            return;
        }
        assert_return_code(count, errno);
        bytes += count;
        len -= (size_t)count;
    }
}

void fake_hub_send(struct fake_hub *hub, const char *text)
{
    fake_hub_send_bytes(hub, text, strlen(text));
}

void fake_hub_say(struct fake_hub *hub, const char *sender, const char *type, const char *payload,
                  uint64_t seq)
{
    char *line, ending[40] = "";
    if (seq)
        snprintf(ending, sizeof ending, ",\"seq\":%llu", (unsigned long long)seq);
    int len = asprintf(&line,
                       "{\"message_id\":\"m-1\",\"sender_id\":\"%s\",\"message_type\":\"%s\","
                       "\"timestamp\":\"2026-11-22T08:00:00.123+00:00\",\"target_ai\":null,"
                       "\"payload\":%s%s}\n",
                       sender, type, payload, ending);
    assert_true(len > 0);
    fake_hub_send_bytes(hub, line, (size_t)len);
    free(line);
}

void fake_hub_sync(struct fake_hub *hub, const char *token, uint64_t seq)
{
    char payload[512];
    int len = snprintf(payload, sizeof payload,
                       "{\"global_knowledge_base\":{},\"active_ais\":[\"ada\"],"
                       "\"collaboration_opportunities\":[]");
    if (hub->level >= 2)
        len += snprintf(payload + len, sizeof payload - (size_t)len,
                        ",\"seq\":%llu,\"resume_token\":\"%s\",\"limits\":{\"max_line\":1048576}",
                        (unsigned long long)seq, token);
    snprintf(payload + len, sizeof payload - (size_t)len, "}");
    fake_hub_say(hub, "hub", "training_sync", payload, hub->level >= 2 ? seq : 0);
}

void fake_hub_refuse(struct fake_hub *hub, const char *code, const char *detail, bool to_hello)
{
    char payload[1024], reply[64] = "null";
    const char *hello = NULL;
    for (unsigned n = fake_hub_count(hub, "hello"); to_hello && n > 0 && !hello; n--)
        hello = fake_hub_line(hub, "hello", n - 1);
    if (hello)
        snprintf(reply, sizeof reply, "\"%.36s\"",
                 strstr(hello, "\"message_id\":\"") + strlen("\"message_id\":\""));
    snprintf(payload, sizeof payload, "{\"code\":\"%s\",\"detail\":\"%s\",\"in_reply_to\":%s}",
             code, detail, reply);
    fake_hub_say(hub, "hub", "error", payload, 0);
}

static void hub_accept(struct fake_hub *hub)
{
    if (hub->absent || hub->peer >= 0 || hub->listener < 0)
        return;
    hub->peer = accept4(hub->listener, NULL, NULL, SOCK_CLOEXEC);
    if (hub->peer < 0)
        return;
    hub->accepted++;
    hub->peer_ended = false;
    hub->received_len = hub->line_at = 0;
}

static void hub_split(struct fake_hub *hub)
{
    char *end;
    while (hub->line_at < hub->received_len &&
           (end = memchr(hub->received + hub->line_at, '\n', hub->received_len - hub->line_at))) {
        char *line = hub->received + hub->line_at;
        assert_true(hub->line_count < sizeof hub->lines / sizeof hub->lines[0]);
        hub->lines[hub->line_count++] = text_copy(line, (size_t)(end - line));
        hub->line_at = (size_t)(end - hub->received) + 1;
        if (strstr(hub->lines[hub->line_count - 1], "\"message_type\":\"hello\"") && !hub->mute) {
            char token[32];
            snprintf(token, sizeof token, "token-%u", hub->accepted);
            fake_hub_sync(hub, token, hub->accepted);
        }
    }
}

void fake_hub_step(struct fake_hub *hub)
{
    hub_accept(hub);
    if (hub->peer < 0 || hub->deaf)
        return;
    char buffer[65536];
    for (;;) {
        ssize_t count = recv(hub->peer, buffer, sizeof buffer, MSG_DONTWAIT);
        if (count < 0 && errno == EAGAIN)
            break;
        if (count <= 0) {
            if (count < 0)
                fake_hub_drop(hub); /* reset */
            hub->peer_ended = true;
            break;
        }
        hub->received = realloc(hub->received, hub->received_len + (size_t)count + 1);
        assert_non_null(hub->received);
        memcpy(hub->received + hub->received_len, buffer, (size_t)count);
        hub->received_len += (size_t)count;
        hub->received[hub->received_len] = '\0';
    }
    hub_split(hub);
    if (hub->peer_ended)
        fake_hub_drop(hub);
}

static bool line_is(const char *line, const char *type)
{
    char wanted[64];
    snprintf(wanted, sizeof wanted, "\"message_type\":\"%s\"", type);
    return strstr(line, wanted) != NULL;
}

const char *fake_hub_line(const struct fake_hub *hub, const char *type, unsigned n)
{
    for (unsigned i = 0; i < hub->line_count; i++)
        if (line_is(hub->lines[i], type) && n-- == 0)
            return hub->lines[i];
    return NULL;
}

unsigned fake_hub_count(const struct fake_hub *hub, const char *type)
{
    unsigned count = 0;
    for (unsigned i = 0; i < hub->line_count; i++)
        count += line_is(hub->lines[i], type);
    return count;
}

void assert_line_valid(const char *line)
{
    struct message message;
    struct refusal refusal;
    assert_non_null(line);
    if (message_parse(slice_of(line), &message, &refusal) < 0)
        fail_msg("%s: %s", refusal.detail, line);
}

char *line_payload(const char *line)
{
    struct message message;
    struct refusal refusal;
    assert_non_null(line);
    assert_int_equal(message_parse(slice_of(line), &message, &refusal), 0);
    return text_copy(message.payload.raw.at, message.payload.raw.len);
}

/* The promise of the header: every text has its NUL. */
static char *keep(struct khub_text text)
{
    assert_non_null(text.at);
    assert_int_equal(text.at[text.len], '\0');
    return text_copy(text.at, text.len);
}

static void on_message(struct khub *link, const struct khub_message *message, void *data)
{
    struct life *life = data;
    fixture_inside_link = false;
    assert_ptr_equal(khub_data(link), life);
    assert_true(life->message_count < sizeof life->messages / sizeof life->messages[0]);
    life->messages[life->message_count++] = (struct seen_message){
        .message_id = keep(message->message_id),
        .sender_id = keep(message->sender_id),
        .type = keep(message->type),
        .timestamp = keep(message->timestamp),
        .target_ai = keep(message->target_ai),
        .payload = keep(message->payload),
        .line = keep(message->line),
        .seq = message->seq,
    };
    if (life->in_message)
        life->in_message(life, message);
    fixture_inside_link = true;
}

static void on_state(struct khub *link, enum khub_state state, int error, const char *detail,
                     void *data)
{
    struct life *life = data;
    fixture_inside_link = false;
    assert_int_equal(khub_link_state(link), state);
    assert_true(life->state_count < sizeof life->states / sizeof life->states[0]);
    life->states[life->state_count] = state;
    life->errors[life->state_count] = error;
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    life->times_ms[life->state_count] = (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
    snprintf(life->details[life->state_count], sizeof life->details[0], "%s", detail);
    life->state_count++;
    if (life->in_state)
        life->in_state(life, state);
    fixture_inside_link = true;
}

const struct khub_callbacks life_callbacks = {.message = on_message, .state = on_state};

int life_setup(void **state)
{
    struct life *life = calloc(1, sizeof *life);
    if (!life)
        return -1;
    fake_hub_open(&life->hub, false);
    *state = life;
    return 0;
}

int life_teardown(void **state)
{
    struct life *life = *state;
    khub_free(life->link);
    fake_hub_close(&life->hub);
    for (unsigned i = 0; i < life->message_count; i++) {
        struct seen_message *seen = &life->messages[i];
        free(seen->message_id);
        free(seen->sender_id);
        free(seen->type);
        free(seen->timestamp);
        free(seen->target_ai);
        free(seen->payload);
        free(seen->line);
    }
    free(life);
    return 0;
}

void life_link(struct life *life, struct khub_options options)
{
    if (!options.address)
        options.address = life->hub.address;
    if (!options.ai_id)
        options.ai_id = "ada";
    if (!options.retry_first_ms)
        options.retry_first_ms = 1;
    if (!options.retry_max_ms)
        options.retry_max_ms = 4;
    options.data = life;
    assert_int_equal(khub_new(&options, &life_callbacks, &life->link), 0);
}

void life_join(struct life *life, struct khub_options options)
{
    life_link(life, options);
    UNTIL(life, khub_link_state(life->link) == KHUB_JOINED);
}

/* What tells sockets apart that have the same number; 0 for none. */
static ino_t socket_identity(int fd)
{
    struct stat status;
    if (fd < 0)
        return 0;
    assert_return_code(fstat(fd, &status), errno);
    return status.st_ino;
}

void life_step(struct life *life)
{
    int timeout = khub_timeout_ms(life->link);
    if (timeout < 0 || timeout > STEP_MS)
        timeout = STEP_MS;
    short link_events = (short)(POLLIN | (khub_wants_write(life->link) ? POLLOUT : 0));
    struct pollfd waited[] = {
        {.fd = khub_fd(life->link), .events = link_events},
        {.fd = life->hub.absent || life->hub.peer >= 0 ? -1 : life->hub.listener, .events = POLLIN},
        {.fd = life->hub.deaf ? -1 : life->hub.peer, .events = POLLIN},
    };
    assert_true(poll(waited, 3, timeout) >= 0 || errno == EINTR);
    ino_t before = socket_identity(khub_fd(life->link));
    fixture_inside_link = true;
    life->turned = khub_turn(life->link);
    fixture_inside_link = false;
    ino_t after = socket_identity(khub_fd(life->link));
    assert_true(before == 0 || after == 0 || before == after);
    fake_hub_step(&life->hub);
}

bool life_saw(const struct life *life, enum khub_state state, unsigned times)
{
    unsigned count = 0;
    for (unsigned i = 0; i < life->state_count; i++)
        count += life->states[i] == state;
    return count >= times;
}

const struct seen_message *life_message(const struct life *life, const char *type)
{
    for (unsigned i = 0; i < life->message_count; i++)
        if (strcmp(life->messages[i].type, type) == 0)
            return &life->messages[i];
    return NULL;
}
