/* Base64 (RFC 4648, with padding): bytes inside a JSON string. */
#ifndef KHUB_WIRE_BASE64_H
#define KHUB_WIRE_BASE64_H

#include "wire/text.h"

/* Characters that so many bytes take. */
static inline size_t base64_length(size_t bytes)
{
    return (bytes + 2) / 3 * 4;
}
void text_add_base64(struct text *text, struct slice bytes);
/* Appends what the characters stand for. False, and nothing appended, when they are not what
 * text_add_base64 writes, or memory is out. */
bool text_add_base64_decoded(struct text *text, struct slice characters);

#endif
