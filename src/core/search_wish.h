/* A search for words in what a room knows, asked of an index that the edge keeps.
 *
 * The index is derived from the texts that the hub hands out (hub_take_texts), and answers with ids
 * in the order that is asked for and a snippet of each; what stands in the answer is the hub's
 * state of that moment. All are good during the call alone. */
#ifndef KHUB_CORE_SEARCH_WISH_H
#define KHUB_CORE_SEARCH_WISH_H

#include "core/entry.h"

#define SEARCH_ANYWHERE (-1)

/* In which order entries are told: the last changed first, the one longest unchanged first, section
 * by section in the bytewise order of their ids, or what fits the words best first. */
#define QUERY_ORDERS(X)                                                                            \
    X(NEWEST, "newest")                                                                            \
    X(OLDEST, "oldest")                                                                            \
    X(ID, "id")                                                                                    \
    X(RELEVANCE, "relevance")

enum query_order {
#define X(name, text) QUERY_##name,
    QUERY_ORDERS(X)
#undef X
        QUERY_ORDER_COUNT
};

/* An entry's place in all orders but that of relevance. */
struct query_place {
    uint64_t order; /* of its last change */
    int section;    /* enum section */
    struct slice key;
};

/* An entry's text. */
struct search_text {
    int section; /* enum section */
    struct slice key, contributor;
    struct slice subject; /* that its body names; len 0: none, or a longer one than is asked for */
    struct slice text;    /* of its body, without control characters; at NULL: the entry is gone */
    uint64_t order;       /* of its last change */
};

struct search_wish {
    peer_id asker;
    struct slice room, message_id;
    struct slice words;       /* as words_read takes them */
    int section;              /* or SEARCH_ANYWHERE */
    struct slice contributor; /* len 0: anybody's */
    struct slice subject;     /* len 0: any, or none */
    uint64_t since, limit;
    enum query_order order;
    /* Where a page in the order of relevance begins: behind so many of the ranking, among the
     * documents up to `newest` (0: all that there are); */
    uint64_t from, newest;
    bool goes_on; /* and one of another order: behind this place, or at the first */
    struct query_place place;
    /* What the index knows nothing of: of the hits so many are told, those of contributors of that
     * specialization (len 0: of any). */
    struct slice specialization;
    uint64_t told;
};

/* A copy whose slices are parts of the bytes that are returned, which the caller frees. */
struct slice search_wish_copy(const struct search_wish *wish, struct search_wish *ret_copy);

struct search_hit {
    struct query_place place;
    struct slice snippet; /* a JSON array, as words_snippet writes it */
};

struct search_found {
    const struct search_hit *hits; /* at most the wish's limit, in its order */
    size_t count;
    uint64_t newest; /* of the documents: what the wish for the next page names */
    bool more;       /* there are hits behind these */
    bool failed;     /* the index can't be read just now */
};

#endif
