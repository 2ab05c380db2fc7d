/* Every bound of the wire, in one place. Other rooms have theirs in a bounds.h of their own. */
#ifndef KHUB_WIRE_BOUNDS_H
#define KHUB_WIRE_BOUNDS_H

#define KHUB_PORT          6000
#define WIRE_LINE_MAX      (1u << 20) /* bytes of one line without its end; --max-line changes it */
#define WIRE_ID_MAX        128u       /* bytes of message_id, sender_id, target_ai, decoded */
#define WIRE_TIMESTAMP_MAX 64u        /* bytes of timestamp, decoded */
#define WIRE_DEPTH_MAX     64u        /* nesting of payload; payload itself is 1 */
#define WIRE_DETAIL_MAX    512u       /* bytes of an error's detail sentence, with its NUL */

#endif
