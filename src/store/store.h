/* What a hub keeps on disk: its rooms' entries, and their state at a checkpoint, in one SQLite
 * database.
 *
 * An entry is on disk before it is applied (STORE_SYNC_ALWAYS): so nothing is delivered, answered
 * or granted that a crash could take back. One thread does all writing, many entries in one
 * transaction; it is the only one that touches the database while the hub runs. (SQLite 3.7.0 to
 * 3.51.2 can corrupt a database in WAL mode when two connections to it reset the log at once.)
 *
 * State is derived: a checkpoint is written behind, in steps, and entries below it are let go. A
 * crash before all of it is written costs nothing, since the entries after the last one make it
 * again. */
#ifndef KHUB_STORE_STORE_H
#define KHUB_STORE_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/effect.h"
#include "core/log.h"
#include "core/row.h"
#include "wire/filter.h"
#include "wire/histogram.h"
#include "wire/text.h"

struct store;

enum store_sync {
    STORE_SYNC_ALWAYS,   /* an entry is applied when it is on disk */
    STORE_SYNC_INTERVAL, /* applied at once, on disk within interval_ms */
    STORE_SYNC_NONE      /* applied at once, on disk when the system thinks fit */
};

/* Something an AI wants to read: what it should have had. */
struct store_wish {
    peer_id reader; /* for whoever asks to know it again */
    struct slice room, ai_id;
    int level;
    bool observer;
    enum sees sees;        /* of an observer, */
    struct slice own;      /* and SEES_OWN: ids with a line end each, as in struct hub_resume */
    uint64_t after, until; /* seqs; the page begins behind the first, at `number` */
    uint32_t number;       /* the last of seq `after` that was had; UINT32_MAX: all of it */
    /* Or what a log shows: of all that an observer may see what passes, whoever said it, as JSON
     * objects {seq, time, message}, with commas between them. Room, after and until say of what. A
     * page ends with the last message of a seq when it has `limit` messages, or so many bytes. */
    bool log;
    struct message_filter filter;
    uint64_t limit;
    size_t bytes_max;
    uint64_t chunk; /* or what the entry of this seq brought; 0: not that. Nothing else matters */
};

/* Some of it, in order. */
struct store_page {
    peer_id reader;
    struct slice lines; /* whole, as the reader's level reads them; of a chunk, its bytes */
    /* Everything up to here is in this page or an earlier one: where the next begins. */
    uint64_t upto;
    uint32_t number;
    bool whole;       /* nothing is left below `until` */
    bool log;         /* as wished for, */
    uint64_t chunk;   /* and this */
    bool failed;      /* of a log: the database can't be read; of a chunk: nor is it whole */
    uint64_t damaged; /* of a log: seq of the last message that is not whole; 0: all are */
    uint64_t trimmed; /* what was said up to this seq is not kept any more */
};

#define STORE_TRIM_AT_ONCE 5000
#define STORE_TOGETHER_MAX 1024 /* entries in a row; they go together */

/* An entry that was never written, good during the call. */
struct store_unwritten {
    struct slice room;
    const struct entry *entry;
    bool applied;    /* it was in force all the same, as without sync: its sender may know of it */
    const char *why; /* it was not */
};

struct store_options {
    const char *directory; /* made when it is not there, for its owner alone */
    enum store_sync sync;
    unsigned interval_ms;
    /* Called by the store's thread: entries are committed, call store_take soon. It must not call
     * the store. */
    void (*wake)(void *ctx);
    void *ctx;
    /* What is kept below the last checkpoint; 0: no bound. What is beyond goes with the next
     * checkpoint of its room: by rows, each when the last of its entries is beyond; so up to
     * STORE_TOGETHER_MAX - 1 are kept longer. Beyond the bytes STORE_TRIM_AT_ONCE entries of the
     * room, or a row more, go at a time, until the rest is within. */
    int64_t retain_ms;
    uint64_t retain_entries; /* of each room */
    uint64_t retain_bytes;   /* of the database */
    /* Of its log, before the database takes it in; 0: as many as is good. */
    uint64_t move_bytes;
    /* It is opened however damaged it is, for store_check and store_salvage alone; its files stay
     * as they are. */
    bool salvage;
    bool reading; /* it is there, and is to be read as it is: see store_read_now */
    /* A page of what somebody wished to read; called within store_take. */
    void (*page)(void *ctx, const struct store_page *page);
    /* Called within store_take: so many messages, of which the first was proposed at that time (of
     * the monotonic clock, in ns), were handed back as committed. May be NULL. */
    void (*taken)(void *ctx, uint64_t since_ns, size_t messages);
    /* Called within store_close for each entry that is lost, and was not handed back as that; may
     * be NULL. */
    void (*unwritten)(void *ctx, const struct store_unwritten *unwritten);
};

