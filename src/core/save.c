/* A room's state as rows, out: all of them in a fixed order, or those that changed. load.c reads
 * them. What follows from other rows (counts, sums, statuses, kept texts) is not written. */
#include <inttypes.h>
#include <math.h>

#include "core/memory.h"
#include "core/state.h"

struct saving {
    struct text text; /* of the row that is being written */
    row_reader each;
    void *ctx;
    enum row_kind kind; /* of what an index is walked for */
};

/* ── members of a JSON object, each with its comma ── */

static void add_name(struct text *text, const char *name)
{
    text_addf(text, "%s\"%s\":", text->len > 1 && text->at[text->len - 1] != '{' ? "," : "", name);
}

static void add_text(struct text *text, const char *name, struct slice value)
{
    add_name(text, name);
    text_add_string(text, value);
}

static void add_raw(struct text *text, const char *name, struct slice json)
{
    add_name(text, name);
    text_add(text, json);
}

static void add_u64(struct text *text, const char *name, uint64_t value)
{
    add_name(text, name);
    text_add_number(text, value);
}

static void add_i64(struct text *text, const char *name, int64_t value)
{
    add_name(text, name);
    text_addf(text, "%" PRId64, value);
}

static void add_bool(struct text *text, const char *name, bool value)
{
    add_name(text, name);
    text_add_literal(text, value ? "true" : "false");
}

/* A number that reads back as the same double; NAN is null. */
static void add_double(struct text *text, const char *name, double value)
{
    add_name(text, name);
    if (isnan(value))
        text_add_literal(text, "null");
    else
        text_addf(text, "%.17g", value);
}

/* ── rows ── */

static void write_ruling(const struct ruling *ruling, struct text *text)
{
    add_text(text, "by", ruling->by);
    add_text(text, "reason", ruling->reason);
    add_i64(text, "since_ms", ruling->since_ms);
}

static void write_room(const struct room *room, struct text *text)
{
    add_u64(text, "seq", room->last_seq);
    add_u64(text, "order", room->changes.order);
    add_u64(text, "day", (uint64_t)room->day);
    add_u64(text, "said", room->said);
    if (room->letters.forgotten)
        add_u64(text, "letters_forgotten", room->letters.forgotten);
    if (room->read_only.by.len) {
        add_name(text, "read_only");
        text_add_literal(text, "{");
        write_ruling(&room->read_only, text);
        text_add_literal(text, "}");
    }
    add_u64(text, "said_from", room->messages.from);
    add_name(text, "limits");
    limits_write(&room->limits, text);
}

static void write_member(const void *object, struct text *text)
{
    const struct member *member = object;
    add_u64(text, "peer", member->peer);
    if (member->stays_s)
        add_u64(text, "stays_s", member->stays_s);
    if (member->owner.len)
        add_text(text, "owner", member->owner);
    add_u64(text, "level", (uint64_t)member->level);
    add_bool(text, "observer", member->observer);
    if (member->sees != SEES_ALL)
        add_text(text, "sees", slice_of(sees_text(member->sees)));
    add_bool(text, "ready", member->ready);
    add_bool(text, "acks", member->acks);
    if (member->admin)
        add_bool(text, "admin", true);
    if (member->expelled)
        add_u64(text, "expelled", member->expelled);
    add_text(text, "specialization", member->specialization);
    add_name(text, "capabilities");
    member_capability_text(member, text);
    add_u64(text, "cursor", member->cursor);
    add_name(text, "reach");
    reach_write(&member->reach, text);
    add_i64(text, "joined_ms", member->joined_ms);
    add_i64(text, "left_ms", member->left_ms);
    if (member->spoke_ms)
        add_i64(text, "spoke_ms", member->spoke_ms);
    add_text(text, "resume_token", slice_of(member->resume_token));
    add_u64(text, "order", member->order);
}

static void write_report(const struct report *report, struct text *text)
{
    text_add_literal(text, "{");
    add_text(text, "reporter", report->reporter);
    add_text(text, "timestamp", report->timestamp);
    add_double(text, "score", report->score);
    if (report->seq)
        add_u64(text, "seq", report->seq);
    if (report->seal)
        add_text(text, "seal", report->seal->key);
    add_raw(text, "metrics", report->metrics);
    text_add_literal(text, "}");
}

/* What somebody wrote as a JSON string, kept as it came, without its quotes. */
static void add_kept_string(struct text *text, const char *name, struct slice raw)
{
    if (!raw.len)
        return;
    add_name(text, name);
    text_add_literal(text, "\"");
    text_add(text, raw);
    text_add_literal(text, "\"");
}

