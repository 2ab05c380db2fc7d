/* Any bytes as a line: wire and jansson must agree on it (tests/unit/oracle.h says in what), the
 * cursor must come to an end inside of it even though nobody judged it, and written as a string the
 * bytes must be strict JSON. Taken for the parameters of a claim they are refused, or have a
 * text. */
#include <stdio.h>
#include <stdlib.h>

#include "oracle.h"
#include "wire/commitment.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void expect(bool holds, const char *sentence)
{
    if (!holds) {
        fprintf(stderr, "fuzz_message: %s\n", sentence);
        abort();
    }
}

static void walk_unjudged(struct slice bytes)
{
    struct json_iterator members = {.rest = bytes}, elements = {.rest = bytes};
    struct json_value name, value;
    size_t steps = 0;
    while (json_next_member(&members, &name, &value))
        expect(++steps <= bytes.len, "the cursor does not end");
    for (steps = 0; json_next_element(&elements, &value);)
        expect(++steps <= bytes.len, "the cursor does not end");
    json_get(json_value_of(bytes), "payload");
}

static void write_string(struct slice bytes)
{
    struct text text = {0};
    size_t at;
    text_add_string(&text, bytes);
    expect(json_check(text_slice(&text), 0, &at) == JSON_FINE, "a written string is no JSON");
    text_free(&text);
}

static void take_for_parameters(struct slice bytes)
{
    static struct committed_parameters parameters;
    struct text text = {0};
    struct refusal refusal;
    size_t at;
    if (json_check(bytes, WIRE_DEPTH_MAX, &at) != JSON_FINE)
        return;
    struct json_value value = json_value_of(bytes), parts[] = {value, json_get(value, "payload")};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        if (committed_parameters_read(parts[i], "parameters", &parameters, &refusal) != 0)
            continue;
        expect(commitment_write(slice_of("s"), slice_of("1"), parameters.all, parameters.count,
                                &text) == 0,
               "parameters that were read can't be written");
    }
    text_free(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice bytes = {(const char *)data, size};
    enum wire_error code;
    const char *fault = oracle_compare(bytes, &code);
    expect(!fault, fault);
    walk_unjudged(bytes);
    write_string(bytes);
    take_for_parameters(bytes);
    return 0;
}
