/* The ledger: who committed itself to which parameters, or to which C, before it knew the workloads
 * that it would be measured on. Whether what it claims later is that, claiming.c says.
 *
 * A commitment is a hash of them; the hub answers with a nonce that nobody could know
 * before, and from which the workloads follow (epochs.c: it is one for all who committed at that
 * time). The same AI gets the same nonce for the same hash, so nobody rolls the dice twice for one
 * set of parameters. Who rolls again and again for sets that hardly differ, and claims the
 * luckiest, is seen: commitments and nonces are counted whatever becomes of them.
 *
 * A claim that contradicts its commitment is refused, and counted on its sender's account. One
 * whose commitment is not known is refused and counts for nothing: the hub may have forgotten. */
#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/effects.h"
#include "core/handlers.h"
#include "core/memory.h"
#include "core/state.h"

#include "wire/shown.h"

#define ACCOUNT_OVERHEAD    352u /* bytes that an account counts for beside its id, */
#define COMMITMENT_OVERHEAD 480u /* and a commitment beside its texts */

void ledger_init(struct ledger *ledger)
{
    *ledger = (struct ledger){0};
    TAILQ_INIT(&ledger->recent);
    TAILQ_INIT(&ledger->open);
    TAILQ_INIT(&ledger->claimed);
    TAILQ_INIT(&ledger->running);
    TAILQ_INIT(&ledger->underway);
}

static void commitment_free(void *object)
{
    struct commitment *commitment = object;
    slice_free(&commitment->subject);
    slice_free(&commitment->subject_version);
    slice_free(&commitment->owner);
    slice_free(&commitment->asked);
    free(commitment);
}

static void account_free(void *object)
{
    struct account *account = object;
    slice_free(&account->owner);
    keyed_free(account);
}

void ledger_free(struct ledger *ledger)
{
    index_clear(&ledger->epochs, epoch_free);
    index_clear(&ledger->commitments, commitment_free);
    index_clear(&ledger->accounts, account_free);
    index_clear(&ledger->owners, keyed_free);
    index_clear(&ledger->seals, keyed_free);
    text_free(&ledger->shown);
}

/* ── commitments ── */

size_t commitment_cost(struct slice subject, struct slice subject_version)
{
    return COMMITMENT_OVERHEAD + subject.len + subject_version.len;
}

/* The ledger's bytes are some of its room's. They wrap and come right when it shrinks. */
static void ledger_weigh(struct knowledge *knowledge, size_t more)
{
    knowledge->ledger.bytes += more;
    knowledge->bytes += more;
}

static struct commitment_list *list_of_account(const struct commitment *commitment)
{
    struct account *account = commitment->account;
    return commitment->claimed ? &account->claimed : &account->open;
}

static struct commitment_list *list_of_room(struct ledger *ledger,
                                            const struct commitment *commitment)
{
    return commitment->claimed ? &ledger->claimed : &ledger->open;
}

void commitment_insert(struct ledger *ledger, struct commitment *commitment, int64_t clock)
{
    TAILQ_INSERT_TAIL(list_of_account(commitment), commitment, of_account);
    TAILQ_INSERT_TAIL(list_of_room(ledger, commitment), commitment, of_room);
    commitment->account->kept_claimed += commitment->claimed;
    ledger->claimed_count += commitment->claimed;
    if (!commitment->nonce[0])
        epoch_enter(ledger, commitment, clock);
}

static void commitment_enlist(struct request *request, struct commitment *commitment)
{
    struct knowledge *knowledge = &request->room->knowledge;
    commitment->order = ++knowledge->changes->order;
    change_mark(knowledge->changes, &commitment->change, commitment, ROW_COMMITMENT);
    commitment_insert(&knowledge->ledger, commitment, request->hub->clock);
}

static void commitment_delist(struct ledger *ledger, struct commitment *commitment)
{
    assert(!commitment->claimed || (commitment->account->kept_claimed && ledger->claimed_count));
    TAILQ_REMOVE(list_of_account(commitment), commitment, of_account);
    TAILQ_REMOVE(list_of_room(ledger, commitment), commitment, of_room);
    commitment->account->kept_claimed -= commitment->claimed;
    ledger->claimed_count -= commitment->claimed;
}