#define STORE_WHY_SIZE  512
#define STORE_NAME_SIZE 32

/* What store_open and store_recover return. */
enum store_code {
    STORE_FINE = 0,
    STORE_FAILED = -1, /* all that is none of those below */
    STORE_HELD = -2,   /* another process has the directory */
    STORE_DAMAGED = -3 /* what is there is not as it was left */
};

/* Opens and locks the directory, and looks whether the database is whole. 0 and *ret_store, or
 * another code with a sentence in ret_why: it can't be opened or made, it is another user's or
 * others may write there, another process has it (named by its pid), it is damaged, or of a later
 * version. */
int store_open(const struct store_options *options, struct store **ret_store,
               char ret_why[STORE_WHY_SIZE]);

/* Bytes of its files. */
uint64_t store_size(const struct store *store);

/* The hub's key: random, made with the store, the same for ever. */
void store_key(const struct store *store, uint8_t ret_key[32]);

/* ── before it begins ── */

/* Who hears what was kept, room by room: its rows in the order of their kinds, then `loaded`, then
 * the entries after them. Each returns 0, or -1 to end it. */
struct store_reader {
    void *ctx;
    int (*row)(void *ctx, struct slice room, const struct row *row);
    int (*loaded)(void *ctx, struct slice room);
    /* The seq that the room's rows stand for; 0 when there were none. */
    uint64_t (*seq)(void *ctx, struct slice room);
    int (*entry)(void *ctx, struct slice room, const struct entry *entry);
};
/* 0; -1 with a sentence when something is damaged (its room and seq are named) or the reader ended
 * it (ret_why is then as the reader left it). */
int store_recover(struct store *store, const struct store_reader *reader,
                  char ret_why[STORE_WHY_SIZE]);

/* What store_check found in the database. */
struct store_counts {
    uint64_t rooms, rows, entries, messages; /* messages: kept for those who were away */
    uint64_t chunks;                         /* of files */
    uint64_t damaged;                        /* all that is, of these */
};
/* Hears of each damage: what it is ("entry", "row") and its seq, or its place among the room's
 * rows. */
struct store_damage {
    void *ctx;
    void (*found)(void *ctx, struct slice room, const char *what, uint64_t number);
};
/* Is a database there, or what is left of one? store_open makes one where there is none. False:
 * errno says why; ENOENT: there is none. */
bool store_exists(const char *directory);
/* Reads every row and entry, and holds it against its checksum. 0, however much is damaged; or -1
 * with a sentence when the database can't be read. */
int store_check(struct store *store, const struct store_damage *damage,
                struct store_counts *ret_counts, char ret_why[STORE_WHY_SIZE]);
/* Of a store that has not begun: is there what that entry brought? */
bool store_has_chunk(struct store *store, struct slice room, uint64_t seq);
struct store_salvaged {
    uint64_t left_out; /* heard of by store_damage */
    bool unsure;       /* more may be missing that nobody can name */
};
/* Copies all that is whole into a new directory, where no database may be, and names the rest to
 * `damage`: rows and entries by their numbers, or (room "", "entries", 0) when a part of it can't
 * be read to its end. 0, or -1 with a sentence when the new one can't be written. */
int store_salvage(struct store *store, const char *directory, const struct store_damage *damage,
                  struct store_salvaged *ret_result, char ret_why[STORE_WHY_SIZE]);
/* Removes what store_salvage made in a directory, if it is there; unless `keep`, that as well. */
void store_remove(const char *directory, bool keep);
/* Puts the database of a directory that store_salvage made, and that nobody has, in the place of
 * the one of a store opened to be salvaged, which stays beside it under the name in ret_aside. The
 * directory is then gone. Whatever ends this half way, the next store_open ends it. 0, or -1 with
 * a sentence. */
int store_put_aside(struct store *store, const char *directory, char ret_aside[STORE_NAME_SIZE],
                    char ret_why[STORE_WHY_SIZE]);
/* Of a salvaged store that has not begun, after store_recover: new seqs are far above all that may
 * have been given. Unsure: whoever missed something is told that it is not kept. 0 or -1. */
