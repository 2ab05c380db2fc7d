/* Everything that a hub counts counted anew. */
#include <stdarg.h>
#include <stdio.h>

#include "core/names.h"
#include "core/recount.h"

void verdict_fail(struct verdict *verdict, const char *format, ...)
{
    va_list arguments;
    if (verdict->wrong)
        return;
    verdict->wrong = true;
    va_start(arguments, format);
    vsnprintf(verdict->why, verdict->size, format, arguments);
    va_end(arguments);
}

/* The kept list of active_ais, as far as it goes. */
static void recount_listed(struct verdict *verdict)
{
    const struct room *room = verdict->room;
    struct text anew = {0};
    for (size_t i = 0; i < room->listed_seats && i < room->seat_count; i++) {
        if (room->seats[i].observer)
            continue;
        if (anew.len)
            text_add_literal(&anew, ",");
        text_add_string(&anew, room->seats[i].member->key);
    }
    if (room->listed_seats > room->seat_count ||
        (room->listed_seats && !slice_equal(text_slice(&anew), text_slice(&room->listed))))
        verdict_fail(verdict, "the kept list of active AIs is not that of the first %zu seats",
                     room->listed_seats);
    text_free(&anew);
}

static void recount_away(struct verdict *verdict)
{
    const struct room *room = verdict->room;
    const struct member *member;
    size_t away = 0, staying = 0;
    uint64_t order = 0;
    TAILQ_FOREACH (member, &room->away, next) {
        away++;
        if (!member_is_away(member) || member->level != 2 || member->observer ||
            member->order <= order || name_taken_for(room, member->key) || !member->lookalikes ||
            index_find(&room->lookalikes, member->lookalikes->key) != member->lookalikes)
            verdict_fail(verdict, "\"%.*s\" is away, and not here", SLICE_FORMAT(member->key));
        order = member->order;
    }
    for (size_t i = 0; i < room->seat_count; i++)
        staying += room->seats[i].member->stays_s > 0;
    if (away != room->away_count || away + staying > STAYING_MAX)
        verdict_fail(verdict, "%zu are away and %zu more stay, counted %zu", away, staying,
                     room->away_count);
}

static void recount_seats(struct verdict *verdict)
{
    const struct room *room = verdict->room;
    size_t observers = 0, departed = 0;
    for (size_t i = 0; i < room->seat_count; i++) {
        const struct seat *seat = &room->seats[i];
        const struct member *member = seat->member;
        const struct peer *peer = peer_find(room->hub, seat->peer);
        observers += seat->observer;
        bool same = !peer || room_starting(room) || (peer->member == member && peer->room == room);
        if (!same || member->peer != seat->peer)
            verdict_fail(verdict, "seat of \"%.*s\": its peer is not its own",
                         SLICE_FORMAT(member->key));
        if (seat->level != member->level || seat->observer != member->observer)
            verdict_fail(verdict, "seat of \"%.*s\": level or role differ",
                         SLICE_FORMAT(member->key));
        if (member_find(room, member->key) != member)
            verdict_fail(verdict, "\"%.*s\" is not in the registry", SLICE_FORMAT(member->key));
        if (!member->lookalikes || name_taken_for(room, member->key) ||
            index_find(&room->lookalikes, member->lookalikes->key) != member->lookalikes)
            verdict_fail(verdict, "\"%.*s\" passes for another", SLICE_FORMAT(member->key));
    }
    const struct member *gone;
    TAILQ_FOREACH (gone, &room->departed, next) {
        departed++;
        if (member_is_here(gone) || gone->lookalikes || gone->capability_count)
            verdict_fail(verdict, "\"%.*s\" left, and has a peer", SLICE_FORMAT(gone->key));
    }
    recount_away(verdict);
    departed += room->away_count;
    if (observers != room->observer_count)
        verdict_fail(verdict, "%zu observers, counted %zu", observers, room->observer_count);
    if (departed != room->departed_count + room->away_count ||
        departed + room->seat_count != room->members.count)
        verdict_fail(verdict, "%zu seated and %zu gone, but %zu members", room->seat_count,
                     departed, room->members.count);
}

