#ifndef KHUB_POLICY_INLINED_H
#define KHUB_POLICY_INLINED_H

/* For what a simulator does at every step: with sanitizers a compiler finds it too large to take in
 * by itself. */
#define INLINED __attribute__((always_inline)) inline

#endif
