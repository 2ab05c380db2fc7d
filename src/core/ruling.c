#include "core/ruling.h"

#include "core/memory.h"

struct ruling ruling_copy(const struct ruling *ruling)
{
    return (struct ruling){slice_copy(ruling->by), slice_copy(ruling->reason), ruling->since_ms};
}

void ruling_free(struct ruling *ruling)
{
    slice_free(&ruling->by);
    slice_free(&ruling->reason);
}

void ruling_write(const struct ruling *ruling, struct text *text)
{
    text_add_literal(text, ",\"by\":");
    text_add_string(text, ruling->by);
    text_add_literal(text, ",\"reason\":");
    text_add_string(text, ruling->reason);
}

void ruling_write_whole(const struct ruling *ruling, struct text *text)
{
    char since[TIMESTAMP_SIZE];
    if (!ruling->by.len) {
        text_add_literal(text, "null");
        return;
    }
    timestamp_format(ruling->since_ms, since);
    text_addf(text, "{\"since\":\"%s\"", since);
    ruling_write(ruling, text);
    text_add_literal(text, "}");
}