static void recount_member(void *object, void *ctx)
{
    const struct member *member = object;
    struct verdict *verdict = ctx;
    size_t active = session_count_active(verdict->room, member->key);
    if (member->cursor > verdict->room->last_seq)
        verdict_fail(verdict, "\"%.*s\" has read what is yet to come", SLICE_FORMAT(member->key));
    if (!reach_fits(&member->reach, verdict->room->last_seq))
        verdict_fail(verdict, "what \"%.*s\" was given is in no order", SLICE_FORMAT(member->key));
    if (active != member->sessions)
        verdict_fail(verdict, "\"%.*s\" is in %zu active sessions, counted %zu",
                     SLICE_FORMAT(member->key), active, member->sessions);
}

static void recount_block(struct verdict *verdict, const struct receipts *receipts,
                          const struct receipt_block *block)
{
    bool last = !TAILQ_NEXT(block, next);
    if (!block->count || (block->count != RECEIPTS_IN_BLOCK && !last) ||
        block->count > RECEIPTS_IN_BLOCK)
        verdict_fail(verdict, "a block of receipts has %zu", block->count);
    if (!last && TAILQ_NEXT(block, next)->number != block->number + 1)
        verdict_fail(verdict, "receipts of \"%.*s\": a block is missing",
                     SLICE_FORMAT(receipts->member->key));
    for (size_t i = 0; i < block->count; i++)
        if (receipt_seq(&block->receipts[i]) > receipts->last_seq ||
            (i && block->receipts[i].place <= block->receipts[i - 1].place))
            verdict_fail(verdict, "receipts of \"%.*s\" are in no order",
                         SLICE_FORMAT(receipts->member->key));
}

static void recount_receipts(struct verdict *verdict)
{
    const struct room *room = verdict->room;
    const struct receipts *receipts;
    const struct receipt_block *block;
    size_t count = 0, extra = 0;
    uint64_t seq = 0;
    TAILQ_FOREACH (receipts, &room->receipts, next) {
        size_t blocks = 0;
        if (receipts->last_seq <= seq || receipts->member->receipts != receipts ||
            member_find(room, receipts->member->key) != receipts->member)
            verdict_fail(verdict, "receipts are in no order, or of nobody");
        seq = receipts->last_seq;
        TAILQ_FOREACH (block, &receipts->blocks, next) {
            recount_block(verdict, receipts, block);
            count += block->count;
            blocks++;
        }
        extra += receipts->extra;
        if (!receipts_whole(room, receipts))
            verdict_fail(verdict, "a receipt of \"%.*s\" is not found",
                         SLICE_FORMAT(receipts->member->key));
        if (!blocks || blocks != receipts->block_count || blocks > RECEIPT_BLOCKS_EACH_MAX)
            verdict_fail(verdict, "%zu blocks of receipts, counted %zu", blocks,
                         receipts->block_count);
    }
    TAILQ_FOREACH (receipts, &room->receipts_extra, next_extra)
        extra--;
    if (extra)
        verdict_fail(verdict, "who has more than the last 10,000 receipts is not listed");
    const struct awaited *awaited;
    size_t waiting = 0;
    TAILQ_FOREACH (awaited, &room->awaited, next) {
        const struct awaited *next = TAILQ_NEXT(awaited, next);
        waiting++;
        if (awaited->seq > room->last_seq || (next && next->seq <= awaited->seq))
            verdict_fail(verdict, "awaited replies are in no order");
    }
    if (waiting != room->awaited_count || waiting > AWAITED_MAX)
        verdict_fail(verdict, "%zu replies are awaited, counted %zu", waiting, room->awaited_count);
    if (count != room->receipt_count || count > RECEIPTS_MAX)
        verdict_fail(verdict, "%zu receipts, counted %zu", count, room->receipt_count);
}

