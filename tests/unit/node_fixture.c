#include "node_fixture.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SAID_MAX 4096

struct calls calls;
struct wishes wishes;
enum khub_state link_state;
struct said said[SAID_MAX];
size_t said_count;
static bool noting;
char heard[HEARD_MAX][256];
size_t heard_count;
int64_t link_clock;

int __real_clock_gettime(clockid_t clock, struct timespec *now);
int __wrap_clock_gettime(clockid_t clock, struct timespec *now);

int __wrap_clock_gettime(clockid_t clock, struct timespec *now)
{
    if (link_clock == 0 || clock != CLOCK_MONOTONIC)
        return __real_clock_gettime(clock, now);
    *now = (struct timespec){.tv_sec = link_clock / 1000, .tv_nsec = link_clock % 1000 * 1000000};
    return 0;
}

/* The link. */

static size_t leases_looked; /* of what was said, for lease_requests */

static void said_clear(void)
{
    leases_looked = 0;
    for (; said_count > 0; said_count--)
        json_decref(said[said_count - 1].payload);
}

int __real_khub_publish(struct khub *link, const char *type, const char *payload,
                        const char *target, char *ret_message_id);
int __wrap_khub_publish(struct khub *link, const char *type, const char *payload,
                        const char *target, char *ret_message_id);
enum khub_state __real_khub_link_state(const struct khub *link);
enum khub_state __wrap_khub_link_state(const struct khub *link);

int __wrap_khub_publish(struct khub *link, const char *type, const char *payload,
                        const char *target, char *ret_message_id)
{
    if (!noting)
        return __real_khub_publish(link, type, payload, target, ret_message_id);
    if (said_count == SAID_MAX)
        said_clear(); /* a test that says so much looks at none of it */
    struct said *note = &said[said_count++];
    snprintf(note->type, sizeof note->type, "%s", type);
    snprintf(note->target, sizeof note->target, "%s", target ? target : "");
    snprintf(note->message_id, sizeof note->message_id, "said-%zu", said_count);
    note->payload = json_loads(payload, 0, NULL);
    assert(json_is_object(note->payload));
    if (ret_message_id)
        snprintf(ret_message_id, 37, "%s", note->message_id);
    return 0;
}

int __real_khub_publish_as(struct khub *link, const char *message_id, const char *type,
                           const char *payload, const char *target, khub_outcome_callback *callback,
                           void *data);
int __wrap_khub_publish_as(struct khub *link, const char *message_id, const char *type,
                           const char *payload, const char *target, khub_outcome_callback *callback,
                           void *data);

/* What the hub has yet to answer. */
static struct unanswered {
    khub_outcome_callback *callback;
    void *data;
} unanswered[SAID_MAX];
static size_t unanswered_count;

int __wrap_khub_publish_as(struct khub *link, const char *message_id, const char *type,
                           const char *payload, const char *target, khub_outcome_callback *callback,
                           void *data)
{
    if (!noting)
        return __real_khub_publish_as(link, message_id, type, payload, target, callback, data);
    __wrap_khub_publish(link, type, payload, target, NULL);
    snprintf(said[said_count - 1].message_id, sizeof said[0].message_id, "%s", message_id);
    assert(unanswered_count < SAID_MAX);
    unanswered[unanswered_count++] = (struct unanswered){callback, data};
    return 0;
}

static void answer_all(struct node *node)
{
    struct khub_outcome outcome = {.message_id = "",
                                   .error = wishes.refused ? KHUB_E_REFUSED : 0,
                                   .seq = wishes.repeated || wishes.refused ? 0 : 1,
                                   .code = wishes.refused ? wishes.refused : "",
                                   .detail = ""};
    while (unanswered_count > 0) {
        struct unanswered first = unanswered[0];
        memmove(unanswered, unanswered + 1, --unanswered_count * sizeof *unanswered);
        first.callback(node->link, &outcome, first.data);
    }
}

