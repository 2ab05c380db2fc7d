#ifndef KHUB_PROBE_PAGE_H
#define KHUB_PROBE_PAGE_H

/* What a simulator and the process that a module runs in share. Part of that process's text too.
 * Neither side trusts the other's memory: ours writes calls and never reads them again but for
 * their answers, which it copies once, before it judges them. */
enum { PAGE_CALLS = 128, PAGE_AT = 0x10000000 };
/* Exit codes of that process. */
enum { HOST_UNCONFINED = 60, HOST_TOO_MUCH };
/* Basic blocks of the module's code: as many for one answer at the most, and so many more for each
 * question of a workload, of which what was not used stays. So what a module may cost follows from
 * how often it is asked. The same numbers on every machine that has the same compiler, however
 * busy. */
enum { HOST_ANSWER_BLOCKS = 1 << 20, HOST_QUESTION_BLOCKS = 1 << 10 };

struct page {
    _Atomic uint32_t asked; /* how many batches of calls there were */
    _Atomic uint32_t answered;
    _Atomic uint32_t asker_sleeps, answerer_sleeps;
    _Atomic uint32_t ready; /* it is confined, and waits */
    uint32_t count;         /* calls of this batch */
    _Alignas(64) struct module_call calls[PAGE_CALLS];
};

#endif
