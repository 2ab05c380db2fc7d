/* See callers.h. A caller's standing goes through these states:
 *
 *     IN_LINE ──▶ ASKING ──▶ GOOD, REFUSED, or (the hub can't be asked) forgotten, or what it was
 *        ▲                     │ its time is over, and it comes again
 *        └─────────────────────┘
 *
 * What makes it hard is that strangers are to cost others nothing: neither places in the line, nor
 * questions, nor what is remembered. */
#include "gateway/callers.h"

#include <assert.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "gateway/bounds.h"
#include "khub_uv.h"
#include "wire/bounds.h"
#include "wire/clock.h"
#include "wire/json.h"
#include "wire/secret.h"
#include "wire/text.h"
#include "wire/types.h"

/* A request that waits for what the hub says. */
struct visit {
    struct http_request *request;
    struct known *known;
    enum caller_right right;
    http_handler *handler;
    bool afar; /* it waits to hear whether the hub asks for tokens */
    TAILQ_ENTRY(visit) next;
};
TAILQ_HEAD(visit_list, visit);

enum standing { IN_LINE, ASKING, GOOD, REFUSED };

/* Somebody of whom something is known, or asked. */
struct known {
    struct callers *callers;
    struct caller who;
    enum standing standing;
    bool was_good, observes; /* when it was asked last */
    bool nobody;             /* shows no token */
    bool deciding;           /* requests that waited for it are being answered */
    int64_t since;           /* it was asked; monotonic ms; 0: it is to be asked again */
    struct origin origin;    /* of who showed it last when it was to be asked */
    char *token;             /* until it was asked; owned, a secret; NULL: none */
    struct question *question;
    struct visit_list visits;
    TAILQ_ENTRY(known) next;    /* by use */
    TAILQ_ENTRY(known) in_line; /* by arrival */
};
TAILQ_HEAD(known_list, known);

/* BUSY, AWAY: it can't be asked now. */
enum verdict { VERDICT_GOOD, VERDICT_OBSERVES, VERDICT_REFUSED, VERDICT_BUSY, VERDICT_AWAY };

/* A link that asks about one. It outlives its answer until the loop lets it go. */
struct question {
    struct callers *callers;
    struct known *known; /* NULL: answered */
    struct khub *link;
    struct khub_uv *adapter;
    uv_timer_t timer;
};

struct callers {
    uv_loop_t *loop;
    struct khub_options link; /* of questions, but for who asks, and what is shown */
    struct khub_tls tls;      /* as of the link, without a certificate of our own */
    bool shares, open;
    char *token, *ai_id; /* the gateway's own; the first a secret */
    unsigned char key[crypto_generichash_KEYBYTES];
    struct known_list known; /* the last used first */
    struct known_list line;
    size_t known_count, asking, visit_count;
    size_t handles; /* of the loop, that are not closed yet; and one for who owns it */
    struct callers_counts counts;
};

/* ── who ── */

#define HASH_STACK 4096u /* bytes, of which libsodium's BLAKE2b takes a part */

static struct caller who_is(const struct callers *callers, struct slice token)
{
    struct caller who = {.shows = token.at != NULL};
    /* a token is never empty, so nobody's is another than any */
    crypto_generichash(who.bytes, sizeof who.bytes, (const unsigned char *)token.at, token.len,
                       callers->key, sizeof callers->key);
    sodium_stackzero(HASH_STACK); /* where it had what it was given */
    return who;
}

struct caller callers_who(const struct callers *callers, const struct http_request *request)
{
    struct slice token;
    http_request_bearer(request, &token);
    return who_is(callers, token);
}

const char *callers_name(const struct http_request *request, char buffer[CALLER_NAME_SIZE])
{
    static const unsigned char of_names[crypto_generichash_KEYBYTES] = "khub: the name of a caller";
    unsigned char hash[crypto_generichash_BYTES_MIN];
    struct slice token;
    http_request_bearer(request, &token);
    buffer[0] = '\0';
    if (!token.at)
        return buffer;
    crypto_generichash(hash, sizeof hash, (const unsigned char *)token.at, token.len, of_names,
                       sizeof of_names);
    sodium_stackzero(HASH_STACK);
    hex_format(hash, CALLER_NAME_SIZE / 2, buffer);
    return buffer;
}