int store_go_on_above(struct store *store, bool unsure);
/* Of a store that has not begun, after store_recover: takes a row out for good, or with NULL all of
 * the room's. 0 or -1. */
int store_leave_out(struct store *store, struct slice room, const struct row *row);

/* ── of a store that is only read (options.reading); nothing else may be done with it, but
 * store_key, store_recover and store_close ── */

/* Calls each for every room, in the order of their making. */
void store_rooms(const struct store *store, void (*each)(void *ctx, struct slice room), void *ctx);
/* Reads a page of a log at once; the wish's reader and ai_id don't matter. page->lines is good
 * until the text is changed. False: there is no such room. */
bool store_read_now(struct store *store, const struct store_wish *wish, struct text *lines,
                    struct store_page *ret_page);
/* The seq of the last message of the room that was kept; 0: none. ret_all: no entry came after it,
 * of which a hub that was killed has not kept what was said. 0, or -1 with a sentence. */
int store_last_kept(struct store *store, struct slice room, uint64_t *ret_seq, bool *ret_all,
                    char ret_why[STORE_WHY_SIZE]);

/* Starts the thread. 0, or -1 with errno. */
int store_begin(struct store *store);

/* ── while it runs, on the hub's thread ── */

/* The log of a room. Dies when out of memory. */
struct log store_log(struct store *store, struct slice room, struct commit commit);
/* All that was proposed so far is to be written: call it when no more is to come at once. */
void store_push(struct store *store);
/* Hands back what was committed since the last call, and what could not be kept, in order. */
void store_take(struct store *store);
/* Bytes proposed that are not on disk yet. */
size_t store_backlog(const struct store *store);
/* What each transaction with entries took since it began. */
void store_commits(struct store *store, struct histogram *ret_commits);
/* NULL; or why nothing can be kept just now, a sentence good until the next call. Messages are
 * refused until it passes, which it does by itself. */
const char *store_failure(struct store *store);

/* Keeps an effect that an entry had, for those who are not there; without a wait, and so with many
 * others in one row: when there are many, at the next store_look, and at the latest with the next
 * checkpoint. Once more is the same as once. */
void store_keep(struct store *store, const struct effect *effect);
/* From now on the messages that were kept of that entry say this instead, to the same readers;
 * what it said leaves the disk, the last of it with the next checkpoint of the room (retract.c).
 * Once more is the same as once. The entry that orders it was proposed, and is applied. line: a
 * JSON object without its last brace, for those of `level` and above. */
void store_retract(struct store *store, struct slice room, uint64_t seq, struct slice line,
                   int level);
/* What entries of these seqs brought goes, soon: the entry that says so was proposed, and is
 * applied. Once more is the same as once. */
void store_drop(struct store *store, struct slice room, const uint64_t *seqs, size_t count);
/* Reads what the entry of that seq, which was committed, brought; it comes back by options.page.
 * False: there is no such room. */
bool store_read_chunk(struct store *store, peer_id reader, struct slice room, uint64_t seq);
/* Reads a page, which comes back by options.page. What was kept before this call is in it. */
void store_read(struct store *store, const struct store_wish *wish);

/* A checkpoint of a room: its rows, as hub_save_changes hands them out (bytes at NULL: gone), and
 * the seq that they stand for. Rows are gathered in memory; at store_checkpoint_end they go to the
 * thread, which writes them, some hundreds at a time with what is proposed meanwhile; they count
 * when all are written. Then it lets of the entries up to `seq` those go that are not to be
 * retained; also when there was no row, since nothing has changed. */
void store_checkpoint_row(struct store *store, struct slice room, const struct row *row);
void store_checkpoint_end(struct store *store, struct slice room, uint64_t seq);

/* Writes what was kept so far. Does somebody want a copy of the database (store_backup)? Then one
 * is made, beside all else. To be called now and then. */
void store_look(struct store *store);

/* Without a store: writes a copy of the database in a directory to a file, which must not be there
 * yet. Whoever has the directory makes it, within seconds or as long as it takes; when nobody has,
 * this process does. 0, or -1 with a sentence. */
int store_backup(const char *path, const char *file, char ret_why[STORE_WHY_SIZE]);

/* ── the end ── */

/* wake is not called any more once this returns. */
void store_silence(struct store *store);

/* Writes what was proposed, without handing it back, and closes. NULL is fine. 0, or -1 when
 * something could not be written. No log of it may be in use any more. */
int store_close(struct store *store);

#endif