static void commitment_drop(struct knowledge *knowledge, struct commitment *commitment)
{
    struct ledger *ledger = &knowledge->ledger;
    assert(commitment->account->kept > 0);
    if (commitment->epoch)
        epoch_leave(ledger, commitment);
    commitment_delist(ledger, commitment);
    commitment->account->kept--;
    index_remove(&ledger->commitments, commitment);
    change_gone(knowledge->changes, &commitment->change, ROW_COMMITMENT, commitment->key);
    ledger_weigh(knowledge, -commitment_cost(commitment->subject, commitment->subject_version));
    commitment_free(commitment);
}

/* Of so many that are kept: the oldest that nothing was claimed with. But when those that
 * something was claimed with are more than half, the oldest of them, or in time nobody could
 * commit for longer than until the next one does. An entry that was claimed with it keeps what
 * it needs. */
static struct commitment *oldest_of(const struct commitment_list *open,
                                    const struct commitment_list *claimed, size_t claimed_count,
                                    size_t kept)
{
    return TAILQ_FIRST(2 * claimed_count > kept ? claimed : open);
}

/* ── accounts ── */

size_t account_cost(struct slice ai_id)
{
    return ACCOUNT_OVERHEAD + ai_id.len;
}

static struct account *account_find(const struct ledger *ledger, struct slice ai_id)
{
    return index_find(&ledger->accounts, ai_id);
}

static struct commitment *oldest_of_account(const struct account *account)
{
    return oldest_of(&account->open, &account->claimed, account->kept_claimed, account->kept);
}

static void account_drop(struct knowledge *knowledge, struct account *account)
{
    struct commitment *commitment;
    while ((commitment = oldest_of_account(account)))
        commitment_drop(knowledge, commitment);
    assert(account->kept == 0 && account->kept_claimed == 0);
    TAILQ_REMOVE(&knowledge->ledger.recent, account, recent);
    index_remove(&knowledge->ledger.accounts, account);
    change_gone(knowledge->changes, &account->change, ROW_ACCOUNT, account->key);
    ledger_weigh(knowledge, -account_cost(account->key));
    account_free(account);
}

static void account_changed(struct knowledge *knowledge, struct account *account)
{
    account->order = ++knowledge->changes->order;
    change_mark(knowledge->changes, &account->change, account, ROW_ACCOUNT);
    knowledge->ledger.shown_whole = false;
}

void account_touch(struct knowledge *knowledge, struct slice ai_id)
{
    struct account *account = account_find(&knowledge->ledger, ai_id);
    if (!account)
        return;
    TAILQ_REMOVE(&knowledge->ledger.recent, account, recent);
    TAILQ_INSERT_HEAD(&knowledge->ledger.recent, account, recent);
    account_changed(knowledge, account);
}

struct account *account_restore(struct knowledge *knowledge, struct slice ai_id)
{
    struct ledger *ledger = &knowledge->ledger;
    if (account_find(ledger, ai_id))
        return NULL;
    struct account *account = memory_new(sizeof *account);
    account->key = slice_copy(ai_id);
    account->contributor = index_find(&knowledge->contributors, ai_id);
    TAILQ_INIT(&account->open);
    TAILQ_INIT(&account->claimed);
    index_add(&ledger->accounts, account);
    ledger_weigh(knowledge, account_cost(ai_id));
    return account;
}

void account_own(struct account *account, struct slice owner)
{
    if (account->owner.len && slice_equal(account->owner, owner))
        return;
    slice_free(&account->owner);
    account->owner = slice_copy(owner);
}

/* The AI's account, made when there is none, and touched. */
static struct account *account_get(struct knowledge *knowledge, struct slice ai_id,
                                   struct slice owner)
{
    struct ledger *ledger = &knowledge->ledger;
    struct account *account = account_find(ledger, ai_id);
    if (account) {
        account_own(account, owner);
        account_touch(knowledge, ai_id);
        return account;
    }
    while (ledger->accounts.count >= ACCOUNTS_MAX)
        account_drop(knowledge, TAILQ_LAST(&ledger->recent, account_list));
    account = account_restore(knowledge, ai_id);
    account_own(account, owner);
    TAILQ_INSERT_HEAD(&ledger->recent, account, recent);
    account_changed(knowledge, account);
    return account;
}

