/* The hub in numbers: GET /v1/stats. */
#include "gateway/rest_tables.h"

static const struct param sessions[] = {
    {"live", PARAM_WHOLE, true}, {"ended", PARAM_WHOLE, true}, {0}};
static const struct param tasks[] = {{"ready", PARAM_WHOLE, true},   {"blocked", PARAM_WHOLE, true},
                                     {"claimed", PARAM_WHOLE, true}, {"done", PARAM_WHOLE, true},
                                     {"dropped", PARAM_WHOLE, true}, {0}};
static const struct param knowledge[] = {{"shared_patterns", PARAM_WHOLE, true},
                                         {"shared_components", PARAM_WHOLE, true},
                                         {"collective_features", PARAM_WHOLE, true},
                                         {"performance_benchmarks", PARAM_WHOLE, true},
                                         {0}};
/* Of a room as of a hub. */
#define COUNTED                                                                                    \
    {"members", PARAM_WHOLE, true, "Connected"},                                                   \
        {"away", PARAM_WHOLE, true, "Members that will come back"},                                \
        {"sessions", PARAM_OBJECT, true, .members = sessions}, {"leases", PARAM_WHOLE, true},      \
        {"approvals_pending", PARAM_WHOLE, true},                                                  \
        {"dead_letters", PARAM_WHOLE, true, "Direct messages that nobody took"},                   \
        {"tasks", PARAM_OBJECT, true, .members = tasks},                                           \
        {"knowledge", PARAM_OBJECT, true, .members = knowledge},                                   \
    {                                                                                              \
        "knowledge_bytes", PARAM_WHOLE, true                                                       \
    }
static const struct param room[] = {
    {"name", PARAM_TEXT, true}, {"seq", PARAM_WHOLE, true, "Of the last entry"}, COUNTED, {0}};
static const struct param histogram[] = {
    {"count", PARAM_WHOLE, true},
    {"sum_s", PARAM_NUMBER, true},
    {"le_s", PARAM_ANY, true, "The most of each bucket, in seconds"},
    {"counts", PARAM_ANY, true, "How many were in each, and how many above the last"},
    {0}};
static const struct param hub[] = {
    {"uptime_s", PARAM_NUMBER, true},
    {"rooms", PARAM_WHOLE, true},
    {"observers", PARAM_WHOLE, true},
    COUNTED,
    {"connections", PARAM_WHOLE, true},
    {"accepted", PARAM_WHOLE, true, "Connections since it began, as all that follows"},
    {"closed", PARAM_OBJECT, true, "Connections that ended, by reason"},
    {"messages", PARAM_WHOLE, true},
    {"refused", PARAM_WHOLE, true},
    {"deliveries", PARAM_WHOLE, true, "Lines to receivers, each counted"},
    {"bytes_in", PARAM_WHOLE, true},
    {"bytes_out", PARAM_WHOLE, true},
    {"queued_bytes", PARAM_WHOLE, true, "Now: in memory for receivers"},
    {"unstored_bytes", PARAM_WHOLE, true, "Now: not on disk yet"},
    {"latency", PARAM_OBJECT, true, "From reading a message to writing what came of it",
     .members = histogram},
    {"commits", PARAM_OBJECT, true, "Transactions of the store", .null = "nothing is kept",
     .members = histogram},
    {0}};
static const struct param answer[] = {
    {"hub_version", PARAM_TEXT, true},
    {"room", PARAM_OBJECT, true, .members = room},
    {"hub", PARAM_OBJECT, true, "All of it", .null = "only an admin is told", .members = hub},
    {0}};
static const struct param query[] = {ROOM, {0}};

const struct rest_route rest_stats_routes[] = {
    {.method = "GET",
     .path = "/v1/stats",
     .name = "getStats",
     .about = "The room in numbers; for admins, and at a hub without tokens, the whole hub.",
     .who = REST_EITHER,
     .query = query,
     .status = 200,
     .answer = answer,
     .type = "stats_query",
     .run = rest_question},
    {0},
};
