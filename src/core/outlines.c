/* See outlines.h. */
#include "core/outlines.h"

#define KEPT_MAX (64u << 10) /* bytes of those that are taken, before the rest moves up */

struct head {
    uint64_t seq;
    size_t len;
};

void outlines_free(struct outlines *outlines)
{
    text_free(&outlines->bytes);
    outlines->at = 0;
}

void outlines_add(struct outlines *outlines, uint64_t seq, const struct message *message)
{
    struct text *bytes = &outlines->bytes;
    char outline[MESSAGE_OUTLINE_MAX];
    struct head head = {seq, message_outline(message, outline)};
    if (!head.len)
        return;
    if (outlines->at == bytes->len) {
        text_clear(bytes);
        outlines->at = 0;
    } else if (outlines->at > KEPT_MAX && outlines->at > bytes->len / 2) {
        bytes->len -= outlines->at;
        memmove(bytes->at, bytes->at + outlines->at, bytes->len);
        outlines->at = 0;
    }
    if (!text_reserve(bytes, sizeof head + head.len))
        return; /* it is found again */
    text_add(bytes, (struct slice){(const char *)&head, sizeof head});
    text_add(bytes, (struct slice){outline, head.len});
}

bool outlines_take(struct outlines *outlines, uint64_t seq, struct slice line,
                   struct message *ret_message)
{
    const struct text *bytes = &outlines->bytes;
    struct head head;
    while (outlines->at < bytes->len) {
        const char *at = bytes->at + outlines->at;
        memcpy(&head, at, sizeof head);
        if (head.seq > seq)
            return false;
        outlines->at += sizeof head + head.len;
        if (head.seq == seq) {
            message_recall(line, (struct slice){at + sizeof head, head.len}, ret_message);
            return true;
        }
    }
    return false;
}