bool caller_same(const struct caller *left, const struct caller *right)
{
    return sodium_memcmp(left->bytes, right->bytes, sizeof left->bytes) == 0;
}

void callers_token_free(char *token)
{
    if (token)
        secret_free(token, strlen(token));
}

/* What a link shows for who shows `token` (NULL: none). */
static void link_show(const struct callers *callers, struct khub_options *link, const char *token)
{
    bool shared = !token && callers->shares;
    link->token = shared ? callers->token : token;
    link->tls = callers->link.tls;
    if (!token) /* with one a certificate is only a way in */
        callers_nobody(callers, link);
}

void callers_nobody(const struct callers *callers, struct khub_options *link)
{
    link->tls = callers->shares || !callers->link.tls ? callers->link.tls : &callers->tls;
}

bool callers_need_show_nothing(const struct callers *callers)
{
    const struct khub_tls *tls = callers->link.tls;
    return callers->shares || (!callers->token && !(tls && tls->cert));
}

bool callers_link(const struct callers *callers, const struct http_request *request,
                  struct khub_options *link, char **ret_token)
{
    struct slice token;
    http_request_bearer(request, &token);
    *ret_token = token.at ? strndup(token.at, token.len) : NULL;
    link_show(callers, link, *ret_token);
    return *ret_token || !token.at;
}

/* ── what is known ── */

static struct known *known_find(const struct callers *callers, const struct caller *who)
{
    struct known *known;
    TAILQ_FOREACH (known, &callers->known, next) {
        if (caller_same(&known->who, who))
            return known;
    }
    return NULL;
}

/* May it be forgotten? */
static bool is_idle(const struct known *known)
{
    return (known->standing == GOOD || known->standing == REFUSED) && !known->deciding;
}

static bool holds(const struct known *known)
{
    int64_t age = time_monotonic_ms() - known->since;
    return known->since && ((known->standing == GOOD && age < CALLER_GOOD_MS) ||
                            (known->standing == REFUSED && age < CALLER_REFUSED_MS));
}

/* That a hub asks for tokens is believed for longer, for to hear it again takes time; that it does
 * not, only shortly, for its owner may give out the first one. */
static bool holds_afar(const struct known *nobody)
{
    int64_t age = time_monotonic_ms() - nobody->since;
    return nobody->since && ((nobody->standing == REFUSED && age < CALLER_GOOD_MS) ||
                             (nobody->standing == GOOD && age < CALLER_TOKENLESS_MS));
}

static void known_forget(struct known *known)
{
    assert(TAILQ_EMPTY(&known->visits) && !known->question);
    if (known->standing == IN_LINE)
        TAILQ_REMOVE(&known->callers->line, known, in_line);
    TAILQ_REMOVE(&known->callers->known, known, next);
    known->callers->known_count--;
    callers_token_free(known->token);
    free(known);
}

/* Room for one more: of those that are settled the longest unused goes, the refused first. */
static bool room_made(struct callers *callers)
{
    struct known *known, *good = NULL;
    if (callers->known_count < CALLERS_KNOWN_MAX)
        return true;
    TAILQ_FOREACH_REVERSE(known, &callers->known, known_list, next)
    {
        if (is_idle(known) && known->standing == REFUSED)
            break;
        if (!good && is_idle(known))
            good = known;
    }
    known = known ? known : good;
    if (known)
        known_forget(known);
    return known != NULL;
}

static struct known *known_new(struct callers *callers, const struct caller *who)
{
    struct known *known = room_made(callers) ? calloc(1, sizeof *known) : NULL;
    if (!known)
        return NULL;
    known->callers = callers;
    known->who = *who;
    known->standing = REFUSED; /* until it is in line */
    TAILQ_INIT(&known->visits);
    TAILQ_INSERT_HEAD(&callers->known, known, next);
    callers->known_count++;
    return known;
}

