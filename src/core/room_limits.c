/* What apply reads of a hub's configuration, as the bytes of ENTRY_START. So a hub that replays a
 * room judges each entry by the limits of its time: one that was started with a smaller
 * --max-knowledge takes less from then on, and drops nothing that was accepted before. */
#include <inttypes.h>

#include "core/room.h"

struct hub_config hub_config_default(void)
{
    return (struct hub_config){.line_max = WIRE_LINE_MAX,
                               .sync_limit = SYNC_LIMIT,
                               .knowledge_max = KNOWLEDGE_BYTES_MAX,
                               .output_max = 8u << 20,
                               .pending_ms = SESSION_PENDING_MS,
                               .silent_ms = SESSION_SILENT_MS,
                               .heartbeat_ms = HEARTBEAT_TIMEOUT_MS,
                               .rooms_max = ROOMS_MAX,
                               .stored_max = STORED_BYTES_MAX,
                               .workspaces_max = WORKSPACES_BYTES_MAX,
                               .artifacts_max = ARTIFACTS_HUB_BYTES_MAX,
                               .epoch_ms = EPOCH_MS,
                               .chain_max = CHAIN_MAX};
}

struct room_limits limits_of(const struct hub_config *config)
{
    return (struct room_limits){.line_max = config->line_max,
                                .output_max = config->output_max,
                                .sync_limit = config->sync_limit,
                                .knowledge_max = config->knowledge_max,
                                .rate = config->owner.most[LIMIT_RATE],
                                .heartbeat_ms = config->heartbeat_ms,
                                .chain_max = config->chain_max,
                                .epoch_ms = config->epoch_ms,
                                .keeps = config->keeps};
}

void limits_write(const struct room_limits *limits, struct text *text)
{
    text_addf(text,
              "{\"max_line\":%zu,\"max_output\":%zu,\"sync_limit\":%zu,\"max_knowledge\":%zu,"
              "\"rate\":%.17g,\"heartbeat_timeout_ms\":%" PRId64 ",\"max_chain\":%" PRIu64
              ",\"epoch_ms\":%" PRId64 ",\"keeps\":%s}",
              limits->line_max, limits->output_max, limits->sync_limit, limits->knowledge_max,
              limits->rate, limits->heartbeat_ms, limits->chain_max, limits->epoch_ms,
              limits->keeps ? "true" : "false");
}

bool limits_read(struct slice bytes, struct room_limits *ret_limits)
{
    size_t at;
    uint64_t line, output, sync, knowledge, heartbeat, chain = 0, epoch = 0;
    double rate;
    if (json_check(bytes, 1, &at) != JSON_FINE)
        return false;
    struct json_value limits = json_value_of(bytes);
    if (json_u64(json_get(limits, "max_line"), &line) < 0 ||
        json_u64(json_get(limits, "max_output"), &output) < 0 ||
        json_u64(json_get(limits, "sync_limit"), &sync) < 0 ||
        json_u64(json_get(limits, "max_knowledge"), &knowledge) < 0 ||
        json_number(json_get(limits, "rate"), &rate) < 0 ||
        json_u64(json_get(limits, "heartbeat_timeout_ms"), &heartbeat) < 0)
        return false;
    /* these came later: before, a chain had no bound, there were no epochs, and what was written
     * was written to a store */
    struct json_value max_chain = json_get(limits, "max_chain"),
                      epoch_ms = json_get(limits, "epoch_ms");
    if ((max_chain.kind != JSON_KIND_ABSENT && json_u64(max_chain, &chain) < 0) ||
        (epoch_ms.kind != JSON_KIND_ABSENT && json_u64(epoch_ms, &epoch) < 0))
        return false;
    enum json_kind keeps = json_get(limits, "keeps").kind;
    *ret_limits = (struct room_limits){.line_max = line,
                                       .output_max = output,
                                       .sync_limit = sync,
                                       .knowledge_max = knowledge,
                                       .rate = rate,
                                       .heartbeat_ms = (int64_t)heartbeat,
                                       .chain_max = chain,
                                       .epoch_ms = (int64_t)epoch,
                                       .keeps = keeps != JSON_KIND_FALSE};
    return true;
}
