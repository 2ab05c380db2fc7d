/* The hub's edge: listeners, connections, out-streams, timers, signals on one libuv loop. */
#ifndef KHUB_NET_SERVER_H
#define KHUB_NET_SERVER_H

#include <stdbool.h>
#include <stddef.h>

#include "core/hub.h"
#include "store/store.h"

#define LISTENERS_MAX 16u

struct server_options {
    struct hub_config hub;
    /* "0.0.0.0:6000", "[::]:6000", "localhost:6000", "unix:/path"; port 0: any that is free. None:
     * 0.0.0.0:6000 */
    const char *listen[LISTENERS_MAX];
    size_t listen_count;
    uint64_t hello_timeout_ms, lag_patience_ms, flush_ms, linger_ms, stop_ms; /* see bounds.h */
    bool insecure;          /* take peers that are not loopback without tokens */
    size_t connections_max; /* 0: as many as RLIMIT_NOFILE lets (minus a reserve) */
    const char *port_file;  /* writes the first TCP port there once it listens; NULL: not */
    size_t log_most;        /* bytes of log that may wait to be written */
    int log;                /* descriptor of key=value lines, closed at the end; -1: none */
    const char *log_path;   /* on SIGHUP the log goes on in this file; NULL: where it is */
    const char *data;       /* the directory of the store; NULL: nothing outlives the hub */
    enum store_sync sync;
    unsigned sync_ms; /* with STORE_SYNC_INTERVAL, and at the most between writes with NONE */
    int console;      /* descriptor of the lines for people; -1: none */
};
struct server_options server_options_default(void);

/* Serves until SIGINT, SIGTERM or SIGQUIT, then stops gracefully; a second one ends it at once.
 * SIGHUP opens the log anew, SIGUSR1 logs the counters. An exit code: 0 stopped; 1 could not
 * listen, run, or write the whole log. */
int server_run(const struct server_options *options);

#endif
