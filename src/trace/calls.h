/* ADFA-LD's archive of sequences of system calls (reading.h): CALLS. */
#ifndef KHUB_TRACE_CALLS_H
#define KHUB_TRACE_CALLS_H

#include "trace/reading.h"

bool calls_adfa_fits(struct slice beginning, bool whole);
int calls_adfa_read(struct reading *reading);
int calls_adfa_end(struct reading *reading);

#endif
