/* JSON of peers, which the hub passes on as it is, read by jansson, which does not take all of it:
 * one such number in what a room knows must not hide the rest. */
#ifndef KHUB_GATEWAY_PEER_JSON_H
#define KHUB_GATEWAY_PEER_JSON_H

#include <jansson.h>

#include "wire/slice.h"

/* Of an accepted text (wire/json.h). A number beyond 64 bits, or a double, becomes a text of its
 * digits; a NUL in a name becomes U+FFFD; one in a text stays. Owned; NULL: out of memory. */
json_t *peer_json(struct slice accepted);

#endif