static bool same_origin(const struct known *known, const struct origin *origin)
{
    return memcmp(&known->origin, origin, sizeof *origin) == 0;
}

/* Has somebody there shown a wrong token lately? */
static bool has_failed(const struct callers *callers, const struct origin *origin)
{
    const struct known *known;
    int64_t now = time_monotonic_ms();
    TAILQ_FOREACH (known, &callers->known, next) {
        if (known->standing == REFUSED && !known->nobody && same_origin(known, origin) &&
            now - known->since < CALLER_REFUSED_MS)
            return true;
    }
    return false;
}

/* ── answers ── */

static void turn_away(struct callers *callers, struct http_request *request, unsigned status,
                      const char *sentence)
{
    callers->counts.refused += status == 401 || status == 403;
    callers->counts.put_off += status == 429 || status == 503;
    if (status == 429 || status == 503)
        http_reply_header(request, "Retry-After", slice_of(status == 429 ? "4" : "1"));
    if (status == 401)
        http_reply_unauthorized(request, sentence);
    else
        http_reply_error(request, status, sentence);
}

#define BUSY "too many are being asked about at the hub: try again later"

static void let_in(struct callers *callers, struct http_request *request, http_handler *handler)
{
    callers->counts.admitted++;
    handler(request);
}

static void visit_free(struct visit *visit)
{
    TAILQ_REMOVE(&visit->known->visits, visit, next);
    visit->known->callers->visit_count--;
    free(visit);
}

/* By what is known of it now. */
static void decide(struct known *known, struct http_request *request, enum caller_right right,
                   http_handler *handler)
{
    if (known->standing == REFUSED)
        turn_away(known->callers, request, 401,
                  known->nobody ? "the hub asks for a token: Authorization: Bearer khub_..."
                                : "the hub takes no such token");
    else if (right == CALLER_OBSERVES && !known->observes)
        turn_away(known->callers, request, 403,
                  "this token is good, but not to observe the room of the gateway");
    else
        let_in(known->callers, request, handler);
}

static void admit(struct callers *callers, struct http_request *request, enum caller_right right,
                  http_handler *handler);

/* Of another machine, by what is known of nobody: does the hub ask for tokens? */
static void decide_afar(const struct known *nobody, struct http_request *request,
                        enum caller_right right, http_handler *handler)
{
    if (nobody->standing == REFUSED)
        admit(nobody->callers, request, right, handler);
    else
        turn_away(
            nobody->callers, request, 403,
            "the hub has no tokens, so of other machines nobody is let in; its owner can give "
            "one out ('khub token add'), or lift that with --insecure");
}

/* The hub can't be asked: why NULL: for it is busy. */
static void decide_without(const struct known *known, const struct visit *visit, const char *why)
{
    struct endpoint peer = http_request_peer(visit->request);
    bool trusted = visit->right == CALLER_COMES ? known->was_good || endpoint_is_local(&peer)
                                                : known->was_good && known->observes;
    char sentence[512];
    if (trusted && !visit->afar) {
        let_in(known->callers, visit->request, visit->handler);
        return;
    }
    snprintf(sentence, sizeof sentence, "the hub can't be asked who this is: %s", why ? why : "");
    turn_away(known->callers, visit->request, why ? 503 : 429, why ? sentence : BUSY);
}

/* ── questions ── */

static void line_go_on(struct callers *callers);

static void handle_gone(struct callers *callers)
{
    if (--callers->handles > 0)
        return;
    callers_token_free(callers->token);
    free(callers->ai_id);
    sodium_memzero(callers->key, sizeof callers->key);
    free(callers);
}

/* The link may have been in a callback when it was answered: now it is not. */
static void on_question_closed(uv_handle_t *handle)
{
    struct question *question = handle->data;
    khub_free(question->link);
    handle_gone(question->callers);
    free(question);
}

