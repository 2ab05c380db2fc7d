/* See given.h. */
#include "cmd/given.h"

#include <errno.h>
#include <string.h>

#include "cmd/options.h"
#include "cmd/terminal.h"
#include "cmd/visit.h"
#include "wire/message.h"
#include "wire/nearest.h"

#define PAYLOAD_BYTES_MAX (64u << 20) /* of stdin; the hub's own limit comes first */

int given_check_type(const char *command, const char *text)
{
    struct nearest nearest = {.word = slice_of(text)};
    enum message_type type;
    if (strcmp(text, "hello") == 0) {
        complain(command, "TYPE is 'hello': joining says hello already; it can't be sent by hand.");
        return EXIT_USAGE;
    }
    if (message_type_find(slice_of(text), &type) == 0 && message_type_from_client(type))
        return EXIT_WORKED;
    if (message_type_find(slice_of(text), &type) == 0) {
        complain(command, "TYPE is '%s': only the hub sends that.", text);
        return EXIT_USAGE;
    }
    for (int i = 0; i < MESSAGE_TYPE_COUNT; i++) {
        if (message_type_from_client((enum message_type)i))
            nearest_offer(&nearest, slice_of(message_type_text((enum message_type)i)));
    }
    if (nearest.count > 0)
        complain(command, "TYPE is '%s': did you mean '%s'?", text, nearest.best[0].name.at);
    else
        complain(command, "TYPE is '%s': there is no such message type.", text);
    return EXIT_USAGE;
}

int given_read_stdin(const char *command, struct text *payload)
{
    char chunk[65536];
    size_t len;
    while ((len = fread(chunk, 1, sizeof(chunk), stdin)) > 0) {
        text_add(payload, (struct slice){chunk, len});
        if (payload->len > PAYLOAD_BYTES_MAX)
            return complain(command, "stdin has more than %u MiB.", PAYLOAD_BYTES_MAX >> 20);
    }
    if (ferror(stdin))
        return complain(command, "could not read stdin: %s", strerror(errno));
    return payload->failed ? complain(command, "out of memory") : EXIT_WORKED;
}

/* One strict JSON object on one line, with its own spelling. */
int given_check_payload(const char *command, const char *name, struct text *payload)
{
    size_t at;
    enum json_fault fault = json_check(text_slice(payload), WIRE_DEPTH_MAX, &at);
    if (fault == JSON_TOO_DEEP)
        complain(command, "%s is nested deeper than %u at byte %zu.", name, WIRE_DEPTH_MAX, at + 1);
    else if (fault != JSON_FINE && at >= payload->len)
        complain(command, "%s is no JSON (RFC 8259): it ends before it is whole, after %zu %s.",
                 name, payload->len, word_of(payload->len, "byte", "bytes"));
    else if (fault != JSON_FINE)
        complain(command, "%s is no JSON (RFC 8259) at byte %zu of %zu.", name, at + 1,
                 payload->len);
    else if (json_value_of(text_slice(payload)).kind != JSON_KIND_OBJECT)
        complain(command, "%s must be a JSON object, such as '{\"text\":\"hello\"}'.", name);
    else {
        for (size_t i = 0; i < payload->len; i++) {
            if (payload->at[i] == '\n' || payload->at[i] == '\r')
                payload->at[i] = ' '; /* between tokens: strings have none of them raw */
        }
        text_add(payload, (struct slice){"", 1}); /* its NUL */
        return EXIT_WORKED;
    }
    return EXIT_USAGE;
}
