/* A connection to a hub: each address of its host tried in turn, without blocking; over TLS where
 * the address says so; then bytes both ways. It knows nothing of lines and waits for nothing: its
 * owner watches its fd and its time, and asks it to go on. */
#ifndef KHUB_CLIENT_TRANSPORT_H
#define KHUB_CLIENT_TRANSPORT_H

#include "client/lookup.h"
#include "client/secure.h"
#include "wire/bounds.h"
#include "wire/slice.h"

struct khub_tls;

struct transport {
    struct address address;
    struct secure *secure;      /* of a khubs:// address; NULL: nothing is encrypted */
    struct lookup *lookup;      /* of the address's host, under way; then there is no fd yet */
    struct endpoint *endpoints; /* ENDPOINTS_MAX, until it is open; owned */
    size_t endpoint_count, endpoint_next;
    int fd;         /* connected, or under way; -1: none */
    int64_t due_ms; /* monotonic: when it is to go on at the latest, while it waits */
    bool again;     /* it is to go on at once */
    bool shaking;   /* the socket is connected, the handshake of TLS under way */
    bool private;   /* what will be said is not to be read on the way to another machine */
    int cause;      /* a khub_error, when it failed */
    char why[WIRE_DETAIL_MAX];
};

enum transport_step {
    TRANSPORT_WAITS,      /* until the fd is ready (transport_wants_write), or due_ms */
    TRANSPORT_OPEN,       /* bytes can be sent and received */
    TRANSPORT_FAILED,     /* cause and why; another time it may be otherwise */
    TRANSPORT_DISTRUSTED, /* why: it is not the hub that was meant, or does not encrypt */
    TRANSPORT_UNFIT,      /* cause and why: as we are set up it can't be */
};

/* tls: how the hub of a khubs:// address is to be known; NULL: by the system's authorities. Both
 * are copied. 0 or a khub_error. */
int transport_init(struct transport *transport, const struct address *address,
                   const struct khub_tls *tls);
void transport_free(struct transport *transport);

/* Begins with the first address; goes on with what is under way. */
enum transport_step transport_begin(struct transport *transport);
enum transport_step transport_go_on(struct transport *transport);
/* Closed at once, whatever it does. It can begin again. */
void transport_drop(struct transport *transport);

/* What is to be watched; -1: nothing, just now. Between two sockets, which may well get the same
 * number, it is -1, so whoever watches it can tell that it is another. */
int transport_fd(const struct transport *transport);
/* For itself: who has more to send than was taken waits for that as well. */
bool transport_wants_write(const struct transport *transport);

/* As send and recv without waiting, with their errno; EPROTO: the encryption failed. A send that
 * has to wait is repeated with the same bytes, or more. */
ssize_t transport_send(struct transport *transport, struct slice bytes);
ssize_t transport_receive(struct transport *transport, char *buffer, size_t size);
/* The sentence on such a failure. */
const char *transport_failure(const struct transport *transport, int error);
/* Says that nothing more will come. */
void transport_finish(struct transport *transport);

#endif
