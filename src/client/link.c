/* A link's life: its making, its states, its turn. `moves` below is this drawing as a table.
 *
 *                due                  connected             training_sync
 *     WAITING ───────▶ CONNECTING ─────────────▶ GREETING ────────────────▶ JOINED
 *        ▲                 │                        │                         │
 *        └─────────────────┴────────────────────────┴─────────────────────────┘
 *          no address answers; the connection is lost; the hub says shutting_down, …
 *
 *     each of the four ──▶ ENDED   closed and all is sent; refused for good; out of retries
 *
 * What makes it hard is that callbacks may call nearly everything. So: only khub_turn changes
 * the state and calls callbacks; what a callback calls leaves marks (closing, stop, again) and
 * lines in the queue, nothing more. After anything that may have moved the state, the caller
 * looks at it again. fd >= 0 says that there is a connection or one under way. */
#include "client/link.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "wire/secret.h"
#include "wire/shown.h"

static const char *or_default(const char *text, const char *otherwise)
{
    return text ? text : otherwise;
}

static void profile_add(struct text *profile, const char *name, const char *value)
{
    text_addf(profile, "\"%s\":", name);
    text_add_string(profile, slice_of(value));
    text_add_literal(profile, ",");
}

static int profile_write(struct khub *link, const struct khub_options *options)
{
    struct text *profile = &link->profile;
    profile_add(profile, "specialization",
                or_default(options->specialization, LINK_SPECIALIZATION));
    profile_add(profile, "version", or_default(options->version, LINK_VERSION));
    text_add_literal(profile, "\"features_supported\":");
    text_add_list(profile, options->features);
    text_addf(profile, ",\"collaboration_ready\":%s", options->not_ready ? "false" : "true");
    if (link->level >= 2) {
        text_add_literal(profile, ",\"protocol\":2,");
        profile_add(profile, "room", or_default(options->room, LINK_ROOM));
        text_addf(profile, "\"role\":\"%s\"", options->observer ? "observer" : "member");
        if (options->sync_max == KHUB_SYNC_NONE)
            text_add_literal(profile, ",\"sync\":\"none\"");
        else if (options->sync_max > 0)
            text_addf(profile, ",\"sync\":%zu", options->sync_max);
        if (link->acks)
            text_add_literal(profile, ",\"acks\":true");
        if (options->stays_s)
            text_addf(profile, ",\"stays_s\":%u", options->stays_s);
    }
    text_add_list(&link->capabilities, options->capabilities);
    if (profile->failed || link->capabilities.failed)
        return KHUB_E_NO_MEMORY;
    if (profile->len + link->capabilities.len + HELLO_FRAME_MAX > WIRE_LINE_MAX)
        return KHUB_E_TOO_LONG;
    return 0;
}

/* Whoever says how the hub is to be known means that it should be. */
static bool is_secure(const char *address)
{
    struct address parsed;
    const char *why;
    return address_parse(or_default(address, LINK_ADDRESS), &parsed, &why) == 0 && parsed.secure;
}

static int options_check(const struct khub_options *options)
{
    if (!options->ai_id || !link_id_fits(options->ai_id) || strcmp(options->ai_id, "hub") == 0)
        return KHUB_E_ARGUMENT;
    if (options->level < 0 || options->level > 2 || options->retries < -1)
        return KHUB_E_ARGUMENT;
    if (options->level == 1 && (options->acks || options->resume || options->stays_s))
        return KHUB_E_ARGUMENT;
    if (options->stays_s > STAY_S_MAX || (options->stays_s && options->observer))
        return KHUB_E_ARGUMENT;
    if ((!options->resume && (options->resume_last || options->resume_tell || options->since)) ||
        (!options->since && options->since_count) || options->since == UINT64_MAX)
        return KHUB_E_ARGUMENT;
    if (options->tls && !is_secure(options->address))
        return KHUB_E_ARGUMENT;
    if ((options->resume_token && strlen(options->resume_token) > TOKEN_MAX) ||
        (options->token && strlen(options->token) > TOKEN_MAX))
        return KHUB_E_ARGUMENT;
    return 0;
}

