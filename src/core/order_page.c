#include "core/order_page.h"

#include "core/bounds.h"
#include "core/state.h"

int order_page_read(const struct request *request, struct order_page *ret_page)
{
    struct json_value payload = request->message->payload;
    struct order_page page = {.limit = QUERY_PRESET, .bytes_max = request->room->limits.sync_limit};
    int error = payload_u64(request, payload, "payload.after", 0, JSON_WHOLE_MAX, &page.after);
    if (error == 0)
        error = payload_u64(request, payload, "payload.limit", 1, QUERY_LIMIT, &page.limit);
    if (error == 0)
        *ret_page = page;
    return error;
}

void order_page_begin(struct order_page *page, struct text *text, const char *name)
{
    page->text = text;
    page->begun = text->len;
    text_addf(text, ",\"%s\":[", name);
}

bool order_page_tells(struct order_page *page, uint64_t number)
{
    page->total++;
    if (number <= page->after)
        return false;
    page->more = page->told == page->limit ||
                 (page->told && page->text->len - page->begun > page->bytes_max);
    if (page->more)
        return false;
    text_add_literal(page->text, page->told++ ? "," : "");
    page->last = number;
    return true;
}

void order_page_total(const struct order_page *page)
{
    text_addf(page->text, "],\"total\":%zu", page->total);
}

void order_page_next(const struct order_page *page)
{
    text_add_literal(page->text, ",\"next\":");
    if (page->more)
        text_add_number(page->text, page->last);
    else
        text_add_literal(page->text, "null");
}