static void write_verifier(const struct verifier *verifier, struct text *text)
{
    text_add_literal(text, "{");
    add_text(text, "ai_id", verifier->ai_id);
    add_text(text, "owner", verifier->owner);
    add_bool(text, "agrees", verifier->agrees);
    add_bool(text, "counts", verifier->counts);
    add_bool(text, "in_sight", verifier->in_sight);
    add_double(text, "ratio", verifier->ratio);
    add_double(text, "ratio_own", verifier->ratio_own);
    add_kept_string(text, "profile", verifier->profile);
    add_kept_string(text, "reason", verifier->reason);
    text_add_literal(text, "}");
}

static void write_claim_live(const struct claim *claim, struct text *text)
{
    add_text(text, "commitment_id", slice_of(claim->commitment_id));
    add_text(text, "nonce", slice_of(claim->nonce));
    add_bool(text, "sealed", !claim->seal->broken);
    add_double(text, "ratio", claim->ratio);
    add_u64(text, "seeds", claim->seeds);
    add_u64(text, "sets", claim->sets);
    add_u64(text, "gone_disagreeing", claim->gone[false]);
    add_u64(text, "gone_agreeing", claim->gone[true]);
    add_name(text, "verifiers");
    text_add_literal(text, "[");
    for (size_t i = 0; i < claim->verifier_count; i++) {
        text_add_literal(text, i ? "," : "");
        write_verifier(&claim->verifiers[i], text);
    }
    text_add_literal(text, "]");
    add_name(text, "parents");
    text_add_literal(text, "[");
    for (size_t i = 0; i < claim->parent_count; i++) {
        text_addf(text, "%s[%d,", i ? "," : "", (int)claim->parents[i]->section);
        text_add_string(text, claim->parents[i]->key);
        text_add_literal(text, "]");
    }
    text_add_literal(text, "]");
}

static void write_claim(const struct claim *claim, struct text *text)
{
    text_add_literal(text, "{\"settled\":[");
    for (int status = 0; status < CLAIM_STATUS_COUNT; status++)
        text_addf(text, "%s%" PRIu64, status ? "," : "", claim->settled[status]);
    text_add_literal(text, "]");
    add_text(text, "owner", claim->owner->key);
    add_bool(text, "live", claim->live);
    if (claim->live)
        write_claim_live(claim, text);
    text_add_literal(text, "}");
}

static void write_shares(const struct shares *shares, struct text *text)
{
    add_name(text, "shared_at");
    text_add_literal(text, "[");
    for (size_t i = 0; i < shares->count; i++) {
        text_add_literal(text, i ? "," : "");
        text_add_number(text, shares->seqs[i]);
    }
    text_add_literal(text, "]");
}

static void write_knowledge(const void *object, struct text *text)
{
    const struct knowledge_entry *entry = object;
    const struct report *report;
    const char *before = "";
    if (entry->section != SECTION_BENCHMARKS) {
        add_text(text, "contributor", entry->contributor->key);
        add_text(text, "timestamp", entry->timestamp);
        add_text(text, "own_id", entry->own_id);
        add_u64(text, "usage", entry->usage);
        add_u64(text, "revision", entry->revision);
        add_bool(text, "tested", entry->tested);
        write_shares(&entry->shares, text);
        if (entry->retracted.by.len) {
            add_name(text, "retracted");
            text_add_literal(text, "{");
            write_ruling(&entry->retracted, text);
            text_add_literal(text, "}");
        }
        add_raw(text, "body", entry->body);
    }
    add_u64(text, "order", entry->order);
    add_name(text, "reports");
    text_add_literal(text, "[");
    TAILQ_FOREACH (report, &entry->reports, next) {
        text_add_literal(text, before);
        write_report(report, text);
        before = ",";
    }
    text_add_literal(text, "]");
    if (entry->claim) {
        add_name(text, "claim");
        write_claim(entry->claim, text);
    }
}

static void write_former(const void *object, struct text *text)
{
    const struct former *former = object;
    add_text(text, "section", slice_of(section_text(former->entry->section)));
    add_text(text, "id", former->entry->key);
    add_u64(text, "revision", former->revision);
    add_u64(text, "shared_at", former->seq);
    add_i64(text, "replaced_ms", former->replaced_ms);
    add_text(text, "timestamp", former->timestamp);
    add_raw(text, "body", former->body);
}

static void write_alias(const void *object, struct text *text)
{
    const struct alias *alias = object;
    add_text(text, "feature", alias->entry->key);
}