static int link_fill(struct khub *link, const struct khub_options *options)
{
    const char *why;
    if (address_parse(or_default(options->address, LINK_ADDRESS), &link->address, &why) < 0 ||
        (!link->address.local && strspn(link->address.port, "0") == strlen(link->address.port)))
        return KHUB_E_ADDRESS; /* no port, and port 0, are for those who listen */
    /* options_check has seen to it that they fit; the NULs are calloc's. */
    memcpy(link->ai_id, options->ai_id, strlen(options->ai_id));
    const char *token = or_default(options->resume_token, "");
    memcpy(link->resume_token, token, strlen(token));
    const char *shown = or_default(options->token, "");
    memcpy(link->token, shown, strlen(shown));
    link->token_open = options->token_open;
    link->level = options->level ? options->level : 2;
    link->retries = options->retries;
    link->retry_first_ms = options->retry_first_ms ? options->retry_first_ms : LINK_RETRY_FIRST_MS;
    link->retry_max_ms = options->retry_max_ms ? options->retry_max_ms : LINK_RETRY_MAX_MS;
    link->heartbeat_ms = options->heartbeat_ms ? options->heartbeat_ms : LINK_HEARTBEAT_MS;
    link->queue_max = options->queue_max ? options->queue_max : LINK_QUEUE_MAX;
    link->line_max = options->line_max ? options->line_max : LINK_LINE_MAX;
    if (link->line_max > SIZE_MAX / 8) /* so that no sum with it can overflow */
        link->line_max = SIZE_MAX / 8;
    link->observer = options->observer;
    link->acks = options->acks;
    link->resume = options->resume;
    link->resume_last = options->resume_last;
    link->tells = options->resume_last || options->resume_tell;
    link->read_seq = options->since + (options->since_count > 0);
    link->read_count = options->since_count;
    link->data = options->data;
    frame_init(&link->frame, link->line_max);
    link->input = malloc(INPUT_SIZE);
    if (!link->input)
        return KHUB_E_NO_MEMORY;
    int error =
        link->address.secure ? secure_new(options->tls, link->address.host, &link->secure) : 0;
    if (error < 0)
        return error;
    return profile_write(link, options);
}

int khub_new(const struct khub_options *options, const struct khub_callbacks *callbacks,
             struct khub **ret_link)
{
    if (!options || !ret_link)
        return KHUB_E_ARGUMENT;
    int error = options_check(options);
    if (error < 0)
        return error;
    struct khub *link = calloc(1, sizeof *link);
    if (!link)
        return KHUB_E_NO_MEMORY;
    link->magic = LINK_MAGIC;
    TAILQ_INIT(&link->unacked);
    link->fd = -1;
    link->line_limit = WIRE_LINE_MAX;
    link->state = KHUB_WAITING;
    link->due_ms = time_monotonic_ms();
    if (callbacks)
        link->callbacks = *callbacks;
    error = link_fill(link, options);
    if (error < 0) {
        khub_free(link);
        return error;
    }
    *ret_link = link;
    return 0;
}

void khub_free(struct khub *link)
{
    if (!link)
        return;
    assert(link->magic == LINK_MAGIC && !link->turning);
    secure_free(link->secure);
    if (link->fd >= 0)
        close(link->fd);
    lookup_drop(link->lookup);
    text_free(&link->profile);
    text_free(&link->capabilities);
    text_free(&link->draft);
    text_free(&link->scratch);
    outbox_free(&link->hello);
    outbox_free(&link->queue);
    unacked_free(link);
    frame_free(&link->frame);
    free(link->input);
    secret_free(link, sizeof *link);
}

#define TO(state) (1u << KHUB_##state)
static const unsigned moves[] = {
    [KHUB_WAITING] = TO(CONNECTING) | TO(ENDED),
    [KHUB_CONNECTING] = TO(WAITING) | TO(GREETING) | TO(ENDED),
    [KHUB_GREETING] = TO(WAITING) | TO(JOINED) | TO(ENDED),
    [KHUB_JOINED] = TO(WAITING) | TO(ENDED),
    [KHUB_ENDED] = 0,
};

