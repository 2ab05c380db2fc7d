/* The whole state of a room as JSON, in a fixed order, for tests and the simulation. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#include "core/state.h"

struct dump {
    const struct room *room;
    struct text *text;
    const char *before;
};

static void dump_member(void *object, void *ctx)
{
    const struct member *member = object;
    struct dump *dump = ctx;
    struct text *text = dump->text;
    text_add_literal(text, dump->before);
    text_add_literal(text, "{\"ai_id\":");
    text_add_string(text, member->key);
    text_addf(text,
              ",\"connected\":%s,\"stays_s\":%u,\"level\":%d,\"observer\":%s,\"sees\":\"%s\","
              "\"ready\":%s,\"specialization\":",
              member->peer ? "true" : "false", member->stays_s, member->level,
              member->observer ? "true" : "false", sees_text(member->sees),
              member->ready ? "true" : "false");
    text_add_string(text, member->specialization);
    text_add_literal(text, ",\"owner\":");
    text_add_string(text, member_owner(member));
    text_add_literal(text, ",\"reach\":");
    reach_write(&member->reach, text);
    text_addf(text, ",\"admin\":%s,\"capabilities\":", member->admin ? "true" : "false");
    member_capability_text(member, text);
    text_addf(
        text,
        ",\"acks\":%s,\"cursor\":%llu,\"contribution_score\":%llu,\"sessions\":%zu,\"joined_ms\":%lld,\"left_ms\":%lld,\"spoke_ms\":%lld,"
        "\"resume_token\":\"%s\"}",
        member->acks ? "true" : "false", (unsigned long long)member->cursor,
        (unsigned long long)member_contribution(dump->room, member->key), member->sessions,
        (long long)member->joined_ms, (long long)member->left_ms, (long long)member->spoke_ms,
        member->resume_token);
    dump->before = ",";
}

static void dump_entry(void *object, void *ctx)
{
    const struct knowledge_entry *entry = object;
    struct dump *dump = ctx;
    text_add_literal(dump->text, dump->before);
    knowledge_write_entry(&dump->room->knowledge, entry, dump->text);
    dump->before = ",";
}

static void dump_commitments(struct dump *dump, const struct commitment_list *list)
{
    const struct commitment *commitment;
    TAILQ_FOREACH (commitment, list, of_room) {
        text_addf(dump->text,
                  "%s{\"commitment_id\":\"%s\",\"nonce\":\"%s\",\"ai_id\":", dump->before,
                  commitment->id, commitment->nonce);
        text_add_string(dump->text, commitment->account->key);
        text_add_literal(dump->text, ",\"subject\":");
        text_add_string(dump->text, commitment->subject);
        text_add_literal(dump->text, ",\"subject_version\":");
        text_add_string(dump->text, commitment->subject_version);
        text_add_literal(dump->text, ",\"asked\":");
        text_add_string(dump->text, commitment->asked);
        text_addf(dump->text,
                  ",\"sha256\":\"%s\",\"sets\":%llu,\"claimed\":%s,\"revealed\":%s,\"ratio\":",
                  commitment->sha256, (unsigned long long)commitment->sets,
                  commitment->claimed ? "true" : "false", commitment->revealed ? "true" : "false");
        if (isnan(commitment->ratio))
            text_add_literal(dump->text, "null}");
        else
            text_addf(dump->text, "%.17g}", commitment->ratio);
        dump->before = ",";
    }
}

static void dump_formers(struct dump *dump)
{
    const struct former *former;
    text_add_literal(dump->text, "},\"formers\":[");
    dump->before = "";
    TAILQ_FOREACH (former, &dump->room->knowledge.formers, of_room) {
        text_addf(dump->text, "%s[", dump->before);
        text_add_string(dump->text, former->entry->key);
        text_addf(dump->text, ",%llu,", (unsigned long long)former->revision);
        text_add(dump->text, former->body);
        text_add_literal(dump->text, "]");
        dump->before = ",";
    }
}

/* What is held back, and from nobody else to be had: [commitment_id, id, verifiers]. */
static void dump_seal(void *object, void *ctx)
{
    const struct seal *seal = object;
    struct dump *dump = ctx;
    const struct claim *claim;
    if (seal->broken)
        return;
    LIST_FOREACH (claim, &seal->claims, of_seal) {
        text_addf(dump->text, "%s[\"%s\",", dump->before, claim->commitment_id);
        text_add_string(dump->text, claim->entry->key);
        text_add_literal(dump->text, ",");
        verifiers_write(claim, dump->text);
        text_add_literal(dump->text, "]");
        dump->before = ",";
    }
}

