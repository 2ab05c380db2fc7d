/* SIGINT and SIGTERM as a question that loops ask. */
#ifndef KHUB_CMD_STOP_H
#define KHUB_CMD_STOP_H

#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>

/* From now on the two are held back, but while stop_mask() is in force (ppoll), and end nothing by
 * themselves. */
void stop_catch(void);
/* For who computes and waits for nothing: the first of them asks, the next ends the program as ever. */
void stop_hear(void);
bool stop_asked(void);
/* The same for who is given something to look at. */
const atomic_bool *stop_flag(void);
/* The mask for ppoll, under which they come through. */
const sigset_t *stop_mask(void);

#endif
