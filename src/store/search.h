/* An index of all that a hub knows, to be searched for words: SQLite's FTS5 in a file of its own,
 * search.db, beside the store's.
 *
 * It is derived: it holds nothing that the hub does not know, and can be thrown away. When a hub
 * begins, all texts are put into it once more; those that it has as they are cost it a comparison,
 * and what was not put is not there any more (search_settle). So it is right after any crash,
 * salvage, restored copy or migration, and a damaged one is made anew. A thread of its own has the
 * file: no search holds up a commit, and no commit a search. */
#ifndef KHUB_STORE_SEARCH_H
#define KHUB_STORE_SEARCH_H

#include <stdbool.h>
#include <stddef.h>

#include "core/search_wish.h"

struct search_index;

struct search_options {
    const char *directory; /* the store's, which this process has; copied */
    /* Called by the thread: call search_take soon. It must not call the index. */
    void (*wake)(void *ctx);
    /* These two within search_take. The index is empty, or is no longer sure of what it has: put
     * everything again, then settle. Called once at the beginning. */
    void (*again)(void *ctx);
    /* What came of a search. */
    void (*found)(void *ctx, const struct search_wish *wish, const struct search_found *found);
    void *ctx;
};

/* Starts the thread, which opens the file or makes it. 0, or -1 with errno. */
int search_open(const struct search_options *options, struct search_index **ret_index);

/* An entry's text, or that it is gone. In the order of these calls, as are all below. */
void search_put(struct search_index *index, struct slice room, const struct search_text *text);
/* Since `again`, all that there is was put. */
void search_settle(struct search_index *index);
/* Searches; what was put before is found. */
void search_find(struct search_index *index, const struct search_wish *wish);

/* Bytes put that are not in the file yet. */
size_t search_backlog(const struct search_index *index);
/* NULL; or why nothing can be put or found just now, a sentence good until the next call. */
const char *search_failure(struct search_index *index);
/* Hands back what was found. */
void search_take(struct search_index *index);

/* wake is not called any more once this returns. */
void search_silence(struct search_index *index);
/* Puts what was put, and ends the thread. NULL is fine. */
void search_close(struct search_index *index);

/* What search.db of a directory says beside a hub made from its store; nobody may have it open. */
struct search_report {
    bool there, whole; /* the file is; and can be read, and agrees with itself */
    bool other;        /* it is of another version of khub, which is no damage */
    /* Why it can't be opened, when that says nothing of the file, such as a full disk; else "". */
    char why[160];
    uint64_t entries; /* in it */
    uint64_t behind;  /* texts of the hub's that it has not, or not as they are, or too many */
};
struct search_check;
struct search_check *search_check_begin(const char *directory);
/* A text of the hub's; each once. */
void search_check_text(struct search_check *check, struct slice room,
                       const struct search_text *text);
void search_check_end(struct search_check *check, struct search_report *ret_report);

#endif
