#include "search/model.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "fetch/http_client.h"
#include "search/wires.h"

#define REPEATS         4u    /* of one question */
#define AGAIN_MS        1000u /* until the first; then twice as long each time */
#define AGAIN_MS_MAX    30000u
#define LOOK_MS         100u
#define BYTES_PER_TOKEN 3u    /* where the server does not count; about 4 are usual in English */
#define BYTES_MOST      16u   /* of one token; who sends more does not keep to what was asked */
#define ANSWER_MOST     8192u /* tokens */
#define ANSWER_LEAST    256u  /* less is not worth a question */
#define ERROR_BYTES     4096u

struct model {
    struct model_settings settings;
    const atomic_bool *stop; /* of the question that is asked; NULL: never */
    struct model_spent spent;
    uv_loop_t loop;
    uv_timer_t look;
    struct http_client *client;
    struct http_fetch *fetch; /* NULL: none is under way */
    struct wire_answer answer;
    uint64_t most;    /* tokens that it may have */
    struct text body; /* of the beginning of an answer: an error's, perhaps */
    struct http_end end;
    char end_why[MODEL_WHY_SIZE];
    char *url;
    char *key_line;
};

static bool stopped(const struct model *model)
{
    return model->stop && atomic_load(model->stop);
}

/* ── one request ── */

static void give_up(struct model *model)
{
    http_fetch_end(model->fetch);
    model->fetch = NULL;
    uv_timer_stop(&model->look);
}

/* An error in the stream is its end, whatever the server does. */
static void on_came(struct slice bytes, void *data)
{
    struct model *model = data;
    size_t room = ERROR_BYTES - model->body.len;
    text_add(&model->body, (struct slice){bytes.at, bytes.len < room ? bytes.len : room});
    wire_take(model->settings.wire, &model->answer, bytes);
    struct wire_answer *answer = &model->answer;
    if (!answer->failed && answer->text.len > BYTES_MOST * model->most) {
        answer->failed = true;
        snprintf(answer->why, sizeof answer->why,
                 "more came than the %llu tokens that were asked for",
                 (unsigned long long)model->most);
    }
    if (answer->failed)
        give_up(model);
}

static void on_done(const struct http_end *end, void *data)
{
    struct model *model = data;
    model->end = *end;
    snprintf(model->end_why, sizeof model->end_why, "%s", end->why ? end->why : "");
    model->fetch = NULL;
    uv_timer_stop(&model->look);
}

/* The user may want an end. */
static void on_look(uv_timer_t *look)
{
    struct model *model = look->data;
    if (stopped(model))
        give_up(model);
}

/* 0; -1: out of memory. What came of it is in answer and end. */
static int request(struct model *model, const char *body)
{
    static const char version[] = "anthropic-version: 2023-06-01";
    const char *headers[4] = {"Content-Type: application/json"};
    size_t count = 1;
    if (model->key_line)
        headers[count++] = model->key_line;
    if (model->settings.wire == MODEL_ANTHROPIC)
        headers[count++] = version;
    wire_answer_free(&model->answer);
    text_clear(&model->body);
    model->end = (struct http_end){0};
    model->fetch = http_fetch_new(model->client, &(struct http_wish){
                                                     .method = "POST",
                                                     .url = model->url,
                                                     .headers = headers,
                                                     .body = body,
                                                     .ca = model->settings.ca,
                                                     .timeout_s = model->settings.patience_s,
                                                     .came = on_came,
                                                     .done = on_done,
                                                     .data = model,
                                                 });
    if (!model->fetch)
        return -1;
    model->spent.requests++;
    uv_timer_start(&model->look, on_look, LOOK_MS, LOOK_MS);
    while (model->fetch)
        uv_run(&model->loop, UV_RUN_ONCE);
    return 0;
}

/* ── what it costs ── */

static uint64_t tokens_of(size_t bytes)
{
    return bytes / BYTES_PER_TOKEN + 1;
}

/* What of a request was paid for: what a server has counted, or would have. One that was refused
 * has cost nothing. */
static void account(struct model *model, size_t question_bytes)
{
    const struct wire_answer *answer = &model->answer;
    bool begun = answer->text.len > 0 || answer->in > 0 || answer->ended;
    uint64_t in = answer->in, out = answer->out, said = tokens_of(answer->text.len);
    if (in == 0 && begun)
        in = tokens_of(question_bytes);
    if (begun && (out == 0 || (!answer->ended && out < said)))
        out = said;
    model->spent.in += in;
    model->spent.out += out;
    model->spent.cost = 1e-6 * ((double)model->spent.in * model->settings.price_in +
                                (double)model->spent.out * model->settings.price_out);
}

/* How many tokens an answer to such a question may have; 0: it can't be asked any more. */
static uint64_t answer_most(const struct model *model, size_t question_bytes)
{
    const struct model_settings *settings = &model->settings;
    const struct model_spent *spent = &model->spent;
    uint64_t used = spent->in + spent->out + tokens_of(question_bytes);
    uint64_t left = used < settings->tokens ? settings->tokens - used : 0;
    if (settings->spend > 0 && settings->price_out > 0) {
        double money = settings->spend - spent->cost -
                       1e-6 * (double)tokens_of(question_bytes) * settings->price_in;
        double buys = money > 0 ? money * 1e6 / settings->price_out : 0;
        left = buys < (double)left ? (uint64_t)buys : left;
    }
    if (left > ANSWER_MOST)
        left = ANSWER_MOST;
    return left < ANSWER_LEAST ? 0 : left;
}

