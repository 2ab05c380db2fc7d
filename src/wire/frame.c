/* Line framing. What makes it hard is that a stream may be split anywhere, also between '\r' and
 * '\n', also in the middle of what is being skipped; and that a peer decides how much it sends
 * before its '\n'. */
#include "wire/frame.h"

#include <assert.h>

#include "wire/secret.h"

#define PARTIAL_MIN 256u /* bytes of the first allocation */

void frame_init(struct frame *frame, size_t line_max)
{
    *frame = (struct frame){.line_max = line_max};
}

static void partial_drop(struct frame *frame)
{
    secret_free(frame->partial, frame->len);
    frame->partial = NULL;
    frame->len = 0;
    frame->capacity = 0;
    frame->returned = false;
}

void frame_free(struct frame *frame)
{
    partial_drop(frame);
    frame->skipping = false;
}

size_t frame_pending(const struct frame *frame)
{
    return frame->returned ? 0 : frame->len;
}

bool frame_within(const struct frame *frame)
{
    return frame->skipping || frame_pending(frame) > 0;
}

/* bytes.len and what is held are within line_max + 1. */
static int partial_add(struct frame *frame, struct slice bytes)
{
    size_t needed = frame->len + bytes.len;
    assert(needed <= frame->line_max + 1);
    if (needed > frame->capacity) {
        size_t capacity = frame->capacity ? frame->capacity : PARTIAL_MIN;
        while (capacity < needed)
            capacity *= 2;
        if (capacity > frame->line_max + 1)
            capacity = frame->line_max + 1;
        char *grown = secret_grow(frame->partial, frame->len, capacity);
        if (!grown)
            return -1;
        frame->partial = grown;
        frame->capacity = capacity;
    }
    memcpy(frame->partial + frame->len, bytes.at, bytes.len);
    frame->len = needed;
    return 0;
}

static void input_advance(struct slice *input, size_t len)
{
    input->at += len;
    input->len -= len;
}

/* Whether held + part is more than a line may be; one '\r' at its end does not count. */
static bool over_limit(const struct frame *frame, struct slice part)
{
    size_t len = frame->len + part.len;
    bool return_last = part.len > 0 ? part.at[part.len - 1] == '\r'
                                    : frame->len > 0 && frame->partial[frame->len - 1] == '\r';
    return len - return_last > frame->line_max;
}

enum frame_result frame_next(struct frame *frame, struct slice *input, struct slice *ret_line)
{
    if (frame->returned)
        partial_drop(frame);
    while (input->len > 0) {
        const char *end = memchr(input->at, '\n', input->len);
        struct slice part = {input->at, end ? (size_t)(end - input->at) : input->len};
        input_advance(input, part.len + (end != NULL));
        if (frame->skipping) {
            frame->skipping = end == NULL;
            continue;
        }
        if (over_limit(frame, part)) {
            partial_drop(frame);
            frame->skipping = end == NULL;
            return FRAME_TOO_LONG;
        }
        struct slice line = part;
        if (!end || frame->len > 0) {
            if (partial_add(frame, part) != 0) {
                partial_drop(frame);
                frame->skipping = end == NULL;
                return FRAME_NO_MEMORY;
            }
            line = (struct slice){frame->partial, frame->len};
        }
        if (!end)
            continue;
        if (line.len > 0 && line.at[line.len - 1] == '\r')
            line.len--;
        if (line.len == 0) {
            partial_drop(frame);
            continue;
        }
        assert(line.len <= frame->line_max);
        frame->returned = frame->len > 0;
        *ret_line = line;
        return FRAME_LINE;
    }
    return FRAME_MORE;
}
