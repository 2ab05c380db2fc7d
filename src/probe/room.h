/* The probe's own parts: compile.c makes a shared object of a source, sandbox.c takes a child
 * process's powers away. */
#ifndef KHUB_PROBE_ROOM_H
#define KHUB_PROBE_ROOM_H

#include <stddef.h>

#include "probe/probe.h"

#define PROBE_PATH_MAX 4096u

/* Whether there is a C compiler. */
bool compile_possible(void);
/* Compiles `source` in `directory` (which the caller makes and removes), with the subject's
 * adapter, to directory/policy.so. PROBE_RAN when it did, then with the report's object_bytes; else
 * what was wrong, with the report's `why`. */
enum probe_result compile_module(const char *directory, const struct subject *subject,
                                 const char *source, const atomic_bool *stop,
                                 struct probe_report *report);

/* Bounds what a compiler that the calling process is about to become can take: memory, CPU time,
 * disk. 0 or -1. */
int sandbox_bound_compiler(void);
/* Takes from the calling process, for good: other processes, writing files, the network, core
 * dumps, descriptors other than `keep_fd`; leaves it what loading a shared object takes. 0 or
 * -1. */
int sandbox_enter(int keep_fd);
/* And then the rest: it can compute, ask for memory, write to keep_fd and exit. Anything else
 * kills it (SIGSYS). 0 or -1. */
int sandbox_seal(int keep_fd);

/* Waits for a child until it ends, `stop` is set or `seconds` have passed; then it is killed.
 * The wait status, or -1 when it was killed from here; *ret_late tells whether for the time. */
int probe_wait(int pid, double seconds, const atomic_bool *stop, bool *ret_late);

__attribute__((format(printf, 2, 3))) void probe_explain(struct probe_report *report,
                                                         const char *format, ...);

#endif
