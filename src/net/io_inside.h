/* What the makers of io share: the face's table, and the socket that each of them stands on. */
#ifndef KHUB_NET_IO_INSIDE_H
#define KHUB_NET_IO_INSIDE_H

#include "net/io.h"

struct io_kind {
    void (*want)(struct io *io, int wanted);
    ssize_t (*read)(struct io *io, char *buffer, size_t size);
    ssize_t (*write)(struct io *io, struct iovec *vectors, unsigned count);
    void (*finish)(struct io *io);
    bool (*is_flushed)(const struct io *io);
    uint64_t (*taken)(const struct io *io);
    bool (*is_settled)(const struct io *io);
    void (*protection)(const struct io *io, struct io_protection *ret_protection);
    void (*no_secrets)(struct io *io); /* NULL: it keeps nothing of what was read */
    void (*close)(struct io *io);
};

struct io {
    const struct io_kind *kind;
    io_callback *callback;
    void *context;
    int wanted;
    bool closed;
};

struct plain {
    struct io io; /* first: an io of this kind is a plain */
    int fd;
    bool over_unix;
    uint64_t sent; /* up to here: all that a write looks at */
    uv_poll_t poll;
};

extern const struct io_kind io_plain_kind;

/* Fills `plain`, which is the beginning of memory from malloc that is freed after IO_CLOSED. 0, or
 * -1: then nothing is to be closed. */
int plain_init(struct plain *plain, const struct io_kind *kind, uv_loop_t *loop, int fd,
               io_callback *callback, void *context);
/* What plain does for these; each is fit for any kind that stands on a plain. */
void plain_want(struct io *io, int wanted);
ssize_t plain_write(struct io *io, struct iovec *vectors, unsigned count);
void plain_finish(struct io *io);
uint64_t plain_taken(const struct io *io);
bool plain_is_settled(const struct io *io);
void plain_close(struct io *io);

#endif
