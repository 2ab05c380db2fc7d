/* See door.h. */
#include "cmd/door.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/file_replace.h"
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

/* ── TLS ── */

/* 0, or -1 with a sentence. */
static int tls_read(struct door *door, char *ret_why, size_t size)
{
    const struct tls_server_files files = {
        .cert = door->tls_cert, .key = door->tls_key, .protocol = "http/1.1"};
    struct ssl_ctx_st *context = tls_server_context(&files, door->fingerprint, ret_why, size);
    if (!context)
        return -1;
    if (http_server_use_tls(gateway_http(door->gateway), context))
        return 0;
    tls_context_free(context);
    snprintf(ret_why, size, "out of memory");
    return -1;
}

void door_reload(struct door *door, char *ret_said, size_t size)
{
    char why[TLS_WHY_SIZE];
    if (!door->tls_cert || !door->gateway)
        snprintf(ret_said, size, "there is no certificate to be read anew");
    else if (tls_read(door, why, sizeof why) == 0)
        snprintf(ret_said, size, "TLS with the certificate %s", door->fingerprint);
    else
        snprintf(ret_said, size, "WARNING: TLS goes on with the former certificate: %s", why);
    say(door, "%s", ret_said);
}

/* ── who can reach it ── */

static const char *reach_of(const struct door *door)
{
    bool tls = door->tls_cert != NULL;
    if (!http_server_is_afar(gateway_http(door->gateway)))
        return "only this machine can reach it";
    if (!door->insecure)
        return "everyone on the network can connect to it over TLS, and is asked for a token of "
               "the hub's";
    return tls ? "everyone on the network can connect to it (--insecure): nobody need encrypt, and "
                 "at a hub without tokens whoever does is in"
               : "everyone on the network can connect to it (--insecure): nothing is encrypted, and "
                 "at a hub without tokens whoever does is in";
}

/* Where a browser finds the page: by the name that the owner gave it; an address of all interfaces
 * is none to go to. */
static const char *page_url(const struct door *door, char *url, size_t size)
{
    struct http_server *http = gateway_http(door->gateway);
    const char *scheme = door->tls_cert && http_server_is_afar(http) ? "https" : "http";
    char all[256];
    http_server_addresses(http, all, sizeof all);
    if (door->hosts.count > 0 || strncmp(all, "0.0.0.0:", 8) == 0 || strncmp(all, "[::]:", 5) == 0)
        snprintf(url, size, "%s://%s:%u/", scheme,
                 door->hosts.count > 0 ? door->hosts.at[0] : "localhost", http_server_port(http));
    else
        snprintf(url, size, "%s://%.*s/", scheme, (int)strcspn(all, ","), all);
    return url;
}

/* 0, or -1 with a sentence. */
static int write_port(const struct door *door, char *ret_why, size_t size)
{
    char port[16];
    snprintf(port, sizeof port, "%u\n", http_server_port(gateway_http(door->gateway)));
    if (!door->port_file || file_replace(door->port_file, slice_of(port), 0644) == 0)
        return 0;
    snprintf(ret_why, size, "--port-file '%s': %s", door->port_file, strerror(errno));
    return -1;
}

/* 0 with a line, or an exit code with a sentence. */
static int listen_all(struct door *door, char *ret_said, size_t size)
{
    struct http_server *http = gateway_http(door->gateway);
    char addresses[256], url[ADDRESS_HOST_MAX + 32];
    for (size_t i = 0; i < door->http.count; i++)
        if (gateway_listen(door->gateway, door->http.at[i], ret_said, size) < 0)
            return EXIT_FAILED;
    if (door->share_token && http_server_is_afar(http)) {
        snprintf(ret_said, size,
                 "a token is shared with who is on this machine alone, and %s can be reached from "
                 "others: have each client show its own.",
                 http_server_addresses(http, addresses, sizeof addresses));
        return EXIT_USAGE;
    }
    if (write_port(door, ret_said, size) < 0)
        return EXIT_FAILED;
    snprintf(ret_said, size, "HTTP at %s; %s. The page: %s",
             http_server_addresses(http, addresses, sizeof addresses), reach_of(door),
             page_url(door, url, sizeof url));
    return EXIT_WORKED;
}

