/* See ws_reader.h. Strict: what RFC 6455 lets a server fail a connection for, it is failed for. */
#include "gateway/ws_reader.h"

#define MASKED   0x80u /* in the second byte of a header */
#define FIN      0x80u /* in the first */
#define RESERVED 0x70u

static enum ws_event refuse(struct ws_reader *reader, enum ws_code code, const char *why)
{
    reader->over = true;
    reader->code = code;
    reader->why = why;
    return WS_EVENT_REFUSED;
}

static bool is_control(unsigned opcode)
{
    return opcode >= WS_CLOSE;
}

/* ── a frame's header ── */

/* How many bytes it has, as far as is known: two, until the second says more. */
static unsigned header_wanted(const struct ws_reader *reader)
{
    if (reader->header_len < 2)
        return 2;
    unsigned len = reader->header[1] & ~MASKED;
    return 2 + (len == 126 ? 2u : len == 127 ? 8u : 0u) + (unsigned)sizeof reader->mask;
}

static const char *begin_judge(const struct ws_reader *reader)
{
    unsigned first = reader->header[0], opcode = first & 0xf, len = reader->header[1] & ~MASKED;
    if (first & RESERVED)
        return "a reserved bit is set: no extension was agreed on";
    if ((opcode > WS_BINARY && opcode < WS_CLOSE) || opcode > WS_PONG)
        return "an opcode that is none";
    if (!(reader->header[1] & MASKED))
        return "a client's frames are masked";
    if (is_control(opcode) && (!(first & FIN) || len > WS_CONTROL_MAX))
        return "a control frame is whole, and has at most 125 bytes";
    if (opcode == WS_CONTINUATION && !reader->in_message)
        return "nothing is there to be continued";
    if ((opcode == WS_TEXT || opcode == WS_BINARY) && reader->in_message)
        return "a message begins within another";
    return NULL;
}

/* The header is whole. */
static enum ws_event header_take(struct ws_reader *reader)
{
    const uint8_t *at = reader->header + 2;
    unsigned short_len = reader->header[1] & ~MASKED;
    unsigned digits = short_len == 126 ? 2 : short_len == 127 ? 8 : 0;
    uint64_t len = digits ? 0 : short_len;
    for (unsigned i = 0; i < digits; i++)
        len = len << 8 | *at++;
    if (digits && (len < 126 || (digits == 8 && (len >> 16 == 0 || len >> 63))))
        return refuse(reader, WS_PROTOCOL_ERROR, "a length that is not written as short as it is");
    memcpy(reader->mask, at, sizeof reader->mask);
    reader->masked = 0;
    reader->header_len = 0;
    reader->opcode = reader->header[0] & 0xf;
    reader->fin = reader->header[0] & FIN;
    reader->left = len;
    reader->in_frame = true;
    if (is_control(reader->opcode)) {
        reader->control_len = 0;
        return WS_EVENT_MORE;
    }
    if (reader->opcode == WS_BINARY)
        return refuse(reader, WS_NOT_ACCEPTED, "a message is text, a line of JSON");
    if (len > reader->message_max - reader->message_len)
        return refuse(reader, WS_TOO_BIG, "a message is longer than a line may be");
    reader->message_len += (size_t)len;
    reader->in_message = true;
    return WS_EVENT_MORE;
}

static enum ws_event header_byte(struct ws_reader *reader, uint8_t byte)
{
    reader->header[reader->header_len++] = byte;
    if (reader->header_len == 2) {
        const char *why = begin_judge(reader);
        if (why)
            return refuse(reader, WS_PROTOCOL_ERROR, why);
    }
    return reader->header_len < header_wanted(reader) ? WS_EVENT_MORE : header_take(reader);
}

/* ── what it carries ── */

static void unmask(struct ws_reader *reader, const char *from, char *to, size_t len)
{
    uint8_t key[8];
    uint64_t wide_key, wide;
    size_t done = 0;
    for (unsigned i = 0; i < sizeof key; i++)
        key[i] = reader->mask[(reader->masked + i) % 4];
    memcpy(&wide_key, key, sizeof wide_key);
    for (; len - done >= sizeof wide; done += sizeof wide) {
        memcpy(&wide, from + done, sizeof wide);
        wide ^= wide_key;
        memcpy(to + done, &wide, sizeof wide);
    }
    for (; done < len; done++)
        to[done] = (char)(from[done] ^ key[done % 8]);
    reader->masked = (uint8_t)((reader->masked + len) % 4);
}

static size_t character_wanted(char first)
{
    unsigned char lead = (unsigned char)first;
    return lead < 0x80   ? 1
           : lead < 0xC2 ? 0
           : lead < 0xE0 ? 2
           : lead < 0xF0 ? 3
           : lead < 0xF5 ? 4
                         : 0;
}

/* Bytes of `text` that belong to the character that the last piece ended within. */
static bool split_go_on(struct ws_reader *reader, struct slice *text)
{
    while (reader->split_len > 0 && text->len > 0) {
        size_t wanted = character_wanted(reader->split[0]);
        reader->split[reader->split_len++] = *text->at;
        *text = (struct slice){text->at + 1, text->len - 1};
        if (reader->split_len < wanted)
            continue;
        if (utf8_length(reader->split, reader->split + wanted) != wanted)
            return false;
        reader->split_len = 0;
    }
    return true;
}

