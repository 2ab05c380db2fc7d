/* What the files of store/ share. */
#ifndef KHUB_STORE_INSIDE_H
#define KHUB_STORE_INSIDE_H

#include <pthread.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <sys/queue.h>

#include "store/files.h"
#include "store/pack.h"
#include "store/store.h"
#include "wire/text.h"

#define STORE_SCHEMA       5
#define STORE_SCHEMA_PACKS 3 /* since when rows are packs */

/* A room's packs have ids that rise with its seqs: room << ID_SEQ_BITS | seq of the last item. */
#define ID_SEQ_BITS 44
static inline int64_t entry_id(int64_t room, uint64_t seq)
{
    return room << ID_SEQ_BITS | (int64_t)seq;
}
static inline uint64_t id_seq(int64_t id)
{
    return (uint64_t)id & ((UINT64_C(1) << ID_SEQ_BITS) - 1);
}

/* ── database.c: the file, its schema, and what is read at the beginning ── */

enum statement {
    STATEMENT_BEGIN,
    STATEMENT_COMMIT,
    STATEMENT_ROLLBACK,
    STATEMENT_ADD_ROOM,
    STATEMENT_ADD_ENTRIES,
    STATEMENT_ADD_MESSAGES,
    STATEMENT_PUT_ROW,
    STATEMENT_DROP_ROW,
    STATEMENT_KEEP_ROW,
    STATEMENT_DROP_UNDO,
    STATEMENT_UNDO_END,
    STATEMENT_PROBE,
    STATEMENT_READ_ENTRIES,
    STATEMENT_READ_MESSAGES,
    STATEMENT_OLDEST,
    STATEMENT_TRIMMED,
    STATEMENT_SET_TRIMMED,
    STATEMENT_DROP_ENTRIES,
    STATEMENT_DROP_MESSAGES,
    STATEMENT_DROP_ROWS,
    STATEMENT_DROP_ROOM,
    STATEMENT_LET_GO,
    STATEMENT_LEAVE,
    STATEMENT_LEAVING,
    STATEMENT_LEFT,
    STATEMENT_SIZES_OF_ENTRIES,
    STATEMENT_SIZES_OF_MESSAGES,
    STATEMENT_DROP_SOME_ROWS,
    STATEMENT_REPLACE_ENTRIES,
    STATEMENT_REPLACE_MESSAGES,
    STATEMENT_WIPE,
    STATEMENT_WIPING,
    STATEMENT_WIPED,
    STATEMENT_WIPE_NOTHING,
    STATEMENT_PUT_CHUNK,
    STATEMENT_READ_CHUNK,
    STATEMENT_DROP_LATER,
    STATEMENT_DROPPING,
    STATEMENT_DROP_CHUNK,
    STATEMENT_DROPPED,
    STATEMENT_SIZES_OF_CHUNKS,
    STATEMENT_DROP_CHUNKS,
    STATEMENT_COUNT
};

struct database {
    int directory, lock;
    int log, mark;      /* hub.db-wal, and how far it went; -1: not watched */
    uint64_t log_bytes; /* that it holds; 0 also until the first commit */
    bool salvage;       /* store_options's */
    bool cut;    /* of an earlier version's not all could be read, and the rest is left out */
    bool unsure; /* of one that is salvaged: not even where something is missing can be told */
    struct files *files; /* NULL: SQLite has them to itself */
    sqlite3 *handle;
    const char *state; /* where rows are read: the table, or a view of it */
    sqlite3_stmt *statements[STATEMENT_COUNT];
    uint8_t key[32];
    int64_t last_room; /* the highest id of a room so far */
    uint64_t floor;    /* no room uses a seq up to there any more: it was salvaged */
    uint64_t let_go;   /* the highest seq of a room that was let go before this hub */
    /* Numbers in `undo`: from where on there is something, from where on it is needed, the next. */
    uint64_t undo_swept, undo_needed, undo_next;
    _Atomic bool leaving;  /* something of rooms that are no more may be there (forget.c) */
    _Atomic bool dropping; /* the same of chunks that are to go (chunks.c) */
    bool wiping;           /* something is to be overwritten (retract.c) */
};