static void link_move(struct khub *link, enum khub_state state, int error)
{
    assert(link->turning && (moves[link->state] & 1u << state));
    assert((link->fd >= 0) == (state == KHUB_GREETING || state == KHUB_JOINED));
    assert(!link->lookup);
    link->state = state;
    if (link->callbacks.state)
        link->callbacks.state(link, state, error, link->detail, link->data);
}

static void connection_drop(struct khub *link)
{
    secure_drop(link->secure);
    if (link->fd >= 0)
        close(link->fd);
    link->fd = -1;
    lookup_drop(link->lookup);
    link->lookup = NULL;
    link->lingering = link->guest = link->shaking = link->leave_said = false;
    link->stays_s = 0;
    link->parting = PARTING_NOT_YET;
    link->unheard = 0;
    frame_free(&link->frame);
    frame_init(&link->frame, link->line_max);
    outbox_free(&link->hello);
    if (link->acks)
        outbox_free(&link->queue); /* unacked_queue fills that of the next connection */
    else
        outbox_rewind(&link->queue);
}

static bool all_sent(const struct khub *link)
{
    return outbox_unsent(&link->queue).len == 0;
}

/* And answered, where answers are asked for. */
static bool all_done(const struct khub *link)
{
    return all_sent(link) && TAILQ_EMPTY(&link->unacked);
}

/* And the hub knows how far was read, where it should. */
static bool all_told(const struct khub *link)
{
    return all_done(link) && !link->untold;
}

/* And that it left, if it did. */
static bool all_over(const struct khub *link)
{
    return all_told(link) && (!link->leaves || link->has_left);
}

/* The sentence may be the hub's own: whoever prints it must not be obeyed by a terminal. */
__attribute__((format(printf, 2, 0))) static void
detail_write(struct khub *link, const char *format, va_list arguments)
{
    char sentence[2 * WIRE_DETAIL_MAX];
    vsnprintf(sentence, sizeof sentence, format, arguments);
    shown_format(slice_of(sentence), link->detail, sizeof link->detail);
}

static void ended(struct khub *link, int error)
{
    link->error = error;
    link->due_ms = NEVER;
    link_move(link, KHUB_ENDED, error);
    unacked_fail(link, error ? error : KHUB_E_CLOSED);
}

void link_end(struct khub *link, int error, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    detail_write(link, format, arguments);
    va_end(arguments);
    connection_drop(link);
    ended(link, error);
}

/* Half of the delay is fixed, half is chance, so that those whom one hub's end sent away do not
 * come back as one. */
static unsigned retry_delay(const struct khub *link)
{
    uint64_t delay = link->retry_first_ms;
    for (unsigned i = 1; i < link->failures && delay < link->retry_max_ms; i++)
        delay *= 2;
    if (delay > link->retry_max_ms)
        delay = link->retry_max_ms;
    uint64_t chance;
    if (getrandom(&chance, sizeof chance, GRND_NONBLOCK) != sizeof chance)
        return (unsigned)delay;
    return (unsigned)(delay - chance % (delay / 2 + 1));
}

void link_lost(struct khub *link, int cause, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    detail_write(link, format, arguments);
    va_end(arguments);

    link->failures = link->state == KHUB_JOINED ? 0 : link->failures + 1;
    connection_drop(link);
    if (link->closing && all_over(link)) {
        link_end(link, 0, "%s", "");
        return;
    }
    if (link->retries < 0 || (link->retries > 0 && link->failures >= (unsigned)link->retries)) {
        ended(link, cause);
        return;
    }
    link->due_ms = time_monotonic_ms() + retry_delay(link);
    link_move(link, KHUB_WAITING, cause);
}

