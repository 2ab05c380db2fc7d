/* Bytes become messages of WebSocket (RFC 6455), as a server reads them, split anywhere; and what a
 * server's frames begin with. Owns no socket, and keeps no message: text is handed out as it comes,
 * so an idle reader holds nothing but itself. No extensions. */
#ifndef KHUB_GATEWAY_WS_READER_H
#define KHUB_GATEWAY_WS_READER_H

#include <stdint.h>

#include "wire/text.h"
#include "wire/utf8.h"

#define WS_CONTROL_MAX 125u /* bytes that a ping, a pong or a close carries */

enum ws_opcode {
    WS_CONTINUATION = 0,
    WS_TEXT = 1,
    WS_BINARY = 2,
    WS_CLOSE = 8,
    WS_PING = 9,
    WS_PONG = 10,
};

/* Why a connection ends, as its two sides tell each other. */
enum ws_code {
    WS_NORMAL = 1000,
    WS_GOING_AWAY = 1001,
    WS_PROTOCOL_ERROR = 1002,
    WS_NOT_ACCEPTED = 1003, /* that kind of data */
    WS_NO_CODE = 1005,      /* none was said; never sent */
    WS_BAD_DATA = 1007,
    WS_POLICY = 1008,
    WS_TOO_BIG = 1009,
    WS_INTERNAL = 1011,
    WS_TRY_LATER = 1013,
};

enum ws_event {
    WS_EVENT_MORE, /* all input was taken; more must come */
    WS_EVENT_TEXT, /* a piece of a message: reader->piece */
    WS_EVENT_END,  /* the message has ended */
    WS_EVENT_PING, /* piece: what is to come back in the pong */
    WS_EVENT_PONG,
    WS_EVENT_CLOSE,   /* code, and in piece the reason; nothing more can be read */
    WS_EVENT_REFUSED, /* code and why; nothing more can be read */
};

struct ws_reader {
    size_t message_max; /* bytes of a message */
    size_t message_len; /* of the one under way, so far */
    uint64_t left;      /* bytes of the frame that are still to come */
    uint8_t header[14], header_len;
    uint8_t mask[4], masked; /* the next byte's place in the mask */
    uint8_t opcode;          /* of the frame */
    bool fin;                /* and whether its message ends with it */
    bool in_frame;           /* its header has come */
    bool in_message;         /* the first of its frames has */
    bool over;               /* closed, or refused */
    uint8_t split_len;       /* of a character that is split, so far: */
    char split[UTF8_MAX];
    uint8_t control_len; /* of a control frame, so far: */
    char control[WS_CONTROL_MAX];
    struct slice piece; /* good until the next call */
    enum ws_code code;
    const char *why; /* static */
};

void ws_reader_init(struct ws_reader *reader, size_t message_max);
/* Reads on; *input is what is left of it. room: for as many bytes as the input has, where pieces of
 * text are put. Until WS_EVENT_MORE comes, call again. */
enum ws_event ws_reader_next(struct ws_reader *reader, struct slice *input, char *room);

/* Writes what stands before a frame's `len` bytes. */
void ws_frame_begin(struct text *text, enum ws_opcode opcode, bool fin, size_t len);
/* A whole frame that says that, and why, this side closes; the reason is cut to what fits. */
void ws_close_write(struct text *text, enum ws_code code, struct slice reason);

#endif
