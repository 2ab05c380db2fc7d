#include "net/audited.h"

#include <stdlib.h>

#include "core/memory.h"
#include "net/state.h"

/* ── whose a connection is ── */

void admitted_free(struct admitted *admitted)
{
    if (admitted)
        slice_free(&admitted->bytes);
    free(admitted);
}

static struct admitted *admitted_new(const char *token, const struct hub_login *login)
{
    struct admitted *admitted = memory_new(sizeof *admitted);
    const struct slice parts[] = {slice_of(token), login->ai_id, login->room};
    admitted->bytes = slice_join(parts, sizeof parts / sizeof *parts);
    const char *at = admitted->bytes.at;
    admitted->token = (struct slice){at, parts[0].len};
    admitted->ai_id = (struct slice){at + parts[0].len, parts[1].len};
    admitted->room = (struct slice){at + parts[0].len + parts[1].len, parts[2].len};
    return admitted;
}

/* Without its port, which is another one each time. */
static struct slice host_of(const struct connection *connection)
{
    struct slice address = slice_of(connection->address);
    const char *colon = strrchr(connection->address, ':');
    if (colon && strncmp(connection->address, "unix:", 5) != 0)
        address.len = (size_t)(colon - connection->address);
    return address;
}

static struct audit_note note_of(const struct connection *connection, const char *what,
                                 struct slice detail)
{
    struct audit_note note = {
        .time_ms = time_now_ms(), .what = what, .from = host_of(connection), .detail = detail};
    if (connection->admitted) {
        note.token = connection->admitted->token;
        note.ai_id = connection->admitted->ai_id;
        note.room = connection->admitted->room;
    }
    return note;
}

/* ── notes ── */

void audited_login(struct connection *connection, const char *token, const struct hub_login *login)
{
    char number[32];
    admitted_free(connection->admitted);
    connection->admitted = admitted_new(token, login);
    snprintf(number, sizeof number, "c%llu", (unsigned long long)connection->serial);
    struct audit_note note = note_of(connection, "login", slice_of(number));
    audit_note(connection->server->audit, &note);
}

void audited_refusal(struct connection *connection, const char *token,
                     const struct hub_login *login, const struct refusal *refusal)
{
    struct audit_note note = note_of(connection, "refused", slice_of(refusal->detail));
    if (token) { /* what who has none says of itself is worth nothing, and without end */
        note.token = slice_of(token);
        note.ai_id = login->ai_id;
        note.room = login->room;
    }
    audit_count(connection->server->audit, &note);
}

void audited_end(struct connection *connection, enum close_reason reason)
{
    char detail[96];
    if (!connection->admitted)
        return;
    snprintf(detail, sizeof detail, "c%llu: %s", (unsigned long long)connection->serial,
             close_reason_text(reason));
    struct audit_note note = note_of(connection, "left", slice_of(detail));
    audit_note(connection->server->audit, &note);
}

void audited_warning(struct connection *connection, const char *what, struct slice detail)
{
    struct audit_note note = note_of(connection, what, detail);
    audit_count(connection->server->audit, &note);
}

void audited_review(struct server *server, int64_t now)
{
    struct journal *journal = &server->journal;
    const char *why = audit_failure(server->audit);
    audit_turn(server->audit, now);
    if (why && !server->login.unaudited) {
        journal_begin(journal, 0, "warning");
        journal_text(journal, "audit", slice_of(why));
        journal_end(journal);
    }
    server->login.unaudited = why != NULL;
}

/* ── what a crash may have kept from it ── */

struct act_again {
    struct slice bytes; /* owned: what the note's texts are parts of */
    struct audit_note note;
};

void audited_act_again(struct server *server, const struct hub_act *act)
{
    struct acts_again *acts = &server->acts_again;
    const struct slice parts[] = {act->owner, act->ai_id, act->room, act->detail};
    if (!server->audit)
        return;
    acts->at = memory_grow(acts->at, &acts->capacity, acts->count + 1, sizeof *acts->at);
    struct act_again *again = &acts->at[acts->count++];
    again->bytes = slice_join(parts, sizeof parts / sizeof *parts);
    again->note = (struct audit_note){.time_ms = act->time_ms, .what = act->action, .act = true};
    struct slice *texts[] = {&again->note.token, &again->note.ai_id, &again->note.room,
                             &again->note.detail};
    const char *at = again->bytes.at;
    for (size_t i = 0; i < sizeof parts / sizeof *parts; at += parts[i++].len)
        *texts[i] = (struct slice){at, parts[i].len};
}

void audited_make_up(struct server *server)
{
    struct acts_again *acts = &server->acts_again;
    struct audit_note *notes = memory_new((acts->count + 1) * sizeof *notes);
    char why[AUDIT_WHY_SIZE];
    size_t noted;
    for (size_t i = 0; i < acts->count; i++)
        notes[i] = acts->at[i].note;
    if (audit_make_up(server->audit, server->options.data, notes, acts->count, &noted, why) < 0) {
        journal_begin(&server->journal, 0, "warning");
        journal_text(&server->journal, "audit", slice_of(why));
        journal_end(&server->journal);
    } else if (noted) {
        journal_begin(&server->journal, 0, "audited");
        journal_number(&server->journal, "acts", noted);
        journal_end(&server->journal);
    }
    for (size_t i = 0; i < acts->count; i++)
        slice_free(&acts->at[i].bytes);
    free(acts->at);
    free(notes);
    *acts = (struct acts_again){NULL, 0, 0};
}