static void recount_letters(struct verdict *verdict)
{
    const struct letters *letters = &verdict->room->letters;
    const struct letter *letter;
    size_t count = 0, bytes = 0, said = 0;
    uint64_t seq = 0;
    TAILQ_FOREACH (letter, &letters->list, next) {
        count++;
        bytes += letter->line.len;
        said += letter == TAILQ_FIRST(&letter->said->letters) ? letter->said->count : 0;
        if (letter->seq <= seq || letter->seq > verdict->room->last_seq)
            verdict_fail(verdict, "letters are in no order");
        if (letter->lack == LETTER_LACKS_NONE && !letter->awaited && !letter->overdue)
            verdict_fail(verdict, "letter %llu lacks nothing", (unsigned long long)letter->seq);
        if (index_find(&letters->said, letter->sender) != letter->said ||
            index_find(&letters->addressed, letter->target) != letter->addressed)
            verdict_fail(verdict, "letter %llu lies in another's pile",
                         (unsigned long long)letter->seq);
        seq = letter->seq;
    }
    if (count != letters->count || bytes != letters->bytes || said != count ||
        count > LETTERS_MAX || bytes > LETTERS_BYTES_MAX)
        verdict_fail(verdict, "%zu letters of %zu bytes, counted %zu of %zu, %zu by sender", count,
                     bytes, letters->count, letters->bytes, said);
}

static size_t away_users(const struct room *room, const struct capability *capability)
{
    const struct member *member;
    size_t users = 0;
    TAILQ_FOREACH (member, &room->away, next)
        for (size_t i = 0; i < member->capability_count; i++)
            users += member->capabilities[i] == capability;
    return users;
}

static void recount_capabilities(struct verdict *verdict)
{
    const struct room *room = verdict->room;
    const struct capability *capability;
    size_t listed = 0;
    TAILQ_FOREACH (capability, &room->capability_list, next) {
        size_t users = 0;
        for (size_t i = 0; i < room->seat_count; i++)
            for (size_t j = 0; j < room->seats[i].member->capability_count; j++)
                users += room->seats[i].member->capabilities[j] == capability;
        users += away_users(room, capability);
        listed++;
        if (users != capability->users)
            verdict_fail(verdict, "capability \"%.*s\" has %zu users, counted %zu",
                         SLICE_FORMAT(capability->key), users, capability->users);
    }
    if (listed != room->capabilities.count)
        verdict_fail(verdict, "%zu capabilities listed, %zu indexed", listed,
                     room->capabilities.count);
}

static void recount_cell(void *object, void *ctx)
{
    const struct cell *cell = object;
    struct verdict *verdict = ctx;
    verdict->bytes += cell->key.len + cell->value.len;
    verdict->entries++;
}

static void recount_session(struct verdict *verdict, const struct session *session, bool live)
{
    verdict->bytes = verdict->entries = 0;
    index_walk(&session->workspace, recount_cell, verdict);
    verdict->workspaces += verdict->bytes;
    if (session_live(session) != live)
        verdict_fail(verdict, "session %.*s is %s, and in the wrong list",
                     SLICE_FORMAT(session->key), session_state_text(session->state));
    if (verdict->bytes != session->workspace_bytes || verdict->entries > WORKSPACE_KEYS_MAX ||
        verdict->bytes > WORKSPACE_BYTES_MAX || (!live && verdict->entries))
        verdict_fail(verdict, "session %.*s: workspace of %zu keys, %zu bytes, counted %zu",
                     SLICE_FORMAT(session->key), verdict->entries, verdict->bytes,
                     session->workspace_bytes);
    if (!session->participant_count || session->participant_count > PARTICIPANTS_MAX ||
        (session->state == SESSION_PENDING && session->participant_count != 1))
        verdict_fail(verdict, "session %.*s is %s with %zu participants",
                     SLICE_FORMAT(session->key), session_state_text(session->state),
                     session->participant_count);
}

static void recount_sessions(struct verdict *verdict)
{
    const struct room *room = verdict->room;
    const struct session *session;
    size_t live = 0, ended = 0;
    verdict->workspaces = 0;
    TAILQ_FOREACH (session, &room->live, next) {
        recount_session(verdict, session, true);
        live++;
    }
    TAILQ_FOREACH (session, &room->ended, next) {
        recount_session(verdict, session, false);
        ended++;
    }
    if (live != room->live_count || ended != room->ended_count ||
        live + ended != room->sessions.count)
        verdict_fail(verdict, "%zu live and %zu ended sessions, counted %zu and %zu, indexed %zu",
                     live, ended, room->live_count, room->ended_count, room->sessions.count);
    if (verdict->workspaces != room->workspace_bytes)
        verdict_fail(verdict, "all workspaces hold %zu bytes, counted %zu", verdict->workspaces,
                     room->workspace_bytes);
    if (live > SESSIONS_LIVE_MAX || ended > SESSIONS_ENDED_MAX)
        verdict_fail(verdict, "%zu live, %zu ended sessions: over the limit", live, ended);
}

