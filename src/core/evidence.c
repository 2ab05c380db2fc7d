/* What becomes of evidence: others run the command again, and what they agree on counts, by the
 * rules by which claims are judged (verification.c). A vote is an owner's, its latest; it counts
 * when its owner has no part in the task, and unless its own claims were refuted.
 *
 *     unverified  fewer than two have run it
 *     confirmed   two found the same exit and output, and no two the same other
 *     refuted     two found the same other, and fewer than two the same
 *     contested   anything else
 *
 * Two found the same other thing when both have the same exit, and either it is not the one that
 * was said, or what they saw is the same: what fails seldom prints the same twice.
 *
 * Nothing here is held back: who runs the command knows what it is said to print. */
#include "core/evidence.h"

#include <stdlib.h>
#include <string.h>

#include "core/bounds.h"
#include "core/collaboration.h"
#include "core/memory.h"

#define ITEM_OVERHEAD  256u /* bytes that they count for beside their texts */
#define RERUN_OVERHEAD 192u

const char *evidence_status_text(enum evidence_status status)
{
    static const char *const texts[] = {
#define X(name, text) text,
        EVIDENCE_STATUSES(X)
#undef X
    };
    return texts[status];
}

/* ── keeping it ── */

static void rerun_clear(struct rerun *rerun)
{
    slice_free(&rerun->ai_id);
    slice_free(&rerun->owner);
    slice_free(&rerun->note);
}

void evidence_free(struct evidence *evidence)
{
    for (size_t i = 0; i < evidence->count; i++) {
        struct item *item = &evidence->items[i];
        for (size_t k = 0; k < item->rerun_count; k++)
            rerun_clear(&item->reruns[k]);
        free(item->reruns);
        slice_free(&item->command);
        slice_free(&item->printed);
    }
    free(evidence->items);
    *evidence = (struct evidence){0};
}

size_t evidence_cost(const struct evidence *evidence)
{
    size_t cost = 0;
    for (size_t i = 0; i < evidence->count; i++) {
        const struct item *item = &evidence->items[i];
        cost += ITEM_OVERHEAD + item->command.len + item->printed.len;
        for (size_t k = 0; k < item->rerun_count; k++)
            cost += RERUN_OVERHEAD + item->reruns[k].ai_id.len + item->reruns[k].owner.len +
                    item->reruns[k].note.len;
    }
    return cost;
}

struct item *evidence_add(struct evidence *evidence, const struct item *item)
{
    evidence->items = memory_grow(evidence->items, &evidence->capacity, evidence->count + 1,
                                  sizeof *evidence->items);
    struct item *added = &evidence->items[evidence->count++];
    *added = *item;
    added->command = slice_copy(item->command);
    added->printed = slice_copy(item->printed);
    added->reruns = NULL;
    added->rerun_count = added->rerun_capacity = 0;
    return added;
}

/* ── reruns ── */

static bool outcome_equal(const struct outcome *one, const struct outcome *other)
{
    return one->exit == other->exit && strcmp(one->sha256, other->sha256) == 0;
}

bool outcome_agrees(const struct item *item, const struct outcome *outcome)
{
    return outcome->exit == item->outcome.exit &&
           (!*item->outcome.sha256 || outcome_equal(&item->outcome, outcome));
}

/* The place of that owner's; rerun_count: it has none. */
static size_t rerun_of(const struct item *item, struct slice owner)
{
    size_t place = 0;
    while (place < item->rerun_count && !slice_equal(item->reruns[place].owner, owner))
        place++;
    return place;
}

/* The first that does not count; rerun_count: each does. */
static size_t rerun_of_no_account(const struct item *item)
{
    size_t place = 0;
    while (place < item->rerun_count && item->reruns[place].counts)
        place++;
    return place;
}

bool item_has_room(const struct item *item, struct slice owner)
{
    return item->rerun_count < RERUNS_MAX || rerun_of(item, owner) < item->rerun_count ||
           rerun_of_no_account(item) < item->rerun_count;
}

static void rerun_remove(struct item *item, size_t place)
{
    rerun_clear(&item->reruns[place]);
    memmove(&item->reruns[place], &item->reruns[place + 1],
            (--item->rerun_count - place) * sizeof *item->reruns);
}

const struct rerun *item_put(struct item *item, const struct rerun *rerun)
{
    size_t place = rerun_of(item, rerun->owner);
    if (place == item->rerun_count && place >= RERUNS_MAX)
        place = rerun_of_no_account(item);
    if (place < item->rerun_count)
        rerun_remove(item, place);
    item->reruns = memory_grow(item->reruns, &item->rerun_capacity, item->rerun_count + 1,
                               sizeof *item->reruns);
    struct rerun *kept = &item->reruns[item->rerun_count++];
    *kept = *rerun;
    kept->ai_id = slice_copy(rerun->ai_id);
    kept->owner = slice_copy(rerun->owner);
    kept->note = slice_copy(rerun->note);
    return kept;
}