/* UTF-8, but for a character that may go on in the next piece. */
static bool text_judge(struct ws_reader *reader, struct slice text)
{
    if (!split_go_on(reader, &text))
        return false;
    const char *at = text.at, *end = text.at + text.len;
    while (at < end) {
        uint64_t wide;
        if ((size_t)(end - at) >= sizeof wide) { /* mostly it is ASCII */
            memcpy(&wide, at, sizeof wide);
            if (!(wide & 0x8080808080808080u)) {
                at += sizeof wide;
                continue;
            }
        }
        size_t length = utf8_length(at, end), left = (size_t)(end - at);
        if (length == 0) {
            if (left >= character_wanted(*at))
                return false;
            memcpy(reader->split, at, left);
            reader->split_len = (uint8_t)left;
            return true;
        }
        at += length;
    }
    return true;
}

static struct slice cut(struct slice *input, size_t len)
{
    struct slice piece = {input->at, len};
    input->at += len;
    input->len -= len;
    return piece;
}

static enum ws_event text_take(struct ws_reader *reader, struct slice masked, char *room)
{
    unmask(reader, masked.at, room, masked.len);
    reader->piece = (struct slice){room, masked.len};
    if (!text_judge(reader, reader->piece))
        return refuse(reader, WS_BAD_DATA, "a text is not UTF-8");
    return WS_EVENT_TEXT;
}

static bool code_may_be_said(unsigned code)
{
    return (code >= WS_NORMAL && code <= WS_NOT_ACCEPTED) ||
           (code >= WS_BAD_DATA && code <= WS_TRY_LATER + 1) || (code >= 3000 && code < 5000);
}

static enum ws_event close_take(struct ws_reader *reader)
{
    const unsigned char *said = (const unsigned char *)reader->control;
    unsigned code = reader->control_len >= 2 ? (unsigned)said[0] << 8 | said[1] : WS_NO_CODE;
    reader->over = true;
    reader->piece = (struct slice){NULL, 0};
    if (reader->control_len == 1 || (reader->control_len >= 2 && !code_may_be_said(code)))
        return refuse(reader, WS_PROTOCOL_ERROR, "a close with a code that is none");
    if (reader->control_len > 2)
        reader->piece = (struct slice){reader->control + 2, reader->control_len - 2u};
    if (!utf8_valid(reader->piece))
        return refuse(reader, WS_BAD_DATA, "the reason of a close is not UTF-8");
    reader->code = (enum ws_code)code;
    return WS_EVENT_CLOSE;
}

/* The frame has ended. */
static enum ws_event frame_end(struct ws_reader *reader)
{
    reader->in_frame = false;
    if (reader->opcode == WS_CLOSE)
        return close_take(reader);
    if (is_control(reader->opcode)) {
        reader->piece = (struct slice){reader->control, reader->control_len};
        return reader->opcode == WS_PING ? WS_EVENT_PING : WS_EVENT_PONG;
    }
    if (!reader->fin)
        return WS_EVENT_MORE;
    reader->in_message = false;
    reader->message_len = 0;
    if (reader->split_len > 0)
        return refuse(reader, WS_BAD_DATA, "a text ends within a character");
    return WS_EVENT_END;
}

/* ── all of it ── */

static enum ws_event take(struct ws_reader *reader, struct slice *input, char *room)
{
    if (!reader->in_frame)
        return header_byte(reader, (uint8_t)*cut(input, 1).at);
    struct slice masked = cut(input, reader->left < input->len ? (size_t)reader->left : input->len);
    reader->left -= masked.len;
    if (!is_control(reader->opcode))
        return text_take(reader, masked, room);
    unmask(reader, masked.at, reader->control + reader->control_len, masked.len);
    reader->control_len = (uint8_t)(reader->control_len + masked.len);
    return WS_EVENT_MORE;
}

enum ws_event ws_reader_next(struct ws_reader *reader, struct slice *input, char *room)
{
    enum ws_event event = WS_EVENT_MORE;
    if (reader->over) {
        *input = (struct slice){NULL, 0};
        return WS_EVENT_MORE;
    }
    while (event == WS_EVENT_MORE) {
        if (reader->in_frame && reader->left == 0)
            event = frame_end(reader);
        else if (input->len > 0)
            event = take(reader, input, room);
        else
            break;
    }
    return event;
}

void ws_reader_init(struct ws_reader *reader, size_t message_max)
{
    *reader = (struct ws_reader){.message_max = message_max};
}

/* ── what a server says ── */

void ws_frame_begin(struct text *text, enum ws_opcode opcode, bool fin, size_t len)
{
    char header[10] = {(char)(opcode | (fin ? FIN : 0))};
    unsigned digits = len < 126 ? 0 : len < 1u << 16 ? 2 : 8;
    header[1] = (char)(digits == 0 ? len : digits == 2 ? 126 : 127);
    for (unsigned i = 0; i < digits; i++)
        header[2 + i] = (char)(len >> 8 * (digits - 1 - i));
    text_add(text, (struct slice){header, 2 + digits});
}

void ws_close_write(struct text *text, enum ws_code code, struct slice reason)
{
    char said[2] = {(char)(code >> 8), (char)code};
    reason = utf8_cut(reason, WS_CONTROL_MAX - sizeof said);
    if (code == WS_NO_CODE) {
        ws_frame_begin(text, WS_CLOSE, true, 0);
        return;
    }
    ws_frame_begin(text, WS_CLOSE, true, sizeof said + reason.len);
    text_add(text, (struct slice){said, sizeof said});
    text_add(text, reason);
}
