/* What the two files of the lab share: mcp_lab.c has the loop, mcp_lab_hub.c the hub and all that
 * is said to it. */
#ifndef KHUB_FUZZ_MCP_LAB_INSIDE_H
#define KHUB_FUZZ_MCP_LAB_INSIDE_H

#include "mcp_lab.h"

/* Unix time, in ms. */
int64_t lab_now(void);
/* No two are alike, and an input can name them: the first is of bytes 01, … */
void lab_chance(void *bytes, size_t size);

void lab_hub_open(void);
/* When every link is gone. */
void lab_hub_close(void);
/* As hub_tick. */
int64_t lab_hub_tick(void);
/* Answers what takes its time. False: there is nothing. */
bool lab_hub_turn(void);
/* Is there something for the link with this fd? */
bool lab_hub_says(int fd);

#endif