bool evidence_retract(struct evidence *evidence, uint64_t seq)
{
    for (size_t i = 0; i < evidence->count; i++) {
        struct item *item = &evidence->items[i];
        for (size_t k = 0; k < item->rerun_count; k++) {
            if (item->reruns[k].seq != seq)
                continue;
            slice_free(&item->reruns[k].note);
            item->reruns[k].note = slice_copy((struct slice){"", 0});
            return true;
        }
    }
    return false;
}

/* ── judging ── */

static bool found_same_other(const struct item *item, const struct rerun *one,
                             const struct rerun *other)
{
    return one->outcome.exit == other->outcome.exit &&
           (one->outcome.exit != item->outcome.exit ||
            outcome_equal(&one->outcome, &other->outcome));
}

/* Of those who disagree and count, the most who found the same. */
static size_t most_together(const struct item *item)
{
    size_t most = 0;
    for (size_t i = 0; i < item->rerun_count; i++) {
        size_t together = 0;
        for (size_t k = 0; k < item->rerun_count; k++)
            together += item->reruns[k].counts && !item->reruns[k].agrees &&
                        found_same_other(item, &item->reruns[i], &item->reruns[k]);
        if (item->reruns[i].counts && !item->reruns[i].agrees && together > most)
            most = together;
    }
    return most;
}

enum evidence_status item_status(const struct item *item)
{
    size_t agreeing = 0, all = 0, together = most_together(item);
    for (size_t i = 0; i < item->rerun_count; i++) {
        all += item->reruns[i].counts;
        agreeing += item->reruns[i].counts && item->reruns[i].agrees;
    }
    if (all < VERIFIERS_NEEDED)
        return EVIDENCE_UNVERIFIED;
    if (agreeing >= VERIFIERS_NEEDED && together < VERIFIERS_NEEDED)
        return EVIDENCE_CONFIRMED;
    if (together >= VERIFIERS_NEEDED && agreeing < VERIFIERS_NEEDED)
        return EVIDENCE_REFUTED;
    return EVIDENCE_CONTESTED;
}

enum evidence_status evidence_status(const struct evidence *evidence)
{
    enum evidence_status worst = EVIDENCE_NONE;
    for (size_t i = 0; i < evidence->count; i++) {
        enum evidence_status status = item_status(&evidence->items[i]);
        worst = status < worst ? status : worst;
    }
    return worst;
}

/* ── as JSON ── */

static void outcome_write(const struct outcome *outcome, struct text *text)
{
    text_add_literal(text, ",\"exit\":");
    text_add_number(text, outcome->exit);
    if (*outcome->sha256)
        text_addf(text, ",\"sha256\":\"%s\"", outcome->sha256);
}

void rerun_write(const struct rerun *rerun, struct text *text)
{
    text_add_literal(text, "\"by\":");
    text_add_string(text, rerun->ai_id);
    text_add_member(text, "owner", rerun->owner);
    text_add_literal(text, rerun->agrees ? ",\"agrees\":true" : ",\"agrees\":false");
    text_add_literal(text, rerun->counts ? ",\"counts\":true" : ",\"counts\":false");
    outcome_write(&rerun->outcome, text);
    if (rerun->note.len)
        text_add_member(text, "note", rerun->note);
}

void evidence_write(const struct evidence *evidence, bool full, struct text *text)
{
    text_add_literal(text, "[");
    for (size_t i = 0; i < evidence->count; i++) {
        const struct item *item = &evidence->items[i];
        text_add_literal(text, i ? ",{\"command\":" : "{\"command\":");
        text_add_string(text, item->command);
        outcome_write(&item->outcome, text);
        if (*item->artifact)
            text_addf(text, ",\"artifact\":\"%s\"", item->artifact);
        text_addf(text, ",\"status\":\"%s\"", evidence_status_text(item_status(item)));
        if (full && item->printed.len)
            text_add_member(text, "printed", item->printed);
        for (size_t k = 0; full && k < item->rerun_count; k++) {
            text_add_literal(text, k ? "},{" : ",\"reports\":[{");
            rerun_write(&item->reruns[k], text);
        }
        text_add_literal(text, full && item->rerun_count ? "}]}" : "}");
    }
    text_add_literal(text, "]");
}
