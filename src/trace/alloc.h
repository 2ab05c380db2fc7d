/* The formats of traces of allocations (reading.h): ALLOCATIONS. */
#ifndef KHUB_TRACE_ALLOC_H
#define KHUB_TRACE_ALLOC_H

#include "trace/reading.h"

bool alloc_replay_fits(struct slice beginning, bool whole);
int alloc_replay_read(struct reading *reading);
bool alloc_list_fits(struct slice beginning, bool whole);
int alloc_list_read(struct reading *reading);

#endif
