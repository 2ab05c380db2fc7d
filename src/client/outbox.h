/* Lines that wait to be sent, end to end in one buffer.
 *
 * The kernel takes bytes, the hub takes lines: what was sent of a line that never got whole is
 * worth nothing on the next connection. So the outbox knows where the line under way begins, and
 * keeps it until its last byte is sent. */
#ifndef KHUB_CLIENT_OUTBOX_H
#define KHUB_CLIENT_OUTBOX_H

#include "wire/slice.h"

struct outbox {
    char *at;
    size_t len, capacity;
    size_t sent;       /* taken by the kernel */
    size_t line_start; /* of the first line not wholly sent; line_start <= sent <= len */
    bool secret;       /* a line in it is: each is overwritten once it is sent, until all are */
};

/* Adds a line (which holds no '\n') and its end. 0; KHUB_E_FULL when more than `max` bytes would
 * be kept; KHUB_E_NO_MEMORY. */
int outbox_push(struct outbox *outbox, struct slice line, size_t max);
struct slice outbox_unsent(const struct outbox *outbox);
/* The kernel took `count` more bytes. */
void outbox_advance(struct outbox *outbox, size_t count);
/* The connection is gone: a line only partly sent is unsent again. */
void outbox_rewind(struct outbox *outbox);
/* Back to {0}. What is secret is overwritten. */
void outbox_free(struct outbox *outbox);

#endif
