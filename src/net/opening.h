/* What a connection begins with. Whatever opens a connection on this machine reaches a hub on
 * loopback: a web page above all, whose browser sends a POST with a body of the page's choice. Its
 * header lines would be bad lines, and its body messages. So what begins as another protocol is no
 * peer of ours. */
#ifndef KHUB_NET_OPENING_H
#define KHUB_NET_OPENING_H

#include <stdint.h>

#include "wire/slice.h"

#define OPENING_MAX 12u /* bytes; no pattern is longer */

struct protocol {
    const char *name; /* for people: "HTTP" */
    struct slice pattern;
    bool http; /* understands an HTTP answer */
};

struct opening {
    char bytes[OPENING_MAX];
    uint8_t len;
    bool over; /* it is known that the connection begins as no other protocol */
};

/* Looks at the next bytes of a connection, split anywhere. The protocol that it begins as, or NULL:
 * none, or not known yet. A byte that completes a line also ends the opening, so no line need wait
 * for the answer. Not to be called when it is over. */
const struct protocol *opening_take(struct opening *opening, struct slice input);

#endif