#define DATABASE_NONE                                                                              \
    ((struct database){.directory = -1, .lock = -1, .log = -1, .mark = -1, .state = "state"})
/* Of one that is DATABASE_NONE, salvage aside. 0, or a store_code with a sentence. */
int database_open(struct database *database, const char *directory, enum store_sync sync,
                  char ret_why[STORE_WHY_SIZE]);
/* Of a directory in which a database is: as it is, to be read alone. It must be of this version. */
int database_open_to_read(struct database *database, const char *directory,
                          char ret_why[STORE_WHY_SIZE]);
/* Fine for one that is DATABASE_NONE. */
void database_close(struct database *database);
/* Steps the statement, whose parameters are bound, to its end. 0, or -1; it is reset either way. */
int database_step(struct database *database, enum statement statement);
int database_fail(struct database *database, const char *path, char why[STORE_WHY_SIZE]);
/* Brings its schema up to this version; an earlier one that is damaged stays as it is. */
int database_migrate(struct database *database, const char *path, char why[STORE_WHY_SIZE]);
/* Does the file hold together? 0, or STORE_DAMAGED with a sentence. */
int database_check(struct database *database, const char *path, char why[STORE_WHY_SIZE]);
/* Adds the functions that its SQL uses. 0 or -1. */
int database_functions(struct database *database);
/* What was read is not what was written: why says so. STORE_DAMAGED. */
int database_damaged(char why[STORE_WHY_SIZE], const char *path, const char *what);
/* One number, or -1 when there is none. */
int64_t database_number(struct database *database, const char *sql);

/* ── meta.c: what stands in `meta`. 0, or a store_code with a sentence ── */

/* Reads the key into database->key, */
int meta_key(struct database *database, const char *path, char why[STORE_WHY_SIZE]);
/* or makes it when there is none; else nothing is written, for which there may be no room. */
int meta_key_make(struct database *database, const char *path, char why[STORE_WHY_SIZE]);
/* A number that things are numbered on from, written as 20 digits, so that they compare as the
 * numbers do; 0: none is there. */
int meta_seq(struct database *database, const char *name, uint64_t *ret_seq, const char *path,
             char why[STORE_WHY_SIZE]);

/* ── damaged.c: one that is damaged, and its end; the directory is taken ── */

/* Opens what can be read of it, under another name: the files stay as they are. Nothing may be
 * written there. 0 also when nothing can be read; or -1 with a sentence. */
int damaged_open(struct database *database, const char *path, char why[STORE_WHY_SIZE]);
/* After its handle is closed. */
void damaged_close(const struct database *database);
/* Was it salvaged, and only half put in the old one's place? The rest of the way. 0, or -1 with
 * errno. ret_aside: what the old one is called now. */
int aside_finish(int directory, char ret_aside[STORE_NAME_SIZE]);

/* ── wal.c ── */

/* Does the write-ahead log hold a transaction that was on disk and is not whole any more, or is one
 * cut off? */
bool wal_damaged(int directory, const char *name);
/* From now on log_bytes is kept, and it is written down how far the log of an open database went;
 * not without sync: then nobody knows. 0, or -1 with errno. */
int wal_watch(struct database *database, const char *name, enum store_sync sync);
/* To be called before the log is let go for good. */
void wal_unmark(const struct database *database);
/* Before the handle is closed. Fine for one that is not watched. */
void wal_unwatch(struct database *database);
/* Copies it, made such that SQLite reads on behind what is damaged. Without one nothing is made. 0,
 * or -1 with errno. ret_all: nothing had to be left out. */
int wal_mend(int directory, const char *name, const char *into, bool *ret_all);

/* ── database.c: checksums ── */

/* Of a row, so that a flipped bit is seen. */
uint64_t row_checksum(struct slice room, const struct row *row);
/* Adds the row of what is in the builder, if anything is; it is empty after that. 0 or -1. */
int database_add_pack(struct database *database, enum pack_kind kind, int64_t room,
                      struct pack_builder *builder);

/* ── migrate.c ── */

/* Of a database whose entries are rows, that of schema 1 or 2: is every entry and row of state
 * whole? 0, or a store_code with a sentence. Nothing is written. */