static void write_account(const void *object, struct text *text)
{
    const struct account *account = object;
    add_text(text, "owner", account->owner);
    add_u64(text, "commitments", account->commitments);
    add_u64(text, "nonces", account->nonces);
    add_u64(text, "mismatched", account->mismatched);
    add_u64(text, "order", account->order);
}

static void write_commitment(const void *object, struct text *text)
{
    const struct commitment *commitment = object;
    add_text(text, "account", commitment->account->key);
    add_text(text, "subject", commitment->subject);
    add_text(text, "subject_version", commitment->subject_version);
    add_text(text, "nonce", slice_of(commitment->nonce));
    if (commitment->epoch) {
        add_text(text, "owner", commitment->owner);
        add_text(text, "asked", commitment->asked);
    }
    add_u64(text, "sets", commitment->sets);
    add_text(text, "sha256", slice_of(commitment->sha256));
    add_double(text, "ratio", commitment->ratio);
    add_bool(text, "claimed", commitment->claimed);
    add_bool(text, "revealed", commitment->revealed);
    add_u64(text, "order", commitment->order);
}

static void write_session(const void *object, struct text *text)
{
    const struct session *session = object;
    add_text(text, "initiator", session->initiator);
    add_text(text, "target", session->target);
    add_text(text, "type", session->type);
    add_text(text, "description", session->description);
    add_text(text, "state", slice_of(session_state_text(session->state)));
    add_i64(text, "created_ms", session->created_ms);
    if (session->changed_ms != session->created_ms)
        add_i64(text, "changed_ms", session->changed_ms);
    add_double(text, "progress", session->progress);
    add_name(text, "participants");
    text_add_literal(text, "[");
    for (size_t i = 0; i < session->participant_count; i++) {
        text_add_literal(text, i ? "," : "");
        text_add_string(text, session->participants[i]);
    }
    text_add_literal(text, "]");
    add_u64(text, "order", session->order);
}

static void write_workspace(const void *object, struct text *text)
{
    const struct cell *cell = object;
    add_u64(text, "version", cell->version);
    add_raw(text, "value", cell->value);
}

static void write_receipts(const void *object, struct text *text)
{
    add_name(text, "receipts");
    text_add_literal(text, "\"");
    receipts_write(object, text);
    text_add_literal(text, "\"");
    add_i64(text, "latest_ms", ((const struct receipt_block *)object)->latest_ms);
}

static void write_lease(const void *object, struct text *text)
{
    const struct lease *lease = object;
    add_text(text, "holder", lease->holder);
    add_text(text, "intent", lease->intent);
    add_u64(text, "fence", lease->fence);
    add_u64(text, "renewed", lease->renewed);
    add_u64(text, "ttl_s", lease->ttl_s);
    add_i64(text, "granted_ms", lease->granted_ms);
}

static void write_awaited(const void *object, struct text *text)
{
    const struct awaited *awaited = object;
    add_text(text, "sender", awaited->sender);
    add_text(text, "target", awaited->target);
    add_text(text, "message_id", awaited->message_id);
    add_i64(text, "wait_ms", awaited->wait_ms);
}

static void write_letter(const void *object, struct text *text)
{
    const struct letter *letter = object;
    add_text(text, "lack", slice_of(letter_lack_text(letter->lack)));
    add_bool(text, "awaited", letter->awaited);
    add_bool(text, "overdue", letter->overdue);
    add_i64(text, "said_ms", letter->said_ms);
    add_i64(text, "wait_ms", letter->wait_ms);
    add_raw(text, "line", letter->line);
}

static void write_chain(const void *object, struct text *text)
{
    const struct chain_link *link = object;
    add_text(text, "sender", link->sender);
    add_u64(text, "seq", link->seq);
    add_u64(text, "depth", link->depth);
    add_i64(text, "said_ms", link->said_ms);
}

static void write_holding(const void *object, struct text *text)
{
    const struct holding *holding = object;
    add_i64(text, "day", holding->day);
    add_u64(text, "messages", holding->messages);
}

static void write_ban(const void *object, struct text *text)
{
    const struct ban *ban = object;
    write_ruling(&ban->ruling, text);
    add_i64(text, "until_ms", ban->until_ms);
}

static void write_said(const void *object, struct text *text)
{
    said_write(object, text);
}

