#include "wire/commitment.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

#include "wire/shown.h"

#define DOUBLE_DIGITS 16u

bool commitment_text_fits(struct slice text, size_t max)
{
    return text.len <= max && message_id_fits(text);
}

bool commitment_digest_fits(struct slice text)
{
    if (text.len != COMMITMENT_DIGEST_SIZE - 1)
        return false;
    static const char digits[16] = {'0', '1', '2', '3', '4', '5', '6', '7',
                                    '8', '9', 'a', 'b', 'c', 'd', 'e', 'f'};
    for (size_t i = 0; i < text.len; i++)
        if (!memchr(digits, text.at[i], sizeof digits))
            return false;
    return true;
}

static int compare_names(const void *left, const void *right)
{
    const struct committed_parameter *first = left, *second = right;
    return slice_compare(first->name, second->name);
}

/* Sorts; two of the same name stand side by side then. The second of them, or NULL. */
static const struct committed_parameter *sort(struct committed_parameter *parameters, size_t count)
{
    if (count > 1)
        qsort(parameters, count, sizeof *parameters, compare_names);
    for (size_t i = 1; i < count; i++)
        if (slice_equal(parameters[i - 1].name, parameters[i].name))
            return &parameters[i];
    return NULL;
}

/* ── reading ── */

/* One member into the next place. */
static int read_member(struct json_value name, struct json_value value, const char *path,
                       struct committed_parameters *parameters, struct refusal *ret_refusal)
{
    char excerpt[EXCERPT_SIZE];
    assert(parameters->count < COMMITMENT_PARAMETERS_MAX);
    struct committed_parameter *parameter = &parameters->all[parameters->count];
    char *buffer = parameters->names[parameters->count];
    long len = json_decode(name, buffer, COMMITMENT_NAME_MAX);
    parameter->name = (struct slice){buffer, len < 0 ? 0 : (size_t)len};
    if (!commitment_text_fits(parameter->name, COMMITMENT_NAME_MAX))
        return refuse(ret_refusal, WIRE_BAD_PAYLOAD,
                      "%s: a name has 1 to %u bytes and no control characters, unlike \"%s\"", path,
                      COMMITMENT_NAME_MAX, excerpt_format(name.raw, excerpt));
    if (json_number(value, &parameter->value) != 0)
        return refuse(ret_refusal, WIRE_BAD_PAYLOAD, "%s.%.*s must be a finite number, not %s",
                      path, SLICE_FORMAT(parameter->name), excerpt_format(value.raw, excerpt));
    parameters->count++;
    return 0;
}

int committed_parameters_read(struct json_value object, const char *path,
                              struct committed_parameters *ret_parameters,
                              struct refusal *ret_refusal)
{
    struct json_iterator members = {.rest = object.raw};
    struct json_value name, value;
    ret_parameters->count = 0;
    if (object.kind != JSON_KIND_OBJECT)
        return refuse(ret_refusal, WIRE_BAD_PAYLOAD, "%s must be an object {name: number}", path);
    while (json_next_member(&members, &name, &value)) {
        if (ret_parameters->count == COMMITMENT_PARAMETERS_MAX)
            return refuse(ret_refusal, WIRE_BAD_PAYLOAD, "%s has more than %u members", path,
                          COMMITMENT_PARAMETERS_MAX);
        int error = read_member(name, value, path, ret_parameters, ret_refusal);
        if (error < 0)
            return error;
    }
    const struct committed_parameter *twice = sort(ret_parameters->all, ret_parameters->count);
    if (twice)
        return refuse(ret_refusal, WIRE_BAD_PAYLOAD, "%s.%.*s stands twice", path,
                      SLICE_FORMAT(twice->name));
    return 0;
}

/* ── writing ── */

static void write_number(double number, char ret_digits[DOUBLE_DIGITS + 1])
{
    uint64_t bits;
    uint8_t bytes[sizeof bits];
    memcpy(&bits, &number, sizeof bits);
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)(bits >> (56 - 8 * i));
    hex_format(bytes, sizeof bytes, ret_digits);
}

static bool texts_fit(struct slice subject, struct slice subject_version)
{
    return commitment_text_fits(subject, COMMITMENT_SUBJECT_MAX) &&
           commitment_text_fits(subject_version, COMMITMENT_SUBJECT_MAX);
}

static bool writable(struct slice subject, struct slice subject_version,
                     struct committed_parameter *parameters, size_t count)
{
    if (!texts_fit(subject, subject_version) || count > COMMITMENT_PARAMETERS_MAX)
        return false;
    for (size_t i = 0; i < count; i++)
        if (!commitment_text_fits(parameters[i].name, COMMITMENT_NAME_MAX) ||
            !isfinite(parameters[i].value))
            return false;
    return !sort(parameters, count);
}

/* The lines that all begin with. */
static void write_head(const char *first, struct slice subject, struct slice subject_version,
                       struct text *text)
{
    text_add_literal(text, first);
    text_add_literal(text, "\n");
    text_add(text, subject);
    text_add_literal(text, "\n");
    text_add(text, subject_version);
    text_add_literal(text, "\n");
}

/* All of it or nothing. */
static int written(struct text *text, size_t before)
{
    if (!text->failed)
        return 0;
    text->len = before;
    return -1;
}

int commitment_write(struct slice subject, struct slice subject_version,
                     struct committed_parameter *parameters, size_t count, struct text *text)
{
    size_t before = text->len;
    if (!writable(subject, subject_version, parameters, count))
        return -1;
    write_head("khub parameters 1", subject, subject_version, text);
    for (size_t i = 0; i < count; i++) {
        char tail[DOUBLE_DIGITS + 2];
        tail[0] = '=';
        write_number(parameters[i].value, tail + 1);
        tail[sizeof tail - 1] = '\n';
        text_add(text, parameters[i].name);
        text_add(text, (struct slice){tail, sizeof tail});
    }
    return written(text, before);
}

int commitment_write_module(struct slice subject, struct slice subject_version,
                            const char source_sha256[COMMITMENT_DIGEST_SIZE], struct text *text)
{
    size_t before = text->len;
    if (!texts_fit(subject, subject_version) || !commitment_digest_fits(slice_of(source_sha256)))
        return -1;
    write_head("khub module 1", subject, subject_version, text);
    text_add_literal(text, source_sha256);
    text_add_literal(text, "\n");
    return written(text, before);
}

void commitment_digest_format(const uint8_t digest[COMMITMENT_DIGEST_BYTES],
                              char ret_hex[COMMITMENT_DIGEST_SIZE])
{
    hex_format(digest, COMMITMENT_DIGEST_BYTES, ret_hex);
}
