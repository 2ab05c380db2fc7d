/* A copy of the database, made beside the store's other work, some pages at a time.
 *
 * Nobody but the hub may open its database. So who wants a copy puts a file `backup.wanted` into
 * its directory; the hub's store makes `backup.db` there, or writes `backup.failed` with a
 * sentence, and takes `backup.wanted` away. */
#ifndef KHUB_STORE_BACKUP_H
#define KHUB_STORE_BACKUP_H

#include "store/inside.h"

/* Does somebody want one? */
bool backup_wanted(const struct database *database);
/* Begins one, or copies some pages more. True while there is more to do; at the end, good or bad,
 * whoever wanted it finds what came of it. What is written in between is in the copy too. */
bool backup_step(struct database *database, struct backup *backup);
/* Stops halfway; the wish stays. Fine for one that is not under way. */
void backup_drop(struct database *database, struct backup *backup);

#endif
