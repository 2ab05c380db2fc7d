#include "gateway/mailbox.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/bounds.h"

#define TOKEN_BYTES    4u  /* of English text or JSON, about */
#define TEXT_COUNT     6u  /* of a message, each with its NUL */
#define MESSAGE_TOKENS 30u /* what stands around a payload: who, to whom, when, its id */

int mailbox_init(struct mailbox *mailbox, const struct mail_past *past)
{
    *mailbox = (struct mailbox){0};
    TAILQ_INIT(&mailbox->messages);
    if (!past)
        return 0;
    size_t size = past->unread_count * sizeof *past->unread;
    uint64_t *unread = malloc(size + 1);
    if (!unread)
        return -1;
    if (size)
        memcpy(unread, past->unread, size);
    mailbox->past = *past;
    mailbox->past.unread = unread;
    mailbox->acked = mailbox->newest = past->acked;
    return 0;
}

static int compare(const void *left, const void *right)
{
    const uint64_t *a = left, *b = right;
    return (*a > *b) - (*a < *b);
}

/* Was it shown before, to an earlier one of this AI? */
static bool was_shown(const struct mail_past *past, uint64_t seq)
{
    return seq > 0 && seq <= past->told &&
           !bsearch(&seq, past->unread, past->unread_count, sizeof *past->unread, compare);
}

static size_t size_of(const struct mail *message)
{
    return sizeof *message + message->payload_len + strlen(message->message_id) +
           strlen(message->sender) + strlen(message->type) + strlen(message->target) +
           strlen(message->timestamp);
}

static void let_go(struct mailbox *mailbox, struct mail *message)
{
    TAILQ_REMOVE(&mailbox->messages, message, next);
    assert(mailbox->count > 0);
    mailbox->count--;
    mailbox->unshown -= !message->shown;
    mailbox->bytes -= size_of(message);
    free(message);
}

void mailbox_free(struct mailbox *mailbox)
{
    struct mail *message;
    while ((message = TAILQ_FIRST(&mailbox->messages)))
        let_go(mailbox, message);
    free((void *)(uintptr_t)mailbox->past.unread);
    mailbox->past = (struct mail_past){0};
}

/* Puts the texts behind the copy. */
static const char *text_put(char **place, const char *text, size_t len)
{
    const char *at = memcpy(*place, text, len);
    (*place)[len] = '\0';
    *place += len + 1;
    return at;
}

#define TEXT_PUT(place, text) text_put(place, text, strlen(text))

static struct mail *copy_of(const struct mail *message)
{
    struct mail *copy = malloc(size_of(message) + TEXT_COUNT);
    if (!copy)
        return NULL;
    char *place = (char *)(copy + 1);
    *copy = (struct mail){
        .seq = message->seq,
        .message_id = TEXT_PUT(&place, message->message_id),
        .sender = TEXT_PUT(&place, message->sender),
        .type = TEXT_PUT(&place, message->type),
        .target = TEXT_PUT(&place, message->target),
        .timestamp = TEXT_PUT(&place, message->timestamp),
        .payload = text_put(&place, message->payload, message->payload_len),
        .payload_len = message->payload_len,
        .directed = message->directed,
    };
    return copy;
}

/* What can be missed most easily: shown already, else for everybody, else the oldest. */
static struct mail *least_of(const struct mailbox *mailbox)
{
    struct mail *message, *public = NULL;
    TAILQ_FOREACH (message, &mailbox->messages, next) {
        if (message->shown)
            return message;
        if (!public && !message->directed)
        public = message;
    }
    return public ? public : TAILQ_FIRST(&mailbox->messages);
}

int mailbox_add(struct mailbox *mailbox, const struct mail *message)
{
    if (message->seq > 0 && message->seq <= mailbox->acked)
        return 0;
    struct mail *copy = copy_of(message);
    if (!copy)
        return -1;
    if (copy->seq > mailbox->newest)
        mailbox->newest = copy->seq;
    TAILQ_INSERT_TAIL(&mailbox->messages, copy, next);
    mailbox->count++;
    copy->shown = was_shown(&mailbox->past, copy->seq);
    mailbox->unshown += !copy->shown;
    mailbox->bytes += size_of(copy);
    while (mailbox->count > MAILBOX_MESSAGES_MAX ||
           (mailbox->bytes > MAILBOX_BYTES_MAX && mailbox->count > 1)) {
        struct mail *least = least_of(mailbox);
        mailbox->dropped += !least->shown;
        let_go(mailbox, least);
    }
    return 0;
}

