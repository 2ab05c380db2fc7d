/* What counts, said once: a share, a report, an answer.
 *
 * Its message_id is made of what it is for, not of chance. So the hub, which remembers what it
 * accepted of this AI, takes no second one for the same: not from a connection that was lost, and
 * not from a trainer that was killed and does again what it no longer knows that it did. It is
 * counted when the hub has accepted it, and only when that was not long ago.
 *
 * What comes too fast is said again when the hub says that it takes it; what is over a limit on
 * what is kept is given up. */
#include <assert.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#include "node/node.h"
#include "wire/text.h"

struct once {
    LIST_ENTRY(once) next;
    struct node *node;
    uint64_t before; /* a seq that the room had when it was said */
    once_told *told;
    unsigned *count;
    const char *type;
    char id[THING_ID_MAX + 1];
    /* To say it again, if it came too fast: */
    char message_id[UUID_SIZE];
    json_t *payload;
    char *target;      /* NULL: everyone */
    uint64_t again_at; /* loop time; 0: it is said, and not answered */
};

/* A UUID of the parts, the same for the same parts. 0, or -1. */
static int id_make(const struct node *node, const char *const *parts, char ret_id[UUID_SIZE])
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    struct text text = {0};
    text_add_string(&text, slice_of(node->options->ai_id));
    for (; *parts; parts++) /* as JSON strings: no two lists are one text */
        text_add_string(&text, slice_of(*parts));
    bool made =
        !text.failed && EVP_Digest(text.at, text.len, digest, NULL, EVP_sha256(), NULL) == 1;
    text_free(&text);
    if (made)
        uuid_format(digest, ret_id);
    return made ? 0 : -1;
}

static void once_free(struct once *once)
{
    LIST_REMOVE(once, next);
    json_decref(once->payload);
    free(once->target);
    free(once);
}

static void on_outcome(struct khub *link, const struct khub_outcome *outcome, void *data)
{
    struct once *once = data;
    struct node *node = once->node;
    (void)link;
    if (outcome->error == KHUB_E_REFUSED && strcmp(outcome->code, "rate_limited") == 0) {
        once->again_at =
            node_now(node) +
            (outcome->retry_after_ms > STEP_MS ? (uint64_t)outcome->retry_after_ms : STEP_MS);
        return;
    }
    bool first = outcome->error == 0 && outcome->seq > once->before;
    if (once->count)
        *once->count += first;
    node_acked(node, outcome, once->type);
    if (once->told)
        once->told(node, once->id,
                   first                                     ? ONCE_TAKEN
                   : outcome->error == 0                     ? ONCE_REPEATED
                   : strcmp(outcome->code, "bad_claim") == 0 ? ONCE_UNKNOWN
                                                             : ONCE_REFUSED);
    once_free(once);
}

int once_publish(struct node *node, const struct once_message *message)
{
    struct once *once = calloc(1, sizeof *once);
    if (once && message->target)
        once->target = strdup(message->target);
    if (!once || (message->target && !once->target) ||
        id_make(node, message->parts, once->message_id) < 0) {
        if (once)
            free(once->target);
        free(once);
        return KHUB_E_NO_MEMORY;
    }
    once->payload = json_deep_copy(message->payload);
    once->node = node;
    once->before = khub_seq(node->link);
    once->told = message->told;
    once->count = message->count;
    once->type = message->type;
    words_copy(once->id, message->id);
    LIST_INSERT_HEAD(&node->onces, once, next);
    int error = node_publish_as(node, once->message_id, message->type, message->payload,
                                message->target, on_outcome, once);
    if (error < 0)
        once_free(once);
    return error;
}

void onces_tick(struct node *node)
{
    struct once *once, *next;
    for (once = LIST_FIRST(&node->onces); once; once = next) {
        next = LIST_NEXT(once, next);
        if (!once->again_at || node_now(node) < once->again_at ||
            khub_link_state(node->link) != KHUB_JOINED)
            continue;
        once->again_at = 0;
        if (node_publish_as(node, once->message_id, once->type, once->payload, once->target,
                            on_outcome, once) == 0)
            continue;
        if (once->told)
            once->told(node, once->id, ONCE_REFUSED);
        once_free(once);
    }
}

void onces_free(struct node *node)
{
    struct once *once;
    while ((once = LIST_FIRST(&node->onces)))
        once_free(once);
}