enum khub_state __wrap_khub_link_state(const struct khub *link)
{
    return noting ? link_state : __real_khub_link_state(link);
}

enum khub_state link_state_real(const struct node *node)
{
    return __real_khub_link_state(node->link);
}

static void hear(const char *line, void *data)
{
    (void)data;
    print_message("[TRAINER] %s\n", line);
    snprintf(heard[heard_count++ % HEARD_MAX], sizeof heard[0], "%s", line);
}

size_t heard_of(const char *beginning)
{
    size_t count = 0;
    for (size_t i = 0; i < heard_count && i < HEARD_MAX; i++)
        count += strncmp(heard[i], beginning, strlen(beginning)) == 0;
    return count;
}

const struct said *said_last(const char *type)
{
    for (size_t i = said_count; i > 0; i--)
        if (strcmp(said[i - 1].type, type) == 0)
            return &said[i - 1];
    return NULL;
}

size_t said_of(const char *type)
{
    size_t count = 0;
    for (size_t i = 0; i < said_count; i++)
        count += strcmp(said[i].type, type) == 0;
    return count;
}

/* The brain. */

/* What is seen in a candidate or a thing without running it, the policy brain sees. */
static struct brain *seer;

static void fake_view(const void *state, const struct brain_session *session,
                      const json_t *candidate, struct brain_view *ret_view)
{
    (void)state;
    seer->view(seer->state, session, candidate, ret_view);
}

static bool fake_can_answer(const void *state, const char *feature, char ret_why[BRAIN_TEXT_SIZE])
{
    (void)state;
    snprintf(ret_why, BRAIN_TEXT_SIZE, "it can make nothing of that kind");
    return strcmp(feature, "memory_management") != 0;
}

static json_t *fake_learned(void *state)
{
    (void)state;
    return calls.trained > 0
               ? json_pack("{s:i,s:s}", "trained", (int)calls.trained, "implementation", "int x;\n")
               : NULL;
}

static bool fake_resume(void *state, const json_t *learned, char ret_why[BRAIN_TEXT_SIZE])
{
    (void)state;
    snprintf(ret_why, BRAIN_TEXT_SIZE, "it is another's");
    return json_object_get(learned, "trained") != NULL;
}

static json_t *fake_summary(void *state)
{
    (void)state;
    return json_object();
}

json_t *claim_make(const char *kind, const char *id, double parameter)
{
    return json_pack("{s:s,s:s,s:s,s:s,s:{s:f}}", "kind", kind, "id", id, "subject",
                     "process_manager", "subject_version", "1", "parameters", "a", parameter);
}

static int fake_train(void *state, unsigned evaluations, brain_stop *stop, json_t **ret_claims)
{
    (void)state, (void)stop;
    calls.trained++;
    calls.evaluations = evaluations;
    *ret_claims = json_array();
    for (; wishes.claims > 0; wishes.claims--)
        json_array_append_new(*ret_claims, claim_make("pattern", "found", wishes.claims));
    return 0;
}

static json_t *fake_prove(void *state, const json_t *claim, const char *commitment_id,
                          const char *nonce, brain_stop *stop)
{
    (void)state, (void)stop;
    calls.proved++;
    if (wishes.unprovable)
        return NULL;
    json_t *result = json_deep_copy(claim);
    json_object_set_new(result, "commitment_id", json_string(commitment_id));
    json_object_set_new(result, "nonce", json_string(nonce));
    json_object_set_new(result, "measured", json_pack("{s:f}", "ratio", 0.7));
    return result;
}

static void fake_standing(void *state, struct brain_standing *ret_standing)
{
    (void)state;
    *ret_standing = (struct brain_standing){.spent = calls.trained < wishes.moves ? calls.trained
                                                                                  : wishes.moves};
}

static void fake_measure(void *state, brain_stop *stop)
{
    (void)state, (void)stop;
    calls.measured++;
}

