/* A stream of events (text/event-stream), split anywhere, becomes events: the data of each, its
 * lines joined. What else an event may have (its type, its id) nobody here asks for. */
#ifndef KHUB_FETCH_SSE_READER_H
#define KHUB_FETCH_SSE_READER_H

#include "wire/text.h"

struct sse_reader {
    size_t most; /* bytes of an event; set by the owner */
    struct text line, data;
    bool has_data, after_cr, told;
};

/* Takes from input, which then begins behind it, until an event is whole: 1, and its data, which is
 * good until the next call. 0: all was taken. -1: one is too long, or out of memory. */
int sse_next(struct sse_reader *reader, struct slice *input, struct slice *ret_data);
void sse_reader_free(struct sse_reader *reader);

#endif