static void write_approval(const void *object, struct text *text)
{
    const struct approval *approval = object;
    add_text(text, "asker", approval->asker);
    add_text(text, "target", approval->target);
    add_text(text, "question", approval->question);
    add_raw(text, "choices", approval->choices);
    add_text(text, "preset", approval->preset);
    add_i64(text, "wait_ms", approval->wait_ms);
    add_i64(text, "asked_ms", approval->asked_ms);
    add_text(text, "status", slice_of(approval_status_text(approval->status)));
    add_i64(text, "changed_ms", approval->changed_ms);
    add_u64(text, "changed", approval->changed);
    add_text(text, "choice", approval->choice);
    add_text(text, "by", approval->by);
    add_text(text, "note", approval->note);
    add_u64(text, "order", approval->order);
}

static void write_artifact(const void *object, struct text *text)
{
    const struct artifact *artifact = object;
    add_text(text, "session", artifact->session->key);
    add_text(text, "name", artifact->name);
    add_text(text, "by", artifact->by);
    add_text(text, "owner", artifact->owner);
    add_text(text, "sha256", slice_of(artifact->sha256));
    add_u64(text, "size", artifact->size);
    add_u64(text, "chunk", artifact->chunk);
    add_u64(text, "version", artifact->version);
    add_u64(text, "base", artifact->base_version);
    add_bool(text, "for_room", artifact->for_room);
    add_bool(text, "former", artifact->former);
    add_i64(text, "at_ms", artifact->at_ms);
    if (!artifact->version)
        add_text(text, "state", slice_of(artifact->state));
    add_name(text, "chunks");
    text_add_literal(text, "[");
    for (size_t i = 0; i < artifact->chunk_count; i++) {
        text_add_literal(text, i ? "," : "");
        text_add_number(text, artifact->chunks[i]);
    }
    text_add_literal(text, "]");
}

static void write_task(const void *object, struct text *text)
{
    task_write_row(object, text);
}

static void write_sent(const void *object, struct text *text)
{
    sent_write(object, text);
}

static void write_touch(const void *object, struct text *text)
{
    const struct touch *touch = object;
    add_text(text, "note", touch->note);
    add_u64(text, "first", touch->first);
    add_u64(text, "last", touch->last);
    add_u64(text, "ttl_s", touch->ttl_s);
    add_i64(text, "begun_ms", touch->begun_ms);
    add_u64(text, "order", touch->order);
}

static void (*const writers[ROW_KIND_COUNT])(const void *object, struct text *text) = {
    [ROW_MEMBER] = write_member,
    [ROW_PATTERN] = write_knowledge,
    [ROW_COMPONENT] = write_knowledge,
    [ROW_FEATURE] = write_knowledge,
    [ROW_BENCHMARK] = write_knowledge,
    [ROW_ALIAS] = write_alias,
    [ROW_ACCOUNT] = write_account,
    [ROW_COMMITMENT] = write_commitment,
    [ROW_SESSION] = write_session,
    [ROW_WORKSPACE] = write_workspace,
    [ROW_RECEIPTS] = write_receipts,
    [ROW_AWAITED] = write_awaited,
    [ROW_LEASE] = write_lease,
    [ROW_LETTER] = write_letter,
    [ROW_FORMER] = write_former,
    [ROW_CHAIN] = write_chain,
    [ROW_BAN] = write_ban,
    [ROW_HOLDING] = write_holding,
    [ROW_SAID] = write_said,
    [ROW_APPROVAL] = write_approval,
    [ROW_TOUCH] = write_touch,
    [ROW_ARTIFACT] = write_artifact,
    [ROW_TASK] = write_task,
    [ROW_SENT] = write_sent,
};

static void save_row(struct saving *saving, enum row_kind kind, struct slice key)
{
    text_add_literal(&saving->text, "}");
    struct row row = {.kind = kind, .key = key, .bytes = text_slice(&saving->text)};
    saving->each(saving->ctx, &row);
}

static void save_room(struct saving *saving, const struct room *room)
{
    text_clear(&saving->text);
    text_add_literal(&saving->text, "{");
    write_room(room, &saving->text);
    save_row(saving, ROW_ROOM, (struct slice){NULL, 0});
}

/* An object's key is its first member, but for a workspace's, which is its session's too. */
static void save_object(struct saving *saving, enum row_kind kind, const void *object)
{
    text_clear(&saving->text);
    text_add_literal(&saving->text, "{");
    writers[kind](object, &saving->text);
    if (kind != ROW_WORKSPACE) {
        save_row(saving, kind, *(const struct slice *)object);
        return;
    }
    struct slice key = cell_row_key(object);
    save_row(saving, kind, key);
    slice_free(&key);
}

