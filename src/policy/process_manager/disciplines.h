/* Known disciplines of one CPU, as policies of cpu.h. What they are made of must outlive them. */
#ifndef KHUB_POLICY_PROCESS_MANAGER_DISCIPLINES_H
#define KHUB_POLICY_PROCESS_MANAGER_DISCIPLINES_H

#include "policy/process_manager/cpu.h"

/* Everybody in turn for a slice, > 0; of CPU_NEVER: first come, first served. */
struct cpu_policy cpu_round_robin(const int64_t *slice);

/* Who has had the least CPU (foreground-background, FB, also LAS), a slice at a time: the best for
 * the mean response time when nothing but that is known of a job, and the longer it has run the
 * less likely it is to end soon (Yashkov 1987; Righter, Shanthikumar 1989). */
struct cpu_policy cpu_least_attained(const int64_t *slice);

#define FEEDBACK_LEVELS_MAX 8

/* The textbook's multi-level feedback queue. Level 0 is served first, round robin in a level. A job
 * whose slice has ended is in level l + 1 once it has had level_end[l] of CPU since it came, or
 * since all were last put back into level 0. */
struct feedback_queue {
    int levels;                             /* 1..FEEDBACK_LEVELS_MAX */
    int64_t slice[FEEDBACK_LEVELS_MAX];     /* > 0 */
    int64_t level_end[FEEDBACK_LEVELS_MAX]; /* rising; not used for the last level */
    int64_t boost;                          /* so often they are put back; CPU_NEVER */
};
struct cpu_policy cpu_feedback(const struct feedback_queue *queue);

/* Gittins' index: the best for the mean response time when the distribution of the jobs' lengths is
 * known, but not the job's own (M/G/1, free switches; Gittins 1979, Aalto and others 2009). A job's
 * rank is the least CPU time that one may expect to spend on it per completion, over all times at
 * which one could stop to see: the inverse of the index. */
enum { GITTINS_POINTS = 512 };
struct gittins {
    int64_t slice;
    int64_t attained[GITTINS_POINTS], rank[GITTINS_POINTS]; /* ns; linear between them */
};
/* survival: the share of jobs that need more than so many ms, which no job does beyond `longest`.
 * The points lie evenly on a logarithmic scale from `shortest`. */
void gittins_make(double (*survival)(const void *law, double ms), const void *law, double shortest,
                  double longest, int64_t slice, struct gittins *ret_gittins);
struct cpu_policy cpu_gittins(const struct gittins *gittins);

#endif
