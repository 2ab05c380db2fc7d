/* See damage.h. */
#include "net/damage.h"

#include <inttypes.h>
#include <stdio.h>

#include "core/memory.h"
#include "net/rebuild.h"
#include "net/state.h"
#include "wire/shown.h"

#define NAMED_MAX 20u /* on stderr; the log has all that was lost */

struct telling {
    struct journal *journal; /* NULL: stderr alone */
    const char *word;
    uint64_t count;
};

static void tell(void *ctx, struct slice room, const char *what, uint64_t number)
{
    struct telling *telling = ctx;
    char shown[SHOWN_LINE_SIZE];
    if (telling->journal) {
        journal_begin(telling->journal, 0, telling->word);
        journal_text(telling->journal, "room", room);
        journal_text(telling->journal, "what", slice_of(what));
        journal_number(telling->journal, "number", number);
        journal_end(telling->journal);
    }
    if (telling->count++ >= NAMED_MAX)
        return;
    if (!room.len && !number)
        fprintf(stderr, "  %s: some of the %s\n", telling->word, what);
    else
        fprintf(stderr, "  %s: room \"%s\", %s %" PRIu64 "\n", telling->word,
                shown_format(room, shown, sizeof shown), what, number);
}

static void tell_rest(const struct telling *telling)
{
    if (telling->count > NAMED_MAX)
        fprintf(stderr, "  and %" PRIu64 " more\n", telling->count - NAMED_MAX);
}

void damage_tell(const struct server *server, struct store *store)
{
    struct telling telling = {NULL, "damaged", 0};
    struct store_damage damage = {&telling, tell};
    struct store_counts counts = {0};
    struct rebuild_report report;
    char why[STORE_WHY_SIZE];
    if (store)
        store_check(store, &damage, &counts, why);
    else
        rebuild_check(server->options.data, &damage, &report, why);
    tell_rest(&telling);
    fprintf(stderr,
            "  hint: 'khub serve --salvage' goes on with all that is whole, and keeps the damaged "
            "file beside it; 'khub check %s' looks, and changes nothing\n",
            server->options.data);
}

static void ignore(void *ctx, struct slice room, const char *what, uint64_t number)
{
    (void)ctx, (void)room, (void)what, (void)number;
}

static void say_mended(struct server *server, const struct rebuild_report *report,
                       const char *aside)
{
    struct journal *journal = &server->journal;
    journal_begin(journal, 0, "salvaged");
    journal_number(journal, "lost", report->left_out);
    journal_number(journal, "unsure", report->unsure);
    journal_text(journal, "aside", slice_of(aside));
    journal_end(journal);
    fprintf(stderr, "khub: salvaged %s: lost: %" PRIu64 "%s; the damaged file is %s/%s\n",
            server->options.data, report->left_out,
            report->unsure ? ", and what can't be named, since the file itself was damaged" : "",
            server->options.data, aside);
}

int damage_mend(struct server *server, char ret_why[STORE_WHY_SIZE])
{
    const struct store_damage quiet = {NULL, ignore};
    struct telling telling = {&server->journal, "lost", 0};
    struct store_damage damage = {&telling, tell};
    struct rebuild_report report;
    char aside[STORE_NAME_SIZE];
    if (!server->options.salvage || !store_exists(server->options.data))
        return 0;
    int error = rebuild_check(server->options.data, &quiet, &report, ret_why);
    if (error != STORE_DAMAGED)
        return error;
    error = rebuild_mend(server->options.data, &damage, &report, aside, ret_why);
    tell_rest(&telling);
    if (error == 0)
        say_mended(server, &report, aside);
    return error;
}

/* ── what could not be stored before the end ── */

static struct loser *loser_of(struct losses *losses, struct slice sender)
{
    for (size_t i = 0; i < losses->loser_count; i++)
        if (slice_equal(losses->losers[i].sender, sender))
            return &losses->losers[i];
    if (losses->loser_count == LOSERS_MAX)
        return NULL;
    struct loser *loser = &losses->losers[losses->loser_count++];
    loser->sender = slice_copy(sender);
    return loser;
}

void losses_note(void *ctx, const struct store_unwritten *unwritten)
{
    struct server *server = ctx;
    struct losses *losses = &server->disk.losses;
    struct message message;
    struct refusal refusal;
    snprintf(losses->why, sizeof losses->why, "%s", unwritten->why);
    if (unwritten->entry->kind != ENTRY_MESSAGE ||
        message_parse(unwritten->entry->bytes, &message, &refusal) < 0) {
        losses->notes++;
        return;
    }
    struct loser *loser = loser_of(losses, message.sender_id);
    losses->messages++;
    losses->applied += unwritten->applied;
    if (loser)
        loser->messages++;
}

static const char *messages_word(uint64_t count)
{
    return count == 1 ? "message" : "messages";
}

static void tell_messages(const struct losses *losses)
{
    uint64_t rest = losses->messages;
    char shown[SHOWN_LINE_SIZE];
    fprintf(stderr, "khub: not stored before the end (%s):", losses->why);
    for (size_t i = 0; i < losses->loser_count; i++) {
        const struct loser *loser = &losses->losers[i];
        fprintf(stderr, "%s %" PRIu64 " %s of %s", i ? "," : "", loser->messages,
                messages_word(loser->messages), shown_format(loser->sender, shown, sizeof shown));
        rest -= loser->messages;
    }
    if (rest)
        fprintf(stderr, ", %" PRIu64 " %s of others", rest, messages_word(rest));
    if (losses->applied)
        fprintf(stderr,
                "; %" PRIu64 " of them had been taken and may have been acked (--sync), and are "
                "lost\n",
                losses->applied);
    else
        fprintf(stderr, "; nobody was acked for them, and nobody has seen them\n");
}

bool losses_tell(struct losses *losses)
{
    bool some = losses->messages || losses->notes;
    if (losses->messages)
        tell_messages(losses);
    if (losses->notes)
        fprintf(stderr,
                "khub: not stored before the end (%s): %" PRIu64
                " %s of the hub's own, such as who "
                "left; the next hub does without\n",
                losses->why, losses->notes, losses->notes == 1 ? "note" : "notes");
    for (size_t i = 0; i < losses->loser_count; i++)
        slice_free(&losses->losers[i].sender);
    *losses = (struct losses){.messages = 0};
    return some;
}
