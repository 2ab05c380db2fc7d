/* The text that is hashed when an AI commits itself to a set of parameters, or to the C of a
 * module: the hub and the AIs must write the same bytes. Of parameters:
 *
 *     khub parameters 1
 *     SUBJECT
 *     SUBJECT_VERSION
 *     NAME=HHHHHHHHHHHHHHHH          for each parameter, in the order of the names' bytes
 *
 * Each line ends with '\n'. H…: the value's IEEE 754 double as 16 lower-case hex digits, so that
 * 0.1 and 1e-1 are one number and no rounding is a matter of opinion. No name holds a control
 * character, hence a '\n'; and the digits are always sixteen, so a '=' in a name misleads
 * nobody. Of a module:
 *
 *     khub module 1
 *     SUBJECT
 *     SUBJECT_VERSION
 *     DIGEST                         SHA-256 of the source's bytes, as 64 lower-case hex digits
 *
 * The first line differs, so nobody can claim the one after having committed to the other. */
#ifndef KHUB_WIRE_COMMITMENT_H
#define KHUB_WIRE_COMMITMENT_H

#include <stdint.h>

#include "wire/message.h"
#include "wire/text.h"

#define COMMITMENT_PARAMETERS_MAX 64u
#define COMMITMENT_NAME_MAX       64u          /* bytes of a parameter's name, decoded */
#define COMMITMENT_SUBJECT_MAX    64u          /* bytes of a subject, and of its version */
#define COMMITMENT_SOURCE_MAX     (256u << 10) /* bytes of a module's C, decoded */
#define COMMITMENT_DIGEST_BYTES   32u
#define COMMITMENT_DIGEST_SIZE    65u /* as lower-case hex digits, with a NUL */

struct committed_parameter {
    struct slice name;
    double value;
};

/* Parameters as they came in an object; the names lie in `names`, so it is not to be copied. */
struct committed_parameters {
    struct committed_parameter all[COMMITMENT_PARAMETERS_MAX];
    size_t count;
    char names[COMMITMENT_PARAMETERS_MAX][COMMITMENT_NAME_MAX];
};

/* The name rule of subjects, versions (both at most COMMITMENT_SUBJECT_MAX bytes) and parameters:
 * 1..max bytes of UTF-8 without control characters. */
bool commitment_text_fits(struct slice text, size_t max);
/* 64 digits, lower case. */
bool commitment_digest_fits(struct slice text);

/* Reads an accepted object {name: number}. 0, or -code with *ret_refusal filled (bad_payload);
 * `path` is what a person is told, "payload.pattern.parameters". Leaves the parameters sorted by
 * name. */
int committed_parameters_read(struct json_value object, const char *path,
                              struct committed_parameters *ret_parameters,
                              struct refusal *ret_refusal);

/* Appends the text. Sorts the parameters by name. 0, or -1 with nothing appended when a text
 * breaks its rule, two names are the same, a number is not finite, there are too many, or memory
 * is out. */
int commitment_write(struct slice subject, struct slice subject_version,
                     struct committed_parameter *parameters, size_t count, struct text *text);

/* Appends the text of a module whose C has that SHA-256. 0, or -1 with nothing appended when a
 * text breaks its rule, the digest is none, or memory is out. */
int commitment_write_module(struct slice subject, struct slice subject_version,
                            const char source_sha256[COMMITMENT_DIGEST_SIZE], struct text *text);

/* A SHA-256, of such a text or of a source, as it stands there and on the wire. */
void commitment_digest_format(const uint8_t digest[COMMITMENT_DIGEST_BYTES],
                              char ret_hex[COMMITMENT_DIGEST_SIZE]);

#endif
