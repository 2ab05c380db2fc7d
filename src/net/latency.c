#include "net/latency.h"

#include "net/state.h"

void latency_taken(void *ctx, uint64_t since_ns, size_t messages)
{
    struct server *server = ctx;
    struct latency *latency = &server->latency;
    size_t at = latency->waiting_count;
    if (at == LATENCY_WAITING_MAX) { /* the last stands for those that are more: it is older */
        latency->waiting[at - 1].messages += messages;
        return;
    }
    latency->waiting[at].since_ns = since_ns;
    latency->waiting[at].messages = messages;
    latency->waiting_count++;
}

void latency_settle(struct server *server)
{
    struct latency *latency = &server->latency;
    uint64_t messages = hub_messages(server->hub), back = 0;
    uint64_t fresh = messages - latency->counted;
    uint64_t now = fresh || latency->waiting_count ? uv_hrtime() : 0;
    for (size_t i = 0; i < latency->waiting_count; i++) {
        histogram_add(&latency->histogram, now - latency->waiting[i].since_ns,
                      latency->waiting[i].messages);
        back += latency->waiting[i].messages;
    }
    if (fresh > back && latency->read_ns)
        histogram_add(&latency->histogram, now - latency->read_ns, fresh - back);
    latency->counted = messages;
    latency->waiting_count = 0;
    latency->read_ns = 0;
}
