/* A searcher that is a program of somebody's: asked and told by JSON lines (docs/SEARCH.md).
 *
 * Nothing that it says can do harm: parameters are judged by their ranges, a source runs in the
 * sandbox. It itself is the user's own program, and runs with the user's powers. */
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "probe/probe.h"
#include "process/lifeline.h"
#include "search/exchange.h"
#include "search/proposer.h"

#define LINE_MAX_BYTES ((size_t)4 << 20)
#define GRACE_MS       2000 /* from the end of its stdin until it is killed */
#define LOOK_MS        50
#define SAMPLE         8u /* elites of the archive that it is shown */
#define WASTED_MAX     3u /* answers in a row without a candidate that could be read */

struct exec {
    const struct subject *subject;
    const char *command;
    struct random random;
    pid_t pid;
    int in, out; /* its stdin and stdout */
    int patience_ms;
    char *line; /* what it has said, up to `length`; the first `used` bytes are read */
    size_t length, used, size;
    unsigned wasted;
    /* Of the last answer: why its candidates that could not be read could not be. */
    json_t *answers; /* a null for each that is measured */
};

static int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static bool stopped(const struct search_state *search)
{
    return search && search->stop && atomic_load(search->stop);
}

/* How it ended, in a sentence. Always -1. */
static int gone(struct exec *exec, char why[256])
{
    int status = 0;
    for (int i = 0; i < GRACE_MS / LOOK_MS && exec->pid > 0; i++) {
        if (waitpid(exec->pid, &status, WNOHANG) != 0) {
            exec->pid = 0;
            break;
        }
        poll(NULL, 0, LOOK_MS);
    }
    if (exec->pid > 0)
        snprintf(why, 256, "'%.100s' closed its stdout before the end", exec->command);
    else if (WIFSIGNALED(status))
        snprintf(why, 256, "'%.100s' was killed by signal %d", exec->command, WTERMSIG(status));
    else
        snprintf(why, 256, "'%.100s' ended with exit code %d", exec->command, WEXITSTATUS(status));
    return -1;
}

/* ── the pipes ── */

_Noreturn static void become(const char *command, const int in[2], const int out[2])
{
    char shell[] = "/bin/sh", option[] = "-c", *copy = strdup(command);
    char *arguments[] = {shell, option, copy, NULL};
    signal(SIGPIPE, SIG_DFL);
    if (copy && dup2(in[0], 0) == 0 && dup2(out[1], 1) == 1) {
        close_range(3, ~0U, 0);
        execv(shell, arguments);
    }
    _exit(127);
}

static int start(struct exec *exec, char why[256])
{
    int in[2] = {-1, -1}, out[2] = {-1, -1};
    if (pipe2(in, O_CLOEXEC) != 0 || pipe2(out, O_CLOEXEC) != 0)
        goto failed;
    fflush(NULL);
    exec->pid = lifeline_fork_group();
    if (exec->pid == 0)
        become(exec->command, in, out);
    if (exec->pid < 0)
        goto failed;
    close(in[0]);
    close(out[1]);
    exec->in = in[1];
    exec->out = out[0];
    if (fcntl(exec->in, F_SETFL, O_NONBLOCK) != 0)
        return -1;
    return 0;
failed:
    snprintf(why, 256, "'%.100s' can't be started: %s", exec->command, strerror(errno));
    for (int i = 0; i < 2; i++) {
        if (in[i] >= 0)
            close(in[i]);
        if (out[i] >= 0)
            close(out[i]);
    }
    return -1;
}

/* Waits until it can be written to or read from. 1; 0: it took too long; -1: stopped. */
static int await(const struct exec *exec, const struct search_state *search, int fd, short events,
                 int64_t until)
{
    while (!stopped(search)) {
        struct pollfd look = {.fd = fd, .events = events};
        if (poll(&look, 1, LOOK_MS) > 0)
            return 1;
        if (exec->patience_ms > 0 && now_ms() > until)
            return 0;
    }
    return -1;
}

static int late(const struct exec *exec, int awaited, char why[256])
{
    if (awaited < 0)
        snprintf(why, 256, "stopped");
    else
        snprintf(why, 256, "'%.100s' has not answered for %d ms", exec->command, exec->patience_ms);
    return -1;
}

/* Writes a line; takes the reference. */
static int say(struct exec *exec, const struct search_state *search, json_t *json, char why[256])
{
    char *text = json ? json_dumps(json, JSON_COMPACT) : NULL;
    size_t length = text ? strlen(text) : 0, at = 0;
    int64_t until = now_ms() + exec->patience_ms;
    int result = text ? 0 : -1;
    json_decref(json);
    if (!text)
        snprintf(why, 256, "out of memory");
    else
        text[length++] = '\n'; /* in place of its NUL */
    while (result == 0 && at < length) {
        ssize_t written = write(exec->in, text + at, length - at);
        if (written > 0) {
            at += (size_t)written;
        } else if (errno == EAGAIN) {
            int awaited = await(exec, search, exec->in, POLLOUT, until);
            result = awaited == 1 ? 0 : late(exec, awaited, why);
        } else if (errno != EINTR) {
            result = gone(exec, why);
        }
    }
    free(text);
    return result;
}

