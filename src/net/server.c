/* The hub's daemon: its loop with timers and signals, the end of each turn, and how the whole
 * begins and ends. */
#include "net/server.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "net/confine.h"
#include "net/io_tls.h"
#include "net/pace.h"
#include "net/reach.h"
#include "net/state.h"
#include "net/tls_files.h"

struct server_options server_options_default(void)
{
    return (struct server_options){.hub = hub_config_default(),
                                   .hello_timeout_ms = HELLO_TIMEOUT_MS,
                                   .lag_patience_ms = LAG_PATIENCE_MS,
                                   .flush_ms = CLOSE_FLUSH_MS,
                                   .linger_ms = CLOSE_LINGER_MS,
                                   .stop_ms = STOP_MS,
                                   .login_delay_ms = LOGIN_DELAY_MS,
                                   .log_most = LOG_WAITING_MAX,
                                   .tls_shake_ms = TLS_SHAKE_MS,
                                   .quiet_ms = QUIET_MS,
                                   .log = -1,
                                   .confine = confine_possible(),
                                   .console = -1};
}

/* ── the turn ── */

/* One that reads too slowly for what may wait for it or, the longest queue of all, for all. */
static void expel_slow(struct connection *connection)
{
    struct refusal refusal;
    if (connection->overflow > connection->server->options.hub.output_max)
        refuse(&refusal, WIRE_SLOW_CONSUMER,
               "this connection reads too slowly: %zu bytes wait for it, and %zu may "
               "(--max-output)",
               connection->overflow, connection->server->options.hub.output_max);
    else
        refuse(&refusal, WIRE_SLOW_CONSUMER,
               "this connection reads too slowly: %zu bytes wait for it, the most of all; %zu may "
               "wait for all together",
               connection->overflow, (size_t)OUTPUT_TOTAL_MAX);
    connection_dismiss(connection, CLOSE_SLOW_CONSUMER, &refusal);
}

static void settle_overfull(struct server *server)
{
    struct connection *connection;
    while ((connection = TAILQ_FIRST(&server->overfull)))
        expel_slow(connection);
}

static void write_dirty(struct server *server)
{
    struct connection *connection;
    while ((connection = TAILQ_FIRST(&server->dirty))) {
        TAILQ_REMOVE(&server->dirty, connection, dirty_link);
        connection->dirty = false;
        connection_flush(connection);
    }
}

/* Slow readers must not keep whole chunks for a few bytes, nor all together more than there is. */
static void bound_memory(struct server *server)
{
    if (server->compacted > server->streams.bytes)
        server->compacted = server->streams.bytes;
    if (server->streams.bytes - server->compacted < COPY_OUT_EVERY &&
        server->streams.bytes <= OUTPUT_TOTAL_MAX)
        return;
    struct connection *longest = NULL;
    struct connection *connection;
    for (uint32_t cursor = 0; (connection = id_table_next(&server->connections, &cursor));) {
        if (!connection->blocked)
            continue;
        queue_copy_out(&connection->queue, &server->streams);
        if (connection->state == CONNECTION_OPEN && !connection->over &&
            (!longest || connection->queue.bytes > longest->queue.bytes))
            longest = connection;
    }
    streams_sweep(&server->streams);
    server->compacted = server->streams.bytes;
    if (server->streams.bytes > OUTPUT_TOTAL_MAX && longest)
        connection_overflow(longest, longest->queue.bytes);
}

static void settle(struct server *server)
{
    /* Expelling one tells the others, which can make one of them overflow: each round ends at least
     * one connection. */
    do {
        settle_overfull(server);
        write_dirty(server);
        streams_sweep(&server->streams);
        bound_memory(server);
    } while (!TAILQ_EMPTY(&server->overfull));
    server->appended_flushed = server->appended_swept = server->streams.appended;
    latency_settle(server);
}

void turn_relieve(struct server *server)
{
    uint64_t appended = server->streams.appended;
    if (appended - server->appended_flushed > FLUSH_EARLY_BYTES) {
        settle(server);
    } else if (appended - server->appended_swept > SWEEP_EARLY_BYTES) {
        streams_sweep(&server->streams);
        server->appended_swept = appended;
    }
}

static void server_close(struct server *server);

/* Ends a turn: expels, writes, sweeps, logs. Never within a call of the hub. */
static void turn_end(struct server *server)
{
    while (!TAILQ_EMPTY(&server->again))
        connection_bring(TAILQ_FIRST(&server->again));
    settle(server);
    if (server->disk.store) {
        store_push(server->disk.store);
        pace_disk(server);
    }
    journal_flush(&server->journal);
    if (server->stopping && server->connection_count == 0)
        server_close(server);
}

