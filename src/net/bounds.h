/* Every bound of the edge, in one place. What a hub's owner may want to move stands in struct
 * server_options. */
#ifndef KHUB_NET_BOUNDS_H
#define KHUB_NET_BOUNDS_H

/* Out-streams (stream.h): bytes of one chunk's allocation, its head included; freed chunks kept for
 * reuse; streams, two for each of the core's ROOMS_MAX and then some; what is a large line; bytes
 * of all chunks, over which the longest queues are cut. */
#define CHUNK_BYTES      (64u << 10)
#define CHUNKS_SPARE_MAX 64u
#define OUT_STREAMS_MAX  4096u
#define LARGE_LINE_BYTES (8u << 10)
#define OUTPUT_TOTAL_MAX (1u << 30)

/* Ranges shorter than COPY_OUT_BELOW are copied out of a slow reader's chunks, each time all chunks
 * have grown by COPY_OUT_EVERY; to a chunk of PRIVATE_BYTES_MIN, the next one twice that, up to
 * CHUNK_BYTES. */
#define COPY_OUT_BELOW    (8u << 10)
#define COPY_OUT_EVERY    (8u << 20)
#define PRIVATE_BYTES_MIN (4u << 10)

/* Work of one loop turn, for one connection */
#define READ_BYTES        (64u << 10)
#define WRITE_BYTES_MAX   (256u << 10)
#define WRITE_VECTORS_MAX 64u
#define ACCEPTS_PER_TURN  64u

/* Before the turn's end: a queue this long is written at once; after so many appended bytes chunks
 * are swept, and all written. */
#define WRITE_EARLY_BYTES (128u << 10)
#define SWEEP_EARLY_BYTES (1u << 20)
#define FLUSH_EARLY_BYTES (16u << 20)

/* Lines not yet ended, of all connections together; over it those who hold more than
 * PARTIAL_FAIR_BYTES are cut. */
#define PARTIAL_TOTAL_MAX  (256u << 20)
#define PARTIAL_FAIR_BYTES (64u << 10)

/* Who reads too slowly (pace.h), by output_max. LAG_PACE: bytes a second that a majority of
 * laggards must still take. */
#define LAG_ABOVE(most) ((most) / 2)
#define LAG_BELOW(most) ((most) / 4)
#define LAG_PACE(most)  ((most) / 32)
#define LAG_PATIENCE_MS 1000u

/* A closing peer has CLOSE_FLUSH_MS to take what was queued for it, then CLOSE_LINGER_MS to close
 * its side, so that nothing of it is lost in a reset; when the hub stops, STOP_MS for both.
 * BEAT_MS: the timer that runs while somebody lags or is closing. */
#define CLOSE_FLUSH_MS  5000u
#define CLOSE_LINGER_MS 1000u
#define STOP_MS         3000u
#define BEAT_MS         100u

/* Who never joined since it came makes room: after HELLO_TIMEOUT_MS when more than half of
 * connections_max are taken, after HELLO_GRACE_MS when all are. */
#define HELLO_TIMEOUT_MS 60000u
#define HELLO_GRACE_MS   5000u

/* Of those for whom there is no room so many at a time may take their time to read so; it is within
 * FILES_RESERVED. */
#define SURPLUS_MAX 16u

/* Accepting rests this long when there are no files left, and the reserve did not help. */
#define ACCEPT_PAUSE_MS 100u
#define LISTEN_BACKLOG  4096
#define ANY_PORT_TRIES  16u          /* to find one port that is free for all addresses of a name */
#define FILES_RESERVED  ((size_t)64) /* descriptors that are no connections */

/* A dead peer is noticed after KEEPALIVE_IDLE_S + KEEPALIVE_COUNT * KEEPALIVE_INTERVAL_S at the
 * latest; UNACKED_MS (TCP_USER_TIMEOUT) when something was sent to it. */
#define KEEPALIVE_IDLE_S     60
#define KEEPALIVE_INTERVAL_S 15
#define KEEPALIVE_COUNT      4
#define UNACKED_MS           120000

/* Log that waits to be written: all that ten thousand connections say when they come and go at once. */
#define LOG_WAITING_MAX    (8u << 20)
#define LOG_VALUE_MAX      200u /* bytes of one peer's text in a log line */
#define LOG_LINES_EACH_MAX 20u  /* log lines that one connection can cause in a second */

#endif