int migrate_check(struct database *database, const char *path, char why[STORE_WHY_SIZE]);
/* Entries and messages of schema 2 become packs. 0 or -1, within a transaction. */
int migrate_to_packs(struct database *database);

/* ── recover.c, check.c: columns of a statement, good until its next step ── */

#define ROW_COLUMN_NAMES  "kind, key, bytes, checksum"
#define ROW_COLUMNS       4
#define PACK_COLUMN_NAMES "id, count, time, bytes, checksum"
#define PACK_COLUMNS      5

/* Empty where there is NULL. */
struct slice column_slice(sqlite3_stmt *statement, int column);
/* Of a statement whose first columns are the names above; is_whole: the checksum is right. */
struct row column_row(sqlite3_stmt *statement);
bool row_is_whole(struct slice room, const struct row *row, sqlite3_stmt *statement);
/* False when what stands beside the bytes is damaged: the count is then of those that are whole. */
bool column_pack(struct slice room, enum pack_kind kind, sqlite3_stmt *statement,
                 struct pack *ret_pack);

/* ── log.c, writer.c ── */

struct store_log {
    struct store *store;
    struct commit commit;
    struct slice room; /* owned */
    int64_t id;
    uint64_t seq; /* the last given */
    bool dead;    /* nobody is there to hand anything back to */
    /* Up to this message all were kept before this hub began. */
    uint64_t kept_seq;
    uint32_t kept_number;
    /* the thread's own */
    bool written;                 /* the room is in the database */
    bool packing;                 /* something may be in a pack that is not */
    bool half_written, forgotten; /* a checkpoint of it is; it is no more */
    struct pack_builder packs[PACK_KIND_COUNT];
    struct store_log *next_packing;
    TAILQ_ENTRY(store_log) next;
};
TAILQ_HEAD(store_log_list, store_log);

enum item_kind { ITEM_ENTRY, ITEM_MESSAGE, ITEM_RETRACT, ITEM_FORGET, ITEM_DROP };

/* What an effect was, beside its texts. */
struct kept {
    uint32_t number;
    int level;
    enum audience audience;
    bool observed, own;
    uint32_t but_len, names_len; /* of the item's bytes: but, names (each with a line end), line */
};

struct item {
    enum item_kind kind;
    struct store_log *log;
    struct kept kept;   /* of a message; of what takes one's place, its level */
    struct entry entry; /* bytes.at: an offset into the batch's bytes, until it is handed back; of
                           what it brings only the length is said: it lies behind them */
    bool applied;       /* by propose: not to be handed back */
    bool lost;          /* it could not be kept */
    uint64_t losses;    /* that the hub had heard of when it proposed this */
};

/* Items in the order in which they were proposed: entries of one turn of the hub's, or messages of
 * some. What an entry causes is never in two. */
struct batch {
    struct item *items;
    size_t count, capacity;
    size_t urgent;     /* items for which somebody waits */
    uint64_t begun_ns; /* of the monotonic clock: when the first entry came; 0: none did */
    uint64_t losses;   /* with this batch the hub has heard of so many; 0: as many as before */
    struct text bytes;
    STAILQ_ENTRY(batch) next;
};
STAILQ_HEAD(batch_list, batch);

/* A wish that is being read, and then the page that came of it. */
struct reading {
    struct store_wish wish; /* its slices are owned */
    struct store_log *log;
    struct store_page page;
    struct text lines;
    STAILQ_ENTRY(reading) next;
};
STAILQ_HEAD(reading_list, reading);

struct checkpoint_row {
    enum row_kind kind;
    size_t key_at, key_len, bytes_at, bytes_len; /* in the checkpoint's bytes */
    bool gone;
};

struct checkpoint {
    struct store_log *log; /* the room's */
    uint64_t seq;
    struct checkpoint_row *rows;
    size_t count, capacity;
    struct text bytes;
    /* the thread's own */
    size_t written;         /* of the rows */
    size_t step_end;        /* of the step under way */
    size_t *order, ordered; /* see order.c; NULL: as they came */
    size_t *runs, sorted;
    bool at_once; /* nobody waits: all in one step */
    STAILQ_ENTRY(checkpoint) next;
};
STAILQ_HEAD(checkpoint_list, checkpoint);

