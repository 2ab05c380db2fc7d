/* A store in a folder of its own, and what comes back from it. */
#ifndef KHUB_TESTS_STORE_FIXTURE_H
#define KHUB_TESTS_STORE_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>

#include "store/store.h"
#include "tests/unit/own_folder.h"

#define STORE_TEST(name) cmocka_unit_test_setup_teardown(name, folder_make, folder_remove)

struct seen {
    uint64_t seq;
    enum entry_kind kind;
    char text[24];
    bool lost;
};

struct world {
    char folder[OWN_FOLDER_SIZE], data[OWN_FOLDER_SIZE + 16];
    struct store *store;
    struct log log;
    struct seen *seen;
    size_t count;
    /* of the last recovery */
    char rows[4096], entries[4096];
    struct store_options retain; /* what is retained, for the next store */
    uint64_t seq;                /* that its rows stand for; */
    bool seq_in_row;             /* when there is a row, the number in it is */
    int refuse_row;
    void (*on_row)(struct world *world, const struct row *row); /* instead of in `rows` */
    char unwritten[4096];                                       /* what was lost at an end */
    /* of read_kept */
    char page[4096];
    uint64_t trimmed, upto, reads; /* reads: pages that came */
    uint32_t number;
    bool whole;

    pthread_mutex_t mutex;
    pthread_cond_t woken;
    bool awake;
};

/* Its set-up and teardown: nothing but the store's own files may be left in the folder. */
int folder_make(void **state);
int folder_remove(void **state);
/* Removes the store's files, which nobody has open. */
void data_remove(const struct world *world);

/* Opens the store and recovers, as text in `rows` and `entries`. 0, or -1 with a sentence. */
int open_store(struct world *world, enum store_sync sync, char why[STORE_WHY_SIZE]);
/* Opens it, which must work, and begins, with room "main" as the log and nothing seen. */
void begin(struct world *world, enum store_sync sync);
/* Makes that room the log; it uses no seq up to `after`. */
void open_log(struct world *world, const char *room, uint64_t after);
void end(struct world *world);
int propose(struct world *world, enum entry_kind kind, const char *text);
/* Takes what comes back until there are `count` in `seen`. */
void await(struct world *world, size_t count);
/* Waits until the store has something to tell, and takes it. */
void await_news(struct world *world);
/* Of room "main": its member "ada" in these bytes (NULL: gone), as the state at that seq. */
void checkpoint(struct world *world, const char *bytes, uint64_t seq);
/* Of room "main", what AI `name` of that level should have had of the seqs in (after, until], as
 * text in `page`, each line with a blank in place of its end. Waits until it is there. */
void read_kept(struct world *world, const char *name, int level, uint64_t after, uint64_t until);
/* "WHAT NUMBER:BYTES " behind a text in a buffer of so many bytes. */
void append(char *text, size_t size, const char *what, struct slice bytes, uint64_t number);

#endif