static void save_walked(void *object, void *ctx)
{
    struct saving *saving = ctx;
    save_object(saving, saving->kind, object);
}

static void save_index(struct saving *saving, enum row_kind kind, const struct index *index)
{
    saving->kind = kind;
    index_walk(index, save_walked, saving);
}

static void save_workspaces(void *object, void *ctx)
{
    const struct session *session = object;
    save_index(ctx, ROW_WORKSPACE, &session->workspace);
}

static void save_receipts(void *object, void *ctx)
{
    const struct member *member = object;
    const struct receipt_block *block;
    if (!member->receipts)
        return;
    TAILQ_FOREACH (block, &member->receipts->blocks, next)
        save_object(ctx, ROW_RECEIPTS, block);
}

static void save_said(const void *block, void *ctx)
{
    save_object(ctx, ROW_SAID, block);
}

void hub_save(const struct hub *hub, struct slice room_name, row_reader each, void *ctx)
{
    const struct room *room = room_find(hub, room_name);
    struct saving saving = {.each = each, .ctx = ctx};
    if (!room)
        return;
    const struct knowledge *knowledge = &room->knowledge;
    save_room(&saving, room);
    save_index(&saving, ROW_MEMBER, &room->members);
    for (int section = 0; section < SECTION_COUNT; section++)
        save_index(&saving, ROW_PATTERN + (enum row_kind)section, &knowledge->sections[section]);
    save_index(&saving, ROW_ALIAS, &knowledge->aliases);
    save_index(&saving, ROW_ACCOUNT, &knowledge->ledger.accounts);
    save_index(&saving, ROW_COMMITMENT, &knowledge->ledger.commitments);
    save_index(&saving, ROW_SESSION, &room->sessions);
    index_walk(&room->sessions, save_workspaces, &saving);
    index_walk(&room->members, save_receipts, &saving);
    const struct awaited *awaited;
    TAILQ_FOREACH (awaited, &room->awaited, next)
        save_object(&saving, ROW_AWAITED, awaited);
    save_index(&saving, ROW_LEASE, &room->leases);
    const struct letter *letter;
    TAILQ_FOREACH (letter, &room->letters.list, next)
        save_object(&saving, ROW_LETTER, letter);
    const struct former *former;
    TAILQ_FOREACH (former, &knowledge->formers, of_room)
        save_object(&saving, ROW_FORMER, former);
    const struct chain_link *link;
    TAILQ_FOREACH (link, &room->chains.list, next)
        save_object(&saving, ROW_CHAIN, link);
    save_index(&saving, ROW_BAN, &room->bans);
    save_index(&saving, ROW_HOLDING, &room->holdings);
    said_each(room, save_said, &saving);
    save_index(&saving, ROW_APPROVAL, &room->approvals.all);
    save_index(&saving, ROW_TOUCH, &room->touches);
    const struct artifact *artifact;
    TAILQ_FOREACH (artifact, &room->artifacts, next)
        save_object(&saving, ROW_ARTIFACT, artifact);
    save_index(&saving, ROW_TASK, &room->tasks.index);
    const struct sent *sent;
    TAILQ_FOREACH (sent, &room->sents.list, next)
        save_object(&saving, ROW_SENT, sent);
    text_free(&saving.text);
}

uint64_t hub_seq(const struct hub *hub, struct slice room_name)
{
    const struct room *room = room_find(hub, room_name);
    return room ? room->last_seq : 0;
}

void hub_rooms(const struct hub *hub, void (*each)(void *ctx, struct slice room), void *ctx)
{
    for (size_t i = 0; i < hub->room_count; i++)
        each(ctx, hub->rooms[i]->key);
}

/* ── what changed ── */

void hub_keep_changes(struct hub *hub)
{
    hub->changes_kept = true;
    for (size_t i = 0; i < hub->room_count; i++)
        hub->rooms[i]->changes.kept = true;
}

size_t hub_save_changes(struct hub *hub, struct slice room_name, size_t most, row_reader each,
                        void *ctx)
{
    struct room *room = room_find(hub, room_name);
    struct saving saving = {.each = each, .ctx = ctx};
    struct change *change = NULL;
    if (!room)
        return 0;
    while (most-- && (change = changes_take(&room->changes))) {
        if (change->of) {
            save_object(&saving, change->kind, change->of);
            continue;
        }
        struct row row = {.kind = change->kind, .key = change->key};
        each(ctx, &row);
        change_free(change);
    }
    if (!room->changes.count)
        save_room(&saving, room);
    text_free(&saving.text);
    return room->changes.count;
}
