/* A gateway that speaks mcp_fixtures.h beside what `khub gateway` does.
 *
 * usage: gateway_with_fixtures HUB */
#include <signal.h>
#include <stdio.h>
#include <uv.h>

#include "gateway/gateway.h"
#include "tests/npm/mcp_fixtures.h"

static struct {
    struct gateway *gateway;
    uv_signal_t terminated;
} test;

static void on_signal(uv_signal_t *handle, int number)
{
    (void)number;
    gateway_close(test.gateway);
    uv_close((uv_handle_t *)handle, NULL);
}

static void on_changed(struct gateway *gateway, const char *why, void *data)
{
    (void)gateway, (void)why, (void)data;
}

static void on_refused(struct gateway *gateway, int error, const char *why, void *data)
{
    (void)gateway, (void)data;
    fprintf(stderr, "refused: %d %s\n", error, why);
}

int main(int count, char **words)
{
    static const struct gateway_callbacks callbacks = {on_changed, on_refused};
    static uv_loop_t loop;
    struct gateway_options options = {.mcp_more = &mcp_fixtures};
    char why[512];
    if (count != 2)
        return 2;
    options.link = (struct khub_options){
        .address = words[1], .ai_id = "gateway", .version = KHUB_VERSION, .room = "gateway"};
    signal(SIGPIPE, SIG_IGN);
    uv_loop_init(&loop);
    if (gateway_new(&loop, &options, &callbacks, NULL, &test.gateway) < 0 ||
        gateway_listen(test.gateway, "127.0.0.1:0", why, sizeof why) < 0)
        return 1;
    uv_signal_init(&loop, &test.terminated);
    uv_signal_start(&test.terminated, on_signal, SIGTERM);
    printf("HTTP at 127.0.0.1:%u;\n", http_server_port(gateway_http(test.gateway)));
    fflush(stdout);
    uv_run(&loop, UV_RUN_DEFAULT);
    return uv_loop_close(&loop) == 0 ? 0 : 1; /* all handles are closed */
}