/* Are they where they are looked for, within their bounds, and whole if they are said to be? */
static void recount_artifacts(struct verdict *verdict)
{
    const struct room *room = verdict->room;
    const struct artifact *artifact;
    uint64_t bytes = 0, before = 0;
    size_t count = 0, of_sessions = 0;
    TAILQ_FOREACH (artifact, &room->artifacts, next) {
        const struct session *session = artifact->session;
        uint64_t seq = artifact->number;
        bool in_order = artifact->number > before;
        for (size_t i = 0; i < artifact->chunk_count; seq = artifact->chunks[i++])
            in_order = in_order && artifact->chunks[i] > seq;
        if (!in_order || session_find(room, session->key) != session)
            verdict_fail(verdict, "file \"%.*s\" is out of its order, or of no session",
                         SLICE_FORMAT(artifact->name));
        bool whole = artifact->chunk_count == artifact_chunks(artifact);
        if (whole != (artifact->version > 0) || (!whole && !session_live(session)) ||
            (artifact->version && !artifact->former &&
             artifact_current(session, artifact->name) != artifact) ||
            (!artifact->version && upload_find(session, artifact->name, artifact->by) != artifact))
            verdict_fail(verdict, "file \"%.*s\" has %zu chunks at version %llu",
                         SLICE_FORMAT(artifact->name), artifact->chunk_count,
                         (unsigned long long)artifact->version);
        before = artifact->number;
        bytes += artifact->size;
        count++;
    }
    const struct session *session;
    TAILQ_FOREACH (session, &room->live, next)
        TAILQ_FOREACH (artifact, &session->artifacts, of_session)
            of_sessions += artifact->session == session;
    TAILQ_FOREACH (session, &room->ended, next)
        TAILQ_FOREACH (artifact, &session->artifacts, of_session)
            of_sessions += artifact->session == session;
    if (count != room->artifact_count || count != of_sessions || bytes != room->artifact_bytes ||
        count > ARTIFACTS_MAX || bytes > ARTIFACTS_BYTES_MAX)
        verdict_fail(verdict, "%zu files of %llu bytes, %zu of sessions; counted %zu of %llu",
                     count, (unsigned long long)bytes, of_sessions, room->artifact_count,
                     (unsigned long long)room->artifact_bytes);
}

/* ── leases ── */

static void recount_leases(struct verdict *verdict)
{
    const struct room *room = verdict->room;
    const struct lease *lease;
    uint64_t before = 0;
    size_t count = 0;
    TAILQ_FOREACH (lease, &room->leases_open, next) {
        if (lease->fence <= before || lease->renewed < lease->fence ||
            lease->renewed > room->last_seq)
            verdict_fail(verdict, "the lease of \"%.*s\" has a fence out of order",
                         SLICE_FORMAT(lease->key));
        if (lease_find(room, lease->key) != lease || !lease->ttl_s ||
            lease->ttl_s > LEASE_TTL_MAX_S)
            verdict_fail(verdict, "the lease of \"%.*s\" is not one", SLICE_FORMAT(lease->key));
        before = lease->fence;
        count++;
    }
    lease = TAILQ_LAST(&room->leases_open, lease_list); /* before it, its holder had fewer */
    if (lease && leases_count(room, lease->holder) > LEASES_EACH_MAX)
        verdict_fail(verdict, "\"%.*s\" has too many leases", SLICE_FORMAT(lease->holder));
    if (count != room->leases.count || count > LEASES_MAX)
        verdict_fail(verdict, "%zu leases are open, counted %zu", count, room->leases.count);
}

/* ── knowledge ── */