static json_t *fake_answer(void *state, const char *feature, const json_t *requirements,
                           brain_stop *stop)
{
    (void)state, (void)requirements, (void)stop;
    calls.answered++;
    snprintf(calls.feature, sizeof calls.feature, "%s", feature);
    return claim_make("component", "made", 1);
}

/* The candidate with one review more. */
static json_t *reviewed(const json_t *candidate)
{
    json_t *result = json_deep_copy(candidate);
    if (!json_object_get(result, "reviews"))
        json_object_set_new(result, "reviews", json_object());
    json_object_set_new(json_object_get(result, "reviews"), "ada",
                        json_pack("{s:s}", "text", wishes.review));
    return result;
}

static int fake_collaborate(void *state, const struct brain_session *session,
                            const json_t *candidate, unsigned budget, brain_stop *stop,
                            struct brain_step *ret_step)
{
    (void)state, (void)stop;
    assert(session->participant_count >= 1 && session->participant_count <= BRAIN_CONTRIBUTORS_MAX);
    calls.given += candidate != NULL;
    calls.stepped++;
    if (json_object_get(candidate, "bad") || (wishes.referee && !candidate))
        return -1;
    struct brain_step step = {.progress = 0.1, .review = wishes.review};
    if (wishes.review)
        step.candidate = reviewed(candidate);
    else
        step.candidate = json_pack("{s:s,s:{s:i}}", "subject", "process_manager", "evaluations",
                                   "ada", 10 + (int)calls.stepped);
    if (budget > 0)
        snprintf(step.note, sizeof step.note, "%s%s", wishes.review ? "reviewed: " : "a step",
                 wishes.review ? wishes.review : "");
    *ret_step = step;
    return 0;
}

static json_t *fake_conclude(void *state, const struct brain_session *session,
                             const json_t *candidate, brain_stop *stop)
{
    (void)state, (void)session, (void)candidate, (void)stop;
    calls.concluded++;
    return claim_make("component", "concluded", 2);
}

static bool fake_forget(void *state, const char *session_id, brain_stop *stop)
{
    (void)state, (void)session_id, (void)stop;
    return false;
}

static json_t *fake_check(void *state, const json_t *thing, brain_stop *stop)
{
    (void)state, (void)stop;
    calls.checked++;
    size_t used = strlen(calls.order);
    snprintf(calls.order + used, sizeof calls.order - used, "%s ",
             json_string_value(json_object_get(thing, "id")));
    bool holds = !json_object_get(thing, "lie");
    return json_pack("{s:b,s:f,s:f,s:s,s:i}", "claim_holds", holds, "ratio_own", 0.7, "ratio", 0.7,
                     "nonce", "00112233445566778899aabbccddeeff", "n", 64);
}

static bool fake_take_in(void *state, const char *author, const json_t *thing,
                         const json_t *metrics)
{
    (void)state, (void)thing, (void)metrics;
    assert(author[0]);
    calls.taken++;
    return true;
}

static void fake_salt(void *state, const char *salt, const char *sha256)
{
    (void)state;
    snprintf(calls.salt, sizeof calls.salt, "%s", salt);
    snprintf(calls.sha256, sizeof calls.sha256, "%s", sha256);
}

static void fake_free(void *state)
{
    (void)state;
}

static struct brain fake = {.name = "fake",
                            .description = "counting",
                            .subject_version = "1",
                            .workers = 1,
                            .budget = {.unit = "evaluations", .training = 16, .session = 240},
                            .view = fake_view,
                            .can_answer = fake_can_answer,
                            .summary = fake_summary,
                            .learned = fake_learned,
                            .resume = fake_resume,
                            .train = fake_train,
                            .prove = fake_prove,
                            .standing = fake_standing,
                            .measure_standing = fake_measure,
                            .answer = fake_answer,
                            .collaborate = fake_collaborate,
                            .conclude = fake_conclude,
                            .forget = fake_forget,
                            .check = fake_check,
                            .take_in = fake_take_in,
                            .salt = fake_salt,
                            .free = fake_free};

