/* SQLite's two files, the database and its log, between SQLite and its VFS.
 *
 * - What a transaction adds to the log goes to the system in one call, when it is synchronised:
 *   SQLite makes two for each page.
 * - The log is moved into the database in two steps. The first writes its pages, and lets the disk
 *   begin with them; the second, some commits later, writes those alone that changed since, and
 *   waits for the disk: for little. SQLite alone would write them all and wait there and then, and
 *   everybody who waits for a commit with it. */
#ifndef KHUB_STORE_FILES_H
#define KHUB_STORE_FILES_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>

struct files;

#define FILES_PAGE_SIZE    4096u /* SQLite's own choice, and never another here */
#define FILES_LOG_HEADER   32u
#define FILES_FRAME_HEADER 24u

/* Of a database that is open, in WAL mode, and synchronises each commit; file: its file, opened to
 * be read, which is closed with files_free. NULL when its files can't be had: nothing changes. */
struct files *files_tap(sqlite3 *handle, int file);
/* After its handle is closed. NULL is fine. */
void files_free(struct files *files);
enum files_step { FILES_BEGIN, FILES_END };
/* A step, without a transaction; the first may as well be left out. SQLite's code, and of the
 * second how many pages the log holds, and how many of them are in the database now. */
int files_move(struct files *files, sqlite3 *handle, enum files_step step, int *ret_pages,
               int *ret_moved);
/* The header of this frame of the log's, the first is 0; NULL when it is not the last that was
 * written. */
const uint8_t *files_frame(const struct files *files, int frame);

#endif