static void recount_contributor(void *object, void *ctx)
{
    struct verdict *verdict = ctx;
    const struct contributor *contributor = object;
    const struct knowledge_entry *entry;
    uint64_t entries = 0, uses = 0, tested = 0, retracted = 0, claims[CLAIM_STATUS_COUNT] = {0};
    TAILQ_FOREACH (entry, &verdict->room->knowledge.recent, recent) {
        if (entry->contributor != contributor)
            continue;
        entries++;
        uses += entry->usage;
        tested += entry->tested;
        retracted += entry->retracted.by.len > 0;
        for (int status = 0; entry->claim && status < CLAIM_STATUS_COUNT; status++)
            claims[status] += entry->claim->settled[status] +
                              (entry->claim->live && (int)entry->claim->status == status);
    }
    if (memcmp(claims, contributor->claims, sizeof claims) != 0)
        verdict_fail(verdict, "the claims of \"%.*s\" are miscounted",
                     SLICE_FORMAT(contributor->key));
    if (entries != contributor->entries || uses != contributor->uses ||
        tested != contributor->tested || retracted != contributor->retracted || !entries)
        verdict_fail(
            verdict, "\"%.*s\" contributed %llu/%llu/%llu, counted %llu/%llu/%llu",
            SLICE_FORMAT(contributor->key), (unsigned long long)entries, (unsigned long long)uses,
            (unsigned long long)tested, (unsigned long long)contributor->entries,
            (unsigned long long)contributor->uses, (unsigned long long)contributor->tested);
}

/* What each AI has of it, and the benchmarks of ids that name nothing. */
static void recount_tenant(void *object, void *ctx)
{
    struct verdict *verdict = ctx;
    const struct tenant *tenant = object;
    const struct knowledge_entry *entry;
    size_t entries = 0, reports = 0, bytes = 0;
    TAILQ_FOREACH (entry, &verdict->room->knowledge.recent, recent) {
        const struct report *report;
        TAILQ_FOREACH (report, &entry->reports, next)
            if (report->tenant == tenant) {
                reports++;
                bytes += report_cost(report);
            }
        if (entry->tenant != tenant)
            continue;
        entries++;
        bytes += knowledge_cost(entry->key, entry->body, entry->timestamp) +
                 (entry->claim ? CLAIM_OVERHEAD : 0);
    }
    if (entries != tenant->entries || reports != tenant->reports || bytes != tenant->bytes ||
        entries + reports == 0)
        verdict_fail(verdict,
                     "\"%.*s\" has %zu entries, %zu reports, %zu bytes; counted %zu, %zu, %zu",
                     SLICE_FORMAT(tenant->key), entries, reports, bytes, tenant->entries,
                     tenant->reports, tenant->bytes);
}

/* What each owner has of it, by its AIs. */
struct owned {
    struct verdict *verdict;
    const struct holding *holding;
    size_t members, entries, bytes;
};

static void owned_add(void *object, void *ctx)
{
    struct owned *owned = ctx;
    const struct member *member = object;
    const struct tenant *tenant = index_find(&owned->verdict->room->knowledge.tenants, member->key);
    if (member->holding != owned->holding)
        return;
    owned->members++;
    owned->entries += tenant ? tenant->entries : 0;
    owned->bytes += tenant ? tenant->bytes : 0;
    if (tenant && tenant->holding != owned->holding)
        verdict_fail(owned->verdict, "\"%.*s\" is one owner's, and what it has another's",
                     SLICE_FORMAT(member->key));
}

static void recount_holding(void *object, void *ctx)
{
    struct verdict *verdict = ctx;
    const struct holding *holding = object;
    struct owned owned = {.verdict = verdict, .holding = holding};
    index_walk(&verdict->room->members, owned_add, &owned);
    if (owned.members != holding->members || owned.entries != holding->entries ||
        owned.bytes != holding->bytes)
        verdict_fail(verdict,
                     "\"%.*s\" owns %zu AIs, %zu entries, %zu bytes; counted %zu, %zu, %zu",
                     SLICE_FORMAT(holding->key), owned.members, owned.entries, owned.bytes,
                     holding->members, holding->entries, holding->bytes);
}

static void recount_owned(void *object, void *ctx)
{
    const struct member *member = object;
    const struct holding *holding = member->holding;
    if ((holding != NULL) != (member->owner.len > 0) ||
        (holding && !slice_equal(holding->key, member->owner)))
        verdict_fail(ctx, "\"%.*s\" is in another owner's holding", SLICE_FORMAT(member->key));
}