/* A copy that is being made; see backup.h. */
struct backup {
    sqlite3 *handle;
    sqlite3_backup *copy; /* NULL: none is under way */
    char why[STORE_WHY_SIZE];
};

struct store {
    struct store_options options;
    struct database database;
    pthread_t thread; /* if it is running */

    /* the hub's thread alone */
    struct store_log_list logs;
    struct checkpoint *gathering; /* NULL: none */
    struct batch *filling;        /* entries, and rooms that are to be forgotten */
    struct batch *keeping;        /* messages, and which are taken back: nobody waits for them */
    uint64_t losses_heard;        /* how often messages were given up, as far as it knows */
    size_t under_way;             /* messages that will be handed back, */
    size_t stale;                 /* and the first of them that were proposed without knowing */
    char failure_said[STORE_WHY_SIZE];

    pthread_mutex_t mutex;
    pthread_cond_t changed;    /* something to write, or closing */
    struct batch_list waiting; /* under the mutex, as all below; oldest first */
    size_t waiting_urgent;     /* items of these */
    size_t company;            /* of so many the thread waits for more, for a moment */
    struct batch_list done, spare;
    struct checkpoint_list checkpoints;
    struct reading_list wishes, pages;
    struct histogram commits;
    bool hurry; /* it does not wait for more */
    bool backing_up, closing;
    char failure[STORE_WHY_SIZE]; /* "" while all is well */
    char last_failure[STORE_WHY_SIZE];
    pthread_mutex_t waking; /* its own, so that who was woken need not wait for the waker */

    _Atomic size_t backlog;   /* bytes */
    uint64_t losses;          /* the thread's: how often messages were given up */
    struct store_log *packed; /* the thread's: whose packs have memory, though they are empty */
    struct checkpoint *checkpoint; /* the thread's: the one that is being written; NULL: none */
    struct backup backup;          /* the thread's */
    bool unwritten;                /* the thread's: something was lost at the end */
    bool running;                  /* the hub's thread: there is a thread */
    bool silent;                   /* under `waking` */
    _Atomic bool failing;
};

/* Bytes with which a batch goes to the thread in the middle of a turn. */
#define BATCH_EARLY (256u << 10)

/* The room's log, or NULL. */
struct store_log *log_find(const struct store *store, struct slice room);
void checkpoint_free(struct checkpoint *checkpoint);
/* recover.c: makes the logs of all rooms. 0, or -1 with a sentence. */
int rooms_read(struct store *store, char why[STORE_WHY_SIZE]);
/* The same: finds out up to where messages of a room are kept. */
int kept_find(struct store *store, struct store_log *log, char why[STORE_WHY_SIZE]);
/* reader.c: fills the page of a wish. */
void reading_run(struct database *database, struct reading *reading);
/* The same of a log's, of a room whose last messages wait to be written: it ends before those, and
 * has failed when it would begin there. */
void reading_run_as_far(struct database *database, struct reading *reading);
/* The thread. */
void *writer_run(void *data);

/* ── transaction.c ── */

/* What one transaction writes. */
struct group {
    struct batch_list batches;
    size_t bytes, urgent;
    struct store_log *packing; /* those of which something may be in a pack */
};

/* Writes the group (NULL: none) and the checkpoint's next step (NULL: none), all or nothing. 0, or
 * -1 with the transaction taken back; why is then set. */
int transaction_run(struct database *database, struct group *group, struct checkpoint *checkpoint,
                    char why[STORE_WHY_SIZE]);

/* ── forget.c: a room that is no more goes at once, and what there is of it in steps ── */

/* SQL: the ids of rooms that are no more and have left something. */
#define LEAVING_IDS                                                                                \
    "(SELECT CAST(substr(name, 9) AS INTEGER) AS id FROM meta WHERE name GLOB 'leaving *')"

/* Within a transaction: the room is no more. 0 or -1. */
int forget_begin(struct database *database, struct store_log *log);
/* Takes some of what such rooms left away, in a transaction of its own. 0 or -1; database->leaving
 * says whether there is more. */