size_t mailbox_shown_bytes(const struct mail *message, size_t tokens)
{
    size_t room = tokens > MESSAGE_TOKENS ? (tokens - MESSAGE_TOKENS) * TOKEN_BYTES : 0;
    return message->payload_len < room ? message->payload_len : room;
}

static size_t tokens_of(const struct mail *message)
{
    return MESSAGE_TOKENS + (message->payload_len + TOKEN_BYTES - 1) / TOKEN_BYTES;
}

struct pick {
    const struct mail_wish *wish;
    struct mail **picked;
    size_t count, tokens;
};

/* Does it fit? The first one always does. */
static bool pick(struct pick *pick, struct mail *message)
{
    size_t tokens = tokens_of(message);
    if (pick->count == pick->wish->messages ||
        (pick->count > 0 && pick->tokens + tokens > pick->wish->tokens))
        return false;
    pick->picked[pick->count++] = message;
    pick->tokens += tokens;
    return true;
}

size_t mailbox_pick(struct mailbox *mailbox, const struct mail_wish *wish, struct mail **picked)
{
    struct pick choice = {.wish = wish, .picked = picked};
    struct mail *message;
    TAILQ_FOREACH (message, &mailbox->messages, next) {
        if ((message->directed || wish->in_order) && (wish->again || !message->shown) &&
            !pick(&choice, message))
            break;
    }
    TAILQ_FOREACH_REVERSE(message, &mailbox->messages, mail_list, next)
    {
        if (!message->directed && !wish->in_order && (wish->again || !message->shown) &&
            !pick(&choice, message))
            break;
    }
    for (size_t i = 0; i < choice.count; i++) {
        mailbox->unshown -= !picked[i]->shown;
        picked[i]->shown = true;
    }
    return choice.count;
}

size_t mailbox_show(struct mailbox *mailbox, uint64_t seq)
{
    size_t count = 0;
    struct mail *message;
    TAILQ_FOREACH (message, &mailbox->messages, next) {
        if (message->seq != seq || message->shown)
            continue;
        message->shown = true;
        mailbox->unshown--;
        count++;
    }
    return count;
}

json_t *mailbox_rest(const struct mailbox *mailbox)
{
    json_t *types = json_object(), *senders = json_object();
    json_int_t directed = 0;
    const struct mail *message;
    TAILQ_FOREACH (message, &mailbox->messages, next) {
        if (message->shown)
            continue;
        const json_t *before = json_object_get(types, message->type);
        json_object_set_new(types, message->type, json_integer(json_integer_value(before) + 1));
        json_object_set_new(senders, message->sender, json_true());
        directed += message->directed;
    }
    json_t *rest =
        json_pack("{s:I,s:I,s:I,s:o}", "count", (json_int_t)mailbox->unshown, "to_you", directed,
                  "senders", (json_int_t)json_object_size(senders), "types", types);
    json_decref(senders);
    if (rest && mailbox->dropped > 0)
        json_object_set_new(rest, "let_go", json_integer((json_int_t)mailbox->dropped));
    return rest;
}

/* The seq below which nothing waits. */
static uint64_t reach_of(const struct mailbox *mailbox)
{
    const struct mail *message;
    TAILQ_FOREACH (message, &mailbox->messages, next) {
        if (message->seq > 0)
            return message->seq - 1;
    }
    return mailbox->newest;
}

const struct mail *mailbox_find(const struct mailbox *mailbox, uint64_t seq)
{
    const struct mail *message;
    TAILQ_FOREACH (message, &mailbox->messages, next) {
        if (message->seq == seq)
            return message;
    }
    return NULL;
}

size_t mailbox_skip(struct mailbox *mailbox, uint64_t seq)
{
    size_t count = 0;
    struct mail *message = TAILQ_FIRST(&mailbox->messages);
    while (message) {
        struct mail *behind = TAILQ_NEXT(message, next);
        if (message->seq > 0 && message->seq <= seq) {
            let_go(mailbox, message);
            count++;
        }
        message = behind;
    }
    if (seq > mailbox->newest)
        mailbox->newest = seq;
    if (seq > mailbox->acked)
        mailbox->acked = seq;
    return count;
}

size_t mailbox_ack(struct mailbox *mailbox, uint64_t seq)
{
    size_t count = 0;
    struct mail *message = TAILQ_FIRST(&mailbox->messages);
    while (message) {
        struct mail *behind = TAILQ_NEXT(message, next);
        bool reached = seq > 0 && message->seq > 0 ? message->seq <= seq : message->shown;
        if (reached) {
            let_go(mailbox, message);
            count++;
        }
        message = behind;
    }
    uint64_t reach = reach_of(mailbox);
    if (reach > mailbox->acked)
        mailbox->acked = reach;
    return count;
}
