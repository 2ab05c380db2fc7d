/* The hub's edge: listeners, connections, out-streams, timers, signals on one libuv loop. */
#ifndef KHUB_NET_SERVER_H
#define KHUB_NET_SERVER_H

#include <stdbool.h>
#include <stddef.h>

#include "core/hub.h"
#include "store/store.h"
#include "tls/tls.h"

#define LISTENERS_MAX 16u

/* What runs beside the hub in its process and is one of its clients. */
struct server_beside {
    /* Begins it, in a thread of its own that takes no signals, when the hub listens (it is reached
     * at `address`) and before its calls are confined; NULL: there is nothing. 0 with a line for
     * the console, or -1 with a sentence. It says nothing by itself: who does not read the console
     * would hold it up, and the hub at its end. When it has come to its end, its thread calls
     * `ended` as the last thing. */
    int (*begin)(void *data, const char *address, void (*ended)(void *ctx), void *ctx,
                 char *ret_said, size_t size);
    /* It is to end, if it began; it does not wait for that. The hub is there for it until then. */
    void (*stop)(void *data);
    /* The same, and waits: the hub is not there any more for it, unless it has ended. Called once,
     * before the hub parts with anybody. */
    void (*end)(void *data);
    /* The files of TLS are to be read anew. It does not wait for that. */
    void (*reload)(void *data);
    void *data;
    size_t files; /* descriptors that it needs */
};

struct server_options {
    struct hub_config hub;
    /* "0.0.0.0:6000", "[::]:6000", "localhost:6000", "unix:/path"; port 0: any that is free. None:
     * 127.0.0.1:6000, when insecure 0.0.0.0:6000 */
    const char *listen[LISTENERS_MAX];
    size_t listen_count;
    uint64_t hello_timeout_ms, lag_patience_ms, flush_ms, linger_ms, stop_ms; /* see bounds.h */
    uint64_t login_delay_ms;                                                  /* the same */
    bool insecure;          /* take peers of other machines, though there are no tokens */
    bool no_tokens;         /* ask nobody for one, though some were given out */
    size_t connections_max; /* 0: as many as RLIMIT_NOFILE allows, less a reserve */
    const char *port_file;  /* gets the first TCP port once the hub listens; NULL: none */
    size_t log_most;        /* bytes of log that may wait to be written */
    int log;                /* descriptor for key=value lines; closed at the end; -1: none */
    const char *log_path;   /* the log is reopened here on SIGHUP; NULL: not reopened */
    const char *data;       /* the directory of the store; NULL: keeps nothing, and says so */
    bool confine;           /* take from itself what it does not need (confine.h) */
    bool salvage;           /* when that is damaged: go on with what is whole of it */
    enum store_sync sync;
    int64_t retain_ms; /* what of the past is kept (store.h); 0: no bound */
    uint64_t retain_entries, retain_bytes;
    uint64_t
        quiet_ms;     /* a room in which nothing is said is looked at so often for what to let go */
    unsigned sync_ms; /* with STORE_SYNC_INTERVAL, and at the most between writes with NONE */
    int console;      /* descriptor for lines for people; -1: none */

    struct tls_server_files tls; /* cert NULL: no TLS */
    uint64_t tls_shake_ms;       /* see bounds.h */
    struct server_beside beside;
};
struct server_options server_options_default(void);

/* Lets this process have as many descriptors as the system lets it. How many. */
size_t files_raise(void);

/* Serves until SIGINT, SIGTERM or SIGQUIT, then stops gracefully; a second signal ends it at once.
 * SIGHUP reopens the log and reads the TLS files anew, SIGUSR1 logs the counters. Returns an exit
 * code: 0 when it was stopped, 1 when it could not listen, run, or write the whole log. */
int server_run(const struct server_options *options);

#endif