void link_distrust(struct khub *link)
{
    const char *why = secure_why(link->secure);
    if (link->joined_once)
        link_lost(link, KHUB_E_UNTRUSTED, "the hub at %s is not to be trusted: %s",
                  link->address.host, why);
    else
        link_end(link, KHUB_E_UNTRUSTED, "the hub at %s is not to be trusted: %s",
                 link->address.host, why);
}

static void waiting_step(struct khub *link)
{
    if (time_monotonic_ms() < link->due_ms)
        return;
    link->detail[0] = '\0';
    link_move(link, KHUB_CONNECTING, 0);
    link_connect(link);
}

void link_connected(struct khub *link)
{
    int error = link_write_hello(link);
    if (error < 0) {
        link_lost(link, error, "the hello could not be written: %s", khub_error_text(error));
        return;
    }
    link->due_ms = time_monotonic_ms() + GREETING_MS;
    link->detail[0] = '\0';
    link_move(link, KHUB_GREETING, 0);
}

void link_due(struct khub *link)
{
    int64_t now = time_monotonic_ms();
    if (link->guest)
        link->failures++; /* so that it is asked less and less often */
    else
        link->failures = 0;
    link->due_ms = link->guest        ? now + retry_delay(link)
                   : link->level >= 2 ? now + link->heartbeat_ms
                                      : NEVER;
}

void link_joined(struct khub *link)
{
    if (link->acks && unacked_queue(link) < 0) {
        link_lost(link, KHUB_E_NO_MEMORY, "no memory for what is to be sent again");
        return;
    }
    link->joined_once = true;
    if (link->retries < 0 && !link->guest) /* it is shown no more */
        explicit_bzero(link->token, sizeof link->token);
    link_due(link);
    link->detail[0] = '\0';
    link_move(link, KHUB_JOINED, 0);
}

void link_read_more(struct khub *link)
{
    int64_t soon = time_monotonic_ms() + TELL_MS;
    if (link->tells && link->state == KHUB_JOINED && !link->closing && !link->guest &&
        link->due_ms > soon)
        link->due_ms = soon;
}

ssize_t link_send(struct khub *link, struct slice bytes)
{
    return link->secure ? secure_send(link->secure, bytes.at, bytes.len)
                        : send(link->fd, bytes.at, bytes.len, MSG_NOSIGNAL);
}

ssize_t link_take(struct khub *link, char *buffer, size_t size)
{
    return link->secure ? secure_receive(link->secure, buffer, size)
                        : recv(link->fd, buffer, size, 0);
}

const char *link_failure(const struct khub *link, int error)
{
    return link->secure && (error == EPROTO || error == ECONNRESET) ? secure_why(link->secure)
                                                                    : strerror(error);
}

/* Sends until the outbox is empty or the kernel takes no more. 0, or -1 with errno. */
static int transmit_outbox(struct khub *link, struct outbox *outbox)
{
    struct slice unsent;
    while ((unsent = outbox_unsent(outbox)).len > 0) {
        ssize_t count = link_send(link, unsent);
        if (count >= 0) {
            outbox_advance(outbox, (size_t)count);
            continue;
        }
        if (errno == EINTR)
            continue;
        return errno == EAGAIN ? 0 : -1;
    }
    return 0;
}

static void transmit(struct khub *link)
{
    int result = transmit_outbox(link, &link->hello);
    if (result == 0 && outbox_unsent(&link->hello).len == 0)
        outbox_free(&link->hello);
    if (result == 0 && link->state == KHUB_JOINED && outbox_unsent(&link->hello).len == 0)
        result = transmit_outbox(link, &link->queue);
    if (result == 0)
        return;
    int error = errno;
    /* A hub that closed has often said why: that is worth more than "broken pipe". */
    link_receive(link);
    if (link->fd >= 0)
        link_lost(link, KHUB_E_UNREACHABLE, "sending to the hub failed: %s",
                  link_failure(link, error));
}

/* Says that nothing more will come, and leaves the socket open until the hub has taken
 * everything: closing it at once, with bytes of the hub's unread, would make the kernel throw
 * away what is on its way. */
