/* flent's JSON (reading.h): DELAYS. */
#ifndef KHUB_TRACE_FLENT_H
#define KHUB_TRACE_FLENT_H

#include "trace/reading.h"

bool flent_fits(struct slice beginning, bool whole);
int flent_read(struct reading *reading);

#endif
