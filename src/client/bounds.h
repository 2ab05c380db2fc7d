/* Every bound and default of a link, in one place. Those of the wire itself are in
 * wire/bounds.h. */
#ifndef KHUB_CLIENT_BOUNDS_H
#define KHUB_CLIENT_BOUNDS_H

#define LINK_ADDRESS        "127.0.0.1:6000"
#define LINK_SPECIALIZATION "general"
#define LINK_VERSION        "1.0.0"
#define LINK_ROOM           "main"

#define LINK_RETRY_FIRST_MS 200u
#define LINK_RETRY_MAX_MS   10000u
#define LINK_HEARTBEAT_MS   30000u
#define LINK_QUEUE_MAX      ((size_t)8 << 20)
#define LINK_LINE_MAX       ((size_t)64 << 20)

#define ENDPOINTS_MAX       16u /* socket addresses tried for one host; further ones are left out */
#define LOOKUP_MS           60000 /* for the resolver to answer */
#define CONNECT_MS          10000 /* for one socket address to answer */
#define SHAKING_MS          30000 /* for the hub to finish a handshake of TLS */
#define GREETING_MS         30000 /* without a byte from the hub, between hello and its answer */
#define TELL_MS             1000  /* after something was read, until the hub is told */
#define LINGER_MS           5000  /* for the hub to take what was sent before the end */
#define HEARTBEATS_UNHEARD  3u    /* sent with nothing coming back: the connection is dead */

#define INPUT_SIZE          (64u << 10)  /* bytes of one read */
#define READS_PER_TURN      16u          /* then others in the loop have their turn */
#define SCRATCH_KEPT        (256u << 10) /* buffers that a long line grew beyond this are let go */
#define TOKEN_MAX           256u         /* bytes of a resume_token, and of a token */
#define HELLO_FRAME_MAX     4096u        /* bytes of a hello besides its profile and capabilities */

#define LEASE_KEY_MAX       256u /* bytes: the hub's bound */
#define LEASE_TTL_S_MAX     3600u
#define STAY_S_MAX          86400u

/* Nesting of a line that comes in. A payload may be WIRE_DEPTH_MAX deep; the hub wraps such
 * things in the sections of a training_sync, and the sync in a line. */
#define INCOMING_DEPTH_MAX (2 * WIRE_DEPTH_MAX)

#endif
