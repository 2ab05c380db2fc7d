/* The hub in numbers: of a room, for who is there; of all of it, for an admin, and on a hub without
 * tokens, which knows nobody. No names, and nothing that was said. An answer of admit's. */
#include <inttypes.h>

#include "core/effects.h"
#include "core/handlers.h"
#include "core/state.h"

uint64_t hub_messages(const struct hub *hub)
{
    return hub->messages;
}

/* A walk over them at most once for each entry of the room: who asks again of a room in which
 * nothing happens costs nothing. */
static const struct tally *tally_of(struct room *room)
{
    struct tally *tally = &room->tally;
    const struct task *task;
    if (tally->seq == room->last_seq)
        return tally;
    *tally = (struct tally){.seq = room->last_seq, .dead_letters = letters_dead(room)};
    TAILQ_FOREACH (task, &room->tasks.list, next)
        tally->tasks[task_status(task)]++;
    return tally;
}

static void room_add(struct room *room, struct hub_counts *counts)
{
    const struct index *sections = room->knowledge.sections;
    const struct tally *tally = tally_of(room);
    counts->members += room->seat_count - room->observer_count;
    counts->observers += room->observer_count;
    counts->away += room->away_count;
    counts->remembered += room->departed_count;
    counts->sessions_live += room->live_count;
    counts->sessions_ended += room->ended_count;
    counts->leases += room->leases.count;
    counts->tasks_open += room->tasks.open_count;
    counts->tasks_closed += room->tasks.closed_count;
    counts->tasks_ready += tally->tasks[TASK_IS_READY];
    counts->tasks_blocked += tally->tasks[TASK_IS_BLOCKED];
    counts->tasks_claimed += tally->tasks[TASK_IS_CLAIMED];
    counts->tasks_done += tally->tasks[TASK_IS_DONE];
    counts->tasks_dropped += tally->tasks[TASK_IS_DROPPED];
    counts->approvals_pending += room->approvals.pending_count;
    counts->dead_letters += tally->dead_letters;
    counts->patterns += sections[SECTION_PATTERNS].count;
    counts->components += sections[SECTION_COMPONENTS].count;
    counts->features += sections[SECTION_FEATURES].count;
    counts->benchmarks += sections[SECTION_BENCHMARKS].count;
    counts->knowledge_bytes += room->knowledge.bytes;
}

struct hub_counts hub_count(const struct hub *hub)
{
    struct hub_counts counts = {.messages = hub->messages,
                                .effects = hub->effects,
                                .refused = hub->refused,
                                .rooms = hub->room_count,
                                .peers = hub->peer_count};
    for (size_t i = 0; i < hub->room_count; i++)
        room_add(hub->rooms[i], &counts);
    return counts;
}

/* ── as JSON ── */

/* The members that a room and a hub have alike. */
static void counts_write(const struct hub_counts *counts, struct text *text)
{
    text_addf(text,
              "\"members\":%zu,\"away\":%zu,\"sessions\":{\"live\":%zu,\"ended\":%zu},"
              "\"leases\":%zu,\"approvals_pending\":%zu,\"dead_letters\":%zu",
              counts->members, counts->away, counts->sessions_live, counts->sessions_ended,
              counts->leases, counts->approvals_pending, counts->dead_letters);
    text_addf(text,
              ",\"tasks\":{\"ready\":%zu,\"blocked\":%zu,\"claimed\":%zu,\"done\":%zu,"
              "\"dropped\":%zu}",
              counts->tasks_ready, counts->tasks_blocked, counts->tasks_claimed, counts->tasks_done,
              counts->tasks_dropped);
    text_addf(text,
              ",\"knowledge\":{\"shared_patterns\":%zu,\"shared_components\":%zu,"
              "\"collective_features\":%zu,\"performance_benchmarks\":%zu},\"knowledge_bytes\":%zu",
              counts->patterns, counts->components, counts->features, counts->benchmarks,
              counts->knowledge_bytes);
}

static void room_write(struct room *room, struct text *text)
{
    struct hub_counts counts = {0};
    room_add(room, &counts);
    text_add_literal(text, ",\"room\":{\"name\":");
    text_add_string(text, room->key);
    text_addf(text, ",\"seq\":%" PRIu64 ",", room->last_seq);
    counts_write(&counts, text);
    text_add_literal(text, "}");
}

static void closed_write(const struct hub_figures *figures, struct text *text)
{
    text_add_literal(text, ",\"closed\":{");
    for (unsigned reason = 0; reason < CLOSE_REASON_COUNT; reason++)
        text_addf(text, "%s\"%s\":%" PRIu64, reason ? "," : "",
                  close_reason_text((enum close_reason)reason), figures->closed[reason]);
    text_add_literal(text, "}");
}

static void hub_write(const struct hub *hub, const struct hub_figures *figures, struct text *text)
{
    struct hub_counts counts = hub_count(hub);
    text_addf(text, ",\"hub\":{\"uptime_s\":%.3f,\"rooms\":%zu,\"observers\":%zu,",
              (double)figures->up_ms / 1000, counts.rooms, counts.observers);
    counts_write(&counts, text);
    text_addf(text, ",\"connections\":%zu,\"accepted\":%" PRIu64, figures->connections,
              figures->accepted);
    closed_write(figures, text);
    text_addf(text,
              ",\"messages\":%" PRIu64 ",\"refused\":%" PRIu64 ",\"deliveries\":%" PRIu64
              ",\"bytes_in\":%" PRIu64 ",\"bytes_out\":%" PRIu64
              ",\"queued_bytes\":%zu,\"unstored_bytes\":%zu,\"latency\":",
              hub->messages - hub->messages_before, hub->refused - hub->refused_before,
              figures->deliveries, figures->bytes_in, figures->bytes_out, figures->queued_bytes,
              figures->unstored_bytes);
    histogram_write(&figures->latency, text);
    text_add_literal(text, ",\"commits\":");
    if (figures->keeps)
        histogram_write(&figures->commits, text);
    else
        text_add_literal(text, "null");
    text_add_literal(text, "}");
}

/* Is it shown what is the whole hub's? On a hub without tokens anybody may look into each room. */
static bool sees_hub(const struct peer *peer)
{
    return peer && (peer->admin || !peer->principal);
}

int stats_answer(struct request *request, const struct seat *to)
{
    struct hub *hub = request->hub;
    struct hub_figures figures = {0};
    struct outgoing outgoing;
    struct text *text =
        hub_message_begin(request, MESSAGE_STATS_RESULT, slice_of("hub"), request->member->key);
    text_add_literal(text, "{\"in_reply_to\":");
    text_add_string(text, request->message->message_id);
    text_add_literal(text, ",\"hub_version\":\"" KHUB_VERSION "\"");
    room_write(request->room, text);
    if (sees_hub(peer_find(hub, request->from))) {
        if (hub->edge.figures)
            hub->edge.figures(hub->edge.ctx, &figures);
        hub_write(hub, &figures, text);
    } else {
        text_add_literal(text, ",\"hub\":null");
    }
    text_add_literal(text, "}");
    hub_message_end(request, MESSAGE_STATS_RESULT, &outgoing);
    effect_to_connection(request, &outgoing, to);
    return 0;
}
