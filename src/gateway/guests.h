/* Who comes again and again over HTTP: each has a handle that its requests name, and is forgotten
 * when none has come for too long. A handle is good with the token that began it, and with no
 * other. One table for all that speak by handles, so that there is one bound for all of them. */
#ifndef KHUB_GATEWAY_GUESTS_H
#define KHUB_GATEWAY_GUESTS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>
#include <uv.h>

#include "gateway/callers.h"
#include "wire/slice.h"

#define GUEST_HANDLE_SIZE 33u /* 128 random bits in hex, and a NUL */

enum guest_kind { GUEST_MCP_SESSION, GUEST_MCP, GUEST_REST, GUEST_A2A };

/* The first member of what the handle stands for; its owner's. */
struct guest {
    char handle[GUEST_HANDLE_SIZE];
    enum guest_kind kind;
    struct caller who;
    int64_t used;                      /* monotonic ms */
    size_t busy;                       /* requests and streams under way: it is not idle */
    void (*idle)(struct guest *guest); /* it was so for too long; it is to be removed */
    TAILQ_ENTRY(guest) next;
};

struct guests;

/* idle_ms: after which a guest without a request is over; 0: half an hour. NULL: out of memory. */
struct guests *guests_new(uv_loop_t *loop, uint64_t idle_ms);
/* When all were removed. Freed by the loop, later. NULL is fine. */
void guests_close(struct guests *guests);
/* Gives it a handle, for this caller. False: there are too many, in all or of the token. */
bool guests_add(struct guests *guests, struct guest *guest, enum guest_kind kind,
                const struct caller *who, void (*idle)(struct guest *guest));
void guests_remove(struct guests *guests, struct guest *guest);
/* NULL: this caller has none of that kind. */
struct guest *guests_find(const struct guests *guests, struct slice handle, enum guest_kind kind,
                          const struct caller *who);
/* A request of its own begins, or ends; both are signs of life. */
void guest_busy(struct guest *guest);
void guest_done(struct guest *guest);

#endif