static void recount_loose(struct verdict *verdict)
{
    const struct knowledge *knowledge = &verdict->room->knowledge;
    const struct knowledge_entry *entry;
    size_t count = 0, bytes = 0, loose = 0;
    TAILQ_FOREACH (entry, &knowledge->loose, loose) {
        struct knowledge_entry *named[NAMED_MAX];
        knowledge_named(knowledge, entry->key, named);
        count++;
        bytes += entry->bytes;
        if (!entry->is_loose || named[0] || named[1] || named[2])
            verdict_fail(verdict, "benchmark \"%.*s\" names something", SLICE_FORMAT(entry->key));
    }
    TAILQ_FOREACH (entry, &knowledge->recent, recent)
        loose += entry->is_loose;
    if (count != knowledge->loose_count || count != loose || bytes != knowledge->loose_bytes ||
        count > LOOSE_BENCHMARKS_MAX)
        verdict_fail(verdict, "%zu loose benchmarks of %zu bytes, counted %zu of %zu", count, bytes,
                     knowledge->loose_count, knowledge->loose_bytes);
}

static void recount_formers(struct verdict *verdict)
{
    const struct knowledge *knowledge = &verdict->room->knowledge;
    const struct knowledge_entry *entry;
    const struct former *former;
    size_t bytes = 0, of_room = 0, of_entries = 0;
    TAILQ_FOREACH (former, &knowledge->formers, of_room) {
        of_room++;
        bytes += former_cost(former);
    }
    TAILQ_FOREACH (entry, &knowledge->recent, recent) {
        size_t own = 0, own_bytes = 0;
        uint64_t before = 0;
        TAILQ_FOREACH (former, &entry->formers, of_entry) {
            own++;
            own_bytes += former_cost(former);
            if (former->entry != entry || former->revision <= before ||
                former->revision >= entry->revision)
                verdict_fail(verdict, "entry \"%.*s\" has a wrong former revision",
                             SLICE_FORMAT(entry->key));
            before = former->revision;
        }
        of_entries += own;
        if (own != entry->former_count || own_bytes != entry->former_bytes ||
            own > FORMERS_EACH_MAX)
            verdict_fail(verdict, "entry \"%.*s\" has %zu former revisions, counted %zu",
                         SLICE_FORMAT(entry->key), own, entry->former_count);
    }
    if (bytes != knowledge->former_bytes || of_room != of_entries)
        verdict_fail(verdict, "%zu former revisions of %zu bytes, counted %zu of %zu", of_room,
                     bytes, of_entries, knowledge->former_bytes);
}

static void recount_knowledge(struct verdict *verdict)
{
    const struct knowledge *knowledge = &verdict->room->knowledge;
    const struct knowledge_entry *entry;
    size_t bytes = knowledge->ledger.bytes, entries = 0, refuted = 0, retracted = 0;
    TAILQ_FOREACH (entry, &knowledge->recent, recent) {
        const struct report *report;
        size_t reports = 0, reports_bytes = 0, held_bytes = 0;
        TAILQ_FOREACH (report, &entry->reports, next) {
            reports++;
            held_bytes += report->seal ? report_cost(report) : 0;
            reports_bytes += report_cost(report);
        }
        bytes += entry->bytes;
        entries++;
        refuted += claim_refuted(entry);
        retracted += entry->retracted.by.len > 0;
        if (entry->retracted.by.len &&
            (entry->usage || entry->tested || entry->report_count || entry->former_count ||
             !slice_is(entry->body, "{}") || (entry->claim && entry->claim->live)))
            verdict_fail(verdict, "something is left of \"%.*s\", which was retracted",
                         SLICE_FORMAT(entry->key));
        if (entry->claim)
            recount_claim(verdict, entry);
        if (entry->bytes != knowledge_entry_cost(entry))
            verdict_fail(verdict, "entry \"%.*s\" takes %zu bytes, counted %zu",
                         SLICE_FORMAT(entry->key), knowledge_entry_cost(entry), entry->bytes);
        if (reports != entry->report_count || reports > REPORTS_EACH_MAX ||
            reports_bytes != entry->reports_bytes || held_bytes != entry->held_bytes)
            verdict_fail(verdict, "entry \"%.*s\" has %zu reports, counted %zu",
                         SLICE_FORMAT(entry->key), reports, entry->report_count);
        if (knowledge_find(knowledge, entry->section, entry->key) != entry)
            verdict_fail(verdict, "entry \"%.*s\" is not in its section", SLICE_FORMAT(entry->key));
        if ((entry->contributor == NULL) != (entry->section == SECTION_BENCHMARKS))
            verdict_fail(verdict, "entry \"%.*s\" has the wrong contributor",
                         SLICE_FORMAT(entry->key));
    }
    if (retracted != knowledge->retracted)
        verdict_fail(verdict, "%zu entries are retracted, counted %zu", retracted,
                     knowledge->retracted);
    if (refuted != knowledge->refuted)
        verdict_fail(verdict, "%zu claims are refuted, counted %zu", refuted, knowledge->refuted);
    if (bytes != knowledge->bytes || entries != knowledge_count(knowledge) ||
        knowledge_shared(knowledge) > KNOWLEDGE_ENTRIES_MAX)
        verdict_fail(verdict, "%zu entries of %zu bytes, counted %zu of %zu", entries, bytes,
                     knowledge_count(knowledge), knowledge->bytes);
    index_walk(&knowledge->contributors, recount_contributor, verdict);
    index_walk(&knowledge->ledger.owners, recount_owner, verdict);
    index_walk(&knowledge->tenants, recount_tenant, verdict);
    index_walk(&verdict->room->holdings, recount_holding, verdict);
    index_walk(&verdict->room->members, recount_owned, verdict);
    recount_loose(verdict);
    recount_formers(verdict);
}

