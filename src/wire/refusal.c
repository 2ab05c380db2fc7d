/* What a refused peer is told: sentences that quote its own bytes, which may be anything. */
#include <assert.h>
#include <stdarg.h>
#include <stdio.h>

#include "wire/message.h"
#include "wire/shown.h"

__attribute__((format(printf, 3, 0))) static void
fill(struct refusal *ret_refusal, enum wire_error code, const char *format, va_list arguments)
{
    char sentence[2 * WIRE_DETAIL_MAX]; /* its own cut falls behind that of the detail */
    assert(code != WIRE_OK && (unsigned)code < WIRE_ERROR_COUNT); /* 0 would say: accepted */
    ret_refusal->code = code;
    ret_refusal->over = (struct overrun){.limit = NULL};
    int written = vsnprintf(sentence, sizeof sentence, format, arguments);
    size_t len = written < 0 ? 0 : strnlen(sentence, sizeof sentence - 1);
    shown_format((struct slice){sentence, len}, ret_refusal->detail, WIRE_DETAIL_MAX);
}

int refuse(struct refusal *ret_refusal, enum wire_error code, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fill(ret_refusal, code, format, arguments);
    va_end(arguments);
    return -(int)code;
}

int refuse_over(struct refusal *ret_refusal, enum wire_error code, const struct overrun *over,
                const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fill(ret_refusal, code, format, arguments);
    va_end(arguments);
    ret_refusal->over = *over;
    return -(int)code;
}
