/* What glibc's memory of a process that runs a hub is told, before the hub begins. */
#ifndef KHUB_NET_HEAP_H
#define KHUB_NET_HEAP_H

/* What is large has pages of its own, which the system has back when it is freed. By itself glibc
 * takes all of a size from its heap once the first of that size was freed, and half-said lines,
 * grown by doubling, leave holes there: up to a third more than was ever held at once. */
void heap_tune(void);

#endif