void commitment_restore(struct knowledge *knowledge, struct account *account,
                        struct commitment *commitment)
{
    commitment->key = slice_of(commitment->id);
    commitment->account = account;
    index_add(&knowledge->ledger.commitments, commitment);
    account->kept++;
    ledger_weigh(knowledge, commitment_cost(commitment->subject, commitment->subject_version));
}

/* ── commitment ── */

struct promise {
    char subject_text[COMMITMENT_SUBJECT_MAX], version_text[COMMITMENT_SUBJECT_MAX];
    char sha256_text[COMMITMENT_DIGEST_SIZE];
    struct slice subject, subject_version, sha256;
};

static int subject_check(struct request *request, const char *path, struct slice text)
{
    if (commitment_text_fits(text, COMMITMENT_SUBJECT_MAX))
        return 0;
    return refuse(request->refusal, WIRE_BAD_PAYLOAD, "%s must not hold control characters", path);
}

static int promise_read(struct request *request, struct promise *ret_promise)
{
    static const char subject_path[] = "payload.subject",
                      version_path[] = "payload.subject_version", sha256_path[] = "payload.sha256";
    struct json_value payload = request->message->payload;
    int error;
    if ((error = payload_text(request, payload, subject_path, REQUIRED, COMMITMENT_SUBJECT_MAX,
                              ret_promise->subject_text, &ret_promise->subject)) < 0 ||
        (error = subject_check(request, subject_path, ret_promise->subject)) < 0 ||
        (error = payload_text(request, payload, version_path, REQUIRED, COMMITMENT_SUBJECT_MAX,
                              ret_promise->version_text, &ret_promise->subject_version)) < 0 ||
        (error = subject_check(request, version_path, ret_promise->subject_version)) < 0 ||
        (error = payload_text(request, payload, sha256_path, REQUIRED, COMMITMENT_DIGEST_SIZE - 1,
                              ret_promise->sha256_text, &ret_promise->sha256)) < 0)
        return error;
    if (!commitment_digest_fits(ret_promise->sha256))
        return refuse(request->refusal, WIRE_BAD_PAYLOAD, "%s must be %u lower-case hex digits",
                      sha256_path, COMMITMENT_DIGEST_SIZE - 1);
    return 0;
}

static struct commitment *same_among(const struct commitment_list *list,
                                     const struct promise *promise)
{
    struct commitment *commitment;
    TAILQ_FOREACH (commitment, list, of_account)
        if (slice_is(promise->sha256, commitment->sha256) &&
            slice_equal(promise->subject, commitment->subject) &&
            slice_equal(promise->subject_version, commitment->subject_version))
            return commitment;
    return NULL;
}

static struct commitment *same_of(const struct account *account, const struct promise *promise)
{
    struct commitment *commitment = same_among(&account->open, promise);
    return commitment ? commitment : same_among(&account->claimed, promise);
}

/* What the AI's page adds when it is written, and a commitment on it (NULL: none). The same
 * again adds nothing; of too many, one makes place. */
static struct growth promise_growth(const struct request *request, const struct promise *promise)
{
    struct slice ai_id = request->message->sender_id;
    const struct account *account = account_find(&request->room->knowledge.ledger, ai_id);
    struct growth growth = {.ai_id = ai_id};
    if (!account)
        growth.bytes += (int64_t)account_cost(ai_id);
    if (!promise || (account && same_of(account, promise)))
        return growth;
    growth.bytes += (int64_t)commitment_cost(promise->subject, promise->subject_version);
    if (account && account->kept >= COMMITMENTS_EACH_MAX) {
        const struct commitment *oldest = oldest_of_account(account);
        growth.bytes -= (int64_t)commitment_cost(oldest->subject, oldest->subject_version);
    }
    return growth;
}

