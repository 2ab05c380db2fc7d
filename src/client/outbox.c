/* The outbox: one buffer, three marks in it. */
#include "client/outbox.h"

#include <assert.h>
#include <stdlib.h>

#include "khub.h"
#include "wire/secret.h"

#define CAPACITY_FIRST 4096u
#define CAPACITY_KEPT  (64u << 10) /* an empty outbox holds no more than this */

static void drop_sent_lines(struct outbox *outbox)
{
    memmove(outbox->at, outbox->at + outbox->line_start, outbox->len - outbox->line_start);
    if (outbox->secret)
        explicit_bzero(outbox->at + outbox->len - outbox->line_start, outbox->line_start);
    outbox->len -= outbox->line_start;
    outbox->sent -= outbox->line_start;
    outbox->line_start = 0;
}

static int reserve(struct outbox *outbox, size_t more)
{
    if (outbox->capacity - outbox->len >= more)
        return 0;
    /* Moving pays only when it frees at least as much as it moves: so a byte is moved once, on
     * average. */
    if (outbox->line_start > 0 && outbox->line_start >= outbox->len - outbox->line_start)
        drop_sent_lines(outbox);
    if (outbox->capacity - outbox->len >= more)
        return 0;
    size_t needed, capacity = outbox->capacity ? outbox->capacity : CAPACITY_FIRST;
    if (__builtin_add_overflow(outbox->len, more, &needed) || needed > SIZE_MAX / 2)
        return KHUB_E_NO_MEMORY;
    while (capacity < needed)
        capacity *= 2;
    char *grown = outbox->secret ? secret_grow(outbox->at, outbox->len, capacity)
                                 : realloc(outbox->at, capacity);
    if (!grown)
        return KHUB_E_NO_MEMORY;
    outbox->at = grown;
    outbox->capacity = capacity;
    return 0;
}

int outbox_push(struct outbox *outbox, struct slice line, size_t max)
{
    size_t kept = outbox->len - outbox->line_start, total;
    if (__builtin_add_overflow(kept, line.len, &total) || total >= max)
        return KHUB_E_FULL;
    if (reserve(outbox, line.len + 1) < 0)
        return KHUB_E_NO_MEMORY;
    memcpy(outbox->at + outbox->len, line.at, line.len);
    outbox->len += line.len;
    outbox->at[outbox->len++] = '\n';
    return 0;
}

struct slice outbox_unsent(const struct outbox *outbox)
{
    if (outbox->sent == outbox->len)
        return (struct slice){"", 0};
    return (struct slice){outbox->at + outbox->sent, outbox->len - outbox->sent};
}

void outbox_advance(struct outbox *outbox, size_t count)
{
    assert(count <= outbox->len - outbox->sent);
    const char *ended = memrchr(outbox->at + outbox->sent, '\n', count);
    outbox->sent += count;
    if (ended) {
        size_t begun = outbox->line_start;
        outbox->line_start = (size_t)(ended - outbox->at) + 1;
        if (outbox->secret)
            explicit_bzero(outbox->at + begun, outbox->line_start - begun);
    }
    if (outbox->sent < outbox->len)
        return;
    assert(outbox->line_start == outbox->len);
    outbox->secret = false;
    outbox->len = outbox->sent = outbox->line_start = 0;
    if (outbox->capacity > CAPACITY_KEPT)
        outbox_free(outbox);
}

void outbox_rewind(struct outbox *outbox)
{
    outbox->sent = outbox->line_start;
}

void outbox_free(struct outbox *outbox)
{
    if (outbox->secret)
        secret_free(outbox->at, outbox->len);
    else
        free(outbox->at);
    *outbox = (struct outbox){0};
}
