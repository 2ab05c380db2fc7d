/* Every bound of HTTP, in one place. Those that a test or an owner may want to change are the
 * defaults of struct http_server_options. */
#ifndef KHUB_GATEWAY_HTTP_BOUNDS_H
#define KHUB_GATEWAY_HTTP_BOUNDS_H

/* Of a request: its head with all lines, its fields; digits of a chunk's size; trailers. */
#define HTTP_HEAD_MAX          (8u << 10)
#define HTTP_HEAD_BEGIN        512u /* what is taken for it first; it grows by doubling */
#define HTTP_FIELDS_MAX        100u
#define HTTP_CHUNK_DIGITS_MAX  8u
#define HTTP_TRAILER_MAX       256u
#define HTTP_LENGTH_DIGITS_MAX 15u /* of a Content-Length */
#define HTTP_PARAMS_MAX        4u  /* of a route's path */
#define HTTP_BEARER_MAX        128u

/* What is read at once, and so what a client can have said ahead of its answer. */
#define HTTP_READ_BYTES     (16u << 10)

#define HTTP_LISTENERS_MAX  8u
#define HTTP_LISTEN_BACKLOG 4096
/* When all connections are taken, so many more are kept until they have read why they are not. */
#define HTTP_SURPLUS_MAX    16u
#define HTTP_FILES_RESERVED 64u /* descriptors for other things than connections */

/* A dead client is noticed within this when something was sent to it, else by probes. */
#define HTTP_UNACKED_MS       60000
#define HTTP_PROBE_IDLE_S     60
#define HTTP_PROBE_INTERVAL_S 15
#define HTTP_PROBE_COUNT      4

/* Time limits (enum http_wait says of what). */
#define HTTP_IDLE_MS   120000u
#define HTTP_HEAD_MS   10000u
#define HTTP_BODY_MS   60000u
#define HTTP_DRAIN_MS  30000u
#define HTTP_ALIVE_MS  15000u
#define HTTP_LINGER_MS 2000u
#define HTTP_SHAKE_MS  10000u

/* TLS. So many shake hands at once: of more, the one that does for longest goes. What the peer
 * makes us say (key updates) and does not take. */
#define HTTP_SHAKING_MAX  256u
#define HTTP_TLS_SAID_MAX (64u << 10)

/* Bytes that may wait for a stream's reader; bodies of all requests under way together. */
#define HTTP_STREAM_MAX (1u << 20)
#define HTTP_EVENTS_MAX (64u << 10) /* of a turn that go out together */
#define HTTP_BODIES_MAX (64u << 20)

#endif