/* May its owner commit itself to one more set in this epoch? */
static int epoch_check(struct request *request, const struct promise *promise)
{
    int64_t most_ms = request->room->limits.epoch_ms;
    uint64_t sets = epoch_sets(&request->room->knowledge.ledger, promise->subject,
                               promise->subject_version, request_owner(request));
    if (!most_ms || sets < EPOCH_SETS_MAX)
        return 0;
    return refuse_over(
        request->refusal, WIRE_RATE_LIMITED,
        &(struct overrun){"commitments", "epoch", EPOCH_SETS_MAX, most_ms + EPOCH_LATE_MS},
        "%llu sets of this subject are committed to in this epoch, the most that an "
        "owner may: in the next one it may again",
        (unsigned long long)sets);
}

int commitment_check(struct request *request)
{
    struct promise promise;
    if (!request->member || request->member->level < 2)
        return refuse(
            request->refusal, WIRE_FORBIDDEN,
            "a commitment is answered with a challenge, which level 2 alone receives: say "
            "hello with \"protocol\":2 first");
    int error = promise_read(request, &promise);
    if (error < 0)
        return error;
    const struct account *account =
        account_find(&request->room->knowledge.ledger, request->message->sender_id);
    if ((!account || !same_of(account, &promise)) && (error = epoch_check(request, &promise)) < 0)
        return error;
    request->growth = promise_growth(request, &promise);
    return quota_check(request);
}

static struct commitment *commitment_new(struct request *request, struct account *account,
                                         const struct promise *promise)
{
    struct knowledge *knowledge = &request->room->knowledge;
    struct ledger *ledger = &knowledge->ledger;
    while (account->kept >= COMMITMENTS_EACH_MAX)
        commitment_drop(knowledge, oldest_of_account(account));
    while (ledger->commitments.count >= COMMITMENTS_MAX)
        commitment_drop(knowledge, oldest_of(&ledger->open, &ledger->claimed, ledger->claimed_count,
                                             ledger->commitments.count));
    struct commitment *commitment = memory_new(sizeof *commitment);
    uint64_t seq = request->entry->seq;
    hub_uuid(request->hub, request->room->key, seq, request->made++, commitment->id);
    memcpy(commitment->sha256, promise->sha256.at, promise->sha256.len);
    commitment->subject = slice_copy(promise->subject);
    commitment->subject_version = slice_copy(promise->subject_version);
    commitment->owner = slice_copy(request_owner(request));
    commitment->ratio = (double)NAN;
    commitment_restore(knowledge, account, commitment);
    commitment_enlist(request, commitment);
    account->commitments++;
    return commitment;
}

/* It waits for the end of its epoch; the next answer is to this message. */
static void commitment_asks(struct request *request, struct commitment *commitment)
{
    const struct hub *hub = request->hub;
    if (hub->serving && hub->edge.due)
        hub->edge.due(hub->edge.ctx, request->room->limits.epoch_ms);
    slice_free(&commitment->asked);
    commitment->asked = slice_copy(request->message->message_id);
    change_mark(&request->room->changes, &commitment->change, commitment, ROW_COMMITMENT);
}

void commitment_proceed(struct request *request)
{
    struct promise promise;
    promise_read(request, &promise);
    quota_make_room(request);
    struct account *account =
        account_get(&request->room->knowledge, request->member->key, request_owner(request));
    struct commitment *commitment = same_of(account, &promise);
    if (!commitment)
        commitment = commitment_new(request, account, &promise);
    if (commitment->epoch)
        commitment_asks(request, commitment);
    else
        challenge_send(request, commitment, request->message->message_id);
    if (commitment->epoch && !request->room->limits.epoch_ms)
        epoch_end(request, commitment->epoch);
    request->handled = true;
}

/* ── claims (claiming.c) ── */

struct growth account_growth(const struct request *request)
{
    return promise_growth(request, NULL);
}

void claim_count_mismatch(struct request *request)
{
    quota_make_room(request);
    account_get(&request->room->knowledge, request->message->sender_id, request_owner(request))
        ->mismatched++;
}

void claim_made(struct request *request)
{
    struct knowledge *knowledge = &request->room->knowledge;
    struct commitment *commitment = request->claiming.commitment;
    if (!commitment)
        return;
    struct account *account = commitment->account;
    account->contributor = index_find(&knowledge->contributors, account->key);
    account_touch(knowledge, account->key);
    if (commitment->claimed)
        return;
    commitment_delist(&knowledge->ledger, commitment);
    commitment->claimed = true;
    commitment_enlist(request, commitment);
}
