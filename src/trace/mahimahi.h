/* Mahimahi's traces of links (reading.h): DELIVERIES. */
#ifndef KHUB_TRACE_MAHIMAHI_H
#define KHUB_TRACE_MAHIMAHI_H

#include "trace/reading.h"

bool mahimahi_fits(struct slice beginning, bool whole);
int mahimahi_read(struct reading *reading);

#endif