/* ── beginning and end ── */

int door_open(struct door *door, char *ret_said, size_t size)
{
    char identity[IDENTITY_SIZE];
    identity_make("gateway", true, identity);
    for (size_t i = 0; i < door->hosts.count; i++)
        door->names[i] = door->hosts.at[i];
    for (size_t i = 0; i < door->push_allow.count; i++)
        door->networks[i] = door->push_allow.at[i];
    struct gateway_options options = {.link = {.address = door->hub,
                                               .ai_id = identity,
                                               .specialization = "gateway",
                                               .room = door->room,
                                               .version = KHUB_VERSION,
                                               .token = door->token,
                                               .token_open = door->token_open,
                                               .tls = door->tls},
                                      .open = door->insecure,
                                      .shares_token = door->share_token,
                                      .agents_room = door->agents_room,
                                      .pushes = door->pushes,
                                      .push_allow = door->networks,
                                      .http = {.connections_max = door->connections_max,
                                               .afar = door->tls_cert || door->insecure,
                                               .plain_afar = door->insecure,
                                               .hosts = door->names}};
    const struct gateway_callbacks callbacks = {.changed = on_changed, .refused = on_refused};
    uv_loop_init(&door->loop);
    int error = gateway_new(&door->loop, &options, &callbacks, door, &door->gateway);
    token_wipe(door->token, sizeof door->token);
    if (error < 0) {
        snprintf(ret_said, size, "--hub is '%s': %s.", door->hub, khub_error_text(error));
        return error == KHUB_E_ADDRESS ? EXIT_USAGE : EXIT_FAILED;
    }
    char why[TLS_WHY_SIZE];
    int code = EXIT_WORKED;
    if (door->tls_cert && tls_read(door, why, sizeof why) < 0) {
        snprintf(ret_said, size, "no TLS: %s", why);
        code = EXIT_FAILED;
    }
    if (code == EXIT_WORKED)
        code = listen_all(door, ret_said, size);
    if (code != EXIT_WORKED) {
        door_close(door);
        return code;
    }
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
    struct door *door = end->data;
    door_close(door);
    uv_close((uv_handle_t *)&door->end, NULL);
    uv_close((uv_handle_t *)&door->reload, NULL);
}

/* The hub has read the same files, and said what it has to say of them. */
static void on_reload(uv_async_t *reload)
{
    char said[TLS_WHY_SIZE + 64];
    door_reload(reload->data, said, sizeof said);
}

static void reload(void *data)
{
    struct door *door = data;
    uv_async_send(&door->reload);
}

static void run(void *data)
{
    struct door *door = data;
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, NULL); /* they are the hub's */
    uv_run(&door->loop, UV_RUN_DEFAULT);
    door->ended(door->ended_ctx);
}

static int begin(void *data, const char *address, void (*ended)(void *ctx), void *ctx,
                 char *ret_said, size_t size)
{
    struct door *door = data;
    door->ended = ended;
    door->ended_ctx = ctx;
    door->hub = strdup(address);
    if (!door->hub) {
        snprintf(ret_said, size, "out of memory");
        return -1;
    }
    int code = door_open(door, ret_said, size);
    if (code == EXIT_WORKED) {
        uv_async_init(&door->loop, &door->end, on_end);
        uv_async_init(&door->loop, &door->reload, on_reload);
        door->end.data = door->reload.data = door;
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

static void stop(void *data)
{
    struct door *door = data;
    if (!door->asked)
        uv_async_send(&door->end);
    door->asked = true;
}

static void end(void *data)
{
    struct door *door = data;
    stop(door);
    uv_thread_join(&door->thread);
    uv_loop_close(&door->loop);
    free((char *)(uintptr_t)door->hub);
}

struct server_beside door_beside(struct door *door)
{
    door->connections_max = BESIDE_CONNECTIONS_MAX;
    door->quiet = true; /* the hub says what is to be said */
    return (struct server_beside){.begin = begin,
                                  .stop = stop,
                                  .end = end,
                                  .reload = reload,
                                  .data = door,
                                  .files = BESIDE_CONNECTIONS_MAX + BESIDE_FILES};
}