static void on_prepare(uv_prepare_t *handle)
{
    turn_end(handle->data);
}

static void on_check(uv_check_t *handle)
{
    turn_end(handle->data);
}

/* ── timers ── */

static void on_beat(uv_timer_t *timer)
{
    struct server *server = timer->data;
    pace_review(server);
    connection_deadlines(server);
    if (TAILQ_EMPTY(&server->laggards) && TAILQ_EMPTY(&server->closing))
        uv_timer_stop(timer);
}

void beat_start(struct server *server)
{
    if (!uv_is_active((uv_handle_t *)&server->beat))
        uv_timer_start(&server->beat, on_beat, BEAT_MS, BEAT_MS);
}

static void on_tick(uv_timer_t *timer)
{
    struct server *server = timer->data;
    if (server->connection_count > server->options.connections_max / 2)
        connection_expel_silent(server, server->options.hello_timeout_ms, server->connection_count);
    if (!server->stopping)
        login_review(server);
    if (server->paused && server->paused_at <= server->ticked_at)
        hub_unheard(server->hub, time_now_ms());
    server->ticked_at = uv_now(&server->loop);
    int64_t wait = server->stopping ? 1000 : hub_tick(server->hub, time_now_ms());
    if (!uv_is_closing((uv_handle_t *)timer))
        uv_timer_start(timer, on_tick, wait < 1 ? 1 : wait > 1000 ? 1000 : (uint64_t)wait, 0);
}

void tick_within(struct server *server, int64_t ms)
{
    uint64_t wait = ms < 1 ? 1 : (uint64_t)ms;
    if (uv_is_active((uv_handle_t *)&server->tick) && uv_timer_get_due_in(&server->tick) > wait)
        uv_timer_start(&server->tick, on_tick, wait, 0);
}

/* ── signals ── */

static void log_counters(struct server *server)
{
    struct journal *journal = &server->journal;
    struct hub_counts counts = hub_count(server->hub);
    journal_begin(journal, 0, "counters");
    journal_number(journal, "connections", server->connection_count);
    if (server->tls)
        journal_number(journal, "handshakes", tls_edge_shaking(server->tls));
    journal_number(journal, "accepted", server->accepted);
    journal_number(journal, "in", server->bytes_in);
    journal_number(journal, "out", server->bytes_out);
    journal_number(journal, "held", server->streams.bytes);
    journal_number(journal, "messages", counts.messages);
    journal_number(journal, "deliveries", server->deliveries);
    journal_number(journal, "refused", counts.refused);
    journal_number(journal, "rooms", counts.rooms);
    journal_number(journal, "members", counts.members);
    journal_number(journal, "observers", counts.observers);
    journal_number(journal, "away", counts.away);
    journal_number(journal, "sessions_live", counts.sessions_live);
    journal_number(journal, "sessions_ended", counts.sessions_ended);
    journal_number(journal, "leases", counts.leases);
    journal_number(journal, "tasks_open", counts.tasks_open);
    journal_number(journal, "tasks_closed", counts.tasks_closed);
    journal_number(journal, "patterns", counts.patterns);
    journal_number(journal, "components", counts.components);
    journal_number(journal, "features", counts.features);
    journal_number(journal, "benchmarks", counts.benchmarks);
    journal_number(journal, "knowledge", counts.knowledge_bytes);
    journal_number(journal, "checkpoints", server->disk.checkpoints);
    journal_number(journal, "checkpoint_step_us", server->disk.longest_step_ns / 1000);
    for (int reason = 0; reason < CLOSE_REASON_COUNT; reason++)
        journal_number(journal, close_reason_text((enum close_reason)reason),
                       server->closed[reason]);
    journal_end(journal);
}

static void on_asked(uv_signal_t *handle, int number)
{
    (void)number;
    log_counters(handle->data);
}

/* Whoever rotates logs moves the file and says so. */
static void log_reopen(struct server *server)
{
    struct journal *journal = &server->journal;
    const char *path = server->options.log_path;
    if (!path)
        return;
    int reopened = journal_reopen(journal, path);
    const char *why = reopened < 0 ? strerror(errno) : NULL;
    journal_begin(journal, 0, why ? "warning" : "reopened");
    journal_text(journal, "log", slice_of(path));
    if (why)
        journal_text(journal, "error", slice_of(why));
    journal_end(journal);
}

static void on_hangup(uv_signal_t *handle, int number)
{
    (void)number;
    log_reopen(handle->data);
    tls_files_reload(handle->data);
    beside_reload(handle->data);
}