struct brain *brain_given(void)
{
    return &fake;
}

/* The node. */

static const struct trainer_options options = {.address = "unix:/nonexistent/khub",
                                               .ai_id = "ada",
                                               .specialization = "process_manager",
                                               .minutes = 60,
                                               .log = hear};

struct node *node_make(void)
{
    struct node *node;
    calls.answered = calls.checked = calls.taken = calls.stepped = calls.given = calls.concluded =
        calls.proved = calls.trained = calls.measured = 0;
    calls.order[0] = '\0';
    said_clear();
    heard_count = 0;
    noting = true;
    link_state = KHUB_JOINED;
    seer = brain_policy_new("ada", "process_manager");
    assert_non_null(seer);
    fake.disown = seer->disown;
    fake.compare = seer->compare;
    fake.tell = seer->tell;
    fake.own_metrics = seer->own_metrics;
    fake.referee = wishes.referee;
    fake.subject = wishes.referee ? "" : "process_manager";
    assert_int_equal(node_new(&options, &fake, &node), 0);
    uv_timer_stop(&node->tick); /* how often it ticks while a test runs, the machine would decide */
    uv_timer_stop(&node->request);
    return node;
}

void node_unmake(struct node *node)
{
    node_free(node);
    unanswered_count = 0;
    brain_free(seer);
    said_clear();
    noting = false;
    wishes = (struct wishes){0};
}

static struct khub_text text_of(const char *text)
{
    return (struct khub_text){.at = text, .len = strlen(text)};
}

void say(struct node *node, const char *sender, const char *type, const char *payload)
{
    struct khub_message message = {.message_id = text_of("m"),
                                   .sender_id = text_of(sender),
                                   .type = text_of(type),
                                   .timestamp = text_of(""),
                                   .target_ai = text_of(""),
                                   .payload = text_of(payload),
                                   .line = text_of("")};
    node_message(node, &message);
}

void say_json(struct node *node, const char *sender, const char *type, json_t *payload)
{
    char *text = json_dumps(payload, 0);
    assert_non_null(text);
    say(node, sender, type, text);
    free(text);
    json_decref(payload);
}

static void grant_leases(struct node *node)
{
    for (size_t i = leases_looked; i < said_count; i++)
        if (strcmp(said[i].type, "lease_request") == 0)
            say_json(node, "hub", "lease",
                     json_pack("{s:s,s:s,s:O,s:i}", "status", "granted", "holder", "ada", "key",
                               json_object_get(said[i].payload, "key"), "fence", (int)i + 1));
    leases_looked = said_count;
}

void work(struct node *node)
{
    if (!wishes.unleased)
        grant_leases(node);
    do {
        while (!jobs_idle(&node->jobs))
            uv_run(&node->loop, UV_RUN_ONCE);
        answer_all(node);
    } while (!jobs_idle(&node->jobs));
}

void challenge_last(struct node *node, char nonce)
{
    char digits[33];
    const struct said *commitment = said_last("commitment");
    assert_non_null(commitment);
    memset(digits, nonce, 32);
    digits[32] = '\0';
    json_t *payload = json_deep_copy(commitment->payload);
    json_object_set_new(payload, "commitment_id", json_sprintf("commitment-%c", nonce));
    json_object_set_new(payload, "nonce", json_string(digits));
    json_object_set_new(payload, "in_reply_to", json_string(commitment->message_id));
    say_json(node, "hub", "challenge", payload);
}

void claim_through(struct node *node, json_t *claim)
{
    const struct claim_use use = {.purpose = CLAIM_TRAINED};
    const char *reason;
    assert_true(proofs_add(node, claim, &use, &reason));
    challenge_last(node, '1');
    work(node);
}
