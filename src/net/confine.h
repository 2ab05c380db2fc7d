/* What a hub takes from itself, so that whoever finds a hole in it finds little behind it. What is
 * taken never comes back: not by exec, not in a thread.
 *
 * Files go first, before there is any thread, for a thread can only restrict itself and those that
 * it makes (Landlock). Calls go last (seccomp), when all that a beginning takes is done: then the
 * hub opens no socket of its own, makes no thread and no process, and maps no code. */
#ifndef KHUB_NET_CONFINE_H
#define KHUB_NET_CONFINE_H

#include <stddef.h>

#include "net/server.h"

/* Whether this build can: a sanitizer's report wants other processes and files. */
bool confine_possible(void);

/* No new privileges, no core dump, and of all files only those that the options name and what the
 * system's own libraries read. *ret_landlock: the kernel's version of Landlock, 0 where it has
 * none. Makes the data directory, which a rule has to be about. 0, or -1 with a sentence. */
int confine_files(const struct server_options *options, int *ret_landlock, char *ret_why,
                  size_t size);

/* For a hub that something runs beside (server.h): from here on this thread, and those that it
 * makes, connect over TCP to this port alone (0: to none). Where the kernel can't hold them to that
 * (before Linux 6.7), nothing is done. 0, or -1 with a sentence. */
int confine_connections(unsigned port, char *ret_why, size_t size);

/* From here on only the calls that a serving hub makes; in all threads. Any other fails with
 * ENOSYS; one that would run another program ends the process. connects: it may make stream sockets
 * and connect them, which a hub alone never does. 0, or -1 with a sentence. */
int confine_calls(bool connects, char *ret_why, size_t size);

#endif