/* Ends what is left, and with it the loop. */
static void server_close(struct server *server)
{
    uv_handle_t *handles[] = {
        (uv_handle_t *)&server->prepare,     (uv_handle_t *)&server->check,
        (uv_handle_t *)&server->tick,        (uv_handle_t *)&server->beat,
        (uv_handle_t *)&server->stop_timer,  (uv_handle_t *)&server->accept_timer,
        (uv_handle_t *)&server->interrupted, (uv_handle_t *)&server->terminated,
        (uv_handle_t *)&server->quit,        (uv_handle_t *)&server->hung_up,
        (uv_handle_t *)&server->asked,       (uv_handle_t *)&server->beside.ended};
    struct connection *connection;
    beside_end(server);
    disk_stop(server);
    searching_stop(server);
    for (uint32_t cursor = 0; (connection = id_table_next(&server->connections, &cursor));)
        connection_destroy(connection);
    tls_edge_stop(server->tls);
    for (size_t i = 0; i < server->listener_count; i++)
        listener_close(&server->listeners[i]);
    for (size_t i = 0; i < sizeof handles / sizeof *handles; i++)
        if (!uv_is_closing(handles[i]))
            uv_close(handles[i], NULL);
}

static void on_stop_over(uv_timer_t *timer)
{
    server_close(timer->data);
}

/* Who is still there is told so, and goes. */
static void part(struct server *server)
{
    server->stopping = true;
    for (size_t i = 0; i < server->listener_count; i++)
        listener_close(&server->listeners[i]);
    uv_timer_start(&server->stop_timer, on_stop_over, server->options.stop_ms, 0);
    hub_stop(server->hub, time_now_ms());
}

static void on_stop(uv_signal_t *handle, int number)
{
    struct server *server = handle->data;
    if (server->parting) {
        server_close(server);
        return;
    }
    server->parting = true;
    journal_begin(&server->journal, 0, "stopping");
    char name[32];
    snprintf(name, sizeof name, "SIG%s", sigabbrev_np(number));
    journal_text(&server->journal, "signal", slice_of(name));
    journal_end(&server->journal);
    journal_say(&server->journal, "[hub] Shutting down Collaborative Kernel Hub.");
    beside_stop(server, part);
}

/* ── beginning ── */

size_t files_raise(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
        return 1024;
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    getrlimit(RLIMIT_NOFILE, &limit);
    return limit.rlim_cur > INT32_MAX ? INT32_MAX : limit.rlim_cur;
}

static int fail(const char *what, const char *why)
{
    fprintf(stderr, "khub: %s%s%s\n", what, why ? ": " : "", why ? why : "");
    return -1;
}

static int write_port(const struct server *server)
{
    const char *path = server->options.port_file;
    char temporary[4096];
    unsigned port = 0;
    if (!path)
        return 0;
    for (size_t i = 0; i < server->listener_count && !port; i++)
        port = endpoint_port(&server->listeners[i].endpoint);
    if (snprintf(temporary, sizeof temporary, "%s.new", path) >= (int)sizeof temporary)
        return fail(path, strerror(ENAMETOOLONG));
    FILE *file = fopen(temporary, "we");
    if (!file)
        return fail(temporary, strerror(errno));
    fprintf(file, "%u\n", port);
    if (fclose(file) != 0 || rename(temporary, path) < 0) /* whole, or not there */
        return fail(path, strerror(errno));
    return 0;
}

static void tell_listening(struct server *server, const struct listener *listener)
{
    char address[ENDPOINT_TEXT_SIZE];
    const char *name = listener->name;
    endpoint_format(&listener->endpoint, address);
    journal_begin(&server->journal, 0, "listening");
    journal_text(&server->journal, "address", slice_of(address));
    if (name)
        journal_text(&server->journal, "name", slice_of(name));
    journal_end(&server->journal);
    journal_say(&server->journal, "[hub] Collaborative Kernel Hub listening on %s%s%s%s", address,
                name ? " (" : "", name ? name : "", name ? ")" : "");
}

static int listen_all(struct server *server)
{
    const struct server_options *options = &server->options;
    char why[512];
    for (size_t i = 0; i < options->listen_count; i++) {
        if (server->listener_count == LISTENERS_MAX)
            return fail("too many addresses to listen on", NULL);
        if (listener_open(server, options->listen[i], why, sizeof why) < 0)
            return fail(why, NULL);
    }
    for (size_t i = 0; i < server->listener_count; i++)
        tell_listening(server, &server->listeners[i]);
    return 0;
}

