/* Bytes become HTTP requests, one after the other, split anywhere: the head whole, then the body as
 * it comes. Owns no socket. */
#ifndef KHUB_GATEWAY_HTTP_READER_H
#define KHUB_GATEWAY_HTTP_READER_H

#include <http_parser.h>

#include "gateway/http_head.h"

enum http_event {
    HTTP_EVENT_MORE,    /* all input was taken; more must come */
    HTTP_EVENT_HEAD,    /* the head is whole, and may stand */
    HTTP_EVENT_BODY,    /* a piece of the body: reader->body */
    HTTP_EVENT_DONE,    /* the request has ended; http_reader_clear, then the next may be read */
    HTTP_EVENT_REFUSED, /* reader->status and why say so; nothing more can be read */
};

enum http_reading {
    HTTP_READING_NOTHING, /* of a request */
    HTTP_READING_HEAD,
    HTTP_READING_LENGTH, /* a body of so many bytes */
    HTTP_READING_SIZE,   /* of a chunk, and behind the last one trailers */
    HTTP_READING_CHUNK,
    HTTP_READING_CHUNK_END, /* the two bytes behind it */
    HTTP_READING_ENDED,
};

struct http_reader {
    http_parser parser;
    struct http_head *head; /* of the request under way, owned; NULL: nothing of it has come */
    enum http_reading reading;
    uint64_t left;     /* bytes of the body, or of its chunk, that are still to come */
    unsigned framing;  /* bytes of a chunk's size line, or of trailers, so far */
    unsigned lines;    /* of the head, so far */
    char last;         /* the byte before, where a line's end matters */
    bool sized;        /* the chunk's size line has ended */
    bool trailing;     /* the last chunk has come */
    int status;        /* of a refusal; */
    const char *why;   /* static */
    struct slice body; /* of the input that was given in */
};

void http_reader_init(struct http_reader *reader);
void http_reader_free(struct http_reader *reader);
/* Reads on; *input is what is left of it. Until HTTP_EVENT_MORE comes, call again. */
enum http_event http_reader_next(struct http_reader *reader, struct slice *input);
/* Of a request that has ended nothing is kept. */
void http_reader_clear(struct http_reader *reader);

#endif