static void question_drop(struct question *question)
{
    question->known->question = NULL;
    question->known = NULL;
    question->callers->asking--;
    khub_uv_stop(question->adapter);
    uv_close((uv_handle_t *)&question->timer, on_question_closed);
}

/* What the hub says of it, or why it does not (VERDICT_AWAY). */
static void settle(struct known *known, enum verdict verdict, const char *why)
{
    bool said = verdict != VERDICT_BUSY && verdict != VERDICT_AWAY;
    size_t count = 0;
    struct visit *visit;
    if (said) {
        known->was_good = verdict != VERDICT_REFUSED;
        known->observes = verdict == VERDICT_OBSERVES;
    }
    known->standing = known->was_good ? GOOD : REFUSED;
    known->since = said ? time_monotonic_ms() : 0;
    callers_token_free(known->token);
    known->token = NULL;
    known->deciding = true;
    TAILQ_FOREACH (visit, &known->visits, next)
        count++;
    /* an answer may bring the next request of the same client; that is not of these */
    for (; count > 0 && (visit = TAILQ_FIRST(&known->visits)); count--) {
        struct visit now = *visit;
        visit_free(visit);
        http_request_on_gone(now.request, NULL, NULL);
        if (said && now.afar)
            decide_afar(known, now.request, now.right, now.handler);
        else if (said)
            decide(known, now.request, now.right, now.handler);
        else
            decide_without(known, &now, verdict == VERDICT_BUSY ? NULL : why);
    }
    known->deciding = false;
    if (!said && !known->was_good && is_idle(known))
        known_forget(known);
}

static void question_end(struct question *question, enum verdict verdict, const char *why)
{
    struct callers *callers = question->callers;
    struct known *known = question->known;
    question_drop(question);
    settle(known, verdict, why);
    line_go_on(callers);
}

/* What the hub has against a hello says whether it looked at the token, and what it thought. */
static enum verdict verdict_of(struct json_value code)
{
    static const struct {
        enum wire_error code;
        enum verdict verdict;
    } codes[] = {{WIRE_UNAUTHORIZED, VERDICT_REFUSED},  {WIRE_RATE_LIMITED, VERDICT_BUSY},
                 {WIRE_CONNECTIONS_FULL, VERDICT_BUSY}, {WIRE_PROTECTED_MODE, VERDICT_AWAY},
                 {WIRE_SHUTTING_DOWN, VERDICT_AWAY},    {WIRE_WRONG_PROTOCOL, VERDICT_AWAY}};
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
        if (json_string_is(code, slice_of(wire_error_code(codes[i].code))))
            return codes[i].verdict;
    return VERDICT_GOOD;
}

static void on_message(struct khub *link, const struct khub_message *message, void *data)
{
    struct question *question = data;
    (void)link;
    if (!question->known || strcmp(message->sender_id.at, "hub") != 0)
        return;
    if (strcmp(message->type.at, "training_sync") == 0) {
        question_end(question, VERDICT_OBSERVES, NULL);
    } else if (strcmp(message->type.at, "error") == 0) {
        struct json_value payload =
            json_value_of((struct slice){message->payload.at, message->payload.len});
        char detail[256];
        struct json_value said = json_get(payload, "detail");
        long len = said.kind == JSON_KIND_STRING ? json_decode(said, detail, sizeof detail - 1) : 0;
        detail[len < 0 ? 0 : len] = '\0';
        question_end(question, verdict_of(json_get(payload, "code")), detail);
    }
}

static void on_state(struct khub *link, enum khub_state state, int error, const char *detail,
                     void *data)
{
    struct question *question = data;
    (void)link;
    if (question->known && state == KHUB_ENDED)
        question_end(question, VERDICT_AWAY, *detail ? detail : khub_error_text(error));
}

static void on_late(uv_timer_t *timer)
{
    question_end(timer->data, VERDICT_AWAY, "it does not answer");
}