static void linger_begin(struct khub *link)
{
    if (link->secure)
        secure_finish(link->secure);
    shutdown(link->fd, SHUT_WR);
    link->lingering = true;
    link->due_ms = time_monotonic_ms() + LINGER_MS;
}

static void heartbeat_due(struct khub *link)
{
    if (link->unheard >= HEARTBEATS_UNHEARD) {
        link_lost(link, KHUB_E_UNREACHABLE, "the hub has not answered %u heartbeats",
                  link->unheard);
        return;
    }
    int error = link->guest ? link_write_hello(link) : 0;
    if (error < 0) {
        link_lost(link, error, "the hello could not be written: %s", khub_error_text(error));
        return;
    }
    /* Where lines wait to be taken they are sign of life enough, and a heartbeat would only wait
     * behind them. */
    if (!link->guest && all_sent(link))
        link_queue_heartbeat(link);
    link->unheard++;
    link->due_ms = time_monotonic_ms() + link->heartbeat_ms;
}

/* All is sent and answered: the hub is asked how far was read, if it should know. */
static void part(struct khub *link)
{
    if (link->parting == PARTING_NOT_YET && link_queue_heartbeat(link) == 0) {
        link->parting = PARTING_ASKED;
        link->due_ms = time_monotonic_ms() + LINGER_MS;
        transmit(link);
    }
}

/* All is sent, answered and told: last of all it leaves. The hub's word on that comes behind its
 * answers, and then the end of the connection. */
static void say_leave(struct khub *link)
{
    if (link->leave_said || link_queue_leave(link) < 0)
        return;
    link->leave_said = true;
    link->due_ms = time_monotonic_ms() + LINGER_MS;
    transmit(link);
}

static void open_step(struct khub *link)
{
    link_receive(link);
    if (link->fd < 0)
        return;
    if (time_monotonic_ms() >= link->due_ms) {
        if (link->state == KHUB_GREETING)
            link_lost(link, KHUB_E_UNREACHABLE, "the hub has not answered the hello");
        else if (link->lingering || link->parting != PARTING_NOT_YET)
            link_end(link, 0, "%s", "");
        else if (link->leave_said)
            link_lost(link, KHUB_E_UNREACHABLE, "the hub has not answered the leave");
        else
            heartbeat_due(link);
        if (link->fd < 0)
            return;
    }
    if (link->lingering)
        return;
    transmit(link);
    if (link->fd < 0 || !link->closing || link->state != KHUB_JOINED || !all_done(link))
        return;
    if (all_over(link))
        linger_begin(link);
    else if (all_told(link))
        say_leave(link);
    else if (!link->catching_up)
        part(link);
}

static void ended_step(struct khub *link)
{
    (void)link;
}

static void (*const steps[])(struct khub *link) = {
    [KHUB_WAITING] = waiting_step, [KHUB_CONNECTING] = link_connect_step,
    [KHUB_GREETING] = open_step,   [KHUB_JOINED] = open_step,
    [KHUB_ENDED] = ended_step,
};

/* A closed link with nothing left to send need not be joined to end. */
static bool ends_now(const struct khub *link)
{
    return link->closing && link->state < KHUB_JOINED && all_over(link);
}

int khub_turn(struct khub *link)
{
    assert(link->magic == LINK_MAGIC);
    if (link->turning)
        return KHUB_E_ARGUMENT;
    link->turning = true;
    link->again = false;
    enum khub_state before;
    do {
        before = link->state;
        if (ends_now(link))
            link_end(link, 0, "%s", "");
        else
            steps[link->state](link);
        /* Without a socket the turn is over, whatever may be next: see endpoint_failed. */
    } while (link->state != before && link->fd >= 0);
    link->turning = false;
    return link->state == KHUB_ENDED ? link->error : 0;
}

/* The earlier of the link's own time-out and what is left of khub_run's (deadline NEVER: for
 * ever); -1: none. */
