/* The formats of traces of a processor (reading.h): JOBS. */
#ifndef KHUB_TRACE_JOBS_H
#define KHUB_TRACE_JOBS_H

#include "trace/reading.h"

bool jobs_swf_fits(struct slice beginning, bool whole);
int jobs_swf_read(struct reading *reading);
bool jobs_azure_fits(struct slice beginning, bool whole);
int jobs_azure_read(struct reading *reading);
bool jobs_ftrace_fits(struct slice beginning, bool whole);
int jobs_ftrace_read(struct reading *reading);

#endif