/* NULL: it can't be asked. */
static struct question *question_new(struct callers *callers, const struct known *known)
{
    static const struct khub_callbacks callbacks = {.message = on_message, .state = on_state};
    struct question *question = calloc(1, sizeof *question);
    char ai_id[WIRE_ID_MAX + 1];
    if (!question)
        return NULL;
    struct khub_options options = callers->link;
    snprintf(ai_id, sizeof ai_id, "%.*s-asks-%llu", (int)WIRE_ID_MAX - 30, callers->ai_id,
             (unsigned long long)callers->counts.questions);
    options.ai_id = ai_id;
    options.data = question;
    link_show(callers, &options, known->token);
    question->callers = callers;
    if (khub_new(&options, &callbacks, &question->link) < 0 ||
        khub_uv_start(callers->loop, question->link, &question->adapter) < 0) {
        khub_free(question->link);
        free(question);
        return NULL;
    }
    callers->handles++;
    uv_timer_init(callers->loop, &question->timer);
    question->timer.data = question;
    uv_timer_start(&question->timer, on_late, CALLER_ASK_MS, 0);
    return question;
}

static void ask(struct known *known)
{
    struct callers *callers = known->callers;
    TAILQ_REMOVE(&callers->line, known, in_line);
    known->standing = ASKING;
    callers->counts.questions++;
    known->question = question_new(callers, known);
    if (!known->question) {
        settle(known, VERDICT_AWAY, "out of memory");
        return;
    }
    known->question->known = known;
    callers->asking++;
}

static size_t origin_count(const struct callers *callers, const struct origin *origin,
                           enum standing standing)
{
    const struct known *known;
    size_t count = 0;
    TAILQ_FOREACH (known, &callers->known, next)
        count += known->standing == standing && same_origin(known, origin);
    return count;
}

/* Whose turn it is: of the first who may be asked about, one from where nothing wrong came. */
static struct known *line_first(const struct callers *callers)
{
    struct known *known, *failed = NULL;
    TAILQ_FOREACH (known, &callers->line, in_line) {
        if (origin_count(callers, &known->origin, ASKING) >= CALLERS_ASKING_ORIGIN_MAX)
            continue;
        if (!has_failed(callers, &known->origin))
            return known;
        failed = failed ? failed : known;
    }
    return failed;
}

static void line_go_on(struct callers *callers)
{
    struct known *known;
    while (callers->asking < CALLERS_ASKING_MAX && (known = line_first(callers)))
        ask(known);
}

/* ── the line ── */

/* False: there is no room, or no memory. */
static bool line_join(struct known *known, const struct origin *origin, struct slice token)
{
    struct callers *callers = known->callers;
    size_t waiting = 0;
    const struct known *other;
    TAILQ_FOREACH (other, &callers->line, in_line)
        waiting++;
    if (waiting >= CALLERS_LINE_MAX ||
        origin_count(callers, origin, IN_LINE) >= CALLERS_LINE_ORIGIN_MAX)
        return false;
    known->nobody = !token.at;
    known->token = token.at ? strndup(token.at, token.len) : NULL;
    if (token.at && !known->token)
        return false;
    known->origin = *origin;
    known->standing = IN_LINE;
    TAILQ_INSERT_TAIL(&callers->line, known, in_line);
    return true;
}

/* Nobody waits for what the hub would say. */
static void line_leave(struct known *known)
{
    TAILQ_REMOVE(&known->callers->line, known, in_line);
    known->standing = known->was_good ? GOOD : REFUSED;
    known->since = 0;
    callers_token_free(known->token);
    known->token = NULL;
    if (!known->was_good && is_idle(known))
        known_forget(known);
}

static void on_gone(struct http_request *request, void *data)
{
    struct visit *visit = data;
    struct known *known = visit->known;
    (void)request;
    visit_free(visit);
    if (known->standing == IN_LINE && TAILQ_EMPTY(&known->visits))
        line_leave(known);
}

