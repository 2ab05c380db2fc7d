/* Names that look alike: `hub` and `hub` with a Cyrillic letter are one word to a reader. */
#ifndef KHUB_WIRE_CONFUSABLE_H
#define KHUB_WIRE_CONFUSABLE_H

#include "wire/bounds.h"
#include "wire/slice.h"

/* What a reader sees of an id (1 to WIRE_ID_MAX bytes): two ids with one skeleton look alike.
 * Letters of other scripts that look Latin (Unicode's UTS #39), fullwidth, mathematical,
 * circled, raised and small-capital ones become the Latin letter; case is folded; l, I, 1 and |
 * are one, so are 0 and O, rn and m (of I and i, which do not look alike, case makes nothing).
 * Blanks of any kind and hidden characters (shown.h) go: of nothing but these, the skeleton is
 * empty. What has no Latin twin stays.
 *
 * A skeleton is to be compared, never shown. It lies in buffer, without a NUL. */
#define SKELETON_SIZE (2 * (size_t)WIRE_ID_MAX) /* m becomes rn */
struct slice confusable_skeleton(struct slice id, char buffer[SKELETON_SIZE]);

#endif
