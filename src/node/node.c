/* The node's loop: the hub's link, the timers, the workers, and how it all ends.
 *
 * The end comes in steps: no new work, sessions brought to their end, the last results shared,
 * the queue flushed, and only then the summary. */
#include "node/node.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

_Static_assert(BRAIN_WORKERS_MAX <= JOBS_WORKERS_MAX, "as many workers as a brain may ask for");

static void node_ending(struct node *node, const char *why, unsigned grace_ms);
static void on_request(uv_timer_t *timer);

void node_say(const struct node *node, const char *format, ...)
{
    char line[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    if (node->options->log)
        node->options->log(line, node->options->data);
    else
        fprintf(stderr, "[TRAINER] %s\n", line);
}

const char *node_tell(const struct node *node, const json_t *thing, const json_t *metrics,
                      char buffer[BRAIN_TEXT_SIZE])
{
    node->brain->tell(thing, metrics, buffer);
    return buffer;
}

uint64_t node_now(const struct node *node)
{
    return uv_now(&node->loop);
}

uint64_t node_left(const struct node *node)
{
    uint64_t now = node_now(node);
    return node->phase == NODE_RUNNING && now < node->deadline ? node->deadline - now : 0;
}

int node_keep(struct node *node, json_t *learned)
{
    int failed = node->keeping ? keeping_write(node->keeping, learned) : 0;
    if (failed)
        node_say(node, "what it learned can't be kept in %s: %s", node->keeping->path,
                 strerror(errno));
    json_decref(learned);
    return failed;
}

static int publish_failed(struct node *node, const char *type, int error)
{
    if (error == 0)
        return 0;
    node->count.link_skipped++;
    node_say(node, "a %s could not be sent: %s", type, khub_error_text(error));
    return error;
}

void node_acked(struct node *node, const struct khub_outcome *outcome, const char *type)
{
    if (!node->acks || outcome->error < 0)
        return;
    fprintf(node->acks, "%s %llu %s\n", outcome->message_id, (unsigned long long)outcome->seq,
            type);
    fflush(node->acks);
}

static void on_outcome(struct khub *link, const struct khub_outcome *outcome, void *data)
{
    node_acked(khub_data(link), outcome, data);
}

static int publish_text(struct node *node, const char *type, const char *text, const char *target,
                        char *ret_message_id)
{
    if (!node->acks)
        return khub_publish(node->link, type, text, target, ret_message_id);
    return khub_publish_acked(node->link, type, text, target, on_outcome, (void *)(uintptr_t)type,
                              ret_message_id);
}

int node_publish(struct node *node, const char *type, const json_t *payload, const char *target,
                 char *ret_message_id)
{
    if (node->phase >= NODE_FLUSHING)
        return KHUB_E_CLOSED; /* what a last job still had to say */
    char *text = payload ? json_dumps(payload, JSON_COMPACT) : NULL;
    int error = text ? publish_text(node, type, text, target, ret_message_id) : KHUB_E_NO_MEMORY;
    free(text);
    return publish_failed(node, type, error);
}

int node_publish_as(struct node *node, const char *message_id, const char *type,
                    const json_t *payload, const char *target, khub_outcome_callback *callback,
                    void *data)
{
    if (node->phase >= NODE_FLUSHING)
        return KHUB_E_CLOSED;
    char *text = payload ? json_dumps(payload, JSON_COMPACT) : NULL;
    int error = text ? khub_publish_as(node->link, message_id, type, text, target, callback, data)
                     : KHUB_E_NO_MEMORY;
    free(text);
    return publish_failed(node, type, error);
}

/* The link. */

static void on_message(struct khub *link, const struct khub_message *message, void *data)
{
    (void)link;
    struct node *node = data;
    node->count.link_messages++;
    node_message(node, message);
}

/* With it a later run takes this id over from a connection that the hub thinks is still there. */
static void keep_token(struct node *node)
{
    if (keeping_write_token(node->keeping, khub_resume_token(node->link)) < 0)
        node_say(node, "the hub's resume_token can't be kept in %s: %s", node->keeping->path,
                 strerror(errno));
}

static void on_joined(struct node *node)
{
    if (node->joined)
        node->count.link_reconnects++;
    node_say(node, "%s to hub at %s", node->joined ? "Reconnected" : "Connected",
             node->options->address);
    if (!node->joined) {
        uv_timer_start(&node->request, on_request, TICK_MS, REQUEST_MS);
        sharing_train(node); /* not before: what is shared would go to nobody */
    }
    node->joined = true;
    node->lost = false;
    node->away_said = 0;
    if (node->keeping)
        keep_token(node);
    proofs_joined(node);
    feature_leases_joined(node);
    sessions_joined(node);
}

/* Once, and then seldom: it is tried again for as long as there is time. */
static void say_away(struct node *node, const char *detail)
{
    uint64_t now = node_now(node);
    if (node->away_said == 0)
        node_say(node, "%s the hub at %s: %s; trying again until the time is up",
                 node->joined ? "Lost" : "Cannot connect to", node->options->address, SAY(detail));
    else if (now - node->away_said >= AWAY_MS)
        node_say(node, "Still no hub at %s: %s", node->options->address, SAY(detail));
    else
        return;
    node->away_said = now;
}

static void on_state(struct khub *link, enum khub_state state, int error, const char *detail,
                     void *data)
{
    (void)link;
    struct node *node = data;
    if (state == KHUB_JOINED)
        on_joined(node);
    if (state == KHUB_WAITING && node->phase <= NODE_ENDING)
        say_away(node, detail);
    if (state != KHUB_ENDED)
        return;
    node->refused = error == KHUB_E_REFUSED;
    if (error < 0)
        node->lost =
            true; /* and stays so: that the link then ended in order makes up for nothing */
    if (error < 0 && node->phase <= NODE_ENDING) {
        if (!node->refused) /* that was said when it came */
            node_say(node, "The link to the hub at %s has ended: %s: %s", node->options->address,
                     khub_error_text(error), SAY(detail));
        node_ending(node, node->refused ? "the hub refused this AI" : "the hub was lost", 0);
    }
}

/* The end. */

static void node_ending(struct node *node, const char *why, unsigned grace_ms)
{
    if (node->phase != NODE_RUNNING)
        return;
    node->phase = NODE_ENDING;
    node->ended = why;
    node->phase_deadline = node_now(node) + grace_ms;
    uv_timer_stop(&node->request);
    if (grace_ms > 0)
        sharing_last(node);
    else
        jobs_stop(&node->jobs);
}

static void node_flush(struct node *node)
{
    salt_reveal(node);
    sessions_leave(node);
    feature_leases_leave(node);
    jobs_stop(&node->jobs);
    proofs_drop(node);
    uv_timer_stop(&node->progress);
    assert(node->phase < NODE_FLUSHING && !proofs_pending(node));
    node->phase = NODE_FLUSHING;
    node->phase_deadline = node_now(node) + FLUSH_MS;
    khub_close(node->link);
}

static void handle_close(uv_handle_t *handle)
{
    if (!uv_is_closing(handle))
        uv_close(handle, NULL);
}

static void node_close(struct node *node)
{
    node->phase = NODE_ENDED;
    khub_uv_stop(node->adapter);
    node->adapter = NULL;
    migrants_end(node);
    handle_close((uv_handle_t *)&node->tick);
    handle_close((uv_handle_t *)&node->request);
    handle_close((uv_handle_t *)&node->progress);
    handle_close((uv_handle_t *)&node->interrupt);
    handle_close((uv_handle_t *)&node->terminate);
}

static void on_tick(uv_timer_t *timer)
{
    struct node *node = timer->data;
    uint64_t now = node_now(node);
    if (node->phase == NODE_RUNNING && now >= node->deadline) {
        node->lost =
            khub_link_state(node->link) != KHUB_JOINED; /* unless it comes back in the grace */
        node_ending(node, "time is up", GRACE_MS);
    }
    if (node->phase <= NODE_ENDING) {
        sharing_tick(node);
        proofs_tick(node);
        onces_tick(node);
        feature_leases_tick(node);
        migrants_tick(node);
        sessions_tick(node);
    }
    bool quiet = sessions_live(node) == 0 && jobs_idle(&node->jobs) && !proofs_pending(node);
    if (node->phase == NODE_ENDING && (quiet || now >= node->phase_deadline))
        node_flush(node);
    bool flushed = khub_link_state(node->link) == KHUB_ENDED && jobs_idle(&node->jobs);
    if (node->phase == NODE_FLUSHING && (flushed || now >= node->phase_deadline)) {
        if (khub_queued(node->link) > 0)
            node_say(node, "%zu bytes could not be sent to the hub", khub_queued(node->link));
        node_close(node);
    }
}

static void on_request(uv_timer_t *timer)
{
    sessions_request(timer->data);
}

static void on_progress(uv_timer_t *timer)
{
    struct node *node = timer->data;
    struct trainer_progress progress = {.standing = &node->standing,
                                        .count = &node->count,
                                        .referee = node->brain->referee,
                                        .left_ms = node_left(node),
                                        .joined = khub_link_state(node->link) == KHUB_JOINED};
    node->options->progress(&progress, node->options->data);
}

static void on_signal(uv_signal_t *handle, int number)
{
    node_ending(handle->data, number == SIGINT ? "SIGINT" : "SIGTERM", 0);
}

static int node_link(struct node *node)
{
    const struct trainer_options *options = node->options;
    struct khub_options wishes = {.address = options->address,
                                  .tls = options->tls,
                                  .ai_id = options->ai_id,
                                  .specialization = options->specialization,
                                  .capabilities = node->capabilities,
                                  .features = trainer_features,
                                  .resume_token = options->resume_token,
                                  .token = options->token,
                                  .token_open = options->token_open,
                                  .room = options->room,
                                  .retries = 0, /* none ends it: the time does */
                                  .acks = true,
                                  .resume = true,
                                  .resume_last = true,
                                  .retry_max_ms = RETRY_MAX_MS,
                                  .data = node};
    struct khub_callbacks callbacks = {.message = on_message, .state = on_state};
    int error = khub_new(&wishes, &callbacks, &node->link);
    if (options->token)
        explicit_bzero(options->token, strlen(options->token));
    return error;
}

static void handle_start(struct node *node)
{
    uv_timer_init(&node->loop, &node->tick);
    uv_timer_init(&node->loop, &node->request);
    uv_timer_init(&node->loop, &node->progress);
    uv_signal_init(&node->loop, &node->interrupt);
    uv_signal_init(&node->loop, &node->terminate);
    node->tick.data = node->request.data = node;
    node->interrupt.data = node->terminate.data = node->progress.data = node;
    uv_timer_start(&node->tick, on_tick, TICK_MS, TICK_MS);
    uv_timer_start(&node->request, on_request, REQUEST_MS, REQUEST_MS);
    if (node->options->progress)
        uv_timer_start(&node->progress, on_progress, PROGRESS_MS, PROGRESS_MS);
    uv_signal_start(&node->interrupt, on_signal, SIGINT);
    uv_signal_start(&node->terminate, on_signal, SIGTERM);
}

static int node_exit_code(const struct node *node)
{
    return node->joined && !node->lost ? 0 : 1;
}

/* A session's candidate, the other AIs' capabilities: what is left when the loop has ended. */
static void node_release(struct node *node)
{
    for (size_t i = 0; i < node->member_count; i++)
        json_decref(node->members[i].capabilities);
    for (size_t i = 0; i < SESSIONS_TRACKED_MAX; i++) {
        json_decref(node->sessions[i].candidate);
        json_decref(node->sessions[i].result);
    }
    for (size_t i = 0; i < FEATURE_WAITS_MAX; i++)
        json_decref(node->waits[i].requirements);
    json_decref(node->own_leases);
    json_decref(node->last_pattern.claim);
    json_decref(node->last_component.claim);
    proofs_drop(node);
    migrants_end(node);
    khub_free(node->link);
    onces_free(node);
    free(node->members);
    free(node);
}

/* The loop with the link in it. */
static int node_loop(struct node *node)
{
    if (uv_loop_init(&node->loop) < 0)
        return KHUB_E_SYSTEM;
    int error = khub_uv_start(&node->loop, node->link, &node->adapter);
    if (error < 0)
        uv_loop_close(&node->loop);
    return error;
}

int node_new(const struct trainer_options *options, struct brain *brain, struct node **ret_node)
{
    struct node *node = calloc(1, sizeof *node);
    if (!node)
        return KHUB_E_NO_MEMORY;
    brain->standing(brain->state, &node->standing);
    node->options = options;
    node->capabilities = trainer_capabilities(options->specialization);
    assert(brain->workers >= 1 && brain->workers <= BRAIN_WORKERS_MAX &&
           brain->budget.training > 0);
    node->brain = brain;
    node->ended = "";
    node->members = calloc(MEMBERS_MAX, sizeof *node->members);
    int error = node->members ? migrants_begin(node) : KHUB_E_NO_MEMORY;
    if (error == 0)
        error = node_link(node);
    if (error == 0)
        error = node_loop(node);
    if (error < 0) {
        node_release(node);
        return error;
    }
    node->started = node_now(node);
    node->deadline = node->started + (uint64_t)(options->minutes * 60000);
    jobs_init(&node->jobs, &node->loop, brain->workers);
    handle_start(node);
    *ret_node = node;
    return 0;
}

int node_run(struct node *node)
{
    node_say(node, "%s (%s): %s", node->options->ai_id, node->options->specialization,
             node->brain->description);
    if (node->keeping && node->keeping->learned)
        node_say(node, "Going on from what %s holds", node->keeping->path);
    uv_run(&node->loop, UV_RUN_DEFAULT);
    if (node->options->progress)
        node->options->progress(NULL, node->options->data);
    int exit_code = node_exit_code(node);
    if (node_summarize(node, exit_code) < 0)
        exit_code = 1;
    return exit_code;
}

void node_free(struct node *node)
{
    if (!node)
        return;
    node_close(node);
    jobs_stop(&node->jobs);
    uv_run(&node->loop,
           UV_RUN_DEFAULT); /* until the running job has ended and the handles are closed */
    int error = uv_loop_close(&node->loop);
    assert(error == 0);
    (void)error;
    node_release(node);
}
