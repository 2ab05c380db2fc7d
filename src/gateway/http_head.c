/* See http_head.h. http-parser has taken the lines apart; it is lax, and no longer developed, so
 * here all is looked at once more. */
#include "gateway/http_head.h"

#include <strings.h>

/* ── characters ── */

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_letter_or_digit(char c)
{
    return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* RFC 9110's tchar: of what the names of fields are made. */
static bool is_token(struct slice text)
{
    for (size_t i = 0; i < text.len; i++)
        if (!is_letter_or_digit(text.at[i]) &&
            (!text.at[i] || !strchr("!#$%&'*+-.^_`|~", text.at[i])))
            return false;
    return text.len > 0;
}

static int hex_value(char c)
{
    if (is_digit(c))
        return c - '0';
    char low = (char)(c | 0x20);
    return low >= 'a' && low <= 'f' ? low - 'a' + 10 : -1;
}

/* RFC 3986's path and query, and nothing else. */
static bool is_path_and_query(struct slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.at[i];
        if (c == '%') {
            if (text.len - i < 3 || hex_value(text.at[i + 1]) < 0 || hex_value(text.at[i + 2]) < 0)
                return false;
        } else if (!is_letter_or_digit(c) && (!c || !strchr("/?-._~!$&'()*+,;=:@", c))) {
            return false;
        }
    }
    return text.len > 0 && text.at[0] == '/';
}

bool http_same(struct slice text, const char *other)
{
    return text.len == strlen(other) && strncasecmp(text.at, other, text.len) == 0;
}

bool http_unescape(char *text, size_t len, size_t *ret_len)
{
    size_t to = 0;
    for (size_t from = 0; from < len; from++, to++) {
        char c = text[from];
        if (c == '%') {
            if (len - from < 3 || hex_value(text[from + 1]) < 0 || hex_value(text[from + 2]) < 0)
                return false;
            c = (char)(hex_value(text[from + 1]) << 4 | hex_value(text[from + 2]));
            from += 2;
        }
        if ((unsigned char)c < 0x20 || c == 0x7f)
            return false;
        text[to] = c;
    }
    *ret_len = to;
    return true;
}

static bool is_port(struct slice text)
{
    for (size_t i = 0; i < text.len; i++)
        if (!is_digit(text.at[i]))
            return false;
    return text.len > 0 && text.len <= 5;
}

bool http_is_host(struct slice text)
{
    size_t end = 0;
    bool bracketed = text.len > 0 && text.at[0] == '[';
    if (bracketed) {
        for (end = 1; end < text.len && text.at[end] != ']'; end++)
            if (hex_value(text.at[end]) < 0 && text.at[end] != ':' && text.at[end] != '.')
                return false;
        if (end == text.len)
            return false;
        end++;
    } else {
        while (end < text.len && (is_letter_or_digit(text.at[end]) || text.at[end] == '.' ||
                                  text.at[end] == '-' || text.at[end] == '_'))
            end++;
    }
    if (end == 0 || end == text.len)
        return end > 0;
    return text.at[end] == ':' && is_port((struct slice){text.at + end + 1, text.len - end - 1});
}

/* ── fields ── */

struct slice http_head_field(const struct http_head *head, const char *name)
{
    for (unsigned i = 0; i < head->field_count; i++)
        if (http_same(head->fields[i].name, name))
            return head->fields[i].value;
    return (struct slice){NULL, 0};
}

unsigned http_head_times(const struct http_head *head, const char *name)
{
    unsigned times = 0;
    for (unsigned i = 0; i < head->field_count; i++)
        times += http_same(head->fields[i].name, name);
    return times;
}

/* The next of "a, b", without the spaces around it; false: there is none. */
static bool list_next(struct slice *list, struct slice *ret_item)
{
    if (list->len == 0)
        return false;
    const char *comma = memchr(list->at, ',', list->len);
    struct slice item = {list->at, comma ? (size_t)(comma - list->at) : list->len};
    *list = (struct slice){list->at + item.len + (comma != NULL),
                           list->len - item.len - (comma != NULL)};
    while (item.len > 0 && (item.at[0] == ' ' || item.at[0] == '\t'))
        item = (struct slice){item.at + 1, item.len - 1};
    while (item.len > 0 && (item.at[item.len - 1] == ' ' || item.at[item.len - 1] == '\t'))
        item.len--;
    *ret_item = item;
    return true;
}

/* RFC 6750's b64token. */
static bool is_bearer_token(struct slice text)
{
    size_t len = text.len;
    while (len > 0 && text.at[len - 1] == '=')
        len--;
    for (size_t i = 0; i < len; i++)
        if (!is_letter_or_digit(text.at[i]) && (!text.at[i] || !strchr("-._~+/", text.at[i])))
            return false;
    return len > 0 && text.len <= HTTP_BEARER_MAX;
}

static bool authorization_bearer(struct slice said, struct slice *ret_token)
{
    static const char scheme[] = "Bearer ";
    if (said.len < sizeof scheme || strncasecmp(said.at, scheme, sizeof scheme - 1) != 0)
        return false;
    for (size_t skip = sizeof scheme - 1; skip > 0; skip = said.len > 0 && said.at[0] == ' ')
        said = (struct slice){said.at + skip, said.len - skip};
    *ret_token = said;
    return true;
}

/* Among the protocols that a WebSocket offers. False: there are two. */
static bool protocol_bearer(struct slice offered, struct slice *ret_token)
{
    static const char prefix[] = "khub.bearer.";
    const size_t skip = sizeof prefix - 1;
    struct slice item;
    while (list_next(&offered, &item)) {
        if (item.len < skip || memcmp(item.at, prefix, skip) != 0)
            continue;
        if (ret_token->at)
            return false;
        *ret_token = (struct slice){item.at + skip, item.len - skip};
    }
    return true;
}

