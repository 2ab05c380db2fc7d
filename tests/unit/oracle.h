/* The oracle: what jansson says of a line, beside what wire says. The mutated lines of
 * oracle_lines.c and the fuzzers ask it.
 *
 * jansson knows no NetworkMessage, so the rules of the six members are written here a second time,
 * plainly, over its tree. Where the two differ by design:
 *  - jansson converts numbers, and gives up at one that overflows; wire judges the grammar alone.
 *    It also gives up at a NUL in a member's name. Both count as agreement if wire's fault, if any,
 *    comes behind that place.
 *  - jansson loses a raw NUL behind a number or a word ("[1\0]" passes), because it ends its buffer
 *    with one. It is given the line with U+0001 in its place, which is wrong everywhere as well.
 *  - wire bounds the nesting (64 for payload, jansson 2048), and stops there: the rest of such a
 *    line is not compared. */
#ifndef KHUB_TESTS_ORACLE_H
#define KHUB_TESTS_ORACLE_H

#include "wire/slice.h"
#include "wire/types.h"

/* NULL when both agree on the line, with *ret_code what it was refused for (or WIRE_OK); else a
 * sentence that says in what they do not. Checks the refusal's sentence and, of an accepted line,
 * every value that the cursor finds, and that its outline recalls the same of a copy of it. */
const char *oracle_compare(struct slice line, enum wire_error *ret_code);

#endif