static void dump_ledger(struct dump *dump)
{
    const struct ledger *ledger = &dump->room->knowledge.ledger;
    text_add_literal(dump->text, "],\"ledger\":");
    ledger_write(ledger, ACCOUNTS_MAX, SIZE_MAX, dump->text);
    text_add_literal(dump->text, ",\"commitments\":[");
    dump->before = "";
    dump_commitments(dump, &ledger->open);
    dump_commitments(dump, &ledger->claimed);
    text_add_literal(dump->text, "],\"sealed\":[");
    dump->before = "";
    index_walk(&ledger->seals, dump_seal, dump);
}

static void dump_session(void *object, void *ctx)
{
    struct dump *dump = ctx;
    text_add_literal(dump->text, dump->before);
    session_write(object, true, dump->text);
    dump->before = ",";
}

static void dump_ban(void *object, void *ctx)
{
    const struct ban *ban = object;
    struct dump *dump = ctx;
    text_addf(dump->text, "%s{\"key\":", dump->before);
    text_add_string(dump->text, ban->key);
    ruling_write(&ban->ruling, dump->text);
    text_addf(dump->text, ",\"since_ms\":%lld,\"until_ms\":%lld}", (long long)ban->ruling.since_ms,
              (long long)ban->until_ms);
    dump->before = ",";
}

static void dump_holding(void *object, void *ctx)
{
    const struct holding *holding = object;
    struct dump *dump = ctx;
    text_addf(dump->text, "%s[", dump->before);
    text_add_string(dump->text, holding->key);
    text_addf(dump->text, ",%lld,%llu]", (long long)holding->day,
              (unsigned long long)holding->messages);
    dump->before = ",";
}

static void dump_tasks(struct dump *dump)
{
    const struct task *task;
    TAILQ_FOREACH (task, &dump->room->tasks.list, next) {
        text_addf(dump->text, "%s{", task == TAILQ_FIRST(&dump->room->tasks.list) ? "" : ",");
        task_write(task, true, dump->text);
        text_add_literal(dump->text, "}");
    }
    text_add_literal(dump->text, "],\"tasks_closed\":[");
    TAILQ_FOREACH (task, &dump->room->tasks.closed, next_closed) {
        text_add_literal(dump->text, task == TAILQ_FIRST(&dump->room->tasks.closed) ? "" : ",");
        text_add_string(dump->text, task->key);
    }
}

static void dump_said(const void *object, void *ctx)
{
    const struct said_block *block = object;
    struct dump *dump = ctx;
    text_addf(dump->text, "%s{\"number\":%llu,", dump->before, (unsigned long long)block->number);
    said_write(block, dump->text);
    text_add_literal(dump->text, "}");
    dump->before = ",";
}

/* [what is told of it, chunks, their SHA-256 so far, the version it is to replace] */
static void dump_artifacts(const struct dump *dump)
{
    const struct artifact *artifact;
    TAILQ_FOREACH (artifact, &dump->room->artifacts, next) {
        text_addf(dump->text, "%s[", artifact == TAILQ_FIRST(&dump->room->artifacts) ? "" : ",");
        artifact_write(artifact, dump->text);
        for (size_t i = 0; i < artifact->chunk_count; i++)
            text_addf(dump->text, ",%llu", (unsigned long long)artifact->chunks[i]);
        text_addf(dump->text, ",\"%s\",%llu]", artifact->version ? "" : artifact->state,
                  (unsigned long long)artifact->base_version);
    }
}