static void recount_peers(struct verdict *verdict, const struct hub *hub)
{
    size_t peers = 0;
    for (size_t i = 0; i < hub->peer_capacity; i++) {
        const struct peer *peer = &hub->peers[i];
        peers += peer->id != 0;
        if (peer->member && peer->member->peer != peer->id)
            verdict_fail(verdict, "a peer is \"%.*s\", who sits elsewhere",
                         SLICE_FORMAT(peer->member->key));
        if ((peer->room == NULL) != (peer->ai_id.len == 0) || (peer_who(peer) && !peer->room))
            verdict_fail(verdict, "a peer is bound by half");
    }
    if (peers != hub->peer_count)
        verdict_fail(verdict, "%zu peers, counted %zu", peers, hub->peer_count);
}

int hub_recount(const struct hub *hub, char *ret_why, size_t size)
{
    struct verdict verdict = {.why = ret_why, .size = size};
    recount_peers(&verdict, hub);
    for (size_t i = 0; i < hub->room_count && !verdict.wrong; i++) {
        verdict.room = hub->rooms[i];
        if (!verdict.room->under_way && outlines_any(&verdict.room->outlines))
            verdict_fail(&verdict, "nothing is under way, but what admit found of it");
        if (verdict.room->messages_under_way > verdict.room->under_way)
            verdict_fail(&verdict, "%zu messages are under way among %zu entries",
                         verdict.room->messages_under_way, verdict.room->under_way);
        const struct member *addressed = verdict.room->addressed;
        if (addressed && member_find(verdict.room, addressed->key) != addressed)
            verdict_fail(&verdict, "whom a message was for last is no member");
        recount_seats(&verdict);
        recount_listed(&verdict);
        index_walk(&verdict.room->members, recount_member, &verdict);
        recount_receipts(&verdict);
        recount_letters(&verdict);
        if (!sents_whole(verdict.room))
            verdict_fail(&verdict, "what was said by those with acks is not found, or miscounted");
        if (!chains_whole(verdict.room))
            verdict_fail(&verdict, "replies in a row are in no order, or not found");
        if (!bans_whole(verdict.room))
            verdict_fail(&verdict, "a ban is half of one, or there are too many");
        if (!touches_whole(verdict.room))
            verdict_fail(&verdict, "a touch is half of one, in no order, or there are too many");
        if (!approvals_whole(verdict.room))
            verdict_fail(&verdict,
                         "an approval is half of one, in no order, or there are too many");
        if (!said_whole(verdict.room))
            verdict_fail(&verdict, "an entry that is not there is a message");
        recount_capabilities(&verdict);
        recount_sessions(&verdict);
        recount_artifacts(&verdict);
        recount_leases(&verdict);
        recount_tasks(&verdict);
        recount_ledger(&verdict);
        recount_knowledge(&verdict);
    }
    return verdict.wrong ? -1 : 0;
}
