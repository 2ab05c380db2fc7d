/* Any bytes from a client of MCP, at both of its doors, while a peer speaks, links are cut and time
 * goes by: what comes back is JSON-RPC, one answer for each request and none for anything else; a
 * peer's words stand where they are known for such; and everything is let go.
 *
 * An input is lines. The first says which door: "s", stdio, or "h", HTTP (mcp_asked.h has what is
 * checked at both). Each other line is a message of the client's, as the door has it, but those
 * that begin with
 *     !   bea says to ada: a type, a blank, a payload        "!chat {"text":"x"}"
 *     *   the same to all
 *     ~   seconds go by, in digits
 *     #   the links are cut; "##": and the hub is away from then on, until the next "#"
 *     -   the hub takes no token any more; "--": it does again
 * and, at HTTP,
 *     %   the client of the request that has waited longest is gone
 *     &   ... is too slow for another event */
#include "fuzz_mcp.h"

#include <stdlib.h>
#include <string.h>

#include "mcp_lab.h"

#define LINES_MAX 64u   /* of an input: what takes more shows nothing new */
#define TIME_S    4000u /* that go by in it: long enough for who is idle to be forgotten */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct slice line_take(struct slice *rest)
{
    const char *end = memchr(rest->at, '\n', rest->len);
    struct slice line = {rest->at, end ? (size_t)(end - rest->at) : rest->len};
    size_t taken = line.len + (end != NULL);
    *rest = (struct slice){rest->at + taken, rest->len - taken};
    return line;
}

static void say(struct slice line)
{
    const char *blank = memchr(line.at, ' ', line.len);
    size_t len = blank ? (size_t)(blank - line.at) : line.len;
    struct slice payload = {line.at + len, line.len - len};
    lab_say((struct slice){line.at + 1, len - 1}, payload.len ? payload : (struct slice){"{}", 2},
            line.at[0] == '*');
}

/* As long as there is time. */
static void go_by(struct slice line, unsigned *left_s)
{
    unsigned seconds = 0;
    for (size_t i = 1; i < line.len && line.at[i] >= '0' && line.at[i] <= '9' && i < 6; i++)
        seconds = 10 * seconds + (unsigned)(line.at[i] - '0');
    seconds = seconds < *left_s ? seconds : *left_s;
    *left_s -= seconds;
    lab_pass((int64_t)seconds * 1000);
}

/* What is no message of the client's. */
static bool happens(struct slice line, unsigned *left_s)
{
    switch (line.len ? line.at[0] : '\0') {
    case '!':
    case '*':
        say(line);
        return true;
    case '~':
        go_by(line, left_s);
        return true;
    case '#':
        lab_cut(line.len > 1 && line.at[1] == '#');
        return true;
    case '-':
        lab_refuse(line.len == 1 || line.at[1] != '-');
        return true;
    default:
        return false;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice rest = {(const char *)data, size};
    if (size == 0 || (data[0] != 's' && data[0] != 'h'))
        return 0;
    const struct door *door = data[0] == 's' ? &door_stdio : &door_http;
    line_take(&rest);
    unsigned left_s = TIME_S;
    lab_open();
    door->open();
    for (unsigned i = 0; i < LINES_MAX && rest.len > 0; i++) {
        struct slice line = line_take(&rest);
        if (!happens(line, &left_s))
            door->take(line);
        lab_settle();
    }
    door->close();
    lab_close();
    return 0;
}