bool http_head_bearer(const struct http_head *head, struct slice *ret_token)
{
    struct slice said = http_head_field(head, "authorization"), token = {NULL, 0};
    *ret_token = token;
    if (http_head_times(head, "authorization") > 1 ||
        (http_same(http_head_field(head, "upgrade"), "websocket") &&
         !protocol_bearer(http_head_field(head, "sec-websocket-protocol"), &token)))
        return false;
    if (!said.at && !token.at)
        return true;
    if ((said.at && (token.at || !authorization_bearer(said, &token))) || !is_bearer_token(token))
        return false;
    *ret_token = token;
    return true;
}

static int refuse(int status, const char *why, const char **ret_why)
{
    *ret_why = why;
    return status;
}

static bool length_read(struct slice text, uint64_t *ret_length)
{
    uint64_t length = 0;
    for (size_t i = 0; i < text.len; i++) {
        if (!is_digit(text.at[i]))
            return false;
        length = length * 10 + (uint64_t)(text.at[i] - '0');
    }
    *ret_length = length;
    return text.len > 0 && text.len <= HTTP_LENGTH_DIGITS_MAX;
}

/* How long the body is: where the next request begins must have one answer. */
static int check_framing(struct http_head *head, const char **ret_why)
{
    unsigned lengths = http_head_times(head, "content-length");
    unsigned codings = http_head_times(head, "transfer-encoding");
    if (lengths && codings)
        return refuse(400, "Content-Length and Transfer-Encoding exclude each other", ret_why);
    if (lengths > 1)
        return refuse(400, "two Content-Lengths", ret_why);
    if (lengths && !length_read(http_head_field(head, "content-length"), &head->length))
        return refuse(400, "Content-Length is no number that could be meant", ret_why);
    if (!codings)
        return 0;
    if (head->minor == 0)
        return refuse(400, "HTTP/1.0 has no Transfer-Encoding", ret_why);
    if (codings > 1 || !http_same(http_head_field(head, "transfer-encoding"), "chunked"))
        return refuse(501, "of Transfer-Encodings a single chunked is understood", ret_why);
    head->chunked = true;
    return 0;
}

static int check_target(struct http_head *head, const char **ret_why)
{
    if (!is_path_and_query(head->target))
        return refuse(400, "the target must be a path, with a query or without", ret_why);
    const char *mark = memchr(head->target.at, '?', head->target.len);
    head->path = head->target;
    head->query = (struct slice){NULL, 0};
    if (mark) {
        head->path.len = (size_t)(mark - head->target.at);
        head->query = (struct slice){mark + 1, head->target.len - head->path.len - 1};
    }
    return 0;
}

/* "GET /path HTTP/1.1", one space each, and nothing more: http-parser takes more spaces, and a line
 * without a version. */
static int check_line(struct http_head *head, const char **ret_why)
{
    static const char version[] = " HTTP/1.";
    size_t target = head->method.len + 1, after = target + head->target.len;
    const char *end = memchr(head->bytes, '\r', head->len);
    size_t len = end ? (size_t)(end - head->bytes) : 0;
    if (!head->target.len || head->target.at != head->bytes + target ||
        len != after + sizeof version ||
        memcmp(head->bytes, head->method.at, head->method.len) != 0)
        return refuse(400, "the request line is malformed", ret_why);
    if (memcmp(head->bytes + after, version, sizeof version - 1) != 0 || head->minor > 1)
        return refuse(505, "HTTP/1.1 is spoken here", ret_why);
    return 0;
}

static int check_upgrade(const struct http_head *head, const char **ret_why)
{
    /* Some clients offer HTTP/2 with every request, and do not mind when nobody takes it up. What
     * becomes of a WebSocket is the route's to say. */
    for (unsigned i = 0; i < head->field_count; i++) {
        struct slice wanted = head->fields[i].value;
        if (http_same(head->fields[i].name, "upgrade") && !http_same(wanted, "h2c") &&
            !http_same(wanted, "websocket"))
            return refuse(501, "nothing can be upgraded to that", ret_why);
    }
    return 0;
}

bool http_list_has(struct slice list, const char *wanted)
{
    struct slice item;
    while (list_next(&list, &item))
        if (http_same(item, wanted))
            return true;
    return false;
}

bool http_type_is(struct slice type, const char *wanted)
{
    size_t len = strlen(wanted);
    return type.len >= len && http_same((struct slice){type.at, len}, wanted) &&
           (type.len == len || type.at[len] == ';' || type.at[len] == ' ');
}

int http_head_check(struct http_head *head, const char **ret_why)
{
    int status = check_line(head, ret_why);
    for (unsigned i = 0; i < head->field_count && !status; i++)
        if (!is_token(head->fields[i].name))
            status = refuse(400, "the name of a header field is malformed", ret_why);
    status = status ? status : check_framing(head, ret_why);
    status = status ? status : check_target(head, ret_why);
    if (status)
        return status;
    head->host = http_head_field(head, "host");
    if (http_head_times(head, "host") != 1 || !http_is_host(head->host))
        return refuse(400, "one Host, a name or an address, must be said", ret_why);
    struct slice expected = http_head_field(head, "expect");
    if (expected.at && !http_same(expected, "100-continue"))
        return refuse(417, "of expectations 100-continue alone is met", ret_why);
    head->continues = expected.at && head->minor >= 1 && (head->chunked || head->length > 0);
    return check_upgrade(head, ret_why);
}