static void warn_no_tokens(struct server *server)
{
    journal_begin(&server->journal, 0, "warning");
    journal_text(&server->journal, "no_tokens", slice_of("nobody is asked for a token"));
    journal_end(&server->journal);
    journal_say(&server->journal,
                "[hub] WARNING: --no-tokens: nobody is asked for a token, whether one was given "
                "out or not.");
}

static void warn_insecure(struct server *server)
{
    bool asks = login_asks(server);
    journal_begin(&server->journal, 0, "warning");
    journal_text(&server->journal, "insecure",
                 asks ? slice_of("peers of other machines need not encrypt: whoever is on the way "
                                 "reads their tokens and all that is said")
                      : slice_of("peers of other machines are taken without tokens: anyone who "
                                 "reaches this port is in"));
    journal_end(&server->journal);
    if (asks)
        journal_say(&server->journal,
                    "[hub] WARNING: --insecure: %s. Whoever is on the way reads tokens and all "
                    "that is said.",
                    server->tls ? "nobody need encrypt" : "nothing is encrypted");
    else
        journal_say(&server->journal,
                    "[hub] WARNING: --insecure: anyone who reaches this port is in. Nothing is "
                    "asked, %s.",
                    server->tls ? "and nobody need encrypt" : "nothing is encrypted");
}

static void handles_init(struct server *server)
{
    uv_loop_t *loop = &server->loop;
    uv_timer_t *timers[] = {&server->tick, &server->beat, &server->stop_timer,
                            &server->accept_timer};
    struct {
        uv_signal_t *handle;
        uv_signal_cb callback;
        int number;
    } signals[] = {{&server->interrupted, on_stop, SIGINT},
                   {&server->terminated, on_stop, SIGTERM},
                   {&server->quit, on_stop, SIGQUIT},
                   {&server->hung_up, on_hangup, SIGHUP},
                   {&server->asked, on_asked, SIGUSR1}};
    for (size_t i = 0; i < sizeof timers / sizeof *timers; i++) {
        uv_timer_init(loop, timers[i]);
        timers[i]->data = server;
    }
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++) {
        uv_signal_init(loop, signals[i].handle);
        signals[i].handle->data = server;
        uv_signal_start(signals[i].handle, signals[i].callback, signals[i].number);
    }
    beside_init(server);
    uv_prepare_init(loop, &server->prepare);
    uv_check_init(loop, &server->check);
    server->prepare.data = server->check.data = server;
    uv_prepare_start(&server->prepare, on_prepare);
    uv_check_start(&server->check, on_check);
    uv_timer_start(&server->tick, on_tick, 1000, 0);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN); /* a log that may not grow any more is no reason to die */
}

static int fail_disk(const struct server *server, const char *why)
{
    fail(why, NULL);
    disk_explain(server);
    return -1;
}

/* Where to listen, if neither whoever started the hub nor its options say so. */
static int choose_listening(struct server *server)
{
    struct server_options *options = &server->options;
    char why[512];
    if (listeners_passed(server, why, sizeof why) < 0)
        return fail(why, NULL);
    if (options->listen_count == 0 && server->listener_count == 0)
        options->listen[options->listen_count++] =
            options->insecure ? "0.0.0.0:6000" : "127.0.0.1:6000";
    reach_tell(server);
    return 0;
}

static int begin_beside(struct server *server)
{
    char said[1024];
    if (beside_begin(server, said, sizeof said) < 0)
        return fail(said, NULL);
    if (!said[0])
        return 0;
    journal_begin(&server->journal, 0, "beside");
    journal_text(&server->journal, "said", slice_of(said));
    journal_end(&server->journal);
    journal_say(&server->journal, "[hub] %s", said);
    return 0;
}

/* The last of a beginning: what comes after it is confined. */
static int confine(struct server *server)
{
    char why[256];
    if (server->options.confine && confine_calls(server->beside.runs, why, sizeof why) < 0)
        return fail(why, NULL);
    journal_begin(&server->journal, 0, "confined");
    journal_text(&server->journal, "calls", slice_of(server->options.confine ? "yes" : "no"));
    journal_number(&server->journal, "landlock", (uint64_t)server->landlock);
    journal_end(&server->journal);
    if (!server->options.confine && confine_possible())
        journal_say(
            &server->journal,
            "[hub] WARNING: --no-confine: whoever finds a hole in this hub has all that its "
            "user may.");
    else if (server->options.confine && !server->landlock)
        journal_say(&server->journal, "[hub] This kernel has no Landlock: what files the hub may "
                                      "open is up to their permissions.");
    return 0;
}

