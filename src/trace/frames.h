/* The formats of frame traces (reading.h): FRAMES. */
#ifndef KHUB_TRACE_FRAMES_H
#define KHUB_TRACE_FRAMES_H

#include "trace/reading.h"

bool frames_presentmon_fits(struct slice beginning, bool whole);
int frames_presentmon_read(struct reading *reading);

#endif