static int run_timeout(const struct khub *link, int64_t deadline)
{
    int wanted = khub_timeout_ms(link);
    if (deadline == NEVER)
        return wanted;
    int64_t left = deadline - time_monotonic_ms();
    if (left < 0)
        left = 0;
    return wanted >= 0 && wanted < left ? wanted : (int)left;
}

int khub_run(struct khub *link, int ms)
{
    assert(link->magic == LINK_MAGIC);
    if (link->turning)
        return KHUB_E_ARGUMENT;
    int64_t deadline = ms < 0 ? NEVER : time_monotonic_ms() + ms;
    int error;
    for (;;) {
        error = khub_turn(link);
        if (link->state == KHUB_ENDED || link->stop || time_monotonic_ms() >= deadline)
            break;
        struct pollfd waited = {.fd = khub_fd(link),
                                .events = (short)(POLLIN | (khub_wants_write(link) ? POLLOUT : 0))};
        if (poll(&waited, 1, run_timeout(link, deadline)) < 0 && errno != EINTR) {
            error = KHUB_E_SYSTEM;
            break;
        }
    }
    link->stop = 0;
    return error;
}

void khub_stop(struct khub *link)
{
    link->stop = 1;
}

void khub_close(struct khub *link)
{
    assert(link->magic == LINK_MAGIC);
    link->closing = true;
    link->again = true;
}

void khub_leave(struct khub *link)
{
    khub_close(link);
    link->leaves = link->level >= 2 && !link->observer;
}

int khub_fd(const struct khub *link)
{
    return link->lookup ? lookup_fd(link->lookup) : link->fd;
}

bool khub_wants_write(const struct khub *link)
{
    if (link->fd < 0)
        return false;
    if (link->secure && link->state >= KHUB_GREETING && secure_wants_write(link->secure))
        return true;
    if (link->shaking)
        return secure_wants_write(link->secure);
    return link->state == KHUB_CONNECTING || outbox_unsent(&link->hello).len > 0 ||
           (link->state == KHUB_JOINED && !all_sent(link));
}

int khub_timeout_ms(const struct khub *link)
{
    if (link->state == KHUB_ENDED)
        return -1;
    if (link->again)
        return 0;
    if (link->due_ms == NEVER)
        return -1;
    int64_t left = link->due_ms - time_monotonic_ms();
    if (left < 0)
        return 0;
    return left > INT_MAX ? INT_MAX : (int)left;
}

enum khub_state khub_link_state(const struct khub *link)
{
    return link->state;
}

void *khub_data(const struct khub *link)
{
    return link->data;
}

const char *khub_ai_id(const struct khub *link)
{
    return link->ai_id;
}

const char *khub_resume_token(const struct khub *link)
{
    return link->resume_token;
}

unsigned khub_stays(const struct khub *link)
{
    return link->stays_s;
}

uint64_t khub_seq(const struct khub *link)
{
    return link->seq;
}

uint64_t khub_read_seq(const struct khub *link)
{
    /* Of one seq there may be several messages: it is read when a later one has come. */
    return link->read_count ? link->read_seq - 1 : link->read_seq;
}

unsigned khub_read_count(const struct khub *link)
{
    return link->read_count;
}

size_t khub_queued(const struct khub *link)
{
    return link->acks ? link->unacked_bytes : outbox_unsent(&link->queue).len;
}

uint64_t khub_skipped(const struct khub *link)
{
    return link->skipped;
}

const char *khub_error_text(int error)
{
    switch (error) {
    case 0:
        return "no error";
#define X(name, value, sentence)                                                                   \
    case value:                                                                                    \
        return sentence;
        KHUB_ERRORS(X)
#undef X
    default:
        return "an unknown error";
    }
}

const char *khub_state_text(enum khub_state state)
{
    static const char *const texts[] = {
        [KHUB_WAITING] = "waiting", [KHUB_CONNECTING] = "connecting", [KHUB_GREETING] = "greeting",
        [KHUB_JOINED] = "joined",   [KHUB_ENDED] = "ended",
    };
    return (unsigned)state < sizeof texts / sizeof texts[0] ? texts[state] : "unknown";
}
