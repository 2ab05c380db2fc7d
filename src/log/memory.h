/* The log in memory: every entry is committed within propose, and nothing is kept. */
#ifndef KHUB_LOG_MEMORY_H
#define KHUB_LOG_MEMORY_H

#include "core/log.h"

/* Seqs rise from 1. Dies with a message when out of memory. */
struct log log_memory(struct commit commit);

#endif
