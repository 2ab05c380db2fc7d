#include "net/past.h"

#include <assert.h>

#include "core/memory.h"
#include "net/state.h"

bool past_ask(void *ctx, const struct hub_log_query *query)
{
    struct server *server = ctx;
    struct connection *connection = server_find(server, query->peer);
    if (!connection || connection->question.len)
        return false;
    connection->question = slice_copy(query->in_reply_to);
    struct store_wish wish = {.reader = connection->id,
                              .room = query->room,
                              .ai_id = query->ai_id,
                              .observer = true,
                              .sees = query->sees,
                              .own = query->own,
                              .level = 2,
                              .log = true,
                              .filter = query->filter,
                              .limit = query->limit,
                              .bytes_max = query->bytes_max,
                              .after = query->after,
                              .until = query->until};
    store_read(server->disk.store, &wish);
    return true;
}

void past_page(struct server *server, const struct store_page *page)
{
    struct connection *connection = server_find(server, page->reader);
    if (!connection || connection->state != CONNECTION_OPEN)
        return;
    struct slice question = connection->question;
    assert(question.len);
    connection->question = (struct slice){NULL, 0};
    struct hub_log_page told = {.messages = page->lines,
                                .first = page->trimmed + 1,
                                .upto = page->upto,
                                .damaged = page->damaged,
                                .whole = page->whole,
                                .failed = page->failed};
    hub_log_page(server->hub, connection->id, question, &told, time_now_ms());
    slice_free(&question);
}
