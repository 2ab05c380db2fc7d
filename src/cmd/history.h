/* What was said in a room: from a hub that keeps it, or from the directory of one that does not
 * run. Read in pages, forwards; what is asked for from the end is looked for from there. */
#ifndef KHUB_CMD_HISTORY_H
#define KHUB_CMD_HISTORY_H

#include "cmd/ask.h"
#include "store/store.h"
#include "wire/filter.h"

struct history_wish {
    uint64_t after, until; /* seqs: behind the first, up to the other */
    uint64_t limit;        /* of a page, as many as fit; of history_newest, how many */
    const struct message_filter *filter; /* NULL: all */
};

struct history_page {
    struct json_value messages; /* [{seq, time, message}, …], good until the next page */
    uint64_t upto;              /* all up to here is in this page or an earlier one */
    bool whole;                 /* and that is all that was wished for */
};

struct history {
    const char *command; /* for sentences */
    struct visit *visit; /* a stay as an observer, with an ask; NULL: */
    struct store *store; /* opened with options.reading */
    struct slice room;   /* of the store's */

    uint64_t first;   /* seq from which on all is kept */
    uint64_t last;    /* the latest that there was at the beginning */
    bool kept;        /* false: this hub keeps nothing */
    uint64_t damaged; /* seq of a message that is not whole, and left out; 0: none was met */
    /* Of a hub's room in which no AI ever was: rooms with names like it, "a, b"; owned. NULL: it is
     * none. */
    char *near;

    struct text text;
    /* Of a store: what its hub was killed before it kept. */
    struct text tail; /* elements, each behind a ',' */
    struct text
        retracted; /* the same of what is not shown any more: {seq, and a message in its place} */
    uint64_t last_kept;
};

/* Each returns an exit code, after a sentence when something went wrong. */

/* At a hub; history->command and visit are set, and the visit has begun. */
int history_at_hub(struct history *history);
/* In a directory, which no other process may have. */
int history_in_directory(struct history *history, const char *directory, const char *room);
void history_free(struct history *history);

/* Called with each message, {seq, time, message}; false ends the walk. */
typedef bool history_visitor(void *data, struct json_value message);
/* All that passes, in order. */
int history_walk(struct history *history, const struct history_wish *wish, history_visitor *each,
                 void *data);
/* The last wish->limit of that, in order. */
int history_newest(struct history *history, const struct history_wish *wish, history_visitor *each,
                   void *data);
/* The first seq that came at that time or later, or what follows the last. */
int history_seek(struct history *history, int64_t unix_ms, uint64_t *ret_seq);

#endif
