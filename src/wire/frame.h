/* Line framing: a stream of bytes, split anywhere, becomes lines.
 *
 * '\n' ends a line, a '\r' before it is dropped, empty lines are skipped. A line over the limit
 * is reported once and skipped up to its end. A line that lies whole in the input is returned
 * from there, uncopied; only a split one is gathered in `partial`, which grows by doubling,
 * never beyond line_max + 1 (a '\r'), and is freed when empty: an idle connection holds nothing.
 * Nobody knows yet whether a secret is in it, so its memory is overwritten before it is let go. */
#ifndef KHUB_WIRE_FRAME_H
#define KHUB_WIRE_FRAME_H

#include "wire/slice.h"

struct frame {
    size_t line_max;
    char *partial;
    size_t len, capacity;
    bool skipping; /* inside a line that was too long */
    bool returned; /* partial was handed out by the last call, and is to be let go by the next */
};

enum frame_result { FRAME_MORE = 0, FRAME_LINE, FRAME_TOO_LONG, FRAME_NO_MEMORY };

void frame_init(struct frame *frame, size_t line_max);
void frame_free(struct frame *frame);
/* Takes what it can from *input (advancing it). FRAME_LINE: *ret_line is a line without its end,
 * good until the next call. FRAME_TOO_LONG: reported as soon as the limit is passed. FRAME_MORE:
 * input is used up. Call until FRAME_MORE. FRAME_NO_MEMORY: that line is lost and skipped, the
 * next is fine again. */
enum frame_result frame_next(struct frame *frame, struct slice *input, struct slice *ret_line);
/* Bytes held for a line not yet ended. */
size_t frame_pending(const struct frame *frame);
/* Whether the last bytes taken are of a line not yet ended, held or skipped. */
bool frame_within(const struct frame *frame);

#endif
