/* What `khub search --out` leaves of a searcher. */
#ifndef KHUB_CMD_SEARCH_FILES_H
#define KHUB_CMD_SEARCH_FILES_H

#include "search/judge.h"

/* Writes directory/NUMBER.jsonl (an elite a line, the best first) and directory/NUMBER.c (the best
 * as a module). 0, or -1 with errno. Writes nothing when nothing was found. */
int search_files_write(const struct subject *subject, const struct judge *judge,
                       const char *directory, size_t number);

#endif
