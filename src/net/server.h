/* The hub's edge: listeners, connections, out-streams, timers, signals on one libuv loop. */
#ifndef KHUB_NET_SERVER_H
#define KHUB_NET_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "core/hub.h"

#define LISTENERS_MAX 16u

struct server_options {
    struct hub_config hub;
    const char *listen
        [LISTENERS_MAX]; /* "0.0.0.0:6000", "[::]:6000", "unix:/path"; port 0: any. None: 0.0.0.0:6000 */
    size_t listen_count;
    bool insecure;          /* take peers that are not loopback without tokens */
    size_t connections_max; /* 0: as many as RLIMIT_NOFILE lets (minus a reserve) */
    const char *port_file;  /* writes the first TCP port there once it listens; NULL: not */
    FILE *log;              /* key=value lines; NULL: none */
    FILE *console;          /* the seed's own lines; NULL: none */
};
struct server_options server_options_default(void);

/* Serves until SIGINT or SIGTERM, then stops gracefully. An exit code: 0 stopped; 1 could not listen or run. */
int server_run(const struct server_options *options);

#endif