int forget_step(struct database *database);

/* ── retract.c: what is taken back goes from the disk ── */

/* SQL: what is to be overwritten, each the name of a row of `meta`. */
#define WIPING_NAMES "name GLOB 'wipe *'"

/* Within a transaction, when all that was kept before is written: the messages of that entry say
 * `line`, and its own bytes are to be overwritten. 0 or -1. */
int retract_messages(struct database *database, const struct store_log *log, uint64_t seq,
                     struct slice line, int level);
/* Of a whole checkpoint's room: overwrites some entries that no recovery needs any more, in a
 * transaction of its own. Is there more? */
bool retract_wipe(struct database *database, const struct checkpoint *checkpoint);
/* Within a transaction: nothing of the room, which is no more, is to be overwritten. 0 or -1. */
int retract_forget(struct database *database, const struct store_log *log);
/* At the beginning: is anything to be overwritten? 0 or -1. */
int retract_look(struct database *database);

/* ── chunks.c: what entries brought (struct entry), until it is let go ── */

/* Within a transaction: what the entry brought is kept. 0 or -1. */
int chunk_put(struct database *database, const struct store_log *log, uint64_t seq,
              struct slice bytes);
/* The same: what entries of these seqs brought is to go. seqs: uint64_t, one behind the other. */
int chunks_drop_later(struct database *database, const struct store_log *log, struct slice seqs);
/* Takes some of that away, in a transaction of its own. 0 or -1; database->dropping says whether
 * there is more. */
int chunks_drop_some(struct database *database);
/* Reads one for a wish. */
void chunk_run(struct database *database, struct reading *reading);
/* Bytes of all, as far as the database can be read. */
uint64_t chunks_bytes(struct database *database);
/* Is it whole? Of a statement whose columns are CHUNK_COLUMN_NAMES. */
#define CHUNK_COLUMN_NAMES "id, bytes, checksum = sum_of(id, bytes)"
bool chunk_is_whole(sqlite3_stmt *statement);

/* ── order.c: the rows of a checkpoint in the order of their keys ── */

/* Goes a step on. True when it is done. */
bool order_make(struct checkpoint *checkpoint);
/* Row `at` in that order, which was asked for before or is the next. */
const struct checkpoint_row *order_row(struct checkpoint *checkpoint, size_t at);
void order_free(struct checkpoint *checkpoint);

/* ── checkpoint.c ── */

/* Rows of one step, or what is over with the last one. */
#define STEP_ROWS 256u

/* SQL: the sum of a row of `undo`. */
#define UNDO_SUM "sum_of(id, room, kind, key, bytes IS NULL, checksum)"

/* Within a transaction: the next step, of a checkpoint's rows, or when it is whole of what stays
 * behind it in `undo`. 0 or -1. */
int checkpoint_write(struct database *database, struct checkpoint *checkpoint);
/* To be called when that transaction is committed. */
void checkpoint_written(struct database *database, struct checkpoint *checkpoint);
/* All its rows are written: it is what a recovery begins with. */
bool checkpoint_is_whole(const struct checkpoint *checkpoint);
/* Nothing is left behind it in `undo`. */
bool checkpoint_is_swept(const struct database *database);
/* Lets go some of what is below a whole one and beyond what is to be retained, in a transaction of
 * its own. Was there any? */
bool checkpoint_trim(struct store *store, const struct checkpoint *checkpoint);
/* Within the transaction in which a room ends: nothing of one that is half written is
 * put back any more, and no step of it is taken. 0 or -1. */
int checkpoint_forget(struct database *database, struct store_log *log);
/* At the beginning: rows are again what they were before a checkpoint that was not whole, and
 * `undo` is empty. 0, or a store_code with a sentence; of a database that is salvaged what can be
 * put back is, all the same. */
int checkpoint_take_back(struct database *database, const char *path, char why[STORE_WHY_SIZE]);
/* The same for one that is only read: rows are seen as they were, and nothing is written. */
int checkpoint_see_back(struct database *database, const char *path, char why[STORE_WHY_SIZE]);

#endif
