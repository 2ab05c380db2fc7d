/* Every bound of the doors, in one place. */
#ifndef KHUB_GATEWAY_BOUNDS_H
#define KHUB_GATEWAY_BOUNDS_H

#define RPC_LINE_MAX         (4u << 20) /* bytes of one message of a client */
#define RPC_DEPTH_MAX        80u    /* of its nesting: a payload of 64, and what stands around it */
#define MAILBOX_MESSAGES_MAX 10000u /* that wait to be read; of more, the oldest are let go */
#define MAILBOX_BYTES_MAX    (16u << 20) /* of them */
#define INBOX_SHOW_MAX       200u        /* messages in one answer */
#define INBOX_TOKENS_MAX     20000u      /* of text in one answer, at about 4 bytes each */
#define INBOX_WAIT_S_MAX     300u        /* that an answer may be waited for */
#define QUESTIONS_MAX        64u         /* of one AI's that the hub has yet to answer */
#define ANSWER_MS            20000       /* for its answer, or for the hub to be there */
#define GUESTS_MAX           1000u       /* who have a handle, over HTTP */
#define CALLS_MAX            128u        /* of one client's under way at once */

/* WebSockets: a message, of which nothing is held, so that the hub's own bound is what counts; what
 * is read of the hub at once; the beginning of a line of the hub's that is held for it to go out in
 * one frame; between two looks at a client; for the hub to take what was said last. */
#define WS_MESSAGE_MAX (64u << 20)
#define WS_READ_BYTES  (64u << 10)
#define WS_HELD_MAX    (64u << 10)
#define WS_PING_MS     20000u
#define WS_PART_MS     5000u

#endif
