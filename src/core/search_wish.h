/* A search for words in what a room knows, asked of an index that the edge keeps.
 *
 * The index is derived from the texts that the hub hands out (hub_take_texts), and answers with ids
 * in the order of relevance and a snippet of each; what stands in the answer is the hub's state of
 * that moment. All are good during the call alone. */
#ifndef KHUB_CORE_SEARCH_WISH_H
#define KHUB_CORE_SEARCH_WISH_H

#include "core/entry.h"

#define SEARCH_ANYWHERE (-1)

/* An entry's text. */
struct search_text {
    int section; /* enum section */
    struct slice key, contributor;
    struct slice text; /* of its body, without control characters; at NULL: the entry is gone */
};

struct search_wish {
    peer_id asker;
    struct slice room, message_id;
    struct slice words;       /* as words_read takes them */
    int section;              /* or SEARCH_ANYWHERE */
    struct slice contributor; /* len 0: anybody's */
    uint64_t since, limit;
    /* Where the page begins: behind so many of the ranking, among the documents up to `newest`
     * (0: all that there are). */
    uint64_t from, newest;
};

struct search_hit {
    int section;
    struct slice key;
    struct slice snippet; /* a JSON array, as words_snippet writes it */
};

struct search_found {
    const struct search_hit *hits; /* at most the wish's limit, the most relevant first */
    size_t count;
    uint64_t newest; /* of the documents: what the wish for the next page names */
    bool more;       /* there are hits behind these */
    bool failed;     /* the index can't be read just now */
};

#endif
