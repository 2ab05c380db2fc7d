/* What a program knows of a job when it is asked for its grace or its slice. */
#ifndef KHUB_POLICY_PROCESS_MANAGER_PROGRAM_H
#define KHUB_POLICY_PROCESS_MANAGER_PROGRAM_H

#include <stdint.h>

enum {
    PROCESS_MANAGER_ATTAINED,
    PROCESS_MANAGER_OCTAVE,
    PROCESS_MANAGER_ASKS_SLICE,
    PROCESS_MANAGER_FEATURES
};

static inline void process_manager_program_features(uint64_t attained_us, uint32_t asks_slice,
                                                    int64_t ret_features[PROCESS_MANAGER_FEATURES])
{
    const uint64_t most = UINT64_C(1) << 32;
    uint64_t attained = attained_us < most ? attained_us : most;
    /* log2, by the place of the highest bit and linearly between two. */
    int64_t octave = 0;
    uint64_t rest = attained + 1;
    while (rest > 1) {
        rest >>= 1;
        octave++;
    }
    int64_t base = INT64_C(1) << octave;
    int64_t between = octave <= 10 ? (((int64_t)attained + 1 - base) << 10) >> octave
                                   : ((int64_t)attained + 1 - base) >> (octave - 10);
    ret_features[PROCESS_MANAGER_ATTAINED] = (int64_t)attained;
    ret_features[PROCESS_MANAGER_OCTAVE] = 1024 * octave + between;
    ret_features[PROCESS_MANAGER_ASKS_SLICE] = asks_slice ? 1 : 0;
}

/* Of a number, as many microseconds. */
static inline uint32_t process_manager_program_answer(int64_t us)
{
    return (uint32_t)(us < 0 ? 0 : us < UINT32_MAX ? us : UINT32_MAX);
}

#endif
