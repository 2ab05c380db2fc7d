/* A real hub for the wire tests, started with what they want to vary:
 *     hub_under_test [--insecure] [--listen ADDRESS]… [--port-file FILE] [--log FILE]
 *         [--data DIR] [--salvage] [--no-confine] [--tls-1-2] [--tls-… FILE]… [--NAME NUMBER]…
 * Its log goes to stderr, and to FILE after a SIGHUP; the lines for people to stdout. */
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "net/heap.h"
#include "net/server.h"

/* X(name, its place in struct server_options, type) */
#define NUMBERS(X)                                                                                 \
    X("--connections-max", connections_max, size_t)                                                \
    X("--hello-timeout-ms", hello_timeout_ms, uint64_t)                                            \
    X("--lag-patience-ms", lag_patience_ms, uint64_t)                                              \
    X("--flush-ms", flush_ms, uint64_t)                                                            \
    X("--linger-ms", linger_ms, uint64_t)                                                          \
    X("--stop-ms", stop_ms, uint64_t)                                                              \
    X("--tls-shake-ms", tls_shake_ms, uint64_t)                                                    \
    X("--log-most", log_most, size_t)                                                              \
    X("--line-max", hub.line_max, size_t)                                                          \
    X("--output-max", hub.output_max, size_t)                                                      \
    X("--sync-limit", hub.sync_limit, size_t)                                                      \
    X("--epoch-ms", hub.epoch_ms, int64_t)                                                         \
    X("--heartbeat-ms", hub.heartbeat_ms, int64_t)                                                 \
    X("--retain-entries", retain_entries, uint64_t)                                                \
    X("--retain-ms", retain_ms, int64_t)                                                           \
    X("--quiet-ms", quiet_ms, uint64_t)                                                            \
    X("--rate", hub.owner.most[LIMIT_RATE], double)

static int set_number(struct server_options *options, const char *name, const char *value)
{
#define X(text, place, type)                                                                       \
    if (strcmp(name, text) == 0) {                                                                 \
        options->place = (type)strtod(value, NULL);                                                \
        return 0;                                                                                  \
    }
    NUMBERS(X)
#undef X
    return -1;
}

static int usage(const char *argument)
{
    fprintf(stderr, "hub_under_test: what is %s?\n", argument);
    return 2;
}

int main(int argc, char **argv)
{
    struct server_options options = server_options_default();
    heap_tune();              /* as khub serve does */
    options.hub.epoch_ms = 1; /* nobody waits for a challenge for long */
    options.log = STDERR_FILENO;
    options.console = STDOUT_FILENO;
    for (int i = 1; i < argc; i++) {
        const char *value = i + 1 < argc ? argv[i + 1] : NULL;
        if (strcmp(argv[i], "--insecure") == 0) {
            options.insecure = true;
            continue;
        }
        if (strcmp(argv[i], "--no-confine") == 0) {
            options.confine = false;
            continue;
        }
        if (strcmp(argv[i], "--salvage") == 0) {
            options.salvage = true;
            continue;
        }
        if (strcmp(argv[i], "--tls-1-2") == 0) {
            options.tls.also_1_2 = true;
            continue;
        }
        if (!value)
            return usage(argv[i]);
        if (strcmp(argv[i], "--listen") == 0 && options.listen_count < LISTENERS_MAX)
            options.listen[options.listen_count++] = value;
        else if (strcmp(argv[i], "--port-file") == 0)
            options.port_file = value;
        else if (strcmp(argv[i], "--log") == 0)
            options.log_path = value;
        else if (strcmp(argv[i], "--data") == 0)
            options.data = value;
        else if (strcmp(argv[i], "--tls-cert") == 0)
            options.tls.cert = value;
        else if (strcmp(argv[i], "--tls-key") == 0)
            options.tls.key = value;
        else if (strcmp(argv[i], "--tls-client-ca") == 0)
            options.tls.client_ca = value;
        else if (set_number(&options, argv[i], value) < 0)
            return usage(argv[i]);
        i++;
    }
    return server_run(&options);
}