/* Answers the visit by what the hub said, or will say, of who shows `token`. */
static void consult(struct callers *callers, const struct visit *wanted, struct slice token)
{
    struct caller who = who_is(callers, token);
    struct endpoint peer = http_request_peer(wanted->request);
    struct origin origin = endpoint_origin(&peer);
    struct known *known = known_find(callers, &who);
    if (known) {
        TAILQ_REMOVE(&callers->known, known, next);
        TAILQ_INSERT_HEAD(&callers->known, known, next);
        if (wanted->afar && holds_afar(known)) {
            decide_afar(known, wanted->request, wanted->right, wanted->handler);
            return;
        }
        if (!wanted->afar && holds(known)) {
            decide(known, wanted->request, wanted->right, wanted->handler);
            return;
        }
    }
    struct visit *visit = malloc(sizeof *visit);
    if (!known)
        known = known_new(callers, &who);
    if (!visit || !known ||
        (known->standing != IN_LINE && known->standing != ASKING &&
         !line_join(known, &origin, token))) {
        free(visit);
        if (known && !known->was_good && is_idle(known))
            known_forget(known);
        turn_away(callers, wanted->request, 429, BUSY);
        return;
    }
    *visit = *wanted;
    visit->known = known;
    TAILQ_INSERT_TAIL(&known->visits, visit, next);
    http_request_on_gone(visit->request, on_gone, visit);
    line_go_on(callers);
}

static void admit(struct callers *callers, struct http_request *request, enum caller_right right,
                  http_handler *handler)
{
    const struct visit visit = {.request = request, .right = right, .handler = handler};
    struct slice token;
    if (!http_request_bearer(request, &token))
        turn_away(callers, request, 401, "Authorization must be Bearer and a token");
    else
        consult(callers, &visit, token);
}

void callers_admit(struct callers *callers, struct http_request *request, enum caller_right right,
                   http_handler *handler)
{
    const struct visit visit = {
        .request = request, .right = right, .handler = handler, .afar = true};
    struct endpoint peer = http_request_peer(request);
    if (callers->open || endpoint_is_local(&peer))
        admit(callers, request, right, handler);
    else
        consult(callers, &visit, (struct slice){NULL, 0});
}

void callers_refused(struct callers *callers, const struct caller *who)
{
    struct known *known = known_find(callers, who);
    if (!known || (known->standing != GOOD && known->standing != REFUSED))
        return; /* it is being asked */
    known->standing = REFUSED;
    known->was_good = known->observes = false;
    known->since = time_monotonic_ms();
}

/* ── beginning and end ── */

struct callers *callers_new(uv_loop_t *loop, const struct callers_options *options)
{
    struct callers *callers = calloc(1, sizeof *callers);
    if (!callers)
        return NULL;
    const struct khub_options *own = options->link;
    callers->loop = loop;
    callers->shares = options->shares;
    callers->open = options->open;
    callers->link = *own;
    callers->token = own->token && *own->token ? strdup(own->token) : NULL;
    callers->ai_id = strdup(own->ai_id);
    callers->handles = 1;
    if (own->tls) {
        callers->tls = *own->tls;
        callers->tls.cert = callers->tls.key = NULL;
    }
    callers->link.level = 2;
    callers->link.observer = true;
    callers->link.not_ready = true;
    callers->link.sync_max = KHUB_SYNC_NONE;
    callers->link.retries = -1;
    TAILQ_INIT(&callers->known);
    TAILQ_INIT(&callers->line);
    if (!callers->ai_id || (own->token && *own->token && !callers->token) ||
        uv_random(NULL, NULL, callers->key, sizeof callers->key, 0, NULL) < 0) {
        handle_gone(callers);
        return NULL;
    }
    return callers;
}

void callers_close(struct callers *callers)
{
    struct known *known;
    if (!callers)
        return;
    while ((known = TAILQ_FIRST(&callers->known))) {
        if (known->question)
            question_drop(known->question);
        known_forget(known);
    }
    handle_gone(callers);
}

const struct callers_counts *callers_counts(const struct callers *callers)
{
    return &callers->counts;
}