static int server_start(struct server *server)
{
    char why[STORE_WHY_SIZE];
    if (login_open(server, why, sizeof why) < 0) /* who can reach the hub depends on it */
        return fail(why, NULL);
    if (choose_listening(server) < 0)
        return -1;
    size_t files = files_raise();
    size_t reserved = FILES_RESERVED + server->options.beside.files;
    size_t most = files > 2 * reserved ? files - reserved : files / 2;
    if (server->options.connections_max == 0 || server->options.connections_max > most)
        server->options.connections_max = most;
    server->reserve_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    size_t lag_above = LAG_ABOVE(server->options.hub.output_max);
    server->long_queue = lag_above < WRITE_EARLY_BYTES ? lag_above : WRITE_EARLY_BYTES;
    server->read_buffer = malloc(READ_BYTES);
    if (!server->read_buffer)
        return fail("out of memory", NULL);
    if (edge_key(server->key) < 0 || edge_key(server->run_key) < 0)
        return fail("the system has no randomness", strerror(errno));
    if (tls_files_load(server) < 0)
        return -1;
    if (disk_open(server, why) < 0)
        return fail_disk(server, why);
    struct hub_edge edge = edge_of(server);
    server->options.hub.keeps = server->options.hub.receives = server->disk.store != NULL;
    server->hub = hub_new(&server->options.hub, &edge);
    if (disk_recover(server, why) < 0)
        return fail_disk(server, why);
    if (searching_begin(server) < 0)
        return fail("no thread for the search index", strerror(errno));
    hub_start(server->hub, time_now_ms());
    server->latency.counted = hub_messages(server->hub);
    server->started_at = uv_now(&server->loop);
    journal_begin(&server->journal, 0, "started");
    journal_text(&server->journal, "version", slice_of(KHUB_VERSION));
    journal_number(&server->journal, "pid", (uint64_t)getpid());
    journal_number(&server->journal, "connections_max", server->options.connections_max);
    journal_end(&server->journal);
    tls_files_tell(server);
    if (server->options.no_tokens)
        warn_no_tokens(server);
    if (server->options.insecure)
        warn_insecure(server);
    if (listen_all(server) < 0 || begin_beside(server) < 0 || confine(server) < 0)
        return -1;
    return write_port(server);
}

/* A reader that went away, or stands still, is no fault of the hub's. */
static int journal_end_of(struct journal *journal)
{
    if (journal_free(journal) == 0 || errno == EPIPE || errno == EAGAIN)
        return 0;
    return fail("could not write the whole log", strerror(errno));
}

/* 0, or -1 when the log is not whole, or something could not be stored. */
static int server_free(struct server *server)
{
    if (server->hub) {
        log_counters(server);
        hub_free(server->hub);
    }
    searching_close(server);
    if (login_close(server) < 0)
        fail("not all that the audit should say could be written", NULL);
    int stored = disk_close(server);
    int logged = journal_end_of(&server->journal);
    streams_free(&server->streams);
    edge_end(server);
    tls_edge_free(server->tls);
    if (server->reserve_fd >= 0)
        close(server->reserve_fd);
    free(server->read_buffer);
    id_table_free(&server->connections);
    free(server);
    return stored < 0 ? -1 : logged;
}

int server_run(const struct server_options *options)
{
    struct server *server = calloc(1, sizeof *server);
    if (!server || uv_loop_init(&server->loop) < 0) {
        fail("cannot make an event loop", strerror(errno));
        free(server);
        return 1;
    }
    struct connection_list *lists[] = {&server->dirty,    &server->overfull, &server->newcomers,
                                       &server->laggards, &server->held,     &server->again,
                                       &server->closing};
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
        TAILQ_INIT(lists[i]);
    server->options = *options;
    server->reserve_fd = -1;
    id_table_init(&server->connections);
    streams_init(&server->streams);
    char why[256];
    int started = 0;
    if (options->confine)
        started = confine_files(options, &server->landlock, why, sizeof why);
    if (started < 0)
        fail(why, NULL);
    if (started == 0 &&
        journal_init(&server->journal, options->log, options->log_most, options->console) < 0)
        started = fail("cannot write a log", strerror(errno));
    handles_init(server);
    if (started == 0)
        started = server_start(server);
    if (started < 0)
        server_close(server);
    uv_run(&server->loop, UV_RUN_DEFAULT);
    int busy = uv_loop_close(&server->loop);
    assert(busy == 0);
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
        assert(TAILQ_EMPTY(lists[i]));
    assert(server->connection_count == 0 && server->surplus_count == 0);
    assert(server->partial_bytes == 0);
    int ended = server_free(server);
    return started < 0 || ended < 0 ? 1 : 0;
}
