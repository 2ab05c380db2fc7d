/* What the files of the gateway share. */
#ifndef KHUB_GATEWAY_GATEWAY_INSIDE_H
#define KHUB_GATEWAY_GATEWAY_INSIDE_H

#include <sys/queue.h>

#include "gateway/a2a.h"
#include "gateway/gateway.h"
#include "gateway/mcp_http.h"
#include "gateway/rest.h"
#include "gateway/ws.h"
#include "khub_uv.h"
#include "wire/text.h"

#define GATEWAY_ANSWER_MS 5000u

/* A request of /readyz that waits for the hub's answer. */
struct ready_waiter {
    struct http_request *request;
    struct gateway *gateway;
    TAILQ_ENTRY(ready_waiter) next;
};
TAILQ_HEAD(ready_waiter_list, ready_waiter);

struct gateway {
    struct http_server *http;
    struct khub *link;
    struct khub_uv *adapter;
    struct callers *callers;
    struct guests *guests; /* of all doors */
    struct mcp_door *mcp;
    struct ws_door *ws;
    struct rest_door *rest;
    struct webhooks *webhooks; /* NULL: nothing is pushed */
    struct a2a_door *a2a;
    struct http_route *routes; /* of http; owned */
    uv_timer_t timer;          /* for the hub's answer */
    uint64_t answer_ms;
    char question[UUID_SIZE]; /* that the hub has yet to answer; "": none */
    struct ready_waiter_list waiters;
    struct gateway_callbacks callbacks;
    void *data;
    char why[256]; /* the hub is not there; "": it is */
    bool joined;
    int64_t started_ms; /* unix time */
    uint64_t joins, losses, questions, unanswered;
};

/* GET /metrics: what the gateway counts; */
void gateway_metrics(struct http_request *request);
/* and before it what the hub counts, as far as who asks may know it. */
void gateway_hub_metrics(struct http_request *request);
/* Appends what the hub counts: the payload of a stats_result. Of len 0: it did not say. */
void hub_metrics_add(struct text *text, struct slice stats);

#endif