/* ── asking ── */

/* Whether it may work in a while; else, or when it has worked, false. `why` says what was wrong. */
static bool is_passing(struct model *model, char why[MODEL_WHY_SIZE])
{
    const struct wire_answer *answer = &model->answer;
    long status = model->end.status;
    char said[200];
    if (answer->failed) {
        snprintf(why, MODEL_WHY_SIZE, "the model's stream: %.200s", answer->why);
        return answer->passes;
    }
    if (status == 0) {
        snprintf(why, MODEL_WHY_SIZE, "the model was not reached: %.200s", model->end_why);
        return true;
    }
    if (status == 200) {
        snprintf(why, MODEL_WHY_SIZE, "the model's stream broke off%s%.190s",
                 *model->end_why ? ": " : "", model->end_why);
        return true;
    }
    wire_error(text_slice(&model->body), said);
    snprintf(why, MODEL_WHY_SIZE, "the model's server answers with status %ld%s%.190s", status,
             *said ? ": " : "", said);
    return status == 408 || status == 429 || status >= 500;
}

static void on_slept(uv_timer_t *timer)
{
    uv_timer_stop(timer);
}

static void sleep_ms(struct model *model, uint64_t ms)
{
    for (uint64_t slept = 0; slept < ms && !stopped(model); slept += LOOK_MS) {
        uv_timer_start(&model->look, on_slept, LOOK_MS, 0);
        uv_run(&model->loop, UV_RUN_ONCE);
    }
}

static enum model_end take_answer(struct model *model, char **ret_answer,
                                  char ret_why[MODEL_WHY_SIZE])
{
    struct slice text = text_slice(&model->answer.text);
    *ret_answer = strndup(text.at ? text.at : "", text.len);
    if (*ret_answer)
        return MODEL_ANSWERED;
    snprintf(ret_why, MODEL_WHY_SIZE, "out of memory");
    return MODEL_FAILED;
}

enum model_end model_ask(struct model *model, const char *system, const char *question,
                         const atomic_bool *stop, char **ret_answer, char ret_why[MODEL_WHY_SIZE])
{
    model->stop = stop;
    size_t bytes = strlen(system) + strlen(question);
    uint64_t wait = AGAIN_MS;
    for (unsigned i = 0;; i++) {
        struct wire_question wire = {.model = model->settings.name,
                                     .system = system,
                                     .question = question,
                                     .most = answer_most(model, bytes)};
        if (wire.most == 0)
            return MODEL_SPENT;
        model->most = wire.most;
        char *body = wire_body(model->settings.wire, &wire);
        int failed = body ? request(model, body) : -1;
        free(body);
        if (failed) {
            snprintf(ret_why, MODEL_WHY_SIZE, "out of memory");
            return MODEL_FAILED;
        }
        account(model, bytes);
        if (stopped(model)) {
            snprintf(ret_why, MODEL_WHY_SIZE, "stopped");
            return MODEL_FAILED;
        }
        if (model->answer.ended && !model->answer.failed)
            return take_answer(model, ret_answer, ret_why);
        if (!is_passing(model, ret_why) || i == REPEATS)
            return MODEL_FAILED;
        model->spent.repeated++;
        sleep_ms(model, wait);
        wait = 2 * wait < AGAIN_MS_MAX ? 2 * wait : AGAIN_MS_MAX;
    }
}

/* ── its life ── */

static int fill(struct model *model)
{
    const struct model_settings *settings = &model->settings;
    size_t length = strlen(settings->url);
    while (length > 0 && settings->url[length - 1] == '/')
        length--;
    if (asprintf(&model->url, "%.*s%s", (int)length, settings->url, wire_path(settings->wire)) < 0)
        model->url = NULL;
    const char *header =
        settings->wire == MODEL_ANTHROPIC ? "x-api-key: " : "Authorization: Bearer ";
    if (settings->key && asprintf(&model->key_line, "%s%s", header, settings->key) < 0)
        model->key_line = NULL;
    return model->url && (!settings->key || model->key_line) ? 0 : -1;
}

struct model *model_new(const struct model_settings *settings, char ret_why[MODEL_WHY_SIZE])
{
    struct model *model = calloc(1, sizeof *model);
    if (model && uv_loop_init(&model->loop) != 0) {
        free(model);
        model = NULL;
    }
    snprintf(ret_why, MODEL_WHY_SIZE, "%s",
             !model                    ? "out of memory"
             : !http_client_possible() ? "libcurl is not here (libcurl4)"
                                       : "");
    if (!model)
        return NULL;
    model->settings = *settings;
    uv_timer_init(&model->loop, &model->look);
    model->look.data = model;
    if (!*ret_why)
        model->client = http_client_new(&model->loop);
    if (*ret_why || !model->client || fill(model) < 0) {
        if (!*ret_why)
            snprintf(ret_why, MODEL_WHY_SIZE, "out of memory");
        model_free(model);
        return NULL;
    }
    return model;
}

void model_free(struct model *model)
{
    if (!model)
        return;
    http_client_close(model->client);
    uv_close((uv_handle_t *)&model->look, NULL);
    uv_run(&model->loop, UV_RUN_DEFAULT);
    uv_loop_close(&model->loop);
    wire_answer_free(&model->answer);
    text_free(&model->body);
    free(model->url);
    if (model->key_line)
        explicit_bzero(model->key_line, strlen(model->key_line));
    free(model->key_line);
    free(model);
}

struct model_spent model_spent(const struct model *model)
{
    return model->spent;
}
