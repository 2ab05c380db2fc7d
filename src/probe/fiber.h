/* Functions that stand still in their middle, each on a stack of its own: simulators that wait for
 * an answer, while the thread goes on with others. */
#ifndef KHUB_PROBE_FIBER_H
#define KHUB_PROBE_FIBER_H

#include <stdbool.h>

struct fiber;

/* NULL: no memory. Only the thread that made it may go on with it. */
struct fiber *fiber_new(void (*function)(void *data), void *data);
/* Until it stands still (true), or has ended. Never after that. */
bool fiber_go_on(struct fiber *fiber);
/* From its function: back to who goes on with it. */
void fiber_stand_still(struct fiber *fiber);
/* It has ended; NULL is allowed. */
void fiber_free(struct fiber *fiber);

#endif
