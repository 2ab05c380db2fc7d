/* See door.h. */
#include "cmd/door.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/terminal.h"
#include "cmd/visit.h"

#define BESIDE_CONNECTIONS_MAX 1000u /* beside a hub, which wants descriptors too */
#define BESIDE_FILES           64u   /* for other things */

static void say(const struct door *door, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* A line for people; it may quote a hub. */
static void say(const struct door *door, const char *format, ...)
{
    struct terminal terminal = terminal_of(STDOUT_FILENO, "never");
    struct line line;
    va_list arguments;
    if (door->quiet)
        return;
    line_begin(&line, &terminal);
    line.width = 0;
    va_start(arguments, format);
    line_addf(&line, "[gateway] ");
    line_addv(&line, format, arguments);
    va_end(arguments);
    line_print(&line, stdout);
    line_free(&line);
    output_flush();
}

static void on_changed(struct gateway *gateway, const char *why, void *data)
{
    const struct door *door = data;
    char place[PLACE_SIZE];
    (void)gateway;
    if (why)
        say(door, "the hub at %s is not there: %s", door->hub, why);
    else
        say(door, "joined the hub at %s", place_text(door->hub, door->room, place));
}

static void on_refused(struct gateway *gateway, int error, const char *why, void *data)
{
    struct door *door = data;
    (void)gateway, (void)error;
    if (door->refused)
        door->refused(door, why);
}

int door_open(struct door *door, char *ret_said, size_t size)
{
    char identity[IDENTITY_SIZE];
    identity_make("gateway", identity);
    struct gateway_options options = {.link = {.address = door->hub,
                                               .ai_id = identity,
                                               .specialization = "gateway",
                                               .room = door->room,
                                               .version = KHUB_VERSION,
                                               .token = door->token,
                                               .token_open = door->token_open,
                                               .tls = door->tls},
                                      .shares_token = door->share_token,
                                      .agents_room = door->agents_room,
                                      .http.connections_max = door->connections_max};
    const struct gateway_callbacks callbacks = {.changed = on_changed, .refused = on_refused};
    uv_loop_init(&door->loop);
    int error = gateway_new(&door->loop, &options, &callbacks, door, &door->gateway);
    token_wipe(door->token, sizeof door->token);
    if (error < 0) {
        snprintf(ret_said, size, "--hub is '%s': %s.", door->hub, khub_error_text(error));
        return error == KHUB_E_ADDRESS ? EXIT_USAGE : EXIT_FAILED;
    }
    for (size_t i = 0; i < door->http.count; i++)
        if (gateway_listen(door->gateway, door->http.at[i], ret_said, size) < 0) {
            door_close(door);
            return EXIT_FAILED;
        }
    char addresses[256];
    snprintf(ret_said, size, "HTTP at %s; only this machine can reach it",
             http_server_addresses(gateway_http(door->gateway), addresses, sizeof addresses));
    say(door, "%s", ret_said);
    return EXIT_WORKED;
}

void door_close(struct door *door)
{
    gateway_close(door->gateway);
    door->gateway = NULL;
}

/* ── beside a hub ── */

static void on_end(uv_async_t *end)
{
    door_close(end->data);
    uv_close((uv_handle_t *)end, NULL);
}

static void run(void *data)
{
    struct door *door = data;
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, NULL); /* they are the hub's */
    uv_run(&door->loop, UV_RUN_DEFAULT);
}

static int begin(void *data, const char *address, char *ret_said, size_t size)
{
    struct door *door = data;
    door->hub = strdup(address);
    if (!door->hub) {
        snprintf(ret_said, size, "out of memory");
        return -1;
    }
    int code = door_open(door, ret_said, size);
    if (code == EXIT_WORKED) {
        uv_async_init(&door->loop, &door->end, on_end);
        door->end.data = door;
        if (uv_thread_create(&door->thread, run, door) == 0)
            return 0;
        snprintf(ret_said, size, "no thread for HTTP");
        on_end(&door->end);
    }
    uv_run(&door->loop, UV_RUN_DEFAULT); /* what is still closing */
    uv_loop_close(&door->loop);
    free((char *)(uintptr_t)door->hub);
    return -1;
}

static void end(void *data)
{
    struct door *door = data;
    uv_async_send(&door->end);
    uv_thread_join(&door->thread);
    uv_loop_close(&door->loop);
    free((char *)(uintptr_t)door->hub);
}

struct server_beside door_beside(struct door *door)
{
    door->connections_max = BESIDE_CONNECTIONS_MAX;
    door->quiet = true; /* the hub says what is to be said */
    return (struct server_beside){
        .begin = begin, .end = end, .data = door, .files = BESIDE_CONNECTIONS_MAX + BESIDE_FILES};
}
