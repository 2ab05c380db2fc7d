/* What a connection begins with. Any program on this machine can connect to a hub on loopback, and
 * so can any web page: a browser will send a POST whose body the page chose. Its header lines would
 * count as bad lines, and its body as messages. So a connection that begins like another protocol
 * is refused. */
#ifndef KHUB_NET_OPENING_H
#define KHUB_NET_OPENING_H

#include <stdint.h>

#include "wire/slice.h"

#define OPENING_MAX 12u /* bytes; the length of the longest pattern */

struct protocol {
    const char *name; /* for people: "HTTP" */
    struct slice pattern;
    bool http; /* understands an HTTP answer */
};

struct opening {
    char bytes[OPENING_MAX];
    uint8_t len;
    bool over; /* it is known that the connection begins like no other protocol */
};

/* Looks at the next bytes of a connection, which may be split anywhere. Returns the protocol that
 * it begins like; NULL when there is none, or when that is not known yet. It is always known by the
 * end of the first line. Not to be called once opening->over is set. */
const struct protocol *opening_take(struct opening *opening, struct slice input);

#endif