void hub_dump(const struct hub *hub, struct slice name, struct text *text)
{
    const struct room *room = room_find(hub, name);
    if (!room) {
        text_add_literal(text, "null");
        return;
    }
    struct dump dump = {room, text, ""};
    text_addf(text, "{\"seq\":%llu,\"day\":%lld,\"said\":%llu,\"members\":[",
              (unsigned long long)room->last_seq, (long long)room->day,
              (unsigned long long)room->said);
    index_walk(&room->members, dump_member, &dump);
    for (int section = 0; section < SECTION_COUNT; section++) {
        text_addf(text, section ? "},\"%s\":{" : "],\"%s\":{", section_text((enum section)section));
        dump.before = "";
        index_walk(&room->knowledge.sections[section], dump_entry, &dump);
    }
    dump_formers(&dump);
    dump_ledger(&dump);
    text_add_literal(text, "],\"sessions\":[");
    dump.before = "";
    index_walk(&room->sessions, dump_session, &dump);
    text_add_literal(text, "],\"awaited\":[");
    const struct awaited *awaited;
    TAILQ_FOREACH (awaited, &room->awaited, next)
        text_addf(text, "%s%llu", awaited == TAILQ_FIRST(&room->awaited) ? "" : ",",
                  (unsigned long long)awaited->seq);
    text_addf(text, "],\"letters_forgotten\":%llu,\"letters\":[",
              (unsigned long long)room->letters.forgotten);
    const struct letter *letter;
    TAILQ_FOREACH (letter, &room->letters.list, next)
        text_addf(text, "%s[%llu,\"%s\",%s,%s]",
                  letter == TAILQ_FIRST(&room->letters.list) ? "" : ",",
                  (unsigned long long)letter->seq, letter_lack_text(letter->lack),
                  letter->awaited ? "true" : "false", letter->overdue ? "true" : "false");
    text_add_literal(text, "],\"chains\":[");
    const struct chain_link *link;
    TAILQ_FOREACH (link, &room->chains.list, next)
        text_addf(text, "%s[%llu,%llu]", link == TAILQ_FIRST(&room->chains.list) ? "" : ",",
                  (unsigned long long)link->seq, (unsigned long long)link->depth);
    text_add_literal(text, "],\"holdings\":[");
    dump.before = "";
    index_walk(&room->holdings, dump_holding, &dump);
    text_add_literal(text, "],\"leases\":");
    leases_write(room, (struct slice){NULL, 0}, text);
    text_add_literal(text, ",\"touches\":");
    touches_write(room, text);
    text_add_literal(text, ",\"approvals\":");
    approvals_write(&room->approvals, text);
    text_add_literal(text, ",\"read_only\":");
    ruling_write_whole(&room->read_only, text);
    text_add_literal(text, ",\"bans\":[");
    dump.before = "";
    index_walk(&room->bans, dump_ban, &dump);
    text_add_literal(text, "],\"messages\":[");
    dump.before = "";
    said_each(room, dump_said, &dump);
    text_add_literal(text, "],\"artifacts\":[");
    dump_artifacts(&dump);
    text_add_literal(text, "],\"tasks\":[");
    dump_tasks(&dump);
    text_add_literal(text, "],\"sent\":[");
    const struct sent *sent;
    TAILQ_FOREACH (sent, &room->sents.list, next) {
        text_addf(text, "%s{\"seq\":%" PRIu64 ",",
                  sent == TAILQ_FIRST(&room->sents.list) ? "" : ",", sent->seq);
        sent_write(sent, text);
        text_add_literal(text, "}");
    }
    text_add_literal(text, "]}");
}
