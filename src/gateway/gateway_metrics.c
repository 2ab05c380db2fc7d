/* What Prometheus is told, in its text format: what this process knows for sure, and what the hub
 * tells who asks. */
#include <stdlib.h>

#include "gateway/gateway_inside.h"
#include "gateway/observers.h"

static void metric(struct text *text, const char *name, const char *type, const char *help)
{
    text_addf(text, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void add_number(struct text *text, const char *name, const char *type, const char *help,
                       uint64_t number)
{
    metric(text, name, type, help);
    text_addf(text, "%s ", name);
    text_add_number(text, number);
    text_add_literal(text, "\n");
}

static void add_answers(struct text *text, const struct gateway *gateway)
{
    static const char name[] = "khub_gateway_http_answers_total";
    metric(text, name, "counter", "Answers, by route (empty: there was none) and kind of status.");
    for (size_t i = 0;; i++) {
        const struct http_route *route = &gateway->routes[i];
        for (unsigned class = 1; class < HTTP_CLASSES; class ++) {
            uint64_t answers = http_server_answers(gateway->http, i, class);
            if (!answers && !route->method)
                continue;
            text_addf(text, "%s{method=\"%s\",route=\"%s\",code=\"%uxx\"} ", name,
                      route->method ? route->method : "", route->method ? route->path : "", class);
            text_add_number(text, answers);
            text_add_literal(text, "\n");
        }
        if (!route->method)
            return;
    }
}

/* One that became a WebSocket is none of HTTP any more. */
static void add_connections(struct text *text, const struct gateway *gateway)
{
    const struct http_counts *counts = http_server_counts(gateway->http);
    metric(text, "khub_gateway_connections", "gauge", "Connections now, by door.");
    text_addf(text,
              "khub_gateway_connections{door=\"http\"} %zu\n"
              "khub_gateway_connections{door=\"ws\"} %zu\n",
              counts->connections - counts->upgrades_open, counts->upgrades_open);
}

static void add_http(struct text *text, const struct gateway *gateway)
{
    const struct http_counts *counts = http_server_counts(gateway->http);
    add_number(text, "khub_gateway_http_streams_open", "gauge", "Streams of events now.",
               counts->streams_open);
#define X(name, help)                                                                              \
    add_number(text, "khub_gateway_http_" #name "_total", "counter", "HTTP: " help ".",            \
               counts->name);
    HTTP_COUNTERS(X)
#undef X
    add_answers(text, gateway);
}

static void add_ws(struct text *text, const struct ws_counts *counts)
{
#define X(name, help)                                                                              \
    add_number(text, "khub_gateway_ws_" #name "_total", "counter", "WebSocket: " help ".",         \
               counts->name);
    WS_COUNTERS(X)
#undef X
}

static void add_hub(struct text *text, const struct gateway *gateway)
{
    add_number(text, "khub_gateway_hub_joined", "gauge", "1 while the hub has let this gateway in.",
               gateway->joined);
    add_number(text, "khub_gateway_hub_joins_total", "counter", "Times that it did.",
               gateway->joins);
    add_number(text, "khub_gateway_hub_losses_total", "counter", "Times that the hub was lost.",
               gateway->losses);
    add_number(text, "khub_gateway_hub_questions_total", "counter",
               "Signs of life that the hub was asked for by /readyz.", gateway->questions);
    add_number(text, "khub_gateway_hub_unanswered_total", "counter",
               "Those that it did not answer in time.", gateway->unanswered);
}

static void add_callers(struct text *text, const struct callers *callers)
{
    const struct callers_counts *counts = callers_counts(callers);
    add_number(text, "khub_gateway_callers_admitted_total", "counter",
               "Requests of those whom the hub lets in.", counts->admitted);
    add_number(text, "khub_gateway_callers_refused_total", "counter",
               "Requests without a token, or with one that is not good, or not for that.",
               counts->refused);
    add_number(text, "khub_gateway_callers_put_off_total", "counter",
               "Requests that were told to come again, for the hub could not be asked who it is.",
               counts->put_off);
    add_number(text, "khub_gateway_callers_questions_total", "counter",
               "Times that the hub was asked who somebody is.", counts->questions);
}

/* hub: as for hub_metrics_add; at NULL: it is not asked. */
static void metrics_tell(struct http_request *request, struct slice hub)
{
    struct gateway *gateway = http_server_data(request);
    struct text text = {0};
    if (hub.at)
        hub_metrics_add(&text, hub);
    metric(&text, "khub_gateway_info", "gauge", "Which khub this is.");
    text_add_literal(&text, "khub_gateway_info{version=\"" KHUB_VERSION "\"} 1\n");
    add_number(&text, "khub_gateway_start_time_seconds", "gauge", "When it began, in unix time.",
               (uint64_t)gateway->started_ms / 1000);
    add_hub(&text, gateway);
    add_connections(&text, gateway);
    add_callers(&text, gateway->callers);
    add_http(&text, gateway);
    add_ws(&text, ws_door_counts(gateway->ws));
    if (text.failed)
        http_reply_error(request, 503, "out of memory");
    else
        http_reply(request, 200, "text/plain; version=0.0.4; charset=utf-8", text_slice(&text));
    text_free(&text);
}

void gateway_metrics(struct http_request *request)
{
    metrics_tell(request, (struct slice){NULL, 0});
}

/* ── the hub's ── */

#define SILENT ((struct slice){"", 0})

/* One who waits for what the hub counts. */
struct metrics_visit {
    struct http_request *request; /* NULL: it is answered, or its client is gone */
    struct observer *observer;    /* held */
    uv_timer_t timer;             /* a hub that does not answer keeps nobody from the rest */
};

static void visit_answer(struct metrics_visit *visit, struct slice hub)
{
    struct http_request *request = visit->request;
    visit->request = NULL;
    if (!request)
        return;
    http_request_on_gone(request, NULL, NULL);
    metrics_tell(request, hub);
}

static void on_late(uv_timer_t *timer)
{
    visit_answer(timer->data, SILENT);
}

static void on_visitor_gone(struct http_request *request, void *data)
{
    struct metrics_visit *visit = data;
    (void)request;
    visit->request = NULL;
}

static void on_visit_closed(uv_handle_t *timer)
{
    free(timer->data);
}

static void on_stats(const struct agent_answer *answer, void *data)
{
    struct metrics_visit *visit = data;
    visit_answer(visit, answer->good ? answer->text : SILENT);
    observer_release(visit->observer);
    uv_close((uv_handle_t *)&visit->timer, on_visit_closed);
}

static void on_observing(const struct agent_answer *joined, void *data)
{
    struct metrics_visit *visit = data;
    if (joined->good && visit->request)
        agent_ask_text(observer_agent(visit->observer), "stats_query", "{}", NULL, on_stats, visit);
    else
        on_stats(&(struct agent_answer){.good = false}, visit);
}

void gateway_hub_metrics(struct http_request *request)
{
    struct gateway *gateway = http_server_data(request);
    struct metrics_visit *visit = gateway->joined ? calloc(1, sizeof *visit) : NULL;
    if (visit)
        visit->observer = observer_hold(rest_door_observers(gateway->rest), NULL, request);
    if (!visit || !visit->observer) {
        free(visit);
        metrics_tell(request, SILENT);
        return;
    }
    visit->request = request;
    uv_timer_init(gateway->timer.loop, &visit->timer);
    visit->timer.data = visit;
    uv_timer_start(&visit->timer, on_late, gateway->answer_ms, 0);
    http_request_on_gone(request, on_visitor_gone, visit);
    agent_join(observer_agent(visit->observer), on_observing, visit);
}
