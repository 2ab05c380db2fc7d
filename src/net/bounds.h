/* Every limit of net/ in one place. Those that a hub's owner may want to change are in struct
 * server_options. */
#ifndef KHUB_NET_BOUNDS_H
#define KHUB_NET_BOUNDS_H

/* Out-streams (stream.h): the size of a chunk with its header; how many freed chunks are kept for
 * reuse; how many streams there can be (two for each of the core's ROOMS_MAX, and some more); from
 * which length a line is large; how large all chunks together may grow before the longest queues
 * are cut. */
#define CHUNK_BYTES      (64u << 10)
#define CHUNKS_SPARE_MAX 64u
#define OUT_STREAMS_MAX  4096u
#define LARGE_LINE_BYTES (8u << 10)
#define OUTPUT_TOTAL_MAX (1u << 30)

/* Each time all chunks have grown by COPY_OUT_EVERY, ranges shorter than COPY_OUT_BELOW are copied
 * out of the chunks of slow readers: to private chunks of PRIVATE_BYTES_MIN, doubling up to
 * CHUNK_BYTES. */
#define COPY_OUT_BELOW    (8u << 10)
#define COPY_OUT_EVERY    (8u << 20)
#define PRIVATE_BYTES_MIN (4u << 10)

/* The most that one loop turn does for one connection. */
#define READ_BYTES        (64u << 10)
#define WRITE_BYTES_MAX   (256u << 10)
#define WRITE_VECTORS_MAX 64u
#define ACCEPTS_PER_TURN  64u

/* What is not left until the turn's end: a queue this long is written at once; after so many
 * appended bytes, chunks are swept; after so many more, all queues are written. */
#define WRITE_EARLY_BYTES (128u << 10)
#define SWEEP_EARLY_BYTES (1u << 20)
#define FLUSH_EARLY_BYTES (16u << 20)

/* Unfinished lines of all connections together. Above that, connections that hold more than
 * PARTIAL_FAIR_BYTES are closed. */
#define PARTIAL_TOTAL_MAX  (256u << 20)
#define PARTIAL_FAIR_BYTES (64u << 10)

/* Who reads too slowly (pace.h), as fractions of output_max. LAG_PACE: the bytes per second that
 * laggards must take to be waited for when they are the majority. */
#define LAG_ABOVE(most) ((most) / 2)
#define LAG_BELOW(most) ((most) / 4)
#define LAG_PACE(most)  ((most) / 32)
#define LAG_PATIENCE_MS 1000u

/* A connection that is being closed has CLOSE_FLUSH_MS to take its queue, then CLOSE_LINGER_MS to
 * close its side: closing earlier could lose data in a reset. When the hub stops, both together
 * have STOP_MS. BEAT_MS: the period of the timer that runs while any connection lags or is being
 * closed. */
#define CLOSE_FLUSH_MS  5000u
#define CLOSE_LINGER_MS 1000u
#define STOP_MS         3000u
#define BEAT_MS         100u

/* Connections that have not joined make room for others: after HELLO_TIMEOUT_MS when more than half
 * of connections_max are taken, after HELLO_GRACE_MS when all are. */
#define HELLO_TIMEOUT_MS 60000u
#define HELLO_GRACE_MS   5000u

/* TLS (io_tls.h). A handshake has TLS_SHAKE_MS and TLS_SHAKE_BYTES_MAX of the peer's bytes; the
 * loop makes TLS_STEPS_PER_TURN steps of handshakes a turn, each at most a signature (tenths of a
 * millisecond with EC keys, one with RSA), and one more for each TLS_WRITES_PER_STEP writes of the
 * turn, which take as long as with EC: else of thousands who join all would be told one by one.
 * TLS_WRITE_BYTES are encrypted before the system is asked to take them; a peer that takes nothing
 * while it makes the hub answer (key updates) is closed above TLS_HELD_MAX. Memory above
 * TLS_OUT_KEPT is given back. */
#define TLS_SHAKE_MS        10000u
#define TLS_STEPS_PER_TURN  4u
#define TLS_WRITES_PER_STEP 64u
#define TLS_WRITE_BYTES     (64u << 10)
#define TLS_HELD_MAX        (256u << 10)
#define TLS_OUT_KEPT        (256u << 10)

/* Wrong tokens (login.h). So many addresses are remembered, each for STRANGER_FORGIVEN_MS after its
 * last one; a refusal is held back for LOGIN_DELAY_MS, for each further one twice as long, so many
 * times; so many of one address are held back at once. */
#define STRANGERS_MAX        256u
#define STRANGER_FORGIVEN_MS 60000u
#define LOGIN_DELAY_MS       100u
#define STRANGER_DOUBLINGS   5u
#define STRANGER_HELD_MAX    16u
/* Bytes of a line before a token was shown: a hello has less. */
#define STRANGER_LINE_MAX ((size_t)64 << 10)

/* When the hub is full, so many newcomers at a time are kept until they have read why they are
 * refused. They use files of FILES_RESERVED. */
#define SURPLUS_MAX 16u

/* A room in which nothing is said is looked at so often for what is to be kept no longer. */
#define QUIET_MS 600000u

/* How long accepting pauses when no descriptors are left, not even the reserve. */
#define ACCEPT_PAUSE_MS 100u
#define LISTEN_BACKLOG  4096
#define ANY_PORT_TRIES  16u          /* to find a port that is free at all addresses of a name */
#define FILES_RESERVED  ((size_t)64) /* descriptors for other things than connections */

/* A dead peer is noticed within KEEPALIVE_IDLE_S + KEEPALIVE_COUNT * KEEPALIVE_INTERVAL_S, or
 * within UNACKED_MS (TCP_USER_TIMEOUT) if something was sent to it. */
#define KEEPALIVE_IDLE_S     60
#define KEEPALIVE_INTERVAL_S 15
#define KEEPALIVE_COUNT      4
#define UNACKED_MS           120000

/* How much log may wait to be written: enough for ten thousand connections that come and go at
 * once. */
#define LOG_WAITING_MAX    (8u << 20)
#define LOG_VALUE_MAX      200u /* bytes of one peer's text in a log line */
#define LOG_LINES_EACH_MAX 20u  /* log lines that one connection can cause in a second */

#endif
