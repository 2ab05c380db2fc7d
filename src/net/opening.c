/* Openings: a table of patterns, and a comparison that can stop after any byte. */
#include "net/opening.h"

#include <assert.h>

#define ANY   '\xff' /* in a pattern: any byte */
#define DIGIT '\xfe'

/* X(name, pattern, understands an HTTP answer). What browsers can be made to send stands first:
 * HTTP (WebSockets begin with GET), TLS, and STUN to what a page calls a relay. The rest are
 * mistakes worth a clear word. None has a line end in it. */
#define PROTOCOLS(X)                                                                               \
    X("HTTP", "GET ", true)                                                                        \
    X("HTTP", "HEAD ", true)                                                                       \
    X("HTTP", "POST ", true)                                                                       \
    X("HTTP", "PUT ", true)                                                                        \
    X("HTTP", "DELETE ", true)                                                                     \
    X("HTTP", "OPTIONS ", true)                                                                    \
    X("HTTP", "PATCH ", true)                                                                      \
    X("HTTP", "CONNECT ", true)                                                                    \
    X("HTTP", "TRACE ", true)                                                                      \
    X("HTTP", "Host:", true)                                                                       \
    X("HTTP", "host:", true)                                                                       \
    X("HTTP", "HTTP/", false)                                                                      \
    X("HTTP/2", "PRI * HTTP/2", false)                                                             \
    X("TLS", "\x16\x03", false)                                                                    \
    X("STUN", "\x00\x01\xff\xff\x21\x12\xa4\x42", false)                                           \
    X("STUN", "\x00\x03\xff\xff\x21\x12\xa4\x42", false)                                           \
    X("SSH", "SSH-", false)                                                                        \
    X("SMTP", "EHLO ", false)                                                                      \
    X("SMTP", "HELO ", false)                                                                      \
    X("Redis", "*\xfe", false)                                                                     \
    X("PROXY", "PROXY ", false)

static const struct protocol protocols[] = {
#define X(name, pattern, http) {name, SLICE(pattern), http},
    PROTOCOLS(X)
#undef X
};
#define PROTOCOL_COUNT (sizeof protocols / sizeof *protocols)

static bool byte_fits(char pattern, char byte)
{
    return pattern == byte || pattern == ANY || (pattern == DIGIT && byte >= '0' && byte <= '9');
}

/* The bytes of the opening that a pattern agrees with, from the start. */
static size_t agreement(const struct opening *opening, struct slice pattern)
{
    size_t len = 0;
    while (len < opening->len && len < pattern.len &&
           byte_fits(pattern.at[len], opening->bytes[len]))
        len++;
    return len;
}

/* Judges what is there; at least one byte of it is new. */
static const struct protocol *judge(struct opening *opening)
{
    opening->over = true;
    for (size_t i = 0; i < PROTOCOL_COUNT; i++) {
        struct slice pattern = protocols[i].pattern;
        assert(pattern.len <= OPENING_MAX);
        size_t len = agreement(opening, pattern);
        if (len == pattern.len)
            return &protocols[i];
        if (len == opening->len)
            opening->over = false;
    }
    return NULL;
}

const struct protocol *opening_take(struct opening *opening, struct slice input)
{
    assert(!opening->over);
    for (size_t i = 0; i < input.len && !opening->over; i++) {
        bool empty_line = input.at[i] == '\n' || input.at[i] == '\r';
        if (opening->len == 0 && empty_line)
            continue;
        assert(opening->len < OPENING_MAX); /* a longer one fits no pattern, or has fitted one */
        opening->bytes[opening->len++] = input.at[i];
        const struct protocol *protocol = judge(opening);
        if (protocol)
            return protocol;
    }
    return NULL;
}
