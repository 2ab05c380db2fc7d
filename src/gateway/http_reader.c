/* See http_reader.h.
 *
 * http-parser does the parsing and is watched: a head is gathered, its line ends are looked at, and
 * only then is it parsed, in one piece. Of a chunked body it takes any byte for the end of a line,
 * so what stands between chunks goes to it byte by byte, each judged before. */
#include "gateway/http_reader.h"

#include <assert.h>
#include <stdlib.h>

#include "wire/secret.h"

static enum http_event refuse(struct http_reader *reader, int status, const char *why)
{
    reader->status = status;
    reader->why = why;
    return HTTP_EVENT_REFUSED;
}

/* ── what http-parser says ── */

static struct http_reader *reader_of(http_parser *parser)
{
    return parser->data;
}

static int on_url(http_parser *parser, const char *at, size_t len)
{
    reader_of(parser)->head->target = (struct slice){at, len};
    return 0;
}

static int on_field(http_parser *parser, const char *at, size_t len)
{
    struct http_reader *reader = reader_of(parser);
    if (reader->trailing) /* read, and meant for nobody */
        return 0;
    struct http_head *head = reader->head;
    if (head->field_count == HTTP_FIELDS_MAX)
        return 1;
    head->fields[head->field_count++] = (struct http_field){.name = {at, len}};
    return 0;
}

static int on_value(http_parser *parser, const char *at, size_t len)
{
    struct http_reader *reader = reader_of(parser);
    if (reader->trailing)
        return 0;
    while (len > 0 && (at[len - 1] == ' ' || at[len - 1] == '\t'))
        len--;
    reader->head->fields[reader->head->field_count - 1].value = (struct slice){at, len};
    return 0;
}

static int on_head_end(http_parser *parser)
{
    struct http_reader *reader = reader_of(parser);
    struct http_head *head = reader->head;
    head->method = slice_of(http_method_str((enum http_method)parser->method));
    head->minor = parser->http_major == 1 ? parser->http_minor : 9;
    head->keep_alive = http_should_keep_alive(parser);
    reader->status = http_head_check(head, &reader->why);
    return reader->status ? -1 : 0;
}

static int on_chunk_size(http_parser *parser)
{
    struct http_reader *reader = reader_of(parser);
    reader->left = parser->content_length;
    reader->sized = true;
    reader->trailing = reader->left == 0;
    return 0;
}

static int on_end(http_parser *parser)
{
    reader_of(parser)->reading = HTTP_READING_ENDED;
    return 0;
}

static const http_parser_settings settings = {
    .on_url = on_url,
    .on_header_field = on_field,
    .on_header_value = on_value,
    .on_headers_complete = on_head_end,
    .on_chunk_header = on_chunk_size,
    .on_message_complete = on_end,
};

/* False: http-parser does not take it. */
static bool parse(struct http_reader *reader, struct slice bytes)
{
    return http_parser_execute(&reader->parser, &settings, bytes.at, bytes.len) == bytes.len &&
           HTTP_PARSER_ERRNO(&reader->parser) == HPE_OK;
}

/* ── the head ── */

/* Control characters, but for the tabulator and the ends of lines, mean nothing good. */
static bool is_control(char c)
{
    return ((unsigned char)c < 0x20 && c != '\t') || c == 0x7f;
}

static bool head_room(struct http_head *head)
{
    if (head->len < head->capacity)
        return true;
    size_t capacity = head->capacity ? 2 * head->capacity : HTTP_HEAD_BEGIN;
    char *bytes = secret_grow(head->bytes, head->len, capacity);
    if (!bytes)
        return false;
    head->bytes = bytes;
    head->capacity = capacity;
    return true;
}

static enum http_event head_begin(struct http_reader *reader)
{
    reader->head = calloc(1, sizeof *reader->head);
    if (!reader->head)
        return refuse(reader, 503, "out of memory");
    http_parser_init(&reader->parser, HTTP_REQUEST);
    reader->parser.data = reader;
    reader->reading = HTTP_READING_HEAD;
    reader->lines = 0;
    reader->last = '\n';
    reader->sized = reader->trailing = false;
    return HTTP_EVENT_MORE;
}

static enum http_event head_end(struct http_reader *reader)
{
    struct http_head *head = reader->head;
    if (!parse(reader, (struct slice){head->bytes, head->len})) {
        if (reader->status)
            return HTTP_EVENT_REFUSED;
        if (HTTP_PARSER_ERRNO(&reader->parser) == HPE_INVALID_METHOD)
            return refuse(reader, 501, "no such method is known here");
        return refuse(reader, 400, "the head of the request is malformed");
    }
    if (!head->method.at) /* it took the empty line for a part of "HTTP/1.1", and waits for more */
        return refuse(reader, 400, "the request line is malformed");
    reader->left = head->length;
    reader->framing = 0;
    reader->last = 0;
    if (reader->reading == HTTP_READING_HEAD)
        reader->reading = head->chunked ? HTTP_READING_SIZE : HTTP_READING_LENGTH;
    return HTTP_EVENT_HEAD;
}