/* Reads on. 1; 0: no more will come; -1 after a sentence. */
static int read_more(struct exec *exec, const struct search_state *search, int64_t until,
                     char why[256])
{
    if (exec->size - exec->length < 4096) {
        size_t size = exec->size ? 2 * exec->size : 16384;
        char *grown = size <= 2 * LINE_MAX_BYTES ? realloc(exec->line, size) : NULL;
        if (!grown) {
            snprintf(why, 256, "'%.100s' said a line of more than %zu bytes", exec->command,
                     LINE_MAX_BYTES);
            return -1;
        }
        exec->line = grown;
        exec->size = size;
    }
    int awaited = await(exec, search, exec->out, POLLIN, until);
    if (awaited != 1)
        return late(exec, awaited, why);
    ssize_t got = read(exec->out, exec->line + exec->length, exec->size - exec->length);
    if (got < 0 && errno != EINTR)
        got = 0;
    exec->length += got > 0 ? (size_t)got : 0;
    return got != 0;
}

/* Its next line as JSON; the caller's. NULL after a sentence. */
static json_t *hear(struct exec *exec, const struct search_state *search, char why[256])
{
    int64_t until = now_ms() + exec->patience_ms;
    memmove(exec->line, exec->line + exec->used, exec->length - exec->used);
    exec->length -= exec->used;
    exec->used = 0;
    size_t seen = 0;
    const char *end = NULL;
    while (!end) {
        if (exec->length > seen)
            end = memchr(exec->line + seen, '\n', exec->length - seen);
        seen = exec->length;
        int more = end ? 1 : read_more(exec, search, until, why);
        if (more == 0)
            gone(exec, why);
        if (more != 1)
            return NULL;
    }
    json_error_t error;
    exec->used = (size_t)(end - exec->line) + 1;
    json_t *json = json_loadb(exec->line, exec->used - 1, 0, &error);
    if (!json_is_object(json)) {
        snprintf(why, 256, "'%.60s' said what is no JSON object: %.100s", exec->command,
                 json ? "it is another value" : error.text);
        json_decref(json);
        return NULL;
    }
    return json;
}

/* ── the searcher ── */

static int exec_propose(struct proposer *proposer, const struct search_state *search, size_t most,
                        struct trial *ret_trials, char why[256])
{
    struct exec *exec = proposer->state;
    const struct trial *elites[SAMPLE];
    size_t count = archive_sample(search->archive, &exec->random, SAMPLE, elites);
    if (say(exec, search, exchange_ask(exec->subject, elites, count, most, search->left), why) < 0)
        return -1;
    json_t *answer = hear(exec, search, why);
    if (!answer)
        return -1;
    json_decref(exec->answers);
    exec->answers = json_array();
    proposer->done = json_is_true(json_object_get(answer, "done"));
    int taken = exchange_take(exec->subject, answer, most, ret_trials, exec->answers);
    if (taken < 0)
        snprintf(why, 256, "out of memory");
    json_decref(answer);
    return taken;
}

static int exec_told(void *state, const struct trial *trials, size_t count, char why[256])
{
    struct exec *exec = state;
    exec->wasted = count > 0 ? 0 : exec->wasted + 1;
    if (exec->wasted == WASTED_MAX) {
        const json_t *first = json_array_get(exec->answers, 0);
        const char *refused = json_string_value(json_object_get(first, "refused"));
        snprintf(why, 256, "'%.60s' has proposed nothing that could be run %u times: %.140s",
                 exec->command, WASTED_MAX, refused ? refused : "no candidates");
        return -1;
    }
    json_t *results = exec->answers;
    exec->answers = NULL;
    return say(exec, NULL, exchange_told(results, trials, count), why);
}

static void exec_free(void *state)
{
    struct exec *exec = state;
    char why[256];
    if (exec->pid > 0 && exec->in >= 0)
        say(exec, NULL, json_pack("{s:s}", "type", "end"), why);
    if (exec->in >= 0)
        close(exec->in);
    for (int i = 0; i < GRACE_MS / LOOK_MS && exec->pid > 0; i++) {
        if (waitpid(exec->pid, NULL, WNOHANG) != 0)
            exec->pid = 0;
        else
            poll(NULL, 0, LOOK_MS);
    }
    if (exec->pid > 0) {
        kill(-exec->pid, SIGKILL);
        kill(exec->pid, SIGKILL);
        while (waitpid(exec->pid, NULL, 0) < 0 && errno == EINTR)
            ;
    }
    if (exec->out >= 0)
        close(exec->out);
    json_decref(exec->answers);
    free(exec->line);
    free(exec);
}

int proposer_exec(const struct subject *subject, const char *command, uint64_t seed,
                  uint64_t budget, int patience_ms, struct proposer *ret_proposer, char why[256])
{
    struct exec *exec = calloc(1, sizeof *exec);
    if (!exec) {
        snprintf(why, 256, "out of memory");
        return -1;
    }
    *exec = (struct exec){
        .subject = subject, .command = command, .in = -1, .out = -1, .patience_ms = patience_ms};
    random_seed(&exec->random, seed);
    exec->line = malloc(exec->size = 16384);
    if (!exec->line || start(exec, why) < 0 ||
        say(exec, NULL, exchange_subject(subject, seed, budget), why) < 0) {
        exec_free(exec);
        return -1;
    }
    *ret_proposer = (struct proposer){
        .state = exec, .propose = exec_propose, .told = exec_told, .free = exec_free};
    snprintf(ret_proposer->name, sizeof ret_proposer->name, "exec: %s", command);
    return 0;
}
