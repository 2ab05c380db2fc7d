/* The formats of cache traces (reading.h): REFERENCES. */
#ifndef KHUB_TRACE_CACHE_H
#define KHUB_TRACE_CACHE_H

#include "trace/reading.h"

bool cache_text_fits(struct slice beginning, bool whole);
int cache_text_read(struct reading *reading);
bool cache_u32le_fits(struct slice beginning, bool whole);
int cache_u32le_read(struct reading *reading);
bool cache_u32be_fits(struct slice beginning, bool whole);
int cache_u32be_read(struct reading *reading);
bool cache_oracle_fits(struct slice beginning, bool whole);
int cache_oracle_read(struct reading *reading);

#endif