/* One more byte of it. HTTP_EVENT_MORE: go on. */
static enum http_event head_take(struct http_reader *reader, char c)
{
    struct http_head *head = reader->head;
    bool line_begins = reader->last == '\n';
    if (head->len == 0 && (c < 'A' || c > 'Z'))
        return refuse(reader, 400, "this is no HTTP request");
    if ((c == '\n') != (reader->last == '\r'))
        return refuse(reader, 400, "lines end with CR and LF, both");
    if (c != '\r' && c != '\n' && is_control(c))
        return refuse(reader, 400, "a control character");
    if (line_begins && (c == ' ' || c == '\t'))
        return refuse(reader, 400, "a header field goes on in a new line");
    if (head->len == HTTP_HEAD_MAX)
        return reader->lines == 0 ? refuse(reader, 414, "the target is too long")
                                  : refuse(reader, 431, "the header fields are too long");
    if (!head_room(head))
        return refuse(reader, 503, "out of memory");
    bool ends = c == '\n' && head->len >= 2 && head->bytes[head->len - 2] == '\n';
    head->bytes[head->len++] = c;
    reader->last = c;
    if (ends)
        return head_end(reader);
    if (c == '\n' && reader->lines++ > HTTP_FIELDS_MAX)
        return refuse(reader, 431, "too many header fields");
    return HTTP_EVENT_MORE;
}

/* ── the body ── */

static enum http_event refuse_chunk(struct http_reader *reader)
{
    return refuse(reader, 400, "a chunk of the body is malformed");
}

/* A size and its line's end; no extensions, which nobody sends but to confuse. */
static bool size_may_stand(const struct http_reader *reader, char c)
{
    static const char digits[] = "0123456789abcdefABCDEF";
    if (reader->framing == 0)
        return c && strchr(digits, c);
    return reader->last == '\r'
               ? c == '\n'
               : c == '\r' || (c && strchr(digits, c) && reader->framing < HTTP_CHUNK_DIGITS_MAX);
}

static bool trailer_may_stand(const struct http_reader *reader, char c)
{
    return (c == '\n') == (reader->last == '\r') && (c == '\r' || c == '\n' || !is_control(c)) &&
           !(reader->last == '\n' && (c == ' ' || c == '\t')) && reader->framing < HTTP_TRAILER_MAX;
}

static enum http_event size_take(struct http_reader *reader, struct slice byte)
{
    char c = *byte.at;
    if (!(reader->trailing ? trailer_may_stand(reader, c) : size_may_stand(reader, c)))
        return refuse_chunk(reader);
    reader->framing++;
    reader->last = c;
    if (!parse(reader, byte))
        return refuse_chunk(reader);
    if (reader->sized) {
        reader->sized = false;
        reader->framing = 0;
        reader->reading = reader->trailing ? HTTP_READING_SIZE : HTTP_READING_CHUNK;
    }
    return HTTP_EVENT_MORE;
}

static enum http_event chunk_end_take(struct http_reader *reader, struct slice byte)
{
    if (*byte.at != (reader->framing == 0 ? '\r' : '\n') || !parse(reader, byte))
        return refuse_chunk(reader);
    if (reader->framing++ == 1) {
        reader->framing = 0;
        reader->last = 0;
        reader->reading = HTTP_READING_SIZE;
    }
    return HTTP_EVENT_MORE;
}

static struct slice cut(struct slice *input, size_t len)
{
    struct slice piece = {input->at, len};
    input->at += len;
    input->len -= len;
    return piece;
}

/* As much of the body, or of its chunk, as there is. */
static enum http_event body_take(struct http_reader *reader, struct slice *input)
{
    struct slice piece = cut(input, reader->left < input->len ? (size_t)reader->left : input->len);
    reader->left -= piece.len;
    if (!parse(reader, piece))
        return refuse(reader, 400, "the body is malformed");
    if (reader->left == 0 && reader->reading == HTTP_READING_CHUNK) {
        reader->reading = HTTP_READING_CHUNK_END;
        reader->framing = 0;
    }
    reader->body = piece;
    return HTTP_EVENT_BODY;
}

/* ── all of it ── */

static enum http_event take(struct http_reader *reader, struct slice *input)
{
    switch (reader->reading) {
    case HTTP_READING_NOTHING:
        return head_begin(reader);
    case HTTP_READING_HEAD:
        return head_take(reader, *cut(input, 1).at);
    case HTTP_READING_SIZE:
        return size_take(reader, cut(input, 1));
    case HTTP_READING_CHUNK_END:
        return chunk_end_take(reader, cut(input, 1));
    case HTTP_READING_LENGTH:
    case HTTP_READING_CHUNK:
        return body_take(reader, input);
    case HTTP_READING_ENDED:
        break;
    }
    return HTTP_EVENT_DONE;
}

enum http_event http_reader_next(struct http_reader *reader, struct slice *input)
{
    if (reader->status)
        return HTTP_EVENT_REFUSED;
    if (reader->reading == HTTP_READING_ENDED)
        return HTTP_EVENT_DONE;
    enum http_event event = HTTP_EVENT_MORE;
    while (input->len > 0 && event == HTTP_EVENT_MORE && reader->reading != HTTP_READING_ENDED)
        event = take(reader, input);
    if (event == HTTP_EVENT_MORE && reader->reading == HTTP_READING_ENDED)
        return HTTP_EVENT_DONE;
    return event;
}

void http_reader_init(struct http_reader *reader)
{
    *reader = (struct http_reader){.reading = HTTP_READING_NOTHING};
}

void http_reader_clear(struct http_reader *reader)
{
    if (reader->head) /* there may be a token in it */
        secret_free(reader->head->bytes, reader->head->len);
    free(reader->head);
    reader->head = NULL;
    reader->reading = HTTP_READING_NOTHING;
}

void http_reader_free(struct http_reader *reader)
{
    http_reader_clear(reader);
}
