/* Every bound of the doors, in one place. */
#ifndef KHUB_GATEWAY_BOUNDS_H
#define KHUB_GATEWAY_BOUNDS_H

#define RPC_LINE_MAX             (4u << 20) /* bytes of one message of a client */
#define RPC_DEPTH_MAX            80u    /* of its nesting: a payload's 64, and what is around it */
#define MAILBOX_MESSAGES_MAX     10000u /* that wait to be read; of more, the oldest are let go */
#define MAILBOX_BYTES_MAX        (16u << 20) /* of them */
#define INBOX_SHOW_MAX           200u        /* messages in one answer */
#define INBOX_TOKENS_MAX         20000u      /* of text in one answer, at about 4 bytes each */
#define INBOX_PROGRAM_TOKENS_MAX (1u << 18)  /* the same for a program */
#define INBOX_WAIT_S_MAX         300u        /* that an answer may be waited for */
#define QUESTIONS_MAX            64u         /* of one AI's that the hub has yet to answer */
#define OBSERVER_QUESTIONS_MAX   1024u       /* the same of an observer, which asks for many */
#define ANSWER_MS                20000       /* for its answer, or for the hub to be there */
#define OBSERVERS_MAX            64u         /* rooms, each by each token, that are looked into */
#define OBSERVER_IDLE_MS         60000       /* after which one that nobody needs goes */
#define HEARD_MESSAGES_MAX       4096u       /* that an observer remembers, */
#define HEARD_BYTES_MAX          (1u << 20)  /* and their bytes */
#define GUESTS_MAX               1000u       /* who have a handle, over HTTP, */
#define GUESTS_OWN_MAX           250u        /* and of these of one token */
#define CALLS_MAX                128u        /* of one client's under way at once */

/* A bridge to an agent elsewhere (bridge.h): bytes of one answer of its, or one event; questions
 * that are put to it at once; that wait behind them; peers and sessions whose context is known;
 * bytes of a text that is said at the hub; of what is still to be said, that is kept over a kill;
 * hubs that a question may come through. */
#define A2A_ANSWER_MAX     (8u << 20)
#define BRIDGE_ASKS_MAX    8u
#define BRIDGE_WAITING_MAX 256u
#define BRIDGE_TALKS_MAX   512u
#define BRIDGE_TEXT_MAX    (64u << 10)
#define BRIDGE_KEPT_MAX    (32u << 10)
#define BRIDGE_HOPS_MAX    8

/* WebSockets: a message, of which nothing is held, so that the hub's own bound is what counts; what
 * is read of the hub at once; the beginning of a line of the hub's that is held for it to go out in
 * one frame; between two looks at a client; for the hub to take what was said last. */
#define WS_MESSAGE_MAX (64u << 20)
#define WS_READ_BYTES  (64u << 10)
#define WS_HELD_MAX    (64u << 10)
#define WS_PING_MS     20000u
#define WS_PART_MS     5000u

/* Callers (callers.h). What the hub said of one is good for so long; it has so long to say it. So
 * many are remembered; asked about at once, and of these from one address (the hub holds back 16 of
 * an address, and the gateway is one); and may wait for that. */
#define CALLER_GOOD_MS            300000
#define CALLER_REFUSED_MS         60000
#define CALLER_TOKENLESS_MS       5000 /* of a hub without tokens, to who is of another machine */
#define CALLER_ASK_MS             10000
#define CALLERS_KNOWN_MAX         1024u
#define CALLERS_ASKING_MAX        4u
#define CALLERS_ASKING_ORIGIN_MAX 2u
#define CALLERS_LINE_MAX          64u
#define CALLERS_LINE_ORIGIN_MAX   8u

#endif
