/* A link's life: its states, its turn. `moves` below is this drawing as a table.
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
 * looks at it again. An fd >= 0 says that there is a connection or one under way. */
#include "client/link.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "wire/shown.h"

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
    assert((link->transport.fd >= 0) == (state == KHUB_GREETING || state == KHUB_JOINED));
    assert(!link->transport.lookup);
    link->state = state;
    if (link->callbacks.state)
        link->callbacks.state(link, state, error, link->detail, link->data);
}

static void connection_drop(struct khub *link)
{
    transport_drop(&link->transport);
    link->lingering = link->guest = link->leave_said = false;
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

/* Or, if it leaves, that it left: what it hears then is not read any more. */
static bool all_over(const struct khub *link)
{
    return link->leaves ? link->has_left && all_done(link) : all_told(link);
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
    unacked_refuse_behind(link);
}

void link_distrust(struct khub *link, const char *why)
{
    if (link->joined_once)
        link_lost(link, KHUB_E_UNTRUSTED, "the hub at %s is not to be trusted: %s",
                  link->transport.address.host, why);
    else
        link_end(link, KHUB_E_UNTRUSTED, "the hub at %s is not to be trusted: %s",
                 link->transport.address.host, why);
}

/* The socket is connected: says hello. */
static void connected(struct khub *link)
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

static void connecting_take(struct khub *link, enum transport_step step)
{
    const struct transport *transport = &link->transport;
    switch (step) {
    case TRANSPORT_WAITS:
        link->due_ms = transport->due_ms;
        link->again |= transport->again;
        return;
    case TRANSPORT_OPEN:
        connected(link);
        return;
    case TRANSPORT_FAILED:
        link_lost(link, transport->cause, "%s", transport->why);
        return;
    case TRANSPORT_DISTRUSTED:
        link_distrust(link, transport->why);
        return;
    case TRANSPORT_UNFIT:
        link_end(link, transport->cause, "%s", transport->why);
        return;
    }
}

static void waiting_step(struct khub *link)
{
    if (time_monotonic_ms() < link->due_ms)
        return;
    link->detail[0] = '\0';
    link_move(link, KHUB_CONNECTING, 0);
    connecting_take(link, transport_begin(&link->transport));
}

static void connecting_step(struct khub *link)
{
    connecting_take(link, transport_go_on(&link->transport));
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

/* Sends until the outbox is empty or the kernel takes no more. 0, or -1 with errno. */
static int transmit_outbox(struct khub *link, struct outbox *outbox)
{
    struct slice unsent;
    while ((unsent = outbox_unsent(outbox)).len > 0) {
        ssize_t count = transport_send(&link->transport, unsent);
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
    if (link->transport.fd >= 0)
        link_lost(link, KHUB_E_UNREACHABLE, "sending to the hub failed: %s",
                  transport_failure(&link->transport, error));
}

/* Says that nothing more will come, and leaves the socket open until the hub has taken
 * everything: closing it at once, with bytes of the hub's unread, would make the kernel throw
 * away what is on its way. */
static void linger_begin(struct khub *link)
{
    transport_finish(&link->transport);
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
    if (link->transport.fd < 0)
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
        if (link->transport.fd < 0)
            return;
    }
    if (link->lingering)
        return;
    transmit(link);
    if (link->transport.fd < 0 || !link->closing || link->state != KHUB_JOINED || !all_done(link))
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
    [KHUB_WAITING] = waiting_step, [KHUB_CONNECTING] = connecting_step, [KHUB_GREETING] = open_step,
    [KHUB_JOINED] = open_step,     [KHUB_ENDED] = ended_step,
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
    } while (link->state != before && link->transport.fd >= 0);
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
    return transport_fd(&link->transport);
}

bool khub_wants_write(const struct khub *link)
{
    if (link->transport.fd < 0)
        return false;
    return transport_wants_write(&link->transport) || outbox_unsent(&link->hello).len > 0 ||
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

void khub_set_cursor(struct khub *link, uint64_t seq)
{
    assert(link->magic == LINK_MAGIC);
    if (seq > link->cursor)
        link->cursor = seq;
}

uint64_t khub_cursor(const struct khub *link)
{
    return link->cursor;
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
