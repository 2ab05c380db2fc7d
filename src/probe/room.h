/* The probe's own parts: source.c and object.c look at what somebody wrote and what a compiler made
 * of it, compile.c runs the compiler, sandbox.c takes processes' powers away, host.c asks a module
 * that runs in a process of its own. */
#ifndef KHUB_PROBE_ROOM_H
#define KHUB_PROBE_ROOM_H

#include <stddef.h>

#include "policy/module.h"
#include "probe/probe.h"

struct sock_fprog;

#define PROBE_PATH_MAX 4096u

__attribute__((format(printf, 2, 3))) void probe_explain(struct probe_report *report,
                                                         const char *format, ...);

/* probe_each without the look at the source: all else must hold whatever it says. */
void probe_unread(const struct subject *subject, const char *source,
                  struct evaluation_set *const *exams, size_t count, const atomic_bool *stop,
                  struct probe_report *ret_reports);

/* Whether the text keeps to what a module may be written in; if not, the report says why. */
bool source_allowed(const char *source, struct probe_report *report);

/* PROBE_RAN when an object is what a module's may be, then with the report's object_bytes; else
 * what is wrong, with `why`. counted: its basic blocks are, which makes it larger. */
enum probe_result object_check(const char *path, const struct subject *subject, bool counted,
                               struct probe_report *report);

/* Whether there is a C compiler. */
bool compile_possible(void);
/* Makes the program that runs a module of this source in directory/policy; the caller makes and
 * removes the directory. PROBE_RAN when it did, then with the report's object_bytes; else what is
 * wrong, with `why`: PROBE_FAILED when that is this machine's fault. */
enum probe_result compile_module(const char *directory, const struct subject *subject,
                                 const char *source, const atomic_bool *stop,
                                 struct probe_report *report);

/* What a process may do from some time on: made before a fork, entered after it. */
struct sandbox {
    int files; /* Landlock's; -1: none */
    struct sock_fprog *calls;
};
/* For a compiler: it reads what systems install and compilers need, and writes in the directory.
 * `compiler` is its path. 0, or -1 with what this machine lacks in `why`. To be cleared. */
int sandbox_for_compiler(const char *directory, const char *compiler, struct sandbox *ret_sandbox,
                         struct probe_report *report);
/* For host.c.in's program: until it confines itself further, it can be begun and set up its memory.
 * 0, or -1 with `why`. To be cleared. */
int sandbox_for_host(struct sandbox *ret_sandbox, struct probe_report *report);
void sandbox_clear(struct sandbox *sandbox);
/* In a child, by system calls alone: bounds it in memory, CPU time and files, and enters. 0 or
 * -1. */
int sandbox_enter_compiler(const struct sandbox *sandbox);
int sandbox_enter_host(const struct sandbox *sandbox, size_t workloads);
#define SANDBOX_FAILED 125 /* exit code of a child that could not enter */

/* Waits for a child until it ends, `stop` is set or `seconds` have passed; then it is killed.
 * The wait status, or -1 when it was killed from here; *ret_late tells whether for the time. */
int probe_wait(int pid, double seconds, const atomic_bool *stop, bool *ret_late);

/* A module in a process of its own. */
struct host;
/* Begins directory/policy, to be asked about so many workloads. NULL when this machine can't, with
 * `why`. The calling thread must live until host_end, and is the one that asks. */
struct host *host_begin(const char *directory, const struct subject *subject, size_t workloads,
                        const atomic_bool *stop, struct probe_report *report);
/* To be asked. When the module ends or is ended, all its answers are 0 from then on. */
const struct compiled_policy *host_policy(const struct host *host);
/* True as soon as that has happened. */
const atomic_bool *host_broken(const struct host *host);
/* Ends it; NULL is allowed. PROBE_RAN, or what went wrong with the module or this machine, with
 * `why`. */
enum probe_result host_end(struct host *host, struct probe_report *report);

#endif
