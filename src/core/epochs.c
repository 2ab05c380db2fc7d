/* Epochs: all who commit themselves to parameters of one subject at one time are measured on the
 * same workloads, whoever they are.
 *
 *             commitment                      EPOCH_END
 *   (none) ─────────────▶ under way ─────────────────────────▶ (none): one nonce, and for each
 *                          │  ▲                                        commitment a challenge
 *                          └──┘ commitment
 *
 * Were a nonce each commitment's own, who commits to sets that differ in a last bit would roll the
 * dice once for each, and claim the luckiest: of 256 such throws that is worth more than most
 * training. So there is one nonce for a subject and an epoch, and it is derived from the place of
 * the entry that ends the epoch: what is behind that entry is of another epoch. Nobody can know the
 * nonce while anybody can enter.
 *
 * An owner has at most EPOCH_SETS_MAX sets in an epoch, and how many it had stands beside what it
 * claims. Of commitments that wait nothing is written but that they wait: what an epoch is follows
 * from them, and its time begins anew when a hub starts. */
#include <assert.h>
#include <stdlib.h>

#include "core/effects.h"
#include "core/handlers.h"
#include "core/memory.h"
#include "core/state.h"

/* An owner that commits itself in an epoch. */
struct entrant {
    struct slice key;
    uint64_t sets;
};

#define EPOCH_KEY_SIZE (2 * COMMITMENT_SUBJECT_MAX + 1)

/* No subject has a line end in it. */
static struct slice epoch_key(struct slice subject, struct slice subject_version,
                              char buffer[EPOCH_KEY_SIZE])
{
    assert(subject.len + 1 + subject_version.len <= EPOCH_KEY_SIZE);
    memcpy(buffer, subject.at, subject.len);
    buffer[subject.len] = '\n';
    memcpy(buffer + subject.len + 1, subject_version.at, subject_version.len);
    return (struct slice){buffer, subject.len + 1 + subject_version.len};
}

void epoch_free(void *object)
{
    struct epoch *epoch = object;
    index_clear(&epoch->entrants, keyed_free);
    keyed_free(epoch);
}

void epoch_enter(struct ledger *ledger, struct commitment *commitment, int64_t clock)
{
    char buffer[EPOCH_KEY_SIZE];
    struct slice key = epoch_key(commitment->subject, commitment->subject_version, buffer);
    struct epoch *epoch = index_find(&ledger->epochs, key);
    if (!epoch) {
        epoch = index_get(&ledger->epochs, key, sizeof *epoch);
        epoch->since = clock;
        TAILQ_INIT(&epoch->commitments);
        TAILQ_INSERT_TAIL(&ledger->underway, epoch, next);
    }
    struct entrant *entrant =
        index_get(&epoch->entrants, commitment->owner, sizeof(struct entrant));
    entrant->sets++;
    TAILQ_INSERT_TAIL(&epoch->commitments, commitment, of_epoch);
    commitment->epoch = epoch;
}

void epoch_leave(struct ledger *ledger, struct commitment *commitment)
{
    struct epoch *epoch = commitment->epoch;
    struct entrant *entrant = index_find(&epoch->entrants, commitment->owner);
    TAILQ_REMOVE(&epoch->commitments, commitment, of_epoch);
    commitment->epoch = NULL;
    if (--entrant->sets == 0) {
        index_remove(&epoch->entrants, entrant);
        keyed_free(entrant);
    }
    if (!TAILQ_EMPTY(&epoch->commitments))
        return;
    TAILQ_REMOVE(&ledger->underway, epoch, next);
    index_remove(&ledger->epochs, epoch);
    epoch_free(epoch);
}

uint64_t epoch_sets(const struct ledger *ledger, struct slice subject, struct slice subject_version,
                    struct slice owner)
{
    char buffer[EPOCH_KEY_SIZE];
    const struct epoch *epoch =
        index_find(&ledger->epochs, epoch_key(subject, subject_version, buffer));
    const struct entrant *entrant = epoch ? index_find(&epoch->entrants, owner) : NULL;
    return entrant ? entrant->sets : 0;
}

/* ── its end ── */

void challenge_send(struct request *request, const struct commitment *commitment,
                    struct slice in_reply_to)
{
    struct slice ai_id = commitment->account->key;
    struct text *text = hub_message_begin(request, MESSAGE_CHALLENGE, slice_of("hub"), ai_id);
    text_addf(text, "{\"commitment_id\":\"%s\",\"nonce\":\"%s\",\"subject\":", commitment->id,
              commitment->nonce);
    text_add_string(text, commitment->subject);
    text_add_literal(text, ",\"subject_version\":");
    text_add_string(text, commitment->subject_version);
    text_addf(text, ",\"sha256\":\"%s\",\"in_reply_to\":", commitment->sha256);
    text_add_string(text, in_reply_to);
    text_add_literal(text, "}");
    struct outgoing outgoing;
    hub_message_end(request, MESSAGE_CHALLENGE, &outgoing);
    effect_to_names(request, &outgoing, &ai_id, 1, false, NULL);
}

static void account_got_nonce(struct request *request, struct account *account)
{
    if (account->nonce_seq == request->entry->seq)
        return;
    account->nonce_seq = request->entry->seq;
    account->nonces++;
    account_touch(&request->room->knowledge, account->key);
}

void epoch_end(struct request *request, struct epoch *epoch)
{
    struct ledger *ledger = &request->room->knowledge.ledger;
    char nonce[sizeof TAILQ_FIRST(&epoch->commitments)->nonce];
    struct commitment *commitment, *next;
    hub_secret(request->hub, request->room->key, request->entry->seq, request->made++, nonce);
    TAILQ_FOREACH (commitment, &epoch->commitments, of_epoch) {
        const struct entrant *entrant = index_find(&epoch->entrants, commitment->owner);
        memcpy(commitment->nonce, nonce, sizeof nonce);
        commitment->sets = entrant->sets;
    }
    for (commitment = TAILQ_FIRST(&epoch->commitments); commitment; commitment = next) {
        next = TAILQ_NEXT(commitment, of_epoch);
        epoch_leave(ledger, commitment);
        account_got_nonce(request, commitment->account);
        challenge_send(request, commitment, commitment->asked);
        slice_free(&commitment->owner);
        slice_free(&commitment->asked);
        commitment->owner = commitment->asked = (struct slice){NULL, 0};
        change_mark(&request->room->changes, &commitment->change, commitment, ROW_COMMITMENT);
    }
}

void epoch_time_up(struct request *request, struct slice key)
{
    struct epoch *epoch = index_find(&request->room->knowledge.ledger.epochs, key);
    if (epoch)
        epoch_end(request, epoch);
}

int64_t epochs_tick(struct room *room, int64_t now, int64_t most)
{
    struct epoch *epoch, *next;
    for (epoch = TAILQ_FIRST(&room->knowledge.ledger.underway); epoch; epoch = next) {
        char bytes[EPOCH_KEY_SIZE]; /* a log that commits at once ends it meanwhile, and it alone */
        int64_t left = epoch->since + room->limits.epoch_ms - room->hub->clock;
        next = TAILQ_NEXT(epoch, next);
        if (left > 0 && left < most)
            most = left;
        if (epoch->proposed || left > 0)
            continue;
        memcpy(bytes, epoch->key.at, epoch->key.len);
        epoch->proposed = true;
        room_happened(room, &(struct entry){.time_ms = now,
                                            .kind = ENTRY_EPOCH_END,
                                            .bytes = {bytes, epoch->key.len}});
    }
    return most;
}
